#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""Uplinks against awkward brokers: filters, limits, refusals, logins, old protocol versions. The
judge is `weir receive --verify`."""
import json
import os
import time
import unittest

from rig import RigTest, counting_devices, wait_for


class Uplink(RigTest):
    def start(self, uplinks, every="50ms", units=2, regs=5, spool="", broker=None):
        self.meters = self.rig.meters(units=units, regs=regs, time_reg=-1)
        devices = counting_devices(range(1, units + 1), regs, every=every, extra='timeout = "500ms";')
        self.weir = self.rig.weir(self.rig.config(
            f'bus = {{ adapter = "modbus"; address = "127.0.0.1:{self.meters.port}"; devices = ({devices}); }};',
            uplinks, spool=spool))

    def uplink(self, url, name="up", more=""):
        return f'{name} = {{ uplink = "mqtt"; url = "{url}"; reconnect_delay_max = "1s"; {more} }};'

    def status(self, name="up"):
        status = wait_for(self.weir.status, what="status")
        return next(u for u in status["uplinks"] if u["name"] == name)

    def verdict(self, receive, expected=0):
        status = receive.stop()
        text = receive.text() + receive.log_text()
        self.assertEqual(status, expected, text[-2000:])
        return text

    def test_filters(self):
        """One device only, readings only: the others are in `before`, and it proves complete."""
        broker = self.rig.broker()
        receive = self.rig.receive(broker, "--verify", "--json")
        self.start(self.uplink(broker.url, more='devices = [ "d2" ]; kinds = [ "reading" ];'))
        wait_for(lambda: receive.text().count('"d2"') > 30, what="thirty readings of d2")
        self.assertNotIn('"device":"d1"', receive.text())
        self.assertIn('"why":"filter"', receive.text())
        self.assertEqual(self.weir.stop(), 0)
        self.verdict(receive)

    def test_two_uplinks_one_away(self):
        """One that is away does not hold the other, and gets everything when it is back."""
        here, away = self.rig.broker("here"), self.rig.broker("away")
        a = self.rig.receive(here, "--verify", "--json", name="a")
        b = self.rig.receive(away, "--verify", "--json", name="b")
        for receive in (a, b):
            wait_for(lambda: "subscribed" in receive.log_text(), what="subscribed")
        away.stop()
        self.start(self.uplink(here.url, "a") + self.uplink(away.url, "b"))
        wait_for(lambda: a.text().count('"reading"') > 100, what="readings at a")
        self.assertGreater(self.status("b")["backlog"], 50)
        away.start()
        wait_for(lambda: b.text().count('"reading"') > 100, what="readings at b")
        self.assertEqual(self.weir.stop(), 0)
        wait_for(lambda: a.text().count('"reading"') == b.text().count('"reading"'), what="the same")
        self.verdict(a)
        self.verdict(b)

    def test_limit(self):
        """RAM is full before the broker is back: the oldest go, and every gap is told."""
        broker = self.rig.broker()
        receive = self.rig.receive(broker, "--verify", "--json")
        wait_for(lambda: "subscribed" in receive.log_text(), what="subscribed")
        self.start(self.uplink(broker.url), every="0s", regs=100, spool='ram_limit = "4MiB";')
        wait_for(lambda: receive.text().count('"reading"') > 10, what="first readings")
        broker.stop()
        wait_for(lambda: self.weir.status()["buffer"]["removed_at_limit"] > 1000, timeout=60,
                 what="records removed at the limit")
        self.assertLess(self.weir.status()["buffer"]["ram_bytes"], 6 << 20)
        broker.start()
        wait_for(lambda: '"why":"limit"' in receive.text(), timeout=60, what="the gap is told")
        self.assertEqual(self.weir.stop(), 0)
        text = self.verdict(receive)
        self.assertIn("limit", text)

    def test_start_now(self):
        """A second uplink that starts now does not send what is older."""
        first, second = self.rig.broker("first"), self.rig.broker("second")
        a = self.rig.receive(first, "--verify", "--json", name="a")
        b = self.rig.receive(second, "--verify", "--json", name="b")
        self.start(self.uplink(first.url, "a"))
        wait_for(lambda: a.text().count('"reading"') > 50, what="readings")
        self.weir.text = self.weir.text.replace(
            "uplinks = {", "uplinks = { " + self.uplink(second.url, "b", 'start = "now";'))
        with open(self.weir.conf, "w") as f:
            f.write(self.weir.text)
        self.weir.signal(1)
        wait_for(lambda: b.text().count('"reading"') > 10, what="readings at b")
        self.assertIn('"why":"earlier"', b.text())
        self.assertEqual(self.weir.stop(), 0)
        self.verdict(a)
        self.verdict(b)

    def test_old_broker(self):
        """A broker that speaks 3.1.1 only: found out, used, and said in status."""
        broker = self.rig.broker()
        proxy = self.rig.proxy(broker, commands=["refuse v5"])
        receive = self.rig.receive(broker, "--verify", "--json")
        self.start(self.uplink(proxy.url))
        wait_for(lambda: receive.text().count('"reading"') > 20, what="readings")
        self.assertIn("3.1.1", self.status()["note"])
        self.assertEqual(self.weir.stop(), 0)
        self.verdict(receive)

    def test_refused_login(self):
        """A wrong password: no storm of attempts, the broker's words in status, degraded."""
        broker = self.rig.broker(password={"kerb": "right"})
        self.start(self.uplink(broker.url, more='username = "kerb"; password = "wrong";'))
        wait_for(lambda: "authori" in self.status()["words"].lower(), what="the broker's words")
        time.sleep(2)
        self.assertLess(broker.log_text().count("not authorised"), 8)
        wait_for(lambda: self.weir.run("status", "-c", self.weir.conf).stdout.startswith("degraded"),
                 timeout=30, what="degraded")
        self.weir.text = self.weir.text.replace("wrong", "right")
        with open(self.weir.conf, "w") as f:
            f.write(self.weir.text)
        self.weir.signal(1)
        wait_for(lambda: self.status()["connected"], what="connected after the reload")
        self.assertEqual(self.weir.stop(), 0)

    def test_refused_records(self):
        """An ACL that forbids one device (MQTT 5): set aside as refused, the rest goes on."""
        broker = self.rig.broker(extra="max_queued_messages 100000",
                                 acl="topic write weir/rig/state\ntopic write weir/rig/d2/#\n"
                                     "topic write weir/rig/rig/#\ntopic write weir/rig/d1/meta\n"
                                     "topic read weir/#\n")
        receive = self.rig.receive(broker, "--verify", "--json")
        self.start(self.uplink(broker.url), every="500ms")
        wait_for(lambda: receive.text().count('"d2"') > 8, timeout=60, what="readings of d2")
        self.assertNotIn('"device":"d1","kind":"reading"', receive.text())
        wait_for(lambda: self.status()["set_aside"] > 2, timeout=60, what="records set aside")
        status = self.status()
        self.assertIn("uthori", status["trouble"])
        self.assertIn('"why":"refused"', receive.text())
        self.assertEqual(self.weir.stop(), 0)
        self.verdict(receive)

    def test_flat_and_qos0(self):
        broker = self.rig.broker()
        flat = self.rig.subscriber(broker, "flat/#")
        self.start(self.uplink(broker.url, more='qos = 0; format = "json-flat"; topic = "flat/{device}/{kind}";'))
        wait_for(lambda: len(flat.records()) > 20, what="flat records")
        record = next(r for _, r in flat.records() if r.get("device") == "d1" and r.get("kind") == "reading")
        self.assertIn("u1r0", record)
        self.assertNotIn("values", record)

    def test_restart_in_order(self):
        """An orderly stop with the broker away, and a start: two epochs, chained by `after`."""
        broker = self.rig.broker()
        receive = self.rig.receive(broker, "--verify", "--json")
        self.start(self.uplink(broker.url))
        wait_for(lambda: receive.text().count('"reading"') > 20, what="readings")
        for _ in range(3):
            broker.stop()
            time.sleep(0.5)
            self.assertEqual(self.weir.stop(), 0)
            self.weir.start()
            broker.start()
            seen = receive.text().count('"reading"')
            wait_for(lambda: receive.text().count('"reading"') > seen + 20, what="more readings")
        self.assertEqual(self.weir.stop(), 0)
        self.assertIn('"clean":true', receive.text())
        read = self.meters.report()["points"] // 5
        wait_for(lambda: len({(r["bus"], r["epoch"], r["seq"]) for r in self.readings(receive)}) == read,
                 what="every reading once")
        self.verdict(receive)

    def readings(self, receive):
        rows = [json.loads(line) for line in receive.text().splitlines() if line.startswith("{")]
        return [r for r in rows if r.get("kind") == "reading"]


if __name__ == "__main__":
    unittest.main(verbosity=2)
