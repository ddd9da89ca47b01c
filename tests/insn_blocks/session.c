/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop over random programs, in a child process that may crash.
 *
 * Program number n of a seed is always the same. What follows from it is done in the order
 * "progress told, composed, judged", so that the parent knows which one was at fault.
 */
#include "tests/insn_blocks/session.h"

#include <stdio.h>
#include <string.h>

#include "tests/insn_blocks/compose.h"
#include "tests/insn_blocks/guard.h"
#include "tests/insn_blocks/judge.h"
#include "tests/insn_lib/host_maps.h"

enum {
    STATES = 3,         /* that each program starts from */
    PATIENCE_S = 20,    /* with a child that judges many programs */
    PATIENCE_ONE_S = 2, /* with one that judges one */
};

struct session {
    const struct session_options *options;
    struct guard_progress *progress;
    struct host_maps *maps;
    struct engine *composing;
    struct composer *composer;
    struct judge judge;
    struct program p;
    unsigned kind;  /* enum session_kinds */
    GArray *rows;   /* int: with operands in memory */
    struct rng rng; /* of the program at hand */
    uint64_t next;  /* number */
    int64_t end;    /* in time */
};

/* ---- programs ---------------------------------------------------------------------------- */

/* One of the kinds wanted. */
static unsigned pick_kind(struct session *s)
{
    unsigned kind;

    do {
        kind = 1u << rng_below(&s->rng, SESSION_KINDS);
    } while (!(kind & s->options->kinds));
    return kind;
}

static unsigned pick_repeat(struct session *s)
{
    struct rng *rng = &s->rng;

    if (s->options->repeat) {
        return s->options->repeat;
    }
    if (s->kind == SESSION_INTERRUPTS) {
        return 6;
    }
    if (s->kind == SESSION_SMC && rng_chance(rng, 40)) {
        return 4 + rng_below(rng, 12); /* what is patched often is translated in another way */
    }
    return rng_chance(rng, 90)   ? 2
           : rng_chance(rng, 90) ? 2 + rng_below(rng, 40)
                                 : 400; /* for those who look at what is hot */
}

/* Where the program's pages are, often all in one set. */
static void random_frames(struct session *s)
{
    bool one = rng_chance(&s->rng, 60);
    uint8_t frame = rng_below(&s->rng, PROGRAM_FRAMES);

    s->p.data_frame = frame;
    for (unsigned n = 0; n < PROGRAM_CODE_PAGES; n++) {
        s->p.code_frames[n] = one ? frame : rng_below(&s->rng, PROGRAM_FRAMES);
    }
}

static void make_program(struct session *s, uint64_t number)
{
    const struct session_options *o = s->options;
    struct rng *rng = &s->rng;
    struct compose_wish wish;

    *rng = (struct rng){.state = o->seed ^ number << 20};
    s->kind = pick_kind(s);
    wish = (struct compose_wish){
        .bits = rng_chance(rng, 30) ? 32 : 64,
        .instructions = 1 + rng_below(rng, rng_chance(rng, 90) ? 40 : 80),
        .fault_percent = rng_chance(rng, 80) ? 1 : 10,
        .place = rng_below(rng, PROGRAM_PLACES),
        .row = -1,
        .writes_code = s->kind == SESSION_SMC,
        .bases = rng_chance(rng, 10),
        .rings = s->kind == SESSION_INTERRUPTS,
    };
    if (s->kind == SESSION_FAULTS) {
        wish.row = g_array_index(s->rows, int, (number + o->seed) % s->rows->len);
        wish.instructions = 1 + rng_below(rng, 8);
        wish.fault_percent = 0;
        wish.no_flow = rng_chance(rng, 70);
    }
    wish.bits = o->bits ? o->bits : wish.bits;
    wish.instructions = o->length ? o->length : wish.instructions;
    compose(s->composer, rng_next(rng), &wish, &s->p);
    s->p.repeat = pick_repeat(s);
    s->p.interrupts = wish.rings;
    s->p.space = rng_below(rng, PROGRAM_SPACES);
    s->p.flushes_space = rng_chance(rng, 30);
    random_frames(s);
}

/*
 * The program is entered at another place. What it has absolute addresses of stays where it is.
 * Code that is written at one linear address and runs at another is more than processors promise.
 */
static void move(struct session *s)
{
    if (s->p.bits == 64 && s->kind != SESSION_SMC && rng_chance(&s->rng, 50)) {
        program_move(&s->p, rng_below(&s->rng, PROGRAM_PLACES));
    }
}

/* The next form is run after the program with the usual rights, often elsewhere. */
static void warm_up(struct session *s)
{
    struct program *p = &s->p;

    p->warm = true;
    p->warm_space = rng_chance(&s->rng, 70) ? p->space : !p->space;
    p->warm_place = p->bits == 32 || s->kind == SESSION_SMC || rng_chance(&s->rng, 50)
                        ? p->place
                        : rng_below(&s->rng, PROGRAM_PLACES);
}

/* The rights that a fault program has in turn; after each it is run with the usual ones again. */
static bool fault_form(struct session *s, unsigned form)
{
    static const struct {
        int8_t page;
        uint8_t rights;
        bool demand;
    } forms[] = {
        {-1, 0, false},
        {PROGRAM_ROW_PAGE, WORLD_ABSENT, false},
        {PROGRAM_ROW_PAGE, WORLD_READ, false},
        {PROGRAM_STACK_PAGE, WORLD_ABSENT, false},
        {PROGRAM_STACK_PAGE, WORLD_READ, false},
        {PROGRAM_ROW_PAGE, WORLD_ABSENT, true},
        {PROGRAM_ROW_PAGE, WORLD_READ, true},
    };

    if (form > ARRAY_SIZE(forms)) {
        return false;
    }
    program_usual_rights(s->p.rights);
    if (form) {
        warm_up(s);
    }
    s->p.demand = form == ARRAY_SIZE(forms);
    if (s->p.demand) { /* everything */
        memset(s->p.rights, WORLD_ABSENT, PROGRAM_PAGES);
    } else if (forms[form].page >= 0) {
        s->p.rights[forms[form].page] = forms[form].rights;
        s->p.demand = forms[form].demand;
    }
    return true;
}

/* The page of offset @at in the code is replaced by one with another byte there. */
static void replace(struct session *s, unsigned at, uint8_t byte)
{
    struct program *p = &s->p;
    unsigned page = at / 0x1000;

    p->replaced_at = at;
    p->replaced_frame = p->code_frames[page];
    memcpy(p->replaced_code, p->code + at, sizeof(p->replaced_code));
    p->code_frames[page] = (p->replaced_frame + 1) % PROGRAM_FRAMES;
    p->code[at] = byte;
    warm_up(s);
}

/* A subroutine in a page of its own returns at once; or what reaches into a page goes on there with
 * something else. False: the program has neither. */
static bool replaced_form(struct session *s)
{
    const struct program *p = &s->p;
    unsigned first = rng_below(&s->rng, PROGRAM_ITEMS);

    for (unsigned n = 0; n < p->count; n++) {
        const struct item *i = &p->items[(first + n) % p->count];
        unsigned end = i->at + i->len, page_at = (end - 1) & ~0xfffu;

        if (i->at < page_at) {
            unsigned at = page_at + rng_below(&s->rng, MIN(end - page_at, 8));

            replace(s, at, p->code[at] ^ (1 + rng_below(&s->rng, 255)));
            return true;
        }
        if (i->at >= PROGRAM_FAR_CODE) {
            replace(s, i->at, /* RET */ 0xc3);
            return true;
        }
    }
    return false;
}

/* The next form of the program at hand; false: that was all. */
static bool next_form(struct session *s, unsigned form)
{
    if (s->kind == SESSION_FAULTS) {
        return fault_form(s, form);
    }
    if (form == STATES && s->kind == SESSION_PLAIN) { /* one page is not what it was */
        warm_up(s);
        s->p.demand = rng_chance(&s->rng, 30);
        s->p.rights[rng_below(&s->rng, PROGRAM_STACK_PAGE + 1)] =
            rng_chance(&s->rng, 60) ? WORLD_ABSENT : WORLD_READ;
        return true;
    }
    if (form == STATES + 1 && s->kind == SESSION_PLAIN) {
        program_usual_rights(s->p.rights);
        s->p.demand = false;
        return replaced_form(s);
    }
    if (form >= STATES) {
        return false;
    }
    if (form) {
        if (rng_chance(&s->rng, 50)) {
            random_frames(s);
        }
        move(s);
        compose_other_state(s->composer, rng_next(&s->rng), &s->p);
    }
    return true;
}

/* ---- in the child ------------------------------------------------------------------------ */

static void announce(const struct session *s, const char *what)
{
    printf("%s, again by: --seed %llu --case %llu\n", what, (long long)s->options->seed,
           (long long)s->progress->number);
    fflush(stdout);
}

/* False: not if it is run again, so a child of its own is to see to it. */
static bool report_failure(struct session *s)
{
    s->progress->fails = !judge_fails(&s->judge, &s->p);
    if (s->progress->fails) {
        return false;
    }
    announce(s, "failure");
    if (!s->options->no_shrink) {
        judge_shrink(&s->judge, &s->p);
    }
    judge_report(&s->judge, &s->p);
    return true;
}

/* False: the session ends here. */
static bool run_one(struct session *s, uint64_t number)
{
    struct guard_progress *g = s->progress;

    make_program(s, number);
    g->programs++;
    for (unsigned form = 0; next_form(s, form); form++) {
        g->number = number;
        g->form = form;
        g->steps++;
        if (judge_fails(&s->judge, &s->p)) {
            g->failures++;
            return report_failure(s) && s->options->keep_going;
        }
        g->runs += s->judge.valid;
        if (s->options->show) {
            judge_report(&s->judge, &s->p);
        }
    }
    return true;
}

static void run_all(struct session *s)
{
    const struct session_options *o = s->options;

    if (o->has_case) {
        run_one(s, o->one_case);
    } else {
        for (uint64_t n = s->next; o->count ? n < o->count : g_get_monotonic_time() < s->end; n++) {
            if (!run_one(s, n)) {
                break;
            }
        }
    }
    s->progress->interrupts += s->judge.interrupts;
}

/* The executors that are judged. */
static bool begin_judge(struct session *s, GError **error)
{
    struct judge *j = &s->judge;

    j->host = s->options->no_host ? NULL : host_new();
    if (!j->host && !s->options->no_host) {
        printf("# without the host: it is no x86-64 CPU with AVX2, or lets no programs run so\n");
    }
    j->trace.maps = s->maps;
    j->trace.e = engine_new(&engine_step, NULL, error);
    if (!j->trace.e) {
        return false;
    }
    if (s->options->no_engine) {
        return true;
    }
    j->engine = engine_new(&engine_tcg, s->options->engine, error);
    return j->engine;
}

static void end_judge(struct session *s)
{
    engine_free(s->judge.engine);
    engine_free(s->judge.trace.e);
    host_free(s->judge.host);
    memset(&s->judge, 0, sizeof(s->judge));
}

/* Runs `work` between the two. */
static void with_judge(struct session *s, void (*work)(struct session *s))
{
    GError *error = NULL;

    if (begin_judge(s, &error)) {
        work(s);
    } else {
        printf("%s\n", error->message);
        s->progress->failures++;
        g_error_free(error);
    }
    end_judge(s);
}

static void work_all(void *opaque)
{
    with_judge(opaque, run_all);
}

/* ---- in the parent ----------------------------------------------------------------------- */

static void judge_one(struct session *s)
{
    s->progress->fails = judge_fails(&s->judge, &s->p);
}

static void report_one(struct session *s)
{
    judge_fails(&s->judge, &s->p);
    judge_report(&s->judge, &s->p);
}

static void work_judge(void *opaque)
{
    with_judge(opaque, judge_one);
}

static void work_report(void *opaque)
{
    with_judge(opaque, report_one);
}

/* Whether the program fails by itself in a new process, or does not live through it. */
static bool fails_alone(void *opaque, const struct program *p)
{
    struct session *s = opaque;

    if (p != &s->p) {
        s->p = *p;
    }
    s->progress->fails = false;
    return guard_run(s->progress, PATIENCE_ONE_S, work_judge, s) || s->progress->fails;
}

/* What the child was at: made again, made smaller with a process for each attempt, and shown. */
static void report_alone(struct session *s)
{
    struct program *p = g_new(struct program, 1);
    unsigned last = s->progress->form;

    make_program(s, s->progress->number);
    for (unsigned form = 0; form <= last; form++) {
        next_form(s, form);
    }
    *p = s->p;
    if (!fails_alone(s, p)) {
        printf("  not alone: what ran before is needed, see --first\n");
    } else if (!s->options->no_shrink) {
        judge_shrink_by(p, fails_alone, s);
    }
    s->p = *p;
    if (guard_run(s->progress, PATIENCE_ONE_S, work_report, s)) {
        program_print(p);
    }
    g_free(p);
}

static void run_in_children(struct session *s)
{
    const struct session_options *o = s->options;
    bool more;

    do {
        const char *what;

        s->progress->fails = false;
        what = guard_run(s->progress, PATIENCE_S, work_all, s);
        s->progress->failures += what != NULL;
        more = what || s->progress->fails;
        if (more) {
            announce(s, what ? what : "failure");
            report_alone(s);
            s->next = s->progress->number + 1;
        }
    } while (more && o->keep_going && !o->has_case);
}

static void find_rows(struct session *s)
{
    s->rows = g_array_new(FALSE, FALSE, sizeof(int));
    for (unsigned row = 0; row < x86_row_count; row++) {
        if (compose_row_has_memory(s->composer, row)) {
            g_array_append_val(s->rows, row);
        }
    }
}

static void print_totals(const struct session *s)
{
    const struct guard_progress *g = s->progress;

    printf("%llu programs, %llu runs, %llu interrupts, %llu failures (seed %llu)\n",
           (long long)g->programs, (long long)g->runs, (long long)g->interrupts,
           (long long)g->failures, (long long)s->options->seed);
}

uint64_t session_run(const struct session_options *o)
{
    struct session *s = g_new0(struct session, 1);
    GError *error = NULL;
    uint64_t failures;

    s->options = o;
    s->next = o->first;
    s->end = g_get_monotonic_time() + (int64_t)o->ms * G_TIME_SPAN_MILLISECOND;
    s->progress = guard_progress_new();
    g_assert_nonnull(s->progress);
    s->composing = engine_new(&engine_step, NULL, &error);
    g_assert_no_error(error);
    s->maps = host_maps_new();
    s->composer = composer_new(s->composing, s->maps);
    find_rows(s);
    if (o->no_fork || !guard_possible()) {
        work_all(s);
    } else {
        run_in_children(s);
    }
    print_totals(s);
    failures = s->progress->failures;
    g_array_free(s->rows, TRUE);
    composer_free(s->composer);
    host_maps_free(s->maps);
    engine_free(s->composing);
    guard_progress_free(s->progress);
    g_free(s);
    return failures;
}
