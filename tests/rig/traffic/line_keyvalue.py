# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""The counter of models/line-keyvalue.conf: totals that run round, lane by lane, xor checksum. Here it
tells them after each vehicle instead of once a minute."""
import collections

import base


class Sim(base.Sim):
    RATE = 10
    KIND = "interval"

    def __init__(self, seed=1, lanes=4):
        super().__init__(seed, min(lanes, 8))
        self.number = 250           # runs round at 256
        self.totals = {lane: [65500 + 7 * lane, 40 * lane] for lane in range(self.lanes)}
        self.told = set()
        self.lines = collections.deque()

    def vehicle(self, now):
        lane, truck = self.lane(), self.random.random() < 0.2
        total = self.totals[lane]
        before = list(total)
        total[0] = (total[0] + self.random.randrange(1, 30)) % 65536
        total[1] = (total[1] + truck) % 65536
        mph, occupancy = self.random.randrange(0, 900) / 10, self.random.randrange(0, 1000) / 10
        body = (f"CNT,no={self.number};lane={lane};total={total[0]};truck={total[1]};occ={occupancy};"
                f"v={mph if truck else '-'}")
        check = 0
        for byte in body.encode():
            check ^= byte
        self.lines.append(f"${body}*{check:02X}\r\n".encode())
        self.number = (self.number + 1) % 256
        if lane in self.told:       # the first total of a lane has nothing to be taken from
            self.passed.append({"lane": lane, "vehicle_count": (total[0] - before[0]) % 65536,
                                "vehicle_count_truck": int(truck), "occupancy": occupancy,
                                "speed_mean": base.rounded(mph * 1.609344) if truck else None})
        self.told.add(lane)

    def output(self, now):
        return self.lines.popleft() if self.lines else b""
