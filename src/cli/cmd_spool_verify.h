/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * What the files of `weir spool verify` share: places and files in cmd_spool_verify.c, the numbers
 * of buses and epochs in cmd_spool_numbers.c.
 */
#ifndef CLI_CMD_SPOOL_VERIFY_H
#define CLI_CMD_SPOOL_VERIFY_H

#include "cli/cmd_spool.h"

/* How far an epoch has been seen. */
struct verify_seen {
    char bus[WEIR_NAME_MAX + 1];
    uint64_t epoch, last;
};

/* What a segment without headers has. */
struct verify_held {
    char bus[WEIR_NAME_MAX + 1];
    uint64_t epoch, first, last;
};

struct verify {
    struct spool_store *store;
    struct spool_walk *walk;
    struct spool_records records;
    struct spool_progress progress;
    uint64_t damaged; /* lines told */
    bool cannot;      /* something could not be looked at */
    uint64_t segments, groups, counted;

    /* Numbering of groups. */
    uint64_t group;            /* the newest that counts; 0: none yet, so nothing can be missing */
    char tail[SPOOL_NAME_MAX]; /* of the segment before: where its next group would begin */
    uint64_t tail_at;
    bool written_again; /* this segment begins with numbers that the one before had too */

    /* Numbering of records. */
    struct account *account; /* of the newest group so far; NULL: none */
    struct verify_seen *seen;
    size_t seen_count;
    struct verify_held *held;
    size_t held_count;
};

/* One line: FILE:OFFSET: what. */
void verify_tell(struct verify *verify, const char *file, uint64_t at, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* ---- cmd_spool_numbers.c */

/* Groups `first` to `last` are nowhere; the walk's group is the next one there is (NULL account of
 * the verify: the first). Tells which numbers went with them, one line for each bus and epoch. */
void verify_lost_groups(struct verify *verify, const char *file, uint64_t at, uint64_t first,
                        uint64_t last);
/* All sections of the walk's group. */
int verify_sections(struct verify *verify);
/* A segment without headers would be set aside by a start, with what its groups have: hold keeps in
 * mind what the walk's group has, tell_held tells all of it, one line for each bus and epoch. */
int verify_hold(struct verify *verify);
void verify_tell_held(struct verify *verify);
/* The walk's group counts: it is the newest so far. Takes its account. */
void verify_pass(struct verify *verify);
/* Nothing is known of what came before. */
void verify_forget(struct verify *verify);

#endif
