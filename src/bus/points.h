/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Deadband: which values of a reading need not be sent again. Pure. A value is compared with the
 * one that was sent last, not with the one read last, so that a slow drift is seen.
 */
#ifndef BUS_POINTS_H
#define BUS_POINTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weir/record.h>

struct point_rule {
    enum weir_type type;
    double deadband;        /* 0: every value is sent. Text and bytes are always sent. */
    int64_t max_silence_ns; /* after this long a value is sent all the same; 0: never */
};

struct points; /* the points of one device */

/* every_ns: a max_silence that ends within half a period of a poll has ended. */
int points_create(const struct point_rule *rules, size_t count, int64_t every_ns,
                  struct points **ret_points);
void points_destroy(struct points *points);

/* Sets WEIR_QUALITY_OMITTED where a value is inside its deadband. A changed quality is always sent.
 * Returns how many values are left. */
size_t points_filter(const struct points *points, int64_t now_ns, struct weir_value *values);
/* These values have become a record. */
void points_sent(struct points *points, int64_t now_ns, const struct weir_value *values);

#endif
