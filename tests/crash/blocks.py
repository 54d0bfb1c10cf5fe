#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""Every crash state of a real file system.

    blocks.py [--states 20000] [--seconds N] [--seed N] [--rounds N] --writer 'COMMAND'
              --checker 'COMMAND'

Records each write and flush that reaches the disk below an ext4 while the writer commits, then
makes the contents that the disk may have had if the power had gone at any of these moments: all
that was written, or any part of what no flush has confirmed. Each is mounted by the kernel, which
replays ext4's journal, and handed to the checker.

    WRITER DIR MARKFILE   commits in DIR, and after each commit that it would acknowledge writes
                          4096 bytes at offset 0 of MARKFILE, by O_DIRECT, and waits for them:
                          a u64, little-endian, that never shrinks; the rest is not read.
                          DIR is empty, or in a later round as a power cut has left it: then
                          a mark for what it has found there comes first
    CHECKER DIR MARK      0: DIR holds what was acknowledged when the mark was MARK (0: nothing),
                          1: it does not, and a line says why. It may write to DIR

The exit status is 0, or 1 if a state was violated, 2 if the campaign failed, 77 if it cannot run
here. Needs root, qemu-storage-daemon and free loop devices; leaves nothing behind.
"""
import argparse
import multiprocessing
import multiprocessing.connection
import os
import shlex
import shutil
import signal
import sys
import time

from blocks.kernel import folder_in_memory, own_mounts
from blocks.log import read_log
from blocks.record import Failure, make_image, record
from blocks.replay import Plan, power_cut, work
from blocks.states import KINDS

SKIPPED = 77
SAY_S = 2
SHOWN = 10                  # violations in full


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--writer", required=True, type=shlex.split, metavar="COMMAND")
    parser.add_argument("--checker", required=True, type=shlex.split, metavar="COMMAND")
    parser.add_argument("--states", type=int, default=20000, metavar="N",
                        help="stop after so many different states (20000; 0: when there are no more)")
    parser.add_argument("--seconds", type=float, default=float("inf"), metavar="N",
                        help="stop after so long")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the choice of states")
    parser.add_argument("--rounds", type=int, default=1, metavar="N",
                        help="so many recordings, each after a power cut in the one before (1)")
    parser.add_argument("--size", type=int, default=32, metavar="MIB", help="of the file system (32)")
    parser.add_argument("--writer-seconds", type=float, default=300, metavar="N",
                        help="the longest time that the writer may take (300)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), metavar="N")
    parser.add_argument("--keep", metavar="FILE", help="for the disk of the first violated state")
    options = parser.parse_args()
    for command in (options.writer, options.checker):
        command[0] = shutil.which(command[0]) or parser.error(f"{command[0]}: not found")
        command[0] = os.path.abspath(command[0])
    if options.keep and os.path.exists(options.keep):
        parser.error(f"{options.keep}: is there already")
    return options


def why_not():
    """Why this machine cannot run the campaign, or None."""
    if os.geteuid() != 0:
        return "needs root, to mount"
    for program in ("qemu-storage-daemon", "mkfs.ext4"):
        if not shutil.which(program):
            return f"{program} is not installed"
    for path in ("/dev/fuse", "/dev/loop-control"):
        if not os.access(path, os.R_OK | os.W_OK):
            return f"{path} cannot be opened"
    with open("/proc/filesystems", encoding="ascii") as file:
        if "ext4" not in file.read().split():
            return "this kernel has no ext4"
    try:
        own_mounts()
    except OSError as error:
        return f"no mounts of its own: {error.strerror}"
    return None


class Tally:
    """What the workers have found."""

    def __init__(self):
        self.start = self.said = time.monotonic()
        self.states, self.violations = 0, 0
        self.keys = set()

    def add(self, name, key, complaint):
        self.states += 1
        self.keys.add(key)
        if complaint:
            self.violations += 1
            if self.violations <= SHOWN:
                print(f"blocks: violated: state {name}, mark {key[2]}: {complaint}", flush=True)

    def progress(self):
        if time.monotonic() - self.said >= SAY_S:
            self.said = time.monotonic()
            print(f"... {self.line()}", flush=True)

    def line(self):
        return (f"blocks: {self.states} states ({len(self.keys)} distinct), "
                f"{self.violations} violations, {time.monotonic() - self.start:.0f} s")


def share_of(entries, states):
    """How much of the log each pass may visit, so that every kind of state gets its part."""
    pending, places = False, 0
    for entry in entries:
        pending = not entry.flush and (pending or len(entry.data) > 0)
        places += 1 + (len(KINDS) - 1) * pending
    return 1.0 if states == 0 else min(1.0, 1.25 * states / max(1, places))


def replay(plan, wanted, deadline, tally):
    """Runs the workers until there are states enough, or no more, or no more time."""
    fork, pipes, workers = multiprocessing.get_context("fork"), [], []
    try:
        for number in range(plan.workers):
            ours, theirs = fork.Pipe()
            pipes.append(ours)
            workers.append(fork.Process(target=work, args=(plan, number, theirs, pipes)))
            workers[-1].start()
            theirs.close()
        listen(pipes, wanted, deadline, tally)
    finally:
        for pipe in pipes:
            pipe.close()
        for worker in workers:
            worker.join()


def listen(pipes, wanted, deadline, tally):
    open_pipes = list(pipes)
    while open_pipes:
        for pipe in multiprocessing.connection.wait(open_pipes, SAY_S):
            try:
                result = pipe.recv()
            except EOFError:
                raise Failure("a replaying process has failed") from None
            if result is None:
                open_pipes.remove(pipe)
            else:
                tally.add(*result)
        tally.progress()
        if time.monotonic() >= deadline or 0 < wanted <= len(tally.keys):
            return


def campaign(options, folder, tally):
    """Each round after the first one goes on from a state in which the power was cut."""
    base, image = os.path.join(folder, "base"), os.path.join(folder, "image")
    size, mark = options.size << 20, 0
    make_image(image, size)
    for number in range(options.rounds):
        shutil.copyfile(image, base)
        plan = Plan(folder, base, size, mark)
        plan.round, plan.workers = number, options.jobs
        plan.checker, plan.seed, plan.keep = options.checker, options.seed, options.keep
        log = record(folder, image, size, options.writer, options.writer_seconds)
        plan.entries = read_log(log, size)
        say_recorded(plan)
        wanted = options.states * (number + 1) // options.rounds
        plan.share = share_of(plan.entries, wanted and max(1, wanted - len(tally.keys)))
        replay(plan, wanted, tally.start + options.seconds * (number + 1) / options.rounds, tally)
        if tally.violations:
            return                                  # the next writer would begin with the damage
        mark = power_cut(plan, image)


def say_recorded(plan):
    marks = [plan.mark] + [entry.mark for entry in plan.entries if entry.mark is not None]
    flushes = sum(entry.flush for entry in plan.entries)
    print(f"blocks: round {plan.round}: recorded {len(plan.entries)} events of the disk, {flushes} "
          f"of them flushes, {len(marks) - 1} marks up to {marks[-1]}", flush=True)
    if sorted(marks) != marks or len(marks) < 2:
        raise Failure(f"the writer's marks do not grow from {plan.mark} on: {marks[1:4]} ...")


def stop(number, _):
    raise SystemExit(128 + number)


def main():
    options = parse()
    reason = why_not()
    if reason:
        print(f"blocks: not here: {reason}")
        return SKIPPED
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, stop)
    tally = Tally()
    try:
        with folder_in_memory("weir-blocks-") as folder:
            campaign(options, folder, tally)
    except (Failure, OSError, ValueError) as error:
        print(f"blocks: failed: {error}")
        return 2
    print(tally.line())
    return 1 if tally.violations else 0


if __name__ == "__main__":
    sys.exit(main())
