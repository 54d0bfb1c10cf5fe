# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""MPH DS4 in km/h: as mph_speed, with the range in tens of feet where that has another speed."""
import base
import mph_speed


class Sim(mph_speed.Sim):
    STATUS = 0x80

    def vehicle(self, now):
        speeds = [self.speed(10, 200) for _ in range(self.random.randrange(1, 5))]
        feet = self.random.randrange(10, 90)
        self.packets.append(b"".join(self.packet(speed, feet - i) for i, speed in enumerate(speeds)))
        self.packets.append(self.packet(0))
        self.passed.append({"speed": max(speeds), "direction": "approaching",
                            "range": base.rounded(feet * 10 * 0.3048)})
