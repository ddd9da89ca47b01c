/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Socket character devices: servers, clients, peers that go and come, addresses that are taken.
 */
#include "chardev/chardev.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct fixture {
    GMainContext *context;
    struct chardevs *set;
    char *dir, *path;
    struct char_frontend fe;
    GString *input;
    size_t room;
    unsigned opened, closed, breaks, ready;
};

static size_t can_receive(void *opaque)
{
    return ((struct fixture *)opaque)->room;
}

static void receive(void *opaque, const uint8_t *buf, size_t len)
{
    struct fixture *f = opaque;

    g_assert_cmpuint(len, <=, f->room);
    g_string_append_len(f->input, (const char *)buf, len);
    f->room -= len;
}

static void event(void *opaque, enum chardev_event what)
{
    struct fixture *f = opaque;

    f->opened += what == CHARDEV_OPENED;
    f->closed += what == CHARDEV_CLOSED;
    f->breaks += what == CHARDEV_BREAK;
}

static void setup(struct fixture *f, const void *data)
{
    (void)data;
    memset(f, 0, sizeof(*f));
    f->dir = g_dir_make_tmp("vitro-socket-XXXXXX", NULL);
    f->path = g_strconcat(f->dir, "/s", NULL);
    f->context = g_main_context_new();
    f->set = chardevs_new(f->context);
    f->input = g_string_new(NULL);
    f->room = 1 << 20;
    f->fe.can_receive = can_receive;
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

/* Runs the loop until *@count is @wanted; fails after five seconds. */
static void wait_for(struct fixture *f, const unsigned *count, unsigned wanted)
{
    gint64 end = g_get_monotonic_time() + 5 * G_USEC_PER_SEC;

    while (*count < wanted && g_get_monotonic_time() < end) {
        g_main_context_iteration(f->context, /* may_block= */ FALSE);
        g_usleep(200);
    }
    g_assert_cmpuint(*count, ==, wanted);
}

static void settle(struct fixture *f)
{
    while (g_main_context_iteration(f->context, /* may_block= */ FALSE)) {
        /* until nothing is left to do */
    }
}

static void make(struct fixture *f, const char *before, const char *arg)
{
    g_autofree char *text = g_strconcat(before, arg, NULL);
    GError *error = NULL;
    struct chardev *chr = chardev_new(f->set, text, &error);

    g_assert_no_error(error);
    char_frontend_connect(&f->fe, chr, &error);
    g_assert_no_error(error);
}

static void assert_make_fails(struct fixture *f, const char *before, const char *arg,
                              const char *what)
{
    g_autofree char *text = g_strconcat(before, arg, NULL);
    GError *error = NULL;

    g_assert_null(chardev_new(f->set, text, &error));
    g_assert_nonnull(error);
    if (!strstr(error->message, what)) {
        g_error("'%s' does not say '%s'", error->message, what);
    }
    g_error_free(error);
}

static struct sockaddr_un unix_address(const char *path)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};

    g_strlcpy(un.sun_path, path, sizeof(un.sun_path));
    return un;
}

static int connect_to(const char *path)
{
    struct sockaddr_un un = unix_address(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_assert_cmpint(connect(fd, (struct sockaddr *)&un, sizeof(un)), ==, 0);
    return fd;
}

static int listen_at(const char *path)
{
    struct sockaddr_un un = unix_address(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    g_assert_cmpint(bind(fd, (struct sockaddr *)&un, sizeof(un)), ==, 0);
    g_assert_cmpint(listen(fd, 1), ==, 0);
    return fd;
}

static void test_server_talks_to_one_client_after_the_other(struct fixture *f, const void *data)
{
    char buf[16] = "";
    int a, b;

    (void)data;
    make(f, "socket,id=s,server=on,wait=off,path=", f->path);
    a = connect_to(f->path);
    wait_for(f, &f->opened, 1);
    g_assert_cmpint(write(a, "hello", 5), ==, 5);
    settle(f);
    g_assert_cmpstr(f->input->str, ==, "hello");
    char_frontend_write_all(&f->fe, "answer", 6);
    g_assert_cmpint(read(a, buf, sizeof(buf)), ==, 6);
    g_assert_cmpstr(buf, ==, "answer");
    b = connect_to(f->path); /* waits in the queue */
    close(a);
    wait_for(f, &f->opened, 2);
    g_assert_cmpuint(f->closed, ==, 1);
    g_assert_cmpint(write(b, "!", 1), ==, 1);
    settle(f);
    g_assert_cmpstr(f->input->str, ==, "hello!");
    close(b);
}

static void test_client_reconnects(struct fixture *f, const void *data)
{
    int listener, peer;

    (void)data;
    make(f, "socket,id=s,reconnect-ms=20,path=", f->path);
    g_assert_cmpuint(f->opened, ==, 0); /* nobody there yet, and no error */
    listener = listen_at(f->path);
    wait_for(f, &f->opened, 1);
    peer = accept(listener, NULL, NULL);
    g_assert_cmpint(peer, >=, 0);
    close(peer);
    wait_for(f, &f->closed, 1);
    wait_for(f, &f->opened, 2);
    close(listener);
}

static void test_output_without_a_peer_vanishes(struct fixture *f, const void *data)
{
    char buf[100000] = "";

    (void)data;
    make(f, "socket,id=s,server=on,wait=off,path=", f->path);
    for (unsigned i = 0; i < 50; i++) {
        g_assert_cmpuint(char_frontend_write(&f->fe, buf, sizeof(buf)), ==, sizeof(buf));
    }
}

static void count_ready(void *opaque)
{
    ((struct fixture *)opaque)->ready++;
}

static void test_slow_peer_bounds_the_queue_and_room_is_told(struct fixture *f, const void *data)
{
    static char buf[1 << 20];
    size_t taken = 0, n;
    int peer;

    (void)data;
    make(f, "socket,id=s,server=on,wait=off,path=", f->path);
    peer = connect_to(f->path);
    wait_for(f, &f->opened, 1);
    do {
        n = char_frontend_write(&f->fe, buf, sizeof(buf));
        taken += n;
    } while (n == sizeof(buf) && taken < 64 * sizeof(buf));
    g_assert_cmpuint(n, <, sizeof(buf));
    char_frontend_on_writable(&f->fe, count_ready);
    settle(f);
    g_assert_cmpuint(f->ready, ==, 0);
    while (taken) {
        ssize_t got = read(peer, buf, sizeof(buf));

        g_assert_cmpint(got, >, 0);
        taken -= got;
        settle(f);
    }
    wait_for(f, &f->ready, 1);
    close(peer);
}

static void test_what_a_gone_peer_sent_is_kept_for_a_slow_reader(struct fixture *f,
                                                                 const void *data)
{
    int peer;

    (void)data;
    f->room = 3;
    make(f, "socket,id=s,server=on,wait=off,path=", f->path);
    peer = connect_to(f->path);
    wait_for(f, &f->opened, 1);
    g_assert_cmpint(write(peer, "0123456789", 10), ==, 10);
    settle(f);
    close(peer);
    wait_for(f, &f->closed, 1);
    g_assert_cmpstr(f->input->str, ==, "012");
    f->room = 100;
    char_frontend_accept_input(&f->fe);
    g_assert_cmpstr(f->input->str, ==, "0123456789");
}

static void test_stale_socket_file_is_replaced_and_a_live_one_is_not(struct fixture *f,
                                                                     const void *data)
{
    int listener = listen_at(f->path);

    (void)data;
    assert_make_fails(f, "socket,id=s,server=on,wait=off,path=", f->path, "in use");
    close(listener); /* the file stays */
    make(f, "socket,id=s,server=on,wait=off,path=", f->path);
    close(connect_to(f->path));
    wait_for(f, &f->opened, 1);
}

static void test_ordinary_file_is_not_replaced(struct fixture *f, const void *data)
{
    g_autofree char *text = NULL;

    (void)data;
    g_assert_true(g_file_set_contents(f->path, "precious", -1, NULL));
    assert_make_fails(f, "socket,id=s,server=on,wait=off,path=", f->path, "not a socket");
    g_assert_true(g_file_get_contents(f->path, &text, NULL, NULL));
    g_assert_cmpstr(text, ==, "precious");
}

static void test_file_is_removed_at_the_end(struct fixture *f, const void *data)
{
    (void)data;
    make(f, "socket,id=s,server=on,wait=off,path=", f->path);
    g_assert_true(g_file_test(f->path, G_FILE_TEST_EXISTS));
    char_frontend_disconnect(&f->fe);
    g_assert_true(chardev_remove(f->set, "s", NULL));
    g_assert_false(g_file_test(f->path, G_FILE_TEST_EXISTS));
}

static void test_taken_port_is_named_and_to_finds_another(struct fixture *f, const void *data)
{
    g_autofree char *where = NULL, *other = NULL;
    struct chardev *a, *b;
    const char *port;

    (void)data;
    a = chardev_new(f->set, "socket,id=a,server=on,wait=off,host=127.0.0.1,port=0", NULL);
    g_assert_nonnull(a);
    where = chardev_describe(a); /* disconnected:tcp:127.0.0.1:PORT,server=on */
    *strrchr(where, ',') = '\0';
    port = strrchr(where, ':') + 1;
    assert_make_fails(f, "socket,id=b,server=on,wait=off,host=127.0.0.1,port=", port, "in use");
    other = g_strdup_printf("socket,id=b,server=on,wait=off,host=127.0.0.1,port=%s,to=65535", port);
    b = chardev_new(f->set, other, NULL);
    g_assert_nonnull(b);
}

static void test_telnet_is_negotiated_and_taken_out(struct fixture *f, const void *data)
{
    static const char typed[] = "a\r\0\xff\xfb\x01\xff\xff\xff\xf3\xff\xfa\x18\xff\xf0z";
    char buf[64];
    ssize_t n;
    int peer;

    (void)data;
    make(f, "socket,id=s,server=on,wait=off,telnet=on,path=", f->path);
    peer = connect_to(f->path);
    wait_for(f, &f->opened, 1);
    g_assert_cmpint(read(peer, buf, 12), ==, 12);
    g_assert_cmpint(memcmp(buf, "\xff\xfb\x01", 3), ==, 0);
    g_assert_cmpint(write(peer, typed, sizeof(typed) - 1), ==, (ssize_t)sizeof(typed) - 1);
    settle(f);
    g_assert_cmpstr(f->input->str, ==, "a\r\xffz");
    g_assert_cmpuint(f->breaks, ==, 1);
    char_frontend_write_all(&f->fe, "\xff", 1);
    n = read(peer, buf, sizeof(buf));
    g_assert_cmpint(n, ==, 2);
    g_assert_cmpint(memcmp(buf, "\xff\xff", 2), ==, 0);
    close(peer);
}

static void test_mistakes_are_told(struct fixture *f, const void *data)
{
    (void)data;
    assert_make_fails(f, "sockt,id=s", "", "'socket'");
    assert_make_fails(f, "socket,path=/x", "", "'id='");
    assert_make_fails(f, "socket,id=s", "", "give one of");
    assert_make_fails(f, "socket,id=s,path=/x,srver=on", "", "'server'");
    assert_make_fails(f, "socket,id=s,path=/nonexistent/x", "", "/nonexistent/x");
    assert_make_fails(f, "socket,id=s,server=on,reconnect=1,path=/x", "", "reconnect");
    assert_make_fails(f, "socket,id=s,fd=", "77", "not a socket");
    assert_make_fails(f, "vc,id=s", "", "window");
}

#define ADD(path, fn) g_test_add("/socket/" path, struct fixture, NULL, setup, fn, teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("server", test_server_talks_to_one_client_after_the_other);
    ADD("reconnect", test_client_reconnects);
    ADD("nobody", test_output_without_a_peer_vanishes);
    ADD("slow", test_slow_peer_bounds_the_queue_and_room_is_told);
    ADD("kept", test_what_a_gone_peer_sent_is_kept_for_a_slow_reader);
    ADD("stale", test_stale_socket_file_is_replaced_and_a_live_one_is_not);
    ADD("file", test_ordinary_file_is_not_replaced);
    ADD("removed", test_file_is_removed_at_the_end);
    ADD("port", test_taken_port_is_named_and_to_finds_another);
    ADD("telnet", test_telnet_is_negotiated_and_taken_out);
    ADD("mistakes", test_mistakes_are_told);
    return g_test_run();
}
