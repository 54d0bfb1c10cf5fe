/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Names of files and folders of a queue, and listing them: epochs of a bus, segments of an epoch.
 * docs/format.md "Where files lie".
 */
#ifndef LOG_FOLDER_H
#define LOG_FOLDER_H

#include <stddef.h>
#include <stdint.h>

#include "log/frame.h"

enum { FOLDER_PATH_MAX = 512 };

struct epoch_name {
    uint64_t order, epoch;
};

/* {ram}/queue/BUS */
int folder_bus(const char *ram, const char *bus, char path[FOLDER_PATH_MAX]);
/* ORDER-EPOCH below a bus's folder; NNNNNNNN.seg below that. */
int folder_epoch(const char *bus_path, struct epoch_name name, char path[FOLDER_PATH_MAX]);
int folder_segment(const char *epoch_path, uint64_t number, char path[FOLDER_PATH_MAX]);

/* mkdir -p, mode 0750. */
int folder_make(const char *path);

/* Sorted by order (number); malloc()ed. A folder that is missing is an empty one. */
int folder_epochs(const char *bus_path, struct epoch_name **ret_names, size_t *ret_count);
int folder_segments(const char *epoch_path, uint64_t **ret_numbers, size_t *ret_count);

/* Reads the header of an open segment. */
int folder_header(int fd, struct segment_header *ret_header);

#endif
