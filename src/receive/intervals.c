/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * See intervals.h. Adding at the end is the common case and costs no search.
 */
#include "receive/intervals.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void intervals_finish(struct intervals *set)
{
    free(set->list);
    *set = (struct intervals){ 0 };
}

/* The index of the first interval that ends at `number` or later; count if there is none. */
static size_t find(const struct intervals *set, uint64_t number)
{
    size_t low = 0;
    size_t high = set->count;

    if (high > 0 && set->list[high - 1].last < number) {
        return high;
    }
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (set->list[middle].last < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static int insert(struct intervals *set, size_t at, struct interval one)
{
    if (set->count == set->room) {
        size_t room = set->room == 0 ? 4 : set->room * 2;
        struct interval *list = realloc(set->list, room * sizeof(*list));

        if (list == NULL) {
            return -ENOMEM;
        }
        set->list = list;
        set->room = room;
    }
    memmove(&set->list[at + 1], &set->list[at], (set->count - at) * sizeof(*set->list));
    set->list[at] = one;
    set->count++;
    return 0;
}

static void erase(struct intervals *set, size_t from, size_t to)
{
    memmove(&set->list[from], &set->list[to], (set->count - to) * sizeof(*set->list));
    set->count -= to - from;
}

int intervals_add(struct intervals *set, uint64_t first, uint64_t last)
{
    size_t from = find(set, first - 1); /* the one that touches first from below counts too */
    size_t to = from;

    while (to < set->count && set->list[to].first <= last + 1) {
        to++;
    }
    if (from == to) {
        return insert(set, from, (struct interval){ first, last });
    }
    if (set->list[from].first > first) {
        set->list[from].first = first;
    }
    set->list[from].last = set->list[to - 1].last > last ? set->list[to - 1].last : last;
    erase(set, from + 1, to);
    return 0;
}

int intervals_remove(struct intervals *set, uint64_t first, uint64_t last)
{
    size_t at = find(set, first);
    size_t to;

    if (at < set->count && set->list[at].first < first) {
        uint64_t end = set->list[at].last;

        if (end > last) {
            int error = insert(set, at + 1, (struct interval){ last + 1, end });

            if (error < 0) {
                return error;
            }
        }
        set->list[at].last = first - 1;
        at++;
    }
    to = at;
    while (to < set->count && set->list[to].last <= last) {
        to++;
    }
    erase(set, at, to);
    if (at < set->count && set->list[at].first <= last) {
        set->list[at].first = last + 1;
    }
    return 0;
}

bool intervals_has(const struct intervals *set, uint64_t number)
{
    size_t at = find(set, number);

    return at < set->count && set->list[at].first <= number;
}

bool intervals_gap(const struct intervals *set, uint64_t first, uint64_t last,
                   struct interval *ret_gap)
{
    size_t at = find(set, first);

    if (at < set->count && set->list[at].first <= first) {
        first = set->list[at].last + 1;
        at++;
    }
    if (first > last) {
        return false;
    }
    if (at < set->count && set->list[at].first <= last) {
        last = set->list[at].first - 1;
    }
    *ret_gap = (struct interval){ first, last };
    return true;
}

bool intervals_overlap(const struct intervals *set, uint64_t first, uint64_t last,
                       struct interval *ret_part)
{
    size_t at = find(set, first);

    if (first > last || at == set->count || set->list[at].first > last) {
        return false;
    }
    *ret_part = set->list[at];
    if (ret_part->first < first) {
        ret_part->first = first;
    }
    if (ret_part->last > last) {
        ret_part->last = last;
    }
    return true;
}

uint64_t intervals_total(const struct intervals *set)
{
    uint64_t total = 0;

    for (size_t i = 0; i < set->count; i++) {
        total += set->list[i].last - set->list[i].first + 1;
    }
    return total;
}
