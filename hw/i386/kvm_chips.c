/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interrupt controllers in the kernel, as devices: power-on state at reset, saved state, and what
 * `info pic` and `info lapic` show. Their registers are served by KVM; no port or memory is here.
 */
#include "hw/i386/kvm_chips.h"

#include "hw/core/info.h"
#include "hw/core/machine.h"
#include "target/i386/cpu.h"
#include "util/bytes.h"
#include <linux/kvm.h>
#include <string.h>

/* A host error while registers are moved: nothing the guest did, and the machine goes on. */
static void report(bool ok, GError **error)
{
    if (!ok) {
        warn_user("%s", (*error)->message);
        g_clear_error(error);
    }
}

/* ---- the pair of 8259s ------------------------------------------------------------------------
 */

struct kvm_i8259 {
    struct device dev; /* first */
    struct kvm *kvm;
    struct kvm_pic_state chip[2]; /* of a save or load */
};

static struct kvm_i8259 *pic_of(struct device *dev)
{
    return container_of(dev, struct kvm_i8259, dev);
}

static void pic_fetch(void *base)
{
    struct kvm_i8259 *p = base;
    GError *error = NULL;

    for (unsigned i = 0; i < 2; i++) {
        report(kvm_get_pic(p->kvm, i, &p->chip[i], &error), &error);
    }
}

static bool pic_loaded(void *base, unsigned version, GError **error)
{
    struct kvm_i8259 *p = base;

    (void)version;
    return kvm_set_pic(p->kvm, false, &p->chip[0], error) &&
           kvm_set_pic(p->kvm, true, &p->chip[1], error);
}

/* Byte by byte: the struct is KVM's, and its layout is fixed. */
static const struct state_field pic_fields[] = {
    STATE_BYTES(struct kvm_i8259, chip),
    {0},
};

static const struct state_table pic_state = {
    .name = "kvm-i8259",
    .version = 1,
    .fields = pic_fields,
    .pre_save = pic_fetch,
    .post_load = pic_loaded,
};

static void pic_reset(struct device *dev)
{
    /* edge triggered but for what PCI may use: 3 to 7 and 9 to 12, 14, 15 */
    static const uint8_t elcr_mask[2] = {0xf8, 0xde};
    GError *error = NULL;

    for (unsigned i = 0; i < 2; i++) {
        struct kvm_pic_state s = {.elcr_mask = elcr_mask[i]};

        report(kvm_set_pic(pic_of(dev)->kvm, i, &s, &error), &error);
    }
}

static void pic_show(void *obj, info_print_fn *print, void *opaque)
{
    struct kvm_i8259 *p = obj;

    pic_fetch(p);
    for (unsigned i = 0; i < 2; i++) {
        const struct kvm_pic_state *s = &p->chip[i];

        print(opaque,
              "pic%u (in the kernel): irr=%02x imr=%02x isr=%02x hprio=%u irq_base=%02x rr_sel=%u "
              "elcr=%02x fnm=%u\n",
              i, s->irr, s->imr, s->isr, s->priority_add, s->irq_base, s->read_reg_select, s->elcr,
              s->special_fully_nested_mode);
    }
}

static bool pic_realize(struct device *dev, GError **error)
{
    if (!pic_of(dev)->kvm) {
        return fail(error, "kvm-i8259: it is part of a board and cannot be added alone");
    }
    machine_info_add(dev->machine, "pic", pic_show, pic_of(dev));
    return true;
}

static void pic_unrealize(struct device *dev)
{
    machine_info_remove(dev->machine, pic_of(dev));
}

static const struct device_type kvm_i8259_type = {
    .name = "kvm-i8259",
    .description = "pair of 8259A interrupt controllers in the kernel",
    .category = DEVICE_MISC,
    .flags = DEVICE_INTERNAL | DEVICE_NO_HOTPLUG,
    .size = sizeof(struct kvm_i8259),
    .state = &pic_state,
    .realize = pic_realize,
    .unrealize = pic_unrealize,
    .reset = pic_reset,
};
DEVICE_TYPE(kvm_i8259_type);

/* ---- I/O APIC -----------------------------------------------------------------------------------
 */

#define IOAPIC_MASKED (1ULL << 16)
#define IOAPIC_BASE   0xfec00000ULL

struct kvm_ioapic {
    struct device dev; /* first */
    struct kvm *kvm;
    struct kvm_ioapic_state chip; /* of a save or load */
};

static struct kvm_ioapic *ioapic_of(struct device *dev)
{
    return container_of(dev, struct kvm_ioapic, dev);
}

static void ioapic_fetch(void *base)
{
    struct kvm_ioapic *io = base;
    GError *error = NULL;

    report(kvm_get_ioapic(io->kvm, &io->chip, &error), &error);
}

static bool ioapic_loaded(void *base, unsigned version, GError **error)
{
    struct kvm_ioapic *io = base;

    (void)version;
    io->chip.base_address = IOAPIC_BASE; /* fixed on this board */
    return kvm_set_ioapic(io->kvm, &io->chip, error);
}

static const struct state_field ioapic_fields[] = {
    STATE_BYTES(struct kvm_ioapic, chip),
    {0},
};

static const struct state_table ioapic_state = {
    .name = "kvm-ioapic",
    .version = 1,
    .fields = ioapic_fields,
    .pre_save = ioapic_fetch,
    .post_load = ioapic_loaded,
};

static void ioapic_reset(struct device *dev)
{
    struct kvm_ioapic_state s = {.base_address = IOAPIC_BASE};
    GError *error = NULL;

    for (unsigned i = 0; i < KVM_IOAPIC_NUM_PINS; i++) {
        s.redirtbl[i].bits = IOAPIC_MASKED;
    }
    report(kvm_set_ioapic(ioapic_of(dev)->kvm, &s, &error), &error);
}

static void ioapic_show(void *obj, info_print_fn *print, void *opaque)
{
    static const char *const modes[] = {"fixed", "lowest", "SMI", "?",
                                        "NMI",   "INIT",   "?",   "ExtINT"};
    struct kvm_ioapic *io = obj;

    ioapic_fetch(io);
    print(opaque, "I/O APIC %u (in the kernel): select %u, irr %06x\n", io->chip.id,
          io->chip.ioregsel, io->chip.irr);
    for (unsigned i = 0; i < KVM_IOAPIC_NUM_PINS; i++) {
        uint64_t e = io->chip.redirtbl[i].bits;

        print(opaque, "  pin %-2u %#018" PRIx64 " dest %" PRIu64 " vec %-3u %s %s%s%s\n", i, e,
              e >> 56, (unsigned)(e & 0xff), modes[e >> 8 & 7], e & 1 << 15 ? "level" : "edge",
              e & IOAPIC_MASKED ? " masked" : "", e & 1 << 14 ? " remote-irr" : "");
    }
}

static bool ioapic_realize(struct device *dev, GError **error)
{
    if (!ioapic_of(dev)->kvm) {
        return fail(error, "kvm-ioapic: it is part of a board and cannot be added alone");
    }
    machine_info_add(dev->machine, "pic", ioapic_show, ioapic_of(dev));
    return true;
}

static void ioapic_unrealize(struct device *dev)
{
    machine_info_remove(dev->machine, ioapic_of(dev));
}

static const struct device_type kvm_ioapic_type = {
    .name = "kvm-ioapic",
    .description = "I/O APIC in the kernel",
    .category = DEVICE_MISC,
    .flags = DEVICE_INTERNAL | DEVICE_NO_HOTPLUG,
    .size = sizeof(struct kvm_ioapic),
    .state = &ioapic_state,
    .realize = ioapic_realize,
    .unrealize = ioapic_unrealize,
    .reset = ioapic_reset,
};
DEVICE_TYPE(kvm_ioapic_type);

/* ---- local APIC
 * ---------------------------------------------------------------------------------- */

struct kvm_apic {
    struct device dev; /* first */
    struct vcpu *v;
    uint8_t page[KVM_LAPIC_PAGE_BYTES]; /* of a save or load */
    uint64_t tsc_deadline;
};

static struct kvm_apic *apic_of(struct device *dev)
{
    return container_of(dev, struct kvm_apic, dev);
}

/* On the vCPU's thread, or while the vCPU is stopped. */
static void apic_fetch(void *base)
{
    struct kvm_apic *a = base;

    kvm_lapic_get(a->v, a->page);
    a->tsc_deadline = kvm_lapic_get_deadline(a->v);
}

static bool apic_loaded(void *base, unsigned version, GError **error)
{
    struct kvm_apic *a = base;

    (void)version;
    (void)error;
    kvm_lapic_set(a->v, a->page);
    kvm_lapic_set_deadline(a->v, a->tsc_deadline);
    return true;
}

static const struct state_field apic_fields[] = {
    STATE_BYTES(struct kvm_apic, page),
    STATE_U64(struct kvm_apic, tsc_deadline),
    {0},
};

static const struct state_table apic_state = {
    .name = "kvm-apic",
    .version = 1,
    .fields = apic_fields,
    .pre_save = apic_fetch,
    .post_load = apic_loaded,
};

static void apic_reset(struct device *dev)
{
    kvm_lapic_reset(apic_of(dev)->v);
}

static void show_bits(const uint8_t *page, unsigned at, const char *name, info_print_fn *print,
                      void *opaque)
{
    print(opaque, "  %s", name);
    for (unsigned vector = 0; vector < 256; vector++) {
        if (load_le32(page + at + vector / 32 * 16) >> (vector % 32) & 1) {
            print(opaque, " %u", vector);
        }
    }
    print(opaque, "\n");
}

/* The kernel serves a vCPU's registers only while the vCPU is out of guest code. */
static void fetch_on_thread(struct vcpu *v, void *data)
{
    (void)v;
    apic_fetch(data);
}

static void apic_show(void *obj, info_print_fn *print, void *opaque)
{
    static const struct {
        unsigned at;
        const char *name;
    } lvts[] = {{0x320, "timer"}, {0x330, "thermal"}, {0x340, "performance"},
                {0x350, "LINT0"}, {0x360, "LINT1"},   {0x370, "error"}};
    struct kvm_apic *a = obj;
    const uint8_t *p = a->page;

    vcpu_run_on(a->v, fetch_on_thread, a);
    print(opaque, "local APIC of CPU %d (in the kernel): id %#x spurious %#x task %#x\n",
          a->v->index, load_le32(p + 0x20) >> 24, load_le32(p + 0xf0), load_le32(p + 0x80));
    for (unsigned i = 0; i < ARRAY_SIZE(lvts); i++) {
        print(opaque, "  %-11s %#07x\n", lvts[i].name, load_le32(p + lvts[i].at));
    }
    print(opaque, "  timer count %u of %u, divider %#x, deadline %" PRIu64 "\n",
          load_le32(p + 0x390), load_le32(p + 0x380), load_le32(p + 0x3e0), a->tsc_deadline);
    show_bits(p, 0x100, "in service:", print, opaque);
    show_bits(p, 0x200, "requested:", print, opaque);
}

static bool apic_realize(struct device *dev, GError **error)
{
    if (!apic_of(dev)->v) {
        return fail(error, "kvm-apic: it is part of a board and cannot be added alone");
    }
    machine_info_add(dev->machine, "lapic", apic_show, apic_of(dev));
    return true;
}

static void apic_unrealize(struct device *dev)
{
    machine_info_remove(dev->machine, apic_of(dev));
}

static const struct device_type kvm_apic_type = {
    .name = "kvm-apic",
    .description = "local APIC in the kernel",
    .category = DEVICE_MISC,
    .flags = DEVICE_INTERNAL,
    .size = sizeof(struct kvm_apic),
    .state = &apic_state,
    .realize = apic_realize,
    .unrealize = apic_unrealize,
    .reset = apic_reset,
};
DEVICE_TYPE(kvm_apic_type);

/* ---- making them
 * --------------------------------------------------------------------------------- */

/* Realizes @dev, whose connections are set, or frees it. */
static bool finish(struct device *dev, GError **error)
{
    if (!device_realize(dev, NULL, error)) {
        device_free(dev);
        return false;
    }
    return true;
}

bool kvm_i8259_create(struct machine *m, struct kvm *kvm, GError **error)
{
    struct device *dev = device_new(m, "kvm-i8259", error);

    if (!dev) {
        return false;
    }
    pic_of(dev)->kvm = kvm;
    return finish(dev, error);
}

bool kvm_ioapic_create(struct machine *m, struct kvm *kvm, GError **error)
{
    struct device *dev = device_new(m, "kvm-ioapic", error);

    if (!dev) {
        return false;
    }
    ioapic_of(dev)->kvm = kvm;
    return finish(dev, error);
}

bool kvm_apic_create(struct machine *m, struct vcpu *v, GError **error)
{
    struct device *dev = device_new(m, "kvm-apic", error);

    if (!dev) {
        return false;
    }
    apic_of(dev)->v = v;
    return finish(dev, error);
}
