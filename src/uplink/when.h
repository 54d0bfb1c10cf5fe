/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The wall time of a record, worked out when it is sent. Records carry time since boot and what the
 * clock said then; a box without a battery-backed clock learns the true time later, or never. Pure.
 *
 *   stamped when the clock was synchronised        exact, never computed anew
 *   the clock of its boot was synchronised later   exact, by that boot's offset
 *   another boot, never synchronised               between the newest time known before that boot
 *                                                  and the start of this one: estimated, with bound
 *   this boot, not synchronised                    unsynced: no sooner than the newest time known
 *
 * A floor that the clock of now contradicts was set by a clock that was wrong; then nothing is left
 * but the date of the build.
 */
#ifndef UPLINK_WHEN_H
#define UPLINK_WHEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "record/json.h"

/* What is known of the boot that a record was made in. */
struct when_boot {
    bool this_boot;
    struct clock_offset clock; /* the newest known of that boot, synchronised if it ever was */
    int64_t floor_ns;          /* wall time that it cannot have begun before; 0: unknown */
    struct boot_time until;    /* it lasted at least that long */
};

struct when {
    struct wall_time time;
    enum json_clock clock;
    double error_s; /* of JSON_CLOCK_ESTIMATED */
};

/* `noted`: the clock when the record was made; `now`: the clock of this boot as of now. */
struct when when_of(struct boot_time time, struct clock_offset noted, const struct when_boot *boot,
                    struct clock_offset now);

#endif
