/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Messages to records: what is a record, what is none, what is a broken one; batches; contents
 * that count as the same.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "receive/decode.h"

#define ID "\"gateway\":\"g\",\"bus\":\"b\",\"epoch\":7,\"seq\":1"

struct sort_case {
    const char *text;
    int message; /* of decode_message */
    int record;  /* of decode_record, for the first object */
    const char *why;
};

static const struct sort_case sort_cases[] = {
    { "{" ID "}", 0, 1, NULL },
    { "[{" ID "}]", 0, 1, NULL },
    { "{}", 0, 0, NULL },
    { "{\"temperature\":21.5}", 0, 0, NULL },
    { "{\"seq\":5,\"temperature\":21.5}", 0, 0, NULL },
    { "{\"gateway\":\"g\",\"bus\":\"b\"}", 0, 0, NULL },
    { "{\"gateway\":\"g\",\"bus\":\"b\",\"epoch\":9007199254740992,\"seq\":9007199254740992}", 0, 1,
      NULL },
    { "{" ID ",\"values\":{\"e\":18446744073709551615}}", 0, 1, NULL },
    { "{\"gateway\":\"g\",\"bus\":\"b\",\"epoch\":7,\"seq\":42.0}", 0, 1, NULL },
    { "{\"gateway\":\"g\",\"bus\":\"b\",\"epoch\":7,\"seq\":0}", 0, -EBADMSG,
      "seq 0 is no number from 1 to 2^53" },
    { "{\"gateway\":\"g\",\"bus\":\"b\",\"epoch\":7,\"seq\":-1}", 0, -EBADMSG,
      "seq -1 is no number from 1 to 2^53" },
    { "{\"gateway\":\"g\",\"bus\":\"b\",\"epoch\":7,\"seq\":1.5}", 0, -EBADMSG,
      "seq 1.5 is no number from 1 to 2^53" },
    { "{\"gateway\":\"g\",\"bus\":\"b\",\"epoch\":7,\"seq\":\"1\"}", 0, -EBADMSG,
      "seq \"1\" is no number from 1 to 2^53" },
    { "{\"gateway\":\"g\",\"bus\":\"b\",\"epoch\":7,\"seq\":9007199254740993}", 0, -EBADMSG,
      "seq 9007199254740993 is no number from 1 to 2^53" },
    { "{\"gateway\":\"g\",\"bus\":\"b\",\"epoch\":0,\"seq\":1}", 0, -EBADMSG,
      "epoch 0 is no number from 1 to 2^53" },
    { "{\"gateway\":\"g\",\"epoch\":7,\"seq\":1}", 0, -EBADMSG, "bus is no name" },
    { "{\"gateway\":\"a b\",\"bus\":\"b\",\"epoch\":7,\"seq\":1}", 0, -EBADMSG,
      "gateway \"a b\" is no name" },
    { "{\"gateway\":\"\\u001b[2J\",\"bus\":\"b\",\"epoch\":7,\"seq\":1}", 0, -EBADMSG,
      "gateway \"\\u001B[2J\" is no name" },
    { "{\"gateway\":\"-g\",\"bus\":\"b\",\"epoch\":7,\"seq\":1}", 0, -EBADMSG,
      "gateway \"-g\" is no name" },
    { "", -EBADMSG, 0, "empty" },
    { "online", -EBADMSG, 0, "line 1 column " },
    { "{" ID ",\"seq\":2}", -EBADMSG, 0, "line 1 column " },
    { "[1,2]", -EBADMSG, 0, "element 1 is no object" },
    { "[{},3]", -EBADMSG, 0, "element 2 is no object" },
    { "{" ID "} x", -EBADMSG, 0, "line 1 column " },
    { "{\"a\":1e999}", -EBADMSG, 0, "line 1 column " },
    { "{\"a\":\"\\u0000\"}", -EBADMSG, 0, "line 1 column " },
};

static void test_sorts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(sort_cases) / sizeof(sort_cases[0]); i++) {
        const struct sort_case *c = &sort_cases[i];
        struct decode_error error = { "", "" };
        struct record record = { 0 };
        json_t *items = NULL;
        int result = decode_message(c->text, strlen(c->text), &items, &error);

        print_message("%s\n", c->text);
        assert_int_equal(result, c->message);
        if (result == 0) {
            assert_int_equal(decode_record(json_array_get(items, 0), &record, &error), c->record);
        }
        if (c->why != NULL) {
            assert_non_null(strstr(error.text, c->why));
        }
        record_finish(&record);
        json_decref(items);
    }
}

static json_t *parse(const char *text)
{
    struct decode_error error;
    json_t *items = NULL;

    assert_int_equal(decode_message(text, strlen(text), &items, &error), 0);
    return items;
}

static struct record record_at(json_t *items, size_t index)
{
    struct decode_error error;
    struct record record = { 0 };

    assert_int_equal(decode_record(json_array_get(items, index), &record, &error), 1);
    return record;
}

static void test_compact(void **state)
{
    json_t *items = parse("[{" ID ",\"device\":\"d\",\"kind\":\"reading\",\"time\":\"t1\","
                          "\"values\":{\"v\":1},\"errors\":{\"w\":\"timeout\"},\"after\":[]},"
                          "{\"seq\":2,\"time\":\"t2\"},"
                          "{\"seq\":3,\"bus\":\"c\",\"values\":{\"v\":2}}]");
    struct record second = record_at(items, 1);
    struct record third = record_at(items, 2);

    (void)state;
    assert_int_equal(json_array_size(items), 3);
    assert_int_equal(second.seq, 2);
    assert_int_equal(second.epoch, 7);
    assert_string_equal(second.gateway, "g");
    assert_string_equal(second.device, "d");
    assert_string_equal(second.time, "t2");
    assert_false(second.has_after);
    assert_null(json_object_get(json_array_get(items, 1), "errors"));
    assert_string_equal(third.bus, "c");
    assert_string_equal(third.time, "t1");
    record_finish(&second);
    record_finish(&third);
    json_decref(items);
}

static void test_foreign_batch_is_left_alone(void **state)
{
    json_t *items = parse("[{\"device\":\"a\",\"v\":1},{\"v\":2}]");

    (void)state;
    assert_null(json_object_get(json_array_get(items, 1), "device"));
    json_decref(items);
}

static void test_ranges(void **state)
{
    json_t *items = parse("{" ID ",\"before\":[{\"first\":30,\"last\":40,\"why\":\"limit\"},"
                          "{\"first\":41,\"last\":41,\"why\":\"bored\"}],"
                          "\"after\":[{\"epoch\":6,\"last\":480,\"clean\":false,\"until\":\"2026-"
                          "11-22T12:00:00Z\",\"damage\":true,"
                          "\"before\":[{\"first\":1,\"last\":2,\"why\":\"age\"}]},"
                          "{\"epoch\":8,\"last\":null,\"clean\":true}]}");
    struct record record = record_at(items, 0);

    (void)state;
    assert_false(record.before_garbled || record.after_garbled);
    assert_int_equal(record.before.count, 2);
    assert_int_equal(record.before.list[0].first, 30);
    assert_int_equal(record.before.list[0].last, 40);
    assert_int_equal(record.before.list[0].why, WHY_LIMIT);
    assert_int_equal(record.before.list[1].why, WHY_INVALID);
    assert_int_equal(record.after_count, 2);
    assert_int_equal(record.after[0].epoch, 6);
    assert_int_equal(record.after[0].last, 480);
    assert_true(record.after[0].last_known && record.after[0].damage && !record.after[0].clean);
    assert_int_equal(record.after[0].before.list[0].why, WHY_AGE);
    assert_true(!record.after[1].last_known && record.after[1].clean);
    record_finish(&record);
    json_decref(items);
}

static void test_garbled_ranges(void **state)
{
    static const char *const cases[] = {
        "{" ID ",\"before\":3}",
        "{" ID ",\"before\":[3]}",
        "{" ID ",\"before\":[{\"first\":\"1\",\"last\":2,\"why\":\"age\"}]}",
        "{" ID ",\"after\":{}}",
        "{" ID ",\"after\":[{}]}",
        "{" ID ",\"after\":[{\"epoch\":1,\"clean\":true}]}",
        "{" ID ",\"after\":[{\"epoch\":1,\"last\":5}]}",
        "{" ID ",\"after\":[{\"epoch\":1,\"last\":\"5\",\"clean\":true}]}",
        "{" ID ",\"after\":[{\"epoch\":1,\"last\":5,\"clean\":true,\"before\":{}}]}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        json_t *items = parse(cases[i]);
        struct record record = record_at(items, 0);

        print_message("%s\n", cases[i]);
        assert_true(strstr(cases[i], "after") != NULL ? record.after_garbled
                                                      : record.before_garbled);
        record_finish(&record);
        json_decref(items);
    }
}

static struct content content_of(const char *text)
{
    json_t *items = parse(text);
    struct record record = record_at(items, 0);
    struct content content = record.content;

    record_finish(&record);
    json_decref(items);
    return content;
}

static void test_content(void **state)
{
    struct content a = content_of("{" ID ",\"time\":\"t\",\"values\":{\"v\":1,\"w\":[2,null]}}");
    struct content order = content_of("{\"values\":{\"w\":[2,null],\"v\":1.0}," ID
                                      ",\"time\":\"t\",\"before\":[],\"after\":[]}");
    struct content other =
        content_of("{" ID ",\"time\":\"t\",\"values\":{\"v\":1,\"w\":[null,2]}}");
    struct content early = content_of("{" ID ",\"time\":\"u\",\"clock\":\"unsynced\",\"uptime\":5,"
                                      "\"values\":{\"v\":1,\"w\":[2,null]}}");

    (void)state;
    assert_int_equal(a.whole, order.whole);
    assert_int_equal(a.timeless, order.timeless);
    assert_int_not_equal(a.whole, other.whole);
    assert_int_not_equal(a.timeless, other.timeless);
    assert_int_not_equal(a.whole, early.whole);
    assert_int_equal(a.timeless, early.timeless);
    assert_false(a.unsynced);
    assert_true(early.unsynced);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sorts),
        cmocka_unit_test(test_compact),
        cmocka_unit_test(test_foreign_batch_is_left_alone),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_garbled_ranges),
        cmocka_unit_test(test_content),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
