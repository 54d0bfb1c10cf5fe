/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Records as lines for people: see table.h.
 */
#include "cli/table.h"

#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "record/values.h"

static void print_number(const struct weir_value *value, enum weir_type type)
{
    char text[NUMBER_MAX];
    unsigned n = 0;
    switch (type) {
    case WEIR_BOOL:
        text[n++] = value->boolean ? '1' : '0';
        break;
    case WEIR_INT64:
        n = number_i64(value->int64, text);
        break;
    case WEIR_UINT64:
        n = number_u64(value->uint64, text);
        break;
    case WEIR_FLOAT32:
        n = number_f32(value->float32, text);
        break;
    case WEIR_FLOAT64:
        n = number_f64(value->float64, text);
        break;
    case WEIR_TEXT:
    case WEIR_BYTES:
        break;
    }
    printf("%.*s", (int)n, text);
}

/* A device's words must not steer the terminal. */
static void print_text(const struct weir_value *value)
{
    for (size_t i = 0; i < value->bytes.len; i++) {
        unsigned char c = value->bytes.data[i];
        putchar(c < ' ' || c == 127 ? '.' : c);
    }
}

static void print_value(const struct weir_point *point, const struct weir_value *value)
{
    if (value->quality == WEIR_QUALITY_OMITTED) {
        return;
    }
    printf("  %s=", point->name);
    if (value->quality != WEIR_QUALITY_GOOD && value->quality != WEIR_QUALITY_SUSPECT) {
        printf("(%s)", result_name(value->quality));
        return;
    }
    if (point->type == WEIR_TEXT) {
        print_text(value);
    } else if (point->type == WEIR_BYTES) {
        for (size_t i = 0; i < value->bytes.len; i++) {
            printf("%02x", value->bytes.data[i]);
        }
    } else {
        print_number(value, point->type);
    }
    printf("%s%s%s", point->unit[0] ? " " : "", point->unit,
           value->quality == WEIR_QUALITY_SUSPECT ? "?" : "");
}

void table_print(struct record_table *table, const struct item *item)
{
    char time[25];
    const struct weir_shape *view = &item->shape->view;
    int device = (int)strlen(view->device), kind = (int)strlen(view->kind);
    table->device_width = table->device_width ? table->device_width : 12;
    table->kind_width = table->kind_width ? table->kind_width : 7;
    table->device_width = device > table->device_width ? device : table->device_width;
    table->kind_width = kind > table->kind_width ? kind : table->kind_width;
    wall_format(wall_from_boot(item->time, item->clock), time);
    printf("%s%c %-*s %-*s", time, item->clock.state == CLOCK_SYNCED ? ' ' : '?',
           table->device_width, view->device, table->kind_width, view->kind);
    for (size_t i = 0; i < view->point_count; i++) {
        print_value(&view->points[i], &item->values[i]);
    }
    putchar('\n');
}
