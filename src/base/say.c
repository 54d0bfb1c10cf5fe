/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Log lines: see say.h. The last few distinct lines are remembered to hold repeats back.
 */
#include "base/say.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

enum { LINE_MAX_BYTES = 600, REMEMBERED = 8 };
#define QUIET_NS (300 * NS_PER_S)

static struct {
    const char *who;
    struct {
        char text[LINE_MAX_BYTES];
        enum say_level level;
        int64_t since_ns;
        unsigned long held;
    } recent[REMEMBERED];
    unsigned next;
} state = { .who = "weir" };

void say_who(const char *who)
{
    state.who = who;
}

static void put_line(enum say_level level, const char *text, unsigned long held)
{
    static const int priority[] = { 3, 4, 5, 7 };
    char line[LINE_MAX_BYTES + 160], repeats[64] = "", mark[8] = "";
    if (getenv("JOURNAL_STREAM")) {
        snprintf(mark, sizeof mark, "<%d>", priority[level]);
    }
    if (held) {
        snprintf(repeats, sizeof repeats, " repeated=%lu", held);
    }
    int n = snprintf(line, sizeof line, "%sweir: %s: %s%s\n", mark, state.who, text, repeats);
    if (n > 0) {
        size_t len = (size_t)n < sizeof line ? (size_t)n : sizeof line - 1;
        ssize_t put = write(STDERR_FILENO, line, len); /* one write, so that lines of several
                                                          processes do not mix */
        (void)put;
    }
}

static void release(unsigned i)
{
    if (state.recent[i].held) {
        put_line(state.recent[i].level, state.recent[i].text, state.recent[i].held);
        state.recent[i].held = 0;
    }
}

void say_flush(void)
{
    int64_t now = boot_now().ns;
    for (unsigned i = 0; i < REMEMBERED; i++) {
        if (state.recent[i].text[0] && now - state.recent[i].since_ns > QUIET_NS) {
            release(i);
            state.recent[i].text[0] = 0;
        }
    }
}

static bool held_back(enum say_level level, const char *text)
{
    int64_t now = boot_now().ns;
    for (unsigned i = 0; i < REMEMBERED; i++) {
        if (!strcmp(state.recent[i].text, text) && now - state.recent[i].since_ns < QUIET_NS) {
            state.recent[i].held++;
            return true;
        }
    }
    unsigned i = state.next++ % REMEMBERED;
    release(i);
    snprintf(state.recent[i].text, sizeof state.recent[i].text, "%s", text);
    state.recent[i].level = level;
    state.recent[i].since_ns = now;
    return false;
}

void say_args(enum say_level level, const char *format, va_list args)
{
    char text[LINE_MAX_BYTES];
    if (level == SAY_DEBUG && !getenv("WEIR_DEBUG")) {
        return;
    }
    vsnprintf(text, sizeof text, format, args);
    for (char *p = text; *p; p++) {
        if ((unsigned char)*p < ' ') {
            *p = ' '; /* a broker's or device's words cannot forge a log line */
        }
    }
    /* A notice is a change of state: the reader must see that the last one happened too. */
    if (level == SAY_NOTICE || !held_back(level, text)) {
        put_line(level, text, 0);
    }
}

void say(enum say_level level, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say_args(level, format, args);
    va_end(args);
}

_Noreturn void fatal(int status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say_args(SAY_ERROR, format, args);
    va_end(args);
    exit(status);
}
