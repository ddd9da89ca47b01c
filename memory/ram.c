/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RAM blocks: mapping, preallocation, dirty bitmaps.
 */
#include "memory/ram.h"

#include "util/common.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/vfs.h>
#include <unistd.h>

#define HUGETLBFS_MAGIC 0x958458f6

static uint64_t dirty_bytes(const struct ram_block *b)
{
    return align_up(b->size >> RAM_PAGE_BITS, 64) / 8;
}

/* Guests of more than the host's memory would be killed half-way: say so before. */
static bool check_fits_host(const char *name, uint64_t size, GError **error)
{
    struct sysinfo si;
    uint64_t total;

    if (sysinfo(&si) != 0) {
        return true;
    }
    total = ((uint64_t)si.totalram + si.totalswap) * si.mem_unit;
    if (size > total) {
        return fail(error,
                    "%s: cannot give the guest %" PRIu64 " MiB, the host has %" PRIu64
                    " MiB of memory and swap; use a smaller -m",
                    name, (uint64_t)(size / MiB), (uint64_t)(total / MiB));
    }
    return true;
}

struct prealloc_part {
    uint8_t *start;
    uint64_t len, step;
    GThread *thread;
};

static void *prealloc_touch(void *arg)
{
    struct prealloc_part *part = arg;

    for (uint64_t off = 0; off < part->len; off += part->step) {
        volatile uint8_t *p = part->start + off;

        *p = *p; /* keeps what a file holds */
    }
    return NULL;
}

/* Populates all pages with one thread per host CPU. */
static bool prealloc(struct ram_block *b, GError **error)
{
    unsigned n = CLAMP(g_get_num_processors(), 1, 16);
    uint64_t share = align_up(b->size / n, b->page_size);
    struct prealloc_part parts[16] = {0};

    if (madvise(b->host, b->size, 23 /* MADV_POPULATE_WRITE, Linux 5.14 */) == 0) {
        return true;
    }
    if (errno == ENOMEM || errno == EFAULT) {
        errno = ENOMEM;
        return fail_errno(error, "%s: cannot preallocate %" PRIu64 " MiB", b->name,
                          (uint64_t)(b->size / MiB));
    }
    for (unsigned i = 0; i < n && i * share < b->size; i++) {
        parts[i] = (struct prealloc_part){b->host + i * share, MIN(share, b->size - i * share),
                                          b->page_size, NULL};
        parts[i].thread = g_thread_new("prealloc", prealloc_touch, &parts[i]);
    }
    for (unsigned i = 0; i < n; i++) {
        if (parts[i].thread) {
            g_thread_join(parts[i].thread);
        }
    }
    return true;
}

/* Maps @fd (or anonymous memory), aligned so that transparent huge pages can back it. */
static bool map_host(struct ram_block *b, uint64_t offset, GError **error)
{
    uint64_t align = MAX(b->page_size, b->size >= 2 * MiB ? 2 * MiB : b->page_size);
    uint64_t span = b->size + align;
    int prot = PROT_READ | (b->flags & RAM_READONLY ? 0 : PROT_WRITE);
    int flags = b->fd < 0               ? MAP_PRIVATE | MAP_ANONYMOUS
                : b->flags & RAM_SHARED ? MAP_SHARED
                                        : MAP_PRIVATE;
    uint8_t *reserved, *aligned;

    reserved = mmap(NULL, span, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (reserved == MAP_FAILED) {
        return fail_errno(error, "%s: cannot reserve %" PRIu64 " MiB of address space", b->name,
                          (uint64_t)(b->size / MiB));
    }
    aligned = (uint8_t *)(uintptr_t)align_up((uintptr_t)reserved, align);
    b->host = mmap(aligned, b->size, prot, flags | MAP_FIXED | MAP_NORESERVE, b->fd, (off_t)offset);
    if (b->host == MAP_FAILED) {
        fail_errno(error, "%s: cannot map %" PRIu64 " MiB", b->name, (uint64_t)(b->size / MiB));
        b->host = NULL;
        munmap(reserved, span);
        return false;
    }
    if (aligned > reserved) {
        munmap(reserved, aligned - reserved);
    }
    if (reserved + span > aligned + b->size) {
        munmap(aligned + b->size, reserved + span - (aligned + b->size));
    }
    b->host_owned = true;
    if (b->fd < 0) {
        madvise(b->host, b->size, MADV_HUGEPAGE);
    }
    if (b->flags & RAM_MERGE) {
        madvise(b->host, b->size, MADV_MERGEABLE);
    }
    if (b->flags & RAM_NO_DUMP) {
        madvise(b->host, b->size, MADV_DONTDUMP);
    }
    return !(b->flags & RAM_PREALLOC) || prealloc(b, error);
}

static struct ram_block *block_make(const char *name, uint64_t size, int fd, uint64_t offset,
                                    uint64_t page_size, enum ram_flags flags, GError **error)
{
    struct ram_block *b = g_new0(struct ram_block, 1);

    b->name = g_strdup(name);
    b->page_size = page_size;
    b->size = align_up(size, page_size);
    b->fd = fd;
    b->flags = flags;
    if (!map_host(b, offset, error)) {
        ram_block_free(b);
        return NULL;
    }
    return b;
}

struct ram_block *ram_block_new(const char *name, uint64_t size, enum ram_flags flags,
                                GError **error)
{
    if (flags & RAM_SHARED) {
        return ram_block_new_memfd(name, size, 0, flags, error);
    }
    if (!check_fits_host(name, size, error)) {
        return NULL;
    }
    return block_make(name, size, -1, 0, RAM_PAGE_SIZE, flags, error);
}

struct ram_block *ram_block_new_memfd(const char *name, uint64_t size, uint64_t huge_page_size,
                                      enum ram_flags flags, GError **error)
{
    unsigned mfd = MFD_CLOEXEC | MFD_ALLOW_SEALING;
    uint64_t page = huge_page_size ? huge_page_size : RAM_PAGE_SIZE;
    int fd;

    if (!check_fits_host(name, size, error)) {
        return NULL;
    }
    if (huge_page_size) {
        if (!is_power_of_2(huge_page_size)) {
            fail(error, "%s: huge page size %" PRIu64 " is not a power of two", name,
                 huge_page_size);
            return NULL;
        }
        mfd |= MFD_HUGETLB | (unsigned)__builtin_ctzll(huge_page_size) << MFD_HUGE_SHIFT;
    }
    fd = memfd_create(name, mfd);
    if (fd < 0) {
        fail_errno(error, "%s: cannot create a memfd", name);
        return NULL;
    }
    if (ftruncate(fd, (off_t)align_up(size, page)) != 0) {
        fail_errno(error, "%s: cannot size the memfd", name);
        close(fd);
        return NULL;
    }
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) != 0) {
        fail_errno(error, "%s: cannot seal the memfd", name);
        close(fd);
        return NULL;
    }
    return block_make(name, size, fd, 0, page, flags, error);
}

/* Opens @path, or an unlinked new file when it is a folder. Sets *@ret_fresh for the latter. */
static int open_backing(const char *path, enum ram_flags flags, bool *ret_fresh, GError **error)
{
    struct stat st;
    int fd;

    *ret_fresh = false;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
        g_autofree char *name = g_build_filename(path, "vitro-ram.XXXXXX", NULL);

        fd = g_mkstemp_full(name, O_RDWR | O_CLOEXEC, 0600);
        if (fd < 0) {
            fail_errno(error, "cannot create guest memory in '%s'", path);
            return -1;
        }
        unlink(name);
        *ret_fresh = true;
        return fd;
    }
    if (flags & RAM_READONLY) {
        fd = open(path, O_RDONLY | O_CLOEXEC);
    } else {
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    }
    if (fd < 0) {
        fail_errno(error, "cannot open guest memory file '%s'", path);
    }
    return fd;
}

struct ram_block *ram_block_new_file(const char *name, const char *path, uint64_t offset,
                                     uint64_t size, enum ram_flags flags, GError **error)
{
    uint64_t page = RAM_PAGE_SIZE;
    struct statfs fs;
    struct stat st;
    bool fresh;
    int fd = open_backing(path, flags, &fresh, error);

    if (fd < 0) {
        return NULL;
    }
    if (fstatfs(fd, &fs) == 0 && fs.f_type == HUGETLBFS_MAGIC) {
        page = (uint64_t)fs.f_bsize;
    }
    if (fstat(fd, &st) != 0) {
        fail_errno(error, "cannot find the size of '%s'", path);
        goto close_fd;
    }
    if (offset % page) {
        fail(error, "'%s': offset %" PRIu64 " is not a multiple of its page size %" PRIu64, path,
             offset, page);
        goto close_fd;
    }
    if ((fresh || st.st_size == 0) && !(flags & RAM_READONLY)) {
        if (ftruncate(fd, (off_t)(offset + align_up(size, page))) != 0) {
            fail_errno(error, "cannot make '%s' %" PRIu64 " MiB long", path,
                       (uint64_t)(size / MiB));
            goto close_fd;
        }
    } else if (S_ISREG(st.st_mode) && (uint64_t)st.st_size < offset + size) {
        fail(error, "'%s' has %" PRIu64 " bytes, guest memory needs %" PRIu64, path,
             (uint64_t)st.st_size, offset + size);
        goto close_fd;
    }
    return block_make(name, size, fd, offset, page, flags | (fresh ? RAM_SHARED : 0), error);

close_fd:
    close(fd);
    return NULL;
}

void ram_block_free(struct ram_block *b)
{
    if (!b) {
        return;
    }
    if (b->host && b->host_owned) {
        munmap(b->host, b->size);
    }
    if (b->fd >= 0) {
        close(b->fd);
    }
    for (unsigned c = 0; c < DIRTY_CLIENTS; c++) {
        g_free(b->dirty[c]);
    }
    g_free(b->code_lines);
    g_free(b->name);
    g_free(b);
}

void ram_block_watch(struct ram_block *b, enum dirty_client client)
{
    if (!b->dirty[client]) {
        uint8_t *bits = g_malloc(dirty_bytes(b));

        memset(bits, 0xff, dirty_bytes(b));
        if (client == DIRTY_CODE) {
            b->code_lines = g_new0(uint64_t, b->size >> RAM_PAGE_BITS);
        }
        __atomic_store_n(&b->dirty[client], bits, __ATOMIC_RELEASE);
    } else {
        ram_block_set_dirty(b, client, 0, b->size);
    }
    __atomic_or_fetch(&b->watching, 1u << client, __ATOMIC_SEQ_CST);
    if (b->watching_changed) {
        b->watching_changed(b->engine_opaque, b);
    }
}

void ram_block_unwatch(struct ram_block *b, enum dirty_client client)
{
    __atomic_and_fetch(&b->watching, ~(1u << client), __ATOMIC_SEQ_CST);
    if (b->dirty[client]) { /* "dirty" is what asks no bookkeeping of writers */
        ram_block_set_dirty(b, client, 0, b->size);
    }
    if (b->watching_changed) {
        b->watching_changed(b->engine_opaque, b);
    }
}

void ram_block_sync_dirty(struct ram_block *b)
{
    if (b->fetch_dirty) {
        b->fetch_dirty(b->engine_opaque, b);
    }
}

/* Calls @fn for each bitmap byte that covers [@offset, @offset + @len), with the mask in it. */
#define FOR_EACH_DIRTY_BYTE(b, offset, len, byte, mask)                                            \
    for (uint64_t first_ = (offset) >> RAM_PAGE_BITS,                                              \
                  last_ = ((offset) + (len)-1) >> RAM_PAGE_BITS, byte = first_ / 8;                \
         byte <= last_ / 8; byte++)                                                                \
        for (unsigned mask = (byte == first_ / 8 ? 0xffu << (first_ % 8) : 0xffu) & 0xff &         \
                             (byte == last_ / 8 ? 0xffu >> (7 - last_ % 8) : 0xffu),               \
                      once_ = 1;                                                                   \
             once_; once_ = 0)

void ram_block_set_dirty(struct ram_block *b, enum dirty_client client, uint64_t offset,
                         uint64_t len)
{
    if (!len || !b->dirty[client]) {
        return;
    }
    FOR_EACH_DIRTY_BYTE(b, offset, len, i, mask)
    {
        if ((__atomic_load_n(&b->dirty[client][i], __ATOMIC_RELAXED) & mask) != mask) {
            __atomic_or_fetch(&b->dirty[client][i], (uint8_t)mask, __ATOMIC_SEQ_CST);
        }
    }
}

bool ram_block_test_clear(struct ram_block *b, enum dirty_client client, uint64_t offset,
                          uint64_t len)
{
    bool any = false;

    if (!len || !b->dirty[client]) {
        return false;
    }
    FOR_EACH_DIRTY_BYTE(b, offset, len, i, mask)
    {
        if (__atomic_load_n(&b->dirty[client][i], __ATOMIC_RELAXED) & mask) {
            any |=
                __atomic_fetch_and(&b->dirty[client][i], (uint8_t)~mask, __ATOMIC_SEQ_CST) & mask;
        }
    }
    return any;
}

static bool any_code(const struct ram_block *b, uint64_t offset, uint64_t len)
{
    for (uint64_t page = align_down(offset, RAM_PAGE_SIZE); page < offset + len;
         page += RAM_PAGE_SIZE) {
        if (!ram_page_dirty(b, DIRTY_CODE, page)) {
            return true;
        }
    }
    return false;
}

void ram_block_written(struct ram_block *b, uint64_t offset, uint64_t len)
{
    unsigned watching = __atomic_load_n(&b->watching, __ATOMIC_RELAXED);

    if (!watching || !len) {
        return;
    }
    for (unsigned c = 0; c < DIRTY_CLIENTS; c++) {
        if (c != DIRTY_CODE && (watching & (1u << c))) {
            ram_block_set_dirty(b, c, offset, len);
        }
    }
    if ((watching & (1u << DIRTY_CODE)) && any_code(b, offset, len) && b->code_written) {
        b->code_written(b->code_opaque, b, offset, len);
    }
}
