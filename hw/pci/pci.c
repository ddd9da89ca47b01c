/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PCI bus: configuration space, interrupt pins, devices coming and going.
 *
 * PCI Local Bus 3.0, chapter 6. What the guest may change in configuration space is given by two
 * masks per byte (writable, cleared by writing 1); everything else is read-only to it. Reset puts
 * back what realize() left there. Saved state holds the whole space, but only masked bits are
 * taken from it: bits that a device computes come from the device's own state.
 *
 * Absent: parity and error reporting beyond the register bits; master abort bits.
 */
#include "hw/pci/pci_private.h"

#include "util/bytes.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* ---- property "addr" ---- */

/* "SLOT" or "SLOT.FUNCTION" in hex, or "-1" for any. */
static bool addr_set(struct object *obj, const struct property *p, void *field, const char *text,
                     GError **error)
{
    unsigned long slot, fn = 0;
    char *end = NULL;

    (void)obj;
    (void)p;
    if (!strcmp(text, "-1")) {
        *(int32_t *)field = -1;
        return true;
    }
    slot = g_ascii_isxdigit(text[0]) ? strtoul(text, &end, 16) : 32;
    if (slot < 32 && *end == '.' && g_ascii_isdigit(end[1])) {
        fn = strtoul(end + 1, &end, 16);
    }
    if (slot >= 32 || fn >= 8 || *end) {
        return fail(error,
                    "'%s' is no PCI address: SLOT or SLOT.FUNCTION in hexadecimal, up to"
                    " 1f.7",
                    text);
    }
    *(int32_t *)field = PCI_DEVFN(slot, fn);
    return true;
}

static char *addr_get(struct object *obj, const struct property *p, const void *field)
{
    int32_t addr = *(const int32_t *)field;

    (void)obj;
    (void)p;
    return addr < 0 ? g_strdup("-1") : g_strdup_printf("%02x.%x", PCI_SLOT(addr), PCI_FUNC(addr));
}

static const struct prop_type prop_type_pci_addr = {
    .name = "str",
    .json = PROP_JSON_STR,
    .set = addr_set,
    .get = addr_get,
};

static const struct property pci_device_props[] = {
    PROP_ROW(struct pci_device, addr, int32_t, "addr", prop_type_pci_addr, .initial_text = "-1",
             .help = "slot and function number, such as 06.0"),
    PROP_BOOL(struct pci_device, multifunction, "multifunction", false,
              "the slot has more functions than 0"),
    PROP_STRING(struct pci_device, romfile, "romfile", NULL, "option ROM file, or empty for none"),
    PROP_U32(struct pci_device, rombar, "rombar", 1, "0 hides the option ROM from the guest"),
    {0},
};

/* ---- interrupt pins ---- */

static struct pci_bus *root_of(const struct pci_device *dev)
{
    struct pci_bus *bus = dev->bus;

    while (bus->bridge) {
        bus = bus->bridge->bus;
    }
    return bus;
}

/* One more (or less) device asserts @pin of @dev: through bridges to the host's line. */
static void count_pin(struct pci_device *dev, unsigned pin, bool asserted)
{
    struct pci_bus *bus = dev->bus;
    unsigned line;

    while (bus->bridge) {
        /* PCI-to-PCI Bridge Architecture 1.2, table 9-1 */
        pin = (PCI_SLOT(dev->devfn) + pin) % 4;
        dev = bus->bridge;
        bus = dev->bus;
    }
    if (!bus->map_irq || !bus->set_irq) {
        return;
    }
    line = bus->map_irq(dev, pin);
    g_assert(line < ARRAY_SIZE(bus->irq_count));
    if (asserted) {
        if (bus->irq_count[line]++ == 0) {
            bus->set_irq(bus->irq_opaque, line, 1);
        }
    } else if (--bus->irq_count[line] == 0) {
        bus->set_irq(bus->irq_opaque, line, 0);
    }
}

/* Brings bus and status register in line with irq_state and the command register. */
static void update_irq(struct pci_device *dev)
{
    uint16_t command = load_le16(dev->config + PCI_COMMAND);
    uint16_t status = load_le16(dev->config + PCI_STATUS);
    uint32_t out = command & PCI_COMMAND_INTX_DISABLE ? 0 : dev->irq_state;
    uint32_t changed = out ^ dev->irq_out;

    status &= (uint16_t)~PCI_STATUS_INTERRUPT;
    if (dev->irq_state) {
        status |= PCI_STATUS_INTERRUPT;
    }
    store_le16(dev->config + PCI_STATUS, status);
    dev->irq_out = out;
    for (unsigned pin = 0; pin < 4; pin++) {
        if (changed >> pin & 1) {
            count_pin(dev, pin, out >> pin & 1);
        }
    }
}

void pci_set_irq(struct pci_device *dev, int level)
{
    unsigned pin = dev->config[PCI_INTERRUPT_PIN];
    uint32_t state;

    if (pin < 1 || pin > 4) {
        return;
    }
    state = (uint32_t)bits_set(dev->irq_state, pin - 1, 1, level != 0);
    if (state != dev->irq_state) {
        dev->irq_state = state;
        update_irq(dev);
    }
}

void pci_set_interrupt_pin(struct pci_device *dev, unsigned pin)
{
    g_assert(pin <= 4);
    dev->config[PCI_INTERRUPT_PIN] = (uint8_t)pin;
}

/* ---- configuration space ---- */

static uint32_t device_config_read(struct pci_device *dev, unsigned offset, unsigned size)
{
    if (offset + size > dev->config_size) {
        return (uint32_t)size_mask(size);
    }
    if (dev->config_reading) {
        dev->config_reading(dev, offset, size);
    }
    return (uint32_t)load_le(dev->config + offset, size);
}

static void device_config_write(struct pci_device *dev, unsigned offset, uint32_t val,
                                unsigned size)
{
    uint32_t old;

    if (offset + size > dev->config_size) {
        guest_error(&dev->dev, "configuration write to %#x, beyond the end", offset);
        return;
    }
    old = (uint32_t)load_le(dev->config + offset, size);
    for (unsigned i = 0; i < size; i++) {
        uint8_t *byte = &dev->config[offset + i];
        uint8_t in = (uint8_t)(val >> 8 * i), writable = dev->wmask[offset + i];

        *byte = (uint8_t)((*byte & ~writable) | (in & writable));
        *byte = (uint8_t)(*byte & ~(in & dev->w1cmask[offset + i]));
    }
    if (pci_ranges_meet(offset, size, PCI_COMMAND, 2)) {
        update_irq(dev);
    }
    if (pci_ranges_meet(offset, size, PCI_COMMAND, 2) ||
        pci_ranges_meet(offset, size, PCI_BASE_ADDRESS_0, 24) ||
        pci_ranges_meet(offset, size, PCI_ROM_ADDRESS, 4) ||
        pci_ranges_meet(offset, size, PCI_BRIDGE_ROM_ADDRESS, 4)) {
        pci_update_mappings(dev);
    }
    pci_msi_config_written(dev, offset, size);
    pci_msix_config_written(dev, offset, size);
    if (dev->config_written) {
        dev->config_written(dev, offset, old, size);
    }
}

uint32_t pci_config_read(struct pci_bus *root, unsigned bus_nr, uint8_t devfn, unsigned offset,
                         unsigned size)
{
    struct pci_device *dev = pci_find(root, bus_nr, devfn);

    return dev ? device_config_read(dev, offset, size) : (uint32_t)size_mask(size);
}

void pci_config_write(struct pci_bus *root, unsigned bus_nr, uint8_t devfn, unsigned offset,
                      uint32_t val, unsigned size)
{
    struct pci_device *dev = pci_find(root, bus_nr, devfn);

    if (dev) {
        device_config_write(dev, offset, val, size);
    }
}

/* ---- buses ---- */

struct pci_bus *pci_bus_from(struct bus *bus)
{
    return bus && bus->type == &pci_bus_type ? container_of(bus, struct pci_bus, bus) : NULL;
}

unsigned pci_bus_nr(const struct pci_bus *bus)
{
    return bus->bridge ? bus->bridge->config[PCI_SECONDARY_BUS] : bus->bus_nr_root;
}

/* The bus that a bridge device leads to, or NULL. */
static struct pci_bus *secondary_bus(const struct pci_device *dev)
{
    for (unsigned i = 0; dev->dev.buses && i < dev->dev.buses->len; i++) {
        struct pci_bus *bus = pci_bus_from(g_ptr_array_index(dev->dev.buses, i));

        if (bus && bus->bridge == dev) {
            return bus;
        }
    }
    return NULL;
}

/* @nr is the guest's; depth is bounded by the user's topology. */
static struct pci_bus *find_bus(struct pci_bus *bus, unsigned nr)
{
    if (pci_bus_nr(bus) == nr) {
        return bus;
    }
    for (unsigned i = 0; i < ARRAY_SIZE(bus->slots); i++) {
        struct pci_device *dev = bus->slots[i];
        struct pci_bus *below = dev ? secondary_bus(dev) : NULL;

        if (below && dev->config[PCI_SECONDARY_BUS] && nr >= dev->config[PCI_SECONDARY_BUS] &&
            nr <= dev->config[PCI_SUBORDINATE_BUS]) {
            return find_bus(below, nr);
        }
    }
    return NULL;
}

struct pci_device *pci_find(struct pci_bus *root, unsigned bus_nr, uint8_t devfn)
{
    struct pci_bus *bus = find_bus(root, bus_nr);

    return bus ? bus->slots[devfn] : NULL;
}

struct pci_bus *pci_root_bus(struct machine *m)
{
    for (unsigned i = 0; i < m->buses->len; i++) {
        struct pci_bus *bus = pci_bus_from(g_ptr_array_index(m->buses, i));

        if (bus && !bus->bridge) {
            return bus;
        }
    }
    return NULL;
}

void pci_bus_init(struct pci_bus *bus, struct machine *m, struct device *parent, const char *name,
                  struct region *memory, struct region *io)
{
    bus_init(&bus->bus, &pci_bus_type, m, parent, name);
    bus->bus.hotplug = true;
    bus->memory = memory;
    bus->io = io;
    bus->dma_space = &m->memory;
}

/* ---- coming and going ---- */

static bool slot_is_free(const struct pci_bus *bus, unsigned slot)
{
    for (unsigned fn = 0; fn < 8; fn++) {
        if (bus->slots[PCI_DEVFN(slot, fn)]) {
            return false;
        }
    }
    return true;
}

static const char *name_of(const struct pci_device *dev)
{
    return dev->dev.id ? dev->dev.id : dev->dev.type->name;
}

/* Picks or checks the place of @dev on @bus. */
static bool choose_devfn(struct pci_bus *bus, struct pci_device *dev, uint8_t *ret, GError **error)
{
    unsigned slot, fn;

    if (dev->addr < 0) {
        for (slot = 0; slot < 32; slot++) {
            if (!(bus->reserved_slots >> slot & 1) && slot_is_free(bus, slot)) {
                *ret = PCI_DEVFN(slot, 0);
                return true;
            }
        }
        return fail(error, "%s: no slot of bus '%s' is free", name_of(dev), bus->bus.obj.name);
    }
    slot = PCI_SLOT(dev->addr);
    fn = PCI_FUNC(dev->addr);
    if (bus->slots[dev->addr]) {
        return fail(error, "%s: PCI address %02x.%x is taken by '%s'", name_of(dev), slot, fn,
                    name_of(bus->slots[dev->addr]));
    }
    if (fn) {
        const struct pci_device *first = bus->slots[PCI_DEVFN(slot, 0)];

        if (first && !first->multifunction) {
            return fail(error, "%s: function 0 of PCI slot %02x ('%s') lacks multifunction=on",
                        name_of(dev), slot, name_of(first));
        }
    } else if (!dev->multifunction && !slot_is_free(bus, slot)) {
        return fail(error, "%s: PCI slot %02x has other functions: multifunction=on is needed",
                    name_of(dev), slot);
    }
    *ret = (uint8_t)dev->addr;
    return true;
}

static void init_config(struct pci_device *dev, const struct pci_info *info)
{
    uint8_t *c = dev->config, *w = dev->wmask;

    store_le16(c + PCI_VENDOR_ID, info->vendor);
    store_le16(c + PCI_DEVICE_ID, info->device);
    c[PCI_REVISION_ID] = info->revision;
    c[PCI_CLASS_PROG] = (uint8_t)info->class_code;
    store_le16(c + PCI_CLASS_DEVICE, (uint16_t)(info->class_code >> 8));
    c[PCI_HEADER_TYPE] =
        (uint8_t)(info->header_type | (dev->multifunction ? PCI_HEADER_MULTIFUNCTION : 0));
    store_le16(w + PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER |
                                    PCI_COMMAND_PARITY | PCI_COMMAND_SERR |
                                    PCI_COMMAND_INTX_DISABLE);
    store_le16(dev->w1cmask + PCI_STATUS, PCI_STATUS_ERRORS);
    w[PCI_CACHE_LINE_SIZE] = 0xff;
    w[PCI_INTERRUPT_LINE] = 0xff;
    if (info->header_type == PCI_HEADER_DEVICE) {
        store_le16(c + PCI_SUBSYSTEM_VENDOR_ID,
                   info->subsystem_vendor ? info->subsystem_vendor : PCI_VENDOR_VIRTIO);
        store_le16(c + PCI_SUBSYSTEM_ID,
                   info->subsystem_vendor ? info->subsystem : PCI_SUBSYSTEM_DEFAULT);
    }
}

static bool pci_plug(struct bus *b, struct device *d, GError **error)
{
    struct pci_bus *bus = container_of(b, struct pci_bus, bus);
    struct pci_device *dev = pci_from_dev(d);
    const struct pci_info *info = d->type->bus_info;

    if (d->hotplugged && info->not_hotpluggable) {
        return fail(error, "%s cannot be added while the machine runs", d->type->name);
    }
    if (!choose_devfn(bus, dev, &dev->devfn, error)) {
        return false;
    }
    dev->bus = bus;
    dev->config_size = info->express ? PCIE_CONFIG_SIZE : PCI_CONFIG_SIZE;
    dev->config = g_malloc0(dev->config_size);
    dev->wmask = g_malloc0(dev->config_size);
    dev->w1cmask = g_malloc0(dev->config_size);
    dev->initial = g_malloc0(dev->config_size);
    memset(dev->used, 0, sizeof(dev->used));
    for (unsigned i = 0; i < PCI_BARS; i++) {
        dev->bars[i].addr = PCI_BAR_UNMAPPED;
    }
    init_config(dev, info);
    bus->slots[dev->devfn] = dev;
    return true;
}

static bool pci_realized(struct bus *b, struct device *d, GError **error)
{
    struct pci_device *dev = pci_from_dev(d);

    (void)b;
    if (!pci_rom_load(dev, error)) {
        return false;
    }
    memcpy(dev->initial, dev->config, dev->config_size);
    return true;
}

static void pci_hide(struct bus *b, struct device *d)
{
    struct pci_bus *bus = container_of(b, struct pci_bus, bus);
    struct pci_device *dev = pci_from_dev(d);

    pci_unmap_bars(dev);
    if (bus->slots[dev->devfn] == dev) {
        bus->slots[dev->devfn] = NULL;
    }
}

static void pci_unplug(struct bus *b, struct device *d)
{
    struct pci_device *dev = pci_from_dev(d);

    if (!dev->config) {
        return; /* plug failed */
    }
    dev->irq_state = 0;
    update_irq(dev);
    pci_hide(b, d);
    pci_msix_free(dev);
    pci_rom_free(dev);
    g_clear_pointer(&dev->config, g_free);
    g_clear_pointer(&dev->wmask, g_free);
    g_clear_pointer(&dev->w1cmask, g_free);
    g_clear_pointer(&dev->initial, g_free);
    dev->cap_msi = dev->cap_msix = 0;
    dev->cap_express = 0;
}

static void pci_reset(struct bus *b, struct device *d)
{
    struct pci_device *dev = pci_from_dev(d);

    (void)b;
    memcpy(dev->config, dev->initial, dev->config_size);
    dev->irq_state = 0;
    update_irq(dev);
    pci_msix_reset(dev);
    pci_update_mappings(dev);
}

static char *pci_describe(struct bus *b, struct device *d)
{
    const struct pci_device *dev = pci_from_dev(d);

    (void)b;
    return g_strdup_printf("addr %02x:%02x.%x, pci id %04x:%04x", pci_bus_nr(dev->bus),
                           PCI_SLOT(dev->devfn), PCI_FUNC(dev->devfn),
                           pci_config_get16(dev, PCI_VENDOR_ID),
                           pci_config_get16(dev, PCI_DEVICE_ID));
}

struct pci_device *pci_create(struct pci_bus *bus, int devfn, const char *type, GError **error, ...)
{
    struct device *dev = device_new(bus->bus.machine, type, error);
    bool ok = true;
    const char *name;
    va_list ap;

    if (!dev) {
        return NULL;
    }
    g_assert(dev->type->bus == &pci_bus_type);
    pci_from_dev(dev)->addr = devfn;
    va_start(ap, error);
    while (ok && (name = va_arg(ap, const char *))) {
        ok = device_set(dev, name, va_arg(ap, const char *), error);
    }
    va_end(ap);
    if (!ok || !device_realize(dev, &bus->bus, error)) {
        device_free(dev);
        return NULL;
    }
    return pci_from_dev(dev);
}

/* ---- capabilities ---- */

static bool take_bytes(struct pci_device *dev, unsigned offset, unsigned size)
{
    for (unsigned i = offset; i < offset + size; i++) {
        if (dev->used[i / 8] >> (i % 8) & 1) {
            return false;
        }
    }
    for (unsigned i = offset; i < offset + size; i++) {
        dev->used[i / 8] |= (uint8_t)(1 << i % 8);
    }
    return true;
}

unsigned pci_add_capability(struct pci_device *dev, uint8_t id, unsigned offset, unsigned size,
                            GError **error)
{
    unsigned last = PCI_CONFIG_SIZE - (unsigned)align_up(size, 4);

    if (offset) {
        if (offset < PCI_CAPABILITIES_START || offset > last || !take_bytes(dev, offset, size)) {
            fail(error, "%s: no room for capability %#x at %#x", name_of(dev), id, offset);
            return 0;
        }
    } else {
        for (offset = PCI_CAPABILITIES_START; !take_bytes(dev, offset, size); offset += 4) {
            if (offset + 4 > last) {
                fail(error, "%s: no room for capability %#x", name_of(dev), id);
                return 0;
            }
        }
    }
    dev->config[offset] = id;
    dev->config[offset + 1] = dev->config[PCI_CAPABILITY_LIST];
    dev->config[PCI_CAPABILITY_LIST] = (uint8_t)offset;
    dev->config[PCI_STATUS] |= PCI_STATUS_CAP_LIST;
    return offset;
}

/* ---- DMA and messages ---- */

uint16_t pci_requester_id(const struct pci_device *dev)
{
    return (uint16_t)(pci_bus_nr(dev->bus) << 8 | dev->devfn);
}

struct address_space *pci_dma_space(const struct pci_device *dev)
{
    if (!(load_le16(dev->config + PCI_COMMAND) & PCI_COMMAND_MASTER)) {
        return NULL;
    }
    return root_of(dev)->dma_space;
}

enum mem_result pci_dma_read(struct pci_device *dev, uint64_t gpa, void *buf, uint64_t len)
{
    struct address_space *as = pci_dma_space(dev);

    if (!as) {
        memset(buf, 0xff, len);
        return MEM_UNASSIGNED;
    }
    return device_dma_read(&dev->dev, as, gpa, buf, len);
}

enum mem_result pci_dma_write(struct pci_device *dev, uint64_t gpa, const void *buf, uint64_t len)
{
    struct address_space *as = pci_dma_space(dev);

    return as ? device_dma_write(&dev->dev, as, gpa, buf, len) : MEM_UNASSIGNED;
}

void pci_deliver_msi(struct pci_device *dev, uint64_t addr, uint32_t data)
{
    struct pci_bus *root = root_of(dev);
    struct address_space *as = pci_dma_space(dev);
    uint16_t requester = pci_requester_id(dev);

    if (!as) {
        return;
    }
    if (root->send_msi) {
        root->send_msi(root->msi_opaque, addr, data, requester);
    } else {
        address_space_store(as, addr, data, 4,
                            (struct mem_attrs){.dma = true, .requester = requester});
    }
}

/* ---- state ---- */

static void config_save(const void *base, GByteArray *out)
{
    const struct pci_device *dev = base;

    state_write_u32(out, dev->config_size);
    state_write_bytes(out, dev->config, dev->config_size);
    pci_msix_save(dev, out);
}

static bool config_load(void *base, struct state_reader *in, GError **error)
{
    struct pci_device *dev = base;
    g_autofree uint8_t *saved = NULL;
    uint32_t size;

    if (!state_read_u32(in, &size, error)) {
        return false;
    }
    if (size != dev->config_size) {
        return fail(error, "%s: saved configuration space has %u bytes, not %u", name_of(dev), size,
                    dev->config_size);
    }
    saved = g_malloc(size);
    if (!state_read_bytes(in, saved, size, error)) {
        return false;
    }
    if (load_le32(saved) != load_le32(dev->config)) {
        return fail(error, "%s: saved state is of PCI device %04x:%04x, this is %04x:%04x",
                    name_of(dev), load_le16(saved), load_le16(saved + 2), load_le16(dev->config),
                    load_le16(dev->config + 2));
    }
    for (unsigned i = 0; i < size; i++) {
        uint8_t mask = dev->wmask[i] | dev->w1cmask[i];

        dev->config[i] = (uint8_t)((saved[i] & mask) | (dev->config[i] & ~mask));
    }
    return pci_msix_load(dev, in, error);
}

static bool device_post_load(void *base, unsigned version, GError **error)
{
    struct pci_device *dev = base;

    (void)version;
    if (dev->irq_state & ~0xfu) {
        return fail(error, "%s: saved interrupt pins %#x", name_of(dev), dev->irq_state);
    }
    update_irq(dev);
    pci_update_mappings(dev);
    return true;
}

static const struct state_field pci_device_fields[] = {
    STATE_CUSTOM("config", config_save, config_load),
    STATE_U32(struct pci_device, irq_state),
    {0},
};

static const struct state_table pci_device_state = {
    .name = "pci-device",
    .version = 1,
    .fields = pci_device_fields,
    .post_load = device_post_load,
};

const struct bus_type pci_bus_type = {
    .name = "PCI",
    .device_props = pci_device_props,
    .device_state = &pci_device_state,
    .plug = pci_plug,
    .realized = pci_realized,
    .hide = pci_hide,
    .unplug = pci_unplug,
    .reset = pci_reset,
    .describe = pci_describe,
};
