#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""Every family of traffic counters, side by side: what passed its simulated counter has arrived.

The counters of tests/rig/traffic speak at their line rate on lines of their own, all buses in one
gateway. The broker is away for a third of the time; each bus process is stopped for half a second and
then killed, at any moment.

    WEIR_TALK_SECONDS=N   how long vehicles pass (default 12)
    WEIR_KILLS=N          how often each bus process is killed (default 1)
    WEIR_FAMILIES=A,B     only these
    WEIR_OFF_SECONDS=N    how long the gateway is off (default 4), for counters with a memory
"""
import importlib
import os
import random
import signal
import sys
import threading
import time
import unittest

from rig import RigTest, wait_for

HERE = os.path.dirname(os.path.abspath(__file__))
SIMS = os.path.join(HERE, "..", "rig", "traffic")
sys.path.insert(0, SIMS)
from paced import Line  # noqa: E402
from talker import TcpTalker  # noqa: E402

SECONDS = float(os.environ.get("WEIR_TALK_SECONDS", "12"))
OFF_SECONDS = float(os.environ.get("WEIR_OFF_SECONDS", "4"))
KILLS = int(os.environ.get("WEIR_KILLS", "1"))
LANES = 24


def families():
    """Model names: those of the files that there are."""
    found = sorted(name[:-3].replace("_", "-") for name in os.listdir(SIMS)
                   if name.endswith(".py") and name not in ("base.py", "paced.py"))
    only = os.environ.get("WEIR_FAMILIES")
    return [name for name in found if not only or name in only.split(",")]


class Families(RigTest):
    def setUp(self):
        super().setUp()
        self.broker = self.rig.broker()
        self.sub = self.rig.subscriber(self.broker, "weir/#")
        self.receive = self.rig.receive(self.broker, "--verify", "--quiet")
        self.lines = {}

    def start(self, keeps=lambda sim: True):
        buses = []
        for number, name in enumerate(families()):
            sim = importlib.import_module(name.replace("-", "_")).Sim(seed=number + 1, lanes=LANES)
            if keeps(sim):
                buses.append(self.bus(name, sim))
        self.run_weir(buses)

    def run_weir(self, buses):
        self.proxy = self.rig.proxy(self.broker)
        self.weir = self.rig.weir(self.rig.config(
            "\n".join(buses), f'up = {{ uplink = "mqtt"; url = "{self.proxy.url}"; '
            'reconnect_delay_max = "500ms"; };'))
        if self.lines:
            self.weir.listening()

    def bus(self, name, sim):
        link = self.rig.path(name)
        self.lines[name] = Line(sim, link)
        self.addCleanup(self.lines[name].stop)
        return (f'{name} = {{ adapter = "traffic"; model = "{getattr(sim, "MODEL", name)}"; '
                f'port = "{link}"; baud = {sim.BAUD}; {sim.SETTINGS} '
                f'devices = ( {{ name = "{name}"; {sim.DEVICE} }} ); }};')

    def records(self, name):
        """What arrived of one counter, once, in the order of their numbers."""
        kind = self.lines[name].sim.KIND
        found = {}
        for _, record in self.sub.records():
            if record.get("device") == name and record.get("kind") == kind:
                found[(record["epoch"] >> 32, record["seq"])] = record["values"]
        return [found[key] for key in sorted(found)]

    def killer(self, stop):
        """Each bus so often, spread over the time."""
        plan = sorted((random.uniform(0.1, 0.9) * SECONDS, name)
                      for name in self.lines for _ in range(KILLS))
        begun = time.monotonic()
        for at, name in plan:
            while not stop.is_set() and time.monotonic() - begun < at:
                time.sleep(0.02)
            pid = wait_for(lambda n=name: self.weir.children().get(f"bus {n}"), what="the bus runs")
            os.kill(pid, signal.SIGSTOP)
            time.sleep(0.5)
            os.kill(pid, signal.SIGKILL)
            wait_for(lambda n=name, p=pid: self.weir.children().get(f"bus {n}") not in (None, p),
                     what="a new process")

    def arrived(self, name):
        line, got = self.lines[name], self.records(name)
        counts = line.sim.LATEST or line.sim.MEMORY
        missed = sum(values.get("missed") or 0 for values in got) if counts else 0
        return line.fault or len(got) + missed >= len(line.sim.passed)

    def drive(self):
        stop = threading.Event()
        killer = threading.Thread(target=self.killer, args=(stop,))
        for line in self.lines.values():
            line.driving = True
        killer.start()
        try:
            time.sleep(SECONDS / 3)
            self.proxy.command("down")
            time.sleep(SECONDS / 3)
            self.proxy.command("up")
            time.sleep(SECONDS / 3)
        finally:
            for line in self.lines.values():
                line.driving = False
            stop.set()
            killer.join()

    def first_difference(self, name):
        passed, got = self.lines[name].sim.passed, self.records(name)
        for number, values in enumerate(passed):
            here = got[number] if number < len(got) else {}
            if {key: here.get(key) for key in values} != values:
                return (f"{name}: {len(got)} arrived of {len(passed)}; {number} passed as {values}, "
                        f"arrived as {here}")
        return f"{name}: {len(got)} arrived of {len(passed)}, {got[len(passed):]} too many"

    def check(self, name):
        line, got = self.lines[name], self.records(name)
        sim = line.sim
        if line.fault:
            raise line.fault
        if line.held:
            print(f"{name}: the terminal was full {line.held} times", file=sys.stderr)
        self.assertEqual(sim.missed, 0, f"{name}: the device forgot nothing")
        if sim.LATEST:
            self.check_latest(name, sim.passed, got)
            return
        self.check_in_order(name, sim, got)

    def check_in_order(self, name, sim, got):
        """Each once, in order; what a counter with numbers says was missed is where it says."""
        at = missed = 0
        for values in got:
            gap = (values.get("missed") or 0) if sim.MEMORY else 0
            at, missed = at + gap, missed + gap
            self.assertLess(at, len(sim.passed), f"{name}: more than passed")
            passed = sim.passed[at]
            self.assertEqual({key: values.get(key) for key in passed}, passed, f"{name} {at}")
            at += 1
        self.assertEqual(at, len(sim.passed), name)
        print(f"{name}: {len(got)} of {len(sim.passed)} arrived in order, none twice" +
              (f"; {missed} missed by its own count" if missed else ""), file=sys.stderr)

    def check_latest(self, name, passed, got):
        """A device that keeps the latest of each lane: what came and what it says was missed are all."""
        for lane in {values["lane"] for values in passed}:
            of_lane = [values for values in passed if values["lane"] == lane]
            at = 0
            for values in (v for v in got if v["lane"] == lane):
                at += values["missed"]
                self.assertEqual({key: values.get(key) for key in of_lane[at]}, of_lane[at], name)
                at += 1
            self.assertEqual(at, len(of_lane), name)
        missed = sum(values["missed"] for values in got)
        print(f"{name}: {len(got)} of {len(passed)} arrived, {missed} missed by its own count",
              file=sys.stderr)

    def await_all(self):
        for name in self.lines:
            try:
                wait_for(lambda n=name: self.arrived(n), timeout=60 + OFF_SECONDS,
                         what=f"all of {name}")
            except TimeoutError as fault:
                print(f"{fault}\n{self.first_difference(name)}", file=sys.stderr)

    def finish(self):
        self.await_all()
        for line in self.lines.values():
            with line.lock:
                line.sim.frozen = True
        self.await_all()        # intervals that have ended meanwhile
        time.sleep(1)           # what would come twice
        self.assertEqual(self.weir.stop(), 0)
        for name in self.lines:
            with self.subTest(family=name):
                self.check(name)
        self.assertEqual(self.receive.stop(), 0, self.receive.log_text())

    def test_line_rate(self):
        """At line rate; nothing that the line took is missing, nothing comes twice."""
        self.start()
        self.drive()
        self.finish()

    def test_device_server(self):
        """Behind a serial device server that ends the connection now and then, and a killed bus."""
        line = Line(importlib.import_module("natch").Sim(seed=1, lanes=LANES), ("127.0.0.1", 0), TcpTalker)
        self.addCleanup(line.stop)
        self.lines["natch"] = line
        self.run_weir([f'natch = {{ adapter = "traffic"; model = "natch"; address = "{line.talker.address()}"; '
                       'devices = ( { name = "natch"; } ); };'])
        wait_for(lambda: line.talker.connections, what="it connects")
        line.driving = True
        for number in range(4):
            before = line.talker.connections
            time.sleep(0.5)
            if number == 2:
                self.weir.kill_role("bus natch")
            else:
                line.talker.drop()
            wait_for(lambda n=before: line.talker.connections > n, what="it connects again")
        line.driving = False
        self.finish()

    def test_gateway_off(self):
        """The gateway is off for a while: what a counter keeps in its memory arrives."""
        self.start(keeps=lambda sim: sim.MEMORY)
        if not self.lines:
            self.skipTest("none of these families has a memory")
        for line in self.lines.values():
            line.sim.RATE = min(line.sim.RATE, line.sim.MEMORY / 2 / OFF_SECONDS)
            line.driving = True
        time.sleep(2)
        self.assertEqual(self.weir.stop(), 0)
        time.sleep(OFF_SECONDS)
        self.weir.start()
        time.sleep(2)
        for line in self.lines.values():
            line.driving = False
        self.finish()


if __name__ == "__main__":
    unittest.main(verbosity=2)
