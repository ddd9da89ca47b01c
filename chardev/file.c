/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files as character devices: output to one, input from another if given.
 */
#include "chardev/fd.h"

#include <fcntl.h>
#include <unistd.h>

static bool file_open(struct chardev *chr, struct options *o, GError **error)
{
    struct chardev_fd *f = &fd_chardev_of(chr)->fd;
    const char *path = options_require(o, "path", error);
    const char *input = options_get(o, "input-path");
    int in = -1, out;
    bool append;

    if (!path || !options_get_bool(o, "append", false, &append, error)) {
        return false;
    }
    out =
        open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | (append ? O_APPEND : O_TRUNC), 0666);
    if (out < 0) {
        return fail_errno(error, "character device '%s': cannot write file '%s'", chr->id, path);
    }
    if (input) {
        in = open(input, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (in < 0) {
            fail_errno(error, "character device '%s': cannot read file '%s'", chr->id, input);
            close(out);
            return false;
        }
    }
    f->gone = fd_chardev_end_input;
    chardev_fd_open(f, chr, in, out);
    chardev_set_open(chr, true);
    return true;
}

static const struct chardev_option file_options[] = {
    {"path", "file that gets the output"},
    {"append", "on: add to it instead of beginning it anew"},
    {"input-path", "file that gives the input"},
    {NULL, NULL},
};

static const struct chardev_driver file_driver = {
    .name = "file",
    .description = "output to a file, input from another",
    .options = file_options,
    .size = sizeof(struct fd_chardev),
    .open = file_open,
    .close = fd_chardev_close,
    FD_CHARDEV_OPS,
};
CHARDEV_DRIVER(file_driver);
