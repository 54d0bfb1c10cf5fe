/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * What the counts say (docs/report.md, "What it computes"): everything that text, JSON and page
 * show. Counts are means of vehicle_count; NAN where there was no row.
 */
#ifndef REPORT_RESULT_H
#define REPORT_RESULT_H

#include <stddef.h>
#include <stdint.h>

#include "report/intake.h"
#include "report/kmeans.h"
#include "report/options.h"

/* One hour of the day at one location. */
struct point {
    double mean;
    uint32_t place; /* index in the places */
    uint8_t hour;
    uint8_t group; /* from 0, the lowest */
};

struct group {
    double centre;   /* vehicles */
    double standard; /* the same, standardised */
    double from, to; /* its least and greatest mean */
    size_t points;
    uint32_t hours; /* bit h: in hour h no other group has more locations */
};

struct hour {
    double mean; /* over locations, of the chosen days */
    double of[DAY_KINDS];
    uint32_t top; /* locations in the highest group */
};

struct peak_place {
    uint32_t place;
    uint32_t top; /* hours in the highest group */
    uint8_t hour; /* its highest */
    double mean;  /* of that hour */
};

struct result {
    struct point *points; /* by mean, ascending */
    size_t point_count;
    double mean, spread, explained;
    struct group groups[KMEANS_MAX];
    unsigned group_count; /* may be fewer than asked for */
    struct hour hours[HOURS];
    unsigned peak_hours[HOURS];     /* highest first */
    unsigned peak_hour_count;       /* at most --top, and hours with rows */
    struct peak_place *peak_places; /* likewise */
    size_t peak_place_count;
};

/* 0; -ENODATA: no row of the chosen days; -ENOMEM. Finish it in any case. */
int result_make(struct result *result, const struct intake *intake, const struct options *options);
void result_finish(struct result *result);

/* The mean of a location in an hour of the chosen days, or NAN. */
double result_mean(const struct place *place, unsigned hour, enum days days);
/* The group that a mean of a point belongs to. */
unsigned result_group(const struct result *result, double mean);
/* "00-05 22-23"; "" for none. */
#define RESULT_HOURS_SIZE 80
const char *result_hours(uint32_t hours, char buf[RESULT_HOURS_SIZE]);

#endif
