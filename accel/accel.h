/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a vCPU engine is, and the threads that drive it.
 *
 * An accelerator (KVM, the software CPU, the device-test stand-in) is a static table of functions.
 * The core in accel/vcpu.c owns one thread per vCPU, its stop and wake-up protocol, and work that
 * other threads ask it to do. An engine runs guest code until vcpu->exit_request is set.
 *
 * Locking: vcpu->lock guards stop, stopped, queue. A vCPU thread runs guest code with no lock
 * held; it never holds vcpu->lock while it takes the machine lock.
 */
#ifndef VITRO_ACCEL_ACCEL_H
#define VITRO_ACCEL_ACCEL_H

#include "hw/core/object.h"
#include "util/linker_set.h"
#include <sys/types.h>

struct machine;
struct vcpu;
struct accel;

enum vcpu_exit {
    VCPU_EXIT_REQUEST,        /* exit_request was seen */
    VCPU_EXIT_HALTED,         /* the CPU waits for an interrupt; vcpu->halted is set */
    VCPU_EXIT_DEBUG,          /* a debugger's breakpoint, watchpoint or step */
    VCPU_EXIT_INTERNAL_ERROR, /* the engine cannot go on; the machine stops, the process lives */
};

struct accel_type {
    const char *name; /* "kvm", "tcg", "qtest" */
    const char *description;
    size_t size; /* of the struct that begins with struct accel */
    const struct property *props;

    /* Whether it can be used on this host now; the error says why not and what to do. */
    bool (*available)(GError **error);
    /* Once, before memory and vCPUs exist; the machine lock is held. */
    bool (*init)(struct accel *a, struct machine *m, GError **error);
    /* May be NULL: nothing to undo. Also after an init that failed. */
    void (*fini)(struct accel *a);
    /* On the vCPU's own thread, before its first run. */
    bool (*vcpu_init)(struct vcpu *v, GError **error);
    void (*vcpu_fini)(struct vcpu *v);
    /* Runs guest code. Called and returns without locks. */
    enum vcpu_exit (*run)(struct vcpu *v);
    /* Makes run() return soon; exit_request is set already. Any thread. May be NULL. */
    void (*kick)(struct vcpu *v);
    /* Architectural state to and from the struct that monitors, gdb, reset see. On the vCPU's
     * thread, or with the vCPU stopped. May be NULL when the struct is what the engine uses. */
    void (*pull_state)(struct vcpu *v);
    void (*push_state)(struct vcpu *v);
    /* Lines for `info kvm` / `info jit`. May be NULL. */
    void (*print_info)(struct accel *a, void (*print)(void *opaque, const char *fmt, ...),
                       void *opaque);
    bool halts_in_engine; /* run() itself waits while the CPU is halted (in-kernel irqchip) */
    bool counts;          /* does what m->icount asks for */
    bool no_vcpus;        /* CPUs exist but never run (device tests) */
};

#define ACCEL_TYPE(sym) LINKER_SET_ENTRY(accels, struct accel_type, sym)

struct accel {
    struct object obj;
    const struct accel_type *type;
    struct machine *machine;
    bool begun; /* type->init was called, so type->fini has something to look at */
};

/* NULL when there is none of that name in this build. */
const struct accel_type *accel_type_find(const char *name);
/* Names, NULL-terminated, to be g_free()d (not the strings). */
const char **accel_type_names(void);

/* Ends the engine and frees it. No vCPU thread exists any more. */
void accel_free(struct accel *a);

/* What the CPU architecture tells the vCPU core. */
struct vcpu_target {
    /* Whether a halted CPU has a reason to run. Any thread; atomics only. */
    bool (*has_work)(struct vcpu *v);
    /* To the power-on state. The vCPU is stopped. */
    void (*reset)(struct vcpu *v);
};

struct vcpu {
    struct machine *machine;
    const struct vcpu_target *target;
    struct accel *accel;
    void *cpu;    /* the architecture's CPU: struct x86_cpu */
    void *engine; /* the accelerator's own data */
    int index;
    GThread *thread; /* atomic; see vcpu_has_thread() */
    pid_t tid;       /* host thread id */

    uint32_t exit_request; /* atomic; engines look at it at block boundaries */
    bool halted;           /* atomic; set by the engine, cleared by its own thread on work */

    GMutex lock;
    GCond wake;    /* the vCPU's thread sleeps here */
    GCond changed; /* stopped or the queue changed; others wait here */
    bool stop;     /* asked to stop */
    bool stopped;  /* is stopped */
    bool leaving;  /* unplugged: the thread ends */
    bool created;  /* vcpu_init is over */
    GError *init_error;
    GQueue work;
};

/* Starts @v's thread, stopped; waits for the engine's vcpu_init. @v's fields up to accel are set.
 */
bool vcpu_start_thread(struct vcpu *v, GError **error);
/* Ends the thread, if there is one. Other vCPUs may go on to kick @v. */
void vcpu_join(struct vcpu *v);
/* As that, and frees what @v has; nobody kicks it any more. */
void vcpu_fini(struct vcpu *v);
/* Any thread. */
bool vcpu_has_thread(const struct vcpu *v);

/* The vCPU whose thread this is, or NULL. */
struct vcpu *vcpu_current(void);

/* Makes @v leave guest code and look at its requests; wakes it if it sleeps. Any thread. */
void vcpu_kick(struct vcpu *v);

/* Runs @fn(@v, @data) on the vCPU's thread between two guest instructions, and waits for it.
 * Works on stopped vCPUs. Must not be called with the machine lock held by a function that @fn
 * needs it for: the machine lock is released while waiting. */
void vcpu_run_on(struct vcpu *v, void (*fn)(struct vcpu *v, void *data), void *data);
/* As above, without waiting. */
void vcpu_run_async(struct vcpu *v, void (*fn)(struct vcpu *v, void *data), void *data);

/* Stops all vCPUs and waits until they are (the machine lock is released while waiting), or lets
 * them run. Main thread, machine lock held. From a vCPU's own thread it only asks. */
void vcpus_pause(struct machine *m);
void vcpus_resume(struct machine *m);

#endif
