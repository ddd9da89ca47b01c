/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The 82441FX (440FX) host bridge: PCI root bus, configuration ports, main memory's holes.
 *
 * Intel 82441FX PMC data sheet (290549).
 *
 *   ports 0xcf8-0xcff   configuration mechanism #1; 0xcf9 alone is the PIIX3's reset control
 *   0x59-0x5f  PAM      thirteen segments from 0xc0000: reads and writes to RAM or to PCI, each
 *   0x72       SMRAM    RAM behind the VGA window at 0xa0000
 *
 * Memory is a PCI space in the background and, in front of it, windows of RAM: below 640 KiB, one
 * per PAM segment, from 1 MiB to the hole under 4 GiB, and from 4 GiB. The VGA window and
 * unshadowed segments are thus PCI without further ado. A segment whose writes alone go to RAM
 * needs help: handlers that read from PCI.
 *
 * Absent: DRAM row boundaries and timing registers (stored where software expects to read them
 * back, without effect), error reporting.
 */
#include "hw/i386/i440fx.h"

#include <string.h>

enum {
    PAM_0 = 0x59,
    PAM_REGS = 7,
    PAM_SEGMENTS = 13,
    PAM_READ = 1, /* reads go to RAM */
    PAM_WRITE = 2,
    SMRAM = 0x72,
    SMRAM_BASE_SEG = 0x02, /* 0xa0000, hard-wired */
    SMRAM_ENABLE = 0x08,
    SMRAM_LOCK = 0x10,
    SMRAM_CLOSED = 0x20, /* data accesses in SMM go to PCI: not modelled, there is no VGA DMA */
    SMRAM_OPEN = 0x40,
    CONFIG_PORT = 0xcf8,
    CONFIG_DATA = 4, /* offset of the data register in the ports */
    RESET_OFFSET = 1,
};
#define CONFIG_ENABLE 0x80000000u
#define SMRAM_START   0xa0000ULL
#define SMRAM_SIZE    0x20000ULL
#define GAP_START     0xc0000ULL
#define GAP_END       0x100000ULL

struct i440fx;

struct pam_segment {
    struct i440fx *host;
    uint64_t start, size;
    struct region ram;        /* read, or read and write */
    struct region write_only; /* reads from PCI */
};

/* The bridge as the owner of buses and memory; its configuration space is struct i440fx_pci. */
struct i440fx {
    struct device dev;
    struct pci_bus bus;
    struct i440fx_config config;
    struct i440fx_reset_port reset_port;

    struct region pci_memory;
    struct address_space pci_space; /* what is behind RAM */
    bool pci_space_ready;
    struct region low, middle, high; /* windows of RAM */
    struct pam_segment pam[PAM_SEGMENTS];
    struct region smram_open; /* RAM at SMRAM_START for all */
    struct region smm_system, smm_smram;
    struct region ports;

    uint32_t config_addr;
};

struct i440fx_pci {
    struct pci_device pci;
    uint8_t pam[PAM_REGS]; /* as last carried out: what leaving S3 goes back to */
};

static struct i440fx *from_dev(struct device *dev)
{
    return container_of(dev, struct i440fx, dev);
}

static struct i440fx *host_of(struct pci_device *pci)
{
    return container_of(pci->bus, struct i440fx, bus);
}

/* ---- memory ---- */

static enum mem_result shadow_read(void *opaque, uint64_t offset, uint64_t *ret_val, unsigned size,
                                   struct mem_attrs attrs)
{
    struct pam_segment *seg = opaque;
    enum mem_result result;

    *ret_val = address_space_load(&seg->host->pci_space, seg->start + offset, size, attrs, &result);
    return result;
}

static enum mem_result shadow_write(void *opaque, uint64_t offset, uint64_t val, unsigned size,
                                    struct mem_attrs attrs)
{
    struct pam_segment *seg = opaque;
    struct ram_block *block = seg->host->config.ram->ram;

    (void)attrs;
    val = GUINT64_TO_LE(val);
    memcpy(block->host + seg->start + offset, &val, size);
    ram_block_written(block, seg->start + offset, size);
    return MEM_OK;
}

static const struct region_ops shadow_ops = {
    .read_attrs = shadow_read,
    .write_attrs = shadow_write,
    .max_size = 8,
};

/* Segment 0 is the BIOS area in the upper half of the first register, then two per register. */
static unsigned pam_bits(const struct pci_device *pci, unsigned segment)
{
    uint8_t val = pci->config[PAM_0 + (segment + 1) / 2];

    return segment % 2 ? val & 3 : val >> 4 & 3;
}

static void update_pam(struct pci_device *pci)
{
    struct i440fx *host = host_of(pci);
    struct address_space *memory = &host->dev.machine->memory;

    memcpy(container_of(pci, struct i440fx_pci, pci)->pam, pci->config + PAM_0, PAM_REGS);
    address_space_begin(memory);
    for (unsigned i = 0; i < PAM_SEGMENTS; i++) {
        struct pam_segment *seg = &host->pam[i];
        unsigned bits = pam_bits(pci, i);

        region_set_enabled(&seg->ram, bits & PAM_READ);
        region_set_readonly(&seg->ram, !(bits & PAM_WRITE));
        region_set_enabled(&seg->write_only, bits == PAM_WRITE);
    }
    address_space_commit(memory);
}

static void update_smram(struct pci_device *pci)
{
    struct i440fx *host = host_of(pci);
    uint8_t val = pci->config[SMRAM];

    if (host->config.smm_root) {
        region_set_enabled(&host->smram_open, (val & SMRAM_ENABLE) && (val & SMRAM_OPEN));
        region_set_enabled(&host->smm_smram, val & SMRAM_ENABLE);
    }
}

static void init_pam(struct i440fx *host, unsigned i)
{
    struct pam_segment *seg = &host->pam[i];
    struct region *root = &host->dev.machine->memory_root;

    seg->host = host;
    seg->size = i ? 16 * KiB : 64 * KiB;
    seg->start = i ? GAP_START + (i - 1) * seg->size : 0xf0000;
    region_init_alias(&seg->ram, "pam-ram", host->config.ram, seg->start, seg->size);
    region_init_io(&seg->write_only, &shadow_ops, seg, "pam-write-only", seg->size);
    region_set_enabled(&seg->ram, false);
    region_set_enabled(&seg->write_only, false);
    region_add(root, seg->start, &seg->ram, 0);
    region_add(root, seg->start, &seg->write_only, 0);
}

/* A window of @size bytes of RAM from @offset at @gpa. */
static void add_ram(struct i440fx *host, struct region *window, const char *name, uint64_t offset,
                    uint64_t gpa, uint64_t size)
{
    region_init_alias(window, name, host->config.ram, offset, size);
    region_add(&host->dev.machine->memory_root, gpa, window, 0);
}

static void init_smram(struct i440fx *host)
{
    struct region *root = &host->dev.machine->memory_root, *ram = host->config.ram;

    if (!host->config.smm_root) {
        return;
    }
    region_init_alias(&host->smram_open, "smram-open", ram, SMRAM_START, SMRAM_SIZE);
    region_set_enabled(&host->smram_open, false);
    region_add(root, SMRAM_START, &host->smram_open, 1);
    region_init_alias(&host->smm_system, "smm-system", root, 0, UINT64_MAX);
    region_add(host->config.smm_root, 0, &host->smm_system, 0);
    region_init_alias(&host->smm_smram, "smram", ram, SMRAM_START, SMRAM_SIZE);
    region_set_enabled(&host->smm_smram, false);
    region_add(host->config.smm_root, SMRAM_START, &host->smm_smram, 1);
}

static void init_memory(struct i440fx *host)
{
    const struct i440fx_config *c = &host->config;
    struct machine *m = host->dev.machine;

    region_init_container(&host->pci_memory, "pci", UINT64_MAX);
    region_add(&m->memory_root, 0, &host->pci_memory, -1);
    address_space_init(&host->pci_space, &host->pci_memory, "pci-memory", &m->lock);
    host->pci_space_ready = true;
    add_ram(host, &host->low, "ram-low", 0, 0, SMRAM_START);
    if (c->below_4g > GAP_END) {
        add_ram(host, &host->middle, "ram-below-4g", GAP_END, GAP_END, c->below_4g - GAP_END);
    }
    if (c->above_4g) {
        add_ram(host, &host->high, "ram-above-4g", c->below_4g, 4 * GiB, c->above_4g);
    }
    for (unsigned i = 0; i < PAM_SEGMENTS; i++) {
        init_pam(host, i);
    }
    init_smram(host);
}

/* ---- configuration ports ---- */

static bool config_target(const struct i440fx *host, uint64_t port, unsigned *ret_bus,
                          uint8_t *ret_devfn, unsigned *ret_offset)
{
    uint32_t addr = host->config_addr;

    *ret_bus = addr >> 16 & 0xff;
    *ret_devfn = (uint8_t)(addr >> 8);
    *ret_offset = (addr & 0xfc) | (unsigned)(port & 3);
    return addr & CONFIG_ENABLE;
}

static uint64_t ports_read(void *opaque, uint64_t offset, unsigned size)
{
    struct i440fx *host = opaque;
    unsigned bus, reg;
    uint8_t devfn;

    if (offset >= CONFIG_DATA) {
        return config_target(host, offset, &bus, &devfn, &reg)
                   ? pci_config_read(&host->bus, bus, devfn, reg, size)
                   : size_mask(size);
    }
    if (offset == RESET_OFFSET && size == 1 && host->reset_port.read) {
        return host->reset_port.read(host->reset_port.opaque);
    }
    return host->config_addr >> 8 * offset & size_mask(size);
}

static void ports_write(void *opaque, uint64_t offset, uint64_t val, unsigned size)
{
    struct i440fx *host = opaque;
    unsigned bus, reg;
    uint8_t devfn;

    if (offset >= CONFIG_DATA) {
        if (config_target(host, offset, &bus, &devfn, &reg)) {
            pci_config_write(&host->bus, bus, devfn, reg, (uint32_t)val, size);
        }
    } else if (offset == 0 && size == 4) {
        host->config_addr = (uint32_t)val & ~3u;
    } else if (offset == RESET_OFFSET && size == 1 && host->reset_port.write) {
        host->reset_port.write(host->reset_port.opaque, (uint8_t)val);
    } else {
        guest_error(&host->dev, "%u-byte write to port %#x", size, CONFIG_PORT + (unsigned)offset);
    }
}

static const struct region_ops ports_ops = {
    .read = ports_read,
    .write = ports_write,
    .max_size = 4,
};

/* ---- function 0: the configuration space ---- */

static void config_written(struct pci_device *pci, unsigned offset, uint32_t old, unsigned size)
{
    if (offset < PAM_0 + PAM_REGS && offset + size > PAM_0) {
        update_pam(pci);
    }
    if (offset <= SMRAM && offset + size > SMRAM) {
        uint8_t before = (uint8_t)(old >> 8 * (SMRAM - offset)), *now = &pci->config[SMRAM];

        if (before & SMRAM_LOCK) {
            *now = (uint8_t)((before & ~SMRAM_CLOSED) | (*now & SMRAM_CLOSED));
        } else if (*now & SMRAM_LOCK) {
            *now &= (uint8_t)~SMRAM_OPEN;
        }
        update_smram(pci);
    }
}

static bool i440fx_pci_realize(struct device *dev, GError **error)
{
    struct pci_device *pci = pci_from_dev(dev);
    uint8_t *c = pci->config, *w = pci->wmask;

    (void)error;
    c[PCI_COMMAND] = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
    c[PCI_COMMAND + 1] = 0;
    w[PCI_COMMAND] = 0; /* both bits are hard-wired */
    c[PCI_STATUS] = PCI_STATUS_FAST_BACK;
    c[PCI_STATUS + 1] = PCI_STATUS_DEVSEL_MEDIUM >> 8;
    w[PAM_0] = 0x30;
    memset(w + PAM_0 + 1, 0x33, PAM_REGS - 1);
    c[SMRAM] = SMRAM_BASE_SEG;
    w[SMRAM] = SMRAM_ENABLE | SMRAM_LOCK | SMRAM_CLOSED | SMRAM_OPEN;
    memset(w + 0x50, 0xff, 2); /* PMCCFG */
    w[0x57] = 0xff;            /* DRAMC */
    w[0x58] = 0xff;            /* DRAMT */
    memset(w + 0x60, 0xff, 8); /* DRB */
    w[0x70] = 0xff;            /* MTT */
    w[0x71] = 0xff;            /* CLT */
    pci->config_written = config_written;
    return true;
}

/* Shadow RAM outlasts S3: firmware that wakes finds in it that it has run before. */
static void i440fx_pci_reset(struct device *dev)
{
    struct pci_device *pci = pci_from_dev(dev);

    if (dev->machine->waking) {
        memcpy(pci->config + PAM_0, container_of(pci, struct i440fx_pci, pci)->pam, PAM_REGS);
    }
    update_pam(pci);
    update_smram(pci);
}

static bool i440fx_post_load(void *base, unsigned version, GError **error)
{
    struct i440fx_pci *b = base;

    (void)version;
    (void)error;
    update_pam(&b->pci);
    update_smram(&b->pci);
    return true;
}

static const struct state_field no_fields[] = {
    {0},
};

static const struct state_table i440fx_pci_state = {
    .name = "i440fx",
    .version = 1,
    .fields = no_fields,
    .post_load = i440fx_post_load,
};

static const struct pci_info i440fx_info = {
    .vendor = PCI_VENDOR_INTEL,
    .device = 0x1237,
    .revision = 2,
    .class_code = PCI_CLASS_BRIDGE_HOST,
    .not_hotpluggable = true,
};

static const struct device_type i440fx_pci_type = {
    .name = "i440FX",
    .description = "host bridge of the 440FX",
    .category = DEVICE_BRIDGE,
    .flags = DEVICE_INTERNAL | DEVICE_NO_HOTPLUG,
    .bus = BUS_PCI,
    .bus_info = &i440fx_info,
    .size = sizeof(struct i440fx_pci),
    .state = &i440fx_pci_state,
    .realize = i440fx_pci_realize,
    .reset = i440fx_pci_reset,
};
DEVICE_TYPE(i440fx_pci_type);

/* ---- the bridge ---- */

static bool i440fx_realize(struct device *dev, GError **error)
{
    struct i440fx *host = from_dev(dev);
    struct machine *m = dev->machine;

    (void)error;
    init_memory(host);
    region_init_io(&host->ports, &ports_ops, host, "pci-config", 8);
    region_add(&m->io_root, CONFIG_PORT, &host->ports, 0);
    pci_bus_init(&host->bus, m, dev, "pci.0", &host->pci_memory, &m->io_root);
    return true;
}

/* Aliases go before what they point into; the core has emptied the bus. */
static void i440fx_unrealize(struct device *dev)
{
    struct i440fx *host = from_dev(dev);

    region_fini(&host->ports);
    region_fini(&host->smm_smram);
    region_fini(&host->smm_system);
    region_fini(&host->smram_open);
    for (unsigned i = 0; i < PAM_SEGMENTS; i++) {
        region_fini(&host->pam[i].ram);
        region_fini(&host->pam[i].write_only);
    }
    region_fini(&host->high);
    region_fini(&host->middle);
    region_fini(&host->low);
    if (host->pci_space_ready) {
        address_space_fini(&host->pci_space);
        host->pci_space_ready = false;
    }
    region_fini(&host->pci_memory);
}

static void i440fx_reset(struct device *dev)
{
    from_dev(dev)->config_addr = 0;
}

static const struct state_field i440fx_fields[] = {
    STATE_U32(struct i440fx, config_addr),
    {0},
};

static const struct state_table i440fx_state = {
    .name = "i440fx-pcihost",
    .version = 1,
    .fields = i440fx_fields,
};

static const struct device_type i440fx_type = {
    .name = "i440FX-pcihost",
    .description = "the 440FX as owner of the PCI bus and memory",
    .category = DEVICE_BRIDGE,
    .flags = DEVICE_INTERNAL | DEVICE_NO_HOTPLUG,
    .size = sizeof(struct i440fx),
    .state = &i440fx_state,
    .realize = i440fx_realize,
    .unrealize = i440fx_unrealize,
    .reset = i440fx_reset,
};
DEVICE_TYPE(i440fx_type);

struct pci_bus *i440fx_create(struct machine *m, const struct i440fx_config *config, GError **error)
{
    struct device *dev = device_new(m, "i440FX-pcihost", error);
    struct i440fx *host;

    if (!dev) {
        return NULL;
    }
    host = from_dev(dev);
    host->config = *config;
    if (!device_realize(dev, NULL, error)) {
        device_free(dev);
        return NULL;
    }
    return pci_create(&host->bus, PCI_DEVFN(0, 0), "i440FX", error, NULL) ? &host->bus : NULL;
}

struct region *i440fx_pci_memory(struct pci_bus *bus)
{
    return &container_of(bus, struct i440fx, bus)->pci_memory;
}

void i440fx_set_reset_port(struct pci_bus *bus, const struct i440fx_reset_port *port)
{
    container_of(bus, struct i440fx, bus)->reset_port = *port;
}
