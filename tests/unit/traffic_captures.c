/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Every capture of tests/captures/traffic, replayed: what passed the counter (expect.jsonl) is what
 * the records say, in order, no more and no less. A request in the capture stands for one of ours:
 * time goes on until we have sent it.
 */
#include "cmocka_all.h"

#include <dirent.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "traffic_rig_counter.h"

#define ASK_MOST_S 30.0

struct replay {
    struct traffic_rig *rig;
    double now, behind; /* our time, and how far it is ahead of the capture's */
};

static void path_of(char *buf, size_t size, const char *capture, const char *file)
{
    const char *root = getenv("WEIR_SOURCE_DIR");
    snprintf(buf, size, "%s/tests/captures/traffic/%s%s%s", root ? root : ".", capture,
             *file ? "/" : "", file);
}

static FILE *open_file(const char *capture, const char *file)
{
    char path[512];
    path_of(path, sizeof path, capture, file);
    FILE *f = fopen(path, "r");
    if (!f) {
        fail_msg("%s cannot be read", path);
    }
    return f;
}

static const char *text_of(const json_t *setup, const char *key)
{
    const char *text = json_string_value(json_object_get(setup, key));
    return text ? text : "";
}

/* As weir reads it, with its model; older captures have a family and what they need. */
static void open_counter(struct counter *c, const char *capture, char family[64])
{
    char bus[512];
    FILE *f = open_file(capture, "setup.json");
    json_t *setup = json_loadf(f, 0, NULL);
    fclose(f);
    assert_non_null(setup);
    snprintf(family, 64, "%s", text_of(setup, "family"));
    *c = (struct counter){ 0 };
    if (json_object_get(setup, "model")) {
        snprintf(bus, sizeof bus, "model = \"%s\"; set_clock = false; %s", text_of(setup, "model"),
                 text_of(setup, "bus"));
        counter_load(c, bus, text_of(setup, "device"));
    } else {
        c->setup = (struct traffic_rig_setup){
            .family = family,
            .addresses = { json_integer_value(json_object_get(setup, "address")) },
            .devices = 1,
            .no_clock_set = true,
            .every_s = json_number_value(json_object_get(setup, "every"))
        };
    }
    json_decref(setup);
    c->rig = traffic_rig_open(&c->setup);
}

/* "0.001 << 3f 0d" */
static void play_line(struct replay *r, const char *line)
{
    char *rest;
    double at = strtod(line, &rest);
    if (rest == line || strlen(rest) < 4 || (rest[1] != '<' && rest[1] != '>')) {
        return; /* a remark */
    }
    if (rest[1] == '>') {
        for (double end = r->now + ASK_MOST_S; !traffic_rig_sent(r->rig)[0]; r->now += 0.001) {
            assert_true(r->now < end);
            traffic_rig_until(r->rig, r->now);
        }
        r->behind = r->now - at;
        return;
    }
    r->now = at + r->behind > r->now ? at + r->behind : r->now;
    traffic_rig_until(r->rig, r->now);
    traffic_rig_hex(r->rig, rest + 4);
}

/* The records, each a line, in an array. */
static json_t *play(const char *capture)
{
    char family[64], line[32768];
    struct counter c;
    open_counter(&c, capture, family);
    struct replay r = { .rig = c.rig };
    FILE *f = open_file(capture, "wire.txt");
    while (fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = 0;
        play_line(&r, line);
    }
    fclose(f);
    traffic_rig_until(r.rig, r.now + 3);
    json_t *all = json_array();
    char *records = strdup(traffic_rig_records(r.rig));
    assert_non_null(records);
    for (char *at = records, *next; *at; at = next) {
        next = at + strcspn(at, "\n");
        json_array_append_new(all, json_loadb(at, (size_t)(next - at), 0, NULL));
        next += *next == '\n';
    }
    free(records);
    counter_end(&c);
    return all;
}

/* The next record of this kind from *at on. */
static const json_t *next_of_kind(const json_t *all, const char *kind, size_t *at)
{
    while (*at < json_array_size(all)) {
        const json_t *record = json_array_get(all, (*at)++);
        if (!strcmp(json_string_value(json_object_get(record, "kind")), kind)) {
            return record;
        }
    }
    return NULL;
}

static bool same(const json_t *a, const json_t *b)
{
    return json_is_number(a) && json_is_number(b) ? json_number_value(a) == json_number_value(b)
                                                  : json_equal(a, b);
}

static void check(const char *capture, const json_t *expected, const json_t *record, size_t number)
{
    const char *name;
    json_t *value;
    if (!record) {
        fail_msg("%s: record %zu is missing", capture, number);
    }
    json_t *values = json_object_get(expected, "values");
    json_object_foreach(values, name, value)
    {
        const json_t *got = json_object_get(json_object_get(record, "values"), name);
        if (!got || !same(got, value)) {
            fail_msg("%s: record %zu: %s is %s instead of %s", capture, number, name,
                     got ? json_dumps(got, JSON_ENCODE_ANY) : "not there",
                     json_dumps(value, JSON_ENCODE_ANY));
        }
    }
}

static size_t replay(const char *capture)
{
    char line[4096], kind[16] = "";
    size_t at = 0, number = 0;
    json_t *all = play(capture);
    FILE *f = open_file(capture, "expect.jsonl");
    while (fgets(line, sizeof line, f)) {
        json_t *expected = json_loads(line, 0, NULL);
        snprintf(kind, sizeof kind, "%s", json_string_value(json_object_get(expected, "kind")));
        check(capture, expected, next_of_kind(all, kind, &at), ++number);
        json_decref(expected);
    }
    fclose(f);
    assert_true(number > 0);
    if (next_of_kind(all, kind, &at)) {
        fail_msg("%s: there are more records than %zu", capture, number);
    }
    json_decref(all);
    return number;
}

static void captures(void **state)
{
    char path[512];
    size_t count = 0;
    path_of(path, sizeof path, "", "");
    DIR *dir = opendir(path);
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (entry->d_name[0] != '.') {
            printf("%s: %zu records\n", entry->d_name, replay(entry->d_name));
            count++;
        }
    }
    closedir(dir);
    assert_true(count > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(captures) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
