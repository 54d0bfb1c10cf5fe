#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""A RAK3172 with RUI3: in a LoRaWAN at first, refuses settings while it receives."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from lora.radio import Radio, main  # noqa: E402

FACTORY = {"NWM": "1", "P2P": "868000000:7:125:0:8:14"}


class Rak(Radio):
    def power_on(self):
        self.settings = {**FACTORY, **self.settings}
        self.receive = 0

    def banner(self):
        mode = "LoRa P2P" if self.settings["NWM"] == "0" else "LoRaWAN"
        return f"RAKwireless RAK3172-E\r\n----\r\nVersion: RUI_4.0.6\r\nCurrent Work Mode: {mode}.\r\n".encode()

    def listening(self):
        return self.receive > 0 and super().listening()

    def command(self, text):
        name, _, value = text[3:].partition("=")
        if text == "AT":
            return b"\r\nOK\r\n"
        if text == "ATZ" or (name == "NWM" and value in "01" and value != self.settings["NWM"]):
            self.settings["NWM"] = value or self.settings["NWM"]
            self.power_on()
            return self.banner()
        if name == "PRECV" and value == "?":
            return b"AT+PRECV=P2P_RX_%b\r\n\r\nOK\r\n" % (b"ON" if self.receive else b"OFF")
        if name == "PRECV":
            self.receive = int(value)
        elif name not in self.settings:
            return b"AT_COMMAND_NOT_FOUND\r\n"
        elif value == "?":
            return f"AT+{name}={self.settings[name]}\r\n\r\nOK\r\n".encode()
        elif self.receive:
            return b"P2P_RX_ON already, please disable P2P RX before setting.\r\nAT_BUSY_ERROR\r\n"
        else:
            self.settings[name] = value
        return b"\r\nOK\r\n"

    def tell(self, data, sender, rssi, snr):
        return f"+EVT:RXP2P:{rssi}:{snr}:{data.hex().upper()}\r\n".encode()

    def told(self):
        if self.receive == 65535:
            self.receive = 0


if __name__ == "__main__":
    main(Rak)
