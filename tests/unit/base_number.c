/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Numbers as text: exact on chosen values, and against the C library on many random ones: what is
 * printed reads back as the same number, and is not longer than the shortest that does.
 */
#include "cmocka_all.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"

static uint64_t random_state = 0x9E3779B97F4A7C15;

static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static const char *f32(float value)
{
    static char text[NUMBER_MAX + 1];
    text[number_f32(value, text)] = 0;
    return text;
}

static const char *f64(double value)
{
    static char text[NUMBER_MAX + 1];
    text[number_f64(value, text)] = 0;
    return text;
}

static void chosen(void **state)
{
    assert_string_equal(f32(230.1f), "230.1");
    assert_string_equal(f32(0), "0");
    assert_string_equal(f32(-1234.5f), "-1234.5");
    assert_string_equal(f32(12345.678f), "12345.678");
    assert_string_equal(f32(0.1f), "0.1");
    assert_string_equal(f32(16777216.0f), "16777216");
    assert_string_equal(f64(230.1), "230.1");
    assert_string_equal(f64(0.1 + 0.2), "0.30000000000000004");
    assert_string_equal(f64(12345678.9), "12345678.9");
    assert_string_equal(f64(-0.001), "-0.001");
    assert_string_equal(f64(1e15), "1e+15");
    assert_string_equal(f64(100), "100");
}

static void integers(void **state)
{
    static const int64_t values[] = { 0, 1, -1, 9, 10, 99, 100, INT64_MAX, INT64_MIN };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        char text[NUMBER_MAX + 1], want[NUMBER_MAX + 1];
        text[number_i64(values[i], text)] = 0;
        snprintf(want, sizeof want, "%" PRId64, values[i]);
        assert_string_equal(text, want);
    }
    char text[NUMBER_MAX + 1];
    text[number_u64(UINT64_MAX, text)] = 0;
    assert_string_equal(text, "18446744073709551615");
}

static size_t digits_of(const char *text)
{
    size_t n = 0;
    for (; *text && *text != 'e'; text++) {
        n += *text >= '0' && *text <= '9' && (n || *text != '0');
    }
    return n;
}

static void check_f32(float value)
{
    char want[64];
    const char *text = f32(value);
    if (strtof(text, NULL) != value) {
        fail_msg("%.9g printed as %s", (double)value, text);
    }
    int digits = 1;
    do {
        snprintf(want, sizeof want, "%.*g", digits++, (double)value);
    } while (strtof(want, NULL) != value);
    /* Trailing zeros of whole numbers are not decimals saved. */
    if (strchr(text, '.') && digits_of(text) > (size_t)digits - 1) {
        fail_msg("%.9g printed as %s, %s would do", (double)value, text, want);
    }
}

static void random_f32(void **state)
{
    for (int i = 0; i < 300000; i++) {
        uint32_t bits = (uint32_t)next_random();
        float value;
        memcpy(&value, &bits, sizeof value);
        if (isfinite(value)) {
            check_f32(value);
        }
        check_f32((float)(int32_t)(next_random() % 2000000) / 100.0f);
    }
}

static void random_f64(void **state)
{
    for (int i = 0; i < 300000; i++) {
        uint64_t bits = next_random();
        double value;
        memcpy(&value, &bits, sizeof value);
        if (isfinite(value)) {
            assert_true(strtod(f64(value), NULL) == value);
        }
        value = (double)(int64_t)(next_random() % 20000000000) / 1000.0;
        char want[64];
        snprintf(want, sizeof want, "%.3f", value);
        size_t len = strlen(want);
        while (want[len - 1] == '0') {
            want[--len] = 0;
        }
        if (want[len - 1] == '.') {
            want[--len] = 0;
        }
        assert_string_equal(f64(value), want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chosen),
        cmocka_unit_test(integers),
        cmocka_unit_test(random_f32),
        cmocka_unit_test(random_f64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
