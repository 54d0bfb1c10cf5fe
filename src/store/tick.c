/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The tick: what waits too long goes to flash, at a limit or for a cursor too. See books.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log/queue.h"
#include "log/scan.h"
#include "store/books_private.h"

#define TICK_MIN_NS (20 * NS_PER_MS)
#define TICK_MAX_NS (250 * NS_PER_MS)
#define CURSORS_NS  (30 * NS_PER_S)
enum { MARKS = 16 };

static int64_t tick_ns(const struct books *books)
{
    int64_t tick = books->options.persist_after_ns / 20;
    return tick < TICK_MIN_NS ? TICK_MIN_NS : tick > TICK_MAX_NS ? TICK_MAX_NS : tick;
}

int64_t books_wake_ns(const struct books *books, int64_t now_ns)
{
    return now_ns + (books->options.persist_after_ns ? tick_ns(books) : TICK_MAX_NS);
}

static void note_clock(struct books *books, struct clock_offset clock, int64_t now_ns)
{
    struct clock_offset before = books->clock;
    books->clock = clock;
    steps_note(books, before, now_ns);
    for (size_t i = 0; i < books->account->epoch_count; i++) {
        struct account_epoch *e = &books->account->epochs[i];
        if (is_ours(books, e->boot_id) &&
            (clock.state == CLOCK_SYNCED || e->clock.state != CLOCK_SYNCED)) {
            e->clock = clock;
        }
    }
}

static void mark(struct books_bus *bus, struct place last, int64_t now_ns)
{
    if (!last.order ||
        (bus->mark_count && !place_before(bus->marks[bus->mark_count - 1].place, last))) {
        return;
    }
    if (bus->mark_count == MARKS) { /* two that are near each other count as the older one */
        memmove(&bus->marks[MARKS - 2], &bus->marks[MARKS - 1], sizeof *bus->marks);
        bus->marks[MARKS - 2].at_ns = bus->marks[MARKS - 3].at_ns;
        bus->mark_count--;
    }
    bus->marks[bus->mark_count++] = (struct mark){ now_ns, last };
}

/* When the oldest record that is neither persisted nor confirmed came, at the latest; INT64_MAX:
 * there is none. */
static int64_t waiting_since(struct books_bus *bus)
{
    struct place done = place_later(bus->persisted, bus->confirmed);
    size_t gone = 0;
    while (gone < bus->mark_count && !place_before(done, bus->marks[gone].place)) {
        gone++;
    }
    memmove(bus->marks, bus->marks + gone, (bus->mark_count - gone) * sizeof *bus->marks);
    bus->mark_count -= gone;
    return bus->mark_count ? bus->marks[0].at_ns : INT64_MAX;
}

static bool is_due(struct books *books, int64_t now_ns)
{
    /* A fifth is left for the tick and the commit itself. */
    int64_t patience = books->options.persist_after_ns / 5 * 4;
    for (size_t i = 0; i < books->bus_count; i++) {
        int64_t since = waiting_since(books->buses[i]);
        if (since != INT64_MAX && now_ns - since >= patience) {
            return true;
        }
    }
    return false;
}

/* Is a queue so long that RAM may not hold it until it is due? */
static bool is_crowded(const struct books *books)
{
    for (size_t i = 0; i < books->bus_count; i++) {
        char bus_path[FOLDER_PATH_MAX], path[FOLDER_PATH_MAX];
        struct books_bus *bus = books->buses[i];
        struct epoch_name *names;
        uint64_t *numbers;
        size_t count, segments, bytes = 0;
        if (!bus->mark_count || folder_bus(books->options.ram, bus->name, bus_path) < 0 ||
            folder_epochs(bus_path, &names, &count) < 0) {
            continue;
        }
        for (size_t k = 0; k < count; k++) {
            if (folder_epoch(bus_path, names[k], path) == 0 &&
                folder_segments(path, &numbers, &segments) == 0) {
                bytes += segments * QUEUE_SEGMENT_BYTES;
                free(numbers);
            }
        }
        free(names);
        if (bytes > books->options.ram_share_bytes / 2) {
            return true;
        }
    }
    return false;
}

static struct place scanned_last(const struct books *books, const struct books_bus *bus)
{
    char bus_path[FOLDER_PATH_MAX], path[FOLDER_PATH_MAX];
    struct epoch_name *names;
    struct place place = { 0 };
    size_t count;
    struct scan scan;
    if (folder_bus(books->options.ram, bus->name, bus_path) == 0 &&
        folder_epochs(bus_path, &names, &count) == 0) {
        if (count && folder_epoch(bus_path, names[count - 1], path) == 0 &&
            scan_newest(path, &scan) == 0) {
            place = (struct place){ names[count - 1].order, names[count - 1].epoch, scan.last };
        }
        free(names);
    }
    return place;
}

static void take_marks(struct books *books, books_last *last_of, void *context, int64_t now_ns)
{
    for (size_t i = 0; i < books->bus_count; i++) {
        struct books_bus *bus = books->buses[i];
        struct place last = last_of ? last_of(context, bus->name) : (struct place){ 0 };
        if (!last.order && !bus->mark_count) {
            last = scanned_last(books, bus);
        }
        mark(bus, last, now_ns);
    }
}

/* Cursor groups: once a backlog has drained, and now and then while it does. */
static unsigned cursors_due(struct books *books, int64_t now_ns)
{
    bool behind = false, drained = true, moved = false;
    for (size_t i = 0; i < books->bus_count; i++) {
        const struct books_bus *bus = books->buses[i];
        if (place_before(bus->durable, bus->persisted)) {
            behind = true;
            drained &= !place_before(bus->confirmed, bus->persisted);
            moved |= place_before(bus->durable, bus->confirmed);
        }
    }
    books->behind = behind;
    if (behind && moved &&
        (drained || now_ns - books->group_at_ns >= CURSORS_NS || room_may_free(books))) {
        return GROUP_CURSORS;
    }
    bool checkpoint =
        books->options.checkpoint_ns && now_ns - books->group_at_ns >= books->options.checkpoint_ns;
    return checkpoint ? GROUP_CHECKPOINT : 0;
}

static void after_commit(struct books *books, int64_t now_ns)
{
    room_free(books);
    room_tend(books, now_ns);
}

static void every_second(struct books *books, int64_t now_ns)
{
    unsigned why;
    books->second_ns = now_ns;
    books_add_folder_buses(books);
    cursors_refresh(books);
    if (is_crowded(books)) {
        if (persist_all(books, 0) == 0) {
            after_commit(books, now_ns);
        }
    } else if ((why = cursors_due(books, now_ns)) && persist_cursors(books, why) == 0) {
        after_commit(books, now_ns);
    }
    if (books->options.checkpoint_ns && now_ns >= books->resume_due_ns) {
        resuming_save(books, false);
    }
}

void books_tick(struct books *books, struct clock_offset clock, books_last *last_of, void *context)
{
    int64_t now_ns = boot_now().ns;
    note_clock(books, clock, now_ns);
    take_marks(books, last_of, context, now_ns);
    if (!books->writer) {
        return;
    }
    if (books->state == BOOKS_DEGRADED) {
        if (now_ns >= books->retry_at_ns) {
            cursors_refresh(books);
            if (persist_all(books, GROUP_CURSORS) == 0) {
                after_commit(books, now_ns);
            }
        }
        return;
    }
    if (is_due(books, now_ns)) {
        cursors_refresh(books);
        if (is_due(books, now_ns) && persist_all(books, 0) == 0) {
            after_commit(books, now_ns);
        }
    }
    if (now_ns - books->second_ns >= NS_PER_S) {
        every_second(books, now_ns);
    }
}

int books_persist(struct books *books, unsigned why)
{
    if (!books->writer) {
        return -ENODEV;
    }
    books_add_folder_buses(books);
    cursors_refresh(books);
    int r = persist_all(books, why);
    if (r == 0) {
        after_commit(books, boot_now().ns);
    }
    return r;
}

int books_end(struct books *books)
{
    int r = books_persist(books, GROUP_END | GROUP_CURSORS);
    if (r == 0) {
        resuming_save(books, true);
    }
    return r;
}
