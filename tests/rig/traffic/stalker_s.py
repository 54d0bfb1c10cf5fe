# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""Stalker speed sensor in km/h, format S: 19 bytes a reading. The readings of a vehicle come in one go and the
next comes the other way, since a test stops the gateway for longer than the pause that ends a vehicle."""
import collections

import base


class Sim(base.Sim):
    RATE = 4
    SETTINGS = 'raw_speed_unit = "km/h";'

    def __init__(self, seed=1, lanes=1):
        super().__init__(seed, 1)
        self.away = False
        self.messages = collections.deque()

    def message(self, peak, live):
        way = b"A" if self.away else b"C"
        return b"\x83" + way + b"%4d" % peak + way + b"%4d" % live + b"%3d%3d@\r" % (
            self.random.randrange(100), self.random.randrange(1000))

    def vehicle(self, now):
        speeds = [self.random.randrange(50, 2000) for _ in range(self.random.randrange(1, 6))]
        self.messages.append(b"".join(self.message(max(speeds[:i + 1]), speed)
                                      for i, speed in enumerate(speeds)))
        self.passed.append({"speed": max(speeds) / 10,
                            "direction": "departing" if self.away else "approaching"})
        self.away = not self.away

    def output(self, now):
        return self.messages.popleft() if self.messages else b""
