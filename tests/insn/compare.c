/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every user-mode row of the instruction table, with random operands: host CPU against interpreter.
 *
 *   compare [--seed N] [--row OP] [--count N] [--case SEED] [--keep-going] [--list]
 *
 * --row takes an operation's name or a row's number; --case runs one case of one row again, as a
 * report prints it. Without options it is a GLib test. Exceptions are in exceptions.def.
 */
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/insn_lib/difference.h"
#include "tests/insn_lib/generate.h"
#include "tests/insn_lib/guest.h"
#include "tests/insn_lib/host_maps.h"
#include "tests/insn_lib/native.h"
#include "util/bytes.h"

enum { QUICK_CASES = 500000, FULL_CASES = 6000000, TRIES = 400 };

struct options {
    uint64_t seed, one_case, count;
    const char *row;
    bool has_case, keep_going, list;
};

struct run {
    const struct options *options;
    struct guest *guest;
    struct host_maps *maps;
    uint64_t executed, differences, rows_run;
    struct insn_case c;
    struct machine_state host, soft;
};

/* ---- comparing --------------------------------------------------------------------------- */

/* The parts in which host and interpreter differ. */
static unsigned differing_parts(struct run *r)
{
    const struct x86_row *row = &x86_rows[r->c.row];
    uint64_t undefined = r->host.vector < 0 && r->soft.vector < 0 ? row->flags_undefined : 0;
    unsigned parts = state_differences(&r->host, &r->soft, r->c.bits, undefined);

    parts |= memcmp((void *)DATA_AT, guest_data(r->guest), DATA_BYTES) ? PART_MEMORY : 0;
    return parts & ~ignored_parts(row->op);
}

/* ---- reporting --------------------------------------------------------------------------- */

static void print_area(const char *who, const struct machine_state *s)
{
    const uint8_t *a = s->area;

    printf("  %s fcw %04x fsw %04x ftw %02x fop %03x fip %llx fdp %llx mxcsr %05x\n", who,
           load_le16(a + AREA_FCW), load_le16(a + AREA_FSW), a[AREA_FTW], load_le16(a + AREA_FOP),
           (long long)load_le64(a + AREA_FIP), (long long)load_le64(a + AREA_FDP),
           load_le32(a + AREA_MXCSR));
}

/* Every 8-byte piece that differs between host and interpreter, with what it was before. */
static void print_area_difference(const char *name, const struct run *r, unsigned at, unsigned n)
{
    const uint8_t *i = r->c.state.area + at, *h = r->host.area + at, *s = r->soft.area + at;

    if (memcmp(h, s, 16)) {
        printf("  %s%u before %016llx_%016llx host %016llx_%016llx soft %016llx_%016llx\n", name, n,
               (long long)load_le64(i + 8), (long long)load_le64(i), (long long)load_le64(h + 8),
               (long long)load_le64(h), (long long)load_le64(s + 8), (long long)load_le64(s));
    }
}

static void print_vectors_used(const struct run *r)
{
    const struct x86_insn *i = &r->c.insn;
    const unsigned used[] = {i->reg & 15, i->rm & 15, i->vvvv & 15};

    for (unsigned n = 0; n < 3; n++) {
        const uint8_t *x = r->c.state.area + AREA_XMM + 16 * used[n];
        const uint8_t *y = r->c.state.area + AREA_YMM + 16 * used[n];

        printf("  ymm%u before %016llx_%016llx_%016llx_%016llx\n", used[n],
               (long long)load_le64(y + 8), (long long)load_le64(y), (long long)load_le64(x + 8),
               (long long)load_le64(x));
    }
}

/* The memory operand's offset in its segment. */
static void print_address(const struct run *r)
{
    const struct x86_insn *i = &r->c.insn;
    uint64_t ea = (int64_t)i->disp;

    if (!i->is_mem) {
        return;
    }
    ea += i->base < 16 ? r->c.state.gpr[i->base] : 0;
    ea += i->base == X86_RIP ? insn_rip(r->c.bits) + r->c.len : 0;
    ea += i->index < 16 && !(insn_row(i)->needs & VSIB) ? r->c.state.gpr[i->index] << i->scale : 0;
    printf("  operand at %llx, segment %u\n", (long long)(ea & ~0ull >> (64 - 8 * i->asize)),
           i->seg);
}

static void print_difference(const struct run *r, unsigned parts)
{
    static const char *const names[] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                        "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
    const uint8_t *data = (const uint8_t *)DATA_AT, *soft = guest_data(r->guest);
    unsigned shown = 0;

    for (unsigned n = 0; n < 16; n++) {
        if (r->host.gpr[n] != r->soft.gpr[n] || r->c.state.gpr[n] != r->host.gpr[n] ||
            n == r->c.insn.rm || n == r->c.insn.reg || n == r->c.insn.base) {
            printf("  %-3s before %016llx host %016llx soft %016llx\n", names[n],
                   (long long)r->c.state.gpr[n], (long long)r->host.gpr[n],
                   (long long)r->soft.gpr[n]);
        }
    }
    for (unsigned n = 0; n < 8; n++) {
        print_area_difference("st", r, AREA_ST + 16 * n, n);
    }
    for (unsigned n = 0; n < 16; n++) {
        print_area_difference("xmm", r, AREA_XMM + 16 * n, n);
        print_area_difference("ymm-high", r, AREA_YMM + 16 * n, n);
    }
    if (parts & (PART_VEC | PART_MXCSR | PART_VECTOR)) {
        print_vectors_used(r);
    }
    for (unsigned at = 0; at < DATA_BYTES && shown < 8; at += 8) {
        if (memcmp(data + at, soft + at, 8)) {
            printf("  [%llx] before %016llx host %016llx soft %016llx\n", (long long)DATA_AT + at,
                   (long long)load_le64(r->c.data + at), (long long)load_le64(data + at),
                   (long long)load_le64(soft + at));
            shown++;
        }
    }
}

static void report(const struct run *r, uint64_t seed, unsigned parts)
{
    const struct x86_row *row = &x86_rows[r->c.row];

    printf("row %u %s, %u-bit code:", r->c.row, row->name, r->c.bits);
    for (unsigned n = 0; n < r->c.len; n++) {
        printf(" %02x", r->c.code[n]);
    }
    printf("\n  again: --row %u --case %llu\n  differs:", r->c.row, (long long)seed);
    print_parts(parts);
    printf("\n  exception host %d error %#x cr2 %#llx, soft %d error %#x cr2 %#llx\n",
           r->host.vector, r->host.error, (long long)r->host.cr2, r->soft.vector, r->soft.error,
           (long long)r->soft.cr2);
    printf("  rip host %llx soft %llx, flags before %llx host %llx soft %llx\n",
           (long long)r->host.rip, (long long)r->soft.rip, (long long)r->c.state.rflags,
           (long long)r->host.rflags, (long long)r->soft.rflags);
    print_address(r);
    for (unsigned n = 0; n < 6; n++) {
        printf("  selector %u host %04x soft %04x\n", n, r->host.sel[n], r->soft.sel[n]);
    }
    print_area("before", &r->c.state);
    print_area("host  ", &r->host);
    print_area("soft  ", &r->soft);
    print_difference(r, parts);
    fflush(stdout);
}

/* ---- running ----------------------------------------------------------------------------- */

/* A repeated string instruction may take several steps. */
static void run_guest(struct run *r)
{
    guest_run(r->guest, &r->c.state, &r->soft, r->c.bits);
    for (unsigned n = 0; n < 64 && r->soft.vector < 0 && r->soft.rip == insn_rip(r->c.bits); n++) {
        struct machine_state again = r->soft;

        guest_run(r->guest, &again, &r->soft, r->c.bits);
    }
}

static void normalise(struct run *r)
{
    if (r->host.rip == NATIVE_FELL_THROUGH) {
        r->host.rip = insn_rip(r->c.bits) + r->c.len;
    }
    level_exceptions(&r->host, &r->soft);
}

static bool touches_gs(const struct insn_case *c)
{
    switch (x86_rows[c->row].op) {
    case OP_WRGSBASE:
    case OP_LGS:
    case OP_POP_GS:
        return true;
    default:
        return x86_rows[c->row].op == OP_MOV_TO_SEG && c->insn.reg == X86_GS;
    }
}

/* The guest misses a page where this process has something that is not the case's. */
static bool meets_host_memory(const struct run *r)
{
    uint64_t addr = r->soft.cr2;

    return r->soft.vector == EXC_PF && host_maps_has(r->maps, addr) &&
           addr - CODE_AT >= CODE_BYTES && addr - DATA_AT >= RODATA_AT + RODATA_SIZE - DATA_AT;
}

/* Runs the case of `seed`; false when the seed gives none. */
static bool run_case(struct run *r, unsigned row, uint64_t seed, bool verbose)
{
    unsigned parts;

    if (!generate_case(guest_cpu(r->guest), row, seed, &r->c) || !native_can_run(r->c.bits)) {
        return false;
    }
    memcpy((void *)DATA_AT, r->c.data, DATA_BYTES);
    memcpy(guest_data(r->guest), r->c.data, DATA_BYTES);
    native_set_code(r->c.code, r->c.len, r->c.bits);
    guest_set_code(r->guest, (const uint8_t *)INSN_AT, 32); /* with the exit behind it */
    run_guest(r);
    if (meets_host_memory(r)) {
        return false;
    }
    native_run(&r->c.state, &r->host, r->c.bits);
    if (touches_gs(&r->c)) {
        native_reset_gs();
    }
    normalise(r);
    r->executed++;
    parts = differing_parts(r);
    if (parts || verbose) {
        report(r, seed, parts);
    }
    r->differences += parts != 0;
    return true;
}

static bool row_wanted(const struct options *o, unsigned row)
{
    char *end;
    unsigned long n;

    if (!o->row) {
        return true;
    }
    n = strtoul(o->row, &end, 10);
    return *end ? !g_ascii_strcasecmp(o->row, x86_rows[row].name) : n == row;
}

/* Why a row is not compared, or NULL. */
static const char *uncovered(const struct run *r, unsigned row)
{
    const char *reason = not_run_reason(&x86_rows[row]);

    if (reason) {
        return reason;
    }
    return x86_has(guest_cpu(r->guest), x86_rows[row].feature) ? NULL : "the host has no such";
}

static void run_row(struct run *r, unsigned row, uint64_t count)
{
    struct rng mix = {.state = r->options->seed},
               rng = {.state = rng_next(&mix) ^ (uint64_t)row << 40};
    uint64_t before = r->differences;
    unsigned misses = 0;

    for (uint64_t n = 0; n < count && misses < TRIES;) {
        if (!run_case(r, row, rng_next(&rng), /* verbose= */ false)) {
            misses++;
            continue;
        }
        misses = 0;
        n++;
        if (r->differences > before) {
            break; /* one per row is enough to read */
        }
    }
    if (misses == TRIES && x86_rows[r->c.insn.row].op == x86_rows[row].op) {
        r->rows_run--; /* an earlier row of the same operation takes all its encodings */
    } else if (misses == TRIES) {
        printf("row %u %s: no encoding found\n", row, x86_rows[row].name);
        r->differences++;
    }
}

static uint64_t run_all(struct run *r)
{
    uint64_t each;
    unsigned wanted = 0;

    for (unsigned row = 0; row < x86_row_count; row++) {
        wanted += row_wanted(r->options, row) && !uncovered(r, row);
    }
    each = r->options->count / MAX(wanted, 1u) + 1;
    for (unsigned row = 0; row < x86_row_count; row++) {
        const char *reason = uncovered(r, row);

        if (!row_wanted(r->options, row)) {
            continue;
        }
        if (reason) {
            if (r->options->list || r->options->row) {
                printf("row %u %s is not compared: %s\n", row, x86_rows[row].name, reason);
            }
            continue;
        }
        r->rows_run++;
        run_row(r, row, each);
        if (r->differences && !r->options->keep_going) {
            break;
        }
    }
    printf("%llu cases of %llu rows out of %u, %llu differences (seed %llu)\n",
           (long long)r->executed, (long long)r->rows_run, x86_row_count, (long long)r->differences,
           (long long)r->options->seed);
    return r->differences;
}

/* Returns the number of differences, -1 when the host cannot run this. */
static int64_t compare(const struct options *o)
{
    struct run *r;
    int64_t differences;

    if (!native_init()) {
        return -1;
    }
    r = g_new0(struct run, 1);
    r->options = o;
    r->guest = guest_new(native_fs_base());
    r->maps = host_maps_new();
    if (o->has_case) {
        run_case(r, strtoul(o->row ? o->row : "0", NULL, 10), o->one_case, /* verbose= */ true);
        differences = r->differences;
    } else {
        differences = run_all(r);
    }
    guest_free(r->guest);
    host_maps_free(r->maps);
    g_free(r);
    return differences;
}

static void test_against_the_host(void)
{
    struct options o = {
        .seed = g_test_rand_int_range(1, INT32_MAX),
        .count = g_test_slow() ? FULL_CASES : QUICK_CASES,
        .keep_going = true,
    };
    int64_t differences = compare(&o);

    if (differences < 0) {
        g_test_skip("needs an x86-64 host with AVX2");
    } else {
        g_assert_cmpint(differences, ==, 0);
    }
}

int main(int argc, char **argv)
{
    struct options o = {.seed = 1, .count = QUICK_CASES};
    bool direct = false;

    for (int n = 1; n < argc; n++) {
        const char *value = n + 1 < argc ? argv[n + 1] : "0";

        if (!strcmp(argv[n], "--keep-going")) {
            o.keep_going = direct = true;
        } else if (!strcmp(argv[n], "--list")) {
            o.list = direct = true;
        } else if (!strcmp(argv[n], "--row")) {
            o.row = value;
            direct = true;
        } else if (!strcmp(argv[n], "--seed")) {
            o.seed = strtoull(value, NULL, 0);
            direct = true;
        } else if (!strcmp(argv[n], "--count")) {
            o.count = strtoull(value, NULL, 0);
            direct = true;
        } else if (!strcmp(argv[n], "--case")) {
            o.one_case = strtoull(value, NULL, 0);
            o.has_case = direct = true;
        }
    }
    if (direct) {
        return compare(&o) != 0;
    }
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/insn/host", test_against_the_host);
    return g_test_run();
}
