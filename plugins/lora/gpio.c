/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * A line of the kernel's GPIO character device, version 2 of its interface (Linux 5.10). The line
 * is ours, and keeps its level, as long as the descriptor is open.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/gpio.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lora.h"

int gpio_take(const char *chip, unsigned line, bool level)
{
    char path[96];
    struct gpio_v2_line_request request = { .num_lines = 1 };
    snprintf(path, sizeof path, "/dev/%s", chip);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    request.offsets[0] = line;
    snprintf(request.consumer, sizeof request.consumer, "weir");
    request.config.flags = GPIO_V2_LINE_FLAG_OUTPUT;
    request.config.num_attrs = 1;
    request.config.attrs[0].mask = 1;
    request.config.attrs[0].attr.id = GPIO_V2_LINE_ATTR_ID_OUTPUT_VALUES;
    request.config.attrs[0].attr.values = level;
    int r = ioctl(fd, GPIO_V2_GET_LINE_IOCTL, &request) < 0 ? -errno : request.fd;
    close(fd);
    if (r >= 0) {
        fcntl(r, F_SETFD, FD_CLOEXEC);
    }
    return r;
}

int gpio_drive(int fd, bool level)
{
    struct gpio_v2_line_values values = { .bits = level, .mask = 1 };
    return ioctl(fd, GPIO_V2_LINE_SET_VALUES_IOCTL, &values) < 0 ? -errno : 0;
}
