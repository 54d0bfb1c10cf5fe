/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * RAK with RUI3: events, set-up that leaves one alone that is right, receive armed again.
 */
#include "lora_rig.h"

#include <string.h>

#include "cmocka_all.h"

static struct lora_rig_setup setup_of(int64_t receive)
{
    struct lora_rig_setup setup = lora_rig_setup("rak-rui3");
    setup.settings.frequency_hz = 868000000;
    setup.settings.sf = 7;
    setup.settings.bandwidth_khz = 125;
    setup.settings.coding_rate = 1;
    setup.settings.preamble = 8;
    setup.settings.power_dbm = 14;
    setup.settings.receive = receive;
    return setup;
}

#define P2P  "AT+P2P=868000000:7:125:0:8:14"
#define DONE "\r\n\r\nOK"

static const char *const all_right[] = { "AT",         "\r\nOK",
                                         "AT+NWM=?",   "AT+NWM=0" DONE,
                                         "AT+P2P=?",   P2P DONE,
                                         "AT+PRECV=?", "AT+PRECV=P2P_RX_ON" DONE,
                                         NULL };

static struct lora_rig *rig_of(int64_t receive)
{
    struct lora_rig_setup setup = setup_of(receive);
    struct lora_rig *rig = lora_rig_open(&setup);
    lora_rig_dialogue(rig, all_right);
    assert_string_equal(lora_rig_log(rig), "rak-rui3 is set up and listens\n");
    return rig;
}

/* L09; either case */
static void vector(void **state)
{
    struct lora_rig *rig = rig_of(65534);
    lora_rig_text(rig, "+EVT:RXP2P:-37:12:03670110\r\n");
    assert_string_equal(lora_rig_records(rig),
                        "{\"time\":0,\"device\":\"a\",\"values\":{\"payload_hex\":\"03670110\","
                        "\"rssi\":-37,\"snr\":12,\"temperature_3\":27.2}}\n");
    lora_rig_text(rig, "+EVT:RXP2P:-110:-7:0367FfD1\r\n");
    assert_non_null(
        strstr(lora_rig_records(rig), "\"rssi\":-110,\"snr\":-7,\"temperature_3\":-4.7"));
    assert_string_equal(lora_rig_sent(rig), ""); /* it goes on receiving */
    lora_rig_close(rig);
}

static void malformed(void **state)
{
    static const char *const lines[] = { "+EVT:RXP2P:-37:12:0367011\r\n",
                                         "+EVT:RXP2P:-37:0367\r\n",
                                         "+EVT:RXP2P:x:12:0367\r\n",
                                         "+EVT:RXP2P:-37:12:03 67\r\n",
                                         "+EVT:RX_1:-37:12:UNICAST:300:03\r\n",
                                         "+EVT:RX_1:-37:12:UNICAST\r\n",
                                         "+EVT:RX_" };
    struct lora_rig *rig = rig_of(65534);
    size_t noise = 0;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        lora_rig_text(rig, lines[i]);
        noise += strlen(lines[i]);
    }
    lora_rig_text(rig, "\r\n");
    assert_int_equal(lora_rig_noise(rig), noise + 2);
    assert_int_equal(lora_rig_strays(rig, WEIR_R_FRAME), 7);
    char line[600] = "+EVT:RXP2P:-37:12:";
    memset(line + strlen(line), 'A', 512); /* one byte more than a radio can send */
    lora_rig_text(rig, line);
    lora_rig_text(rig, "\r\n");
    assert_int_equal(lora_rig_strays(rig, WEIR_R_FRAME), 8);
    assert_string_equal(lora_rig_records(rig), "");
    lora_rig_close(rig);
}

/* Settings are refused while it receives: it is stopped first. */
static void set_again(void **state)
{
    static const char *const dialogue[] = {
        "AT",
        "\r\nOK",
        "AT+NWM=?",
        "AT+NWM=0" DONE,
        "AT+P2P=?",
        "AT+P2P=868000000:12:125:0:8:14" DONE,
        "AT+PRECV=0",
        "\r\nOK",
        "AT+P2P=?",
        "AT+P2P=868000000:12:125:0:8:14" DONE,
        P2P,
        "P2P_RX_ON already, please disable P2P RX before setting.\r\nAT_BUSY_ERROR",
        P2P,
        "\r\nOK",
        "AT+P2P=?",
        "AT+P2P=868000000:7:0:0:8:14:0" DONE, /* newer: 0 is 125 kHz; one field more */
        "AT+PRECV=?",
        "AT+PRECV=P2P_RX_OFF" DONE,
        "AT+PRECV=65534",
        "\r\nOK",
        "AT+PRECV=?",
        "AT+PRECV=P2P_RX_ON" DONE,
        NULL,
    };
    struct lora_rig_setup setup = setup_of(65534);
    struct lora_rig *rig = lora_rig_open(&setup);
    lora_rig_dialogue(rig, dialogue);
    const char *log = lora_rig_log(rig);
    assert_non_null(strstr(log, "is 868000000:12:125:0:8:14, wanted 868000000:7:125:0:8:14"));
    assert_non_null(strstr(log, "rak-rui3 is set up and listens\n"));
    lora_rig_close(rig);
}

/* The change of its mode restarts it. */
static void was_in_a_lorawan(void **state)
{
    static const char *const dialogue[] = {
        "AT",
        "\r\nOK",
        "AT+NWM=?",
        "AT+NWM=1" DONE,
        "AT+NWM=0",
        "RAKwireless RAK3172-E\r\n----------\r\nVersion: RUI_4.0.6\r\nCurrent Work Mode: LoRa P2P.",
        NULL,
    };
    struct lora_rig_setup setup = setup_of(65534);
    struct lora_rig *rig = lora_rig_open(&setup);
    lora_rig_dialogue(rig, dialogue);
    lora_rig_dialogue(rig, all_right);
    assert_int_equal(lora_rig_noise(rig), 0);
    lora_rig_close(rig);
}

static void armed_again(void **state)
{
    static const char *const again[] = { "AT+PRECV=65535", "\r\nOK", NULL };
    static const char *const asked[] = { "AT+PRECV=?",
                                         "AT+PRECV=P2P_RX_OFF" DONE,
                                         "AT+PRECV=65534",
                                         "\r\nOK",
                                         "AT+PRECV=?",
                                         "AT+PRECV=P2P_RX_ON" DONE,
                                         NULL };
    struct lora_rig *rig = rig_of(65535);
    for (int i = 0; i < 3; i++) {
        lora_rig_text(rig, "+EVT:RXP2P:-37:12:03670110\r\n");
        lora_rig_dialogue(rig, again);
    }
    lora_rig_text(rig, "+EVT:RXP2P:-37:12:036701x0\r\n"); /* damaged: it rests all the same */
    lora_rig_dialogue(rig, again);
    lora_rig_text(rig, "+EWT:RXP2P:-37:12:03670110\r\n");
    lora_rig_dialogue(rig, again);
    assert_string_equal(lora_rig_log(rig), ""); /* as usual */
    lora_rig_close(rig);
    rig = rig_of(65534);
    lora_rig_text(rig, "+EVT:RXP2P RECEIVE TIMEOUT\r\n");
    lora_rig_dialogue(rig, asked);
    lora_rig_text(rig, "+EVT:RXP2P RECEIVE ERROR\r\n");
    lora_rig_dialogue(rig, asked);
    assert_int_equal(lora_rig_strays(rig, WEIR_R_CRC), 1);
    lora_rig_until(rig, 61); /* and each minute: does it still receive? */
    lora_rig_dialogue(rig, asked);
    assert_string_equal(lora_rig_done(rig), "");
    lora_rig_close(rig);
}

/* A packet while the answer to something is awaited: nothing is forgotten. */
static void packet_in_between(void **state)
{
    static const char *const dialogue[] = {
        "AT+PRECV=?",
        "+EVT:RXP2P:-37:12:03670110\r\nAT+PRECV=P2P_RX_OFF" DONE,
        "AT+PRECV=65535",
        "\r\nOK",
        "AT+PRECV=?",
        "AT+PRECV=P2P_RX_ON" DONE,
        "AT+PRECV=65535",
        "\r\nOK",
        NULL
    };
    struct lora_rig *rig = rig_of(65535);
    lora_rig_until(rig, 61);
    lora_rig_dialogue(rig, dialogue);
    assert_non_null(strstr(lora_rig_records(rig), "27.2"));
    lora_rig_close(rig);
}

static void lorawan(void **state)
{
    static const char *const dialogue[] = { "AT", "\r\nOK", NULL };
    struct lora_rig_setup setup = setup_of(65534);
    setup.settings.lorawan = true;
    struct lora_rig *rig = lora_rig_open(&setup);
    lora_rig_dialogue(rig, dialogue);
    lora_rig_text(rig, "+EVT:RX_1:-37:12:UNICAST:5:03670110\r\n+EVT:JOINED\r\n");
    assert_non_null(strstr(lora_rig_records(rig), "\"rssi\":-37,\"snr\":12,\"port\":5,"
                                                  "\"temperature_3\":27.2"));
    lora_rig_until(rig, 61);
    assert_string_equal(lora_rig_sent(rig), "AT\n");
    lora_rig_close(rig);
}

static void findings(void **state)
{
    struct lora_rig_setup setup = setup_of(65534);
    setup.device_count = 2;
    setup.devices[1] = setup.devices[0];
    setup.devices[1].address = 7;
    assert_string_equal(lora_rig_findings(&setup),
                        "address: rak-rui3 does not tell who sent: see sender_bytes\n");
    setup.settings.sender_bytes = 1;
    assert_null(lora_rig_findings(&setup));
    setup.settings.power_dbm = 23;
    setup.settings.bandwidth_khz = 62.5;
    assert_string_equal(lora_rig_findings(&setup), "bandwidth_khz: must be 125, 250 or 500\n"
                                                   "power_dbm: must lie between 5 and 22\n");
    setup = setup_of(65534);
    setup.settings.frequency_hz = 0;
    assert_string_equal(lora_rig_findings(&setup),
                        "frequency_hz: must be set: rak-rui3 takes its radio settings in one "
                        "command\n");
}

/* The packet says who sent it. */
static void sender_in_front(void **state)
{
    struct lora_rig_setup setup = setup_of(65534);
    setup.settings.sender_bytes = 2;
    setup.devices[0].address = 0x1234;
    struct lora_rig *rig = lora_rig_open(&setup);
    lora_rig_dialogue(rig, all_right);
    lora_rig_text(rig, "+EVT:RXP2P:-37:12:341203670110\r\n+EVT:RXP2P:-37:12:341303670110\r\n");
    assert_string_equal(lora_rig_records(rig),
                        "{\"time\":0,\"device\":\"a\",\"values\":{\"payload_hex\":\"03670110\","
                        "\"rssi\":-37,\"snr\":12,\"sender\":4660,\"temperature_3\":27.2}}\n");
    lora_rig_text(rig, "+EVT:RXP2P:-37:12:34\r\n");
    assert_int_equal(lora_rig_strays(rig, WEIR_R_DECODE), 1);
    lora_rig_close(rig);
    setup.settings.sender_order = 1;
    rig = lora_rig_open(&setup);
    lora_rig_dialogue(rig, all_right);
    lora_rig_text(rig, "+EVT:RXP2P:-37:12:123403670110\r\n");
    assert_non_null(strstr(lora_rig_records(rig), "\"sender\":4660"));
    lora_rig_close(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vector),          cmocka_unit_test(malformed),
        cmocka_unit_test(set_again),       cmocka_unit_test(was_in_a_lorawan),
        cmocka_unit_test(armed_again),     cmocka_unit_test(packet_in_between),
        cmocka_unit_test(lorawan),         cmocka_unit_test(findings),
        cmocka_unit_test(sender_in_front),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
