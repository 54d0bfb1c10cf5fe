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

For unittest there is RigTest, a TestCase with `self.rig`. The programs come from $WEIR_BIN (the
build directory). Needs Python 3 and nothing else.
"""
import json
import os
import shutil
import sys
import tempfile
import unittest

from rig_parts import Broker, Receive, Subscriber, Weir
from rig_process import (PR_SET_CHILD_SUBREAPER, Process, Program, command_line, fd_count,
                         free_port, kill_pid, libc, port_open, tree, wait_for, which)

__all__ = ["Broker", "Process", "Program", "Receive", "Rig", "RigTest", "Subscriber", "Weir",
           "command_line", "counting_devices", "fd_count", "free_port", "kill_pid",
           "modbus_device", "port_open", "tree", "wait_for", "which"]


class Rig:
    """A context manager that owns the directories and all processes of one test."""

    def __init__(self, bin_dir=None, keep=None):
        self.bin = os.path.abspath(bin_dir or os.environ.get("WEIR_BIN", "build"))
        self.keep = os.environ.get("WEIR_KEEP") if keep is None else keep
        self.processes = []

    def __enter__(self):
        # Orphans of a killed weir become our children, so that none is overlooked at the end.
        libc.prctl(PR_SET_CHILD_SUBREAPER, 1)
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
                kill_pid(pid)
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
                     f"{self.bin}/src/cli/{name}", os.path.join(os.path.dirname(__file__), name)):
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
        args = [self.program("mqtt-sink"), "--control", "-", "--port", broker.port,
                "--time-reg", time_reg]
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
