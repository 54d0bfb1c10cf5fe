/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The template's decoder: good lines, absent values, and everything that is no such line.
 */
#include "cmocka_all.h"

#include <string.h>

#include "decode.h"

static enum weir_result decode(const char *line, struct weir_value *values)
{
    return decode_line(line, strlen(line), values);
}

static void good(void **state)
{
    struct weir_value v[POINT_COUNT];
    assert_int_equal(decode("23.5 48", v), WEIR_R_OK);
    assert_true(v[POINT_TEMPERATURE].float64 == 23.5);
    assert_true(v[POINT_HUMIDITY].float64 == 48);
    assert_int_equal(decode("-0.5 --", v), WEIR_R_OK);
    assert_true(v[POINT_TEMPERATURE].float64 == -0.5);
    assert_int_equal(v[POINT_HUMIDITY].quality, WEIR_R_ABSENT);
}

static void bad(void **state)
{
    static const char *const lines[] = { "",    "23.5",  "23.5 ", " 23.5 48 ", "23.5 48 1",
                                         "x y", "nan 1", "1 inf", "23.5\t48" };
    struct weir_value v[POINT_COUNT];
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        if (decode(lines[i], v) != WEIR_R_FRAME) {
            fail_msg("taken: \"%s\"", lines[i]);
        }
    }
    assert_int_equal(decode_line("1 2\0", 4, v), WEIR_R_FRAME);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(good), cmocka_unit_test(bad) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
