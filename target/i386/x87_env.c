/* SPDX-License-Identifier: Apache-2.0 */
/*
 * x87 control: control and status words, environments and saved states in memory, EMMS.
 *
 * An environment is 14 bytes with 16-bit operands, 28 with 32-bit ones; the pointers in it look
 * different in real and VM86 mode (Intel's manual, volume 1, figures 8-9 to 8-12).
 */
#include "target/i386/x87_impl.h"

void exec_FNINIT(struct x86_cpu *cpu, const struct x86_insn *i)
{
    (void)i;
    x87_init(cpu);
}

void exec_FNCLEX(struct x86_cpu *cpu, const struct x86_insn *i)
{
    (void)i;
    cpu->fpu.sw &= X87_CONDS;
    x87_update_es(cpu);
}

void exec_FNSTCW(struct x86_cpu *cpu, const struct x86_insn *i)
{
    operand_store(cpu, i, 0, cpu->fpu.cw);
}

void exec_FNSTSW(struct x86_cpu *cpu, const struct x86_insn *i)
{
    operand_store(cpu, i, 0, x87_status(cpu));
}

static void set_control(struct x86_cpu *cpu, uint16_t cw)
{
    cpu->fpu.cw = (cw & 0x1f3f) | 0x40;
    x87_update_es(cpu);
}

void exec_FLDCW(struct x86_cpu *cpu, const struct x86_insn *i)
{
    set_control(cpu, operand_load(cpu, i, 0));
}

/* ---- environments ------------------------------------------------------------------------ */

static unsigned env_size(const struct x86_insn *i)
{
    return i->width == 2 ? 14 : 28;
}

/* Real and VM86 mode: 20- or 32-bit linear pointers, the opcode beside the instruction's. */
static void pack_real(const struct x86_fpu *fpu, uint32_t v[4])
{
    uint32_t ip = (uint32_t)fpu->ip + fpu->cs * 16, dp = (uint32_t)fpu->dp + fpu->ds * 16;

    v[0] = ip & 0xffff;
    v[1] = (ip >> 16 << 12) | (fpu->op & 0x7ff);
    v[2] = dp & 0xffff;
    v[3] = dp >> 16 << 12;
}

/* Everything at `p`, env_size() bytes. */
static void pack_env(struct x86_cpu *cpu, const struct x86_insn *i, uint8_t *p)
{
    static const struct x86_fpu no_pointers;
    const struct x86_fpu *fpu = x87_pointers_stored(cpu) ? &cpu->fpu : &no_pointers;
    bool no_selectors = x86_has(cpu, X86_F_ZERO_FCS_FDS);
    uint16_t cs = no_selectors ? 0 : fpu->cs, ds = no_selectors ? 0 : fpu->ds;
    uint32_t head[3] = {cpu->fpu.cw, x87_status(cpu), x87_tags(cpu)};
    uint32_t tail[4] = {(uint32_t)fpu->ip, cs | (uint32_t)fpu->op << 16, (uint32_t)fpu->dp, ds};

    if (!x86_is_protected(cpu)) {
        pack_real(fpu, tail);
    }
    if (i->width == 2) {
        for (unsigned n = 0; n < 7; n++) {
            store_le16(p + 2 * n, n < 3 ? head[n] : tail[n - 3]);
        }
        return;
    }
    for (unsigned n = 0; n < 7; n++) {
        store_le32(p + 4 * n, n < 3 ? head[n] | 0xffff0000 : tail[n - 3]);
    }
    store_le32(p + 24, tail[3] | (x86_is_protected(cpu) ? 0xffff0000 : 0));
}

static void unpack_env(struct x86_cpu *cpu, const struct x86_insn *i, const uint8_t *p)
{
    struct x86_fpu *fpu = &cpu->fpu;
    unsigned step = i->width == 2 ? 2 : 4;
    uint32_t ip = load_le(p + 3 * step, step), cs = load_le(p + 4 * step, step);
    uint32_t dp = load_le(p + 5 * step, step), ds = load_le(p + 6 * step, step);

    if (!x86_is_protected(cpu)) {
        fpu->op = cs & 0x7ff;
        fpu->ip = (ip & 0xffff) | cs >> 12 << 16;
        fpu->dp = (dp & 0xffff) | ds >> 12 << 16;
        fpu->cs = fpu->ds = 0;
    } else {
        fpu->ip = ip;
        fpu->dp = dp;
        fpu->cs = cs;
        fpu->ds = ds;
        fpu->op = step == 4 ? cs >> 16 & 0x7ff : 0;
    }
    fpu->cw = (load_le16(p) & 0x1f3f) | 0x40;
    x87_set_tags(cpu, load_le16(p + 2 * step));
    x87_set_status(cpu, load_le16(p + step));
}

static void load_image(struct x86_cpu *cpu, const struct x86_insn *i, uint8_t *bytes, unsigned len)
{
    /* the control word comes first, and its fault before one of a later part */
    uint64_t la = operand_linear(cpu, i, 0, 2, /* write= */ false);

    x87_check_alignment(cpu, la, MIN(i->width, 4));
    mem_probe(cpu, la, 2, /* write= */ false);
    mem_read_bytes(cpu, operand_linear(cpu, i, 0, len, /* write= */ false), bytes, len);
}

void exec_FNSTENV(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint8_t bytes[28];

    pack_env(cpu, i, bytes);
    mem_write_bytes(cpu, x87_probe_store(cpu, i, env_size(i)), bytes, env_size(i));
    set_control(cpu, cpu->fpu.cw | SF_ALL);
}

void exec_FLDENV(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint8_t bytes[28];

    load_image(cpu, i, bytes, env_size(i));
    unpack_env(cpu, i, bytes);
}

/* FNSAVE and FRSTOR: the environment, then ST0 to ST7 in 10 bytes each. */
void exec_FNSAVE(struct x86_cpu *cpu, const struct x86_insn *i)
{
    unsigned head = env_size(i);
    uint8_t bytes[28 + 80];

    pack_env(cpu, i, bytes);
    for (unsigned n = 0; n < 8; n++) {
        struct f80 v = x87_get(cpu, n);

        store_le64(bytes + head + 10 * n, v.sig);
        store_le16(bytes + head + 10 * n + 8, v.se);
    }
    mem_write_bytes(cpu, x87_probe_store(cpu, i, head + 80), bytes, head + 80);
    x87_init(cpu);
}

void exec_FRSTOR(struct x86_cpu *cpu, const struct x86_insn *i)
{
    unsigned head = env_size(i);
    uint8_t bytes[28 + 80];

    load_image(cpu, i, bytes, head + 80);
    unpack_env(cpu, i, bytes);
    for (unsigned n = 0; n < 8; n++) {
        const uint8_t *p = bytes + head + 10 * n;

        cpu->fpu.r[x87_phys(cpu, n)] =
            (struct x86_fpr){.mant = load_le64(p), .exp = load_le16(p + 8)};
    }
}

void exec_EMMS(struct x86_cpu *cpu, const struct x86_insn *i)
{
    (void)i;
    cpu->fpu.top = 0;
    cpu->fpu.empty = 0xff;
}
