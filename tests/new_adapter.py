#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""Makes a new adapter out of plugins/template: its code, tests, captures and fuzz target.

    new_adapter.py NAME
    new_adapter.py --counter NAME

`template` becomes NAME in file names and in the text. `./dev new-adapter NAME` calls this, builds
the copy and runs its tests. CMake finds new folders by itself.

With --counter: a family of the traffic adapter, for a counter with a binary protocol of its own: one file of C
(that of the HLK-LD2451 radar under another name), its model, unit test, simulator and a seed for the fuzzer.
"""
import os
import re
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
COPIED = """
 * `./dev new-adapter --counter NAME` makes a copy of this file for a device of your own.
 *"""
PLACES = ("plugins", "tests/unit", "tests/fuzz", "tests/captures")


def renamed(text, name):
    for old, new in (("template", name), ("TEMPLATE", name.upper()),
                     ("Template", name.capitalize())):
        text = text.replace(old, new)
    return text


def template_files():
    """Every file of the template, as paths below ROOT."""
    for place in PLACES:
        for folder, folders, files in os.walk(os.path.join(ROOT, place)):
            folders[:] = [f for f in folders if f != "__pycache__"]
            for file in files:
                path = os.path.relpath(os.path.join(folder, file), ROOT)
                if "template" in path:
                    yield path


def copy(path, name):
    target = renamed(path, name)
    os.makedirs(os.path.join(ROOT, os.path.dirname(target)), exist_ok=True)
    with open(os.path.join(ROOT, path), "rb") as f:
        data = f.read()
    try:
        data = renamed(data.decode(), name).encode()
    except UnicodeDecodeError:
        pass                # a seed: bytes stay as they are
    with open(os.path.join(ROOT, target), "xb") as f:
        f.write(data)
    os.chmod(os.path.join(ROOT, target), os.stat(os.path.join(ROOT, path)).st_mode & 0o777)
    return target


def counter_files(name):
    """The files of the example, and what they become."""
    c_name = name.replace("-", "_")
    return [(path, path.replace("hlk_ld2451", c_name).replace("hlk-ld2451", name)) for path in (
        "plugins/traffic/hlk_ld2451.c", "plugins/traffic/models/hlk-ld2451.conf",
        "tests/unit/traffic_hlk_ld2451.c", "tests/rig/traffic/hlk_ld2451.py")]


def insert_line(path, pattern, line):
    """Puts a line among those that match, in order."""
    with open(os.path.join(ROOT, path)) as f:
        lines = f.read().splitlines(keepends=True)
    at = [i for i, text in enumerate(lines) if re.fullmatch(pattern, text)]
    rest = [i for i in at if lines[i] > line]
    lines.insert(rest[0] if rest else at[-1] + 1, line)
    with open(os.path.join(ROOT, path), "w") as f:
        f.writelines(lines)


def new_counter(name):
    c_name = name.replace("-", "_")
    if os.path.exists(os.path.join(ROOT, "plugins/traffic", c_name + ".c")):
        sys.exit(f"plugins/traffic/{c_name}.c is there already")
    made = counter_files(name)
    for source, target in made:
        with open(os.path.join(ROOT, source)) as f:
            text = f.read()
        text = text.replace("hlk_ld2451", c_name).replace("hlk-ld2451", name)
        text = re.sub(r"\bhlk(?=_|\b)", c_name, text.replace(COPIED, ""))
        with open(os.path.join(ROOT, target), "x") as f:
            f.write(re.sub(r"(Hi-Link )?HLK-LD2451", name, text).replace("Hi-Link", "who makes it"))
    seed = f"tests/fuzz/seeds/traffic/{name}"
    with open(os.path.join(ROOT, "tests/fuzz/seeds/traffic/hlk-ld2451-01"), "rb") as f:
        data = f.read()
    with open(os.path.join(ROOT, seed), "xb") as f:
        f.write(bytes([len(name)]) + name.encode() + data[1 + data[0]:])
    made.append((seed, seed))
    if shutil.which("clang-format"):    # another name moves line breaks
        subprocess.run(["clang-format", "-i", *(os.path.join(ROOT, target) for _, target in made
                                                if target.endswith(".c"))], check=True)
    insert_line("plugins/traffic/families.def", r"FAMILY\(\w+\)\n", f"FAMILY({c_name})\n")
    insert_line("plugins/traffic/CMakeLists.txt", r"    [a-z0-9_]+\n", f"    {c_name}\n")
    print(f"Made the traffic counter \"{name}\":", *(target for _, target in made), sep="\n  ")
    print(f"""
What to do next:
  1. plugins/traffic/{c_name}.c: the head says what the bytes on the wire mean (it is a radar's, the Hi-Link HLK-LD2451's, so
     that all works from the first minute); make it yours: frame() finds messages, message() tells vehicles. plugins/traffic/family.h is the manual.
  2. plugins/traffic/models/{name}.conf: line settings; tests/unit/traffic_{c_name}.c: what the device says.
  3. ./dev test -R traffic, and ./dev lint.""")
    return 0


def main():
    if len(sys.argv) == 3 and sys.argv[1] == "--counter" and \
            re.fullmatch(r"[a-z][a-z0-9-]{0,22}", sys.argv[2]):
        return new_counter(sys.argv[2])
    if len(sys.argv) != 2 or not re.fullmatch(r"[a-z][a-z0-9]{0,30}", sys.argv[1]):
        sys.exit("usage: ./dev new-adapter [--counter] NAME   (lower-case letters and digits)")
    name = sys.argv[1]
    if name == "template" or os.path.exists(os.path.join(ROOT, "plugins", name)):
        sys.exit(f"plugins/{name} is there already")
    made = [copy(path, name) for path in sorted(template_files())]
    sources = [os.path.join(ROOT, path) for path in made if path.endswith((".c", ".h"))]
    if shutil.which("clang-format"):    # a longer name moves line breaks
        subprocess.run(["clang-format", "-i", *sources], check=True)
    print(f"Made the adapter \"{name}\":", *made, sep="\n  ")
    print(f"""
What to do next:
  1. plugins/{name}/{name}.c: the head says what the bytes on the wire mean; make it yours.
     include/weir/adapter.h says what each callback has to do.
  2. the tests in tests/unit: put in what the device really says.
  3. ./dev test -R {name}, and ./dev lint.
plugins/{name} also builds by itself, against installed headers: cmake -B build plugins/{name}""")
    return 0


if __name__ == "__main__":
    sys.exit(main())
