#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""Shows weir at work, without hardware and without root.

    demo.py [--bin BUILD] [--seconds N]

    meter-sim --- wire (9600 baud) --- weir --- mosquitto --- weir receive --live --verify

Three simulated meters, a paced line on a pseudo-terminal, a private broker on a free loopback port,
weir with etc/examples/demo.conf. What is shown of the records comes from `weir receive`, on the
far side of the broker. In the middle the broker is stopped for a few seconds. It ends after N seconds
or at Ctrl-C with the verdict of `weir receive`, whose exit status it returns, and leaves no process
and no file behind.
"""
import argparse
import fcntl
import os
import re
import select
import signal
import struct
import sys
import termios
import time
import tty

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests", "rig"))
from rig import Receive, Rig                        # noqa: E402

FRAME_END = b"\033[J"       # what `weir receive --live` writes last of a picture
TOPIC = "weir/demo/#"


class Stop(Exception):
    """Ctrl-C, SIGTERM or a closed terminal."""


class Screen:
    """What the demo says, above what `weir receive` shows.

    On a terminal `receive` gets a terminal of its own and draws its table in place there. Each picture
    is passed on; to say something, the screen wipes the last one, writes its line and puts the
    picture back below it. Elsewhere both simply write line after line.
    """

    def __init__(self):
        self.live = os.isatty(1) and os.environ.get("TERM", "dumb") != "dumb"
        self.start = time.monotonic()
        self.pending, self.frame = b"", b""
        self.said_at = 0        # seconds since the start
        if self.live:
            self.master, self.slave = os.openpty()
            tty.setraw(self.slave)
            self.fit()
            signal.signal(signal.SIGWINCH, lambda *_: self.fit())
        else:
            self.master, self.slave = os.pipe()

    def fit(self):
        """Hands the size of the terminal on."""
        size = fcntl.ioctl(1, termios.TIOCGWINSZ, struct.pack("4H", 24, 80, 0, 0))
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, size)

    def write(self, data):
        while data:
            data = data[os.write(1, data):]

    def pump(self, seconds):
        """Passes on what comes from `receive` for so long. False when it has ended."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if not select.select([self.master], [], [], left)[0]:
                continue
            try:
                data = os.read(self.master, 65536)
            except OSError:         # the other end of a pseudo-terminal has gone
                data = b""
            if not data:
                return False
            self.take(data)
        return True

    def take(self, data):
        if not self.live:
            self.write(data)
            return
        *frames, self.pending = (self.pending + data).split(FRAME_END)
        for frame in frames:
            self.write(frame + FRAME_END)
            self.frame = frame

    def wiped(self):
        """The bytes that remove the table, and those that put it back."""
        if not self.live or not self.frame:
            return b"", b""
        table = re.sub(rb"^.*?\r\033\[\d+A", b"", self.frame, flags=re.S)
        return b"\r\033[%dA\033[J" % table.count(b"\n"), table + FRAME_END

    def say(self, text, replace=False, final=True):
        """Says a line; `replace`: instead of the last one. Not final: only where that can be done."""
        if not replace:
            self.said_at = time.monotonic() - self.start
        line = f"{self.said_at:4.0f} s  {text}"
        if not self.live:
            if final:
                self.write(line.encode() + b"\n")
            return
        wipe, table = self.wiped()
        up = b"\033[1A\r\033[J" if replace else b""
        self.write(wipe + up + line.encode() + b"\n" + table)

    def finish(self):
        """Passes on the rest: the last table and the verdict."""
        os.close(self.slave)
        self.slave = -1
        while self.pump(60):
            pass
        self.write(self.pending)
        self.pending = b""


def configuration(rig, bus, broker):
    """etc/examples/demo.conf with port, broker and directories filled in."""
    with open(os.path.join(ROOT, "etc", "examples", "demo.conf")) as f:
        text = f.read()
    for key, value in (("port", bus.link), ("url", broker.url), ("directory", rig.path("flash")),
                       ("ram", os.path.join(rig.ram, "weir"))):
        text, count = re.subn(rf'^(\s*{key} = )"[^"]*"', rf'\1"{value}"', text, flags=re.M)
        if count != 1:
            raise RuntimeError(f"etc/examples/demo.conf: {count} lines with {key}, not one")
    return text


def start(rig, screen):
    """Starts everything; returns broker, weir and receive."""
    meters = rig.meters(rtu=True, units=3, profile="sdm630")
    bus = rig.wire(f"tty:{meters.link}", name="bus", commands=["baud 9600"])
    broker = rig.broker()
    receive = Receive(rig, "receive", [broker.url, TOPIC, "--verify"] +
                      (["--live"] if screen.live else []))
    receive.stdout = screen.slave
    super(Receive, receive).start()
    weir = rig.weir(configuration(rig, bus, broker))
    return broker, weir, receive


def backlog(weir):
    """How many records weir holds that the broker has not confirmed; None if it does not say."""
    status = weir.status()
    return sum(uplink.get("backlog", 0) for uplink in status["uplinks"]) if status else None


def watch(screen, weir, title, seconds, done=lambda counts: False):
    """Shows the backlog beside a title, once a second, until `seconds` are over or it is done."""
    counts, end, first = [], time.monotonic() + seconds, True
    while time.monotonic() < end and not done(counts):
        screen.pump(min(1, max(0, end - time.monotonic())))
        count = backlog(weir)
        counts += [] if count is None else [count]
        screen.say(f"{title}: {' '.join(map(str, counts[-12:]))} records wait", replace=not first,
                   final=False)
        first = False
    if not screen.live:
        screen.say(f"{title}: {' '.join(map(str, counts[-12:]))} records wait")
    return counts


def drain(screen, broker, weir):
    """Brings the broker back and waits until nothing is left of the backlog."""
    broker.start()
    counts = watch(screen, weir, "the broker is back; the backlog drains", 20,
                   lambda counts: counts and counts[-1] <= 3)
    if counts and counts[-1] <= 3:
        screen.say("all that was read meanwhile has arrived; see \"missing\" below")


def play(screen, parts, seconds):
    broker, weir, receive = parts
    away_at = 10 if seconds is None else seconds / 3
    away_for = 6 if seconds is None else min(6, seconds / 5)
    end = None if seconds is None else screen.start + seconds
    while time.monotonic() < screen.start + away_at and weir.running and receive.running:
        screen.pump(0.2)
    broker.stop()
    watch(screen, weir, "the broker is stopped; weir reads on", away_for)
    drain(screen, broker, weir)
    if end is None:
        screen.say("it goes on like this; Ctrl-C ends it")
    while (end is None or time.monotonic() < end) and receive.running and weir.running:
        screen.pump(0.5 if end is None else min(0.5, max(0.01, end - time.monotonic())))


def finish(screen, broker, weir, receive):
    """Ends weir first, then the receiver, so that everything weir read has arrived."""
    ended = None if weir.running else weir.proc.returncode
    if not broker.running and weir.running:
        drain(screen, broker, weir)
    screen.say("the end: weir stops, then the receiver says what it thinks of it")
    weir.stop()
    screen.pump(1)
    receive.signal(signal.SIGTERM)
    screen.finish()
    status = receive.wait()
    if ended is not None:
        print(f"demo: weir has ended by itself, status {ended}:\n{weir.log_text()[-2000:]}",
              file=sys.stderr)
        status = status or 1
    print(f"demo: weir receive says {'nothing is missing' if status == 0 else 'NO'}, "
          f"exit status {status}")
    return status


def stop(*_):
    signal.signal(signal.SIGINT, signal.SIG_DFL)        # a second Ctrl-C does not wait
    raise Stop


def main():
    parser = argparse.ArgumentParser(description="weir at work, without hardware")
    parser.add_argument("--bin", default=os.environ.get("WEIR_BIN", "build/release"))
    parser.add_argument("--seconds", type=float, help="end after so long (default: at Ctrl-C)")
    args = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    parts, status = None, 130
    with Rig(args.bin) as rig:
        screen = Screen()
        try:
            screen.say("three simulated meters at 9600 baud, weir, a broker, and on its far side")
            screen.say(f"weir receive mqtt://... '{TOPIC}' --verify, which makes what you see")
            parts = start(rig, screen)
            play(screen, parts, args.seconds)
        except Stop:
            pass
        if parts:
            status = finish(screen, *parts)
    return status


if __name__ == "__main__":
    sys.exit(main())
