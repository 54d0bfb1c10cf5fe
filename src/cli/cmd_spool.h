/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * What the parts of `weir spool` share: the store that is looked at, and the records in it.
 *
 *   cmd_spool.c         which store; dispatch
 *   cmd_spool_record.c  frames become records, records become text; progress
 *   cmd_spool_status.c  cmd_spool_dump.c  cmd_spool_verify.c  cmd_spool_send.c
 */
#ifndef CLI_CMD_SPOOL_H
#define CLI_CMD_SPOOL_H

#include <stdbool.h>
#include <stdio.h>

#include "config/config.h"
#include "log/cursor.h"
#include "log/reader.h"
#include "log/spool_state.h"
#include "log/spool_walk.h"
#include "store/counter.h"
#include "uplink/when.h"

/* What every part takes: -c FILE and DIR... */
struct spool_options {
    const char *file; /* NULL: not given */
    char **dirs;      /* empty: the configured one */
    int dir_count;
};

/* One store, opened for looking. */
struct spool_store {
    char path[512]; /* of the folder with the segments */
    struct disk *disk;
    size_t segments, free, bad, newer, others; /* files by their names */
    bool counters[2];                          /* are the files there? */
    char gateway[65];                          /* as its newest header says, "" if none does */
    bool given;                                /* named by the user: perhaps of another machine */
    struct clock_offset clock;                 /* of this machine, now */
    uint8_t boot_id[16];                       /* of this machine */
};

/* Opens each store in turn and calls `look`; returns the worst exit status: cannot (3), no (1), 0.
 */
int spool_each(const struct spool_options *options,
               int (*look)(void *context, struct spool_store *store), void *context);
/* Says on stderr what could not be done with a store; returns EXIT_CANNOT. */
int spool_cannot(const struct spool_store *store, int error, const char *what);

/* ---- cmd_spool_record.c */

/* Frames as records. Shapes are kept from group to group. */
struct spool_records {
    const struct spool_store *store;
    const struct account *account; /* the newest: what is known of epochs by now; NULL: nothing */
    struct clock_offset clock;
    struct shape_table shapes;
    struct weir_value *values;
    struct item item;               /* the record */
    const struct account_epoch *of; /* its bus and epoch, in the account of its group */
    size_t unusable;                /* records whose shape is nowhere, or whose clock is lost */
};

int spool_records_init(struct spool_records *records, const struct spool_store *store,
                       const struct account *account);
void spool_records_finish(struct spool_records *records);
/* Takes the shapes of the walk's group, as far as they pass. */
void spool_records_shapes(struct spool_records *records, const struct spool_walk *walk);
/* Begins a section. */
struct spool_frames spool_records_section(struct spool_records *records,
                                          const struct spool_walk *walk, size_t section);
/* 1: records->item is the next record of the section; 0: no more. */
int spool_records_next(struct spool_records *records, const struct spool_walk *walk, size_t section,
                       struct spool_frames *frames);
/* The clock that times of this store are repaired with: what is not of this machine ended before
 * now, not before this boot. */
struct clock_offset spool_clock(const struct spool_store *store, const struct account *newest);
/* When it was taken, as an uplink would say it now. */
struct when spool_records_when(const struct spool_records *records);

/* A word on stderr when something takes long and somebody watches: "weir: 42 % of SPOOL". */
struct spool_progress {
    int64_t since_ns, shown_ns;
    bool watched, shown;
};
void spool_progress_start(struct spool_progress *progress);
/* True if it is time to say something again. */
bool spool_progress_due(struct spool_progress *progress);
void spool_progress_share(struct spool_progress *progress, const struct spool_walk *walk);
void spool_progress_end(struct spool_progress *progress);

/* "2026-11-22T12:00:00.123Z", with a question mark if it is not trusted. */
const char *spool_time(struct when when, char buf[32]);

/* ---- the parts; argv[0] is the part's name */

int spool_status_main(int argc, char **argv);
int spool_dump_main(int argc, char **argv);
int spool_verify_main(int argc, char **argv);
int spool_send_main(int argc, char **argv);

#endif
