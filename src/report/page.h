/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The result as a page that needs nothing but itself, and as one drawing.
 */
#ifndef REPORT_PAGE_H
#define REPORT_PAGE_H

#include "report/text.h"

enum page_kind { PAGE_HTML, PAGE_SVG };

/* Written beside `path` and renamed when it is whole; what is there and is no regular file (a pipe,
 * a terminal) is written to. 0 or a negative errno. */
int page_write(const char *path, enum page_kind kind, const struct report *report);

#endif
