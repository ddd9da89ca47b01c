/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mux: who has the input, what its keys do, what waits for whom.
 */
#include "chardev/chardev.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct user {
    struct char_frontend fe;
    GString *input;
    size_t room;
    unsigned in, out, breaks;
};

struct fixture {
    GMainContext *context;
    struct chardevs *set;
    struct chardev *chr;
    char *dir;
    int to, from; /* our ends of the pipes */
    struct user guest, monitor;
    unsigned quits, syncs;
};

static size_t can_receive(void *opaque)
{
    return ((struct user *)opaque)->room;
}

static void receive(void *opaque, const uint8_t *buf, size_t len)
{
    struct user *u = opaque;

    g_string_append_len(u->input, (const char *)buf, len);
    u->room -= len;
}

static void event(void *opaque, enum chardev_event what)
{
    struct user *u = opaque;

    u->in += what == CHARDEV_MUX_IN;
    u->out += what == CHARDEV_MUX_OUT;
    u->breaks += what == CHARDEV_BREAK;
}

static void user_connect(struct fixture *f, struct user *u, bool background)
{
    GError *error = NULL;

    u->input = g_string_new(NULL);
    u->room = 100000;
    u->fe.can_receive = can_receive;
    u->fe.receive = receive;
    u->fe.event = event;
    u->fe.opaque = u;
    u->fe.background = background;
    char_frontend_connect(&u->fe, f->chr, &error);
    g_assert_no_error(error);
}

static void count_quit(void *opaque)
{
    ((struct fixture *)opaque)->quits++;
}

static void count_sync(void *opaque)
{
    ((struct fixture *)opaque)->syncs++;
}

/* A mux on a pair of FIFOs; the monitor comes first and yet the guest gets the input. */
static void setup(struct fixture *f, const void *data)
{
    g_autofree char *in = NULL, *out = NULL, *options = NULL;
    GError *error = NULL;

    (void)data;
    memset(f, 0, sizeof(*f));
    f->dir = g_dir_make_tmp("vitro-mux-XXXXXX", NULL);
    in = g_strconcat(f->dir, "/p.in", NULL);
    out = g_strconcat(f->dir, "/p.out", NULL);
    g_assert_cmpint(mkfifo(in, 0600), ==, 0);
    g_assert_cmpint(mkfifo(out, 0600), ==, 0);
    f->to = g_open(in, O_RDWR | O_NONBLOCK, 0);
    f->from = g_open(out, O_RDWR | O_NONBLOCK, 0);
    f->context = g_main_context_new();
    f->set = chardevs_new(f->context);
    chardevs_on_quit(f->set, count_quit, f);
    chardevs_on_sync(f->set, count_sync, f);
    options = g_strdup_printf("pipe,id=m,mux=on,path=%s/p", f->dir);
    f->chr = chardev_new(f->set, options, &error);
    g_assert_no_error(error);
    user_connect(f, &f->monitor, /* background= */ true);
    user_connect(f, &f->guest, /* background= */ false);
}

static void teardown(struct fixture *f, const void *data)
{
    g_autofree char *in = g_strconcat(f->dir, "/p.in", NULL);
    g_autofree char *out = g_strconcat(f->dir, "/p.out", NULL);

    (void)data;
    char_frontend_disconnect(&f->guest.fe);
    char_frontend_disconnect(&f->monitor.fe);
    chardevs_free(f->set);
    g_main_context_unref(f->context);
    g_string_free(f->guest.input, TRUE);
    g_string_free(f->monitor.input, TRUE);
    close(f->to);
    close(f->from);
    g_unlink(in);
    g_unlink(out);
    g_rmdir(f->dir);
    g_free(f->dir);
}

static void settle(struct fixture *f)
{
    while (g_main_context_iteration(f->context, /* may_block= */ FALSE)) {
        /* until nothing is left to do */
    }
}

static void type(struct fixture *f, const char *keys)
{
    g_assert_cmpint(write(f->to, keys, strlen(keys)), ==, (ssize_t)strlen(keys));
    settle(f);
}

static char *output(struct fixture *f)
{
    char buf[4096];
    ssize_t n;

    settle(f);
    n = read(f->from, buf, sizeof(buf) - 1);
    buf[MAX(n, 0)] = '\0';
    return g_strdup(buf);
}

static void test_guest_has_the_input_and_c_switches(struct fixture *f, const void *data)
{
    (void)data;
    type(f, "a\001cb\001cd");
    g_assert_cmpstr(f->guest.input->str, ==, "ad");
    g_assert_cmpstr(f->monitor.input->str, ==, "b");
    g_assert_cmpuint(f->monitor.in, ==, 2); /* at the start, before the guest came, and by key */
    g_assert_cmpuint(f->monitor.out, ==, 2);
}

static void test_escape_twice_sends_one(struct fixture *f, const void *data)
{
    (void)data;
    type(f, "x\001\001y\001");
    type(f, "\001");
    g_assert_cmpstr(f->guest.input->str, ==, "x\001y\001");
}

static void test_keys_quit_sync_break(struct fixture *f, const void *data)
{
    (void)data;
    type(f, "\001s\001b\001x");
    g_assert_cmpuint(f->syncs, ==, 1);
    g_assert_cmpuint(f->guest.breaks, ==, 1);
    g_assert_cmpuint(f->monitor.breaks, ==, 0);
    g_assert_cmpuint(f->quits, ==, 1);
    g_assert_cmpuint(f->guest.input->len, ==, 0);
}

static void test_help_names_the_keys(struct fixture *f, const void *data)
{
    g_autofree char *text = NULL;

    (void)data;
    type(f, "\001h");
    text = output(f);
    g_assert_nonnull(strstr(text, "Ctrl-A x"));
    g_assert_nonnull(strstr(text, "Ctrl-A c"));
}

static void test_keys_work_while_the_guest_does_not_read(struct fixture *f, const void *data)
{
    (void)data;
    f->guest.room = 2;
    type(f, "12345\001x");
    g_assert_cmpuint(f->quits, ==, 1);
    g_assert_cmpstr(f->guest.input->str, ==, "12");
    f->guest.room = 100;
    char_frontend_accept_input(&f->guest.fe);
    g_assert_cmpstr(f->guest.input->str, ==, "12345");
}

static void test_all_may_write_and_timestamps_mark_lines(struct fixture *f, const void *data)
{
    g_autofree char *plain = NULL, *stamped = NULL;

    (void)data;
    char_frontend_write_all(&f->guest.fe, "one\n", 4);
    char_frontend_write_all(&f->monitor.fe, "two\n", 4);
    plain = output(f);
    g_assert_cmpstr(plain, ==, "one\ntwo\n");
    type(f, "\001t");
    char_frontend_write_all(&f->guest.fe, "rest\nline\n", 10);
    stamped = output(f);
    g_assert_true(g_str_has_prefix(stamped, "rest\n[00:00:"));
    g_assert_true(g_str_has_suffix(stamped, "] line\n"));
}

static void test_focus_moves_on_when_its_owner_leaves(struct fixture *f, const void *data)
{
    (void)data;
    char_frontend_disconnect(&f->guest.fe);
    type(f, "m");
    g_assert_cmpstr(f->monitor.input->str, ==, "m");
}

static void test_in_use_is_not_removed(struct fixture *f, const void *data)
{
    GError *error = NULL;

    (void)data;
    g_assert_false(chardev_remove(f->set, "m", &error));
    g_assert_nonnull(strstr(error->message, "in use"));
    g_clear_error(&error);
    char_frontend_disconnect(&f->guest.fe);
    char_frontend_disconnect(&f->monitor.fe);
    g_assert_true(chardev_remove(f->set, "m", NULL));
    g_assert_null(chardev_find(f->set, "m-base"));
}

#define ADD(path, fn) g_test_add("/mux/" path, struct fixture, NULL, setup, fn, teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("switch", test_guest_has_the_input_and_c_switches);
    ADD("escape", test_escape_twice_sends_one);
    ADD("keys", test_keys_quit_sync_break);
    ADD("help", test_help_names_the_keys);
    ADD("stalled", test_keys_work_while_the_guest_does_not_read);
    ADD("output", test_all_may_write_and_timestamps_mark_lines);
    ADD("leave", test_focus_moves_on_when_its_owner_leaves);
    ADD("remove", test_in_use_is_not_removed);
    return g_test_run();
}
