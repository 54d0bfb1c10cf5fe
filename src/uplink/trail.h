/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * What lies between the record sent before and the one in hand, on one bus: ranges of numbers that
 * are not sent, and epochs that ended. From it come `before` and `after`. Pure.
 *
 *   sent before        passed since                          in hand
 *   (epoch 7, 480)     7: 481..490 filter | 7 ended, 490     (epoch 8, 3): before 1..2 filter,
 *                      8: 1..2 filter                         after 7 last 490 before 481..490
 * filter
 */
#ifndef UPLINK_TRAIL_H
#define UPLINK_TRAIL_H

#include <stdbool.h>

#include "log/gone.h"
#include "record/json.h"

enum { TRAIL_EPOCHS = 64 };

struct trail_epoch {
    uint64_t epoch, last;
    bool clean, damage, has_until;
    struct wall_time until;
};

struct trail {
    struct ranges ranges;
    size_t epoch_count;
    struct trail_epoch epochs[TRAIL_EPOCHS]; /* the newest; older ones fall off the front */
    uint64_t sent_epoch;                     /* of the record sent before; 0: none on record */
};

/* Where the ranges and epochs of one record are laid out for the encoder. */
struct trail_view {
    struct json_range ranges[RANGES_MAX];
    struct json_epoch epochs[TRAIL_EPOCHS];
};

void trail_start(struct trail *trail, uint64_t sent_epoch, const struct ranges *ranges);
void trail_hole(struct trail *trail, struct range range);
void trail_epoch_end(struct trail *trail, struct trail_epoch epoch);
/* Fills before and after of the record; the view must live until it is encoded. */
void trail_fill(const struct trail *trail, struct trail_view *view, struct json_record *record);
/* The record was handed over: from here on it is the one sent before. */
void trail_sent(struct trail *trail, uint64_t epoch);

#endif
