/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * A set of numbers as a sorted list of intervals: the memory of a proof grows with the holes, not
 * with the records. Used by verify.c. Invariant: intervals are in order, disjoint, and never
 * adjacent (1..3 and 4..5 are 1..5). Numbers are 1..2^53.
 */
#ifndef RECEIVE_INTERVALS_H
#define RECEIVE_INTERVALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct interval {
    uint64_t first;
    uint64_t last;
};

/* All zero is the empty set. */
struct intervals {
    struct interval *list;
    size_t count;
    size_t room;
};

void intervals_finish(struct intervals *set);

/* Adds first..last (first <= last). 0 or -ENOMEM. */
int intervals_add(struct intervals *set, uint64_t first, uint64_t last);

/* Takes first..last out. 0 or -ENOMEM (one interval may become two). */
int intervals_remove(struct intervals *set, uint64_t first, uint64_t last);

bool intervals_has(const struct intervals *set, uint64_t number);

/* The first part of first..last that is not in the set. False if there is none. */
bool intervals_gap(const struct intervals *set, uint64_t first, uint64_t last,
                   struct interval *ret_gap);

/* The first part of first..last that is in the set. False if there is none. */
bool intervals_overlap(const struct intervals *set, uint64_t first, uint64_t last,
                       struct interval *ret_part);

/* How many numbers the set holds. */
uint64_t intervals_total(const struct intervals *set);

#endif
