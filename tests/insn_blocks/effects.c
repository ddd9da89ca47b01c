/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flags that instructions read and leave, and what processors do not agree on.
 *
 * The table of instructions has the flags that a row writes and leaves undefined; shifts by zero
 * and repeats of zero write none, which depends on registers.
 */
#include "tests/insn_blocks/effects.h"

#include <string.h>

#include "target/i386/x87.h"
#include "tests/insn_lib/difference.h"

static const char *excluded_op(unsigned op)
{
    switch (op) {
    case OP_INT3:
        return "ends the program";
    case OP_RETF:
    case OP_CALLF:
    case OP_CALLF_IND:
    case OP_JMPF:
    case OP_JMPF_IND:
    case OP_MOV_TO_SEG:
    case OP_POP_DS:
    case OP_POP_ES:
    case OP_POP_SS:
    case OP_POP_GS:
    case OP_LDS:
    case OP_LES:
    case OP_LSS:
    case OP_LGS:
        return "changes the segments that all programs share; compare.c has it";
    case OP_LAR:
    case OP_LSL:
    case OP_VERR:
    case OP_VERW:
        return "reads descriptors, of which the host has others; compare.c has it";
    default:
        return NULL;
    }
}

const char *program_excludes(const struct x86_row *row)
{
    const char *reason = row->op == OP_WRFSBASE ? NULL : not_run_reason(row);

    return reason ? reason : excluded_op(row->op);
}

/* ---- flags ------------------------------------------------------------------------------- */

static uint32_t condition_flags(unsigned cond)
{
    static const uint32_t flags[8] = {
        FLAG_OF, FLAG_CF, FLAG_ZF,           FLAG_CF | FLAG_ZF,
        FLAG_SF, FLAG_PF, FLAG_SF | FLAG_OF, FLAG_ZF | FLAG_SF | FLAG_OF};

    return flags[cond >> 1 & 7];
}

static bool is_shift(unsigned op)
{
    switch (op) {
    case OP_ROL:
    case OP_ROR:
    case OP_RCL:
    case OP_RCR:
    case OP_SHL:
    case OP_SHR:
    case OP_SAR:
    case OP_SHLD:
    case OP_SHRD:
        return true;
    default:
        return false;
    }
}

/* Of a shift: the last operand is the count. */
static unsigned shift_count(const struct x86_cpu *cpu, const struct x86_insn *i)
{
    const struct x86_row *row = insn_row(i);
    unsigned n = row->operands[2] ? 2 : 1, mask = i->width == 8 ? 63 : 31;
    const struct x86_operand_info *o = &x86_operand_info[row->operands[n]];

    if (x86_operand_info[row->operands[0]].size == SIZE_1) {
        mask = 31;
    }
    if (o->where == WHERE_COUNT) {
        return cpu->gpr[X86_RCX] & mask;
    }
    return o->size == SIZE_ONE ? 1 : i->imm & mask;
}

/* A repeated instruction that is about to do nothing. */
static bool repeats_zero_times(const struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint64_t count = cpu->gpr[X86_RCX] & ~0ull >> (64 - 8 * i->asize);

    return (insn_row(i)->needs & REP) && (i->prefixes & (PREFIX_REPZ | PREFIX_REPNZ)) && !count;
}

uint32_t insn_flags_read(const struct x86_cpu *cpu, const struct x86_insn *i)
{
    switch (insn_row(i)->op) {
    case OP_RCL:
    case OP_RCR:
        return shift_count(cpu, i) ? FLAG_CF : 0;
    case OP_ADC:
    case OP_SBB:
    case OP_CMC:
    case OP_SALC:
    case OP_ADCX:
        return FLAG_CF;
    case OP_ADOX:
    case OP_INTO:
        return FLAG_OF;
    case OP_DAA:
    case OP_DAS:
        return FLAG_CF | FLAG_AF;
    case OP_AAA:
    case OP_AAS:
        return FLAG_AF;
    case OP_JCC:
    case OP_SETCC:
    case OP_CMOVCC:
        return condition_flags(i->cond);
    case OP_LOOPE:
    case OP_LOOPNE:
        return FLAG_ZF;
    case OP_FCMOV:
        return (const uint32_t[]){FLAG_CF, FLAG_ZF, FLAG_CF | FLAG_ZF, FLAG_PF}[i->modrm >> 3 & 3];
    case OP_LAHF:
        return FLAG_STATUS & ~FLAG_OF;
    case OP_PUSHF:
        return FLAG_STATUS;
    default:
        return 0;
    }
}

uint32_t insn_flags_undefined(const struct x86_cpu *cpu, const struct x86_insn *i,
                              uint32_t undefined)
{
    const struct x86_row *row = insn_row(i);

    if ((is_shift(row->op) && !shift_count(cpu, i)) || repeats_zero_times(cpu, i)) {
        return undefined;
    }
    return (undefined & ~(uint32_t)row->flags_out) | row->flags_undefined;
}

/* ---- what processors do not agree on ----------------------------------------------------- */

/* Whether pages fault in which a MASKMOV writes nothing: it writes to both ends of its operand. */
static bool mask_reaches_pages(const struct x86_cpu *cpu, const struct x86_insn *i)
{
    bool mmx = insn_row(i)->needs & MMXF;
    uint64_t mm = cpu->fpu.r[i->rm & 7].mant;
    const union x86_vec *xmm = &cpu->vec[i->rm & 15];

    return mmx ? mm >> 63 && (mm & 0x80) : (xmm->b[0] & xmm->b[15]) >> 7;
}

bool insn_comparable(const struct x86_cpu *cpu, const struct x86_insn *i)
{
    unsigned op = insn_row(i)->op;

    if (insn_row(i)->needs & VSIB) { /* #UD, but some of AMD's execute it */
        return i->reg != i->vvvv && i->reg != (i->index & 15) && i->vvvv != (i->index & 15);
    }
    switch (op) {
    case OP_MOVSXD: /* 66: AMD reads 4 bytes, Intel and we 2 */
        return i->width != 2 || !i->is_mem;
    case OP_SHLD:
    case OP_SHRD: /* undefined result */
        return i->width != 2 || shift_count(cpu, i) <= 16;
    case OP_XSAVE:
    case OP_XSAVEC:
    case OP_XSAVEOPT:
    case OP_XRSTOR: /* components that both sides have */
        return !(cpu->gpr[X86_RAX] & 0xfffffff8) && !(uint32_t)cpu->gpr[X86_RDX];
    case OP_FSTPNCE: /* an empty register's contents may be lost */
        return !cpu->fpu.empty;
    case OP_MASKMOV:
        return mask_reaches_pages(cpu, i);
    default:
        return true;
    }
}

/*
 * Whether vectors, or their upper halves, or the x87 are as after reset. XSAVE may say so or not:
 * processors need not notice.
 */
static bool has_initial_component(const struct x86_cpu *cpu)
{
    static const uint8_t zeros[16];
    bool xmm = true, ymm = true;

    for (unsigned n = 0; n < 8; n++) { /* in 32-bit code those alone */
        xmm = xmm && !memcmp(cpu->vec[n].b, zeros, 16);
        ymm = ymm && !memcmp(cpu->vec[n].b + 16, zeros, 16);
    }
    return xmm || ymm || (cpu->fpu.cw == X87_CW_RESET && cpu->fpu.empty == 0xff && !cpu->fpu.top);
}

bool insn_is_of_guest(const struct x86_cpu *cpu, const struct x86_insn *i)
{
    if (i->seg == X86_FS || (cpu->eflags & FLAG_AC)) {
        return true;
    }
    switch (insn_row(i)->op) {
    case OP_RDFSBASE:
    case OP_WRFSBASE:
    case OP_WRGSBASE:
        return true;
    case OP_XSAVE:
    case OP_XSAVEC:
    case OP_XSAVEOPT:
        return has_initial_component(cpu);
    default:
        return false;
    }
}

/* ---- the x87's pointers ------------------------------------------------------------------ */

bool insn_stores_pointers(const struct x86_insn *i, bool known)
{
    switch (insn_row(i)->op) {
    case OP_FNSTENV:
    case OP_FNSAVE:
        return true;
    case OP_FXSAVE:
    case OP_XSAVE:
    case OP_XSAVEC:
    case OP_XSAVEOPT:
        return !known;
    default:
        return false;
    }
}

bool insn_loads_masks(const struct x86_insn *i)
{
    switch (insn_row(i)->op) {
    case OP_FLDCW:
    case OP_FLDENV:
    case OP_FRSTOR:
    case OP_FXRSTOR:
    case OP_XRSTOR:
        return true;
    default:
        return false;
    }
}
