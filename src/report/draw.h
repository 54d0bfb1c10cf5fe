/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * What the charts share: sizes, axes over hours and counts, colours for light and dark, escaped
 * text.
 */
#ifndef REPORT_DRAW_H
#define REPORT_DRAW_H

#include <stdbool.h>
#include <stdio.h>

#include "report/text.h"

/* Two drawings of each chart: the narrow one is for phones, where the wide one's letters would be
 * too small to read. */
struct layout {
    const char *name; /* of the class, and in ids */
    double width, height;
    double left, right, top, bottom; /* margins around the field */
    double letter;                   /* size of the text */
    double dot;                      /* radius */
    unsigned hour_step;              /* hours from label to label */
    unsigned legend_columns;
};

extern const struct layout layout_wide;
extern const struct layout layout_narrow;

/* The field of a chart: hours to the right, counts up from 0. */
struct field {
    const struct layout *layout;
    double top;    /* margin, with the legend */
    double height; /* of the whole drawing */
    double most;   /* count at the upper edge */
    double step;   /* from line to line */
};

/* `most` is the greatest count to show, `legends` the number of legend entries, `heading`: there
 * is a title in the drawing. */
struct field field_make(const struct layout *layout, double most, unsigned legends, bool heading);
double field_x(const struct field *field, double hour); /* the middle of that hour */
double field_y(const struct field *field, double value);
double field_hour_width(const struct field *field);

struct labels {
    const char *id; /* one for each chart of a page */
    const char *title, *description, *zone;
};

/* <svg ...> with title and description, the grid and the axes. `style_groups` above 0: it stands
 * alone, and brings a heading, a ground and the style for so many groups. */
void draw_begin(FILE *out, const struct field *field, const struct labels *labels,
                unsigned style_groups);
void draw_end(FILE *out);
/* Where the mark of a legend entry is; its text begins right of it. */
void draw_legend_at(const struct field *field, unsigned index, bool heading, double *ret_x,
                    double *ret_y);

/* Text of XML. */
void draw_text(FILE *out, const char *text);
/* The rules of CSS for all of it, without <style>; the group colours for so many groups. */
void draw_style(FILE *out, unsigned group_count);

/* The charts; `standalone`: as a file of their own, with a heading. */
void chart_groups(FILE *out, const struct report *report, const struct layout *layout,
                  bool standalone);
void chart_days(FILE *out, const struct report *report, const struct layout *layout);

#endif
