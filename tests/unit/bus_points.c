/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Deadband and `state` records: what is sent, what is left out, what is counted.
 */
#include "cmocka_all.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "bus/points.h"
#include "bus/state.h"

static struct weir_value f32(float value)
{
    return (struct weir_value){ .quality = WEIR_QUALITY_GOOD, .float32 = value };
}

static struct weir_value missing(enum weir_result why)
{
    return (struct weir_value){ .quality = (uint8_t)why };
}

/* Filters one value of a single point; true if it is sent, and then it counts as sent. */
static bool offer(struct points *points, int64_t now_ns, struct weir_value value)
{
    if (points_filter(points, now_ns, &value) == 0) {
        assert_int_equal(value.quality, WEIR_QUALITY_OMITTED);
        return false;
    }
    points_sent(points, now_ns, &value);
    return true;
}

static struct points *one(enum weir_type type, double deadband, int64_t max_silence_ns)
{
    struct points *points;
    struct point_rule rule = { type, deadband, max_silence_ns };
    assert_int_equal(points_create(&rule, 1, NS_PER_S, &points), 0);
    return points;
}

static void without_deadband(void **state)
{
    struct points *points = one(WEIR_FLOAT32, 0, NS_PER_S);
    for (int i = 0; i < 5; i++) {
        assert_true(offer(points, i, f32(230.1f)));
    }
    points_destroy(points);
}

static void drift(void **state)
{
    struct points *points = one(WEIR_FLOAT32, 1, 0);
    int sent = 0;
    for (int i = 0; i <= 100; i++) {
        sent += offer(points, i, f32(100 + (float)i * 0.25f));
    }
    assert_int_equal(sent, 1 + 100 / 5); /* each 1.25: the first step beyond 1 */
    points_destroy(points);
}

static void edges(void **state)
{
    struct points *points = one(WEIR_INT64, 2, 0);
    struct weir_value v = { .quality = WEIR_QUALITY_GOOD, .int64 = INT64_MIN };
    assert_true(offer(points, 0, v));
    v.int64 = INT64_MAX; /* as far apart as can be */
    assert_true(offer(points, 0, v));
    v.int64 -= 2;
    assert_false(offer(points, 0, v));
    v.int64 -= 1;
    assert_true(offer(points, 0, v));
    points_destroy(points);
    points = one(WEIR_UINT64, 1, 0);
    v.uint64 = UINT64_MAX;
    assert_true(offer(points, 0, v));
    v.uint64 = 0; /* a counter that starts again */
    assert_true(offer(points, 0, v));
    points_destroy(points);
    points = one(WEIR_BOOL, 5, 0);
    v = (struct weir_value){ .boolean = 0 };
    assert_true(offer(points, 0, v));
    assert_false(offer(points, 0, v));
    v.boolean = 1;
    assert_true(offer(points, 0, v));
    points_destroy(points);
    points = one(WEIR_FLOAT64, 5, 0);
    v = (struct weir_value){ .float64 = (double)NAN };
    assert_true(offer(points, 0, v));
    assert_true(offer(points, 0, v)); /* no number is near NaN */
    points_destroy(points);
}

static void text_is_always_sent(void **state)
{
    struct points *points = one(WEIR_TEXT, 5, 0);
    struct weir_value v = { .bytes = { (const uint8_t *)"on", 2 } };
    assert_true(offer(points, 0, v));
    assert_true(offer(points, 0, v));
    points_destroy(points);
}

static void quality(void **state)
{
    struct points *points = one(WEIR_FLOAT32, 1, 0);
    assert_true(offer(points, 0, f32(1)));
    assert_true(offer(points, 0, missing(WEIR_R_TIMEOUT)));
    assert_false(offer(points, 0, missing(WEIR_R_TIMEOUT)));
    assert_true(offer(points, 0, missing(WEIR_R_CRC)));
    assert_true(offer(points, 0, f32(1)));
    struct weir_value doubted = f32(1);
    doubted.quality = WEIR_QUALITY_SUSPECT;
    assert_true(offer(points, 0, doubted));
    assert_false(offer(points, 0, doubted));
    points_destroy(points);
}

static void max_silence(void **state)
{
    struct points *points = one(WEIR_FLOAT32, 1, 10 * NS_PER_S);
    int sent = 0;
    for (int i = 0; i < 100; i++) { /* polls come a little early and late */
        sent += offer(points, i * NS_PER_S + (i % 3) * NS_PER_MS, f32(5));
    }
    assert_int_equal(sent, 10);
    points_destroy(points);
}

/* Several points: some left out, and what was not stored counts as not sent. */
static void several(void **state)
{
    struct points *points;
    struct point_rule rules[3] = { { WEIR_FLOAT32, 1, 0 },
                                   { WEIR_FLOAT32, 0, 0 },
                                   { WEIR_FLOAT32, 1, 0 } };
    assert_int_equal(points_create(rules, 3, NS_PER_S, &points), 0);
    struct weir_value values[3] = { f32(1), f32(1), f32(1) };
    assert_int_equal(points_filter(points, 0, values), 3);
    assert_int_equal(points_filter(points, 0, values), 3); /* the record could not be stored */
    points_sent(points, 0, values);
    values[2] = f32(9);
    assert_int_equal(points_filter(points, 0, values), 2);
    assert_int_equal(values[0].quality, WEIR_QUALITY_OMITTED);
    assert_int_equal(values[1].quality, WEIR_QUALITY_GOOD);
    points_sent(points, 0, values);
    values[0] = f32(2.5f); /* beyond the first, not beyond what was left out */
    assert_int_equal(points_filter(points, 0, values), 2);
    points_destroy(points);
}

static void gone_and_back(void **state)
{
    struct state s = { 0 };
    struct weir_value v[3];
    int64_t t = 1000 * NS_PER_S;
    assert_false(state_set(&s, false, WEIR_R_OK));
    assert_false(state_due(&s, t));
    assert_true(state_set(&s, true, WEIR_R_TIMEOUT));
    assert_true(state_due(&s, t));
    state_values(&s, v);
    assert_memory_equal(v[0].bytes.data, "gone", 4);
    assert_memory_equal(v[1].bytes.data, "timeout", 7);
    assert_int_equal(v[2].uint64, 0);
    state_sent(&s, t);
    assert_false(state_set(&s, true, WEIR_R_CRC)); /* still gone */
    for (int i = 0; i < 3; i++) {
        assert_true(state_set(&s, i % 2, WEIR_R_PORT));
        assert_false(state_due(&s, t + i * NS_PER_S));
    }
    assert_true(state_due(&s, t + 60 * NS_PER_S));
    state_values(&s, v);
    assert_memory_equal(v[0].bytes.data, "back", 4);
    assert_int_equal(v[1].quality, WEIR_QUALITY_OMITTED);
    assert_int_equal(v[2].uint64, 2);
    state_sent(&s, t + 60 * NS_PER_S);
    assert_false(state_due(&s, t + 600 * NS_PER_S));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_deadband),
        cmocka_unit_test(drift),
        cmocka_unit_test(edges),
        cmocka_unit_test(text_is_always_sent),
        cmocka_unit_test(quality),
        cmocka_unit_test(max_silence),
        cmocka_unit_test(several),
        cmocka_unit_test(gone_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
