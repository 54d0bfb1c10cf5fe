/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The books: buses, commits, epochs. See books.h.
 */
#include "store/books.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/step.h"

#include "base/say.h"
#include "log/queue.h"
#include "log/scan.h"
#include "store/books_private.h"

#define RETRY_MAX_NS (30 * NS_PER_S)
enum { EPOCHS_KEPT = 64 };

/* ---- buses */

struct books_bus *books_bus(struct books *books, const char *name)
{
    for (size_t i = 0; i < books->bus_count; i++) {
        if (!strcmp(books->buses[i]->name, name)) {
            return books->buses[i];
        }
    }
    struct books_bus **more =
        realloc(books->buses, (books->bus_count + 1) * sizeof(struct books_bus *));
    struct books_bus *bus = calloc(1, sizeof *bus);
    if (more) {
        books->buses = more;
    }
    if (!more || !bus || reader_create(books->options.ram, name, &bus->reader) < 0) {
        free(bus);
        return NULL;
    }
    snprintf(bus->name, sizeof bus->name, "%s", name);
    for (size_t i = 0; i < books->account->epoch_count; i++) {
        const struct account_epoch *e = &books->account->epochs[i];
        if (!strcmp(e->bus, name) && (e->last || !(e->flags & ACCOUNT_OPEN))) {
            bus->persisted = (struct place){ e->order, e->epoch, e->last };
        }
    }
    books->buses[books->bus_count++] = bus;
    return bus;
}

/* Every bus that has a queue, also one that has left the configuration. */
void books_add_folder_buses(struct books *books)
{
    char path[FOLDER_PATH_MAX];
    snprintf(path, sizeof path, "%s/queue", books->options.ram);
    DIR *dir = opendir(path);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        if (entry->d_name[0] != '.' && strlen(entry->d_name) <= WEIR_NAME_MAX) {
            books_bus(books, entry->d_name);
        }
    }
    if (dir) {
        closedir(dir);
    }
}

void books_destroy(struct books *books)
{
    if (!books) {
        return;
    }
    for (size_t i = 0; i < books->bus_count; i++) {
        reader_destroy(books->buses[i]->reader);
        free(books->buses[i]);
    }
    free(books->buses);
    writer_destroy(books->writer);
    batch_destroy(books->batch);
    batch_destroy(books->empty);
    account_destroy(books->account);
    resume_free(&books->resume);
    free(books);
}

/* ---- commits */

void books_trouble(struct books *books, int error, const char *what)
{
    if (books->state == BOOKS_GOOD) {
        say(SAY_ERROR, "%s: %s; records stay in RAM", what, strerror(-error));
    } else if (books->retry_delay_ns < RETRY_MAX_NS) {
        books->retry_delay_ns *= 2;
    }
    books->state = BOOKS_DEGRADED;
    books->retry_at_ns = boot_now().ns + books->retry_delay_ns;
    snprintf(books->why, sizeof books->why, "%s: %s", what, strerror(-error));
}

static void recovered(struct books *books)
{
    if (books->state == BOOKS_DEGRADED) {
        say(SAY_NOTICE, "the spool is written again");
    }
    books->state = BOOKS_GOOD;
    books->why[0] = 0;
    books->retry_delay_ns = RETRY_FIRST_NS;
}

/* Epochs that all have passed need not be told any more. */
static void drop_passed(struct books *books)
{
    struct account *a = books->account;
    for (size_t i = a->epoch_count; i-- > 0;) {
        struct account_epoch *e = &a->epochs[i];
        size_t newer = 0;
        for (size_t k = i + 1; k < a->epoch_count && !strcmp(a->epochs[k].bus, e->bus); k++) {
            newer++;
        }
        bool over = newer && !(e->flags & ACCOUNT_OPEN);
        if (over && (newer > EPOCHS_KEPT || cursors_passed(books, e))) {
            account_remove(a, e);
        }
    }
}

int books_commit(struct books *books, struct batch *batch, unsigned why)
{
    struct account *a = books->account;
    if (!books->writer) {
        return -ENODEV;
    }
    drop_passed(books);
    memcpy(a->boot_id, books->boot_id, sizeof a->boot_id);
    a->made = boot_now();
    a->clock = books->clock;
    a->newest_synced_ns = books->clock.state == CLOCK_SYNCED
                              ? wall_from_boot(a->made, books->clock).ns
                              : later(a->newest_synced_ns, books->floor_ns + a->made.ns);
    int r = writer_commit(books->writer, batch, a, why);
    if (r < 0) {
        books_trouble(books, r, "the spool cannot be written");
        return r;
    }
    recovered(books);
    books->group_at_ns = a->made.ns;
    books->last_why = why;
    for (size_t i = 0; i < books->bus_count; i++) {
        books->buses[i]->durable = books->buses[i]->confirmed;
    }
    STEP("persisted-before");
    r = account_save(books->options.ram, a);
    STEP("persisted-after");
    if (r < 0) {
        say(SAY_ERROR, "cannot note what is persisted in %s: %s", books->options.ram, strerror(-r));
    }
    return 0;
}

/* ---- epochs */

uint64_t books_epoch(struct books *books, const char *bus)
{
    uint32_t random = 0;
    while (getrandom(&random, sizeof random, 0) != sizeof random || random == 0) {
    }
    uint64_t order = ++books->account->counter;
    uint64_t epoch = (order << EPOCH_RANDOM) | random;
    struct account_epoch *e = account_epoch(books->account, bus, order, epoch);
    if (e) {
        e->flags = ACCOUNT_OPEN;
        e->until = boot_now();
        e->clock = books->clock;
        e->floor_ns = books->floor_ns;
        memcpy(e->boot_id, books->boot_id, sizeof e->boot_id);
    }
    books_bus(books, bus);
    books->counter.value = order;
    counter_add(&books->counter, bus, epoch);
    return epoch;
}

bool books_commit_epochs(struct books *books)
{
    int r = books->writer ? counter_save(books->options.disk, &books->counter) : -ENODEV;
    if (r < 0 && books->writer) {
        books_trouble(books, r, "the epoch counter cannot be written");
    }
    cursors_refresh(books);
    return r == 0 && persist_cursors(books, GROUP_EPOCH) == 0;
}
