#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""Sealed packets by a second CCM: written after RFC 3610, with the block cipher of `openssl enc`.

    lora_payload_vectors.py [--check FILE]

Prints the table lora_payload_vectors.h, or says whether FILE still is that table. It also takes packet
vectors 1 and 2 of RFC 3610 through its own CCM, so that both sides stand on something published.
"""
import argparse
import re
import subprocess
import sys


def encrypt_block(key, block):
    done = subprocess.run(["openssl", "enc", "-aes-128-ecb", "-nopad", "-K", key.hex()],
                          input=block, stdout=subprocess.PIPE, check=True)
    return done.stdout


def xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b))


def padded(data):
    return data + bytes(-len(data) % 16)


def ccm_seal(key, nonce, extra, text, tag_bytes):
    """RFC 3610, sections 2.2 to 2.4: ciphertext, then the tag."""
    length_bytes = 15 - len(nonce)
    flags = 64 * bool(extra) + 8 * ((tag_bytes - 2) // 2) + length_bytes - 1
    blocks = bytes([flags]) + nonce + len(text).to_bytes(length_bytes, "big")
    if extra:
        blocks += padded(len(extra).to_bytes(2, "big") + extra)
    blocks += padded(text)
    mac = bytes(16)
    for i in range(0, len(blocks), 16):
        mac = encrypt_block(key, xor(mac, blocks[i:i + 16]))
    counts = range(1 + (len(text) + 15) // 16)
    heads = [bytes([length_bytes - 1]) + nonce + i.to_bytes(length_bytes, "big") for i in counts]
    stream = [encrypt_block(key, head) for head in heads]
    return xor(text, b"".join(stream[1:])) + xor(mac, stream[0])[:tag_bytes]


def check_published():
    key = bytes(range(0xC0, 0xD0))
    for nonce, text, expected in (
            ("00000003020100A0A1A2A3A4A5", bytes(range(8, 31)),
             "588C979A61C663D2F066D0C2C0F989806D5F6B61DAC38417E8D12CFDF926E0"),
            ("00000004030201A0A1A2A3A4A5", bytes(range(8, 32)),
             "72C91A36E135F8CF291CA894085C87E3CC15C439C9E43A3BA091D56E10400916")):
        if ccm_seal(key, bytes.fromhex(nonce), bytes(range(8)), text, 8).hex().upper() != expected:
            sys.exit("this CCM is not that of RFC 3610")


def seal(key, sender, counter, text, tag_bytes):
    """The layout of docs/payloads.md."""
    sent = counter.to_bytes(4, "little")
    nonce = sender.to_bytes(8, "little") + sent + b"\0"
    return sent + ccm_seal(key, nonce, b"", text, tag_bytes)


def table():
    yield "/* SPDX-License-Identifier: Apache-2.0"
    yield " * Copyright the weir authors"
    yield " *"
    yield " * Made by lora_payload_vectors.py: sealed packets by another program."
    yield " */"
    yield "#ifndef LORA_PAYLOAD_VECTORS_H"
    yield "#define LORA_PAYLOAD_VECTORS_H"
    yield ""
    yield "/* key, tag, sender, counter, packet, what it hides */"
    yield "#define SEALED_VECTORS(X) \\"
    key = "00112233445566778899AABBCCDDEEFF"
    other = "2B7E151628AED2A6ABF7158809CF4F3C"
    rows = [(key, 4, 12, 1, bytes.fromhex("0367011002686C")),
            (key, 8, 12, 2, bytes.fromhex("0367011002686C")),
            (key, 8, 12, 3, b"x"),
            (key, 4, 0xFFFF, 0, b"sixteen bytes..."),
            (other, 8, 0x70B3D57ED0001234, 0x01020304, b"seventeen bytes.."),
            (other, 4, 2 ** 64 - 1, 2 ** 32 - 1, bytes(range(200)))]
    for i, (k, tag, sender, counter, text) in enumerate(rows):
        packet = seal(bytes.fromhex(k), sender, counter, text, tag)
        last = i == len(rows) - 1
        yield f'    X("{k}", {tag}, {sender:#x}u, {counter:#x}u, \\'
        yield f'      "{packet.hex()}", \\'
        yield f'      "{text.hex()}")' + ("" if last else " \\")
    yield ""
    yield "#endif"


def words(c_text):
    """Without layout: a string may have been broken into several."""
    return re.sub(r"[\s\\]", "", c_text).replace('""', "")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", metavar="FILE")
    args = parser.parse_args()
    check_published()
    text = "\n".join(table()) + "\n"
    if not args.check:
        print(text, end="")
        return 0
    with open(args.check, encoding="utf-8") as f:
        same = words(f.read()) == words(text)
    print("the table is what this program makes" if same else f"{args.check}: another table")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
