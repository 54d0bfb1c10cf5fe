#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""weir-receive as a program: forged streams at a real broker, absences, reports, outputs."""
import csv
import io
import json
import os
import pty
import signal
import socket
import subprocess
import termios
import threading
import unittest

from rig import Process, RigTest, free_port, wait_for

TOPIC = "weir/g/d/reading"


def record(seq, epoch=7, bus="b", device="d", value=None, **more):
    """One record as weir sends it."""
    return {"gateway": "g", "bus": bus, "epoch": epoch, "seq": seq, "device": device,
            "kind": "reading", "time": "2026-11-22T12:00:00.123Z",
            "values": {"v": seq if value is None else value}, **more}


def span(first, last, why):
    return {"first": first, "last": last, "why": why}


def ended(epoch, last, clean=True, **more):
    return {"epoch": epoch, "last": last, "clean": clean, **more}


def flat(seq):
    one = record(seq)
    one.update(one.pop("values"))
    return one


# name: (messages, exit status, a line that must be there, the last line)
FORGED = {
    "complete": (
        [record(1, after=[]), record(2), record(3)], 0,
        "g/b epoch 7: 1..3 complete", "verify: ok, 3 records in 1 stream"),
    "repeats": (
        [record(1, after=[]), record(2), record(3), record(2), record(3), record(4)], 0,
        "g/b epoch 7: 1..4 complete, 2 repeats", "verify: ok, 4 records in 1 stream, 2 repeats"),
    "missing": (
        [record(41), record(45)], 1,
        "g/b epoch 7: missing 42..44 (3 records), first noticed at ",
        "verify: FAILED, 3 missing; 2 records in 1 stream"),
    "doubled": (
        [record(1), record(2), record(2, value=9)], 1,
        "g/b epoch 7: doubled: 2 came again with other content, at ",
        "verify: FAILED, 1 doubled; 2 records in 1 stream"),
    "reordered": (
        [record(1), record(3), record(2)], 1,
        "g/b epoch 7: reordered: 2 came after 3, at ",
        "verify: FAILED, 1 reordered; 3 records in 1 stream"),
    "wrong range": (
        [record(1), record(5, before=[span(3, 5, "limit")])], 1,
        "g/b epoch 7: wrong range: record 5 of epoch 7 covers 3..5 (limit), at ",
        "verify: FAILED, 3 missing, 1 wrong range; 2 records in 1 stream"),
    "range that does not fit": (
        [record(1), record(5, before=[span(2, 3, "filter")])], 1,
        "g/b epoch 7: wrong range: the ranges of record 5 leave 4..4 open, at ",
        "verify: FAILED, 1 missing, 1 wrong range; 2 records in 1 stream, 2 told"),
    "filtered": (
        [record(1), record(5, before=[span(2, 4, "filter")])], 0,
        "g/b epoch 7: 1..5 accounted for, 2 records, 3 told (3 filter)",
        "verify: ok, 2 records in 1 stream, 3 told"),
    "lost, as stated": (
        [record(1), record(5, before=[span(2, 4, "limit")])], 0,
        "g/b epoch 7: lost 2..4 (3 records), stated: limit",
        "verify: ok, 2 records in 1 stream, 3 told, LOST as stated: 3"),
    "no after": (
        [record(1, after=[]), record(1, epoch=8), record(2, epoch=8)], 1,
        'g/b epoch 8: broken chain: it came after another epoch without an "after", at ',
        "verify: FAILED, 1 unknown end, 1 broken chain; 3 records in 1 stream"),
    "chain": (
        [record(1, after=[]),
         record(1, epoch=9, after=[ended(7, 2, False, before=[span(2, 2, "age")]), ended(8, 0)])],
        0, "g/b epoch 7: lost 2 (1 record), stated: age",
        "verify: ok, 2 records in 1 stream, 1 told, LOST as stated: 1, 1 unclean end"),
    "batch": (
        [[record(1, after=[]), {"seq": 2}, {"seq": 3, "bus": "c"}], [flat(3), flat(4)]], 0,
        "g/b epoch 7: 1..4 complete", "verify: ok, 5 records in 2 streams"),
    "garbage": (
        [record(1), "{\"seq\":2", record(2)], 0,
        f"other messages: 1 not JSON (first: {TOPIC}: byte 8 (line 1 column ",
        "verify: ok, 2 records in 1 stream"),
    "nothing": ([], 1, "", "verify: FAILED, no records arrived"),
}


def read_json(path):
    try:
        with open(path) as f:
            return json.load(f)
    except FileNotFoundError:
        return {}


class Receiver(Process):
    """weir-receive; standard output goes to `path`, standard error to `log`."""

    def __init__(self, rig, url, *args, name="receiver", topics=("weir/#",)):
        self.path = os.path.join(rig.dir, f"{name}.out")
        super().__init__(rig, name, [rig.program("weir-receive"), url, *topics, *args])

    def start(self):
        open(self.log, "w").close()         # the last one of this name may have left some
        with open(self.path, "wb") as out:
            self.stdout = out
            return super().start()

    def text(self):
        with open(self.path, errors="replace") as f:
            return f.read()

    def subscriptions(self):
        return self.log_text().count("weir: subscribed at ")

    def started(self, count=1):
        """Waits for the count-th subscription: from now on what is published arrives."""
        wait_for(lambda: self.subscriptions() >= count or not self.running, what="subscription")
        return self

    def end(self, lines):
        """Waits until so many lines of output are there, ends it, returns its exit status."""
        wait_for(lambda: self.text().count("\n") >= lines, what=f"{lines} lines")
        return self.stop()


class ReceiveTest(RigTest):
    def receiver(self, broker, *args, **options):
        receiver = Receiver(self.rig, getattr(broker, "url", broker), *args, **options)
        return receiver.start().started()

    def publish(self, broker, *messages, topic=TOPIC):
        for message in messages:
            broker.publish(topic, message if isinstance(message, str) else json.dumps(message))

    def last_line(self, receiver):
        return receiver.text().splitlines()[-1]


class Verify(ReceiveTest):
    def test_forged_streams(self):
        broker = self.rig.broker()
        for name, (messages, status, line, last) in FORGED.items():
            with self.subTest(name):
                receiver = self.receiver(broker, "--verify", "--json", "--client-id",
                                         name.replace(" ", "-"), name="forged")
                self.publish(broker, *messages)
                count = sum(len(m) if isinstance(m, list) else 1 for m in messages
                            if not isinstance(m, str))
                self.assertEqual(receiver.end(count), status)
                lines = receiver.log_text().splitlines()    # with --json the verdict is there
                self.assertEqual(lines[-1], last)
                self.assertTrue(any(found.startswith(line) for found in lines), lines)

    def test_one_record_taken_out_on_the_way(self):
        broker = self.rig.broker()
        proxy = self.rig.proxy(broker)
        receiver = self.receiver(proxy, "--verify")
        proxy.command("take down 3")
        self.publish(broker, *[record(seq) for seq in range(1, 7)])
        self.assertEqual(receiver.end(6), 1)
        self.assertIn("g/b epoch 7: missing 3 (1 record), first noticed at ", receiver.text())
        self.assertEqual(self.last_line(receiver),
                         "verify: FAILED, 1 missing; 5 records in 1 stream")

    def test_ends_by_itself(self):
        broker = self.rig.broker()
        for option in (("--idle", "0.5"), ("--seconds", "0.5")):
            receiver = self.receiver(broker, "--verify", *option)
            self.assertEqual(receiver.wait(), 1)
            self.assertEqual(self.last_line(receiver), "verify: FAILED, no records arrived")

    def test_every_signal_gives_the_verdict(self):
        broker = self.rig.broker()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            receiver = self.receiver(broker, "--verify", "--client-id", f"signal-{number}")
            self.publish(broker, record(1))
            wait_for(lambda: receiver.text().count("\n") >= 2)
            receiver.signal(number)
            self.assertEqual(receiver.wait(), 0)
            self.assertEqual(self.last_line(receiver), "verify: ok, 1 record in 1 stream")


class Absences(ReceiveTest):
    def test_the_broker_keeps_the_session(self):
        broker = self.rig.broker()
        receiver = self.receiver(broker, "--verify")
        self.publish(broker, record(1), record(2))
        broker.restart()
        receiver.started(2)
        self.publish(broker, record(2), record(3), record(5))
        self.assertEqual(receiver.end(6), 1)
        self.assertIn("g/b epoch 7: missing 4 (1 record)", receiver.text())
        self.assertIn("the broker kept the session 1 time\n", receiver.text())

    def test_the_broker_loses_the_session(self):
        broker = self.rig.broker(persistence=False)
        receiver = self.receiver(broker, "--verify")
        self.publish(broker, record(1), record(2))
        wait_for(lambda: receiver.text().count("\n") >= 3)
        broker.restart()
        receiver.started(2)
        self.publish(broker, record(5), record(6))
        self.assertEqual(receiver.end(5), 1)
        self.assertIn("g/b epoch 7: cannot know 3..4 (2 records): this receiver was away\n",
                      receiver.text())
        self.assertEqual(self.last_line(receiver),
                         "verify: cannot know, 2 not known; 4 records in 1 stream")

    def test_the_broker_comes_later(self):
        broker = self.rig.broker()
        broker.stop()
        receiver = Receiver(self.rig, broker.url, "--verify").start()
        wait_for(lambda: "weir: waiting for " in receiver.log_text())
        self.assertIn("Connection refused", receiver.log_text())
        broker.start()
        receiver.started()
        self.publish(broker, record(1, after=[]))
        self.assertEqual(receiver.end(2), 0)

    def test_a_report_is_continued(self):
        broker = self.rig.broker()
        report = self.rig.path("report.json")
        args = ("--verify", "--report", report)
        receiver = self.receiver(broker, *args)
        self.publish(broker, record(1, after=[]), record(2))
        self.assertEqual(receiver.end(3), 0)
        state = read_json(report)
        self.assertEqual((state["verdict"], state["records"], state["ended"]), ("ok", 2, True))

        self.publish(broker, record(3), record(4))      # the broker keeps them
        receiver = self.receiver(broker, *args)
        self.publish(broker, record(4), record(5))
        self.assertEqual(receiver.end(5), 0)
        self.assertIn("(the broker had kept the session)", receiver.log_text())
        self.assertIn("g/b epoch 7: 1..5 complete, 1 repeat\n", receiver.text())
        self.assertIn("absent 1 time, ", receiver.text())

    def test_a_killed_receiver_knows_what_it_cannot_know(self):
        broker = self.rig.broker()
        report = self.rig.path("report.json")
        args = ("--verify", "--report", report)
        receiver = self.receiver(broker, *args)
        self.publish(broker, record(1, after=[]))
        wait_for(lambda: read_json(report).get("records") == 1, what="a save")
        saved = read_json(report)
        self.assertEqual(saved["ended"], False)
        self.publish(broker, record(2))
        wait_for(lambda: receiver.text().count("\n") >= 3)
        receiver.kill()
        with open(report, "w") as f:        # as if it had been killed before the next save
            json.dump(saved, f)

        receiver = self.receiver(broker, *args)
        self.publish(broker, record(3))
        self.assertEqual(receiver.end(2), 1)
        self.assertIn("g/b epoch 7: cannot know 2 (1 record): this receiver was away\n",
                      receiver.text())

    def test_a_report_has_one_writer_and_is_no_other_file(self):
        broker = self.rig.broker()
        report = self.rig.path("report.json")
        self.receiver(broker, "--verify", "--report", report)
        second = Receiver(self.rig, broker.url, "--verify", "--report", report, name="second")
        self.assertEqual(second.start().wait(), 3)
        self.assertIn("report.json: another receiver uses it", second.log_text())
        with open(self.rig.path("precious"), "w") as f:
            f.write("precious")
        third = Receiver(self.rig, broker.url, "--verify", "--report", self.rig.path("precious"),
                         name="third")
        self.assertEqual(third.start().wait(), 3)
        with open(self.rig.path("precious")) as f:
            self.assertEqual(f.read(), "precious")


class Connections(ReceiveTest):
    def test_brokers_that_speak_only_3_1_1(self):
        for kind in ("v5", "old"):
            broker = self.rig.broker(name=f"broker-{kind}")
            proxy = self.rig.proxy(broker, name=f"proxy-{kind}", commands=[f"refuse {kind}"])
            receiver = self.receiver(proxy, "--verify", name=f"receiver-{kind}")
            self.publish(broker, record(1))
            broker.restart()
            receiver.started(2)
            self.publish(broker, record(2))
            self.assertEqual(receiver.end(3), 0)
            self.assertIn("kept the session 1 time\n", receiver.text())

    def test_logging_in(self):
        broker = self.rig.broker(password={"ann": "secret"}, acl="user ann\ntopic read weir/#\n")
        for args, words in ((), "ot authori"), (("--username", "ann", "--password", "x"),
                                                "ot authori"):
            receiver = Receiver(self.rig, broker.url, *args, name="refused").start()
            self.assertEqual(receiver.wait(), 3)
            self.assertIn(words, receiver.log_text())
        secret = self.rig.path("secret")
        with open(secret, "w") as f:
            f.write("secret\n")
        os.chmod(secret, 0o604)
        args = ("--username", "ann", "--password-file", secret)
        open_file = Receiver(self.rig, broker.url, *args, name="open-file").start()
        self.assertEqual(open_file.wait(), 3)
        self.assertIn("others can read it", open_file.log_text())
        os.chmod(secret, 0o600)
        self.assertEqual(self.receiver(broker, *args).stop(), 0)

    def test_two_with_one_id(self):
        broker = self.rig.broker()
        both = [self.receiver(broker, name=name) for name in ("first", "second")]
        wait_for(lambda: any("does another receiver use the client id" in receiver.log_text()
                             for receiver in both), what="a hint")

    def test_nobody_there(self):
        receiver = Receiver(self.rig, f"mqtt://127.0.0.1:{free_port()}", "--seconds", "0.5")
        self.assertEqual(receiver.start().wait(), 3)
        self.assertIn("never connected", receiver.log_text())

    def test_one_that_takes_the_connection_and_says_nothing(self):
        with socket.create_server(("127.0.0.1", 0)) as mute:
            receiver = Receiver(self.rig, f"mqtt://127.0.0.1:{mute.getsockname()[1]}").start()
            mute.settimeout(30)
            with mute.accept()[0]:
                self.assertEqual(receiver.stop(), 3)

    def test_output_that_is_closed(self):
        broker = self.rig.broker()
        receiver = Receiver(self.rig, broker.url, "--json")
        read_end, write_end = os.pipe()
        receiver.stdout = write_end
        Process.start(receiver).started()
        os.close(read_end)
        os.close(write_end)
        self.publish(broker, record(1))
        self.assertEqual(receiver.wait(), 3)
        self.assertIn("weir: standard output: Broken pipe", receiver.log_text())


class Outputs(ReceiveTest):
    NULL = {"values": {"v": None, "w": "a,b"}, "errors": {"v": "crc"}}
    MESSAGES = [record(1, after=[]), record(2, device="e", value=230.1, suspect=["v"]),
                [record(3), {"seq": 4, **NULL}]]

    def output(self, lines, *args):
        broker = self.rig.broker()
        broker.publish("weir/g/d/meta", '{"gateway":"g","points":{}}', retain=True)
        broker.publish("weir/g/state", "online", retain=True)
        receiver = self.receiver(broker, *args)
        self.publish(broker, *self.MESSAGES)
        self.publish(broker, "offline", topic="weir/g/state")
        self.assertEqual(receiver.end(lines), 0)
        return receiver

    def test_json(self):
        receiver = self.output(4, "--json", "--verify")
        rows = [json.loads(line) for line in receiver.text().splitlines()]
        self.assertEqual(rows[:3], self.MESSAGES[:2] + self.MESSAGES[2][:1])
        self.assertEqual(rows[3], record(4) | self.NULL)
        self.assertIn("\"v\":230.1}", receiver.text())
        self.assertIn("other messages: 2 retained, 1 without identity\n", receiver.log_text())

    def test_csv(self):
        rows = list(csv.DictReader(io.StringIO(self.output(5, "--csv").text())))
        self.assertEqual(list(rows[0]), ["gateway", "bus", "epoch", "seq", "device", "kind",
                                         "time", "v", "more"])
        self.assertEqual([row["v"] for row in rows], ["1", "230.1", "3", ""])
        self.assertEqual(json.loads(rows[1]["more"]), {"suspect": ["v"]})
        self.assertEqual(json.loads(rows[3]["more"]), {"w": "a,b", "errors.v": "crc"})

    def test_csv_with_columns(self):
        text = self.output(5, "--csv", "--columns", "place=device,v,topic").text()
        self.assertEqual(text.splitlines()[:3], ["place,v,topic", f"d,1,{TOPIC}",
                                                 f"e,230.1,{TOPIC}"])

    def test_table(self):
        lines = self.output(5).text().splitlines()
        self.assertEqual(lines[0].split(), ["TIME", "DEVICE", "KIND", "VALUES"])
        self.assertEqual(lines[2].split(),
                         ["2026-11-22T12:00:00.123Z", "e", "reading", "v=230.1",
                          'suspect=["v"]'])

    def test_any_json(self):
        broker = self.rig.broker()
        receiver = self.receiver(broker, "--csv", topics=("zigbee/+",))
        self.publish(broker, {"temperature": 21.5, "battery": {"percent": 80}}, topic="zigbee/x")
        self.assertEqual(receiver.end(2), 0)
        row = next(csv.DictReader(io.StringIO(receiver.text())))
        self.assertRegex(row.pop("received"), r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertEqual(row, {"topic": "zigbee/x", "temperature": "21.5", "battery.percent": "80",
                               "more": ""})

    def test_live_table_on_a_terminal(self):
        broker = self.rig.broker()
        receiver = Receiver(self.rig, broker.url, "--verify")
        master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (24, 100))
        receiver.stdout = slave
        Process.start(receiver)
        os.close(slave)
        screen = Screen(master)
        screen.wait_for("connected to " + broker.url)
        self.publish(broker, *self.MESSAGES)
        screen.wait_for("4 records, 0 missing")
        screen.wait_for("e          reading  12:00:00.123        2        1  v=230.1")
        broker.stop()
        screen.wait_for("NO CONNECTION to " + broker.url)
        self.assertEqual(receiver.stop(), 0)
        screen.wait_for("g/b epoch 7: 1..4 complete")
        screen.wait_for("verify: ok, 4 records in 1 stream")
        self.assertNotIn("weir: ", receiver.log_text())


class Screen:
    """What a program writes to a pseudo-terminal, read as it comes."""

    def __init__(self, master):
        self.text = ""
        self.master = master
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        try:
            while data := os.read(self.master, 65536):
                self.text += data.decode(errors="replace").replace("\r\n", "\n")
        except OSError:
            pass

    def wait_for(self, sign):
        wait_for(lambda: sign in self.text, what=sign)


class Usage(ReceiveTest):
    def run_it(self, *args):
        return subprocess.run([self.rig.program("weir-receive"), *args], text=True,
                              capture_output=True, timeout=20, stdin=subprocess.DEVNULL)

    def test_help(self):
        result = self.run_it("--help")
        self.assertEqual(result.returncode, 0)
        self.assertTrue(result.stdout.startswith("usage: weir receive "))
        for option in ("--csv", "--json", "--verify", "--report", "--seconds", "--idle",
                       "--username", "--password-file", "--client-id", "--live", "--learn",
                       "--kind", "--columns", "--hold"):
            self.assertIn(option, result.stdout)

    def test_wrong_usage(self):
        url = "mqtt://localhost"
        for args in ((), (url,), ("localhost", "x"), (url, "a#b"), (url, "x", "--bogus"),
                     (url, "x", "--csv", "--json"), (url, "x", "--report", "f"),
                     (url, "x", "--seconds", "no"), (url, "x", "--idle", "0"),
                     (url, "x", "--columns", "a"), (url, "x", "--learn", "5"),
                     (url, "x", "--csv", "--learn", "5", "--columns", "a"),
                     (url, "x", "--csv", "--learn", "no"), (url, "x", "--csv", "--columns", ","),
                     (url, "x", "--csv", "--columns", "a,b=c,b"), (url, "x", "--kind", ""), (url, "x", "--password", "p"),
                     ("mqtts://localhost", "x"), (url, "x", "--seconds")):
            with self.subTest(args):
                result = self.run_it(*args)
                self.assertEqual(result.returncode, 2)
                self.assertTrue(result.stderr.startswith("weir: "), result.stderr)
                self.assertEqual(result.stderr.count("\n"), 1)


if __name__ == "__main__":
    unittest.main()
