#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""A file system that misbehaves on command: shows the files of one folder in another, and makes
reads, writes, opens and syncs slow, endless or failing. Needs root; speaks the kernel's FUSE protocol
directly and needs no library.

    slow_fs.py FOLDER MOUNTPOINT          commands on standard input, replies as JSON lines

    fsync delay 10      every fsync and fdatasync (also of the folder) takes 10 s
    fsync never         ... does not come back until another command for it
    write fail ENOSPC   every write fails; any name of <errno.h>
    read fail EIO, open never, ...
    fsync ok            as it should be; what waits goes on at once. `all` stands for everything
    fsync fail EIO 1    the next one only
    report              how often each was asked for

Nothing is cached, so a fault is felt at once. From Python: slow_fs(rig, folder, mountpoint) is a
Program of the rig. No locks, links or attributes but size, mode and times: what a spool needs.
"""
import ctypes
import errno
import json
import os
import signal
import stat
import struct
import sys
import threading

libc = ctypes.CDLL(None, use_errno=True)
MNT_DETACH = 2
MAX_WRITE = 128 * 1024
BIG_WRITES, ATOMIC_O_TRUNC, PARALLEL_DIROPS, MAX_PAGES = 1 << 5, 1 << 3, 1 << 18, 1 << 22
DIRECT_IO = 1                       # of an open file: every read and write comes to us
IN_HEADER = struct.Struct("<IIQQIIII")
ATTR = struct.Struct("<6Q10I")
KINDS = ("open", "read", "write", "fsync", "name")
(LOOKUP, FORGET, GETATTR, SETATTR, MKDIR, UNLINK, RMDIR, RENAME, OPEN, READ, WRITE, STATFS, RELEASE,
 FSYNC, INIT, OPENDIR, READDIR, RELEASEDIR, FSYNCDIR, CREATE, INTERRUPT, BATCH_FORGET) = (
     1, 2, 3, 4, 9, 10, 11, 12, 14, 15, 16, 17, 18, 20, 26, 27, 28, 29, 30, 35, 36, 42)
KIND_OF = {OPEN: "open", CREATE: "open", OPENDIR: "open", READ: "read", WRITE: "write",
           FSYNC: "fsync", FSYNCDIR: "fsync", MKDIR: "name", UNLINK: "name", RMDIR: "name",
           RENAME: "name"}


class Faults:
    """What is wrong with each kind of request; requests ask pass_through() before they are done."""

    def __init__(self):
        self.changed = threading.Condition()
        self.rules = {}             # kind: ["delay" | "never" | "fail", what, how many times]
        self.generation = {kind: 0 for kind in KINDS}
        self.counts = dict.fromkeys(KINDS, 0)

    def command(self, words):
        kinds = KINDS if words[0] == "all" else (words[0],)
        if not set(kinds) <= set(KINDS) or words[1] not in ("ok", "delay", "never", "fail"):
            raise ValueError("not a command")
        what = (float(words[2]) if words[1] == "delay" else
                getattr(errno, words[2]) if words[1] == "fail" else None)
        times = int(words[3]) if len(words) > 3 else sys.maxsize
        with self.changed:
            for kind in kinds:
                self.generation[kind] += 1
                self.rules.pop(kind, None)
                if words[1] != "ok":
                    self.rules[kind] = [words[1], what, times]
            self.changed.notify_all()

    def waits(self, kind):
        """May a request of this kind take time? (Then it gets a thread of its own.)"""
        rule = self.rules.get(kind)
        return bool(rule) and rule[0] != "fail"

    def pass_through(self, kind):
        """Waits as long as the rule says. Returns the errno to fail with, or 0."""
        with self.changed:
            self.counts[kind] += 1
            rule = self.rules.get(kind)
            if not rule or rule[2] == 0:
                return 0
            rule[2] -= 1
            if rule[0] == "fail":
                return rule[1]
            generation = self.generation[kind]
            self.changed.wait_for(lambda: self.generation[kind] != generation, rule[1])
            return 0


class SlowFs:
    def __init__(self, folder, mountpoint):
        self.folder, self.mountpoint = os.path.abspath(folder), mountpoint.encode()
        self.paths, self.ids, self.next_id = {1: ""}, {"": 1}, 2    # of nodes
        self.faults = Faults()
        self.lock = threading.Lock()
        self.handlers = {
            LOOKUP: self.lookup, GETATTR: self.getattr, SETATTR: self.setattr, MKDIR: self.mkdir,
            UNLINK: self.unlink, RMDIR: self.rmdir, RENAME: self.rename,
            OPEN: self.open, CREATE: self.create, READ: self.read, WRITE: self.write,
            STATFS: self.statfs, RELEASE: self.release, FSYNC: self.fsync, INIT: self.init,
            OPENDIR: self.open, READDIR: self.readdir, RELEASEDIR: self.release,
            FSYNCDIR: self.fsync}

    def mount(self):
        self.fd = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
        options = b"fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other" % self.fd
        if libc.mount(b"slow", self.mountpoint, b"fuse", 0, options) != 0:
            raise OSError(ctypes.get_errno(), "mount fuse")

    def unmount(self):
        libc.umount2(self.mountpoint, MNT_DETACH)

    def serve(self):
        while True:
            try:
                request = os.read(self.fd, MAX_WRITE + 8192)
            except OSError as problem:
                if problem.errno in (errno.EINTR, errno.ENOENT):
                    continue
                return              # unmounted
            opcode = struct.unpack_from("<I", request, 4)[0]
            if opcode in (FORGET, BATCH_FORGET, INTERRUPT):
                continue            # nobody waits for an answer, and nothing is cut short
            if self.faults.waits(KIND_OF.get(opcode)):
                threading.Thread(target=self.answer, args=(request,), daemon=True).start()
            else:
                self.answer(request)

    def answer(self, request):
        _, opcode, unique, node = IN_HEADER.unpack_from(request)[:4]
        body, error = b"", 0
        kind = KIND_OF.get(opcode)
        try:
            error = self.faults.pass_through(kind) if kind else 0
            handler = self.handlers.get(opcode)
            if not error:
                if not handler:
                    raise OSError(errno.ENOSYS, "")
                body = handler(node, request[IN_HEADER.size:]) or b""
        except OSError as problem:
            error = problem.errno or errno.EIO
        out = struct.pack("<IiQ", 16 + (0 if error else len(body)), -error, unique)
        try:
            os.write(self.fd, out + (b"" if error else body))
        except OSError:
            pass                    # the asker is gone

    # ---- nodes and paths

    def path(self, node, name=None):
        with self.lock:
            if node not in self.paths:
                raise OSError(errno.ENOENT, "")
            path = self.paths[node]
        if name is not None:
            path = f"{path}/{name}"
        return path

    def real(self, path):
        return self.folder + path

    def node(self, path):
        with self.lock:
            if path not in self.ids:
                self.ids[path] = self.next_id
                self.paths[self.next_id] = path
                self.next_id += 1
            return self.ids[path]

    def forget_path(self, path):
        """The name stands for nothing now; a file that is still open keeps its descriptor."""
        with self.lock:
            self.ids.pop(path, None)

    def attributes(self, node, st):
        s, ns = 10 ** 9, lambda t: t % 10 ** 9
        return ATTR.pack(node, st.st_size, st.st_blocks, st.st_atime_ns // s, st.st_mtime_ns // s,
                         st.st_ctime_ns // s, ns(st.st_atime_ns), ns(st.st_mtime_ns),
                         ns(st.st_ctime_ns), st.st_mode, st.st_nlink, st.st_uid, st.st_gid, 0,
                         4096, 0)

    def entry(self, path):
        st = os.lstat(self.real(path))
        node = self.node(path)
        return struct.pack("<QQQQII", node, 0, 0, 0, 0, 0) + self.attributes(node, st)

    @staticmethod
    def name(data):
        return data.split(b"\0", 1)[0].decode()

    # ---- requests; each returns the body of the answer or raises OSError

    def init(self, node, body):
        flags = BIG_WRITES | ATOMIC_O_TRUNC | PARALLEL_DIROPS | MAX_PAGES
        return struct.pack("<IIIIHHIIHHI7I", 7, 31, MAX_WRITE, flags, 64, 48, MAX_WRITE, 1,
                           MAX_WRITE // 4096, 0, 0, *[0] * 7)

    def lookup(self, node, body):
        return self.entry(self.path(node, self.name(body)))

    def getattr(self, node, body):
        flags, _, fh = struct.unpack_from("<IIQ", body)
        st = os.fstat(fh) if flags & 1 else os.lstat(self.real(self.path(node)))
        return struct.pack("<QII", 0, 0, 0) + self.attributes(node, st)

    def setattr(self, node, body):
        valid, _, fh, size = struct.unpack_from("<IIQQ", body)
        mode = struct.unpack_from("<I", body, 68)[0]
        target = fh if valid & 64 else self.real(self.path(node))
        if valid & 8:
            os.truncate(target, size)
        if valid & 1:
            os.chmod(target, stat.S_IMODE(mode))
        st = os.stat(target)
        return struct.pack("<QII", 0, 0, 0) + self.attributes(node, st)

    def mkdir(self, node, body):
        mode, umask = struct.unpack_from("<II", body)
        path = self.path(node, self.name(body[8:]))
        os.mkdir(self.real(path), mode & ~umask)
        return self.entry(path)

    def unlink(self, node, body):
        path = self.path(node, self.name(body))
        os.unlink(self.real(path))
        self.forget_path(path)

    def rmdir(self, node, body):
        path = self.path(node, self.name(body))
        os.rmdir(self.real(path))
        self.forget_path(path)

    def rename(self, node, body):
        to_node = struct.unpack_from("<Q", body)[0]
        old, new = body[8:].split(b"\0")[:2]
        a, b = self.path(node, old.decode()), self.path(to_node, new.decode())
        os.rename(self.real(a), self.real(b))
        with self.lock:
            self.ids.pop(b, None)
            moved = self.ids.pop(a, None)
            if moved:
                self.ids[b] = moved
                self.paths[moved] = b

    def open(self, node, body):
        flags = struct.unpack_from("<I", body)[0] & ~os.O_CREAT
        return struct.pack("<QII", os.open(self.real(self.path(node)), flags), DIRECT_IO, 0)

    def create(self, node, body):
        flags, mode, umask, _ = struct.unpack_from("<IIII", body)
        path = self.path(node, self.name(body[16:]))
        fd = os.open(self.real(path), flags | os.O_CREAT, mode & ~umask)
        return self.entry(path) + struct.pack("<QII", fd, DIRECT_IO, 0)

    def read(self, node, body):
        fh, offset, size = struct.unpack_from("<QQI", body)
        return os.pread(fh, size, offset)

    def write(self, node, body):
        fh, offset, size = struct.unpack_from("<QQI", body)
        return struct.pack("<II", os.pwrite(fh, body[40:40 + size], offset), 0)

    def fsync(self, node, body):
        os.fsync(struct.unpack_from("<Q", body)[0])

    def release(self, node, body):
        os.close(struct.unpack_from("<Q", body)[0])

    def statfs(self, node, body):
        fs = os.statvfs(self.folder)
        return struct.pack("<5Q4I6I", fs.f_blocks, fs.f_bfree, fs.f_bavail, fs.f_files, fs.f_ffree,
                           fs.f_bsize, 255, fs.f_frsize, 0, *[0] * 6)

    def readdir(self, node, body):
        _, offset, size = struct.unpack_from("<QQI", body)
        base, out = self.path(node), b""
        names = sorted(os.listdir(self.real(base)))
        for i, name in enumerate(names[offset:], offset + 1):
            raw = name.encode()
            try:
                mode = os.lstat(self.real(f"{base}/{name}")).st_mode
            except OSError:
                continue
            row = struct.pack("<QQII", i, i, len(raw), stat.S_IFMT(mode) >> 12) + raw
            row += bytes(-len(row) % 8)
            if len(out) + len(row) > size:
                break
            out += row
        return out


def reply(**message):
    print(json.dumps(message), flush=True)


def main():
    fs = SlowFs(sys.argv[1], sys.argv[2])
    fs.mount()
    signal.signal(signal.SIGTERM, lambda *_: (fs.faults.command(["all", "ok"]), fs.unmount(),
                                              os._exit(0)))
    threading.Thread(target=fs.serve, daemon=True).start()
    reply(event="mounted")
    for line in sys.stdin:
        try:
            if line.split() == ["report"]:
                print(json.dumps(fs.faults.counts), flush=True)
            else:
                fs.faults.command(line.split())
            reply(reply="ok")
        except (ValueError, IndexError, AttributeError) as problem:
            reply(reply="error", why=str(problem))
    fs.unmount()


def slow_fs(rig, folder, mountpoint, name="slow-fs"):
    """Starts one for a test; both folders are made. See Program for command() and report()."""
    from rig import Program, wait_for
    os.makedirs(folder, exist_ok=True)
    os.makedirs(mountpoint, exist_ok=True)
    fs = Program(rig, name, ["/usr/bin/python3", os.path.abspath(__file__), folder, mountpoint])
    fs.start()
    wait_for(lambda: os.path.ismount(mountpoint) or not fs.running, what="mounted")
    if not fs.running:
        raise RuntimeError("slow_fs did not start: " + fs.log_text()[-500:])
    return fs


if __name__ == "__main__":
    main()
