/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The books of mqtt-sink: which reads of each point arrived. A point is a register of a unit whose
 * value counts its own reads (meters.h), so every value must come exactly once.
 *
 *     arrived   7 8 9 . . 12 13      last 13, missing [10, 11], unique 5
 *
 * The 16 bits of a value are unrolled around the highest one seen: right as long as less than
 * 32768 reads of one point are missing in a row or come late.
 */
#ifndef POINTS_H
#define POINTS_H

#include <stdint.h>

enum { POINTS_UNIT_MAX = 255, POINTS_REGISTER_MAX = 1023 };

struct points_totals {
    uint64_t unique, repeated, out_of_order;
    uint64_t missing;        /* between the first and the last read that arrived */
    uint64_t ids;            /* points that were seen */
    uint64_t ids_from_first; /* of these, whose very first read arrived */
};

/* Notes one value. Units and registers outside the limits are ignored. */
void points_take(unsigned unit, unsigned reg, uint16_t value);

struct points_totals points_total(void);

void points_finish(void);

#endif
