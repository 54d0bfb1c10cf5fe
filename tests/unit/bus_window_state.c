/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The key of a window's file, from which its record can be made without the configuration: it comes
 * back as it was, and a key that is cut off or changed anywhere is refused or harmless.
 */
#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include "bus/window_state.h"

enum { POINTS = 3, COLUMNS = 4 };

static const enum weir_type types[POINTS] = { WEIR_FLOAT32, WEIR_TEXT, WEIR_BOOL };
static const struct window_column columns[COLUMNS] = {
    { 0, TALLY_MEAN }, { 1, TALLY_LAST }, { 2, TALLY_RAW }, { 2, TALLY_POLLS }
};
static const struct window_frame frame = { POINTS, COLUMNS, types, columns };

static struct shape *make_shape(void)
{
    static const struct weir_point points[COLUMNS] = { { "a_mean", "V", WEIR_FLOAT32 },
                                                       { "b_last", "", WEIR_TEXT },
                                                       { "c", "", WEIR_BOOL },
                                                       { "polls", "", WEIR_UINT64 } };
    const struct weir_shape view = {
        .device = "d", .kind = "reading", .model = "", .points = points, .point_count = COLUMNS
    };
    struct shape *shape = NULL;
    assert_int_equal(shape_create(&view, &shape), 0);
    return shape;
}

static void there_and_back(void **state)
{
    struct shape *shape = make_shape(), *back = NULL;
    struct window_frame its;
    void *key, *memory;
    size_t len;
    assert_int_equal(window_key_make(&frame, 1000, true, shape, &key, &len), 0);
    assert_int_equal(window_key_read(key, len, &its, &memory, &back), 0);
    assert_int_equal(back->hash, shape->hash);
    assert_int_equal(its.point_count, POINTS);
    assert_int_equal(its.column_count, COLUMNS);
    assert_memory_equal(its.types, types, sizeof types);
    for (size_t i = 0; i < COLUMNS; i++) {
        assert_int_equal(its.columns[i].point, columns[i].point);
        assert_int_equal(its.columns[i].function, columns[i].function);
    }
    assert_int_equal(window_state_size(&its), window_state_size(&frame));
    shape_destroy(back);
    free(memory);
    free(key);
    shape_destroy(shape);
}

/* Exact copies, so that a byte too many is noticed. */
static int read_copy(const void *key, size_t len)
{
    struct window_frame its;
    struct shape *shape;
    void *memory, *copy = malloc(len ? len : 1);
    memcpy(copy, key, len);
    int r = window_key_read(copy, len, &its, &memory, &shape);
    if (r == 0) {
        assert_true(window_state_size(&its) > 0);
        shape_destroy(shape);
        free(memory);
    }
    free(copy);
    return r;
}

static void damaged(void **state)
{
    struct shape *shape = make_shape();
    void *key;
    size_t len;
    assert_int_equal(window_key_make(&frame, 1000, true, shape, &key, &len), 0);
    for (size_t n = 0; n < len; n++) {
        assert_int_equal(read_copy(key, n), -EINVAL);
    }
    for (size_t i = 0; i < len; i++) {
        for (int bit = 0; bit < 8; bit++) {
            ((uint8_t *)key)[i] ^= (uint8_t)(1 << bit);
            read_copy(key, len);
            ((uint8_t *)key)[i] ^= (uint8_t)(1 << bit);
        }
    }
    ((uint8_t *)key)[12] ^= 1; /* another boot */
    assert_int_equal(read_copy(key, len), -EINVAL);
    free(key);
    shape_destroy(shape);
}

/* Two texts of one state do not share a place, and a new window keeps why nothing came. */
static void texts_and_reasons(void **state)
{
    static const enum weir_type two[] = { WEIR_TEXT, WEIR_INT64, WEIR_BYTES };
    static const struct window_column of_two[] = { { 0, TALLY_LAST },
                                                   { 1, TALLY_LAST },
                                                   { 2, TALLY_LAST } };
    const struct window_frame f = { 3, 3, two, of_two };
    struct window_state *s = calloc(1, window_state_size(&f));
    struct weir_value values[3];
    struct window_text *a = window_state_texts(&f, s);
    assert_true(window_state_keeps_text(&f, 0) && window_state_keeps_text(&f, 2));
    assert_false(window_state_keeps_text(&f, 1));
    struct weir_value v = { .quality = WEIR_QUALITY_GOOD };
    tally_add(&s->tallies[0], WEIR_TEXT, 1u << TALLY_LAST, &v);
    memcpy(a->data, "abc", 3);
    a->len = 3;
    a[1].len = 4;
    v.quality = WEIR_R_CRC;
    tally_add(&s->tallies[1], WEIR_INT64, 1u << TALLY_LAST, &v);
    window_state_values(&f, s, values);
    assert_int_equal(values[0].bytes.len, 3);
    assert_memory_equal(values[0].bytes.data, "abc", 3);
    assert_int_equal(values[1].quality, WEIR_R_CRC);
    assert_int_equal(values[2].quality, WEIR_R_SKIPPED);
    window_state_begin(&f, s);
    window_state_values(&f, s, values);
    assert_int_equal(values[0].quality, WEIR_R_SKIPPED); /* it was read well, but not again */
    assert_int_equal(values[1].quality, WEIR_R_CRC);
    free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(there_and_back), cmocka_unit_test(damaged),
                                        cmocka_unit_test(texts_and_reasons) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
