/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Any bytes as a CSV file of counts: rows, columns, times; then groups, text, page, drawing and
 * JSON of what was in it. The JSON must be some that jansson reads.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <jansson.h>

#include "report/page.h"
#include "report/repeats.h"
#include "report/result.h"
#include "report/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void count(struct intake *intake, struct repeats *repeats, const struct observation *seen)
{
    int64_t local_s = seen->local ? seen->time_s : zone_local(intake->zone, seen->time_s);
    struct place *place;
    struct tally *tally;

    if (seen->numbered && repeats_take(repeats, seen->stream, seen->seq) != 0) {
        return;
    }
    place = places_get(&intake->places, seen->location, seen->location_size);
    assert(place != NULL);
    tally = &place->tallies[when_weekday(local_s) >= 5][when_hour(local_s)];
    tally->sum += seen->count;
    tally->rows++;
    intake->first_day = intake->last_day = when_day(local_s);
    intake->used++;
}

static void read_rows(struct intake *intake, struct columns *columns, struct rows *rows)
{
    struct repeats *repeats = repeats_create();
    struct row row;
    char problem[1024];

    assert(repeats != NULL);
    if (rows_next(rows, &row) == 1 && columns_find(columns, &row, problem, sizeof(problem)) == 0) {
        while (rows_next(rows, &row) == 1) {
            struct observation seen = { 0 };
            struct cell culprit;
            char excerpt[EXCERPT_SIZE];

            if (columns_take(columns, &row, &seen, &culprit) == REASON_NONE) {
                count(intake, repeats, &seen);
            } else {
                cell_excerpt(&culprit, excerpt);
                intake->left_out++;
            }
        }
    }
    columns_finish(columns);
    repeats_destroy(repeats);
}

static void tell(const struct report *report)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    json_t *read_back;

    assert(out != NULL);
    assert(json_write(out, report) == 0);
    assert(fclose(out) == 0);
    read_back = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
    assert(read_back != NULL);
    json_decref(read_back);
    free(text);
    out = fopen("/dev/null", "w");
    assert(out != NULL);
    text_write(out, report);
    fclose(out);
    assert(page_write("/dev/null", PAGE_HTML, report) == 0);
    assert(page_write("/dev/null", PAGE_SVG, report) == 0);
}

/* The first byte chooses the number of groups and the days. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct options options = { .top = 5, .title = "t" };
    struct intake intake = { 0 };
    struct result result = { 0 };
    struct rows *rows;
    char path[64];
    int fd = memfd_create("counts", MFD_CLOEXEC);

    if (fd < 0 || size < 1 || write(fd, data + 1, size - 1) != (ssize_t)(size - 1)) {
        close(fd);
        return 0;
    }
    options.clusters = 2 + data[0] % 8;
    options.days = (enum days)(data[0] / 8 % 3);
    columns_init(&options.columns);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    assert(zone_create("Europe/Berlin", &intake.zone) == 0 ||
           zone_create("+01:00", &intake.zone) == 0);
    assert(rows_open(path, &rows) == 0);
    read_rows(&intake, &options.columns, rows);
    rows_close(rows);
    close(fd);
    if (intake.used > 0 && result_make(&result, &intake, &options) == 0) {
        tell(&(struct report){ &options, &intake, &result });
    }
    result_finish(&result);
    intake_finish(&intake);
    return 0;
}
