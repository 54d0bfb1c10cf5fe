/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Steps of a record's way, for `./dev crash kill`. In a build with WEIR_STEPS a process stops
 * itself (SIGSTOP) at the step that the file named by $WEIR_STEP_FILE names, and the campaign kills
 * it there from outside. The file is 64 bytes: the name (zeros behind it), i32 how often the step
 * is to be passed before (1: stop at the next), i32 the pid of the process that has stopped. In
 * every other build STEP() is nothing.
 */
#ifndef BASE_STEP_H
#define BASE_STEP_H

#ifdef WEIR_STEPS
void step_here(const char *name);
#define STEP(name) step_here(name)
#else
#define STEP(name) ((void)0)
#endif

#endif
