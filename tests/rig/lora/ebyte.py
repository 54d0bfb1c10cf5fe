#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""An Ebyte E22 whose pins nobody drives: bytes as they are, and one that says how they were heard."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from lora.radio import Radio, main  # noqa: E402


class Ebyte(Radio):
    def command(self, text):
        return None         # it would send that by radio

    def tell(self, data, sender, rssi, snr):
        return data + bytes([256 + rssi])


class EbytePlain(Ebyte):
    """An E32, or one without the byte."""

    def tell(self, data, sender, rssi, snr):
        return data


if __name__ == "__main__":
    main(Ebyte)
