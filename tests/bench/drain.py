#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""How fast a backlog leaves, against the quickest publisher that libmosquitto allows.

    drain.py [--bin BUILD] [--records 50000] [--best-of 3]

Records of 20 float32 values of a simulated SDM630 are stored on flash while the link is down; weir is stopped and its RAM
emptied. Then, several times and in turn: weir delivers a copy of that store to a broker (JSON,
QoS 1, 20 in flight), and rig/publish sends the very same payloads to the same broker. With batches
of 100 and without. Wall time and CPU (of the uplink process) are ratios to the publisher's.

The exit status is 1 when a target is missed.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "rig"))
from rig import Rig, modbus_device, wait_for            # noqa: E402

POINTS, DEVICES, RATIO = 20, 50, 1.3
BATCH = 'batch = { records = 100; delay = "100ms"; };'


def floats():
    return ",\n".join(modbus_device(f"d{u}", u,
                                    [(f"v{i}", 2 * i, 'table = "input"; type = "float32";')
                                     for i in range(POINTS)],
                                    "0s") for u in range(1, DEVICES + 1))


def config(rig, port, url, name, more="", enabled="true"):
    return rig.config(
        f'bus = {{ enabled = {enabled}; adapter = "modbus"; address = "127.0.0.1:{port}"; '
        f'devices = ({floats()}); }};',
        f'up = {{ uplink = "mqtt"; url = "{url}"; topic = "weir/{{gateway}}/{{bus}}"; {more} }};',
        name=name, spool='ram_limit = "64MiB"; limit = "256MiB"; persist_after = "1s"; ')


def fill(rig, records):
    """A store with so many records, and nothing in RAM."""
    meters = rig.meters(units=DEVICES, regs=125, time_reg=-1, profile="sdm630")
    weir = rig.weir(config(rig, meters.port, "mqtt://127.0.0.1:9", "fill"), name="fill")
    wait_for(lambda: meters.report()["requests"] > records + DEVICES, timeout=120, what="polls")
    weir.stop()
    meters.stop()
    return f"{rig.dir}/fill-flash"


def cpu_s(pid):
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/schedstat") as f:
            total += int(f.read().split()[0]) / 1e9
    return total


def uplink_of(weir):
    status = weir.status()
    return status["uplinks"][0] if status and status["uplinks"] else None


def deliver(rig, store, broker, more, number):
    """(seconds, CPU seconds, records) of one delivery of a copy of the store."""
    name = f"drain{number}"
    text = config(rig, 9, broker.url, name, more, enabled="false")
    shutil.rmtree(f"{rig.dir}/{name}-flash")
    shutil.copytree(store, f"{rig.dir}/{name}-flash")
    sink = rig.sink(broker, "weir/#", name=f"sink{number}", time_reg=-1)
    weir = rig.weir(text, name=name)
    wait_for(lambda: uplink_of(weir) and uplink_of(weir)["backlog"] == 0 and
             uplink_of(weir)["accepted"] > 0 and uplink_of(weir)["in_flight"] == 0 and
             drained(weir), timeout=120, every=0.2, what="drained")
    cpu = cpu_s(weir.children()["uplink up"])
    records = uplink_of(weir)["records"]
    seconds = sink.report()["elapsed_s"]
    weir.stop()
    sink.stop()
    return seconds, cpu, records


def drained(weir):
    before = uplink_of(weir)["accepted"]
    time.sleep(0.5)
    return uplink_of(weir)["accepted"] == before


def capture(rig, store, more, path):
    """The payloads of a delivery, a line each."""
    broker = rig.broker("capture", extra="max_queued_messages 0")
    with open(path, "wb") as out:
        taker = subprocess.Popen(["mosquitto_sub", "-p", str(broker.port), "-q", "1", "-t", "weir/#",
                                  "-F", "%t\t%p", "-R"], stdout=out)
    time.sleep(1)
    deliver(rig, store, broker, more, os.path.basename(path))
    sizes = [-1, os.path.getsize(path)]
    while sizes[-1] != sizes[-2]:
        time.sleep(1)
        sizes.append(os.path.getsize(path))
    taker.terminate()
    taker.wait()
    broker.stop()


def bare(rig, broker, path, number):
    sink = rig.sink(broker, "weir/#", name=f"bare-sink{number}", time_reg=-1)
    done = subprocess.run([rig.program("publish"), str(broker.port), path, "20"], text=True,
                          check=True, stdout=subprocess.PIPE)
    seconds = sink.report()["elapsed_s"]
    sink.stop()
    return seconds, float(re.search(r"s ([\d.]+) cpu_s", done.stdout).group(1))


def case(rig, store, options, what, more):
    path = rig.path(f"payloads-{what}")
    capture(rig, store, more, path)
    with open(path, "rb") as f:
        print(f"  {what}: {sum(1 for _ in f)} messages captured", file=sys.stderr)
    broker = rig.broker(f"broker-{what}", extra="max_queued_messages 0")
    ours, theirs = [], []
    for i in range(options.best_of):
        ours.append(deliver(rig, store, broker, more, f"{what}{i}"))
        theirs.append(bare(rig, broker, path, f"{what}{i}"))
        print(f"  {what}: weir {ours[-1][0]:.2f} s, {ours[-1][1]:.2f} CPU s, {ours[-1][2]} records; "
              f"bare {theirs[-1][0]:.2f} s, {theirs[-1][1]:.2f} CPU s", file=sys.stderr)
    broker.stop()
    wall = min(o[0] for o in ours) / min(t[0] for t in theirs)
    cpu = min(o[1] for o in ours) / min(t[1] for t in theirs)
    good = wall <= RATIO
    print(f"drain {what}  wall ratio {wall:.2f} (<= {RATIO})  CPU ratio {cpu:.2f}, "
          f"{ours[0][2] / min(o[0] for o in ours):.0f} records/s  {'ok' if good else 'MISSED'}",
          flush=True)
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--bin", default="build/release")
    parser.add_argument("--records", type=int, default=50000)
    parser.add_argument("--best-of", type=int, default=3)
    options = parser.parse_args()
    with Rig(options.bin) as rig:
        store = fill(rig, options.records)
        good = [case(rig, store, options, "single", ""), case(rig, store, options, "batch", BATCH)]
        return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
