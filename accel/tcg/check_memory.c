/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory of a checked block: which pages it writes, and copies of them for the second run.
 *
 * The copies replace the guest's pages in the soft TLB, both in the entries that are there and in
 * those that are filled meanwhile (x86_watch.page).
 */
#include "accel/tcg/check.h"
#include "target/i386/exec.h"
#include <immintrin.h>
#include <string.h>
#include <sys/mman.h>

#define ARENA  (CHECK_PAGES * PAGE_SIZE)
#define ARENAS (5 * ARENA) /* one is lost to alignment */

bool check_memory_init(struct check *c)
{
    c->memory = mmap(NULL, ARENAS, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (c->memory == MAP_FAILED) {
        c->memory = NULL;
        return false;
    }
    c->copy = (uint8_t *)(((uintptr_t)c->memory + ARENA - 1) / ARENA * ARENA);
    c->before = c->copy + ARENA;
    c->after = c->before + ARENA;
    c->translated = c->after + ARENA;
    c->spans = g_array_new(FALSE, FALSE, sizeof(struct check_span));
    return true;
}

void check_memory_fini(struct check *c)
{
    if (c->memory) {
        munmap(c->memory, ARENAS);
        g_array_free(c->spans, TRUE);
    }
}

static bool is_copy(const struct check *c, uint64_t host)
{
    return host - (uintptr_t)c->copy < ARENA;
}

/* The number of the page at @host, or page_count. */
static unsigned find_page(const struct check *c, const uint8_t *host)
{
    unsigned n = 0;

    while (n < c->page_count && c->pages[n].host != host) {
        n++;
    }
    return n;
}

/* In the first run. */
static void note_write(struct check *c, uint64_t la, const struct phys_page *p, unsigned len)
{
    unsigned n = find_page(c, p->host);
    struct check_span s = {.page = n, .offset = (unsigned)(la & ~PAGE_MASK), .len = len};

    if (n == CHECK_PAGES) {
        c->alone = true;
        return;
    }
    if (n == c->page_count) {
        c->page_count++;
        c->pages[n] = (struct check_page){.host = p->host, .gpa = p->gpa};
        memcpy(c->before + n * PAGE_SIZE, p->host, PAGE_SIZE);
        memcpy(c->after + n * PAGE_SIZE, p->host, PAGE_SIZE);
    }
    c->pages[n].la = la & PAGE_MASK;
    c->pages[n].slow = !ram_page_all_dirty(p->block, p->offset);
    g_array_append_val(c->spans, s);
}

static void __attribute__((noreturn)) stray(struct x86_cpu *cpu, uint64_t la)
{
    struct check *c = tcg_of(cpu)->check;

    c->stray = true;
    c->stray_la = la;
    x86_restart(cpu);
}

static void watch_write(struct x86_cpu *cpu, uint64_t la, const struct phys_page *p, unsigned len)
{
    struct check *c = tcg_of(cpu)->check;

    switch (c->phase) {
    case CHECK_FIRST:
        note_write(c, la, p, len);
        break;
    case CHECK_TRANSLATED:
    case CHECK_AGAIN:
        if (!is_copy(c, (uintptr_t)p->host)) {
            stray(cpu, la);
        }
        break;
    case CHECK_IDLE:
        break;
    }
}

static void watch_device(struct x86_cpu *cpu)
{
    struct check *c = tcg_of(cpu)->check;

    if (c->phase == CHECK_FIRST) {
        c->alone = true;
    } else if (c->phase != CHECK_IDLE) {
        stray(cpu, 0);
    }
}

static uint8_t *watch_page(struct x86_cpu *cpu, uint8_t *host)
{
    struct check *c = tcg_of(cpu)->check;
    unsigned n;

    if (c->phase != CHECK_TRANSLATED && c->phase != CHECK_AGAIN) {
        return host;
    }
    n = find_page(c, host);
    return n < c->page_count ? c->copy + n * PAGE_SIZE : host;
}

const struct x86_watch check_watch = {
    .write = watch_write,
    .device = watch_device,
    .page = watch_page,
};

void check_memory_commit(struct check *c)
{
    for (guint n = 0; n < c->spans->len; n++) {
        const struct check_span *s = &g_array_index(c->spans, struct check_span, n);

        memcpy(c->after + s->page * PAGE_SIZE + s->offset, c->pages[s->page].host + s->offset,
               s->len);
    }
    g_array_set_size(c->spans, 0);
}

static void forget_pages(struct x86_cpu *cpu)
{
    const struct check *c = tcg_of(cpu)->check;

    for (unsigned n = 0; n < c->page_count; n++) {
        x86_tlb_forget_phys(cpu, c->pages[n].gpa);
    }
}

static void map_slot(struct x86_dtlb *d, unsigned slot, const uint8_t *to)
{
    d->addend[slot] += (uintptr_t)to - d->hpage[slot];
    d->hpage[slot] = (uintptr_t)to;
    d->wneg[slot] = tlb_never(slot);
}

#define GROUP 16 /* slots that are looked at together */

/* Whether one of the addresses at @at has the same bits in @mask as @host. */
__attribute__((target("avx2"))) static bool group_has(const uint64_t *at, uint64_t mask,
                                                      uint64_t host)
{
    __m256i any = _mm256_setzero_si256(), want = _mm256_set1_epi64x((int64_t)host);
    __m256i bits = _mm256_set1_epi64x((int64_t)mask);

    for (unsigned n = 0; n < GROUP; n += 4) {
        __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)(at + n));

        any = _mm256_or_si256(any, _mm256_cmpeq_epi64(_mm256_and_si256(v, bits), want));
    }
    return !_mm256_testz_si256(any, any);
}

/* Maps each slot whose page has the same bits in @mask as @host to where @where says. */
static void move_slots(struct check *c, struct x86_dtlb *d, uint64_t mask, uint64_t host,
                       const uint8_t *(*where)(const struct check *c, uint64_t hpage))
{
    for (unsigned g = 0; g < TLB_SLOTS; g += GROUP) {
        if (!group_has(&d->hpage[g], mask, host)) {
            continue;
        }
        for (unsigned slot = g; slot < g + GROUP; slot++) {
            if ((d->hpage[slot] & mask) == host) {
                map_slot(d, slot, where(c, d->hpage[slot]));
            }
        }
    }
}

static const uint8_t *to_copy(const struct check *c, uint64_t hpage)
{
    return c->copy + find_page(c, (const uint8_t *)(uintptr_t)hpage) * PAGE_SIZE;
}

static const uint8_t *from_copy(const struct check *c, uint64_t hpage)
{
    return c->pages[(hpage - (uintptr_t)c->copy) / PAGE_SIZE].host;
}

void check_memory_begin_copies(struct x86_cpu *cpu, bool fast_writes)
{
    struct check *c = tcg_of(cpu)->check;
    struct x86_dtlb *d = cpu->tlb_now;

    forget_pages(cpu);
    for (unsigned n = 0; n < c->page_count; n++) {
        const struct check_page *p = &c->pages[n];
        uint8_t *copy = c->copy + n * PAGE_SIZE;
        unsigned slot = tlb_slot(p->la);

        memcpy(copy, c->before + n * PAGE_SIZE, PAGE_SIZE);
        move_slots(c, d, ~0ULL, (uintptr_t)p->host, to_copy);
        if (fast_writes && !p->slow && d->hpage[slot] == (uintptr_t)copy &&
            d->rneg[slot] == -p->la) {
            d->wneg[slot] = -p->la;
        }
    }
}

void check_memory_end_copies(struct x86_cpu *cpu)
{
    struct check *c = tcg_of(cpu)->check;

    if (c->page_count) {
        move_slots(c, cpu->tlb_now, ~(uint64_t)(ARENA - 1), (uintptr_t)c->copy, from_copy);
    }
    forget_pages(cpu);
}
