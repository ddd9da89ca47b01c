/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HPET: counter, one-shot and periodic timers, lines, legacy replacement, FSB messages.
 *
 * One tick is 10 ns.
 */
#include "hw/timer/hpet.h"

#include "tests/unit/hw/bare_machine.h"

#define BASE    HPET_DEFAULT_BASE
#define CONF    0x10
#define STATUS  0x20
#define COUNTER 0xf0
#define T(n)    (0x100 + 0x20 * (n))
#define CMP     8
#define FSB     16

#define LEVEL    (1 << 1)
#define ENABLE   (1 << 2)
#define PERIODIC (1 << 3)
#define VAL_SET  (1 << 6)
#define BITS32   (1 << 8)
#define ROUTE(n) ((n) << 9)
#define USE_FSB  (1 << 14)

#define MSI_GPA 0xfee01000

struct fixture {
    struct bare b;
    struct line irq0, irq8, gsi20;
    struct hpet *hpet;
    struct region msi;
    unsigned messages;
    uint64_t message;
};

static uint64_t msi_read(void *opaque, uint64_t offset, unsigned size)
{
    (void)opaque, (void)offset, (void)size;
    return 0;
}

static void msi_write(void *opaque, uint64_t offset, uint64_t val, unsigned size)
{
    struct fixture *f = opaque;

    (void)offset, (void)size;
    f->messages++;
    f->message = val;
}

static const struct region_ops msi_ops = {.read = msi_read, .write = msi_write};

static void setup(struct fixture *f, gconstpointer data)
{
    (void)data;
    bare_init(&f->b);
    bare_global(&f->b, "hpet", "msi", "on");
    f->hpet = hpet_create(f->b.m, &f->b.m->memory_root, BASE, 0x00ff0000, NULL);
    g_assert_nonnull(f->hpet);
    hpet_connect_legacy(f->hpet, line_init(&f->irq0), line_init(&f->irq8));
    hpet_connect_route(f->hpet, 20, line_init(&f->gsi20));
    region_init_io(&f->msi, &msi_ops, f, "msi", 4096);
    region_add(&f->b.m->memory_root, MSI_GPA, &f->msi, 0);
}

static void teardown(struct fixture *f, gconstpointer data)
{
    (void)data;
    region_fini(&f->msi);
    bare_fini(&f->b);
}

static void put(struct fixture *f, unsigned offset, uint64_t val)
{
    bare_store(&f->b, BASE + offset, val, 8);
}

static uint64_t get(struct fixture *f, unsigned offset)
{
    return bare_load(&f->b, BASE + offset, 8);
}

static void test_capabilities(struct fixture *f, gconstpointer data)
{
    (void)data;
    g_assert_cmphex(get(f, 0), ==, 10000000ULL << 32 | 0x8086a201);
    g_assert_cmphex(bare_load(&f->b, BASE + 4, 4), ==, 10000000);
    g_assert_cmphex(get(f, T(2)), ==, 0x00ff0000ULL << 32 | 0x8030);
    g_assert_cmphex(hpet_block_id(f->hpet), ==, 0x8086a201);
}

static void test_counter_runs_only_when_enabled(struct fixture *f, gconstpointer data)
{
    (void)data;
    bare_step(&f->b, 1000);
    g_assert_cmpuint(get(f, COUNTER), ==, 0);
    put(f, COUNTER, 0x100000000);
    put(f, CONF, 1);
    bare_step(&f->b, 1000);
    g_assert_cmphex(get(f, COUNTER), ==, 0x100000064);
    g_assert_cmphex(bare_load(&f->b, BASE + COUNTER, 4), ==, 0x64);
    put(f, CONF, 0);
    bare_step(&f->b, 1000);
    g_assert_cmphex(get(f, COUNTER), ==, 0x100000064);
}

static void test_one_shot_edge(struct fixture *f, gconstpointer data)
{
    (void)data;
    put(f, T(0), ENABLE | ROUTE(20));
    put(f, T(0) + CMP, 500);
    put(f, CONF, 1);
    bare_step(&f->b, 4999);
    g_assert_cmpuint(f->gsi20.rises, ==, 0);
    bare_step(&f->b, 1);
    g_assert_cmpuint(f->gsi20.rises, ==, 1);
    bare_step(&f->b, NS_PER_SEC);
    g_assert_cmpuint(f->gsi20.rises, ==, 1);
    g_assert_cmphex(get(f, STATUS), ==, 0);
}

static void test_impossible_route_is_refused(struct fixture *f, gconstpointer data)
{
    (void)data;
    put(f, T(0), ROUTE(20));
    put(f, T(0), ROUTE(3));
    g_assert_cmphex(get(f, T(0)) & ROUTE(31), ==, ROUTE(20));
}

static void test_level_stays_until_status_is_cleared(struct fixture *f, gconstpointer data)
{
    (void)data;
    put(f, T(1), ENABLE | LEVEL | ROUTE(20));
    put(f, T(1) + CMP, 500);
    put(f, CONF, 1);
    bare_step(&f->b, 5000);
    g_assert_cmpint(f->gsi20.level, ==, 1);
    g_assert_cmphex(get(f, STATUS), ==, 2);
    put(f, STATUS, 1);
    g_assert_cmpint(f->gsi20.level, ==, 1);
    put(f, STATUS, 2);
    g_assert_cmpint(f->gsi20.level, ==, 0);
    g_assert_cmphex(get(f, STATUS), ==, 0);
}

static void test_periodic_advances_its_comparator(struct fixture *f, gconstpointer data)
{
    (void)data;
    put(f, CONF, 1);
    put(f, T(0), ENABLE | PERIODIC | VAL_SET | BITS32 | ROUTE(20));
    bare_store(&f->b, BASE + T(0) + CMP, 20000, 4); /* first match */
    bare_store(&f->b, BASE + T(0) + CMP, 10000, 4); /* then every 100 us */
    bare_step(&f->b, 200000);
    g_assert_cmpuint(f->gsi20.rises, ==, 1);
    g_assert_cmpuint(get(f, T(0) + CMP), ==, 30000);
    bare_step(&f->b, 1000000);
    g_assert_cmpuint(f->gsi20.rises, ==, 11);
}

static void test_stall_gives_one_interrupt(struct fixture *f, gconstpointer data)
{
    (void)data;
    put(f, CONF, 1);
    put(f, T(0), ENABLE | PERIODIC | VAL_SET | ROUTE(20));
    put(f, T(0) + CMP, 10000);
    clock_set_ns(&f->b.m->clock_virtual, 1050000);
    bare_step(&f->b, 0);
    g_assert_cmpuint(f->gsi20.rises, ==, 1);
    g_assert_cmpuint(get(f, T(0) + CMP), ==, 110000);
    bare_step(&f->b, 50000);
    g_assert_cmpuint(f->gsi20.rises, ==, 2);
}

static void test_tiny_period_is_no_storm(struct fixture *f, gconstpointer data)
{
    (void)data;
    put(f, CONF, 1);
    put(f, T(0), ENABLE | PERIODIC | VAL_SET | ROUTE(20));
    put(f, T(0) + CMP, 1);
    bare_step(&f->b, 10 * NS_PER_MS);
    g_assert_cmpuint(f->gsi20.rises, >, 100);
    g_assert_cmpuint(f->gsi20.rises, <=, 501);
}

static void test_32_bit_timer_matches_after_wrap(struct fixture *f, gconstpointer data)
{
    (void)data;
    put(f, COUNTER, 0xffffff00);
    put(f, T(0), ENABLE | BITS32 | ROUTE(20));
    put(f, T(0) + CMP, 0x100);
    put(f, CONF, 1);
    bare_step(&f->b, 0x1ff * 10);
    g_assert_cmpuint(f->gsi20.rises, ==, 0);
    bare_step(&f->b, 10);
    g_assert_cmpuint(f->gsi20.rises, ==, 1);
}

static void test_legacy_replacement(struct fixture *f, gconstpointer data)
{
    (void)data;
    irq_raise(hpet_pit_input(f->hpet));
    irq_raise(hpet_rtc_input(f->hpet));
    g_assert_cmpint(f->irq0.level, ==, 1);
    g_assert_cmpint(f->irq8.level, ==, 1);
    put(f, CONF, 3);
    g_assert_cmpint(f->irq0.level, ==, 0); /* cut off */
    g_assert_cmpint(f->irq8.level, ==, 0);
    put(f, T(0), ENABLE | ROUTE(20));
    put(f, T(0) + CMP, get(f, COUNTER) + 100);
    put(f, T(1), ENABLE | ROUTE(20));
    put(f, T(1) + CMP, get(f, COUNTER) + 200);
    bare_step(&f->b, 1500);
    g_assert_cmpuint(f->irq0.rises, ==, 2);
    g_assert_cmpuint(f->irq8.rises, ==, 1);
    bare_step(&f->b, 500);
    g_assert_cmpuint(f->irq8.rises, ==, 2);
    g_assert_cmpuint(f->gsi20.rises, ==, 0);
    put(f, CONF, 0);
    g_assert_cmpint(f->irq0.level, ==, 1); /* the 8254's again */
}

static void test_fsb_message(struct fixture *f, gconstpointer data)
{
    (void)data;
    put(f, T(2), ENABLE | USE_FSB);
    put(f, T(2) + FSB, (uint64_t)MSI_GPA << 32 | 0x4055);
    put(f, T(2) + CMP, 500);
    put(f, CONF, 1);
    bare_step(&f->b, 5000);
    g_assert_cmpuint(f->messages, ==, 1);
    g_assert_cmphex(f->message, ==, 0x4055);
}

/* A message into its own configuration register would start it again and again. */
static void test_fsb_message_to_itself_is_dropped(struct fixture *f, gconstpointer data)
{
    (void)data;
    put(f, T(2), ENABLE | USE_FSB);
    put(f, T(2) + FSB, (BASE + CONF) << 32);
    put(f, T(2) + CMP, 500);
    put(f, CONF, 1);
    bare_step(&f->b, 6000);
    g_assert_cmphex(get(f, CONF), ==, 1);
}

static void test_state_survives_saving(struct fixture *f, gconstpointer data)
{
    (void)data;
    put(f, CONF, 1);
    put(f, T(0), ENABLE | PERIODIC | VAL_SET | ROUTE(20));
    put(f, T(0) + CMP, 10000);
    put(f, T(1), ENABLE | LEVEL | ROUTE(20));
    put(f, T(1) + CMP, 1000);
    bare_step(&f->b, 150000);
    g_assert_cmpint(f->gsi20.level, ==, 1);
    bare_reload((struct device *)(void *)f->hpet);
    g_assert_cmpint(f->gsi20.level, ==, 1);
    g_assert_cmpuint(get(f, COUNTER), ==, 15000);
    g_assert_cmphex(get(f, STATUS), ==, 2);
    g_assert_cmpuint(get(f, T(0) + CMP), ==, 20000);
    bare_step(&f->b, 50000);
    g_assert_cmpuint(get(f, T(0) + CMP), ==, 30000);
}

#define ADD(name) g_test_add("/" #name, struct fixture, NULL, setup, test_##name, teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD(capabilities);
    ADD(counter_runs_only_when_enabled);
    ADD(one_shot_edge);
    ADD(impossible_route_is_refused);
    ADD(level_stays_until_status_is_cleared);
    ADD(periodic_advances_its_comparator);
    ADD(stall_gives_one_interrupt);
    ADD(tiny_period_is_no_storm);
    ADD(32_bit_timer_matches_after_wrap);
    ADD(legacy_replacement);
    ADD(fsb_message);
    ADD(fsb_message_to_itself_is_dropped);
    ADD(state_survives_saving);
    return g_test_run();
}
