# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""A writer on ext4 on a logged disk; what reached the disk, in order.

    image --- qemu-storage-daemon --- export (one file, by FUSE) --- loop --- ext4, DIR
               |  blklogwrites                              \\------- loop --- MARKFILE
              log

The marks lie behind the file system on the same disk, so that they are in the same log: where
a mark stands, everything that the writer did before it has been confirmed by the disk.
"""
import os
import signal
import subprocess
import time

from .kernel import Loop, die_with_parent, mount_ext4, own_mounts, unmount

MARK_BYTES = 4096
READY_S, STOP_S = 20, 20


class Failure(Exception):
    """The harness or the writer did not do its part; nothing is known about crashes."""


def make_image(path, size):
    """A new ext4 with Debian's features, complete from the start: no background initialising."""
    with open(path, "wb") as file:
        file.truncate(size + MARK_BYTES)
    done = subprocess.run(["mkfs.ext4", "-q", "-F", "-b", "4096", "-E",
                           "lazy_itable_init=0,lazy_journal_init=0", path, str(size // 4096)],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        raise Failure(f"mkfs.ext4: {done.stdout.strip()}")


def record(folder, image, size, writer, seconds):
    """Runs the writer on the image and returns the path of the log. The image is changed."""
    log, export = os.path.join(folder, "log"), os.path.join(folder, "export")
    target = os.path.join(folder, "recorded")
    os.makedirs(target, exist_ok=True)
    for path in (log, export):
        with open(path, "wb"):
            pass
    daemon = start_daemon(image, log, export)
    try:
        # If all are killed, the last process of a name space unmounts what is in it, and ext4
        # then writes. The daemon must be elsewhere: it could not serve itself while it ends.
        own_mounts()
        try:
            write(export, size, writer, target, seconds)
        finally:
            unmount(export, lazily=True)
    finally:
        stop(daemon)
    return log


def write(export, size, writer, target, seconds):
    """Mounts the exported disk for the writer, until that has ended."""
    loops = []
    try:
        loops.append(Loop(export, 0, size))
        loops.append(Loop(export, size, MARK_BYTES))
        mount_ext4(loops[0].name, target)
        try:
            run_writer([*writer, target, loops[1].name], seconds)
        finally:
            unmount(target)
    finally:
        for loop in loops:
            loop.close()


def start_daemon(image, log, export):
    daemon = subprocess.Popen(
        ["qemu-storage-daemon",
         "--blockdev", f"driver=file,node-name=image,filename={image}",
         "--blockdev", f"driver=file,node-name=log,filename={log}",
         "--blockdev", "driver=blklogwrites,node-name=disk,file=image,log=log",
         "--export", f"type=fuse,id=export,node-name=disk,mountpoint={export},writable=on"],
        stdin=subprocess.DEVNULL, preexec_fn=die_with_parent, start_new_session=True)
    device, deadline = os.stat(os.path.dirname(export)).st_dev, time.monotonic() + READY_S
    try:
        while os.stat(export).st_dev == device:
            if daemon.poll() is not None:
                raise Failure(f"qemu-storage-daemon ended with {daemon.returncode}")
            if time.monotonic() > deadline:
                raise Failure(f"qemu-storage-daemon exports nothing after {READY_S} s")
            time.sleep(0.01)
    except BaseException:
        stop(daemon)
        raise
    return daemon


def run_writer(command, seconds):
    """Until the writer ends; it must end well, and in time."""
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=die_with_parent) as writer:
        try:
            status = writer.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failure(f"the writer had not ended after {seconds} s") from None
        finally:
            if writer.poll() is None:
                writer.kill()
    if status != 0:
        raise Failure(f"the writer ended with {status}: {' '.join(command)}")


def stop(daemon):
    """The daemon takes the export away and completes the log before it ends."""
    daemon.send_signal(signal.SIGTERM)
    try:
        daemon.wait(STOP_S)
    except subprocess.TimeoutExpired:
        daemon.kill()
        daemon.wait()
        raise Failure(f"qemu-storage-daemon did not end within {STOP_S} s") from None
