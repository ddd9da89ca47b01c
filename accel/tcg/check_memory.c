/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory of a checked block: which pages it writes, and copies of them for the second run.
 *
 * The copies replace the guest's pages in the soft TLB, both in the entries that are there and in
 * those that are filled meanwhile (x86_watch.page).
 */
#include "accel/tcg/check.h"
#include "target/i386/exec.h"
#include <string.h>
#include <sys/mman.h>

#define MEMORY (5 * CHECK_ARENA) /* one is lost to alignment */

bool check_memory_init(struct check *c)
{
    c->memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (c->memory == MAP_FAILED) {
        c->memory = NULL;
        return false;
    }
    c->copy = (uint8_t *)(((uintptr_t)c->memory + CHECK_ARENA - 1) / CHECK_ARENA * CHECK_ARENA);
    c->before = c->copy + CHECK_ARENA;
    c->after = c->before + CHECK_ARENA;
    c->translated = c->after + CHECK_ARENA;
    c->spans = g_array_new(FALSE, FALSE, sizeof(struct check_span));
    c->moved = g_array_new(FALSE, FALSE, sizeof(unsigned));
    return true;
}

void check_memory_fini(struct check *c)
{
    if (c->memory) {
        munmap(c->memory, MEMORY);
        g_array_free(c->spans, TRUE);
        g_array_free(c->moved, TRUE);
    }
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
    c->pages[n].slow |= !ram_page_all_dirty(p->block, p->offset);
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
        if (!check_is_copy(c, (uintptr_t)p->host)) {
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
    .filled = check_slots_filled,
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

/* The entries that range registers were made of get another meaning. */
static void forget_ranges(struct x86_cpu *cpu)
{
    if (tcg_of(cpu)->check->page_count) {
        x86_tlb_clear_ranges(cpu);
    }
}

static unsigned set_now(const struct x86_cpu *cpu)
{
    return cpu->mode >> MODE_SET_SHIFT & 3;
}

void check_memory_begin_copies(struct x86_cpu *cpu, bool fast_writes)
{
    struct check *c = tcg_of(cpu)->check;
    struct x86_dtlb *d = cpu->tlb_now;

    forget_pages(cpu);
    forget_ranges(cpu);
    for (unsigned n = 0; n < c->page_count; n++) {
        const struct check_page *p = &c->pages[n];
        uint8_t *copy = c->copy + n * PAGE_SIZE;
        unsigned slot = tlb_slot(p->la);

        memcpy(copy, c->before + n * PAGE_SIZE, PAGE_SIZE);
        check_slots_map(c, d, set_now(cpu), p->host, copy);
        if (fast_writes && !p->slow && d->hpage[slot] == (uintptr_t)copy &&
            d->rneg[slot] == -p->la) {
            d->wneg[slot] = -p->la;
        }
    }
}

void check_memory_end_copies(struct x86_cpu *cpu)
{
    struct check *c = tcg_of(cpu)->check;

    check_slots_unmap(c, cpu->tlb_now, set_now(cpu));
    forget_ranges(cpu);
    forget_pages(cpu);
}
