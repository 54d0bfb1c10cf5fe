/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * How many records of a bus this uplink has not confirmed: of the epoch that its cursor is in, of
 * those after it, and of the one that runs. What epochs that have ended hold is looked up when the
 * cursor or the bus enters another one, at most once a second. Numbers that have no record any more
 * count until the cursor has passed them.
 */
#include <string.h>

#include "uplink/private.h"

static void add_epoch(void *context, const struct item *end)
{
    struct stream *stream = context;
    struct backlog *b = &stream->backlog;
    if (end->epoch == stream->seen_epoch) {
        return;
    }
    if (end->epoch == b->confirmed_epoch) {
        b->last = end->last;
    } else {
        b->between += end->last;
    }
}

static void look_up(struct stream *stream, int64_t now_ns)
{
    struct backlog *b = &stream->backlog;
    const struct place *at = &stream->cursor.confirmed;
    if ((b->looked_ns && b->confirmed_epoch == at->epoch && b->seen_epoch == stream->seen_epoch) ||
        (b->looked_ns && now_ns - b->looked_ns < NS_PER_S)) {
        return;
    }
    b->looked_ns = now_ns;
    b->confirmed_epoch = at->epoch;
    b->seen_epoch = stream->seen_epoch;
    b->last = b->between = 0;
    feed_epochs(stream->feed, at->order, UINT64_MAX, add_epoch, stream);
}

uint64_t stream_backlog(struct stream *stream, int64_t now_ns)
{
    const struct place *at = &stream->cursor.confirmed;
    const struct backlog *b = &stream->backlog;
    if (at->epoch && at->epoch == stream->seen_epoch) {
        return stream->seen_seq > at->seq ? stream->seen_seq - at->seq : 0;
    }
    look_up(stream, now_ns);
    uint64_t rest = b->confirmed_epoch == at->epoch && b->last > at->seq ? b->last - at->seq : 0;
    return rest + b->between + (stream->seen_epoch ? stream->seen_seq : 0);
}

static uint64_t records_under_way(const struct window *window)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < window->count; i++) {
        sum += window->flights[(window->head + i) % WINDOW_MAX].records;
    }
    return sum;
}

/* Records made since this process first heard of the bus. */
static uint64_t came_in(struct stream *stream)
{
    struct backlog *b = &stream->backlog;
    if (b->counted_epoch != stream->seen_epoch) {
        b->came += b->counted_epoch ? stream->seen_seq : 0;
    } else if (stream->seen_seq > b->counted_seq) {
        b->came += stream->seen_seq - b->counted_seq;
    }
    b->counted_epoch = stream->seen_epoch;
    b->counted_seq = stream->seen_seq;
    return b->came;
}

void backlog_tell(struct uplink *up, int64_t now_ns)
{
    struct stats_uplink *stats = up->stats;
    struct drain_look look = { .under_way = records_under_way(&up->window),
                               .out = stats->records + stats->filtered + stats->set_aside,
                               .connected = up->state == CARRIER_UP };
    for (size_t i = 0; i < up->stream_count; i++) {
        uint64_t backlog = stream_backlog(up->streams[i], now_ns);
        look.backlog += backlog;
        look.in += came_in(up->streams[i]);
        if (i < STATS_BUSES) {
            stats->streams[i].backlog = backlog;
        }
    }
    drain_see(&up->drain, &look, now_ns);
    stats->drain_peak = up->drain.peak;
    stats->drain_per_s = up->drain.per_s > 0 ? (uint64_t)up->drain.per_s : 0;
    stats->drain_eta_ns = up->drain.eta_ns;
}
