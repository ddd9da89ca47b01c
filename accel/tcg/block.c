/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cache of decoded blocks: finding, building, and dropping them when their code is written.
 */
#include "accel/tcg/jit.h"
#include "target/i386/step.h"
#include "util/log.h"
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>

/* Enough for a booting kernel to be decoded twice or thrice; idle pages are never touched. */
#define ARENA_BYTES (8 * MiB)

void tcg_blocks_init(struct tcg_cpu *tc)
{
    tc->pages = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    tc->stale = g_array_new(FALSE, FALSE, sizeof(const uint8_t *));
    g_mutex_init(&tc->lock);
    tc->arena_size = ARENA_BYTES;
    tc->arena = mmap(NULL, tc->arena_size, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (tc->arena == MAP_FAILED) {
        tc->arena = NULL;
        tc->arena_size = 0;
    }
}

void tcg_blocks_fini(struct tcg_cpu *tc)
{
    if (tc->arena) {
        munmap(tc->arena, tc->arena_size);
    }
    g_hash_table_destroy(tc->pages);
    g_array_free(tc->stale, TRUE);
    g_mutex_clear(&tc->lock);
}

static unsigned hash_of(const uint8_t *host, uint32_t mode)
{
    uint64_t h = ((uintptr_t)host ^ (uint64_t)mode << 40) * 0x9e3779b97f4a7c15ULL;

    return h >> (64 - HASH_BITS);
}

static const uint8_t *page_of(const uint8_t *host)
{
    return (const uint8_t *)((uintptr_t)host & PAGE_MASK);
}

void tcg_blocks_flush(struct tcg_cpu *tc)
{
    memset(tc->hash, 0, sizeof(tc->hash));
    memset(tc->jumps, 0, sizeof(tc->jumps));
    g_hash_table_remove_all(tc->pages);
    tc->arena_used = 0;
    tc->link_from = NULL;
    tc->cpu->tlb->flushes++;
    tc->flushes++;
}

/* The instruction at hand is in a dead block: what follows it there is not to run. The last one may
 * have gone elsewhere, and what comes after it looks for a block anyway. */
static void stop_running_block(struct tcg_cpu *tc, const struct tcg_block *dead)
{
    const struct x86_insn *i = tc->cpu->insn;

    if (i >= dead->insn && i + 1 < dead->insn + dead->count) {
        struct x86_insn *after = (struct x86_insn *)(uintptr_t)(i + 1);

        after->run = tcg_run_stop;
    }
}

static void drop_page(struct tcg_cpu *tc, const uint8_t *host)
{
    struct code_page *p = g_hash_table_lookup(tc->pages, host);

    if (!p) {
        return;
    }
    for (struct tcg_block *b = p->blocks; b; b = b->next_page) {
        struct tcg_block **at = &tc->hash[hash_of(b->host, b->mode)];

        while (*at && *at != b) {
            at = &(*at)->next_hash;
        }
        if (*at) {
            *at = b->next_hash;
        }
        b->dead = true;
        b->link[0] = b->link[1] = NULL;
        stop_running_block(tc, b);
    }
    tc->link_from = NULL;
    tc->cpu->tlb->flushes++; /* jump cache */
    tc->invalidations++;
    g_hash_table_remove(tc->pages, host);
}

void tcg_blocks_drop_stale(struct tcg_cpu *tc)
{
    g_mutex_lock(&tc->lock);
    if (tc->stale_all) {
        tc->stale_all = false;
        g_array_set_size(tc->stale, 0);
        g_mutex_unlock(&tc->lock);
        tcg_blocks_flush(tc);
        return;
    }
    for (guint n = 0; n < tc->stale->len; n++) {
        drop_page(tc, g_array_index(tc->stale, const uint8_t *, n));
    }
    g_array_set_size(tc->stale, 0);
    g_mutex_unlock(&tc->lock);
}

/* Bits of the 64-byte lines that [from, to) of a page touches. */
static uint64_t line_bits(unsigned from, unsigned to)
{
    unsigned first = from / 64, last = (to - 1) / 64;

    return (~0ULL << first) & (~0ULL >> (63 - last));
}

/* Tells every vCPU that the code of a page is stale; this thread's own vCPU at once. */
static void page_stale_locked(struct tcg *t, const uint8_t *host)
{
    const GThread *self = g_thread_self();

    for (guint n = 0; n < t->cpus->len; n++) {
        struct tcg_cpu *tc = g_ptr_array_index(t->cpus, n);

        if (__atomic_load_n(&tc->thread, __ATOMIC_ACQUIRE) == self) {
            drop_page(tc, host);
            continue;
        }
        g_mutex_lock(&tc->lock);
        if (tc->stale->len > 256) {
            tc->stale_all = true;
        } else {
            g_array_append_val(tc->stale, host);
        }
        g_mutex_unlock(&tc->lock);
        x86_cpu_request(tc->cpu, X86_REQ_CODE);
    }
}

void tcg_note_lines_locked(struct tcg *t, struct ram_block *block, uint64_t page)
{
    const uint8_t *host = block->host + page;
    const uint64_t *decoded = g_hash_table_lookup(t->code_lines, host);
    uint64_t lines = (decoded ? *decoded : 0) | (t->jit ? jit_lines_locked(t->jit, host) : 0);

    __atomic_store_n(&block->code_lines[page >> PAGE_BITS], lines, __ATOMIC_RELAXED);
}

/* Translated code has died: whoever is in it looks again where to go on. */
static void attention_others(struct tcg *t)
{
    const GThread *self = g_thread_self();

    for (guint n = 0; n < t->cpus->len; n++) {
        struct tcg_cpu *tc = g_ptr_array_index(t->cpus, n);

        if (__atomic_load_n(&tc->thread, __ATOMIC_ACQUIRE) != self) {
            x86_attention(tc->cpu);
        }
    }
}

/* Lines with code were written to. */
static void code_hit_locked(struct tcg *t, struct ram_block *block, uint64_t page, unsigned offset,
                            unsigned len)
{
    const uint8_t *host = block->host + page;
    const uint64_t *decoded = g_hash_table_lookup(t->code_lines, host);

    if (decoded && (*decoded & line_bits(offset, offset + len))) {
        g_hash_table_remove(t->code_lines, host);
        page_stale_locked(t, host);
    }
    if (t->jit && jit_written_locked(t->jit, host, offset, len)) {
        attention_others(t);
    }
    tcg_note_lines_locked(t, block, page);
}

void tcg_code_written(void *opaque, struct ram_block *block, uint64_t offset, uint64_t len)
{
    struct tcg *t = opaque;
    uint64_t end = offset + len;

    g_mutex_lock(&t->code_lock);
    while (offset < end) {
        uint64_t page = offset & PAGE_MASK, stop = MIN(end, page + PAGE_SIZE);
        uint64_t hit = line_bits((unsigned)(offset - page), (unsigned)(stop - page));

        if (block->code_lines[page >> PAGE_BITS] & hit) {
            code_hit_locked(t, block, page, (unsigned)(offset - page), (unsigned)(stop - offset));
        } else if (t->jit && t->cpus->len > 1 &&
                   jit_written_beside_locked(t->jit, block->host + page)) {
            attention_others(t);
            tcg_note_lines_locked(t, block, page);
        }
        if (!block->code_lines[page >> PAGE_BITS]) {
            ram_block_set_dirty(block, DIRTY_CODE, page, PAGE_SIZE);
        }
        offset = stop;
    }
    g_mutex_unlock(&t->code_lock);
}

static void watch_block(struct tcg *t, struct ram_block *block)
{
    if (block->code_written != tcg_code_written) {
        block->code_opaque = t;
        block->code_written = tcg_code_written;
        ram_block_watch(block, DIRTY_CODE);
    }
}

/* Notes that @len bytes of code at @page were decoded. */
static void note_code(struct tcg_cpu *tc, const struct phys_page *p, unsigned offset, unsigned len)
{
    struct tcg *t = tc->tcg;
    uint64_t *lines;

    g_mutex_lock(&t->code_lock);
    watch_block(t, p->block);
    lines = g_hash_table_lookup(t->code_lines, p->host);
    if (!lines) {
        lines = g_new0(uint64_t, 1);
        g_hash_table_insert(t->code_lines, p->host, lines);
    }
    *lines |= line_bits(offset, offset + len);
    tcg_note_lines_locked(t, p->block, p->offset);
    g_mutex_unlock(&t->code_lock);
    tcg_watch_code(tc, p);
}

void tcg_watch_code(struct tcg_cpu *tc, const struct phys_page *p)
{
    struct tcg *t = tc->tcg;
    bool alone, protect;

    g_mutex_lock(&t->code_lock);
    watch_block(t, p->block);
    alone = t->cpus->len == 1;
    protect = ram_page_dirty(p->block, DIRTY_CODE, p->offset);
    if (protect) {
        ram_block_test_clear(p->block, DIRTY_CODE, p->offset, PAGE_SIZE);
    }
    g_mutex_unlock(&t->code_lock);
    if (!protect) {
        return;
    }
    x86_tlb_protect_page(tc->cpu, p->host);
    if (!alone) {
        tcg_exclusive(tc->cpu, /* enter= */ true);
        g_mutex_lock(&t->code_lock);
        for (guint n = 0; n < t->cpus->len; n++) {
            struct tcg_cpu *other = g_ptr_array_index(t->cpus, n);

            if (other != tc) {
                x86_tlb_protect_page(other->cpu, p->host);
            }
        }
        g_mutex_unlock(&t->code_lock);
        tcg_exclusive(tc->cpu, /* enter= */ false);
    }
}

/* Room for the largest block, or a flush first. */
static struct tcg_block *arena_room(struct tcg_cpu *tc)
{
    size_t need = sizeof(struct tcg_block) + (BLOCK_MAX + 1) * sizeof(struct x86_insn);

    if (tc->arena_used + need > tc->arena_size) {
        tcg_blocks_flush(tc);
        if (need > tc->arena_size) {
            return NULL;
        }
    }
    return (struct tcg_block *)(void *)(tc->arena + tc->arena_used);
}

static void append_text(void *opaque, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    g_string_append_vprintf(opaque, fmt, args);
    va_end(args);
}

static void log_block(const struct tcg_cpu *tc, const struct tcg_block *b)
{
    const struct x86_cpu *cpu = tc->cpu;
    unsigned bits = b->mode & MODE_CODE64 ? 64 : b->mode & MODE_CODE32 ? 32 : 16;
    g_autoptr(GString) text = g_string_new(NULL);

    x86_disassemble(b->host, b->bytes, cpu->seg_base[X86_CS] + cpu->rip, bits, append_text, text);
    log_printf(LOG_IN_ASM, "CPU %u: block of %u at %04x:%016" PRIx64 "\n%s", cpu->index, b->count,
               cpu->seg[X86_CS].sel, cpu->rip, text->str);
}

static bool ends_block(const struct x86_insn *i)
{
    return insn_row(i)->needs & ENDS;
}

static struct tcg_block *build(struct tcg_cpu *tc, const struct phys_page *p, unsigned offset)
{
    struct x86_cpu *cpu = tc->cpu;
    struct tcg_block *b = arena_room(tc);
    unsigned at = offset, limit = PAGE_SIZE, n = 0, most = tc->tcg->one_insn ? 1 : BLOCK_MAX;
    bool branches = false, after_sti = false; /* one more after STI: its shadow ends in here */

    if (!b) {
        return NULL;
    }
    *b = (struct tcg_block){.host = p->host + offset, .mode = cpu->mode & BLOCK_MODE};
    while (n < most && at < limit && !branches) {
        struct x86_insn *i = &b->insn[n];
        bool was_after_sti = after_sti;

        if (x86_decode(cpu->decoder, cpu->mode, p->host + at, limit - at, i) != DECODE_OK) {
            break;
        }
        at += i->len;
        i->end = at - offset;
        tcg_choose_handler(b, i);
        n++;
        branches = ends_block(i);
        after_sti = insn_row(i)->op == OP_STI;
        if (was_after_sti) {
            break;
        }
    }
    if (!n) {
        return NULL;
    }
    b->count = n;
    b->bytes = at - offset;
    b->insn[n] = (struct x86_insn){.end = b->bytes, .imm = (uintptr_t)b};
    tcg_end_block(&b->insn[n], b, branches, at < limit);
    tc->arena_used += sizeof(*b) + (n + 1) * sizeof(b->insn[0]);
    tc->arena_used = align_up(tc->arena_used, 64);
    tc->blocks_made++;
    return b;
}

static void insert(struct tcg_cpu *tc, struct tcg_block *b)
{
    unsigned h = hash_of(b->host, b->mode);
    const uint8_t *host = page_of(b->host);
    struct code_page *page = g_hash_table_lookup(tc->pages, host);

    if (!page) {
        page = g_new0(struct code_page, 1);
        page->host = host;
        g_hash_table_insert(tc->pages, (gpointer)(uintptr_t)host, page);
    }
    b->next_page = page->blocks;
    page->blocks = b;
    b->next_hash = tc->hash[h];
    tc->hash[h] = b;
}

static struct tcg_block *lookup(struct tcg_cpu *tc, const uint8_t *host, uint32_t mode)
{
    struct tcg_block *b = tc->hash[hash_of(host, mode)];

    while (b && (b->host != host || b->mode != mode)) {
        b = b->next_hash;
    }
    return b;
}

/* Host address of the code at @la; NULL when it is not RAM. May raise the page fault. */
static const uint8_t *code_host(struct x86_cpu *cpu, uint64_t la, struct phys_page *ret_page)
{
    const struct x86_itlb *i = cpu->itlb_now;
    unsigned slot = itlb_slot(la);
    const struct phys_page *p;
    struct x86_walk wk;

    if (!ret_page && tlb_hit(la, i->xneg[slot], 1)) {
        return (const uint8_t *)(la + i->addend[slot]);
    }
    x86_translate(cpu, la, ACCESS_FETCH, x86_tlb_set(cpu), &wk);
    p = x86_phys_page(cpu, wk.gpa);
    if (ret_page) {
        *ret_page = *p;
    }
    return p->host ? p->host + (wk.gpa & ~PAGE_MASK) : NULL;
}

const uint8_t *tcg_code_host(struct x86_cpu *cpu, uint64_t la)
{
    return code_host(cpu, la, NULL);
}

bool tcg_code_page(struct x86_cpu *cpu, uint64_t la, struct phys_page *ret)
{
    return code_host(cpu, la, ret);
}

/* Makes the block for the code at @la. */
static struct tcg_block *make(struct tcg_cpu *tc, uint64_t la)
{
    struct phys_page p;
    struct tcg_block *b;
    const uint8_t *host = code_host(tc->cpu, la, &p);

    if (!host) {
        return NULL;
    }
    /* watched before it is read: a write from now on is noticed */
    note_code(tc, &p, la & ~PAGE_MASK, 1);
    b = build(tc, &p, la & ~PAGE_MASK);
    if (!b) {
        return NULL;
    }
    note_code(tc, &p, la & ~PAGE_MASK, b->bytes);
    insert(tc, b);
    if (log_on(LOG_IN_ASM)) {
        log_block(tc, b);
    }
    return b;
}

struct tcg_block *tcg_block_find(struct tcg_cpu *tc)
{
    struct x86_cpu *cpu = tc->cpu;
    struct tcg_block *b, *from = tc->link_from;
    bool cached = cpu->mode & (MODE_CODE64 | MODE_FLAT);
    const uint8_t *host;
    uint64_t la;

    tc->link_from = NULL;
    tc->crossing = NULL;
    cpu->start_rip = cpu->rip;
    if (!(cpu->mode & MODE_CODE64)) {
        cpu->rip = cpu->start_rip = (uint32_t)cpu->rip;
    }
    la = (cpu->rip + cpu->seg_base[X86_CS]) & cpu->ea_mask;
    if ((cpu->mode & MODE_CODE64) && (int64_t)(la << 7) >> 7 != (int64_t)la) {
        return NULL; /* not canonical: the slow path raises */
    }
    host = code_host(cpu, la, NULL);
    if (!host) {
        return NULL;
    }
    b = lookup(tc, host, cpu->mode & BLOCK_MODE);
    if (!b && (la & ~PAGE_MASK) > PAGE_SIZE - 15) {
        tc->crossing = tcg_crossing_find(tc, la);
        if (tc->crossing) {
            return NULL;
        }
    }
    if (!b) {
        uint64_t flushes = tc->flushes;

        b = make(tc, la);
        if (!b) {
            return NULL;
        }
        from = tc->flushes == flushes ? from : NULL;
    }
    if (!cached) {
        return cpu->rip + b->bytes - 1 <= cpu->seg[X86_CS].limit ? b : NULL;
    }
    if (tc->tcg->icount) {
        return b; /* no block leads to another one */
    }
    if (from && !from->dead && tc->link_rip == cpu->rip &&
        page_of(from->host) == page_of(b->host) && from->mode == b->mode) {
        from->link[tc->link_slot] = b;
    }
    *tcg_jump_entry(tc, cpu->rip) = (struct jump_entry){
        .rip = cpu->rip, .mode = cpu->mode, .flushes = (uint32_t)cpu->tlb->flushes, .block = b};
    return b;
}
