/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Text that people write: durations, sizes, names; and the nearest word to a mistyped one.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "250ms" "1s" "15m" "12h" "30d", fractions too ("1.5s"), "0". 0 and nanoseconds, or -EINVAL. */
int duration_parse(const char *text, int64_t *ret_ns);
/* The largest unit that gives a whole number; at least 24 bytes. */
const char *duration_format(int64_t ns, char *buf, size_t size);
/* "64MiB" "1GiB" "512KiB" "4096". 0 and bytes, or -EINVAL. */
int size_parse(const char *text, int64_t *ret_bytes);
/* Likewise, "0B"; at least 24 bytes. */
const char *size_format(int64_t bytes, char *buf, size_t size);
/* 1 to 64 of A-Za-z0-9._-, first a letter or digit. */
bool name_valid(const char *name);
/* Number of insertions, deletions and changes that make one of the other. */
unsigned text_distance(const char *a, const char *b);

#endif
