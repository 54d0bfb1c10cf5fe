/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * `weir status` over forged pages: the first line, what is shown of whom, and pages that are torn.
 */
#include "cmocka_all.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/status.h"

#define NOW (100000 * NS_PER_S)

struct place {
    struct status status;
    struct stats_core core;
    struct stats_bus bus;
    struct stats_uplink uplink;
};

static void add_child(struct stats_core *core, const char *role, const char *name)
{
    struct stats_child *child = &core->children[core->child_count++];
    stats_text(child->role, sizeof child->role, role);
    stats_text(child->name, sizeof child->name, name);
    child->pid = 4711;
    child->state = CHILD_RUNNING;
    child->since_ns = NOW - 3600 * NS_PER_S;
}

/* All is well: one bus of two devices, one uplink. */
static int set_up(void **state)
{
    struct place *p = calloc(1, sizeof *p);
    stats_text(p->core.gateway, sizeof p->core.gateway, "kerb-07");
    stats_text(p->core.version, sizeof p->core.version, "0.1.0");
    p->core.pid = 4710;
    p->core.started_ns = NOW - 3601 * NS_PER_S;
    p->core.clock_synced = 1;
    p->core.ram_bytes = 1 << 20;
    p->core.ram_limit_bytes = 32 << 20;
    add_child(&p->core, "bus", "meters");
    add_child(&p->core, "uplink", "city");

    stats_text(p->bus.adapter, sizeof p->bus.adapter, "modbus");
    stats_text(p->bus.port, sizeof p->bus.port, "/dev/ttyUSB0 9600 8N1");
    p->bus.started_ns = NOW - 3600 * NS_PER_S;
    p->bus.busy_ns = 1800 * NS_PER_S;
    p->bus.opens = 1;
    p->bus.device_count = 2;
    stats_text(p->bus.devices[0].name, WEIR_NAME_MAX, "feeder-1");
    stats_text(p->bus.devices[1].name, WEIR_NAME_MAX, "tank");
    for (int i = 0; i < 2; i++) {
        p->bus.devices[i].state = DEVICE_LIVE;
        p->bus.devices[i].polls = 3600;
        p->bus.devices[i].last_reading_ns = NOW - 400 * NS_PER_MS;
    }
    stats_text(p->uplink.plugin, sizeof p->uplink.plugin, "mqtt");
    stats_text(p->uplink.note, sizeof p->uplink.note, "MQTT 5");
    p->uplink.connected = 1;
    p->uplink.since_ns = NOW - 3590 * NS_PER_S;
    p->uplink.last_accepted_ns = NOW - 300 * NS_PER_MS;
    p->uplink.stream_count = 1;
    p->uplink.streams[0] = (struct stats_stream){ "meters", 75919561666, 4200, 4210, 10 };

    p->status.now_ns = NOW;
    p->status.core = &p->core;
    p->status.buses[0] = &p->bus;
    p->status.uplinks[1] = &p->uplink;
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    free(*state);
    return 0;
}

/* What is printed, in a buffer that the next call overwrites. */
static const char *printed(const struct status *status)
{
    static char text[16384];
    FILE *out = fmemopen(text, sizeof text, "w");
    assert_non_null(out);
    status_print_text(out, status);
    fclose(out);
    return text;
}

static void assert_has(const char *text, const char *part)
{
    if (!strstr(text, part)) {
        print_error("no \"%s\" in:\n%s", part, text);
        fail();
    }
}

static void assert_first_line(const struct status *status, const char *line)
{
    const char *text = printed(status);
    assert_int_equal(strcspn(text, "\n"), strlen(line));
    assert_memory_equal(text, line, strlen(line));
}

static void all_is_well(void **state)
{
    struct place *p = *state;
    const char *text = printed(&p->status);
    assert_first_line(&p->status, "ok");
    assert_has(text, "gateway kerb-07: weir 0.1.0, pid 4710, up 1 h 00 min, clock synchronised\n");
    assert_has(text, "bus meters: running 1 h 00 min\n");
    assert_has(text, "modbus on /dev/ttyUSB0 9600 8N1, 50 % of its time used, opened 1 time\n");
    assert_has(text, "  feeder-1             live       0.4 s       3600        0");
    assert_has(text, "uplink city: running 1 h 00 min\n  mqtt connected for 59 min, MQTT 5\n");
    assert_has(text, "backlog 10 records, 0 messages in flight, ETA -\n");
    assert_has(text, "buffer: 1024.0 KiB of 32.0 MiB RAM; flash: none\n");
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1) {
        assert_true(strcspn(line, "\n") <= 80);
    }
}

/* What the driver of a serial line counts, and the likeliest reason; nothing while there is none.
 */
static void errors_on_the_line(void **state)
{
    struct place *p = *state;
    assert_null(strstr(printed(&p->status), "line errors"));
    p->bus.line_ns = NOW - 3 * NS_PER_S;
    p->bus.overruns = 2;
    assert_has(printed(&p->status), "  line errors: 0 framing, 0 parity, 2 overruns, 0 breaks\n"
                                    "    the last 3.0 s ago: this machine was too slow\n");
    p->bus.breaks = 1;
    assert_has(printed(&p->status), " ago: wires swapped, or no bias resistors?\n");
    p->bus.parity = 7;
    assert_has(printed(&p->status), " ago: wrong parity, or noise?\n");
    p->bus.framing = 1234567;
    const char *text = printed(&p->status);
    assert_has(text, "  line errors: 1234567 framing, 7 parity, 2 overruns, 1 breaks\n");
    assert_has(text, " ago: wrong baud or parity?\n");
    assert_first_line(&p->status, "ok");
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1) {
        assert_true(strcspn(line, "\n") <= 80);
    }
}

static void nothing_configured(void **state)
{
    struct place *p = *state;
    p->core.child_count = 0;
    assert_first_line(&p->status, "ok: nothing configured");
}

/* Which, why, how often: for each way a process can be in trouble. */
static void process_in_trouble(void **state)
{
    struct place *p = *state;
    struct stats_child *child = &p->core.children[0];
    child->restarts = 20;
    stats_text(child->why, sizeof child->why, "killed by signal 11 (Segmentation fault)");
    assert_first_line(&p->status, "ok"); /* long ago */
    assert_has(printed(&p->status),
               "ended 20 times, last: killed by signal 11 (Segmentation fault)\n");
    child->since_ns = NOW - 3 * NS_PER_S;
    assert_first_line(&p->status, "degraded: bus meters: killed by signal 11 (Segmentation fault) "
                                  "(20 times), started again");
    child->state = CHILD_WAITING;
    child->next_start_ns = NOW + 12 * NS_PER_S;
    assert_first_line(&p->status, "degraded: bus meters: killed by signal 11 (Segmentation fault) "
                                  "(20 times), starts again");
    assert_has(printed(&p->status), "bus meters: waiting 3.0 s, starts again in 12 s\n");
    child->state = CHILD_REFUSED;
    stats_text(child->why, sizeof child->why, "adapter-modbus.so: another ABI");
    assert_first_line(&p->status,
                      "degraded: bus meters: adapter-modbus.so: another ABI; waits for a reload");
    child->state = CHILD_STUCK;
    stats_text(child->why, sizeof child->why, "hung in poll feeder-1, killed");
    assert_first_line(&p->status, "degraded: bus meters: hung in poll feeder-1, killed, but is "
                                  "stuck in the kernel for 3 s");
    child->state = CHILD_STARTING;
    child->restarts = 0;
    assert_first_line(&p->status, "ok"); /* it may take a while */
    child->since_ns = NOW - 30 * NS_PER_S;
    assert_first_line(&p->status, "degraded: bus meters: not ready for 30 s");
}

static void bus_in_trouble(void **state)
{
    struct place *p = *state;
    stats_text(p->bus.trouble, STATS_TEXT, "port gone");
    assert_first_line(&p->status, "degraded: bus meters: port gone");
    p->bus.devices[1].state = DEVICE_GONE;
    p->bus.devices[1].why = WEIR_R_TIMEOUT;
    p->bus.devices[1].since_ns = NOW - 35 * NS_PER_S;
    p->bus.devices[1].errors[WEIR_R_TIMEOUT] = 12;
    p->bus.devices[1].errors[WEIR_R_CRC] = 3;
    const char *text = printed(&p->status);
    assert_has(text, "\n     and: device tank: gone for 35 s (timeout)\n");
    assert_has(text, "\n    timeout 12, crc 3\n");
}

static void uplink_in_trouble(void **state)
{
    struct place *p = *state;
    p->uplink.connected = 0;
    stats_text(p->uplink.words, STATS_TEXT, "not authorised");
    p->uplink.since_ns = NOW - 9 * NS_PER_S;
    assert_first_line(&p->status, "ok"); /* it has ten seconds */
    p->uplink.since_ns = NOW - 40 * NS_PER_S;
    assert_first_line(&p->status, "degraded: uplink city: not connected for 40 s: not authorised");
    assert_has(printed(&p->status), "it was told: not authorised\n");
    p->uplink.connected = 1;
    stats_text(p->uplink.trouble, STATS_TEXT, "1 record refused: too large");
    assert_first_line(&p->status, "degraded: uplink city: 1 record refused: too large");
}

static void drain_time(void **state)
{
    struct place *p = *state;
    p->uplink.head.alive_ns = NOW - NS_PER_S;
    p->uplink.streams[0].backlog = 2000;
    p->uplink.in_flight = 20;
    assert_has(printed(&p->status), "backlog 2000 records, 20 messages in flight, ETA -\n");
    p->uplink.drain_peak = 3500;
    assert_has(printed(&p->status),
               "backlog 2000 records, 20 messages in flight, 42 % of 3500 drained, ETA -\n");
    p->uplink.drain_eta_ns = 754 * NS_PER_S;
    assert_has(printed(&p->status), "42 % of 3500 drained, ETA 12 min\n");
    p->uplink.drain_peak = 1999; /* just copied between the two */
    assert_has(printed(&p->status), "0 % of 1999 drained, ETA 12 min\n");
    p->uplink.head.alive_ns = NOW - 60 * NS_PER_S; /* what it said then is over */
    assert_has(printed(&p->status), "drained, ETA -\n");
    p->uplink.head.alive_ns = NOW;
    p->uplink.connected = 0;
    assert_has(printed(&p->status), "drained, ETA -\n");
}

static void metered(void **state)
{
    struct place *p = *state;
    p->uplink.bytes_today = 317645;
    p->uplink.bytes_month = 12900000;
    assert_has(printed(&p->status), "\n  310.2 KiB today, 12.3 MiB this month\n");
    p->uplink.rate_limit = 65536;
    assert_has(printed(&p->status),
               "\n  310.2 KiB today, 12.3 MiB this month, at most 64.0 KiB a second\n");
}

static json_t *uplink_as_json(const struct status *status)
{
    static char text[65536];
    FILE *out = fmemopen(text, sizeof text, "w");
    assert_int_equal(status_print_json(out, status), 0);
    fclose(out);
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(root);
    json_t *uplink = json_incref(json_array_get(json_object_get(root, "uplinks"), 0));
    json_decref(root);
    return uplink;
}

static void drain_as_json(void **state)
{
    struct place *p = *state;
    p->uplink.bytes_today = 5;
    p->uplink.bytes_month = 6;
    json_t *idle = uplink_as_json(&p->status);
    assert_true(json_is_null(json_object_get(idle, "eta_ms")));
    assert_true(json_is_null(json_object_get(idle, "drained_percent")));
    assert_int_equal(json_integer_value(json_object_get(idle, "bytes_today")), 5);
    assert_int_equal(json_integer_value(json_object_get(idle, "bytes_month")), 6);
    json_decref(idle);
    p->uplink.head.alive_ns = NOW;
    p->uplink.drain_peak = 40;
    p->uplink.drain_eta_ns = 1500 * NS_PER_MS;
    json_t *drains = uplink_as_json(&p->status);
    assert_int_equal(json_integer_value(json_object_get(drains, "eta_ms")), 1500);
    assert_int_equal(json_integer_value(json_object_get(drains, "drained_percent")), 75);
    assert_int_equal(json_integer_value(json_object_get(drains, "backlog_peak")), 40);
    json_decref(drains);
}

static void many_reasons(void **state)
{
    struct place *p = *state;
    p->bus.device_count = 200;
    for (unsigned i = 0; i < 200; i++) {
        snprintf(p->bus.devices[i].name, WEIR_NAME_MAX, "d%u", i);
        p->bus.devices[i].state = DEVICE_GONE;
        p->bus.devices[i].since_ns = NOW;
    }
    const char *text = printed(&p->status);
    assert_memory_equal(text, "degraded: device d0: gone", 25);
    assert_has(text, "     and: 168 more\n");
}

static void as_json(void **state)
{
    struct place *p = *state;
    static char text[65536];
    const char *name, *gateway, *device;
    json_int_t polls, last_ms, backlog, timeouts, percent;
    int ok, connected;
    p->bus.devices[1].errors[WEIR_R_TIMEOUT] = 12;
    stats_text(p->uplink.words, STATS_TEXT, "said \"no\"\n\xff");
    FILE *out = fmemopen(text, sizeof text, "w");
    assert_int_equal(status_print_json(out, &p->status), 0);
    fclose(out);
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(root);
    assert_int_equal(json_unpack(root,
                                 "{s:b s:s s:[{s:s s:I s:[{s:s s:I s:I},{s:{s:I}}]}]"
                                 " s:[{s:b s:I}]}",
                                 "ok", &ok, "gateway", &gateway, "buses", "name", &name,
                                 "use_percent", &percent, "devices", "name", &device, "polls",
                                 &polls, "last_reading_ms", &last_ms, "errors", "timeout",
                                 &timeouts, "uplinks", "connected", &connected, "backlog",
                                 &backlog),
                     0);
    assert_true(ok && connected);
    assert_string_equal(gateway, "kerb-07");
    assert_string_equal(name, "meters");
    assert_string_equal(device, "feeder-1");
    assert_int_equal(polls, 3600);
    assert_int_equal(last_ms, 400);
    assert_int_equal(timeouts, 12);
    assert_int_equal(percent, 50);
    assert_int_equal(backlog, 10);
    json_decref(root);
}

/* ---- reading: a folder of pages, with and without somebody who answers */

static void write_page(const char *ram, const char *role, const char *name, const void *page,
                       uint32_t size)
{
    int fd;
    assert_int_equal(stats_create(ram, role, name, size, &fd), 0);
    char *map = stats_map(fd, size, 1);
    assert_non_null(map);
    size_t head = sizeof(struct stats_head);
    memcpy(map + head, (const char *)page + head, size - head);
    stats_unmap(map, size);
    close(fd);
}

static void remove_pages(const char *ram)
{
    static const char *const names[] = { "stats/core", "stats/bus.meters", "stats/uplink.city",
                                         "stats",      "control",          "" };
    char path[256];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", ram, names[i]);
        remove(path);
    }
}

static int listen_at(const char *ram)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    snprintf(address.sun_path, sizeof address.sun_path, "%s/control", ram);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 4), 0);
    return fd;
}

/* Reads the status while another process stands in for core and answers once. */
static int read_answered(int listening, const char *ram, struct status *ret_status)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        int fd = accept(listening, NULL, NULL);
        _exit(send(fd, "weir 0.1.0 1\n", 13, MSG_NOSIGNAL) == 13 ? 0 : 1);
    }
    int r = status_read(ram, ret_status), ended;
    assert_int_equal(waitpid(pid, &ended, 0), pid);
    assert_int_equal(ended, 0);
    return r;
}

static void read_pages(void **state)
{
    struct place *p = *state;
    char ram[] = "/tmp/weir-status-XXXXXX", path[64];
    struct status status;
    assert_non_null(mkdtemp(ram));
    assert_int_equal(status_read(ram, &status), -ENOENT);
    int fd = listen_at(ram);
    assert_int_equal(read_answered(fd, ram, &status), -EPROTO); /* somebody, but no page we know */

    snprintf(path, sizeof path, "%s/stats", ram);
    assert_int_equal(mkdir(path, 0700), 0);
    memset(p->bus.trouble, 'x', sizeof p->bus.trouble); /* torn: no end */
    p->bus.device_count = 100000;
    write_page(ram, "core", "", &p->core, sizeof p->core);
    write_page(ram, "bus", "meters", &p->bus, sizeof p->bus);
    assert_int_equal(read_answered(fd, ram, &status), 0);
    assert_int_equal(strlen(status.buses[0]->trouble), STATS_TEXT - 1);
    assert_int_equal(status.buses[0]->device_count, STATS_DEVICES);
    assert_null(status.uplinks[1]); /* no page: shown as a process only */
    assert_has(printed(&status), "degraded: bus meters: xxxx");
    status_finish(&status);

    close(fd);
    assert_int_equal(status_read(ram, &status), -ECONNREFUSED);
    remove_pages(ram);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(all_is_well),
        TEST(nothing_configured),
        TEST(errors_on_the_line),
        TEST(process_in_trouble),
        TEST(bus_in_trouble),
        TEST(uplink_in_trouble),
        TEST(drain_time),
        TEST(metered),
        TEST(drain_as_json),
        TEST(many_reasons),
        TEST(as_json),
        TEST(read_pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
