/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Family `line`: text counters that a model file describes. A line is one passage, one interval,
 * or one reading of many that are a vehicle (passage.c). A line that is not of the described form,
 * has no right checksum, or a value that is no such value or not plausible, is not taken at all.
 */
#include <stdio.h>
#include <string.h>

#include "line.h"

/* ---- lines */

static bool is_end(const struct line_plan *plan, uint8_t byte)
{
    return byte && strchr(plan->ends, byte);
}

/* A line that is longer than any is handed on without its end. */
static int line_frame(const void *plan, const uint8_t *bytes, size_t len)
{
    size_t n = 0;
    while (n < len && !is_end(plan, bytes[n])) {
        n++;
    }
    if (n == len && n <= LINE_MOST) {
        return 0;
    }
    while (n < len && is_end(plan, bytes[n])) {
        n++;
    }
    return (int)n;
}

/* Not a line from its begin to its end, but a part of one. */
static bool is_part(struct traffic *t, const struct line_plan *plan, const uint8_t *bytes,
                    size_t len, int64_t time_ns)
{
    struct line_state *state = line_state(t);
    bool cut = under_way_cut(&state->under_way, time_ns), endless = state->endless;
    state->endless = !is_end(plan, bytes[len - 1]);
    return state->endless || endless || (cut && plan->settings->checksum == LINE_SUM_NONE);
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

/* ---- why not: once for each reason, for whoever writes the model */

static const char *reason(const struct line_plan *plan, enum weir_result r)
{
    static const char *const forms[] = { [LINE_CSV] = "the number of its fields, or a quote",
                                         [LINE_KEYVALUE] = "a piece without key and value",
                                         [LINE_JSON] = "it is no JSON object",
                                         [LINE_REGEX] = "it does not match the pattern" };
    switch (r) {
    case WEIR_R_CRC:
        return "its checksum is not there or wrong";
    case WEIR_R_EXCEPTION:
        return "the pattern takes too many steps on it (match_limit, depth_limit)";
    case WEIR_R_FRAME:
        return forms[plan->settings->format];
    default:
        return "a text in it is too long or there twice";
    }
}

static void tell(struct traffic *t, const struct line_row *row, enum weir_result r,
                 const char *line)
{
    struct line_plan *plan = traffic_plan(t);
    bool point = row->failed < plan->count;
    size_t which = point ? row->failed : LINE_POINTS_MAX + (size_t)r % LINE_REASONS;
    char shown[100];
    int n = snprintf(shown, sizeof shown, "%s", line);
    if (plan->told[which]) {
        return;
    }
    plan->told[which] = true;
    for (int i = 0; i < n && shown[i]; i++) {
        shown[i] = (char)(shown[i] < ' ' || shown[i] > '~' ? '.' : shown[i]);
    }
    if (point && !row->texts->there[which]) {
        traffic_log(t, WEIR_LOG_NOTICE, "not taken: %s is not there: %s",
                    plan->points[which].word->name, shown);
    } else if (point) {
        traffic_log(t, WEIR_LOG_NOTICE, "not taken: %s cannot be \"%s\": %s",
                    plan->points[which].word->name, row->texts->text[which], shown);
    } else {
        traffic_log(t, WEIR_LOG_NOTICE, "not taken: %s: %s", reason(plan, r), shown);
    }
}

/* ---- messages */

static void line_opened(struct traffic *t, int64_t now_ns)
{
    under_way_opened(&line_state(t)->under_way, now_ns);
}

static enum weir_result take_line(struct line_row *row, char *line, struct line_texts *texts)
{
    const struct line_settings *s = row->plan->settings;
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
    enum weir_result r = line_split(row->plan, line, texts);
    return r == WEIR_R_OK ? line_take(row) : r;
}

static enum weir_result line_message(struct traffic *t, const uint8_t *bytes, size_t len,
                                     int64_t time_ns)
{
    const struct line_plan *plan = traffic_plan(t);
    const struct line_settings *s = plan->settings;
    char line[LINE_MOST + 1], copy[LINE_MOST + 1];
    struct line_texts texts;
    struct line_row row = { .t = t, .plan = plan, .texts = &texts, .failed = LINE_POINTS_MAX };
    if (is_part(t, plan, bytes, len, time_ns)) {
        return WEIR_R_FRAME;
    }
    while (len > 0 && is_end(plan, bytes[len - 1])) {
        len--;
    }
    if (len > LINE_MOST || memchr(bytes, 0, len)) {
        return WEIR_R_FRAME;
    }
    memcpy(line, bytes, len);
    line[len] = 0;
    memcpy(copy, line, len + 1);
    size_t begin = strspn(line, s->line_begin);
    if (!line[begin]) {
        return WEIR_R_OK;
    }
    row.vehicle.time_ns = row.interval.time_ns = time_ns;
    enum weir_result r = take_line(&row, line + begin, &texts);
    if (r != WEIR_R_OK && r != WEIR_R_FOREIGN) {
        tell(t, &row, r, copy);
    }
    return r;
}

/* Text on any line that no other family has a word for: as text. */
static size_t line_explain(enum weir_direction direction, const uint8_t *bytes, size_t len,
                           char *buf, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        if ((bytes[i] < ' ' || bytes[i] > '~') && bytes[i] != '\r' && bytes[i] != '\n' &&
            bytes[i] != '\t') {
            return 0;
        }
    }
    for (size_t i = 0; i < len && n + 3 < size; i++) {
        const char *escaped = bytes[i] == '\r' ? "\\r" : bytes[i] == '\n' ? "\\n" : "\\t";
        if (bytes[i] < ' ') {
            buf[n++] = escaped[0];
            buf[n++] = escaped[1];
        } else {
            buf[n++] = (char)bytes[i];
        }
    }
    buf[n] = 0;
    return n;
}

static int64_t line_tick(struct traffic *t, int64_t now_ns)
{
    struct line_state *state = line_state(t);
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
    .explain = line_explain,
};
