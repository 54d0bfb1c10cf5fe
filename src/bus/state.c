/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * When a device's coming and going becomes a record: see state.h.
 */
#include "bus/state.h"

#include <string.h>

#include "base/clock.h"
#include "record/values.h"

#define STATE_PAUSE_NS (60 * NS_PER_S)

const struct weir_point state_points[3] = {
    { .name = "state", .unit = "", .type = WEIR_TEXT },
    { .name = "why", .unit = "", .type = WEIR_TEXT },
    { .name = "repeats", .unit = "", .type = WEIR_UINT64 },
};

bool state_set(struct state *state, bool gone, enum weir_result why)
{
    if (gone) {
        state->why = why;
    }
    if (state->gone == gone) {
        return false;
    }
    state->gone = gone;
    state->changes++;
    return true;
}

bool state_due(const struct state *state, int64_t now_ns)
{
    return state->changes > 0 && (!state->told || now_ns - state->sent_ns >= STATE_PAUSE_NS);
}

void state_sent(struct state *state, int64_t now_ns)
{
    state->told = true;
    state->sent_ns = now_ns;
    state->changes = 0;
}

static struct weir_value text_value(const char *text)
{
    return (struct weir_value){ .quality = WEIR_QUALITY_GOOD,
                                .bytes = { (const uint8_t *)text, strlen(text) } };
}

void state_values(const struct state *state, struct weir_value ret_values[3])
{
    ret_values[0] = text_value(state->gone ? "gone" : "back");
    ret_values[1] = text_value(result_name(state->why));
    if (!state->gone) {
        ret_values[1].quality = WEIR_QUALITY_OMITTED;
    }
    /* The change that the record tells is not a repeat. */
    ret_values[2] = (struct weir_value){ .quality = WEIR_QUALITY_GOOD,
                                         .uint64 = state->changes ? state->changes - 1 : 0 };
}
