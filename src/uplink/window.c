/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Messages under way: see window.h. A flight taken out of the middle leaves an empty place (records
 * 0) that goes when the head reaches it.
 */
#include "uplink/window.h"

static struct flight *at(struct window *window, size_t i)
{
    return &window->flights[(window->head + i) % WINDOW_MAX];
}

static void trim(struct window *window)
{
    while (window->count && at(window, 0)->records == 0) {
        window->head = (window->head + 1) % WINDOW_MAX;
        window->count--;
    }
}

struct flight *window_add(struct window *window)
{
    if (window->count == WINDOW_MAX) {
        return NULL;
    }
    struct flight *flight = at(window, window->count++);
    *flight = (struct flight){ .token = ++window->next_token, .records = 1 };
    window->under_way++;
    return flight;
}

struct flight *window_answer(struct window *window, uint64_t token, enum flight_state state)
{
    /* Tokens rise by one, so the place of one is known but for what has been forgotten. */
    for (size_t i = 0; i < window->count; i++) {
        struct flight *flight = at(window, i);
        if (flight->token == token && flight->records && flight->state == FLIGHT_UNDER_WAY) {
            flight->state = state;
            window->under_way--;
            return flight;
        }
    }
    return NULL;
}

struct flight *window_oldest(struct window *window, uint32_t stream)
{
    for (size_t i = 0; i < window->count; i++) {
        struct flight *flight = at(window, i);
        if (flight->records && flight->stream == stream) {
            return flight;
        }
    }
    return NULL;
}

static void take_out(struct window *window, struct flight *flight)
{
    window->under_way -= flight->state == FLIGHT_UNDER_WAY;
    flight->records = 0;
}

void window_drop_oldest(struct window *window, uint32_t stream)
{
    struct flight *flight = window_oldest(window, stream);
    if (flight) {
        take_out(window, flight);
        trim(window);
    }
}

void window_forget(struct window *window, uint32_t stream)
{
    for (size_t i = 0; i < window->count; i++) {
        struct flight *flight = at(window, i);
        if (flight->records && (stream == UINT32_MAX || flight->stream == stream)) {
            take_out(window, flight);
        }
    }
    trim(window);
}

bool window_waiting(const struct window *window, uint32_t stream)
{
    for (size_t i = 0; i < window->count; i++) {
        const struct flight *flight = &window->flights[(window->head + i) % WINDOW_MAX];
        if (flight->records && flight->stream == stream && flight->state == FLIGHT_UNDER_WAY) {
            return true;
        }
    }
    return false;
}
