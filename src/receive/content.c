/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * See content.h.
 */
#include "receive/content.h"

#include <string.h>

#define HASH_START   0xcbf29ce484222325U
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* May differ between two sendings of one record: what was not sent, and a corrected time. */
static const char *const sending_keys[] = { "before", "after" };
static const char *const time_keys[] = { "time", "clock", "clock_error_s", "uptime" };

/* FNV-1a, 64 bits: contents differ by accident here, not by intent. */
static uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t size)
{
    const unsigned char *byte = bytes;

    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ byte[i]) * 0x100000001b3U;
    }
    return hash;
}

static uint64_t hash_value(const json_t *value);

/* The order of keys does not count, so the pairs are added up. */
static uint64_t hash_pair(const char *key, const json_t *value)
{
    uint64_t inner = hash_value(value);

    return hash_bytes(hash_bytes(HASH_START, key, strlen(key) + 1), &inner, sizeof(inner));
}

static uint64_t hash_value(const json_t *value)
{
    json_type type = json_is_integer(value) ? JSON_REAL : json_typeof(value);
    uint64_t hash = hash_bytes(HASH_START, &type, sizeof(type));

    if (type == JSON_OBJECT) {
        json_t *object = (json_t *)(uintptr_t)value; /* iterating does not change it */

        for (void *i = json_object_iter(object); i != NULL; i = json_object_iter_next(object, i)) {
            hash += hash_pair(json_object_iter_key(i), json_object_iter_value(i));
        }
    } else if (type == JSON_ARRAY) {
        for (size_t i = 0; i < json_array_size(value); i++) {
            uint64_t inner = hash_value(json_array_get(value, i));

            hash = hash_bytes(hash, &inner, sizeof(inner));
        }
    } else if (type == JSON_STRING) {
        hash = hash_bytes(hash, json_string_value(value), json_string_length(value));
    } else if (type == JSON_REAL) {
        double number_value = json_number_value(value);

        hash = hash_bytes(hash, &number_value, sizeof(number_value));
    }
    return hash;
}

static bool is_one_of(const char *key, const char *const *keys, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(key, keys[i]) == 0) {
            return true;
        }
    }
    return false;
}

struct content content_read(json_t *object)
{
    struct content content = { 0 };
    const json_t *uptime = json_object_get(object, "uptime");

    for (void *i = json_object_iter(object); i != NULL; i = json_object_iter_next(object, i)) {
        const char *key = json_object_iter_key(i);
        uint64_t pair;

        if (is_one_of(key, sending_keys, COUNT(sending_keys))) {
            continue;
        }
        pair = hash_pair(key, json_object_iter_value(i));
        content.whole += pair;
        if (!is_one_of(key, time_keys, COUNT(time_keys))) {
            content.timeless += pair;
        }
    }
    content.unsynced = json_object_get(object, "clock") != NULL;
    content.uptime = uptime == NULL ? 0 : hash_value(uptime);
    return content;
}
