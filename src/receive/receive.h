/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The program behind `weir receive`: messages from session.c go through decode.c to verify.c and to
 * one output, until it is time to end. Called by main.c.
 */
#ifndef RECEIVE_RECEIVE_H
#define RECEIVE_RECEIVE_H

#include "receive/options.h"

/* Returns the exit status; everything has been said. */
int receive_run(const struct options *options);

#endif
