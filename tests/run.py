#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""Runs the tests of several build trees as one ctest, with one summary at the end.

    run.py [--all] BUILD... [-- CTEST-OPTION...]

Before the summary stands, for every test that was skipped or has skipped a part of itself, why.
With --all a skipped test is a failure.
"""
import argparse
import os
import re
import subprocess
import sys


def one_tree(builds):
    """A tree for ctest that has the tests of all these."""
    tree = os.path.join(os.path.dirname(os.path.abspath(builds[0])), "all")
    os.makedirs(tree, exist_ok=True)
    with open(os.path.join(tree, "CTestTestfile.cmake"), "w") as f:
        f.writelines(f'subdirs("{os.path.abspath(build)}")\n' for build in builds)
    return tree


def run_ctest(tree, options):
    """Prints what ctest prints, but keeps back its summary; (exit status, summary)."""
    jobs = [] if any(option.startswith("-j") for option in options) else [f"-j{os.cpu_count() + 1}"]
    command = ["ctest", "--test-dir", tree, "--output-on-failure", "--no-tests=error", *jobs,
               *options]
    summary = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace") as ctest:
        for line in ctest.stdout:
            if summary or re.match(r"\d+% tests passed", line):
                summary.append(line)
            else:
                print(line, end="", flush=True)
    return ctest.returncode, summary


def skipped(tree):
    """(test, why) of everything that was skipped, from ctest's own log."""
    with open(os.path.join(tree, "Testing/Temporary/LastTest.log"), errors="replace") as f:
        log = f.read()
    for part in re.split(r"^\d+/\d+ Testing: ", log, flags=re.M)[1:]:
        name = part.split("\n", 1)[0]
        reasons = re.findall(r"^(?:(\S+) .*\.\.\. )?skipped[: ]*'?(.*?)'?$", part, flags=re.M)
        reasons += [(test, "says the test") for test in
                    re.findall(r"^\[  SKIPPED \] (\w+)$", part, flags=re.M)]
        for test, why in dict.fromkeys(reasons):
            yield f"{name} {test}".strip(), why
        if not reasons and "Test Skipped." in part:
            yield name, "no reason given"


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("builds", nargs="+")
    options = sys.argv[1:]
    cut = options.index("--") if "--" in options else len(options)
    args = parser.parse_args(options[:cut])
    tree = one_tree(args.builds)
    status, summary = run_ctest(tree, options[cut + 1:])
    left_out = list(skipped(tree))
    for name, why in left_out:
        print(f"skipped: {name}: {why}")
    if args.all and left_out:
        print(f"{len(left_out)} skipped, which --all does not allow")
        status = status or 1
    print("\n" + "".join(summary), end="")
    return status


if __name__ == "__main__":
    sys.exit(main())
