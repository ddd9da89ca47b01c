/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Native execution: full register state in, one instruction or more, full state out.
 *
 * The switch code lives in this program, its data at NATIVE_AT, which absolute addresses reach, so
 * that no register is needed to find it. Exceptions become signals; the handler copies the
 * interrupted state and returns to the exit's second half. After a single instruction stands a jump
 * to the exit; its page is otherwise full of INT3, so that a branch anywhere in it is seen.
 */
#include "tests/insn_lib/native.h"

#include <string.h>

#if defined(__x86_64__)

#include <asm/ldt.h>
#include <asm/prctl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/ucontext.h>
#include <ucontext.h>
#include <unistd.h>

#define NATIVE_AT  0x5b3d7000ull
#define THUNK_AT   0x137e5000ull
#define USER_CS32  0x23
#define USER_CS64  0x33
#define USER_DS    0x2b
#define ALT_BYTES  0x10000
#define FLAG_TRAP  0x100
#define FLAG_AC    0x40000
#define FLAGS_SAFE 0x202

/* At NATIVE_AT; the assembler code below knows the offsets. */
struct native {
    uint64_t gpr_in[16];  /* 0x000 */
    uint64_t gpr_out[16]; /* 0x080 */
    uint64_t rflags_in;   /* 0x100 */
    uint64_t rflags_out;  /* 0x108 */
    uint64_t host_rsp;    /* 0x110 */
    uint64_t exit;        /* 0x118: address of native_exit */
    uint64_t entry;       /* 0x120 */
    uint32_t entry32;     /* 0x128: far pointer into 32-bit code */
    uint16_t entry32_cs;  /* 0x12c */
    uint16_t entry32_ds;  /* 0x12e: for DS, ES and SS */
    uint16_t sel_out[6];  /* 0x130 */
    uint8_t pad[4];
    uint8_t area_in[1024] __attribute__((aligned(64)));  /* 0x140 */
    uint8_t area_out[1024] __attribute__((aligned(64))); /* 0x540 */

    uint8_t *code; /* the code page, where it can be written */
    bool has_ldt;

    /* set by the signal handler */
    bool signalled;
    int vector;
    uint32_t error;
    uint64_t cr2, rip;
};

static struct native *const native = (struct native *)NATIVE_AT;

_Static_assert(offsetof(struct native, gpr_out) == 0x80, "known to the code below");
_Static_assert(offsetof(struct native, rflags_in) == 0x100, "known to the code below");
_Static_assert(offsetof(struct native, entry32) == 0x128, "known to the code below");
_Static_assert(offsetof(struct native, sel_out) == 0x130, "known to the code below");
_Static_assert(offsetof(struct native, area_in) == 0x140, "known to the code below");
_Static_assert(offsetof(struct native, area_out) == 0x540, "known to the code below");

void native_switch(bool compatibility);
extern char native_exit[], native_after_signal[];

__asm__(".set N, 0x5b3d7000\n"
        ".text\n"
        ".globl native_switch, native_exit, native_after_signal\n"
        ".type native_switch, @function\n"
        "native_switch:\n"
        "  push %rbx\n push %rbp\n push %r12\n push %r13\n push %r14\n push %r15\n"
        "  mov %rsp, N+0x110\n"
        "  mov $7, %eax\n xor %edx, %edx\n"
        "  xrstor64 N+0x140\n"
        "  mov %edi, %ecx\n"
        "  pushq N+0x100\n"
        "  test %ecx, %ecx\n"
        "  jnz 1f\n"
        "  popfq\n"
        "  mov N+0x00, %rax\n mov N+0x08, %rcx\n mov N+0x10, %rdx\n mov N+0x18, %rbx\n"
        "  mov N+0x20, %rsp\n mov N+0x28, %rbp\n mov N+0x30, %rsi\n mov N+0x38, %rdi\n"
        "  mov N+0x40, %r8\n mov N+0x48, %r9\n mov N+0x50, %r10\n mov N+0x58, %r11\n"
        "  mov N+0x60, %r12\n mov N+0x68, %r13\n mov N+0x70, %r14\n mov N+0x78, %r15\n"
        "  jmp *N+0x120\n"
        "1:\n"
        "  mov N+0x12e, %ds\n mov N+0x12e, %es\n mov N+0x12e, %ss\n"
        "  popfq\n"
        "  mov N+0x00, %rax\n mov N+0x08, %rcx\n mov N+0x10, %rdx\n mov N+0x18, %rbx\n"
        "  mov N+0x20, %rsp\n mov N+0x28, %rbp\n mov N+0x30, %rsi\n mov N+0x38, %rdi\n"
        "  ljmp *N+0x128\n"
        "native_exit:\n"
        "  mov %rax, N+0x80\n mov %rcx, N+0x88\n mov %rdx, N+0x90\n mov %rbx, N+0x98\n"
        "  mov %rsp, N+0xa0\n mov %rbp, N+0xa8\n mov %rsi, N+0xb0\n mov %rdi, N+0xb8\n"
        "  mov %r8, N+0xc0\n mov %r9, N+0xc8\n mov %r10, N+0xd0\n mov %r11, N+0xd8\n"
        "  mov %r12, N+0xe0\n mov %r13, N+0xe8\n mov %r14, N+0xf0\n mov %r15, N+0xf8\n"
        "  mov %es, N+0x130\n mov %cs, N+0x132\n mov %ss, N+0x134\n"
        "  mov %ds, N+0x136\n mov %fs, N+0x138\n mov %gs, N+0x13a\n"
        "  mov N+0x110, %rsp\n"
        "  pushfq\n"
        "  popq N+0x108\n"
        "  pushq $0x202\n"
        "  popfq\n"
        "  mov $7, %eax\n xor %edx, %edx\n"
        "  xsave64 N+0x540\n"
        "native_after_signal:\n"
        "  mov N+0x110, %rsp\n"
        "  vzeroupper\n"
        "  fninit\n"
        "  pushq $0x1f80\n"
        "  ldmxcsr (%rsp)\n"
        "  add $8, %rsp\n"
        "  pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbp\n pop %rbx\n"
        "  ret\n");

/* ---- signals ----------------------------------------------------------------------------- */

static void save_gprs(const mcontext_t *m)
{
    static const int order[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
                                  REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                  REG_R12, REG_R13, REG_R14, REG_R15};

    for (int n = 0; n < 16; n++) {
        native->gpr_out[n] = m->gregs[order[n]];
    }
}

static void on_signal(int sig, siginfo_t *info, void *context)
{
    mcontext_t *m = &((ucontext_t *)context)->uc_mcontext;
    uint8_t *frame = (uint8_t *)m->fpregs;

    (void)sig, (void)info;
    native->signalled = true;
    native->vector = m->gregs[REG_TRAPNO];
    native->error = m->gregs[REG_ERR];
    native->cr2 = m->gregs[REG_CR2];
    native->rip = m->gregs[REG_RIP];
    native->rflags_out = m->gregs[REG_EFL];
    save_gprs(m);
    __asm__ volatile("mov %%es, %0\n mov %%ds, %1\n mov %%fs, %2\n mov %%gs, %3\n"
                     : "=m"(native->sel_out[0]), "=m"(native->sel_out[3]), "=m"(native->sel_out[4]),
                       "=m"(native->sel_out[5]));
    memcpy(&native->sel_out[1], &m->gregs[REG_CSGSFS], 2);
    memcpy(&native->sel_out[2], (uint8_t *)&m->gregs[REG_CSGSFS] + 6, 2);
    memcpy(native->area_out, frame, AREA_BYTES);

    /* The exit needs no vector state; what the instruction left may have an exception waiting. */
    frame[AREA_FCW] = 0x7f;
    frame[AREA_FCW + 1] = 3;
    memset(frame + AREA_FSW, 0, 2);
    memcpy(frame + AREA_MXCSR, &(uint32_t){0x1f80}, 4);
    m->gregs[REG_EFL] = FLAGS_SAFE;
    m->gregs[REG_RIP] = (greg_t)native_after_signal;
    m->gregs[REG_RSP] = native->host_rsp;
    memcpy(&m->gregs[REG_CSGSFS], &(uint16_t){USER_CS64}, 2);
    memcpy((uint8_t *)&m->gregs[REG_CSGSFS] + 6, &(uint16_t){USER_DS}, 2); /* SS */
}

static void catch_signals(void)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};
    struct sigaction sa = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    stack_t alt = {.ss_size = ALT_BYTES};

    alt.ss_sp = mmap(NULL, ALT_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    sigaltstack(&alt, NULL);
    for (size_t n = 0; n < sizeof(signals) / sizeof(signals[0]); n++) {
        sigaction(signals[n], &sa, NULL);
    }
}

/* ---- mapping ----------------------------------------------------------------------------- */

static bool map_at(uint64_t addr, uint64_t len, int prot)
{
    void *p = mmap((void *)addr, len, prot,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_POPULATE, -1, 0);

    return p == (void *)addr;
}

/* The code page: what it executes it cannot write; we write it elsewhere. */
static bool map_code(void)
{
    int fd = memfd_create("code", MFD_CLOEXEC);
    void *p = MAP_FAILED, *w = MAP_FAILED;

    if (fd >= 0 && ftruncate(fd, CODE_BYTES) == 0) {
        p = mmap((void *)CODE_AT, CODE_BYTES, PROT_READ | PROT_EXEC,
                 MAP_SHARED | MAP_FIXED_NOREPLACE | MAP_POPULATE, fd, 0);
        w = mmap(NULL, CODE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
    }
    if (fd >= 0) {
        close(fd);
    }
    if (p != (void *)CODE_AT || w == MAP_FAILED) {
        return false;
    }
    native->code = w;
    return true;
}

/* The LDT of state.h. */
static bool make_ldt(void)
{
    for (unsigned n = 0; n < LDT_USED; n++) {
        const struct ldt_entry *e = &ldt_entries[n];
        struct user_desc d = {.entry_number = n, .base_addr = e->base, .limit = e->limit};

        d.contents = e->contents;
        d.read_exec_only = e->restricted;
        d.limit_in_pages = e->pages;
        d.seg_32bit = e->big;
        d.seg_not_present = e->absent;
        d.useable = 1;
        if (syscall(SYS_modify_ldt, 0x11, &d, sizeof(d)) != 0) {
            return false;
        }
    }
    return true;
}

/* 32-bit and 16-bit code leaves through here: a far jump to 64-bit code, which jumps to the exit.
 */
static void make_thunk(void)
{
    uint8_t *p = (uint8_t *)THUNK_AT;
    const uint32_t inner = THUNK_AT + 16, exit_pointer = NATIVE_AT + offsetof(struct native, exit);

    p[0] = 0xea;
    memcpy(p + 1, &inner, 4);
    memcpy(p + 5, &(uint16_t){USER_CS64}, 2);
    memcpy(p + 16, "\xff\x24\x25", 3);
    memcpy(p + 19, &exit_pointer, 4);
}

bool native_switch_init(void)
{
    if (!__builtin_cpu_supports("avx2") ||
        !map_at(THUNK_AT, 0x1000, PROT_READ | PROT_WRITE | PROT_EXEC) ||
        !map_at(NATIVE_AT, sizeof(struct native), PROT_READ | PROT_WRITE)) {
        return false;
    }
    make_thunk();
    native->exit = (uint64_t)native_exit;
    native->has_ldt = make_ldt();
    catch_signals();
    native_reset_gs();
    return true;
}

bool native_init(void)
{
    if (!native_switch_init() || !map_at(DATA_AT, DATA_BYTES, PROT_READ | PROT_WRITE) ||
        !map_at(RODATA_AT, RODATA_SIZE, PROT_READ) || !map_code()) {
        return false;
    }
    memset(native->code, 0xcc, CODE_BYTES);
    return true;
}

bool native_owns(uint64_t addr)
{
    return addr - (THUNK_AT & ~0xfffull) < 0x1000 ||
           addr - NATIVE_AT < ((sizeof(struct native) + 0xfff) & ~0xfffull);
}

bool native_can_run(unsigned bits)
{
    return bits != 16 || native->has_ldt;
}

void native_reset_gs(void)
{
    syscall(SYS_arch_prctl, ARCH_SET_GS, GS_BASE);
}

void native_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t ret[4])
{
    __asm__("cpuid"
            : "=a"(ret[0]), "=b"(ret[1]), "=c"(ret[2]), "=d"(ret[3])
            : "a"(leaf), "c"(subleaf));
}

uint64_t native_fs_base(void)
{
    uint64_t base = 0;

    syscall(SYS_arch_prctl, ARCH_GET_FS, &base);
    return base;
}

void native_set_code(const uint8_t *code, unsigned len, unsigned bits)
{
    uint8_t *p = native->code + (INSN_AT - CODE_AT);

    memset(p, 0xcc, 32); /* the previous one and its exit */
    memcpy(p, code, len);
    if (bits == 16) {
        const uint32_t inner = THUNK_AT + 16;

        memcpy(p + len, "\x66\xea", 2); /* far jump with a 32-bit offset */
        memcpy(p + len + 2, &inner, 4);
        memcpy(p + len + 6, &(uint16_t){USER_CS64}, 2);
    } else if (bits == 32) {
        uint32_t away = THUNK_AT - (INSN_AT + len + 5);

        p[len] = 0xe9;
        memcpy(p + len + 1, &away, 4);
    } else {
        uint32_t exit_pointer = NATIVE_AT + offsetof(struct native, exit);

        memcpy(p + len, "\xff\x24\x25", 3);
        memcpy(p + len + 3, &exit_pointer, 4);
    }
}

/* ---- running ----------------------------------------------------------------------------- */

/*
 * INT3 reached by a branch, a fetch from an unmapped page, a single step after POPF: the
 * instruction itself completed.
 */
static void sort_out_branches(struct machine_state *out, unsigned bits)
{
    bool at_insn = out->rip == insn_rip(bits);

    if (out->vector == 3 && out->rip - 1 - insn_rip(bits) < 16) {
        return; /* the instruction is INT3 itself */
    }
    if (out->vector == 3) {
        out->rip--;
        out->vector = -1;
    } else if ((out->vector == 14 || out->vector == 13) && !at_insn) {
        out->vector = -1; /* the fetch at the target */
    } else if (out->vector == 1) {
        out->vector = -1;
    }
}

void native_enter(const struct machine_state *in, struct machine_state *out, unsigned bits)
{
    memcpy(native->gpr_in, in->gpr, sizeof(in->gpr));
    native->rflags_in = in->rflags;
    memcpy(native->area_in, in->area, AREA_BYTES);
    memset(native->area_out + AREA_HEADER, 0, 64);
    native->signalled = false;
    native->entry = in->rip;
    native->entry32 = in->rip;
    native->entry32_cs = bits == 16 ? LDT_CODE16 : USER_CS32;
    native->entry32_ds = bits == 16 ? LDT_DATA16 : USER_DS;
    native_switch(bits != 64);
    if (bits != 64 || native->sel_out[0] || native->sel_out[2] != USER_DS || native->sel_out[3]) {
        /* as 64-bit programs have them */
        __asm__ volatile("mov %0, %%ds\n mov %0, %%es\n mov %1, %%ss\n" ::"r"(0), "r"(USER_DS));
    }

    memcpy(out->gpr, native->gpr_out, sizeof(out->gpr));
    memcpy(out->sel, native->sel_out, sizeof(out->sel));
    if (!native->signalled) {
        out->sel[1] = bits == 64 ? USER_CS64 : native->entry32_cs; /* left by the exit */
    }
    memcpy(out->area, native->area_out, AREA_BYTES);
    out->rflags = native->rflags_out;
    out->vector = -1;
    out->error = 0;
    out->cr2 = 0;
    out->rip = NATIVE_FELL_THROUGH;
    if (native->signalled) {
        out->vector = native->vector;
        out->rip = native->rip;
        out->error = native->error;
        out->cr2 = native->cr2;
    }
}

void native_run(const struct machine_state *in, struct machine_state *out, unsigned bits)
{
    struct machine_state start = *in;

    start.rip = insn_rip(bits);
    native_enter(&start, out, bits);
    if (native->signalled) {
        sort_out_branches(out, bits);
    }
}

#else

bool native_switch_init(void)
{
    return false;
}

bool native_init(void)
{
    return false;
}

bool native_owns(uint64_t addr)
{
    (void)addr;
    return false;
}

bool native_can_run(unsigned bits)
{
    (void)bits;
    return false;
}

void native_set_code(const uint8_t *code, unsigned len, unsigned bits)
{
    (void)code, (void)len, (void)bits;
}

void native_enter(const struct machine_state *in, struct machine_state *out, unsigned bits)
{
    (void)bits;
    *out = *in;
}

void native_run(const struct machine_state *in, struct machine_state *out, unsigned bits)
{
    native_enter(in, out, bits);
}

void native_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t ret[4])
{
    (void)leaf, (void)subleaf;
    memset(ret, 0, 16);
}

uint64_t native_fs_base(void)
{
    return 0;
}

void native_reset_gs(void)
{
}

#endif
