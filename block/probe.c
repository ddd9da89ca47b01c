/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which format an image has.
 *
 * What no driver recognizes is raw, unless it begins like a format that this build cannot read: a
 * guest would see the format's inside instead of its disk, and might write to it.
 */
#include "block/private.h"

#include <string.h>

enum { HEAD_BYTES = 2048 };

LINKER_SET_DECLARE(block_drivers, struct block_driver);

struct magic {
    const char *format;
    size_t len;
    const char *bytes;
    size_t offset;
};

static const struct magic known_magics[] = {
    {"qcow2", 8, "QFI\xfb\0\0\0\2", 0},
    {"qcow2", 8, "QFI\xfb\0\0\0\3", 0},
    {"qcow", 8, "QFI\xfb\0\0\0\1", 0},
    {"qed", 4, "QED\0", 0},
    {"vmdk", 4, "KDMV", 0},
    {"vmdk", 4, "COWD", 0},
    {"vmdk", 21, "# Disk DescriptorFile", 0},
    {"vdi", 4, "\x7f\x10\xda\xbe", 64},
    {"vhdx", 8, "vhdxfile", 0},
    {"vpc", 8, "conectix", 0},
    {"parallels", 16, "WithoutFreeSpace", 0},
    {"parallels", 16, "WithouFreSpacExt", 0},
};

static const char *foreign_format(const uint8_t *head)
{
    for (size_t i = 0; i < ARRAY_SIZE(known_magics); i++) {
        const struct magic *m = &known_magics[i];

        if (!memcmp(head + m->offset, m->bytes, m->len)) {
            return m->format;
        }
    }
    return NULL;
}

char *block_format_names(void)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();

    LINKER_SET_FOREACH(block_drivers, struct block_driver, d)
    {
        if (!(*d)->protocol) {
            g_ptr_array_add(names, (gpointer)(*d)->name);
        }
    }
    g_ptr_array_add(names, NULL);
    return g_strjoinv(", ", (char **)names->pdata);
}

static const struct block_driver *find_by_name(const char *format, GError **error)
{
    const struct block_driver *d = block_driver_find(format);

    if (!d || d->protocol) {
        g_autofree char *names = block_format_names();

        fail(error, "format=%s: this version reads: %s", format, names);
        return NULL;
    }
    return d;
}

static const struct block_driver *find_by_probing(struct block_node *file, const uint8_t *head)
{
    const struct block_driver *best = NULL;
    unsigned best_score = 0;

    LINKER_SET_FOREACH(block_drivers, struct block_driver, d)
    {
        unsigned score = (*d)->probe && !(*d)->protocol ? (*d)->probe(head, HEAD_BYTES) : 0;

        if (score > best_score && file->size) {
            best = *d;
            best_score = score;
        }
    }
    return best;
}

const struct block_driver *block_find_format(struct block_node *file, const char *format,
                                             GError **error)
{
    const struct block_driver *driver;
    uint8_t head[HEAD_BYTES];
    const char *foreign;

    if (format) {
        return find_by_name(format, error);
    }
    if (!block_node_read(file, 0, head, sizeof(head), error)) {
        return NULL;
    }
    driver = find_by_probing(file, head);
    foreign = driver ? NULL : foreign_format(head);
    if (foreign) {
        g_autofree char *names = block_format_names();

        fail(error,
             "'%s' is a %s image, this version reads: %s; convert it first ('qemu-img convert -O "
             "raw'), or say format=raw to show the guest the file's bytes as they are",
             file->filename, foreign, names);
        return NULL;
    }
    return driver ? driver : block_driver_find("raw");
}
