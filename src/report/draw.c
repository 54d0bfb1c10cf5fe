/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * See draw.h.
 */
#include "report/draw.h"

#include <math.h>

#include "report/kmeans.h"

#define HEADING_LETTERS 1.35 /* size of the heading, in letters */

const struct layout layout_wide = { "wide", 960, 478, 64, 16, 32, 50, 15, 3, 2, 3 };
const struct layout layout_narrow = { "narrow", 360, 428, 42, 6, 30, 44, 13, 2, 6, 2 };

/* Each row: the colours of so many groups out of the nine; low is cold, high is warm. */
static const unsigned char chosen[KMEANS_MAX][KMEANS_MAX] = {
    { 0 },
    { 0, 7 },
    { 0, 5, 8 },
    { 0, 2, 5, 8 },
    { 0, 2, 4, 6, 8 },
    { 0, 2, 3, 5, 7, 8 },
    { 0, 1, 2, 4, 5, 7, 8 },
    { 0, 2, 3, 4, 5, 6, 7, 8 },
    { 0, 1, 2, 3, 4, 5, 6, 7, 8 },
};
static const char *const light[KMEANS_MAX] = { "#2a63b8", "#0e7ea3", "#0f8674",
                                               "#3f8a2b", "#8a7a00", "#b36b00",
                                               "#cc4e1a", "#c62540", "#a0176f" };
static const char *const dark[KMEANS_MAX] = { "#7aa7f0", "#5cc0de", "#4fc7b0", "#86c96a", "#cdbb3f",
                                              "#eda63c", "#f5875a", "#f5728a", "#e07cc4" };

void draw_text(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        case '&':
            fputs("&amp;", out);
            break;
        case '"':
            fputs("&quot;", out);
            break;
        default:
            fputc(*text, out);
        }
    }
}

static void put_colours(FILE *out, const char *const colours[KMEANS_MAX], unsigned group_count)
{
    for (unsigned g = 0; g < group_count; g++) {
        fprintf(out, "--g%u:%s;", g + 1, colours[chosen[group_count - 1][g]]);
    }
    fputs("}", out);
}

void draw_style(FILE *out, unsigned group_count)
{
    fputs(":root{color-scheme:light dark;--page:#fff;--ink:#1b1f24;--soft:#57606a;--grid:#dfe3e8;"
          "--weekday:#2a63b8;--weekend:#b36b00;",
          out);
    put_colours(out, light, group_count);
    fputs("\n@media(prefers-color-scheme:dark){:root{--page:#14171c;--ink:#e8ebef;--soft:#a3acb8;"
          "--grid:#333a44;--weekday:#7aa7f0;--weekend:#eda63c;",
          out);
    put_colours(out, dark, group_count);
    fputs("}\n"
          ".chart text{font-family:system-ui,sans-serif;fill:var(--soft)}"
          ".chart .ink{fill:var(--ink)}.chart .heading{fill:var(--ink);font-weight:600}"
          ".chart .end{text-anchor:end}.chart .middle{text-anchor:middle}"
          ".grid{stroke:var(--grid);fill:none}.axis{stroke:var(--soft);fill:none}"
          ".border{stroke:var(--soft);stroke-dasharray:2 4;fill:none}"
          ".dot{stroke:var(--page);stroke-width:.5}"
          ".line{fill:none;stroke-width:2.5;stroke-linejoin:round;stroke-linecap:round}"
          ".weekday{stroke:var(--weekday)}.weekend{stroke:var(--weekend);stroke-dasharray:7 5}"
          ".weekday-dot{fill:var(--weekday)}.weekend-dot{fill:var(--weekend)}",
          out);
    for (unsigned g = 1; g <= group_count; g++) {
        fprintf(out, ".g%u{fill:var(--g%u)}", g, g);
    }
    fputs("\n", out);
}

/* ---- the field ---- */

/* 1, 2 or 5 times a power of ten, at most six steps. */
static double nice_step(double most)
{
    double power = pow(10, floor(log10(most / 6)));

    for (int i = 0; i < 3; i++) {
        static const double steps[] = { 1, 2, 5 };

        if (most / (steps[i] * power) <= 6) {
            return steps[i] * power;
        }
    }
    return 10 * power;
}

static double heading_height(const struct layout *layout, bool heading)
{
    return heading ? layout->letter * HEADING_LETTERS * 1.6 : 0;
}

struct field field_make(const struct layout *layout, double most, unsigned legends, bool heading)
{
    unsigned rows = (legends + layout->legend_columns - 1) / layout->legend_columns;
    double above = heading_height(layout, heading) + rows * layout->letter * 1.7;
    struct field field = { .layout = layout, .top = layout->top + above };

    most = most > 0 ? most : 1;
    field.step = nice_step(most);
    field.most = ceil(most / field.step - 1e-9) * field.step;
    field.height = layout->height + above;
    return field;
}

double field_hour_width(const struct field *field)
{
    return (field->layout->width - field->layout->left - field->layout->right) / HOURS;
}

double field_x(const struct field *field, double hour)
{
    return field->layout->left + (hour + 0.5) * field_hour_width(field);
}

double field_y(const struct field *field, double value)
{
    double bottom = field->height - field->layout->bottom;

    return bottom - (bottom - field->top) * value / field->most;
}

void draw_legend_at(const struct field *field, unsigned index, bool heading, double *ret_x,
                    double *ret_y)
{
    const struct layout *layout = field->layout;
    double width = (layout->width - 8) / layout->legend_columns;

    *ret_x = 8 + width * (index % layout->legend_columns);
    *ret_y = heading_height(layout, heading) +
             layout->letter * (0.9 + 1.7 * (index / layout->legend_columns));
}

/* "1500", "15k", "2.5M" */
static void put_count(FILE *out, double value, double step)
{
    static const char units[][2] = { "", "k", "M", "G", "T" };
    size_t unit = 0;

    while (step * 2 >= 1000 && unit + 1 < sizeof(units) / sizeof(units[0])) {
        step /= 1000;
        value /= 1000;
        unit++;
    }
    fprintf(out, "%.6g%s", value, value == 0 ? "" : units[unit]);
}

static void draw_axes(FILE *out, const struct field *field, const char *zone)
{
    const struct layout *layout = field->layout;
    double right = layout->width - layout->right;
    double bottom = field_y(field, 0);
    int lines = (int)lround(field->most / field->step);

    for (int i = 0; i <= lines; i++) {
        double y = field_y(field, i * field->step);

        fprintf(out, "<path class=\"%s\" d=\"M%.1f %.1fH%.1f\"/>", i == 0 ? "axis" : "grid",
                layout->left, y, right);
        fprintf(out, "<text class=\"end\" x=\"%.1f\" y=\"%.1f\">", layout->left - 6,
                y + layout->letter * 0.35);
        put_count(out, i * field->step, field->step);
        fputs("</text>\n", out);
    }
    for (unsigned hour = 0; hour < HOURS; hour += layout->hour_step) {
        fprintf(out,
                "<path class=\"axis\" d=\"M%.1f %.1fv4\"/>"
                "<text class=\"middle\" x=\"%.1f\" y=\"%.1f\">%02u</text>\n",
                field_x(field, hour), bottom, field_x(field, hour), bottom + layout->letter * 1.4,
                hour);
    }
    fprintf(out, "<text x=\"%.1f\" y=\"%.1f\">average vehicle_count</text>\n", 8.0,
            field->top - layout->letter * 1.0);
    fprintf(out, "<text class=\"end\" x=\"%.1f\" y=\"%.1f\">hour of the day, ", right,
            bottom + layout->letter * 2.8);
    draw_text(out, zone);
    fputs("</text>\n", out);
}

static void draw_ground(FILE *out, const struct field *field, const char *title,
                        unsigned style_groups)
{
    double size = field->layout->letter * HEADING_LETTERS;

    fputs("<style>\n", out);
    draw_style(out, style_groups);
    fputs("</style>\n<rect width=\"100%\" height=\"100%\" fill=\"var(--page)\"/>\n", out);
    fprintf(out, "<text class=\"heading\" x=\"8\" y=\"%.1f\" font-size=\"%.1f\">", size, size);
    draw_text(out, title);
    fputs("</text>\n", out);
}

void draw_begin(FILE *out, const struct field *field, const struct labels *labels,
                unsigned style_groups)
{
    const struct layout *layout = field->layout;

    fprintf(out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"chart %s\" role=\"img\" "
            "viewBox=\"0 0 %.0f %.0f\" font-size=\"%.0f\" aria-labelledby=\"%s-%s-t %s-%s-d\">\n",
            layout->name, layout->width, field->height, layout->letter, labels->id, layout->name,
            labels->id, layout->name);
    fprintf(out, "<title id=\"%s-%s-t\">", labels->id, layout->name);
    draw_text(out, labels->title);
    fprintf(out, "</title><desc id=\"%s-%s-d\">", labels->id, layout->name);
    draw_text(out, labels->description);
    fputs("</desc>\n", out);
    if (style_groups > 0) {
        draw_ground(out, field, labels->title, style_groups);
    }
    draw_axes(out, field, labels->zone);
}

void draw_end(FILE *out)
{
    fputs("</svg>\n", out);
}
