/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Finds points and their values in the messages of any gateway, for mqtt-sink.
 */
#ifndef PAYLOAD_H
#define PAYLOAD_H

#include <stddef.h>

/* Calls `take` for each point u<UNIT>r<REGISTER>: with all that stand in the payload as
 * "u1r7": 42, or, if the topic has a point's name as a word, with the last number of the payload.
 */
void payload_find(const char *topic, const char *payload, size_t length,
                  void (*take)(unsigned unit, unsigned reg, unsigned value));

#endif
