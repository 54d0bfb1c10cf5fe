#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""A writer and a reader of queues and spools, made from docs/format.md alone.

    format.py read  {ram}/queue/BUS     prints a JSON line for each record, gap and end of an epoch
    format.py write {ram}/queue/BUS N   makes an epoch with N records of four points
    format.py read-spool  {directory}/spool     prints a JSON line for each record
    format.py write-spool {directory}/spool N   makes a spool with N records of four points
"""
import json
import os
import struct
import sys
import zlib

import xxhash

HEADER, SHAPE, RECORD, CLOCK, GAP, CLOSE, GROUP = 1, 2, 3, 4, 5, 6, 7
BOOL, INT64, UINT64, FLOAT32, FLOAT64, TEXT, BYTES = 1, 2, 3, 4, 5, 6, 7
SEGMENT = 262144
BLOCK = 4096
SPOOL_SEGMENT = 4194304
WHY = [None, "filter", "limit", "age", "damage", "refused", "earlier", "unknown"]


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


def frames(data, seed=0):
    """Each frame that passes, with its kind; stops at the first that does not."""
    at = 0
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


# ---- the spool

def one_frame(data, at, seed):
    """Kind, body and the place behind it; None if it does not pass."""
    length, kind = int.from_bytes(data[at + 4:at + 7], "little"), data[at + 7] if at + 8 <= len(data) else 0
    body = data[at + 8:at + 8 + length]
    if kind == 0 or len(body) < length or \
            zlib.crc32(data[at + 4:at + 8 + length], seed) != int.from_bytes(data[at:at + 4], "little"):
        return None
    return kind, body, at + 8 + length


def read_spool_header(data):
    """From either of its two places; None: neither passes."""
    for at in (0, SPOOL_SEGMENT - BLOCK):
        found = one_frame(data, at, 0)
        if found and found[0] == HEADER and found[1][:8] == b"WEIRSPL1":
            c = Cursor(found[1][8:])
            header = {"generation": c.num(8), "first_group": c.num(8), "size": c.num(4),
                      "boot_ns": c.num(8, True), "offset_ns": c.num(8, True), "state": c.num(1),
                      "boot_id": c.raw(16), "gateway": c.text()}
            return header
    return None


def read_place(c):
    return {"order": c.num(8), "epoch": c.num(8), "seq": c.num(8)}


def read_slot(raw):
    """A cursor's slot; None if it does not pass."""
    if zlib.crc32(raw[4:]) != int.from_bytes(raw[:4], "little"):
        return None
    c = Cursor(raw[8:])
    slot = {"version": c.num(8), "bus": c.text()}
    slot.update((name, read_place(c)) for name in ("confirmed", "base", "started"))
    slot["ranges"] = [{"epoch": c.num(8), "first": c.num(8), "last": c.num(8), "why": WHY[c.num(1)]}
                      for _ in range(c.num(1))]
    return slot


def read_account(c):
    account = {"group": c.num(8), "counter": c.num(8), "boot_id": c.raw(16), "boot_ns": c.num(8, True),
               "offset_ns": c.num(8, True), "state": c.num(1), "newest_synced_ns": c.num(8, True)}
    account["epochs"] = epochs = []
    for _ in range(c.num(2)):
        e = {"bus": c.text(), "order": c.num(8), "epoch": c.num(8), "last": c.num(8), "flags": c.num(1),
             "boot_id": c.raw(16), "until_ns": c.num(8, True), "offset_ns": c.num(8, True),
             "state": c.num(1), "floor_ns": c.num(8, True)}
        e["gone"] = [{"first": c.num(8), "last": c.num(8), "why": WHY[c.num(1)]} for _ in range(c.num(1))]
        epochs.append(e)
    account["uplinks"] = [{"name": c.text(), "seen_ns": c.num(8, True),
                           "cursors": [read_slot(c.raw(c.num(2))) for _ in range(c.num(2))]}
                          for _ in range(c.num(1))]
    return account


def read_group(data, at, generation):
    """The group whose head stands at `at`; None: there is no head that passes."""
    head = one_frame(data, at, seed_of(generation))
    if not head or head[0] != GROUP:
        return None
    c = Cursor(head[1])
    if c.num(8) != generation:
        return None
    g = {"at": at, "number": c.num(8), "length": c.num(4)}
    total, g["why"], shape_bytes = c.num(4), c.num(1), c.num(4)
    names = ("epoch", "bytes", "records", "first", "last", "after")
    g["sections"] = [dict(zip(names, (c.num(2), c.num(4), c.num(4), c.num(8), c.num(8), c.num(8))))
                     for _ in range(c.num(2))]
    g["account"] = read_account(c)
    body = data[head[2]:at + g["length"]]
    g["whole"] = zlib.crc32(body) == total
    g["shapes"] = body[:shape_bytes]
    where = shape_bytes
    for section in g["sections"]:
        section["data"] = body[where:where + section["bytes"]]
        where += section["bytes"]
    return g


def groups(path):
    """Every group whose head passes, in the order of the log, with `file` and `gateway`."""
    for name in sorted(n for n in os.listdir(path) if n.endswith(".seg")):
        with open(os.path.join(path, name), "rb") as f:
            data = f.read()
        header = read_spool_header(data)
        if not header or header["generation"] != int(name[:-4]):
            continue
        at, number = BLOCK, 0
        while at < header["size"] - BLOCK:
            group = read_group(data, at, header["generation"])
            if not group or group["number"] <= number:
                at += BLOCK
                continue
            number = group["number"]
            yield {"file": name, "gateway": header["gateway"], "generation": header["generation"], **group}
            at += -(-group["length"] // BLOCK) * BLOCK


def read_spool(path):
    """Every record of the groups that are whole."""
    shapes = {}
    for group in groups(path):
        seed = seed_of(group["generation"])
        shapes.update(read_shape(body) for kind, body in frames(group["shapes"], seed) if kind == SHAPE)
        for section in group["sections"]:
            epoch, clock = group["account"]["epochs"][section["epoch"]], None
            for kind, body in frames(section["data"], seed) if group["whole"] else ():
                if kind == CLOCK:
                    c = Cursor(body[8:])
                    clock = (c.num(8, True), c.num(1))
                elif kind == RECORD:
                    yield {"gateway": group["gateway"], "bus": epoch["bus"], "epoch": epoch["epoch"],
                           "offset_ns": clock[0], "synced": clock[1] == 1, **read_record(body, shapes)}


def write_account(number, counter, epochs, offset_ns=10**18):
    """epochs: (bus, order, epoch, last, flags)."""
    out = struct.pack("<QQ16sqqBqH", number, counter, boot_id(), number, offset_ns, 1, 0, len(epochs))
    for bus, order, epoch, last, flags in epochs:
        out += text(bus) + struct.pack("<QQQB16sqqBqB", order, epoch, last, flags, boot_id(), last * 1000,
                                       offset_ns, 1, 0, 0)
    return out + bytes([0])


def write_spool_group(generation, number, account, shapes, sections):
    """sections: (index of the epoch, frames as (kind, body), first, last); a record each number."""
    seed = seed_of(generation)
    body = b"".join(frame(SHAPE, s, seed) for s in shapes)
    rows, shape_bytes = b"", len(body)
    for epoch, parts, first, last in sections:
        data = b"".join(frame(kind, part, seed) for kind, part in parts)
        rows += struct.pack("<HIIQQQ", epoch, len(data), last - first + 1, first, last, 0)
        body += data
    size = 8 + 31 + len(rows) + len(account)
    head = struct.pack("<QQIIBIH", generation, number, size + len(body), zlib.crc32(body), 1, shape_bytes,
                       len(sections)) + rows + account
    out = frame(GROUP, head, seed) + body
    return out + bytes(-len(out) % BLOCK)


def write_spool_segment(path, generation, first_group, written, gateway="gw"):
    header = b"WEIRSPL1" + struct.pack("<QQIqqB", generation, first_group, SPOOL_SEGMENT, 0, 10**18, 1) + \
        boot_id() + text(gateway)
    block = frame(HEADER, header, 0)
    block += bytes(BLOCK - len(block))
    assert len(written) <= SPOOL_SEGMENT - 2 * BLOCK
    with open(os.path.join(path, "%016d.seg" % generation), "wb") as f:
        f.write(block + written + bytes(SPOOL_SEGMENT - 2 * BLOCK - len(written)) + block)


def write_spool(path, count, each=100, bus="meters", epoch=2893474234, note="word"):
    """`count` records, `each` to a group, of one epoch that is still open."""
    os.makedirs(path, exist_ok=True)
    declaration, digest = declare("d1")
    clock = (CLOCK, struct.pack("<qqB", 0, 10**18, 1))
    written, number, generation, first_group, declared = b"", 0, 1, 1, 0
    for first in range(1, count + 1, each):
        last = min(first + each - 1, count)
        parts = [clock] + [(RECORD, record(seq, digest, note)) for seq in range(first, last + 1)]
        account = write_account(number + 1, 1, [(bus, 1, epoch, last, 1)])
        shapes = [struct.pack("<Q", digest) + declaration]

        def make():
            return write_spool_group(generation, number + 1, account, shapes if declared < 2 else [],
                                     [(0, parts, first, last)])
        group = make()
        if len(written) + len(group) > SPOOL_SEGMENT - 2 * BLOCK:
            write_spool_segment(path, generation, first_group, written)
            written, generation, first_group, declared = b"", generation + 1, number + 1, 0
            group = make()
        written += group
        number += 1
        declared += 1
    write_spool_segment(path, generation, first_group, written)


def boot_id():
    with open("/proc/sys/kernel/random/boot_id") as f:
        return bytes.fromhex(f.read().strip().replace("-", ""))


def declare(device):
    """The declaration of a shape of four points, and its hash."""
    points = [(FLOAT32, "voltage_l1", "V"), (INT64, "delta", ""), (TEXT, "note", ""), (BOOL, "on", "")]
    declaration = text(device) + text("reading") + text("") + bytes([1]) + text("site") + text("x") + \
        struct.pack("<H", len(points)) + b"".join(bytes([t]) + text(n) + text(u) for t, n, u in points)
    return declaration, xxhash.xxh64(declaration, seed=0).intdigest()


def record(seq, digest, note="word"):
    values = struct.pack("<f", seq / 8) + varint((seq << 1) - 1) + varint(len(note)) + note.encode()
    return struct.pack("<QqQ", seq, seq * 1000, digest) + bytes([1]) + bytes([0, 0, 0, 1]) + values


def write(path, count, gateway="gw", epoch=2893474234):
    folder = os.path.join(path, "%08d-%d" % (1, epoch))
    os.makedirs(folder)
    header = b"WEIRSEG1" + struct.pack("<6QIqqB", 1, epoch, 1, 1, 1, 0, SEGMENT, 0, 10**18, 1) + \
        boot_id() + text(gateway) + text(os.path.basename(path))
    seed = seed_of(1)
    declaration, digest = declare("d1")
    data = frame(HEADER, header, 0) + frame(SHAPE, struct.pack("<Q", digest) + declaration, seed)
    for seq in range(1, count + 1):
        data += frame(RECORD, record(seq, digest), seed)
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
    elif len(sys.argv) == 3 and sys.argv[1] == "read-spool":
        for line in read_spool(sys.argv[2]):
            print(json.dumps(line))
    elif len(sys.argv) == 4 and sys.argv[1] == "write-spool":
        write_spool(sys.argv[2], int(sys.argv[3]))
    else:
        sys.exit(__doc__)
