/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The labels of devices, as the gateways' `meta` messages tell them: {"gateway":"g","device":"d",
 * "labels":{"location":"Harbour St"}}. Filled by intake.c, asked for columns of CSV. The newest
 * word counts. Bounded: LABELS_MAX devices, LABELS_BYTES_MAX of labels for each; more is not
 * learned.
 */
#ifndef RECEIVE_LABELS_H
#define RECEIVE_LABELS_H

#include <jansson.h>

#define LABELS_MAX       4096
#define LABELS_BYTES_MAX 4096

/* All zero is empty. */
struct labels {
    json_t *devices; /* "gateway/device" to an object */
};

void labels_finish(struct labels *labels);

/* 1: learned; 0: it tells none; -E2BIG: beyond the limits; -ENOMEM. */
int labels_learn(struct labels *labels, const json_t *meta);

/* Borrowed; NULL: it has none, or is not known. */
json_t *labels_find(const struct labels *labels, const char *gateway, const char *device,
                    const char *label);

#endif
