/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The store without its process: what is to be persisted, what everybody has confirmed, what may
 * go. Works on the queues and cursors in {ram} and on a spool reached through a struct disk, so the
 * crash campaigns run it without processes. src/store/store.c drives it.
 *
 *   books_open()     after a boot or a restart: recover, restore cursors, settle old epochs
 *   books_epoch()    a bus wants an epoch
 *   books_tick()     persists what has waited too long, writes cursors, frees, trims
 *   books_persist()  persists everything there is, now
 *   books_end()      the closing group
 */
#ifndef STORE_BOOKS_H
#define STORE_BOOKS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "log/disk.h"
#include "log/folder.h"
#include "log/resume.h"
#include "store/counter.h"
#include "store/writer.h"

struct books_uplink {
    const char *name;
    bool from_now; /* start = "now" */
};

struct books_options {
    const char *ram, *gateway;
    struct disk *disk; /* NULL: there is no spool (yet) */
    int disk_error;    /* why; negative errno */
    uint32_t segment_bytes, batch_bytes;
    uint64_t limit_bytes;
    int64_t persist_after_ns, checkpoint_ns, max_age_ns;
    uint64_t ram_share_bytes; /* of one bus; above half of it records go to flash at once */
    const struct books_uplink *uplinks;
    size_t uplink_count;
};

enum books_state { BOOKS_GOOD, BOOKS_DEGRADED };

/* Numbers up to which core may let RAM go, or an uplink may send, and where reading goes on. */
struct books_bus {
    char name[WEIR_NAME_MAX + 1];
    struct reader *reader;
    struct place persisted; /* everything up to here is on flash, confirmed by all, or told gone */
    struct place confirmed; /* by all uplinks; order 0: not by all */
    struct place spared;  /* the highest it ever was: what was not copied up to here need not be */
    struct place durable; /* confirmed, as the newest group has it */
    struct place reached; /* while a group is made */
    bool overtaken; /* its newest epoch was made without flash, which has later ones: a new one is
                     * needed, for what counts as older than those is never copied */
    size_t mark_count;
    struct mark { /* the newest record there was at a time */
        int64_t at_ns;
        struct place place;
    } marks[16];
};

struct books {
    struct books_options options;
    struct writer *writer; /* NULL: the spool could not be opened */
    struct counter counter;
    struct account *account; /* what the next group will say */
    struct batch *batch, *empty;
    struct books_bus **buses;
    size_t bus_count;
    uint8_t boot_id[16];
    struct clock_offset clock;
    int64_t floor_ns;   /* wall time that this boot cannot have begun before */
    int64_t stepped_ns; /* boot time of the last step of the clock; 0: none */

    enum books_state state;
    char why[160]; /* of BOOKS_DEGRADED */
    int64_t retry_at_ns, retry_delay_ns;
    int64_t group_at_ns; /* when the last group was written */
    int64_t second_ns;
    struct resume resume;  /* as flash has it, or shall have: resume_unsaved */
    int64_t resume_due_ns; /* when it is looked at */
    bool resume_unsaved;
    unsigned last_why;    /* enum group_why of the last group */
    bool behind;          /* some uplink has not confirmed all that is on flash */
    bool known;           /* tmpfs had an account: not the first start of this boot */
    size_t set_aside;     /* segments, at the start */
    uint64_t flash_limit; /* segments, used and free */
};

int books_open(const struct books_options *options, struct clock_offset clock,
               struct books **ret_books);
void books_destroy(struct books *books);

/* A new epoch for a bus. Never fails; *ret_persisted is false if flash does not have it. Several at
 * once: call books_epoch() for each, then books_commit_epochs() once. */
uint64_t books_epoch(struct books *books, const char *bus);
bool books_commit_epochs(struct books *books);

/* `last_of` tells the newest number of a bus as its process says, cheap; place.order 0: unknown. */
typedef struct place books_last(void *context, const char *bus);
void books_tick(struct books *books, struct clock_offset clock, books_last *last_of, void *context);
/* 0, or why not all of it is on flash. */
int books_persist(struct books *books, unsigned why);
int books_end(struct books *books);

/* When books_tick() wants to be called next, after a tick at now_ns. */
int64_t books_wake_ns(const struct books *books, int64_t now_ns);

#endif
