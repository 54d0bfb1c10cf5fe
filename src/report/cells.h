/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * What stands in a cell: numbers, text, and an excerpt of it for messages. Pure.
 */
#ifndef REPORT_CELLS_H
#define REPORT_CELLS_H

#include <stdbool.h>
#include <stdint.h>

#include "report/rows.h"

#define EXCERPT_SIZE 64

/* Digits, at most one point, an exponent; a sign. Finite. */
bool cell_number(const struct cell *cell, double *ret);
/* Digits, up to 2^64 - 1. */
bool cell_integer(const struct cell *cell, uint64_t *ret);
/* UTF-8 that may stand in JSON, XML and on a terminal: without control characters. */
bool cell_is_text(const struct cell *cell);
/* Its beginning; what is not printable ASCII as '?'. */
const char *cell_excerpt(const struct cell *cell, char buf[EXCERPT_SIZE]);

#endif
