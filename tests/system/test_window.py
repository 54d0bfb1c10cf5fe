#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""Windows: one record for all readings of a period, whoever is killed when.

The n-th read of a simulated register answers n, so what a window says about its readings can be
checked to the single one: minimum and maximum name the first and the last, the sum names those
that are missing between them.
"""
import datetime
import json
import os
import random
import signal
import subprocess
import sys
import time
import unittest

from rig import RigTest, wait_for
from test_bus import BusTest

ALL = '"min", "mean", "max", "sum", "count", "last"'
KILLS = int(os.environ.get("WEIR_KILLS", "10"))


def when(record):
    return datetime.datetime.fromisoformat(record["time"].replace("Z", "+00:00")).timestamp()


class WindowTest(BusTest):
    def window(self, meters, window, every="20ms", points=None):
        points = points or '{ name = "n"; register = 0; type = "uint16"; }'
        return self.bus(f'adapter = "modbus"; address = "127.0.0.1:{meters.port}"; devices = ( {{'
                        f' name = "d"; unit_id = 1; every = "{every}"; timeout = "500ms";'
                        f' window = {{ {window} }}; points = ( {points} ); }} );')

    def all_readings(self, at_least):
        return wait_for(lambda: len(self.tail.records(kind="reading")) >= at_least and
                        self.tail.records(kind="reading"), timeout=60, what=f"{at_least} windows")


class Sums(WindowTest):
    def test_every_read_is_in_one_window_whoever_is_killed(self):
        meters = self.rig.meters(units=1, regs=1, time_reg=-1)
        bus = self.window(meters, f'period = "1s"; functions = ( {ALL} );')
        self.all_readings(1)
        luck = random.Random(7)
        for _ in range(KILLS):
            time.sleep(luck.uniform(0.2, 0.7))
            bus.kill()
            bus.start()
        self.all_readings(len(self.tail.records(kind="reading")) + 2)
        self.assertEqual(bus.stop(), 0)             # says what is open, too
        reads = meters.report()["points"]
        counted = lambda: sum(r["values"]["n_count"] for r in self.tail.records(kind="reading"))
        wait_for(lambda: counted() >= reads - KILLS, what="the last window")
        before = total = 0
        for r in self.tail.records(kind="reading"):
            v = r["values"]
            self.assertGreater(v["n_min"], before)  # nothing twice
            before = v["n_max"]
            self.assertEqual(v["n_last"], v["n_max"])
            self.assertEqual(v["polls"], v["n_count"])
            self.assertAlmostEqual(v["n_mean"], v["n_sum"] / v["n_count"], places=9)
            total += v["n_sum"]
            missing = v["n_max"] - v["n_min"] + 1 - v["n_count"]
            whole = (v["n_min"] + v["n_max"]) * (v["n_max"] - v["n_min"] + 1) // 2
            self.assertGreaterEqual(missing, 0)
            self.assertLessEqual(v["n_sum"], whole - missing * v["n_min"])
            self.assertGreaterEqual(v["n_sum"], whole - missing * v["n_max"])
        lost = reads - counted()
        print(f"{KILLS} kills, {reads} reads, {lost} of them on the wire at a kill", file=sys.stderr)
        self.assertGreaterEqual(lost, 0)
        self.assertLessEqual(lost, KILLS)
        self.assertLessEqual(reads * (reads + 1) // 2 - total, lost * reads)
        self.assertGreaterEqual(before, reads - KILLS)

    def test_windows_cover_the_time_by_the_clock(self):
        meters = self.rig.meters(units=1, regs=1, time_reg=-1)
        bus = self.window(meters, 'period = "500ms"; functions = ( "count" );')
        self.all_readings(5)
        bus.kill()
        bus.start()
        self.all_readings(8)
        self.assertEqual(bus.stop(), 0)
        records = self.all_readings(8)
        for r in records[:-1]:
            self.assertAlmostEqual(when(r) % 0.5, 0, places=6)
        for one, other in zip(records, records[1:]):
            self.assertAlmostEqual(when(other) - when(one), other["values"]["period"], delta=0.002)


class Gateway(RigTest):
    """The whole gateway: reloads, removed devices, kills, and the proof at the far end."""

    def text(self, functions, more=""):
        return self.rig.config(
            buses=f'b = {{ adapter = "modbus"; address = "127.0.0.1:{self.meters.port}"; devices = ( {{ name = "d";'
                  f' unit_id = 1; every = "20ms"; timeout = "200ms"; window = {{ period = "1s";'
                  f' functions = ( {functions} ); }}; points = ( {{ name = "n"; register = 0; }} ); }} {more} ); }};',
            uplinks=f'city = {{ uplink = "mqtt"; url = "{self.broker.url}"; }};')

    def reload(self, text):
        with open(self.weir.conf, "w") as f:
            f.write(text)
        self.weir.signal(signal.SIGHUP)

    def start(self, **meters):
        self.broker = self.rig.broker()
        self.meters = self.rig.meters(units=2, regs=1, time_reg=-1, **meters)
        self.receive = self.rig.receive(self.broker, "--json", "--verify")

        def listens():
            self.broker.publish("weir/mark", '{"mark": "here"}')
            return "here" in self.receive.text()
        wait_for(listens, what="the receiver has subscribed")

    def records(self, **keys):
        found = [json.loads(line) for line in self.receive.text().splitlines() if line.startswith("{")]
        return [r for r in found if r.get("kind") == "reading" and all(r.get(k) == v for k, v in keys.items())]

    def counted(self, device):
        """Counts of all windows; their readings must follow each other."""
        total = before = 0
        for r in sorted(self.records(device=device), key=lambda r: (r["epoch"], r["seq"])):
            v = r["values"]
            if v["n_count"]:
                self.assertGreater(v["n_min"], before)
                before = v["n_max"]
                total += v["n_count"]
        return total

    def test_reload_removal_kills_and_the_end(self):
        self.start()
        e = ', { name = "e"; unit_id = 2; every = "20ms"; window = { period = "1h"; functions = ( "min", "max",' \
            ' "count" ); }; points = ( { name = "n"; register = 0; } ); }'
        self.weir = self.rig.weir(self.text('"min", "max", "count"', e))
        wait_for(lambda: self.records(device="d"), what="a window")
        self.weir.kill_role("bus b")
        wait_for(lambda: len(self.records(device="d")) >= 3, what="windows after a kill")
        self.reload(self.text('"min", "max", "count", "last"'))             # e goes, and its hour is over
        first = wait_for(lambda: self.records(device="e"), what="the open window of a removed device")
        self.assertEqual(len(first), 1)
        self.assertTrue(0.5 < first[0]["values"]["period"] < 60, first)
        reads = self.meters.report()["units"]["2"]["requests"]
        self.assertTrue(reads - 1 <= self.counted("e") <= reads, (reads, self.counted("e")))
        wait_for(lambda: [r for r in self.records(device="d") if "n_last" in r["values"]], what="the new shape")
        # Killed with all others, and started with another window: the old one is told all the same.
        self.weir.kill_all()
        self.weir.text = self.text('"min", "max", "count", "mean"')
        self.weir.start()
        wait_for(lambda: [r for r in self.records(device="d") if "n_mean" in r["values"]], what="the third shape")
        self.assertEqual(self.weir.stop(), 0)
        reads = self.meters.report()["units"]["1"]["requests"]
        self.receive.catch_up()
        self.assertTrue(reads - 4 <= self.counted("d") <= reads, (reads, self.counted("d")))
        self.assertEqual(self.receive.stop(), 0, self.receive.log_text())

    def test_nobody_answers(self):
        self.start(commands=["dead 1"])
        self.weir = self.rig.weir(self.text('"mean", "count"'))
        found = wait_for(lambda: len(self.records(device="d")) >= 3 and self.records(device="d"), what="windows")
        for r in found[1:]:
            self.assertEqual(r["values"]["n_mean"], None)
            self.assertEqual(r["values"]["n_count"], 0)
            self.assertEqual(r["errors"], {"n_mean": "timeout"})
        self.assertEqual(self.weir.stop(), 0)
        self.receive.catch_up()
        self.assertEqual(self.receive.stop(), 0, self.receive.log_text())


class Check(RigTest):
    """What `weir check` says of windows; it needs the adapter for the types."""

    def check(self, device, points, adapter='adapter = "modbus"; address = "127.0.0.1:1";'):
        conf = self.rig.path("check.conf")
        with open(conf, "w") as f:
            f.write(self.rig.config(f'b = {{ {adapter} devices = ( {{ name = "d"; {device} points = (\n'
                                    f'{points} ); }} ); }};'))
        os.chmod(conf, 0o600)
        r = subprocess.run([self.rig.program("weir"), "check", "-c", conf], text=True, capture_output=True)
        found = [line.split(":", 2)[2].strip() for line in (r.stdout + r.stderr).splitlines() if ": error: " in line]
        self.assertEqual(r.returncode, 1 if found else 0, r.stdout + r.stderr)
        return found

    def point(self, name, more=""):
        return f'{{ name = "{name}"; register = 0; {more} }}'

    def test_what_does_not_fit(self):
        minute = 'unit_id = 1; window = { period = "1m"; };'
        bit = 'type = "bool"; table = "coil";'
        cases = [
            (minute, self.point("a"), None),
            (minute, self.point("a", bit), None),
            (minute, self.point("a", bit + 'window = ( "last", "count" );'), None),
            (minute, self.point("a", bit + 'window = ( "mean" );'), "d.a: window: a bool has count and last only"),
            (minute, self.point("a", 'type = "text"; length = 4; window = ( "max" );'),
             "d.a: window: a text has count and last only"),
            (minute, self.point("n" * 59), None),
            (minute, self.point("n" * 60), "longer than 64 characters"),
            (minute, self.point("a") + ", " + self.point("a_mean", "window = ( );"),
             'two values "a_mean" in a record'),
            (minute, self.point("period", "window = ( );") + ", " + self.point("a"),
             'two values "period" in a record'),
            (minute, self.point("period"), None),
            (minute, ", ".join(self.point(f"p{i}") for i in range(341)), "1025 values in a record; it has at most 1024"),
            ("unit_id = 1;", self.point("a", 'window = ( "last" );'), "the device has no window"),
            ('unit_id = 1; every = "2m"; window = { period = "1m"; };', self.point("a"), "is shorter than every (2m)"),
        ]
        for device, points, said in cases:
            with self.subTest(said=said, points=points[:60]):
                found = self.check(device, points)
                self.assertEqual(len(found), 1 if said else 0, found)
                self.assertIn(said or "", "".join(found))

    def test_who_talks_by_himself_has_none(self):
        for adapter in ('adapter = "lora"; model = "reyax-rylr998"; port = "/dev/ttyS9";',
                        'adapter = "traffic"; model = "natch"; port = "/dev/ttyS9";'):
            found = self.check('window = { period = "1m"; };' + ("address = 1;" if "lora" in adapter else ""), "",
                               adapter)
            self.assertTrue(any("listens: what its devices say is not summed up" in f for f in found), found)


if __name__ == "__main__":
    unittest.main()
