#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""A changed configuration: who did not change notices nothing; one that is not valid changes nothing.

A steady bus reads a meter that counts requests. Each reading carries the number of its poll and the records of
its bus a sequence number, so that a missed poll or a restart shows.
"""
import os
import signal
import unittest

from rig import RigTest, counting_devices, wait_for

PLUGINS = os.path.join(os.environ["WEIR_BIN"], "tests", "plugins")


class Reload(RigTest):
    def device(self, name, every="100ms"):
        return f'devices = ( {{ name = "{name}"; every = "{every}"; points = ( {{ name = "n"; }} ); }} );'

    def bus(self, name, more="", every="100ms"):
        return f'{name} = {{ adapter = "misbehave"; {more} {self.device("d-" + name, every)} }};\n'

    def start(self):
        self.broker = self.rig.broker()
        self.seen = self.rig.subscriber(self.broker, "weir/rig/#")
        self.uplinks = f'up = {{ uplink = "mqtt"; url = "{self.broker.url}"; }};'
        self.weir = self.rig.weir(self.rig.config(self.bus("steady") + self.bus("other"), self.uplinks),
                                  env={"WEIR_PLUGIN_PATH": PLUGINS})
        self.more("steady")
        self.more("other")

    def readings(self, bus):
        return [r for _, r in self.seen.records()
                if r.get("device") == "d-" + bus and r.get("kind") == "reading"]

    def more(self, bus, count=10):
        before = len(self.readings(bus))
        wait_for(lambda: len(self.readings(bus)) >= before + count, what=f"more of bus {bus}")

    def reload(self, buses):
        """Writes this configuration and sends SIGHUP. What it leads to shows when it has come about."""
        with open(self.weir.conf, "w") as f:
            f.write(self.rig.config(buses, self.uplinks))
        self.weir.signal(signal.SIGHUP)

    def another(self, bus, pid):
        """Waits until this bus runs as another process; its pid."""
        def look():
            found = self.weir.children().get(f"bus {bus}")
            return found if found != pid else None
        return wait_for(look, what=f"bus {bus} is another process")

    def gone(self, bus):
        wait_for(lambda: f"bus {bus}" not in self.weir.children(), what=f"bus {bus} ended")

    def check_steady(self, pid):
        """The same process has polled on, and no poll is missing."""
        self.assertEqual(self.weir.children()["bus steady"], pid)
        polls = [r["values"]["n"] for r in self.readings("steady")]
        self.assertEqual(polls, list(range(1, len(polls) + 1)))
        times = [r["time"] for r in self.readings("steady")]
        self.assertEqual(times, sorted(times))
        steady = next(b for b in self.weir.status()["buses"] if b["name"] == "steady")
        self.assertEqual(steady["restarts"], 0)

    def test_others_change(self):
        self.start()
        pids = self.weir.children()
        steady = self.bus("steady")
        self.reload(steady + self.bus("other", every="50ms"))                       # changed
        self.another("other", pids["bus other"])
        self.more("other")
        self.reload(self.bus("new") + steady + self.bus("other", every="50ms"))     # added
        self.more("new")
        new = self.weir.children()["bus new"]
        self.reload("\n\n# the same in other words\n" + steady + self.bus("new"))   # removed
        self.gone("other")
        self.assertEqual(self.weir.children()["bus new"], new)
        self.reload(steady + self.bus("new", more="enabled = false;"))              # switched off
        self.gone("new")
        self.more("steady")
        self.assertEqual(self.weir.children()["uplink up"], pids["uplink up"])
        self.check_steady(pids["bus steady"])
        self.assertEqual(self.weir.stop(), 0)

    def test_meter(self):
        """A bus with a connection keeps it, and no poll fails."""
        self.start_meter()
        meter = self.meters.report
        before, pids = meter()["points"], self.weir.children()
        for i in range(5):
            other = self.weir.children().get("bus other")
            self.reload(self.metered() + self.bus("other", every=f"{201 + i}ms"))
            self.another("other", other)
        wait_for(lambda: meter()["points"] > before + 20, what="polls go on")
        self.assertEqual(self.weir.children()["bus metered"], pids["bus metered"])
        bus = next(b for b in self.weir.status()["buses"] if b["name"] == "metered")
        device = next(d for d in bus["devices"] if d["name"] == "d1")
        self.assertEqual((device["missed"], device["suppressed"], device["errors"]), (0, 0, {}))
        self.assertEqual((bus["opens"], bus["lost"], bus["restarts"]), (1, 0, 0))
        self.assertEqual(self.weir.stop(), 0)

    def metered(self):
        return (f'metered = {{ adapter = "modbus"; address = "127.0.0.1:{self.meters.port}"; '
                f'devices = ({counting_devices([1], 2, every="100ms")}); }};\n')

    def start_meter(self):
        self.meters = self.rig.meters(units=1, regs=2, time_reg=-1)
        self.broker = self.rig.broker()
        self.uplinks = f'up = {{ uplink = "mqtt"; url = "{self.broker.url}"; }};'
        self.weir = self.rig.weir(self.rig.config(self.metered() + self.bus("other"), self.uplinks),
                                  env={"WEIR_PLUGIN_PATH": PLUGINS})
        wait_for(lambda: self.meters.report()["points"] > 20, what="ten polls")

    def test_not_valid(self):
        self.start()
        pids = self.weir.children()
        bad = [("not valid at all = {", "syntax error"),
               (self.bus("steady") + 'other = { adapter = "misbehave"; evry = "1s"; };\n', "evry: unknown setting"),
               (self.bus("steady") + self.bus("other", more="after = -1;"), "after: must lie between"),
               (self.bus("steady") + self.bus("other").replace("d-other", "d-steady"), 'device "d-steady" stands in'),
               (self.bus("other", every="never"), '"never" is no duration')]
        for text, words in bad:
            self.reload(text)
            line = wait_for(lambda: [line for line in self.weir.log_text().splitlines() if words in line],
                            what=words)
            self.assertEqual(len(line), 1, self.weir.log_text())
            self.assertRegex(line[0], r"weir\.conf:\d+: error: ")
        self.assertIn("is not valid: nothing is changed", self.weir.log_text())
        self.more("steady")
        self.more("other")
        self.assertEqual(self.weir.children(), pids)
        self.check_steady(pids["bus steady"])
        self.reload(self.bus("steady"))
        self.gone("other")
        self.check_steady(pids["bus steady"])

    def test_secret_changes(self):
        """A new password in its own file is a change of the uplink, and of nothing else."""
        self.broker = self.rig.broker(password={"kerb": "right"})
        secret = self.rig.path("secret")
        with open(secret, "w") as f:
            f.write("wrong\n")
        self.uplinks = (f'up = {{ uplink = "mqtt"; url = "{self.broker.url}"; username = "kerb"; '
                        f'password = "file:{secret}"; }};')
        self.weir = self.rig.weir(self.rig.config(self.bus("steady"), self.uplinks),
                                  env={"WEIR_PLUGIN_PATH": PLUGINS})
        wait_for(lambda: len(self.weir.children()) >= 2, what="both run")
        self.seen = self.rig.subscriber(self.broker, "weir/rig/#", extra=("-u", "kerb", "-P", "right"))
        pid = wait_for(lambda: self.weir.children().get("bus steady"), what="the bus runs")
        with open(secret, "w") as f:
            f.write("right\n")
        self.reload(self.bus("steady"))
        self.more("steady")
        self.assertEqual(self.weir.children()["bus steady"], pid)


if __name__ == "__main__":
    unittest.main(verbosity=2)
