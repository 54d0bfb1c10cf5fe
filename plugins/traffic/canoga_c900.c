/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Canoga C9xx loop detector cards: four detectors, asked for the last vehicle of each.
 *
 *   request  '<' LEN(2 hex) ADDRESS(a raw byte) '*' XOR(2 hex) '>'      LEN: of all of it
 *   answer   4 x { duration ms(24) start ms since reset(32) count(8) state(8) }, XOR of these 36
 *
 * The answer has neither head nor address: it is what comes next. A detector keeps its last vehicle
 * only; the count tells how many passed between two questions. XOR does not see two hits in the
 * same bit, nor a byte that was lost together with what fits; so an event is held against the one
 * before, as the IRIS driver does. Nothing is told of what lies there at the first question: it may
 * have been told before.
 *
 * Source: the driver "canoga" of the IRIS traffic management system.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "family.h"

enum { DETECTORS = 4, EVENT_LEN = 9, ANSWER_LEN = 37, REQUEST_LEN = 8 };
enum { DURATION_MOST_MS = 120000, HEADWAY_MOST_MS = 12 * 3600 * 1000, PAIR_LEAST_MS = 20 };

#define SPEED_LEAST_KMH 5.0
#define SPEED_MOST_KMH  250.0

struct event {
    uint32_t duration_ms, start_ms;
    uint8_t count, known;
};

struct canoga {
    struct event last[DETECTORS];
    uint32_t refused_start_ms[DETECTORS]; /* told once */
};

static uint8_t xor_of(const uint8_t *bytes, size_t len)
{
    uint8_t all = 0;
    for (size_t i = 0; i < len; i++) {
        all ^= bytes[i];
    }
    return all;
}

/* A search for an answer among other bytes would find one by chance in one place of 256: whatever
 * is not just an answer is thrown away, and the next question brings the same vehicles. */
static int canoga_frame(const uint8_t *bytes, size_t len)
{
    if (len < ANSWER_LEN) {
        return 0;
    }
    return len == ANSWER_LEN && xor_of(bytes, ANSWER_LEN) == 0 ? ANSWER_LEN : -(int)len;
}

static size_t canoga_request(struct traffic *t, size_t device, bool first, int64_t now_ns,
                             uint8_t buf[TRAFFIC_REQUEST_MAX])
{
    if (!first) {
        return 0;
    }
    memcpy(buf, "<08", 3);
    buf[3] = (uint8_t)traffic_address(t, device);
    buf[4] = '*';
    char hex[4];
    snprintf(hex, sizeof hex, "%02X>", xor_of(buf, 5));
    memcpy(buf + 5, hex, 3);
    return REQUEST_LEN;
}

/* "1-2 3-4": who lies before each detector; 0: nobody. False: it does not read so. */
static bool read_pairs(const char *text, int before[DETECTORS + 1])
{
    memset(before, 0, (DETECTORS + 1) * sizeof *before);
    while (*text) {
        int first = text[0] - '0', second = text[0] && text[1] == '-' ? text[2] - '0' : 0;
        if (first < 1 || first > DETECTORS || second < 1 || second > DETECTORS || first == second ||
            (text[3] != ' ' && text[3] != 0) || before[second] || before[first]) {
            return false;
        }
        before[second] = first;
        text += text[3] ? 4 : 3;
    }
    return true;
}

static bool is_first_loop(const int before[DETECTORS + 1], int detector)
{
    for (int i = 1; i <= DETECTORS; i++) {
        if (before[i] == detector) {
            return true;
        }
    }
    return false;
}

static void canoga_check(struct traffic *t)
{
    for (size_t i = 0; i < traffic_devices(t); i++) {
        const struct device_settings *s = traffic_settings(t, i);
        int before[DETECTORS + 1];
        if (!read_pairs(s->pairs ? s->pairs : "", before)) {
            traffic_finding(t, (int)i, "pairs",
                            "\"%s\": must read as \"1-2 3-4\", detectors 1 to 4", s->pairs);
        } else if (s->pairs && *s->pairs && !(s->spacing_m > 0)) {
            traffic_finding(t, (int)i, "spacing", "pairs need the distance of the two loops");
        }
    }
}

/* The begin of this one against that of the one before; 0: unknown. */
static uint32_t headway_ms(const struct event *now, const struct event *last)
{
    uint32_t ms = now->start_ms - last->start_ms;
    return last->start_ms && ms < HEADWAY_MOST_MS ? ms : 0;
}

/* The card's clock went back: it was reset between two questions, its count began anew. */
static bool began_anew(const struct event *now, const struct event *last)
{
    return now->start_ms - last->start_ms >= 0x80000000;
}

static bool is_reset(const struct event *e)
{
    return !e->duration_ms && !e->start_ms && !e->count;
}

/* What XOR did not see. A byte that was lost moves the duration by one. */
static bool is_damaged(const struct event *now, const struct event *last)
{
    if (now->start_ms == last->start_ms || now->count == last->count) {
        return true;
    }
    return now->duration_ms > DURATION_MOST_MS ||
           (last->duration_ms && now->duration_ms >> 8 == last->duration_ms &&
            !headway_ms(now, last));
}

static bool is_same(const struct event *a, const struct event *b)
{
    return a->start_ms == b->start_ms && a->duration_ms == b->duration_ms && a->count == b->count;
}

/* Over a second loop that lies spacing_m behind the first; 0: not the same vehicle, or too slow to
 * tell. The mean of the times between the two begins and the two ends. */
static double pair_speed(const struct event *second, const struct event *first, double spacing_m)
{
    double a = first->duration_ms, b = second->duration_ms;
    double between = (int32_t)(second->start_ms - first->start_ms) + (b - a) / 2;
    if (!first->known || b < PAIR_LEAST_MS || fabs(a - b) > b / 10 || between <= 0) {
        return 0;
    }
    double kmh = rounded3(spacing_m * 3600 / between);
    return kmh >= SPEED_LEAST_KMH && kmh <= SPEED_MOST_KMH ? kmh : 0;
}

static void passage(struct traffic *t, size_t device, int detector, const struct event *now,
                    const int before[DETECTORS + 1], int64_t time_ns)
{
    struct canoga *d = traffic_device_state(t, device);
    const struct event *last = &d->last[detector - 1];
    struct vehicle v = { .has = HAS_LANE | HAS_DURATION | HAS_DEVICE_COUNT,
                         .time_ns = time_ns,
                         .lane = before[detector] ? before[detector] : detector,
                         .duration_s = now->duration_ms / 1000.0,
                         .device_count = now->count,
                         .missed = (uint8_t)(now->count - last->count - 1) };
    uint32_t headway = v.missed ? 0 : headway_ms(now, last);
    v.has |= began_anew(now, last) ? 0 : HAS_MISSED;
    if (headway) {
        v.has |= HAS_HEADWAY;
        v.headway_s = headway / 1000.0;
    }
    if (headway > last->duration_ms) {
        v.has |= HAS_GAP;
        v.gap_s = (headway - last->duration_ms) / 1000.0;
    }
    if (before[detector]) {
        v.speed_kmh =
            pair_speed(now, &d->last[before[detector] - 1], traffic_settings(t, device)->spacing_m);
        v.has |= v.speed_kmh > 0 ? HAS_SPEED : 0;
    }
    traffic_vehicle(t, device, &v);
}

static void take(struct traffic *t, size_t device, int detector, const struct event *now,
                 const int before[DETECTORS + 1], int64_t time_ns)
{
    struct canoga *d = traffic_device_state(t, device);
    struct event *last = &d->last[detector - 1];
    if (last->known && !is_reset(now)) {
        if (is_same(now, last)) {
            return;
        }
        if (is_damaged(now, last)) {
            if (d->refused_start_ms[detector - 1] != now->start_ms) {
                traffic_stray(t, WEIR_R_DECODE);
            }
            d->refused_start_ms[detector - 1] = now->start_ms;
            return;
        }
        if (!is_first_loop(before, detector)) {
            passage(t, device, detector, now, before, time_ns);
        }
    }
    *last = *now;
    last->known = 1;
}

static enum weir_result canoga_message(struct traffic *t, const uint8_t *bytes, size_t len,
                                       int64_t time_ns)
{
    int device = traffic_asked(t), before[DETECTORS + 1];
    if (device < 0) {
        return WEIR_R_FOREIGN; /* nothing was to come */
    }
    const char *pairs = traffic_settings(t, (size_t)device)->pairs;
    read_pairs(pairs ? pairs : "", before);
    struct event events[DETECTORS];
    for (int i = 0; i < DETECTORS; i++, bytes += EVENT_LEN) {
        events[i] = (struct event){ .duration_ms = get_be(bytes, 3),
                                    .start_ms = get_be(bytes + 3, 4),
                                    .count = bytes[7] };
    }
    /* first loops before second ones: a vehicle may have passed both */
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < DETECTORS; i++) {
            if ((before[i + 1] != 0) == (pass == 1)) {
                take(t, (size_t)device, i + 1, &events[i], before, time_ns);
            }
        }
    }
    traffic_answered(t, (size_t)device);
    return WEIR_R_OK;
}

static size_t canoga_explain(enum weir_direction direction, const uint8_t *bytes, size_t len,
                             char *buf, size_t size)
{
    int n = 0;
    if (direction == WEIR_TX && len == REQUEST_LEN && bytes[0] == '<' && bytes[7] == '>') {
        n = snprintf(buf, size, "Canoga address %d: last vehicles?", bytes[3]);
    } else if (direction != WEIR_TX && len == ANSWER_LEN && xor_of(bytes, len) == 0) {
        n = snprintf(buf, size, "Canoga: counts %d %d %d %d", bytes[7], bytes[16], bytes[25],
                     bytes[34]);
    }
    return n > 0 ? (size_t)n : 0;
}

const struct family family_canoga_c900 = {
    .name = "canoga-c900",
    .vehicle =
        HAS_LANE | HAS_SPEED | HAS_DURATION | HAS_HEADWAY | HAS_GAP | HAS_DEVICE_COUNT | HAS_MISSED,
    .device_state = sizeof(struct canoga),
    .addressed = true,
    .least_address = 0,
    .most_address = 255,
    .default_address = 0,
    .idle_ns = 100 * TRAFFIC_NS_PER_MS,
    .frame = canoga_frame,
    .message = canoga_message,
    .request = canoga_request,
    .check = canoga_check,
    .explain = canoga_explain,
};
