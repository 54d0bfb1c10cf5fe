/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Finding the end of an epoch: see scan.h.
 */
#include "log/scan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log/folder.h"

static void scan_frame(const struct frame *frame, struct scan *scan)
{
    struct get in = get_init(frame->body, frame->body_len);
    uint64_t number = get_u64(&in);
    switch (frame->kind) {
    case FRAME_GAP:
        number = get_u64(&in);
        break;
    case FRAME_CLOSE:
        scan->closed = true;
        break;
    case FRAME_RECORD:
        break;
    default:
        return;
    }
    if (!in.failed && number > scan->last) {
        scan->last = number;
    }
    if (!in.failed && frame->kind != FRAME_GAP) {
        scan->time.ns = get_i64(&in);
    }
}

int scan_bytes(const uint8_t *data, size_t len, struct scan *ret_scan)
{
    struct scan scan = { 0 };
    int64_t n = segment_header_read(data, len, &scan.header);
    if (n <= 0) {
        return n < 0 ? (int)n : -EBADMSG;
    }
    scan.last = scan.header.first - 1;
    scan.time = scan.header.made;
    uint32_t seed = frame_seed(scan.header.generation);
    for (size_t at = (size_t)n; at < len; at += (size_t)n) {
        struct frame frame;
        n = frame_read(data + at, len - at, seed, &frame);
        if (n <= 0) {
            break;
        }
        scan_frame(&frame, &scan);
    }
    *ret_scan = scan;
    return 0;
}

static int scan_file(const char *path, struct scan *ret_scan)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    int r = fstat(fd, &st) != 0 ? -errno : 0;
    size_t size = r == 0 && st.st_size < (64 << 20) ? (size_t)st.st_size : 0;
    uint8_t *data = malloc(size ? size : 1);
    if (!data) {
        r = -ENOMEM;
    }
    if (r == 0) {
        ssize_t n = pread(fd, data, size, 0);
        r = n < 0 ? -errno : scan_bytes(data, (size_t)n, ret_scan);
    }
    free(data);
    close(fd);
    return r;
}

int scan_newest(const char *epoch_path, struct scan *ret_scan)
{
    uint64_t *numbers;
    size_t count;
    char path[FOLDER_PATH_MAX];
    int r = folder_segments(epoch_path, &numbers, &count);
    if (r < 0) {
        return r;
    }
    r = count ? folder_segment(epoch_path, numbers[count - 1], path) : -ENOENT;
    free(numbers);
    return r < 0 ? r : scan_file(path, ret_scan);
}
