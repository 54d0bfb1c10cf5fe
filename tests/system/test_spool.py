#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""`weir spool` on live, stopped, damaged and rescued stores; nothing it looks at may change.

format.py, made from docs/format.md alone, says what a store has; `weir receive --verify` judges what
`send` delivers.
"""
import hashlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import unittest

from rig import RigTest, counting_devices, free_port, tree, wait_for

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import format  # noqa: E402

REGS = 10
SEGMENT, BLOCK = format.SPOOL_SEGMENT, format.BLOCK
NUMBERS = re.compile(r"bus (\S+) epoch (\d+) numbers (\d+) to (\d+)")


def state_of(folder):
    """Names, sizes, times of change and contents of everything below a folder."""
    state = []
    for place, _, files in os.walk(folder):
        for name in files:
            path = os.path.join(place, name)
            with open(path, "rb") as f:
                state.append((path, os.stat(path).st_mtime_ns, hashlib.sha256(f.read()).hexdigest()))
        state.append((place, os.stat(place).st_mtime_ns))
    return sorted(state)


def patch(path, at, data):
    with open(path, "r+b") as f:
        f.seek(at)
        f.write(data)


def flip(path, at):
    with open(path, "rb") as f:
        f.seek(at)
        byte = f.read(1)[0]
    patch(path, at, bytes([byte ^ 1]))


def identities(lines):
    return [(r["bus"], r["epoch"], r["seq"]) for r in lines]


def told(text):
    """The numbers that verify names."""
    found = set()
    for bus, epoch, first, last in NUMBERS.findall(text):
        found |= {(bus, int(epoch), seq) for seq in range(int(first), int(last) + 1)}
    return found


class Spool(RigTest):
    def spool(self, *args, expect=0, changes=None, timeout=120):
        """Runs `weir spool ARGS`; `changes`: the folder that must stay as it is."""
        before = state_of(changes) if changes else None
        done = subprocess.run([self.rig.program("weir"), "spool", *args], capture_output=True, text=True,
                              timeout=timeout, env={**os.environ, "XDG_RUNTIME_DIR": self.rig.ram})
        self.assertEqual(done.returncode, expect, (args, done.stdout[-2000:], done.stderr[-2000:]))
        if changes:
            self.assertEqual(state_of(changes), before, args)
        return done

    def look(self, folder, verify=0):
        """status, dump and verify of a store that does not change; returns (status, records, lines)."""
        status = json.loads(self.spool("status", "--json", folder, changes=folder).stdout)
        self.spool("status", folder, changes=folder)
        dump = self.spool("dump", folder, changes=folder)
        lines = self.spool("verify", folder, expect=verify, changes=folder).stdout
        return status, [json.loads(line) for line in dump.stdout.splitlines()], lines

    def python_store(self, count=900, each=100, note="word"):
        folder = self.rig.path("py")
        shutil.rmtree(folder, ignore_errors=True)
        format.write_spool(os.path.join(folder, "spool"), count, each, note=note)
        return folder, os.path.join(folder, "spool", "%016d.seg" % 1)


class Gateways(Spool):
    """Stores that a gateway has written."""

    def setUp(self):
        super().setUp()
        self.meters = self.rig.meters(units=4, regs=125, time_reg=-1)

    def text(self, url, units=(1, 2), every="20ms", regs=REGS):
        devices = counting_devices(units, regs, every=every)
        return self.rig.config(
            f'bus = {{ adapter = "modbus"; address = "127.0.0.1:{self.meters.port}"; '
            f'devices = ({devices}); }};',
            f'up = {{ uplink = "mqtt"; url = "{url}"; reconnect_delay_max = "500ms"; }};',
            spool='persist_after = "300ms"; ')

    @property
    def flash(self):
        return f"{self.rig.dir}/weir-flash"

    def last(self, bus="bus"):
        """The newest number of a bus on flash, of all its epochs together."""
        status = json.loads(self.spool("status", "--json", self.flash).stdout)
        return sum(e["last"] for e in status["epochs"] if e["bus"] == bus)

    def grows(self, records=60):
        at = self.last()
        wait_for(lambda: self.last() >= at + records, what="records on flash")

    def power_cut(self, weir):
        weir.kill_all()
        shutil.rmtree(f"{self.rig.ram}/weir")
        os.makedirs(f"{self.rig.ram}/weir")

    def two_boots(self, url):
        """A gateway without its broker that loses power once and then runs on."""
        weir = self.rig.weir(self.text(url))
        wait_for(lambda: os.path.isdir(f"{self.flash}/spool"), what="a spool")
        self.grows()
        self.power_cut(weir)
        weir.start()
        self.grows()
        return weir

    def dead_url(self):
        return f"mqtt://127.0.0.1:{free_port()}"

    def agree(self, folder):
        """weir and format.py say the same of a store that is whole; returns the records."""
        status, records, lines = self.look(folder)
        self.assertIn(": whole: ", lines)
        ours = list(format.read_spool(os.path.join(folder, "spool")))
        self.assertEqual(identities(records), identities(ours))
        for a, b in zip(records, ours):
            self.assertEqual((a["gateway"], a["device"]), (b["gateway"], b["device"]))
            self.assertEqual({k: v for k, v in a["values"].items() if v is not None}, b["values"])
        account = [g["account"] for g in format.groups(os.path.join(folder, "spool")) if g["whole"]][-1]
        self.assertEqual(status["group"], account["group"])
        self.assertEqual([(e["bus"], e["order"], e["epoch"], e["last"], e["gone"]) for e in status["epochs"]],
                         [(e["bus"], e["order"], e["epoch"], e["last"], e["gone"]) for e in account["epochs"]])
        self.assertEqual([(u["name"], [(c["bus"], c["confirmed"]["seq"]) for c in u["cursors"]])
                          for u in status["uplinks"]],
                         [(u["name"], [(c["bus"], c["confirmed"]["seq"]) for c in u["cursors"]])
                          for u in account["uplinks"]])
        return status, records

    def test_live_then_stopped(self):
        weir = self.two_boots(self.dead_url())
        for _ in range(5):              # beside the writer: never damage
            self.spool("verify", "-c", weir.conf)
            self.spool("dump", "-c", weir.conf)
            self.grows(10)
        for pid in tree(weir.pid):      # held still, to see that looking changes nothing
            os.kill(pid, signal.SIGSTOP)
        try:
            status, records = self.agree(self.flash)
        finally:
            for pid in tree(weir.pid):
                os.kill(pid, signal.SIGCONT)
        states = [e["state"] for e in status["epochs"] if e["bus"] == "bus"]
        self.assertEqual(states, ["unclean", "open"])
        self.assertGreater(len(records), 120)
        self.assertEqual(weir.stop(), 0)
        status, more = self.agree(self.flash)
        self.assertEqual(identities(more)[:len(records)], identities(records))
        self.assertEqual([e["state"] for e in status["epochs"] if e["bus"] == "bus"], ["unclean", "clean"])
        self.assertEqual(status["oldest"][:4], records[0]["time"][:4])
        one = self.spool("dump", self.flash, "--bus", "bus", "--device", "d1", "--kind", "reading",
                         "--epoch", str(records[-1]["epoch"])).stdout.splitlines()
        self.assertEqual([json.loads(line) for line in one],
                         [r for r in more if r["device"] == "d1" and r["epoch"] == records[-1]["epoch"]])

    def test_as_the_uplink_prints_it(self):
        broker = self.rig.broker()
        subscriber = self.rig.subscriber(broker, "weir/#")
        weir = self.rig.weir(self.text(self.dead_url()))
        wait_for(lambda: os.path.isdir(f"{self.flash}/spool"), what="a spool")
        self.grows()
        self.assertEqual(weir.stop(), 0)
        dump = [json.loads(line) for line in self.spool("dump", "-c", weir.conf).stdout.splitlines()]
        self.spool("send", broker.url, self.flash, changes=self.flash)
        wait_for(lambda: len([r for _, r in subscriber.records() if "seq" in r]) >= len(dump), what="all")
        sent = [r for _, r in subscriber.records() if "seq" in r]
        for record in sent:
            record.pop("before", None)
            record.pop("after", None)
        for bus in ("bus", "weir"):
            self.assertEqual([r for r in sent if r["bus"] == bus], [r for r in dump if r["bus"] == bus])

    def left_behind(self):
        """Folders that `send` works in."""
        return {name for name in os.listdir(self.rig.ram) if name.startswith("weir-spool-")}

    def receiver(self, broker, name="receive", *args):
        receive = self.rig.receive(broker, "--verify", "--json", *args, name=name)
        wait_for(lambda: "subscribed at" in receive.log_text(), what="subscribed")
        return receive

    def verdict(self, receive, expect=0):
        self.assertEqual(receive.stop(), expect, receive.text()[-3000:] + receive.log_text())
        return receive.text()

    def test_rescued(self):
        """The box is dead. Its card goes to a broker that knows nothing of it, and then again."""
        weir = self.two_boots(self.dead_url())
        self.power_cut(weir)
        card = self.rig.path("card")
        shutil.copytree(self.flash + "/spool", card)    # under any name
        records = [json.loads(line) for line in self.spool("dump", card).stdout.splitlines()]
        before = self.left_behind()
        broker = self.rig.broker()
        receive = self.receiver(broker)
        subscriber = self.rig.subscriber(broker, "weir/rig/#")
        done = self.spool("send", broker.url, card, changes=card)
        self.assertIn(f"{len(records)} records in {len(records)} messages acknowledged", done.stdout)
        self.assertIn("that is all there is", done.stdout)
        self.spool("send", broker.url, card, changes=card)
        wait_for(lambda: receive.text().count('"seq"') >= len(records), what="all of them")
        wait_for(lambda: len(subscriber.records()) >= 2 * len(records), what="twice")
        text = self.verdict(receive)
        self.assertEqual(text.count('"clean":false'), 2 * 2, "the power cut, on two buses, sent twice")
        retained = {topic for topic, r in subscriber.records() if "seq" not in r}
        self.assertTrue(retained)
        self.assertTrue(all(topic.startswith("weir/rig/rescued/") for topic in retained), retained)
        self.assertEqual(self.left_behind(), before)

    def test_rescued_while_the_far_end_knows_the_first_half(self):
        """--as: where the uplink was; and the gateway comes back and delivers the same again."""
        broker = self.rig.broker()
        receive = self.receiver(broker)
        weir = self.rig.weir(self.text(broker.url))
        wait_for(lambda: receive.text().count('"reading"') > 40, what="readings")
        broker.stop()
        self.grows()
        self.power_cut(weir)
        card = self.rig.path("card")
        shutil.copytree(self.flash, card)
        broker.start()
        status = json.loads(self.spool("status", "--json", card).stdout)
        done = self.spool("send", broker.url, "--as", "up", card, changes=card)
        sent = int(re.search(r": (\d+) records", done.stdout).group(1))
        behind = [c["behind"] for c in status["uplinks"][0]["cursors"]]
        self.assertEqual(sent, sum(behind))
        self.spool("send", broker.url, "--as", "nobody", card, expect=3, changes=card)
        weir.start()
        arrived = receive.text().count('"reading"')
        wait_for(lambda: receive.text().count('"reading"') > arrived + 40, what="the gateway again")
        self.assertEqual(weir.stop(), 0)
        self.verdict(receive)

    def test_since(self):
        weir = self.two_boots(self.dead_url())
        self.assertEqual(weir.stop(), 0)
        records = [json.loads(line) for line in
                   self.spool("dump", "--bus", "bus", self.flash).stdout.splitlines()]
        second = records[len(records) // 2]["time"][:19] + "Z"
        wanted = [r for r in records if r["time"] >= second[:-1]]
        broker = self.rig.broker()
        receive = self.receiver(broker)
        self.spool("send", broker.url, self.flash, "--since", second, changes=self.flash)
        wait_for(lambda: receive.text().count('"reading"') >= len(wanted), what="those")
        text = self.verdict(receive)
        sent = [json.loads(line) for line in text.splitlines() if line.startswith('{"gateway"')]
        self.assertEqual(identities(r for r in sent if r["bus"] == "bus"), identities(wanted))
        self.spool("send", broker.url, self.flash, "--since", "yesterday", expect=2)
        done = self.spool("send", broker.url, self.flash, "--since", "2037-01-01")
        self.assertIn("nothing to send", done.stdout)

    def test_brokers_that_do_not_want_it(self):
        weir = self.rig.weir(self.text(self.dead_url()))
        wait_for(lambda: os.path.isdir(f"{self.flash}/spool"), what="a spool")
        self.grows()
        self.assertEqual(weir.stop(), 0)
        done = self.spool("send", self.dead_url(), self.flash, "--wait", "1s", expect=3,
                          changes=self.flash)
        self.assertIn("0 records", done.stdout)
        self.assertIn("refused", done.stdout)
        self.spool("send", "ftp://127.0.0.1", self.flash, expect=2)
        self.spool("send", self.dead_url(), self.flash, "--set", "colour=blue", expect=2)
        login = self.rig.broker("login", password={"kerb": "secret"})
        done = self.spool("send", login.url, self.flash, expect=3, changes=self.flash)
        self.assertRegex(done.stdout, "(?i)authori[sz]ed")
        self.spool("send", login.url, self.flash, "--set", "username=kerb", "--set", "password=secret",
                   changes=self.flash)
        acl = self.rig.broker("acl", extra="max_queued_messages 100000",
                              acl="topic read #\ntopic readwrite weir/rig/d1/#\n"
                                  "topic readwrite weir/rig/d2/#\ntopic readwrite weir/rig/rescued/#\n")
        done = self.spool("send", acl.url, self.flash, expect=1, changes=self.flash)
        self.assertIn("2 records were refused", done.stdout)      # start and stop of the gateway

    @unittest.skipIf(os.geteuid(), "a read-only mount needs root")
    def test_read_only_mount(self):
        weir = self.rig.weir(self.text(self.dead_url()))
        wait_for(lambda: os.path.isdir(f"{self.flash}/spool"), what="a spool")
        self.grows()
        self.power_cut(weir)
        subprocess.run(["mount", "--bind", self.flash, self.flash], check=True)
        self.addCleanup(subprocess.run, ["umount", self.flash])
        subprocess.run(["mount", "-o", "remount,bind,ro", self.flash], check=True)
        broker = self.rig.broker()
        receive = self.receiver(broker)
        _, records, _ = self.look(self.flash)
        self.spool("send", broker.url, self.flash, changes=self.flash)
        wait_for(lambda: receive.text().count('"seq"') >= len(records), what="all")
        self.verdict(receive)


class Damage(Spool):
    """Stores of format.py, then damaged: 900 numbers of one epoch, 100 in a group."""

    def damaged(self, lost, place, found=None):
        """verify names the file and place, and exactly these numbers; dump has all the others."""
        status, records, lines = self.look(self.folder, verify=1)
        self.assertIn(": damaged: ", lines)
        self.assertIn(f"{os.path.basename(self.segment)}:{place}: ", lines)
        self.assertEqual({seq for _, _, seq in told(lines)}, set(lost), lines)
        self.assertEqual([r["seq"] for r in records],
                         [seq for seq in range(1, 901) if seq not in set(lost if found is None else found)])
        return status, lines

    def setUp(self):
        super().setUp()
        self.folder, self.segment = self.python_store()
        self.groups = list(format.groups(os.path.join(self.folder, "spool")))

    def test_whole(self):
        _, records, lines = self.look(self.folder)
        self.assertEqual([r["seq"] for r in records], list(range(1, 901)))
        self.assertIn("whole: 1 segments, 9 groups, 900 records", lines)

    def test_flipped_byte_of_a_record(self):
        group = self.groups[4]
        with open(self.segment, "rb") as f:
            at = f.read().index(format.struct.pack("<Q", 450), group["at"])
        flip(self.segment, at)
        self.damaged([450], group["at"])

    def test_flipped_byte_of_a_head(self):
        flip(self.segment, self.groups[4]["at"] + 20)
        _, lines = self.damaged(range(401, 501), self.groups[4]["at"])
        self.assertIn("group 5 cannot be read", lines)

    def test_flipped_byte_of_the_newest_head(self):
        flip(self.segment, self.groups[8]["at"] + 20)
        status, lines = self.damaged([], self.groups[8]["at"], found=range(801, 901))
        self.assertIn("group 9, the newest", lines)
        self.assertTrue(status["damage"])

    def test_several_groups(self):
        patch(self.segment, self.groups[2]["at"], b"\xff" * (self.groups[6]["at"] - self.groups[2]["at"] - BLOCK))
        at = self.groups[2]["at"]
        _, _, lines = self.look(self.folder, verify=1)
        self.assertIn(f":{at}: groups 3 to 6 cannot be read", lines)
        self.assertEqual({seq for _, _, seq in told(lines)}, set(range(201, 601)))

    def test_clock_frame(self):
        """Without its clock frame a record has no time that could be told: it is left out."""
        group = self.groups[4]
        with open(self.segment, "rb") as f:
            at = f.read().index(format.struct.pack("<qqB", 0, 10**18, 1), group["at"])
        flip(self.segment, at + 10)
        self.damaged(range(401, 501), group["at"])

    def test_send_tells_damage(self):
        flip(self.segment, self.groups[4]["at"] + 20)
        broker = self.rig.broker()
        receive = self.rig.receive(broker, "--verify", "--json")
        wait_for(lambda: "subscribed at" in receive.log_text(), what="subscribed")
        done = self.spool("send", broker.url, self.folder, changes=self.folder)
        self.assertIn(": 800 records", done.stdout)
        wait_for(lambda: receive.text().count('"seq"') >= 800, what="all that can be read")
        self.assertEqual(receive.stop(), 0, receive.text()[-2000:])
        self.assertIn('"before":[{"first":401,"last":500,"why":"damage"}]', receive.text())

    def test_one_header(self):
        for at in (12, SEGMENT - BLOCK + 12):
            flip(self.segment, at)
            self.damaged([], at // BLOCK * BLOCK)
            flip(self.segment, at)

    def test_both_headers(self):
        """A start would set it aside, with all it has; dump still reads it."""
        flip(self.segment, 12)
        flip(self.segment, SEGMENT - BLOCK + 12)
        status, lines = self.damaged(range(1, 901), 0, found=())
        self.assertEqual(status["unreadable"], 1)
        self.spool("send", "mqtt://127.0.0.1:1", self.folder, expect=3, changes=self.folder)

    def test_truncated(self):
        at = self.groups[5]["at"] + 3000
        os.truncate(self.segment, at)
        _, records, lines = self.look(self.folder, verify=1)
        self.assertIn(f":{at}: the file ends here", lines)
        self.assertIn(f":{SEGMENT - BLOCK}: the header at the end is cut off", lines)
        missing = set(range(501, 601)) - {r["seq"] for r in records}
        self.assertEqual({seq for _, _, seq in told(lines)}, missing)
        os.truncate(self.segment, 0)
        self.look(self.folder, verify=1)

    def test_lost_between_segments(self):
        """The tail of a segment is gone: the next one's header says so. So is a segment in the middle."""
        self.folder, self.segment = self.python_store(count=20000, each=250, note="x" * 500)
        spool = os.path.join(self.folder, "spool")
        names = sorted(os.listdir(spool))
        self.assertGreater(len(names), 2)
        groups = list(format.groups(spool))
        last = [g for g in groups if g["file"] == names[0]][-1]
        patch(self.segment, last["at"], bytes(BLOCK))
        _, _, lines = self.look(self.folder, verify=1)
        self.assertIn(f"{names[0]}:{last['at']}: group {last['number']} cannot be read", lines)
        section = last["sections"][0]
        self.assertEqual({s for _, _, s in told(lines)}, set(range(section["first"], section["last"] + 1)))
        os.rename(os.path.join(spool, names[1]), os.path.join(spool, "bad-2"))
        _, records, lines = self.look(self.folder, verify=1)
        self.assertIn("bad-2:0: set aside", lines)
        self.assertEqual({s for _, _, s in told(lines)}, set(range(1, 20001)) - {r["seq"] for r in records})

    def test_newer_format(self):
        with open(self.segment, "rb") as f:
            block = f.read(BLOCK)
        kind, body, end = format.one_frame(block, 0, 0)
        newer = format.frame(kind, body.replace(b"WEIRSPL1", b"WEIRSPL2"), 0)
        patch(self.segment, 0, newer)
        patch(self.segment, SEGMENT - BLOCK, newer)
        done = self.spool("verify", self.folder, expect=3, changes=self.folder)
        self.assertIn("newer format", done.stderr)

    def test_counters(self):
        for i in (1, 2):
            with open(os.path.join(self.folder, "spool", f"counter-{i}"), "wb") as f:
                f.write(b"WEIRCNT1" + bytes(504))
        done = self.spool("verify", self.folder, expect=1, changes=self.folder)
        self.assertEqual(done.stdout.count("counter of epochs"), 2)

    def test_group_written_again(self):
        """After a failed write a group is written again, with more, into the next segment."""
        spool = os.path.join(self.folder, "spool")
        with open(self.segment, "rb") as f:
            first = f.read()[BLOCK:self.groups[4]["at"]]
        format.write_spool_segment(spool, 1, 1, first)
        declaration, digest = format.declare("d1")
        clock = (format.CLOCK, format.struct.pack("<qqB", 0, 10**18, 1))
        parts = [clock] + [(format.RECORD, format.record(seq, digest)) for seq in range(301, 451)]
        account = format.write_account(4, 1, [("meters", 1, 2893474234, 450, 1)])
        again = format.write_spool_group(2, 4, account, [format.struct.pack("<Q", digest) + declaration],
                                         [(0, parts, 301, 450)])
        format.write_spool_segment(spool, 2, 4, again)
        _, records, _ = self.look(self.folder)
        self.assertEqual([r["seq"] for r in records], list(range(1, 451)))
        at = list(format.groups(spool))[3]["at"]        # torn where it failed: nothing is lost
        with open(self.segment, "rb") as f:
            flip(self.segment, f.read().index(format.struct.pack("<Q", 350), at))
        _, records, _ = self.look(self.folder)
        self.assertEqual([r["seq"] for r in records], list(range(1, 451)))
        patch(self.segment, at + 2000, bytes(3000))
        _, records, _ = self.look(self.folder)
        self.assertEqual([r["seq"] for r in records], list(range(1, 451)))
        patch(self.segment, at, bytes(BLOCK))
        _, records, _ = self.look(self.folder)
        self.assertEqual([r["seq"] for r in records], list(range(1, 451)))
        broker = self.rig.broker()
        receive = self.rig.receive(broker, "--verify", "--json")
        wait_for(lambda: "subscribed at" in receive.log_text(), what="subscribed")
        self.spool("send", broker.url, self.folder, changes=self.folder)
        wait_for(lambda: receive.text().count('"seq"') >= 450, what="all")
        self.assertEqual(receive.stop(), 0)
        self.assertNotIn('"before":[{', receive.text())

    def test_any_byte(self):
        """Wherever a byte changes: nothing wrong is shown, and verify names whatever is not."""
        whole = {r["seq"]: r for r in self.look(self.folder)[1]}
        with open(self.segment, "rb") as f:
            original = f.read()
        used = {at for g in self.groups for at in range(g["at"], g["at"] + g["length"])}
        choice = random.Random(7)
        for at in choice.sample(range(self.groups[-1]["at"] + self.groups[-1]["length"]), 40):
            with self.subTest(at=at):
                flip(self.segment, at)
                verify = self.spool("verify", self.folder, expect=1 if at in used or at < 130 else 0)
                dump = [json.loads(line) for line in self.spool("dump", self.folder).stdout.splitlines()]
                self.assertTrue(all(whole[r["seq"]] == r for r in dump))
                missing = set(whole) - {r["seq"] for r in dump}
                if self.groups[-1]["at"] > at:
                    self.assertEqual({s for _, _, s in told(verify.stdout)} & missing, missing)
                patch(self.segment, at, original[at:at + 1])


class Usage(Spool):
    def test_no_store(self):
        empty = self.rig.path("empty")
        os.mkdir(empty)
        for part in ("status", "dump", "verify"):
            for folder in (empty, self.rig.path("nowhere"), "/etc/hostname"):
                self.assertIn("weir: ", self.spool(part, folder, expect=3).stderr)
        self.spool("send", "mqtt://127.0.0.1:1", empty, expect=3, changes=empty)
        os.mkdir(f"{empty}/spool")      # a store that nothing was written to yet
        self.assertEqual(self.spool("dump", empty).stdout, "")
        self.assertIn("whole: 0 segments", self.spool("verify", empty, changes=empty).stdout)
        self.assertEqual(json.loads(self.spool("status", "--json", empty).stdout)["segments"], 0)
        self.assertIn("nothing to send", self.spool("send", "mqtt://127.0.0.1:1", empty).stdout)

    def test_wrong_usage(self):
        self.spool(expect=2)
        self.spool("frobnicate", expect=2)
        self.spool("--help")
        for part in ("status", "dump", "verify", "send"):
            self.assertIn("usage: weir spool " + part, self.spool(part, "--help").stdout)
            self.spool(part, "--frobnicate", expect=2)
        self.spool("send", expect=2)
        self.spool("send", "mqtt://127.0.0.1", "--set", "novalue", expect=2)
        self.spool("send", "mqtt://127.0.0.1", "--as", "up", "--since", "1d", expect=2)
        self.spool("dump", "--epoch", "none", expect=2)
        self.spool("status", "-c", self.rig.path("nowhere"), expect=3)

    def test_several(self):
        """The worst exit status counts, and every store is looked at."""
        folder, segment = self.python_store(100)
        good = self.rig.path("good")
        shutil.copytree(folder, good)
        flip(segment, 12)
        done = self.spool("verify", folder, good, expect=1)
        self.assertIn("damaged", done.stdout)
        self.assertIn("whole", done.stdout)
        self.spool("verify", good, self.rig.path("nowhere"), expect=3)
        self.assertEqual(len(self.spool("status", "--json", folder, good).stdout.splitlines()), 2)


if __name__ == "__main__":
    unittest.main(verbosity=2)
