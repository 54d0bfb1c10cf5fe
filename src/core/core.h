/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Core: starts, watches and restarts the others, passes short messages, trims RAM, and writes down
 * what happened. No plugin, no flash, no network, no field data. Returns the exit status of `weir
 * run`.
 */
#ifndef CORE_CORE_H
#define CORE_CORE_H

int core_main(int argc, char **argv);

#endif
