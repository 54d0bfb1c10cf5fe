#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""weir report traffic: a city with planted groups, every form of the same counts, rows and files
that are broken, what weir receive writes, memory, and files that are there whole or not at all."""
import collections
import csv
import io
import json
import os
import pty
import random
import re
import resource
import signal
import subprocess
import tempfile
import threading
import unittest
import xml.dom.minidom
from html.parser import HTMLParser

import city
from rig import RigTest, wait_for

WEIR = os.path.join(os.environ["WEIR_BIN"], "weir")
SOURCE = os.environ["WEIR_SOURCE"]
BERLIN = ("--timezone", "Europe/Berlin")
VOID = {"meta", "br", "hr", "img", "input", "link"}


def report(*args, stdin=None, env=None):
    """Runs it; (exit status, stdout, stderr)."""
    done = subprocess.run([WEIR, "report", "traffic", *args], input=stdin, capture_output=True,
                          timeout=120, check=False, env={**os.environ, **(env or {})})
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def plain(rows):
    """CSV of (location, time, count)."""
    return "location,time,vehicle_count\n" + "".join(f"{a},{b},{c}\n" for a, b, c in rows)


class ReportTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def file(self, name, content):
        with open(self.path(name), "wb") as f:
            f.write(content if isinstance(content, bytes) else content.encode())
        return self.path(name)

    def result(self, *args, **options):
        status, out, problems = report(*args, "--json", **options)
        self.assertEqual((status, problems), (0, ""))
        return json.loads(out)

    def fails(self, status, words, *args, **options):
        got, out, problems = report(*args, **options)
        self.assertEqual((got, out), (status, ""), problems)
        self.assertIn(words, problems)


class PlantedCity(ReportTest):
    """The counts of a year, as another program would take them together."""

    @classmethod
    def setUpClass(cls):
        cls.city = city.City(seed=1)
        cls.rows = [(name, f"{utc:%Y-%m-%dT%H:%M:%SZ}", count, local)
                    for name, utc, local, count in cls.city.rows()]
        cls.text = plain(row[:3] for row in cls.rows)

    def test_finds_what_was_planted(self):
        found = self.result(self.file("city.csv", self.text), *BERLIN, "--top", "60")
        self.assertEqual(found["rows"]["used"], 60 * 8760)
        self.assertEqual((found["from"], found["to"]), ("2025-01-01", "2025-12-31"))
        self.assertEqual([one["location"] for one in found["locations"]], sorted(self.city.places))
        wrong = [(one["location"], hour) for one in found["locations"] for hour in range(24)
                 if one["cluster"][hour] !=
                 city.group_of(self.city.places[one["location"]], hour)]
        self.assertEqual(wrong, [])
        rush = {hour for hours in city.SORTS.values() for hour in hours.get(city.RUSH, ())}
        self.assertEqual(set(found["peak_hours"][:len(rush)]), rush)
        for peak in found["peak_places"]:
            sort = self.city.places[peak["location"]]
            self.assertEqual(peak["top"], len(city.SORTS[sort].get(city.RUSH, ())))
        self.assertTrue(all(one["location"].startswith("Arterial")
                            for one in found["peak_places"][:12]))

    def test_means_are_those_of_another_program(self):
        sums = collections.defaultdict(lambda: [0, 0])
        for name, _, count, local in self.rows:
            for key in ((name, local.hour), (name, local.hour, local.weekday() >= 5)):
                sums[key][0] += count
                sums[key][1] += 1
        mean = {key: total / rows for key, (total, rows) in sums.items()}
        found = self.result(self.file("city.csv", self.text), *BERLIN)
        for one in found["locations"]:
            self.assertEqual(one["rows"], 8760)
            for hour in range(24):
                self.assertAlmostEqual(one["mean"][hour], mean[one["location"], hour], 4)
        for hour in found["hours"]:
            for key, weekend in (("weekday", False), ("weekend", True)):
                expected = sum(mean[name, hour["hour"], weekend] for name in self.city.places) / 60
                self.assertAlmostEqual(hour[key], expected, 4)
        cells = [value for key, value in mean.items() if len(key) == 2]
        middle = sum(cells) / len(cells)
        spread = (sum((value - middle) ** 2 for value in cells) / len(cells)) ** 0.5
        self.assertAlmostEqual(found["mean"], middle, 4)
        self.assertAlmostEqual(found["spread"], spread, 4)
        for group in found["clusters"]:
            members = [mean[one["location"], hour] for one in found["locations"]
                       for hour in range(24) if one["cluster"][hour] == group["cluster"]]
            centre = sum(members) / len(members)
            self.assertEqual(group["cells"], len(members))
            self.assertAlmostEqual(group["centre"], centre, 4)
            self.assertAlmostEqual(group["standard"], (centre - middle) / spread, 6)
            self.assertAlmostEqual(group["from"], min(members), 4)
            self.assertAlmostEqual(group["to"], max(members), 4)

    def test_days(self):
        path = self.file("city.csv", self.text)
        weekday, weekend = (self.result(path, *BERLIN, "--days", days)
                            for days in ("weekday", "weekend"))
        self.assertEqual(weekday["clusters"][-1]["cells"], 96)
        self.assertGreater(weekday["clusters"][-1]["centre"], 850)
        self.assertLess(weekend["clusters"][-1]["centre"], 400)
        self.assertEqual(weekday["hours"][3]["weekend"], weekend["hours"][3]["weekend"])


class Forms(ReportTest):
    """The same counts in other clothes give the same answer."""

    def setUp(self):
        super().setUp()
        self.rows = [(name, utc, count)
                     for name, utc, _, count in city.City(seed=2, places=10, days=20).rows()]
        self.expected = self.result(self.file("plain.csv", self.write()), *BERLIN)

    def write(self, time=lambda utc: f"{utc:%Y-%m-%dT%H:%M:%SZ}", rows=None, **options):
        out = io.StringIO()
        writer = csv.writer(out, **{"lineterminator": "\n", **options})
        writer.writerow(("location", "time", "vehicle_count"))
        writer.writerows((name, time(utc), count) for name, utc, count in rows or self.rows)
        return out.getvalue()

    def same(self, *args, stdin=None):
        found = self.result(*args, *BERLIN, stdin=stdin)
        found["rows"]["without_zone"] = 0
        self.assertEqual(found, self.expected)

    def test_line_ends_quotes_and_mark(self):
        self.same(self.file("a.csv", self.write(lineterminator="\r\n")))
        self.same(self.file("a.csv", self.write(quoting=csv.QUOTE_ALL)))
        self.same(self.file("a.csv", b"\xef\xbb\xbf" + self.write().encode()))
        self.same(self.file("a.csv", self.write().rstrip("\n")))
        self.same(self.file("a.csv", self.write(delimiter=";")))
        self.same(self.file("a.csv", self.write(delimiter="\t")))

    def test_times(self):
        for time in (lambda utc: int(utc.timestamp()), lambda utc: f"{utc.timestamp():.3f}",
                     lambda utc: utc.astimezone(city.ZONE).isoformat(),
                     lambda utc: utc.isoformat(" ", "minutes"),
                     lambda utc: f"{utc.astimezone(city.ZONE):%Y-%m-%d %H:%M}"):
            self.same(self.file("a.csv", self.write(time)))

    def test_columns_in_any_order(self):
        out = ['Vehicle_Count,"a, column",TIME,location,x\n']
        out += [f'{count},"1\n2",{utc:%Y-%m-%dT%H:%M:%SZ},{name},\n'
                for name, utc, count in self.rows]
        self.same(self.file("a.csv", "".join(out)))
        other = self.write().replace("location,time,vehicle_count", "street,at,n", 1)
        self.same(self.file("a.csv", other), "--columns", "time=at,vehicle_count=n,location=street")
        other = self.write().replace("location,", "device,", 1)
        self.same(self.file("a.csv", other))

    def test_several_files_and_standard_input(self):
        random.Random(1).shuffle(self.rows)
        parts = [self.write(rows=self.rows[i::3]) for i in range(3)]
        self.same(self.file("a.csv", parts[0]), "-", self.file("c.csv", parts[2]),
                  stdin=parts[1].encode())

    def test_zone_of_the_machine(self):
        status, out, _ = report(self.path("plain.csv"), "--json", env={"TZ": "Europe/Berlin"})
        self.assertEqual(status, 0)
        self.assertEqual(json.loads(out), self.expected)
        self.assertNotEqual(self.result(self.path("plain.csv"), "--timezone", "UTC"), self.expected)

    def test_zone_that_is_none(self):
        path = self.path("plain.csv")
        for zone in ("Nonsense", "Europe/Atlantis", ":Berlin", "/etc/nothing", "UTC\x1b1"):
            self.fails(2, "weir: there is no time zone ", path, env={"TZ": zone})
        for zone in ("", "UTC", ":UTC", "CET-1CEST,M3.5.0,M10.5.0/3", "<+0530>-5:30",
                     "/usr/share/zoneinfo/Europe/Berlin"):
            status, out, problems = report(path, "--json", env={"TZ": zone})
            self.assertEqual((status, problems), (0, ""))
            self.assertEqual(json.loads(out)["timezone"], zone.lstrip(":") or "UTC")

    def test_strange_names(self):
        names = ['a "quoted" one', "with, comma", "two\u2009words & <b>", "Königstraße 🚗", "-", "0"]
        rows = [(name, utc, count) for name in names for _, utc, count in self.rows[::10]]
        found = self.result(self.file("a.csv", self.write(rows=rows)), *BERLIN)
        self.assertEqual(sorted(one["location"] for one in found["locations"]), sorted(names))


class BrokenRows(ReportTest):
    ROWS = (
        ("a,2025-01-01T00:00:00Z,n/a", 'vehicle_count is no number: "n/a"'),
        ("a,2025-01-01T00:00:00Z,-1", 'vehicle_count is negative: "-1"'),
        ("a,2025-01-01T00:00:00Z,1e13", 'vehicle_count is too large: "1e13"'),
        ("a,2025-01-01T00:00:00Z,", "vehicle_count is empty"),
        ("a,yesterday,1", 'time is none: "yesterday"'),
        ("a,2025-02-29T00:00:00Z,1", 'time is none: "2025-02-29T00:00:00Z"'),
        ("a,1735689600000,1", 'time is too large: milliseconds?: "1735689600000"'),
        ("a,,1", "time is empty"),
        (",2025-01-01T00:00:00Z,1", "location is empty"),
        ("a\x1b[31m,2025-01-01T00:00:00Z,1", 'location is no text: "a?[31m"'),
        ("x" * 257 + ",2025-01-01T00:00:00Z,1", "location is longer than 256 bytes: \"xxx"),
        ("a,2025-01-01T00:00:00Z", "the row has another number of columns than the header"),
        ("a,2025-01-01T00:00:00Z,1,", "the row has another number of columns than the header"),
        ('"a"b,2025-01-01T00:00:00Z,1', "text after a closing quote"),
        ("a" * 70000 + ",2025-01-01T00:00:00Z,1", "the row is longer than 65536 bytes"),
        ('a,2025-01-01T00:00:00Z,"1', "a quote is not closed"),
    )
    GOOD = "b,2025-01-01T08:00:00Z,10\nc,2025-01-01T09:00:00Z,20\n"

    def test_each_is_named_and_the_others_count(self):
        for row, words in self.ROWS:
            with self.subTest(words):
                path = self.file("a.csv", plain([]) + self.GOOD + row + "\n" +
                                 self.GOOD.replace("1\n", "2\n"))
                status, out, problems = report(path, "--json", "--timezone", "UTC")
                self.assertEqual(status, 0, problems)
                lines = problems.splitlines()
                self.assertTrue(lines[0].startswith(f"weir: {path}:4: {words}"), lines)
                reason = words.split(': "')[0]
                self.assertEqual(lines[1:], [f"weir: 1 of 5 rows left out: 1 {reason}"])
                found = json.loads(out)
                self.assertEqual(found["rows"]["used"], 4)
                self.assertEqual(found["left_out"]["reasons"], {reason: 1})
                first = found["left_out"]["first"][0]
                self.assertEqual((first["file"], first["line"], first["reason"]), (path, 4, reason))

    def test_all_are_counted_and_five_named(self):
        path = self.file("a.csv", plain([]) + self.GOOD + "d,x,1\n" * 1000 +
                         "".join(row + "\n" for row, _ in self.ROWS))
        status, _, problems = report(path)
        lines = problems.splitlines()
        self.assertEqual((status, len(lines)), (0, 6))
        self.assertIn("weir: 1016 of 1018 rows left out: ", lines[-1])
        self.assertIn("1002 time is none", lines[-1])
        status, page, _ = report(path, "--html", self.path("a.html"))
        with open(self.path("a.html"), encoding="utf-8") as f:
            self.assertIn("1016 of 1018 rows were left out: ", f.read())

    def test_nothing_usable(self):
        self.fails(1, "weir: no usable row\n", self.file("a.csv", plain([])))
        self.fails(1, "weir: no usable row\n", self.file("a.csv", plain([("a", "b", "c")])))
        self.fails(1, "weir: no usable row of a weekend\n", "--days", "weekend",
                   self.file("a.csv", plain([("a", "2025-01-01T00:00:00Z", 1)])))

    def test_files_that_are_none(self):
        self.fails(3, "nothing.csv: No such file or directory", self.path("nothing.csv"))
        self.fails(3, ": Is a directory", self.folder)
        self.fails(3, "a.csv: it is empty", self.file("a.csv", ""))
        self.fails(3, "a.csv: it is UTF-16", self.file("a.csv", plain([]).encode("utf-16")))
        self.fails(3, 'a.csv:1: there is no column "vehicle_count"; there are: "location", "time", '
                      '"n" (--columns names them)', self.file("a.csv", "location,time,n\n"))
        self.fails(3, 'a.csv:1: there are two columns "time"',
                   self.file("a.csv", "location,time,time,vehicle_count\n"))
        self.fails(3, "a.csv:1: this is no header", self.file("a.csv", '"location\n'))
        self.fails(3, 'a.csv:1: there is no column "location"',
                   self.file("a.csv", bytes(range(256)) * 9))

    def test_too_many_locations(self):
        path = self.file("a.csv", plain((i, "2025-01-01T00:00:00Z", i) for i in range(65537)))
        self.fails(3, "a.csv:65538: more than 65536 locations; is \"location\" the location?", path)

    def test_usage(self):
        path = self.file("a.csv", plain([("a", "2025-01-01T00:00:00Z", 1)]))
        self.fails(2, "which FILE?")
        for args, words in ((("--clusters", "1"), "a number from 2 to 9"),
                            (("--clusters", "three"), "a number from 2 to 9"),
                            (("--top", "0"), "a number from 1 to 1000"),
                            (("--days", "monday"), "all, weekday or weekend"),
                            (("--columns", "place=x"), "as in location=street"),
                            (("--columns", "time"), "as in location=street"),
                            (("--columns", "time=a,time=b"), "as in location=street"),
                            (("--html", "-"), "the name of a file"),
                            (("--title", "\x1b"), "UTF-8 text"),
                            (("--timezone", "Berlin"), 'there is no time zone "Berlin"'),
                            (("--what",), "there is no such option"),
                            (("-", "-"), "only once")):
            with self.subTest(args):
                self.fails(2, words, path, *args)
        done = subprocess.run([WEIR, "report", "weather", path], capture_output=True, check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn(b'there is no report "weather"', done.stderr)

    def test_fewer_groups_than_asked_for(self):
        path = self.file("a.csv", plain([("a", "2025-01-01T00:00:00Z", 7)] * 3))
        status, out, _ = report(path, "--html", self.path("a.html"))
        self.assertEqual(status, 0)
        self.assertIn("3 groups were asked for, but only 1 means differ", out)
        found = self.result(path)
        self.assertEqual([(one["centre"], one["standard"]) for one in found["clusters"]], [(7, 0)])


class FromReceive(RigTest):
    """Records at a broker, weir receive --csv, weir report: without --columns, and with."""

    def record(self, seq, time, kind="interval", device="junction", **more):
        values = {"vehicle_count": 10 * seq} if kind == "interval" else {"voltage": 230.1}
        return {"gateway": "g", "bus": "b", "epoch": 7, "seq": seq, "device": device, "kind": kind,
                "time": time, "values": values, **more}

    def through(self, *records, options=()):
        broker = self.rig.broker()
        receive = self.rig.receive(broker, "--csv", *options)
        wait_for(lambda: "subscribed" in receive.log_text(), what="the subscription")
        for one in records:
            broker.publish(f"weir/g/{one['device']}/{one['kind']}", json.dumps(one))
        wait_for(lambda: f"{records[-1]['time']}" in receive.text(), what="the last record")
        receive.signal(signal.SIGTERM)
        self.assertEqual(receive.wait(), 0)
        path = os.path.join(self.rig.dir, "counts.csv")
        with open(path, "w", encoding="utf-8") as f:
            f.write(receive.text())
        status, out, problems = report(path, "--timezone", "UTC", "--json")
        self.assertEqual(status, 0, problems)
        return json.loads(out), problems

    def day(self):
        unsynced = {"clock": "unsynced"}
        clock = {"gateway": "g", "bus": "weir", "epoch": 7, "seq": 1, "device": "g",
                 "kind": "event", "time": "2026-11-22T12:00:00.000Z",
                 "values": {"event": "clock", "of_bus": "b", "of_epoch": 7,
                            "offset_s": 1795348800.0 - 100, "was": "unsynced"}}
        return [self.record(1, "2026-11-22T08:00:00.000Z", after=[]),
                self.record(2, "2026-11-22T09:00:00.000Z"),
                self.record(2, "2026-11-22T09:00:00.000Z"),               # a repeat
                self.record(3, "1970-01-01T00:01:40.000Z", uptime=100.0, **unsynced),
                clock,                                                    # repairs 3: 12:00
                self.record(4, "2026-11-22T13:00:00.000Z"),
                self.record(5, "2026-11-22T14:00:00.000Z", kind="reading", device="meter")]

    def check(self, found):
        self.assertEqual(found["rows"]["used"], 4)
        self.assertEqual(found["rows"]["repeats"], 1)
        one, = found["locations"]
        self.assertEqual(one["location"], "junction")
        self.assertEqual({hour: mean for hour, mean in enumerate(one["mean"]) if mean is not None},
                         {8: 10, 9: 20, 12: 30, 13: 40})

    def test_as_it_writes_it(self):
        found, problems = self.through(*self.day())
        self.check(found)
        self.assertEqual(found["rows"]["other_kind"], 2)
        self.assertEqual(found["left_out"]["reasons"], {"time is not trusted": 1})
        self.assertIn("time is not trusted", problems)

    def test_header_of_another_kind(self):
        """The first record is no count: then counts are in the column `more`."""
        first = self.record(1, "2026-11-22T07:00:00.000Z", kind="reading", device="meter")
        found, _ = self.through({**first, "bus": "c", "after": []}, *self.day())
        self.check(found)
        self.assertEqual(found["rows"]["other_kind"], 3)

    def test_with_columns(self):
        columns = "gateway,bus,epoch,seq,location=device,kind,time,clock,vehicle_count"
        found, _ = self.through(*self.day(), options=("--columns", columns))
        self.check(found)


class Page(HTMLParser):
    """Tags that open must close, in order; keeps what refers to anything outside."""

    def __init__(self, text):
        super().__init__()
        self.open, self.outside, self.tags = [], [], collections.Counter()
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags[tag] += 1
        self.outside += [value for name, value in attrs
                         if name in ("src", "href", "xlink:href", "data", "action", "style")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open and self.open[-1] == tag, (tag, self.open)
            self.open.pop()


class Files(ReportTest):
    def setUp(self):
        super().setUp()
        names = ("<script>alert(1)</script>", 'a&b"c', "Königstraße")
        self.csv = self.file("a.csv", plain(
            (f'"{name.replace(chr(34), chr(34) * 2)}"', f"2025-01-0{day}T{hour:02}:00:00Z",
             hour * day * (i + 1)) for i, name in enumerate(names) for day in range(1, 8)
            for hour in range(24)))

    def test_page_and_drawing(self):
        title = 'Counts & "more" <of> it'
        for clusters in range(2, 10):
            status, _, problems = report(self.csv, "--html", self.path("a.html"), "--svg",
                                         self.path("a.svg"), "--title", title, "--clusters",
                                         str(clusters))
            self.assertEqual((status, problems), (0, ""))
            with open(self.path("a.html"), encoding="utf-8") as f:
                text = f.read()
            page = Page(text)
            self.assertEqual((page.open, page.outside, page.tags["script"]), ([], [], 0))
            self.assertIsNone(re.search(r"url\(|@import|https?://(?!www\.w3\.org/2000/svg)", text))
            self.assertIn("prefers-color-scheme:dark", text)
            for svg in re.findall(r"<svg.*?</svg>", text, re.S):
                xml.dom.minidom.parseString(svg.replace("&nbsp;", ""))
            drawing = xml.dom.minidom.parse(self.path("a.svg")).documentElement
            self.assertEqual(drawing.getAttribute("role"), "img")
            ids = drawing.getAttribute("aria-labelledby").split()
            named = {node.getAttribute("id"): node.firstChild.data for node in
                     drawing.childNodes if node.nodeName in ("title", "desc")}
            self.assertEqual(named[ids[0]], title)
            self.assertIn(f"in {clusters} groups", named[ids[1]])
            words = [node.firstChild.data for node in drawing.getElementsByTagName("text")]
            self.assertIn(title, words)
            self.assertEqual(sum(word.startswith("group ") for word in words), clusters)

    def test_old_file_stays_until_the_new_is_whole(self):
        page = self.file("a.html", "old")
        os.chmod(page, 0o640)
        self.fails(1, "no usable row", self.file("b.csv", plain([])), "--html", page)
        with open(page, encoding="utf-8") as f:
            self.assertEqual(f.read(), "old")
        self.assertEqual(report(self.csv, "--html", page)[0], 0)
        with open(page, encoding="utf-8") as f:
            self.assertTrue(f.read().endswith("</html>\n"))
        self.assertEqual(os.stat(page).st_mode & 0o777, 0o640)
        self.assertEqual(sorted(os.listdir(self.folder)), ["a.csv", "a.html", "b.csv"])

    def test_a_file_that_cannot_be_written(self):
        self.fails(3, "/nowhere/a.html: No such file or directory", self.csv, "--html",
                   "/nowhere/a.html")
        self.fails(3, ": Is a directory", self.csv, "--svg", self.folder)
        self.fails(3, "/dev/full: No space left on device", self.csv, "--html", "/dev/full")
        with open("/dev/full", "w", encoding="utf-8") as full:
            for args in ((), ("--json",)):
                done = subprocess.run([WEIR, "report", "traffic", self.csv, *args], stdout=full,
                                      stderr=subprocess.PIPE, check=False)
                self.assertEqual(done.returncode, 3)
                self.assertIn(b"standard output: ", done.stderr)

    def test_a_full_disk_leaves_the_old_file(self):
        page = self.file("a.html", "old")
        limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        done = subprocess.run(["/bin/sh", "-c", 'trap "" XFSZ; exec "$@"', "sh", WEIR, "report",
                               "traffic", self.csv, "--html", page], preexec_fn=limit,
                              capture_output=True, check=False)
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn(b"a.html: File too large", done.stderr)
        with open(page, encoding="utf-8") as f:
            self.assertEqual(f.read(), "old")
        self.assertEqual(sorted(os.listdir(self.folder)), ["a.csv", "a.html"])

    def test_drawing_stays_small_with_many_locations(self):
        path = self.file("many.csv", plain(
            (f"place {i}", f"2025-01-01T{hour:02}:00:00Z", i % 997 * (hour + 1))
            for i in range(5000) for hour in range(24)))
        self.assertEqual(report(path, "--svg", self.path("a.svg"), "--html",
                                self.path("a.html"))[0], 0)
        self.assertLess(os.path.getsize(self.path("a.svg")), 1000000)
        self.assertLess(os.path.getsize(self.path("a.html")), 2000000)
        xml.dom.minidom.parse(self.path("a.svg"))


class LargeInput(ReportTest):
    """100 MB and more through a pipe, in little memory; on a terminal it says how far it is."""

    LIMIT = 40 << 20

    def feed(self, to, megabytes, gate=None):
        part = "".join(f"place {i % 500},2025-01-{i % 28 + 1:02}T{i % 24:02}:00:00Z,{i % 977}\n"
                       for i in range(28000)).encode()
        try:
            to.write(b"location,time,vehicle_count\n")
            for _ in range((megabytes << 20) // len(part)):
                to.write(part)
            to.flush()
            if gate:
                gate.wait(30)
                to.write(part)
            to.close()
        except BrokenPipeError:
            pass

    def test_memory_is_bounded(self):
        limit = lambda: resource.setrlimit(resource.RLIMIT_AS, (self.LIMIT, self.LIMIT))
        with subprocess.Popen([WEIR, "report", "traffic", "-", "--json"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              preexec_fn=limit) as process:
            feeder = threading.Thread(target=self.feed, args=(process.stdin, 120))
            feeder.start()
            out, problems = process.stdout.read(), process.stderr.read()
            feeder.join()
        self.assertEqual((process.returncode, problems), (0, b""))
        self.assertEqual(len(json.loads(out)["locations"]), 500)

    def test_progress_on_a_terminal(self):
        ours, theirs = pty.openpty()
        gate, seen = threading.Event(), b""
        with subprocess.Popen([WEIR, "report", "traffic", "-"], stdin=subprocess.PIPE,
                              stdout=subprocess.DEVNULL, stderr=theirs) as process:
            os.close(theirs)
            feeder = threading.Thread(target=self.feed, args=(process.stdin, 1, gate))
            feeder.start()
            threading.Timer(3, gate.set).start()
            while True:
                try:
                    part = os.read(ours, 4096)
                except OSError:         # the other end is closed
                    break
                if not part:
                    break
                seen += part
            feeder.join()
        os.close(ours)
        self.assertEqual(process.returncode, 0)
        self.assertRegex(seen, rb"^\r\x1b\[Kweir: -: 0\.\d million rows")
        self.assertTrue(seen.endswith(b"\r\x1b[K"), seen)


if __name__ == "__main__":
    unittest.main(verbosity=2)
