/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Ranges of numbers with a reason, and the file that tells which ranges of a bus were removed
 * unread. Written by core alone, before it removes; read by every reader that misses a number.
 * docs/format.md "gone".
 */
#ifndef LOG_GONE_H
#define LOG_GONE_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "log/frame.h"

struct range {
    uint64_t epoch, first, last;
    enum why why;
};

enum { RANGES_PER_EPOCH = 16, RANGES_MAX = 256 };

/* In the order they were added: epochs in the order they were made, numbers rising. */
struct ranges {
    size_t count;
    struct range range[RANGES_MAX];
};

/* Appends; neighbours with one reason merge; beyond 16 of an epoch (or 256 in all) the two oldest
 * become one, `unknown`. */
void ranges_add(struct ranges *ranges, struct range range);
void ranges_put(struct put *out, const struct ranges *ranges);
void ranges_get(struct get *in, size_t count, struct ranges *ret_ranges);

/* A missing file is no ranges. -EBADMSG if it does not pass. */
int gone_load(const char *bus_path, struct ranges *ret_ranges);
int gone_save(const char *bus_path, const struct ranges *ranges);

/* Why number `seq` is missing: the range of an epoch that has it, else NULL. */
const struct range *gone_find(const struct ranges *ranges, uint64_t epoch, uint64_t seq);

#endif
