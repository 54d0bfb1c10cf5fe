/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * When a window ends. Pure: told the time and the clock. Windows of a device cover the time without
 * holes: each begins where the one before ended.
 *
 * Aligned, a window ends at the next multiple of its period by the clock (UTC), and follows the
 * clock while it is only slewed. A step of the clock, by more than a tenth of the period or a
 * second, ends it at once. So the first window, those around a step, and those of a time in which
 * nobody ran are shorter or longer than the period, by up to one slack even when nothing happened.
 */
#ifndef BUS_PERIOD_H
#define BUS_PERIOD_H

#include <stdbool.h>
#include <stdint.h>

struct period {
    int64_t begin_ns;  /* boot time */
    int64_t end_ns;    /* not aligned: boot time; aligned: by the clock */
    int64_t offset_ns; /* of the clock, when last looked at */
};

/* begin_ns <= now_ns: the end comes after now, however long ago it began. */
void period_begin(struct period *period, int64_t length_ns, bool align, int64_t begin_ns,
                  int64_t now_ns, int64_t offset_ns);
/* Boot time of its end as things are now; at most now_ns: it is over. */
int64_t period_end_ns(struct period *period, int64_t length_ns, bool align, int64_t now_ns,
                      int64_t offset_ns);

#endif
