#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""What `weir check`, `adapters`, `uplinks` and `models` print, and that docs/configuration.md says the same."""
import os
import re
import subprocess
import tempfile
import unittest

WEIR = os.path.join(os.environ["WEIR_BIN"], "weir")
PAGE = os.path.join(os.environ["WEIR_SOURCE"], "docs", "configuration.md")


def weir(*args):
    return subprocess.run([WEIR, *args], text=True, capture_output=True, timeout=60)


def check(text):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "weir.conf")
        with open(path, "w") as f:
            f.write(text)
        return weir("check", "-c", path)


class Configuration(unittest.TestCase):
    def test_page(self):
        """Every line of the page's tables of buses, devices, points and uplinks is printed so."""
        printed = weir("adapters", "modbus").stdout + weir("uplinks", "mqtt").stdout
        with open(PAGE) as f:
            parts = re.split(r"^## ", f.read(), flags=re.M)
        for title in ("Every bus", "Every device", "Every point", "Every uplink"):
            part = next(p for p in parts if p.startswith(title + "\n"))
            lines = [re.sub(" +", " ", line) for line in part.splitlines() if line.startswith("    ")]
            self.assertGreater(len(lines), 4)
            for line in lines:
                self.assertIn(line, re.sub(" +", " ", printed))

    def test_width(self):
        for args in (["adapters"], ["uplinks"], ["models"], ["adapters", "modbus"], ["uplinks", "mqtt"],
                     ["models", "eastron-sdm630"], ["check", "-h"]):
            done = weir(*args)
            self.assertEqual(done.returncode, 0, done.stderr)
            for line in done.stdout.splitlines():
                self.assertEqual(line, line.rstrip())
                self.assertLessEqual(len(line) if "/" not in line else 0, 100)

    def test_example(self):
        """The examples are valid; so is each line that they comment out."""
        for args, blank in ((["adapters", "modbus"], ""), (["uplinks", "mqtt"], 'url = "mqtt://h"')):
            text = weir(*args).stdout.split("# example\n")[1].replace('url = ""', blank)
            done = check(text)
            self.assertEqual(done.returncode, 0, done.stdout)
            self.assertIn(": ok, ", done.stdout)
            bold = check(re.sub(r"^( *)#(?! )", r"\1", text, flags=re.M))
            self.assertNotIn("unknown setting", bold.stdout)
            self.assertNotIn("syntax error", bold.stdout)
            self.assertNotIn("must ", bold.stdout)

    def test_check(self):
        bad = check('gateway = { name = "a b"; };\n')
        self.assertEqual(bad.returncode, 1)
        self.assertIn("weir.conf:1: error: gateway.name: ", bad.stdout)
        self.assertRegex(bad.stdout, r": not valid, 1 error(, \d warnings?)?\n$")
        self.assertEqual(weir("check", "-c", "/nowhere").returncode, 3)
        self.assertEqual(weir("check", "--nonsense").returncode, 2)

    def test_unknown(self):
        for args in (["adapters", "nosuch"], ["uplinks", "nosuch"], ["models", "nosuch"]):
            done = weir(*args)
            self.assertEqual(done.returncode, 1)
            self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
