/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The content of a record as two hashes, with and without what a sender may correct; for marks.c.
 * The order of keys does not count, nor does 1 differ from 1.0. Called by decode.c.
 */
#ifndef RECEIVE_CONTENT_H
#define RECEIVE_CONTENT_H

#include <jansson.h>

#include "receive/marks.h"

struct content content_read(json_t *object);

#endif
