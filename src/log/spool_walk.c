/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Reading a whole spool: see spool_walk.h.
 */
#include "log/spool_walk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { CLOCK_BODY_BYTES = 8 + 8 + 1 };

int spool_walk_create(struct disk *disk, struct spool_walk **ret_walk)
{
    struct spool_walk *w = calloc(1, sizeof *w);
    if (!w) {
        return -ENOMEM;
    }
    w->disk = disk;
    w->segment.handle = -1;
    w->data = malloc(SPOOL_SEGMENT_BYTES);
    int r = w->data ? spool_list(disk, SPOOL_SEGMENT, &w->generations, &w->count) : -ENOMEM;
    if (r < 0) {
        spool_walk_destroy(w);
        return r;
    }
    *ret_walk = w;
    return 0;
}

static void leave_group(struct spool_walk *w)
{
    if (w->has_group) {
        group_finish(&w->group);
    }
    w->has_group = false;
}

void spool_walk_destroy(struct spool_walk *walk)
{
    if (walk) {
        leave_group(walk);
        segment_close(&walk->segment);
        free(walk->generations);
        free(walk->data);
        free(walk);
    }
}

/* ---- segments */

static int read_header(struct spool_walk *w, int handle, uint64_t at, uint64_t generation,
                       struct spool_header *ret_header)
{
    uint8_t block[SPOOL_BLOCK];
    struct spool_header header;
    int64_t n = w->disk->ops->read(w->disk, handle, block, sizeof block, at);
    if (n < 0) {
        return (int)n;
    }
    int r = n < SPOOL_BLOCK ? -ENODATA : spool_header_get(block, (size_t)n, &header);
    if (r < 0) {
        return r;
    }
    if (header.generation != generation || header.size > SPOOL_SEGMENT_BYTES) {
        return -EEXIST;
    }
    *ret_header = header;
    return 0;
}

static uint64_t file_size(struct spool_walk *w, int handle, uint32_t size)
{
    uint8_t byte;
    uint64_t low = 0, high = size;
    while (low < high) { /* the file has at least `low` bytes */
        uint64_t at = low + (high - low) / 2;
        if (w->disk->ops->read(w->disk, handle, &byte, 1, at) == 1) {
            low = at + 1;
        } else {
            high = at;
        }
    }
    return low;
}

static int open_segment(struct spool_walk *w, uint64_t generation)
{
    struct segment *s = &w->segment;
    spool_name(SPOOL_SEGMENT, generation, w->name);
    int handle = w->disk->ops->open(w->disk, w->name, DISK_READ);
    if (handle < 0) {
        return handle;
    }
    *s = (struct segment){ .disk = w->disk, .handle = handle, .seed = frame_seed(generation) };
    s->header = (struct spool_header){ .generation = generation, .size = SPOOL_SEGMENT_BYTES };
    w->headers[0] = read_header(w, handle, 0, generation, &s->header);
    w->headers[1] = read_header(w, handle, s->header.size - SPOOL_BLOCK, generation, &s->header);
    w->size = file_size(w, handle, s->header.size);
    for (int i = 0; i < 2; i++) {
        int r = w->headers[i];
        if (r != 0 && r != -EBADMSG && r != -EPROTO && r != -ENODATA && r != -EEXIST) {
            segment_close(s);
            return r;
        }
    }
    if (w->headers[0] == -EPROTO && w->headers[1] == -EPROTO) {
        segment_close(s);
        return -EPROTO;
    }
    return 0;
}

int spool_walk_segment(struct spool_walk *walk)
{
    struct spool_walk *w = walk;
    leave_group(w);
    segment_close(&w->segment);
    while (w->index < w->count) {
        int r = open_segment(w, w->generations[w->index++]);
        if (r == 0) {
            w->above = 0;
            w->expected = SPOOL_BLOCK;
            return 1;
        }
        if (r != -ENOENT) {
            return r;
        }
    }
    return 0;
}

bool spool_walk_recycled(struct spool_walk *walk)
{
    struct spool_walk *w = walk;
    int handle = w->disk->ops->open(w->disk, w->name, DISK_READ);
    if (handle == -ENOENT) {
        return true;
    }
    if (handle >= 0) {
        w->disk->ops->close(w->disk, handle);
    }
    return false;
}

/* ---- groups */

/* A write that failed, or that a kill left unfinished, is done again in a later segment. */
static bool is_written_again(struct spool_walk *w)
{
    bool found = false;
    for (size_t i = w->index; i < w->count && !found; i++) {
        struct segment later;
        if (segment_open(w->disk, w->generations[i], SPOOL_SEGMENT_BYTES, &later) == 0) {
            uint64_t first = later.header.first_group;
            found = first && first <= w->group.number;
            segment_close(&later);
        }
    }
    return found;
}

static int load(struct spool_walk *w)
{
    memset(w->data, 0, w->group.length);
    int64_t n =
        w->disk->ops->read(w->disk, w->segment.handle, w->data, w->group.length, w->group.at);
    int whole = n < 0 ? (int)n : group_whole(&w->segment, &w->group);
    if (whole < 0) {
        return whole;
    }
    w->whole = whole;
    w->written_again = !whole && is_written_again(w);
    return 1;
}

int spool_walk_group(struct spool_walk *walk)
{
    struct spool_walk *w = walk;
    if (w->has_group) {
        w->expected = group_end(&w->group);
        w->above = w->group.number;
    }
    leave_group(w);
    int r = group_next(&w->segment, w->expected, w->above, &w->group, &w->skipped);
    if (r != 1) {
        return r;
    }
    w->has_group = true;
    return load(w);
}

int spool_walk_again(struct spool_walk *walk)
{
    return load(walk);
}

/* ---- frames */

static struct spool_frames stretch(const struct spool_walk *w, uint64_t at, uint64_t bytes)
{
    return (struct spool_frames){ .at = w->data + at,
                                  .end = w->data + at + bytes,
                                  .seed = w->segment.seed,
                                  .to_damage = w->written_again };
}

struct spool_frames spool_walk_shapes(const struct spool_walk *walk)
{
    return stretch(walk, walk->group.head, walk->group.shape_bytes);
}

struct spool_frames spool_walk_section(const struct spool_walk *walk, size_t section)
{
    uint64_t at = walk->group.head + walk->group.shape_bytes;
    for (size_t i = 0; i < section; i++) {
        at += walk->group.sections[i].bytes;
    }
    return stretch(walk, at, walk->group.sections[section].bytes);
}

int spool_frames_next(struct spool_frames *frames, struct frame *ret_frame)
{
    for (int bad = 0; bad < 2 && frames->at < frames->end; bad++) {
        size_t left = (size_t)(frames->end - frames->at);
        int64_t n = frame_read(frames->at, left, frames->seed, ret_frame);
        if (n > 0) {
            frames->at += n;
            return 1;
        }
        struct get in = get_init(frames->at, left);
        get_u32(&in);
        size_t skip = FRAME_HEAD_BYTES + (size_t)get_uint(&in, 3);
        if (n == 0 || in.failed || skip > left || frames->to_damage) {
            break;
        }
        frames->clock_lost |= skip == FRAME_HEAD_BYTES + CLOCK_BODY_BYTES;
        frames->at += skip;
    }
    frames->at = frames->end;
    return 0;
}
