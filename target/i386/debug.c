/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looking at a CPU from outside: guest memory as it maps it, registers as text, listings.
 */
#include "target/i386/exec.h"
#include "target/i386/listing.h"
#include "target/i386/tlb.h"
#include <inttypes.h>
#include <string.h>

/* One page of debug access. */
static bool debug_page(struct x86_cpu *cpu, uint64_t la, void *buf, uint64_t len, bool write)
{
    uint64_t gpa;

    if (!x86_debug_translate(cpu, la, &gpa)) {
        return false;
    }
    if (write) {
        return address_space_write_rom(x86_memory(cpu), gpa, buf, len) == MEM_OK;
    }
    return address_space_read(x86_memory(cpu), gpa, buf, len, MEM_ATTRS_NONE) == MEM_OK;
}

static bool debug_access(struct x86_cpu *cpu, uint64_t la, uint8_t *buf, uint64_t len, bool write)
{
    while (len) {
        uint64_t n = MIN(len, PAGE_SIZE - (la & ~PAGE_MASK));

        if (!debug_page(cpu, la, buf, n, write)) {
            return false;
        }
        la += n;
        buf += n;
        len -= n;
    }
    return true;
}

bool x86_debug_read(struct x86_cpu *cpu, uint64_t la, void *buf, uint64_t len)
{
    return debug_access(cpu, la, buf, len, /* write= */ false);
}

bool x86_debug_write(struct x86_cpu *cpu, uint64_t la, const void *buf, uint64_t len)
{
    return debug_access(cpu, la, (uint8_t *)(uintptr_t)buf, len, /* write= */ true);
}

static void dump_segment(const struct x86_seg *s, const char *name, x86_print_fn *print,
                         void *opaque)
{
    print(opaque, "%-3s=%04x %016" PRIx64 " %08x %04x %s DPL=%d%s\n", name, s->sel, s->base,
          s->limit, s->attr,
          !(s->attr & SEG_P)   ? "unusable"
          : !(s->attr & SEG_S) ? "system"
          : s->attr & SEG_CODE ? s->attr & SEG_L   ? "CS64"
                                 : s->attr & SEG_D ? "CS32"
                                                   : "CS16"
                               : "DS",
          s->attr >> SEG_DPL_SHIFT & 3, s->attr & SEG_G ? " G" : "");
}

static void dump_general(struct x86_cpu *cpu, x86_print_fn *print, void *opaque)
{
    static const char names[16][4] = {"RAX", "RCX", "RDX", "RBX", "RSP", "RBP", "RSI", "RDI",
                                      "R8 ", "R9 ", "R10", "R11", "R12", "R13", "R14", "R15"};
    static const uint8_t order[16] = {0, 3, 1, 2, 6, 7, 5, 4, 8, 9, 10, 11, 12, 13, 14, 15};
    static const struct {
        uint32_t bit;
        char letter;
    } letters[] = {{FLAG_DF, 'D'}, {FLAG_OF, 'O'}, {FLAG_SF, 'S'}, {FLAG_ZF, 'Z'},
                   {FLAG_AF, 'A'}, {FLAG_PF, 'P'}, {FLAG_CF, 'C'}};
    uint32_t flags = x86_eflags_get(cpu);
    char text[ARRAY_SIZE(letters) + 1] = "";

    for (unsigned n = 0; n < 16; n++) {
        print(opaque, "%s=%016" PRIx64 "%c", names[order[n]], cpu->gpr[order[n]],
              n % 4 == 3 ? '\n' : ' ');
    }
    for (unsigned n = 0; n < ARRAY_SIZE(letters); n++) {
        text[n] = flags & letters[n].bit ? letters[n].letter : '-';
    }
    print(opaque, "RIP=%016" PRIx64 " RFL=%08x [%s] CPL=%d II=%d A20=%d SMM=%d HLT=%d\n", cpu->rip,
          flags, text, cpu->cpl, cpu->interrupt_shadow, cpu->a20, cpu->in_smm,
          cpu->run_state == X86_HALTED);
}

static void dump_fpu(struct x86_cpu *cpu, x86_print_fn *print, void *opaque)
{
    const struct x86_fpu *f = &cpu->fpu;

    print(opaque, "FCW=%04x FSW=%04x [ST=%d] FTW=%02x MXCSR=%08x\n", f->cw, f->sw | f->top << 11,
          f->top, (uint8_t)~f->empty, cpu->mxcsr);
    for (unsigned n = 0; n < 8; n++) {
        print(opaque, "FPR%u=%016" PRIx64 " %04x%c", n, f->r[n].mant, f->r[n].exp,
              n & 1 ? '\n' : ' ');
    }
    for (unsigned n = 0; n < X86_VEC_REGS; n++) {
        print(opaque, "YMM%02u=", n);
        for (unsigned q = X86_VEC_BYTES / 8; q-- > 0;) {
            print(opaque, "%016" PRIx64 "%s", cpu->vec[n].q[q], q ? "_" : "\n");
        }
    }
}

void x86_cpu_dump(struct x86_cpu *cpu, bool fpu, x86_print_fn *print, void *opaque)
{
    static const char *const names[X86_SEGS] = {"ES", "CS", "SS", "DS", "FS", "GS", "LDT", "TR"};

    dump_general(cpu, print, opaque);
    for (unsigned s = 0; s < X86_SEGS; s++) {
        dump_segment(&cpu->seg[s], names[s], print, opaque);
    }
    print(opaque, "GDT=     %016" PRIx64 " %08x\n", cpu->gdt.base, cpu->gdt.limit);
    print(opaque, "IDT=     %016" PRIx64 " %08x\n", cpu->idt.base, cpu->idt.limit);
    print(opaque, "CR0=%08x CR2=%016" PRIx64 " CR3=%016" PRIx64 " CR4=%08x\n", (uint32_t)cpu->cr0,
          cpu->cr2, cpu->cr3, (uint32_t)cpu->cr4);
    for (unsigned n = 0; n < 4; n++) {
        print(opaque, "DR%u=%016" PRIx64 "%c", n, cpu->dr[n], n == 3 ? '\n' : ' ');
    }
    print(opaque, "DR6=%016" PRIx64 " DR7=%016" PRIx64 "\n", cpu->dr[6], cpu->dr[7]);
    print(opaque, "EFER=%016" PRIx64 "\n", cpu->efer);
    if (fpu) {
        dump_fpu(cpu, print, opaque);
    }
}

static void append_text(void *opaque, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    g_string_append_vprintf(opaque, fmt, args);
    va_end(args);
}

void x86_cpu_log(struct x86_cpu *cpu, enum log_topic topic)
{
    if (log_on(topic)) {
        g_autoptr(GString) text = g_string_new(NULL);

        x86_cpu_dump(cpu, /* fpu= */ false, append_text, text);
        log_printf(topic, "CPU %u:\n%s", cpu->index, text->str);
    }
}

static void print_bytes(const uint8_t *code, unsigned len, uint64_t rip, x86_print_fn *print,
                        void *opaque)
{
    print(opaque, "0x%08" PRIx64 ": ", rip);
    for (unsigned n = 0; n < len; n++) {
        print(opaque, " %02x", code[n]);
    }
}

void x86_disassemble(const uint8_t *code, unsigned len, uint64_t rip, unsigned bits,
                     x86_print_fn *print, void *opaque)
{
    if (!HAVE_CAPSTONE || !x86_listing(code, len, rip, bits, print, opaque)) {
        print_bytes(code, len, rip, print, opaque);
        print(opaque, "\n");
    }
}
