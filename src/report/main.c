/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * weir-report, which `weir report` runs: what recorded data say, as a program of its own.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "report/intake.h"
#include "report/options.h"
#include "report/page.h"
#include "report/result.h"
#include "report/text.h"

static int cannot(const char *what, int error)
{
    fprintf(stderr, "weir: %s: %s\n", what, strerror(-error));
    return EXIT_CANNOT;
}

static int write_all(const struct report *report)
{
    const struct options *options = report->options;
    int error = 0;

    if (options->html != NULL) {
        error = page_write(options->html, PAGE_HTML, report);
    }
    if (error < 0) {
        return cannot(options->html, error);
    }
    if (options->svg != NULL) {
        error = page_write(options->svg, PAGE_SVG, report);
    }
    if (error < 0) {
        return cannot(options->svg, error);
    }
    if (options->json) {
        error = json_write(stdout, report);
    } else {
        text_write(stdout, report);
    }
    if (error < 0) {
        return cannot("report", error);
    }
    errno = EIO;
    return fflush(stdout) == EOF || ferror(stdout) ? cannot("standard output", -errno) : EXIT_OK;
}

int main(int argc, char **argv)
{
    struct options options;
    struct intake intake;
    struct result result = { 0 };
    int status;

    if (options_read(&options, argc, argv, &status) < 0) {
        return status;
    }
    status = intake_read(&intake, &options);
    if (status == EXIT_OK) {
        int error = result_make(&result, &intake, &options);

        if (error == -ENODATA) {
            fprintf(stderr, "weir: no usable row of a %s\n", days_name(options.days));
            status = EXIT_NOTHING;
        } else if (error < 0) {
            status = cannot("report", error);
        }
    }
    if (status == EXIT_OK) {
        status = write_all(&(struct report){ &options, &intake, &result });
    }
    result_finish(&result);
    intake_finish(&intake);
    return status;
}
