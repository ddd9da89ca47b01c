/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Test device of kvm-unit-tests: ports and memory that do nothing but be looked at.
 *
 *   port 0xe0 (4 bytes)     keeps what was written, at any width
 *   port 0xe4 (4 bytes)     write of a physical address: that page leaves the memory map and comes
 *                           back, so that an accelerator drops what it has cached of it
 *   port 0xe8 (1 byte)      keeps what was written
 *   port 0x2000 + n         n = 0 to 15: level of ISA interrupt line n
 *   memory 0xff000000       64 KiB of I/O memory that keeps what was written, at any width
 *
 * Written from what the tests expect. Absent: lines above 15 at 0x2010; no test uses them.
 */
#include "hw/isa/isa.h"
#include "util/bytes.h"

#define MMIO_ADDR 0xff000000u
#define MMIO_SIZE 0x10000u
#define TEST_PAGE 0x1000u

struct pc_testdev {
    struct isa_device isa;
    struct region echo, flush, byte, irq_ports, mmio;
    struct region hole; /* what covers a page while it is out of the map */
    struct irq *lines[ISA_IRQS];

    uint8_t echo_bytes[4], last_byte;
    uint16_t line_levels;
    uint8_t mmio_bytes[MMIO_SIZE];
};

static struct pc_testdev *from_dev(struct device *dev)
{
    return container_of(dev, struct pc_testdev, isa.dev);
}

static uint64_t echo_read(void *opaque, uint64_t offset, unsigned size)
{
    struct pc_testdev *t = opaque;

    return load_le(t->echo_bytes + offset, MIN(size, sizeof(t->echo_bytes)));
}

static void echo_write(void *opaque, uint64_t offset, uint64_t val, unsigned size)
{
    struct pc_testdev *t = opaque;

    for (unsigned i = 0; i < size && offset + i < sizeof(t->echo_bytes); i++) {
        t->echo_bytes[offset + i] = (uint8_t)(val >> (8 * i));
    }
}

/* Aligned accesses of at most four bytes stay within the four. */
static const struct region_ops echo_ops = {
    .read = echo_read,
    .write = echo_write,
    .min_size = 1,
    .max_size = 4,
};

static uint64_t zero_read(void *opaque, uint64_t offset, unsigned size)
{
    (void)opaque, (void)offset, (void)size;
    return 0;
}

static void write_nothing(void *opaque, uint64_t offset, uint64_t val, unsigned size)
{
    (void)opaque, (void)offset, (void)val, (void)size;
}

static void flush_write(void *opaque, uint64_t offset, uint64_t val, unsigned size)
{
    struct pc_testdev *t = opaque;

    (void)offset, (void)size;
    region_set_addr(&t->hole, align_down(val, TEST_PAGE));
    region_set_enabled(&t->hole, true);
    region_set_enabled(&t->hole, false);
}

static const struct region_ops flush_ops = {
    .read = zero_read,
    .write = flush_write,
    .min_size = 4,
    .max_size = 4,
};

static const struct region_ops hole_ops = {
    .read = zero_read,
    .write = write_nothing,
    .max_size = 8,
};

static uint64_t byte_read(void *opaque, uint64_t offset, unsigned size)
{
    struct pc_testdev *t = opaque;

    (void)offset, (void)size;
    return t->last_byte;
}

static void byte_write(void *opaque, uint64_t offset, uint64_t val, unsigned size)
{
    struct pc_testdev *t = opaque;

    (void)offset, (void)size;
    t->last_byte = (uint8_t)val;
}

static const struct region_ops byte_ops = {
    .read = byte_read,
    .write = byte_write,
    .min_size = 1,
    .max_size = 1,
};

static uint64_t line_read(void *opaque, uint64_t offset, unsigned size)
{
    struct pc_testdev *t = opaque;

    (void)size;
    return t->line_levels >> offset & 1;
}

static void line_write(void *opaque, uint64_t offset, uint64_t val, unsigned size)
{
    struct pc_testdev *t = opaque;

    (void)size;
    t->line_levels = (uint16_t)bits_set(t->line_levels, (unsigned)offset, 1, val != 0);
    irq_set(t->lines[offset], val != 0);
}

static const struct region_ops line_ops = {
    .read = line_read,
    .write = line_write,
    .min_size = 1,
    .max_size = 1,
};

static uint64_t mmio_read(void *opaque, uint64_t offset, unsigned size)
{
    struct pc_testdev *t = opaque;

    return load_le(t->mmio_bytes + offset, size);
}

static void mmio_write(void *opaque, uint64_t offset, uint64_t val, unsigned size)
{
    struct pc_testdev *t = opaque;

    store_le(t->mmio_bytes + offset, val, size);
}

static const struct region_ops mmio_ops = {
    .read = mmio_read,
    .write = mmio_write,
    .min_size = 1,
    .max_size = 8,
};

static const struct state_field testdev_fields[] = {
    STATE_BYTES(struct pc_testdev, echo_bytes),
    STATE_U8(struct pc_testdev, last_byte),
    STATE_U16(struct pc_testdev, line_levels),
    STATE_BYTES(struct pc_testdev, mmio_bytes),
    {0},
};

static const struct state_table testdev_state = {
    .name = "pc-testdev",
    .version = 1,
    .fields = testdev_fields,
};

static bool testdev_realize(struct device *dev, GError **error)
{
    struct pc_testdev *t = from_dev(dev);

    for (unsigned i = 0; i < ISA_IRQS; i++) {
        t->lines[i] = isa_irq(&t->isa, i, error);
        if (!t->lines[i]) {
            return false;
        }
    }
    region_init_io(&t->echo, &echo_ops, t, "pc-testdev-echo", 4);
    region_init_io(&t->flush, &flush_ops, t, "pc-testdev-flush", 4);
    region_init_io(&t->byte, &byte_ops, t, "pc-testdev-byte", 1);
    region_init_io(&t->irq_ports, &line_ops, t, "pc-testdev-irqs", ISA_IRQS);
    region_init_io(&t->mmio, &mmio_ops, t, "pc-testdev-mmio", MMIO_SIZE);
    region_init_io(&t->hole, &hole_ops, t, "pc-testdev-hole", TEST_PAGE);
    region_set_enabled(&t->hole, false);
    region_add(&dev->machine->memory_root, 0, &t->hole, /* priority= */ 100);
    return isa_map_io(&t->isa, 0xe0, &t->echo, error) &&
           isa_map_io(&t->isa, 0xe4, &t->flush, error) &&
           isa_map_io(&t->isa, 0xe8, &t->byte, error) &&
           isa_map_io(&t->isa, 0x2000, &t->irq_ports, error) &&
           isa_map_memory(&t->isa, MMIO_ADDR, &t->mmio, error);
}

static void testdev_unrealize(struct device *dev)
{
    struct pc_testdev *t = from_dev(dev);

    region_fini(&t->echo);
    region_fini(&t->flush);
    region_fini(&t->byte);
    region_fini(&t->irq_ports);
    region_fini(&t->mmio);
    region_fini(&t->hole);
}

static void testdev_reset(struct device *dev)
{
    struct pc_testdev *t = from_dev(dev);

    memset(t->echo_bytes, 0, sizeof(t->echo_bytes));
    memset(t->mmio_bytes, 0, sizeof(t->mmio_bytes));
    t->last_byte = 0;
    for (unsigned i = 0; i < ISA_IRQS; i++) {
        if (t->line_levels >> i & 1) {
            irq_lower(t->lines[i]);
        }
    }
    t->line_levels = 0;
}

static const struct device_type testdev_type = {
    .name = "pc-testdev",
    .description = "test device of kvm-unit-tests",
    .category = DEVICE_MISC,
    .bus = BUS_ISA,
    .size = sizeof(struct pc_testdev),
    .state = &testdev_state,
    .realize = testdev_realize,
    .unrealize = testdev_unrealize,
    .reset = testdev_reset,
};
DEVICE_TYPE(testdev_type);
