#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""Refusals that the MQTT library cannot read: it hangs up over them. The message is found, set aside
and told as any other refused one; a broker that only hangs up costs nothing but repeats."""
import json
import socket
import struct
import threading
import unittest

from rig import RigTest, modbus_device, wait_for
from test_mqtt_plugin import CONNACK, CONNECT, PINGREQ, PINGRESP, PUBACK, PUBLISH, FakeBroker, read_packet

TOO_LARGE = b"\x95"
UNREADABLE = b"\x7f"        # a length of properties that the packet does not have


class PickyBroker(FakeBroker):
    """Answers each PUBLISH at once: one that `bad` picks with a refusal that no library can read (or
    with nothing but the end of the connection), others as accepted, which are kept in `records`."""

    def __init__(self, bad, hang_up=False):
        self.bad, self.hang_up, self.records, self.hits = bad, hang_up, [], 0
        self.lock = threading.Lock()
        super().__init__()

    def _serve(self, conn):
        while (packet := read_packet(conn)):
            kind, flags, body = packet
            if kind == CONNECT:
                self.send(CONNACK, self.connack)
            elif kind == PINGREQ:
                self.send(PINGRESP, b"")
            elif kind == PUBLISH and not self.publish(flags, body):
                return

    def publish(self, flags, body):
        end = 2 + struct.unpack(">H", body[:2])[0]
        topic, mid, payload = body[2:end].decode(), body[end:end + 2], body[end + 3:]
        if self.bad(topic, payload):
            self.hits += 1
            if not self.hang_up:
                self.send(PUBACK, mid + TOO_LARGE + UNREADABLE)
            return not self.hang_up
        if payload.startswith(b'{"gateway"') and not topic.endswith("/meta"):
            with self.lock:
                self.records.append(json.loads(payload))
        self.send(PUBACK, mid)
        return True

    def close(self):
        try:
            self.server.shutdown(socket.SHUT_RDWR)      # wakes accept(), which else holds the port
        except OSError:
            pass
        super().close()

    def readings(self, device):
        with self.lock:
            return [r for r in self.records if r["device"] == device and r["kind"] == "reading"]


class Refusals(RigTest):
    def start(self, broker, large_every="2s", large=60):
        self.addCleanup(broker.close)
        self.meters = self.rig.meters(units=2, regs=100, time_reg=-1)
        point = 'type = "uint16";'
        devices = ",".join((
            modbus_device("small", 1, [("a", 1, point)], every="200ms"),
            modbus_device("large", 2, [(f"a_long_name_of_a_point_{i}", i, point) for i in range(large)],
                          every=large_every)))
        self.weir = self.rig.weir(self.rig.config(
            f'bus = {{ adapter = "modbus"; address = "127.0.0.1:{self.meters.port}"; devices = ({devices}); }};',
            f'up = {{ uplink = "mqtt"; url = "{broker.url}"; reconnect_delay_max = "500ms"; }};'))

    def uplink(self):
        return wait_for(self.weir.status, what="status")["uplinks"][0]

    def test_unreadable_refusal(self):
        """Records that are too large are set aside and told; those around them all arrive."""
        broker = PickyBroker(lambda topic, payload: len(payload) > 1000)
        self.start(broker)
        wait_for(lambda: self.uplink()["set_aside"] > 2, timeout=90, what="records set aside")
        count = len(broker.readings("small"))
        wait_for(lambda: len(broker.readings("small")) > count + 20, what="the others go on")
        wait_for(lambda: any(b.get("why") == "refused" for r in list(broker.records)
                             for b in r.get("before", ())), what="it is told")
        self.assertEqual(broker.readings("large"), [])
        self.assertIn("larger than the broker takes", self.uplink()["trouble"])
        hits = broker.hits          # the size was learnt; only a smaller one costs a connection
        aside = self.uplink()["set_aside"]
        wait_for(lambda: self.uplink()["set_aside"] >= aside + 5, what="more are set aside")
        self.assertLess(broker.hits, hits + 8)
        self.assertEqual(self.weir.stop(), 0)
        self.assert_complete(broker)

    def test_large_description(self):
        """A description that is too large is left out; records go on."""
        broker = PickyBroker(lambda topic, payload: topic.endswith("large/meta"))
        self.start(broker)
        wait_for(lambda: len(broker.readings("large")) > 3, timeout=90, what="records")
        self.assertEqual(self.uplink()["set_aside"], 0)
        self.assertEqual(self.weir.stop(), 0)
        self.assert_complete(broker)

    def test_hangs_up(self):
        """A broker that hangs up, ten times over the same record: nothing is set aside."""
        broker = PickyBroker(lambda topic, payload: len(payload) > 1000 and broker.hits < 10,
                             hang_up=True)
        self.start(broker)
        wait_for(lambda: broker.hits >= 10, timeout=90, what="ten times")
        wait_for(lambda: len(broker.readings("large")) > 3, timeout=60, what="the record arrives")
        self.assertEqual(self.uplink()["set_aside"], 0)
        self.assertEqual(self.weir.stop(), 0)
        self.assert_complete(broker)

    def assert_complete(self, broker):
        """Every number of the bus came or was told."""
        records = [r for r in broker.records if r["bus"] == "bus"]
        there = {r["seq"] for r in records}
        for r in records:
            for b in r.get("before", ()):
                there.update(range(b["first"], b["last"] + 1))
        self.assertEqual(there, set(range(1, max(there) + 1)))


if __name__ == "__main__":
    unittest.main(verbosity=2)
