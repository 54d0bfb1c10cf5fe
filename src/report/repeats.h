/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Which numbers of a stream were there already: delivery is at least once. Bounded: of each stream
 * the newest REPEATS_WINDOW numbers are known, and REPEATS_STREAMS streams.
 */
#ifndef REPORT_REPEATS_H
#define REPORT_REPEATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "report/rows.h"

#define REPEATS_WINDOW  65536u
#define REPEATS_STREAMS 4096

struct repeats;

struct repeats *repeats_create(void);
void repeats_destroy(struct repeats *repeats);
/* `stream` is gateway, bus and epoch. 1: this number was there; 0: it is new; or -ENOMEM. */
int repeats_take(struct repeats *repeats, const struct cell stream[3], uint64_t seq);

#endif
