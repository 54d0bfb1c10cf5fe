/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Where to go on with devices that keep their data: see resume.h.
 */
#include "log/resume.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/bytes.h"

static const char magic[8] = { 'W', 'E', 'I', 'R', 'R', 'E', 'S', '1' };
enum { HEAD_BYTES = 12, BUS_BYTES = 2 * (WEIR_NAME_MAX + 1) + 19, POINT_BYTES = WEIR_NAME_MAX + 9 };

void resume_free(struct resume *resume)
{
    for (size_t i = 0; i < resume->count; i++) {
        free(resume->buses[i].points);
    }
    free(resume->buses);
    *resume = (struct resume){ 0 };
}

struct resume_bus *resume_find(const struct resume *resume, const char *bus)
{
    for (size_t i = 0; i < resume->count; i++) {
        if (!strcmp(resume->buses[i].bus, bus)) {
            return &resume->buses[i];
        }
    }
    return NULL;
}

static struct resume_bus *add_bus(struct resume *resume)
{
    struct resume_bus *more = realloc(resume->buses, (resume->count + 1) * sizeof *more);
    if (!more) {
        return NULL;
    }
    resume->buses = more;
    more[resume->count] = (struct resume_bus){ 0 };
    return &more[resume->count++];
}

int resume_put(struct resume *resume, const struct resume_bus *bus)
{
    struct resume_point *points = calloc(bus->count + 1, sizeof *points);
    struct resume_bus *to = points ? resume_find(resume, bus->bus) : NULL;
    if (points && !to) {
        to = add_bus(resume);
    }
    if (!to) {
        free(points);
        return -ENOMEM;
    }
    if (bus->count) {
        memcpy(points, bus->points, bus->count * sizeof *points);
    }
    free(to->points);
    *to = *bus;
    to->points = points;
    return 0;
}

/* ---- bytes */

static void put_bus(struct put *out, const struct resume_bus *bus)
{
    put_text(out, bus->bus);
    put_text(out, bus->adapter);
    put_u64(out, bus->at.epoch);
    put_u64(out, bus->at.seq);
    put_u8(out, bus->exact);
    put_u16(out, (uint16_t)bus->count);
    for (size_t i = 0; i < bus->count; i++) {
        put_text(out, bus->points[i].device);
        put_u64(out, bus->points[i].point);
    }
}

int resume_encode(const struct resume *resume, uint8_t **ret_data, size_t *ret_len)
{
    size_t size = HEAD_BYTES + 2;
    for (size_t i = 0; i < resume->count; i++) {
        size += BUS_BYTES + resume->buses[i].count * POINT_BYTES;
        if (resume->buses[i].count > UINT16_MAX) {
            return -E2BIG;
        }
    }
    uint8_t *data = size <= RESUME_FILE_MAX ? malloc(size) : NULL;
    if (!data) {
        return size <= RESUME_FILE_MAX ? -ENOMEM : -E2BIG;
    }
    struct put out = put_init(data + HEAD_BYTES, size - HEAD_BYTES);
    put_u16(&out, (uint16_t)resume->count);
    for (size_t i = 0; i < resume->count; i++) {
        put_bus(&out, &resume->buses[i]);
    }
    struct put head = put_init(data, HEAD_BYTES);
    put_raw(&head, magic, sizeof magic);
    put_u32(&head, (uint32_t)crc32(0, data + HEAD_BYTES, (uInt)put_len(&out)));
    *ret_data = data;
    *ret_len = HEAD_BYTES + put_len(&out);
    return 0;
}

static int get_bus(struct get *in, struct resume *resume)
{
    struct resume_bus *bus = add_bus(resume);
    if (!bus) {
        return -ENOMEM;
    }
    get_string(in, bus->bus, sizeof bus->bus);
    get_string(in, bus->adapter, sizeof bus->adapter);
    bus->at.epoch = get_u64(in);
    bus->at.seq = get_u64(in);
    bus->at.order = bus->at.epoch >> 32;
    bus->exact = get_u8(in);
    size_t count = get_u16(in);
    if (in->failed || count > get_left(in) / 9) {
        return -EBADMSG;
    }
    bus->points = calloc(count + 1, sizeof *bus->points);
    if (!bus->points) {
        return -ENOMEM;
    }
    for (; bus->count < count; bus->count++) {
        get_string(in, bus->points[bus->count].device, sizeof bus->points->device);
        bus->points[bus->count].point = get_u64(in);
    }
    return in->failed ? -EBADMSG : 0;
}

int resume_decode(const uint8_t *data, size_t len, struct resume *ret_resume)
{
    struct get in = get_init(data, len);
    const uint8_t *mark = get_raw(&in, sizeof magic);
    uint32_t sum = get_u32(&in);
    *ret_resume = (struct resume){ 0 };
    if (in.failed || memcmp(mark, magic, sizeof magic) != 0 ||
        (uint32_t)crc32(0, in.at, (uInt)get_left(&in)) != sum) {
        return -EBADMSG;
    }
    size_t count = get_u16(&in);
    int r = in.failed ? -EBADMSG : 0;
    for (size_t i = 0; i < count && r == 0; i++) {
        r = get_bus(&in, ret_resume);
    }
    if (r == 0 && get_left(&in) != 0) {
        r = -EBADMSG;
    }
    if (r < 0) {
        resume_free(ret_resume);
    }
    return r;
}

/* ---- files in tmpfs */

int resume_load(const char *path, struct resume *ret_resume)
{
    *ret_resume = (struct resume){ 0 };
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    uint8_t *data = malloc(RESUME_FILE_MAX);
    ssize_t n = data ? pread(fd, data, RESUME_FILE_MAX, 0) : -1;
    int r = !data ? -ENOMEM : n < 0 ? -errno : resume_decode(data, (size_t)n, ret_resume);
    close(fd);
    free(data);
    return r;
}

int resume_save(const char *path, const struct resume *resume)
{
    char fresh[FOLDER_PATH_MAX + 8];
    uint8_t *data = NULL;
    size_t len = 0;
    int r = resume_encode(resume, &data, &len);
    if (r < 0) {
        return r;
    }
    snprintf(fresh, sizeof fresh, "%s.new", path);
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    ssize_t n = fd < 0 ? -1 : write(fd, data, len);
    r = n == (ssize_t)len ? 0 : n < 0 ? -errno : -ENOSPC;
    free(data);
    if (fd >= 0) {
        close(fd);
    }
    if (r == 0 && rename(fresh, path) != 0) {
        r = -errno;
    }
    if (r < 0) {
        unlink(fresh);
    }
    return r;
}

static int make_path(const char *ram, const char *folder, const char *file,
                     char path[FOLDER_PATH_MAX])
{
    int n = snprintf(path, FOLDER_PATH_MAX, "%s/%s/%s", ram, folder, file);
    return n > 0 && n < FOLDER_PATH_MAX ? 0 : -ENAMETOOLONG;
}

int resume_path(const char *ram, const char *bus, char path[FOLDER_PATH_MAX])
{
    return make_path(ram, "resume", bus, path);
}

int resume_boot_path(const char *ram, char path[FOLDER_PATH_MAX])
{
    return make_path(ram, "store", "resume", path);
}
