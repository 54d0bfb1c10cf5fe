/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Durations, sizes, names, distances; and the look at a text before it is parsed.
 */
#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "config/scan.h"

static void durations(void **state)
{
    static const struct {
        const char *text;
        int64_t ns; /* -1: refused */
    } cases[] = {
        { "250ms", 250000000 },
        { "1s", 1000000000 },
        { "15m", 900000000000 },
        { "12h", 43200000000000 },
        { "30d", 2592000000000000 },
        { "1.5s", 1500000000 },
        { "0s", 0 },
        { "0", 0 },
        { "00", -1 },
        { "7us", 7000 },
        { "0.1s", 100000000 },
        { "100000d", 8640000000000000000 },
        { "", -1 },
        { "1", -1 },
        { "s", -1 },
        { "1 s", -1 },
        { " 1s", -1 },
        { "-1s", -1 },
        { "1S", -1 },
        { "1e3s", -1 },
        { "0x1s", -1 },
        { "1.5.5s", -1 },
        { "1sx", -1 },
        { "200000d", -1 },
        { "nans", -1 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t ns = 77;
        int r = duration_parse(cases[i].text, &ns);
        if (r != (cases[i].ns < 0 ? -EINVAL : 0) || ns != (cases[i].ns < 0 ? 77 : cases[i].ns)) {
            fail_msg("\"%s\": %d, %lld", cases[i].text, r, (long long)ns);
        }
    }
}

static void durations_back(void **state)
{
    static const char *const texts[] = {
        "250ms", "1s", "15m", "12h", "30d", "1500ms", "0s", "7us"
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char buf[24];
        int64_t ns;
        assert_int_equal(duration_parse(texts[i], &ns), 0);
        assert_string_equal(duration_format(ns, buf, sizeof buf), texts[i]);
    }
}

static void sizes(void **state)
{
    static const struct {
        const char *text;
        int64_t bytes;
    } cases[] = {
        { "64MiB", 64 << 20 },
        { "1GiB", 1 << 30 },
        { "512KiB", 512 << 10 },
        { "4096", 4096 },
        { "10B", 10 },
        { "1.5KiB", 1536 },
        { "", -1 },
        { "1MB", -1 },
        { "1 MiB", -1 },
        { "-1", -1 },
        { "MiB", -1 },
        { "1e9", -1 },
        { "0x10", -1 },
        { "99999999999GiB", -1 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t bytes = -1;
        assert_int_equal(size_parse(cases[i].text, &bytes), cases[i].bytes < 0 ? -EINVAL : 0);
        assert_int_equal(bytes, cases[i].bytes);
    }
}

static void sizes_back(void **state)
{
    static const char *const texts[] = { "64MiB", "1GiB", "512KiB", "4097B", "0B" };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char buf[24];
        int64_t bytes;
        assert_int_equal(size_parse(texts[i], &bytes), 0);
        assert_string_equal(size_format(bytes, buf, sizeof buf), texts[i]);
    }
}

static void names(void **state)
{
    char longest[66];
    memset(longest, 'a', sizeof longest);
    longest[64] = 0;
    assert_true(name_valid(longest));
    longest[64] = 'a', longest[65] = 0;
    assert_false(name_valid(longest));
    static const char *const good[] = { "a", "0", "Z9", "a.b_c-d", "feeder-1" };
    static const char *const bad[] = {
        "", "-a", ".a", "_a", "a b", "a/b", "a+", "\xc3\xa4", "a\n"
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(name_valid(good[i]));
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(name_valid(bad[i]));
    }
}

static void distances(void **state)
{
    char longer[80];
    memset(longer, 'x', sizeof longer);
    longer[79] = 0;
    assert_int_equal(text_distance("", ""), 0);
    assert_int_equal(text_distance("", "abc"), 3);
    assert_int_equal(text_distance("abc", ""), 3);
    assert_int_equal(text_distance("baud", "baud"), 0);
    assert_int_equal(text_distance("buad", "baud"), 2);
    assert_int_equal(text_distance("registr", "register"), 1);
    assert_int_equal(text_distance("kitten", "sitting"), 3);
    assert_int_equal(text_distance(longer, "x"), 64);
    assert_int_equal(text_distance("x", longer), 64);
}

/* Text -> lines, as printed. */
static void scans(void **state)
{
    static const char large[] =
        "f:1: error: this number is too large for 32 bits: write an L behind it\n";
    static const char larger[] = "f:1: error: this number is too large, even for 64 bits\n";
    static const char open_text[] =
        "f:1: error: a text begins here and has no end: a \" is missing\n";
    static const struct {
        const char *text, *found;
    } cases[] = {
        { "", "" },
        { "a = 2147483647; b = -2147483648; c = 0x7fffffff;", "" },
        { "c = 0xffffffff;", large },
        { "a = 3000000000abc = 5;", large },
        { "a = 1.5e3 b = 3000000000.5 c = 3e10", "" },
        { "/*/ @include */ a = 3000000000;", large },
        { "/**/ a = 3000000000;", large },
        { "a = 2147483648;", large },
        { "a = -2147483649;", large },
        { "a = 0x100000000;", large },
        { "a = 4294967296L; b = 0x1ffffffffL; c = 5000000000LL;", "" },
        { "a = 99999999999999999999;", larger },
        { "a = 99999999999999999999L;", larger },
        { "a = 99999999999.0; b = 1e99; c9999999999 = 1;", "" },
        { "a = \"9999999999 @include \\\" 9999999999\";", "" },
        { "# 9999999999\n// 9999999999\n/* 9999999999\n@include */ a = 1;", "" },
        { "\n/* never closed 9999999999\n", "f:2: error: a comment begins here and has no end\n" },
        { "/*", "f:1: error: a comment begins here and has no end\n" },
        { "a = \"never\nclosed 9999999999", open_text },
        { "a = \"ends so \\", open_text },
        { "a = \"", open_text },
        { "a = \"\\\"", open_text },
        { "a = \"1\n2\n\";\n@include \"x\"\nb = 3000000000;",
          "f:4: error: @include is not supported: put the file into conf.d/ beside this one\n"
          "f:5: error: this number is too large for 32 bits: write an L behind it\n" },
        { "a = ((((((((((((((((((((((((((((((((\n(",
          "f:2: error: too many brackets inside each other\n" },
        { "a = ((((((((((((((((((((((((((((((((", "" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *text;
        size_t len;
        struct findings *findings = findings_create();
        FILE *out = open_memstream(&text, &len);
        size_t bad = config_scan(cases[i].text, strlen(cases[i].text), "f", findings);
        findings_print(findings, out);
        fclose(out);
        assert_string_equal(text, cases[i].found);
        assert_int_equal(bad, findings_errors(findings));
        free(text);
        findings_destroy(findings);
    }
}

static void scan_zero(void **state)
{
    struct findings *findings = findings_create();
    assert_int_equal(config_scan("a = 1;\0b", 8, "f", findings), 1);
    assert_int_equal(config_scan("\0", 1, "f", findings), 1);
    findings_destroy(findings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations), cmocka_unit_test(durations_back), cmocka_unit_test(sizes),
        cmocka_unit_test(names),     cmocka_unit_test(distances),      cmocka_unit_test(scans),
        cmocka_unit_test(scan_zero), cmocka_unit_test(sizes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
