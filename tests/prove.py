#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""Measures what weir claims and writes docs/proof.md.

    prove.py [--list] [CLAIM...]

Without names: every claim but those that make a chroot. Each runs one command, takes figures from
what it printed, and compares them with their targets. A claim that was not run now keeps its old row.
The exit status is 1 if a target was missed.
"""
import os
import platform
import re
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PAGE = os.path.join(ROOT, "docs", "proof.md")
HEAD = "| claim | what | command | figure | target | met | took |"


class Claim:
    """One command and the figures that it must print.

    Each figure is (name, pattern, bound): the pattern's first group is the number, of several the
    worst counts; a bound is at most, or at least if it begins with ">". None: the command
    prints figures with their targets, as `bench.py` does.
    """

    def __init__(self, name, what, command, figures, alone=False):
        self.name, self.what, self.command, self.figures = name, what, command, figures
        self.alone = alone          # only if asked for by name

    def run(self):
        """(row of the page, met)."""
        start = time.monotonic()
        done = subprocess.run(self.command, shell=True, cwd=ROOT, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors="replace", check=False)
        took = time.monotonic() - start
        found = (bench_figures(done.stdout) if self.figures is None else
                 [measure(done.stdout, *figure) for figure in self.figures])
        good = done.returncode == 0 and all(met for _, _, met in found)
        if not good:
            print(done.stdout[-4000:])
        figures = "; ".join(text for text, _, _ in found)
        targets = "; ".join(target for _, target, _ in found)
        return [self.name, self.what, f"`{self.command}`", figures, targets,
                "yes" if good else "NO", f"{took:.0f} s"], good


def measure(output, name, pattern, bound):
    """(figure as text, target as text, met)."""
    numbers = [float(n.replace(",", "")) for n in re.findall(pattern, output, flags=re.M)]
    least = isinstance(bound, str)
    limit = float(bound[1:]) if least else bound
    target = f"{name} {'≥' if least else '≤'} {limit:g}"
    if not numbers:
        return f"{name} not found", target, False
    worst = min(numbers) if least else max(numbers)
    return f"{name} {worst:g}", target, worst >= limit if least else worst <= limit


def tests(name, what, pattern, *figures, env=""):
    """A claim that ctest checks: these tests, none failed and none skipped."""
    return Claim(name, what, f"{env}./dev test --all -R '{pattern}' -V", [FAILED, *figures])


def bench(name, what):
    """A claim that the bench checks; it prints each figure with its target."""
    return Claim(name, what, f"./dev bench --best-of 3 {name}", None)


def bench_figures(output):
    """What `bench.py` says in a line like "W1  CPU s/million 0.8 (<= 2)  PSS MB 4.3 (<= 8)  ok"."""
    found = re.findall(r"  (?:W\w+ +)?(\S[^()\n]*?) ([\d.e+-]+) \(([<>])= ([\d.e+-]+)\)", output)
    return [(f"{name} {figure}", f"{name} {'≤' if sign == '<' else '≥'} {bound}",
             float(figure) <= float(bound) if sign == "<" else float(figure) >= float(bound))
            for name, figure, sign, bound in found] or [("no figures", "figures", False)]


FAILED = ("tests failed", r"(\d+) tests? failed out of", 0)
CLAIMS = [
    bench("W1", "Modbus TCP, 1,000 points/s: cost, memory, latency"),
    bench("W2", "Modbus TCP back to back, against bare libmodbus in the same run"),
    bench("W3", "8 devices on 9600 baud; the wire itself takes 0.550 s"),
    bench("W3d", "the same, two of them dead; one comes back and answers late"),
    bench("W4", "the broker is away for 30 s"),
    bench("W5", "the broker is away and the gateway is killed"),
    tests("kills", "nothing missing after 20 kills of core, a bus, an uplink, broker up and down",
          "^system.crossing$", env="WEIR_KILLS=20 "),
    tests("verify", "receive finds what is missing, doubled, reordered, wrongly ranged",
          "^system.receive$|^unit.receive"),
    tests("isolation", "a bus that crashes, hangs, eats memory does not delay another",
          "^system.isolation$",
          ("worst interval of a 1 s poll, ms", r"worst interval.* ([\d.]+) ms", 1200),
          env="WEIR_LONG=1 "),
    tests("modbus", "every type, order and table against pymodbus", "^system.modbus|^unit.modbus"),
    tests("mqtt", "3.1.1 only, refused login, refused records, lost links",
          "^system.mqtt|^system.uplink$"),
    tests("lines", "a tty that goes and comes back 20 times", "^system.bus$"),
    tests("windows", "each reading in one window, whoever is killed in which step; exact sums",
          "^system.window$|^unit.bus-(windows|tally|period)$"),
    Claim("window-cost", "CPU with min, mean and max of a second against every reading",
          "tests/bench/window.py", [("bus process", r"^window: .* costs ([\d.]+) of the bus", 1.1),
                                    ("whole gateway", r"^window: .* ([\d.]+) of all", 0.8)]),
    tests("unplug", "50 times pulled out and back under another name", "^system.traffic$",
          ("s until it is read again", r"taken up after ([\d.]+) s at most", 2), env="WEIR_UNPLUGS=50 "),
    tests("captures", "every capture of a counter or a radio module, and the vectors of their protocols, to the stated values; cuts, "
          "flips, noise", "^unit.(traffic|lora)"),
    Claim("pins", "M0, M1 and the reset line of radio modules on a real kernel, processes killed: what was wrong",
          "./dev crash pins", [("violated", r"(\d+) violated", 0)]),
    tests("talkers", "24 lanes of every counter at line rate for 2 minutes, the broker away for a third, each bus stopped and "
          "killed five times; the gateway off for a minute", "^system.traffic-families$",
          env="WEIR_TALK_SECONDS=120 WEIR_KILLS=5 WEIR_OFF_SECONDS=60 "),
    Claim("talkers-long", "one of them for ten minutes", "WEIR_TALK_SECONDS=600 WEIR_KILLS=5 "
          "WEIR_FAMILIES=wavetronix-ss125 ./dev test --all -R '^system.traffic-families$' -V", [FAILED], alone=True),
    Claim("city", "three counters and a meter to a report: hours that are missing", "./dev demo city",
          [("hours without a row", r"\": (\d+)[,}]", 0)]),
    Claim("talk", "CPU of a million text events against cat of the same bytes (for the record; no target is set)",
          "tests/bench/talk.py", [("bus against cat", r"bus against cat ([\d.]+)", 60)]),
    tests("plugins", "every way to refuse a plugin; the rest runs", "^system.plugins$|plugin$"),
    tests("new-adapter", "an adapter built against the installed headers delivers",
          "^system.new-adapter$"),
    tests("format", "docs/format.md is enough for another reader and writer; bytes a record",
          "^system.format$|^unit.log-queue$",
          ("bytes a record of 20 float32", r"bytes per 20-value reading: ([\d.]+)", 130)),
    tests("store", "power cuts, limits, copies of a card, a read-only one", "^system.store$"),
    tests("faults", "full, failing, stalled, missing cards; polling and forwarding go on",
          "^system.store-faults$"),
    tests("spool", "weir spool on live, stopped, damaged and rescued stores", "^system.spool$"),
    tests("invariants", "every trace of the model as a test", "^unit.invariants|^system.invariants|^unit.store|^unit.uplink"),
    tests("clock", "boots from 1970, steps, 2038, no synchronisation at all", "^system.clock$"),
    tests("report", "planted groups found, the page in a browser, every form of CSV, broken rows",
          "^system.report|^unit.report"),
    Claim("report-speed", "ten million rows against an awk script that only adds them up",
          "tests/bench/report.py", [("time against awk", r"time against awk ([\d.]+)", 1),
                                    ("MB of 65,536 locations",
                                     r"memory MB of 65536 locations ([\d.]+)", 300),
                                    ("growth, KB", r"memory growth KB .*rows (-?[\d.]+)", 1024)],
          alone=True),
    tests("draining", "rate_limit, byte counters, ETA", "^system.draining$"),
    Claim("files", "states of the spool after a power cut, in memory", "./dev crash files",
          [("violations", r"^files: .* (\d+) violations", 0),
           ("distinct states", r"^files: .*\((\d+) distinct\)", ">1000000")]),
    Claim("blocks", "states of a real ext4 after a power cut", "./dev crash blocks",
          [("violations", r"^blocks: .* (\d+) violations", 0),
           ("distinct states", r"^blocks: .*\((\d+) distinct\)", ">20000")]),
    Claim("kill", "kills at each step of a record's way", "./dev crash kill",
          [("unaccounted", r"^kill: .* (\d+) unaccounted", 0),
           ("kills", r"^kill: (\d+) kills", ">2000")], alone=True),
    Claim("vm", "power cuts of a virtual machine", "./dev crash vm --cuts 100",
          [("violations", r"^vm: .* (\d+) violations", 0),
           ("cuts", r"^vm: (\d+) cuts", ">100")], alone=True),
    Claim("flip", "each bit of headers, declarations, groups, padding, tail", "./dev crash flip",
          [("violations", r"^flip: .* (\d+) violations", 0)]),
    Claim("mutants", "rules of the log taken out one at a time: is each of them noticed?",
          "./dev crash mutants",
          [("not caught", r"^mutants: .* (\d+) not caught", 0),
           ("caught", r"^mutants: (\d+) caught", ">15")]),
    Claim("wear", "what reaches a card, at block level", "tests/bench/wear.py", [
        ("flushes a commit", r"^down-1000? .*flushes/commit ([\d.]+)", 1.3),
        ("bytes of those allowed", r"bytes/allowed ([\d.]+)", 1.0),
        ("bytes a byte, sustained", r"bytes/byte ([\d.]+)", 1.1),
        ("spool bytes a value at 1,000/s", r"^down-1000 .*bytes/value ([\d.]+)", 7),
        ("MB a day, link up", r"^up .*  MB a day ([\d.]+)", 1),
        ("bytes with checkpoint 0", r"^up-.*bytes written (\d+)", 0)], alone=True),
    Claim("drain", "draining 1,000,000 values against a bare libmosquitto publisher",
          "tests/bench/drain.py", [("wall ratio", r"wall ratio ([\d.]+)", 1.3)]),
    Claim("start", "a start with 1 GiB of backlog, 64 free and 200 damaged segments",
          "tests/bench/start.py", [("first new record s", r"first new record s ([\d.]+)", 1),
                                   ("first old record s", r"first old record s ([\d.]+)", 2),
                                   ("memory ratio", r"memory ratio ([\d.]+)", 1.1)], alone=True),
    Claim("roles", "every role clean under sanitizers: run, killed, reloaded, stopped in order",
          "./dev test --all -L roles", [FAILED]),
    tests("fuzz", "fuzz targets, lines of the decoder that the seeds alone reach", "^fuzz",
          ("lines reached %", r"the seeds alone reach ([\d.]+) %", ">80")),
    tests("functions", "no function over 100 lines; layout, includes, scripts", "^lint",
          ("longest function, lines", r"^.*?\s(\d+) lines  \w+  \S+:\d+$", 100)),
    Claim("chroot-12", "a bare Debian 12, one user: clone, demo, test",
          "tests/chroot.sh bookworm", [FAILED], alone=True),
    Claim("chroot-13", "a bare Debian 13: unit tests; builds with its gcc and clang",
          "tests/chroot.sh trixie './dev test -L unit' './dev build release fuzz'",
          [FAILED], alone=True),
]


def old_rows():
    """What the page says of claims so far, by name."""
    try:
        with open(PAGE) as f:
            cells = [[c.strip() for c in re.split(r"(?<!\\)\|", line)[1:-1]]
                     for line in f if line.startswith("| ")]
    except FileNotFoundError:
        return {}
    return {row[0]: row for row in cells if len(row) == HEAD.count("|") - 1}


def write_page(rows):
    """Rows in the order of CLAIMS."""
    lines = [line for claim in CLAIMS for line in [rows.get(claim.name)] if line]
    with open(PAGE, "w") as f:
        f.write("# Proof\n\n"
                "Each claim, the command that checks it, the figure it gave and its target.\n"
                "`./dev prove` runs them and writes this page; `./dev prove NAME` runs one again.\n\n"
                f"{HEAD}\n{'| --- ' * (HEAD.count('|') - 1)}|\n")
        f.writelines("| " + " | ".join(row) + " |\n" for row in lines)
        f.write(f"\nMachine of the last run: {os.cpu_count()} processors, {platform.machine()}, "
                f"Linux {platform.release()}, {time.strftime('%Y-%m-%d')}.\n")


def main():
    names = sys.argv[1:]
    if {"-h", "--help"} & set(names):
        print(__doc__.strip())
        return 0
    if names == ["--list"]:
        print(*(f"{claim.name:12} {claim.what}" for claim in CLAIMS), sep="\n")
        return 0
    groups = {"chroot": ["chroot-12", "chroot-13"], "bench": ["W1", "W2", "W3", "W3d", "W4", "W5"]}
    names = [one for name in names for one in groups.get(name, [name])]
    unknown = set(names) - {claim.name for claim in CLAIMS}
    if unknown:
        sys.exit(f"prove: there is no claim {sorted(unknown)[0]!r}; --list names them")
    rows, good = old_rows(), True
    for claim in CLAIMS:
        if claim.name in names or (not names and not claim.alone):
            row, met = claim.run()
            rows[claim.name] = [cell.replace("|", "\\|") for cell in row]
            good = good and met
            print(f"{claim.name:12} {row[3]}  (target: {row[4]})  {row[6]}  "
                  f"{'ok' if met else 'NOT MET'}", flush=True)
            write_page(rows)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
