# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""What a simulated counter is: the device's own side of a wire, without the wire.

One file a family, FAMILY.py, with a class Sim. It is written from the protocol's facts and keeps what a
real device keeps: memory, running numbers, a clock. Who has it feeds it what came over the line, lets
vehicles pass, and sends what it has to say; times are seconds since 1970 and given by the caller.
"""
import math
import random


def rounded(number):
    """To three places, halves away from zero, as weir's unit conversions do."""
    return math.copysign(math.floor(abs(number) * 1000 + 0.5) / 1000, number)


class Sim:
    """The device. A family overrides vehicle(), output() and feed()."""

    BAUD = 9600             # as it leaves the factory
    LISTENS = False         # True: it is asked, and says nothing otherwise
    MEMORY = 0              # passages that it keeps while nobody takes them; 0: none
    LATEST = False          # it keeps the latest of a lane only, and counts them (device_count)
    RATE = 10               # passages a second that nearly fill the line
    KIND = "vehicle"        # of the records that must arrive
    SETTINGS = ""           # of the bus, beside model and port
    DEVICE = ""             # of the device, beside its name
    OF_OUR_CLOCK = ()       # values that need weir's clock of that day: no replay has them

    def __init__(self, seed=1, lanes=4):
        self.random = random.Random(seed)
        self.lanes = lanes
        self.passed = []    # what must arrive: dicts by the names of the records' points
        self.frozen = False # no interval ends any more
        self.missed = 0     # passages that the device itself has forgotten, as its numbers show

    def vehicle(self, now):
        """A vehicle passes: appended to `passed`."""
        raise NotImplementedError

    def output(self, now):
        """What it says unasked by now (bytes)."""
        return b""

    def feed(self, data, now):
        """What came over the line. What it answers: bytes."""
        return b""

    def count(self, end):
        """An interval that its clock ends at `end` is about to be closed: a city sets self.counts."""

    # ---- for families

    def lane(self):
        return self.random.randrange(self.lanes)

    def speed(self, least=5, most=180):
        """Whole km/h, most of them as in a town."""
        return min(most, max(least, round(self.random.gauss(55, 20))))
