/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The log on flash as everyone sees it: segments and their headers, groups and their heads.
 * docs/format.md "The spool" has the picture. Written by src/store, read by uplinks and tools.
 *
 *   spool_list()      which segments there are, in the order of the log
 *   segment_open()    one of them, its header checked
 *   group_next()      the heads of its groups, one after the other, over damage
 *   spool_reader.h    the records of one bus and epoch
 */
#ifndef LOG_SPOOL_H
#define LOG_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "log/account.h"
#include "log/disk.h"
#include "log/frame.h"

enum {
    SPOOL_BLOCK = 4096,
#ifdef WEIR_STEPS
    SPOOL_SEGMENT_BYTES = 256 << 10,
#else
    SPOOL_SEGMENT_BYTES = 4 << 20,
#endif
    SPOOL_NAME_MAX = 32,
    GROUP_HEAD_MAX = FRAME_HEAD_BYTES + FRAME_BODY_MAX,
};

/* ---- names */

enum spool_file { SPOOL_OTHER, SPOOL_SEGMENT, SPOOL_FREE, SPOOL_BAD, SPOOL_NEWER };
/* What a file name says; *ret_generation for all but SPOOL_OTHER. Pure. */
enum spool_file spool_parse(const char *name, uint64_t *ret_generation);
void spool_name(enum spool_file kind, uint64_t generation, char name[SPOOL_NAME_MAX]);

/* The generations of all files of one kind, rising; malloc()ed. */
int spool_list(struct disk *disk, enum spool_file kind, uint64_t **ret_generations,
               size_t *ret_count);

/* ---- segments */

struct spool_header {
    uint64_t generation, first_group;
    uint32_t size;
    struct boot_time made;
    struct clock_offset clock;
    uint8_t boot_id[16];
    char gateway[65];
};

/* One block; -EBADMSG, or -EPROTO: another format version. Pure. */
int spool_header_put(const struct spool_header *header, uint8_t block[SPOOL_BLOCK]);
int spool_header_get(const uint8_t *block, size_t len, struct spool_header *ret_header);
/* From either place in an open file. *ret_size is set even on failure, if it can be told. */
int spool_header_read(struct disk *disk, int handle, uint32_t size_guess,
                      struct spool_header *ret_header);

struct segment {
    struct disk *disk;
    int handle; /* -1: none */
    uint32_t seed;
    bool bad; /* the medium failed where a group may be */
    struct spool_header header;
};

/* -ENOENT: recycled meanwhile; -EBADMSG, -EPROTO. */
int segment_open(struct disk *disk, uint64_t generation, uint32_t size,
                 struct segment *ret_segment);
void segment_close(struct segment *segment);
/* True if the segment has been given a new use since it was opened. */
bool segment_recycled(struct segment *segment);

/* ---- groups */

enum group_why {
    GROUP_RECORDS = 1,
    GROUP_EPOCH = 2,
    GROUP_CURSORS = 4,
    GROUP_CHECKPOINT = 8,
    GROUP_END = 16,
    GROUP_GONE = 32,
};

struct group_section {
    uint16_t epoch; /* index into the account's epochs */
    uint32_t bytes, records;
    uint64_t first, last, after;
};

/* A head as read; sections and account stand in its bytes. */
struct group {
    uint64_t generation, number;
    uint32_t length, sum, shape_bytes;
    uint8_t why;
    uint64_t at;   /* in the segment */
    uint32_t head; /* bytes of the head's frame */
    size_t section_count;
    struct group_section *sections; /* malloc()ed */
    struct account *account;        /* malloc()ed */
};

void group_finish(struct group *group);
/* Where the next one begins. */
static inline uint64_t group_end(const struct group *group)
{
    return group->at + (group->length + SPOOL_BLOCK - 1) / SPOOL_BLOCK * SPOOL_BLOCK;
}

/* The head at `data`. 1, or -EBADMSG (also for one of another generation); 0: more bytes are
 * needed. Pure. */
int group_get(const uint8_t *data, size_t len, uint64_t generation, struct group *ret_group);

/* The first group at or behind `at` whose number is above `above`. 1: found, *ret_skipped is true
 * if something before it did not pass, or could not be read (-EIO is damage in its place, and
 * segment->bad is set); 0: none up to the end of the segment. */
int group_next(struct segment *segment, uint64_t at, uint64_t above, struct group *ret_group,
               bool *ret_skipped);
/* Does all that belongs to the group pass its checksum? 1, 0 or negative errno. */
int group_whole(struct segment *segment, const struct group *group);

#endif
