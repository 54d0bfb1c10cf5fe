/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * What happens to a message: it is decoded, goes through the proof and to one output. Called by
 * receive.c, which owns the connection and the clock.
 */
#ifndef RECEIVE_INTAKE_H
#define RECEIVE_INTAKE_H

#include "receive/csv.h"
#include "receive/labels.h"
#include "receive/live.h"
#include "receive/options.h"
#include "receive/table.h"
#include "receive/told.h"
#include "receive/verdict.h"
#include "receive/verify.h"
#include "receive/waiting.h"

struct intake {
    enum output output;
    struct verify *verify;
    struct others others;
    struct told told;     /* what became no row */
    struct labels labels; /* of devices, for csv */
    const char *kinds;    /* what is printed; NULL: everything */
    int64_t now_ms;       /* of the message or tick at hand, monotonic */
    struct csv *csv;      /* for this output only, else NULL */
    struct live *live;    /* the same */
    struct table table;
    struct waiting *waiting; /* for the clock; NULL if this output does not repair */
    int64_t hold_ms;         /* how long, before it is printed as it is */
    int64_t record_ms;       /* when the last object came, monotonic */
    bool changed;            /* since the caller last cleared it */
    bool output_used;        /* something stands in the buffer of stdout */
    int failure;             /* errno of what makes it impossible to go on */
};

/* 0 or -ENOMEM; intake_finish() also then. */
int intake_init(struct intake *intake, const struct options *options);
void intake_finish(struct intake *intake);

/* One message; `at_ms` is wall time. */
void intake_message(struct intake *intake, const char *topic, const void *payload, size_t length,
                    bool retained, int64_t now_ms, int64_t at_ms);

/* Prints what has been held back for long enough; at the end, with INT64_MAX, everything. */
void intake_tick(struct intake *intake, int64_t now_ms);

/* At the end: says on stderr what became no row or had no column. */
void intake_sum(const struct intake *intake);

#endif
