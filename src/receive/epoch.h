/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * What is known of one epoch of one stream: which numbers are there, told or in doubt, and how it
 * ended. verify.c feeds it, verdict.c and state.c read it. Memory is bounded: beyond the limits
 * the oldest holes are only counted ("settled").
 *
 *   have    arrived or told                      told[why]  newest ranges, by reason
 *   unsure  may have come while we were away     holes      = start..end without have
 */
#ifndef RECEIVE_EPOCH_H
#define RECEIVE_EPOCH_H

#include "receive/intervals.h"
#include "receive/marks.h"
#include "receive/record.h"

#define EPOCH_HAVE_MAX   4096
#define EPOCH_UNSURE_MAX 1024
#define EPOCH_TOLD_MAX   256
#define EPOCH_NOTICE_MAX 32

/* When a hole was first seen. */
struct notice {
    struct interval hole;
    int64_t at_ms;
};

/* Records whose time was not trusted when they came. */
struct untrusted {
    uint64_t unsynced;
    uint64_t estimated;
    uint64_t error_us; /* the largest of an estimated time */
    uint64_t with_uptime;
    uint64_t first_us; /* uptimes, of those that have one */
    uint64_t last_us;
};

struct epoch {
    uint64_t id;
    struct intervals have;
    struct intervals unsure;
    struct intervals told[WHY_COUNT];
    uint64_t told_count[WHY_COUNT];
    struct marks marks;
    struct notice notices[EPOCH_NOTICE_MAX]; /* the oldest that are not filled */
    size_t notice_count;
    uint64_t start; /* complete from here on; 0: nothing is to be proved yet */
    uint64_t early; /* what `start` will be when the sender has come back to the beginning */
    uint64_t high;  /* the highest that arrived */
    uint64_t records;
    uint64_t repeats;
    uint64_t not_compared;
    uint64_t settled_missing;
    uint64_t settled_unsure;
    struct untrusted untrusted;
    uint64_t last;       /* what `after` said */
    uint64_t clean_last; /* what it said when it said so first */
    bool seen;           /* a record arrived */
    bool outside;        /* it lies before the beginning: nothing to prove but what arrives */
    bool named;          /* an `after` named it */
    bool last_known;     /* and with a number */
    bool clean;
    bool damage;
    bool ever_clean;  /* it was once said to have ended clean, and with a number */
    bool away;        /* we were, when it went on above `high` or ended, and nothing was kept */
    bool loose;       /* its place in the order is a guess, see chain.c */
    bool unannounced; /* came after another epoch, without an `after` */
    int64_t seen_ms;  /* when its first record came */
};

enum gap { GAP_MISSING, GAP_UNSURE, GAP_LOST };

/* Sums over an epoch or over everything. */
struct sum {
    uint64_t streams;
    uint64_t records;
    uint64_t repeats;
    uint64_t not_compared;
    uint64_t told[WHY_COUNT];
    uint64_t missing;
    uint64_t unsure;
    uint64_t lost; /* above `last` of an unclean end */
    uint64_t unknown_ends;
    uint64_t unsure_ends;
    uint64_t unclean_ends;
    uint64_t unannounced;
};

/* Counts a record that arrived. */
void untrusted_count(struct untrusted *untrusted, const struct stamp *stamp);

/* NULL: no memory. */
struct epoch *epoch_create(uint64_t id);
void epoch_destroy(struct epoch *epoch);

/* Marks the numbers of first..last that are neither there nor told as told. 0 or -ENOMEM. */
int epoch_tell(struct epoch *epoch, uint64_t first, uint64_t last, enum why why);

/* The reason if the number was told and never came, else WHY_INVALID. */
enum why epoch_told(const struct epoch *epoch, uint64_t number);

/* A told number came after all. 0 or -ENOMEM. */
int epoch_untell(struct epoch *epoch, uint64_t number, enum why why);

/* What is not there of first..last may have come while we were away. 0 or -ENOMEM. */
int epoch_doubt(struct epoch *epoch, uint64_t first, uint64_t last);

void epoch_notice(struct epoch *epoch, struct interval hole, int64_t now_ms);

/* Keeps memory within the limits. 0 or -ENOMEM. */
int epoch_trim(struct epoch *epoch);

/* The last number that counts: the highest seen, or what `after` said. 0: there is none. */
uint64_t epoch_end(const struct epoch *epoch);

/* The first hole at or above `from`, cut where its kind changes. False: no more. */
bool epoch_gap(const struct epoch *epoch, uint64_t from, struct interval *ret_gap,
               enum gap *ret_kind);

/* `newest`: no later epoch is known, so nothing needs to have named this one. */
void epoch_sum(const struct epoch *epoch, bool newest, struct sum *sum);

#endif
