/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The trace ring: wrapping, going on after a restart, and a reader beside a writer that laps it.
 */
#include "cmocka_all.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bus/trace.h"

static char ram[] = "/tmp/weir-trace-XXXXXX";

static int make_ram(void **state)
{
    return mkdtemp(ram) ? 0 : -1;
}

static int remove_ram(void **state)
{
    static const char *const names[] = { "a", "b", "c", "d" };
    char path[64];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/trace/%s", ram, names[i]);
        unlink(path);
    }
    snprintf(path, sizeof path, "%s/trace", ram);
    rmdir(path);
    return rmdir(ram);
}

static void simple(void **state)
{
    struct trace *trace;
    struct trace_reader *reader;
    struct trace_entry entry;
    assert_int_equal(trace_reader_create(ram, "a", &reader), -2);
    assert_int_equal(trace_create(ram, "a", "modbus", true, &trace), 0);
    trace_put(trace, TRACE_TX, 5, "\x01\x03", 2);
    trace_note(trace, 6, "d%d: %s", 1, "timeout");
    assert_int_equal(trace_reader_create(ram, "a", &reader), 0);
    assert_string_equal(trace_reader_adapter(reader), "modbus");
    assert_true(trace_reader_serial(reader));
    assert_int_equal(trace_reader_next(reader, &entry), 1);
    assert_int_equal(entry.kind, TRACE_TX);
    assert_int_equal(entry.time_ns, 5);
    assert_int_equal(entry.len, 2);
    assert_memory_equal(entry.data, "\x01\x03", 2);
    assert_int_equal(trace_reader_next(reader, &entry), 1);
    assert_int_equal(entry.kind, TRACE_NOTE);
    assert_memory_equal(entry.data, "d1: timeout", 11);
    assert_int_equal(trace_reader_next(reader, &entry), 0);
    trace_put(trace, TRACE_RX, 7, "x", 1); /* it follows */
    assert_int_equal(trace_reader_next(reader, &entry), 1);
    assert_int_equal(entry.len, 1);
    trace_reader_destroy(reader);
    trace_destroy(trace);
    trace_put(NULL, TRACE_TX, 0, "x", 1); /* a bus without a ring goes on */
}

static void long_data(void **state)
{
    static uint8_t data[3 * TRACE_DATA_MAX / 2];
    struct trace *trace;
    struct trace_reader *reader;
    struct trace_entry entry;
    assert_int_equal(trace_create(ram, "b", "traffic", false, &trace), 0);
    trace_put(trace, TRACE_RX, 1, data, sizeof data);
    assert_int_equal(trace_reader_create(ram, "b", &reader), 0);
    assert_int_equal(trace_reader_next(reader, &entry), 1);
    assert_int_equal(entry.len, TRACE_DATA_MAX);
    assert_int_equal(trace_reader_next(reader, &entry), 1);
    assert_int_equal(entry.len, TRACE_DATA_MAX / 2);
    trace_reader_destroy(reader);
    trace_destroy(trace);
}

/* Entries of all lengths whose bytes tell their number. */
static void put_numbered(struct trace *trace, uint64_t number)
{
    uint8_t data[300];
    size_t len = (size_t)(number * 7 % 291) + 8;
    memset(data, (int)(number % 251), len);
    memcpy(data, &number, 8);
    trace_put(trace, TRACE_RX, (int64_t)number, data, len);
}

static uint64_t check_numbered(const struct trace_entry *entry)
{
    uint64_t number;
    assert_true(entry->len >= 8);
    memcpy(&number, entry->data, 8);
    assert_int_equal(entry->len, number * 7 % 291 + 8);
    assert_int_equal(entry->time_ns, number);
    for (size_t i = 8; i < entry->len; i++) {
        assert_int_equal(entry->data[i], number % 251);
    }
    return number;
}

static void wraps_and_goes_on(void **state)
{
    struct trace *trace;
    struct trace_reader *reader;
    struct trace_entry entry;
    uint64_t number = 0, next = 0, first = 0, read = 0;
    for (int restart = 0; restart < 5; restart++) {
        assert_int_equal(trace_create(ram, "c", "modbus", true, &trace), 0);
        for (int i = 0; i < 1000; i++) {
            put_numbered(trace, number++);
        }
        trace_destroy(trace);
    }
    assert_int_equal(trace_reader_create(ram, "c", &reader), 0);
    while (trace_reader_next(reader, &entry) == 1) {
        uint64_t n = check_numbered(&entry);
        assert_true(read == 0 || n == next);
        first = read++ ? first : n;
        next = n + 1;
    }
    assert_int_equal(next, number);
    assert_in_range(read, TRACE_RING_BYTES / 340, TRACE_RING_BYTES / 100);
    trace_reader_destroy(reader);
}

/* Whatever a damaged file says, the writer makes a sound one of it. */
static void damaged(void **state)
{
    char path[64];
    snprintf(path, sizeof path, "%s/trace/c", ram);
    for (int i = 0; i < 400; i++) {
        struct trace *trace;
        struct trace_reader *reader;
        struct trace_entry entry;
        int fd = open(path, O_RDWR | O_CLOEXEC);
        assert_true(fd >= 0);
        uint8_t byte = (uint8_t)(rand() & 255);
        off_t at = i < 130 ? i : rand() % TRACE_RING_BYTES;
        assert_int_equal(pwrite(fd, &byte, 1, at), 1);
        close(fd);
        assert_int_equal(trace_create(ram, "c", "modbus", true, &trace), 0);
        put_numbered(trace, 77);
        assert_int_equal(trace_reader_create(ram, "c", &reader), 0);
        int read = 0;
        while (trace_reader_next(reader, &entry) == 1) {
            read++;
        }
        assert_true(read > 0);
        assert_int_equal(entry.time_ns, 77);
        trace_reader_destroy(reader);
        trace_destroy(trace);
    }
}

static void beside_a_writer(void **state)
{
    enum { ENTRIES = 200000 };
    struct trace *trace;
    struct trace_reader *reader;
    struct trace_entry entry;
    assert_int_equal(trace_create(ram, "d", "modbus", true, &trace), 0);
    assert_int_equal(trace_reader_create(ram, "d", &reader), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        for (uint64_t i = 0; i < ENTRIES; i++) {
            put_numbered(trace, i);
        }
        _exit(0);
    }
    uint64_t next = 0, lost = 0, read = 0;
    bool ended = false;
    while (next < ENTRIES) {
        if (trace_reader_next(reader, &entry) != 1) {
            assert_false(ended); /* everything there was, and the last is missing */
            ended = waitpid(pid, NULL, WNOHANG) == pid;
            continue;
        }
        uint64_t number = check_numbered(&entry);
        assert_true(number >= next);
        assert_true(read == 0 || entry.lost == number - next);
        lost += number - next;
        next = number + 1;
        read++;
    }
    assert_int_equal(read + lost, ENTRIES);
    if (!ended) {
        waitpid(pid, NULL, 0);
    }
    trace_reader_destroy(reader);
    trace_destroy(trace);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(simple),
        cmocka_unit_test(long_data),
        cmocka_unit_test(wraps_and_goes_on),
        cmocka_unit_test(damaged),
        cmocka_unit_test(beside_a_writer),
    };
    return cmocka_run_group_tests(tests, make_ram, remove_ram);
}
