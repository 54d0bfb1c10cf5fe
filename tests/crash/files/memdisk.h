/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * A folder in memory that forgets what was not synced. It keeps two views, what programs see and
 * what is on the medium, and between them the list of writes and changes of names on their way.
 *
 *   disk: a b c(old)      pending: write c@4096, rename b -> d, write c@8192      seen: a d c(new)
 *
 * memdisk_cut() makes of it what a power cut might leave. A file's sync moves its writes to the
 * medium, the folder's sync the names. A sync that fails does what Linux does: what had not reached
 * the medium counts as clean from then on, is still seen, and is lost.
 */
#ifndef FILES_MEMDISK_H
#define FILES_MEMDISK_H

#include "log/disk.h"

#include "random.h"

struct memdisk;

struct memdisk *memdisk_create(uint64_t seed);
void memdisk_destroy(struct memdisk *memdisk);
struct disk *memdisk_disk(struct memdisk *memdisk);

/* Called after every operation that changed something; `added`: more is pending than before. */
void memdisk_watch(struct memdisk *memdisk, void (*hook)(void *context, bool added), void *context);

/* What a power cut makes of what is pending. The first six are what they say; any other number is a
 * draw of its own: subsets of writes and names, torn at 512 bytes, in any order. */
enum memdisk_cut {
    CUT_KEEP_ALL,
    CUT_DROP_ALL,
    CUT_TEAR_LAST,  /* all, but of the last write only a first part */
    CUT_ONLY_LAST,  /* the last write overtook all others */
    CUT_ONLY_NAMES, /* names, but no data */
    CUT_ONLY_DATA,  /* data, but no names */
    CUT_RANDOM,
};
/* The result is all on the medium and has no hook and no faults. */
struct memdisk *memdisk_cut(const struct memdisk *memdisk, unsigned cut, uint64_t seed);
/* A process that was killed has none open. */
void memdisk_forget_handles(struct memdisk *memdisk);
bool memdisk_is_pending(const struct memdisk *memdisk);
/* Of names and contents as they are seen. */
uint64_t memdisk_hash(const struct memdisk *memdisk);

enum memdisk_op {
    OP_OPEN = 1,
    OP_READ = 2,
    OP_WRITE = 4,
    OP_SYNC = 8,
    OP_SYNC_FOLDER = 16,
    OP_RENAME = 32,
    OP_REMOVE = 64,
    OP_CREATE = 128,
};
/* The next `count` operations of these kinds, after letting `skip` pass, fail with this errno. */
struct memdisk_fault {
    unsigned ops, skip, count;
    int error;
};
void memdisk_fail(struct memdisk *memdisk, struct memdisk_fault fault);

/* For tests that damage what is there, as seen and on the medium. -ENOENT: no such file. */
int64_t memdisk_size(const struct memdisk *memdisk, const char *name);
void memdisk_flip(struct memdisk *memdisk, const char *name, uint64_t bit);

#endif
