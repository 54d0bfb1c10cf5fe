# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""Icoms TMA-3B3, binary: 19 bytes a passage, no memory, a running number of 24 bits."""
import collections
import time

import base


def bcd(number):
    return number // 10 << 4 | number % 10


class Sim(base.Sim):
    RATE = 40
    TYPES = {1: 0x01, 2: 0x02, 3: 0x03, 30: 0x30}

    def __init__(self, seed=1, lanes=1):
        super().__init__(seed, lanes)
        self.count = self.random.randrange(1 << 24)
        self.waiting = collections.deque()

    def vehicle(self, now):
        speed, length = self.speed(), self.random.randrange(15, 250)
        kind, away = self.random.choice(list(self.TYPES)), self.random.random() < 0.5
        distance = self.random.randrange(100, 4001)
        self.count = (self.count + 1) & 0xFFFFFF
        self.waiting.append(self.message(now, speed, length, kind, away, distance))
        self.passed.append({"speed": speed, "length": length / 10,
                            "direction": "departing" if away else "approaching",
                            "range": distance / 100, "device_count": self.count, "missed": 0,
                            "device_time": self.stamp(now)})

    @staticmethod
    def stamp(now):
        """Its clock has hundredths."""
        hundredths = int(now * 100)
        at = time.gmtime(hundredths // 100)
        return time.strftime("%Y-%m-%dT%H:%M:%S", at) + f".{hundredths % 100:02d}0Z"

    def message(self, now, speed, length, kind, away, distance):
        hundredths = int(now * 100)
        at = time.gmtime(hundredths // 100)
        return bytes([0x02, 0x99, speed, length, bcd(hundredths % 100), bcd(at.tm_sec),
                      bcd(at.tm_min), bcd(at.tm_hour), bcd(at.tm_mday) | (0x80 if away else 0),
                      bcd(at.tm_mon)]) + self.count.to_bytes(3, "little") + \
            distance.to_bytes(2, "little") + \
            bytes([self.TYPES[kind], bcd(at.tm_year // 100), bcd(at.tm_year % 100), 0x03])

    def output(self, now):
        return self.waiting.popleft() if self.waiting else b""
