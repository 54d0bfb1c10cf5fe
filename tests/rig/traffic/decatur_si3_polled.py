# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""Decatur SI-3 that is asked: *P CR, and it says what is in its beam. One question meets each vehicle here."""
import collections

import base


class Sim(base.Sim):
    LISTENS = True
    RATE = 1

    def __init__(self, seed=1, lanes=1):
        super().__init__(seed, 1)
        self.away = False
        self.asked = b""
        self.waiting = collections.deque()

    def vehicle(self, now):
        speed = self.random.randrange(5, 130)
        self.waiting.append(f"{'-' if self.away else '+'}{speed:03d}\r".encode())
        self.passed.append({"speed": base.rounded(speed * 1.609344),
                            "direction": "departing" if self.away else "approaching"})
        self.away = not self.away

    def feed(self, data, now):
        answer = b""
        self.asked += data
        while b"\r" in self.asked:
            question, self.asked = self.asked.split(b"\r", 1)
            if question in (b"*P", b"*"):
                answer += self.waiting.popleft() if self.waiting else b"+000\r"
        return answer
