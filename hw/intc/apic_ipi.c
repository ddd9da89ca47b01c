/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Local APIC: interrupt messages: who is meant by a destination, IPIs, MSI.
 *
 * Intel SDM volume 3, sections on issuing interprocessor interrupts, interrupt destination and
 * message signalled interrupts; x2APIC for 32-bit destinations.
 *
 * Lowest priority delivery picks, among the software-enabled destinations, one of the lowest
 * processor priority class, taking turns among equals; SDM leaves the arbitration to the model.
 *
 * Absent: the remote read delivery mode (of the 82489DX), focus processor checking.
 */
#include "hw/intc/apic_impl.h"

#include "util/rcu.h"

#define XAPIC_BROADCAST 0xff
#define CLUSTER_ID(ldr) ((ldr) >> 28)
#define X2APIC_CLUSTER  0xffff0000u

enum {
    ICR_SHORTHAND_SHIFT = 18,
    SHORTHAND_NONE = 0,
    SHORTHAND_SELF = 1,
    SHORTHAND_ALL = 2,
    SHORTHAND_OTHERS = 3,
};

enum {
    MSI_LOGICAL = 1 << 2,
    MSI_REDIRECT = 1 << 3,
    MSI_DEST_SHIFT = 12,
    MSI_EXT_DEST_SHIFT = 5,
    MSI_EXT_DEST_MASK = 0x7f,
    MSI_DATA_ASSERT = 1 << 14,
    MSI_DATA_LEVEL = 1 << 15,
};

/* ---- the table of APICs ---- */

static struct apic *slot(struct apic_bus *bus, unsigned i)
{
    return rcu_load(bus->apics[i]);
}

static unsigned slots(struct apic_bus *bus)
{
    return __atomic_load_n(&bus->used, __ATOMIC_ACQUIRE);
}

bool apic_bus_add(struct apic_bus *bus, struct apic *a, GError **error)
{
    unsigned i;

    if (apic_find(bus, a->config.id)) {
        return fail(error, "there is an APIC with id %u already", a->config.id);
    }
    for (i = 0; i < bus->max_apics && bus->apics[i]; i++) {
    }
    if (i == bus->max_apics) {
        return fail(error, "the machine has room for %u APICs", bus->max_apics);
    }
    rcu_publish(bus->apics[i], a);
    if (i >= bus->used) {
        __atomic_store_n(&bus->used, i + 1, __ATOMIC_RELEASE);
    }
    return true;
}

void apic_bus_remove(struct apic_bus *bus, struct apic *a)
{
    for (unsigned i = 0; i < bus->used; i++) {
        if (bus->apics[i] == a) {
            rcu_publish(bus->apics[i], NULL);
            rcu_synchronize(); /* nobody delivers to it any more */
            return;
        }
    }
}

struct apic *apic_find(struct apic_bus *bus, uint32_t id)
{
    for (unsigned i = 0; i < bus->used; i++) {
        if (bus->apics[i] && bus->apics[i]->config.id == id) {
            return bus->apics[i];
        }
    }
    return NULL;
}

/* ---- destinations ---- */

static bool matches_logical(const struct apic *a, uint32_t dest)
{
    uint32_t ldr = __atomic_load_n(&a->ldr, __ATOMIC_RELAXED);
    uint32_t dfr = __atomic_load_n(&a->dfr, __ATOMIC_RELAXED);

    if (apic_is_x2apic(a)) {
        return (ldr & X2APIC_CLUSTER) == (dest & X2APIC_CLUSTER) &&
               (ldr & dest & ~X2APIC_CLUSTER) != 0;
    }
    if (dest > 0xff) {
        return false;
    }
    if (CLUSTER_ID(dfr) == 0xf) { /* flat */
        return ((ldr >> 24) & dest) != 0;
    }
    if (CLUSTER_ID(dfr) != 0) { /* neither model: no match */
        return false;
    }
    return (CLUSTER_ID(ldr) == dest >> 4 || dest >> 4 == 0xf) && ((ldr >> 24) & dest & 0xf) != 0;
}

static bool matches(const struct apic *a, const struct apic_message *msg)
{
    if (!apic_enabled(a)) {
        return false;
    }
    if (msg->dest == APIC_BROADCAST) {
        return true;
    }
    return msg->logical ? matches_logical(a, msg->dest) : a->config.id == msg->dest;
}

/* One APIC receives a message. */
bool apic_receive(struct apic *a, uint8_t delivery, uint8_t vector, bool level)
{
    const struct apic_cpu_ops *ops = a->bus->ops;
    void *cpu = a->config.cpu;
    bool taken = true;

    g_mutex_lock(&a->lock);
    switch (delivery) {
    case APIC_FIXED:
    case APIC_LOWEST:
        taken = apic_accept_locked(a, vector, level);
        break;
    case APIC_SMI:
        ops->smi(cpu);
        break;
    case APIC_NMI:
        ops->nmi(cpu);
        break;
    case APIC_INIT:
        ops->init(cpu);
        break;
    case APIC_SIPI:
        ops->sipi(cpu, vector);
        break;
    case APIC_EXTINT:
        a->extint = true;
        apic_update_locked(a);
        break;
    default: /* reserved */
        taken = false;
        break;
    }
    g_mutex_unlock(&a->lock);
    return taken;
}

/* The destination that is to take a lowest priority message, or NULL. Within an RCU section. */
static struct apic *arbitrate(struct apic_bus *bus, const struct apic_message *msg)
{
    unsigned n = slots(bus);
    unsigned first = n ? __atomic_fetch_add(&bus->lowest_turn, 1, __ATOMIC_RELAXED) % n : 0;
    uint32_t best_class = UINT32_MAX;
    struct apic *best = NULL;

    for (unsigned i = 0; i < n; i++) {
        struct apic *a = slot(bus, (first + i) % n);
        uint32_t class;

        if (!a || !matches(a, msg) || !apic_software_enabled(a)) {
            continue;
        }
        class = __atomic_load_n(&a->ppr, __ATOMIC_RELAXED) >> 4;
        if (class < best_class) {
            best_class = class;
            best = a;
        }
    }
    return best;
}

static void trace(const struct apic_message *msg)
{
    if (log_on(LOG_INT)) {
        log_printf(LOG_INT, "apic: message to %s %#x, mode %u, vector %#x, %s\n",
                   msg->logical ? "logical" : "physical", msg->dest, msg->delivery, msg->vector,
                   msg->level ? "level" : "edge");
    }
}

/* To APICs that live in the kernel: the message in the form of an MSI. */
static bool pass_to_sink(struct apic_bus *bus, const struct apic_message *msg)
{
    uint32_t dest = msg->dest == APIC_BROADCAST ? XAPIC_BROADCAST : msg->dest;
    uint64_t addr = APIC_DEFAULT_BASE | (uint64_t)(dest & 0xff) << MSI_DEST_SHIFT;

    if (dest > 0xff) {
        if (!bus->extended_dest_id || dest > 0x7fff) {
            return false;
        }
        addr |= (dest >> 8) << MSI_EXT_DEST_SHIFT;
    }
    addr |= msg->logical ? MSI_LOGICAL : 0;
    bus->msi_sink(bus->msi_opaque, addr,
                  msg->vector | (uint32_t)msg->delivery << 8 |
                      (msg->level ? MSI_DATA_LEVEL | MSI_DATA_ASSERT : 0));
    return true;
}

/* To all that match, but not to @except (may be NULL). */
static bool deliver_except(struct apic_bus *bus, const struct apic_message *msg,
                           const struct apic *except)
{
    bool taken = false;
    struct apic *a;

    trace(msg);
    rcu_read_lock();
    if (msg->delivery == APIC_LOWEST) {
        a = arbitrate(bus, msg);
        taken = a && apic_receive(a, APIC_FIXED, msg->vector, msg->level);
    } else {
        for (unsigned i = 0, n = slots(bus); i < n; i++) {
            a = slot(bus, i);
            if (a && a != except && matches(a, msg)) {
                taken |= apic_receive(a, msg->delivery, msg->vector, msg->level);
            }
        }
    }
    rcu_read_unlock();
    return taken;
}

bool apic_deliver(struct apic_bus *bus, const struct apic_message *msg)
{
    if (bus->msi_sink) {
        return pass_to_sink(bus, msg);
    }
    return deliver_except(bus, msg, /* except= */ NULL);
}

bool apic_send_msi(struct apic_bus *bus, uint64_t addr, uint32_t data)
{
    uint32_t dest = (addr >> MSI_DEST_SHIFT) & 0xff;
    uint32_t high = (addr >> MSI_EXT_DEST_SHIFT) & MSI_EXT_DEST_MASK;
    struct apic_message msg = {
        .logical = (addr & MSI_LOGICAL) != 0,
        .level = (data & MSI_DATA_LEVEL) != 0,
        .delivery = (data >> 8) & 7,
        .vector = (uint8_t)data,
    };

    if (bus->msi_sink) {
        bus->msi_sink(bus->msi_opaque, addr, data);
        return true;
    }
    if (msg.level && !(data & MSI_DATA_ASSERT)) {
        return true; /* a level goes away: nothing to do */
    }
    if (bus->extended_dest_id && high) {
        msg.dest = high << 8 | dest;
    } else {
        msg.dest = dest == XAPIC_BROADCAST ? APIC_BROADCAST : dest;
    }
    if ((addr & MSI_REDIRECT) && msg.logical && msg.delivery == APIC_FIXED) {
        msg.delivery = APIC_LOWEST;
    }
    return apic_deliver(bus, &msg);
}

/* ---- interprocessor interrupts ---- */

static bool ipi_is_legal(struct apic *a, uint8_t delivery, uint8_t vector)
{
    if (delivery == 3 || delivery == APIC_EXTINT) {
        guest_error(&a->dev, "IPI with reserved delivery mode %u", delivery);
        return false;
    }
    if ((delivery == APIC_FIXED || delivery == APIC_LOWEST) && vector < 16) {
        g_mutex_lock(&a->lock);
        apic_error_locked(a, APIC_ESR_SEND_ILLEGAL);
        g_mutex_unlock(&a->lock);
        return false;
    }
    return true;
}

/* The command register was written; no mutex is held: the target may be sending to us. */
void apic_send_ipi(struct apic *a, uint32_t icr, uint32_t icr_high)
{
    unsigned shorthand = (icr >> ICR_SHORTHAND_SHIFT) & 3;
    struct apic_message msg = {
        .dest = APIC_BROADCAST,
        .logical = (icr & APIC_ICR_LOGICAL) != 0,
        .delivery = (icr >> 8) & 7,
        .vector = (uint8_t)icr,
    };

    if (!ipi_is_legal(a, msg.delivery, msg.vector)) {
        return;
    }
    if (msg.delivery == APIC_INIT && (icr & APIC_ICR_LEVEL) && !(icr & APIC_ICR_ASSERT)) {
        return; /* INIT level de-assert set arbitration ids of old */
    }
    switch (shorthand) {
    case SHORTHAND_SELF:
        trace(&msg);
        apic_receive(a, msg.delivery == APIC_LOWEST ? APIC_FIXED : msg.delivery, msg.vector,
                     /* level= */ false);
        return;
    case SHORTHAND_ALL:
        deliver_except(a->bus, &msg, /* except= */ NULL);
        return;
    case SHORTHAND_OTHERS:
        if (msg.delivery == APIC_LOWEST) {
            msg.delivery = APIC_FIXED; /* arbitration cannot leave one out */
        }
        deliver_except(a->bus, &msg, a);
        return;
    default:
        break;
    }
    if (apic_is_x2apic(a)) {
        msg.dest = icr_high;
    } else if (icr_high >> 24 != XAPIC_BROADCAST) {
        msg.dest = icr_high >> 24;
    }
    deliver_except(a->bus, &msg, /* except= */ NULL);
}

/* ---- end of interrupt, and the lines that reach all CPUs ---- */

void apic_bus_on_eoi(struct apic_bus *bus, void (*eoi)(void *opaque, uint8_t vector), void *opaque)
{
    g_assert(bus->eoi_count < APIC_MAX_EOI);
    bus->eoi[bus->eoi_count].eoi = eoi;
    bus->eoi[bus->eoi_count].opaque = opaque;
    bus->eoi_count++;
}

void apic_bus_eoi(struct apic_bus *bus, uint8_t vector)
{
    bool taken = lock_enter(&bus->machine->lock);

    for (unsigned i = 0; i < bus->eoi_count; i++) {
        bus->eoi[i].eoi(bus->eoi[i].opaque, vector);
    }
    lock_leave(&bus->machine->lock, taken);
}

/* @n: which pin. */
static void set_pin_of_all(void *opaque, int n, int level)
{
    struct apic_bus *bus = opaque;

    rcu_read_lock();
    for (unsigned i = 0, count = slots(bus); i < count; i++) {
        struct apic *a = slot(bus, i);

        if (a) {
            apic_set_lint(a, (unsigned)n, level != 0);
        }
    }
    rcu_read_unlock();
}

void apic_bus_init(struct apic_bus *bus, struct machine *m, struct region *memory,
                   const struct apic_cpu_ops *ops, unsigned max_apics)
{
    *bus = (struct apic_bus){
        .machine = m,
        .ops = ops,
        .max_apics = max_apics,
        .apics = g_new0(struct apic *, max_apics),
    };
    irq_init(&bus->intr, set_pin_of_all, bus, 0);
    irq_init(&bus->nmi, set_pin_of_all, bus, 1);
    region_init_io(&bus->region, &apic_region_ops, bus, "apic", APIC_MSI_SIZE);
    bus->region.lock = &region_unlocked;
    region_add(memory, APIC_DEFAULT_BASE, &bus->region, /* priority= */ 1000);
}

void apic_bus_fini(struct apic_bus *bus)
{
    if (bus->apics) {
        region_fini(&bus->region);
        g_free(bus->apics);
        bus->apics = NULL;
    }
}
