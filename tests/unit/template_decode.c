/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The template's decoder: good lines, absent values, and everything that is no such line; and the
 * capture in tests/captures/template/01, answer for answer.
 */
#include "cmocka_all.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
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

static FILE *capture_open(const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/tests/captures/template/01/%s", getenv("WEIR_SOURCE_DIR"),
             name);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    return f;
}

/* The bytes of the next answer: "0.000987 << 32 33 2e 35 0d 0a". False at the end of the file. */
static bool next_answer(FILE *wire, char *bytes, size_t size, size_t *ret_len)
{
    char line[1024];
    while (fgets(line, sizeof line, wire)) {
        char *at = strstr(line, " << "), *end;
        if (line[0] == '#' || !at) {
            continue;
        }
        size_t len = 0;
        for (at += 4; len < size; at = end, len++) {
            bytes[len] = (char)strtoul(at, &end, 16);
            if (end == at) {
                break;
            }
        }
        *ret_len = len;
        return true;
    }
    return false;
}

/* The value as the record has it: a number, or null with the reason "absent". */
static void compare(const json_t *record, const char *name, const struct weir_value *value)
{
    const json_t *expected = json_object_get(json_object_get(record, "values"), name);
    const json_t *error = json_object_get(json_object_get(record, "errors"), name);
    assert_non_null(expected);
    if (json_is_null(expected)) {
        assert_int_equal(value->quality, WEIR_R_ABSENT);
        assert_string_equal(json_string_value(error), "absent");
    } else {
        assert_int_equal(value->quality, WEIR_QUALITY_GOOD);
        assert_true(value->float64 == json_number_value(expected));
        assert_null(error);
    }
}

static void captured(void **state)
{
    FILE *wire = capture_open("wire.txt"), *expect = capture_open("expect.jsonl");
    struct weir_value v[POINT_COUNT];
    char bytes[256];
    size_t len, count = 0;
    for (; next_answer(wire, bytes, sizeof bytes, &len); count++) {
        json_t *record = json_loadf(expect, JSON_DISABLE_EOF_CHECK, NULL);
        assert_non_null(record);
        assert_true(len > 2 && !memcmp(bytes + len - 2, "\r\n", 2));
        assert_int_equal(decode_line(bytes, len - 2, v), WEIR_R_OK);
        compare(record, "temperature", &v[POINT_TEMPERATURE]);
        compare(record, "humidity", &v[POINT_HUMIDITY]);
        json_decref(record);
    }
    assert_true(count > 0);
    assert_null(json_loadf(expect, JSON_DISABLE_EOF_CHECK, NULL)); /* and not one more */
    fclose(wire);
    fclose(expect);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(good), cmocka_unit_test(bad),
                                        cmocka_unit_test(captured) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
