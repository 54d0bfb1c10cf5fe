/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The groups are the best there are: against every way to cut the sorted values, and against every
 * way to share them out at all.
 */
#include "cmocka_all.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "report/kmeans.h"

static uint64_t state_of_random = 20261123;

static uint32_t random_below(uint32_t limit)
{
    state_of_random ^= state_of_random >> 12;
    state_of_random ^= state_of_random << 25;
    state_of_random ^= state_of_random >> 27;
    return (uint32_t)((state_of_random * UINT64_C(2685821657736338717) >> 33) % limit);
}

static double cost(const double *values, size_t first, size_t end)
{
    double mean = 0;
    double squares = 0;

    for (size_t i = first; i < end; i++) {
        mean += (values[i] - values[first]) / (double)(end - first);
    }
    for (size_t i = first; i < end; i++) {
        double far = values[i] - values[first] - mean;

        squares += far * far;
    }
    return squares;
}

/* Every way to cut values[first..count) into at most `groups` stretches. */
static double best_cut(const double *values, size_t first, size_t count, unsigned groups)
{
    double best = cost(values, first, count);

    for (size_t end = first + 1; groups > 1 && end < count; end++) {
        double value = cost(values, first, end) + best_cut(values, end, count, groups - 1);

        best = value < best ? value : best;
    }
    return best;
}

/* Every way to give each value one of `groups` names. */
static double best_share(const double *values, size_t count, unsigned groups)
{
    double best = INFINITY;
    unsigned name[8] = { 0 };

    for (;;) {
        double value = 0;
        size_t i = 0;

        for (unsigned g = 0; g < groups; g++) {
            double mine[8];
            size_t mine_count = 0;

            for (size_t j = 0; j < count; j++) {
                if (name[j] == g) {
                    mine[mine_count++] = values[j];
                }
            }
            value += cost(mine, 0, mine_count);
        }
        best = value < best ? value : best;
        while (i < count && ++name[i] == groups) {
            name[i++] = 0;
        }
        if (i == count) {
            return best;
        }
    }
}

static int compare(const void *a, const void *b)
{
    const double *one = a;
    const double *two = b;

    return (*one > *two) - (*one < *two);
}

/* Some with many equal values, some far from 0, some very unequal. */
static size_t make(double *values, size_t most)
{
    size_t count = 1 + random_below((uint32_t)most);
    uint32_t range = (uint32_t[]){ 2, 6, 50, 1000000 }[random_below(4)];
    double shift = (double[]){ 0, -3, 1e6 }[random_below(3)];
    double scale = (double[]){ 1, 0.001, 7.3 }[random_below(3)];
    int cubed = random_below(3) == 0;

    for (size_t i = 0; i < count; i++) {
        double value = random_below(range);

        values[i] = shift + scale * (cubed ? value * value * value / range / range : value);
    }
    qsort(values, count, sizeof(*values), compare);
    return count;
}

static size_t differing(const double *values, size_t count)
{
    size_t result = 1;

    for (size_t i = 1; i < count; i++) {
        result += values[i] > values[i - 1];
    }
    return result;
}

/* What is told is a cut, of so many groups, without equal values parted, and costs what it says. */
static void check(const double *values, size_t count, unsigned groups, const struct kmeans *found,
                  double best)
{
    size_t most = differing(values, count);
    double span = values[count - 1] - values[0];
    double sum = 0;

    assert_int_equal(found->count, groups < most ? groups : most);
    assert_int_equal(found->first[0], 0);
    assert_int_equal(found->first[found->count], count);
    for (unsigned g = 0; g < found->count; g++) {
        size_t first = found->first[g];
        size_t end = found->first[g + 1];
        double mean = 0;

        assert_true(first < end);
        assert_true(g == 0 || values[first] > values[first - 1]);
        for (size_t i = first; i < end; i++) {
            mean += (values[i] - values[0]) / (double)(end - first);
        }
        assert_true(fabs(found->centre[g] - values[0] - mean) <= 1e-9 * span + 1e-9);
        sum += cost(values, first, end);
    }
    assert_true(fabs(found->within - sum) <= 1e-9 * span * span);
    if (sum > best + 1e-9 * span * span) {
        fail_msg("%zu values in %u groups: %.12g, but %.12g is possible", count, groups, sum, best);
    }
}

static void test_equals_every_cut(void **state)
{
    double values[11];

    (void)state;
    for (int round = 0; round < 10000; round++) {
        size_t count = make(values, 11);
        unsigned groups = 1 + random_below(5);
        struct kmeans found;

        assert_int_equal(kmeans_line(values, count, groups, &found), 0);
        check(values, count, groups, &found, best_cut(values, 0, count, groups));
    }
}

static void test_equals_every_way_to_share(void **state)
{
    double values[7];

    (void)state;
    for (int round = 0; round < 300; round++) {
        size_t count = make(values, 7);
        unsigned groups = 1 + random_below(3);
        struct kmeans found;

        assert_int_equal(kmeans_line(values, count, groups, &found), 0);
        check(values, count, groups, &found, best_share(values, count, groups));
    }
}

static void test_known(void **state)
{
    static const double values[] = { -1, -1, -1, -1, 2, 2, 2, 4, 5, 6 };
    struct kmeans found;

    (void)state;
    assert_int_equal(kmeans_line(values, 10, 3, &found), 0);
    assert_int_equal(found.count, 3);
    assert_int_equal(found.first[1], 4);
    assert_int_equal(found.first[2], 7);
    assert_true(found.centre[0] == -1 && found.centre[1] == 2 && found.centre[2] == 5);
    assert_true(found.within == 2);
}

static void test_fewer_than_asked_for(void **state)
{
    static const double same[] = { 3, 3, 3 };
    static const double two[] = { 3, 3, 8 };
    struct kmeans found;

    (void)state;
    assert_int_equal(kmeans_line(same, 3, 9, &found), 0);
    assert_int_equal(found.count, 1);
    assert_true(found.within == 0 && found.centre[0] == 3);
    assert_int_equal(kmeans_line(two, 3, 9, &found), 0);
    assert_int_equal(found.count, 2);
    assert_int_equal(found.first[1], 2);
    assert_int_equal(kmeans_line(two, 1, 2, &found), 0);
    assert_int_equal(found.count, 1);
}

/* Nine groups far apart, many values each. */
static void test_many(void **state)
{
    enum { COUNT = 90000 };
    double *values = malloc(COUNT * sizeof(*values));
    struct kmeans found;

    (void)state;
    assert_non_null(values);
    for (size_t i = 0; i < COUNT; i++) {
        values[i] = (double)(i / 10000) * 1000 + random_below(100000) / 1000.0;
    }
    qsort(values, COUNT, sizeof(*values), compare);
    assert_int_equal(kmeans_line(values, COUNT, 9, &found), 0);
    assert_int_equal(found.count, 9);
    for (unsigned g = 0; g < 9; g++) {
        assert_int_equal(found.first[g], g * 10000);
    }
    free(values);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equals_every_cut),
        cmocka_unit_test(test_equals_every_way_to_share),
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_fewer_than_asked_for),
        cmocka_unit_test(test_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
