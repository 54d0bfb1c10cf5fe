/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * `weir status`: exit status 0 ok, 1 degraded, 3 not running.
 */
#include <errno.h>
#include <getopt.h>
#include <string.h>

#include "base/say.h"
#include "cli/cli.h"
#include "cli/load.h"
#include "cli/status.h"

static void usage(FILE *out)
{
    fputs(
        "usage: weir status [-c FILE] [--json]\n\n"
        "What the gateway is doing: buses, devices, buffer, uplinks. The first line is \"ok\" or\n"
        "\"degraded: why\".\n\n"
        "  -c, --config FILE  its configuration (default " LOAD_DEFAULT_FILE ")\n"
        "      --json         one JSON object\n\n"
        "Exit status: 0 ok, 1 degraded, 2 wrong usage, 3 weir does not run.\n",
        out);
}

static int cannot_read(const char *ram, int error)
{
    if (error == -ENOENT || error == -ECONNREFUSED) {
        fprintf(stderr, "weir: not running (nobody answers in %s)\n", ram);
    } else if (error == -EPROTO) {
        fprintf(stderr, "weir: the weir that runs in %s is of another version\n", ram);
    } else if (error == -ETIMEDOUT || error == -EAGAIN) {
        fprintf(stderr, "weir: the weir that runs in %s does not answer\n", ram);
    } else {
        fprintf(stderr, "weir: cannot ask the weir in %s: %s\n", ram, strerror(-error));
    }
    return EXIT_CANNOT;
}

static int show(const char *ram, bool json)
{
    static struct status_reasons reasons;
    struct status status;
    int r = status_read(ram, &status);
    if (r < 0) {
        return cannot_read(ram, r);
    }
    if (json) {
        r = status_print_json(stdout, &status);
    } else {
        status_print_text(stdout, &status);
    }
    status_judge(&status, &reasons);
    status_finish(&status);
    if (r < 0) {
        return cannot_read(ram, r);
    }
    if (fflush(stdout) != 0) {
        fprintf(stderr, "weir: writing: %s\n", strerror(errno));
        return EXIT_CANNOT;
    }
    return reasons.count ? EXIT_DEGRADED : 0;
}

int cmd_status(int argc, char **argv)
{
    static const struct option options[] = {
        { "config", required_argument, NULL, 'c' },
        { "json", no_argument, NULL, 'j' },
        { "help", no_argument, NULL, 'h' },
        { 0 },
    };
    const char *file = LOAD_DEFAULT_FILE;
    bool json = false;
    int option;
    while ((option = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
        switch (option) {
        case 'c':
            file = optarg;
            break;
        case 'j':
            json = true;
            break;
        case 'h':
            usage(stdout);
            return 0;
        default:
            usage(stderr);
            return EXIT_USAGE;
        }
    }
    if (optind != argc) {
        usage(stderr);
        return EXIT_USAGE;
    }
    struct settings settings;
    struct config *config = load_settings(file, &settings);
    if (!config) {
        return EXIT_CANNOT;
    }
    int status = show(settings.ram, json);
    config_unload(config);
    return status;
}
