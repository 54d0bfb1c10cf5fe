# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""Mounts states, one after the other, and asks the checker: the work of one process.

The disk of a state is a file in memory with a loop device on it. The kernel mounts it, replays
ext4's journal, the checker reads and may write; then every page of the file that is not as it
was is put back, and the next state's pages are laid over it.
"""
import ctypes
import errno
import mmap
import os
import select
import signal

from .kernel import PAGE, Loop, address, mount_ext4, own_mounts, same, unmount
from .states import KINDS, Disk, choose, dice_for

CHUNK = 64 << 10
TURN = 16                   # neighbours in the log have equal states: they go to the same worker
CHECK_S = 60
STALE_PASSES = 4 * len(KINDS)   # that many without a new state: there are no more


class Plan:
    """What all workers of one round share."""

    def __init__(self, folder, image, size, mark):
        self.folder, self.image, self.size = folder, image, size
        self.mark = mark                            # before the first entry
        self.round, self.entries = 0, []            # of a recording that started from the image
        self.checker = []                           # a command
        self.seed, self.share = 1, 1.0              # share: of the log's places that a pass visits
        self.workers = 1
        self.keep = None                            # a path for the first state that is wrong


def power_cut(plan, image):
    """Lays a state from the later half of the log into the image, and returns its mark."""
    dice = dice_for(plan.seed, "cut", plan.round)
    at = dice.randrange(len(plan.entries) // 2, len(plan.entries))
    disk = Disk(plan.image, plan.size, plan.mark)
    for entry in plan.entries[:at + 1]:
        disk.take(entry)
    pages, _ = disk.apply(choose(dice.choice(KINDS), disk.pending, dice))
    for number, content in pages.items():
        disk.memory[number * PAGE:(number + 1) * PAGE] = bytes(content)
    with open(image, "r+b") as file:
        file.write(disk.memory)
    return disk.mark


class Copy:
    """A file in memory that is made equal to a disk's durable content again and again."""

    def __init__(self, path, disk):
        self.disk, self.size = disk, len(disk.memory)
        with open(path, "w+b") as file:
            file.truncate(self.size)
            self.fd = os.dup(file.fileno())
        self.memory = mmap.mmap(self.fd, self.size)
        self.here, self.there = address(self.memory), address(disk.memory)

    def restore(self):
        """Looks only where either side has, or the disk had, data."""
        chunks = {number * PAGE // CHUNK * CHUNK for number in self.disk.used}
        for at in chunks.union(self.chunks_with_data()):
            if not same(self.here + at, self.there + at, CHUNK):
                for page in range(at, at + CHUNK, PAGE):
                    if not same(self.here + page, self.there + page, PAGE):
                        ctypes.memmove(self.here + page, self.there + page, PAGE)

    def chunks_with_data(self):
        at = 0
        while True:
            try:
                start = os.lseek(self.fd, at, os.SEEK_DATA)
            except OSError as error:
                if error.errno == errno.ENXIO:
                    return
                raise
            at = os.lseek(self.fd, start, os.SEEK_HOLE)
            yield from range(start // CHUNK * CHUNK, at, CHUNK)

    def lay(self, pages):
        for number, content in pages.items():
            self.memory[number * PAGE:(number + 1) * PAGE] = bytes(content)


class Worker:
    """Visits every workers-th turn of the log, once for each kind of state, over and over."""

    def __init__(self, plan, number):
        self.plan, self.number = plan, number
        self.folder = os.path.join(plan.folder, f"replay{number}")
        self.target = os.path.join(self.folder, "disk")
        os.makedirs(self.target, exist_ok=True)
        self.image, self.said = (os.path.join(self.folder, name) for name in ("image", "said"))
        self.seen = set()

    def passes(self):
        """(name, key, complaint or None) of each state. Ends when there are no new ones."""
        step, stale = 0, 0
        while stale < STALE_PASSES:
            before = len(self.seen)
            yield from self.one_pass(step)
            stale = stale + 1 if len(self.seen) == before else 0
            step += 1

    def one_pass(self, step):
        """A state at every place that is this worker's; the first kind has one everywhere."""
        for index, copy in self.places(step):
            disk, dice = copy.disk, dice_for(self.plan.seed, step, index)
            if (step > 0 and not disk.pending) or dice.random() >= self.plan.share:
                continue
            pages, total = disk.apply(choose(KINDS[step % len(KINDS)], disk.pending, dice))
            key, complaint = (self.plan.round, total, disk.mark), None
            if key not in self.seen:
                self.seen.add(key)
                complaint = self.probe(copy, pages)
                if complaint and self.plan.keep:
                    self.keep(copy, pages)
            yield f"{self.plan.round}.{step}.{index}", key, complaint

    def places(self, step):
        disk = Disk(self.plan.image, self.plan.size, self.plan.mark)
        copy = Copy(self.image, disk)
        self.loop = Loop(self.image, 0, self.plan.size)
        try:
            for entry in self.plan.entries:
                disk.take(entry)
                if entry.index // TURN % self.plan.workers == self.number:
                    yield entry.index, copy
        finally:
            self.loop.close()

    def probe(self, copy, pages):
        """None, or what is wrong with the state."""
        copy.restore()
        copy.lay(pages)
        self.loop.forget()
        try:
            mount_ext4(self.loop.name, self.target)
        except OSError as error:
            return f"ext4 does not mount: {error.strerror}"
        try:
            return self.check(copy.disk.mark)
        finally:
            unmount(self.target)

    def keep(self, copy, pages):
        """The disk of the state, as it was before ext4's recovery. The first one stays."""
        copy.restore()
        copy.lay(pages)
        try:
            with open(self.plan.keep, "xb") as file:
                file.write(copy.memory)
        except FileExistsError:
            pass

    def check(self, mark):
        command = [*self.plan.checker, self.target, str(mark)]
        said = os.open(self.said, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            pid = os.posix_spawn(command[0], command, os.environ, file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, said, 1), (os.POSIX_SPAWN_DUP2, said, 2)])
            status = reap(pid)
            if status == 0:
                return None
            text = os.pread(said, 2000, 0).decode(errors="replace").strip().replace("\n", "; ")
        finally:
            os.close(said)
        ending = f"ended with {status}" if status > 0 else f"died of signal {-status}"
        return text if status == 1 and text else f"the checker {ending}: {text}"


def reap(pid):
    """The exit status of a child, negative if a signal ended it. It gets CHECK_S."""
    handle = os.pidfd_open(pid)
    try:
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        done = False
        try:
            done = bool(poll.poll(CHECK_S * 1000))
        finally:
            if not done:
                os.kill(pid, signal.SIGKILL)
            status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    finally:
        os.close(handle)
    return status


def work(plan, number, pipe, not_ours):
    """A worker process: one message for each state, until the other end of the pipe closes."""
    for other in not_ours:
        other.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)    # the parent gets it too
    own_mounts()
    try:
        for result in Worker(plan, number).passes():
            pipe.send(result)
            if pipe.poll():
                return
        pipe.send(None)
    except (BrokenPipeError, EOFError):
        return
