/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * What real meters' register maps make of whole RTU frames: request and answer with their CRCs, and
 * the values as they must be printed. The frames are built from the makers' published maps.
 */
#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "decode.h"
#include "transaction.h"

enum { VALUES_MAX = 4, FRAME_MAX = 64 };

struct meter {
    const char *name, *request, *answer;
    struct point point;             /* address: of the first value */
    const char *values[VALUES_MAX]; /* one after the other; "absent": it has none */
    int step;                       /* registers from one to the next */
};

#define POINT(table_, address_, kind_, order_, scale_)                                             \
    {                                                                                              \
        .table = TABLE_##table_, .address = address_, .kind = KIND_##kind_,                        \
        .order = ORDER_##order_, .scale = scale_, .bit = -1                                        \
    }

static const struct meter meters[] = {
    { "Eastron SDM630, voltages",
      "01 04 00 00 00 06 70 08",
      "01 04 0C 43 66 33 33 43 65 C0 00 43 67 80 00 65 BC",
      POINT(INPUT, 0, FLOAT32, ABCD, 1),
      { "230.2", "229.75", "231.5" },
      2 },
    { "Eastron SDM630, power given back",
      "01 04 00 0C 00 02 B1 C8",
      "01 04 04 C4 9A 50 00 DA 9B",
      POINT(INPUT, 12, FLOAT32, ABCD, 1),
      { "-1234.5" },
      2 },
    { "Eastron SDM630, energies",
      "01 04 00 48 00 04 71 DF",
      "01 04 08 46 40 E6 B6 3F 00 00 00 32 1B",
      POINT(INPUT, 72, FLOAT32, ABCD, 1),
      { "12345.678", "0.5" },
      2 },
    { "Eastron SDM630, no power factor now",
      "01 04 00 1E 00 02 11 CD",
      "01 04 04 7F C0 00 00 E2 6C",
      POINT(INPUT, 30, FLOAT32, ABCD, 1),
      { "absent" },
      2 },
    { "Carlo Gavazzi EM340, power",
      "01 04 00 28 00 02 F1 C3",
      "01 04 04 C4 7E FF FF A7 1C",
      POINT(INPUT, 40, INT32, CDAB, 0.1),
      { "-1523.4" },
      2 },
    { "Carlo Gavazzi EM340, power factor",
      "01 04 00 31 00 01 60 05",
      "01 04 02 FC 1A 79 FB",
      POINT(INPUT, 49, INT16, ABCD, 0.001),
      { "-0.998" },
      1 },
    { "Carlo Gavazzi EM340, voltages",
      "01 04 00 00 00 06 70 08",
      "01 04 0C 09 00 00 00 08 FA 00 00 09 07 00 00 60 5F",
      POINT(INPUT, 0, INT32, CDAB, 0.1),
      { "230.4", "229.8", "231.1" },
      2 },
    { "ABB B23, power",
      "01 03 5B 14 00 02 97 2B",
      "01 03 04 FF FC 2F 70 17 C3",
      POINT(HOLDING, 0x5b14, INT32, ABCD, 0.01),
      { "-2500" },
      2 },
    { "Schneider iEM3155, energy in Wh",
      "01 03 0C 83 00 04 B6 B1",
      "01 03 08 00 00 00 00 07 5B CD 15 70 2F",
      POINT(HOLDING, 0x0c83, INT64, ABCD, 1),
      { "123456789" },
      4 },
    { "Siemens PAC3200, energy in Wh",
      "01 03 03 21 00 04 14 47",
      "01 03 08 41 CD 6F 34 58 80 00 00 E6 F4",
      POINT(HOLDING, 0x0321, FLOAT64, ABCD, 1),
      { "987654321" },
      4 },
    { "Chint DTSU666, voltages",
      "01 03 20 06 00 06 2E 09",
      "01 03 0C 45 0F D0 00 45 0F B0 00 45 10 10 00 92 C8",
      POINT(HOLDING, 0x2006, FLOAT32, ABCD, 0.1),
      { "230.1", "229.9", "230.5" },
      2 },
    { "Orno WE-514, voltage",
      "01 03 01 31 00 01 D4 39",
      "01 03 02 59 E4 82 5F",
      POINT(HOLDING, 0x0131, UINT16, ABCD, 0.01),
      { "230.12" },
      1 },
};

static size_t bytes_of(const char *hex, uint8_t *bytes)
{
    size_t len = 0;
    for (char *end; len < FRAME_MAX; hex = end) {
        unsigned long byte = strtoul(hex, &end, 16);
        if (end == hex) {
            break;
        }
        bytes[len++] = (uint8_t)byte;
    }
    return len;
}

static void assert_crc(const struct meter *meter, const uint8_t *frame, size_t len)
{
    assert_true(len > 4);
    if (line_crc(frame, len - 2) != (frame[len - 2] | frame[len - 1] << 8)) {
        fail_msg("%s: CRC", meter->name);
    }
}

/* As it stands in a record, but for the reason of a missing value. */
static void print(const struct point *point, const struct weir_value *value, char *text)
{
    unsigned len = 0;
    if (value->quality != WEIR_QUALITY_GOOD) {
        assert_int_equal(value->quality, WEIR_R_ABSENT);
        memcpy(text, "absent", 7);
        return;
    }
    switch (point_weir_type(point)) {
    case WEIR_FLOAT32:
        len = number_f32(value->float32, text);
        break;
    case WEIR_FLOAT64:
        len = number_f64(value->float64, text);
        break;
    case WEIR_INT64:
        len = number_i64(value->int64, text);
        break;
    default:
        fail_msg("no such type here");
    }
    text[len] = 0;
}

static void check_meter(const struct meter *meter)
{
    uint8_t request[FRAME_MAX], answer[FRAME_MAX], unused[1];
    size_t request_len = bytes_of(meter->request, request);
    size_t answer_len = bytes_of(meter->answer, answer);
    assert_crc(meter, request, request_len);
    assert_crc(meter, answer, answer_len);
    assert_int_equal(request_len, 8);
    assert_int_equal(request[2] << 8 | request[3], meter->point.address);
    assert_int_equal(request[1], meter->point.table == TABLE_INPUT ? 4 : 3);
    for (size_t i = 0; i < VALUES_MAX && meter->values[i]; i++) {
        struct weir_value value;
        char text[NUMBER_MAX + 1];
        size_t at = 3 + 2 * i * (size_t)meter->step;
        assert_true(at + 2 * point_width(&meter->point) + 2 <= answer_len);
        point_decode(&meter->point, answer + at, unused, &value);
        print(&meter->point, &value, text);
        if (strcmp(text, meter->values[i]) != 0) {
            fail_msg("%s: %s instead of %s", meter->name, text, meter->values[i]);
        }
    }
}

static void every_meter(void **state)
{
    for (size_t i = 0; i < sizeof meters / sizeof *meters; i++) {
        check_meter(&meters[i]);
    }
}

/* The check value of this CRC's catalogue entry. */
static void crc(void **state)
{
    assert_int_equal(line_crc((const uint8_t *)"123456789", 9), 0x4b37);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_meter), cmocka_unit_test(crc) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
