/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PCI bus: configuration space, base address registers, interrupts, MSI and MSI-X.
 *
 * PCI Local Bus 3.0 and PCI Express Base 4.0 (extended configuration space). A device's type gives
 * its identity in a struct pci_info (device_type.bus_info); its realize() adds BARs and
 * capabilities. Configuration space is saved, reset and masked by the core.
 */
#ifndef VITRO_HW_PCI_PCI_H
#define VITRO_HW_PCI_PCI_H

#include "hw/core/machine.h"
#include "hw/pci/pci_regs.h"

#define PCI_DEVFN(slot, fn) ((uint8_t)(((slot) << 3) | (fn)))
#define PCI_SLOT(devfn)     ((devfn) >> 3)
#define PCI_FUNC(devfn)     ((devfn)&7)
#define PCI_BARS            7 /* six and the expansion ROM */
#define PCI_ROM_BAR         6
#define PCI_CONFIG_SIZE     256
#define PCIE_CONFIG_SIZE    4096

extern const struct bus_type pci_bus_type;
#define BUS_PCI (&pci_bus_type)

struct pci_info {
    uint16_t vendor, device;
    uint16_t subsystem_vendor, subsystem; /* 0: 1af4:1100 (header type 0) */
    uint8_t revision;
    uint32_t class_code; /* 24 bits: base class, subclass, programming interface */
    uint8_t header_type; /* 0 device, 1 bridge */
    bool express;        /* 4 KiB of configuration space */
    const char *rom;     /* option ROM file by default, or NULL */
    bool not_hotpluggable;
};

struct pci_bar {
    struct region *region; /* owned by the device; NULL: unused */
    uint64_t size;
    uint8_t type;  /* PCI_BAR_* */
    uint64_t addr; /* where it is mapped, PCI_BAR_UNMAPPED when not */
};

#define PCI_BAR_UNMAPPED UINT64_MAX

struct pci_device;

struct pci_bus {
    struct bus bus;
    struct pci_device *bridge;       /* NULL for the root bus */
    uint8_t bus_nr_root;             /* of a root bus; a bridge's is in its configuration space */
    struct region *memory, *io;      /* where BARs are mapped */
    struct address_space *dma_space; /* what bus masters see */
    struct pci_device *slots[256];   /* by devfn */
    uint32_t reserved_slots;         /* bit per slot: not given out automatically */
    /* Root bus: interrupt pin (0 = INTA) of a device on it to one of the host's lines. */
    unsigned (*map_irq)(struct pci_device *dev, unsigned pin);
    void (*set_irq)(void *opaque, unsigned line, int level);
    void *irq_opaque;
    unsigned irq_count[8]; /* assertions per line */
    /* Root bus: delivers message interrupts. NULL: by a write to dma_space. */
    void (*send_msi)(void *opaque, uint64_t addr, uint32_t data, uint16_t requester);
    void *msi_opaque;
};

struct pci_msix;

struct pci_device {
    struct device dev;
    struct pci_bus *bus;
    uint8_t devfn;
    int32_t addr; /* property "addr": devfn, -1 chooses */
    bool multifunction;
    char *romfile;                     /* property; "" means none, NULL the type's default */
    uint32_t rombar;                   /* property; 0: the ROM is not in a BAR */
    uint8_t *config;                   /* the registers */
    uint8_t *wmask;                    /* bits that the guest may write */
    uint8_t *w1cmask;                  /* bits that it clears by writing 1 */
    uint8_t *initial;                  /* power-on values: config as realize() left it */
    uint8_t used[PCI_CONFIG_SIZE / 8]; /* bytes taken by capabilities */
    uint16_t config_size;
    struct pci_bar bars[PCI_BARS];
    struct ram_block *rom_block;
    struct region rom_region;
    uint8_t cap_msi, cap_msix; /* offsets, 0 when absent */
    uint16_t cap_express;
    struct pci_msix *msix;
    uint32_t irq_state; /* bit per pin INTA..INTD that the device asserts */
    uint32_t irq_out;   /* those that reach the bus: INTx not disabled */
    /* After a configuration write; @old is what was there. May be NULL. */
    void (*config_written)(struct pci_device *dev, unsigned offset, uint32_t old, unsigned size);
    /* Before a configuration read: bring computed bytes of config up to date. May be NULL. */
    void (*config_reading)(struct pci_device *dev, unsigned offset, unsigned size);
};

/* ---- for bus owners ---- */

/* @memory and @io receive the BARs; bus masters see @m->memory unless dma_space is set later. */
void pci_bus_init(struct pci_bus *bus, struct machine *m, struct device *parent, const char *name,
                  struct region *memory, struct region *io);

/* Configuration access by number, as a host bridge decodes it: all ones when nobody is there. */
uint32_t pci_config_read(struct pci_bus *root, unsigned bus_nr, uint8_t devfn, unsigned offset,
                         unsigned size);
void pci_config_write(struct pci_bus *root, unsigned bus_nr, uint8_t devfn, unsigned offset,
                      uint32_t val, unsigned size);

/* The device at a place below @root, or NULL. */
struct pci_device *pci_find(struct pci_bus *root, unsigned bus_nr, uint8_t devfn);
unsigned pci_bus_nr(const struct pci_bus *bus);
/* The machine's (first) root bus, or NULL. */
struct pci_bus *pci_root_bus(struct machine *m);
/* The PCI bus that @bus is, or NULL when it is another kind. */
struct pci_bus *pci_bus_from(struct bus *bus);

/* ---- for devices, in realize() ---- */

/* @r is the device's; its size is a power of two of at least 4 (I/O) or 16 (memory) bytes. */
bool pci_add_bar(struct pci_device *dev, unsigned bar, uint8_t type, struct region *r,
                 GError **error);
/* Adds a capability of @size bytes (header included) at @offset, or anywhere when that is 0.
 * Returns where it is, 0 on failure. Its bytes are read-only: set wmask for those that are not. */
unsigned pci_add_capability(struct pci_device *dev, uint8_t id, unsigned offset, unsigned size,
                            GError **error);
/* @vectors is a power of two up to 32. */
bool pci_add_msi(struct pci_device *dev, unsigned vectors, bool maskable, GError **error);
/* Table and pending bits in BAR @bar at the given offsets; the BAR's region is a container. */
bool pci_add_msix(struct pci_device *dev, unsigned vectors, unsigned bar, struct region *bar_region,
                  uint32_t table_offset, uint32_t pba_offset, GError **error);
void pci_set_interrupt_pin(struct pci_device *dev, unsigned pin); /* 1 = INTA */

/* ---- for devices, at run time ---- */
void pci_set_irq(struct pci_device *dev, int level); /* its own pin */
bool pci_msi_enabled(const struct pci_device *dev);
void pci_msi_send(struct pci_device *dev, unsigned vector);
bool pci_msix_enabled(const struct pci_device *dev);
void pci_msix_send(struct pci_device *dev, unsigned vector);
/* What the device's DMA sees; NULL while the guest has bus mastering switched off. */
struct address_space *pci_dma_space(const struct pci_device *dev);
enum mem_result pci_dma_read(struct pci_device *dev, uint64_t gpa, void *buf, uint64_t len);
enum mem_result pci_dma_write(struct pci_device *dev, uint64_t gpa, const void *buf, uint64_t len);
/* Where BAR @bar is mapped, or PCI_BAR_UNMAPPED. */
uint64_t pci_bar_addr(const struct pci_device *dev, unsigned bar);
/* Bus, device and function as DMA and messages carry them. */
uint16_t pci_requester_id(const struct pci_device *dev);

/* Makes and realizes a device of the board; @devfn -1 chooses. Properties as "name", "value". */
struct pci_device *pci_create(struct pci_bus *bus, int devfn, const char *type, GError **error,
                              ...) G_GNUC_NULL_TERMINATED;

/* What `info pci` shows of @root and all below it. */
void pci_print(struct pci_bus *root, void (*print)(void *opaque, const char *fmt, ...),
               void *opaque);

static inline struct pci_device *pci_from_dev(struct device *dev)
{
    return container_of(dev, struct pci_device, dev);
}

static inline uint16_t pci_config_get16(const struct pci_device *dev, unsigned offset)
{
    return (uint16_t)(dev->config[offset] | dev->config[offset + 1] << 8);
}

#endif
