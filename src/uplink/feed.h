/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * All there is of one bus, in order: what stands in its queue in RAM, what stands in the spool on
 * flash, and what is known of the rest. Data moves only from queue to spool, so the queue is looked
 * at first, then the spool; a number is missing only when both have been looked at in this order,
 * and then the account in tmpfs says why.
 *
 *   queue, epoch 9:                    [301 ......... 420]      live
 *   spool:           epoch 7: 80..95   epoch 9: 200..310
 *   account:         epoch 7 ended at 97, unclean; 8 ended at 4, clean; 9 open; gone 9: 1..199
 * limit
 *
 *   items:  7: 80..95, hole 96..97, end | 8: hole 1..4, end | 9: hole 1..199, 200..420
 */
#ifndef UPLINK_FEED_H
#define UPLINK_FEED_H

#include "log/account.h"
#include "log/reader.h"

struct feed;

/* `ram` and `directory` as in the settings. A spool that cannot be read (yet) is an empty one. */
int feed_create(const char *ram, const char *directory, const char *bus, struct feed **ret_feed);
void feed_destroy(struct feed *feed);

/* As those of reader.h, over both. */
int feed_seek(struct feed *feed, uint64_t order, uint64_t epoch, uint64_t after);
int feed_seek_start(struct feed *feed);
int feed_seek_end(struct feed *feed);
int feed_next(struct feed *feed, struct item *ret_item);
void feed_position(const struct feed *feed, uint64_t *ret_order, uint64_t *ret_epoch,
                   uint64_t *ret_seq);

/* The oldest epoch that is known, in queue or account. False: none yet. */
bool feed_oldest(struct feed *feed, uint64_t *ret_order, uint64_t *ret_epoch);

/* Calls visit with an ITEM_END for each epoch of order `from` to before `to`, oldest first. */
int feed_epochs(struct feed *feed, uint64_t from, uint64_t to,
                void (*visit)(void *context, const struct item *end), void *context);

/* What the account knows of an epoch of this bus; NULL: nothing. Good until the next call. */
const struct account_epoch *feed_epoch(struct feed *feed, uint64_t epoch);

#endif
