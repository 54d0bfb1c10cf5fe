#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""docs/new-counter.md, run as it stands: every command of the page, and what it prints.

What differs from run to run (times, the folder, counters of bytes) is masked; lines of a counter that goes
round may begin anywhere, so the lines of one command are compared in sorted order. Also: what
`weir check` says of models that are wrong.

    WEIR_UPDATE_PAGE=1    writes into the page what the commands have printed
"""
import os
import re
import subprocess
import tempfile
import unittest

SOURCE = os.environ["WEIR_SOURCE"]
BIN = os.environ["WEIR_BIN"]
PAGE = os.path.join(SOURCE, "docs", "new-counter.md")
END = "-- end of output --"
MASKS = [(r"\d\d:\d\d:\d\d\.\d{6}", "TIME"),
         (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z\??(?= )", "WHEN"),
         (r"/dev/shm/tmp\.\w+", "FOLDER"),
         (r"\d+ bytes of noise, \d+ foreign", "N bytes of noise, N foreign"),
         (r"\d+ % of its time", "N % of its time"),
         (r"opened \d+ times?", "opened N times"),
         (r"missed=\d+", "missed=N")]        # the first line that is taken has none


def masked(lines):
    text = "\n".join(lines)
    for pattern, word in MASKS:
        text = re.sub(pattern, word, text)
    return sorted(line.rstrip() for line in text.split("\n"))


def commands(page):
    """(command, lines that it prints) of all blocks, in order."""
    found = []
    for block in re.findall(r"^```\n(\$ .*?)^```", page, re.S | re.M):
        lines = iter(block.splitlines())
        for line in lines:
            if not line.startswith("$ "):
                found[-1][1].append(line)
                continue
            command = [line[2:]]
            here = re.search(r"<<'?(\w+)'?", line)
            while here and command[-1] != here.group(1):
                command.append(next(lines))
            found.append(("\n".join(command), []))
    return found


class Shell:
    """One shell for the whole page, as the reader has one."""

    def __init__(self, home):
        env = {**os.environ, "HOME": home, "PATH": f"{BIN}:{os.environ['PATH']}"}
        env.pop("WEIR_MODEL_PATH", None)
        self.shell = subprocess.Popen(["bash"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, text=True, env=env)

    def run(self, command):
        self.shell.stdin.write(f"{command}\necho '{END}'\n")
        self.shell.stdin.flush()
        printed = []
        for line in self.shell.stdout:
            if line.rstrip("\n") == END:
                return printed
            printed.append(line.rstrip("\n"))
        raise AssertionError(f"the shell ended at: {command}")

    def close(self):
        """Whatever the page has started and not ended."""
        self.run("kill $(jobs -p) 2> /dev/null; wait 2> /dev/null")
        self.run("case $PWD in (/dev/shm/tmp.*) rm -rf \"$PWD\";; esac")
        self.shell.stdin.close()
        self.shell.stdout.close()
        self.shell.wait(timeout=60)


class Page(unittest.TestCase):
    def test_as_written(self):
        with open(PAGE) as f:
            page = f.read()
        with tempfile.TemporaryDirectory() as home:
            os.symlink(SOURCE, os.path.join(home, "weir"))
            shell = Shell(home)
            self.addCleanup(shell.close)
            new, rest = "", page
            for command, told in commands(page):
                printed = shell.run(command)
                if "kerb_counter" in command:       # the reader types slower than it begins
                    shell.run("until [ -e counter ]; do sleep 0.1; done")
                self.assertRegex(shell.run("pwd")[0], "^/dev/shm/tmp[.]")
                before, shown, rest = rest.partition(f"$ {command}\n")
                new += before + shown + "".join(f"{line}\n" for line in printed)
                rest = rest.removeprefix("".join(f"{line}\n" for line in told))
                if not os.environ.get("WEIR_UPDATE_PAGE"):
                    self.assertEqual(masked(printed), masked(told), command)
        if os.environ.get("WEIR_UPDATE_PAGE"):
            with open(PAGE, "w") as f:
                f.write(new + rest)


HEAD = 'family = "line"; format = "csv";\n'


class Wrong(unittest.TestCase):
    """What is wrong with a model is told with its file, line and setting."""

    def check(self, model, wanted, name="mine", bus="", device=""):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "weir.conf")
            with open(os.path.join(folder, "mine.conf"), "w") as f:
                f.write(model)
            with open(path, "w") as f:
                f.write(f'spool = {{ directory = "{folder}/s"; ram = "/dev/shm/none"; }};\n'
                        f'buses = {{ b = {{ adapter = "traffic"; model = "{name}"; port = "/dev/null"; {bus}\n'
                        f'devices = ( {{ name = "a"; {device} }} ); }}; }};\n')
            done = subprocess.run([os.path.join(BIN, "weir"), "check", "-c", path], text=True,
                                  capture_output=True, timeout=60, check=False,
                                  env={**os.environ, "WEIR_MODEL_PATH": folder})
            said = (done.stdout + done.stderr).replace(folder, "")
            self.assertNotEqual(done.returncode, 0, said)
            self.assertIn(wanted, said)

    def test_points(self):
        """The point stands in line 2 of the model."""
        for point, wanted in (
                ('name = "speed"; field = 1;', 'speed: unit: what the device gives it in'),
                ('name = "speed"; field = 1; unit = "furlong";', 'speed: unit: '),
                ('name = "sped"; field = 1;', 'sped: name: is no point of a vehicle record; those are lane,'),
                ('name = "vehicle_count"; field = 1;', 'name: is no point of a vehicle record'),
                ('name = "lane";', 'lane: field: which column is it?'),
                ('name = "lane"; field = -1;', 'field'),
                ('name = "lane"; field = 1; colour = 2;', 'unknown setting'),
                ('name = "lane"; key = "no";', 'lane: key: the header has no column "no"'),
                ('name = "lane"; field = 1; unit = "m";', 'lane: unit: has no unit'),
                ('name = "lane"; field = 1; map = [ "1" ];', 'map: "1" must be TEXT=VALUE'),
                ('name = "missed"; field = 1;', 'missed: modulo: '),
                ('name = "lane"; field = 1; modulo = 5;', 'modulo: is for missed and for counts'),
                ('name = "lane"; field = 1; base = 12;', 'base: must be 10 or 16'),
                ('name = "lane"; field = 1; least = 3.0; most = 2.0;', 'least: is more than most'),
                ('name = "device_time"; field = 1; form = "%Q";', 'form: knows %Y'),
                ('name = "device_time"; field = 1; form = "%d.%m.";', 'form: must have a time of day')):
            with self.subTest(point):
                self.check(f"{HEAD}points = ( {{ {point} }} );\n", "/mine.conf:2: error: ")
                self.check(f"{HEAD}points = ( {{ {point} }} );\n", wanted)

    def test_bus(self):
        """The setting stands in line 3 of the model."""
        for text, wanted in (
                ('format = "regex";\npattern = "(?<lane>[)";', "pattern: missing terminating ] for character class, at"),
                ('format = "csv";\nseparator = "";', "separator: must have a character"),
                ('format = "csv";\ndecimal = ",";', "decimal: is a separator too"),
                ('format = "keyvalue";\nassign = "";', "assign: must have a character"),
                ('format = "csv";\nkind = "interval";', "kind: intervals need a point vehicle_count"),
                ('format = "csv";\nkind = "reading";', "kind: readings need a point speed"),
                ('format = "csv";\nkind = "lorry";', "is none of vehicle, interval, reading"),
                ('format = "csv";\nmatch_limit = 1;', "match_limit: must lie between")):
            with self.subTest(text):
                model = f'family = "line";\n{text}\npoints = ( {{ name = "lane"; field = 1; key = "a"; }} );\n'
                self.check(model, "/mine.conf:3: error: ")
                self.check(model, wanted)

    def test_family(self):
        """What does not go with the family."""
        self.check("", ":2: error: interval: must be at least 1s", "natch", bus='interval = "500ms";')
        self.check("", ":3: error: a: address: natch has no address", "natch", device="address = 1;")
        self.check("", ":3: error: a: address: must lie between", "wavetronix-ss125", device="address = 65535;")
        self.check('family = "line"; points = ( { name = "lane"; field = 1; } );', "the family line needs one")
        self.check('family = "line"; format = "csv";', "must say which points a line has")
        self.check('family = "natch"; format = "csv";', "is for the family line, not for natch")
        self.check('family = "natch"; points = ( { name = "lane"; field = 1; } );', "natch knows its own")


if __name__ == "__main__":
    unittest.main(verbosity=2)
