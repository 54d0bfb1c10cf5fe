/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * A store for tests: see store_rig.h.
 */
#include "store_rig.h"

#include "cmocka_all.h"

const char rig_bus[] = "meters";

void rig_set_up(struct store_rig *rig)
{
    static const struct weir_point point = { "value", "1", WEIR_UINT64 };
    const struct weir_shape view = {
        .device = "d", .kind = "reading", .model = "", .points = &point, .point_count = 1
    };
    *rig = (struct store_rig){ .disk = memdisk_create(1), .account = account_create() };
    assert_int_equal(shape_create(&view, &rig->shape), 0);
    assert_int_equal(batch_create(RIG_BATCH, &rig->batch), 0);
    assert_int_equal(rig_open_writer(rig, NULL), 0);
    assert_non_null(account_epoch(rig->account, rig_bus, 1, RIG_EPOCH));
}

void rig_tear_down(struct store_rig *rig)
{
    rig_close_writer(rig);
    memdisk_destroy(rig->disk);
    batch_destroy(rig->batch);
    account_destroy(rig->account);
    shape_destroy(rig->shape);
}

int rig_open_writer(struct store_rig *rig, const struct account *known)
{
    const struct writer_options options = { memdisk_disk(rig->disk), "gw", RIG_SEGMENT, RIG_BATCH };
    int r = writer_open(&options, known, &rig->writer, &rig->found);
    if (r == 0 && rig->found.account) {
        account_destroy(rig->account);
        rig->account = rig->found.account;
    }
    return r;
}

void rig_close_writer(struct store_rig *rig)
{
    writer_destroy(rig->writer);
    rig->writer = NULL;
}

void rig_cut(struct store_rig *rig, unsigned cut, uint64_t seed)
{
    struct memdisk *left = memdisk_cut(rig->disk, cut, seed);
    rig_close_writer(rig);
    memdisk_destroy(rig->disk);
    rig->disk = left;
    assert_int_equal(rig_open_writer(rig, NULL), 0);
}

struct account_epoch *rig_epoch(struct store_rig *rig)
{
    return account_find(rig->account, rig_bus, RIG_EPOCH);
}

static struct clock_offset clock_of(uint64_t seq)
{
    return (struct clock_offset){ (int64_t)(seq / 10) * NS_PER_S, CLOCK_SYNCED };
}

void rig_add(struct store_rig *rig, uint64_t first, uint64_t last, uint64_t after)
{
    assert_int_equal(batch_section(rig->batch, rig_bus, RIG_EPOCH, after), 0);
    for (uint64_t seq = first; seq <= last; seq++) {
        const struct weir_value value = { .uint64 = seq * 1000003 };
        const struct item item = { .kind = ITEM_RECORD,
                                   .epoch = RIG_EPOCH,
                                   .order = 1,
                                   .first = seq,
                                   .last = seq,
                                   .clock = clock_of(seq),
                                   .shape = rig->shape,
                                   .values = &value };
        assert_int_equal(batch_add(rig->batch, &item), 0);
    }
    rig_epoch(rig)->last = last;
}

int rig_commit(struct store_rig *rig, uint64_t first, uint64_t last)
{
    batch_reset(rig->batch);
    rig_add(rig, first, last, 0);
    return writer_commit(rig->writer, rig->batch, rig->account, GROUP_RECORDS);
}

struct spool_reader *rig_reader(struct store_rig *rig)
{
    struct spool_reader *reader;
    assert_int_equal(spool_reader_create(memdisk_disk(rig->disk), rig_bus, RIG_SEGMENT, &reader),
                     0);
    return reader;
}

uint64_t rig_read(struct spool_reader *reader, uint64_t first, uint64_t last)
{
    uint64_t count = 0, spared, seq = first;
    struct item item;
    while (seq <= last && spool_reader_next(reader, 1, RIG_EPOCH, seq, last, &item, &spared) == 1) {
        assert_true(item.first >= seq && item.first <= last);
        assert_int_equal(item.values[0].uint64, item.first * 1000003);
        assert_int_equal(item.clock.ns, clock_of(item.first).ns);
        seq = item.first + 1;
        count++;
    }
    return count;
}

uint64_t rig_count(struct store_rig *rig, uint64_t first, uint64_t last)
{
    struct spool_reader *reader = rig_reader(rig);
    uint64_t count = rig_read(reader, first, last);
    spool_reader_destroy(reader);
    return count;
}
