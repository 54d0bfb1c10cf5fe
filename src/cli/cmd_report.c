/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * `weir report` is a program of its own, weir-report: the gateway has no use for it.
 */
#include "cli/cli.h"

int cmd_report(int argc, char **argv)
{
    return program_run("weir-report", argv);
}
