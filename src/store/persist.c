/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * From the queues into groups. Each bus is read from behind what is persisted or confirmed by all
 * to the end; what was read counts as persisted only when the group that has it is synced. A record
 * is copied as it is; a hole goes into the account with its reason; an epoch that ended in order is
 * noted as clean.
 */
#include <errno.h>
#include <string.h>

#include "log/scan.h"
#include "store/books_private.h"

/* The account's entry for the epoch of a place; adds it if it is new. */
static struct account_epoch *epoch_of(struct books *books, const struct books_bus *bus,
                                      uint64_t order, uint64_t epoch)
{
    struct account_epoch *e = account_find(books->account, bus->name, epoch);
    if (!e && (e = account_epoch(books->account, bus->name, order, epoch))) {
        e->flags = ACCOUNT_OPEN;
        e->until = boot_now();
        e->clock = books->clock;
        e->floor_ns = books->floor_ns;
        memcpy(e->boot_id, books->boot_id, sizeof e->boot_id);
    }
    return e;
}

/* Where copying has to go on: what lies before needs no copy. */
static struct place start_of(const struct books_bus *bus)
{
    return place_later(bus->persisted, bus->confirmed);
}

static int take_hole(struct books *books, struct books_bus *bus, const struct item *item)
{
    struct account_epoch *e = epoch_of(books, bus, item->order, item->epoch);
    if (!e) {
        return -ENOMEM;
    }
    account_gone(e, (struct range){ item->epoch, item->first, item->last, item->why });
    bus->reached = (struct place){ item->order, item->epoch, item->last };
    return 0;
}

/* The newest word counts, but one that nothing vouches for never replaces one that something does.
 */
static void learn_clock(const struct books *books, struct account_epoch *e, const struct item *item)
{
    if (books->clock.state == CLOCK_SYNCED &&
        !memcmp(e->boot_id, books->boot_id, sizeof e->boot_id)) {
        e->clock = books->clock;
    } else if (item->clock.state == CLOCK_SYNCED || e->clock.state != CLOCK_SYNCED) {
        e->clock = item->clock;
    }
}

static int take_end(struct books *books, struct books_bus *bus, const struct item *item)
{
    struct account_epoch *e = epoch_of(books, bus, item->order, item->epoch);
    if (!e) {
        return -ENOMEM;
    }
    e->flags = item->clean ? ACCOUNT_CLEAN : 0;
    /* The group will have all of it, though `reached` may go on into the next epoch. */
    e->last = item->last > e->last ? item->last : e->last;
    e->until = item->time;
    learn_clock(books, e, item);
    bus->reached = (struct place){ item->order, item->epoch, item->last };
    return 0;
}

/* Raises `last` of the epochs up to what this group will have. */
static void raise_last(struct books *books, const struct books_bus *bus, struct place upto)
{
    for (size_t i = 0; i < books->account->epoch_count; i++) {
        struct account_epoch *e = &books->account->epochs[i];
        if (e->epoch == upto.epoch && !strcmp(e->bus, bus->name) && upto.seq > e->last) {
            e->last = upto.seq;
        }
    }
}

static void lower_last(struct books *books, const struct books_bus *bus)
{
    for (size_t i = 0; i < books->account->epoch_count; i++) {
        struct account_epoch *e = &books->account->epochs[i];
        bool later = e->order > bus->persisted.order;
        uint64_t last = later ? 0 : bus->persisted.seq;
        if (!strcmp(e->bus, bus->name) && (later || e->epoch == bus->persisted.epoch) &&
            e->last > last) {
            e->last = last; /* and how it ended is to be found out again */
            e->flags = ACCOUNT_OPEN;
        }
    }
}

static bool anything_new(const struct books *books)
{
    bool new = !batch_empty(books->batch);
    for (size_t i = 0; i < books->bus_count; i++) {
        new |= place_before(start_of(books->buses[i]), books->buses[i]->reached);
    }
    return new;
}

/* Commits what the batch has. On failure everything is as if nothing had been read. */
static int flush(struct books *books, unsigned why)
{
    if (!why && !anything_new(books)) {
        return 0;
    }
    for (size_t i = 0; i < books->bus_count; i++) {
        raise_last(books, books->buses[i], books->buses[i]->reached);
    }
    int r =
        books_commit(books, books->batch, why | (batch_records(books->batch) ? GROUP_RECORDS : 0));
    for (size_t i = 0; i < books->bus_count; i++) {
        struct books_bus *bus = books->buses[i];
        if (r == 0) {
            bus->persisted = place_later(bus->persisted, bus->reached);
        } else {
            lower_last(books, bus);
        }
    }
    batch_reset(books->batch);
    if (r == 0 && writer_free_count(books->writer) == 0) {
        room_free(books);
        room_tend(books, boot_now().ns);
    }
    return r;
}

static int take_record(struct books *books, struct books_bus *bus, const struct item *item,
                       bool *in_section, unsigned why)
{
    uint64_t after = item->epoch == bus->spared.epoch ? bus->spared.seq : 0;
    if (!epoch_of(books, bus, item->order, item->epoch)) {
        return -ENOMEM;
    }
    for (;;) {
        int r = *in_section ? 0 : batch_section(books->batch, bus->name, item->epoch, after);
        *in_section = true;
        if (r == 0) {
            r = batch_add(books->batch, item);
        }
        if (r == -ENOBUFS) {
            r = flush(books, why);
            *in_section = false;
            if (r == 0) {
                continue;
            }
        }
        if (r == 0) {
            struct account_epoch *e = account_find(books->account, bus->name, item->epoch);
            bus->reached = (struct place){ item->order, item->epoch, item->first };
            e->until = item->time;
            learn_clock(books, e, item);
        }
        return r;
    }
}

/* What one bus has, into groups. The last one stays in the batch. */
static int persist_bus(struct books *books, struct books_bus *bus, unsigned why)
{
    struct place start = start_of(bus);
    bool in_section = false;
    uint64_t section_epoch = 0;
    struct item item;
    int r;
    if (!start.order) {
        r = reader_seek_start(bus->reader);
    } else {
        struct place at;
        reader_position(bus->reader, &at.order, &at.epoch, &at.seq);
        bool there =
            at.epoch == start.epoch && at.seq == start.seq && reader_within(bus->reader, at.epoch);
        r = there ? 0 : reader_seek(bus->reader, start.order, start.epoch, start.seq);
    }
    bus->reached = start;
    while (r == 0 && (r = reader_next(bus->reader, &item)) == 1) {
        if (item.kind == ITEM_RECORD) {
            in_section = in_section && section_epoch == item.epoch;
            section_epoch = item.epoch;
            r = take_record(books, bus, &item, &in_section, why);
        } else {
            r = item.kind == ITEM_HOLE ? take_hole(books, bus, &item) : take_end(books, bus, &item);
        }
        if (r < 0) {
            return r; /* of a commit, which has told it */
        }
    }
    if (r < 0) {
        books_trouble(books, r, "the queue in RAM cannot be read");
    }
    return r;
}

/* How an epoch of a queue ended; false: its folder is gone or tells nothing. */
static bool scan_epoch(const struct books *books, const struct account_epoch *e,
                       struct scan *ret_scan)
{
    char bus_path[FOLDER_PATH_MAX], path[FOLDER_PATH_MAX];
    struct epoch_name name = { e->order, e->epoch };
    return folder_bus(books->options.ram, e->bus, bus_path) == 0 &&
           folder_epoch(bus_path, name, path) == 0 && scan_newest(path, ret_scan) == 0;
}

/* Epochs that are over without the reader having been there: everybody had confirmed them, or we
 * are ending and no next epoch shows that they have ended. */
void persist_settle_epochs(struct books *books, bool ending)
{
    for (size_t i = 0; i < books->bus_count; i++) {
        const struct books_bus *bus = books->buses[i];
        struct place upto = place_later(bus->persisted, place_later(bus->reached, bus->confirmed));
        for (size_t k = 0; k < books->account->epoch_count; k++) {
            struct account_epoch *e = &books->account->epochs[k];
            struct scan scan;
            bool left = upto.order > e->order;
            if (strcmp(e->bus, bus->name) != 0 || !(e->flags & ACCOUNT_OPEN) || !(left || ending)) {
                continue;
            }
            if (!scan_epoch(books, e, &scan)) {
                /* Given out and never used, or lost with tmpfs. */
                e->flags = !left ? e->flags : e->last ? 0 : ACCOUNT_CLEAN;
                continue;
            }
            if (left || (scan.closed && upto.epoch == e->epoch && upto.seq == scan.last) ||
                (scan.closed && scan.last == 0)) {
                e->flags = scan.closed ? ACCOUNT_CLEAN : 0;
                e->last = scan.last > e->last ? scan.last : e->last;
                e->until = scan.time;
            }
        }
    }
}

int persist_all(struct books *books, unsigned why)
{
    batch_reset(books->batch);
    int r = 0;
    for (size_t i = 0; i < books->bus_count && r == 0; i++) {
        r = persist_bus(books, books->buses[i], why);
    }
    if (r == 0) {
        persist_settle_epochs(books, why & GROUP_END);
        r = flush(books, why);
    } else {
        for (size_t i = 0; i < books->bus_count; i++) {
            books->buses[i]->reached = books->buses[i]->persisted;
            lower_last(books, books->buses[i]);
        }
    }
    return r;
}

int persist_cursors(struct books *books, unsigned why)
{
    batch_reset(books->batch);
    for (size_t i = 0; i < books->bus_count; i++) {
        books->buses[i]->reached = start_of(books->buses[i]);
    }
    persist_settle_epochs(books, false);
    return flush(books, why);
}
