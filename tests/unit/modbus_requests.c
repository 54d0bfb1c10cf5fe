/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Plans of requests: for random points each point is in exactly one request, limits and gaps are
 * kept, and splitting keeps it so.
 */
#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include "plan.h"

enum { POINTS_MAX = 60 };

static struct point points[POINTS_MAX];
static const struct point *list[POINTS_MAX];

static void check(const struct plan *plan, size_t count, struct plan_limits limits)
{
    unsigned seen[POINTS_MAX] = { 0 };
    size_t total = 0;
    for (size_t i = 0; i < plan->part_count; i++) {
        const struct part *part = &plan->parts[i];
        bool bits = part->table == TABLE_COIL || part->table == TABLE_DISCRETE;
        assert_in_range(part->count, 1, bits ? limits.bits : limits.registers);
        for (size_t k = part->at; k < part->at + part->points; k++) {
            const struct point *p = list[plan->order[k]];
            seen[plan->order[k]]++;
            total++;
            assert_int_equal(p->table, part->table);
            assert_true(p->address >= part->first);
            assert_true(p->address + point_width(p) <= (int64_t)part->first + part->count);
        }
    }
    assert_int_equal(total, count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(seen[i], 1);
    }
}

/* Nothing is read along further than the gap; and what fits into one request is not asked in two:
 * between requests of one table lies more than the gap, or both together exceed the limit. */
static void check_gaps(const struct plan *plan, struct plan_limits limits)
{
    for (size_t i = 0; i < plan->part_count; i++) {
        const struct part *part = &plan->parts[i], *next = part + 1;
        int64_t end = part->first;
        for (size_t k = part->at; k < part->at + part->points; k++) {
            const struct point *p = list[plan->order[k]];
            assert_true(p->address <= end + (int64_t)limits.gap);
            end = p->address + point_width(p) > end ? p->address + point_width(p) : end;
        }
        assert_int_equal(end, part->first + part->count);
        if (i + 1 < plan->part_count && next->table == part->table) {
            const struct point *p = list[plan->order[next->at]];
            unsigned limit = point_is_bits(p) ? limits.bits : limits.registers;
            int64_t joined = p->address + point_width(p) - part->first;
            assert_true(p->address > end + (int64_t)limits.gap || joined > limit);
        }
    }
}

static void random_points(void **state)
{
    srand(7);
    for (int round = 0; round < 5000; round++) {
        struct plan plan;
        size_t count = (size_t)rand() % POINTS_MAX;
        struct plan_limits limits = { 4 + (unsigned)rand() % 122, 8 + (unsigned)rand() % 2000,
                                      (unsigned)rand() % 20 };
        for (size_t i = 0; i < count; i++) {
            points[i] = (struct point){ .table = rand() % 4,
                                        .address = rand() % 500,
                                        .bit = -1,
                                        .kind = rand() % (KIND_FLOAT64 + 1) };
            list[i] = &points[i];
        }
        assert_int_equal(plan_init(&plan, list, count, limits), 0);
        check(&plan, count, limits);
        check_gaps(&plan, limits);
        for (int splits = 0; splits < 100 && plan.part_count; splits++) {
            size_t part = (size_t)rand() % plan.part_count, before = plan.part_count;
            bool split = plan_split(&plan, part, list);
            assert_int_equal(plan.part_count, before + split);
            check(&plan, count, limits);
        }
        plan_finish(&plan);
    }
}

static void merged(void **state)
{
    static const struct plan_limits limits = { .registers = 60, .bits = 2000, .gap = 4 };
    static const int addresses[] = { 0, 2, 4, 12, 60, 62 }; /* gaps: 0 0 6 46 0 */
    struct plan plan;
    for (size_t i = 0; i < 6; i++) {
        points[i] = (struct point){
            .table = TABLE_INPUT, .kind = KIND_FLOAT32, .bit = -1, .address = addresses[i]
        };
        list[i] = &points[i];
    }
    assert_int_equal(plan_init(&plan, list, 6, limits), 0);
    assert_int_equal(plan.part_count, 3);
    assert_int_equal(plan.parts[0].first, 0);
    assert_int_equal(plan.parts[0].count, 6);
    assert_int_equal(plan.parts[2].first, 60);
    assert_int_equal(plan.parts[2].count, 4);
    plan_finish(&plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(random_points), cmocka_unit_test(merged) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
