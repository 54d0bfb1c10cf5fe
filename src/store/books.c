/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The books: opening, epochs, commits, the tick. See books.h.
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

#define TICK_MIN_NS    (20 * NS_PER_MS)
#define TICK_MAX_NS    (250 * NS_PER_MS)
#define RETRY_FIRST_NS NS_PER_S
#define RETRY_MAX_NS   (30 * NS_PER_S)
#define CURSORS_NS     (30 * NS_PER_S)
#define EPOCH_RANDOM   32
enum { MARKS = 16, EPOCHS_KEPT = 64 };

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

/* ---- opening */

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

static bool is_ours(const struct books *books, const uint8_t boot_id[16])
{
    return !memcmp(boot_id, books->boot_id, sizeof books->boot_id);
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
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
        room_tend(b, boot_now().ns);
    }
    *ret_books = b;
    return 0;
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

/* ---- the tick */

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
    return books_persist(books, GROUP_END | GROUP_CURSORS);
}
