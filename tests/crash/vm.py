#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""Power cuts of a virtual machine: Debian's kernel, ext4, and the whole of weir.

    vm.py [--cuts 20] [--seconds N] [--seed N] [--bin build/release]

Boots a machine with weir, which polls two meters outside and sends to a broker outside. The link
to the broker is up, closed or silent at random; then the power goes, and the disk loses any part
of what was not flushed (see vm/disk.py). After one or more cuts the link stays up until all has
been delivered, and two judges look at it: `weir receive --verify`, and the list of what the meters
have answered. An answer may be missing only if it was younger than persist_after at a cut, and
nothing may be missing without a word, or come twice under different numbers.

The exit status is 0, or 1 if something was violated, 2 if the campaign failed, 77 if it cannot run
here, 130 if it was interrupted. Needs qemu-system-x86, mmdebstrap (the first time) and no root;
leaves nothing behind but build/crash, where the machine's base is kept.
"""
import argparse
import os
import platform
import random
import shutil
import signal
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests", "rig"))

from rig import Rig, wait_for  # noqa: E402  (the line above says where it is)
from vm.disk import Disk  # noqa: E402
from vm.image import Base, Failure, shared_library, weir_archive  # noqa: E402
from vm.judge import Judge  # noqa: E402
from vm.machine import Machine  # noqa: E402
from vm.tap import Tap  # noqa: E402

SKIPPED = 77
SHOWN = 20                              # violations in full
DISK_BYTES = 128 << 20
DRAIN_S, SAVE_S = 90, 30
DOWN_S, RUN_S = 14, 14                  # at most
AT_A_WRITE = 0.7                        # of the cuts come at a write or a flush, if there is one
FUSE_WRITES, FUSE_S = 12, 6             # the latest such write, and how long it is waited for
EARLY_WRITES, BOOT_S = 40, 10
WAIT_FOR_CUTS = 3                       # at most so many cuts before all must drain
OUTSIDE = "10.0.2.2"                    # this machine, seen from the virtual one

CONFIG = """
gateway = {{ name = "vm"; clock = "auto"; }};
spool = {{ directory = "/data/weir"; ram = "/run/weir"; persist_after = "{persist}"; }};
buses = {{
  one = {{ adapter = "modbus"; address = "{outside}:{tap}"; devices = ( {first} ); }};
  two = {{ adapter = "modbus"; address = "{outside}:{tap}"; devices = ( {second} ); }};
}};
uplinks = {{
  up = {{ uplink = "mqtt"; url = "mqtt://{outside}:{broker}"; reconnect_delay_max = "1s"; }};
}};
"""
DEVICE = """{{ name = "m{unit}"; unit_id = {unit}; every = "{every}"; timeout = "5s";
  points = ( {{ name = "n"; register = 0; type = "uint16"; }} ); }}"""


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cuts", type=int, default=20, metavar="N", help="so many cuts (20)")
    parser.add_argument("--seconds", type=float, metavar="N", help="no new cut after so long")
    parser.add_argument("--seed", type=int, metavar="N", help="of what happens when")
    parser.add_argument("--bin", default=os.path.join(ROOT, "build", "release"), metavar="DIR")
    parser.add_argument("--cache", default=os.path.join(ROOT, "build", "crash"), metavar="DIR")
    parser.add_argument("--accel", choices=("kvm", "tcg"), help="else KVM if it boots")
    parser.add_argument("--persist-after", type=float, default=5, metavar="S")
    parser.add_argument("--slack", type=float, default=1, metavar="S",
                        help="how much more may be lost: the time from the meter to weir (1)")
    parser.add_argument("--forget-sync", action="store_true",
                        help="weir's fsync does nothing: a test of the campaign, which must find it")
    parser.add_argument("--keep", metavar="DIR",
                        help="for the disk and the consoles of the first violation")
    options = parser.parse_args()
    if options.seed is None:
        options.seed = random.randrange(1 << 31)
    return options


def why_not(options):
    """Why this machine cannot run the campaign, or None."""
    if platform.machine() != "x86_64":
        return "the virtual machine is an x86_64 one, and weir is built for this one"
    for program in ("qemu-system-x86_64", "mmdebstrap", "mosquitto", "mkfs.ext4"):
        if not shutil.which(program, path=os.environ.get("PATH", "") + ":/sbin:/usr/sbin"):
            return f"{program} is not installed"
    if not os.access(os.path.join(options.bin, "weir"), os.X_OK):
        return f"no weir in {options.bin}; ./dev build"
    return None


class Campaign:
    """Everything that runs, and what was found."""

    def __init__(self, rig, options):
        self.rig, self.options = rig, options
        self.dice = random.Random(options.seed)
        self.start = time.monotonic()
        self.cuts = self.violations = 0
        self.undrained = 0                      # cuts since all had arrived
        self.link_state = "up"
        self.interrupted = False

    def set_up(self):
        rig, options = self.rig, self.options
        base = Base(options.cache)
        broker = rig.broker()
        meters = rig.meters(units=2, regs=1, time_reg=-1)
        self.tap = Tap(meters.port)
        self.link = rig.proxy(broker)
        receiver = rig.receive(broker, "--json", "--verify", "--report", rig.path("report.json"))
        wait_for(lambda: "subscribed" in receiver.log_text(), what="receiver subscribed")
        config = CONFIG.format(outside=OUTSIDE, tap=self.tap.port, broker=self.link.port,
                               persist=f"{options.persist_after:g}s",
                               first=DEVICE.format(unit=1, every="50ms"),
                               second=DEVICE.format(unit=2, every="130ms"))
        preload = shared_library("forget.c", rig.path("forget.so")) if options.forget_sync else None
        archive = weir_archive(options.bin, config, preload)
        self.disk = Disk(rig.path("disk"), DISK_BYTES)
        self.machine = Machine(rig, base, archive, self.disk,
                               options.accel)
        self.judge = Judge(self.tap, receiver.path, rig.path("report.json"),
                           options.persist_after + options.slack)
        self.receiver = receiver
        say(f"seed {options.seed}, {self.machine.accel}, "
            f"base {'kept' if base.cached else 'made'}, {time.monotonic() - self.start:.0f} s")

    def run(self):
        options = self.options
        while self.cuts < options.cuts and not (
                options.seconds and time.monotonic() - self.start > options.seconds):
            self.one_cut()
        self.power_on("drain")
        self.drain()
        self.finish()

    # ---- one boot, one cut

    def one_cut(self):
        plans = ["drain"]
        if self.undrained < WAIT_FOR_CUTS:
            plans += ["down", "early", "middle" if self.link_state != "up" else "drain"]
        plan = self.dice.choice(plans)
        self.power_on(plan)
        words = getattr(self, "plan_" + plan)()
        if plan != "early" and self.dice.random() < AT_A_WRITE:
            words += self.at_a_write(FUSE_WRITES, FUSE_S)
        ran = time.monotonic() - self.booted
        self.found(self.complaints())
        self.machine.cut()
        self.judge.cuts.append(time.monotonic())
        kept = self.disk.lose(self.dice)
        self.cuts += 1
        self.undrained += 1
        say(f"cut {self.cuts}: {words}, {ran:.1f} s after power on; {kept}")

    def power_on(self, plan):
        self.set_link("down" if plan == "down" else "up")
        self.booted = time.monotonic()
        self.machine.boot(wrong_clock=self.dice.random() < 0.25)
        if plan != "early":
            self.machine.wait_up()

    def at_a_write(self, writes, seconds):
        """The power goes at a write or flush, if there is one in time."""
        self.disk.arm(self.dice.randrange(1, writes))
        return ", at a write" if self.disk.blown.wait(seconds) else ""

    def plan_drain(self):
        """All arrives; then perhaps the link fails, and what comes after that waits."""
        self.drain()
        state = self.dice.choice(("up", "down", "down", "mute"))
        self.set_link(state)
        time.sleep(self.dice.uniform(0, DOWN_S))
        return f"link {state} after a drain"

    def plan_down(self):
        """Nobody is there from the start on."""
        time.sleep(self.dice.uniform(0, RUN_S))
        return "link down"

    def plan_early(self):
        """While the kernel recovers its journal, or weir starts and recovers."""
        if self.dice.random() < AT_A_WRITE:
            return "at the start" + self.at_a_write(EARLY_WRITES, BOOT_S)
        self.machine.wait_up()
        time.sleep(self.dice.uniform(0, 1.5))
        return "at the start"

    def plan_middle(self):
        """While the backlog drains."""
        self.judge.read()
        before = self.judge.records
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and self.judge.records == before:
            self.judge.read()
            time.sleep(0.02)
        time.sleep(self.dice.uniform(0, 0.5))
        return "while draining"

    def drain(self):
        """Waits until an answer of each meter given since power on has arrived, and judges.

        Records arrive in order, so everything older has arrived then, or never will.
        """
        up = time.monotonic()
        try:
            wait_for(lambda: len(self.judge.arrived_since(self.booted)) == 2, DRAIN_S,
                     what="all arrives", every=0.1)
        except TimeoutError:
            self.found([f"after cut {self.cuts}: not all has arrived within {DRAIN_S} s; the "
                        f"console ends: {self.machine.said()[-1500:]}"])
            return
        drained = time.monotonic() - up
        now_ms = time.time() * 1000
        wait_for(lambda: self.judge.saved_ms() > now_ms, SAVE_S, what="the receiver's report")
        found, words = self.judge.settle()
        found += self.judge.blame()
        self.undrained = 0
        say(f"drained in {drained:.1f} s: {words}{'' if found else ', ok'}")
        self.found(found)

    def set_link(self, state):
        """up; down: the port is closed; mute: nothing passes, and connections stay open."""
        commands = {"up": ("stall off", "up"), "down": ("down", "stall off"), "mute": ("stall on",)}
        if state != self.link_state:
            for command in commands[state]:
                if command != "up" or self.link_state == "down":
                    self.link.command(command)
            self.link_state = state

    # ---- what was found

    def complaints(self):
        line = self.machine.complaint()
        return [f"boot {self.machine.serial}: the console says: {line}"] if line else []

    def finish(self):
        """The receiver's verdict on everything."""
        self.found(self.complaints())
        self.receiver.stop()
        found = self.judge.blame()
        if not self.violations and not found and self.judge.verdict() != "ok":
            found = [f"receive: {self.judge.verdict()}"]
        self.found(found)
        say(f"{self.judge.records} records; {self.receiver.log_text().splitlines()[-1]}")

    def found(self, violations):
        for text in violations:
            self.violations += 1
            if self.violations <= SHOWN:
                say(f"violated: {text}")
            if self.violations == 1 and self.options.keep:
                self.keep(self.options.keep)

    def keep(self, folder):
        os.makedirs(folder, exist_ok=True)
        self.disk.save(os.path.join(folder, "disk"))
        for name in os.listdir(self.rig.dir):
            if name.startswith(("console-", "receive", "report")):
                shutil.copy(self.rig.path(name), folder)

    def line(self):
        return (f"{self.cuts} cuts, {self.violations} violations, "
                f"{time.monotonic() - self.start:.0f} s")


def say(text):
    print(f"vm: {text}", flush=True)


def stop(number, _):
    raise KeyboardInterrupt(number)


def main():
    options = parse()
    reason = why_not(options)
    if reason:
        say(f"not here: {reason}")
        return SKIPPED
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    campaign = None
    try:
        with Rig(options.bin) as rig:
            campaign = Campaign(rig, options)
            try:
                campaign.set_up()
                campaign.run()
            except KeyboardInterrupt:
                campaign.interrupted = True
                say("interrupted")
    except (Failure, OSError, RuntimeError, TimeoutError, ValueError) as error:
        say(f"failed: {error}")
        return 2
    say(campaign.line())
    return 1 if campaign.violations else 130 if campaign.interrupted else 0


if __name__ == "__main__":
    sys.exit(main())
