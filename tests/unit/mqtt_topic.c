/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Topic templates of the MQTT uplink.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "topic.h"

static const struct weir_label labels[] = { { "site", "Harbour St" },
                                            { "odd", "a/b+c#d\te" },
                                            { "empty", "" } };
static const struct weir_shape shape = {
    .device = "feeder-1", .kind = "reading", .labels = labels, .label_count = 3
};
static const struct topic_values values = {
    .gateway = "kerb-07", .uplink = "city", .bus = "meters", .shape = &shape
};

static char err[128];

static int parse(const char *text, struct topic_template *template)
{
    return topic_parse(text, strlen(text), TOPIC_OF_RECORD, template, err, sizeof err);
}

static void assert_topic(const char *text, const char *expected)
{
    struct topic_template template;
    char topic[TOPIC_MAX];
    assert_int_equal(parse(text, &template), 0);
    assert_int_equal(topic_expand(&template, &values, topic, sizeof topic), strlen(expected));
    assert_string_equal(topic, expected);
}

static void assert_refused(const char *text, const char *why)
{
    struct topic_template template;
    assert_int_equal(parse(text, &template), -EINVAL);
    assert_string_equal(err, why);
}

static void test_expands(void **state)
{
    assert_topic("weir/{gateway}/{device}/{kind}", "weir/kerb-07/feeder-1/reading");
    assert_topic("{bus}{device}", "metersfeeder-1");
    assert_topic("plain", "plain");
    assert_topic("/a//b/", "/a//b/");
    assert_topic("{label.site}/x", "Harbour St/x");
}

static void test_values_stay_one_level(void **state)
{
    assert_topic("t/{label.odd}", "t/a_b_c_d_e");
    assert_topic("t/{label.empty}/u", "t/_/u");
    assert_topic("t/{label.none}/u", "t/_/u");
    assert_topic("t/{label.sit}/u", "t/_/u");
}

static void test_refuses(void **state)
{
    assert_refused("", "must not be empty");
    assert_refused("a/{colour}", "placeholder {colour} is not known here");
    assert_refused("a/{}", "placeholder {} is not known here");
    assert_refused("a/{label.}", "placeholder {label.} is not known here");
    assert_refused("a/{Gateway}", "placeholder {Gateway} is not known here");
    assert_refused("a/{uplink}", "placeholder {uplink} is not known here");
    assert_refused("a/{device", "'{' without '}'");
    assert_refused("a/device}", "'}' without '{'");
    assert_refused("a/{de{vice}", "placeholder {de{vice} is not known here");
    assert_refused("a/+/b", "'+' and '#' are wildcards");
    assert_refused("a/#", "'+' and '#' are wildcards");
}

static void test_allowed_fields(void **state)
{
    struct topic_template template;
    char id[64];
    const char *text = "weir-{gateway}-{uplink}";
    assert_int_equal(
        topic_parse(text, strlen(text), TOPIC_OF_CONNECTION, &template, err, sizeof err), 0);
    assert_int_equal(topic_expand(&template, &values, id, sizeof id), 17);
    assert_string_equal(id, "weir-kerb-07-city");
    assert_int_equal(topic_parse("{bus}", 5, TOPIC_OF_GATEWAY, &template, err, sizeof err),
                     -EINVAL);
}

static void test_limits(void **state)
{
    struct topic_template template;
    char topic[TOPIC_MAX], text[8 * (TOPIC_PARTS + 1) + 1] = "";
    assert_int_equal(parse("{device}/x", &template), 0);
    assert_int_equal(topic_expand(&template, &values, topic, 11), 10);
    assert_int_equal(topic_expand(&template, &values, topic, 10), -ENAMETOOLONG);
    for (int i = 0; i <= TOPIC_PARTS; i++) {
        memcpy(text + strlen(text), "{device}", 9);
    }
    assert_int_equal(parse(text, &template), -EINVAL);
    text[8 * TOPIC_PARTS] = 0;
    assert_int_equal(parse(text, &template), 0);
}

static void test_prefix(void **state)
{
    static const struct {
        const char *text;
        size_t len;
    } cases[] = {
        { "weir/{gateway}/{device}/{kind}", 15 },
        { "smartcity/sensors/{gateway}/{device}/{kind}", 28 },
        { "city/{device}", 5 },
        { "city/x-{device}", 7 },
        { "{device}/{kind}", 0 },       /* nothing before it */
        { "weir/{gateway}/{kind}", 0 }, /* no {device} */
        { "weir/{bus}/{device}", 0 },   /* not the whole gateway's */
        { "{label.site}/{device}", 0 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct topic_template template;
        assert_int_equal(parse(cases[i].text, &template), 0);
        assert_int_equal(topic_prefix_length(&template, cases[i].text), cases[i].len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_expands), cmocka_unit_test(test_values_stay_one_level),
        cmocka_unit_test(test_refuses), cmocka_unit_test(test_allowed_fields),
        cmocka_unit_test(test_limits),  cmocka_unit_test(test_prefix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
