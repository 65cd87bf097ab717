# SPDX-License-Identifier: BSD-3-Clause
"""Scenario 15: devices of one device account, 1,000 and 10,000 of them. All connect, listen and are
greeted; each gets one command of its own; all get one message; each sends one and has its ack. Every
delivery is counted, and processor time is given for each device: it is to stay what it is when they are
ten times as many.
"""
import json
import os
import pathlib
import selectors
import socket
import sqlite3
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

from lib import mqttwire as w  # noqa: E402
from load import Failed  # noqa: E402
from node import user_name  # noqa: E402
from results import Case, Metric  # noqa: E402

COUNTS = (1000, 10000)
LIMIT_S = 300
PARALLEL = 200  # devices that connect at a time
WINDOW = 1000  # commands and messages under way
PHASES = ("connect", "command to each", "message to all", "message from each")
SENDER, ACCOUNT = 0, 1


class Peer:
    """A connection, and what it has got: by the last part of the topic."""

    def __init__(self, loop, node, user, word, device, filters):
        self.loop, self.got, self.reader = loop, {}, w.Reader()
        self.sock = socket.create_connection(("127.0.0.1", node.port), timeout=30)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.sendall(w.connect(device, user, word, clean=True)
                          + w.subscribe(1, [(f, 1) for f in filters]))
        self.mid = 1
        loop.register(self.sock, selectors.EVENT_READ, self)

    def put(self, topic, body):
        self.mid = self.mid % 65535 + 1
        self.sock.sendall(w.publish(topic, json.dumps(body), qos=1, mid=self.mid))

    def count(self, kind):
        return self.got.get(kind, 0)

    def take(self):
        data = self.sock.recv(65536)
        if not data:
            raise Failed("a connection was lost")
        self.reader.feed(data)
        out = b""
        while (packet := self.reader.next()) is not None:
            kind, flags, body = packet
            if kind != w.PUBLISH:
                continue
            m = w.decode_publish(flags, body, w.V311)
            if m["qos"]:
                out += w.ack(w.PUBACK, m["mid"])
            levels = m["topic"].split("/")
            what = levels[-1] if levels[-1] in ("ack", "event") else "/".join(levels[3:-1])
            n = len(json.loads(m["payload"])) if what == "ack" else 1
            self.got[what] = self.got.get(what, 0) + n
        if out:
            self.sock.sendall(out)


def _until(loop, done, what):
    """Takes in what comes until it is all there."""
    end = time.monotonic() + LIMIT_S
    while not done():
        if time.monotonic() > end:
            raise Failed(f"{what}: not there after {LIMIT_S} s")
        for key, _ in loop.select(0.1):
            key.data.take()


def _cpu_us(node):
    """Of broker and bridge so far."""
    tick, used = 1e6 / os.sysconf("SC_CLK_TCK"), {}
    for name, pid in node.pids():
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text("ascii").rsplit(")", 1)[1].split()
        used[name] = (int(fields[11]) + int(fields[12])) * tick
    return used


class Run:
    def __init__(self, node, n, round_):
        self.node, self.n, self.round_, self.loop = node, n, round_, selectors.DefaultSelector()
        self.words = node.passwords.read_text("ascii").split()
        self.account, self.user = user_name(ACCOUNT), user_name(SENDER)
        self.result, self.devices, self.sender = {}, [], None

    def phase(self, name, act):
        before, start = _cpu_us(self.node), time.monotonic()
        act()
        after = _cpu_us(self.node)
        self.result[name] = {p: (after[p] - before[p]) / self.n for p in after}
        self.result[name]["seconds"] = time.monotonic() - start

    def connect(self):
        for first in range(0, self.n, PARALLEL):
            self.devices += [
                Peer(self.loop, self.node, self.account, self.words[ACCOUNT], f"veh-{k}",
                     (f"im/inbox/{self.account}/veh-{k}/#", f"im/inbox/{self.account}/u/#"))
                for k in range(first, min(first + PARALLEL, self.n))]
            _until(self.loop, lambda: all(d.count("event") for d in self.devices[-PARALLEL:]),
                   "hello")

    def command(self):
        for k in range(self.n):
            self.sender.put(f"im/u/{self.account}/veh-{k}", {"id": f"{self.round_}-{k}", "body": k})
            if k % WINDOW == WINDOW - 1:
                _until(self.loop, lambda k=k: self.sender.count("ack") > k - WINDOW // 2, "acks")
        _until(self.loop, lambda: sum(map(self.own, self.devices)) >= self.n, "commands")

    @staticmethod
    def own(d):
        return sum(n for what, n in d.got.items() if what.endswith("/u"))

    def to_all(self):
        self.sender.put(f"im/u/{self.account}", {"id": f"{self.round_}-all", "body": "all"})
        _until(self.loop, lambda: sum(d.count("u") for d in self.devices) >= self.n, "the message")

    def from_each(self):
        for k, d in enumerate(self.devices):
            d.put(f"im/u/{self.user}", {"id": f"{self.round_}", "body": k})
            if k % WINDOW == WINDOW - 1:
                _until(self.loop, lambda k=k: self.sender.count("u") > k - WINDOW // 2, "messages")
        _until(self.loop, lambda: self.sender.count("u") >= self.n and
               sum(d.count("ack") for d in self.devices) >= self.n, "acks")

    def check(self):
        """Exactly: one hello, one command, one message, one ack each, and nothing else."""
        for d in self.devices:
            want = {"event": 1, "u": 1, "ack": 1}
            rest = {k: v for k, v in d.got.items() if not k.endswith("/u")}
            if rest != want or self.own(d) != 1:
                raise Failed(f"a device got {d.got}")

    def go(self):
        try:
            self.phase(PHASES[0], self.connect)
            self.sender = Peer(self.loop, self.node, self.user, self.words[SENDER], "sender",
                               (f"im/inbox/{self.user}/#",))
            _until(self.loop, lambda: self.sender.count("event"), "hello")
            self.phase(PHASES[1], self.command)
            self.phase(PHASES[2], self.to_all)
            self.phase(PHASES[3], self.from_each)
            self.check()
            return self.result
        finally:
            for key in list(self.loop.get_map().values()):
                key.fileobj.close()
            self.loop.close()


def _make(ctx):
    node = ctx.make_im(users=2)
    db = sqlite3.connect(node.database("directory"))
    db.execute("UPDATE user SET role = 2 WHERE uid = ?", (user_name(ACCOUNT),))
    db.execute("INSERT INTO device_bind (prefix, user) SELECT 'veh-', id FROM user WHERE uid = ?",
               (user_name(ACCOUNT),))
    db.commit()
    db.close()
    return node


def metrics():
    def of(phase, process):
        return lambda r: r[phase][process]
    return [Metric(f"{phase}: {process}", "us a device", of(phase, process), higher_is_better=False)
            for phase in PHASES for process in ("broker", "bridge")]


def things(ctx):
    cases = []
    for n in COUNTS[:1] if ctx.quick else COUNTS:
        case = Case(15, f"{n:,} devices of one account", metrics())
        node = _make(ctx)
        try:
            for round_ in range(1 if ctx.quick else 3):
                ctx.start(node)
                case.add("im", Run(node, n, round_).go(), round_)
                node.stop()
        except Failed as e:
            case.failures.append(str(e))
        finally:
            node.stop()
        case.notes += ["aim: what a device costs does not grow with their number",
                       "connect: Mosquitto 2.0 looks through the subscribers of a filter for each "
                       "that is added to it (60 and 123 us of a plain broker)"]
        cases.append(case)
    return cases
