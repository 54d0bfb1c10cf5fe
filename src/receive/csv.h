/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Objects as rows of CSV, quoted as in RFC 4180. Called by intake.c. Every row has the columns of
 * the one header: those that were asked for, or those of the objects that came while it learned
 * (of the first one only, if it learns for no time) and a last one, `more`, for the rest. What has
 * no column is said once for each key, and counted.
 */
#ifndef RECEIVE_CSV_H
#define RECEIVE_CSV_H

#include <stdio.h>

#include "receive/item.h"
#include "receive/labels.h"

#define CSV_HELD_MAX       100000                    /* objects, while it learns */
#define CSV_HELD_BYTES_MAX ((size_t)8 * 1024 * 1024) /* of them, as text */
#define CSV_MISSED_MAX     256                       /* keys without a column that are named */

struct csv;

struct csv_settings {
    const char *columns;         /* see columns_parse(); NULL: learned */
    int64_t learn_ms;            /* rows are held back for so long after the first object */
    const struct labels *labels; /* kept by reference */
    FILE *out;
    FILE *words; /* for people; NULL: nowhere */
};

/* NULL: no memory, or the columns are none. */
struct csv *csv_create(const struct csv_settings *settings);
void csv_destroy(struct csv *csv);

/* One row; monotonic time. An array in the object is one cell, see rows.h. 0 or -ENOMEM; errors of
 * `out` are for the caller to look up with ferror(). */
int csv_write(struct csv *csv, const struct item *item, int64_t now_ms);

/* Writes what is held back, if it is time: INT64_MAX, at the end, everything. 0 or -ENOMEM. */
int csv_tick(struct csv *csv, int64_t now_ms);

/* Says how often keys had no column, if any. */
void csv_sum(const struct csv *csv);

#endif
