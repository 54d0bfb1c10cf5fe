# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""The virtual machine: boots, and loses its power."""
import os
import random

from rig import Process, wait_for

from .image import Failure

BOOT_S = 120                            # on a busy machine without KVM; usually it takes 4
KVM_BOOT_S = 20
WRONG_CLOCK = "2023-06-01"              # what a box without a battery may believe


class Machine:
    """One machine with `disk`, booted again and again. `serial` counts the boots."""

    def __init__(self, rig, base, archive, disk, accel=None):
        self.rig, self.disk, self.kernel = rig, disk, base.kernel
        self.initrd = rig.path("initrd")
        self.serial = 0
        self.qemu = Process(rig, "qemu", [])
        with open(self.initrd, "wb") as out:
            with open(base.archive, "rb") as file:
                out.write(file.read())
            out.write(archive)
        self.accel = accel or self._find_accel(os.path.join(base.folder, "accel"))

    def _find_accel(self, noted):
        """KVM where it works; that a guest can open /dev/kvm does not mean that it can boot."""
        if not os.access("/dev/kvm", os.R_OK | os.W_OK):
            return "tcg"
        if os.path.exists(noted):
            with open(noted, encoding="ascii") as file:
                return file.read().strip()
        self.accel = "kvm"
        try:
            self.boot()
            self.wait_up(KVM_BOOT_S)
        except (Failure, TimeoutError):
            self.accel = "tcg"
        self.cut()
        self.disk.lose(random.Random(0))
        with open(noted, "w", encoding="ascii") as file:
            file.write(self.accel)
        return self.accel

    def boot(self, wrong_clock=False):
        """Power on; does not wait."""
        self.serial += 1
        self.console = self.rig.path(f"console-{self.serial}")
        accel = "kvm" if self.accel == "kvm" else "tcg,thread=multi"
        base = WRONG_CLOCK if wrong_clock else "utc"
        self.qemu.args = [
            "qemu-system-x86_64", "-machine", "pc", "-accel", accel, "-cpu", "max", "-smp", "2",
            "-m", "256", "-nodefaults", "-display", "none", "-no-reboot", "-rtc", f"base={base}",
            "-kernel", self.kernel, "-initrd", self.initrd,
            "-append", "console=ttyS0 quiet panic=-1",
            "-chardev", f"file,id=console,path={self.console}",
            "-device", "isa-serial,chardev=console",
            "-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net,romfile=",
            "-blockdev", "driver=nbd,node-name=data,server.type=unix,"
                         f"server.path={self.disk.path}",
            "-device", "virtio-blk-pci,drive=data,write-cache=on"]
        self.disk.power_on()
        self.qemu.start()

    def wait_up(self, timeout=BOOT_S):
        """Until weir is being started."""
        wait_for(lambda: "vm: start" in self.said() or not self.qemu.running, timeout,
                 what="the machine is up")
        if not self.qemu.running:
            raise Failure(f"qemu ended: {self.qemu.log_text()[-500:]}{self.said()[-2000:]}")

    def cut(self):
        """The power goes; disk.lose() is for the caller."""
        self.disk.power_off()
        self.qemu.kill()

    def said(self):
        """The console since power on."""
        try:
            with open(self.console, errors="replace") as file:
                return file.read()
        except OSError:
            return ""

    def complaint(self):
        """A line of the console that must not be there, or None."""
        for line in self.said().splitlines():
            if any(word in line for word in ("vm: failed", "vm: weir ended", "EXT4-fs error",
                                             "Kernel panic", "Out of memory",
                                             "killed by signal")):
                return line
        return None
