/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The control channel of the rig's programs: one command a line, from standard input or a FIFO.
 * A program has a table of commands; the same lines may stand on its command line.
 *
 *     dead 3                     ->  {"reply":"ok"}
 *     dead x                     ->  {"reply":"error","why":"Invalid argument"}
 */
#include "rig.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 512 };

static struct {
    struct rig_watch watch;
    const struct rig_command *table;
    char line[LINE_MAX_BYTES];
    size_t length;
    const char *fifo; /* to unlink at the end; NULL: standard input */
} control = { .watch.fd = -1 };

static int run_words(const struct rig_command *table, char **words, int count)
{
    for (const struct rig_command *c = table; c->name; c++) {
        if (!strcmp(c->name, words[0])) {
            if (count - 1 < c->min_args || count - 1 > c->max_args) {
                return -EINVAL;
            }
            return c->run(words + 1, count - 1, c->value);
        }
    }
    return -ENOSYS;
}

/* Cuts the line into words and runs it: "dead 3,6" has three. An empty line is fine. */
static int run_line(const struct rig_command *table, char *line)
{
    char *words[RIG_ARGS_MAX + 1], *rest = line, *word;
    int count = 0;
    while ((word = strsep(&rest, " \t\r,="))) {
        if (!*word) {
            continue;
        }
        if (count == RIG_ARGS_MAX + 1) {
            return -E2BIG;
        }
        words[count++] = word;
    }
    return count ? run_words(table, words, count) : 0;
}

static void reply(int result)
{
    if (result) {
        printf("{\"reply\":\"error\",\"why\":\"%s\"}\n",
               result == -ENOSYS ? "no such command" : strerror(-result));
    } else {
        printf("{\"reply\":\"ok\"}\n");
    }
    fflush(stdout);
}

void rig_command_or_fail(const struct rig_command *table, const char *line)
{
    char copy[LINE_MAX_BYTES];
    if (strlen(line) >= sizeof copy) {
        rig_fail("rig: command too long: %s", line);
    }
    memcpy(copy, line, strlen(line) + 1);
    int result = run_line(table, copy);
    if (result) {
        rig_fail("rig: %s: %s", line, strerror(-result));
    }
}

static void take_lines(void)
{
    char *start = control.line, *end;
    while ((end = memchr(start, '\n', control.length - (size_t)(start - control.line)))) {
        *end = 0;
        reply(run_line(control.table, start));
        start = end + 1;
    }
    control.length -= (size_t)(start - control.line);
    memmove(control.line, start, control.length);
    if (control.length == sizeof control.line) {
        control.length = 0;
        reply(-E2BIG);
    }
}

static void control_ready(void *owner)
{
    ssize_t n =
        read(control.watch.fd, control.line + control.length, sizeof control.line - control.length);
    if (n > 0) {
        control.length += (size_t)n;
        take_lines();
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        rig_unwatch(&control.watch);
    }
}

int rig_control_open(const char *path, const struct rig_command *table)
{
    control.table = table;
    if (!strcmp(path, "-")) {
        control.watch.fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    } else {
        if (mkfifo(path, 0600) && errno != EEXIST) {
            return -errno;
        }
        control.fifo = path;
        /* Opened for both, so that it does not end when one writer does. */
        control.watch.fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    }
    if (control.watch.fd < 0) {
        return -errno;
    }
    control.watch.on_ready = control_ready;
    return rig_watch(&control.watch);
}

void rig_control_close(void)
{
    rig_unwatch(&control.watch);
    if (control.fifo) {
        unlink(control.fifo);
    }
}

int rig_set_chance(char **args, int count, void *value)
{
    return rig_parse_double(args[0], 0, 1, value);
}

int rig_set_flag(char **args, int count, void *value)
{
    if (strcmp(args[0], "on") && strcmp(args[0], "off")) {
        return -EINVAL;
    }
    *(bool *)value = !strcmp(args[0], "on");
    return 0;
}

int rig_set_count(char **args, int count, void *value)
{
    return rig_parse_int(args[0], 0, INT_MAX, value);
}

void rig_command_help(const struct rig_command *table)
{
    fputs("commands, one a line on the control channel, or as arguments:\n", stderr);
    for (const struct rig_command *c = table; c->name; c++) {
        fprintf(stderr, "  %-8s %-16s %s\n", c->name, c->args, c->help);
    }
}
