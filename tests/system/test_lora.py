#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""Radio modules end to end: set up by weir, restarted, silent; what a module heard arrives once.

Each packet has a number, so that every loss and every repeat shows.
"""
import os
import signal
import struct
import time
import unittest

from lora.ebyte import Ebyte
from lora.microchip import Microchip
from lora.rak import Rak
from lora.reyax import Reyax
from lora.seeed import Seeed
from rig import RigTest, wait_for

SENDERS = 3


class Common:
    """The tests, for each kind of module: its simulator, its settings, and what is then on the air."""

    model = kind = None
    settings = ""
    on_air = {}
    tells_sender = True
    at_least = 150              # packets of 230 that are heard while its bus process is killed

    def start(self, bus="", more=None):
        self.broker = self.rig.broker()
        self.sub = self.rig.subscriber(self.broker, "weir/#")
        self.receive = self.rig.receive(self.broker, "--verify", "--json")
        self.link = self.rig.path("radio")
        self.radio = self.kind(self.link, self.on_air, **(more or {}))
        self.addCleanup(self.radio.close)
        text = self.rig.config(
            f'radio = {{ adapter = "lora"; model = "{self.model}"; port = "{self.link}"; '
            f'{self.settings} {bus} devices = ( {{ name = "gardens"; payload = "struct"; '
            'counter = "n"; points = ( { name = "n"; at = 0; type = "uint16"; }, '
            '{ name = "t"; at = 2; type = "int16"; scale = 0.1; unit = "Cel"; } ); } ); };',
            f'up = {{ uplink = "mqtt"; url = "{self.broker.url}"; reconnect_delay_max = "1s"; }};')
        self.weir = self.rig.weir(text)
        self.numbers = [0] * SENDERS
        self.expected = []
        self.set_up(1)

    def set_up(self, times):
        """Waits until the module was set up so often."""
        wait_for(lambda: self.weir.log_text().count("is set up and listens") >= times,
                 timeout=60, what=f"set up {times} times")

    def packet(self, sender):
        """One packet; its rest holds what could be taken for the end of a line or a new packet."""
        number = self.numbers[sender]
        self.numbers[sender] += 1
        data = struct.pack("<Hh", number, 215) + b",\r\n+RCV=1,2,\r\nOK\r\n"[:number % 19]
        address = sender + 10 if self.tells_sender else 0
        framed = data if self.tells_sender else bytes([sender + 10]) + data
        if self.radio.hear(framed, address, rssi=-60 - number % 40, snr=number % 10):
            self.expected.append((sender + 10, number, data.hex()))

    def packets(self):
        by_identity = {(r["epoch"], r["seq"]): r for _, r in self.sub.records() if r.get("kind") == "packet"}
        return [by_identity[key] for key in sorted(by_identity)]

    def arrived(self):
        return sorted((r["values"]["sender"], r["values"]["n"], r["values"]["payload_hex"])
                      for r in self.packets())

    def settle(self):
        wait_for(lambda: len(self.arrived()) >= len(self.expected), timeout=60, what="all packets arrived")
        self.assertEqual(self.weir.stop(), 0)
        self.assertEqual(self.arrived(), sorted(self.expected))
        self.assertEqual(self.radio.line.refused, 0)
        self.assertEqual(self.receive.stop(), 0, self.receive.log_text() + self.receive.text()[-2000:])
        self.check_missed()

    def check_missed(self):
        """What was not heard is told by the numbers of what was, sender by sender."""
        missed = sum(r["values"]["missed"] for r in self.packets())
        gaps = 0
        for sender in range(SENDERS):
            heard = sorted(n for s, n, _ in self.expected if s == sender + 10)
            gaps += heard[-1] - heard[0] + 1 - len(heard) if heard else 0
        self.assertEqual(missed, gaps)

    def states(self):
        return [r["values"]["state"] for _, r in self.sub.records() if r.get("kind") == "state"]

    def stream(self, count):
        for i in range(count):
            self.packet(i % SENDERS)
            time.sleep(0.01)

    def test_killed_in_between(self):
        """Stopped, killed and begun anew in a stream of packets."""
        self.start()
        self.stream(100)
        pid = self.weir.children()["bus radio"]
        os.kill(pid, signal.SIGSTOP)
        self.stream(30)
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: self.weir.children().get("bus radio") not in (None, pid), what="a new bus")
        self.set_up(2)
        self.stream(100)
        self.assertGreater(len(self.expected), self.at_least)
        self.settle()

    def test_restarted_and_silent(self):
        """A module that forgets its settings, and one that hangs: told, reset, set up again."""
        self.start(bus='alive = "1s";')
        self.stream(10)
        self.radio.settings.clear()
        self.radio.restart()
        self.set_up(2)
        self.stream(10)
        self.radio.mute = True
        wait_for(lambda: "gone" in self.states(), timeout=60, what="the device is gone")
        self.radio.restart()
        self.set_up(3)
        self.stream(10)
        self.assertIn("device gardens back", self.weir.log_text())   # its record may take a minute
        self.settle()


class ReyaxTest(Common, RigTest):
    model, kind = "reyax-rylr998", Reyax
    settings = 'frequency_hz = 868100000; network = 5; own_address = 1; power_dbm = 14;'
    on_air = {"BAND": "868100000", "NETWORKID": "5", "PARAMETER": "9,7,1,12", "MODE": "0"}


class RakTest(Common, RigTest):
    model, kind, tells_sender = "rak-rui3", Rak, False
    settings = "frequency_hz = 868100000; sf = 9; sender_bytes = 1;"
    on_air = {"NWM": "0", "P2P": "868100000:9:125:0:8:14"}


class RakOneByOneTest(RakTest):
    settings = RakTest.settings + "receive = 65535;"
    at_least = 50               # deaf from one packet until it is told to receive again


class MicrochipTest(Common, RigTest):
    model, kind, tells_sender = "microchip-rn2483", Microchip, False
    settings = "frequency_hz = 868300000; sf = 9; power_dbm = 14; sender_bytes = 1;"
    on_air = {"freq": "868300000", "sf": "sf9", "bw": "125", "cr": "4/5", "sync": "12", "wdt": "0"}
    at_least = 50               # deaf from one packet until it is told to receive again


class SeeedTest(Common, RigTest):
    model, kind, tells_sender = "seeed-wio-e5", Seeed, False
    settings = "frequency_hz = 868100000; sf = 9; sender_bytes = 1;"
    on_air = {"MODE": "TEST", "RFCFG": "868.1,SF9,125,8,8,14,ON,OFF,OFF"}


class EbyteTest(Common, RigTest):
    """Only pauses tell its packets apart, so none may come while nobody measures them."""

    model, kind, tells_sender = "ebyte-e22", Ebyte, False
    settings = 'sender_bytes = 1; packet_gap = "100ms";'
    test_restarted_and_silent = None    # nothing can be asked without M0 and M1

    def stream(self, count):
        """Each when the one before has arrived: then its pause is over."""
        for i in range(count):
            self.packet(i % SENDERS)
            wait_for(lambda: len(self.arrived()) == len(self.expected), what="the packet")

    def test_killed_in_between(self):
        self.start()
        for _ in range(3):
            self.stream(10)
            opens = self.weir.log_text().count("port open port=")
            self.weir.kill_role("bus radio")
            wait_for(lambda: self.weir.log_text().count("port open port=") > opens, what="open again")
        self.stream(10)
        self.assertEqual({r["values"]["rssi"] for r in self.packets()},
                         {-60 - n % 40 for _, n, _ in self.expected})
        self.settle()


if __name__ == "__main__":
    unittest.main(verbosity=2)
