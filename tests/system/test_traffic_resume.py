#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""Counters with a memory, and a gateway that is switched off: RAM is empty when it comes back.

Whatever happened, each interval that has ended since the first one is there; after an orderly end none
comes twice, after a power cut only with `again` = true.
"""
import os
import shutil
import sys
import time
import unittest

from rig import RigTest, wait_for

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "rig", "traffic"))
import wavetronix_ss105  # noqa: E402
import wavetronix_ss125  # noqa: E402
from paced import Line   # noqa: E402

OFF_SECONDS = float(os.environ.get("WEIR_OFF_SECONDS", "4"))
LANES = 4


class Resume(RigTest):
    def setUp(self):
        super().setUp()
        self.broker = self.rig.broker()
        self.sub = self.rig.subscriber(self.broker, "weir/#")
        self.lines = {}
        buses = []
        for name, module in (("ss105", wavetronix_ss105), ("ss125", wavetronix_ss125)):
            sim = module.Sim(seed=1, lanes=LANES)
            sim.PERIOD = 1
            self.lines[name] = Line(sim, self.rig.path(name))
            self.addCleanup(self.lines[name].stop)
            more = "vehicles = false;" if name == "ss125" else ""
            buses.append(f'{name} = {{ adapter = "traffic"; model = "wavetronix-{name}"; '
                         f'port = "{self.rig.path(name)}"; baud = {sim.BAUD}; {more} '
                         f'devices = ( {{ name = "{name}"; {sim.DEVICE} }} ); }};')
        self.weir = self.rig.weir(self.rig.config(
            "\n".join(buses), f'up = {{ uplink = "mqtt"; url = "{self.broker.url}"; }};',
            spool='checkpoint = "2s";'))
        self.weir.listening()
        for line in self.lines.values():
            line.sim.RATE = 5
            line.driving = True

    def told(self, name):
        """Ends of the intervals that have come, each with how often it came in doubt and not."""
        found = {}
        for _, record in self.sub.records():
            values = record.get("values", {})
            if record.get("device") == name and record.get("kind") == "interval" and values["lane"] == 1:
                times = found.setdefault(values["device_time"], [0, 0])
                times[0 if values["again"] else 1] += 1
        return found

    def ended(self, name):
        """Ends of the intervals that the device has, from the first that came, in its notation."""
        sim = self.lines[name].sim
        with self.lines[name].lock:
            ends = [end + sim.off for end, _ in
                    (sim.kept if name == "ss105" else sim.intervals.values())]
        stamps = [time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(end)) for end in ends]
        first = min(self.told(name), default="9")
        return [stamp for stamp in stamps if stamp >= first]

    def all_there(self, more=3):
        """Waits until everything that has ended by now is there, and a little more."""
        for name in self.lines:
            wait_for(lambda n=name: len(self.told(n)) >= more, what=f"intervals of {name}")
            by_now = self.ended(name)
            wait_for(lambda n=name, b=by_now: not set(b) - set(self.told(n)),
                     what=f"all intervals of {name}")

    def off(self):
        ram = f"{self.rig.ram}/weir"
        shutil.rmtree(ram)
        os.makedirs(ram)
        before = {name: len(self.told(name)) for name in self.lines}
        time.sleep(OFF_SECONDS)
        self.weir.start()
        for name in self.lines:
            wait_for(lambda n=name: len(self.told(n)) > before[n] + OFF_SECONDS / 2,
                     what=f"intervals of {name} from the time without gateway")

    def check(self, doubt):
        for line in self.lines.values():
            with line.lock:
                line.sim.frozen = True
        self.all_there()
        self.assertEqual(self.weir.stop(), 0)
        for name in self.lines:
            told = self.told(name)
            self.assertFalse(set(self.ended(name)) - set(told), name)
            twice = {stamp: times for stamp, times in told.items() if sum(times) > 1}
            if doubt:       # the first time without doubt, then perhaps once more with it
                self.assertFalse([t for t in told.values() if t[1] > 1], f"{name}: {twice}")
                self.assertTrue([t for t in told.values() if t[0]], f"{name}: none in doubt")
            else:
                self.assertFalse(twice, name)
                self.assertFalse([t for t in told.values() if t[0]], name)
            print(f"{name}: {len(told)} intervals, {len(twice)} of them twice", file=sys.stderr)

    def test_orderly_end(self):
        """Ended in order, then RAM is gone, as with a reboot; twice."""
        for _ in range(2):
            self.all_there()
            self.assertEqual(self.weir.stop(), 0)
            self.off()
        self.check(doubt=False)

    def test_power_cut(self):
        """RAM goes, flash has what a checkpoint wrote."""
        self.all_there()
        noted = os.path.join(self.rig.dir, "weir-flash", "spool", "resume")
        wait_for(lambda: os.path.exists(noted), what="resume points on flash")
        self.weir.kill_all()
        self.off()
        self.check(doubt=True)


if __name__ == "__main__":
    unittest.main(verbosity=2)
