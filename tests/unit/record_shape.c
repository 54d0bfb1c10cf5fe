/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Shapes and values to bytes and back; bytes that are none are refused at every length.
 */
#include "cmocka_all.h"

#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "record/shape.h"
#include "record/values.h"

static const struct weir_point points[] = {
    { "on", "", WEIR_BOOL },
    { "count", "{count}", WEIR_INT64 },
    { "total", "", WEIR_UINT64 },
    { "volts", "V", WEIR_FLOAT32 },
    { "energy", "kW.h", WEIR_FLOAT64 },
    { "name", "", WEIR_TEXT },
    { "raw", "", WEIR_BYTES },
};
static const struct weir_label labels[] = { { "site", "Harbour St" } };
static const struct weir_shape view = { "feeder-1", "reading", "sdm630", labels, 1, points, 7 };

static void shapes(void **state)
{
    struct shape *shape, *back;
    assert_int_equal(shape_create(&view, &shape), 0);
    assert_int_equal(shape_decode(shape->declaration, shape->declaration_len, &back), 0);
    assert_true(shape->hash == back->hash);
    assert_string_equal(back->view.device, "feeder-1");
    assert_string_equal(back->view.labels[0].value, "Harbour St");
    assert_string_equal(back->view.points[4].unit, "kW.h");
    shape_destroy(back);
    for (size_t len = 0; len < shape->declaration_len; len++) {
        assert_int_equal(shape_decode(shape->declaration, len, &back), -EINVAL);
    }
    struct weir_shape other = view;
    other.device = "feeder-2";
    assert_int_equal(shape_create(&other, &back), 0);
    assert_true(shape->hash != back->hash);
    shape_destroy(back);
    shape_destroy(shape);
}

static void table(void **state)
{
    struct shape_table shapes = { 0 };
    struct shape *all[100];
    for (int i = 0; i < 100; i++) {
        char name[8];
        struct weir_shape one = view;
        snprintf(name, sizeof name, "d%d", i);
        one.device = name;
        assert_int_equal(shape_create(&one, &all[i]), 0);
        assert_null(shape_find(&shapes, all[i]->hash));
        assert_int_equal(shape_insert(&shapes, all[i]), 0);
    }
    for (int i = 0; i < 100; i++) {
        assert_ptr_equal(shape_find(&shapes, all[i]->hash), all[i]);
    }
    assert_int_equal(shape_insert(&shapes, all[5]), -EEXIST);
    shape_table_finish(&shapes);
}

static void values(void **state)
{
    uint8_t buf[256];
    struct weir_value in[7] = { { .boolean = 1 },
                                { .int64 = INT64_MIN },
                                { .uint64 = UINT64_MAX },
                                { .float32 = FLT_MAX },
                                { .float64 = DBL_MIN },
                                { 0 },
                                { 0 } };
    struct weir_value out[7];
    in[5].bytes.data = (const uint8_t *)"hello";
    in[5].bytes.len = 5;
    in[6].quality = WEIR_R_TIMEOUT;
    in[3].quality = WEIR_QUALITY_SUSPECT;
    struct put put = put_init(buf, sizeof buf);
    values_put(&put, &view, in);
    assert_false(put.failed);
    struct get get = get_init(buf, put_len(&put));
    values_get(&get, &view, out);
    assert_false(get.failed);
    assert_int_equal(get_left(&get), 0);
    assert_int_equal(out[0].boolean, 1);
    assert_true(out[1].int64 == INT64_MIN && out[2].uint64 == UINT64_MAX);
    assert_true(out[3].float32 == FLT_MAX && out[4].float64 == DBL_MIN);
    assert_int_equal(out[3].quality, WEIR_QUALITY_SUSPECT);
    assert_memory_equal(out[5].bytes.data, "hello", 5);
    assert_int_equal(out[6].quality, WEIR_R_TIMEOUT);
    for (size_t len = 0; len < put_len(&put); len++) {
        get = get_init(buf, len);
        values_get(&get, &view, out);
        assert_true(get.failed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes),
        cmocka_unit_test(table),
        cmocka_unit_test(values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
