/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * RTS, DTR, RS-485 and the driver's counters, on a driver that is simulated at ioctl(2): a
 * pseudo-terminal has none of them. It can do as asked, refuse, or do something else and say yes.
 */
#include "cmocka_all.h"

#include <fcntl.h>
#include <linux/serial.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "bus/port.h"

enum temper { OBEYS, REFUSES, LIES };

static struct {
    enum temper temper;
    int lines;
    struct serial_rs485 rs485;
    struct serial_icounter_struct counts;
    unsigned rs485_calls, line_calls;
} driver;

int __real_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);

static int set_lines(int bits, bool on)
{
    driver.line_calls++;
    if (driver.temper == OBEYS) {
        driver.lines = on ? driver.lines | bits : driver.lines & ~bits;
    }
    return 0;
}

int __wrap_ioctl(int fd, unsigned long request, ...)
{
    va_list args;
    va_start(args, request);
    void *argument = va_arg(args, void *);
    va_end(args);
    bool ours = request == TIOCMBIS || request == TIOCMBIC || request == TIOCMGET ||
                request == TIOCSRS485 || request == TIOCGRS485 || request == TIOCGICOUNT;
    if (!ours) {
        return __real_ioctl(fd, request, argument);
    }
    if (driver.temper == REFUSES) {
        errno = ENOTTY;
        return -1;
    }
    switch (request) {
    case TIOCMBIS:
    case TIOCMBIC:
        return set_lines(*(int *)argument, request == TIOCMBIS);
    case TIOCMGET:
        *(int *)argument = driver.lines;
        return 0;
    case TIOCSRS485:
        driver.rs485_calls++;
        driver.rs485 = *(struct serial_rs485 *)argument;
        if (driver.temper == LIES) {
            driver.rs485.delay_rts_after_send = 0;
        }
        return 0;
    case TIOCGRS485:
        *(struct serial_rs485 *)argument = driver.rs485;
        return 0;
    default:
        *(struct serial_icounter_struct *)argument = driver.counts;
        return 0;
    }
}

static int master = -1, slave = -1;
static char name[64];

static int start(void **state)
{
    memset(&driver, 0, sizeof driver);
    driver.lines = TIOCM_RTS | TIOCM_DTR; /* as open(2) leaves them */
    return openpty(&master, &slave, name, NULL, NULL);
}

static int stop(void **state)
{
    close(master);
    close(slave);
    return 0;
}

static struct port_config config_of(void)
{
    return (struct port_config){
        .path = name, .address = "", .baud = 9600, .data_bits = 8, .stop_bits = 1
    };
}

static struct port_opened attempt(const struct port_config *config, int *ret_result)
{
    struct port_opened opened = { .fd = -1 };
    *ret_result = port_serial_open(config, false, &opened);
    if (*ret_result == 0) {
        port_serial_close(opened.fd);
    }
    return opened;
}

static void untouched(void **state)
{
    struct port_config config = config_of();
    int r;
    driver.temper = REFUSES; /* nobody asks it */
    attempt(&config, &r);
    assert_int_equal(r, 0);
    assert_int_equal(driver.rs485_calls + driver.line_calls, 0);
}

static void lines(void **state)
{
    struct port_config config = config_of();
    int r;
    config.rts = CONFIG_LINE_OFF;
    config.dtr = CONFIG_LINE_ON;
    attempt(&config, &r);
    assert_int_equal(r, 0);
    assert_int_equal(driver.lines, TIOCM_DTR);
    config.rts = CONFIG_LINE_ON;
    config.dtr = CONFIG_LINE_OFF;
    attempt(&config, &r);
    assert_int_equal(driver.lines, TIOCM_RTS);
    driver.temper = LIES;
    config.dtr = CONFIG_LINE_ON;
    struct port_opened opened = attempt(&config, &r);
    assert_int_equal(r, -EINVAL);
    assert_string_equal(opened.words, "driver unknown left DTR off");
    driver.temper = REFUSES;
    opened = attempt(&config, &r);
    assert_int_equal(r, -ENOTTY);
    assert_string_equal(opened.words, "driver unknown does not set RTS: it cannot");
}

static void rs485(void **state)
{
    struct port_config config = config_of();
    int r;
    config.rs485 = true;
    config.rs485_delay_before_ns = 2 * NS_PER_MS;
    config.rs485_delay_after_ns = 3 * NS_PER_MS;
    attempt(&config, &r);
    assert_int_equal(r, 0);
    assert_int_equal(driver.rs485.flags, SER_RS485_ENABLED | SER_RS485_RTS_ON_SEND);
    assert_int_equal(driver.rs485.delay_rts_before_send, 2);
    assert_int_equal(driver.rs485.delay_rts_after_send, 3);
    config.rs485_rts = CONFIG_SENDING_OFF;
    attempt(&config, &r);
    assert_int_equal(driver.rs485.flags, SER_RS485_ENABLED | SER_RS485_RTS_AFTER_SEND);
    driver.temper = LIES;
    struct port_opened opened = attempt(&config, &r);
    assert_int_equal(r, -EINVAL);
    assert_string_equal(opened.words, "driver unknown makes the RS-485 delays 2 and 0 ms");
    driver.temper = REFUSES;
    opened = attempt(&config, &r);
    assert_int_equal(r, -ENOTTY);
    assert_string_equal(opened.words, "driver unknown does not switch RS-485 by RTS: it cannot");
}

/* Differences from the opening on, also where the driver's 32 bits begin again. */
static void counters(void **state)
{
    struct port_config config = config_of();
    struct port *port;
    struct port_counts grown;
    struct pollfd fds[PORT_POLL_FDS];
    driver.counts.frame = 100;
    driver.counts.parity = -2;
    assert_int_equal(port_create(&config, 0, false, &port), 0);
    assert_false(port_counts(port, &grown));
    assert_int_equal(port_process(port, fds, 0, boot_now().ns), PORT_OPENED);
    assert_true(port_counts(port, &grown));
    assert_int_equal(grown.framing + grown.parity + grown.overruns + grown.breaks, 0);
    driver.counts.frame += 7;
    driver.counts.parity += 5;
    driver.counts.overrun = 1;
    driver.counts.buf_overrun = 2;
    driver.counts.brk = 4;
    assert_true(port_counts(port, &grown));
    assert_int_equal(grown.framing, 7);
    assert_int_equal(grown.parity, 5);
    assert_int_equal(grown.overruns, 3);
    assert_int_equal(grown.breaks, 4);
    assert_true(port_counts(port, &grown));
    assert_int_equal(grown.framing + grown.parity + grown.overruns + grown.breaks, 0);
    driver.temper = REFUSES;
    assert_false(port_counts(port, &grown));
    port_destroy(port);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, start, stop)
    const struct CMUnitTest tests[] = { TEST(untouched), TEST(lines), TEST(rs485), TEST(counters) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
