/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Objects as rows of CSV, quoted as in RFC 4180. Called by receive.c. Every row has the columns of
 * the one header: those of the first object and a last one, `more`, or those that were asked for.
 */
#ifndef RECEIVE_CSV_H
#define RECEIVE_CSV_H

#include <stdio.h>

#include "receive/item.h"

struct csv;

/* `columns`: KEY or TITLE=KEY, separated by commas; NULL: decided by the first object. NULL: no
 * memory. */
struct csv *csv_create(const char *columns);
void csv_destroy(struct csv *csv);

/* 0 or -ENOMEM; errors of `out` are for the caller to look up with ferror(). */
int csv_write(struct csv *csv, FILE *out, const struct item *item);

#endif
