/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Snapshot overlays against a plain array: reads, partial clusters, writes at the same time.
 */
#include "block/block.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

enum {
    IMAGE_BYTES = 5 * 65536 + 1536, /* the last cluster is short */
    ROUNDS = 400,
    MAX_BYTES = 100000,
};

struct fixture {
    GMainContext *context;
    struct blocks *set;
    struct block *b;
    char *path;
    uint8_t *model;
};

static void setup(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    int fd = g_file_open_tmp("vitro-overlay-XXXXXX", &f->path, NULL);
    g_autoptr(GError) err = NULL;

    f->model = g_malloc(IMAGE_BYTES);
    for (unsigned i = 0; i < IMAGE_BYTES; i++) {
        f->model[i] = (uint8_t)(i * 7 + i / 512);
    }
    g_assert_cmpint(write(fd, f->model, IMAGE_BYTES), ==, IMAGE_BYTES);
    close(fd);
    f->context = g_main_context_new();
    f->set = blocks_new(f->context);
    f->b = block_open(f->set, f->path, NULL, BLOCK_SNAPSHOT, &err);
    g_assert_no_error(err);
    g_assert_false(block_is_read_only(f->b));
}

/* Whatever a test wrote, the image is as it was. */
static void teardown(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_autofree char *bytes = NULL;
    gsize len;

    blocks_free(f->set);
    g_main_context_unref(f->context);
    g_assert_true(g_file_get_contents(f->path, &bytes, &len, NULL));
    g_assert_cmpuint(len, ==, IMAGE_BYTES);
    for (unsigned i = 0; i < IMAGE_BYTES; i++) {
        g_assert_cmpuint((uint8_t)bytes[i], ==, (uint8_t)(i * 7 + i / 512));
    }
    g_unlink(f->path);
    g_free(f->path);
    g_free(f->model);
}

static void done(void *opaque, int ret)
{
    g_assert_cmpint(ret, ==, 0);
    --*(unsigned *)opaque;
}

static void check_all(struct fixture *f)
{
    g_autofree uint8_t *buf = g_malloc(IMAGE_BYTES);
    struct iovec iov = {buf, IMAGE_BYTES};
    unsigned pending = 1;

    block_read(f->b, 0, &iov, 1, done, &pending);
    block_drain(f->b);
    g_assert_cmpuint(pending, ==, 0);
    g_assert_cmpmem(buf, IMAGE_BYTES, f->model, IMAGE_BYTES);
}

static void test_untouched_reads_the_image(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    check_all(f);
}

static void test_one_sector_keeps_its_cluster(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    uint8_t sector[512];
    struct iovec iov = {sector, sizeof(sector)};
    unsigned pending = 1;

    memset(sector, 0xa5, sizeof(sector));
    memset(f->model + 65536 + 1024, 0xa5, 512);
    block_write(f->b, 65536 + 1024, &iov, 1, done, &pending);
    block_drain(f->b);
    check_all(f);
}

/* All sectors of one fresh cluster, each by a request of its own, all in flight together. */
static void test_writes_to_one_cluster_at_once(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_autofree uint8_t *buf = g_malloc(65536);
    unsigned pending = 128;

    for (unsigned i = 0; i < 128; i++) {
        struct iovec iov = {buf + 512 * i, 512};

        memset(buf + 512 * i, (int)(i + 1), 512);
        block_write(f->b, 2 * 65536 + 512 * i, &iov, 1, done, &pending);
    }
    memcpy(f->model + 2 * 65536, buf, 65536);
    block_drain(f->b);
    g_assert_cmpuint(pending, ==, 0);
    check_all(f);
}

static void test_random_writes_match_a_model(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_autofree uint8_t *buf = g_malloc(MAX_BYTES);
    GRand *rand = g_rand_new_with_seed(20240607);

    for (unsigned round = 0; round < ROUNDS; round++) {
        uint32_t offset = (uint32_t)g_rand_int_range(rand, 0, IMAGE_BYTES);
        uint32_t most = MIN(MAX_BYTES, IMAGE_BYTES - offset);
        uint32_t len = 1 + (uint32_t)g_rand_int_range(rand, 0, (gint32)most);
        uint32_t cut = (uint32_t)g_rand_int_range(rand, 0, (gint32)len + 1);
        struct iovec iov[2];
        unsigned pending = 1;

        len = MIN(len, most);
        cut = MIN(cut, len);
        iov[0] = (struct iovec){buf, cut};
        iov[1] = (struct iovec){buf + cut, len - cut};
        memset(buf, (int)round, len);
        buf[len / 2] ^= 0x55;
        memcpy(f->model + offset, buf, len);
        block_write(f->b, offset, iov, 2, done, &pending);
        block_drain(f->b);
        g_assert_cmpuint(pending, ==, 0);
    }
    g_rand_free(rand);
    check_all(f);
}

#define ADD(name, fn) g_test_add(name, struct fixture, NULL, setup, fn, teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("/untouched-reads-the-image", test_untouched_reads_the_image);
    ADD("/one-sector-keeps-its-cluster", test_one_sector_keeps_its_cluster);
    ADD("/writes-to-one-cluster-at-once", test_writes_to_one_cluster_at_once);
    ADD("/random-writes-match-a-model", test_random_writes_match_a_model);
    return g_test_run();
}
