#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""Makes a new adapter out of plugins/template: its code, tests, captures and fuzz target.

    new_adapter.py NAME

`template` becomes NAME in file names and in the text. `./dev new-adapter NAME` calls this, builds
the copy and runs its tests. CMake finds new folders by itself.
"""
import os
import re
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
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


def main():
    if len(sys.argv) != 2 or not re.fullmatch(r"[a-z][a-z0-9]{0,30}", sys.argv[1]):
        sys.exit("usage: ./dev new-adapter NAME   (lower-case letters and digits)")
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
