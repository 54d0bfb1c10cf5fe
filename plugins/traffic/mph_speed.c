/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * MPH Industries: the speed packet of Bee III, Speedgun and Python radars, and that of the DS4.
 *
 *   02 STATUS PATROL TARGET LOCK ALTERNATE 03      a whole speed each, in the unit it is set to
 *   02 STATUS ...... TARGET .... RANGE/10  03      DS4; the range in feet
 *
 * Every 250 ms, with or without a target; less than 4 is none. Status, a bit each: low voltage,
 * radio interference, front antenna, rear antenna, moving, alternate mode, opposite direction,
 * always set. Both antennae: self-test; neither: standby. What the radar hears while it says
 * interference, self-test or standby is no vehicle.
 *
 * There is no checksum. Readings to vehicles: passage.c. The first packets after a begin in
 * mid-packet are found by the pause between packets, in which half a packet is thrown away.
 *
 * Source: "MPH Radar Protocol" and "MPH DS4 Radar Interface Protocol Document" of the maker.
 */
#include <string.h>

#include "family.h"

enum { PACKET = 7, STX = 0x02, ETX = 0x03, NONE_BELOW = 4 };
enum {
    LOW_VOLTAGE = 0x01,
    INTERFERENCE = 0x02,
    FRONT = 0x04,
    REAR = 0x08,
    SPEED_PACKET = 0x80,
    DS4_ZERO = 0x60
};
#define KMH_MOST 300.0

struct mph {
    struct passage passage;
    uint32_t told; /* bits of the status that the log has */
    uint32_t unused;
};

static int mph_frame(const uint8_t *bytes, size_t len)
{
    const uint8_t *next = memchr(bytes, STX, len);
    if (next != bytes) {
        return -(int)(next ? (size_t)(next - bytes) : len);
    }
    if ((len > 1 && !(bytes[1] & SPEED_PACKET)) || (len >= PACKET && bytes[PACKET - 1] != ETX)) {
        return -1;
    }
    return len < PACKET ? 0 : PACKET;
}

static void tell(struct traffic *t, struct mph *m, unsigned status)
{
    uint32_t trouble = status & (LOW_VOLTAGE | INTERFERENCE), fresh = trouble & ~m->told;
    m->told = trouble;
    if (fresh & LOW_VOLTAGE) {
        traffic_log(t, WEIR_LOG_WARNING, "the radar says: voltage too low");
    }
    if (fresh & INTERFERENCE) {
        traffic_log(t, WEIR_LOG_WARNING, "the radar says: radio interference; no speeds meanwhile");
    }
}

static enum weir_result mph_message(struct traffic *t, const uint8_t *bytes, size_t len,
                                    int64_t time_ns)
{
    struct mph *m = traffic_bus_state(t);
    unsigned status = bytes[1], antennae = status & (FRONT | REAR);
    double kmh = bytes[3] < NONE_BELOW ? 0 : traffic_kmh(t, bytes[3]);
    if (kmh > KMH_MOST) {
        return WEIR_R_DECODE;
    }
    tell(t, m, status);
    if (!(status & INTERFERENCE) && (antennae == FRONT || antennae == REAR)) {
        passage_reading(t, &m->passage, kmh, "", time_ns);
    }
    return WEIR_R_OK;
}

static enum weir_result ds4_message(struct traffic *t, const uint8_t *bytes, size_t len,
                                    int64_t time_ns)
{
    struct mph *m = traffic_bus_state(t);
    double kmh = bytes[3] < NONE_BELOW ? 0 : traffic_kmh(t, bytes[3]);
    if ((bytes[1] & DS4_ZERO) || kmh > KMH_MOST) {
        return WEIR_R_DECODE;
    }
    tell(t, m, bytes[1] & LOW_VOLTAGE);
    passage_reading(t, &m->passage, kmh, "approaching", time_ns);
    if (kmh > 0 && bytes[5] >= NONE_BELOW) {
        passage_range(&m->passage, m_from_feet(bytes[5] * 10.0));
    }
    return WEIR_R_OK;
}

static int64_t mph_tick(struct traffic *t, int64_t now_ns)
{
    struct mph *m = traffic_bus_state(t);
    return passage_tick(t, &m->passage, now_ns);
}

const struct family family_mph_speed = {
    .name = "mph-speed",
    .vehicle = HAS_SPEED | HAS_DURATION,
    .bus_state = sizeof(struct mph),
    .idle_ns = 100 * TRAFFIC_NS_PER_MS, /* between two packets are 190 ms of silence */
    .frame = mph_frame,
    .message = mph_message,
    .tick = mph_tick,
};

const struct family family_mph_ds4 = {
    .name = "mph-ds4",
    .vehicle = HAS_SPEED | HAS_DURATION | HAS_DIRECTION | HAS_RANGE,
    .bus_state = sizeof(struct mph),
    .idle_ns = 100 * TRAFFIC_NS_PER_MS,
    .frame = mph_frame,
    .message = ds4_message,
    .tick = mph_tick,
};
