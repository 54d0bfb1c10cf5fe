/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * What a store does with its writer, as short as it can be and still keep the rules: see drive.h.
 * The books of src/store do the same with real queues; books_round.c drives those.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "content.h"
#include "drive.h"
#include "store/private.h"

enum { SPARE = 1 };

static bool place_before(struct place a, struct place b)
{
    return a.order < b.order || (a.order == b.order && a.seq < b.seq);
}

struct account *account_copy(const struct account *account)
{
    static uint8_t bytes[GROUP_HEAD_MAX];
    struct account *copy = NULL;
    struct put out = put_init(bytes, sizeof bytes);
    account_put(&out, account);
    struct get in = get_init(bytes, put_len(&out));
    if (account_get(&in, &copy) < 0) {
        fputs("an account cannot be copied\n", stderr);
        exit(2);
    }
    return copy;
}

static void replace(struct account **account, struct account *by)
{
    account_destroy(*account);
    *account = by;
}

/* ---- opening */

/* What the account says is what there is. */
static void settle(struct drive *d)
{
    struct truth *t = &d->truth;
    truth_acked(t, d->account->group ? d->account : NULL);
    for (size_t i = 0; i < t->epoch_count; i++) {
        struct truth_epoch *e = &t->epochs[i];
        const struct account_epoch *a = account_find(d->account, bus_names[e->bus], e->epoch);
        e->lost |= !a;
        e->made = e->acked = a ? a->last : 0;
        e->used = !e->lost;
        e->closed = a && (a->flags & ACCOUNT_CLEAN);
    }
    for (size_t i = 0; i < d->account->epoch_count; i++) {
        d->account->epochs[i].flags &= (uint8_t)~ACCOUNT_OPEN;
    }
    for (unsigned u = 0; u < UPLINKS; u++) {
        for (unsigned b = 0; b < BUSES; b++) {
            d->cursors[u][b] = account_confirmed(d->account, uplink_names[u], bus_names[b]);
        }
    }
    for (unsigned b = 0; b < BUSES; b++) {
        d->buses[b].epoch = EPOCHS_MAX;
    }
    d->begun = d->ending = false;
}

/* How far each bus is, as the account has it. */
static void place_buses(struct drive *d)
{
    for (unsigned b = 0; b < BUSES; b++) {
        struct place *p = &d->buses[b].persisted;
        *p = (struct place){ 0 };
        for (size_t i = 0; i < d->account->epoch_count; i++) {
            const struct account_epoch *e = &d->account->epochs[i];
            if (!strcmp(e->bus, bus_names[b])) {
                *p = (struct place){ e->order, e->epoch, e->last };
            }
        }
    }
}

/* Epochs that the counter knows and the account does not. */
static void add_forgotten(struct drive *d)
{
    for (size_t i = 0; i < d->counter.count; i++) {
        const struct counter_epoch *c = &d->counter.epochs[i];
        uint64_t order = c->epoch >> 32;
        if (order > d->account->counter && truth_epoch(&d->truth, c->epoch)) {
            account_epoch(d->account, c->bus, order, c->epoch)->flags = ACCOUNT_OPEN;
        }
    }
}

int drive_open(struct drive *d)
{
    const struct writer_options options = { memdisk_disk(d->disk), "gw", d->judge.segment_bytes,
                                            d->judge.batch_bytes };
    struct recovery found;
    int r = counter_load(options.disk, &d->counter);
    if (r == 0) {
        r = writer_open(&options, d->known, &d->writer, &found);
    }
    if (r < 0) {
        return r;
    }
    if (d->known) {
        replace(&d->account, account_copy(d->known));
        add_forgotten(d);
    } else {
        if (!truth_allows(&d->truth, found.account)) {
            drive_violation(d, "recovery finds a group that is not the newest that counts");
        }
        replace(&d->account, found.account ? found.account : account_create());
        settle(d);
        d->known = account_copy(d->account);
    }
    if (d->counter.value > d->account->counter) {
        d->account->counter = d->counter.value;
    }
    place_buses(d);
    return 0;
}

void drive_close(struct drive *d)
{
    writer_destroy(d->writer);
    d->writer = NULL;
}

/* ---- commits */

static void put_cursors(struct drive *d)
{
    for (unsigned u = 0; u < UPLINKS; u++) {
        struct account_uplink *to = account_uplink(d->account, uplink_names[u]);
        account_uplink_clear(to);
        for (unsigned b = 0; b < BUSES; b++) {
            struct cursor_entry entry = { .confirmed = d->cursors[u][b], .version = 1 };
            entry.base = entry.started = entry.confirmed;
            snprintf(entry.bus, sizeof entry.bus, "%s", bus_names[b]);
            if (entry.confirmed.epoch) {
                account_uplink_add(to, &entry);
            }
        }
    }
}

static void drop_passed(struct drive *d)
{
    struct account *a = d->account;
    for (size_t i = a->epoch_count; i-- > 0;) {
        struct account_epoch *e = &a->epochs[i];
        bool newer = i + 1 < a->epoch_count && !strcmp(a->epochs[i + 1].bus, e->bus);
        if (newer && !(e->flags & ACCOUNT_OPEN) && account_lowest(a, e->bus).order > e->order) {
            account_remove(a, e);
        }
    }
}

static void raise_last(struct drive *d)
{
    for (unsigned b = 0; b < BUSES; b++) {
        struct place p = d->buses[b].reached;
        struct account_epoch *e = account_find(d->account, bus_names[b], p.epoch);
        const struct truth_epoch *t = truth_epoch(&d->truth, p.epoch);
        if (e && p.seq > e->last) {
            e->last = p.seq;
        }
        if (e && t && t->closed && e->last == t->made && t->boot == d->boot) {
            e->flags = ACCOUNT_CLEAN;
        }
    }
}

/* The account is in tmpfs: others may rely on it. */
static void acknowledge(struct drive *d)
{
    truth_acked(&d->truth, d->account);
    for (size_t i = 0; i < d->truth.epoch_count; i++) {
        struct truth_epoch *e = &d->truth.epochs[i];
        const struct account_epoch *a = account_find(d->account, bus_names[e->bus], e->epoch);
        e->acked = a ? a->last : e->acked;
        e->lost |= e->used && !a;
    }
}

static int commit(struct drive *d, struct batch *batch, unsigned why)
{
    replace(&d->before, account_copy(d->account));
    put_cursors(d);
    raise_last(d);
    drop_passed(d);
    d->account->made = boot_now();
    d->account->group = d->writer->group + 1; /* as the writer will have it */
    truth_attempt(&d->truth, d->account);
    int r = writer_commit(d->writer, batch, d->account, why);
    if (r < 0) {
        replace(&d->account, account_copy(d->before));
        return r;
    }
    for (unsigned b = 0; b < BUSES; b++) {
        struct drive_bus *bus = &d->buses[b];
        if (place_before(bus->persisted, bus->reached)) {
            bus->persisted = bus->reached;
        }
    }
    if (!d->with_faults || !random_one_in(&d->random, 6)) { /* else tmpfs is full */
        replace(&d->known, account_copy(d->account));
        acknowledge(d);
    }
    return 0;
}

/* ---- records */

static struct place confirmed_of(const struct drive *d, unsigned b)
{
    struct place confirmed = d->cursors[0][b];
    for (unsigned u = 1; u < UPLINKS; u++) {
        if (place_before(d->cursors[u][b], confirmed)) {
            confirmed = d->cursors[u][b];
        }
    }
    return confirmed;
}

static struct place start_of(const struct drive *d, unsigned b)
{
    struct place confirmed = confirmed_of(d, b), persisted = d->buses[b].persisted;
    return place_before(persisted, confirmed) ? confirmed : persisted;
}

static int flush(struct drive *d, unsigned why)
{
    int r = commit(d, d->batch, why | (batch_records(d->batch) ? GROUP_RECORDS : 0));
    batch_reset(d->batch);
    return r == 0 && writer_free_count(d->writer) == 0 ? drive_tend(d) : r;
}

static int take_record(struct drive *d, unsigned b, const struct item *item, bool *in_section)
{
    struct place confirmed = confirmed_of(d, b);
    uint64_t after = confirmed.epoch == item->epoch ? confirmed.seq : 0;
    for (;;) {
        int r = 0;
        if (!*in_section) {
            r = batch_section(d->batch, bus_names[b], item->epoch, after);
            *in_section = true;
        }
        r = r < 0 ? r : batch_add(d->batch, item);
        if (r == 0) {
            d->buses[b].reached = (struct place){ item->order, item->epoch, item->first };
        }
        if (r != -ENOBUFS) {
            return r;
        }
        r = flush(d, 0);
        if (r < 0) {
            return r;
        }
        *in_section = false;
    }
}

static int persist_epoch(struct drive *d, unsigned b, const struct truth_epoch *e, uint64_t after)
{
    bool in_section = false;
    int r = 0;
    for (uint64_t seq = after + 1; seq <= e->made && r == 0; seq++) {
        if (content_is_hole(e->epoch, seq)) {
            struct account_epoch *a = account_find(d->account, bus_names[b], e->epoch);
            account_gone(a, (struct range){ e->epoch, seq, seq, WHY_LIMIT });
            d->buses[b].reached = (struct place){ e->order, e->epoch, seq };
        } else {
            struct weir_value values[CONTENT_POINTS];
            struct item item = content_item(e->order, e->epoch, seq, values);
            r = take_record(d, b, &item, &in_section);
        }
    }
    return r;
}

static int persist_bus(struct drive *d, unsigned b)
{
    struct place start = start_of(d, b);
    int r = 0;
    d->buses[b].reached = start;
    for (size_t i = 0; i < d->truth.epoch_count && r == 0; i++) {
        const struct truth_epoch *e = &d->truth.epochs[i];
        if (e->bus == b && e->boot == d->boot && e->used && !e->lost && e->order >= start.order) {
            r = persist_epoch(d, b, e, e->order == start.order ? start.seq : 0);
        }
    }
    return r;
}

int drive_persist(struct drive *d, unsigned why)
{
    int r = 0;
    batch_reset(d->batch);
    for (unsigned b = 0; b < BUSES; b++) {
        d->buses[b].reached = (struct place){ 0 };
    }
    for (unsigned b = 0; b < BUSES && r == 0; b++) {
        r = persist_bus(d, b);
    }
    return r < 0 ? r : flush(d, why);
}

/* ---- epochs */

int drive_begin_epochs(struct drive *d)
{
    struct account_epoch *entry;
    size_t first = d->truth.epoch_count;
    for (unsigned b = 0; b < BUSES; b++) {
        uint64_t order = ++d->account->counter;
        uint64_t epoch = order << 32 | (uint32_t)random_next(&d->random);
        d->truth.epochs[d->truth.epoch_count++] =
            (struct truth_epoch){ .bus = b, .order = order, .epoch = epoch, .boot = d->boot };
        entry = account_epoch(d->account, bus_names[b], order, epoch);
        entry->flags = ACCOUNT_OPEN;
        counter_add(&d->counter, bus_names[b], epoch);
        d->counter.value = order;
    }
    for (unsigned b = 0; b < BUSES; b++) {
        d->buses[b].reached = start_of(d, b);
    }
    int r = counter_save(memdisk_disk(d->disk), &d->counter);
    r = r < 0 ? r : commit(d, d->empty, GROUP_EPOCH);
    if (r < 0) {
        for (size_t i = first; i < d->truth.epoch_count; i++) {
            struct truth_epoch *e = &d->truth.epochs[i];
            account_remove(d->account, account_find(d->account, bus_names[e->bus], e->epoch));
        }
        return r;
    }
    for (unsigned b = 0; b < BUSES; b++) {
        d->truth.epochs[first + b].used = true;
        d->buses[b].epoch = first + b;
    }
    d->truth.used_order = d->counter.value;
    d->begun = true;
    return 0;
}

/* ---- room */

static int group_behind(struct drive *d, size_t index, struct group *ret_group)
{
    const uint64_t *used;
    size_t count = writer_segments(d->writer, &used);
    for (size_t i = index + 1; i < count; i++) {
        int r = writer_first_group(d->writer, used[i], ret_group);
        if (r != 0) {
            return r;
        }
    }
    return 0;
}

static uint64_t before_group(const struct group *group, size_t epoch)
{
    for (size_t i = 0; i < group->section_count; i++) {
        if (group->sections[i].epoch == epoch) {
            return group->sections[i].first - 1;
        }
    }
    return group->account->epochs[epoch].last;
}

static bool confirmed_before(const struct drive *d, const struct group *group)
{
    for (size_t i = 0; i < group->account->epoch_count; i++) {
        const struct account_epoch *e = &group->account->epochs[i];
        struct place end = { e->order, e->epoch, before_group(group, i) };
        if (end.seq && account_find(d->account, e->bus, e->epoch) &&
            place_before(account_lowest(d->account, e->bus), end)) {
            return false;
        }
    }
    return true;
}

static void tell_gone(struct drive *d, const struct group *group)
{
    for (size_t i = 0; i < group->account->epoch_count; i++) {
        const struct account_epoch *old = &group->account->epochs[i];
        struct account_epoch *e = account_find(d->account, old->bus, old->epoch);
        struct place confirmed = account_lowest(d->account, old->bus);
        uint64_t last = before_group(group, i);
        uint64_t first = confirmed.epoch == old->epoch ? confirmed.seq + 1 : 1;
        if (e && confirmed.order <= old->order && first <= last) {
            account_gone(e, (struct range){ e->epoch, first, last, WHY_LIMIT });
        }
    }
}

static int drop_oldest(struct drive *d)
{
    struct group group;
    if (group_behind(d, 0, &group) != 1) {
        return -ENOENT;
    }
    tell_gone(d, &group);
    group_finish(&group);
    struct account *known = account_copy(d->account);
    replace(&d->known, known);
    for (unsigned b = 0; b < BUSES; b++) {
        d->buses[b].reached = (struct place){ 0 };
    }
    int r = commit(d, d->empty, GROUP_GONE);
    return r < 0 ? r : writer_release(d->writer, 1);
}

int drive_tend(struct drive *d)
{
    const uint64_t *used;
    size_t count = writer_segments(d->writer, &used), may = 0;
    struct group group;
    int r = 0;
    while (may + 1 < count && group_behind(d, may, &group) == 1) {
        bool free_it = confirmed_before(d, &group);
        group_finish(&group);
        if (!free_it) {
            break;
        }
        may++;
    }
    r = may ? writer_release(d->writer, may) : 0;
    while (r == 0 && writer_free_count(d->writer) < SPARE) {
        size_t have = writer_segments(d->writer, &used) + writer_free_count(d->writer);
        r = have < d->limit_segments ? writer_add_free(d->writer) : drop_oldest(d);
    }
    while (r == 0 && writer_free_count(d->writer) > SPARE &&
           writer_segments(d->writer, &used) + writer_free_count(d->writer) > d->limit_segments) {
        r = writer_drop_free(d->writer);
    }
    return r == -ENOENT ? 0 : r;
}
