/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Register banks: widths, masks, resets and traces for tables of registers.
 */
#include "hw/core/reg.h"

#include "util/bytes.h"

static uint8_t *reg_field(struct reg_bank *bank, const struct reg *r)
{
    return (uint8_t *)bank->dev + r->field - 1;
}

static const struct reg *find_reg(struct reg_bank *bank, uint64_t offset)
{
    for (const struct reg *r = bank->regs; r->width; r++) {
        if (offset >= r->offset && offset < r->offset + r->width) {
            return r;
        }
    }
    return NULL;
}

static uint64_t reg_value(struct reg_bank *bank, const struct reg *r)
{
    if (r->read) {
        return r->read(bank->dev);
    }
    return r->field ? load_native(reg_field(bank, r), r->width) : r->reset;
}

static void unknown(struct reg_bank *bank, uint64_t offset, const char *what)
{
    if (!(bank->unknown_logged[offset / 8] & (1u << (offset % 8)))) {
        bank->unknown_logged[offset / 8] |= (uint8_t)(1u << (offset % 8));
        guest_error(bank->dev, "%s at offset %#" PRIx64 ", where there is no register", what,
                    offset);
    }
}

static void trace(struct reg_bank *bank, const struct reg *r, const char *arrow, uint64_t val)
{
    if (log_on(LOG_STRACE_IO)) {
        log_printf(LOG_STRACE_IO, "%s: %s %s %#" PRIx64 "\n", bank->region.name, r->name, arrow,
                   val);
    }
}

static uint64_t bank_read(void *opaque, uint64_t offset, unsigned size)
{
    struct reg_bank *bank = opaque;
    uint64_t val = 0;

    for (unsigned done = 0; done < size;) {
        const struct reg *r = find_reg(bank, offset + done);
        unsigned skip, part;
        uint64_t reg;

        if (!r) {
            unknown(bank, offset + done, "read");
            val |= 0xffULL << (8 * done);
            done++;
            continue;
        }
        skip = (unsigned)(offset + done - r->offset);
        part = MIN(r->width - skip, size - done);
        reg = reg_value(bank, r);
        trace(bank, r, "->", reg);
        val |= ((reg >> (8 * skip)) & size_mask(part)) << (8 * done);
        done += part;
    }
    return val;
}

static void write_reg(struct reg_bank *bank, const struct reg *r, uint64_t val, uint64_t bytes)
{
    uint64_t old, whole;

    trace(bank, r, "<-", val);
    if (!r->field) {
        if (r->write) {
            uint64_t rest = r->read && bytes != size_mask(r->width) ? r->read(bank->dev) : 0;

            r->write(bank->dev, (rest & ~bytes & size_mask(r->width)) | val);
        }
        return;
    }
    old = load_native(reg_field(bank, r), r->width);
    if (r->write) {
        r->write(bank->dev, (old & ~bytes) | val);
        return;
    }
    whole = (old & ~(r->writable & bytes)) | (val & r->writable & bytes);
    whole &= ~(val & r->w1c & bytes);
    store_native(reg_field(bank, r), whole, r->width);
    if (r->stored) {
        r->stored(bank->dev, old);
    }
}

static void bank_write(void *opaque, uint64_t offset, uint64_t val, unsigned size)
{
    struct reg_bank *bank = opaque;

    for (unsigned done = 0; done < size;) {
        const struct reg *r = find_reg(bank, offset + done);
        unsigned skip, part;

        if (!r) {
            unknown(bank, offset + done, "write");
            done++;
            continue;
        }
        skip = (unsigned)(offset + done - r->offset);
        part = MIN(r->width - skip, size - done);
        write_reg(bank, r, ((val >> (8 * done)) & size_mask(part)) << (8 * skip),
                  size_mask(part) << (8 * skip));
        done += part;
    }
}

static const struct region_ops bank_ops = {
    .read = bank_read,
    .write = bank_write,
    .max_size = 8,
    .accepts_unaligned = true,
};

void reg_bank_init(struct reg_bank *bank, struct device *dev, const struct reg *regs,
                   const char *name, uint64_t size)
{
    bank->dev = dev;
    bank->regs = regs;
    bank->unknown_logged = g_malloc0(size / 8 + 1);
    region_init_io(&bank->region, &bank_ops, bank, name, size);
    bank->region.guard = &dev->guard;
    if (!dev->reg_banks) {
        dev->reg_banks = g_ptr_array_new();
    }
    g_ptr_array_add(dev->reg_banks, bank);
    reg_bank_reset(bank);
}

void reg_bank_fini(struct reg_bank *bank)
{
    if (!bank->dev) {
        return;
    }
    region_fini(&bank->region);
    g_ptr_array_remove(bank->dev->reg_banks, bank);
    g_clear_pointer(&bank->unknown_logged, g_free);
    bank->dev = NULL;
}

void reg_bank_reset(struct reg_bank *bank)
{
    for (const struct reg *r = bank->regs; r->width; r++) {
        if (r->field) {
            store_native(reg_field(bank, r), r->reset, r->width);
        }
    }
}
