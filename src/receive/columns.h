/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The columns of a CSV, and what one object has to put into them. Used by csv.c. At most
 * COLUMNS_MAX columns.
 *
 * Keys of a column are keys of the object (nested ones joined with '.'), and besides:
 *   @topic @received   of the message; without @: if the object has no such key
 *   location label.X   of a record: its label, and without one, for `location`, its device
 *   vehicle_count      of a record of kind vehicle that says none: 1
 *   more               a JSON object of everything that has no column
 */
#ifndef RECEIVE_COLUMNS_H
#define RECEIVE_COLUMNS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "receive/item.h"
#include "receive/labels.h"

#define COLUMNS_MAX 1024

struct column {
    char *title;
    char *key;
};

/* All zero is empty. */
struct columns {
    struct column *list;
    size_t count;
    json_t *keys; /* as sets */
    json_t *titles;
    bool labelled; /* some need labels */
};

void columns_finish(struct columns *columns);

/* 0; 1: there is one of this title, or there are COLUMNS_MAX; -ENOMEM. */
int columns_add(struct columns *columns, const char *title, const char *key);

/* KEY or TITLE=KEY, separated by commas. 0, -EINVAL (none, a title twice, or too many) or -ENOMEM.
 */
int columns_parse(struct columns *columns, const char *text);

/* The object as one flat object of cells: new. Keys that are the same when joined ("a.b" and "b" in
 * "a") get #2, #3 behind them. NULL: no memory. */
json_t *columns_cells(const struct item *item);

/* What belongs under this key: new, NULL: nothing (or no memory). */
json_t *columns_value(const struct item *item, const json_t *cells, const struct labels *labels,
                      const char *key);

#endif
