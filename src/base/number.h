/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Numbers as text, shortest first: the fewest decimals that give the same number back. On the hot
 * path of every uplink, so our own; checked in the tests against the C library. Each writes at
 * buf without a terminating zero and returns the length, at most NUMBER_MAX.
 */
#ifndef BASE_NUMBER_H
#define BASE_NUMBER_H

#include <stdint.h>

#define NUMBER_MAX 32

unsigned number_u64(uint64_t value, char *buf);
unsigned number_i64(int64_t value, char *buf);
/* Finite values only; the result is a JSON number. */
unsigned number_f32(float value, char *buf);
unsigned number_f64(double value, char *buf);

#endif
