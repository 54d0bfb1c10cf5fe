# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""The machine's disk: one with a volatile cache, and a power switch.

Killing QEMU is no power cut by itself. Whatever its cache= says (none, directsync, writeback), a
write that the guest has seen done lies in a file of this machine, which does not lose its power,
so it survives whether the guest has flushed it or not; a program that forgets fdatasync would
pass. So the disk is ours: an NBD server in this process. A write is answered at once and is
volatile; a flush makes everything before it durable and only then is answered, after the time
that a card takes. At the cut the durable content stays, and of the volatile writes any part:
none, all, some, torn at 512 bytes (as in ../blocks/states.py). The guest is told that the cache
is volatile (write-cache=on), so its ext4 sends flushes as it does to a card.
"""
import mmap
import os
import random
import socket
import struct
import subprocess
import threading
import time

from blocks.states import KINDS, choose

from .image import Failure

OPTION_MAGIC, REQUEST, REPLY = b"IHAVEOPT", 0x25609513, 0x67446698
OPTION_REPLY = 0x3e889045565a9
OPT_EXPORT_NAME, OPT_ABORT, OPT_INFO, OPT_GO = 1, 2, 6, 7
REP_ACK, REP_INFO, REP_UNSUP = 1, 3, 0x80000001
READ, WRITE, DISC, FLUSH = 0, 1, 2, 3
HAS_FLAGS, SEND_FLUSH = 1, 4
EINVAL, EIO = 22, 5
FLUSH_S = 0.03                          # at most


class Write:
    __slots__ = ("offset", "data")

    def __init__(self, offset, data):
        self.offset, self.data = offset, data


class Disk:
    """An ext4 of `size` bytes, served at the socket `path` to one machine at a time."""

    def __init__(self, path, size):
        self.path, self.size = path, size
        self.live, self.durable = mmap.mmap(-1, size), mmap.mmap(-1, size)
        self.pending, self.dead = [], True
        self.writes = self.flushes = 0
        self.fuse, self.blown = 0, threading.Event()
        self.lock = threading.Lock()
        make_ext4(path + ".img", self.live)
        self.durable[:] = self.live[:]
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(4)
        threading.Thread(target=self._serve, daemon=True).start()

    def power_on(self):
        with self.lock:
            self.dead, self.fuse = False, 0

    def arm(self, count):
        """The power goes at the count-th write or flush from now on; then `blown` is set."""
        with self.lock:
            self.fuse = count
            self.blown.clear()

    def power_off(self):
        """Nothing is answered any more. Before QEMU is killed, so that its end changes nothing."""
        with self.lock:
            self.dead = True

    def lose(self, dice):
        """Decides what has become of the volatile writes; returns what was kept, in words."""
        with self.lock:
            kind = dice.choice(("none", *KINDS))
            kept = [] if kind == "none" else choose(kind, self.pending, dice)
            for offset, data in kept:
                self.durable[offset:offset + len(data)] = data
            count, self.pending = len(self.pending), []
            self.live[:] = self.durable[:]
            if count == 0:
                return "no write was volatile"
            return f"of {count} volatile writes kept: {kind}"

    def save(self, path):
        """The content after the last cut."""
        with open(path, "wb") as file:
            file.write(self.durable)

    def _serve(self):
        while True:
            connection, _ = self.listener.accept()
            with connection:
                try:
                    if negotiate(connection, self.size):
                        self._transmit(connection)
                except (OSError, EOFError):
                    pass                            # QEMU was killed

    def _transmit(self, connection):
        while True:
            magic, _, kind, cookie, offset, length = struct.unpack(
                ">IHHQQI", receive(connection, 28))
            if magic != REQUEST or kind == DISC:
                return
            data = receive(connection, length) if kind == WRITE else b""
            if kind == FLUSH:
                time.sleep(random.random() * FLUSH_S)
            with self.lock:
                if self.dead or self._blows(kind, offset, data):
                    return
                error, answer = self._do(kind, offset, length, data)
                connection.sendall(struct.pack(">IIQ", REPLY, error, cookie) + answer)

    def _blows(self, kind, offset, data):
        """Whether the power goes now. A write may have got as far as the cache; a flush has not."""
        if self.fuse == 0 or kind == READ:
            return False
        self.fuse -= 1
        if self.fuse > 0:
            return False
        if kind == WRITE:
            self.pending.append(Write(offset, data))
        self.dead = True
        self.blown.set()
        return True

    def _do(self, kind, offset, length, data):
        if kind == FLUSH:
            self.flushes += 1
            for write in self.pending:
                self.durable[write.offset:write.offset + len(write.data)] = write.data
            self.pending = []
            return 0, b""
        if kind not in (READ, WRITE) or offset + length > self.size:
            return EINVAL, b""
        if kind == READ:
            return 0, self.live[offset:offset + length]
        self.writes += 1
        self.live[offset:offset + length] = data
        self.pending.append(Write(offset, data))
        return 0, b""


def make_ext4(path, memory):
    """A new ext4 with Debian's features, complete from the start: no background initialising."""
    with open(path, "wb") as file:
        file.truncate(len(memory))
    done = subprocess.run(["/sbin/mkfs.ext4", "-q", "-F", "-b", "4096", "-E",
                           "lazy_itable_init=0,lazy_journal_init=0", path],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        raise Failure(f"mkfs.ext4: {done.stdout.strip()}")
    with open(path, "rb") as file:
        for at in range(0, len(memory), 1 << 20):
            part = file.read(1 << 20)
            if part.count(0) != len(part):          # else it stays the kernel's one empty page
                memory[at:at + len(part)] = part
    os.unlink(path)


def negotiate(connection, size):
    """The fixed newstyle handshake; true when requests follow."""
    connection.sendall(b"NBDMAGIC" + OPTION_MAGIC + struct.pack(">H", 3))
    receive(connection, 4)
    flags = HAS_FLAGS | SEND_FLUSH
    while True:
        magic, option, length = struct.unpack(">8sII", receive(connection, 16))
        receive(connection, length)
        if magic != OPTION_MAGIC:
            return False
        if option == OPT_EXPORT_NAME:
            connection.sendall(struct.pack(">QH", size, flags))
            return True
        if option in (OPT_INFO, OPT_GO):
            option_reply(connection, option, REP_INFO, struct.pack(">HQH", 0, size, flags))
            option_reply(connection, option, REP_ACK)
            if option == OPT_GO:
                return True
        elif option == OPT_ABORT:
            option_reply(connection, option, REP_ACK)
            return False
        else:
            option_reply(connection, option, REP_UNSUP)


def option_reply(connection, option, kind, data=b""):
    connection.sendall(struct.pack(">QIII", OPTION_REPLY, option, kind, len(data)) + data)


def receive(connection, length):
    parts = bytearray()
    while len(parts) < length:
        part = connection.recv(length - len(parts))
        if not part:
            raise EOFError
        parts += part
    return bytes(parts)
