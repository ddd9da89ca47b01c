/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device test protocol.
 */
#include "system/qtest.h"

#include "chardev/chardev.h"
#include "util/bytes.h"
#include "util/parse.h"
#include <string.h>

#define MAX_LINE     (64 * MiB) /* a "write" of that many hexadecimal digits */
#define MAX_TRANSFER (16 * MiB)

struct intercepted {
    struct qtest *q;
    struct irq before;
    int level;
};

struct qtest {
    struct machine *machine;
    struct char_frontend fe;
    GString *line;
    struct device *watched;
    struct intercepted *lines;
};

struct command {
    const char *name;
    unsigned min_args, max_args;
    void (*run)(struct qtest *q, const struct command *c, char **args);
    unsigned size; /* of an access */
    bool write;
};

static void reply(struct qtest *q, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void reply(struct qtest *q, const char *fmt, ...)
{
    g_autofree char *text = NULL;
    va_list ap;

    va_start(ap, fmt);
    text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    char_frontend_write_all(&q->fe, text, strlen(text));
}

static bool number(struct qtest *q, const char *text, uint64_t max, uint64_t *ret)
{
    g_autoptr(GError) err = NULL;

    if (!parse_uint(text, max, ret, &err)) {
        reply(q, "FAIL %s\n", err->message);
        return false;
    }
    return true;
}

static void access_space(struct qtest *q, const struct command *c, char **args,
                         struct address_space *as, uint64_t max_addr)
{
    uint64_t addr, val;

    if (!number(q, args[0], max_addr, &addr)) {
        return;
    }
    if (!c->write) {
        reply(q, "OK 0x%0*" PRIx64 "\n", as == &q->machine->io ? 4 : 16,
              address_space_load(as, addr, c->size, MEM_ATTRS_NONE, NULL));
    } else if (number(q, args[1], UINT64_MAX, &val)) {
        address_space_store(as, addr, val, c->size, MEM_ATTRS_NONE);
        reply(q, "OK\n");
    }
}

static void run_port(struct qtest *q, const struct command *c, char **args)
{
    access_space(q, c, args, &q->machine->io, UINT16_MAX);
}

static void run_mem(struct qtest *q, const struct command *c, char **args)
{
    access_space(q, c, args, &q->machine->memory, UINT64_MAX);
}

static bool addr_and_size(struct qtest *q, char **args, uint64_t *ret_addr, uint64_t *ret_size)
{
    return number(q, args[0], UINT64_MAX, ret_addr) && number(q, args[1], MAX_TRANSFER, ret_size);
}

static void run_read(struct qtest *q, const struct command *c, char **args)
{
    g_autofree uint8_t *buf = NULL;
    g_autoptr(GString) hex = g_string_new("OK 0x");
    uint64_t addr, size;

    (void)c;
    if (!addr_and_size(q, args, &addr, &size)) {
        return;
    }
    buf = g_malloc(size + 1);
    address_space_read(&q->machine->memory, addr, buf, size, MEM_ATTRS_NONE);
    for (uint64_t i = 0; i < size; i++) {
        g_string_append_printf(hex, "%02x", buf[i]);
    }
    reply(q, "%s\n", hex->str);
}

static void run_write(struct qtest *q, const struct command *c, char **args)
{
    const char *hex = args[2];
    g_autofree uint8_t *buf = NULL;
    uint64_t addr, size;

    (void)c;
    if (!addr_and_size(q, args, &addr, &size)) {
        return;
    }
    if (!g_str_has_prefix(hex, "0x") || strlen(hex) != 2 + 2 * size) {
        reply(q, "FAIL data is not 0x and %" PRIu64 " hexadecimal digits\n", 2 * size);
        return;
    }
    buf = g_malloc(size + 1);
    for (uint64_t i = 0; i < size; i++) {
        int hi = g_ascii_xdigit_value(hex[2 + 2 * i]), lo = g_ascii_xdigit_value(hex[3 + 2 * i]);

        if (hi < 0 || lo < 0) {
            reply(q, "FAIL data is not hexadecimal\n");
            return;
        }
        buf[i] = (uint8_t)(hi << 4 | lo);
    }
    address_space_write(&q->machine->memory, addr, buf, size, MEM_ATTRS_NONE);
    reply(q, "OK\n");
}

static void run_b64read(struct qtest *q, const struct command *c, char **args)
{
    g_autofree uint8_t *buf = NULL;
    g_autofree char *text = NULL;
    uint64_t addr, size;

    (void)c;
    if (!addr_and_size(q, args, &addr, &size)) {
        return;
    }
    buf = g_malloc(size + 1);
    address_space_read(&q->machine->memory, addr, buf, size, MEM_ATTRS_NONE);
    text = g_base64_encode(buf, size);
    reply(q, "OK %s\n", text);
}

static void run_b64write(struct qtest *q, const struct command *c, char **args)
{
    g_autofree uint8_t *buf = NULL;
    uint64_t addr, size;
    gsize len;

    (void)c;
    if (!addr_and_size(q, args, &addr, &size)) {
        return;
    }
    buf = g_base64_decode(args[2], &len);
    if (len != size) {
        reply(q, "FAIL data has %zu bytes, not %" PRIu64 "\n", len, size);
        return;
    }
    address_space_write(&q->machine->memory, addr, buf, size, MEM_ATTRS_NONE);
    reply(q, "OK\n");
}

static void run_memset(struct qtest *q, const struct command *c, char **args)
{
    g_autofree uint8_t *buf = NULL;
    uint64_t addr, size, val;

    (void)c;
    if (!addr_and_size(q, args, &addr, &size) || !number(q, args[2], 255, &val)) {
        return;
    }
    buf = g_malloc(size + 1);
    memset(buf, (int)val, size);
    address_space_write(&q->machine->memory, addr, buf, size, MEM_ATTRS_NONE);
    reply(q, "OK\n");
}

static void run_clock(struct qtest *q, const struct command *c, char **args)
{
    struct clock *clock = &q->machine->clock_virtual;
    uint64_t to = INT64_MAX;

    if (args[0] && !number(q, args[0], INT64_MAX, &to)) {
        return;
    }
    if (!c->write) { /* a step: by so much, or to the next deadline */
        int64_t now = clock_now_ns(clock), next = clock_next_ns(clock);

        to = args[0] ? (uint64_t)now + to : (uint64_t)(next == INT64_MAX ? now : next);
    }
    clock_step_to(clock, (int64_t)MIN(to, (uint64_t)INT64_MAX));
    reply(q, "OK %" PRId64 "\n", clock_now_ns(clock));
}

static void intercepted_set(void *opaque, int n, int level)
{
    struct intercepted *i = opaque;

    if (i->level != !!level) {
        i->level = !!level;
        reply(i->q, "IRQ %s %d\n", level ? "raise" : "lower", n);
    }
    i->before.set(i->before.opaque, i->before.n, level);
}

/* The first device below @obj whose type has this name, or NULL. */
static struct device *device_of_type(struct machine *m, struct object *obj, const char *type)
{
    struct device *dev = NULL;

    if (strcmp(obj->type_name, type) == 0) {
        g_autofree char *path = object_path(obj);

        dev = device_find(m, path);
    }
    for (guint i = 0; !dev && obj->children && i < obj->children->len; i++) {
        dev = device_of_type(m, g_ptr_array_index(obj->children, i), type);
    }
    return dev;
}

static struct device *device_with_irqs(struct qtest *q, const char *path)
{
    struct device *dev = device_find(q->machine, path);

    if (!dev) {
        dev = device_of_type(q->machine, &q->machine->obj, path);
    }
    if (!dev) {
        reply(q, "FAIL there is no device '%s'\n", path);
    } else if (!dev->irqs_in_count) {
        reply(q, "FAIL '%s' has no interrupt inputs\n", path);
        dev = NULL;
    }
    return dev;
}

static void run_intercept(struct qtest *q, const struct command *c, char **args)
{
    struct device *dev = device_with_irqs(q, args[0]);

    (void)c;
    if (!dev) {
        return;
    }
    if (q->watched) {
        reply(q, q->watched == dev ? "OK\n" : "FAIL another device is being watched\n");
        return;
    }
    q->watched = dev;
    q->lines = g_new0(struct intercepted, dev->irqs_in_count);
    for (unsigned i = 0; i < dev->irqs_in_count; i++) {
        q->lines[i] = (struct intercepted){q, dev->irqs_in[i], 0};
        irq_init(&dev->irqs_in[i], intercepted_set, &q->lines[i], (int)i);
    }
    reply(q, "OK\n");
}

static void run_set_irq(struct qtest *q, const struct command *c, char **args)
{
    struct device *dev = device_with_irqs(q, args[0]);
    uint64_t n, level;

    (void)c;
    if (!dev || !number(q, args[2], dev->irqs_in_count - 1, &n) || !number(q, args[3], 1, &level)) {
        return;
    }
    irq_set(&dev->irqs_in[n], (int)level);
    reply(q, "OK\n");
}

static void run_endianness(struct qtest *q, const struct command *c, char **args)
{
    (void)c, (void)args;
    reply(q, "OK little\n");
}

static const struct command commands[] = {
    {"inb", 1, 1, run_port, 1, false},          {"inw", 1, 1, run_port, 2, false},
    {"inl", 1, 1, run_port, 4, false},          {"outb", 2, 2, run_port, 1, true},
    {"outw", 2, 2, run_port, 2, true},          {"outl", 2, 2, run_port, 4, true},
    {"readb", 1, 1, run_mem, 1, false},         {"readw", 1, 1, run_mem, 2, false},
    {"readl", 1, 1, run_mem, 4, false},         {"readq", 1, 1, run_mem, 8, false},
    {"writeb", 2, 2, run_mem, 1, true},         {"writew", 2, 2, run_mem, 2, true},
    {"writel", 2, 2, run_mem, 4, true},         {"writeq", 2, 2, run_mem, 8, true},
    {"read", 2, 2, run_read, 0, false},         {"write", 3, 3, run_write, 0, true},
    {"b64read", 2, 2, run_b64read, 0, false},   {"b64write", 3, 3, run_b64write, 0, true},
    {"memset", 3, 3, run_memset, 0, true},      {"clock_step", 0, 1, run_clock, 0, false},
    {"clock_set", 1, 1, run_clock, 0, true},    {"irq_intercept_in", 1, 1, run_intercept, 0, false},
    {"set_irq_in", 4, 4, run_set_irq, 0, true}, {"endianness", 0, 0, run_endianness, 0, false},
};

static void run_line(struct qtest *q, char *text)
{
    g_auto(GStrv) words = g_strsplit(g_strstrip(text), " ", -1);
    unsigned n = g_strv_length(words);

    if (n == 0 || !*words[0]) {
        return;
    }
    for (unsigned i = 0; i < ARRAY_SIZE(commands); i++) {
        const struct command *c = &commands[i];

        if (strcmp(c->name, words[0]) != 0) {
            continue;
        }
        if (n - 1 < c->min_args || n - 1 > c->max_args) {
            reply(q, "FAIL %s takes %u to %u arguments\n", c->name, c->min_args, c->max_args);
        } else {
            c->run(q, c, words + 1);
        }
        return;
    }
    reply(q, "FAIL unknown command '%s'\n", words[0]);
}

static void receive(void *opaque, const uint8_t *buf, size_t len)
{
    struct qtest *q = opaque;

    for (size_t i = 0; i < len; i++) {
        if (buf[i] == '\n') {
            run_line(q, q->line->str);
            g_string_truncate(q->line, 0);
        } else if (q->line->len < MAX_LINE) {
            g_string_append_c(q->line, (char)buf[i]);
        }
    }
}

struct qtest *qtest_new(struct machine *m, const char *device, GError **error)
{
    struct qtest *q = g_new0(struct qtest, 1);
    struct chardev *chr;

    q->machine = m;
    q->line = g_string_new(NULL);
    q->fe = (struct char_frontend){.receive = receive, .opaque = q};
    clock_set_manual(&m->clock_virtual);
    clock_start(&m->clock_virtual);
    if (!chardev_parse_short(m->chardevs, "qtest", device, &chr, error) ||
        (chr && !char_frontend_connect(&q->fe, chr, error))) {
        g_prefix_error(error, "-qtest: ");
        qtest_free(q);
        return NULL;
    }
    return q;
}

void qtest_free(struct qtest *q)
{
    if (!q) {
        return;
    }
    char_frontend_disconnect(&q->fe);
    for (unsigned i = 0; q->watched && i < q->watched->irqs_in_count; i++) {
        q->watched->irqs_in[i] = q->lines[i].before;
    }
    g_free(q->lines);
    g_string_free(q->line, TRUE);
    g_free(q);
}
