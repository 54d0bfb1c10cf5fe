/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * One line for each object: time, device, kind, values. Columns grow as needed. Called by receive.c
 * where there is no terminal; live.c uses the same words for its cells.
 */
#ifndef RECEIVE_TABLE_H
#define RECEIVE_TABLE_H

#include <stdio.h>

#include "receive/item.h"

struct table {
    size_t device_width;
    size_t kind_width;
    bool begun;
};

/* What a record says about itself. An object without identity goes by its topic, and by the time
 * of its arrival unless it has a `time` as records have it. */
struct label {
    const char *gateway;
    const char *device;
    const char *kind;
    char time[40];
};

void label_make(struct label *label, const struct item *item);

/* The values in one string, "a=1 b=2"; to be freed. NULL: no memory. */
char *label_values(const struct item *item);

/* 0 or -ENOMEM. */
int table_write(struct table *table, FILE *out, const struct item *item);

#endif
