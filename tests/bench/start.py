#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""A start with a great backlog: how soon the first new record, how soon the first old one, and what
memory it takes.

    start.py [--bin BUILD] [--segments 256] [--free 64] [--damaged 200]

A store is filled until it has so many segments (4 MiB each), then given free and damaged ones. weir
starts on it, and on an empty one, with an empty RAM folder; times count from the start of the process
to the first record in the bus's queue, and to the first record at the broker.
The exit status is 1 when a target is missed.
"""
import argparse
import glob
import os
import shutil
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "rig"))
from rig import Rig, modbus_device, wait_for            # noqa: E402

SEGMENT = 4 << 20


def config(rig, port, url, name, every):
    points = [(f"v{i}", 2 * i, 'table = "input"; type = "float32";') for i in range(20)]
    devices = ",\n".join(modbus_device(f"d{u}", u, points, every) for u in range(1, 51))
    return rig.config(f'bus = {{ adapter = "modbus"; address = "127.0.0.1:{port}"; '
                      f'devices = ({devices}); }};',
                      f'up = {{ uplink = "mqtt"; url = "{url}"; rate_limit = "100KiB"; }};', name=name,
                      spool='limit = "8GiB"; persist_after = "500ms"; ram_limit = "256MiB"; ')


def fill(rig, meters, segments):
    """Polls back to back until the store has that many; multiplied by copying is not the same."""
    weir = rig.weir(config(rig, meters.port, "mqtt://127.0.0.1:9", "big", "0s"), name="big")

    def enough():
        used = len(glob.glob(f"{rig.dir}/big-flash/spool/*.seg"))
        print(f"\rstart: {used} of {segments} segments ", end="", file=sys.stderr, flush=True)
        return used >= segments
    wait_for(enough, timeout=1800, every=1, what="a backlog")
    print(file=sys.stderr)
    weir.stop()
    return f"{rig.dir}/big-flash/spool"


def spoil(spool, free, damaged):
    """Adds free segments, and damages every other one in use: header, head of a group, middle."""
    newest = max(int(os.path.basename(p).split(".")[0]) for p in glob.glob(f"{spool}/*.seg"))
    for i in range(free):
        with open(f"{spool}/free-{newest + 1000 + i}", "wb") as f:
            f.write(bytes(SEGMENT))
    for i, path in enumerate(sorted(glob.glob(f"{spool}/*.seg"))[:damaged]):
        with open(path, "r+b") as f:
            for at in ([0, SEGMENT - 4096], [4096], [SEGMENT // 2])[i % 3]:
                f.seek(at)
                f.write(b"\xa5" * 512)


def memory_kb(weir):
    """PSS of every process, by role."""
    found = {}
    for role, pid in {**weir.children(), "core": weir.pid}.items():
        with open(f"/proc/{pid}/smaps_rollup") as f:
            found[role] = next(int(line.split()[1]) for line in f if line.startswith("Pss:"))
    return found


def start(rig, meters, name):
    """(seconds to the first new record, to the first old one, memory)."""
    broker = rig.broker(f"{name}-broker")
    sub = rig.subscriber(broker, "weir/+/+/reading", name=f"{name}-sub")
    ram = f"{rig.ram}/{name}"
    text = config(rig, meters.port, broker.url, name, "1s")
    shutil.rmtree(ram)
    os.makedirs(ram)
    begin = time.monotonic()
    weir = rig.weir(text, name=name)
    wait_for(lambda: meters.report()["requests"] and glob.glob(f"{ram}/queue/bus/*/*.seg"),
             every=0.005, what="a record")
    new = time.monotonic() - begin
    wait_for(sub.messages, every=0.005, timeout=60, what="the first delivery")
    old = time.monotonic() - begin
    time.sleep(5)
    used = memory_kb(weir)
    weir.stop()
    broker.stop()
    return new, old, used


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--bin", default="build/release")
    parser.add_argument("--segments", type=int, default=256)
    parser.add_argument("--free", type=int, default=64)
    parser.add_argument("--damaged", type=int, default=200)
    options = parser.parse_args()
    with Rig(options.bin) as rig:
        meters = rig.meters(units=50, regs=125, time_reg=-1, profile="sdm630")
        spool = fill(rig, meters, options.segments)
        spoil(spool, options.free, options.damaged)
        _, _, empty = start(rig, meters, "empty")
        new, old, full = start(rig, meters, "big")
        ratio = max(full[role] / empty[role] for role in full if role in empty)
        rows = [("first new record s", new, 1.0), ("first old record s", old, 2.0),
                ("memory ratio", ratio, 1.1)]
        for what, value, bound in rows:
            print(f"start  {what} {value:.2f} (<= {bound})  {'ok' if value <= bound else 'MISSED'}")
        print(f"       PSS KiB empty {empty} full {full}")
        return 0 if all(value <= bound for _, value, bound in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
