/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Canoga: the request, the first look, counts, pairs of loops, and hits that XOR does not see.
 */
#include "cmocka_all.h"

#include <stdio.h>
#include <string.h>

#include "traffic_rig.h"

static const struct traffic_rig_setup card = { .family = "canoga-c900",
                                               .addresses = { 1 },
                                               .devices = 1 };
static const struct traffic_rig_setup paired = {
    .family = "canoga-c900", .addresses = { 1 }, .pairs = "1-2 3-4", .spacing_m = 4.5
};

struct look {
    uint32_t duration_ms, start_ms;
    uint8_t count;
};

static void put(uint8_t *bytes, uint32_t number, int count)
{
    for (int i = count; i-- > 0; number >>= 8) {
        bytes[i] = (uint8_t)number;
    }
}

static void answer_bytes(uint8_t bytes[37], struct look a, struct look b)
{
    struct look looks[] = { a, b, { 0 }, { 0 } };
    memset(bytes, 0, 37);
    for (int i = 0; i < 4; i++) {
        put(bytes + 9 * i, looks[i].duration_ms, 3);
        put(bytes + 9 * i + 3, looks[i].start_ms, 4);
        bytes[9 * i + 7] = looks[i].count;
    }
    for (int i = 0; i < 36; i++) {
        bytes[36] ^= bytes[i];
    }
}

static void answer(struct traffic_rig *rig, struct look a, struct look b)
{
    uint8_t bytes[37];
    answer_bytes(bytes, a, b);
    traffic_rig_bytes(rig, bytes, sizeof bytes);
}

#define NOTHING ((struct look){ 0 })
#define FIRST   ((struct look){ 250, 100000, 7 })

static void ask(struct traffic_rig *rig, double at)
{
    traffic_rig_until(rig, at);
}

static void vector(void **state)
{
    struct traffic_rig *rig = traffic_rig_open(&card);
    assert_string_equal(traffic_rig_sent(rig), "3c 30 38 01 2a 31 46 3e\n");
    answer(rig, FIRST, NOTHING);
    assert_string_equal(traffic_rig_records(rig), ""); /* may have been told before */
    ask(rig, 10);
    answer(rig, (struct look){ 300, 103000, 8 }, (struct look){ 200, 5000, 1 });
    assert_string_equal(
        traffic_rig_records(rig),
        "{\"time\":10,\"device\":\"a\",\"kind\":\"vehicle\",\"values\":{\"lane\":1,\"speed\":null,"
        "\"duration\":0.3,\"headway\":3,\"gap\":2.75,\"device_count\":8,\"missed\":0}}\n"
        "{\"time\":10,\"device\":\"a\",\"kind\":\"vehicle\",\"values\":{\"lane\":2,\"speed\":null,"
        "\"duration\":0.2,\"headway\":null,\"gap\":null,\"device_count\":1,\"missed\":0}}\n");
    traffic_rig_close(rig);
}

static void missed(void **state)
{
    struct traffic_rig *rig = traffic_rig_open(&card);
    answer(rig, (struct look){ 250, 100000, 254 }, NOTHING);
    ask(rig, 10);
    answer(rig, (struct look){ 250, 110000, 3 }, NOTHING); /* 255, 0, 1, 2 have gone */
    assert_non_null(strstr(traffic_rig_records(rig), "\"headway\":null,\"gap\":null,"
                                                     "\"device_count\":3,\"missed\":4"));
    assert_int_equal(traffic_rig_missed(rig), 4);
    ask(rig, 20);
    answer(rig, (struct look){ 250, 110000, 3 }, NOTHING);
    assert_string_equal(traffic_rig_records(rig), ""); /* the same one again */
    traffic_rig_close(rig);
}

/* The clock of the card runs round after 49.7 days; a reset card begins anew. */
static void wrap_and_reset(void **state)
{
    struct traffic_rig *rig = traffic_rig_open(&card);
    answer(rig, (struct look){ 250, 0xFFFFFF00, 7 }, NOTHING);
    ask(rig, 10);
    answer(rig, (struct look){ 300, 744, 8 }, NOTHING);
    assert_non_null(strstr(traffic_rig_records(rig), "\"headway\":1,\"gap\":0.75"));
    ask(rig, 20);
    answer(rig, NOTHING, NOTHING);
    ask(rig, 30);
    answer(rig, (struct look){ 300, 500, 1 }, NOTHING);
    assert_non_null(strstr(traffic_rig_records(rig), "\"headway\":null,\"gap\":null,"
                                                     "\"device_count\":1,\"missed\":0"));
    traffic_rig_close(rig);
}

/* Reset between two questions: its count tells nothing of those before. A quiet night is no reset.
 */
static void unseen_reset(void **state)
{
    struct traffic_rig *rig = traffic_rig_open(&card);
    answer(rig, (struct look){ 250, 500000000, 200 }, NOTHING);
    ask(rig, 10);
    answer(rig, (struct look){ 300, 9000, 2 }, NOTHING);
    assert_non_null(strstr(traffic_rig_records(rig), "\"headway\":null,\"gap\":null,"
                                                     "\"device_count\":2,\"missed\":null"));
    ask(rig, 20);
    answer(rig, (struct look){ 300, 12000, 3 }, NOTHING);
    assert_non_null(strstr(traffic_rig_records(rig), "\"headway\":3,\"gap\":2.7,"
                                                     "\"device_count\":3,\"missed\":0"));
    ask(rig, 30);
    answer(rig, (struct look){ 300, 90000000, 5 }, NOTHING);
    assert_non_null(strstr(traffic_rig_records(rig), "\"headway\":null,\"gap\":null,"
                                                     "\"device_count\":5,\"missed\":1"));
    assert_int_equal(traffic_rig_missed(rig), 1);
    traffic_rig_close(rig);
}

/* 4.5 m in 300 ms are 54 km/h; one vehicle, in the lane of the first loop. */
static void pairs(void **state)
{
    struct traffic_rig *rig = traffic_rig_open(&paired);
    answer(rig, FIRST, FIRST);
    ask(rig, 10);
    answer(rig, (struct look){ 300, 200000, 8 }, (struct look){ 300, 200300, 8 });
    const char *records = traffic_rig_records(rig);
    assert_non_null(strstr(records, "\"lane\":1,\"speed\":54,"));
    assert_null(strstr(strchr(records, '\n') + 1, "vehicle"));
    ask(rig, 20); /* one that was long over one of them and short over the other is not one */
    answer(rig, (struct look){ 900, 300000, 9 }, (struct look){ 300, 300300, 9 });
    assert_non_null(strstr(traffic_rig_records(rig), "\"lane\":1,\"speed\":null,"));
    traffic_rig_close(rig);
}

/* What XOR lets through: same begin with other fields, same count, too long. */
static void damaged(void **state)
{
    static const struct look looks[] = {
        { 250, 100000, 8 }, { 250, 100500, 7 }, { 251, 100000, 7 }, { 120001, 200000, 8 }
    };
    for (size_t i = 0; i < sizeof looks / sizeof *looks; i++) {
        struct traffic_rig *rig = traffic_rig_open(&card);
        answer(rig, FIRST, NOTHING);
        ask(rig, 10);
        answer(rig, looks[i], NOTHING);
        assert_string_equal(traffic_rig_records(rig), "");
        ask(rig, 20);
        answer(rig, looks[i], NOTHING);
        assert_int_equal(traffic_rig_strays(rig, WEIR_R_DECODE), 1); /* counted once */
        ask(rig, 30);
        answer(rig, (struct look){ 250, 110000, 9 }, NOTHING);
        assert_non_null(strstr(traffic_rig_records(rig), "\"device_count\":9,\"missed\":1"));
        traffic_rig_close(rig);
    }
}

static void killed(void **state)
{
    uint8_t bytes[37];
    struct traffic_rig *rig = traffic_rig_open(&card);
    answer(rig, FIRST, NOTHING);
    ask(rig, 10);
    answer_bytes(bytes, (struct look){ 300, 103000, 8 }, NOTHING);
    traffic_rig_bytes(rig, bytes, 20);
    traffic_rig_save(rig);
    traffic_rig_restore(rig);
    traffic_rig_bytes(rig, bytes + 20, 17);
    assert_non_null(strstr(traffic_rig_records(rig), "\"device_count\":8,\"missed\":0"));
    traffic_rig_save(rig);
    traffic_rig_restore(rig);
    ask(rig, 20);
    traffic_rig_bytes(rig, bytes, 37);
    assert_string_equal(traffic_rig_records(rig), "");
    traffic_rig_close(rig);
}

/* An answer that comes when nobody asked, and one of which the first byte was lost. */
static void stray(void **state)
{
    uint8_t bytes[37];
    struct traffic_rig *rig = traffic_rig_open(&card);
    answer(rig, FIRST, NOTHING);
    answer(rig, (struct look){ 300, 103000, 8 }, NOTHING);
    assert_string_equal(traffic_rig_records(rig), "");
    ask(rig, 10);
    answer_bytes(bytes, (struct look){ 300, 103000, 8 }, NOTHING);
    traffic_rig_bytes(rig, bytes + 1, 36);
    ask(rig, 20);
    assert_string_equal(traffic_rig_records(rig), "");
    traffic_rig_bytes(rig, bytes, 37);
    assert_non_null(strstr(traffic_rig_records(rig), "\"device_count\":8"));
    traffic_rig_close(rig);
}

/* The rest of an answer whose begin was lost, then one that nobody waited for any more: neither is
 * searched for what looks like an answer, though this one would be found. */
static void shifted(void **state)
{
    uint8_t bytes[38] = { 0xff }, late[37];
    struct traffic_rig *rig = traffic_rig_open(&card);
    answer(rig, FIRST, NOTHING);
    ask(rig, 10);
    answer_bytes(bytes + 1, (struct look){ 300, 103000, 8 }, NOTHING);
    traffic_rig_bytes(rig, bytes, sizeof bytes);
    assert_string_equal(traffic_rig_records(rig), "");
    assert_int_equal(traffic_rig_noise(rig), 38);
    ask(rig, 15); /* too late */
    answer_bytes(late, (struct look){ 300, 103000, 8 }, NOTHING);
    traffic_rig_bytes(rig, late, sizeof late);
    assert_string_equal(traffic_rig_records(rig), "");
    assert_int_equal(traffic_rig_strays(rig, WEIR_R_FOREIGN), 1);
    ask(rig, 20);
    traffic_rig_bytes(rig, late, sizeof late);
    assert_non_null(strstr(traffic_rig_records(rig), "\"device_count\":8,\"missed\":0"));
    traffic_rig_close(rig);
}

static void before(struct traffic_rig *rig)
{
    answer(rig, FIRST, NOTHING);
    ask(rig, 10);
}

/* A single bit: XOR sees it. */
static void hits(void **state)
{
    uint8_t bytes[37];
    answer_bytes(bytes, (struct look){ 300, 103000, 8 }, NOTHING);
    traffic_rig_mangle(&card, before, bytes, sizeof bytes, NULL);
    traffic_rig_random(&card, before, 2, 20000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vector),       cmocka_unit_test(missed),  cmocka_unit_test(wrap_and_reset),
        cmocka_unit_test(unseen_reset), cmocka_unit_test(shifted), cmocka_unit_test(pairs),
        cmocka_unit_test(damaged),      cmocka_unit_test(killed),  cmocka_unit_test(stray),
        cmocka_unit_test(hits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
