/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * See option_text.h. Lines end before column 96, help goes on below itself:
 *
 *     baud           integer   9600        speed of the line; 50 to 4000000 bit/s
 *     batch.records  integer   1           records a message at most; 1: no arrays; 1 to 10000
 */
#include "cli/option_text.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "config/rows.h"

enum { COLUMNS = 96, TYPE_WIDTH = 8, DEFAULT_WIDTH = 10, LINE_BYTES = 1024 };

static const char *const type_names[] = {
    [WEIR_OPTION_BOOL] = "bool",         [WEIR_OPTION_INT] = "integer",
    [WEIR_OPTION_FLOAT] = "number",      [WEIR_OPTION_TEXT] = "text",
    [WEIR_OPTION_NAME] = "name",         [WEIR_OPTION_CHOICE] = "choice",
    [WEIR_OPTION_DURATION] = "duration", [WEIR_OPTION_SIZE] = "size",
    [WEIR_OPTION_SECRET] = "secret",     [WEIR_OPTION_NAMES] = "names",
    [WEIR_OPTION_GROUP] = "group",
};

static void add(char line[LINE_BYTES], const char *text)
{
    size_t len = strlen(line);
    snprintf(line + len, LINE_BYTES - len, "%s", text);
}

/* Words of a text, as many a line as fit; every line but the first begins with `lead` at `column`.
 */
static void put_wrapped(const char *text, int column, const char *lead)
{
    int at = column;
    while (*text) {
        int len = (int)strcspn(text, " ");
        if (at > column && at + len + 1 > COLUMNS) {
            printf("\n%*s%s", column - (int)strlen(lead), "", lead);
            at = column;
        }
        at += printf("%s%.*s", at > column ? " " : "", len, text);
        text += len;
        text += strspn(text, " ");
    }
    putchar('\n');
}

static void describe_range(const struct weir_option *row, char line[LINE_BYTES])
{
    char least[32], most[32], text[96];
    if (row->min < row->max || (row->flags & WEIR_OPTION_RANGE)) {
        snprintf(text, sizeof text, "%s%s to %s%s%s", line[0] ? "; " : "",
                 option_number(row, row->min, least, sizeof least),
                 option_number(row, row->max, most, sizeof most), row->unit ? " " : "",
                 row->unit ? row->unit : "");
        add(line, text);
    }
}

static void describe(const struct weir_option *row, char line[LINE_BYTES])
{
    snprintf(line, LINE_BYTES, "%s", row->help ? row->help : "");
    describe_range(row, line);
    for (int i = 0; row->type == WEIR_OPTION_CHOICE && row->choices[i]; i++) {
        add(line, i ? ", " : line[0] ? "; one of " : "one of ");
        add(line, row->choices[i]);
    }
}

static int name_width(const struct weir_option *row, int before, int width)
{
    for (; row && row->name; row++) {
        int own = before + (int)strlen(row->name);
        width = own > width ? own : width;
        if (row->type == WEIR_OPTION_GROUP) {
            width = name_width(row->rows, own + 1, width);
        }
    }
    return width;
}

static void put_rows(const struct weir_option *row, const char *prefix, int width)
{
    int column = 4 + width + 2 + TYPE_WIDTH + 2 + DEFAULT_WIDTH + 2;
    for (; row && row->name; row++) {
        char name[LINE_BYTES], line[LINE_BYTES];
        snprintf(name, sizeof name, "%s%s", prefix, row->name);
        const char *value = row->flags & WEIR_OPTION_REQUIRED   ? "(required)"
                            : row->fallback && row->fallback[0] ? row->fallback
                                                                : "-";
        describe(row, line);
        printf("    %-*s  %-*s  ", width, name, TYPE_WIDTH, type_names[row->type]);
        if (!line[0]) {
            puts(value);
        } else if (strlen(value) > DEFAULT_WIDTH) {
            printf("%s\n%*s", value, column, "");
            put_wrapped(line, column, "");
        } else {
            printf("%-*s  ", DEFAULT_WIDTH, value);
            put_wrapped(line, column, "");
        }
        if (row->type == WEIR_OPTION_GROUP) {
            add(name, ".");
            put_rows(row->rows, name, width);
        }
    }
}

void option_text_table(const char *title, const struct weir_option *host,
                       const struct weir_option *plugin)
{
    int width = name_width(plugin, 0, name_width(host, 0, (int)strlen("option")));
    printf("\n  %s\n    %-*s  %-*s  default\n", title, width, "option", TYPE_WIDTH, "type");
    put_rows(host, "", width);
    put_rows(plugin, "", width);
}

/* ---- example */

static bool has_quotes(const struct weir_option *row)
{
    return row->type != WEIR_OPTION_BOOL && row->type != WEIR_OPTION_INT &&
           row->type != WEIR_OPTION_FLOAT;
}

/* What the setting is, written out; a value that is allowed. */
static void setting_text(const struct weir_option *row, char line[LINE_BYTES])
{
    char number[32] = "1";
    const char *quote = has_quotes(row) ? "\"" : "", *value = row->fallback;
    if (row->type == WEIR_OPTION_NAMES) {
        snprintf(line, LINE_BYTES, "%s = [ ];", row->name);
        return;
    }
    if (!value && row->type == WEIR_OPTION_CHOICE) {
        value = row->choices[0];
    } else if (!value && (row->type == WEIR_OPTION_DURATION || row->type == WEIR_OPTION_SIZE ||
                          (row->min < row->max && (row->min > 1 || row->max < 1)))) {
        value = option_number(row, row->min, number, sizeof number);
    } else if (!value) {
        value = has_quotes(row) ? "" : row->type == WEIR_OPTION_BOOL ? "false" : number;
    }
    snprintf(line, LINE_BYTES, "%s = %s%s%s;", row->name, quote, value, quote);
}

static void example_row(const struct weir_option *row, int indent)
{
    char line[LINE_BYTES], setting[LINE_BYTES];
    const char *mark = row->flags & WEIR_OPTION_REQUIRED ? "" : "#";
    describe(row, line);
    setting_text(row, setting);
    int len = indent + (int)strlen(mark) + (int)strlen(setting);
    if (line[0] && len + 4 + (int)strlen(line) > COLUMNS) { /* does not fit behind it */
        printf("%*s# ", indent, "");
        put_wrapped(line, indent + 2, "# ");
        line[0] = 0;
    }
    printf("%*s%s%s%s%s\n", indent, "", mark, setting, line[0] ? "  # " : "", line);
}

void option_text_example(const struct weir_option *rows, int indent, const char *skip)
{
    for (; rows && rows->name; rows++) {
        if (skip && !strcmp(rows->name, skip)) {
            continue;
        }
        if (rows->type == WEIR_OPTION_GROUP) {
            printf("%*s#%s = {%s%s\n", indent, "", rows->name, rows->help ? "  # " : "",
                   rows->help ? rows->help : "");
            option_text_example(rows->rows, indent + 2, NULL);
            printf("%*s#};\n", indent, "");
        } else {
            example_row(rows, indent);
        }
    }
}
