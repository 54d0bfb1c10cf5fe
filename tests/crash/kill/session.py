# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""One gateway between meters and a broker, killed again and again; the judges watch all the time.

A session is of one kind:

    kept    processes die, RAM stays: nothing may be lost but the reading on the wire
    cut     the power goes, too
    gone    there is no spool, and the link is away until RAM is full: what leaves is told
"""
import mmap
import os
import random
import shutil
import signal
import struct
import subprocess
import time
import uuid

from judge import Ends, Judge, WINDOWED
from cut import Cut
from rig import command_line, counting_devices, kill_pid, tree, wait_for

UNITS, REGISTERS = (1, 2), 120
PATIENCE_S = 10

# Where a step comes by: with the link up or down or either, at a start, at a stop.
UP, DOWN, ANY, START, STOP = range(5)
STEPS = {
    "segment-before": ANY, "append-before": ANY, "append-after": ANY, "notify-before": ANY,
    "read": UP, "publish-before": UP, "publish-after": UP, "accepted": UP,
    "confirm-before": UP, "confirm-after": UP, "trim-before": ANY, "trim-after": ANY,
    "group-before": DOWN, "group-after": DOWN, "persisted-before": DOWN, "persisted-after": DOWN,
    "header-written": DOWN, "header-renamed": DOWN,
    "recycle-before": UP, "recycle-renamed": UP, "recycle-synced": UP,
    "window-before": ANY, "window-after": ANY, "window-made": ANY,
    "closed": STOP, "end-before": STOP, "end-after": STOP,
    "counter-between": START, "restored": START, "ready-before": START,
    "anywhere": ANY,
}
GONE = ("gone-before", "gone-after")
BACKLOG = ("recycle-before", "recycle-renamed", "recycle-synced")
BUSY = ("append-before", "append-after", "read", "publish-before", "publish-after", "accepted")
KINDS = {"kept": tuple(STEPS), "cut": tuple(STEPS), "gone": GONE}
STEPS.update(dict.fromkeys(GONE, DOWN))
VICTIMS = ("core", "bus", "uplink", "store", "all")     # who is killed while somebody stands at a step


class Page:
    """The file that says where to stop: src/base/step.h."""

    def __init__(self, path):
        with open(path, "wb") as f:
            f.write(bytes(64))
        with open(path, "r+b") as f:
            self.map = mmap.mmap(f.fileno(), 64)

    def arm(self, step, passes):
        self.map[56:64] = bytes(8)
        self.map[0:56] = step.encode().ljust(56, b"\0")
        self.map[56:60] = struct.pack("<i", passes)

    def disarm(self):
        self.map[0:64] = bytes(64)

    def stopped(self):
        """The pid of the process that has stopped itself, when it has; else 0."""
        pid = struct.unpack("<i", self.map[60:64])[0]
        try:
            with open(f"/proc/{pid}/stat") as f:
                return pid if pid and f.read().rsplit(")", 1)[1].split()[0] == "T" else 0
        except OSError:
            return 0


class Missed(Exception):
    """Nobody came by the step in time."""


class Session:
    def __init__(self, rig, kind, seed):
        self.rig, self.kind, self.random = rig, kind, random.Random(seed)
        self.judge = Judge()
        self.ram, self.flash = f"{rig.ram}/weir", rig.path("weir-flash")
        self.page = Page(rig.path("step"))
        self.broker = rig.broker()
        self.receive = Ends(rig, self.broker).start()
        wait_for(lambda: "subscribed at" in self.receive.log_text(), what="subscribed")
        self.sink = rig.sink(self.broker, "weir/#", time_reg=-1)
        self.proxy = rig.proxy(self.broker)
        self.meters = rig.meters(units=WINDOWED, regs=125, time_reg=-1)
        self.up = True
        self.weir = rig.weir(self.config(), env=self.environment())
        self.cut = Cut(f"{self.flash}/spool", rig.path("logs"), self.random)
        self.journal = open(rig.path("journal"), "w", buffering=1)

    def config(self):
        every = "1ms" if self.kind == "gone" else "5ms"
        devices = counting_devices(UNITS, REGISTERS, every=every, extra='timeout = "500ms";') + (
            f', {{ name = "w"; unit_id = {WINDOWED}; every = "20ms"; timeout = "500ms"; points = ( '
            '{ name = "n"; register = 0; } ); window = { period = "200ms"; '
            'functions = ( "min", "max", "count" ); }; }')
        return self.rig.config(
            f'bus = {{ adapter = "modbus"; address = "127.0.0.1:{self.meters.port}"; '
            f'devices = ({devices}); }};',
            f'up = {{ uplink = "mqtt"; url = "{self.proxy.url}"; reconnect_delay_max = "300ms"; }};',
            spool='persist_after = "200ms"; limit = "64MiB"; '
                  + ('ram_limit = "4MiB"; ' if self.kind == "gone" else ""))

    def environment(self):
        spool = f"{self.flash}/spool"
        os.makedirs(self.rig.path("logs"))
        if self.kind == "gone":
            with open(spool, "w"):
                pass                    # a folder cannot be made here
        else:
            os.makedirs(spool)
        self.new_boot()
        return {**os.environ, "WEIR_STEP_FILE": self.rig.path("step"),
                "LD_PRELOAD": f"{self.rig.bin}/crash/cut.so", "WEIR_CUT_FOLDER": spool,
                "WEIR_CUT_LOGS": self.rig.path("logs"), "WEIR_BOOT_ID": self.rig.path("boot-id")}

    # ---- what happens to it

    def note(self, *what):
        """Into the journal, with the time that records have, too."""
        print(f"{time.clock_gettime(time.CLOCK_BOOTTIME):.3f}", *what, file=self.journal)

    def new_boot(self):
        with open(self.rig.path("boot-id"), "w") as f:
            f.write(f"{uuid.UUID(int=self.random.getrandbits(128))}\n")

    def link(self, up):
        if up != self.up:
            self.proxy.command("up" if up else "down")
            self.note("link", "up" if up else "down")
            if not up:
                self.proxy.command("cut")
            self.up = up

    def kill_all(self, power):
        """All of weir at once, and the power if wanted; returns when all are dead."""
        self.page.disarm()
        self.note("all are killed")
        family = tree(self.weir.pid)
        self.weir.kill_all()
        self.reap(family[1:])
        self.judge.bus_kills += 1
        if power:
            self.power_goes()

    def power_goes(self):
        """Everything is dead: what only the RAM had is gone, and what was not synced may be."""
        self.note("the power goes")
        self.judge.power_goes(self.ram)
        shutil.rmtree(self.ram)
        os.makedirs(self.ram)
        self.cut.now()
        self.new_boot()

    def reap(self, pids):
        """Orphans of a killed core are ours (the rig is their subreaper)."""
        for pid in pids:
            try:
                os.waitpid(pid, 0)
            except ChildProcessError:
                pass                    # was another's, and is gone

    def kill_core(self):
        """Core alone; all its children must end by themselves, also one that is stopped."""
        self.page.disarm()
        self.note("core is killed")
        family = tree(self.weir.pid)
        self.weir.kill()
        self.judge.bus_kills += 1
        try:
            wait_for(lambda: not any(map(command_line, family)), timeout=PATIENCE_S,
                     what="the end of core's children")
        except TimeoutError:
            self.judge.wrong.append(f"children that outlive core: {family}")
            for pid in family:
                kill_pid(pid)
        self.reap(family[1:])

    def kill_child(self, pid, stopped):
        """One child; another may have stopped itself, and goes on then."""
        self.judge.bus_kills += pid == self.weir.children().get("bus bus")
        self.page.disarm()
        self.note("killed", pid, "while", stopped, "stood")
        kill_pid(pid)
        if stopped and stopped != pid:
            time.sleep(self.random.choice((0, 0.02, 0.3)))
            os.kill(stopped, signal.SIGCONT)

    # ---- one kill

    def one(self, step):
        """Kills at a step; (who, did the power go). Missed: nobody came by."""
        where = STEPS[step]
        self.note(step)
        try:
            self.prepare(step, where)
        except (AssertionError, TimeoutError) as problem:
            self.miss()
            raise Missed from problem
        if step == "anywhere":
            time.sleep(self.random.uniform(0, 0.05))
            stopped = 0
        else:
            stopped = self.wait_for_stop()
        self.note("stopped", stopped)
        power = self.kind == "cut" and self.random.random() < 0.6
        who, pid = self.victim(stopped)
        if who == "all":
            self.kill_all(power)
            self.weir.start()
        else:
            self.kill_alone(who, pid, stopped, power, where)
        return who, power

    def victim(self, stopped):
        """(who, pid): all, the one at the step, or any other."""
        roles = {"core": self.weir.pid}
        roles.update((role.split()[0], pid) for role, pid in self.weir.children().items())
        roles = {role: pid for role, pid in roles.items() if role in VICTIMS}
        there = [role for role, pid in roles.items() if pid == stopped]
        rare = ["bus", "uplink"]        # seldom the one that stands
        who = self.random.choice(["all", "all", *there,
                                  *(v for v in [*VICTIMS, *rare] if v in roles)])
        return who, roles.get(who)

    def kill_alone(self, who, pid, stopped, power, where):
        """One process; the power may go right after, when the others have noticed or not."""
        if who == "core":
            self.kill_core()
        else:
            self.kill_child(pid, stopped)
            if where == STOP:
                self.end_of_stop(power)
            elif power:
                time.sleep(self.random.choice((0, 0, 0.01, 0.2)))
                self.kill_all(False)
        if power:
            self.power_goes()
        if not self.weir.running:
            self.weir.start()

    def end_of_stop(self, power):
        """A child has died while all are told to end: core ends with the others."""
        if power and self.random.random() < 0.5:
            self.kill_all(False)
            return
        try:
            self.weir.wait(self.weir.stop_timeout)
        except subprocess.TimeoutExpired:
            self.judge.wrong.append("weir does not stop when a child dies meanwhile")
            self.kill_all(False)
        self.judge.bus_kills += 1       # a poll may have been under way

    def prepare(self, step, where):
        if step in BACKLOG and self.segments() < 3:
            self.link(False)
            wait_for(lambda: self.segments() >= 3, timeout=PATIENCE_S, what="a backlog")
        if where == ANY:
            self.link(self.random.random() < 0.6)
        elif where in (UP, DOWN):
            self.link(where == UP)
        passes = self.random.choice((1, 1, 2, 5)) if step in BUSY else 1
        if where == START:
            if step == "counter-between" and self.kind == "kept":
                self.page.disarm()
                self.weir.stop()
                self.judge.bus_kills += 1
            else:
                self.kill_all(self.kind == "cut" and
                              (step == "counter-between" or self.random.random() < 0.5))
        if step != "anywhere":
            self.page.arm(step, passes)
        if where == START:
            self.weir.start()
        elif where == STOP:
            wait_for(lambda: self.weir.children().get("bus bus"), timeout=PATIENCE_S, what="the bus")
            self.weir.signal(signal.SIGTERM)

    def segments(self):
        return sum(name.endswith(".seg") for name in os.listdir(f"{self.flash}/spool"))

    def wait_for_stop(self):
        end = time.monotonic() + PATIENCE_S
        while not (pid := self.page.stopped()):
            if not self.weir.running or time.monotonic() > end:
                self.miss()
                raise Missed
            time.sleep(0.003)
        return pid

    def miss(self):
        """Begins again, with no back-off of killed children to wait for."""
        self.kill_all(False)
        self.weir.start()

    # ---- the end

    def drain(self):
        """The link is up, and everything arrives."""
        self.kill_all(False)            # no back-off of killed children to wait for
        self.link(True)
        self.weir.start()

        def empty():
            status = self.weir.status()
            return status and status["uplinks"] and all(
                u["connected"] and u["backlog"] < 300 for u in status["uplinks"])
        wait_for(empty, timeout=120, every=0.2, what="drained")

    def verdict(self):
        """(what is wrong, a summary)"""
        self.drain()
        if self.weir.stop() != 0:
            return ["weir did not stop in order"], ""
        self.judge.bus_kills += 1       # a poll may be under way
        self.judge.wrong += [line for line in self.weir.log_text().splitlines()
                             if "store gives no epoch" in line]
        wait_for(self.quiet, timeout=30, what="the last records at the sink")
        wrong, summary = self.judge.complaints(self.receive, self.sink.report(), self.meters.report(),
                                               REGISTERS, self.kind == "gone")
        wrong += self.judge.windows(self.receive.windows, self.meters.report()["units"][str(WINDOWED)],
                                    self.kind == "kept")
        if self.cut.count:
            summary += (f"; {self.cut.count} cuts took back {self.cut.writes_lost} writes, "
                        f"{self.cut.names_lost} names")
        return wrong, summary

    def quiet(self):
        before = self.sink.report()["msgs"]
        time.sleep(0.5)
        return self.sink.report()["msgs"] == before
