/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Finds points and their values in messages: no JSON parser, as it has to keep up with a million
 * points a second on a machine that it shares with the gateway under test. See payload.h.
 */
#include "payload.h"

#include <stdbool.h>
#include <string.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* A number without sign at *at; *at moves behind it. False if there is none. */
static bool take_digits(const char **at, const char *end, unsigned *ret_value)
{
    const char *p = *at;
    unsigned value = 0;
    while (p < end && is_digit(*p)) {
        value = value * 10 + (unsigned)(*p++ - '0');
    }
    if (p == *at) {
        return false;
    }
    *ret_value = value;
    *at = p;
    return true;
}

/* "u12r34" at *at, which moves behind it. */
static bool take_name(const char **at, const char *end, unsigned *ret_unit, unsigned *ret_reg)
{
    const char *p = *at;
    if (p == end || *p++ != 'u' || !take_digits(&p, end, ret_unit) || p == end || *p++ != 'r' ||
        !take_digits(&p, end, ret_reg)) {
        return false;
    }
    *at = p;
    return true;
}

static void find_in_payload(const char *at, const char *end,
                            void (*take)(unsigned, unsigned, unsigned))
{
    while ((at = memchr(at, '"', (size_t)(end - at)))) {
        unsigned unit, reg, value;
        at++;
        if (!take_name(&at, end, &unit, &reg) || at == end || *at++ != '"') {
            continue;
        }
        const char *colon = at;
        while (at < end && (*at == ' ' || *at == ':')) {
            at++;
        }
        if (at > colon && take_digits(&at, end, &value)) {
            take(unit, reg, value);
        }
    }
}

/* The last number in the payload: its whole part. */
static bool last_number(const char *payload, const char *end, unsigned *ret_value)
{
    while (end > payload && !is_digit(end[-1])) {
        end--;
    }
    const char *at = end;
    while (at > payload && (is_digit(at[-1]) || at[-1] == '.')) {
        at--;
    }
    return take_digits(&at, end, ret_value);
}

/* True if the topic has a point's name as a word; the payload is then its value. */
static bool find_in_topic(const char *topic, const char *payload, const char *end,
                          void (*take)(unsigned, unsigned, unsigned))
{
    const char *topic_end = topic + strlen(topic);
    for (const char *at = topic; at < topic_end; at++) {
        unsigned unit, reg, value;
        const char *name = at;
        bool word = at == topic || !strchr("abcdefghijklmnopqrstuvwxyz0123456789", at[-1]);
        if (word && take_name(&name, topic_end, &unit, &reg)) {
            if (last_number(payload, end, &value)) {
                take(unit, reg, value);
            }
            return true;
        }
    }
    return false;
}

void payload_find(const char *topic, const char *payload, size_t length,
                  void (*take)(unsigned unit, unsigned reg, unsigned value))
{
    if (!find_in_topic(topic, payload, payload + length, take)) {
        find_in_payload(payload, payload + length, take);
    }
}
