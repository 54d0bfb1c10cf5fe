#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""A Seeed Wio-E5: says nothing when it restarts, and is in a LoRaWAN then; two lines a packet."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from lora.radio import Radio, main  # noqa: E402



class Seeed(Radio):
    def power_on(self):
        self.settings = {"MODE": "LWABP", "RFCFG": ""}
        self.receive = False

    def listening(self):
        return self.receive and super().listening()

    def command(self, text):
        if text == "AT":
            return b"+AT: OK\r\n"
        if text == "AT+RESET":
            self.power_on()
            return b"+RESET: OK\r\n"
        if text.startswith("AT+MODE="):
            self.settings["MODE"] = text[8:]
            self.receive = False
        if text.startswith("AT+MODE"):
            return f"+MODE: {self.settings['MODE']}\r\n".encode()
        if not text.startswith("AT+TEST="):
            return b"+AT: ERROR(-10)\r\n"
        if self.settings["MODE"] != "TEST":
            return b"+TEST: ERROR(-12)\r\n"
        if text == "AT+TEST=RXLRPKT":
            self.receive = True
            return b"+TEST: RXLRPKT\r\n"
        self.settings["RFCFG"] = text[len("AT+TEST=RFCFG,"):]
        mhz, sf, bw, tx, rx, power, crc, iq, net = self.settings["RFCFG"].split(",")
        self.receive = False
        return (f"+TEST: RFCFG F:{round(float(mhz) * 1e6)}, {sf}, BW{bw}K, TXPR:{tx}, RXPR:{rx}, "
                f"POW:{power}dBm, CRC:{crc}, IQ:{iq}, NET:{net}\r\n").encode()

    def tell(self, data, sender, rssi, snr):
        return (f"+TEST: LEN:{len(data)}, RSSI:{rssi}, SNR:{snr}\r\n"
                f'+TEST: RX "{data.hex().upper()}"\r\n').encode()


if __name__ == "__main__":
    main(Seeed)
