/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Times as CSV files have them, and the local hour of a time in a zone (docs/report.md).
 */
#ifndef REPORT_WHEN_H
#define REPORT_WHEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum when_form {
    WHEN_BAD,   /* no time */
    WHEN_LARGE, /* a number too large for seconds */
    WHEN_UTC,   /* seconds since 1970 */
    WHEN_LOCAL, /* without a zone: seconds since 1970 as if it were UTC */
};

/* A fraction of a second is dropped, downwards. *ret_s only if it is UTC or LOCAL. */
enum when_form when_read(const char *text, size_t size, int64_t *ret_s);

struct zone;

/* `name` as of --timezone; NULL: $TZ or what the machine has. Sets TZ of this process: one zone at
 * a time. 0, -ENOENT if there is no such zone, -ENOMEM. */
int zone_create(const char *name, struct zone **ret_zone);
void zone_destroy(struct zone *zone);
/* For people: "Europe/Berlin"; lives as long as the zone. */
const char *zone_name(const struct zone *zone);
/* Seconds since 1970 as a clock on the wall there would count them. */
int64_t zone_local(struct zone *zone, int64_t utc_s);

/* Of local seconds: the day since 1970-01-01, the hour, Monday (0) to Sunday (6). */
int64_t when_day(int64_t local_s);
unsigned when_hour(int64_t local_s);
unsigned when_weekday(int64_t local_s);

#define WHEN_DATE_SIZE 32
/* "2026-11-22" */
const char *when_date(int64_t day, char buf[WHEN_DATE_SIZE]);

#endif
