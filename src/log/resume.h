/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Where to go on with devices that keep their data: a number for each device, its adapter's own,
 * and how far the records are that go with it. The file of a bus in tmpfs, and of all buses on
 * flash. docs/format.md "Where to go on".
 */
#ifndef LOG_RESUME_H
#define LOG_RESUME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weir/record.h>

#include "log/cursor.h"
#include "log/folder.h"

enum { RESUME_FILE_MAX = 1 << 20 };

struct resume_point {
    char device[WEIR_NAME_MAX + 1];
    uint64_t point; /* 0: none */
};

struct resume_bus {
    char bus[WEIR_NAME_MAX + 1], adapter[WEIR_NAME_MAX + 1];
    struct place at; /* the newest record that goes with it */
    bool exact;      /* nothing has been made since */
    struct resume_point *points;
    size_t count;
};

struct resume {
    struct resume_bus *buses;
    size_t count;
};

void resume_free(struct resume *resume);
/* The bus of this name; NULL: not there. */
struct resume_bus *resume_find(const struct resume *resume, const char *bus);
/* Puts a copy in, in place of what is there of that bus. 0 or -ENOMEM. */
int resume_put(struct resume *resume, const struct resume_bus *bus);

/* malloc()ed. -ENOMEM, -E2BIG. */
int resume_encode(const struct resume *resume, uint8_t **ret_data, size_t *ret_len);
/* -EBADMSG: none of ours, or damaged; -ENOMEM. */
int resume_decode(const uint8_t *data, size_t len, struct resume *ret_resume);

/* Files in tmpfs. Missing: -ENOENT. Saving writes beside and renames. */
int resume_load(const char *path, struct resume *ret_resume);
int resume_save(const char *path, const struct resume *resume);

/* {ram}/resume/BUS, by the bus; {ram}/store/resume, what flash had when this boot began. */
int resume_path(const char *ram, const char *bus, char path[FOLDER_PATH_MAX]);
int resume_boot_path(const char *ram, char path[FOLDER_PATH_MAX]);

#endif
