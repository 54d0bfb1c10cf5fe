#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""weir-receive killed with SIGKILL, in the middle of everything and in the middle of a save.

Its report is always whole, and what it cannot know it says so: never "missing", never "doubled".
"""
import json
import os
import random
import subprocess
import threading
import time
import unittest

from rig import wait_for
from test_receive import TOPIC, Receiver, ReceiveTest, ended, read_json, record


class Sender:
    """Publishes records one after the other on one connection, a few milliseconds apart."""

    def __init__(self, broker):
        self.process = subprocess.Popen(
            ["mosquitto_pub", "-h", "127.0.0.1", "-p", str(broker.port), "-q", "1", "-t", TOPIC,
             "-l"], stdin=subprocess.PIPE, text=True)
        self.sent = []
        self.stopping = False
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        """Two hundred numbers to an epoch; every tenth is filtered, which is told."""
        epoch, seq = 100, 0
        while not self.stopping:
            seq += 1
            if seq % 10 == 5:
                continue
            more = {}
            if seq % 10 == 6:
                more["before"] = [{"first": seq - 1, "last": seq - 1, "why": "filter"}]
            if seq == 1:
                more["after"] = [ended(epoch - 1, 200)] if epoch > 100 else []
            self.put(record(seq, epoch=epoch, **more))
            if seq == 200:
                epoch, seq = epoch + 1, 0

    def put(self, one):
        self.process.stdin.write(json.dumps(one) + "\n")
        self.process.stdin.flush()
        self.sent.append((one["epoch"], one["seq"]))
        time.sleep(0.002)

    def stop(self):
        self.stopping = True
        self.thread.join()
        self.process.stdin.close()
        self.process.wait(timeout=30)


class Kill(ReceiveTest):
    def check_report(self, report):
        """At any moment it can be read, and is ours."""
        state = read_json(report)
        self.assertTrue(not state or state["weir_receive"] == 1)
        return state

    def check_numbers(self, state, sent, text):
        """All that was sent is there or not known."""
        epochs = {epoch["epoch"]: epoch for epoch in state["streams"][0]["epochs"]}
        for epoch, seq in sent:
            one = epochs[max(known for known in epochs if known <= epoch)]
            open_end = one["away"] and not one["named"] and (one["epoch"], one["high"]) < (epoch, seq)
            known = epoch in epochs and any(first <= seq <= last for first, last
                                            in one["have"] + one["not_known"])
            self.assertTrue(known or open_end, (epoch, seq, text))

    def test_killed_again_and_again(self):
        """While records keep coming: at the end each is there or not known, and nobody is accused."""
        chance = random.Random(7)
        broker = self.rig.broker(extra="max_queued_messages 0\n")
        report = self.rig.path("report.json")
        args = ("--verify", "--quiet", "--report", report)
        receiver = self.receiver(broker, *args)
        sender = Sender(broker)
        try:
            for _ in range(8):
                until = time.monotonic() + chance.uniform(0.1, 1.5)
                while time.monotonic() < until:
                    self.check_report(report)
                receiver.kill()
                state = self.check_report(report)
                self.assertEqual(state["ended"], False)
                receiver = self.receiver(broker, *args)
                self.assertIn("continuing ", receiver.log_text())
        finally:
            sender.stop()
        last = {"epoch": sender.sent[-1][0], "high": sender.sent[-1][1]}
        receiver_has_it = self.last_number(receiver, report, last)
        status = receiver.stop()
        state = self.check_report(report)
        text = receiver.text()
        self.assertTrue(receiver_has_it, text)
        self.assertEqual(status, 1, text)
        self.assertEqual(state["absences"]["count"], 8, text)
        self.assertEqual((state["verdict"], state["missing"], state["faults"]["list"]),
                         ("cannot know", 0, []), text)
        self.assertGreater(state["not_known"], 0)
        self.assertIn(": this receiver was away\n", text)
        self.assertTrue(self.last_line(receiver).startswith("verify: cannot know, "), text)
        self.check_numbers(state, sender.sent, text)

    def last_number(self, receiver, report, last):
        """Waits until the newest record is in the report, which is saved every few seconds."""
        def there():
            epochs = (self.check_report(report).get("streams") or [{"epochs": [{}]}])[0]["epochs"]
            return epochs and all(epochs[-1].get(key) == last[key] for key in last)
        return wait_for(there, timeout=30, what="the newest record in the report")

    def test_killed_before_its_first_save(self):
        """The run before had come to its end; this one took records that no report knows of."""
        broker = self.rig.broker()
        report = self.rig.path("report.json")
        args = ("--verify", "--report", report)
        receiver = self.receiver(broker, *args)
        self.publish(broker, record(1, after=[]))
        self.assertEqual(receiver.end(2), 0)
        self.assertEqual(read_json(report)["ended"], True)
        receiver = self.receiver(broker, *args)
        self.assertEqual(read_json(report)["ended"], False)
        self.publish(broker, record(2), record(3))
        wait_for(lambda: receiver.text().count("\n") >= 3)
        receiver.kill()
        self.assertEqual(read_json(report)["ended"], False)
        receiver = self.receiver(broker, *args)
        self.publish(broker, record(6))
        self.assertEqual(receiver.end(2), 1)
        self.assertIn("this receiver was away\n", receiver.text())
        self.assertTrue(self.last_line(receiver).startswith("verify: cannot know, "),
                        receiver.text())

    def test_killed_in_the_middle_of_a_save(self):
        """Half of a new report lies beside the old one: the old one counts."""
        broker = self.rig.broker()
        report = self.rig.path("report.json")
        args = ("--verify", "--report", report)
        receiver = self.receiver(broker, *args)
        self.publish(broker, record(1, after=[]))
        self.assertEqual(receiver.end(2), 0)
        with open(report) as whole, open(report + ".new", "w") as half:
            half.write(whole.read()[:100])
        receiver = self.receiver(broker, *args)
        self.publish(broker, record(2))
        self.assertEqual(receiver.end(2), 0)
        self.assertIn("g/b epoch 7: 1..2 complete\n", receiver.text())
        self.assertEqual(read_json(report)["records"], 2)
        self.assertFalse(os.path.exists(report + ".new"))

    def test_a_report_that_cannot_be_written(self):
        broker = self.rig.broker()
        folder = self.rig.path("folder")
        os.mkdir(folder)
        report = os.path.join(folder, "report.json")
        os.mkdir(report + ".new")                   # also root cannot write there
        receiver = Receiver(self.rig, broker.url, "--verify", "--report", report).start()
        self.assertEqual(receiver.wait(), 3)
        self.assertIn("report.json: Is a directory", receiver.log_text())
        self.assertFalse(os.path.exists(report))


if __name__ == "__main__":
    unittest.main()
