/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * What a record must look like beyond its identity: times, null values, suspects, events. Called by
 * decode.c.
 */
#ifndef RECEIVE_SHAPE_H
#define RECEIVE_SHAPE_H

#include <jansson.h>

#include "receive/record.h"

/* Writes the first thing that is wrong to record->complaint, in words that are safe to print and
 * follow on "record 42 ". */
void shape_check(json_t *object, struct record *record);

#endif
