/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * "23.5 48" to two values: see decode.h.
 */
#include "decode.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_MAX_BYTES = 64 };

/* A number, or "--": the device has none now. */
static const char *take(const char *text, struct weir_value *value)
{
    char *end;
    *value = (struct weir_value){ .quality = WEIR_QUALITY_GOOD };
    if (!strncmp(text, "--", 2)) {
        value->quality = WEIR_R_ABSENT;
        return text + 2;
    }
    value->float64 = strtod(text, &end);
    return end == text || !isfinite(value->float64) ? NULL : end;
}

enum weir_result decode_line(const char *line, size_t len, struct weir_value *ret_values)
{
    char text[LINE_MAX_BYTES];
    struct weir_value values[POINT_COUNT];
    if (len == 0 || len >= sizeof text || memchr(line, 0, len)) {
        return WEIR_R_FRAME;
    }
    memcpy(text, line, len);
    text[len] = 0;
    const char *at = take(text, &values[POINT_TEMPERATURE]);
    if (!at || *at != ' ') {
        return WEIR_R_FRAME;
    }
    at = take(at + 1, &values[POINT_HUMIDITY]);
    if (!at || *at) {
        return WEIR_R_FRAME;
    }
    memcpy(ret_values, values, sizeof values);
    return WEIR_R_OK;
}
