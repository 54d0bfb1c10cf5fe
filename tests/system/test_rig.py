#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""The rig itself: what the other system tests lean on must be right, and must be able to fail.

Independent programs stand at the ends: pymodbus and mbpoll as masters, pymodbus as a slave,
mosquitto and its clients. weir takes no part.
"""
import json
import os
import random
import struct
import subprocess
import termios
import time
import tty
import unittest

from pymodbus.client import ModbusTcpClient
from pymodbus.exceptions import ModbusException
from pymodbus.transaction import ModbusRtuFramer

from rig import Process, Rig, RigTest, fd_count, port_open, wait_for

CHARACTER_S = 11 / 9600


def crc(data):
    value = 0xFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ 0xA001 if value & 1 else value >> 1
    return struct.pack("<H", value)


def request(unit, function=3, first=0, count=4):
    body = struct.pack(">BBHH", unit, function, first, count)
    return body + crc(body)


class Line:
    """A serial port by hand, to see bytes and times as they are."""

    def __init__(self, path):
        self.fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        tty.setraw(self.fd, termios.TCSANOW)

    def write(self, data):
        os.write(self.fd, data)

    def read(self, length, timeout=10):
        """Exactly this many bytes, and the times of the first and the last."""
        data, first_s, end_s = b"", None, time.monotonic() + timeout
        while len(data) < length:
            if time.monotonic() > end_s:
                raise TimeoutError(f"only {data.hex(' ')} of {length} bytes")
            try:
                data += os.read(self.fd, length - len(data))
            except BlockingIOError:
                time.sleep(0.0005)
            if data and first_s is None:
                first_s = time.monotonic()
        return data, first_s, time.monotonic()

    def ask(self, unit, count=4):
        """A request and its whole reply; the registers."""
        self.write(request(unit, count=count))
        data = self.read(5 + 2 * count)[0]
        if data[-2:] != crc(data[:-2]) or data[0] != unit:
            raise ValueError(f"bad reply {data.hex(' ')}")
        return struct.unpack(f">{count}H", data[3:-2])

    def nothing_for(self, seconds):
        """True if no byte comes for so long."""
        time.sleep(seconds)
        try:
            return not os.read(self.fd, 1)
        except BlockingIOError:
            return True

    def drain(self):
        """Forgets what is in the terminal's buffer."""
        termios.tcflush(self.fd, termios.TCIFLUSH)

    def close(self):
        os.close(self.fd)


def mbpoll(link, unit, count, *args):
    """What mbpoll reads from a serial port, as a list of texts; empty if it fails."""
    result = subprocess.run(["mbpoll", "-m", "rtu", "-a", str(unit), "-b", "9600", "-P", "none",
                             "-0", "-1", "-q", "-o", "10", "-r", "0", "-c", str(count), *args, link],
                            capture_output=True, text=True, timeout=60)
    return [line.split(":")[1].split()[0] for line in result.stdout.splitlines()
            if line.startswith("[")]


class ModbusTest(RigTest):
    def client(self, port, framer=None, timeout=10):
        options = {"framer": framer} if framer else {}
        client = ModbusTcpClient("127.0.0.1", port=port, timeout=timeout, retries=0, **options)
        client.connect()
        self.addCleanup(client.close)
        return client


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
            data, first, last = line.read(45)
            self.assertEqual(data[3:43], struct.pack(">20H", *[n] * 20))
            self.assertGreaterEqual(first - start, (8 + 3.5 + 1) * CHARACTER_S)
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


class Sink(RigTest):
    def points(self, *values, unit=1):
        return json.dumps([{"device": "d", "values": {f"u{unit}r{r}": v}} for r, v in values])

    def test_counts_forged_losses_and_repeats(self):
        broker = self.rig.broker()
        sink = self.rig.sink(broker, time_reg=-1)
        broker.publish("weir/g/d/reading", self.points(*[(1, v) for v in (1, 2, 3, 6, 6, 5, 9)]))
        broker.publish("weir/g/d/reading", '{"values":{"u2r1":null,"u2r2":70},'
                                           '"errors":{"u2r1":"timeout"}}')
        broker.publish("other/u3r9", "171.5:42")
        report = wait_for(lambda: sink.report()["msgs"] == 3 and sink.report())
        self.assertEqual((report["points"], report["unique"], report["dups"]), (9, 8, 1))
        self.assertEqual(report["missing_inside"], 3)           # 4, 7 and 8
        self.assertEqual(report["out_of_order"], 1)
        self.assertEqual((report["ids"], report["ids_from_first_read"]), (3, 1))

    def test_agrees_with_a_set_on_random_streams(self):
        broker = self.rig.broker()
        sink = self.rig.sink(broker, time_reg=-1)
        dice = random.Random(5)
        first, seen, repeats, messages = 65000, set(), 0, 0
        stream = [n for n in range(first, first + 3000) if dice.random() > 0.2 or n == first]
        stream += dice.sample(stream, 300)
        stream.sort(key=lambda n: n + dice.random() * 200)
        for at in range(0, len(stream), 500):
            part = stream[at:at + 500]
            broker.publish("weir/g/d/reading", self.points(*[(4, n % 65536) for n in part]))
            repeats += len(part) - len(set(part) - seen)
            seen |= set(part)
            messages += 1
        report = wait_for(lambda: sink.report()["msgs"] == messages and sink.report())
        self.assertEqual(report["unique"], len(seen))
        self.assertEqual(report["dups"], repeats)
        self.assertEqual(report["missing_inside"], max(seen) - min(seen) + 1 - len(seen))

    def test_survives_the_broker(self):
        broker = self.rig.broker()
        sink = self.rig.sink(broker, time_reg=0, csv=self.rig.path("sink.csv"))
        broker.restart()
        wait_for(lambda: sink.report()["connects"] == 2)
        now = int(time.time() * 1000) % 65536
        broker.publish("x", self.points((0, (now - 500) % 65536), (1, 1)))
        wait_for(lambda: sink.report()["msgs"] == 1)
        self.assertGreaterEqual(sink.report()["latency_ms"]["p99"], 500)
        broker.publish("x", self.points((1, 2)), retain=True)
        wait_for(lambda: sink.report()["msgs"] == 2)
        broker.restart()
        wait_for(lambda: sink.report()["retained"] == 1)        # the broker's doing
        self.assertEqual(sink.stop()["dups"], 0)


class Proxy(RigTest):
    def setUp(self):
        super().setUp()
        self.broker = self.rig.broker()
        self.proxy = self.rig.proxy(self.broker)

    def publish(self, value, version="5"):
        return subprocess.run(
            ["mosquitto_pub", "-h", "127.0.0.1", "-p", str(self.proxy.port), "-q", "1",
             "-V", version, "-t", "t", "-m", json.dumps({"u1r1": value})],
            capture_output=True, text=True, timeout=30)

    def test_takes_one_out_and_nobody_is_told(self):
        sink = self.rig.sink(self.broker, time_reg=-1)
        self.proxy.command("take up 3")
        for n in range(1, 7):
            self.assertEqual(self.publish(n).returncode, 0)
        report = wait_for(lambda: sink.report()["msgs"] == 5 and sink.report())
        self.assertEqual(report["missing_inside"], 1)
        counts = self.proxy.report()
        self.assertEqual((counts["up"]["publish"], counts["down"]["puback"]), (6, 5))
        self.assertEqual(counts["taken"], 1)

    def test_takes_one_out_on_the_way_down(self):
        sink = self.rig.sink(self.proxy, time_reg=-1)
        self.proxy.command("take down 2")
        for n in range(1, 5):
            self.broker.publish("t", json.dumps({"u1r1": n}))
        report = wait_for(lambda: sink.report()["msgs"] == 3 and sink.report())
        self.assertEqual(report["missing_inside"], 1)

    def test_rejects_with_a_reason(self):
        self.proxy.command("reject 1 0x97")
        self.assertIn("Quota exceeded", self.publish(1).stderr)
        self.assertEqual(self.publish(2).stderr, "")

    def test_delays_acknowledgements(self):
        self.proxy.command("delay 400")
        start = time.monotonic()
        self.assertEqual(self.publish(1).returncode, 0)
        self.assertGreaterEqual(time.monotonic() - start, 0.4)

    def test_a_broker_that_only_knows_311(self):
        self.proxy.command("refuse v5")
        self.assertIn("Unsupported Protocol Version", self.publish(1).stderr)
        self.assertEqual(self.publish(1, "311").returncode, 0)
        self.assertEqual(self.proxy.report()["versions"], {"5": 1, "4": 1})
        self.proxy.command("refuse old")
        self.assertNotEqual(self.publish(1).returncode, 0)

    def test_cuts(self):
        sink = self.rig.sink(self.proxy, time_reg=-1)
        self.proxy.command("cut")
        wait_for(lambda: sink.report()["connects"] == 2)
        self.proxy.command("cut-every 2")
        self.assertEqual(self.publish(1).returncode, 0)
        self.assertNotEqual(self.publish(2).returncode, 0)
        self.proxy.command("cut-every 0")
        self.proxy.command("down")
        self.assertFalse(port_open(self.proxy.port))
        self.proxy.command("up")
        self.assertEqual(self.publish(3).returncode, 0)

    def test_stalls_with_the_connection_open(self):
        sink = self.rig.sink(self.proxy, time_reg=-1)
        self.proxy.command("stall on")
        self.broker.publish("t", json.dumps({"u1r1": 1}))
        time.sleep(0.3)
        self.assertEqual(sink.report()["msgs"], 0)
        self.proxy.command("stall off")
        wait_for(lambda: sink.report()["msgs"] == 1)
        self.assertEqual(sink.report()["connects"], 1)


class TheModule(RigTest):
    def test_limits(self):
        meters, broker = self.rig.meters(), self.rig.broker()
        for args in (("modbus", meters.port, 100, 1), ("mqtt", broker.port, 1, 20, 100, 1)):
            out = subprocess.run([self.rig.program("limits"), *map(str, args)], check=True,
                                 capture_output=True, text=True, timeout=60).stdout
            result = json.loads(out)
            self.assertGreater(result.get("points_per_s") or result["messages_per_s"], 100)

    def test_brokers_with_passwords_and_rules(self):
        broker = self.rig.broker(password={"gate": "secret", "eve": "x"},
                                 acl="user gate\ntopic readwrite #\n")
        gate = ("-u", "gate", "-P", "secret")
        subscriber = self.rig.subscriber(broker, "#", extra=gate)
        with self.assertRaises(subprocess.CalledProcessError):
            broker.publish("a", "1")
        broker.publish("a", "eve", user=("eve", "x"))       # 3.1.1: acknowledged, and forbidden
        broker.publish("a", '[{"n":1},{"n":2}]', user=("gate", "secret"))
        wait_for(lambda: subscriber.records() == [("a", {"n": 1}), ("a", {"n": 2})])
        self.assertEqual(len(subscriber.messages()), 1)

    def test_nothing_is_left_behind(self):
        try:
            with Rig() as rig:
                broker, meters = rig.broker(), rig.meters()
                directory, memory = rig.dir, rig.ram
                rig.show_logs = lambda: None        # a planned failure needs no explanation
                raise KeyError("a test fails")
        except KeyError:
            pass
        for process in (broker, meters):
            self.assertFalse(os.path.exists(f"/proc/{process.pid}"))
        self.assertFalse(os.path.exists(directory) or os.path.exists(memory))


    def test_a_sanitizer_complaint_is_a_failure(self):
        rig = Rig().__enter__()
        process = Process(rig, "faulty", ["sh", "-c", "echo x.c:1: runtime error: shift >&2"])
        process.start().wait()
        with self.assertRaisesRegex(RuntimeError, "faulty"):
            rig.close()


if __name__ == "__main__":
    unittest.main(verbosity=2)
