/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Topic templates; see topic.h.
 *
 *     weir/{gateway}/{device}/{label.site}
 *     TEXT  GATEWAY T DEVICE T LABEL "site"
 */
#include "topic.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    enum topic_field field;
} placeholders[] = {
    { "gateway", TOPIC_GATEWAY }, { "uplink", TOPIC_UPLINK }, { "bus", TOPIC_BUS },
    { "device", TOPIC_DEVICE },   { "kind", TOPIC_KIND },
};

#define LABEL_DOT     "label."
#define LABEL_DOT_LEN (sizeof LABEL_DOT - 1)

/* The name between the braces: true if it is one of the placeholders allowed here. */
static bool part_parse(const char *name, size_t len, unsigned fields, struct topic_part *part)
{
    for (size_t i = 0; i < sizeof placeholders / sizeof placeholders[0]; i++) {
        if (strlen(placeholders[i].name) == len && !memcmp(placeholders[i].name, name, len)) {
            *part = (struct topic_part){ .field = placeholders[i].field };
            return fields & TOPIC_BIT(part->field);
        }
    }
    if (len > LABEL_DOT_LEN && !memcmp(name, LABEL_DOT, LABEL_DOT_LEN)) {
        *part = (struct topic_part){ TOPIC_LABEL, name + LABEL_DOT_LEN, len - LABEL_DOT_LEN };
        return fields & TOPIC_BIT(TOPIC_LABEL);
    }
    return false;
}

/* One part from the front of the text. Its length in the text, or 0 with a message. */
static size_t part_take(const char *text, size_t len, unsigned fields, struct topic_part *part,
                        char *err, size_t err_size)
{
    if (*text == '{') {
        const char *end = memchr(text, '}', len);
        if (!end) {
            snprintf(err, err_size, "'{' without '}'");
            return 0;
        }
        size_t name_len = (size_t)(end - text) - 1;
        if (!part_parse(text + 1, name_len, fields, part)) {
            snprintf(err, err_size, "placeholder {%.*s} is not known here", (int)name_len,
                     text + 1);
            return 0;
        }
        return name_len + 2;
    }
    size_t n = 0;
    for (; n < len && text[n] != '{'; n++) {
        if (strchr("}+#", text[n])) {
            snprintf(err, err_size,
                     text[n] == '}' ? "'}' without '{'" : "'+' and '#' are wildcards");
            return 0;
        }
    }
    *part = (struct topic_part){ TOPIC_TEXT, text, n };
    return n;
}

int topic_parse(const char *text, size_t len, unsigned fields, struct topic_template *ret_template,
                char *err, size_t err_size)
{
    struct topic_template template = { 0 };
    if (!len) {
        snprintf(err, err_size, "must not be empty");
        return -EINVAL;
    }
    while (len) {
        if (template.count == TOPIC_PARTS) {
            snprintf(err, err_size, "has more than %d parts", TOPIC_PARTS);
            return -EINVAL;
        }
        size_t n = part_take(text, len, fields, &template.parts[template.count], err, err_size);
        if (!n) {
            return -EINVAL;
        }
        template.count++;
        text += n;
        len -= n;
    }
    *ret_template = template;
    return 0;
}

static const char *label_find(const struct weir_shape *shape, const char *key, size_t len)
{
    for (size_t i = 0; i < shape->label_count; i++) {
        if (strlen(shape->labels[i].key) == len && !memcmp(shape->labels[i].key, key, len)) {
            return shape->labels[i].value;
        }
    }
    return "";
}

static const char *part_value(const struct topic_part *part, const struct topic_values *values)
{
    switch (part->field) {
    case TOPIC_GATEWAY:
        return values->gateway;
    case TOPIC_UPLINK:
        return values->uplink;
    case TOPIC_BUS:
        return values->bus;
    case TOPIC_DEVICE:
        return values->shape->device;
    case TOPIC_KIND:
        return values->shape->kind;
    case TOPIC_LABEL:
        return label_find(values->shape, part->text, part->len);
    case TOPIC_TEXT:
        break;
    }
    return "";
}

/* A value must stay one level of the topic, whatever a user calls his label. */
static char value_character(char c)
{
    unsigned char u = (unsigned char)c;
    return u < 0x20 || u == 0x7f || strchr("+#/", c) ? '_' : c;
}

int topic_expand(const struct topic_template *template, const struct topic_values *values,
                 char *buf, size_t size)
{
    size_t at = 0;
    for (size_t i = 0; i < template->count; i++) {
        const struct topic_part *part = &template->parts[i];
        bool literal = part->field == TOPIC_TEXT;
        const char *value = literal ? part->text : part_value(part, values);
        size_t len = literal ? part->len : strlen(value);
        if (!literal && !len) {
            value = "_";
            len = 1;
        }
        if (len >= size - at) {
            return -ENAMETOOLONG;
        }
        for (size_t k = 0; k < len; k++) {
            buf[at++] = literal ? value[k] : value_character(value[k]);
        }
    }
    buf[at] = 0;
    return (int)at;
}

size_t topic_prefix_length(const struct topic_template *template, const char *text)
{
    for (size_t i = 0; i < template->count; i++) {
        enum topic_field field = template->parts[i].field;
        if (field == TOPIC_DEVICE) {
            return (size_t)(strstr(text, "{device}") - text);
        }
        if (field != TOPIC_TEXT && field != TOPIC_GATEWAY) {
            break;
        }
    }
    return 0;
}
