/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * What record number N of an epoch says: everything about it follows from the two numbers, so that
 * a wrong, mixed-up or torn one shows. Some numbers have no record: lost in RAM, as told.
 */
#ifndef FILES_CONTENT_H
#define FILES_CONTENT_H

#include <stdbool.h>
#include <stdint.h>

#include "log/reader.h"

enum { CONTENT_POINTS = 12 };

/* `longer`: texts of hundreds of bytes instead of a few. */
void content_init(bool longer);
bool content_is_hole(uint64_t epoch, uint64_t seq);
/* The item points to `values`. */
struct item content_item(uint64_t order, uint64_t epoch, uint64_t seq,
                         struct weir_value values[CONTENT_POINTS]);
bool content_matches(const struct item *item);

#endif
