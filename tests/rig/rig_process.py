# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""Processes of the rig: started, asked, ended by pid. Tests import these from `rig`."""
import ctypes
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
libc = ctypes.CDLL(None, use_errno=True)


def wait_for(condition, timeout=30, what="condition", every=0.02):
    """Calls condition() until it returns something true, and returns that.

    Raises TimeoutError after `timeout` seconds. This is the only way a test waits: it never
    sleeps for a time and hopes.
    """
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {timeout} s (last: {value!r})")
        time.sleep(every)


def held_port():
    """A free TCP port of 127.0.0.1 and a socket that keeps it so while nobody listens on it.

    A server that sets SO_REUSEADDR, as servers do, may listen on it; nobody else is given it.
    """
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("127.0.0.1", 0))
    return s.getsockname()[1], s


def free_port():
    """A TCP port of 127.0.0.1 that nobody used a moment ago."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def port_open(port):
    """Does something accept connections on this port of 127.0.0.1?"""
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def tree(pid):
    """The process and all its descendants: parents before children."""
    pids = [pid]
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children") as f:
                for child in f.read().split():
                    pids += tree(int(child))
    except OSError:
        pass
    return pids


def command_line(pid):
    """The arguments of a process as a list; empty when it is gone or a zombie."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            return f.read().decode(errors="replace").split("\0")[:-1]
    except OSError:
        return []


def fd_count(pid):
    """How many descriptors a process has open."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def _die_with_parent():
    """Runs in the new process: a test that is killed leaves nothing behind.

    Ctrl-C goes to the test alone, which then ends its programs in order.
    """
    os.setpgid(0, 0)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Process:
    """One program started by the rig. Its standard error goes to `log`, one file a program.

    stop() ends it in an orderly way, kill() does not; both wait for the end and may be called
    again. After either, start() runs it again with the same arguments.
    """

    stop_timeout = 20
    may_crash = False       # True: a sanitizer's complaint in the log is no failure

    def __init__(self, rig, name, args, env=None, stdin=subprocess.DEVNULL, stdout=None):
        self.rig, self.name, self.args = rig, name, [str(a) for a in args]
        self.env = {**os.environ, **(env or {})}
        self.stdin, self.stdout = stdin, stdout
        self.log = os.path.join(rig.dir, f"{name}.log")
        self.proc = None

    def start(self):
        """Starts the program; returns self. Standard output goes to the log if not asked for."""
        main = threading.current_thread() is threading.main_thread()
        with open(self.log, "ab") as log:
            self.proc = subprocess.Popen(
                self.args, stdin=self.stdin, stdout=self.stdout or log, stderr=log, env=self.env,
                cwd=self.rig.dir, preexec_fn=_die_with_parent if main else None)
        self.rig.started(self)
        return self

    @property
    def pid(self):
        return self.proc.pid

    @property
    def running(self):
        return self.proc is not None and self.proc.poll() is None

    def signal(self, number):
        """Sends a signal, if it still runs."""
        if self.running:
            self.proc.send_signal(number)

    def wait(self, timeout=30):
        """Waits for the end; returns the exit status (negative: the signal)."""
        return self.proc.wait(timeout)

    def stop(self):
        """SIGTERM, then SIGKILL to the whole family if it does not end; the exit status."""
        self.signal(signal.SIGTERM)
        return self._reap(self.stop_timeout)

    def kill(self):
        """SIGKILL to this one process (its children may live on: see kill_all)."""
        self.signal(signal.SIGKILL)
        return self._reap(5)

    def kill_all(self):
        """SIGKILL to the program and all its descendants at once."""
        for pid in tree(self.pid):
            kill_pid(pid)
        return self._reap(5)

    def _reap(self, timeout):
        if self.proc is None:
            return None
        try:
            return self.proc.wait(timeout)
        except subprocess.TimeoutExpired:
            print(f"rig: {self.name} did not end within {timeout} s, killed", file=sys.stderr)
            for pid in tree(self.pid):
                kill_pid(pid)
            return self.proc.wait(5)

    def complaint(self):
        """What a sanitizer said in the log: its first line and what follows; or None."""
        found = re.search(r"(runtime error:|ERROR: \w+Sanitizer)", self.log_text())
        return self.log_text()[found.start():][:2000] if found else None

    def log_text(self):
        """All that the program has written to its log so far."""
        try:
            with open(self.log, errors="replace") as f:
                return f.read()
        except OSError:
            return ""


def kill_pid(pid):
    """SIGKILL to a process that may be gone already."""
    try:
        os.kill(pid, signal.SIGKILL)
    except OSError:
        pass


class Program(Process):
    """A program of the rig: takes lines on standard input, prints JSON lines.

    command("dead 3") waits until the program has carried it out. report() returns its counts.
    Lines that are neither a reply nor a report are kept in `events`.
    """

    def __init__(self, rig, name, args, env=None):
        super().__init__(rig, name, args, env, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._news = threading.Condition()
        self._replies, self._reports, self._eof = [], [], False
        self.events = []

    def start(self):
        super().start()
        self._eof = False
        self._reader = threading.Thread(target=self._read, args=(self.proc.stdout,), daemon=True)
        self._reader.start()
        return self

    def _read(self, stdout):
        for line in stdout:
            try:
                message = json.loads(line)
            except ValueError:
                message = {"text": line.decode(errors="replace").rstrip()}
            with self._news:
                if "reply" in message:
                    self._replies.append(message)
                elif "text" in message or "event" in message:
                    self.events.append(message)
                else:
                    self._reports.append(message)
                self._news.notify_all()
        with self._news:
            self._eof = True
            self._news.notify_all()

    def command(self, line, timeout=10):
        """Sends one command line and waits for its reply; RuntimeError if it was refused."""
        with self._news:
            seen = len(self._replies)
            self._send(line)
            self._news.wait_for(lambda: len(self._replies) > seen or self._eof, timeout)
            if len(self._replies) <= seen:
                raise RuntimeError(f"{self.name}: no reply to {line!r}")
            reply = self._replies[-1]
        if reply["reply"] != "ok":
            raise RuntimeError(f"{self.name}: {line!r}: {reply.get('why', reply)}")

    def report(self, timeout=10):
        """The program's counts now, or its last ones if it has ended."""
        if not self.running:
            with self._news:
                self._news.wait_for(lambda: self._eof, timeout)
                return self._reports[-1] if self._reports else None
        self.command("report", timeout)     # which prints the report before its reply
        return self._reports[-1]

    def _send(self, line):
        self.proc.stdin.write(line.encode() + b"\n")
        self.proc.stdin.flush()

    def stop(self):
        """Ends the program; returns its last report."""
        super().stop()
        return self.report() if self.proc else None

    def _reap(self, timeout):
        status = super()._reap(timeout)
        if self.proc:
            self._reader.join(timeout)
            self.proc.stdin.close()
            self.proc.stdout.close()
        return status


def which(name):
    """The path of an installed program, also one that only root has in its PATH."""
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if not path:
        raise FileNotFoundError(f"{name} is not installed")
    return path
