/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The null character device: output vanishes, input never comes.
 */
#include "chardev/driver.h"

static bool null_open(struct chardev *chr, struct options *o, GError **error)
{
    (void)o, (void)error;
    chardev_set_open(chr, true);
    return true;
}

static size_t null_write(struct chardev *chr, const uint8_t *buf, size_t len)
{
    (void)chr, (void)buf;
    return len;
}

static const struct chardev_driver null_driver = {
    .name = "null",
    .description = "swallows output, gives no input",
    .size = sizeof(struct chardev),
    .open = null_open,
    .write = null_write,
};
CHARDEV_DRIVER(null_driver);
