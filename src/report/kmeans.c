/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * See kmeans.h. Values that are equal are one point with a weight. least[i] is the least sum of
 * squares of points 0 to i in the groups so far; one more group is laid over it, and from[q][i]
 * keeps where the last of q + 1 groups begins. As that place never falls while i rises, the middle
 * i bounds the search on both of its sides.
 */
#include "report/kmeans.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct line {
    size_t count;    /* points: values that differ */
    size_t *first;   /* index of a point's first value; one more: all values */
    double *sum;     /* of the values before a point, measured from their middle */
    double *squares; /* likewise */
    double *least;   /* with the groups so far */
    double *next;    /* with one more */
    uint32_t *from;  /* `groups` rows of `count` */
};

static double cost(const struct line *line, size_t first, size_t last)
{
    double weight = (double)(line->first[last + 1] - line->first[first]);
    double sum = line->sum[last + 1] - line->sum[first];
    double value = line->squares[last + 1] - line->squares[first] - sum * sum / weight;

    return first == last || value < 0 ? 0 : value;
}

/* Points low to high, whose last group begins at `from_low` to `from_high`. */
static void add_group(struct line *line, uint32_t *from, size_t low, size_t high, size_t from_low,
                      size_t from_high)
{
    size_t middle = low + (high - low) / 2;
    size_t end = from_high < middle ? from_high : middle;
    size_t best = from_low;
    double least = line->least[from_low - 1] + cost(line, from_low, middle);

    for (size_t j = from_low + 1; j <= end; j++) {
        double value = line->least[j - 1] + cost(line, j, middle);

        if (value < least) {
            least = value;
            best = j;
        }
    }
    line->next[middle] = least;
    from[middle] = (uint32_t)best;
    if (middle > low) {
        add_group(line, from, low, middle - 1, from_low, best);
    }
    if (middle < high) {
        add_group(line, from, middle + 1, high, best, from_high);
    }
}

static void fill(struct line *line, const double *values, size_t count)
{
    double middle = values[0] + (values[count - 1] - values[0]) / 2;
    double sum = 0;
    double squares = 0;

    line->count = 0;
    for (size_t i = 0; i < count; i++) {
        double value = values[i] - middle;

        if (i == 0 || values[i] > values[i - 1]) {
            line->first[line->count] = i;
            line->sum[line->count] = sum;
            line->squares[line->count] = squares;
            line->count++;
        }
        sum += value;
        squares += value * value;
    }
    line->first[line->count] = count;
    line->sum[line->count] = sum;
    line->squares[line->count] = squares;
}

static void search(struct line *line, unsigned groups)
{
    for (size_t i = 0; i < line->count; i++) {
        line->least[i] = cost(line, 0, i);
        line->from[i] = 0;
    }
    for (unsigned q = 1; q < groups; q++) {
        double *swap = line->least;

        add_group(line, line->from + q * line->count, q, line->count - 1, q, line->count - 1);
        line->least = line->next;
        line->next = swap;
    }
}

/* The centres and the sum anew from the values: exacter than the differences of running sums. */
static void conclude(const struct line *line, const double *values, unsigned groups,
                     struct kmeans *ret)
{
    size_t last = line->count - 1;

    ret->count = groups;
    ret->within = 0;
    ret->first[groups] = line->first[line->count];
    for (unsigned q = groups; q-- > 0;) {
        size_t point = line->from[q * line->count + last];
        size_t end = line->first[last + 1];
        double offset = 0; /* of the centre, from the first value: small numbers are exacter */

        ret->first[q] = line->first[point];
        for (size_t i = ret->first[q]; i < end; i++) {
            offset += values[i] - values[ret->first[q]];
        }
        offset /= (double)(end - ret->first[q]);
        ret->centre[q] = values[ret->first[q]] + offset;
        for (size_t i = ret->first[q]; i < end; i++) {
            double far = values[i] - values[ret->first[q]] - offset;

            ret->within += far * far;
        }
        last = point - 1; /* of group 0 it is not used */
    }
}

int kmeans_line(const double *values, size_t count, unsigned groups, struct kmeans *ret)
{
    struct line line = {
        .first = malloc((count + 1) * sizeof(*line.first)),
        .sum = malloc((count + 1) * sizeof(*line.sum)),
        .squares = malloc((count + 1) * sizeof(*line.squares)),
        .least = malloc(count * sizeof(*line.least)),
        .next = malloc(count * sizeof(*line.next)),
    };
    int error = -ENOMEM;

    if (line.first == NULL || line.sum == NULL || line.squares == NULL || line.least == NULL ||
        line.next == NULL) {
        goto out;
    }
    fill(&line, values, count);
    groups = groups < line.count ? groups : (unsigned)line.count;
    line.from = calloc(groups, line.count * sizeof(*line.from));
    if (line.from == NULL) {
        goto out;
    }
    search(&line, groups);
    conclude(&line, values, groups, ret);
    error = 0;
out:
    free(line.from);
    free(line.next);
    free(line.least);
    free(line.squares);
    free(line.sum);
    free(line.first);
    return error;
}
