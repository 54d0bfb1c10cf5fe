/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The family line: models as weir reads them, lines in, records out. What is wrong with a model is
 * in tests/system/test_new_counter.py.
 */
#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "traffic_rig_counter.h"

static void gives(struct counter *c, const char *text, const char *records)
{
    traffic_rig_text(c->rig, text);
    assert_string_equal(traffic_rig_records(c->rig), records);
}

#define VEHICLE(values)                                                                            \
    "{\"time\":1,\"device\":\"a\",\"kind\":\"vehicle\",\"values\":{" values "}}\n"
#define INTERVAL(values)                                                                           \
    "{\"time\":1,\"device\":\"a\",\"kind\":\"interval\",\"values\":{" values "}}\n"

static const char csv_line[] = "1042,2026-11-22 12:00:03,2,1,63,455,2\r\n";
static const char csv_record[] = VEHICLE("\"lane\":2,\"direction\":\"approaching\",\"speed\":63,"
                                         "\"length\":4.55,\"vehicle_class\":\"car\","
                                         "\"device_count\":1042,\"missed\":0,"
                                         "\"device_time\":\"2026-11-22T12:00:03.000Z\"");

static void csv(void **state)
{
    struct counter c;
    counter_begin(&c, "model = \"line-csv\";", "");
    gives(&c, "number,time,lane,direction,speed,length,class\r\n# started\r\n", "");
    assert_int_equal(traffic_rig_strays(c.rig, WEIR_R_FOREIGN), 2);
    gives(&c, csv_line, csv_record);
    gives(&c, csv_line, ""); /* said again */
    gives(&c, "1045,2026-11-22 12:00:04,1,2,50,0,9\r\n",
          VEHICLE("\"lane\":1,\"direction\":\"departing\",\"speed\":50,\"length\":null,"
                  "\"vehicle_class\":\"other\",\"device_count\":1045,\"missed\":2,"
                  "\"device_time\":\"2026-11-22T12:00:04.000Z\""));
    assert_int_equal(traffic_rig_missed(c.rig), 2);
    assert_int_equal(traffic_rig_noise(c.rig), 0);
    counter_end(&c);
}

/* A reading each 250 ms: one vehicle until the direction turns or a second has passed. */
static void regex(void **state)
{
    struct counter c;
    counter_begin(&c, "model = \"line-regex\";", "");
    for (int i = 0; i < 4; i++) {
        char line[40];
        traffic_rig_until(c.rig, 1 + i * 0.25);
        snprintf(line, sizeof line, "+%03d km/h 0%d m\r\n", 60 + i, 50 - i);
        traffic_rig_text(c.rig, line);
    }
    traffic_rig_text(c.rig, "-030 km/h 020 m\r\n");
    assert_string_equal(traffic_rig_records(c.rig),
                        "{\"time\":1,\"device\":\"a\",\"kind\":\"vehicle\",\"values\":{"
                        "\"direction\":\"approaching\",\"speed\":63,\"duration\":0.75}}\n");
    traffic_rig_until(c.rig, 4);
    assert_non_null(strstr(traffic_rig_records(c.rig), "\"departing\",\"speed\":30"));
    traffic_rig_text(c.rig, "+63 km/h 042 m\r\n");
    assert_int_equal(traffic_rig_strays(c.rig, WEIR_R_FRAME), 1);
    counter_end(&c);
}

static const char pairs_17[] = "$CNT,no=17;lane=2;total=65530;truck=1204;occ=3.5;v=48.2*77\r\n";
static const char pairs_18[] = "$CNT,no=18;lane=2;total=4;truck=1206;occ=12.5;v=-*76\r\n";
static const char pairs_record[] =
    INTERVAL("\"lane\":2,\"vehicle_count\":10,\"speed_mean\":null,\"occupancy\":12.5,\"missed\":0,"
             "\"vehicle_count_truck\":2");

static void first_total(struct traffic_rig *rig)
{
    traffic_rig_until(rig, 1);
    traffic_rig_text(rig, pairs_17);
}

/* Totals that run round: what was added since the line before, lane by lane. */
static void keyvalue(void **state)
{
    struct counter c;
    counter_begin(&c, "model = \"line-keyvalue\";", "");
    gives(&c, pairs_17, "");
    gives(&c, pairs_18, pairs_record);
    gives(&c, pairs_18, "");
    gives(&c, "$CNT,no=21;lane=1;total=9;occ=0;v=0*3f\r\n", ""); /* the first of its lane */
    assert_int_equal(traffic_rig_missed(c.rig), 0);
    gives(&c, "$CNT,no=24;lane=1;total=9;occ=0;v=60*0c\r\n",
          INTERVAL("\"lane\":1,\"vehicle_count\":0,\"speed_mean\":96.561,\"occupancy\":0,"
                   "\"missed\":2,\"vehicle_count_truck\":null"));
    gives(&c, "$CNT,no=25;lane=1;total=9;occ=0;v=60*4b\r\n", "");
    assert_int_equal(traffic_rig_strays(c.rig, WEIR_R_CRC), 1);
    gives(&c, "$GPS,no=25\r\n\r\n", "");
    assert_int_equal(traffic_rig_strays(c.rig, WEIR_R_FOREIGN), 2);
    counter_end(&c);
}

static void json(void **state)
{
    struct counter c;
    counter_begin(&c, "model = \"line-json\";", "");
    gives(&c,
          "{\"event\":\"vehicle\",\"seq\":12,\"t\":1795348803.25,\"lane\":{\"no\":2,\"dir\":-1},"
          "\"v\":17.5,\"axles\":[2.6,3.1],\"cls\":\"T2\"}\n",
          VEHICLE("\"lane\":2,\"direction\":\"departing\",\"speed\":63,\"length\":3.1,"
                  "\"vehicle_class\":\"truck-trailer\",\"device_count\":12,\"missed\":0,"
                  "\"device_time\":\"2026-11-22T12:00:03.250Z\""));
    gives(&c,
          "{\"event\":\"vehicle\",\"seq\":14,\"t\":1795348804.5,\"lane\":{\"no\":1,\"dir\":1},"
          "\"v\":null,\"cls\":\"X\"}\n{\"event\":\"status\"}\n",
          VEHICLE("\"lane\":1,\"direction\":\"approaching\",\"speed\":null,\"length\":null,"
                  "\"vehicle_class\":\"other\",\"device_count\":14,\"missed\":1,"
                  "\"device_time\":\"2026-11-22T12:00:04.500Z\""));
    gives(&c, /* a whole second: a number has no decimals then */
          "{\"event\":\"vehicle\",\"seq\":15,\"t\":1795348805.0,\"lane\":{\"no\":1,\"dir\":1},"
          "\"v\":null,\"cls\":\"X\"}\n",
          VEHICLE("\"lane\":1,\"direction\":\"approaching\",\"speed\":null,\"length\":null,"
                  "\"vehicle_class\":\"other\",\"device_count\":15,\"missed\":0,"
                  "\"device_time\":\"2026-11-22T12:00:05.000Z\""));
    assert_int_equal(traffic_rig_strays(c.rig, WEIR_R_FOREIGN), 1);
    counter_end(&c);
}

/* Totals of channels; 32 bits run round, and a counter that was switched off begins anew. */
static void pulses(void **state)
{
    struct counter c;
    counter_begin(&c, "model = \"line-pulses\";", "");
    gives(&c, "time,channel,count\n1795348860,1,4294967290\n1795348860,2,7\n", "");
    gives(&c, "1795348920,1,4\n",
          INTERVAL("\"lane\":1,\"vehicle_count\":10,\"device_time\":\"2026-11-22T12:02:00.000Z\""));
    gives(&c, "1795348920,2,0\n", ""); /* switched off meanwhile */
    gives(&c, "1795348980,2,3\n",
          INTERVAL("\"lane\":2,\"vehicle_count\":3,\"device_time\":\"2026-11-22T12:03:00.000Z\""));
    gives(&c, "1795348980,1,4294967296\n1795348980,1,4.5\n1795348980,1\n", "");
    assert_true(traffic_rig_noise(c.rig) > 0);
    counter_end(&c);
}

/* Lines that are nearly right, of the shipped models: none is taken. */
static void refused(void **state)
{
    static const struct {
        const char *model, *line;
    } cases[] = {
        { "line-csv", "1042,2026-11-22 12:00:03,2,1,63,455\r\n" },
        { "line-csv", "1042,2026-11-22 12:00:03,2,1,63,455,2,\r\n" },
        { "line-csv", "1042,2026-11-22 12:00:03,9,1,63,455,2\r\n" },
        { "line-csv", "1042,2026-11-22 12:00:03,2,3,63,455,2\r\n" },
        { "line-csv", "1042,2026-11-22 12:00:03,2,1,301,455,2\r\n" },
        { "line-csv", "1042,2026-11-22 12:00:03,2,1,-63,455,2\r\n" },
        { "line-csv", "1042,2026-11-22 12:00:03,2,1,6x,455,2\r\n" },
        { "line-csv", "1042,2026-11-22 12:00:03,2,1,63,6001,2\r\n" },
        { "line-csv", "1042,2026-02-30 12:00:03,2,1,63,455,2\r\n" },
        { "line-csv", "1042,2026-11-22 12:60:03,2,1,63,455,2\r\n" },
        { "line-csv", "1042,2026-11-22 12:00:03Z,2,1,63,455,2\r\n" },
        { "line-csv", "1042,\"2026-11-22 12:00:03,2,1,63,455,2\r\n" },
        { "line-csv", "1042.5,2026-11-22 12:00:03,2,1,63,455,2\r\n" },
        { "line-csv", "65536,2026-11-22 12:00:03,2,1,63,455,2\r\n" },
        { "line-json", "{\"event\":\"vehicle\",\"seq\":12}\n" },
        { "line-json", "{\"event\":\"vehicle\",\"seq\":{}}\n" },
        { "line-json", "{\"event\":\"vehicle\",\n" },
        { "line-regex", "+063 km/h 042\r\n" },
        { "line-regex", " +063 km/h 042 m\r\n" },
        { "line-regex", "+063 km/h 042 m\x07\r\n" },
        { "line-regex", "+301 km/h 042 m\r\n" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct counter c;
        char bus[64];
        snprintf(bus, sizeof bus, "model = \"%s\";", cases[i].model);
        counter_begin(&c, bus, "");
        traffic_rig_text(c.rig, cases[i].line);
        traffic_rig_until(c.rig, 5);
        const char *records = traffic_rig_records(c.rig);
        if (records[0] || traffic_rig_noise(c.rig) != strlen(cases[i].line)) {
            fail_msg("%s made %s, noise %zu", cases[i].line, records, traffic_rig_noise(c.rig));
        }
        counter_end(&c);
    }
}

/* What the shipped models have not: other separators, commas for points, hex, quotes, joined
 * columns, a time without a day, a sum, control characters around a line. */
static void settings(void **state)
{
    struct counter c;
    counter_begin(
        &c,
        "family = \"line\"; format = \"csv\"; separator = \";\"; decimal = \",\"; "
        "checksum = \"sum\"; checksum_mark = \";\"; line_begin = \"\\x02\"; "
        "line_end = \"\\x03\";",
        "points = ( { name = \"device_time\"; field = 1; join = 2; form = \"%d.%m.%y "
        "%H:%M:%S,%f\"; "
        "utc_offset = 60; }, "
        "{ name = \"speed\"; field = 3; unit = \"ft/s\"; magnitude = true; }, "
        "{ name = \"direction\"; field = 3; map = [ \"<0=departing\", \">0=approaching\", "
        "\"*=none\" ]; }, "
        "{ name = \"device_count\"; field = 4; base = 16; }, "
        "{ name = \"range\"; field = 5; unit = \"m\"; scale = 0.5; offset = -2.0; }, "
        "{ name = \"vehicle_class\"; field = 6; } );");
    gives(&c,
          "\x02"
          "22.11.26;13:00:03,5;-100,0;00fF;17;\"big; \"\"wide\"\"\";3D\x03",
          VEHICLE("\"direction\":\"departing\",\"speed\":109.728,\"vehicle_class\":\"big; "
                  "\"wide\"\",\"range\":6.5,\"device_count\":255,"
                  "\"device_time\":\"2026-11-22T12:00:03.500Z\""));
    gives(&c, "22.11.26;13:00:03,5;-100.0;00fF;17;x;00\x03", "");
    assert_int_equal(traffic_rig_strays(c.rig, WEIR_R_CRC), 1);
    counter_end(&c);
    counter_begin(
        &c, "family = \"line\"; format = \"regex\"; pattern = \"(?<clock>\\\\S+) (?<lane>\\\\d)\";",
        "points = ( { name = \"lane\"; }, { name = \"device_time\"; group = \"clock\"; "
        "form = \"%H:%M\"; } );");
    traffic_rig_until(c.rig, 45000);
    gives(&c, "23:59 3\n",
          "{\"time\":45000,\"device\":\"a\",\"kind\":\"vehicle\",\"values\":{"
          "\"lane\":3,\"device_time\":\"2026-11-22T23:59:00.000Z\"}}\n");
    counter_end(&c);
}

/* The limits of a pattern that is a trap: told apart from lines that do not fit. */
static void limits(void **state)
{
    struct counter c;
    counter_begin(&c,
                  "family = \"line\"; format = \"regex\"; pattern = \"(?<lane>(\\\\d+)*)(!|-)\";",
                  "points = ( { name = \"lane\"; } );");
    traffic_rig_text(c.rig, "1111111111111111111111111111111111111111111111111111111111\n");
    assert_string_equal(traffic_rig_records(c.rig), "");
    assert_int_equal(traffic_rig_strays(c.rig, WEIR_R_EXCEPTION), 1);
    assert_int_equal(traffic_rig_noise(c.rig), 59);
    gives(&c, "7!\n", VEHICLE("\"lane\":7"));
    counter_end(&c);
}

/* Bytes that no checksum covers are all of a line; every cut is covered, by the number of fields,
 * the whole pattern, the closing brace, the checksum. */
static void mangled(void **state)
{
    static const char any[] =
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
    struct counter c;
    counter_load(&c, "model = \"line-keyvalue\";", "");
    traffic_rig_mangle(&c.setup, first_total, pairs_18, strlen(pairs_18), NULL);
    traffic_rig_random(&c.setup, NULL, 1, 2000);
    counter_end(&c);
    counter_load(&c, "model = \"line-csv\";", "");
    traffic_rig_mangle(&c.setup, first_total, csv_line, strlen(csv_line), any);
    traffic_rig_random(&c.setup, NULL, 2, 2000);
    counter_end(&c);
}

/* A bit that no checksum covers: what comes is within limits. */
static void limited(void **state)
{
    for (size_t bit = 0; bit < (sizeof csv_line - 3) * 8; bit++) {
        struct counter c;
        char copy[sizeof csv_line];
        counter_begin(&c, "model = \"line-csv\";", "");
        memcpy(copy, csv_line, sizeof copy);
        copy[bit / 8] = (char)(copy[bit / 8] ^ 1 << bit % 8);
        traffic_rig_bytes(c.rig, copy, sizeof csv_line - 1);
        const char *records = traffic_rig_records(c.rig), *at;
        if (records[0]) {
            assert_non_null(at = strstr(records, "\"lane\":"));
            assert_in_range(strtol(at + 7, NULL, 10), 0, 8);
            assert_non_null(at = strstr(records, "\"speed\":"));
            assert_in_range(strtol(at + 8, NULL, 10), 0, 300);
            assert_non_null(at = strstr(records, "\"length\":"));
            assert_in_range(strtol(at + 9, NULL, 10), 0, 60);
            assert_null(strstr(at, "vehicle\",\"values\"")); /* one record */
        }
        counter_end(&c);
    }
}

/* The running number, the totals and an open passage outlive the process. */
static void killed(void **state)
{
    struct counter c;
    counter_begin(&c, "model = \"line-keyvalue\";", "");
    gives(&c, pairs_17, "");
    traffic_rig_bytes(c.rig, pairs_18, 20);
    traffic_rig_save(c.rig);
    traffic_rig_bytes(c.rig, pairs_18 + 20, 5);
    traffic_rig_restore(c.rig);
    gives(&c, pairs_18 + 20, pairs_record);
    counter_end(&c);
    counter_begin(&c, "model = \"line-regex\";", "");
    gives(&c, "+050 km/h 100 m\r\n", "");
    traffic_rig_save(c.rig);
    traffic_rig_restore(c.rig);
    traffic_rig_until(c.rig, 3);
    assert_non_null(strstr(traffic_rig_records(c.rig), "\"speed\":50,\"duration\":0}"));
    counter_end(&c);
}

/* Numbers of another model are no numbers of this one. */
static void another(void **state)
{
    struct counter c, other;
    counter_begin(&c, "model = \"line-keyvalue\";", "");
    gives(&c, pairs_17, "");
    traffic_rig_save(c.rig);
    counter_load(&other, "model = \"line-keyvalue\";",
                 "points = ( { name = \"vehicle_count\"; key = \"truck\"; } );");
    traffic_rig_change(c.rig, other.setup.bus);
    gives(&c, pairs_18, ""); /* the first of its lane */
    counter_end(&c);
    counter_end(&other);
}

/* The line that was under way when the port was opened is no line; one that came later is. */
static void under_way(void **state)
{
    struct counter c;
    counter_load(&c, "model = \"line-csv\";", "");
    c.rig = traffic_rig_open(&c.setup);
    traffic_rig_text(c.rig, csv_line + 1); /* 042: looks whole */
    assert_string_equal(traffic_rig_records(c.rig), "");
    assert_int_equal(traffic_rig_noise(c.rig), strlen(csv_line) - 1);
    traffic_rig_until(c.rig, 1);
    gives(&c, csv_line, csv_record);
    traffic_rig_reopen(c.rig);
    gives(&c, csv_line + 1, "");
    counter_end(&c);
}

/* Garbage, a line without end, and then lines again. */
static void again(void **state)
{
    struct counter c;
    char rubbish[3001];
    memset(rubbish, 'x', sizeof rubbish - 1);
    rubbish[sizeof rubbish - 1] = 0;
    counter_begin(&c, "model = \"line-csv\";", "");
    gives(&c, rubbish, "");
    gives(&c, csv_line, ""); /* the end of the rubbish, as it seems */
    assert_true(traffic_rig_noise(c.rig) >= sizeof rubbish - 1 + strlen(csv_line));
    gives(&c, csv_line, csv_record);
    counter_end(&c);
}

/* Vehicles of a line counter are counted into intervals as those of any other. */
static void intervals(void **state)
{
    struct counter c;
    counter_begin(&c, "model = \"line-csv\"; interval = \"60s\"; vehicles = false;", "");
    gives(&c, csv_line, "");
    traffic_rig_until(c.rig, 61);
    const char *records = traffic_rig_records(c.rig);
    assert_non_null(strstr(records, "\"kind\":\"interval\""));
    assert_non_null(strstr(records, "\"vehicle_count\":1,"));
    assert_non_null(strstr(records, "\"vehicle_count_car\":1"));
    counter_end(&c);
}

/* Icoms TMA-3B3, set to text. */
static void icoms(void **state)
{
    struct counter c;
    counter_begin(&c, "model = \"icoms-tma-text\";", "");
    gives(&c, "TYP; DATETIME; SPEED; LENGTH\r\n", "");
    gives(&c, "001; 2026/11/22 17:50:28,370; 63; 4,5\r\n",
          VEHICLE("\"direction\":\"approaching\",\"speed\":63"));
    gives(&c, "030;2026/11/22 17:50:28,370;-50;4,5\n",
          VEHICLE("\"direction\":\"departing\",\"speed\":50"));
    gives(&c, "100; 2026/11/22 17:50:28,370; ; \n001; 2026/11/22 17:50:28,370; 301; 4,5\n", "");
    gives(&c, "001; 63; 4,5\n001; 2026/11/22 17:50:28,370; 6 3; 4,5\n", "");
    counter_end(&c);
}

/* Houston Radar DR500 that prints: a vehicle until nothing has moved for a second. */
static void houston(void **state)
{
    struct counter c;
    counter_begin(&c, "model = \"houston-dr500-text\";", "");
    traffic_rig_text(c.rig, "?000\r\n000\r\n054\r\n055\r\n053\r\n000\r\n0a5\r\n");
    traffic_rig_until(c.rig, 3);
    gives(&c, "", VEHICLE("\"direction\":null,\"speed\":88.514,\"duration\":0"));
    assert_int_equal(traffic_rig_strays(c.rig, WEIR_R_FRAME), 1);
    traffic_rig_text(c.rig, "+030\r-030\r");
    traffic_rig_until(c.rig, 6);
    const char *records = traffic_rig_records(c.rig);
    assert_non_null(strstr(records, "\"approaching\",\"speed\":48.28"));
    assert_non_null(strstr(records, "\"departing\",\"speed\":48.28"));
    counter_end(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(icoms),     cmocka_unit_test(houston),  cmocka_unit_test(csv),
        cmocka_unit_test(regex),     cmocka_unit_test(keyvalue), cmocka_unit_test(json),
        cmocka_unit_test(refused),   cmocka_unit_test(settings), cmocka_unit_test(limits),
        cmocka_unit_test(mangled),   cmocka_unit_test(limited),  cmocka_unit_test(killed),
        cmocka_unit_test(under_way), cmocka_unit_test(again),    cmocka_unit_test(intervals),
        cmocka_unit_test(another),   cmocka_unit_test(pulses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
