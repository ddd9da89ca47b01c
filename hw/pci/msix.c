/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PCI extended message signalled interrupts (MSI-X).
 *
 * PCI Local Bus 3.0, section 6.8.2: a table of up to 2048 messages and an array of pending bits,
 * both in a memory BAR.
 */
#include "hw/pci/pci_private.h"

#include "util/bytes.h"
#include <string.h>

struct pci_msix {
    struct pci_device *dev;
    unsigned vectors;
    uint8_t *table;   /* as the guest sees it */
    uint8_t *pending; /* bit per vector, whole 64-bit words */
    size_t table_bytes, pending_bytes;
    struct region table_region, pending_region;
};

static uint16_t control(const struct pci_device *dev)
{
    return load_le16(dev->config + dev->cap_msix + PCI_MSIX_CONTROL);
}

bool pci_msix_enabled(const struct pci_device *dev)
{
    return dev->cap_msix && (control(dev) & PCI_MSIX_CONTROL_ENABLE);
}

static bool masked(const struct pci_msix *x, unsigned vector)
{
    const uint8_t *entry = x->table + (size_t)vector * PCI_MSIX_ENTRY_SIZE;

    return (control(x->dev) & PCI_MSIX_CONTROL_MASK_ALL) ||
           (load_le32(entry + PCI_MSIX_ENTRY_CONTROL) & PCI_MSIX_ENTRY_MASKED);
}

static void deliver(struct pci_msix *x, unsigned vector)
{
    const uint8_t *entry = x->table + (size_t)vector * PCI_MSIX_ENTRY_SIZE;

    pci_deliver_msi(x->dev, load_le64(entry + PCI_MSIX_ENTRY_ADDRESS) & ~3ULL,
                    load_le32(entry + PCI_MSIX_ENTRY_DATA));
}

/* Sends @vector if it is pending and nothing holds it back any more. */
static void send_pending(struct pci_msix *x, unsigned vector)
{
    uint8_t bit = (uint8_t)(1 << vector % 8);

    if ((x->pending[vector / 8] & bit) && pci_msix_enabled(x->dev) && !masked(x, vector)) {
        x->pending[vector / 8] &= (uint8_t)~bit;
        deliver(x, vector);
    }
}

void pci_msix_send(struct pci_device *dev, unsigned vector)
{
    struct pci_msix *x = dev->msix;

    if (!x || vector >= x->vectors || !pci_msix_enabled(dev)) {
        return;
    }
    if (masked(x, vector)) {
        x->pending[vector / 8] |= (uint8_t)(1 << vector % 8);
    } else {
        deliver(x, vector);
    }
}

static uint64_t table_read(void *opaque, uint64_t offset, unsigned size)
{
    struct pci_msix *x = opaque;

    return load_le(x->table + offset, size);
}

static void table_write(void *opaque, uint64_t offset, uint64_t val, unsigned size)
{
    struct pci_msix *x = opaque;
    unsigned vector = (unsigned)(offset / PCI_MSIX_ENTRY_SIZE);
    uint8_t *control_word =
        x->table + (size_t)vector * PCI_MSIX_ENTRY_SIZE + PCI_MSIX_ENTRY_CONTROL;

    store_le(x->table + offset, val, size);
    store_le32(control_word, load_le32(control_word) & PCI_MSIX_ENTRY_MASKED);
    send_pending(x, vector);
}

/* The guest accesses whole or double words only (6.8.2); the core widens what is narrower. */
static const struct region_ops table_ops = {
    .read = table_read,
    .write = table_write,
    .min_size = 4,
    .max_size = 8,
};

static uint64_t pending_read(void *opaque, uint64_t offset, unsigned size)
{
    struct pci_msix *x = opaque;

    return load_le(x->pending + offset, size);
}

static void pending_write(void *opaque, uint64_t offset, uint64_t val, unsigned size)
{
    struct pci_msix *x = opaque;

    (void)val;
    (void)size;
    guest_error(&x->dev->dev, "write to the MSI-X pending bits at %#x", (unsigned)offset);
}

static const struct region_ops pending_ops = {
    .read = pending_read,
    .write = pending_write,
    .min_size = 4,
    .max_size = 8,
};

bool pci_add_msix(struct pci_device *dev, unsigned vectors, unsigned bar, struct region *bar_region,
                  uint32_t table_offset, uint32_t pba_offset, GError **error)
{
    struct pci_msix *x;
    unsigned cap;

    g_assert(!dev->msix && bar < 6 && !(table_offset & 7) && !(pba_offset & 7));
    if (!vectors || vectors > PCI_MSIX_MAX_VECTORS) {
        return fail(error, "%s: %u MSI-X vectors: 1 to %d are possible", dev->dev.type->name,
                    vectors, PCI_MSIX_MAX_VECTORS);
    }
    cap = pci_add_capability(dev, PCI_CAP_MSIX, 0, PCI_MSIX_SIZE, error);
    if (!cap) {
        return false;
    }
    x = g_new0(struct pci_msix, 1);
    x->dev = dev;
    x->vectors = vectors;
    x->table_bytes = (size_t)vectors * PCI_MSIX_ENTRY_SIZE;
    x->pending_bytes = align_up(vectors, 64) / 8;
    x->table = g_malloc0(x->table_bytes);
    x->pending = g_malloc0(x->pending_bytes);
    region_init_io(&x->table_region, &table_ops, x, "msix-table", x->table_bytes);
    region_init_io(&x->pending_region, &pending_ops, x, "msix-pba", x->pending_bytes);
    x->table_region.guard = x->pending_region.guard = &dev->dev.guard;
    region_add(bar_region, table_offset, &x->table_region, 0);
    region_add(bar_region, pba_offset, &x->pending_region, 0);

    dev->msix = x;
    dev->cap_msix = (uint8_t)cap;
    store_le16(dev->config + cap + PCI_MSIX_CONTROL, (uint16_t)(vectors - 1));
    store_le16(dev->wmask + cap + PCI_MSIX_CONTROL,
               PCI_MSIX_CONTROL_ENABLE | PCI_MSIX_CONTROL_MASK_ALL);
    store_le32(dev->config + cap + PCI_MSIX_TABLE, table_offset | bar);
    store_le32(dev->config + cap + PCI_MSIX_PBA, pba_offset | bar);
    pci_msix_reset(dev);
    return true;
}

void pci_msix_config_written(struct pci_device *dev, unsigned offset, unsigned size)
{
    if (!dev->msix || !pci_ranges_meet(offset, size, dev->cap_msix + PCI_MSIX_CONTROL, 2) ||
        !pci_msix_enabled(dev)) {
        return;
    }
    for (unsigned v = 0; v < dev->msix->vectors; v++) {
        send_pending(dev->msix, v);
    }
}

void pci_msix_reset(struct pci_device *dev)
{
    struct pci_msix *x = dev->msix;

    if (!x) {
        return;
    }
    memset(x->table, 0, x->table_bytes);
    memset(x->pending, 0, x->pending_bytes);
    for (unsigned v = 0; v < x->vectors; v++) {
        store_le32(x->table + (size_t)v * PCI_MSIX_ENTRY_SIZE + PCI_MSIX_ENTRY_CONTROL,
                   PCI_MSIX_ENTRY_MASKED);
    }
}

void pci_msix_free(struct pci_device *dev)
{
    struct pci_msix *x = dev->msix;

    if (!x) {
        return;
    }
    region_fini(&x->table_region);
    region_fini(&x->pending_region);
    g_free(x->table);
    g_free(x->pending);
    g_free(x);
    dev->msix = NULL;
}

void pci_msix_save(const struct pci_device *dev, GByteArray *out)
{
    if (dev->msix) {
        state_write_bytes(out, dev->msix->table, dev->msix->table_bytes);
        state_write_bytes(out, dev->msix->pending, dev->msix->pending_bytes);
    }
}

bool pci_msix_load(struct pci_device *dev, struct state_reader *in, GError **error)
{
    struct pci_msix *x = dev->msix;

    if (!x) {
        return true;
    }
    if (!state_read_bytes(in, x->table, x->table_bytes, error) ||
        !state_read_bytes(in, x->pending, x->pending_bytes, error)) {
        return false;
    }
    for (unsigned v = 0; v < x->vectors; v++) {
        uint8_t *word = x->table + (size_t)v * PCI_MSIX_ENTRY_SIZE + PCI_MSIX_ENTRY_CONTROL;

        store_le32(word, load_le32(word) & PCI_MSIX_ENTRY_MASKED);
    }
    return true;
}
