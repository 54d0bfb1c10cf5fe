/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Messages under way: answers in any order, several streams, what is forgotten stays forgotten.
 */
#include "cmocka_all.h"

#include <stdlib.h>

#include "uplink/window.h"

static uint64_t add(struct window *window, uint32_t stream)
{
    struct flight *flight = window_add(window);
    assert_non_null(flight);
    flight->stream = stream;
    return flight->token;
}

static void any_order(void **state)
{
    struct window *w = calloc(1, sizeof *w);
    uint64_t a = add(w, 0), b = add(w, 1), c = add(w, 0);
    assert_non_null(window_answer(w, c, FLIGHT_ACCEPTED));
    assert_null(window_answer(w, c, FLIGHT_ACCEPTED)); /* twice */
    assert_null(window_answer(w, 99, FLIGHT_ACCEPTED));
    assert_int_equal(window_oldest(w, 0)->token, a);
    assert_int_equal(window_oldest(w, 0)->state, FLIGHT_UNDER_WAY);
    assert_true(window_waiting(w, 0));
    window_answer(w, a, FLIGHT_ACCEPTED);
    window_drop_oldest(w, 0);
    assert_int_equal(window_oldest(w, 0)->token, c);
    assert_int_equal(window_oldest(w, 0)->state, FLIGHT_ACCEPTED);
    window_drop_oldest(w, 0);
    assert_null(window_oldest(w, 0));
    assert_int_equal(w->under_way, 1);
    assert_int_equal(window_oldest(w, 1)->token, b);
    window_forget(w, UINT32_MAX);
    assert_int_equal(w->count, 0);
    assert_int_equal(w->under_way, 0);
    assert_null(window_answer(w, b, FLIGHT_ACCEPTED));
    free(w);
}

static void full(void **state)
{
    struct window *w = calloc(1, sizeof *w);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < WINDOW_MAX; i++) {
            add(w, (uint32_t)i % 3);
        }
        assert_null(window_add(w));
        window_forget(w, 1);
        window_forget(w, 0);
        window_forget(w, 2);
        assert_int_equal(w->count, 0);
    }
    free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_order),
        cmocka_unit_test(full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
