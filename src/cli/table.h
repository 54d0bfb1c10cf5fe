/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Records as lines for people, for `weir tail`:
 *
 *   2026-11-22T12:00:00.123Z  feeder-1     reading  voltage_l1=230.1 V  current_l1=(timeout)
 *
 * A time that is not trusted has a question mark, so has a value that is doubted.
 */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include "log/reader.h"

/* Columns grow with what they hold. Begins as zeros. */
struct record_table {
    int device_width, kind_width;
};

/* Prints one ITEM_RECORD. */
void table_print(struct record_table *table, const struct item *item);

#endif
