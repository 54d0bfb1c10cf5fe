# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""The contents that the disk may have after a power cut.

What was written before the last flush is there. Of what was written since, a disk may have kept
any part: so each state is the durable content and a choice of the pending writes, in the order of
the log. KINDS are the choices; a state is named ROUND.PASS.ENTRY, by the recording, its kind's
pass and the entry at which the power went, and with the same seed and the same recordings the
name always means the same content.
"""
import hashlib
import mmap
import random

from .kernel import PAGE
from .log import SECTOR

SUPERBLOCK = range(1024, 2048)
KINDS = ("all", "torn", "subset", "drop", "pages", "sectors")


def choose(kind, pending, dice):
    """Which parts of the pending writes the disk has kept: a list of (offset, data)."""
    whole = [(entry.offset, entry.data) for entry in pending]
    if kind == "all" or not whole:
        return whole
    if kind == "torn":
        return whole[:-1] + torn(*whole[-1], dice)
    if kind == "drop":
        lost = dice.randrange(len(whole))
        return whole[:lost] + whole[lost + 1:]
    if kind == "subset":
        kept = [write for write in whole if dice.random() < 0.5]
        return kept[:-1] + torn(*kept[-1], dice) if kept and dice.random() < 0.5 else kept
    size = PAGE if kind == "pages" else SECTOR
    rate = dice.choice((0.1, 0.5, 0.9))
    return [part for write in whole for part in pieces(*write, size) if dice.random() < rate]


def pieces(offset, data, size):
    """A write as many, none across a multiple of size; but ext4's superblock is never torn.

    It is two sectors, has one checksum and is not in the journal: ext4 relies on the disk there.
    """
    at, end = offset, offset + len(data)
    while at < end:
        upto = min(end, SUPERBLOCK.stop if at in SUPERBLOCK else at // size * size + size)
        yield at, data[at - offset:upto - offset]
        at = upto


def torn(offset, data, dice):
    """A write of which only some sectors were done: the first ones, the last ones, or any."""
    sectors = list(pieces(offset, data, SECTOR))
    cut, how = dice.randrange(len(sectors)), dice.randrange(3)
    if how == 0:
        return sectors[:cut]
    if how == 1:
        return sectors[cut + 1:]
    return [sector for sector in sectors if dice.random() < 0.5]


class Disk:
    """The durable content, while the entries of a log pass by, and what is pending on top."""

    def __init__(self, image, size, mark):
        self.memory = mmap.mmap(-1, size)
        self.used = set()                           # pages that are or were not empty
        with open(image, "rb") as file:
            data = file.read(size)
        for at in range(0, size, PAGE):
            page = data[at:at + PAGE]
            if page.count(0) != PAGE:               # else it stays the kernel's one empty page
                self.memory[at:at + PAGE] = page
                self.used.add(at // PAGE)
        self.pending, self.mark = [], mark
        self.sum = 0                                # of the durable pages, against the image

    def take(self, entry):
        """One more entry has happened."""
        if entry.flush:
            self.settle(self.pending)
            self.pending = []
        if entry.mark is not None:
            self.mark = entry.mark
        elif len(entry.data) > 0:
            self.pending.append(entry)

    def settle(self, entries):
        """These writes are durable now."""
        pages, self.sum = self.apply([(entry.offset, entry.data) for entry in entries])
        self.used.update(pages)
        for number, content in pages.items():
            self.memory[number * PAGE:(number + 1) * PAGE] = content

    def apply(self, writes):
        """The pages that differ when these writes are done, {number: content}, and the sum then."""
        pages = {}
        for offset, data in writes:
            for at, part in pieces(offset, data, PAGE):
                number = at // PAGE
                if number not in pages:
                    pages[number] = bytearray(self.page(number))
                pages[number][at % PAGE:at % PAGE + len(part)] = part
        total = self.sum
        for number, content in pages.items():
            total ^= page_sum(number, self.page(number)) ^ page_sum(number, content)
        return pages, total

    def page(self, number):
        return self.memory[number * PAGE:(number + 1) * PAGE]


def page_sum(number, content):
    digest = hashlib.blake2b(content, digest_size=12, key=number.to_bytes(8, "little")).digest()
    return int.from_bytes(digest, "little")


def dice_for(seed, step, index):
    return random.Random(f"{seed}.{step}.{index}")
