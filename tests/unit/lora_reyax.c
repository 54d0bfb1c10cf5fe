/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * REYAX: framing by length, set-up, silence, restart.
 */
#include "lora_rig.h"

#include <stdio.h>
#include <string.h>

#include "cmocka_all.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static struct lora_rig_setup raw_setup(void)
{
    struct lora_rig_setup setup = lora_rig_setup("reyax-rylr998");
    setup.devices[0].payload.kind = PAYLOAD_RAW;
    return setup;
}

static const char *const nothing_set[] = { "AT", "+OK", "AT+MODE?", "+MODE=0", NULL };

static struct lora_rig *raw_rig(void)
{
    struct lora_rig_setup setup = raw_setup();
    struct lora_rig *rig = lora_rig_open(&setup);
    lora_rig_dialogue(rig, nothing_set);
    return rig;
}

#define HELLO                                                                                      \
    "{\"time\":0,\"device\":\"a\",\"values\":{\"payload_hex\":\"48454c4c4f\",\"rssi\":-99,"        \
    "\"snr\":40,\"sender\":50}}\n"

/* L05, L06 */
static void vectors(void **state)
{
    struct lora_rig *rig = raw_rig();
    lora_rig_text(rig, "+RCV=50,5,HELLO,-99,40\r\n");
    assert_string_equal(lora_rig_records(rig), HELLO);
    lora_rig_text(rig, "+RCV=7,11,a,b=1,c\r\n,d,-61,9\r\n");
    assert_string_equal(lora_rig_records(rig),
                        "{\"time\":0,\"device\":\"a\",\"values\":{\"payload_hex\":"
                        "\"612c623d312c630d0a2c64\",\"rssi\":-61,\"snr\":9,\"sender\":7}}\n");
    assert_int_equal(lora_rig_noise(rig), 0);
    lora_rig_close(rig);
}

/* Whatever the pieces are: the time is that of the first byte. */
static void pieces(void **state)
{
    static const char wire[] = "+RCV=50,5,HELLO,-99,40\r\n+RCV=7,3,\r\n+,-61,-9\r\n";
    for (size_t cut = 1; cut < sizeof wire - 1; cut++) {
        struct lora_rig *rig = raw_rig();
        lora_rig_bytes(rig, wire, cut);
        lora_rig_until(rig, 0.4);
        lora_rig_bytes(rig, wire + cut, sizeof wire - 1 - cut);
        const char *records = lora_rig_records(rig);
        assert_memory_equal(records, HELLO, sizeof HELLO - 1);
        assert_string_equal(records + sizeof HELLO - 1,
                            cut <= 24 ? "{\"time\":0.4,\"device\":\"a\",\"values\":{\"payload_hex\""
                                        ":\"0d0a2b\",\"rssi\":-61,\"snr\":-9,\"sender\":7}}\n"
                                      : "{\"time\":0,\"device\":\"a\",\"values\":{\"payload_hex\""
                                        ":\"0d0a2b\",\"rssi\":-61,\"snr\":-9,\"sender\":7}}\n");
        assert_int_equal(lora_rig_noise(rig), 0);
        lora_rig_close(rig);
    }
}

static void malformed(void **state)
{
    static const char *const lines[] = {
        "+RCV=70000,5,HELLO,-99,40\r\n", "+RCV=,5,HELLO,-99,40\r\n",
        "+RCV=1,241,HELLO,-99,40\r\n",   "+RCV=1,4,HELLO,-99,40\r\n",
        "+RCV=1,6,HELLO,-99,40\r\n",     "+RCV=1,5,HELLO,x,40\r\n",
        "+RCV=1,5,HELLO,-99,\r\n",       "+RCV=1,5,HELLO,-99,4000\r\n",
        "+RCV=1,-5,HELLO,-9,4\r\n",      "+RCV=1,5,HELLO,-99,40,7\r\n",
        "+RCV=1,5,HELLO,-99\r\n",        "\0\1\2\r\n",
        "RCV=1,5,HELLO,-99,40\r\n",
    };
    for (size_t i = 0; i < COUNT(lines); i++) {
        struct lora_rig *rig = raw_rig();
        lora_rig_bytes(rig, lines[i], lines[i][0] ? strlen(lines[i]) : 5);
        assert_string_equal(lora_rig_records(rig), "");
        lora_rig_text(rig, "+RCV=50,5,HELLO,-99,40\r\n"); /* the next one is unharmed */
        assert_string_equal(lora_rig_records(rig), HELLO);
        assert_int_equal(lora_rig_noise(rig), lines[i][0] ? strlen(lines[i]) : 5);
        lora_rig_close(rig);
    }
}

/* A packet that is cut short takes in what follows, until it is clear that it is none. */
static void cut_short(void **state)
{
    struct lora_rig *rig = raw_rig();
    lora_rig_text(rig, "+RCV=9,200,abc\r\n+RCV=50,5,HELLO,-99,40\r\n");
    assert_string_equal(lora_rig_records(rig), "");
    lora_rig_until(rig, 3);
    assert_string_equal(lora_rig_records(rig), HELLO);
    assert_int_equal(lora_rig_strays(rig, WEIR_R_FRAME),
                     2); /* the packet, and its rest as a line */
    lora_rig_close(rig);
}

static void any_bytes(void **state)
{
    struct lora_rig *rig = raw_rig();
    for (int len = 0; len <= 240; len += 60) {
        uint8_t wire[300];
        int n = snprintf((char *)wire, sizeof wire, "+RCV=65535,%d,", len);
        for (int i = 0; i < len; i++) {
            wire[n++] = (uint8_t)(i * 7 + len);
        }
        n += snprintf((char *)wire + n, sizeof wire - (size_t)n, ",-120,-12\r\n");
        lora_rig_bytes(rig, wire, (size_t)n);
        const char *records = lora_rig_records(rig);
        assert_int_equal(strcspn(strstr(records, "hex\":\"") + 6, "\""), 2 * len);
        assert_non_null(strstr(records, "\"rssi\":-120,\"snr\":-12,\"sender\":65535}}"));
    }
    assert_int_equal(lora_rig_noise(rig), 0);
    lora_rig_close(rig);
}

/* ---- set-up */

static struct lora_rig_setup full_setup(void)
{
    struct lora_rig_setup setup = raw_setup();
    setup.settings.frequency_hz = 868100000;
    setup.settings.sf = 9;
    setup.settings.bandwidth_khz = 125;
    setup.settings.coding_rate = 1;
    setup.settings.preamble = 12;
    setup.settings.network = 5;
    setup.settings.address = 120;
    setup.settings.power_dbm = 14;
    return setup;
}

static const char *const all_right[] = { "AT",
                                         "+OK",
                                         "AT+MODE?",
                                         "+MODE=0",
                                         "AT+ADDRESS?",
                                         "+ADDRESS=120",
                                         "AT+NETWORKID?",
                                         "+NETWORKID=5",
                                         "AT+BAND?",
                                         "+BAND=868100000",
                                         "AT+PARAMETER?",
                                         "+PARAMETER=9,7,1,12",
                                         "AT+CRFOP?",
                                         "+CRFOP=14",
                                         NULL };

static void nothing_to_set(void **state)
{
    struct lora_rig_setup setup = full_setup();
    struct lora_rig *rig = lora_rig_open(&setup);
    lora_rig_dialogue(rig, all_right);
    assert_string_equal(lora_rig_log(rig), "reyax-rylr998 is set up and listens\n");
    lora_rig_until(rig, 50);
    assert_string_equal(lora_rig_sent(rig), "");
    lora_rig_close(rig);
}

/* Told, set and asked for again; refused and not kept is an error, and the rest goes on. */
static void set_again(void **state)
{
    static const char *const dialogue[] = {
        "AT",
        "+OK",
        "AT+MODE?",
        "+MODE=1",
        "AT+MODE=0",
        "+OK",
        "AT+MODE?",
        "+MODE=0",
        "AT+ADDRESS?",
        "+ADDRESS=0",
        "AT+ADDRESS=120",
        "+OK",
        "AT+ADDRESS?",
        "+ADDRESS=0",
        "AT+NETWORKID?",
        "+NETWORKID=18",
        "AT+NETWORKID=5",
        "+ERR=4",
        "AT+BAND?",
        "+BAND=868100000",
        "AT+PARAMETER?",
        "+PARAMETER=12,7,1,4",
        "AT+PARAMETER=9,7,1,12",
        "+OK",
        "AT+PARAMETER?",
        "+PARAMETER=9,7,1,12",
        "AT+CRFOP?",
        "+ERR=4",
        "AT+CRFOP=14",
        "+OK",
        "AT+CRFOP?",
        "+CRFOP=14",
        NULL,
    };
    struct lora_rig_setup setup = full_setup();
    struct lora_rig *rig = lora_rig_open(&setup);
    lora_rig_dialogue(rig, dialogue);
    assert_string_equal(
        lora_rig_log(rig),
        "reyax-rylr998: mode is 1, wanted 0\n"
        "reyax-rylr998: mode is not as configured: set\n"
        "reyax-rylr998: own_address is 0, wanted 120\n"
        "reyax-rylr998: own_address is not as configured: set\n"
        "reyax-rylr998: own_address: it does not keep what was set\n"
        "reyax-rylr998: network is 18, wanted 5\n"
        "reyax-rylr998: network is not as configured: set\n"
        "reyax-rylr998: network: it says \"+ERR=4\"\n"
        "reyax-rylr998: network: refused\n"
        "reyax-rylr998: sf, bandwidth_khz, coding_rate, preamble is 12,7,1,4, wanted 9,7,1,12\n"
        "reyax-rylr998: sf, bandwidth_khz, coding_rate, preamble is not as configured: set\n"
        "reyax-rylr998: power_dbm: it says \"+ERR=4\"\n"
        "reyax-rylr998 listens, but 2 of its settings are not as configured\n");
    lora_rig_close(rig);
}

/* A packet between question and answer is taken, and the answer too. */
static void packet_in_between(void **state)
{
    static const char *const dialogue[] = { "AT", "+RCV=50,5,HELLO,-99,40\r\n+OK", "AT+MODE?",
                                            "+MODE=0\r\n+RCV=50,2,ok,-99,40", NULL };
    struct lora_rig_setup setup = raw_setup();
    struct lora_rig *rig = lora_rig_open(&setup);
    lora_rig_dialogue(rig, dialogue);
    const char *records = lora_rig_records(rig);
    assert_memory_equal(records, HELLO, sizeof HELLO - 1);
    assert_non_null(strstr(records, "6f6b"));
    assert_non_null(strstr(lora_rig_log(rig), "is set up"));
    lora_rig_close(rig);
}

static void busy(void **state)
{
    static const char *const dialogue[] = { "AT",       "+ERR=17", "AT", "+OK",
                                            "AT+MODE?", "+MODE=0", NULL };
    struct lora_rig_setup setup = raw_setup();
    struct lora_rig *rig = lora_rig_open(&setup);
    lora_rig_dialogue(rig, dialogue);
    assert_non_null(strstr(lora_rig_log(rig), "is set up"));
    lora_rig_close(rig);
}

static void restarted(void **state)
{
    struct lora_rig_setup setup = full_setup();
    struct lora_rig *rig = lora_rig_open(&setup);
    lora_rig_dialogue(rig, all_right);
    lora_rig_log(rig);
    lora_rig_text(rig, "+READY\r\n");
    assert_string_equal(lora_rig_log(rig), "reyax-rylr998 has restarted: it is set up again\n");
    lora_rig_dialogue(rig, all_right);
    assert_string_equal(lora_rig_log(rig), "reyax-rylr998 is set up and listens\n");
    lora_rig_close(rig);
}

/* ---- silence */

static void alive(void **state)
{
    struct lora_rig *rig = raw_rig();
    lora_rig_until(rig, 50);
    lora_rig_text(rig, "+RCV=50,5,HELLO,-99,40\r\n"); /* a packet is a sign of life */
    lora_rig_until(rig, 109);
    assert_string_equal(lora_rig_sent(rig), "");
    lora_rig_until(rig, 110.5);
    assert_string_equal(lora_rig_sent(rig), "AT\n");
    lora_rig_text(rig, "+OK\r\n");
    lora_rig_until(rig, 165);
    assert_string_equal(lora_rig_sent(rig), "");
    lora_rig_until(rig, 171);
    assert_string_equal(lora_rig_sent(rig), "AT\n");
    assert_string_equal(lora_rig_done(rig), "");
    lora_rig_close(rig);
}

static void gone_and_back(void **state)
{
    struct lora_rig *rig = raw_rig();
    lora_rig_log(rig);
    lora_rig_until(rig, 67);
    assert_string_equal(lora_rig_sent(rig), "AT\nAT\nAT\nAT+RESET\n");
    assert_string_equal(lora_rig_log(rig), "reyax-rylr998 does not answer (AT)\n");
    assert_string_equal(lora_rig_done(rig), "device a timeout\n");
    lora_rig_until(rig, 600);
    assert_string_equal(lora_rig_log(rig), "");
    assert_string_equal(lora_rig_done(rig), "");
    assert_true(strlen(lora_rig_sent(rig)) < 300); /* patiently */
    lora_rig_text(rig, "+RESET\r\n+READY\r\n");
    lora_rig_dialogue(rig, nothing_set);
    assert_string_equal(lora_rig_log(rig), "reyax-rylr998 is set up and listens\n");
    assert_string_equal(lora_rig_done(rig), "device a ok\n");
    lora_rig_close(rig);
}

static void reset_line(void **state)
{
    struct lora_rig_setup setup = raw_setup();
    setup.settings.reset = "gpiochip0:17";
    struct lora_rig *rig = lora_rig_open(&setup);
    lora_rig_until(rig, 6.1);
    assert_string_equal(lora_rig_sent(rig), "AT\nAT\nAT\n");
    assert_string_equal(lora_rig_done(rig), "device a timeout\ngpiochip0:17=0\n");
    lora_rig_save(rig); /* killed while it holds the line */
    lora_rig_restore(rig);
    assert_string_equal(lora_rig_done(rig), "gpiochip0:17=0\n");
    lora_rig_until(rig, 6.5);
    assert_string_equal(lora_rig_done(rig), "gpiochip0:17=1\n");
    lora_rig_text(rig, "+READY\r\n");
    lora_rig_dialogue(rig, nothing_set);
    assert_string_equal(lora_rig_done(rig), "device a ok\n");
    lora_rig_close(rig);

    setup.gpio_error = -13;
    rig = lora_rig_open(&setup);
    lora_rig_until(rig, 6.1); /* without the line: by command */
    assert_string_equal(lora_rig_sent(rig), "AT\nAT\nAT\nAT+RESET\n");
    assert_non_null(strstr(lora_rig_log(rig), "GPIO line gpiochip0:17: Permission denied\n"));
    lora_rig_close(rig);
}

/* L08, and what nobody asked for */
static void unasked(void **state)
{
    struct lora_rig *rig = raw_rig();
    lora_rig_text(rig, "+ERR=12\r\n+ERR=19\r\n");
    assert_int_equal(lora_rig_strays(rig, WEIR_R_CRC), 2);
    lora_rig_text(rig, "+ERR=4\r\n+OK\r\n");
    assert_int_equal(lora_rig_strays(rig, WEIR_R_FOREIGN), 2);
    assert_int_equal(lora_rig_noise(rig), 0);
    lora_rig_text(rig, "\r\n");
    lora_rig_text(rig, "bootloader\r\n");
    assert_int_equal(lora_rig_noise(rig), 12);
    assert_string_equal(lora_rig_sent(rig), "");
    lora_rig_close(rig);
}

/* ---- settings */

static void findings(void **state)
{
    struct lora_rig_setup setup = full_setup();
    assert_null(lora_rig_findings(&setup));
    setup.settings.preamble = 8;
    assert_string_equal(lora_rig_findings(&setup), "preamble: must be 12 unless network is 18\n");
    setup.settings.network = 18;
    assert_null(lora_rig_findings(&setup));
    setup.settings.network = 16;
    assert_non_null(strstr(lora_rig_findings(&setup), "network: must lie between 3 and 15"));
    setup = full_setup();
    setup.settings.coding_rate = 0;
    assert_string_equal(lora_rig_findings(&setup), "sf: sf, bandwidth_khz, coding_rate, preamble: "
                                                   "set all of them or none\n");
    setup = full_setup();
    setup.settings.power_dbm = 23;
    setup.settings.crc = SWITCH_ON;
    setup.settings.m0 = "gpiochip0:1";
    setup.settings.reset = "17";
    setup.settings.bandwidth_khz = 130;
    setup.settings.frequency_hz = 868;
    setup.settings.sender_bytes = 2;
    assert_string_equal(
        lora_rig_findings(&setup),
        "frequency_hz: is in Hz: 868100000\ncrc: is no setting of reyax-rylr998\nm0: is no setting "
        "of reyax-rylr998\n"
        "bandwidth_khz: is none of LoRa's: 7.8, 10.4, 15.6, 20.8, 31.25, 41.7, 62.5, 125, 250, "
        "500\nreset: \"17\" is no GPIO line: write \"gpiochip0:17\"\nm1: m0 and m1 are needed "
        "both\npower_dbm: must lie between 0 and 22\nsender_bytes: reyax-rylr998 tells who sent\n");
    setup = raw_setup();
    setup.settings.module = "reyax";
    assert_string_equal(lora_rig_findings(&setup), "module: there is no module \"reyax\"\n");
    setup.settings.module = "";
    assert_non_null(strstr(lora_rig_findings(&setup), "model: the bus must name a model"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors),    cmocka_unit_test(pieces),
        cmocka_unit_test(malformed),  cmocka_unit_test(cut_short),
        cmocka_unit_test(any_bytes),  cmocka_unit_test(nothing_to_set),
        cmocka_unit_test(set_again),  cmocka_unit_test(packet_in_between),
        cmocka_unit_test(busy),       cmocka_unit_test(restarted),
        cmocka_unit_test(alive),      cmocka_unit_test(gone_and_back),
        cmocka_unit_test(reset_line), cmocka_unit_test(unasked),
        cmocka_unit_test(findings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
