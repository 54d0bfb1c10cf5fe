#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""docs/format.md is enough: the Python reader and writer made from it agree with weir's own."""
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import format  # noqa: E402

TOOL = os.path.join(os.environ["WEIR_BIN"], "tests", "queue-tool")


class Format(unittest.TestCase):
    def setUp(self):
        self.ram = tempfile.mkdtemp(dir="/dev/shm", prefix="weir-format-")
        self.addCleanup(shutil.rmtree, self.ram)

    def tool(self, *args):
        return subprocess.run([TOOL, *args], check=True, capture_output=True, text=True).stdout

    def expect(self, records, count):
        self.assertEqual(len(records), count)
        for seq, record in enumerate(records, 1):
            self.assertEqual(record["seq"], seq)
            self.assertEqual(record["values"]["voltage_l1"], seq / 8)
            self.assertEqual(record["values"]["delta"], -seq)
            self.assertEqual(record["values"]["note"], "word")

    def test_weir_writes_python_reads(self):
        self.tool("make", self.ram, "meters", "5000")
        lines = list(format.read(os.path.join(self.ram, "queue", "meters")))
        self.assertEqual(lines.pop()["closed"], 5000)
        self.expect(lines, 5000)
        self.assertTrue(all(r["missing"] == {"on": 1} and r["synced"] for r in lines))

    def test_python_writes_weir_reads(self):
        format.write(os.path.join(self.ram, "queue", "meters"), 2000)
        lines = [json.loads(line) for line in self.tool("dump", self.ram, "meters").splitlines()]
        self.expect(lines, 2000)
        self.assertTrue(all(r["errors"] == {"on": "timeout"} for r in lines))
        self.assertTrue(all(r["epoch"] == 2893474234 for r in lines))

    def test_python_sees_every_change_of_a_byte(self):
        format.write(os.path.join(self.ram, "queue", "meters"), 3)
        path = os.path.join(self.ram, "queue", "meters", "00000001-2893474234", "00000001.seg")
        with open(path, "rb") as f:
            data = f.read()
        whole = len(list(format.frames(data)))
        used = len(data.rstrip(b"\0"))
        for at in range(used):
            bad = data[:at] + bytes([data[at] ^ 1]) + data[at + 1:used + 16]
            self.assertLess(len(list(format.frames(bad))), whole)


if __name__ == "__main__":
    unittest.main(verbosity=2)
