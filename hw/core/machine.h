/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine: everything of one guest hangs off this struct.
 *
 * Boards fill it, devices ask it. What a reset, shutdown or stop means for the process is the life
 * cycle's matter (system/), which fills struct machine_life.
 */
#ifndef VITRO_HW_CORE_MACHINE_H
#define VITRO_HW_CORE_MACHINE_H

#include "accel/accel.h"
#include "hw/core/device.h"
#include "util/event.h"

struct chardevs;
struct blocks;
struct input_hub;
struct consoles;

enum panic_action {
    PANIC_HALTED, /* the guest has crashed */
    PANIC_KDUMP,  /* it has crashed and runs a crash kernel */
};

/* Why the machine resets, stops or ends; names in machine_cause_names[]. */
enum machine_cause {
    CAUSE_NONE,
    CAUSE_HOST_ERROR,
    CAUSE_HOST_QMP_QUIT,
    CAUSE_HOST_QMP_SYSTEM_RESET,
    CAUSE_HOST_SIGNAL,
    CAUSE_HOST_UI,
    CAUSE_GUEST_SHUTDOWN,
    CAUSE_GUEST_RESET,
    CAUSE_GUEST_PANIC,
    CAUSE_SUBSYSTEM_RESET,
};

enum run_state {
    RUN_PRELAUNCH, /* -S, nothing has run yet */
    RUN_RUNNING,
    RUN_PAUSED,
    RUN_SHUTDOWN, /* the guest has shut down and -no-shutdown keeps the process */
    RUN_SUSPENDED,
    RUN_GUEST_PANICKED,
    RUN_INTERNAL_ERROR,
    RUN_IO_ERROR,
    RUN_DEBUG,
    RUN_WATCHDOG,
};

/* "running", "internal-error", ... */
const char *run_state_name(enum run_state s);
const char *machine_cause_name(enum machine_cause c);

/* What system/ does for the layers below. Any thread; each only asks, the main loop acts. */
struct machine_life {
    void (*request_reset)(struct machine *m, enum machine_cause cause);
    void (*request_shutdown)(struct machine *m, enum machine_cause cause);
    /* The process ends with this status (isa-debug-exit). */
    void (*request_exit)(struct machine *m, int status);
    void (*request_suspend)(struct machine *m);
    void (*request_wakeup)(struct machine *m);
    /* The machine stops in this state, process alive. */
    void (*request_stop)(struct machine *m, enum run_state state);
    void (*panicked)(struct machine *m, enum panic_action action);

    /* For monitors: at once, in the main thread with the machine lock held. */
    void (*stop)(struct machine *m); /* to RUN_PAUSED; nothing when it does not run */
    bool (*cont)(struct machine *m, GError **error);
    void (*powerdown)(struct machine *m); /* presses the power button */
    /* Ends the process with @status once the main loop is back in control. */
    void (*quit)(struct machine *m, int status);

    /* For the main loop: whether anything above was asked for, and doing it. */
    bool (*has_requests)(struct machine *m);
    void (*serve_requests)(struct machine *m);
    /* Makes and plugs what a -device text describes. NULL on error. */
    struct device *(*device_add)(struct machine *m, const char *text, GError **error);
};

struct smp_config {
    unsigned cpus, max_cpus, sockets, dies, cores, threads;
};

struct fw_cfg;
struct chardevs;
struct blocks;

struct numa_node {
    uint64_t mem_bytes;
    GArray *cpus; /* unsigned: CPU indexes */
};

struct boot_config {
    char order[8]; /* letters a c d n; "" means the board's default */
    char once[8];
    bool menu, strict;
    int splash_time_ms, reboot_timeout_ms; /* -1: not set */
    char *splash;
    char *kernel, *initrd, *append, *dtb;
    char *firmware; /* -bios; NULL: the board's default when one is needed */
};

/* -icount: virtual time is the number of instructions executed, times 2^shift ns. */
#define ICOUNT_MAX_SHIFT 10
struct icount_config {
    bool on;
    unsigned shift;
    bool sleep; /* idle time passes at the host's pace, else at once */
};

struct machine_type {
    const char *name;  /* "pc-i440fx-1.0" */
    const char *alias; /* "pc" or NULL */
    const char *description;
    bool is_default;
    const char *deprecated; /* why, or NULL */
    unsigned max_cpus;
    size_t size; /* of the board struct that begins with struct machine; see machine_new() */
    const struct property *props; /* -machine key=value */
    /* Builds the board: RAM, CPUs, chips. Machine lock held. */
    bool (*init)(struct machine *m, GError **error);
    /* After -device's have been realized: firmware tables, boot. */
    bool (*ready)(struct machine *m, GError **error);
    /* Frees what init made beyond devices. May be NULL. */
    void (*fini)(struct machine *m);
    /* vCPU @index is to be plugged at run time; NULL when the board cannot. */
    bool (*add_cpu)(struct machine *m, unsigned index, GError **error);
};

#define MACHINE_TYPE(sym) LINKER_SET_ENTRY(machines, struct machine_type, sym)

const struct machine_type *machine_type_find(const char *name, GError **error);
GPtrArray *machine_types_sorted(void);

struct machine {
    struct object obj; /* "/machine"; its properties are -machine's */
    const struct machine_type *type;
    struct lock lock; /* the machine lock */
    GCond vcpus_changed;

    struct clock clock_virtual, clock_real, clock_host;
    struct event_hub events;

    struct region memory_root, io_root;
    struct address_space memory, io;
    struct ram_block *ram; /* main memory; the board maps it */
    uint64_t ram_bytes, max_ram_bytes;
    GPtrArray *ram_blocks; /* every struct ram_block of the guest */
    char *ram_backend_id;  /* -machine memory-backend= */
    bool mem_merge, dump_guest_core;

    struct accel *accel;
    GPtrArray *vcpus; /* struct vcpu */
    struct smp_config smp;
    struct icount_config icount;
    GArray *numa;    /* struct numa_node */
    char *cpu_model; /* -cpu, or NULL for the default */

    GPtrArray *roots;   /* devices without a bus, in order of realize */
    GPtrArray *buses;   /* every struct bus */
    GPtrArray *globals; /* struct global_prop: -global and the board's compat rows */
    struct object *peripheral, *peripheral_anon, *unattached, *objects;
    unsigned next_anonymous; /* number of the next device without an id */
    bool building;           /* the board's init runs: its devices are /machine/unattached */
    bool started;            /* from here on devices are hot plugged */

    struct boot_config boot;
    char *name; /* -name, or NULL */
    uint8_t uuid[16];
    bool uuid_set;
    bool no_hpet, no_acpi; /* set by machine properties hpet=, acpi= */
    int64_t rtc_offset_ns; /* guest's RTC minus host's UTC at start */
    bool rtc_base_set;     /* the RTC starts at exactly rtc_base_ns, in UTC since 1970 */
    int64_t rtc_base_ns;
    int rtc_clock; /* enum clock_kind that the RTC follows */
    bool rtc_slew; /* driftfix=slew */
    bool debug_thread_names;
    GPtrArray *smbios_options; /* char *: -smbios arguments */
    GPtrArray *acpi_options;   /* char *: -acpitable arguments */
    GPtrArray *fw_cfg_options; /* char *: -fw_cfg arguments */
    GPtrArray *firmware_dirs;  /* char *: -L; NULL when none */
    GPtrArray *rom_blobs;      /* struct rom_blob; made by rom_blob_add(), freed with the machine */
    struct fw_cfg *fw_cfg;     /* the board's, or NULL: see hw/misc/fw_cfg.h */

    /* Default back-ends of the board's ports, by chardev id; NULL: no port. */
    char *serial_chardevs[4], *parallel_chardevs[3];
    bool no_default_vga, no_default_floppy, no_default_cdrom; /* -nodefaults, -vga none */
    GPtrArray *boot_entries; /* struct boot_entry; hw/core/bootindex.h; NULL when none */

    struct chardevs *chardevs; /* -chardev's; NULL: there are none */
    struct blocks *blocks;     /* -drive's; NULL: there are none */
    struct input_hub *input;   /* both made on first use, see hw/core/machine_ui.h */
    struct consoles *consoles;

    enum run_state run_state;
    const struct machine_life *life;
    void *life_data;
    GSList *reset_handlers;
    GSList *notifiers[8]; /* by enum machine_notice */
    GSList *info;         /* hw/core/info.h */
    uint64_t resets;
    bool waking; /* the reset under way is the one that leaves S3 */
};

struct global_prop {
    char *driver, *name, *value;
    bool optional; /* a compat row for a device that this build may lack */
    bool used;
};

/* A machine of @type with its properties at their defaults, clocks and address spaces set up. */
struct machine *machine_new(const struct machine_type *type);
/* Takes all devices and buses out; back-ends may go after it. vCPUs have been joined. */
void machine_release_devices(struct machine *m);
/* vCPUs have been joined. NULL is fine. */
void machine_free(struct machine *m);

/* Called at each reset after all devices, in order of registration (CPUs, firmware loaders). */
void machine_add_reset(struct machine *m, void (*reset)(void *opaque), void *opaque);
void machine_remove_reset(struct machine *m, void (*reset)(void *opaque), void *opaque);
/* All devices and handlers to power-on state. vCPUs stopped, machine lock held. */
void machine_reset(struct machine *m);

/* Moments that devices and boards want to hear of, in the main thread with the machine lock. */
enum machine_notice {
    NOTICE_POWERDOWN, /* someone pressed the power button */
    NOTICE_SUSPEND,   /* the guest enters S3 */
    NOTICE_WAKEUP,    /* it leaves S3 */
    NOTICE_RUNNING,   /* guest time starts or goes on */
    NOTICE_STOPPED,   /* guest time has stopped */
    NOTICE_EXIT,      /* the process is about to end */
};
void machine_on(struct machine *m, enum machine_notice notice, void (*fn)(void *opaque),
                void *opaque);
void machine_off(struct machine *m, enum machine_notice notice, void (*fn)(void *opaque),
                 void *opaque);
void machine_notify(struct machine *m, enum machine_notice notice);

/* Waits until what devices asked of drives is done. Machine lock held. */
void machine_settle(struct machine *m);

/* Requests by devices; see struct machine_life. */
void machine_request_reset(struct machine *m, enum machine_cause cause);
void machine_request_shutdown(struct machine *m, enum machine_cause cause);
void machine_request_exit(struct machine *m, int status);
void machine_request_suspend(struct machine *m);
void machine_request_wakeup(struct machine *m);
void machine_request_stop(struct machine *m, enum run_state state);
void machine_guest_panicked(struct machine *m, enum panic_action action);

/* Keeps @b on the machine's list (info, dump, migration) and owns it from here on. */
void machine_add_ram(struct machine *m, struct ram_block *b);

#endif
