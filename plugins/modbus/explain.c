/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Frames in words: see explain.h.
 */
#include "explain.h"

#include <stdio.h>

#include "transaction.h"

static const char *const functions[] = { "", "coils", "discrete inputs", "holding registers",
                                         "input registers" };
static const char *const exceptions[] = {
    "",    "illegal function", "illegal address", "illegal value", "device failure", "acknowledge",
    "busy"
};

static int explain_request(const uint8_t *pdu, size_t len, char *buf, size_t size)
{
    unsigned function = pdu[1], first = len >= 6 ? (unsigned)(pdu[2] << 8 | pdu[3]) : 0;
    unsigned count = len >= 6 ? (unsigned)(pdu[4] << 8 | pdu[5]) : 0;
    if (function < 1 || function > 4 || len < 6 || !count) {
        return snprintf(buf, size, "unit %u: function %u", pdu[0], function);
    }
    return snprintf(buf, size, "unit %u: read %s %u..%u", pdu[0], functions[function], first,
                    first + count - 1);
}

static int explain_answer(const uint8_t *pdu, size_t len, char *buf, size_t size)
{
    unsigned function = pdu[1] & 0x7f, code = len > 2 ? pdu[2] : 0;
    if (pdu[1] & 0x80) {
        bool known = code < sizeof exceptions / sizeof *exceptions && exceptions[code][0];
        return snprintf(buf, size, "unit %u: exception %u%s%s", pdu[0], code, known ? " " : "",
                        known ? exceptions[code] : "");
    }
    if (function < 1 || function > 4) {
        return snprintf(buf, size, "unit %u: answer to function %u", pdu[0], function);
    }
    return snprintf(buf, size, "unit %u: %s, %u bytes", pdu[0], functions[function], code);
}

size_t explain(bool serial, enum weir_direction direction, const uint8_t *data, size_t len,
               char *buf, size_t size)
{
    size_t head = serial ? 0 : 6, tail = serial ? 2 : 0;
    if (len < head + tail + 2) {
        int n = snprintf(buf, size, "cut short");
        return n > 0 && (size_t)n < size ? (size_t)n : 0;
    }
    const uint8_t *pdu = data + head;
    size_t pdu_len = len - head - tail;
    int n = direction == WEIR_TX ? explain_request(pdu, pdu_len, buf, size)
                                 : explain_answer(pdu, pdu_len, buf, size);
    if (n < 0 || (size_t)n >= size) {
        return 0;
    }
    if (serial && line_crc(data, len - 2) != (data[len - 2] | data[len - 1] << 8)) {
        int more = snprintf(buf + n, size - (size_t)n, ", CRC wrong");
        n += more > 0 && (size_t)(n + more) < size ? more : 0;
    }
    return (size_t)n;
}
