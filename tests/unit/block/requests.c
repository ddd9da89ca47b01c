/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests to raw images on host files: what is read and written, errors, order, cancelling.
 */
#include "block/block.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

enum { IMAGE_BYTES = 1024 * 1024 };

struct fixture {
    GMainContext *context;
    struct blocks *set;
    char *path;
};

static void setup(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    int fd = g_file_open_tmp("vitro-block-XXXXXX", &f->path, NULL);
    g_autofree uint8_t *bytes = g_malloc(IMAGE_BYTES);

    for (unsigned i = 0; i < IMAGE_BYTES; i++) {
        bytes[i] = (uint8_t)(i / 512 + i % 251);
    }
    g_assert_cmpint(write(fd, bytes, IMAGE_BYTES), ==, IMAGE_BYTES);
    close(fd);
    f->context = g_main_context_new();
    f->set = blocks_new(f->context);
}

static void teardown(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    blocks_free(f->set);
    g_main_context_unref(f->context);
    g_unlink(f->path);
    g_free(f->path);
}

static uint8_t expected(unsigned i)
{
    return (uint8_t)(i / 512 + i % 251);
}

static struct block *open_image(struct fixture *f, enum block_open_flags flags)
{
    g_autoptr(GError) err = NULL;
    struct block *b = block_open(f->set, f->path, "raw", flags, &err);

    g_assert_no_error(err);
    g_assert_nonnull(b);
    return b;
}

struct result {
    bool over;
    int ret;
};

static void done(void *opaque, int ret)
{
    struct result *r = opaque;

    g_assert_false(r->over);
    r->over = true;
    r->ret = ret;
}

static int wait_for(struct fixture *f, const struct result *r)
{
    while (!r->over) {
        g_main_context_iteration(f->context, TRUE);
    }
    return r->ret;
}

static int do_read(struct fixture *f, struct block *b, uint64_t offset, void *buf, size_t len)
{
    struct iovec iov = {buf, len};
    struct result r = {0};

    block_read(b, offset, &iov, 1, done, &r);
    g_assert_false(r.over); /* never within the submit */
    return wait_for(f, &r);
}

static int do_write(struct fixture *f, struct block *b, uint64_t offset, void *buf, size_t len)
{
    struct iovec iov = {buf, len};
    struct result r = {0};

    block_write(b, offset, &iov, 1, done, &r);
    g_assert_false(r.over);
    return wait_for(f, &r);
}

static void test_read_any_alignment(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    struct block *b = open_image(f, BLOCK_READ_ONLY);
    uint8_t buf[3000];

    g_assert_cmpuint(block_size(b), ==, IMAGE_BYTES);
    g_assert_cmpint(do_read(f, b, 777, buf, sizeof(buf)), ==, 0);
    for (unsigned i = 0; i < sizeof(buf); i++) {
        g_assert_cmpuint(buf[i], ==, expected(777 + i));
    }
}

static void test_scattered_write_reaches_the_file(struct fixture *f,
                                                  gconstpointer data G_GNUC_UNUSED)
{
    struct block *b = open_image(f, 0);
    struct iovec iov[200];
    uint8_t bytes[200 * 7], back[200 * 7];
    struct result r = {0};
    int fd;

    for (unsigned i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)(3 * i + 1);
    }
    for (unsigned i = 0; i < 200; i++) { /* more than one system call takes */
        iov[i] = (struct iovec){bytes + 7 * i, 7};
    }
    block_write(b, 1001, iov, 200, done, &r);
    memset(iov, 0, sizeof(iov)); /* the array is the caller's again */
    g_assert_cmpint(wait_for(f, &r), ==, 0);

    fd = open(f->path, O_RDONLY);
    g_assert_cmpint(pread(fd, back, sizeof(back), 1001), ==, sizeof(back));
    close(fd);
    g_assert_cmpmem(bytes, sizeof(bytes), back, sizeof(back));
}

static void test_direct_unaligned_keeps_neighbours(struct fixture *f,
                                                   gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(GError) err = NULL;
    struct block *b = block_open(f->set, f->path, "raw", BLOCK_DIRECT, &err);
    uint8_t bytes[5000], back[6000];

    if (!b) {
        g_test_skip(err->message); /* the file system of the temporary folder has no O_DIRECT */
        return;
    }
    memset(bytes, 0xee, sizeof(bytes));
    g_assert_cmpint(do_write(f, b, 300, bytes, sizeof(bytes)), ==, 0);
    g_assert_cmpint(do_read(f, b, 0, back, sizeof(back)), ==, 0);
    for (unsigned i = 0; i < sizeof(back); i++) {
        g_assert_cmpuint(back[i], ==, i >= 300 && i < 5300 ? 0xee : expected(i));
    }
}

static void test_range_past_the_end_is_eio(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    struct block *b = open_image(f, 0);
    uint8_t buf[512] = {0};

    g_assert_cmpint(do_read(f, b, IMAGE_BYTES - 511, buf, 512), ==, -EIO);
    g_assert_cmpint(do_write(f, b, IMAGE_BYTES, buf, 1), ==, -EIO);
    g_assert_cmpint(do_read(f, b, UINT64_MAX - 5, buf, 512), ==, -EIO);
    g_assert_cmpint(do_read(f, b, IMAGE_BYTES - 512, buf, 512), ==, 0);
}

static void test_read_only_refuses_writes(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    struct block *b = open_image(f, BLOCK_READ_ONLY);
    uint8_t buf[512] = {0};

    g_assert_cmpint(do_write(f, b, 0, buf, 512), ==, -EROFS);
}

static void test_size_is_rounded_up_with_zeroes(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    struct block *b;
    uint8_t buf[512];

    g_assert_cmpint(truncate(f->path, 1000), ==, 0);
    b = open_image(f, 0);
    g_assert_cmpuint(block_size(b), ==, 1024);
    memset(buf, 0xff, sizeof(buf));
    g_assert_cmpint(do_read(f, b, 512, buf, 512), ==, 0);
    g_assert_cmpuint(buf[487], ==, expected(999));
    for (unsigned i = 488; i < 512; i++) {
        g_assert_cmpuint(buf[i], ==, 0);
    }
}

static void test_flush_and_discard(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    struct block *b = open_image(f, BLOCK_DISCARD);
    struct result flushed = {0}, discarded = {0};
    struct block_stats stats;
    uint8_t buf[4096];

    block_flush(b, done, &flushed);
    g_assert_cmpint(wait_for(f, &flushed), ==, 0);
    block_discard(b, 65536, 65536, done, &discarded);
    g_assert_cmpint(wait_for(f, &discarded), ==, 0);
    g_assert_cmpint(do_read(f, b, 65536 - 4, buf, 4), ==, 0);
    g_assert_cmpuint(buf[0], ==, expected(65536 - 4)); /* nothing beyond the range is lost */
    block_get_stats(b, &stats);
    g_assert_cmpuint(stats.flush_ops, ==, 1);
    g_assert_cmpuint(stats.discard_bytes, ==, 65536);
    g_assert_cmpuint(stats.rd_bytes, ==, 4);
}

static void test_many_requests_cancel_and_drain(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    enum { REQUESTS = 300 };
    struct block *b = open_image(f, 0);
    static uint8_t bufs[REQUESTS][4096];
    struct result r[REQUESTS] = {0};
    struct block_request *req[REQUESTS];
    unsigned cancelled = 0;

    for (unsigned i = 0; i < REQUESTS; i++) {
        struct iovec iov = {bufs[i], sizeof(bufs[i])};

        req[i] = block_read(b, (i % 256) * 4096, &iov, 1, done, &r[i]);
    }
    for (unsigned i = 0; i < REQUESTS; i += 2) {
        block_cancel(req[i]);
    }
    block_drain(b);
    for (unsigned i = 0; i < REQUESTS; i++) {
        g_assert_true(r[i].over);
        if (r[i].ret == -ECANCELED) {
            g_assert_cmpuint(i % 2, ==, 0);
            cancelled++;
        } else {
            g_assert_cmpint(r[i].ret, ==, 0);
            g_assert_cmpuint(bufs[i][9], ==, expected((i % 256) * 4096 + 9));
        }
    }
    g_test_message("%u of %u were cancelled in time", cancelled, REQUESTS / 2);
}

static void resubmit(void *opaque, int ret)
{
    struct block *b = ((void **)opaque)[0];
    unsigned *left = ((void **)opaque)[1];
    static uint8_t buf[512];
    struct iovec iov = {buf, sizeof(buf)};

    g_assert_cmpint(ret, ==, 0);
    if (--*left) {
        block_read(b, 0, &iov, 1, resubmit, opaque);
    }
}

static void test_drain_waits_for_what_done_submits(struct fixture *f,
                                                   gconstpointer data G_GNUC_UNUSED)
{
    struct block *b = open_image(f, 0);
    uint8_t buf[512];
    struct iovec iov = {buf, sizeof(buf)};
    unsigned left = 20;
    void *args[] = {b, &left};

    block_read(b, 0, &iov, 1, resubmit, args);
    block_drain(b);
    g_assert_cmpuint(left, ==, 0);
}

static void check_refused(struct fixture *f, const char *path, const char *format,
                          const char *words)
{
    g_autoptr(GError) err = NULL;

    g_assert_null(block_open(f->set, path, format, 0, &err));
    g_assert_nonnull(err);
    if (!strstr(err->message, words)) {
        g_error("'%s' does not say '%s'", err->message, words);
    }
    g_assert_null(strchr(err->message, '\n'));
}

static void test_open_errors_name_file_and_cause(struct fixture *f,
                                                 gconstpointer data G_GNUC_UNUSED)
{
    int fd;

    check_refused(f, "/nowhere/disk.img", "raw", "'/nowhere/disk.img': No such file");
    check_refused(f, "/", "raw", "directory");
    check_refused(f, "/dev/null", "raw", "neither a regular file nor a block device");
    check_refused(f, "nbd:localhost:1", NULL, "host files only");
    check_refused(f, "", NULL, "empty");
    check_refused(f, f->path, "qcow9", "reads: raw");
    fd = open(f->path, O_RDWR);
    g_assert_cmpint(pwrite(fd, "QFI\xfb\0\0\0\3", 8, 0), ==, 8);
    check_refused(f, f->path, NULL, "qcow2");
    block_close(open_image(f, 0)); /* format=raw says that it is meant */
    g_assert_cmpint(ftruncate(fd, 0), ==, 0);
    close(fd);
    check_refused(f, f->path, "raw", "is empty");
}

#define ADD(name, fn) g_test_add(name, struct fixture, NULL, setup, fn, teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("/read-any-alignment", test_read_any_alignment);
    ADD("/scattered-write-reaches-the-file", test_scattered_write_reaches_the_file);
    ADD("/direct-unaligned-keeps-neighbours", test_direct_unaligned_keeps_neighbours);
    ADD("/range-past-the-end-is-eio", test_range_past_the_end_is_eio);
    ADD("/read-only-refuses-writes", test_read_only_refuses_writes);
    ADD("/size-is-rounded-up-with-zeroes", test_size_is_rounded_up_with_zeroes);
    ADD("/flush-and-discard", test_flush_and_discard);
    ADD("/many-requests-cancel-and-drain", test_many_requests_cancel_and_drain);
    ADD("/drain-waits-for-what-done-submits", test_drain_waits_for_what_done_submits);
    ADD("/open-errors-name-file-and-cause", test_open_errors_name_file_and_cause);
    return g_test_run();
}
