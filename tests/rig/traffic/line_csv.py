# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""The counter of models/line-csv.conf: a line of columns a vehicle, numbered, no memory."""
import collections
import time

import base


class Sim(base.Sim):
    RATE = 20
    CLASSES = {"1": "motorcycle", "2": "car", "3": "van", "4": "truck", "5": "bus", "17": "other"}
    DIRECTIONS = {"1": "approaching", "2": "departing"}

    def __init__(self, seed=1, lanes=4):
        super().__init__(seed, min(lanes, 8))
        self.count = 65500          # so that it runs round
        self.lines = collections.deque([b"number,time,lane,direction,speed,length,class\r\n"])

    def vehicle(self, now):
        lane, speed, length = self.lane() + 1, self.speed(), self.random.randrange(0, 2000)
        way, kind = self.random.choice("12"), self.random.choice(list(self.CLASSES))
        at = time.gmtime(now)
        self.lines.append(f"{self.count},{time.strftime('%Y-%m-%d %H:%M:%S', at)},{lane},{way},"
                          f"{speed},{length},{kind}\r\n".encode())
        self.passed.append({"lane": lane, "speed": speed, "length": length / 100 if length else None,
                            "direction": self.DIRECTIONS[way], "device_count": self.count,
                            "vehicle_class": self.CLASSES[kind], "missed": 0,
                            "device_time": time.strftime("%Y-%m-%dT%H:%M:%S.000Z", at)})
        self.count = (self.count + 1) % 65536

    def output(self, now):
        return self.lines.popleft() if self.lines else b""
