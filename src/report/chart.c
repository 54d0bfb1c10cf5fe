/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Hour against average count, coloured by group: one dot for each location and hour. Dots of one
 * hour and height stand side by side; where they have no room one bar stands for all of them, so
 * the drawing stays small however many locations there are.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "report/draw.h"

#define ROOM_MAX 16 /* dots side by side */

/* Dots of one hour that are as high as each other and of one group. */
struct pile {
    const struct point *points[ROOM_MAX];
    size_t count; /* may be more than there is room for */
    double from, to;
    long band;
};

struct drawing {
    FILE *out;
    const struct report *report;
    const struct field *field;
    size_t room;
    bool told; /* each dot says what it is */
};

static void put_dot(const struct drawing *drawing, const struct point *point, double x)
{
    char number[TEXT_NUMBER_SIZE];

    fprintf(drawing->out, "<circle class=\"dot g%u\" cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\"",
            point->group + 1u, x, field_y(drawing->field, point->mean),
            drawing->field->layout->dot);
    if (!drawing->told) {
        fputs("/>\n", drawing->out);
        return;
    }
    fputs("><title>", drawing->out);
    draw_text(drawing->out, places_at(&drawing->report->intake->places, point->place)->name);
    fprintf(drawing->out, ", %02u h: %s</title></circle>\n", (unsigned)point->hour,
            text_number(point->mean, number));
}

static void put_bar(const struct drawing *drawing, const struct pile *pile)
{
    const struct point *one = pile->points[0];
    const struct field *field = drawing->field;
    double r = field->layout->dot;
    double width = 2 * r * (double)drawing->room;
    char from[TEXT_NUMBER_SIZE];
    char to[TEXT_NUMBER_SIZE];

    fprintf(drawing->out,
            "<rect class=\"dot g%u\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" "
            "rx=\"%.1f\"><title>%zu locations, %02u h: %s to %s</title></rect>\n",
            one->group + 1u, field_x(field, one->hour) - width / 2,
            field_y(field, (pile->from + pile->to) / 2) - r, width, 2 * r, r, pile->count,
            (unsigned)one->hour, text_number(pile->from, from), text_number(pile->to, to));
}

/* From the middle outwards: 0, -1, 1, -2, 2. */
static void put_pile(const struct drawing *drawing, struct pile *pile)
{
    double step = 2 * drawing->field->layout->dot;

    if (pile->count > drawing->room) {
        put_bar(drawing, pile);
        pile->count = 0;
    }
    for (size_t i = 0; i < pile->count; i++) {
        double aside = (double)((i + 1) / 2) * (i % 2 == 1 ? -step : step);
        double middle = pile->count % 2 == 0 ? step / 2 : 0;

        put_dot(drawing, pile->points[i],
                field_x(drawing->field, pile->points[i]->hour) + aside + middle);
    }
    pile->count = 0;
}

/* The points ascend, so each hour's do too: a pile is over when a point of its hour is higher. */
static void put_points(const struct drawing *drawing)
{
    const struct result *result = drawing->report->result;
    struct pile piles[HOURS] = { 0 };
    double height = 2 * drawing->field->layout->dot;

    for (size_t i = 0; i < result->point_count; i++) {
        const struct point *point = &result->points[i];
        struct pile *pile = &piles[point->hour];
        long band = lround(field_y(drawing->field, point->mean) / height);

        if (pile->count > 0 && (pile->band != band || pile->points[0]->group != point->group)) {
            put_pile(drawing, pile);
        }
        if (pile->count == 0) {
            pile->band = band;
            pile->from = point->mean;
        }
        if (pile->count < ROOM_MAX) {
            pile->points[pile->count] = point;
        }
        pile->to = point->mean;
        pile->count++;
    }
    for (unsigned hour = 0; hour < HOURS; hour++) {
        put_pile(drawing, &piles[hour]);
    }
}

/* Dashed lines between the groups: they are told apart without colours too. */
static void put_borders(const struct drawing *drawing)
{
    const struct result *result = drawing->report->result;
    const struct layout *layout = drawing->field->layout;

    for (unsigned g = 0; g + 1 < result->group_count; g++) {
        double y = field_y(drawing->field, (result->groups[g].to + result->groups[g + 1].from) / 2);

        fprintf(drawing->out, "<path class=\"border\" d=\"M%.1f %.1fH%.1f\"/>\n", layout->left, y,
                layout->width - layout->right);
    }
}

static void put_legend(const struct drawing *drawing, bool heading)
{
    const struct result *result = drawing->report->result;
    double letter = drawing->field->layout->letter;

    for (unsigned i = 0; i < result->group_count; i++) {
        unsigned g = result->group_count - 1 - i; /* the highest first, as in the chart */
        char number[TEXT_NUMBER_SIZE];
        double x;
        double y;

        draw_legend_at(drawing->field, i, heading, &x, &y);
        fprintf(drawing->out,
                "<circle class=\"g%u\" cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\"/>"
                "<text class=\"ink\" x=\"%.1f\" y=\"%.1f\">group %u: about %s</text>\n",
                g + 1, x + letter * 0.4, y - letter * 0.33, letter * 0.38, x + letter * 1.1, y,
                g + 1, text_number(result->groups[g].centre, number));
    }
}

void chart_groups(FILE *out, const struct report *report, const struct layout *layout,
                  bool standalone)
{
    const struct result *result = report->result;
    double most = result->points[result->point_count - 1].mean;
    struct field field = field_make(layout, most, result->group_count, standalone);
    double room = field_hour_width(&field) / (2 * layout->dot) - 0.5;
    struct drawing drawing = {
        .out = out,
        .report = report,
        .field = &field,
        .room = room < 1          ? 1
                : room > ROOM_MAX ? ROOM_MAX
                                  : (size_t)room,
        .told = layout == &layout_wide,
    };
    char description[512];
    char low[TEXT_NUMBER_SIZE];
    char high[TEXT_NUMBER_SIZE];

    snprintf(description, sizeof(description),
             "Hour of the day to the right, average vehicle_count upwards; a dot for each of %zu "
             "locations and hours, in %u groups of about %s (group 1) to %s (group %u).",
             result->point_count, result->group_count, text_number(result->groups[0].centre, low),
             text_number(result->groups[result->group_count - 1].centre, high),
             result->group_count);
    draw_begin(out, &field,
               &(struct labels){ "groups", report->options->title, description,
                                 zone_name(report->intake->zone) },
               standalone ? result->group_count : 0);
    put_legend(&drawing, standalone);
    put_borders(&drawing);
    put_points(&drawing);
    draw_end(out);
}
