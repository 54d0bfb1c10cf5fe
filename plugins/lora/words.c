/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Pure helpers for modules that speak lines: see module.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "module.h"

const char *const bandwidth_names[] = { "7.8",  "10.4", "15.6", "20.8", "31.25",
                                        "41.7", "62.5", "125",  "250",  "500" };

int bandwidth_index(double khz)
{
    for (int i = 0; i < 10; i++) {
        double one = strtod(bandwidth_names[i], NULL);
        if (khz > one - 0.01 && khz < one + 0.01) {
            return i;
        }
    }
    return -1;
}

int frame_line(const uint8_t *bytes, size_t len)
{
    const uint8_t *end = memchr(bytes, '\n', len);
    if (end) {
        return (int)(end - bytes) + 1;
    }
    return len >= LORA_MESSAGE_MAX ? -(int)len : 0;
}

bool line_text(const uint8_t *bytes, size_t len, char *buf, size_t size)
{
    while (len > 0 && (bytes[len - 1] == '\n' || bytes[len - 1] == '\r')) {
        len--;
    }
    while (len > 0 && (*bytes == '\r' || *bytes == '\n')) {
        bytes++;
        len--;
    }
    if (len >= size || memchr(bytes, 0, len)) {
        return false;
    }
    memcpy(buf, bytes, len);
    buf[len] = 0;
    return true;
}

const char *after(const char *text, const char *start)
{
    size_t n = strlen(start);
    return strncmp(text, start, n) ? NULL : text + n;
}

bool whole_value(int64_t number, int64_t none, char *buf, size_t size)
{
    snprintf(buf, size, "%lld", (long long)number);
    return number != none;
}

const char *take_whole(const char *text, char end, int64_t least, int64_t most, int64_t *ret)
{
    bool minus = *text == '-';
    int64_t number = 0;
    int digits = 0;
    text += minus || *text == '+';
    for (; *text >= '0' && *text <= '9'; text++) {
        if (++digits > 18) {
            return NULL;
        }
        number = 10 * number + (*text - '0');
    }
    number = minus ? -number : number;
    if (!digits || *text != end || number < least || number > most) {
        return NULL;
    }
    *ret = number;
    return end ? text + 1 : text;
}

const char *take_number(const char *text, char end, double *ret)
{
    char buf[32];
    size_t n = strspn(text, "+-0123456789.");
    char *stop;
    if (n == 0 || n >= sizeof buf || text[n] != end) {
        return NULL;
    }
    memcpy(buf, text, n);
    buf[n] = 0;
    double number = strtod(buf, &stop);
    if (*stop || stop == buf) {
        return NULL;
    }
    *ret = number;
    return end ? text + n + 1 : text + n;
}

static int digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int take_hex(const char *text, char end, uint8_t *buf, size_t most)
{
    size_t count = 0;
    for (; *text && *text != end; text += 2) {
        int high = digit(text[0]), low = high < 0 ? -1 : digit(text[1]);
        if (low < 0 || count >= most) {
            return -1;
        }
        buf[count++] = (uint8_t)(high * 16 + low);
    }
    return *text == end ? (int)count : -1;
}
