/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Everything that src/base/clock.c and say.c have, without the real clock and without noise: see
 * sim.h. The linker takes these, as they stand before the library.
 */
#include "sim.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/say.h"

#define YEAR_2026_NS (1767225600LL * NS_PER_S)

static int64_t now_ns = NS_PER_S;
static uint64_t boot_number = 1;
static bool loud;

void sim_boot(uint64_t number)
{
    boot_number = number;
    now_ns = NS_PER_S;
}

void sim_pass_ms(int64_t ms)
{
    now_ns += ms * NS_PER_MS;
}

void sim_loud(void)
{
    loud = true;
}

/* ---- base/clock.h */

struct boot_time boot_now(void)
{
    return (struct boot_time){ now_ns };
}

struct wall_time wall_now(void)
{
    return (struct wall_time){ YEAR_2026_NS + now_ns };
}

struct clock_offset clock_read(enum clock_source source, const char *file)
{
    return (struct clock_offset){ YEAR_2026_NS, CLOCK_SYNCED };
}

struct wall_time clock_floor(void)
{
    return (struct wall_time){ YEAR_2026_NS };
}

unsigned wall_format(struct wall_time t, char *buf)
{
    memcpy(buf, "2026-01-01T00:00:00.000Z", 25);
    return 24;
}

int boot_id(uint8_t id[16])
{
    memset(id, 0, 16);
    memcpy(id, &boot_number, sizeof boot_number);
    return 0;
}

/* ---- base/say.h */

void say_who(const char *who)
{
}

void say_args(enum say_level level, const char *format, va_list args)
{
    if (loud) {
        fputs("weir: ", stderr);
        vfprintf(stderr, format, args);
        fputc('\n', stderr);
    }
}

void say(enum say_level level, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say_args(level, format, args);
    va_end(args);
}

void say_flush(void)
{
}

void fatal(int status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    exit(status);
}
