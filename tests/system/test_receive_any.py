#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""weir-receive as a collector of anyone's JSON: real publishers at a real broker, rows in CSV."""
import csv
import io
import json
import os
import pty
import signal
import subprocess
import termios
import threading
import unittest

from rig import Process, wait_for
from test_receive import ReceiveTest, Receiver, Screen, record

csv.field_size_limit(1 << 24)
TIME = r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"


def rows_of(receiver):
    """The rows; every one must have exactly the columns of the header."""
    lines = list(csv.reader(io.StringIO(receiver.text(), newline="")))
    assert all(len(line) == len(lines[0]) for line in lines), lines
    return [dict(zip(lines[0], line)) for line in lines[1:]]


class AnyTest(ReceiveTest):
    def pub(self, broker, topic, *payloads, retain=False):
        """mosquitto_pub, so that nothing of weir is at the other end."""
        for payload in payloads:
            data = payload if isinstance(payload, (bytes, str)) else json.dumps(payload)
            subprocess.run(["mosquitto_pub", "-p", str(broker.port), "-q", "1", "-t", topic, "-s" if payload else "-n",
                            *(["-r"] if retain else [])], check=True, timeout=30,
                           input=data.encode() if isinstance(data, str) else data)

    def all_came(self, broker, receiver):
        """What was published before has arrived: its word about this one comes after them."""
        self.pub(broker, "the/end", b"no JSON")
        wait_for(lambda: "the/end: " in receiver.log_text(), what="the last message")

    def rows(self, receiver, count):
        """Ends it once so many rows are there."""
        self.assertEqual(receiver.end(count + 1), 0)
        self.assertEqual(receiver.text()[-1], "\n")
        return rows_of(receiver)


class Rows(AnyTest):
    def test_any_object_is_a_row(self):
        """Nested keys joined, what came where and when, strings that need quotes."""
        broker = self.rig.broker()
        receiver = self.receiver(broker, "--csv", topics=("#",))
        self.pub(broker, "zigbee/x", {"temperature": 21.5, "battery": {"percent": 80, "low": False}})
        self.pub(broker, "zigbee/y", {"battery": {"low": True, "percent": None}, "temperature": 3,
                                      "name": "a,\"b\"\nc\r\u00e9"})
        rows = self.rows(receiver, 2)
        self.assertEqual(list(rows[0]), ["topic", "received", "temperature", "battery.percent",
                                         "battery.low", "more"])
        for row in rows:
            self.assertRegex(row.pop("received"), TIME)
        self.assertEqual(rows[0], {"topic": "zigbee/x", "temperature": "21.5", "more": "",
                                   "battery.percent": "80", "battery.low": "false"})
        self.assertEqual(json.loads(rows[1].pop("more")), {"name": "a,\"b\"\nc\r\u00e9"})
        self.assertEqual(rows[1], {"topic": "zigbee/y", "temperature": "3", "battery.percent": "",
                                   "battery.low": "true"})

    def test_arrays(self):
        """Objects in arrays are rows with what stands beside them; other arrays are JSON text."""
        broker = self.rig.broker()
        receiver = self.receiver(broker, "--csv", "--learn", "600", topics=("#",))
        self.pub(broker, "a", {"site": "s", "data": {"readings": [{"n": 1, "v": [1, "x"]}, {"n": 2}]}})
        self.pub(broker, "b", [{"n": 3}, {"n": 4, "list": [{"k": 5}, {"k": 6}], "other": [{"m": 7}]}])
        self.pub(broker, "c", {"mixed": [1, {"n": 2}], "none": []})
        self.all_came(broker, receiver)
        self.assertEqual(receiver.text(), "")       # still learning
        self.assertEqual(receiver.stop(), 0)
        rows = [{key: value for key, value in row.items() if value and key != "received"}
                for row in rows_of(receiver)]
        self.assertEqual(rows, [
            {"topic": "a", "site": "s", "data.readings.n": "1", "data.readings.v": '[1,"x"]'},
            {"topic": "a", "site": "s", "data.readings.n": "2"},
            {"topic": "b", "n": "3"},
            {"topic": "b", "n": "4", "list.k": "5"},
            {"topic": "b", "n": "4", "list.k": "6"},
            {"topic": "b", "n": "4", "other.m": "7"},
            {"topic": "c", "mixed": '[1,{"n":2}]', "none": "[]"}])

    def test_keys_that_come_later(self):
        """None is lost: in the column `more`, and said once for each key."""
        broker = self.rig.broker()
        receiver = self.receiver(broker, "--csv", topics=("#",))
        self.pub(broker, "s/1", {"a": 1}, {"a": 2, "b": 3}, {"c": 4, "b": 5})
        self.pub(broker, "s/2", {"a": 6, "topic": "own", "more": 7})
        rows = self.rows(receiver, 4)
        self.assertEqual(list(rows[0]), ["topic", "received", "a", "more"])
        self.assertEqual([(row["topic"], row["a"], row["more"] and json.loads(row["more"]))
                          for row in rows],
                         [("s/1", "1", ""), ("s/1", "2", {"b": 3}), ("s/1", "", {"c": 4, "b": 5}),
                          ("s/2", "6", {"topic": "own", "more": 7})])
        words = receiver.log_text()
        for line in ("no column for b (first on topic s/1): in the column more",
                     "no column for c (first on topic s/1): in the column more",
                     "no column for topic, more (first on topic s/2): in the column more",
                     "4 keys had no column, in 3 rows: b 2, c 1, topic 1, more 1"):
            self.assertEqual(words.count(f"weir: {line}\n"), 1, words)

    def test_chosen_columns(self):
        broker = self.rig.broker()
        receiver = self.receiver(broker, "--csv", "--columns", "t=topic,when=@received,b.c,a,x=a",
                                 topics=("#",))
        self.pub(broker, "s", {"a": 1, "b": {"c": 2, "d": 3}}, {"topic": "own", "b": {"d": 4}})
        rows = self.rows(receiver, 2)
        for row in rows:
            self.assertRegex(row.pop("when"), TIME)
        self.assertEqual(rows, [{"t": "s", "b.c": "2", "a": "1", "x": "1"},
                                {"t": "own", "b.c": "", "a": "", "x": ""}])
        self.assertIn("weir: no column for b.d (first on topic s): left out\n", receiver.log_text())
        self.assertIn("weir: 1 key had no column, in 2 rows: b.d 2\n", receiver.log_text())

        receiver = self.receiver(broker, "--csv", "--columns", "a,rest=more", topics=("#",))
        self.pub(broker, "s", {"a": 1, "b": {"c": 2}})
        self.assertEqual(self.rows(receiver, 1), [{"a": "1", "rest": '{"b.c":2}'}])
        self.assertIn("b.c (first on topic s): in the column more\n", receiver.log_text())

    def test_topics_that_weir_uses_too(self):
        """What others put on .../state, .../health and the like are rows; what weir puts there not."""
        broker = self.rig.broker()
        receiver = self.receiver(broker, "--csv", "--learn", "600", topics=("#",))
        for topic, payload in (("w/g/state", b"online"), ("w/g/health", {"status": "ok"}),
                               ("w/g/d/meta", {"gateway": "g", "device": "d"}),
                               ("x/state", {"power": "ON"}), ("x/health", {"status": "ok", "t": 1}),
                               ("x/meta", {"model": "m"}), ("x/set", {"state": "ON"}),
                               ("x/result", {"ok": True})):
            self.pub(broker, topic, payload)
        self.all_came(broker, receiver)
        self.assertEqual(receiver.stop(), 0)
        self.assertEqual([row["topic"] for row in rows_of(receiver)],
                         ["x/state", "x/health", "x/meta", "x/set", "x/result"])
        self.assertNotIn("w/g/state", receiver.log_text())

    def test_no_json(self):
        """Said once a topic with the byte, counted, and not fatal."""
        broker = self.rig.broker()
        receiver = self.receiver(broker, "--csv", topics=("#",))
        self.pub(broker, "a/b", b"21.5", b"on", b"\xff\xfe")
        self.pub(broker, "a/c", b'{"a":1,}', b"", b"[1,2]", b'{"a":1,"a":2}')
        self.pub(broker, "a/d", b"\x1b[2J")
        self.pub(broker, "a/e", {"a": 1})
        self.assertEqual([row["topic"] for row in self.rows(receiver, 1)], ["a/e"])
        words = receiver.log_text()
        self.assertRegex(words, r"weir: a/b: no row, not JSON or no object: byte 4 \(line 1 column")
        self.assertRegex(words, r"weir: a/c: no row, not JSON or no object: byte 8 \(line 1 column")
        self.assertEqual([words.count(f"weir: {topic}: ") for topic in ("a/b", "a/c", "a/d")], [1] * 3)
        self.assertIn("weir: 8 messages were no JSON objects or broken, on 3 topics\n", words)
        self.assertNotIn("\x1b", words)

    def test_limits(self):
        """Columns, named keys and topics are bounded; what is beyond is still there, or counted."""
        broker = self.rig.broker()
        receiver = self.receiver(broker, "--csv", topics=("#",))
        wide = {f"k{i:04}": i for i in range(1500)}
        self.pub(broker, "wide", wide)
        for i in range(70):
            broker.publish(f"bad/{i}", "x")
        self.pub(broker, "last", {"k0000": 1})
        rows = self.rows(receiver, 2)
        self.assertEqual(len(rows[0]), 1024 + 1)
        found = {key: int(value) for key, value in rows[0].items() if key[0] == "k"}
        self.assertEqual(found | json.loads(rows[0]["more"]), wide)
        words = receiver.log_text()
        self.assertIn("weir: more than 256 keys have no column: no more are named\n", words)
        self.assertEqual(words.count("weir: bad/"), 64)
        self.assertIn("weir: 70 messages were no JSON objects or broken, on more than 64 topics\n",
                      words)

    def test_many_rows_in_one_message(self):
        """A message whose rows would repeat more than 64 MiB is one row."""
        broker = self.rig.broker()
        receiver = self.receiver(broker, "--csv", "--columns", "n,list.m,list,short=base",
                                 topics=("#",))
        self.pub(broker, "s", {"n": 1, "list": [{"m": i} for i in range(2000)]},
                 {"n": 2, "base": "x" * 200000, "list": [{"m": i} for i in range(400)]})
        rows = self.rows(receiver, 2001)
        self.assertEqual([row["list.m"] for row in rows], [str(i) for i in range(2000)] + [""])
        self.assertEqual(len(json.loads(rows[2000]["list"])), 400)

    def test_the_last_line_is_whole(self):
        """Ctrl-C in the midst of a flood."""
        broker = self.rig.broker(extra="max_queued_messages 0\n")
        for number in (signal.SIGINT, signal.SIGTERM):
            receiver = self.receiver(broker, "--csv", "--client-id", f"flood-{number}", topics=("#",))
            lines = "".join(json.dumps({"n": i, "text": "x" * 300}) + "\n" for i in range(20000))
            with subprocess.Popen(["mosquitto_pub", "-p", str(broker.port), "-q", "1", "-t", "f", "-l"],
                                  stdin=subprocess.PIPE) as flood:
                feeder = threading.Thread(target=feed, args=(flood, lines.encode()), daemon=True)
                feeder.start()
                wait_for(lambda: receiver.text().count("\n") > 1000, what="rows")
                receiver.signal(number)
                self.assertEqual(receiver.wait(), 0)
                flood.kill()
                feeder.join()
            self.assertEqual(receiver.text()[-1], "\n")
            self.assertEqual([row["n"] for row in rows_of(receiver)],
                             [str(i) for i in range(receiver.text().count("\n") - 1)])


def feed(process, data):
    try:
        process.stdin.write(data)
        process.stdin.close()
    except BrokenPipeError:
        pass


class Beside(AnyTest):
    def test_verify_is_not_disturbed(self):
        broker = self.rig.broker()
        receiver = self.receiver(broker, "--csv", "--verify", topics=("#",))
        self.publish(broker, record(1, after=[]), record(2))
        self.pub(broker, "x", {"seq": 9, "epoch": 1700000000, "v": 1}, b"7", [{"seq": 1}, {"seq": 1}],
                 {"gateway": "g", "bus": "b", "v": [{"seq": 5}]}, b"\xff", {"before": 1, "after": 2})
        self.publish(broker, record(3))
        rows = self.rows(receiver, 8)
        self.assertEqual([row["seq"] for row in rows if row["epoch"] == "7"], ["1", "2", "3"])
        self.assertEqual(list(rows[0]), ["gateway", "bus", "epoch", "seq", "device", "kind", "time",
                                         "v", "more"])
        foreign = json.loads(rows[-2]["more"])
        self.assertRegex(foreign.pop("@received"), TIME)
        self.assertEqual(foreign, {"@topic": "x", "before": 1, "after": 2})
        self.assertEqual(receiver.log_text().splitlines()[-1], "verify: ok, 3 records in 1 stream")

    def test_a_broken_record_is_a_row(self):
        broker = self.rig.broker()
        receiver = self.receiver(broker, "--csv", "--columns", "gateway,seq", topics=("#",))
        self.pub(broker, "x", {"gateway": "AA:BB", "bus": "b", "epoch": 1, "seq": 2})
        self.assertEqual(self.rows(receiver, 1), [{"gateway": "AA:BB", "seq": "2"}])
        self.assertIn('weir: x: a broken record: gateway "AA:BB" is no name', receiver.log_text())

    def test_traffic_counts(self):
        """One line makes what `weir report traffic` reads: labels, vehicles, intervals."""
        broker = self.rig.broker()
        self.pub(broker, "weir/g/a/meta", {"gateway": "g", "bus": "b", "device": "a", "kinds": {},
                                           "labels": {"location": "Harbour St"}}, retain=True)
        receiver = self.receiver(broker, "--csv", "--kind", "interval,vehicle", "--columns",
                                 "location,time,vehicle_count")
        one = {"vehicle_count": 12, "lane": 1}
        self.publish(broker, record(1, after=[], device="a", values=one, kind="interval"),
                     record(2, device="c", values={"speed": 50.5}, kind="vehicle"), record(3))
        self.pub(broker, "weir/other", {"kind": "interval", "location": "x", "time": 1,
                                        "vehicle_count": 2})
        time = "2026-11-22T12:00:00.123Z"
        self.assertEqual(self.rows(receiver, 3), [
            {"location": "Harbour St", "time": time, "vehicle_count": "12"},
            {"location": "c", "time": time, "vehicle_count": "1"},
            {"location": "x", "time": "1", "vehicle_count": "2"}])
        report = subprocess.run([self.rig.program("weir"), "report", "traffic", receiver.path,
                                 "--timezone", "UTC", "--json"], timeout=60, check=True,
                                capture_output=True)
        self.assertEqual(sorted(one["location"] for one in json.loads(report.stdout)["locations"]),
                         ["Harbour St", "c", "x"])

    def test_labels_come_after_what_the_broker_kept(self):
        """A kept session hands over records before the retained description of their device."""
        broker = self.rig.broker()
        args = ("--csv", "--columns", "location,label.site,seq")
        self.receiver(broker, *args).stop()
        self.publish(broker, record(1, after=[]))
        self.pub(broker, "weir/g/d/meta", {"gateway": "g", "device": "d", "labels":
                                           {"site": "North", "location": "Pier"}}, retain=True)
        receiver = self.receiver(broker, *args)
        self.assertEqual(self.rows(receiver, 1),
                         [{"location": "Pier", "label.site": "North", "seq": "1"}])

    def test_table_of_anything(self):
        broker = self.rig.broker()
        receiver = self.receiver(broker, topics=("#",))
        self.pub(broker, "x/y", {"device": 5, "seq": 1, "t": [{"a": 1}, {"a": 2}]},
                 {"time": "2026-11-22T12:00:00Z", "v": 1})
        self.assertEqual(receiver.end(4), 0)
        lines = [line.split() for line in receiver.text().splitlines()[1:]]
        self.assertEqual([line[1:] for line in lines],
                         [["x/y", "-", "device=5", "seq=1", "t.a=1"],
                          ["x/y", "-", "device=5", "seq=1", "t.a=2"], ["x/y", "-", "v=1"]])
        self.assertEqual(lines[2][0], "2026-11-22T12:00:00Z")


class Live(AnyTest):
    def test_one_line_a_topic(self):
        """Newest values, in place, within the width; the end of a long topic stays to be seen."""
        broker = self.rig.broker()
        receiver = Receiver(self.rig, broker.url, topics=("#",))
        master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (24, 60))
        receiver.stdout = slave
        Process.start(receiver)
        os.close(slave)
        screen = Screen(master)
        screen.wait_for("connected to " + broker.url)
        topic = "some/very/long/way/to/a/sensor/in/the/attic"
        self.pub(broker, topic, {"t": 20.5}, {"t": 21.5, "text": "word " * 40})
        self.pub(broker, "b", {"t": 3}, b"nonsense")
        screen.wait_for("3 other objects, 1 no JSON objects or broken")
        self.assertEqual(receiver.stop(), 0)
        screen.wait_for("ended, ")
        frame = screen.text[screen.text.rindex("DEVICE"):].replace("\033[K", "")
        lines = [plain(line) for line in frame.splitlines()]
        self.assertTrue(all(len(line) <= 60 for line in lines[:3]), lines)
        self.assertRegex(lines[1], r"^b  .*  t=3$")
        self.assertRegex(lines[2], r"^\.\.\..*in/the/attic  .*  t=21\.5 \.\.\.$")
        self.assertIn("1 message was no JSON object or broken, on 1 topic", receiver.log_text())


def plain(line):
    for code in ("\033[1m", "\033[31m", "\033[32m", "\033[0m", "\033[J"):
        line = line.replace(code, "")
    return line


if __name__ == "__main__":
    unittest.main()
