/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Opening the books: what flash and tmpfs tell, what of it counts, and which epochs have ended. See
 * books.h.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/say.h"
#include "base/step.h"
#include "log/queue.h"
#include "log/scan.h"
#include "store/books_private.h"

/* Which buses run in an epoch that was made while flash could not be read, and now it can? */
static void find_overtaken(struct books *books)
{
    for (size_t i = 0; i < books->bus_count; i++) {
        struct books_bus *bus = books->buses[i];
        char bus_path[FOLDER_PATH_MAX];
        struct epoch_name *names;
        size_t count;
        if (folder_bus(books->options.ram, bus->name, bus_path) == 0 &&
            folder_epochs(bus_path, &names, &count) == 0) {
            bus->overtaken = count && names[count - 1].order <= books->account->counter &&
                             !account_find(books->account, bus->name, names[count - 1].epoch);
            free(names);
        }
    }
}

/* Epochs that were made without store have counters too. */
static void pass_folder_orders(struct books *books)
{
    for (size_t i = 0; i < books->bus_count; i++) {
        char bus_path[FOLDER_PATH_MAX];
        struct epoch_name *names;
        size_t count;
        if (folder_bus(books->options.ram, books->buses[i]->name, bus_path) == 0 &&
            folder_epochs(bus_path, &names, &count) == 0) {
            uint64_t order = count ? names[count - 1].order : 0;
            books->account->counter =
                order > books->account->counter ? order : books->account->counter;
            free(names);
        }
    }
}

static bool has_queue(const struct books *books, const struct account_epoch *e)
{
    char bus_path[FOLDER_PATH_MAX], path[FOLDER_PATH_MAX];
    uint64_t *numbers;
    size_t count = 0;
    if (folder_bus(books->options.ram, e->bus, bus_path) == 0 &&
        folder_epoch(bus_path, (struct epoch_name){ e->order, e->epoch }, path) == 0 &&
        folder_segments(path, &numbers, &count) == 0) {
        free(numbers);
    }
    return count > 0;
}

/* Epochs that the counter knows and the account does not: whatever opened them cannot be read, or
 * tmpfs was full when they were opened. */
static void add_forgotten(struct books *books)
{
    for (size_t i = 0; i < books->counter.count; i++) {
        const struct counter_epoch *c = &books->counter.epochs[i];
        uint64_t order = c->epoch >> EPOCH_RANDOM;
        if (order <= books->account->counter || account_find(books->account, c->bus, c->epoch)) {
            continue;
        }
        struct account_epoch *e = account_epoch(books->account, c->bus, order, c->epoch);
        if (e) {
            e->flags = ACCOUNT_OPEN;
        }
        if (e && books->known) {
            memcpy(e->boot_id, books->boot_id, sizeof e->boot_id);
            e->until = boot_now();
            e->clock = books->clock;
        }
    }
}

/* After a boot: what was open has ended, with what is known of it. */
static void end_old_epochs(struct books *books, bool damage)
{
    bool lost_account = books->counter.value > books->account->counter;
    for (size_t i = 0; i < books->account->epoch_count; i++) {
        struct account_epoch *e = &books->account->epochs[i];
        if ((e->flags & ACCOUNT_OPEN) && !has_queue(books, e)) {
            bool forgotten = e->order > books->account->counter;
            e->flags = damage || lost_account || forgotten ? ACCOUNT_DAMAGE : 0;
        }
    }
}

/* Time goes on from boot to boot, whatever the clock says: a boot begins after the earlier ones,
 * and those lasted as long as they did. */
static void find_floor(struct books *books)
{
    const struct account *a = books->account;
    /* It is later now than the floor says, so it was that much later when the boot began. */
    books->floor_ns = clock_floor().ns - boot_now().ns;
    if (!is_ours(books, a->boot_id)) {
        books->floor_ns = later(books->floor_ns, a->newest_synced_ns);
    }
    for (size_t i = 0; i < a->epoch_count; i++) {
        const struct account_epoch *e = &a->epochs[i];
        bool synced = e->clock.state == CLOCK_SYNCED;
        if (!is_ours(books, e->boot_id) && (synced || e->floor_ns)) {
            int64_t ended_ns = e->until.ns + (synced ? e->clock.ns : e->floor_ns);
            books->floor_ns = later(books->floor_ns, ended_ns);
        }
    }
    for (size_t i = 0; i < a->epoch_count; i++) {
        if (is_ours(books, a->epochs[i].boot_id) && a->epochs[i].floor_ns) {
            books->floor_ns = a->epochs[i].floor_ns; /* as it was when this boot was young */
        }
    }
}

static int open_writer(struct books *books, const struct account *known)
{
    const struct books_options *o = &books->options;
    const struct writer_options options = { o->disk, o->gateway, o->segment_bytes, o->batch_bytes };
    struct recovery recovery = { 0 };
    int r = counter_load(o->disk, &books->counter);
    if (r == 0) {
        r = writer_open(&options, known, &books->writer, &recovery);
    }
    if (r < 0 || known) {
        account_destroy(recovery.account);
        if (r == 0) {
            add_forgotten(books);
        }
        return r;
    }
    if (recovery.account) {
        account_destroy(books->account);
        books->account = recovery.account;
    }
    books->set_aside = recovery.set_aside;
    add_forgotten(books);
    end_old_epochs(books, recovery.damage);
    return 0;
}

int books_open(const struct books_options *options, struct clock_offset clock,
               struct books **ret_books)
{
    struct books *b = calloc(1, sizeof *b);
    if (!b) {
        return -ENOMEM;
    }
    b->options = *options;
    b->clock = clock;
    b->retry_delay_ns = RETRY_FIRST_NS;
    int r = boot_id(b->boot_id);
    r = r < 0 ? r : batch_create(options->batch_bytes, &b->batch);
    r = r < 0 ? r : batch_create(SPOOL_BLOCK, &b->empty);
    b->known = r == 0 && account_load(options->ram, &b->account) == 0;
    if (r == 0 && !b->known && !(b->account = account_create())) {
        r = -ENOMEM;
    }
    if (r < 0) {
        books_destroy(b);
        return r;
    }
    r = options->disk         ? open_writer(b, b->known ? b->account : NULL)
        : options->disk_error ? options->disk_error
                              : -ENODEV;
    if (r < 0) {
        books_trouble(b, r, "the spool cannot be opened");
    }
    find_floor(b);
    steps_load(b);
    if (b->counter.value > b->account->counter) {
        b->account->counter = b->counter.value;
    }
    for (size_t i = 0; i < b->account->epoch_count; i++) {
        books_bus(b, b->account->epochs[i].bus);
    }
    books_add_folder_buses(b);
    if (b->writer && !b->known) {
        find_overtaken(b);
    }
    pass_folder_orders(b);
    bool made = cursors_restore(b);
    STEP("restored");
    cursors_refresh(b);
    b->group_at_ns = boot_now().ns;
    if (b->writer) {
        /* A new uplink sends nothing before a group has its cursor. */
        if (made) {
            persist_cursors(b, GROUP_CURSORS);
        }
        account_save(options->ram, b->account);
        resuming_start(b);
        room_tend(b, boot_now().ns);
    }
    *ret_books = b;
    return 0;
}
