/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Commits: what returned is there after a power cut, also when a write or a sync failed on the way;
 * segments leave and come back; a reader finds new ones; what is too long is refused.
 */
#include "store_rig.h"

#include "cmocka_all.h"

#include <errno.h>

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

static size_t segments(void)
{
    const uint64_t *used;
    return writer_segments(rig.writer, &used);
}

static void what_was_committed_survives_a_cut(void **state)
{
    assert_int_equal(rig_commit(&rig, 1, 50), 0);
    assert_int_equal(rig_commit(&rig, 51, 60), 0);
    rig_cut(&rig, CUT_DROP_ALL, 1);
    assert_non_null(rig.found.account);
    assert_false(rig.found.damage);
    assert_int_equal(rig_epoch(&rig)->last, 60);
    assert_int_equal(rig.account->group, 2);
    assert_int_equal(rig_count(&rig, 1, 60), 60);
    assert_int_equal(rig_commit(&rig, 61, 70), 0);
    rig_cut(&rig, CUT_DROP_ALL, 2);
    assert_int_equal(rig_count(&rig, 1, 70), 70);
}

static void nothing_survives_that_was_not(void **state)
{
    assert_int_equal(rig_commit(&rig, 1, 10), 0);
    memdisk_fail(rig.disk, (struct memdisk_fault){ OP_SYNC, 0, 100, EIO });
    assert_int_equal(rig_commit(&rig, 11, 20), -EIO);
    assert_int_equal(rig.account->group, 1);
    memdisk_fail(rig.disk, (struct memdisk_fault){ 0 });
    rig_cut(&rig, CUT_DROP_ALL, 1);
    assert_true(rig_epoch(&rig)->last == 10 || rig_count(&rig, 1, 20) == 20);
    assert_int_equal(rig_count(&rig, 1, 10), 10);
}

/* What a failed sync was to write is lost, though the system still shows it: seeds differ in how
 * much of it. */
static void a_failed_sync_is_not_tried_again(void **state)
{
    assert_int_equal(rig_commit(&rig, 1, 100), 0);
    uint64_t syncs = writer_counts(rig.writer).syncs;
    for (uint64_t first = 101; first < 901; first += 100) {
        size_t before = segments();
        memdisk_fail(rig.disk, (struct memdisk_fault){ OP_SYNC, 0, 1, EIO });
        assert_int_equal(rig_commit(&rig, first, first + 99), 0);
        assert_int_equal(segments(), before + 1);
    }
    assert_int_equal(writer_counts(rig.writer).syncs, syncs + 8);
    rig_cut(&rig, CUT_DROP_ALL, 1);
    assert_int_equal(rig_epoch(&rig)->last, 900);
    assert_int_equal(rig_count(&rig, 1, 900), 900);
}

static void no_space_leaves_everything_as_it_was(void **state)
{
    assert_int_equal(rig_commit(&rig, 1, 10), 0);
    memdisk_fail(rig.disk, (struct memdisk_fault){ OP_WRITE | OP_CREATE, 0, 1, ENOSPC });
    batch_reset(rig.batch);
    rig_add(&rig, 11, 20, 0);
    assert_int_equal(writer_commit(rig.writer, rig.batch, rig.account, GROUP_RECORDS), -ENOSPC);
    assert_int_equal(rig.account->group, 1);
    assert_int_equal(writer_commit(rig.writer, rig.batch, rig.account, GROUP_RECORDS), 0);
    assert_int_equal(rig.account->group, 2);
    rig_cut(&rig, CUT_DROP_ALL, 1);
    assert_int_equal(rig_count(&rig, 1, 20), 20);
}

/* Whatever stood in a segment before never passes as part of its new use. */
static void segments_are_used_again(void **state)
{
    uint64_t last = 0;
    for (int i = 0; i < 60; i++, last += 90) {
        assert_int_equal(rig_commit(&rig, last + 1, last + 90), 0);
        while (segments() > 2) {
            account_gone(rig_epoch(&rig), (struct range){ RIG_EPOCH, 1, last, WHY_LIMIT });
            assert_int_equal(writer_release(rig.writer, 1), 0);
        }
        assert_true(writer_free_count(rig.writer) <= 1);
    }
    assert_true(writer_counts(rig.writer).segments > 8);
    rig_cut(&rig, CUT_DROP_ALL, 1);
    assert_int_equal(rig.found.set_aside, 0);
    assert_int_equal(rig_epoch(&rig)->last, last);
    uint64_t there = rig_count(&rig, 1, last);
    assert_true(there >= 90 && there < last);
    assert_int_equal(rig_count(&rig, last - there + 1, last), there);
}

/* All its blocks are there, so that no group that is written to it later finds the card full. */
static void a_free_segment_outlives_a_cut(void **state)
{
    char name[SPOOL_NAME_MAX];
    assert_int_equal(writer_add_free(rig.writer), 0);
    rig_cut(&rig, CUT_DROP_ALL, 1);
    assert_int_equal(writer_free_count(rig.writer), 1);
    spool_name(SPOOL_FREE, 1, name);
    assert_int_equal(memdisk_size(rig.disk, name), RIG_SEGMENT);
}

/* Where a segment ends is asked of the first group behind it. One that is not whole never counted:
 * its numbers may stand in the segment before with other records, so it must not answer. */
static void what_is_not_whole_does_not_say_where_a_segment_ends(void **state)
{
    char name[SPOOL_NAME_MAX];
    const uint64_t *used;
    struct group first, second;
    memdisk_fail(rig.disk,
                 (struct memdisk_fault){ OP_SYNC, 0, 1, EIO }); /* on to the next segment */
    assert_int_equal(rig_commit(&rig, 1, 30), 0);
    assert_int_equal(rig_commit(&rig, 31, 40), 0);
    size_t count = writer_segments(rig.writer, &used);
    uint64_t newest = used[count - 1];
    assert_int_equal(writer_first_group(rig.writer, newest, &first), 1);
    assert_int_equal(first.sections[0].first, 1);
    spool_name(SPOOL_SEGMENT, newest, name);
    memdisk_flip(rig.disk, name, (first.at + first.length - 1) * 8); /* not in its head */
    assert_int_equal(writer_first_group(rig.writer, newest, &second), 1);
    assert_int_equal(second.sections[0].first, 31);
    memdisk_flip(rig.disk, name, (second.at + second.length - 1) * 8);
    group_finish(&first);
    group_finish(&second);
    assert_int_equal(writer_first_group(rig.writer, newest, &first), 0);
}

static void the_segment_being_written_stays(void **state)
{
    assert_int_equal(rig_commit(&rig, 1, 10), 0);
    assert_int_equal(writer_release(rig.writer, 5), 0);
    assert_int_equal(segments(), 1);
    assert_int_equal(rig_count(&rig, 1, 10), 10);
}

static void a_full_batch_says_so(void **state)
{
    const struct weir_value value = { .uint64 = 1 };
    struct item item = {
        .kind = ITEM_RECORD, .epoch = RIG_EPOCH, .shape = rig.shape, .values = &value
    };
    assert_int_equal(batch_section(rig.batch, rig_bus, RIG_EPOCH, 0), 0);
    int r = 0;
    while (r == 0) {
        item.first = item.last = item.first + 1;
        r = batch_add(rig.batch, &item);
    }
    assert_int_equal(r, -ENOBUFS);
    assert_int_equal(batch_records(rig.batch), item.first - 1);
    struct batch *tiny;
    assert_int_equal(batch_create(40, &tiny), 0);
    assert_int_equal(batch_section(tiny, rig_bus, RIG_EPOCH, 0), 0);
    assert_int_equal(batch_add(tiny, &item), -E2BIG);
    batch_destroy(tiny);
}

static void an_account_that_is_too_long_is_refused(void **state)
{
    for (uint64_t i = 2; i < 1200; i++) {
        struct account_epoch *e = account_epoch(rig.account, rig_bus, i, i << 32);
        for (uint64_t k = 0; k < 16; k++) {
            account_gone(e, (struct range){ e->epoch, k * 2 + 1, k * 2 + 1, WHY_LIMIT });
        }
    }
    assert_int_equal(rig_commit(&rig, 1, 10), -E2BIG);
    while (rig.account->epoch_count > 1) {
        account_remove(rig.account, &rig.account->epochs[1]);
    }
    assert_int_equal(rig_commit(&rig, 1, 10), 0);
}

/* While a backlog is read, store goes on: the list of segments that a reader has made is old soon.
 */
static void a_reader_goes_on_into_segments_that_are_new(void **state)
{
    struct spool_reader *reader = rig_reader(&rig);
    uint64_t last = 0;
    for (size_t round = 0; round < 4; round++) {
        uint64_t first = last + 1;
        for (size_t before = segments(); segments() < before + 2;) {
            assert_int_equal(rig_commit(&rig, last + 1, last + 50), 0);
            last += 50;
        }
        assert_int_equal(rig_read(reader, first, last), last - first + 1);
    }
    spool_reader_destroy(reader);
}

/* As when an epoch ends and the next begins before store comes to either. */
static void a_group_has_the_end_of_one_epoch_and_the_next(void **state)
{
    const struct weir_value value = { .uint64 = 1 };
    const struct item item = { .kind = ITEM_RECORD,
                               .epoch = RIG_EPOCH + 1,
                               .order = 2,
                               .first = 1,
                               .last = 1,
                               .shape = rig.shape,
                               .values = &value };
    assert_int_equal(rig_commit(&rig, 1, 5), 0);
    assert_non_null(account_epoch(rig.account, rig_bus, 2, RIG_EPOCH + 1));
    batch_reset(rig.batch);
    rig_add(&rig, 6, 8, 0);
    assert_int_equal(batch_section(rig.batch, rig_bus, RIG_EPOCH + 1, 0), 0);
    assert_int_equal(batch_add(rig.batch, &item), 0);
    assert_int_equal(writer_commit(rig.writer, rig.batch, rig.account, GROUP_RECORDS), 0);
    assert_int_equal(rig_count(&rig, 1, 8), 8);
    assert_int_equal(rig_count(&rig, 6, 8), 3);
    assert_int_equal(rig_count(&rig, 1, 9), 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_committed_survives_a_cut, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_survives_that_was_not, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_failed_sync_is_not_tried_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_space_leaves_everything_as_it_was, set_up, tear_down),
        cmocka_unit_test_setup_teardown(segments_are_used_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_free_segment_outlives_a_cut, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_not_whole_does_not_say_where_a_segment_ends, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_segment_being_written_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_reader_goes_on_into_segments_that_are_new, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_group_has_the_end_of_one_epoch_and_the_next, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_full_batch_says_so, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_account_that_is_too_long_is_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
