/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * What the receiver needs of one record: who made it, its number, and what it says about numbers
 * that are not sent. decode.c makes it from JSON, verify.c judges it.
 */
#ifndef RECEIVE_RECORD_H
#define RECEIVE_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "receive/marks.h"
#include "receive/stamp.h"

/* Why a number is not sent. The words are in decode.c. */
enum why {
    WHY_FILTER,
    WHY_LIMIT,
    WHY_AGE,
    WHY_DAMAGE,
    WHY_REFUSED,
    WHY_EARLIER,
    WHY_UNKNOWN,
    WHY_COUNT,
    WHY_INVALID = WHY_COUNT, /* no word that is known */
};

/* As it was said: nothing about it is checked yet. 0 where there was no number. */
struct range {
    uint64_t first;
    uint64_t last;
    enum why why;
};

struct ranges {
    struct range *list;
    size_t count;
};

/* One entry of `after`: how an epoch of this bus ended. */
struct ended {
    uint64_t epoch;
    uint64_t last;
    bool last_known;
    bool clean;
    bool damage;
    struct ranges before;
};

struct record {
    const char *gateway; /* the strings live as long as the JSON they come from */
    const char *bus;
    const char *device; /* NULL if there is none */
    const char *kind;   /* the same */
    const char *time;   /* the same */
    uint64_t epoch;
    uint64_t seq;
    struct ranges before;
    struct ended *after;
    size_t after_count;
    bool has_after;
    bool before_garbled; /* it is not of the shape it should have */
    bool after_garbled;  /* the same */
    char complaint[128]; /* what else is wrong in it, see shape.h; "" if nothing */
    struct stamp stamp;
    struct clock_word clock_word; /* if it is a `clock` event */
    struct content content;
};

const char *why_name(enum why why);

#endif
