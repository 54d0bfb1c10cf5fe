/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The readings of one point in one window, without the readings: enough for minimum, mean, maximum,
 * sum, count and last. Pure, and plain data: it lies in memory that outlives the process.
 *
 * Whole numbers are summed in 128 bits, so no sum is ever wrong; one that does not fit its type is
 * told as WEIR_R_RANGE. Floats are summed with the rounding error carried along (Neumaier). A
 * float32 counts as the decimal that it is shown as: ten times 230.1 is 2301, not 2301.0000610.
 */
#ifndef BUS_TALLY_H
#define BUS_TALLY_H

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"

union tally_number {
    uint8_t boolean;
    int64_t int64;
    uint64_t uint64;
    float float32;
    double float64;
};

struct tally {
    uint64_t count; /* readings with a value */
    uint8_t why;    /* why the newest reading had none; 0: it had */
    uint8_t doubted;
    union tally_number min, max, last; /* of no meaning for text */
    union {
        struct {
            uint64_t low;
            int64_t high;
        } whole;
        struct {
            double sum, rest;
        } real;
    };
};

/* One more reading. functions: bits 1 << enum window_function that will be asked for. True if the
 * value counts: of a text or bytes the caller keeps the last one itself. */
bool tally_add(struct tally *tally, enum weir_type type, unsigned functions,
               const struct weir_value *value);
/* Of window functions only, not of raw values; a text's LAST is the caller's. Without a single good
 * reading COUNT is 0 and all others are missing, for the reason of the last reading. */
struct weir_value tally_value(const struct tally *tally, enum weir_type type,
                              enum window_function function);

#endif
