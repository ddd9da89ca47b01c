/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Firmware files: where they are looked for, and blobs that each reset puts back into memory.
 */
#include "hw/core/firmware.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* After -L's: ours, then the packages of distributions. */
static const char *const default_dirs[] = {
    CONFIG_DATADIR,
    "/usr/share/seabios",
    "/usr/share/qemu",
    "/usr/share/qemu-firmware",
    "/usr/lib/ipxe/qemu",
    "/usr/share/ipxe/qemu",
    "/usr/share/ipxe",
    "/usr/share/vgabios",
    "/usr/share/OVMF",
    "/usr/share/edk2/ovmf",
    NULL,
};

void firmware_foreach_dir(struct machine *m, void (*fn)(void *opaque, const char *dir),
                          void *opaque)
{
    for (unsigned i = 0; m->firmware_dirs && i < m->firmware_dirs->len; i++) {
        fn(opaque, g_ptr_array_index(m->firmware_dirs, i));
    }
    for (const char *const *dir = default_dirs; *dir; dir++) {
        fn(opaque, *dir);
    }
}

struct lookup {
    const char *name;
    char *path;
};

static void look_in(void *opaque, const char *dir)
{
    struct lookup *l = opaque;
    g_autofree char *path = NULL;

    if (l->path) {
        return;
    }
    path = g_build_filename(dir, l->name, NULL);
    if (access(path, R_OK) == 0) {
        l->path = g_steal_pointer(&path);
    }
}

char *firmware_find(struct machine *m, const char *name, GError **error)
{
    struct lookup l = {.name = name};

    if (strchr(name, '/') || access(name, R_OK) == 0) {
        return g_strdup(name);
    }
    firmware_foreach_dir(m, look_in, &l);
    if (!l.path) {
        fail_code(error, ERROR_NOT_FOUND,
                  "cannot find firmware file '%s': install its package (Debian: seabios) or name"
                  " its folder with -L",
                  name);
    }
    return l.path;
}

static bool read_all(int fd, uint8_t *buf, size_t len)
{
    while (len) {
        ssize_t n = read(fd, buf, len);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            if (n == 0) {
                errno = EIO; /* it shrank under us */
            }
            return false;
        }
        buf += n;
        len -= (size_t)n;
    }
    return true;
}

bool firmware_read_file(const char *what, const char *path, uint64_t max, uint8_t **ret_data,
                        size_t *ret_len, GError **error)
{
    g_autofree uint8_t *data = NULL;
    bool ok = false;
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        return fail_code(error, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_OS,
                         "cannot open %s '%s': %s", what, path, g_strerror(errno));
    }
    if (fstat(fd, &st) < 0) {
        fail_errno(error, "cannot read %s '%s'", what, path);
    } else if (!S_ISREG(st.st_mode)) {
        fail(error, "%s '%s' is not a file", what, path);
    } else if (st.st_size == 0) {
        fail(error, "%s '%s' is empty", what, path);
    } else if ((uint64_t)st.st_size > max) {
        fail(error, "%s '%s' has %" PRIu64 " bytes, %" PRIu64 " are the most", what, path,
             (uint64_t)st.st_size, max);
    } else if (!(data = g_try_malloc((size_t)st.st_size))) {
        fail(error, "no memory for %s '%s' (%" PRIu64 " bytes)", what, path, (uint64_t)st.st_size);
    } else if (!read_all(fd, data, (size_t)st.st_size)) {
        fail_errno(error, "cannot read %s '%s'", what, path);
    } else {
        *ret_data = g_steal_pointer(&data);
        *ret_len = (size_t)st.st_size;
        ok = true;
    }
    close(fd);
    return ok;
}

bool firmware_load(struct machine *m, const char *name, uint64_t max, uint8_t **ret_data,
                   size_t *ret_len, GError **error)
{
    g_autofree char *path = firmware_find(m, name, error);

    return path && firmware_read_file("firmware", path, max, ret_data, ret_len, error);
}

static void blob_free(gpointer data)
{
    struct rom_blob *b = data;

    g_free(b->name);
    g_bytes_unref(b->data);
    g_free(b);
}

static void blobs_reset(void *opaque)
{
    struct machine *m = opaque;

    for (unsigned i = 0; i < m->rom_blobs->len; i++) {
        struct rom_blob *b = g_ptr_array_index(m->rom_blobs, i);
        gsize len;
        const void *data = g_bytes_get_data(b->data, &len);

        address_space_write_rom(&m->memory, b->gpa, data, len);
    }
}

bool rom_blob_add(struct machine *m, const char *name, uint64_t gpa, const void *data, size_t len,
                  GError **error)
{
    struct rom_blob *b;

    if (!m->rom_blobs) {
        m->rom_blobs = g_ptr_array_new_with_free_func(blob_free);
        machine_add_reset(m, blobs_reset, m);
    }
    if (gpa + len < gpa) {
        return fail(error, "'%s': %zu bytes do not fit at %#" PRIx64, name, len, gpa);
    }
    for (unsigned i = 0; i < m->rom_blobs->len; i++) {
        b = g_ptr_array_index(m->rom_blobs, i);
        if (gpa < b->gpa + g_bytes_get_size(b->data) && b->gpa < gpa + len) {
            return fail(error, "'%s' at %#" PRIx64 " overlaps '%s' at %#" PRIx64, name, gpa,
                        b->name, b->gpa);
        }
    }
    b = g_new0(struct rom_blob, 1);
    b->name = g_strdup(name);
    b->gpa = gpa;
    b->data = g_bytes_new(data, len);
    g_ptr_array_add(m->rom_blobs, b);
    return true;
}
