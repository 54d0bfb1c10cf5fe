/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Reading a whole spool in the order of the log, for tools: segment by segment, group by group,
 * frame by frame, over damage, and saying what is damaged. Never writes. A segment of which both
 * headers are lost is still read: its name tells its generation, which its checksums start from.
 *
 *   while (spool_walk_segment() == 1)
 *       while (spool_walk_group() == 1)
 *           spool_walk_shapes(), spool_walk_section() and spool_frames_next()
 *
 * One group is in memory at a time.
 */
#ifndef LOG_SPOOL_WALK_H
#define LOG_SPOOL_WALK_H

#include "log/spool.h"

struct spool_walk {
    struct disk *disk;
    uint64_t *generations; /* as listed at the start */
    size_t count, index;   /* index: of the next segment */

    /* Of the segment. */
    char name[SPOOL_NAME_MAX];
    struct segment segment; /* header.generation is that of the name */
    int headers[2];         /* 0, or why the one at the front and the one at the end do not count:
                             * -EBADMSG, -EPROTO, -ENODATA (cut off), -EEXIST (of another use) */
    uint64_t size;          /* bytes of the file, up to that of the header */

    /* Of the group. */
    struct group group;
    bool has_group, whole, skipped; /* skipped: what stands at `expected` is no group */
    bool written_again;             /* not whole, and it stands in a later segment too */
    uint64_t expected;              /* where the group was to begin */
    uint64_t above;                 /* number of the one before it in this segment */
    uint8_t *data;                  /* its bytes; what is cut off is zeros */
};

int spool_walk_create(struct disk *disk, struct spool_walk **ret_walk);
void spool_walk_destroy(struct spool_walk *walk);

/* 1: the next segment is open; 0: there is none. Those that are recycled meanwhile are left out, as
 * are those of another format, for which it returns -EPROTO and can be called again. */
int spool_walk_segment(struct spool_walk *walk);
/* 1: the next group that has a head; 0: there is none, and `expected` is where one would begin. */
int spool_walk_group(struct spool_walk *walk);
/* Reads the present group again: a store that runs may have been writing it. */
int spool_walk_again(struct spool_walk *walk);
/* True if the segment is no longer what it was when it was opened: nothing in it is damage. */
bool spool_walk_recycled(struct spool_walk *walk);

/* Frames of one stretch of a group. */
struct spool_frames {
    const uint8_t *at, *end;
    uint32_t seed;
    bool to_damage;  /* of a group that was written again, only what passes before any damage counts
                      */
    bool clock_lost; /* what was stepped over may have been a clock frame */
};

struct spool_frames spool_walk_shapes(const struct spool_walk *walk);
struct spool_frames spool_walk_section(const struct spool_walk *walk, size_t section);
/* 1: the next frame that passes; 0: none. As every reader does, it steps over one damaged frame by
 * the length that it claims, and gives up the rest if that leads nowhere. */
int spool_frames_next(struct spool_frames *frames, struct frame *ret_frame);

#endif
