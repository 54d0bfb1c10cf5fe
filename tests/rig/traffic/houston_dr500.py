# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""Houston Radar DR500, binary: the mean speed when it is asked, settings, a clock.

Each mean is told once here, so that every answer can be counted; the real radar tells the one of its last
seconds whenever it is asked.
"""
import collections

import base

BEGIN, ESCAPE, END = 0xF3, 0xFA, 0xFC


def crc(data):
    value = 0
    for byte in data:
        value ^= byte << 8
        for _ in range(8):
            value = (value << 1 ^ 0x1021) & 0xFFFF if value & 0x8000 else value << 1
    return value


def packet(body):
    out = bytearray([BEGIN])
    for byte in body + crc(body).to_bytes(2, "little"):
        out += bytes([ESCAPE, byte & 0x0F]) if byte in (BEGIN, ESCAPE, END) else bytes([byte])
    return bytes(out) + bytes([END])


class Sim(base.Sim):
    RATE = 10
    LISTENS = True
    MEMORY = 1000
    KIND = "interval"
    DEVICE = 'every = "50ms"; timeout = "3s";'
    VARIABLES = {b"UN": 1, b"TA": 30, b"BN": 5, b"ST": 99, b"LO": 1, b"HI": 120, b"SP": 121, b"SF": 0}

    def __init__(self, seed=1, lanes=1):
        super().__init__(seed, lanes)
        self.variables = dict(self.VARIABLES)
        self.means = collections.deque()
        self.clock = None
        self.heard = b""

    def vehicle(self, now):
        speed = self.random.randrange(1, 254)
        self.means.append(speed)
        self.passed.append({"speed_mean": speed, "period": self.variables[b"TA"]})

    def feed(self, data, now):
        self.heard += data
        answers = b""
        while END in self.heard:
            raw, self.heard = self.heard.split(bytes([END]), 1)
            body = self.unpacked(raw[raw.rfind(bytes([BEGIN])) + 1:])
            if body:
                answers += self.answered(body)
        return answers

    @staticmethod
    def unpacked(raw):
        body, lift = bytearray(), False
        for byte in raw:
            if byte == ESCAPE:
                lift = True
                continue
            body.append(byte | 0xF0 if lift else byte)
            lift = False
        return bytes(body[:-2]) if len(body) > 2 and \
            crc(body[:-2]) == int.from_bytes(body[-2:], "little") else None

    def answered(self, body):
        if body == b"\x31":
            if not self.means:
                return b""              # says nothing rather than 0: see above
            return packet(bytes([0x32, self.means.popleft()]))
        if body[0] == 0x18 and len(body) == 4:
            value = self.variables.get(body[2:4])
            if value is None:
                return packet(b"\x13\xff\xff")
            return packet(b"\x19\x00" + body[2:4] + value.to_bytes(2, "little"))
        if body[0] == 0x0D and len(body) == 8:
            self.clock = body[2:]
            return packet(b"\x13\x00\x00")
        return b""
