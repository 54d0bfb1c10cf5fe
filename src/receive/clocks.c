/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * See clocks.h.
 */
#include "receive/clocks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void entry_finish(struct clock_entry *entry)
{
    free(entry->gateway);
    free(entry->bus);
}

void clocks_finish(struct clocks *clocks)
{
    for (size_t i = 0; i < clocks->count; i++) {
        entry_finish(&clocks->list[i]);
    }
    free(clocks->list);
    *clocks = (struct clocks){ 0 };
}

static void drop(struct clocks *clocks, size_t at)
{
    entry_finish(&clocks->list[at]);
    clocks->count--;
    memmove(&clocks->list[at], &clocks->list[at + 1], (clocks->count - at) * sizeof(*clocks->list));
}

static int append(struct clocks *clocks, const struct clock_entry *entry)
{
    struct clock_entry *list;

    if (clocks->count == CLOCKS_MAX) {
        drop(clocks, 0);
    }
    list = realloc(clocks->list, (clocks->count + 1) * sizeof(*list));
    if (list == NULL) {
        return -ENOMEM;
    }
    clocks->list = list;
    list[clocks->count++] = *entry;
    return 0;
}

int clocks_note(struct clocks *clocks, const char *gateway, const char *bus, uint64_t epoch,
                int64_t offset_us)
{
    struct clock_entry entry = { .epoch = epoch, .offset_us = offset_us };
    int error;

    for (size_t i = 0; i < clocks->count; i++) {
        struct clock_entry *known = &clocks->list[i];

        if (known->epoch == epoch && strcmp(known->bus, bus) == 0 &&
            strcmp(known->gateway, gateway) == 0) {
            known->offset_us = offset_us;
            return 0;
        }
    }
    entry.gateway = strdup(gateway);
    entry.bus = strdup(bus);
    error = entry.gateway == NULL || entry.bus == NULL ? -ENOMEM : append(clocks, &entry);
    if (error < 0) {
        entry_finish(&entry);
    }
    return error;
}

bool clocks_find(const struct clocks *clocks, const char *gateway, const char *bus, uint64_t epoch,
                 int64_t *ret_offset_us)
{
    for (size_t i = clocks->count; i-- > 0;) {
        const struct clock_entry *entry = &clocks->list[i];

        if (entry->epoch == epoch && (entry->bus[0] == '\0' || strcmp(entry->bus, bus) == 0) &&
            strcmp(entry->gateway, gateway) == 0) {
            *ret_offset_us = entry->offset_us;
            return true;
        }
    }
    return false;
}
