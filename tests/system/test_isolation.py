#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""A bus whose plugin crashes, hangs, eats memory, closes its descriptors or writes garbage to its
link costs itself only: the other bus keeps its interval, and `weir status` says which, why and
how often.

With WEIR_LONG=1 in the environment: 20 crashes, and 30 s of each.
"""
import os
import sys
import time
import unittest

from fuse_silent import SilentFs
from rig import RigTest, counting_devices, wait_for

LONG = "WEIR_LONG" in os.environ
SECONDS = 30 if LONG else 6
CRASHES = 20 if LONG else 3
ALLOWED_MS = 200 if os.environ.get("WEIR_LONG") else 3000     # timing is measured by ./dev prove


class Isolation(RigTest):
    def start(self, bad):
        self.broker = self.rig.broker()
        self.meters = self.rig.meters(units=1, regs=4, time_reg=-1)
        devices = counting_devices([1], 4, every="1s", extra='timeout = "500ms";')
        good = f'good = {{ adapter = "modbus"; address = "127.0.0.1:{self.meters.port}"; devices = ({devices}); }};'
        self.weir = self.rig.weir(self.rig.config(
            good + bad, f'up = {{ uplink = "mqtt"; url = "{self.broker.url}"; }};'),
            env={**os.environ, "WEIR_PLUGIN_PATH": f"{self.rig.bin}/tests/plugins"})
        self.weir.may_crash = True
        wait_for(lambda: self.meters.report()["requests"] >= 2, what="the good bus polls")

    def bad(self, mode, after=3, more=""):
        return (f'bad = {{ adapter = "misbehave"; mode = "{mode}"; after = {after}; {more} devices = '
                '( { name = "x"; every = "100ms"; timeout = "200ms"; points = ( { name = "n"; } ); } ); };')

    def worst_ms(self, seconds):
        self.meters.command("reset")
        time.sleep(seconds)
        return self.meters.report()["units"]["1"]["interval_ms"][2]

    def child(self):
        status = self.weir.status() or {}
        return next((b for b in status.get("buses", []) if b["name"] == "bad"), {})

    def expect(self, mode, why, restarts=1, **more):
        """Runs it and returns when status says so; the good bus must not have noticed."""
        self.start(self.bad(mode, **more))
        began = time.monotonic()
        wait_for(lambda: self.child().get("restarts", 0) >= restarts, timeout=900,
                 what=f"{restarts} restarts")
        if time.monotonic() - began < SECONDS:
            time.sleep(SECONDS - (time.monotonic() - began))
        report = self.meters.report()["units"]["1"]["interval_ms"]
        child = self.child()
        self.assertIn(why, child["last_end"])
        text = self.weir.run("status", "-c", self.weir.conf)
        self.assertEqual(text.returncode, 1)
        self.assertIn("degraded", text.stdout.splitlines()[0])
        self.assertIn(why, text.stdout)
        print(f"  {mode}: {child['restarts']} restarts ({child['last_end']}), worst interval of the "
              f"other bus {report[2]:.1f} ms")
        self.assertLessEqual(report[2], 1000 + ALLOWED_MS)
        self.assertEqual(self.weir.stop(), 0)

    def sanitized(self):
        """Under AddressSanitizer there is no limit of memory; the plugin gives up by itself."""
        with open(f"{self.rig.bin}/weir", "rb") as f:
            return b"__asan_init" in f.read()

    def test_alone(self):
        self.start("")
        worst = self.worst_ms(SECONDS)
        print(f"  without the bad bus: worst interval {worst:.1f} ms")
        self.assertLessEqual(worst, 1000 + ALLOWED_MS)

    def test_crash(self):
        # A plugin that runs for ten seconds before it crashes is started again at once each time.
        self.expect("crash", "signal 11", restarts=CRASHES, after=105 if LONG else 3)

    def test_loop(self):
        self.expect("loop", "hung in")

    def test_allocate(self):
        self.expect("allocate", "ended" if self.sanitized() else "signal")

    def test_close_fds(self):
        self.expect("close_fds", "closed its link")

    def test_garbage(self):
        self.expect("garbage", "garbage")

    @unittest.skipUnless(os.geteuid() == 0 and os.path.exists("/dev/fuse"),
                         "a file system that never answers needs root")
    def test_stuck_in_the_kernel(self):
        with SilentFs(self.rig.path("silent")):
            self.start(self.bad("read", more=f'path = "{self.rig.path("silent")}/x";'))
            wait_for(lambda: self.child().get("process") == "stuck", timeout=60, what="stuck")
            worst = self.worst_ms(SECONDS)
            self.assertLessEqual(worst, 1000 + ALLOWED_MS)
            text = self.weir.run("status", "-c", self.weir.conf).stdout
            self.assertIn("stuck", text)
            began = time.monotonic()
            self.assertEqual(self.weir.stop(), 0)
            self.assertLess(time.monotonic() - began, 20)
            print(f"  read: stuck, worst interval of the other bus {worst:.1f} ms")


if __name__ == "__main__":
    unittest.main(verbosity=2)
