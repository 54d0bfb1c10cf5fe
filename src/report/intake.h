/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Reads the files, once, into the places; tells rows that cannot be used on standard error.
 */
#ifndef REPORT_INTAKE_H
#define REPORT_INTAKE_H

#include <stdint.h>

#include "report/cells.h"
#include "report/columns.h"
#include "report/options.h"
#include "report/places.h"

#define FAULTS_NAMED 5

/* One of the first rows that were left out. */
struct fault {
    const char *file;
    uint64_t line;
    enum reason reason;
    char text[EXCERPT_SIZE];
};

struct intake {
    struct places places;
    struct zone *zone;
    uint64_t used, left_out, repeats, other_kind, without_zone;
    uint64_t reasons[REASON_COUNT_OF];
    struct fault faults[FAULTS_NAMED];
    unsigned fault_count;
    int64_t first_day, last_day; /* local, if used > 0 */
};

/* EXIT_OK; another exit status, and standard error says why. Finish it in any case. */
int intake_read(struct intake *intake, const struct options *options);
void intake_finish(struct intake *intake);

#endif
