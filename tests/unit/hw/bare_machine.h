/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests of chips: a machine with an ISA bus and nothing else, time driven by hand.
 *
 * The machine lock is held from bare_init() to bare_fini(), as around a device's functions.
 */
#ifndef VITRO_TESTS_UNIT_HW_BARE_MACHINE_H
#define VITRO_TESTS_UNIT_HW_BARE_MACHINE_H

#include "hw/isa/isa.h"

struct bare {
    struct machine *m;
    struct isa_bus isa;
};

/* The end of an interrupt line, that remembers what it saw. */
struct line {
    struct irq irq;
    int level;
    unsigned rises;
};

static inline void bare_init(struct bare *b)
{
    static const struct machine_type type = {.name = "bare", .size = sizeof(struct machine)};

    b->m = machine_new(&type);
    lock_acquire(&b->m->lock);
    clock_set_manual(&b->m->clock_virtual);
    clock_start(&b->m->clock_virtual);
    isa_bus_init(&b->isa, b->m, /* parent= */ NULL, &b->m->memory_root, &b->m->io_root);
}

static inline void bare_fini(struct bare *b)
{
    lock_release(&b->m->lock);
    machine_free(b->m);
}

static inline void bare_outb(struct bare *b, uint16_t port, uint8_t val)
{
    address_space_store(&b->m->io, port, val, 1, MEM_ATTRS_NONE);
}

static inline uint8_t bare_inb(struct bare *b, uint16_t port)
{
    return (uint8_t)address_space_load(&b->m->io, port, 1, MEM_ATTRS_NONE, NULL);
}

static inline void bare_store(struct bare *b, uint64_t gpa, uint64_t val, unsigned size)
{
    address_space_store(&b->m->memory, gpa, val, size, MEM_ATTRS_NONE);
}

static inline uint64_t bare_load(struct bare *b, uint64_t gpa, unsigned size)
{
    return address_space_load(&b->m->memory, gpa, size, MEM_ATTRS_NONE, NULL);
}

/* Lets @ns of virtual time go by; timers run at their deadlines. */
static inline void bare_step(struct bare *b, int64_t ns)
{
    clock_step_to(&b->m->clock_virtual, clock_now_ns(&b->m->clock_virtual) + ns);
}

/* -global DRIVER.NAME=VALUE */
static inline void bare_global(struct bare *b, const char *driver, const char *name,
                               const char *value)
{
    struct global_prop *g = g_new0(struct global_prop, 1);

    g->driver = g_strdup(driver);
    g->name = g_strdup(name);
    g->value = g_strdup(value);
    g_ptr_array_add(b->m->globals, g);
}

/* Saves @dev, resets it, and loads it again. */
static inline void bare_reload(struct device *dev)
{
    g_autoptr(GByteArray) saved = g_byte_array_new();
    g_autoptr(GByteArray) again = g_byte_array_new();
    struct state_reader reader;
    GError *error = NULL;

    state_save(dev->type->state, dev, saved);
    device_reset(dev);
    reader = (struct state_reader){.data = saved->data, .len = saved->len};
    state_load(dev->type->state, dev, &reader, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(reader.pos, ==, saved->len);
    state_save(dev->type->state, dev, again);
    g_assert_cmpmem(saved->data, saved->len, again->data, again->len);
}

static inline void line_changed(void *opaque, int n, int level)
{
    struct line *line = opaque;

    (void)n;
    line->rises += level && !line->level;
    line->level = level;
}

static inline struct irq *line_init(struct line *line)
{
    *line = (struct line){.level = 0};
    irq_init(&line->irq, line_changed, line, 0);
    return &line->irq;
}

#endif
