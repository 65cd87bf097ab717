# SPDX-License-Identifier: BSD-3-Clause
"""Scenario 12, first part: what it costs a user's devices to stay in step while messages come a second
and a half apart, by the rule of docs/PROTOCOL.md and by the one before it (a sync and a device.ack
after each pause). Bytes are those of the devices' connections, both ways, without TCP's own.
"""
import json
import pathlib
import socket
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

from lib import mqttwire as w  # noqa: E402
from lib.step import Step  # noqa: E402
from load import Failed  # noqa: E402
from node import user_name  # noqa: E402
from results import Case, Metric  # noqa: E402

GAP_S = 1.5
QUIET_S = 0.5  # the old rule: after so long without a message
ACK_S = 0.8  # the new one: so long after the first message that is not acknowledged
BODY = "x" * 100
OLD, NEW = "sync rule", "n and safe"


class Device(threading.Thread):
    """Receives and stays in step until it is told to stop."""

    def __init__(self, node, user, password, name, rule):
        super().__init__(daemon=True)
        self.user, self.name_, self.rule = user, name, rule
        self.bytes = self.live = self.requests = self.acks = self.bodies = 0
        self.step, self.cursor, self.serial = Step(), "", 0
        self.counting = self.stop = False
        self.first = self.last = None  # of what is not acknowledged: when it came
        self.reader = w.Reader()
        self.sock = socket.create_connection(("127.0.0.1", node.port), timeout=10)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.sendall(w.connect(name, user, password, clean=True))
        self.sock.sendall(w.subscribe(1, [(f"im/inbox/{user}/#", 1)]))
        self.ready, self.answered = threading.Event(), threading.Event()

    def put(self, data):
        self.bytes += len(data) if self.counting else 0
        self.sock.sendall(data)

    def ask(self, method, params):
        self.serial += 1
        self.requests += self.counting
        self.put(w.publish("im/rpc", json.dumps({"jsonrpc": "2.0", "id": self.serial,
                                                 "method": method, "params": params})))

    def take(self, kind, flags, body):
        if kind != w.PUBLISH:
            return
        m = w.decode_publish(flags, body, w.V311)
        if m["qos"]:
            self.put(w.ack(w.PUBACK, m["mid"]))
        tail = m["topic"].split("/", 3)[3]
        item = json.loads(m["payload"])
        if tail.startswith("u/"):
            self.step.delivery(item)
            self.bodies += self.counting
            # The packet, its header, and the PUBACK.
            self.live += (len(body) + 3 + 4) if self.counting else 0
            self.last = time.monotonic()
            self.first = self.first or self.last
        elif tail == "event" and item["event"] == "hello":
            self.step.hello(item)
            self.ready.set()
        elif tail == f"rpc/{self.name_}" and "messages" in item.get("result", {}):
            self.cursor = item["result"]["cursor"]
            self.ask("device.ack", {"cursor": self.cursor})

    def due(self, now):
        if self.rule == OLD and self.last and now - self.last >= QUIET_S:
            self.first = self.last = None
            self.ask("sync", {"cursor": self.cursor})
        if self.rule == NEW and self.first and now - self.first >= ACK_S:
            self.first = self.last = None
            safe = self.step.ack(int(self.cursor or 0))
            if safe:
                self.cursor = str(safe)
                self.acks += self.counting
                self.put(w.publish("im/ack", self.cursor))

    def run(self):
        self.sock.settimeout(0.02)
        while not self.stop:
            try:
                data = self.sock.recv(65536)
            except TimeoutError:
                data = None
            if data == b"":
                return
            if data:
                self.bytes += len(data) if self.counting else 0
                self.reader.feed(data)
                while (packet := self.reader.next()) is not None:
                    self.take(*packet)
            self.due(time.monotonic())


def metrics():
    def of(key):
        return lambda r: r[key]
    return [Metric("bytes a message delivered", "", of("bytes"), higher_is_better=False),
            Metric("of them live", "", of("live"), higher_is_better=False),
            Metric("times the live bytes", "", of("times"), higher_is_better=False),
            Metric("requests a message delivered", "", of("requests"), higher_is_better=False),
            Metric("im/ack a message delivered", "", of("acks"), higher_is_better=False)]


def _sender(node, user, password):
    sock = socket.create_connection(("127.0.0.1", node.port), timeout=10)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.sendall(w.connect(f"{user}-s", user, password, clean=True))
    return sock


def _result(devices, sent):
    got = sum(d.bodies for d in devices)
    if got != sent * len(devices):
        raise Failed(f"{got} of {sent * len(devices)} messages delivered")
    total, live = sum(d.bytes for d in devices), sum(d.live for d in devices)
    return {"bytes": total / got, "live": live / got, "times": total / live,
            "requests": sum(d.requests for d in devices) / got,
            "acks": sum(d.acks for d in devices) / got}


def _run(node, sent):
    """All of them beside one another: {(devices, rule): result}."""
    words = node.passwords.read_text("ascii").split()
    groups, user = {}, 1
    for count in (1, 3, 5):
        for rule in (OLD, NEW):
            groups[count, rule] = user, [
                Device(node, user_name(user), words[user], f"{user_name(user)}-{n}", rule)
                for n in range(count)]
            user += 1
    everybody = [d for _, devices in groups.values() for d in devices]
    for d in everybody:
        d.start()
    if not all(d.ready.wait(30) for d in everybody):
        raise Failed("a device was not greeted")
    sock = _sender(node, user_name(0), words[0])
    for n in range(-1, sent):  # the first one is not counted
        for number, _ in groups.values():
            sock.sendall(w.publish(f"im/u/{user_name(number)}",
                                   json.dumps({"id": f"m{time.time_ns()}", "body": BODY})))
        time.sleep(GAP_S)
        for d in everybody if n < 0 else []:
            d.counting = True
    for d in everybody:
        d.stop = True
        d.join(10)
    sock.close()
    return {key: _result(devices, sent) for key, (_, devices) in groups.items()}


def costs(ctx):
    sent = 8 if ctx.quick else 40
    cases = {count: Case(12, f"{sent} messages, {GAP_S} s apart, to {count} of a user's devices",
                         metrics()) for count in (1, 3, 5)}
    node = ctx.make_im(users=10)
    try:
        ctx.start(node)
        for (count, rule), result in _run(node, sent).items():
            cases[count].add(rule, result)
    except Failed as e:
        cases[1].failures.append(str(e))
    finally:
        node.stop()
    for case in cases.values():
        case.notes.append("aim: below 1.3 times the live bytes")
    return list(cases.values())
