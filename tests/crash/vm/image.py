# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""What the virtual machine boots: Debian's kernel and an initramfs of our own, all in RAM.

The initramfs is two archives, one behind the other: the base (busybox, kernel modules), made once
by mmdebstrap and kept, and what is tried: weir, its plugins and its configuration from the build
tree, and the shared libraries that they are linked with on this machine.
"""
import glob
import hashlib
import os
import re
import shutil
import subprocess
import tempfile

CLOUD_KERNEL = "linux-image-cloud-amd64"
MODULES = ("virtio_pci", "virtio_net", "virtio_blk")
HERE = os.path.dirname(os.path.abspath(__file__))


class Failure(Exception):
    """The harness did not do its part; nothing is known about crashes."""


class Base:
    """Kernel and first archive, in a folder below `cache` that is complete when it exists."""

    def __init__(self, cache, kernel=CLOUD_KERNEL):
        self.packages = (kernel, "busybox-static")
        suite = codename()
        key = hashlib.blake2b(repr((suite, self.packages, MODULES)).encode(), digest_size=6).hexdigest()
        self.folder = os.path.join(cache, f"vm-{suite}-{key}")
        self.kernel = os.path.join(self.folder, "vmlinuz")
        self.archive = os.path.join(self.folder, "base.cpio")
        self.cached = os.path.isdir(self.folder)
        if not self.cached:
            os.makedirs(cache, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix="vm-", dir=cache) as work:
                self._make(suite, work)

    def _make(self, suite, work):
        root, made = os.path.join(work, "root"), os.path.join(work, "made")
        mode = "root" if os.geteuid() == 0 else "chrootless"    # it only unpacks
        done = subprocess.run(["mmdebstrap", "--quiet", f"--mode={mode}", "--variant=extract",
                               f"--include={','.join(self.packages)}", suite, root],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode != 0:
            raise Failure(f"mmdebstrap: {done.stdout.strip()[-2000:]}")
        os.makedirs(made)
        kernels = glob.glob(f"{root}/boot/vmlinuz-*")
        if len(kernels) != 1:
            raise Failure(f"not one kernel: {kernels}")
        shutil.copyfile(kernels[0], os.path.join(made, "vmlinuz"))
        with open(os.path.join(made, "base.cpio"), "wb") as out:
            out.write(base_archive(root))
        os.rename(made, self.folder)


def codename():
    with open("/etc/os-release", encoding="utf-8") as file:
        found = re.search(r"^VERSION_CODENAME=(\w+)", file.read(), re.M)
    return found.group(1) if found else "stable"


def base_archive(root):
    archive, order = Archive(), []
    busybox = [path for path in (f"{root}/bin/busybox", f"{root}/usr/bin/busybox")
               if os.path.exists(path)]
    archive.add_file("bin/busybox", busybox[0], 0o755)
    for path in with_what_they_need(root, MODULES):
        order.append(os.path.basename(path))
        archive.add_file(f"modules/{order[-1]}", path)
    archive.add("modules/order", "".join(f"{name}\n" for name in order).encode())
    return archive.finish()


def with_what_they_need(root, names):
    """The files of these kernel modules and of those they need, in the order of loading."""
    files = {os.path.basename(path).split(".ko")[0].replace("-", "_"): path
             for path in glob.glob(f"{root}/**/modules/**/*.ko*", recursive=True)}
    paths = []

    def take(name):
        if files.get(name) in paths or name not in files:   # or it is a part of the kernel
            return
        depends = re.search(rb"\0depends=([\w,-]+)\0", unpacked(files[name]))
        for other in depends.group(1).decode().split(",") if depends else ():
            take(other.replace("-", "_"))
        paths.append(files[name])

    for name in names:
        take(name)
    return paths


def unpacked(path):
    """A module's content; those of Debian 13 are compressed, and busybox' insmod knows that."""
    if path.endswith(".xz"):
        return subprocess.run(["xz", "-dc", path], check=True, stdout=subprocess.PIPE).stdout
    with open(path, "rb") as file:
        return file.read()


def shared_library(source, path):
    """Compiles a file that lies here."""
    done = subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", path, os.path.join(HERE, source)],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        raise Failure(f"{source}: {done.stdout}")
    return path


def weir_archive(bin_dir, config, preload=None, init=os.path.join(HERE, "init"), models=()):
    """weir, what it needs to run, its configuration, and the machine's first process."""
    archive = Archive()
    programs = {"weir/weir": f"{bin_dir}/weir"}
    for path in glob.glob(f"{bin_dir}/plugins/*.so"):
        programs[f"weir/plugins/{os.path.basename(path)}"] = path
    if len(programs) < 2:
        raise Failure(f"{bin_dir}: no plugins there; ./dev build")
    for name, path in programs.items():
        archive.add_file(name, path, 0o755)
    for path in sorted({lib for path in programs.values() for lib in libraries(path)}):
        archive.add_file(path.lstrip("/"), path, 0o755)
    if preload:
        archive.add_file("weir/preload.so", preload, 0o755)
    for path in models:
        archive.add_file(f"weir/models/{os.path.basename(path)}", path)
    archive.add("weir/weir.conf", config.encode(), 0o600)
    archive.add_file("init", init, 0o755)
    return archive.finish()


def libraries(path):
    out = subprocess.run(["ldd", path], check=True, stdout=subprocess.PIPE, text=True).stdout
    if "not found" in out:
        raise Failure(f"{path}: {out.strip()}")
    return re.findall(r"(?:=> |^\s*)(/\S+) \(", out, re.M)


class Archive:
    """A cpio archive (newc), as the kernel unpacks it."""

    def __init__(self):
        self.parts, self.folders = [], set()

    def add_file(self, name, path, mode=0o644):
        with open(path, "rb") as file:
            self.add(name, file.read(), mode)

    def add(self, name, data, mode=0o644):
        folder = os.path.dirname(name)
        while folder and folder not in self.folders:
            self.folders.add(folder)
            folder = os.path.dirname(folder)
        self.parts.append(entry(name, 0o100000 | mode, data))

    def finish(self):
        folders = [entry(name, 0o040755, b"") for name in sorted(self.folders)]
        whole = b"".join([*folders, *self.parts, entry("TRAILER!!!", 0, b"")])
        return whole + bytes(-len(whole) % 512)


def entry(name, mode, data):
    fields = [0, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0]
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
    return head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)
