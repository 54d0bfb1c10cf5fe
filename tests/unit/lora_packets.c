/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * What is the same for all modules: whose a packet is, repeats, gaps, sealed packets, shapes, and a
 * process that is killed.
 */
#include "lora_rig.h"

#include <stdio.h>
#include <string.h>

#include "cmocka_all.h"

/* A REYAX whose set-up is left behind. */
static struct lora_rig *rig_of(const struct lora_rig_setup *setup)
{
    static const char *const dialogue[] = { "AT", "+OK", "AT+MODE?", "+MODE=0", NULL };
    struct lora_rig *rig = lora_rig_open(setup);
    lora_rig_dialogue(rig, dialogue);
    lora_rig_log(rig);
    return rig;
}

static struct lora_rig_setup setup_of(int kind)
{
    struct lora_rig_setup setup = lora_rig_setup("reyax-rylr998");
    setup.devices[0].payload.kind = kind;
    return setup;
}

static void from(struct lora_rig *rig, unsigned sender, const char *bytes, size_t len)
{
    char wire[400];
    int n = snprintf(wire, sizeof wire, "+RCV=%u,%zu,", sender, len);
    memcpy(wire + n, bytes, len);
    n += (int)len;
    n += snprintf(wire + n, sizeof wire - (size_t)n, ",-60,7\r\n");
    lora_rig_bytes(rig, wire, (size_t)n);
}

static void say(struct lora_rig *rig, unsigned sender, const char *text)
{
    from(rig, sender, text, strlen(text));
}

static size_t lines_of(const char *text)
{
    size_t n = 0;
    for (; (text = strchr(text, '\n')); text++) {
        n++;
    }
    return n;
}

static void decoded(void **state)
{
    struct lora_rig_setup setup = setup_of(PAYLOAD_LPP);
    struct lora_rig *rig = rig_of(&setup);
    from(rig, 12, "\x03\x67\x01\x10\x02\x68\x6c", 7);
    assert_string_equal(lora_rig_records(rig),
                        "{\"time\":0,\"device\":\"a\",\"values\":{\"payload_hex\":"
                        "\"0367011002686c\",\"rssi\":-60,\"snr\":7,\"sender\":12,"
                        "\"temperature_3\":27.2,\"humidity_2\":54}}\n");
    /* what is no such packet is a record too: bytes, and what stood before the error */
    from(rig, 12, "\x03\x67\x01\x10\x02\x63", 6);
    assert_non_null(strstr(lora_rig_records(rig), "\"sender\":12,\"temperature_3\":27.2}}"));
    assert_non_null(strstr(lora_rig_log(rig), "a: packet of 6 bytes has a type or id that nobody"));
    assert_int_equal(lora_rig_strays(rig, WEIR_R_DECODE), 1);
    lora_rig_close(rig);
}

/* A value may not be called as the record's own. */
static void own_names(void **state)
{
    struct lora_rig_setup setup = setup_of(PAYLOAD_JSON);
    struct lora_rig *rig = rig_of(&setup);
    say(rig, 1, "{\"rssi\":1,\"time\":2,\"payload_hex\":3,\"x\":4}");
    assert_non_null(strstr(lora_rig_records(rig),
                           "\"rssi\":-60,\"snr\":7,\"sender\":1,\"payload.rssi\":1,"
                           "\"payload.time\":2,\"payload.payload_hex\":3,\"x\":4}}"));
    lora_rig_close(rig);
    struct payload_point point = {
        .type = PAYLOAD_NUMBER, .at = -1, .id = -1, .bit = -1, .bits = 1, .key = "", .scale = 1
    };
    setup.points[0] = (struct weir_device_point){ .name = "snr", .unit = "", .options = &point };
    setup.point_count = 1;
    assert_string_equal(lora_rig_findings(&setup),
                        "name: is a point of every packet: choose another name\n");
}

/* Who can send must not be able to fill our memory with shapes; also not a process later. */
static void shapes(void **state)
{
    struct lora_rig_setup setup = setup_of(PAYLOAD_TEXT);
    struct lora_rig *rig = rig_of(&setup);
    char text[40];
    for (int i = 0; i < 40; i++) {
        snprintf(text, sizeof text, "v%d=1", i);
        say(rig, 1, text);
        snprintf(text, sizeof text, "\"v%d\":1", i);
        const char *records = lora_rig_records(rig);
        assert_int_equal(strstr(records, text) != NULL, i < SHAPES_MAX);
        assert_int_equal(lines_of(records), 1);
        if (i == 30) {
            lora_rig_save(rig);
            lora_rig_restore(rig);
        }
    }
    assert_int_equal(lines_of(lora_rig_log(rig)), 1);
    say(rig, 1, "v3=2");
    assert_non_null(strstr(lora_rig_records(rig), "\"v3\":2"));
    lora_rig_close(rig);
}

static void whose(void **state)
{
    struct lora_rig_setup setup = setup_of(PAYLOAD_RAW);
    setup.device_count = 3;
    setup.devices[1] = setup.devices[2] = setup.devices[0];
    setup.devices[0].address = 7;
    setup.devices[2].address = 0;
    struct lora_rig *rig = rig_of(&setup);
    say(rig, 7, "x");
    assert_non_null(strstr(lora_rig_records(rig), "\"device\":\"a\""));
    say(rig, 0, "x");
    assert_non_null(strstr(lora_rig_records(rig), "\"device\":\"c\""));
    say(rig, 8, "x");
    const char *records = lora_rig_records(rig);
    assert_non_null(strstr(records, "\"device\":\"b\""));
    assert_non_null(strstr(records, "\"sender\":8"));
    lora_rig_close(rig);
    setup.devices[2].address = 7;
    assert_string_equal(lora_rig_findings(&setup),
                        "address: a has the same: one device for each sender\n");
    setup.devices[2].address = -1;
    assert_string_equal(lora_rig_findings(&setup),
                        "address: b has the same: only one device is for everything else\n");
}

/* Nobody's: one line in the log each, and counted. */
static void nobodys(void **state)
{
    struct lora_rig_setup setup = setup_of(PAYLOAD_RAW);
    setup.devices[0].address = 7;
    struct lora_rig *rig = rig_of(&setup);
    say(rig, 8, "x");
    say(rig, 8, "y");
    say(rig, 9, "x");
    lora_rig_save(rig);
    lora_rig_restore(rig);
    say(rig, 9, "y");
    assert_string_equal(lora_rig_records(rig), "");
    assert_int_equal(lora_rig_strays(rig, WEIR_R_FOREIGN), 4);
    assert_int_equal(lines_of(lora_rig_log(rig)), 2);
    for (unsigned i = 100; i < 1000; i++) {
        say(rig, i, "x");
    }
    assert_int_equal(lines_of(lora_rig_log(rig)), UNKNOWN_MAX - 2);
    assert_int_equal(lora_rig_strays(rig, WEIR_R_FOREIGN), 904);
    lora_rig_close(rig);
}

static void repeats(void **state)
{
    struct lora_rig_setup setup = setup_of(PAYLOAD_RAW);
    struct lora_rig *rig = rig_of(&setup);
    say(rig, 1, "x");
    say(rig, 2, "x"); /* another sender */
    say(rig, 1, "y");
    assert_int_equal(lines_of(lora_rig_records(rig)), 3);
    lora_rig_until(rig, 9.9);
    lora_rig_save(rig);
    lora_rig_restore(rig);
    say(rig, 1, "x");
    assert_string_equal(lora_rig_records(rig), "");
    assert_int_equal(lora_rig_strays(rig, WEIR_R_FOREIGN), 1);
    lora_rig_until(rig, 10);
    say(rig, 1, "x");
    assert_int_equal(lines_of(lora_rig_records(rig)), 1);
    lora_rig_close(rig);
    setup.settings.duplicate_ns = 0;
    rig = rig_of(&setup);
    say(rig, 1, "x");
    say(rig, 1, "x");
    assert_int_equal(lines_of(lora_rig_records(rig)), 2);
    lora_rig_close(rig);
}

/* Each sender counts for itself, also those that share a device. */
static void gaps(void **state)
{
    struct lora_rig_setup setup = setup_of(PAYLOAD_TEXT);
    setup.devices[0].payload.counter = "n";
    setup.devices[0].payload.counter_width = 0;
    struct lora_rig *rig = rig_of(&setup);
    say(rig, 1, "n=254");
    assert_non_null(strstr(lora_rig_records(rig), "\"missed\":0,\"n\":254"));
    say(rig, 2, "n=7");
    assert_non_null(strstr(lora_rig_records(rig), "\"missed\":0"));
    say(rig, 1, "n=1");
    assert_non_null(strstr(lora_rig_records(rig), "\"missed\":2"));
    lora_rig_save(rig);
    lora_rig_restore(rig);
    say(rig, 2, "n=10");
    assert_non_null(strstr(lora_rig_records(rig), "\"missed\":2"));
    assert_int_equal(lora_rig_missed(rig), 4);
    lora_rig_until(rig, 60);
    say(rig, 1, "n=1"); /* much later, and still the same packet */
    assert_string_equal(lora_rig_records(rig), "");
    say(rig, 1, "n=1,t=5"); /* the same number, and another packet: it began anew */
    assert_non_null(strstr(lora_rig_records(rig), "\"missed\":0"));
    say(rig, 1, "n=0,t=5");
    assert_non_null(strstr(lora_rig_records(rig), "\"missed\":0"));
    assert_int_equal(lora_rig_missed(rig), 4);
    lora_rig_close(rig);
}

/* The packet of docs/payloads.md. */
static const char sealed_packet[] = "\x01\x00\x00\x00\x60\x74\x1A\x20\xE4\x55\x99\x7B\x13\xF3\x12";

static void sealed(void **state)
{
    struct lora_rig_setup setup = setup_of(PAYLOAD_LPP);
    setup.devices[0].seal.key = "00112233445566778899AABBCCDDEEFF";
    setup.devices[0].seal.tag = 0;
    struct lora_rig *rig = rig_of(&setup);
    from(rig, 13, sealed_packet, 15); /* of another sender: the tag says so */
    assert_string_equal(lora_rig_records(rig), "");
    assert_non_null(strstr(lora_rig_log(rig), "sealed_tag"));
    from(rig, 12, sealed_packet, 15);
    assert_non_null(strstr(lora_rig_records(rig),
                           "\"payload_hex\":\"0367011002686c\",\"rssi\":-60,\"snr\":7,"
                           "\"sender\":12,\"missed\":0,\"temperature_3\":27.2,\"humidity_2\":54"));
    lora_rig_save(rig);
    lora_rig_restore(rig);
    lora_rig_until(rig, 3600);
    from(rig, 12, sealed_packet, 15); /* played back */
    assert_string_equal(lora_rig_records(rig), "");
    assert_non_null(strstr(lora_rig_log(rig), "sealed_replay"));
    from(rig, 12, sealed_packet, 7);
    assert_non_null(strstr(lora_rig_log(rig), "sealed_short"));
    assert_int_equal(lora_rig_strays(rig, WEIR_R_CRC), 2);
    lora_rig_close(rig);
    setup.devices[0].seal.key = "0011";
    assert_string_equal(lora_rig_findings(&setup), "seal_key: must be 32 hexadecimal digits\n");
}

/* The computer is started anew: what was played back before is not taken again, what came between
 * is counted if the end was orderly. Of many senders on one device nothing is known any more. */
static void sealed_resumed(void **state)
{
    struct lora_rig_setup setup = setup_of(PAYLOAD_LPP);
    setup.devices[0].seal.key = "00112233445566778899AABBCCDDEEFF";
    setup.devices[0].seal.tag = 0;
    for (int known = 0; known < 2; known++) {
        setup.devices[0].address = known ? 12 : -1;
        struct lora_rig *rig = rig_of(&setup);
        from(rig, 12, sealed_packet, 15);
        assert_non_null(strstr(lora_rig_records(rig), "\"sender\":12"));
        lora_rig_resume(rig, false);
        from(rig, 12, sealed_packet, 15);
        assert_int_equal(lines_of(lora_rig_records(rig)), !known);
        assert_true(!known || strstr(lora_rig_log(rig), "sealed_replay"));
        lora_rig_close(rig);
    }
}

/* Under another key nothing is known of a sender, and a number of the old one is none. */
static void sealed_anew(void **state)
{
    struct lora_rig_setup setup = setup_of(PAYLOAD_LPP);
    const char *key = "00112233445566778899AABBCCDDEEFF";
    setup.devices[0].seal.key = key;
    setup.devices[0].seal.tag = 0;
    setup.devices[0].address = 12;
    for (int lost = 0; lost < 2; lost++) {
        struct lora_rig *rig = rig_of(&setup);
        from(rig, 12, sealed_packet, 15);
        lora_rig_settings(rig)->devices[0].seal.key = "FF112233445566778899AABBCCDDEEFF";
        lora_rig_save(rig);
        if (lost) {
            lora_rig_resume(rig, true);
        } else {
            lora_rig_restore(rig);
        }
        lora_rig_settings(rig)->devices[0].seal.key = key;
        lora_rig_save(rig);
        lora_rig_restore(rig);
        lora_rig_records(rig);
        lora_rig_until(rig, 3600);
        from(rig, 12, sealed_packet, 15);
        assert_int_equal(lines_of(lora_rig_records(rig)), 1);
        lora_rig_close(rig);
    }
}

static void gaps_resumed(void **state)
{
    struct lora_rig_setup setup = setup_of(PAYLOAD_TEXT);
    setup.devices[0].payload.counter = "n";
    setup.devices[0].payload.counter_width = 0;
    setup.devices[0].address = 1;
    struct lora_rig *rig = rig_of(&setup);
    say(rig, 1, "n=254");
    lora_rig_resume(rig, true);
    say(rig, 1, "n=1");
    assert_int_equal(lora_rig_missed(rig), 2);
    lora_rig_resume(rig, false); /* may have been delivered before the power was cut */
    say(rig, 1, "n=9");
    assert_int_equal(lora_rig_missed(rig), 2);
    say(rig, 1, "n=11");
    assert_int_equal(lora_rig_missed(rig), 3);
    lora_rig_close(rig);
}

/* Killed in the middle of a packet, and after each byte of a set-up. */
static void killed(void **state)
{
    struct lora_rig_setup setup = setup_of(PAYLOAD_RAW);
    struct lora_rig *rig = lora_rig_open(&setup);
    static const char wire[] = "+OK\r\n+MODE=0\r\n+RCV=5,4,a\r\nb,-60,7\r\n";
    for (size_t i = 0; i < sizeof wire - 1; i++) {
        lora_rig_bytes(rig, wire + i, 1);
        lora_rig_save(rig);
        lora_rig_restore(rig);
    }
    assert_non_null(strstr(lora_rig_records(rig), "\"payload_hex\":\"610d0a62\""));
    assert_string_equal(lora_rig_sent(rig), "AT\nAT+MODE?\n");
    assert_int_equal(lora_rig_noise(rig), 0);
    lora_rig_close(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decoded),      cmocka_unit_test(own_names),
        cmocka_unit_test(shapes),       cmocka_unit_test(whose),
        cmocka_unit_test(nobodys),      cmocka_unit_test(repeats),
        cmocka_unit_test(gaps),         cmocka_unit_test(sealed),
        cmocka_unit_test(killed),       cmocka_unit_test(sealed_resumed),
        cmocka_unit_test(gaps_resumed), cmocka_unit_test(sealed_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
