# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""Who says that nothing is unaccounted.

* `weir receive --verify`: every number arrived or is told, with a true reason.
* The meters count their reads: what they answered and never arrived is at most one reading for each
  kill of the bus (the one on the wire) and what receive calls lost as stated.
* Windows: no reading is in two of them, and while the RAM stays at most one for each kill is in none.
* At a power cut, what the RAM says then: an `after` may not name less than what was persisted, and no
  more is lost than what was not.
"""
import json
import os
import re
import sys
import threading

from rig import Receive

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "system"))
import format as log                                                    # noqa: E402


WINDOWED = 3    # the unit of device `w`, whose readings are summed up: register 0, point `n`

# Of what receive says: lines that no complaint needs.
DULL = re.compile(r" complete|: no records|: ended unclean|came without a trusted time")


class Ends(Receive):
    """`weir receive --json --verify`, of whose lines only what ends an epoch is kept."""

    def __init__(self, rig, broker):
        super().__init__(rig, "receive", [broker.url, "weir/#", "--json", "--verify"])
        self.ends, self.rest = {}, []       # (bus, epoch): the lowest `last` that was told
        self.windows = {}                   # (epoch, number): what a window of device `w` says
        self.said = open(rig.path("ends"), "w")     # to look at, if anything is wrong

    def start(self):
        read, write = os.pipe()
        self.stdout = os.fdopen(write, "wb")
        super(Receive, self).start()
        self.stdout.close()
        self.reader = threading.Thread(target=self._read, args=(os.fdopen(read),), daemon=True)
        self.reader.start()
        return self

    def _read(self, lines):
        with lines:
            for line in lines:
                if not line.startswith("{"):
                    self.rest.append(line)
                    continue
                if '"device":"w"' in line:
                    record = json.loads(line)
                    if record["kind"] == "reading":
                        self.windows[(record["epoch"], record["seq"])] = record["values"]
                if '"after":' in line:
                    self.said.write(line)
                    self._note(json.loads(line))

    def _note(self, record):
        for end in record["after"]:
            key, last = (record["bus"], end["epoch"]), end["last"] or 0
            self.ends[key] = min(last, self.ends.get(key, last))

    def verdict(self):
        """The exit status and the text, once it has ended."""
        status = self.stop()
        self.reader.join()
        self.said.close()
        return status, self.log_text() + "".join(self.rest)


def newest_number(epoch_path):
    """The last number of an epoch in RAM."""
    names = sorted(n for n in os.listdir(epoch_path) if n.endswith(".seg"))
    last = 0
    for name in names[-2:]:             # the newest may have a header alone
        with open(os.path.join(epoch_path, name), "rb") as f:
            for kind, body in log.frames(f.read()):
                if kind in (log.RECORD, log.CLOSE):
                    last = int.from_bytes(body[:8], "little")
                elif kind == log.GAP:
                    last = int.from_bytes(body[8:16], "little")
    return last


def persisted(ram):
    """(bus, epoch): the last number that is on flash, as the RAM says."""
    try:
        with open(f"{ram}/store/account", "rb") as f:
            account = log.read_account(log.Cursor(f.read()[12:]))
    except FileNotFoundError:
        return {}
    return {(e["bus"], e["epoch"]): e["last"] for e in account["epochs"]}


def at_risk(ram, safe):
    """bus: how many numbers only the RAM has."""
    found = {}
    for bus in os.listdir(f"{ram}/queue") if os.path.isdir(f"{ram}/queue") else ():
        for name in os.listdir(f"{ram}/queue/{bus}"):
            if "-" in name:
                epoch = int(name.split("-")[1])
                last = newest_number(f"{ram}/queue/{bus}/{name}")
                found[bus] = found.get(bus, 0) + max(0, last - safe.get((bus, epoch), 0))
    return found


class Judge:
    """Gathers what a session does, and says at its end what is not accounted for."""

    def __init__(self):
        self.safe = {}          # (bus, epoch): what was persisted when the power went
        self.risk = {}          # bus: what at most may have been lost to cuts
        self.bus_kills = 0
        self.wrong = []         # what was seen on the way

    def power_goes(self, ram):
        """Everything is dead, and the RAM is still there."""
        safe = persisted(ram)
        for key, last in safe.items():
            self.safe[key] = max(last, self.safe.get(key, 0))
        for bus, count in at_risk(ram, safe).items():
            self.risk[bus] = self.risk.get(bus, 0) + count

    def windows(self, windows, unit, kept):
        """The n-th read of the register answers n: minimum and maximum say which readings are in."""
        found, before, total = [], 0, 0
        for key in sorted(windows):
            values = windows[key]
            if values["n_count"]:
                if values["n_min"] <= before:
                    found.append(f"window {key}: reading {values['n_min']} was in one before")
                before, total = values["n_max"], total + values["n_count"]
        lost = unit["requests"] - total
        if lost < 0 or (kept and lost > self.bus_kills):
            found.append(f"{lost} readings in no window, where {self.bus_kills} could be")
        return found

    def complaints(self, receive, sink, meters, registers, may_lose):
        """A list of what is wrong; all the programs have ended, or told their last."""
        status, text = receive.verdict()
        lines = text.splitlines()
        found = self.wrong + ([f"receive says {status}"] if status else [])
        lost = int((re.findall(r"LOST as stated: (\d+)", text) or ["0"])[-1])
        most = sum(self.risk.values())
        if not may_lose and lost > most:
            found.append(f"{lost} lost as stated, where {most} could be")
        for key, last in self.safe.items():
            told = receive.ends.get(key)
            if told is not None and told < last:
                found.append(f"{key}: told up to {told}, {last} were persisted")
        others = meters["units"][str(WINDOWED)]["requests"]
        gone = (meters["points"] - others - sink["unique"]) / registers
        allowed = self.bus_kills + self.risk.get("bus", 0) + (lost if may_lose else 0)
        if gone > allowed or gone < 0:
            found.append(f"{gone:.1f} readings answered and never seen, where {allowed} could be")
        summary = (f"{gone:.0f} readings never seen (of {self.bus_kills} kills of the bus, "
                   f"{self.risk.get('bus', 0)} not persisted), {lost} lost as stated")
        return found + [line for line in lines if not DULL.search(line)] if found else [], summary
