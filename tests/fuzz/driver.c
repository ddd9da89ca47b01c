/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a fuzzer without libFuzzer: on random bytes from a seed, or on the files it is given.
 *
 *   fuzz_devices [SEED [RUNS]]   a line says the seed before each hundredth run
 *   fuzz_devices FILE...         what libFuzzer has found, again
 */
#include "tests/fuzz/fuzz.h"

#include <glib.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_BYTES = 4096, RUNS = 10000, REPORT_EVERY = 100 };

static int run_files(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        g_autofree char *data = NULL;
        GError *error = NULL;
        gsize len;

        if (!g_file_get_contents(argv[i], &data, &len, &error)) {
            fprintf(stderr, "%s\n", error->message);
            g_error_free(error);
            return 1;
        }
        LLVMFuzzerTestOneInput((const uint8_t *)data, len);
        printf("%s: survived\n", argv[i]);
    }
    return 0;
}

/* Run @n of @seed is the same bytes wherever it is run: a crash is found again by both numbers. */
static void run_random(guint32 seed, guint32 n)
{
    const guint32 seeds[] = {seed, n};
    GRand *rng = g_rand_new_with_seed_array(seeds, G_N_ELEMENTS(seeds));
    uint8_t data[MAX_BYTES];
    size_t len = (size_t)g_rand_int_range(rng, 1, MAX_BYTES);

    for (size_t i = 0; i < len; i++) {
        data[i] = (uint8_t)g_rand_int(rng);
    }
    g_rand_free(rng);
    LLVMFuzzerTestOneInput(data, len);
}

int main(int argc, char **argv)
{
    char *end = NULL;
    guint32 seed = argc > 1 ? (guint32)strtoul(argv[1], &end, 0) : g_random_int();
    guint32 runs = argc > 2 ? (guint32)strtoul(argv[2], NULL, 0) : RUNS;

    if (end && *end) { /* not a number */
        return run_files(argc, argv);
    }
    for (guint32 n = 0; n < runs; n++) {
        if (n % REPORT_EVERY == 0) {
            printf("seed %u, run %u of %u\n", seed, n, runs);
            fflush(stdout);
        }
        run_random(seed, n);
    }
    return 0;
}
