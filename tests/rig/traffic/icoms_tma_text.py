# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""Icoms TMA-3B3, set to text: a line a passage, "TYP; DATETIME; SPEED; LENGTH"."""
import collections
import time

import base


class Sim(base.Sim):
    RATE = 25

    def __init__(self, seed=1, lanes=1):
        super().__init__(seed, lanes)
        self.lines = collections.deque()

    def vehicle(self, now):
        kind, speed = self.random.choice([1, 2, 3, 30]), self.speed()
        length = self.random.randrange(15, 250)
        stamp = time.strftime("%d/%m/%Y %H:%M:%S", time.gmtime(now))
        self.lines.append(f"{kind}; {stamp}; {speed}; {length}\r\n".encode())
        self.passed.append({"vehicle_class": str(kind), "speed": speed, "length": length / 10})

    def output(self, now):
        return self.lines.popleft() if self.lines else b""
