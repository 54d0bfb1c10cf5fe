/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Hi-Link HLK-LD2451: a 24 GHz radar module that says what it sees ten times a second, binary.
 *
 *   F4 F3 F2 F1 LEN(16, little-endian) DATA... F8 F7 F6 F5
 *
 * DATA: number of targets, alarm, then 5 bytes a target: angle + 80h (degrees), distance (m),
 * direction, speed (km/h), signal to noise. Without a target LEN is 0. No checksum. Direction 1 is
 * taken for approaching as the table of the manual has it; its worked example has it the other way
 * round. The nearest target of each direction counts: readings to vehicles, passage.c.
 *
 * `./dev new-adapter --counter NAME` makes a copy of this file for a device of your own.
 *
 * Source: HLK-LD2451 serial protocol, Hi-Link.
 */
#include <stdio.h>
#include <string.h>

#include "family.h"

enum { HEAD_LEN = 6, TAIL_LEN = 4, FIXED_LEN = 2, TARGET_LEN = 5, TARGETS_MOST = 20 };
enum { DISTANCE = 1, DIRECTION = 2, SPEED = 3 }; /* bytes of a target */
enum { DEPARTING, APPROACHING, DIRECTIONS };
enum { REPORTS_A_PAUSE = 10 }; /* a second; also where they were heard late and all at once */

static const uint8_t head[] = { 0xF4, 0xF3, 0xF2, 0xF1 }, tail[] = { 0xF8, 0xF7, 0xF6, 0xF5 };
static const char *const directions[DIRECTIONS] = { "departing", "approaching" };

/* Survives the process: plain data, zero when new. */
struct hlk {
    struct passage passages[DIRECTIONS];
    uint8_t without[DIRECTIONS]; /* reports since the one that it was in last */
};

/* Where does a message begin, and how long is it? */
static int hlk_frame(const uint8_t *bytes, size_t len)
{
    size_t known = len < sizeof head ? len : sizeof head;
    if (memcmp(bytes, head, known) != 0) {
        return -1;
    }
    if (len < HEAD_LEN) {
        return 0;
    }
    uint32_t inner = get_le(bytes + 4, 2);
    if (inner > FIXED_LEN + TARGETS_MOST * TARGET_LEN) {
        return -1;
    }
    return (int)(HEAD_LEN + inner + TAIL_LEN);
}

static enum weir_result hlk_message(struct traffic *t, const uint8_t *bytes, size_t len,
                                    int64_t time_ns)
{
    struct hlk *h = traffic_bus_state(t);
    const uint8_t *data = bytes + HEAD_LEN, *nearest[DIRECTIONS] = { NULL };
    size_t inner = len - HEAD_LEN - TAIL_LEN;
    if (memcmp(data + inner, tail, sizeof tail) != 0) {
        return WEIR_R_FRAME;
    }
    if (inner > 0 && (inner < FIXED_LEN || inner != FIXED_LEN + data[0] * (size_t)TARGET_LEN)) {
        return WEIR_R_DECODE; /* no checksum: the number of targets must fit */
    }
    for (size_t at = FIXED_LEN; at < inner; at += TARGET_LEN) {
        const uint8_t *target = data + at;
        if (target[DIRECTION] >= DIRECTIONS) {
            return WEIR_R_DECODE;
        }
        const uint8_t **best = &nearest[target[DIRECTION]];
        *best = !*best || target[DISTANCE] < (*best)[DISTANCE] ? target : *best;
    }
    for (int i = 0; i < DIRECTIONS; i++) {
        if (nearest[i]) {
            h->without[i] = 0;
            passage_reading(t, &h->passages[i], nearest[i][SPEED], directions[i], time_ns);
            passage_range(&h->passages[i], nearest[i][DISTANCE]);
        } else if (h->without[i] < REPORTS_A_PAUSE && ++h->without[i] == REPORTS_A_PAUSE) {
            passage_end(t, &h->passages[i]);
        }
    }
    return WEIR_R_OK;
}

/* A second without a reading: the vehicle has passed. */
static int64_t hlk_tick(struct traffic *t, int64_t now_ns)
{
    struct hlk *h = traffic_bus_state(t);
    int64_t a = passage_tick(t, &h->passages[DEPARTING], now_ns);
    int64_t b = passage_tick(t, &h->passages[APPROACHING], now_ns);
    return a < b ? a : b;
}

/* For `weir trace`: one line on what these bytes are. */
static size_t hlk_explain(enum weir_direction direction, const uint8_t *bytes, size_t len,
                          char *buf, size_t size)
{
    if (len < HEAD_LEN + TAIL_LEN || memcmp(bytes, head, sizeof head) != 0) {
        return 0;
    }
    int n = snprintf(buf, size, "HLK-LD2451: %d targets", get_le(bytes + 4, 2) ? bytes[6] : 0);
    return n > 0 ? (size_t)n : 0;
}

const struct family family_hlk_ld2451 = {
    .name = "hlk-ld2451",
    .vehicle = HAS_SPEED | HAS_DIRECTION | HAS_DURATION | HAS_RANGE,
    .bus_state = sizeof(struct hlk),
    .idle_ns = 90 * TRAFFIC_NS_PER_MS, /* reports are 100 ms apart */
    .frame = hlk_frame,
    .message = hlk_message,
    .tick = hlk_tick,
    .explain = hlk_explain,
};
