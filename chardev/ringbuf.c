/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ring buffer in memory: keeps the latest output for the monitor to read.
 */
#include "chardev/driver.h"

#define DEFAULT_SIZE (64 * KiB)
#define MAX_SIZE     (1 * GiB)

struct ringbuf {
    struct chardev chr;
    uint8_t *data;
    uint64_t size;       /* power of two */
    uint64_t head, tail; /* bytes ever written and read; head - tail <= size */
};

static struct ringbuf *from_chr(struct chardev *chr)
{
    return container_of(chr, struct ringbuf, chr);
}

static bool ringbuf_open(struct chardev *chr, struct options *o, GError **error)
{
    struct ringbuf *r = from_chr(chr);

    if (!options_get_size(o, "size", DEFAULT_SIZE, &r->size, error)) {
        return false;
    }
    if (!is_power_of_2(r->size) || r->size > MAX_SIZE) {
        return fail(error, "character device '%s': size must be a power of two, at most 1G",
                    chr->id);
    }
    r->data = g_try_malloc0(r->size);
    if (!r->data) {
        return fail(error, "character device '%s': no memory for %" G_GUINT64_FORMAT " bytes",
                    chr->id, r->size);
    }
    chardev_set_open(chr, true);
    return true;
}

static void ringbuf_close(struct chardev *chr)
{
    g_free(from_chr(chr)->data);
}

/* Copies in, overwriting the oldest. */
static size_t ringbuf_write(struct chardev *chr, const uint8_t *buf, size_t len)
{
    struct ringbuf *r = from_chr(chr);

    for (size_t i = 0; i < len; i++) {
        r->data[r->head++ & (r->size - 1)] = buf[i];
    }
    if (r->head - r->tail > r->size) {
        r->tail = r->head - r->size;
    }
    return len;
}

static const struct chardev_option ringbuf_options[] = {
    {"size", "bytes that are kept, a power of two (default 64K)"},
    {NULL, NULL},
};

static const struct chardev_driver ringbuf_driver = {
    .name = "ringbuf",
    .alias = "memory",
    .description = "a buffer that the monitor reads with ringbuf_read",
    .options = ringbuf_options,
    .size = sizeof(struct ringbuf),
    .open = ringbuf_open,
    .close = ringbuf_close,
    .write = ringbuf_write,
};
CHARDEV_DRIVER(ringbuf_driver);

static bool check_driver(const struct chardev *chr, GError **error)
{
    if (chr->driver != &ringbuf_driver) {
        return fail(error, "character device '%s' is a %s, not a ringbuf", chr->id,
                    chr->driver->name);
    }
    return true;
}

bool chardev_ringbuf_read(struct chardev *chr, size_t max, GByteArray *out, GError **error)
{
    struct ringbuf *r;

    if (!check_driver(chr, error)) {
        return false;
    }
    r = from_chr(chr);
    for (; max && r->tail < r->head; max--) {
        g_byte_array_append(out, &r->data[r->tail++ & (r->size - 1)], 1);
    }
    return true;
}

bool chardev_ringbuf_write(struct chardev *chr, const void *buf, size_t len, GError **error)
{
    if (!check_driver(chr, error)) {
        return false;
    }
    ringbuf_write(chr, buf, len);
    return true;
}
