#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""What weir writes to a card, counted by the block device.

    wear.py [--bin BUILD] [--seconds 600] [CASE...]

Each case has a loop device of its own with ext4 (4 KiB blocks, noatime, as Raspberry Pi OS mounts
its root) and nothing else on it; all run side by side. Counting begins when weir has started and
the file system is at rest, and ends after one `sync`.

down-1 -20 -100 -1000        the link is down; so many float32 values a second, default settings
down-10000                   groups of 64 KiB and more
up                           the link is up, checkpoint = "1m"; what ten checkpoints cost
up-0, up-batch, up-slow      checkpoint = "0": plain; batch.delay = "1s"; a proxy that delays the
                             broker's acknowledgements by 800 ms

Needs root. The exit status is 1 when a target is missed, 77 without root.
"""
import argparse
import contextlib
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "rig"))
from rig import Rig, modbus_device, wait_for                # noqa: E402

SECTOR, BLOCK = 512, 4096
WRITES, SECTORS, FLUSHES = 4, 6, 15                         # fields of /sys/block/*/stat
JOURNAL = 12 * 1024                                         # allowed every 5 s
MB = 1000 * 1000


class Card:
    """A loop device with an ext4 of its own, mounted."""

    def __init__(self, path, mib=160):
        self.path, self.image = path, path + ".img"
        with open(self.image, "wb") as f:
            f.truncate(mib << 20)
        run("mkfs.ext4", "-q", "-b", str(BLOCK), "-E", "lazy_itable_init=0,lazy_journal_init=0",
            self.image)
        self.device = run("losetup", "--find", "--show", self.image).strip()
        os.makedirs(path)
        run("mount", "-o", "noatime", self.device, path)

    def close(self):
        for command in (("umount", self.path), ("losetup", "-d", self.device)):
            subprocess.run(command, check=False)
        os.remove(self.image)

    def counts(self):
        """Bytes written and flushes so far."""
        with open(f"/sys/block/{os.path.basename(self.device)}/stat") as f:
            fields = f.read().split()
        return int(fields[SECTORS]) * SECTOR, int(fields[FLUSHES])


def run(*command):
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout


def floats(count, devices, every):
    """`devices` devices of `count` float32 points each."""
    return ",\n".join(modbus_device(f"d{u}", u,
                                    [(f"v{u}x{i}", 2 * i, 'type = "float32";') for i in range(count)],
                                    every) for u in range(1, devices + 1))


class Case:
    """One weir on one card."""

    def __init__(self, rig, name, link, devices, spool="", uplink="", delay=0):
        self.rig, self.name, self.link = rig, name, link
        self.devices, self.spool, self.uplink, self.delay = devices, spool, uplink, delay
        self.failed = []

    def start(self, meters):
        self.card = Card(self.rig.path(f"{self.name}-flash"))
        broker = self.rig.broker(f"{self.name}-broker")
        url = broker.url
        if self.delay:
            proxy = self.rig.proxy(broker, f"{self.name}-proxy")
            proxy.command(f"delay {self.delay}")
            url = proxy.url
        if not self.link:
            broker.stop()
        self.weir = self.rig.weir(self.rig.config(
            f'bus = {{ adapter = "modbus"; address = "127.0.0.1:{meters.port}"; '
            f'devices = ({self.devices}); }};',
            f'up = {{ uplink = "mqtt"; url = "{url}"; {self.uplink} }};',
            gateway=self.name, spool=self.spool, name=self.name), name=self.name)

    def look(self):
        status = wait_for(self.weir.status, what="status")
        flash = status["buffer"]["flash"]
        return {"groups": flash["groups"], "bytes": flash["bytes_written"],
                "records": max(d["records"] if "records" in d else d["polls"]
                               for b in status["buses"] for d in b["devices"])}

    def begin(self):
        self.first, self.before, self.since = self.look(), self.card.counts(), time.monotonic()

    def end(self):
        self.seconds = time.monotonic() - self.since
        last = self.look()
        self.flushes = self.card.counts()[1] - self.before[1]
        self.groups = last["groups"] - self.first["groups"]
        self.rounded = last["bytes"] - self.first["bytes"]

    def settle(self):
        """After one sync of everything, which makes flushes that are not weir's."""
        self.written = self.card.counts()[0] - self.before[0]

    def figure(self, what, value, bound, digits=2):
        good = value <= bound
        if not good:
            self.failed.append(what)
        return f"{what} {value:.{digits}f} (<= {bound:.{digits}f})"

    def report(self):
        a_day = self.written / self.seconds * 86400 / MB
        words = [f"{self.groups} groups, {self.rounded} bytes of them, {self.written} written, "
                 f"{self.flushes} flushes in {self.seconds:.0f} s, {a_day:.2f} MB a day"]
        words += self.judge(a_day)
        print(f"{self.name:<11} " + "  ".join(words) + ("  MISSED" if self.failed else "  ok"),
              flush=True)
        if self.failed:
            print(self.weir.log_text()[-2000:], file=sys.stderr)
        return not self.failed


class Down(Case):
    def __init__(self, rig, name, devices, values_per_s, sustained=False):
        super().__init__(rig, name, False, devices)
        self.values_per_s, self.sustained = values_per_s, sustained

    def judge(self, a_day):
        flushes = self.flushes / max(self.groups, 1)
        allowed = self.rounded + JOURNAL * self.seconds / 5
        per_value = self.rounded / (self.values_per_s * self.seconds)
        words = [self.figure("flushes/commit", flushes, 1.3),
                 self.figure("bytes/allowed", self.written / allowed, 1.0)]
        if self.sustained:
            words.append(self.figure("bytes/byte", self.written / max(self.rounded, 1), 1.1))
        elif self.values_per_s == 1000:
            words.append(self.figure("spool bytes/value", per_value, 7))
        else:
            words.append(f"spool bytes/value {per_value:.2f}")
        return words


class Up(Case):
    def judge(self, a_day):
        if "checkpoint = \"0\"" in self.spool:
            return [self.figure("bytes written", self.written, 0, 0)]
        per_checkpoint = self.written / max(self.groups, 1)
        return [f"{per_checkpoint:.0f} bytes a checkpoint",
                self.figure("MB a day", per_checkpoint * 24 / MB, 1.0, 3)]


def cases(rig):
    quiet = 'checkpoint = "0"; '
    plain = floats(20, 2, "1s")
    return [Down(rig, "down-1", floats(1, 1, "1s"), 1),
            Down(rig, "down-20", floats(20, 1, "1s"), 20),
            Down(rig, "down-100", floats(20, 5, "1s"), 100),
            Down(rig, "down-1000", floats(20, 50, "1s"), 1000),
            Down(rig, "down-10000", floats(50, 20, "100ms"), 10000, sustained=True),
            Up(rig, "up", True, plain, spool='checkpoint = "1m"; '),
            Up(rig, "up-0", True, plain, spool=quiet),
            Up(rig, "up-batch", True, plain, spool=quiet,
               uplink='topic = "weir/{gateway}/{bus}"; batch = { records = 100; delay = "1s"; };'),
            Up(rig, "up-slow", True, plain, spool=quiet, delay=800)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--bin", default="build/release")
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("cases", nargs="*")
    options = parser.parse_args()
    if os.geteuid():
        print("wear: needs root, for loop devices")
        return 77
    with contextlib.ExitStack() as stack:
        rig = stack.enter_context(Rig(options.bin))
        meters = rig.meters(units=50, regs=125, time_reg=-1)
        chosen = [c for c in cases(rig) if not options.cases or c.name in options.cases]
        for case in chosen:
            case.start(meters)
            stack.callback(case.card.close)
        stack.callback(lambda: [case.weir.stop() for case in chosen])
        for left in range(45, 0, -5):
            print(f"\rwear: at rest in {left} s ", end="", file=sys.stderr, flush=True)
            time.sleep(5)
        os.sync()
        for case in chosen:
            case.begin()
        end = time.monotonic() + options.seconds
        while time.monotonic() < end:
            print(f"\rwear: {end - time.monotonic():.0f} s to go     ", end="", file=sys.stderr,
                  flush=True)
            time.sleep(min(5, max(0.1, end - time.monotonic())))
        print(file=sys.stderr)
        for case in chosen:
            case.end()
        os.sync()
        for case in chosen:
            case.settle()
        return 0 if all([case.report() for case in chosen]) else 1


if __name__ == "__main__":
    sys.exit(main())
