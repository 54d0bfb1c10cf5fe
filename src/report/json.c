/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The result as JSON, made by jansson piece by piece: with many locations the whole would be large.
 */
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/text.h"

#define FLAGS (JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(9))

static json_t *real_or_null(double value)
{
    return isnan(value) ? json_null() : json_real(value);
}

static json_t *count(uint64_t value)
{
    return json_integer((json_int_t)value);
}

/* Writes and releases `value`; NULL: there was no memory for it. */
static int put(FILE *out, const char *before, json_t *value)
{
    int failed;

    if (value == NULL) {
        return -ENOMEM;
    }
    fputs(before, out);
    errno = 0;
    failed = json_dumpf(value, out, FLAGS);
    json_decref(value);
    return failed == 0 || ferror(out) ? 0 : -ENOMEM; /* who opened `out` asks for its errors */
}

static json_t *hours_list(uint32_t hours)
{
    json_t *list = json_array();

    for (unsigned h = 0; h < HOURS; h++) {
        if ((hours >> h & 1) != 0) {
            json_array_append_new(list, json_integer(h));
        }
    }
    return list;
}

static json_t *left_out(const struct intake *intake)
{
    json_t *reasons = json_object();
    json_t *first = json_array();

    for (int i = 0; i < REASON_COUNT_OF; i++) {
        if (intake->reasons[i] > 0) {
            json_object_set_new(reasons, reason_text((enum reason)i), count(intake->reasons[i]));
        }
    }
    for (unsigned i = 0; i < intake->fault_count; i++) {
        const struct fault *fault = &intake->faults[i];
        json_t *one =
            json_pack("{s:s?,s:o,s:s,s:s}", "file", fault->file, "line", count(fault->line),
                      "reason", reason_text(fault->reason), "text", fault->text);

        if (one == NULL) { /* the file's name is no UTF-8 */
            one = json_pack("{s:n,s:o,s:s,s:s}", "file", "line", count(fault->line), "reason",
                            reason_text(fault->reason), "text", fault->text);
        }
        json_array_append_new(first, one);
    }
    return json_pack("{s:o,s:o}", "reasons", reasons, "first", first);
}

static int put_head(FILE *out, const struct report *report)
{
    const struct intake *intake = report->intake;
    const struct result *result = report->result;
    char first[WHEN_DATE_SIZE];
    char last[WHEN_DATE_SIZE];
    int error = 0;

    error |= put(out, "{\"weir_report\":1,\"kind\":\"traffic\",\n\"timezone\":",
                 json_string(zone_name(intake->zone)));
    error |= put(out, ",\"days\":", json_string(days_name(report->options->days)));
    error |= put(out, ",\"from\":", json_string(when_date(intake->first_day, first)));
    error |= put(out, ",\"to\":", json_string(when_date(intake->last_day, last)));
    error |= put(out, ",\n\"rows\":",
                 json_pack("{s:o,s:o,s:o,s:o,s:o}", "used", count(intake->used), "left_out",
                           count(intake->left_out), "repeats", count(intake->repeats), "other_kind",
                           count(intake->other_kind), "without_zone", count(intake->without_zone)));
    error |= put(out, ",\n\"left_out\":", left_out(intake));
    error |= put(out, ",\n\"mean\":", json_real(result->mean));
    error |= put(out, ",\"spread\":", json_real(result->spread));
    error |= put(out, ",\"explained\":", json_real(result->explained));
    return error == 0 ? 0 : -ENOMEM;
}

static json_t *groups_list(const struct result *result)
{
    json_t *list = json_array();

    for (unsigned g = 0; g < result->group_count; g++) {
        const struct group *group = &result->groups[g];

        json_array_append_new(list,
                              json_pack("{s:i,s:f,s:f,s:f,s:f,s:o,s:o}", "cluster", (int)g + 1,
                                        "centre", group->centre, "standard", group->standard,
                                        "from", group->from, "to", group->to, "cells",
                                        count(group->points), "hours", hours_list(group->hours)));
    }
    return list;
}

static int put_hours(FILE *out, const struct result *result)
{
    json_t *hours = json_array();
    json_t *peaks = json_array();

    for (unsigned h = 0; h < HOURS; h++) {
        const struct hour *hour = &result->hours[h];

        json_array_append_new(hours, json_pack("{s:i,s:o,s:o,s:o,s:o}", "hour", (int)h, "mean",
                                               real_or_null(hour->mean), "weekday",
                                               real_or_null(hour->of[DAY_WEEKDAY]), "weekend",
                                               real_or_null(hour->of[DAY_WEEKEND]), "top",
                                               count(hour->top)));
    }
    for (unsigned i = 0; i < result->peak_hour_count; i++) {
        json_array_append_new(peaks, json_integer(result->peak_hours[i]));
    }
    return put(out, ",\n\"hours\":", hours) | put(out, ",\n\"peak_hours\":", peaks);
}

static json_t *peak_places(const struct report *report)
{
    json_t *list = json_array();

    for (size_t i = 0; i < report->result->peak_place_count; i++) {
        const struct peak_place *peak = &report->result->peak_places[i];
        const char *name = places_at(&report->intake->places, peak->place)->name;

        json_array_append_new(list, json_pack("{s:s,s:i,s:f,s:o}", "location", name, "hour",
                                              (int)peak->hour, "mean", peak->mean, "top",
                                              count(peak->top)));
    }
    return list;
}

static int compare_names(const void *a, const void *b)
{
    const struct place *const *one = a;
    const struct place *const *two = b;

    return strcmp((*one)->name, (*two)->name);
}

static json_t *place_object(const struct report *report, const struct place *place)
{
    json_t *means = json_array();
    json_t *groups = json_array();
    uint64_t rows = 0;

    for (unsigned h = 0; h < HOURS; h++) {
        double mean = result_mean(place, h, report->options->days);

        rows += place->tallies[DAY_WEEKDAY][h].rows + place->tallies[DAY_WEEKEND][h].rows;
        json_array_append_new(means, real_or_null(mean));
        json_array_append_new(groups, isnan(mean)
                                          ? json_null()
                                          : json_integer(result_group(report->result, mean) + 1));
    }
    return json_pack("{s:s,s:o,s:o,s:o}", "location", place->name, "rows", count(rows), "mean",
                     means, "cluster", groups);
}

static int put_places(FILE *out, const struct report *report)
{
    const struct places *places = &report->intake->places;
    const struct place **sorted = malloc(places->count * sizeof(*sorted));
    int error = sorted == NULL ? -ENOMEM : 0;

    for (size_t i = 0; error == 0 && i < places->count; i++) {
        sorted[i] = places_at(places, i);
    }
    if (error == 0) {
        qsort(sorted, places->count, sizeof(*sorted), compare_names);
    }
    for (size_t i = 0; error == 0 && i < places->count; i++) {
        error = put(out, i == 0 ? ",\n\"locations\":[\n" : ",\n", place_object(report, sorted[i]));
    }
    free(sorted);
    return error;
}

int json_write(FILE *out, const struct report *report)
{
    int error = put_head(out, report);

    if (error == 0) {
        error = put(out, ",\n\"clusters\":", groups_list(report->result));
    }
    if (error == 0) {
        error = put_hours(out, report->result);
    }
    if (error == 0) {
        error = put(out, ",\n\"peak_places\":", peak_places(report));
    }
    if (error == 0) {
        error = put_places(out, report);
    }
    fputs("]}\n", out);
    return error == 0 ? 0 : -ENOMEM;
}
