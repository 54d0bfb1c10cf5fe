/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * One cycle of one device against an adapter that answers by a script: what is asked, how often,
 * and what record, counters and state come of it. The queue is a real one.
 */
#include "cmocka_all.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bus/host.h"
#include "log/reader.h"

enum { POINTS = 3, SCRIPT_MAX = 32 };

/* One part a point; the last point is a text. */
struct script {
    enum weir_result results[SCRIPT_MAX];
    size_t parts, at, asked[SCRIPT_MAX], failed;
    bool split; /* one more part when one is refused */
    int64_t begun_ns[SCRIPT_MAX], ended_ns[SCRIPT_MAX], turnaround_ns;
    float value;
    char text[16]; /* overwritten by each call, as a plugin may */
};

struct bench {
    char ram[32];
    struct script script;
    struct weir_device_point points[POINTS];
    struct weir_device device;
    struct point_config point_configs[POINTS];
    struct device_config device_config;
    struct bus_config bus_config;
    struct settings settings;
    struct stats_bus stats;
    struct host host;
    struct reader *reader;
};

static enum weir_type point_type(void *self, size_t device, size_t point)
{
    return point == POINTS - 1 ? WEIR_TEXT : WEIR_FLOAT32;
}

static size_t parts(void *self, size_t device)
{
    return ((struct script *)self)->parts;
}

static enum weir_result poll_part(void *self, size_t device, size_t part, struct weir_value *values)
{
    struct script *s = self;
    assert_true(s->at < SCRIPT_MAX);
    enum weir_result r = s->results[s->at];
    s->begun_ns[s->at] = boot_now().ns;
    s->asked[s->at++] = part;
    snprintf(s->text, sizeof s->text, "part %zu", part);
    if (r == WEIR_R_OK) {
        values[part].quality = WEIR_QUALITY_GOOD;
        if (part == POINTS - 1) {
            values[part].bytes.data = (const uint8_t *)s->text;
            values[part].bytes.len = strlen(s->text);
        } else {
            values[part].float32 = s->value + (float)part;
        }
    }
    s->parts += s->split && r == WEIR_R_ILLEGAL_ADDRESS;
    s->ended_ns[s->at - 1] = boot_now().ns;
    return r;
}

static void fail_part(void *self, size_t device, size_t part, enum weir_result why,
                      struct weir_value *values)
{
    ((struct script *)self)->failed++;
    values[part].quality = (uint8_t)why;
}

static int64_t turnaround_ns(void *self, size_t device)
{
    return ((struct script *)self)->turnaround_ns;
}

static const struct weir_adapter adapter = {
    .point_type = point_type,
    .parts = parts,
    .poll = poll_part,
    .fail = fail_part,
    .turnaround_ns = turnaround_ns,
};

static int start(void **state)
{
    struct bench *b = calloc(1, sizeof *b);
    static const char *const names[POINTS] = { "a", "b", "word" };
    static const struct port_config no_port = { .path = "", .address = "" };
    snprintf(b->ram, sizeof b->ram, "/dev/shm/weir-cycle-XXXXXX");
    if (!mkdtemp(b->ram)) {
        return -1;
    }
    b->script.parts = POINTS;
    for (size_t i = 0; i < POINTS; i++) {
        b->points[i].name = names[i];
    }
    b->device = (struct weir_device){ "d", NULL, NS_PER_MS, b->points, POINTS, NS_PER_S };
    b->device_config = (struct device_config){
        .model = "", .retries = 2, .every_ns = NS_PER_S, .points = b->point_configs
    };
    b->bus_config.devices = &b->device_config;
    struct host *host = &b->host;
    host->bus = (struct weir_bus){
        .host = &host_services, .name = "bench", .devices = &b->device, .device_count = 1
    };
    host->adapter = &adapter;
    host->self = &b->script;
    host->settings = &b->settings;
    host->config = &b->bus_config;
    host->stats = &b->stats;
    struct queue_place place = { .ram = b->ram, .gateway = "gw", .bus = "bench" };
    assert_int_equal(queue_open(&place, host_clock(host), &host->queue, NULL), 0);
    assert_int_equal(port_create(&no_port, 0, false, &host->port), 0);
    assert_int_equal(devices_create(host), 0);
    host->devices[0].met = true;
    assert_int_equal(reader_create(b->ram, "bench", &b->reader), 0);
    assert_int_equal(reader_seek_start(b->reader), 0);
    *state = b;
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    return remove(path);
}

static int stop(void **state)
{
    struct bench *b = *state;
    b->host.self = NULL;
    host_free(&b->host);
    reader_destroy(b->reader);
    nftw(b->ram, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(b);
    return 0;
}

/* Runs one cycle whose requests end like this; what is not named ends well. */
static enum schedule_outcome run(struct bench *b, bool probe, size_t count,
                                 const enum weir_result *results)
{
    memset(b->script.results, 0, sizeof b->script.results);
    for (size_t i = 0; i < count; i++) {
        b->script.results[i] = results[i];
    }
    b->script.at = b->script.failed = 0;
    return cycle_run(&b->host, &(struct turn){ .probe = probe });
}
#define RUN(b, probe, ...)                                                                         \
    run(b, probe, sizeof((enum weir_result[]){ __VA_ARGS__ }) / sizeof(enum weir_result),          \
        (enum weir_result[]){ __VA_ARGS__ })

/* The next record; its kind. */
static const char *next(struct bench *b, struct item *item)
{
    return reader_next(b->reader, item) == 1 && item->kind == ITEM_RECORD ? item->shape->view.kind
                                                                          : "none";
}

static void all_well(void **state)
{
    struct bench *b = *state;
    struct item item;
    int64_t before_ns = boot_now().ns;
    b->script.value = 230.1f;
    assert_int_equal(RUN(b, false, WEIR_R_OK), SCHEDULE_ANSWERED);
    assert_int_equal(b->script.at, POINTS);
    assert_string_equal(next(b, &item), "reading");
    assert_true(item.values[0].float32 == 230.1f && item.values[1].float32 == 231.1f);
    assert_int_equal(item.values[2].bytes.len, 6);
    assert_memory_equal(item.values[2].bytes.data, "part 2", 6);
    assert_true(item.time.ns >= before_ns && item.time.ns <= b->script.begun_ns[1]);
    assert_string_equal(next(b, &item), "none"); /* it was never gone */
    assert_int_equal(b->stats.devices[0].polls, 1);
    assert_int_equal(b->stats.devices[0].records, 1);
    assert_int_equal(b->stats.devices[0].errors[WEIR_R_OK], 3);
    assert_int_equal(b->stats.devices[0].state, DEVICE_LIVE);
}

/* A text that an earlier part left must survive the call for the next part. */
static void texts_are_kept(void **state)
{
    struct bench *b = *state;
    struct item item;
    b->host.devices[0].lead = 2;
    assert_int_equal(RUN(b, false, WEIR_R_OK), SCHEDULE_ANSWERED);
    assert_int_equal(b->script.asked[0], 2);
    assert_int_equal(b->script.asked[1], 0);
    assert_string_equal(next(b, &item), "reading");
    assert_memory_equal(item.values[2].bytes.data, "part 2", 6);
}

/* An adapter that splits a refused request loses nothing of this cycle. */
static void split_is_asked_again(void **state)
{
    struct bench *b = *state;
    struct item item;
    b->script.split = true;
    b->script.parts = 2;
    b->host.devices[0].lead = 1;
    assert_int_equal(RUN(b, false, WEIR_R_ILLEGAL_ADDRESS), SCHEDULE_ANSWERED);
    assert_int_equal(b->script.at, 4);
    static const size_t order[] = { 1, 1, 0, 2 };
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(b->script.asked[i], order[i]);
    }
    assert_string_equal(next(b, &item), "reading");
    for (size_t i = 0; i < POINTS; i++) {
        assert_int_equal(item.values[i].quality, WEIR_QUALITY_GOOD);
    }
}

/* It costs its time-outs once, and is gone. */
static void silent(void **state)
{
    struct bench *b = *state;
    struct item item;
    assert_int_equal(RUN(b, false, WEIR_R_TIMEOUT, WEIR_R_TIMEOUT, WEIR_R_TIMEOUT),
                     SCHEDULE_SILENT);
    assert_int_equal(b->script.at, 3);
    assert_int_equal(b->script.asked[2], 0);
    assert_int_equal(b->script.failed, POINTS);
    assert_string_equal(next(b, &item), "state");
    assert_memory_equal(item.values[0].bytes.data, "gone", 4);
    assert_memory_equal(item.values[1].bytes.data, "timeout", 7);
    assert_string_equal(next(b, &item), "none");
    assert_int_equal(b->stats.devices[0].missed, 1);
    assert_int_equal(b->stats.devices[0].errors[WEIR_R_TIMEOUT], 3);
    assert_int_equal(b->stats.devices[0].state, DEVICE_GONE);
    /* A probe is one request; the next one tries another. */
    assert_int_equal(RUN(b, true, WEIR_R_TIMEOUT), SCHEDULE_SILENT);
    assert_int_equal(b->script.at, 1);
    size_t asked = b->script.asked[0];
    assert_int_equal(RUN(b, true, WEIR_R_FRAME), SCHEDULE_SILENT);
    assert_int_equal(b->script.at, 1);
    assert_int_not_equal(b->script.asked[0], asked);
    /* An answer, and it is polled in full. */
    assert_int_equal(RUN(b, true, WEIR_R_OK), SCHEDULE_ANSWERED);
    assert_int_equal(b->script.at, POINTS);
    assert_string_equal(next(b, &item), "reading");
    assert_string_equal(next(b, &item), "none"); /* "back" waits: one a minute */
    assert_int_equal(b->stats.devices[0].state, DEVICE_LIVE);
}

/* Who has never answered is asked once, and is gone when it does not answer a probe either. */
static void never_met(void **state)
{
    struct bench *b = *state;
    struct item item;
    b->host.devices[0].met = false;
    assert_int_equal(RUN(b, false, WEIR_R_TIMEOUT), SCHEDULE_SILENT);
    assert_int_equal(b->script.at, 1);
    assert_int_equal(b->stats.devices[0].missed, 1);
    assert_int_equal(b->stats.devices[0].state, DEVICE_UNKNOWN);
    assert_string_equal(next(b, &item), "none");
    assert_int_equal(RUN(b, true, WEIR_R_TIMEOUT), SCHEDULE_SILENT);
    assert_string_equal(next(b, &item), "state");
    assert_int_equal(b->stats.devices[0].state, DEVICE_GONE);
}

static void one_retry_helps(void **state)
{
    struct bench *b = *state;
    struct item item;
    assert_int_equal(RUN(b, false, WEIR_R_CRC, WEIR_R_FOREIGN, WEIR_R_OK), SCHEDULE_ANSWERED);
    assert_int_equal(b->script.at, 5);
    assert_string_equal(next(b, &item), "reading");
    for (size_t i = 0; i < POINTS; i++) {
        assert_int_equal(item.values[i].quality, WEIR_QUALITY_GOOD);
    }
    assert_int_equal(b->stats.devices[0].errors[WEIR_R_CRC], 1);
    assert_int_equal(b->stats.foreign_frames, 1);
}

static void a_failure_is_of_a_part(void **state)
{
    struct bench *b = *state;
    struct item item;
    /* The line is noisy for one part only. */
    assert_int_equal(RUN(b, false, WEIR_R_CRC, WEIR_R_CRC, WEIR_R_CRC, WEIR_R_OK),
                     SCHEDULE_ANSWERED);
    assert_string_equal(next(b, &item), "reading");
    assert_int_equal(item.values[0].quality, WEIR_R_CRC);
    assert_int_equal(item.values[1].quality, WEIR_QUALITY_GOOD);
    /* It dies after the first part: retries are spent once. */
    assert_int_equal(
        RUN(b, false, WEIR_R_OK, WEIR_R_TIMEOUT, WEIR_R_TIMEOUT, WEIR_R_TIMEOUT, WEIR_R_TIMEOUT),
        SCHEDULE_ANSWERED);
    assert_int_equal(b->script.at, 5);
    assert_string_equal(next(b, &item), "reading");
    assert_int_equal(item.values[0].quality, WEIR_QUALITY_GOOD);
    assert_int_equal(item.values[1].quality, WEIR_R_TIMEOUT);
    assert_int_equal(item.values[2].quality, WEIR_R_TIMEOUT);
    /* An exception is an answer, and no reason to ask again. */
    assert_int_equal(RUN(b, false, WEIR_R_ILLEGAL_ADDRESS, WEIR_R_BUSY, WEIR_R_ABSENT),
                     SCHEDULE_ANSWERED);
    assert_int_equal(b->script.at, 3);
    assert_string_equal(next(b, &item), "reading");
    assert_int_equal(item.values[0].quality, WEIR_R_ILLEGAL_ADDRESS);
    assert_int_equal(b->stats.devices[0].missed, 0);
}

static void port_lost(void **state)
{
    struct bench *b = *state;
    struct item item;
    assert_int_equal(RUN(b, false, WEIR_R_PORT), SCHEDULE_UNASKED);
    assert_int_equal(b->script.at, 1);
    assert_true(b->host.port_lost);
    assert_int_equal(b->stats.devices[0].missed, 1);
    assert_string_equal(next(b, &item), "none"); /* it may be back in a moment */
    b->host.port_lost = false;
    assert_int_equal(RUN(b, false, WEIR_R_OK, WEIR_R_PORT), SCHEDULE_ANSWERED);
    assert_int_equal(b->script.at, 2);
    assert_string_equal(next(b, &item), "reading");
    assert_int_equal(item.values[2].quality, WEIR_R_PORT);
}

static void nonsense_result(void **state)
{
    struct bench *b = *state;
    assert_int_equal(RUN(b, false, (enum weir_result)200), SCHEDULE_ANSWERED);
    assert_int_equal(b->stats.devices[0].errors[WEIR_R_INTERNAL], 1);
}

static void silence(void **state)
{
    struct bench *b = *state;
    b->host.silence_ns = 4 * NS_PER_MS;
    b->script.turnaround_ns = 3 * NS_PER_MS;
    assert_int_equal(RUN(b, false, WEIR_R_OK, WEIR_R_TIMEOUT, WEIR_R_OK), SCHEDULE_ANSWERED);
    for (size_t i = 1; i < b->script.at; i++) {
        assert_true(b->script.begun_ns[i] - b->script.ended_ns[i - 1] >= 7 * NS_PER_MS);
    }
}

static void suppressed(void **state)
{
    struct bench *b = *state;
    struct item item;
    devices_destroy(&b->host);
    b->point_configs[0].deadband = b->point_configs[1].deadband = 1;
    b->device.point_count = b->script.parts = 2; /* without the text, which is always sent */
    assert_int_equal(devices_create(&b->host), 0);
    assert_int_equal(RUN(b, false, WEIR_R_OK), SCHEDULE_ANSWERED);
    assert_int_equal(RUN(b, false, WEIR_R_OK), SCHEDULE_ANSWERED);
    assert_int_equal(b->stats.devices[0].suppressed, 1);
    b->script.value = 5;
    assert_int_equal(RUN(b, false, WEIR_R_OK), SCHEDULE_ANSWERED);
    assert_string_equal(next(b, &item), "reading");
    assert_string_equal(next(b, &item), "reading");
    assert_string_equal(next(b, &item), "none");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_well, start, stop),
        cmocka_unit_test_setup_teardown(texts_are_kept, start, stop),
        cmocka_unit_test_setup_teardown(split_is_asked_again, start, stop),
        cmocka_unit_test_setup_teardown(silent, start, stop),
        cmocka_unit_test_setup_teardown(never_met, start, stop),
        cmocka_unit_test_setup_teardown(one_retry_helps, start, stop),
        cmocka_unit_test_setup_teardown(a_failure_is_of_a_part, start, stop),
        cmocka_unit_test_setup_teardown(port_lost, start, stop),
        cmocka_unit_test_setup_teardown(nonsense_result, start, stop),
        cmocka_unit_test_setup_teardown(silence, start, stop),
        cmocka_unit_test_setup_teardown(suppressed, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
