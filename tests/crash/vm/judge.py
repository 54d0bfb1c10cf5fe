# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""What has arrived, against what the meters have answered, and what `weir receive` says of it."""
import bisect
import json
import os

BLAME = ("missing", "not_known")


class Judge:
    """Reads the records that `weir receive --json` prints to `lines`, and its report.

    An answer may be missing only if a power cut came less than `allowed_s` after it.
    """

    def __init__(self, tap, lines, report, allowed_s):
        self.tap, self.report, self.allowed_s = tap, report, allowed_s
        self.cuts = []                          # times
        self.arrived = {}                       # (unit, n): (epoch, seq)
        self.twice = []                         # answers that arrived under two numbers
        self.records = 0
        self._lines, self._rest = open(lines, "rb"), b""
        self._settled, self._blame = 0, {}

    def read(self):
        """Takes what has arrived since."""
        data = self._rest + self._lines.read()
        whole, _, self._rest = data.rpartition(b"\n")
        answers = self.tap.answers
        newest = {unit: n for unit, n, _ in answers[-1000:]}
        for line in whole.splitlines():
            record = json.loads(line)
            if record.get("kind") != "reading":
                continue
            self.records += 1
            unit, value = int(record["device"][1:]), record.get("values", {}).get("n")
            if value is not None and unit in newest:
                n = newest[unit] - (newest[unit] - value) % 65536
                self._take((unit, n), (record["bus"], record["epoch"], record["seq"]))

    def _take(self, answer, number):
        if self.arrived.setdefault(answer, number) != number:
            self.twice.append(f"answer {answer[1]} of meter {answer[0]} came as "
                              f"{self.arrived[answer]} and as {number}")

    def arrived_since(self, when):
        """The units of which an answer given since then has arrived."""
        self.read()
        answers = self.tap.answers
        first = bisect.bisect_left(answers, when, key=lambda answer: answer[2])
        return {unit for unit, n, _ in answers[first:] if (unit, n) in self.arrived}

    def settle(self):
        """Once all is drained: (violations since the last time, a summary in words).

        Looks at all answers older than the newest one that has arrived of each meter.
        """
        self.read()
        answers = self.tap.answers[self._settled:]
        ends = {unit: at for at, (unit, n, _) in enumerate(answers) if (unit, n) in self.arrived}
        end = min(ends.values(), default=-1) + 1
        lost, kept = {}, 0
        for unit, n, when in answers[:end]:
            if (unit, n) in self.arrived:
                kept += 1
            else:
                at = bisect.bisect_right(self.cuts, when)
                lost.setdefault((at, unit), []).append((n, when))
        self._settled += end
        found = [text for (at, unit), those in sorted(lost.items())
                 if (text := self._too_much(at, unit, those))]
        found += self.twice
        self.twice = []
        ages = [self.cuts[at] - when for (at, _), those in lost.items() if at < len(self.cuts)
                for _, when in those]
        words = f"{kept} of {end} answers arrived"
        if ages:
            words += f", the oldest lost one {max(ages):.1f} s before its cut"
        return found, words

    def _too_much(self, at, unit, those):
        """What is wrong about answers lost between two cuts, or None."""
        if at == len(self.cuts):
            return f"meter {unit}: {spans(those)} lost without a cut"
        old = [(n, when) for n, when in those if self.cuts[at] - when > self.allowed_s]
        if not old:
            return None
        return (f"meter {unit}: {spans(old)} lost though they came up to "
                f"{self.cuts[at] - old[0][1]:.1f} s before cut {at + 1}")

    def saved_ms(self):
        return self._load().get("saved_ms", 0)

    def blame(self):
        """What the receiver has found since the last time it was asked."""
        report = self._load()
        counts = {key: report.get(key, 0) for key in BLAME}
        counts.update(report.get("faults", {}).get("counts", {}))
        counts["epochs with an unknown end"] = sum(
            epoch["seen"] and not epoch["named"]
            for stream in report.get("streams", []) for epoch in stream["epochs"][:-1])
        counts["epochs unannounced"] = sum(
            epoch.get("unannounced", False)
            for stream in report.get("streams", []) for epoch in stream["epochs"])
        found = [f"receive: {value - self._blame.get(key, 0)} {key.replace('_', ' ')}"
                 for key, value in counts.items() if value > self._blame.get(key, 0)]
        self._blame = counts
        return found

    def verdict(self):
        """ok, or what is wrong with everything, in the receiver's word."""
        return self._load().get("verdict", "none")

    def _load(self):
        if not os.path.exists(self.report):
            return {}
        with open(self.report, encoding="utf-8") as file:
            return json.load(file)


def spans(answers):
    """How many, from which to which."""
    numbers = [n for n, _ in answers]
    return f"{len(numbers)} answers of {numbers[0]}..{numbers[-1]}"
