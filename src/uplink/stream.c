/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * One bus as this uplink sees it: items from the reader become messages; what is passed over is
 * kept in the trail, so that the next record can say it; answers move the cursor. A new connection
 * and a refusal both begin again at the cursor, so there is one way to be right after trouble.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/step.h"

#include "base/say.h"
#include "uplink/private.h"

enum { REFUSALS_MAX = 3, MESSAGES_PER_TURN = 64 };

struct stream *stream_find(struct uplink *up, const char *bus)
{
    for (size_t i = 0; i < up->stream_count; i++) {
        if (!strcmp(up->streams[i]->bus, bus)) {
            return up->streams[i];
        }
    }
    return NULL;
}

int stream_add(struct uplink *up, const char *bus, struct stream **ret_stream)
{
    struct stream **more = realloc(up->streams, (up->stream_count + 1) * sizeof(struct stream *));
    struct stream *stream = calloc(1, sizeof *stream);
    if (more) {
        up->streams = more;
    }
    int r = more && stream
                ? feed_create(up->settings.ram, up->settings.directory, bus, &stream->feed)
                : -ENOMEM;
    if (r < 0) {
        free(stream);
        return r;
    }
    stream->up = up;
    stream->index = (uint32_t)up->stream_count;
    memcpy(stream->bus, bus, strnlen(bus, WEIR_NAME_MAX));
    cursor_get(up->cursors, bus, &stream->cursor);
    up->streams[up->stream_count++] = stream;
    if (stream->index < STATS_BUSES) {
        stats_text(up->stats->streams[stream->index].bus, WEIR_NAME_MAX + 1, bus);
        up->stats->stream_count = stream->index + 1;
    }
    stream_restart(stream);
    *ret_stream = stream;
    return 0;
}

void stream_destroy(struct stream *stream)
{
    if (!stream) {
        return;
    }
    for (size_t i = 0; i < stream->source_count; i++) {
        json_shape_destroy(stream->sources[i]->json);
        free(stream->sources[i]);
    }
    free(stream->sources);
    free(stream->text);
    feed_destroy(stream->feed);
    free(stream);
}

static struct trail_epoch trail_of(struct stream *stream, const struct item *end)
{
    struct trail_epoch epoch = {
        .epoch = end->epoch, .last = end->last, .clean = end->clean, .damage = end->damage
    };
    struct when until = message_when(stream, end);
    epoch.until = until.time;
    epoch.has_until = until.clock == JSON_CLOCK_SYNCED;
    return epoch;
}

static void restore_epoch(void *context, const struct item *end)
{
    struct stream *stream = context;
    trail_epoch_end(&stream->trail, trail_of(stream, end));
}

/* What `after` has to tell of the epochs between the base and the place to begin at. */
static void restore_epochs(struct stream *stream)
{
    const struct cursor_entry *c = &stream->cursor;
    int r =
        feed_epochs(stream->feed, cursor_keep_order(c), c->confirmed.order, restore_epoch, stream);
    if (r < 0) {
        say(SAY_ERROR, "cannot list epochs bus=%s: %s", stream->bus, strerror(-r));
    }
}

/* A bus that this uplink has no cursor for is a new one (an uplink that is new itself got its
 * cursors from store): all of it is wanted, from its first number on. */
static bool begin(struct stream *stream)
{
    struct cursor_entry *c = &stream->cursor;
    struct place place = { 0 };
    if (!feed_oldest(stream->feed, &place.order, &place.epoch)) {
        return false;
    }
    c->confirmed = c->started = place;
    stream->dirty = true;
    return true;
}

void stream_restart(struct stream *stream)
{
    struct cursor_entry *c = &stream->cursor;
    message_reset(stream);
    stream->has_held = stream->rewind = stream->at_end = false;
    stream->fresh = !c->confirmed.epoch && !begin(stream);
    stream->passed = c->confirmed;
    trail_start(&stream->trail, c->base.epoch, &c->ranges);
    if (stream->fresh) {
        return;
    }
    restore_epochs(stream);
    int r = feed_seek(stream->feed, c->confirmed.order, c->confirmed.epoch, c->confirmed.seq);
    if (r < 0) {
        say(SAY_ERROR, "cannot read queue bus=%s: %s", stream->bus, strerror(-r));
    }
}

static bool before_or_at(struct place a, struct place b)
{
    return a.order < b.order || (a.order == b.order && a.seq <= b.seq);
}

static void pass(struct stream *stream, const struct item *item, enum why why)
{
    struct place place = { item->order, item->epoch, item->last };
    if ((why == WHY_DAMAGE || why == WHY_UNKNOWN) && before_or_at(place, stream->cursor.started)) {
        why = WHY_EARLIER; /* confirmed by the others before this uplink came */
    }
    trail_hole(&stream->trail, (struct range){ item->epoch, item->first, item->last, why });
    stream->passed = (struct place){ item->order, item->epoch, item->last };
}

static int take_hole(struct stream *stream, const struct item *item)
{
    pass(stream, item, item->why);
    return 1;
}

static int take_end(struct stream *stream, const struct item *item)
{
    if (stream->text_records && carrier_send(stream) != 0) {
        return 0; /* a message has records of one epoch only */
    }
    trail_epoch_end(&stream->trail, trail_of(stream, item));
    stream->passed = (struct place){ item->order, item->epoch, item->last };
    return 1;
}

/* Nothing under way: what was passed over needs no acknowledgement. */
static void settle_idle(struct stream *stream)
{
    struct cursor_entry *c = &stream->cursor;
    bool moved =
        c->confirmed.epoch != stream->passed.epoch || c->confirmed.seq != stream->passed.seq;
    if (stream->text_records || !moved || !stream->passed.epoch || stream->rewind) {
        return;
    }
    c->confirmed = stream->passed;
    c->ranges = stream->trail.ranges;
    stream->dirty = true;
}

/* The record was refused often enough: it is passed over, and said so. */
static void set_aside(struct stream *stream, const struct item *item)
{
    struct uplink *up = stream->up;
    struct link_message message = { .kind = LINK_REFUSED, .a = item->epoch, .b = item->first };
    pass(stream, item, WHY_REFUSED);
    stream->refused_count = 0;
    up->stats->set_aside++;
    memcpy(message.bus, stream->bus, sizeof message.bus);
    if (up->link) {
        link_send(up->link, &message);
    }
}

/* The cursor moves behind it at once, else the refusal of the next one would begin with it again:
 * what lies before is to be answered first. */
static int take_refused(struct stream *stream, const struct item *item)
{
    if ((stream->text_records && carrier_send(stream) != 0) ||
        window_oldest(&stream->up->window, stream->index)) {
        return 0;
    }
    set_aside(stream, item);
    settle_idle(stream);
    return 1;
}

/* Only one record may be under way while a refused one is tried again. 1: go on, 0: wait. */
static int may_send(struct stream *stream, struct place place)
{
    if (!stream->alone_until.epoch) {
        return 1;
    }
    if (window_waiting(&stream->up->window, stream->index)) {
        return 0; /* also what lies behind: its refusal would hide that of this one */
    }
    if (!before_or_at(place, stream->alone_until)) {
        stream->alone_until = (struct place){ 0 };
    }
    return 1;
}

/* skip_older: this uplink is for what is new; what waited longer it leaves out and says so. */
static bool is_too_old(const struct stream *stream, const struct item *item)
{
    int64_t limit_ns = stream->up->options->skip_older_ns;
    return limit_ns && (!item->this_boot || boot_now().ns - item->time.ns > limit_ns);
}

static int take_record(struct stream *stream, const struct item *item)
{
    struct uplink *up = stream->up;
    struct place place = { item->order, item->epoch, item->first };
    struct source *source = message_source(stream, item->shape);
    if (!source || !source->wanted || is_too_old(stream, item)) {
        up->stats->filtered++;
        pass(stream, item, WHY_FILTER);
        return 1;
    }
    if (stream->refused_count >= REFUSALS_MAX && place.epoch == stream->refused_at.epoch &&
        place.seq == stream->refused_at.seq) {
        return take_refused(stream, item);
    }
    bool full = stream->text_records >= (uint64_t)up->options->batch_records;
    bool elsewhere = stream->text_records && stream->text_source->route != source->route;
    if ((full || elsewhere) && carrier_send(stream) != 0) {
        return 0;
    }
    if (!may_send(stream, place) || (!stream->text_records && !carrier_room(up))) {
        return 0;
    }
    if (source->announced != up->connection) {
        carrier_announce(stream, source);
    }
    int r = message_add(stream, source, item);
    if (r < 0) {
        say(SAY_ERROR, "record too large bus=%s epoch=%llu seq=%llu", stream->bus,
            (unsigned long long)item->epoch, (unsigned long long)item->first);
        set_aside(stream, item);
        return 1;
    }
    trail_sent(&stream->trail, item->epoch);
    stream->passed = place;
    if (stream->text_records >= (uint64_t)up->options->batch_records || stream->alone_until.epoch) {
        carrier_send(stream);
    }
    return 1;
}

/* hold_unsynced: a record of this boot waits that long for the clock to be right. */
static bool is_held(struct stream *stream, const struct item *item)
{
    struct uplink *up = stream->up;
    return up->options->hold_unsynced_ns && item->kind == ITEM_RECORD && item->this_boot &&
           item->clock.state != CLOCK_SYNCED && up->clock.state != CLOCK_SYNCED && !up->stopping &&
           boot_now().ns - item->time.ns < up->options->hold_unsynced_ns;
}

/* With persist_after = "0" a record waits until it is on flash, or until store says that it cannot
 * be. */
static bool is_allowed(struct stream *stream, const struct item *item)
{
    struct place place = { item->order, item->epoch, item->last };
    if (stream->up->settings.persist_after_ns || !stream->up->link ||
        before_or_at(place, stream->allowed)) {
        return true;
    }
    const struct account_epoch *e = feed_epoch(stream->feed, item->epoch);
    return item->kind != ITEM_RECORD || (e && item->last <= e->last);
}

/* Nothing is passed over for that: it is tried again. */
static void show_unreadable(struct stream *stream, int error)
{
    char text[STATS_TEXT];
    snprintf(text, sizeof text, "records cannot be read: %s", strerror(-error));
    say(SAY_ERROR, "bus=%s: %s", stream->bus, text);
    stats_text(stream->up->stats->trouble, STATS_TEXT, text);
}

/* 1: got on; 0: nothing more, or no room. */
static int step(struct stream *stream)
{
    static int (*const takers[])(struct stream *, const struct item *) = {
        [ITEM_RECORD] = take_record, [ITEM_HOLE] = take_hole, [ITEM_END] = take_end
    };
    if (stream->fresh) {
        stream_restart(stream);
        if (stream->fresh) {
            stream->at_end = true;
            return 0;
        }
    }
    if (!stream->has_held) {
        int r = feed_next(stream->feed, &stream->held);
        stream->at_end = r == 0;
        stream->unreadable = r < 0;
        if (r < 0) {
            show_unreadable(stream, r);
        }
        if (r <= 0) {
            return 0;
        }
        stream->has_held = true;
        STEP("read");
    }
    if (is_held(stream, &stream->held) || !is_allowed(stream, &stream->held)) {
        return 0;
    }
    int r = takers[stream->held.kind](stream, &stream->held);
    stream->has_held = r == 0;
    return r;
}

int64_t stream_deadline(const struct stream *stream)
{
    return stream->text_records ? stream->text_since_ns + stream->up->options->batch_delay_ns
                                : INT64_MAX;
}

bool stream_pump(struct stream *stream, int64_t now_ns)
{
    struct uplink *up = stream->up;
    if (stream->rewind) {
        if (window_waiting(&up->window, stream->index)) {
            return false;
        }
        window_forget(&up->window, stream->index);
        stream_restart(stream);
    }
    bool moved = false;
    for (int i = 0; i < MESSAGES_PER_TURN && up->state == CARRIER_UP; i++) {
        if (!stream->text_records && !carrier_room(up)) {
            break;
        }
        if (step(stream) == 0) {
            break;
        }
        moved = true;
    }
    if (stream->text_records && up->state == CARRIER_UP &&
        (stream_deadline(stream) <= now_ns || up->stopping)) {
        carrier_send(stream);
    }
    return moved;
}

void stream_settle(struct stream *stream)
{
    struct uplink *up = stream->up;
    struct cursor_entry *c = &stream->cursor;
    struct flight *flight;
    while ((flight = window_oldest(&up->window, stream->index)) &&
           flight->state == FLIGHT_ACCEPTED) {
        c->base = c->confirmed = flight->last;
        c->ranges.count = 0;
        stream->dirty = true;
        stream->refused_count = 0;
        window_drop_oldest(&up->window, stream->index);
    }
    if (!flight && up->state == CARRIER_UP) {
        settle_idle(stream);
    }
    if (stream->dirty) {
        STEP("confirm-before");
        if (cursor_put(up->cursors, c) == 0) {
            stream->dirty = false;
        }
        STEP("confirm-after");
    }
    if (stream->index < STATS_BUSES) {
        struct stats_stream *s = &up->stats->streams[stream->index];
        s->epoch = c->confirmed.epoch;
        s->confirmed = c->confirmed.seq;
        s->seen = stream->seen_seq;
    }
}

void stream_refused(struct stream *stream, const struct flight *flight, const char *why)
{
    struct uplink *up = stream->up;
    bool again = stream->refused_at.epoch == flight->last.epoch &&
                 stream->refused_at.seq == flight->last.seq;
    if (flight->records == 1) {
        stream->refused_count = again ? stream->refused_count + 1 : 1;
        stream->refused_at = flight->last;
    }
    say(SAY_WARNING, "refused bus=%s seq=%llu: %s", stream->bus,
        (unsigned long long)flight->last.seq, why);
    stream->alone_until = flight->last;
    stream->rewind = true;
    up->last_refused_ns = boot_now().ns;
    up->stats->refused++;
    char text[STATS_TEXT];
    snprintf(text, sizeof text, "broker refuses records: %s", why);
    stats_text(up->stats->trouble, STATS_TEXT, text);
}

bool stream_drained(struct stream *stream)
{
    return !stream->has_held && !stream->text_records && !stream->rewind &&
           !window_oldest(&stream->up->window, stream->index);
}
