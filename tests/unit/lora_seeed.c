/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Seeed Wio-E5: packets of two lines, set-up that is compared with its echo, silent restarts.
 */
#include "lora_rig.h"

#include <string.h>

#include "cmocka_all.h"

static struct lora_rig_setup raw_setup(void)
{
    struct lora_rig_setup setup = lora_rig_setup("seeed-wio-e5");
    setup.devices[0].payload.kind = PAYLOAD_RAW;
    setup.settings.frequency_hz = 866000000;
    setup.settings.sf = 12;
    setup.settings.bandwidth_khz = 125;
    setup.settings.preamble = 12;
    setup.settings.power_dbm = 14;
    return setup;
}

#define RFCFG "AT+TEST=RFCFG,866,SF12,125,12,12,14,ON,OFF,OFF"
#define ECHO                                                                                       \
    "+TEST: RFCFG F:866000000, SF12, BW125K, TXPR:12, RXPR:12, POW:14dBm, CRC:ON, IQ:OFF, NET:OFF"

static const char *const set_up[] = {
    "AT",      "+AT: OK",     "AT+MODE", "+MODE: LWABP", "AT+MODE=TEST",    "+MODE: TEST",
    "AT+MODE", "+MODE: TEST", RFCFG,     ECHO,           "AT+TEST=RXLRPKT", "+TEST: RXLRPKT",
    NULL
};

static struct lora_rig *raw_rig(void)
{
    struct lora_rig_setup setup = raw_setup();
    struct lora_rig *rig = lora_rig_open(&setup);
    lora_rig_dialogue(rig, set_up);
    assert_non_null(strstr(lora_rig_log(rig), "seeed-wio-e5 is set up and listens\n"));
    return rig;
}

#define TEXT(time)                                                                                 \
    "{\"time\":" time ",\"device\":\"a\",\"values\":{\"payload_hex\":\"54455854\",\"rssi\":-49,"   \
    "\"snr\":12}}\n"

/* L13, and the time of its first line */
static void vector(void **state)
{
    struct lora_rig *rig = raw_rig();
    lora_rig_until(rig, 1);
    lora_rig_text(rig, "\r\n+TEST: LEN:4, RSSI:-49, SNR:12\r\n");
    lora_rig_until(rig, 1.5);
    lora_rig_text(rig, "+TEST: RX \"54455854\"\r\n");
    assert_string_equal(lora_rig_records(rig), TEXT("1"));
    assert_int_equal(lora_rig_noise(rig), 0);
    lora_rig_close(rig);
}

/* L14 */
static void lorawan(void **state)
{
    static const char *const hello[] = { "AT", "+AT: OK", NULL };
    struct lora_rig_setup setup = raw_setup();
    setup.settings.lorawan = true;
    struct lora_rig *rig = lora_rig_open(&setup);
    lora_rig_dialogue(rig, hello);
    lora_rig_text(rig, "+CMSGHEX: Start\r\n+CMSGHEX: Wait ACK\r\n"
                       "+CMSGHEX: PORT: 15; RX: \"48656C6C6F\"\r\n"
                       "+CMSGHEX: RXWIN1, RSSI -43, SNR 10.0\r\n+CMSGHEX: Done\r\n");
    assert_string_equal(lora_rig_records(rig),
                        "{\"time\":0,\"device\":\"a\",\"values\":{\"payload_hex\":\"48656c6c6f\","
                        "\"rssi\":null,\"snr\":null,\"port\":15}}\n");
    lora_rig_close(rig);
}

/* Pairs between each other and between answers: told apart by their length, oldest first. */
static void interleaved(void **state)
{
    static const char *const dialogue[] = {
        "AT+MODE",
        "+TEST: LEN:4, RSSI:-49, SNR:12\r\n+TEST: LEN:2, RSSI:-70, SNR:-5.5\r\n"
        "+MODE: TEST\r\n+TEST: RX \"5445\"\r\n+TEST: RX \"54455854\"",
        NULL
    };
    struct lora_rig *rig = raw_rig();
    lora_rig_until(rig, 60);
    lora_rig_dialogue(rig, dialogue);
    const char *records = lora_rig_records(rig);
    assert_non_null(strstr(records, "\"5445\",\"rssi\":-70,\"snr\":-5.5"));
    assert_non_null(strstr(records, "\"54455854\",\"rssi\":-49,\"snr\":12"));
    lora_rig_save(rig);
    lora_rig_close(rig);
}

/* A line that never came does not give its signal to a later packet. */
static void halves(void **state)
{
    struct lora_rig *rig = raw_rig();
    lora_rig_text(rig, "+TEST: LEN:4, RSSI:-49, SNR:12\r\n");
    lora_rig_save(rig);
    lora_rig_restore(rig);
    lora_rig_text(rig, "+TEST: RX \"54455854\"\r\n");
    assert_string_equal(lora_rig_records(rig), TEXT("0"));
    lora_rig_text(rig, "+TEST: RX \"54455855\"\r\n"); /* without its first line */
    assert_non_null(strstr(lora_rig_records(rig), "\"54455855\",\"rssi\":null,\"snr\":null"));
    lora_rig_text(rig, "+TEST: LEN:4, RSSI:-49, SNR:12\r\n");
    lora_rig_until(rig, 6);
    lora_rig_text(rig, "+TEST: RX \"54455856\"\r\n");
    assert_non_null(strstr(lora_rig_records(rig), "\"54455856\",\"rssi\":null"));
    assert_int_equal(lora_rig_strays(rig, WEIR_R_CRC), 1);
    for (int i = 0; i < 12; i++) {
        lora_rig_text(rig, "+TEST: LEN:4, RSSI:-49, SNR:12\r\n");
    }
    assert_int_equal(lora_rig_strays(rig, WEIR_R_CRC), 5);
    lora_rig_close(rig);
}

static void malformed(void **state)
{
    static const char *const lines[] = {
        "+TEST: LEN:4, RSSI:-49\r\n",  "+TEST: LEN:400, RSSI:-49, SNR:12\r\n",
        "+TEST: RX \"5445585\"\r\n",   "+TEST: RX \"54455854\r\n",
        "+TEST: RX \"54455854\"x\r\n", "+CMSGHEX: PORT: 15; TX: \"48\"\r\n"
    };
    struct lora_rig *rig = raw_rig();
    size_t noise = 0;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        lora_rig_text(rig, lines[i]);
        noise += strlen(lines[i]);
    }
    assert_int_equal(lora_rig_strays(rig, WEIR_R_FRAME), 6);
    assert_int_equal(lora_rig_noise(rig), noise);
    assert_string_equal(lora_rig_records(rig), "");
    lora_rig_close(rig);
}

/* It restarts without a word: its mode tells. */
static void restarted(void **state)
{
    static const char *const asked[] = { "AT+MODE", "+MODE: LWABP", NULL };
    struct lora_rig *rig = raw_rig();
    lora_rig_until(rig, 60);
    lora_rig_dialogue(rig, asked);
    lora_rig_dialogue(rig, set_up);
    const char *log = lora_rig_log(rig);
    assert_non_null(strstr(log, "seeed-wio-e5 has restarted: it is set up again\n"));
    assert_non_null(strstr(log, "seeed-wio-e5 is set up and listens\n"));
    lora_rig_text(rig, "+RESET: OK\r\n");
    lora_rig_dialogue(rig, set_up);
    lora_rig_close(rig);
}

static void set_to_something_else(void **state)
{
    static const char *const dialogue[] = { "AT",
                                            "+AT: OK",
                                            "AT+MODE",
                                            "+MODE: TEST",
                                            "AT+TEST=RFCFG,866,SF12,125,12,12,14,OFF,OFF,ON",
                                            ECHO,
                                            "AT+TEST=RXLRPKT",
                                            "+TEST: ERROR(-12)",
                                            NULL };
    struct lora_rig_setup setup = raw_setup();
    setup.settings.crc = SWITCH_OFF;
    setup.settings.sync = 0x34;
    struct lora_rig *rig = lora_rig_open(&setup);
    lora_rig_dialogue(rig, dialogue);
    const char *log = lora_rig_log(rig);
    assert_non_null(strstr(log, "it says that it has set something else\n"));
    assert_non_null(strstr(log, "but 2 of its settings are not as configured\n"));
    lora_rig_close(rig);
    setup.settings.coding_rate = 1;
    setup.settings.sync = 7;
    setup.settings.power_dbm = 23;
    assert_string_equal(lora_rig_findings(&setup), "coding_rate: is no setting of seeed-wio-e5\n"
                                                   "sync: must be 18 (private) or 52 (LoRaWAN)\n"
                                                   "power_dbm: must be 22 or less\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vector),
        cmocka_unit_test(lorawan),
        cmocka_unit_test(interleaved),
        cmocka_unit_test(halves),
        cmocka_unit_test(malformed),
        cmocka_unit_test(restarted),
        cmocka_unit_test(set_to_something_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
