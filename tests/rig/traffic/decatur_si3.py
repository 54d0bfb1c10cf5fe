# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""Decatur SI-3 in mph that prints by itself. The readings of a vehicle come in one go and the next vehicle comes
the other way, since a test stops the gateway for longer than the pause that ends a vehicle."""
import collections

import base


class Sim(base.Sim):
    RATE = 4

    def __init__(self, seed=1, lanes=1):
        super().__init__(seed, 1)
        self.away = False
        self.lines = collections.deque()

    def line(self, tenths):
        sign = "-" if self.away else "+"
        return f"*{sign}{tenths // 10:03d}.{tenths % 10},{self.random.randrange(256):03d}\r\n".encode()

    def vehicle(self, now):
        speeds = [self.random.randrange(30, 1200) for _ in range(self.random.randrange(1, 6))]
        self.lines.append(b"".join(self.line(tenths) for tenths in speeds))
        self.passed.append({"speed": base.rounded(max(speeds) / 10 * 1.609344),
                            "direction": "departing" if self.away else "approaching"})
        self.away = not self.away

    def output(self, now):
        return self.lines.popleft() if self.lines else b""
