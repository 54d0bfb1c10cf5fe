/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * One function a subcommand. argv[0] is the subcommand; the return value is the exit status: 0
 * success, 1 the answer is "no", 2 wrong usage, 3 it could not be done.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

int cmd_adapters(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_models(int argc, char **argv);
int cmd_receive(int argc, char **argv);
int cmd_replay(int argc, char **argv);
int cmd_report(int argc, char **argv);
int cmd_spool(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_tail(int argc, char **argv);
int cmd_trace(int argc, char **argv);
int cmd_uplinks(int argc, char **argv);

/* Becomes one of our programs that are no part of the gateway; returns only if it cannot. */
int program_run(const char *name, char **argv);

#endif
