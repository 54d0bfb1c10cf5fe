#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""The spool on flash: what survives a power cut, limits, several uplinks, copies of a card.

A power cut is: every process killed, the folder in RAM removed. What the page cache holds stays
here; the campaigns under tests/crash/ take that away too. `weir receive --verify` judges.
"""
import collections
import json
import os
import shutil
import subprocess
import unittest

from rig import RigTest, counting_devices, wait_for

REGS = 10


class Store(RigTest):
    spool = 'persist_after = "300ms"; '

    def setUp(self):
        super().setUp()
        self.meters = self.rig.meters(units=4, regs=125, time_reg=-1)

    def text(self, *uplinks, every="50ms", units=(1,), regs=REGS, name="weir", spool=""):
        devices = counting_devices(units, regs, every=every)
        return self.rig.config(
            f'bus = {{ adapter = "modbus"; address = "127.0.0.1:{self.meters.port}"; '
            f'devices = ({devices}); }};', " ".join(uplinks), spool=self.spool + spool, name=name)

    def uplink(self, url, name="up", more=""):
        return f'{name} = {{ uplink = "mqtt"; url = "{url}"; reconnect_delay_max = "500ms"; {more} }};'

    def ram(self, name="weir"):
        return f"{self.rig.ram}/{name}"

    def flash(self, name="weir"):
        return f"{self.rig.dir}/{name}-flash"

    def power_cut(self, weir, name="weir"):
        weir.kill_all()
        shutil.rmtree(self.ram(name))
        os.makedirs(self.ram(name))

    def stored(self, weir, bus="bus"):
        """How far the account in tmpfs says that the bus is on flash; by `weir spool` it is."""
        status = weir.status()
        return status and status["buffer"]["flash"]

    def receiver(self, broker, *args, name="receive"):
        """A receiver whose session the broker knows, so that it may go away and come back."""
        receive = self.rig.receive(broker, "--verify", "--json", *args, name=name)
        wait_for(lambda: "subscribed at" in receive.log_text(), what="subscribed")
        return receive

    def persisted(self, weir, records):
        """Waits until this many more records were read, and what was read then is on flash."""
        points = self.meters.report()["points"]
        wait_for(lambda: self.meters.report()["points"] >= points + records * REGS, what="polls")
        groups = self.stored(weir)["groups"]
        wait_for(lambda: self.stored(weir)["groups"] >= groups + 2, what="two more groups")
        return self.meters.report()["points"] - points

    def verdict(self, receive, expect=0):
        status = receive.stop()
        self.assertEqual(status, expect, receive.text()[-3000:] + receive.log_text())
        return receive.text()

    def test_power_cuts_with_the_broker_away(self):
        broker = self.rig.broker()
        receive = self.receiver(broker)
        sink = self.rig.sink(broker, "weir/#", time_reg=-1)
        proxy = self.rig.proxy(broker)
        proxy.command("down")
        weir = self.rig.weir(self.text(self.uplink(proxy.url)))
        kept = 0
        for _ in range(3):
            wait_for(lambda: self.stored(weir), what="status")
            before = self.meters.report()["points"]
            self.persisted(weir, 20)
            kept += 20 * REGS
            self.power_cut(weir)
            self.assertGreaterEqual(self.meters.report()["points"], before + 20 * REGS)
            weir.start()
        proxy.command("up")
        wait_for(lambda: sink.report()["unique"] >= kept, what="all that was on flash")
        wait_for(lambda: self.stored(weir) and not self.stored(weir)["backlog"], what="drained")
        self.assertEqual(weir.stop(), 0)
        self.assertEqual(sink.report()["out_of_order"], 0)
        text = self.verdict(receive)
        self.assertEqual(text.count('"clean":false'), 3 * 2 + 0, "unclean ends of two buses")

    def test_clean_stop_ends_epochs_clean(self):
        broker = self.rig.broker()
        receive = self.receiver(broker)
        proxy = self.rig.proxy(broker)
        proxy.command("down")
        weir = self.rig.weir(self.text(self.uplink(proxy.url)))
        self.persisted(wait_for(lambda: self.stored(weir) and weir, what="up"), 10)
        self.assertEqual(weir.stop(), 0)
        shutil.rmtree(self.ram())
        proxy.command("up")
        weir.start()
        wait_for(lambda: receive.text().count('"after":[{') >= 2, what="after of both buses")
        self.assertEqual(weir.stop(), 0)
        text = self.verdict(receive)
        self.assertNotIn('"clean":false', text)
        self.assertIn('"clean":true', text)

    def test_a_bus_that_left_the_configuration(self):
        """After a boot nothing but flash knows it; it is delivered under its old name."""
        broker = self.rig.broker()
        receive = self.receiver(broker)
        proxy = self.rig.proxy(broker)
        proxy.command("down")
        weir = self.rig.weir(self.text(self.uplink(proxy.url)))
        self.persisted(wait_for(lambda: self.stored(weir) and weir, what="up"), 10)
        self.power_cut(weir)
        weir.text = weir.text.replace("buses = { bus = {", "buses = { bus = { enabled = false; ")
        weir.start()
        proxy.command("up")
        wait_for(lambda: receive.text().count('"bus":"bus"') >= 10, what="what the bus left behind")
        self.assertEqual(weir.stop(), 0)
        self.verdict(receive)

    def test_broker_killed_with_what_it_had_acknowledged(self):
        """What a broker acknowledged and had not handed on dies with it; receive names just that."""
        broker = self.rig.broker(extra="autosave_interval 1800")
        report = self.rig.path("report.json")
        receive = self.receiver(broker, "--report", report)
        proxy = self.rig.proxy(broker)
        weir = self.rig.weir(self.text(self.uplink(proxy.url)))
        wait_for(lambda: receive.text().count('"reading"') > 20, what="readings")
        receive.stop()
        seen = [json.loads(line) for line in receive.text().splitlines() if line.startswith("{")]
        last = max(r["seq"] for r in seen if r.get("bus") == "bus")
        confirmed = self.confirmed(weir)
        wait_for(lambda: self.confirmed(weir) > confirmed + 20, what="twenty more acknowledged")
        proxy.command("down")
        proxy.command("cut")
        wait_for(lambda: not weir.status()["uplinks"][0]["connected"], what="not connected")
        acknowledged = self.confirmed(weir)
        broker.kill()
        broker.start()
        again = self.rig.receive(broker, "--verify", "--json", "--report", report, name="again")
        wait_for(lambda: "subscribed at" in again.log_text(), what="subscribed")
        proxy.command("up")
        wait_for(lambda: again.text().count('"reading"') > 20, what="readings")
        self.assertEqual(weir.stop(), 0)
        again.stop()
        verdict = again.text() + again.log_text()
        self.assertRegex(verdict, rf"\b{last + 1}\.\.{acknowledged}\b", verdict[-2000:])

    def confirmed(self, weir):
        streams = weir.status()["uplinks"][0]["streams"]
        return next(s["confirmed"] for s in streams if s["bus"] == "bus")

    def test_link_up_writes_nothing(self):
        broker = self.rig.broker()
        weir = self.rig.weir(self.text(self.uplink(broker.url), spool='checkpoint = "0"; ',
                                       every="20ms"))
        self.spool_quiet(weir)
        groups, polls = self.stored(weir)["groups"], self.meters.report()["points"]
        wait_for(lambda: self.meters.report()["points"] > polls + 300 * REGS, timeout=60, what="polls")
        self.assertEqual(self.stored(weir)["groups"], groups)

    def spool_quiet(self, weir):
        """The groups of the start are over: two looks, polls between them, find the same count."""
        seen = []

        def quiet():
            status = weir.status()
            up = status and status["uplinks"] and status["uplinks"][0]["connected"]
            seen.append((status["buffer"]["flash"]["groups"] if up else -1,
                         self.meters.report()["points"]))
            return len(seen) > 2 and seen[-1][0] == seen[0][0] or seen.clear() if \
                seen[-1][1] > seen[0][1] + 60 * REGS else False
        wait_for(quiet, timeout=60, what="nothing is written")

    def test_on_flash_before_it_is_sent(self):
        broker = self.rig.broker()
        receive = self.receiver(broker)
        self.spool = 'persist_after = "0"; '
        weir = self.rig.weir(self.text(self.uplink(broker.url), every="100ms"))
        for _ in range(3):
            arrived = receive.text().count('"reading"')
            wait_for(lambda: receive.text().count('"reading"') > arrived + 5, what="readings")
            self.power_cut(weir)
            weir.start()
        arrived = receive.text().count('"reading"')
        wait_for(lambda: receive.text().count('"reading"') > arrived + 5, what="readings")
        self.assertEqual(weir.stop(), 0)
        text = self.verdict(receive)
        seen = {(r["bus"], r["epoch"]): r["seq"] for r in map(json.loads, filter(
            lambda line: line.startswith("{"), text.splitlines())) if "seq" in r}
        ends = [(r["bus"], e) for r in map(json.loads, filter(
            lambda line: line.startswith("{"), text.splitlines())) for e in r.get("after", ())]
        for bus, end in ends:       # nothing had been sent that flash did not know
            self.assertLessEqual(seen.get((bus, end["epoch"]), 0), end["last"])

    def test_starts_from_an_emptied_ram(self):
        """20 boots, then 3 on a rolled-back card, then two gateways from one copy: no identity twice."""
        broker = self.rig.broker()
        subscriber = self.rig.subscriber(broker, "weir/#")
        text = self.text(self.uplink(broker.url), every="20ms")
        weir = self.rig.weir(text)
        copy = self.rig.path("copy")
        for boot in range(20):
            seen = len(subscriber.records())
            wait_for(lambda: len(subscriber.records()) > seen + 3, what="records")
            self.power_cut(weir)
            if boot == 10:
                shutil.copytree(self.flash(), copy)
            weir.start()
        for _ in range(3):
            seen = len(subscriber.records())
            wait_for(lambda: len(subscriber.records()) > seen + 3, what="records")
            self.power_cut(weir)
            shutil.rmtree(self.flash())
            shutil.copytree(copy, self.flash())
            weir.start()
        twin = self.text(self.uplink(broker.url, more='client_id = "twin";'), name="twin")
        shutil.rmtree(self.flash("twin"))
        shutil.copytree(copy, self.flash("twin"))
        self.rig.weir(twin, name="twin")
        seen = len(subscriber.records())
        wait_for(lambda: len(subscriber.records()) > seen + 40, what="records of both")
        self.one_content_each(subscriber)

    def one_content_each(self, subscriber, at_least=60):
        contents = collections.defaultdict(set)
        for _, record in subscriber.records():
            if isinstance(record, dict) and "seq" in record:
                key = (record["gateway"], record["bus"], record["epoch"], record["seq"])
                contents[key].add((record["device"], record["kind"], json.dumps(record["values"])))
        self.assertGreater(len(contents), at_least)
        for key, different in contents.items():
            self.assertEqual(len(different), 1, (key, different))

    @unittest.skipIf(os.geteuid(), "a read-only bind mount needs root")
    def test_read_only_card(self):
        broker = self.rig.broker()
        subscriber = self.rig.subscriber(broker, "weir/#")
        weir = self.rig.weir(self.text(self.uplink(broker.url), every="20ms"))
        seen = len(subscriber.records())
        wait_for(lambda: len(subscriber.records()) > seen + 3, what="records")
        self.power_cut(weir)
        subprocess.run(["mount", "--bind", self.flash(), self.flash()], check=True)
        self.addCleanup(subprocess.run, ["umount", self.flash()])
        subprocess.run(["mount", "-o", "remount,bind,ro", self.flash()], check=True)
        for _ in range(5):
            seen = len(subscriber.records())
            weir.start()
            wait_for(lambda: len(subscriber.records()) > seen + 10, what="records")
            wait_for(lambda: "Read-only" in weir.run("status", "-c", weir.conf).stdout, what="degraded")
            self.power_cut(weir)
        self.one_content_each(subscriber, 40)

    def test_limit_with_two_uplinks(self):
        """A delivers; B's broker is away beyond the limit; C comes later. `weir tail` runs all along."""
        here, there = self.rig.broker("here"), self.rig.broker("there")
        a = self.receiver(here, "--report", self.rig.path("a.json"), name="a")
        b = self.receiver(there, name="b")
        proxy = self.rig.proxy(there)
        proxy.command("down")
        uplinks = [self.uplink(here.url, "a"), self.uplink(proxy.url, "b")]
        weir = self.rig.weir(self.text(*uplinks, every="2ms", units=(1, 2, 3, 4), regs=125,
                                       spool='limit = "16MiB"; '))
        tail = weir.rig.program("weir")
        with open(self.rig.path("tail.out"), "wb") as out:
            tail = subprocess.Popen([tail, "tail", "-c", weir.conf], stdout=out)
        self.addCleanup(tail.wait)
        self.addCleanup(tail.kill)
        wait_for(lambda: "segment leaves why=limit" in weir.log_text(), timeout=240, every=0.5,
                 what="beyond the limit")
        leaving = weir.log_text().count("segment leaves why=limit")
        wait_for(lambda: weir.log_text().count("segment leaves why=limit") > leaving, timeout=120,
                 every=0.5, what="well beyond the limit")
        late = self.rig.broker("late")
        c = self.receiver(late, name="c")
        weir.text = weir.text.replace("uplinks = {", "uplinks = {" + self.uplink(late.url, "c"))
        with open(weir.conf, "w") as f:
            f.write(weir.text)
        weir.signal(1)
        proxy.command("up")
        wait_for(lambda: weir.status() and not any(u["backlog"] for u in weir.status()["uplinks"])
                 and sum(u["connected"] for u in weir.status()["uplinks"]) == 3, timeout=240, every=0.5, what="all delivered")
        self.assertIsNone(tail.poll())
        self.assertEqual(weir.stop(), 0)
        texts = [self.verdict(r) for r in (a, b, c)]
        self.assertNotIn('"before":[{', texts[0])
        self.assertIn('"why":"limit"}', texts[1])
        oldest = [min(json.loads(line)["seq"] for line in text.splitlines()
                      if line.startswith('{"gateway"') and '"bus":"bus"' in line) for text in texts]
        self.assertEqual(oldest[0], 1)
        self.assertGreater(oldest[1], 1)
        self.assertEqual(oldest[1], oldest[2])


if __name__ == "__main__":
    unittest.main(verbosity=2)
