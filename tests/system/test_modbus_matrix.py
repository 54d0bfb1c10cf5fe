#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""The Modbus adapter against pymodbus: every type x order x table, over TCP and RTU; and against
wires that misbehave."""
import json
import struct
import time
import unittest

from rig import RigTest, counting_devices, wait_for

ORDERS = ("abcd", "badc", "cdab", "dcba")
#        type: (struct code, values)
TYPES = {"uint16": (">H", (0, 1, 65535, 0x1234)), "int16": (">h", (0, -1, -32768, 258)),
         "uint32": (">I", (0, 1, 0xfffffffe, 0x12345678)), "int32": (">i", (-1, -2147483648, 7)),
         "uint64": (">Q", (0, 2**53 - 1, 0x0102030405060708 >> 8)), "int64": (">q", (-1, -2**52, 9)),
         "float32": (">f", (0.0, 230.5, -1234.5)), "float64": (">d", (0.1, -98765.4321, 1e300))}


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
        self.meters.command("illegal 1 7-7")
        devices = counting_devices([1], 20, every="100ms")
        self.run_weir(f'bus = {{ adapter = "modbus"; address = "127.0.0.1:{self.meters.port}"; '
                      f'devices = ({devices}); }};')
        wait_for(lambda: self.readings() and
                 [n for n, v in self.readings()[-1]["values"].items() if v is None] == ["u1r7"],
                 timeout=60, what="one register alone is null")
        self.assertEqual(self.readings()[-1]["errors"], {"u1r7": "illegal_address"})

    def test_dead_neighbour(self):
        """A device that does not answer costs one time-out a back-off step, not one a cycle."""
        self.on_wire([], units=3)
        self.meters.command("dead 2")
        self.good(10)
        before, began = len(self.readings("d1")), time.monotonic()
        self.good(before + 50)
        self.assertLess(time.monotonic() - began, 15)    # 50 x 100 ms, and a few probes of 300 ms
        self.meters.command("alive 2")
        self.good(5, unit=2)


if __name__ == "__main__":
    unittest.main(verbosity=2)
