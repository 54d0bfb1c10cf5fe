#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""A city that never was: a year of hourly counts at 60 places, with known groups.

    city.py [--seed 1] [--places 60] [--days 365] > counts.csv

Each place is of one sort, which says how busy it is in each local hour: LOW, DAY or RUSH. A place
has a factor of its own and each count its own noise; at weekends a rush is only a busy day. Times
are UTC; the hours are those of Europe/Berlin, with summer time. The same seed gives the same city.
"""
import argparse
import datetime
import random
import sys
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Europe/Berlin")
START = datetime.datetime(2025, 1, 1, tzinfo=ZONE)
LOW, DAY, RUSH = 1, 2, 3
LEVEL = {LOW: 60, DAY: 320, RUSH: 900}
SORTS = {
    "Arterial": {RUSH: (7, 8, 16, 17, 18), DAY: (6, 9, 10, 11, 12, 13, 14, 15, 19)},
    "Centre": {RUSH: (16, 17), DAY: range(8, 21)},
    "School": {RUSH: (7,), DAY: (8, 12, 13, 14, 15, 16)},
    "Park": {DAY: range(10, 20)},
    "Lane": {},
}


def group_of(sort, hour):
    """What was planted."""
    for group in (RUSH, DAY):
        if hour in SORTS[sort].get(group, ()):
            return group
    return LOW


class City:
    """places: names; rows(): (name, UTC datetime, local datetime, count), by time."""

    def __init__(self, seed=1, places=60, days=365):
        self.random = random.Random(seed)
        self.days = days
        sorts = list(SORTS)
        self.places = {f"{sorts[i % len(sorts)]} {i:02}": sorts[i % len(sorts)]
                       for i in range(places)}
        self.factor = {name: self.random.uniform(0.9, 1.1) for name in self.places}

    def rows(self):
        utc = START.astimezone(datetime.timezone.utc)
        end = (START + datetime.timedelta(days=self.days)).astimezone(datetime.timezone.utc)
        while utc < end:
            local = utc.astimezone(ZONE)
            for name, sort in self.places.items():
                group = group_of(sort, local.hour)
                if group == RUSH and local.weekday() >= 5:
                    group = DAY
                noise = self.random.gauss(1, 0.15)
                yield name, utc, local, max(0, round(LEVEL[group] * self.factor[name] * noise))
            utc += datetime.timedelta(hours=1)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--places", type=int, default=60)
    options.add_argument("--days", type=int, default=365)
    city = City(**vars(options.parse_args()))
    out = ["location,time,vehicle_count\n"]
    for name, utc, _, count in city.rows():
        out.append(f"{name},{utc:%Y-%m-%dT%H:%M:%SZ},{count}\n")
        if len(out) > 10000:
            sys.stdout.write("".join(out))
            out.clear()
    sys.stdout.write("".join(out))


if __name__ == "__main__":
    main()
