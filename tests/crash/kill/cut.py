# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""A power cut, as far as one can be had from outside: takes away what no sync vouches for.

cut.so (cut.c), preloaded into weir, has noted every change in the folder of the spool. Each write with no
sync of its file behind it may be kept, be missing, or be kept in part (sectors of 512 bytes); of
the changes of names with no sync of the folder behind them the first few are kept, as a journal
does. The file system itself is not tried here: blocks and vm do that.
"""
import os
import struct

ENTRY, SECTOR, NAME = struct.Struct("<IIQQQ"), 512, 64
WRITTEN, SYNCED, RENAMED, CREATED, REMOVED, FOLDER_SYNCED = map(ord, "WSRCUD")


def entries(logs):
    """(kind, inode, at, size, bytes) of all logs, oldest first; one that is torn ends its log."""
    for name in sorted(n for n in os.listdir(logs) if n.endswith(".log")):
        with open(os.path.join(logs, name), "rb") as f:
            data = f.read()
        place = 0
        while place + ENTRY.size <= len(data):
            kind, length, inode, at, size = ENTRY.unpack_from(data, place)
            place += ENTRY.size
            if place + length > len(data):
                break
            yield kind, inode, at, size, data[place:place + length]
            place += length


def pending(logs):
    """What no sync vouches for: writes by inode, and changes of names."""
    writes, names = {}, []
    for kind, inode, at, size, data in entries(logs):
        if kind == WRITTEN:
            writes.setdefault(inode, []).append((at, size, data))
        elif kind == SYNCED:
            writes.pop(inode, None)
        elif kind == FOLDER_SYNCED:
            names = []
        else:
            names.append((kind, inode, data[:NAME].rstrip(b"\0").decode(),
                          data[NAME:].rstrip(b"\0").decode()))
    return writes, names


class Cut:
    """The power goes: everything is dead. `random` decides what is kept."""

    def __init__(self, folder, logs, random):
        self.folder, self.logs, self.random = folder, logs, random
        self.count = self.writes_lost = self.names_lost = 0

    def now(self):
        self.count += 1
        writes, names = pending(self.logs)
        keep = self.random.choice((0, len(names), self.random.randint(0, len(names))))
        for change in reversed(names[keep:]):
            self.names_lost += self.undo_name(*change)
        files = {os.lstat(path).st_ino: path for path in self.files()}
        for inode, changes in writes.items():
            if inode in files:
                self.undo_writes(files[inode], changes)
        self.forget()

    def files(self):
        for name in os.listdir(self.folder):
            yield os.path.join(self.folder, name)

    def forget(self):
        """What is there now is on the disk."""
        for name in os.listdir(self.logs):
            os.unlink(os.path.join(self.logs, name))

    def undo_name(self, kind, inode, first, second):
        """Takes a change of names back, if it came to pass."""
        before, after = os.path.join(self.folder, first), os.path.join(self.folder, second)
        if kind == RENAMED:
            if not is_inode(after, inode) or os.path.lexists(before):
                return False
            os.rename(after, before)
        elif kind == CREATED:
            if not os.path.lexists(before):
                return False
            os.unlink(before)
        else:
            if os.path.lexists(before):
                return False
            os.link(os.path.join(self.logs, f"kept-{inode}"), before)
        return True

    def undo_writes(self, path, changes):
        chance = self.random.choice((0, 0.5, 1))    # of a sector of each write to be missing
        if not chance:
            return
        stays = set()           # sectors that a later write has reached
        with open(path, "r+b") as f:
            size = os.fstat(f.fileno()).st_size
            for at, _, data in reversed(changes):
                self.writes_lost += 1
                for i in range(0, len(data), SECTOR):
                    sector = (at + i) // SECTOR
                    if sector not in stays and self.random.random() < chance:
                        f.seek(at + i)
                        f.write(data[i:i + SECTOR])
                    else:
                        stays.add(sector)
            if chance == 1:
                f.truncate(min(size, changes[0][1]))


def is_inode(path, inode):
    try:
        return os.lstat(path).st_ino == inode
    except FileNotFoundError:
        return False
