# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""OmniPreSense OPS243 set to report objects (OC) as JSON, in m/s: one line a vehicle, no memory."""
import collections
import json

import base


class Sim(base.Sim):
    RATE = 6
    BAUD = 19200

    def __init__(self, seed=1, lanes=24):
        super().__init__(seed, lanes)
        self.lines = collections.deque()

    def vehicle(self, now):
        speed = self.random.randrange(20, 400) / 10
        ms = self.random.randrange(200, 4000)
        length = self.random.randrange(20, 180) / 10
        way = self.random.choice(["inbound", "outbound"])
        self.lines.append(json.dumps({
            "start_time": base.rounded(now), "end_time": base.rounded(now + ms / 1000),
            "delta_time_msec": ms, "direction": way, "frames_count": ms // 50,
            "velocity_max": speed, "velocity_min": speed / 2, "magnitude_max": 120,
            "magnitude_mean": 60, "units": "mps", "object_length": length}).encode() + b"\n")
        self.passed.append({"speed": base.rounded(speed * 3.6), "duration": ms / 1000,
                            "length": length, "direction": {"inbound": "approaching",
                                                            "outbound": "departing"}[way]})

    def output(self, now):
        return self.lines.popleft() if self.lines else b""
