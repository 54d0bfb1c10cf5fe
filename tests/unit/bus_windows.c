/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Windows of a device with their file and a real queue. The processes of a bus are children of this
 * program; windows.c is built with steps, and a child ends itself, as SIGKILL would end it, at each
 * of them in turn. What the records say afterwards is compared with what was read.
 */
#include "cmocka_all.h"

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/step.h"
#include "bus/host.h"
#include "log/reader.h"
#include "record/values.h"

enum { POINTS = 3, READINGS = 23, DIED = 9, COLUMNS = 9 };
#define PERIOD_NS (500 * NS_PER_MS)
#define EVERY_NS  (100 * NS_PER_MS)

/* Shared with the children. */
struct shared {
    int64_t base_ns;
    int readings; /* until the end */
    int next;     /* reading; the device gives each number once */
    int steps;    /* until one dies; 0: none does */
    int taken;    /* readings that a windows_add() came back from */
};

struct bench {
    char ram[32];
    struct shared *shared;
    struct point_config point_configs[POINTS];
    struct device_config config;
    struct weir_device_point points[POINTS];
    struct weir_device device;
    struct bus_config bus_config;
    struct settings settings;
    struct stats_bus stats;
    struct host host;
};

static struct shared *stepping;

void step_here(const char *name)
{
    if (stepping && stepping->steps > 0 && --stepping->steps == 0) {
        _exit(DIED);
    }
}

static enum weir_type point_type(void *self, size_t device, size_t point)
{
    static const enum weir_type types[POINTS] = { WEIR_UINT64, WEIR_TEXT, WEIR_FLOAT32 };
    return types[point];
}

static enum weir_result poll_nothing(void *self, size_t device, size_t part,
                                     struct weir_value *values)
{
    return WEIR_R_OK;
}

static const struct weir_adapter adapter = { .point_type = point_type, .poll = poll_nothing };

#define BIT(function) (1u << TALLY_##function)

/* Readings have times from here on: behind all times that the processes read from the clock. */
static int64_t base_now(void)
{
    return (boot_now().ns / PERIOD_NS + 20) * PERIOD_NS;
}

/* n: all functions; word: last; raw: as it is read. */
static int start(void **state)
{
    static const char *const names[POINTS] = { "n", "word", "raw" };
    struct bench *b = calloc(1, sizeof *b);
    snprintf(b->ram, sizeof b->ram, "/dev/shm/weir-window-XXXXXX");
    if (!mkdtemp(b->ram)) {
        return -1;
    }
    b->shared =
        mmap(NULL, sizeof *b->shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    b->shared->base_ns = base_now();
    for (size_t i = 0; i < POINTS; i++) {
        b->points[i].name = names[i];
    }
    b->config = (struct device_config){ .model = "",
                                        .every_ns = EVERY_NS,
                                        .window = { .period_ns = PERIOD_NS,
                                                    .align = true,
                                                    .functions = BIT(MIN) | BIT(MEAN) | BIT(MAX) |
                                                                 BIT(SUM) | BIT(COUNT) },
                                        .points = b->point_configs };
    b->point_configs[1] = (struct point_config){ .window_own = true, .window = BIT(LAST) };
    b->point_configs[2].window_own = true;
    b->device = (struct weir_device){ "d", NULL, NS_PER_MS, b->points, POINTS, EVERY_NS };
    b->bus_config =
        (struct bus_config){ .bus = { .name = "bench", .devices = &b->device, .device_count = 1 },
                             .devices = &b->config };
    b->settings.ram = b->ram;
    *state = b;
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    return remove(path);
}

static int stop(void **state)
{
    struct bench *b = *state;
    nftw(b->ram, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    munmap(b->shared, sizeof *b->shared);
    free(b);
    return 0;
}

/* ---- a bus process, without line and schedule */

static void open_host(struct bench *b)
{
    struct host *host = &b->host;
    struct queue_place place = { .ram = b->ram, .gateway = "gw", .bus = "bench" };
    *host = (struct host){ .bus = b->bus_config.bus,
                           .adapter = &adapter,
                           .settings = &b->settings,
                           .config = &b->bus_config,
                           .stats = &b->stats };
    if (queue_open(&place, (struct clock_offset){ 0, CLOCK_SYNCED }, &host->queue, NULL) < 0 ||
        devices_create(host) < 0) {
        _exit(1);
    }
    if (windows_resume(host) < 0) {
        _exit(1);
    }
}

static void read_one(struct bench *b, int n, bool answered)
{
    struct device *device = &b->host.devices[0];
    char word[16];
    int len = snprintf(word, sizeof word, "word %d", n);
    for (size_t i = 0; i < device->view->point_count; i++) {
        device->values[i].quality = answered ? WEIR_QUALITY_GOOD : WEIR_R_TIMEOUT;
    }
    device->values[0].uint64 = (uint64_t)n;
    if (device->view->point_count == POINTS) {
        device->values[1].bytes.data = (const uint8_t *)word;
        device->values[1].bytes.len = (size_t)len;
        device->values[2].float32 = (float)n;
    }
    windows_add(&b->host, device, b->shared->base_ns + n * EVERY_NS, answered);
}

/* Reads on where the process before left off. */
static void child(struct bench *b)
{
    stepping = b->shared;
    open_host(b);
    while (b->shared->next < b->shared->readings) {
        read_one(b, ++b->shared->next, true);
        b->shared->taken++;
    }
    windows_finish(&b->host);
    queue_close(b->host.queue);
    _exit(0);
}

/* The exit status of one process that dies at this step. */
static int run(struct bench *b, int step)
{
    int status;
    b->shared->steps = step;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        child(b);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == DIED));
    return WEXITSTATUS(status);
}

/* ---- what the records say */

enum column { N_MIN, N_MEAN, N_MAX, N_SUM, N_COUNT, WORD_LAST, RAW, PERIOD, POLLS };

struct found {
    uint64_t windows, readings, raws, last, sum, longest;
    int64_t end_ns;
};

static void check_window(struct found *f, const struct item *item)
{
    const struct weir_value *v = item->values;
    char word[16];
    assert_int_equal(v[RAW].quality, WEIR_QUALITY_OMITTED);
    int64_t length_ns = (int64_t)(v[PERIOD].float64 * 1e9 + 0.5);
    if (f->windows++ > 0) {
        assert_true(item->time.ns > f->end_ns); /* each once, and no time between them */
        assert_true(llabs(item->time.ns - f->end_ns - length_ns) <= NS_PER_MS);
    }
    f->end_ns = item->time.ns;
    f->readings += v[N_COUNT].uint64;
    assert_int_equal(v[POLLS].uint64, v[N_COUNT].uint64);
    if (v[N_COUNT].uint64) {
        assert_true(v[N_MIN].uint64 > f->last);
        f->last = v[N_MAX].uint64;
        f->sum += v[N_SUM].uint64;
        snprintf(word, sizeof word, "word %d", (int)f->last);
        assert_int_equal(v[WORD_LAST].bytes.len, strlen(word));
        assert_memory_equal(v[WORD_LAST].bytes.data, word, strlen(word));
    }
}

static struct found look(const struct bench *b)
{
    struct found f = { 0 };
    struct reader *reader;
    struct item item;
    assert_int_equal(reader_create(b->ram, "bench", &reader), 0);
    assert_int_equal(reader_seek_start(reader), 0);
    while (reader_next(reader, &item) == 1) {
        if (item.kind != ITEM_RECORD) {
            continue;
        }
        assert_int_equal(item.shape->view.point_count, COLUMNS);
        if (item.values[RAW].quality == WEIR_QUALITY_OMITTED) {
            check_window(&f, &item);
        } else {
            f.raws++;
            assert_int_equal(item.values[N_COUNT].quality, WEIR_QUALITY_OMITTED);
            assert_int_equal(item.values[PERIOD].quality, WEIR_QUALITY_OMITTED);
        }
    }
    reader_destroy(reader);
    return f;
}

/* At most the reading that was being taken when somebody died is missing, and none is there twice:
 * the sum says which. */
static void judge(const struct bench *b, int deaths)
{
    struct found f = look(b);
    uint64_t all = (uint64_t)READINGS * (READINGS + 1) / 2;
    assert_true(f.readings >= (uint64_t)(READINGS - deaths) && f.readings <= READINGS);
    assert_true(f.readings >= (uint64_t)b->shared->taken);
    assert_true(f.sum <= all && all - f.sum <= (uint64_t)(deaths * READINGS));
    assert_true((f.readings == READINGS) == (f.sum == all));
    assert_true(f.raws <= READINGS && f.raws >= (uint64_t)(READINGS - deaths));
    assert_true(f.windows >= (uint64_t)((READINGS - deaths) * EVERY_NS / PERIOD_NS));
}

static void again(struct bench *b)
{
    nftw(b->ram, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    mkdir(b->ram, 0700);
    b->shared->next = b->shared->taken = 0;
    b->shared->readings = READINGS;
    b->shared->base_ns = base_now();
}

static size_t kept_files(const struct bench *b)
{
    char path[64];
    size_t count = 0;
    snprintf(path, sizeof path, "%s/keep", b->ram);
    DIR *dir = opendir(path);
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));) {
        count += entry->d_name[0] != '.';
    }
    closedir(dir);
    return count;
}

static void undisturbed(void **state)
{
    struct bench *b = *state;
    again(b);
    assert_int_equal(run(b, 0), 0);
    judge(b, 0);
    assert_int_equal(look(b).raws, READINGS);
    assert_int_equal(kept_files(b), 0);
}

/* Once at each step there is. */
static void killed_at_each_step(void **state)
{
    struct bench *b = *state;
    int step = 1;
    for (;; step++) {
        again(b);
        if (run(b, step) == 0) {
            break;
        }
        assert_int_equal(kept_files(b) <= 1, true);
        assert_int_equal(run(b, 0), 0);
        judge(b, 1);
    }
    assert_true(step > 2 * READINGS);
}

/* At each step, and then within the first steps of those that come after. */
static void killed_again_and_again(void **state)
{
    struct bench *b = *state;
    for (int step = 1; step < 2 * READINGS; step++) {
        for (int second = 1; second <= 4; second++) {
            again(b);
            assert_int_equal(run(b, step), DIED);
            assert_int_equal(run(b, second), DIED);
            assert_int_equal(run(b, second), DIED);
            assert_int_equal(run(b, 0), 0);
            judge(b, 3);
        }
    }
}

/* ---- another configuration before somebody runs again */

/* Counts by the records of the first shape; those of others are of no interest. */
static uint64_t counted(const struct bench *b, uint64_t *ret_last)
{
    struct reader *reader;
    struct item item;
    uint64_t sum = 0;
    *ret_last = 0;
    assert_int_equal(reader_create(b->ram, "bench", &reader), 0);
    assert_int_equal(reader_seek_start(reader), 0);
    while (reader_next(reader, &item) == 1) {
        if (item.kind == ITEM_RECORD && item.shape->view.point_count == COLUMNS &&
            item.values[RAW].quality == WEIR_QUALITY_OMITTED && item.values[N_COUNT].uint64) {
            assert_true(item.values[N_MIN].uint64 > *ret_last);
            *ret_last = item.values[N_MAX].uint64;
            sum += item.values[N_COUNT].uint64;
        }
    }
    reader_destroy(reader);
    return sum;
}

static void change(struct bench *b, int how)
{
    if (how == 0) {
        b->config.window.functions = BIT(LAST); /* another shape, under the same name */
    } else if (how == 1) {
        b->device.name = "e"; /* another device */
    } else {
        b->config.window.period_ns = 0; /* no window at all */
    }
    b->shared->readings = 0; /* just comes and goes */
}

static void another_configuration(void **state)
{
    struct bench *b = *state;
    for (int how = 0; how < 3; how++) {
        for (int step = 1; step < 2 * READINGS; step += 3) {
            const struct bench as_it_was = *b;
            uint64_t last;
            again(b);
            assert_int_equal(run(b, step), DIED);
            uint64_t taken = (uint64_t)b->shared->taken;
            change(b, how);
            for (int second = 1; second < 4; second++) {
                run(b, second);
            }
            assert_int_equal(run(b, 0), 0);
            uint64_t sum = counted(b, &last);
            assert_true(sum >= taken && sum <= taken + 1);
            assert_true(last >= taken && last <= taken + 1);
            assert_int_equal(kept_files(b), 0);
            b->config = as_it_was.config;
            b->device = as_it_was.device;
        }
    }
}

/* ---- what is missing */

static void next_window(struct bench *b, struct reader *reader, struct item *item)
{
    do {
        assert_int_equal(reader_next(reader, item), 1);
    } while (item->kind != ITEM_RECORD || item->values[RAW].quality != WEIR_QUALITY_OMITTED);
}

static void without_good_readings(void **state)
{
    struct bench *b = *state;
    struct reader *reader;
    struct item item;
    open_host(b);
    struct device *device = &b->host.devices[0];
    windows_due(&b->host, b->shared->base_ns); /* ends the first, in which nobody asked */
    for (int n = 1; n <= 4; n++) {
        read_one(b, n, false);
    }
    windows_due(&b->host, b->shared->base_ns + PERIOD_NS);
    assert_int_equal(reader_create(b->ram, "bench", &reader), 0);
    assert_int_equal(reader_seek_start(reader), 0);
    next_window(b, reader, &item);
    assert_int_equal(item.values[N_MEAN].quality, WEIR_R_SKIPPED);
    assert_int_equal(item.values[POLLS].uint64, 0);
    next_window(b, reader, &item);
    assert_int_equal(item.time.ns, b->shared->base_ns + PERIOD_NS);
    assert_int_equal(item.values[N_MEAN].quality, WEIR_R_TIMEOUT);
    assert_int_equal(item.values[WORD_LAST].quality, WEIR_R_TIMEOUT);
    assert_int_equal(item.values[N_COUNT].uint64, 0);
    assert_int_equal(item.values[POLLS].uint64, 4);
    assert_int_equal(reader_next(reader, &item), 0);
    reader_destroy(reader);
    /* A step of the clock ends a window when it is seen; the next is aligned to the new time. */
    int64_t step_ns = b->shared->base_ns + PERIOD_NS + PERIOD_NS / 4;
    queue_clock(b->host.queue, (struct clock_offset){ 1000 * NS_PER_S + 7, CLOCK_SYNCED });
    b->host.window_ns = step_ns;
    uint64_t before = device->stats->records;
    windows_due(&b->host, step_ns);
    assert_int_equal(device->stats->records, before + 1);
    assert_int_equal((b->host.window_ns + 1000 * NS_PER_S + 7) % PERIOD_NS, 0);
    host_free(&b->host);
}

/* Deadbands are of what leaves the window: the same again is not sent, nor is its count. */
static void deadband(void **state)
{
    struct bench *b = *state;
    b->point_configs[0].deadband = 1000;
    b->device.point_count = 1;
    open_host(b);
    struct device *device = &b->host.devices[0];
    for (int n = 1; n <= READINGS; n++) {
        read_one(b, n, true);
    }
    windows_finish(&b->host);
    assert_int_equal(device->stats->records, 2); /* the one before the first reading, and a first */
    assert_int_equal(device->stats->suppressed, READINGS * EVERY_NS / PERIOD_NS);
    host_free(&b->host);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(undisturbed),
        TEST(killed_at_each_step),
        TEST(killed_again_and_again),
        TEST(without_good_readings),
        TEST(deadband),
        TEST(another_configuration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
