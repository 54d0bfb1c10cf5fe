/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * See text.h: for people at a terminal.
 */
#include "report/text.h"

#include <inttypes.h>
#include <math.h>

const char *text_number(double value, char buf[TEXT_NUMBER_SIZE])
{
    int decimals = fabs(value) < 10 ? 2 : fabs(value) < 1000 ? 1 : 0;

    if (isnan(value)) {
        snprintf(buf, TEXT_NUMBER_SIZE, "-");
    } else {
        snprintf(buf, TEXT_NUMBER_SIZE, "%.*f", decimals, value);
    }
    return buf;
}

static void write_head(FILE *out, const struct report *report)
{
    const struct intake *intake = report->intake;
    const struct result *result = report->result;
    char first[WHEN_DATE_SIZE];
    char last[WHEN_DATE_SIZE];

    fprintf(out, "%zu locations, %" PRIu64 " rows, %s to %s, hours of %s\n", intake->places.count,
            intake->used, when_date(intake->first_day, first), when_date(intake->last_day, last),
            zone_name(intake->zone));
    if (intake->without_zone > 0) {
        fprintf(out, "%" PRIu64 " rows have a time without a zone, taken as local\n",
                intake->without_zone);
    }
    if (intake->repeats > 0) {
        fprintf(out, "%" PRIu64 " rows were repeats and count once\n", intake->repeats);
    }
    if (intake->other_kind > 0) {
        fprintf(out, "%" PRIu64 " rows were of another kind\n", intake->other_kind);
    }
    fprintf(out,
            "%zu cells (location and hour of the day%s%s) in %u groups, %.1f %% of the spread "
            "explained\n",
            result->point_count, report->options->days == DAYS_ALL ? "" : ", ",
            report->options->days == DAYS_ALL ? "" : days_name(report->options->days),
            result->group_count, 100 * result->explained);
    if (result->group_count < report->options->clusters) {
        fprintf(out, "%u groups were asked for, but only %u means differ\n",
                report->options->clusters, result->group_count);
    }
}

static void write_groups(FILE *out, const struct result *result)
{
    fputs("\ngroup  average  standard        from          to     cells  hours\n", out);
    for (unsigned g = 0; g < result->group_count; g++) {
        const struct group *group = &result->groups[g];
        char average[TEXT_NUMBER_SIZE];
        char from[TEXT_NUMBER_SIZE];
        char to[TEXT_NUMBER_SIZE];
        char hours[RESULT_HOURS_SIZE];

        fprintf(out, "%5u  %7s  %+8.2f  %10s  %10s  %8zu%s%s\n", g + 1,
                text_number(group->centre, average), group->standard,
                text_number(group->from, from), text_number(group->to, to), group->points,
                group->hours == 0 ? "" : "  ", result_hours(group->hours, hours));
    }
}

static void write_peaks(FILE *out, const struct report *report)
{
    const struct result *result = report->result;
    char number[TEXT_NUMBER_SIZE];

    fprintf(out, "\npeak hours    average  locations in group %u\n", result->group_count);
    for (unsigned i = 0; i < result->peak_hour_count; i++) {
        const struct hour *hour = &result->hours[result->peak_hours[i]];

        fprintf(out, "%02u:00-%02u:59 %9s  %" PRIu32 "\n", result->peak_hours[i],
                result->peak_hours[i], text_number(hour->mean, number), hour->top);
    }
    fprintf(out, "\npeak places   average  in hour  hours in group %u\n", result->group_count);
    for (size_t i = 0; i < result->peak_place_count; i++) {
        const struct peak_place *peak = &result->peak_places[i];

        fprintf(out, "%21s  %7u  %15" PRIu32 "  %s\n", text_number(peak->mean, number), peak->hour,
                peak->top, places_at(&report->intake->places, peak->place)->name);
    }
}

static void write_days(FILE *out, const struct result *result)
{
    fputs("\nhour  weekday  weekend\n", out);
    for (unsigned h = 0; h < HOURS; h++) {
        char weekday[TEXT_NUMBER_SIZE];
        char weekend[TEXT_NUMBER_SIZE];

        fprintf(out, "%4u  %7s  %7s\n", h, text_number(result->hours[h].of[DAY_WEEKDAY], weekday),
                text_number(result->hours[h].of[DAY_WEEKEND], weekend));
    }
}

void text_write(FILE *out, const struct report *report)
{
    write_head(out, report);
    write_groups(out, report->result);
    write_peaks(out, report);
    write_days(out, report->result);
}
