/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * One direction of the wire: a ring of bytes, each with the time at which its last bit has passed.
 * Invariant: the times in a lane only grow, so the first byte is always the next.
 */
#ifndef WIRE_LANE_H
#define WIRE_LANE_H

#include "faults.h"
#include "wire_end.h"

enum { LANE_BYTES = 8192 };

struct wire_lane {
    struct wire_end *to;
    struct {
        int64_t due_ns;
        uint8_t value;
        bool first, last; /* of its frame */
    } ring[LANE_BYTES];
    size_t head, count;
    int64_t last_due_ns;  /* of what was put in last */
    int64_t last_sent_ns; /* when the last finished frame ended */
    uint64_t byte_count, overflow_count;
};

/* Queues the bytes of a frame from start_ns on, each `byte_ns` long on the wire. */
void wire_lane_put(struct wire_lane *lane, const struct fault_byte *bytes, size_t count,
                   int64_t start_ns, int64_t byte_ns);

/* Sends what is due; when it wants to be called again, or RIG_NEVER. */
int64_t wire_lane_on_time(struct wire_lane *lane);

/* Has a frame begun that has not ended? */
bool wire_lane_under_way(const struct wire_lane *lane);

void wire_lane_clear(struct wire_lane *lane);

#endif
