# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""A device that talks by itself, on a pseudo-terminal: bytes go out whether or not anybody listens.

The talker keeps the other side open as well, so what the terminal has taken stays there while the
gateway is dead; what it does not take any more is counted in `refused`, as a wire loses it.
"""
import os
import pty
import select
import socket
import threading
import time
import tty


class Talker:
    """One end of a line. send() from any thread; what comes back goes to on_bytes()."""

    def __init__(self, link, on_bytes=None):
        self.link = link
        self.on_bytes = on_bytes
        self.refused = 0
        self.ended = False
        self._open()
        self.thread = threading.Thread(target=self._listen, daemon=True)
        self.thread.start()

    def _open(self):
        self.master, self.slave = pty.openpty()
        tty.setraw(self.slave)
        os.set_blocking(self.master, False)
        new = f"{self.link}.new"
        os.symlink(os.ttyname(self.slave), new)
        os.replace(new, self.link)          # as udev does: never a moment without a name

    def unplug(self):
        """The adapter is pulled out: the name goes, and who has it open is hung up."""
        os.unlink(self.link)
        master, slave = self.master, self.slave
        self.master = self.slave = -1
        os.close(slave)
        os.close(master)

    def plug(self):
        """It comes back, under another device."""
        self._open()

    def send(self, data):
        """All of it at once, or it is lost: True or False."""
        sent = self.offer(data)
        if sent < len(data):
            self.refused += 1
        return sent == len(data)

    def offer(self, data):
        """As much of it as the terminal takes; how much."""
        try:
            return os.write(self.master, data)
        except (BlockingIOError, OSError):
            return 0

    def _listen(self):
        while not self.ended:
            master = self.master
            if master < 0:
                time.sleep(0.01)
                continue
            try:
                if select.select([master], [], [], 0.05)[0]:
                    data = os.read(master, 4096)
                    if self.on_bytes:
                        self.on_bytes(data)
            except (OSError, ValueError):
                time.sleep(0.01)            # being unplugged

    def close(self):
        self.ended = True
        self.thread.join()
        for fd in (self.master, self.slave):
            if fd >= 0:
                os.close(fd)


class TcpTalker:
    """The same behind a serial device server: whoever connects to `address` has the line."""

    def __init__(self, address, on_bytes=None):
        self.on_bytes = on_bytes
        self.ended = False
        self.connection = None
        self.connections = 0
        self.server = socket.create_server(address)
        self.server.settimeout(0.05)
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def address(self):
        host, port = self.server.getsockname()
        return f"{host}:{port}"

    def offer(self, data):
        connection = self.connection
        try:
            return connection.send(data) if connection else 0
        except OSError:
            return 0

    def drop(self):
        """The server ends the connection, as it does when it starts anew."""
        connection = self.connection
        if connection:
            connection.shutdown(socket.SHUT_RDWR)

    def _serve(self):
        while not self.ended:
            try:
                connection = self.server.accept()[0]
            except TimeoutError:
                continue
            connection.settimeout(0.05)
            self.connections += 1
            self.connection = connection
            with connection:
                self._hear(connection)
            self.connection = None

    def _hear(self, connection):
        while not self.ended:
            try:
                data = connection.recv(4096)
            except TimeoutError:
                continue
            except OSError:
                return
            if not data:
                return
            if self.on_bytes:
                self.on_bytes(data)

    def close(self):
        self.ended = True
        self.thread.join()
        self.server.close()
