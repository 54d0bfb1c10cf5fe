/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * ADEC TDC: requests, the three sizes of records, the frame count bit, counts, and hits on the way.
 */
#include "cmocka_all.h"

#include <string.h>

#include "traffic_rig.h"

static const struct traffic_rig_setup one = { .family = "adec-tdc", .addresses = { 1 } };

#define RESET  "10 40 01 41 16\n"
#define POLL_1 "10 78 01 79 16\n"
#define POLL_0 "10 58 01 59 16\n"
/* Count 7; lane 2, class 3, 61 km/h, 0.32 s over the loop, gap 1.8 s. */
#define VEHICLE "68 0d 0d 68 08 01 00 00 00 00 07 3d 32 00 20 00 b4 53 16"

static void vectors(void **state)
{
    struct traffic_rig *rig = traffic_rig_open(&one);
    assert_string_equal(traffic_rig_sent(rig), RESET);
    traffic_rig_hex(rig, "e5");
    assert_string_equal(traffic_rig_sent(rig), POLL_1);
    traffic_rig_hex(rig, "e5");
    assert_string_equal(traffic_rig_sent(rig), "");
    traffic_rig_until(rig, 10);
    assert_string_equal(traffic_rig_sent(rig), POLL_0);
    traffic_rig_close(rig);
}

/* Asked, and waiting for vehicles. */
static void asked(struct traffic_rig *rig)
{
    traffic_rig_hex(rig, "e5");
    traffic_rig_until(rig, 0.5);
}

static void six(void **state)
{
    struct traffic_rig *rig = traffic_rig_open(&one);
    asked(rig);
    traffic_rig_sent(rig);
    traffic_rig_hex(rig, VEHICLE);
    assert_string_equal(
        traffic_rig_records(rig),
        "{\"time\":0.5,\"device\":\"a\",\"kind\":\"vehicle\",\"values\":{\"lane\":2,\"speed\":61,"
        "\"length\":null,\"vehicle_class\":\"3\",\"duration\":0.32,\"headway\":2.12,\"gap\":1.8,"
        "\"device_count\":7,\"missed\":0}}\n");
    assert_string_equal(traffic_rig_sent(rig), POLL_0); /* and asks for more at once */
    traffic_rig_hex(rig, "e5");
    assert_string_equal(traffic_rig_sent(rig), "");
    traffic_rig_close(rig);
}

/* Two of eleven bytes, with length; the earlier one passed a headway before; three were missed. */
static void eleven(void **state)
{
    struct traffic_rig *rig = traffic_rig_open(&one);
    asked(rig);
    traffic_rig_hex(rig, VEHICLE);
    traffic_rig_records(rig);
    traffic_rig_until(rig, 5);
    traffic_rig_hex(rig, "68 1d 1d 68 08 01 00 00 00 00 0c 32 11 00 1e 00 64 2d 00 12 34 00 "
                         "5a 52 00 0a 00 78 a5 00 56 78 00 0b 16");
    assert_string_equal(traffic_rig_records(rig), "");
    assert_int_equal(traffic_rig_strays(rig, WEIR_R_CRC), 1);
    traffic_rig_close(rig);
}

static uint8_t *frame(uint8_t *buf, const uint8_t *inner, size_t len)
{
    uint8_t sum = 0;
    buf[0] = buf[3] = 0x68;
    buf[1] = buf[2] = (uint8_t)len;
    for (size_t i = 0; i < len; i++) {
        buf[4 + i] = inner[i];
        sum = (uint8_t)(sum + inner[i]);
    }
    buf[4 + len] = sum;
    buf[5 + len] = 0x16;
    return buf;
}

static void eleven_right(void **state)
{
    static const uint8_t two[] = { 0x08, 0x01, 0,   0,   0,   0, 0x0c, 50, 0x11, 0,
                                   30,   0,    100, 45,  0,   1, 2,    0,  90,   0x52,
                                   0,    10,   0,   120, 165, 0, 3,    4,  0 };
    struct traffic_rig *rig = traffic_rig_open(&one);
    uint8_t buf[64];
    asked(rig);
    traffic_rig_hex(rig, VEHICLE);
    traffic_rig_records(rig);
    traffic_rig_until(rig, 1.4);
    traffic_rig_bytes(rig, frame(buf, two, sizeof two), sizeof two + 6);
    const char *records = traffic_rig_records(rig);
    assert_non_null(strstr(records, "{\"time\":0.1,")); /* 1.3 s before the second */
    assert_non_null(strstr(records, "\"speed\":50,\"length\":4.5,\"vehicle_class\":\"1\""));
    assert_non_null(strstr(records, "\"device_count\":11,\"missed\":3"));
    assert_non_null(strstr(records, "{\"time\":1.4,"));
    assert_non_null(strstr(records, "\"speed\":90,\"length\":16.5,\"vehicle_class\":\"5\""));
    assert_non_null(strstr(records, "\"device_count\":12,\"missed\":0"));
    assert_int_equal(traffic_rig_missed(rig), 3);
    traffic_rig_close(rig);
}

/* No answer: the same bit again, so that the device repeats what was lost. */
static void lost_answer(void **state)
{
    struct traffic_rig *rig = traffic_rig_open(&one);
    asked(rig);
    traffic_rig_sent(rig);
    traffic_rig_until(rig, 10);
    assert_string_equal(traffic_rig_sent(rig), POLL_1);
    assert_int_equal(traffic_rig_answers(rig, WEIR_R_TIMEOUT), 1);
    traffic_rig_close(rig);
}

/* After the time was up: taken, and not once more when it is said again. */
static void late_answer(void **state)
{
    struct traffic_rig *rig = traffic_rig_open(&one);
    asked(rig);
    traffic_rig_until(rig, 5);
    traffic_rig_hex(rig, VEHICLE);
    assert_non_null(strstr(traffic_rig_records(rig), "\"device_count\":7"));
    traffic_rig_sent(rig);
    traffic_rig_until(rig, 10);
    assert_string_equal(traffic_rig_sent(rig), POLL_1);
    traffic_rig_hex(rig, VEHICLE);
    assert_string_equal(traffic_rig_records(rig), "");
    assert_string_equal(traffic_rig_sent(rig), POLL_0);
    traffic_rig_close(rig);
}

/* It was switched off and waits for a reset; what it had counted before does not matter then. */
static void power_cycle(void **state)
{
    struct traffic_rig *rig = traffic_rig_open(&one);
    asked(rig);
    traffic_rig_hex(rig, VEHICLE);
    traffic_rig_hex(rig, "e5");
    traffic_rig_records(rig);
    traffic_rig_sent(rig);
    traffic_rig_until(rig, 31); /* three rounds */
    assert_string_equal(traffic_rig_sent(rig), POLL_1 POLL_1 POLL_1);
    traffic_rig_until(rig, 41);
    assert_string_equal(traffic_rig_sent(rig), RESET);
    traffic_rig_until(rig, 50);
    traffic_rig_hex(rig, "e5");
    assert_string_equal(traffic_rig_sent(rig), RESET POLL_1);
    traffic_rig_hex(rig, "68 0d 0d 68 08 01 00 00 00 00 01 3d 32 00 20 00 00 99 16");
    assert_non_null(strstr(traffic_rig_records(rig),
                           "\"headway\":null,\"gap\":null,\"device_count\":1,\"missed\":0"));
    traffic_rig_close(rig);
}

/* It says again what was taken, after a reset for example: the count tells. */
static void said_again(void **state)
{
    static const uint8_t two[] = { 0x08, 0x01, 0,   0,  0,    0, 8,  61, 0x32, 0,
                                   32,   0,    180, 50, 0x11, 0, 30, 0,  100 };
    uint8_t buf[64];
    struct traffic_rig *rig = traffic_rig_open(&one);
    asked(rig);
    traffic_rig_hex(rig, VEHICLE);
    traffic_rig_records(rig);
    traffic_rig_hex(rig, VEHICLE);
    assert_string_equal(traffic_rig_records(rig), "");
    traffic_rig_bytes(rig, frame(buf, two, sizeof two), sizeof two + 6);
    const char *records = traffic_rig_records(rig);
    assert_non_null(strstr(records, "\"lane\":1,\"speed\":50"));
    assert_non_null(strstr(records, "\"device_count\":8,\"missed\":0"));
    assert_null(strstr(records, "\"device_count\":7"));
    traffic_rig_close(rig);
}

static void two_on_a_line(void **state)
{
    static const struct traffic_rig_setup two = { .family = "adec-tdc",
                                                  .addresses = { 1, 9 },
                                                  .devices = 2 };
    struct traffic_rig *rig = traffic_rig_open(&two);
    asked(rig);
    traffic_rig_hex(rig, "68 0d 0d 68 08 05 00 00 00 00 07 3d 32 00 20 00 b4 57 16");
    assert_string_equal(traffic_rig_records(rig), ""); /* nobody of ours */
    traffic_rig_hex(rig, VEHICLE);
    assert_non_null(strstr(traffic_rig_records(rig), "\"device\":\"a\""));
    traffic_rig_hex(rig, "e5");
    traffic_rig_sent(rig);
    traffic_rig_until(rig, 0.6);
    traffic_rig_hex(rig, "e5");
    traffic_rig_hex(rig, "68 0d 0d 68 08 09 00 00 00 00 07 3d 32 00 20 00 b4 5b 16");
    assert_non_null(strstr(traffic_rig_records(rig), "\"device\":\"b\""));
    traffic_rig_close(rig);
}

/* Killed after the answer was taken: the bit has changed, the count is known. */
static void killed(void **state)
{
    struct traffic_rig *rig = traffic_rig_open(&one);
    asked(rig);
    traffic_rig_hex(rig, "68 0d 0d 68 08 01 00 00 00");
    traffic_rig_save(rig);
    traffic_rig_restore(rig);
    traffic_rig_hex(rig, "00 07 3d 32 00 20 00 b4 53 16");
    assert_non_null(strstr(traffic_rig_records(rig), "\"device_count\":7"));
    traffic_rig_close(rig);
}

static void status(void **state)
{
    struct traffic_rig *rig = traffic_rig_open(&one);
    asked(rig);
    traffic_rig_sent(rig);
    traffic_rig_hex(rig, "68 03 03 68 08 01 04 0d 16"); /* a status, no vehicle */
    assert_string_equal(traffic_rig_records(rig), "");
    assert_string_equal(traffic_rig_sent(rig), "");
    traffic_rig_until(rig, 10);
    assert_string_equal(traffic_rig_sent(rig), POLL_0);
    traffic_rig_close(rig);
}

/* The sum covers all but the frame around it, and that is redundant. */
static void hits(void **state)
{
    static const uint8_t bytes[] = { 0x68, 0x0d, 0x0d, 0x68, 0x08, 0x01, 0x00, 0x00, 0x00, 0x00,
                                     0x07, 0x3d, 0x32, 0x00, 0x20, 0x00, 0xb4, 0x53, 0x16 };
    traffic_rig_mangle(&one, asked, bytes, sizeof bytes, NULL);
    traffic_rig_random(&one, asked, 1, 20000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors),       cmocka_unit_test(six),
        cmocka_unit_test(eleven),        cmocka_unit_test(eleven_right),
        cmocka_unit_test(lost_answer),   cmocka_unit_test(late_answer),
        cmocka_unit_test(power_cycle),   cmocka_unit_test(said_again),
        cmocka_unit_test(two_on_a_line), cmocka_unit_test(killed),
        cmocka_unit_test(status),        cmocka_unit_test(hits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
