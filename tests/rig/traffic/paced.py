# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""A simulated counter (base.Sim) at a pseudo-terminal, its bytes paced like those of a wire."""
import threading
import time

from talker import Talker

CHARACTER_BITS = 10


class Line:
    """Runs `sim` at the link until stop(). Vehicles pass RATE times a second while driving() is on.
    With talker=TcpTalker the link is an address."""

    def __init__(self, sim, link, talker=Talker):
        self.sim = sim
        self.lock = threading.Lock()
        self.answers = b""
        self.driving = False
        self.ended = False
        self.fault = None
        self.held = 0       # times that the terminal was full: a wire would have lost that
        self.talker = talker(link, self._heard)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _heard(self, data):
        with self.lock:
            try:
                self.answers += self.sim.feed(data, time.time())
            except Exception as fault:          # in a thread: kept for the test to see
                self.fault = fault

    def _fill(self, now):
        """Something to send: answers first. Called while nothing is on its way."""
        with self.lock:
            data, self.answers = self.answers or self.sim.output(now), b""
        return data

    def _run(self):
        next_vehicle = last = time.monotonic()
        rest, may = b"", 0.0
        while not self.ended:
            at = time.monotonic()
            may, last = min(may + (at - last) * self.sim.BAUD / CHARACTER_BITS, 256), at
            try:
                while self.driving and at >= next_vehicle:
                    with self.lock:
                        self.sim.vehicle(time.time())
                    next_vehicle += 1 / self.sim.RATE
                if not self.driving:
                    next_vehicle = at
                while may >= 1 and (rest := rest or self._fill(time.time())):
                    sent = self.talker.offer(rest[:int(may)])
                    self.held += not sent
                    rest, may = rest[sent:], may - (sent or may)
            except Exception as fault:
                self.fault = fault
                return
            time.sleep(0.002)

    def stop(self):
        self.ended = True
        self.thread.join()
        self.talker.close()
