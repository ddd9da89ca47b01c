/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Emitters of instructions that kernels execute often: interrupt flag, flags on the stack, time,
 * access to user memory, GS, waiting, double-width compare-and-exchange. What they do to EFLAGS is
 * done without host flags.
 */
#include "accel/tcg/jit_translate.h"

static struct host_rm own(size_t member)
{
    return host_state(X86_ENGINE_OFFSET + member);
}

static struct host_rm eflags(void)
{
    return host_state(offsetof(struct x86_cpu, eflags));
}

static bool at_cpl0(const struct jit_tr *tr)
{
    unsigned set = tr->mode >> MODE_SET_SHIFT & 3;

    return set == TLB_SUPER || set == TLB_SMAP; /* there is no mode for CPL 1 and 2 */
}

/* Sets or clears the flag that @others, a mask of 32 bits, lacks. */
static void put_flag(struct jit_tr *tr, struct host_rm others, uint32_t flag, bool on)
{
    struct host_buf *b = &tr->b;

    host_load(b, JIT_T1, eflags(), 4);
    host_pext(b, JIT_T1, JIT_T1, others);
    host_pdep(b, JIT_T1, JIT_T1, others);
    if (on) {
        host_lea(b, JIT_T1, host_mem(JIT_T1, (int32_t)flag), 4);
    }
    host_store(b, eflags(), JIT_T1, 4);
}

static void emit_flag(struct jit_tr *tr, const struct x86_insn *i)
{
    unsigned op = insn_row(i)->op;
    bool direction = op == OP_CLD || op == OP_STD;

    put_flag(tr, own(direction ? offsetof(struct jit_cpu, no_df) : offsetof(struct jit_cpu, no_if)),
             direction ? FLAG_DF : FLAG_IF, op == OP_STD || op == OP_STI);
    if (op == OP_STI) { /* what waits is looked at behind the next instruction, the block's last */
        struct host_rm undisturbed = host_state(offsetof(struct x86_cpu, undisturbed));
        uint8_t *skip;

        host_load(&tr->b, JIT_T1, host_state(offsetof(struct x86_cpu, requests)), 4);
        host_jrcxz(&tr->b, 0);
        skip = tr->b.p - 1;
        host_op(&tr->b, 0, 0xc7, 0, &undisturbed);
        host_u32(&tr->b, 0);
        *skip = (uint8_t)(tr->b.p - (skip + 1));
    }
}

/* EFLAGS as PUSHF shows it, into jit_cpu.saved. The host's flags stay. */
static void save_image(struct jit_tr *tr)
{
    struct host_buf *b = &tr->b;
    struct host_rm t0 = host_reg_rm(JIT_T0), t1 = host_reg_rm(JIT_T1);
    struct host_rm rax_at = own(offsetof(struct jit_cpu, string));

    host_store(b, rax_at, HOST_RAX, 8);
    host_u8(b, 0x9f); /* lahf */
    host_u8(b, 0x0f); /* seto al */
    host_u8(b, 0x90);
    host_u8(b, 0xc0);
    host_load(b, JIT_T0, host_reg_rm(HOST_RAX), 2);
    host_load(b, JIT_T1, host_reg_rm(JIT_T0), 4);
    host_op(b, 0, 0xc1, 5, &t1); /* shr: SF to CF */
    host_u8(b, 8);
    host_alu_imm(b, HALU_AND, t0, 1, 4);
    host_op(b, 0, 0xc1, 4, &t0); /* shl: OF */
    host_u8(b, 11);
    host_alu(b, HALU_OR, JIT_T1, t0, 4);
    host_alu(b, HALU_OR, JIT_T1, eflags(), 4);
    host_alu_imm(b, HALU_OR, t1, 2, 4);
    host_store(b, own(offsetof(struct jit_cpu, saved)), JIT_T1, 8);
    host_u8(b, 0x04); /* add al, 0x7f */
    host_u8(b, 0x7f);
    host_u8(b, 0x9e); /* sahf */
    host_load(b, HOST_RAX, rax_at, 8);
}

static void emit_pushf(struct jit_tr *tr, const struct x86_insn *i)
{
    int32_t w = tr->flat32 ? 4 : 8;
    unsigned sp = jit_host_reg[X86_RSP], s;
    struct host_rm rm;

    (void)i;
    save_image(tr);
    rm = jit_stack(tr, X86_RSP, -w, (unsigned)w, JIT_WRITE);
    s = jit_spare(tr, &rm);
    host_load(&tr->b, s, own(offsetof(struct jit_cpu, saved)), 8);
    host_store(&tr->b, rm, s, (unsigned)w);
    host_lea(&tr->b, sp, host_mem(sp, -w), (unsigned)w);
}

/* RDTSC and RDTSCP. CR4.TSD keeps them from users: the interpreter's fault. */
static void emit_tsc(struct jit_tr *tr, const struct x86_insn *i)
{
    struct host_buf *b = &tr->b;

    if (!at_cpl0(tr)) {
        host_load(b, JIT_T1, host_state(offsetof(struct x86_cpu, cr4)), 8);
        host_pext(b, JIT_T1, JIT_T1, own(offsetof(struct jit_cpu, tsd_mask)));
        host_jrcxz(b, 5);
        jit_stub_from(jit_site_stub(tr), host_jmp(b));
    }
    host_call(b, tr->jit->thunk.tsc);
    if (insn_row(i)->op == OP_RDTSCP) {
        host_load(b, jit_host_reg[X86_RCX], host_state(offsetof(struct x86_cpu, msr.tsc_aux)), 4);
    }
}

static void emit_swapgs(struct jit_tr *tr, const struct x86_insn *i)
{
    struct host_buf *b = &tr->b;
    struct host_rm other = host_state(offsetof(struct x86_cpu, msr.kernel_gs_base));
    struct host_rm base = host_state(offsetof(struct x86_cpu, seg_base[X86_GS]));

    (void)i;
    host_load(b, JIT_T0, base, 8);
    host_load(b, JIT_T1, other, 8);
    host_store(b, base, JIT_T1, 8);
    host_store(b, host_state(offsetof(struct x86_cpu, seg[X86_GS].base)), JIT_T1, 8);
    host_store(b, other, JIT_T0, 8);
}

static void add_to_state(struct host_buf *b, size_t member, int32_t val, unsigned bytes)
{
    host_load(b, JIT_T1, host_state(member), bytes);
    host_lea(b, JIT_T1, host_mem(JIT_T1, val), bytes);
    host_store(b, host_state(member), JIT_T1, bytes);
}

/* What x86_update_mode() makes of another TLB set; the block is left for code of that mode. */
static void go_on_in_set(struct jit_tr *tr, int set)
{
    int up = set - (int)(tr->mode >> MODE_SET_SHIFT & 3);

    add_to_state(&tr->b, offsetof(struct x86_cpu, mode), up * (1 << MODE_SET_SHIFT), 4);
    add_to_state(&tr->b, offsetof(struct x86_cpu, tlb_now), up * (int)sizeof(struct x86_dtlb), 8);
    add_to_state(&tr->b, offsetof(struct x86_cpu, itlb_now), up * (int)sizeof(struct x86_itlb), 8);
    jit_exit_to(tr, tr->next, -1);
}

/*
 * STAC and CLAC, for the supervisor. The set says what AC is: with CR4.SMAP, TLB_SMAP while it is
 * clear; without, always TLB_SUPER.
 */
static void emit_ac(struct jit_tr *tr, const struct x86_insn *i)
{
    bool on = insn_row(i)->op == OP_STAC;
    bool smap = (tr->mode >> MODE_SET_SHIFT & 3) == TLB_SMAP;
    uint8_t *without;

    if (smap && !on) {
        return;
    }
    put_flag(tr, own(offsetof(struct jit_cpu, no_ac)), FLAG_AC, on);
    if (smap) {
        go_on_in_set(tr, TLB_SUPER);
    } else if (!on) {
        host_load(&tr->b, JIT_T1, host_state(offsetof(struct x86_cpu, cr4)), 8);
        host_pext(&tr->b, JIT_T1, JIT_T1, own(offsetof(struct jit_cpu, smap_mask)));
        host_jrcxz(&tr->b, 2); /* over the next jump */
        host_u8(&tr->b, 0xeb);
        host_u8(&tr->b, 5);
        without = host_jmp(&tr->b);
        go_on_in_set(tr, TLB_SMAP);
        host_link(without, tr->b.p);
        tr->ended = false;
    }
}

/* The block ends, so that what other CPUs have written to the code behind is seen. */
static void emit_go_on(struct jit_tr *tr, const struct x86_insn *i)
{
    (void)i;
    jit_exit_to(tr, tr->next, -1);
}

static void emit_cmpxchg_pair(struct jit_tr *tr, const struct x86_insn *i)
{
    bool wide = insn_row(i)->op == OP_CMPXCHG16B;
    struct host_rm rm =
        jit_mem(tr, i, wide ? 16 : 8, JIT_WRITE | JIT_ALONE | (wide ? JIT_ALIGN : 0));

    host_load(&tr->b, JIT_T1, jit_gpr(X86_RCX), 8);
    host_op(&tr->b, HOP_0F | (wide ? HOP_W : 0) | (i->prefixes & PREFIX_LOCK ? HOP_LOCK : 0), 0xc7,
            1, &rm);
}

bool jit_plan_system(const struct jit_tr *tr, const struct x86_insn *i, struct jit_plan *plan)
{
    struct jit_plan p = {.reads_flags = true};

    switch (insn_row(i)->op) {
    case OP_STI:
        if (tr->cur + 1 == tr->count || tcg_of(tr->cpu)->check) {
            return false; /* its shadow would reach beyond the block; a check stops there */
        }
        p.emit = emit_flag;
        if (!at_cpl0(tr)) {
            return false;
        }
        break;
    case OP_CLI:
        p.emit = emit_flag;
        if (!at_cpl0(tr)) {
            return false;
        }
        break;
    case OP_CLD:
    case OP_STD:
        p.emit = emit_flag;
        break;
    case OP_RDTSC:
    case OP_RDTSCP:
        p.emit = emit_tsc;
        p.writes = 1u << X86_RAX | 1u << X86_RDX;
        p.writes |= insn_row(i)->op == OP_RDTSCP ? 1u << X86_RCX : 0;
        if (tcg_of(tr->cpu)->check) { /* twice is not the same */
            return false;
        }
        break;
    case OP_SWAPGS:
        p.emit = emit_swapgs;
        if (!at_cpl0(tr) || tcg_of(tr->cpu)->check) {
            return false;
        }
        break;
    case OP_STAC:
    case OP_CLAC:
        p.emit = emit_ac;
        if (!at_cpl0(tr) || tcg_of(tr->cpu)->check) {
            return false;
        }
        break;
    case OP_PUSHF:
        p = (struct jit_plan){
            .emit = emit_pushf, .memory = true, .reads_flags = true, .writes = 1u << X86_RSP};
        if (i->width != (tr->flat32 ? 4 : 8) || (tr->flat32 && !(tr->mode & MODE_SS32)) ||
            tr->segmented) {
            return false;
        }
        break;
    case OP_SERIALIZE:
        p.emit = emit_go_on;
        break;
    case OP_PAUSE:
        if (!tr->cpu->alone) {
            return false; /* lets other threads run */
        }
        p.emit = emit_go_on;
        break;
    case OP_CMPXCHG8B:
    case OP_CMPXCHG16B:
        if (!jit_mem_ok(tr, i)) {
            return false;
        }
        p = (struct jit_plan){.emit = emit_cmpxchg_pair,
                              .memory = true,
                              .reads_flags = true,
                              .writes_flags = true,
                              .writes = 1u << X86_RAX | 1u << X86_RDX};
        break;
    default:
        return false;
    }
    *plan = p;
    return true;
}
