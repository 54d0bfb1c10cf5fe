/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The family `line`: text counters that a model file describes, without C. docs/new-counter.md is
 * for users. What the files share:
 *
 *   line.c         the family: lines, checksums           line_plan.c    settings to a plan
 *   line_split.c   a line to its texts, one a point       line_words.c   which points there are
 *   line_values.c  a text to a value of a record          line_record.c  values to a record
 */
#ifndef TRAFFIC_LINE_H
#define TRAFFIC_LINE_H

#include "line_options.h"

#include "family.h"

enum {
    LINE_POINTS_MAX = 32,
    LINE_TEXT_MAX = 64, /* one value on the line, with a zero */
    LINE_MOST = 1000,   /* characters of a line */
    LINE_LANES_MAX = 32,
    LINE_REASONS = 8,
};

enum line_type {
    LINE_NUMBER,
    LINE_WHOLE,
    LINE_TEXT,
    LINE_TIME,
    LINE_RUNNING, /* a running number: what lies between two is missed */
    LINE_COUNT,
    LINE_CLASS_COUNT
};
enum line_dimension { LINE_NONE, LINE_SPEED, LINE_LENGTH, LINE_SECONDS, LINE_PERCENT };

/* A point that traffic records can have. */
struct line_word {
    const char *name;
    unsigned has;
    bool vehicle, interval;
    enum line_type type;
    enum line_dimension dimension;
    double least, most;             /* plausible, in the unit that records have */
    size_t in_vehicle, in_interval; /* offset of its member */
};

/* The word that this name is of; NULL: there is none. vehicle_count_... is one word. */
const struct line_word *line_word(const char *name);
/* All names for a record of this kind, with commas. */
void line_word_list(bool interval, char *buf, size_t size);
/* What a number in this unit is multiplied with; false: no unit of this dimension. */
bool line_unit(enum line_dimension dimension, const char *unit, double *ret_factor);
const char *line_unit_list(enum line_dimension dimension);

struct line_plan_point {
    const struct line_word *word;
    const struct line_point *options;
    double factor, least, most;
    size_t field; /* csv, from 1 */
    int group;    /* regex */
    size_t class_index;
};

struct line_plan {
    const struct line_settings *settings;
    const char *ends; /* characters that end a line */
    struct line_plan_point points[LINE_POINTS_MAX];
    size_t count;
    const char *class_names[TRAFFIC_CLASSES_MAX + 1];
    uint64_t mark; /* of what the numbers that are kept from line to line are taken from; not 0 */
    struct line_regex *regex;                  /* line_split.c */
    bool told[LINE_POINTS_MAX + LINE_REASONS]; /* in the log, why lines are not taken: once each */
};

/* One text a point, in the order of the plan. */
struct line_texts {
    bool there[LINE_POINTS_MAX];
    char text[LINE_POINTS_MAX][LINE_TEXT_MAX];
};

/* Totals of one lane: what its counts were the last time. */
struct line_totals {
    int64_t lane;
    uint32_t used, met; /* met: a bit a point */
    uint64_t last[1 + TRAFFIC_CLASSES_MAX];
};

struct line_state {
    uint64_t mark; /* of the plan that this belongs to */
    struct under_way under_way;
    uint32_t met;
    uint32_t endless; /* a line was longer than any; what is left of it is none */
    uint64_t last;    /* running number */
    struct passage passage;
    struct line_totals totals[LINE_LANES_MAX];
};

/* A line being taken. */
struct line_row {
    struct traffic *t;
    const struct line_plan *plan;
    const struct line_texts *texts;
    struct vehicle vehicle;
    struct interval interval;
    unsigned has;
    bool repeated; /* its running number is that of the line before */
    bool first;    /* a total that nothing can be taken from yet */
    size_t failed; /* point that the line is not taken for */
};

/* ---- line_plan.c */
void *line_plan_make(struct traffic *t, struct family *self);
void line_plan_free(void *plan);

/* ---- line_split.c */
/* WEIR_R_FOREIGN: a line that is to be read over (a heading); WEIR_R_FRAME: not of this form;
 * WEIR_R_DECODE: of this form, but a text is too long or given twice; WEIR_R_EXCEPTION: a limit of
 * the regular expression was hit. */
enum weir_result line_split(const struct line_plan *plan, char *line, struct line_texts *out);
/* Where is a column of this name in the heading? From 1; 0: nowhere. */
size_t line_column(const struct line_settings *settings, const char *name);
/* NULL with a text of what is wrong. */
struct line_regex *line_regex_make(const struct line_settings *settings, char *why, size_t size);
void line_regex_free(struct line_regex *regex);
/* Number of the group with this name, -1: none. */
int line_regex_group(const struct line_regex *regex, const char *name);

/* ---- line_record.c */
/* What is kept from line to line; begun anew when the model is another one. */
struct line_state *line_state(struct traffic *t);
/* Makes the record, if the texts are fit for it. Nothing is kept of a line that is not taken.
 * WEIR_R_FOREIGN: said again; WEIR_R_DECODE: row->failed says for which point. */
enum weir_result line_take(struct line_row *row);

/* ---- line_values.c */
/* True, and a number in the record's unit. False: it is none, or not plausible. */
bool line_number(const struct line_plan *plan, const struct line_plan_point *point,
                 const char *text, double *ret_number);
/* The device's own time in ns since 1970. wall_ns: for a time without a day. */
bool line_time(const struct line_plan_point *point, const char *text, int64_t wall_ns,
               int64_t *ret_ns);
/* NULL, or what is wrong with this form of a time. */
const char *line_time_check(const char *form);
/* What the map makes of a text: itself without a map, NULL: the map has no place for it. */
const char *line_mapped(const struct line_plan *plan, const struct line_plan_point *point,
                        const char *text, char *buf, size_t size);

#endif
