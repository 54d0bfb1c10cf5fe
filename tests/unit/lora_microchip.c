/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Microchip RN2483, RN2903: set-up, signal asked for after a packet, receive told again.
 */
#include "lora_rig.h"

#include <string.h>

#include "cmocka_all.h"

static struct lora_rig_setup raw_setup(void)
{
    struct lora_rig_setup setup = lora_rig_setup("microchip-rn2483");
    setup.devices[0].payload.kind = PAYLOAD_RAW;
    return setup;
}

#define VERSION "RN2483 1.0.5 Oct 31 2018 15:06:52"

static const char *const nothing_set[] = { "sys get ver",
                                           VERSION,
                                           "radio rxstop",
                                           "ok",
                                           "mac pause",
                                           "4294967245",
                                           "radio get mod",
                                           "lora",
                                           "radio get wdt",
                                           "0",
                                           "radio rx 0",
                                           "ok",
                                           NULL };

static struct lora_rig *raw_rig(void)
{
    struct lora_rig_setup setup = raw_setup();
    struct lora_rig *rig = lora_rig_open(&setup);
    lora_rig_dialogue(rig, nothing_set);
    assert_string_equal(lora_rig_log(rig), "microchip-rn2483 is set up and listens\n");
    return rig;
}

static const char *const signal_asked[] = {
    "radio get rssi", "-91", "radio get snr", "-3", "radio rx 0", "ok", NULL
};

#define HELLO(rssi, snr)                                                                           \
    "{\"time\":0,\"device\":\"a\",\"values\":{\"payload_hex\":\"48656c6c6f\",\"rssi\":" rssi       \
    ",\"snr\":" snr "}}\n"

/* L11; one blank or two */
static void vector(void **state)
{
    struct lora_rig *rig = raw_rig();
    lora_rig_text(rig, "radio_rx  48656C6C6F\r\n");
    lora_rig_dialogue(rig, signal_asked);
    assert_string_equal(lora_rig_records(rig), HELLO("-91", "-3"));
    lora_rig_text(rig, "radio_rx 4865\r\n");
    lora_rig_dialogue(rig, signal_asked);
    assert_non_null(strstr(lora_rig_records(rig), "\"4865\""));
    assert_int_equal(lora_rig_noise(rig), 0);
    lora_rig_close(rig);
}

/* Firmware that does not know the signal; and a module that stops in the middle of it. */
static void no_signal(void **state)
{
    static const char *const refused[] = { "radio get rssi",
                                           "invalid_param",
                                           "radio get snr",
                                           "invalid_param",
                                           "radio rx 0",
                                           "ok",
                                           NULL };
    struct lora_rig *rig = raw_rig();
    lora_rig_text(rig, "radio_rx  48656C6C6F\r\n");
    lora_rig_dialogue(rig, refused);
    assert_string_equal(lora_rig_records(rig), HELLO("null", "null"));
    assert_string_equal(lora_rig_log(rig), "");
    lora_rig_until(rig, 20);
    lora_rig_text(rig, "radio_rx  48656C6C6F\r\n");
    lora_rig_text(rig, "-91\r\n");
    lora_rig_until(rig, 30); /* it says no more */
    const char *records = lora_rig_records(rig);
    assert_non_null(strstr(records, "{\"time\":20,"));
    assert_non_null(strstr(records, "\"rssi\":-91,\"snr\":null"));
    assert_string_equal(lora_rig_done(rig), "device a timeout\n");
    lora_rig_close(rig);
}

/* Killed while the packet waits for its signal. */
static void killed(void **state)
{
    struct lora_rig *rig = raw_rig();
    lora_rig_text(rig, "radio_rx  48656C6C6F\r\n");
    lora_rig_save(rig);
    lora_rig_restore(rig);
    lora_rig_dialogue(rig, signal_asked);
    assert_string_equal(lora_rig_records(rig), HELLO("-91", "-3"));
    lora_rig_text(rig, "radio_rx  48656C6C6E\r\n");
    lora_rig_save(rig);
    lora_rig_restore(rig);
    lora_rig_reopen(rig); /* and the port is opened again: it is not asked any more */
    assert_non_null(strstr(lora_rig_records(rig), "\"48656c6c6e\",\"rssi\":null"));
    lora_rig_close(rig);
}

static void damaged(void **state)
{
    static const char *const again[] = { "radio rx 0", "ok", NULL };
    struct lora_rig *rig = raw_rig();
    lora_rig_text(rig, "radio_err\r\n");
    lora_rig_dialogue(rig, again);
    assert_int_equal(lora_rig_strays(rig, WEIR_R_CRC), 1);
    lora_rig_text(rig, "radio_rx  4865x\r\nradio_rx\r\nradio_rx  486\r\n");
    assert_string_equal(lora_rig_records(rig), "");
    assert_int_equal(lora_rig_strays(rig, WEIR_R_FRAME), 2);
    lora_rig_close(rig);
}

/* A packet that is no longer to be recognised, or whose end is missing: it must not rest for ever.
 */
static void damaged_on_the_line(void **state)
{
    static const char *const again[] = { "radio rxstop", "ok", "radio rx 0", "ok", NULL };
    static const char *const lines[] = { "radio_rx  4865x\r\n", "rcdio_rx  4865\r\n",
                                         "radio_rx  4865" };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct lora_rig *rig = raw_rig();
        lora_rig_text(rig, lines[i]);
        lora_rig_until(rig, 1);
        lora_rig_dialogue(rig, again);
        assert_string_equal(lora_rig_records(rig), "");
        lora_rig_text(rig, "radio_rx  48656C6C6F\r\n");
        lora_rig_dialogue(rig, signal_asked);
        assert_non_null(strstr(lora_rig_records(rig), "\"48656c6c6f\""));
        lora_rig_close(rig);
    }
}

static void set_again(void **state)
{
    static const char *const dialogue[] = { "sys get ver",
                                            VERSION,
                                            "radio rxstop",
                                            "invalid_param",
                                            "mac pause",
                                            "4294967245",
                                            "radio get mod",
                                            "fsk",
                                            "radio set mod lora",
                                            "ok",
                                            "radio get mod",
                                            "lora",
                                            "radio get freq",
                                            "868100000",
                                            "radio get sf",
                                            "sf12",
                                            "radio set sf sf9",
                                            "ok",
                                            "radio get sf",
                                            "sf9",
                                            "radio get bw",
                                            "125",
                                            "radio get cr",
                                            "4/5",
                                            "radio get prlen",
                                            "8",
                                            "radio get pwr",
                                            "1",
                                            "radio set pwr -2",
                                            "ok",
                                            "radio get pwr",
                                            "-2",
                                            "radio get crc",
                                            "on",
                                            "radio get sync",
                                            "0x34",
                                            "radio set sync 12",
                                            "ok",
                                            "radio get sync",
                                            "12",
                                            "radio get wdt",
                                            "15000",
                                            "radio set wdt 0",
                                            "ok",
                                            "radio get wdt",
                                            "0",
                                            "radio rx 0",
                                            "busy",
                                            "radio rx 0",
                                            "ok",
                                            NULL };
    struct lora_rig_setup setup = raw_setup();
    setup.settings.frequency_hz = 868100000;
    setup.settings.sf = 9;
    setup.settings.bandwidth_khz = 125;
    setup.settings.coding_rate = 1;
    setup.settings.preamble = 8;
    setup.settings.power_dbm = -2;
    setup.settings.crc = SWITCH_ON;
    setup.settings.sync = 0x12;
    assert_null(lora_rig_findings(&setup));
    struct lora_rig *rig = lora_rig_open(&setup);
    lora_rig_dialogue(rig, dialogue);
    assert_non_null(strstr(lora_rig_log(rig), "microchip-rn2483 is set up and listens\n"));
    lora_rig_close(rig);
    setup.settings.power_dbm = 16;
    setup.settings.sf = 6;
    setup.settings.network = 1;
    assert_string_equal(lora_rig_findings(&setup), "network: is no setting of microchip-rn2483\n"
                                                   "power_dbm: must lie between -3 and 15\n"
                                                   "sf: must lie between 7 and 12\n");
    setup.settings.module = "microchip-rn2903";
    setup.settings.network = -1;
    setup.settings.sf = 7;
    assert_null(lora_rig_findings(&setup));
}

static void alive_and_restarted(void **state)
{
    static const char *const alive[] = { "sys get ver", VERSION, NULL };
    struct lora_rig *rig = raw_rig();
    lora_rig_until(rig, 60);
    lora_rig_dialogue(rig, alive);
    assert_string_equal(lora_rig_log(rig), "");
    lora_rig_text(rig, VERSION "\r\n"); /* nobody asked */
    lora_rig_dialogue(rig, nothing_set);
    assert_string_equal(lora_rig_log(rig), "microchip-rn2483 has restarted: it is set up again\n"
                                           "microchip-rn2483 is set up and listens\n");
    lora_rig_close(rig);
}

static void lorawan(void **state)
{
    static const char *const version[] = { "sys get ver", VERSION, NULL };
    struct lora_rig_setup setup = raw_setup();
    setup.settings.lorawan = true;
    struct lora_rig *rig = lora_rig_open(&setup);
    lora_rig_dialogue(rig, version);
    assert_string_equal(lora_rig_log(rig), "microchip-rn2483 is set up and listens\n");
    lora_rig_text(rig, "mac_rx 12 48656C6C6F\r\n");
    assert_string_equal(lora_rig_records(rig),
                        "{\"time\":0,\"device\":\"a\",\"values\":{\"payload_hex\":\"48656c6c6f\","
                        "\"rssi\":null,\"snr\":null,\"port\":12}}\n");
    lora_rig_text(rig, "mac_rx 300 48\r\n");
    assert_int_equal(lora_rig_strays(rig, WEIR_R_FRAME), 1);
    assert_string_equal(lora_rig_sent(rig), "");
    lora_rig_close(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vector),
        cmocka_unit_test(no_signal),
        cmocka_unit_test(killed),
        cmocka_unit_test(damaged),
        cmocka_unit_test(damaged_on_the_line),
        cmocka_unit_test(set_again),
        cmocka_unit_test(alive_and_restarted),
        cmocka_unit_test(lorawan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
