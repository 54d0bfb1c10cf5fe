/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The reading side of one bus's queue: a stream of items in order, over segments and epochs. Any
 * number of readers; they never write and never lock. Bytes are copied, then checked, then used.
 */
#ifndef LOG_READER_H
#define LOG_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "log/frame.h"
#include "record/shape.h"

struct reader;

enum item_kind {
    ITEM_RECORD, /* epoch, first == last == its number, time, clock, shape, values */
    ITEM_HOLE,   /* epoch, first..last have no record, why */
    ITEM_END,    /* the epoch has ended: last = its last number, clean, time; a next epoch exists;
                  * damage: more of it may have been there than is known (from the spool only) */
};

/* Pointers are good until the next call on the reader; shapes until reader_destroy(). */
struct item {
    enum item_kind kind;
    uint64_t epoch, order, previous_epoch;
    uint64_t first, last;
    enum why why;
    bool clean, damage;
    struct boot_time time;
    struct clock_offset clock; /* as noted when the record was made */
    bool this_boot;            /* boot times of this epoch can be compared with now */
    const struct shape *shape;
    const struct weir_value *values;
};

/* A queue that does not exist yet is an empty one. */
int reader_create(const char *ram, const char *bus, struct reader **ret_reader);
void reader_destroy(struct reader *reader);

/* From now on: what follows number `after` of this epoch. order is that of the epoch's folder. If
 * the epoch is gone, the next one. */
int reader_seek(struct reader *reader, uint64_t order, uint64_t epoch, uint64_t after);
/* From the oldest record there is, or behind the newest. */
int reader_seek_start(struct reader *reader);
int reader_seek_end(struct reader *reader);

/* 1: *ret_item is the next; 0: nothing more now; negative errno. */
int reader_next(struct reader *reader, struct item *ret_item);

/* True while the present epoch is one of the queue and has not ended. */
bool reader_within(const struct reader *reader, uint64_t epoch);

/* Position, for those who keep a cursor: the epoch being read and the last number passed. */
void reader_position(const struct reader *reader, uint64_t *ret_order, uint64_t *ret_epoch,
                     uint64_t *ret_seq);

#endif
