# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""The pulse counter of models/line-pulses.conf. It writes a total after each vehicle instead of now and then."""
import collections
import time

import base


class Sim(base.Sim):
    RATE = 20
    KIND = "interval"

    def __init__(self, seed=1, lanes=4):
        super().__init__(seed, lanes)
        self.totals = [2 ** 32 - 9 - lane for lane in range(self.lanes)]     # so that they run round
        self.told = set()
        self.lines = collections.deque()

    def vehicle(self, now):
        lane, added = self.lane(), self.random.randrange(0, 20)
        self.totals[lane] = (self.totals[lane] + added) % 2 ** 32
        self.lines.append(f"{int(now)},{lane},{self.totals[lane]}\n".encode())
        if lane in self.told:       # the first total has nothing to be taken from
            self.passed.append({"lane": lane, "vehicle_count": added, "device_time":
                                time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(now))})
        self.told.add(lane)

    def output(self, now):
        return self.lines.popleft() if self.lines else b""
