/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine with nothing but two IDE channels, their bus masters and some memory.
 *
 * Tests use the channels as a guest does, by register. Included once per test program.
 */
#ifndef VITRO_TESTS_UNIT_HW_IDE_RIG_H
#define VITRO_TESTS_UNIT_HW_IDE_RIG_H

#include "block/block.h"
#include "hw/core/machine.h"
#include "hw/ide/bmdma.h"
#include "hw/ide/ide.h"
#include "util/bytes.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

enum {
    RIG_MEMORY = 1024 * 1024,

    REG_ERROR = 1,
    REG_COUNT = 2,
    REG_LOW = 3,
    REG_MID = 4,
    REG_HIGH = 5,
    REG_DEVICE = 6,
    REG_STATUS = 7,

    ST_ERR = 0x01,
    ST_DRQ = 0x08,
    ST_DRDY = 0x40,
    ST_BSY = 0x80,
};

struct rig_controller {
    struct device dev;
    struct ide_channel channels[2];
    struct bmdma bmdma[2];
    uint8_t *memory;
};

struct rig {
    GMainContext *context;
    struct machine *machine;
    struct rig_controller *controller;
    struct ide_channel *ch; /* the primary one */
    struct bmdma *bm;
    struct irq irq;
    int irq_level;
    unsigned irqs; /* rising edges */
    char *path;    /* of the image; NULL: none */
};

static inline void rig_memory_read(void *host, uint64_t gpa, void *buf, uint64_t len)
{
    struct rig_controller *c = host;
    uint8_t *p = buf;

    for (uint64_t i = 0; i < len; i++) {
        p[i] = gpa + i < RIG_MEMORY ? c->memory[gpa + i] : 0xff;
    }
}

static inline void rig_memory_write(void *host, uint64_t gpa, const void *buf, uint64_t len)
{
    struct rig_controller *c = host;
    const uint8_t *p = buf;

    for (uint64_t i = 0; i < len; i++) {
        if (gpa + i < RIG_MEMORY) {
            c->memory[gpa + i] = p[i];
        }
    }
}

static inline bool rig_realize(struct device *dev, GError **error)
{
    struct rig_controller *c = container_of(dev, struct rig_controller, dev);

    (void)error;
    c->memory = g_malloc0(RIG_MEMORY);
    for (unsigned i = 0; i < 2; i++) {
        c->bmdma[i] = (struct bmdma){
            .channel = &c->channels[i],
            .read = rig_memory_read,
            .write = rig_memory_write,
            .host = c,
        };
        ide_channel_init(&c->channels[i], dev, i, &bmdma_host_ops, &c->bmdma[i]);
    }
    return true;
}

static inline void rig_unrealize(struct device *dev)
{
    struct rig_controller *c = container_of(dev, struct rig_controller, dev);

    ide_channel_fini(&c->channels[0]);
    ide_channel_fini(&c->channels[1]);
    g_clear_pointer(&c->memory, g_free);
}

static inline void rig_reset(struct device *dev)
{
    struct rig_controller *c = container_of(dev, struct rig_controller, dev);

    for (unsigned i = 0; i < 2; i++) {
        bmdma_reset(&c->bmdma[i]);
        ide_channel_reset(&c->channels[i]);
    }
}

static const struct device_type rig_controller_type = {
    .name = "ide-rig",
    .description = "two IDE channels for tests",
    .category = DEVICE_STORAGE,
    .size = sizeof(struct rig_controller),
    .state = &state_none,
    .realize = rig_realize,
    .unrealize = rig_unrealize,
    .reset = rig_reset,
};
DEVICE_TYPE(rig_controller_type);

static const struct machine_type rig_machine_type = {
    .name = "ide-rig",
    .description = "machine for tests",
};

static inline void rig_irq(void *opaque, int n, int level)
{
    struct rig *r = opaque;

    (void)n;
    r->irqs += level && !r->irq_level;
    r->irq_level = level;
}

/* An image of @bytes, byte i being i / 512 + i * 3, or none; its place is @options. */
static inline void rig_init(struct rig *r, uint32_t bytes, const char *options)
{
    g_autoptr(GError) err = NULL;
    struct device *dev;

    *r = (struct rig){0};
    r->context = g_main_context_new();
    r->machine = machine_new(&rig_machine_type);
    r->machine->blocks = blocks_new(r->context);
    lock_acquire(&r->machine->lock);
    dev = device_new(r->machine, "ide-rig", &err);
    g_assert_no_error(err);
    g_assert_true(device_realize(dev, NULL, &err));
    r->controller = container_of(dev, struct rig_controller, dev);
    r->ch = &r->controller->channels[0];
    r->bm = &r->controller->bmdma[0];
    irq_init(&r->irq, rig_irq, r, 14);
    r->ch->irq = &r->irq;
    if (bytes) {
        int fd = g_file_open_tmp("vitro-ide-XXXXXX", &r->path, NULL);
        g_autofree uint8_t *data = g_malloc(bytes);

        for (uint32_t i = 0; i < bytes; i++) {
            data[i] = (uint8_t)(i / 512 + i * 3);
        }
        g_assert_cmpint(write(fd, data, bytes), ==, bytes);
        close(fd);
        g_assert_nonnull(drive_new_file(r->machine->blocks, r->path, options, DRIVE_IF_IDE, &err));
    } else if (options) {
        g_assert_nonnull(drive_new(r->machine->blocks, options, DRIVE_IF_IDE, &err));
    }
    g_assert_no_error(err);
    ide_create_drives(r->machine, r->ch, 0, &err);
    g_assert_no_error(err);
}

static inline void rig_fini(struct rig *r)
{
    struct blocks *blocks = r->machine->blocks;

    machine_release_devices(r->machine);
    blocks_free(blocks);
    lock_release(&r->machine->lock);
    machine_free(r->machine);
    g_main_context_unref(r->context);
    if (r->path) {
        g_unlink(r->path);
        g_free(r->path);
    }
}

static inline uint8_t rig_byte(uint32_t i)
{
    return (uint8_t)(i / 512 + i * 3);
}

/* Runs the main loop until the selected unit is not busy; the alternate status then. */
static inline uint8_t rig_wait(struct rig *r)
{
    while (ide_control_read(r->ch) & ST_BSY) {
        g_main_context_iteration(r->context, TRUE);
    }
    return ide_control_read(r->ch);
}

/* A 28-bit command. */
static inline void rig_command(struct rig *r, uint8_t command, uint32_t lba, uint8_t count)
{
    ide_reg_write(r->ch, REG_DEVICE, (uint8_t)(0xe0 | lba >> 24));
    ide_reg_write(r->ch, REG_COUNT, count);
    ide_reg_write(r->ch, REG_LOW, (uint8_t)lba);
    ide_reg_write(r->ch, REG_MID, (uint8_t)(lba >> 8));
    ide_reg_write(r->ch, REG_HIGH, (uint8_t)(lba >> 16));
    ide_reg_write(r->ch, REG_STATUS, command);
}

/* A 48-bit command. */
static inline void rig_command_ext(struct rig *r, uint8_t command, uint64_t lba, uint16_t count)
{
    ide_reg_write(r->ch, REG_DEVICE, 0xe0);
    ide_reg_write(r->ch, REG_COUNT, (uint8_t)(count >> 8));
    ide_reg_write(r->ch, REG_COUNT, (uint8_t)count);
    ide_reg_write(r->ch, REG_LOW, (uint8_t)(lba >> 24));
    ide_reg_write(r->ch, REG_LOW, (uint8_t)lba);
    ide_reg_write(r->ch, REG_MID, (uint8_t)(lba >> 32));
    ide_reg_write(r->ch, REG_MID, (uint8_t)(lba >> 8));
    ide_reg_write(r->ch, REG_HIGH, (uint8_t)(lba >> 40));
    ide_reg_write(r->ch, REG_HIGH, (uint8_t)(lba >> 16));
    ide_reg_write(r->ch, REG_STATUS, command);
}

static inline void rig_read_data(struct rig *r, uint8_t *buf, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i += 2) {
        store_le16(buf + i, (uint16_t)ide_data_read(r->ch, 2));
    }
}

static inline void rig_write_data(struct rig *r, const uint8_t *buf, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i += 2) {
        ide_data_write(r->ch, load_le16(buf + i), 2);
    }
}

/* Entry @n of the descriptor table at address 0x1000. */
static inline void rig_prd(struct rig *r, unsigned n, uint32_t gpa, uint16_t bytes, bool last)
{
    uint8_t *p = r->controller->memory + 0x1000 + 8 * n;

    store_le32(p, gpa);
    store_le32(p + 4, bytes | (last ? 0x80000000u : 0));
}

/* Starts the bus master on that table. */
static inline void rig_start_dma(struct rig *r, bool to_memory)
{
    bmdma_write(r->bm, 4, 0x1000, 4);
    bmdma_write(r->bm, 2, 0x06, 1);
    bmdma_write(r->bm, 0, to_memory ? 0x08 : 0, 1);
    bmdma_write(r->bm, 0, to_memory ? 0x09 : 1, 1);
}

static inline void rig_stop_dma(struct rig *r)
{
    bmdma_write(r->bm, 0, 0, 1);
}

static inline void rig_srst(struct rig *r)
{
    ide_control_write(r->ch, 0x04);
    ide_control_write(r->ch, 0x00);
}

#endif
