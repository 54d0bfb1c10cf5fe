/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * "t=21.5,h=54": fields between separators, each a key and a value, or a value alone. Blanks around
 * a field, a key or a value do not count.
 */
#include "payload_part.h"

#include <stdio.h>
#include <string.h>

struct span {
    const char *text;
    size_t len;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct span trim(struct span span)
{
    while (span.len > 0 && is_blank(*span.text)) {
        span.text++, span.len--;
    }
    while (span.len > 0 && is_blank(span.text[span.len - 1])) {
        span.len--;
    }
    return span;
}

/* Up to the first of these characters. */
static size_t span_until(struct span span, const char *characters)
{
    size_t i = 0;
    while (i < span.len && (!span.text[i] || !strchr(characters, span.text[i]))) {
        i++;
    }
    return i;
}

static bool offer(const struct payload_plan *plan, const char *key, struct span value, size_t at,
                  struct payload_values *out)
{
    struct raw raw = { .kind = RAW_TEXT, .text = { value.text, value.len } }, number;
    if (plan->count == 0 && number_parse(value.text, value.len, &number)) {
        raw = number_loose(number);
    }
    return payload_offer(plan, key, "", &raw, out) || payload_stop(out, PAYLOAD_R_TOO_MANY, at, -1);
}

static bool take_field(const struct payload_plan *plan, struct span field, size_t at,
                       unsigned number, struct payload_values *out)
{
    char key[KEY_MAX + 1];
    if (!plan->options.assign[0]) {
        snprintf(key, sizeof key, "field_%u", number);
        return offer(plan, key, field, at, out);
    }
    size_t cut = span_until(field, plan->options.assign);
    if (cut == field.len) {
        return payload_stop(out, PAYLOAD_R_MALFORMED, at, (unsigned char)*field.text);
    }
    struct span name = trim((struct span){ field.text, cut });
    struct span value = trim((struct span){ field.text + cut + 1, field.len - cut - 1 });
    if (name.len == 0 || memchr(name.text, 0, name.len)) {
        return payload_stop(out, PAYLOAD_R_MALFORMED, at, (unsigned char)*field.text);
    }
    if (name.len > KEY_MAX) {
        out->skipped++;
        return true;
    }
    memcpy(key, name.text, name.len);
    key[name.len] = 0;
    return offer(plan, key, value, at, out);
}

bool text_decode(const struct payload_plan *plan, const char *data, size_t len,
                 struct payload_values *out)
{
    unsigned number = 0;
    for (size_t at = 0; at < len;) {
        struct span rest = { data + at, len - at };
        size_t bytes = span_until(rest, plan->options.separator);
        struct span field = trim((struct span){ rest.text, bytes });
        number++;
        if (field.len > 0 && !take_field(plan, field, (size_t)(field.text - data), number, out)) {
            return false;
        }
        at += bytes + 1;
    }
    return true;
}
