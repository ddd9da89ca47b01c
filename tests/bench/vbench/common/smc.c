/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Benchmarks of code that writes code: patching, data beside code, a small compiler.
 *
 * All code here is a function without arguments that returns EAX; its bytes mean the same in 32-bit
 * and in 64-bit code.
 */
#include "tests/bench/vbench/vbench.h"

typedef uint32_t code_fn(void);

enum { PAGE = 4096, AREA = 1 << 20 };

static uint8_t *area; /* AREA bytes that may be written and executed */

static bool has_area(void)
{
    if (!area) {
        area = port_code_memory(AREA);
    }
    return area;
}

static uint32_t call(const uint8_t *code)
{
    return ((code_fn *)(uintptr_t)code)();
}

static uint8_t *put32(uint8_t *at, uint32_t value)
{
    __builtin_memcpy(at, &value, sizeof(value));
    return at + sizeof(value);
}

static uint8_t *put_mov(uint8_t *at, uint32_t value) /* mov eax, value */
{
    *at++ = 0xb8;
    return put32(at, value);
}

static uint8_t *put_add(uint8_t *at, uint32_t value) /* add eax, value */
{
    *at++ = 0x05;
    return put32(at, value);
}

static uint8_t *put_xor(uint8_t *at, uint32_t value) /* xor eax, value */
{
    *at++ = 0x35;
    return put32(at, value);
}

static uint8_t *put_mul(uint8_t *at, uint32_t value) /* imul eax, eax, value */
{
    *at++ = 0x69;
    *at++ = 0xc0;
    return put32(at, value);
}

static uint8_t *put_rol(uint8_t *at, uint8_t bits) /* rol eax, bits */
{
    *at++ = 0xc1;
    *at++ = 0xc0;
    *at++ = bits;
    return at;
}

static uint8_t *put_ret(uint8_t *at)
{
    *at++ = 0xc3;
    return at;
}

/* add [memory], eax: an address in 32-bit code, a distance in 64-bit code */
static uint8_t *put_add_memory(uint8_t *at, const void *memory)
{
    uintptr_t place = (uintptr_t)memory;

    *at++ = 0x01;
    *at++ = 0x05;
    return put32(at, (uint32_t)(WORD_BITS == 64 ? place - ((uintptr_t)at + 4) : place));
}

/* Code of LOOPS turns: mov ecx, loops; turn: ...; dec ecx; jnz turn */
static uint8_t *put_loop(uint8_t *at, uint32_t loops)
{
    *at++ = 0xb9;
    return put32(at, loops);
}

static uint8_t *put_turn(uint8_t *at, const uint8_t *turn)
{
    *at++ = 0xff;
    *at++ = 0xc9;
    *at++ = 0x0f;
    *at++ = 0x85;
    return put32(at, (uint32_t)(uintptr_t)(turn - (at + 4)));
}

/* A constant in an instruction changes before each call. */
static uint64_t patch(unsigned long work)
{
    uint32_t sum = 0;
    uint8_t *constant = area + 1;

    put_ret(put_mul(put_mov(area, 0), 31));
    while (work--) {
        for (uint32_t i = 0; i < 10; i++) {
            put32(constant, i + (uint32_t)work);
            sum += call(area);
        }
    }
    return sum;
}
BENCH(patch, "smc/patch", .work = 7000, .usable = has_area);

/* A constant changes now and then, and the code runs often: tracing, static keys */
static uint64_t patch_seldom(unsigned long work)
{
    uint32_t sum = 0;
    uint8_t *at = put_mov(area, 0), *turn, *constant;

    turn = at = put_loop(at, 100);
    constant = at + 1;
    put_ret(put_turn(put_rol(put_add(at, 0), 3), turn));
    while (work--) {
        put32(constant, (uint32_t)work);
        for (int i = 0; i < 20; i++) {
            sum = sum * 3 + call(area);
        }
    }
    return sum;
}
BENCH(patch_seldom, "smc/patch-seldom", .work = 38000, .usable = has_area);

/* Code that writes data in its own page, some lines away */
static uint64_t beside(unsigned long work)
{
    uint32_t *data = (uint32_t *)(area + 2048);
    uint8_t *at = put_mov(area, 7), *turn;

    data[0] = data[1] = 0;
    turn = at = put_loop(at, 50);
    at = put_add_memory(put_add(at, 3), &data[0]);
    put_ret(put_turn(put_add_memory(put_rol(at, 5), &data[1]), turn));
    while (work--) {
        call(area);
    }
    return mix(data[0], data[1]);
}
BENCH(beside, "smc/beside", .work = 43000, .usable = has_area);

/* The caller writes data in the page whose code it calls. */
static uint64_t beside_caller(unsigned long work)
{
    volatile uint32_t *data = (volatile uint32_t *)(area + 256);
    uint32_t sum = 0;

    put_ret(put_rol(put_mov(area, 0x12345), 7));
    data[0] = 0;
    while (work--) {
        for (uint32_t i = 0; i < 20; i++) {
            data[i & 7] = data[0] + i;
            sum += call(area) ^ data[i & 3];
        }
    }
    return sum;
}
BENCH(beside_caller, "smc/beside-caller", .work = 220000, .usable = has_area);

/* An instruction that changes the one that follows it */
static uint64_t ahead(unsigned long work)
{
    uint32_t sum = 0;
    uint8_t *at = put_mov(area, 0), *turn, *constant;

    turn = at = put_loop(at, 20);
    at = put_add(at, 0x1001);
    constant = at + 6 + 1; /* behind this add to memory: that of the next one */
    at = put_add_memory(at, constant);
    put_ret(put_turn(put_add(at, 1), turn));
    while (work--) {
        put32(constant, (uint32_t)work);
        sum = sum * 5 + call(area);
    }
    return sum;
}
BENCH(ahead, "smc/ahead", .work = 1700, .usable = has_area);

static uint8_t *compile(uint8_t *at, uint32_t *seed, uint32_t steps)
{
    uint8_t *turn = at = put_loop(put_mov(at, rnd(seed)), 4);

    while (steps--) {
        uint32_t choice = rnd(seed), value = rnd(seed);

        switch (choice >> 13 & 3) {
        case 0:
            at = put_add(at, value);
            break;
        case 1:
            at = put_xor(at, value);
            break;
        case 2:
            at = put_mul(at, value | 1);
            break;
        default:
            at = put_rol(at, value & 31);
        }
    }
    return put_ret(put_turn(at, turn));
}

/* A compiler whose functions run a while, in a ring of memory */
static uint64_t jit(unsigned long work)
{
    uint32_t seed = 1618, sum = 0;
    uint8_t *at = area;

    while (work--) {
        const uint8_t *function = at;

        at = compile(at, &seed, 12);
        for (int i = 0; i < 100; i++) {
            sum = sum * 7 + call(function);
        }
        at += -(uintptr_t)at & 15;
        if (at > area + 16 * PAGE) {
            at = area;
        }
    }
    return sum;
}
BENCH(jit, "smc/jit", .work = 6900, .usable = has_area);

/* Functions that run once, as for regular expressions: all cost is in making them */
static uint64_t jit_once(unsigned long work)
{
    uint32_t seed = 577, sum = 0;

    while (work--) {
        compile(area + (work & 31) * 256, &seed, 8);
        sum = sum * 7 + call(area + (work & 31) * 256);
    }
    return sum;
}
BENCH(jit_once, "smc/jit-once", .work = 6000, .usable = has_area);

/* New functions are put beside those that run: a page is written and executed all the time. */
static uint64_t jit_beside(unsigned long work)
{
    uint32_t seed = 2718, sum = 0;
    const uint8_t *functions[16];

    while (work--) {
        uint8_t *at = area;

        for (int n = 0; n < 16; n++) {
            functions[n] = at;
            at = compile(at, &seed, 6);
            for (int i = 0; i <= n; i++) {
                sum = sum * 3 + call(functions[i]);
            }
        }
    }
    return sum;
}
BENCH(jit_beside, "smc/jit-beside", .work = 850, .usable = has_area);

/* A jump at the start of a function is led elsewhere: call sites of script engines */
static uint64_t relink(unsigned long work)
{
    uint32_t sum = 0;

    for (uint32_t i = 0; i < 4; i++) {
        put_ret(put_mov(area + 1024 * (i + 1), 0x111 * (i + 1)));
    }
    while (work--) {
        uint8_t *target = area + 1024 * (1 + (work & 3));

        area[0] = 0xe9;
        put32(area + 1, (uint32_t)(uintptr_t)(target - (area + 5)));
        for (int i = 0; i < 20; i++) {
            sum = sum * 3 + call(area);
        }
    }
    return sum;
}
BENCH(relink, "smc/relink", .work = 130000, .usable = has_area);

/* A function is copied elsewhere and run there. */
static uint64_t relocate(unsigned long work)
{
    uint32_t seed = 33, sum = 0, size;

    size = (uint32_t)(compile(area, &seed, 20) - area);
    while (work--) {
        uint8_t *to = area + PAGE + (work & 15) * 512;

        for (uint32_t i = 0; i < size; i++) {
            to[i] = area[i];
        }
        sum = sum * 5 + call(to);
    }
    return sum;
}
BENCH(relocate, "smc/relocate", .work = 5900, .usable = has_area);

/* A closure on its own little piece of code, as for callbacks of foreign functions */
static uint64_t closures(unsigned long work)
{
    uint32_t sum = 0;

    while (work--) {
        for (uint32_t i = 0; i < 8; i++) {
            uint8_t *closure = area + 64 * i;

            put_ret(put_mov(closure, (uint32_t)work ^ i));
            sum += call(closure);
        }
    }
    return sum;
}
BENCH(closures, "smc/closures", .work = 12000, .usable = has_area);

/* Never writable and executable at once: a system call before and after each change */
static uint64_t protect(unsigned long work)
{
    uint32_t seed = 99, sum = 0;

    while (work--) {
        port_protect(area, PAGE, /* executable */ false);
        compile(area, &seed, 12);
        port_protect(area, PAGE, /* executable */ true);
        for (int i = 0; i < 50; i++) {
            sum = sum * 7 + call(area);
        }
    }
    port_protect(area, PAGE, /* executable */ false);
    return sum;
}
BENCH(protect, "smc/protect", .work = 9900, .usable = has_area);
