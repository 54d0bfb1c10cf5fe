/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * See page.h.
 */
#include "report/page.h"

#include <inttypes.h>

#include "report/draw.h"
#include "report/output.h"

static const char page_style[] =
    "*{box-sizing:border-box}"
    "body{margin:0 auto;max-width:62rem;padding:1rem .75rem 3rem;background:var(--page);"
    "color:var(--ink);font:16px/1.5 system-ui,sans-serif}"
    "h1{font-size:1.5rem;line-height:1.25;margin:.5rem 0;overflow-wrap:anywhere}"
    "h2{font-size:1.15rem;margin:2rem 0 .5rem}p{margin:.5rem 0;overflow-wrap:anywhere}"
    ".soft{color:var(--soft)}"
    ".chart{display:block;width:100%;height:auto}.narrow{display:none}"
    "table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}"
    "caption{text-align:left;color:var(--soft);padding:.25rem 0}"
    "th,td{padding:.3rem .4rem;text-align:right;border-bottom:1px solid var(--grid);"
    "vertical-align:top}"
    "th{font-weight:600}.text{text-align:left}tbody .text{overflow-wrap:anywhere}.place{width:45%}"
    ".swatch{width:.8em;height:.8em;margin-right:.4em}"
    "@media(max-width:640px){.wide{display:none}.narrow{display:block}"
    "table{font-size:.9rem}th,td{padding:.3rem .25rem}.spare{display:none}}\n";

static void put_left_out(FILE *out, const struct intake *intake)
{
    const char *before = ": ";

    if (intake->left_out == 0) {
        return;
    }
    fprintf(out, "<p>%" PRIu64 " of %" PRIu64 " rows were left out", intake->left_out,
            intake->left_out + intake->used);
    for (int i = 0; i < REASON_COUNT_OF; i++) {
        if (intake->reasons[i] > 0) {
            fprintf(out, "%s%" PRIu64 " %s", before, intake->reasons[i],
                    reason_text((enum reason)i));
            before = ", ";
        }
    }
    fputs(".</p>\n", out);
}

static void put_head(FILE *out, const struct report *report)
{
    const struct intake *intake = report->intake;
    const struct result *result = report->result;
    char first[WHEN_DATE_SIZE];
    char last[WHEN_DATE_SIZE];

    fputs("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>",
          out);
    draw_text(out, report->options->title);
    fputs("</title>\n<style>\n", out);
    draw_style(out, result->group_count);
    fputs(page_style, out);
    fputs("</style>\n</head>\n<body>\n<main>\n<h1>", out);
    draw_text(out, report->options->title);
    fprintf(out, "</h1>\n<p class=\"soft\">%zu locations, %" PRIu64 " rows, %s to %s, hours of ",
            intake->places.count, intake->used, when_date(intake->first_day, first),
            when_date(intake->last_day, last));
    draw_text(out, zone_name(intake->zone));
    fputs(report->options->days == DAYS_ALL       ? ".</p>\n"
          : report->options->days == DAYS_WEEKDAY ? ", Monday to Friday only.</p>\n"
                                                  : ", Saturday and Sunday only.</p>\n",
          out);
    put_left_out(out, intake);
}

static void put_swatch(FILE *out, unsigned group)
{
    fprintf(
        out,
        "<svg class=\"swatch\" viewBox=\"0 0 10 10\" aria-hidden=\"true\"><circle class=\"g%u\" "
        "cx=\"5\" cy=\"5\" r=\"5\"/></svg>",
        group);
}

static void put_groups(FILE *out, const struct result *result)
{
    fprintf(out,
            "<h2>Groups</h2>\n<table>\n<caption>%zu means of a location and hour of the day, in %u "
            "groups; %.1f&nbsp;%% of the spread lies between the groups.</caption>\n"
            "<thead><tr><th class=\"text\" scope=\"col\">Group</th><th scope=\"col\">Average</th>"
            "<th class=\"spare\" scope=\"col\">Standardised</th><th scope=\"col\">From</th>"
            "<th scope=\"col\">To</th><th class=\"spare\" scope=\"col\">Means</th>"
            "<th class=\"text\" scope=\"col\">Hours</th></tr></thead>\n<tbody>\n",
            result->point_count, result->group_count, 100 * result->explained);
    for (unsigned g = result->group_count; g-- > 0;) {
        const struct group *group = &result->groups[g];
        char average[TEXT_NUMBER_SIZE];
        char from[TEXT_NUMBER_SIZE];
        char to[TEXT_NUMBER_SIZE];
        char hours[RESULT_HOURS_SIZE];

        fputs("<tr><th class=\"text\" scope=\"row\">", out);
        put_swatch(out, g + 1);
        fprintf(out,
                "%u</th><td>%s</td><td class=\"spare\">%+.2f</td><td>%s</td><td>%s</td>"
                "<td class=\"spare\">%zu</td><td class=\"text\">%s</td></tr>\n",
                g + 1, text_number(group->centre, average), group->standard,
                text_number(group->from, from), text_number(group->to, to), group->points,
                result_hours(group->hours, hours));
    }
    fputs("</tbody>\n</table>\n", out);
}

static void put_peak_hours(FILE *out, const struct result *result)
{
    fprintf(
        out,
        "<h2>Peak hours</h2>\n<table>\n<thead><tr><th class=\"text\" scope=\"col\">Hour</th>"
        "<th scope=\"col\">Average</th><th scope=\"col\">Locations in group %u</th></tr></thead>\n"
        "<tbody>\n",
        result->group_count);
    for (unsigned i = 0; i < result->peak_hour_count; i++) {
        unsigned h = result->peak_hours[i];
        char number[TEXT_NUMBER_SIZE];

        fprintf(out,
                "<tr><th class=\"text\" scope=\"row\">%02u:00–%02u:59</th><td>%s</td>"
                "<td>%" PRIu32 "</td></tr>\n",
                h, h, text_number(result->hours[h].mean, number), result->hours[h].top);
    }
    fputs("</tbody>\n</table>\n", out);
}

static void put_peak_places(FILE *out, const struct report *report)
{
    const struct result *result = report->result;

    fprintf(
        out,
        "<h2>Peak places</h2>\n<table>\n<thead><tr><th class=\"text place\" scope=\"col\">Location"
        "</th><th scope=\"col\">Average</th><th scope=\"col\">Hour</th><th scope=\"col\">Hours "
        "in group %u</th></tr></thead>\n<tbody>\n",
        result->group_count);
    for (size_t i = 0; i < result->peak_place_count; i++) {
        const struct peak_place *peak = &result->peak_places[i];
        char number[TEXT_NUMBER_SIZE];

        fputs("<tr><th class=\"text\" scope=\"row\">", out);
        draw_text(out, places_at(&report->intake->places, peak->place)->name);
        fprintf(out, "</th><td>%s</td><td>%02u</td><td>%" PRIu32 "</td></tr>\n",
                text_number(peak->mean, number), (unsigned)peak->hour, peak->top);
    }
    fputs("</tbody>\n</table>\n", out);
}

static void put_days(FILE *out, const struct report *report)
{
    fputs("<h2>Weekdays and weekends</h2>\n", out);
    chart_days(out, report, &layout_wide);
    chart_days(out, report, &layout_narrow);
    fputs(
        "<table>\n<caption>Mean of all locations</caption>\n<thead><tr><th class=\"text\" "
        "scope=\"col\">Hour</th><th scope=\"col\">Monday to Friday</th><th scope=\"col\">Saturday, "
        "Sunday</th></tr></thead>\n<tbody>\n",
        out);
    for (unsigned h = 0; h < HOURS; h++) {
        const struct hour *hour = &report->result->hours[h];
        char weekday[TEXT_NUMBER_SIZE];
        char weekend[TEXT_NUMBER_SIZE];

        fprintf(out, "<tr><th class=\"text\" scope=\"row\">%02u</th><td>%s</td><td>%s</td></tr>\n",
                h, text_number(hour->of[DAY_WEEKDAY], weekday),
                text_number(hour->of[DAY_WEEKEND], weekend));
    }
    fputs("</tbody>\n</table>\n", out);
}

static void put_page(FILE *out, const struct report *report)
{
    put_head(out, report);
    chart_groups(out, report, &layout_wide, false);
    chart_groups(out, report, &layout_narrow, false);
    put_groups(out, report->result);
    put_peak_hours(out, report->result);
    put_peak_places(out, report);
    put_days(out, report);
    fputs("<p class=\"soft\">A dot is the mean count of one location in one hour of the day. The "
          "groups are the best possible ones (k-means, solved exactly). Made by weir report "
          "traffic " WEIR_VERSION ".</p>\n</main>\n</body>\n</html>\n",
          out);
}

static void put_drawing(FILE *out, const struct report *report)
{
    fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n", out);
    chart_groups(out, report, &layout_wide, true);
}

int page_write(const char *path, enum page_kind kind, const struct report *report)
{
    struct output output;
    int error = output_open(&output, path);

    if (error < 0) {
        return error;
    }
    if (kind == PAGE_HTML) {
        put_page(output.file, report);
    } else {
        put_drawing(output.file, report);
    }
    return output_close(&output, 0);
}
