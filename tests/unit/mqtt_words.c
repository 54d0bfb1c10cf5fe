/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * What the MQTT uplink says of a broker's answers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <mosquitto.h>

#include "words.h"

static void assert_reason(bool v5, int reason, const char *extra, const char *expected)
{
    char words[WORDS_MAX];
    words_reason(v5, reason, extra, words, sizeof words);
    assert_string_equal(words, expected);
}

static void test_reasons(void **state)
{
    assert_reason(true, 135, NULL, "not authorized (135)");
    assert_reason(true, 149, "", "packet too large (149)");
    assert_reason(true, 155, NULL, "QoS not supported (155)");
    assert_reason(true, 151, "at most 5 a day\n", "quota exceeded (151): at most 5 a day?");
    assert_reason(false, 5, NULL, "not authorized (5)");
    assert_reason(false, 4, NULL, "bad user name or password (4)");
    assert_reason(false, 77, NULL, "unknown return code (77)");
}

static void test_permanent(void **state)
{
    assert_true(words_permanent(true, 135));
    assert_true(words_permanent(true, 134));
    assert_true(words_permanent(true, 142));
    assert_false(words_permanent(true, 0));
    assert_false(words_permanent(true, 136)); /* server unavailable */
    assert_false(words_permanent(true, 139)); /* shutting down */
    assert_true(words_permanent(false, 5));
    assert_false(words_permanent(false, 3));
    assert_false(words_permanent(false, 0));
}

static void test_errors(void **state)
{
    char words[WORDS_MAX];
    words_error(MOSQ_ERR_CONN_LOST, 0, words, sizeof words);
    assert_string_equal(words, "connection lost: closed by the broker");
    words_error(MOSQ_ERR_ERRNO, EPIPE, words, sizeof words);
    assert_string_equal(words, "connection lost: Broken pipe");
    words_error(MOSQ_ERR_PROTOCOL, 0, words, sizeof words);
    assert_string_equal(words, "broker broke the protocol");
    words_error(MOSQ_ERR_NOMEM, 0, words, sizeof words);
    assert_string_equal(words, "Out of memory.");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reasons),
        cmocka_unit_test(test_permanent),
        cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
