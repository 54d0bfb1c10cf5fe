/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Frames, the one unit that everything in the log is made of (docs/format.md):
 *
 *    0        4            7      8
 *   +--------+------------+------+------------ - -
 *   | crc32  | length u24 | kind | body
 *   +--------+------------+------+------------ - -
 *
 * The crc covers all behind it and starts from the crc of the segment's generation.
 */
#ifndef LOG_FRAME_H
#define LOG_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/clock.h"

enum frame_kind {
    FRAME_HEADER = 1,
    FRAME_SHAPE = 2,
    FRAME_RECORD = 3,
    FRAME_CLOCK = 4,
    FRAME_GAP = 5,
    FRAME_CLOSE = 6,
    FRAME_GROUP = 7,
};

enum { FRAME_HEAD_BYTES = 8, FRAME_BODY_MAX = 128 * 1024 };

/* Why a number has no record that is (still) sent. The numbers are part of the format. */
enum why {
    WHY_FILTER = 1,
    WHY_LIMIT = 2,
    WHY_AGE = 3,
    WHY_DAMAGE = 4,
    WHY_REFUSED = 5,
    WHY_EARLIER = 6,
    WHY_UNKNOWN = 7,
};
const char *why_name(unsigned why);

/* Start value of the checksums of a segment of this generation. */
uint32_t frame_seed(uint64_t generation);

/* Opens a frame at the cursor; the body is put behind it, then frame_end() fills in length and
 * checksum. Fails short in `out`. */
uint8_t *frame_begin(struct put *out);
void frame_end(struct put *out, uint8_t *frame, enum frame_kind kind, uint32_t seed);

struct frame {
    unsigned kind;
    const uint8_t *body;
    size_t body_len;
};

/* Looks at the bytes at `data`. Returns the length of the whole frame and fills *ret_frame; 0: more
 * bytes are needed to tell; -EBADMSG: not a frame that passes (zeros, torn, damaged). */
int64_t frame_read(const uint8_t *data, size_t len, uint32_t seed, struct frame *ret_frame);

struct segment_header {
    uint64_t generation, epoch, order, number, first, previous_epoch;
    uint32_t size;
    struct boot_time made;
    struct clock_offset clock;
    uint8_t boot_id[16];
    char gateway[65], bus[65];
};

void segment_header_put(struct put *out, const struct segment_header *header);
/* Returns the length of the header's frame, 0 if more bytes are needed, -EBADMSG, or -EPROTO: of
 * another format version. */
int64_t segment_header_read(const uint8_t *data, size_t len, struct segment_header *ret_header);

#endif
