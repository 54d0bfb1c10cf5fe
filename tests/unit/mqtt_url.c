/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Broker addresses of the MQTT uplink.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "url.h"

static void test_accepts(void **state)
{
    static const struct {
        const char *text, *host;
        int port;
    } cases[] = {
        { "mqtt://localhost", "localhost", 1883 },
        { "mqtt://broker.example.com:8883", "broker.example.com", 8883 },
        { "mqtt://10.0.0.5:1", "10.0.0.5", 1 },
        { "mqtt://host:65535/", "host", 65535 },
        { "mqtt://host/", "host", 1883 },
        { "mqtt://[::1]", "::1", 1883 },
        { "mqtt://[fe80::1%eth0]:11883", "fe80::1%eth0", 11883 },
        { "mqtt://my_host-1", "my_host-1", 1883 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct url url;
        char err[256];
        assert_int_equal(url_parse(cases[i].text, &url, err, sizeof err), 0);
        assert_string_equal(url.host, cases[i].host);
        assert_int_equal(url.port, cases[i].port);
    }
}

static void test_refuses(void **state)
{
    static const char *const cases[][2] = {
        { "mqtts://host", "TLS comes with a later version" },
        { "", "must begin with mqtt://" },
        { "host:1883", "must begin with mqtt://" },
        { "http://host", "must begin with mqtt://" },
        { "mqtt://", "no valid host" },
        { "mqtt://:1883", "no valid host" },
        { "mqtt://a b", "no valid host" },
        { "mqtt://host:", "a port is" },
        { "mqtt://host:0", "a port is" },
        { "mqtt://host:65536", "a port is" },
        { "mqtt://host:1x", "a port is" },
        { "mqtt://host:-1", "a port is" },
        { "mqtt://host:000000000001883", "after the host" },
        { "mqtt://host/topic", "after the host" },
        { "mqtt://[::1", "no valid host" },
        { "mqtt://[::1]x", "after the host" },
        { "mqtt://[host]", "no valid host" },
        { "mqtt://::1", "no valid host" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct url url = { .port = 7 };
        char err[256] = "";
        assert_int_equal(url_parse(cases[i][0], &url, err, sizeof err), -EINVAL);
        if (!strstr(err, cases[i][1])) {
            fail_msg("%s: %s", cases[i][0], err);
        }
        assert_int_equal(url.port, 7);
    }
}

static void test_keeps_secrets(void **state)
{
    struct url url;
    char err[256];
    assert_int_equal(url_parse("mqtt://kerb:s3cret@host", &url, err, sizeof err), -EINVAL);
    assert_null(strstr(err, "s3cret"));
    assert_non_null(strstr(err, "`password`"));
    assert_int_equal(url_parse("mqtts://kerb:s3cret@host", &url, err, sizeof err), -EINVAL);
    assert_null(strstr(err, "s3cret"));
}

static void test_long_host(void **state)
{
    char text[7 + 300 + 1] = "mqtt://", err[256];
    struct url url;
    memset(text + 7, 'a', 255);
    assert_int_equal(url_parse(text, &url, err, sizeof err), 0);
    memset(text + 7, 'a', 256);
    assert_int_equal(url_parse(text, &url, err, sizeof err), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepts),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_keeps_secrets),
        cmocka_unit_test(test_long_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
