#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""The wire: each of its faults is there, is counted, and is gone when switched off."""
import os
import time
import unittest

from pymodbus.transaction import ModbusRtuFramer

from modbus_line import CHARACTER_S, Line, ModbusTest, crc, mbpoll, request
from rig import fd_count, wait_for


class WireFaults(ModbusTest):
    def setUp(self):
        super().setUp()
        self.meters = self.rig.meters(rtu=True, units=3, time_reg=-1)

    def wire(self, *commands, **options):
        wire = self.rig.wire(f"tty:{self.meters.link}", commands=commands, **options)
        self.line = Line(wire.link) if "master" not in options else None
        return wire

    def test_passes_everything_when_healthy(self):
        wire = self.wire()
        for n in range(1, 51):
            self.assertEqual(self.line.ask(1), (n,) * 4)
        self.assertEqual(self.meters.report()["answered"], 50)
        report = wire.report()
        self.assertEqual((report["requests"], report["replies"]), (50, 50))
        self.assertEqual(report["raw_bytes"], 0)

    def test_pymodbus_through_it(self):
        wire = self.wire("baud 57600", master="tcp")
        client = self.client(wire.port, framer=ModbusRtuFramer)
        for n in range(1, 11):
            self.assertEqual(client.read_holding_registers(0, 30, slave=2).registers, [n] * 30)

    def test_pace(self):
        self.wire("baud 9600")
        start = time.monotonic()
        self.line.write(request(1, count=20))
        first, last = self.line.read(45)[1:]
        self.assertGreaterEqual(first - start, (8 + 3.5 + 1) * CHARACTER_S)
        self.assertGreaterEqual(last - start, (8 + 3.5 + 45) * CHARACTER_S)

    def test_same_seed_same_faults(self):
        counts = []
        for name in ("a", "b"):
            wire = self.wire("seed 7", "flip 0.05", "noise 0.2", "strike replies", name=name)
            for _ in range(40):
                before = wire.report()["bytes_to_master"]
                self.line.write(request(1))
                wait_for(lambda: wire.report()["bytes_to_master"] >= before + 13, what="reply")
                time.sleep(0.001)
                self.line.drain()
            counts.append(wire.report())
            wire.stop()
            self.line.close()
        self.assertEqual(*counts)
        self.assertGreater(counts[0]["flipped"], 5)
        self.assertGreater(counts[0]["noise"], 1)

    def test_flipped_bits_never_pass_the_checksum(self):
        wire = self.wire("flip 0.02")
        good = bad = 0
        for n in range(1, 101):
            try:
                self.assertEqual(self.line.ask(1), (n,) * 4)
                good += 1
            except ValueError:
                bad += 1
        self.assertGreater(good, 30)
        self.assertGreater(bad, 5)
        self.assertGreaterEqual(wire.report()["flipped"], bad)

    def test_dropped_and_repeated_bytes(self):
        wire = self.wire("repeat 1")
        self.line.write(request(1))
        data = self.line.read(26)[0]
        self.assertEqual(data[::2], data[1::2])
        wire.command("clear")
        wire.command("drop 0.5")
        self.line.write(request(1))
        wait_for(lambda: wire.report()["replies"] == 2)
        report = wire.report()
        self.assertEqual(report["repeated"], 13)
        self.assertEqual(report["bytes_to_master"], 26 + 13 - report["dropped"])

    def test_requests_can_suffer_too(self):
        wire = self.wire("strike requests", "drop 1")
        self.line.write(request(1))
        wait_for(lambda: wire.report()["dropped"] == 8)
        wire.command("drop 0")
        self.assertEqual(self.line.ask(1), (1,) * 4)

    def test_gap_inside_a_frame(self):
        wire = self.wire("gap 1 300")
        self.line.write(request(1))
        data, first, last = self.line.read(13)
        self.assertEqual(data[-2:], crc(data[:-2]))
        self.assertGreaterEqual(last - first, 0.25)
        self.assertEqual(wire.report()["gaps"], 1)

    def test_echo(self):
        wire = self.wire("echo on")
        self.line.write(request(1))
        data = self.line.read(8 + 13)[0]
        self.assertEqual(data[:8], request(1))
        self.assertEqual(data[8:11], b"\x01\x03\x08")
        self.assertEqual(wire.report()["echoed"], 1)

    def test_silence(self):
        wire = self.wire("silent 2")
        for _ in range(2):
            self.line.write(request(1))
            wait_for(lambda: wire.report()["replies"] == wire.report()["requests"])
        self.assertEqual(self.line.ask(1), (3,) * 4)
        wire.command("silent on")
        self.line.write(request(1))
        self.assertTrue(self.line.nothing_for(0.2))
        self.assertEqual(wire.report()["silenced"], 3)

    def test_late_answer_meets_the_next_request(self):
        wire = self.wire("late 1500 1")
        start = time.monotonic()
        self.line.write(request(1))
        time.sleep(0.1)
        self.line.write(request(2))
        data, first, _ = self.line.read(26)
        self.assertGreaterEqual(first - start, 1.5)
        self.assertEqual((data[0], data[13]), (1, 2))
        self.assertEqual(wire.report()["late"], 1)

    def test_answer_of_another_device(self):
        wire = self.wire("foreign 1")
        self.line.write(request(1))
        data = self.line.read(13)[0]
        self.assertEqual((data[0], data[-2:]), (2, crc(data[:-2])))
        self.assertEqual(self.line.ask(1), (2,) * 4)
        self.assertEqual(wire.report()["foreign"], 1)

    def test_unplugged_and_back(self):
        wire = self.wire()
        before = fd_count(wire.pid)
        for n in range(1, 21):
            self.assertEqual(self.line.ask(1)[0], n)
            wire.command("vanish")
            self.assertFalse(os.path.lexists(wire.link))
            wire.link = self.rig.path(f"wire-{n}")
            wire.command(f"return {wire.link}")
            self.line.close()
            self.line = Line(wire.link)
        self.assertEqual(fd_count(wire.pid), before)
        self.assertEqual(wire.report()["vanished"], 20)

    def test_slave_goes_and_comes_back(self):
        wire = self.wire()
        self.line.ask(1)
        self.meters.command("vanish")
        self.meters.command("return")

        def answered():
            self.line.drain()
            self.line.write(request(1))
            try:
                return self.line.read(13, timeout=0.3)[0]
            except TimeoutError:
                return None
        wait_for(answered, what="the wire found its slave again")
        self.assertGreaterEqual(wire.report()["replies"], 2)


class OtherSlaves(ModbusTest):
    def test_pymodbus_slave_behind_the_wire(self):
        slave = self.rig.pymodbus({1: {"holding": {0: [11, 22, 33]}, "coil": {0: [1, 0, 1]}}},
                                  rtu=True)
        wire = self.rig.wire(f"tcp:{slave.port}", commands=["baud 19200"])
        self.assertEqual(mbpoll(wire.link, 1, 3), ["11", "22", "33"])
        self.assertEqual(mbpoll(wire.link, 1, 3, "-t", "0"), ["1", "0", "1"])
        line = Line(wire.link)
        line.write(request(2))                      # no such unit: silence
        self.assertTrue(line.nothing_for(0.3))

    def test_pymodbus_slave_over_tcp(self):
        slave = self.rig.pymodbus({7: {"input": {100: [1, 65535]}}})
        client = self.client(slave.port)
        self.assertEqual(client.read_input_registers(100, 2, slave=7).registers, [1, 65535])


if __name__ == "__main__":
    unittest.main(verbosity=2)
