/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Windows of polled devices: readings go into tallies, and at the end of a period one record comes
 * out. The open window of a device lies in tmpfs ({ram}/keep/BUS+DEVICE, see keep.h), so it
 * outlives this process. Each reading is taken over by one commit. An end takes two: first the
 * state says that it is closing, and with which time; then the record is made; then the next window
 * begins. A process that finds a window closing looks for that record behind the mark, and makes it
 * if it is not there.
 *
 * The shape of such a device has columns of both sorts: those of the window, and points that are
 * sent as they are read. A record has one sort; the other is left out of it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/say.h"
#include "base/step.h"
#include "bus/host.h"
#include "bus/keep.h"
#include "bus/window_state.h"

struct window {
    struct window_plan *plan;
    const struct window_config *config;
    struct window_frame frame;
    struct keep *keep; /* from windows_resume() on */
    struct window_state *state;
    unsigned *functions;        /* of each point */
    struct window_text **texts; /* of each point; NULL: it has none */
    struct weir_value *values;  /* a record being made */
    struct points *points;      /* deadbands of what leaves the window */
    bool has_raw;
};

/* ---- set-up */

static void lay_texts(struct window *w)
{
    struct window_text *text = window_state_texts(&w->frame, w->state);
    for (size_t i = 0; i < w->frame.column_count; i++) {
        if (window_state_keeps_text(&w->frame, i)) {
            w->texts[w->frame.columns[i].point] = text++;
        }
    }
}

/* What was left under this name by a device that was another one is settled first. */
static int open_keep(struct host *host, struct device *device)
{
    struct window *w = device->window;
    char name[2 * WEIR_NAME_MAX + 2];
    void *key = NULL;
    size_t len = 0;
    bool shared = false;
    snprintf(name, sizeof name, "%s+%s", host->bus.name, device->view->name);
    int r = window_key_make(&w->frame, w->config->period_ns, w->config->align, device->reading,
                            &key, &len);
    if (r == 0) {
        int settled = windows_settle(host, name, key, len);
        if (settled < 0) {
            say(SAY_WARNING, "device %s: the window before: %s", device->view->name,
                strerror(-settled));
        }
        r = keep_open(host->settings->ram, name, key, len, window_state_size(&w->frame), &w->keep,
                      &shared);
    }
    free(key);
    if (r < 0) {
        return r;
    }
    if (!shared) {
        say(SAY_WARNING, "device %s: its open window would not survive this process: no room in %s",
            device->view->name, host->settings->ram);
    }
    w->state = keep_state(w->keep);
    lay_texts(w);
    return 0;
}

/* Deadbands hold for all that comes of a point but its count. */
static int make_rules(const struct device *device, struct window *w)
{
    struct point_rule *rules = calloc(w->plan->count, sizeof *rules);
    if (!rules) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < w->plan->count; i++) {
        const struct window_column *column = &w->plan->columns[i];
        rules[i].type = w->plan->points[i].type;
        if (column->function < TALLY_FUNCTIONS) {
            w->functions[column->point] |= 1u << column->function;
        }
        if (column->function < TALLY_FUNCTIONS && column->function != TALLY_COUNT) {
            rules[i].deadband = device->config->points[column->point].deadband;
            rules[i].max_silence_ns = device->config->points[column->point].max_silence_ns;
        }
        w->has_raw |= column->function == TALLY_RAW;
    }
    int r = points_create(rules, w->plan->count, w->config->period_ns, &w->points);
    free(rules);
    return r;
}

int windows_create(struct host *host, struct device *device, struct window_plan *plan)
{
    size_t count = device->view->point_count;
    struct window *w = calloc(1, sizeof *w);
    if (!w) {
        free(plan);
        return -ENOMEM;
    }
    device->window = w;
    w->plan = plan;
    w->config = &device->config->window;
    w->functions = calloc(count, sizeof *w->functions);
    w->texts = calloc(count, sizeof(struct window_text *));
    w->values = calloc(plan->count, sizeof *w->values);
    int r = w->functions && w->texts && w->values ? make_rules(device, w) : -ENOMEM;
    w->frame = (struct window_frame){ count, plan->count, device->types, plan->columns };
    return r == 0 && window_state_size(&w->frame) > KEEP_STATE_MAX ? -E2BIG : r;
}

void windows_destroy(struct device *device)
{
    struct window *w = device->window;
    if (w) {
        keep_destroy(w->keep);
        points_destroy(w->points);
        free(w->functions);
        free(w->texts);
        free(w->values);
        free(w->plan);
        free(w);
    }
    device->window = NULL;
}

/* ---- records */

static void commit(struct host *host, struct window *w)
{
    struct keep_mark mark = { queue_epoch(host->queue), queue_last(host->queue) };
    STEP("window-before");
    keep_commit(w->keep, mark);
    STEP("window-after");
}

/* A count says nothing where all else that comes of its point is inside the deadband. Columns of
 * one point stand side by side. */
static void omit_counts(struct window *w)
{
    size_t end;
    for (size_t i = 0; i < w->plan->count; i = end) {
        size_t count = SIZE_MAX, left = 0;
        for (end = i;
             end < w->plan->count && w->plan->columns[end].point == w->plan->columns[i].point &&
             w->plan->columns[end].function < TALLY_FUNCTIONS;
             end++) {
            bool counts = w->plan->columns[end].function == TALLY_COUNT;
            count = counts ? end : count;
            left += !counts && w->values[end].quality != WEIR_QUALITY_OMITTED;
        }
        if (count != SIZE_MAX && !left && end - i > 1) {
            w->values[count].quality = WEIR_QUALITY_OMITTED;
        }
        end += end == i; /* a column of its own */
    }
}

static bool anything_left(const struct window *w)
{
    for (size_t i = 0; i < w->plan->count; i++) {
        if (w->plan->columns[i].function < TALLY_FUNCTIONS &&
            w->values[i].quality != WEIR_QUALITY_OMITTED) {
            return true;
        }
    }
    return false;
}

static void make_record(struct host *host, struct device *device)
{
    struct window *w = device->window;
    int64_t time_ns = w->state->closing_ns;
    window_state_values(&w->frame, w->state, w->values);
    points_filter(w->points, time_ns, w->values);
    omit_counts(w);
    if (!anything_left(w)) {
        device->stats->suppressed++;
    } else if (host_append(host, device, device->reading, time_ns, w->values) == 0) {
        points_sent(w->points, time_ns, w->values);
    }
}

/* ---- begin and end */

static void begin(struct host *host, struct device *device, int64_t begin_ns, int64_t now_ns)
{
    struct window *w = device->window;
    struct window_state *state = w->state;
    window_state_begin(&w->frame, state);
    period_begin(&state->period, w->config->period_ns, w->config->align, begin_ns, now_ns,
                 queue_clock_noted(host->queue).ns);
}

static void finish_closing(struct host *host, struct device *device, bool made, int64_t now_ns)
{
    struct window *w = device->window;
    if (!made) {
        make_record(host, device);
    }
    STEP("window-made");
    begin(host, device, w->state->closing_ns, now_ns);
    commit(host, w);
}

static void close_window(struct host *host, struct device *device, int64_t end_ns, int64_t now_ns)
{
    struct window_state *state = device->window->state;
    /* The clock may have been slewed back a little meanwhile. */
    state->closing_ns = end_ns > state->newest_ns ? end_ns : state->newest_ns;
    commit(host, device->window);
    finish_closing(host, device, false, now_ns);
}

static int64_t end_of(const struct host *host, struct window *w, int64_t now_ns)
{
    return period_end_ns(&w->state->period, w->config->period_ns, w->config->align, now_ns,
                         queue_clock_noted(host->queue).ns);
}

static void close_if_over(struct host *host, struct device *device, int64_t now_ns)
{
    int64_t end_ns = end_of(host, device->window, now_ns);
    if (end_ns <= now_ns) {
        close_window(host, device, end_ns, now_ns);
    }
}

void windows_due(struct host *host, int64_t now_ns)
{
    for (size_t i = 0; i < host->bus.device_count && now_ns >= host->window_ns; i++) {
        if (host->devices[i].window) {
            close_if_over(host, &host->devices[i], now_ns);
        }
    }
    if (now_ns >= host->window_ns) {
        host->window_ns = INT64_MAX;
        for (size_t i = 0; i < host->bus.device_count; i++) {
            struct window *w = host->devices[i].window;
            int64_t end_ns = w ? end_of(host, w, now_ns) : INT64_MAX;
            host->window_ns = end_ns < host->window_ns ? end_ns : host->window_ns;
        }
    }
}

/* ---- readings */

static void take_text(struct window_text *text, const struct weir_value *value)
{
    text->len = value->bytes.len < sizeof text->data ? (uint32_t)value->bytes.len
                                                     : (uint32_t)sizeof text->data;
    if (text->len) {
        memcpy(text->data, value->bytes.data, text->len);
    }
}

static void append_raw(struct host *host, struct device *device, int64_t time_ns)
{
    struct window *w = device->window;
    size_t left = 0;
    points_filter(device->points, time_ns, device->values);
    for (size_t i = 0; i < w->plan->count; i++) {
        const struct window_column *column = &w->plan->columns[i];
        w->values[i].quality = WEIR_QUALITY_OMITTED;
        if (column->function == TALLY_RAW) {
            w->values[i] = device->values[column->point];
            left += w->values[i].quality != WEIR_QUALITY_OMITTED;
        }
    }
    if (!left) {
        device->stats->suppressed++;
    } else if (host_append(host, device, device->reading, time_ns, w->values) == 0) {
        points_sent(device->points, time_ns, device->values);
    }
}

void windows_add(struct host *host, struct device *device, int64_t time_ns, bool answered)
{
    struct window *w = device->window;
    close_if_over(host, device, time_ns);
    for (size_t i = 0; i < device->view->point_count; i++) {
        enum weir_type type = device->types[i];
        const struct weir_value *value = &device->values[i];
        if (w->functions[i] && tally_add(&w->state->tallies[i], type, w->functions[i], value) &&
            w->texts[i]) {
            take_text(w->texts[i], value);
        }
    }
    w->state->polls++;
    w->state->newest_ns = time_ns > w->state->newest_ns ? time_ns : w->state->newest_ns;
    commit(host, w);
    if (w->has_raw && answered) {
        append_raw(host, device, time_ns);
    }
}

/* ---- the process before, and the end of this one */

static void resume(struct host *host, struct device *device, int64_t now_ns)
{
    struct window_state *state = device->window->state;
    if (!state->period.begin_ns) {
        begin(host, device, now_ns, now_ns);
        commit(host, device->window);
    } else if (state->closing_ns) {
        int made = windows_find_made(host, keep_mark(device->window->keep), device->reading->hash,
                                     state->closing_ns);
        if (made < 0) {
            say(SAY_WARNING, "device %s: the window before may come twice: %s", device->view->name,
                strerror(-made));
        }
        finish_closing(host, device, made > 0, now_ns);
    }
}

int windows_resume(struct host *host)
{
    int64_t now_ns = boot_now().ns;
    host->window_ns = INT64_MAX;
    windows_settle_gone(host);
    for (size_t i = 0; i < host->bus.device_count; i++) {
        struct device *device = &host->devices[i];
        int r = device->window ? open_keep(host, device) : 0;
        if (r < 0) {
            return r;
        }
        if (device->window) {
            resume(host, device, now_ns);
            host->window_ns = now_ns;
        }
    }
    return 0;
}

void windows_finish(struct host *host)
{
    int64_t now_ns = boot_now().ns;
    for (size_t i = 0; i < host->bus.device_count; i++) {
        struct device *device = &host->devices[i];
        if (!device->window || !device->window->keep) {
            continue;
        }
        close_if_over(host, device, now_ns);
        if (device->window->state->polls) {
            close_window(host, device, now_ns, now_ns);
        }
        keep_remove(device->window->keep);
    }
}
