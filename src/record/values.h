/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The values of a record as bytes, by the order of its shape's points; docs/format.md "Record".
 * Also the names of results, as they stand in JSON and in `weir status`.
 */
#ifndef RECORD_VALUES_H
#define RECORD_VALUES_H

#include <stdint.h>

#include <weir/record.h>

#include "base/bytes.h"

/* Fails short in `out`. */
void values_put(struct put *out, const struct weir_shape *shape, const struct weir_value *values);
/* Fills one value a point; texts point into the bytes. Fails short in `in`. */
void values_get(struct get *in, const struct weir_shape *shape, struct weir_value *ret_values);

/* "timeout"; "unknown" for a number that is none. */
const char *result_name(unsigned result);
/* "no answer in time" */
const char *result_help(unsigned result);

#endif
