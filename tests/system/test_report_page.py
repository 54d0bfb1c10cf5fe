#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""The page of weir report in a real browser: light and dark, on a desk and on a phone."""
import html
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import city

WEIR = os.path.join(os.environ["WEIR_BIN"], "weir")
BROWSER = shutil.which("chromium")
LIGHT, DARK = 1, 0          # of the browser's setting preferredColorScheme
READABLE = 11               # pixels that letters must have
# Measures the page in itself and leaves what it found at the end; the page of the user has no script.
PROBE = """<script>
const wide = node => Math.round(node.getBoundingClientRect().right);
const shown = node => node.getClientRects().length > 0;
const letters = node => parseFloat(getComputedStyle(node).fontSize) *
    (node.ownerSVGElement ? node.ownerSVGElement.getScreenCTM().a : 1);
const ground = getComputedStyle(document.body).backgroundColor;
const all = [...document.querySelectorAll("body *")].filter(shown);
const texts = all.filter(node => node.matches("text,td,th,p,h1,h2,caption"));
const overlaps = [...document.querySelectorAll("svg.chart")].filter(shown).flatMap(svg => {
    const boxes = [...svg.querySelectorAll("text")].map(node => [node.textContent,
                                                                node.getBoundingClientRect()]);
    return boxes.flatMap(([a, one], i) => boxes.slice(i + 1).filter(([b, two]) =>
        one.left < two.right && two.left < one.right && one.top + 2 < two.bottom - 2 &&
        two.top + 2 < one.bottom - 2).map(([b]) => a + " / " + b));
});
const broken = [...document.querySelectorAll("thead th")].filter(shown).flatMap(cell => {
    const text = cell.firstChild;
    return [...text.data.matchAll(/\\S+/g)].filter(word => {
        const range = document.createRange();
        range.setStart(text, word.index);
        range.setEnd(text, word.index + word[0].length);
        return range.getClientRects().length > 1;
    }).map(word => word[0]);
});
const found = {
    width: innerWidth,
    scroll: document.documentElement.scrollWidth,
    right: Math.max(...all.map(wide)),
    letters: Math.min(...texts.map(letters)),
    charts: [...document.querySelectorAll("svg.chart")].filter(shown).map(svg => svg.classList[1]),
    dots: document.querySelectorAll("svg.chart.wide circle.dot, svg.chart.wide rect.dot").length,
    ground: ground,
    ink: getComputedStyle(document.body).color,
    colours: [...new Set(all.filter(node => node.matches("svg.chart .dot, svg.chart text"))
                            .map(node => getComputedStyle(node).fill))],
    overlaps: overlaps,
    broken: broken,
    errors: performance.getEntriesByType("resource").map(one => one.name),
};
parent.document.body.append(Object.assign(parent.document.createElement("pre"),
                                          {id: "found", textContent: JSON.stringify(found)}));
</script>"""
# A browser's window is never as narrow as a phone, a frame in it is.
FRAME = """<!doctype html><style>:root{color-scheme:light dark}iframe{border:0;height:4000px}</style>
<body><iframe width="%d" srcdoc="%s"></iframe></body>"""


def luminance(colour):
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    parts = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(one, two):
    low, high = sorted((luminance(one), luminance(two)))
    return (high + 0.05) / (low + 0.05)


class InABrowser(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = folder.name
        counts = os.path.join(cls.folder, "counts.csv")
        rows = list(city.City(seed=3, places=60, days=21).rows())
        with open(counts, "w", encoding="utf-8") as f:
            f.write("location,time,vehicle_count\n")
            f.writelines(f"{name},{utc.isoformat()},{count}\n" for name, utc, _, count in rows)
            long = "A crossing whose name alone is longer than any telephone is wide " + "x" * 100
            f.writelines(f"{long},{utc.isoformat()},{2 * count}\n" for name, utc, _, count in rows
                         if name.startswith("Arterial 00"))
        jagged = os.path.join(cls.folder, "jagged.csv")     # each group has every other hour
        with open(jagged, "w", encoding="utf-8") as f:
            f.write("location,time,vehicle_count\n")
            f.writelines(f"a,2025-01-01 {hour:02}:00,{123.4 + 444.4 * (hour % 2)}\n"
                         for hour in range(24))
        for clusters, path in ((3, counts), (9, counts), (2, jagged)):
            subprocess.run([WEIR, "report", "traffic", path, "--timezone", "Europe/Berlin",
                            "--html", cls.page(clusters), "--clusters", str(clusters)],
                           check=True, stdout=subprocess.DEVNULL, timeout=60)

    @classmethod
    def page(cls, clusters):
        return os.path.join(cls.folder, f"{clusters}.html")

    def browse(self, clusters, width, scheme):
        """What the probe found in the page."""
        path = os.path.join(self.folder, "probed.html")
        with open(self.page(clusters), encoding="utf-8") as f:
            text = f.read()
        with open(path, "w", encoding="utf-8") as f:
            text = text.replace("</body>", PROBE + "</body>")
            f.write(FRAME % (width, html.escape(text)))
        with tempfile.TemporaryDirectory() as profile:
            done = subprocess.run(
                [BROWSER, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                 f"--user-data-dir={profile}", "--host-resolver-rules=MAP * ~NOTFOUND",
                 "--disable-background-networking", "--no-first-run", "--dump-dom",
                 f"--blink-settings=preferredColorScheme={scheme}",
                 "--window-size=1400,4100", "file://" + path],
                capture_output=True, text=True, timeout=120, check=False)
        found = re.search(r'<pre id="found">(.*?)</pre>', done.stdout, re.S)
        self.assertIsNotNone(found, done.stderr[-2000:])
        return json.loads(html.unescape(found.group(1)))

    def test_every_width_and_scheme(self):
        for clusters, dots in ((3, 200), (9, 200), (2, 24)):
            for width, chart in ((390, "narrow"), (1200, "wide")):
                for scheme in (LIGHT, DARK):
                    with self.subTest(clusters=clusters, width=width, scheme=scheme):
                        found = self.browse(clusters, width, scheme)
                        self.check(found, width, chart, scheme)
                        self.assertGreaterEqual(found["dots"], dots)

    def check(self, found, width, chart, scheme):
        self.assertEqual(found["width"], width)
        self.assertLessEqual(found["scroll"], width)            # it does not scroll sideways
        self.assertLessEqual(found["right"], width)
        self.assertGreaterEqual(found["letters"], READABLE)
        self.assertEqual(found["charts"], [chart, chart])
        self.assertEqual(found["overlaps"], [])
        self.assertEqual(found["broken"], [])                   # no word of a head is cut in two
        self.assertEqual(found["errors"], [])                   # it has loaded nothing
        dark = luminance(found["ground"]) < luminance(found["ink"])
        self.assertEqual(dark, scheme == DARK)
        self.assertGreaterEqual(contrast(found["ground"], found["ink"]), 7)
        for colour in found["colours"]:
            self.assertGreaterEqual(contrast(found["ground"], colour), 3, colour)


if __name__ == "__main__":
    if BROWSER is None:
        print("skipped: there is no chromium here to open the page with")
        sys.exit(77)
    unittest.main(verbosity=2)
