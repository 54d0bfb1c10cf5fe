# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""What Python's library lacks: mount, name spaces, loop devices, memcmp.

Nothing made here outlives its process, whatever ends it, but one empty folder: mounts are in a
name space of our own, which goes with its last process, and a loop device lets go of its file at
the last close.
"""
import contextlib
import ctypes
import errno
import fcntl
import mmap
import os
import signal
import struct
import tempfile

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.memcmp.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t]
LIBC.mincore.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p]

CLONE_NEWNS = 0x20000
MS_NOATIME, MS_REC, MS_PRIVATE = 1 << 10, 1 << 14, 1 << 18
MNT_DETACH = 2
PR_SET_PDEATHSIG = 1
LOOP_CONFIGURE, LOOP_CTL_GET_FREE, BLKFLSBUF = 0x4C0A, 0x4C82, 0x1261
LO_FLAGS_AUTOCLEAR = 4
PAGE = mmap.PAGESIZE


def check(result):
    """The result of a call of the C library; its errno as OSError if that is not 0."""
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def own_mounts():
    """From here on nobody else sees what this process mounts."""
    check(LIBC.unshare(CLONE_NEWNS))
    check(LIBC.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None))


@contextlib.contextmanager
def folder_in_memory(prefix):
    """The path of a new folder, mounted in this process's name space."""
    path = tempfile.mkdtemp(prefix=prefix)
    try:
        check(LIBC.mount(b"none", path.encode(), b"tmpfs", 0, b"mode=700"))
        try:
            yield path
        finally:
            unmount(path, lazily=True)
    finally:
        os.rmdir(path)


def mount_ext4(device, folder):
    check(LIBC.mount(device.encode(), folder.encode(), b"ext4", MS_NOATIME, b""))


def unmount(path, lazily=False):
    check(LIBC.umount2(path.encode(), MNT_DETACH if lazily else 0))


def die_with_parent():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def address(memory):
    """Where an mmap lies. It must stay open as long as the address is used."""
    return ctypes.addressof(ctypes.c_char.from_buffer(memory))


def same(here, there, length):
    return LIBC.memcmp(here, there, length) == 0


class Loop:
    """A loop device over length bytes of a file, from offset on."""

    def __init__(self, path, offset, length):
        self.length = length
        with open(path, "r+b", buffering=0) as file:
            self.name, self.fd = attach(file.fileno(), offset, length)
        self.view = mmap.mmap(self.fd, length)
        self.resident = ctypes.create_string_buffer(length // PAGE)

    def forget(self):
        """Drops what the kernel has cached of the device: its file was changed from below."""
        fcntl.ioctl(self.fd, BLKFLSBUF)
        check(LIBC.mincore(address(self.view), self.length, self.resident))
        if b"\1" in self.resident.raw:
            raise OSError(errno.EBUSY, f"{self.name}: the kernel keeps old blocks; who else uses it?")

    def close(self):
        self.view = None
        os.close(self.fd)


def attach(file, offset, length):
    """(path, descriptor) of a free loop device, now over that file."""
    control = os.open("/dev/loop-control", os.O_RDWR)
    try:
        for _ in range(100):
            number = fcntl.ioctl(control, LOOP_CTL_GET_FREE)
            device = os.open(f"/dev/loop{number}", os.O_RDWR)
            try:
                fcntl.ioctl(device, LOOP_CONFIGURE, loop_config(file, offset, length))
                return f"/dev/loop{number}", device
            except OSError as error:
                os.close(device)
                if error.errno != errno.EBUSY:      # another process was faster
                    raise
    finally:
        os.close(control)
    raise OSError(errno.EBUSY, "no loop device is free")


def loop_config(file, offset, length):
    """struct loop_config of <linux/loop.h>, with 512-byte sectors as a disk has."""
    info = struct.pack("=5Q4I64s64s32s2Q", 0, 0, 0, offset, length, 0, 0, 0, LO_FLAGS_AUTOCLEAR,
                       b"", b"", b"", 0, 0)
    return struct.pack("=2I", file, 512) + info + bytes(64)
