/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * See utc.h.
 */
#include "receive/utc.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define US_PER_S ((int64_t)1000000)

/* As many digits as there are in the pattern. -1: something else. */
static int digits(const char *text, int count)
{
    int value = 0;

    for (int i = 0; i < count; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return -1;
        }
        value = value * 10 + (text[i] - '0');
    }
    return value;
}

/* ".123Z" or "Z", in microseconds; what is finer is dropped. -1: something else. */
static int64_t fraction(const char *text)
{
    int64_t us = 0;
    int count = 0;

    if (*text == '.') {
        for (text++; *text >= '0' && *text <= '9'; text++, count++) {
            us = count < 6 ? us * 10 + (*text - '0') : us;
        }
        if (count == 0) {
            return -1;
        }
    }
    for (; count < 6; count++) {
        us *= 10;
    }
    return strcmp(text, "Z") == 0 ? us : -1;
}

bool utc_read(const char *text, int64_t *ret_us)
{
    static const char pattern[] = "dddd-dd-ddTdd:dd:dd";
    struct tm parts = { 0 };
    struct tm again;
    time_t seconds;
    int64_t us;

    for (size_t i = 0; i < sizeof(pattern) - 1; i++) {
        if (pattern[i] == 'd' ? text[i] < '0' || text[i] > '9' : text[i] != pattern[i]) {
            return false;
        }
    }
    us = fraction(text + sizeof(pattern) - 1);
    parts.tm_year = digits(text, 4) - 1900;
    parts.tm_mon = digits(text + 5, 2) - 1;
    parts.tm_mday = digits(text + 8, 2);
    parts.tm_hour = digits(text + 11, 2);
    parts.tm_min = digits(text + 14, 2);
    again = parts;
    seconds = timegm(&again); /* it makes 1 March of 30 February: then it was no date */
    if (us < 0 || parts.tm_hour > 23 || parts.tm_min > 59 || digits(text + 17, 2) > 60 ||
        again.tm_mday != parts.tm_mday || again.tm_mon != parts.tm_mon) {
        return false;
    }
    *ret_us = ((int64_t)seconds + digits(text + 17, 2)) * US_PER_S + us;
    return true;
}

bool utc_write(int64_t us, char buf[UTC_SIZE])
{
    int64_t ms = (us >= 0 ? us + 500 : us - 499) / 1000;
    int64_t rest = ms % 1000;
    time_t seconds;
    struct tm parts;

    if (rest < 0) {
        rest += 1000;
    }
    seconds = (time_t)((ms - rest) / 1000);
    if (gmtime_r(&seconds, &parts) == NULL || parts.tm_year < 1000 - 1900 ||
        parts.tm_year > 9999 - 1900) {
        return false;
    }
    return strftime(buf, UTC_SIZE, "%Y-%m-%dT%H:%M:%S", &parts) == 19 &&
           snprintf(buf + 19, UTC_SIZE - 19, ".%03uZ", (unsigned)rest % 1000) == 5;
}
