/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decoded instructions: what the decoder makes of guest code, and the table it works from.
 *
 * insn.def has one row per encoding, op.def one per operation; their head comments are the guide
 * to adding an instruction. Everything that includes them (decoder, interpreter, JIT, tests) goes
 * through this header. operand.def lists the operand letters.
 */
#ifndef VITRO_TARGET_I386_INSN_H
#define VITRO_TARGET_I386_INSN_H

#include "target/i386/cpu.h"

enum x86_where {
    WHERE_NONE,
    WHERE_REG,
    WHERE_RM,
    WHERE_RMREG,
    WHERE_MEM,
    WHERE_VVVV,
    WHERE_IMM,
    WHERE_IMM2,
    WHERE_MOFFS,
    WHERE_OPREG,
    WHERE_ACC,
    WHERE_COUNT,
    WHERE_PORT,
    WHERE_SREG,
    WHERE_CREG,
    WHERE_DREG,
    WHERE_STRSRC,
    WHERE_STRDST,
    WHERE_MMXREG,
    WHERE_MMXRM,
    WHERE_MMXRMREG,
    WHERE_VREG,
    WHERE_VVEC,
    WHERE_VRM,
    WHERE_VRMREG,
    WHERE_VIS4,
    WHERE_VXMM0,
    WHERE_ST,
    WHERE_STI,
};

/* Sizes that are not a number of bytes. */
enum x86_size {
    SIZE_0 = 0,
    SIZE_1 = 1,
    SIZE_2 = 2,
    SIZE_4 = 4,
    SIZE_8 = 8,
    SIZE_10 = 10,
    SIZE_16 = 16,
    SIZE_32 = 32,
    SIZE_V = 64, /* operand size: 2, 4, 8 */
    SIZE_Z,      /* operand size, at most 4 */
    SIZE_Y,      /* 8 with REX.W or VEX.W in 64-bit mode, else 4 */
    SIZE_S,      /* 8 in 64-bit mode, else 4; also stack-sized Zs */
    SIZE_X,      /* vector length: 16 or 32 */
    SIZE_HALF,
    SIZE_QUARTER,
    SIZE_EIGHTH,
    SIZE_BS,   /* byte, sign-extended to the operand size */
    SIZE_JZ,   /* branch displacement of 16 or 32 bits */
    SIZE_AP,   /* far pointer: offset in imm bits 0-31, selector in 32-47 */
    SIZE_ONE,  /* the constant 1 */
    SIZE_RDMW, /* 4 in a register, 2 in memory */
    SIZE_RDMB, /* 4 in a register, 1 in memory */
    SIZE_RVMW, /* operand size in a register, 2 in memory */
};

/* The manual's operand letters, of operand.def. */
enum x86_operand {
#define OPERAND(name, where, size) OPND_##name,
#include "target/i386/operand.def"
#undef OPERAND
    OPND_COUNT,
};

enum x86_map {
    MAP_LEG, /* one byte */
    MAP_X0F,
    MAP_X38, /* 0F 38 */
    MAP_X3A, /* 0F 3A */
    MAP_COUNT,
};

/* Mandatory prefix of a row. */
enum x86_pfx {
    PFX_ANY, /* prefixes mean what they mean for integer code */
    PFX_NP,  /* none of 66, F3, F2 */
    PFX_P66,
    PFX_PF3,
    PFX_PF2,
    PFX_N66, /* 66 or not (it changes the operand size), but no F3 or F2 */
};

/* The /r column: ModRM.reg digit, form, and for R(n, m) the exact rm. */
#define RSEL_DIGIT   0x00f /* 8: any */
#define RSEL_MEM     0x010
#define RSEL_REG     0x020
#define RSEL_RM      0xf00 /* 8: any */
#define RSEL_ANY     0x808
#define RSEL_MEMA    0x818 /* MEMA: memory, any digit */
#define RSEL_REGA    0x828 /* REGA: register, any digit */
#define RSEL_0       0x800
#define RSEL_1       0x801
#define RSEL_2       0x802
#define RSEL_3       0x803
#define RSEL_4       0x804
#define RSEL_5       0x805
#define RSEL_6       0x806
#define RSEL_7       0x807
#define RSEL_M(n)    (0x810 | (n))
#define RSEL_R(n)    (0x820 | (n))
#define RSEL_X(n, m) (0x020 | (n) | (m) << 8)

/* The "needs" column. */
enum x86_needs {
    LOCKABLE = 1 << 0, /* LOCK allowed when operand 1 is memory */
    LOCKED = 1 << 1,   /* locked without prefix when it is memory (XCHG) */
    CPL0 = 1 << 2,     /* else #GP(0) */
    ENDS = 1 << 3,     /* ends a block: branches, and what changes mode, mapping or FPU control */
    I64 = 1 << 4,      /* invalid in 64-bit mode */
    O64 = 1 << 5,      /* only in 64-bit mode */
    D64 = 1 << 6,      /* operand size defaults to 64 in 64-bit mode (no 32) */
    F64 = 1 << 7,      /* operand size is 64 in 64-bit mode, whatever the prefixes */
    PROT = 1 << 8,     /* #UD in real mode and VM86 */
    REP = 1 << 9,      /* string instruction: F3 and F2 repeat */
    REPZ = 1 << 10,    /* ... and test ZF (CMPS, SCAS) */
    X87 = 1 << 11,     /* CR0.EM/TS, and pending errors (#MF) */
    NOWAIT = 1 << 12,  /* X87 but without the check for pending errors */
    MMXF = 1 << 13,    /* CR0.EM/TS, pending errors; enters MMX mode (TOP = 0, all valid)
                          unless X87 is given too (EMMS) */
    SSEF = 1 << 14,    /* legacy form: CR0.EM/TS, CR4.OSFXSR */
    VEX = 1 << 15,     /* has a VEX form too (features AVX; see VEX2) */
    VEX2 = 1 << 16,    /* has a VEX form; 256 bits need AVX2 */
    VEXO = 1 << 17,    /* only a VEX form; the row's feature counts, for both lengths */
    VEXG = 1 << 18,    /* VEXO on general registers (BMI): no vector state needed, L = 0 */
    L0 = 1 << 19,      /* VEX.L must be 0 */
    L1 = 1 << 20,      /* VEX.L must be 1 */
    W0 = 1 << 21,      /* REX.W or VEX.W must be 0 */
    W1 = 1 << 22,      /* ... must be 1 */
    UNAL = 1 << 23,    /* legacy form: 16-byte memory operand need not be aligned */
    ALGN = 1 << 24,    /* VEX form too: memory operand must be aligned to its size */
    VSIB = 1 << 25,    /* memory operand with a vector index */
    IOPL = 1 << 26,    /* VM86: IOPL must be 3 (#GP) */
    A16 = 1 << 27,     /* the memory form needs natural 16-byte alignment (CMPXCHG16B) */
    SYS = 1 << 28,     /* branch, interrupt or mode change that resets the interrupt shadow */
    JCC = 1 << 29,     /* conditional: condition in the opcode's low four bits (i->cond) */
    LIG = 1 << 30,     /* VEX.L ignored */
};

enum {
    /* the flags columns */
    FL_C = FLAG_CF,
    FL_O = FLAG_OF,
    FL_AF = FLAG_AF,
    FL_OSZAPC = FLAG_STATUS,
    FL_OSZPC = FLAG_STATUS & ~FLAG_AF,
    FL_OSZAP = FLAG_STATUS & ~FLAG_CF,
    FL_SZAPC = FLAG_STATUS & ~FLAG_OF,
    FL_SZAP = FLAG_STATUS & ~(FLAG_OF | FLAG_CF),
    FL_SZP = FLAG_SF | FLAG_ZF | FLAG_PF,
};

enum x86_op {
#define OP(name, jit) OP_##name,
#include "target/i386/op.def"
#undef OP
    OP_COUNT,
};

enum x86_jit {
    JIT_COPY, /* emitted as itself */
    JIT_OWN,  /* has its own emitter */
    JIT_CALL, /* calls exec_NAME */
};

struct x86_operand_info {
    uint8_t where; /* enum x86_where */
    uint8_t size;  /* enum x86_size */
};
extern const struct x86_operand_info x86_operand_info[];

typedef void x86_exec_fn(struct x86_cpu *cpu, const struct x86_insn *i);

/* A row of insn.def. */
struct x86_row {
    uint8_t map; /* enum x86_map */
    uint8_t opcode;
    uint8_t pfx; /* enum x86_pfx */
    uint8_t operands[4];
    uint16_t rsel;
    uint16_t feature;
    uint16_t op;
    uint32_t needs;
    uint16_t flags_out;
    uint16_t flags_undefined;
    const char *name;
    x86_exec_fn *exec;
};

extern const struct x86_row x86_rows[];
extern const unsigned x86_row_count;

/* i->prefixes */
enum x86_prefix_bits {
    PREFIX_LOCK = 1 << 0,
    PREFIX_REPZ = 1 << 1,  /* F3 as repeat */
    PREFIX_REPNZ = 1 << 2, /* F2 as repeat */
    PREFIX_66 = 1 << 3,
    PREFIX_REX = 1 << 4,
    PREFIX_W = 1 << 5, /* REX.W or VEX.W */
    PREFIX_VEX = 1 << 6,
    PREFIX_L = 1 << 7, /* VEX.L: 256 bits */
};

/* A decoded instruction. 40 bytes: engines keep many. */
struct x86_insn {
    void (*run)(struct x86_cpu *cpu, const struct x86_insn *i); /* the engine's handler */
    uint64_t imm;  /* first immediate, extended as its operand says; moffs; far pointer */
    int32_t disp;  /* of the memory operand, sign-extended when used */
    uint16_t row;  /* index into x86_rows */
    uint16_t end;  /* engine: offset of the next instruction from the block's start */
    uint8_t len;   /* bytes */
    uint8_t width; /* operand size: 2, 4, 8 (1 in rows whose operands are all bytes) */
    uint8_t reg;   /* ModRM.reg or opcode register, with REX/VEX bits; byte operand: see below */
    uint8_t rm;    /* ModRM.rm when a register */
    uint8_t base;  /* enum x86_reg; X86_ZERO: none; X86_RIP: relative to the next instruction */
    uint8_t index; /* enum x86_reg, or vector register (VSIB); X86_ZERO: none */
    uint8_t scale; /* shift: 0-3 */
    uint8_t seg;   /* of the memory operand or string source, defaults applied */
    uint8_t asize; /* address size: 2, 4, 8 */
    uint8_t is_mem : 1;
    uint8_t seg_override : 1;
    uint8_t vvvv; /* second source register */
    uint8_t prefixes;
    uint8_t cond; /* opcode's low four bits */
    uint8_t imm2; /* second immediate */
    uint8_t opcode;
    uint8_t modrm; /* the byte itself, which the x87 remembers as last opcode; 0: none */
};

/*
 * A general byte register is kept in reg and rm as the *byte offset* in cpu->regs: 8 * number,
 * plus 1 for AH, CH, DH, BH.
 */
#define X86_BYTE_REG(cpu, offset) (((uint8_t *)(cpu)->regs)[offset])

static inline const struct x86_row *insn_row(const struct x86_insn *i)
{
    return &x86_rows[i->row];
}

#define X86_INSN_BYTES 15 /* the longest instruction */

enum x86_decode_result {
    DECODE_OK,
    DECODE_INVALID,  /* #UD */
    DECODE_TOO_LONG, /* more than X86_INSN_BYTES: #GP(0) */
    DECODE_MORE,     /* the bytes given end within the instruction */
};

/* Rows that @cpu's features allow, by opcode. */
struct x86_decoder *x86_decoder_new(const struct x86_cpu *cpu);
void x86_decoder_free(struct x86_decoder *d);

/* Decodes @code, of which @avail bytes may be looked at, for @mode (enum x86_mode). */
enum x86_decode_result x86_decode(const struct x86_decoder *d, uint32_t mode, const uint8_t *code,
                                  unsigned avail, struct x86_insn *ret_insn);

#endif
