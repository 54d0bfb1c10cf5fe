/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * `weir receive` is a program of its own, weir-receive: it shares no code with the sending side.
 */
#include "cli/cli.h"

int cmd_receive(int argc, char **argv)
{
    return program_run("weir-receive", argv);
}
