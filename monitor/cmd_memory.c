/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Monitor commands about memory and I/O ports: x, xp, print, i, o, saving and summing ranges.
 */
#include "monitor/cpu.h"

#include "util/bytes.h"
#include "util/rcu.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define CHUNK      4096
#define INSN_BYTES 15   /* the longest instruction */
#define CODE_MAX   4096 /* instructions in one go */
#define LINE_BYTES 16

/* Guest memory as a command reads it: linear addresses of a CPU, or physical ones. */
struct reader {
    struct machine *machine;
    struct vcpu *v; /* NULL: physical */
    uint64_t addr;
    void *buf;
    uint64_t len;
    bool ok;
    unsigned code_bits; /* of the CPU, for disassembly */
};

static void read_linear(struct x86_cpu *cpu, void *data)
{
    struct reader *r = data;

    r->ok = x86_debug_read(cpu, r->addr, r->buf, r->len);
}

static bool read_guest(struct reader *r, uint64_t addr, void *buf, uint64_t len)
{
    r->addr = addr;
    r->buf = buf;
    r->len = len;
    if (r->v) {
        cpu_at_rest(r->v, read_linear, r);
        return r->ok;
    }
    return address_space_read(&r->machine->memory, addr, buf, len, MEM_ATTRS_NONE) == MEM_OK;
}

static bool reader_init(struct reader *r, struct monitor *mon, bool linear)
{
    *r = (struct reader){.machine = monitor_machine(mon)};
    if (linear) {
        r->v = cpu_or_complain(mon);
    }
    return !linear || r->v;
}

/* ---- x, xp ---- */

static void print_char(struct monitor *mon, unsigned char c)
{
    if (c == '\'' || c == '\\') {
        monitor_printf(mon, "'\\%c'", c);
    } else if (g_ascii_isprint(c)) {
        monitor_printf(mon, "'%c'", c);
    } else if (c == '\n' || c == '\r') {
        monitor_printf(mon, "'\\%c'", c == '\n' ? 'n' : 'r');
    } else {
        monitor_printf(mon, "'\\x%02x'", c);
    }
}

/* One value in a column of the width that its format needs. */
static void print_value(struct monitor *mon, uint64_t v, char letter, unsigned size)
{
    static const uint8_t octal_digits[9] = {0, 3, 6, 0, 11, 0, 0, 0, 22};
    static const uint8_t decimal_digits[9] = {0, 3, 5, 0, 10, 0, 0, 0, 20};
    int64_t s = (int64_t)(v << (64 - 8 * size)) >> (64 - 8 * size);

    switch (letter) {
    case 'o':
        monitor_printf(mon, "0%0*" PRIo64, octal_digits[size], v);
        break;
    case 'u':
        monitor_printf(mon, "%*" PRIu64, decimal_digits[size], v);
        break;
    case 'd':
        monitor_printf(mon, "%*" PRId64, decimal_digits[size] + 1, s);
        break;
    case 'c':
        print_char(mon, v);
        break;
    default:
        monitor_printf(mon, "0x%0*" PRIx64, (int)size * 2, v);
        break;
    }
}

static void find_code_bits(struct x86_cpu *cpu, void *data)
{
    struct reader *r = data;

    r->code_bits = x86_is_64(cpu) ? 64 : cpu->mode & MODE_CODE32 ? 32 : 16;
}

/* The first @count lines of @text. */
static void print_lines(struct monitor *mon, const char *text, unsigned count)
{
    for (; count && *text; count--) {
        size_t len = strcspn(text, "\n");

        monitor_printf(mon, "%.*s\n", (int)len, text);
        text += len + (text[len] == '\n');
    }
}

/* As much of @len bytes as is readable: the end may lie in a page that is not there. */
static size_t read_code(struct reader *r, uint64_t addr, uint8_t *code, size_t len)
{
    size_t got = 0, n;

    for (n = 64; got < len && n; n = n == 64 ? 1 : 0) {
        while (got < len && read_guest(r, addr + got, code + got, MIN(n, len - got))) {
            got += MIN(n, len - got);
        }
    }
    return got;
}

static void dump_code(struct monitor *mon, struct reader *r, uint64_t addr, unsigned count)
{
    struct vcpu *v = r->v ? r->v : cpu_or_complain(mon);
    size_t len = (size_t)MIN(count, CODE_MAX) * INSN_BYTES, got;
    g_autofree uint8_t *code = g_malloc(len);
    GString *text;

    if (!v) {
        return;
    }
    cpu_at_rest(v, find_code_bits, r);
    got = read_code(r, addr, code, len);
    if (!got) {
        monitor_printf(mon, "%016" PRIx64 ": Cannot access memory\n", addr);
        return;
    }
    text = g_string_new(NULL);
    x86_disassemble(code, got, addr, r->code_bits, print_to_string, text);
    print_lines(mon, text->str, count);
    g_string_free(text, TRUE);
}

static void dump_data(struct monitor *mon, struct reader *r, uint64_t addr,
                      const struct hmp_format *f)
{
    unsigned per_line = f->letter == 'c' ? 8 : LINE_BYTES / f->size, left = f->count;
    uint8_t buf[LINE_BYTES];

    while (left) {
        unsigned n = MIN(left, per_line);

        monitor_printf(mon, "%016" PRIx64 ":", addr);
        if (!read_guest(r, addr, buf, n * f->size)) {
            monitor_printf(mon, " Cannot access memory\n");
            return;
        }
        for (unsigned i = 0; i < n; i++) {
            monitor_printf(mon, " ");
            print_value(mon, load_le(buf + i * f->size, f->size), f->letter, f->size);
        }
        monitor_printf(mon, "\n");
        addr += n * f->size;
        left -= n;
    }
}

static void dump(struct monitor *mon, const struct hmp_args *args, bool linear)
{
    struct hmp_format f = args->format;
    uint64_t addr = hmp_number(args, "addr", 0);
    struct reader r;

    if (!reader_init(&r, mon, linear)) {
        return;
    }
    if (f.letter == 'i') {
        dump_code(mon, &r, addr, f.count);
        return;
    }
    f.letter = f.letter ? f.letter : 'x';
    f.size = f.letter == 'c' ? 1 : f.size ? f.size : 4;
    dump_data(mon, &r, addr, &f);
}

static void run_x(struct monitor *mon, const struct hmp_args *args)
{
    dump(mon, args, /* linear= */ true);
}

static void run_xp(struct monitor *mon, const struct hmp_args *args)
{
    dump(mon, args, /* linear= */ false);
}

#define FORMAT_DETAILS                                                                             \
    "    /fmt is /COUNT FORMAT SIZE without blanks: /8xw, /3i. Formats are x d u o c and i for\n"  \
    "    instructions; sizes are b, h, w, g for 1, 2, 4, 8 bytes."

static const struct hmp_arg x_args[] = {
    {"fmt", HMP_FORMAT},
    {"addr", HMP_NUMBER},
    {0},
};

static const struct hmp_command x_command = {
    .name = "x",
    .args = x_args,
    .help = "virtual memory dump starting at 'addr'",
    .details = FORMAT_DETAILS,
    .run = run_x,
};
HMP_COMMAND(x_command);

static const struct hmp_command xp_command = {
    .name = "xp",
    .args = x_args,
    .help = "physical memory dump starting at 'addr'",
    .details = FORMAT_DETAILS,
    .run = run_xp,
};
HMP_COMMAND(xp_command);

/* ---- print ---- */

static void run_print(struct monitor *mon, const struct hmp_args *args)
{
    uint64_t v = hmp_number(args, "expr", 0);

    switch (args->format.letter) {
    case 'x':
        monitor_printf(mon, "0x%" PRIx64 "\n", v);
        break;
    case 'o':
        monitor_printf(mon, "0%" PRIo64 "\n", v);
        break;
    case 'u':
        monitor_printf(mon, "%" PRIu64 "\n", v);
        break;
    case 'c':
        print_char(mon, v);
        monitor_printf(mon, "\n");
        break;
    default:
        monitor_printf(mon, "%" PRId64 "\n", (int64_t)v);
        break;
    }
}

static const struct hmp_arg print_args[] = {
    {"fmt", HMP_FORMAT},
    {"expr", HMP_NUMBER},
    {0},
};

static const struct hmp_command print_command = {
    .name = "print",
    .alias = "p",
    .args = print_args,
    .help = "print the value of an expression ($reg is a CPU register)",
    .run = run_print,
};
HMP_COMMAND(print_command);

/* ---- i, o ---- */

static unsigned port_size(const struct hmp_args *args)
{
    return args->format.size ? MIN(args->format.size, 4) : 1;
}

static char size_letter(unsigned size)
{
    return size == 1 ? 'b' : size == 2 ? 'w' : 'l';
}

static bool check_port(struct monitor *mon, int64_t port)
{
    if (port < 0 || port > 0xffff) {
        monitor_printf(mon, "Error: I/O ports are 0 to 0xffff\n");
        return false;
    }
    return true;
}

static void run_i(struct monitor *mon, const struct hmp_args *args)
{
    struct address_space *io = &monitor_machine(mon)->io;
    int64_t port = hmp_number(args, "addr", 0), index = hmp_number(args, "index", -1);
    unsigned size = port_size(args);
    uint64_t v;

    if (!check_port(mon, port)) {
        return;
    }
    if (index >= 0) { /* an index register, its data register after it */
        address_space_store(io, port, (uint8_t)index, 1, MEM_ATTRS_NONE);
        port = (port + 1) & 0xffff;
    }
    v = address_space_load(io, port, size, MEM_ATTRS_NONE, NULL);
    monitor_printf(mon, "port%c[0x%04x] = 0x%0*" PRIx64 "\n", size_letter(size), (unsigned)port,
                   (int)size * 2, v);
}

static const struct hmp_arg i_args[] = {
    {"fmt", HMP_FORMAT},
    {"addr", HMP_NUMBER},
    {"index", HMP_NUMBER, .optional = true},
    {0},
};

static const struct hmp_command i_command = {
    .name = "i",
    .args = i_args,
    .help = "I/O port read",
    .details = "    With index, that is written to addr first and addr + 1 is read.",
    .run = run_i,
};
HMP_COMMAND(i_command);

static void run_o(struct monitor *mon, const struct hmp_args *args)
{
    int64_t port = hmp_number(args, "addr", 0);

    if (check_port(mon, port)) {
        address_space_store(&monitor_machine(mon)->io, port, hmp_number(args, "value", 0),
                            port_size(args), MEM_ATTRS_NONE);
    }
}

static const struct hmp_arg o_args[] = {
    {"fmt", HMP_FORMAT},
    {"addr", HMP_NUMBER},
    {"value", HMP_NUMBER},
    {0},
};

static const struct hmp_command o_command = {
    .name = "o",
    .args = o_args,
    .help = "I/O port write",
    .run = run_o,
};
HMP_COMMAND(o_command);

/* ---- memsave, pmemsave, sum ---- */

static bool save(struct reader *r, uint64_t addr, uint64_t len, const char *path, GError **error)
{
    FILE *f = fopen(path, "wbe");
    uint8_t buf[CHUNK];
    bool ok = true;

    if (!f) {
        return fail_errno(error, "cannot write '%s'", path);
    }
    while (len && ok) {
        uint64_t n = MIN(len, sizeof(buf) - addr % sizeof(buf));

        if (!read_guest(r, addr, buf, n)) {
            ok = fail(error, "cannot read memory at %#" PRIx64, addr);
        } else if (fwrite(buf, 1, n, f) != n) {
            ok = fail_errno(error, "cannot write '%s'", path);
        }
        addr += n;
        len -= n;
    }
    if (fclose(f) != 0 && ok) {
        ok = fail_errno(error, "cannot write '%s'", path);
    }
    return ok;
}

static void run_save(struct monitor *mon, const struct hmp_args *args, bool linear)
{
    GError *error = NULL;
    struct reader r;

    if (reader_init(&r, mon, linear) &&
        !save(&r, hmp_number(args, "addr", 0), hmp_number(args, "size", 0), hmp_text(args, "file"),
              &error)) {
        monitor_error(mon, error);
    }
}

static void run_memsave(struct monitor *mon, const struct hmp_args *args)
{
    run_save(mon, args, /* linear= */ true);
}

static void run_pmemsave(struct monitor *mon, const struct hmp_args *args)
{
    run_save(mon, args, /* linear= */ false);
}

static const struct hmp_arg save_args[] = {
    {"addr", HMP_NUMBER},
    {"size", HMP_NUMBER},
    {"file", HMP_WORD},
    {0},
};

static const struct hmp_command memsave_command = {
    .name = "memsave",
    .args = save_args,
    .help = "save virtual memory, starting at 'addr' of size 'size', to a file",
    .run = run_memsave,
};
HMP_COMMAND(memsave_command);

static const struct hmp_command pmemsave_command = {
    .name = "pmemsave",
    .args = save_args,
    .help = "save physical memory, starting at 'addr' of size 'size', to a file",
    .run = run_pmemsave,
};
HMP_COMMAND(pmemsave_command);

/* The checksum of BSD's sum(1). */
static void run_sum(struct monitor *mon, const struct hmp_args *args)
{
    uint64_t addr = hmp_number(args, "addr", 0), left = hmp_number(args, "size", 0);
    uint8_t buf[CHUNK];
    uint16_t sum = 0;
    struct reader r;

    reader_init(&r, mon, /* linear= */ false);
    while (left) {
        uint64_t n = MIN(left, sizeof(buf));

        if (!read_guest(&r, addr, buf, n)) {
            monitor_printf(mon, "Error: cannot read memory at %#" PRIx64 "\n", addr);
            return;
        }
        for (uint64_t i = 0; i < n; i++) {
            sum = (uint16_t)((sum >> 1 | sum << 15) + buf[i]);
        }
        addr += n;
        left -= n;
    }
    monitor_printf(mon, "%05d\n", sum);
}

static const struct hmp_arg sum_args[] = {
    {"addr", HMP_NUMBER},
    {"size", HMP_NUMBER},
    {0},
};

static const struct hmp_command sum_command = {
    .name = "sum",
    .args = sum_args,
    .help = "compute the checksum of a range of physical memory",
    .run = run_sum,
};
HMP_COMMAND(sum_command);

/* ---- addresses ---- */

struct translate_job {
    uint64_t la, gpa;
    bool ok;
};

static void translate(struct x86_cpu *cpu, void *data)
{
    struct translate_job *job = data;

    job->ok = x86_debug_translate(cpu, job->la, &job->gpa);
}

static void run_gva2gpa(struct monitor *mon, const struct hmp_args *args)
{
    struct translate_job job = {.la = hmp_number(args, "addr", 0)};
    struct vcpu *v = cpu_or_complain(mon);

    if (!v) {
        return;
    }
    cpu_at_rest(v, translate, &job);
    if (job.ok) {
        monitor_printf(mon, "gpa: %#" PRIx64 "\n", job.gpa);
    } else {
        monitor_printf(mon, "Unmapped\n");
    }
}

static const struct hmp_arg address_args[] = {
    {"addr", HMP_NUMBER},
    {0},
};

static const struct hmp_command gva2gpa_command = {
    .name = "gva2gpa",
    .args = address_args,
    .help = "print the guest physical address of a guest virtual one",
    .run = run_gva2gpa,
};
HMP_COMMAND(gva2gpa_command);

static void run_gpa2hva(struct monitor *mon, const struct hmp_args *args)
{
    uint64_t gpa = hmp_number(args, "addr", 0), len = 1, offset;
    struct ram_block *block = NULL;
    const void *host;

    rcu_read_lock();
    host = address_space_ram(&monitor_machine(mon)->memory, gpa, &len, /* write= */ false, &block,
                             &offset);
    if (host) {
        monitor_printf(mon, "Host virtual address for 0x%" PRIx64 " (%s) is %p\n", gpa, block->name,
                       host);
    } else {
        monitor_printf(mon, "No memory is mapped at address 0x%" PRIx64 "\n", gpa);
    }
    rcu_read_unlock();
}

static const struct hmp_command gpa2hva_command = {
    .name = "gpa2hva",
    .args = address_args,
    .help = "print the host virtual address of a guest physical one",
    .run = run_gpa2hva,
};
HMP_COMMAND(gpa2hva_command);

static void run_info_mtree(struct monitor *mon, const struct hmp_args *args)
{
    struct machine *m = monitor_machine(mon);
    bool flat = hmp_flag(args, "f");

    address_space_print(&m->memory, flat, monitor_print, mon);
    address_space_print(&m->io, flat, monitor_print, mon);
}

static const struct hmp_arg mtree_args[] = {
    {"f", HMP_FLAG, .help = "what answers where, after overlaps are resolved"},
    {0},
};

static const struct hmp_command info_mtree = {
    .name = "mtree",
    .args = mtree_args,
    .help = "show the tree of memory and I/O regions",
    .run = run_info_mtree,
};
HMP_INFO(info_mtree);

static void run_info_ramblock(struct monitor *mon, const struct hmp_args *args)
{
    const GPtrArray *all = monitor_machine(mon)->ram_blocks;

    (void)args;
    monitor_printf(mon, "%24s %10s %18s\n", "Block Name", "PSize", "Total");
    for (unsigned i = 0; i < all->len; i++) {
        const struct ram_block *b = all->pdata[i];

        monitor_printf(mon, "%24s %6" PRIu64 " KiB 0x%016" PRIx64 "\n", b->name,
                       (uint64_t)(b->page_size / KiB), b->size);
    }
}

static const struct hmp_command info_ramblock = {
    .name = "ramblock",
    .help = "show the blocks of guest RAM",
    .run = run_info_ramblock,
};
HMP_INFO(info_ramblock);
