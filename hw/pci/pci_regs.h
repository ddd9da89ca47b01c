/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers of the PCI Local Bus Specification 3.0: configuration space offsets, bits, class codes.
 */
#ifndef VITRO_HW_PCI_PCI_REGS_H
#define VITRO_HW_PCI_PCI_REGS_H

enum pci_config_offset {
    PCI_VENDOR_ID = 0x00,
    PCI_DEVICE_ID = 0x02,
    PCI_COMMAND = 0x04,
    PCI_STATUS = 0x06,
    PCI_REVISION_ID = 0x08,
    PCI_CLASS_PROG = 0x09,
    PCI_CLASS_DEVICE = 0x0a,
    PCI_CACHE_LINE_SIZE = 0x0c,
    PCI_LATENCY_TIMER = 0x0d,
    PCI_HEADER_TYPE = 0x0e,
    PCI_BIST = 0x0f,
    PCI_BASE_ADDRESS_0 = 0x10,
    PCI_BASE_ADDRESS_5 = 0x24,
    PCI_CARDBUS_CIS = 0x28,
    PCI_SUBSYSTEM_VENDOR_ID = 0x2c,
    PCI_SUBSYSTEM_ID = 0x2e,
    PCI_ROM_ADDRESS = 0x30,
    PCI_CAPABILITY_LIST = 0x34,
    PCI_INTERRUPT_LINE = 0x3c,
    PCI_INTERRUPT_PIN = 0x3d,
    PCI_MIN_GNT = 0x3e,
    PCI_MAX_LAT = 0x3f,
    PCI_CAPABILITIES_START = 0x40,
    /* header type 1 */
    PCI_PRIMARY_BUS = 0x18,
    PCI_SECONDARY_BUS = 0x19,
    PCI_SUBORDINATE_BUS = 0x1a,
    PCI_SEC_LATENCY_TIMER = 0x1b,
    PCI_IO_BASE = 0x1c,
    PCI_IO_LIMIT = 0x1d,
    PCI_SEC_STATUS = 0x1e,
    PCI_MEMORY_BASE = 0x20,
    PCI_MEMORY_LIMIT = 0x22,
    PCI_PREF_MEMORY_BASE = 0x24,
    PCI_PREF_MEMORY_LIMIT = 0x26,
    PCI_PREF_BASE_UPPER32 = 0x28,
    PCI_PREF_LIMIT_UPPER32 = 0x2c,
    PCI_IO_BASE_UPPER16 = 0x30,
    PCI_IO_LIMIT_UPPER16 = 0x32,
    PCI_BRIDGE_ROM_ADDRESS = 0x38,
    PCI_BRIDGE_CONTROL = 0x3e,
};

enum pci_command_bits {
    PCI_COMMAND_IO = 1 << 0,
    PCI_COMMAND_MEMORY = 1 << 1,
    PCI_COMMAND_MASTER = 1 << 2,
    PCI_COMMAND_PARITY = 1 << 6,
    PCI_COMMAND_SERR = 1 << 8,
    PCI_COMMAND_INTX_DISABLE = 1 << 10,
};

enum pci_status_bits {
    PCI_STATUS_INTERRUPT = 1 << 3,
    PCI_STATUS_CAP_LIST = 1 << 4,
    PCI_STATUS_66MHZ = 1 << 5,
    PCI_STATUS_FAST_BACK = 1 << 7,
    PCI_STATUS_PARITY = 1 << 8,
    PCI_STATUS_DEVSEL_MEDIUM = 1 << 9,
    PCI_STATUS_SIG_TARGET_ABORT = 1 << 11,
    PCI_STATUS_REC_TARGET_ABORT = 1 << 12,
    PCI_STATUS_REC_MASTER_ABORT = 1 << 13,
    PCI_STATUS_SIG_SYSTEM_ERROR = 1 << 14,
    PCI_STATUS_DETECTED_PARITY = 1 << 15,
    /* what writing 1 clears */
    PCI_STATUS_ERRORS = 0xf900,
};

enum pci_header_types {
    PCI_HEADER_DEVICE = 0,
    PCI_HEADER_BRIDGE = 1,
    PCI_HEADER_TYPE_MASK = 0x7f,
    PCI_HEADER_MULTIFUNCTION = 0x80,
};

/* Low bits of a base address register; what struct pci_bar.type holds. */
enum pci_bar_type {
    PCI_BAR_MEM = 0,
    PCI_BAR_IO = 1,
    PCI_BAR_MEM64 = 4,
    PCI_BAR_PREFETCH = 8,
};
#define PCI_BAR_IO_MASK   0xfffffffcu
#define PCI_BAR_MEM_MASK  0xfffffff0u
#define PCI_ROM_ENABLE    1u
#define PCI_ROM_ADDR_MASK 0xfffff800u

enum pci_capability_ids {
    PCI_CAP_PM = 0x01,
    PCI_CAP_AGP = 0x02,
    PCI_CAP_MSI = 0x05,
    PCI_CAP_VENDOR = 0x09,
    PCI_CAP_SUBSYSTEM = 0x0d,
    PCI_CAP_EXPRESS = 0x10,
    PCI_CAP_MSIX = 0x11,
};

/* Offsets in an MSI capability with a 64-bit address. */
enum pci_msi_regs {
    PCI_MSI_CONTROL = 2,
    PCI_MSI_ADDRESS = 4,
    PCI_MSI_ADDRESS_HIGH = 8,
    PCI_MSI_DATA = 12,
    PCI_MSI_MASK = 16,
    PCI_MSI_PENDING = 20,
    PCI_MSI_CONTROL_ENABLE = 1 << 0,
    PCI_MSI_CONTROL_CAPABLE_SHIFT = 1,
    PCI_MSI_CONTROL_ENABLED_SHIFT = 4,
    PCI_MSI_CONTROL_64BIT = 1 << 7,
    PCI_MSI_CONTROL_MASKABLE = 1 << 8,
};

enum pci_msix_regs {
    PCI_MSIX_CONTROL = 2,
    PCI_MSIX_TABLE = 4,
    PCI_MSIX_PBA = 8,
    PCI_MSIX_SIZE = 12,
    PCI_MSIX_CONTROL_MASK_ALL = 1 << 14,
    PCI_MSIX_CONTROL_ENABLE = 1 << 15,
    PCI_MSIX_ENTRY_SIZE = 16,
    PCI_MSIX_ENTRY_ADDRESS = 0,
    PCI_MSIX_ENTRY_DATA = 8,
    PCI_MSIX_ENTRY_CONTROL = 12,
    PCI_MSIX_ENTRY_MASKED = 1 << 0,
    PCI_MSIX_MAX_VECTORS = 2048,
};

enum pci_bridge_control_bits {
    PCI_BRIDGE_ISA = 1 << 2,
    PCI_BRIDGE_VGA = 1 << 3,
    PCI_BRIDGE_RESET = 1 << 6,
};

/* Base class, subclass, programming interface. */
enum pci_classes {
    PCI_CLASS_STORAGE_SCSI = 0x010000,
    PCI_CLASS_STORAGE_IDE = 0x010100,
    PCI_CLASS_STORAGE_IDE_MASTER = 0x010180, /* with bus-master DMA */
    PCI_CLASS_STORAGE_AHCI = 0x010601,
    PCI_CLASS_STORAGE_NVME = 0x010802,
    PCI_CLASS_NETWORK_ETHERNET = 0x020000,
    PCI_CLASS_DISPLAY_VGA = 0x030000,
    PCI_CLASS_DISPLAY_OTHER = 0x038000,
    PCI_CLASS_MULTIMEDIA_AUDIO = 0x040100,
    PCI_CLASS_MULTIMEDIA_HDA = 0x040300,
    PCI_CLASS_MEMORY_RAM = 0x050000,
    PCI_CLASS_BRIDGE_HOST = 0x060000,
    PCI_CLASS_BRIDGE_ISA = 0x060100,
    PCI_CLASS_BRIDGE_PCI = 0x060400,
    PCI_CLASS_BRIDGE_OTHER = 0x068000,
    PCI_CLASS_COMMUNICATION_SERIAL = 0x070002, /* 16550 */
    PCI_CLASS_COMMUNICATION_OTHER = 0x078000,
    PCI_CLASS_SYSTEM_OTHER = 0x088000,
    PCI_CLASS_SERIAL_UHCI = 0x0c0300,
    PCI_CLASS_SERIAL_EHCI = 0x0c0320,
    PCI_CLASS_SERIAL_XHCI = 0x0c0330,
    PCI_CLASS_SERIAL_SMBUS = 0x0c0500,
    PCI_CLASS_OTHERS = 0xff0000,
};

enum pci_vendors {
    PCI_VENDOR_CIRRUS = 0x1013,
    PCI_VENDOR_QEMU_VGA = 0x1234, /* the Bochs display adapter */
    PCI_VENDOR_VIRTIO = 0x1af4,   /* also the subsystem vendor that guests and firmware look for */
    PCI_VENDOR_REDHAT = 0x1b36,
    PCI_VENDOR_INTEL = 0x8086,
    PCI_SUBSYSTEM_DEFAULT = 0x1100,
};

#endif
