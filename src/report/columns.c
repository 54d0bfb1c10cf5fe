/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * See columns.h: the header, and the order of the checks of a row.
 */
#include "report/columns.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "report/cells.h"

static const char *const reason_texts[REASON_COUNT_OF] = {
    [REASON_NONE] = "",
    [REASON_COLUMNS] = "the row has another number of columns than the header",
    [REASON_OPEN_QUOTE] = "a quote is not closed",
    [REASON_AFTER_QUOTE] = "text after a closing quote",
    [REASON_LONG] = "the row is longer than 65536 bytes",
    [REASON_LOCATION_EMPTY] = "location is empty",
    [REASON_LOCATION_LONG] = "location is longer than 256 bytes",
    [REASON_LOCATION_TEXT] = "location is no text",
    [REASON_TIME_EMPTY] = "time is empty",
    [REASON_TIME] = "time is none",
    [REASON_TIME_LARGE] = "time is too large: milliseconds?",
    [REASON_UNTRUSTED] = "time is not trusted",
    [REASON_COUNT_EMPTY] = "vehicle_count is empty",
    [REASON_COUNT] = "vehicle_count is no number",
    [REASON_COUNT_NEGATIVE] = "vehicle_count is negative",
    [REASON_COUNT_LARGE] = "vehicle_count is too large",
    [REASON_MORE] = "more is no JSON object",
    [REASON_OTHER_KIND] = "of another kind",
};

const char *reason_text(enum reason reason)
{
    return reason_texts[reason];
}

void columns_init(struct columns *columns)
{
    *columns = (struct columns){ .names = { "location", "time", "vehicle_count", "clock", "kind",
                                            "gateway", "bus", "epoch", "seq", "more" } };
}

void columns_finish(struct columns *columns)
{
    json_decref(columns->more);
    columns->more = NULL;
}

int columns_rename(struct columns *columns, char *list)
{
    char *save = NULL;

    for (char *one = strtok_r(list, ",", &save); one != NULL; one = strtok_r(NULL, ",", &save)) {
        char *equals = strchr(one, '=');
        int which = -1;

        for (int i = 0; equals != NULL && i < COLUMN_NEEDED; i++) {
            if (strncmp(one, columns->names[i], (size_t)(equals - one)) == 0 &&
                columns->names[i][equals - one] == '\0' && !columns->named[i]) {
                which = i;
            }
        }
        if (which < 0 || equals[1] == '\0') {
            return -EINVAL;
        }
        columns->named[which] = true;
        columns->names[which] = equals + 1;
    }
    return 0;
}

/* ---- the header ---- */

static bool cell_is(const struct cell *cell, const char *name)
{
    return cell->size == strlen(name) && strncasecmp(cell->text, name, cell->size) == 0;
}

/* How many there are; *ret_at: the last. */
static int find(const struct row *header, const char *name, int *ret_at)
{
    int count = 0;

    *ret_at = -1;
    for (size_t i = 0; i < header->cell_count; i++) {
        if (cell_is(&header->cells[i], name)) {
            *ret_at = (int)i;
            count++;
        }
    }
    return count;
}

static void tell_missing(const struct row *header, const char *name, char *problem, size_t size)
{
    int used = snprintf(problem, size, "there is no column \"%s\"; there are:", name);

    for (size_t i = 0; i < header->cell_count && used > 0 && (size_t)used < size; i++) {
        char excerpt[EXCERPT_SIZE];

        cell_excerpt(&header->cells[i], excerpt);
        used +=
            snprintf(problem + used, size - (size_t)used, "%s \"%s\"", i > 0 ? "," : "", excerpt);
        if ((size_t)used > size / 2) {
            used += snprintf(problem + used, size - (size_t)used, ", ...");
            break;
        }
    }
    if ((size_t)used < size) {
        snprintf(problem + used, size - (size_t)used, " (--columns names them)");
    }
}

int columns_find(struct columns *columns, const struct row *header, char *problem, size_t size)
{
    if (header->state != ROW_GOOD || header->cell_count > ROW_CELLS_MAX) {
        snprintf(problem, size, "this is no header of a CSV file");
        return -EINVAL;
    }
    columns->count = header->cell_count;
    for (int i = 0; i < COLUMN_COUNT_OF; i++) {
        int count = find(header, columns->names[i], &columns->at[i]);

        if (count == 0 && i == COLUMN_LOCATION && !columns->named[i]) {
            count = find(header, "device", &columns->at[i]);
        }
        if (count > 1) {
            snprintf(problem, size, "there are two columns \"%s\"", columns->names[i]);
            return -EINVAL;
        }
    }
    for (int i = 0; i < COLUMN_NEEDED; i++) {
        /* a header that was made of another kind of record has the count in `more` */
        if (columns->at[i] < 0 && (i != COLUMN_COUNT || columns->at[COLUMN_MORE] < 0)) {
            tell_missing(header, columns->names[i], problem, size);
            return -EINVAL;
        }
    }
    return 0;
}

/* ---- a row ---- */

static struct cell cell_at(const struct columns *columns, const struct row *row, enum column column)
{
    return columns->at[column] < 0 ? (struct cell){ "", 0 } : row->cells[columns->at[column]];
}

/* The cell of a column, or what `more` says instead. */
static struct cell cell_or_more(const struct columns *columns, const struct row *row,
                                enum column column)
{
    struct cell cell = cell_at(columns, row, column);
    const json_t *value;

    if (cell.size > 0 || columns->more == NULL) {
        return cell;
    }
    value = json_object_get(columns->more, columns->names[column]);
    if (json_is_string(value)) {
        return (struct cell){ json_string_value(value), json_string_length(value) };
    }
    return cell;
}

static bool open_more(struct columns *columns, const struct row *row)
{
    struct cell cell = cell_at(columns, row, COLUMN_MORE);

    json_decref(columns->more);
    columns->more = NULL;
    if (cell.size == 0) {
        return true;
    }
    columns->more = json_loadb(cell.text, cell.size, JSON_REJECT_DUPLICATES, NULL);
    return json_is_object((json_t *)columns->more);
}

static enum reason take_count(const struct columns *columns, const struct row *row, double *ret,
                              struct cell *culprit)
{
    struct cell cell = cell_or_more(columns, row, COLUMN_COUNT);
    struct cell kind = cell_or_more(columns, row, COLUMN_KIND);
    const json_t *value = json_object_get(columns->more, columns->names[COLUMN_COUNT]);

    *culprit = cell;
    if (cell.size == 0 && json_is_number(value)) {
        *ret = json_number_value(value);
    } else if (cell.size == 0) {
        return kind.size == 0 || cell_is(&kind, "interval") ? REASON_COUNT_EMPTY
                                                            : REASON_OTHER_KIND;
    } else if (!cell_number(&cell, ret)) {
        return REASON_COUNT;
    }
    if (*ret < 0) {
        return REASON_COUNT_NEGATIVE;
    }
    return *ret <= 1e12 ? REASON_NONE : REASON_COUNT_LARGE;
}

static enum reason take_time(const struct columns *columns, const struct row *row,
                             struct observation *ret, struct cell *culprit)
{
    struct cell cell = cell_at(columns, row, COLUMN_TIME);
    struct cell clock = cell_or_more(columns, row, COLUMN_CLOCK);
    enum when_form form;

    *culprit = clock;
    if (cell_is(&clock, "unsynced") || cell_is(&clock, "estimated")) {
        return REASON_UNTRUSTED;
    }
    *culprit = cell;
    if (cell.size == 0) {
        return REASON_TIME_EMPTY;
    }
    form = when_read(cell.text, cell.size, &ret->time_s);
    ret->local = form == WHEN_LOCAL;
    return form == WHEN_BAD ? REASON_TIME : form == WHEN_LARGE ? REASON_TIME_LARGE : REASON_NONE;
}

static enum reason take_location(const struct columns *columns, const struct row *row,
                                 struct observation *ret, struct cell *culprit)
{
    struct cell cell = cell_at(columns, row, COLUMN_LOCATION);

    *culprit = cell;
    ret->location = cell.text;
    ret->location_size = cell.size;
    if (cell.size == 0) {
        return REASON_LOCATION_EMPTY;
    }
    if (cell.size > LOCATION_BYTES_MAX) {
        return REASON_LOCATION_LONG;
    }
    return cell_is_text(&cell) ? REASON_NONE : REASON_LOCATION_TEXT;
}

static void take_identity(const struct columns *columns, const struct row *row,
                          struct observation *ret)
{
    struct cell seq = cell_at(columns, row, COLUMN_SEQ);

    ret->numbered = seq.size > 0 && cell_integer(&seq, &ret->seq);
    for (int i = 0; i < 3; i++) {
        ret->stream[i] = cell_at(columns, row, (enum column)(COLUMN_GATEWAY + i));
        ret->numbered = ret->numbered && ret->stream[i].size > 0;
    }
}

static enum reason row_reason(const struct columns *columns, const struct row *row)
{
    switch (row->state) {
    case ROW_OPEN_QUOTE:
        return REASON_OPEN_QUOTE;
    case ROW_AFTER_QUOTE:
        return REASON_AFTER_QUOTE;
    case ROW_LONG:
        return REASON_LONG;
    case ROW_GOOD:
        break;
    }
    return row->cell_count == columns->count ? REASON_NONE : REASON_COLUMNS;
}

enum reason columns_take(struct columns *columns, const struct row *row, struct observation *ret,
                         struct cell *ret_culprit)
{
    enum reason reason = row_reason(columns, row);

    *ret_culprit = (struct cell){ "", 0 };
    if (reason == REASON_NONE && columns->at[COLUMN_MORE] >= 0 && !open_more(columns, row)) {
        *ret_culprit = cell_at(columns, row, COLUMN_MORE);
        reason = REASON_MORE;
    }
    /* first the count: it tells a row of another kind, with which nothing is wrong */
    if (reason == REASON_NONE) {
        reason = take_count(columns, row, &ret->count, ret_culprit);
    }
    if (reason == REASON_NONE) {
        reason = take_location(columns, row, ret, ret_culprit);
    }
    if (reason == REASON_NONE) {
        reason = take_time(columns, row, ret, ret_culprit);
    }
    if (reason == REASON_NONE) {
        take_identity(columns, row, ret);
    }
    return reason;
}
