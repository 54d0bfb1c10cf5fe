/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * See rows.h. Before a row is looked at, the buffer holds it whole or ROW_BYTES_MAX + 1 bytes of
 * it. Its end is found first; only then its quotes are taken out in place, so that after an open
 * quote reading can begin again with the next line.
 */
#include "report/rows.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUFFER_BYTES ((size_t)1 << 20)

struct rows {
    int fd;
    bool ended;  /* nothing follows in the file */
    bool header; /* has been read */
    char delimiter;
    char *buffer;
    size_t at, end;
    uint64_t line; /* of `at` */
    uint64_t done, size;
    struct cell cells[ROW_CELLS_MAX];
};

int rows_open(const char *path, struct rows **ret_rows)
{
    struct rows *rows = calloc(1, sizeof(*rows));
    struct stat info;
    int error = 0;

    if (rows == NULL) {
        return -ENOMEM;
    }
    rows->line = 1;
    rows->delimiter = ',';
    rows->buffer = malloc(BUFFER_BYTES);
    rows->fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (rows->buffer == NULL || rows->fd < 0) {
        error = rows->buffer == NULL ? -ENOMEM : -errno;
        rows_close(rows);
        return error;
    }
    if (fstat(rows->fd, &info) == 0 && S_ISREG(info.st_mode)) {
        rows->size = (uint64_t)info.st_size;
        posix_fadvise(rows->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    }
    *ret_rows = rows;
    return 0;
}

void rows_close(struct rows *rows)
{
    if (rows == NULL) {
        return;
    }
    if (rows->fd > STDIN_FILENO) {
        close(rows->fd);
    }
    free(rows->buffer);
    free(rows);
}

uint64_t rows_done(const struct rows *rows)
{
    return rows->done;
}

uint64_t rows_size(const struct rows *rows)
{
    return rows->size;
}

/* More than ROW_BYTES_MAX bytes, or all there are. */
static int refill(struct rows *rows)
{
    if (rows->ended || rows->end - rows->at > ROW_BYTES_MAX) {
        return 0;
    }
    memmove(rows->buffer, rows->buffer + rows->at, rows->end - rows->at);
    rows->end -= rows->at;
    rows->at = 0;
    while (rows->end < BUFFER_BYTES && !rows->ended) {
        ssize_t n = read(rows->fd, rows->buffer + rows->end, BUFFER_BYTES - rows->end);

        if (n < 0 && errno != EINTR) {
            return -errno;
        }
        rows->ended = n == 0;
        rows->end += n > 0 ? (size_t)n : 0;
        rows->done += n > 0 ? (uint64_t)n : 0;
    }
    return 0;
}

/* Bytes of the line at `at`, without its LF; *ret_whole: there is one, or the file ends. */
static size_t line_size(const struct rows *rows, bool *ret_whole)
{
    const char *begin = rows->buffer + rows->at;
    const char *found = memchr(begin, '\n', rows->end - rows->at);

    *ret_whole = found != NULL || rows->ended;
    return found != NULL ? (size_t)(found - begin) : rows->end - rows->at;
}

static void pass(struct rows *rows, size_t size)
{
    rows->at += size < rows->end - rows->at ? size + 1 : size; /* the LF */
    rows->line++;
}

/* The rest of a line, however long. */
static int pass_line(struct rows *rows)
{
    bool whole;
    size_t size = line_size(rows, &whole);

    while (!whole) {
        int error;

        rows->at = rows->end;
        error = refill(rows);
        if (error < 0) {
            return error;
        }
        size = line_size(rows, &whole);
    }
    pass(rows, size);
    return 0;
}

static bool is_blank(const struct rows *rows, char c)
{
    return c == ' ' || (c == '\t' && rows->delimiter != '\t');
}

/* Where the row ends that has quotes in it: the index of its LF or of the end of `size`. A quote
 * opens only at the beginning of a cell. False: one is open at the end. */
static bool find_end(const struct rows *rows, size_t size, size_t *ret_end, uint64_t *ret_lines)
{
    enum { BEGIN, PLAIN, QUOTED, CLOSED } state = BEGIN;
    const char *text = rows->buffer + rows->at;
    uint64_t lines = 0;
    size_t i = 0;

    for (; i < size; i++) {
        char c = text[i];

        if (state == QUOTED) {
            lines += c == '\n';
            state = c == '"' ? CLOSED : QUOTED;
        } else if (c == '"' && state != PLAIN) {
            state = QUOTED; /* a doubled one closes and opens */
        } else if (c == '\n') {
            break;
        } else if (c == rows->delimiter) {
            state = BEGIN;
        } else if (state != BEGIN || !is_blank(rows, c)) {
            state = PLAIN;
        }
    }
    *ret_end = i;
    *ret_lines = lines;
    return state != QUOTED;
}

static void add_cell(struct rows *rows, struct row *row, const char *begin, const char *end)
{
    while (begin < end && is_blank(rows, *begin)) {
        begin++;
    }
    while (end > begin && is_blank(rows, end[-1])) {
        end--;
    }
    if (row->cell_count < ROW_CELLS_MAX) {
        rows->cells[row->cell_count] = (struct cell){ begin, (size_t)(end - begin) };
    }
    row->cell_count++;
}

/* Without a quote in the row. */
static void split_plain(struct rows *rows, struct row *row, const char *text, const char *end)
{
    const char *begin = text;

    for (; text < end; text++) {
        if (*text == rows->delimiter) {
            add_cell(rows, row, begin, text);
            begin = text + 1;
        }
    }
    add_cell(rows, row, begin, end);
}

/* Takes the quotes out of the cell that begins at `text`; returns where its delimiter is. */
static char *unquote(struct rows *rows, struct row *row, char *text, char *end)
{
    char *to = text;
    char *from = text + 1;

    for (; from < end; from++) {
        if (*from == '"') {
            if (from + 1 == end || from[1] != '"') {
                break;
            }
            from++;
        }
        *to++ = *from;
    }
    add_cell(rows, row, text, to);
    for (from++; from < end && *from != rows->delimiter; from++) {
        if (!is_blank(rows, *from)) {
            row->state = ROW_AFTER_QUOTE;
        }
    }
    return from;
}

static void split(struct rows *rows, struct row *row, char *text, char *end)
{
    for (;; text++) {
        char *begin = text;

        while (begin < end && is_blank(rows, *begin)) {
            begin++;
        }
        if (begin < end && *begin == '"') {
            text = unquote(rows, row, begin, end);
        } else {
            while (text < end && *text != rows->delimiter) {
                text++;
            }
            add_cell(rows, row, begin, text);
        }
        if (text >= end) {
            return;
        }
    }
}

/* Row with a quote in its first line. */
static int take_quoted(struct rows *rows, struct row *row)
{
    char *text = rows->buffer + rows->at;
    size_t here = rows->end - rows->at;
    size_t size = here > ROW_BYTES_MAX ? ROW_BYTES_MAX : here;
    size_t end;
    uint64_t lines;

    if (!find_end(rows, size, &end, &lines)) {
        row->state = ROW_OPEN_QUOTE;
        return pass_line(rows);
    }
    if (end == size && size < here && text[size] != '\n') {
        row->state = ROW_LONG;
        return pass_line(rows);
    }
    split(rows, row, text, text + end - (end > 0 && text[end - 1] == '\r'));
    pass(rows, end);
    rows->line += lines;
    return 0;
}

static int take(struct rows *rows, struct row *row)
{
    char *text = rows->buffer + rows->at;
    bool whole;
    size_t size = line_size(rows, &whole);

    *row = (struct row){ .line = rows->line, .cells = rows->cells };
    if (memchr(text, '"', size > ROW_BYTES_MAX ? ROW_BYTES_MAX : size) != NULL) {
        return take_quoted(rows, row);
    }
    if (size > ROW_BYTES_MAX) {
        row->state = ROW_LONG;
        return pass_line(rows);
    }
    pass(rows, size);
    split_plain(rows, row, text, text + size - (size > 0 && text[size - 1] == '\r'));
    return 0;
}

/* The byte order mark, and the delimiter that the first line has most of. */
static int begin(struct rows *rows)
{
    static const char delimiters[] = ",;\t";
    const char *text = rows->buffer;
    size_t most = 0;
    bool whole;

    if (rows->end >= 2 && (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0)) {
        return -EILSEQ;
    }
    if (rows->end >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        rows->at = 3;
    }
    for (const char *delimiter = delimiters; *delimiter != '\0'; delimiter++) {
        size_t size = line_size(rows, &whole);
        size_t count = 0;

        for (size_t i = 0; i < size; i++) {
            count += text[rows->at + i] == *delimiter;
        }
        if (count > most) {
            most = count;
            rows->delimiter = *delimiter;
        }
    }
    return 0;
}

int rows_next(struct rows *rows, struct row *ret)
{
    for (;;) {
        int error = refill(rows);

        if (error == 0 && !rows->header && rows->done > 0) {
            rows->header = true;
            error = begin(rows);
        }
        if (error < 0) {
            return error;
        }
        if (rows->at == rows->end) {
            return 0;
        }
        error = take(rows, ret);
        if (error < 0) {
            return error;
        }
        if (ret->state != ROW_GOOD || ret->cell_count != 1 || ret->cells[0].size != 0) {
            return 1;
        }
    }
}
