/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Holds one crash state against the truth: see truth.h. What it asks for, in this order:
 *
 *   recovery does not refuse and sets nothing aside
 *   the account is that of the newest acknowledged group, or of a whole one that was tried since
 *   an epoch that was used is in the counter; none is given out twice
 *   every number up to `last` of every epoch is there once, in order, with its own content, or in
 *   the ranges, or confirmed by all; nothing is there that was not made
 *   an epoch is clean only if it was closed and is complete
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "content.h"
#include "log/spool_reader.h"
#include "store/counter.h"
#include "truth.h"

struct trial {
    struct memdisk *state;
    struct disk *disk;
    const struct truth *truth;
    const struct judge_options *options;
    struct random random;
    struct account *account;
    struct counter counter;
    char *finding;
};

#define FOUND(trial, ...) (snprintf((trial)->finding, FINDING_BYTES, __VA_ARGS__), false)

/* ---- records */

static bool confirmed_by_all(const struct account_epoch *e, struct place lowest, uint64_t seq)
{
    return lowest.order > e->order || (lowest.order == e->order && lowest.seq >= seq);
}

/* From `seq` on, in rising order. */
static bool check_numbers(struct trial *t, struct spool_reader *reader,
                          const struct account_epoch *e, uint64_t seq, uint64_t last)
{
    struct place lowest = account_lowest(t->account, e->bus);
    while (seq <= last) {
        struct item item;
        uint64_t spared, next = last + 1;
        int r = spool_reader_next(reader, e->order, e->epoch, seq, last, &item, &spared);
        if (r < 0) {
            return FOUND(t, "reading %s fails: %s", e->bus, strerror(-r));
        }
        if (r == 1) {
            if (item.first < seq || item.first > last || item.epoch != e->epoch) {
                return FOUND(t, "%s %" PRIx64 ": asked for %" PRIu64 " got %" PRIu64, e->bus,
                             e->epoch, seq, item.first);
            }
            if (!content_matches(&item)) {
                return FOUND(t, "%s %" PRIx64 ": number %" PRIu64 " has another content", e->bus,
                             e->epoch, item.first);
            }
            next = item.first;
        }
        for (; seq < next; seq++) {
            if (!account_gone_find(e, seq) && !confirmed_by_all(e, lowest, seq)) {
                return FOUND(t, "%s %" PRIx64 ": number %" PRIu64 " of %" PRIu64 " is missing",
                             e->bus, e->epoch, seq, e->last);
            }
        }
        seq = next + 1;
    }
    return true;
}

static bool check_epoch(struct trial *t, struct spool_reader *reader, const struct account_epoch *e)
{
    const struct truth_epoch *known = truth_epoch((struct truth *)t->truth, e->epoch);
    if (!known || strcmp(bus_names[known->bus], e->bus) != 0 || known->order != e->order) {
        return FOUND(t, "%s: epoch %" PRIx64 " was never made", e->bus, e->epoch);
    }
    if (e->last < known->acked || e->last > known->made) {
        return FOUND(t,
                     "%s %" PRIx64 ": last is %" PRIu64 ", acknowledged %" PRIu64 ", made %" PRIu64,
                     e->bus, e->epoch, e->last, known->acked, known->made);
    }
    if ((e->flags & ACCOUNT_CLEAN) && !(known->closed && e->last == known->made)) {
        return FOUND(t, "%s %" PRIx64 ": clean, but it has %" PRIu64 " of %" PRIu64, e->bus,
                     e->epoch, e->last, known->made);
    }
    if (!check_numbers(t, reader, e, 1, e->last)) {
        return false;
    }
    /* The same from anywhere: a reader that begins there searches. */
    uint64_t from = 1 + random_below(&t->random, e->last + 1);
    return !random_one_in(&t->random, 4) || check_numbers(t, reader, e, from, e->last);
}

static bool check_records(struct trial *t)
{
    for (unsigned bus = 0; bus < BUSES; bus++) {
        struct spool_reader *reader;
        if (spool_reader_create(t->disk, bus_names[bus], t->options->segment_bytes, &reader) < 0) {
            return FOUND(t, "no reader");
        }
        bool good = true;
        for (size_t i = 0; t->account && i < t->account->epoch_count && good; i++) {
            if (!strcmp(t->account->epochs[i].bus, bus_names[bus])) {
                good = check_epoch(t, reader, &t->account->epochs[i]);
            }
        }
        spool_reader_destroy(reader);
        if (!good) {
            return false;
        }
    }
    return true;
}

/* ---- epochs */

/* An epoch of which records were acknowledged is there, unless all had passed it. */
static bool check_kept(struct trial *t)
{
    const struct truth *truth = t->truth;
    for (size_t i = 0; i < truth->epoch_count; i++) {
        const struct truth_epoch *e = &truth->epochs[i];
        if (!e->used || e->lost ||
            (t->account && account_find(t->account, bus_names[e->bus], e->epoch))) {
            continue;
        }
        struct place lowest =
            t->account ? account_lowest(t->account, bus_names[e->bus]) : (struct place){ 0 };
        if (lowest.order <= e->order) {
            return FOUND(t, "%s: nothing is known of epoch %" PRIx64, bus_names[e->bus], e->epoch);
        }
    }
    return true;
}

static bool check_counter(struct trial *t)
{
    const struct truth *truth = t->truth;
    int r = counter_load(t->disk, &t->counter);
    if (r < 0) {
        return FOUND(t, "the counter cannot be read: %s", strerror(-r));
    }
    if (t->counter.value < truth->used_order) {
        return FOUND(t, "the counter is %" PRIu64 ", but epoch %" PRIu64 " was used",
                     t->counter.value, truth->used_order);
    }
    return true;
}

/* ---- going on */

static bool commit_more(struct trial *t, struct writer *w)
{
    struct batch *batch;
    uint64_t order = t->counter.value + 1, epoch = order << 32 | 0x77;
    if (!t->account) {
        t->account = account_create();
    }
    counter_add(&t->counter, bus_names[0], epoch);
    t->counter.value = t->account->counter = order;
    account_epoch(t->account, bus_names[0], order, epoch)->last = 3;
    if (batch_create(t->options->batch_bytes, &batch) < 0 ||
        batch_section(batch, bus_names[0], epoch, 0) < 0) {
        return FOUND(t, "no batch");
    }
    for (uint64_t seq = 1; seq <= 3; seq++) {
        struct weir_value values[CONTENT_POINTS];
        struct item item = content_item(order, epoch, seq, values);
        if (content_is_hole(epoch, seq)) {
            account_gone(account_find(t->account, bus_names[0], epoch),
                         (struct range){ epoch, seq, seq, WHY_LIMIT });
        } else if (batch_add(batch, &item) < 0) {
            return FOUND(t, "the batch takes no record");
        }
    }
    int r = counter_save(t->disk, &t->counter);
    r = r < 0 ? r : writer_commit(w, batch, t->account, GROUP_RECORDS);
    batch_destroy(batch);
    return r == 0 || FOUND(t, "after recovery nothing can be written: %s", strerror(-r));
}

/* Records of one new epoch on top, all acknowledged; what was there must still be there. */
static bool go_on(struct trial *t, struct writer *w)
{
    struct truth *after = malloc(sizeof *after);
    if (!after || !commit_more(t, w)) {
        free(after);
        return false;
    }
    *after = *t->truth;
    if (after->epoch_count < EPOCHS_MAX) {
        after->epochs[after->epoch_count++] =
            (struct truth_epoch){ .order = t->counter.value,
                                  .epoch = t->counter.value << 32 | 0x77,
                                  .used = true,
                                  .made = 3,
                                  .acked = 3 };
    }
    truth_acked(after, t->account);
    after->used_order = t->counter.value;
    struct judge_options options = *t->options;
    options.deep = false;
    struct memdisk *cut = memdisk_cut(t->state, CUT_DROP_ALL, random_next(&t->random));
    bool good = judge(cut, after, &options, random_next(&t->random), t->finding);
    if (!good) {
        size_t len = strlen(t->finding);
        snprintf(t->finding + len, FINDING_BYTES - len, " (after going on)");
    }
    memdisk_destroy(cut);
    free(after);
    return good;
}

bool judge(struct memdisk *state, const struct truth *truth, const struct judge_options *options,
           uint64_t seed, char finding[FINDING_BYTES])
{
    struct trial t = { .state = state,
                       .disk = memdisk_disk(state),
                       .truth = truth,
                       .options = options,
                       .random = { seed },
                       .finding = finding };
    const struct writer_options writer_options = { t.disk, "gw", options->segment_bytes,
                                                   options->batch_bytes };
    struct writer *w;
    struct recovery found;
    int r = writer_open(&writer_options, NULL, &w, &found);
    if (r < 0) {
        return FOUND(&t, "recovery refuses: %s", strerror(-r));
    }
    t.account = found.account;
    bool good = true;
    if (!truth_allows(truth, found.account)) {
        good = FOUND(&t, "group %" PRIu64 " is found, which is not the newest that counts",
                     found.account ? found.account->group : 0);
    } else if (found.set_aside && !truth->trouble) {
        good = FOUND(&t, "%zu segments are set aside", found.set_aside);
    }
    good = good && check_counter(&t) && check_kept(&t) && check_records(&t) &&
           (!options->deep || go_on(&t, w));
    account_destroy(t.account);
    writer_destroy(w);
    return good;
}
