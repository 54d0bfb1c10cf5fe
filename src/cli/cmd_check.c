/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * weir check: is this configuration valid? Opens no port.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>

#include "base/say.h"
#include "cli/cli.h"
#include "cli/load.h"
#include "config/config.h"

static void usage(FILE *out)
{
    fputs(
        "usage: weir check [-c FILE]\n\n"
        "Checks a configuration against every plugin's options, without opening a port. Prints a\n"
        "line for each finding, FILE:LINE: error: ... or warning: ...\n\n"
        "  -c, --config FILE   default " LOAD_DEFAULT_FILE "\n\n"
        "Exit status: 0 valid (perhaps with warnings), 1 not valid, 2 wrong usage, 3 cannot be "
        "read.\n",
        out);
}

static const char *plural(size_t count, const char *end)
{
    return count == 1 ? "" : end;
}

static void print_good(const char *file, size_t warnings)
{
    struct findings *findings = findings_create();
    struct config *config = NULL;
    struct settings settings;
    if (findings && config_load(file, findings, &config) == 0 &&
        config_settings(config, findings, &settings) == 0) {
        printf("%s: ok, %zu bus%s, %zu uplink%s", file, settings.buses.count,
               plural(settings.buses.count, "es"), settings.uplinks.count,
               plural(settings.uplinks.count, "s"));
        if (warnings) {
            printf(", %zu warning%s", warnings, plural(warnings, "s"));
        }
        putchar('\n');
    }
    config_unload(config);
    findings_destroy(findings);
}

static void print_bad(const char *file, size_t errors, size_t warnings)
{
    printf("%s: not valid, %zu error%s", file, errors, plural(errors, "s"));
    if (warnings) {
        printf(", %zu warning%s", warnings, plural(warnings, "s"));
    }
    putchar('\n');
}

int cmd_check(int argc, char **argv)
{
    const char *file = LOAD_DEFAULT_FILE;
    static const struct option options[] = { { "config", 1, 0, 'c' },
                                             { "help", 0, 0, 'h' },
                                             { 0 } };
    for (int o; (o = getopt_long(argc, argv, "c:h", options, NULL)) != -1;) {
        if (o != 'c') {
            usage(o == 'h' ? stdout : stderr);
            return o == 'h' ? 0 : EXIT_USAGE;
        }
        file = optarg;
    }
    if (optind != argc) {
        usage(stderr);
        return EXIT_USAGE;
    }
    struct findings *findings = findings_create();
    if (!findings) {
        return EXIT_CANNOT;
    }
    int r = config_check(file, findings, true);
    findings_print(findings, stdout);
    if (r == 0) {
        print_good(file, findings_warnings(findings));
    } else if (r == -EINVAL) {
        print_bad(file, findings_errors(findings), findings_warnings(findings));
    }
    findings_destroy(findings);
    return r == 0 ? 0 : r == -EINVAL ? EXIT_DEGRADED : EXIT_CANNOT;
}
