#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""Devices that talk by themselves, end to end: what the line took arrives once, whatever dies.

The counter here speaks Natch without a memory: what is lost on the way is lost, and each passage has a
number, so that every loss and every repeat shows. WEIR_KILLS says how many kills (default 5).
"""
import os
import random
import signal
import statistics
import sys
import threading
import time
import unittest

from rig import RigTest, fd_count, wait_for
from talker import Talker

KILLS = int(os.environ.get("WEIR_KILLS", "5"))


class Traffic(RigTest):
    def start(self, bus="", uplink=""):
        self.broker = self.rig.broker()
        self.sub = self.rig.subscriber(self.broker, "weir/#")
        self.receive = self.rig.receive(self.broker, "--verify", "--json")
        self.link = self.rig.path("counter")
        self.talker = Talker(self.link, self.heard)
        self.addCleanup(self.talker.close)
        self.answers = b""
        text = self.rig.config(
            f'road = {{ adapter = "traffic"; model = "natch"; port = "{self.link}"; {bus} '
            f'devices = ( {{ name = "harbour"; }} ); }};',
            f'up = {{ uplink = "mqtt"; url = "{self.broker.url}"; reconnect_delay_max = "1s"; {uplink} }};')
        self.weir = self.rig.weir(text)
        self.weir.listening()
        self.count = 0

    def heard(self, data):
        self.answers += data

    def bus_status(self):
        buses = (self.weir.status() or {}).get("buses", [])
        return buses[0] if buses else {}

    def passage(self):
        """One vehicle, in one piece or two."""
        line = b"ds,%04x,%d,%d,,\n" % (self.count, self.count % 24, 100 + self.count % 900)
        cut = random.randrange(len(line))
        if not self.talker.send(line[:cut]):
            return
        self.talker.send(line[cut:])
        self.count += 1

    def vehicles(self):
        return [r for _, r in self.sub.records() if r.get("kind") == "vehicle"]

    def numbers(self):
        """Running numbers of the passages, a record that came twice counted once."""
        by_identity = {(r["epoch"], r["seq"]): r["values"]["device_count"] for r in self.vehicles()}
        return sorted(by_identity.values())

    def settle(self):
        wait_for(lambda: len(self.numbers()) >= self.count, timeout=60, what="all vehicles arrived")
        self.assertEqual(self.weir.stop(), 0)
        self.assertEqual(self.numbers(), list(range(self.count)))
        self.assertEqual(self.talker.refused, 0)
        status = self.receive.stop()
        self.assertEqual(status, 0, self.receive.log_text() + self.receive.text()[-2000:])

    def drive(self, stop, pause):
        while not stop.is_set():
            self.passage()
            time.sleep(pause)

    def test_kills(self):
        """Stopped for half a second and then killed, at any moment, under a steady stream."""
        self.start()
        stop = threading.Event()
        driver = threading.Thread(target=self.drive, args=(stop, 0.004))
        driver.start()
        try:
            for _ in range(KILLS):
                time.sleep(random.uniform(0.3, 0.8))
                pid = wait_for(lambda: self.weir.children().get("bus road"), what="the bus runs")
                os.kill(pid, signal.SIGSTOP)
                time.sleep(0.5)
                os.kill(pid, signal.SIGKILL)
                wait_for(lambda: self.weir.children().get("bus road") not in (None, pid), what="a new bus")
            time.sleep(1)
        finally:
            stop.set()
            driver.join()
        self.assertGreater(self.count, 100)
        self.settle()

    def test_unplug(self):
        """Pulled out and back under another device: found again by itself, nothing stuck or leaked."""
        self.start()
        pid = self.weir.children()["bus road"]
        self.passage()
        wait_for(lambda: len(self.numbers()) == 1, what="the first")
        before, returns = fd_count(pid), []
        for _ in range(int(os.environ.get("WEIR_UNPLUGS", "5"))):
            self.talker.unplug()
            time.sleep(random.uniform(0, 0.3))
            self.talker.plug()
            plugged = time.monotonic()
            opens = self.bus_status()["opens"]
            wait_for(lambda: fd_count(pid) == before and self.bus_status()["opens"] >= opens, what="open again")
            wait_for(lambda: os.path.realpath(self.link) in self.open_files(pid), what="the new device is open")
            returns.append(time.monotonic() - plugged)
            self.passage()
            wait_for(lambda: len(self.numbers()) >= self.count, what="a vehicle after that")
        self.assertEqual(self.weir.children()["bus road"], pid)
        self.assertEqual(fd_count(pid), before)
        print(f"{len(returns)} returns of the port, taken up after {max(returns):.2f} s at most, "
              f"{statistics.median(returns):.2f} s in the middle", file=sys.stderr)
        self.settle()

    def test_gone_with_its_port(self):
        """A counter that only talks cannot be asked: that it is not heard is told all the same."""
        self.start()
        self.passage()
        wait_for(lambda: self.bus_status()["devices"][0]["state"] == "live", what="it is heard")
        self.talker.unplug()
        wait_for(lambda: self.bus_status()["devices"][0]["state"] == "gone", what="it is gone")
        wait_for(lambda: [r["values"]["why"] for _, r in self.sub.records() if r.get("kind") == "state"] == ["port"],
                 what="it is told")
        self.talker.plug()
        wait_for(lambda: self.bus_status()["devices"][0]["state"] == "live", what="it is back")
        self.passage()
        self.settle()

    def test_senseless(self):
        """As at a wrong speed: bytes come and nothing makes sense, which is not "ok"."""
        self.start()
        self.passage()

        def trouble():
            self.talker.send(bytes(random.randrange(128, 256) for _ in range(20)))
            time.sleep(0.2)
            return self.bus_status()["trouble"]

        self.assertIn("make no sense", wait_for(trouble, what="it is told"))
        self.talker.send(b"\n")
        wait_for(lambda: self.bus_status()["bad_frames"] and self.passage() is None and
                 not self.bus_status()["trouble"], what="all is well again")
        self.settle()

    @staticmethod
    def open_files(pid):
        names = set()
        for fd in os.listdir(f"/proc/{pid}/fd"):
            try:
                names.add(os.readlink(f"/proc/{pid}/fd/{fd}"))
            except OSError:
                pass
        return names

    def test_intervals(self):
        """Vehicles are counted by the clock, and a killed process changes no count."""
        self.start(bus='interval = "2s"; vehicles = false;')
        end = time.monotonic() + 5
        killed = False
        while time.monotonic() < end:
            self.passage()
            time.sleep(0.01)
            if not killed and self.count == 150:
                killed = True
                self.weir.kill_role("bus road")
        wait_for(lambda: self.counted() >= self.count, timeout=30, what="all are in an interval")
        time.sleep(2.5)
        self.assertEqual(self.counted(), self.count)
        periods = [r["values"]["period"] for r in self.intervals()]
        self.assertTrue(all(0 < p < 30 for p in periods), periods)
        self.assertEqual(self.weir.stop(), 0)
        self.assertEqual(self.receive.stop(), 0, self.receive.log_text())

    def test_interval_at_an_end(self):
        """What is counted when the gateway ends in order is told then: its RAM may be gone the next time."""
        self.start(bus='interval = "1h"; vehicles = false;')
        for _ in range(50):
            self.passage()
        wait_for(lambda: b"%04x" % 49 in self.answers, what="all are counted")
        self.assertEqual(self.intervals(), [])
        self.assertEqual(self.weir.stop(), 0)
        self.weir.start()
        wait_for(lambda: self.counted() >= 50, what="all are in an interval")
        self.weir.listening()
        self.assertEqual(self.weir.stop(), 0)
        self.assertEqual(self.counted(), 50)
        self.assertEqual(self.receive.stop(), 0, self.receive.log_text())

    def intervals(self):
        records = {(r["epoch"], r["seq"]): r for _, r in self.sub.records() if r.get("kind") == "interval"}
        return list(records.values())

    def counted(self):
        return sum(r["values"]["vehicle_count"] for r in self.intervals())


if __name__ == "__main__":
    unittest.main(verbosity=2)
