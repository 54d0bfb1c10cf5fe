/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The books over real queues and cursors, and a spool in a folder in memory: nothing is used before
 * flash has it, nothing counts that only a page cache shows, nothing leaves that somebody needs.
 */
#include "log_rig.h"

#include "cmocka_all.h"

#include <stdio.h>
#include <string.h>

#include "log/cursor.h"
#include "log/folder.h"
#include "log/spool_reader.h"
#include "store/books_private.h"

#include "memdisk.h"

enum { SEGMENT = 32 * 1024, BATCH = 8 * 1024 };
static const char bus[] = "meters";
static const struct books_uplink uplinks[] = { { "a", false }, { "b", false } };

static const char *ram;
static struct memdisk *disk;
static struct books *books;
static struct queue *queue;
static struct shape *shape;
static uint64_t limit_bytes;

static void open_books(void)
{
    const struct books_options options = { .ram = ram,
                                           .gateway = "gw",
                                           .disk = memdisk_disk(disk),
                                           .segment_bytes = SEGMENT,
                                           .batch_bytes = BATCH,
                                           .limit_bytes = limit_bytes,
                                           .persist_after_ns = 5 * NS_PER_S,
                                           .max_age_ns = INT64_MAX,
                                           .ram_share_bytes = 64 << 20,
                                           .uplinks = uplinks,
                                           .uplink_count = 2 };
    assert_int_equal(books_open(&options, (struct clock_offset){ 1000, CLOCK_SYNCED }, &books), 0);
    assert_int_equal(books->state, BOOKS_GOOD);
}

static int new_epoch(void *context, uint64_t order, uint64_t *ret_epoch)
{
    *ret_epoch = books_epoch(books, bus);
    assert_true(books_commit_epochs(books));
    return 0;
}

static void open_queue(void)
{
    struct queue_place place = { .ram = ram, .gateway = "gw", .bus = bus, .new_epoch = new_epoch };
    int pid = 0;
    assert_int_equal(queue_open(&place, (struct clock_offset){ 1000, CLOCK_SYNCED }, &queue, &pid),
                     0);
}

static int set_up(void **state)
{
    ram = rig_make();
    disk = memdisk_create(1);
    shape = rig_shape("d1", 100);
    limit_bytes = 100ULL * SEGMENT;
    open_books();
    return 0;
}

static void close_all(void)
{
    if (queue) {
        queue_destroy(queue);
    }
    queue = NULL;
    books_destroy(books);
    books = NULL;
}

static int tear_down(void **state)
{
    close_all();
    memdisk_destroy(disk);
    shape_destroy(shape);
    rig_remove(ram);
    return 0;
}

/* Store is killed and started again; tmpfs and the page cache are as they were. */
static void restart(void)
{
    books_destroy(books);
    memdisk_forget_handles(disk);
    open_books();
}

/* The power goes: of the disk what was synced is left, of RAM nothing. */
static void cut(void)
{
    close_all();
    rig_remove(ram);
    ram = rig_make();
    struct memdisk *left = memdisk_cut(disk, CUT_DROP_ALL, 1);
    memdisk_destroy(disk);
    disk = left;
    open_books();
}

static void append(int first, int last)
{
    for (int i = first; i <= last; i++) {
        assert_int_equal(rig_append(queue, shape, (float)i), 0);
    }
}

static size_t segments(void)
{
    const uint64_t *used;
    return writer_segments(books->writer, &used);
}

static void confirm(const char *uplink, struct place confirmed)
{
    struct cursor_file *file;
    struct cursor_entry entry;
    int pid;
    assert_int_equal(cursor_open(ram, uplink, &file, &pid), 0);
    cursor_get(file, bus, &entry);
    entry.confirmed = entry.base = confirmed;
    entry.started = (struct place){ confirmed.order, confirmed.epoch, 0 };
    assert_int_equal(cursor_put(file, &entry), 0);
    cursor_close(file);
}

static void an_epoch_is_in_a_group_before_it_is_used(void **state)
{
    uint64_t epoch = books_epoch(books, bus);
    assert_true(books_commit_epochs(books));
    cut();
    const struct account_epoch *e = account_find(books->account, bus, epoch);
    assert_non_null(e);
    assert_int_equal(e->flags, 0); /* ended, and no damage is suspected */
}

static void an_epoch_is_not_given_if_its_group_fails(void **state)
{
    books_epoch(books, bus);
    memdisk_fail(disk, (struct memdisk_fault){ OP_SYNC, 0, 100, EIO });
    assert_false(books_commit_epochs(books));
    memdisk_fail(disk, (struct memdisk_fault){ OP_SYNC, 2, 100, EIO }); /* the counter passes */
    books_epoch(books, bus);
    assert_false(books_commit_epochs(books));
    memdisk_fail(disk, (struct memdisk_fault){ 0 });
}

static void a_number_is_not_used_twice_if_the_log_is_lost(void **state)
{
    static const char first_segment[] = "0000000000000001.seg";
    uint64_t epoch = books_epoch(books, bus);
    assert_true(books_commit_epochs(books));
    assert_int_equal(memdisk_size(disk, first_segment), SEGMENT);
    memdisk_flip(disk, first_segment, 20 * 8); /* both headers */
    memdisk_flip(disk, first_segment, (SEGMENT - 4096 + 20) * 8);
    cut();
    assert_int_equal(books->set_aside, 1);
    assert_true(books_epoch(books, bus) >> 32 > epoch >> 32);
    const struct account_epoch *e = account_find(books->account, bus, epoch);
    assert_non_null(e);
    assert_int_equal(e->flags, ACCOUNT_DAMAGE);
}

/* A group whose sync failed is still shown by the system after a restart, and a sync of the file
 * says that all is well. */
static void only_what_was_acknowledged_is_persisted(void **state)
{
    open_queue();
    append(1, 10);
    assert_int_equal(books_persist(books, 0), 0);
    assert_int_equal(books_bus(books, bus)->persisted.seq, 10);
    append(11, 20);
    memdisk_fail(disk, (struct memdisk_fault){ OP_SYNC, 0, 100, EIO });
    assert_int_equal(books_persist(books, 0), -EIO);
    assert_int_equal(books_bus(books, bus)->persisted.seq, 10);
    memdisk_fail(disk, (struct memdisk_fault){ 0 });
    restart();
    assert_int_equal(books_bus(books, bus)->persisted.seq, 10);
    uint64_t epoch = queue_epoch(queue);
    assert_int_equal(books_persist(books, 0), 0);
    assert_int_equal(books_bus(books, bus)->persisted.seq, 20);
    cut();
    assert_int_equal(account_find(books->account, bus, epoch)->last, 20);
}

static void a_segment_is_freed_when_all_have_confirmed(void **state)
{
    open_queue();
    append(1, 500);
    struct place end = { queue_epoch(queue) >> 32, queue_epoch(queue), 500 };
    confirm("a", (struct place){ end.order, end.epoch, 1 });
    confirm("b", (struct place){ end.order, end.epoch, 1 });
    assert_int_equal(books_persist(books, 0), 0);
    size_t whole = segments();
    assert_true(whole > 4);
    confirm("a", end);
    assert_int_equal(books_persist(books, GROUP_CURSORS), 0);
    assert_int_equal(segments(), whole);
    confirm("b", end);
    assert_int_equal(books_persist(books, GROUP_CURSORS), 0);
    assert_true(segments() <= 2);
}

/* What is told of a number that is on flash no more: 0, or enum why. */
static unsigned told(uint64_t epoch, uint64_t seq)
{
    const struct account_epoch *e = account_find(books->account, bus, epoch);
    const struct range *gone = e ? account_gone_find(e, seq) : NULL;
    return gone ? gone->why : 0;
}

static void what_leaves_at_the_limit_is_told(void **state)
{
    books_destroy(books);
    limit_bytes = 4ULL * SEGMENT;
    open_books();
    open_queue();
    append(1, 1000);
    uint64_t epoch = queue_epoch(queue);
    assert_int_equal(books_persist(books, 0), 0);
    assert_true(segments() <= 4);
    cut();
    assert_int_equal(account_find(books->account, bus, epoch)->last, 1000);
    struct spool_reader *reader;
    struct item item;
    uint64_t spared, count = 0;
    assert_int_equal(spool_reader_create(memdisk_disk(disk), bus, SEGMENT, &reader), 0);
    for (uint64_t seq = 1; seq <= 1000; seq++) {
        bool there = spool_reader_next(reader, epoch >> 32, epoch, seq, seq, &item, &spared) == 1;
        assert_true(there || told(epoch, seq) == WHY_LIMIT);
        count += there;
    }
    spool_reader_destroy(reader);
    assert_true(count > 0 && count < 900);
}

/* ---- where to go on with devices */

static void note_point(uint64_t point, uint64_t seq)
{
    char path[FOLDER_PATH_MAX];
    struct resume_point points[] = { { "d1", point } };
    struct resume_bus b = { .adapter = "traffic", .points = points, .count = 1 };
    struct resume all = { &b, 1 };
    memcpy(b.bus, bus, sizeof bus);
    b.at = (struct place){ queue_epoch(queue) >> 32, queue_epoch(queue), seq };
    assert_int_equal(resume_path(ram, "", path), 0);
    assert_int_equal(folder_make(path), 0);
    assert_int_equal(resume_path(ram, bus, path), 0);
    assert_int_equal(resume_save(path, &all), 0);
}

/* What the buses of this boot are given; 0: nothing. */
static uint64_t given_point(bool *ret_exact)
{
    char path[FOLDER_PATH_MAX];
    struct resume all;
    assert_int_equal(resume_boot_path(ram, path), 0);
    if (resume_load(path, &all) < 0) {
        return 0;
    }
    const struct resume_bus *b = resume_find(&all, bus);
    uint64_t point = b ? b->points[0].point : 0;
    *ret_exact = b && b->exact;
    resume_free(&all);
    return point;
}

static void points_outlive_an_orderly_end(void **state)
{
    bool exact;
    open_queue();
    append(1, 10);
    note_point(4711, 10);
    assert_int_equal(books_end(books), 0);
    cut();
    assert_int_equal(given_point(&exact), 4711);
    assert_true(exact);
    cut(); /* and once only: something may have been made meanwhile */
    assert_int_equal(given_point(&exact), 4711);
    assert_false(exact);
}

static void points_wait_for_their_records(void **state)
{
    bool exact;
    open_queue();
    append(1, 10);
    note_point(4711, 10);
    assert_int_equal(books_persist(books, 0), 0);
    resuming_save(books, false);
    append(11, 12);
    note_point(4712, 12); /* lost with the RAM */
    resuming_save(books, false);
    cut();
    assert_int_equal(given_point(&exact), 4711);
    assert_false(exact);
}

static void points_that_cannot_be_spent_are_not_exact(void **state)
{
    bool exact;
    open_queue();
    append(1, 10);
    note_point(4711, 10);
    assert_int_equal(books_end(books), 0);
    close_all();
    rig_remove(ram);
    ram = rig_make();
    memdisk_fail(disk, (struct memdisk_fault){ OP_RENAME, 0, 100, EROFS });
    open_books();
    memdisk_fail(disk, (struct memdisk_fault){ 0 });
    assert_int_equal(given_point(&exact), 4711);
    assert_false(exact);
}

/* Wherever the power goes while points are written: the one before or the new one. */
static void points_are_whole_after_a_cut(void **state)
{
    open_queue();
    append(1, 10);
    note_point(4711, 10);
    assert_int_equal(books_end(books), 0);
    for (unsigned op = 0; op < 8; op++) {
        bool exact;
        note_point(4712 + op, 10);
        memdisk_fail(disk, (struct memdisk_fault){ 255, op, 100, EIO });
        resuming_save(books, false);
        memdisk_fail(disk, (struct memdisk_fault){ 0 });
        struct memdisk *whole = disk;
        disk = memdisk_cut(whole, CUT_DROP_ALL, 1);
        struct books *here = books;
        const char *own = ram;
        ram = rig_make();
        open_books();
        uint64_t point = given_point(&exact);
        assert_true(point >= 4711 && point <= 4712 + op);
        books_destroy(books);
        memdisk_destroy(disk);
        rig_remove(ram);
        disk = whole;
        books = here;
        ram = own;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_epoch_is_in_a_group_before_it_is_used, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_epoch_is_not_given_if_its_group_fails, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_number_is_not_used_twice_if_the_log_is_lost, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(only_what_was_acknowledged_is_persisted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_leaves_at_the_limit_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_segment_is_freed_when_all_have_confirmed, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(points_outlive_an_orderly_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(points_wait_for_their_records, set_up, tear_down),
        cmocka_unit_test_setup_teardown(points_that_cannot_be_spent_are_not_exact, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(points_are_whole_after_a_cut, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
