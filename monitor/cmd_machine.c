/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Monitor commands about the machine as a whole: running, stopping, resetting, what it is.
 */
#include "monitor/hmp.h"

#include <string.h>

static void run_stop(struct monitor *mon, const struct hmp_args *args)
{
    struct machine *m = monitor_machine(mon);

    (void)args;
    m->life->stop(m);
}

static const struct hmp_command stop_command = {
    .name = "stop",
    .alias = "s",
    .help = "stop emulation",
    .run = run_stop,
};
HMP_COMMAND(stop_command);

static void run_cont(struct monitor *mon, const struct hmp_args *args)
{
    struct machine *m = monitor_machine(mon);
    GError *error = NULL;

    (void)args;
    if (!m->life->cont(m, &error)) {
        monitor_error(mon, error);
    }
}

static const struct hmp_command cont_command = {
    .name = "cont",
    .alias = "c",
    .help = "resume emulation",
    .run = run_cont,
};
HMP_COMMAND(cont_command);

static void run_quit(struct monitor *mon, const struct hmp_args *args)
{
    struct machine *m = monitor_machine(mon);

    (void)args;
    monitor_end(mon);
    m->life->quit(m, 0);
}

static const struct hmp_command quit_command = {
    .name = "quit",
    .alias = "q",
    .help = "quit the emulator",
    .run = run_quit,
};
HMP_COMMAND(quit_command);

static void run_system_reset(struct monitor *mon, const struct hmp_args *args)
{
    (void)args;
    machine_request_reset(monitor_machine(mon), CAUSE_HOST_QMP_SYSTEM_RESET);
}

static const struct hmp_command system_reset_command = {
    .name = "system_reset",
    .help = "reset the system",
    .run = run_system_reset,
};
HMP_COMMAND(system_reset_command);

static void run_system_powerdown(struct monitor *mon, const struct hmp_args *args)
{
    struct machine *m = monitor_machine(mon);

    (void)args;
    m->life->powerdown(m);
}

static const struct hmp_command system_powerdown_command = {
    .name = "system_powerdown",
    .help = "press the power button: the guest is asked to shut down",
    .run = run_system_powerdown,
};
HMP_COMMAND(system_powerdown_command);

static void run_system_wakeup(struct monitor *mon, const struct hmp_args *args)
{
    struct machine *m = monitor_machine(mon);

    (void)args;
    if (m->run_state != RUN_SUSPENDED) {
        monitor_printf(mon, "Error: the machine is not suspended\n");
        return;
    }
    machine_request_wakeup(m);
}

static const struct hmp_command system_wakeup_command = {
    .name = "system_wakeup",
    .help = "wake the guest from suspend",
    .run = run_system_wakeup,
};
HMP_COMMAND(system_wakeup_command);

static void run_boot_set(struct monitor *mon, const struct hmp_args *args)
{
    struct boot_config *boot = &monitor_machine(mon)->boot;
    const char *order = hmp_text(args, "bootdevice");
    unsigned seen = 0;

    for (const char *p = order; *p; p++) {
        if (!strchr("acdn", *p)) {
            monitor_printf(mon,
                           "Error: invalid boot device '%c': a is the floppy, c the disk, "
                           "d the CD, n the network\n",
                           *p);
            return;
        }
        if (seen & 1u << (*p - 'a')) {
            monitor_printf(mon, "Error: boot device '%c' was given twice\n", *p);
            return;
        }
        seen |= 1u << (*p - 'a');
    }
    g_strlcpy(boot->order, order, sizeof(boot->order));
    boot->once[0] = '\0';
    monitor_printf(mon, "boot device list now set to %s\n", boot->order);
}

static const struct hmp_arg boot_set_args[] = {
    {"bootdevice", HMP_WORD},
    {0},
};

static const struct hmp_command boot_set_command = {
    .name = "boot_set",
    .args = boot_set_args,
    .help = "define new values for the boot device list, from the next reset on",
    .run = run_boot_set,
};
HMP_COMMAND(boot_set_command);

/* ---- info ---- */

static void run_info_version(struct monitor *mon, const struct hmp_args *args)
{
    (void)args;
    monitor_printf(mon, "%s\n", CONFIG_VERSION);
}

static const struct hmp_command info_version = {
    .name = "version",
    .help = "show the version of vitro",
    .run = run_info_version,
};
HMP_INFO(info_version);

static void run_info_status(struct monitor *mon, const struct hmp_args *args)
{
    const struct machine *m = monitor_machine(mon);
    bool plain = m->run_state == RUN_RUNNING || m->run_state == RUN_PAUSED;

    (void)args;
    monitor_printf(mon, "VM status: %s", m->run_state == RUN_RUNNING ? "running" : "paused");
    if (!plain) {
        monitor_printf(mon, " (%s)", run_state_name(m->run_state));
    }
    monitor_printf(mon, "\n");
}

static const struct hmp_command info_status = {
    .name = "status",
    .help = "show whether the guest runs",
    .run = run_info_status,
};
HMP_INFO(info_status);

static void run_info_name(struct monitor *mon, const struct hmp_args *args)
{
    const struct machine *m = monitor_machine(mon);

    (void)args;
    if (m->name) {
        monitor_printf(mon, "%s\n", m->name);
    }
}

static const struct hmp_command info_name = {
    .name = "name",
    .help = "show the guest's name",
    .run = run_info_name,
};
HMP_INFO(info_name);

static void run_info_uuid(struct monitor *mon, const struct hmp_args *args)
{
    const uint8_t *u = monitor_machine(mon)->uuid;

    (void)args;
    for (unsigned i = 0; i < 16; i++) {
        monitor_printf(mon, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", u[i]);
    }
    monitor_printf(mon, "\n");
}

static const struct hmp_command info_uuid = {
    .name = "uuid",
    .help = "show the guest's UUID",
    .run = run_info_uuid,
};
HMP_INFO(info_uuid);

static bool accel_is(const struct machine *m, const char *name)
{
    return m->accel && strcmp(m->accel->type->name, name) == 0;
}

static void print_accel(struct monitor *mon)
{
    struct accel *a = monitor_machine(mon)->accel;

    if (a->type->print_info) {
        a->type->print_info(a, monitor_print, mon);
    }
}

static void run_info_kvm(struct monitor *mon, const struct hmp_args *args)
{
    bool on = accel_is(monitor_machine(mon), "kvm");

    (void)args;
    monitor_printf(mon, "kvm support: %s\n", on ? "enabled" : "disabled");
    if (on) {
        print_accel(mon);
    }
}

static const struct hmp_command info_kvm = {
    .name = "kvm",
    .help = "show whether KVM runs the guest, and its counters",
    .run = run_info_kvm,
};
HMP_INFO(info_kvm);

static void run_info_jit(struct monitor *mon, const struct hmp_args *args)
{
    (void)args;
    if (accel_is(monitor_machine(mon), "tcg")) {
        print_accel(mon);
    } else {
        monitor_printf(mon, "JIT information is only available with accel=tcg\n");
    }
}

static const struct hmp_command info_jit = {
    .name = "jit",
    .help = "show the counters of the software CPU",
    .run = run_info_jit,
};
HMP_INFO(info_jit);

static void run_info_numa(struct monitor *mon, const struct hmp_args *args)
{
    const GArray *nodes = monitor_machine(mon)->numa;
    unsigned count = nodes ? nodes->len : 0;

    (void)args;
    monitor_printf(mon, "%u nodes\n", count);
    for (unsigned i = 0; i < count; i++) {
        const struct numa_node *n = &g_array_index(nodes, struct numa_node, i);

        monitor_printf(mon, "node %u cpus:", i);
        for (unsigned c = 0; n->cpus && c < n->cpus->len; c++) {
            monitor_printf(mon, " %u", g_array_index(n->cpus, unsigned, c));
        }
        monitor_printf(mon, "\nnode %u size: %" G_GUINT64_FORMAT " MB\n", i,
                       (uint64_t)(n->mem_bytes / MiB));
    }
}

static const struct hmp_command info_numa = {
    .name = "numa",
    .help = "show the NUMA nodes",
    .run = run_info_numa,
};
HMP_INFO(info_numa);
