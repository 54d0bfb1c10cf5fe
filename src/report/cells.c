/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * See cells.h.
 */
#include "report/cells.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool cell_integer(const struct cell *cell, uint64_t *ret)
{
    uint64_t value = 0;

    if (cell->size == 0) {
        return false;
    }
    for (size_t i = 0; i < cell->size; i++) {
        unsigned digit = (unsigned)(unsigned char)cell->text[i] - '0';

        if (digit > 9 || value > (UINT64_MAX - digit) / 10) {
            return false;
        }
        value = value * 10 + digit;
    }
    *ret = value;
    return true;
}

bool cell_number(const struct cell *cell, double *ret)
{
    char text[64];
    char *end;
    double value;
    uint64_t whole;

    if (cell->size <= 15 && cell_integer(cell, &whole)) { /* a double has them exactly */
        *ret = (double)whole;
        return true;
    }
    if (cell->size == 0 || cell->size >= sizeof(text)) {
        return false;
    }
    memcpy(text, cell->text, cell->size);
    text[cell->size] = '\0';
    if (strspn(text, "0123456789.eE+-") != cell->size) {
        return false; /* no "inf", no "0x10" */
    }
    value = strtod(text, &end);
    if (end != text + cell->size || !isfinite(value)) {
        return false;
    }
    *ret = value;
    return true;
}

/* Bytes of the character at `text`, or 0: it is none that may be shown. */
static size_t character(const unsigned char *text, size_t size)
{
    unsigned code;
    size_t length;

    if (text[0] < 0x80) {
        return text[0] >= 0x20 && text[0] != 0x7f;
    }
    length = text[0] >= 0xf0 ? 4 : text[0] >= 0xe0 ? 3 : 2;
    if (text[0] < 0xc2 || text[0] > 0xf4 || length > size) {
        return 0;
    }
    code = text[0] & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xc0) != 0x80) {
            return 0;
        }
        code = code << 6 | (text[i] & 0x3f);
    }
    if ((length == 3 && code < 0x800) || (length == 4 && (code < 0x10000 || code > 0x10ffff))) {
        return 0;
    }
    if (code < 0xa0 || (code >= 0xd800 && code < 0xe000) || (code & 0xfffe) == 0xfffe) {
        return 0; /* C1 controls, surrogates, no characters */
    }
    /* line separators, and marks that turn the direction of what follows */
    return (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069) ? 0 : length;
}

bool cell_is_text(const struct cell *cell)
{
    const unsigned char *text = (const unsigned char *)cell->text;

    for (size_t i = 0; i < cell->size;) {
        size_t length = character(text + i, cell->size - i);

        if (length == 0) {
            return false;
        }
        i += length;
    }
    return true;
}

const char *cell_excerpt(const struct cell *cell, char buf[EXCERPT_SIZE])
{
    size_t size = cell->size < EXCERPT_SIZE - 4 ? cell->size : EXCERPT_SIZE - 4;

    for (size_t i = 0; i < size; i++) {
        buf[i] = cell->text[i] >= 0x20 && cell->text[i] < 0x7f ? cell->text[i] : '?';
    }
    memcpy(buf + size, cell->size > size ? "..." : "", cell->size > size ? 4 : 1);
    return buf;
}
