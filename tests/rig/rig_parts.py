# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""What is not of the rig's own making: brokers, subscribers and weir. Import from `rig`."""
import json
import os
import subprocess
import time
import uuid

from rig_process import (Process, command_line, held_port, kill_pid, port_open, tree, wait_for,
                         which)


class Broker(Process):
    """mosquitto on a free loopback port, anonymous, with unlimited queues.

    password={"user": "secret"} makes a password file and turns anonymous off; acl is the text of
    an ACL file; extra is text for the end of the configuration. The port stays the same over
    stop() and start(). With persistence, what it holds survives stop() and start().
    """

    def __init__(self, rig, name="broker", persistence=True, password=None, acl=None, extra=""):
        self.home = os.path.join(rig.dir, name)
        os.makedirs(self.home, exist_ok=True)
        self.port, self.held = held_port()
        self.conf = os.path.join(self.home, "mosquitto.conf")
        lines = [f"listener {self.port} 127.0.0.1", "max_queued_messages 0",
                 "max_inflight_messages 1000", "set_tcp_nodelay true", "log_type warning",
                 "log_type error", "log_type notice"]
        if os.geteuid() == 0:
            lines.append("user root")       # else it cannot read its files in our directory
        if persistence:
            lines += ["persistence true", f"persistence_location {self.home}/",
                      "autosave_interval 0"]
        else:
            lines.append("persistence false")
        if password:
            lines += ["allow_anonymous false", f"password_file {self._passwords(password)}"]
        else:
            lines.append("allow_anonymous true")
        if acl:
            with open(os.path.join(self.home, "acl"), "w") as f:
                f.write(acl)
            lines.append(f"acl_file {self.home}/acl")
        with open(self.conf, "w") as f:
            f.write("\n".join(lines) + "\n" + extra + "\n")
        super().__init__(rig, name, [which("mosquitto"), "-c", self.conf])

    def _passwords(self, password):
        path = os.path.join(self.home, "passwords")
        with open(path, "w") as f:
            f.writelines(f"{user}:{secret}\n" for user, secret in password.items())
        subprocess.run([which("mosquitto_passwd"), "-U", path], check=True)
        return path

    @property
    def url(self):
        return f"mqtt://127.0.0.1:{self.port}"

    def start(self):
        super().start()
        wait_for(lambda: port_open(self.port) or not self.running, what="broker up")
        if not self.running:
            raise RuntimeError("mosquitto did not start: " + self.log_text()[-500:])
        return self

    def restart(self):
        self.stop()
        return self.start()

    def publish(self, topic, payload, retain=False, qos=1, user=None):
        """Publishes one message through mosquitto_pub; waits until it is out."""
        args = [which("mosquitto_pub"), "-h", "127.0.0.1", "-p", str(self.port), "-q", str(qos),
                "-t", topic, "-s"] + (["-r"] if retain else [])
        if user:
            args += ["-u", user[0], "-P", user[1]]
        subprocess.run(args, input=payload.encode(), check=True, timeout=30, capture_output=True)


class Subscriber(Process):
    """mosquitto_sub: every message on the topics as it arrives. messages() is all so far.

    Its debug lines (-d) go into the same file: they tell when the subscription stands. They are
    only seen in time because stdbuf makes it write line by line.
    """

    def __init__(self, rig, name, port, topics, extra=()):
        self.path = os.path.join(rig.dir, f"{name}.messages")
        args = ["stdbuf", "-oL", which("mosquitto_sub"), "-h", "127.0.0.1", "-p", port,
                "-q", "1", "-d", *extra, "-F", "MSG %r %t %p"]
        for topic in topics:
            args += ["-t", topic]
        super().__init__(rig, name, args)

    def start(self):
        with open(self.path, "ab") as out:
            self.stdout = out
            return super().start()

    def subscribed(self):
        """Has the broker acknowledged the subscription?"""
        with open(self.path, errors="replace") as f:
            return any(line.startswith("Subscribed (") for line in f)

    def messages(self):
        """A list of (topic, payload text, retained)."""
        with open(self.path, errors="replace") as f:
            lines = [line.rstrip("\n").split(" ", 3) for line in f
                     if line.startswith("MSG ") and line.endswith("\n")]
        return [(line[2], line[3], line[1] == "1") for line in lines if len(line) == 4]

    def records(self):
        """All JSON payloads, arrays taken apart, as (topic, dict)."""
        found = []
        for topic, payload, _ in self.messages():
            try:
                value = json.loads(payload)
            except ValueError:
                continue
            found += [(topic, v) for v in (value if isinstance(value, list) else [value])
                      if isinstance(v, dict)]
        return found


class Weir(Process):
    """`weir run` with its own configuration file and its own spool and RAM directories."""

    stop_timeout = 30

    def __init__(self, rig, text, name="weir", env=None):
        self.conf = os.path.join(rig.dir, f"{name}.conf")
        self.text = text
        super().__init__(rig, name, [rig.program("weir"), "run", "-c", self.conf], env)

    def start(self):
        with open(self.conf, "w") as f:
            f.write(self.text)
        os.chmod(self.conf, 0o600)
        return super().start()

    def children(self):
        """The children by role: {"bus meters": pid, "uplink up": pid, "store": pid}."""
        found = {}
        for pid in tree(self.pid)[1:]:
            args = command_line(pid)
            if len(args) > 1:
                words = [a for a in args[1:3] if not a.startswith("-")]
                found[" ".join(words)] = pid
        return found

    def kill_role(self, role):
        """SIGKILL to one child, for example "bus meters"; the pid it had."""
        pid = wait_for(lambda: self.children().get(role), what=f"{role} running")
        kill_pid(pid)
        return pid

    def run(self, *args, timeout=30):
        """Runs `weir ARGS...` beside the gateway; a CompletedProcess with text output."""
        return subprocess.run([self.rig.program("weir"), *map(str, args)], text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout,
                              env=self.env, cwd=self.rig.dir)

    def status(self):
        """`weir status --json` as a dict, or None when it does not answer (yet)."""
        result = self.run("status", "--json", "-c", self.conf)
        try:
            return json.loads(result.stdout)
        except ValueError:
            return None

    def listening(self):
        """Waits until each bus has its port open and takes what it hears for whole: what comes right
        at the opening may be the tail of a message that was on its way, and counts as such."""
        wait_for(lambda: all(bus.get("opens") for bus in (self.status() or {}).get("buses") or [{}]),
                 what="all ports open")
        time.sleep(0.1)


class Receive(Process):
    """`weir receive`: standard output goes to `path`. stop() returns its exit status."""

    def __init__(self, rig, name, args, env=None):
        self.path = os.path.join(rig.dir, f"{name}.out")
        self.url = args[0]
        super().__init__(rig, name, [rig.program("weir"), "receive", *args], env)

    def start(self):
        with open(self.path, "ab") as out:
            self.stdout = out
            return super().start()

    def text(self):
        with open(self.path, errors="replace") as f:
            return f.read()

    def catch_up(self):
        """All that the broker has for it by now is printed (--json or --csv): it may lie behind."""
        word = uuid.uuid4().hex
        host, port = self.url.removeprefix("mqtt://").split(":")
        subprocess.run([which("mosquitto_pub"), "-h", host, "-p", port, "-q", "1", "-t", "weir/mark",
                        "-m", json.dumps({"mark": word})], check=True, timeout=30)
        wait_for(lambda: word in self._tail(), timeout=60, what="the receiver has caught up")

    def _tail(self):
        with open(self.path, "rb") as f:
            f.seek(max(0, os.path.getsize(self.path) - 65536))
            return f.read().decode(errors="replace")
