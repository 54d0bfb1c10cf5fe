/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * See capture.h.
 */
#include "capture.h"

#include "cmocka_all.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ASK_MOST_S 30.0

static void path_of(char *buf, size_t size, const char *capture, const char *file)
{
    const char *root = getenv("WEIR_SOURCE_DIR");
    snprintf(buf, size, "%s/tests/captures/%s%s%s", root ? root : ".", capture, *file ? "/" : "",
             file);
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

void capture_each(const char *kind, void (*visit)(const char *capture))
{
    char path[512];
    size_t count = 0;
    path_of(path, sizeof path, kind, "");
    DIR *dir = opendir(path);
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (entry->d_name[0] != '.') {
            snprintf(path, sizeof path, "%s/%.200s", kind, entry->d_name);
            visit(path);
            count++;
        }
    }
    closedir(dir);
    assert_true(count > 0);
}

json_t *capture_setup(const char *capture)
{
    FILE *f = open_file(capture, "setup.json");
    json_t *setup = json_loadf(f, 0, NULL);
    fclose(f);
    assert_non_null(setup);
    return setup;
}

json_t *capture_expected(const char *capture)
{
    char line[4096];
    json_t *all = json_array();
    FILE *f = open_file(capture, "expect.jsonl");
    while (fgets(line, sizeof line, f)) {
        assert_int_equal(json_array_append_new(all, json_loads(line, 0, NULL)), 0);
    }
    fclose(f);
    assert_true(json_array_size(all) > 0);
    return all;
}

/* "0.001 << 3f 0d" */
static bool line_of(char *text, struct capture_line *ret_line)
{
    char *rest;
    double at = strtod(text, &rest);
    text[strcspn(text, "\n")] = 0;
    if (rest == text || strlen(rest) < 4 || (rest[1] != '<' && rest[1] != '>')) {
        return false; /* a remark */
    }
    *ret_line = (struct capture_line){ at, rest[1] == '>', strdup(rest + 4) };
    assert_non_null(ret_line->hex);
    return true;
}

struct capture_line *capture_lines(const char *capture, size_t *ret_count)
{
    char text[32768];
    struct capture_line *lines = NULL, line;
    FILE *f = open_file(capture, "wire.txt");
    *ret_count = 0;
    while (fgets(text, sizeof text, f)) {
        if (line_of(text, &line)) {
            lines = realloc(lines, (*ret_count + 1) * sizeof *lines);
            assert_non_null(lines);
            lines[(*ret_count)++] = line;
        }
    }
    fclose(f);
    return lines;
}

void capture_lines_free(struct capture_line *lines, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(lines[i].hex);
    }
    free(lines);
}

json_t *capture_records(const char *text)
{
    json_t *all = json_array();
    for (const char *at = text, *next; *at; at = next) {
        next = at + strcspn(at, "\n");
        json_array_append_new(all, json_loadb(at, (size_t)(next - at), 0, NULL));
        next += *next == '\n';
    }
    return all;
}

json_t *capture_play(const char *capture, const struct capture_rig *rig)
{
    double now = 0, behind = 0; /* our time, and how far it is ahead of the capture's */
    size_t count;
    struct capture_line *lines = capture_lines(capture, &count);
    for (const struct capture_line *line = lines; line < lines + count; line++) {
        if (line->ours) {
            for (double end = now + ASK_MOST_S; !rig->sent(rig->rig)[0]; now += 0.001) {
                assert_true(now < end);
                rig->until(rig->rig, now);
            }
            behind = now - line->at;
        } else {
            now = line->at + behind > now ? line->at + behind : now;
            rig->until(rig->rig, now);
            rig->hex(rig->rig, line->hex);
        }
    }
    capture_lines_free(lines, count);
    rig->until(rig->rig, now + 3);
    return capture_records(rig->records(rig->rig));
}

static bool same(const json_t *a, const json_t *b)
{
    return json_is_number(a) && json_is_number(b) ? json_number_value(a) == json_number_value(b)
                                                  : json_equal(a, b);
}

const char *capture_differs(const json_t *expected, const json_t *record)
{
    const char *name;
    json_t *value;
    const json_t *device = json_object_get(expected, "device");
    if (device && !json_equal(device, json_object_get(record, "device"))) {
        return "device";
    }
    json_t *values = json_object_get(expected, "values");
    json_object_foreach(values, name, value)
    {
        const json_t *got = json_object_get(json_object_get(record, "values"), name);
        if (!got || !same(got, value)) {
            return name;
        }
    }
    return NULL;
}

/* The next record of this kind from *at on; one without a kind is of any. */
static const json_t *next_of_kind(const json_t *all, const char *kind, size_t *at)
{
    while (*at < json_array_size(all)) {
        const json_t *record = json_array_get(all, (*at)++);
        const char *its = json_string_value(json_object_get(record, "kind"));
        if (!its || !strcmp(its, kind)) {
            return record;
        }
    }
    return NULL;
}

size_t capture_check(const char *capture, const json_t *expected, const json_t *records)
{
    const char *kind = "";
    size_t at = 0, count = json_array_size(expected);
    for (size_t i = 0; i < count; i++) {
        const json_t *one = json_array_get(expected, i);
        kind = json_string_value(json_object_get(one, "kind"));
        const json_t *record = next_of_kind(records, kind, &at);
        if (!record) {
            fail_msg("%s: record %zu is missing", capture, i + 1);
        }
        const char *name = capture_differs(one, record);
        if (name) {
            fail_msg("%s: record %zu: %s is wrong: %s instead of %s", capture, i + 1, name,
                     json_dumps(record, 0), json_dumps(one, 0));
        }
    }
    if (next_of_kind(records, kind, &at)) {
        fail_msg("%s: there are more records than %zu", capture, count);
    }
    return count;
}
