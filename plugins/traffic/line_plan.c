/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Family `line`: from the settings of a model to a plan, and what is wrong with them. See line.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "line.h"
#include "traffic.h"

const char *const line_formats[] = { "none", "csv", "keyvalue", "json", "regex", NULL };
const char *const line_kinds[] = { "vehicle", "interval", "reading", NULL };
const char *const line_checksums[] = { "none", "nmea", "xor", "sum", NULL };

#define ROW(kind, member, ...)                                                                     \
    {                                                                                              \
        .name = #member, .type = WEIR_OPTION_##kind,                                               \
        .offset = offsetof(struct line_point, member), __VA_ARGS__                                 \
    }

const struct weir_option line_point_rows[] = {
    ROW(INT, field, .min = 0, .max = 200, .help = "csv: number of the column, from 1"),
    ROW(INT, join, .fallback = "1", .min = 1, .max = 4,
        .help = "csv: so many columns, with a blank between them"),
    ROW(TEXT, key, .help = "keyvalue, csv with header: key; json: path (a.b, a[0].b)"),
    ROW(TEXT, group, .help = "regex: name of the group; default: as the point"),
    ROW(NAMES, map, .help = "what texts become: [ \"1=car\", \"<0=departing\", \"*=other\" ]"),
    ROW(NAMES, absent, .help = "texts that mean: not known; an empty one always does"),
    ROW(BOOL, optional, .help = "a line without it is taken"),
    ROW(BOOL, magnitude, .help = "the sign is left out"),
    ROW(INT, base, .fallback = "10", .min = 10, .max = 16, .help = "10, or 16 for hex digits"),
    ROW(FLOAT, scale, .fallback = "1", .min = -1e12, .max = 1e12,
        .help = "the number is multiplied with this, before the unit counts"),
    ROW(FLOAT, offset, .min = -1e12, .max = 1e12, .help = "and this is added"),
    ROW(FLOAT, least, .min = -1e15, .max = 1e15,
        .help = "least plausible value, in the record's unit"),
    ROW(FLOAT, most, .min = -1e15, .max = 1e15, .help = "most; least and most 0: the usual ones"),
    ROW(INT, modulo, .min = 0, .max = 4294967296.0,
        .help = "missed: the number's period, 65536; counts: a total that runs round so"),
    ROW(TEXT, form, .fallback = "iso",
        .help = "device_time: %Y %y %m %d %H %M %S %f (decimals), %s (since 1970), or iso"),
    ROW(INT, utc_offset, .min = -840, .max = 840, .unit = "min",
        .help = "device_time: the device's clock minus UTC"),
    { 0 },
};

/* The making of a plan; errors are findings, and counted. */
struct making {
    struct traffic *t;
    struct line_plan *plan;
    unsigned errors;
    size_t class_count;
};

#define AT_POINT(m, index, key, ...)                                                               \
    ((m)->errors++, traffic_point_finding((m)->t, 0, (int)(index), key, __VA_ARGS__))
#define AT_BUS(m, key, ...) ((m)->errors++, traffic_finding((m)->t, -1, key, __VA_ARGS__))

static bool interval_kind(const struct line_settings *s)
{
    return s->kind == LINE_KIND_INTERVAL;
}

/* ---- where in the line a point stands */

static void place_csv(struct making *m, size_t i, struct line_plan_point *p)
{
    const struct line_settings *s = m->plan->settings;
    p->field = (size_t)p->options->field;
    if (p->field == 0 && p->options->key[0]) {
        p->field = line_column(s, p->options->key);
        if (p->field == 0) {
            AT_POINT(m, i, "key", "the header has no column \"%s\"", p->options->key);
        }
    } else if (p->field == 0) {
        AT_POINT(m, i, "field", "which column is it? field = 1 is the first%s",
                 s->header[0] ? ", or key = \"...\" for its heading" : "");
    }
    if (s->fields > 0 && (int64_t)p->field + p->options->join - 1 > s->fields) {
        AT_POINT(m, i, "field", "is beyond the last of %lld fields", (long long)s->fields);
    }
}

static void place(struct making *m, size_t i, const char *name, struct line_plan_point *p)
{
    const char *group = p->options->group[0] ? p->options->group : name;
    switch (m->plan->settings->format) {
    case LINE_CSV:
        place_csv(m, i, p);
        break;
    case LINE_REGEX:
        p->group = m->plan->regex ? line_regex_group(m->plan->regex, group) : -1;
        if (m->plan->regex && p->group < 0) {
            AT_POINT(m, i, p->options->group[0] ? "group" : "name",
                     "the pattern has no group (?<%s>...)", group);
        }
        break;
    default:
        if (!p->options->key[0]) {
            AT_POINT(m, i, "key", "what is its key in a line? key = \"...\"");
        }
    }
}

/* ---- what it becomes */

static void take_unit(struct making *m, size_t i, const char *unit, struct line_plan_point *p)
{
    enum line_dimension dimension = p->word->dimension;
    if (dimension == LINE_PERCENT && !unit[0]) {
        p->factor = 1;
    } else if (!line_unit(dimension, unit, &p->factor)) {
        const char *list = line_unit_list(dimension);
        AT_POINT(m, i, "unit",
                 list[0] ? "what the device gives it in: unit = one of %s%s" : "%shas no unit%s",
                 list, "");
    }
}

static void take_class(struct making *m, size_t i, const char *name, struct line_plan_point *p)
{
    if (m->class_count == TRAFFIC_CLASSES_MAX) {
        AT_POINT(m, i, "name", "more than %d classes", TRAFFIC_CLASSES_MAX);
        return;
    }
    p->class_index = m->class_count;
    m->plan->class_names[m->class_count++] = name + strlen("vehicle_count_");
}

static void check_maps(struct making *m, size_t i, const struct line_plan_point *p)
{
    for (size_t k = 0; k < p->options->map.count; k++) {
        const char *entry = p->options->map.names[k], *equals = strchr(entry, '=');
        if (!equals) {
            AT_POINT(m, i, "map", "\"%s\" must be TEXT=VALUE", entry);
        } else if (strlen(equals + 1) >= TRAFFIC_WORD_MAX) {
            AT_POINT(m, i, "map", "\"%s\" is longer than %d characters", equals + 1,
                     TRAFFIC_WORD_MAX - 1);
        }
    }
}

static void check_numbers(struct making *m, size_t i, struct line_plan_point *p)
{
    const struct line_point *o = p->options;
    if (o->base != 10 && o->base != 16) {
        AT_POINT(m, i, "base", "must be 10 or 16");
    }
    if (p->word->type == LINE_RUNNING && o->modulo < 2) {
        AT_POINT(m, i, "modulo", "how many numbers are there, as 65536, before it begins anew?");
    }
    if (o->modulo && p->word->type < LINE_RUNNING) {
        AT_POINT(m, i, "modulo", "is for missed and for counts");
    }
    if (o->modulo == 1) {
        AT_POINT(m, i, "modulo", "must be 2 or more");
    }
    if (o->least > o->most) {
        AT_POINT(m, i, "least", "is more than most");
    }
    bool usual = o->least == 0 && o->most == 0;
    p->least = usual ? p->word->least : o->least;
    p->most = usual ? p->word->most : o->most;
    const char *wrong = p->word->type == LINE_TIME ? line_time_check(o->form) : NULL;
    if (wrong) {
        AT_POINT(m, i, "form", "%s", wrong);
    }
}

static void take_point(struct making *m, size_t i, const struct weir_device_point *point)
{
    struct line_plan *plan = m->plan;
    struct line_plan_point *p = &plan->points[i];
    bool interval = interval_kind(plan->settings);
    const struct line_word *word = line_word(point->name);
    if (!word || !(interval ? word->interval : word->vehicle)) {
        char list[300];
        line_word_list(interval, list, sizeof list);
        AT_POINT(m, i, "name", "is no point of a%s record; those are %s",
                 interval ? "n interval" : " vehicle", list);
        return;
    }
    if (plan->settings->kind == LINE_KIND_READING && !(word->has & (HAS_SPEED | HAS_DIRECTION))) {
        AT_POINT(m, i, "name", "readings have speed and direction only");
    }
    *p = (struct line_plan_point){ .word = word, .options = point->options };
    place(m, i, point->name, p);
    take_unit(m, i, point->unit, p);
    check_maps(m, i, p);
    check_numbers(m, i, p);
    if (word->type == LINE_CLASS_COUNT) {
        take_class(m, i, point->name, p);
    }
}

/* ---- the whole */

static void check_bus(struct making *m)
{
    const struct line_settings *s = m->plan->settings;
    char why[160];
    if (s->format == LINE_FORMAT_NONE) {
        AT_BUS(m, "format", "the family line needs one: csv, keyvalue, json or regex");
    }
    if (strlen(s->decimal) != 1) {
        AT_BUS(m, "decimal", "must be one character");
    }
    if ((s->format == LINE_CSV || s->format == LINE_KEYVALUE) && !s->separator[0]) {
        AT_BUS(m, "separator", "must have a character that stands between fields");
    }
    if (s->format == LINE_KEYVALUE && !s->assign[0]) {
        AT_BUS(m, "assign", "must have a character that stands between key and value");
    }
    if (s->format == LINE_CSV && strchr(s->separator, s->decimal[0])) {
        AT_BUS(m, "decimal", "is a separator too");
    }
    if (s->format == LINE_REGEX) {
        m->plan->regex = line_regex_make(s, why, sizeof why);
        if (!m->plan->regex) {
            AT_BUS(m, "pattern", "%s", why);
        }
    }
}

static unsigned has_of(const struct line_plan *plan)
{
    unsigned has = 0;
    for (size_t i = 0; i < plan->count; i++) {
        has |= plan->points[i].word ? plan->points[i].word->has : 0;
    }
    return has;
}

static void check_whole(struct making *m, unsigned has)
{
    const struct line_settings *s = m->plan->settings;
    if (m->plan->count == 0) {
        AT_BUS(m, "points", "a model of the family line must say which points a line has");
    } else if (s->kind == LINE_KIND_READING && !(has & HAS_SPEED)) {
        AT_BUS(m, "kind", "readings need a point speed");
    } else if (interval_kind(s) && !(has & HAS_COUNT)) {
        AT_BUS(m, "kind", "intervals need a point vehicle_count");
    }
}

static uint64_t mix(uint64_t mark, const char *text)
{
    for (; *text; text++) {
        mark = (mark ^ (uint8_t)*text) * 1099511628211U; /* FNV-1a */
    }
    return (mark ^ 0xff) * 1099511628211U;
}

static uint64_t mark_of(const struct line_plan *plan, const struct weir_device *device)
{
    const struct line_settings *s = plan->settings;
    char numbers[100];
    uint64_t mark = mix(mix(14695981039346656037U, s->pattern), s->header);
    for (size_t i = 0; i < plan->count; i++) {
        const struct line_plan_point *p = &plan->points[i];
        snprintf(numbers, sizeof numbers, "%d %d %zu %d %lld %lld %g %g", s->format, s->kind,
                 p->field, p->group, (long long)p->options->modulo, (long long)p->options->base,
                 p->options->scale, p->options->offset);
        mark = mix(mix(mix(mark, device->points[i].name), p->options->key), numbers);
    }
    return mark ? mark : 1;
}

void *line_plan_make(struct traffic *t, struct family *self)
{
    struct line_plan *plan = calloc(1, sizeof *plan);
    struct making m = { .t = t, .plan = plan };
    if (!plan) {
        return NULL;
    }
    const struct weir_device *device = traffic_devices(t) ? traffic_device(t, 0) : NULL;
    plan->settings = &t->settings->line;
    plan->ends = plan->settings->line_end[0] ? plan->settings->line_end : "\r\n";
    plan->count = device ? device->point_count : 0;
    if (plan->count > LINE_POINTS_MAX) {
        AT_BUS(&m, "points", "more than %d points", LINE_POINTS_MAX);
        plan->count = 0;
    }
    check_bus(&m);
    for (size_t i = 0; i < plan->count; i++) {
        take_point(&m, i, &device->points[i]);
    }
    unsigned has = has_of(plan);
    check_whole(&m, has);
    if (m.errors) {
        line_plan_free(plan);
        return NULL;
    }
    self->vehicle = interval_kind(plan->settings) ? 0 : has;
    self->interval = interval_kind(plan->settings) ? has : 0;
    if (plan->settings->kind == LINE_KIND_READING) {
        self->vehicle = HAS_SPEED | HAS_DURATION | (has & HAS_DIRECTION);
    }
    self->classes = plan->class_names;
    plan->mark = mark_of(plan, device);
    return plan;
}

void line_plan_free(void *plan)
{
    struct line_plan *p = plan;
    if (p) {
        line_regex_free(p->regex);
        free(p);
    }
}
