/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host files and block devices.
 *
 * Worker threads do the system calls. A flush is fdatasync(2); once one has failed all later ones
 * fail, because the kernel may have dropped what it could not write and would report success.
 * BLOCK_WRITE_THROUGH opens with O_DSYNC. With BLOCK_DIRECT (O_DIRECT) what the host cannot take
 * as it is, unaligned buffers or ranges, goes through a bounce buffer; the edges of an unaligned
 * write are read first, and such writes exclude all others.
 *
 * Absent: io_uring and Linux AIO, locks on image files, changing media in host CD drives.
 */
#include "block/iov.h"
#include "block/private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    IOV_BATCH = 64, /* entries per system call */
    BOUNCE_BYTES = 1 << 20,
    MAX_ALIGN = 4096,
};

struct block_file {
    struct block_node node;
    int fd;
    uint32_t align;    /* what O_DIRECT wants; 1 without */
    GRWLock edges;     /* held for writing by unaligned writes, for reading by aligned ones */
    bool flush_failed; /* atomic */
};

static struct block_file *from_node(struct block_node *n)
{
    return container_of(n, struct block_file, node);
}

/* ---- on worker threads ---- */

/* All of @io, straight from and to its buffers. Past the end of the file there are zeroes. */
static int transfer(struct block_file *f, const struct block_io *io)
{
    uint64_t done = 0;

    while (done < io->len) {
        struct iovec part[IOV_BATCH];
        int n = iov_slice(part, IOV_BATCH, io->iov, io->iovcnt, done, io->len - done);
        off_t at = (off_t)(io->offset + done);
        ssize_t got =
            io->op == BLOCK_OP_WRITE ? pwritev(f->fd, part, n, at) : preadv(f->fd, part, n, at);

        if (got < 0) {
            if (errno == EINTR) {
                continue;
            }
            return -errno;
        }
        if (got == 0) {
            if (io->op == BLOCK_OP_WRITE) {
                return -ENOSPC;
            }
            iov_clear(io->iov, io->iovcnt, done, io->len - done);
            break;
        }
        done += (uint64_t)got;
    }
    return 0;
}

/* One aligned piece of an image opened with O_DIRECT. */
static int transfer_bounce(struct block_file *f, enum block_op op, uint64_t offset, void *buf,
                           uint64_t len)
{
    struct iovec iov = {buf, len};
    struct block_io io = {.op = op, .offset = offset, .len = len, .iov = &iov, .iovcnt = 1};

    return transfer(f, &io);
}

static bool is_aligned(const struct block_file *f, const struct block_io *io)
{
    if ((io->offset | io->len) & (f->align - 1)) {
        return false;
    }
    for (int i = 0; i < io->iovcnt; i++) {
        if (((uintptr_t)io->iov[i].iov_base | io->iov[i].iov_len) & (f->align - 1)) {
            return false;
        }
    }
    return true;
}

/* Bytes [@pos, @pos + @n) of the file, by way of @buf: what @io has of them. */
static int bounce_piece(struct block_file *f, const struct block_io *io, uint64_t pos, char *buf,
                        uint64_t n)
{
    uint64_t start = MAX(pos, io->offset), end = MIN(pos + n, io->offset + io->len);
    bool whole = start == pos && end == pos + n;
    int ret = 0;

    if (io->op == BLOCK_OP_READ || !whole) {
        ret = transfer_bounce(f, BLOCK_OP_READ, pos, buf, n);
    }
    if (ret < 0) {
        return ret;
    }
    if (io->op == BLOCK_OP_READ) {
        iov_from_buf(io->iov, io->iovcnt, start - io->offset, buf + (start - pos), end - start);
        return 0;
    }
    iov_to_buf(io->iov, io->iovcnt, start - io->offset, buf + (start - pos), end - start);
    return transfer_bounce(f, BLOCK_OP_WRITE, pos, buf, n);
}

static int bounce(struct block_file *f, const struct block_io *io)
{
    uint64_t pos = align_down(io->offset, f->align);
    uint64_t end = align_up(io->offset + io->len, f->align);
    size_t size = MIN(end - pos, (uint64_t)BOUNCE_BYTES);
    void *buf;
    int ret = 0;

    if (posix_memalign(&buf, MAX_ALIGN, size)) {
        return -ENOMEM;
    }
    while (pos < end && ret == 0) {
        uint64_t n = MIN(end - pos, size);

        ret = bounce_piece(f, io, pos, buf, n);
        pos += n;
    }
    free(buf);
    return ret;
}

static int transfer_direct(struct block_file *f, const struct block_io *io)
{
    bool edges = (io->offset | io->len) & (f->align - 1);
    int ret;

    if (io->op == BLOCK_OP_READ) {
        return is_aligned(f, io) ? transfer(f, io) : bounce(f, io);
    }
    if (edges) {
        g_rw_lock_writer_lock(&f->edges);
        ret = bounce(f, io);
        g_rw_lock_writer_unlock(&f->edges);
    } else {
        g_rw_lock_reader_lock(&f->edges);
        ret = is_aligned(f, io) ? transfer(f, io) : bounce(f, io);
        g_rw_lock_reader_unlock(&f->edges);
    }
    return ret;
}

static int flush(struct block_file *f)
{
    int ret;

    if (__atomic_load_n(&f->flush_failed, __ATOMIC_RELAXED)) {
        return -EIO;
    }
    do {
        ret = fdatasync(f->fd);
    } while (ret < 0 && errno == EINTR);
    if (ret < 0) {
        ret = -errno;
        __atomic_store_n(&f->flush_failed, true, __ATOMIC_RELAXED);
    }
    return ret;
}

/* A discard is a hint: a file system that cannot do it is no error. */
static int punch_hole(struct block_file *f, const struct block_io *io)
{
    int ret;

    do {
        ret = fallocate(f->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)io->offset,
                        (off_t)io->len);
    } while (ret < 0 && errno == EINTR);
    if (ret < 0 && errno != EOPNOTSUPP && errno != ENOSYS && errno != ENODEV && errno != EINVAL) {
        return -errno;
    }
    return 0;
}

static int work(struct block_io *io)
{
    struct block_file *f = from_node(io->node);

    switch (io->op) {
    case BLOCK_OP_READ:
    case BLOCK_OP_WRITE:
        return f->align > 1 ? transfer_direct(f, io) : transfer(f, io);
    case BLOCK_OP_FLUSH:
        return flush(f);
    default:
        return punch_hole(f, io);
    }
}

/* ---- in the main loop ---- */

static void file_submit(struct block_node *n, struct block_io *io)
{
    block_pool_submit(n->set->pool, io, work);
}

/* Finds the alignment that O_DIRECT asks for here, by reading. */
static bool find_alignment(struct block_file *f, GError **error)
{
    void *buf;

    if (posix_memalign(&buf, MAX_ALIGN, MAX_ALIGN)) {
        return fail(error, "cannot open '%s': out of memory", f->node.filename);
    }
    for (f->align = 512; f->align < MAX_ALIGN; f->align *= 2) {
        if (pread(f->fd, buf, f->align, 0) >= 0) {
            break;
        }
    }
    free(buf);
    if (f->node.size % f->align) {
        return fail(error,
                    "cannot use '%s' without the host's page cache: its size %" G_GUINT64_FORMAT
                    " is no multiple of %u; use cache=writeback",
                    f->node.filename, f->node.size, f->align);
    }
    return true;
}

static bool find_size(struct block_file *f, GError **error)
{
    const char *name = f->node.filename;
    struct stat st;
    off_t end;

    if (fstat(f->fd, &st) < 0) {
        return fail_errno(error, "cannot look at '%s'", name);
    }
    if (S_ISDIR(st.st_mode)) {
        return fail(error, "'%s' is a directory, not an image file", name);
    }
    if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode)) {
        return fail(error, "'%s' is neither a regular file nor a block device", name);
    }
    end = lseek(f->fd, 0, SEEK_END);
    if (end < 0) {
        return fail_errno(error, "cannot find the size of '%s'", name);
    }
    f->node.size = (uint64_t)end;
    return true;
}

static bool fail_open(struct block_file *f, GError **error)
{
    const char *name = f->node.filename, *hint = "";
    bool writing = !(f->node.flags & BLOCK_READ_ONLY);

    if (errno == EINVAL && (f->node.flags & BLOCK_DIRECT)) {
        hint = " (its file system cannot do without the page cache: use cache=writeback)";
    } else if (writing && (errno == EACCES || errno == EPERM || errno == EROFS) &&
               access(name, R_OK) == 0) {
        errno = EACCES;
        hint = " for writing (readonly=on or snapshot=on leave it unchanged)";
    }
    if (errno == EISDIR) {
        return fail(error, "'%s' is a directory, not an image file", name);
    }
    return fail_errno(error, "cannot open '%s'%s", name, hint);
}

static bool file_open(struct block_node *n, GError **error)
{
    struct block_file *f = from_node(n);
    int flags = (n->flags & BLOCK_READ_ONLY ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK;

    if (n->flags & BLOCK_WRITE_THROUGH && !(n->flags & BLOCK_NO_FLUSH)) {
        flags |= O_DSYNC;
    }
    if (n->flags & BLOCK_DIRECT) {
        flags |= O_DIRECT;
    }
    do { /* O_NONBLOCK: opening a fifo or an empty drive does not wait; files do not care */
        f->fd = open(n->filename, flags);
    } while (f->fd < 0 && errno == EINTR);
    if (f->fd < 0) {
        return fail_open(f, error);
    }
    f->align = 1;
    if (!find_size(f, error) || ((n->flags & BLOCK_DIRECT) && !find_alignment(f, error))) {
        close(f->fd);
        return false;
    }
    g_rw_lock_init(&f->edges);
    return true;
}

static void file_close(struct block_node *n)
{
    struct block_file *f = from_node(n);

    close(f->fd);
    g_rw_lock_clear(&f->edges);
}

static const struct block_driver file_driver = {
    .name = "file",
    .description = "host file or block device",
    .protocol = true,
    .size = sizeof(struct block_file),
    .open = file_open,
    .close = file_close,
    .submit = file_submit,
};
BLOCK_DRIVER(file_driver);

/* ---- temporary files ---- */

/* n->filename is the folder. */
static bool temporary_open(struct block_node *n, GError **error)
{
    struct block_file *f = from_node(n);

    f->fd = open(n->filename, O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, 0600);
    if (f->fd < 0) { /* not every file system has O_TMPFILE */
        g_autofree char *name = g_build_filename(n->filename, "vitro-XXXXXX", NULL);

        f->fd = mkostemp(name, O_CLOEXEC);
        if (f->fd < 0) {
            return fail_errno(error,
                              "snapshot=on cannot make a temporary file in '%s' (TMPDIR names "
                              "another folder)",
                              n->filename);
        }
        unlink(name);
    }
    f->align = 1;
    g_rw_lock_init(&f->edges);
    return true;
}

static const struct block_driver temporary_driver = {
    .name = "temporary file",
    .protocol = true,
    .size = sizeof(struct block_file),
    .open = temporary_open,
    .close = file_close,
    .submit = file_submit,
};

struct block_node *block_file_new_temporary(struct blocks *set, GError **error)
{
    const char *folder = g_getenv("TMPDIR");

    return block_node_open(set, &temporary_driver, folder && *folder ? folder : "/var/tmp", 0, NULL,
                           error);
}
