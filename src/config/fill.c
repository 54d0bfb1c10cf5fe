/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * From settings to structs, by option tables. One function a type; each returns false when the
 * setting is of another type, and then the finding says what it should be.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "config/private.h"

/* One option being filled. setting NULL: text is its default. */
struct one {
    struct config *config;
    struct findings *findings;
    const struct weir_option *row;
    config_setting_t *setting;
    const char *text;
    char *to;
    double number; /* for the check of the range */
    bool wrong;    /* told already; there is no number to check */
};

static void store(const struct one *o, const void *value, size_t size)
{
    memcpy(o->to, value, size);
}

static bool is_text(const struct one *o)
{
    return !o->setting || config_setting_type(o->setting) == CONFIG_TYPE_STRING;
}

static bool is_whole(const struct one *o)
{
    int type = o->setting ? config_setting_type(o->setting) : 0;
    return type == CONFIG_TYPE_INT || type == CONFIG_TYPE_INT64;
}

static int64_t whole(const struct one *o)
{
    return config_setting_type(o->setting) == CONFIG_TYPE_INT
               ? config_setting_get_int(o->setting)
               : config_setting_get_int64(o->setting);
}

static bool fill_bool(struct one *o)
{
    if (o->setting && config_setting_type(o->setting) != CONFIG_TYPE_BOOL) {
        return false;
    }
    bool value = o->setting ? config_setting_get_bool(o->setting) != 0 : !strcmp(o->text, "true");
    store(o, &value, sizeof value);
    return true;
}

static bool fill_int(struct one *o)
{
    if (o->setting && !is_whole(o)) {
        return false;
    }
    int64_t value = o->setting ? whole(o) : strtoll(o->text, NULL, 10);
    o->number = (double)value;
    store(o, &value, sizeof value);
    return true;
}

static bool fill_float(struct one *o)
{
    double value = 0;
    if (!o->setting) {
        value = strtod(o->text, NULL);
    } else if (is_whole(o)) {
        value = (double)whole(o);
    } else if (config_setting_type(o->setting) == CONFIG_TYPE_FLOAT) {
        value = config_setting_get_float(o->setting);
    } else {
        return false;
    }
    if (!isfinite(value)) {
        tree_find(o->findings, o->setting, WEIR_LOG_ERROR, "is too large a number");
        o->wrong = true;
        return true;
    }
    o->number = value;
    store(o, &value, sizeof value);
    return true;
}

static bool fill_text(struct one *o)
{
    if (!is_text(o)) {
        return false;
    }
    const char *value = arena_text(&o->config->arena, o->text);
    if (o->row->type == WEIR_OPTION_NAME && o->setting) {
        fill_name_check(o->findings, o->setting, value, "name");
    }
    if (o->row->type == WEIR_OPTION_SECRET && o->setting) {
        value = secret_resolve(o->config, o->findings, o->setting, value);
    }
    store(o, &value, sizeof value);
    return true;
}

static bool fill_choice(struct one *o)
{
    char known[256] = "";
    if (!is_text(o)) {
        return false;
    }
    for (int i = 0; o->row->choices[i]; i++) {
        if (!strcmp(o->row->choices[i], o->text)) {
            store(o, &i, sizeof i);
            return true;
        }
        size_t len = strlen(known);
        snprintf(known + len, sizeof known - len, "%s%s", i ? ", " : "", o->row->choices[i]);
    }
    if (!o->setting) {
        return true; /* no default: the first */
    }
    tree_find(o->findings, o->setting, WEIR_LOG_ERROR, "\"%s\" is none of %s", o->text, known);
    return true;
}

static bool fill_duration(struct one *o)
{
    int64_t ns = 0;
    if (!is_text(o)) {
        return false;
    }
    if (duration_parse(o->text, &ns) < 0) {
        tree_find(o->findings, o->setting, WEIR_LOG_ERROR,
                  "\"%s\" is no duration; write \"250ms\", \"1s\", \"15m\", \"12h\" or \"30d\"",
                  o->text);
        o->wrong = true;
        return true;
    }
    o->number = (double)ns / 1e9;
    store(o, &ns, sizeof ns);
    return true;
}

static bool fill_size(struct one *o)
{
    int64_t bytes = 0;
    if (o->setting && is_whole(o)) {
        bytes = whole(o);
    } else if (!is_text(o)) {
        return false;
    } else if (size_parse(o->text, &bytes) < 0) {
        tree_find(o->findings, o->setting, WEIR_LOG_ERROR,
                  "\"%s\" is no size; write \"64MiB\", \"1GiB\" or a number of bytes", o->text);
        o->wrong = true;
        return true;
    }
    o->number = (double)bytes;
    store(o, &bytes, sizeof bytes);
    return true;
}

static bool fill_names(struct one *o)
{
    struct weir_names names = { 0 };
    if (o->setting) {
        if (!config_setting_is_array(o->setting) && !config_setting_is_list(o->setting)) {
            return false;
        }
        size_t count = (size_t)config_setting_length(o->setting);
        const char **list = arena_take(&o->config->arena, (count + 1) * sizeof *list);
        for (size_t i = 0; i < count; i++) {
            const char *text = config_setting_get_string_elem(o->setting, (int)i);
            if (!text) {
                return false;
            }
            list[names.count++] = arena_text(&o->config->arena, text);
        }
        names.names = list;
    }
    store(o, &names, sizeof names);
    return true;
}

static bool fill_group(struct one *o)
{
    if (o->setting && !config_setting_is_group(o->setting)) {
        return false;
    }
    struct fill_from from = { o->setting, NULL,
                              o->setting }; /* not there: nothing in it is missing */
    struct fill fill = { o->row->rows, o->to };
    static const char *const none[] = { NULL };
    fill_all(o->config, o->findings, &from, &fill, 1, none);
    return true;
}

static const struct {
    bool (*fill)(struct one *);
    const char *what;
} types[] = {
    [WEIR_OPTION_BOOL] = { fill_bool, "true or false" },
    [WEIR_OPTION_INT] = { fill_int, "a whole number" },
    [WEIR_OPTION_FLOAT] = { fill_float, "a number" },
    [WEIR_OPTION_TEXT] = { fill_text, "a text in quotes" },
    [WEIR_OPTION_NAME] = { fill_text, "a name in quotes" },
    [WEIR_OPTION_CHOICE] = { fill_choice, "a word in quotes" },
    [WEIR_OPTION_DURATION] = { fill_duration, "a duration in quotes, as \"1s\"" },
    [WEIR_OPTION_SIZE] = { fill_size, "a size, as \"64MiB\"" },
    [WEIR_OPTION_SECRET] = { fill_text, "a text in quotes" },
    [WEIR_OPTION_NAMES] = { fill_names, "a list of texts, as [ \"a\", \"b\" ]" },
    [WEIR_OPTION_GROUP] = { fill_group, "a group, as { ... }" },
};

static void check_range(const struct one *o)
{
    const struct weir_option *row = o->row;
    bool ranged = row->min < row->max || (row->flags & WEIR_OPTION_RANGE);
    if (o->setting && !o->wrong && ranged && !(o->number >= row->min && o->number <= row->max)) {
        char least[32], most[32];
        tree_find(o->findings, o->setting, WEIR_LOG_ERROR, "must lie between %s and %s%s%s",
                  option_number(row, row->min, least, sizeof least),
                  option_number(row, row->max, most, sizeof most), row->unit ? " " : "",
                  row->unit ? row->unit : "");
    }
}

config_setting_t *fill_member(const struct fill_from *from, const char *name)
{
    config_setting_t *found = from->own ? config_setting_get_member(from->own, name) : NULL;
    return found || !from->base ? found : config_setting_get_member(from->base, name);
}

static bool never_null(enum weir_option_type type)
{
    return type == WEIR_OPTION_GROUP || type == WEIR_OPTION_TEXT || type == WEIR_OPTION_NAME ||
           type == WEIR_OPTION_SECRET;
}

static void fill_one(struct config *config, struct findings *findings, const struct fill_from *from,
                     const struct weir_option *row, void *to)
{
    struct one o = { .config = config,
                     .findings = findings,
                     .row = row,
                     .setting = fill_member(from, row->name),
                     .text = row->fallback ? row->fallback : "",
                     .to = (char *)to + row->offset };
    if (!o.setting && from->where && (row->flags & WEIR_OPTION_REQUIRED)) {
        tree_find(findings, from->where, WEIR_LOG_ERROR, "%s is missing (%s)", row->name,
                  row->help ? row->help : types[row->type].what);
    }
    if (o.setting && config_setting_type(o.setting) == CONFIG_TYPE_STRING) {
        o.text = config_setting_get_string(o.setting);
    }
    if (o.setting && !types[row->type].fill(&o)) {
        tree_find(findings, o.setting, WEIR_LOG_ERROR, "must be %s", types[row->type].what);
        o.setting = NULL;
        o.text = row->fallback ? row->fallback : "";
    }
    if (o.setting) {
        check_range(&o);
    } else if (row->fallback || never_null(row->type)) {
        types[row->type].fill(&o); /* also after a finding: whoever reads on finds no NULL */
    }
}

void fill_check(struct config *config, struct findings *findings, config_setting_t *group,
                const struct weir_option *row)
{
    _Alignas(16) char scratch[32]; /* room for one value of any type but a group */
    struct fill_from from = { group, NULL, NULL };
    config_setting_t *setting = config_setting_get_member(group, row->name);
    if (row->type != WEIR_OPTION_GROUP) {
        fill_one(config, findings, &from, row, scratch);
    } else if (setting && !config_setting_is_group(setting)) {
        tree_find(findings, setting, WEIR_LOG_ERROR, "must be %s", types[row->type].what);
    }
}

static void offer(const char *name, const char *known, const char **nearest, unsigned *distance)
{
    unsigned d = text_distance(name, known);
    if (d < *distance) {
        *distance = d;
        *nearest = known;
    }
}

/* Is the name of a table or of the others? If not, *ret_nearest is the most alike, if any is. */
static bool known_name(const char *name, const struct fill *fills, size_t fill_count,
                       const char *const *others, const char **ret_nearest)
{
    unsigned distance = 1 + (unsigned)strlen(name) / 2; /* half of it must stay */
    distance = distance < 4 ? distance : 4;
    *ret_nearest = NULL;
    for (size_t i = 0; i < fill_count; i++) {
        for (const struct weir_option *row = fills[i].rows; row && row->name; row++) {
            offer(name, row->name, ret_nearest, &distance);
        }
    }
    for (; *others; others++) {
        offer(name, *others, ret_nearest, &distance);
    }
    return *ret_nearest && distance == 0;
}

static void find_unknown(struct findings *findings, config_setting_t *group,
                         const struct fill *fills, size_t fill_count, const char *const *others)
{
    for (int i = 0; group && i < config_setting_length(group); i++) {
        config_setting_t *setting = config_setting_get_elem(group, (unsigned)i);
        const char *nearest;
        if (known_name(config_setting_name(setting), fills, fill_count, others, &nearest)) {
            continue;
        }
        if (nearest) {
            tree_find(findings, setting, WEIR_LOG_ERROR, "unknown setting; \"%s\"?", nearest);
        } else {
            tree_find(findings, setting, WEIR_LOG_ERROR, "unknown setting");
        }
    }
}

void fill_all(struct config *config, struct findings *findings, const struct fill_from *from,
              const struct fill *fills, size_t fill_count, const char *const *others)
{
    for (size_t i = 0; i < fill_count; i++) {
        for (const struct weir_option *row = fills[i].rows; row && row->name; row++) {
            if (fills[i].to) {
                fill_one(config, findings, from, row, fills[i].to);
            }
        }
    }
    find_unknown(findings, from->own, fills, fill_count, others);
}

const struct weir_label *fill_labels(struct config *config, struct findings *findings,
                                     config_setting_t *group, size_t *ret_count)
{
    size_t count = 0, length = group ? (size_t)config_setting_length(group) : 0;
    struct weir_label *labels = arena_take(&config->arena, (length + 1) * sizeof *labels);
    if (group && !config_setting_is_group(group)) {
        tree_find(findings, group, WEIR_LOG_ERROR,
                  "must be a group, as { site = \"Harbour St\"; }");
        length = 0;
    }
    for (size_t i = 0; i < length && i < 255; i++) {
        config_setting_t *label = config_setting_get_elem(group, (unsigned)i);
        const char *text = config_setting_get_string(label);
        if (!text || strlen(text) > 255) {
            tree_find(findings, label, WEIR_LOG_ERROR, "must be a text of at most 255 bytes");
            continue;
        }
        labels[count++] =
            (struct weir_label){ arena_text(&config->arena, config_setting_name(label)),
                                 arena_text(&config->arena, text) };
    }
    *ret_count = count;
    return labels;
}

void fill_name_check(struct findings *findings, const config_setting_t *setting, const char *name,
                     const char *what)
{
    if (!name_valid(name)) {
        tree_find(findings, setting, WEIR_LOG_ERROR,
                  "\"%s\" is no %s: 1 to 64 of A-Z a-z 0-9 . _ -, first a letter or digit", name,
                  what);
    }
}
