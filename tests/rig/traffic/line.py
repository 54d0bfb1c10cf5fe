# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""A simulated counter (base.Sim) at a pseudo-terminal, its bytes paced like those of a wire."""
import threading
import time

from talker import Talker

CHARACTER_BITS = 10


class Line:
    """Runs `sim` at the link until stop(). Vehicles pass RATE times a second while driving() is on."""

    def __init__(self, sim, link):
        self.sim = sim
        self.lock = threading.Lock()
        self.answers = b""
        self.driving = False
        self.ended = False
        self.fault = None
        self.talker = Talker(link, self._heard)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _heard(self, data):
        with self.lock:
            try:
                self.answers += self.sim.feed(data, time.time())
            except Exception as fault:          # in a thread: kept for the test to see
                self.fault = fault

    def _next(self, now):
        with self.lock:
            if self.answers:
                data, self.answers = self.answers, b""
                return data
            return self.sim.output(now)

    def _run(self):
        """Whole messages, each followed by as long as it takes on the wire."""
        next_vehicle = free = time.monotonic()
        while not self.ended:
            at = time.monotonic()
            try:
                while self.driving and at >= next_vehicle:
                    with self.lock:
                        self.sim.vehicle(time.time())
                    next_vehicle += 1 / self.sim.RATE
                if not self.driving:
                    next_vehicle = at
                data = self._next(time.time()) if at >= free else b""
            except Exception as fault:
                self.fault = fault
                return
            if data:
                self.talker.send(data)
                free = max(free, at - 0.05) + len(data) * CHARACTER_BITS / self.sim.BAUD
            time.sleep(0.002)

    def stop(self):
        self.ended = True
        self.thread.join()
        self.talker.close()
