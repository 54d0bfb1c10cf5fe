/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * What must be found after a power cut, whatever it left: kept beside the store while a campaign
 * drives it, and held against every crash state.
 */
#ifndef FILES_TRUTH_H
#define FILES_TRUTH_H

#include "log/account.h"
#include "store/writer.h"

#include "memdisk.h"

enum { BUSES = 2, UPLINKS = 2, EPOCHS_MAX = 200, ATTEMPTS_MAX = 16, FINDING_BYTES = 240 };

extern const char *const bus_names[BUSES];
extern const char *const uplink_names[UPLINKS];

struct truth_epoch {
    unsigned bus;
    uint64_t order, epoch, boot;
    uint64_t made;  /* numbers given out */
    uint64_t acked; /* up to here a commit was acknowledged */
    bool used;      /* records may be made */
    bool closed;    /* no more come: `made` is the last */
    bool lost;      /* flash never knew it, or all have passed it */
};

struct truth {
    struct truth_epoch epochs[EPOCHS_MAX]; /* as they were made */
    size_t epoch_count;
    uint64_t acked;                  /* hash of the account of the newest acknowledged group */
    uint64_t attempts[ATTEMPTS_MAX]; /* of groups that were tried since */
    size_t attempt_count;
    struct place passed[UPLINKS][BUSES]; /* the cursors in the newest acknowledged group */
    uint64_t used_order;                 /* of the newest epoch that was used */
    bool trouble;                        /* syncs have failed: headers may be lost */
};

struct truth_epoch *truth_epoch(struct truth *truth, uint64_t epoch);
void truth_attempt(struct truth *truth, const struct account *account);
void truth_acked(struct truth *truth, const struct account *account);
/* Is this the account of the newest acknowledged group, or of one that was tried since? */
bool truth_allows(const struct truth *truth, const struct account *account);
/* For finding out whether a state was judged already by the same measure. */
uint64_t truth_version(const struct truth *truth);

uint64_t account_hash(const struct account *account);
/* The place that all uplinks have confirmed, as an account has it; order 0: none. */
struct place account_lowest(const struct account *account, const char *bus);
/* One cursor of it. */
struct place account_confirmed(const struct account *account, const char *uplink, const char *bus);

struct judge_options {
    uint32_t segment_bytes, batch_bytes;
    bool deep; /* also go on writing in it, and read it all again */
};
/* Recovers this state, which it changes, and reads it back. False: `finding` says what is wrong. */
bool judge(struct memdisk *state, const struct truth *truth, const struct judge_options *options,
           uint64_t seed, char finding[FINDING_BYTES]);

#endif
