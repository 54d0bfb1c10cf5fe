/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Our JSON against a JSON library: exact text for the documented examples, and random records that
 * the library must parse to the same values.
 */
#include "cmocka_all.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "record/json.h"

static const struct weir_point points[] = {
    { "voltage_l1", "V", WEIR_FLOAT32 },
    { "energy_import", "kW.h", WEIR_FLOAT64 },
    { "relay", "", WEIR_BOOL },
    { "note", "", WEIR_TEXT },
};
static const struct weir_shape view = { "feeder-1", "reading", "", NULL, 0, points, 4 };
static char text[65536];

static const char *encode(const struct json_record *record, bool flat)
{
    struct json_shape *shape;
    assert_int_equal(json_shape_create("kerb-07", "meters", &view, flat, &shape), 0);
    struct json json = json_init(text, sizeof text - 1);
    json_record(&json, shape, record);
    assert_false(json.failed);
    text[json_len(&json)] = 0;
    json_shape_destroy(shape);
    return text;
}

static struct weir_value good[4] = { { .float32 = 230.1f },
                                     { .float64 = 12345.6 },
                                     { .quality = WEIR_QUALITY_OMITTED },
                                     { .quality = WEIR_QUALITY_OMITTED } };

static void example(void **state)
{
    struct json_record record = { .epoch = 75919561666,
                                  .seq = 42,
                                  .time = { 1795348800123 * NS_PER_MS },
                                  .clock = JSON_CLOCK_SYNCED,
                                  .values = good };
    assert_string_equal(
        encode(&record, false),
        "{\"gateway\":\"kerb-07\",\"bus\":\"meters\",\"epoch\":75919561666,\"seq\":42,"
        "\"device\":\"feeder-1\",\"kind\":\"reading\",\"time\":"
        "\"2026-11-22T12:00:00.123Z\","
        "\"values\":{\"voltage_l1\":230.1,\"energy_import\":12345.6}}");
    assert_non_null(strstr(encode(&record, true), ".123Z\",\"voltage_l1\":230.1,\"energy"));
}

static void proof(void **state)
{
    struct json_range before[2] = { { 30, 40, "limit" }, { 41, 41, "filter" } };
    struct json_range early[1] = { { 470, 480, "age" } };
    struct json_epoch after[1] = {
        { .epoch = 7, .last = 480, .before = early, .before_count = 1 }
    };
    struct weir_value bad[4] = { { .quality = WEIR_R_TIMEOUT },
                                 { .quality = WEIR_QUALITY_SUSPECT, .float64 = 1 },
                                 { .boolean = 1 },
                                 { .quality = WEIR_QUALITY_OMITTED } };
    struct json_record record = { .epoch = 8,
                                  .seq = 42,
                                  .clock = JSON_CLOCK_UNSYNCED,
                                  .uptime_ns = 12345 * NS_PER_MS,
                                  .values = bad,
                                  .proof = true,
                                  .first_of_epoch = true,
                                  .before = before,
                                  .before_count = 2,
                                  .after = after,
                                  .after_count = 1 };
    assert_string_equal(
        encode(&record, false),
        "{\"gateway\":\"kerb-07\",\"bus\":\"meters\",\"epoch\":8,\"seq\":42,\"device\":\"feeder-"
        "1\","
        "\"kind\":\"reading\",\"time\":\"1970-01-01T00:00:00.000Z\",\"clock\":\"unsynced\","
        "\"uptime\":12.345,\"before\":[{\"first\":30,\"last\":40,\"why\":\"limit\"},"
        "{\"first\":41,\"last\":41,\"why\":\"filter\"}],\"after\":[{\"epoch\":7,\"last\":480,"
        "\"clean\":false,\"before\":[{\"first\":470,\"last\":480,\"why\":\"age\"}]}],"
        "\"values\":{\"voltage_l1\":null,\"energy_import\":1,\"relay\":true},"
        "\"errors\":{\"voltage_l1\":\"timeout\"},\"suspect\":[\"energy_import\"]}");
}

static void random_texts(void **state)
{
    struct weir_value values[4];
    uint8_t bytes[40];
    memcpy(values, good, sizeof values);
    values[2] = (struct weir_value){ .boolean = 1 };
    srand(1);
    for (int round = 0; round < 20000; round++) {
        size_t len = (size_t)rand() % sizeof bytes;
        for (size_t i = 0; i < len; i++) {
            bytes[i] = (uint8_t)(rand() % 3 ? rand() % 128 : rand() % 256);
        }
        values[3] = (struct weir_value){ .bytes = { bytes, len } };
        values[1].float64 = (double)(rand() - rand()) / 1000.0;
        struct json_record record = {
            .epoch = 1, .seq = 1, .clock = JSON_CLOCK_SYNCED, .values = values
        };
        json_error_t error;
        json_t *root =
            json_loads(encode(&record, false), JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
        assert_non_null(root);
        json_t *got = json_object_get(root, "values");
        assert_true(json_number_value(json_object_get(got, "energy_import")) == values[1].float64);
        assert_true(json_is_true(json_object_get(got, "relay")));
        assert_non_null(json_string_value(json_object_get(got, "note")));
        json_decref(root);
    }
}

/* Whatever the room, it fails cleanly or is whole. */
static void short_room(void **state)
{
    struct json_shape *shape;
    struct json_record record = { .epoch = 1, .seq = 1, .values = good };
    size_t whole = strlen(encode(&record, false));
    assert_int_equal(json_shape_create("kerb-07", "meters", &view, false, &shape), 0);
    for (size_t size = 0; size <= whole; size++) {
        char *exact = malloc(size + 1);
        struct json json = json_init(exact, size);
        json_record(&json, shape, &record);
        assert_int_equal(json.failed, size < whole);
        free(exact);
    }
    json_shape_destroy(shape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(example),
        cmocka_unit_test(proof),
        cmocka_unit_test(random_texts),
        cmocka_unit_test(short_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
