/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * weir: the subcommands, one line each. Core starts this program again with the roles `bus` and
 * `uplink`; both also run by hand.
 */
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/say.h"
#include "bus/bus.h"
#include "cli/cli.h"
#include "core/core.h"
#include "store/store.h"
#include "uplink/uplink.h"

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
} commands[] = {
    { "run", core_main, "the gateway, in the foreground" },
    { "check", cmd_check, "is this configuration valid?" },
    { "status", cmd_status, "what is the gateway doing?" },
    { "tail", cmd_tail, "records as they arrive" },
    { "trace", cmd_trace, "bytes on the wire of a bus" },
    { "replay", cmd_replay, "a capture, played to a bus as its device" },
    { "spool", cmd_spool, "look into a store on flash, or deliver a rescued one" },
    { "receive", cmd_receive, "the other end: subscribe, show, prove that nothing is missing" },
    { "report", cmd_report, "what recorded traffic counts say: groups, peak hours and places" },
    { "adapters", cmd_adapters, "installed adapters and their options" },
    { "uplinks", cmd_uplinks, "installed uplinks and their options" },
    { "models", cmd_models, "device models" },
    { "bus", bus_main, "one bus alone, for debugging" },
    { "uplink", uplink_main, "one uplink alone, for debugging" },
    { "store", store_main, "the writer of flash alone, for debugging" },
};

static void usage(FILE *out)
{
    fputs("usage: weir COMMAND [OPTION...]\n\n", out);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        fprintf(out, "  %-9s %s\n", commands[i].name, commands[i].help);
    }
    fputs("\nweir COMMAND --help says more.\n", out);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        usage(stderr);
        return EXIT_USAGE;
    }
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
        usage(stdout);
        return 0;
    }
    if (!strcmp(argv[1], "--version")) {
        puts("weir " WEIR_VERSION);
        return 0;
    }
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (!strcmp(argv[1], commands[i].name)) {
            char title[16];
            snprintf(title, sizeof title, "weir-%s", argv[1]);
            prctl(PR_SET_NAME, title);
            return commands[i].run(argc - 1, argv + 1);
        }
    }
    fprintf(stderr, "weir: there is no command \"%s\"; weir --help lists them\n", argv[1]);
    return EXIT_USAGE;
}
