#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""Kills at each step of a record's way, and what the far end says of them.

    kill.py [--kills 2900] [--seconds N] [--seed N] [--step NAME] [--workers 2] [--slice]

In a build with WEIR_STEPS (made in build/steps) a process stops itself at a named step. It is then
killed from outside, or another one is, or core, or all of weir; and right after the power may go too: the
folder in RAM is emptied, what was written and not synced is kept, lost or kept in part, and the
kernel's boot id is another one (kill/cut.c). The link to the broker is up or down, segments are small, so that
everything turns over quickly. kill/judge.py says who judges.

Ends with `kill: N kills (min M in a step), V unaccounted, T s`, before it how often who was killed; exit 0, or 1 if anything is
unaccounted or some step was never reached. --seconds ends it early, --seed makes other choices (when
a process reaches a step is not in its hands), --step tries one step alone.
"""
import argparse
import fcntl
import multiprocessing
import os
import queue
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(ROOT, "tests", "rig"), os.path.join(HERE, "kill")]

from rig import Rig                                                     # noqa: E402
from session import KINDS, Missed, STEPS, Session, VICTIMS              # noqa: E402

ROUNDS = 6              # of every step, until a session is judged
MISSES = 20             # of one step, until it is given up


def build():
    """The build with steps."""
    where = os.path.join(ROOT, "build", "steps")
    os.makedirs(where, exist_ok=True)
    with open(os.path.join(where, "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for command in (["cmake", "--preset", "release", "-B", where, "-DWEIR_STEPS=ON"],
                        ["cmake", "--build", where, "-j", str(os.cpu_count())]):
            done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True, check=False)
            if done.returncode:
                sys.exit("kill: the build failed:\n" + done.stdout[-3000:])
    return where


class Ended(Exception):
    """The campaign is over early."""


class Worker:
    """Session after session, until each step has its share of kills."""

    def __init__(self, number, options, shared, news):
        self.number, self.options, self.shared, self.news = number, options, shared, news
        self.misses = dict.fromkeys(STEPS, 0)
        self.end = time.monotonic() + options.seconds if options.seconds else None

    def over(self):
        return self.end and time.monotonic() > self.end

    def wanted(self, kind):
        """Steps that still lack kills, in an order that changes the link seldom."""
        return sorted((s for s in KINDS[kind] if self.options.step in (None, s)
                       and self.shared[s].value < self.options.each
                       and self.misses[s] < MISSES), key=list(STEPS).index)

    def run(self):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, self.on_term)
        kinds = ["kept", "cut"] if self.number % 2 else ["cut", "kept"]
        if not self.options.slice:
            kinds.insert(1, "gone")
        number = 0
        while not self.over() and any(self.wanted(kind) for kind in KINDS):
            kind = kinds[number % len(kinds)]
            number += 1
            if self.wanted(kind):
                seed = f"{self.options.seed}-{self.number}-{number}-{kind}"
                with Rig(self.options.bin) as rig:
                    try:
                        self.session(rig, kind, seed)
                    except Ended:
                        return

    def on_term(self, *_):
        raise Ended

    def session(self, rig, kind, seed):
        session = Session(rig, kind, seed)
        for _ in range(ROUNDS * (4 if kind == "gone" else 1)):
            for step in self.wanted(kind):
                if self.over():
                    break
                try:
                    way = session.one(step)
                except Missed:
                    self.misses[step] += 1
                    self.news.put(("missed", step))
                    continue
                with self.shared[step].get_lock():
                    self.shared[step].value += 1
                self.news.put(("kill", step, way))
        complaints, summary = session.verdict()
        if complaints:
            self.keep(rig, seed)
        self.news.put(("session", seed, complaints, summary))

    def keep(self, rig, seed):
        """What a session leaves, to look at."""
        if self.options.keep:
            os.makedirs(self.options.keep, exist_ok=True)
            target = os.path.join(self.options.keep, seed)
            subprocess.run(["cp", "-a", rig.dir, target], check=False)
            subprocess.run(["cp", "-a", rig.ram, target + "/ram"], check=False)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kills", type=int, default=100 * len(STEPS))
    parser.add_argument("--seconds", type=int, default=0)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--step", choices=list(STEPS))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--bin", help="a build with WEIR_STEPS; default: make one")
    parser.add_argument("--keep", metavar="FOLDER", help="keep what failed sessions leave there")
    parser.add_argument("--slice", action="store_true", help="some 20 s, for ./dev test")
    options = parser.parse_args()
    if options.slice:
        options.seconds = 12
    options.each = -(-options.kills // (1 if options.step else len(STEPS)))
    return options


class Campaign:
    def __init__(self, options):
        self.options, self.start = options, time.monotonic()
        self.steps = dict.fromkeys([options.step] if options.step else STEPS, 0)
        self.ways = {(who, power): 0 for power in (False, True) for who in VICTIMS}
        self.missed = {}
        self.sessions = self.failed = 0
        self.news = multiprocessing.Queue()
        shared = {step: multiprocessing.Value("i", 0) for step in STEPS}
        self.workers = [multiprocessing.Process(target=Worker(n, options, shared, self.news).run)
                        for n in range(options.workers)]

    def take(self, what, *news):
        if what == "kill":
            self.steps[news[0]] += 1
            self.ways[news[1]] += 1
        elif what == "missed":
            self.missed[news[0]] = self.missed.get(news[0], 0) + 1
        else:
            seed, complaints, summary = news
            self.sessions += 1
            self.failed += bool(complaints)
            print(f"  session {seed}: {summary}")
            print(*(f"    {line}" for line in complaints), sep="\n", end="\n" * bool(complaints))
            sys.stdout.flush()

    def drain(self, timeout):
        end = time.monotonic() + timeout
        while True:
            try:
                self.take(*self.news.get(timeout=max(0, end - time.monotonic())))
            except queue.Empty:
                return

    def seconds(self):
        return time.monotonic() - self.start

    def run(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.default_int_handler)
        for worker in self.workers:
            worker.start()
        try:
            while any(worker.is_alive() for worker in self.workers):
                self.drain(2)
                print(f"... kill: {sum(self.steps.values())} kills, {self.sessions} sessions judged, "
                      f"{self.seconds():.0f} s", file=sys.stderr, flush=True)
        except KeyboardInterrupt:
            for worker in self.workers:
                worker.terminate()
            for worker in self.workers:
                worker.join()
            print("kill: interrupted", file=sys.stderr)
            return 130
        self.drain(0.5)
        return self.verdict()

    def verdict(self):
        failed = self.failed + sum(worker.exitcode != 0 for worker in self.workers)
        least = min(self.steps.values())
        print("  " + ", ".join(f"{step} {n}" for step, n in self.steps.items()))
        for power in (False, True):
            print("  killed, and the power went right after: " if power else "  killed: ", end="")
            print(", ".join(f"{who} {self.ways[who, power]}" for who in VICTIMS))
        if self.missed:
            print("  not reached in time: " + ", ".join(f"{s} {n}" for s, n in self.missed.items()))
        print(f"kill: {sum(self.steps.values())} kills (min {least} in a step), {failed} unaccounted, "
              f"{self.seconds():.0f} s")
        complete = least > 0 or self.options.seconds
        return 0 if not failed and self.sessions and complete else 1


def main():
    options = arguments()
    options.bin = os.path.abspath(options.bin or build())
    return Campaign(options).run()


if __name__ == "__main__":
    sys.exit(main())
