# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""SmartSensor 105: counts by lane in intervals, which it keeps and hands out by their age."""
import base

EPOCH = 946684800


class Sim(base.Sim):
    RATE = 40
    KIND = "interval"
    LISTENS = True
    ADDRESS = 1
    DEVICE = 'address = 1; every = "300ms"; timeout = "600ms";'
    PERIOD = 2
    KEPT = MEMORY = 2000

    def __init__(self, seed=1, lanes=8):
        super().__init__(seed, min(lanes, 8))
        self.end = None
        self.counts = [0] * self.lanes
        self.kept = []          # (end, counts)
        self.off = 0
        self.heard = b""
        self.seen = False       # somebody has had the newest; what ended before is not fetched
        self.first = 0

    def vehicle(self, now):
        self.tick(now)
        self.counts[self.lane()] += 1

    def tick(self, now):
        if not self.end:        # it has been there for a while
            self.end = (int(now) // self.PERIOD + 1) * self.PERIOD
            self.kept = [(self.end - ago * self.PERIOD, [0] * self.lanes) for ago in (3, 2, 1)]
        while now >= self.end and not self.frozen:
            self.count(self.end)
            self.kept = self.kept[-self.KEPT:] + [(self.end, self.counts)]
            if self.seen:
                self.passed += [{"lane": lane + 1, "vehicle_count": count}
                                for lane, count in enumerate(self.counts)]
            self.counts = [0] * self.lanes
            self.end += self.PERIOD

    def feed(self, data, now):
        self.tick(now)
        lines = (self.heard + data).split(b"\r")
        self.heard = lines.pop()
        return b"".join(self.answered(line.decode(errors="replace"), now) for line in lines)

    def answered(self, line, now):
        if line[:6] != f"Z0{self.ADDRESS:04d}":
            return b""
        command, args = line[6:8], line[8:]
        if command == "SB":
            data = f"{int(now) + self.off - EPOCH:08X}"
        elif command == "S4":
            data, self.off = "Success", int(args, 16) + EPOCH - int(now)
        elif command == "XD":
            data = self.sample(int(args or "0", 16))
        else:
            data = "Invalid"
        return f"{line[:8]}{data}~\r".encode()

    def sample(self, age):
        if age >= len(self.kept):
            return "Empty"
        end, counts = self.kept[-1 - age]
        if not self.seen and age == 0:
            self.first = end
        elif not self.seen:     # asked on: so it has had the first one
            self.seen = True
            self.passed += [{"lane": lane + 1, "vehicle_count": count} for when, some in self.kept
                            if when >= self.first for lane, count in enumerate(some)]
        data = f"{end + self.off - EPOCH:08X}" + "".join(
            f"{lane + 1:X}{count:08X}{35:04X}{120:04X}{100:04X}{800:04X}{50:04X}"
            for lane, count in enumerate(counts))
        return data + f"{sum(data.encode()) & 0xFFFF:04X}"
