/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Binary fields that somebody described: a fixed layout, where each point says at which byte it
 * begins, and items of
 *
 *     id (1 or 2 bytes) | length (0, 1 or 2 bytes) | value
 */
#include "payload_part.h"

#include <string.h>

static const struct {
    unsigned char width;
    bool is_signed;
} fields[] = {
    [PAYLOAD_UINT8] = { 1, false },   [PAYLOAD_INT8] = { 1, true },
    [PAYLOAD_UINT16] = { 2, false },  [PAYLOAD_INT16] = { 2, true },
    [PAYLOAD_UINT24] = { 3, false },  [PAYLOAD_INT24] = { 3, true },
    [PAYLOAD_UINT32] = { 4, false },  [PAYLOAD_INT32] = { 4, true },
    [PAYLOAD_UINT64] = { 8, false },  [PAYLOAD_INT64] = { 8, true },
    [PAYLOAD_FLOAT32] = { 4, false }, [PAYLOAD_FLOAT64] = { 8, false },
    [PAYLOAD_BOOL] = { 1, false },    [PAYLOAD_BYTES] = { 0, false },
};

unsigned field_width(int type)
{
    return fields[type].width;
}

bool field_is_signed(int type)
{
    return fields[type].is_signed;
}

static uint64_t gather(const uint8_t *data, size_t len, bool little)
{
    uint64_t value = 0;
    for (size_t i = 0; i < len; i++) {
        value = value << 8 | data[little ? len - 1 - i : i];
    }
    return value;
}

static bool is_little(const struct payload_plan *plan, const struct payload_point *point)
{
    return (point->order ? point->order - 1 : plan->options.order) == PAYLOAD_LITTLE;
}

static struct raw read_integer(const struct payload_point *point, uint64_t value, unsigned bits)
{
    if (point->bit >= 0) {
        bits = (unsigned)point->bits;
        value >>= point->bit;
    }
    if (bits < 64) {
        value &= (1ULL << bits) - 1;
    }
    if (point->type == PAYLOAD_BOOL) {
        return (struct raw){ .kind = RAW_BOOL, .u = value != 0 };
    }
    if (field_is_signed(point->type)) {
        uint64_t sign = 1ULL << (bits - 1);
        return (struct raw){ .kind = RAW_INT, .i = (int64_t)((value ^ sign) - sign) };
    }
    return (struct raw){ .kind = RAW_UINT, .u = value };
}

/* A text ends at its first zero. */
static struct raw read_text(const uint8_t *data, size_t len)
{
    const uint8_t *zero = len ? memchr(data, 0, len) : NULL;
    return (struct raw){ .kind = RAW_TEXT,
                         .text = { (const char *)data, zero ? (size_t)(zero - data) : len } };
}

struct raw field_read(const struct payload_plan *plan, const struct payload_point *point,
                      const uint8_t *data, size_t len)
{
    if (point->type == PAYLOAD_TEXTS) {
        return read_text(data, len);
    }
    if (point->type == PAYLOAD_BYTES) {
        return (struct raw){ .kind = RAW_BYTES, .text = { (const char *)data, len } };
    }
    uint64_t value = gather(data, len, is_little(plan, point));
    if (point->type == PAYLOAD_FLOAT32) {
        uint32_t low = (uint32_t)value;
        struct raw raw = { .kind = RAW_FLOAT };
        memcpy(&raw.f, &low, sizeof raw.f);
        return raw;
    }
    if (point->type == PAYLOAD_FLOAT64) {
        struct raw raw = { .kind = RAW_DOUBLE };
        memcpy(&raw.d, &value, sizeof raw.d);
        return raw;
    }
    return read_integer(point, value, 8 * (unsigned)len);
}

bool struct_decode(const struct payload_plan *plan, const uint8_t *data, size_t len,
                   struct payload_values *out)
{
    for (size_t i = 0; i < plan->count; i++) {
        const struct payload_point *point = plan->described[i];
        size_t at = (size_t)point->at, width = field_width(point->type);
        if (width == 0) {
            width = (size_t)point->length;
        }
        if (at > len || width > len - at) {
            payload_stop(out, PAYLOAD_R_TRUNCATED, len, -1);
            continue; /* another point may stand before it */
        }
        if (width == 0) {
            width = len - at;
        }
        struct raw raw = field_read(plan, point, data + at, width);
        payload_set(plan, i, &raw, out);
    }
    return out->result == PAYLOAD_R_OK;
}

static const struct payload_point *find_id(const struct payload_plan *plan, int64_t id)
{
    for (size_t i = 0; i < plan->count; i++) {
        if (plan->described[i]->id == id) {
            return plan->described[i];
        }
    }
    return NULL;
}

/* Several points may be made of one item: bits of it. */
static void take_value(const struct payload_plan *plan, int id, const uint8_t *data, size_t at,
                       size_t len, struct payload_values *out)
{
    for (size_t i = 0; i < plan->count; i++) {
        const struct payload_point *point = plan->described[i];
        unsigned width = field_width(point->type);
        if (point->id != id) {
            continue;
        }
        if (width && width != len) {
            payload_stop(out, PAYLOAD_R_LENGTH, at, id);
        } else {
            struct raw raw = field_read(plan, point, data, len);
            payload_set(plan, i, &raw, out);
        }
    }
}

/* One item. Returns the bytes it takes; 0 and an error: there is no going on. */
static size_t take_item(const struct payload_plan *plan, const uint8_t *data, size_t at, size_t len,
                        struct payload_values *out)
{
    size_t id_bytes = (size_t)plan->options.id_bytes, left = len - at, bytes;
    size_t head = id_bytes + (size_t)plan->options.length_bytes;
    bool little = plan->options.order == PAYLOAD_LITTLE;
    if (left < head) {
        return payload_stop(out, PAYLOAD_R_TRUNCATED, len, -1);
    }
    int id = (int)gather(data + at, id_bytes, little);
    const struct payload_point *point = find_id(plan, id);
    if (head > id_bytes) {
        bytes = gather(data + at + id_bytes, head - id_bytes, little);
    } else if (!point) {
        return payload_stop(out, PAYLOAD_R_UNKNOWN, at, id);
    } else {
        bytes = field_width(point->type) ? field_width(point->type) : (size_t)point->length;
    }
    if (bytes > left - head) {
        return payload_stop(out, PAYLOAD_R_TRUNCATED, len, -1);
    }
    out->skipped += !point;
    take_value(plan, id, data + at + head, at, bytes, out);
    return head + bytes;
}

bool tlv_decode(const struct payload_plan *plan, const uint8_t *data, size_t len,
                struct payload_values *out)
{
    for (size_t at = 0; at < len;) {
        size_t bytes = take_item(plan, data, at, len, out);
        if (bytes == 0) {
            return false;
        }
        at += bytes;
    }
    return out->result == PAYLOAD_R_OK;
}
