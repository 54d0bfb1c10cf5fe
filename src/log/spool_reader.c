/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Reading one bus from the spool: see spool_reader.h. A search looks at the first account of each
 * segment, from the newest back, which says how far every epoch was when the segment began; from
 * there on groups are read in order. What does not pass its checksum is left out; the caller sees
 * the missing numbers.
 */
#include "log/spool_reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log/spool.h"
#include "record/values.h"

enum { WINDOW_FIRST = 16 * 1024, WINDOW_MAX = FRAME_HEAD_BYTES + FRAME_BODY_MAX };

struct spool_reader {
    struct disk *disk;
    char bus[WEIR_NAME_MAX + 1];
    uint32_t size;
    uint8_t boot_id[16];

    bool placed; /* what follows says where we are */
    uint64_t order, epoch, passed;
    uint64_t *generations;
    size_t count, index;
    struct segment segment;
    struct group group;
    bool in_group;
    uint64_t number; /* of the group seen last */

    /* The section being read: what is left of it, and what of that is in the window. */
    const struct group_section *section;
    uint64_t at, end;
    uint8_t *window;
    size_t window_size, filled, used;
    bool this_boot;
    struct clock_offset clock;
    bool clock_lost;    /* what stood here may have been a change of it */
    bool written_again; /* what is missing here stands in a later segment */

    struct shape_table shapes;
    struct weir_value *values;
};

int spool_reader_create(struct disk *disk, const char *bus, uint32_t size,
                        struct spool_reader **ret_reader)
{
    struct spool_reader *r = calloc(1, sizeof *r);
    if (!r) {
        return -ENOMEM;
    }
    r->disk = disk;
    r->size = size;
    r->segment.handle = -1;
    memcpy(r->bus, bus, strnlen(bus, WEIR_NAME_MAX));
    r->window_size = WINDOW_FIRST;
    r->window = malloc(r->window_size);
    r->values = malloc(WEIR_POINTS_MAX * sizeof *r->values);
    int e = r->window && r->values ? boot_id(r->boot_id) : -ENOMEM;
    if (e < 0) {
        spool_reader_destroy(r);
        return e;
    }
    *ret_reader = r;
    return 0;
}

static void leave_group(struct spool_reader *r)
{
    if (r->in_group) {
        group_finish(&r->group);
    }
    r->in_group = r->written_again = false;
    r->section = NULL;
    r->filled = r->used = 0;
}

static void leave(struct spool_reader *r)
{
    leave_group(r);
    segment_close(&r->segment);
    free(r->generations);
    r->generations = NULL;
    r->count = r->index = 0;
    r->placed = false;
}

void spool_reader_move(struct spool_reader *reader, struct disk *disk)
{
    leave(reader);
    reader->disk = disk;
}

void spool_reader_destroy(struct spool_reader *reader)
{
    if (!reader) {
        return;
    }
    leave(reader);
    shape_table_finish(&reader->shapes);
    free(reader->window);
    free(reader->values);
    free(reader);
}

/* ---- where to begin */

static const struct group_section *section_of(const struct group *g, const char *bus,
                                              uint64_t epoch)
{
    for (size_t i = 0; i < g->section_count; i++) {
        const struct account_epoch *e = &g->account->epochs[g->sections[i].epoch];
        if (e->epoch == epoch && !strcmp(e->bus, bus)) {
            return &g->sections[i];
        }
    }
    return NULL;
}

/* Does the log, from this group on, have all there is of the epoch from number `first` on? */
static bool begins_before(const struct spool_reader *r, const struct group *g, uint64_t first)
{
    const struct account_epoch *e = account_find(g->account, r->bus, r->epoch);
    if (e) {
        const struct group_section *section = section_of(g, r->bus, r->epoch);
        return first >= (section ? section->first : e->last + 1);
    }
    for (size_t i = 0; i < g->account->epoch_count; i++) {
        e = &g->account->epochs[i];
        if (!strcmp(e->bus, r->bus) && e->order > r->order) {
            return false;
        }
    }
    return true;
}

/* 1: the segment is the one to begin in; 0: an older one. Unreadable ones tell nothing. Negative:
 * an error of our own. */
static int is_start(struct spool_reader *r, uint64_t generation, uint64_t first)
{
    struct segment segment;
    struct group group;
    bool skipped;
    int e = segment_open(r->disk, generation, r->size, &segment);
    if (e < 0) {
        return disk_error_is_ours(e) ? e : 0;
    }
    int found = group_next(&segment, SPOOL_BLOCK, 0, &group, &skipped);
    /* Torn, it may have been written again after a failure or a kill: the first try, which stands
     * before it, may have more. */
    bool start = found == 1 && !skipped && begins_before(r, &group, first) &&
                 group_whole(&segment, &group) == 1;
    if (found == 1) {
        group_finish(&group);
    }
    segment_close(&segment);
    return start;
}

static int search(struct spool_reader *r, uint64_t first)
{
    leave(r);
    int e = spool_list(r->disk, SPOOL_SEGMENT, &r->generations, &r->count);
    if (e < 0) {
        return e;
    }
    r->index = r->count;
    while (r->index > 0 && (e = is_start(r, r->generations[r->index - 1], first)) == 0) {
        r->index--;
    }
    if (e < 0) {
        return e;
    }
    r->index = r->index ? r->index - 1 : 0;
    r->number = 0;
    r->placed = true;
    return 0;
}

/* ---- groups and sections */

static void take_shape(struct spool_reader *r, const struct frame *frame)
{
    struct get in = get_init(frame->body, frame->body_len);
    struct shape *shape = NULL;
    uint64_t hash = get_u64(&in);
    if (in.failed || shape_find(&r->shapes, hash) ||
        shape_decode(in.at, get_left(&in), &shape) < 0) {
        return;
    }
    if (shape->hash != hash || shape_insert(&r->shapes, shape) < 0) {
        shape_destroy(shape);
    }
}

/* A frame that is larger than the window needs a larger one. */
static int grow(struct spool_reader *r)
{
    size_t size = r->window_size * 2 < WINDOW_MAX ? r->window_size * 2 : WINDOW_MAX;
    uint8_t *more = size > r->window_size ? realloc(r->window, size) : NULL;
    if (!more) {
        return size > r->window_size ? -ENOMEM : -EBADMSG;
    }
    r->window = more;
    r->window_size = size;
    return 0;
}

/* Reads on in the stretch from r->at to r->end, behind what is left in the window. */
static int refill(struct spool_reader *r)
{
    memmove(r->window, r->window + r->used, r->filled - r->used);
    r->filled -= r->used;
    r->used = 0;
    int e = r->filled == r->window_size ? grow(r) : 0;
    if (e < 0) {
        return e;
    }
    size_t want = r->window_size - r->filled;
    want = r->end - r->at < want ? (size_t)(r->end - r->at) : want;
    int64_t n = r->disk->ops->read(r->disk, r->segment.handle, r->window + r->filled, want, r->at);
    if (n < 0) {
        return (int)n;
    }
    r->at = n == 0 ? r->end : r->at + (uint64_t)n;
    r->filled += (size_t)n;
    return 0;
}

/* A write that failed, or that a kill left unfinished, is done again in a later segment: is the
 * present group one of those? */
static bool find_written_again(struct spool_reader *r)
{
    uint64_t *generations;
    size_t count;
    bool found = false;
    if (spool_list(r->disk, SPOOL_SEGMENT, &generations, &count) < 0) {
        return false;
    }
    for (size_t i = count; i-- > 0 && !found && generations[i] > r->segment.header.generation;) {
        struct segment later;
        if (segment_open(r->disk, generations[i], r->size, &later) == 0) {
            uint64_t first = later.header.first_group;
            found = first && first <= r->group.number;
            segment_close(&later);
        }
    }
    free(generations);
    return found;
}

/* Something of the section cannot be used. True if it is better to leave the rest of it too. */
static bool note_damage(struct spool_reader *r)
{
    r->written_again = r->written_again || find_written_again(r);
    if (r->written_again) {
        r->used = r->filled;
        r->at = r->end;
    }
    return r->written_again;
}

/* Is this damaged body that of one record, as long as its shape says? Then no change of the clock
 * went with it. */
static bool is_one_record(struct spool_reader *r, const uint8_t *body, size_t len)
{
    struct get in = get_init(body, len);
    get_u64(&in);
    get_i64(&in);
    const struct shape *shape = shape_find(&r->shapes, get_u64(&in));
    if (in.failed || !shape) {
        return false;
    }
    values_get(&in, &shape->view, r->values);
    return !in.failed && get_left(&in) == 0;
}

/* The next frame of the stretch that passes. 1, 0 at its end, or negative errno. One damaged frame
 * is stepped over by the length it claims; if the next does not pass either, the rest is lost. */
static int next_frame(struct spool_reader *r, struct frame *ret_frame)
{
    for (int bad = 0; bad < 2;) {
        size_t left = r->filled - r->used;
        const uint8_t *data = r->window + r->used;
        int64_t n = left ? frame_read(data, left, r->segment.seed, ret_frame) : 0;
        if (n > 0) {
            r->used += (size_t)n;
            return 1;
        }
        if (n == 0 && r->at < r->end) {
            int e = refill(r);
            if (e < 0) {
                return e;
            }
            continue;
        }
        struct get in = get_init(data, left);
        get_u32(&in);
        size_t skip = FRAME_HEAD_BYTES + (size_t)get_uint(&in, 3);
        if (left == 0 || note_damage(r) || n == 0 || in.failed || skip > left) {
            break;
        }
        r->clock_lost |= !is_one_record(r, data + FRAME_HEAD_BYTES, skip - FRAME_HEAD_BYTES);
        r->used += skip;
        bad++;
    }
    r->used = r->filled;
    r->at = r->end;
    return 0;
}

static void stretch(struct spool_reader *r, uint64_t at, uint64_t bytes)
{
    r->at = at;
    r->end = at + bytes;
    r->filled = r->used = 0;
}

static int load_shapes(struct spool_reader *r)
{
    struct frame frame;
    int e = 0;
    stretch(r, r->group.at + r->group.head, r->group.shape_bytes);
    while (r->group.shape_bytes && (e = next_frame(r, &frame)) == 1) {
        if (frame.kind == FRAME_SHAPE) {
            take_shape(r, &frame);
        }
    }
    return e;
}

static void enter_section(struct spool_reader *r)
{
    const struct group *g = &r->group;
    uint64_t at = g->at + g->head + g->shape_bytes;
    r->section = section_of(g, r->bus, r->epoch);
    for (size_t i = 0; r->section && &g->sections[i] != r->section; i++) {
        at += g->sections[i].bytes;
    }
    stretch(r, at, r->section ? r->section->bytes : 0);
    const struct account_epoch *e = account_find(g->account, r->bus, r->epoch);
    r->clock_lost = false;
    r->this_boot = e && !memcmp(e->boot_id, r->boot_id, sizeof r->boot_id);
    r->clock = e ? e->clock : (struct clock_offset){ 0 };
}

/* 1: in the next group; 0: there is none. */
static int next_group(struct spool_reader *r)
{
    for (;;) {
        if (r->segment.handle < 0) {
            if (r->index == r->count) {
                return 0;
            }
            int e = segment_open(r->disk, r->generations[r->index], r->size, &r->segment);
            if (e < 0) {
                r->segment.handle = -1;
                if (disk_error_is_ours(e)) {
                    return e;
                }
                r->index++; /* recycled meanwhile, or unreadable */
                continue;
            }
            /* After a failed write a group is written again, perhaps with more, under its number.
             */
            uint64_t first = r->segment.header.first_group;
            r->number = first && first - 1 < r->number ? first - 1 : r->number;
        }
        uint64_t at = r->in_group ? group_end(&r->group) : SPOOL_BLOCK;
        bool skipped;
        leave_group(r);
        int e = group_next(&r->segment, at, r->number, &r->group, &skipped);
        if (e < 0) {
            return e;
        }
        if (e == 1) {
            r->in_group = true;
            r->number = r->group.number;
            e = load_shapes(r);
            enter_section(r);
            return e < 0 ? e : 1;
        }
        segment_close(&r->segment);
        r->index++;
    }
}

/* Does this group tell that nothing more of the epoch can come? It may have the end of it and the
 * beginning of the next one. */
static bool is_over(const struct spool_reader *r)
{
    for (size_t i = 0; !r->section && i < r->group.section_count; i++) {
        const struct account_epoch *e = &r->group.account->epochs[r->group.sections[i].epoch];
        if (e->order > r->order && !strcmp(e->bus, r->bus)) {
            return true;
        }
    }
    return false;
}

/* ---- records */

static bool is_behind(const struct frame *frame, uint64_t last)
{
    struct get in = get_init(frame->body, frame->body_len);
    uint64_t seq = get_u64(&in);
    return !in.failed && seq > last;
}

static int take_record(struct spool_reader *r, const struct frame *frame, uint64_t first,
                       struct item *item)
{
    struct get in = get_init(frame->body, frame->body_len);
    uint64_t seq = get_u64(&in);
    struct boot_time time = { get_i64(&in) };
    const struct shape *shape = shape_find(&r->shapes, get_u64(&in));
    if (in.failed || seq < first || seq < r->section->first || seq > r->section->last) {
        return 0;
    }
    if (!shape || r->clock_lost) {
        note_damage(r);
        return 0;
    }
    values_get(&in, &shape->view, r->values);
    if (in.failed) {
        return 0;
    }
    *item = (struct item){ .kind = ITEM_RECORD,
                           .epoch = r->epoch,
                           .order = r->order,
                           .first = seq,
                           .last = seq,
                           .time = time,
                           .clock = r->clock,
                           .this_boot = r->this_boot,
                           .shape = shape,
                           .values = r->values };
    return 1;
}

static void take_clock(struct spool_reader *r, const struct frame *frame)
{
    struct get in = get_init(frame->body, frame->body_len);
    get_i64(&in);
    struct clock_offset clock = { .ns = get_i64(&in) };
    clock.state = get_u8(&in) == CLOCK_SYNCED ? CLOCK_SYNCED : CLOCK_UNSYNCED;
    if (!in.failed) {
        r->clock = clock;
        r->clock_lost = false;
    }
}

/* 1: *item; 0: the section has no more; 2: it has, but behind `last`, which stays unread. */
static int in_section(struct spool_reader *r, uint64_t first, uint64_t last, struct item *item)
{
    struct frame frame;
    int e;
    while ((e = next_frame(r, &frame)) == 1) {
        if (frame.kind == FRAME_CLOCK) {
            take_clock(r, &frame);
        } else if (frame.kind == FRAME_RECORD && is_behind(&frame, last)) {
            r->used -= FRAME_HEAD_BYTES + frame.body_len;
            return 2;
        } else if (frame.kind == FRAME_RECORD && take_record(r, &frame, first, item)) {
            return 1;
        }
    }
    return e;
}

static int read_on(struct spool_reader *r, uint64_t first, uint64_t last, struct item *item,
                   uint64_t *ret_spared)
{
    for (;;) {
        int e = 0;
        if (r->section && r->section->first > last) {
            *ret_spared = r->section->after > *ret_spared ? r->section->after : *ret_spared;
            return 0; /* behind the range; kept for the next call */
        }
        if (r->section && r->section->last >= first) {
            *ret_spared = r->section->after > *ret_spared ? r->section->after : *ret_spared;
            e = in_section(r, first, last, item);
            if (e == 2) {
                return 0;
            }
        }
        if (e == 0) {
            e = next_group(r);
            if (e == 1 && !is_over(r)) {
                continue;
            }
            if (e >= 0) {
                r->placed = false;
                return 0;
            }
        }
        return e;
    }
}

int spool_reader_next(struct spool_reader *reader, uint64_t order, uint64_t epoch, uint64_t first,
                      uint64_t last, struct item *ret_item, uint64_t *ret_spared)
{
    struct spool_reader *r = reader;
    *ret_spared = 0;
    for (int attempt = 0; attempt < 2; attempt++) {
        int e = 0;
        bool listed = !r->placed || r->epoch != epoch || first <= r->passed;
        if (listed) {
            r->order = order;
            r->epoch = epoch;
            e = search(r, first);
        }
        bool stale = false;
        if (e == 0) {
            e = read_on(r, first, last, ret_item, ret_spared);
            stale = e == 0 && (r->segment.handle >= 0 ? segment_recycled(&r->segment) : !listed);
        }
        if (e == 1) {
            r->passed = ret_item->first;
            return 1;
        }
        if (e < 0 || !stale) {
            return e;
        }
        /* What we were reading has a new use, or all segments of a list from an earlier call are
         * read and there may be new ones: look again at what there is. */
        leave(r);
    }
    return 0;
}
