/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Vehicles and intervals to records. A record has the points that its family can tell; what one
 * passage lacks of them is absent.
 */
#include "traffic.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* A record being put together: points for declare(), values for emit(), in the same order. */
struct row {
    struct weir_point points[POINTS_MAX];
    struct weir_value values[POINTS_MAX];
    size_t count;
    unsigned can, has;
};

static struct weir_value *add(struct row *row, unsigned what, const char *name, const char *unit,
                              enum weir_type type)
{
    static struct weir_value nobody;
    if (what && !(row->can & what)) {
        return &nobody;
    }
    row->points[row->count] = (struct weir_point){ name, unit, type };
    struct weir_value *value = &row->values[row->count++];
    value->quality = !what || (row->has & what) ? WEIR_QUALITY_GOOD : WEIR_R_ABSENT;
    return value;
}

static void add_float(struct row *row, unsigned what, const char *name, const char *unit,
                      double number)
{
    struct weir_value *value = add(row, what, name, unit, WEIR_FLOAT64);
    value->float64 = number;
    if (!isfinite(number)) {
        value->quality = WEIR_R_ABSENT;
    }
}

static void add_count(struct row *row, unsigned what, const char *name, uint64_t number)
{
    add(row, what, name, "{count}", WEIR_UINT64)->uint64 = number;
}

static void add_text(struct row *row, unsigned what, const char *name, const char *text)
{
    struct weir_value *value = add(row, what, name, "", WEIR_TEXT);
    value->bytes.data = (const uint8_t *)text;
    value->bytes.len = strlen(text);
}

static double speed_of(const struct traffic *t, double kmh)
{
    return t->settings->speed_unit == UNIT_MS ? rounded3(kmh / 3.6) : kmh;
}

static const char *speed_unit(const struct traffic *t)
{
    return t->settings->speed_unit == UNIT_MS ? "m/s" : "km/h";
}

/* 2026-11-22T12:00:00.123Z */
static const char *stamp(int64_t ns, char buf[40])
{
    int64_t seconds = ns / TRAFFIC_NS_PER_S - (ns % TRAFFIC_NS_PER_S < 0);
    int ms = (int)((ns - seconds * TRAFFIC_NS_PER_S) / TRAFFIC_NS_PER_MS);
    time_t when = (time_t)seconds;
    struct tm tm;
    if (!gmtime_r(&when, &tm) || tm.tm_year < -1900 || tm.tm_year > 8099) {
        return "";
    }
    size_t n = strftime(buf, 40, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(buf + n, 40 - n, ".%03dZ", ms);
    return buf;
}

static void lay_vehicle(const struct traffic *t, const struct vehicle *v, char *time,
                        struct row *row)
{
    row->count = 0;
    row->can = t->family->vehicle;
    row->has = v->has;
    add(row, HAS_LANE, "lane", "", WEIR_INT64)->int64 = v->lane;
    add_text(row, HAS_DIRECTION, "direction", v->direction);
    add_float(row, HAS_SPEED, "speed", speed_unit(t), speed_of(t, v->speed_kmh));
    add_float(row, HAS_LENGTH, "length", "m", v->length_m);
    add_text(row, HAS_CLASS, "vehicle_class", v->vehicle_class);
    add_float(row, HAS_DURATION, "duration", "s", v->duration_s);
    add_float(row, HAS_HEADWAY, "headway", "s", v->headway_s);
    add_float(row, HAS_GAP, "gap", "s", v->gap_s);
    add_float(row, HAS_RANGE, "range", "m", v->range_m);
    add_count(row, HAS_DEVICE_COUNT, "device_count", v->device_count);
    add_count(row, HAS_MISSED, "missed", v->missed);
    add_text(row, HAS_DEVICE_TIME, "device_time", time);
}

/* "vehicle_count_small" of "Small" */
static void class_name(const char *word, char name[CLASS_NAME_MAX])
{
    int n = snprintf(name, CLASS_NAME_MAX, "vehicle_count_");
    for (; *word && n < CLASS_NAME_MAX - 1; word++) {
        char c = *word >= 'A' && *word <= 'Z' ? (char)(*word + 32) : *word;
        name[n++] = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ? c : '_';
    }
    name[n] = 0;
}

static void lay_interval(const struct traffic *t, const struct interval *i, char *time,
                         struct row *row)
{
    add(row, HAS_LANE, "lane", "", WEIR_INT64)->int64 = i->lane;
    add_text(row, HAS_DIRECTION, "direction", i->direction);
    add_float(row, HAS_PERIOD, "period", "s", i->period_s);
    add_count(row, HAS_COUNT, "vehicle_count", i->vehicle_count);
    add_float(row, HAS_SPEED, "speed_mean", speed_unit(t), speed_of(t, i->speed_kmh));
    add_float(row, HAS_SPEED_85, "speed_85", speed_unit(t), speed_of(t, i->speed_85_kmh));
    add_float(row, HAS_OCCUPANCY, "occupancy", "%", i->occupancy_percent);
    add_float(row, HAS_HEADWAY, "headway", "s", i->headway_s);
    add_float(row, HAS_GAP, "gap", "s", i->gap_s);
    add_count(row, HAS_MISSED, "missed", i->missed);
    add_text(row, HAS_DEVICE_TIME, "device_time", time);
    add(row, HAS_AGAIN, "again", "", WEIR_BOOL)->boolean = i->again;
}

static void add_classes(struct row *row, const struct interval *i, char (*names)[CLASS_NAME_MAX],
                        size_t count)
{
    for (size_t k = 0; k < count; k++) {
        add_count(row, HAS_CLASS, names[k], i->class_counts[k]);
    }
}

/* What an interval has that is made here: what its vehicles can tell. */
static unsigned made_here(const struct family *f)
{
    unsigned has = HAS_PERIOD | HAS_COUNT | (f->vehicle & (HAS_LANE | HAS_CLASS | HAS_MISSED));
    has |= f->vehicle & HAS_SPEED ? HAS_SPEED | HAS_SPEED_85 : 0;
    has |= f->vehicle & HAS_DURATION ? HAS_OCCUPANCY : 0;
    return has | HAS_HEADWAY;
}

static bool makes_intervals(const struct traffic *t)
{
    return t->settings->interval_ns > 0 && t->family->vehicle;
}

int records_declare_interval(struct traffic *t, size_t device, char (*words)[TRAFFIC_WORD_MAX],
                             size_t count)
{
    char names[TRAFFIC_CLASSES_MAX][CLASS_NAME_MAX];
    struct interval none = { 0 };
    struct row row = { .can = makes_intervals(t) ? made_here(t->family) : t->family->interval };
    char time[1] = "";
    lay_interval(t, &none, time, &row);
    for (size_t i = 0; i < count; i++) {
        class_name(words[i], names[i]);
    }
    add_classes(&row, &none, names, count);
    if (makes_intervals(t)) {
        add_float(&row, 0, "vehicle_count_usual", "{count}", 0);
        add_count(&row, 0, "late_count", 0);
    }
    int r = t->bus->host->declare(t->bus, device, "interval", row.points, row.count);
    t->shapes[device].interval = r;
    t->shapes[device].class_count = (uint32_t)count;
    return r;
}

static int declare_device(struct traffic *t, size_t device)
{
    const struct family *f = t->family;
    struct row row;
    struct vehicle none = { 0 };
    char time[1] = "", words[TRAFFIC_CLASSES_MAX][TRAFFIC_WORD_MAX] = { "" };
    size_t count = 0;
    int r = 0;
    t->shapes[device] = (struct shapes){ -1, -1, 0 };
    if (f->vehicle) {
        lay_vehicle(t, &none, time, &row);
        r = t->bus->host->declare(t->bus, device, "vehicle", row.points, row.count);
        t->shapes[device].vehicle = r;
    }
    if (r >= 0 && f->interval && !makes_intervals(t)) {
        for (; f->classes && f->classes[count]; count++) {
            snprintf(words[count], sizeof words[count], "%s", f->classes[count]);
        }
        r = records_declare_interval(t, device, words, count);
    }
    return r;
}

int records_declare(struct traffic *t)
{
    int r = 0;
    for (size_t i = 0; i < t->bus->device_count && r >= 0; i++) {
        r = declare_device(t, i);
    }
    return r < 0 ? r : 0;
}

void records_vehicle(struct traffic *t, size_t device, const struct vehicle *v)
{
    struct row row;
    char buf[40] = "";
    lay_vehicle(t, v,
                v->has & HAS_DEVICE_TIME ? (char *)(uintptr_t)stamp(v->device_time_ns, buf) : buf,
                &row);
    t->bus->host->emit(t->bus, t->shapes[device].vehicle, v->time_ns, row.values);
}

void records_interval(struct traffic *t, size_t device, const struct interval *i, double usual,
                      uint64_t late)
{
    char names[TRAFFIC_CLASSES_MAX][CLASS_NAME_MAX] = { "" };
    struct row row = { .can = makes_intervals(t) ? made_here(t->family) : t->family->interval,
                       .has = i->has };
    char buf[40] = "";
    if (i->has & HAS_DEVICE_TIME) {
        stamp(i->device_time_ns, buf);
    }
    lay_interval(t, i, buf, &row);
    add_classes(&row, i, names, t->shapes[device].class_count);
    if (makes_intervals(t)) {
        add_float(&row, 0, "vehicle_count_usual", "{count}", usual);
        add_count(&row, 0, "late_count", late);
    }
    t->bus->host->emit(t->bus, t->shapes[device].interval, i->time_ns, row.values);
}
