/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The firmware configuration device at ports 0x510 to 0x51b.
 *
 *   0x510  word, write  selects an item by key and rewinds it
 *   0x511  byte, read   next byte of the selected item; 0 behind its end
 *   0x514  8 bytes, big-endian: address of a DMA request; the write of the second half starts it.
 *          Reads give "QEMU CFG".
 *
 * A DMA request in guest memory: control, length, address, all big-endian. Control bits: 0 error,
 * 1 read, 2 skip, 3 select (key in the upper 16 bits), 4 write. When done, control is 0 or error.
 *
 * The ports, keys and file names are an interface that firmware (SeaBIOS, OVMF) and Linux's
 * qemu_fw_cfg driver know; it is described in the "QEMU Firmware Configuration (fw_cfg) Device"
 * specification.
 *
 * Absent: items that the guest may write; a write request fails.
 */
#include "hw/misc/fw_cfg.h"

#include "hw/core/firmware.h"
#include "util/bytes.h"
#include "util/options.h"
#include <inttypes.h>
#include <string.h>

enum {
    DMA_OFFSET = 4, /* of the DMA register in the region */
    ID_TRADITIONAL = 1 << 0,
    ID_DMA = 1 << 1,
    CONTROL_ERROR = 1 << 0,
    CONTROL_READ = 1 << 1,
    CONTROL_SKIP = 1 << 2,
    CONTROL_SELECT = 1 << 3,
    CONTROL_WRITE = 1 << 4,
    KEY_MASK = 0xbfff, /* bit 14 asked for write access on old devices */
    KEY_NONE = 0xffff,
    MAX_FILES = 1024,
    DIR_ENTRY_SIZE = 64,
    CHUNK = 64 * 1024,
};

#define DMA_SIGNATURE 0x51454d5520434647ULL /* "QEMU CFG" */
#define MAX_OPTION    (256 * MiB)

struct item {
    uint16_t key;
    char *name; /* of a file, else NULL */
    uint8_t *data;
    size_t len;
    void (*fill)(void *opaque, uint8_t *data, size_t len);
    void *opaque;
};

struct fw_cfg {
    struct device dev;
    struct region region;
    GPtrArray *items; /* struct item */
    unsigned files;

    uint16_t key; /* selected, KEY_NONE when there is no such item */
    uint32_t pos;
    uint64_t dma_addr; /* what has been written of it */
};

static struct fw_cfg *from_dev(struct device *dev)
{
    return container_of(dev, struct fw_cfg, dev);
}

static void item_free(gpointer data)
{
    struct item *it = data;

    g_free(it->name);
    g_free(it->data);
    g_free(it);
}

static struct item *item_find(const struct fw_cfg *f, uint16_t key)
{
    for (unsigned i = 0; i < f->items->len; i++) {
        struct item *it = g_ptr_array_index(f->items, i);

        if (it->key == key) {
            return it;
        }
    }
    return NULL;
}

static struct item *file_find(const struct fw_cfg *f, const char *name)
{
    for (unsigned i = 0; i < f->items->len; i++) {
        struct item *it = g_ptr_array_index(f->items, i);

        if (it->name && !strcmp(it->name, name)) {
            return it;
        }
    }
    return NULL;
}

/* The directory: count, then size, key, reserved, name of each file; integers big-endian. */
static void update_directory(struct fw_cfg *f)
{
    struct item *dir = item_find(f, FW_CFG_FILE_DIR);
    uint8_t *entry;

    g_free(dir->data);
    dir->len = 4 + (size_t)f->files * DIR_ENTRY_SIZE;
    dir->data = g_malloc0(dir->len);
    store_be32(dir->data, f->files);
    entry = dir->data + 4;
    for (unsigned i = 0; i < f->items->len; i++) {
        const struct item *it = g_ptr_array_index(f->items, i);

        if (it->name) {
            store_be32(entry, (uint32_t)it->len);
            store_be16(entry + 4, it->key);
            g_strlcpy((char *)entry + 8, it->name, FW_CFG_NAME_SIZE);
            entry += DIR_ENTRY_SIZE;
        }
    }
}

/* ---- what the guest does ---- */

static void select_item(struct fw_cfg *f, uint16_t key)
{
    struct item *it = item_find(f, key & KEY_MASK);

    f->key = it ? it->key : KEY_NONE;
    f->pos = 0;
    if (it && it->fill) {
        it->fill(it->opaque, it->data, it->len);
    }
}

/* Copies the next @len bytes to @buf; zeros behind the end. */
static void read_item(struct fw_cfg *f, uint8_t *buf, size_t len)
{
    const struct item *it = f->key == KEY_NONE ? NULL : item_find(f, f->key);
    size_t left = it && f->pos < it->len ? it->len - f->pos : 0;
    size_t n = MIN(left, len);

    if (n) {
        memcpy(buf, it->data + f->pos, n);
    }
    memset(buf + n, 0, len - n);
    f->pos = (uint32_t)MIN((uint64_t)f->pos + n, UINT32_MAX);
}

static bool dma_read_item(struct fw_cfg *f, uint64_t gpa, uint64_t len)
{
    g_autofree uint8_t *buf = g_malloc(CHUNK);

    while (len) {
        size_t n = (size_t)MIN(len, (uint64_t)CHUNK);

        read_item(f, buf, n);
        if (device_dma_write(&f->dev, &f->dev.machine->memory, gpa, buf, n) != MEM_OK) {
            return false;
        }
        gpa += n;
        len -= n;
    }
    return true;
}

static void run_dma(struct fw_cfg *f, uint64_t gpa)
{
    struct address_space *memory = &f->dev.machine->memory;
    uint8_t request[16], result[4];
    uint32_t control, len;
    bool ok = true;

    if (device_dma_read(&f->dev, memory, gpa, request, sizeof(request)) != MEM_OK) {
        guest_error(&f->dev, "DMA request at %#" PRIx64 ", where there is no memory", gpa);
        return;
    }
    control = load_be32(request);
    len = load_be32(request + 4);
    if (control & CONTROL_SELECT) {
        select_item(f, (uint16_t)(control >> 16));
    }
    if (control & CONTROL_READ) {
        ok = dma_read_item(f, load_be64(request + 8), len);
    } else if (control & CONTROL_WRITE) {
        guest_error(&f->dev, "write to item %#x", f->key);
        ok = false;
    } else if (control & CONTROL_SKIP) {
        f->pos = (uint32_t)MIN((uint64_t)f->pos + len, UINT32_MAX);
    }
    store_be32(result, ok ? 0 : CONTROL_ERROR);
    device_dma_write(&f->dev, memory, gpa, result, sizeof(result));
}

static uint64_t port_read(void *opaque, uint64_t offset, unsigned size)
{
    struct fw_cfg *f = opaque;
    uint64_t val = 0;

    for (unsigned i = 0; i < size; i++) {
        uint64_t at = offset + i;
        uint8_t byte = 0;

        if (at == 1) {
            read_item(f, &byte, 1);
        } else if (at >= DMA_OFFSET) {
            byte = (uint8_t)(DMA_SIGNATURE >> 8 * (7 - (at - DMA_OFFSET)));
        }
        val |= (uint64_t)byte << 8 * i;
    }
    return val;
}

static void port_write(void *opaque, uint64_t offset, uint64_t val, unsigned size)
{
    struct fw_cfg *f = opaque;

    if (offset == 0 && size == 2) {
        select_item(f, (uint16_t)val);
    } else if (offset == DMA_OFFSET && size == 4) {
        f->dma_addr = (uint64_t)GUINT32_SWAP_LE_BE((uint32_t)val) << 32;
    } else if (offset == DMA_OFFSET + 4 && size == 4) {
        uint64_t gpa = f->dma_addr | GUINT32_SWAP_LE_BE((uint32_t)val);

        f->dma_addr = 0;
        run_dma(f, gpa);
    } else {
        guest_error(&f->dev, "%u-byte write to port %#x", size, FW_CFG_IO_BASE + (unsigned)offset);
    }
}

static const struct region_ops port_ops = {
    .read = port_read,
    .write = port_write,
    .max_size = 4,
};

/* ---- what boards and devices do ---- */

static struct item *add_item(struct fw_cfg *f, uint16_t key, const void *data, size_t len)
{
    struct item *it = item_find(f, key);

    if (!it) {
        it = g_new0(struct item, 1);
        it->key = key;
        g_ptr_array_add(f->items, it);
    }
    g_free(it->data);
    it->data = data ? g_memdup2(data, len) : g_malloc0(len);
    it->len = len;
    return it;
}

static struct item *add_file(struct fw_cfg *f, const char *name, const void *data, size_t len,
                             GError **error)
{
    struct item *it;

    if (strlen(name) >= FW_CFG_NAME_SIZE) {
        fail(error, "fw_cfg file name '%s' is longer than %d characters", name,
             FW_CFG_NAME_SIZE - 1);
        return NULL;
    }
    if (file_find(f, name)) {
        fail(error, "fw_cfg file '%s' exists already", name);
        return NULL;
    }
    if (f->files == MAX_FILES || len > UINT32_MAX) {
        fail(error, "fw_cfg file '%s': too many files or too long", name);
        return NULL;
    }
    it = add_item(f, (uint16_t)(FW_CFG_FILE_FIRST + f->files), data, len);
    it->name = g_strdup(name);
    f->files++;
    update_directory(f);
    return it;
}

bool fw_cfg_add_file(struct machine *m, const char *name, const void *data, size_t len,
                     GError **error)
{
    return !m->fw_cfg || add_file(m->fw_cfg, name, data, len, error);
}

bool fw_cfg_add_string(struct machine *m, const char *name, const char *text, GError **error)
{
    return fw_cfg_add_file(m, name, text, strlen(text) + 1, error);
}

bool fw_cfg_add_u16(struct machine *m, const char *name, uint16_t val, GError **error)
{
    val = GUINT16_TO_LE(val);
    return fw_cfg_add_file(m, name, &val, sizeof(val), error);
}

bool fw_cfg_add_u32(struct machine *m, const char *name, uint32_t val, GError **error)
{
    val = GUINT32_TO_LE(val);
    return fw_cfg_add_file(m, name, &val, sizeof(val), error);
}

bool fw_cfg_add_u64(struct machine *m, const char *name, uint64_t val, GError **error)
{
    val = GUINT64_TO_LE(val);
    return fw_cfg_add_file(m, name, &val, sizeof(val), error);
}

bool fw_cfg_add_computed(struct machine *m, const char *name, size_t len,
                         void (*fill)(void *opaque, uint8_t *data, size_t len), void *opaque,
                         GError **error)
{
    struct item *it;

    if (!m->fw_cfg) {
        return true;
    }
    it = add_file(m->fw_cfg, name, NULL, len, error);
    if (!it) {
        return false;
    }
    it->fill = fill;
    it->opaque = opaque;
    return true;
}

void fw_cfg_set(struct machine *m, uint16_t key, const void *data, size_t len)
{
    if (m->fw_cfg) {
        add_item(m->fw_cfg, key, data, len);
    }
}

void fw_cfg_set_u16(struct machine *m, uint16_t key, uint16_t val)
{
    val = GUINT16_TO_LE(val);
    fw_cfg_set(m, key, &val, sizeof(val));
}

void fw_cfg_set_u32(struct machine *m, uint16_t key, uint32_t val)
{
    val = GUINT32_TO_LE(val);
    fw_cfg_set(m, key, &val, sizeof(val));
}

void fw_cfg_set_u64(struct machine *m, uint16_t key, uint64_t val)
{
    val = GUINT64_TO_LE(val);
    fw_cfg_set(m, key, &val, sizeof(val));
}

const uint8_t *fw_cfg_find(struct machine *m, const char *name, size_t *ret_len)
{
    struct item *it = m->fw_cfg ? file_find(m->fw_cfg, name) : NULL;

    if (!it) {
        return NULL;
    }
    if (it->fill) {
        it->fill(it->opaque, it->data, it->len);
    }
    *ret_len = it->len;
    return it->data;
}

/* ---- -fw_cfg ---- */

static bool add_option(struct machine *m, struct options *o, GError **error)
{
    static const char *const known[] = {"name", "file", "string", NULL};
    const char *name = options_get(o, "name"), *file = options_get(o, "file");
    const char *string = options_get(o, "string");
    g_autofree uint8_t *data = NULL;
    size_t len;

    if (!options_unused(o, known, error)) {
        return false;
    }
    if (!name || !*name || !file == !string) {
        return fail(error, "-fw_cfg: name=NAME and one of file=PATH and string=TEXT are needed");
    }
    if (!g_str_has_prefix(name, "opt/")) {
        warn_user("-fw_cfg name=%s: names of users' items should begin with 'opt/'", name);
    }
    if (string) {
        return fw_cfg_add_file(m, name, string, strlen(string), error);
    }
    return firmware_read_file("-fw_cfg file", file, MAX_OPTION, &data, &len, error) &&
           fw_cfg_add_file(m, name, data, len, error);
}

bool fw_cfg_add_options(struct machine *m, GError **error)
{
    bool ok = true;

    for (unsigned i = 0; ok && i < m->fw_cfg_options->len; i++) {
        const char *text = g_ptr_array_index(m->fw_cfg_options, i);
        struct options *o = options_parse("-fw_cfg", text, "name", error);

        ok = o && add_option(m, o, error);
        options_free(o);
    }
    return ok;
}

/* ---- the device ---- */

static const struct state_field fw_cfg_fields[] = {
    STATE_U16(struct fw_cfg, key),
    STATE_U32(struct fw_cfg, pos),
    STATE_U64(struct fw_cfg, dma_addr),
    {0},
};

static const struct state_table fw_cfg_state = {
    .name = "fw_cfg",
    .version = 1,
    .fields = fw_cfg_fields,
};

static void fw_cfg_reset(struct device *dev)
{
    struct fw_cfg *f = from_dev(dev);

    f->key = FW_CFG_SIGNATURE;
    f->pos = 0;
    f->dma_addr = 0;
}

static bool fw_cfg_realize(struct device *dev, GError **error)
{
    static const uint8_t signature[] = {'Q', 'E', 'M', 'U'};
    struct fw_cfg *f = from_dev(dev);
    struct machine *m = dev->machine;

    if (m->fw_cfg) {
        return fail(error, "a machine has one fw_cfg device");
    }
    f->items = g_ptr_array_new_with_free_func(item_free);
    m->fw_cfg = f;
    region_init_io(&f->region, &port_ops, f, "fw_cfg", FW_CFG_IO_SIZE);
    f->region.guard = &dev->guard;
    region_add(&m->io_root, FW_CFG_IO_BASE, &f->region, 0);
    fw_cfg_set(m, FW_CFG_SIGNATURE, signature, sizeof(signature));
    fw_cfg_set_u32(m, FW_CFG_ID, ID_TRADITIONAL | ID_DMA);
    add_item(f, FW_CFG_FILE_DIR, NULL, 4);
    update_directory(f);
    return true;
}

static void fw_cfg_unrealize(struct device *dev)
{
    struct fw_cfg *f = from_dev(dev);

    if (dev->machine->fw_cfg != f) {
        return;
    }
    dev->machine->fw_cfg = NULL;
    region_fini(&f->region);
    g_ptr_array_unref(f->items);
    f->items = NULL;
}

static const struct device_type fw_cfg_type = {
    .name = "fw_cfg_io",
    .description = "firmware configuration",
    .flags = DEVICE_INTERNAL | DEVICE_NO_HOTPLUG,
    .size = sizeof(struct fw_cfg),
    .state = &fw_cfg_state,
    .realize = fw_cfg_realize,
    .unrealize = fw_cfg_unrealize,
    .reset = fw_cfg_reset,
};
DEVICE_TYPE(fw_cfg_type);

bool fw_cfg_create(struct machine *m, GError **error)
{
    struct device *dev = device_new(m, "fw_cfg_io", error);

    if (!dev) {
        return false;
    }
    if (!device_realize(dev, NULL, error)) {
        device_free(dev);
        return false;
    }
    return true;
}
