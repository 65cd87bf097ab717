# SPDX-License-Identifier: BSD-3-Clause
"""The stock command-line clients, as a user would call them, and imctl."""
import json
import os
import subprocess
import threading

from . import build
from .build import DEADLINE_S
from .proc import wait_until

LEAVE_S = 5


def _auth(node, user, device):
    return ["-p", str(node.port), "-u", user, "-P", "pw", "-i", device]


def pub(node, user, device, topic, *args, stdin=None):
    """mosquitto_pub -q 1; returns the finished process."""
    return subprocess.run(["mosquitto_pub", *_auth(node, user, device), "-q", "1", "-t", topic,
                           *args], input=stdin, capture_output=True, timeout=DEADLINE_S)


def rr(node, user, device, topic, response, message, *args):
    """mosquitto_rr: the reply object."""
    done = subprocess.run(["mosquitto_rr", *_auth(node, user, device), "-V", "5", "-t", topic,
                           "-e", response, "-m", message, "-W", str(DEADLINE_S), *args],
                          capture_output=True, timeout=DEADLINE_S + 5)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


class Sub:
    """mosquitto_sub -v in the background; `lines` grows as messages come."""

    def __init__(self, argv):
        self.lines = []
        self.popen = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, text=True)
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    @classmethod
    def on(cls, node, user, device, topic, *args):
        return cls(["mosquitto_sub", *_auth(node, user, device), "-q", "1", "-t", topic, "-v",
                    *args])

    def _read(self):
        for line in self.popen.stdout:
            self.lines.append(line.rstrip("\n"))

    def wait(self, needle):
        """Until a line contains it; returns the line."""
        got = wait_until(lambda: next((x for x in list(self.lines) if needle in x), None)
                         or self.popen.poll() is not None, DEADLINE_S)
        assert isinstance(got, str), f"no {needle!r} in {self.lines}"
        return got

    def close(self):
        """mosquitto_sub takes its leave; now and then it waits for a lock of its own instead."""
        self.popen.terminate()
        try:
            self.popen.wait(LEAVE_S)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait(DEADLINE_S)
        self.thread.join(DEADLINE_S)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Imctl:
    """imctl against a node (or, with offline, against a folder); keeps no state of its own."""

    def __init__(self, folder, *general):
        self.folder, self.general = folder, [str(g) for g in general]

    @classmethod
    def of(cls, node, user="admin", password="pw", broker=0):
        secret = node.folder / f"password-{user}"
        secret.write_text(password + "\n", encoding="utf-8")
        return cls(node.folder, "--host", "127.0.0.1", "--port", node.brokers[broker].port, "--user", user,
                   "--password-file", secret)

    def run(self, *args, stdin=None):
        """The finished process, whatever its exit code."""
        env = {**os.environ, "HOME": str(self.folder), "XDG_CONFIG_HOME": str(self.folder)}
        return subprocess.run([str(build.IMCTL), *self.general, *map(str, args)], text=True,
                              input=stdin if stdin is not None else "", capture_output=True,
                              env=env, timeout=DEADLINE_S)

    def ok(self, *args, **kw):
        """Standard output of a run that must succeed."""
        done = self.run(*args, **kw)
        assert done.returncode == 0, f"imctl {args}: {done.returncode} {done.stderr}"
        return done.stdout

    def json(self, *args):
        done = Imctl(self.folder, *self.general, "--json").run(*args)
        assert done.returncode == 0, f"imctl {args}: {done.returncode} {done.stderr}"
        return json.loads(done.stdout)
