# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""RTMS G4 in event mode: a frame for each vehicle at once, no memory; counts of a period when asked."""
import collections
import time

import base


def bcd(number):
    return number // 10 << 4 | number % 10


def stamp(now):
    t = time.gmtime(now)
    return bytes(bcd(n) for n in (t.tm_sec, t.tm_min, t.tm_hour, (t.tm_wday + 1) % 7 + 1, t.tm_mday,
                                  t.tm_mon, t.tm_year % 100))


class Sim(base.Sim):
    RATE = 30
    ADDRESS = 1
    DEVICE = 'address = 1; every = "1s"; timeout = "800ms";'
    PERIOD = 10

    def __init__(self, seed=1, lanes=12):
        super().__init__(seed, min(lanes, 12))
        self.frames = collections.deque()
        self.heard = b""
        self.number = 250
        self.counts = [0] * self.lanes
        self.told = [0] * self.lanes
        self.end = None

    def frame(self, qualifier, data):
        inner = self.ADDRESS.to_bytes(2, "big") + data
        return bytes([0xFF, 0xAA, qualifier, len(data) + 2]) + inner + sum(inner).to_bytes(2, "big")

    def vehicle(self, now):
        zone, kind, dm = self.lane(), self.random.randrange(6), self.random.randrange(20, 200)
        speed, ms = self.speed(), self.random.randrange(50, 5000)
        self.counts[zone] += 1
        self.frames.append(self.frame(0x5E, bytes([zone, kind, dm, speed]) + ms.to_bytes(2, "big") +
                                      bytes([bcd(int(now * 100) % 100)]) + stamp(now) + b"\0"))
        self.passed.append({"lane": zone, "vehicle_class": str(kind), "length": dm / 10,
                            "speed": speed, "duration": ms / 1000})

    def output(self, now):
        return self.frames.popleft() if self.frames else b""

    def feed(self, data, now):
        self.heard += data
        answers = b""
        while len(self.heard) >= 8:
            length = self.heard[3] + 6
            if self.heard[:2] != b"\xff\xaa" or len(self.heard) < length:
                if self.heard[:2] == b"\xff\xaa":
                    break
                self.heard = self.heard[1:]
                continue
            message, self.heard = self.heard[:length], self.heard[length:]
            inner = message[4:-2]
            if sum(inner) == int.from_bytes(message[-2:], "big") and \
                    int.from_bytes(inner[:2], "big") == self.ADDRESS:
                answers += self.answered(message[2], now)
        return answers

    def answered(self, qualifier, now):
        if qualifier == 0xF9:
            return self.frame(0x49, stamp(now) * 2)
        if qualifier == 0x49:
            return self.frame(0x1C, b"")
        if qualifier == 0x53:
            return self.statistics(now)
        return self.frame(0x1A, b"")

    def statistics(self, now):
        end = int(now) // self.PERIOD * self.PERIOD
        if end != self.end:
            self.count(end)
            self.end, self.number = end, (self.number + 1) & 0xFF
            self.told, self.counts = self.counts, [0] * self.lanes

        def numbers(values):
            return b"".join(value.to_bytes(2, "big") for value in values)
        header = bytes([self.number, 0, 0, 4]) + stamp(end) + bytes([self.lanes, 0xFF]) + \
            self.PERIOD.to_bytes(2, "big") + bytes([120, 0x10]) + bytes(5)
        parts = [self.frame(0x80, header), self.frame(0x10, numbers(self.told))]
        for kind, value in ((0x11, 55), (0x12, 62), (0x13, 30), (0x14, 0), (0x15, 0), (0x16, 0),
                            (0x17, 0), (0x18, 0), (0x1E, 40), (0x1F, 70)):
            parts.append(self.frame(kind, numbers([value] * self.lanes)))
        return b"".join(parts) + self.frame(0x81, bytes([self.number]))
