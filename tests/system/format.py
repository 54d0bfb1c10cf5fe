#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""A writer and a reader of queues, made from docs/format.md alone.

    format.py read  {ram}/queue/BUS     prints a JSON line for each record, gap and end of an epoch
    format.py write {ram}/queue/BUS N   makes an epoch with N records of four points
"""
import json
import os
import struct
import sys
import zlib

import xxhash

HEADER, SHAPE, RECORD, CLOCK, GAP, CLOSE = 1, 2, 3, 4, 5, 6
BOOL, INT64, UINT64, FLOAT32, FLOAT64, TEXT, BYTES = 1, 2, 3, 4, 5, 6, 7
SEGMENT = 262144


def seed_of(generation):
    return zlib.crc32(generation.to_bytes(8, "little"))


def frame(kind, body, seed):
    head = len(body).to_bytes(3, "little") + bytes([kind])
    return zlib.crc32(head + body, seed).to_bytes(4, "little") + head + body


def varint(n):
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def text(s):
    return bytes([len(s.encode())]) + s.encode()


class Cursor:
    def __init__(self, data):
        self.data, self.at = data, 0

    def raw(self, n):
        if self.at + n > len(self.data):
            raise ValueError("short")
        self.at += n
        return self.data[self.at - n:self.at]

    def num(self, n, signed=False):
        return int.from_bytes(self.raw(n), "little", signed=signed)

    def varint(self):
        value = shift = 0
        while True:
            byte = self.num(1)
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def text(self):
        return self.raw(self.num(1)).decode()


def frames(data):
    """Each frame that passes, with its kind; stops at the first that does not."""
    at, seed = 0, 0
    while at + 8 <= len(data):
        length, kind = int.from_bytes(data[at + 4:at + 7], "little"), data[at + 7]
        body = data[at + 8:at + 8 + length]
        if kind == 0 or len(body) < length or \
                zlib.crc32(data[at + 4:at + 8 + length], seed) != int.from_bytes(data[at:at + 4], "little"):
            return
        if kind == HEADER:
            seed = seed_of(int.from_bytes(body[8:16], "little"))
        yield kind, body
        at += 8 + length


def read_shape(body):
    c = Cursor(body)
    digest = c.num(8)
    if xxhash.xxh64(body[8:], seed=0).intdigest() != digest:
        raise ValueError("hash of a shape")
    shape = {"device": c.text(), "kind": c.text(), "model": c.text()}
    shape["labels"] = {c.text(): c.text() for _ in range(c.num(1))}
    shape["points"] = [(c.num(1), c.text(), c.text()) for _ in range(c.num(2))]
    return digest, shape


def read_value(c, kind):
    if kind == BOOL:
        return bool(c.num(1))
    if kind == INT64:
        n = c.varint()
        return n >> 1 ^ -(n & 1)
    if kind == UINT64:
        return c.varint()
    if kind == FLOAT32:
        return struct.unpack("<f", c.raw(4))[0]
    if kind == FLOAT64:
        return struct.unpack("<d", c.raw(8))[0]
    raw = c.raw(c.varint())
    return raw.decode() if kind == TEXT else raw.hex()


def read_record(body, shapes):
    c = Cursor(body)
    record = {"seq": c.num(8), "boot_ns": c.num(8, True)}
    shape = shapes[c.num(8)]
    points = shape["points"]
    quality = list(c.raw(len(points))) if c.num(1) & 1 else [0] * len(points)
    record["device"] = shape["device"]
    record["values"] = {name: read_value(c, kind) for (kind, name, _), q in zip(points, quality)
                        if q in (0, 0x80)}
    record["missing"] = {name: q for (_, name, _), q in zip(points, quality)
                         if q not in (0, 0x80, 0xff)}
    return record


def read_epoch(path):
    shapes, clock = {}, None
    for name in sorted(n for n in os.listdir(path) if n.endswith(".seg")):
        with open(os.path.join(path, name), "rb") as f:
            data = f.read()
        for kind, body in frames(data):
            c = Cursor(body)
            if kind == HEADER:
                assert c.raw(8) == b"WEIRSEG1"
                generation, epoch, order, number, first, previous = (c.num(8) for _ in range(6))
                c.num(4)
                c.num(8)
                clock = (c.num(8, True), c.num(1))
                c.raw(16)
                gateway, bus = c.text(), c.text()
            elif kind == SHAPE:
                digest, shape = read_shape(body)
                shapes[digest] = shape
            elif kind == CLOCK:
                c.num(8)
                clock = (c.num(8, True), c.num(1))
            elif kind == RECORD:
                yield {"gateway": gateway, "bus": bus, "epoch": epoch, "offset_ns": clock[0],
                       "synced": clock[1] == 1, **read_record(body, shapes)}
            elif kind == GAP:
                yield {"epoch": epoch, "gap": [c.num(8), c.num(8)], "why": c.num(1)}
            elif kind == CLOSE:
                yield {"epoch": epoch, "closed": c.num(8)}


def read(path):
    for name in sorted(n for n in os.listdir(path) if "-" in n):
        yield from read_epoch(os.path.join(path, name))


def boot_id():
    with open("/proc/sys/kernel/random/boot_id") as f:
        return bytes.fromhex(f.read().strip().replace("-", ""))


def write(path, count, gateway="gw", epoch=2893474234):
    folder = os.path.join(path, "%08d-%d" % (1, epoch))
    os.makedirs(folder)
    header = b"WEIRSEG1" + struct.pack("<6QIqqB", 1, epoch, 1, 1, 1, 0, SEGMENT, 0, 10**18, 1) + \
        boot_id() + text(gateway) + text(os.path.basename(path))
    seed = seed_of(1)
    points = [(FLOAT32, "voltage_l1", "V"), (INT64, "delta", ""), (TEXT, "note", ""), (BOOL, "on", "")]
    declaration = text("d1") + text("reading") + text("") + bytes([1]) + text("site") + text("x") + \
        struct.pack("<H", len(points)) + b"".join(bytes([t]) + text(n) + text(u) for t, n, u in points)
    digest = xxhash.xxh64(declaration, seed=0).intdigest()
    data = frame(HEADER, header, 0) + frame(SHAPE, struct.pack("<Q", digest) + declaration, seed)
    for seq in range(1, count + 1):
        values = struct.pack("<f", seq / 8) + varint((seq << 1) - 1) + varint(4) + b"word"
        body = struct.pack("<QqQ", seq, seq * 1000, digest) + bytes([1]) + bytes([0, 0, 0, 1]) + values
        data += frame(RECORD, body, seed)
    data += frame(CLOSE, struct.pack("<Qq", count, 99), seed)
    assert len(data) <= SEGMENT
    with open(os.path.join(folder, "00000001.seg"), "wb") as f:
        f.write(data + bytes(SEGMENT - len(data)))


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] == "read":
        for line in read(sys.argv[2]):
            print(json.dumps(line))
    elif len(sys.argv) == 4 and sys.argv[1] == "write":
        write(sys.argv[2], int(sys.argv[3]))
    else:
        sys.exit(__doc__)
