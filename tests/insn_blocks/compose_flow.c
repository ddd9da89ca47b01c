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

/* Any place, often the present one. */
static unsigned pick_place(struct composer *c)
{
    return c->p->bits == 64 && rng_chance(&c->rng, 30) ? rng_below(&c->rng, PROGRAM_PLACES)
                                                       : c->place;
}

/* The program may go there. Returns true. */
static bool goes_to(struct composer *c, unsigned place)
{
    c->p->places |= 1u << place;
    return true;
}

/* compose_accept() where the code goes on at another place. */
static bool accept_at(struct composer *c, unsigned place, unsigned to)
{
    unsigned from = c->place;
    bool kept;

    c->place = place;
    kept = compose_accept(c, to);
    if (!kept) {
        c->place = from;
        return false;
    }
    return goes_to(c, place);
}

/* What follows is for a register of which nothing is expected. */
static bool free_register(const struct composer *c, unsigned reg)
{
    return !((c->counters | c->pointers) >> reg & 1);
}

/* MOV reg, target; JMP reg. Or MOV [slot], reg; JMP [slot]. Returns the length. */
static unsigned put_jump(struct composer *c, unsigned reg, uint64_t slot, uint64_t target,
                         uint8_t *code)
{
    const uint8_t store[] = {c->p->bits == 64 ? 0x48 : 0x90, 0x89, 0x04 | reg << 3, 0x25};
    unsigned n = compose_load(c, c->at, reg, target, code);

    if (!slot) {
        code[n++] = 0xff;
        code[n++] = 0xe0 | reg;
        return n;
    }
    n += compose_absolute(c, c->at + n, store, sizeof(store), slot, /* imm= */ 0, code + n);
    return n + compose_absolute(c, c->at + n, "\xff\x24\x25", 3, slot, /* imm= */ 0, code + n);
}

/* JMP by a register or by memory, over some instructions, perhaps to another place. */
static bool jump_indirect(struct composer *c)
{
    unsigned reg = rng_below(&c->rng, 8), place = pick_place(c), n, end;
    uint64_t slot = rng_chance(&c->rng, 40) ? composer_data(c) + 8 * rng_below(&c->rng, 64) : 0;
    struct rng again = c->rng;
    uint8_t code[48];

    if (!free_register(c, reg)) {
        return false;
    }
    compose_save(c);
    n = put_jump(c, reg, slot, program_places[place].code + c->at, code); /* for its length */
    end = compose_unseen(c, c->at + n, rng_below(&c->rng, 4));
    c->rng = again;
    put_jump(c, reg, slot, program_places[place].code + end, code);
    compose_put(c, c->at, code, n);
    if (!accept_at(c, place, end)) {
        return false;
    }
    compose_split(c, n);
    return true;
}

/* PUSH target; perhaps MOV of its upper half; RET */
static bool push_and_return(struct composer *c)
{
    unsigned place = pick_place(c), n = 5;
    bool whole = c->p->bits == 32 || !(program_places[place].code >> 31);
    uint64_t target = program_places[place].code + c->at + (whole ? 6 : 14);
    uint8_t code[16] = {0x68};

    store_le32(code + 1, target);
    if (!whole) {
        memcpy(code + n, "\xc7\x44\x24\x04", 4);
        store_le32(code + n + 4, target >> 32);
        n += 8;
    }
    code[n++] = 0xc3;
    compose_save(c);
    compose_put(c, c->at, code, n);
    return accept_at(c, place, c->at + n);
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
    if (trace_run(&c->trace, composer_code(c) + to) != TRACE_REACHED) { /* too many steps */
        compose_take_back(c);
        compose_remove(c, c->at, c->at + sizeof(jump));
        return false;
    }
    compose_item(c, c->at, sizeof(jump));
    c->at = to;
    return true;
}

/* MOV [RSP + n], target; CALL [RSP + n], often where the return address goes. */
static bool call_by_stack(struct composer *c, uint64_t target)
{
    uint8_t code[24], disp = -8;
    unsigned n = 0;

    if (rng_chance(&c->rng, 60)) {
        disp = 4 * ((int)rng_below(&c->rng, 9) - 4);
    }
    for (unsigned half = 0; half < (c->p->bits == 64 ? 2 : 1); half++) {
        memcpy(code + n, "\xc7\x44\x24", 3);
        code[n + 3] = disp + 4 * half;
        store_le32(code + n + 4, target >> 32 * half);
        n += 8;
    }
    memcpy(code + n, "\xff\x54\x24", 3);
    code[n + 3] = disp;
    compose_save(c);
    compose_put(c, c->at, code, n + 4);
    return compose_accept(c, c->at + n + 4);
}

/* CALL of an earlier one: direct, by register, by memory; the latter two at any place. */
static bool call(struct composer *c)
{
    unsigned target, reg = rng_below(&c->rng, 8), place, n = 5;
    uint8_t code[24] = {0xe8};

    if (!c->subroutine_count || rng_chance(&c->rng, 15)) {
        return rng_chance(&c->rng, 50) ? subroutine(c) : far_subroutine(c);
    }
    target = c->subroutines[rng_below(&c->rng, c->subroutine_count)];
    place = pick_place(c);
    if (rng_chance(&c->rng, 25)) {
        return call_by_stack(c, program_places[place].code + target) && goes_to(c, place);
    }
    if (rng_chance(&c->rng, 30) && free_register(c, reg)) {
        n = compose_load(c, c->at, reg, program_places[place].code + target, code);
        code[n++] = 0xff;
        code[n++] = 0xd0 | reg;
    } else {
        place = c->place;
        store_le32(code + 1, target - (c->at + 5));
    }
    compose_save(c);
    compose_put(c, c->at, code, n);
    return compose_accept(c, c->at + n) && goes_to(c, place);
}

/* ---- loops ------------------------------------------------------------------------------- */

/* Back to an item of before, as long as a counter in memory allows. */
static bool loop_by_memory(struct composer *c)
{
    uint8_t code[16];
    unsigned back = 1 + rng_below(&c->rng, 8), n, target;

    if (c->counter_count == COUNTERS || c->p->count < back) {
        return false;
    }
    target = c->p->items[c->p->count - back].at;
    n = compose_absolute(c, c->at, "\xff\x0c\x25", 3, /* DEC dword [counter] */
                         composer_data(c) + PROGRAM_COUNTERS + 4 * c->counter_count,
                         /* imm= */ 0, code);
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
