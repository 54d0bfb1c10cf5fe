# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""A radar for models/line-regex.conf: readings, many of them a vehicle.

The readings of a vehicle come in one go, and the next vehicle comes the other way: a test stops the gateway for
longer than the pause that ends a vehicle. What that pause does is in the unit tests.
"""
import collections

import base


class Sim(base.Sim):
    RATE = 3

    def __init__(self, seed=1, lanes=1):
        super().__init__(seed, 1)
        self.away = False
        self.lines = collections.deque()

    def vehicle(self, now):
        speeds = [self.speed(20, 150) for _ in range(self.random.randrange(1, 6))]
        metres = self.random.randrange(100, 200)
        self.lines.append("".join(f"{'-' if self.away else '+'}{speed:03d} km/h {metres - 9 * i:03d} m\r\n"
                                  for i, speed in enumerate(speeds)).encode())
        self.passed.append({"speed": max(speeds),
                            "direction": "departing" if self.away else "approaching"})
        self.away = not self.away

    def output(self, now):
        return self.lines.popleft() if self.lines else b""
