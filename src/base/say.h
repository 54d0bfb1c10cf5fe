/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Log lines to stderr, for the role files of the daemon (libraries return errors instead):
 * "weir: bus meters: port gone path=/dev/ttyUSB0". Under a journal the line begins with its level.
 * An error or warning that repeats within five minutes is counted and summarised instead.
 */
#ifndef BASE_SAY_H
#define BASE_SAY_H

#include <stdarg.h>

enum say_level { SAY_ERROR, SAY_WARNING, SAY_NOTICE, SAY_DEBUG };

/* Who speaks: "core", "bus meters", "uplink city". Kept by reference. */
void say_who(const char *who);
void say(enum say_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
void say_args(enum say_level level, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));
/* Says how often lines were held back; call it once a minute or so and at the end. */
void say_flush(void);

/* This process cannot go on; core restarts it by what the exit status means. */
enum {
    EXIT_DEGRADED = 1,
    EXIT_USAGE = 2,
    EXIT_CANNOT = 3,
    EXIT_PERMANENT = 69,
    EXIT_AGAIN = 75,
    EXIT_CONFIG = 78
};
_Noreturn void fatal(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
