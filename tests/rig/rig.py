# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""The rig for system tests: starts and ends brokers, simulated meters, wires, proxies and weir.

    from rig import Rig, wait_for

    with Rig() as rig:
        broker = rig.broker()
        meters = rig.meters(units=3)                    # Modbus TCP on a free port
        weir = rig.weir(rig.config(
            buses=f'bus = {{ adapter = "modbus"; address = "127.0.0.1:{meters.port}"; ... }};',
            uplinks=f'up = {{ uplink = "mqtt"; url = "{broker.url}"; }};'))
        wait_for(lambda: meters.report()["requests"] > 10, what="ten polls")

Everything is on loopback and on free ports, below one temporary directory (`rig.dir`) and one in
memory (`rig.ram`). At the end of the `with` block, however it is left, every process that was
started is ended by its pid, last one first, and both directories are removed. When the block
ends with an exception, the last lines of each program's log are printed first.

For unittest there is RigTest, a TestCase with `self.rig`. Needs Python 3 and nothing else. The programs come from $WEIR_BIN (the build directory).
"""
import ctypes
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
_libc = ctypes.CDLL(None, use_errno=True)


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
    """Runs in the new process: a test that is killed leaves nothing behind."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


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
            _kill(pid)
        return self._reap(5)

    def _reap(self, timeout):
        if self.proc is None:
            return None
        try:
            return self.proc.wait(timeout)
        except subprocess.TimeoutExpired:
            print(f"rig: {self.name} did not end within {timeout} s, killed", file=sys.stderr)
            for pid in tree(self.pid):
                _kill(pid)
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


def _kill(pid):
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


class Broker(Process):
    """mosquitto on a free loopback port, anonymous, with unlimited queues.

    password={"user": "secret"} makes a password file and turns anonymous off; acl is the text of
    an ACL file; extra is text for the end of the configuration. The port stays the same over
    stop() and start(). With persistence, what it holds survives stop() and start().
    """

    def __init__(self, rig, name="broker", persistence=True, password=None, acl=None, extra=""):
        self.home = os.path.join(rig.dir, name)
        os.makedirs(self.home, exist_ok=True)
        self.port = free_port()
        self.conf = os.path.join(self.home, "mosquitto.conf")
        lines = [f"listener {self.port} 127.0.0.1", "max_queued_messages 0",
                 "max_inflight_messages 1000", "set_tcp_nodelay true", "log_type warning",
                 "log_type error", "log_type notice"]
        if os.geteuid() == 0:
            lines.append("user root")       # else it cannot read its files in our directory
        if persistence:
            lines += ["persistence true", f"persistence_location {self.home}/",
                      "autosave_interval 0"]
        else:
            lines.append("persistence false")
        if password:
            lines += ["allow_anonymous false", f"password_file {self._passwords(password)}"]
        else:
            lines.append("allow_anonymous true")
        if acl:
            with open(os.path.join(self.home, "acl"), "w") as f:
                f.write(acl)
            lines.append(f"acl_file {self.home}/acl")
        with open(self.conf, "w") as f:
            f.write("\n".join(lines) + "\n" + extra + "\n")
        super().__init__(rig, name, [which("mosquitto"), "-c", self.conf])

    def _passwords(self, password):
        path = os.path.join(self.home, "passwords")
        with open(path, "w") as f:
            f.writelines(f"{user}:{secret}\n" for user, secret in password.items())
        subprocess.run([which("mosquitto_passwd"), "-U", path], check=True)
        return path

    @property
    def url(self):
        return f"mqtt://127.0.0.1:{self.port}"

    def start(self):
        super().start()
        wait_for(lambda: port_open(self.port) or not self.running, what="broker up")
        if not self.running:
            raise RuntimeError("mosquitto did not start: " + self.log_text()[-500:])
        return self

    def restart(self):
        self.stop()
        return self.start()

    def publish(self, topic, payload, retain=False, qos=1, user=None):
        """Publishes one message through mosquitto_pub; waits until it is out."""
        args = [which("mosquitto_pub"), "-h", "127.0.0.1", "-p", str(self.port), "-q", str(qos),
                "-t", topic, "-s"] + (["-r"] if retain else [])
        if user:
            args += ["-u", user[0], "-P", user[1]]
        subprocess.run(args, input=payload.encode(), check=True, timeout=30, capture_output=True)


class Subscriber(Process):
    """mosquitto_sub: every message on the topics as it arrives. messages() is all so far.

    Its debug lines (-d) go into the same file: they tell when the subscription stands. They are
    only seen in time because stdbuf makes it write line by line.
    """

    def __init__(self, rig, name, port, topics, extra=()):
        self.path = os.path.join(rig.dir, f"{name}.messages")
        args = ["stdbuf", "-oL", which("mosquitto_sub"), "-h", "127.0.0.1", "-p", port, "-q", "1", "-d", *extra,
                "-F", "MSG %r %t %p"]
        for topic in topics:
            args += ["-t", topic]
        super().__init__(rig, name, args)

    def start(self):
        with open(self.path, "ab") as out:
            self.stdout = out
            return super().start()

    def subscribed(self):
        """Has the broker acknowledged the subscription?"""
        with open(self.path, errors="replace") as f:
            return any(line.startswith("Subscribed (") for line in f)

    def messages(self):
        """A list of (topic, payload text, retained)."""
        with open(self.path, errors="replace") as f:
            lines = [line.rstrip("\n").split(" ", 3) for line in f
                     if line.startswith("MSG ") and line.endswith("\n")]
        return [(line[2], line[3], line[1] == "1") for line in lines if len(line) == 4]

    def records(self):
        """All JSON payloads, arrays taken apart, as (topic, dict)."""
        found = []
        for topic, payload, _ in self.messages():
            try:
                value = json.loads(payload)
            except ValueError:
                continue
            found += [(topic, v) for v in (value if isinstance(value, list) else [value])
                      if isinstance(v, dict)]
        return found


class Weir(Process):
    """`weir run` with its own configuration file and its own spool and RAM directories."""

    stop_timeout = 30

    def __init__(self, rig, text, name="weir", env=None):
        self.conf = os.path.join(rig.dir, f"{name}.conf")
        self.text = text
        super().__init__(rig, name, [rig.program("weir"), "run", "-c", self.conf], env)

    def start(self):
        with open(self.conf, "w") as f:
            f.write(self.text)
        os.chmod(self.conf, 0o600)
        return super().start()

    def children(self):
        """The children by role: {"bus meters": pid, "uplink up": pid, "store": pid}."""
        found = {}
        for pid in tree(self.pid)[1:]:
            args = command_line(pid)
            if len(args) > 1:
                words = [a for a in args[1:3] if not a.startswith("-")]
                found[" ".join(words)] = pid
        return found

    def kill_role(self, role):
        """SIGKILL to one child, for example "bus meters"; the pid it had."""
        pid = wait_for(lambda: self.children().get(role), what=f"{role} running")
        _kill(pid)
        return pid

    def run(self, *args, timeout=30):
        """Runs `weir ARGS...` beside the gateway; a CompletedProcess with text output."""
        return subprocess.run([self.rig.program("weir"), *map(str, args)], text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout,
                              env=self.env, cwd=self.rig.dir)

    def status(self):
        """`weir status --json` as a dict, or None when it does not answer (yet)."""
        result = self.run("status", "--json", "-c", self.conf)
        try:
            return json.loads(result.stdout)
        except ValueError:
            return None


class Receive(Process):
    """`weir receive`: standard output goes to `path`. stop() returns its exit status."""

    def __init__(self, rig, name, args, env=None):
        self.path = os.path.join(rig.dir, f"{name}.out")
        super().__init__(rig, name, [rig.program("weir"), "receive", *args], env)

    def start(self):
        with open(self.path, "ab") as out:
            self.stdout = out
            return super().start()

    def text(self):
        with open(self.path, errors="replace") as f:
            return f.read()


def which(name):
    """The path of an installed program, also one that only root has in its PATH."""
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if not path:
        raise FileNotFoundError(f"{name} is not installed")
    return path


class Rig:
    """A context manager that owns the directories and all processes of one test."""

    def __init__(self, bin_dir=None, keep=None):
        self.bin = os.path.abspath(bin_dir or os.environ.get("WEIR_BIN", "build"))
        self.keep = os.environ.get("WEIR_KEEP") if keep is None else keep
        self.processes = []

    def __enter__(self):
        # Orphans of a killed weir become our children, so that none is overlooked at the end.
        _libc.prctl(PR_SET_CHILD_SUBREAPER, 1)
        self.dir = tempfile.mkdtemp(prefix="weir-rig-")
        self.ram = tempfile.mkdtemp(prefix="weir-rig-", dir="/dev/shm")
        self._before = set(tree(os.getpid()))
        return self

    def __exit__(self, kind, value, traceback):
        if kind is not None:
            self.show_logs()
        try:
            self.close()
        except RuntimeError as problem:
            if kind is None:
                raise
            print(problem, file=sys.stderr)

    def close(self):
        """Ends every process, last started first, and removes the directories.

        RuntimeError if a sanitizer has complained in the log of one that may not crash.
        """
        for process in reversed(self.processes):
            try:
                process.stop()
            except Exception as problem:        # the others must still be ended
                print(f"rig: {process.name}: {problem!r}", file=sys.stderr)
        self._end_orphans()
        complaints = [f"{p.name}: {p.complaint()}" for p in self.processes
                      if not p.may_crash and p.complaint()]
        if self.keep:
            print(f"rig: kept {self.dir} {self.ram}", file=sys.stderr)
        else:
            shutil.rmtree(self.dir, ignore_errors=True)
            shutil.rmtree(self.ram, ignore_errors=True)
        if complaints:
            raise RuntimeError("\n".join(complaints))

    def _end_orphans(self):
        for pid in tree(os.getpid())[1:]:
            if pid not in self._before:
                args = command_line(pid)
                if args:
                    print(f"rig: left behind, killed: {pid} {' '.join(args)}", file=sys.stderr)
                _kill(pid)
                try:
                    os.waitpid(pid, 0)
                except OSError:
                    pass

    def show_logs(self, lines=15):
        """Prints the end of every log to standard error."""
        for process in self.processes:
            tail = process.log_text().splitlines()[-lines:]
            if tail:
                print(f"--- {process.name} ---", *tail, sep="\n", file=sys.stderr)

    def started(self, process):
        """Called by Process: from now on the rig ends it."""
        if process not in self.processes:
            self.processes.append(process)

    def program(self, name):
        """The path of one of our programs in the build directory."""
        for path in (f"{self.bin}/{name}", f"{self.bin}/rig/{name}", f"{self.bin}/bin/{name}",
                     f"{self.bin}/src/{name}", os.path.join(os.path.dirname(__file__), name)):
            if os.access(path, os.X_OK) and os.path.isfile(path):
                return path
        raise FileNotFoundError(f"{name}: not in {self.bin} (set WEIR_BIN to the build directory)")

    def path(self, name):
        """A path in the rig's directory."""
        return os.path.join(self.dir, name)

    # ---- the parts

    def broker(self, name="broker", **options):
        """Starts a mosquitto; see Broker."""
        return Broker(self, name, **options).start()

    def subscriber(self, broker, *topics, name="subscriber", extra=()):
        """Starts mosquitto_sub on the topics; returns when it has subscribed."""
        subscriber = Subscriber(self, name, broker.port, topics or ("#",), extra).start()
        self._up(subscriber, subscriber.subscribed)
        return subscriber

    def meters(self, name="meters", rtu=False, port=0, units=10, regs=125, commands=(), **options):
        """Starts meter-sim. With rtu, `.link` is the pseudo-terminal; else `.port` is the port.

        options become command line options: time_reg=-1 is --time-reg -1, profile="sdm630" ...
        """
        args = [self.program("meter-sim"), "--control", "-", "--units", units, "--regs", regs]
        link, port_file = self.path(f"{name}.tty"), self.path(f"{name}.port")
        args += ["--rtu", link] if rtu else ["--tcp", port, "--port-file", port_file]
        sim = Program(self, name, args + _options(options) + list(commands))
        sim.start()
        sim.link = link
        if rtu:
            self._up(sim, lambda: os.path.exists(link))
        else:
            sim.port = self._up(sim, lambda: _read_number(port_file))
        return sim

    def wire(self, slave, name="wire", master=None, commands=(), **options):
        """Starts a wire to `slave` ("tty:PATH", "pty:LINK" or "tcp:PORT").

        The master's end is a new pseudo-terminal at `.link`, or with master="tcp" a TCP port at
        `.port`. `commands` are carried out before the first byte ("baud 9600", "flip 0.01").
        """
        link, port_file = self.path(f"{name}.tty"), self.path(f"{name}.port")
        end = "tcp:0" if master == "tcp" else f"pty:{link}"
        wire = Program(self, name, [self.program("wire"), "--control", "-", "--slave", slave,
                                    "--master", end, "--port-file", port_file,
                                    *_options(options), *commands])
        wire.start()
        wire.link = link
        if master == "tcp":
            wire.port = self._up(wire, lambda: _read_number(port_file))
        else:
            self._up(wire, lambda: os.path.exists(link))
        return wire

    def pymodbus(self, values, name="pymodbus", rtu=False):
        """Starts a slave of pymodbus with fixed values; see pymodbus_slave.py. It has `.port`.

        values is {unit: {"holding": {address: [values]}, "input": ..., "coil": ..., ...}}. With
        rtu, put a wire before it: rig.wire(f"tcp:{slave.port}") gives it a pseudo-terminal.
        """
        values_file, port_file = self.path(f"{name}.json"), self.path(f"{name}.port")
        with open(values_file, "w") as f:
            json.dump(values, f)
        slave = Process(self, name, ["/usr/bin/python3", _beside("pymodbus_slave.py"), "--values",
                                     values_file, "--port-file", port_file] +
                        (["--rtu"] if rtu else [])).start()
        slave.port = self._up(slave, lambda: _read_number(port_file))
        return slave

    def proxy(self, broker, name="proxy", commands=()):
        """Starts mqtt-proxy in front of a broker; clients connect to `.port` or `.url`."""
        port_file = self.path(f"{name}.port")
        proxy = Program(self, name, ["/usr/bin/python3", _beside("mqtt_proxy.py"), "--listen", "0",
                                     "--broker", f"127.0.0.1:{broker.port}",
                                     "--port-file", port_file, *commands])
        proxy.start()
        proxy.port = self._up(proxy, lambda: _read_number(port_file))
        proxy.url = f"mqtt://127.0.0.1:{proxy.port}"
        return proxy

    def sink(self, broker, *topics, name="sink", time_reg=0, **options):
        """Starts mqtt-sink on the broker; returns when it has subscribed."""
        args = [self.program("mqtt-sink"), "--control", "-", "--port", broker.port, "--time-reg", time_reg]
        for topic in topics or ("#",):
            args += ["--topic", topic]
        sink = Program(self, name, args + _options(options)).start()
        self._up(sink, lambda: sink.report()["subscribed"])
        return sink

    def config(self, buses, uplinks="", gateway="rig", spool="", name="weir"):
        """The text of a weir configuration with this rig's directories filled in."""
        flash, ram = f"{self.dir}/{name}-flash", f"{self.ram}/{name}"
        os.makedirs(flash, exist_ok=True)
        os.makedirs(ram, exist_ok=True)
        return (f'gateway = {{ name = "{gateway}"; }};\n'
                f'spool = {{ directory = "{flash}"; ram = "{ram}"; {spool} }};\n'
                f"buses = {{ {buses} }};\nuplinks = {{ {uplinks} }};\n")

    def weir(self, text, name="weir", env=None):
        """Starts `weir run` with this configuration text; see config()."""
        return Weir(self, text, name, env).start()

    def receive(self, broker, *args, topics=("weir/#",), name="receive"):
        """Starts `weir receive URL TOPIC... ARGS...`; `.text()` is what it printed."""
        return Receive(self, name, [broker.url, *topics, *args]).start()

    def _up(self, process, ready):
        value = wait_for(lambda: ready() or not process.running, what=f"{process.name} ready")
        if not process.running:
            raise RuntimeError(f"{process.name} ended at once:\n{process.log_text()[-1000:]}")
        return value


class RigTest(unittest.TestCase):
    """A test case with a rig of its own in self.rig; shows the logs when a test fails."""

    def setUp(self):
        self.rig = Rig().__enter__()
        self.addCleanup(self._close_rig)

    def _close_rig(self):
        result = self._outcome.result
        if any(test is self for test, _ in result.failures + result.errors):
            self.rig.show_logs()
        self.rig.close()


def _options(options):
    args = []
    for key, value in options.items():
        args.append("--" + key.replace("_", "-"))
        if value is not True:
            args.append(str(value))
    return args


def _beside(name):
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), name)


def _read_number(path):
    try:
        with open(path) as f:
            return int(f.read())
    except (OSError, ValueError):
        return 0


def modbus_device(name, unit, points, every="1s", extra=""):
    """One device of a Modbus bus for config(): points is a list of (name, register, more)."""
    rows = ", ".join(f'{{ name = "{n}"; register = {r}; {more} }}' for n, r, more in points)
    return (f'{{ name = "{name}"; unit_id = {unit}; every = "{every}"; {extra} '
            f"points = ( {rows} ); }}")


def counting_devices(units, regs, every="1s", extra="", order=None):
    """Devices whose points are named u<UNIT>r<REG>, as meter-sim and mqtt-sink count them."""
    return ",\n".join(
        modbus_device(f"d{u}", u, [(f"u{u}r{r}", r, 'type = "uint16";') for r in range(regs)],
                      every, extra) for u in units)
