#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""What the pages say is true: their configurations are valid, their commands exist."""
import os
import re
import subprocess
import tempfile
import unittest

SOURCE = os.environ["WEIR_SOURCE"]
WEIR = os.path.join(os.environ["WEIR_BIN"], "weir")


def page(name):
    with open(os.path.join(SOURCE, name)) as f:
        return f.read()


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


class Configurations(unittest.TestCase):
    def check(self, text):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "weir.conf")
            secret = os.path.join(folder, "secret")
            with open(path, "w", opener=lambda p, flags: os.open(p, flags, 0o600)) as f:
                f.write(text.replace("/etc/weir/city.password", secret))
            with open(secret, "w", opener=lambda p, flags: os.open(p, flags, 0o600)) as f:
                f.write("word\n")
            done = run(WEIR, "check", "-c", path)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_readme(self):
        found = re.search(r"cat > weir.conf <<.END.\n(.*?)\nEND", page("README.md"), re.S)
        self.check(found.group(1))

    def test_installed(self):
        self.check(page("etc/weir.conf"))

    def test_installed_with_its_examples(self):
        head, examples = page("etc/weir.conf").split("\n\n", 1)
        self.check(re.sub(r"^# ?", "", examples, flags=re.M))

    def test_examples(self):
        folder = os.path.join(SOURCE, "etc", "examples")
        for name in os.listdir(folder):
            with self.subTest(name):
                self.check(page(f"etc/examples/{name}"))

    def test_manual_page(self):
        example = re.search(r"\.ft CW\n(.*?)\.ft R", page("docs/man/weir.conf.5"), re.S)
        self.check(example.group(1))


class Commands(unittest.TestCase):
    def test_dev(self):
        help_text = run(os.path.join(SOURCE, "dev"), "help").stdout
        known = {"help", *re.findall(r"^  (\S+)", help_text, re.M)}
        for name in ("README.md", "docs/architecture.md", "docs/proof.md", "docs/dependencies.md"):
            for command in re.findall(r"(?:\./dev) ([a-z][\w-]+)", page(name)):
                self.assertIn(command, known, name)

    def test_weir(self):
        known = set(re.findall(r"^  (\S+)", run(WEIR, "--help").stdout, re.M))
        told = set(re.findall(r"\\fB(\w+)\\fR", page("docs/man/weir.1"))) & known
        self.assertEqual(told, known)
        for command in re.findall(r"`weir ([a-z]+)", page("README.md")):
            self.assertIn(command, known)


if __name__ == "__main__":
    unittest.main(verbosity=2)
