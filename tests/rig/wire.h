/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The wire as a whole: two ends, a lane each way and one for the echo, and its faults.
 * wire_flow.c moves the bytes; wire.c takes options and commands.
 */
#ifndef WIRE_H
#define WIRE_H

#include "faults.h"
#include "wire_end.h"
#include "wire_lane.h"

enum { WIRE_IN_BYTES = 4096, WIRE_BITS_PER_CHARACTER = 11 };

/* What has come from one side and is not a frame yet. */
struct wire_inbox {
    uint8_t bytes[WIRE_IN_BYTES];
    size_t length;
    int64_t last_ns;
    uint64_t frame_count, raw_count;
};

struct wire {
    struct wire_end master, slave;
    struct wire_lane to_slave, to_master, echo;
    struct wire_inbox requests, replies;
    struct faults faults;
    int baud; /* 0: unpaced */
    bool vanished;
    uint64_t short_gap_count, collision_count;
};

extern struct wire wire;

/* Connects ends and lanes, which are closed yet. */
void wire_flow_init(void);

/* Forgets all bytes that are on their way. */
void wire_flow_clear(void);

int64_t wire_flow_on_time(void);

#endif
