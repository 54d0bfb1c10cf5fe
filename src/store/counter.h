/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The epoch counter on flash, in two files beside the log, so that no damage to the log can make an
 * epoch be used twice; with the newest epochs that were given out, so that damage to the account
 * that opened one does not make it be forgotten. docs/format.md "Counter".
 */
#ifndef STORE_COUNTER_H
#define STORE_COUNTER_H

#include <stddef.h>
#include <stdint.h>

#include <weir/record.h>

#include "log/disk.h"

enum { COUNTER_BYTES = 512, COUNTER_EPOCHS = 12, COUNTER_BUS_MAX = 31 };

struct counter {
    uint64_t value;
    size_t count; /* newest last */
    struct counter_epoch {
        char bus[COUNTER_BUS_MAX + 1]; /* longer names are cut */
        uint64_t epoch;
    } epochs[COUNTER_EPOCHS];
};

/* One of the two files, 0 or 1. -ENOENT, -EBADMSG. */
int counter_read(struct disk *disk, int file, struct counter *ret_counter);
/* The higher of the two that passes; none: 0 and no epochs. */
int counter_load(struct disk *disk, struct counter *ret_counter);
/* Both files, one after the other, each synced. */
int counter_save(struct disk *disk, const struct counter *counter);
void counter_add(struct counter *counter, const char *bus, uint64_t epoch);

#endif
