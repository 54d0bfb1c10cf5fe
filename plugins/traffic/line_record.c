/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Family `line`: the texts of a line to a record, and what is kept from line to line. See line.h.
 */
#include <stdio.h>
#include <string.h>

#include "line.h"

struct line_state *line_state(struct traffic *t)
{
    struct line_state *state = traffic_bus_state(t);
    const struct line_plan *plan = traffic_plan(t);
    if (state->mark != plan->mark) {
        *state = (struct line_state){ .mark = plan->mark };
    }
    return state;
}

/* ---- values */

static void *member(struct line_row *row, const struct line_word *word)
{
    return row->plan->settings->kind == LINE_KIND_INTERVAL
               ? (char *)&row->interval + word->in_interval
               : (char *)&row->vehicle + word->in_vehicle;
}

static bool printable(const char *text)
{
    for (; *text; text++) {
        if (*text < ' ' || *text > '~') {
            return false;
        }
    }
    return true;
}

static bool set_text(struct line_row *row, const struct line_plan_point *p, const char *text)
{
    if (strlen(text) >= TRAFFIC_WORD_MAX || !printable(text)) {
        return false;
    }
    memcpy(member(row, p->word), text, strlen(text) + 1);
    return true;
}

static bool set_running(struct line_row *row, const struct line_plan_point *p, double number)
{
    struct line_state *state = line_state(row->t);
    uint64_t modulo = (uint64_t)p->options->modulo, now = (uint64_t)number, missed = 0;
    if (now >= modulo) {
        return false;
    }
    if (state->met) {
        uint64_t ahead = (now + modulo - state->last - 1) % modulo;
        row->repeated = now == state->last;
        missed = ahead < modulo / 2 ? ahead : 0; /* more: the device began anew */
    }
    memcpy(member(row, p->word), &missed, sizeof missed);
    return true;
}

static bool set_number(struct line_row *row, const struct line_plan_point *p, const char *text)
{
    double number;
    if (!line_number(row->plan, p, text, &number)) {
        return false;
    }
    int64_t whole = p->word->type == LINE_NUMBER ? 0 : (int64_t)number;
    switch (p->word->type) {
    case LINE_NUMBER:
        memcpy(member(row, p->word), &number, sizeof number);
        return true;
    case LINE_RUNNING:
        return set_running(row, p, number);
    case LINE_CLASS_COUNT:
        row->interval.class_counts[p->class_index] = (uint64_t)whole;
        return !p->options->modulo || whole < p->options->modulo;
    default: /* int64_t and uint64_t alike: none is negative */
        memcpy(member(row, p->word), &whole, sizeof whole);
        return p->word->type != LINE_COUNT || !p->options->modulo || whole < p->options->modulo;
    }
}

static bool not_known(const struct line_plan_point *p, const char *text)
{
    const struct weir_names *absent = &p->options->absent;
    for (size_t i = 0; i < absent->count; i++) {
        if (!strcmp(absent->names[i], text)) {
            return true;
        }
    }
    return !*text;
}

static bool set(struct line_row *row, size_t i)
{
    const struct line_plan_point *p = &row->plan->points[i];
    char buf[LINE_TEXT_MAX];
    int64_t ns, wall_ns;
    if (!row->texts->there[i]) {
        return p->options->optional;
    }
    if (not_known(p, row->texts->text[i])) {
        return true;
    }
    const char *text = line_mapped(row->plan, p, row->texts->text[i], buf, sizeof buf);
    if (!text) {
        return false;
    }
    if (p->word->type == LINE_TIME) {
        traffic_wall(row->t, row->vehicle.time_ns, &wall_ns);
        if (!line_time(p, text, wall_ns, &ns)) {
            return false;
        }
        memcpy(member(row, p->word), &ns, sizeof ns);
    } else if (p->word->type == LINE_TEXT ? !set_text(row, p, text) : !set_number(row, p, text)) {
        return false;
    }
    row->has |= p->word->has;
    return true;
}

/* ---- what is kept from line to line; only once the whole line has been taken */

static void keep_running(struct line_row *row, const struct line_plan_point *p, const char *text)
{
    struct line_state *state = line_state(row->t);
    double number = 0;
    if ((row->has & HAS_MISSED) && line_number(row->plan, p, text, &number)) {
        state->met = 1;
        state->last = (uint64_t)number;
    }
}

static struct line_totals *totals_of(struct line_state *state, int64_t lane)
{
    struct line_totals *of = state->totals;
    while (of < state->totals + LINE_LANES_MAX && of->used && of->lane != lane) {
        of++;
    }
    if (of == state->totals + LINE_LANES_MAX) {
        return NULL;
    }
    of->lane = lane;
    of->used = 1;
    return of;
}

/* From a running total to what was added. False: more lanes than there is room for. */
static bool take_total(struct line_row *row, const struct line_plan_point *p)
{
    bool class = p->word->type == LINE_CLASS_COUNT;
    uint64_t modulo = (uint64_t)p->options->modulo, *count = &row->interval.vehicle_count;
    struct line_totals *totals = totals_of(line_state(row->t), row->interval.lane);
    size_t slot = class ? 1 + p->class_index : 0;
    if (!totals) {
        return false;
    }
    count = class ? &row->interval.class_counts[p->class_index] : count;
    uint64_t now = *count, added = (now + modulo - totals->last[slot]) % modulo;
    bool met = totals->met >> slot & 1;
    row->first |= !met || (now < totals->last[slot] && added >= modulo / 2); /* it began anew */
    totals->met |= 1U << slot;
    totals->last[slot] = now;
    *count = added;
    return true;
}

static bool keep(struct line_row *row)
{
    for (size_t i = 0; i < row->plan->count; i++) {
        const struct line_plan_point *p = &row->plan->points[i];
        char buf[LINE_TEXT_MAX];
        const char *text = row->texts->there[i]
                               ? line_mapped(row->plan, p, row->texts->text[i], buf, sizeof buf)
                               : NULL;
        bool counts = p->word->type == LINE_COUNT || p->word->type == LINE_CLASS_COUNT;
        if (p->word->type == LINE_RUNNING && text) {
            keep_running(row, p, text);
        } else if (counts && p->options->modulo && text && (row->has & p->word->has) &&
                   !take_total(row, p)) {
            return false;
        }
    }
    return true;
}

/* ---- the line */

enum weir_result line_take(struct line_row *row)
{
    struct line_state *state = line_state(row->t);
    for (size_t i = 0; i < row->plan->count; i++) {
        if (!set(row, i)) {
            row->failed = i;
            return WEIR_R_DECODE;
        }
    }
    if (row->repeated) {
        return WEIR_R_FOREIGN;
    }
    if (!keep(row)) {
        return WEIR_R_DECODE;
    }
    row->vehicle.has = row->interval.has = row->has;
    if (row->plan->settings->kind == LINE_KIND_VEHICLE) {
        traffic_vehicle(row->t, 0, &row->vehicle);
    } else if (row->plan->settings->kind == LINE_KIND_INTERVAL && !row->first) {
        traffic_interval(row->t, 0, &row->interval);
    } else if (row->plan->settings->kind == LINE_KIND_READING && (row->has & HAS_SPEED)) {
        passage_reading(row->t, &state->passage, row->vehicle.speed_kmh, row->vehicle.direction,
                        row->vehicle.time_ns);
    }
    return WEIR_R_OK;
}
