/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vbench: runs one benchmark and says when it starts and ends, for a driver with a clock of its
 * own.
 *
 *   vbench list                         NAME of each benchmark, one a line
 *   vbench run NAME [DIVISOR [MIN_MS]]  one benchmark with its work divided by DIVISOR, again and
 *                                       again until MIN_MS milliseconds have gone by
 *
 * A run prints
 *   @begin NAME
 *   @end NAME CHECKSUM RUNS NANOSECONDS
 * or "@skip NAME" on a CPU that lacks what it needs, or "@fail NAME why". The nanoseconds are those
 * of the guest's own clock. Exit status: 0, also after a skip; 1 failed; 2 called wrongly.
 */
#include "tests/bench/vbench/vbench.h"

extern const struct bench *const __start_benches[];
extern const struct bench *const __stop_benches[];

uint8_t scratch[SCRATCH_SIZE] __attribute__((aligned(4096)));

struct line {
    char text[160];
    size_t length;
};

static void add_text(struct line *line, const char *text)
{
    while (*text && line->length < sizeof(line->text)) {
        line->text[line->length++] = *text++;
    }
}

static void add_hex(struct line *line, uint64_t value)
{
    char digits[17] = {0};

    for (int i = 15; i >= 0; i--, value >>= 4) {
        digits[i] = "0123456789abcdef"[value & 15];
    }
    add_text(line, " ");
    add_text(line, digits);
}

/* Decimal without a division of 64-bit numbers */
static void add_decimal(struct line *line, uint64_t value)
{
    char digits[21] = {0};
    int first = 20;

    do {
        uint64_t quotient = 0, rest = 0;

        for (int bit = 63; bit >= 0; bit--) {
            rest = rest << 1 | (value >> bit & 1);
            if (rest >= 10) {
                rest -= 10;
                quotient |= 1ull << bit;
            }
        }
        digits[--first] = '0' + (char)rest;
        value = quotient;
    } while (value);
    add_text(line, " ");
    add_text(line, digits + first);
}

static void print(struct line *line)
{
    add_text(line, "\n");
    port_write(line->text, line->length);
}

static void print_word(const char *word, const char *name, const char *more)
{
    struct line line = {.length = 0};

    add_text(&line, word);
    add_text(&line, name);
    add_text(&line, more);
    print(&line);
}

static bool same(const char *a, const char *b)
{
    while (*a && *a == *b) {
        a++, b++;
    }
    return *a == *b;
}

static bool parse(const char *text, unsigned long *ret_value)
{
    unsigned long value = 0;

    if (!*text) {
        return false;
    }
    for (; *text; text++) {
        if (*text < '0' || *text > '9' || value > (~0ul - 9) / 10) {
            return false;
        }
        value = value * 10 + (unsigned long)(*text - '0');
    }
    *ret_value = value;
    return true;
}

static int run(const struct bench *bench, unsigned long divisor, unsigned long min_ms)
{
    unsigned long work = bench->work / divisor ? bench->work / divisor : 1;
    uint64_t wanted_ns = (uint64_t)min_ms * 1000000, start, ns, first, runs = 0;
    struct line line = {.length = 0};

    if (bench->usable && !bench->usable()) {
        print_word("@skip ", bench->name, "");
        return 0;
    }
    if (bench->prepare) {
        bench->prepare();
    }
    print_word("@begin ", bench->name, "");
    port_drain();
    start = port_now_ns();
    do {
        uint64_t sum = bench->run(work);

        first = runs++ ? first : sum;
        if (sum != first) {
            print_word("@fail ", bench->name, " two runs differ");
            return 1;
        }
        ns = port_now_ns() - start;
    } while (ns < wanted_ns);
    add_text(&line, "@end ");
    add_text(&line, bench->name);
    add_hex(&line, first);
    add_decimal(&line, runs);
    add_decimal(&line, ns);
    print(&line);
    return 0;
}

static int usage(void)
{
    print_word("usage: vbench list | vbench run NAME [DIVISOR [MIN_MS]]", "", "");
    return 2;
}

int vbench_main(int argc, char **argv)
{
    unsigned long divisor = 1, min_ms = 0;

    if (argc == 2 && same(argv[1], "list")) {
        for (const struct bench *const *b = __start_benches; b < __stop_benches; b++) {
            print_word((*b)->name, "", "");
        }
        return 0;
    }
    if (argc < 3 || argc > 5 || !same(argv[1], "run") ||
        (argc > 3 && (!parse(argv[3], &divisor) || !divisor)) ||
        (argc > 4 && !parse(argv[4], &min_ms))) {
        return usage();
    }
    for (const struct bench *const *b = __start_benches; b < __stop_benches; b++) {
        if (same((*b)->name, argv[2])) {
            return run(*b, divisor, min_ms);
        }
    }
    print_word("@fail ", argv[2], " no such benchmark");
    return 1;
}
