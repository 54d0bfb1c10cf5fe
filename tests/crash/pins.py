#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""The pins of radio modules, on a real kernel: M0 and M1 of an Ebyte, the reset line of a REYAX.

A virtual machine with Debian's kernel runs weir; an ACPI table (pins/gpio.asl) gives it a GPIO controller
whose registers are memory that the simulated modules look at from outside. The Ebyte answers only in
the mode that its pins choose, and the REYAX hangs until its reset line goes low and high again.

    pins.py [--bin build/release]          exit status 77: it cannot run here, and why
"""
import argparse
import contextlib
import glob
import json
import os
import platform
import shutil
import socket
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests", "rig"))

from lora.radio import Radio, temperature  # noqa: E402  (the line above says where it is)
from lora.reyax import Reyax  # noqa: E402
from rig import Process, Rig, wait_for  # noqa: E402
from vm.image import Base, Failure, weir_archive  # noqa: E402

SKIPPED = 77
KERNEL = "linux-image-amd64"            # the one for clouds has no GPIO
REGISTERS = 0x08000000                  # as pins/gpio.asl says
ENABLED, HIGH = 1 << 23, 1 << 22        # of a line's register: it is an output; its level
M0, M1, RESET = 5, 6, 17
UP_S = 180                              # without KVM, on a busy machine
PACKETS, KILLS = 100, 5
APART_S = 0.4                           # packets; the pause that ends one is 50 ms

CONFIG = """
gateway = {{ name = "vm"; clock = "auto"; }};
spool = {{ directory = "/tmp/weir"; ram = "/run/weir"; }};
buses = {{
  ebyte = {{ adapter = "lora"; model = "ebyte-e22"; port = "/dev/ttyS1"; baud = 9600;
    m0 = "gpiochip0:{m0}"; m1 = "gpiochip0:{m1}"; frequency_hz = 868125000; rssi_byte = "offset";
    duplicate_window = "0s"; devices = ( {{ name = "gardens"; payload = "cayenne-lpp"; }} ); }};
  reyax = {{ adapter = "lora"; model = "reyax-rylr998"; port = "/dev/ttyS2"; baud = 115200;
    reset = "gpiochip0:{reset}"; alive = "3s"; devices = ( {{ name = "roofs"; payload = "cayenne-lpp"; }} ); }};
}};
uplinks = {{ up = {{ uplink = "mqtt"; url = "mqtt://10.0.2.2:{broker}"; reconnect_delay_max = "1s"; }}; }};
"""


class Pins:
    """The levels of the lines, by the machine's monitor (QMP)."""

    def __init__(self, path):
        monitor = socket.socket(socket.AF_UNIX)
        monitor.connect(path)
        self.file = monitor.makefile("rw", encoding="utf-8")
        self.file.readline()                            # the greeting
        self.lock = threading.Lock()
        self._ask("qmp_capabilities")

    def _ask(self, command, **arguments):
        with self.lock:
            print(json.dumps({"execute": command, "arguments": arguments}), file=self.file, flush=True)
            while line := self.file.readline():
                answer = json.loads(line)
                if "event" not in answer:
                    return answer["return"]
        raise Failure("the machine's monitor is gone")

    def level(self, line):
        """True, False, or None: nobody drives it."""
        text = self._ask("human-monitor-command",
                         **{"command-line": f"xp /1wx 0x{REGISTERS + 4 * line:x}"})
        word = int(text.split()[-1], 16)
        return bool(word & HIGH) if word & ENABLED else None


class WiredEbyte(Radio):
    """An E22 with wires: M0 low and M1 high is its configuration mode, both low the one that hears."""

    def __init__(self, link):
        self.pins = None                                # until the machine runs
        self.registers = bytearray.fromhex("ffff 00 62 00 00 00")
        self.asked_in_other_mode = 0
        super().__init__(link)

    def mode(self):
        return self.pins.level(M0), self.pins.level(M1)

    def take(self, data):
        with self.lock:
            self.pending += data
            while len(self.pending) >= 3:
                start, count = self.pending[1], self.pending[2]
                whole = 3 + (count if self.pending[0] == 0xC0 else 0)
                if len(self.pending) < whole:
                    break
                message, self.pending = self.pending[:whole], self.pending[whole:]
                self.commands.append(message)
                if self.mode() != (False, True):
                    self.asked_in_other_mode += 1       # it would be sent by radio
                    continue
                if self.mute:
                    continue
                if message[0] == 0xC0:
                    self.registers[start:start + count] = message[3:]
                self.line.send(bytes([0xC1, start, count]) + self.registers[start:start + count])

    def listening(self):
        return self.mode() == (False, False) and self.registers[5] == 18 and self.registers[6] & 0x80

    def tell(self, data, sender, rssi, snr):
        return data + bytes([256 + rssi])


class WiredReyax(Reyax):
    """Starts anew when its reset line was low."""

    def __init__(self, link):
        super().__init__(link)
        self.resets, self.ended, self.watcher = 0, False, None

    def watch(self, pins):
        self.watcher = threading.Thread(target=self._watch, args=(pins,), daemon=True)
        self.watcher.start()

    def _watch(self, pins):
        was_low = False
        while not self.ended:
            low = pins.level(RESET) is False
            if was_low and not low:
                self.resets += 1
                self.restart()
            was_low = low
            time.sleep(0.01)

    def close(self):
        self.ended = True
        if self.watcher:
            self.watcher.join()
        super().close()


class Machine:
    def __init__(self, rig, base, archive, lines):
        self.rig = rig
        self.console, initrd, table = rig.path("console"), rig.path("initrd"), rig.path("gpio")
        with open(initrd, "wb") as out, open(base.archive, "rb") as file:
            out.write(file.read() + archive)
        done = subprocess.run(["iasl", "-p", table, os.path.join(HERE, "pins", "gpio.asl")], check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            raise Failure(f"iasl: {done.stdout}")
        self.monitor, self.shell_path = rig.path("monitor"), rig.path("shell")
        ports = [f"file,id=s0,path={self.console}"]
        ports += [f"serial,id=s{1 + i},path={os.path.realpath(line)}" for i, line in enumerate(lines)]
        ports += [f"socket,id=s{1 + len(lines)},path={self.shell_path},server=on,wait=off"]
        args = ["qemu-system-x86_64", "-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", "max",
                "-m", "384", "-nodefaults", "-display", "none", "-no-reboot",
                "-kernel", base.kernel, "-initrd", initrd,
                "-append", f"console=ttyS0 quiet panic=-1 memmap=4K$0x{REGISTERS:x}",
                "-acpitable", f"file={table}.aml", "-netdev", "user,id=net",
                "-device", "virtio-net-pci,netdev=net,romfile=",
                "-chardev", f"socket,id=mon,path={self.monitor},server=on,wait=off",
                "-mon", "chardev=mon,mode=control"]
        for i, port in enumerate(ports):
            args += ["-chardev", port, "-device", f"isa-serial,chardev=s{i}"]
        self.qemu = Process(rig, "qemu", args)

    def start(self):
        self.qemu.start()
        wait_for(lambda: os.path.exists(self.monitor) and os.path.exists(self.shell_path), 30,
                 what="qemu has started")
        self.shell = socket.socket(socket.AF_UNIX)
        self.shell.connect(self.shell_path)

    def said(self):
        with contextlib.suppress(OSError), open(self.console, errors="replace") as file:
            return file.read()
        return ""

    def wait_said(self, words, times=1):
        wait_for(lambda: self.said().count(words) >= times or not self.qemu.running, UP_S,
                 what=f"the machine says {words!r}")
        if self.said().count(words) < times:
            raise Failure(f"qemu ended: {self.qemu.log_text()[-500:]}{self.said()[-2000:]}")


def why_not(options):
    if platform.machine() != "x86_64":
        return "the virtual machine is an x86_64 one, and weir is built for this one"
    for program in ("qemu-system-x86_64", "mmdebstrap", "mosquitto", "iasl"):
        if not shutil.which(program, path=os.environ.get("PATH", "") + ":/sbin:/usr/sbin"):
            return f"{program} is not installed"
    if not os.access(os.path.join(options.bin, "weir"), os.X_OK):
        return f"no weir in {options.bin}; ./dev build"
    return None


def found(problem):
    print(f"pins: violated: {problem}", flush=True)
    return 1


class Trial:
    """Both modules on one machine."""

    def __init__(self, rig, options):
        base = Base(options.cache, KERNEL)
        broker = rig.broker()
        self.sub = rig.subscriber(broker, "weir/#")
        self.receive = rig.receive(broker, "--verify", "--json")
        config = CONFIG.format(m0=M0, m1=M1, reset=RESET, broker=broker.port)
        archive = weir_archive(options.bin, config, init=os.path.join(HERE, "pins", "init"),
                               models=glob.glob(f"{ROOT}/plugins/lora/models/*"))
        self.ebyte, self.reyax = WiredEbyte(rig.path("ebyte")), WiredReyax(rig.path("reyax"))
        self.machine = Machine(rig, base, archive, [self.ebyte.line.link, self.reyax.line.link])
        self.sent = {"gardens": [], "roofs": []}

    def run(self):
        """How much was wrong."""
        wrong = self.killed_while_set_up()
        for _ in range(KILLS):
            wrong += self.packets(PACKETS // KILLS)
            wrong += self.killed()
        wrong += self.hangs()
        wrong += self.packets(PACKETS // KILLS)
        wrong += self.arrived()
        if self.ebyte.asked_in_other_mode:
            wrong += found(f"the Ebyte was asked {self.ebyte.asked_in_other_mode} times in another mode")
        return wrong

    def killed_while_set_up(self):
        """The Ebyte says nothing at first, and the process that asks it is killed."""
        self.ebyte.mute = True
        self.machine.start()
        pins = Pins(self.machine.monitor)
        self.ebyte.pins = pins
        self.machine.wait_said("vm: start")
        self.reyax.watch(pins)
        wait_for(lambda: self.ebyte.commands, UP_S, what="the Ebyte is asked")
        if self.ebyte.mode() != (False, True):
            return found(f"asked in mode {self.ebyte.mode()}")
        self.kill("ebyte")
        self.ebyte.mute = False
        for name in ("ebyte-e22", "reyax-rylr998"):
            self.machine.wait_said(f"{name} is set up and listens")
        return self.hears()

    def packets(self, count):
        """So many to each, one after the other."""
        for n in range(count):
            for name, radio in (("gardens", self.ebyte), ("roofs", self.reyax)):
                data = temperature(len(self.sent[name]))
                self.sent[name].append(data.hex())
                if not radio.hear(data, sender=12):
                    return found(f"{name}: packet {n} not heard")
            time.sleep(APART_S)
        wait_for(lambda: len(self.came("gardens")) >= len(self.sent["gardens"]), UP_S,
                 what="the packets arrive")
        return 0

    def killed(self):
        """Who drives the lines dies; the next process sets the module up again."""
        words = "ebyte-e22 is set up and listens"
        before = self.machine.said().count(words)
        self.kill("ebyte")
        self.machine.wait_said(words, before + 1)
        return self.hears()

    def hears(self):
        wait_for(lambda: self.ebyte.mode() == (False, False), UP_S, what="the Ebyte may hear")
        return 0 if self.ebyte.listening() else found(f"registers {self.ebyte.registers.hex()}")

    def hangs(self):
        self.reyax.mute = True
        wait_for(lambda: self.reyax.resets > 0, UP_S, what="the REYAX is reset by its line")
        self.machine.wait_said("reyax-rylr998 is set up and listens", 2)
        return 0

    def kill(self, bus):
        self.machine.shell.sendall(b"for p in /proc/[0-9]*; do tr '\\0' ' ' <$p/cmdline | "
                                   b"grep -q ' bus %b ' && kill -9 ${p#/proc/}; done\n" % bus.encode())

    def came(self, device):
        return [r["values"]["payload_hex"] for r in self.records() if r["device"] == device]

    def records(self):
        by_identity = {(r["epoch"], r["seq"], r["bus"]): r
                       for _, r in self.sub.records() if r.get("kind") == "packet"}
        return [by_identity[key] for key in sorted(by_identity)]

    def arrived(self):
        wrong = 0
        for device, sent in self.sent.items():
            if self.came(device) != sent:
                wrong += found(f"{device}: {len(sent)} sent, other ones came: {self.came(device)[:5]}")
        if self.receive.stop() != 0:
            wrong += found(f"receive: {self.receive.log_text()[-500:]}")
        return wrong

    def close(self):
        self.ebyte.close()
        self.reyax.close()
        self.machine.qemu.kill()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--bin", default=os.path.join(ROOT, "build", "release"), metavar="DIR")
    parser.add_argument("--cache", default=os.path.join(ROOT, "build", "crash"), metavar="DIR")
    options = parser.parse_args()
    reason = why_not(options)
    if reason:
        print(f"pins: skipped: {reason}")
        return SKIPPED
    with Rig(options.bin) as rig:
        trial = Trial(rig, options)
        try:
            wrong = trial.run()
        except TimeoutError as error:
            wrong = found(f"{error}; the console ends: {trial.machine.said()[-3000:]}")
        finally:
            trial.close()
        print(f"pins: {len(trial.sent['gardens'])} + {len(trial.sent['roofs'])} packets, "
              f"{1 + KILLS} kills, {trial.reyax.resets} resets, {wrong} violated")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
