/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * See options.h.
 */
#include "report/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/cells.h"
#include "report/kmeans.h"

#define TOP_MAX 1000

static const char help[] =
    "usage: weir report traffic FILE... [options]\n"
    "\n"
    "Reads traffic counts (CSV with the columns location, time and vehicle_count, as\n"
    "`weir receive --csv` writes them) and tells when and where the traffic is: the means of each\n"
    "location and hour of the day, in groups found by k-means. `-` is standard input.\n"
    "\n"
    "  --clusters N      so many groups, 2 to 9 (3)\n"
    "  --timezone ZONE   whose hours: Europe/Berlin, UTC, +05:30 (that of this machine)\n"
    "  --columns LIST    other names: location=street,time=at,vehicle_count=n\n"
    "  --days WHICH      group by all days, weekday or weekend (all)\n"
    "  --top N           so many peak hours and places, 1 to 1000 (10)\n"
    "  --html FILE       write a page with charts and tables that needs nothing but itself\n"
    "  --svg FILE        write the chart alone\n"
    "  --title TEXT      the title of both (Traffic patterns)\n"
    "  --json            print JSON instead of text\n"
    "  --help            this text\n"
    "  --version         the version\n"
    "\n"
    "Rows that cannot be used are left out, counted, and the first five named.\n"
    "Exit status: 0 done, 1 no usable row, 2 wrong usage, 3 it could not be done.\n"
    "\n"
    "Example:\n"
    "  weir report traffic counts.csv --timezone Europe/Berlin --html traffic.html\n";

enum option_code {
    OPTION_CLUSTERS = 256,
    OPTION_TIMEZONE,
    OPTION_COLUMNS,
    OPTION_DAYS,
    OPTION_TOP,
    OPTION_HTML,
    OPTION_SVG,
    OPTION_TITLE,
    OPTION_JSON,
    OPTION_HELP,
    OPTION_VERSION,
};

static const struct option long_options[] = {
    { "clusters", required_argument, NULL, OPTION_CLUSTERS },
    { "timezone", required_argument, NULL, OPTION_TIMEZONE },
    { "columns", required_argument, NULL, OPTION_COLUMNS },
    { "days", required_argument, NULL, OPTION_DAYS },
    { "top", required_argument, NULL, OPTION_TOP },
    { "html", required_argument, NULL, OPTION_HTML },
    { "svg", required_argument, NULL, OPTION_SVG },
    { "title", required_argument, NULL, OPTION_TITLE },
    { "json", no_argument, NULL, OPTION_JSON },
    { "help", no_argument, NULL, OPTION_HELP },
    { "version", no_argument, NULL, OPTION_VERSION },
    { NULL, 0, NULL, 0 },
};

static const char *const days_names[] = { "all", "weekday", "weekend" };

const char *days_name(enum days days)
{
    return days_names[days];
}

static int usage(const char *format, ...) __attribute__((format(printf, 1, 2)));
static int usage(const char *format, ...)
{
    va_list args;

    fputs("weir: report: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputs(" (weir report --help says more)\n", stderr);
    return EXIT_USAGE;
}

static int set_number(const char *name, unsigned least, unsigned most, unsigned *ret)
{
    struct cell cell = { optarg, strlen(optarg) };
    uint64_t value;

    if (!cell_integer(&cell, &value) || value < least || value > most) {
        return usage("--%s %s: a number from %u to %u", name, optarg, least, most);
    }
    *ret = (unsigned)value;
    return EXIT_OK;
}

static int set_days(enum days *ret)
{
    for (int i = DAYS_ALL; i <= DAYS_WEEKEND; i++) {
        if (strcmp(optarg, days_names[i]) == 0) {
            *ret = (enum days)i;
            return EXIT_OK;
        }
    }
    return usage("--days %s: all, weekday or weekend", optarg);
}

static int set_file(const char *name, const char **ret)
{
    if (optarg[0] == '\0' || strcmp(optarg, "-") == 0) {
        return usage("--%s: the name of a file", name);
    }
    *ret = optarg;
    return EXIT_OK;
}

static int set_title(const char **ret)
{
    struct cell cell = { optarg, strlen(optarg) };

    if (cell.size == 0 || cell.size > LOCATION_BYTES_MAX || !cell_is_text(&cell)) {
        return usage("--title: 1 to %d bytes of UTF-8 text", LOCATION_BYTES_MAX);
    }
    *ret = optarg;
    return EXIT_OK;
}

static int take_option(struct options *options, int code)
{
    switch ((enum option_code)code) {
    case OPTION_CLUSTERS:
        return set_number("clusters", 2, KMEANS_MAX, &options->clusters);
    case OPTION_TOP:
        return set_number("top", 1, TOP_MAX, &options->top);
    case OPTION_TIMEZONE:
        options->timezone = optarg;
        return EXIT_OK;
    case OPTION_COLUMNS:
        return columns_rename(&options->columns, optarg) == 0
                   ? EXIT_OK
                   : usage("--columns: as in location=street,time=at,vehicle_count=n");
    case OPTION_DAYS:
        return set_days(&options->days);
    case OPTION_HTML:
        return set_file("html", &options->html);
    case OPTION_SVG:
        return set_file("svg", &options->svg);
    case OPTION_TITLE:
        return set_title(&options->title);
    case OPTION_JSON:
        options->json = true;
        return EXIT_OK;
    case OPTION_HELP:
    case OPTION_VERSION:
        break;
    }
    return EXIT_OK;
}

static int take_files(struct options *options, int argc, char **argv)
{
    bool once = false;

    if (argc == 0) {
        return usage("what shall it report? There is `traffic`");
    }
    if (strcmp(argv[0], "traffic") != 0) {
        return usage("there is no report \"%.40s\", only `traffic`", argv[0]);
    }
    options->files = argv + 1;
    options->file_count = argc - 1;
    if (argc == 1) {
        return usage("which FILE? `-` is standard input");
    }
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-") == 0 && once) {
            return usage("standard input can be read only once");
        }
        once = once || strcmp(argv[i], "-") == 0;
    }
    return EXIT_OK;
}

int options_read(struct options *options, int argc, char **argv, int *ret_status)
{
    int code;

    *options = (struct options){ .clusters = 3, .top = 10, .title = "Traffic patterns" };
    columns_init(&options->columns);
    *ret_status = EXIT_OK;
    opterr = 0;
    while ((code = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
        if (code == 'h' || code == OPTION_HELP) {
            fputs(help, stdout);
            return -1;
        }
        if (code == OPTION_VERSION) {
            puts("weir-report " WEIR_VERSION);
            return -1;
        }
        *ret_status = code == '?' ? usage("%s: there is no such option, or it lacks its value",
                                          argv[optind - 1])
                                  : take_option(options, code);
        if (*ret_status != EXIT_OK) {
            return -1;
        }
    }
    *ret_status = take_files(options, argc - optind, argv + optind);
    return *ret_status == EXIT_OK ? 0 : -1;
}
