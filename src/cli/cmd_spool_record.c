/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * `weir spool`: from frames to records, and words about how far it is.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cmd_spool.h"
#include "record/values.h"

#define QUIET_NS (2 * NS_PER_S)
#define AGAIN_NS (500 * NS_PER_MS)

int spool_records_init(struct spool_records *records, const struct spool_store *store,
                       const struct account *account)
{
    *records = (struct spool_records){ .store = store,
                                       .account = account,
                                       .clock = spool_clock(store, account) };
    records->values = malloc(WEIR_POINTS_MAX * sizeof *records->values);
    return records->values ? 0 : -ENOMEM;
}

void spool_records_finish(struct spool_records *records)
{
    shape_table_finish(&records->shapes);
    free(records->values);
    records->values = NULL;
}

static void take_shape(struct spool_records *records, const struct frame *frame)
{
    struct get in = get_init(frame->body, frame->body_len);
    struct shape *shape = NULL;
    uint64_t hash = get_u64(&in);
    if (in.failed || shape_find(&records->shapes, hash) ||
        shape_decode(in.at, get_left(&in), &shape) < 0) {
        return;
    }
    if (shape->hash != hash || shape_insert(&records->shapes, shape) < 0) {
        shape_destroy(shape);
    }
}

void spool_records_shapes(struct spool_records *records, const struct spool_walk *walk)
{
    struct spool_frames frames = spool_walk_shapes(walk);
    struct frame frame;
    while (spool_frames_next(&frames, &frame) == 1) {
        if (frame.kind == FRAME_SHAPE) {
            take_shape(records, &frame);
        }
    }
}

struct spool_frames spool_records_section(struct spool_records *records,
                                          const struct spool_walk *walk, size_t section)
{
    const struct account_epoch *e =
        &walk->group.account->epochs[walk->group.sections[section].epoch];
    records->of = e;
    records->item =
        (struct item){ .kind = ITEM_RECORD,
                       .epoch = e->epoch,
                       .order = e->order,
                       .clock = e->clock,
                       .this_boot = !memcmp(e->boot_id, records->store->boot_id, sizeof e->boot_id),
                       .values = records->values };
    return spool_walk_section(walk, section);
}

static void take_clock(struct spool_records *records, const struct frame *frame,
                       struct spool_frames *frames)
{
    struct get in = get_init(frame->body, frame->body_len);
    get_i64(&in);
    struct clock_offset clock = { .ns = get_i64(&in) };
    clock.state = get_u8(&in) == CLOCK_SYNCED ? CLOCK_SYNCED : CLOCK_UNSYNCED;
    if (!in.failed) {
        records->item.clock = clock;
        frames->clock_lost = false;
    }
}

static bool take_record(struct spool_records *records, const struct group_section *section,
                        const struct frame *frame, struct spool_frames *frames)
{
    struct get in = get_init(frame->body, frame->body_len);
    struct item *item = &records->item;
    item->first = item->last = get_u64(&in);
    item->time.ns = get_i64(&in);
    item->shape = shape_find(&records->shapes, get_u64(&in));
    if (in.failed || item->first < section->first || item->first > section->last) {
        return false;
    }
    if (!item->shape || frames->clock_lost) {
        records->unusable++;
        frames->at = frames->to_damage ? frames->end : frames->at;
        return false;
    }
    values_get(&in, &item->shape->view, records->values);
    return !in.failed;
}

int spool_records_next(struct spool_records *records, const struct spool_walk *walk, size_t section,
                       struct spool_frames *frames)
{
    struct frame frame;
    while (spool_frames_next(frames, &frame) == 1) {
        if (frame.kind == FRAME_CLOCK) {
            take_clock(records, &frame, frames);
        } else if (frame.kind == FRAME_RECORD &&
                   take_record(records, &walk->group.sections[section], &frame, frames)) {
            return 1;
        }
    }
    return 0;
}

struct clock_offset spool_clock(const struct spool_store *store, const struct account *newest)
{
    struct clock_offset clock = store->clock;
    bool ours = !store->given ||
                (newest && !memcmp(newest->boot_id, store->boot_id, sizeof newest->boot_id));
    if (!ours) {
        clock.ns += boot_now().ns;
    }
    return clock;
}

struct when spool_records_when(const struct spool_records *records)
{
    const struct item *item = &records->item;
    const struct account_epoch *e =
        records->account ? account_find(records->account, records->of->bus, item->epoch) : NULL;
    e = e ? e : records->of;
    struct when_boot boot = {
        .this_boot = item->this_boot, .clock = e->clock, .floor_ns = e->floor_ns, .until = e->until
    };
    return when_of(item->time, item->clock, &boot, records->clock);
}

const char *spool_time(struct when when, char buf[32])
{
    unsigned n = wall_format(when.time, buf);
    if (when.clock != JSON_CLOCK_SYNCED) {
        buf[n++] = '?';
        buf[n] = 0;
    }
    return buf;
}

/* ---- progress */

void spool_progress_start(struct spool_progress *progress)
{
    *progress = (struct spool_progress){ .since_ns = boot_now().ns, .watched = isatty(2) };
}

bool spool_progress_due(struct spool_progress *progress)
{
    int64_t now_ns = boot_now().ns;
    if (!progress->watched || now_ns - progress->since_ns < QUIET_NS ||
        now_ns - progress->shown_ns < AGAIN_NS) {
        return false;
    }
    progress->shown_ns = now_ns;
    progress->shown = true;
    return true;
}

void spool_progress_share(struct spool_progress *progress, const struct spool_walk *walk)
{
    if (spool_progress_due(progress)) {
        double within = (double)walk->expected / SPOOL_SEGMENT_BYTES;
        fprintf(stderr, "\rweir: %zu of %zu segments (%.0f %%) ", walk->index, walk->count,
                100 * ((double)walk->index - 1 + within) / (double)walk->count);
    }
}

void spool_progress_end(struct spool_progress *progress)
{
    if (progress->shown) {
        fputs("\r\033[K", stderr);
    }
}
