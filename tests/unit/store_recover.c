/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * What a start makes of what it finds: the newest whole group counts, nothing is written over,
 * unreadable segments are set aside; and a reader of groups that were written twice.
 */
#include "store_rig.h"

#include "cmocka_all.h"

#include <errno.h>

#include "store/counter.h"

static struct store_rig rig;

static int set_up(void **state)
{
    rig_set_up(&rig);
    return 0;
}

static int tear_down(void **state)
{
    rig_tear_down(&rig);
    return 0;
}

static const char first_segment[] = "0000000000000001.seg";

/* Turns over one bit of each of these bytes. */
static void damage(const char *name, uint64_t at, uint64_t bytes)
{
    assert_true(memdisk_size(rig.disk, name) > 0);
    for (uint64_t i = 0; i < bytes; i++) {
        memdisk_flip(rig.disk, name, (at + i) * 8);
    }
}

static struct account *copy(const struct account *account)
{
    static uint8_t bytes[GROUP_HEAD_MAX];
    struct account *made;
    struct put out = put_init(bytes, sizeof bytes);
    account_put(&out, account);
    struct get in = get_init(bytes, put_len(&out));
    assert_int_equal(account_get(&in, &made), 0);
    return made;
}

static void a_torn_group_does_not_count(void **state)
{
    assert_int_equal(rig_commit(&rig, 1, 50), 0);
    assert_int_equal(rig_commit(&rig, 51, 100), 0);
    damage(first_segment, 2 * 4096 + 1500, 1);
    rig_cut(&rig, CUT_KEEP_ALL, 1);
    assert_true(rig.found.damage);
    assert_int_equal(rig_epoch(&rig)->last, 50);
    assert_int_equal(rig.account->group, 1);
}

/* A bad spot under the newest group: it may be readable another time, so it stays as it is. */
static void what_cannot_be_read_is_not_written_over(void **state)
{
    assert_int_equal(rig_commit(&rig, 1, 50), 0);
    assert_int_equal(rig_commit(&rig, 51, 100), 0);
    rig_close_writer(&rig);
    for (unsigned skip = 0; skip < 12; skip++) {
        struct memdisk *disk = rig.disk;
        rig.disk = memdisk_cut(disk, CUT_KEEP_ALL, 1);
        memdisk_fail(rig.disk, (struct memdisk_fault){ OP_READ, skip, 1, EIO });
        assert_int_equal(rig_open_writer(&rig, NULL), 0);
        memdisk_fail(rig.disk, (struct memdisk_fault){ 0 });
        if (!rig.found.account) {
            account_epoch(rig.account, rig_bus, 1, RIG_EPOCH);
        }
        bool all = rig_epoch(&rig)->last == 100;
        assert_true(all || rig.found.damage);
        assert_int_equal(rig_commit(&rig, 101, 110), 0);
        assert_int_equal(rig_count(&rig, 1, 50), 50);
        if (all) {
            assert_int_equal(rig_count(&rig, 1, 110), 110);
        } else {
            assert_int_equal(rig_count(&rig, 51, 100), 50);
        }
        rig_close_writer(&rig);
        memdisk_destroy(rig.disk);
        rig.disk = disk;
    }
}

/* A store that was killed before it noted a group in tmpfs, or could not note it. */
static void a_restart_goes_on_behind_everything(void **state)
{
    assert_int_equal(rig_commit(&rig, 1, 10), 0);
    struct account *known = copy(rig.account);
    assert_int_equal(rig_commit(&rig, 11, 90), 0);
    assert_int_equal(rig_commit(&rig, 91, 100), 0);
    rig_close_writer(&rig);
    account_destroy(rig.account);
    rig.account = known;
    assert_int_equal(rig_open_writer(&rig, known), 0);
    assert_null(rig.found.account);
    assert_int_equal(rig_commit(&rig, 11, 15), 0);
    assert_int_equal(rig.account->group, 4);
    assert_int_equal(rig_count(&rig, 1, 100), 100);
    rig_cut(&rig, CUT_DROP_ALL, 1);
    assert_int_equal(rig.account->group, 4);
    assert_int_equal(rig_epoch(&rig)->last, 15);
    assert_int_equal(rig_count(&rig, 1, 15), 15);
}

/* Tmpfs knows of a group that cannot be read any more: its place is left alone. */
static void a_restart_leaves_what_was_acknowledged(void **state)
{
    const uint64_t *used;
    assert_int_equal(rig_commit(&rig, 1, 10), 0);
    assert_int_equal(rig_commit(&rig, 11, 20), 0);
    damage(first_segment, 2 * 4096, 1); /* its head */
    rig_close_writer(&rig);
    assert_int_equal(rig_open_writer(&rig, rig.account), 0);
    assert_int_equal(rig_commit(&rig, 21, 30), 0);
    assert_int_equal(rig.account->group, 3);
    assert_int_equal(writer_segments(rig.writer, &used), 2);
    damage(first_segment, 2 * 4096, 1); /* and back */
    assert_int_equal(rig_count(&rig, 1, 30), 30);
}

static void headers(void **state)
{
    assert_int_equal(rig_commit(&rig, 1, 10), 0);
    damage(first_segment, 20, 1);
    rig_cut(&rig, CUT_KEEP_ALL, 1);
    assert_int_equal(rig.found.set_aside, 0);
    assert_int_equal(rig_count(&rig, 1, 10), 10);
    damage(first_segment, RIG_SEGMENT - 4096 + 20, 1);
    rig_cut(&rig, CUT_KEEP_ALL, 1);
    assert_int_equal(rig.found.set_aside, 1);
    assert_true(rig.found.damage);
    assert_true(memdisk_size(rig.disk, "bad-1") == RIG_SEGMENT);
    account_epoch(rig.account, rig_bus, 1, RIG_EPOCH);
    assert_int_equal(rig_commit(&rig, 11, 20), 0);
    assert_int_equal(rig_count(&rig, 1, 20), 10);
}

/* The second half of a group is lost with its segment's write; the whole was written again. */
static void a_group_that_was_written_again_is_read_there(void **state)
{
    for (uint64_t seed = 1; seed < 200; seed++) {
        tear_down(state);
        set_up(state);
        memdisk_destroy(rig.disk);
        rig.disk = memdisk_create(seed);
        rig_close_writer(&rig);
        assert_int_equal(rig_open_writer(&rig, NULL), 0);
        assert_int_equal(rig_commit(&rig, 1, 10), 0);
        memdisk_fail(rig.disk, (struct memdisk_fault){ OP_SYNC, 0, 1, EIO });
        assert_int_equal(rig_commit(&rig, 11, 150), 0);
        rig_cut(&rig, CUT_DROP_ALL, seed);
        assert_int_equal(rig_epoch(&rig)->last, 150);
        assert_int_equal(rig_count(&rig, 1, 150), 150);
        for (uint64_t first = 10; first < 150; first += 20) {
            assert_int_equal(rig_count(&rig, first, 150), 151 - first);
        }
    }
}

/* One bad spot in the first try is no reason to lose a record that the second has. */
static void a_bad_spot_of_a_first_try_loses_nothing(void **state)
{
    assert_int_equal(rig_commit(&rig, 1, 10), 0);
    memdisk_fail(rig.disk, (struct memdisk_fault){ OP_SYNC, 0, 1, EIO });
    assert_int_equal(rig_commit(&rig, 11, 150), 0);
    for (uint64_t at = 2 * 4096; at < 4 * 4096; at += 5) {
        damage(first_segment, at, 1);
        assert_int_equal(rig_count(&rig, 1, 150), 150);
        damage(first_segment, at, 1);
    }
}

/* And the other way: what was written again is torn, but the first try was whole. */
static void a_first_try_that_is_whole_is_read(void **state)
{
    assert_int_equal(rig_commit(&rig, 1, 10), 0);
    struct account *known = copy(rig.account);
    assert_int_equal(rig_commit(&rig, 11, 150), 0); /* never acknowledged */
    rig_close_writer(&rig);
    account_destroy(rig.account);
    rig.account = known;
    assert_int_equal(rig_open_writer(&rig, known), 0);
    for (uint64_t seed = 0; seed < 50; seed++) {
        struct memdisk *disk = memdisk_cut(rig.disk, CUT_KEEP_ALL, 1), *keep = rig.disk;
        rig.disk = disk;
        rig_close_writer(&rig);
        assert_int_equal(rig_open_writer(&rig, known), 0);
        memdisk_fail(disk, (struct memdisk_fault){ OP_SYNC, 0, 100, EIO });
        assert_int_equal(rig_commit(&rig, 11, 160), -EIO);
        struct memdisk *left = memdisk_cut(disk, CUT_RANDOM, seed);
        rig_close_writer(&rig);
        memdisk_destroy(disk);
        rig.disk = left;
        rig.account = copy(known);
        assert_int_equal(rig_open_writer(&rig, NULL), 0);
        uint64_t last = rig_epoch(&rig)->last;
        assert_true(last == 150 || last == 160);
        assert_int_equal(rig_count(&rig, 1, last), last);
        assert_int_equal(rig_count(&rig, 40, last), last - 39);
        rig_close_writer(&rig);
        memdisk_destroy(left);
        account_destroy(rig.account);
        rig.account = known;
        rig.disk = keep;
    }
}

/* A block of a segment, there or back. */
static void move_block(const char *name, uint64_t at, uint8_t block[SPOOL_BLOCK], bool back)
{
    struct disk *disk = memdisk_disk(rig.disk);
    int handle = disk->ops->open(disk, name, DISK_WRITE);
    assert_true(handle >= 0);
    if (back) {
        assert_int_equal(disk->ops->write(disk, handle, block, SPOOL_BLOCK, at), 0);
    } else {
        assert_int_equal(disk->ops->read(disk, handle, block, SPOOL_BLOCK, at), SPOOL_BLOCK);
    }
    disk->ops->close(disk, handle);
}

/* A header that was written for another use than the name says. */
static void a_header_of_another_use_is_not_taken(void **state)
{
    static const char second_segment[] = "0000000000000002.seg";
    uint8_t block[SPOOL_BLOCK];
    const uint64_t *used;
    for (uint64_t first = 1; writer_segments(rig.writer, &used) < 2; first += 100) {
        assert_int_equal(rig_commit(&rig, first, first + 99), 0);
    }
    assert_int_equal(rig_count(&rig, 1, 100), 100);
    move_block(second_segment, 0, block, false);
    move_block(first_segment, 0, block, true);
    move_block(first_segment, RIG_SEGMENT - SPOOL_BLOCK, block, true);
    assert_int_equal(rig_count(&rig, 1, 100), 0);
    rig_cut(&rig, CUT_KEEP_ALL, 1);
    assert_int_equal(rig.found.set_aside, 1);
}

/* The second block of a group was not written, and what stands there instead is the second block of
 * a group of the same length, of an older use of the segment: each of its frames is whole. */
static void an_older_use_is_not_read(void **state)
{
    const uint64_t at = (uint64_t)2 * SPOOL_BLOCK;
    uint8_t block[SPOOL_BLOCK];
    assert_int_equal(rig_commit(&rig, 1, 150), 0);
    move_block(first_segment, at, block, false);
    const uint64_t *used;
    while (writer_segments(rig.writer, &used) == 1) {
        assert_int_equal(rig_commit(&rig, 1, 150), 0);
    }
    assert_int_equal(writer_release(rig.writer, 1), 0);
    while (writer_segments(rig.writer, &used) == 1) {
        assert_int_equal(rig_commit(&rig, 1, 150), 0);
    }
    assert_int_equal(writer_release(rig.writer, 1), 0);
    char name[SPOOL_NAME_MAX];
    spool_name(SPOOL_SEGMENT, used[0], name);
    assert_int_equal(rig_count(&rig, 1, 150), 150);
    move_block(name, at, block, true);
    uint64_t there = rig_count(&rig, 1, 150);
    assert_true(there > 0 && there < 150);
}

/* Every byte of a group in turn: no record comes with the time of another clock. */
static void a_lost_clock_makes_no_wrong_time(void **state)
{
    assert_int_equal(rig_commit(&rig, 1, 60), 0);
    assert_int_equal(rig_commit(&rig, 61, 70), 0);
    uint64_t least = 60;
    for (uint64_t at = 4096; at < 2 * 4096; at++) {
        damage(first_segment, at, 1);
        uint64_t there = rig_count(&rig, 1, 60); /* asserts on every content */
        least = there < least ? there : least;
        damage(first_segment, at, 1);
        assert_int_equal(rig_count(&rig, 61, 70), 10);
    }
    assert_int_equal(least, 0);
}

static void the_counter_is_safe_once_it_is_saved(void **state)
{
    struct disk *disk = memdisk_disk(rig.disk);
    struct counter counter = { .value = 7 }, found;
    assert_int_equal(counter_save(disk, &counter), 0);
    struct memdisk *left = memdisk_cut(rig.disk, CUT_DROP_ALL, 1);
    for (int file = 0; file < 2; file++) {
        assert_int_equal(counter_read(memdisk_disk(left), file, &found), 0);
        assert_int_equal(found.value, 7);
    }
    memdisk_destroy(left);
}

static void the_counter_outlives_one_file(void **state)
{
    struct disk *disk = memdisk_disk(rig.disk);
    struct counter counter = { .value = 7 }, found;
    assert_int_equal(counter_save(disk, &counter), 0);
    counter.value = 8;
    counter_add(&counter, rig_bus, 8ULL << 32);
    assert_int_equal(counter_save(disk, &counter), 0);
    damage("counter-1", 15, 1);
    assert_int_equal(counter_load(disk, &found), 0);
    assert_int_equal(found.value, 8);
    assert_int_equal(found.count, 1);
    assert_string_equal(found.epochs[0].bus, rig_bus);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_torn_group_does_not_count, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_be_read_is_not_written_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_restart_goes_on_behind_everything, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_restart_leaves_what_was_acknowledged, set_up, tear_down),
        cmocka_unit_test_setup_teardown(headers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_group_that_was_written_again_is_read_there, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_bad_spot_of_a_first_try_loses_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_header_of_another_use_is_not_taken, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_older_use_is_not_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_first_try_that_is_whole_is_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_lost_clock_makes_no_wrong_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_counter_is_safe_once_it_is_saved, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_counter_outlives_one_file, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
