/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A user-mode environment in guest-physical memory, for CPUs of the software kind.
 */
#include "tests/insn_lib/world.h"

#include <string.h>

#include "target/i386/x87.h"
#include "tests/insn_lib/native.h"
#include "util/bytes.h"

enum {
    PHYS_PML4 = 0x1000,
    PHYS_TABLES = 0x2000, /* page directories and tables as they are needed */
    PHYS_SECOND = 0x80000,
    PHYS_SYSTEM = 0xf0000,
    PHYS_STACK = 0xf4000,
    PHYS_HANDLERS = 0xf5000,

    PTE_P = 1,
    PTE_W = 2,
    PTE_U = 4,
    PTE_ACCESSED = 1 << 5,
    PTE_DIRTY = 1 << 6,
};

#define PTE_NX (1ull << 63)

#define SYSTEM_AT 0xffff900000000000ull
#define LDT_AT    (SYSTEM_AT + 0x2000)
#define STACK_AT  (SYSTEM_AT + 0x4000)
#define STACK_TOP (STACK_AT + 0x1000)
#define GDT_AT    (SYSTEM_AT + 0x1000)
#define TSS_AT    (SYSTEM_AT + 0x1800)

/* ---- memory ------------------------------------------------------------------------------ */

static uint64_t *entry(struct world *w, uint64_t table, unsigned n)
{
    return (uint64_t *)(w->ram + table) + n;
}

/* The table that entry n of `table` points to, made if it is not there. */
static uint64_t next_level(struct world *w, uint64_t table, unsigned n)
{
    uint64_t *e = entry(w, table, n);

    if (!(*e & PTE_P)) {
        *e = w->next_table | PTE_P | PTE_W | PTE_U;
        w->next_table += 0x1000;
    }
    return *e & ~0xfffull;
}

void world_map(struct world *w, uint64_t la, uint64_t gpa, uint64_t bytes, unsigned rights)
{
    uint64_t flags = (rights & 7) | (rights & WORLD_NO_EXEC ? PTE_NX : 0);

    for (uint64_t off = 0; off < bytes; off += 0x1000) {
        uint64_t at = la + off;
        uint64_t pdpt = next_level(w, w->pml4, at >> 39 & 511);
        uint64_t pd = next_level(w, pdpt, at >> 30 & 511);
        uint64_t pt = next_level(w, pd, at >> 21 & 511);

        *entry(w, pt, at >> 12 & 511) = (gpa + off) | flags | PTE_ACCESSED | PTE_DIRTY;
    }
}

static uint64_t descriptor(const struct ldt_entry *e)
{
    uint64_t type = 1 | (e->restricted ? 0 : 2) | e->contents << 2; /* accessed */
    uint64_t high = (type | 0x10 | 3 << 5 | (e->absent ? 0 : 0x80)) << 8 | 1 << 20 /* available */ |
                    (e->big ? 1 << 22 : 0) | (e->pages ? 1 << 23 : 0);

    high |= (e->limit & 0xf0000) | (e->base >> 16 & 0xff) | (uint64_t)(e->base >> 24) << 24;
    return high << 32 | (uint64_t)(e->base & 0xffff) << 16 | (e->limit & 0xffff);
}

static bool has_error_code(unsigned vector)
{
    return vector == 8 || (vector >= 10 && vector <= 14) || vector == 17;
}

/* IDT at the page's start, GDT and TSS behind it. */
static void make_tables(struct world *w)
{
    uint8_t *page = w->ram + PHYS_SYSTEM;
    uint8_t *gdt = page + (GDT_AT - SYSTEM_AT), *tss = page + (TSS_AT - SYSTEM_AT);

    for (unsigned v = 0; v < 256; v++) {
        uint64_t off = GUEST_HANDLER_AT + 16 * v;

        store_le64(page + 16 * v,
                   (off & 0xffff) | 0x10ull << 16 | 0xee00ull << 32 | (off >> 16 & 0xffff) << 48);
        store_le64(page + 16 * v + 8, off >> 32);
    }
    store_le64(gdt + 0x10, 0x00af9b000000ffffull); /* kernel code */
    store_le64(gdt + 0x18, 0x00cf93000000ffffull); /* kernel data */
    store_le64(gdt + 0x20, 0x00cffb000000ffffull); /* user code, 32 bits: 0x23 */
    store_le64(gdt + 0x28, 0x00cff3000000ffffull); /* user data: 0x2b */
    store_le64(gdt + 0x30, 0x00affb000000ffffull); /* user code: 0x33 */
    for (unsigned n = 0; n < LDT_USED; n++) {
        store_le64(page + (LDT_AT - SYSTEM_AT) + 8 * n, descriptor(&ldt_entries[n]));
    }
    store_le64(tss + 4, STACK_TOP);
    store_le16(tss + 102, 0xffff); /* no I/O bitmap */
}

void world_init(struct world *w, uint8_t *ram)
{
    static const uint8_t handler[16] = {0xf4, 0x48, 0xcf}; /* hlt; iretq */
    static const uint8_t with_error[16] = {0xf4, 0x48, 0x83, 0xc4, 0x08, 0x48, 0xcf};

    *w = (struct world){.ram = ram, .pml4 = PHYS_PML4, .next_table = PHYS_TABLES};
    world_map(w, SYSTEM_AT, PHYS_SYSTEM, 0x4000, WORLD_SYSTEM_READ | WORLD_WRITE);
    world_map(w, STACK_AT, PHYS_STACK, 0x1000, WORLD_SYSTEM_READ | WORLD_WRITE);
    world_map(w, GUEST_HANDLER_AT, PHYS_HANDLERS, 0x1000, WORLD_SYSTEM_READ);
    for (unsigned v = 0; v < 256; v++) {
        memcpy(ram + PHYS_HANDLERS + 16 * v, has_error_code(v) ? with_error : handler, 16);
    }
    make_tables(w);
}

void world_init_second(struct world *w, const struct world *first)
{
    *w = (struct world){.ram = first->ram, .pml4 = PHYS_SECOND, .next_table = PHYS_SECOND + 0x1000};
    memcpy(w->ram + w->pml4 + 0x800, w->ram + first->pml4 + 0x800, 0x800);
}

/* ---- the CPU ----------------------------------------------------------------------------- */

static bool host_is_amd(void)
{
    uint32_t r[4];

    native_cpuid(0, 0, r);
    return r[1] == 0x68747541 || r[1] == 0x6f677948; /* "Auth", "Hygo" */
}

void world_set_features(struct x86_cpu *cpu)
{
    static const struct {
        uint32_t leaf, subleaf;
        enum x86_feature_word word;
        unsigned reg;
    } words[] = {
        {1, 0, FEAT_1_EDX, 3},
        {1, 0, FEAT_1_ECX, 2},
        {7, 0, FEAT_7_0_EBX, 1},
        {7, 0, FEAT_7_0_ECX, 2},
        {7, 0, FEAT_7_0_EDX, 3},
        {7, 1, FEAT_7_1_EAX, 0},
        {0x80000001, 0, FEAT_8000_0001_EDX, 3},
        {0x80000001, 0, FEAT_8000_0001_ECX, 2},
        {0x80000008, 0, FEAT_8000_0008_EBX, 1},
        {0xd, 1, FEAT_D_1_EAX, 0},
    };

    for (size_t n = 0; n < G_N_ELEMENTS(words); n++) {
        uint32_t r[4];

        native_cpuid(words[n].leaf, words[n].subleaf, r);
        cpu->features[words[n].word] = r[words[n].reg];
    }
    x86_cpu_features_changed(cpu);
    cpu->vendor_amd = host_is_amd();
}

/* As the host's programs have them; in 16-bit code see state.h. */
void world_user_segments(struct x86_cpu *cpu, unsigned bits, uint64_t fs_base)
{
    const uint16_t rights = SEG_P | SEG_S | 3 << SEG_DPL_SHIFT, flat = rights | SEG_G | SEG_D;

    if (bits == 16) {
        x86_seg_set(cpu, X86_CS, LDT_CODE16, CODE_AT, 0xffff, rights | 0xb);
        x86_seg_set(cpu, X86_SS, LDT_DATA16, DATA_AT, DATA_BYTES - 1, rights | 3);
        x86_seg_set(cpu, X86_DS, LDT_DATA16, DATA_AT, DATA_BYTES - 1, rights | 3);
        x86_seg_set(cpu, X86_ES, LDT_DATA16, DATA_AT, DATA_BYTES - 1, rights | 3);
    } else if (bits == 32) {
        x86_seg_set(cpu, X86_CS, 0x23, 0, 0xffffffff, flat | 0xb);
        x86_seg_set(cpu, X86_SS, 0x2b, 0, 0xffffffff, flat | 3);
        x86_seg_set(cpu, X86_DS, 0x2b, 0, 0xffffffff, flat | 3);
        x86_seg_set(cpu, X86_ES, 0x2b, 0, 0xffffffff, flat | 3);
    } else {
        x86_seg_set(cpu, X86_CS, 0x33, 0, 0xffffffff, rights | SEG_G | SEG_L | 0xb);
        x86_seg_set(cpu, X86_SS, 0x2b, 0, 0xffffffff, flat | 3);
        x86_seg_set(cpu, X86_DS, 0, 0, 0xffffffff, 0);
        x86_seg_set(cpu, X86_ES, 0, 0, 0xffffffff, 0);
    }
    x86_seg_set(cpu, X86_FS, 0, fs_base, 0xffffffff, 0);
    x86_seg_set(cpu, X86_GS, 0, GS_BASE, 0xffffffff, 0);
    cpu->cpl = 3;
}

void world_attach(struct x86_cpu *cpu, unsigned bits, uint64_t fs_base)
{
    cpu->cr0 = CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_PG;
    cpu->cr3 = PHYS_PML4;
    cpu->cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE | CR4_FSGSBASE | CR4_UMIP;
    cpu->efer = EFER_LME | EFER_LMA | EFER_SCE | EFER_NXE;
    cpu->xcr0 = XCR0_X87 | XCR0_SSE | XCR0_AVX;
    cpu->idt = (struct x86_table){.base = SYSTEM_AT, .limit = 0xfff};
    cpu->gdt = (struct x86_table){.base = GDT_AT, .limit = 0x37};
    world_user_segments(cpu, bits, fs_base);
    x86_seg_set(cpu, X86_TR, 0x40, TSS_AT, 0x67, SEG_P | 0xb);
    x86_seg_set(cpu, X86_LDTR, 0x50, LDT_AT, 8 * LDT_USED - 1, SEG_P | 2);
    x86_eflags_set(cpu, 0x202);
    x86_cpu_state_loaded(cpu);
}

void world_load_state(struct x86_cpu *cpu, const struct machine_state *in)
{
    const uint8_t *a = in->area;

    memcpy(cpu->gpr, in->gpr, sizeof(cpu->gpr));
    x86_eflags_set(cpu, in->rflags);
    cpu->fpu.cw = load_le16(a + AREA_FCW);
    cpu->fpu.empty = ~a[AREA_FTW];
    x87_set_status(cpu, load_le16(a + AREA_FSW));
    cpu->fpu.op = load_le16(a + AREA_FOP);
    cpu->fpu.ip = load_le64(a + AREA_FIP);
    cpu->fpu.dp = load_le64(a + AREA_FDP);
    cpu->mxcsr = load_le32(a + AREA_MXCSR);
    for (unsigned n = 0; n < 8; n++) {
        struct x86_fpr *r = &cpu->fpu.r[(cpu->fpu.top + n) & 7];

        r->mant = load_le64(a + AREA_ST + 16 * n);
        r->exp = load_le16(a + AREA_ST + 16 * n + 8);
    }
    for (unsigned n = 0; n < 16; n++) {
        memcpy(cpu->vec[n].b, a + AREA_XMM + 16 * n, 16);
        memcpy(cpu->vec[n].b + 16, a + AREA_YMM + 16 * n, 16);
    }
}

void world_store_state(const struct x86_cpu *cpu, struct machine_state *out)
{
    uint8_t *a = out->area;

    memset(a, 0, AREA_BYTES);
    memcpy(out->gpr, cpu->gpr, sizeof(out->gpr));
    for (unsigned n = 0; n < 6; n++) {
        out->sel[n] = cpu->seg[n].sel;
    }
    out->rip = cpu->rip;
    out->rflags = x86_eflags_get(cpu);
    store_le16(a + AREA_FCW, cpu->fpu.cw);
    store_le16(a + AREA_FSW, x87_status(cpu));
    a[AREA_FTW] = x87_abridged_tags(cpu);
    store_le16(a + AREA_FOP, cpu->fpu.op);
    store_le64(a + AREA_FIP, cpu->fpu.ip);
    store_le64(a + AREA_FDP, cpu->fpu.dp);
    store_le32(a + AREA_MXCSR, cpu->mxcsr);
    for (unsigned n = 0; n < 8; n++) {
        const struct x86_fpr *r = &cpu->fpu.r[(cpu->fpu.top + n) & 7];

        store_le64(a + AREA_ST + 16 * n, r->mant);
        store_le64(a + AREA_ST + 16 * n + 8, r->exp);
    }
    for (unsigned n = 0; n < 16; n++) {
        memcpy(a + AREA_XMM + 16 * n, cpu->vec[n].b, 16);
        memcpy(a + AREA_YMM + 16 * n, cpu->vec[n].b + 16, 16);
    }
}

/* The frame that exception delivery pushed. */
void world_take_exception(const struct world *w, const struct x86_cpu *cpu,
                          struct machine_state *out)
{
    const uint8_t *top = w->ram + PHYS_STACK + 0x1000;
    const uint8_t *frame = top - 40;

    out->vector = (cpu->rip - GUEST_HANDLER_AT) / 16;
    out->error = has_error_code(out->vector) ? load_le64(top - 48) : 0;
    out->cr2 = out->vector == EXC_PF ? cpu->cr2 : 0;
    out->rip = load_le64(frame);
    out->sel[X86_CS] = load_le16(frame + 8);
    out->sel[X86_SS] = load_le16(frame + 32);
    out->rflags = load_le64(frame + 16);
    out->gpr[X86_RSP] = load_le64(frame + 24);
}
