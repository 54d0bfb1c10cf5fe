/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The ends of windows: see period.h.
 */
#include "bus/period.h"

#include "base/clock.h"

static int64_t multiple_after(int64_t t, int64_t length_ns)
{
    return (t / length_ns - (t % length_ns < 0) + 1) * length_ns;
}

/* What does not count as a step; nor does a window begin anew for a piece of time so short. */
static int64_t slack_ns(int64_t length_ns)
{
    return length_ns / 10 < NS_PER_S ? length_ns / 10 : NS_PER_S;
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

void period_begin(struct period *period, int64_t length_ns, bool align, int64_t begin_ns,
                  int64_t now_ns, int64_t offset_ns)
{
    period->begin_ns = begin_ns;
    period->offset_ns = offset_ns;
    period->end_ns =
        align ? multiple_after(later(begin_ns + slack_ns(length_ns), now_ns) + offset_ns, length_ns)
              : begin_ns + multiple_after(later(now_ns - begin_ns, 0), length_ns);
}

int64_t period_end_ns(struct period *period, int64_t length_ns, bool align, int64_t now_ns,
                      int64_t offset_ns)
{
    if (!align) {
        return period->end_ns;
    }
    int64_t moved_ns = offset_ns - period->offset_ns;
    if (moved_ns > slack_ns(length_ns) || moved_ns < -slack_ns(length_ns)) {
        return now_ns;
    }
    period->offset_ns = offset_ns;
    return period->end_ns - offset_ns;
}
