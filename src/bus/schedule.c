/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The poll schedule: see schedule.h. A few hundred devices at most, so every question is one walk
 * over all of them.
 */
#include "bus/schedule.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"

#define BACKOFF_MAX_NS (20 * NS_PER_S)
enum { BACKOFF_TIMEOUTS = 4 };
#define UNASKED_PACE_NS NS_PER_S /* back to back has no period to count closed ports by */

struct entry {
    int64_t every_ns, timeout_ns;
    int64_t due_ns, begun_ns;
    int64_t backoff_ns; /* how long it waits before the next probe */
    int64_t cycle;      /* number on the grid of the last cycle begun, -1: none */
    bool gone;
};

struct schedule {
    int64_t start_ns, probe_end_ns;
    size_t count, live;
    struct entry entries[];
};

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

int schedule_create(const struct schedule_device *devices, size_t count, int64_t start_ns,
                    struct schedule **ret_schedule)
{
    struct schedule *s = calloc(1, sizeof *s + count * sizeof s->entries[0]);
    if (!s) {
        return -ENOMEM;
    }
    s->start_ns = start_ns;
    s->probe_end_ns = start_ns;
    s->count = s->live = count;
    for (size_t i = 0; i < count; i++) {
        s->entries[i] = (struct entry){ .every_ns = devices[i].every_ns,
                                        .timeout_ns = devices[i].timeout_ns,
                                        .due_ns = start_ns,
                                        .cycle = -1 };
    }
    *ret_schedule = s;
    return 0;
}

void schedule_destroy(struct schedule *schedule)
{
    free(schedule);
}

/* A probe that has become due waits for those who have waited since the last probe. */
static int64_t due_ns(const struct schedule *s, const struct entry *e)
{
    return e->gone ? larger(e->due_ns, s->probe_end_ns) : e->due_ns;
}

static bool goes_before(const struct schedule *s, const struct entry *a, const struct entry *b)
{
    int64_t a_ns = due_ns(s, a), b_ns = due_ns(s, b);
    return a_ns != b_ns ? a_ns < b_ns : !a->gone && b->gone;
}

static struct entry *first(struct schedule *s)
{
    struct entry *best = NULL;
    for (size_t i = 0; i < s->count; i++) {
        if (!best || goes_before(s, &s->entries[i], best)) {
            best = &s->entries[i];
        }
    }
    return best;
}

bool schedule_take(struct schedule *schedule, int64_t now_ns, struct turn *ret_turn)
{
    struct entry *e = first(schedule);
    if (!e || due_ns(schedule, e) > now_ns) {
        return false;
    }
    struct turn turn = { .device = (size_t)(e - schedule->entries), .probe = e->gone };
    if (e->every_ns > 0) {
        int64_t cycle = (now_ns - schedule->start_ns) / e->every_ns;
        turn.late = !e->gone && now_ns - e->due_ns > e->every_ns;
        turn.left_out = cycle > e->cycle ? (uint64_t)(cycle - e->cycle - 1) : 0;
        e->cycle = larger(cycle, e->cycle);
    }
    e->begun_ns = now_ns;
    *ret_turn = turn;
    return true;
}

int64_t schedule_wake_ns(const struct schedule *schedule)
{
    int64_t wake_ns = INT64_MAX;
    for (size_t i = 0; i < schedule->count; i++) {
        int64_t ns = due_ns(schedule, &schedule->entries[i]);
        wake_ns = ns < wake_ns ? ns : wake_ns;
    }
    return wake_ns;
}

/* The first place on the grid behind the beginning of this cycle: who is late is not hurried. */
static int64_t next_cycle_ns(const struct schedule *s, const struct entry *e)
{
    return s->start_ns + ((e->begun_ns - s->start_ns) / e->every_ns + 1) * e->every_ns;
}

static void answered(struct schedule *s, struct entry *e, int64_t now_ns)
{
    if (e->gone) {
        e->gone = false;
        if (s->live++ == 0) {
            schedule_rush(s, now_ns); /* not the device was gone, but the line */
        }
    }
    e->due_ns = e->every_ns > 0 ? next_cycle_ns(s, e) : now_ns;
}

static int64_t first_backoff_ns(const struct entry *e)
{
    int64_t ns = BACKOFF_TIMEOUTS * e->timeout_ns;
    return larger(e->every_ns, ns < BACKOFF_MAX_NS ? ns : BACKOFF_MAX_NS);
}

static void silent(struct schedule *s, struct entry *e, int64_t now_ns)
{
    if (e->gone) {
        int64_t most_ns = larger(BACKOFF_MAX_NS, e->every_ns);
        e->backoff_ns = e->backoff_ns > most_ns / 2 ? most_ns : 2 * e->backoff_ns;
        s->probe_end_ns = now_ns;
    } else {
        e->gone = true;
        e->backoff_ns = first_backoff_ns(e);
        s->live--;
    }
    e->due_ns = now_ns + e->backoff_ns;
}

void schedule_done(struct schedule *schedule, size_t device, int64_t now_ns,
                   enum schedule_outcome outcome)
{
    struct entry *e = &schedule->entries[device];
    switch (outcome) {
    case SCHEDULE_ANSWERED:
        answered(schedule, e, now_ns);
        break;
    case SCHEDULE_SILENT:
        silent(schedule, e, now_ns);
        break;
    case SCHEDULE_UNASKED:
        e->due_ns = e->every_ns > 0 ? next_cycle_ns(schedule, e) : now_ns + UNASKED_PACE_NS;
        break;
    }
}

void schedule_rush(struct schedule *schedule, int64_t now_ns)
{
    for (size_t i = 0; i < schedule->count; i++) {
        struct entry *e = &schedule->entries[i];
        e->due_ns = e->due_ns < now_ns ? e->due_ns : now_ns;
    }
}
