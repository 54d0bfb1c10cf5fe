# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""Icoms TMA-3B3, set to text: a line a passage, "TYP; DATETIME; SPEED; LENGTH"; and now and then others."""
import collections
import time

import base


class Sim(base.Sim):
    RATE = 20

    def __init__(self, seed=1, lanes=1):
        super().__init__(seed, lanes)
        self.lines = collections.deque()

    def vehicle(self, now):
        kind, speed = self.random.choice([1, 2, 3, 30]), self.speed()
        away = self.random.random() < 0.5
        stamp = time.strftime("%Y/%m/%d %H:%M:%S", time.gmtime(now)) + f",{int(now * 1000) % 1000:03d}"
        if self.random.random() < 0.1:
            self.lines.append(f"201; {stamp}; ; \r\n".encode())
        self.lines.append(f"{kind:03d}; {stamp}; {-speed if away else speed}; 4,5\r\n".encode())
        self.passed.append({"direction": "departing" if away else "approaching", "speed": speed})

    def output(self, now):
        return self.lines.popleft() if self.lines else b""
