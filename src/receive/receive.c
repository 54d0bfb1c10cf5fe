/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * See receive.h. Single-threaded: one loop around session_step(). Signals only set a flag; they are
 * blocked except while the loop waits, so none is missed.
 */
#include "receive/receive.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "receive/intake.h"
#include "receive/live.h"
#include "receive/report.h"
#include "receive/session.h"
#include "receive/verdict.h"

#define FRAME_MS         250   /* the live table */
#define REPORT_MS        1000  /* the report file */
#define REPORT_SOON_MS   200   /* the same, when a stream or an epoch has begun */
#define REPORT_SHARE     20    /* at most this part of the time goes into it */
#define WAITING_FIRST_MS 2000  /* without a connection: say so after this */
#define WAITING_NEXT_MS  30000 /* and again every */

struct receiver {
    const struct options *options;
    struct session *session;
    struct intake intake;
    struct report report;
    int64_t start_ms; /* these are monotonic */
    int64_t frame_ms;
    int64_t saved_ms;
    int64_t save_took_ms;
    uint64_t saved_begun; /* verify->begun then */
    int64_t waiting_ms;   /* since when there is no connection; 0: there is one */
    int64_t told_ms;      /* when that was last said; 0: it was not */
    bool ever_connected;
    bool kept; /* the broker had the session when we came */
};

static volatile sig_atomic_t stop_asked;
static volatile sig_atomic_t size_changed;

static void on_stop(int signal)
{
    (void)signal;
    stop_asked = 1;
}

static void on_size(int signal)
{
    (void)signal;
    size_changed = 1;
}

static int64_t clock_ms(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t mono_ms(void)
{
    return clock_ms(CLOCK_MONOTONIC);
}

static int64_t wall_ms(void)
{
    return clock_ms(CLOCK_REALTIME);
}

/* Lines for people; a live table says the same in its footer. */
static void say(const struct receiver *receiver, const char *text, const char *more)
{
    if (receiver->intake.live == NULL) {
        fprintf(stderr, "weir: %s%s\n", text, more);
    }
}

/* ---- the connection ---- */

static void on_connected(void *context, bool kept)
{
    struct receiver *receiver = context;

    verify_back(receiver->intake.verify, kept, wall_ms());
    receiver->kept = kept;
    receiver->ever_connected = true;
    receiver->waiting_ms = 0;
    receiver->told_ms = 0;
    receiver->intake.changed = true;
}

/* Scripts may wait for this line before they publish. */
static void on_subscribed(void *context)
{
    struct receiver *receiver = context;
    char text[600];

    snprintf(text, sizeof(text), "subscribed at %.500s%s", receiver->options->url,
             receiver->kept ? " (the broker had kept the session)" : "");
    say(receiver, text, "");
}

static void on_lost(void *context, const char *why)
{
    struct receiver *receiver = context;
    (void)why; /* said if it lasts */

    verify_away(receiver->intake.verify, wall_ms());
    receiver->waiting_ms = mono_ms();
    receiver->intake.changed = true;
}

static void on_message(void *context, const char *topic, const void *payload, size_t length,
                       bool retained)
{
    struct receiver *receiver = context;

    intake_message(&receiver->intake, topic, payload, length, retained, mono_ms(), wall_ms());
}

static void on_remark(void *context, const char *text)
{
    say(context, text, "");
}

static void say_waiting(struct receiver *receiver, int64_t now_ms)
{
    const char *words = session_words(receiver->session);
    char text[512];

    if (receiver->waiting_ms == 0 || now_ms - receiver->waiting_ms < WAITING_FIRST_MS ||
        (receiver->told_ms != 0 && now_ms - receiver->told_ms < WAITING_NEXT_MS)) {
        return;
    }
    receiver->told_ms = now_ms;
    snprintf(text, sizeof(text), "waiting for %s", receiver->options->url);
    if (words[0] != '\0') {
        size_t used = strlen(text);

        snprintf(text + used, sizeof(text) - used, ": %s", words);
    }
    say(receiver, text, "");
}

/* ---- the loop ---- */

static void draw(struct receiver *receiver, int64_t now_ms, bool ended)
{
    const struct options *options = receiver->options;
    const char *words = session_words(receiver->session);
    struct live_status status = {
        .connected = session_state(receiver->session) == SESSION_CONNECTED,
        .running_ms = now_ms - receiver->start_ms,
        .sum = verify_sum(receiver->intake.verify),
        .fault_count = verify_fault_total(receiver->intake.verify),
        .plain_count = receiver->intake.others.plain_count,
        .told_count = receiver->intake.told.count,
    };
    char text[512];

    if (ended) {
        snprintf(text, sizeof(text), "ended, %s", options->url);
    } else if (status.connected) {
        snprintf(text, sizeof(text), "connected to %s", options->url);
    } else {
        snprintf(text, sizeof(text), "NO CONNECTION to %s for %" PRId64 " s%s%.200s", options->url,
                 (now_ms - receiver->waiting_ms) / 1000, words[0] == '\0' ? "" : ": ", words);
    }
    status.connection = text;
    if (live_draw(receiver->intake.live, stdout, &status, now_ms) < 0) {
        receiver->intake.failure = ENOMEM;
    }
    receiver->frame_ms = now_ms;
    receiver->intake.output_used = true;
}

static void save(struct receiver *receiver, bool ended)
{
    int64_t begin_ms = mono_ms();
    int error = report_write(&receiver->report, receiver->intake.verify, ended, wall_ms());

    receiver->saved_ms = mono_ms();
    receiver->save_took_ms = receiver->saved_ms - begin_ms;
    receiver->saved_begun = receiver->intake.verify->begun;
    receiver->intake.changed = false;
    if (error < 0) {
        fprintf(stderr, "weir: %s: %s\n", receiver->options->report, strerror(-error));
        receiver->intake.failure = -error;
    }
}

/* What a kill may cost is what came since the last save, so that is never long ago; and a stream
 * that no report knows of would seem to begin later than it did. */
static bool is_time_to_save(const struct receiver *receiver, int64_t now_ms)
{
    bool begun = receiver->saved_begun != receiver->intake.verify->begun;
    int64_t least_ms = begun ? REPORT_SOON_MS : REPORT_MS;

    if (receiver->options->report == NULL || !receiver->intake.changed) {
        return false;
    }
    if (least_ms < receiver->save_took_ms * REPORT_SHARE) {
        least_ms = receiver->save_took_ms * REPORT_SHARE;
    }
    return now_ms - receiver->saved_ms >= least_ms;
}

/* The next moment at which there is something to do besides messages. */
static int next_wait(const struct receiver *receiver, int64_t now_ms)
{
    const struct options *options = receiver->options;
    int64_t wait_ms = receiver->intake.live != NULL ? receiver->frame_ms + FRAME_MS - now_ms : 500;

    if (options->report != NULL && receiver->intake.changed && wait_ms > REPORT_SOON_MS) {
        wait_ms = REPORT_SOON_MS;
    }
    if (options->seconds_ms > 0 && receiver->start_ms + options->seconds_ms - now_ms < wait_ms) {
        wait_ms = receiver->start_ms + options->seconds_ms - now_ms;
    }
    if (options->idle_ms > 0 && receiver->intake.record_ms + options->idle_ms - now_ms < wait_ms) {
        wait_ms = receiver->intake.record_ms + options->idle_ms - now_ms;
    }
    return wait_ms < 0 ? 0 : (int)wait_ms;
}

static bool is_time_to_end(const struct receiver *receiver, int64_t now_ms)
{
    const struct options *options = receiver->options;

    return stop_asked != 0 || receiver->intake.failure != 0 ||
           (options->seconds_ms > 0 && now_ms - receiver->start_ms >= options->seconds_ms) ||
           (options->idle_ms > 0 && now_ms - receiver->intake.record_ms >= options->idle_ms);
}

static void flush_output(struct receiver *receiver)
{
    if (!receiver->intake.output_used) {
        return;
    }
    receiver->intake.output_used = false;
    errno = EIO;
    if (fflush(stdout) == EOF || ferror(stdout)) {
        fprintf(stderr, "weir: standard output: %s\n", strerror(errno));
        receiver->intake.failure = errno;
    }
}

/* 0, or -EACCES: refused for good. */
static int loop(struct receiver *receiver)
{
    int64_t now_ms = mono_ms();
    int error = 0;

    while (error == 0 && !is_time_to_end(receiver, now_ms)) {
        error = session_step(receiver->session, next_wait(receiver, now_ms));
        now_ms = mono_ms();
        say_waiting(receiver, now_ms);
        intake_tick(&receiver->intake, now_ms);
        if (size_changed != 0 && receiver->intake.live != NULL) {
            size_changed = 0;
            fputs("\033[2J\033[H", stdout);
            live_reset(receiver->intake.live);
            receiver->frame_ms = 0;
        }
        if (receiver->intake.live != NULL && now_ms - receiver->frame_ms >= FRAME_MS) {
            draw(receiver, now_ms, false);
        }
        if (is_time_to_save(receiver, now_ms)) {
            save(receiver, false);
        }
        flush_output(receiver);
    }
    return error;
}

static void catch_signals(sigset_t *ret_wait_mask)
{
    const int stops[] = { SIGINT, SIGTERM, SIGHUP };
    struct sigaction action = { .sa_handler = on_stop };
    sigset_t blocked;

    sigemptyset(&blocked);
    for (size_t i = 0; i < sizeof(stops) / sizeof(stops[0]); i++) {
        sigaction(stops[i], &action, NULL);
        sigaddset(&blocked, stops[i]);
    }
    action.sa_handler = on_size;
    sigaction(SIGWINCH, &action, NULL);
    sigaddset(&blocked, SIGWINCH);
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, NULL);
    sigprocmask(SIG_BLOCK, &blocked, ret_wait_mask);
    for (size_t i = 0; i < sizeof(stops) / sizeof(stops[0]); i++) {
        sigdelset(ret_wait_mask, stops[i]); /* also if the parent had blocked them */
    }
}

static int make_parts(struct receiver *receiver)
{
    const struct options *options = receiver->options;
    bool continued = false;
    int error = intake_init(&receiver->intake, options);

    if (error < 0) {
        fprintf(stderr, "weir: out of memory\n");
        return error;
    }
    if (options->report == NULL) {
        return 0;
    }
    error = report_open(&receiver->report, options->report, receiver->intake.verify, &continued);
    if (error < 0) {
        fprintf(stderr, "weir: %s: %s\n", options->report,
                error == -EBADMSG       ? "this is no report of weir receive, it is left alone"
                : error == -EWOULDBLOCK ? "another receiver uses it"
                                        : strerror(-error));
        return -EIO;
    }
    if (continued) {
        say(receiver, "continuing ", options->report);
    }
    return 0;
}

/* Everything has arrived: the verdict. */
static int finish(struct receiver *receiver, int refused)
{
    const struct options *options = receiver->options;
    bool data_on_stdout = options->output == OUTPUT_CSV || options->output == OUTPUT_JSON;
    FILE *out = data_on_stdout ? stderr : stdout;
    enum verdict verdict = VERDICT_OK;

    intake_tick(&receiver->intake, INT64_MAX);
    flush_output(receiver);
    intake_sum(&receiver->intake);
    if (options->verify) {
        fputs(receiver->intake.live != NULL ? "\n" : "", out);
        verdict = verdict_write(out, receiver->intake.verify, &receiver->intake.others);
        receiver->intake.output_used = true;
    }
    if (options->report != NULL) {
        save(receiver, true);
    }
    flush_output(receiver);
    if (refused == -EACCES) {
        return EXIT_CANNOT;
    }
    if (!receiver->ever_connected) {
        fprintf(stderr, "weir: never connected to %s\n", options->url);
        return EXIT_CANNOT;
    }
    return receiver->intake.failure != 0 ? EXIT_CANNOT : verdict == VERDICT_OK ? EXIT_OK : EXIT_NO;
}

static int run(struct receiver *receiver)
{
    const struct options *options = receiver->options;
    sigset_t wait_mask;
    const struct session_config config = {
        .host = options->host,
        .port = options->port,
        .client_id = options->client_id,
        .username = options->username,
        .password = options->password[0] != '\0' ? options->password : NULL,
        .topics = options->topics,
        .topic_count = options->topic_count,
        .wait_mask = &wait_mask,
    };
    const struct session_events events = {
        .context = receiver,
        .connected = on_connected,
        .subscribed = on_subscribed,
        .lost = on_lost,
        .message = on_message,
        .remark = on_remark,
    };
    int error;

    if (options->report != NULL) {
        save(receiver, false); /* a kill must not leave "ended" of an earlier run */
    }
    catch_signals(&wait_mask);
    receiver->session = session_create(&config, &events);
    if (receiver->session == NULL) {
        receiver->intake.failure = ENOMEM;
        return EXIT_CANNOT;
    }
    receiver->start_ms = mono_ms();
    receiver->intake.record_ms = receiver->start_ms;
    receiver->waiting_ms = receiver->start_ms;
    error = loop(receiver);
    if (receiver->intake.live != NULL) {
        draw(receiver, mono_ms(), true);
        flush_output(receiver);
    }
    if (error == -EACCES) {
        fprintf(stderr, "weir: %s: %s\n", options->url, session_words(receiver->session));
    } else if (error < 0 || receiver->intake.failure == ENOMEM) {
        fprintf(stderr, "weir: out of memory\n");
        receiver->intake.failure = ENOMEM;
    }
    session_destroy(receiver->session);
    return finish(receiver, error);
}

int receive_run(const struct options *options)
{
    struct receiver receiver = { .options = options, .report = { .lock_fd = -1 } };
    int status = EXIT_CANNOT;

    if (make_parts(&receiver) == 0) {
        status = run(&receiver);
    }
    intake_finish(&receiver.intake);
    report_close(&receiver.report);
    return status;
}
