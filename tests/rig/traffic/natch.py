# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""Natch: each passage has a number and is kept until that number is acknowledged; oldest first. It tells
its clock when it is asked, in the zone that it lives in, and can be told another time."""
import collections
import datetime
import time

import base


class Sim(base.Sim):
    RATE = 20
    MEMORY = 1000
    AGAIN = 0.5             # it says what was not acknowledged again after so long
    PER_SECOND = 24
    OF_OUR_CLOCK = ("device_time",)         # it tells no date
    ZONE = datetime.timezone(datetime.timedelta(hours=-6))

    def __init__(self, seed=1, lanes=24):
        super().__init__(seed, lanes)
        self.next_id = self.random.randrange(0x10000)
        self.kept = collections.deque()         # (id, line)
        self.said = {}                          # when, by id
        self.heard = b""
        self.clock_off = 0                      # its clock minus the time
        self.asked = False                      # for its clock: its zone is known

    def local(self, now):
        return datetime.datetime.fromtimestamp(now + self.clock_off, self.ZONE)

    def vehicle(self, now):
        lane, duration = self.lane(), self.random.randrange(50, 2000)
        headway = self.random.choice([None, self.random.randrange(2000, 60000)])
        number = self.next_id
        self.next_id = (number + 1) & 0xFFFF
        if len(self.kept) == self.MEMORY:
            self.kept.popleft()
            self.missed += 1
        clock = self.local(now).strftime("%H:%M:%S")
        self.kept.append((number, f"ds,{number:04x},{lane},{duration},"
                                  f"{'' if headway is None else headway},{clock}\n".encode()))
        passed = {"lane": lane, "duration": duration / 1000, "device_count": number,
                  "headway": None if headway is None else headway / 1000}
        if self.asked:
            passed["device_time"] = time.strftime("%Y-%m-%dT%H:%M:%S.000Z",
                                                  time.gmtime(int(now + self.clock_off)))
        self.passed.append(passed)

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
        answers = b""
        for line in lines:
            word, _, rest = line.decode().partition(",")
            if word == "CS":
                answers += self.clock(rest, now)
            elif word == "DS" and self.kept and int(rest, 16) == self.kept[0][0]:
                self.said.pop(self.kept.popleft()[0], None)
        return answers

    def clock(self, rest, now):
        self.asked = True
        number, _, told = rest.partition(",")
        if told:
            self.clock_off = datetime.datetime.fromisoformat(told).timestamp() - now
        return f"cs,{number},{self.local(now).isoformat(timespec='seconds')}\n".encode()
