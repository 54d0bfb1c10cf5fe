#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""The MQTT uplink plugin alone, under a stand-in for its host, against real and forged brokers."""
import json
import os
import select
import socket
import struct
import threading
import time
import unittest

from rig import Program, RigTest, wait_for

CONNECT, CONNACK, PUBLISH, PUBACK, PINGREQ, PINGRESP, DISCONNECT = 1, 2, 3, 4, 12, 13, 14
AT_ONCE_MS = 1500       # a callback that takes longer has blocked on something
# With unlimited queues mosquitto 2.0.11 hangs up on a client whose message it refuses.
BOUNDED = "max_queued_messages 1000"


class Driver(Program):
    """mqtt-driver with the plugin loaded and one source chosen. Options as keywords."""

    def __init__(self, rig, url, name="driver", **options):
        plugin = os.path.join(rig.bin, "plugins", "uplink-mqtt.so")
        settings = [f"{key}={value}" for key, value in options.items()]
        super().__init__(rig, name, [rig.program("mqtt-driver"), plugin, f"url={url}", *settings])

    def ready(self):
        self.start()
        self.command("source feeder-1 reading")
        return self

    def of(self, kind):
        return [e for e in self.events if e.get("event") == kind]

    def next(self, kind, timeout=30):
        """The first event of this kind; it is taken out of the list."""
        found = wait_for(lambda: self.of(kind), timeout, f"event {kind} (so far {self.events})")[0]
        self.events.remove(found)
        return found

    def connect(self, timeout=30):
        """Connects, and expects to succeed: what the plugin notes about the connection."""
        self.command("connect")
        wait_for(lambda: self.of("connected") or self.of("disconnected"), timeout, "an end")
        if self.of("disconnected"):
            raise AssertionError(self.of("disconnected"))
        return self.next("connected")["note"]

    def fail(self, timeout=30):
        """Connects, and expects not to: the event that says why."""
        self.command("connect")
        found = self.next("disconnected", timeout)
        if self.of("connected"):
            raise AssertionError("connected")
        return found

    def settled(self, timeout=60):
        """Waits until everything is answered; the counts."""
        def done():
            report = self.report()
            return report["under_way"] == 0 and report["sent"] == report["wanted"] and report
        return wait_for(done, timeout, "all answered")

    def finish(self):
        """Orderly end: the exit status tells of leaks too."""
        self.command("quit")
        return self.wait()


def numbers(subscriber, topic="weir/kerb-07/feeder-1/reading"):
    """The tokens of all messages that arrived, in order."""
    return [json.loads(payload)["n"] for t, payload, _ in subscriber.messages() if t == topic]


def read_packet(conn):
    """(type, flags, body) of the next MQTT packet; None at the end."""
    def exactly(n):
        data = b""
        while len(data) < n:
            part = conn.recv(n - len(data))
            if not part:
                raise EOFError
            data += part
        return data
    try:
        head, length, shift = exactly(1)[0], 0, 0
        while True:
            byte = exactly(1)[0]
            length |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return head >> 4, head & 15, exactly(length)
    except (OSError, EOFError):
        return None


class FakeBroker:
    """Answers as it is told. What clients send is kept in `packets`, PUBLISHes also in `topics`."""

    def __init__(self, connack=b"\x00\x00\x00", acknowledge=True, ping=True, reason=b""):
        self.connack, self.acknowledge, self.ping, self.reason = connack, acknowledge, ping, reason
        self.packets, self.topics, self.retained = [], [], []
        self.waiting, self.most_waiting, self.held = 0, 0, []
        self.conn = None
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.url = f"mqtt://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                self.conn, _ = self.server.accept()
            except OSError:
                return
            try:
                self._serve(self.conn)
            except OSError:
                pass
            self.conn.close()

    def _serve(self, conn):
        while (packet := read_packet(conn)):
            kind, flags, body = packet
            self.packets.append((kind, body))
            if kind == CONNECT and self.connack is not None:
                self.send(CONNACK, self.connack)
            elif kind == PUBLISH:
                self._published(flags, body)
            elif kind == PINGREQ and self.ping:
                self.send(PINGRESP, b"")

    def _published(self, flags, body):
        end = 2 + struct.unpack(">H", body[:2])[0]
        self.topics.append(body[2:end].decode())
        self.retained.append(bool(flags & 1))
        if not flags & 6:
            return
        self.waiting += 1
        self.held.append(body[end:end + 2])
        self.most_waiting = max(self.most_waiting, self.waiting)
        # Answered late, so that a client that sends too much is caught.
        if self.acknowledge and not select.select([self.conn], [], [], 0.02)[0]:
            self.answer()

    def answer(self):
        """Acknowledges all that waits."""
        held, self.held = self.held, []
        self.waiting = 0
        for mid in held:
            self.send(PUBACK, mid + self.reason)

    def send(self, kind, body):
        self.conn.sendall(bytes([kind << 4, len(body)]) + body)

    def close(self):
        self.server.close()
        if self.conn:
            self.conn.close()


class MqttTest(RigTest):
    def driver(self, url, **options):
        return Driver(self.rig, url, **options).ready()

    def fake(self, **options):
        broker = FakeBroker(**options)
        self.addCleanup(broker.close)
        return broker

    def assert_prompt(self, driver):
        self.assertLess(driver.report()["longest_ms"], AT_ONCE_MS)


class Settings(MqttTest):
    """open() refuses what cannot work, in words."""

    def refused(self, url="mqtt://127.0.0.1", **options):
        driver = Driver(self.rig, url, **options)
        driver.start()
        self.assertEqual(driver.wait(), 1)
        return driver.next("open")["error"]

    def test_refusals(self):
        self.assertIn("TLS comes with a later version", self.refused("mqtts://x"))
        self.assertIn("placeholder {color} is not known", self.refused(topic="a/{color}"))
        self.assertIn("wildcards", self.refused(topic="a/#"))
        self.assertIn("prefix", self.refused(prefix="a/{device}/"))
        self.assertIn("client_id", self.refused(client_id="{bus}"))
        self.assertIn("username", self.refused(password="x"))
        self.assertIn("source_address", self.refused(source_address="eth0"))

    def test_routes(self):
        driver = self.driver("mqtt://127.0.0.1", topic="{bus}/{label.site}")
        driver.command("source other reading")
        driver.command("source other reading Harbour/1")
        driver.command("source other state Harbour/1")
        self.assertEqual([e["number"] for e in driver.of("route")], ["0", "0", "1", "1"])
        self.assertEqual(driver.finish(), 0)


class Delivery(MqttTest):
    """A real broker that does what it should."""

    def test_records_state_and_meta(self):
        broker = self.rig.broker()
        subscriber = self.rig.subscriber(broker)
        driver = self.driver(broker.url)
        self.assertEqual(driver.connect(), "MQTT 5")
        driver.command("announce")
        driver.command("send 500 200")
        self.assertEqual(driver.settled()["accepted"], 500)
        driver.command("disconnect")
        wait_for(lambda: len(numbers(subscriber)) == 500, what="all messages")
        self.assertEqual(numbers(subscriber), list(range(500)))
        late = self.rig.subscriber(broker, name="late")
        wait_for(lambda: len(late.messages()) == 2, what="retained messages")
        self.assertEqual(sorted(late.messages()),
                         [("weir/kerb-07/feeder-1/meta", '{"points":{}}', True),
                          ("weir/kerb-07/state", "offline", True)])
        self.assertEqual([p for t, p, _ in subscriber.messages() if t == "weir/kerb-07/state"],
                         ["online", "offline"])
        self.assertIn("Client weir-kerb-07-city disconnected.", broker.log_text())
        self.assert_prompt(driver)
        self.assertEqual(driver.finish(), 0)

    def test_own_topics_and_client_id(self):
        broker = self.rig.broker(extra="connection_messages true")
        subscriber = self.rig.subscriber(broker)
        driver = self.driver(broker.url, topic="city/{gateway}/{bus}/{kind}", prefix="p/",
                             client_id="mine-{uplink}")
        driver.connect()
        driver.command("announce")
        driver.command("send 1 0")
        driver.settled()
        wait_for(lambda: len(subscriber.messages()) == 3, what="three messages")
        self.assertEqual({t for t, _, _ in subscriber.messages()},
                         {"p/state", "p/feeder-1/meta", "city/kerb-07/meters/reading"})
        self.assertIn("as mine-city (p5", broker.log_text())

    def test_qos_0(self):
        broker = self.rig.broker()
        subscriber = self.rig.subscriber(broker)
        driver = self.driver(broker.url, qos=0)
        driver.connect()
        driver.command("send 300 20000")        # more than the socket holds
        self.assertEqual(driver.settled()["accepted"], 300)
        wait_for(lambda: numbers(subscriber) == list(range(300)), what="all messages")

    def test_no_subscriber_is_acceptance(self):
        driver = self.driver(self.rig.broker().url)
        driver.connect()
        driver.command("send 10 100")
        self.assertEqual(driver.settled()["accepted"], 10)

    def test_name_instead_of_address(self):
        try:
            socket.getaddrinfo("localhost", None)
        except OSError:
            self.skipTest("this machine does not know localhost")
        broker = self.rig.broker()
        driver = self.driver(f"mqtt://localhost:{broker.port}", source_address="127.0.0.1")
        driver.connect()
        driver.command("send 10 100")
        self.assertEqual(driver.settled()["accepted"], 10)
        self.assertEqual(driver.finish(), 0)

    def test_socket_options(self):
        broker = self.rig.broker()
        driver = self.driver(broker.url, keepalive="20s")
        driver.connect()
        driver.command("send 1000 100")
        driver.settled()
        # No descriptor beside standard input, output, error and the connection.
        self.assertEqual(sum(link.startswith("socket:") for link in links(driver.pid)), 1)

    def test_connects_and_leaves_often(self):
        broker = self.rig.broker()
        driver = self.driver(broker.url)
        driver.connect()
        descriptors = len(links(driver.pid))
        for _ in range(20):
            driver.command("send 5 100")
            driver.settled()
            driver.command("disconnect")
            driver.connect()
        self.assertEqual(len(links(driver.pid)), descriptors)
        self.assertEqual(driver.report()["accepted"], 100)
        self.assertEqual(driver.finish(), 0)


def links(pid):
    """What the descriptors of a process point to."""
    path = f"/proc/{pid}/fd"
    return [os.readlink(f"{path}/{fd}") for fd in os.listdir(path)]


class Refusals(MqttTest):
    """Brokers that say no."""

    def test_wrong_password(self):
        broker = self.rig.broker(password={"kerb": "right"})
        for version, code in (("5", 135), ("3.1.1", 5)):
            driver = self.driver(broker.url, name=f"driver-{version}", username="kerb",
                                 password="wrong", version=version)
            event = driver.fail()
            self.assertEqual(event["why"], f"broker: not authorized ({code})")
            self.assertTrue(event["permanent"])
        driver = self.driver(broker.url, name="right", username="kerb", password="right")
        self.assertEqual(driver.connect(), "MQTT 5")

    def test_acl_denies(self):
        acl = "topic readwrite #\ntopic deny weir/kerb-07/secret/#\n"
        broker = self.rig.broker(acl=acl, extra=BOUNDED)
        driver = self.driver(broker.url)
        driver.command("source secret reading")
        driver.connect()
        driver.command("announce")
        driver.command("send 3 100")
        report = driver.settled()
        self.assertEqual((report["accepted"], report["refused"]), (0, 3))
        self.assertEqual([(e["why"], e["token"]) for e in driver.of("refused")],
                         [("not authorized (135)", n) for n in range(3)])
        self.assertIn("not authorized (135)", driver.next("log")["text"])
        driver.command("source open reading")
        driver.command("send 3 100")
        self.assertEqual(driver.settled()["accepted"], 3)

    def test_message_size_limit_of_the_broker(self):
        driver = self.driver(self.rig.broker(extra=f"message_size_limit 1000\n{BOUNDED}").url)
        driver.connect()
        driver.command("send 2 5000")
        report = driver.settled()
        if driver.of("disconnected"):       # newer libmosquittos do not take this reason
            self.assertIn("broke the protocol", driver.next("disconnected")["why"])
            driver.connect()
        else:
            self.assertEqual(report["refused"], 2)
            self.assertEqual(driver.next("refused")["why"], "packet too large (149)")
        driver.command("send 2 500")
        self.assertEqual(driver.settled()["accepted"], 2)

    def test_maximum_packet_size_is_kept(self):
        # Property 39: the whole PUBLISH may have 300 bytes.
        broker = self.fake(connack=b"\x00\x00\x05\x27\x00\x00\x01\x2c")
        driver = self.driver(broker.url)
        driver.connect()
        rest = 1 + 2 + 2 + len("weir/kerb-07/feeder-1/reading") + 2 + 1
        driver.command(f"send 1 {300 - rest}")
        self.assertEqual(driver.settled()["accepted"], 1)
        driver.command(f"send 1 {301 - rest}")
        self.assertEqual(driver.settled()["refused"], 1)
        self.assertEqual(driver.next("refused")["why"],
                         "message larger than the broker takes (300 bytes)")
        self.assertEqual(len(broker.topics), 2)         # state and the first message

    def test_reason_in_the_brokers_words(self):
        words = b"five a day"
        properties = b"\x1f" + struct.pack(">H", len(words)) + words
        broker = self.fake(reason=b"\x97" + bytes([len(properties)]) + properties)
        driver = self.driver(broker.url)
        driver.connect()
        driver.command("send 1 100")
        self.assertEqual(driver.next("refused")["why"], "quota exceeded (151): five a day")

    def test_session_taken_over(self):
        broker = self.fake()
        driver = self.driver(broker.url)
        driver.connect()
        broker.send(DISCONNECT, b"\x8e\x00")
        event = driver.next("disconnected")
        self.assertEqual(event["why"], "broker: session taken over (142)")
        self.assertTrue(event["permanent"])

    def test_no_retained_messages(self):
        broker = self.rig.broker(extra="retain_available false")
        driver = self.driver(broker.url)
        self.assertEqual(driver.connect(), "MQTT 5")
        self.assertIn("no retained", driver.next("log")["text"])
        driver.command("send 5 100")
        self.assertEqual(driver.settled()["accepted"], 5)

    def test_maximum_qos(self):
        broker = self.rig.broker(extra="max_qos 0")
        event = self.driver(broker.url).fail()
        self.assertEqual(event["why"], "broker: QoS not supported (155)")
        self.assertTrue(event["permanent"])
        driver = self.driver(broker.url, name="qos0", qos=0)
        driver.connect()
        driver.command("send 5 100")
        self.assertEqual(driver.settled()["accepted"], 5)
        # One that takes the will and says it only afterwards.
        event = self.driver(self.fake(connack=b"\x00\x00\x02\x24\x00").url, name="late").fail()
        self.assertEqual(event["why"], "broker: takes QoS 0 only, and this uplink has qos = 1")


class Window(MqttTest):
    """Never more under way than the broker wants."""

    def limited(self, maximum, **options):
        return self.fake(connack=b"\x00\x00\x03\x21" + struct.pack(">H", maximum), **options)

    def test_receive_maximum(self):
        for maximum in (1, 2, 5):
            broker = self.limited(maximum)
            driver = self.driver(broker.url, name=f"driver-{maximum}")
            driver.connect()
            for i in range(4):
                driver.command(f"source d{i} reading")
                driver.command("announce")
                driver.command("send 10 100")
            self.assertEqual(driver.settled()["accepted"], 40)
            self.assertLessEqual(broker.most_waiting, maximum)
            self.assertEqual(len(broker.topics), 1 + 4 + 40)
            # What a message means is known before the message.
            for i in range(4):
                topics = [t for t in broker.topics if f"/d{i}/" in t]
                self.assertEqual(topics[0], f"weir/kerb-07/d{i}/meta")

    def test_window(self):
        driver = self.driver(self.limited(10).url)
        self.assertEqual(driver.report()["window"], 0)
        driver.connect()
        wait_for(lambda: driver.report()["window"] == 9, what="window without our own")
        self.assertEqual(driver.finish(), 0)

    def test_many_announcements_at_once(self):
        broker = self.limited(3)
        driver = self.driver(broker.url)
        driver.connect()
        for _ in range(30):
            driver.command("announce")
        driver.command("send 30 100")
        self.assertEqual(driver.settled()["accepted"], 30)
        self.assertLessEqual(broker.most_waiting, 3)
        self.assertEqual(len(broker.topics), 61)
        self.assertEqual(broker.retained[:31], [True] * 31)


class Versions(MqttTest):
    """MQTT 3.1.1 only when the broker asks for it."""

    def fall_back(self, how):
        proxy = self.rig.proxy(self.rig.broker(acl="topic deny weir/#\n", extra=BOUNDED),
                               commands=[f"refuse {how}"])
        driver = self.driver(proxy.url)
        self.assertEqual(driver.connect(), "MQTT 3.1.1: refusals are not seen")
        driver.command("send 20 100")       # forbidden, and acknowledged
        self.assertEqual(driver.settled()["accepted"], 20)
        driver.command("disconnect")
        driver.connect()                    # remembered
        self.assertEqual(proxy.report()["versions"], {"5": 1, "4": 2})
        self.assertEqual(driver.finish(), 0)

    def test_refused_with_reason(self):
        self.fall_back("v5")

    def test_refused_by_a_broker_of_old(self):
        self.fall_back("old")

    def test_other_answers_in_the_form_of_3(self):
        event = self.driver(self.fake(connack=b"\x00\x05").url).fail()
        self.assertEqual(event["why"], "broker: not authorized (5)")
        event = self.driver(self.fake(connack=b"\x00\x00").url, name="success").fail()
        self.assertIn("MQTT 5", event["why"])

    def test_only_version_5_wanted(self):
        proxy = self.rig.proxy(self.rig.broker(), commands=["refuse v5"])
        event = self.driver(proxy.url, version="5").fail()
        self.assertEqual(event["why"], "broker: unsupported protocol version (132)")
        self.assertTrue(event["permanent"])

    def test_only_version_3_wanted(self):
        proxy = self.rig.proxy(self.rig.broker())
        driver = self.driver(proxy.url, version="3.1.1")
        self.assertEqual(driver.connect(), "MQTT 3.1.1: refusals are not seen")
        self.assertEqual(proxy.report()["versions"], {"4": 1})

    def test_back_to_5_when_3_is_refused(self):
        proxy = self.rig.proxy(self.rig.broker(), commands=["refuse v5"])
        driver = self.driver(proxy.url)
        driver.connect()
        driver.command("disconnect")
        proxy.command("refuse off")
        driver.connect()                    # within the hour: still 3.1.1
        self.assertEqual(proxy.report()["versions"], {"5": 1, "4": 2})
        driver.command("disconnect")
        proxy.stop()
        broker = self.fake(connack=b"\x00\x01")         # refuses every version, as one of old
        driver = self.driver(broker.url, name="neither")
        event = driver.fail()
        self.assertEqual(event["why"], "broker: unsupported protocol version (1)")
        self.assertEqual([body[6] for kind, body in broker.packets if kind == CONNECT], [5, 4])

    def test_no_fallback_on_silence(self):
        broker = self.fake(connack=None)
        driver = self.driver(broker.url, connect_timeout="1s")
        self.assertIn("no CONNACK in time", driver.fail()["why"])
        driver.fail()
        self.assertEqual([body[6] for kind, body in broker.packets if kind == CONNECT], [5, 5])


class Faults(MqttTest):
    """Links and brokers that fail."""

    def test_broker_absent_then_there(self):
        broker = self.rig.broker()
        broker.stop()
        driver = self.driver(broker.url)
        event = driver.fail()
        self.assertEqual(event["why"],
                         f"connect to 127.0.0.1:{broker.port}: Connection refused")
        self.assertFalse(event["permanent"])
        broker.start()
        driver.connect()
        driver.command("send 10 100")
        self.assertEqual(driver.settled()["accepted"], 10)
        self.assert_prompt(driver)

    def test_broker_killed_while_sending(self):
        broker = self.rig.broker()
        driver = self.driver(broker.url)
        for round_ in range(5):
            driver.connect()
            driver.command("send 1000000 500")
            seen = driver.report()["accepted"]
            wait_for(lambda: driver.report()["accepted"] > seen + 500, what="messages flowing")
            broker.kill()
            self.assertIn("connection lost", driver.next("disconnected")["why"])
            report = driver.report()
            self.assertEqual(report["under_way"], 0)
            self.assertEqual(report["window"], 0)
            broker.start()
        self.assert_prompt(driver)
        self.assertEqual(driver.finish(), 0)

    def test_accepted_is_never_lost(self):
        broker = self.rig.broker()
        subscriber = self.rig.subscriber(broker)
        proxy = self.rig.proxy(broker)
        driver = self.driver(proxy.url)
        unanswered = 0
        for _ in range(10):
            driver.connect()
            driver.command("send 1000000 300")
            seen = driver.report()["accepted"]
            wait_for(lambda: driver.report()["accepted"] > seen + 100, what="messages flowing")
            proxy.command("cut")
            unanswered += driver.next("disconnected")["under_way"]
        report = driver.report()
        self.assertEqual(report["accepted"] + unanswered, report["sent"])
        self.assertLessEqual(unanswered, 10 * 20)
        wait_for(lambda: len(set(numbers(subscriber))) >= report["accepted"], what="all accepted")

    def test_broker_stops_in_order(self):
        broker = self.rig.broker()
        driver = self.driver(broker.url)
        driver.connect()
        broker.stop()
        event = driver.next("disconnected")
        # A reset is what a socket says that was closed with bytes of ours unread.
        self.assertIn(event["why"], ("connection lost: closed by the broker",
                                     "connection lost: Connection reset by peer"))
        self.assertFalse(event["permanent"])

    def test_broker_says_that_it_stops(self):
        broker = self.fake()
        driver = self.driver(broker.url)
        driver.connect()
        broker.send(DISCONNECT, b"\x8b\x00")
        event = driver.next("disconnected")
        self.assertEqual(event["why"], "broker: server shutting down (139)")
        self.assertFalse(event["permanent"])

    def test_will(self):
        broker = self.rig.broker()
        subscriber = self.rig.subscriber(broker)
        driver = self.driver(broker.url)
        driver.connect()
        driver.kill()
        wait_for(lambda: len(subscriber.messages()) == 2, what="the will")
        self.assertEqual([p for _, p, _ in subscriber.messages()], ["online", "offline"])
        late = self.rig.subscriber(broker, name="late")
        wait_for(lambda: late.messages() == [("weir/kerb-07/state", "offline", True)],
                 what="the will, retained")

    def test_slow_acknowledgements(self):
        proxy = self.rig.proxy(self.rig.broker(), commands=["delay 300"])
        driver = self.driver(proxy.url)
        driver.connect()
        driver.command("send 60 100")
        report = driver.settled()
        self.assertEqual(report["accepted"], 60)
        self.assertEqual(report["refused"], 0)
        self.assert_prompt(driver)

    def test_acknowledgements_stall(self):
        broker = self.fake(acknowledge=False)
        driver = self.driver(broker.url, keepalive="5s")
        driver.connect()
        driver.command("send 3 100")
        event = driver.next("disconnected", timeout=60)
        self.assertEqual(event["why"], "broker does not answer: no acknowledgement in 10 s")
        self.assertEqual(event["under_way"], 3)
        self.assertIn(PINGREQ, [kind for kind, _ in broker.packets])

    def test_no_reply_to_a_ping(self):
        broker = self.fake(ping=False)
        driver = self.driver(broker.url, keepalive="5s")
        driver.connect()
        event = driver.next("disconnected", timeout=60)
        self.assertEqual(event["why"], "broker does not answer: no reply to a ping in 5 s")

    def test_idle_connection_stays(self):
        broker = self.rig.broker()
        driver = self.driver(broker.url, keepalive="5s")
        driver.connect()
        cpu_ms = driver.report()["cpu_ms"]
        started = time.monotonic()
        wait_for(lambda: time.monotonic() - started > 12, what="two pings")
        self.assertEqual(driver.of("disconnected"), [])
        self.assertLess(driver.report()["cpu_ms"] - cpu_ms, 1000)

    def test_port_that_answers_no_syn(self):
        with socket.socket() as full:
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            port = full.getsockname()[1]
            crowd = [socket.socket() for _ in range(4)]     # fill the queue of the listener
            for s in crowd:
                self.addCleanup(s.close)
                s.setblocking(False)
                s.connect_ex(("127.0.0.1", port))
            driver = self.driver(f"mqtt://127.0.0.1:{port}", connect_timeout="3s")
            self.assertIn("no answer in time", driver.fail()["why"])
            self.assert_prompt(driver)

    def test_name_that_is_none(self):
        driver = self.driver("mqtt://no-such-broker.invalid", connect_timeout="3s")
        for _ in range(2):
            self.assertIn("look up no-such-broker.invalid: ", driver.fail()["why"])
        self.assert_prompt(driver)

    def test_source_address_that_is_not_ours(self):
        driver = self.driver(self.rig.broker().url, source_address="192.0.2.1")
        self.assertIn("Cannot assign requested address", driver.fail()["why"])

    def test_broker_that_hangs_up(self):
        broker = self.fake(connack=None)
        driver = self.driver(broker.url)
        driver.command("connect")
        wait_for(lambda: broker.packets, what="CONNECT")
        broker.conn.shutdown(socket.SHUT_RDWR)
        event = driver.next("disconnected")
        self.assertIn("no CONNACK: connection lost: closed by the broker", event["why"])
        self.assertIn("3.1.1", event["why"])

    def test_broker_that_talks_nonsense(self):
        for i, connack in enumerate((b"", b"\x00", b"\x00\x00\x05\x01", b"\x00\x00\x02\xff\xff")):
            driver = self.driver(self.fake(connack=connack).url, name=f"driver-{i}",
                                 connect_timeout="2s")
            driver.fail()
            self.assertEqual(driver.finish(), 0)

    def test_goodbye_is_short(self):
        proxy = self.rig.proxy(self.rig.broker())
        driver = self.driver(proxy.url)
        driver.connect()
        proxy.command("stall on")
        driver.report()
        driver.command("disconnect")
        self.assertLess(driver.report()["longest_ms"], 1000 + AT_ONCE_MS)

    def test_disconnect_while_connecting(self):
        driver = self.driver(self.fake(connack=None).url)
        driver.command("connect")
        driver.command("disconnect")
        driver.command("disconnect")
        self.assertEqual(driver.of("disconnected"), [])
        self.assert_prompt(driver)
        self.assertEqual(driver.finish(), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
