/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * What the files of the books share.
 *
 *   books.c    buses, commits, epochs         opening.c  what was there before
 *   tick.c     what is due                    persist.c  from the queues into groups
 *   cursors.c  who has confirmed what         room.c     freeing, limits, age
 *   steps.c    steps of the wall clock         resuming.c  where to go on with devices
 */
#ifndef STORE_BOOKS_PRIVATE_H
#define STORE_BOOKS_PRIVATE_H

#include <string.h>

#include "store/books.h"

#define RETRY_FIRST_NS NS_PER_S
#define EPOCH_RANDOM   32 /* bits of an epoch below its counter */

static inline bool place_before(struct place a, struct place b)
{
    return a.order < b.order || (a.order == b.order && a.seq < b.seq);
}

static inline struct place place_later(struct place a, struct place b)
{
    return place_before(a, b) ? b : a;
}

static inline int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Is this the id of the boot that we run in? */
static inline bool is_ours(const struct books *books, const uint8_t boot_id[16])
{
    return !memcmp(boot_id, books->boot_id, sizeof books->boot_id);
}

/* books.c */
struct books_bus *books_bus(struct books *books,
                            const char *name); /* finds or adds; NULL: memory */
int books_commit(struct books *books, struct batch *batch, unsigned why);
void books_trouble(struct books *books, int error, const char *what);
void books_add_folder_buses(struct books *books);

/* cursors.c */
/* Restores cursor files that are missing, makes those of new uplinks. True if one was made. */
bool cursors_restore(struct books *books);
/* Reads all cursor files: bus->confirmed, and the cursors of the account. */
void cursors_refresh(struct books *books);
/* Have all configured uplinks passed this epoch? */
bool cursors_passed(const struct books *books, const struct account_epoch *epoch);
/* The lowest place confirmed by all configured uplinks, as the account has it. */
struct place cursors_lowest(const struct account *account, const struct books_options *options,
                            const char *bus);

/* steps.c */
/* At the start: when was the last step of this boot? */
void steps_load(struct books *books);
/* The clock was `before` and is books->clock. */
void steps_note(struct books *books, struct clock_offset before, int64_t now_ns);
/* Is the clock right, and has been for an hour, so that something may be too old? */
bool books_calm(const struct books *books, int64_t now_ns);

/* resuming.c; both need a spool */
/* What flash has, for the buses, at the first start of a boot. */
void resuming_start(struct books *books);
/* To flash, where it has changed. exact: the buses have ended, and all they made is on flash. */
void resuming_save(struct books *books, bool exact);

/* persist.c */
int persist_all(struct books *books, unsigned why);
/* A group without records. */
int persist_cursors(struct books *books, unsigned why);
void persist_settle_epochs(struct books *books, bool ending);

/* room.c */
/* Would the oldest segment be free by the cursors of now? */
bool room_may_free(struct books *books);
void room_free(struct books *books);
void room_tend(struct books *books, int64_t now_ns);

#endif
