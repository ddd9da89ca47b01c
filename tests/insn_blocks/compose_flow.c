/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control flow in random programs: branches over some instructions, loops, subroutines, indirect
 * jumps.
 *
 * A forward branch is put with what it may skip, then run: taken or not, it leads to the frontier.
 * What is skipped is made for the registers as they are, but nobody has seen it run.
 */
#include "tests/insn_blocks/compose_impl.h"

#include <string.h>

#include "util/bytes.h"

enum { TRIES = 6 };

unsigned compose_unseen(struct composer *c, unsigned at, unsigned count)
{
    for (unsigned n = 0; n < count; n++) {
        uint8_t code[32];
        unsigned len = 0;

        for (unsigned tries = 0; tries < 20 && !len; tries++) {
            len = compose_encode(c, compose_any_row(c), at, code);
        }
        compose_put(c, at, code, len);
        at += len;
    }
    return at;
}

static void put_relative(struct composer *c, unsigned at, unsigned size, unsigned target)
{
    uint8_t bytes[4];

    store_le32(bytes, target - (at + size));
    compose_put(c, at, bytes, size);
}

/* ---- forward ----------------------------------------------------------------------------- */

struct branch {
    uint8_t code[4];
    unsigned len;  /* before the displacement */
    unsigned size; /* of the displacement */
};

static struct branch pick_branch(struct composer *c)
{
    struct branch b = {.size = 1};
    unsigned kind = rng_below(&c->rng, 100), cond = rng_below(&c->rng, 16);

    if (kind < 50) {
        b.code[b.len++] = 0x70 | cond;
    } else if (kind < 75) {
        b.code[b.len++] = 0x0f;
        b.code[b.len++] = 0x80 | cond;
        b.size = 4;
    } else if (kind < 83) {
        b.code[b.len++] = 0xeb;
    } else if (kind < 88) {
        b.code[b.len++] = 0xe9;
        b.size = 4;
    } else {
        if (c->p->bits == 64 && rng_chance(&c->rng, 20)) {
            b.code[b.len++] = 0x67;
        }
        b.code[b.len++] = 0xe0 | rng_below(&c->rng, 4); /* LOOPNE, LOOPE, LOOP, JCXZ */
    }
    return b;
}

void compose_split(struct composer *c, unsigned first)
{
    struct item *last = &c->p->items[c->p->count - 1];
    unsigned end = last->at + last->len;

    last->len = first;
    if (last->at + first < end) {
        compose_item(c, last->at + first, end - (last->at + first));
    }
}

static bool branch_forward(struct composer *c)
{
    for (unsigned tries = 0; tries < TRIES; tries++) {
        struct branch b = pick_branch(c);
        unsigned body = c->at + b.len + b.size, end;

        compose_save(c);
        compose_put(c, c->at, b.code, b.len);
        end = compose_unseen(c, body, rng_below(&c->rng, 5));
        put_relative(c, c->at + b.len, b.size, end);
        if (compose_accept(c, end)) {
            compose_split(c, b.len + b.size);
            return true;
        }
    }
    return false;
}

/* JMP by a register or by memory, over some instructions. */
static bool jump_indirect(struct composer *c)
{
    unsigned reg = rng_below(&c->rng, 8), slot = PROGRAM_DATA_AT + 8 * rng_below(&c->rng, 64);
    bool memory = rng_chance(&c->rng, 40), wide = c->p->bits == 64;
    uint8_t code[24];
    unsigned n = 0, target_at, end;

    if ((c->counters | c->pointers) >> reg & 1) {
        return false;
    }
    if (memory) { /* MOV [slot], target; JMP [slot]: with SIB there is no base in any mode */
        memcpy(code, wide ? "\x48\xc7\x04\x25" : "\x90\xc7\x04\x25", 4);
        store_le32(code + 4, slot);
        target_at = 8;
        memcpy(code + 12, "\xff\x24\x25", 3);
        store_le32(code + 15, slot);
        n = 19;
    } else {
        code[0] = 0xb8 | reg;
        target_at = 1;
        code[5] = 0xff;
        code[6] = 0xe0 | reg;
        n = 7;
    }
    compose_save(c);
    end = compose_unseen(c, c->at + n, rng_below(&c->rng, 4));
    store_le32(code + target_at, PROGRAM_CODE_AT + end);
    compose_put(c, c->at, code, n);
    if (!compose_accept(c, end)) {
        return false;
    }
    compose_split(c, n);
    return true;
}

/* PUSH target; RET */
static bool push_and_return(struct composer *c)
{
    uint8_t code[6] = {0x68};

    store_le32(code + 1, PROGRAM_CODE_AT + c->at + sizeof(code));
    code[5] = 0xc3;
    compose_save(c);
    compose_put(c, c->at, code, sizeof(code));
    return compose_accept(c, c->at + sizeof(code));
}

/* ---- subroutines ------------------------------------------------------------------------- */

/* JMP over; some instructions; RET */
static bool subroutine(struct composer *c)
{
    uint8_t ret[3] = {0xc3};
    unsigned ret_len = 1, jump = c->at, end;

    if (c->subroutine_count == SUBROUTINES) {
        return false;
    }
    if (rng_chance(&c->rng, 25)) {
        memcpy(ret, "\xc2\x08\x00", 3);
        ret_len = 3;
    } else if (rng_chance(&c->rng, 15)) {
        memcpy(ret, "\xf3\xc3", 2);
        ret_len = 2;
    }
    compose_save(c);
    end = compose_unseen(c, c->at + 5, 1 + rng_below(&c->rng, 4));
    compose_put(c, end, ret, ret_len);
    end += ret_len;
    compose_put(c, c->at, "\xe9", 1);
    put_relative(c, c->at + 1, 4, end);
    if (!compose_accept(c, end)) {
        return false;
    }
    compose_split(c, 5);
    c->subroutines[c->subroutine_count++] = jump + 5;
    return true;
}

/*
 * One in another page, at one of few places: other programs have something else there, in the same
 * physical page or in another one.
 */
static bool far_subroutine(struct composer *c)
{
    unsigned slot = rng_below(&c->rng, FAR_SLOTS), at = PROGRAM_FAR_CODE + slot * FAR_SLOT_BYTES,
             end;

    if (c->subroutine_count == SUBROUTINES || (c->far_slots >> slot & 1)) {
        return false;
    }
    end = compose_unseen(c, at, rng_below(&c->rng, 5));
    compose_put(c, end, "\xc3", 1);
    compose_item(c, at, end + 1 - at);
    c->far_slots |= 1u << slot;
    c->subroutines[c->subroutine_count++] = at;
    return true;
}

/* JMP to the second page of the program, which goes on there. */
static bool hop(struct composer *c)
{
    unsigned to = 0x1000 + rng_below(&c->rng, 0x400);
    uint8_t jump[5] = {0xe9};

    if (c->at > 0xf00) {
        return false;
    }
    store_le32(jump + 1, to - (c->at + sizeof(jump)));
    compose_save(c);
    compose_put(c, c->at, jump, sizeof(jump));
    if (trace_run(&c->trace, PROGRAM_CODE_AT + to) != TRACE_REACHED) { /* too many steps */
        compose_take_back(c);
        compose_remove(c, c->at, c->at + sizeof(jump));
        return false;
    }
    compose_item(c, c->at, sizeof(jump));
    c->at = to;
    return true;
}

/* MOV [RSP + n], target; CALL [RSP + n], often where the return address goes. */
static bool call_by_stack(struct composer *c, unsigned target)
{
    uint8_t code[16] = {c->p->bits == 64 ? 0x48 : 0x90, 0xc7, 0x44, 0x24}, disp = -8;

    if (rng_chance(&c->rng, 60)) {
        disp = 4 * ((int)rng_below(&c->rng, 9) - 4);
    }
    code[4] = disp;
    store_le32(code + 5, PROGRAM_CODE_AT + target);
    memcpy(code + 9, "\xff\x54\x24", 3);
    code[12] = disp;
    compose_save(c);
    compose_put(c, c->at, code, 13);
    return compose_accept(c, c->at + 13);
}

/* CALL of an earlier one: direct, by register, by memory. */
static bool call(struct composer *c)
{
    unsigned target, reg = rng_below(&c->rng, 8), n = 5;
    uint8_t code[8] = {0xe8};

    if (!c->subroutine_count || rng_chance(&c->rng, 15)) {
        return rng_chance(&c->rng, 50) ? subroutine(c) : far_subroutine(c);
    }
    target = c->subroutines[rng_below(&c->rng, c->subroutine_count)];
    if (rng_chance(&c->rng, 25)) {
        return call_by_stack(c, target);
    }
    if (rng_chance(&c->rng, 30) && !((c->counters | c->pointers) >> reg & 1)) {
        code[0] = 0xb8 | reg;
        store_le32(code + 1, PROGRAM_CODE_AT + target);
        code[5] = 0xff;
        code[6] = 0xd0 | reg;
        n = 7;
    } else {
        store_le32(code + 1, target - (c->at + 5));
    }
    compose_save(c);
    compose_put(c, c->at, code, n);
    return compose_accept(c, c->at + n);
}

/* ---- loops ------------------------------------------------------------------------------- */

/* Back to an item of before, as long as a counter in memory allows. */
static bool loop_by_memory(struct composer *c)
{
    uint8_t code[16];
    unsigned back = 1 + rng_below(&c->rng, 8), n = 0, target;

    if (c->counter_count == COUNTERS || c->p->count < back) {
        return false;
    }
    target = c->p->items[c->p->count - back].at;
    code[n++] = 0xff; /* DEC dword [counter] */
    code[n++] = 0x0c;
    code[n++] = 0x25;
    store_le32(code + n, PROGRAM_DATA_AT + PROGRAM_COUNTERS + 4 * c->counter_count);
    n += 4;
    code[n++] = 0x0f; /* JNZ, or JG */
    code[n++] = rng_chance(&c->rng, 80) ? 0x85 : 0x8f;
    store_le32(code + n, target - (c->at + n + 4));
    n += 4;
    compose_save(c);
    compose_put(c, c->at, code, n);
    if (!compose_accept(c, c->at + n)) {
        return false;
    }
    c->counter_count++;
    return true;
}

/* MOV reg, n; some instructions; DEC reg, JNZ or LOOP */
static bool loop_by_register(struct composer *c)
{
    bool by_loop = rng_chance(&c->rng, 40);
    unsigned reg = by_loop ? X86_RCX : rng_below(&c->rng, 8), start, n = 0;
    uint8_t code[8];
    bool done;

    if (((c->counters | c->pointers) >> reg & 1) || c->depth > 1 ||
        !compose_set_register(c, reg, 1 + rng_below(&c->rng, rng_chance(&c->rng, 90) ? 6 : 60))) {
        return false;
    }
    start = c->at;
    c->depth++;
    c->counters |= 1u << reg;
    for (unsigned k = 1 + rng_below(&c->rng, 5); k && !c->over; k--) {
        if (rng_chance(&c->rng, 15)) {
            compose_branch(c);
        } else {
            compose_plain(c);
        }
    }
    c->depth--;
    c->counters &= ~(1u << reg);
    if (c->over) {
        return true;
    }
    if (by_loop && c->at - start < 100) {
        code[n++] = 0xe2;
        code[n] = start - (c->at + n + 1);
        n++;
    } else {
        code[n++] = 0x83; /* SUB reg, 1 */
        code[n++] = 0xe8 | reg;
        code[n++] = 1;
        code[n++] = 0x75;
        code[n] = start - (c->at + n + 1);
        n++;
    }
    compose_save(c);
    compose_put(c, c->at, code, n);
    done = c->at - start < 100 && compose_accept(c, c->at + n);
    if (!done) {
        memset(code, 0xcc, n);
        compose_put(c, c->at, code, n);
    }
    return done;
}

bool compose_branch(struct composer *c)
{
    unsigned kind = rng_below(&c->rng, 100);

    if (c->p->count + 16 > PROGRAM_ITEMS || c->at + 0x300 > CODE_MAIN_END) {
        return false;
    }
    if (kind < 45) {
        return branch_forward(c);
    }
    if (kind < 52) {
        return jump_indirect(c);
    }
    if (kind < 56) {
        return push_and_return(c);
    }
    if (kind < 75) {
        return call(c);
    }
    if (kind < 78) {
        return subroutine(c);
    }
    if (kind < 82) {
        return far_subroutine(c);
    }
    if (kind < 85) {
        return hop(c);
    }
    return kind < 92 ? loop_by_memory(c) : loop_by_register(c);
}
