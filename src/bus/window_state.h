/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * An open window as it lies in memory that outlives the process: tallies of all points, the last
 * texts, begin and end. Plain data without pointers. What it is laid out by (the frame) and what
 * its record looks like stand in the key of its file, so that a process with another configuration
 * can still make the record (windows_left.c).
 *
 *   key:  "window 1" with the sizes of this build, 16 bytes boot id, i64 period, u8 aligned, u16
 *         points, their types (u8), u16 columns, of each u16 point, u8 function; the shape's
 *         declaration
 */
#ifndef BUS_WINDOW_STATE_H
#define BUS_WINDOW_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bus/period.h"
#include "bus/tally.h"
#include "record/shape.h"

struct window_text {
    uint32_t len;
    uint8_t data[WEIR_TEXT_MAX];
};

struct window_state {
    struct period period; /* begin_ns 0: none is open yet */
    int64_t closing_ns;   /* it is being closed with this time; 0: it is not */
    int64_t newest_ns;    /* time of the newest reading; 0: none yet */
    uint64_t polls;
    struct tally tallies[]; /* one a point; then one window_text a column of a last text */
};

struct window_frame {
    size_t point_count, column_count;
    const enum weir_type *types;         /* one a point */
    const struct window_column *columns; /* as in struct window_plan */
};

size_t window_state_size(const struct window_frame *frame);
/* Does this column keep a text? Their places follow each other, from here on. */
bool window_state_keeps_text(const struct window_frame *frame, size_t column);
struct window_text *window_state_texts(const struct window_frame *frame,
                                       struct window_state *state);
/* A new window: nothing was read yet. Why a point could not be read last is known still. */
void window_state_begin(const struct window_frame *frame, struct window_state *state);
/* The values of its record when it ends at closing_ns, one a column. Texts point into the state. */
void window_state_values(const struct window_frame *frame, struct window_state *state,
                         struct weir_value *ret_values);

/* malloc()ed; 0 or -ENOMEM. */
int window_key_make(const struct window_frame *frame, int64_t period_ns, bool align,
                    const struct shape *shape, void **ret_key, size_t *ret_len);
/* frame: free() ret_memory when done. -EINVAL: it is of another build or boot, or none at all. */
int window_key_read(const void *key, size_t len, struct window_frame *ret_frame, void **ret_memory,
                    struct shape **ret_shape);

#endif
