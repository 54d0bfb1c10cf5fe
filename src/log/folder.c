/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Files and folders of a queue: see folder.h.
 */
#include "log/folder.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int fits(int printed)
{
    return printed < 0 || printed >= FOLDER_PATH_MAX ? -ENAMETOOLONG : 0;
}

int folder_bus(const char *ram, const char *bus, char path[FOLDER_PATH_MAX])
{
    return fits(snprintf(path, FOLDER_PATH_MAX, "%s/queue/%s", ram, bus));
}

int folder_epoch(const char *bus_path, struct epoch_name name, char path[FOLDER_PATH_MAX])
{
    return fits(snprintf(path, FOLDER_PATH_MAX, "%s/%08" PRIu64 "-%" PRIu64, bus_path, name.order,
                         name.epoch));
}

int folder_segment(const char *epoch_path, uint64_t number, char path[FOLDER_PATH_MAX])
{
    return fits(snprintf(path, FOLDER_PATH_MAX, "%s/%08" PRIu64 ".seg", epoch_path, number));
}

int folder_make(const char *path)
{
    char part[FOLDER_PATH_MAX];
    int r = fits(snprintf(part, sizeof part, "%s", path));
    for (char *p = part; r == 0 && *p; p++) {
        if (p > part && *p == '/') {
            *p = 0;
            r = mkdir(part, 0750) != 0 && errno != EEXIST ? -errno : 0;
            *p = '/';
        }
    }
    if (r == 0 && mkdir(part, 0750) != 0 && errno != EEXIST) {
        r = -errno;
    }
    return r;
}

/* Decimal digits at *at, then `end`. */
static int parse_number(const char **at, char end, uint64_t *ret_number)
{
    char *rest;
    if (**at < '0' || **at > '9') {
        return -EINVAL;
    }
    errno = 0;
    unsigned long long number = strtoull(*at, &rest, 10);
    if (errno || *rest != end) {
        return -EINVAL;
    }
    *at = end ? rest + 1 : rest;
    *ret_number = number;
    return 0;
}

static int parse_epoch(const char *name, struct epoch_name *ret_name)
{
    return parse_number(&name, '-', &ret_name->order) == 0
               ? parse_number(&name, 0, &ret_name->epoch)
               : -EINVAL;
}

static int parse_segment(const char *name, struct epoch_name *ret_name)
{
    ret_name->epoch = 0;
    int r = parse_number(&name, '.', &ret_name->order);
    return r == 0 && strcmp(name, "seg") != 0 ? -EINVAL : r;
}

static int by_order(const void *a, const void *b)
{
    const struct epoch_name *x = a, *y = b;
    return (x->order > y->order) - (x->order < y->order);
}

static int list(const char *path, int (*parse)(const char *, struct epoch_name *),
                struct epoch_name **ret_names, size_t *ret_count)
{
    struct epoch_name *names = NULL, name;
    size_t count = 0, capacity = 0;
    DIR *dir = opendir(path);
    if (!dir && errno != ENOENT) {
        return -errno;
    }
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        if (parse(entry->d_name, &name) < 0) {
            continue;
        }
        if (count == capacity) {
            capacity = capacity ? capacity * 2 : 16;
            struct epoch_name *more = realloc(names, capacity * sizeof *names);
            if (!more) {
                free(names);
                closedir(dir);
                return -ENOMEM;
            }
            names = more;
        }
        names[count++] = name;
    }
    if (dir) {
        closedir(dir);
    }
    if (count) {
        qsort(names, count, sizeof *names, by_order);
    }
    *ret_names = names;
    *ret_count = count;
    return 0;
}

int folder_epochs(const char *bus_path, struct epoch_name **ret_names, size_t *ret_count)
{
    return list(bus_path, parse_epoch, ret_names, ret_count);
}

int folder_segments(const char *epoch_path, uint64_t **ret_numbers, size_t *ret_count)
{
    struct epoch_name *names;
    size_t count;
    int r = list(epoch_path, parse_segment, &names, &count);
    if (r < 0) {
        return r;
    }
    uint64_t *numbers = malloc((count ? count : 1) * sizeof *numbers);
    if (!numbers) {
        free(names);
        return -ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        numbers[i] = names[i].order;
    }
    free(names);
    *ret_numbers = numbers;
    *ret_count = count;
    return 0;
}

int folder_header(int fd, struct segment_header *ret_header)
{
    uint8_t buf[512];
    ssize_t n = pread(fd, buf, sizeof buf, 0);
    if (n < 0) {
        return -errno;
    }
    int64_t len = segment_header_read(buf, (size_t)n, ret_header);
    return len > 0 ? (int)len : len == 0 ? -EBADMSG : (int)len;
}
