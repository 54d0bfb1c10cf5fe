/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The writing side of a queue: a bus (or core, for the bus `weir`) appends its records here, and
 * this is where a record gets its number. Only appended to, only by the holder of the lock. What
 * append returned survives the death of every process. docs/format.md has the files.
 */
#ifndef LOG_QUEUE_H
#define LOG_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "record/shape.h"

struct queue;

#ifdef WEIR_STEPS /* so that segments come and go often */
enum { QUEUE_SEGMENT_BYTES = 32 * 1024 };
#else
enum { QUEUE_SEGMENT_BYTES = 256 * 1024 };
#endif

/* Where the number of a new epoch comes from: counter * 2^32 + 32 random bits, the counter above
 * `order`, the highest this bus has used. May wait. 0 or negative errno. */
typedef int queue_epoch_source(void *context, uint64_t order, uint64_t *ret_epoch);

struct queue_place {
    const char *ram; /* {ram} of the settings */
    const char *gateway;
    const char *bus;
    queue_epoch_source *new_epoch; /* NULL: queue_own_epoch() */
    void *context;
};

/* An epoch without store: the counter is one above `order` and above that of the account in tmpfs.
 */
int queue_own_epoch(const char *ram, uint64_t order, uint64_t *ret_epoch);

/* Takes the lock, finds the newest epoch and its last number, or makes a new epoch. Creates what
 * folders are missing. -EWOULDBLOCK: another process holds the lock (*ret_pid says which). */
int queue_open(const struct queue_place *place, struct clock_offset clock, struct queue **ret_queue,
               int *ret_pid);

/* Appends one record; on success *ret_seq (may be NULL) is its number. On failure (-ENOSPC: the RAM
 * is full, -E2BIG: more than a frame holds, -EIO ...) the number is used up and told in a gap frame
 * as soon as one can be written. */
int queue_append(struct queue *queue, const struct shape *shape, struct boot_time time,
                 const struct weir_value *values, uint64_t *ret_seq);

/* Notes a changed clock for the records to come; cheap if it has not changed by over a
 * millisecond. */
int queue_clock(struct queue *queue, struct clock_offset clock);

/* The clock that holds for a record appended now. */
struct clock_offset queue_clock_noted(const struct queue *queue);

uint64_t queue_epoch(const struct queue *queue);
uint64_t queue_last(const struct queue *queue); /* last number used, 0: none */
uint64_t queue_lost(const struct queue *queue); /* numbers used up without a record, this process */

/* Ends the present epoch in order and begins this one. */
int queue_renew(struct queue *queue, uint64_t epoch);

/* close: the epoch ends in order; a closed queue is never appended to again. Without it the next
 * opener goes on with the same epoch. */
int queue_close(struct queue *queue);
void queue_destroy(struct queue *queue);

#endif
