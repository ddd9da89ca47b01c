/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The code cache: memory, the table of blocks, links between them, and their end when the guest
 * writes to its code.
 *
 * Look-ups take no lock: blocks are put into the table complete, and memory comes back only by a
 * flush. All changes are made under tcg->code_lock.
 */
#include "accel/tcg/jit_translate.h"
#include "util/log.h"
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <xmmintrin.h>

#define NEIGHBOURS 64 /* pages, to each side */

/* Host code per block, exit and site, to size their tables; less than is ever seen on average. */
#define BYTES_PER_BLOCK 256
#define BYTES_PER_EXIT  96
#define BYTES_PER_SITE  64

/* So much of the code's memory is asked for at once: page faults one by one take as long as the
 * translation does. */
#define READY_BYTES (512 * KiB)

/* After so many writes to a page beside its code, none of them to its code, its blocks get guards
 * (with several CPUs); the first time, and at most. More than a compiler makes to fill a page. */
#define BESIDE_FIRST 4096
#define BESIDE_MOST  (1u << 20)

static void *reserve(size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                   -1, 0);

    return p == MAP_FAILED ? NULL : p;
}

static bool map_code(struct jit *j)
{
    uint8_t *x;

    j->fd = memfd_create("vitro-code", MFD_CLOEXEC);
    if (j->fd < 0 || ftruncate(j->fd, (off_t)j->size) < 0) {
        return false;
    }
    j->w = mmap(NULL, j->size, PROT_READ | PROT_WRITE, MAP_SHARED, j->fd, 0);
    if (j->w == MAP_FAILED) {
        j->w = NULL;
        return false;
    }
    x = mmap(NULL, j->size, PROT_READ | PROT_EXEC, MAP_SHARED, j->fd, 0);
    if (x == MAP_FAILED) {
        return false;
    }
    j->to_x = x - j->w;
    return true;
}

static void free_page(gpointer data)
{
    struct jit_page *p = data;

    for (struct jit_block *b = p->super; b; b = b->next_page) {
        g_free(b->spans);
    }
    g_array_free(p->names, TRUE);
    g_free(p);
}

struct jit *jit_new(struct tcg *t, size_t bytes, GError **error)
{
    struct jit *j = g_new0(struct jit, 1);

    j->tcg = t;
    j->size = bytes;
    j->fd = -1;
    j->max_blocks = (unsigned)(bytes / BYTES_PER_BLOCK);
    j->hash_bits = MAX(g_bit_storage(j->max_blocks / 2), 10); /* chains: one or two */
    j->max_exits = (unsigned)(bytes / BYTES_PER_EXIT);
    j->max_sites = (unsigned)(bytes / BYTES_PER_SITE);
    j->tr = g_malloc0(sizeof(struct jit_tr));
    j->pages = g_hash_table_new_full(NULL, NULL, NULL, free_page);
    j->blocks = reserve(j->max_blocks * sizeof(struct jit_block));
    j->exits = reserve(j->max_exits * sizeof(struct jit_exit));
    j->sites = reserve(j->max_sites * sizeof(struct jit_site));
    j->past = jit_past_new();
    j->hash = reserve((sizeof(struct jit_block *)) << j->hash_bits);
    if (!j->blocks || !j->exits || !j->sites || !j->hash || !map_code(j)) {
        fail_errno(error, "cannot get memory for %zu MiB of translated code", bytes >> 20);
        jit_free(j);
        return NULL;
    }
    jit_host_features(j->host);
    jit_emit_thunks(j);
    return j;
}

static void release(void *p, size_t bytes)
{
    if (p) {
        munmap(p, bytes);
    }
}

void jit_free(struct jit *j)
{
    if (!j) {
        return;
    }
    g_hash_table_destroy(j->pages);
    release(j->blocks, j->max_blocks * sizeof(struct jit_block));
    release(j->exits, j->max_exits * sizeof(struct jit_exit));
    release(j->sites, j->max_sites * sizeof(struct jit_site));
    release(j->hash, (sizeof(struct jit_block *)) << j->hash_bits);
    if (j->to_x) {
        munmap(j->w + j->to_x, j->size);
    }
    release(j->w, j->size);
    if (j->fd >= 0) {
        close(j->fd);
    }
    g_free(j->tr);
    g_free(j->past);
    g_free(j);
}

static void empty_jumps(struct jit_jumps *t)
{
    for (uint64_t slot = 0; slot < JIT_JUMP_SLOTS; slot++) {
        t->neg[slot] = -(slot ^ 1); /* a target that looks elsewhere */
    }
}

void jit_cpu_init(const struct jit *j, struct x86_cpu *cpu)
{
    struct jit_cpu *jc = jit_cpu_of(cpu);

    G_STATIC_ASSERT(sizeof(struct jit_cpu) <= X86_ENGINE_BYTES);
    jc->self = (uintptr_t)cpu;
    jc->vec_off = jc->fpu_off = 1;
    jc->host_mxcsr = _mm_getcsr();
    jc->slot_mask = (uint64_t)(TLB_SLOTS - 1) << PAGE_BITS;
    jc->page_mask = PAGE_MASK;
    jc->align_mask[0] = PAGE_MASK | 15;
    jc->align_mask[1] = PAGE_MASK | 31;
    jc->df_mask = FLAG_DF;
    jc->no_df = (uint32_t)~FLAG_DF;
    jc->no_if = (uint32_t)~FLAG_IF;
    jc->no_ac = (uint32_t)~FLAG_AC;
    jc->tsd_mask = CR4_TSD;
    jc->smap_mask = CR4_SMAP;
    jc->bit_mask = 63;
    jc->sign_mask = 1ULL << 63;
    jc->low_mask[0] = 15;
    jc->low_mask[1] = 31;
    for (unsigned set = 0; set < TLB_SETS; set++) {
        empty_jumps(&jc->jumps[set]);
        jc->jumps[set].code[0] = (uintptr_t)(j->thunk.jumped + j->to_x);
    }
}

void jit_jumps_flush(struct x86_cpu *cpu)
{
    struct jit_cpu *jc = jit_cpu_of(cpu);

    for (unsigned set = 0; set < TLB_SETS; set++) {
        empty_jumps(&jc->jumps[set]);
    }
}

static bool supervisor(unsigned set)
{
    return set == TLB_SUPER || set == TLB_SMAP;
}

/* STAC and CLAC go from one of the supervisor's sets to the other without asking here. */
void jit_jumps_mode(struct x86_cpu *cpu, uint32_t mode)
{
    struct jit_cpu *jc = jit_cpu_of(cpu);
    unsigned now = mode >> MODE_SET_SHIFT & 3;

    if (jc->jump_mode[now] == mode) {
        return;
    }
    for (unsigned set = 0; set < TLB_SETS; set++) {
        if (set == now || (supervisor(set) && supervisor(now))) {
            jc->jump_mode[set] = (mode & ~(uint32_t)MODE_SET) | set << MODE_SET_SHIFT;
            empty_jumps(&jc->jumps[set]);
        }
    }
}

void jit_note_jump(struct jit *j, struct x86_cpu *cpu, const struct jit_block *b)
{
    struct jit_cpu *jc = jit_cpu_of(cpu);
    unsigned set = b->mode >> MODE_SET_SHIFT & 3;
    unsigned slot = jit_jump_slot(cpu->rip);

    if (slot) {
        jc->jumps[set].neg[slot] = -cpu->rip;
        jc->jumps[set].code[slot] = (uintptr_t)(b->jump + j->to_x);
    }
}

void jit_names_flush(struct x86_cpu *cpu)
{
    for (unsigned set = 0; set < TLB_SETS; set++) {
        for (unsigned slot = 0; slot < ITLB_SLOTS; slot++) {
            x86_itlb_forget_names(&cpu->tlb->i[set], slot);
        }
    }
}

/* The table of blocks. */

static struct jit_block **bucket(const struct jit *j, const uint8_t *host, uint32_t mode,
                                 const struct jit_recipe *r)
{
    uint64_t recipe = r->kind | r->bytes << 4 | r->a << 8 | r->b << 12 | (uint64_t)r->imm << 16;
    uint64_t h = (uintptr_t)host ^ (uint64_t)mode << 36;

    h = (h * 0x9e3779b97f4a7c15ULL ^ recipe) * 0x9e3779b97f4a7c15ULL;
    return &j->hash[h >> (64 - j->hash_bits)];
}

struct jit_block *jit_lookup(const struct jit *j, const uint8_t *host, uint64_t rip, uint32_t mode,
                             const struct jit_recipe *recipe)
{
    struct jit_block *b = __atomic_load_n(bucket(j, host, mode, recipe), __ATOMIC_ACQUIRE);

    while (b &&
           (b->host != host || b->mode != mode || (b->rip != rip && rip != JIT_ANY_RIP) ||
            memcmp(&b->recipe, recipe, sizeof(*recipe)) || (b->guard && jit_guard_differs(b)))) {
        b = __atomic_load_n(&b->next_hash, __ATOMIC_ACQUIRE);
    }
    return b;
}

static uint64_t line_bits(unsigned from, unsigned to)
{
    return (~0ULL << from / 64) & (~0ULL >> (63 - (to - 1) / 64));
}

static struct jit_page *page_of_locked(struct jit *j, const struct phys_page *p)
{
    struct jit_page *page = g_hash_table_lookup(j->pages, p->host);

    if (!page) {
        page = g_new0(struct jit_page, 1);
        page->host = p->host;
        page->most = BESIDE_FIRST;
        page->ram = p->block;
        page->offset = p->offset;
        page->home = 1;
        page->names = g_array_new(FALSE, FALSE, sizeof(struct jit_name));
        g_hash_table_insert(j->pages, p->host, page);
    }
    return page;
}

/* The name of @page under linear page @la. */
static uint32_t name_locked(struct jit *j, struct jit_page *page, uint64_t la)
{
    struct jit_name name = {.la = la & PAGE_MASK};

    for (guint n = 0; n < page->names->len; n++) {
        const struct jit_name *at = &g_array_index(page->names, struct jit_name, n);

        if (at->la == name.la) {
            return at->id;
        }
    }
    name.id = ++j->next_id;
    g_array_append_val(page->names, name);
    return name.id;
}

bool jit_has_room(const struct jit *j)
{
    return j->used + JIT_BLOCK_ROOM <= j->size && j->block_count < j->max_blocks &&
           j->next_id + 2 < JIT_NAMES && j->exit_count + JIT_STUBS <= j->max_exits &&
           j->site_count + JIT_BLOCK_INSNS <= j->max_sites;
}

/* Makes room for a block be there without page faults; where the host cannot, they come. */
static void make_ready_locked(struct jit *j)
{
    if (j->used + JIT_BLOCK_ROOM > j->ready) {
        size_t bytes = MIN(READY_BYTES, j->size - j->ready);

        madvise(j->w + j->ready, bytes, MADV_POPULATE_WRITE);
        madvise(j->w + j->to_x + j->ready, bytes, MADV_POPULATE_READ);
        j->ready += bytes;
    }
}

static void note_page_locked(struct jit *j, struct jit_block *b, struct jit_page *p,
                             unsigned offset)
{
    if (!b->guard) {
        p->lines |= line_bits(offset, MIN(offset + b->bytes, PAGE_SIZE));
        p->longest = MAX(p->longest, b->bytes);
        b->next_page = p->blocks[offset / 64];
        p->blocks[offset / 64] = b;
    }
    b->next_hash = *bucket(j, b->host, b->mode, &b->recipe);
    __atomic_store_n(bucket(j, b->host, b->mode, &b->recipe), b, __ATOMIC_RELEASE);
}

/*
 * What movable blocks in page @p, now mapped at @la, call it: as before, so that they are found;
 * else what keeps the distance to the neighbours, so that jumps between them can be linked; else
 * anything small, for RIP-relative operands to reach 2 GiB both ways.
 */
static uint64_t home_of(const struct x86_cpu *cpu, const struct jit_page *p, uint64_t la)
{
    const struct x86_itlb *i = cpu->itlb_now;

    for (uint64_t n = 1; p->home == 1 && n <= 2 * NEIGHBOURS; n++) {
        uint64_t at = la + (n & 1 ? n / 2 + 1 : -(n / 2)) * PAGE_SIZE, home;
        unsigned slot = itlb_slot(at);

        if (i->moved_at[slot] && tlb_hit(at, i->xneg[slot], 1)) {
            uint64_t word = i->moved[i->moved_at[slot] - 1];

            home = la - (((word & (JIT_NAMES - 1)) - word) >> JIT_BASE_SHIFT);
            if (word && jit_rip_fits(home)) {
                return home & PAGE_MASK;
            }
        }
    }
    return p->home == 1 ? la & PAGE_MASK & (GiB - 1) : p->home;
}

static void kill_locked(struct jit *j, struct jit_block *b);

/* Drops blocks there whose guards no longer let anyone in. */
static void drop_changed_locked(struct jit *j, const uint8_t *host, uint32_t mode,
                                const struct jit_recipe *recipe)
{
    struct jit_block *b = *bucket(j, host, mode, recipe), *next;

    for (; b; b = next) {
        next = b->next_hash;
        if (b->host == host && b->mode == mode && b->guard && jit_guard_differs(b)) {
            jit_past_died(j, b);
            kill_locked(j, b);
        }
    }
}

void jit_drop_guarded_locked(struct jit *j)
{
    for (unsigned n = 0; n < j->block_count; n++) {
        if (j->blocks[n].guard) {
            kill_locked(j, &j->blocks[n]);
        }
    }
}

struct jit_block *jit_make_locked(struct jit *j, struct x86_cpu *cpu,
                                  const struct phys_page pages[2], uint64_t la, uint64_t rip,
                                  uint32_t mode, const struct jit_recipe *recipe)
{
    unsigned offset = la & ~PAGE_MASK, in_first = PAGE_SIZE - offset;
    struct jit_block *b = &j->blocks[j->block_count];
    struct jit_page *p = page_of_locked(j, &pages[0]), *second = NULL;
    const uint8_t *code = pages[0].host + offset;
    uint8_t both[2 * X86_INSN_BYTES], copy[JIT_BLOCK_INSNS * X86_INSN_BYTES];

    make_ready_locked(j);
    if (rip == JIT_ANY_RIP) {
        rip = home_of(cpu, p, la) | offset;
    }
    if (p->home == 1 && (mode & JIT_MODE_MOVABLE)) {
        p->home = rip & PAGE_MASK;
    }
    *b = (struct jit_block){.host = code, .rip = rip, .mode = mode, .recipe = *recipe};
    /* a code segment's base need not be that of a page */
    b->name = jit_segmented(mode) ? rip + ((la - rip) & ~PAGE_MASK) : rip;
    b->page_id = name_locked(j, p, b->name);
    if ((p->patched || p->beside) && !jit_segmented(mode) && !pages[1].host) {
        b->patchable = true;
        b->beside = p->beside;
        drop_changed_locked(j, code, mode, recipe);
        memcpy(copy, code, MIN(in_first, sizeof(copy))); /* what is decoded, a guard looks for */
        code = copy;
    }
    if (pages[1].host) {
        second = page_of_locked(j, &pages[1]);
        b->second = second->host;
        b->second_id = name_locked(j, second, b->name + in_first);
        memcpy(both, code, in_first);
        memcpy(both + in_first, second->host, X86_INSN_BYTES);
        code = both;
    }
    if (!jit_translate(j, cpu, b, code, second ? in_first + X86_INSN_BYTES : in_first,
                       second ? 1 : JIT_BLOCK_INSNS)) {
        return NULL;
    }
    if (!b->wants_recipe) { /* no use was made of it */
        b->recipe = (struct jit_recipe){0};
    }
    j->block_count++;
    j->translated++;
    j->guarded += b->guard != NULL;
    if (second) {
        second->lines |= line_bits(0, b->bytes - in_first);
        b->next_second = second->reaching;
        second->reaching = b;
    }
    note_page_locked(j, b, p, offset);
    return b;
}

static uint64_t lines_of_spans(const struct jit_spans *s)
{
    uint64_t lines = 0;

    for (unsigned n = 0; n < s->count; n++) {
        lines |= line_bits(s->span[n].from, s->span[n].to);
    }
    return lines;
}

/* Kills the blocks that superblock @b is better than. */
static void replace_locked(struct jit *j, struct jit_page *p, const struct jit_block *b)
{
    unsigned line = ((uintptr_t)b->host & ~PAGE_MASK) / 64;

    for (struct jit_block *each = p->blocks[line]; each; each = each->next_page) {
        if (each->host == b->host && each->mode == b->mode && each->rip == b->rip &&
            (!b->recipe.kind || !memcmp(&each->recipe, &b->recipe, sizeof(b->recipe)))) {
            kill_locked(j, each);
        }
    }
}

bool jit_follow_path_locked(struct jit *j, struct x86_cpu *cpu, struct jit_block *at,
                            const struct jit_recipe *recipe, const struct jit_path *path)
{
    struct jit_block *b = &j->blocks[j->block_count], **head;
    struct jit_page *p = g_hash_table_lookup(j->pages, (gpointer)((uintptr_t)at->host & PAGE_MASK));

    if (at->dead || !p || p->patched || !jit_has_room(j)) {
        return false;
    }
    make_ready_locked(j);
    *b = (struct jit_block){.host = at->host,
                            .rip = at->rip,
                            .mode = at->mode,
                            .recipe = *recipe,
                            .name = at->name,
                            .page_id = at->page_id,
                            .sampled = true};
    if (!jit_translate_path(j, cpu, b, at->host, path)) {
        return false;
    }
    if (!b->wants_recipe) {
        b->recipe = (struct jit_recipe){0};
    }
    b->wants_recipe = false;
    b->spans = jit_path_spans(j->tr);
    j->block_count++;
    j->superblocks++;
    replace_locked(j, p, b);
    if (b->recipe.kind) {
        /* those that have it are not for it any more */
        __atomic_store_n(&at->wants_recipe, true, __ATOMIC_RELAXED);
    }
    p->lines |= lines_of_spans(b->spans);
    tcg_note_lines_locked(j->tcg, p->ram, p->offset);
    b->next_page = p->super;
    p->super = b;
    head = bucket(j, b->host, b->mode, &b->recipe);
    b->next_hash = *head;
    __atomic_store_n(head, b, __ATOMIC_RELEASE);
    return true;
}

/* Where a jump from @from enters @b: behind as many of its checks as it passes anyway. */
static const uint8_t *entry_from(const struct jit_block *from, const struct jit_block *b, bool near)
{
    if (from == b && b->inner) {
        return b->inner;
    }
    if (near && !b->second && !b->guard && from->vec >= b->vec && from->fpu >= b->fpu) {
        return b->loaded;
    }
    return near ? b->body : b->code;
}

void jit_link_locked(struct jit_exit *e, struct jit_block *b)
{
    bool near = !((e->from->name ^ b->name) & PAGE_MASK) &&
                !(((uintptr_t)e->from->host ^ (uintptr_t)b->host) & PAGE_MASK);

    if (e->to || b->dead || e->from->dead) {
        return;
    }
    e->to = b;
    e->next_in = b->incoming;
    b->incoming = e;
    host_link(e->patch, entry_from(e->from, b, near));
}

/* Nobody enters @b any more; who is in it leaves at the next look at its requests. */
static void kill_locked(struct jit *j, struct jit_block *b)
{
    struct jit_block **at = bucket(j, b->host, b->mode, &b->recipe);
    const uint8_t *way_out = j->exits[b->first_exit].stub;
    uint64_t jump;

    if (b->dead) {
        return;
    }
    while (*at && *at != b) {
        at = &(*at)->next_hash;
    }
    if (*at) {
        __atomic_store_n(at, b->next_hash, __ATOMIC_RELEASE);
    }
    __atomic_store_n(&b->dead, true, __ATOMIC_RELEASE);
    /* the first 8 bytes are one instruction and aligned: replaced at once by a jump to the
     * entry's own way out, which begins behind the comparison and JRCXZ */
    jump = 0xe9 | (uint64_t)(uint32_t)(int32_t)(way_out - (b->code + 5)) << 8;
    __atomic_store_n((uint64_t *)(void *)b->code, jump | 0x909090ULL << 40, __ATOMIC_RELEASE);
    for (struct jit_exit *e = b->incoming; e; e = e->next_in) {
        host_link(e->patch, e->stub);
        e->to = NULL;
    }
    b->incoming = NULL;
    j->invalidations++;
}

void jit_drop_locked(struct jit *j, struct jit_block *b)
{
    kill_locked(j, b);
}

static unsigned start_of(const struct jit_block *b)
{
    return (uintptr_t)b->host & ~PAGE_MASK;
}

/* In its (first) page. */
static unsigned end_of(const struct jit_block *b)
{
    return MIN(start_of(b) + b->bytes, PAGE_SIZE);
}

/* The first line in which a block may begin that holds the byte at @offset. */
static unsigned first_line(const struct jit_page *p, unsigned offset)
{
    return (offset > p->longest ? offset - p->longest : 0) / 64;
}

/* Kills blocks that begin in @p and hold one of the bytes; returns the lines that they lay in. */
static uint64_t kill_written_locked(struct jit *j, struct jit_page *p, unsigned offset,
                                    unsigned len)
{
    uint64_t lines = 0;

    for (unsigned n = first_line(p, offset); n <= (offset + len - 1) / 64; n++) {
        for (struct jit_block **at = &p->blocks[n]; *at;) {
            struct jit_block *b = *at;

            if (!b->dead && (start_of(b) >= offset + len || offset >= start_of(b) + b->bytes)) {
                at = &b->next_page;
                continue;
            }
            *at = b->next_page;
            lines |= line_bits(start_of(b), end_of(b));
            if (!b->dead) {
                p->patched = true;
                p->writes = 0;
                jit_past_died(j, b);
                kill_locked(j, b);
            }
        }
    }
    return lines;
}

/* The same of superblocks. */
static uint64_t kill_super_locked(struct jit *j, struct jit_page *p, unsigned offset, unsigned len)
{
    uint64_t lines = 0;

    for (struct jit_block **at = &p->super; *at;) {
        struct jit_block *b = *at;

        if (!b->dead && !jit_spans_hit(b->spans, offset, len)) {
            at = &b->next_page;
            continue;
        }
        *at = b->next_page;
        lines |= lines_of_spans(b->spans);
        g_free(b->spans);
        kill_locked(j, b);
    }
    return lines;
}

/* The same of blocks that end in @p. */
static uint64_t kill_reaching_locked(struct jit *j, struct jit_page *p, unsigned offset)
{
    uint64_t lines = 0;

    for (struct jit_block **at = &p->reaching; *at;) {
        struct jit_block *b = *at;
        unsigned end = start_of(b) + b->bytes - PAGE_SIZE;

        if (b->dead || offset < end) {
            *at = b->next_second;
            lines |= line_bits(0, end);
            kill_locked(j, b);
        } else {
            at = &b->next_second;
        }
    }
    return lines;
}

/* Which of the lines still hold code; there is one at least. */
static uint64_t lines_left(const struct jit_page *p, uint64_t lines)
{
    unsigned first = (unsigned)__builtin_ctzll(lines), last = 63 - (unsigned)__builtin_clzll(lines);
    uint64_t left = 0;

    for (unsigned n = first_line(p, first * 64); n <= last; n++) {
        for (const struct jit_block *b = p->blocks[n]; b; b = b->next_page) {
            left |= line_bits(start_of(b), end_of(b));
        }
    }
    for (const struct jit_block *b = p->reaching; b; b = b->next_second) {
        left |= line_bits(0, start_of(b) + b->bytes - PAGE_SIZE);
    }
    for (const struct jit_block *b = p->super; b; b = b->next_page) {
        left |= lines_of_spans(b->spans);
    }
    return left & lines;
}

bool jit_written_locked(struct jit *j, const uint8_t *host_page, unsigned offset, unsigned len)
{
    struct jit_page *p = g_hash_table_lookup(j->pages, host_page);
    uint64_t lines, killed = j->invalidations;

    if (!p || !(p->lines & line_bits(offset, offset + len))) {
        return false;
    }
    lines = kill_written_locked(j, p, offset, len) | kill_reaching_locked(j, p, offset) |
            kill_super_locked(j, p, offset, len);
    if (lines) {
        p->lines = (p->lines & ~lines) | lines_left(p, lines);
    }
    return killed != j->invalidations;
}

bool jit_written_beside_locked(struct jit *j, const uint8_t *host_page)
{
    struct jit_page *p = g_hash_table_lookup(j->pages, host_page);

    if (!p || ++p->writes < p->most) {
        return false;
    }
    for (unsigned n = 0; n < ARRAY_SIZE(p->blocks); n++) {
        for (; p->blocks[n]; p->blocks[n] = p->blocks[n]->next_page) {
            kill_locked(j, p->blocks[n]);
        }
    }
    for (; p->reaching; p->reaching = p->reaching->next_second) {
        kill_locked(j, p->reaching);
    }
    p->lines = 0;
    p->beside = true;
    p->writes = 0;
    p->most = MIN(2 * p->most, BESIDE_MOST); /* some blocks cannot have guards */
    return true;
}

uint64_t jit_lines_locked(const struct jit *j, const uint8_t *host_page)
{
    const struct jit_page *p = g_hash_table_lookup(j->pages, host_page);

    return p ? p->lines : 0;
}

void jit_flush_locked(struct jit *j)
{
    GHashTableIter each;
    gpointer value;

    memset(j->hash, 0, sizeof(*j->hash) << j->hash_bits);
    g_hash_table_iter_init(&each, j->pages);
    while (g_hash_table_iter_next(&each, NULL, &value)) {
        struct jit_page *p = value;

        p->lines = 0;
        tcg_note_lines_locked(j->tcg, p->ram, p->offset);
        if (!p->ram->code_lines[p->offset >> PAGE_BITS]) { /* no decoded blocks there either */
            ram_block_set_dirty(p->ram, DIRTY_CODE, p->offset, PAGE_SIZE);
        }
    }
    g_hash_table_remove_all(j->pages);
    j->used = j->thunks_end;
    j->block_count = j->exit_count = j->site_count = j->next_id = 0;
    j->flushes++;
}

void jit_print_locked(const struct jit *j, void (*print)(void *opaque, const char *fmt, ...),
                      void *opaque)
{
    print(opaque,
          "translated code: %zu of %zu KiB, %u blocks, %u exits, %u sites, %u pages of code\n"
          "since the start: %" PRIu64 " blocks translated (%" PRIu64 " with guards, %" PRIu64
          " superblocks), %" PRIu64 " invalidated, %" PRIu64 " flushes\n",
          j->used / KiB, j->size / KiB, j->block_count, j->exit_count, j->site_count,
          g_hash_table_size(j->pages), j->translated, j->guarded, j->superblocks, j->invalidations,
          j->flushes);
}
