/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Ebyte: packets that a pause ends, the two forms of the RSSI byte, registers by M0 and M1.
 */
#include "lora_rig.h"

#include <string.h>

#include "cmocka_all.h"

static struct lora_rig_setup raw_setup(const char *module)
{
    struct lora_rig_setup setup = lora_rig_setup(module);
    setup.devices[0].payload.kind = PAYLOAD_RAW;
    setup.settings.gap_ns = 50 * LORA_NS_PER_MS;
    return setup;
}

static struct lora_rig_setup wired_setup(const char *module)
{
    struct lora_rig_setup setup = raw_setup(module);
    setup.settings.m0 = "gpiochip0:5";
    setup.settings.m1 = "gpiochip0:6";
    return setup;
}

/* ---- packets */

static void by_pause(void **state)
{
    struct lora_rig_setup setup = raw_setup("ebyte-e32");
    struct lora_rig *rig = lora_rig_open(&setup);
    lora_rig_hex(rig, "0D 0A");
    lora_rig_until(rig, 0.049);
    lora_rig_hex(rig, "C1 00");
    lora_rig_until(rig, 0.098);
    assert_string_equal(lora_rig_records(rig), "");
    lora_rig_until(rig, 0.1);
    assert_string_equal(lora_rig_records(rig), "{\"time\":0,\"device\":\"a\",\"values\":"
                                               "{\"payload_hex\":\"0d0ac100\"}}\n");
    lora_rig_hex(rig, "01");
    lora_rig_until(rig, 0.2);
    lora_rig_hex(rig, "02");
    lora_rig_save(rig);
    lora_rig_restore(rig);
    lora_rig_until(rig, 0.3);
    assert_string_equal(lora_rig_records(rig),
                        "{\"time\":0.1,\"device\":\"a\",\"values\":{\"payload_hex\":\"01\"}}\n"
                        "{\"time\":0.2,\"device\":\"a\",\"values\":{\"payload_hex\":\"02\"}}\n");
    assert_string_equal(lora_rig_sent(rig), "");
    lora_rig_close(rig);
}

static void rssi(void **state)
{
    struct lora_rig_setup setup = raw_setup("ebyte-e22");
    setup.settings.rssi_byte = RSSI_OFFSET;
    struct lora_rig *rig = lora_rig_open(&setup);
    lora_rig_hex(rig, "48 69 B5");
    lora_rig_until(rig, 1);
    assert_non_null(strstr(lora_rig_records(rig), "\"4869\",\"rssi\":-75}}"));
    lora_rig_close(rig);
    setup.settings.rssi_byte = RSSI_HALF;
    rig = lora_rig_open(&setup);
    lora_rig_hex(rig, "48 69 B5");
    lora_rig_until(rig, 1);
    assert_non_null(strstr(lora_rig_records(rig), "\"4869\",\"rssi\":-90.5}}"));
    lora_rig_close(rig);
    setup.settings.rssi_byte = RSSI_OFF;
    rig = lora_rig_open(&setup);
    lora_rig_hex(rig, "48 69 B5");
    lora_rig_until(rig, 1);
    assert_non_null(strstr(lora_rig_records(rig), "\"4869b5\",\"rssi\":null}}"));
    lora_rig_close(rig);
}

/* Around the longest packet, and bytes without an end. */
static void lengths(void **state)
{
    static const uint8_t bytes[3000];
    struct lora_rig_setup setup = raw_setup("ebyte-e22");
    setup.settings.rssi_byte = RSSI_OFFSET;
    struct lora_rig *rig = lora_rig_open(&setup);
    lora_rig_bytes(rig, bytes, 256);
    lora_rig_until(rig, 1);
    assert_non_null(strstr(lora_rig_records(rig), "\"rssi\":-256"));
    lora_rig_bytes(rig, bytes, 257);
    lora_rig_until(rig, 2);
    lora_rig_bytes(rig, bytes, 3000);
    lora_rig_until(rig, 3);
    assert_string_equal(lora_rig_records(rig), "");
    assert_int_equal(lora_rig_strays(rig, WEIR_R_CRC), 2);
    assert_int_equal(lora_rig_noise(rig), 2048);
    lora_rig_close(rig);
}

/* ---- registers */

#define ENTER_E22 "gpiochip0:5=0\ngpiochip0:6=1\nbaud=9600\n"
#define LEAVE     "gpiochip0:5=0\ngpiochip0:6=0\nbaud=0\n"

static void nothing_to_set(void **state)
{
    static const char *const dialogue[] = { "c1 00 07", "C1 00 07 FF FF 00 62 00 12 00", NULL };
    struct lora_rig_setup setup = wired_setup("ebyte-e22");
    struct lora_rig *rig = lora_rig_open(&setup);
    assert_string_equal(lora_rig_done(rig), ENTER_E22);
    lora_rig_dialogue(rig, dialogue);
    assert_string_equal(lora_rig_done(rig), LEAVE);
    lora_rig_until(rig, 1);
    assert_string_equal(lora_rig_log(rig), "ebyte-e22 is set up and listens\n");
    lora_rig_hex(rig, "C1 00 07 01"); /* a packet, whatever it looks like */
    lora_rig_until(rig, 2);
    assert_non_null(strstr(lora_rig_records(rig), "\"c1000701\""));
    lora_rig_until(rig, 600);
    assert_string_equal(lora_rig_sent(rig), "");
    assert_string_equal(lora_rig_done(rig), "");
    lora_rig_close(rig);
}

/* L01, L02: the same registers, all at once; what is not configured stays. */
static void set_again(void **state)
{
    static const char *const dialogue[] = { "c1 00 07",
                                            "C1 00 07 00 00 00 67 23 17 03",
                                            "c0 00 07 12 34 05 61 21 12 c3",
                                            "C1 00 07 12 34 05 61 21 12 C3",
                                            "c1 00 07",
                                            "C1 00 07 12 34 05 61 21 12 C3",
                                            NULL };
    struct lora_rig_setup setup = wired_setup("ebyte-e22");
    setup.settings.address = 0x1234;
    setup.settings.network = 5;
    setup.settings.air_rate = 1200;
    setup.settings.power_dbm = 17;
    setup.settings.frequency_hz = 868125000;
    setup.settings.mode = EBYTE_FIXED;
    setup.settings.rssi_byte = RSSI_OFFSET;
    assert_null(lora_rig_findings(&setup));
    struct lora_rig *rig = lora_rig_open(&setup);
    lora_rig_dialogue(rig, dialogue);
    lora_rig_until(rig, 1);
    assert_string_equal(lora_rig_log(rig), "ebyte-e22: registers is not as configured: set\n"
                                           "ebyte-e22 is set up and listens\n");
    lora_rig_close(rig);
}

static void others(void **state)
{
    static const char *const e220[] = { "c1 00 06",
                                        "C1 00 06 00 00 62 00 17 03",
                                        "c0 00 06 00 00 62 "
                                        "00 12 83",
                                        "C1 00 06 00 00 62 00 12 83",
                                        "c1 00 06",
                                        "C1 00 06 00 00 62 00 12 83",
                                        NULL };
    static const char *const e32[] = { "c1 c1 c1",
                                       "C0 00 00 1A 17 44",
                                       "c0 ff ff 1a 06 44",
                                       "C0 FF FF 1A 06 44",
                                       "c1 c1 c1",
                                       "C0 FF FF 1A 06 44",
                                       NULL };
    struct lora_rig_setup setup = wired_setup("ebyte-e220");
    setup.settings.frequency_hz = 868125000;
    setup.settings.rssi_byte = RSSI_HALF;
    struct lora_rig *rig = lora_rig_open(&setup);
    assert_string_equal(lora_rig_done(rig), "gpiochip0:5=1\ngpiochip0:6=1\nbaud=9600\n");
    lora_rig_dialogue(rig, e220);
    assert_string_equal(lora_rig_done(rig), LEAVE);
    lora_rig_close(rig);
    setup = wired_setup("ebyte-e32");
    setup.settings.frequency_hz = 868000000;
    setup.settings.address = 0xffff;
    rig = lora_rig_open(&setup);
    lora_rig_dialogue(rig, e32);
    assert_non_null(strstr(lora_rig_done(rig), LEAVE));
    lora_rig_close(rig);
}

/* L04; and a setting that it does not keep. Either way it goes back to hearing. */
static void refused(void **state)
{
    static const char *const error[] = { "c1 00 07", "FF FF FF", NULL };
    static const char *const forgets[] = { "c1 00 07", "C1 00 07 00 00 00 62 00 17 00",
                                           "c0 00 07 00 00 00 62 00 12 00", "FF FF FF", NULL };
    struct lora_rig_setup setup = wired_setup("ebyte-e22");
    setup.settings.frequency_hz = 868125000;
    struct lora_rig *rig = lora_rig_open(&setup);
    lora_rig_dialogue(rig, error);
    lora_rig_until(rig, 1);
    assert_non_null(strstr(lora_rig_log(rig), "ebyte-e22: registers: refused\n"));
    assert_string_equal(lora_rig_done(rig), ENTER_E22 LEAVE);
    lora_rig_reopen(rig);
    lora_rig_dialogue(rig, forgets);
    lora_rig_until(rig, 2);
    assert_non_null(strstr(lora_rig_log(rig), "1 of its settings are not as configured\n"));
    assert_string_equal(lora_rig_done(rig), ENTER_E22 LEAVE);
    lora_rig_close(rig);
}

/* Nobody answers: it hears on between the attempts; and a killed process goes on where it was. */
static void silent(void **state)
{
    static const char *const dialogue[] = { "c1 00 07", "C1 00 07 FF FF 00 62 00 12 00", NULL };
    struct lora_rig_setup setup = wired_setup("ebyte-e22");
    struct lora_rig *rig = lora_rig_open(&setup);
    lora_rig_until(rig, 7);
    assert_string_equal(lora_rig_done(rig), ENTER_E22 "device a timeout\n" LEAVE);
    assert_string_equal(lora_rig_sent(rig), "c1 00 07\nc1 00 07\nc1 00 07\n");
    lora_rig_hex(rig, "01 02");
    lora_rig_until(rig, 8);
    assert_non_null(strstr(lora_rig_records(rig), "\"0102\""));
    lora_rig_until(rig, 8.5);
    lora_rig_save(rig);
    lora_rig_done(rig);
    lora_rig_restore(rig);
    assert_string_equal(lora_rig_done(rig), "gpiochip0:5=0\ngpiochip0:6=1\n");
    lora_rig_dialogue(rig, dialogue);
    lora_rig_until(rig, 9);
    assert_string_equal(lora_rig_done(rig), LEAVE "device a ok\n");
    lora_rig_close(rig);
}

static void noise_in_configuration(void **state)
{
    static const char *const dialogue[] = { "c1 00 07", "55 55 C1 00 07 FF FF 00 62 00 12 00",
                                            NULL };
    struct lora_rig_setup setup = wired_setup("ebyte-e22");
    struct lora_rig *rig = lora_rig_open(&setup);
    lora_rig_dialogue(rig, dialogue);
    lora_rig_until(rig, 1);
    assert_int_equal(lora_rig_noise(rig), 2);
    assert_string_equal(lora_rig_log(rig), "ebyte-e22 is set up and listens\n");
    lora_rig_close(rig);
}

static void no_gpio(void **state)
{
    struct lora_rig_setup setup = wired_setup("ebyte-e22");
    setup.gpio_error = -2;
    struct lora_rig *rig = lora_rig_open(&setup);
    lora_rig_hex(rig, "01 02");
    lora_rig_until(rig, 60);
    assert_non_null(strstr(lora_rig_records(rig), "\"0102\""));
    const char *log = lora_rig_log(rig);
    assert_non_null(strstr(log, "GPIO line gpiochip0:5: No such file or directory\n"));
    assert_non_null(strstr(log, "1 of its settings are not as configured\n"));
    assert_string_equal(lora_rig_sent(rig), "");
    lora_rig_close(rig);
}

static void findings(void **state)
{
    struct lora_rig_setup setup = raw_setup("ebyte-e22");
    assert_null(lora_rig_findings(&setup));
    setup.settings.frequency_hz = 868125000;
    assert_string_equal(lora_rig_findings(&setup), "m0: without m0 and m1 the module cannot be set "
                                                   "up: it is taken as it is\n");
    setup = wired_setup("ebyte-e32");
    setup.settings.frequency_hz = 868125000;
    setup.settings.power_dbm = 22;
    setup.settings.air_rate = 62500;
    setup.settings.network = 3;
    setup.settings.rssi_byte = RSSI_HALF;
    assert_string_equal(lora_rig_findings(&setup),
                        "frequency_hz: is no channel of ebyte-e32: 862000000, and steps of 1000000 "
                        "from there\npower_dbm: must be 20, 17, 14, 10 or 30, 27, 24, 21\n"
                        "air_rate: is no rate of ebyte-e32\nnetwork: is no setting of ebyte-e32\n"
                        "rssi_byte: ebyte-e32 has none\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_pause),
        cmocka_unit_test(rssi),
        cmocka_unit_test(lengths),
        cmocka_unit_test(nothing_to_set),
        cmocka_unit_test(set_again),
        cmocka_unit_test(others),
        cmocka_unit_test(refused),
        cmocka_unit_test(silent),
        cmocka_unit_test(noise_in_configuration),
        cmocka_unit_test(no_gpio),
        cmocka_unit_test(findings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
