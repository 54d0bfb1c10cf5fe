/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Wall time as text, against gmtime, and the byte cursor's ways to fail.
 */
#include "cmocka_all.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/bytes.h"
#include "base/clock.h"

static void format(void **state)
{
    static const int64_t seconds[] = { 0, -1, 951782400, 1763812800, 4102444799, -86400 };
    for (size_t i = 0; i < sizeof seconds / sizeof *seconds; i++) {
        char text[25], want[40];
        struct tm tm;
        time_t t = (time_t)seconds[i];
        struct wall_time wall = { seconds[i] * NS_PER_S + 123456789 };
        assert_int_equal(wall_format(wall, text), 24);
        gmtime_r(&t, &tm);
        size_t n = strftime(want, sizeof want, "%Y-%m-%dT%H:%M:%S.123Z", &tm);
        assert_int_equal(n, 24);
        assert_string_equal(text, want);
    }
}

static void offset(void **state)
{
    struct clock_offset o = clock_read(CLOCK_SOURCE_SYSTEM, NULL);
    assert_int_equal(o.state, CLOCK_SYNCED);
    int64_t apart = wall_from_boot(boot_now(), o).ns - wall_now().ns;
    assert_true(apart < NS_PER_S && apart > -NS_PER_S);
    assert_int_equal(clock_read(CLOCK_SOURCE_FILE, "/nonexistent").state, CLOCK_UNSYNCED);
    assert_int_equal(clock_read(CLOCK_SOURCE_FILE, "/proc/self").state, CLOCK_SYNCED);
}

static void cursor(void **state)
{
    uint8_t buf[32];
    struct put out = put_init(buf, sizeof buf);
    put_varint(&out, 300);
    put_varint(&out, UINT64_MAX);
    put_text(&out, "weir");
    put_i64(&out, -5);
    assert_false(out.failed);
    struct get in = get_init(buf, put_len(&out));
    char text[5];
    assert_int_equal(get_varint(&in), 300);
    assert_true(get_varint(&in) == UINT64_MAX);
    get_string(&in, text, sizeof text);
    assert_string_equal(text, "weir");
    assert_int_equal(get_i64(&in), -5);
    assert_false(in.failed);
    get_u8(&in);
    assert_true(in.failed);
    put_raw(&out, buf, 32);
    assert_true(out.failed);
    static const uint8_t endless[11] = { 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1 };
    in = get_init(endless, sizeof endless);
    get_varint(&in);
    assert_true(in.failed);
    for (int64_t v = -1000; v < 1000; v++) {
        assert_int_equal(unzigzag(zigzag(v)), v);
    }
    assert_true(unzigzag(zigzag(INT64_MIN)) == INT64_MIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(format),
        cmocka_unit_test(offset),
        cmocka_unit_test(cursor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
