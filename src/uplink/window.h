/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Messages under way: handed to the plugin, not yet answered. Acknowledgements may come in any
 * order; a stream's cursor moves only over a row of accepted messages from its oldest on.
 */
#ifndef UPLINK_WINDOW_H
#define UPLINK_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "log/cursor.h"

enum { WINDOW_MAX = 1024 };

enum flight_state { FLIGHT_UNDER_WAY, FLIGHT_ACCEPTED, FLIGHT_REFUSED };

struct flight {
    uint64_t token;
    struct place last; /* of its last record */
    uint64_t first_seq;
    uint32_t stream, records;
    enum flight_state state;
};

/* A ring in the order of sending. */
struct window {
    struct flight flights[WINDOW_MAX];
    size_t head, count;
    size_t under_way;
    uint64_t next_token;
};

/* NULL if it is full. The token is set. */
struct flight *window_add(struct window *window);
/* NULL if there is no such message under way (answered twice, or never sent). */
struct flight *window_answer(struct window *window, uint64_t token, enum flight_state state);
/* The oldest message of a stream, NULL if none. */
struct flight *window_oldest(struct window *window, uint32_t stream);
/* Takes the oldest message of a stream out. */
void window_drop_oldest(struct window *window, uint32_t stream);
/* Forgets all of one stream, or of all (UINT32_MAX): answers to them are ignored. */
void window_forget(struct window *window, uint32_t stream);
/* True while a message of this stream waits for its answer. */
bool window_waiting(const struct window *window, uint32_t stream);

#endif
