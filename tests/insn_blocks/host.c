/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running programs natively in a child process.
 *
 * Code and data are a memory file that the child maps where programs expect it and the parent
 * anywhere. A byte through a pipe says "run", one back "done".
 */
#include "tests/insn_blocks/host.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/insn_blocks/guard.h"
#include "tests/insn_lib/native.h"

enum { PATIENCE_MS = 5000 };

/* In the memory file, after code and data. */
struct order {
    unsigned bits;
    bool writes_code;
    uint8_t rights[PROGRAM_PAGES];
    uint8_t places; /* bit per place, from the child: what could be mapped */
    struct machine_state in, out;
};

enum {
    FILE_DATA = PROGRAM_CODE_BYTES,
    FILE_ORDER = FILE_DATA + PROGRAM_DATA_BYTES,
    FILE_BYTES = FILE_ORDER + ((sizeof(struct order) + 0xfff) & ~0xfff),
};

struct host {
    int fd;
    uint8_t *file; /* the parent's view */
    struct order *order;
    pid_t child;
    int to_child, from_child;
    bool begun;
};

/* ---- the child --------------------------------------------------------------------------- */

static bool map_file(int fd, uint64_t addr, size_t len, off_t offset, int prot)
{
    return mmap((void *)addr, len, prot, MAP_SHARED | MAP_FIXED_NOREPLACE | MAP_POPULATE, fd,
                offset) == (void *)addr;
}

/* At the places that are mapped. */
static void protect(const struct order *o, unsigned place, const struct order *had)
{
    for (unsigned n = 0; n < PROGRAM_PAGES; n++) {
        if (o->rights[n] != had->rights[n]) {
            mprotect((void *)(program_places[place].data + n * 0x1000), 0x1000,
                     o->rights[n] == WORLD_ABSENT ? PROT_NONE
                     : o->rights[n] & WORLD_WRITE ? PROT_READ | PROT_WRITE
                                                  : PROT_READ);
        }
    }
    if (o->writes_code != had->writes_code) {
        mprotect((void *)program_places[place].code, PROGRAM_CODE_BYTES,
                 PROT_READ | PROT_EXEC | (o->writes_code ? PROT_WRITE : 0));
    }
}

static void apply_rights(const struct order *o, struct order *had)
{
    for (unsigned place = 0; place < PROGRAM_PLACES; place++) {
        if (o->places >> place & 1) {
            protect(o, place, had);
        }
    }
    memcpy(had->rights, o->rights, sizeof(had->rights));
    had->writes_code = o->writes_code;
}

/* False: the first place cannot be had; that others can *o says. */
static bool map_places(int fd, struct order *o)
{
    for (unsigned n = 0; n < PROGRAM_PLACES; n++) {
        const struct program_place *at = &program_places[n];

        if (map_file(fd, at->code, PROGRAM_CODE_BYTES, 0, PROT_READ | PROT_EXEC) &&
            map_file(fd, at->data, PROGRAM_DATA_BYTES, FILE_DATA, PROT_READ | PROT_WRITE)) {
            o->places |= 1u << n;
        }
    }
    return o->places & 1;
}

#define ALLOW(nr)                                                                                  \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

/* Should a program go astray, it is not to enter the kernel. */
static void forbid_system_calls(void)
{
    static const struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        ALLOW(SYS_read),
        ALLOW(SYS_write),
        ALLOW(SYS_mprotect),
        ALLOW(SYS_rt_sigreturn),
        ALLOW(SYS_exit_group),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    static const struct sock_fprog program = {ARRAY_SIZE(filter),
                                              (struct sock_filter *)(uintptr_t)filter};

    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/* Does not return. */
static void serve(struct host *h, int in, int out)
{
    struct order *o = h->order, had = {.writes_code = false};
    char byte = 0;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (!native_switch_init() || !map_places(h->fd, o)) {
        _exit(1);
    }
    if (mmap((void *)PROGRAM_BELL_AT, 0x1000, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_POPULATE, -1,
             0) != (void *)PROGRAM_BELL_AT) {
        _exit(1);
    }
    if (guard_possible()) { /* else signals are the sanitizer's first */
        forbid_system_calls();
    }
    memset(had.rights, WORLD_READ | WORLD_WRITE, sizeof(had.rights));
    while (write(out, &byte, 1) == 1 && read(in, &byte, 1) == 1) {
        apply_rights(o, &had);
        native_enter(&o->in, &o->out, o->bits);
    }
    _exit(0);
}

/* ---- the parent -------------------------------------------------------------------------- */

/* Whether the child answers; false also when it is dead. */
static bool answers(struct host *h)
{
    struct pollfd p = {.fd = h->from_child, .events = POLLIN};
    char byte;

    return poll(&p, 1, PATIENCE_MS) == 1 && read(h->from_child, &byte, 1) == 1;
}

static void end_child(struct host *h)
{
    if (h->child > 0) {
        kill(h->child, SIGKILL);
        waitpid(h->child, NULL, 0);
        close(h->to_child);
        close(h->from_child);
        h->child = 0;
    }
}

static bool start_child(struct host *h)
{
    int down[2], up[2];

    if (pipe(down) || pipe(up)) {
        return false;
    }
    h->child = fork();
    if (h->child == 0) {
        close(down[1]);
        close(up[0]);
        serve(h, down[0], up[1]);
    }
    close(down[0]);
    close(up[1]);
    h->to_child = down[1];
    h->from_child = up[0];
    if (h->child < 0 || !answers(h)) {
        end_child(h);
        return false;
    }
    return true;
}

struct host *host_new(void)
{
    struct host *h = g_new0(struct host, 1);

    h->fd = memfd_create("program", MFD_CLOEXEC);
    h->file = MAP_FAILED;
    if (h->fd >= 0 && ftruncate(h->fd, FILE_BYTES) == 0) {
        h->file =
            mmap(NULL, FILE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, h->fd, 0);
    }
    if (h->file == MAP_FAILED) {
        host_free(h);
        return NULL;
    }
    h->order = (struct order *)(void *)(h->file + FILE_ORDER);
    if (!start_child(h)) {
        host_free(h);
        return NULL;
    }
    return h;
}

void host_free(struct host *h)
{
    if (!h) {
        return;
    }
    end_child(h);
    if (h->file != MAP_FAILED) {
        munmap(h->file, FILE_BYTES);
    }
    if (h->fd >= 0) {
        close(h->fd);
    }
    g_free(h);
}

bool host_has(const struct host *h, unsigned places)
{
    return !(places & ~h->order->places);
}

void host_begin(struct host *h, const struct program *p)
{
    struct order *o = h->order;
    char byte = 0;

    o->bits = p->bits;
    o->writes_code = p->writes_code;
    memcpy(o->rights, p->rights, sizeof(o->rights));
    if (p->demand) { /* nobody would map pages there */
        program_usual_rights(o->rights);
    }
    memcpy(h->file, p->code, PROGRAM_CODE_BYTES);
    memcpy(h->file + FILE_DATA, p->data, PROGRAM_DATA_BYTES);
    o->in = o->out = p->state;
    o->out.vector = -1;
    h->begun = write(h->to_child, &byte, 1) == 1;
}

bool host_finish(struct host *h, struct outcome *ret)
{
    bool ended = h->begun && answers(h);

    if (!ended) {
        end_child(h);
        start_child(h);
    }
    if (ret) {
        ret->state = h->order->out;
        memcpy(ret->code, h->file, PROGRAM_CODE_BYTES);
        memcpy(ret->data, h->file + FILE_DATA, PROGRAM_DATA_BYTES);
    }
    return ended;
}
