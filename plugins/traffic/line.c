/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Family `line`: text counters that a model file describes. A line is one passage, one interval,
 * or one reading of many that are a vehicle (passage.c). A line that is not of the described form,
 * has no right checksum, or a value that is no such value or not plausible, is not taken at all.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "line.h"

#define UNDER_WAY_NS (20 * TRAFFIC_NS_PER_MS) /* more than a pause within a line */

/* Totals of one lane: what its counts were the last time. */
struct totals {
    int64_t lane;
    uint32_t used, met; /* met: a bit a point */
    uint64_t last[1 + TRAFFIC_CLASSES_MAX];
};

struct line_state {
    int64_t opened_ns;
    uint32_t opened; /* the port was, and no line has come since */
    uint32_t met;
    uint64_t last; /* running number */
    struct passage passage;
    struct totals totals[LINE_LANES_MAX];
};

/* A record being made. */
struct row {
    struct traffic *t;
    const struct line_plan *plan;
    const struct line_texts *texts;
    struct vehicle vehicle;
    struct interval interval;
    unsigned has;
    bool repeated; /* its running number is that of the line before */
    bool first;    /* a total that nothing can be taken from yet */
};

/* ---- lines */

static int line_frame(const void *plan, const uint8_t *bytes, size_t len)
{
    const char *ends = ((const struct line_plan *)plan)->settings->line_end;
    size_t n = 0;
    while (n < len && !(bytes[n] && strchr(ends, bytes[n]))) {
        n++;
    }
    if (n > LINE_MOST) {
        return -(int)n;
    }
    while (n < len && bytes[n] && strchr(ends, bytes[n])) {
        n++;
        if (n == len) {
            return (int)n;
        }
    }
    return n == len ? 0 : (int)n;
}

/* Length of the one of these that the line begins with; -1: none. */
static int begins(const char *line, const struct weir_names *list)
{
    for (size_t i = 0; i < list->count; i++) {
        size_t len = strlen(list->names[i]);
        if (!strncmp(line, list->names[i], len)) {
            return (int)len;
        }
    }
    return -1;
}

/* Checks and takes off what stands at the end. False: it is not there, or wrong. */
static bool checksum(const struct line_settings *s, char *line)
{
    size_t mark = strlen(s->checksum_mark), len = strlen(line), from = 0;
    unsigned xor = 0, sum = 0;
    uint64_t told;
    if (s->checksum == LINE_SUM_NONE) {
        return true;
    }
    if (len < mark + 2 || !text_hex(line + len - 2, 2, &told) ||
        strncmp(line + len - 2 - mark, s->checksum_mark, mark) != 0) {
        return false;
    }
    len -= 2 + mark;
    if (s->checksum == LINE_SUM_NMEA) { /* not over the $ or ! in front, which must be there */
        from = 1;
        if (len == 0 || (line[0] != '$' && line[0] != '!')) {
            return false;
        }
    }
    for (size_t i = from; i < len; i++) {
        xor ^= (uint8_t)line[i];
        sum += (uint8_t)line[i];
    }
    line[len] = 0;
    return told == (s->checksum == LINE_SUM_SUM ? sum & 0xff : xor);
}

/* ---- values */

static void *member(struct row *row, const struct line_word *word)
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

static bool set_text(struct row *row, const struct line_plan_point *p, const char *text)
{
    if (strlen(text) >= TRAFFIC_WORD_MAX || !printable(text)) {
        return false;
    }
    memcpy(member(row, p->word), text, strlen(text) + 1);
    return true;
}

static bool set_running(struct row *row, const struct line_plan_point *p, double number)
{
    struct line_state *state = traffic_bus_state(row->t);
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

static bool set_number(struct row *row, const struct line_plan_point *p, const char *text)
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

static bool set(struct row *row, size_t i)
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

static void keep_running(struct row *row, const struct line_plan_point *p, const char *text)
{
    struct line_state *state = traffic_bus_state(row->t);
    double number = 0;
    if ((row->has & HAS_MISSED) && line_number(row->plan, p, text, &number)) {
        state->met = 1;
        state->last = (uint64_t)number;
    }
}

static struct totals *totals_of(struct line_state *state, int64_t lane)
{
    struct totals *of = state->totals;
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
static bool take_total(struct row *row, const struct line_plan_point *p)
{
    bool class = p->word->type == LINE_CLASS_COUNT;
    uint64_t modulo = (uint64_t)p->options->modulo, *count = &row->interval.vehicle_count;
    struct totals *totals = totals_of(traffic_bus_state(row->t), row->interval.lane);
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

static bool keep(struct row *row)
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

static enum weir_result take(struct row *row)
{
    struct line_state *state = traffic_bus_state(row->t);
    for (size_t i = 0; i < row->plan->count; i++) {
        if (!set(row, i)) {
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

/* The first line after the port was opened, when it was under way already: its begin is missing,
 * and what is left may look whole ("3,55" of "13,55"). A checksum would see that. */
static bool cut_off(struct line_state *state, const struct line_settings *s, int64_t time_ns)
{
    bool first = state->opened != 0;
    state->opened = 0;
    return first && time_ns - state->opened_ns < UNDER_WAY_NS && s->checksum == LINE_SUM_NONE;
}

static void line_opened(struct traffic *t, int64_t now_ns)
{
    struct line_state *state = traffic_bus_state(t);
    state->opened = 1;
    state->opened_ns = now_ns;
}

static enum weir_result line_message(struct traffic *t, const uint8_t *bytes, size_t len,
                                     int64_t time_ns)
{
    const struct line_plan *plan = traffic_plan(t);
    const struct line_settings *s = plan->settings;
    char buf[LINE_MOST + 1], *line = buf;
    struct line_texts texts;
    struct row row = { .t = t, .plan = plan, .texts = &texts };
    if (cut_off(traffic_bus_state(t), s, time_ns)) {
        return WEIR_R_FRAME;
    }
    while (len > 0 && bytes[len - 1] && strchr(s->line_end, bytes[len - 1])) {
        len--;
    }
    if (len > LINE_MOST || memchr(bytes, 0, len)) {
        return WEIR_R_FRAME;
    }
    memcpy(buf, bytes, len);
    buf[len] = 0;
    line += strspn(line, s->line_begin);
    if (!*line) {
        return WEIR_R_OK;
    }
    int prefix = begins(line, &s->only);
    if (begins(line, &s->ignore) >= 0 || (s->only.count && prefix < 0)) {
        return WEIR_R_FOREIGN;
    }
    if (!checksum(s, line)) {
        return WEIR_R_CRC;
    }
    if (s->format == LINE_KEYVALUE && prefix > 0) {
        line += prefix; /* the word in front of the pairs */
    }
    enum weir_result r = line_split(plan, line, &texts);
    row.vehicle.time_ns = row.interval.time_ns = time_ns;
    return r == WEIR_R_OK ? take(&row) : r;
}

static int64_t line_tick(struct traffic *t, int64_t now_ns)
{
    struct line_state *state = traffic_bus_state(t);
    return passage_tick(t, &state->passage, now_ns);
}

const struct family family_line = {
    .name = "line",
    .bus_state = sizeof(struct line_state),
    .lines = true,
    .plan = line_plan_make,
    .unplan = line_plan_free,
    .frame_by = line_frame,
    .opened = line_opened,
    .message = line_message,
    .tick = line_tick,
};
