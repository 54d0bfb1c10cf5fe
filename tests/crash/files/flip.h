/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The store whose bits are turned over, and what is in it.
 *
 *   segment 1   older groups
 *   segment 2   header | two full groups, in which all shapes are declared | an orderly end | new
 *               epochs | small groups with much padding | room        <- its bits are turned over
 *   segment 3   later groups; only in the second of the two stores
 */
#ifndef FILES_FLIP_H
#define FILES_FLIP_H

#include <stdint.h>

#include "truth.h"

enum {
    FLIP_SEGMENT_BYTES = 64 * 1024,
    FLIP_BATCH_BYTES = 12 * 1024,
    FLIP_EPOCHS_MAX = 4,
    FLIP_GROUPS_MAX = 64,
    FLIP_NUMBERS_MAX = 2000,
};

struct flip_epoch {
    uint64_t order, epoch, last;
    uint64_t spared; /* confirmed by all up to here */
    bool clean;
    struct {
        uint16_t group; /* 0: no record; else one more than its index */
        uint8_t why;    /* of those without */
    } numbers[FLIP_NUMBERS_MAX];
};

struct flip_store {
    struct memdisk *disk;
    char segment[SPOOL_NAME_MAX];      /* the one to be damaged */
    uint64_t first_group, group_count; /* index of its first group; of all segments */
    struct {
        uint64_t at, length; /* in the segment */
    } groups[FLIP_GROUPS_MAX];
    size_t groups_here;
    size_t epoch_count[BUSES];
    struct flip_epoch epochs[BUSES][FLIP_EPOCHS_MAX];
};

/* Makes both. */
void flip_store_make(struct flip_store *newest, struct flip_store *middle);
/* Index of the group that has this byte of the segment; SIZE_MAX: padding, header, or room. */
size_t flip_group_at(const struct flip_store *store, uint64_t at);
const struct flip_epoch *flip_epoch(const struct flip_store *store, unsigned bus, uint64_t epoch);
/* Index of the group with the record; SIZE_MAX: there is none. */
size_t flip_group_of(const struct flip_epoch *epoch, uint64_t seq);
/* Why there is none. */
enum why flip_why(const struct flip_epoch *epoch, uint64_t seq);

#endif
