#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""One bus process by hand: polling and listening, a line that comes and goes, trace and tail.

No core and no uplink take part: `weir bus NAME` appends to its queue, `weir tail` reads it.
"""
import fcntl
import json
import os
import pty
import re
import signal
import socket
import struct
import subprocess
import tty
import unittest

from rig import Process, RigTest, counting_devices, fd_count, wait_for

UNITS, REGS = 3, 10


def opened(pid, prefix):
    """What a process has open whose name begins so."""
    names = []
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            names.append(os.readlink(f"/proc/{pid}/fd/{fd}"))
        except OSError:
            pass                                    # closed meanwhile
    return [name for name in names if name.startswith(prefix)]


class Tail(Process):
    """`weir tail --all --json` of one configuration."""

    def __init__(self, rig, conf, env):
        self.path = rig.path("tail.jsonl")
        super().__init__(rig, "tail", [rig.program("weir"), "tail", "--all", "--json", "-c", conf], env)

    def start(self):
        with open(self.path, "ab") as out:
            self.stdout = out
            return super().start()

    def records(self, **keys):
        with open(self.path) as f:
            found = [json.loads(line) for line in f if line.endswith("\n")]
        return [r for r in found if all(r.get(k) == v for k, v in keys.items())]


class BusTest(RigTest):
    def bus(self, text, name="bus", uplinks=""):
        """Starts `weir bus NAME` with this bus's settings, and a tail beside it."""
        self.env = {"WEIR_PLUGIN_PATH": os.path.join(os.environ["WEIR_BIN"], "tests/plugins")}
        self.conf = self.rig.path("weir.conf")
        with open(self.conf, "w") as f:
            f.write(self.rig.config(f"{name} = {{ {text} }};", uplinks))
        os.chmod(self.conf, 0o600)
        self.tail = Tail(self.rig, self.conf, self.env).start()
        self.process = Process(self.rig, f"bus-{name}",
                               [self.rig.program("weir"), "bus", name, "-c", self.conf], self.env)
        return self.process.start()

    def weir(self, *args, timeout=60):
        return subprocess.run([self.rig.program("weir"), *map(str, args), "-c", self.conf], text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout,
                              env={**os.environ, **self.env})

    def readings(self, at_least, **keys):
        return wait_for(lambda: len(self.tail.records(kind="reading", **keys)) >= at_least and
                        self.tail.records(kind="reading", **keys),
                        timeout=60, what=f"{at_least} readings of {keys or 'any device'}")

    def modbus(self, port, every="100ms", extra='timeout = "500ms";', units=UNITS, regs=REGS):
        devices = counting_devices(range(1, units + 1), regs, every=every, extra=extra)
        return f'adapter = "modbus"; {port} devices = ({devices});'


class Polling(BusTest):
    def test_what_is_read_is_recorded(self):
        meters = self.rig.meters(units=UNITS, regs=REGS, time_reg=-1)
        bus = self.bus(self.modbus(f'address = "127.0.0.1:{meters.port}";'))
        self.readings(30)
        self.assertEqual(bus.stop(), 0)
        read = meters.report()["points"]
        records = wait_for(lambda: len(self.tail.records()) * REGS >= read and self.tail.records())
        self.assertEqual(len(records) * REGS, read)
        self.assertEqual([r["seq"] for r in records], list(range(1, len(records) + 1)))
        for r in records:
            unit = int(r["device"][1:])
            values = set(r["values"].values())
            self.assertEqual(len(r["values"]), REGS)
            self.assertEqual(len(values), 1)
            self.assertTrue(all(name.startswith(f"u{unit}r") for name in r["values"]))

    def test_an_orderly_end_closes_the_epoch_and_a_kill_does_not(self):
        meters = self.rig.meters(units=1, regs=REGS, time_reg=-1)
        bus = self.bus(self.modbus(f'address = "127.0.0.1:{meters.port}";', units=1))
        first = self.readings(3)[0]["epoch"]
        bus.kill()
        bus.start()
        n = len(self.tail.records())
        self.assertEqual({r["epoch"] for r in self.readings(n + 3)}, {first})
        self.assertEqual(bus.stop(), 0)
        bus.start()
        n = len(self.tail.records())
        wait_for(lambda: len({r["epoch"] for r in self.tail.records()}) == 2, what="a new epoch")

    def test_silence_on_a_line(self):
        meters = self.rig.meters(rtu=True, units=8, regs=20, baud=9600)
        bus = self.bus(self.modbus(f'port = "{meters.link}"; baud = 9600;', every="0s", units=8, regs=20))
        self.readings(50)
        self.assertEqual(bus.stop(), 0)
        report = meters.report()
        self.assertEqual(report["short_gaps"], 0)
        self.assertEqual(report["collisions"], 0)
        self.assertEqual(report["bad_crc"], 0)

    def test_dead_device_and_return(self):
        meters = self.rig.meters(rtu=True, units=4, regs=REGS, baud=19200, dead="2")
        bus = self.bus(self.modbus(f'port = "{meters.link}"; baud = 19200;', every="0s",
                                   extra='timeout = "200ms"; retries = 1;', units=4))
        self.readings(100, device="d1")
        gone = self.tail.records(device="d2")
        self.assertEqual([r["values"] for r in gone], [{"state": "gone", "why": "timeout", "repeats": 0}])
        self.assertGreater(meters.report()["units"]["2"]["requests"], 1)
        meters.command("delay 2 160")               # it takes 80 % of its time-out to answer
        meters.command("alive 2")
        self.readings(2, device="d2")               # within a minute; the bound has a unit test
        self.assertEqual(bus.stop(), 0)

    def test_exceptions_are_of_points(self):
        meters = self.rig.meters(units=1, regs=REGS, time_reg=-1, commands=["illegal 1 0-65535 2"])
        self.bus(self.modbus(f'address = "127.0.0.1:{meters.port}";', units=1))
        reading = self.readings(2)[-1]
        self.assertEqual(set(reading["values"].values()), {None})
        self.assertEqual(set(reading["errors"].values()), {"illegal_address"})


class Line(BusTest):
    def test_tty_gone_and_back_under_another_name(self):
        meters = self.rig.meters(rtu=True, units=1, regs=REGS)
        bus = self.bus(self.modbus(f'port = "{meters.link}"; baud = 115200;', units=1))
        self.readings(3)
        count, others, names = None, [], set()
        for _ in range(20):
            names.add(os.readlink(meters.link))
            meters.command("vanish")
            wait_for(lambda: not opened(bus.pid, "/dev/pts/"), what="port closed")
            others.append(pty.openpty())            # takes the name that became free
            meters.command("return")
            wait_for(lambda: opened(bus.pid, os.readlink(meters.link)), what="port open again")
            n = len(self.tail.records(kind="reading"))
            self.readings(n + 2)
            count = count or fd_count(bus.pid)
            self.assertEqual(fd_count(bus.pid), count)
        self.assertGreater(len(names), 10)
        self.assertEqual(bus.stop(), 0)
        for master, slave in others:
            os.close(master)
            os.close(slave)

    def test_a_port_that_stays_away(self):
        meters = self.rig.meters(rtu=True, units=2, regs=REGS)
        bus = self.bus(self.modbus(f'port = "{meters.link}"; baud = 115200;', units=2))
        self.readings(4)
        meters.command("vanish")
        state = wait_for(lambda: self.tail.records(kind="state"), what="state")[0]
        self.assertEqual(state["values"]["why"], "port")
        self.assertIn("not there", wait_for(lambda: re.findall("port not open.*", bus.log_text()))[0])
        meters.command("return")
        n = len(self.tail.records(kind="reading"))
        self.readings(n + 4)
        self.assertEqual(bus.stop(), 0)

    def test_a_server_that_ends_idle_connections(self):
        meters = self.rig.meters(units=1, regs=REGS)
        bus = self.bus(self.modbus(f'address = "127.0.0.1:{meters.port}";', units=1))
        self.readings(3)
        for _ in range(3):
            meters.command("vanish")
            meters.command("return")
            n = len(self.tail.records(kind="reading"))
            self.readings(n + 2)
        self.assertEqual(bus.stop(), 0)

    def test_one_owner(self):
        meters = self.rig.meters(rtu=True, units=1, regs=REGS)
        bus = self.bus(self.modbus(f'port = "{meters.link}"; baud = 115200;', units=1))
        self.readings(1)
        second = self.weir("bus", "bus")
        self.assertEqual(second.returncode, 75)
        self.assertIn(f"queue is held by pid {bus.pid}", second.stderr)


class Listening(BusTest):
    def setUp(self):
        super().setUp()
        self.master, slave = pty.openpty()
        tty.setraw(slave)
        self.addCleanup(os.close, self.master)
        self.addCleanup(os.close, slave)
        self.port = os.ttyname(slave)

    def test_lines_become_records(self):
        bus = self.bus(f'adapter = "listen"; port = "{self.port}"; baud = 115200; '
                       'devices = ({ name = "door"; }, { name = "gate"; });')
        wait_for(lambda: "port open " in bus.log_text(), what="port open")
        os.write(self.master, b"0:17\n1:-4")
        os.write(self.master, b"2\nnoise\n0:1x\n")
        for i in range(200):
            os.write(self.master, b"1:%d\n" % i)
        wait_for(lambda: len(self.tail.records(kind="packet")) == 202, what="202 packets")
        first = self.tail.records(kind="packet")
        self.assertEqual((first[0]["device"], first[0]["values"]), ("door", {"number": 17, "text": "0:17"}))
        self.assertEqual((first[1]["device"], first[1]["values"]["number"]), ("gate", -42))
        self.assertEqual([r["values"]["number"] for r in first[2:]], list(range(200)))
        trace = self.weir("trace", "bus", "--seconds", 0.1)
        self.assertEqual(trace.returncode, 0, trace.stderr)
        self.assertIn("<<", trace.stdout)
        self.assertIn("a line", trace.stdout)
        self.assertEqual(bus.stop(), 0)


class Looking(BusTest):
    def test_trace(self):
        meters = self.rig.meters(units=1, regs=REGS, commands=["delay 1 0"])
        self.bus(self.modbus(f'address = "127.0.0.1:{meters.port}";', units=1))
        self.readings(3)
        capture = self.rig.path("wire.txt")
        shown = self.weir("trace", "bus", "--count", 7, "--write", capture)
        self.assertEqual(shown.returncode, 0, shown.stderr)
        lines = shown.stdout.splitlines()
        self.assertEqual(len(lines), 7)
        self.assertIn("-- port open", lines[0])
        self.assertRegex(lines[1], r"^\d\d:\d\d:\d\d\.\d{6} >> [0-9a-f]{2}( [0-9a-f]{2})+")
        self.assertRegex(lines[2], r"^\d\d:\d\d:\d\d\.\d{6} << [0-9a-f]{2}( [0-9a-f]{2})+")
        with open(capture) as f:
            written = [line for line in f if not line.startswith("#")]
        self.assertEqual(len(written), 6)
        for line in written:
            self.assertRegex(line, r"^\d+\.\d{6} (>>|<<)( [0-9a-f]{2})+\n$")
        meters.command("dead 1")
        wait_for(lambda: "d1 part 0: timeout" in self.weir("trace", "bus", "--seconds", 0.1).stdout)
        self.assertEqual(self.weir("trace", "nobody").returncode, 3)

    def test_tail_table(self):
        meters = self.rig.meters(units=2, regs=2, time_reg=-1)
        self.bus(self.modbus(f'address = "127.0.0.1:{meters.port}";', units=2, regs=2))
        self.readings(2)
        shown = self.weir("tail", "--device", "d2", "--seconds", 1)
        self.assertEqual(shown.returncode, 0, shown.stderr)
        self.assertRegex(shown.stdout.splitlines()[0], r"Z. d2 +reading +u2r0=\d+ +u2r1=\d+$")
        self.assertNotIn("d1", shown.stdout)

    def test_wrong_usage(self):
        self.bus('adapter = "misbehave"; devices = ({ name = "d"; every = "1s"; points = ({ name = "p"; }); });')
        for args in (["tail", "x"], ["tail", "--seconds", "x"], ["trace"], ["trace", "a", "b"],
                     ["trace", "a", "--count", "0"], ["bus"], ["bus", "a", "b"]):
            self.assertEqual(self.weir(*args).returncode, 2, args)
        for command in ("tail", "trace", "bus"):
            help_text = self.weir(command, "--help")
            self.assertEqual(help_text.returncode, 0)
            self.assertTrue(help_text.stdout.startswith("usage: weir " + command))


class Child(BusTest):
    """As core starts it: link, configuration and stats page as descriptors 3, 4 and 5."""

    MORE, READY, STOP, OPEN, EPOCH = 1, 2, 3, 6, 7
    epochs = 0

    def child(self, text):
        self.env = {**os.environ, "WEIR_CHILD": "1",
                    "WEIR_PLUGIN_PATH": os.path.join(os.environ["WEIR_BIN"], "tests/plugins")}
        self.link, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.addCleanup(self.link.close)
        self.link.settimeout(30)
        config = os.memfd_create("config")
        os.write(config, self.rig.config(f"bus = {{ {text} }};").encode())
        os.lseek(config, 0, os.SEEK_SET)
        self.page = os.open(self.rig.path("stats"), os.O_RDWR | os.O_CREAT)
        self.addCleanup(os.close, self.page)
        os.ftruncate(self.page, 1 << 20)
        high = [fcntl.fcntl(fd, fcntl.F_DUPFD, 20) for fd in (theirs.fileno(), config, self.page)]

        def hand_over():
            for number, fd in zip((3, 4, 5), high):
                os.dup2(fd, number)
        self.log = open(self.rig.path("child.log"), "w+")
        self.addCleanup(self.log.close)
        child = subprocess.Popen([self.rig.program("weir"), "bus", "bus"], env=self.env,
                                 preexec_fn=hand_over, pass_fds=(3, 4, 5), stderr=self.log)
        for fd in (*high, config):
            os.close(fd)
        theirs.close()
        self.addCleanup(self.end, child)
        return child

    def end(self, child):
        if child.poll() is None:
            child.kill()
        child.wait()

    def said(self):
        self.log.seek(0)
        return self.log.read()

    def receive(self):
        """One message: kind, bus, a, b. A bus that wants an epoch gets one, as from store."""
        while True:
            data = self.link.recv(200)
            name = data[3:3 + data[2]].decode()
            if data[0] != self.OPEN:
                return data[0], name, *struct.unpack("<QQ", data[3 + data[2]:])
            self.epochs += 1
            self.send(self.EPOCH, (self.epochs << 32) + 7, 1)

    def send(self, kind, a=0, b=0):
        self.link.send(struct.pack("<BBBQQ", kind, 0, 0, a, b))

    def alive(self):
        return struct.unpack("<q", os.pread(self.page, 8, 8))[0]

    polls = 'adapter = "misbehave"; mode = "ok"; '
    devices = 'devices = ({ name = "d"; every = "%s"; points = ({ name = "p"; }); });'

    def test_ready_more_stop(self):
        child = self.child(self.polls + self.devices % "50ms")
        self.assertEqual(self.receive()[0], self.READY)
        kind, name, epoch, seq = self.receive()
        self.assertEqual((kind, name, seq), (self.MORE, "bus", 1))
        for number in (2, 3, 4):
            self.assertEqual(self.receive(), (self.MORE, "bus", epoch, number))
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            child.send_signal(number)               # these are core's business
        before = self.alive()
        wait_for(lambda: self.alive() > before, what="a sign of life")
        self.assertEqual(self.receive()[:3], (self.MORE, "bus", epoch))
        self.link.send(b"\x63garbage")              # counted, not believed
        self.send(self.STOP)
        self.assertEqual(child.wait(30), 0, self.said())
        # The epoch is closed: the next process makes another.
        child = self.child(self.polls + self.devices % "50ms")
        self.receive()
        self.assertNotEqual(self.receive()[2], epoch)

    def test_back_to_back_is_told_now_and_then(self):
        self.child(self.polls + self.devices % "0s")
        self.receive()
        first = self.receive()[3]
        for _ in range(20):
            last = self.receive()[3]
        self.assertGreater(last - first, 100)       # each stands for many

    def test_core_is_gone(self):
        child = self.child(self.polls + self.devices % "50ms")
        self.receive()
        self.receive()
        self.link.close()
        self.assertEqual(child.wait(30), 75, self.said())

    def test_a_plugin_that_closes_everything(self):
        child = self.child('adapter = "misbehave"; mode = "close_fds"; after = 3; ' +
                           self.devices % "10ms")
        self.assertNotEqual(child.wait(30), 0)      # and does not write into what it opens next

    def test_counters_go_on(self):
        text = self.polls + self.devices % "10ms"
        for _ in range(2):
            child = self.child(text)
            self.receive()
            while self.receive()[3] % 20:
                pass
            self.end(child)                         # a kill: the epoch and the page go on
        child = self.child(text)
        self.receive()
        self.assertGreater(self.receive()[3], 40)


class Adapters(BusTest):
    one = 'devices = ({ name = "d"; every = "20ms"; points = ({ name = "p"; }); });'

    def ends(self, text, name="bus"):
        """How a bus process that cannot start ends: exit status and what it says."""
        process = self.bus(text, name)
        return process.wait(), process.log_text()

    def test_without_a_port(self):
        bus = self.bus('adapter = "misbehave"; mode = "ok"; ' + self.one)
        records = self.readings(10)
        self.assertEqual([r["values"]["p"] for r in records], list(range(1, len(records) + 1)))
        self.assertEqual(bus.stop(), 0)

    def test_a_crash_loses_nothing_that_was_read(self):
        bus = self.bus('adapter = "misbehave"; mode = "crash"; after = 7; ' + self.one)
        self.assertEqual(bus.wait(), -11)
        self.readings(7)
        for round in (2, 3):
            bus.start()
            self.assertEqual(bus.wait(), -11)
            records = self.readings(7 * round)
        self.assertEqual([r["seq"] for r in records], list(range(1, 22)))

    def test_what_it_refuses(self):
        status, text = self.ends('adapter = "nosuch"; ' + self.one)
        self.assertEqual(status, 69)
        self.assertRegex(text, "bus bus: .*nosuch")
        status, text = self.ends('adapter = "misbehave"; mode = "wild"; ' + self.one)
        self.assertEqual(status, 78)
        self.assertIn("mode", text)
        self.assertEqual(self.weir("bus", "other").returncode, 78)


if __name__ == "__main__":
    unittest.main()
