# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""Houston Radar DR500 that prints: speeds of each vehicle, then 000. Vehicles alternate in direction."""
import collections

import base

READINGS = 5


class Sim(base.Sim):
    RATE = 10

    def __init__(self, seed=1, lanes=1):
        super().__init__(seed, lanes)
        self.lines = collections.deque()

    def vehicle(self, now):
        top, sign = self.random.randrange(10, 99), "+-"[len(self.passed) % 2]
        speeds = [self.random.randrange(5, top + 1) for _ in range(READINGS - 1)] + [top]
        self.random.shuffle(speeds)
        self.lines.extend(f"{sign}{speed:03d}\r".encode() for speed in speeds)
        self.lines.append(b"?000\r")
        self.passed.append({"speed": base.rounded(top * 1.609344),
                            "direction": "approaching" if sign == "+" else "departing"})

    def output(self, now):
        return self.lines.popleft() if self.lines else b""
