/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * See receive_steps.h.
 */
#include "receive_steps.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "receive/decode.h"

/* ---- short words to JSON ---- */

static void put_range(FILE *out, const char *text, const char *comma)
{
    unsigned long long first = 0;
    unsigned long long last = 0;
    char why[16] = "";

    assert_int_equal(sscanf(text, "%llu-%llu:%15[a-zA-Z]", &first, &last, why), 3);
    fprintf(out, "%s{\"first\":%llu,\"last\":%llu,\"why\":\"%s\"}", comma, first, last, why);
}

static void put_ranges(FILE *out, char *text, const char *separator)
{
    const char *comma = "";
    char *save = NULL;

    fputs("\"before\":[", out);
    for (char *one = strtok_r(text, separator, &save); one != NULL;
         one = strtok_r(NULL, separator, &save)) {
        put_range(out, one, comma);
        comma = ",";
    }
    fputc(']', out);
}

static void put_after(FILE *out, char *text)
{
    const char *comma = "";
    char *save = NULL;

    fputs(",\"after\":[", out);
    for (char *one = strtok_r(text, ";", &save); one != NULL; one = strtok_r(NULL, ";", &save)) {
        unsigned long long epoch = 0;
        unsigned long long last = 0;
        char end = '?';
        int used = 0;

        assert_int_equal(sscanf(one, "%llu:%llu:%c%n", &epoch, &last, &end, &used), 3);
        fprintf(out, "%s{\"epoch\":%llu,\"last\":%llu,\"clean\":%s", comma, epoch, last,
                end == 'c' ? "true" : "false");
        if (end == 'd') {
            fputs(",\"damage\":true", out);
        }
        if (one[used] == ':') {
            fputc(',', out);
            put_ranges(out, one + used + 1, "+");
        }
        fputc('}', out);
        comma = ",";
    }
    fputc(']', out);
}

char *steps_json(const char *step)
{
    char *json = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&json, &size);
    char text[256];
    const char *bus = "b";
    char *save = NULL;
    unsigned long long epoch = 0;
    unsigned long long seq = 0;
    unsigned long long value;
    bool unsynced = false;

    snprintf(text, sizeof(text), "%s", step);
    assert_int_equal(sscanf(strtok_r(text, " ", &save), "%llu.%llu", &epoch, &seq), 2);
    value = seq;
    fputs("{\"device\":\"d\",\"kind\":\"reading\"", out);
    for (char *word = strtok_r(NULL, " ", &save); word != NULL; word = strtok_r(NULL, " ", &save)) {
        if (strncmp(word, "b=", 2) == 0) {
            fputc(',', out);
            put_ranges(out, word + 2, ",");
        } else if (strncmp(word, "a=", 2) == 0) {
            put_after(out, word + 2);
        } else if (strncmp(word, "v=", 2) == 0) {
            value = strtoull(word + 2, NULL, 10);
        } else if (strncmp(word, "bus=", 4) == 0) {
            bus = word + 4;
        } else {
            assert_string_equal(word, "u");
            unsynced = true;
        }
    }
    fprintf(out,
            ",\"gateway\":\"g\",\"bus\":\"%s\",\"epoch\":%llu,\"seq\":%llu,"
            "\"values\":{\"v\":%llu},%s}",
            bus, epoch, seq, value,
            unsynced ? "\"time\":\"1970-01-01T00:00:03Z\",\"clock\":\"unsynced\",\"uptime\":3"
                     : "\"time\":\"2026-11-22T12:00:00.123Z\"");
    fclose(out);
    return json;
}

/* ---- running a case ---- */

static void take_json(struct verify *verify, struct others *others, const char *json,
                      int64_t now_ms)
{
    struct decode_error error;
    json_t *items = NULL;

    if (decode_message(json, strlen(json), &items, &error) < 0) {
        char *colon = strrchr(error.text, ':'); /* the parser's own words are not ours to test */

        if (colon != NULL) {
            *colon = '\0';
        }
        others->garbage_count++;
        snprintf(others->garbage_first, sizeof(others->garbage_first), "t: %s", error.text);
        return;
    }
    for (size_t i = 0; i < json_array_size(items); i++) {
        struct record record;
        int result = decode_record(json_array_get(items, i), &record, &error);

        if (result == 1) {
            assert_int_equal(verify_record(verify, &record, now_ms), 0);
            record_finish(&record);
        } else if (result == 0) {
            others->plain_count++;
        } else {
            verify_broken(verify, "t", error.place, error.text, now_ms);
        }
    }
    json_decref(items);
}

void steps_take(struct verify *verify, struct others *others, const char *step, int64_t now_ms)
{
    if (strcmp(step, "away") == 0) {
        verify_away(verify, now_ms);
    } else if (strcmp(step, "kept") == 0) {
        verify_back(verify, true, now_ms);
    } else if (strcmp(step, "lost") == 0) {
        verify_back(verify, false, now_ms);
    } else if (step[0] == '{' || step[0] == '[') {
        take_json(verify, others, step, now_ms);
    } else {
        char *json = steps_json(step);

        take_json(verify, others, json, now_ms);
        free(json);
    }
}

enum verdict steps_run(const char *const steps[STEPS_MAX], char **ret_text)
{
    struct verify *verify = verify_create();
    struct others others = { 0 };
    size_t size = 0;
    FILE *out = open_memstream(ret_text, &size);
    enum verdict verdict;

    for (size_t i = 0; i < STEPS_MAX && steps[i] != NULL; i++) {
        steps_take(verify, &others, steps[i], NOW_MS + (int64_t)i * 1000);
    }
    verdict = verdict_write(out, verify, &others);
    fclose(out);
    verify_destroy(verify);
    return verdict;
}
