# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""What all simulated radio modules have in common: a line, commands, settings, and what is on the air.

A module hears a packet only if it is set up as its senders are and listens at that moment; hear()
says whether it did. Its settings begin wrong, so that nothing is heard before somebody has set them.

    radio = Reyax(link, on_air={"BAND": "868100000", ...})
    radio.hear(b"...", sender=12, rssi=-60, snr=7)      # True: it has told the line
    radio.restart(), radio.mute, radio.commands         # what a test does to it, or asks it

As a program each of them sends a packet of Cayenne LPP a second: `reyax.py LINK`.
"""
import itertools
import os
import signal
import struct
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from talker import Talker  # noqa: E402  (the rig's folder is on the path only now)


class Radio:
    """One module. Subclasses have command() for a line, and tell() for a packet."""

    line_end = b"\r\n"
    hears_while_set = True      # False: deaf until it is told to receive

    def __init__(self, link, on_air=None):
        self.lock = threading.RLock()
        self.on_air = dict(on_air or {})
        self.settings = {}
        self.commands = []
        self.mute = False
        self.heard = self.unheard = 0
        self.pending = b""
        self.power_on()
        self.line = Talker(link, self.take)

    # ---- to be filled in

    def power_on(self):
        """Settings and states as after power on."""

    def banner(self):
        """What it says then."""
        return b""

    def command(self, text):
        """A line that was sent to it: what it answers (None: nothing)."""
        raise NotImplementedError

    def tell(self, data, sender, rssi, snr):
        """The bytes by which it tells a packet."""
        raise NotImplementedError

    def listening(self):
        return all(self.settings.get(key) == value for key, value in self.on_air.items())

    def told(self):
        """After a packet: some stop listening."""

    # ---- the line

    def take(self, data):
        with self.lock:
            self.pending += data
            while b"\n" in self.pending:
                line, self.pending = self.pending.split(b"\n", 1)
                self.answer(line.strip().decode(errors="replace"))

    def answer(self, text):
        self.commands.append(text)
        reply = None if self.mute or not text else self.command(text)
        if reply is not None:
            self.line.send(reply)

    def say(self, text):
        with self.lock:
            self.line.send(text.encode() + self.line_end)

    def restart(self):
        """Reset or power cycle; a module that hung answers again."""
        with self.lock:
            self.mute = False
            self.power_on()
            self.line.send(self.banner())

    def hear(self, data, sender=0, rssi=-60, snr=7):
        """A packet is on the air. True: the module has heard it."""
        with self.lock:
            good = not self.mute and self.listening()
            self.heard += good
            self.unheard += not good
            if good:
                self.line.send(self.tell(data, sender, rssi, snr))
                self.told()
            return good

    def close(self):
        self.line.close()


def temperature(tenths):
    """Cayenne LPP: temperature of channel 3."""
    return struct.pack(">BBh", 3, 103, tenths)


def main(kind):
    """The module alone, for trying out."""
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} LINK")
    radio = kind(sys.argv[1])
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.signal(signal.SIGINT, lambda *_: stop.set())
    for n in itertools.count():
        if stop.wait(1):
            break
        for command in radio.commands:
            print("<<", command, flush=True)
        radio.commands.clear()
        radio.hear(temperature(200 + n % 50), sender=12)
    radio.close()
    os.unlink(sys.argv[1])
