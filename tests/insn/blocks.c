/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random programs of many instructions: host CPU, interpreter and the engines of accel/ compared.
 *
 *   blocks [--seed N] [--count N] [--seconds N] [--case N] [--32bit] [--length N] [--repeat N]
 *          [--engine OPTIONS] [--no-host] [--no-engine] [--keep-going] [--no-shrink] [--list]
 *
 * --case runs one program again, as a report names it; --engine gives properties to accel/tcg, as
 * after "-accel tcg,". Without options it is a GLib test.
 *
 * What is compared: general registers, RIP, flags that are defined, x87, MXCSR, vectors, memory,
 * and the exception at the end with its error code and CR2. The x87's last instruction and operand
 * only while an unmasked exception waits: AMD's processors show them only then.
 */
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/insn_blocks/compose.h"
#include "tests/insn_blocks/judge.h"
#include "tests/insn_lib/native.h"

enum { STATES = 3 }; /* that each program starts from */

struct options {
    uint64_t seed, count, seconds, one_case;
    unsigned length, repeat;
    const char *engine;
    bool has_case, only32, no_host, no_engine, keep_going, no_shrink, show;
};

struct run {
    const struct options *options;
    struct engine *composing;
    struct composer *composer;
    struct judge judge;
    struct program p;
    uint64_t programs, runs, failures;
};

static struct compose_wish wish_of(const struct run *r, struct rng *rng)
{
    const struct options *o = r->options;

    return (struct compose_wish){
        .bits = o->only32 || rng_chance(rng, 30) ? 32 : 64,
        .instructions = o->length ? o->length : 1 + rng_below(rng, 40),
        .fault_percent = rng_chance(rng, 80) ? 1 : 10,
        .row = -1,
    };
}

/* Reports a failure; `number` repeats it. */
static void failed(struct run *r, uint64_t number)
{
    r->failures++;
    printf("failure, again by: --seed %llu --case %llu\n", (long long)r->options->seed,
           (long long)number);
    if (!r->options->no_shrink) {
        judge_shrink(&r->judge, &r->p);
    }
    judge_report(&r->judge, &r->p);
}

static void run_one(struct run *r, uint64_t number)
{
    struct rng rng = {.state = r->options->seed ^ number << 20};
    struct compose_wish wish = wish_of(r, &rng);

    compose(r->composer, rng_next(&rng), &wish, &r->p);
    r->judge.repeat = r->options->repeat     ? r->options->repeat
                      : rng_chance(&rng, 90) ? 2
                                             : 2 + rng_below(&rng, 40);
    r->programs++;
    for (unsigned n = 0; n < STATES; n++) {
        if (n) {
            compose_other_state(r->composer, rng_next(&rng), &r->p);
        }
        if (judge_fails(&r->judge, &r->p)) {
            failed(r, number);
            return;
        }
        r->runs += r->judge.valid;
    }
    if (r->options->show) {
        judge_report(&r->judge, &r->p);
    }
}

static void run_all(struct run *r)
{
    const struct options *o = r->options;
    int64_t end = g_get_monotonic_time() + (int64_t)o->seconds * G_TIME_SPAN_SECOND;

    for (uint64_t n = 0; o->count ? n < o->count : g_get_monotonic_time() < end; n++) {
        run_one(r, n);
        if (r->failures && !o->keep_going) {
            break;
        }
    }
    printf("%llu programs, %llu runs, %llu failures (seed %llu)\n", (long long)r->programs,
           (long long)r->runs, (long long)r->failures, (long long)o->seed);
}

static bool begin(struct run *r, const struct options *o, GError **error)
{
    uint64_t fs_base = native_fs_base();

    r->options = o;
    if (!o->no_host) {
        r->judge.host = host_new();
    }
    r->composing = engine_new(&engine_step, NULL, fs_base, error);
    r->judge.trace.e = r->composing ? engine_new(&engine_step, NULL, fs_base, error) : NULL;
    if (!r->judge.trace.e) {
        return false;
    }
    r->composer = composer_new(r->composing);
    if (!o->no_engine) {
        r->judge.engine = engine_new(&engine_tcg, o->engine, fs_base, error);
        return r->judge.engine;
    }
    return true;
}

static void end(struct run *r)
{
    composer_free(r->composer);
    engine_free(r->judge.engine);
    engine_free(r->judge.trace.e);
    engine_free(r->composing);
    host_free(r->judge.host);
    g_free(r);
}

/* Returns the number of failures. */
static uint64_t blocks(const struct options *o)
{
    struct run *r = g_new0(struct run, 1);
    GError *error = NULL;
    uint64_t failures = 1;

    if (begin(r, o, &error)) {
        if (o->has_case) {
            run_one(r, o->one_case);
        } else {
            run_all(r);
        }
        failures = r->failures;
    } else {
        printf("%s\n", error->message);
        g_error_free(error);
    }
    end(r);
    return failures;
}

static void test_random_programs(void)
{
    struct options o = {
        .seed = g_test_rand_int_range(1, INT32_MAX),
        .seconds = g_test_slow() ? 60 : 4,
    };

    g_assert_cmpuint(blocks(&o), ==, 0);
}

static bool parse_number(struct options *o, const char *name, const char *value)
{
    uint64_t n = strtoull(value, NULL, 0);

    if (!strcmp(name, "--seed")) {
        o->seed = n;
    } else if (!strcmp(name, "--count")) {
        o->count = n;
    } else if (!strcmp(name, "--seconds")) {
        o->seconds = n;
    } else if (!strcmp(name, "--length")) {
        o->length = n;
    } else if (!strcmp(name, "--repeat")) {
        o->repeat = n;
    } else if (!strcmp(name, "--case")) {
        o->one_case = n;
        o->has_case = o->show = true;
    } else {
        return false;
    }
    return true;
}

static bool parse_flag(struct options *o, const char *name)
{
    if (!strcmp(name, "--32bit")) {
        o->only32 = true;
    } else if (!strcmp(name, "--no-host")) {
        o->no_host = true;
    } else if (!strcmp(name, "--no-engine")) {
        o->no_engine = true;
    } else if (!strcmp(name, "--keep-going")) {
        o->keep_going = true;
    } else if (!strcmp(name, "--no-shrink")) {
        o->no_shrink = true;
    } else if (!strcmp(name, "--list")) {
        o->show = true;
    } else {
        return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    struct options o = {.seed = 1, .seconds = 10};
    bool direct = false;

    for (int n = 1; n < argc; n++) {
        const char *value = n + 1 < argc ? argv[n + 1] : "0";

        if (parse_flag(&o, argv[n])) {
            direct = true;
        } else if (parse_number(&o, argv[n], value)) {
            direct = true;
            n++;
        } else if (!strcmp(argv[n], "--engine")) {
            o.engine = value;
            direct = true;
            n++;
        }
    }
    if (direct) {
        return blocks(&o) != 0;
    }
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/insn/blocks", test_random_programs);
    return g_test_run();
}
