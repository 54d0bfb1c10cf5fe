#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""weir-receive and time that was not trusted: repaired in CSV, table, live table and report."""
import csv
import io
import json
import os
import pty
import signal
import termios
import unittest
from datetime import datetime, timedelta, timezone

from rig import Process, counting_devices, wait_for
from test_receive import Receiver, ReceiveTest, Screen, read_json, record

OFFSET_S = 1795348790.5         # the gateway was started 9.5 s before noon
NOON = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)


def unsynced(seq, uptime, clock="unsynced", **more):
    """A record of a gateway that does not know the time."""
    one = record(seq, **more)
    one.update(time="1970-01-01T00:00:00.000Z", clock=clock, uptime=uptime)
    return one


def clock_event(of_epoch=7, seq=1, **more):
    return {"gateway": "g", "bus": "weir", "epoch": 9, "seq": seq, "device": "g", "kind": "event",
            "time": "2026-11-22T12:00:00.000Z",
            "values": {"event": "clock", "of_epoch": of_epoch, "offset_s": OFFSET_S,
                       "was": "unsynced", **more}}


def taken_at(uptime):
    return NOON + timedelta(seconds=uptime + OFFSET_S - NOON.timestamp())


def when(text):
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)


class Clock(ReceiveTest):
    def rows(self, receiver):
        """The rows of readings so far; an unfinished line is none."""
        text = receiver.text()
        rows = csv.DictReader(io.StringIO(text[:text.rfind("\n") + 1]))
        return [row for row in rows if row["kind"] == "reading"]

    def wait_for_rows(self, receiver, count):
        wait_for(lambda: len(self.rows(receiver)) >= count, what=f"{count} rows")
        return self.rows(receiver)

    def check_time(self, row, uptime):
        self.assertEqual(row["clock"], "repaired")
        self.assertLessEqual(abs(when(row["time"]) - taken_at(uptime)), timedelta(milliseconds=10))

    def test_csv_without_holding_back(self):
        """At once as it came, and again when the time is known; what comes later comes right."""
        broker = self.rig.broker()
        receiver = self.receiver(broker, "--csv", "--verify")
        self.publish(broker, unsynced(1, 1.234, after=[]), unsynced(2, 2.5), record(1, bus="c"))
        rows = self.wait_for_rows(receiver, 3)
        self.assertEqual([row["clock"] for row in rows], ["unsynced", "unsynced", ""])
        self.publish(broker, clock_event(of_bus="b"))
        rows = self.wait_for_rows(receiver, 5)[3:]
        self.assertEqual([(row["bus"], row["seq"]) for row in rows], [("b", "1"), ("b", "2")])
        self.check_time(rows[0], 1.234)
        self.check_time(rows[1], 2.5)
        self.publish(broker, unsynced(3, 3.75), clock_event(of_bus="b"), record(4))
        rows = self.wait_for_rows(receiver, 7)[5:]
        self.check_time(rows[0], 3.75)
        self.assertEqual((rows[1]["seq"], rows[1]["clock"]), ("4", ""))
        self.assertEqual(receiver.stop(), 0)
        self.assertEqual(len(self.rows(receiver)), 7)
        self.assertIn("g/b epoch 7: 3 records came without a trusted time; repaired, they are of "
                      "2026-11-22T11:59:51.734Z to 2026-11-22T11:59:54.250Z\n", receiver.log_text())

    def test_csv_held_back(self):
        """Each record is one row: with its time, or at the end without."""
        broker = self.rig.broker()
        receiver = self.receiver(broker, "--csv", "--hold", "1000")
        self.publish(broker, record(1, bus="c"), unsynced(1, 1.234), unsynced(2, 2.5),
                     unsynced(2, 2.5), unsynced(3, 4, epoch=8), record(2, bus="c"))
        rows = self.wait_for_rows(receiver, 2)
        self.assertEqual([row["bus"] for row in rows], ["c", "c"])
        self.publish(broker, clock_event())         # it names no bus: of any
        rows = self.wait_for_rows(receiver, 4)[2:]
        self.assertEqual([row["seq"] for row in rows], ["1", "2"])
        more = [dict(row, **json.loads(row["more"])) for row in rows]     # the header had no `clock`
        self.check_time(more[0], 1.234)
        self.check_time(more[1], 2.5)
        receiver.stop()
        rows = self.rows(receiver)
        self.assertEqual(len(rows), 5)
        self.assertEqual((rows[4]["seq"], json.loads(rows[4]["more"])["clock"]), ("3", "unsynced"))

    def test_held_back_for_so_long(self):
        broker = self.rig.broker()
        receiver = self.receiver(broker, "--csv", "--hold", "0.5")
        self.publish(broker, unsynced(1, 1.5))
        self.assertEqual(self.wait_for_rows(receiver, 1)[0]["clock"], "unsynced")
        self.publish(broker, clock_event())
        rows = self.wait_for_rows(receiver, 2)
        self.check_time(rows[1], 1.5)
        receiver.stop()
        self.assertEqual(len(self.rows(receiver)), 2)

    def test_the_sender_corrects_it_first(self):
        """A repeat with the right time: the event has nothing left to repair."""
        broker = self.rig.broker()
        receiver = self.receiver(broker, "--csv", "--hold", "1000", "--verify")
        self.publish(broker, unsynced(1, 1.5), record(1), clock_event(), record(2))
        self.wait_for_rows(receiver, 2)
        self.assertEqual(receiver.stop(), 0)
        self.assertEqual([row["seq"] for row in self.rows(receiver)], ["1", "2"])

    def test_json_stays_as_it_came(self):
        broker = self.rig.broker()
        receiver = self.receiver(broker, "--json")
        self.publish(broker, unsynced(1, 1.5), clock_event(), unsynced(2, 2.5))
        self.assertEqual(receiver.end(3), 0)
        self.assertEqual(receiver.text().count('"clock":"unsynced"'), 2)
        self.assertEqual(receiver.text().count("\n"), 3)

    def test_table(self):
        broker = self.rig.broker()
        receiver = self.receiver(broker)
        self.publish(broker, unsynced(1, 1.5), unsynced(2, 2, clock="estimated", clock_error_s=0.25),
                     clock_event())
        self.assertEqual(receiver.end(6), 0)
        lines = receiver.text().splitlines()
        self.assertIn("clock=unsynced uptime=1.5", lines[1])
        for words in ("clock=estimated", "uptime=2", "clock_error_s=0.25"):
            self.assertIn(words, lines[2])
        self.assertTrue(lines[4].startswith("2026-11-22T11:59:52.000Z  d "), lines[4])
        self.assertTrue(lines[5].startswith("2026-11-22T11:59:52.500Z  d "), lines[5])
        self.assertIn("clock=repaired", lines[5])
        self.assertNotIn("clock_error_s", lines[5])

    def test_live_table(self):
        broker = self.rig.broker()
        receiver = Receiver(self.rig, broker.url, "--verify")
        master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (24, 100))
        receiver.stdout = slave
        Process.start(receiver)
        os.close(slave)
        screen = Screen(master)
        screen.wait_for("connected to " + broker.url)
        self.publish(broker, unsynced(1, 1.5))
        screen.wait_for("d          reading  00:00:00.000?       1        1 ")
        self.publish(broker, unsynced(2, 2, clock="estimated", clock_error_s=0.25))
        screen.wait_for("d          reading  00:00:00.000~       2        2 ")
        self.publish(broker, clock_event())
        screen.wait_for("d          reading  11:59:52.500        2        2 ")
        self.assertEqual(receiver.stop(), 0)

    def test_report(self):
        """It keeps what is known of clocks; a run that continues it repairs with that."""
        broker = self.rig.broker()
        report = self.rig.path("report.json")
        args = ("--csv", "--verify", "--report", report)
        receiver = self.receiver(broker, *args)
        self.publish(broker, unsynced(1, 1.234, after=[]),
                     unsynced(2, 2, clock="estimated", clock_error_s=0.25))
        self.wait_for_rows(receiver, 2)
        self.assertEqual(receiver.stop(), 0)
        self.assertIn("g/b epoch 7: 2 records came without a trusted time (1 estimated, at most "
                      "0.250 s off); no clock event came, uptime 1.234 s to 2.000 s\n",
                      receiver.log_text())
        epoch = read_json(report)["streams"][0]["epochs"][0]
        self.assertEqual((epoch["unsynced"], epoch["estimated"], epoch["clock_error_us"]),
                         (1, 1, 250000))
        self.assertNotIn("repaired_first", epoch)

        receiver = self.receiver(broker, *args)
        self.publish(broker, clock_event())
        wait_for(lambda: "clock" in receiver.text())
        wait_for(lambda: "repaired_first" in read_json(report)["streams"][0]["epochs"][0],
                 what="a save")
        receiver.kill()
        receiver = self.receiver(broker, *args)
        self.publish(broker, unsynced(3, 3.75))
        self.check_time(self.wait_for_rows(receiver, 1)[0], 3.75)
        receiver.stop()
        epoch = read_json(report)["streams"][0]["epochs"][0]
        self.assertEqual(epoch["unsynced"], 2)
        for key, uptime in (("repaired_first", 1.234), ("repaired_last", 3.75)):
            self.assertLessEqual(abs(when(epoch[key]) - taken_at(uptime)),
                                 timedelta(milliseconds=10))


class Gateway(ReceiveTest):
    def test_a_gateway_learns_the_time(self):
        """The real thing: what it sent before it was synchronised is repaired to 10 ms."""
        broker = self.rig.broker()
        receiver = self.receiver(broker, "--csv", "--verify", "--columns",
                                 "bus,seq,kind,time,clock,uptime")
        meters = self.rig.meters(units=1, regs=4, time_reg=-1)
        devices = counting_devices([1], 4, every="100ms", extra='timeout = "500ms";')
        synced = self.rig.path("synced")
        text = self.rig.config(
            f'bus = {{ adapter = "modbus"; address = "127.0.0.1:{meters.port}"; devices = ({devices}); }};',
            f'up = {{ uplink = "mqtt"; url = "{broker.url}"; }};')
        self.assertIn('gateway = { name = "rig";', text)
        weir = self.rig.weir(text.replace('gateway = { name = "rig";',
                                          f'gateway = {{ name = "rig"; clock = "file:{synced}";'))

        def rows():
            lines = receiver.text()
            found = csv.DictReader(io.StringIO(lines[:lines.rfind("\n") + 1]))
            return [row for row in found if row["bus"] == "bus" and row["kind"] == "reading"]

        wait_for(lambda: len(rows()) >= 10, what="ten readings")
        self.assertEqual({row["clock"] for row in rows()}, {"unsynced"})
        open(synced, "w").close()
        wait_for(lambda: any(row["clock"] == "" for row in rows()), what="a trusted time")
        wait_for(lambda: any(row["clock"] == "repaired" for row in rows()), what="repairs")
        self.assertEqual(weir.stop(), 0)
        receiver.signal(signal.SIGTERM)
        self.assertEqual(receiver.wait(), 0, receiver.log_text())
        came = {row["seq"]: row for row in rows() if row["clock"] == "unsynced"}
        repaired = {row["seq"]: row for row in rows() if row["clock"] == "repaired"}
        self.assertGreaterEqual(len(came), 10)
        self.assertEqual(set(came), set(repaired))
        for seq, row in came.items():       # here the clock was right all the time
            self.assertLessEqual(abs(when(row["time"]) - when(repaired[seq]["time"])),
                                 timedelta(milliseconds=10))


if __name__ == "__main__":
    unittest.main()
