#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""Working off a backlog: rate_limit as the wire sees it, byte counters, progress and ETA.

The judge of bytes is the proxy, which counts what the client sends. Times are used as upper bounds
only: a slow machine sends less in a second, never more."""
import json
import time
import unittest

from rig import RigTest, counting_devices, wait_for

LIMIT = 48 * 1024


class Draining(RigTest):
    def setUp(self):
        super().setUp()
        self.broker = self.rig.broker()
        self.proxy = self.rig.proxy(self.broker)
        self.meters = self.rig.meters(units=4, regs=5, time_reg=-1)

    def bus(self, name, units, every="50ms"):
        devices = counting_devices(units, 5, every=every, extra='timeout = "500ms";')
        return (f'{name} = {{ adapter = "modbus"; address = "127.0.0.1:{self.meters.port}"; '
                f"devices = ({devices}); }};")

    def start(self, buses, more=f"rate_limit = {LIMIT};"):
        self.weir = self.rig.weir(self.rig.config(
            buses, f'up = {{ uplink = "mqtt"; url = "{self.proxy.url}"; '
                   f'reconnect_delay_max = "1s"; {more} }};'))

    def uplink(self):
        return wait_for(self.weir.status, what="status")["uplinks"][0]

    def stream(self, bus):
        return next(s for s in self.uplink()["streams"] if s["bus"] == bus)

    def wire_bytes(self):
        """When, and how many bytes had come from the uplink; `when` is a time before and one after."""
        before = time.monotonic()
        count = self.proxy.report()["up"]["bytes"]
        return before, count, time.monotonic()

    def assert_paced(self, start, end):
        """No more than 1.2 times the limit, and the second's worth that a burst may have."""
        seconds = end[2] - start[0]
        self.assertLessEqual(end[1] - start[1], 1.2 * LIMIT * seconds + LIMIT,
                             f"in {seconds:.1f} s")

    def test_limit_and_eta(self):
        """A backlog goes out at the limit; the ETA falls; nothing is missing at the end."""
        receive = self.rig.receive(self.broker, "--verify", "--json")
        wait_for(lambda: "subscribed" in receive.log_text(), what="subscribed")
        self.proxy.command("down")
        self.start(self.bus("bus", range(1, 5)))
        wait_for(lambda: self.uplink()["backlog"] > 1200, timeout=90, what="a backlog")
        self.assertIsNone(self.uplink()["eta_ms"])
        self.assertEqual(self.uplink()["bytes"], 0)
        self.proxy.command("up")
        wait_for(lambda: self.uplink()["connected"], what="connected")
        start = self.wire_bytes()
        first = wait_for(lambda: self.uplink()["eta_ms"] and self.uplink(), what="an ETA")
        self.assertGreater(first["backlog_peak"], 1200)
        wait_for(lambda: self.wire_bytes()[1] - start[1] > 4 * LIMIT, what="four seconds' worth")
        self.assert_paced(start, self.wire_bytes())
        later = wait_for(lambda: self.half_done(first), timeout=90, what="half of it is gone")
        self.assertLess(later["eta_ms"], first["eta_ms"])
        self.assertGreater(later["drained_percent"], first["drained_percent"])
        text = self.weir.run("status", "-c", self.weir.conf).stdout
        self.assertRegex(text, r"backlog \d+ records, \d+ messages in flight, \d+ % of \d+ drained, ETA ")
        wait_for(lambda: self.caught_up(), timeout=120, what="it has drained")
        self.assert_paced(start, self.wire_bytes())
        self.assertEqual(self.weir.stop(), 0)
        self.assertEqual(receive.stop(), 0, receive.text()[-500:] + receive.log_text()[-1500:])

    def half_done(self, first):
        """The status once half of the backlog is gone, if it has an ETA then."""
        now = self.uplink()
        return now["backlog"] < first["backlog"] / 2 and now["eta_ms"] and now

    def caught_up(self):
        now = self.uplink()
        return now["backlog"] < 40 and now["eta_ms"] is None and now["drained_percent"] is None

    def test_counters(self):
        """What the counters say is what went over the wire; they survive process and gateway."""
        day = time.gmtime()[:3]
        self.start(self.bus("bus", range(1, 3)), more="")
        wait_for(lambda: self.uplink()["records"] > 200, what="records")
        counted = self.uplink()["bytes"]
        wire = self.wire_bytes()[1]
        self.assertGreater(wire, counted * 0.95)
        counted = self.uplink()["bytes"]
        self.assertLess(wire, counted * 1.05 + 1000)
        self.weir.kill_role("uplink up")
        before = wait_for(lambda: self.grown(counted), what="more bytes after a kill")
        self.assertEqual(self.weir.stop(), 0)
        self.weir.start()
        after = wait_for(lambda: self.grown(before["bytes"]), what="more bytes after a restart")
        if time.gmtime()[:3] == day:
            self.assertGreater(after["bytes_today"], before["bytes_today"])
            self.assertLess(abs(after["bytes_today"] - after["bytes"]), after["bytes"] * 0.05)
        self.assertGreaterEqual(after["bytes_month"], after["bytes_today"])
        text = self.weir.run("status", "-c", self.weir.conf).stdout
        self.assertRegex(text, r"(KiB|bytes) today, \S+ (KiB|bytes) this month\n")

    def grown(self, than):
        now = self.uplink()
        return now["connected"] and now["bytes"] > than and now

    def test_fair(self):
        """While one bus has a backlog that the limit makes long, another gets its share."""
        self.proxy.command("down")
        self.start(self.bus("first", range(1, 4)) + self.bus("second", [4], every="1s"),
                   more="rate_limit = 8192;")
        wait_for(lambda: self.uplink()["backlog"] > 600, timeout=90, what="a backlog")
        self.proxy.command("up")
        wait_for(lambda: self.stream("second")["confirmed"] > 0, what="the second is heard")
        wait_for(lambda: self.stream("second")["backlog"] <= 5, timeout=60,
                 what="the second keeps up")
        self.assertGreater(self.stream("first")["backlog"], 300)

    def test_live_first(self):
        """The recipe of docs/draining.md: new values come at once, while the backlog goes out slowly."""
        live = self.rig.receive(self.broker, "--verify", "--json", topics=("live/#",), name="live")
        whole = self.rig.receive(self.broker, "--verify", "--json", name="whole")
        for receive in (live, whole):
            wait_for(lambda: "subscribed" in receive.log_text(), what="subscribed")
        self.weir = self.rig.weir(self.rig.config(self.bus("bus", range(1, 5)), f"""
            up = {{ uplink = "mqtt"; url = "{self.proxy.url}"; reconnect_delay_max = "1s";
                    rate_limit = {LIMIT}; }};
            live = {{ uplink = "mqtt"; url = "{self.proxy.url}"; reconnect_delay_max = "1s";
                     topic = "live/{{gateway}}/{{device}}/{{kind}}"; start = "now";
                     skip_older = "3s"; }};"""))
        wait_for(lambda: live.text().count('"reading"') > 20, what="the first values")
        self.proxy.command("down")
        wait_for(lambda: self.uplink()["backlog"] > 1000, timeout=90, what="a backlog")
        newest = self.stream("bus")["newest"]
        self.proxy.command("up")
        wait_for(lambda: self.newest(live) > newest, what="a new value on the live topic")
        self.assertLess(self.newest(whole), newest)
        self.assertIn('"why":"filter"', live.text())
        wait_for(lambda: self.newest(whole) > newest and self.uplink()["backlog"] < 40, timeout=120,
                 what="the backlog has drained")
        self.assertEqual(self.weir.stop(), 0)
        for receive in (live, whole):
            self.assertEqual(receive.stop(), 0, receive.text()[-500:] + receive.log_text()[-1500:])

    def newest(self, receive):
        rows = (json.loads(line) for line in receive.text().splitlines() if line.startswith('{"'))
        return max((r["seq"] for r in rows if r.get("bus") == "bus"), default=0)

    def test_stop(self):
        """A limit that will never be enough does not hold up status, reload and stop."""
        self.start(self.bus("bus", range(1, 5)), more='rate_limit = "1KiB";')
        wait_for(lambda: self.uplink()["backlog"] > 300, timeout=90, what="a backlog")
        up = self.uplink()
        self.assertIsNone(up["eta_ms"])         # it grows: nobody can tell
        wait_for(lambda: self.uplink()["accepted"] > up["accepted"], what="answers are taken")
        self.assertIn(", at most 1024 bytes a second\n",
                      self.weir.run("status", "-c", self.weir.conf).stdout)
        self.weir.text = self.weir.text.replace('"1KiB"', '"1MiB"')
        with open(self.weir.conf, "w") as f:
            f.write(self.weir.text)
        self.weir.signal(1)
        wait_for(lambda: self.uplink()["rate_limit"] == 1 << 20, what="the reload")
        wait_for(lambda: self.uplink()["backlog"] < 40, timeout=60, what="it has drained")
        self.weir.text = self.weir.text.replace('"1MiB"', '"1KiB"')
        with open(self.weir.conf, "w") as f:
            f.write(self.weir.text)
        self.weir.signal(1)
        wait_for(lambda: self.uplink()["backlog"] > 100, what="a backlog again")
        self.assertEqual(self.weir.stop(), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
