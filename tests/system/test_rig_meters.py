#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""meter-sim: counts its reads, keeps a wire's time, can be killed, slowed and unplugged.

pymodbus and mbpoll are the masters. weir takes no part in the tests of the rig.
"""
import os
import struct
import time
import unittest

from pymodbus.exceptions import ModbusException

from modbus_line import CHARACTER_S, Line, ModbusTest, crc, mbpoll, request
from rig import fd_count, port_open


class MetersOverTcp(ModbusTest):
    def test_every_table_counts_its_own_reads(self):
        meters = self.rig.meters(units=2, regs=20, time_reg=-1)
        client = self.client(meters.port)
        for n in (1, 2, 3):
            self.assertEqual(client.read_holding_registers(0, 20, slave=1).registers, [n] * 20)
        self.assertEqual(client.read_input_registers(3, 2, slave=1).registers, [1, 1])
        self.assertEqual(client.read_holding_registers(0, 1, slave=2).registers, [1])
        for odd in (True, False, True):
            self.assertEqual(client.read_coils(0, 9, slave=1).bits[:9], [odd] * 9)
            self.assertEqual(client.read_discrete_inputs(9, 11, slave=1).bits[:11], [odd] * 11)
        report = meters.report()
        self.assertEqual(report["requests"], 11)
        self.assertEqual(report["points"], 3 * 20 + 2 + 1 + 3 * 9 + 3 * 11)
        self.assertEqual(report["units"]["1"]["requests"], 10)
        self.assertEqual(meters.stop()["points"], report["points"])

    def test_the_time_register_is_the_clock(self):
        client = self.client(self.rig.meters(time_reg=7).port)
        before = int(time.time() * 1000)
        value = client.read_holding_registers(7, 1, slave=1).registers[0]
        self.assertLessEqual((value - before) % 65536, int(time.time() * 1000) - before + 1)

    def test_exceptions(self):
        meters = self.rig.meters(regs=20, max_count=16)
        client = self.client(meters.port)
        self.assertEqual(client.read_holding_registers(10, 11, slave=1).exception_code, 2)
        self.assertEqual(client.read_holding_registers(0, 17, slave=1).exception_code, 3)
        self.assertEqual(client.write_register(0, 1, slave=1).exception_code, 1)
        meters.command("illegal 1 5-7")
        self.assertEqual(client.read_holding_registers(0, 6, slave=1).exception_code, 2)
        self.assertEqual(client.read_holding_registers(7, 3, slave=1).exception_code, 2)
        self.assertFalse(client.read_holding_registers(0, 5, slave=1).isError())
        meters.command("illegal 1 5 6")
        self.assertEqual(client.read_holding_registers(0, 10, slave=1).exception_code, 6)
        meters.command("legal 1")
        self.assertFalse(client.read_holding_registers(0, 10, slave=1).isError())
        self.assertEqual(meters.report()["exceptions"], 6)

    def test_a_slow_unit_holds_up_nobody(self):
        meters = self.rig.meters(time_reg=-1, commands=["delay 2 700"])
        slow, quick = self.client(meters.port), self.client(meters.port)
        slow.socket.sendall(struct.pack(">HHHBBHH", 1, 0, 6, 2, 3, 0, 1))
        start = time.monotonic()
        for n in range(1, 6):
            self.assertEqual(quick.read_holding_registers(0, 1, slave=1).registers, [n])
        self.assertEqual(meters.report()["answered"], 6)
        self.assertEqual(slow.socket.recv(100)[-2:], b"\0\1")
        self.assertGreaterEqual(time.monotonic() - start, 0.69)

    def test_dead_and_alive_and_quiet(self):
        meters = self.rig.meters(dead="2,3")

        def answers(unit):
            try:
                client = self.client(meters.port, timeout=1)     # whole seconds only
                return not client.read_holding_registers(0, 1, slave=unit).isError()
            except ModbusException:
                return False
        self.assertFalse(answers(2))
        meters.command("alive 2")
        self.assertTrue(answers(2))
        self.assertFalse(answers(3))
        points = meters.report()["points"]
        meters.command("quiet on")
        self.assertFalse(answers(2))
        meters.command("quiet off")
        self.assertEqual(meters.report()["points"], points)
        self.assertTrue(answers(2))
        for nonsense in ("dead 99", "dead", "delay 1 x", "hop"):
            with self.assertRaises(RuntimeError):
                meters.command(nonsense)

    def test_port_vanishes_and_returns(self):
        meters = self.rig.meters(time_reg=-1)
        client = self.client(meters.port)
        client.read_holding_registers(0, 1, slave=1)
        meters.command("vanish")
        self.assertFalse(port_open(meters.port))
        meters.command("return")
        client = self.client(meters.port)
        self.assertEqual(client.read_holding_registers(0, 1, slave=1).registers, [2])

    def test_worst_interval(self):
        meters = self.rig.meters()
        client = self.client(meters.port)
        for pause in (0, 0, 0.2):
            time.sleep(pause)
            client.read_holding_registers(0, 1, slave=4)
        report = meters.report()
        self.assertEqual(report["worst"]["unit"], 4)
        self.assertGreaterEqual(report["worst"]["interval_ms"], 199)
        self.assertEqual(report["units"]["4"]["interval_ms"][2], report["worst"]["interval_ms"])
        meters.command("reset")
        self.assertEqual(meters.report()["worst"]["interval_ms"], 0)


class Sdm630(ModbusTest):
    def test_values_are_plausible_and_differ(self):
        meters = self.rig.meters(profile="sdm630", units=3)
        client = self.client(meters.port)
        seen = set()
        for unit in (1, 2, 3):
            registers = client.read_input_registers(0, 80, slave=unit).registers
            values = struct.unpack(">40f", struct.pack(">80H", *registers))
            seen.add(values[:6])
            for phase in range(3):
                v, a, w, va, _, factor = values[phase:18:3]
                self.assertTrue(225 < v < 235 and 1 < a < 15 and 0.9 < factor <= 1, values)
                self.assertAlmostEqual(v * a, va, delta=1)
                self.assertAlmostEqual(va * factor, w, delta=4)
            self.assertAlmostEqual(values[0x34 // 2], sum(values[6:9]), delta=0.3)
            self.assertAlmostEqual(values[0x46 // 2], 50, delta=0.1)
        self.assertEqual(len(seen), 3)

    def test_refuses_what_the_meter_refuses(self):
        client = self.client(self.rig.meters(profile="sdm630").port)
        for first, count in ((0, 100), (1, 2), (0, 3)):
            self.assertEqual(client.read_input_registers(first, count, slave=1).exception_code, 2)
        self.assertFalse(client.read_input_registers(0x156, 2, slave=1).isError())
        self.assertTrue(client.read_holding_registers(0, 3, slave=1).registers[1:], [1, 1])

    def test_mbpoll_agrees(self):
        meters = self.rig.meters(profile="sdm630", rtu=True)
        volts = [float(v) for v in mbpoll(meters.link, 1, 3, "-t", "3:float", "-B")]
        self.assertEqual(len(volts), 3)
        self.assertTrue(all(225 < v < 235 for v in volts), volts)


class MetersOverRtu(ModbusTest):
    def test_mbpoll_reads_counters(self):
        meters = self.rig.meters(rtu=True, baud=9600, units=3, time_reg=-1)
        for n in ("1", "2"):
            self.assertEqual(mbpoll(meters.link, 2, 5), [n] * 5)
        self.assertEqual(mbpoll(meters.link, 3, 3, "-t", "0"), ["1"] * 3)
        report = meters.report()
        self.assertEqual((report["requests"], report["answered"], report["bad_crc"]), (3, 3, 0))

    def test_not_faster_than_the_wire(self):
        meters = self.rig.meters(rtu=True, baud=9600, units=1, time_reg=-1)
        line = Line(meters.link)
        for n in range(1, 4):
            start = time.monotonic()
            line.write(request(1, count=20))
            data, first, middle = line.read(22)
            rest, _, last = line.read(23)
            self.assertEqual((data + rest)[3:43], struct.pack(">20H", *[n] * 20))
            self.assertGreaterEqual(first - start, (8 + 3.5 + 1) * CHARACTER_S)
            self.assertGreaterEqual(middle - start, (8 + 3.5 + 22) * CHARACTER_S)
            self.assertGreaterEqual(last - start, (8 + 3.5 + 45) * CHARACTER_S)
            self.assertLess(last - start, 5)
            time.sleep(0.05)
        report = meters.report()
        self.assertEqual(report["short_gaps"], 0)
        self.assertAlmostEqual(report["wire_busy_s"], 3 * 53 * CHARACTER_S, delta=0.001)

    def test_early_request_is_noticed(self):
        meters = self.rig.meters(rtu=True, baud=110, units=1)     # 3.5 characters: 350 ms
        line = Line(meters.link)
        for _ in range(2):
            line.write(request(1, count=1))
            line.read(7)
        report = meters.report()
        self.assertEqual((report["short_gaps"], report["collisions"]), (1, 0))

    def test_collision_is_noticed(self):
        meters = self.rig.meters(rtu=True, baud=1200, units=2, time_reg=-1)
        line = Line(meters.link)
        line.write(request(1, count=40))
        start = line.read(1)[0]
        line.write(request(2))
        reply = start + line.read(84)[0]
        self.assertEqual(reply[-2:], crc(reply[:-2]))
        self.assertTrue(line.nothing_for(0.2))
        report = meters.report()
        self.assertEqual((report["collisions"], report["requests"]), (1, 1))

    def test_garbage_between_requests(self):
        meters = self.rig.meters(rtu=True, units=1, time_reg=-1)
        line = Line(meters.link)
        line.write(b"\xff\xfe" + request(1)[:-1] + b"\0" + request(1))
        self.assertEqual(line.read(13)[0][3:5], b"\0\1")
        report = meters.report()
        self.assertEqual(report["answered"], 1)
        self.assertGreater(report["noise_bytes"], 0)

    def test_unplugged_and_back_under_another_name(self):
        meters = self.rig.meters(rtu=True, units=1, time_reg=-1)
        link, before = meters.link, fd_count(meters.pid)
        for n in range(1, 21):
            line = Line(link)
            self.assertEqual(line.ask(1)[0], n)
            meters.command("vanish")
            self.assertFalse(os.path.lexists(link))
            with self.assertRaises(OSError):        # EIO, as from an unplugged adapter
                while os.read(line.fd, 100):
                    pass
                raise OSError("end of file")
            link = self.rig.path(f"tty-{n}")
            meters.command(f"return {link}")
            line.close()
        self.assertEqual(fd_count(meters.pid), before)

    def test_late_units(self):
        meters = self.rig.meters(rtu=True, baud=9600, delay="2=1500", time_reg=-1)
        line = Line(meters.link)
        start = time.monotonic()
        line.write(request(2))
        time.sleep(0.1)
        line.write(request(1))
        self.assertEqual(line.read(13)[0][0], 2)    # one bus: the answers come in order
        self.assertGreaterEqual(time.monotonic() - start, 1.5)
        self.assertEqual(line.read(13)[0][0], 1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
