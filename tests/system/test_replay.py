#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""`weir replay`: every capture of a traffic counter and of a radio module, played to the whole gateway: the
records at the broker are what passed the counter, or what the module heard. And what is no capture, a link that is taken, Ctrl-C.
"""
import json
import os
import signal
import unittest

from rig import Process, RigTest, wait_for

CAPTURES = os.path.join(os.environ["WEIR_SOURCE"], "tests", "captures")


class Replay(RigTest):
    def play(self, *args, name="replay"):
        return Process(self.rig, name, [self.rig.program("weir"), "replay", *args]).start()

    def bus(self, name):
        with open(os.path.join(CAPTURES, self.kinds[name], name, "setup.json")) as f:
            setup = json.load(f)
        if self.kinds[name] == "lora":
            devices = setup["devices"].replace('name = "d', f'name = "{name}-')
            return (f'{name} = {{ adapter = "lora"; model = "{setup["model"]}"; '
                    f'port = "{self.rig.path(name)}"; {setup["bus"]} devices = ( {devices} ); }};')
        address = f'address = {setup["address"]}; ' if setup["address"] >= 0 else ""
        every = f'every = "{round(setup["every"] * 1000)}ms";' if setup["every"] < 10 else ""
        return (f'{name} = {{ adapter = "traffic"; model = "{setup.get("model") or setup["family"]}"; '
                f'port = "{self.rig.path(name)}"; set_clock = false; {setup.get("bus", "")} '
                f'devices = ( {{ name = "{name}"; {address} {setup.get("device", "")} '
                f'{every} timeout = "2s"; }} ); }};')

    def arrived(self, name, kind):
        found = {(r["epoch"] >> 32, r["seq"]): r["values"] for _, r in self.sub.records()
                 if r.get("bus") == name and r.get("kind") == kind}
        return [found[key] for key in sorted(found)]

    def test_captures(self):
        self.kinds = {name: kind for kind in ("lora", "traffic")
                      for name in sorted(os.listdir(os.path.join(CAPTURES, kind)))}
        names = os.environ.get("WEIR_CAPTURES", " ".join(self.kinds)).split()
        broker = self.rig.broker()
        self.sub = self.rig.subscriber(broker, "weir/#")
        weir = self.rig.weir(self.rig.config("\n".join(map(self.bus, names)),
                                             f'up = {{ uplink = "mqtt"; url = "{broker.url}"; }};'))
        wait_for(weir.status, what="weir runs")
        plays = {name: self.play(os.path.join(CAPTURES, self.kinds[name], name, "wire.txt"), self.rig.path(name), name=name)
                 for name in names}
        for name, play in plays.items():
            with self.subTest(capture=name):
                self.assertEqual(play.wait(90), 0, play.log_text())
                self.assertNotIn(" 0 bytes sent", play.log_text())
                with open(os.path.join(CAPTURES, self.kinds[name], name, "expect.jsonl")) as f:
                    expected = [json.loads(line) for line in f]
                kind = expected[0]["kind"]
                bus = next(b for b in weir.status()["buses"] if b["name"] == name)
                wait_for(lambda n=name, e=expected, k=kind: len(self.arrived(n, k)) >= len(e),
                         what=f"{name}: {len(expected)} records, {play.log_text()} {bus}")
                got = self.arrived(name, kind)
                for values, passed in zip(got, expected):
                    self.assertEqual({key: values.get(key) for key in passed["values"]},
                                     passed["values"], name)
        self.assertEqual(weir.stop(), 0)

    def test_wrong(self):
        """Each is told with file and line, and leaves no link behind."""
        link = self.rig.path("link")
        for text, words in (("0.1 << zz\n", ":1: must read as"), ("# a remark\n", "nothing to play"),
                            ("0.1 << 01\n0.2 01 02\n", ":2: must read as"), ("0.1 << \n", ":1: must")):
            path = self.rig.path("wire.txt")
            with open(path, "w") as f:
                f.write(text)
            play = self.play(path, link)
            self.assertEqual(play.wait(10), 3)
            self.assertIn(words, play.log_text())
            self.assertFalse(os.path.lexists(link))
        play = self.play(self.rig.path("nowhere"), link)
        self.assertEqual(play.wait(10), 3)
        self.assertIn("No such file", play.log_text())
        self.assertEqual(self.play("a").wait(10), 2)

    def test_interrupted(self):
        link, path = self.rig.path("link"), self.rig.path("wire.txt")
        with open(path, "w") as f:
            f.write("0.0 << 01\n100.0 << 02\n")
        play = self.play(path, link)
        wait_for(lambda: os.path.lexists(link), what="the link")
        taken = self.play(path, link, name="second")
        self.assertEqual(taken.wait(10), 3)
        self.assertIn("File exists", taken.log_text())
        self.assertTrue(os.path.lexists(link))
        with open(link, "rb", buffering=0) as terminal:
            self.assertEqual(terminal.read(1), b"\x01")
            play.signal(signal.SIGINT)
            self.assertEqual(play.wait(10), 1)
        self.assertFalse(os.path.lexists(link))


if __name__ == "__main__":
    unittest.main(verbosity=2)
