/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Stalker (Applied Concepts) speed sensors set to the "S" format: 19 bytes a reading.
 *
 *   TYPE | A or C, peak speed (4) | A or C, live speed (4) | strength (3) | ratio (3) | STATUS | CR
 *
 * Speeds in tenths, digits with blanks in front, all blank: no target. A goes away, C comes nearer.
 * The live speed is the reading; the peak is the sensor's own hold of it. What TYPE is, and the
 * bits of STATUS, no public text says: read over. TYPE may be missing.
 *
 * There is no checksum: length, letters and digits in their places, and limits stand in. Readings
 * to vehicles: passage.c.
 *
 * Source: Stalker Speed Sensor User Guide.
 */
#include <string.h>

#include "family.h"

enum { BODY = 17, PEAK = 0, LIVE = 5, STRENGTH = 10, RATIO = 13, STATUS = 16, LINE_MOST = 18 };
#define KMH_MOST 300.0

static int stalker_frame(const uint8_t *bytes, size_t len)
{
    return frame_line(bytes, len, LINE_MOST);
}

/* Blanks, then digits to the end; the last place may be blank (whole numbers only). Tenths, -1: all
 * blank; false: not so. */
static bool take_digits(const uint8_t *at, size_t count, int *ret_number)
{
    size_t i = 0;
    int number = 0;
    while (i < count && at[i] == ' ') {
        i++;
    }
    *ret_number = i == count ? -1 : 0;
    for (; i < count; i++) {
        bool last = i == count - 1 && count == 4 && at[i] == ' ';
        if (!last && (at[i] < '0' || at[i] > '9')) {
            return false;
        }
        number = number * 10 + (last ? 0 : at[i] - '0');
        *ret_number = number;
    }
    return true;
}

/* A letter with a speed; without a speed the letter may be blank too. */
static bool take_target(const uint8_t *at, int *ret_tenths)
{
    return take_digits(at + 1, 4, ret_tenths) &&
           (at[0] == 'A' || at[0] == 'C' || (at[0] == ' ' && *ret_tenths <= 0));
}

static enum weir_result stalker_message(struct traffic *t, const uint8_t *bytes, size_t len,
                                        int64_t time_ns)
{
    int peak, live, strength, ratio;
    while (len > 0 && (bytes[len - 1] == '\r' || bytes[len - 1] == '\n')) {
        len--;
    }
    if (len == 0) {
        return WEIR_R_OK;
    }
    if (len < BODY || len > BODY + 1) {
        return WEIR_R_FRAME;
    }
    const uint8_t *body = bytes + len - BODY;
    if (!take_target(body + PEAK, &peak) || !take_target(body + LIVE, &live) ||
        !take_digits(body + STRENGTH, 3, &strength) || !take_digits(body + RATIO, 3, &ratio) ||
        body[STATUS] < ' ') {
        return WEIR_R_FRAME;
    }
    double kmh = live > 0 ? traffic_kmh(t, live / 10.0) : 0;
    if (kmh > KMH_MOST) {
        return WEIR_R_DECODE;
    }
    passage_reading(t, traffic_bus_state(t), kmh, body[LIVE] == 'C' ? "approaching" : "departing",
                    time_ns);
    return WEIR_R_OK;
}

static int64_t stalker_tick(struct traffic *t, int64_t now_ns)
{
    return passage_tick(t, traffic_bus_state(t), now_ns);
}

const struct family family_stalker_s = {
    .name = "stalker-s",
    .vehicle = HAS_SPEED | HAS_DIRECTION | HAS_DURATION,
    .bus_state = sizeof(struct passage),
    .lines = true,
    .frame = stalker_frame,
    .message = stalker_message,
    .tick = stalker_tick,
};
