/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Frames in words, as `weir trace` shows them: requests, answers, exceptions, wrong CRCs, whatever
 * is too short, and buffers that are too small.
 */
#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include "explain.h"

enum { RTU = true, TCP = false };

static const struct {
    bool serial;
    enum weir_direction direction;
    const char *frame;
    size_t len;
    const char *words;
} frames[] = {
#define FRAME(bytes) bytes, sizeof bytes - 1
    { RTU, WEIR_TX, FRAME("\x01\x04\x00\x00\x00\x06\x70\x08"),
      "unit 1: read input registers 0..5" },
    { RTU, WEIR_TX, FRAME("\x01\x03\x5B\x14\x00\x02\x97\x2B"),
      "unit 1: read holding registers 23316..23317" },
    { TCP, WEIR_TX, FRAME("\x00\x07\x00\x00\x00\x06\x11\x01\x00\x10\x00\x08"),
      "unit 17: read coils 16..23" },
    { TCP, WEIR_TX, FRAME("\x00\x08\x00\x00\x00\x06\xFF\x02\xFF\xFF\x00\x01"),
      "unit 255: read discrete inputs 65535..65535" },
    { TCP, WEIR_TX, FRAME("\x00\x08\x00\x00\x00\x06\x01\x2B\x0E\x01\x00\x00"),
      "unit 1: function 43" },
    { RTU, WEIR_RX, FRAME("\x01\x04\x02\xFC\x1A\x79\xFB"), "unit 1: input registers, 2 bytes" },
    { TCP, WEIR_RX, FRAME("\x00\x07\x00\x00\x00\x04\x11\x01\x01\x80"), "unit 17: coils, 1 bytes" },
    { RTU, WEIR_RX, FRAME("\x01\x84\x02\xC2\xC1"), "unit 1: exception 2 illegal address" },
    { TCP, WEIR_RX, FRAME("\x00\x07\x00\x00\x00\x03\x01\x83\x06"), "unit 1: exception 6 busy" },
    { TCP, WEIR_RX, FRAME("\x00\x07\x00\x00\x00\x03\x01\x83\x0B"), "unit 1: exception 11" },
    { TCP, WEIR_RX, FRAME("\x00\x07\x00\x00\x00\x03\x01\x83\x00"), "unit 1: exception 0" },
    { TCP, WEIR_RX, FRAME("\x00\x07\x00\x00\x00\x03\x01\x10\x00"),
      "unit 1: answer to function 16" },
    { RTU, WEIR_RX, FRAME("\x01\x04\x02\xFC\x1B\x79\xFB"),
      "unit 1: input registers, 2 bytes, CRC wrong" },
    { RTU, WEIR_TX, FRAME("\x01\x04\x00\x00\x00\x06\x70\x09"),
      "unit 1: read input registers 0..5, CRC wrong" },
    { RTU, WEIR_RX, FRAME("\x01\x84\x02\xC2\xC0"),
      "unit 1: exception 2 illegal address, CRC wrong" },
    { RTU, WEIR_RX, FRAME("\x01\x04\x02"), "cut short" },
    { TCP, WEIR_RX, FRAME("\x00\x07\x00\x00\x00\x04\x11"), "cut short" },
    { TCP, WEIR_RX, FRAME(""), "cut short" },
};

static void in_words(void **state)
{
    char words[128];
    for (size_t i = 0; i < sizeof frames / sizeof *frames; i++) {
        size_t len = explain(frames[i].serial, frames[i].direction,
                             (const uint8_t *)frames[i].frame, frames[i].len, words, sizeof words);
        assert_in_range(len, 1, sizeof words - 1);
        words[len] = 0;
        assert_string_equal(words, frames[i].words);
    }
}

/* Every length of buffer and of frame: never more than there is room for. The buffers are exact,
 * for the sanitizer to see. */
static void little_room(void **state)
{
    for (size_t i = 0; i < sizeof frames / sizeof *frames; i++) {
        for (size_t len = 0; len <= frames[i].len; len++) {
            uint8_t *frame = malloc(len + !len);
            memcpy(frame, frames[i].frame, len);
            for (size_t size = 1; size < 80; size++) {
                char *words = malloc(size);
                size_t n = explain(frames[i].serial, frames[i].direction, frame, len, words, size);
                assert_in_range(n, 0, size - 1);
                free(words);
            }
            free(frame);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(in_words), cmocka_unit_test(little_room) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
