/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * One direction of the wire, byte by byte. See wire_lane.h.
 */
#include "wire_lane.h"

enum { CHUNK_BYTES = 512 };

void wire_lane_put(struct wire_lane *lane, const struct fault_byte *bytes, size_t count,
                   int64_t start_ns, int64_t byte_ns)
{
    int64_t due_ns = start_ns > lane->last_due_ns ? start_ns : lane->last_due_ns;
    if (count > LANE_BYTES - lane->count) {
        lane->overflow_count += count;
        return;
    }
    for (size_t i = 0; i < count; i++) {
        size_t at = (lane->head + lane->count++) % LANE_BYTES;
        due_ns += bytes[i].pause_ns + byte_ns;
        lane->ring[at].due_ns = due_ns;
        lane->ring[at].value = bytes[i].value;
        lane->ring[at].first = i == 0;
        lane->ring[at].last = i == count - 1;
    }
    lane->last_due_ns = due_ns;
}

int64_t wire_lane_on_time(struct wire_lane *lane)
{
    while (lane->count) {
        uint8_t chunk[CHUNK_BYTES];
        size_t n = 0;
        int64_t now_ns = rig_now_ns();
        while (lane->count && n < sizeof chunk && lane->ring[lane->head].due_ns <= now_ns) {
            chunk[n++] = lane->ring[lane->head].value;
            if (lane->ring[lane->head].last) {
                lane->last_sent_ns = lane->ring[lane->head].due_ns;
            }
            lane->head = (lane->head + 1) % LANE_BYTES;
            lane->count--;
        }
        if (!n) {
            return lane->ring[lane->head].due_ns;
        }
        lane->byte_count += wire_end_write(lane->to, chunk, n);
    }
    return RIG_NEVER;
}

bool wire_lane_under_way(const struct wire_lane *lane)
{
    return lane->count && !lane->ring[lane->head].first;
}

void wire_lane_clear(struct wire_lane *lane)
{
    lane->count = 0;
    lane->last_due_ns = 0;
}
