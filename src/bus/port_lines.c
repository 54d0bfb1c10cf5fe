/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * What a serial port has beside its data: the lines RTS and DTR, the direction of an RS-485
 * transceiver, and the driver's counts of what came in wrong. As with the line settings, what a
 * driver says that it has done is asked back.
 */
#include <errno.h>
#include <linux/serial.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/clock.h"
#include "bus/port.h"

static int say_why(struct port_opened *opened, int result, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static int say_why(struct port_opened *opened, int result, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(opened->words, sizeof opened->words, format, args);
    va_end(args);
    return result;
}

static const char *why_not(int error)
{
    return error == ENOTTY || error == EINVAL ? "it cannot" : strerror(error);
}

static int set_line(int fd, int want, int bit, const char *name, const char *driver,
                    struct port_opened *opened)
{
    int lines = 0;
    if (want == CONFIG_LINE_DRIVER) {
        return 0;
    }
    bool on = want == CONFIG_LINE_ON;
    if (ioctl(fd, on ? TIOCMBIS : TIOCMBIC, &bit) != 0 || ioctl(fd, TIOCMGET, &lines) != 0) {
        return say_why(opened, -errno, "driver %s does not set %s: %s", driver, name,
                       why_not(errno));
    }
    if (((lines & bit) != 0) != on) {
        return say_why(opened, -EINVAL, "driver %s left %s %s", driver, name, on ? "off" : "on");
    }
    return 0;
}

static struct serial_rs485 wanted_rs485(const struct port_config *config)
{
    struct serial_rs485 want = { .flags = SER_RS485_ENABLED };
    want.flags |=
        config->rs485_rts == CONFIG_SENDING_OFF ? SER_RS485_RTS_AFTER_SEND : SER_RS485_RTS_ON_SEND;
    want.delay_rts_before_send = (unsigned)(config->rs485_delay_before_ns / NS_PER_MS);
    want.delay_rts_after_send = (unsigned)(config->rs485_delay_after_ns / NS_PER_MS);
    return want;
}

static int set_rs485(int fd, const struct port_config *config, const char *driver,
                     struct port_opened *opened)
{
    const unsigned bits = SER_RS485_ENABLED | SER_RS485_RTS_ON_SEND | SER_RS485_RTS_AFTER_SEND;
    struct serial_rs485 want = wanted_rs485(config), got;
    struct serial_rs485 set = want;
    memset(&got, 0, sizeof got);
    if (ioctl(fd, TIOCSRS485, &set) != 0 || ioctl(fd, TIOCGRS485, &got) != 0) {
        return say_why(opened, -errno, "driver %s does not switch RS-485 by RTS: %s", driver,
                       why_not(errno));
    }
    if ((got.flags & bits) != want.flags) {
        return say_why(opened, -EINVAL, "driver %s keeps other RS-485 settings: %s", driver,
                       got.flags & SER_RS485_ENABLED ? "rs485_rts" : "it stays off");
    }
    if (got.delay_rts_before_send != want.delay_rts_before_send ||
        got.delay_rts_after_send != want.delay_rts_after_send) {
        return say_why(opened, -EINVAL, "driver %s makes the RS-485 delays %u and %u ms", driver,
                       got.delay_rts_before_send, got.delay_rts_after_send);
    }
    return 0;
}

int port_lines_set(int fd, const struct port_config *config, const char *driver,
                   struct port_opened *opened)
{
    int r = set_line(fd, config->rts, TIOCM_RTS, "RTS", driver, opened);
    if (r == 0) {
        r = set_line(fd, config->dtr, TIOCM_DTR, "DTR", driver, opened);
    }
    return r == 0 && config->rs485 ? set_rs485(fd, config, driver, opened) : r;
}

bool port_lines_count(int fd, struct port_counts *ret_counts)
{
    struct serial_icounter_struct now;
    memset(&now, 0, sizeof now);
    if (ioctl(fd, TIOCGICOUNT, &now) != 0) {
        return false;
    }
    *ret_counts =
        (struct port_counts){ .overruns = (uint32_t)now.overrun + (uint32_t)now.buf_overrun,
                              .framing = (uint32_t)now.frame,
                              .parity = (uint32_t)now.parity,
                              .breaks = (uint32_t)now.brk };
    return true;
}
