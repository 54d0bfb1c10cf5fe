/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Weekdays and weekends: the mean of all locations over the hours of the day, as two lines.
 */
#include <math.h>

#include "report/draw.h"

static const char *const names[DAY_KINDS] = { "weekday", "weekend" };
static const char *const titles[DAY_KINDS] = { "Monday to Friday", "Saturday, Sunday" };

/* Hours without rows leave a gap. */
static void put_line(FILE *out, const struct field *field, const struct result *result,
                     enum day_kind kind)
{
    bool on = false;

    fprintf(out, "<path class=\"line %s\" d=\"", names[kind]);
    for (unsigned h = 0; h < HOURS; h++) {
        double value = result->hours[h].of[kind];

        if (!isnan(value)) {
            fprintf(out, "%c%.1f %.1f", on ? 'L' : 'M', field_x(field, h), field_y(field, value));
        }
        on = !isnan(value);
    }
    fputs("\"/>\n", out);
    for (unsigned h = 0; h < HOURS; h++) {
        double value = result->hours[h].of[kind];
        char number[TEXT_NUMBER_SIZE];

        if (!isnan(value)) {
            fprintf(out,
                    "<circle class=\"dot %s-dot\" cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\"><title>%s, "
                    "%02u h: %s</title></circle>\n",
                    names[kind], field_x(field, h), field_y(field, value), field->layout->dot + 1,
                    titles[kind], h, text_number(value, number));
        }
    }
}

static void put_legend(FILE *out, const struct field *field, enum day_kind kind)
{
    double letter = field->layout->letter;
    double x;
    double y;

    draw_legend_at(field, kind, false, &x, &y);
    fprintf(out,
            "<path class=\"line %s\" d=\"M%.1f %.1fh%.1f\"/>"
            "<text class=\"ink\" x=\"%.1f\" y=\"%.1f\">%s</text>\n",
            names[kind], x, y - letter * 0.33, letter * 1.8, x + letter * 2.3, y, titles[kind]);
}

void chart_days(FILE *out, const struct report *report, const struct layout *layout)
{
    const struct result *result = report->result;
    struct field field;
    double most = 0;

    for (unsigned h = 0; h < HOURS; h++) {
        for (int kind = 0; kind < DAY_KINDS; kind++) {
            double value = result->hours[h].of[kind];

            most = !isnan(value) && value > most ? value : most;
        }
    }
    field = field_make(layout, most, DAY_KINDS, false);
    draw_begin(
        out, &field,
        &(struct labels){ "days", "Weekdays and weekends",
                          "Hour of the day to the right, mean of all locations upwards; one "
                          "line for Monday to Friday, one for Saturday and Sunday. The table "
                          "below has the numbers.",
                          zone_name(report->intake->zone) },
        0);
    for (int kind = 0; kind < DAY_KINDS; kind++) {
        put_legend(out, &field, (enum day_kind)kind);
        put_line(out, &field, result, (enum day_kind)kind);
    }
    draw_end(out);
}
