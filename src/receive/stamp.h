/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * What a record says about its time, if that is not trusted, and what a `clock` event says about
 * the time of others. Called by decode.c; pure.
 */
#ifndef RECEIVE_STAMP_H
#define RECEIVE_STAMP_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum trust { TRUST_FULL, TRUST_ESTIMATED, TRUST_UNSYNCED };

struct stamp {
    enum trust trust;
    bool has_uptime; /* without it an untrusted time cannot be repaired */
    int64_t uptime_us;
    int64_t error_us; /* of an estimated time */
};

/* A `clock` event: uptime + offset is the time since 1970, for one epoch. */
struct clock_word {
    bool is_one;
    const char *of_bus; /* NULL: of any bus; lives as long as the JSON */
    uint64_t of_epoch;
    int64_t offset_us;
};

struct stamp stamp_read(const json_t *object);
struct clock_word stamp_clock_word(const json_t *object);

/* The time that the stamp stands for. False: it cannot be told. */
bool stamp_repair(const struct stamp *stamp, int64_t offset_us, int64_t *ret_us);

/* A copy of the record with this time, marked "clock":"repaired". NULL: no memory, or no such time.
 */
json_t *stamp_repaired(json_t *object, int64_t us);

#endif
