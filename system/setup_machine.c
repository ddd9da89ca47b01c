/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Machine, engine, topology, clock, boot order: the parts of the set-up that are about the whole.
 */
#include "system/setup.h"

#include "system/cmdline.h"
#include "util/parse.h"
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

static const struct machine_type *default_machine(void)
{
    g_autoptr(GPtrArray) types = machine_types_sorted();

    for (guint i = 0; i < types->len; i++) {
        const struct machine_type *t = g_ptr_array_index(types, i);

        if (t->is_default) {
            return t;
        }
    }
    return NULL;
}

/* -machine accel=kvm:tcg stands for -accel kvm -accel tcg. */
static void accels_from_machine(struct config *c)
{
    const char *accel = options_get(c->machine, "accel");
    g_auto(GStrv) names = NULL;

    if (accel && c->accels->len == 0) {
        names = g_strsplit(accel, ":", -1);
        for (char **n = names; *n; n++) {
            g_ptr_array_add(c->accels, g_strdup(*n));
        }
    }
}

static bool set_machine_props(struct machine *m, struct config *c, GError **error)
{
    for (guint i = 0; i < c->machine->items->len; i++) {
        const struct option *o = g_ptr_array_index(c->machine->items, i);

        if (strcmp(o->key, "type") == 0 || strcmp(o->key, "accel") == 0) {
            continue;
        }
        if (strcmp(o->key, "kernel-irqchip") == 0 || strcmp(o->key, "kernel_irqchip") == 0) {
            continue; /* the engine's; setup_accel() takes it */
        }
        if (!object_set(&m->obj, o->key, o->value, error)) {
            g_prefix_error(error, "-machine: ");
            return false;
        }
    }
    return true;
}

struct machine *setup_new_machine(struct config *c, bool *ret_leave, GError **error)
{
    const char *name = options_get(c->machine, "type");
    const struct machine_type *type;
    struct machine *m;

    *ret_leave = false;
    if (name && (strcmp(name, "help") == 0 || strcmp(name, "?") == 0)) {
        list_machines();
        *ret_leave = true;
        return NULL;
    }
    type = name ? machine_type_find(name, error) : default_machine();
    if (!type) {
        g_prefix_error(error, "-machine: ");
        return NULL;
    }
    if (options_has(c->machine, "help") || options_has(c->machine, "?")) {
        list_machine_props(type->name);
        *ret_leave = true;
        return NULL;
    }
    if (type->deprecated) {
        warn_user("machine '%s' is deprecated: %s", type->name, type->deprecated);
    }
    accels_from_machine(c);
    m = machine_new(type);
    if (!set_machine_props(m, c, error)) {
        machine_free(m);
        return NULL;
    }
    return m;
}

/* ---- engine ---- */

/* -machine kernel-irqchip=, in either spelling; NULL when it is not given. */
static const char *kernel_irqchip(struct config *c)
{
    const char *value = options_get(c->machine, "kernel-irqchip");

    return value ? value : options_get(c->machine, "kernel_irqchip");
}

/* What the only -accel says; "" without one. A list with fall-backs has a ':'. */
static const char *text_of_accels(const struct config *c)
{
    return c->accels->len ? g_ptr_array_index(c->accels, 0) : "";
}

static bool try_accel(struct machine *m, struct config *c, const char *text, GError **error)
{
    struct options *o = options_parse("-accel", text, "accel", error);
    const char *name = o ? options_get(o, "accel") : NULL;
    const char *irqchip = kernel_irqchip(c);
    const struct accel_type *type = name ? accel_type_find(name) : NULL;
    bool ok = false;

    if (!o) {
        return false;
    }
    if (!type) {
        g_autofree const char **names = accel_type_names();
        const char *near = name ? nearest_name(name, names) : NULL;

        fail(error, "-accel: there is no engine '%s'%s%s%s", name ? name : "",
             near ? "; did you mean '" : "; '-accel help' lists them", near ? near : "",
             near ? "'?" : "");
        goto out;
    }
    if (m->icount.on && !type->counts) {
        fail(error, "-icount needs -accel tcg; engine '%s' cannot count instructions", name);
        goto out;
    }
    if (type->available && !type->available(error)) {
        g_prefix_error(error, "-accel %s: ", name);
        goto out;
    }
    m->accel = g_malloc0(MAX(type->size, sizeof(struct accel)));
    m->accel->type = type;
    m->accel->machine = m;
    object_init(&m->accel->obj, type->name, m);
    object_add_props(&m->accel->obj, type->props);
    object_add_child(&m->obj, "accel", &m->accel->obj, NULL);
    if (irqchip && strcmp(irqchip, "off") != 0 && c->accels->len <= 1 &&
        !object_find_prop(&m->accel->obj, "kernel-irqchip") && !strchr(text_of_accels(c), ':')) {
        fail(error,
             "-machine kernel-irqchip=%s needs -accel kvm; -accel %s has its interrupt "
             "controllers in this process",
             irqchip, name);
        goto out;
    }
    if (irqchip && object_find_prop(&m->accel->obj, "kernel-irqchip") &&
        !object_set(&m->accel->obj, "kernel-irqchip", irqchip, error)) {
        goto out;
    }
    for (guint i = 0; i < o->items->len; i++) {
        const struct option *item = g_ptr_array_index(o->items, i);

        if (strcmp(item->key, "accel") != 0 &&
            !object_set(&m->accel->obj, item->key, item->value, error)) {
            g_prefix_error(error, "-accel: ");
            goto out;
        }
    }
    m->accel->begun = true;
    ok = !type->init || type->init(m->accel, m, error);
    if (!ok) {
        g_prefix_error(error, "-accel %s: ", name);
    }

out:
    if (!ok && m->accel) {
        accel_free(m->accel);
    }
    options_free(o);
    return ok;
}

/* "kvm:tcg" in one -accel, or several -accel, all in order of preference. */
static GPtrArray *wanted_accels(struct config *c)
{
    GPtrArray *list = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; i < c->accels->len; i++) {
        const char *text = g_ptr_array_index(c->accels, i);
        size_t names = strcspn(text, ",");
        g_autofree char *head = g_strndup(text, names);
        g_auto(GStrv) parts = g_strsplit(head, ":", -1);

        for (char **p = parts; *p; p++) {
            g_ptr_array_add(list, g_strconcat(*p, text + names, NULL));
        }
    }
    if (list->len == 0) { /* scripts count on the software CPU when they ask for nothing */
        g_ptr_array_add(list, g_strdup(c->qtest ? "qtest" : "tcg"));
    }
    return list;
}

bool setup_accel(struct machine *m, struct config *c, GError **error)
{
    g_autoptr(GPtrArray) list = wanted_accels(c);

    for (guint i = 0; i < list->len; i++) {
        const char *text = g_ptr_array_index(list, i);
        g_autoptr(GError) why = NULL;

        if (try_accel(m, c, text, &why)) {
            return true;
        }
        if (i + 1 == list->len) {
            g_propagate_error(error, g_steal_pointer(&why));
            return false;
        }
        fprintf(stderr, "vitro: %s; falling back to %s\n", why->message,
                (const char *)g_ptr_array_index(list, i + 1));
    }
    return false;
}

/* ---- topology ---- */

static bool get_count(struct options *o, const char *key, unsigned *ret, GError **error)
{
    uint64_t v;

    if (!options_get_uint(o, key, 0, 4096, &v, error)) {
        return false;
    }
    if (options_has(o, key) && v == 0) {
        return fail(error, "-smp: %s=0: at least 1 is needed", key);
    }
    *ret = (unsigned)v;
    return true;
}

/* What is not given is worked out so that the product fits; cores are preferred to sockets. */
static void complete_topology(struct smp_config *s)
{
    unsigned max = s->max_cpus ? s->max_cpus : s->cpus;

    s->dies = MAX(s->dies, 1);
    if (!max) {
        s->sockets = MAX(s->sockets, 1);
        s->cores = MAX(s->cores, 1);
        s->threads = MAX(s->threads, 1);
    } else if (!s->cores) {
        s->sockets = MAX(s->sockets, 1);
        s->threads = MAX(s->threads, 1);
        s->cores = MAX(max / (s->sockets * s->dies * s->threads), 1);
    } else if (!s->sockets) {
        s->threads = MAX(s->threads, 1);
        s->sockets = MAX(max / (s->dies * s->cores * s->threads), 1);
    } else if (!s->threads) {
        s->threads = MAX(max / (s->sockets * s->dies * s->cores), 1);
    }
    if (!s->max_cpus) {
        s->max_cpus = s->sockets * s->dies * s->cores * s->threads;
    }
    if (!s->cpus) {
        s->cpus = s->max_cpus;
    }
}

static bool setup_smp(struct machine *m, struct config *c, GError **error)
{
    static const char *const known[] = {"cpus",  "maxcpus", "sockets", "dies",
                                        "cores", "threads", NULL};
    struct smp_config s = {0};

    if (!get_count(c->smp, "cpus", &s.cpus, error) ||
        !get_count(c->smp, "maxcpus", &s.max_cpus, error) ||
        !get_count(c->smp, "sockets", &s.sockets, error) ||
        !get_count(c->smp, "dies", &s.dies, error) ||
        !get_count(c->smp, "cores", &s.cores, error) ||
        !get_count(c->smp, "threads", &s.threads, error) || !options_unused(c->smp, known, error)) {
        return false;
    }
    complete_topology(&s);
    if (s.sockets * s.dies * s.cores * s.threads != s.max_cpus) {
        return fail(error,
                    "-smp: sockets (%u) * dies (%u) * cores (%u) * threads (%u) is not maxcpus "
                    "(%u)",
                    s.sockets, s.dies, s.cores, s.threads, s.max_cpus);
    }
    if (s.cpus > s.max_cpus) {
        return fail(error, "-smp: cpus=%u is more than maxcpus=%u", s.cpus, s.max_cpus);
    }
    if (s.max_cpus > m->type->max_cpus) {
        return fail(error, "-smp: machine '%s' has at most %u CPUs, not %u", m->type->name,
                    m->type->max_cpus, s.max_cpus);
    }
    m->smp = s;
    return true;
}

/* -icount. What the engine says to it comes in setup_accel(). */
static bool setup_icount(struct machine *m, struct config *c, GError **error)
{
    static const char *const known[] = {"shift", "sleep", "align", NULL};
    static const char *const replay[] = {"rr", "rrfile", "rrsnapshot", NULL};
    const char *shift_text = options_get(c->icount, "shift");
    uint64_t shift;
    bool align;

    if (c->icount->items->len == 0) {
        return true;
    }
    for (unsigned i = 0; replay[i]; i++) {
        if (options_has(c->icount, replay[i])) {
            return fail(error, "-icount: %s=: this version has no record and replay", replay[i]);
        }
    }
    if (!shift_text) {
        return fail(error, "-icount needs shift=N, N from 0 to %d", ICOUNT_MAX_SHIFT);
    }
    if (strcmp(shift_text, "auto") == 0) {
        return fail(error,
                    "-icount: shift=auto follows the host's speed, which this version does not; "
                    "use a fixed one, shift=0 to shift=%d",
                    ICOUNT_MAX_SHIFT);
    }
    if (!options_get_uint(c->icount, "shift", 0, ICOUNT_MAX_SHIFT, &shift, error) ||
        !options_get_bool(c->icount, "sleep", true, &m->icount.sleep, error) ||
        !options_get_bool(c->icount, "align", false, &align, error) ||
        !options_unused(c->icount, known, error)) {
        return false;
    }
    if (align) {
        return fail(error, "-icount: align=on would follow the host's time, which this version "
                           "does not; leave it out");
    }
    m->icount.shift = (unsigned)shift;
    m->icount.on = true;
    return true;
}

/* ---- boot, clock, identity ---- */

static bool check_order(const char *key, const char *order, char *ret, size_t size, GError **error)
{
    unsigned seen = 0;

    if (!order) {
        return true;
    }
    for (const char *p = order; *p; p++) {
        if (!strchr("acdn", *p)) {
            return fail(error,
                        "-boot: %s=%s: '%c' is no boot device; a floppy, c disk, d CD, n network",
                        key, order, *p);
        }
        if (seen & (1u << (*p - 'a'))) {
            return fail(error, "-boot: %s=%s names '%c' twice", key, order, *p);
        }
        seen |= 1u << (*p - 'a');
    }
    g_strlcpy(ret, order, size);
    return true;
}

static bool setup_boot(struct machine *m, struct config *c, GError **error)
{
    static const char *const known[] = {"order",  "once",        "menu",           "strict",
                                        "splash", "splash-time", "reboot-timeout", NULL};
    struct boot_config *b = &m->boot;
    uint64_t splash_ms, reboot_ms;

    if (!check_order("order", options_get(c->boot, "order"), b->order, sizeof(b->order), error) ||
        !check_order("once", options_get(c->boot, "once"), b->once, sizeof(b->once), error) ||
        !options_get_bool(c->boot, "menu", false, &b->menu, error) ||
        !options_get_bool(c->boot, "strict", false, &b->strict, error) ||
        !options_get_uint(c->boot, "splash-time", UINT16_MAX + 1, UINT16_MAX, &splash_ms, error) ||
        !options_get_uint(c->boot, "reboot-timeout", UINT16_MAX + 1, UINT16_MAX, &reboot_ms,
                          error)) {
        return false;
    }
    b->splash = g_strdup(options_get(c->boot, "splash"));
    b->splash_time_ms = splash_ms > UINT16_MAX ? -1 : (int)splash_ms;
    b->reboot_timeout_ms = reboot_ms > UINT16_MAX ? -1 : (int)reboot_ms;
    b->kernel = g_strdup(c->kernel);
    b->initrd = g_strdup(c->initrd);
    b->append = g_strdup(c->append);
    b->dtb = g_strdup(c->dtb);
    b->firmware = g_strdup(c->bios);
    if (!c->kernel && (c->initrd || c->append || c->dtb)) {
        return fail(error, "-%s needs -kernel",
                    c->initrd   ? "initrd"
                    : c->append ? "append"
                                : "dtb");
    }
    return options_unused(c->boot, known, error);
}

/* base=: nanoseconds that the guest's clock is ahead of the host's UTC. */
static bool rtc_base(const char *base, struct machine *m, GError **error)
{
    g_autoptr(GDateTime) utc_now = g_date_time_new_now_utc();
    g_autoptr(GTimeZone) utc = g_time_zone_new_utc();
    g_autoptr(GDateTime) at = NULL;
    g_autofree char *iso = NULL;

    if (strcmp(base, "utc") == 0) {
        return true;
    }
    if (strcmp(base, "localtime") == 0) {
        g_autoptr(GDateTime) local = g_date_time_new_now_local();

        m->rtc_offset_ns = g_date_time_get_utc_offset(local) * 1000;
        return true;
    }
    iso = strchr(base, 'T') ? g_strdup(base) : g_strconcat(base, "T00:00:00", NULL);
    at = g_date_time_new_from_iso8601(iso, utc);
    if (!at) {
        return fail(error,
                    "-rtc: base=%s is none of 'utc', 'localtime', a date 2026-05-01 or a time "
                    "2026-05-01T12:00:00",
                    base);
    }
    m->rtc_offset_ns = g_date_time_difference(at, utc_now) * 1000;
    m->rtc_base_set = true; /* to the nanosecond, however long the set-up takes */
    m->rtc_base_ns = g_date_time_to_unix(at) * NS_PER_SEC + g_date_time_get_microsecond(at) * 1000;
    return true;
}

static bool setup_rtc(struct machine *m, struct config *c, GError **error)
{
    static const char *const clocks[] = {"host", "rt", "vm", NULL};
    static const char *const fixes[] = {"none", "slew", NULL};
    static const char *const known[] = {"base", "clock", "driftfix", NULL};
    static const enum clock_kind kinds[] = {CLOCK_KIND_HOST, CLOCK_KIND_REAL, CLOCK_KIND_VIRTUAL};
    const char *base = options_get(c->rtc, "base");
    unsigned clock, fix;

    if (!options_get_enum(c->rtc, "clock", clocks, 0, &clock, error) ||
        !options_get_enum(c->rtc, "driftfix", fixes, 0, &fix, error) ||
        !options_unused(c->rtc, known, error)) {
        return false;
    }
    m->rtc_clock = (int)kinds[clock];
    m->rtc_slew = fix == 1;
    return rtc_base(base ? base : "utc", m, error);
}

static bool setup_name(struct machine *m, struct config *c, GError **error)
{
    static const char *const known[] = {"guest", "process", "debug-threads", NULL};
    struct options *o;
    bool ok;

    if (!c->name) {
        return true;
    }
    o = options_parse("-name", c->name, "guest", error);
    if (!o) {
        return false;
    }
    m->name = g_strdup(options_get(o, "guest"));
    ok = options_get_bool(o, "debug-threads", false, &m->debug_thread_names, error);
    if (ok && options_has(o, "process")) {
        g_set_prgname(options_get(o, "process"));
        prctl(PR_SET_NAME, g_get_prgname(), 0, 0, 0); /* what ps shows */
    }
    ok = ok && options_unused(o, known, error);
    options_free(o);
    return ok;
}

static void copy_texts(GPtrArray *to, const GPtrArray *from)
{
    for (guint i = 0; i < from->len; i++) {
        g_ptr_array_add(to, g_strdup(g_ptr_array_index(from, i)));
    }
}

static bool setup_globals(struct machine *m, struct config *c, GError **error)
{
    for (guint i = 0; i < c->globals->len; i++) {
        const char *text = g_ptr_array_index(c->globals, i);
        const char *eq = strchr(text, '='), *dot = eq ? memchr(text, '.', (size_t)(eq - text)) : 0;
        struct global_prop *g;
        g_autofree char *driver = NULL;

        if (!dot) {
            return fail(error, "-global '%s' is not of the form DRIVER.PROPERTY=VALUE", text);
        }
        driver = g_strndup(text, (gsize)(dot - text));
        if (!device_type_find(driver, error)) {
            g_prefix_error(error, "-global %s: ", text);
            return false;
        }
        g = g_new0(struct global_prop, 1);
        g->driver = g_steal_pointer(&driver);
        g->name = g_strndup(dot + 1, (gsize)(eq - dot - 1));
        g->value = g_strdup(eq + 1);
        g_ptr_array_add(m->globals, g);
    }
    return true;
}

bool setup_basics(struct machine *m, struct config *c, GError **error)
{
    if (!setup_name(m, c, error) || !setup_smp(m, c, error) || !setup_icount(m, c, error) ||
        !setup_boot(m, c, error) || !setup_rtc(m, c, error) || !setup_globals(m, c, error)) {
        return false;
    }
    if (c->uuid) {
        if (!parse_uuid(c->uuid, m->uuid, error)) {
            g_prefix_error(error, "-uuid: ");
            return false;
        }
        m->uuid_set = true;
    }
    m->cpu_model = g_strdup(c->cpu);
    if (c->vga && strcmp(c->vga, "std") != 0 && strcmp(c->vga, "none") != 0) {
        return fail(error, "-vga %s: this version has 'std' and 'none'", c->vga);
    }
    m->no_default_vga = c->vga ? strcmp(c->vga, "none") == 0 : c->no_defaults;
    m->no_default_floppy = m->no_default_cdrom = c->no_defaults;
    if (c->nographic && object_find_prop(&m->obj, "graphics") &&
        !object_set(&m->obj, "graphics", "off", error)) { /* firmware speaks on the serial port */
        return false;
    }
    if (c->display && strcmp(c->display, "none") != 0) {
        return fail(error,
                    "-display %s: this version has 'none'; -nographic puts the serial port "
                    "on the terminal",
                    c->display);
    }
    copy_texts(m->smbios_options, c->smbios);
    copy_texts(m->acpi_options, c->acpi_tables);
    copy_texts(m->fw_cfg_options, c->fw_cfg);
    if (c->firmware_dirs->len) {
        m->firmware_dirs = g_ptr_array_new_with_free_func(g_free);
        copy_texts(m->firmware_dirs, c->firmware_dirs);
    }
    return true;
}

bool setup_actions(struct life *l, struct config *c, GError **error)
{
    static const char *const reboots[] = {"reset", "shutdown", NULL};
    static const char *const shutdowns[] = {"poweroff", "pause", NULL};
    static const char *const panics[] = {"shutdown", "pause", "exit-failure", "none", NULL};
    static const char *const known[] = {"reboot", "shutdown", "panic", NULL};
    unsigned reboot, shutdown, panic;

    if (!options_get_enum(c->action, "reboot", reboots, 0, &reboot, error) ||
        !options_get_enum(c->action, "shutdown", shutdowns, 0, &shutdown, error) ||
        !options_get_enum(c->action, "panic", panics, 0, &panic, error) ||
        !options_unused(c->action, known, error)) {
        return false;
    }
    l->on_reboot = c->no_reboot ? REBOOT_SHUTDOWN : (enum reboot_action)reboot;
    l->on_shutdown = c->no_shutdown ? SHUTDOWN_PAUSE : (enum shutdown_action)shutdown;
    l->on_panic = (enum panic_policy)panic;
    if (c->no_shutdown && !options_has(c->action, "panic")) {
        l->on_panic = ON_PANIC_PAUSE;
    }
    return true;
}
