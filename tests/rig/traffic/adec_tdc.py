# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""ADEC TDC: one detector; it keeps vehicles until the frame count bit says that they have arrived."""
import collections

import base

RESET, VEHICLES, VALID, BIT = 0, 8, 0x10, 0x20


class Sim(base.Sim):
    RATE = 30
    DEVICE = 'address = 1; every = "100ms"; timeout = "500ms";'
    LISTENS = True
    MEMORY = 200
    ADDRESS = 1

    def __init__(self, seed=1, lanes=4):
        super().__init__(seed, min(lanes, 16))
        self.waiting = collections.deque()
        self.count = self.random.randrange(1 << 32)
        self.bit = None
        self.answer = b"\xe5"
        self.heard = b""

    def vehicle(self, now):
        lane, kind = self.lane(), self.random.randrange(1, 10)
        speed, occupied = self.speed(), self.random.randrange(5, 300)
        gap, length = self.random.randrange(50, 30000), self.random.randrange(15, 250)
        self.count = (self.count + 1) & 0xFFFFFFFF
        if len(self.waiting) == self.MEMORY:
            self.waiting.popleft()
            self.missed += 1
        self.waiting.append((self.count, bytes([speed, kind << 4 | lane]) +
                             occupied.to_bytes(2, "big") + gap.to_bytes(2, "big") + bytes([length])))
        self.passed.append({"lane": lane, "vehicle_class": str(kind), "speed": speed,
                            "duration": occupied / 100, "gap": gap / 100, "length": length / 10,
                            "device_count": self.count})

    def feed(self, data, now):
        self.heard += data
        answers = b""
        while len(self.heard) >= 5:
            if self.heard[0] != 0x10 or self.heard[4] != 0x16 or \
                    (self.heard[1] + self.heard[2]) & 0xFF != self.heard[3]:
                self.heard = self.heard[1:]
                continue
            ctrl, address = self.heard[1], self.heard[2]
            self.heard = self.heard[5:]
            if address == self.ADDRESS:
                answers += self.answered(ctrl)
        return answers

    def answered(self, ctrl):
        if ctrl & 0x0F == RESET:
            self.bit = None
            return b"\xe5"
        if ctrl & 0x0F != VEHICLES:
            return b""
        bit = ctrl & BIT
        if not ctrl & VALID or bit != self.bit:
            self.bit = bit
            self.answer = self.vehicles()
        return self.answer

    def vehicles(self):
        some = [self.waiting.popleft() for _ in range(min(4, len(self.waiting)))]
        if not some:
            return b"\xe5"
        inner = bytes([VEHICLES, self.ADDRESS, 0]) + some[-1][0].to_bytes(4, "big") + \
            b"".join(record for _, record in some)
        return bytes([0x68, len(inner), len(inner), 0x68]) + inner + bytes([sum(inner) & 0xFF, 0x16])
