/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The input registers of an Eastron SDM630, as meter-sim shows them with --profile sdm630.
 *
 * Data sheet (function 4, numbers on the wire, float32 in two registers, high word first):
 *     0000 V, 0006 A, 000C W, 0012 VA, 0018 var, 001E power factor, 0024 phase angle in degrees:
 *     three phases each; 002A/002E/0030 mean V, mean A, sum A; 0034/0038/003C/003E/0042 totals of
 *     W, VA, var, power factor, angle; 0046 Hz; 0048/004A import/export kWh; 00C8 V between
 *     phases, 00CE their mean; 0156 total kWh; 015A import and 0160 export kWh of each phase.
 * Values move slowly and differ from unit to unit. What is not listed reads 0.
 */
#include "meters.h"

#include <math.h>
#include <string.h>

enum quantity {
    VOLTAGE,
    CURRENT,
    POWER,
    APPARENT,
    REACTIVE,
    FACTOR,
    ANGLE,
    LINE_VOLTAGE,
    IMPORT,
    EXPORT,
    QUANTITY_COUNT
};

struct phase {
    double of[QUANTITY_COUNT];
};

/* How many decimals the display has, and so the registers. */
static const int decimals[QUANTITY_COUNT] = { 1, 3, 1, 1, 1, 3, 1, 1, 3, 3 };

static double rounded(double value, int digits)
{
    double unit = pow(10, digits);
    return round(value * unit) / unit;
}

static struct phase phase_at(int unit, int number, double wall_s, double start_s)
{
    struct phase p;
    double t = wall_s, shift = unit * 0.9 + number * 2.1;
    double hours = (wall_s - start_s) / 3600;
    p.of[VOLTAGE] = 230 + 1.6 * sin(t / 97 + shift) + 0.5 * sin(t / 7.3 + number);
    p.of[CURRENT] = 5 + unit % 7 + 2.2 * sin(t / 61 + shift) + 0.3 * sin(t / 5.1 + shift);
    p.of[FACTOR] = 0.95 + 0.04 * sin(t / 41 + shift);
    p.of[APPARENT] = p.of[VOLTAGE] * p.of[CURRENT];
    p.of[POWER] = p.of[APPARENT] * p.of[FACTOR];
    p.of[REACTIVE] = p.of[APPARENT] * sqrt(1 - p.of[FACTOR] * p.of[FACTOR]);
    p.of[ANGLE] = acos(p.of[FACTOR]) * 180 / 3.14159265358979;
    p.of[LINE_VOLTAGE] = p.of[VOLTAGE] * sqrt(3);
    /* The mean power: an energy that follows every ripple could run backwards. */
    p.of[IMPORT] = 400 * unit + 100 * number + 0.23 * (5 + unit % 7) * 0.95 * hours;
    p.of[EXPORT] = number * 0.5;
    return p;
}

static double sum_of(const struct phase *phases, enum quantity q)
{
    return phases[0].of[q] + phases[1].of[q] + phases[2].of[q];
}

static double total_at(const struct phase *phases, int address, double wall_s)
{
    switch (address) {
    case 0x2a:
        return rounded(sum_of(phases, VOLTAGE) / 3, 1);
    case 0x2e:
        return rounded(sum_of(phases, CURRENT) / 3, 3);
    case 0x30:
        return rounded(sum_of(phases, CURRENT), 3);
    case 0x34:
        return rounded(sum_of(phases, POWER), 1);
    case 0x38:
        return rounded(sum_of(phases, APPARENT), 1);
    case 0x3c:
        return rounded(sum_of(phases, REACTIVE), 1);
    case 0x3e:
        return rounded(sum_of(phases, POWER) / sum_of(phases, APPARENT), 3);
    case 0x42:
        return rounded(sum_of(phases, ANGLE) / 3, 1);
    case 0x46:
        return rounded(50 + 0.03 * sin(wall_s / 13), 2);
    case 0x48:
        return rounded(sum_of(phases, IMPORT), 3);
    case 0x4a:
        return rounded(sum_of(phases, EXPORT), 3);
    case 0xce:
        return rounded(sum_of(phases, LINE_VOLTAGE) / 3, 1);
    case 0x156:
        return rounded(sum_of(phases, IMPORT) + sum_of(phases, EXPORT), 3);
    default:
        return 0;
    }
}

/* Blocks of three values, one a phase. */
static const struct {
    int first;
    enum quantity quantity;
} blocks[] = {
    { 0x00, VOLTAGE },  { 0x06, CURRENT }, { 0x0c, POWER }, { 0x12, APPARENT },
    { 0x18, REACTIVE }, { 0x1e, FACTOR },  { 0x24, ANGLE }, { 0xc8, LINE_VOLTAGE },
    { 0x15a, IMPORT },  { 0x160, EXPORT },
};

static double value_at(int unit, int address, double wall_s, double start_s)
{
    struct phase phases[3];
    for (int i = 0; i < 3; i++) {
        phases[i] = phase_at(unit, i, wall_s, start_s);
    }
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
        int number = (address - blocks[i].first) / 2;
        if (address >= blocks[i].first && number < 3) {
            enum quantity q = blocks[i].quantity;
            return rounded(phases[number].of[q], decimals[q]);
        }
    }
    return total_at(phases, address, wall_s);
}

uint16_t sdm630_register(int unit, int address, double wall_s, double start_s)
{
    float value = (float)value_at(unit, address & ~1, wall_s, start_s);
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (uint16_t)(address & 1 ? bits & 0xffff : bits >> 16);
}
