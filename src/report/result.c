/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * See result.h.
 */
#include "report/result.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void result_finish(struct result *result)
{
    free(result->points);
    free(result->peak_places);
    result->points = NULL;
    result->peak_places = NULL;
}

double result_mean(const struct place *place, unsigned hour, enum days days)
{
    const struct tally *weekday = &place->tallies[DAY_WEEKDAY][hour];
    const struct tally *weekend = &place->tallies[DAY_WEEKEND][hour];
    double sum = 0;
    uint64_t rows = 0;

    if (days != DAYS_WEEKEND) {
        sum += weekday->sum;
        rows += weekday->rows;
    }
    if (days != DAYS_WEEKDAY) {
        sum += weekend->sum;
        rows += weekend->rows;
    }
    return rows == 0 ? (double)NAN : sum / (double)rows;
}

unsigned result_group(const struct result *result, double mean)
{
    unsigned group = 0;

    while (group + 1 < result->group_count && mean >= result->groups[group + 1].from) {
        group++;
    }
    return group;
}

const char *result_hours(uint32_t hours, char buf[RESULT_HOURS_SIZE])
{
    size_t used = 0;

    buf[0] = '\0';
    for (unsigned first = 0; first < HOURS; first++) {
        unsigned last = first;
        int written;

        if ((hours >> first & 1) == 0) {
            continue;
        }
        while (last + 1 < HOURS && (hours >> (last + 1) & 1) != 0) {
            last++;
        }
        written = last == first ? snprintf(buf + used, RESULT_HOURS_SIZE - used, "%s%02u",
                                           used > 0 ? " " : "", first)
                                : snprintf(buf + used, RESULT_HOURS_SIZE - used, "%s%02u-%02u",
                                           used > 0 ? " " : "", first, last);
        used += (size_t)written;
        first = last;
    }
    return buf;
}

/* ---- points and their groups ---- */

/* Equal means: by location and hour, so that the order is always the same. */
static int compare_points(const void *a, const void *b)
{
    const struct point *one = a;
    const struct point *two = b;

    if (one->mean != two->mean) {
        return one->mean < two->mean ? -1 : 1;
    }
    if (one->place != two->place) {
        return one->place < two->place ? -1 : 1;
    }
    return (int)one->hour - (int)two->hour;
}

static int collect(struct result *result, const struct places *places, enum days days)
{
    result->points = malloc((places->count * HOURS + 1) * sizeof(*result->points));
    if (result->points == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < places->count; i++) {
        for (unsigned hour = 0; hour < HOURS; hour++) {
            double mean = result_mean(places_at(places, i), hour, days);

            if (!isnan(mean)) {
                result->points[result->point_count++] =
                    (struct point){ .mean = mean, .place = (uint32_t)i, .hour = (uint8_t)hour };
            }
        }
    }
    qsort(result->points, result->point_count, sizeof(*result->points), compare_points);
    return result->point_count == 0 ? -ENODATA : 0;
}

/* Fills `values` with the standardised means; returns their sum of squares. */
static double standardise(struct result *result, double *values)
{
    double count = (double)result->point_count;
    double sum = 0;
    double squares = 0;

    for (size_t i = 0; i < result->point_count; i++) {
        sum += result->points[i].mean;
    }
    result->mean = sum / count;
    for (size_t i = 0; i < result->point_count; i++) {
        double far = result->points[i].mean - result->mean;

        squares += far * far;
    }
    /* equal means differ from their own mean by rounding; that is no spread */
    if (result->points[0].mean < result->points[result->point_count - 1].mean) {
        result->spread = sqrt(squares / count);
    }
    for (size_t i = 0; i < result->point_count; i++) {
        values[i] =
            result->spread > 0 ? (result->points[i].mean - result->mean) / result->spread : 0;
    }
    return result->spread > 0 ? count : 0;
}

static void name_groups(struct result *result, const struct kmeans *kmeans)
{
    result->group_count = kmeans->count;
    for (unsigned g = 0; g < kmeans->count; g++) {
        struct group *group = &result->groups[g];
        size_t first = kmeans->first[g];
        size_t end = kmeans->first[g + 1];

        *group = (struct group){
            .centre = result->mean + kmeans->centre[g] * result->spread,
            .standard = kmeans->centre[g],
            .from = result->points[first].mean,
            .to = result->points[end - 1].mean,
            .points = end - first,
        };
        for (size_t i = first; i < end; i++) {
            result->points[i].group = (uint8_t)g;
        }
    }
}

static int find_groups(struct result *result, unsigned asked)
{
    double *values = malloc(result->point_count * sizeof(*values));
    struct kmeans kmeans;
    double total;
    int error;

    if (values == NULL) {
        return -ENOMEM;
    }
    total = standardise(result, values);
    error = kmeans_line(values, result->point_count, asked, &kmeans);
    free(values);
    if (error < 0) {
        return error;
    }
    result->explained = total > 0 ? 1 - kmeans.within / total : 1;
    name_groups(result, &kmeans);
    return 0;
}

/* ---- hours ---- */

static double mean_of_places(const struct places *places, unsigned hour, enum days days)
{
    double sum = 0;
    size_t count = 0;

    for (size_t i = 0; i < places->count; i++) {
        double mean = result_mean(places_at(places, i), hour, days);

        if (!isnan(mean)) {
            sum += mean;
            count++;
        }
    }
    return count == 0 ? (double)NAN : sum / (double)count;
}

static void fill_hours(struct result *result, const struct places *places, enum days days)
{
    uint32_t members[HOURS][KMEANS_MAX] = { 0 };

    for (size_t i = 0; i < result->point_count; i++) {
        members[result->points[i].hour][result->points[i].group]++;
    }
    for (unsigned h = 0; h < HOURS; h++) {
        unsigned most = 0;

        for (unsigned g = 1; g < result->group_count; g++) {
            most = members[h][g] >= members[h][most] ? g : most;
        }
        if (members[h][most] > 0) {
            result->groups[most].hours |= UINT32_C(1) << h;
        }
        result->hours[h].top = members[h][result->group_count - 1];
        result->hours[h].mean = mean_of_places(places, h, days);
        result->hours[h].of[DAY_WEEKDAY] = mean_of_places(places, h, DAYS_WEEKDAY);
        result->hours[h].of[DAY_WEEKEND] = mean_of_places(places, h, DAYS_WEEKEND);
    }
}

static void rank_hours(struct result *result, unsigned top)
{
    for (unsigned h = 0; h < HOURS; h++) {
        double mean = result->hours[h].mean;
        unsigned at = result->peak_hour_count;

        if (isnan(mean)) {
            continue;
        }
        result->peak_hour_count++;
        for (; at > 0 && mean > result->hours[result->peak_hours[at - 1]].mean; at--) {
            result->peak_hours[at] = result->peak_hours[at - 1];
        }
        result->peak_hours[at] = h;
    }
    result->peak_hour_count = result->peak_hour_count < top ? result->peak_hour_count : top;
}

/* ---- places ---- */

static int compare_peaks(const void *a, const void *b)
{
    const struct peak_place *one = a;
    const struct peak_place *two = b;

    if (one->top != two->top) {
        return one->top > two->top ? -1 : 1;
    }
    if (one->mean != two->mean) {
        return one->mean > two->mean ? -1 : 1;
    }
    return one->place < two->place ? -1 : 1;
}

static int rank_places(struct result *result, size_t place_count, unsigned top)
{
    size_t count = 0;

    result->peak_places = calloc(place_count, sizeof(*result->peak_places));
    if (result->peak_places == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < place_count; i++) {
        result->peak_places[i] = (struct peak_place){ .place = (uint32_t)i, .mean = -1 };
    }
    for (size_t i = 0; i < result->point_count; i++) { /* ascending: the last is the highest */
        const struct point *point = &result->points[i];
        struct peak_place *peak = &result->peak_places[point->place];

        peak->top += point->group + 1u == result->group_count;
        if (point->mean > peak->mean) {
            peak->mean = point->mean;
            peak->hour = point->hour;
        }
    }
    qsort(result->peak_places, place_count, sizeof(*result->peak_places), compare_peaks);
    while (count < place_count && count < top && result->peak_places[count].mean >= 0) {
        count++;
    }
    result->peak_place_count = count;
    return 0;
}

int result_make(struct result *result, const struct intake *intake, const struct options *options)
{
    int error;

    *result = (struct result){ 0 };
    error = collect(result, &intake->places, options->days);
    if (error == 0) {
        error = find_groups(result, options->clusters);
    }
    if (error == 0) {
        fill_hours(result, &intake->places, options->days);
        rank_hours(result, options->top);
        error = rank_places(result, intake->places.count, options->top);
    }
    return error;
}
