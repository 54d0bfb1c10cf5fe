#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""Kills at each step of a record's way, and what receive says of them.

    kill.py [--kills 2000] [--seconds N] [--seed N] [--step NAME] [--workers 2] [--slice]

Needs a build with WEIR_STEPS (made in build/steps), in which a process stops itself at a named step;
it is then killed from outside: that process alone, or all of weir; and in a third of the latter
the power goes too: the folder in RAM is emptied (the page cache stays). The link to the broker is up
or down at random, segments are small, so that everything turns over quickly. `weir receive
--verify` watches all the time and has the last word.

Ends with `kill: N kills (min M in a step), V unaccounted, T s`; exit 0, or 1 if anything is unaccounted.
"""
import argparse
import mmap
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests", "rig"))

from rig import Rig, counting_devices, kill_pid, tree, wait_for           # noqa: E402

STEPS = ("append-before", "append-after", "notify-before", "read", "publish-before",
         "publish-after", "confirm-before", "confirm-after", "trim-before", "group-before",
         "group-after", "persisted-before", "persisted-after", "header-written",
         "recycle-renamed", "counter-between", "restored")
AT_START = ("counter-between", "restored")
NEED_LINK = ("publish-before", "publish-after", "confirm-before", "confirm-after", "read",
             "recycle-renamed")
NEED_BACKLOG = ("recycle-renamed",)
NEED_NONE = ("group-before", "group-after", "header-written")
PATIENCE_S, UP, ROUND = 8, 0.6, 25


def build():
    """The build with steps."""
    where = os.path.join(ROOT, "build", "steps")
    commands = (["cmake", "--preset", "release", "-B", where, "-DWEIR_STEPS=ON"],
                ["cmake", "--build", where, "-j", str(os.cpu_count())])
    for command in commands:
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, check=False)
        if done.returncode:
            sys.exit("kill: the build failed:\n" + done.stdout[-3000:])
    return where


class Page:
    """The file that says where to stop."""

    def __init__(self, path):
        with open(path, "wb") as f:
            f.write(bytes(64))
        with open(path, "r+b") as f:
            self.map = mmap.mmap(f.fileno(), 64)

    def arm(self, step, count):
        self.map[0:64] = step.encode().ljust(63, b"\0") + bytes([count])

    def disarm(self):
        self.map[0:64] = bytes(64)


def stopped(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0] == "T"
    except OSError:
        return False


class Session:
    """One gateway between a meter and a broker, killed again and again."""

    def __init__(self, rig, seed):
        self.rig, self.random = rig, random.Random(seed)
        self.page = Page(rig.path("step"))
        self.broker = rig.broker()
        self.receive = rig.receive(self.broker, "--verify", "--json")
        wait_for(lambda: "subscribed at" in self.receive.log_text(), what="subscribed")
        self.proxy = rig.proxy(self.broker)
        self.meters = rig.meters(units=2, regs=125, time_reg=-1)
        devices = counting_devices((1, 2), 120, every="5ms", extra='timeout = "500ms";')
        text = rig.config(
            f'bus = {{ adapter = "modbus"; address = "127.0.0.1:{self.meters.port}"; '
            f'devices = ({devices}); }};',
            f'up = {{ uplink = "mqtt"; url = "{self.proxy.url}"; reconnect_delay_max = "300ms"; }};',
            spool='persist_after = "200ms"; limit = "16MiB"; ')
        self.weir = rig.weir(text, env={**os.environ, "WEIR_STEP_FILE": rig.path("step")})
        self.up = True
        self.kills = dict.fromkeys(STEPS, 0)

    def link(self, up):
        if up != self.up:
            self.proxy.command("up" if up else "down")
            if not up:
                self.proxy.command("cut")
            self.up = up

    def victim(self):
        return next((pid for pid in tree(self.weir.pid) if stopped(pid)), None)

    def all_down(self, power):
        self.page.disarm()
        self.weir.kill_all()
        if power:
            shutil.rmtree(f"{self.rig.ram}/weir")
            os.makedirs(f"{self.rig.ram}/weir")

    def one(self, step):
        """Arms the step and kills who stops there. False: nobody came by."""
        at_start = step in AT_START
        if step in NEED_BACKLOG:
            self.link(False)
            time.sleep(2)
        self.link(step in NEED_LINK or step not in NEED_NONE and self.random.random() < UP)
        if at_start:
            self.all_down(self.random.random() < 0.5 or step == "counter-between")
        self.page.arm(step, 1 if at_start else self.random.choice((1, 1, 2, 5)))
        if at_start:
            self.weir.start()
        end = time.monotonic() + PATIENCE_S
        while not (pid := self.victim()):
            if not self.weir.running:
                self.weir.start()
            if time.monotonic() > end:
                self.page.disarm()
                return False
            time.sleep(0.005)
        if pid == self.weir.pid or self.random.random() < 0.6:
            self.all_down(self.random.random() < 0.33)
            self.weir.start()
        else:
            self.page.disarm()
            kill_pid(pid)
        self.kills[step] += 1
        return True

    def drain(self):
        """The link is up, and everything arrives."""
        self.page.disarm()
        self.link(True)
        self.weir.kill_all()            # no back-off of killed children to wait for
        self.weir.start()

        def empty():
            status = self.weir.status()
            return status and status["uplinks"] and all(
                u["connected"] and u["backlog"] < 200 for u in status["uplinks"])
        wait_for(empty, timeout=120, every=0.2, what="drained")

    def verdict(self):
        self.drain()
        self.weir.stop()
        time.sleep(1)
        status = self.receive.stop()
        return status, self.receive.text()[-2500:] + self.receive.log_text()[-1500:]


def work(number, options, share, counts, failures):
    """One worker: rounds of kills, each with a verdict."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    steps = [options.step] if options.step else list(STEPS)
    end = time.monotonic() + options.seconds if options.seconds else None
    done, round_number = 0, 0
    while done < share and not (end and time.monotonic() > end):
        with Rig(options.bin) as rig:
            seed = f"{options.seed}-{number}-{round_number}"
            session = Session(rig, seed)
            for i in range(min(ROUND * len(steps), share - done)):
                if end and time.monotonic() > end:
                    break
                step = steps[i % len(steps)]
                if session.one(step):
                    with counts[STEPS.index(step)].get_lock():
                        counts[STEPS.index(step)].value += 1
                    done += 1
            status, text = session.verdict()
            if status:
                failures.put(f"seed {seed}: receive says {status}\n{text}")
        round_number += 1


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=2000)
    parser.add_argument("--seconds", type=int, default=0)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--step", choices=STEPS)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--bin", help="a build with WEIR_STEPS; default: make one")
    parser.add_argument("--slice", action="store_true", help="a few kills, for ./dev test")
    options = parser.parse_args()
    options.bin = options.bin or build()
    if options.slice:
        options.kills, options.workers, options.seconds = 2 * len(STEPS), 1, 60
    counts = [multiprocessing.Value("i", 0) for _ in STEPS]
    failures = multiprocessing.Queue()
    start = time.monotonic()
    workers = [multiprocessing.Process(target=work, args=(
        n, options, -(-options.kills // options.workers), counts, failures))
        for n in range(options.workers)]
    for worker in workers:
        worker.start()
    try:
        while any(worker.is_alive() for worker in workers):
            time.sleep(2)
            print(f"... kill: {sum(c.value for c in counts)} kills, "
                  f"{time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)
    except KeyboardInterrupt:
        for worker in workers:
            worker.terminate()
        return 130
    found = []
    while not failures.empty():
        found.append(failures.get())
    print(*found, sep="\n")
    least = min(c.value for s, c in zip(STEPS, counts) if options.step in (None, s))
    print("  " + ", ".join(f"{s} {c.value}" for s, c in zip(STEPS, counts)))
    unaccounted = len(found) + sum(worker.exitcode != 0 for worker in workers)
    print(f"kill: {sum(c.value for c in counts)} kills (min {least} in a step), "
          f"{unaccounted} unaccounted, {time.monotonic() - start:.0f} s")
    return 1 if unaccounted else 0


if __name__ == "__main__":
    sys.exit(main())
