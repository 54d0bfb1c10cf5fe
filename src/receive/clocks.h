/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * What `clock` events said: by how much uptime and time differ, for each gateway, bus and epoch.
 * Filled by verify.c, asked by intake.c and for the verdict, kept in the report. The newest word
 * counts; beyond CLOCKS_MAX the oldest is forgotten.
 */
#ifndef RECEIVE_CLOCKS_H
#define RECEIVE_CLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLOCKS_MAX 4096

struct clock_entry {
    char *gateway;
    char *bus; /* "" if the event named none: of any */
    uint64_t epoch;
    int64_t offset_us;
};

/* All zero is empty. */
struct clocks {
    struct clock_entry *list; /* oldest first */
    size_t count;
};

void clocks_finish(struct clocks *clocks);

/* 0 or -ENOMEM. */
int clocks_note(struct clocks *clocks, const char *gateway, const char *bus, uint64_t epoch,
                int64_t offset_us);
bool clocks_find(const struct clocks *clocks, const char *gateway, const char *bus, uint64_t epoch,
                 int64_t *ret_offset_us);

#endif
