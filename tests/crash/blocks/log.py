# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""Reads a recording: the format of dm-log-writes, as QEMU's blklogwrites writes it.

    sector 0     u64 magic, u64 version, u64 number of entries, u32 size of a sector
    then each    u64 sector, u64 number of sectors, u64 flags, u64 length of the data - padded
                 to a sector - and that number of sectors of data

All little-endian. An entry is there when the disk has confirmed it; a flush stands behind
everything that it made durable.
"""
import mmap
import struct

MAGIC = 0x6a736677736872
FLUSH, FUA, DISCARD, NOTE = 1, 2, 4, 8
SECTOR = 512


class Entry:
    """One event of the disk, at index in the log: a write, a flush, or a mark of the writer."""
    __slots__ = ("index", "offset", "data", "flush", "mark")

    def __init__(self, index, offset, data, flags):
        self.index, self.offset, self.data = index, offset, data
        self.flush = bool(flags & FLUSH)
        self.mark = None


def read_log(path, fs_size):
    """The entries of a log, in order. A write at or behind fs_size is a mark."""
    with open(path, "rb") as file:
        log = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    magic, version, count, sector = struct.unpack_from("<QQQI", log)
    if magic != MAGIC or version != 1:
        raise ValueError(f"{path}: this is no block log")
    entries, at = [], sector
    for index in range(count):
        first, sectors, flags, _ = struct.unpack_from("<4Q", log, at)
        at += sector
        if flags & FUA:                             # a loop device flushes instead
            raise ValueError(f"entry {index} is durable by itself; that is not provided for")
        length = 0 if flags & NOTE else sectors * sector
        if flags & DISCARD:
            data = bytes(length)                    # what a disk returns then is its own affair
        else:
            data = log[at:at + length]
            at += length
        entries.append(entry(index, first * sector, data, flags, fs_size))
    return entries


def entry(index, offset, data, flags, fs_size):
    """One entry, and the number in it if it is a mark."""
    made = Entry(index, offset, data, flags)
    if len(data) > 0 and offset >= fs_size:
        made.mark = struct.unpack_from("<Q", data)[0]
        made.data = b""
    elif offset + len(data) > fs_size:
        raise ValueError(f"entry {index} crosses the end of the file system")
    return made
