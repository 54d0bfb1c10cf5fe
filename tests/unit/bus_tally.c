/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * What a window says of its readings, against the readings themselves: random ones, and those at
 * the ends of their types. Whole numbers and decimals must come out exactly.
 */
#include "cmocka_all.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bus/tally.h"

enum { ROUNDS = 2000, READINGS_MAX = 300, ALL = (1 << TALLY_FUNCTIONS) - 1 };

static uint64_t luck = 88172645463325252u;

static uint64_t next_random(void)
{
    luck ^= luck << 13;
    luck ^= luck >> 7;
    luck ^= luck << 17;
    return luck;
}

static void missing_value(struct weir_value v, enum weir_result why)
{
    assert_int_equal(v.quality, why);
}

/* Readings of whole numbers, and what they are summed in another way: halves by themselves. */
struct whole {
    struct weir_value values[READINGS_MAX];
    size_t count, good;
    bool doubted;
    int64_t high;
    uint64_t low;
};

static struct weir_value random_whole(unsigned bits)
{
    static const uint8_t qualities[] = { WEIR_R_TIMEOUT, WEIR_R_CRC, WEIR_QUALITY_SUSPECT };
    struct weir_value v = { .quality = WEIR_QUALITY_GOOD };
    uint64_t r = next_random();
    v.uint64 = r >> (64 - bits);
    if (r & 1) {
        v.uint64 = ~v.uint64;
    }
    if (next_random() % 8 == 0) {
        v.quality = qualities[next_random() % 3];
    }
    return v;
}

static bool is_there(const struct weir_value *v)
{
    return v->quality == WEIR_QUALITY_GOOD || v->quality == WEIR_QUALITY_SUSPECT;
}

static void draw_whole(struct whole *w, enum weir_type type)
{
    memset(w, 0, sizeof *w);
    w->count = next_random() % READINGS_MAX;
    unsigned bits = 1 + (unsigned)(next_random() % 63);
    for (size_t i = 0; i < w->count; i++) {
        struct weir_value v = random_whole(bits);
        w->values[i] = v;
        if (is_there(&v)) {
            w->good++;
            w->doubted |= v.quality == WEIR_QUALITY_SUSPECT;
            w->low += v.uint64 & 0xffffffff;
            w->high += type == WEIR_INT64 ? v.int64 >> 32 : (int64_t)(v.uint64 >> 32);
        }
    }
    w->high += (int64_t)(w->low >> 32);
    w->low &= 0xffffffff;
}

static void check_sum(const struct whole *w, const struct tally *t, enum weir_type type)
{
    struct weir_value sum = tally_value(t, type, TALLY_SUM);
    struct weir_value mean = tally_value(t, type, TALLY_MEAN);
    bool fits = type == WEIR_INT64 ? w->high == (int32_t)w->high : w->high >> 32 == 0;
    uint8_t quality = w->doubted ? WEIR_QUALITY_SUSPECT : WEIR_QUALITY_GOOD;
    if (fits) {
        assert_int_equal(sum.quality, quality);
        assert_int_equal(sum.uint64, (uint64_t)w->high << 32 | w->low);
    } else {
        missing_value(sum, WEIR_R_RANGE);
    }
    long double exact =
        ((long double)w->high * 4294967296.0L + (long double)w->low) / (long double)w->good;
    assert_int_equal(mean.quality, quality);
    assert_true(fabsl((long double)mean.float64 - exact) <= 4e-16L * fabsl(exact));
}

static void check_ends(const struct whole *w, const struct tally *t, enum weir_type type)
{
    uint64_t min = 0, max = 0, last = 0;
    bool first = true;
    for (size_t i = 0; i < w->count; i++) {
        uint64_t u = w->values[i].uint64;
        int64_t s = w->values[i].int64;
        if (!is_there(&w->values[i])) {
            continue;
        }
        bool less = type == WEIR_INT64 ? s < (int64_t)min : u < min;
        bool more = type == WEIR_INT64 ? s > (int64_t)max : u > max;
        min = first || less ? u : min;
        max = first || more ? u : max;
        last = u;
        first = false;
    }
    assert_int_equal(tally_value(t, type, TALLY_MIN).uint64, min);
    assert_int_equal(tally_value(t, type, TALLY_MAX).uint64, max);
    assert_int_equal(tally_value(t, type, TALLY_LAST).uint64, last);
}

static void whole_numbers(void **state)
{
    static struct whole w;
    unsigned overflows = 0;
    for (int round = 0; round < ROUNDS; round++) {
        enum weir_type type = round % 2 ? WEIR_INT64 : WEIR_UINT64;
        struct tally t = { 0 };
        draw_whole(&w, type);
        for (size_t i = 0; i < w.count; i++) {
            assert_int_equal(tally_add(&t, type, ALL, &w.values[i]), is_there(&w.values[i]));
        }
        assert_int_equal(tally_value(&t, type, TALLY_COUNT).uint64, w.good);
        if (w.good) {
            check_sum(&w, &t, type);
            check_ends(&w, &t, type);
            overflows += tally_value(&t, type, TALLY_SUM).quality == WEIR_R_RANGE;
        }
    }
    assert_in_range(overflows, 1, ROUNDS - 1); /* both were met */
}

/* Tenths: as float32, which cannot hold them, and as float64. */
static void decimals(void **state)
{
    for (int round = 0; round < ROUNDS; round++) {
        enum weir_type type = round % 2 ? WEIR_FLOAT32 : WEIR_FLOAT64;
        struct tally t = { 0 };
        size_t count = 1 + next_random() % READINGS_MAX;
        int64_t tenths = 0, least = INT64_MAX, most = INT64_MIN, one = 0;
        for (size_t i = 0; i < count; i++) {
            struct weir_value v = { .quality = WEIR_QUALITY_GOOD };
            one = (int64_t)(next_random() % 200001) - 100000;
            tenths += one;
            least = one < least ? one : least;
            most = one > most ? one : most;
            if (type == WEIR_FLOAT32) {
                v.float32 = (float)one / 10;
            } else {
                v.float64 = (double)one / 10;
            }
            tally_add(&t, type, ALL, &v);
        }
        double sum = tally_value(&t, type, TALLY_SUM).float64;
        double exact = (double)tenths / 10;
        /* No tenth is a double either: what they differ by adds up, and nothing else does. */
        double inexact = 1.2e-16 * 1e4 * (double)count;
        assert_true(fabs(sum - exact) <= inexact);
        struct weir_value mean = tally_value(&t, type, TALLY_MEAN);
        struct weir_value min = tally_value(&t, type, TALLY_MIN);
        struct weir_value last = tally_value(&t, type, TALLY_LAST);
        double middle = exact / (double)count;
        if (type == WEIR_FLOAT32) {
            assert_true(fabs((double)mean.float32 - middle) <= 6e-8 * fabs(middle) + inexact);
            assert_true(min.float32 == (float)least / 10 && last.float32 == (float)one / 10);
        } else {
            assert_true(fabs(mean.float64 - middle) <= inexact);
            assert_true(tally_value(&t, type, TALLY_MAX).float64 == (double)most / 10);
        }
    }
}

static void add_f64(struct tally *t, double value)
{
    struct weir_value v = { .quality = WEIR_QUALITY_GOOD, .float64 = value };
    tally_add(t, WEIR_FLOAT64, ALL, &v);
}

static void hard_sums(void **state)
{
    struct tally t = { 0 };
    add_f64(&t, 1);
    add_f64(&t, 1e100);
    add_f64(&t, 1);
    add_f64(&t, -1e100);
    assert_true(tally_value(&t, WEIR_FLOAT64, TALLY_SUM).float64 == 2);
    assert_true(tally_value(&t, WEIR_FLOAT64, TALLY_MEAN).float64 == 0.5);
    t = (struct tally){ 0 };
    add_f64(&t, 1.7e308);
    add_f64(&t, 1.7e308);
    missing_value(tally_value(&t, WEIR_FLOAT64, TALLY_SUM), WEIR_R_RANGE);
    missing_value(tally_value(&t, WEIR_FLOAT64, TALLY_MEAN), WEIR_R_RANGE);
    assert_true(tally_value(&t, WEIR_FLOAT64, TALLY_MAX).float64 == 1.7e308);
    t = (struct tally){ 0 };
    for (int i = 0; i < 10; i++) {
        struct weir_value v = { .quality = WEIR_QUALITY_GOOD, .float32 = 230.1f };
        tally_add(&t, WEIR_FLOAT32, ALL, &v);
    }
    assert_true(tally_value(&t, WEIR_FLOAT32, TALLY_SUM).float64 == 2301);
    assert_true(tally_value(&t, WEIR_FLOAT32, TALLY_MEAN).float32 == 230.1f);
}

static void nothing_good(void **state)
{
    for (unsigned f = TALLY_MIN; f < TALLY_FUNCTIONS; f++) {
        struct tally t = { 0 };
        struct weir_value v = { .quality = WEIR_R_CRC };
        if (f != TALLY_COUNT) {
            missing_value(tally_value(&t, WEIR_FLOAT32, f), WEIR_R_SKIPPED);
        }
        tally_add(&t, WEIR_FLOAT32, ALL, &v);
        v.quality = WEIR_R_TIMEOUT;
        tally_add(&t, WEIR_FLOAT32, ALL, &v);
        if (f != TALLY_COUNT) {
            missing_value(tally_value(&t, WEIR_FLOAT32, f), WEIR_R_TIMEOUT);
        }
        assert_int_equal(tally_value(&t, WEIR_FLOAT32, TALLY_COUNT).uint64, 0);
        assert_int_equal(tally_value(&t, WEIR_FLOAT32, TALLY_COUNT).quality, WEIR_QUALITY_GOOD);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_numbers),
        cmocka_unit_test(decimals),
        cmocka_unit_test(hard_sums),
        cmocka_unit_test(nothing_good),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
