/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * See intake.h.
 */
#include "receive/intake.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "receive/decode.h"
#include "receive/text.h"

int intake_init(struct intake *intake, const struct options *options)
{
    bool color = isatty(STDOUT_FILENO) && getenv("NO_COLOR") == NULL;

    bool repairs = options->output != OUTPUT_JSON && options->output != OUTPUT_NONE;

    *intake = (struct intake){ .output = options->output,
                               .hold_ms = options->hold_ms,
                               .verify = verify_create() };
    intake->waiting = repairs ? waiting_create(WAITING_BYTES_MAX) : NULL;
    intake->csv = options->output == OUTPUT_CSV ? csv_create(options->columns) : NULL;
    intake->live = options->output == OUTPUT_LIVE ? live_create(color) : NULL;
    if (intake->verify == NULL || (repairs && intake->waiting == NULL) ||
        (options->output == OUTPUT_CSV && intake->csv == NULL) ||
        (options->output == OUTPUT_LIVE && intake->live == NULL)) {
        return -ENOMEM;
    }
    return 0;
}

void intake_finish(struct intake *intake)
{
    waiting_destroy(intake->waiting);
    live_destroy(intake->live);
    csv_destroy(intake->csv);
    verify_destroy(intake->verify);
}

/* On these topics stands what is no record: what weir keeps there, and commands. */
static bool is_aside(const char *topic)
{
    static const char *const levels[] = { "meta", "state", "health", "set", "result" };
    const char *slash = strrchr(topic, '/');
    const char *level = slash == NULL ? topic : slash + 1;

    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
        if (strcmp(level, levels[i]) == 0) {
            return true;
        }
    }
    return false;
}

static int print(struct intake *intake, const struct item *item)
{
    intake->output_used = true;
    switch (intake->output) {
    case OUTPUT_TABLE:
        return table_write(&intake->table, stdout, item);
    case OUTPUT_LIVE:
        return live_take(intake->live, item);
    case OUTPUT_CSV:
        return csv_write(intake->csv, stdout, item);
    case OUTPUT_JSON:
        text_json(stdout, item->object);
        putchar('\n');
        return 0;
    case OUTPUT_NONE:
        return 0;
    }
    return 0;
}

/* ---- times that are not trusted ---- */

/* As it came: its time did not become known in time, or not at all. */
static int print_as_it_is(void *context, const struct item *item, bool written)
{
    (void)written;
    return print(context, item);
}

static int print_repaired(struct intake *intake, const struct item *item, int64_t offset_us,
                          bool written)
{
    struct item again = *item;
    int64_t us;
    int error;

    if (!stamp_repair(&item->record->stamp, offset_us, &us)) {
        return written ? 0 : print(intake, item);
    }
    again.object = stamp_repaired(item->object, us);
    again.again = written;
    if (again.object == NULL) { /* no such time, or no memory */
        return written ? 0 : print(intake, item);
    }
    error = print(intake, &again);
    json_decref(again.object);
    return error;
}

/* Its epoch's clock event came. */
static int print_released(void *context, const struct item *item, bool written)
{
    struct intake *intake = context;
    const struct record *record = item->record;
    int64_t offset_us = 0;

    if (!clocks_find(&intake->verify->clocks, record->gateway, record->bus, record->epoch,
                     &offset_us)) {
        return written ? 0 : print(intake, item);
    }
    return print_repaired(intake, item, offset_us, written);
}

/* A record whose time is not trusted: repaired at once, if that is possible, else it waits. */
static int print_untrusted(struct intake *intake, const struct item *item, int64_t now_ms)
{
    const struct record *record = item->record;
    bool hold = intake->hold_ms > 0;
    bool is_new = false;
    int64_t offset_us;
    int error;

    if (clocks_find(&intake->verify->clocks, record->gateway, record->bus, record->epoch,
                    &offset_us)) {
        return print_repaired(intake, item, offset_us, false);
    }
    error = waiting_add(intake->waiting, item, !hold, now_ms + intake->hold_ms, print_as_it_is,
                        intake, &is_new);
    return error < 0 || hold ? error : print(intake, item);
}

static int print_record(struct intake *intake, const struct item *item, int64_t now_ms)
{
    const struct record *record = item->record;
    const struct clock_word *word = &record->clock_word;
    int error;

    if (record->stamp.trust != TRUST_FULL && record->stamp.has_uptime) {
        return print_untrusted(intake, item, now_ms);
    }
    waiting_drop(intake->waiting, record);
    error = print(intake, item);
    if (error == 0 && word->is_one) {
        error = waiting_release(intake->waiting, record->gateway, word->of_bus, word->of_epoch,
                                print_released, intake);
    }
    if (error == 0 && word->is_one) {
        error = waiting_release(intake->waiting, record->gateway, record->bus, record->epoch,
                                print_released, intake);
    }
    return error;
}

void intake_tick(struct intake *intake, int64_t now_ms)
{
    int error = 0;

    if (intake->waiting != NULL && waiting_held(intake->waiting) > 0) {
        error = waiting_due(intake->waiting, now_ms, print_as_it_is, intake);
    }
    if (error < 0) {
        intake->failure = -error;
    }
}

/* ---- messages ---- */

static int take_item(struct intake *intake, struct item *item, bool retained, int64_t now_ms)
{
    struct record record = { 0 };
    struct decode_error wrong;
    int result = decode_record(item->object, &record, &wrong);
    int error = 0;

    if (result == -EBADMSG) {
        verify_broken(intake->verify, item->topic, wrong.place, wrong.text, item->at_ms);
        return 0;
    }
    if (result < 0) {
        return result;
    }
    if (retained) {
        intake->others.retained_count++;
    } else if (result == 0) {
        intake->others.plain_count++;
    } else {
        error = verify_record(intake->verify, &record, item->at_ms);
    }
    item->record = result == 1 ? &record : NULL;
    if (error == 0 && (result == 1 || !is_aside(item->topic))) {
        intake->record_ms = now_ms;
        error = result == 1 && !retained && intake->waiting != NULL
                    ? print_record(intake, item, now_ms)
                    : print(intake, item);
    }
    record_finish(&record);
    return error;
}

/* Strings from outside must not steer a terminal. */
static void note_garbage(struct others *others, const char *topic, const char *what)
{
    if (others->garbage_count++ > 0) {
        return;
    }
    snprintf(others->garbage_first, sizeof(others->garbage_first), "%.200s: %s", topic, what);
    for (char *c = others->garbage_first; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || (unsigned char)*c >= 0x7f) {
            *c = '?';
        }
    }
}

void intake_message(struct intake *intake, const char *topic, const void *payload, size_t length,
                    bool retained, int64_t now_ms, int64_t at_ms)
{
    struct decode_error wrong;
    json_t *items = NULL;
    int error = decode_message(payload, length, &items, &wrong);

    intake->changed = true;
    if (intake->live != NULL) {
        live_message(intake->live, now_ms);
    }
    if (error == -EBADMSG) {
        if (retained) {
            intake->others.retained_count++;
        } else if (is_aside(topic)) {
            intake->others.plain_count++;
        } else {
            note_garbage(&intake->others, topic, wrong.text);
        }
        return;
    }
    for (size_t i = 0; error == 0 && i < json_array_size(items); i++) {
        struct item item = { .topic = topic, .object = json_array_get(items, i), .at_ms = at_ms };

        error = take_item(intake, &item, retained, now_ms);
    }
    json_decref(items);
    if (error < 0) {
        intake->failure = -error;
    }
}
