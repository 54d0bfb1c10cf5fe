# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""A Canoga card: the last vehicle of each of four detectors, and how many there were (8 bits)."""
import functools
import operator

import base


class Sim(base.Sim):
    RATE = 8
    LISTENS = True
    LATEST = True
    ADDRESS = 3
    DEVICE = 'address = 3; every = "60ms"; timeout = "400ms";'

    def __init__(self, seed=1, lanes=4):
        super().__init__(seed, 4)
        self.begun = None
        self.last = [(0, 0, 0)] * 4
        self.heard = b""
        self.turn = 0

    def vehicle(self, now):
        self.begun = self.begun or now - 100
        self.turn = (self.turn + 1) % 4
        start = int((now - self.begun) * 1000) & 0xFFFFFFFF
        duration = self.random.randrange(50, 400)
        count = (self.last[self.turn][2] + 1) & 0xFF
        self.last[self.turn] = (duration, start, count)
        self.passed.append({"lane": self.turn + 1, "duration": duration / 1000,
                            "device_count": count})

    def feed(self, data, now):
        self.heard += data
        answers = b""
        while len(self.heard) >= 8:
            request, rest = self.heard[:8], self.heard[8:]
            check = functools.reduce(operator.xor, request[:5])
            if request[:3] != b"<08" or request[4:] != b"*%02X>" % check:
                self.heard = self.heard[1:]
                continue
            self.heard = rest
            if request[3] == self.ADDRESS:
                events = b"".join(d.to_bytes(3, "big") + s.to_bytes(4, "big") + bytes([c, 0])
                                  for d, s, c in self.last)
                answers += events + bytes([functools.reduce(operator.xor, events)])
        return answers
