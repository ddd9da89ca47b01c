/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The C library's version of the x87 transcendentals against the host's x87, where there is one:
 * special operands exactly, ordinary ones within a few units in the last place.
 */
#include "target/i386/x87_math.h"

#include <glib.h>
#include <math.h>

static const char *const names[] = {
    [X87_SIN] = "fsin",   [X87_COS] = "fcos",       [X87_SINCOS] = "fsincos",
    [X87_PTAN] = "fptan", [X87_PATAN] = "fpatan",   [X87_2XM1] = "f2xm1",
    [X87_YL2X] = "fyl2x", [X87_YL2XP1] = "fyl2xp1",
};

static const struct f80 specials[] = {
    {0, 0},
    {0, 0x8000},
    {1ull << 63, 0x3fff}, /* 1 */
    {1ull << 63, 0xbfff},
    {1ull << 63, 0x3ffd}, /* 1/4 */
    {3ull << 62, 0xbffd},
    {3ull << 62, 0x4000}, /* 3 */
    {3ull << 62, 0xc000},
    {1ull << 63, 0x7fff}, /* infinity */
    {1ull << 63, 0xffff},
    {0xc000000000000123ull, 0x7fff}, /* quiet and signalling NaN */
    {0x8000000000000123ull, 0xffff},
    {0x4000000000000123ull, 0x4001}, /* unsupported */
    {1ull << 63, 0x403e},            /* 2^63 */
};

static bool finite80(struct f80 a)
{
    return (a.se & 0x7fff) != 0x7fff;
}

/* Within 2^-55 of each other, relative to the larger; specials exactly. */
static bool near(struct f80 a, struct f80 b)
{
    struct sf_env env = {.masks = SF_ALL, .precision = 64, .x87 = true};
    struct f80 diff;

    if (!finite80(a) || !finite80(b) || !a.sig || !b.sig) {
        return a.se == b.se && a.sig == b.sig;
    }
    diff = f80_sub(&env, a, b);
    return !diff.sig || (diff.se & 0x7fff) + 55 <= (a.se & 0x7fff);
}

static void compare(enum x87_math op, struct f80 a, struct f80 b)
{
    struct x87_math_result host, libm;
    const uint16_t flags = 0x400 | SF_IE | SF_ZE | SF_OE;

    if (!x87_math_host(op, 0x37f, a, b, &host)) {
        g_test_skip("the host has no x87");
        return;
    }
    x87_math_libm(op, 0x37f, a, b, &libm);
    if ((host.sw & flags) != (libm.sw & flags) || !near(host.st0, libm.st0) ||
        (op == X87_SINCOS && !(host.sw & 0x400) && !near(host.st1, libm.st1))) {
        g_error("%s %04x:%016llx %04x:%016llx: host %04x:%016llx sw %04x, libm %04x:%016llx "
                "sw %04x",
                names[op], a.se, (long long)a.sig, b.se, (long long)b.sig, host.st0.se,
                (long long)host.st0.sig, host.sw, libm.st0.se, (long long)libm.st0.sig, libm.sw);
    }
}

/* Is st0 inside the range for which the instruction is defined? */
static bool defined(enum x87_math op, struct f80 a)
{
    int exp = a.se & 0x7fff;

    if (!finite80(a)) {
        return true;
    }
    if (op == X87_2XM1) {
        return exp < 0x3fff || (exp == 0x3fff && a.sig == 1ull << 63);
    }
    return op != X87_YL2XP1 || exp < 0x3ffd;
}

static void test_specials(gconstpointer data)
{
    enum x87_math op = GPOINTER_TO_INT(data);

    for (size_t i = 0; i < G_N_ELEMENTS(specials); i++) {
        for (size_t j = 0; j < G_N_ELEMENTS(specials); j++) {
            if (defined(op, specials[i])) {
                compare(op, specials[i], specials[j]);
            }
        }
    }
}

static void test_ordinary(gconstpointer data)
{
    enum x87_math op = GPOINTER_TO_INT(data);

    for (int i = 0; i < 20000; i++) {
        struct f80 v[2];

        for (int j = 0; j < 2; j++) {
            v[j].sig = 1ull << 63 | (uint64_t)g_test_rand_int() << 31 | (uint32_t)g_test_rand_int();
            v[j].se = g_test_rand_int_range(0x3ff0, 0x3fff) |
                      (op != X87_YL2X && g_test_rand_bit() ? 0x8000 : 0);
        }
        if (defined(op, v[0])) {
            compare(op, v[0], v[1]);
        }
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (int op = X87_SIN; op <= X87_YL2XP1; op++) {
        g_autofree char *special = g_strdup_printf("/x87-math/%s/specials", names[op]);
        g_autofree char *ordinary = g_strdup_printf("/x87-math/%s/ordinary", names[op]);

        g_test_add_data_func(special, GINT_TO_POINTER(op), test_specials);
        g_test_add_data_func(ordinary, GINT_TO_POINTER(op), test_ordinary);
    }
    return g_test_run();
}
