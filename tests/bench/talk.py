#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""What listening costs: a million vehicles as text lines, against `cat` of the same bytes.

    talk.py [--bin BUILD] [--events 200000] [--best-of 3]

A counter of the model line-csv at a pseudo-terminal, as fast as it is read; weir with MQTT and a broker. CPU
seconds for a million events of the bus process, of the whole gateway, and of `cat` from the same terminal to
/dev/null. The run that costs least counts. How many arrived is counted by the far end.
"""
import argparse
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "rig"), os.path.join(HERE, "..", "rig", "traffic")]
import line_csv                                     # noqa: E402
from rig import Rig, wait_for                       # noqa: E402
from talker import Talker                           # noqa: E402
from window import cpu_s                            # noqa: E402


def stream(count):
    sim = line_csv.Sim(seed=1, lanes=8)
    now = time.time()
    for _ in range(count):
        sim.vehicle(now)
    return b"".join(sim.lines)


def pour(talker, data):
    """All of it, as fast as the other side reads."""
    view = memoryview(data)
    while view:
        sent = talker.offer(view[:4096])
        view = view[sent:]
        if not sent:
            time.sleep(0.0005)


def listen(options, data):
    """CPU seconds: of the bus process, of the whole gateway."""
    with Rig(options.bin) as rig:
        broker = rig.broker()
        sink = rig.sink(broker, "weir/+/+/vehicle")
        talker = Talker(rig.path("counter"))
        weir = rig.weir(rig.config(
            f'road = {{ adapter = "traffic"; model = "line-csv"; port = "{rig.path("counter")}"; '
            'devices = ( { name = "a"; } ); };', f'up = {{ uplink = "mqtt"; url = "{broker.url}"; }};'))
        weir.listening()
        bus = weir.children()["bus road"]
        rest = [weir.pid, *(pid for role, pid in weir.children().items() if role != "bus road")]
        of_bus, of_rest = cpu_s([bus]), cpu_s(rest)
        pour(talker, data)
        wait_for(lambda: sink.report()["msgs"] >= options.events, timeout=300, what="all arrived")
        of_bus, of_rest = cpu_s([bus]) - of_bus, cpu_s(rest) - of_rest
        talker.close()
    return of_bus, of_bus + of_rest


def copy(options, data):
    """CPU seconds of `cat`."""
    with Rig(options.bin) as rig:
        talker = Talker(rig.path("counter"))
        with open(rig.path("counter"), "rb", buffering=0) as terminal, \
                open("/dev/null", "wb") as nowhere, \
                subprocess.Popen(["cat"], stdin=terminal, stdout=nowhere) as cat:
            pour(talker, data)
            wait_for(lambda: read_so_far(cat.pid) >= len(data), timeout=60, what="cat has read it all")
            used = cpu_s([cat.pid])
            cat.kill()
        talker.close()
    return used


def read_so_far(pid):
    with open(f"/proc/{pid}/io") as f:
        return int(dict(line.split(": ") for line in f)["rchar"])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", default=os.path.join(HERE, "..", "..", "build", "release"))
    parser.add_argument("--events", type=int, default=200000)
    parser.add_argument("--best-of", type=int, default=3)
    options = parser.parse_args()
    options.bin = os.path.abspath(options.bin)
    data = stream(options.events)
    million = options.events / 1e6
    bus, both = (min(column) / million for column in
                 zip(*(listen(options, data) for _ in range(options.best_of))))
    cat = min(copy(options, data) for _ in range(options.best_of)) / million
    print(f"talk: {options.events} events of {len(data) / options.events:.0f} bytes: CPU s a million: bus {bus:.2f}, "
          f"gateway {both:.2f}, cat {cat:.2f}; bus against cat {bus / cat:.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
