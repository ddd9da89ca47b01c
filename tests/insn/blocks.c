/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random programs of many instructions: host CPU, interpreter and the engines of accel/ compared.
 *
 *   blocks [--plain] [--smc] [--faults] [--interrupts] [--all]
 *          [--seed N] [--first N] [--count N] [--seconds N] [--case N] [--32bit | --64bit]
 *          [--length N] [--repeat N] [--engine OPTIONS] [--no-host] [--no-engine]
 *          [--no-fork] [--no-shrink] [--keep-going] [--list]
 *
 * The first line names kinds of programs; without, they are plain. --smc: that write to their own
 * code; --faults: with an instruction of each row whose operand's page is there, absent, read only,
 * or comes when it is asked for; --interrupts: that are interrupted on the engine, where any state
 * the interpreter comes by may be seen. --case runs one program again, as a report names it, with
 * the same kinds and sizes; should it take programs before it, --first and --count say which
 * numbers to run; --engine gives properties to accel/tcg, as after "-accel tcg,";
 * --no-fork is for debuggers. Without options it is a GLib test.
 *
 * What is compared: general registers, RIP, flags that are defined, x87, MXCSR, vectors, memory,
 * and the exception at the end with its error code and CR2. The x87's last instruction and operand
 * only while an unmasked exception waits: AMD's processors show them only then.
 */
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "tests/insn_blocks/session.h"
#include "util/common.h"

/* For so many tenths of a second, and seconds in the long form. */
static void run(unsigned kinds, const char *engine, unsigned tenths, unsigned seconds)
{
    struct session_options o = {
        .seed = g_test_rand_int_range(1, INT32_MAX),
        .kinds = kinds,
        .engine = engine,
        .ms = g_test_slow() ? 1000 * seconds : 100 * tenths,
    };

    g_assert_cmpuint(session_run(&o), ==, 0);
}

static void test_plain_programs(void)
{
    run(SESSION_PLAIN, /* engine= */ NULL, 15, 20);
}

static void test_programs_that_write_code(void)
{
    run(SESSION_SMC, /* engine= */ NULL, 7, 8);
}

static void test_faults_at_memory_operands(void)
{
    run(SESSION_FAULTS, /* engine= */ NULL, 7, 8);
}

static void test_interrupts_between_instructions(void)
{
    run(SESSION_INTERRUPTS, /* engine= */ NULL, 7, 8);
}

static void test_code_that_is_not_translated(void)
{
    run(SESSION_ALL, "jit=off", 5, 6);
}

static void test_code_cache_that_is_often_full(void)
{
    run(SESSION_ALL, "tb-size=1", 4, 5);
}

static void test_blocks_that_are_checked(void)
{
    run(SESSION_ALL, "check=on", 7, 12);
}

static void test_superblocks(void)
{
    run(SESSION_ALL, "superblocks=all", 11, 12);
}

static void test_superblocks_that_are_checked(void)
{
    run(SESSION_ALL, "check=on,superblocks=all", 13, 12);
}

static void test_blocks_of_one_instruction(void)
{
    run(SESSION_ALL, "one-insn-per-tb=on", 3, 5);
}

static bool parse_number(struct session_options *o, const char *name, const char *value)
{
    uint64_t n = strtoull(value, NULL, 0);

    if (!strcmp(name, "--seed")) {
        o->seed = n;
    } else if (!strcmp(name, "--count")) {
        o->count = n;
    } else if (!strcmp(name, "--first")) {
        o->first = n;
    } else if (!strcmp(name, "--seconds")) {
        o->ms = 1000 * n;
    } else if (!strcmp(name, "--length")) {
        o->length = n;
    } else if (!strcmp(name, "--repeat")) {
        o->repeat = n;
    } else if (!strcmp(name, "--case")) {
        o->one_case = n;
        o->has_case = o->show = true;
    } else if (!strcmp(name, "--engine")) {
        o->engine = value;
    } else {
        return false;
    }
    return true;
}

static bool parse_flag(struct session_options *o, const char *name)
{
    const struct {
        const char *name;
        bool *flag;
    } flags[] = {
        {"--no-host", &o->no_host},       {"--no-engine", &o->no_engine},
        {"--no-fork", &o->no_fork},       {"--no-shrink", &o->no_shrink},
        {"--keep-going", &o->keep_going}, {"--list", &o->show},
    };
    static const struct {
        const char *name;
        unsigned kind;
    } kinds[] = {{"--plain", SESSION_PLAIN},
                 {"--smc", SESSION_SMC},
                 {"--faults", SESSION_FAULTS},
                 {"--interrupts", SESSION_INTERRUPTS},
                 {"--all", SESSION_ALL}};

    for (unsigned n = 0; n < ARRAY_SIZE(flags); n++) {
        if (!strcmp(name, flags[n].name)) {
            *flags[n].flag = true;
            return true;
        }
    }
    for (unsigned n = 0; n < ARRAY_SIZE(kinds); n++) {
        if (!strcmp(name, kinds[n].name)) {
            o->kinds |= kinds[n].kind;
            return true;
        }
    }
    if (!strcmp(name, "--32bit") || !strcmp(name, "--64bit")) {
        o->bits = strcmp(name, "--32bit") ? 64 : 32;
        return true;
    }
    return false;
}

int main(int argc, char **argv)
{
    struct session_options o = {.seed = 1, .ms = 10000};
    bool direct = false;

    for (int n = 1; n < argc; n++) {
        if (parse_flag(&o, argv[n])) {
            direct = true;
        } else if (parse_number(&o, argv[n], n + 1 < argc ? argv[n + 1] : "0")) {
            direct = true;
            n++;
        }
    }
    if (direct) {
        o.kinds = o.kinds ? o.kinds : SESSION_PLAIN;
        return session_run(&o) != 0;
    }
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/insn/blocks/plain", test_plain_programs);
    g_test_add_func("/insn/blocks/smc", test_programs_that_write_code);
    g_test_add_func("/insn/blocks/faults", test_faults_at_memory_operands);
    g_test_add_func("/insn/blocks/interrupts", test_interrupts_between_instructions);
    g_test_add_func("/insn/blocks/not-translated", test_code_that_is_not_translated);
    g_test_add_func("/insn/blocks/small-cache", test_code_cache_that_is_often_full);
    g_test_add_func("/insn/blocks/checked", test_blocks_that_are_checked);
    g_test_add_func("/insn/blocks/superblocks", test_superblocks);
    g_test_add_func("/insn/blocks/superblocks-checked", test_superblocks_that_are_checked);
    g_test_add_func("/insn/blocks/one-insn", test_blocks_of_one_instruction);
    return g_test_run();
}
