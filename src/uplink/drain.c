/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * When will the backlog be gone: see drain.h.
 */
#include "uplink/drain.h"

#include "base/clock.h"

#define MEAN_S 30.0
#define FAR_S  (100.0 * 86400) /* further away than anybody wants to know */

enum { WAITED_MIN = 2, CONNECTED_MIN = 2 };

static void forget(struct drain *drain)
{
    drain->per_s = 0;
    drain->eta_ns = 0;
    drain->connected = 0;
}

static void mean(struct drain *drain, const struct drain_look *look, int64_t now_ns)
{
    if (drain->connected++ == 0) {
        drain->since_ns = now_ns; /* connected for a part of this second only */
        return;
    }
    double passed_s = (double)(now_ns - drain->closed_ns) / 1e9;
    double over_s = (double)(now_ns - drain->since_ns) / 1e9;
    double out = (double)(look->out - drain->last.out), in = (double)(look->in - drain->last.in);
    over_s = over_s < MEAN_S ? over_s : MEAN_S;
    double share = over_s > passed_s ? passed_s / over_s : 1;
    drain->per_s += ((out - in) / passed_s - drain->per_s) * share;
}

static void close_second(struct drain *drain, const struct drain_look *look, int64_t now_ns)
{
    drain->waited = drain->low ? drain->waited + 1 : 0;
    if (drain->waited < WAITED_MIN) {
        drain->peak = 0;
        forget(drain);
        return;
    }
    drain->peak = look->backlog > drain->peak ? look->backlog : drain->peak;
    if (!look->connected) {
        forget(drain);
        return;
    }
    mean(drain, look, now_ns);
    double backlog = (double)look->backlog;
    bool known =
        drain->connected >= CONNECTED_MIN && drain->per_s > 0 && backlog < FAR_S * drain->per_s;
    drain->eta_ns = known ? (int64_t)(backlog / drain->per_s * 1e9) : 0;
}

void drain_see(struct drain *drain, const struct drain_look *look, int64_t now_ns)
{
    uint64_t waits = look->backlog > look->under_way ? look->backlog - look->under_way : 0;
    if (!drain->closed_ns) {
        drain->closed_ns = now_ns;
        drain->last = *look;
        drain->low = waits;
    }
    drain->low = waits < drain->low ? waits : drain->low;
    if (drain->peak && look->backlog > drain->peak) {
        drain->peak = look->backlog;
    }
    if (now_ns - drain->closed_ns < NS_PER_S) {
        return;
    }
    close_second(drain, look, now_ns);
    drain->closed_ns = now_ns;
    drain->last = *look;
    drain->low = waits;
}
