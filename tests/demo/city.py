#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""From roadside counters to a traffic report, in half a minute.

    city.py [--bin BUILD] [--seconds N] [--page FILE]

    three counters, a meter --- weir --- mosquitto --- weir receive --csv --- weir report traffic --- page

A SmartSensor 125, a SmartSensor 105 and an RTMS G4 (simulated, each at a pseudo-terminal, speaking its own
protocol) and a Modbus meter. The counters' clocks run 36,000 times as fast, an hour in 0.1 s, so that weeks
pass; the report goes by these clocks (device_time). They keep their intervals: what ended while weir did
not ask is fetched, and in the middle weir is stopped for some days of their time. Returns the exit
status of `weir receive --verify`; leaves no process behind, and of files only the page.
"""
import argparse
import csv
import importlib
import json
import math
import os
import random
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(ROOT, "tests", "rig"), os.path.join(ROOT, "tests", "rig", "traffic")]
from paced import Line              # noqa: E402
from rig import Rig, wait_for       # noqa: E402

HOUR = 3600
SPEED = HOUR / 0.1
BEGIN = 1780272000      # 2026-06-01T00:00:00Z, a Monday
SECONDS_LEAST = 10


def bump(hour, at, width):
    away = min(abs(hour - at), 24 - abs(hour - at))
    return math.exp(-(away / width) ** 2)


def commuters(hour, weekend):
    return 30 + (120 * bump(hour, 14, 4) if weekend else 600 * bump(hour, 7.5, 1.2) +
                 450 * bump(hour, 17, 1.8) + 150 * bump(hour, 12, 4))


def ring_road(hour, weekend):
    return 200 + (400 if weekend else 700) * bump(hour, 13, 6)


def stadium(hour, weekend):
    return 15 + (900 * bump(hour, 20, 1.5) if weekend else 60 * bump(hour, 18, 3))


# model, location, shape, lanes, baud, settings of the device
PLACES = (("wavetronix-ss125", "Harbour Street", commuters, 3, 'every = "100ms"; timeout = "2s";'),
          ("wavetronix-ss105", "Ring Road", ring_road, 4, 'every = "100ms"; timeout = "2s";'),
          ("eis-rtms-g4", "Stadium", stadium, 2, 'every = "100ms"; timeout = "2s";'))
BAUD = 115200


def in_city(model, shape, lanes, begun):
    """That model's simulator with a fast clock, counting as this place does."""
    base = importlib.import_module(model.replace("-", "_")).Sim

    class City(base):
        BAUD = 115200
        PERIOD = HOUR
        tells = model == "eis-rtms-g4"

        def city_time(self, now):
            return BEGIN + (now - begun) * SPEED

        def feed(self, data, now):
            return super().feed(data, self.end if self.tells and self.end else self.city_time(now))

        def output(self, now):
            """The RTMS says each interval by itself, as it can be set to: one after the other."""
            fast = self.city_time(now)
            if self.tells and (not self.end or fast >= self.end + HOUR):
                return self.statistics(self.end + HOUR if self.end else fast)
            return super().output(fast)

        def count(self, end):
            when = time.gmtime(end - HOUR / 2)
            mean = shape(when.tm_hour, when.tm_wday >= 5) / lanes
            self.counts = [max(0, round(random.gauss(mean, math.sqrt(mean)))) for _ in range(lanes)]

    return City(seed=1, lanes=lanes)


def configuration(rig, lines, meters, broker):
    buses = [f'counter-{number} = {{ adapter = "traffic"; model = "{model}"; port = "{lines[model].talker.link}"; '
             f'baud = {BAUD}; vehicles = false; set_clock = false; devices = ( {{ name = "counter-{number}"; '
             f'{more} labels = {{ location = "{location}"; }}; }} ); }};'
             for number, (model, location, _, _, more) in enumerate(PLACES, 1)]
    buses.append(f'cabinet = {{ adapter = "modbus"; address = "127.0.0.1:{meters.port}"; devices = ( '
                 '{ name = "street-lighting"; unit_id = 1; model = "eastron-sdm630"; every = "1s"; } ); };')
    return rig.config("\n".join(buses), f'far = {{ uplink = "mqtt"; url = "{broker.url}"; '
                      'topic = "weir/{gateway}/{device}/{kind}"; reconnect_delay_max = "1s"; };')


class Show:
    def __init__(self, rows):
        self.start, self.rows = time.monotonic(), rows

    def say(self, text):
        print(f"{time.monotonic() - self.start:4.0f} s  {text}", flush=True)

    def progress(self, weir):
        """How much has arrived at the far end, by place."""
        count, last = {}, {}
        with open(self.rows.path, newline="") as f:
            for row in csv.DictReader(f):
                count[row["location"]] = count.get(row["location"], 0) + 1
                last[row["location"]] = row["time"]
        status = weir.status() or {}
        meters = [device.get("records") for bus in status.get("buses", []) for device in bus["devices"]
                  if device["name"] == "street-lighting"]
        places = ", ".join(f"{place} {count[place]} (to {last[place][:13]} h)" for place in sorted(count))
        self.say(f"intervals at the far end: {places or 'none yet'}; meter readings {sum(meters)}")


def drive(show, weir, seconds):
    """A third of the time; weir away for a tenth; the rest."""
    def watch(until):
        while time.monotonic() < until:
            time.sleep(max(0, min(3, until - time.monotonic())))
            show.progress(weir)
    begin = time.monotonic()
    watch(begin + seconds / 3)
    weir.stop()
    away = seconds / 10
    show.say(f"weir is stopped; {away / 0.1 / 24:.0f} days pass at the counters")
    time.sleep(away)
    weir.start()
    show.say("weir is back and fetches what they have kept")
    watch(begin + seconds)


def settled(path):
    """The far end has written nothing for a second."""
    size = -1
    while size != os.path.getsize(path):
        size = os.path.getsize(path)
        time.sleep(1)


def gaps(rows):
    """Hours of each place that no row tells of, between its first and last one."""
    hours = {}
    with open(rows.path, newline="") as f:
        for row in csv.DictReader(f):
            if row["time"]:
                hours.setdefault(row["location"], set()).add(row["time"][:13])
    missing = {}
    for place, seen in hours.items():
        stamps = sorted(time.mktime(time.strptime(text, "%Y-%m-%dT%H")) for text in seen)
        missing[place] = round((stamps[-1] - stamps[0]) / HOUR) + 1 - len(stamps)
    return missing


def report(rig, show, rows, page):
    done = subprocess.run([rig.program("weir"), "report", "traffic", rows.path, "--timezone", "UTC",
                           "--title", "Traffic in the city", "--html", page], text=True,
                          stdout=subprocess.PIPE, check=False, timeout=60)
    print(done.stdout)
    show.say(f"the page: {page}")
    return done.returncode


def play(rig, args):
    begun = time.time()
    lines = {model: Line(in_city(model, shape, lanes, begun), rig.path(model))
             for model, _, shape, lanes, _ in PLACES}
    meters = rig.meters(units=1, profile="sdm630")
    broker = rig.broker()
    rows = rig.receive(broker, "--csv", "--kind", "interval", "--verify",
                       "--columns", "location,time=device_time,vehicle_count,gateway,bus,epoch,seq")
    show = Show(rows)
    show.say("three counters and a meter speak; their clocks run an hour in 0.1 s")
    try:
        weir = rig.weir(configuration(rig, lines, meters, broker))
        wait_for(lambda: weir.status(), what="weir runs")
        drive(show, weir, args.seconds)
        weir.stop()
        settled(rows.path)
        status = rows.stop()
        show.say("the far end: " + rows.log_text().strip().splitlines()[-1])
        missing = gaps(rows)
        show.say("hours without a row: " + json.dumps(missing))
        return report(rig, show, rows, args.page) or status or int(any(missing.values()))
    finally:
        for line in lines.values():
            line.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", default=os.path.join(ROOT, "build", "release"))
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--page", default=os.path.join(os.getcwd(), "city.html"))
    args = parser.parse_args()
    if args.seconds < SECONDS_LEAST:
        parser.error(f"--seconds: {SECONDS_LEAST} at least")
    os.environ.setdefault("WEIR_BIN", args.bin)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with Rig() as rig:
            return play(rig, args)
    except KeyboardInterrupt:
        print()
        return 130


if __name__ == "__main__":
    sys.exit(main())
