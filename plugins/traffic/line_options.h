/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * What a model file says of the family `line`: of a bus, and of each point.
 */
#ifndef TRAFFIC_LINE_OPTIONS_H
#define TRAFFIC_LINE_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include <weir/option.h>

enum { LINE_FORMAT_NONE, LINE_CSV, LINE_KEYVALUE, LINE_JSON, LINE_REGEX };
enum { LINE_KIND_VEHICLE, LINE_KIND_INTERVAL, LINE_KIND_READING };
enum { LINE_SUM_NONE, LINE_SUM_NMEA, LINE_SUM_XOR, LINE_SUM_SUM };

struct line_settings {
    int format, kind;
    const char *separator, *assign, *decimal, *header, *pattern, *line_end, *line_begin;
    int64_t fields;
    struct weir_names ignore, only;
    int checksum;
    const char *checksum_mark;
    int64_t match_limit, depth_limit;
};

struct line_point {
    int64_t field, join, base, modulo, utc_offset;
    const char *key, *group, *form;
    double scale, offset, least, most;
    struct weir_names map, absent;
    bool optional, magnitude;
};

extern const char *const line_formats[], *const line_kinds[], *const line_checksums[];
extern const struct weir_option line_point_rows[];

/* Rows for the bus's table; `outer` has a member `field` that is a struct line_settings. */
#define LINE_ROW(outer, field, kind, member, ...)                                                  \
    {                                                                                              \
        .name = #member, .type = WEIR_OPTION_##kind, .offset = offsetof(outer, field.member),      \
        __VA_ARGS__                                                                                \
    }
#define LINE_BUS_ROWS(outer, field)                                                                \
    LINE_ROW(outer, field, CHOICE, format, .choices = line_formats, .fallback = "none",            \
             .help = "family line: what a line looks like"),                                       \
        LINE_ROW(outer, field, CHOICE, kind, .choices = line_kinds, .fallback = "vehicle",         \
                 .help = "family line: what a line tells of; readings: speeds, many a vehicle"),   \
        LINE_ROW(outer, field, TEXT, separator, .fallback = ",",                                   \
                 .help = "csv, keyvalue: characters between fields, each of them"),                \
        LINE_ROW(outer, field, TEXT, assign, .fallback = "=",                                      \
                 .help = "keyvalue: characters between key and value, each of them"),              \
        LINE_ROW(outer, field, TEXT, decimal, .fallback = ".",                                     \
                 .help = "family line: the character in front of decimals"),                       \
        LINE_ROW(outer, field, TEXT, header,                                                       \
                 .help = "csv: the heading, as the device writes it; columns go by these names"),  \
        LINE_ROW(outer, field, INT, fields, .min = 0, .max = 200,                                  \
                 .help = "csv: fields a line must have; 0: those that points want"),               \
        LINE_ROW(outer, field, TEXT, pattern,                                                      \
                 .help = "regex: Perl's syntax (PCRE2), must match the whole line"),               \
        LINE_ROW(outer, field, INT, match_limit, .fallback = "100000", .min = 100,                 \
                 .max = 10000000, .help = "regex: steps after which a line is given up"),          \
        LINE_ROW(outer, field, INT, depth_limit, .fallback = "1000", .min = 10, .max = 100000,     \
                 .help = "regex: depth at which a line is given up"),                              \
        LINE_ROW(outer, field, TEXT, line_end,                                                     \
                 .help =                                                                           \
                     "family line: characters that end a line, each of them; none: CR and LF"),    \
        LINE_ROW(outer, field, TEXT, line_begin,                                                   \
                 .help = "family line: characters that are left out at the begin of a line"),      \
        LINE_ROW(outer, field, NAMES, ignore,                                                      \
                 .help = "family line: lines that begin so are read over"),                        \
        LINE_ROW(outer, field, NAMES, only,                                                        \
                 .help = "family line: lines that begin with none of these are read over"),        \
        LINE_ROW(outer, field, CHOICE, checksum, .choices = line_checksums, .fallback = "none",    \
                 .help = "family line: two hex digits at the end of a line"),                      \
        LINE_ROW(outer, field, TEXT, checksum_mark, .fallback = "*",                               \
                 .help = "family line: what stands in front of the checksum")

#endif
