# SPDX-License-Identifier: BSD-3-Clause
"""Staying in step: what deliveries say of themselves, what a device may acknowledge, and that the last
message of a conversation is found in whatever way it was lost, though others were acknowledged since.
"""
import time

import pytest

from lib import mqttwire
from lib.client import Refused
from lib.node import PASSWORD, until
from lib.raw import Raw
from lib.step import Step

NODE = {"options": {"rate_messages": 0}}
V = pytest.mark.parametrize("v5", [False, True], ids=["v311", "v5"])


# For so long may what is safe stay behind what has come.
LAG_S = 2


class Follower:
    """A device that does as docs/PROTOCOL.md says, over a Client. What it holds outlives its
    connections, and so does its cursor."""

    def __init__(self, node, user, device, clean=True, **kw):
        self.client = node.client(user, device, clean=clean, **kw)
        self.step, self.cursor, self.bodies = Step(), 0, {}
        self.seen = self.syncs = self.acks = 0
        self.must_sync = False
        self.newest, self.lags = 0, None  # of what has come; since when it is not safe

    def connect(self, subscribe=True):
        self.step.connected()
        self.seen = len(self.client.messages)
        self.client.connect()
        if subscribe:
            self.client.inbox()
        return self

    def keep(self, m):
        self.bodies.setdefault(m["conv"], set()).add(str(m["body"]))

    def take(self):
        base = self.client.base
        for m in list(self.client.messages)[self.seen:]:
            self.seen += 1
            tail = m.topic[len(base):] if m.topic.startswith(base) else ""
            if tail == "event" and m.raw["event"] == "hello":
                self.must_sync |= self.step.hello(m.raw)
            elif tail == "event" or tail[:2] in ("u/", "g/"):
                self.must_sync |= self.step.delivery(m.raw)
                self.newest = max(self.newest, int(m.raw.get("cursor", 0)))
                if tail != "event":
                    self.keep(m.raw)

    def lag(self):
        """True: what has come will not be safe by itself."""
        if self.newest <= max(self.cursor, self.step.ack(self.cursor) or 0):
            self.lags = None
        elif self.lags is None:
            self.lags = time.monotonic()
        return self.lags is not None and time.monotonic() - self.lags > LAG_S

    def follow(self):
        """Takes what has come, syncs where it must, acknowledges what it may."""
        self.take()
        self.must_sync |= self.lag()
        while self.must_sync:
            self.must_sync = False
            messages, _, cursor = self.client.sync_all(str(self.cursor))
            self.syncs += 1
            for m in messages:
                self.keep(m)
            self.cursor = int(cursor)
            self.take()
            if not self.must_sync:
                self.step.synced()
        safe = self.step.ack(self.cursor)
        if safe:
            self.cursor = safe
            self.acks += 1
            self.client.publish("im/ack", str(safe))

    def greeted(self):
        self.client.wait_for(lambda: self.take() or self.step.greeted, what="a hello with n")
        self.follow()

    def has(self, conv, body):
        return body in self.bodies.get(conv, ())

    def wait(self, conv, body):
        def come():
            self.follow()
            return self.has(conv, body)
        until(come, f"{body} in {conv}")
        self.follow()


def cursor_of(client, device):
    return next(int(d["cursor"]) for d in client.rpc("device.list")["devices"]
                if d["device"] == device)


# -- what is told --

@V
def test_deliveries_are_counted_and_greetings_say_where(node, v5):
    alice, bob = node.users(2)
    a, b = node.connect(alice), node.connect(bob, v5=v5)
    hello = b.wait_event("hello")
    assert len(hello["epoch"]) == 16 and hello["n"] >= 0
    first = hello["n"] + 1
    a.send(f"im/u/{bob}", {"id": "1", "body": "one"})
    a.publish(f"im/s/u/{bob}", "typing")
    b.rpc("user.update", nick="Bob")
    a.send(f"im/u/{bob}", {"id": "2", "body": "two"})
    b.wait_body(f"u/{alice}", "two")
    got = [m.raw for m in b.messages if m.topic.startswith(b.base) and "n" in m.raw]
    assert [m["n"] for m in got if m.get("event") != "hello"] == [first, first + 1, first + 2]
    assert [m.get("event", m.get("body")) for m in got[1:]] == ["one", "user", "two"]
    assert all(int(m.get("safe", m["cursor"])) <= int(m["cursor"]) for m in got[1:])
    live = [m.raw for m in b.messages if m.topic.split("/")[3] in ("ack", "rpc", "signal")]
    assert live and not any("n" in m for m in live)


def test_an_epoch_ends_with_the_broker(own_node):
    node = own_node()
    user = node.user()
    one = node.connect(user).wait_event("hello")["epoch"]
    assert node.connect(user).wait_event("hello")["epoch"] == one
    node.broker.stop()
    node.start_broker()
    assert node.connect(user).wait_event("hello")["epoch"] != one


# -- im/ack --

@V
@pytest.mark.parametrize("qos", [0, 1])
def test_an_ack_moves_the_cursor_and_tells_the_sender(node, v5, qos):
    alice, bob = node.users(2)
    a, b = node.connect(alice), node.connect(bob, v5=v5)
    a.send(f"im/u/{bob}", {"id": "1", "body": "one"})
    m = b.wait_body(f"u/{alice}", "one")
    before = len(b.messages)
    assert b.publish("im/ack", m["cursor"], qos=qos) == 0
    delivered = a.wait_event("delivered")
    assert (delivered["by"], delivered["seq"]) == (bob, m["seq"])
    assert cursor_of(b, b.device) == int(m["cursor"])
    # It is not answered, and an older one is nothing.
    assert not any(x.topic == b.base + "ack" for x in b.messages[before:])
    b.publish("im/ack", "1", qos=qos)
    b.rpc("device.ack", cursor="1")
    assert cursor_of(b, b.device) == int(m["cursor"])
    assert b.rpc("device.ack", cursor=m["cursor"]) == {"cursor": m["cursor"], "changed": False}


@V
@pytest.mark.parametrize("cursor", ["soon", "-1", "01", "", "9" * 30, "9" * 18, '{"cursor":"1"}'])
def test_a_wrong_ack_is_refused(node, v5, cursor):
    c = node.connect(node.user(), v5=v5)
    assert c.publish("im/ack", cursor) == 0
    if cursor == "":
        c.rpc("user.get")
        assert not c.on("ack")
        return
    refusal = c.wait_for(lambda: c.on("ack"))[0].json[0]
    assert refusal["id"] is None and refusal["conv"] is None
    assert refusal["error"]["code"] == -32602 and "safe" in refusal["error"]["message"]


def test_the_topic_is_for_publishing_alone(node):
    user = node.user()
    c = node.connect(user)
    for topic in ("im/ack", "im/ack/#", "im/+", "im/#"):
        assert c.subscribe(topic) >= 0x80
    gone = node.client(user, will={"topic": "im/ack", "payload": "1", "retain": True}).connect()
    gone.abort()
    until(lambda: all(d["device"] != gone.device or d["state"] == "offline"
                      for d in c.rpc("device.list")["devices"]), "its end")
    assert {d["cursor"] for d in c.rpc("device.list")["devices"]} == {"0"}
    assert c.publish("im/ack/x", "1") == 0
    assert c.wait_for(lambda: c.on("ack"))[0].json[0]["error"]["code"] == -32012


def test_of_many_acks_the_newest_counts(node):
    alice, bob = node.users(2)
    a, b = node.connect(alice), node.connect(bob)
    for n in range(20):
        a.send(f"im/u/{bob}", {"id": str(n), "body": n})
    b.wait_body(f"u/{alice}", 19)
    cursors = [m["cursor"] for m in b.got(f"u/{alice}")]
    for cursor in [*cursors[1:], cursors[0]]:
        b.post("im/ack", cursor, qos=0)
    until(lambda: cursor_of(b, b.device) == int(cursors[-1]), "the newest")


@V
def test_a_first_ack_keeps_a_device_that_goes_at_once(node, v5):
    alice, bob = node.users(2)
    a, b = node.connect(alice), node.connect(bob)
    a.send(f"im/u/{bob}", {"id": "1", "body": "one"})
    cursor = b.wait_body(f"u/{alice}", "one")["cursor"]
    device = f"shell-{int(v5)}"
    with Raw(node.port, 5 if v5 else 4) as once:
        once.connect(device, bob, PASSWORD)
        once.publish("im/ack", cursor, qos=1)
        once.expect(mqttwire.PUBACK)
        once.send(mqttwire.disconnect(once.version))
        once.expect_closed()
    delivered = a.wait_event("delivered")
    assert (delivered["by"], delivered["seq"]) == (bob, 1)
    assert cursor_of(b, device) == int(cursor)
    # It is his, and whatever he says of it later is taken.
    with pytest.raises(Refused):
        node.connect(alice, device)
    assert not b.on("ack")


# -- sessions that go on --

@V
@pytest.mark.parametrize("restart", [False, True], ids=["running", "restarted"])
@pytest.mark.parametrize("again", [False, True], ids=["silent", "subscribes"])
def test_a_session_that_goes_on_is_greeted_once(own_node, v5, restart, again):
    node = own_node(users=3)
    user, other = node.users(2)
    c = node.connect(user, v5=v5, clean=False, session_expiry=300 if v5 else None)
    c.wait_event("hello")
    c.disconnect()
    if restart:
        node.broker.stop()
        node.start_broker()
    before = len(c.messages)
    c.connect()
    assert c.session_present

    def hellos():
        # Of filters that overlap the broker gives each its copy.
        return {m.payload for m in c.messages[before:] if m.topic == c.base + "event"}
    if again:
        c.subscribe(c.base + "#", c.base + "event")
    c.wait_for(hellos, what="a hello")
    if again:
        c.inbox()
    c.rpc("user.get")
    c.publish(f"im/u/{other}", "x")
    c.rpc("user.get")
    assert len(hellos()) == 1 and b'"event":"hello"' in hellos().pop()


@V
def test_a_new_session_is_greeted_when_it_subscribes(node, v5):
    c = node.client(node.user(), v5=v5, clean=False, session_expiry=300 if v5 else None).connect()
    c.subscribe(c.base + "rpc/+")
    c.rpc("user.get")
    assert not c.on("event")
    c.subscribe(c.base + "u/+", c.base + "event", c.base + "+")
    c.wait_event("hello")
    c.rpc("user.get")
    assert len({m.payload for m in c.on("event")}) == 1


def test_a_greeting_does_not_wait_for_the_next_connection(node):
    """Said to somebody who is not there any more, it would say something of an earlier time."""
    alice, bob = node.users(2)
    a = node.connect(alice)
    b = Follower(node, bob, f"{bob}-kept", clean=False).connect()
    b.greeted()
    for n in range(5):
        hellos = b.step.hellos
        b.client.paho.subscribe([(b.client.base + "#", 1)])
        b.client.abort()
        a.send(f"im/u/{bob}", {"id": str(n), "body": f"while-away-{n}"})
        b.connect(subscribe=False)
        b.greeted()
        b.wait(f"u/{alice}", f"while-away-{n}")
        b.client.rpc("user.get")
        b.follow()
        assert b.step.hellos == hellos + 1


# -- the last message, lost in every way there is --

def acknowledge_others(b, others, first=0):
    """Other conversations go on, and what they bring is acknowledged."""
    acks = b.acks
    for n, sender in enumerate(others):
        sender.send(f"im/u/{b.client.user}", {"id": f"o{first + n}", "body": f"other-{first + n}"})
        b.wait(f"u/{sender.user}", f"other-{first + n}")
    until(lambda: b.follow() or b.acks > acks or b.syncs, "an ack")


def must_have(b, conv, body):
    """It has it, or finds it with the cursor that it has acknowledged."""
    b.follow()
    if not b.has(conv, body):
        messages, _, _ = b.client.sync_all(str(b.cursor))
        for m in messages:
            b.keep(m)
    assert b.has(conv, body), f"{body} is before the cursor {b.cursor} and was never there"


@V
def test_lost_by_a_full_queue(own_node, v5):
    node = own_node(users=8, options={"rate_messages": 0}, max_queued=5,
                    conf=["max_inflight_messages 1"])
    alice, bob, *rest = node.users(5)
    a, others = node.connect(alice), [node.connect(u) for u in rest]
    b = Follower(node, bob, f"{bob}-slow", v5=v5, receive_maximum=1 if v5 else None).connect()
    b.greeted()
    # It does not answer, so nothing more is sent to it, and its queue is soon full.
    sock = b.client.paho.socket()
    b.client.paho.loop_stop()
    for n in range(30):
        a.send(f"im/u/{bob}", {"id": f"l{n}", "body": f"last-{n}"})
    assert sock is b.client.paho.socket()
    b.client.paho.loop_start()
    b.wait(f"u/{alice}", "last-0")
    acknowledge_others(b, others)
    must_have(b, f"u/{alice}", "last-29")
    assert b.step.holes


@V
def test_lost_by_a_kept_session(own_node, v5):
    node = own_node(users=8, options={"rate_messages": 0}, max_queued=5,
                    conf=["max_inflight_messages 2"])
    alice, bob, *rest = node.users(5)
    a, others = node.connect(alice), [node.connect(u) for u in rest]
    b = Follower(node, bob, f"{bob}-kept", v5=v5, clean=False,
                 session_expiry=300 if v5 else None).connect()
    b.greeted()
    b.client.disconnect()
    for n in range(20):
        a.send(f"im/u/{bob}", {"id": f"l{n}", "body": f"last-{n}"})
    b.connect(subscribe=False)
    b.greeted()
    acknowledge_others(b, others)
    must_have(b, f"u/{alice}", "last-19")


def crowded(own_node, **bridge):
    """A group so large that its deliveries wait for the others': (node, gid, its owner, a Follower
    in it, one who writes to that one directly)."""
    node = own_node(users=1300, options={"rate_messages": 0}, bridge={"rate_cost": 0, **bridge})
    people = node.users(1210)
    owner, bob, direct = people[0], people[1], people[2]
    o, d = node.connect(owner), node.connect(direct)
    b = Follower(node, bob, f"{bob}-1").connect()
    b.greeted()
    members = people[1:1200]
    gid = node.group(o, members[:990])
    o.rpc("group.invite", gid=gid, members=members[990:])
    b.follow()
    return node, gid, o, b, d


def test_lost_with_the_bridge_while_large_groups_wait(own_node):
    node, gid, o, b, d = crowded(own_node)
    for round_ in range(4):
        for n in range(40):
            o.post(f"im/g/{gid}", {"id": f"l{round_}-{n}", "body": f"last-{round_}-{n}"})
        o.wait_for(lambda r=round_: any(x["id"] == f"l{r}-39" for x in o.acks()))
        node.kill_bridge()
        node.start_bridge()
        acknowledge_others(b, [d] * 3, first=10 * round_)
        must_have(b, f"g/{gid}", f"last-{round_}-39")


def test_lost_by_a_full_backlog(own_node):
    node, gid, o, b, d = crowded(own_node, backlog_bytes="1M")
    dropped = 0
    for round_ in range(20):
        for n in range(60):
            o.post(f"im/g/{gid}", {"id": f"l{round_}-{n}",
                                   "body": f"last-{round_}-{n}" + "x" * 400})
        o.wait_for(lambda r=round_: any(x["id"] == f"l{r}-59" for x in o.acks()))
        dropped = node.admin().command("getStats")["bridge"]["deliveries_dropped"]
        if dropped:
            break
    assert dropped, "nothing was dropped: the test showed nothing"
    acknowledge_others(b, [d] * 3)
    must_have(b, f"g/{gid}", f"last-{round_}-59" + "x" * 400)
    # When it is quiet, everybody is told of the gap, and is in step again.
    time_is_up = time.monotonic() + 30
    holes, n = b.step.holes, 100
    while b.step.holes == holes and time.monotonic() < time_is_up:
        acknowledge_others(b, [d], first=n)
        n += 1
    assert b.step.holes > holes
    assert b.cursor > 0
