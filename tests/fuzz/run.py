#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""Runs fuzz targets: the seeds, what was found before, then new inputs.

    run.py [--bin BUILD] [--seconds N] [--covers FILE[:FUNCTIONS]...] [--least PERCENT] [NAME...]

What is found is kept in BUILD/fuzz/corpus/NAME, an input that fails in BUILD/fuzz/failed/. With
--covers the share of lines that the seeds alone reach is printed, over these files (or, with a
pattern, over these functions of them), and must be at least PERCENT.
"""
import argparse
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))


def run_target(args, name, seconds):
    """Fuzzes for so long; 0 seconds: only the seeds and the corpus, once."""
    corpus, failed = (os.path.join(args.bin, "fuzz", kind) for kind in ("corpus/" + name, "failed"))
    os.makedirs(corpus, exist_ok=True)
    os.makedirs(failed, exist_ok=True)
    command = [os.path.join(args.bin, "fuzz", f"fuzz-{name}"),
               f"-artifact_prefix={failed}/{name}-", "-print_final_stats=1", "-timeout=10",
               "-rss_limit_mb=2048", f"-max_total_time={seconds}" if seconds else "-runs=0",
               corpus, os.path.join(HERE, "seeds", name)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace",
                          env={**os.environ, "LLVM_PROFILE_FILE": "/dev/null"})
    if done.returncode != 0:
        print("\n".join(done.stdout.splitlines()[-60:]))
        print(f"fuzz {name}: FAILED; the input is in {failed}")
        return False
    found = dict(re.findall(r"^stat::(\w+):\s+(\d+)", done.stdout, flags=re.M))
    print(f"fuzz {name}: no failure in {found.get('number_of_executed_units')} runs, "
          f"{found.get('average_exec_per_sec')} a second, {len(os.listdir(corpus))} inputs kept")
    return True


def line_counts(program, profile, covers):
    """(all lines, lines not reached) of the functions that `covers` names."""
    path, _, pattern = covers.partition(":")
    report = subprocess.run(["llvm-cov", "report", program, f"-instr-profile={profile}",
                             "-show-functions", os.path.join(ROOT, path)], check=True,
                            capture_output=True, text=True).stdout
    every = missed = 0
    for line in report.splitlines():
        # name, regions, missed, percent, lines, missed, percent, ...
        found = re.match(r"(\S+)\s+\d+\s+\d+\s+\S+%\s+(\d+)\s+(\d+)\s", line)
        if not found or found.group(1) == "TOTAL":
            continue
        function = found.group(1).split(":")[-1]        # statics are FILE:NAME
        if re.fullmatch(pattern or ".*", function):
            every += int(found.group(2))
            missed += int(found.group(3))
    return every, missed


def coverage(args, name):
    """Prints how many lines the seeds reach. False if they are too few."""
    program = os.path.join(args.bin, "fuzz", f"fuzz-{name}")
    every = missed = 0
    with tempfile.TemporaryDirectory() as folder:
        raw, profile = os.path.join(folder, "raw"), os.path.join(folder, "profile")
        subprocess.run([program, "-runs=0", os.path.join(HERE, "seeds", name)], check=True,
                       capture_output=True, env={**os.environ, "LLVM_PROFILE_FILE": raw})
        subprocess.run(["llvm-profdata", "merge", "-sparse", raw, "-o", profile], check=True)
        for covers in args.covers:
            counts = line_counts(program, profile, covers)
            print(f"fuzz {name}:   {counts[0] - counts[1]} of {counts[0]} lines of {covers}")
            every, missed = every + counts[0], missed + counts[1]
    percent = 100 * (every - missed) / every if every else 0
    print(f"fuzz {name}: the seeds alone reach {percent:.1f} % of the decoder's lines, target "
          f"{args.least:.0f} %")
    return percent >= args.least


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", default="build/fuzz")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--covers", action="append", default=[])
    parser.add_argument("--least", type=float, default=80)
    parser.add_argument("names", nargs="*", metavar="NAME")
    args = parser.parse_args()
    there = sorted(name[5:] for name in os.listdir(os.path.join(args.bin, "fuzz"))
                   if name.startswith("fuzz-"))
    unknown = [name for name in args.names if name not in there]
    if unknown:
        sys.exit(f"there is no target {unknown[0]!r}; there are: {' '.join(there)}")
    good = True
    with tempfile.TemporaryDirectory(prefix="fuzz-", dir="/dev/shm") as folder:
        os.environ["TMPDIR"] = folder       # for targets that need files
        for name in args.names or there:
            good = run_target(args, name, args.seconds) and good
            good = (not args.covers or coverage(args, name)) and good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
