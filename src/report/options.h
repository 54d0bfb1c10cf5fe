/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The command line of `weir report traffic`.
 */
#ifndef REPORT_OPTIONS_H
#define REPORT_OPTIONS_H

#include <stdbool.h>

#include "report/columns.h"

enum { EXIT_OK = 0, EXIT_NOTHING = 1, EXIT_USAGE = 2, EXIT_CANNOT = 3 };

enum days { DAYS_ALL, DAYS_WEEKDAY, DAYS_WEEKEND };

/* Everything by reference into argv. */
struct options {
    unsigned clusters;
    unsigned top;
    enum days days;
    bool json;
    const char *timezone; /* NULL: that of the machine */
    const char *html, *svg;
    const char *title;
    struct columns columns;
    char **files;
    int file_count;
};

/* "all", "weekday", "weekend" */
const char *days_name(enum days days);

/* 0; or -1: it is over, with *ret_status, and it was said why. */
int options_read(struct options *options, int argc, char **argv, int *ret_status);

#endif
