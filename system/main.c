/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The emulator's process: from the command line to the exit status.
 */
#include "system/cmdline.h"
#include "system/daemon.h"
#include "system/qtest.h"
#include "system/setup.h"

#include "block/block.h"
#include "chardev/chardev.h"
#include "hw/core/firmware.h"
#include "monitor/monitor.h"
#include "target/i386/models.h"
#include "util/rcu.h"
#include <glib-unix.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>

#define EXIT_USER_ERROR 1

struct process {
    struct config *config;
    struct machine *machine;
    GMainContext *context;
    struct main_loop loop;
    struct life life;
    struct daemon daemon;
    struct qtest *qtest;
    GPtrArray *monitors; /* struct monitor */
};

static void report(const GError *err)
{
    fprintf(stderr, "vitro: %s\n", err->message);
}

static void print_stdout(void *opaque, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void print_stdout(void *opaque, const char *fmt, ...)
{
    va_list ap;

    (void)opaque;
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
}

static bool list_backends(struct config *c)
{
    for (guint i = 0; i < c->chardevs->len; i++) {
        const char *text = g_ptr_array_index(c->chardevs, i);
        g_auto(GStrv) words = g_strsplit(text, ",", -1);

        if (strcmp(text, "help") == 0 || strcmp(text, "?") == 0) {
            return chardev_print_help(NULL, print_stdout, NULL);
        }
        if (words[0] && g_strv_contains((const char *const *)words + 1, "help")) {
            return chardev_print_help(words[0], print_stdout, NULL);
        }
    }
    return false;
}

static bool list_cpus(struct config *c)
{
    if (!c->cpu || (strcmp(c->cpu, "help") != 0 && strcmp(c->cpu, "?") != 0)) {
        return false;
    }
    x86_models_print(print_stdout, NULL);
    return true;
}

/* "help" as an argument: prints what the build has. Returns whether it did. */
static bool list_on_request(struct config *c, bool *ret_ok)
{
    g_autoptr(GError) err = NULL;

    *ret_ok = true;
    if (c->log_topics && strcmp(c->log_topics, "help") == 0) {
        list_log_topics();
        return true;
    }
    for (guint i = 0; i < c->accels->len; i++) {
        const char *text = g_ptr_array_index(c->accels, i);
        g_auto(GStrv) words = g_strsplit(text, ",", -1);

        if (strcmp(text, "help") == 0) {
            list_accels();
            return true;
        }
        if (words[0] && g_strv_contains((const char *const *)words + 1, "help")) {
            *ret_ok = list_accel_props(words[0], &err);
            goto reported;
        }
    }
    for (guint i = 0; i < c->devices->len; i++) {
        const char *text = g_ptr_array_index(c->devices, i);
        g_auto(GStrv) words = g_strsplit(text, ",", -1);

        if (strcmp(text, "help") == 0 || strcmp(text, "?") == 0) {
            list_devices();
            return true;
        }
        if (words[0] && g_strv_contains((const char *const *)words + 1, "help")) {
            *ret_ok = list_device_props(words[0], &err);
            goto reported;
        }
    }
    for (guint i = 0; i < c->objects->len; i++) {
        const char *text = g_ptr_array_index(c->objects, i);
        g_auto(GStrv) words = g_strsplit(text, ",", -1);

        if (strcmp(text, "help") == 0 || strcmp(text, "?") == 0 ||
            (words[0] && g_strv_contains((const char *const *)words + 1, "help"))) {
            list_objects();
            return true;
        }
    }
    return list_backends(c) || list_cpus(c);

reported:
    if (err) {
        report(err);
    }
    return true;
}

static bool setup_log(struct config *c, GError **error)
{
    unsigned mask = 0;

    if (c->log_file && !log_open(c->log_file, error)) {
        return false;
    }
    if (c->log_topics && !log_parse(c->log_topics, &mask, error)) {
        g_prefix_error(error, "-d: ");
        return false;
    }
    log_set_mask(mask);
    return true;
}

static gboolean end_by_signal(gpointer opaque)
{
    struct process *p = opaque;

    machine_request_shutdown(p->machine, CAUSE_HOST_SIGNAL);
    return G_SOURCE_CONTINUE;
}

static void watch_signals(struct process *p)
{
    static const int signals[] = {SIGTERM, SIGHUP, SIGINT};

    for (unsigned i = 0; i < ARRAY_SIZE(signals); i++) {
        GSource *source = g_unix_signal_source_new(signals[i]);

        g_source_set_callback(source, end_by_signal, p, NULL);
        g_source_attach(source, p->context);
        g_source_unref(source);
    }
}

static void quit_by_mux(void *opaque)
{
    struct machine *m = opaque;

    m->life->quit(m, 0);
}

static void sync_by_mux(void *opaque)
{
    struct machine *m = opaque;

    blocks_drain(m->blocks);
}

/* Everything up to a machine that waits for its first reset. Machine lock held. */
static bool build(struct process *p, GError **error)
{
    struct config *c = p->config;
    struct machine *m = p->machine;

    if (!setup_sets(c, error) || !setup_basics(m, c, error) || !setup_actions(&p->life, c, error) ||
        !setup_accel(m, c, error) || !setup_objects(m, c, error) ||
        !setup_numa_memory(m, c, error) || !setup_memory(m, c, error) || !setup_numa(m, c, error) ||
        !setup_backends(m, c, p->context, error)) {
        return false;
    }
    chardevs_on_quit(m->chardevs, quit_by_mux, m);
    chardevs_on_sync(m->chardevs, sync_by_mux, m);
    m->building = true;
    address_space_begin(&m->memory);
    address_space_begin(&m->io);
    if (!m->type->init(m, error)) {
        return false;
    }
    m->building = false;
    if (!setup_devices(m, c, error) || !setup_check_drives(m, error) ||
        (m->type->ready && !m->type->ready(m, error))) {
        return false;
    }
    address_space_commit(&m->io);
    address_space_commit(&m->memory);
    m->started = true;
    if (!setup_monitors(m, c, p->monitors, error)) {
        return false;
    }
    if (c->qtest) {
        p->qtest = qtest_new(m, c->qtest, error);
        return p->qtest;
    }
    return true;
}

static void join_vcpus(struct machine *m)
{
    lock_release(&m->lock); /* one may be on its way into a device */
    for (guint i = 0; i < m->vcpus->len; i++) {
        vcpu_join(g_ptr_array_index(m->vcpus, i));
    }
    lock_acquire(&m->lock);
}

/* Also of a machine that was built half-way. */
static void tear_down(struct process *p)
{
    struct machine *m = p->machine;
    struct chardevs *chardevs = m->chardevs;
    struct blocks *blocks = m->blocks;
    struct accel *accel = m->accel;

    join_vcpus(m);
    if (blocks) {
        blocks_drain(blocks);
    }
    qtest_free(p->qtest);
    for (guint i = 0; i < p->monitors->len; i++) {
        monitor_free(g_ptr_array_index(p->monitors, i));
    }
    g_ptr_array_unref(p->monitors);
    machine_release_devices(m);
    blocks_free(blocks);
    chardevs_free(chardevs);
    if (accel) {
        accel_free(accel);
    }
    lock_release(&m->lock);
    rcu_drain();
    machine_free(m);
    daemon_fini(&p->daemon);
}

static int run_machine(struct process *p)
{
    g_autoptr(GError) err = NULL;
    int status = EXIT_USER_ERROR;

    p->context = g_main_context_default();
    p->monitors = g_ptr_array_new();
    main_loop_init(&p->loop, p->machine, p->context);
    life_init(&p->life, p->machine, &p->loop);
    lock_acquire(&p->machine->lock);
    signal(SIGPIPE, SIG_IGN); /* a monitor's peer that leaves is no reason to end */
    if (!build(p, &err)) {
        report(err);
    } else {
        watch_signals(
            p); /* until here they end the process at once, as while it waits for a peer */
        daemon_ready(&p->daemon);
        life_start(&p->life, p->config->paused || p->config->qtest);
        status = life_run(&p->life);
    }
    tear_down(p);
    main_loop_fini(&p->loop);
    return status;
}

static void print_dir(void *opaque, const char *dir)
{
    (void)opaque;
    printf("%s\n", dir);
}

/* -L help: the folders that every machine looks for firmware in. */
static bool list_firmware_dirs(struct process *p)
{
    for (guint i = 0; i < p->config->firmware_dirs->len; i++) {
        if (strcmp(g_ptr_array_index(p->config->firmware_dirs, i), "help") == 0) {
            firmware_foreach_dir(p->machine, print_dir, NULL);
            return true;
        }
    }
    return false;
}

static bool prepare(struct process *p, bool *ret_leave, GError **error)
{
    struct config *c = p->config;

    if (!setup_log(c, error)) {
        return false;
    }
    p->machine = setup_new_machine(c, ret_leave, error);
    if (!p->machine) {
        return *ret_leave;
    }
    if (list_firmware_dirs(p)) {
        *ret_leave = true;
        return true;
    }
    if (c->daemonize && c->nographic && c->serials->len == 0) {
        return fail(error, "-daemonize cannot use the terminal: leave out -nographic, use "
                           "-display none -serial ...");
    }
    return (!c->daemonize || daemon_fork(&p->daemon, error)) &&
           (!c->pidfile || daemon_write_pidfile(&p->daemon, c->pidfile, error));
}

int main(int argc, char **argv)
{
    struct process p = {.config = config_new(), .daemon = {.ready_fd = -1, .pidfile_fd = -1}};
    g_autoptr(GError) err = NULL;
    bool ok = true, leave = false;
    int status = 0;

    switch (cmdline_parse(p.config, argc - 1, argv + 1, &err)) {
    case CMDLINE_ERROR:
        report(err);
        status = EXIT_USER_ERROR;
        goto out;
    case CMDLINE_LEAVE:
        goto out;
    case CMDLINE_OK:
        break;
    }
    if (list_on_request(p.config, &ok)) {
        status = ok ? 0 : EXIT_USER_ERROR;
        goto out;
    }
    if (!prepare(&p, &leave, &err)) {
        report(err);
        machine_free(p.machine);
        daemon_fini(&p.daemon);
        status = EXIT_USER_ERROR;
    } else if (leave) {
        machine_free(p.machine);
    } else {
        status = run_machine(&p);
    }

out:
    fflush(stdout);
    config_free(p.config);
    return status;
}
