/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Modbus RTU framing for the rig: checksum, and where a frame ends.
 *
 *     | unit | function | ... | crc low | crc high |      crc: reflected 0xA001 from 0xFFFF
 *
 * Requests 1 to 6 have 8 bytes; 15 and 16 count their data in byte 6. Replies 1 to 4 count in
 * byte 2; 5, 6, 15 and 16 have 8 bytes; an exception (function | 0x80) has 5.
 */
#include "rig.h"

uint16_t frame_crc(const uint8_t *data, size_t length)
{
    unsigned crc = 0xffff;
    while (length--) {
        crc ^= *data++;
        for (int bit = 0; bit < 8; bit++) {
            crc = crc & 1 ? crc >> 1 ^ 0xa001 : crc >> 1;
        }
    }
    return (uint16_t)crc;
}

bool frame_valid(const uint8_t *frame, size_t length)
{
    return length >= 4 &&
           frame_crc(frame, length - 2) == (frame[length - 2] | frame[length - 1] << 8);
}

void frame_seal(uint8_t *frame, size_t length)
{
    uint16_t crc = frame_crc(frame, length - 2);
    frame[length - 2] = (uint8_t)(crc & 255);
    frame[length - 1] = (uint8_t)(crc >> 8);
}

int frame_request_length(const uint8_t *data, size_t length)
{
    if (length < 2) {
        return 0;
    }
    if (data[1] >= 1 && data[1] <= 6) {
        return 8;
    }
    if (data[1] == 15 || data[1] == 16) {
        return length < 7 ? 0 : 9 + data[6];
    }
    return -1;
}

int frame_reply_length(const uint8_t *data, size_t length)
{
    if (length < 2) {
        return 0;
    }
    if (data[1] & 0x80) {
        return 5;
    }
    if (data[1] >= 1 && data[1] <= 4) {
        return length < 3 ? 0 : 5 + data[2];
    }
    if (data[1] == 5 || data[1] == 6 || data[1] == 15 || data[1] == 16) {
        return 8;
    }
    return -1;
}
