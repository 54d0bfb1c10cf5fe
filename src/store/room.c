/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Room on flash. A segment goes when a synced group in another one says that everybody has what it
 * holds; or at the limit, or for its age, and then the ranges are told first: in the account in
 * tmpfs and in a synced group. Where a segment ends is read from the first account behind it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/say.h"
#include "store/books_private.h"

enum { SPARE = 1 };

/* The first group behind segment `index` that can be read. 1, 0: none. */
static int group_behind(struct books *books, size_t index, struct group *ret_group)
{
    const uint64_t *used;
    size_t count = writer_segments(books->writer, &used);
    for (size_t i = index + 1; i < count; i++) {
        int r = writer_first_group(books->writer, used[i], ret_group);
        if (r == 1) {
            return 1;
        }
    }
    return 0;
}

/* The last number of an epoch that lies before this group. */
static uint64_t before_group(const struct group *group, size_t epoch)
{
    for (size_t i = 0; i < group->section_count; i++) {
        if (group->sections[i].epoch == epoch) {
            return group->sections[i].first - 1;
        }
    }
    return group->account->epochs[epoch].last;
}

/* Has everybody, by the cursors on flash, passed all that lies before this group? */
static bool confirmed_before(const struct books *books, const struct group *group)
{
    for (size_t i = 0; i < group->account->epoch_count; i++) {
        const struct account_epoch *e = &group->account->epochs[i];
        uint64_t last = before_group(group, i);
        struct place confirmed = cursors_lowest(books->account, &books->options, e->bus);
        struct place end = { e->order, e->epoch, last };
        bool known = account_find(books->account, e->bus, e->epoch) != NULL;
        if (last && known && place_before(confirmed, end)) {
            return false;
        }
    }
    return true;
}

bool room_may_free(struct books *books)
{
    const uint64_t *used;
    struct group group;
    if (writer_segments(books->writer, &used) < 2 || group_behind(books, 0, &group) != 1) {
        return false;
    }
    bool may = confirmed_before(books, &group);
    group_finish(&group);
    return may;
}

/* Only right after a commit: the cursors of the account are then those on flash. */
void room_free(struct books *books)
{
    const uint64_t *used;
    size_t count = writer_segments(books->writer, &used), may = 0;
    struct group group;
    while (may + 1 < count && group_behind(books, may, &group) == 1) {
        bool free_it = confirmed_before(books, &group);
        group_finish(&group);
        if (!free_it) {
            break;
        }
        may++;
    }
    int r = may ? writer_release(books->writer, may) : 0;
    if (r < 0) {
        books_trouble(books, r, "a segment cannot be freed");
    }
}

/* Tells what leaves with everything before this group. Returns how many records. */
static uint64_t tell_gone(struct books *books, const struct group *group, enum why why)
{
    uint64_t numbers = 0;
    for (size_t i = 0; i < group->account->epoch_count; i++) {
        const struct account_epoch *old = &group->account->epochs[i];
        struct account_epoch *e = account_find(books->account, old->bus, old->epoch);
        uint64_t last = before_group(group, i), first = 1;
        struct place confirmed = cursors_lowest(books->account, &books->options, old->bus);
        if (!e || confirmed.order > old->order) {
            continue;
        }
        if (confirmed.epoch == old->epoch) {
            first = confirmed.seq + 1;
        }
        for (const struct range *known; (known = account_gone_find(e, first));) {
            first = known->last + 1;
        }
        if (first <= last) {
            account_gone(e, (struct range){ e->epoch, first, last, why });
            numbers += last - first + 1;
        }
    }
    return numbers;
}

/* Drops the oldest segment: told, written, synced, then freed. */
static int drop_oldest(struct books *books, enum why why)
{
    struct group group;
    if (group_behind(books, 0, &group) != 1) {
        return -ENOENT;
    }
    uint64_t numbers = tell_gone(books, &group, why);
    group_finish(&group);
    int r = account_save(books->options.ram, books->account);
    if (r == 0) {
        r = books_commit(books, books->empty, GROUP_GONE);
    }
    if (r == 0) {
        say(SAY_WARNING, "spool: the oldest segment leaves why=%s numbers=%llu", why_name(why),
            (unsigned long long)numbers);
        r = writer_release(books->writer, 1);
    }
    return r;
}

/* Files that the limit and the file system allow: never more than nine tenths of what is free. */
static uint64_t allowed(const struct books *books)
{
    uint64_t size = books->options.segment_bytes, room;
    uint64_t limit = books->options.limit_bytes / size;
    const uint64_t *used;
    uint64_t have = writer_segments(books->writer, &used) + writer_free_count(books->writer);
    struct disk *disk = books->options.disk;
    if (disk->ops->space(disk, &room) == 0) {
        uint64_t by_space = have + room / 10 * 9 / size;
        limit = by_space < limit ? by_space : limit;
    }
    return limit < 2 ? 2 : limit;
}

/* What is known by now of the clock of the boot that a group was made in: a later word than its own
 * counts, for the clock may have been wrong. */
static struct clock_offset clock_of(const struct books *books, const struct account *made_with)
{
    if (!memcmp(made_with->boot_id, books->boot_id, sizeof books->boot_id)) {
        return books->clock;
    }
    for (size_t i = 0; i < books->account->epoch_count; i++) {
        const struct account_epoch *e = &books->account->epochs[i];
        if (e->clock.state == CLOCK_SYNCED &&
            !memcmp(made_with->boot_id, e->boot_id, sizeof e->boot_id)) {
            return e->clock;
        }
    }
    return made_with->clock;
}

static bool is_too_old(struct books *books, int64_t now_ns)
{
    struct group group;
    if (!books_calm(books, now_ns) || group_behind(books, 0, &group) != 1) {
        return false;
    }
    struct clock_offset clock = clock_of(books, group.account);
    int64_t made_ns = wall_from_boot(group.account->made, clock).ns;
    int64_t wall_ns = wall_from_boot((struct boot_time){ now_ns }, books->clock).ns;
    bool old = clock.state == CLOCK_SYNCED && wall_ns - made_ns > books->options.max_age_ns;
    group_finish(&group);
    return old;
}

void room_tend(struct books *books, int64_t now_ns)
{
    const uint64_t *used;
    int r = 0;
    books->flash_limit = allowed(books);
    while (r == 0 && writer_segments(books->writer, &used) > 1 && is_too_old(books, now_ns)) {
        r = drop_oldest(books, WHY_AGE);
    }
    while (r == 0 && writer_free_count(books->writer) < SPARE) {
        uint64_t have = writer_segments(books->writer, &used) + writer_free_count(books->writer);
        r = have < books->flash_limit ? writer_add_free(books->writer)
                                      : drop_oldest(books, WHY_LIMIT);
    }
    while (r == 0 && writer_free_count(books->writer) > SPARE &&
           writer_segments(books->writer, &used) + writer_free_count(books->writer) >
               books->flash_limit) {
        r = writer_drop_free(books->writer);
    }
    if (r < 0 && r != -ENOENT) {
        books_trouble(books, r, "no room for records");
    }
}
