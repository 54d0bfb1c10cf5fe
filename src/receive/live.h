/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * A table in place on a terminal: one row for each device and kind with its newest record, or topic
 * with its newest object, and two or three lines below that say how things are. Called by
 * receive.c. Bounded: LIVE_ROWS_MAX rows, what comes beyond is counted.
 *
 *   DEVICE     KIND     LAST              SEQ  RECORDS  VALUES
 *   feeder-1   reading  12:00:00.123     1234     1234  voltage_l1=230.1 voltage_l2=229.8
 *
 *   00:05:12  connected to mqtt://127.0.0.1:1883
 *   3.0 messages/s, 4810 records, 0 missing, 20 repeats, longest silence 1.2 s
 */
#ifndef RECEIVE_LIVE_H
#define RECEIVE_LIVE_H

#include <stdio.h>

#include "receive/item.h"
#include "receive/verify.h"

#define LIVE_ROWS_MAX 512

struct live;

struct live_status {
    const char *connection; /* in words */
    bool connected;
    int64_t running_ms;
    struct sum sum;
    uint64_t fault_count;
    uint64_t plain_count; /* objects without identity */
    uint64_t told_count;  /* messages that are no rows, or broken */
};

/* NULL: no memory. `color`: the terminal understands colours. */
struct live *live_create(bool color);
void live_destroy(struct live *live);

/* A message came, and an object in it; monotonic time. live_take: 0 or -ENOMEM. */
void live_message(struct live *live, int64_t now_ms);
int live_take(struct live *live, const struct item *item);

/* The terminal has another size, or something else was printed: draw on fresh lines. */
void live_reset(struct live *live);

/* One frame, over the last one. 0 or -ENOMEM. */
int live_draw(struct live *live, FILE *out, const struct live_status *status, int64_t now_ms);

#endif
