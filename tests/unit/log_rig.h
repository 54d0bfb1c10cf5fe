/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * A queue in a folder of its own for the tests of the log.
 */
#ifndef LOG_RIG_H
#define LOG_RIG_H

#include "log/queue.h"
#include "log/reader.h"

/* A new folder in RAM; removed with all in it by rig_remove(). */
const char *rig_make(void);
void rig_remove(const char *ram);

struct queue *rig_open(const char *ram);
/* A shape of `count` float32 points of device d. */
struct shape *rig_shape(const char *device, size_t count);
/* Appends a record whose value i is number + i. */
int rig_append(struct queue *queue, const struct shape *shape, float number);

#endif
