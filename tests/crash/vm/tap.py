# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""Between the machine and the meters: notes each answer that a meter has given, and when.

The simulated meter's n-th answer says n, for ever, through all power cuts. So this list is what
weir was told, made by somebody else than weir, and every entry must arrive or be young enough to
be lost.
"""
import selectors
import socket
import struct
import threading
import time

READ_HOLDING, READ_INPUT = 3, 4


class Tap:
    """Listens at `.port` of loopback; `answers` grows by (unit, n, time), n without wrapping."""

    def __init__(self, meter_port):
        self.meter_port, self.answers, self._last = meter_port, [], {}
        self._selector = selectors.DefaultSelector()
        listener = socket.create_server(("127.0.0.1", 0))
        self.port = listener.getsockname()[1]
        self._selector.register(listener, selectors.EVENT_READ, self._accept)
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            for key, _ in self._selector.select():
                if key.fileobj.fileno() >= 0:       # else it was closed a moment ago
                    key.data(key.fileobj)

    def _accept(self, listener):
        machine, _ = listener.accept()
        try:
            meter = socket.create_connection(("127.0.0.1", self.meter_port))
        except OSError:
            machine.close()
            return
        frames = Frames(self._answered)
        self._join(machine, meter, lambda data: None)
        self._join(meter, machine, frames.take)

    def _join(self, one, other, look):
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def pass_on(_):
            try:
                data = one.recv(65536)
                if data:
                    look(data)
                    other.sendall(data)
            except OSError:
                data = b""
            if not data:
                for end in (one, other):
                    self._selector.unregister(end)
                    end.close()
        self._selector.register(one, selectors.EVENT_READ, pass_on)

    def _answered(self, unit, value):
        last = self._last.get(unit, 0)
        self._last[unit] = last + (value - last) % 65536
        self.answers.append((unit, self._last[unit], time.monotonic()))


class Frames:
    """Takes a stream of Modbus TCP answers apart."""

    def __init__(self, answered):
        self.answered, self.data = answered, b""

    def take(self, data):
        self.data += data
        while len(self.data) >= 6:
            end = 6 + struct.unpack_from(">H", self.data, 4)[0]
            if len(self.data) < end:
                return
            frame, self.data = self.data[:end], self.data[end:]
            if end >= 11 and frame[7] in (READ_HOLDING, READ_INPUT):
                self.answered(frame[6], struct.unpack_from(">H", frame, 9)[0])
