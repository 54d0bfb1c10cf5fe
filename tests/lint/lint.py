#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""The rules of this tree that a program can check. Without arguments: all of them.

    lint.py [format] [includes] [functions] [text] [scripts] [docs]

Each prints its findings as FILE:LINE: and exits 1 when there is one.
"""
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FUNCTION_LINES_MAX = 100

# Which folders of src/ a folder may include from, besides itself. Includes point downwards only.
BASE = {"base"}
RECORD = BASE | {"record"}
MIDDLE = RECORD | {"log", "link", "config"}
MAY_INCLUDE = {
    "base": set(), "record": BASE, "log": RECORD, "link": RECORD, "config": RECORD,
    "bus": MIDDLE, "uplink": MIDDLE, "store": MIDDLE,
    "core": MIDDLE | {"uplink"},        # reads the cursors, to know what may go
    "cli": MIDDLE | {"bus", "uplink", "store"},
    "receive": set(),                   # shares nothing with the sender's side
    "report": set(),                    # reads files of anyone
    "main.c": MIDDLE | {"bus", "uplink", "store", "core", "cli"},
}

BANNED_CALL = re.compile(r"(?<![\w.>])(strcpy|strcat|sprintf|vsprintf|strtok|atoi|atol|atof|alloca|"
                         r"system|popen|gets|localtime|gmtime|ctime|asctime)\s*\(")
BANNED_WORD = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|(?<![\w.])/(work|root)/|/tmp/w\b")
INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]')
SPDX, OWNER = "SPDX-License-Identifier: Apache-2.0", "Copyright the weir authors"
NO_HEAD = (".md", ".json", ".txt", ".jsonl", ".csv", ".pc.in")      # see has_head()
HEAD_LINES_MAX = 12
FORMAT_VERSION = 14         # of Debian 12; others lay out some lines differently
SKIPPED = 77


def tracked():
    """Every text file of the tree, as paths below ROOT."""
    out = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                         cwd=ROOT, check=True, capture_output=True).stdout
    names = [name for name in out.decode().split("\0") if name]
    return [name for name in names if os.path.isfile(os.path.join(ROOT, name)) and
            "/seeds/" not in name]


def read(name):
    with open(os.path.join(ROOT, name), encoding="utf-8", errors="replace") as f:
        return f.read()


def c_files():
    return [name for name in tracked() if name.endswith((".c", ".h"))]


def without_comments(text):
    """The same lines; comments and what stands in quotes are blank."""
    def blank(match):
        return re.sub(r"[^\n]", " ", match.group())
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', blank, text, flags=re.S)


def check_format():
    version = subprocess.run(["clang-format", "--version"], capture_output=True, text=True).stdout
    if not re.search(rf"version {FORMAT_VERSION}\.", version):
        print(f"skipped: layout is what clang-format {FORMAT_VERSION} makes, here is {version}")
        sys.exit(SKIPPED)
    command = ["clang-format", "--dry-run", "-Werror", "--ferror-limit=1", *c_files()]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    for line in done.stderr.splitlines():
        if ": error:" in line:
            yield line.split(": error:")[0] + ": not in the project's layout; ./dev fmt"


def include_rule(name):
    """Says whether `name` may include a path in quotes: a function of that path."""
    parts = name.split("/")
    if parts[0] == "src":
        allowed = MAY_INCLUDE.get(parts[1])
        own = parts[1]
        return lambda path: allowed is not None and path.split("/")[0] in allowed | {own}
    if parts[0] == "plugins":
        return lambda path: os.path.exists(os.path.join(ROOT, "plugins", parts[1], path))
    if parts[0] == "include":
        return lambda path: False
    if name.startswith("tests/rig/"):
        return lambda path: os.path.exists(os.path.join(ROOT, "tests/rig", path))
    return lambda path: True


def check_includes():
    for name in c_files():
        may = include_rule(name)
        for number, line in enumerate(read(name).splitlines(), 1):
            found = INCLUDE.match(line)
            if not found:
                continue
            kind, path = found.groups()
            if kind == '"' and not may(path):
                yield f'{name}:{number}: may not include "{path}"'
            if name.startswith("src/receive/") and path.startswith("weir/"):
                yield f"{name}:{number}: the far end shares nothing with the sender: <{path}>"


def functions(name):
    """(first line, name, number of lines) of every function: its braces stand in column 0."""
    lines = without_comments(read(name)).splitlines()
    head, start = "", None
    for number, line in enumerate(lines, 1):
        if line == "{":
            start = number
            while start > 1 and lines[start - 2].strip() and not lines[start - 2].startswith("}"):
                start -= 1
            head = " ".join(lines[start - 1:number - 1])
        elif line.startswith("}") and start:
            called = re.search(r"(\w+)\s*\(", head)
            yield start, called.group(1) if called else "?", number - start + 1
            start = None


def check_functions():
    every = [(count, called, name, line) for name in c_files()
             for line, called, count in functions(name)]
    every.sort(reverse=True)
    print("the longest functions:")
    for count, called, name, line in every[:10]:
        print(f"  {count:4} lines  {called}  {name}:{line}")
    counts = sorted(entry[0] for entry in every)
    if counts:
        print(f"  {len(counts)} functions, median {counts[len(counts) // 2]} lines, "
              f"nine in ten at most {counts[len(counts) * 9 // 10]}")
    for count, called, name, line in every:
        if count > FUNCTION_LINES_MAX:
            yield f"{name}:{line}: {called} has {count} lines, more than {FUNCTION_LINES_MAX}"


def has_head(name):
    base = os.path.basename(name)
    return not (base.endswith(NO_HEAD) or base.startswith(".") or "/captures/" in name or
                name.startswith("etc/") or base in ("LICENSE", "NOTICE"))


def check_head(name, lines):
    top = lines[:4]
    if not any(SPDX in line for line in top) or not any(OWNER in line for line in top):
        yield f"{name}:1: the licence lines are missing at the top"
    if name.endswith((".c", ".h")) and " */" in lines:
        count = lines.index(" */") + 1 - 3
        if count > HEAD_LINES_MAX and not name.startswith(("plugins/", "include/")):
            yield f"{name}:1: a head of {count} lines, more than {HEAD_LINES_MAX}"


def check_text():
    for name in tracked():
        lines = read(name).splitlines()
        if has_head(name):
            yield from check_head(name, lines)
        if name == "tests/lint/lint.py":
            continue                    # it names what it forbids
        for number, line in enumerate(lines, 1):
            if BANNED_WORD.search(line):
                yield f"{name}:{number}: {BANNED_WORD.search(line).group()} does not belong here"
            if line != line.rstrip() and not name.endswith(".patch"):   # context of an empty line
                yield f"{name}:{number}: blanks at the end of the line"
        if name.endswith((".c", ".h")):
            for number, line in enumerate(without_comments(read(name)).splitlines(), 1):
                if BANNED_CALL.search(line):
                    yield f"{name}:{number}: {BANNED_CALL.search(line).group(1)} is banned"


def check_scripts():
    scripts = [name for name in tracked()
               if re.match(r"#!.*\b(ba)?sh\b", read(name).split("\n", 1)[0])]
    done = subprocess.run(["shellcheck", "-f", "gcc", *scripts], cwd=ROOT, capture_output=True,
                          text=True)
    yield from done.stdout.splitlines()
    for name in tracked():
        if name.endswith(".py"):
            try:
                compile(read(name), name, "exec")
            except SyntaxError as problem:
                yield f"{name}:{problem.lineno}: {problem.msg}"


def check_docs():
    """What pages point to is there: files, and tests by name."""
    for name in (name for name in tracked() if name.endswith(".md")):
        for number, line in enumerate(read(name).splitlines(), 1):
            for path in re.findall(r"\]\(([^)#:]+)\)", line):
                if not os.path.exists(os.path.join(ROOT, os.path.dirname(name), path)):
                    yield f"{name}:{number}: there is no {path}"
            for path, test in re.findall(r"`(tests/[\w./-]+\.(?:py|c))` `(\w+)`", line):
                if not os.path.exists(os.path.join(ROOT, path)):
                    yield f"{name}:{number}: there is no {path}"
                elif not re.search(rf"\b{test}\(", read(path)):
                    yield f"{name}:{number}: {path} has no test {test}"


CHECKS = {"format": check_format, "includes": check_includes, "functions": check_functions,
          "text": check_text, "scripts": check_scripts, "docs": check_docs}


def main():
    wanted = sys.argv[1:] or list(CHECKS)
    unknown = [name for name in wanted if name not in CHECKS]
    if unknown:
        sys.exit(f"lint.py: there is no check {unknown[0]!r}: {' '.join(CHECKS)}")
    bad = 0
    for name in wanted:
        findings = list(CHECKS[name]())
        bad += len(findings)
        print(*findings, sep="\n", end="\n" if findings else "")
        print(f"lint {name}: {len(findings) or 'no'} finding{'s' * (len(findings) != 1)}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
