#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""Flash that is full, read-only, missing, broken, slow or silent: polling and forwarding go on,
`weir status` says what is wrong, and when it is over all is as before, records that RAM still held
on flash again. Most tests end with a power cut: what was on flash must arrive.

Two uplinks: the broker of `here` is there all the time, the broker of `later` only at the end, so that
flash is needed all along. `weir receive --verify` at both is the judge, with the sinks' exact counts.
"""
import ctypes
import fcntl
import json
import os
import shutil
import struct
import subprocess
import time
import unittest

from rig import RigTest, counting_devices, wait_for
from slow_fs import slow_fs

REGS = 10                           # register 0 is the clock, the others count
CLONE_NEWNS, MS_REC_PRIVATE, MNT_DETACH = 0x20000, 0x44000, 2
EXT4_SHUTDOWN, NO_LOG_FLUSH = 0x8004587D, 2
libc = ctypes.CDLL(None, use_errno=True)
root_only = unittest.skipIf(os.geteuid() or not os.path.exists("/dev/fuse"),
                            "mounting needs root and /dev/fuse")


def setUpModule():
    """Mounts of these tests are seen by them alone and end with them, however they end."""
    if os.geteuid() == 0 and libc.unshare(CLONE_NEWNS) == 0:
        libc.mount(None, b"/", None, MS_REC_PRIVATE, None)


class StoreFaults(RigTest):
    spool = 'persist_after = "300ms"; '

    def setUp(self):
        super().setUp()
        self.meters = self.rig.meters(units=4, regs=125)
        self.here, self.there = self.rig.broker("here"), self.rig.broker("there")
        self.brokers = {"here": self.here, "there": self.there}
        self.sinks = {n: self.rig.sink(b, "weir/#", name=f"sink-{n}")
                      for n, b in self.brokers.items()}
        self.receives = {n: self.rig.receive(b, "--verify", "--json", name=f"receive-{n}")
                         for n, b in self.brokers.items()}
        for receive in self.receives.values():
            wait_for(lambda r=receive: "subscribed at" in r.log_text(), what="subscribed")
        self.health = self.rig.subscriber(self.here, "weir/rig/health", name="health")
        self.proxy = self.rig.proxy(self.there)
        self.proxy.command("down")
        self.is_there = False
        self.flash = self.rig.path("weir-flash")

    def launch(self, every="50ms", units=(1,), regs=REGS, spool="", uplink=""):
        self.regs = regs
        devices = counting_devices(units, regs, every=every, extra='timeout = "500ms";')
        uplinks = " ".join(
            f'{name} = {{ uplink = "mqtt"; url = "{url}"; reconnect_delay_max = "500ms"; '
            f"{uplink} }};" for name, url in (("here", self.here.url), ("later", self.proxy.url)))
        text = self.rig.config(
            f'bus = {{ adapter = "modbus"; address = "127.0.0.1:{self.meters.port}"; '
            f"devices = ({devices}); }};", uplinks, spool=self.spool + spool)
        self.weir = self.rig.weir(text.replace(self.rig.path("weir-flash"), self.flash))

    # ---- what can be asked

    def polled(self):
        """Values that the meters have given out, the clock register not counted."""
        return self.meters.report()["answered"] * (self.regs - 1)

    def polls(self, count=20, timeout=30):
        goal = self.polled() + count * (self.regs - 1)
        wait_for(lambda: self.polled() >= goal, timeout=timeout, what="polling goes on")

    def arrives(self, count=20, broker="here", timeout=30):
        goal = self.sinks[broker].report()["unique"] + count * (self.regs - 1)
        wait_for(lambda: self.sinks[broker].report()["unique"] >= goal, timeout=timeout,
                 what=f"forwarding to {broker} goes on")

    def status(self):
        return wait_for(self.weir.status, what="status")

    def flash_troubles(self):
        return [text for text in self.status()["degraded"] if text.startswith(("flash", "store"))]

    def degraded(self, *words, timeout=60):
        """Until status names it; then how fast it answers, and what the first line says."""
        wait_for(lambda: any(all(word in text for word in words)
                             for text in self.flash_troubles()),
                 timeout=timeout, every=0.1, what=f"degraded: {words}")
        took = []
        for _ in range(3):
            began = time.monotonic()
            text = self.weir.run("status", "-c", self.weir.conf)
            took.append(time.monotonic() - began)
            self.assertEqual(text.returncode, 1)
            self.assertEqual(text.stdout.split(":")[0], "degraded")
        self.assertLess(min(took), 1)

    def healthy(self, timeout=90):
        wait_for(lambda: not self.flash_troubles(), timeout=timeout, every=0.1,
                 what="flash well again")

    def health_is(self, *words):
        """Does the retained topic name this trouble now (no words: is all well)?"""
        messages = self.health.messages()
        last = json.loads(messages[-1][1]) if messages else {"status": ""}
        if words:
            return last["status"] == "degraded" and all(word in last["why"] for word in words)
        return last == {"status": "ok"}

    def persisted(self):
        """Waits until all that has been polled by now is on flash; how much that is."""
        polled, groups = self.polled(), self.status()["buffer"]["flash"]["groups"]
        wait_for(lambda: self.status()["buffer"]["flash"]["groups"] >= groups + 2, timeout=60,
                 every=0.1, what="two more groups on flash")
        return polled

    def events(self):
        records = [json.loads(line) for line in self.receives["here"].text().splitlines()
                   if '"kind":"event"' in line]
        return [(r["values"]["event"], r["values"].get("why", "")) for r in records]

    # ---- the ends

    def power_cut(self):
        ram = f"{self.rig.ram}/weir"
        self.weir.kill_all()
        shutil.rmtree(ram)
        os.makedirs(ram)

    def come(self):
        """The broker that was away is there."""
        if not self.is_there:
            self.proxy.command("up")
        self.is_there = True

    def drained(self):
        wait_for(lambda: all(u["connected"] and not u["backlog"]
                             for u in self.status()["uplinks"]), timeout=60, what="drained")

    def judge(self, lost_allowed=0):
        """The broker that was away comes; everything must arrive, in order, or be explained."""
        self.come()
        polled = self.polled()
        wait_for(lambda: self.sinks["there"].report()["unique"] >= polled - lost_allowed,
                 timeout=120, every=0.1, what="all that was kept arrives")
        self.drained()
        wait_for(self.health_is, what="health: ok")
        self.assertEqual(self.weir.stop(), 0)
        for name, receive in self.receives.items():
            status = receive.stop()
            self.assertEqual(status, 0, f"{name}: {receive.text()[-2000:]}{receive.log_text()}")
            self.assertEqual(self.sinks[name].report()["out_of_order"], 0, name)

    def cut_and_judge(self):
        """A power cut loses what was not on flash, and nothing else."""
        kept = self.persisted()
        self.power_cut()
        lost = self.polled() - kept
        self.weir.start()
        wait_for(lambda: self.weir.status() and self.weir.status()["uplinks"], what="up again")
        self.judge(lost)

    def story(self, begin, reason, end):
        """Live traffic goes on while it lasts; then everything is as before."""
        self.arrives()
        self.persisted()
        self.rounds = getattr(self, "rounds", 0) + 1
        name = f"during-{self.rounds}"  # the broker keeps the session of each
        during = self.rig.sink(self.here, "weir/#", name=name, id=name)
        begin()
        self.degraded(*reason)
        wait_for(lambda: self.health_is(*reason), what="health names it")
        self.polls()
        self.arrives(60)
        latency = during.stop()["latency_ms"]
        print(f"  {self.id().split('.')[-1]}: p50 {latency['p50']} ms, p99 {latency['p99']} ms")
        self.assertLess(latency["p99"], 1000)
        end()
        self.healthy()
        wait_for(lambda: not self.health_is(*reason), what="health does not name it any more")
        for event in ("degraded", "recovered"):
            wait_for(lambda e=event: any(kind == e and reason[0] in why
                                         for kind, why in self.events()), what=f"event {event}")

    # ---- file systems

    def misbehaving(self):
        """A spool on a file system with commands; what it really stores lies in `backing`."""
        self.fs = slow_fs(self.rig, self.rig.path("backing"), self.flash)
        return self.fs

    def ext4(self, size="40M"):
        self.image = self.rig.path("card.img")
        subprocess.run(["truncate", "-s", size, self.image], check=True)
        subprocess.run(["mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0",
                        self.image], check=True)
        os.makedirs(self.flash, exist_ok=True)
        self.mount()
        self.addCleanup(libc.umount2, self.flash.encode(), MNT_DETACH)

    def mount(self):
        subprocess.run(["mount", "-o", "loop", self.image, self.flash], check=True)

    def unmount(self):
        libc.umount2(self.flash.encode(), MNT_DETACH)

    def fill(self):
        """Takes all the room there is."""
        with open(f"{self.flash}/hog", "ab", buffering=0) as hog:
            for size in (1 << 20, 4096):
                try:
                    while True:
                        hog.write(bytes(size))
                        os.fsync(hog.fileno())
                except OSError:
                    pass

    # ---- the tests

    @root_only
    def test_writes_fail(self):
        fs = self.misbehaving()
        self.launch()
        for error, words in (("ENOSPC", "No space left"), ("EIO", "Input/output error"),
                             ("EROFS", "Read-only")):
            with self.subTest(error):
                self.story(lambda: fs.command(f"write fail {error}"), (words,),
                           lambda: fs.command("all ok"))
        self.cut_and_judge()

    @root_only
    def test_sync_fails(self):
        fs = self.misbehaving()
        self.launch()
        self.story(lambda: fs.command("fsync fail EIO"), ("Input/output error",),
                   lambda: fs.command("all ok"))
        self.cut_and_judge()

    @root_only
    def test_one_sync_fails(self):
        """What an fsync refused once is written again elsewhere; nobody notices."""
        fs = self.misbehaving()
        self.launch()
        self.persisted()
        for what in ("fsync", "write") * 3:
            fs.command(f"{what} fail EIO 1")
            self.persisted()
        self.healthy()
        self.assertNotIn("degraded", self.weir.log_text())
        self.cut_and_judge()


    def test_health(self):
        """Told on each connection, kept by the broker, and the words are those of the log."""
        self.launch()
        wait_for(self.health_is, what="health: ok")
        wait_for(lambda: self.health_is("uplink later: not connected"), what="the other uplink")
        late = self.rig.subscriber(self.here, "weir/rig/health", name="late")
        wait_for(late.messages, what="the retained message")
        topic, text, retained = late.messages()[0]
        self.assertEqual((topic, retained), ("weir/rig/health", True))
        self.assertIn(f'degraded: {json.loads(text)["why"]}', self.weir.log_text())
        known = len(self.health.messages())
        self.weir.kill_role("uplink here")
        wait_for(lambda: len(self.health.messages()) > known, what="told again")
        self.come()
        wait_for(self.health_is, what="health: ok")

    @root_only
    def test_slow_sync(self):
        """A card whose every sync takes 10 s."""
        fs = self.misbehaving()
        self.launch()
        self.story(lambda: fs.command("fsync delay 10"), ("answer",),
                   lambda: fs.command("all ok"))
        self.cut_and_judge()

    @root_only
    def test_endless_sync(self):
        """A sync that never comes back, also at the stop; a later start finds all as it was."""
        fs = self.misbehaving()
        self.launch()
        self.story(lambda: fs.command("fsync never"), ("answer",),
                   lambda: fs.command("all ok"))
        self.persisted()
        fs.command("fsync never")
        self.degraded("answer")
        began = time.monotonic()
        self.weir.stop_timeout = 90
        self.assertEqual(self.weir.stop(), 0)
        took = time.monotonic() - began
        print(f"  stop with a silent card: {took:.1f} s")
        self.assertLess(took, 60)
        fs.command("all ok")
        self.weir.start()
        self.polls()
        self.healthy()
        self.judge()

    @root_only
    def test_silent_card_at_the_start(self):
        fs = self.misbehaving()
        fs.command("open never")
        fs.command("name never")
        self.launch()
        self.polls(timeout=60)
        self.arrives(timeout=60)
        self.degraded("")
        fs.command("all ok")
        self.healthy()
        self.cut_and_judge()

    @root_only
    def test_full_from_the_start(self):
        """No room for a single segment; then there is."""
        self.ext4()
        self.fill()
        self.launch()
        self.degraded("No space left")
        self.polls()
        self.arrives()
        os.remove(f"{self.flash}/hog")
        self.healthy()
        self.cut_and_judge()

    @root_only
    def test_full_while_running(self):
        """Other people's files take the room: what flash has goes round, and what leaves is told."""
        self.ext4()
        self.launch(every="5ms", units=(1, 2, 3, 4), regs=125)
        self.persisted()
        self.fill()
        during = self.rig.sink(self.here, "weir/#", name="during", id="during")
        wait_for(lambda: "segment leaves why=limit" in self.weir.log_text(), timeout=240, every=0.5,
                 what="the oldest leaves")
        self.polls()
        self.arrives()
        self.assertLess(during.stop()["latency_ms"]["p99"], 1000)
        os.remove(f"{self.flash}/hog")
        self.healthy()
        gone = sum(int(line.rsplit("numbers=", 1)[1]) for line in self.weir.log_text().splitlines()
                   if "segment leaves why=limit" in line)
        kept = self.persisted()
        self.power_cut()
        self.weir.start()
        self.judge(self.polled() - kept + gone * (self.regs - 1))
        self.assertIn('"why":"limit"', self.receives["there"].text())
        self.assertNotIn('"before":[{', self.receives["here"].text())

    @root_only
    def test_read_only_at_the_start(self):
        self.ext4()
        self.launch()
        self.persisted()
        self.assertEqual(self.weir.stop(), 0)
        subprocess.run(["mount", "-o", "remount,ro", self.flash], check=True)
        self.weir.start()
        self.degraded("Read-only")
        self.polls()
        self.arrives()
        subprocess.run(["mount", "-o", "remount,rw", self.flash], check=True)
        self.healthy()
        self.cut_and_judge()

    @root_only
    def test_card_is_pulled_out(self):
        """The file system goes away under weir; the same card is mounted again later."""
        self.ext4()
        self.launch()

        def pull():
            fd = os.open(self.flash, os.O_RDONLY)
            fcntl.ioctl(fd, EXT4_SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
            os.close(fd)

        def insert():
            self.unmount()          # lazily: weir has files open there
            shutil.copyfile(self.image, self.image + "-again")  # the old one is still in use
            self.image += "-again"
            subprocess.run(["fsck.ext4", "-p", self.image], capture_output=True, check=False)
            self.mount()

        self.story(pull, ("Input/output error",), insert)
        self.cut_and_judge()

    def only_on_flash(self):
        """Records that nothing in RAM has, some of them for `later` alone."""
        self.launch()
        self.arrives(60)
        kept = self.persisted()
        self.power_cut()
        lost = self.polled() - kept
        self.weir.start()
        self.persisted()
        return lost

    @root_only
    def test_card_gone_while_it_is_read(self):
        """What cannot be read is not lost as long as the whole card does not answer."""
        fs = self.misbehaving()
        lost = self.only_on_flash()
        fs.command("read fail EIO")
        self.come()
        wait_for(lambda: any("later: records cannot be read" in text
                             for text in self.status()["degraded"]), what="the uplink says it")
        self.arrives()
        self.polls()
        arrived = self.sinks["there"].report()["unique"]
        fs.command("all ok")
        self.arrives(60, "there")
        self.judge(lost)
        self.assertEqual(arrived, 0)
        self.assertNotIn('"why":"damage"', self.receives["there"].text())
        self.assertNotIn("records cannot be read", str(self.events()[-1]))

    def test_damaged_segment(self):
        """Bytes of groups that only flash has are wrong: told, and everything else arrives."""
        lost = self.only_on_flash()
        segment = min(n for n in os.listdir(f"{self.flash}/spool") if n.endswith(".seg"))
        with open(f"{self.flash}/spool/{segment}", "r+b") as f:
            for at in range(5 * 4096, 9 * 4096, 512):
                f.seek(at)
                f.write(bytes(64))
        self.come()
        wait_for(lambda: '"why":"damage"' in self.receives["there"].text(), timeout=60,
                 what="damage told")
        self.drained()
        text = self.receives["there"].text()
        records = [json.loads(line) for line in text.splitlines() if line[:1] == "{"]
        ranges = [r for record in records for part in (record, *record.get("after", ()))
                  for r in part.get("before", ()) if r["why"] == "damage"]
        gone = sum(r["last"] - r["first"] + 1 for r in ranges)
        self.assertGreater(gone, 0, [line for line in text.splitlines() if "damage" in line])
        self.judge(lost + gone * (self.regs - 1))

    def test_no_place(self):
        """The folder cannot be made; later it can."""
        block = self.rig.path("block")
        with open(block, "w"):
            pass
        self.flash = f"{block}/flash"
        self.launch()
        self.degraded("")
        self.polls()
        self.arrives()
        os.remove(block)
        os.mkdir(block)
        self.healthy()
        self.cut_and_judge()

    def test_one_weir_a_card(self):
        self.launch()
        self.persisted()
        text = self.weir.text.replace(f"{self.rig.ram}/weir", f"{self.rig.ram}/other")
        other = self.rig.weir(text, name="other")
        self.assertEqual(other.wait(), 3)
        self.assertIn(f"in use by another weir, pid {self.weir.pid}", other.log_text())
        self.assertEqual(self.weir.stop(), 0)
        other.start()
        wait_for(lambda: "running" in other.log_text(), what="the card is free")


if __name__ == "__main__":
    unittest.main(verbosity=2)
