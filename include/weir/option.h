/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Options as table rows. A plugin describes the settings it takes; the host reads them from the
 * configuration, checks type and range, and stores each into a struct of the plugin's at `offset`.
 * `weir check`, `weir adapters NAME` and the commented example are made from the same rows.
 *
 *     struct meter { int64_t unit_id; int64_t gap_ns; const char *note; int order; };
 *     static const struct weir_option meter_options[] = {
 *         { .name = "unit_id", .type = WEIR_OPTION_INT, .offset = offsetof(struct meter, unit_id),
 *           .min = 1, .max = 247, .flags = WEIR_OPTION_REQUIRED, .help = "Modbus unit id" },
 *         ...
 *         { 0 } };
 */
#ifndef WEIR_OPTION_H
#define WEIR_OPTION_H

#include <stddef.h>
#include <stdint.h>

enum weir_option_type {
    WEIR_OPTION_BOOL = 1, /* stored as bool */
    WEIR_OPTION_INT,      /* int64_t; min and max apply */
    WEIR_OPTION_FLOAT,    /* double; min and max apply; an integer is taken as well */
    WEIR_OPTION_TEXT,     /* const char *, never NULL ("" if neither set nor defaulted) */
    WEIR_OPTION_NAME,     /* const char *, checked against the rule for names (record.h) */
    WEIR_OPTION_CHOICE,   /* int, index into choices */
    WEIR_OPTION_DURATION, /* int64_t in nanoseconds; written "250ms", "1s", "15m", "30d"; min and
                             max are in seconds */
    WEIR_OPTION_SIZE,     /* int64_t in bytes; written "64MiB" or as a number */
    WEIR_OPTION_SECRET, /* const char *; "file:/path" and "cred:NAME" are resolved; never printed */
    WEIR_OPTION_NAMES,  /* struct weir_names; an array of strings */
    WEIR_OPTION_GROUP,  /* a nested group; its rows in `rows`, its offsets relative to `offset` */
};

#define WEIR_OPTION_REQUIRED 1u /* no default: missing is an error */
#define WEIR_OPTION_RANGE    2u /* min and max are meant (also when both are 0) */

struct weir_names {
    const char *const *names;
    size_t count;
};

/* The table ends with a row whose name is NULL. */
struct weir_option {
    const char *name;
    enum weir_option_type type;
    size_t offset;
    const char *fallback;       /* default, written as in a configuration file; NULL: zero, empty */
    double min, max;            /* inclusive; checked if WEIR_OPTION_RANGE is set or min < max */
    const char *const *choices; /* CHOICE: ends with NULL */
    const struct weir_option *rows; /* GROUP */
    unsigned flags;
    const char *unit; /* for people: "V", "registers"; NULL: none */
    const char *help; /* one line */
};

#endif
