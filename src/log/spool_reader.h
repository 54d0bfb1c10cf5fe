/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The records of one bus in the spool, epoch by epoch, number by number. A reader never writes and
 * never locks; a segment that is recycled under it is noticed. It knows nothing of the queue and of
 * accounts in tmpfs: src/uplink/feed.h puts the three together.
 */
#ifndef LOG_SPOOL_READER_H
#define LOG_SPOOL_READER_H

#include <stdint.h>

#include "log/disk.h"
#include "log/reader.h"

struct spool_reader;

/* `size` of a segment: SPOOL_SEGMENT_BYTES but for tests. */
int spool_reader_create(struct disk *disk, const char *bus, uint32_t size,
                        struct spool_reader **ret_reader);
void spool_reader_destroy(struct spool_reader *reader);
/* Goes on from another disk, as after a card was pulled out and put back. Shapes stay. */
void spool_reader_move(struct spool_reader *reader, struct disk *disk);

/* The record of this epoch with the smallest number from `first` to `last`. 1: *ret_item has it
 * (kind ITEM_RECORD); its `first` may be above `first`: what lies between is not there, and
 * *ret_spared is the highest number of those that needed no copy, as every uplink had confirmed
 * them (0: none). 0: there is none. Calls with rising numbers read on; others search. */
int spool_reader_next(struct spool_reader *reader, uint64_t order, uint64_t epoch, uint64_t first,
                      uint64_t last, struct item *ret_item, uint64_t *ret_spared);

#endif
