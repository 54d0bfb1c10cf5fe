/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * `state` records: a device went or came back. At most one a minute and device; what changed in
 * between is counted in the next one (`repeats`), and if the device ended up where it was, that is
 * told too. Pure.
 */
#ifndef BUS_STATE_H
#define BUS_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include <weir/record.h>

struct state {
    bool gone;            /* as the device is now */
    enum weir_result why; /* of the last failure */
    bool told;            /* sent_ns counts */
    int64_t sent_ns;
    uint64_t changes; /* since the last record */
};

/* The device was found so. True if that is a change. */
bool state_set(struct state *state, bool gone, enum weir_result why);
/* Is a record due? Then state_sent() follows when it has been made. */
bool state_due(const struct state *state, int64_t now_ns);
void state_sent(struct state *state, int64_t now_ns);

/* The points of the record: state, why, repeats. */
extern const struct weir_point state_points[3];
void state_values(const struct state *state, struct weir_value ret_values[3]);

#endif
