# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""MPH Bee III in km/h: 7 bytes a reading, front antenna. Packets of no target stand between.

The readings of a vehicle come in one go and the packets between vehicles last long enough to end one, since a
test stops the gateway for longer than the pause that ends a vehicle. At 1200 baud that is slow.
"""
import collections

import base


class Sim(base.Sim):
    BAUD = 1200
    RATE = 0.4
    SETTINGS = 'raw_speed_unit = "km/h";'
    STATUS = 0x84
    DIRECTION = None

    def __init__(self, seed=1, lanes=1):
        super().__init__(seed, 1)
        self.packets = collections.deque()

    def packet(self, speed, alternate=0):
        return bytes([0x02, self.STATUS, 0, speed, 0, alternate, 0x03])

    def vehicle(self, now):
        speeds = [self.speed(10, 200) for _ in range(self.random.randrange(1, 5))]
        self.packets.append(b"".join(self.packet(speed) for speed in speeds))
        self.packets.append(self.packet(3))         # below 4: none
        self.passed.append({"speed": max(speeds)})

    def output(self, now):
        return self.packets.popleft() if self.packets else b""
