/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * One round of `./dev crash files`: the writer under a random life - records, epochs, cursors,
 * limits, faults, kills, power cuts - with the state judged at every boundary of an operation.
 */
#ifndef FILES_DRIVE_H
#define FILES_DRIVE_H

#include <setjmp.h>

#include "store/counter.h"
#include "truth.h"

struct drive_bus {
    size_t epoch; /* index into the truth's; EPOCHS_MAX: none */
    struct place persisted, reached;
};

struct drive {
    uint64_t seed, step; /* step: boundaries so far */
    struct random random;
    struct memdisk *disk;
    struct truth truth;
    struct judge_options judge;
    uint64_t limit_segments, boot;
    bool with_faults, failed; /* failed: a violation was found, the round is over */

    struct writer *writer; /* NULL: not open */
    struct batch *batch, *empty;
    struct account *account; /* what the next group will say */
    struct account *known;   /* in tmpfs; NULL: none yet in this boot */
    struct account *before;  /* of a commit that may fail */
    struct counter counter;
    struct drive_bus buses[BUSES];
    struct place cursors[UPLINKS][BUSES]; /* in tmpfs */
    bool begun, ending;

    uint64_t stop_in; /* boundaries until the process stops; 0: never */
    jmp_buf stopped;
};

/* Of the campaign: `only_step` is judged alone and loudly; -1: all. */
void drive_round(uint64_t seed, int64_t only_step);

/* drive_store.c: what a store does with its writer. All return 0 or a negative errno. */
int drive_open(struct drive *d);
int drive_begin_epochs(struct drive *d);
int drive_persist(struct drive *d, unsigned why);
int drive_tend(struct drive *d);
void drive_close(struct drive *d);
/* To be called when something is not as it must be. */
void drive_violation(struct drive *d, const char *finding);

struct account *account_copy(const struct account *account);

#endif
