# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""Modbus RTU by hand, pymodbus and mbpoll, for tests that look at single bytes and their times."""
import os
import struct
import subprocess
import termios
import time
import tty

from pymodbus.client import ModbusTcpClient

from rig import RigTest

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
                             "-0", "-1", "-q", "-o", "10", "-r", "0", "-c", str(count),
                             *args, link],
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
