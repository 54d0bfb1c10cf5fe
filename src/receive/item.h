/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * One JSON object that arrived, on its way to an output.
 */
#ifndef RECEIVE_ITEM_H
#define RECEIVE_ITEM_H

#include <jansson.h>
#include <stdint.h>

#include "receive/record.h"

struct item {
    const char *topic;
    json_t *object;
    const struct record *record; /* NULL: it has no identity */
    int64_t at_ms;               /* arrival, wall clock */
    bool again;                  /* it was printed before, without its right time */
};

#endif
