/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * A file that is there whole or as it was before.
 */
#ifndef REPORT_OUTPUT_H
#define REPORT_OUTPUT_H

#include <limits.h>
#include <stdio.h>

struct output {
    FILE *file;
    const char *path;         /* by reference */
    char temporary[PATH_MAX]; /* "": written in place, as it is no regular file */
};

/* 0 or a negative errno. Close it if it is 0. */
int output_open(struct output *output, const char *path);
/* Renames it to its path if all went well (`error` 0), else removes it. 0 or a negative errno. */
int output_close(struct output *output, int error);

#endif
