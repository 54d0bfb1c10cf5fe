/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * From the cells of a row to one observation: which column is what, and why a row cannot be used.
 */
#ifndef REPORT_COLUMNS_H
#define REPORT_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "report/rows.h"
#include "report/when.h"

#define LOCATION_BYTES_MAX 256

/* Why a row is left out; reason_text() has the words. */
enum reason {
    REASON_NONE,
    REASON_COLUMNS,
    REASON_OPEN_QUOTE,
    REASON_AFTER_QUOTE,
    REASON_LONG,
    REASON_LOCATION_EMPTY,
    REASON_LOCATION_LONG,
    REASON_LOCATION_TEXT,
    REASON_TIME_EMPTY,
    REASON_TIME,
    REASON_TIME_LARGE,
    REASON_UNTRUSTED,
    REASON_COUNT_EMPTY,
    REASON_COUNT,
    REASON_COUNT_NEGATIVE,
    REASON_COUNT_LARGE,
    REASON_MORE,
    REASON_OTHER_KIND, /* no fault */
    REASON_COUNT_OF,
};

const char *reason_text(enum reason reason);

enum column {
    COLUMN_LOCATION,
    COLUMN_TIME,
    COLUMN_COUNT,
    COLUMN_NEEDED, /* those above */
    COLUMN_CLOCK = COLUMN_NEEDED,
    COLUMN_KIND,
    COLUMN_GATEWAY,
    COLUMN_BUS,
    COLUMN_EPOCH,
    COLUMN_SEQ,
    COLUMN_MORE,
    COLUMN_COUNT_OF,
};

struct columns {
    const char *names[COLUMN_COUNT_OF]; /* kept by reference */
    bool named[COLUMN_COUNT_OF];        /* by --columns */
    int at[COLUMN_COUNT_OF];            /* -1: there is none */
    size_t count;                       /* of all in the header */
    void *more;                         /* what the last row's texts out of `more` live in */
};

struct observation {
    const char *location; /* not terminated; valid as long as the row */
    size_t location_size;
    int64_t time_s;
    bool local; /* time_s is local time already */
    double count;
    struct cell stream[3]; /* gateway, bus, epoch */
    bool numbered;         /* stream and seq are there */
    uint64_t seq;
};

/* The names as they are without --columns. */
void columns_init(struct columns *columns);
void columns_finish(struct columns *columns);
/* "location=street,time=at": kept in pieces by reference, so `list` changes. 0 or -EINVAL. */
int columns_rename(struct columns *columns, char *list);

/* Finds the columns in a header. 0, or -EINVAL: a sentence of what is wrong stands in `problem`. */
int columns_find(struct columns *columns, const struct row *header, char *problem, size_t size);

/* REASON_NONE, or why this row cannot be used; then *ret_culprit is the cell, if it is one. */
enum reason columns_take(struct columns *columns, const struct row *row, struct observation *ret,
                         struct cell *ret_culprit);

#endif
