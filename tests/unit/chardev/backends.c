/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simpler back-ends, and the short forms that name them: ring buffers, files, logs, pty.
 */
#include "chardev/chardev.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct fixture {
    GMainContext *context;
    struct chardevs *set;
    char *dir, *path;
    struct char_frontend fe;
    GString *input;
    unsigned opened, closed;
};

static void receive(void *opaque, const uint8_t *buf, size_t len)
{
    g_string_append_len(((struct fixture *)opaque)->input, (const char *)buf, len);
}

static void event(void *opaque, enum chardev_event what)
{
    struct fixture *f = opaque;

    f->opened += what == CHARDEV_OPENED;
    f->closed += what == CHARDEV_CLOSED;
}

static void setup(struct fixture *f, const void *data)
{
    (void)data;
    memset(f, 0, sizeof(*f));
    f->dir = g_dir_make_tmp("vitro-chardev-XXXXXX", NULL);
    f->path = g_strconcat(f->dir, "/f", NULL);
    f->context = g_main_context_new();
    f->set = chardevs_new(f->context);
    f->input = g_string_new(NULL);
    f->fe.receive = receive;
    f->fe.event = event;
    f->fe.opaque = f;
}

static void teardown(struct fixture *f, const void *data)
{
    (void)data;
    char_frontend_disconnect(&f->fe);
    chardevs_free(f->set);
    g_main_context_unref(f->context);
    g_string_free(f->input, TRUE);
    g_unlink(f->path);
    g_rmdir(f->dir);
    g_free(f->path);
    g_free(f->dir);
}

static struct chardev *make(struct fixture *f, const char *before, const char *arg)
{
    g_autofree char *text = g_strconcat(before, arg, NULL);
    GError *error = NULL;
    struct chardev *chr = chardev_new(f->set, text, &error);

    g_assert_no_error(error);
    char_frontend_connect(&f->fe, chr, &error);
    g_assert_no_error(error);
    return chr;
}

static void wait_for(struct fixture *f, const unsigned *count, unsigned wanted)
{
    gint64 end = g_get_monotonic_time() + 5 * G_USEC_PER_SEC;

    while (*count < wanted && g_get_monotonic_time() < end) {
        g_main_context_iteration(f->context, /* may_block= */ FALSE);
        g_usleep(1000);
    }
    g_assert_cmpuint(*count, ==, wanted);
}

static void assert_file(const char *path, const char *expected)
{
    g_autofree char *text = NULL;

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_assert_cmpstr(text, ==, expected);
}

static void test_ring_buffer_keeps_the_latest(struct fixture *f, const void *data)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    struct chardev *chr = make(f, "ringbuf,id=r,size=8", "");

    (void)data;
    char_frontend_write_all(&f->fe, "0123456789", 10);
    g_assert_true(chardev_ringbuf_read(chr, 3, out, NULL));
    g_assert_true(chardev_ringbuf_write(chr, "ab", 2, NULL));
    g_assert_true(chardev_ringbuf_read(chr, 100, out, NULL));
    g_byte_array_append(out, (const guint8 *)"", 1);
    g_assert_cmpstr((char *)out->data, ==, "23456789ab");
    g_assert_true(chardev_ringbuf_read(chr, 100, out, NULL));
    g_assert_cmpuint(out->len, ==, 11);
}

static void test_ring_buffer_size_must_be_a_power_of_two(struct fixture *f, const void *data)
{
    GError *error = NULL;

    (void)data;
    g_assert_null(chardev_new(f->set, "ringbuf,id=r,size=100", &error));
    g_assert_nonnull(strstr(error->message, "power of two"));
    g_clear_error(&error);
    g_assert_null(chardev_new(f->set, "ringbuf,id=r,size=0", &error));
    g_clear_error(&error);
    g_assert_null(chardev_find(f->set, "r"));
}

static void test_only_ring_buffers_are_read_as_such(struct fixture *f, const void *data)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    struct chardev *chr = make(f, "null,id=n", "");
    GError *error = NULL;

    (void)data;
    g_assert_false(chardev_ringbuf_read(chr, 1, out, &error));
    g_assert_nonnull(strstr(error->message, "not a ringbuf"));
    g_clear_error(&error);
}

static void test_file_is_begun_anew_or_added_to(struct fixture *f, const void *data)
{
    g_autofree char *append = g_strconcat("file,id=b,append=on,path=", f->path, NULL);

    (void)data;
    g_assert_true(g_file_set_contents(f->path, "old", -1, NULL));
    make(f, "file,id=a,path=", f->path);
    char_frontend_write_all(&f->fe, "one", 3);
    assert_file(f->path, "one");
    char_frontend_disconnect(&f->fe);
    make(f, append, "");
    char_frontend_write_all(&f->fe, "two", 3);
    assert_file(f->path, "onetwo");
}

static void test_file_gives_input_from_another(struct fixture *f, const void *data)
{
    (void)data;
    g_assert_true(g_file_set_contents(f->path, "typed", -1, NULL));
    make(f, "file,id=a,path=/dev/null,input-path=", f->path);
    while (g_main_context_iteration(f->context, /* may_block= */ FALSE)) {
        /* until it has been read to its end */
    }
    g_assert_cmpstr(f->input->str, ==, "typed");
}

static void test_log_file_gets_a_copy(struct fixture *f, const void *data)
{
    (void)data;
    make(f, "null,id=a,logfile=", f->path);
    char_frontend_write_all(&f->fe, "copy", 4);
    assert_file(f->path, "copy");
}

static void test_second_user_is_refused(struct fixture *f, const void *data)
{
    struct char_frontend other = {.receive = receive, .opaque = f};
    struct chardev *chr = make(f, "null,id=a", "");
    GError *error = NULL;

    (void)data;
    g_assert_false(char_frontend_connect(&other, chr, &error));
    g_assert_nonnull(strstr(error->message, "in use"));
    g_clear_error(&error);
}

static void test_pty_opens_and_closes_with_its_other_side(struct fixture *f, const void *data)
{
    int fd = posix_openpt(O_RDWR | O_NOCTTY);
    struct chardev *chr;
    g_autofree char *where = NULL;
    char buf[8] = "";

    (void)data;
    if (fd < 0) {
        g_test_skip("this system gives out no pseudo-terminals (is /dev/pts mounted?)");
        return;
    }
    close(fd);
    chr = make(f, "pty,id=p", "");
    where = chardev_describe(chr);
    g_assert_true(g_str_has_prefix(where, "pty:/dev/"));
    char_frontend_write_all(&f->fe, "lost", 4);
    fd = g_open(where + strlen("pty:"), O_RDWR | O_NOCTTY, 0);
    g_assert_cmpint(fd, >=, 0);
    wait_for(f, &f->opened, 1);
    char_frontend_write_all(&f->fe, "seen", 4);
    g_assert_cmpint(read(fd, buf, sizeof(buf)), ==, 4);
    g_assert_cmpstr(buf, ==, "seen");
    close(fd);
    wait_for(f, &f->closed, 1);
}

static struct chardev *parse_short(struct fixture *f, const char *id, const char *text)
{
    struct chardev *chr = NULL;
    GError *error = NULL;

    chardev_parse_short(f->set, id, text, &chr, &error);
    g_assert_no_error(error);
    return chr;
}

static void test_short_forms_name_the_same_back_ends(struct fixture *f, const void *data)
{
    g_autofree char *file = g_strconcat("file:", f->path, NULL), *where = NULL;
    struct chardev *a = parse_short(f, "serial0", "null"), *tcp, *mux;

    (void)data;
    g_assert_cmpstr(chardev_driver_name(a), ==, "null");
    g_assert_null(parse_short(f, "serial1", "none"));
    g_assert_true(parse_short(f, "serial2", "chardev:serial0") == a);
    g_assert_cmpstr(chardev_driver_name(parse_short(f, "serial3", file)), ==, "file");
    tcp = parse_short(f, "serial4", "tcp:127.0.0.1:0,server,nowait");
    where = chardev_describe(tcp);
    g_assert_true(g_str_has_prefix(where, "disconnected:tcp:127.0.0.1:"));
    g_assert_true(g_str_has_suffix(where, ",server=on"));
    mux = parse_short(f, "serial5", "mon:null");
    g_assert_cmpstr(chardev_driver_name(mux), ==, "mux");
    g_assert_true(chardev_wants_monitor(mux));
    g_assert_false(chardev_wants_monitor(a));
    g_assert_nonnull(chardev_find(f->set, "serial5-base"));
}

static void test_short_forms_that_are_none_fail(struct fixture *f, const void *data)
{
    static const char *const bad[] = {
        "",   "nul",        "tcp:", "tcp:host", "udp:", "chardev:absent",
        "vc", "vc:80Cx24C", "mon:", "stdiox",   "file:"};
    struct chardev *chr;

    (void)data;
    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        GError *error = NULL;

        g_assert_false(chardev_parse_short(f->set, "s", bad[i], &chr, &error));
        g_assert_nonnull(error);
        g_clear_error(&error);
        g_assert_null(chardev_find(f->set, "s"));
    }
}

#define ADD(path, fn) g_test_add("/backends/" path, struct fixture, NULL, setup, fn, teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("ringbuf", test_ring_buffer_keeps_the_latest);
    ADD("ringbuf-size", test_ring_buffer_size_must_be_a_power_of_two);
    ADD("ringbuf-other", test_only_ring_buffers_are_read_as_such);
    ADD("file", test_file_is_begun_anew_or_added_to);
    ADD("file-input", test_file_gives_input_from_another);
    ADD("log", test_log_file_gets_a_copy);
    ADD("second-user", test_second_user_is_refused);
    ADD("pty", test_pty_opens_and_closes_with_its_other_side);
    ADD("short", test_short_forms_name_the_same_back_ends);
    ADD("short-bad", test_short_forms_that_are_none_fail);
    return g_test_run();
}
