/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs that write to their own code: to instructions ahead, behind in a loop, in subroutines in
 * other pages; and to data that lies beside code.
 *
 * What is written over is one instruction (the slot), with NOPs up to the size of the larger of its
 * two forms. x86 needs no more than a branch between the write and the new code, and its processors
 * not even that, as long as both use the same linear address; so a branch is there only sometimes.
 */
#include "tests/insn_blocks/compose_impl.h"

#include <string.h>

#include "tests/insn_lib/guest.h"
#include "util/bytes.h"

enum { TRIES = 8, SLOT_MAX = 16 };

struct slot {
    uint8_t from[SLOT_MAX], to[SLOT_MAX];
    unsigned len;
};

/* ---- the two forms ----------------------------------------------------------------------- */

/* The same instruction with its last byte, mostly part of an immediate, changed. */
static bool change_last_byte(struct composer *c, struct slot *s, unsigned len)
{
    struct x86_insn i;

    memcpy(s->to, s->from, len);
    s->to[len - 1] ^= 1 + rng_below(&c->rng, 255);
    return x86_decode(c->trace.e->cpu->decoder, guest_mode(c->p->bits), s->to, len, &i) ==
               DECODE_OK &&
           i.len == len;
}

static bool pick_slot(struct composer *c, unsigned at, struct slot *s)
{
    uint8_t from[32], to[32];
    unsigned from_len = compose_encode(c, compose_any_row(c), at, from), to_len;

    if (!from_len) {
        return false;
    }
    memset(s, 0, sizeof(*s));
    memcpy(s->from, from, from_len);
    s->len = from_len;
    if (rng_chance(&c->rng, 50) && change_last_byte(c, s, from_len)) {
        return true;
    }
    to_len = compose_encode(c, compose_any_row(c), at, to);
    if (!to_len) {
        return false;
    }
    s->len = MAX(from_len, to_len);
    memcpy(s->to, to, to_len);
    program_put_nops(s->from + from_len, s->len - from_len);
    program_put_nops(s->to + to_len, s->len - to_len);
    return true;
}

/* ---- ways to write ----------------------------------------------------------------------- */

struct writer {
    struct composer *c;
    unsigned at;
    unsigned slot; /* offset in the code */
};

static void put(struct writer *w, const void *bytes, unsigned len)
{
    compose_put(w->c, w->at, bytes, len);
    w->at += len;
}

/* See compose_absolute(). */
static void put_absolute(struct writer *w, const void *opcode, unsigned len, uint64_t addr,
                         unsigned imm)
{
    uint8_t code[16];

    put(w, code, compose_absolute(w->c, w->at, opcode, len, addr, imm, code));
}

static uint64_t slot_address(const struct writer *w, unsigned off)
{
    return composer_code(w->c) + w->slot + off;
}

/* MOV of immediates over the bytes that change. */
static void by_moves(struct writer *w, const struct slot *s)
{
    unsigned n = 0;

    while (n < s->len) {
        unsigned size = rng_chance(&w->c->rng, 50) ? 4 : 1 + rng_below(&w->c->rng, 2);

        if (s->from[n] == s->to[n]) {
            n++;
            continue;
        }
        size = n + size > s->len ? 1 : size;
        put_absolute(w,
                     size == 1   ? "\xc6\x04\x25"
                     : size == 2 ? "\x66\xc7\x04\x25"
                                 : "\xc7\x04\x25",
                     size == 2 ? 4 : 3, slot_address(w, n), size);
        put(w, s->to + n, size);
        n += size;
    }
}

/* XOR, locked or not: the second time it restores the first form. */
static void by_xor(struct writer *w, const struct slot *s)
{
    for (unsigned n = 0; n < s->len; n++) {
        uint8_t mask = s->from[n] ^ s->to[n];

        if (mask) {
            if (rng_chance(&w->c->rng, 30)) {
                put(w, "\xf0", 1);
            }
            put_absolute(w, "\x80\x34\x25", 3, slot_address(w, n), /* imm= */ 1);
            put(w, &mask, 1);
        }
    }
}

/* Where the second form is kept in the data. */
static uint64_t put_template(struct composer *c, const struct slot *s)
{
    unsigned off = PROGRAM_TEMPLATES + SLOT_MAX * c->template_count;

    c->template_count++;
    memcpy(c->templates + (off - PROGRAM_TEMPLATES), s->to, SLOT_MAX);
    memcpy(c->p->data + off, s->to, SLOT_MAX);
    memcpy(engine_data(c->trace.e) + off, s->to, SLOT_MAX);
    return composer_data(c) + off;
}

static void set_register(struct writer *w, unsigned reg, uint64_t value)
{
    uint8_t code[16];

    put(w, code, compose_load(w->c, w->at, reg, value, code));
}

/* REP MOVSB */
static void by_string(struct writer *w, const struct slot *s)
{
    put(w, "\xfc", 1); /* CLD */
    set_register(w, X86_RSI, put_template(w->c, s));
    set_register(w, X86_RDI, slot_address(w, 0));
    set_register(w, X86_RCX, s->len);
    put(w, "\xf3\xa4", 2);
    set_register(w, X86_RDI, composer_data(w->c) + w->c->hot[0]);
}

/* MOVUPS; the slot is a whole vector. */
static void by_vector(struct writer *w, struct slot *s)
{
    program_put_nops(s->from + s->len, SLOT_MAX - s->len);
    program_put_nops(s->to + s->len, SLOT_MAX - s->len);
    s->len = SLOT_MAX;
    put_absolute(w, "\x0f\x10\x3c\x25", 4, put_template(w->c, s), 0);
    put_absolute(w, "\x0f\x11\x3c\x25", 4, slot_address(w, 0), 0);
}

/* XCHG of the first four bytes. */
static void by_xchg(struct writer *w, const struct slot *s)
{
    set_register(w, X86_RAX, load_le32(s->to));
    put_absolute(w, "\x87\x04\x25", 3, slot_address(w, 0), 0);
}

static bool may_clobber(const struct composer *c, unsigned registers)
{
    return !((c->counters | c->pointers) & registers & ~(1u << X86_RSI | 1u << X86_RDI));
}

/* Code at w->at that turns one form into the other; the slot may grow. */
static void put_writes(struct writer *w, struct slot *s, unsigned kind)
{
    bool templates = w->c->template_count < MAX_TEMPLATES;

    if (kind < 25 && templates && may_clobber(w->c, 1u << X86_RCX)) {
        by_string(w, s);
    } else if (kind < 45 && templates) {
        by_vector(w, s);
    } else if (kind < 55 && s->len >= 4 && !memcmp(s->from + 4, s->to + 4, SLOT_MAX - 4) &&
               may_clobber(w->c, 1u << X86_RAX)) {
        by_xchg(w, s);
    } else if (kind < 75) {
        by_xor(w, s);
    } else {
        by_moves(w, s);
    }
    if (rng_chance(&w->c->rng, 30)) {
        put(w, "\xeb\x00", 2); /* JMP to what follows */
    }
}

/* ---- groups ------------------------------------------------------------------------------ */

/* Writes; some instructions; the slot. */
static bool write_ahead(struct composer *c)
{
    unsigned kind = rng_below(&c->rng, 100), count = rng_below(&c->rng, 4), writes, body, templates;
    struct rng again;
    struct slot s;
    struct writer w = {.c = c, .at = c->at};

    if (!pick_slot(c, c->at + 80, &s)) {
        return false;
    }
    compose_save(c);
    templates = c->template_count;
    again = c->rng;
    put_writes(&w, &s, kind); /* for its length */
    writes = w.at;
    w.slot = body = compose_unseen(c, writes, count);
    compose_put(c, body, s.from, s.len);
    c->template_count = templates;
    c->rng = again;
    w.at = c->at;
    put_writes(&w, &s, kind);
    if (!compose_accept(c, body + s.len)) {
        return false;
    }
    compose_split(c, writes - c->p->items[c->p->count - 1].at);
    return true;
}

/* DEC of a loop's counter, and JNZ. */
static void put_back(struct writer *w, unsigned target)
{
    uint8_t jump[6] = {0x0f, 0x85};

    put_absolute(w, "\xff\x0c\x25", 3,
                 composer_data(w->c) + PROGRAM_COUNTERS + 4 * w->c->counter_count, 0);
    store_le32(jump + 2, target - (w->at + sizeof(jump)));
    put(w, jump, sizeof(jump));
}

/* Some instructions, the slot, writes, and back. */
static bool write_behind(struct composer *c)
{
    struct slot s;
    struct writer w = {.c = c};
    unsigned start = c->at, kind = rng_below(&c->rng, 100);

    if (c->counter_count == COUNTERS || !pick_slot(c, c->at, &s)) {
        return false;
    }
    compose_save(c);
    w.slot = compose_unseen(c, c->at, rng_below(&c->rng, 3));
    w.at = w.slot + SLOT_MAX;
    if (kind >= 25 && kind < 45) { /* what a vector covers */
        kind = 50;
    }
    program_put_nops(s.from + s.len, SLOT_MAX - s.len);
    program_put_nops(s.to + s.len, SLOT_MAX - s.len);
    compose_put(c, w.slot, s.from, SLOT_MAX);
    w.at = compose_unseen(c, w.at, rng_below(&c->rng, 3));
    put_writes(&w, &s, kind);
    put_back(&w, rng_chance(&c->rng, 50) ? start : w.slot);
    if (!compose_accept(c, w.at)) {
        return false;
    }
    c->counter_count++;
    return true;
}

/* A subroutine in another page is called, written to, and called again. */
static bool write_far(struct composer *c)
{
    struct slot s;
    struct writer w = {.c = c};
    unsigned far = c->far_at + rng_below(&c->rng, 700), end;
    uint8_t call[5] = {0xe8};

    if (far + 0x80 > PROGRAM_FAR_CODE || !pick_slot(c, far, &s)) {
        return false;
    }
    compose_save(c);
    compose_put(c, far, s.from, s.len);
    end = compose_unseen(c, far + s.len, rng_below(&c->rng, 2));
    compose_put(c, end, "\xc3", 1);
    w.slot = far;
    w.at = c->at;
    if (rng_chance(&c->rng, 70)) {
        store_le32(call + 1, far - (w.at + 5));
        put(&w, call, 5);
    }
    w.at = compose_unseen(c, w.at, rng_below(&c->rng, 2));
    put_writes(&w, &s, 45 + rng_below(&c->rng, 55));
    w.at = compose_unseen(c, w.at, rng_below(&c->rng, 2));
    store_le32(call + 1, far - (w.at + 5));
    put(&w, call, 5);
    if (!compose_accept(c, w.at)) {
        compose_remove(c, far, end + 1);
        return false;
    }
    c->far_at = end + 1;
    return true;
}

/* A loop that counts in a variable beside its code. */
static bool data_beside(struct composer *c)
{
    static const uint8_t ops[][3] = {/* INC, NOT, ROL */
                                     {0xff, 0x04, 0x25},
                                     {0xf7, 0x14, 0x25},
                                     {0xd1, 0x04, 0x25}};
    struct writer w = {.c = c, .at = c->at};
    unsigned data = c->at + 2, gap = 4 + rng_below(&c->rng, 40), start;
    uint8_t jump[2] = {0xeb, gap};

    if (c->counter_count == COUNTERS) {
        return false;
    }
    compose_save(c);
    put(&w, jump, 2);
    w.at += gap;
    start = w.at = compose_unseen(c, w.at, rng_below(&c->rng, 2));
    put_absolute(&w, ops[rng_below(&c->rng, ARRAY_SIZE(ops))], 3, composer_code(c) + data, 0);
    w.at = compose_unseen(c, w.at, rng_below(&c->rng, 3));
    put_back(&w, start);
    if (!compose_accept(c, w.at)) {
        return false;
    }
    c->counter_count++;
    return true;
}

bool compose_code_write(struct composer *c)
{
    if (c->p->count + 16 > PROGRAM_ITEMS || c->at + 0x300 > CODE_MAIN_END) {
        return false;
    }
    for (unsigned tries = 0; tries < TRIES; tries++) {
        unsigned kind = rng_below(&c->rng, 100);

        if (kind < 40   ? write_ahead(c)
            : kind < 65 ? write_behind(c)
            : kind < 85 ? write_far(c)
                        : data_beside(c)) {
            return true;
        }
    }
    return false;
}
