/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Times as records have them: 2026-11-22T12:00:00.123Z. Pure.
 */
#ifndef RECEIVE_UTC_H
#define RECEIVE_UTC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UTC_SIZE 32 /* room for any of them */

/* Microseconds since 1970. False: it is no such time. */
bool utc_read(const char *text, int64_t *ret_us);

/* With milliseconds, rounded. False: not in the years 1000 to 9999. */
bool utc_write(int64_t us, char buf[UTC_SIZE]);

#endif
