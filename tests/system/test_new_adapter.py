#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""A stranger's adapter: copied by `./dev new-adapter`, built outside the tree against installed headers,
loaded from another folder by the installed weir, and its record arrives at a broker.

Also inside the tree: the copy is found by CMake, builds, and its own unit test passes. And a counter with a
binary protocol (--counter): less than 150 lines of C, and what passes its simulator arrives once.
"""
import importlib.util
import os
import shutil
import socketserver
import subprocess
import sys
import threading
import time
import unittest

from rig import Process, RigTest, wait_for

SOURCE = os.environ["WEIR_SOURCE"]
NAME = "breeze"
COUNTER = "breeze-9"
LINES_MOST = 150
sys.path.insert(0, os.path.join(SOURCE, "tests/rig/traffic"))
from paced import Line      # noqa: E402


class Thermometer(socketserver.StreamRequestHandler):
    """What the template's data sheet says: asked a line, it answers a line."""

    def handle(self):
        for line in self.rfile:
            if line == b"?\r\n":
                self.wfile.write(b"23.5 --\r\n")


class NewAdapter(RigTest):
    def run_it(self, *command, cwd=None, env=None):
        done = subprocess.run(list(map(str, command)), cwd=cwd, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, env={**os.environ, **(env or {})},
                              timeout=300)
        self.assertEqual(done.returncode, 0, f"{command}:\n{done.stdout[-3000:]}")
        return done.stdout

    def copy_tree(self, *args):
        """The source tree as git knows it, with what is not committed yet, and a new adapter."""
        tree = self.rig.path("tree")
        files = self.run_it("git", "-c", f"safe.directory={SOURCE}", "ls-files", "--cached",
                            "--others", "--exclude-standard", cwd=SOURCE)
        for file in files.splitlines():
            if os.path.isfile(os.path.join(SOURCE, file)):
                os.makedirs(os.path.dirname(os.path.join(tree, file)), exist_ok=True)
                shutil.copy2(os.path.join(SOURCE, file), os.path.join(tree, file))
        said = self.run_it(os.path.join(tree, "tests/new_adapter.py"), *(args or (NAME,)))
        if not args:
            self.assertIn(f"plugins/{NAME}/{NAME}.c", said)
        return tree

    def test_binary_counter(self):
        tree, build = self.copy_tree("--counter", COUNTER), self.rig.path("build")
        c_name = COUNTER.replace("-", "_")
        with open(f"{tree}/plugins/traffic/{c_name}.c") as f:
            self.assertLess(len(f.readlines()), LINES_MOST)
        self.run_it("cmake", "-G", "Ninja", "-S", tree, "-B", build, "-DWEIR_TESTS=unit")
        self.run_it("ninja", "-C", build, "adapter-traffic", f"test-traffic-{COUNTER}")
        self.assertIn("100% tests passed",
                      self.run_it("ctest", "--test-dir", build, "-R", f"^unit.traffic-{COUNTER}$"))
        spec = importlib.util.spec_from_file_location(c_name, f"{tree}/tests/rig/traffic/{c_name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        self.drive(module.Sim(seed=3), tree, build)

    def drive(self, sim, tree, build):
        """Some vehicles pass, the bus process is killed; each has arrived once."""
        line = Line(sim, self.rig.path("counter"))
        self.addCleanup(line.stop)
        broker = self.rig.broker()
        subscriber = self.rig.subscriber(broker, "weir/rig/#")
        plugin = next(os.path.join(folder, file) for folder, _, files in os.walk(build)
                      for file in files if file == "adapter-traffic.so")
        weir = self.rig.weir(self.rig.config(
            f'road = {{ adapter = "traffic"; model = "{COUNTER}"; port = "{self.rig.path("counter")}"; '
            'devices = ( { name = "a"; } ); };', f'up = {{ uplink = "mqtt"; url = "{broker.url}"; }};'),
            env={"WEIR_PLUGIN_PATH": f"{os.path.dirname(plugin)}:{self.rig.bin}",
                 "WEIR_MODEL_PATH": f"{tree}/plugins/traffic/models"})
        weir.listening()
        line.driving = True
        wait_for(lambda: len(sim.passed) >= 2, what="two vehicles")
        weir.kill_role("bus road")
        wait_for(lambda: len(sim.passed) >= 4, what="four vehicles")
        line.driving = False

        def arrived():
            records = {(r["epoch"], r["seq"]): r for _, r in subscriber.records()
                       if r.get("kind") == "vehicle"}
            return len(records) >= len(sim.passed) and records
        records = wait_for(arrived, what="all vehicles")
        time.sleep(1)
        records = arrived()
        self.assertEqual([{key: records[at]["values"][key] for key in sim.passed[0]}
                          for at in sorted(records)], sim.passed)

    def server(self):
        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Thermometer)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return server.server_address[1]

    def test_inside_the_tree(self):
        tree, build = self.copy_tree(), self.rig.path("build")
        self.run_it("cmake", "-G", "Ninja", "-S", tree, "-B", build, "-DWEIR_TESTS=unit")
        self.run_it("ninja", "-C", build, f"adapter-{NAME}", f"test-{NAME}")
        self.assertIn("100% tests passed",
                      self.run_it("ctest", "--test-dir", build, "-R", f"^unit.{NAME}$"))
        done = subprocess.run([f"{tree}/tests/new_adapter.py", NAME], capture_output=True, text=True)
        self.assertNotEqual(done.returncode, 0)     # not a second time over the first
        self.assertIn("there already", done.stderr)

    def test_outside_the_tree(self):
        prefix, build = self.rig.path("installed"), self.rig.path("build")
        self.run_it("cmake", "--install", self.rig.bin, "--prefix", prefix)
        pages = [os.path.join(folder, f) for folder, _, files in os.walk(prefix) for f in files]
        library = os.path.dirname(next(p for p in pages if p.endswith("uplink-mqtt.so")))
        config = os.path.dirname(next(p for p in pages if p.endswith("weir.pc")))
        own = self.rig.path("own")
        shutil.copytree(os.path.join(self.copy_tree(), "plugins", NAME), own)
        self.run_it("cmake", "-G", "Ninja", "-S", own, "-B", build, env={"PKG_CONFIG_PATH": config})
        self.run_it("ninja", "-C", build)

        broker = self.rig.broker()
        subscriber = self.rig.subscriber(broker, "weir/rig/#")
        device = ('{ name = "porch"; every = "100ms"; points = ('
                  '{ name = "temperature"; value = "temperature"; unit = "Cel"; },'
                  '{ name = "humidity"; value = "humidity"; unit = "%"; } ); }')
        text = self.rig.config(f'air = {{ adapter = "{NAME}"; address = "127.0.0.1:{self.server()}"; '
                               f"devices = ({device}); }};",
                               f'up = {{ uplink = "mqtt"; url = "{broker.url}"; }};')
        conf = self.rig.path("own.conf")
        with open(conf, "w") as f:
            f.write(text)
        os.chmod(conf, 0o600)
        Process(self.rig, "weir", [f"{prefix}/bin/weir", "run", "-c", conf],
                {"WEIR_PLUGIN_PATH": f"{build}:{library}"}).start()
        record = wait_for(lambda: [r for _, r in subscriber.records() if r.get("kind") == "reading"],
                          what="a reading at the broker")[0]
        self.assertEqual(record["device"], "porch")
        self.assertEqual(record["values"], {"temperature": 23.5, "humidity": None})
        self.assertEqual(record["errors"], {"humidity": "absent"})


if __name__ == "__main__":
    unittest.main(verbosity=2)
