/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * A bounded cursor over bytes: everything that goes to a file, a link or comes from one passes
 * through these. Integers are little-endian. A cursor that runs out of room fails short: `failed`
 * is set, nothing more is written or read (reads give zero), and it is checked once at the end.
 */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct put {
    uint8_t *start, *at, *end;
    bool failed;
};

struct get {
    const uint8_t *at, *end;
    bool failed;
};

static inline struct put put_init(void *buf, size_t size)
{
    uint8_t *p = buf;
    return (struct put){ p, p, p + size, false };
}

static inline size_t put_len(const struct put *p)
{
    return (size_t)(p->at - p->start);
}

static inline void put_raw(struct put *p, const void *data, size_t len)
{
    if (p->failed || (size_t)(p->end - p->at) < len) {
        p->failed = true;
        return;
    }
    if (len) {
        memcpy(p->at, data, len);
    }
    p->at += len;
}

static inline void put_uint(struct put *p, uint64_t value, unsigned bytes)
{
    uint8_t raw[8];
    for (unsigned i = 0; i < bytes; i++) {
        raw[i] = (uint8_t)(value >> (8 * i));
    }
    put_raw(p, raw, bytes);
}

static inline void put_u8(struct put *p, uint8_t value)
{
    put_uint(p, value, 1);
}

static inline void put_u16(struct put *p, uint16_t value)
{
    put_uint(p, value, 2);
}

static inline void put_u32(struct put *p, uint32_t value)
{
    put_uint(p, value, 4);
}

static inline void put_u64(struct put *p, uint64_t value)
{
    put_uint(p, value, 8);
}

static inline void put_i64(struct put *p, int64_t value)
{
    put_uint(p, (uint64_t)value, 8);
}

/* 7 bits a byte, lowest first, the top bit says that more follow (LEB128). */
static inline void put_varint(struct put *p, uint64_t value)
{
    uint8_t raw[10];
    unsigned n = 0;
    do {
        raw[n++] = (uint8_t)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
        value >>= 7;
    } while (value);
    put_raw(p, raw, n);
}

/* 0, -1, 1, -2, 2 ... become 0, 1, 2, 3, 4 ... */
static inline uint64_t zigzag(int64_t value)
{
    return ((uint64_t)value << 1) ^ (value < 0 ? UINT64_MAX : 0);
}

static inline int64_t unzigzag(uint64_t value)
{
    return (int64_t)((value >> 1) ^ (value & 1 ? UINT64_MAX : 0));
}

/* One byte of length, then the text; longer than 255 fails. */
static inline void put_text(struct put *p, const char *text)
{
    size_t len = text ? strlen(text) : 0;
    if (len > 255) {
        p->failed = true;
        return;
    }
    put_u8(p, (uint8_t)len);
    put_raw(p, text, len);
}

static inline struct get get_init(const void *data, size_t len)
{
    const uint8_t *p = data;
    return (struct get){ p, p + len, false };
}

static inline size_t get_left(const struct get *g)
{
    return (size_t)(g->end - g->at);
}

/* NULL if fewer than len are left. */
static inline const uint8_t *get_raw(struct get *g, size_t len)
{
    if (g->failed || get_left(g) < len) {
        g->failed = true;
        return NULL;
    }
    g->at += len;
    return g->at - len;
}

static inline uint64_t get_uint(struct get *g, unsigned bytes)
{
    const uint8_t *p = get_raw(g, bytes);
    uint64_t value = 0;
    for (unsigned i = 0; p && i < bytes; i++) {
        value |= (uint64_t)p[i] << (8 * i);
    }
    return value;
}

static inline uint8_t get_u8(struct get *g)
{
    return (uint8_t)get_uint(g, 1);
}

static inline uint16_t get_u16(struct get *g)
{
    return (uint16_t)get_uint(g, 2);
}

static inline uint32_t get_u32(struct get *g)
{
    return (uint32_t)get_uint(g, 4);
}

static inline uint64_t get_u64(struct get *g)
{
    return get_uint(g, 8);
}

static inline int64_t get_i64(struct get *g)
{
    return (int64_t)get_uint(g, 8);
}

static inline uint64_t get_varint(struct get *g)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        const uint8_t *p = get_raw(g, 1);
        if (!p) {
            return 0;
        }
        if (shift == 63 && *p > 1) {
            break;
        }
        value |= (uint64_t)(*p & 0x7f) << shift;
        if (!(*p & 0x80)) {
            return value;
        }
    }
    g->failed = true;
    return 0;
}

/* Points into the data; not terminated. */
static inline const char *get_text(struct get *g, size_t *ret_len)
{
    size_t len = get_u8(g);
    const uint8_t *p = get_raw(g, len);
    *ret_len = p ? len : 0;
    return (const char *)p;
}

/* A terminated copy; fails if it does not fit or has a zero byte inside. */
static inline void get_string(struct get *g, char *buf, size_t size)
{
    size_t len;
    const char *text = get_text(g, &len);
    buf[0] = 0;
    if (!text || len + 1 > size || memchr(text, 0, len)) {
        g->failed = true;
        return;
    }
    memcpy(buf, text, len);
    buf[len] = 0;
}

#endif
