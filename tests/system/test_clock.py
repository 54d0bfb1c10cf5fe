#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""Boxes without a clock of their own: what time their records carry, and when nothing is too old.

The wall clock that weir sees is shifted while it runs (faketime); the true one is that of this
machine. "Synchronised" is a file. A power cut is: every process killed, the folder in RAM removed.
Another boot is another id in /proc, in a mount namespace, and a clock since boot that begins again,
in a time namespace: that needs root, and is skipped by name without. docs/time.md has the rules.
"""
import csv
import glob
import io
import json
import os
import shutil
import subprocess
import time
import unittest
import uuid
from datetime import datetime, timezone

from rig import RigTest, Weir, counting_devices, wait_for

REGS = 10
DAY = 86400
EXACT_S = 0.010
SEGMENT = 4 << 20
LIBRARY = (glob.glob("/usr/lib/*/faketime/libfaketime.so.1") + [None])[0]
IN_BOOT = ('mount --bind "$0" /proc/sys/kernel/random/boot_id && exec "$@"')
Y2038 = datetime(2038, 1, 19, tzinfo=timezone.utc).timestamp()


def since_boot():
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def seconds(text):
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc).timestamp()


def can_boot():
    args = ["unshare", "-m", "-T", "--boottime", "7200", "sh", "-c", IN_BOOT, "/dev/null", "cat",
            "/proc/uptime"]
    try:
        text = subprocess.run(args, capture_output=True, text=True, check=False).stdout
    except OSError:
        return False
    return bool(text) and float(text.split()[0]) > since_boot() + 7000


class Box(Weir):
    """weir on a box whose clocks are ours. A boot() is noticed at the next start()."""

    prefix = ()

    def boot(self, uptime):
        """The next start is in another boot that began `uptime` seconds ago."""
        self.boot_file = self.rig.path("boot_id")
        with open(self.boot_file, "w") as f:
            f.write(f"{uuid.uuid4()}\n")
        self.later(uptime - since_boot())
        return self

    def later(self, shift):
        """The next start is in the same boot; its clock since boot is ahead by this much."""
        self.ahead = int(shift)
        self.prefix = ("unshare", "-m", "-T", "--boottime", str(self.ahead), "sh", "-c", IN_BOOT,
                       self.boot_file)

    ahead = 0

    def true_start(self):
        """When this boot began, by the true clock."""
        return time.time() - since_boot() - self.ahead

    def start(self):
        at = next(i for i, a in enumerate(self.args) if a.endswith("/weir"))
        self.args = [*self.prefix, *self.args[at:]]
        return super().start()

    def run(self, *args, timeout=30):
        command = [*self.prefix, self.rig.program("weir"), *map(str, args)]
        return subprocess.run(command, text=True, stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=timeout, env=self.env, cwd=self.rig.dir, check=False)


@unittest.skipUnless(LIBRARY, "needs the package faketime")
class Clock(RigTest):
    def setUp(self):
        super().setUp()
        self.meters = self.rig.meters(units=4, regs=125, time_reg=-1)
        self.synced_file = self.rig.path("synced")
        self.shift_file = self.rig.path("shift")
        self.env = {"LD_PRELOAD": LIBRARY, "FAKETIME_TIMESTAMP_FILE": self.shift_file,
                    "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1",
                    "NO_FAKE_STAT": "1"}

    # ---- the clocks

    def shift(self, by):
        """From now on the clock is ahead of the true one by so many seconds."""
        with open(self.shift_file + ".new", "w") as f:
            f.write(f"{by:+f}\n")
        os.rename(self.shift_file + ".new", self.shift_file)

    def since_1970(self):
        """A clock that began at 0 when the box was switched on, half a minute ago."""
        self.shift(30 - time.time())

    def synchronise(self, shift=0):
        self.shift(shift)
        with open(self.synced_file, "w"):
            pass

    def lose(self):
        if os.path.exists(self.synced_file):
            os.unlink(self.synced_file)

    # ---- the box

    def box(self, url, more="", every="50ms", units=(1,), regs=REGS, spool="", clock=None, boot=0,
            start=True):
        devices = counting_devices(units, regs, every=every)
        text = self.rig.config(
            f'bus = {{ adapter = "modbus"; address = "127.0.0.1:{self.meters.port}"; '
            f'devices = ({devices}); }};',
            f'up = {{ uplink = "mqtt"; url = "{url}"; reconnect_delay_max = "500ms"; {more} }};',
            spool=f'persist_after = "300ms"; {spool}')
        clock = clock or f"file:{self.synced_file}"
        text = text.replace('name = "rig";', f'name = "rig"; clock = "{clock}";')
        weir = Box(self.rig, text, env=self.env)
        if boot:
            weir.boot(boot)
        return weir.start() if start else weir

    def power_cut(self, weir):
        weir.kill_all()
        shutil.rmtree(f"{self.rig.ram}/weir")
        os.makedirs(f"{self.rig.ram}/weir")

    def flash(self, weir):
        status = weir.status()
        return status and status["buffer"]["flash"]

    def polled(self, records):
        points = self.meters.report()["points"]
        wait_for(lambda: self.meters.report()["points"] >= points + records * REGS, what="polls")

    def persisted(self, weir, records=10):
        """So many more records are read, and on flash."""
        wait_for(lambda: self.flash(weir), what="status")
        self.polled(records)
        groups = self.flash(weir)["groups"]
        wait_for(lambda: self.flash(weir)["groups"] >= groups + 2, what="two more groups")

    def drained(self, weir, rest=0):
        """All of it, or all but so many records, of a bus that makes more all the time."""
        def out():
            status = weir.status() or {}
            uplinks = status.get("uplinks")
            return uplinks and status["buffer"]["flash"] and all(
                u["connected"] and u["backlog"] <= rest for u in uplinks)
        wait_for(out, timeout=60, what="all delivered")

    def dump(self, weir):
        """What `weir spool dump` prints of the bus, by (epoch, seq)."""
        result = weir.run("spool", "dump", "-c", weir.conf, "--bus", "bus")
        self.assertEqual(result.returncode, 0, result.stderr)
        found = [json.loads(line) for line in result.stdout.splitlines()]
        return {(r["epoch"], r["seq"]): r for r in found}

    # ---- the far end

    def link_down(self, broker):
        proxy = self.rig.proxy(broker)
        proxy.command("down")
        return proxy

    def receiver(self, broker, *args):
        receive = self.rig.receive(broker, "--verify", *(args or ("--json",)))
        wait_for(lambda: "subscribed at" in receive.log_text(), what="subscribed")
        return receive

    def readings(self, receive):
        """The records of the bus in the order of their coming (--json)."""
        lines = receive.text()
        found = [json.loads(line) for line in lines[:lines.rfind("\n") + 1].splitlines()
                 if line.startswith("{")]
        return [r for r in found if r.get("bus") == "bus"]

    def rows(self, receive):
        """The last row of each record of the bus (--csv), by (epoch, seq)."""
        text = receive.text()
        rows = csv.DictReader(io.StringIO(text[:text.rfind("\n") + 1]))
        return {(r["epoch"], r["seq"]): r for r in rows if r["bus"] == "bus"}

    def verdict(self, receive):
        receive.catch_up()
        self.assertEqual(receive.stop(), 0, receive.text()[-2000:] + receive.log_text()[-3000:])

    def check_marked(self, records, least=None):
        self.assertTrue(records)
        for r in records:
            self.assertEqual(r.get("clock"), "unsynced", r)
            self.assertGreater(r["uptime"], 0)
            self.assertGreaterEqual(seconds(r["time"]), least or self.built(), r)

    def built(self):
        """Nothing is older than the program (give or take a clock that was set meanwhile)."""
        return os.stat(self.rig.program("weir")).st_mtime - 2 * DAY

    # ---- (a)

    def test_link_down_until_synchronised(self):
        """Everything that waited is delivered with its exact time, as though it had been known."""
        self.since_1970()
        broker = self.rig.broker()
        receive = self.receiver(broker)
        link = self.link_down(broker)
        weir = self.box(link.url)
        self.persisted(weir, 20)
        before = self.dump(weir)
        self.check_marked(before.values())
        self.synchronise()
        self.polled(20)
        link.command("up")
        self.drained(weir)
        self.assertEqual(weir.stop(), 0)
        self.verdict(receive)
        self.check_exact(self.readings(receive), before, weir.true_start())

    def check_exact(self, records, before, true_start):
        by_name = {(r["epoch"], r["seq"]): r for r in records}
        for r in records:
            self.assertNotIn("clock", r)
        self.assertGreater(len(records), len(before))
        for name, marked in before.items():
            self.assertAlmostEqual(seconds(by_name[name]["time"]), marked["uptime"] + true_start,
                                   delta=EXACT_S)

    @unittest.skipUnless(can_boot(), "needs root, to look like another boot")
    def test_link_down_until_another_boot(self):
        """What a boot learned of its clock holds for its records when they leave in the next."""
        self.since_1970()
        broker = self.rig.broker()
        receive = self.receiver(broker)
        link = self.link_down(broker)
        weir = self.box(link.url, boot=30)
        self.persisted(weir, 20)
        before = self.dump(weir)
        self.check_marked(before.values())
        true_start = weir.true_start()
        self.synchronise()
        self.persisted(weir)
        self.power_cut(weir)
        self.lose()
        self.since_1970()
        weir.boot(20).start()
        link.command("up")
        wait_for(lambda: {r["epoch"] for r in self.readings(receive)} >
                 {epoch for epoch, _ in before}, what="records of the next boot")
        self.assertEqual(weir.stop(), 0)
        self.verdict(receive)
        old = {epoch for epoch, _ in before}
        self.check_exact([r for r in self.readings(receive) if r["epoch"] in old], before,
                         true_start)
        self.check_marked([r for r in self.readings(receive) if r["epoch"] not in old],
                          least=time.time() - 600)

    # ---- (b)

    def test_link_up_repaired(self):
        """Marked at once, and repaired at the far end, also in an epoch that has ended by then."""
        self.since_1970()
        broker = self.rig.broker()
        receive = self.receiver(broker, "--csv")
        weir = self.box(broker.url)
        wait_for(lambda: len(self.rows(receive)) >= 10, what="rows")
        self.assertEqual(weir.stop(), 0)
        weir.start()
        wait_for(lambda: len({epoch for epoch, _ in self.rows(receive)}) == 2, what="second epoch")
        self.check_repaired(weir, receive, self.synchronise)

    def test_synchronised_between_two_starts(self):
        self.since_1970()
        broker = self.rig.broker()
        receive = self.receiver(broker, "--csv")
        weir = self.box(broker.url)
        wait_for(lambda: len(self.rows(receive)) >= 10, what="rows")
        weir.kill_all()

        def start():
            self.synchronise()
            weir.start()
        self.check_repaired(weir, receive, start)

    def check_repaired(self, weir, receive, synchronise):
        marked = self.rows(receive)
        for row in marked.values():
            self.assertEqual(row["clock"], "unsynced")
            self.assertGreaterEqual(seconds(row["time"]), self.built())
        synchronise()
        wait_for(lambda: all(self.rows(receive)[name]["clock"] == "repaired" for name in marked),
                 what="all repaired")
        wait_for(lambda: not list(self.rows(receive).values())[-1]["clock"], what="exact ones")
        self.assertEqual(weir.stop(), 0)
        self.verdict(receive)
        rows = self.rows(receive)
        self.assertEqual({row["clock"] for row in rows.values()}, {"repaired", ""})
        for row in rows.values():
            if row["clock"]:
                self.assertAlmostEqual(seconds(row["time"]),
                                       float(row["uptime"]) + weir.true_start(), delta=EXACT_S)

    # ---- (c)

    def test_step_of_minus_one_day(self):
        """Each record has the time of the clock when it was read; the order is that of reading."""
        self.synchronise(DAY)
        broker = self.rig.broker()
        receive = self.receiver(broker)
        weir = self.box(broker.url)
        begun = time.time()
        wait_for(lambda: len(self.readings(receive)) >= 20, what="records")
        self.shift(0)
        wait_for(lambda: seconds(self.readings(receive)[-1]["time"]) < time.time() + 60 and
                 len(self.readings(receive)) >= 40, what="records after the step")
        self.assertEqual(weir.stop(), 0)
        self.verdict(receive)
        times = [seconds(r["time"]) for r in self.readings(receive)]
        self.assertEqual([r["seq"] for r in self.readings(receive)],
                         list(range(1, len(times) + 1)))
        stepped = next(i for i, t in enumerate(times) if t < begun + DAY / 2)
        self.assertGreaterEqual(stepped, 20)
        for part, ahead in ((times[:stepped], DAY), (times[stepped:], 0)):
            self.assertEqual(part, sorted(part))
            self.assertGreaterEqual(part[0], begun + ahead - 1)
            self.assertLessEqual(part[-1], time.time() + ahead)

    # ---- (d)

    def test_2038_for_a_minute(self):
        """Synchronised to a wrong time, then right: all is delivered, none is too old."""
        self.synchronise()
        broker = self.rig.broker()
        receive = self.receiver(broker)
        link = self.link_down(broker)
        weir = self.box(link.url, spool='max_age = "60s"; ', **self.FAST)
        self.segments(weir, 2)
        self.shift(Y2038 - time.time())
        self.persisted(weir)
        weir.kill_role("store spool")
        self.persisted(weir)
        self.shift(0)
        self.persisted(weir)
        self.power_cut(weir)
        weir.start()
        self.persisted(weir)
        link.command("up")
        self.drained(weir, rest=500)
        self.assertEqual(weir.stop(), 0)
        self.verdict(receive)
        self.check_nothing_deleted(weir, receive)
        times = [seconds(r["time"]) for r in self.readings(receive)]
        wrong = [i for i, t in enumerate(times) if t > Y2038 - DAY]
        self.assertEqual(wrong, list(range(wrong[0], wrong[-1] + 1)), "in the order of reading")
        self.assertGreater(len(times), wrong[-1] + 1)
        for i, t in enumerate(times):
            if i not in range(wrong[0], wrong[-1] + 1):
                self.assertLess(abs(t - time.time()), 600)

    def check_nothing_deleted(self, weir, receive):
        self.assertNotIn("the oldest segment leaves", weir.log_text())
        self.assertNotIn('"why":"age"', receive.text())
        self.assertEqual(self.readings(receive)[0]["seq"], 1)

    FAST = {"every": "2ms", "units": (1, 2, 3, 4), "regs": 125}

    def segments(self, weir, count):
        """So many segments of the spool are used."""
        wait_for(lambda: (self.flash(weir) or {}).get("bytes", 0) >= count * SEGMENT, timeout=120,
                 what=f"{count} segments")

    # ---- (e)

    def switched_off(self):
        """Long enough that the next boot(0), to the second, begins after this."""
        begun = int(since_boot()) + 1
        wait_for(lambda: since_boot() > begun, what="a second")

    def unsure_boots(self, weir, receive=None):
        """Three boots with a clock that begins in 1970; how each began, by the true clock.

        With `receive` the link is up and each ends in order: what was delivered since the last
        group on flash would be forgotten by a power cut, and with it that time has passed.
        """
        starts = []
        for _ in range(3):
            self.lose()
            self.since_1970()
            weir.boot(0).start()
            starts.append(weir.true_start())
            if receive:
                count = len(self.readings(receive))
                wait_for(lambda: len(self.readings(receive)) >= count + 20, what="records")
                self.assertEqual(weir.stop(), 0)
            else:
                self.persisted(weir, 20)
            self.power_cut(weir)
            self.switched_off()
        return starts

    @unittest.skipUnless(can_boot(), "needs root, to look like another boot")
    def test_three_boots_link_up(self):
        """Marked, in order, and none before the newest time that was known."""
        broker = self.rig.broker()
        receive = self.receiver(broker)
        self.synchronise()
        weir = self.box(broker.url, boot=2)
        wait_for(lambda: len(self.readings(receive)) >= 20, what="exact records")
        known = time.time()
        self.assertEqual(weir.stop(), 0)
        exact = len(self.readings(receive))
        self.power_cut(weir)
        self.switched_off()
        self.unsure_boots(weir, receive)
        self.check_in_order(receive, exact, known, 4)

    @unittest.skipUnless(can_boot(), "needs root, to look like another boot")
    def test_three_boots_link_down(self):
        """The same after power cuts, delivered by a boot that does not know the time either."""
        broker = self.rig.broker()
        receive = self.receiver(broker)
        link = self.link_down(broker)
        self.synchronise()
        weir = self.box(link.url, boot=2)
        self.persisted(weir)
        known = time.time() - 1
        self.power_cut(weir)
        self.switched_off()
        self.unsure_boots(weir)
        weir.boot(0).start()
        link.command("up")
        self.drained(weir)
        self.assertEqual(weir.stop(), 0)
        exact = sum("clock" not in r for r in self.readings(receive))
        self.check_in_order(receive, exact, known, 5)

    def check_in_order(self, receive, exact, known, epochs):
        self.verdict(receive)
        records = self.readings(receive)
        self.assertGreater(exact, 0)
        self.check_marked(records[exact:], least=known)
        self.assertEqual(len({r["epoch"] for r in records}), epochs)
        times = [seconds(r["time"]) for r in records]
        self.assertEqual(times, sorted(times))

    @unittest.skipUnless(can_boot(), "needs root, to look like another boot")
    def test_three_boots_estimated(self):
        """A later boot knows the time, and so how far off those before it can be."""
        broker = self.rig.broker()
        receive = self.receiver(broker)
        link = self.link_down(broker)
        self.synchronise()
        weir = self.box(link.url, boot=2)
        self.persisted(weir)
        self.power_cut(weir)
        self.switched_off()
        starts = self.unsure_boots(weir)
        self.synchronise()
        weir.boot(0).start()
        link.command("up")
        self.drained(weir)
        self.assertEqual(weir.stop(), 0)
        self.verdict(receive)
        records = self.readings(receive)
        epochs = list(dict.fromkeys(r["epoch"] for r in records))
        self.assertEqual(len(epochs), 5)
        for r in records:
            boot = epochs.index(r["epoch"]) - 1
            if boot not in range(3):
                self.assertNotIn("clock", r)
                continue
            self.assertEqual(r.get("clock"), "estimated", r)
            true = starts[boot] + r["uptime"]
            self.assertLessEqual(abs(seconds(r["time"]) - true), r["clock_error_s"] + EXACT_S, r)
            self.assertLess(r["clock_error_s"], 300)
        times = [seconds(r["time"]) for r in records]
        self.assertEqual(times, sorted(times))

    @unittest.skipUnless(can_boot(), "needs root, to look like another boot")
    def test_estimated_after_2038(self):
        """What was known before was wrong; the bound says so."""
        broker = self.rig.broker()
        receive = self.receiver(broker)
        link = self.link_down(broker)
        self.synchronise(Y2038 - time.time())
        weir = self.box(link.url, boot=2)
        self.persisted(weir)
        self.power_cut(weir)
        self.switched_off()
        starts = self.unsure_boots(weir)
        self.synchronise()
        weir.boot(0).start()
        link.command("up")
        self.drained(weir)
        self.assertEqual(weir.stop(), 0)
        self.verdict(receive)
        records = self.readings(receive)
        epochs = list(dict.fromkeys(r["epoch"] for r in records))
        estimated = [r for r in records if r.get("clock") == "estimated"]
        self.assertEqual({epochs.index(r["epoch"]) for r in estimated}, {1, 2, 3})
        for r in estimated:
            true = starts[epochs.index(r["epoch"]) - 1] + r["uptime"]
            self.assertLessEqual(abs(seconds(r["time"]) - true), r["clock_error_s"] + EXACT_S, r)

    # ---- settings

    def test_hold_unsynced(self):
        """Held back until the clock is right, and then exact."""
        self.since_1970()
        broker = self.rig.broker()
        receive = self.receiver(broker)
        weir = self.box(broker.url, more='hold_unsynced = "1h"; ')
        self.persisted(weir, 20)
        self.assertEqual(self.readings(receive), [])
        self.synchronise()
        self.drained(weir)
        self.assertEqual(weir.stop(), 0)
        self.verdict(receive)
        self.assertGreaterEqual(len(self.readings(receive)), 20)
        for r in self.readings(receive):
            self.assertNotIn("clock", r)
            self.assertLess(abs(seconds(r["time"]) - time.time()), 300)

    def test_hold_unsynced_ends(self):
        """Held back that long and no longer, and then marked."""
        self.since_1970()
        broker = self.rig.broker()
        receive = self.receiver(broker)
        weir = self.box(broker.url, more='hold_unsynced = "2s"; ')
        wait_for(lambda: self.readings(receive), what="the first record")
        self.assertGreaterEqual(since_boot(), self.readings(receive)[0]["uptime"] + 2)
        weir.kill_all()
        self.check_marked(self.readings(receive))
        receive.stop()

    def test_clock_system(self):
        """Believed as it is, but not while it is older than the program."""
        self.since_1970()
        broker = self.rig.broker()
        receive = self.receiver(broker)
        weir = self.box(broker.url, clock="system")
        wait_for(lambda: len(self.readings(receive)) >= 10, what="marked records")
        self.check_marked(self.readings(receive))
        self.shift(3 * DAY)
        wait_for(lambda: "clock" not in self.readings(receive)[-1], what="exact records")
        self.assertEqual(weir.stop(), 0)
        self.verdict(receive)
        self.assertLess(abs(seconds(self.readings(receive)[-1]["time"]) - time.time() - 3 * DAY), 60)

    def test_no_spool(self):
        """Without flash there is no account; the times are marked all the same, never of 1970."""
        self.since_1970()
        broker = self.rig.broker()
        receive = self.receiver(broker)
        weir = self.box(broker.url, start=False)
        os.rmdir(f"{self.rig.dir}/weir-flash")
        with open(f"{self.rig.dir}/weir-flash", "w"):
            pass
        weir.start()
        wait_for(lambda: len(self.readings(receive)) >= 10, what="marked records")
        self.check_marked(self.readings(receive))
        weir.stop()
        self.verdict(receive)

    def test_clock_lost_again(self):
        """Marked, and not before what was known."""
        self.synchronise()
        broker = self.rig.broker()
        receive = self.receiver(broker)
        weir = self.box(broker.url)
        wait_for(lambda: len(self.readings(receive)) >= 10, what="exact records")
        known = time.time()
        self.lose()
        self.since_1970()
        wait_for(lambda: "clock" in self.readings(receive)[-1], what="marked ones")
        self.polled(20)
        self.assertEqual(weir.stop(), 0)
        self.verdict(receive)
        self.check_marked([r for r in self.readings(receive) if "clock" in r], least=known)

    # ---- age

    def old_segments(self):
        """A box up for two hours, clock right, link down, a segment full; then a power cut."""
        self.synchronise()
        broker = self.rig.broker()
        receive = self.receiver(broker)
        link = self.link_down(broker)
        weir = self.box(link.url, boot=7200, spool='max_age = "60s"; ', **self.FAST)
        self.segments(weir, 2)
        self.power_cut(weir)
        return weir, link, receive

    def finish(self, weir, link, receive):
        link.command("up")
        self.drained(weir, rest=500)
        self.assertEqual(weir.stop(), 0)
        self.verdict(receive)

    def leaves(self, weir):
        wait_for(lambda: "segment leaves why=age" in weir.log_text(), timeout=60, what="deletion")

    def check_gone(self, weir, link, receive):
        self.leaves(weir)
        self.finish(weir, link, receive)
        self.assertIn('"why":"age"', receive.text())

    @unittest.skipUnless(can_boot(), "needs root, to look like another boot")
    def test_age_of_another_boot(self):
        weir, link, receive = self.old_segments()
        self.shift(70)
        weir.boot(7200).start()
        self.check_gone(weir, link, receive)

    @unittest.skipUnless(can_boot(), "needs root, to look like another boot")
    def test_age_of_the_same_boot(self):
        weir, link, receive = self.old_segments()
        self.shift(70)
        weir.later(weir.ahead + 70)
        weir.start()
        self.check_gone(weir, link, receive)

    @unittest.skipUnless(can_boot(), "needs root, to look like another boot")
    def test_no_age_after_a_step(self):
        """A step of the clock, also one that a store started anew has not seen."""
        weir, link, receive = self.old_segments()
        weir.boot(7200).start()
        self.persisted(weir)
        self.shift(40 * DAY)
        self.persisted(weir)
        weir.kill_role("store spool")
        self.persisted(weir)
        self.finish(weir, link, receive)
        self.check_nothing_deleted(weir, receive)

    @unittest.skipUnless(can_boot(), "needs root, to look like another boot")
    def test_no_age_in_the_first_hour(self):
        """A boot may begin with any time."""
        weir, link, receive = self.old_segments()
        self.shift(40 * DAY)
        weir.boot(60).start()
        self.persisted(weir)
        self.finish(weir, link, receive)
        self.check_nothing_deleted(weir, receive)


if __name__ == "__main__":
    unittest.main(verbosity=2)
