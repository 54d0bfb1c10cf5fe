#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""A Microchip RN2483: forgets everything when it restarts, and rests after each packet."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from lora.radio import Radio, main  # noqa: E402

FACTORY = {"mod": "lora", "freq": "868100000", "sf": "sf12", "bw": "125", "cr": "4/5", "prlen": "8",
           "pwr": "1", "crc": "on", "sync": "34", "wdt": "15000"}
VERSION = b"RN2483 1.0.5 Oct 31 2018 15:06:52\r\n"


class Microchip(Radio):
    def power_on(self):
        self.settings = dict(FACTORY)
        self.receive = self.paused = False
        self.signal = {"rssi": "-128", "snr": "-128"}

    def banner(self):
        return VERSION

    def listening(self):
        return self.receive and super().listening()

    def command(self, text):
        words = text.split(" ")
        if text == "sys get ver":
            return VERSION
        if text == "sys reset":
            self.power_on()
            return VERSION
        if text == "mac pause":
            self.paused = True
            return b"4294967245\r\n"
        if words[0] != "radio" or not self.paused:
            return b"invalid_param\r\n"
        if text == "radio rxstop":
            self.receive = False
            return b"ok\r\n"
        if self.receive:
            return b"busy\r\n"
        return self.radio(words[1:]).encode() + b"\r\n"

    def radio(self, words):
        known = {**self.settings, **self.signal}
        if words == ["rx", "0"]:
            self.receive = True
        elif words[0] == "get" and words[1] in known:
            return known[words[1]]
        elif words[0] == "set" and words[1] in self.settings:
            self.settings[words[1]] = words[2]
        else:
            return "invalid_param"
        return "ok"

    def tell(self, data, sender, rssi, snr):
        self.signal = {"rssi": str(rssi), "snr": str(snr)}
        return f"radio_rx  {data.hex().upper()}\r\n".encode()

    def told(self):
        self.receive = False


if __name__ == "__main__":
    main(Microchip)
