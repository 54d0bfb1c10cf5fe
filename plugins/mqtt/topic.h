/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Topic templates: text with placeholders, "weir/{gateway}/{device}/{kind}". Also used for the
 * prefix and the client id. Pure: no allocation, no state. A template points into the text that it
 * was parsed from, which must live as long.
 */
#ifndef MQTT_TOPIC_H
#define MQTT_TOPIC_H

#include <stddef.h>

#include <weir/record.h>

#define TOPIC_MAX   1024 /* bytes of an expanded topic, with the zero */
#define TOPIC_PARTS 32

enum topic_field {
    TOPIC_TEXT, /* not a placeholder */
    TOPIC_GATEWAY,
    TOPIC_UPLINK,
    TOPIC_BUS,
    TOPIC_DEVICE,
    TOPIC_KIND,
    TOPIC_LABEL,
};

#define TOPIC_BIT(field)    (1u << (field))
#define TOPIC_OF_GATEWAY    TOPIC_BIT(TOPIC_GATEWAY)
#define TOPIC_OF_CONNECTION (TOPIC_BIT(TOPIC_GATEWAY) | TOPIC_BIT(TOPIC_UPLINK))
#define TOPIC_OF_RECORD                                                                            \
    (TOPIC_BIT(TOPIC_GATEWAY) | TOPIC_BIT(TOPIC_BUS) | TOPIC_BIT(TOPIC_DEVICE) |                   \
     TOPIC_BIT(TOPIC_KIND) | TOPIC_BIT(TOPIC_LABEL))

struct topic_part {
    enum topic_field field;
    const char *text; /* TEXT: itself; LABEL: the label's key */
    size_t len;
};

struct topic_template {
    size_t count;
    struct topic_part parts[TOPIC_PARTS];
};

/* What placeholders stand for. What the template does not use may be NULL. */
struct topic_values {
    const char *gateway;
    const char *uplink;
    const char *bus;
    const struct weir_shape *shape;
};

/* `fields` are the placeholders allowed, as TOPIC_BITs. -EINVAL with a message for people in err:
 * an unknown placeholder, a brace without its partner, a wildcard, or too many parts. */
int topic_parse(const char *text, size_t len, unsigned fields, struct topic_template *ret_template,
                char *err, size_t err_size);

/* Writes topic and zero; returns the length, or -ENAMETOOLONG. In values, what would change the
 * topic's meaning ('+', '#', '/', control characters) becomes '_', and so does an empty one. */
int topic_expand(const struct topic_template *template, const struct topic_values *values,
                 char *buf, size_t size);

/* How much of a topic's text is its prefix: the part before {device}. 0 if there is none that
 * stands for the whole gateway. */
size_t topic_prefix_length(const struct topic_template *template, const char *text);

#endif
