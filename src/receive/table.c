/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * See table.h.
 */
#include "receive/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "receive/text.h"
#include "receive/utc.h"

#define TIME_WIDTH 24

/* Keys with a column of their own, or of no interest to people. */
static const char *const label_keys[] = {
    "gateway", "bus", "epoch", "seq", "device", "kind", "time"
};

static const char *string_of(const json_t *object, const char *key, const char *otherwise)
{
    const char *string = json_string_value(json_object_get(object, key));

    return string != NULL ? string : otherwise;
}

static void put_arrival(char *buf, size_t size, int64_t at_ms)
{
    time_t seconds = (time_t)(at_ms / 1000);
    struct tm parts;
    char text[32];

    if (gmtime_r(&seconds, &parts) == NULL ||
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts) == 0) {
        text[0] = '\0';
    }
    snprintf(buf, size, "%s.%03dZ", text, (int)(at_ms % 1000));
}

/* The time that the object says, if it is one. */
static const char *own_time(const struct item *item)
{
    const char *time = string_of(item->object, "time", NULL);
    int64_t us;

    return item->record != NULL || (time != NULL && utc_read(time, &us)) ? time : NULL;
}

void label_make(struct label *label, const struct item *item)
{
    const char *time = own_time(item);
    bool is_record = item->record != NULL;

    label->gateway = is_record ? string_of(item->object, "gateway", "") : "";
    label->device = is_record ? string_of(item->object, "device", item->topic) : item->topic;
    label->kind = is_record ? string_of(item->object, "kind", "-") : "-";
    if (time != NULL) {
        snprintf(label->time, sizeof(label->time), "%s", time);
    } else {
        put_arrival(label->time, sizeof(label->time), item->at_ms);
    }
}

struct values {
    FILE *out;
    const char *space;
    bool is_record;
    bool has_time; /* in a column of its own */
};

static void put_value(void *context, const char *name, const json_t *value)
{
    struct values *values = context;

    if (values->has_time && strcmp(name, "time") == 0) {
        return;
    }
    for (size_t i = 0; values->is_record && i < sizeof(label_keys) / sizeof(label_keys[0]); i++) {
        if (strcmp(name, label_keys[i]) == 0) {
            return;
        }
    }
    fprintf(values->out, "%s%s=", values->space, name);
    if (json_is_null(value)) {
        fputc('-', values->out);
    } else {
        text_plain(values->out, value);
    }
    values->space = " ";
}

char *label_values(const struct item *item)
{
    char *text = NULL;
    size_t size = 0;
    struct values values = { .out = open_memstream(&text, &size),
                             .space = "",
                             .is_record = item->record != NULL,
                             .has_time = own_time(item) != NULL };

    if (values.out == NULL) {
        return NULL;
    }
    text_flatten(item->object, item->record != NULL, put_value, &values);
    if (fclose(values.out) == EOF) {
        free(text);
        return NULL;
    }
    return text;
}

static size_t widen(size_t width, const char *text)
{
    size_t needed = text_width(text);

    return needed > width ? needed : width;
}

static void put_line(const struct table *table, FILE *out, const char *time, const char *device,
                     const char *kind, const char *values)
{
    text_cell(out, time, TIME_WIDTH);
    fputs("  ", out);
    text_cell(out, device, table->device_width);
    fputs("  ", out);
    text_cell(out, kind, table->kind_width);
    fputs("  ", out);
    text_cell(out, values, 0);
    fputc('\n', out);
}

int table_write(struct table *table, FILE *out, const struct item *item)
{
    struct label label;
    char *values = label_values(item);

    if (values == NULL) {
        return -ENOMEM;
    }
    label_make(&label, item);
    table->device_width = widen(table->device_width, label.device);
    table->kind_width = widen(table->kind_width, label.kind);
    if (!table->begun) {
        table->begun = true;
        table->device_width = widen(table->device_width, "DEVICE   ");
        table->kind_width = widen(table->kind_width, "reading");
        put_line(table, out, "TIME", "DEVICE", "KIND", "VALUES");
    }
    put_line(table, out, label.time, label.device, label.kind, values);
    free(values);
    return 0;
}
