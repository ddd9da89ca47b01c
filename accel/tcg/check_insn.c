/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the comparison of blocks must know of single instructions.
 *
 * Translated code can be stopped before an instruction only at a site: so whatever has an emitter
 * that does without must be repeatable.
 */
#include "accel/tcg/check.h"

bool check_repeatable(const struct x86_cpu *cpu, const struct x86_insn *i)
{
    const struct x86_row *row = insn_row(i);

    if ((row->needs & CPL0) || ((row->needs & (X87 | MMXF)) && !(cpu->cr0 & CR0_NE))) {
        return false; /* without CR0.NE an error drives an interrupt line */
    }
    switch (row->op) {
    case OP_JCC:
    case OP_RET:
    case OP_LOOP:
    case OP_LOOPE:
    case OP_LOOPNE:
    case OP_JCXZ:
    case OP_CALL:
    case OP_JMP:
    case OP_CALL_IND:
    case OP_JMP_IND:
    case OP_PAUSE:
    case OP_SERIALIZE:
    case OP_FXRSTOR:
    case OP_LDMXCSR:
        return true;
    case OP_RDTSC:
    case OP_RDTSCP:
    case OP_RDPMC:
    case OP_RDRAND:
    case OP_RDSEED:
    case OP_WRFSBASE:
    case OP_WRGSBASE:
    case OP_LAR: /* these read by other TLB entries */
    case OP_LSL:
    case OP_VERR:
    case OP_VERW:
        return false;
    default:
        return !(row->needs & ENDS);
    }
}

bool check_uses_vectors(const struct x86_insn *i)
{
    return jit_touches_fpu(insn_row(i)) ||
           (insn_row(i)->needs & (SSEF | MMXF | VEX | VEX2 | VEXO)) || insn_row(i)->op == OP_FWAIT;
}

static uint32_t condition_flags(unsigned cond)
{
    static const uint32_t flags[8] = {
        FLAG_OF, FLAG_CF, FLAG_ZF,           FLAG_CF | FLAG_ZF,
        FLAG_SF, FLAG_PF, FLAG_SF | FLAG_OF, FLAG_ZF | FLAG_SF | FLAG_OF,
    };

    return flags[cond >> 1 & 7];
}

uint32_t check_flags_read(const struct x86_insn *i)
{
    switch (insn_row(i)->op) {
    case OP_JCC:
    case OP_SETCC:
    case OP_CMOVCC:
        return condition_flags(i->cond);
    case OP_ADC:
    case OP_SBB:
    case OP_RCL:
    case OP_RCR:
    case OP_CMC:
    case OP_SALC:
    case OP_ADCX:
        return FLAG_CF;
    case OP_ADOX:
    case OP_INTO:
        return FLAG_OF;
    case OP_LOOPE:
    case OP_LOOPNE:
        return FLAG_ZF;
    case OP_DAA:
    case OP_DAS:
    case OP_AAA:
    case OP_AAS:
        return FLAG_CF | FLAG_AF;
    case OP_FCMOV:
        return FLAG_CF | FLAG_ZF | FLAG_PF;
    case OP_LAHF:
        return FLAG_STATUS & ~FLAG_OF;
    case OP_PUSHF:
        return FLAG_STATUS;
    default:
        return 0;
    }
}

/* Whether @i may leave all flags as they are: by a count of zero. */
static bool may_do_nothing(const struct x86_insn *i)
{
    switch (insn_row(i)->op) {
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
        return i->prefixes & (PREFIX_REPZ | PREFIX_REPNZ);
    }
}

uint32_t check_flags_undefined(const struct x86_insn *i, uint32_t undefined)
{
    const struct x86_row *row = insn_row(i);

    if (!may_do_nothing(i)) {
        undefined &= ~(uint32_t)row->flags_out;
    }
    return undefined | row->flags_undefined;
}
