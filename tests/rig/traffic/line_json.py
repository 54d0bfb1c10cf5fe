# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""The counter of models/line-json.conf: a JSON object a vehicle, other objects between them."""
import collections
import json
import time

import base


class Sim(base.Sim):
    BAUD = 115200
    RATE = 40
    CLASSES = {"P1": "car", "T1": "truck", "T2": "truck-trailer", "M1": "other"}

    def __init__(self, seed=1, lanes=4):
        super().__init__(seed, lanes)
        self.count = 0
        self.lines = collections.deque()

    def line(self, what):
        self.lines.append(json.dumps(what, separators=(",", ":")).encode() + b"\n")

    def vehicle(self, now):
        lane, way, speed = self.lane(), self.random.choice([1, -1]), self.random.randrange(20, 500) / 10
        kind, ms = self.random.choice(list(self.CLASSES)), int(now * 1000)
        self.line({"event": "vehicle", "seq": self.count, "t": ms / 1000, "lane": {"no": lane, "dir": way},
                   "v": speed, "axles": [2.5, 3.25], "cls": kind})
        if self.count % 7 == 0:
            self.line({"event": "status", "battery": 12.5})
        self.passed.append({"lane": lane, "direction": "approaching" if way > 0 else "departing",
                            "speed": base.rounded(speed * 3.6), "length": 3.25,
                            "vehicle_class": self.CLASSES[kind], "device_count": self.count,
                            "missed": 0, "device_time": time.strftime("%Y-%m-%dT%H:%M:%S",
                                                                      time.gmtime(ms // 1000)) +
                            f".{ms % 1000:03d}Z"})
        self.count += 1

    def output(self, now):
        return self.lines.popleft() if self.lines else b""
