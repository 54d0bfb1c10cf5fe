/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The one writer of the spool: segments, groups, recovery. It knows bytes and files, not who has
 * confirmed what; that is books.h. All files are reached through a struct disk, so that the crash
 * campaigns can put a lying one under it.
 *
 *   writer_open()      recovery: never refuses for what it finds in the folder
 *   batch_...          collects records for a group
 *   writer_commit()    one group: written, synced, or written again into another segment
 *   writer_release()   a segment is not needed any more: it becomes a free one
 *
 * docs/format.md "The spool" has the format and the order of syncs.
 */
#ifndef STORE_WRITER_H
#define STORE_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "log/account.h"
#include "log/disk.h"
#include "log/reader.h"
#include "log/spool.h"

struct writer;

struct writer_options {
    struct disk *disk; /* stays the caller's */
    const char *gateway;
    uint32_t segment_bytes; /* SPOOL_SEGMENT_BYTES but for tests */
    uint32_t batch_bytes;   /* records of one group at most */
};

/* What was found. */
struct recovery {
    struct account *account; /* the newest that can be read, the caller's from now on; NULL: none */
    bool damage;             /* something behind it cannot be read */
    size_t set_aside;        /* segments, by name bad-N or newer-N */
};

/* `known`: the account in tmpfs of a store of this boot, NULL after a boot. With it nothing is
 * concluded from the files: they may have more than was synced. */
int writer_open(const struct writer_options *options, const struct account *known,
                struct writer **ret_writer, struct recovery *ret_recovery);
void writer_destroy(struct writer *writer);

/* ---- a group in the making */

struct batch;
int batch_create(uint32_t bytes, struct batch **ret_batch);
void batch_destroy(struct batch *batch);
void batch_reset(struct batch *batch);
bool batch_empty(const struct batch *batch);
uint32_t batch_records(const struct batch *batch);

/* Records that follow belong to this bus and epoch; `after`: all uplinks have confirmed the numbers
 * up to it, so what has no copy among them needs none. */
int batch_section(struct batch *batch, const char *bus, uint64_t epoch, uint64_t after);
/* An ITEM_RECORD; its shape must live until the commit. -ENOBUFS: the batch is full, commit it
 * first; -E2BIG: never fits. */
int batch_add(struct batch *batch, const struct item *item);

/* ---- commits */

/* Writes and syncs one group with what the batch has and the account, whose `group` it sets. On
 * failure nothing of it counts, the same batch can be committed again, and the segment it was
 * written to is not used again. */
int writer_commit(struct writer *writer, struct batch *batch, struct account *account,
                  unsigned why);

/* Segments in use, oldest first; the last one is being written. */
size_t writer_segments(const struct writer *writer, const uint64_t **ret_generations);
size_t writer_free_count(const struct writer *writer);
/* Makes one more free segment, written with zeros. */
int writer_add_free(struct writer *writer);
/* Removes one free segment from the disk. */
int writer_drop_free(struct writer *writer);
/* True if the next commit of this size will need a free segment. */
bool writer_needs_segment(const struct writer *writer, const struct batch *batch,
                          const struct account *account);
/* Gives the oldest segments, `count` of them, free: renamed, folder synced. */
int writer_release(struct writer *writer, size_t count);

/* The first whole group in a segment in use. What is not whole never counted: its numbers may have
 * been given to other records in the segment before. 1, 0: none, or negative errno. */
int writer_first_group(struct writer *writer, uint64_t generation, struct group *ret_group);

struct writer_counts {
    uint64_t groups, bytes, syncs, segments; /* since it was opened */
};
struct writer_counts writer_counts(const struct writer *writer);

#endif
