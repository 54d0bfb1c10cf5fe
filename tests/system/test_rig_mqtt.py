#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""mqtt-sink counts exactly, the proxy does its mischief, and the module leaves nothing behind."""
import json
import os
import random
import subprocess
import time
import unittest

from rig import Process, Rig, RigTest, port_open, wait_for


class Sink(RigTest):
    def points(self, *values, unit=1):
        return json.dumps([{"device": "d", "values": {f"u{unit}r{r}": v}} for r, v in values])

    def test_counts_forged_losses_and_repeats(self):
        broker = self.rig.broker()
        sink = self.rig.sink(broker, time_reg=-1)
        broker.publish("weir/g/d/reading", self.points(*[(1, v) for v in (1, 2, 3, 6, 6, 5, 9)]))
        broker.publish("weir/g/d/reading", '{"values":{"u2r1":null,"u2r2":70},'
                                           '"errors":{"u2r1":"timeout"}}')
        broker.publish("other/u3r9", "171.5:42")
        report = wait_for(lambda: sink.report()["msgs"] == 3 and sink.report())
        self.assertEqual((report["points"], report["unique"], report["dups"]), (9, 8, 1))
        self.assertEqual(report["missing_inside"], 3)           # 4, 7 and 8
        self.assertEqual(report["out_of_order"], 1)
        self.assertEqual((report["ids"], report["ids_from_first_read"]), (3, 1))

    def test_agrees_with_a_set_on_random_streams(self):
        broker = self.rig.broker()
        sink = self.rig.sink(broker, time_reg=-1)
        dice = random.Random(5)
        first, seen, repeats, messages = 65000, set(), 0, 0
        stream = [n for n in range(first, first + 3000) if dice.random() > 0.2 or n == first]
        stream += dice.sample(stream, 300)
        stream.sort(key=lambda n: n + dice.random() * 200)
        for at in range(0, len(stream), 500):
            part = stream[at:at + 500]
            broker.publish("weir/g/d/reading", self.points(*[(4, n % 65536) for n in part]))
            repeats += len(part) - len(set(part) - seen)
            seen |= set(part)
            messages += 1
        report = wait_for(lambda: sink.report()["msgs"] == messages and sink.report())
        self.assertEqual(report["unique"], len(seen))
        self.assertEqual(report["dups"], repeats)
        self.assertEqual(report["missing_inside"], max(seen) - min(seen) + 1 - len(seen))

    def test_survives_the_broker(self):
        broker = self.rig.broker()
        sink = self.rig.sink(broker, time_reg=0, csv=self.rig.path("sink.csv"))
        broker.restart()
        wait_for(lambda: sink.report()["connects"] == 2)
        now = int(time.time() * 1000) % 65536
        broker.publish("x", self.points((0, (now - 500) % 65536), (1, 1)))
        wait_for(lambda: sink.report()["msgs"] == 1)
        self.assertGreaterEqual(sink.report()["latency_ms"]["p99"], 500)
        broker.publish("x", self.points((1, 2)), retain=True)
        wait_for(lambda: sink.report()["msgs"] == 2)
        broker.restart()
        wait_for(lambda: sink.report()["retained"] == 1)        # the broker's doing
        self.assertEqual(sink.stop()["dups"], 0)


class Proxy(RigTest):
    def setUp(self):
        super().setUp()
        self.broker = self.rig.broker()
        self.proxy = self.rig.proxy(self.broker)

    def publish(self, value, version="5"):
        return subprocess.run(
            ["mosquitto_pub", "-h", "127.0.0.1", "-p", str(self.proxy.port), "-q", "1",
             "-V", version, "-t", "t", "-m", json.dumps({"u1r1": value})],
            capture_output=True, text=True, timeout=30)

    def test_takes_one_out_and_nobody_is_told(self):
        sink = self.rig.sink(self.broker, time_reg=-1)
        self.proxy.command("take up 3")
        for n in range(1, 7):
            self.assertEqual(self.publish(n).returncode, 0)
        report = wait_for(lambda: sink.report()["msgs"] == 5 and sink.report())
        self.assertEqual(report["missing_inside"], 1)
        counts = self.proxy.report()
        self.assertEqual((counts["up"]["publish"], counts["down"]["puback"]), (6, 5))
        self.assertEqual(counts["taken"], 1)

    def test_takes_one_out_on_the_way_down(self):
        sink = self.rig.sink(self.proxy, time_reg=-1)
        self.proxy.command("take down 2")
        for n in range(1, 5):
            self.broker.publish("t", json.dumps({"u1r1": n}))
        report = wait_for(lambda: sink.report()["msgs"] == 3 and sink.report())
        self.assertEqual(report["missing_inside"], 1)

    def test_rejects_with_a_reason(self):
        self.proxy.command("reject 1 0x97")
        self.assertIn("Quota exceeded", self.publish(1).stderr)
        self.assertEqual(self.publish(2).stderr, "")

    def test_delays_acknowledgements(self):
        self.proxy.command("delay 400")
        start = time.monotonic()
        self.assertEqual(self.publish(1).returncode, 0)
        self.assertGreaterEqual(time.monotonic() - start, 0.4)

    def test_a_broker_that_only_knows_311(self):
        self.proxy.command("refuse v5")
        self.assertIn("Unsupported Protocol Version", self.publish(1).stderr)
        self.assertEqual(self.publish(1, "311").returncode, 0)
        self.assertEqual(self.proxy.report()["versions"], {"5": 1, "4": 1})
        self.proxy.command("refuse old")
        self.assertNotEqual(self.publish(1).returncode, 0)

    def test_cuts(self):
        sink = self.rig.sink(self.proxy, time_reg=-1)
        self.proxy.command("cut")
        wait_for(lambda: sink.report()["connects"] == 2)
        self.proxy.command("cut-every 2")
        self.assertEqual(self.publish(1).returncode, 0)
        self.assertNotEqual(self.publish(2).returncode, 0)
        self.proxy.command("cut-every 0")
        self.proxy.command("down")
        self.assertFalse(port_open(self.proxy.port))
        self.proxy.command("up")
        self.assertEqual(self.publish(3).returncode, 0)

    def test_stalls_with_the_connection_open(self):
        sink = self.rig.sink(self.proxy, time_reg=-1)
        self.proxy.command("stall on")
        self.broker.publish("t", json.dumps({"u1r1": 1}))
        time.sleep(0.3)
        self.assertEqual(sink.report()["msgs"], 0)
        self.proxy.command("stall off")
        wait_for(lambda: sink.report()["msgs"] == 1)
        self.assertEqual(sink.report()["connects"], 1)


class TheModule(RigTest):
    def test_limits(self):
        meters, broker = self.rig.meters(), self.rig.broker()
        for args in (("modbus", meters.port, 100, 1), ("mqtt", broker.port, 1, 20, 100, 1)):
            out = subprocess.run([self.rig.program("limits"), *map(str, args)], check=True,
                                 capture_output=True, text=True, timeout=60).stdout
            result = json.loads(out)
            self.assertGreater(result.get("points_per_s") or result["messages_per_s"], 100)

    def test_brokers_with_passwords_and_rules(self):
        broker = self.rig.broker(password={"gate": "secret", "eve": "x"},
                                 acl="user gate\ntopic readwrite #\n")
        gate = ("-u", "gate", "-P", "secret")
        subscriber = self.rig.subscriber(broker, "#", extra=gate)
        with self.assertRaises(subprocess.CalledProcessError):
            broker.publish("a", "1")
        broker.publish("a", "eve", user=("eve", "x"))       # 3.1.1: acknowledged, and forbidden
        broker.publish("a", '[{"n":1},{"n":2}]', user=("gate", "secret"))
        wait_for(lambda: subscriber.records() == [("a", {"n": 1}), ("a", {"n": 2})])
        self.assertEqual(len(subscriber.messages()), 1)

    def test_nothing_is_left_behind(self):
        try:
            with Rig() as rig:
                broker, meters = rig.broker(), rig.meters()
                directory, memory = rig.dir, rig.ram
                rig.show_logs = lambda: None        # a planned failure needs no explanation
                raise KeyError("a test fails")
        except KeyError:
            pass
        for process in (broker, meters):
            self.assertFalse(os.path.exists(f"/proc/{process.pid}"))
        self.assertFalse(os.path.exists(directory) or os.path.exists(memory))


    def test_a_sanitizer_complaint_is_a_failure(self):
        rig = Rig().__enter__()
        process = Process(rig, "faulty", ["sh", "-c", "echo x.c:1: runtime error: shift >&2"])
        process.start().wait()
        with self.assertRaisesRegex(RuntimeError, "faulty"):
            rig.close()


if __name__ == "__main__":
    unittest.main(verbosity=2)
