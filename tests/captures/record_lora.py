#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""Records captures of radio modules: the simulators of tests/rig/lora at a pseudo-terminal, weir at the other
end, `weir trace --write`.

    WEIR_BIN=build/dev tests/captures/record_lora.py MODEL...   into tests/captures/lora/MODEL-01
    tests/captures/record_lora.py --seeds                       their bytes for tests/fuzz/fuzz_lora_modules.c

Two senders that are configured and one that is not; one packet comes twice.
"""
import json
import os
import re
import struct
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(ROOT, "tests", "rig")]
from lora.ebyte import Ebyte, EbytePlain    # noqa: E402
from lora.microchip import Microchip        # noqa: E402
from lora.rak import Rak                    # noqa: E402
from lora.reyax import Reyax                # noqa: E402
from lora.seeed import Seeed                # noqa: E402
from rig import Rig, wait_for               # noqa: E402

SENDERS, UNKNOWN = (10, 11), 99
PACKETS = 6
PAUSE_UNIT = 0.004
FRONT = "sender_bytes = 1; "
BYTES = FRONT + 'packet_gap = "100ms"; '
# model: simulator, settings of the bus, what is on the air then, how a packet begins on the line, what
# it tells of the signal
MODELS = {
    "reyax-rylr998": (Reyax, "frequency_hz = 868100000; network = 5; own_address = 1; power_dbm = 14; ",
                      {"BAND": "868100000", "NETWORKID": "5", "PARAMETER": "9,7,1,12", "MODE": "0"},
                      b"+RCV=", ("rssi", "snr")),
    "reyax-rylr896": (Reyax, "frequency_hz = 868500000; network = 5; own_address = 1; ",
                      {"BAND": "868500000", "NETWORKID": "5"}, b"+RCV=", ("rssi", "snr")),
    "rak-rui3": (Rak, FRONT + "frequency_hz = 868100000; sf = 9; ",
                 {"NWM": "0", "P2P": "868100000:9:125:0:8:14"}, b"+EVT:", ("rssi", "snr")),
    "microchip-rn2483": (Microchip, FRONT + "frequency_hz = 868300000; sf = 9; power_dbm = 14; ",
                         {"freq": "868300000", "sf": "sf9", "bw": "125"}, b"radio_rx", ("rssi", "snr")),
    "microchip-rn2903": (Microchip, FRONT + "frequency_hz = 915000000; sf = 8; power_dbm = 14; ",
                         {"freq": "915000000", "sf": "sf8", "bw": "125"}, b"radio_rx", ("rssi", "snr")),
    "seeed-wio-e5": (Seeed, FRONT + "frequency_hz = 868100000; sf = 9; ",
                     {"MODE": "TEST", "RFCFG": "868.1,SF9,125,8,8,14,ON,OFF,OFF"}, b"+TEST:", ("rssi", "snr")),
    "ebyte-e22": (Ebyte, BYTES, {}, b"", ("rssi",)),
    "ebyte-e220": (Ebyte, BYTES, {}, b"", ("rssi",)),
    "ebyte-e32": (EbytePlain, BYTES, {}, b"", ()),
}
DEVICES = ", ".join(
    f'{{ name = "d{sender}"; address = {sender}; payload = "struct"; counter = "n"; points = ( '
    '{ name = "n"; at = 0; type = "uint16"; }, '
    '{ name = "t"; at = 2; type = "int16"; scale = 0.1; unit = "Cel"; } ); }' for sender in SENDERS)
README = """# {model}, capture 01

Not from a real module: the simulated one of tests/rig/lora at a pseudo-terminal, recorded by
tests/captures/record_lora.py. `expect.jsonl` is what it heard, but for a packet that came twice and one of an
unknown sender.
"""


def record(model):
    kind, settings, on_air, begin, signal = MODELS[model]
    expected = []
    with Rig() as rig:
        radio = kind(rig.path("radio"), on_air)
        weir = rig.weir(rig.config(f'radio = {{ adapter = "lora"; model = "{model}"; '
                                   f'port = "{rig.path("radio")}"; {settings} devices = ( {DEVICES} ); }};'))
        wait_for(lambda: "is set up and listens" in weir.log_text(), what="set up")
        time.sleep(0.3)

        def packet(sender, number, told=True):
            data = struct.pack("<Hh", number, 200 + 7 * number) + bytes([sender, 0x0D, 0x0A])
            rssi, snr = -50 - sender - number, number
            air = data if "sender_bytes" not in settings else bytes([sender]) + data
            wait_for(lambda: radio.hear(air, sender, rssi=rssi, snr=snr), what="the module listens")
            time.sleep(0.3)
            if told:
                values = {"sender": sender, "payload_hex": data.hex(), "n": number,
                          "t": (200 + 7 * number) / 10, "missed": 0}
                values.update({key: {"rssi": rssi, "snr": snr}[key] for key in signal})
                expected.append({"kind": "packet", "device": f"d{sender}", "values": values})

        for number in range(PACKETS):
            for sender in SENDERS:
                packet(sender, number)
            if number == 1:
                packet(SENDERS[0], number, told=False)
            if number == 2:
                packet(UNKNOWN, number, told=False)
        time.sleep(1)
        folder = os.path.join(HERE, "lora", f"{model}-01")
        os.makedirs(folder, exist_ok=True)
        done = weir.run("trace", "radio", "-c", weir.conf, "--write", os.path.join(folder, "wire.txt"),
                        "--seconds", "1")
        assert done.returncode == 0, done.stderr
        weir.stop()
        radio.close()
    with open(os.path.join(folder, "expect.jsonl"), "w") as f:
        f.writelines(json.dumps(one) + "\n" for one in expected)
    with open(os.path.join(folder, "setup.json"), "w") as f:
        f.write(json.dumps({"model": model, "bus": settings, "devices": DEVICES,
                            "packet": begin.hex(" ")}) + "\n")
    with open(os.path.join(folder, "README.md"), "w") as f:
        f.write(README.format(model=model))
    print(f"{model}: {len(expected)} packets")


def seed(folder, number):
    """The bytes from the module, with pauses, in the form of fuzz_lora_modules.c."""
    out, last = bytearray([number, 0]), None
    with open(os.path.join(folder, "wire.txt")) as f:
        for text in f:
            found = re.match(r"([\d.]+) << ([0-9a-f ]+)", text)
            if found:
                at = float(found.group(1))
                pause = int(((at - (last if last is not None else at)) / PAUSE_UNIT) ** 0.5)
                out += bytes([0xFE, min(pause, 200)]) if pause else b""
                out += bytes.fromhex(found.group(2)).replace(b"\xfe", b"\xfe\0")
                last = at
    return bytes(out[:1500])


def seeds():
    """The target takes modules by their place in plugins/lora/modules.c."""
    with open(os.path.join(ROOT, "plugins", "lora", "modules.c")) as f:
        order = re.findall(r"&(\w+)", f.read())
    for model in MODELS:
        path = os.path.join(ROOT, "tests", "fuzz", "seeds", "lora_modules", f"{model}-01")
        with open(path, "wb") as f:
            f.write(seed(os.path.join(HERE, "lora", f"{model}-01"), order.index(model.replace("-", "_"))))


def main():
    if sys.argv[1:] == ["--seeds"]:
        seeds()
        return 0
    for model in sys.argv[1:]:
        record(model)
    return 0 if len(sys.argv) > 1 else print(__doc__) or 2


if __name__ == "__main__":
    sys.exit(main())
