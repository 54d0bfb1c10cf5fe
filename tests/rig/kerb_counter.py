#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""The unknown counter of docs/new-counter.md: says what is below, over and over, on a pseudo-terminal.

    kerb_counter.py LINK    LINK becomes the name of its port; until it is killed

It speaks while somebody has the port open, a line every half second, from the first line on.
"""
import itertools
import os
import pty
import select
import sys
import time
import tty

# number; date; time; lane; speed with the sign of the direction; length; class
SAYS = """\
V;0412;22.11.26;12:00:03,52;L2;-48,3;0455;07
V;0413;22.11.26;12:00:04,10;L1;+51,0;0410;07
S;12,6V;31C
V;0414;22.11.26;12:00:06,87;L2;-39,9;1210;23
V;0416;22.11.26;12:00:09,31;L1;+62,4;----;07
""".splitlines()
PAUSE = 0.5


def checksum(line):
    value = 0
    for byte in line.encode():
        value ^= byte
    return f"{value:02X}"


def opened(master):
    """Whether anybody has the other side open."""
    poll = select.poll()
    poll.register(master, select.POLLIN)
    return not any(event & select.POLLHUP for _, event in poll.poll(0))


def main():
    master, slave = pty.openpty()
    tty.setraw(slave)
    if os.path.islink(sys.argv[1]):
        os.unlink(sys.argv[1])
    os.symlink(os.ttyname(slave), sys.argv[1])
    os.close(slave)
    lines = itertools.cycle(SAYS)
    while True:
        time.sleep(PAUSE)
        if opened(master):
            line = next(lines)
            os.write(master, f"{line}*{checksum(line)}\r\n".encode())
        else:
            lines = itertools.cycle(SAYS)


if __name__ == "__main__":
    main()
