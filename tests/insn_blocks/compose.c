/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The composer: programs from single instructions, each tried out where it stands.
 */
#include "tests/insn_blocks/compose_impl.h"

#include <string.h>

#include "tests/insn_blocks/effects.h"
#include "tests/insn_lib/guest.h"
#include "tests/insn_lib/prepare.h"
#include "util/bytes.h"

enum { TRIES = 40 };

/* ---- rows by kind ------------------------------------------------------------------------ */

static bool has_string_operand(const struct x86_row *row)
{
    for (unsigned n = 0; n < 4 && row->operands[n]; n++) {
        unsigned where = x86_operand_info[row->operands[n]].where;

        if (where == WHERE_STRSRC || where == WHERE_STRDST) {
            return true;
        }
    }
    return false;
}

static enum row_class class_of_op(const struct x86_row *row)
{
    switch (row->op) {
    case OP_JCC:
    case OP_JMP:
    case OP_CALL:
    case OP_CALL_IND:
    case OP_JMP_IND:
    case OP_RET:
    case OP_LOOP:
    case OP_LOOPE:
    case OP_LOOPNE:
    case OP_JCXZ:
        return CLASS_NONE;
    case OP_PUSH:
    case OP_POP:
    case OP_PUSHA:
    case OP_POPA:
    case OP_ENTER:
    case OP_LEAVE:
    case OP_PUSH_CS:
    case OP_PUSH_DS:
    case OP_PUSH_ES:
    case OP_PUSH_SS:
    case OP_PUSH_FS:
    case OP_PUSH_GS:
        return CLASS_STACK;
    case OP_ADC:
    case OP_SBB:
    case OP_RCL:
    case OP_RCR:
    case OP_CMC:
    case OP_STC:
    case OP_CLC:
    case OP_SAHF:
    case OP_LAHF:
    case OP_PUSHF:
    case OP_POPF:
    case OP_SETCC:
    case OP_CMOVCC:
    case OP_ADCX:
    case OP_ADOX:
    case OP_STD:
    case OP_CLD:
        return CLASS_FLAGS;
    case OP_RDFSBASE:
    case OP_RDGSBASE:
    case OP_WRFSBASE:
    case OP_WRGSBASE:
        return CLASS_BASES;
    case OP_UD:
    case OP_IN:
    case OP_OUT:
    case OP_CLI:
    case OP_STI:
    case OP_PAUSE:
    case OP_RSM:
        return CLASS_SYSTEM;
    default:
        return row->flags_out ? CLASS_ALU : CLASS_MOVE;
    }
}

static bool is_control(unsigned op)
{
    switch (op) {
    case OP_LDMXCSR:
    case OP_STMXCSR:
    case OP_FLDCW:
    case OP_FNSTCW:
    case OP_FNSTSW:
    case OP_FNCLEX:
    case OP_FNINIT:
    case OP_FWAIT:
    case OP_FLDENV:
    case OP_FNSTENV:
    case OP_FRSTOR:
    case OP_FNSAVE:
    case OP_FXSAVE:
    case OP_FXRSTOR:
    case OP_XSAVE:
    case OP_XSAVEC:
    case OP_XSAVEOPT:
    case OP_XRSTOR:
    case OP_EMMS:
    case OP_VZEROUPPER:
    case OP_VZEROALL:
        return true;
    default:
        return false;
    }
}

static enum row_class class_of(const struct x86_row *row)
{
    if (program_excludes(row)) {
        return CLASS_NONE;
    }
    if (is_control(row->op)) {
        return CLASS_CONTROL;
    }
    if (row->needs & CPL0 || row->op == OP_INS || row->op == OP_OUTS) {
        return CLASS_SYSTEM;
    }
    if (has_string_operand(row)) {
        return CLASS_STRING;
    }
    if (row->needs & MMXF) {
        return CLASS_MMX;
    }
    if (row->needs & X87) {
        return CLASS_X87;
    }
    if (row->needs & (SSEF | VEX | VEX2 | VEXO)) {
        return CLASS_SIMD;
    }
    return class_of_op(row);
}

struct composer *composer_new(struct engine *e, const struct host_maps *maps)
{
    struct composer *c = g_new0(struct composer, 1);

    c->trace.e = e;
    c->trace.maps = maps;
    for (unsigned n = 0; n < CLASS_COUNT; n++) {
        c->rows[n] = g_array_new(FALSE, FALSE, sizeof(unsigned));
    }
    for (unsigned row = 0; row < x86_row_count; row++) {
        if (x86_has(e->cpu, x86_rows[row].feature)) {
            g_array_append_val(c->rows[class_of(&x86_rows[row])], row);
        }
    }
    return c;
}

void composer_free(struct composer *c)
{
    for (unsigned n = 0; c && n < CLASS_COUNT; n++) {
        g_array_free(c->rows[n], TRUE);
    }
    g_free(c);
}

bool compose_row_has_memory(const struct composer *c, unsigned row)
{
    const struct x86_row *r = &x86_rows[row];
    enum row_class class = class_of(r);

    if (class == CLASS_NONE || class == CLASS_SYSTEM || r->op == OP_LEA ||
        !x86_has(c->trace.e->cpu, r->feature)) {
        return false;
    }
    return encode_can_have_memory(r) || class == CLASS_STACK || class == CLASS_STRING ||
           r->op == OP_XLAT || r->op == OP_MASKMOV || r->op == OP_CLZERO || r->op == OP_PUSHF ||
           r->op == OP_POPF;
}

static bool row_fits(const struct composer *c, const struct x86_row *row)
{
    return !(row->needs & (c->p->bits == 64 ? I64 : O64));
}

static enum row_class any_class(struct composer *c)
{
    static const uint8_t percent[CLASS_COUNT] = {
        [CLASS_ALU] = 32,  [CLASS_MOVE] = 13,   [CLASS_FLAGS] = 19,
        [CLASS_STACK] = 6, [CLASS_SIMD] = 17,   [CLASS_X87] = 5,
        [CLASS_MMX] = 4,   [CLASS_CONTROL] = 3, [CLASS_SYSTEM] = 1};
    unsigned n = rng_below(&c->rng, 100), k = 0;

    if (c->wish->bases && rng_chance(&c->rng, 3) && c->p->bits == 64) {
        return CLASS_BASES;
    }
    if (c->favourite != CLASS_NONE && rng_chance(&c->rng, 60)) {
        return c->favourite;
    }
    while (n >= percent[k]) {
        n -= percent[k++];
    }
    return k;
}

unsigned compose_any_row(struct composer *c)
{
    enum row_class class;
    unsigned row;

    do {
        class = any_class(c);
        row = g_array_index(c->rows[class], unsigned, rng_below(&c->rng, c->rows[class]->len));
    } while (!row_fits(c, &x86_rows[row]));
    return row;
}

/* ---- taking back ------------------------------------------------------------------------- */

void compose_save(struct composer *c)
{
    engine_state(c->trace.e, &c->saved.state);
    c->saved.fs = c->trace.e->cpu->seg[X86_FS].base;
    c->saved.gs = c->trace.e->cpu->seg[X86_GS].base;
    c->saved.undefined = c->trace.undefined;
    c->saved.steps = c->trace.steps;
    memcpy(c->saved.data, engine_data(c->trace.e), PROGRAM_DATA_BYTES);
    if (c->p->writes_code) {
        engine_read_code(c->trace.e, 0, c->saved.code, PROGRAM_CODE_BYTES);
    }
}

void compose_take_back(struct composer *c)
{
    engine_set_state(c->trace.e, &c->saved.state, c->p->bits);
    engine_set_bases(c->trace.e, c->saved.fs, c->saved.gs);
    c->trace.undefined = c->saved.undefined;
    c->trace.steps = c->saved.steps;
    memcpy(engine_data(c->trace.e), c->saved.data, PROGRAM_DATA_BYTES);
    if (c->p->writes_code) {
        engine_write_code(c->trace.e, 0, c->saved.code, PROGRAM_CODE_BYTES);
    }
}

void compose_put(struct composer *c, unsigned at, const void *bytes, unsigned len)
{
    memcpy(c->p->code + at, bytes, len);
    engine_write_code(c->trace.e, at, bytes, len);
}

void compose_remove(struct composer *c, unsigned from, unsigned to)
{
    memset(c->p->code + from, 0xcc, to - from);
    engine_write_code(c->trace.e, from, c->p->code + from, to - from);
}

void compose_item(struct composer *c, unsigned at, unsigned len)
{
    c->p->items[c->p->count++] = (struct item){.at = at, .len = len};
}

/* Whether registers that are needed are still as they should be. */
static bool registers_kept(struct composer *c)
{
    const uint64_t *was = c->saved.state.gpr, *is = composer_gpr(c);
    unsigned stack = 0;

    for (unsigned n = 0; n < 16; n++) {
        if (is[n] == was[n]) {
            continue;
        }
        if (c->counters >> n & 1) {
            return false;
        }
        if ((c->pointers >> n & 1) && !program_in_data(is[n], NULL) && rng_chance(&c->rng, 90)) {
            return false;
        }
    }
    program_in_data(is[X86_RSP], &stack);
    return (stack >= PROGRAM_STACK_LOW + 0x100 && stack < PROGRAM_STACK_TOP + 0x300) ||
           rng_below(&c->rng, 200) == 0;
}

bool compose_accept(struct composer *c, unsigned to)
{
    switch (trace_run(&c->trace, composer_code(c) + to)) {
    case TRACE_REACHED:
        if (registers_kept(c)) {
            compose_item(c, c->at, to - c->at);
            c->at = to;
            return true;
        }
        break;
    case TRACE_FAULT:
        if (rng_chance(&c->rng, c->wish->fault_percent)) {
            compose_item(c, c->at, to - c->at);
            c->at = to;
            c->over = true;
            return true;
        }
        break;
    case TRACE_INVALID:
        break;
    }
    compose_take_back(c);
    compose_remove(c, c->at, to);
    return false;
}

/* ---- single instructions ----------------------------------------------------------------- */

static bool room(const struct composer *c)
{
    return c->p->count + 8 < PROGRAM_ITEMS && c->at + 0x200 < CODE_MAIN_END;
}

/* Tries encodings of a row until one does something that is wanted. */
static bool try_row(struct composer *c, unsigned row, unsigned tries)
{
    compose_save(c);
    while (tries--) {
        uint8_t code[32];
        unsigned len = compose_encode(c, row, c->at, code);

        if (len) {
            compose_put(c, c->at, code, len);
            if (compose_accept(c, c->at + len)) {
                return true;
            }
        }
    }
    return false;
}

static bool is_saving(unsigned op)
{
    switch (op) {
    case OP_FXSAVE:
    case OP_FXRSTOR:
    case OP_XSAVE:
    case OP_XSAVEC:
    case OP_XSAVEOPT:
    case OP_XRSTOR:
        return true;
    default:
        return false;
    }
}

static void put_saved_state(struct composer *c, uint8_t *data)
{
    memcpy(data, c->p->state.area, AREA_BYTES);
    memset(data + AREA_HEADER, 0, 64);
    data[AREA_HEADER] = 7;
}

/* EDX:EAX selects components that both sides have; a state to load is there, if one is needed. */
static void prepare_saving(struct composer *c, unsigned op)
{
    unsigned off = PROGRAM_ROW_PAGE * 0x1000 + 0x400;

    if (!c->aiming) {
        off = PROGRAM_SAVED;
    } else {
        put_saved_state(c, c->p->data + off);
        put_saved_state(c, engine_data(c->trace.e) + off);
    }
    if ((op == OP_FXRSTOR || op == OP_XRSTOR) && rng_chance(&c->rng, 80)) {
        c->aim = composer_data(c) + off;
    }
    if (op != OP_FXSAVE && op != OP_FXRSTOR) {
        compose_set_register(c, X86_RDX, 0);
        compose_set_register(c, X86_RAX, rng_below(&c->rng, 8));
    }
}

/* One instruction of this row, with what it needs before it. */
bool compose_row(struct composer *c, unsigned row, unsigned tries)
{
    const struct x86_row *r = &x86_rows[row];
    bool done;

    if (!room(c) || !row_fits(c, r)) {
        return false;
    }
    if (has_string_operand(r)) {
        return compose_string(c, row);
    }
    if (r->needs & VSIB) {
        return compose_gather(c, row);
    }
    if (r->op == OP_XLAT) {
        compose_set_register(c, X86_RBX, compose_target(c));
    } else if (r->op == OP_MASKMOV) {
        compose_set_register(c, X86_RDI, compose_target(c));
    } else if (r->op == OP_CLZERO) {
        compose_set_register(c, X86_RAX, compose_target(c));
    } else if (r->op == OP_LEAVE) {
        compose_set_register(c, X86_RBP, composer_gpr(c)[X86_RSP]);
    } else if (is_saving(r->op)) {
        prepare_saving(c, r->op);
    } else if (r->op == OP_LDMXCSR) {
        c->aim = composer_data(c) + PROGRAM_CONTROLS + 4 * rng_below(&c->rng, 8);
    } else if (r->op == OP_FLDCW) {
        c->aim = composer_data(c) + PROGRAM_CONTROLS + 32 + 2 * rng_below(&c->rng, 8);
    }
    done = try_row(c, row, tries);
    c->aim = 0;
    return done;
}

bool compose_plain(struct composer *c)
{
    for (unsigned tries = 0; room(c) && tries < TRIES; tries++) {
        if (compose_row(c, compose_any_row(c), /* tries= */ 1)) {
            return true;
        }
    }
    return false;
}

bool compose_set_register(struct composer *c, unsigned reg, uint64_t value)
{
    uint8_t code[16];
    unsigned n = compose_load(c, c->at, reg, value, code);

    compose_save(c);
    compose_put(c, c->at, code, n);
    return compose_accept(c, c->at + n);
}

/* MOVS and its like: pointers and a count first, if they are not fit. */
bool compose_string(struct composer *c, unsigned row)
{
    const uint64_t *gpr = composer_gpr(c);

    if (!room(c) || !row_fits(c, &x86_rows[row])) {
        return false;
    }
    for (unsigned reg = X86_RSI; reg <= X86_RDI; reg++) {
        if (!program_in_data(gpr[reg], NULL) || c->aiming || rng_chance(&c->rng, 40)) {
            compose_set_register(c, reg, compose_target(c));
        }
    }
    if (gpr[X86_RCX] > 200 || rng_chance(&c->rng, 50)) {
        compose_set_register(c, X86_RCX,
                             rng_chance(&c->rng, 85) ? rng_below(&c->rng, 20)
                                                     : rng_below(&c->rng, 3000));
    }
    return !c->over && try_row(c, row, TRIES);
}

/* A table of indices that stay near the base, for elements of four bytes and of eight. */
static void put_indices(struct composer *c, unsigned off)
{
    uint8_t bytes[32];

    for (unsigned n = 0; n < sizeof(bytes); n += 8) {
        int32_t index = (int32_t)rng_below(&c->rng, 32) - 16;

        store_le32(bytes + n, index);
        store_le32(bytes + n + 4, index < 0 ? -1 : 0);
    }
    memcpy(c->templates + (off - PROGRAM_TEMPLATES), bytes, sizeof(bytes));
    memcpy(c->p->data + off, bytes, sizeof(bytes));
    memcpy(engine_data(c->trace.e) + off, bytes, sizeof(bytes));
}

/* VMOVDQU of the indices; often VPCMPEQD for a full mask; the gather. */
bool compose_gather(struct composer *c, unsigned row)
{
    unsigned off = PROGRAM_TEMPLATES + 16 * c->template_count, n;
    uint8_t code[48], gather[32], load[] = {0xc5, 0xfe, 0x6f, 0x04, 0x25};
    unsigned len = compose_encode(c, row, c->at, gather), index;
    struct x86_insn i;

    if (!len || c->template_count + 2 > MAX_TEMPLATES ||
        x86_decode(c->trace.e->cpu->decoder, guest_mode(c->p->bits), gather, len, &i) !=
            DECODE_OK) {
        return false;
    }
    index = i.index & 15;
    load[1] = index > 7 ? 0x7e : 0xfe;
    load[3] = 0x04 | (index & 7) << 3;
    n = compose_absolute(c, c->at, load, sizeof(load), composer_data(c) + off, /* imm= */ 0, code);
    if (rng_chance(&c->rng, 60) && i.vvvv < 8) { /* VPCMPEQD mask, mask, mask */
        uint8_t ones[] = {0xc5, 0x85 | (~i.vvvv & 15) << 3, 0x76, 0xc0 | i.vvvv << 3 | i.vvvv};

        memcpy(code + n, ones, sizeof(ones));
        n += sizeof(ones);
    }
    memcpy(code + n, gather, len);
    put_indices(c, off);
    compose_save(c);
    compose_put(c, c->at, code, n + len);
    c->template_count += 2;
    return compose_accept(c, c->at + n + len);
}

/* MOV [bell], register, of any size. */
bool compose_ring(struct composer *c)
{
    static const uint8_t stores[][4] = {
        {0x90, 0x88, 0x04, 0x25}, {0x66, 0x89, 0x0c, 0x25}, {0x90, 0x89, 0x1c, 0x25}};
    uint8_t code[8];

    if (!room(c)) {
        return false;
    }
    memcpy(code, stores[rng_below(&c->rng, ARRAY_SIZE(stores))], 4);
    store_le32(code + 4, PROGRAM_BELL_AT + 8 * rng_below(&c->rng, 8));
    compose_save(c);
    compose_put(c, c->at, code, sizeof(code));
    return compose_accept(c, c->at + sizeof(code));
}

/* ---- the whole --------------------------------------------------------------------------- */

static void quiet_exceptions(struct machine_state *s)
{
    uint8_t *a = s->area;

    a[AREA_FCW] |= 0x3f;
    store_le16(a + AREA_FSW, load_le16(a + AREA_FSW) & ~0x8080);
    memset(a + AREA_FOP, 0, 18); /* what is only seen with an exception waiting */
    store_le32(a + AREA_MXCSR, load_le32(a + AREA_MXCSR) | 0x1f80);
}

static void random_state(struct composer *c)
{
    struct insn_case scratch = {.bits = c->p->bits};
    struct machine_state *s = &c->p->state;

    prepare_state(&scratch, &c->rng);
    *s = scratch.state;
    s->rflags &= ~(uint64_t)FLAG_AC;
    if (rng_chance(&c->rng, 2)) {
        s->rflags |= FLAG_AC;
    }
    if (rng_chance(&c->rng, 70)) {
        s->rflags &= ~(uint64_t)FLAG_DF;
    }
    if (rng_chance(&c->rng, 93)) {
        quiet_exceptions(s);
    }
    s->rip = program_code_at(c->p) + c->p->entry;
}

static void random_favourite(struct composer *c)
{
    static const uint8_t classes[] = {CLASS_ALU, CLASS_FLAGS, CLASS_SIMD, CLASS_X87,
                                      CLASS_MMX, CLASS_MOVE,  CLASS_STACK};

    c->favourite =
        rng_chance(&c->rng, 40) ? classes[rng_below(&c->rng, ARRAY_SIZE(classes))] : CLASS_NONE;
}

static void random_pointers(struct composer *c)
{
    unsigned registers = c->p->bits == 64 ? 16 : 8;

    for (unsigned n = 0; n < HOT; n++) {
        c->hot[n] = rng_chance(&c->rng, 30) /* neighbours in two pages */
                        ? 0x1000 * (1 + rng_below(&c->rng, 2)) - rng_below(&c->rng, 64)
                        : rng_below(&c->rng, PROGRAM_CONTROLS - 256) & ~15u;
    }
    c->pointers = 1u << X86_RSI | 1u << X86_RDI | 1u << X86_RSP;
    for (unsigned n = 0; n < registers / 4; n++) {
        c->pointers |= 1u << rng_below(&c->rng, registers);
    }
}

static void point(struct composer *c)
{
    for (unsigned n = 0; n < 16; n++) {
        if (c->pointers >> n & 1) {
            c->p->state.gpr[n] =
                composer_data(c) + c->hot[rng_below(&c->rng, HOT)] + rng_below(&c->rng, 128);
        }
    }
    c->p->state.gpr[X86_RSP] = composer_data(c) + PROGRAM_STACK_TOP - 8 * rng_below(&c->rng, 64);
}

static void random_data(struct composer *c)
{
    uint8_t *data = c->p->data;

    for (unsigned at = 0; at < PROGRAM_DATA_BYTES; at += 64) {
        rng_elements(&c->rng, data + at, 64);
    }
    for (unsigned n = 0; n < 64; n++) { /* pointers, for those who follow them */
        store_le64(data + 8 * rng_below(&c->rng, PROGRAM_DATA_BYTES / 8),
                   composer_data(c) + rng_below(&c->rng, 0x3000));
    }
    for (unsigned n = 0; n < COUNTERS; n++) {
        store_le32(data + PROGRAM_COUNTERS + 4 * n,
                   1 + rng_below(&c->rng, rng_chance(&c->rng, 90) ? 6 : 60));
    }
    for (unsigned n = 0; n < 8; n++) {
        unsigned masks = rng_chance(&c->rng, 75) ? 0x3f : rng_below(&c->rng, 64);
        uint32_t mxcsr = masks << 7 | rng_below(&c->rng, 4) << 13 |
                         (uint32_t)rng_chance(&c->rng, 20) << 6 |
                         (uint32_t)rng_chance(&c->rng, 20) << 15;

        store_le32(data + PROGRAM_CONTROLS + 4 * n, mxcsr);
        store_le16(data + PROGRAM_CONTROLS + 32 + 2 * n,
                   0x40 | masks | rng_below(&c->rng, 16) << 8);
    }
    put_saved_state(c, data + PROGRAM_SAVED);
    memcpy(data + PROGRAM_TEMPLATES, c->templates, 16 * c->template_count);
}

static void begin(struct composer *c, const struct compose_wish *wish, struct program *p)
{
    memset(p, 0, offsetof(struct program, code));
    memset(p->code, 0xcc, sizeof(p->code));
    program_usual_rights(p->rights);
    p->bits = wish->bits;
    p->writes_code = wish->writes_code;
    p->place = c->place = wish->bits == 64 ? wish->place : 0;
    p->places = 1u << p->place;
    p->entry = rng_chance(&c->rng, 30) ? 0x1000 - rng_below(&c->rng, 120)
                                       : 64 * rng_below(&c->rng, 16) + rng_below(&c->rng, 16);
    c->p = p;
    c->wish = wish;
    c->at = p->entry;
    c->over = c->aiming = false;
    c->aim = 0;
    random_favourite(c);
    c->counters = 0;
    c->subroutine_count = c->counter_count = c->template_count = c->depth = 0;
    c->far_at = CODE_MAIN_END;
    c->far_slots = 0;
    c->trace.undefined = 0;
    c->trace.steps = 0;
    random_pointers(c);
    random_state(c);
    point(c);
    random_data(c);
    engine_load(c->trace.e, p);
}

static void compose_step(struct composer *c)
{
    const struct compose_wish *wish = c->wish;
    unsigned kind = rng_below(&c->rng, 100);

    if (wish->rings && rng_chance(&c->rng, 20)) {
        compose_ring(c);
    }
    if (kind < 5) {
        GArray *rows = c->rows[CLASS_STRING];

        compose_string(c, g_array_index(rows, unsigned, rng_below(&c->rng, rows->len)));
    } else if (!wish->no_flow && kind < 18) {
        compose_branch(c);
    } else if (wish->writes_code && kind < 40) {
        compose_code_write(c);
    } else {
        compose_plain(c);
    }
}

bool compose(struct composer *c, uint64_t seed, const struct compose_wish *wish, struct program *p)
{
    bool done = true;

    c->rng = (struct rng){.state = seed};
    begin(c, wish, p);
    for (unsigned n = 0; n < wish->instructions && !c->over; n++) {
        if (wish->row >= 0 && n == wish->instructions / 2) {
            c->aiming = true;
            done = compose_row(c, wish->row, /* tries= */ 300);
            c->aiming = false;
        }
        if (!c->over) {
            compose_step(c);
        }
    }
    return done;
}

void compose_other_state(struct composer *c, uint64_t seed, struct program *p)
{
    uint64_t was[16];
    unsigned off;

    c->rng = (struct rng){.state = seed};
    c->p = p;
    c->place = p->place;
    memcpy(was, p->state.gpr, sizeof(was));
    random_state(c);
    for (unsigned n = 0; n < 16; n++) {
        if (program_in_data(was[n], &off)) {
            p->state.gpr[n] = rng_chance(&c->rng, 50) ? was[n] : program_data_at(p) + off;
        }
    }
    random_data(c);
}
