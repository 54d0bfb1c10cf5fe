#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""The Modbus adapter against pymodbus: every type x order x table, over TCP and RTU; and against
wires that misbehave."""
import glob
import json
import os
import pty
import select
import struct
import subprocess
import threading
import time
import tty
import unittest

from modbus_line import crc
from rig import RigTest, counting_devices, wait_for

ORDERS = ("abcd", "badc", "cdab", "dcba")
#        type: (struct code, values)
TYPES = {"uint16": (">H", (0, 1, 65535, 0x1234)), "int16": (">h", (0, -1, -32768, 258)),
         "uint32": (">I", (0, 1, 0xfffffffe, 0x12345678)), "int32": (">i", (-1, -2147483648, 7)),
         "uint64": (">Q", (0, 2**53 - 1, 0x0102030405060708 >> 8)), "int64": (">q", (-1, -2**52, 9)),
         "float32": (">f", (0.0, 230.5, -1234.5)), "float64": (">d", (0.1, -98765.4321, 1e300))}


class DrippingSlave(threading.Thread):
    """An RTU slave on a pseudo-terminal, `.link`. Register r of unit u holds 100 u + r. Unit 1 gives
    one byte every `pause` seconds, until the next request; the others answer at once."""

    def __init__(self, pause):
        super().__init__(daemon=True)
        self.pause, self.times, self.ended = pause, [], threading.Event()
        self.master, self.slave = pty.openpty()
        tty.setraw(self.slave)
        self.link = os.ttyname(self.slave)

    def run(self):
        buffer = b""
        while not self.ended.is_set():
            if select.select([self.master], [], [], 0.1)[0]:
                buffer += os.read(self.master, 256)
            while len(buffer) >= 8:
                request, buffer = buffer[:8], buffer[8:]
                self.times.append((time.monotonic(), request[0]))
                self.answer(*struct.unpack(">BBHH", request[:6]))

    def answer(self, unit, function, first, count):
        body = struct.pack(f">BBB{count}H", unit, function, 2 * count,
                           *(100 * unit + first + i for i in range(count)))
        if unit != 1:
            os.write(self.master, body + crc(body))
            return
        for byte in body + crc(body):
            os.write(self.master, bytes([byte]))
            if self.ended.wait(self.pause) or select.select([self.master], [], [], 0)[0]:
                return

    def stop(self):
        self.ended.set()
        self.join()
        os.close(self.master)
        os.close(self.slave)

    def waits(self, unit):
        """How long after each request to this unit the next request came."""
        times = list(self.times)
        return [after[0] - asked[0] for asked, after in zip(times, times[1:]) if asked[1] == unit]


def registers(code, value, order):
    """The value as a slave with this order of bytes holds it."""
    raw = struct.pack(code, value)
    words = [raw[i:i + 2] for i in range(0, len(raw), 2)]
    if order in ("cdab", "dcba"):
        words.reverse()
    if order in ("badc", "dcba"):
        words = [w[::-1] for w in words]
    return [int.from_bytes(w, "big") for w in words]


def matrix():
    """(slave's tables, weir's points, expected values): every type x order x table."""
    tables, points, expected = {"holding": {}, "input": {}, "coil": {}, "discrete": {}}, [], {}
    address = 10
    for table in ("holding", "input"):
        for kind, (code, values) in TYPES.items():
            for order in ORDERS:
                for i, value in enumerate(values):
                    name = f"{table}_{kind}_{order}_{i}"
                    words = registers(code, value, order)
                    tables[table][address] = words
                    points.append(f'{{ name = "{name}"; register = {address}; table = "{table}"; '
                                  f'type = "{kind}"; order = "{order}"; }}')
                    expected[name] = value
                    address += len(words) + (7 if i == 1 else 0)
        text = "METER-7"
        words = [int.from_bytes(text.ljust(8, "\0").encode()[i:i + 2], "big") for i in range(0, 8, 2)]
        tables[table][address] = words
        points.append(f'{{ name = "{table}_text"; register = {address}; table = "{table}"; '
                      'type = "text"; length = 4; }')
        expected[f"{table}_text"] = text
        address += 4
    for table in ("coil", "discrete"):
        for i, bit in enumerate((1, 0, 1, 1, 0, 0, 0, 1, 1, 0, 1)):
            tables[table][100 + 3 * i] = [bit]
            points.append(f'{{ name = "{table}_{i}"; register = {100 + 3 * i}; table = "{table}"; '
                          'type = "bool"; }')
            expected[f"{table}_{i}"] = bool(bit)
    tables["holding"][5000] = [2301, 0b1000000000]
    points.append('{ name = "scaled"; register = 5000; scale = 0.1; }')
    points.append('{ name = "bit"; register = 5001; bit = 9; }')
    expected.update(scaled=230.1, bit=True)
    return tables, points, expected


class Modbus(RigTest):
    def run_weir(self, bus):
        self.broker = self.rig.broker()
        self.receive = self.rig.receive(self.broker, "--verify", "--json")
        self.weir = self.rig.weir(self.rig.config(
            bus, f'up = {{ uplink = "mqtt"; url = "{self.broker.url}"; }};'))

    def readings(self, device=None):
        rows = [json.loads(line) for line in self.receive.text().splitlines()
                if line.startswith("{") and line.endswith("}")]
        return [r for r in rows if r["kind"] == "reading" and device in (None, r["device"])]

    def check_matrix(self, port, expected, points):
        self.run_weir(f'bus = {{ adapter = "modbus"; {port} devices = ( {{ name = "pm"; unit_id = 5; '
                      f'every = "500ms"; points = ( {", ".join(points)} ); }} ); }};')
        reading = wait_for(lambda: self.readings() and self.readings()[-1], what="a reading",
                           timeout=60)
        got = reading["values"]
        self.assertEqual(reading.get("errors"), None)
        self.assertEqual({n: (got.get(n), v) for n, v in expected.items() if got.get(n) != v}, {})
        self.assertEqual(len(got), len(expected))

    def test_matrix_tcp(self):
        tables, points, expected = matrix()
        slave = self.rig.pymodbus({5: tables})
        self.check_matrix(f'address = "127.0.0.1:{slave.port}";', expected, points)

    def test_matrix_rtu(self):
        tables, points, expected = matrix()
        slave = self.rig.pymodbus({5: tables}, rtu=True)
        wire = self.rig.wire(f"tcp:{slave.port}", commands=["baud 115200"])
        self.check_matrix(f'port = "{wire.link}"; baud = 115200;', expected, points)

    def on_wire(self, commands, units=2, regs=6, timeout="300ms", device=""):
        self.meters = self.rig.meters(rtu=True, units=units, regs=regs, time_reg=-1)
        self.wire = self.rig.wire(f"tty:{self.meters.link}", commands=["baud 38400", *commands])
        devices = counting_devices(range(1, units + 1), regs, every="100ms",
                                   extra=f'timeout = "{timeout}"; {device}')
        self.run_weir(f'bus = {{ adapter = "modbus"; port = "{self.wire.link}"; baud = 38400; '
                      f'devices = ({devices}); }};')

    def errors(self, unit):
        status = self.weir.status()
        return status["buses"][0]["devices"][unit - 1]["errors"] if status else {}

    def good(self, count, unit=1):
        """That many readings without an error, and no value that the meter never gave."""
        wait_for(lambda: len([r for r in self.readings(f"d{unit}") if not r.get("errors")]) >= count,
                 timeout=60, what=f"{count} good readings")
        highest = self.meters.report()["units"][str(unit)]["answered"]
        for r in self.readings(f"d{unit}"):
            for value in r["values"].values():
                self.assertTrue(value is None or 1 <= value <= highest, r)

    def test_flipped_bits(self):
        self.on_wire(["flip 0.01"])
        self.good(30)
        wait_for(lambda: self.errors(1).get("crc", 0) + self.errors(2).get("crc", 0) > 0,
                 timeout=60, what="CRC errors counted")

    def test_pauses_inside_frames(self):
        self.on_wire(["gap 0.02 20"])
        self.good(30)

    def test_echo(self):
        self.on_wire(["echo on"])
        self.good(20)
        self.wire.command("echo off")
        seen = len(self.readings("d1"))
        self.good(seen + 20)

    def test_answers_of_others_and_late_ones(self):
        self.on_wire([])
        self.good(5)
        self.wire.command("foreign 5")
        self.good(len(self.readings("d1")) + 5)
        self.wire.command("late 500 3")
        self.good(len(self.readings("d1")) + 10)

    def test_illegal_register_costs_itself_only(self):
        self.meters = self.rig.meters(units=1, regs=20, time_reg=-1)
        self.meters.command("illegal 1 7-9")
        devices = counting_devices([1], 20, every="100ms")
        self.run_weir(f'bus = {{ adapter = "modbus"; address = "127.0.0.1:{self.meters.port}"; '
                      f'devices = ({devices}); }};')
        bad = ["u1r7", "u1r8", "u1r9"]
        wait_for(lambda: self.readings() and
                 [n for n, v in self.readings()[-1]["values"].items() if v is None] == bad,
                 timeout=60, what="three registers alone are null")
        self.assertEqual(self.readings()[-1]["errors"], {name: "illegal_address" for name in bad})
        seen = len(self.readings())
        wait_for(lambda: len(self.readings()) >= seen + 5, timeout=60, what="more readings")
        for r in self.readings()[seen:]:
            self.assertEqual([n for n, v in r["values"].items() if v is None], bad)

    def test_dead_neighbour(self):
        """A device that does not answer costs one time-out a back-off step, not one a cycle."""
        self.on_wire([], units=3)
        self.meters.command("dead 2")
        self.good(10)
        before, began = len(self.readings("d1")), time.monotonic()
        self.good(before + 50)
        self.assertLess(time.monotonic() - began, 15)    # 50 x 100 ms, and a few probes of 300 ms
        for r in self.readings("d1") + self.readings("d3"):
            self.assertIsNone(r.get("errors"), r)
        self.meters.command("alive 2")
        self.good(5, unit=2)

    def test_lost_answers_cost_one_device_each(self):
        """Each lost answer is one time-out of one device, and the retry brings the reading."""
        self.on_wire([], units=3, timeout="500ms")
        self.good(5)
        for lost in range(1, 6):
            self.wire.command("silent 1")
            wait_for(lambda: self.wire.report()["silenced"] == lost, what="an answer lost")
            self.good(len(self.readings("d1")) + 3)
        wait_for(lambda: sum(self.errors(u).get("timeout", 0) for u in (1, 2, 3)) >= 5,
                 what="five time-outs counted")
        for r in self.readings():
            self.assertIsNone(r.get("errors"), r)

    def test_dripping_answers_end_with_the_timeout(self):
        """Each byte comes in time, the whole answer does not: 25 bytes would take 5 s."""
        slave = DrippingSlave(0.2)
        slave.start()
        self.addCleanup(slave.stop)
        devices = counting_devices((1, 2), 10, every="0s", extra='timeout = "500ms"; retries = 0;')
        self.run_weir(f'bus = {{ adapter = "modbus"; port = "{slave.link}"; baud = 115200; '
                      f'devices = ({devices}); }};')
        wait_for(lambda: len(slave.waits(1)) >= 2 and len(self.readings("d2")) >= 20, timeout=60,
                 what="two dripping answers and twenty good ones")
        self.assertEqual(self.readings("d1"), [])
        wait_for(lambda: self.errors(1).get("timeout", 0) >= 2, what="two time-outs counted")
        self.assertLess(max(slave.waits(1)), 3)
        for r in self.readings("d2"):
            self.assertEqual(r["values"], {f"u2r{i}": 200 + i for i in range(10)})

    def test_every_model_loads_without_findings(self):
        models = glob.glob(os.path.join(os.environ["WEIR_SOURCE"], "plugins/modbus/models/*.conf"))
        self.assertTrue(models)
        for model in models:
            name = os.path.splitext(os.path.basename(model))[0]
            conf = self.rig.path("model.conf")
            with open(conf, "w") as f:
                f.write(self.rig.config(
                    'bus = { adapter = "modbus"; address = "127.0.0.1"; devices = ({ name = "m"; '
                    f'unit_id = 1; every = "1s"; model = "{name}"; }}); }};'))
            os.chmod(conf, 0o600)
            done = subprocess.run([self.rig.program("weir"), "check", "-c", conf], text=True,
                                  capture_output=True, timeout=60)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertNotRegex(done.stdout + done.stderr, "(error|warning):")


if __name__ == "__main__":
    unittest.main(verbosity=2)
