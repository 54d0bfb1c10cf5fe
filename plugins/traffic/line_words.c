/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The points that traffic records can have, with their plausible limits, and units. See line.h.
 */
#include <stdio.h>
#include <string.h>

#include "line.h"

#define SECONDS_A_WEEK 604800
#define COUNT_MOST     9007199254740991.0 /* what a double holds exactly */

#define IN_VEHICLE(member)  offsetof(struct vehicle, member)
#define IN_INTERVAL(member) offsetof(struct interval, member)
#define OF_VEHICLE(point, bit, type, dimension, least, most, member)                               \
    { point, HAS_##bit,          true, false, LINE_##type, LINE_##dimension, least,                \
      most,  IN_VEHICLE(member), 0 },
#define OF_INTERVAL(point, bit, type, dimension, least, most, member)                              \
    { point, HAS_##bit,          false, true, LINE_##type, LINE_##dimension, least, most,          \
      0,     IN_INTERVAL(member) },
#define OF_BOTH(point, bit, type, dimension, least, most, member)                                  \
    { point,                                                                                       \
      HAS_##bit,                                                                                   \
      true,                                                                                        \
      true,                                                                                        \
      LINE_##type,                                                                                 \
      LINE_##dimension,                                                                            \
      least,                                                                                       \
      most,                                                                                        \
      IN_VEHICLE(member),                                                                          \
      IN_INTERVAL(member) },

static const struct line_word words[] = {
#include "points.def"
};

#define WORDS (sizeof words / sizeof *words)

const struct line_word *line_word(const char *name)
{
    static const char counts[] = "vehicle_count_";
    for (size_t i = 0; i < WORDS; i++) {
        bool class = words[i].type == LINE_CLASS_COUNT;
        if (class ? !strncmp(name, counts, sizeof counts - 1) : !strcmp(name, words[i].name)) {
            return &words[i];
        }
    }
    return NULL;
}

void line_word_list(bool interval, char *buf, size_t size)
{
    size_t len = 0;
    buf[0] = 0;
    for (size_t i = 0; i < WORDS && len < size; i++) {
        if (interval ? words[i].interval : words[i].vehicle) {
            len += (size_t)snprintf(buf + len, size - len, "%s%s", len ? ", " : "", words[i].name);
        }
    }
}

static const struct {
    enum line_dimension dimension;
    const char *unit;
    double factor;
} units[] = {
    { LINE_SPEED, "km/h", 1 },        { LINE_SPEED, "mph", 1.609344 },
    { LINE_SPEED, "m/s", 3.6 },       { LINE_SPEED, "ft/s", 1.09728 },
    { LINE_SPEED, "cm/s", 0.036 },    { LINE_SPEED, "kn", 1.852 },
    { LINE_LENGTH, "m", 1 },          { LINE_LENGTH, "dm", 0.1 },
    { LINE_LENGTH, "cm", 0.01 },      { LINE_LENGTH, "mm", 0.001 },
    { LINE_LENGTH, "ft", 0.3048 },    { LINE_LENGTH, "in", 0.0254 },
    { LINE_SECONDS, "s", 1 },         { LINE_SECONDS, "ms", 0.001 },
    { LINE_SECONDS, "us", 0.000001 }, { LINE_SECONDS, "min", 60 },
    { LINE_PERCENT, "%", 1 },         { LINE_PERCENT, "1", 100 },
};

bool line_unit(enum line_dimension dimension, const char *unit, double *ret_factor)
{
    *ret_factor = 1;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (units[i].dimension == dimension && !strcmp(units[i].unit, unit)) {
            *ret_factor = units[i].factor;
            return true;
        }
    }
    return dimension == LINE_NONE && !unit[0];
}

const char *line_unit_list(enum line_dimension dimension)
{
    static const char *const lists[] = { [LINE_NONE] = "",
                                         [LINE_SPEED] = "km/h, mph, m/s, ft/s, cm/s, kn",
                                         [LINE_LENGTH] = "m, dm, cm, mm, ft, in",
                                         [LINE_SECONDS] = "s, ms, us, min",
                                         [LINE_PERCENT] = "%, 1" };
    return lists[dimension];
}
