# SPDX-License-Identifier: BSD-3-Clause
"""kill -9 in the middle of traffic: nothing acked or PUBACKed is lost, nothing is there twice."""
import collections
import subprocess
import threading

import pytest

from lib.tools import _auth

N = 1500


class Feed(threading.Thread):
    """mosquitto_pub -l -q 1 with a line a message, until all are in or the connection is lost."""

    def __init__(self, node, user, topic, first, last):
        super().__init__(daemon=True)
        self.argv = ["mosquitto_pub", *_auth(node, user, f"{user}-feed{first}"), "-q", "1", "-l",
                     "-t", topic]
        self.lines = "".join(f"line-{n}\n" for n in range(first, last))

    def run(self):
        self.done = subprocess.run(self.argv, input=self.lines, text=True, capture_output=True,
                                   timeout=60)


def bodies(client, conv):
    messages = client.history(conv)
    assert [m["seq"] for m in messages] == list(range(1, len(messages) + 1))
    return [m["body"] for m in messages]


def test_mosquitto_pub_loses_nothing_when_the_bridge_is_killed(own_node):
    """The client never notices: everything it sent is there exactly once."""
    node = own_node(options={"rate_messages": 0})
    alice, bob = node.users(2)
    b = node.connect(bob)
    feed = Feed(node, alice, f"im/u/{bob}", 0, N)
    feed.start()
    for part in (1, 2, 3):
        b.wait_for(lambda p=part: len(b.on(f"u/{alice}")) > p * N // 8 or not feed.is_alive())
        node.kill_bridge()
        node.start_bridge()
    feed.join()
    assert feed.done.returncode == 0, feed.done.stderr
    b.wait_for(lambda: len({m["seq"] for m in b.got(f"u/{alice}")}) == N)
    assert bodies(b, f"u/{alice}") == [f"line-{n}" for n in range(N)]


class Sender:
    """One user who numbers the messages, notes what became of them, and with ids sends again."""

    def __init__(self, node, user, peer, ids, qos, v5):
        self.node, self.user, self.topic = node, user, f"im/u/{peer}"
        self.ids, self.qos, self.v5 = ids, qos, v5
        self.sent, self.accepted, self.acked = 0, set(), {}
        self.flight = {}

    def connect(self):
        self.client = self.node.connect(self.user, v5=self.v5)
        again = [n for n in self.flight.values() if n not in self.accepted] if self.ids else []
        self.flight = {}
        for n in again:
            self.post(n)

    def post(self, n):
        payload = {"id": f"i{n}", "body": n} if self.ids else f"n-{n}"
        self.flight[self.client.post(self.topic, payload, qos=self.qos)] = n

    def burst(self, count):
        for n in range(self.sent, self.sent + count):
            self.post(n)
        self.sent += count

    def all_accepted(self):
        return set(self.flight) <= set(self.client._acks)

    def note(self):
        self.accepted |= {n for mid, n in self.flight.items() if mid in self.client._acks}
        self.acked.update((x["id"], x["seq"]) for x in self.client.acks())


@pytest.mark.parametrize("victims", ["broker", "bridge", "both"])
def test_what_was_accepted_or_acked_survives(own_node, victims):
    """Three publishers: with ids and acks, with PUBACK only, and with QoS 2."""
    node = own_node(options={"rate_messages": 0})
    bob = node.user()
    senders = [Sender(node, node.user(), bob, ids, qos, v5)
               for ids, qos, v5 in ((True, 1, False), (False, 1, True), (False, 2, False))]
    for sender in senders:
        sender.connect()
    for number in range(4):
        for sender in senders:
            sender.burst(60)
        for sender in senders:
            sender.client.wait_for(lambda s=sender: len(s.client._acks) >= 5 * (number + 1))
        if victims != "bridge":
            node.kill_broker()
        if victims != "broker":
            node.kill_bridge()
        for sender in senders:
            if victims == "bridge":
                sender.client.wait_for(sender.all_accepted)
            else:
                sender.client.wait_disconnected()
            sender.note()
        if victims != "bridge":
            node.start_broker()
        if victims != "broker":
            node.start_bridge()
        for sender in senders:
            sender.client.close()
            sender.connect()
    for sender in senders:
        sender.client.wait_for(sender.all_accepted)
        sender.note()
    # Once more with every id: the acks must name the places that the first ones named.
    first = dict(senders[0].acked)
    for n in range(senders[0].sent):
        senders[0].post(n)
    senders[0].client.wait_for(
        lambda: len({x["id"] for x in senders[0].client.acks()}) == senders[0].sent)
    senders[0].note()
    assert first.items() <= senders[0].acked.items()
    reader = node.connect(bob)
    reader.send(f"im/u/{senders[0].user}", {"id": "fence", "body": "fence"})
    logs = [[m for m in reader.history(f"u/{s.user}") if m.get("id") != "fence"] for s in senders]
    with_ids = collections.Counter(m["id"] for m in logs[0])
    assert with_ids == {f"i{n}": 1 for n in range(240)}
    by_seq = {m["seq"]: m for m in logs[0]}
    assert len(senders[0].acked) == 240
    assert all(by_seq[seq]["id"] == ident for ident, seq in senders[0].acked.items())
    for sender, log in zip(senders[1:], logs[1:]):
        assert [m["seq"] for m in log] == list(range(1, len(log) + 1))
        stored = {m["body"] for m in log}
        assert sender.accepted and {f"n-{n}" for n in sender.accepted} <= stored
        assert stored <= {f"n-{n}" for n in range(sender.sent)}


def test_everything_sent_while_the_bridge_is_away_arrives_when_it_is_back(own_node):
    node = own_node()
    alice, bob = node.users(2)
    a, b = node.connect(alice), node.connect(bob)
    gid = node.group(a, [bob])
    b.wait_message(f"g/{gid}")
    node.kill_bridge()
    for n in range(100):
        assert a.publish(f"im/u/{bob}" if n % 2 else f"im/g/{gid}", {"id": f"w{n}", "body": n}) == 0
    assert a.acks() == []
    node.start_bridge()
    a.wait_for(lambda: len(a.acks()) == 100)
    b.wait_for(lambda: len(b.got()) >= 101)
    assert [m["body"] for m in b.got(f"u/{alice}")] == list(range(1, 100, 2))
    assert [m["body"] for m in b.got(f"g/{gid}") if m["type"] == "text" or m["type"] == "json"] \
        == list(range(0, 100, 2))


def test_a_crash_in_a_fan_out_keeps_nobody_in_the_dark(own_node):
    """Who is connected gets every message, or is told to be behind; no device waits for the next
    message to learn that it has missed one."""
    node = own_node(users=310, options={"rate_messages": 0})
    members = node.users(299)
    o = node.connect(node.user())
    gid = node.group(o, members)
    watchers = [node.connect(m) for m in members[::30]]
    for n in range(100):
        o.post(f"im/g/{gid}", {"id": f"f{n}", "body": n})
    watchers[0].wait_for(lambda: any(m["body"] == 0 for m in watchers[0].got(f"g/{gid}")))
    node.kill_bridge()
    hellos = [len(w.events("hello")) for w in watchers]
    node.start_bridge()
    o.wait_for(lambda: len({x["id"] for x in o.acks()}) == 100)
    for watcher, before in zip(watchers, hellos):
        watcher.wait_for(lambda w=watcher, b=before: set(range(100)) <= {
            m["body"] for m in w.got(f"g/{gid}") if m["type"] == "json"}
            or any(e["behind"] for e in w.events("hello")[b:]), what="all 100, or word of it")


def test_a_crash_after_an_answer_keeps_nobody_in_the_dark(own_node):
    """The same for what a request made: here, groups that the member is put into."""
    node = own_node()
    owner, member = node.users(2)
    o, m = node.connect(owner), node.connect(member)
    for _ in range(8):
        gid = node.group(o, [member])
        node.kill_bridge()
        before = len(m.events("hello"))
        node.start_bridge()
        m.wait_for(lambda g=gid, b=before: m.got(f"g/{g}")
                   or any(e["behind"] for e in m.events("hello")[b:]), what="word of the group")


def test_a_request_made_while_the_bridge_is_away_is_answered_later(own_node):
    node = own_node()
    c = node.connect(node.user())
    node.kill_bridge()
    c.publish("im/rpc/user.get", "{}", qos=1)
    node.start_bridge()
    assert c.wait_for(lambda: c.on(f"rpc/{c.device}"))[0].json["result"]["uid"] == c.user


def test_a_member_removed_before_a_crash_stays_removed(own_node):
    node = own_node()
    owner, out, stays = node.users(3)
    o, r, s = node.connect(owner), node.connect(out), node.connect(stays)
    gid = node.group(o, [out, stays])
    o.kick(gid, out)
    node.kill_bridge()
    node.start_bridge()
    o.send(f"im/g/{gid}", {"id": "1", "body": "after"})
    s.wait_body(f"g/{gid}", "after")
    o.send(f"im/u/{out}", {"id": "2", "body": "fence"})
    r.wait_body(f"u/{owner}", "fence")
    assert "after" not in r.bodies(f"g/{gid}")
    assert out not in o.members(gid)


def test_a_clean_stop_and_start_loses_nothing(own_node):
    node = own_node()
    alice, bob = node.users(2)
    a = node.connect(alice, clean=False)
    for n in range(200):
        a.post(f"im/u/{bob}", {"id": f"s{n}", "body": n})
    assert node.bridge.stop() == 0
    a.wait_for(lambda: len(a._acks) >= 200)
    assert node.broker.stop() == 0
    node.start_broker()
    node.start_bridge()
    b = node.connect(bob)
    b.publish("im/rpc/user.get", "{}")
    b.wait_for(lambda: b.on(f"rpc/{b.device}"))
    assert [m["body"] for m in b.history(f"u/{alice}")] == list(range(200))


def test_the_bridge_reconnects_by_itself_when_the_broker_comes_back(own_node):
    node = own_node()
    alice, bob = node.users(2)
    pid = node.bridge.pid
    for _ in range(3):
        node.kill_broker()
        node.start_broker()
        a = node.connect(alice)
        a.send(f"im/u/{bob}", {"id": node.new_name(), "body": "again"})
    assert node.bridge.pid == pid and node.bridge.running


def test_the_bridge_waits_for_a_broker_that_is_not_there_yet(own_node):
    node = own_node()
    node.stop()
    node.bridge.start()
    node.start_broker()
    c = node.connect(node.user())
    assert c.rpc("user.get")


def test_users_cannot_connect_to_a_broker_without_directory(own_node):
    """The broker refuses to start rather than let nobody or everybody in."""
    node = own_node()
    node.stop()
    (node.data / "directory.db").rename(node.folder / "hidden.db")
    node.broker.start()
    assert node.broker.wait_exit(expected=range(1, 256)) != 0
    assert "directory.db" in node.broker.text(True)
    (node.folder / "hidden.db").rename(node.data / "directory.db")
    node.start_broker()
    node.start_bridge()
