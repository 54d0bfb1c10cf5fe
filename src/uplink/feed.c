/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Queue and spool as one stream: see feed.h. The queue leads. Its holes are filled from the spool;
 * epochs that it does not have come from the spool alone. An item that was read ahead is held while
 * what belongs before it is given out.
 */
#include "uplink/feed.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "log/folder.h"
#include "log/scan.h"
#include "log/spool.h"
#include "log/spool_reader.h"

#define CARD_PATIENCE_NS (300 * NS_PER_S) /* then what it holds counts as damaged */

struct feed {
    char ram[FOLDER_PATH_MAX], bus_path[FOLDER_PATH_MAX], spool_path[FOLDER_PATH_MAX];
    char bus[WEIR_NAME_MAX + 1];
    struct reader *queue;
    struct disk *disk;
    struct spool_reader *spool; /* NULL: cannot be read */
    struct account *account;    /* NULL: none */
    struct stat account_stat;
    uint8_t boot_id[16];

    uint64_t order, epoch, expected; /* order 0: nowhere yet */
    bool from_oldest, ended;
    uint64_t fill_last;       /* numbers from `expected` to here come from the spool */
    enum why fill_why;        /* what the queue said of them */
    struct item held, filled; /* read ahead from the queue, from the spool */
    bool has_held, has_filled;
    int64_t away_since_ns, ask_again_ns; /* a card that does not answer; 0: it does */
};

int feed_create(const char *ram, const char *directory, const char *bus, struct feed **ret_feed)
{
    struct feed *f = calloc(1, sizeof *f);
    if (!f) {
        return -ENOMEM;
    }
    snprintf(f->ram, sizeof f->ram, "%s", ram);
    snprintf(f->spool_path, sizeof f->spool_path, "%s/spool", directory);
    memcpy(f->bus, bus, strnlen(bus, WEIR_NAME_MAX));
    f->from_oldest = true;
    int r = folder_bus(ram, bus, f->bus_path);
    if (r == 0) {
        r = boot_id(f->boot_id);
    }
    if (r == 0) {
        r = reader_create(ram, bus, &f->queue);
    }
    if (r < 0) {
        feed_destroy(f);
        return r;
    }
    *ret_feed = f;
    return 0;
}

void feed_destroy(struct feed *feed)
{
    if (feed) {
        reader_destroy(feed->queue);
        spool_reader_destroy(feed->spool);
        disk_destroy(feed->disk);
        account_destroy(feed->account);
        free(feed);
    }
}

/* ---- what store knows */

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec && a->st_size == b->st_size;
}

/* Reads the account again if it has changed. */
static void refresh(struct feed *f)
{
    char path[FOLDER_PATH_MAX + 16];
    struct stat st;
    struct account *account;
    snprintf(path, sizeof path, "%s/store/account", f->ram);
    if (stat(path, &st) != 0 || (f->account && same_file(&st, &f->account_stat)) ||
        account_load(f->ram, &account) < 0) {
        return;
    }
    account_destroy(f->account);
    f->account = account;
    f->account_stat = st;
}

const struct account_epoch *feed_epoch(struct feed *feed, uint64_t epoch)
{
    refresh(feed);
    return feed->account ? account_find(feed->account, feed->bus, epoch) : NULL;
}

/* The oldest epoch of the account above the present one and below `below` (0: any). */
static const struct account_epoch *next_epoch(struct feed *f, uint64_t below)
{
    refresh(f);
    for (size_t i = 0; f->account && i < f->account->epoch_count; i++) {
        const struct account_epoch *e = &f->account->epochs[i];
        if (!strcmp(e->bus, f->bus) && e->order > f->order && (!below || e->order < below)) {
            return e;
        }
    }
    return NULL;
}

static struct item end_of(const struct feed *f, const struct account_epoch *e)
{
    return (struct item){ .kind = ITEM_END,
                          .epoch = e->epoch,
                          .order = e->order,
                          .first = e->last,
                          .last = e->last,
                          .clean = e->flags & ACCOUNT_CLEAN,
                          .damage = e->flags & ACCOUNT_DAMAGE,
                          .time = e->until,
                          .clock = e->clock,
                          .this_boot = !memcmp(e->boot_id, f->boot_id, sizeof f->boot_id) };
}

static bool open_spool(struct feed *f)
{
    if (f->disk && f->spool) {
        return true;
    }
    if (!f->disk && disk_look(f->spool_path, &f->disk) < 0) {
        return false;
    }
    if (f->spool) {
        spool_reader_move(f->spool, f->disk);
        return true;
    }
    return spool_reader_create(f->disk, f->bus, SPOOL_SEGMENT_BYTES, &f->spool) == 0;
}

/* ---- places */

static void enter(struct feed *f, uint64_t order, uint64_t epoch, uint64_t expected)
{
    f->order = order;
    f->epoch = epoch;
    f->expected = expected;
    f->fill_last = 0;
    f->ended = f->has_filled = false;
}

int feed_seek(struct feed *feed, uint64_t order, uint64_t epoch, uint64_t after)
{
    enter(feed, order, epoch, after + 1);
    feed->has_held = feed->from_oldest = false;
    return reader_seek(feed->queue, order, epoch, after);
}

int feed_seek_start(struct feed *feed)
{
    enter(feed, 0, 0, 1);
    feed->has_held = false;
    feed->from_oldest = true;
    return reader_seek_start(feed->queue);
}

int feed_seek_end(struct feed *feed)
{
    int r = reader_seek_end(feed->queue);
    uint64_t order, epoch, seq;
    reader_position(feed->queue, &order, &epoch, &seq);
    enter(feed, order, epoch, seq + 1);
    feed->has_held = feed->from_oldest = false;
    return r;
}

void feed_position(const struct feed *feed, uint64_t *ret_order, uint64_t *ret_epoch,
                   uint64_t *ret_seq)
{
    *ret_order = feed->order;
    *ret_epoch = feed->epoch;
    *ret_seq = feed->expected - 1;
}

/* ---- items */

static int give_hole(struct feed *f, uint64_t last, enum why why, struct item *item)
{
    *item = (struct item){ .kind = ITEM_HOLE,
                           .epoch = f->epoch,
                           .order = f->order,
                           .first = f->expected,
                           .last = last,
                           .why = why };
    f->expected = last + 1;
    return 1;
}

/* Numbers from `expected` to `last` are nowhere: the first stretch of them that has one reason. */
static int explain(struct feed *f, uint64_t last, uint64_t spared, struct item *item)
{
    const struct account_epoch *e = feed_epoch(f, f->epoch);
    const struct range *known = e ? account_gone_find(e, f->expected) : NULL;
    if (known) {
        return give_hole(f, known->last < last ? known->last : last, known->why, item);
    }
    for (size_t i = 0; e && i < e->gone_count; i++) {
        if (e->gone[i].first > f->expected && e->gone[i].first <= last) {
            last = e->gone[i].first - 1;
        }
    }
    if (f->expected <= spared) {
        return give_hole(f, spared < last ? spared : last, WHY_EARLIER, item);
    }
    bool was_stored = e && f->expected <= e->last;
    enum why why = f->fill_why != WHY_UNKNOWN ? f->fill_why : was_stored ? WHY_DAMAGE : WHY_UNKNOWN;
    if (was_stored && last > e->last) {
        last = e->last;
    }
    return give_hole(f, last, why, item);
}

/* Numbers that store has written were not found. Bad spots of a card are damage; from a card that
 * is gone nothing can be concluded: it may be put back. The folder is opened anew then, as it may
 * be another one by now. */
static bool is_card_away(struct feed *f, int error, uint64_t errors_before)
{
    const struct account_epoch *e = feed_epoch(f, f->epoch);
    bool failed = !f->disk || error < 0 || f->disk->bad_blocks != errors_before;
    int64_t now_ns = boot_now().ns;
    if (!e || f->expected > e->last || account_gone_find(e, f->expected) || !failed ||
        disk_answers(f->spool_path) == 1) {
        f->away_since_ns = 0;
        return false;
    }
    if (f->spool) {
        spool_reader_move(f->spool, NULL);
    }
    disk_destroy(f->disk);
    f->disk = NULL;
    f->ask_again_ns = now_ns + NS_PER_S;
    f->away_since_ns = f->away_since_ns ? f->away_since_ns : now_ns;
    return now_ns - f->away_since_ns < CARD_PATIENCE_NS;
}

/* Looks for the next of them in the spool. 1: f->filled has it; 0: it is not there. */
static int look(struct feed *f, uint64_t *ret_spared)
{
    if (boot_now().ns < f->ask_again_ns) {
        return -EIO;
    }
    bool open = open_spool(f);
    uint64_t errors = f->disk ? f->disk->bad_blocks : 0;
    int r = open ? spool_reader_next(f->spool, f->order, f->epoch, f->expected, f->fill_last,
                                     &f->filled, ret_spared)
                 : 0;
    if (r < 0 && r != -EIO) {
        return r;
    }
    bool complete = r == 1 && f->filled.first == f->expected;
    if (!complete && is_card_away(f, r, errors)) {
        return -EIO;
    }
    f->ask_again_ns = 0;
    return r == 1;
}

/* The next item of the numbers that come from the spool. */
static int fill(struct feed *f, struct item *item)
{
    uint64_t spared = 0;
    if (!f->has_filled) {
        int r = look(f, &spared);
        if (r < 0) {
            return r;
        }
        f->has_filled = r == 1;
        if (r != 1) {
            if (f->from_oldest) {
                f->expected = f->fill_last + 1;
                f->from_oldest = !(f->has_held && f->held.order == f->order);
                return 0;
            }
            return explain(f, f->fill_last, spared, item);
        }
    }
    if (f->filled.first > f->expected && !f->from_oldest) {
        return explain(f, f->filled.first - 1, spared, item);
    }
    *item = f->filled;
    f->has_filled = f->from_oldest = false;
    f->expected = item->first + 1;
    return 1;
}

/* The queue has no more of this epoch; what it had may have gone to the spool before it was read.
 */
static int take_end(struct feed *f, struct item *item)
{
    const struct account_epoch *e = feed_epoch(f, f->epoch);
    if (e && f->expected <= e->last) {
        f->fill_last = e->last;
        f->fill_why = WHY_UNKNOWN;
        return 0;
    }
    *item = e && (e->flags & ACCOUNT_CLEAN) ? end_of(f, e) : f->held;
    item->first = item->last = f->expected - 1;
    f->has_held = false;
    f->ended = true;
    return 1;
}

/* An item of the queue that belongs to the present epoch. 0: it is held, something comes first. */
static int take(struct feed *f, struct item *item)
{
    struct item *held = &f->held;
    bool may_be_stored =
        held->kind == ITEM_HOLE && (held->why == WHY_UNKNOWN || held->why == WHY_DAMAGE);
    if (f->from_oldest && held->first > 1) {
        /* The spool may have older ones; without them this is where it all begins. */
        f->fill_last = held->first - 1;
        f->fill_why = WHY_EARLIER;
        f->expected = 1;
        return 0;
    }
    f->from_oldest = false;
    if (held->kind == ITEM_END) {
        return take_end(f, item);
    }
    f->has_held = false;
    if (held->last < f->expected) {
        return 0; /* the spool had it before the queue showed it */
    }
    held->first = held->first < f->expected ? f->expected : held->first;
    if (may_be_stored) {
        f->fill_last = held->last;
        f->fill_why = held->why;
        f->expected = held->first;
        return 0;
    }
    *item = *held;
    f->expected = held->last + 1;
    return 1;
}

/* The present epoch is not in the queue: what the spool has of it, then its end (if `over`). 0:
 * nothing now, or something is to be filled. */
static int from_spool(struct feed *f, bool over, struct item *item)
{
    const struct account_epoch *e = feed_epoch(f, f->epoch);
    if (e && f->expected <= e->last) {
        f->fill_last = e->last;
        f->fill_why = WHY_UNKNOWN;
        return 0;
    }
    if (!over) {
        return 0;
    }
    if (f->from_oldest) {
        f->ended = true; /* nothing of it is left: not where we begin */
        return 0;
    }
    if (e) {
        *item = end_of(f, e);
    } else {
        *item = (struct item){ .kind = ITEM_END, .epoch = f->epoch, .order = f->order };
    }
    item->first = item->last = f->expected - 1;
    f->ended = true;
    return 1;
}

/* Goes to the next epoch: of the account, or that of the held item. False: there is none. */
static bool go_on(struct feed *f)
{
    const struct account_epoch *e = next_epoch(f, f->has_held ? f->held.order : 0);
    if (e) {
        enter(f, e->order, e->epoch, 1);
        return true;
    }
    if (f->has_held && f->held.order > f->order) {
        enter(f, f->held.order, f->held.epoch, f->from_oldest ? f->held.first : 1);
        return true;
    }
    return false;
}

int feed_next(struct feed *feed, struct item *ret_item)
{
    struct feed *f = feed;
    for (;;) {
        if (f->fill_last && f->expected <= f->fill_last) {
            int r = fill(f, ret_item);
            if (r != 0) {
                return r;
            }
            continue;
        }
        f->fill_last = 0;
        if (!f->has_held) {
            int r = reader_next(f->queue, &f->held);
            if (r < 0) {
                return r;
            }
            f->has_held = r == 1;
        }
        if (f->has_held && f->held.order == f->order && !f->ended) {
            int r = take(f, ret_item);
            if (r == 1) {
                return 1;
            }
            continue;
        }
        if (f->order && !f->ended && !reader_within(f->queue, f->epoch)) {
            bool over = f->has_held || next_epoch(f, 0);
            int r = from_spool(f, over, ret_item);
            if (r == 1) {
                return 1;
            }
            if (f->fill_last) {
                continue;
            }
        }
        if ((f->order && !f->ended) || !go_on(f)) {
            return 0;
        }
    }
}

bool feed_oldest(struct feed *feed, uint64_t *ret_order, uint64_t *ret_epoch)
{
    struct epoch_name *names;
    size_t count;
    *ret_order = 0;
    refresh(feed);
    for (size_t i = 0; feed->account && i < feed->account->epoch_count && !*ret_order; i++) {
        const struct account_epoch *e = &feed->account->epochs[i];
        if (!strcmp(e->bus, feed->bus)) {
            *ret_order = e->order;
            *ret_epoch = e->epoch;
        }
    }
    if (folder_epochs(feed->bus_path, &names, &count) == 0) {
        if (count && (!*ret_order || names[0].order < *ret_order)) {
            *ret_order = names[0].order;
            *ret_epoch = names[0].epoch;
        }
        free(names);
    }
    return *ret_order != 0;
}

/* ---- epochs that have ended */

static bool end_in_queue(struct feed *f, struct epoch_name name, struct item *ret_end)
{
    char path[FOLDER_PATH_MAX];
    struct scan scan;
    if (folder_epoch(f->bus_path, name, path) < 0 || scan_newest(path, &scan) < 0) {
        return false;
    }
    *ret_end = (struct item){ .kind = ITEM_END,
                              .epoch = name.epoch,
                              .order = name.order,
                              .first = scan.last,
                              .last = scan.last,
                              .clean = scan.closed,
                              .time = scan.time,
                              .clock = scan.header.clock };
    return true;
}

int feed_epochs(struct feed *feed, uint64_t from, uint64_t to,
                void (*visit)(void *context, const struct item *end), void *context)
{
    struct epoch_name *names;
    size_t count, i = 0;
    int r = folder_epochs(feed->bus_path, &names, &count);
    if (r < 0) {
        return r;
    }
    refresh(feed);
    size_t known = feed->account ? feed->account->epoch_count : 0;
    for (size_t k = 0; k <= known; k++) {
        const struct account_epoch *e = k < known ? &feed->account->epochs[k] : NULL;
        struct item end;
        if (e && strcmp(e->bus, feed->bus) != 0) {
            continue;
        }
        for (; i < count && (!e || names[i].order <= e->order); i++) {
            bool wanted = names[i].order >= from && names[i].order < to;
            if (wanted && end_in_queue(feed, names[i], &end)) {
                visit(context, &end);
            }
        }
        bool in_queue = e && i > 0 && names[i - 1].epoch == e->epoch;
        if (e && !in_queue && e->order >= from && e->order < to) {
            end = end_of(feed, e);
            visit(context, &end);
        }
    }
    free(names);
    return 0;
}
