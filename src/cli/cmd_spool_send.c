/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * `weir spool send`: delivers what a store has, as the gateway that wrote it would after a power
 * cut, with the same uplink, from whatever machine has the card now. The store is only read.
 */
#include "cli/cmd_spool_send.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/say.h"
#include "base/text.h"
#include "cli/load.h"
#include "uplink/uplink.h"

#define WAIT_NS (60 * NS_PER_S)

static void usage(FILE *out)
{
    fputs(
        "usage: weir spool send URL [OPTION...] [DIR...]\n\n"
        "Delivers the records of a store to a broker and ends when all are acknowledged. They\n"
        "carry the name of the gateway that wrote them, and before and after as always, so that\n"
        "weir receive --verify accepts them; what the far end has already is a repeat.\n\n"
        "  -c, --config FILE     whose store (default " LOAD_DEFAULT_FILE ")\n"
        "      --topic TEMPLATE  as in the settings of an uplink (default\n"
        "                        weir/{gateway}/{device}/{kind})\n"
        "      --set KEY=VALUE   any other setting of an mqtt uplink, for example username=kerb,\n"
        "                        password=file:/path, rate_limit=64KiB; may be repeated\n"
        "      --as UPLINK       begin where this uplink of the gateway was\n"
        "      --since TIME      begin with the first record of this time: 2026-11-22,\n"
        "                        2026-11-22T12:00:00Z, or 2d (two days ago)\n"
        "      --wait TIME       give up after so long without a connection (default 60s)\n\n"
        "Retained messages (state, meta) go below PREFIXrescued/, so that nothing is said in the\n"
        "place of a gateway that lives. Exit status: 0 all acknowledged, 1 the broker refused\n"
        "records, 2 wrong usage, 3 it could not be done.\n",
        out);
}

/* ---- while it runs */

struct sending {
    const struct send_options *options;
    const struct spool_store *store;
    struct send_work work;
    struct spool_progress progress;
    struct stats_uplink last; /* how far it is */
    bool all_done, hopeless, waited;
    int64_t began_ns, answer_ns; /* answer_ns: when the broker last answered to a message */
    uint64_t answers;
};

static void show_progress(struct sending *s, const struct stats_uplink *stats)
{
    if (!spool_progress_due(&s->progress)) {
        return;
    }
    int64_t took_ns = boot_now().ns - s->began_ns;
    uint64_t left = s->work.numbers > stats->records ? s->work.numbers - stats->records : 0;
    fprintf(stderr, "\r\033[Kweir: %llu of at most %llu records",
            (unsigned long long)stats->records, (unsigned long long)s->work.numbers);
    if (!stats->connected) {
        fprintf(stderr, ", not connected: %.60s", stats->words);
    } else if (stats->records) {
        double left_s = (double)took_ns / 1e9 / (double)stats->records * (double)left;
        fprintf(stderr, ", %.1f MiB, %.0f s left", (double)stats->bytes / 1048576, left_s);
    }
}

static bool watch(void *context, const struct stats_uplink *stats, bool all_done, bool hopeless)
{
    struct sending *s = context;
    memcpy(&s->last, stats, sizeof s->last);
    s->all_done = all_done;
    s->hopeless = hopeless && !stats->connected;
    if (stats->accepted + stats->refused != s->answers) {
        s->answers = stats->accepted + stats->refused;
        s->answer_ns = boot_now().ns;
    }
    s->waited = boot_now().ns - s->answer_ns > s->options->wait_ns;
    show_progress(s, stats);
    return s->all_done || s->hopeless || s->waited;
}

/* ---- one store */

static int verdict(struct sending *s, int status)
{
    const struct stats_uplink *stats = &s->last;
    bool begun = stats->head.layout || stats->since_ns;
    spool_progress_end(&s->progress);
    if (status != 0 && !begun) {
        return status == EXIT_CONFIG ? EXIT_USAGE : EXIT_CANNOT; /* it has been told why */
    }
    printf("%s: %llu records in %llu messages acknowledged by %s", s->store->path,
           (unsigned long long)stats->records, (unsigned long long)stats->accepted,
           s->options->url);
    if (s->all_done && !stats->set_aside) {
        printf("; that is all there is\n");
        return 0;
    }
    if (s->all_done) {
        printf("; %llu records were refused: %s\n", (unsigned long long)stats->set_aside,
               stats->trouble);
        return EXIT_DEGRADED;
    }
    printf("; not all: %s\n", status == EXIT_AGAIN ? "ended by a signal"
                              : stats->words[0]    ? stats->words
                                                   : "the broker does not answer");
    return EXIT_CANNOT;
}

static int send_store(void *context, struct spool_store *store)
{
    struct sending s = { .options = context, .store = store, .work = { .config_fd = -1 } };
    int status = send_prepare(s.options, store, &s.work);
    if (status == 0 && s.work.numbers == 0) {
        printf("%s: there is nothing to send\n", store->path);
    } else if (status == 0) {
        struct uplink_errand errand = { .name = SEND_UPLINK,
                                        .config_fd = s.work.config_fd,
                                        .rescued = s.work.foreign,
                                        .watch = watch,
                                        .context = &s };
        spool_progress_start(&s.progress);
        s.began_ns = s.answer_ns = boot_now().ns;
        status = verdict(&s, uplink_run_errand(&errand));
    }
    send_clean(&s.work);
    return status;
}

/* ---- arguments */

static int two_digits(const char *text)
{
    bool digits = text[0] >= '0' && text[0] <= '9' && text[1] >= '0' && text[1] <= '9';
    return digits ? (text[0] - '0') * 10 + text[1] - '0' : -1;
}

/* 2026-11-22, 2026-11-22T12:00:00Z, or how long ago. */
static bool take_time(const char *text, int64_t *ret_ns)
{
    int64_t ago;
    size_t len = strlen(text);
    if (duration_parse(text, &ago) == 0) {
        *ret_ns = wall_now().ns - ago;
        return true;
    }
    bool day = len == 10, second = len == 20 && text[10] == 'T' && text[19] == 'Z' &&
                                   text[13] == ':' && text[16] == ':';
    if (!(day || second) || text[4] != '-' || text[7] != '-') {
        return false;
    }
    int numbers[] = { two_digits(text),
                      two_digits(text + 2),
                      two_digits(text + 5),
                      two_digits(text + 8),
                      second ? two_digits(text + 11) : 0,
                      second ? two_digits(text + 14) : 0,
                      second ? two_digits(text + 17) : 0 };
    static const int most[] = { 99, 99, 12, 31, 23, 59, 60 };
    for (int i = 0; i < 7; i++) {
        if (numbers[i] < 0 || numbers[i] > most[i]) {
            return false;
        }
    }
    struct tm tm = { .tm_year = numbers[0] * 100 + numbers[1] - 1900,
                     .tm_mon = numbers[2] - 1,
                     .tm_mday = numbers[3],
                     .tm_hour = numbers[4],
                     .tm_min = numbers[5],
                     .tm_sec = numbers[6] };
    *ret_ns = (int64_t)timegm(&tm) * NS_PER_S;
    return *ret_ns > 0;
}

static bool take_setting(struct send_options *options, const char *text)
{
    if (options->setting_count == SEND_SETTINGS || !strchr(text, '=') || text[0] == '=') {
        return false;
    }
    options->settings[options->setting_count++] = text;
    return true;
}

/* -1: go on, else the exit status. */
static int parse_arguments(struct send_options *send, struct spool_options *common, int argc,
                           char **argv)
{
    enum { TOPIC = 256, SET, AS, SINCE, WAIT };
    static const struct option options[] = {
        { "config", required_argument, NULL, 'c' },  { "topic", required_argument, NULL, TOPIC },
        { "set", required_argument, NULL, SET },     { "as", required_argument, NULL, AS },
        { "since", required_argument, NULL, SINCE }, { "wait", required_argument, NULL, WAIT },
        { "help", no_argument, NULL, 'h' },          { 0 },
    };
    static char topic[512];
    bool bad = false;
    for (int o; (o = getopt_long(argc, argv, "c:h", options, NULL)) != -1;) {
        switch (o) {
        case 'c':
            common->file = optarg;
            break;
        case TOPIC:
            bad |= snprintf(topic, sizeof topic, "topic=%s", optarg) >= (int)sizeof topic ||
                   !take_setting(send, topic);
            break;
        case SET:
            bad |= !take_setting(send, optarg);
            break;
        case AS:
            send->as = optarg;
            break;
        case SINCE:
            bad |= !take_time(optarg, &send->since_ns);
            break;
        case WAIT:
            bad |= duration_parse(optarg, &send->wait_ns) != 0 || send->wait_ns <= 0;
            break;
        case 'h':
            usage(stdout);
            return 0;
        default:
            bad = true;
        }
    }
    if (bad || optind == argc || (send->as && send->since_ns)) {
        usage(stderr);
        return EXIT_USAGE;
    }
    send->url = argv[optind];
    common->dirs = argv + optind + 1;
    common->dir_count = argc - optind - 1;
    return -1;
}

int spool_send_main(int argc, char **argv)
{
    struct send_options send = { .wait_ns = WAIT_NS };
    struct spool_options common = { 0 };
    int status = parse_arguments(&send, &common, argc, argv);
    if (status >= 0) {
        return status;
    }
    say_who("spool send");
    return spool_each(&common, send_store, &send);
}
