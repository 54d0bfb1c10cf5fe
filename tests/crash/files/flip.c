/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * `./dev crash flip`: every single bit of a segment turned over, one at a time, once while the
 * segment is the newest and once while others follow. After each flip the store recovers and an
 * uplink reads everything, as after a boot. flip_store.c makes the store and knows what is in it.
 *
 *   no wrong, doubled or displaced record
 *   whatever is missing lies in one group, and is told: in a hole, or above `last` of an unclean
 * end a flip where nothing stands changes nothing
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "campaign.h"
#include "content.h"
#include "flip.h"
#include "log/folder.h"
#include "sim.h"
#include "uplink/feed.h"

enum { BITS_AT_ONCE = 256 };

static struct flip_store stores[2]; /* the segment is the newest; it is in the middle */
static struct memdisk *state;       /* the one that feeds look at */
static char ram[64];
static uint64_t saved; /* hash of the account in tmpfs */
static int64_t only_step;

/* ---- the disk that the feed finds */

struct spool_reader;
int __real_spool_reader_create(struct disk *disk, const char *bus, uint32_t size,
                               struct spool_reader **ret_reader);
int __wrap_spool_reader_create(struct disk *disk, const char *bus, uint32_t size,
                               struct spool_reader **ret_reader);

int __wrap_spool_reader_create(struct disk *disk, const char *bus, uint32_t size,
                               struct spool_reader **ret_reader)
{
    return __real_spool_reader_create(disk, bus, FLIP_SEGMENT_BYTES, ret_reader);
}

int disk_look(const char *path, struct disk **ret_disk)
{
    *ret_disk = memdisk_disk(memdisk_cut(state, CUT_KEEP_ALL, 0));
    return 0;
}

int disk_folder(const char *path, struct disk **ret_disk)
{
    return disk_look(path, ret_disk);
}

/* ---- one flip */

struct trial {
    const struct flip_store *store;
    uint64_t bit;
    size_t group; /* that the bit stands in; SIZE_MAX: in none */
    unsigned bus;
    char finding[200];
    size_t missing_group; /* of the first number that is missing; SIZE_MAX: none is */
    const struct flip_epoch *epoch;
    uint64_t seq; /* the last number that was told of */
};

#define FOUND(trial, ...) (snprintf((trial)->finding, sizeof(trial)->finding, __VA_ARGS__), false)

static bool miss(struct trial *t, uint64_t seq)
{
    size_t group = flip_group_of(t->epoch, seq);
    if (group == SIZE_MAX) {
        return true; /* there never was a record */
    }
    if (t->missing_group != SIZE_MAX && t->missing_group != group) {
        return FOUND(t, "number %" PRIu64 " of group %zu is missing, and some of group %zu", seq,
                     group, t->missing_group);
    }
    t->missing_group = group;
    return group == t->group ||
           FOUND(t, "number %" PRIu64 " of group %zu is missing, the flip is elsewhere", seq,
                 group);
}

/* What all had confirmed is `earlier`, also if it was there; or damage, if it is the group that
 * says so that is lost. */
static bool is_spared(const struct trial *t, enum why why, uint64_t seq)
{
    uint64_t spared = t->epoch->spared;
    return seq <= spared &&
           (why == WHY_EARLIER ||
            (why == WHY_DAMAGE && flip_group_of(t->epoch, spared + 1) == t->group));
}

static bool take_hole(struct trial *t, const struct item *item)
{
    if (item->first != t->seq + 1 || item->last < item->first) {
        return FOUND(t, "hole %" PRIu64 "-%" PRIu64 " after %" PRIu64, item->first, item->last,
                     t->seq);
    }
    for (uint64_t seq = item->first; seq <= item->last; seq++) {
        enum why told = flip_why(t->epoch, seq);
        bool record = flip_group_of(t->epoch, seq) != SIZE_MAX;
        if (!miss(t, seq)) {
            return false;
        }
        if (item->why != (record ? WHY_DAMAGE : told) && !is_spared(t, item->why, seq)) {
            return FOUND(t, "number %" PRIu64 " is missing, and %s is told for %s", seq,
                         why_name(item->why), record ? "damage" : why_name(told));
        }
    }
    t->seq = item->last;
    return true;
}

static bool take_end(struct trial *t, const struct item *item)
{
    if (item->last != t->seq) {
        return FOUND(t, "an end at %" PRIu64 " after %" PRIu64, item->last, t->seq);
    }
    bool all = item->last == t->epoch->last;
    if (item->clean && (!t->epoch->clean || !all)) {
        return FOUND(t, "a clean end at %" PRIu64 " of %" PRIu64, item->last, t->epoch->last);
    }
    if (!all && !item->damage) {
        return FOUND(t, "an end at %" PRIu64 " of %" PRIu64 " without a word of damage", item->last,
                     t->epoch->last);
    }
    for (uint64_t seq = item->last + 1; seq <= t->epoch->last; seq++) {
        if (!miss(t, seq)) {
            return false;
        }
    }
    t->epoch = NULL;
    return true;
}

static bool take_item(struct trial *t, const struct item *item)
{
    if (!t->epoch || t->epoch->epoch != item->epoch) {
        const struct flip_epoch *next = flip_epoch(t->store, t->bus, item->epoch);
        if (t->epoch || !next) {
            return FOUND(t, "epoch %" PRIx64 " comes where it does not belong", item->epoch);
        }
        t->epoch = next;
        t->seq = 0;
    }
    if (item->kind == ITEM_HOLE) {
        return take_hole(t, item);
    }
    if (item->kind == ITEM_END) {
        return take_end(t, item);
    }
    if (item->first != t->seq + 1 || flip_group_of(t->epoch, item->first) == SIZE_MAX) {
        return FOUND(t, "record %" PRIu64 " after %" PRIu64, item->first, t->seq);
    }
    t->seq = item->first;
    return content_matches(item) || FOUND(t, "record %" PRIu64 " has another content", item->first);
}

static bool read_bus(struct trial *t)
{
    struct feed *feed;
    struct item item;
    size_t ends = 0;
    const struct flip_epoch *first = &t->store->epochs[t->bus][0];
    int r = feed_create(ram, "/nowhere", bus_names[t->bus], &feed);
    r = r < 0 ? r : feed_seek(feed, first->order, first->epoch, 0);
    bool good = r == 0 || FOUND(t, "no feed: %s", strerror(-r));
    t->epoch = NULL;
    while (good && (r = feed_next(feed, &item)) == 1) {
        ends += item.kind == ITEM_END;
        good = take_item(t, &item);
    }
    if (good && r < 0) {
        good = FOUND(t, "reading fails: %s", strerror(-r));
    }
    if (good && ends != t->store->epoch_count[t->bus]) {
        good = FOUND(t, "%zu epochs have ended of %zu", ends, t->store->epoch_count[t->bus]);
    }
    feed_destroy(feed);
    return good;
}

/* As the books do after a boot: what was open has ended, and new epochs begin. */
static bool settle(struct trial *t, struct account *account, bool damage)
{
    for (size_t i = 0; i < account->epoch_count; i++) {
        struct account_epoch *e = &account->epochs[i];
        if (e->flags & ACCOUNT_OPEN) {
            e->flags = damage ? ACCOUNT_DAMAGE : 0;
        }
    }
    for (unsigned b = 0; b < BUSES; b++) {
        uint64_t order = account->counter + 1 + b;
        struct account_epoch *e = account_epoch(account, bus_names[b], order, order << 32 | 5);
        e->flags = ACCOUNT_OPEN;
    }
    uint64_t hash = account_hash(account);
    if (hash != saved && account_save(ram, account) < 0) {
        return FOUND(t, "%s cannot be written", ram);
    }
    saved = hash;
    return true;
}

/* Did the flip hit generation or number of the group head of an older use, where the next group
 * would begin? It can make that head look like one of the newest group that was damaged, and nobody
 * can tell the two apart; damage that is not there may then be told, nothing else. */
static bool may_look_like_damage(const struct trial *t)
{
    uint64_t in_block = t->bit / 8 % SPOOL_BLOCK;
    return t->group == SIZE_MAX && in_block >= FRAME_HEAD_BYTES && in_block < FRAME_HEAD_BYTES + 16;
}

static bool recover(struct trial *t)
{
    const struct writer_options options = { memdisk_disk(state), "gw", FLIP_SEGMENT_BYTES,
                                            FLIP_BATCH_BYTES };
    struct writer *w;
    struct recovery found;
    int r = writer_open(&options, NULL, &w, &found);
    if (r < 0) {
        return FOUND(t, "recovery refuses: %s", strerror(-r));
    }
    uint64_t newest = t->store->group_count - 1;
    uint64_t group = found.account ? found.account->group - 1 : UINT64_MAX;
    bool good = true;
    if (found.set_aside || group > newest || group < newest - (t->group == newest)) {
        good = FOUND(t, "%zu set aside, group %" PRIu64 " of %" PRIu64 " counts", found.set_aside,
                     group, newest);
    } else if (found.damage && group == newest && !may_look_like_damage(t)) {
        good = FOUND(t, "damage is seen behind the newest group");
    } else {
        good = settle(t, found.account, found.damage);
    }
    account_destroy(found.account);
    writer_destroy(w);
    return good;
}

static void flip(uint64_t layout, uint64_t bit)
{
    struct trial t = { .store = &stores[layout],
                       .bit = bit,
                       .group = flip_group_at(&stores[layout], bit / 8),
                       .missing_group = SIZE_MAX };
    state = memdisk_cut(t.store->disk, CUT_KEEP_ALL, 0);
    memdisk_flip(state, t.store->segment, bit);
    campaign_state(memdisk_hash(state));
    bool good = recover(&t);
    for (t.bus = 0; t.bus < BUSES && good; t.bus++) {
        good = read_bus(&t);
    }
    if (!good) {
        uint64_t step = layout * FLIP_SEGMENT_BYTES * 8 + bit;
        campaign_violation("%s: %s; byte %" PRIu64 " bit %" PRIu64 " (--step %" PRIu64 ")",
                           layout ? "middle" : "newest", t.finding, bit / 8, bit % 8, step);
    }
    memdisk_destroy(state);
}

/* ---- all of them */

static void make_ram(void)
{
    static int made_by;
    if (made_by == getpid()) {
        return;
    }
    made_by = getpid();
    snprintf(ram, sizeof ram, "/dev/shm/weir-flip-%d", made_by);
    char path[FOLDER_PATH_MAX];
    snprintf(path, sizeof path, "%s/store", ram);
    if (folder_make(path) < 0) {
        perror(path);
        exit(2);
    }
}

/* Chunks in an order that a short run sees something of everything. */
static void one_round(uint64_t seed)
{
    const uint64_t bits = FLIP_SEGMENT_BYTES * 8, chunks = 2 * bits / BITS_AT_ONCE;
    make_ram();
    if (only_step >= 0) {
        flip((uint64_t)only_step / bits, (uint64_t)only_step % bits);
        return;
    }
    uint64_t chunk = seed * 2654435761U % chunks;
    for (uint64_t i = 0; i < BITS_AT_ONCE && !campaign_over(); i++) {
        uint64_t n = chunk * BITS_AT_ONCE + i;
        flip(n / bits, n % bits);
    }
}

static const char usage[] = "usage: flip [--seconds S] [--step K] [--jobs N] [--slice]\n"
                            "  --seconds  stop after so long; else when every bit had its turn\n"
                            "  --step     one flip alone, as a violation names it\n"
                            "  --slice    ten seconds\n"
                            "  --first    stop at the first violation\n";

int main(int argc, char **argv)
{
    struct campaign_options o = { .name = "flip",
                                  .rounds = 2ULL * FLIP_SEGMENT_BYTES * 8 / BITS_AT_ONCE };
    if (!campaign_parse(argc, argv, usage, &o)) {
        return 2;
    }
    only_step = o.step;
    content_init(true);
    sim_boot(1);
    flip_store_make(&stores[0], &stores[1]);
    sim_boot(2);
    return campaign_run(&o, one_round);
}
