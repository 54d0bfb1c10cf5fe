# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""SmartSensor 125: a FIFO of events, each handed out once, and intervals by number."""
import collections
import time

import base

POLYNOMIAL = 0x1C


def crc8(data):
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ POLYNOMIAL) & 0xFF if crc & 0x80 else crc << 1
    return crc


def stamp(now):
    ms = round(now * 1000)
    t = time.gmtime(ms // 1000)
    date = t.tm_year << 9 | t.tm_mon << 5 | t.tm_mday
    clock = t.tm_hour << 22 | t.tm_min << 16 | t.tm_sec << 10 | ms % 1000
    return date.to_bytes(4, "big") + clock.to_bytes(4, "big")


class Sim(base.Sim):
    RATE = 6
    LISTENS = True
    MEMORY = 2000
    ADDRESS = 1
    DEVICE = 'address = 1; every = "200ms"; timeout = "500ms";'
    PERIOD = 5
    KEPT = 1000             # intervals

    def __init__(self, seed=1, lanes=24):
        super().__init__(seed, lanes)
        self.fifo = collections.deque()
        self.heard = b""
        self.off = 0.0          # of the clock
        self.number = self.random.randrange(1 << 24)
        self.intervals = collections.OrderedDict()      # number: (end, counts by lane)
        self.counts = [0] * self.lanes
        self.end = None
        self.approaches = 2

    def vehicle(self, now):
        self.tick(now)
        lane, duration, kind = self.lane(), self.random.randrange(80, 3000), self.random.randrange(4)
        mph, feet = self.random.randrange(5 * 256, 90 * 256), self.random.randrange(8 * 256, 70 * 256)
        distance = self.random.randrange(10 * 256, 200 * 256)
        if len(self.fifo) == self.MEMORY:
            self.fifo.popleft()
            self.missed += 1
        self.fifo.append(stamp(now + self.off) + bytes([lane]) + distance.to_bytes(2, "big") +
                         duration.to_bytes(3, "big") + (0x800000 | mph).to_bytes(3, "big") +
                         bytes([kind]) + feet.to_bytes(2, "big"))
        self.counts[lane] += 1
        self.passed.append({"lane": lane, "duration": duration / 1000, "vehicle_class": str(kind),
                            "speed": base.rounded(mph / 256 * 1.609344), "direction": "forwards",
                            "length": base.rounded(feet / 256 * 0.3048),
                            "range": base.rounded(distance / 256 * 0.3048)})

    def tick(self, now):
        """Intervals end by its own clock."""
        self.end = self.end or (now // self.PERIOD + 1) * self.PERIOD
        while now >= self.end and not self.frozen:
            self.count(self.end)
            self.number = (self.number + 1) & 0xFFFFFF
            self.intervals[self.number] = (self.end, self.counts)
            if len(self.intervals) > self.KEPT:
                self.intervals.popitem(last=False)
            self.counts = [0] * self.lanes
            self.end += self.PERIOD

    def feed(self, data, now):
        self.heard += data
        self.tick(now)
        answers = b""
        while len(self.heard) >= 11:
            head = self.heard[:11]
            if head[:2] != b"Z1" or crc8(head) or not 3 <= head[9] <= 244:
                self.heard = self.heard[1:]
                continue
            if len(self.heard) < 12 + head[9]:
                break
            body = self.heard[11:12 + head[9]]
            self.heard = self.heard[12 + head[9]:]
            if int.from_bytes(head[3:5], "big") == self.ADDRESS and not crc8(body):
                for answer in self.answered(body[:-1], now):
                    answers += self.wrapped(head, answer)
        return answers

    def wrapped(self, head, body):
        reply = b"Z1" + head[5:8] + head[2:5] + bytes([(head[8] + 1) & 0xFF, len(body)])
        return reply + bytes([crc8(reply)]) + body + bytes([crc8(body)])

    def answered(self, body, now):
        if body[0] == 0x0E and body[2] == 0:
            return [body[:3] + stamp(now + self.off)]
        if body[0] == 0x0E and body[2] == 1:
            self.off = 0.0
            return [body[:2] + b"\x02\0\0"]
        if body[0] == 0x67:
            if not self.fifo:
                return [b"\x67\0\0" + bytes(20)]
            return [b"\x67\1\0" + self.fifo.popleft()]
        if body[0] == 0x71:
            number = int.from_bytes(body[3:6], "big") or self.number
            if number in self.intervals:
                return self.bodies(number)
            return [body[:2] + b"\x02\0\x0f"]
        return [body[:2] + b"\x02\0\x01"]

    def bodies(self, number):
        end, counts = self.intervals[number]
        some = counts + [sum(counts)] + [0] * (self.approaches - 1)
        return [b"\x71" + bytes([sub, 0]) + number.to_bytes(3, "big") + stamp(end + self.off) +
                (0x800000 | 40 * 256).to_bytes(3, "big") + count.to_bytes(3, "big") +
                (5 * 256).to_bytes(2, "big") + count.to_bytes(3, "big") + bytes(9) +
                (0x800000 | 50 * 256).to_bytes(3, "big") + (4000).to_bytes(3, "big") +
                (3000).to_bytes(3, "big") + bytes([self.lanes, self.approaches])
                for sub, count in enumerate(some)]
