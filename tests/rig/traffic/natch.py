# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""Natch: each passage has a number and is kept until that number is acknowledged; oldest first."""
import collections
import time

import base


class Sim(base.Sim):
    RATE = 20
    MEMORY = 1000
    AGAIN = 0.5             # it says what was not acknowledged again after so long
    PER_SECOND = 24

    def __init__(self, seed=1, lanes=24):
        super().__init__(seed, lanes)
        self.next_id = self.random.randrange(0x10000)
        self.kept = collections.deque()         # (id, line)
        self.said = {}                          # when, by id
        self.heard = b""

    def vehicle(self, now):
        lane, duration = self.lane(), self.random.randrange(50, 2000)
        headway = self.random.choice([None, self.random.randrange(2000, 60000)])
        number = self.next_id
        self.next_id = (number + 1) & 0xFFFF
        if len(self.kept) == self.MEMORY:
            self.kept.popleft()
            self.missed += 1
        clock = time.strftime("%H:%M:%S", time.gmtime(now))
        self.kept.append((number, f"ds,{number:04x},{lane},{duration},"
                                  f"{'' if headway is None else headway},{clock}\n".encode()))
        self.passed.append({"lane": lane, "duration": duration / 1000, "device_count": number,
                            "headway": None if headway is None else headway / 1000})

    def output(self, now):
        """The oldest first, and no more than so many a second."""
        said = [when for when in self.said.values() if now - when < 1]
        for number, line in self.kept:
            if len(said) >= self.PER_SECOND:
                break
            if now - self.said.get(number, 0) >= self.AGAIN:
                self.said[number] = now
                return line
        return b""

    def feed(self, data, now):
        lines = (self.heard + data).split(b"\n")
        self.heard = lines.pop()
        for line in lines:
            word, _, number = line.partition(b",")
            if word != b"DS" or not self.kept:
                continue
            if int(number, 16) == self.kept[0][0]:
                self.said.pop(self.kept.popleft()[0], None)
        return b""
