/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Cursors: between their files in tmpfs, which uplinks write, and the account, which goes to flash
 * with every group. After a boot the way is the other one. A configured uplink that has no cursor
 * yet gets one here, before its process runs, so that a group has it before anything is sent.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/say.h"
#include "log/scan.h"
#include "store/books_private.h"

enum { SLOTS_MAX = 512 };

/* ---- restoring */

static int restore_known(struct books *books, const struct account_uplink *uplink)
{
    struct cursor_slot *slots = calloc(uplink->cursor_count + 1, sizeof *slots);
    if (!slots) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < uplink->cursor_count; i++) {
        slots[i] = (struct cursor_slot){ uplink->cursors[i].slot, uplink->cursors[i].len };
    }
    int r = cursor_restore(books->options.ram, uplink->name, slots, uplink->cursor_count);
    free(slots);
    return r;
}

/* The newest place of a bus, from its queue or what is known of its epochs. */
static struct place newest_place(const struct books *books, const struct books_bus *bus)
{
    struct place place = bus->persisted;
    char bus_path[FOLDER_PATH_MAX], path[FOLDER_PATH_MAX];
    struct epoch_name *names;
    size_t count;
    struct scan scan;
    if (folder_bus(books->options.ram, bus->name, bus_path) < 0 ||
        folder_epochs(bus_path, &names, &count) < 0) {
        return place;
    }
    for (size_t i = count; i-- > 0;) {
        if (folder_epoch(bus_path, names[i], path) == 0 && scan_newest(path, &scan) == 0) {
            struct place last = { names[i].order, names[i].epoch, scan.last };
            place = place_later(place, last);
            break;
        }
    }
    free(names);
    return place;
}

/* The oldest epoch of a bus that is still there. */
static struct place oldest_place(const struct books *books, const struct books_bus *bus)
{
    struct place place = { 0 };
    char bus_path[FOLDER_PATH_MAX];
    struct epoch_name *names;
    size_t count;
    for (size_t i = 0; i < books->account->epoch_count; i++) {
        const struct account_epoch *e = &books->account->epochs[i];
        if (!strcmp(e->bus, bus->name)) {
            place = (struct place){ e->order, e->epoch, 0 };
            break;
        }
    }
    if (folder_bus(books->options.ram, bus->name, bus_path) == 0 &&
        folder_epochs(bus_path, &names, &count) == 0) {
        if (count && (!place.order || names[0].order < place.order)) {
            place = (struct place){ names[0].order, names[0].epoch, 0 };
        }
        free(names);
    }
    return place;
}

static bool entry_of(const struct account *account, const char *uplink, const char *bus,
                     struct cursor_entry *ret_entry);

struct sought {
    const char *bus;
    struct cursor_entry *entry;
    bool found;
};

static void pick(void *context, const struct cursor_entry *entry)
{
    struct sought *s = context;
    if (!strcmp(entry->bus, s->bus) && entry->confirmed.epoch) {
        *s->entry = *entry;
        s->found = true;
    }
}

/* The lowest place of the uplinks that have one; by their files, for the account is as old as the
 * last group. */
static struct place confirmed_by_others(const struct books *books, const char *bus)
{
    struct place lowest = { 0 };
    for (size_t i = 0; i < books->options.uplink_count; i++) {
        const char *name = books->options.uplinks[i].name;
        struct cursor_entry entry;
        struct sought sought = { bus, &entry, false };
        cursor_visit(books->options.ram, name, pick, &sought);
        if ((sought.found || entry_of(books->account, name, bus, &entry)) &&
            (!lowest.order || place_before(entry.confirmed, lowest))) {
            lowest = entry.confirmed;
        }
    }
    return lowest;
}

/* A new uplink begins with the oldest there is or behind the newest. What is not there below
 * `started` is `earlier`: the others had confirmed it. */
static bool first_cursor(const struct books *books, const struct books_bus *bus, bool from_now,
                         struct cursor_entry *ret_entry)
{
    struct cursor_entry e = { 0 };
    memcpy(e.bus, bus->name, sizeof e.bus);
    struct place newest = newest_place(books, bus);
    struct place lowest = confirmed_by_others(books, bus->name);
    if (from_now) {
        e.confirmed = e.started = newest;
        if (newest.seq) {
            ranges_add(&e.ranges, (struct range){ newest.epoch, 1, newest.seq, WHY_EARLIER });
        }
    } else {
        e.confirmed = oldest_place(books, bus);
        e.started = place_later(lowest, e.confirmed);
    }
    e.version = 1;
    *ret_entry = e;
    return e.confirmed.epoch != 0;
}

static int make_new(struct books *books, const struct books_uplink *uplink)
{
    uint8_t(*bytes)[CURSOR_SLOT_BYTES] = calloc(books->bus_count + 1, sizeof *bytes);
    struct cursor_slot *slots = calloc(books->bus_count + 1, sizeof *slots);
    size_t count = 0;
    for (size_t i = 0; bytes && slots && i < books->bus_count; i++) {
        struct cursor_entry entry;
        if (first_cursor(books, books->buses[i], uplink->from_now, &entry)) {
            slots[count].bytes = bytes[count];
            slots[count].len = cursor_encode(&entry, bytes[count]);
            count++;
        }
    }
    int r =
        bytes && slots ? cursor_restore(books->options.ram, uplink->name, slots, count) : -ENOMEM;
    free(bytes);
    free(slots);
    return r;
}

bool cursors_restore(struct books *books)
{
    bool made = false;
    for (size_t i = 0; i < books->options.uplink_count; i++) {
        const struct books_uplink *wanted = &books->options.uplinks[i];
        const struct account_uplink *known = NULL;
        for (size_t k = 0; k < books->account->uplink_count; k++) {
            if (!strcmp(books->account->uplinks[k].name, wanted->name)) {
                known = &books->account->uplinks[k];
            }
        }
        int r = known ? restore_known(books, known) : make_new(books, wanted);
        made |= !known && r == 0;
        if (r < 0 && r != -EEXIST) {
            say(SAY_ERROR, "cannot restore the cursor of uplink %s: %s", wanted->name,
                strerror(-r));
        }
    }
    return made;
}

/* ---- reading */

struct refresh {
    struct books *books;
    struct account_uplink *uplink;
};

static void take_entry(void *context, const struct cursor_entry *entry)
{
    struct refresh *r = context;
    if (entry->confirmed.epoch) {
        account_uplink_add(r->uplink, entry);
    }
}

static bool configured(const struct books_options *options, const char *name)
{
    for (size_t i = 0; i < options->uplink_count; i++) {
        if (!strcmp(options->uplinks[i].name, name)) {
            return true;
        }
    }
    return false;
}

/* Cursors of uplinks that left the configuration long ago. */
static void forget_removed(struct books *books, int64_t wall_ns)
{
    for (size_t i = books->account->uplink_count; i-- > 0;) {
        struct account_uplink *u = &books->account->uplinks[i];
        if (!configured(&books->options, u->name) && books_calm(books, boot_now().ns) &&
            u->seen_ns && wall_ns - u->seen_ns > books->options.max_age_ns) {
            account_uplink_remove(books->account, u);
        }
    }
}

void cursors_refresh(struct books *books)
{
    int64_t wall_ns = wall_from_boot(boot_now(), books->clock).ns;
    for (size_t i = 0; i < books->options.uplink_count; i++) {
        struct account_uplink *u = account_uplink(books->account, books->options.uplinks[i].name);
        struct account_uplink fresh = { 0 };
        struct refresh refresh = { books, &fresh };
        if (!u || cursor_visit(books->options.ram, u->name, take_entry, &refresh) < 0) {
            continue; /* no file: what the account has counts */
        }
        account_uplink_clear(u);
        u->cursors = fresh.cursors;
        u->cursor_count = fresh.cursor_count;
        u->seen_ns = books->clock.state == CLOCK_SYNCED || !u->seen_ns ? wall_ns : u->seen_ns;
    }
    forget_removed(books, wall_ns);
    for (size_t i = 0; i < books->bus_count; i++) {
        struct books_bus *bus = books->buses[i];
        bus->confirmed = cursors_lowest(books->account, &books->options, bus->name);
        bus->spared = place_later(bus->spared, bus->confirmed);
    }
}

/* ---- asking */

static bool entry_of(const struct account *account, const char *uplink, const char *bus,
                     struct cursor_entry *ret_entry)
{
    for (size_t i = 0; i < account->uplink_count; i++) {
        const struct account_uplink *u = &account->uplinks[i];
        for (size_t k = 0; !strcmp(u->name, uplink) && k < u->cursor_count; k++) {
            if (cursor_decode(u->cursors[k].slot, u->cursors[k].len, ret_entry) == 0 &&
                !strcmp(ret_entry->bus, bus)) {
                return true;
            }
        }
    }
    return false;
}

struct place cursors_lowest(const struct account *account, const struct books_options *options,
                            const char *bus)
{
    struct place lowest = { 0 };
    for (size_t i = 0; i < options->uplink_count; i++) {
        struct cursor_entry entry;
        if (!entry_of(account, options->uplinks[i].name, bus, &entry)) {
            return (struct place){ 0 }; /* holds back from the start */
        }
        if (i == 0 || place_before(entry.confirmed, lowest)) {
            lowest = entry.confirmed;
        }
    }
    return lowest;
}

bool cursors_passed(const struct books *books, const struct account_epoch *epoch)
{
    for (size_t i = 0; i < books->options.uplink_count; i++) {
        struct cursor_entry entry;
        if (!entry_of(books->account, books->options.uplinks[i].name, epoch->bus, &entry) ||
            cursor_keep_order(&entry) <= epoch->order) {
            return false;
        }
    }
    return books->options.uplink_count > 0;
}
