/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * A round of the first kind: see drive.h. Each boundary is judged by the states that a power cut
 * there may leave; now and then one of them comes true, or the process is killed and its page cache
 * stays, and life goes on from there.
 */
#include "drive.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "campaign.h"
#include "content.h"
#include "sim.h"

enum { STEPS = 260, DRAWS = 48, IN_VAIN = 4, DEEP_ONE_IN = 32 };

static int64_t only_step = -1;

void drive_violation(struct drive *d, const char *finding)
{
    d->failed = true;
    campaign_violation("%s (--seed %" PRIu64 " --step %" PRIu64 ")", finding, d->seed, d->step);
}

/* ---- judging a boundary */

static void judge_state(struct drive *d, unsigned cut, uint64_t seed, uint64_t hash,
                        struct memdisk *state)
{
    char finding[FINDING_BYTES];
    struct judge_options options = d->judge;
    options.deep = seed % DEEP_ONE_IN == 0;
    if (!judge(state, &d->truth, &options, seed, finding)) {
        char line[FINDING_BYTES + 40];
        snprintf(line, sizeof line, "%s; cut %u of %016" PRIx64, finding, cut, hash);
        drive_violation(d, line);
    }
}

static bool is_seen(const uint64_t *seen, unsigned count, uint64_t hash)
{
    for (unsigned i = 0; i < count; i++) {
        if (seen[i] == hash) {
            return true;
        }
    }
    return false;
}

/* Draws until nothing new comes. */
static void judge_boundary(struct drive *d, bool added)
{
    uint64_t seen[CUT_RANDOM + DRAWS];
    unsigned count = 0, in_vain = 0;
    unsigned draws = memdisk_is_pending(d->disk) ? CUT_RANDOM + (added ? DRAWS : IN_VAIN) : 1;
    for (unsigned cut = 0; cut < draws && in_vain < IN_VAIN && !d->failed; cut++) {
        uint64_t seed = mix(d->seed * 1000003 + d->step) + cut;
        struct memdisk *state = memdisk_cut(d->disk, cut, seed);
        uint64_t hash = memdisk_hash(state);
        campaign_state(hash);
        if (is_seen(seen, count, hash)) {
            in_vain++;
        } else {
            in_vain = 0;
            seen[count++] = hash;
            if (campaign_is_new(mix(hash ^ truth_version(&d->truth)))) {
                judge_state(d, cut, mix(seed), hash, state);
            }
        }
        memdisk_destroy(state);
    }
}

static void at_boundary(void *context, bool added)
{
    struct drive *d = context;
    d->step++;
    if (!d->failed && (only_step < 0 || (uint64_t)only_step == d->step)) {
        judge_boundary(d, added);
    }
    if (d->failed || campaign_over() || (d->stop_in && --d->stop_in == 0)) {
        longjmp(d->stopped, 1);
    }
}

/* ---- power cuts and kills */

static void power_cut(struct drive *d)
{
    unsigned cut = (unsigned)random_below(&d->random, CUT_RANDOM + 6);
    struct memdisk *left = memdisk_cut(d->disk, cut, random_next(&d->random));
    drive_close(d);
    memdisk_destroy(d->disk);
    d->disk = left;
    memdisk_watch(left, at_boundary, d);
    account_destroy(d->known);
    d->known = NULL;
    d->truth.trouble = false;
    sim_boot(mix(d->seed) + ++d->boot);
}

/* And now and then somebody empties tmpfs too. After a failed sync that is beyond help: the page
 * cache has what the medium has not, and nobody is left who knows. */
static void kill_process(struct drive *d)
{
    drive_close(d);
    memdisk_forget_handles(d->disk);
    if (!d->with_faults && random_one_in(&d->random, 6)) {
        account_destroy(d->known);
        d->known = NULL;
        d->boot++;
    }
}

/* ---- life */

static void make_records(struct drive *d)
{
    for (unsigned b = 0; b < BUSES && d->begun && !d->ending; b++) {
        if (d->buses[b].epoch < EPOCHS_MAX && !random_one_in(&d->random, 3)) {
            uint64_t most = random_one_in(&d->random, 20) ? 120 : 7;
            d->truth.epochs[d->buses[b].epoch].made += random_below(&d->random, most);
        }
    }
}

/* The next epoch of a bus that has records, after a place. */
static const struct truth_epoch *epoch_after(const struct drive *d, unsigned b, uint64_t order)
{
    for (size_t i = 0; i < d->truth.epoch_count; i++) {
        const struct truth_epoch *e = &d->truth.epochs[i];
        if (e->bus == b && e->used && !e->lost && e->made && e->order > order) {
            return e;
        }
    }
    return NULL;
}

static void confirm(struct drive *d, unsigned u, unsigned b, uint64_t count)
{
    struct place *p = &d->cursors[u][b];
    while (count > 0) {
        const struct truth_epoch *e = truth_epoch(&d->truth, p->epoch);
        uint64_t left = e && e->made > p->seq ? e->made - p->seq : 0;
        uint64_t step = left < count ? left : count;
        p->seq += step;
        count -= step;
        e = count ? epoch_after(d, b, p->order) : NULL;
        if (!e) {
            break;
        }
        *p = (struct place){ e->order, e->epoch, 1 };
        count--;
    }
}

/* The second uplink is often away for long. */
static void move_cursors(struct drive *d)
{
    for (unsigned u = 0; u < UPLINKS; u++) {
        bool away = u == 1 && d->step / 200 % 2 != 0;
        for (unsigned b = 0; b < BUSES && !away; b++) {
            if (random_one_in(&d->random, 2)) {
                confirm(d, u, b, random_below(&d->random, random_one_in(&d->random, 6) ? 400 : 12));
            }
        }
    }
}

/* The buses have stopped for good, and all that they made is there. */
static int end_in_order(struct drive *d)
{
    for (unsigned b = 0; b < BUSES; b++) {
        if (d->buses[b].epoch < EPOCHS_MAX) {
            d->truth.epochs[d->buses[b].epoch].closed = true;
        }
    }
    d->ending = true;
    int r = drive_persist(d, GROUP_END | GROUP_CURSORS);
    if (r == 0) {
        d->begun = d->ending = false;
    }
    return r;
}

static int act(struct drive *d)
{
    sim_pass_ms((int64_t)random_below(&d->random, 3000));
    if (!d->writer) {
        return drive_open(d);
    }
    if (!d->begun) {
        return drive_begin_epochs(d);
    }
    make_records(d);
    move_cursors(d);
    if (d->ending || random_one_in(&d->random, 60)) {
        return end_in_order(d);
    }
    int r = drive_persist(d, random_one_in(&d->random, 8) ? GROUP_CURSORS : 0);
    return r < 0 ? r : drive_tend(d);
}

/* Some operations to come fail once or for a while. */
static void plan_fault(struct drive *d)
{
    static const unsigned ops[] = { OP_SYNC,   OP_SYNC_FOLDER, OP_WRITE,
                                    OP_RENAME, OP_OPEN,        OP_WRITE | OP_CREATE | OP_RENAME,
                                    OP_CREATE, OP_READ,        OP_SYNC | OP_SYNC_FOLDER };
    static const int errors[] = { EIO, EIO, EIO, ENOSPC, EROFS };
    struct memdisk_fault fault = { 0 };
    if (d->with_faults && random_one_in(&d->random, 6)) {
        fault.ops = ops[random_below(&d->random, sizeof ops / sizeof *ops)];
        if (!d->known) {
            fault.ops &= ~(unsigned)(OP_READ | OP_OPEN); /* what it cannot read, it cannot know */
        }
        fault.skip = (unsigned)random_below(&d->random, 4);
        fault.count = random_one_in(&d->random, 3) ? 100 : 1;
        fault.error = errors[random_below(&d->random, sizeof errors / sizeof *errors)];
        d->truth.trouble = true;
    }
    memdisk_fail(d->disk, fault);
}

static void live(struct drive *d)
{
    d->stop_in = random_one_in(&d->random, 14) ? 1 + random_below(&d->random, 14) : 0;
    plan_fault(d);
    if (setjmp(d->stopped) == 0) {
        bool refused = act(d) < 0 && !d->writer && !d->with_faults;
        if (refused) {
            drive_violation(d, "recovery refuses");
        }
        if (!random_one_in(&d->random, 40)) {
            return;
        }
    }
    memdisk_fail(d->disk, (struct memdisk_fault){ 0 });
    d->stop_in = 0;
    if (random_one_in(&d->random, 3)) {
        power_cut(d);
    } else {
        kill_process(d);
    }
}

/* ---- a round */

static struct drive *begin(uint64_t seed)
{
    static const uint32_t sizes[] = { 16, 24, 32, 32, 64 };
    struct drive *d = calloc(1, sizeof *d);
    if (!d) {
        perror("files");
        exit(2);
    }
    d->seed = seed;
    d->random.state = mix(seed + 1);
    uint32_t size = sizes[random_below(&d->random, 5)] * 1024;
    d->judge.segment_bytes = size;
    /* A group has to fit into a segment: its records and some blocks for head and account. */
    d->judge.batch_bytes = size == 16 * 1024 ? 2048 : size / 4;
    d->limit_segments = 3 + random_below(&d->random, 3);
    d->with_faults = seed % 2;
    d->disk = memdisk_create(random_next(&d->random));
    memdisk_watch(d->disk, at_boundary, d);
    if (batch_create(d->judge.batch_bytes, &d->batch) < 0 || batch_create(1024, &d->empty) < 0) {
        perror("files");
        exit(2);
    }
    sim_boot(mix(seed));
    return d;
}

static void finish(struct drive *d)
{
    drive_close(d);
    memdisk_destroy(d->disk);
    batch_destroy(d->batch);
    batch_destroy(d->empty);
    account_destroy(d->account);
    account_destroy(d->known);
    account_destroy(d->before);
    free(d);
}

void drive_round(uint64_t seed, int64_t step)
{
    struct drive *d = begin(seed);
    only_step = step;
    for (int i = 0; i < STEPS && !d->failed && !campaign_over(); i++) {
        if (d->truth.epoch_count + BUSES > EPOCHS_MAX) {
            break;
        }
        live(d);
    }
    finish(d);
}
