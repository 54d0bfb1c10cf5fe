/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * What goes out: numbers, CSV, the table, the live table, the report file; and the URL.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "receive/csv.h"
#include "receive/decode.h"
#include "receive/live.h"
#include "receive/options.h"
#include "receive/report.h"
#include "receive/table.h"
#include "receive/text.h"

#define ID           "\"gateway\":\"g\",\"bus\":\"b\",\"epoch\":7,\"seq\":1"
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- text ---- */

static void test_json_comes_back_as_it_was(void **state)
{
    static const char *const cases[] = {
        "{\"a\":230.1,\"b\":-0.0,\"c\":1e+300,\"d\":5e-300,\"e\":12345.6,\"f\":230.0}",
        "{\"a\":9223372036854775807,\"b\":-1,\"c\":true,\"d\":false,\"e\":null}",
        "{\"a\":[1,[],{}],\"b\":{\"c\":\"\\\"\\\\\\u0007 \xc3\xa9\"}}",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        json_t *value = json_loads(cases[i], 0, NULL);
        char *text = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&text, &size);

        text_json(out, value);
        fclose(out);
        assert_string_equal(text, cases[i]);
        free(text);
        json_decref(value);
    }
}

static void test_cells_do_not_steer_a_terminal(void **state)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    (void)state;
    text_cell(out, "a\033[2J\xc2\x9b\x7f\xc3\xa9", 0);
    fputc('|', out);
    text_cell(out, "\xc3\xa9\xc3\xa9\xc3\xa9", 2);
    fputc('|', out);
    text_cell(out, "\xc3\xa9", 3);
    fclose(out);
    assert_string_equal(text, "a?[2J??\xc3\xa9|\xc3\xa9\xc3\xa9|\xc3\xa9  ");
    free(text);
}

/* ---- CSV ---- */

struct csv_case {
    const char *columns;
    const char *objects[4];
    const char *rows;
};

static const struct csv_case csv_cases[] = {
    { NULL,
      { "{" ID ",\"device\":\"d\",\"values\":{\"v\":230.1,\"w\":null},\"after\":[]}",
        "{" ID ",\"device\":\"e\",\"values\":{\"v\":1,\"x\":2}}" },
      "gateway,bus,epoch,seq,device,v,w,more\n"
      "g,b,7,1,d,230.1,,\n"
      "g,b,7,1,e,1,,\"{\"\"x\"\":2}\"\n" },
    { NULL,
      { "{\"a\":{\"b\":1,\"c\":{\"d\":\"x,y\"}},\"e\":[1,\"q\"],\"f\":{}}",
        "{\"e\":\"line\\nbreak\",\"a\":{\"b\":\"say \\\"hi\\\"\"}}" },
      "topic,received,a.b,a.c.d,e,f,more\n"
      "the/topic,2026-11-22T12:00:00.123Z,1,\"x,y\",\"[1,\"\"q\"\"]\",{},\n"
      "the/topic,2026-11-22T12:00:00.123Z,\"say \"\"hi\"\"\",,\"line\nbreak\",,\n" },
    { "location=device,time,vehicle_count,topic",
      { "{" ID ",\"device\":\"d\",\"time\":\"t\",\"values\":{\"vehicle_count\":12,\"speed\":3}}",
        "{\"vehicle_count\":1}" },
      "location,time,vehicle_count,topic\n"
      "d,t,12,the/topic\n"
      ",,1,the/topic\n" },
    { "a,values.b", { "{\"values\":{\"b\":1}}" }, "a,values.b\n,1\n" },
};

static struct item item_of(json_t *object, struct record *record)
{
    struct decode_error error;
    struct item item = { .topic = "the/topic", .object = object, .at_ms = 1795348800123 };

    if (decode_record(object, record, &error) == 1) {
        item.record = record;
    }
    return item;
}

static void test_csv(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(csv_cases); i++) {
        const struct csv_case *c = &csv_cases[i];
        char *text = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&text, &size);
        const struct labels labels = { 0 };
        const struct csv_settings settings = { .columns = c->columns,
                                               .labels = &labels,
                                               .out = out };
        struct csv *csv = csv_create(&settings);

        for (size_t j = 0; j < COUNT(c->objects) && c->objects[j] != NULL; j++) {
            json_t *object = json_loads(c->objects[j], 0, NULL);
            struct record record = { 0 };
            struct item item = item_of(object, &record);

            assert_int_equal(csv_write(csv, &item, 1000), 0);
            record_finish(&record);
            json_decref(object);
        }
        fclose(out);
        assert_string_equal(text, c->rows);
        free(text);
        csv_destroy(csv);
    }
}

/* ---- tables ---- */

static const char *const table_objects[] = {
    "{" ID ",\"device\":\"d\",\"kind\":\"reading\",\"time\":\"2026-11-22T12:00:00.123Z\","
    "\"values\":{\"v\":230.1,\"w\":null},\"errors\":{\"w\":\"timeout\"}}",
    "{\"temperature\":21.5}",
    "{" ID ",\"device\":\"a-long-name-here\",\"kind\":\"event\",\"values\":{\"event\":\"start\"}}",
};

static void test_table(void **state)
{
    struct table table = { 0 };
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    (void)state;
    for (size_t i = 0; i < COUNT(table_objects); i++) {
        json_t *object = json_loads(table_objects[i], 0, NULL);
        struct record record = { 0 };
        struct item item = item_of(object, &record);

        assert_int_equal(table_write(&table, out, &item), 0);
        record_finish(&record);
        json_decref(object);
    }
    fclose(out);
    assert_string_equal(
        text, "TIME                      DEVICE     KIND     VALUES\n"
              "2026-11-22T12:00:00.123Z  d          reading  v=230.1 w=- errors.w=timeout\n"
              "2026-11-22T12:00:00.123Z  the/topic  -        temperature=21.5\n"
              "2026-11-22T12:00:00.123Z  a-long-name-here  event    event=start\n");
    free(text);
}

static void test_live_table(void **state)
{
    struct live *live = live_create(false);
    struct live_status status = { .connection = "connected to x",
                                  .connected = true,
                                  .running_ms = 3723000 };
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    (void)state;
    setenv("COLUMNS", "76", 1);
    setenv("LINES", "24", 1);
    for (size_t i = 0; i < COUNT(table_objects); i++) {
        json_t *object = json_loads(table_objects[i], 0, NULL);
        struct record record = { 0 };
        struct item item = item_of(object, &record);

        live_message(live, 1000 + (int64_t)i * 1500);
        assert_int_equal(live_take(live, &item), 0);
        record_finish(&record);
        json_decref(object);
    }
    assert_int_equal(live_draw(live, out, &status, 4000), 0);
    assert_int_equal(live_draw(live, out, &status, 9000), 0);
    fclose(out);
    if (isatty(STDOUT_FILENO) == 0) { /* else it has the width of the terminal */
        assert_non_null(strstr(
            text,
            "DEVICE              KIND     LAST              SEQ  RECORDS  VALUES\033[K\n"
            "the/topic           -        12:00:00.123        -        1  ...\033[K\n"
            "g/a-long-name-here  event    12:00:00.123        1        1  event=start\033[K\n"
            "g/d                 reading  12:00:00.123        1        1  v=230.1 w=- ...\033[K\n"
            "\033[K\n"
            "01:02:03  connected to x\033[K\n"
            "0.7 messages/s, 0 records, 0 missing, 0 repeats, longest silence 1.5 s\033[K\n"
            "\033[J\r\033[7A"));
    }
    free(text);
    live_destroy(live);
}

/* ---- the report ---- */

static char folder[] = "/tmp/weir-receive-XXXXXX";

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) == NULL ? -1 : 0;
}

static int remove_folder(void **state)
{
    static const char *const names[] = { "report", "report.lock", "report.new", "other",
                                         "other.lock" };
    char path[128];

    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        unlink(path);
    }
    return rmdir(folder);
}

static void feed(struct verify *verify, uint64_t seq)
{
    struct record record = { .gateway = "g", .bus = "b", .epoch = 7, .seq = seq };

    assert_int_equal(verify_record(verify, &record, 1000), 0);
}

static void test_report(void **state)
{
    struct verify *verify = verify_create();
    struct report report;
    struct report second;
    char path[128];
    bool continued = false;

    (void)state;
    snprintf(path, sizeof(path), "%s/report", folder);
    assert_int_equal(report_open(&report, path, verify, &continued), 0);
    assert_false(continued);
    assert_int_equal(report_open(&second, path, verify, &continued), -EWOULDBLOCK);
    feed(verify, 1);
    feed(verify, 2);
    assert_int_equal(report_write(&report, verify, true, 5000), 0);
    report_close(&report);
    verify_destroy(verify);

    verify = verify_create();
    assert_int_equal(report_open(&report, path, verify, &continued), 0);
    assert_true(continued);
    verify_back(verify, true, 8000);
    assert_int_equal(verify->absences.longest_ms, 3000);
    assert_false(verify->streams[0]->doubt);
    feed(verify, 4);
    assert_int_equal(verify_sum(verify).missing, 1);
    assert_int_equal(report_write(&report, verify, false, 9000), 0);
    report_close(&report);
    verify_destroy(verify);

    verify = verify_create();
    assert_int_equal(report_open(&report, path, verify, &continued), 0);
    assert_true(verify->streams[0]->doubt); /* the last run did not end in order */
    feed(verify, 6);
    assert_int_equal(verify_sum(verify).missing, 1);
    assert_int_equal(verify_sum(verify).unsure, 1);
    report_close(&report);
    verify_destroy(verify);
}

static void test_foreign_file_is_left_alone(void **state)
{
    static const char *const texts[] = {
        "",
        "precious",
        "{}",
        "[]",
        "{\"weir_receive\":2}",
        "{\"weir_receive\":1,\"saved_ms\":1,\"streams\":[],\"absences\":{},\"faults\":{}}",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct verify *verify = verify_create();
        struct report report;
        char path[128];
        char found[128] = "";
        bool continued = false;
        FILE *file;

        snprintf(path, sizeof(path), "%s/other", folder);
        file = fopen(path, "w");
        fputs(texts[i], file);
        fclose(file);
        assert_int_equal(report_open(&report, path, verify, &continued), -EBADMSG);
        file = fopen(path, "r");
        found[fread(found, 1, sizeof(found) - 1, file)] = '\0';
        fclose(file);
        assert_string_equal(found, texts[i]);
        verify_destroy(verify);
    }
}

/* ---- the URL ---- */

struct url_case {
    const char *url;
    const char *host; /* NULL: refused */
    int port;
};

static const struct url_case url_cases[] = {
    { "mqtt://localhost", "localhost", 1883 },
    { "mqtt://localhost/", "localhost", 1883 },
    { "mqtt://10.0.0.5:18830", "10.0.0.5", 18830 },
    { "mqtt://[::1]:1884", "::1", 1884 },
    { "mqtt://[fe80::1]", "fe80::1", 1883 },
    { "mqtts://localhost", NULL, 0 },
    { "localhost", NULL, 0 },
    { "mqtt://", NULL, 0 },
    { "mqtt://:1883", NULL, 0 },
    { "mqtt://h:0", NULL, 0 },
    { "mqtt://h:65536", NULL, 0 },
    { "mqtt://h:18x", NULL, 0 },
    { "mqtt://h:", NULL, 0 },
    { "mqtt://h/weir", NULL, 0 },
    { "mqtt://u:p@h", NULL, 0 },
    { "mqtt://[::1", NULL, 0 },
};

static void test_url(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(url_cases); i++) {
        const struct url_case *c = &url_cases[i];
        char host[64] = "";
        int port = 0;
        const char *wrong = options_url(c->url, host, sizeof(host), &port);

        print_message("%s: %s\n", c->url, wrong == NULL ? "good" : wrong);
        assert_int_equal(wrong == NULL, c->host != NULL);
        if (c->host != NULL) {
            assert_string_equal(host, c->host);
            assert_int_equal(port, c->port);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_comes_back_as_it_was),
        cmocka_unit_test(test_cells_do_not_steer_a_terminal),
        cmocka_unit_test(test_csv),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_live_table),
        cmocka_unit_test(test_report),
        cmocka_unit_test(test_foreign_file_is_left_alone),
        cmocka_unit_test(test_url),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
