/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Icoms TMA-3B3: a radar that says each passage in 19 bytes, unasked and once.
 *
 *   02 99       head
 *   0  speed    km/h
 *   1  length   dm, supposed by the radar, not measured
 *   2  1/100 s, s, min, h    BCD
 *   6  day      BCD; bit 7: going away
 *   7  month    BCD
 *   8  count    24 bits, least significant byte first; from 0 when it is switched on
 *   11 range    cm, 16 bits, least significant byte first, at most 4000
 *   13 type     of the detection: 1, 2, 3 or 30
 *   14 century, year of it   BCD
 *   03          end
 *
 * There is no checksum: what no radar says (digits above 9, dates that are none, other types, a
 * range of more than 40 m, another century) is left out. Range and type are 0 in older ones. The
 * type is no class of vehicles, and not told. The text form is a model of the family line.
 *
 * Source: user's manual of the TMA-3B3, chapter 12 (messages, protocol 121).
 */
#include <stdio.h>

#include "family.h"

enum { HEAD = 0x02, HEAD_2 = 0x99, END = 0x03, LEN = 19, BODY_AT = 2 };
enum {
    SPEED,
    LENGTH,
    HUNDREDTHS,
    SECOND,
    MINUTE,
    HOUR,
    DAY,
    MONTH,
    COUNT,
    RANGE = 11,
    TYPE = 13,
    CENTURY,
    YEAR
};
enum { GOING_AWAY = 0x80, CENTURY_BCD = 0x20, COUNT_MASK = 0xFFFFFF, RANGE_MOST = 4000 };
/* No road has more vehicles a second at one radar; and some that came close together. */
enum { MOST_PER_S = 10, MOST_AT_ONCE = 10 };
#define CLOCK_MOST_NS (5 * TRAFFIC_NS_PER_S)

struct tma {
    int64_t last_ns;    /* when `last` came */
    uint32_t met;       /* `last` is known */
    uint32_t last;      /* count of the last passage that fitted */
    uint32_t strangers; /* since then, passages with a count that did not fit */
    uint32_t stranger;  /* the last one of these */
};

static int bcd(uint8_t byte)
{
    return byte >> 4 > 9 || (byte & 0x0F) > 9 ? -1 : (byte >> 4) * 10 + (byte & 0x0F);
}

static int tma_frame(const uint8_t *bytes, size_t len)
{
    if (bytes[0] != HEAD || (len > 1 && bytes[1] != HEAD_2)) {
        return -1;
    }
    return len < LEN ? 0 : bytes[LEN - 1] == END ? LEN : -1;
}

/* The manual allows for hour 24, of which day it does not say: a passage without a time. */
static bool device_time(const uint8_t *body, struct vehicle *v)
{
    int year = bcd(body[YEAR]), month = bcd(body[MONTH]), hour = bcd(body[HOUR]);
    bool known = hour != 24;
    int day = bcd(body[DAY] & (uint8_t)~GOING_AWAY), minute = bcd(body[MINUTE]);
    int second = bcd(body[SECOND]), hundredths = bcd(body[HUNDREDTHS]);
    int64_t seconds;
    if (body[CENTURY] != CENTURY_BCD || year < 0 || month < 0 || day < 0 || hour < 0 ||
        minute < 0 || second < 0 || hundredths < 0 ||
        !date_seconds(2000 + year, month, day, known ? hour : 0, minute, second, &seconds)) {
        return false;
    }
    v->device_time_ns = seconds * TRAFFIC_NS_PER_S + hundredths * (10 * TRAFFIC_NS_PER_MS);
    v->has |= known ? HAS_DEVICE_TIME : 0;
    return true;
}

/* Whether 30 is a byte of BCD, the manual does not say. */
static bool known_type(uint8_t type)
{
    return type <= 3 || type == 30 || type == 0x30;
}

static uint32_t ahead_of(uint32_t count, uint32_t before)
{
    return (count - before - 1) & COUNT_MASK;
}

/* A count that cannot be (more vehicles than the time had room for, or fewer than before) was hit
 * on the way, or the radar began anew. Which of both shows the next one: it goes on from the
 * stranger or from the last one that fitted. */
static void count_missed(struct tma *d, uint32_t count, struct vehicle *v)
{
    double elapsed_s = (double)(v->time_ns - d->last_ns) / 1e9;
    uint32_t ahead = ahead_of(count, d->last);
    if (d->met && ahead > MOST_AT_ONCE + MOST_PER_S * elapsed_s) {
        if (d->strangers == 0 || ahead_of(count, d->stranger) > MOST_AT_ONCE) {
            d->strangers++;
            d->stranger = count;
            return;
        }
        ahead = ahead_of(count, d->stranger);
        d->strangers = 0;
    }
    v->missed = !d->met || ahead < d->strangers ? 0 : ahead - d->strangers;
    v->has |= HAS_MISSED;
    d->met = 1;
    d->last = count;
    d->last_ns = v->time_ns;
    d->strangers = 0;
}

/* What is 0 has not been measured. */
static void measured(struct vehicle *v, unsigned what, double value, double *ret)
{
    *ret = value;
    v->has |= value > 0 ? what : 0;
}

static enum weir_result tma_message(struct traffic *t, const uint8_t *bytes, size_t len,
                                    int64_t time_ns)
{
    const uint8_t *body = bytes + BODY_AT;
    struct vehicle v = { .has = HAS_DIRECTION | HAS_DEVICE_COUNT,
                         .time_ns = time_ns,
                         .device_count = get_le(body + COUNT, 3) };
    if (!device_time(body, &v) || !known_type(body[TYPE]) || get_le(body + RANGE, 2) > RANGE_MOST) {
        return WEIR_R_DECODE;
    }
    measured(&v, HAS_SPEED, body[SPEED], &v.speed_kmh);
    measured(&v, HAS_LENGTH, body[LENGTH] / 10.0, &v.length_m);
    measured(&v, HAS_RANGE, get_le(body + RANGE, 2) / 100.0, &v.range_m);
    snprintf(v.direction, sizeof v.direction, "%s",
             body[DAY] & GOING_AWAY ? "departing" : "approaching");
    count_missed(traffic_device_state(t, 0), (uint32_t)v.device_count, &v);
    if (v.has & HAS_DEVICE_TIME) {
        traffic_clock(t, 0, v.device_time_ns, CLOCK_MOST_NS, time_ns);
    }
    traffic_vehicle(t, 0, &v);
    return WEIR_R_OK;
}

static size_t tma_explain(enum weir_direction direction, const uint8_t *bytes, size_t len,
                          char *buf, size_t size)
{
    const uint8_t *body = bytes + BODY_AT;
    int n = 0;
    if (len == LEN && tma_frame(bytes, len) == LEN) {
        n = snprintf(buf, size, "TMA-3B3: passage %u, %d km/h, %.1f m, %s",
                     (unsigned)get_le(body + COUNT, 3), body[SPEED], body[LENGTH] / 10.0,
                     body[DAY] & GOING_AWAY ? "departing" : "approaching");
    }
    return n > 0 ? (size_t)n : 0;
}

const struct family family_icoms_tma = {
    .name = "icoms-tma",
    .vehicle = HAS_DIRECTION | HAS_SPEED | HAS_LENGTH | HAS_RANGE | HAS_DEVICE_COUNT | HAS_MISSED |
               HAS_DEVICE_TIME,
    .device_state = sizeof(struct tma),
    .frame = tma_frame,
    .message = tma_message,
    .explain = tma_explain,
};
