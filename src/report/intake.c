/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * See intake.h.
 */
#include "report/intake.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "report/repeats.h"

#define PROGRESS_FIRST_MS 2000
#define PROGRESS_MS       500
#define PROGRESS_ROWS     16384 /* between two looks at the clock */
#define SATURDAY          5

struct reading {
    struct intake *intake;
    struct columns columns;
    struct repeats *repeats;
    const char *file;
    struct rows *rows;
    int64_t begun_ms;
    int64_t told_ms; /* 0: nothing on the terminal */
    uint64_t row_count;
};

static int64_t mono_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int fail(const char *file, const char *words)
{
    fprintf(stderr, "weir: %s: %s\n", file, words);
    return EXIT_CANNOT;
}

/* ---- the line on a terminal ---- */

static void clear_progress(struct reading *reading)
{
    if (reading->told_ms != 0) {
        fputs("\r\033[K", stderr);
        reading->told_ms = 0;
    }
}

static void tell_progress(struct reading *reading)
{
    int64_t now_ms = mono_ms();
    uint64_t size = rows_size(reading->rows);

    if (now_ms - reading->begun_ms < PROGRESS_FIRST_MS || !isatty(STDERR_FILENO) ||
        now_ms - reading->told_ms < PROGRESS_MS) {
        return;
    }
    reading->told_ms = now_ms;
    fprintf(stderr, "\r\033[Kweir: %.60s: ", reading->file);
    if (size > 0) {
        fprintf(stderr, "%u %%, ", (unsigned)(100 * rows_done(reading->rows) / size));
    }
    fprintf(stderr, "%.1f million rows", (double)reading->row_count / 1e6);
    fflush(stderr);
}

/* ---- a row ---- */

static void leave_out(struct reading *reading, const struct row *row, enum reason reason,
                      const struct cell *culprit)
{
    struct intake *intake = reading->intake;
    struct fault *fault;

    if (reason == REASON_OTHER_KIND) {
        intake->other_kind++;
        return;
    }
    intake->left_out++;
    intake->reasons[reason]++;
    if (intake->fault_count == FAULTS_NAMED) {
        return;
    }
    fault = &intake->faults[intake->fault_count++];
    *fault = (struct fault){ .file = reading->file, .line = row->line, .reason = reason };
    cell_excerpt(culprit, fault->text);
    clear_progress(reading);
    fprintf(stderr, "weir: %s:%" PRIu64 ": %s", fault->file, fault->line, reason_text(reason));
    fprintf(stderr, culprit->size > 0 ? ": \"%s\"\n" : "\n", fault->text);
}

static int too_many(struct reading *reading, const struct row *row)
{
    clear_progress(reading);
    fprintf(stderr,
            "weir: %s:%" PRIu64
            ": more than %d locations; is \"%s\" the location? (--columns names "
            "it)\n",
            reading->file, row->line, PLACES_MAX, reading->columns.names[COLUMN_LOCATION]);
    return EXIT_CANNOT;
}

static int add(struct reading *reading, const struct row *row, const struct observation *seen)
{
    struct intake *intake = reading->intake;
    struct place *place = places_get(&intake->places, seen->location, seen->location_size);
    int64_t local_s = seen->local ? seen->time_s : zone_local(intake->zone, seen->time_s);
    int64_t day = when_day(local_s);
    struct tally *tally;

    if (place == NULL) {
        return errno == ENOSPC ? too_many(reading, row) : fail(reading->file, strerror(ENOMEM));
    }
    tally = &place->tallies[when_weekday(local_s) >= SATURDAY ? DAY_WEEKEND : DAY_WEEKDAY]
                           [when_hour(local_s)];
    tally->sum += seen->count;
    tally->rows++;
    intake->first_day = intake->used == 0 || day < intake->first_day ? day : intake->first_day;
    intake->last_day = intake->used == 0 || day > intake->last_day ? day : intake->last_day;
    intake->used++;
    intake->without_zone += seen->local;
    return EXIT_OK;
}

static int take(struct reading *reading, const struct row *row)
{
    struct observation seen = { 0 };
    struct cell culprit;
    enum reason reason = columns_take(&reading->columns, row, &seen, &culprit);
    int repeated = 0;

    if (reason != REASON_NONE) {
        leave_out(reading, row, reason, &culprit);
        return EXIT_OK;
    }
    if (seen.numbered) {
        repeated = repeats_take(reading->repeats, seen.stream, seen.seq);
    }
    if (repeated < 0) {
        return fail(reading->file, strerror(-repeated));
    }
    if (repeated == 1) {
        reading->intake->repeats++;
        return EXIT_OK;
    }
    return add(reading, row, &seen);
}

/* ---- a file ---- */

static int take_header(struct reading *reading)
{
    char problem[1024];
    struct row row;
    int result = rows_next(reading->rows, &row);

    if (result == 0) {
        return fail(reading->file, "it is empty");
    }
    if (result == -EILSEQ) {
        return fail(reading->file, "it is UTF-16; only UTF-8 is read");
    }
    if (result < 0) {
        return fail(reading->file, strerror(-result));
    }
    if (columns_find(&reading->columns, &row, problem, sizeof(problem)) < 0) {
        fprintf(stderr, "weir: %s:%" PRIu64 ": %s\n", reading->file, row.line, problem);
        return EXIT_CANNOT;
    }
    return EXIT_OK;
}

static int read_file(struct reading *reading)
{
    int error = rows_open(reading->file, &reading->rows);
    int status = error < 0 ? fail(reading->file, strerror(-error)) : take_header(reading);

    while (status == EXIT_OK) {
        struct row row;

        error = rows_next(reading->rows, &row);
        if (error == 0) {
            break;
        }
        status = error < 0 ? fail(reading->file, strerror(-error)) : take(reading, &row);
        if (++reading->row_count % PROGRESS_ROWS == 0) {
            tell_progress(reading);
        }
    }
    clear_progress(reading);
    rows_close(reading->rows);
    reading->rows = NULL;
    return status;
}

static void tell_left_out(const struct intake *intake)
{
    uint64_t all = intake->left_out + intake->used;
    const char *before = ":";

    if (intake->left_out == 0) {
        return;
    }
    fprintf(stderr, "weir: %" PRIu64 " of %" PRIu64 " rows left out", intake->left_out, all);
    for (int i = 0; i < REASON_COUNT_OF; i++) {
        if (intake->reasons[i] > 0) {
            fprintf(stderr, "%s %" PRIu64 " %s", before, intake->reasons[i],
                    reason_text((enum reason)i));
            before = ",";
        }
    }
    fputc('\n', stderr);
}

int intake_read(struct intake *intake, const struct options *options)
{
    struct reading reading = { .intake = intake, .begun_ms = mono_ms() };
    int status = EXIT_OK;
    int error;

    *intake = (struct intake){ 0 };
    error = zone_create(options->timezone, &intake->zone);
    if (error == -ENOENT) {
        const char *name = options->timezone != NULL ? options->timezone : getenv("TZ");
        char excerpt[EXCERPT_SIZE];

        fprintf(stderr,
                "weir: there is no time zone \"%s\"%s in /usr/share/zoneinfo (package tzdata)\n",
                cell_excerpt(&(struct cell){ name, strlen(name) }, excerpt),
                options->timezone != NULL ? "" : " ($TZ)");
        return EXIT_USAGE;
    }
    reading.repeats = repeats_create();
    if (error < 0 || reading.repeats == NULL) {
        repeats_destroy(reading.repeats);
        return fail("report", strerror(ENOMEM));
    }
    reading.columns = options->columns;
    for (int i = 0; i < options->file_count && status == EXIT_OK; i++) {
        reading.file = options->files[i];
        status = read_file(&reading);
    }
    columns_finish(&reading.columns);
    repeats_destroy(reading.repeats);
    tell_left_out(intake);
    if (status == EXIT_OK && intake->used == 0) {
        fputs("weir: no usable row\n", stderr);
        status = EXIT_NOTHING;
    }
    return status;
}

void intake_finish(struct intake *intake)
{
    places_finish(&intake->places);
    zone_destroy(intake->zone);
    intake->zone = NULL;
}
