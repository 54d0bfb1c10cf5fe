#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""`./dev crash mutants`: does anything notice when a rule of the log is taken out?

Each file of tests/crash/mutants is a patch that breaks one thing, and names what must notice it:

    # caught by: files [OPTIONS]          a campaign; also flip
    # caught by: unit NAME                a unit test
    # caught by: system FILE TEST: TARGET...  a system test, and what has to be built for it

They are applied one after the other to a copy of the tree, which keeps its build, so that only what
a patch touches is compiled. A patch that does not apply to the tree as it is, or does not compile, is
an error. Everything that is to notice must be content without a patch, and looks for as long then as
it may with one. The exit status is 1 if a mutant was not caught, 2 if it is not known.
"""
import argparse
import fcntl
import glob
import os
import re
import shlex
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.environ.get("WEIR_SOURCE") or os.path.dirname(os.path.dirname(HERE))
CATCH_S = 60            # as long may a campaign look for it
LIMIT_S = 300
SLICE = ("unit store-recover", "unit store-writer")


class Failure(Exception):
    """Not a result: something is wrong with the campaign itself."""


class Mutant:
    def __init__(self, path):
        self.path = path
        self.name = os.path.basename(path)[:-len(".patch")]
        with open(path, encoding="utf-8") as f:
            self.text = f.read()
        head = self.text.split("\n--- ")[0]
        catch = re.search(r"^# caught by: (.*)$", head, re.M)
        if not catch:
            raise Failure(f"{self.name}: the line \"# caught by:\" is missing")
        self.catcher = catch.group(1)
        words = [line[2:] for line in head.splitlines()[3:] if not line.startswith("# caught by:")]
        self.words = " ".join(words)
        self.files = re.findall(r"^\+\+\+ b/(\S+)", self.text, re.M)


class Tree:
    """A copy of the sources, and its build."""

    def __init__(self, folder):
        self.source, self.build = os.path.join(folder, "source"), os.path.join(folder, "build")

    def copy(self):
        """Brings the copy up to date; what has not changed keeps its time, and is not built again."""
        names = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                               cwd=SOURCE, check=True, capture_output=True).stdout
        wanted = {n for n in names.decode().split("\0")
                  if n and os.path.isfile(os.path.join(SOURCE, n))}
        for name in sorted(wanted):
            self.restore(name)
        for folder, _, files in os.walk(self.source):
            for name in files:
                path = os.path.join(folder, name)
                if os.path.relpath(path, self.source) not in wanted:
                    os.remove(path)

    def restore(self, name):
        path, original = os.path.join(self.source, name), os.path.join(SOURCE, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(original, "rb") as f:
            content = f.read()
        if os.path.isfile(path):
            with open(path, "rb") as f:
                if f.read() == content:
                    return
        with open(path, "wb") as f:
            f.write(content)
        shutil.copymode(original, path)

    def configure(self):
        run("configure", ["cmake", "--preset", "release", "-B", self.build, "-DWEIR_WERROR=OFF",
                          "-DWEIR_TESTS=unit;system"], cwd=self.source)

    def make(self, targets):
        run("build", ["cmake", "--build", self.build, "--target", *targets, "--", "--quiet"],
            cwd=self.source)

    def apply(self, mutant, *options):
        """Lines may have moved, but what stands around the place must be as the patch has it."""
        done = subprocess.run(["patch", "-p1", "--fuzz=0", "--batch", "--forward", "--reject-file=-",
                               "--no-backup-if-mismatch", *options, "-i", mutant.path],
                              cwd=self.source, capture_output=True, text=True)
        if done.returncode:
            raise Failure(f"{mutant.name}: the patch does not apply:\n{done.stdout}{done.stderr}")

    def check(self, mutants):
        """Do all of them apply?"""
        bad = []
        for mutant in mutants:
            try:
                self.apply(mutant, "--dry-run")
            except Failure as failure:
                bad.append(str(failure))
        if bad:
            raise Failure("\n".join(bad))
        print(f"{len(mutants)} patches apply", flush=True)


def run(what, command, **kwargs):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          stdin=subprocess.DEVNULL, **kwargs)
    if done.returncode:
        raise Failure(f"{what} failed:\n" + "\n".join(done.stdout.splitlines()[-30:]))


class Catcher:
    """What must notice: which targets it needs, and how it is run."""

    def __init__(self, tree, text):
        kind, _, rest = text.partition(" ")
        self.environment = dict(os.environ)
        self.unknown = (2, 77)      # exit status of one that has not tried
        if kind in ("files", "flip"):
            self.targets = [f"crash-{kind}"]
            self.command = [os.path.join(tree.build, "crash", kind), "--first",
                            "--seconds", str(CATCH_S), *shlex.split(rest)]
        elif kind == "unit":
            self.targets = [f"test-{rest}"]
            self.command = [os.path.join(tree.build, "tests", f"test-{rest}")]
            self.environment.update(WEIR_SOURCE_DIR=tree.source, WEIR_BINARY_DIR=tree.build)
            self.unknown = (77,)    # else it is how many have failed
        elif kind == "system":
            test, _, targets = rest.partition(":")
            file, *names = test.split()
            self.targets = targets.split()
            self.command = [sys.executable, os.path.join(tree.source, "tests", "system", file), *names]
            self.environment.update(
                WEIR_BIN=tree.build, WEIR_SOURCE=tree.source, PYTHONDONTWRITEBYTECODE="1",
                PYTHONPATH=os.path.join(tree.source, "tests", "rig"))
        else:
            raise Failure(f"nothing is known of \"{text}\"")

    def notices(self):
        """(noticed, what it said). A test that was left out has seen nothing."""
        try:
            done = subprocess.run(self.command, text=True, errors="replace", env=self.environment,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, timeout=LIMIT_S)
        except subprocess.TimeoutExpired:
            return True, f"no end after {LIMIT_S} s"
        if done.returncode in self.unknown or "OK (skipped" in done.stdout:
            raise Failure(f"{shlex.join(self.command)} did not run:\n{done.stdout[-2000:]}")
        if done.returncode < 0:
            return True, f"died of signal {-done.returncode}"
        return done.returncode != 0, what_was_said(done.stdout)


def what_was_said(output):
    """The line that says best what was noticed."""
    for pattern in (r"^VIOLATION (.*)$", r"^\[  FAILED  \] (\w+)$", r"^(AssertionError.*)$",
                    r"^((?:ERROR|FAIL): .*)$"):
        found = re.search(pattern, output, re.M)
        if found:
            return found.group(1)
    lines = output.strip().splitlines()
    return lines[-1] if lines else ""


def try_calm(tree, texts):
    """Nothing complains about the tree as it is."""
    for text in texts:
        start = time.monotonic()
        catcher = Catcher(tree, text)
        tree.make(catcher.targets)
        noticed, said = catcher.notices()
        if noticed:
            raise Failure(f"without a patch, {text} complains: {said}")
        print(f"content without a patch: {text}, {time.monotonic() - start:.0f} s", flush=True)


def try_mutant(tree, mutant, place):
    """Prints what came of it. True if it was caught."""
    start = time.monotonic()
    catcher = Catcher(tree, mutant.catcher)
    try:
        tree.apply(mutant)
        tree.make(catcher.targets)
        built = time.monotonic()
        noticed, said = catcher.notices()
    finally:
        for name in mutant.files:
            tree.restore(name)
    print(f"[{place}] {'caught' if noticed else 'NOT CAUGHT'}  {mutant.name}  by {mutant.catcher}"
          f"  build {built - start:.0f} s, test {time.monotonic() - built:.0f} s", flush=True)
    if noticed and said:
        print(f"        {said[:160]}", flush=True)
    return noticed


def lock(folder):
    """Two at once would build each other's mutants."""
    os.makedirs(folder, exist_ok=True)
    handle = open(os.path.join(folder, "lock"), "w")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Failure(f"another one is at work in {folder}") from None
    return handle


def campaign(args, mutants):
    """How many were caught, of how many."""
    folder = os.path.join(SOURCE, "build", "crash", "mutants")
    held = lock(folder)
    tree = Tree(folder)
    tree.copy()
    tree.check(mutants)
    if args.slice:
        mutants = [m for m in mutants if m.catcher in SLICE][:3]
    if args.names:
        mutants = [m for m in mutants if any(name in m.name for name in args.names)]
    tree.configure()
    try_calm(tree, sorted({mutant.catcher for mutant in mutants}))
    caught = [try_mutant(tree, mutant, f"{i}/{len(mutants)}")
              for i, mutant in enumerate(mutants, 1)]
    held.close()
    return sum(caught), len(mutants)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="only these, by any part of their names")
    parser.add_argument("--list", action="store_true", help="what there is")
    parser.add_argument("--slice", action="store_true",
                        help="do all apply? Three that are quickly tried")
    args = parser.parse_args()
    start = time.monotonic()
    try:
        mutants = [Mutant(path) for path in sorted(glob.glob(os.path.join(HERE, "mutants", "*.patch")))]
        if args.list:
            for mutant in mutants:
                print(f"{mutant.name:34} {mutant.words}  [{mutant.catcher}]")
            return 0
        caught, count = campaign(args, mutants)
    except Failure as failure:
        print(f"mutants: {failure}")
        return 2
    print(f"mutants: {caught} caught of {count}, {count - caught} not caught, "
          f"{time.monotonic() - start:.0f} s")
    return 0 if count and caught == count else 1


if __name__ == "__main__":
    sys.exit(main())
