/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * A store in a folder in memory for the tests of src/store: one bus, one epoch, records whose value
 * is made from their number.
 */
#ifndef STORE_RIG_H
#define STORE_RIG_H

#include "log/spool_reader.h"
#include "store/writer.h"

#include "memdisk.h"

enum { RIG_SEGMENT = 32 * 1024, RIG_BATCH = 8 * 1024, RIG_EPOCH = 9 };
extern const char rig_bus[];

struct store_rig {
    struct memdisk *disk;
    struct writer *writer;
    struct batch *batch;
    struct account *account;
    struct shape *shape;
    struct recovery found;
};

void rig_set_up(struct store_rig *rig);
void rig_tear_down(struct store_rig *rig);
/* Opens a writer; `known` as in writer.h. Takes over what was recovered, if anything was. */
int rig_open_writer(struct store_rig *rig, const struct account *known);
void rig_close_writer(struct store_rig *rig);
/* A power cut, after which the store is opened again. */
void rig_cut(struct store_rig *rig, unsigned cut, uint64_t seed);

/* Puts records first..last into the batch; the clock is ahead of boot by 1 s for each ten numbers.
 */
void rig_add(struct store_rig *rig, uint64_t first, uint64_t last, uint64_t after);
/* Adds them, and commits. */
int rig_commit(struct store_rig *rig, uint64_t first, uint64_t last);
struct spool_reader *rig_reader(struct store_rig *rig);
/* Numbers from first to last that can be read, each checked for its content. */
uint64_t rig_read(struct spool_reader *reader, uint64_t first, uint64_t last);
/* The same, by a reader that has read nothing before. */
uint64_t rig_count(struct store_rig *rig, uint64_t first, uint64_t last);
struct account_epoch *rig_epoch(struct store_rig *rig);

#endif
