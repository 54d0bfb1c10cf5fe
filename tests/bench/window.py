#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""What a window costs: the same devices with one and without, CPU for each value that was read.

    window.py [--bin BUILD] [--seconds 10] [--best-of 3]

Modbus TCP, 10 devices of 100 registers, every 100 ms; windows of one second. A row is one set of functions:
CPU seconds for a million values read, of the bus process and of the whole gateway (with MQTT), and both as a
ratio to the row without a window. The run that costs least counts.
"""
import argparse
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "rig"))
from rig import Rig, counting_devices               # noqa: E402

JOBS = {
    "no window": "",
    "last": 'functions = ( "last" );',
    "min mean max": "",
    "all six": 'functions = ( "min", "mean", "max", "sum", "count", "last" );',
}


def cpu_s(pids):
    used = 0
    for pid in pids:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/schedstat") as f:
                used += int(f.read().split()[0]) / 1e9
    return used


def measure(options, name):
    """CPU seconds a million values: of the bus, of all."""
    window = "" if name == "no window" else f'window = {{ period = "1s"; {JOBS[name]} }};'
    with Rig(options.bin) as rig:
        broker = rig.broker()
        meters = rig.meters(units=10, regs=100)
        devices = counting_devices(range(1, 11), 100, "100ms", f'timeout = "500ms"; {window}')
        weir = rig.weir(rig.config(
            buses=f'bus = {{ adapter = "modbus"; address = "127.0.0.1:{meters.port}"; devices = (\n{devices}\n); }};',
            uplinks=f'up = {{ uplink = "mqtt"; url = "{broker.url}"; }};', gateway="bench"))
        time.sleep(3)
        children = weir.children()
        bus, rest = [children["bus bus"]], [weir.pid, *(p for r, p in children.items() if r != "bus bus")]
        read, of_bus, of_rest = meters.report()["points"], cpu_s(bus), cpu_s(rest)
        time.sleep(options.seconds)
        million = (meters.report()["points"] - read) / 1e6
        of_bus, of_rest = cpu_s(bus) - of_bus, cpu_s(rest) - of_rest
    return of_bus / million, (of_bus + of_rest) / million


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
    parser.add_argument("--bin", default=os.path.join(root, "build", "release"))
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--best-of", type=int, default=3)
    options = parser.parse_args()
    first = None
    print(f"{'functions':14} {'bus s/M':>8} {'ratio':>6} {'all s/M':>8} {'ratio':>6}")
    for name in JOBS:
        runs = [measure(options, name) for _ in range(options.best_of)]
        bus, everything = (min(r[i] for r in runs) for i in (0, 1))
        first = first or (bus, everything)
        line = f"window: {name} costs {bus / first[0]:.2f} of the bus process, {everything / first[1]:.2f} of all"
        print(f"{name:14} {bus:8.3f} {bus / first[0]:6.2f} {everything:8.3f} {everything / first[1]:6.2f}", flush=True)
        if name == "min mean max":
            last = line
    print(last)


if __name__ == "__main__":
    main()
