/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Vehicles to intervals: counts by lane and class on periods aligned to the clock (UTC: a period of
 * 15 minutes ends at :00, :15, :30, :45). All of it lies in the state that survives the process. A
 * lane that was seen once is told in every interval from then on, also with 0.
 *
 * The rolling mean of each hour of the day is kept a lane (28 days count alike, then the oldest
 * fade), and told as vehicle_count_usual: what this hour usually has, scaled to the interval.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "traffic.h"

enum { LANES_MAX = 32, SPEED_BINS = 256, HOURS = 24, PROFILE_DAYS = 28 };
#define HOUR_NS (3600 * TRAFFIC_NS_PER_S)

struct lane {
    int64_t number;
    uint32_t count, late, speed_count, headway_count;
    double speed_sum, headway_sum, occupied_s;
    uint64_t missed;
    uint32_t classes[TRAFFIC_CLASSES_MAX];
    int64_t before_ns; /* the passage before, for headways that the device does not tell; 0: none */
    uint16_t speeds[SPEED_BINS]; /* by whole km/h */
    uint32_t hour_count;
    struct {
        float mean;
        uint16_t days;
    } hours[HOURS];
};

struct intervals {
    int64_t begin_ns;    /* boot time; 0: none open */
    int64_t end_wall_ns; /* by the clock */
    int64_t hour;        /* since 1970, of the hour that is counted */
    uint32_t lane_count, class_count;
    uint64_t lost; /* vehicles of lanes beyond the table: counted in the last one */
    char classes[TRAFFIC_CLASSES_MAX][TRAFFIC_WORD_MAX];
    struct lane lanes[LANES_MAX];
};

size_t intervals_size(void)
{
    return sizeof(struct intervals);
}

static struct intervals *of(struct traffic *t, size_t device)
{
    return (struct intervals *)(t->intervals + device * t->interval_stride);
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* ---- counting */

static struct lane *find_lane(struct intervals *n, const struct vehicle *v)
{
    int64_t number = v->has & HAS_LANE ? v->lane : 0;
    for (uint32_t i = 0; i < n->lane_count; i++) {
        if (n->lanes[i].number == number) {
            return &n->lanes[i];
        }
    }
    if (n->lane_count == LANES_MAX) {
        n->lost++;
        return &n->lanes[LANES_MAX - 1];
    }
    n->lanes[n->lane_count].number = number;
    return &n->lanes[n->lane_count++];
}

/* The last column takes what has no column of its own. */
static void count_class(struct intervals *n, struct lane *lane, const char *word)
{
    uint32_t i = 0;
    while (i < n->class_count && strcmp(n->classes[i], word) != 0) {
        i++;
    }
    if (i == n->class_count && i < TRAFFIC_CLASSES_MAX) {
        bool last = i == TRAFFIC_CLASSES_MAX - 1;
        snprintf(n->classes[i], sizeof n->classes[i], "%s", last ? "other" : word);
        n->class_count++;
    }
    lane->classes[i < TRAFFIC_CLASSES_MAX ? i : TRAFFIC_CLASSES_MAX - 1]++;
}

static void count_headway(struct lane *lane, const struct vehicle *v)
{
    double headway_s = v->headway_s;
    bool known = (v->has & HAS_HEADWAY) != 0;
    if (!known && lane->before_ns && v->time_ns >= lane->before_ns) {
        headway_s = (double)(v->time_ns - lane->before_ns) / 1e9;
        known = true;
    }
    lane->before_ns = v->time_ns;
    if (known) {
        lane->headway_sum += headway_s;
        lane->headway_count++;
    }
}

void intervals_add(struct traffic *t, size_t device, const struct vehicle *v)
{
    struct intervals *n = of(t, device);
    struct lane *lane = find_lane(n, v);
    lane->count++;
    lane->hour_count++;
    lane->late += n->begin_ns && v->time_ns < n->begin_ns;
    lane->missed += v->has & HAS_MISSED ? v->missed : 0;
    if (v->has & HAS_SPEED) {
        double bin = v->speed_kmh < 0 ? 0 : v->speed_kmh;
        uint16_t *speeds = &lane->speeds[bin < SPEED_BINS - 1 ? (int)bin : SPEED_BINS - 1];
        *speeds = (uint16_t)(*speeds + (*speeds < UINT16_MAX));
        lane->speed_sum += v->speed_kmh;
        lane->speed_count++;
    }
    if (v->has & HAS_CLASS) {
        count_class(n, lane, v->vehicle_class);
    }
    lane->occupied_s += v->has & HAS_DURATION ? v->duration_s : 0;
    count_headway(lane, v);
}

/* ---- the end of an interval */

/* The upper end of the bin that the 85th of 100 falls into, less the share of the bin above it. */
static double speed_85(const struct lane *lane)
{
    uint64_t all = 0, below = 0;
    for (int i = 0; i < SPEED_BINS; i++) {
        all += lane->speeds[i];
    }
    double wanted = 0.85 * (double)all;
    for (int i = 0; i < SPEED_BINS && all; i++) {
        if (lane->speeds[i] && (double)(below + lane->speeds[i]) >= wanted) {
            return rounded3(i + (wanted - (double)below) / lane->speeds[i]);
        }
        below += lane->speeds[i];
    }
    return NAN;
}

static struct interval sum_up(const struct intervals *n, const struct lane *lane, int64_t now_ns)
{
    struct interval i = { .has = HAS_PERIOD | HAS_COUNT | HAS_LANE | HAS_CLASS | HAS_MISSED,
                          .time_ns = now_ns,
                          .lane = lane->number,
                          .vehicle_count = lane->count,
                          .missed = lane->missed };
    i.period_s = rounded3((double)(now_ns - n->begin_ns) / 1e9);
    if (lane->speed_count) {
        i.has |= HAS_SPEED | HAS_SPEED_85;
        i.speed_kmh = rounded3(lane->speed_sum / lane->speed_count);
        i.speed_85_kmh = speed_85(lane);
    }
    if (lane->headway_count) {
        i.has |= HAS_HEADWAY;
        i.headway_s = rounded3(lane->headway_sum / lane->headway_count);
    }
    if (i.period_s > 0) {
        double percent = 100 * lane->occupied_s / i.period_s;
        i.has |= HAS_OCCUPANCY;
        i.occupancy_percent = rounded3(percent < 100 ? percent : 100);
    }
    for (uint32_t k = 0; k < n->class_count; k++) {
        i.class_counts[k] = lane->classes[k];
    }
    return i;
}

static void clear_lane(struct lane *lane)
{
    struct lane fresh = { .number = lane->number,
                          .before_ns = lane->before_ns,
                          .hour_count = lane->hour_count };
    memcpy(fresh.hours, lane->hours, sizeof fresh.hours);
    *lane = fresh;
}

static double usual(const struct traffic *t, const struct lane *lane, int64_t end_wall_ns)
{
    int64_t hour = floor_div(end_wall_ns - 1, HOUR_NS) % HOURS;
    if (hour < 0 || !lane->hours[hour].days) {
        return NAN;
    }
    return rounded3((double)lane->hours[hour].mean * (double)t->settings->interval_ns /
                    (double)HOUR_NS);
}

static void end_interval(struct traffic *t, size_t device, int64_t now_ns)
{
    struct intervals *n = of(t, device);
    if (t->shapes[device].interval < 0 || t->shapes[device].class_count != n->class_count) {
        if (records_declare_interval(t, device, n->classes, n->class_count) < 0) {
            traffic_log(t, WEIR_LOG_ERROR, "no memory for intervals: counted on into the next");
            return;
        }
    }
    for (uint32_t i = 0; i < n->lane_count; i++) {
        struct lane *lane = &n->lanes[i];
        struct interval sum = sum_up(n, lane, now_ns);
        records_interval(t, device, &sum, usual(t, lane, n->end_wall_ns), lane->late);
        clear_lane(lane);
    }
}

/* An hour has ended: its count goes into the profile, if it was counted from its begin. */
static void turn_hour(struct intervals *n, int64_t hour)
{
    for (uint32_t i = 0; i < n->lane_count; i++) {
        struct lane *lane = &n->lanes[i];
        if (n->hour > 0) {
            int64_t of_day = n->hour % HOURS;
            uint16_t days = lane->hours[of_day].days;
            days = (uint16_t)(days + (days < PROFILE_DAYS));
            lane->hours[of_day].mean += ((float)lane->hour_count - lane->hours[of_day].mean) / days;
            lane->hours[of_day].days = days;
        }
        lane->hour_count = 0;
    }
    /* The first hour was seen from its middle on: negative, and not kept. */
    n->hour = n->hour == 0 ? -hour : hour;
}

static int64_t tick_device(struct traffic *t, size_t device, int64_t now_ns, int64_t wall_ns)
{
    struct intervals *n = of(t, device);
    int64_t period_ns = t->settings->interval_ns;
    int64_t hour = floor_div(wall_ns, HOUR_NS);
    int64_t left_ns = n->end_wall_ns - wall_ns;
    bool over = n->begin_ns && left_ns <= 0;
    bool stepped = n->begin_ns && left_ns > period_ns; /* the clock went back */
    if (over || stepped) {
        end_interval(t, device, now_ns);
    }
    if (!n->begin_ns || over || stepped) {
        n->begin_ns = now_ns;
        n->end_wall_ns = (floor_div(wall_ns, period_ns) + 1) * period_ns;
    }
    if (hour != n->hour && hour != -n->hour) {
        turn_hour(n, hour);
    }
    return now_ns + n->end_wall_ns - wall_ns;
}

int64_t intervals_tick(struct traffic *t, int64_t now_ns)
{
    int64_t wall_ns, next_ns = INT64_MAX;
    traffic_wall(t, now_ns, &wall_ns);
    for (size_t i = 0; i < t->bus->device_count; i++) {
        int64_t own_ns = tick_device(t, i, now_ns, wall_ns);
        next_ns = own_ns < next_ns ? own_ns : next_ns;
    }
    return next_ns;
}

void intervals_finish(struct traffic *t, int64_t now_ns)
{
    for (size_t i = 0; i < t->bus->device_count; i++) {
        struct intervals *n = of(t, i);
        uint64_t count = 0;
        for (uint32_t k = 0; k < n->lane_count; k++) {
            count += n->lanes[k].count;
        }
        if (count > 0) {
            end_interval(t, i, now_ns);
            n->begin_ns = now_ns;
        }
    }
}
