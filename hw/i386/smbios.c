/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SMBIOS tables of the PC: what dmidecode shows.
 *
 * DMTF DSP0134, version 2.8: types 0 (firmware), 1 (system), 2 (board, when asked for), 3
 * (chassis), 4 (a processor per socket), 11 (texts of the user's), 16, 17, 19 (memory), 32, 127,
 * and whole structures from -smbios file=. Firmware gets them through fw_cfg and adds its own type
 * 0 unless the user has given one.
 */
#include "hw/i386/smbios.h"

#include "hw/core/firmware.h"
#include "hw/misc/fw_cfg.h"
#include "util/bytes.h"
#include "util/options.h"
#include "util/parse.h"
#include <stdio.h>
#include <string.h>

enum {
    MAX_TYPE = 128,
    ENTRY_CHECKSUM = 4,
    ENTRY_DMI = 0x10,
    ENTRY_DMI_CHECKSUM = 0x15,
    CHASSIS_OTHER = 1,
    STATE_SAFE = 3,
    SECURITY_UNKNOWN = 2,
    PROCESSOR_CENTRAL = 3,
    FAMILY_OTHER = 1,
    SOCKET_ENABLED = 0x41, /* populated, enabled */
    UPGRADE_OTHER = 1,
    NO_HANDLE = 0xffff,
    NO_ERROR_INFO = 0xfffe,
    MEMORY_OTHER = 1,
    MEMORY_SYSTEM = 3,
    ERRORS_MULTI_BIT = 6,
    FORM_DIMM = 9,
    TYPE_RAM = 7,
    DETAIL_OTHER = 2,
};

#define DIMM_BYTES (16 * GiB)
#define FILE_MAX   (64 * KiB)

struct smbios {
    GByteArray *bytes;
    unsigned count;
    size_t longest;
    struct options *options[MAX_TYPE]; /* by type; all -smbios type=N of one type together */
    GPtrArray *texts;                  /* of the structure being written */
    guint start;
    bool from_file[MAX_TYPE]; /* the user's file has such a structure */
};

/* What a type's options may be; the order is of no meaning. */
static const char *const keys_0[] = {"type", "vendor", "version", "date", "release", "uefi", NULL};
static const char *const keys_1[] = {"type", "manufacturer", "product", "version", "serial",
                                     "uuid", "sku",          "family",  NULL};
static const char *const keys_2[] = {"type",   "manufacturer", "product",  "version",
                                     "serial", "asset",        "location", NULL};
static const char *const keys_3[] = {"type",  "manufacturer", "version", "serial",
                                     "asset", "sku",          NULL};
static const char *const keys_4[] = {"type",  "sock_pfx", "manufacturer", "version",       "serial",
                                     "asset", "part",     "max-speed",    "current-speed", NULL};
static const char *const keys_11[] = {"type", "value", "path", NULL};
static const char *const keys_17[] = {"type", "loc_pfx", "bank", "manufacturer", "serial", "asset",
                                      "part", "speed",   NULL};

static const char *const *const known_keys[MAX_TYPE] = {
    [0] = keys_0, [1] = keys_1,   [2] = keys_2,   [3] = keys_3,
    [4] = keys_4, [11] = keys_11, [17] = keys_17,
};

/* ---- writing structures ---- */

static void put(struct smbios *s, uint64_t v, unsigned size)
{
    uint8_t buf[8];

    store_le(buf, v, size);
    g_byte_array_append(s->bytes, buf, size);
}

static void begin(struct smbios *s, uint8_t type, uint16_t handle)
{
    s->start = s->bytes->len;
    g_ptr_array_set_size(s->texts, 0);
    put(s, type, 1);
    put(s, 0, 1); /* length of the fixed part */
    put(s, handle, 2);
}

/* A text field: its number in the list behind the fixed part, 0 for none. */
static void put_text(struct smbios *s, const char *text)
{
    if (!text || !*text) {
        put(s, 0, 1);
        return;
    }
    g_ptr_array_add(s->texts, g_strdup(text));
    put(s, s->texts->len, 1);
}

static void end(struct smbios *s)
{
    s->bytes->data[s->start + 1] = (uint8_t)(s->bytes->len - s->start);
    for (guint i = 0; i < s->texts->len; i++) {
        const char *text = s->texts->pdata[i];

        g_byte_array_append(s->bytes, (const guint8 *)text, (guint)strlen(text) + 1);
    }
    put(s, 0, s->texts->len ? 1 : 2);
    s->count++;
    s->longest = MAX(s->longest, s->bytes->len - s->start);
}

/* The user's value of @key for @type, or @otherwise. */
static const char *text_of(struct smbios *s, unsigned type, const char *key, const char *otherwise)
{
    const char *v = s->options[type] ? options_get(s->options[type], key) : NULL;

    return v ? v : otherwise;
}

static unsigned number_of(struct smbios *s, unsigned type, const char *key, unsigned otherwise)
{
    const char *v = text_of(s, type, key, NULL);

    return v ? (unsigned)g_ascii_strtoull(v, NULL, 10) & UINT16_MAX : otherwise;
}

/* ---- the structures ---- */

static void add_firmware(struct pc_machine *pc, struct smbios *s)
{
    const char *release = text_of(s, 0, "release", "0.0");
    const char *uefi = text_of(s, 0, "uefi", "off");
    unsigned major = 0, minor = 0;

    if (!s->options[0] && !(pc->m.boot.kernel && !pc->m.boot.firmware)) {
        return; /* firmware describes itself */
    }
    sscanf(release, "%u.%u", &major, &minor);
    begin(s, 0, 0x0000);
    put_text(s, text_of(s, 0, "vendor", "Vitro"));
    put_text(s, text_of(s, 0, "version", "1.0"));
    put(s, 0xe800, 2); /* segment */
    put_text(s, text_of(s, 0, "date", "01/01/2026"));
    put(s, 0, 1);                                          /* 64 KiB */
    put(s, 1ULL << 3, 8);                                  /* characteristics are not given */
    put(s, 0, 1);                                          /* extension bytes */
    put(s, (strcmp(uefi, "on") ? 0 : 1 << 3) | 1 << 4, 1); /* bit 4: a virtual machine */
    put(s, major & 0xff, 1);
    put(s, minor & 0xff, 1);
    put(s, 0xffff, 2); /* embedded controller: none */
    end(s);
}

/* The first three fields of a UUID are little-endian here (7.2.1). */
static void put_uuid(struct smbios *s, const uint8_t uuid[16])
{
    static const uint8_t order[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};

    for (unsigned i = 0; i < 16; i++) {
        put(s, uuid[order[i]], 1);
    }
}

static void add_system(struct pc_machine *pc, struct smbios *s)
{
    begin(s, 1, 0x0100);
    put_text(s, text_of(s, 1, "manufacturer", "Vitro"));
    put_text(s, text_of(s, 1, "product", pc->m.type->description));
    put_text(s, text_of(s, 1, "version", pc->m.type->name));
    put_text(s, text_of(s, 1, "serial", NULL));
    put_uuid(s, pc->m.uuid);
    put(s, 6, 1); /* woken by the power switch */
    put_text(s, text_of(s, 1, "sku", NULL));
    put_text(s, text_of(s, 1, "family", NULL));
    end(s);
}

static void add_board(struct pc_machine *pc, struct smbios *s)
{
    if (!s->options[2]) {
        return;
    }
    begin(s, 2, 0x0200);
    put_text(s, text_of(s, 2, "manufacturer", "Vitro"));
    put_text(s, text_of(s, 2, "product", pc->m.type->description));
    put_text(s, text_of(s, 2, "version", pc->m.type->name));
    put_text(s, text_of(s, 2, "serial", NULL));
    put_text(s, text_of(s, 2, "asset", NULL));
    put(s, 1, 1); /* hosting board */
    put_text(s, text_of(s, 2, "location", NULL));
    put(s, 0x0300, 2); /* chassis */
    put(s, 0x0a, 1);   /* motherboard */
    put(s, 0, 1);
    end(s);
}

static void add_chassis(struct pc_machine *pc, struct smbios *s)
{
    begin(s, 3, 0x0300);
    put_text(s, text_of(s, 3, "manufacturer", "Vitro"));
    put(s, CHASSIS_OTHER, 1);
    put_text(s, text_of(s, 3, "version", pc->m.type->name));
    put_text(s, text_of(s, 3, "serial", NULL));
    put_text(s, text_of(s, 3, "asset", NULL));
    put(s, STATE_SAFE, 1); /* boot-up, power supply, thermal */
    put(s, STATE_SAFE, 1);
    put(s, STATE_SAFE, 1);
    put(s, SECURITY_UNKNOWN, 1);
    put(s, 0, 4); /* OEM */
    put(s, 0, 1); /* height */
    put(s, 0, 1); /* power cords */
    put(s, 0, 2); /* contained elements */
    put_text(s, text_of(s, 3, "sku", NULL));
    end(s);
}

static void add_processor(struct pc_machine *pc, struct smbios *s, unsigned socket)
{
    const struct smp_config *smp = &pc->m.smp;
    g_autofree char *name =
        g_strdup_printf("%s%2x", text_of(s, 4, "sock_pfx", "CPU"), socket & 0xff);
    unsigned cores = smp->dies * smp->cores, threads = cores * smp->threads;
    uint32_t signature[4];

    x86_cpuid(pc_boot_cpu(pc)->x86.cpu, 1, 0, signature);
    begin(s, 4, (uint16_t)(0x0400 + socket));
    put_text(s, name);
    put(s, PROCESSOR_CENTRAL, 1);
    put(s, FAMILY_OTHER, 1);
    put_text(s, text_of(s, 4, "manufacturer", "Vitro"));
    put(s, signature[0], 4);
    put(s, signature[3], 4);
    put_text(s, text_of(s, 4, "version", pc->m.type->name));
    put(s, 0, 1); /* voltage */
    put(s, 0, 2); /* external clock */
    put(s, number_of(s, 4, "max-speed", 2000), 2);
    put(s, number_of(s, 4, "current-speed", 2000), 2);
    put(s, SOCKET_ENABLED, 1);
    put(s, UPGRADE_OTHER, 1);
    put(s, NO_HANDLE, 2); /* caches */
    put(s, NO_HANDLE, 2);
    put(s, NO_HANDLE, 2);
    put_text(s, text_of(s, 4, "serial", NULL));
    put_text(s, text_of(s, 4, "asset", NULL));
    put_text(s, text_of(s, 4, "part", NULL));
    put(s, MIN(cores, 255u), 1);
    put(s, MIN(cores, 255u), 1); /* enabled */
    put(s, MIN(threads, 255u), 1);
    put(s, 1 << 1, 2); /* characteristics unknown */
    put(s, FAMILY_OTHER, 2);
    end(s);
}

static bool add_texts(struct smbios *s, GError **error)
{
    struct options *o = s->options[11];
    g_autoptr(GPtrArray) values = o ? options_get_all(o, "value") : NULL;
    g_autoptr(GPtrArray) paths = o ? options_get_all(o, "path") : NULL;

    if (!o) {
        return true;
    }
    begin(s, 11, 0x0e00);
    for (guint i = 0; i < values->len; i++) {
        g_ptr_array_add(s->texts, g_strdup(values->pdata[i]));
    }
    for (guint i = 0; i < paths->len; i++) {
        g_autofree uint8_t *data = NULL;
        size_t len;

        if (!firmware_read_file("-smbios path", paths->pdata[i], FILE_MAX, &data, &len, error)) {
            return false;
        }
        if (memchr(data, 0, len)) {
            return fail(error, "-smbios path=%s: the file has a zero byte",
                        (const char *)paths->pdata[i]);
        }
        g_ptr_array_add(s->texts, g_strndup((const char *)data, len));
    }
    if (s->texts->len > 255) {
        return fail(error, "-smbios type=11: %u values, 255 are possible", s->texts->len);
    }
    put(s, s->texts->len, 1);
    end(s);
    return true;
}

static void add_dimm(struct smbios *s, unsigned n, uint64_t bytes)
{
    g_autofree char *locator = g_strdup_printf("%s %u", text_of(s, 17, "loc_pfx", "DIMM"), n);

    begin(s, 17, (uint16_t)(0x1100 + n));
    put(s, 0x1000, 2);
    put(s, NO_ERROR_INFO, 2);
    put(s, 0xffff, 2); /* total and data width: unknown */
    put(s, 0xffff, 2);
    put(s, bytes / MiB, 2);
    put(s, FORM_DIMM, 1);
    put(s, 0, 1); /* device set */
    put_text(s, locator);
    put_text(s, text_of(s, 17, "bank", NULL));
    put(s, TYPE_RAM, 1);
    put(s, DETAIL_OTHER, 2);
    put(s, number_of(s, 17, "speed", 0), 2);
    put_text(s, text_of(s, 17, "manufacturer", "Vitro"));
    put_text(s, text_of(s, 17, "serial", NULL));
    put_text(s, text_of(s, 17, "asset", NULL));
    put_text(s, text_of(s, 17, "part", NULL));
    put(s, 0, 1);                            /* rank */
    put(s, 0, 4);                            /* extended size */
    put(s, number_of(s, 17, "speed", 0), 2); /* configured speed */
    put(s, 0, 6);                            /* voltages: unknown */
    end(s);
}

static void add_mapped(struct smbios *s, unsigned n, uint64_t start, uint64_t bytes)
{
    uint64_t last_kb = (start + bytes) / KiB - 1;

    if (!bytes) {
        return;
    }
    begin(s, 19, (uint16_t)(0x1300 + n));
    put(s, last_kb < UINT32_MAX ? start / KiB : UINT32_MAX, 4);
    put(s, last_kb < UINT32_MAX ? last_kb : UINT32_MAX, 4);
    put(s, 0x1000, 2);
    put(s, 1, 1); /* partition width */
    put(s, last_kb < UINT32_MAX ? 0 : start, 8);
    put(s, last_kb < UINT32_MAX ? 0 : start + bytes - 1, 8);
    end(s);
}

static void add_memory(struct pc_machine *pc, struct smbios *s)
{
    uint64_t total = pc->m.ram_bytes;
    unsigned dimms = (unsigned)((total + DIMM_BYTES - 1) / DIMM_BYTES);
    uint64_t kb = total / KiB;

    dimms = MIN(dimms, 512u);
    begin(s, 16, 0x1000);
    put(s, MEMORY_OTHER, 1);
    put(s, MEMORY_SYSTEM, 1);
    put(s, ERRORS_MULTI_BIT, 1);
    put(s, kb < 0x80000000 ? kb : 0x80000000, 4);
    put(s, NO_ERROR_INFO, 2);
    put(s, dimms, 2);
    put(s, kb < 0x80000000 ? 0 : total, 8);
    end(s);
    for (unsigned i = 0; i < dimms; i++) {
        add_dimm(s, i, MIN(total - i * DIMM_BYTES, DIMM_BYTES));
    }
    add_mapped(s, 0, 0, pc->ram_below_4g);
    add_mapped(s, 1, 4 * GiB, pc->ram_above_4g);
}

static void add_last(struct smbios *s)
{
    begin(s, 32, 0x2000);
    put(s, 0, 6);
    put(s, 0, 1); /* no error */
    end(s);
    begin(s, 127, 0x7f00);
    end(s);
}

/* ---- options ---- */

/* Structures as they are, checked for their form: each has a length and ends with two zeros. */
static bool add_file(struct smbios *s, const char *path, GError **error)
{
    g_autofree uint8_t *data = NULL;
    size_t len, pos = 0;

    if (!firmware_read_file("-smbios file", path, FILE_MAX, &data, &len, error)) {
        return false;
    }
    while (pos < len) {
        size_t next = pos + 4 <= len && data[pos + 1] >= 4 ? pos + data[pos + 1] : len;

        while (next + 2 <= len && (data[next] || data[next + 1])) {
            next++;
        }
        next += 2;
        if (next > len) {
            return fail(error, "-smbios file=%s: the structure at byte %zu is cut off", path, pos);
        }
        if (data[pos] < MAX_TYPE) {
            s->from_file[data[pos]] = true;
        }
        s->count++;
        s->longest = MAX(s->longest, next - pos);
        pos = next;
    }
    g_byte_array_append(s->bytes, data, (guint)len);
    return true;
}

static bool take_option(struct smbios *s, struct options *o, const char *text, GError **error)
{
    const char *file = options_get(o, "file");
    uint64_t type;

    if (file) {
        return options_unused(o, NULL, error) && add_file(s, file, error);
    }
    if (!options_has(o, "type")) {
        return fail(error, "-smbios: type=N or file=PATH is needed");
    }
    if (!options_get_uint(o, "type", 0, MAX_TYPE - 1, &type, error)) {
        return false;
    }
    if (!known_keys[type]) {
        return fail(error,
                    "-smbios type=%u: options can be given for types 0, 1, 2, 3, 4, 11 and"
                    " 17",
                    (unsigned)type);
    }
    for (guint i = 0; i < o->items->len; i++) {
        const struct option *item = o->items->pdata[i];

        if (!g_strv_contains(known_keys[type], item->key)) {
            const char *near = nearest_name(item->key, known_keys[type]);

            return fail(error, "-smbios type=%u has no parameter '%s'%s%s%s", (unsigned)type,
                        item->key, near ? "; did you mean '" : "", near ? near : "",
                        near ? "'?" : "");
        }
    }
    if (!s->options[type]) {
        s->options[type] = options_parse("-smbios", text, NULL, error);
        return s->options[type] != NULL;
    }
    for (guint i = 0; i < o->items->len; i++) {
        const struct option *item = o->items->pdata[i];

        options_add(s->options[type], item->key, item->value);
    }
    return true;
}

static bool take_options(struct pc_machine *pc, struct smbios *s, GError **error)
{
    bool ok = true;

    for (guint i = 0; ok && i < pc->m.smbios_options->len; i++) {
        const char *text = pc->m.smbios_options->pdata[i];
        struct options *o = options_parse("-smbios", text, NULL, error);

        ok = o && take_option(s, o, text, error);
        options_free(o);
    }
    return ok;
}

/* -smbios type=1,uuid= is the machine's UUID unless -uuid gives one. */
static bool take_uuid(struct pc_machine *pc, struct smbios *s, GError **error)
{
    const char *text = text_of(s, 1, "uuid", NULL);

    if (!text || pc->m.uuid_set) {
        return true;
    }
    if (!parse_uuid(text, pc->m.uuid, error)) {
        g_prefix_error(error, "-smbios type=1: ");
        return false;
    }
    pc->m.uuid_set = true;
    return true;
}

/* ---- all together ---- */

static bool build(struct pc_machine *pc, struct smbios *s, GError **error)
{
    if (!take_options(pc, s, error) || !take_uuid(pc, s, error)) {
        return false;
    }
    if (!s->from_file[0]) {
        add_firmware(pc, s);
    }
    if (!s->from_file[1]) {
        add_system(pc, s);
    }
    if (!s->from_file[2]) {
        add_board(pc, s);
    }
    if (!s->from_file[3]) {
        add_chassis(pc, s);
    }
    for (unsigned i = 0; !s->from_file[4] && i < pc->m.smp.sockets; i++) {
        add_processor(pc, s, i);
    }
    if (!add_texts(s, error)) {
        return false;
    }
    add_memory(pc, s);
    add_last(s);
    if (s->bytes->len > UINT16_MAX) {
        return fail(error, "-smbios: %u bytes of tables do not fit into 64 KiB", s->bytes->len);
    }
    return true;
}

static uint8_t checksum(const uint8_t *p, size_t len)
{
    uint8_t sum = 0;

    while (len--) {
        sum = (uint8_t)(sum + *p++);
    }
    return (uint8_t)-sum;
}

const GByteArray *smbios_tables(const struct pc_machine *pc)
{
    return pc->smbios->bytes;
}

void smbios_make_entry(const struct pc_machine *pc, uint32_t gpa, uint8_t ret[SMBIOS_ENTRY_SIZE])
{
    const struct smbios *s = pc->smbios;

    memset(ret, 0, SMBIOS_ENTRY_SIZE);
    memcpy(ret, "_SM_", 4);
    ret[5] = SMBIOS_ENTRY_SIZE;
    ret[6] = 2;
    ret[7] = 8;
    store_le16(ret + 8, (uint16_t)s->longest);
    memcpy(ret + ENTRY_DMI, "_DMI_", 5);
    store_le16(ret + 0x16, (uint16_t)s->bytes->len);
    store_le32(ret + 0x18, gpa);
    store_le16(ret + 0x1c, (uint16_t)s->count);
    ret[0x1e] = 0x28;
    ret[ENTRY_DMI_CHECKSUM] = checksum(ret + ENTRY_DMI, SMBIOS_ENTRY_SIZE - ENTRY_DMI);
    ret[ENTRY_CHECKSUM] = checksum(ret, SMBIOS_ENTRY_SIZE);
}

bool smbios_init(struct pc_machine *pc, GError **error)
{
    struct smbios *s = g_new0(struct smbios, 1);
    uint8_t entry[SMBIOS_ENTRY_SIZE];

    pc->smbios = s;
    s->bytes = g_byte_array_new();
    s->texts = g_ptr_array_new_with_free_func(g_free);
    if (!build(pc, s, error)) {
        return false;
    }
    smbios_make_entry(pc, 0, entry);
    return fw_cfg_add_file(&pc->m, "etc/smbios/smbios-tables", s->bytes->data, s->bytes->len,
                           error) &&
           fw_cfg_add_file(&pc->m, "etc/smbios/smbios-anchor", entry, sizeof(entry), error);
}

void smbios_fini(struct pc_machine *pc)
{
    struct smbios *s = pc->smbios;

    if (!s) {
        return;
    }
    for (unsigned i = 0; i < MAX_TYPE; i++) {
        options_free(s->options[i]);
    }
    g_byte_array_unref(s->bytes);
    g_ptr_array_unref(s->texts);
    g_clear_pointer(&pc->smbios, g_free);
}
