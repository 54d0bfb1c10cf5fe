/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * From a configuration to values: the rows of payload.h and sealed.h as an adapter has them among
 * its own, filled by the real reader, with the examples of docs/payloads.md.
 */
#include "lora_payload_rig.h"

#include <string.h>

#include "config_rig.h"
#include "sealed.h"

/* An adapter's structs, with something of its own in each. */
struct radio_device {
    int64_t address;
    struct payload_options payload;
    struct sealed_options seal;
};
struct radio_point {
    struct payload_point payload; /* first: the plan finds it so */
    int64_t colour;
};

static const struct weir_option device_rows[] = {
    { .name = "address",
      .type = WEIR_OPTION_INT,
      .offset = offsetof(struct radio_device, address),
      .max = 65535 },
    PAYLOAD_DEVICE_ROWS(struct radio_device, payload),
    SEALED_ROWS(struct radio_device, seal),
    { 0 },
};
static const struct weir_option point_rows[] = {
    PAYLOAD_POINT_ROWS(struct radio_point, payload),
    { .name = "colour",
      .type = WEIR_OPTION_INT,
      .offset = offsetof(struct radio_point, colour),
      .max = 7 },
    { 0 },
};
static const struct weir_adapter radio = { .abi = WEIR_ADAPTER_ABI,
                                           .size = sizeof(struct weir_adapter),
                                           .name = "radio",
                                           .ports = WEIR_PORT_SERIAL,
                                           .device_options = device_rows,
                                           .point_options = point_rows,
                                           .device_size = sizeof(struct radio_device),
                                           .point_size = sizeof(struct radio_point) };

static void no_finding(void *user, int point, const char *key, const char *what)
{
    fail_msg("point %d, %s: %s", point, key, what);
}

/* The packet by the settings of the one device. */
static const char *decode(const char *settings, const char *hex)
{
    char text[2048];
    uint8_t packet[PAYLOAD_BYTES_MAX];
    struct findings *findings = findings_create();
    struct config *config = NULL;
    struct bus_config *bus = NULL;
    struct payload_plan *plan = NULL;
    struct payload_findings none = { no_finding, NULL };
    snprintf(text, sizeof text,
             "buses = { b = { adapter = \"radio\"; port = \"/dev/null\"; devices = ( { "
             "name = \"d\"; address = 12; %s } ); }; };\n",
             settings);
    rig_write("weir.conf", text);
    assert_int_equal(config_load(rig_path("weir.conf"), findings, &config), 0);
    int status = config_bus(config, "b", &radio, findings, &bus);
    if (status != 0) {
        findings_print(findings, stderr);
    }
    assert_int_equal(status, 0);
    const struct weir_device *device = &bus->bus.devices[0];
    const struct radio_device *options = device->options;
    assert_int_equal(options->address, 12);
    assert_int_equal(
        payload_plan_create(&options->payload, device->points, device->point_count, none, &plan),
        0);
    struct sealed *sealed = NULL;
    assert_int_equal(sealed_from(&options->seal, &sealed), 0);
    size_t len = rig_hex(hex, packet, sizeof packet);
    if (sealed) {
        struct sealed_sender sender = { 0 };
        uint8_t copy[PAYLOAD_BYTES_MAX];
        memcpy(copy, packet, len);
        assert_int_equal(sealed_open(sealed, 12, &sender, copy, len, packet, &len), SEALED_OK);
    }
    const char *shown = rig_decode(plan, packet, len);
    sealed_destroy(sealed);
    payload_plan_destroy(plan);
    config_unload(config);
    findings_destroy(findings);
    return shown;
}

static void examples(void **state)
{
    assert_string_equal(decode("payload = \"cayenne-lpp\";", "03 67 01 10 02 68 6C"),
                        "temperature_3=27.2 Cel, humidity_2=54 %");
    assert_string_equal(
        decode("payload = \"tlv\"; order = \"big\"; points = ("
               "{ name = \"level\"; id = 1; type = \"uint16\"; scale = 0.1; unit = \"cm\"; },"
               "{ name = \"open\"; id = 2; type = \"bool\"; bit = 0; },"
               "{ name = \"tilted\"; id = 2; type = \"bool\"; bit = 1; } );",
               "01 02 04 D2 02 01 03"),
        "level=123.4 cm, open=true, tilted=true");
    assert_string_equal(
        decode("payload = \"struct\"; points = ("
               "{ name = \"t\"; at = 0; type = \"int16\"; scale = 0.01; unit = \"Cel\"; },"
               "{ name = \"battery\"; at = 2; type = \"uint8\"; scale = 0.02; offset = 2; "
               "unit = \"V\"; },"
               "{ name = \"mode\"; at = 3; type = \"uint8\"; bit = 4; bits = 3; } );",
               "2E FB 41 25"),
        "t=-12.34 Cel, battery=3.3 V, mode=2");
    assert_string_equal(decode("payload = \"text\"; counter = \"n\"; counter_bits = \"8\";",
                               "74 3D 32 31 2E 35 2C 6E 3D 37"),
                        "t=21.5, n=7");
    assert_string_equal(decode("payload = \"json\"; points = ( { name = \"b\"; key = \"a.b\"; "
                               "type = \"int16\"; } );",
                               "7B 22 61 22 3A 7B 22 62 22 3A 31 7D 7D"),
                        "b=1");
    assert_string_equal(decode("payload = \"cayenne-lpp\"; seal_tag = \"4\"; "
                               "seal_key = \"00112233445566778899AABBCCDDEEFF\";",
                               "01 00 00 00 60 74 1A 20 E4 55 99 7B 13 F3 12"),
                        "temperature_3=27.2 Cel, humidity_2=54 %");
    assert_string_equal(decode("", "01 02"), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(examples, rig_setup, rig_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
