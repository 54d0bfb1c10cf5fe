#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""What weir report traffic costs: time against awk, and memory.

    report.py [--bin BUILD] [--rows 10000000] [--best-of 3] [--keep FILE]

The file has 500 locations, times with a zone, in no order of locations. Beside weir runs an awk script
that does nothing but add counts by location and hour of the text: no check, no zone, no groups; of
both the best of some runs counts, taken in turns. Then memory with files of a tenth and of all the
rows, and with as many locations as there may be. The exit status is 1 when a target is missed.
"""
import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

AWK = r"""BEGIN { FS = "," } NR > 1 { key = $1 "," substr($2, 12, 2); sum[key] += $3; rows[key]++ }
END { for (key in sum) print key, sum[key] / rows[key] }"""
RATIO_MAX = 1.0             # of awk's time
GROWTH_MAX_KB = 1024        # of memory, from a tenth of the rows to all
FULL_MAX_MB = 300           # of memory, with all locations that there may be
LOCATIONS = 65536


def measure(command):
    """Seconds, peak memory in KB: looked at every 10 ms, as what wait4() tells begins with our own."""
    peak = 0
    begin = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        while process.poll() is None:
            with open(f"/proc/{process.pid}/status", encoding="ascii") as f:
                for line in f:
                    if line.startswith("VmHWM:"):
                        peak = max(peak, int(line.split()[1]))
            time.sleep(0.01)
        seconds = time.monotonic() - begin
        problems = process.stderr.read()
    if process.returncode != 0 or problems:
        sys.exit(f"{command[0]}: {process.returncode}: {problems.decode()}")
    return seconds, peak


def write_rows(path, rows, locations):
    """A year by the hour, again and again until there are enough rows."""
    rng = random.Random(1)
    names = [f"Street {i:05}" for i in range(locations)]
    with open(path, "w", encoding="ascii") as f:
        f.write("location,time,vehicle_count\n")
        day = 0
        while rows > 0:
            date = time.strftime("%Y-%m-%d", time.gmtime(1735689600 + day % 365 * 86400))
            for hour in range(24):
                stamp = f",{date}T{hour:02}:00:00Z,"
                part = [f"{name}{stamp}{rng.getrandbits(10)}\n" for name in names[:rows]]
                f.write("".join(part))
                rows -= len(part)
            day += 1


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--bin", default="build/release")
    parser.add_argument("--rows", type=int, default=10000000)
    parser.add_argument("--best-of", type=int, default=3)
    parser.add_argument("--keep", help="where the file of rows is, or shall stay")
    options = parser.parse_args()
    program = [os.path.join(options.bin, "weir-report"), "traffic"]
    met = True

    def tell(name, value, limit, unit=""):
        nonlocal met
        met = met and value <= limit
        print(f"{name} {value:.4g}{unit} target <= {limit:g}", flush=True)

    with tempfile.TemporaryDirectory() as folder:
        large = options.keep or os.path.join(folder, "large.csv")
        if not os.path.exists(large):
            write_rows(large, options.rows, 500)
        small, full = os.path.join(folder, "small.csv"), os.path.join(folder, "full.csv")
        write_rows(small, options.rows // 10, 500)
        write_rows(full, LOCATIONS * 24, LOCATIONS)
        print(f"rows {options.rows}, {os.path.getsize(large) / 1e6:.0f} MB; awk is "
              f"{os.path.realpath(shutil.which('awk'))}")
        zone = ["--timezone", "Europe/Berlin", "--html", os.path.join(folder, "a.html")]
        weir, awk, memory = [], [], 0
        for _ in range(options.best_of):
            seconds, memory = measure([*program, large, *zone])
            weir.append(seconds)
            awk.append(measure(["awk", AWK, large])[0])
        print(f"weir s {min(weir):.3g}\nawk s {min(awk):.3g}")
        print(f"rows/s {options.rows / min(weir):.3g}")
        tell("time against awk", min(weir) / min(awk), RATIO_MAX)
        print(f"memory MB {memory / 1024:.3g}")
        tell("memory growth KB from a tenth of the rows",
             memory - measure([*program, small, *zone])[1], GROWTH_MAX_KB)
        seconds, memory = measure([*program, full, *zone, "--clusters", "9", "--json"])
        print(f"{LOCATIONS} locations s {seconds:.3g}")
        tell(f"memory MB of {LOCATIONS} locations", memory / 1024, FULL_MAX_MB)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
