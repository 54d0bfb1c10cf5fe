/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Frames and segment headers: see frame.h.
 */
#include "log/frame.h"

#include <errno.h>
#include <zlib.h>

static const char magic[8] = { 'W', 'E', 'I', 'R', 'S', 'E', 'G', '1' };

const char *why_name(unsigned why)
{
    static const char *const names[] = { "unknown", "filter",  "limit",   "age",
                                         "damage",  "refused", "earlier", "unknown" };
    return why < sizeof names / sizeof *names ? names[why] : "unknown";
}

uint32_t frame_seed(uint64_t generation)
{
    uint8_t raw[8];
    struct put out = put_init(raw, sizeof raw);
    put_u64(&out, generation);
    return (uint32_t)crc32(0, raw, sizeof raw);
}

static uint32_t checksum(const uint8_t *frame, size_t body_len, uint32_t seed)
{
    return (uint32_t)crc32(seed, frame + 4, (uInt)(FRAME_HEAD_BYTES - 4 + body_len));
}

uint8_t *frame_begin(struct put *out)
{
    static const uint8_t head[FRAME_HEAD_BYTES];
    uint8_t *frame = out->at;
    put_raw(out, head, sizeof head);
    return frame;
}

void frame_end(struct put *out, uint8_t *frame, enum frame_kind kind, uint32_t seed)
{
    size_t len = (size_t)(out->at - frame) - FRAME_HEAD_BYTES;
    if (out->failed || len > FRAME_BODY_MAX) {
        out->failed = true;
        return;
    }
    struct put head = put_init(frame, FRAME_HEAD_BYTES);
    put_u32(&head, 0);
    put_uint(&head, len, 3);
    put_u8(&head, (uint8_t)kind);
    head = put_init(frame, 4);
    put_u32(&head, checksum(frame, len, seed));
}

int64_t frame_read(const uint8_t *data, size_t len, uint32_t seed, struct frame *ret_frame)
{
    struct get in = get_init(data, len);
    uint32_t sum = get_u32(&in);
    size_t body_len = (size_t)get_uint(&in, 3);
    unsigned kind = get_u8(&in);
    if (in.failed) {
        return 0;
    }
    if (!kind || body_len > FRAME_BODY_MAX) {
        return -EBADMSG;
    }
    if (get_left(&in) < body_len) {
        return 0;
    }
    if (checksum(data, body_len, seed) != sum) {
        return -EBADMSG;
    }
    *ret_frame = (struct frame){ kind, in.at, body_len };
    return (int64_t)(FRAME_HEAD_BYTES + body_len);
}

void segment_header_put(struct put *out, const struct segment_header *header)
{
    uint8_t *frame = frame_begin(out);
    put_raw(out, magic, sizeof magic);
    put_u64(out, header->generation);
    put_u64(out, header->epoch);
    put_u64(out, header->order);
    put_u64(out, header->number);
    put_u64(out, header->first);
    put_u64(out, header->previous_epoch);
    put_u32(out, header->size);
    put_i64(out, header->made.ns);
    put_i64(out, header->clock.ns);
    put_u8(out, (uint8_t)header->clock.state);
    put_raw(out, header->boot_id, sizeof header->boot_id);
    put_text(out, header->gateway);
    put_text(out, header->bus);
    frame_end(out, frame, FRAME_HEADER, 0);
}

int64_t segment_header_read(const uint8_t *data, size_t len, struct segment_header *ret_header)
{
    struct frame frame;
    int64_t n = frame_read(data, len, 0, &frame);
    if (n <= 0) {
        return n;
    }
    struct get in = get_init(frame.body, frame.body_len);
    const uint8_t *mark = get_raw(&in, sizeof magic);
    if (frame.kind != FRAME_HEADER || !mark || memcmp(mark, magic, sizeof magic) != 0) {
        return -EPROTO;
    }
    struct segment_header h = { .generation = get_u64(&in) };
    h.epoch = get_u64(&in);
    h.order = get_u64(&in);
    h.number = get_u64(&in);
    h.first = get_u64(&in);
    h.previous_epoch = get_u64(&in);
    h.size = get_u32(&in);
    h.made.ns = get_i64(&in);
    h.clock.ns = get_i64(&in);
    h.clock.state = get_u8(&in) == CLOCK_SYNCED ? CLOCK_SYNCED : CLOCK_UNSYNCED;
    const uint8_t *id = get_raw(&in, sizeof h.boot_id);
    if (id) {
        memcpy(h.boot_id, id, sizeof h.boot_id);
    }
    get_string(&in, h.gateway, sizeof h.gateway);
    get_string(&in, h.bus, sizeof h.bus);
    if (in.failed) {
        return -EBADMSG;
    }
    *ret_header = h;
    return n;
}
