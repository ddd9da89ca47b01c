/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Power management of the 82371AB (PIIX4), function 3: ACPI registers, SMI port.
 *
 * Intel 82371AB data sheet (290562), chapter 7; ACPI 6.4, section 4.8.
 *
 *   PMBA (0x40), enabled by PMREGMISC bit 0: 64 ports
 *     0x00 PMSTS  0x02 PMEN  power button, RTC, timer, global lock: status and enable
 *     0x04 PMCNTRL           SCI_EN, sleep type and enable
 *     0x08 PMTMR             24 bits at 3.579545 MHz
 *     0x18 GLBSTS 0x20 GLBEN 0x28 GLBCTL  stored
 *   0xb2, 0xb3  APMC, APMS   the first raises an SMI when DEVACTB bit 25 lets it
 *   0xafe0      GPE0         two bytes of status, two of enables
 *
 * Sleep type 0 is S5, 1 is S3, property s4_val is S4. The SMI port's ACPI_ENABLE and ACPI_DISABLE
 * switch SCI_EN here, so that it works with firmware that leaves it to the chip.
 *
 * Absent: SMI instead of SCI while SCI_EN is 0, device activity monitors, throttling, the
 * general purpose pins.
 */
#include "hw/i386/piix4_pm.h"

#include "hw/core/reg.h"
#include "hw/i386/piix4_smbus.h"
#include "util/bytes.h"
#include "util/event.h"

#define PM_TIMER_HZ  3579545
#define PM_TIMER_MSB 0x800000u
#define TIMER_MASK   0xffffffu

enum {
    STS_TIMER = 1 << 0,
    STS_BUS_MASTER = 1 << 4,
    STS_GLOBAL = 1 << 5,
    STS_POWER_BUTTON = 1 << 8,
    STS_RTC = 1 << 10,
    STS_WAKE = 1 << 15,
    STS_ALL = STS_TIMER | STS_BUS_MASTER | STS_GLOBAL | STS_POWER_BUTTON | STS_RTC | STS_WAKE,
    EN_ALL = STS_TIMER | STS_GLOBAL | STS_POWER_BUTTON | STS_RTC,
    CONTROL_SCI_EN = 1 << 0,
    CONTROL_SLEEP_SHIFT = 10,
    CONTROL_SLEEP_EN = 1 << 13,
    CONTROL_STORED = CONTROL_SCI_EN | 1 << 1 | 7 << CONTROL_SLEEP_SHIFT,
    PMBA_ENABLE = 1 << 0,  /* of PMREGMISC */
    SMB_ENABLE = 1 << 0,   /* of SMBHSTCFG */
    DEVACTB_APMC = 1 << 1, /* in its byte 3 */
};

struct piix4_pm {
    struct pci_device pci;
    struct piix4_pm_config config;
    struct piix4_smbus smbus;
    struct reg_bank bank, gpe_bank, smi_bank;
    struct irq smbus_irq;
    struct timer timer; /* the next STS_TIMER, while it is enabled */

    /* properties */
    uint8_t disable_s3, disable_s4, s4_val;

    uint16_t status, enable, control;
    uint16_t gpe_status, gpe_enable;
    uint16_t global_status, global_enable;
    uint32_t global_control, device_control;
    uint8_t smi_command, smi_status;
    uint64_t overflow_ticks; /* of the timer, unwrapped: when STS_TIMER is due */
    bool smbus_level;
};

static struct piix4_pm *from_dev(struct device *dev)
{
    return container_of(pci_from_dev(dev), struct piix4_pm, pci);
}

/* ---- timer and SCI ---- */

static uint64_t ticks_now(struct piix4_pm *p)
{
    int64_t ns = clock_now_ns(&p->pci.dev.machine->clock_virtual);

    return muldiv64((uint64_t)MAX(ns, 0), PM_TIMER_HZ, NS_PER_SEC);
}

/* Bit 23 changes next after @ticks at this count. */
static uint64_t next_overflow(uint64_t ticks)
{
    return (ticks | (PM_TIMER_MSB - 1)) + 1;
}

static void update_timer_status(struct piix4_pm *p)
{
    if (ticks_now(p) >= p->overflow_ticks) {
        p->status |= STS_TIMER;
    }
}

/* The SCI line, and the timer that will raise it. */
static void update_sci(struct piix4_pm *p)
{
    bool pm1, gpe;

    update_timer_status(p);
    pm1 = p->status & p->enable & EN_ALL;
    gpe = p->gpe_status & p->gpe_enable;
    irq_set(p->config.sci, ((p->control & CONTROL_SCI_EN) && (pm1 || gpe)) || p->smbus_level);
    if ((p->enable & STS_TIMER) && !(p->status & STS_TIMER)) {
        timer_set(&p->timer, (int64_t)muldiv64(p->overflow_ticks, NS_PER_SEC, PM_TIMER_HZ) + 1);
    } else {
        timer_cancel(&p->timer);
    }
}

static void timer_expired(void *opaque)
{
    update_sci(opaque);
}

static void smbus_irq_set(void *opaque, int n, int level)
{
    struct piix4_pm *p = opaque;

    (void)n;
    p->smbus_level = level != 0;
    update_sci(p);
}

/* ---- ACPI registers ---- */

static uint64_t status_read(struct device *dev)
{
    struct piix4_pm *p = from_dev(dev);

    update_timer_status(p);
    return p->status;
}

static void status_stored(struct device *dev, uint64_t old)
{
    struct piix4_pm *p = from_dev(dev);

    if ((old & STS_TIMER) && !(p->status & STS_TIMER)) {
        p->overflow_ticks = next_overflow(ticks_now(p));
    }
    update_sci(p);
}

static void enable_stored(struct device *dev, uint64_t old)
{
    (void)old;
    update_sci(from_dev(dev));
}

static void enter_sleep(struct piix4_pm *p, unsigned type)
{
    struct machine *m = p->pci.dev.machine;

    if (type == PIIX4_SLEEP_S5) {
        machine_request_shutdown(m, CAUSE_GUEST_SHUTDOWN);
    } else if (type == PIIX4_SLEEP_S3 && !p->disable_s3) {
        machine_request_suspend(m);
    } else if (type == p->s4_val && !p->disable_s4) {
        event_emit(&m->events, "SUSPEND_DISK", NULL);
        machine_request_shutdown(m, CAUSE_GUEST_SHUTDOWN);
    } else {
        guest_error(&p->pci.dev, "sleep type %u, which this machine does not have", type);
    }
}

static void control_write(struct device *dev, uint64_t val)
{
    struct piix4_pm *p = from_dev(dev);

    p->control = (uint16_t)(val & CONTROL_STORED);
    update_sci(p);
    if (val & CONTROL_SLEEP_EN) {
        enter_sleep(p, (unsigned)bits_get(val, CONTROL_SLEEP_SHIFT, 3));
    }
}

static uint64_t timer_read(struct device *dev)
{
    return ticks_now(from_dev(dev)) & TIMER_MASK;
}

static const struct reg pm_regs[] = {
    REG16(0x00, "PMSTS", STORE_U16(struct piix4_pm, status), .read = status_read, .w1c = STS_ALL,
          .stored = status_stored),
    REG16(0x02, "PMEN", STORE_U16(struct piix4_pm, enable), .writable = EN_ALL,
          .stored = enable_stored),
    REG16(0x04, "PMCNTRL", STORE_U16(struct piix4_pm, control), .write = control_write),
    REG32(0x08, "PMTMR", .read = timer_read),
    REG16(0x18, "GLBSTS", STORE_U16(struct piix4_pm, global_status), .w1c = 0x0cf5),
    REG16(0x20, "GLBEN", STORE_U16(struct piix4_pm, global_enable), .writable = 0x0d37),
    REG32(0x28, "GLBCTL", STORE_U32(struct piix4_pm, global_control), .writable = 0x07ffff07),
    REG32(0x2c, "DEVCTL", STORE_U32(struct piix4_pm, device_control), .writable = 0x0fffffff),
    {0},
};

/* ---- GPE0 and the SMI port ---- */

static void gpe_stored(struct device *dev, uint64_t old)
{
    (void)old;
    update_sci(from_dev(dev));
}

static const struct reg gpe_regs[] = {
    REG16(0, "GPE0_STS", STORE_U16(struct piix4_pm, gpe_status), .w1c = 0xffff,
          .stored = gpe_stored),
    REG16(2, "GPE0_EN", STORE_U16(struct piix4_pm, gpe_enable), .writable = 0xffff,
          .stored = gpe_stored),
    {0},
};

static void smi_command_stored(struct device *dev, uint64_t old)
{
    struct piix4_pm *p = from_dev(dev);

    (void)old;
    if (p->smi_command == PIIX4_ACPI_ENABLE) {
        p->control |= CONTROL_SCI_EN;
        update_sci(p);
    } else if (p->smi_command == PIIX4_ACPI_DISABLE) {
        p->control &= (uint16_t)~CONTROL_SCI_EN;
        update_sci(p);
    }
    if (p->pci.config[PIIX4_DEVACTB + 3] & DEVACTB_APMC) {
        irq_pulse(p->config.smi);
    }
}

static const struct reg smi_regs[] = {
    REG8(0, "APMC", STORE_U8(struct piix4_pm, smi_command), .writable = 0xff,
         .stored = smi_command_stored),
    REG8(1, "APMS", STORE_U8(struct piix4_pm, smi_status), .writable = 0xff),
    {0},
};

void piix4_pm_raise_gpe(struct pci_device *pm, unsigned n)
{
    struct piix4_pm *p = from_dev(&pm->dev);

    g_assert(n < 16);
    p->gpe_status |= (uint16_t)(1 << n);
    update_sci(p);
}

/* ---- events from people ---- */

static void power_button(void *opaque)
{
    struct piix4_pm *p = opaque;

    p->status |= STS_POWER_BUTTON;
    update_sci(p);
}

static void woken(void *opaque)
{
    struct piix4_pm *p = opaque;

    p->status |= STS_WAKE | STS_POWER_BUTTON;
    update_sci(p);
}

/* ---- configuration space ---- */

/* Places the two register blocks where PMBA and SMBHSTBASE say. */
static void update_mappings(struct piix4_pm *p)
{
    const uint8_t *c = p->pci.config;
    struct address_space *io = &p->pci.dev.machine->io;

    address_space_begin(io);
    region_set_addr(&p->bank.region, load_le16(c + PIIX4_PMBA) & 0xffc0);
    region_set_enabled(&p->bank.region, c[PIIX4_PMREGMISC] & PMBA_ENABLE);
    region_set_addr(&p->smbus.region, load_le16(c + PIIX4_SMBHSTBASE) & 0xfff0);
    region_set_enabled(&p->smbus.region, c[PIIX4_SMBHSTCFG] & SMB_ENABLE);
    address_space_commit(io);
}

static void config_written(struct pci_device *pci, unsigned offset, uint32_t old, unsigned size)
{
    struct piix4_pm *p = container_of(pci, struct piix4_pm, pci);

    (void)old;
    (void)size;
    if (offset >= PIIX4_PMBA) {
        update_mappings(p);
    }
}

static void init_config(struct piix4_pm *p)
{
    uint8_t *c = p->pci.config, *w = p->pci.wmask;

    c[PCI_STATUS] = PCI_STATUS_FAST_BACK;
    c[PCI_STATUS + 1] = PCI_STATUS_DEVSEL_MEDIUM >> 8;
    pci_set_interrupt_pin(&p->pci, 1);
    store_le32(c + PIIX4_PMBA, 1);
    store_le32(w + PIIX4_PMBA, 0xffc0);
    for (unsigned i = 0x44; i < PIIX4_PMREGMISC; i++) {
        w[i] = 0xff; /* counters, general purpose inputs, device resources and activity */
    }
    w[PIIX4_PMREGMISC] = PMBA_ENABLE;
    store_le32(c + PIIX4_SMBHSTBASE, 1);
    store_le32(w + PIIX4_SMBHSTBASE, 0xfff0);
    w[PIIX4_SMBHSTCFG] = 0x0f;
    w[0xd3] = w[0xd4] = w[0xd5] = 0xff; /* SMBus slave */
    /* Firmware takes an enabled SMI port as "SMM is set up" and then keeps away from it. */
    if (!p->config.smi) {
        c[PIIX4_DEVACTB + 3] = DEVACTB_APMC;
    }
}

static bool pm_post_load(void *base, unsigned version, GError **error)
{
    struct piix4_pm *p = base;

    (void)version;
    if ((p->status & ~STS_ALL) || (p->enable & ~EN_ALL) || (p->control & ~CONTROL_STORED)) {
        return fail(error, "PIIX4_PM: saved registers have bits that do not exist");
    }
    if (p->overflow_ticks > INT64_MAX / NS_PER_SEC * (uint64_t)PM_TIMER_HZ) {
        return fail(error, "PIIX4_PM: saved timer is too far in the future");
    }
    update_mappings(p);
    p->smbus_level = piix4_smbus_level(&p->smbus);
    update_sci(p);
    return true;
}

static const struct state_field pm_fields[] = {
    STATE_U16(struct piix4_pm, status),
    STATE_U16(struct piix4_pm, enable),
    STATE_U16(struct piix4_pm, control),
    STATE_U16(struct piix4_pm, gpe_status),
    STATE_U16(struct piix4_pm, gpe_enable),
    STATE_U16(struct piix4_pm, global_status),
    STATE_U16(struct piix4_pm, global_enable),
    STATE_U32(struct piix4_pm, global_control),
    STATE_U32(struct piix4_pm, device_control),
    STATE_U8(struct piix4_pm, smi_command),
    STATE_U8(struct piix4_pm, smi_status),
    STATE_U64(struct piix4_pm, overflow_ticks),
    STATE_STRUCT(struct piix4_pm, smbus, piix4_smbus_state),
    {0},
};

/* The timer's status bit is set when somebody looks; saving is looking. */
static void pm_pre_save(void *base)
{
    update_timer_status(base);
}

static const struct state_table pm_state = {
    .name = "piix4_pm",
    .version = 1,
    .fields = pm_fields,
    .pre_save = pm_pre_save,
    .post_load = pm_post_load,
};

static void pm_reset(struct device *dev)
{
    struct piix4_pm *p = from_dev(dev);

    p->overflow_ticks = next_overflow(ticks_now(p));
    p->smbus_level = false;
    piix4_smbus_reset(&p->smbus);
    update_mappings(p);
    update_sci(p);
}

static bool pm_realize(struct device *dev, GError **error)
{
    struct piix4_pm *p = from_dev(dev);
    struct machine *m = dev->machine;

    timer_init(&p->timer, &m->clock_virtual, timer_expired, p);
    irq_init(&p->smbus_irq, smbus_irq_set, p, 0);
    if (p->disable_s3 > 1 || p->disable_s4 > 1 || p->s4_val > 7) {
        return fail(error, "PIIX4_PM: disable_s3 and disable_s4 are 0 or 1, s4_val 0 to 7");
    }
    init_config(p);
    p->pci.config_written = config_written;
    reg_bank_init(&p->bank, dev, pm_regs, "piix4-pm", PIIX4_PM_SIZE);
    reg_bank_init(&p->gpe_bank, dev, gpe_regs, "acpi-gpe0", PIIX4_GPE_SIZE);
    reg_bank_init(&p->smi_bank, dev, smi_regs, "apm", 2);
    piix4_smbus_init(&p->smbus, dev, &p->smbus_irq);
    region_set_enabled(&p->bank.region, false);
    region_set_enabled(&p->smbus.region, false);
    region_add(p->pci.bus->io, PIIX4_PM_BASE, &p->bank.region, 1);
    region_add(p->pci.bus->io, PIIX4_SMBUS_BASE, &p->smbus.region, 1);
    region_add(p->pci.bus->io, PIIX4_GPE_BASE, &p->gpe_bank.region, 0);
    region_add(p->pci.bus->io, PIIX4_SMI_PORT, &p->smi_bank.region, 0);
    machine_on(m, NOTICE_POWERDOWN, power_button, p);
    machine_on(m, NOTICE_WAKEUP, woken, p);
    return true;
}

static void pm_unrealize(struct device *dev)
{
    struct piix4_pm *p = from_dev(dev);

    machine_off(dev->machine, NOTICE_POWERDOWN, power_button, p);
    machine_off(dev->machine, NOTICE_WAKEUP, woken, p);
    timer_cancel(&p->timer);
    piix4_smbus_fini(&p->smbus);
}

static const struct property pm_props[] = {
    PROP_U8(struct piix4_pm, disable_s3, "disable_s3", 0, "1: no suspend to RAM"),
    PROP_U8(struct piix4_pm, disable_s4, "disable_s4", 0, "1: no suspend to disk"),
    PROP_U8(struct piix4_pm, s4_val, "s4_val", PIIX4_SLEEP_S4, "sleep type of S4"),
    {0},
};

static const struct pci_info pm_info = {
    .vendor = PCI_VENDOR_INTEL,
    .device = 0x7113,
    .revision = 3,
    .class_code = PCI_CLASS_BRIDGE_OTHER,
    .not_hotpluggable = true,
};

static const struct device_type pm_type = {
    .name = "PIIX4_PM",
    .description = "power management and SMBus of the 82371AB",
    .category = DEVICE_BRIDGE,
    .flags = DEVICE_INTERNAL | DEVICE_NO_HOTPLUG,
    .bus = BUS_PCI,
    .bus_info = &pm_info,
    .size = sizeof(struct piix4_pm),
    .props = pm_props,
    .state = &pm_state,
    .realize = pm_realize,
    .unrealize = pm_unrealize,
    .reset = pm_reset,
};
DEVICE_TYPE(pm_type);

struct pci_device *piix4_pm_create(struct pci_bus *bus, const struct piix4_pm_config *config,
                                   GError **error)
{
    struct device *dev = device_new(bus->bus.machine, "PIIX4_PM", error);
    struct piix4_pm *p;

    if (!dev) {
        return NULL;
    }
    p = from_dev(dev);
    p->config = *config;
    p->pci.addr = PCI_DEVFN(1, 3);
    if (!device_realize(dev, &bus->bus, error)) {
        device_free(dev);
        return NULL;
    }
    return &p->pci;
}

struct piix4_pm_info piix4_pm_get_info(struct pci_device *pm)
{
    struct piix4_pm *p = from_dev(&pm->dev);
    uint16_t base = load_le16(pm->config + PIIX4_PMBA) & 0xffc0;
    bool placed = (pm->config[PIIX4_PMREGMISC] & PMBA_ENABLE) && base;

    return (struct piix4_pm_info){
        .io_base = placed ? base : PIIX4_PM_BASE,
        .s3 = !p->disable_s3,
        .s4 = !p->disable_s4,
        .s4_type = p->s4_val,
    };
}
