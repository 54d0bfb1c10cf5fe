/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * CSV: quotes, line ends, what is broken, what is long; numbers and text of cells; repeats; places.
 */
#include "cmocka_all.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "report/cells.h"
#include "report/places.h"
#include "report/repeats.h"
#include "report/rows.h"

static struct rows *open_text(const char *text, size_t size)
{
    char path[] = "/tmp/weir-rows-XXXXXX";
    int fd = mkstemp(path);
    struct rows *rows = NULL;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, size), size);
    close(fd);
    assert_int_equal(rows_open(path, &rows), 0);
    unlink(path);
    return rows;
}

/* All rows as "LINE[cell][cell] ", a broken one as "LINE!STATE ". */
static void expect(const char *text, const char *expected)
{
    struct rows *rows = open_text(text, strlen(text));
    char got[2048];
    size_t used = 0;
    struct row row;
    int result;

    got[0] = '\0';
    while ((result = rows_next(rows, &row)) == 1) {
        used += (size_t)snprintf(got + used, sizeof(got) - used, "%u", (unsigned)row.line);
        if (row.state != ROW_GOOD) {
            used += (size_t)snprintf(got + used, sizeof(got) - used, "!%d", (int)row.state);
        }
        for (size_t i = 0; row.state == ROW_GOOD && i < row.cell_count; i++) {
            used += (size_t)snprintf(got + used, sizeof(got) - used, "[%.*s]",
                                     (int)row.cells[i].size, row.cells[i].text);
        }
        used += (size_t)snprintf(got + used, sizeof(got) - used, " ");
    }
    assert_int_equal(result, 0);
    assert_string_equal(got, expected);
    rows_close(rows);
}

static void test_rows(void **state)
{
    (void)state;
    expect("", "");
    expect("a,b\n1,2\n", "1[a][b] 2[1][2] ");
    expect("a,b\r\n1,2\r\n3,4", "1[a][b] 2[1][2] 3[3][4] ");
    expect("\xef\xbb\xbf\"a\",b\n", "1[a][b] ");
    expect("a,b\n\n\r\n1,\n,\n", "1[a][b] 4[1][] 5[][] ");
    expect("a;b,c;d\n1,5;2;3\n", "1[a][b,c][d] 2[1,5][2][3] ");
    expect("a\tb\n1 \t 2\n\t\n", "1[a][b] 2[1][2] 3[][] ");
    expect("a , b\n 1,2 \n", "1[a][b] 2[1][2] ");
}

static void test_quotes(void **state)
{
    (void)state;
    expect("a,b\n\"x,\"\"y\"\"\",2\n", "1[a][b] 2[x,\"y\"][2] ");
    expect("a,b\n\"x\ny\r\nz\",2\n3,4\n", "1[a][b] 2[x\ny\r\nz][2] 5[3][4] ");
    expect("a,b\n \"x\" ,\"\"\r\n", "1[a][b] 2[x][] ");
    expect("a,b\n1\"2,3\"4\n", "1[a][b] 2[1\"2][3\"4] ");
    expect("a,b\na\"\"b,\"c\"\n", "1[a][b] 2[a\"\"b][c] ");
    expect("a\n\"\"\"\"\n", "1[a] 2[\"] ");
}

static void test_broken_quotes(void **state)
{
    (void)state;
    expect("a,b\n\"x\"y,2\n3,4\n", "1[a][b] 2!2 3[3][4] ");
    expect("a,b\n\"x,2\n3,4\n5,6\n", "1[a][b] 2!1 3[3][4] 4[5][6] ");
    expect("a,b\n1,\"", "1[a][b] 2!1 ");
    /* an open quote is closed by the next one, wherever that is; then text follows it */
    expect("a,b\n1,\"\n\"x\",2\n3,4\n", "1[a][b] 2!2 4[3][4] ");
}

/* A row of exactly 65,536 bytes is good, one more is not; the next is read either way. */
static void test_long_rows(void **state)
{
    (void)state;
    for (size_t size = ROW_BYTES_MAX - 1; size <= ROW_BYTES_MAX * 40;
         size += size < ROW_BYTES_MAX + 2 ? 1 : ROW_BYTES_MAX * 39) {
        for (int quoted = 0; quoted < 2; quoted++) {
            char *text = malloc(size + 16);
            struct rows *rows;
            struct row row;

            assert_non_null(text);
            memcpy(text, "a\n", 2);
            memset(text + 2, 'x', size);
            if (quoted) {
                text[2] = text[1 + size] = '"';
            }
            memcpy(text + 2 + size, "\nend\n", 5);
            rows = open_text(text, size + 7);
            assert_int_equal(rows_next(rows, &row), 1);
            assert_int_equal(rows_next(rows, &row), 1);
            assert_int_equal(row.line, 2);
            if (size <= ROW_BYTES_MAX) {
                assert_int_equal(row.state, ROW_GOOD);
                assert_int_equal(row.cells[0].size, quoted ? size - 2 : size);
            } else {
                assert_int_equal(row.state, quoted ? ROW_OPEN_QUOTE : ROW_LONG);
            }
            assert_int_equal(rows_next(rows, &row), 1);
            assert_int_equal(row.line, 3);
            assert_memory_equal(row.cells[0].text, "end", 3);
            assert_int_equal(rows_next(rows, &row), 0);
            rows_close(rows);
            free(text);
        }
    }
}

/* Many rows over many fillings of the buffer, with quotes and line breaks at every offset. */
static void test_buffer_ends(void **state)
{
    enum { ROWS = 200000 };
    char *text = malloc(ROWS * 24 + 16);
    size_t used = 0;
    struct rows *rows;
    struct row row;
    uint64_t line = 2;

    (void)state;
    assert_non_null(text);
    used += (size_t)snprintf(text, 16, "a,b\n");
    for (int i = 0; i < ROWS; i++) {
        used += (size_t)snprintf(text + used, 25, i % 3 == 0 ? "\"%d\n,\",x\n" : "%d,y\n", i);
    }
    rows = open_text(text, used);
    free(text);
    assert_int_equal(rows_next(rows, &row), 1);
    for (int i = 0; i < ROWS; i++) {
        assert_int_equal(rows_next(rows, &row), 1);
        assert_int_equal(row.state, ROW_GOOD);
        assert_int_equal(row.line, line);
        assert_int_equal(row.cell_count, 2);
        assert_int_equal(strtol(row.cells[0].text, NULL, 10), i);
        assert_int_equal(row.cells[1].text[0], i % 3 == 0 ? 'x' : 'y');
        line += i % 3 == 0 ? 2 : 1;
    }
    assert_int_equal(rows_next(rows, &row), 0);
    assert_int_equal(rows_done(rows), used);
    assert_int_equal(rows_size(rows), used);
    rows_close(rows);
}

static void test_what_is_no_file_of_ours(void **state)
{
    struct rows *rows;
    struct row row;

    (void)state;
    assert_int_equal(rows_open("/nonexistent/counts.csv", &rows), -ENOENT);
    assert_int_equal(rows_open("/", &rows), 0);
    assert_int_equal(rows_next(rows, &row), -EISDIR);
    rows_close(rows);
    rows = open_text("\xff\xfe"
                     "a\0,\0",
                     6);
    assert_int_equal(rows_next(rows, &row), -EILSEQ);
    rows_close(rows);
}

/* ---- cells ---- */

static struct cell cell_of(const char *text)
{
    return (struct cell){ text, strlen(text) };
}

static void test_numbers(void **state)
{
    static const struct {
        const char *text;
        double value; /* -999: none */
    } cases[] = {
        { "0", 0 },      { "12", 12 },      { "12.5", 12.5 },  { "1e3", 1000 },
        { "-1", -1 },    { "+7", 7 },       { ".5", 0.5 },     { "999999999999999999", 1e18 },
        { "", -999 },    { "n/a", -999 },   { "1,5", -999 },   { "0x10", -999 },
        { "inf", -999 }, { "nan", -999 },   { "1e999", -999 }, { "1 2", -999 },
        { "--1", -999 }, { "1.2.3", -999 }, { "-", -999 },     { "e", -999 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct cell cell = cell_of(cases[i].text);
        double value = -999;

        cell_number(&cell, &value);
        assert_int_equal(cell_number(&cell, &value), cases[i].value != -999);
        assert_true(value == cases[i].value);
    }
}

static void test_text(void **state)
{
    static const char *const good[] = { "Main St", "K\xc3\xb6nigstra\xc3\x9f weg", "\xe2\x82\xac",
                                        "\xf0\x9f\x9a\x97" };
    static const char *const bad[] = {
        "a\tb",     /* a control character */
        "\x1b[31m", /* steers a terminal */
        "\x7f",
        "K\xf6ln",  /* Latin-1 */
        "\xc2\x9b", /* C1 */
        "\xc0\xaf", /* too long a form */
        "\xe0\x80\xaf",
        "\xed\xa0\x80",     /* half of a pair */
        "\xef\xbf\xbf",     /* no character */
        "\xf4\x90\x80\x80", /* beyond all */
        "\xe2\x82",         /* cut off */
        "\xe2\x80\xae.",    /* turns the direction */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct cell cell = cell_of(good[i]);

        assert_true(cell_is_text(&cell));
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct cell cell = cell_of(bad[i]);

        if (cell_is_text(&cell)) {
            fail_msg("text %zu is taken", i);
        }
    }
}

static void test_excerpts(void **state)
{
    char buf[EXCERPT_SIZE];
    char text[200];
    struct cell cell = { text, sizeof(text) };

    (void)state;
    memset(text, 'x', sizeof(text));
    text[1] = '\x1b';
    cell_excerpt(&cell, buf);
    assert_int_equal(strlen(buf), EXCERPT_SIZE - 1);
    assert_memory_equal(buf, "x?xxx", 5);
    assert_string_equal(buf + EXCERPT_SIZE - 4, "...");
    cell.size = 3;
    assert_string_equal(cell_excerpt(&cell, buf), "x?x");
}

/* ---- what is kept ---- */

static void test_places(void **state)
{
    struct places places = { 0 };
    char name[32];

    (void)state;
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < PLACES_MAX; i++) {
            struct place *place;

            snprintf(name, sizeof(name), "place %d", i);
            place = places_get(&places, name, strlen(name));
            assert_non_null(place);
            place->tallies[DAY_WEEKEND][23].rows += (uint64_t)i;
        }
    }
    assert_int_equal(places.count, PLACES_MAX);
    for (int i = 0; i < PLACES_MAX; i++) {
        snprintf(name, sizeof(name), "place %d", i);
        assert_string_equal(places_at(&places, (size_t)i)->name, name);
        assert_int_equal(places_at(&places, (size_t)i)->tallies[DAY_WEEKEND][23].rows, 2 * i);
    }
    assert_null(places_get(&places, "one more", 8));
    assert_int_equal(errno, ENOSPC);
    assert_non_null(places_get(&places, "place 7", 7));
    places_finish(&places);
}

static void test_repeats(void **state)
{
    struct repeats *repeats = repeats_create();
    struct cell a[3] = { { "g", 1 }, { "b", 1 }, { "1", 1 } };
    struct cell b[3] = { { "g", 1 }, { "b", 1 }, { "2", 1 } };

    (void)state;
    assert_non_null(repeats);
    assert_int_equal(repeats_take(repeats, a, 7), 0);
    assert_int_equal(repeats_take(repeats, a, 7), 1);
    assert_int_equal(repeats_take(repeats, b, 7), 0); /* another epoch */
    assert_int_equal(repeats_take(repeats, a, 5), 0); /* late, but new */
    assert_int_equal(repeats_take(repeats, a, 5), 1);
    assert_int_equal(repeats_take(repeats, a, 7 + REPEATS_WINDOW - 1), 0);
    assert_int_equal(repeats_take(repeats, a, 7), 1); /* still known */
    assert_int_equal(repeats_take(repeats, a, 6), 0); /* below what is known: taken for new */
    assert_int_equal(repeats_take(repeats, a, 6), 0);
    assert_int_equal(repeats_take(repeats, a, 8), 0); /* not 7's bit, nor that of an old number */
    assert_int_equal(repeats_take(repeats, a, UINT64_MAX), 0);
    assert_int_equal(repeats_take(repeats, a, UINT64_MAX), 1);
    assert_int_equal(repeats_take(repeats, a, UINT64_MAX - 1), 0);
    repeats_destroy(repeats);
}

/* As many streams as are known, then one more: the first is forgotten, the others are not. */
static void test_many_streams(void **state)
{
    struct repeats *repeats = repeats_create();
    char epoch[16];
    struct cell stream[3] = { { "g", 1 }, { "b", 1 }, { epoch, 0 } };

    (void)state;
    assert_non_null(repeats);
    for (int i = 0; i <= REPEATS_STREAMS; i++) {
        stream[2].size = (size_t)snprintf(epoch, sizeof(epoch), "%d", i);
        assert_int_equal(repeats_take(repeats, stream, 1), 0);
    }
    for (int i = REPEATS_STREAMS; i > 0; i--) {
        stream[2].size = (size_t)snprintf(epoch, sizeof(epoch), "%d", i);
        assert_int_equal(repeats_take(repeats, stream, 1), 1);
    }
    stream[2].size = (size_t)snprintf(epoch, sizeof(epoch), "0");
    assert_int_equal(repeats_take(repeats, stream, 1), 0);
    repeats_destroy(repeats);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),          cmocka_unit_test(test_quotes),
        cmocka_unit_test(test_broken_quotes), cmocka_unit_test(test_long_rows),
        cmocka_unit_test(test_buffer_ends),   cmocka_unit_test(test_what_is_no_file_of_ours),
        cmocka_unit_test(test_numbers),       cmocka_unit_test(test_text),
        cmocka_unit_test(test_excerpts),      cmocka_unit_test(test_places),
        cmocka_unit_test(test_repeats),       cmocka_unit_test(test_many_streams),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
