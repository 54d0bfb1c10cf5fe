/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * See options.h.
 */
#include "receive/options.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <mosquitto.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "receive/columns.h"

#define PORT_DEFAULT 1883

static const char help[] =
    "usage: weir receive URL TOPIC... [options]\n"
    "\n"
    "Subscribes at an MQTT broker and prints what arrives; with --verify it proves that nothing\n"
    "is missing. Any JSON objects become rows; the proof needs records as weir sends them.\n"
    "\n"
    "  URL    mqtt://HOST[:PORT], port 1883 if there is none; [::1] for IPv6\n"
    "  TOPIC  an MQTT topic filter, for example 'weir/#' or 'weir/kerb-07/+/reading'\n"
    "\n"
    "What to print:\n"
    "  (nothing)             a table; on a terminal it is redrawn in place\n"
    "  --live                the table in place, wherever it goes\n"
    "  --csv                 CSV; the first object decides the columns, the rest goes to `more`\n"
    "  --learn N             all objects of the first N seconds decide the columns\n"
    "  --columns LIST        these columns instead: KEY or TITLE=KEY, separated by commas;\n"
    "                        nested keys as a.b, the values of a record without `values.`; also\n"
    "                        topic, received (when), location (the label of this name, or the\n"
    "                        device), label.NAME, more (JSON of what has no column)\n"
    "  --json                one JSON object a line\n"
    "  --kind LIST           only objects whose `kind` is one of these, separated by commas\n"
    "  --quiet               nothing but the verdict\n"
    "  --hold N              a record without a trusted time waits up to N seconds for the clock\n"
    "                        event that tells it; without this it is printed at once, and again,\n"
    "                        with clock \"repaired\", when the event comes\n"
    "\n"
    "The proof:\n"
    "  --verify              per gateway and bus: every number is there once or accounted for\n"
    "  --report FILE         keep the state of the proof in FILE, and continue it if it exists\n"
    "\n"
    "When to end (else at SIGINT, SIGTERM or SIGHUP; always with the verdict):\n"
    "  --seconds N           after N seconds\n"
    "  --idle N              after N seconds without a record, connected or not\n"
    "\n"
    "The connection:\n"
    "  --username U          log in as U\n"
    "  --password P          with this password (others can see it in the process list)\n"
    "  --password-file FILE  with the first line of FILE, which others must not be able to read\n"
    "  --client-id ID        default: made from URL, topics and host name, always the same, as "
    "the\n"
    "                        broker keeps under it what comes while the receiver is away\n"
    "\n"
    "  --help                this text\n"
    "  --version             the version\n"
    "\n"
    "The subscription has QoS 1 and a session that the broker keeps for 7 days. The receiver "
    "waits\n"
    "for a broker that is not there yet and connects again by itself.\n"
    "\n"
    "Exit status: 0 all is well (with --verify: complete or accounted for), 1 records are "
    "missing,\n"
    "a rule is broken or it cannot know, 2 wrong usage, 3 it could not be done (never connected,\n"
    "refused, output or report not writable).\n"
    "\n"
    "Examples:\n"
    "  weir receive mqtt://localhost 'weir/#'\n"
    "  weir receive mqtt://localhost 'weir/#' --verify --report proof.json --idle 30 --quiet\n"
    "  weir receive mqtt://localhost 'zigbee2mqtt/+' --csv --learn 60 > sensors.csv\n"
    "  weir receive mqtt://localhost 'weir/#' --csv --kind interval \\\n"
    "      --columns location,time,vehicle_count > counts.csv\n";

enum option_code {
    OPTION_CSV = 256,
    OPTION_JSON,
    OPTION_QUIET,
    OPTION_LIVE,
    OPTION_COLUMNS,
    OPTION_KIND,
    OPTION_LEARN,
    OPTION_HOLD,
    OPTION_VERIFY,
    OPTION_REPORT,
    OPTION_SECONDS,
    OPTION_IDLE,
    OPTION_USERNAME,
    OPTION_PASSWORD,
    OPTION_PASSWORD_FILE,
    OPTION_CLIENT_ID,
    OPTION_HELP,
    OPTION_VERSION,
};

static const struct option long_options[] = {
    { "csv", no_argument, NULL, OPTION_CSV },
    { "json", no_argument, NULL, OPTION_JSON },
    { "quiet", no_argument, NULL, OPTION_QUIET },
    { "live", no_argument, NULL, OPTION_LIVE },
    { "columns", required_argument, NULL, OPTION_COLUMNS },
    { "kind", required_argument, NULL, OPTION_KIND },
    { "learn", required_argument, NULL, OPTION_LEARN },
    { "hold", required_argument, NULL, OPTION_HOLD },
    { "verify", no_argument, NULL, OPTION_VERIFY },
    { "report", required_argument, NULL, OPTION_REPORT },
    { "seconds", required_argument, NULL, OPTION_SECONDS },
    { "idle", required_argument, NULL, OPTION_IDLE },
    { "username", required_argument, NULL, OPTION_USERNAME },
    { "password", required_argument, NULL, OPTION_PASSWORD },
    { "password-file", required_argument, NULL, OPTION_PASSWORD_FILE },
    { "client-id", required_argument, NULL, OPTION_CLIENT_ID },
    { "help", no_argument, NULL, OPTION_HELP },
    { "version", no_argument, NULL, OPTION_VERSION },
    { NULL, 0, NULL, 0 },
};

static int usage(const char *format, ...) __attribute__((format(printf, 1, 2)));
static int usage(const char *format, ...)
{
    va_list args;

    fputs("weir: receive: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputs(" (weir receive --help says more)\n", stderr);
    return EXIT_USAGE;
}

const char *options_url(const char *url, char *host, size_t host_size, int *port)
{
    static const char scheme[] = "mqtt://";
    const char *begin = url + strlen(scheme);
    const char *end;
    const char *rest;
    char *stop;
    long value;

    if (strncmp(url, "mqtts://", 8) == 0) {
        return "TLS (mqtts://) is not supported, only mqtt://";
    }
    if (strncmp(url, scheme, strlen(scheme)) != 0) {
        return "a URL begins with mqtt://, as in mqtt://localhost:1883";
    }
    if (strchr(begin, '@') != NULL) {
        return "a URL has no user in it, use --username";
    }
    if (begin[0] == '[') {
        begin++;
        end = strchr(begin, ']');
        rest = end == NULL ? NULL : end + 1;
    } else {
        end = begin + strcspn(begin, ":/");
        rest = end;
    }
    if (rest == NULL || end == begin || (size_t)(end - begin) >= host_size) {
        return "there is no host in it";
    }
    memcpy(host, begin, (size_t)(end - begin));
    host[end - begin] = '\0';
    *port = PORT_DEFAULT;
    if (rest[0] == ':') {
        errno = 0;
        value = strtol(rest + 1, &stop, 10);
        if (stop == rest + 1 || errno != 0 || value < 1 || value > 65535) {
            return "the port is none";
        }
        *port = (int)value;
        rest = stop;
    }
    return strcmp(rest, "") == 0 || strcmp(rest, "/") == 0 ? NULL
                                                           : "a URL ends after host and port";
}

static bool read_seconds(const char *text, int64_t *ret_ms)
{
    char *end;
    double seconds;

    errno = 0;
    seconds = strtod(text, &end);
    if (end == text || *end != '\0' || errno != 0 || !(seconds >= 0.001 && seconds <= 1e9)) {
        return false;
    }
    *ret_ms = (int64_t)(seconds * 1000);
    return true;
}

/* The first line. 0, or EXIT_CANNOT and it was said why. */
static int read_password(struct options *options)
{
    const char *path = options->password_file;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat info;
    ssize_t size;

    if (fd < 0) {
        fprintf(stderr, "weir: %s: %s\n", path, strerror(errno));
        return EXIT_CANNOT;
    }
    if (fstat(fd, &info) < 0 || (info.st_mode & S_IROTH) != 0) {
        fprintf(stderr, "weir: %s: others can read it, which a password is not for: chmod o-r\n",
                path);
        close(fd);
        return EXIT_CANNOT;
    }
    size = read(fd, options->password, sizeof(options->password) - 1);
    close(fd);
    if (size < 0) {
        fprintf(stderr, "weir: %s: %s\n", path, strerror(errno));
        return EXIT_CANNOT;
    }
    options->password[size] = '\0';
    options->password[strcspn(options->password, "\r\n")] = '\0';
    return 0;
}

static int set_output(struct options *options, enum output output)
{
    if (options->output != OUTPUT_TABLE && options->output != output) {
        return usage("--csv, --json, --live and --quiet exclude each other");
    }
    options->output = output;
    return 0;
}

static int set_text(char *to, size_t size, const char *from, const char *name)
{
    if (from[0] == '\0' || strlen(from) >= size) {
        return usage("%s: 1 to %zu characters", name, size - 1);
    }
    memcpy(to, from, strlen(from) + 1);
    return 0;
}

static int take_option(struct options *options, int code, char **argv)
{
    switch ((enum option_code)code) {
    case OPTION_CSV:
        return set_output(options, OUTPUT_CSV);
    case OPTION_JSON:
        return set_output(options, OUTPUT_JSON);
    case OPTION_QUIET:
        return set_output(options, OUTPUT_NONE);
    case OPTION_LIVE:
        return set_output(options, OUTPUT_LIVE);
    case OPTION_COLUMNS:
        options->columns = optarg;
        return 0;
    case OPTION_KIND:
        options->kinds = optarg;
        return optarg[0] != '\0' ? 0 : usage("--kind: a kind, or several separated by commas");
    case OPTION_LEARN:
        return read_seconds(optarg, &options->learn_ms)
                   ? 0
                   : usage("--learn %s: no number of seconds", optarg);
    case OPTION_HOLD:
        return read_seconds(optarg, &options->hold_ms)
                   ? 0
                   : usage("--hold %s: no number of seconds", optarg);
    case OPTION_VERIFY:
        options->verify = true;
        return 0;
    case OPTION_REPORT:
        options->report = optarg;
        return 0;
    case OPTION_SECONDS:
        return read_seconds(optarg, &options->seconds_ms)
                   ? 0
                   : usage("--seconds %s: no number of seconds", optarg);
    case OPTION_IDLE:
        return read_seconds(optarg, &options->idle_ms)
                   ? 0
                   : usage("--idle %s: no number of seconds", optarg);
    case OPTION_USERNAME:
        options->username = optarg;
        return 0;
    case OPTION_PASSWORD:
        return set_text(options->password, sizeof(options->password), optarg, "--password");
    case OPTION_PASSWORD_FILE:
        options->password_file = optarg;
        return 0;
    case OPTION_CLIENT_ID:
        return set_text(options->client_id, sizeof(options->client_id), optarg, "--client-id");
    case OPTION_HELP:
    case OPTION_VERSION:
        return 0; /* done before */
    }
    return code == ':' ? usage("%s needs a value", argv[optind - 1])
                       : usage("unknown option %s", argv[optind - 1]);
}

static bool are_columns(const char *text)
{
    struct columns columns = { 0 };
    bool good = columns_parse(&columns, text) != -EINVAL;

    columns_finish(&columns);
    return good;
}

static int check(const struct options *options)
{
    if (options->report != NULL && !options->verify) {
        return usage("--report needs --verify");
    }
    if (options->columns != NULL && options->output != OUTPUT_CSV) {
        return usage("--columns needs --csv");
    }
    if (options->learn_ms > 0 && (options->output != OUTPUT_CSV || options->columns != NULL)) {
        return usage("--learn needs --csv without --columns");
    }
    if (options->columns != NULL && !are_columns(options->columns)) {
        return usage("--columns %s: KEY or TITLE=KEY, separated by commas, each title once, at "
                     "most %d",
                     options->columns, COLUMNS_MAX);
    }
    if (options->hold_ms > 0 && options->output != OUTPUT_CSV && options->output != OUTPUT_TABLE) {
        return usage("--hold needs --csv or the table");
    }
    if (options->password_file != NULL && options->password[0] != '\0') {
        return usage("--password and --password-file exclude each other");
    }
    if (options->username == NULL &&
        (options->password_file != NULL || options->password[0] != '\0')) {
        return usage("a password needs --username");
    }
    for (int i = 0; i < options->topic_count; i++) {
        if (mosquitto_sub_topic_check(options->topics[i]) != MOSQ_ERR_SUCCESS) {
            return usage("%s is no topic filter", options->topics[i]);
        }
        const char *dot = strrchr(options->topics[i], '.');
        if (dot && !strchr(options->topics[i], '/') &&
            (!strcmp(dot, ".csv") || !strcmp(dot, ".json"))) {
            return usage("%s is taken for a topic; rows go to standard output: > %s",
                         options->topics[i], options->topics[i]);
        }
    }
    return 0;
}

/* FNV-1a over the things that make this subscription the one it is. */
static uint64_t mix(uint64_t hash, const char *text)
{
    do {
        hash = (hash ^ (unsigned char)*text) * 0x100000001b3U;
    } while (*text++ != '\0');
    return hash;
}

static void make_client_id(struct options *options)
{
    uint64_t hash = mix(0xcbf29ce484222325U, options->url);
    uint64_t topics = 0;
    char host[256] = "";

    gethostname(host, sizeof(host) - 1);
    for (int i = 0; i < options->topic_count; i++) {
        topics += mix(0xcbf29ce484222325U, options->topics[i]); /* in any order */
    }
    hash = mix(hash, host) ^ topics;
    /* 23 characters: a 3.1.1 broker need not take more. */
    snprintf(options->client_id, sizeof(options->client_id), "weir-rx%016llx",
             (unsigned long long)hash);
}

int options_read(struct options *options, int argc, char **argv, int *ret_exit)
{
    const char *wrong;
    int code;

    *options = (struct options){ 0 };
    opterr = 0;
    while ((code = getopt_long(argc, argv, ":", long_options, NULL)) != -1) {
        if (code == OPTION_HELP || code == OPTION_VERSION) {
            fputs(code == OPTION_HELP ? help : "weir " WEIR_VERSION "\n", stdout);
            *ret_exit = fflush(stdout) == EOF ? EXIT_CANNOT : EXIT_OK;
            return -1;
        }
        *ret_exit = take_option(options, code, argv);
        if (*ret_exit != 0) {
            return -1;
        }
    }
    if (argc - optind < 2) {
        *ret_exit = usage("a URL and at least one topic are needed");
        return -1;
    }
    options->url = argv[optind];
    options->topics = &argv[optind + 1];
    options->topic_count = argc - optind - 1;
    wrong = options_url(options->url, options->host, sizeof(options->host), &options->port);
    *ret_exit = wrong != NULL ? usage("%s: %s", options->url, wrong) : check(options);
    if (*ret_exit == 0 && options->password_file != NULL) {
        *ret_exit = read_password(options);
    }
    if (*ret_exit != 0) {
        return -1;
    }
    if (options->client_id[0] == '\0') {
        make_client_id(options);
    }
    if (options->output == OUTPUT_TABLE && isatty(STDOUT_FILENO)) {
        options->output = OUTPUT_LIVE;
    }
    return 0;
}
