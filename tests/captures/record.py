#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""Records captures of simulated traffic counters (tests/rig/traffic), and makes fuzz seeds of captures.

    record.py FAMILY...     3 seconds of weir with that simulator: tests/captures/traffic/FAMILY-01/
    record.py --seeds       tests/fuzz/seeds/traffic/FAMILY-01 from all captures

`wire.txt` is what `weir trace --write` wrote; `setup.json` the settings; `expect.jsonl` what passed the
simulated counter, so that a decoder is held against what happened, not against itself. Needs WEIR_BIN and
WEIR_SOURCE, as the system tests do, and tests/rig in PYTHONPATH.
"""
import importlib
import json
import os
import re
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(ROOT, "tests", "rig"), os.path.join(ROOT, "tests", "rig", "traffic")]
from paced import Line      # noqa: E402
from rig import Rig                 # noqa: E402

SECONDS = 3
PAUSE_UNIT = 0.004
README = """# {name}, capture 01

Not from a real device: the simulated counter tests/rig/traffic/{file}.py at a pseudo-terminal, {seconds} seconds,
recorded by tests/captures/record.py. `expect.jsonl` is what passed that counter.
"""


def number_of(text, key, fallback):
    found = re.search(key + r' = "?(\d+)', text)
    return int(found.group(1)) if found else fallback


def record(name):
    sim = importlib.import_module(name.replace("-", "_")).Sim(seed=7, lanes=24)
    folder = os.path.join(HERE, "traffic", f"{name}-01")
    os.makedirs(folder, exist_ok=True)
    with Rig() as rig:
        line = Line(sim, rig.path("counter"))
        weir = rig.weir(rig.config(
            f'road = {{ adapter = "traffic"; model = "{getattr(sim, "MODEL", name)}"; baud = {sim.BAUD}; '
            f'port = "{rig.path("counter")}"; {sim.SETTINGS} '
            f'devices = ( {{ name = "a"; {sim.DEVICE} }} ); }};'))
        weir.listening()
        line.driving = True
        time.sleep(SECONDS)
        line.driving = False
        time.sleep(2)
        wire = os.path.join(folder, "wire.txt")
        done = weir.run("trace", "road", "-c", weir.conf, "--write", wire, "--seconds", "1")
        assert done.returncode == 0, done.stderr
        weir.stop()
        line.stop()
    with open(os.path.join(folder, "expect.jsonl"), "w") as f:
        for passed in sim.passed:
            values = {key: value for key, value in passed.items() if key not in sim.OF_OUR_CLOCK}
            f.write(json.dumps({"kind": sim.KIND, "values": values}) + "\n")
    every = re.search(r'every = "(\d+)(ms|s)"', sim.DEVICE)
    setup = {"family": name, "address": number_of(sim.DEVICE, "address", -1),
             "every": (int(every.group(1)) / (1000 if every.group(2) == "ms" else 1)) if every else 10}
    model = getattr(sim, "MODEL", name)
    with open(os.path.join(ROOT, "plugins", "traffic", "models", f"{model}.conf")) as f:
        setup["family"] = re.search(r'family = "(.*)"', f.read()).group(1)
    setup.update(model=model, bus=sim.SETTINGS, device=sim.DEVICE)
    with open(os.path.join(folder, "setup.json"), "w") as f:
        f.write(json.dumps(setup) + "\n")
    with open(os.path.join(folder, "README.md"), "w") as f:
        f.write(README.format(name=name, file=name.replace("-", "_"), seconds=SECONDS))
    print(f"{name}: {len(sim.passed)} passed")


def seed(folder):
    """The bytes from the device, with pauses, in the form of fuzz_traffic.c."""
    with open(os.path.join(folder, "setup.json")) as f:
        family = json.load(f)["family"]
    out, last = bytearray([len(family)]) + family.encode() + b"\0", None
    with open(os.path.join(folder, "wire.txt")) as f:
        for text in f:
            found = re.match(r"([\d.]+) << ([0-9a-f ]+)", text)
            if " >> " in text:
                out += b"\xfe\xfd"         # until we have asked
                last = None
            elif found:
                at = float(found.group(1))
                pause = int(((at - (last if last is not None else at)) / PAUSE_UNIT) ** 0.5)
                out += bytes([0xFE, min(pause, 200)]) if pause else b""
                out += bytes.fromhex(found.group(2)).replace(b"\xfe", b"\xfe\0")
                last = at
    return bytes(out[:3000])


def main():
    if sys.argv[1:] == ["--seeds"]:
        for name in sorted(os.listdir(os.path.join(HERE, "traffic"))):
            with open(os.path.join(ROOT, "tests", "fuzz", "seeds", "traffic", name), "wb") as f:
                f.write(seed(os.path.join(HERE, "traffic", name)))
        return 0
    for name in sys.argv[1:]:
        record(name)
    return 0 if len(sys.argv) > 1 else print(__doc__) or 2


if __name__ == "__main__":
    sys.exit(main())
