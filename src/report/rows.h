/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The rows of a CSV file, one at a time, in bounded memory (RFC 4180; docs/report.md).
 */
#ifndef REPORT_ROWS_H
#define REPORT_ROWS_H

#include <stddef.h>
#include <stdint.h>

#define ROW_BYTES_MAX ((size_t)65536)
#define ROW_CELLS_MAX 512

struct cell {
    const char *text; /* not terminated, without blanks around it and without its quotes */
    size_t size;
};

enum row_state {
    ROW_GOOD,
    ROW_OPEN_QUOTE,
    ROW_AFTER_QUOTE, /* text behind a closing quote */
    ROW_LONG,
};

struct row {
    enum row_state state;
    uint64_t line;      /* where it begins, from 1 */
    size_t cell_count;  /* may be more than ROW_CELLS_MAX; cells has only that many */
    struct cell *cells; /* valid until the next call */
};

struct rows;

/* "-": standard input. 0 or a negative errno. */
int rows_open(const char *path, struct rows **ret_rows);
void rows_close(struct rows *rows);

/* The next row that is not empty. 1, 0 at the end, or a negative errno: reading failed; -EILSEQ:
 * the file is UTF-16. The first call, the header's, settles the delimiter. */
int rows_next(struct rows *rows, struct row *ret);

/* Bytes read so far, and of the file (0 if that is not known). */
uint64_t rows_done(const struct rows *rows);
uint64_t rows_size(const struct rows *rows);

#endif
