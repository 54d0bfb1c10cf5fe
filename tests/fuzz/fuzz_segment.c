/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Any bytes as a segment: the scan at start and a reader over them. The harness repairs the
 * checksums of frames, so that mutations reach the decoders behind them.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "log/folder.h"
#include "log/reader.h"
#include "log/scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put_sum(uint8_t *frame, size_t body, uint32_t seed)
{
    struct put out = put_init(frame, 4);
    put_u32(&out, (uint32_t)crc32(seed, frame + 4, (uInt)(body + 4)));
}

/* Gives every frame that its length makes one the right checksum. */
static void repair(uint8_t *bytes, size_t size)
{
    uint32_t seed = 0;
    for (size_t at = 0; at + FRAME_HEAD_BYTES <= size;) {
        size_t body = bytes[at + 4] | (size_t)bytes[at + 5] << 8 | (size_t)bytes[at + 6] << 16;
        if (body > size - at - FRAME_HEAD_BYTES) {
            break;
        }
        put_sum(bytes + at, body, seed);
        if (at == 0) {
            struct get in = get_init(bytes + FRAME_HEAD_BYTES + 8, body >= 16 ? 8 : 0);
            seed = frame_seed(get_u64(&in));
        }
        at += FRAME_HEAD_BYTES + body;
    }
}

static void read_all(const char *ram)
{
    struct reader *reader;
    struct item item;
    if (reader_create(ram, "b", &reader) < 0) {
        return;
    }
    uint64_t next = 0;
    while (reader_next(reader, &item) == 1) {
        if (item.kind != ITEM_END && (item.first < next || item.last < item.first)) {
            abort(); /* never backwards */
        }
        next = item.last + 1;
    }
    reader_destroy(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char ram[64], path[128];
    struct scan scan;
    uint8_t *bytes = malloc(size + 1);
    if (!ram[0]) {
        const char *place = getenv("TMPDIR"); /* run.py makes one and removes it */
        snprintf(ram, sizeof ram, "%.32s/weir-fuzz-%d", place ? place : "/tmp", (int)getpid());
        snprintf(path, sizeof path, "%s/queue/b/00000001-5", ram);
        folder_make(path);
        snprintf(path, sizeof path, "%s/queue/b/00000001-5/00000001.seg", ram);
    }
    memcpy(bytes, data, size);
    if (size && data[size - 1] % 4) { /* one in four as it is */
        repair(bytes, size);
    }
    scan_bytes(bytes, size, &scan);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (fd >= 0 && write(fd, bytes, size) == (ssize_t)size) {
        read_all(ram);
    }
    close(fd);
    free(bytes);
    return 0;
}
