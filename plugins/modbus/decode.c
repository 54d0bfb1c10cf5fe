/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Registers to values: see decode.h. Scaled values are computed so that they print as the device
 * shows them: a scale of 0.1 is a division by 10, which rounds once, where a multiplication with
 * the nearest double of 0.1 would round twice (2301 * 0.1 = 230.10000000000002).
 */
#include "decode.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* More than a float32 has, and fewer than where the rounding of doubles shows. */
enum { SCALED_FLOAT_DIGITS = 13 };

static const unsigned widths[] = {
    [KIND_UINT16] = 1, [KIND_INT16] = 1,   [KIND_UINT32] = 2,  [KIND_INT32] = 2, [KIND_UINT64] = 4,
    [KIND_INT64] = 4,  [KIND_FLOAT32] = 2, [KIND_FLOAT64] = 4, [KIND_BOOL] = 1
};

bool point_is_bits(const struct point *point)
{
    return point->table == TABLE_COIL || point->table == TABLE_DISCRETE;
}

unsigned point_width(const struct point *point)
{
    if (point_is_bits(point)) {
        return 1;
    }
    return point->kind == KIND_TEXT ? (unsigned)point->length : widths[point->kind];
}

static bool scaled(const struct point *point)
{
    return point->scale != 1 || point->offset != 0;
}

enum weir_type point_weir_type(const struct point *point)
{
    if (point_is_bits(point) || point->kind == KIND_BOOL || point->bit >= 0) {
        return WEIR_BOOL;
    }
    if (point->kind == KIND_TEXT) {
        return WEIR_TEXT;
    }
    if (point->kind == KIND_FLOAT64 || scaled(point)) {
        return WEIR_FLOAT64;
    }
    if (point->kind == KIND_FLOAT32) {
        return WEIR_FLOAT32;
    }
    bool is_signed =
        point->kind == KIND_INT16 || point->kind == KIND_INT32 || point->kind == KIND_INT64;
    return is_signed ? WEIR_INT64 : WEIR_UINT64;
}

/* The bytes in order, highest first, as one number. */
static uint64_t gather(const struct point *point, const uint8_t *data)
{
    unsigned words = widths[point->kind];
    bool low_word_first = point->order == ORDER_CDAB || point->order == ORDER_DCBA;
    bool low_byte_first = point->order == ORDER_BADC || point->order == ORDER_DCBA;
    uint64_t value = 0;
    for (unsigned i = 0; i < words; i++) {
        const uint8_t *word = data + 2 * (low_word_first ? words - 1 - i : i);
        uint16_t w = (uint16_t)(low_byte_first ? word[1] << 8 | word[0] : word[0] << 8 | word[1]);
        value = value << 16 | w;
    }
    return value;
}

static uint64_t masked(const struct point *point, uint64_t raw)
{
    return point->mask ? raw & (uint64_t)point->mask : raw;
}

static int64_t sign_extend(uint64_t raw, unsigned bits)
{
    uint64_t sign = 1ULL << (bits - 1);
    return (int64_t)((raw ^ sign) - sign);
}

/* A scale that is a short decimal is n / 10^d with small n and d: one multiplication without
 * rounding, one division with. */
static double apply_scale(double raw, double scale)
{
    double power = 1;
    for (int d = 0; d <= 9; d++, power *= 10) {
        double n = round(scale * power);
        if (fabs(n) < 1e6 && n / power == scale && fabs(raw * n) < 9007199254740992.0) {
            return raw * n / power;
        }
    }
    return raw * scale;
}

static double apply(const struct point *point, double raw)
{
    double value = point->scale == 1 ? raw : apply_scale(raw, point->scale);
    if (point->offset == 0) {
        return value;
    }
    /* The sum of two decimals is rounded to the digits they have: what is left over is no more
     * than the rounding of the summands. */
    double sum = value + point->offset, power = 1;
    double blur = fmax(fabs(value), fabs(point->offset)) * 4e-16;
    for (int d = 0; d <= 9; d++, power *= 10) {
        double n = round(sum * power);
        if (fabs(n) < 1e15 && fabs(n / power - sum) <= blur) {
            return n / power;
        }
    }
    return sum;
}

/* The nearest number with so many significant digits. */
static double to_digits(double value, int digits)
{
    char text[32];
    snprintf(text, sizeof text, "%.*g", digits, value);
    return strtod(text, NULL);
}

/* The shortest decimal that gives this float: what the device shows. The float itself is mostly
 * not that decimal, and as a double would bring digits that nobody measured. */
static double shown(float value)
{
    for (int digits = FLT_DIG; digits < FLT_DECIMAL_DIG; digits++) {
        double decimal = to_digits((double)value, digits);
        if ((float)decimal == value) {
            return decimal;
        }
    }
    return to_digits((double)value, FLT_DECIMAL_DIG);
}

static void set_number(const struct point *point, double raw, struct weir_value *value)
{
    double result = scaled(point) ? apply(point, raw) : raw;
    if (!isfinite(result)) {
        value->quality = WEIR_R_ABSENT;
        return;
    }
    value->float64 = result;
}

static void decode_float(const struct point *point, uint64_t raw, struct weir_value *value)
{
    uint32_t low = (uint32_t)raw;
    double f64;
    float f32;
    memcpy(&f32, &low, sizeof f32);
    memcpy(&f64, &raw, sizeof f64);
    if (point->kind == KIND_FLOAT64) {
        set_number(point, f64, value);
    } else if (scaled(point)) {
        set_number(point, isfinite(f32) ? shown(f32) : (double)f32, value);
        if (value->quality == WEIR_QUALITY_GOOD) {
            value->float64 = to_digits(value->float64, SCALED_FLOAT_DIGITS);
        }
    } else if (!isfinite(f32)) {
        value->quality = WEIR_R_ABSENT;
    } else {
        value->float32 = f32;
    }
}

static void decode_integer(const struct point *point, uint64_t raw, struct weir_value *value)
{
    unsigned bits = 16 * widths[point->kind];
    raw = masked(point, raw);
    bool is_signed =
        point->kind == KIND_INT16 || point->kind == KIND_INT32 || point->kind == KIND_INT64;
    int64_t number = is_signed ? sign_extend(raw, bits) : (int64_t)raw;
    if (scaled(point)) {
        set_number(point, is_signed ? (double)number : (double)raw, value);
    } else if (is_signed) {
        value->int64 = number;
    } else {
        value->uint64 = raw;
    }
}

/* Two characters a register; ends at the first zero, without blanks behind. */
static void decode_text(const struct point *point, const uint8_t *data, uint8_t *text,
                        struct weir_value *value)
{
    bool swapped = point->order == ORDER_BADC || point->order == ORDER_DCBA;
    size_t len = 0, size = 2 * (size_t)point->length;
    for (size_t i = 0; i < size; i++) {
        text[i] = data[swapped ? i ^ 1 : i];
    }
    while (len < size && text[len]) {
        len++;
    }
    while (len > 0 && text[len - 1] == ' ') {
        len--;
    }
    value->bytes.data = text;
    value->bytes.len = len;
}

void point_decode(const struct point *point, const uint8_t *data, uint8_t *text,
                  struct weir_value *ret_value)
{
    *ret_value = (struct weir_value){ .quality = WEIR_QUALITY_GOOD };
    if (point_is_bits(point)) {
        ret_value->boolean = data[0] != 0;
    } else if (point->kind == KIND_TEXT) {
        decode_text(point, data, text, ret_value);
    } else if (point->bit >= 0) {
        ret_value->boolean = gather(point, data) >> point->bit & 1;
    } else if (point->kind == KIND_BOOL) {
        ret_value->boolean = masked(point, gather(point, data)) != 0;
    } else if (point->kind == KIND_FLOAT32 || point->kind == KIND_FLOAT64) {
        decode_float(point, gather(point, data), ret_value);
    } else {
        decode_integer(point, gather(point, data), ret_value);
    }
}
