/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * An object from anyone as rows: each object in an array of objects is a row of its own, together
 * with what stands beside the array. Called by intake.c; pure. Drawn:
 *
 *   {"a":1,"b":[{"c":2},{"c":3}]}   ->   {"a":1,"b":{"c":2}}   {"a":1,"b":{"c":3}}
 *
 * Several such arrays follow one another, they are not multiplied. Bounded for each object: what
 * would be more than ROWS_MAX rows or ROWS_BYTES_MAX of repeated text is one row, the arrays in it
 * as they are.
 */
#ifndef RECEIVE_ROWS_H
#define RECEIVE_ROWS_H

#include <jansson.h>

#define ROWS_MAX       ((size_t)100000)
#define ROWS_BYTES_MAX ((size_t)64 * 1024 * 1024)

/* One row; it may keep a reference. 0 or a negative errno, which ends the walk. */
typedef int rows_each(void *context, json_t *row);

/* 0, -ENOMEM or what `each` said. */
int rows_split(json_t *object, rows_each *each, void *context);

#endif
