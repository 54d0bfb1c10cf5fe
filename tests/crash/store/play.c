/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The writer and the checker of `./dev crash blocks`: commits records to a spool on a real file
 * system, and later says whether a crash state of it keeps what was acknowledged.
 *
 *   play write DIR MARKFILE   opens an epoch, then commits groups of records until it has used
 *                             enough segments to recycle some; after each commit that returned it
 *                             writes the mark: order of the epoch << 24 | number of the last record
 *   play check DIR MARK       0: every number up to the mark is there or told gone; 1: not
 *
 * Record N of epoch E has one value: a number made from both, so a wrong or mixed-up one shows.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log/spool_reader.h"
#include "record/shape.h"
#include "store/counter.h"
#include "store/writer.h"

enum {
    SEGMENT_BYTES = 64 * 1024,
    BATCH_BYTES = 16 * 1024,
    COMMITS = 40,
    KEPT_SEGMENTS = 3,
    SEQ_BITS = 24,
    MARK_BYTES = 4096,
};
static const char bus[] = "bus";

static _Noreturn void die(const char *what, int error)
{
    fprintf(stderr, "play: %s: %s\n", what, strerror(-error));
    exit(2);
}

static void check(const char *what, int r)
{
    if (r < 0) {
        die(what, r);
    }
}

static struct shape *make_shape(void)
{
    static const struct weir_point point = { "value", "1", WEIR_UINT64 };
    const struct weir_shape view = {
        .device = "d", .kind = "reading", .model = "", .points = &point, .point_count = 1
    };
    struct shape *shape;
    check("shape", shape_create(&view, &shape));
    return shape;
}

static uint64_t content(uint64_t epoch, uint64_t seq)
{
    return (epoch ^ (seq * 0x9e3779b97f4a7c15ULL)) >> 1;
}

static struct writer_options options_for(struct disk *disk)
{
    return (struct writer_options){ disk, "gw", SEGMENT_BYTES, BATCH_BYTES };
}

/* ---- writing */

static void put_mark(int fd, uint64_t mark)
{
    static uint8_t *block;
    if (!block && posix_memalign((void **)&block, MARK_BYTES, MARK_BYTES) != 0) {
        die("memory", -ENOMEM);
    }
    memset(block, 0, MARK_BYTES);
    struct put out = put_init(block, 8);
    put_u64(&out, mark);
    if (pwrite(fd, block, MARK_BYTES, 0) != MARK_BYTES) {
        die("mark", -errno);
    }
}

/* Old epochs have ended; a new one begins. */
static struct account_epoch *begin_epoch(struct disk *disk, struct account *account)
{
    struct counter counter;
    check("counter", counter_load(disk, &counter));
    uint64_t order = (counter.value > account->counter ? counter.value : account->counter) + 1;
    uint64_t epoch = order << 32 | (order * 7 + 1);
    for (size_t i = 0; i < account->epoch_count; i++) {
        account->epochs[i].flags = 0;
    }
    counter.value = account->counter = order;
    counter_add(&counter, bus, epoch);
    check("counter", counter_save(disk, &counter));
    struct account_epoch *e = account_epoch(account, bus, order, epoch);
    e->flags = ACCOUNT_OPEN;
    return e;
}

/* What lies in the oldest segment is told gone in a synced group; then the segment may go. */
static void recycle(struct writer *w, struct batch *empty, struct account *account)
{
    const uint64_t *used;
    struct group group;
    if (writer_segments(w, &used) <= KEPT_SEGMENTS || writer_first_group(w, used[1], &group) != 1) {
        return;
    }
    for (size_t i = 0; i < group.account->epoch_count; i++) {
        const struct account_epoch *old = &group.account->epochs[i];
        struct account_epoch *e = account_find(account, bus, old->epoch);
        uint64_t last = old->last;
        for (size_t k = 0; k < group.section_count; k++) {
            last = group.sections[k].epoch == i ? group.sections[k].first - 1 : last;
        }
        if (e && last) {
            account_gone(e, (struct range){ e->epoch, 1, last, WHY_LIMIT });
        }
    }
    group_finish(&group);
    check("gone", writer_commit(w, empty, account, GROUP_GONE));
    check("release", writer_release(w, 1));
}

static void commit_some(struct writer *w, struct batch *batch, const struct shape *shape,
                        struct account *account, uint64_t epoch, unsigned records)
{
    struct account_epoch *e = account_find(account, bus, epoch);
    uint64_t last = e->last;
    batch_reset(batch);
    check("section", batch_section(batch, bus, epoch, last));
    for (unsigned i = 0; i < records; i++) {
        struct weir_value value = { .uint64 = content(epoch, last + 1) };
        struct item item = { .kind = ITEM_RECORD,
                             .epoch = epoch,
                             .first = last + 1,
                             .last = last + 1,
                             .shape = shape,
                             .values = &value };
        int r = batch_add(batch, &item);
        if (r == -ENOBUFS) {
            break;
        }
        check("record", r);
        last++;
    }
    e->last = last;
    check("commit", writer_commit(w, batch, account, GROUP_RECORDS));
}

static int write_spool(const char *dir, const char *mark_file)
{
    struct disk *disk;
    struct writer *w;
    struct recovery found;
    struct batch *batch, *empty;
    check("folder", disk_folder(dir, &disk));
    struct writer_options options = options_for(disk);
    check("open", writer_open(&options, NULL, &w, &found));
    struct account *account = found.account ? found.account : account_create();
    check("batch", batch_create(BATCH_BYTES, &batch));
    check("batch", batch_create(SPOOL_BLOCK, &empty));
    int fd = open(mark_file, O_RDWR | O_DIRECT | O_CLOEXEC);
    if (fd < 0) {
        die(mark_file, -errno);
    }
    struct shape *shape = make_shape();
    uint64_t epoch = begin_epoch(disk, account)->epoch;
    check("epoch", writer_commit(w, empty, account, GROUP_EPOCH));
    put_mark(fd, epoch >> 32 << SEQ_BITS);
    for (unsigned i = 0; i < COMMITS; i++) {
        commit_some(w, batch, shape, account, epoch, 1 + (i * 37) % 300);
        put_mark(fd, epoch >> 32 << SEQ_BITS | account_find(account, bus, epoch)->last);
        recycle(w, empty, account);
    }
    close(fd);
    shape_destroy(shape);
    batch_destroy(batch);
    batch_destroy(empty);
    account_destroy(account);
    writer_destroy(w);
    disk_destroy(disk);
    return 0;
}

/* ---- checking */

/* Every number of the epoch up to `last` is there once with its own content, or told gone. */
static int check_epoch(struct spool_reader *reader, const struct account_epoch *e)
{
    for (uint64_t seq = 1; seq <= e->last;) {
        struct item item;
        uint64_t spared;
        const struct range *gone = account_gone_find(e, seq);
        if (gone) {
            seq = gone->last + 1;
            continue;
        }
        int r = spool_reader_next(reader, e->order, e->epoch, seq, e->last, &item, &spared);
        if (r != 1 || item.first != seq) {
            printf("epoch %" PRIu64 ": number %" PRIu64 " of %" PRIu64 " is missing\n", e->epoch,
                   seq, e->last);
            return 1;
        }
        if (item.values[0].uint64 != content(e->epoch, seq)) {
            printf("epoch %" PRIu64 ": number %" PRIu64 " has another content\n", e->epoch, seq);
            return 1;
        }
        seq++;
    }
    return 0;
}

static int check_spool(const char *dir, uint64_t mark)
{
    struct disk *disk;
    struct writer *w;
    struct recovery found;
    struct spool_reader *reader;
    struct counter counter;
    uint64_t order = mark >> SEQ_BITS, seq = mark & ((1u << SEQ_BITS) - 1), reached = 0;
    check("folder", disk_folder(dir, &disk));
    struct writer_options options = options_for(disk);
    int r = writer_open(&options, NULL, &w, &found);
    if (r < 0) {
        printf("recovery refuses: %s\n", strerror(-r));
        return 1;
    }
    check("reader", spool_reader_create(disk, bus, SEGMENT_BYTES, &reader));
    check("counter", counter_load(disk, &counter));
    int status = 0;
    for (size_t i = 0; found.account && i < found.account->epoch_count && status == 0; i++) {
        const struct account_epoch *e = &found.account->epochs[i];
        reached = e->order == order ? e->last : reached;
        status = check_epoch(reader, e);
    }
    if (status == 0 && reached < seq) {
        printf("acknowledged up to %" PRIu64 ", kept up to %" PRIu64 "\n", seq, reached);
        status = 1;
    }
    if (status == 0 && counter.value < order) {
        printf("epoch counter %" PRIu64 " after epoch %" PRIu64 " was used\n", counter.value,
               order);
        status = 1;
    }
    spool_reader_destroy(reader);
    account_destroy(found.account);
    writer_destroy(w);
    disk_destroy(disk);
    return status;
}

int main(int argc, char **argv)
{
    if (argc == 4 && !strcmp(argv[1], "write")) {
        return write_spool(argv[2], argv[3]);
    }
    if (argc == 4 && !strcmp(argv[1], "check")) {
        return check_spool(argv[2], strtoull(argv[3], NULL, 10));
    }
    fputs("usage: play write DIR MARKFILE | play check DIR MARK\n", stderr);
    return 2;
}
