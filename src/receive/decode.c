/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * See decode.h. Strict: a key that stands twice refuses the message. Integers up to 2^53 are
 * exact; a larger one (an energy counter, say) is read as the nearest double and not refused.
 */
#include "receive/decode.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "receive/content.h"
#include "receive/shape.h"
#include "receive/utc.h"

#define NUMBER_MAX     ((uint64_t)1 << 53)
#define NAME_BYTES_MAX 64
#define RANGES_MAX     65536
#define ENDED_MAX      1024

static const char *const identity_keys[] = { "gateway", "bus", "epoch", "seq" };

/* What an element of a batch takes over from the first one if it leaves it out. Not `seq`: with it,
 * a record without a number would pass for a repeat. */
static const char *const shared_keys[] = { "gateway", "bus",  "epoch", "device",
                                           "kind",    "time", "values" };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *const why_names[WHY_COUNT] = {
    [WHY_FILTER] = "filter",   [WHY_LIMIT] = "limit",     [WHY_AGE] = "age",
    [WHY_DAMAGE] = "damage",   [WHY_REFUSED] = "refused", [WHY_EARLIER] = "earlier",
    [WHY_UNKNOWN] = "unknown",
};

const char *why_name(enum why why)
{
    return why < WHY_COUNT ? why_names[why] : "?";
}

static enum why why_find(const char *name)
{
    for (int i = 0; name != NULL && i < WHY_COUNT; i++) {
        if (strcmp(name, why_names[i]) == 0) {
            return (enum why)i;
        }
    }
    return WHY_INVALID;
}

static int refuse(struct decode_error *ret_error, const char *what)
{
    snprintf(ret_error->text, sizeof(ret_error->text), "%s", what);
    return -EBADMSG;
}

/* A whole number 0..2^53, also one that was written as 42.0 (then below 2^53: as a double, that may
 * be a larger one). */
static bool number(const json_t *value, uint64_t *ret_number)
{
    if (json_is_integer(value)) {
        json_int_t whole = json_integer_value(value);

        if (whole < 0 || (uint64_t)whole > NUMBER_MAX) {
            return false;
        }
        *ret_number = (uint64_t)whole;
        return true;
    }
    if (json_is_real(value)) {
        double real = json_real_value(value);

        if (!(real >= 0 && real < (double)NUMBER_MAX) || real != (double)(uint64_t)real) {
            return false;
        }
        *ret_number = (uint64_t)real;
        return true;
    }
    return false;
}

/* 1 to 64 of A-Za-z0-9._- beginning with a letter or digit; NULL if it is none. */
static const char *name(const json_t *value)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                  "._-";
    const char *text = json_string_value(value);
    size_t length;

    if (text == NULL) {
        return NULL;
    }
    length = strlen(text);
    if (length == 0 || length > NAME_BYTES_MAX || strspn(text, allowed) != length ||
        strchr("._-", text[0]) != NULL) {
        return NULL;
    }
    return text;
}

/* ---- messages ---- */

static json_t *parse(const void *payload, size_t length, struct decode_error *ret_error)
{
    json_error_t error;
    json_t *root = json_loadb(payload, length, JSON_REJECT_DUPLICATES, &error);

    if (root == NULL && json_error_code(&error) == json_error_numeric_overflow) {
        root =
            json_loadb(payload, length, JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, &error);
    }
    if (root == NULL) {
        snprintf(ret_error->text, sizeof(ret_error->text), "byte %d (line %d column %d): %s",
                 error.position, error.line, error.column, error.text);
    }
    return root;
}

static bool has_identity(const json_t *object)
{
    for (size_t i = 0; i < COUNT(identity_keys); i++) {
        if (json_object_get(object, identity_keys[i]) == NULL) {
            return false;
        }
    }
    return true;
}

/* The element with what it left out. NULL: no memory. */
static json_t *complete(json_t *element, const json_t *first)
{
    json_t *whole = json_object();

    for (size_t i = 0; whole != NULL && i < COUNT(shared_keys); i++) {
        json_t *value = json_object_get(first, shared_keys[i]);

        if (value != NULL && json_object_set(whole, shared_keys[i], value) < 0) {
            json_decref(whole);
            return NULL;
        }
    }
    if (whole != NULL && json_object_update(whole, element) < 0) {
        json_decref(whole);
        return NULL;
    }
    return whole;
}

static int unfold(json_t *array, struct decode_error *ret_error)
{
    json_t *first = json_array_get(array, 0);
    bool compact = has_identity(first);

    for (size_t i = 0; i < json_array_size(array); i++) {
        json_t *element = json_array_get(array, i);

        if (!json_is_object(element) && compact) {
            continue; /* the records beside it count, and decode_record() refuses this */
        }
        if (!json_is_object(element)) {
            snprintf(ret_error->text, sizeof(ret_error->text), "element %zu is no object", i + 1);
            return -EBADMSG;
        }
        if (compact && i > 0) {
            json_t *whole = complete(element, first);

            if (whole == NULL || json_array_set_new(array, i, whole) < 0) {
                return -ENOMEM;
            }
        }
    }
    return 0;
}

int decode_message(const void *payload, size_t length, json_t **ret_items,
                   struct decode_error *ret_error)
{
    json_t *root;
    json_t *items;
    int error;

    if (length == 0) {
        return refuse(ret_error, "empty");
    }
    if (length > DECODE_BYTES_MAX) {
        return refuse(ret_error, "longer than 16 MiB");
    }
    root = parse(payload, length, ret_error);
    if (root == NULL) {
        return -EBADMSG;
    }
    if (json_is_object(root)) {
        items = json_pack("[o]", root);
        if (items == NULL) {
            return -ENOMEM;
        }
        *ret_items = items;
        return 0;
    }
    error = unfold(root, ret_error);
    if (error < 0) {
        json_decref(root);
        return error;
    }
    *ret_items = root;
    return 0;
}

/* ---- records ---- */

static int read_ranges(const json_t *list, struct ranges *ranges, bool *garbled)
{
    size_t count = json_array_size(list);

    if (!json_is_array(list) || count > RANGES_MAX) {
        *garbled = true;
        return 0;
    }
    if (count == 0) {
        return 0;
    }
    ranges->list = calloc(count, sizeof(*ranges->list));
    if (ranges->list == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *one = json_array_get(list, i);
        struct range *range = &ranges->list[ranges->count];

        range->why = why_find(json_string_value(json_object_get(one, "why")));
        if (number(json_object_get(one, "first"), &range->first) &&
            number(json_object_get(one, "last"), &range->last)) {
            ranges->count++;
        } else {
            *garbled = true;
        }
    }
    return 0;
}

static int read_ended(const json_t *one, struct ended *ended, bool *garbled)
{
    const json_t *last = json_object_get(one, "last");
    const json_t *before = json_object_get(one, "before");
    const json_t *until = json_object_get(one, "until");
    int64_t until_us;

    if (!number(json_object_get(one, "epoch"), &ended->epoch) || ended->epoch == 0 ||
        last == NULL || !json_is_boolean(json_object_get(one, "clean"))) {
        *garbled = true;
    }
    if (until != NULL &&
        (!json_is_string(until) || !utc_read(json_string_value(until), &until_us))) {
        *garbled = true;
    }
    ended->last_known = number(last, &ended->last);
    if (!ended->last_known && !json_is_null(last)) {
        *garbled = true;
    }
    ended->clean = json_is_true(json_object_get(one, "clean"));
    ended->damage = json_is_true(json_object_get(one, "damage"));
    return before == NULL ? 0 : read_ranges(before, &ended->before, garbled);
}

static int read_after(const json_t *list, struct record *record)
{
    size_t count = json_array_size(list);

    record->has_after = true;
    if (!json_is_array(list) || count > ENDED_MAX) {
        record->after_garbled = true;
        return 0;
    }
    if (count == 0) {
        return 0;
    }
    record->after = calloc(count, sizeof(*record->after));
    if (record->after == NULL) {
        return -ENOMEM;
    }
    record->after_count = count;
    for (size_t i = 0; i < count; i++) {
        int error = read_ended(json_array_get(list, i), &record->after[i], &record->after_garbled);

        if (error < 0) {
            return error;
        }
    }
    return 0;
}

/* The words "KEY VALUE is no ...", and whose record it is. */
static int refuse_key(const json_t *object, const struct record *record, const char *key,
                      const char *kind, struct decode_error *ret_error)
{
    const json_t *value = json_object_get(object, key);
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);

    snprintf(ret_error->text, sizeof(ret_error->text), "%s%s%.80s is no %s", key,
             text == NULL ? "" : " ", text == NULL ? "" : text, kind);
    free(text);
    ret_error->place[0] = '\0';
    if (record->gateway != NULL && record->bus != NULL) {
        int used = snprintf(ret_error->place, sizeof(ret_error->place), "%s/%s", record->gateway,
                            record->bus);

        if (record->epoch != 0) {
            snprintf(ret_error->place + used, sizeof(ret_error->place) - (size_t)used,
                     " epoch %" PRIu64, record->epoch);
        }
    }
    return -EBADMSG;
}

static uint64_t number_or_0(const json_t *object, const char *key)
{
    uint64_t value = 0;

    return number(json_object_get(object, key), &value) ? value : 0;
}

/* 1: all there and well made, 0: this is no record of ours, -EBADMSG: it wants to be one. */
static int read_identity(const json_t *object, struct record *record,
                         struct decode_error *ret_error)
{
    static const char number_words[] = "number from 1 to 2^53";
    size_t there = 0;

    for (size_t i = 0; i < COUNT(identity_keys); i++) {
        there += json_object_get(object, identity_keys[i]) != NULL ? 1 : 0;
    }
    if (there < 3) {
        return 0;
    }
    record->gateway = name(json_object_get(object, "gateway"));
    record->bus = name(json_object_get(object, "bus"));
    record->epoch = number_or_0(object, "epoch");
    record->seq = number_or_0(object, "seq");
    if (record->gateway == NULL || record->bus == NULL) {
        return refuse_key(object, record, record->gateway == NULL ? "gateway" : "bus", "name",
                          ret_error);
    }
    if (record->epoch == 0 || record->seq == 0) {
        return refuse_key(object, record, record->epoch == 0 ? "epoch" : "seq", number_words,
                          ret_error);
    }
    return 1;
}

int decode_record(json_t *object, struct record *ret_record, struct decode_error *ret_error)
{
    struct record record = { 0 };
    const json_t *before = json_object_get(object, "before");
    const json_t *after = json_object_get(object, "after");
    int result;

    if (!json_is_object(object)) {
        ret_error->place[0] = '\0';
        return refuse(ret_error, "an element of an array of records is no object");
    }
    result = read_identity(object, &record, ret_error);
    if (result <= 0) {
        return result;
    }
    record.device = json_string_value(json_object_get(object, "device"));
    record.kind = json_string_value(json_object_get(object, "kind"));
    record.time = json_string_value(json_object_get(object, "time"));
    record.stamp = stamp_read(object);
    record.clock_word = stamp_clock_word(object);
    record.content = content_read(object);
    shape_check(object, &record);
    result = 0;
    if (before != NULL) {
        result = read_ranges(before, &record.before, &record.before_garbled);
    }
    if (result == 0 && after != NULL) {
        result = read_after(after, &record);
    }
    if (result < 0) {
        record_finish(&record);
        return result;
    }
    *ret_record = record;
    return 1;
}

void record_finish(struct record *record)
{
    for (size_t i = 0; i < record->after_count; i++) {
        free(record->after[i].before.list);
    }
    free(record->after);
    free(record->before.list);
    *record = (struct record){ 0 };
}
