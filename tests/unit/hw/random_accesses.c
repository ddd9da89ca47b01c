/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A PC's devices survive random accesses: the fuzzer's inputs (tests/fuzz/devices.h) from fixed
 * seeds. A few of them in each make check, many with -m slow.
 */
#include "tests/fuzz/devices.h"

enum { QUICK_RUNS = 200, SLOW_RUNS = 20000, MAX_BYTES = 2048 };

static void run_random(struct devices_machine *d, guint32 seed)
{
    GRand *rng = g_rand_new_with_seed(seed);
    uint8_t data[MAX_BYTES];
    size_t len = (size_t)g_rand_int_range(rng, 1, MAX_BYTES);

    for (size_t i = 0; i < len; i++) {
        data[i] = (uint8_t)g_rand_int(rng);
    }
    g_rand_free(rng);
    devices_run(&d->rig, data, len);
}

static void test_survives_random_accesses(void)
{
    struct devices_machine d = {0};
    guint32 runs = g_test_slow() ? SLOW_RUNS : QUICK_RUNS;

    devices_machine_init(&d);
    for (guint32 seed = 0; seed < runs; seed++) {
        if (seed % 100 == 0) {
            g_test_message("seeds from %u on", seed);
        }
        run_random(&d, seed);
    }
    devices_machine_fini(&d);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/random-accesses/survived", test_survives_random_accesses);
    return g_test_run();
}
