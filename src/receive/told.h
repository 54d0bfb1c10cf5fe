/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Messages that could not be made rows, or are broken: said once for each topic, counted always.
 * Used by intake.c. Bounded: TOLD_MAX topics are named.
 */
#ifndef RECEIVE_TOLD_H
#define RECEIVE_TOLD_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define TOLD_MAX 64

/* All zero but `out` is empty. */
struct told {
    FILE *out;    /* for people; NULL: nowhere, only counted */
    json_t *seen; /* topic to how often */
    uint64_t count;
    bool full;
};

void told_finish(struct told *told);

/* `what` was wrong with a message. */
void told_note(struct told *told, const char *topic, const char *what);

/* The sum, if there is any. */
void told_sum(const struct told *told, FILE *out);

#endif
