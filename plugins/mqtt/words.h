/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * What a broker or the library says, in words for people. Pure.
 */
#ifndef MQTT_WORDS_H
#define MQTT_WORDS_H

#include <stdbool.h>
#include <stddef.h>

enum { WORDS_MAX = 256 };

/* A CONNACK return code of MQTT 3.1.1 or a reason code of MQTT 5 as "not authorized (135)", and
 * behind it what the broker added in its own words (extra, may be NULL or empty). Control
 * characters become '?'. */
void words_reason(bool v5, int reason, const char *extra, char *buf, size_t size);

/* Trying again soon makes no sense: somebody has to change a setting, here or there. */
bool words_permanent(bool v5, int reason);

/* An error code of the library; `error` is errno as the library left it. */
void words_error(int rc, int error, char *buf, size_t size);

#endif
