/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Family `line`: a line to its texts, one a point. See line.h.
 */
#define PCRE2_CODE_UNIT_WIDTH 8

#include <jansson.h>
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "line.h"

static bool one_of(char c, const char *list)
{
    return c && strchr(list, c);
}

/* Without blanks around it. False: no room, or twice. */
static bool put(struct line_texts *out, size_t i, const char *text, size_t len)
{
    while (len > 0 && *text == ' ') {
        text++;
        len--;
    }
    while (len > 0 && text[len - 1] == ' ') {
        len--;
    }
    if (out->there[i] || len >= LINE_TEXT_MAX) {
        return false;
    }
    memcpy(out->text[i], text, len);
    out->text[i][len] = 0;
    out->there[i] = true;
    return true;
}

/* ---- CSV */

/* One field off the front, quotes taken away in place. *line: behind its separator, NULL at the
 * end. NULL: quotes are not closed, or something stands behind them. */
static char *take_field(char **line, const char *separators)
{
    char *field = *line, *to = field, *at = field;
    if (*at == '"') {
        for (at++; *at && !(*at == '"' && at[1] != '"'); at++) {
            at += *at == '"';
            *to++ = *at;
        }
        if (*at++ != '"' || (*at && !one_of(*at, separators))) {
            return NULL;
        }
    } else {
        while (*at && !one_of(*at, separators)) {
            at++;
        }
        to = at;
    }
    *line = *at ? at + 1 : NULL;
    *to = 0;
    return field;
}

static int csv_fields(const struct line_settings *s, char *line, char *fields[], int most)
{
    int count = 0;
    while (line) {
        if (count == most || !(fields[count++] = take_field(&line, s->separator))) {
            return -1;
        }
    }
    return count;
}

enum { FIELDS_MAX = 200 };

size_t line_column(const struct line_settings *settings, const char *name)
{
    char copy[LINE_MOST + 1], *fields[FIELDS_MAX];
    int n = snprintf(copy, sizeof copy, "%s", settings->header);
    int count =
        n > 0 && (size_t)n < sizeof copy ? csv_fields(settings, copy, fields, FIELDS_MAX) : 0;
    for (int i = 0; i < count; i++) {
        char *field = fields[i] + strspn(fields[i], " ");
        size_t len = strlen(field);
        while (len > 0 && field[len - 1] == ' ') {
            field[--len] = 0;
        }
        if (!strcmp(field, name)) {
            return (size_t)i + 1;
        }
    }
    return 0;
}

/* Columns first..first+join-1 with blanks between. */
static bool put_columns(struct line_texts *out, size_t i, char *fields[], size_t first, size_t join)
{
    char text[4 * LINE_TEXT_MAX];
    size_t len = 0;
    for (size_t k = 0; k < join && len < sizeof text; k++) {
        int n = snprintf(text + len, sizeof text - len, "%s%s", k ? " " : "", fields[first + k]);
        len += (size_t)n;
    }
    return len < sizeof text && put(out, i, text, len);
}

static enum weir_result split_csv(const struct line_plan *plan, char *line, struct line_texts *out)
{
    const struct line_settings *s = plan->settings;
    char *fields[FIELDS_MAX];
    if (s->header[0] && !strcmp(line, s->header)) {
        return WEIR_R_FOREIGN;
    }
    int n = csv_fields(s, line, fields, FIELDS_MAX);
    if (n < 0 || (s->fields && n != s->fields)) {
        return WEIR_R_FRAME;
    }
    for (size_t i = 0; i < plan->count; i++) {
        size_t first = plan->points[i].field - 1, join = (size_t)plan->points[i].options->join;
        if (first + join <= (size_t)n && !put_columns(out, i, fields, first, join)) {
            return WEIR_R_DECODE;
        }
    }
    return WEIR_R_OK;
}

/* ---- key=value */

static enum weir_result take_pair(const struct line_plan *plan, char *pair, struct line_texts *out)
{
    const struct line_settings *s = plan->settings;
    char *key = pair + strspn(pair, " "), *value = key;
    while (*value && !one_of(*value, s->assign)) {
        value++;
    }
    if (!*value) {
        return WEIR_R_FRAME;
    }
    char *end = value;
    *value++ = 0;
    while (end > key && end[-1] == ' ') {
        *--end = 0;
    }
    for (size_t i = 0; i < plan->count; i++) {
        if (!strcmp(plan->points[i].options->key, key) && !put(out, i, value, strlen(value))) {
            return WEIR_R_DECODE;
        }
    }
    return WEIR_R_OK;
}

static enum weir_result split_keyvalue(const struct line_plan *plan, char *line,
                                       struct line_texts *out)
{
    enum weir_result r = WEIR_R_OK;
    while (line && r == WEIR_R_OK) {
        char *pair = line, *end = pair;
        while (*end && !one_of(*end, plan->settings->separator)) {
            end++;
        }
        line = *end ? end + 1 : NULL;
        *end = 0;
        if (pair[strspn(pair, " ")]) { /* several separators, one at the end */
            r = take_pair(plan, pair, out);
        }
    }
    return r;
}

/* ---- JSON */

/* a.b, a[0].b; NULL: not there. */
static const json_t *walk(const json_t *value, const char *path)
{
    while (*path && value) {
        size_t len = strcspn(path, ".[");
        char *end = NULL;
        if (*path == '[') {
            unsigned long index = strtoul(path + 1, &end, 10);
            value = *end == ']' ? json_array_get(value, index) : NULL;
            path = end + (*end == ']');
        } else {
            value = json_object_getn(value, path, len);
            path += len;
        }
        path += *path == '.';
    }
    return value;
}

/* With as few digits as give the same number back. */
static int real_text(double real, char *buf, size_t size)
{
    int n = snprintf(buf, size, "%.15g", real);
    return strtod(buf, NULL) == real ? n : snprintf(buf, size, "%.17g", real);
}

static bool put_json(struct line_texts *out, size_t i, const json_t *value)
{
    char number[32];
    if (json_is_string(value)) {
        return !memchr(json_string_value(value), 0, json_string_length(value)) &&
               put(out, i, json_string_value(value), json_string_length(value));
    }
    if (json_is_integer(value)) {
        int n = snprintf(number, sizeof number, "%lld", (long long)json_integer_value(value));
        return put(out, i, number, (size_t)n);
    }
    if (json_is_real(value)) {
        int n = real_text(json_real_value(value), number, sizeof number);
        return put(out, i, number, (size_t)n);
    }
    if (json_is_boolean(value)) {
        const char *word = json_is_true(value) ? "true" : "false";
        return put(out, i, word, strlen(word));
    }
    return json_is_null(value) && put(out, i, "", 0);
}

static enum weir_result split_json(const struct line_plan *plan, const char *line,
                                   struct line_texts *out)
{
    json_t *whole = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
    enum weir_result r = json_is_object(whole) ? WEIR_R_OK : WEIR_R_FRAME;
    for (size_t i = 0; i < plan->count && r == WEIR_R_OK; i++) {
        const json_t *value = walk(whole, plan->points[i].options->key);
        if (value && !put_json(out, i, value)) {
            r = WEIR_R_DECODE;
        }
    }
    json_decref(whole);
    return r;
}

/* ---- regular expressions */

struct line_regex {
    pcre2_code *code;
    pcre2_match_data *match;
    pcre2_match_context *limits;
};

void line_regex_free(struct line_regex *regex)
{
    if (regex) {
        pcre2_match_context_free(regex->limits);
        pcre2_match_data_free(regex->match);
        pcre2_code_free(regex->code);
        free(regex);
    }
}

struct line_regex *line_regex_make(const struct line_settings *settings, char *why, size_t size)
{
    struct line_regex *regex = calloc(1, sizeof *regex);
    const uint32_t options = PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_DOLLAR_ENDONLY |
                             PCRE2_NEVER_UTF | PCRE2_NEVER_BACKSLASH_C;
    int error = 0;
    PCRE2_SIZE at = 0;
    snprintf(why, size, "%s", settings->pattern[0] ? "no memory" : "the format regex needs one");
    if (!regex || !settings->pattern[0]) {
        free(regex);
        return NULL;
    }
    regex->code = pcre2_compile((PCRE2_SPTR)settings->pattern, PCRE2_ZERO_TERMINATED, options,
                                &error, &at, NULL);
    if (!regex->code) {
        char text[120] = "";
        pcre2_get_error_message(error, (PCRE2_UCHAR *)text, sizeof text);
        snprintf(why, size, "%s, at character %zu", text, (size_t)at + 1);
    }
    regex->match = regex->code ? pcre2_match_data_create_from_pattern(regex->code, NULL) : NULL;
    regex->limits = pcre2_match_context_create(NULL);
    if (!regex->code || !regex->match || !regex->limits) {
        line_regex_free(regex);
        return NULL;
    }
    pcre2_set_match_limit(regex->limits, (uint32_t)settings->match_limit);
    pcre2_set_depth_limit(regex->limits, (uint32_t)settings->depth_limit);
    return regex;
}

int line_regex_group(const struct line_regex *regex, const char *name)
{
    int n = pcre2_substring_number_from_name(regex->code, (PCRE2_SPTR)name);
    return n > 0 ? n : -1;
}

static enum weir_result split_regex(const struct line_plan *plan, const char *line,
                                    struct line_texts *out)
{
    const struct line_regex *regex = plan->regex;
    int n =
        pcre2_match(regex->code, (PCRE2_SPTR)line, strlen(line), 0, 0, regex->match, regex->limits);
    if (n < 0) {
        return n == PCRE2_ERROR_NOMATCH ? WEIR_R_FRAME : WEIR_R_EXCEPTION;
    }
    const PCRE2_SIZE *at = pcre2_get_ovector_pointer(regex->match);
    for (size_t i = 0; i < plan->count; i++) {
        size_t group = (size_t)plan->points[i].group;
        PCRE2_SIZE from = at[2 * group], to = at[2 * group + 1];
        bool set = group < (size_t)n && from != PCRE2_UNSET;
        if (set && (to < from || !put(out, i, line + from, to - from))) {
            return WEIR_R_DECODE;
        }
    }
    return WEIR_R_OK;
}

enum weir_result line_split(const struct line_plan *plan, char *line, struct line_texts *out)
{
    memset(out->there, 0, sizeof out->there);
    switch (plan->settings->format) {
    case LINE_CSV:
        return split_csv(plan, line, out);
    case LINE_KEYVALUE:
        return split_keyvalue(plan, line, out);
    case LINE_JSON:
        return split_json(plan, line, out);
    default:
        return split_regex(plan, line, out);
    }
}
