# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""HLK-LD2451: a vehicle is in a few reports, then come ten of nothing, as fast as the line carries them."""
import collections

import base


class Sim(base.Sim):
    BAUD = 115200
    RATE = 4

    def __init__(self, seed=1, lanes=1):
        super().__init__(seed, 1)
        self.reports = collections.deque()

    @staticmethod
    def report(targets):
        data = bytes([len(targets), 0]) + b"".join(targets) if targets else b""
        return b"\xf4\xf3\xf2\xf1" + len(data).to_bytes(2, "little") + data + b"\xf8\xf7\xf6\xf5"

    def vehicle(self, now):
        speeds = [self.speed() for _ in range(self.random.randrange(2, 6))]
        way, distance = self.random.randrange(2), self.random.randrange(10, 90)
        seen = [self.report([bytes([0x80, distance - ago, way, speed, 20])])
                for ago, speed in enumerate(speeds)]
        self.reports.append(b"".join(seen + 10 * [self.report([])]))
        self.passed.append({"speed": max(speeds), "range": distance,
                            "direction": ["departing", "approaching"][way]})

    def output(self, now):
        return self.reports.popleft() if self.reports else b""
