/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The result for people at a terminal, and as JSON (docs/report.md).
 */
#ifndef REPORT_TEXT_H
#define REPORT_TEXT_H

#include <stdio.h>

#include "report/result.h"

struct report {
    const struct options *options;
    const struct intake *intake;
    const struct result *result;
};

void text_write(FILE *out, const struct report *report);
/* 0 or -ENOMEM. */
int json_write(FILE *out, const struct report *report);

/* "1234", "56.7", "0.123": four digits, more if the whole part has more; "-" for NAN. */
#define TEXT_NUMBER_SIZE 32
const char *text_number(double value, char buf[TEXT_NUMBER_SIZE]);

#endif
