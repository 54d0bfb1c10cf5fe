#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""A REYAX RYLR998: keeps its settings over a restart, and may send anything inside a packet."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from lora.radio import Radio, main  # noqa: E402

FACTORY = {"MODE": "0", "ADDRESS": "0", "NETWORKID": "18", "BAND": "915000000",
           "PARAMETER": "9,7,1,12", "CRFOP": "22"}


class Reyax(Radio):
    def power_on(self):
        self.settings = {**FACTORY, **self.settings, "MODE": "0"}

    def banner(self):
        return b"+RESET\r\n+READY\r\n"

    def command(self, text):
        if text == "AT":
            return b"+OK\r\n"
        if text == "AT+RESET":
            self.power_on()
            return self.banner()
        if not text.startswith("AT"):
            return b"+ERR=2\r\n"
        name = text[3:].rstrip("?").split("=")[0]
        if name not in FACTORY:
            return b"+ERR=4\r\n"
        if text.endswith("?"):
            return f"+{name}={self.settings[name]}\r\n".encode()
        self.settings[name] = text.split("=", 1)[1]
        return b"+OK\r\n"

    def tell(self, data, sender, rssi, snr):
        return b"+RCV=%d,%d,%b,%d,%d\r\n" % (sender, len(data), data, rssi, snr)


if __name__ == "__main__":
    main(Reyax)
