/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * When will the backlog be gone? Seen from the loop, told once a second. A backlog is one only if
 * something has waited all the time for two seconds: what comes in bursts and leaves at once is
 * none. The rate is that of what is confirmed less that of what comes in: the mean since the
 * connection stands, of the last half minute at most. What was lost meanwhile leaves the backlog in
 * one step and does not count as either. Pure.
 */
#ifndef UPLINK_DRAIN_H
#define UPLINK_DRAIN_H

#include <stdbool.h>
#include <stdint.h>

struct drain_look {
    uint64_t backlog;   /* records not confirmed */
    uint64_t under_way; /* of these: sent */
    uint64_t out, in;   /* confirmed or left out, and made, since whenever */
    bool connected;
};

struct drain {
    uint64_t peak;  /* the most there was of this backlog; 0: there is none */
    double per_s;   /* by so many records it shrinks; negative: it grows */
    int64_t eta_ns; /* until it is gone; 0: nobody can tell */

    int64_t closed_ns;      /* end of the last second */
    struct drain_look last; /* at that time */
    uint64_t low;           /* the least that waited since */
    unsigned waited;        /* seconds in which something waited all the time */
    unsigned connected;     /* such seconds of this connection */
    int64_t since_ns;       /* the mean is since then */
};

void drain_see(struct drain *drain, const struct drain_look *look, int64_t now_ns);

#endif
