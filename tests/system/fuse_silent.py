#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""A file system that takes every question and answers none, so that whoever looks up a file in it sits
in the kernel and no signal ends it. Needs root. Speaks the kernel's FUSE protocol directly.

    with SilentFs(directory): open(directory + "/x")      # hangs until the block is left
"""
import ctypes
import os
import struct
import threading

libc = ctypes.CDLL(None, use_errno=True)
MNT_FORCE, MNT_DETACH = 1, 2


class SilentFs:
    def __init__(self, directory):
        self.directory = directory.encode()

    def __enter__(self):
        os.makedirs(self.directory, exist_ok=True)
        self.fd = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
        options = b"fd=%d,rootmode=40000,user_id=0,group_id=0" % self.fd
        if libc.mount(b"silent", self.directory, b"fuse", 0, options) != 0:
            os.close(self.fd)
            raise OSError(ctypes.get_errno(), "mount fuse")
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()
        return self

    def _serve(self):
        """Answers the greeting; reads the rest, so that it counts as being worked on."""
        while True:
            try:
                request = os.read(self.fd, 1 << 18)
            except OSError:
                return
            _, opcode, unique = struct.unpack_from("<IIQ", request)
            if opcode == 26:        # INIT
                out = struct.pack("<IIIIHHIIHHI7I", 7, 31, 4096, 0, 16, 12, 4096, 1, 0, 0, 0, *[0] * 7)
                os.write(self.fd, struct.pack("<IiQ", 16 + len(out), 0, unique) + out)

    def __exit__(self, *_):
        libc.umount2(self.directory, MNT_FORCE)   # gives up on every open question
        libc.umount2(self.directory, MNT_DETACH)
        os.close(self.fd)
