/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * JSON values as people and programs want to read them. Used by csv.c, table.c and live.c. Numbers
 * print as they came: the shortest digits that mean the same double, 230.1 and never
 * 230.09999999999999.
 */
#ifndef RECEIVE_TEXT_H
#define RECEIVE_TEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/* Compact JSON on one line. */
void text_json(FILE *out, const json_t *value);

/* Plain: a string without quotes, null as nothing, lists and objects as JSON. */
void text_plain(FILE *out, const json_t *value);

/* A string for a terminal: what could steer it becomes '?', and it is cut or filled up to `width`
 * characters; width 0: as long as it is. */
void text_cell(FILE *out, const char *string, size_t width);

/* Characters, not bytes. */
size_t text_width(const char *string);

/* Calls `each` for every value in the object: nested keys are joined with '.', and what stands in
 * `values` of a record has no prefix. `before` and `after` of a record are left out. */
typedef void text_each(void *context, const char *name, const json_t *value);
void text_flatten(const json_t *object, bool is_record, text_each *each, void *context);

#endif
