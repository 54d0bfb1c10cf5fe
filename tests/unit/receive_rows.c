/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Objects of anyone as rows: arrays taken apart, columns, labels, and what is said about the rest.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "receive/columns.h"
#include "receive/csv.h"
#include "receive/labels.h"
#include "receive/rows.h"
#include "receive/text.h"
#include "receive/told.h"

#define ID           "\"gateway\":\"g\",\"bus\":\"b\",\"epoch\":7,\"seq\":1,\"device\":\"d\""
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What is written, as a string. */
struct paper {
    FILE *out;
    char *text;
    size_t size;
};

static void open_paper(struct paper *paper)
{
    paper->out = open_memstream(&paper->text, &paper->size);
    assert_non_null(paper->out);
}

static void check_paper(struct paper *paper, const char *expected)
{
    fclose(paper->out);
    assert_string_equal(paper->text, expected);
    free(paper->text);
}

/* ---- rows ---- */

static int write_row(void *context, json_t *row)
{
    text_json(context, row);
    fputc('\n', context);
    return 0;
}

static int count_row(void *context, json_t *row)
{
    size_t *count = context;
    (void)row;

    return ++*count == 3 ? -EIO : 0;
}

static const char *const row_cases[][2] = {
    { "{}", "{}\n" },
    { "{\"a\":{\"b\":[1,2]},\"c\":[]}", "{\"a\":{\"b\":[1,2]},\"c\":[]}\n" },
    { "{\"a\":[{}]}", "{\"a\":{}}\n" },
    { "{\"a\":[{\"b\":1},{\"b\":2}],\"c\":3}",
      "{\"c\":3,\"a\":{\"b\":1}}\n{\"c\":3,\"a\":{\"b\":2}}\n" },
    { "{\"a\":[{\"b\":1},2]}", "{\"a\":[{\"b\":1},2]}\n" },
    { "{\"a\":{\"k\":0,\"t\":[{\"b\":1}]},\"u\":[{\"c\":2}]}",
      "{\"a\":{\"k\":0,\"t\":{\"b\":1}}}\n{\"a\":{\"k\":0},\"u\":{\"c\":2}}\n" },
    { "{\"a\":{\"t\":[{\"b\":1}]},\"u\":[{\"c\":2}]}",
      "{\"a\":{\"t\":{\"b\":1}}}\n{\"u\":{\"c\":2}}\n" },
    { "{\"a\":[{\"b\":[{\"c\":[{\"d\":[{\"e\":[{\"f\":1},{\"f\":2}]}]}]}]}]}",
      "{\"a\":{\"b\":{\"c\":{\"d\":{\"e\":[{\"f\":1},{\"f\":2}]}}}}}\n" },
    { "{\"1\":{\"2\":{\"3\":{\"4\":{\"5\":{\"6\":{\"7\":{\"8\":[{\"x\":1}]}}}}}}}}",
      "{\"1\":{\"2\":{\"3\":{\"4\":{\"5\":{\"6\":{\"7\":{\"8\":{\"x\":1}}}}}}}}}\n" },
    { "{\"1\":{\"2\":{\"3\":{\"4\":{\"5\":{\"6\":{\"7\":{\"8\":{\"9\":[{\"x\":1}]}}}}}}}}}",
      "{\"1\":{\"2\":{\"3\":{\"4\":{\"5\":{\"6\":{\"7\":{\"8\":{\"9\":[{\"x\":1}]}}}}}}}}}\n" },
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(row_cases); i++) {
        json_t *object = json_loads(row_cases[i][0], 0, NULL);
        char *before = json_dumps(object, 0);
        char *after;
        struct paper paper;

        print_message("%s\n", row_cases[i][0]);
        open_paper(&paper);
        assert_int_equal(rows_split(object, write_row, paper.out), 0);
        check_paper(&paper, row_cases[i][1]);
        after = json_dumps(object, 0);
        assert_string_equal(before, after); /* it is not ours */
        free(before);
        free(after);
        json_decref(object);
    }
}

static void test_an_error_ends_the_walk(void **state)
{
    json_t *object = json_loads("{\"a\":[{},{},{},{},{}],\"b\":[{}]}", 0, NULL);
    size_t count = 0;

    (void)state;
    assert_int_equal(rows_split(object, count_row, &count), -EIO);
    assert_int_equal(count, 3);
    json_decref(object);
}

static int add_row(void *context, json_t *row)
{
    size_t *count = context;
    (void)row;

    ++*count;
    return 0;
}

/* So many empty objects in an array, beside a text of so many bytes. */
static size_t rows_of(size_t elements, size_t bytes)
{
    json_t *array = json_array();
    char *text = calloc(1, bytes + 1);
    json_t *object;
    size_t count = 0;

    memset(text, 'x', bytes);
    for (size_t i = 0; i < elements; i++) {
        json_array_append_new(array, json_object());
    }
    object = json_pack("{s:o,s:s}", "a", array, "text", text);
    assert_int_equal(rows_split(object, add_row, &count), 0);
    json_decref(object);
    free(text);
    return count;
}

static void test_rows_are_bounded(void **state)
{
    (void)state;
    assert_int_equal(rows_of(ROWS_MAX, 0), ROWS_MAX);
    assert_int_equal(rows_of(ROWS_MAX + 1, 0), 1);
    assert_int_equal(rows_of(60, 1 << 20), 60);
    assert_int_equal(rows_of(65, 1 << 20), 1);
}

/* Arrays in arrays share one budget: 20 rows of 1 MiB, and not 20 times 20. */
static void test_nested_rows_are_bounded_together(void **state)
{
    char *text = calloc(1, (1 << 20) + 1);
    json_t *outer = json_array();
    json_t *object;
    size_t count = 0;

    (void)state;
    memset(text, 'x', 1 << 20);
    for (int i = 0; i < 20; i++) {
        json_t *inner = json_array();

        for (int j = 0; j < 20; j++) {
            json_array_append_new(inner, json_object());
        }
        json_array_append_new(outer, json_pack("{s:o}", "b", inner));
    }
    object = json_pack("{s:o,s:s}", "a", outer, "text", text);
    assert_int_equal(rows_split(object, add_row, &count), 0);
    assert_int_equal(count, 2 * 20 + 18); /* two of the inner arrays had room */
    json_decref(object);
    free(text);
}

/* ---- columns ---- */

static void test_lists_of_columns(void **state)
{
    static const struct {
        const char *text;
        int result;
        size_t count;
        bool labelled;
    } cases[] = {
        { "a", 0, 1, false },           { "a,b=c.d,more", 0, 3, false },
        { "a,x=a", 0, 2, false },       { "location", 0, 1, true },
        { "x=label.site", 0, 1, true }, { "location=device", 0, 1, false },
        { "", -EINVAL, 0, false },      { ",", -EINVAL, 0, false },
        { "a,a", -EINVAL, 1, false },   { "a,a=b", -EINVAL, 1, false },
    };
    char many[8 * COLUMNS_MAX + 16] = "";
    struct columns columns = { 0 };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        print_message("%s\n", cases[i].text);
        assert_int_equal(columns_parse(&columns, cases[i].text), cases[i].result);
        assert_int_equal(columns.count, cases[i].count);
        assert_int_equal(columns.labelled, cases[i].labelled);
        columns_finish(&columns);
    }
    for (int i = 0; i < COLUMNS_MAX; i++) {
        snprintf(many + strlen(many), 9, "c%d,", i);
    }
    assert_int_equal(columns_parse(&columns, many), 0);
    columns_finish(&columns);
    snprintf(many + strlen(many), 9, "last");
    assert_int_equal(columns_parse(&columns, many), -EINVAL);
    columns_finish(&columns);
}

struct value_case {
    const char *object;
    bool is_record;
    const char *key;
    const char *value; /* NULL: none */
};

static const struct value_case value_cases[] = {
    { "{\"a\":{\"b\":1}}", false, "a.b", "1" },
    { "{\"a\":{\"b\":1}}", false, "a", NULL },
    { "{\"a.b\":1,\"a\":{\"b\":2}}", false, "a.b", "1" },
    { "{\"a.b\":1,\"a\":{\"b\":2}}", false, "a.b#2", "2" },
    { "{}", false, "topic", "the/topic" },
    { "{\"topic\":\"own\"}", false, "topic", "own" },
    { "{\"topic\":\"own\"}", false, "@topic", "the/topic" },
    { "{\"received\":1}", false, "@received", "2026-11-22T12:00:00.123Z" },
    { "{\"received\":1}", false, "received", "1" },
    { "{" ID "}", true, "location", "Pier" },
    { "{" ID ",\"values\":{\"location\":\"own\"}}", true, "location", "own" },
    { "{" ID "}", false, "location", NULL },
    { "{" ID "}", true, "label.site", "North" },
    { "{" ID "}", true, "label.none", NULL },
    { "{\"gateway\":\"h\",\"device\":\"d\"}", true, "location", "d" },
    { "{" ID ",\"kind\":\"vehicle\"}", true, "vehicle_count", "1" },
    { "{" ID ",\"kind\":\"vehicle\",\"values\":{\"vehicle_count\":2}}", true, "vehicle_count",
      "2" },
    { "{" ID ",\"kind\":\"interval\"}", true, "vehicle_count", NULL },
    { "{\"kind\":\"vehicle\"}", false, "vehicle_count", NULL },
};

static void learn(struct labels *labels, const char *text, int result)
{
    json_t *meta = json_loads(text, 0, NULL);

    assert_int_equal(labels_learn(labels, meta), result);
    json_decref(meta);
}

static void test_values(void **state)
{
    struct labels labels = { 0 };
    const struct record record = { 0 };

    (void)state;
    learn(&labels, "{\"gateway\":\"g\",\"device\":\"d\",\"labels\":{\"location\":\"Hill\"}}", 1);
    learn(&labels,
          "{\"gateway\":\"g\",\"device\":\"d\",\"labels\":{\"location\":\"Pier\","
          "\"site\":\"North\"}}",
          1);
    for (size_t i = 0; i < COUNT(value_cases); i++) {
        const struct value_case *c = &value_cases[i];
        json_t *object = json_loads(c->object, 0, NULL);
        const struct item item = { .topic = "the/topic",
                                   .object = object,
                                   .record = c->is_record ? &record : NULL,
                                   .at_ms = 1795348800123 };
        json_t *cells = columns_cells(&item);
        json_t *value = columns_value(&item, cells, &labels, c->key);
        struct paper paper;

        print_message("%s: %s\n", c->object, c->key);
        assert_int_equal(value != NULL, c->value != NULL);
        open_paper(&paper);
        if (value != NULL) {
            text_plain(paper.out, value);
        }
        check_paper(&paper, c->value == NULL ? "" : c->value);
        json_decref(value);
        json_decref(cells);
        json_decref(object);
    }
    labels_finish(&labels);
}

static void test_labels_are_bounded(void **state)
{
    struct labels labels = { 0 };
    char text[LABELS_BYTES_MAX + 200];

    (void)state;
    learn(&labels, "{\"gateway\":\"g\",\"labels\":{}}", 0);
    learn(&labels, "{\"gateway\":\"g\",\"device\":\"d\",\"labels\":[]}", 0);
    snprintf(text, sizeof(text), "{\"gateway\":\"g\",\"device\":\"%0170d\",\"labels\":{}}", 1);
    learn(&labels, text, 0);
    snprintf(text, sizeof(text), "{\"gateway\":\"g\",\"device\":\"d\",\"labels\":{\"a\":\"%0*d\"}}",
             LABELS_BYTES_MAX, 1);
    learn(&labels, text, -E2BIG);
    for (int i = 0; i < LABELS_MAX; i++) {
        snprintf(text, sizeof(text), "{\"gateway\":\"g\",\"device\":\"%d\",\"labels\":{}}", i);
        learn(&labels, text, 1);
    }
    learn(&labels, "{\"gateway\":\"g\",\"device\":\"x\",\"labels\":{}}", -E2BIG);
    learn(&labels, "{\"gateway\":\"g\",\"device\":\"7\",\"labels\":{\"a\":\"b\"}}", 1);
    assert_non_null(labels_find(&labels, "g", "7", "a"));
    assert_null(labels_find(&labels, "g", "x", "a"));
    assert_null(labels_find(&labels, NULL, "x", "a"));
    labels_finish(&labels);
}

/* ---- CSV that learns ---- */

static void write_object(struct csv *csv, const char *text, int64_t now_ms)
{
    json_t *object = json_loads(text, 0, NULL);
    const struct item item = { .topic = "t", .object = object, .at_ms = 1795348800123 };

    assert_int_equal(csv_write(csv, &item, now_ms), 0);
    json_decref(object);
}

static void test_learning(void **state)
{
    struct labels labels = { 0 };
    struct paper paper;
    struct paper words;
    struct csv_settings settings = { .learn_ms = 100, .labels = &labels };
    struct csv *csv;

    (void)state;
    open_paper(&paper);
    open_paper(&words);
    settings.out = paper.out;
    settings.words = words.out;
    csv = csv_create(&settings);
    write_object(csv, "{\"a\":1}", 1000);
    write_object(csv, "{\"b\":2}", 1099);
    assert_int_equal(csv_tick(csv, 1099), 0);
    fflush(paper.out);
    assert_int_equal(paper.size, 0);
    assert_int_equal(csv_tick(csv, 1100), 0);
    write_object(csv, "{\"a\":3,\"c\\u001b[2J\":4}", 1200);
    csv_sum(csv);
    csv_destroy(csv);
    check_paper(&paper, "topic,received,a,b,more\n"
                        "t,2026-11-22T12:00:00.123Z,1,,\n"
                        "t,2026-11-22T12:00:00.123Z,,2,\n"
                        "t,2026-11-22T12:00:00.123Z,3,,\"{\"\"c\\u001b[2J\"\":4}\"\n");
    check_paper(&words, "weir: no column for c?[2J (first on topic t): in the column more\n"
                        "weir: 1 key had no column, in 1 row: c?[2J 1\n");
}

static void test_learning_is_bounded(void **state)
{
    const size_t big = CSV_HELD_BYTES_MAX / 4;
    char *text = calloc(1, big + 32);
    struct labels labels = { 0 };
    struct paper paper;
    struct csv_settings settings = { .learn_ms = 1000000, .labels = &labels };
    struct csv *csv;

    (void)state;
    open_paper(&paper);
    settings.out = paper.out;
    csv = csv_create(&settings);
    memcpy(text, "{\"a\":\"", 6);
    memset(text + 6, 'x', big);
    memcpy(text + 6 + big, "\"}", 2);
    for (int i = 0; i < 4; i++) {
        fflush(paper.out);
        assert_int_equal(paper.size, 0);
        write_object(csv, text, 1000);
    }
    fflush(paper.out);
    assert_true(paper.size > 4 * big);
    csv_destroy(csv);
    fclose(paper.out);
    free(paper.text);
    free(text);
}

static void test_one_column_has_no_empty_lines(void **state)
{
    struct labels labels = { 0 };
    struct paper paper;
    struct csv_settings settings = { .columns = "a", .labels = &labels };
    struct csv *csv;

    (void)state;
    open_paper(&paper);
    settings.out = paper.out;
    csv = csv_create(&settings);
    write_object(csv, "{\"b\":1}", 1000);
    write_object(csv, "{\"a\":null}", 1000);
    write_object(csv, "{\"a\":\"\"}", 1000);
    write_object(csv, "{\"a\":2}", 1000);
    csv_destroy(csv);
    check_paper(&paper, "a\n\"\"\n\"\"\n\"\"\n2\n");
}

static void test_a_key_named_more_is_not_lost(void **state)
{
    static const char *const rows[] = { "a,more\n1,\"{\"\"more\"\":7}\"\n",
                                        "topic,received,a,more\n"
                                        "t,2026-11-22T12:00:00.123Z,1,\"{\"\"more\"\":7}\"\n" };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct labels labels = { 0 };
        struct paper paper;
        struct csv_settings settings = { .columns = i == 0 ? "a,more" : NULL, .labels = &labels };
        struct csv *csv;

        open_paper(&paper);
        settings.out = paper.out;
        csv = csv_create(&settings);
        write_object(csv, "{\"a\":1,\"more\":7}", 1000);
        csv_destroy(csv);
        check_paper(&paper, rows[i]);
    }
}

/* ---- words ---- */

static void test_what_is_told(void **state)
{
    struct told told = { 0 };
    struct paper paper;
    char topic[16];

    (void)state;
    open_paper(&paper);
    told.out = paper.out;
    told_note(&told, "a\033", "b\n");
    told_note(&told, "a\033", "c");
    told_sum(&told, paper.out);
    check_paper(&paper, "weir: a?: b? (later ones on this topic are only counted)\n"
                        "weir: 2 messages were no JSON objects or broken, on 1 topic\n");
    told.out = NULL;
    for (int i = 1; i < TOLD_MAX; i++) {
        snprintf(topic, sizeof(topic), "t%d", i);
        told_note(&told, topic, "x");
    }
    open_paper(&paper);
    told.out = paper.out;
    told_note(&told, "one/more", "x");
    told_note(&told, "two/more", "x");
    told_sum(&told, paper.out);
    check_paper(&paper,
                "weir: more than 64 topics have messages that are no rows: no more are named\n"
                "weir: 67 messages were no JSON objects or broken, on more than 64 topics\n");
    told_finish(&told);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_an_error_ends_the_walk),
        cmocka_unit_test(test_rows_are_bounded),
        cmocka_unit_test(test_nested_rows_are_bounded_together),
        cmocka_unit_test(test_lists_of_columns),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_labels_are_bounded),
        cmocka_unit_test(test_learning),
        cmocka_unit_test(test_learning_is_bounded),
        cmocka_unit_test(test_one_column_has_no_empty_lines),
        cmocka_unit_test(test_a_key_named_more_is_not_lost),
        cmocka_unit_test(test_what_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
