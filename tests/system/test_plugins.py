#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""A bus whose adapter is refused beside a healthy one: one clear line, and a reload mends it."""
import os
import shutil
import signal
import unittest

from rig import RigTest, wait_for

REFUSED = os.path.join(os.environ["WEIR_BIN"], "tests", "refused")
PLUGINS = os.path.join(os.environ["WEIR_BIN"], "tests", "plugins")


class Plugins(RigTest):
    def put(self, name, mode=0o755):
        """A copy of a built plugin as adapter-sick.so, in a folder of our own."""
        if os.path.isdir(self.place):
            os.rmdir(self.place)
        new = self.place + ".new"
        shutil.copyfile(os.path.join(REFUSED, f"adapter-{name}.so"), new)
        os.chmod(new, mode)
        os.rename(new, self.place)

    def start(self, name, spoil=None, **put):
        folder = self.rig.path("plugins")
        os.mkdir(folder)
        self.place = os.path.join(folder, "adapter-sick.so")
        self.put(name, **put)
        if spoil:
            spoil()
        self.broker = self.rig.broker()
        self.seen = self.rig.subscriber(self.broker, "weir/rig/#")
        device = 'devices = ( { name = "%s"; every = "50ms"; points = ( { name = "n"; } ); } );'
        self.weir = self.rig.weir(
            self.rig.config(
                f'well = {{ adapter = "misbehave"; {device % "healthy"} }};\n'
                f'ill = {{ adapter = "sick"; {device % "sick"} }};',
                f'up = {{ uplink = "mqtt"; url = "{self.broker.url}"; }};'),
            env={"WEIR_PLUGIN_PATH": f"{folder}:{PLUGINS}"})
        wait_for(lambda: self.readings("healthy") > 20, what="twenty readings of the healthy bus")
        wait_for(lambda: "bus ill" in self.weir.log_text() and self.process("ill") == "refused",
                 what="the other is refused")

    def readings(self, device):
        return sum(1 for _, r in self.seen.records()
                   if r.get("device") == device and r.get("kind") == "reading")

    def process(self, bus):
        """What `weir status` says of its process."""
        buses = (self.weir.status() or {}).get("buses", [])
        return next((b["process"] for b in buses if b["name"] == bus), None)

    def check_lines(self, words):
        """One line of the bus itself and one of the check of the file; core adds what it does about
        it. No more come: there are no attempts until the reload."""
        lines = [line for line in self.weir.log_text().splitlines() if words in line]
        for start in ("weir: bus ill: adapter sick: ", f"{self.weir.conf}:4: warning: buses.ill: does not run: "):
            self.assertEqual(len([line for line in lines if line.startswith(start + words)]), 1,
                             "\n".join(lines))
        more = [line for line in lines if line.startswith("weir: core: ")]
        self.assertLessEqual(len(more), 2, "\n".join(more))
        self.assertLessEqual(len(lines), 4, "\n".join(lines))

    def mend(self):
        self.put("sick")
        before = self.readings("healthy")
        self.weir.signal(signal.SIGHUP)
        wait_for(lambda: self.readings("sick") > 5, what="the mended bus delivers")
        wait_for(lambda: self.readings("healthy") > before + 5, what="the healthy one still does")
        self.assertEqual(self.weir.stop(), 0)
        well = [line for line in self.weir.log_text().splitlines() if "core: bus well" in line]
        self.assertEqual(well, [])

    def check(self, words):
        """It is told in these words; then it is mended."""
        self.check_lines(f"{self.place}: {words}")
        self.mend()

    def test_abi(self):
        self.start("abi")
        self.check("is made for plugin ABI 99, this weir has 2")

    def test_symbol(self):
        self.start("symbol")
        self.check("has no symbol weir_adapter, so it is no adapter for weir")

    def test_short(self):
        self.start("short")
        self.check("its description is too short (16 bytes of at least ")

    def test_other_name(self):
        self.start("good")
        self.check('calls itself "good", not "sick"')

    def test_library(self):
        self.start("library")
        self.check("cannot be loaded: libweir-missing.so: cannot open shared object file")

    def test_mode(self):
        self.start("sick", mode=0o775)
        self.check("mode 0775, so others can change it; chmod 0755 ")

    def test_text(self):
        def spoil():
            with open(self.place, "w") as f:
                f.write("not an adapter\n")
        self.start("sick", spoil)
        self.check("is not a shared object")

    def test_cut_short(self):
        self.start("sick", lambda: os.truncate(self.place, 2000))
        self.check("is cut short")

    def test_directory(self):
        def spoil():
            os.unlink(self.place)
            os.mkdir(self.place)
        self.start("sick", spoil)
        self.check("is not a file")

    @unittest.skipIf(os.geteuid() != 0, "only root can give a file away")
    def test_owner(self):
        self.start("sick", lambda: os.chown(self.place, 65534, 65534))
        self.check("belongs to user 65534 (")

    def test_not_there(self):
        self.start("sick", lambda: os.unlink(self.place))
        self.check_lines('there is no adapter "sick": no adapter-sick.so in ')
        self.mend()


if __name__ == "__main__":
    unittest.main(verbosity=2)
