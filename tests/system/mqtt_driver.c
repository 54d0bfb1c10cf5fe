/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Stands in for the host: loads an uplink plugin, fills its options, and does what it is told on
 * standard input, one command a line, answering with {"reply":"ok"}. What the plugin tells comes
 * out as
 * {"event":...} lines, one a line of counts on `report`.
 *
 *     mqtt-driver PLUGIN.so url=mqtt://127.0.0.1:1883 qos=1 ...
 *     source feeder-1 reading | connect | announce | inflight 20 | send 1000 200 | report |
 * disconnect
 *
 * A message is {"n":TOKEN,"x":"..."}, so that a subscriber can tell which ones arrived.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <weir/uplink.h>

enum { SOURCES_MAX = 16, LINE_SIZE = 512, PAYLOAD_MAX = 4 << 20 };

static struct {
    const struct weir_uplink *plugin;
    void *self, *options;
    struct weir_source sources[SOURCES_MAX];
    struct weir_shape shapes[SOURCES_MAX];
    struct weir_label labels[SOURCES_MAX];
    char *texts[SOURCES_MAX]; /* that the shapes point into */
    int routes[SOURCES_MAX];
    size_t source_count;
    uint64_t sent, wanted, under_way, accepted, refused, again;
    size_t payload_bytes;
    uint64_t inflight;
    int64_t longest_ns; /* the longest that one callback took */
    char *payload;
    bool connected;
} driver;

static volatile sig_atomic_t quit;

static void on_signal(int number)
{
    quit = 1;
}

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_BOOTTIME, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static _Noreturn void fail(const char *what, const char *why)
{
    fprintf(stderr, "mqtt-driver: %s: %s\n", what, why);
    exit(1);
}

/* ---- the host's services */

static void print_text(const char *text)
{
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') {
            putchar('\\');
        }
        putchar((unsigned char)*text < 0x20 ? '?' : *text);
    }
}

static void event(const char *name, const char *key, const char *text, const char *more)
{
    printf("{\"event\":\"%s\",\"%s\":\"", name, key);
    print_text(text);
    printf("\"%s}\n", more);
    fflush(stdout);
}

__attribute__((format(printf, 3, 4))) static void
host_log(struct weir_uplink_link *link, enum weir_level level, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    event("log", "text", text, "");
}

static void host_connected(struct weir_uplink_link *link, const char *note)
{
    driver.connected = true;
    event("connected", "note", note ? note : "", "");
}

static void host_disconnected(struct weir_uplink_link *link, const char *why, bool permanent)
{
    char more[64];
    snprintf(more, sizeof more, ",\"permanent\":%s,\"under_way\":%llu",
             permanent ? "true" : "false", (unsigned long long)driver.under_way);
    driver.connected = false;
    driver.under_way = 0;
    driver.wanted = driver.sent;
    event("disconnected", "why", why, more);
}

static void host_accepted(struct weir_uplink_link *link, uint64_t token)
{
    driver.accepted++;
    driver.under_way--;
}

static void host_refused(struct weir_uplink_link *link, uint64_t token, const char *why)
{
    char more[64];
    driver.refused++;
    driver.under_way--;
    snprintf(more, sizeof more, ",\"token\":%llu", (unsigned long long)token);
    event("refused", "why", why, more);
}

static const struct weir_uplink_host host = {
    .size = sizeof host,
    .log = host_log,
    .now_ns = now_ns,
    .connected = host_connected,
    .disconnected = host_disconnected,
    .accepted = host_accepted,
    .refused = host_refused,
};

/* ---- options: the table says how */

static int64_t parse_duration(const char *text)
{
    char *unit;
    double value = strtod(text, &unit);
    double scale = !strcmp(unit, "ms") ? 1e6 : !strcmp(unit, "s") ? 1e9 : 0;
    if (scale == 0) {
        fail(text, "not a duration in ms or s");
    }
    return (int64_t)(value * scale);
}

static int parse_choice(const struct weir_option *option, const char *text)
{
    for (int i = 0; option->choices[i]; i++) {
        if (!strcmp(option->choices[i], text)) {
            return i;
        }
    }
    fail(option->name, "no such choice");
}

static void option_set(const struct weir_option *option, const char *text)
{
    void *at = (char *)driver.options + option->offset;
    switch (option->type) {
    case WEIR_OPTION_INT:
        *(int64_t *)at = text ? strtoll(text, NULL, 10) : 0;
        break;
    case WEIR_OPTION_TEXT:
    case WEIR_OPTION_NAME:
    case WEIR_OPTION_SECRET:
        *(const char **)at = text ? text : "";
        break;
    case WEIR_OPTION_CHOICE:
        *(int *)at = text ? parse_choice(option, text) : 0;
        break;
    case WEIR_OPTION_DURATION:
        *(int64_t *)at = text ? parse_duration(text) : 0;
        break;
    default:
        fail(option->name, "type not known to this driver");
    }
}

static void options_fill(char **args)
{
    driver.options = calloc(1, driver.plugin->options_size);
    if (!driver.options) {
        fail("options", "out of memory");
    }
    for (const struct weir_option *o = driver.plugin->options; o->name; o++) {
        option_set(o, o->fallback);
    }
    for (; *args; args++) {
        const char *value = strchr(*args, '=');
        const struct weir_option *o = driver.plugin->options;
        size_t len = value ? (size_t)(value - *args) : 0;
        while (o->name && (strlen(o->name) != len || strncmp(o->name, *args, len) != 0)) {
            o++;
        }
        if (!o->name) {
            fail(*args, "no such option");
        }
        option_set(o, value + 1);
    }
}

/* ---- callbacks of the plugin, timed */

static void timed(int64_t since_ns)
{
    int64_t took_ns = now_ns() - since_ns;
    driver.longest_ns = took_ns > driver.longest_ns ? took_ns : driver.longest_ns;
}

static void send_more(void)
{
    uint64_t inflight = driver.plugin->window(driver.self);
    inflight = inflight < driver.inflight ? inflight : driver.inflight;
    while (driver.connected && driver.sent < driver.wanted && driver.under_way < inflight) {
        int head = snprintf(driver.payload, LINE_SIZE, "{\"n\":%llu,\"x\":\"",
                            (unsigned long long)driver.sent);
        size_t least = (size_t)head + 2;
        size_t len = driver.payload_bytes > least ? driver.payload_bytes : least;
        memset(driver.payload + head, 'x', len - least);
        memcpy(driver.payload + len - 2, "\"}", 2);
        int64_t since_ns = now_ns();
        int r = driver.plugin->send(driver.self, driver.sent,
                                    driver.routes[driver.source_count - 1], driver.payload, len);
        timed(since_ns);
        if (r == -EAGAIN) {
            driver.again++;
            return;
        }
        if (r < 0) {
            event("send", "error", strerror(-r), "");
            return;
        }
        driver.sent++;
        driver.under_way++;
    }
}

/* ---- commands */

static int do_connect(char *args)
{
    int64_t since_ns = now_ns();
    driver.plugin->connect(driver.self);
    timed(since_ns);
    return 0;
}

static int do_disconnect(char *args)
{
    int64_t since_ns = now_ns();
    driver.plugin->disconnect(driver.self);
    timed(since_ns);
    driver.connected = false;
    driver.under_way = 0;
    driver.wanted = driver.sent;
    return 0;
}

/* source DEVICE KIND [SITE]: later messages are of this one. */
static int do_source(char *args)
{
    size_t i = driver.source_count;
    char *rest = i < SOURCES_MAX ? strdup(args) : NULL;
    if (!rest) {
        return -ENOSPC;
    }
    driver.texts[i] = rest;
    driver.source_count++;
    const char *device = strsep(&rest, " "), *kind = strsep(&rest, " ");
    driver.labels[i] = (struct weir_label){ "site", rest };
    driver.shapes[i] = (struct weir_shape){
        .device = device, .kind = kind, .labels = &driver.labels[i], .label_count = rest ? 1 : 0
    };
    driver.sources[i] = (struct weir_source){ .bus = "meters", .shape = &driver.shapes[i] };
    driver.routes[i] = driver.plugin->route(driver.self, &driver.sources[i]);
    if (driver.routes[i] < 0) {
        return driver.routes[i];
    }
    char number[16];
    snprintf(number, sizeof number, "%d", driver.routes[i]);
    event("route", "number", number, "");
    return 0;
}

static int do_announce(char *args)
{
    static const char json[] = "{\"points\":{}}";
    size_t i = driver.source_count - 1;
    driver.plugin->announce(driver.self, driver.routes[i], &driver.sources[i], json,
                            sizeof json - 1);
    return 0;
}

/* send COUNT BYTES: that many more messages. */
static int do_send(char *args)
{
    char *count = strsep(&args, " ");
    driver.payload_bytes = args ? strtoul(args, NULL, 10) : 0;
    if (!driver.source_count || driver.payload_bytes > PAYLOAD_MAX) {
        return -EINVAL;
    }
    driver.wanted += strtoull(count, NULL, 10);
    return 0;
}

static int do_inflight(char *args)
{
    driver.inflight = strtoull(args, NULL, 10);
    return 0;
}

static int do_quit(char *args)
{
    quit = 1;
    return 0;
}

static int do_report(char *args)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("{\"sent\":%llu,\"wanted\":%llu,\"under_way\":%llu,\"accepted\":%llu,\"refused\":%llu,"
           "\"again\":%llu,\"window\":%u,\"longest_ms\":%.1f,\"cpu_ms\":%.1f,\"connected\":%s}\n",
           (unsigned long long)driver.sent, (unsigned long long)driver.wanted,
           (unsigned long long)driver.under_way, (unsigned long long)driver.accepted,
           (unsigned long long)driver.refused, (unsigned long long)driver.again,
           driver.self ? driver.plugin->window(driver.self) : 0, (double)driver.longest_ns / 1e6,
           (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 +
               (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3,
           driver.connected ? "true" : "false");
    driver.longest_ns = 0;
    return 0;
}

static const struct {
    const char *name;
    int (*run)(char *args);
} commands[] = {
    { "connect", do_connect }, { "disconnect", do_disconnect },
    { "source", do_source },   { "announce", do_announce },
    { "send", do_send },       { "inflight", do_inflight },
    { "report", do_report },   { "quit", do_quit },
};

static void run_line(char *line)
{
    char *args = line, *name = strsep(&args, " ");
    int r = -ENOSYS;
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (!strcmp(commands[i].name, name)) {
            r = commands[i].run(args);
        }
    }
    if (r < 0) {
        printf("{\"reply\":\"error\",\"why\":\"%s\"}\n", strerror(-r));
    } else {
        printf("{\"reply\":\"ok\"}\n");
    }
    fflush(stdout);
}

/* The end of the input is `quit`. */
static void read_commands(void)
{
    static char text[LINE_SIZE];
    static size_t len;
    ssize_t n = read(STDIN_FILENO, text + len, sizeof text - len);
    if (n <= 0) {
        quit = n == 0 || errno != EAGAIN;
        return;
    }
    len += (size_t)n;
    char *start = text, *end;
    while ((end = memchr(start, '\n', len - (size_t)(start - text)))) {
        *end = 0;
        run_line(start);
        start = end + 1;
    }
    len -= (size_t)(start - text);
    memmove(text, start, len);
}

static void turn(void)
{
    struct pollfd fds[1 + WEIR_UPLINK_FDS] = { { .fd = STDIN_FILENO, .events = POLLIN } };
    int64_t deadline_ns = INT64_MAX;
    send_more();
    unsigned count = driver.plugin->prepare(driver.self, fds + 1, &deadline_ns);
    int64_t wait_ns = deadline_ns - now_ns();
    wait_ns = deadline_ns == INT64_MAX ? INT64_C(10000000000) : wait_ns < 0 ? 0 : wait_ns;
    struct timespec timeout = { wait_ns / 1000000000, wait_ns % 1000000000 };
    ppoll(fds, 1 + count, &timeout, NULL);
    int64_t since_ns = now_ns();
    driver.plugin->process(driver.self, fds + 1, count);
    timed(since_ns);
    if (fds[0].revents) {
        read_commands();
    }
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fail("usage", "mqtt-driver PLUGIN.so [OPTION=VALUE...]");
    }
    void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    driver.plugin = library ? dlsym(library, "weir_uplink") : NULL;
    if (!driver.plugin) {
        fail(argv[1], dlerror());
    }
    signal(SIGPIPE, SIG_IGN);
    signal(SIGTERM, on_signal);
    fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
    options_fill(argv + 2);
    driver.payload = malloc(PAYLOAD_MAX + LINE_SIZE);
    driver.inflight = 20;
    const struct weir_uplink_env env = {
        .host = &host, .gateway = "kerb-07", .name = "city", .options = driver.options
    };
    char err[256] = "";
    int r = driver.payload ? driver.plugin->open(&env, &driver.self, err, sizeof err) : -ENOMEM;
    if (r < 0) {
        event("open", "error", err, "");
        return 1;
    }
    while (!quit) {
        turn();
    }
    driver.plugin->close(driver.self);
    driver.self = NULL;
    do_report(NULL);
    for (size_t i = 0; i < driver.source_count; i++) {
        free(driver.texts[i]);
    }
    free(driver.payload);
    free(driver.options);
    return 0;
}
