/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * k-means of numbers on a line: the best solution, not one that depends on where a search began.
 * Pure. The method is told in docs/report.md.
 */
#ifndef REPORT_KMEANS_H
#define REPORT_KMEANS_H

#include <stddef.h>

#define KMEANS_MAX 9 /* groups */

struct kmeans {
    unsigned count;               /* of groups: fewer than asked for if fewer values differ */
    size_t first[KMEANS_MAX + 1]; /* index of each group's first value; first[count]: all values */
    double centre[KMEANS_MAX];    /* means, ascending */
    double within;                /* sum of squared distances to the own centre */
};

/* `values` ascend and are finite, `count` is at least 1, `groups` 1 to KMEANS_MAX. Equal values
 * are never parted. 0 or -ENOMEM. */
int kmeans_line(const double *values, size_t count, unsigned groups, struct kmeans *ret);

#endif
