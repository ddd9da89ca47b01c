/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes that a PS/2 device has ready for its controller.
 */
#include "hw/input/ps2.h"

#include <string.h>

void ps2_queue_clear(struct ps2_queue *q)
{
    q->reply_count = q->code_count = 0;
}

bool ps2_queue_empty(const struct ps2_queue *q)
{
    return !q->reply_count && !q->code_count;
}

void ps2_queue_reply(struct ps2_queue *q, uint8_t byte)
{
    if (q->reply_count < PS2_REPLIES) { /* a host that never reads loses replies */
        q->replies[q->reply_count++] = byte;
    }
}

bool ps2_queue_codes(struct ps2_queue *q, const uint8_t *bytes, unsigned count)
{
    if (count > (unsigned)PS2_CODES - q->code_count) {
        return false;
    }
    memcpy(q->codes + q->code_count, bytes, count);
    q->code_count += count;
    return true;
}

static uint8_t take_first(uint8_t *bytes, uint8_t *count)
{
    uint8_t first = bytes[0];

    memmove(bytes, bytes + 1, --*count);
    return first;
}

bool ps2_queue_take(struct ps2_queue *q, uint8_t *ret)
{
    if (q->reply_count) {
        q->last = take_first(q->replies, &q->reply_count);
    } else if (q->code_count) {
        q->last = take_first(q->codes, &q->code_count);
    } else {
        return false;
    }
    *ret = q->last;
    return true;
}

static bool queue_loaded(void *base, unsigned version, GError **error)
{
    struct ps2_queue *q = base;

    (void)version;
    if (q->reply_count > PS2_REPLIES || q->code_count > PS2_CODES) {
        return fail(error, "ps2: %u replies and %u codes do not fit the queue", q->reply_count,
                    q->code_count);
    }
    return true;
}

static const struct state_field queue_fields[] = {
    STATE_BYTES(struct ps2_queue, replies),  STATE_BYTES(struct ps2_queue, codes),
    STATE_U8(struct ps2_queue, reply_count), STATE_U8(struct ps2_queue, code_count),
    STATE_U8(struct ps2_queue, last),        {0},
};

const struct state_table ps2_queue_state = {
    .name = "ps2-queue",
    .version = 1,
    .fields = queue_fields,
    .post_load = queue_loaded,
};
