#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""mqtt_proxy.py - stands between MQTT clients and a broker, and is not to be trusted.

    mqtt_proxy.py --broker 127.0.0.1:1883 --listen 0 --port-file FILE [COMMAND...]

`up` is client to broker, `down` is broker to client. It takes commands, one a line, on standard
input or as arguments, and answers each with a JSON line: {"reply":"ok"}. `report`, SIGUSR1 and the
end print all counts. It understands MQTT 3.1.1 and 5 just as far as it has to.
"""
import argparse
import asyncio
import json
import os
import signal
import socket
import sys

CONNECT, CONNACK, PUBLISH, PUBACK = 1, 2, 3, 4
HELP = """commands:
  take up|down N       the N-th PUBLISH from now vanishes; its sender gets a PUBACK all the same
  reject N [REASON]    the next N PUBLISHes up vanish; the answer has this MQTT 5 reason (0x87)
  delay MS             PUBACKs down come this much later
  cut                  all connections are closed now
  cut-every N          and after each N PUBLISHes up, before the last is answered; 0: never
  refuse v5|old|off    MQTT 5 is refused: with reason 0x84, or as brokers of old do (code 1)
  stall on|off         nothing passes, and connections stay open
  down / up            the port is closed / open again
  report               prints the counts"""


class Packet:
    """One MQTT control packet as it came."""

    def __init__(self, head, body, raw):
        self.type, self.flags, self.body, self.raw = head >> 4, head & 15, body, raw

    @property
    def qos(self):
        return self.flags >> 1 & 3

    @property
    def packet_id(self):
        """Of a PUBLISH with QoS 1 or 2: the two bytes behind the topic."""
        at = 2 + int.from_bytes(self.body[:2], "big")
        return self.body[at:at + 2]

    @property
    def version(self):
        """Of a CONNECT: the byte behind the protocol's name."""
        at = 2 + int.from_bytes(self.body[:2], "big")
        return self.body[at]


async def read_packet(reader):
    """The next packet, or None at the end of the stream."""
    try:
        raw = await reader.readexactly(1)
        length, shift = 0, 0
        while True:
            byte = await reader.readexactly(1)
            raw += byte
            length |= (byte[0] & 127) << shift
            shift += 7
            if byte[0] < 128 or shift > 21:
                break
        body = await reader.readexactly(length)
        return Packet(raw[0], body, raw + body)
    except (asyncio.IncompleteReadError, OSError):
        return None


class Link:
    """One client's connection and the one to the broker that belongs to it."""

    def __init__(self, proxy, client, broker):
        self.proxy = proxy
        self.client_reader, self.client = client
        self.broker_reader, self.broker = broker
        self.version = 4

    def close(self):
        for writer in (self.client, self.broker):
            writer.transport.abort()

    async def run(self):
        tasks = [asyncio.create_task(self.pump_up()), asyncio.create_task(self.pump_down())]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.close()

    async def pump_up(self):
        while (packet := await read_packet(self.client_reader)):
            await self.proxy.flowing.wait()
            self.proxy.note("up", packet)
            if packet.type == CONNECT and not self.allowed(packet):
                await self.client.drain()
                return
            if packet.type == PUBLISH and not self.pass_up(packet):
                continue
            self.broker.write(packet.raw)
            await self.broker.drain()
            if packet.type == PUBLISH and self.proxy.cut_is_due():
                return

    async def pump_down(self):
        while (packet := await read_packet(self.broker_reader)):
            await self.proxy.flowing.wait()
            self.proxy.note("down", packet)
            if packet.type == PUBLISH and self.proxy.takes("down"):
                self.acknowledge(packet, self.broker)
            elif packet.type == PUBACK and self.proxy.delay_s:
                loop = asyncio.get_running_loop()
                loop.call_later(self.proxy.delay_s, self.send_later, packet.raw)
            else:
                self.client.write(packet.raw)
                await self.client.drain()

    def send_later(self, raw):
        if not self.client.is_closing():
            self.client.write(raw)

    def allowed(self, connect):
        """Answers a CONNECT that is refused."""
        self.version = connect.version
        self.proxy.count["versions"][str(self.version)] = \
            self.proxy.count["versions"].get(str(self.version), 0) + 1
        if self.version != 5 or not self.proxy.refuse:
            return True
        self.proxy.count["refused"] += 1
        self.client.write(b"\x20\x03\x00\x84\x00" if self.proxy.refuse == "v5"
                          else b"\x20\x02\x00\x01")
        return False

    def pass_up(self, publish):
        if self.proxy.takes("up"):
            self.acknowledge(publish, self.client)
            return False
        if self.proxy.rejects and self.version == 5:
            self.proxy.rejects -= 1
            self.proxy.count["rejected"] += 1
            self.acknowledge(publish, self.client, self.proxy.reject_reason)
            return False
        return True

    @staticmethod
    def acknowledge(publish, writer, reason=None):
        """Tells the sender of a QoS 1 message that it has arrived, or why not."""
        if publish.qos == 1:
            body = publish.packet_id + (bytes([reason]) if reason else b"")
            writer.write(bytes([PUBACK << 4, len(body)]) + body)


class Proxy:
    """The port, all links, and what is to go wrong."""

    def __init__(self, host, port, broker):
        self.host, self.port, self.broker = host, port, broker
        self.server, self.held, self.links = None, None, set()
        self.take = {"up": 0, "down": 0}       # so many PUBLISHes until one is taken; 0: none
        self.rejects, self.reject_reason = 0, 0x87
        self.delay_s, self.refuse = 0.0, None
        self.cut_every, self.until_cut = 0, 0
        self.flowing = asyncio.Event()
        self.flowing.set()
        self.count = {"connections": 0, "versions": {}, "taken": 0, "rejected": 0, "refused": 0,
                      "cut": 0, **{way: {"publish": 0, "puback": 0, "packets": 0, "bytes": 0}
                                   for way in ("up", "down")}}

    def hold(self):
        """Keeps the port ours while nobody listens on it: connections are refused, and others get another."""
        self.held = socket.socket(socket.AF_INET6 if ":" in self.host else socket.AF_INET)
        self.held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.held.bind((self.host, self.port))
        self.port = self.held.getsockname()[1]

    async def open(self):
        if not self.held:
            self.hold()
        self.server = await asyncio.start_server(self.accept, self.host, self.port)

    async def accept(self, reader, writer):
        self.count["connections"] += 1
        try:
            broker = await asyncio.open_connection(*self.broker)
        except OSError:
            writer.transport.abort()
            return
        link = Link(self, (reader, writer), broker)
        self.links.add(link)
        try:
            await link.run()
        finally:
            self.links.discard(link)

    def note(self, way, packet):
        count = self.count[way]
        count["packets"] += 1
        count["bytes"] += len(packet.raw)
        count["publish"] += packet.type == PUBLISH
        count["puback"] += packet.type == PUBACK

    def takes(self, way):
        if not self.take[way]:
            return False
        self.take[way] -= 1
        if self.take[way]:
            return False
        self.count["taken"] += 1
        return True

    def cut_is_due(self):
        if not self.cut_every:
            return False
        self.until_cut -= 1
        if self.until_cut > 0:
            return False
        self.until_cut = self.cut_every
        self.count["cut"] += 1
        return True

    # ---- commands

    def do_take(self, way, number):
        if way not in self.take or int(number) < 1:
            raise ValueError("take up|down N")
        self.take[way] = int(number)

    def do_reject(self, number, reason="0x87"):
        self.rejects, self.reject_reason = int(number), int(reason, 0)

    def do_delay(self, ms):
        self.delay_s = float(ms) / 1000

    def do_cut(self):
        self.count["cut"] += len(self.links)
        for link in list(self.links):
            link.close()

    def do_cut_every(self, number):
        self.cut_every = self.until_cut = int(number)

    def do_refuse(self, what):
        if what not in ("v5", "old", "off"):
            raise ValueError("refuse v5|old|off")
        self.refuse = None if what == "off" else what

    def do_stall(self, what):
        if what not in ("on", "off"):
            raise ValueError("stall on|off")
        (self.flowing.clear if what == "on" else self.flowing.set)()

    def do_down(self):
        self.server.close()
        self.do_cut()

    async def do_up(self):
        await self.open()

    def do_report(self):
        print(json.dumps(self.count), flush=True)

    async def command(self, line):
        """Carries out one line; what is wrong with it as text, or None."""
        words = line.split()
        if not words:
            return None
        action = getattr(self, "do_" + words[0].replace("-", "_"), None)
        if not action:
            return "no such command"
        try:
            result = action(*words[1:])
            if asyncio.iscoroutine(result):
                await result
        except (TypeError, ValueError, OSError) as problem:
            return str(problem)
        return None


async def commands_from_stdin(proxy):
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    try:
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    except (ValueError, OSError):
        return      # not a pipe: no commands
    while (line := await reader.readline()):
        problem = await proxy.command(line.decode())
        print(json.dumps({"reply": "error", "why": problem} if problem else {"reply": "ok"}),
              flush=True)


async def main():
    parser = argparse.ArgumentParser(epilog=HELP,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--broker", default="127.0.0.1:1883", metavar="HOST:PORT")
    parser.add_argument("--listen", type=int, default=0, metavar="PORT",
                        help="on 127.0.0.1; 0: any free port")
    parser.add_argument("--port-file", metavar="FILE", help="write the port there")
    parser.add_argument("commands", nargs="*", metavar="COMMAND")
    options = parser.parse_args()
    host, port = options.broker.rsplit(":", 1)
    proxy = Proxy("127.0.0.1", options.listen, (host, int(port)))
    for line in options.commands:
        problem = await proxy.command(line)
        if problem:
            parser.error(f"{line}: {problem}")
    await proxy.open()
    if options.port_file:
        with open(options.port_file + ".new", "w") as f:
            f.write(f"{proxy.port}\n")
        os.rename(options.port_file + ".new", options.port_file)
    end = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end.set)
    loop.add_signal_handler(signal.SIGUSR1, proxy.do_report)
    reader = asyncio.create_task(commands_from_stdin(proxy))
    await end.wait()
    reader.cancel()
    for link in list(proxy.links):
        link.close()
    proxy.do_report()


if __name__ == "__main__":
    asyncio.run(main())
