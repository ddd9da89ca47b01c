/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests of IDE units to their images, and what happens when one fails.
 *
 * A unit has one request in flight at most. What werror= and rerror= say is done here: the command
 * sets hear of errors that the guest is to see, nothing else.
 */
#include "hw/ide/device.h"

#include <errno.h>
#include <string.h>

static const char *const op_names[HOST_OPS] = {
    [HOST_READ] = "read",
    [HOST_WRITE] = "write",
    [HOST_FLUSH] = "write",
    [HOST_DISCARD] = "write",
};

static const char *const action_names[] = {
    [DRIVE_ERROR_REPORT] = "report",
    [DRIVE_ERROR_IGNORE] = "ignore",
    [DRIVE_ERROR_STOP] = "stop",
};

static void tell_monitors(struct ide_device *d, enum drive_on_error action, int ret)
{
    const struct event_field fields[] = {
        EVENT_FIELD_STR("device", d->drive->id),
        EVENT_FIELD_STR("operation", op_names[d->host_op]),
        EVENT_FIELD_STR("action", action_names[action]),
        EVENT_FIELD_BOOL("nospace", ret == -ENOSPC),
        EVENT_FIELD_STR("reason", g_strerror(-ret)),
        {0},
    };

    event_emit(&d->dev.machine->events, "BLOCK_IO_ERROR", fields);
}

/* Whether the command set is to go on, with *@ret as its result. */
static bool handle_error(struct ide_device *d, int *ret)
{
    enum drive_on_error action = drive_error_action(d->drive, d->host_op != HOST_READ, *ret);

    tell_monitors(d, action, *ret);
    switch (action) {
    case DRIVE_ERROR_STOP:
        d->retry = true;
        machine_request_stop(d->dev.machine, RUN_IO_ERROR);
        return false;
    case DRIVE_ERROR_IGNORE:
        if (d->host_op == HOST_READ) {
            memset(d->buf, 0, d->host_len);
        }
        *ret = 0;
        return true;
    default:
        return true;
    }
}

static void request_done(void *opaque, int ret)
{
    struct ide_device *d = opaque;

    d->request = NULL;
    if (!d->channel) { /* being taken out */
        return;
    }
    if (d->phase == PHASE_RESETTING) {
        ide_try_end_reset(d);
        return;
    }
    if (ret < 0 && !handle_error(d, &ret)) {
        return;
    }
    d->kind->host_done(d, ret);
}

static void submit(struct ide_device *d)
{
    struct block *b = d->drive ? d->drive->block : NULL;
    struct iovec iov = {d->buf, d->host_len};

    if (!b) { /* the medium has gone in the middle of a command */
        d->kind->host_done(d, -ENOMEDIUM);
        return;
    }
    switch (d->host_op) {
    case HOST_READ:
        d->request = block_read(b, d->host_offset, &iov, 1, request_done, d);
        break;
    case HOST_WRITE:
        d->request = block_write(b, d->host_offset, &iov, 1, request_done, d);
        break;
    case HOST_FLUSH:
        d->request = block_flush(b, request_done, d);
        break;
    default:
        d->request = block_discard(b, d->host_offset, d->host_len, request_done, d);
        break;
    }
}

void ide_host(struct ide_device *d, enum ide_host_op op, uint64_t offset, uint32_t len)
{
    g_assert(!d->request && (op == HOST_DISCARD || len <= IDE_BUF_BYTES));
    if (op == HOST_READ || op == HOST_WRITE) {
        d->power = POWER_ACTIVE;
    }
    d->host_op = op;
    d->host_offset = offset;
    d->host_len = len;
    d->phase = PHASE_HOST;
    d->status = STATUS_BSY;
    submit(d);
}

void ide_host_cancel(struct ide_device *d)
{
    d->retry = false;
    if (d->request) {
        block_cancel(d->request);
    }
}

void ide_host_running(void *opaque)
{
    struct ide_device *d = opaque;

    if (d->retry) {
        d->retry = false;
        submit(d);
    }
}
