/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Making the store for `./dev crash flip`: see flip.h.
 */
#include "flip.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "content.h"

struct maker {
    struct memdisk *disk;
    struct writer *writer;
    struct account *account;
    struct batch *batch;
    struct flip_store store;
};

static void must(const char *what, int r)
{
    if (r < 0) {
        fprintf(stderr, "flip: %s: %s\n", what, strerror(-r));
        exit(2);
    }
}

static struct flip_epoch *newest_epoch(struct maker *m, unsigned bus)
{
    return &m->store.epochs[bus][m->store.epoch_count[bus] - 1];
}

static void begin_epochs(struct maker *m)
{
    for (unsigned b = 0; b < BUSES; b++) {
        uint64_t order = ++m->account->counter;
        struct flip_epoch *e = &m->store.epochs[b][m->store.epoch_count[b]++];
        *e = (struct flip_epoch){ .order = order, .epoch = order << 32 | 1234567 };
        account_epoch(m->account, bus_names[b], order, e->epoch)->flags = ACCOUNT_OPEN;
    }
}

/* Records of one bus until the batch takes no more or there are `count`. */
static void add_records(struct maker *m, unsigned bus, size_t count)
{
    struct flip_epoch *e = newest_epoch(m, bus);
    struct account_epoch *a = account_find(m->account, bus_names[bus], e->epoch);
    must("section", batch_section(m->batch, bus_names[bus], e->epoch, e->spared));
    while (count > 0 && e->last + 1 < FLIP_NUMBERS_MAX) {
        struct weir_value values[CONTENT_POINTS];
        uint64_t seq = e->last + 1;
        if (content_is_hole(e->epoch, seq)) {
            account_gone(a, (struct range){ e->epoch, seq, seq, WHY_LIMIT });
            e->numbers[seq].why = WHY_LIMIT;
        } else {
            struct item item = content_item(e->order, e->epoch, seq, values);
            int r = batch_add(m->batch, &item);
            if (r == -ENOBUFS) {
                break;
            }
            must("record", r);
            e->numbers[seq].group = (uint16_t)(m->store.group_count + 1);
            count--;
        }
        a->last = e->last = seq;
    }
}

/* The next numbers were confirmed by all before they had to be copied. */
static void spare(struct maker *m, unsigned bus, size_t count)
{
    struct flip_epoch *e = newest_epoch(m, bus);
    for (size_t i = 0; i < count; i++) {
        e->numbers[++e->last].why = WHY_EARLIER;
    }
    e->spared = e->last;
}

static void commit(struct maker *m, unsigned why)
{
    must("commit", writer_commit(m->writer, m->batch, m->account, why));
    batch_reset(m->batch);
    m->store.group_count++;
}

static size_t segments(struct maker *m)
{
    const uint64_t *used;
    return writer_segments(m->writer, &used);
}

/* Full groups until the next segment has one. */
static void fill_segment(struct maker *m)
{
    for (size_t before = segments(m); segments(m) == before;) {
        add_records(m, 0, 12);
        add_records(m, 1, 1000);
        commit(m, GROUP_RECORDS);
    }
}

static void end_epochs(struct maker *m)
{
    for (unsigned b = 0; b < BUSES; b++) {
        struct flip_epoch *e = newest_epoch(m, b);
        e->clean = true;
        account_find(m->account, bus_names[b], e->epoch)->flags = ACCOUNT_CLEAN;
    }
}

/* Where the groups of the segment stand. */
static void find_groups(struct flip_store *store, uint64_t generation)
{
    struct segment segment;
    struct group group;
    uint64_t at = SPOOL_BLOCK, above = 0;
    bool skipped;
    spool_name(SPOOL_SEGMENT, generation, store->segment);
    must("segment",
         segment_open(memdisk_disk(store->disk), generation, FLIP_SEGMENT_BYTES, &segment));
    while (group_next(&segment, at, above, &group, &skipped) == 1) {
        if (store->groups_here == 0) {
            store->first_group = group.number - 1;
        }
        store->groups[store->groups_here].at = group.at;
        store->groups[store->groups_here++].length = group.length;
        at = group_end(&group);
        above = group.number;
        group_finish(&group);
    }
    segment_close(&segment);
}

static void snapshot(struct maker *m, uint64_t generation, struct flip_store *ret_store)
{
    *ret_store = m->store;
    ret_store->disk = memdisk_cut(m->disk, CUT_KEEP_ALL, 0);
    find_groups(ret_store, generation);
    printf("flip: %s has %zu groups of %zu, the last ends at %llu\n", ret_store->segment,
           ret_store->groups_here, (size_t)ret_store->group_count,
           (unsigned long long)(ret_store->groups[ret_store->groups_here - 1].at +
                                ret_store->groups[ret_store->groups_here - 1].length));
}

void flip_store_make(struct flip_store *newest, struct flip_store *middle)
{
    static struct maker m;
    struct recovery found;
    m.disk = memdisk_create(1);
    m.account = account_create();
    const struct writer_options options = { memdisk_disk(m.disk), "gw", FLIP_SEGMENT_BYTES,
                                            FLIP_BATCH_BYTES };
    must("open", writer_open(&options, NULL, &m.writer, &found));
    must("batch", batch_create(FLIP_BATCH_BYTES, &m.batch));
    begin_epochs(&m);
    commit(&m, GROUP_EPOCH);
    fill_segment(&m); /* the last one is the first full group of the second segment */
    add_records(&m, 0, 1000);
    commit(&m, GROUP_RECORDS);
    end_epochs(&m);
    commit(&m, GROUP_END);
    begin_epochs(&m);
    commit(&m, GROUP_EPOCH);
    for (size_t i = 1; i < 5; i++) {
        if (i == 3) {
            spare(&m, 1, 4);
        }
        add_records(&m, i % 2, i);
        commit(&m, GROUP_RECORDS);
    }
    const uint64_t *used;
    writer_segments(m.writer, &used);
    uint64_t generation = used[1];
    snapshot(&m, generation, newest);
    fill_segment(&m);
    add_records(&m, 1, 3);
    commit(&m, GROUP_RECORDS);
    snapshot(&m, generation, middle);
    writer_destroy(m.writer);
    account_destroy(m.account);
    batch_destroy(m.batch);
    memdisk_destroy(m.disk);
}

size_t flip_group_at(const struct flip_store *store, uint64_t at)
{
    for (size_t i = 0; i < store->groups_here; i++) {
        if (at >= store->groups[i].at && at < store->groups[i].at + store->groups[i].length) {
            return (size_t)store->first_group + i;
        }
    }
    return SIZE_MAX;
}

const struct flip_epoch *flip_epoch(const struct flip_store *store, unsigned bus, uint64_t epoch)
{
    for (size_t i = 0; i < store->epoch_count[bus]; i++) {
        if (store->epochs[bus][i].epoch == epoch) {
            return &store->epochs[bus][i];
        }
    }
    return NULL;
}

size_t flip_group_of(const struct flip_epoch *epoch, uint64_t seq)
{
    return seq < FLIP_NUMBERS_MAX && epoch->numbers[seq].group ? epoch->numbers[seq].group - 1U
                                                               : SIZE_MAX;
}

enum why flip_why(const struct flip_epoch *epoch, uint64_t seq)
{
    return seq < FLIP_NUMBERS_MAX ? (enum why)epoch->numbers[seq].why : WHY_UNKNOWN;
}
