# SPDX-License-Identifier: BSD-3-Clause
"""Several brokers under one bridge: a client sees no difference, whichever it is connected to. Messages,
requests, and what the operator does. Who sees whom, and whose rights end, is in
test_more_brokers_people.py and test_more_brokers_rights.py; one device that goes from broker to broker in
test_more_brokers_moves.py; brokers that die or are stopped in test_more_brokers_faults.py; the matrix of
topics in test_more_brokers_acl.py; different versions beside one another in test_mixed_brokers.py.

Rows of docs/PROMISES.md that several brokers cannot change, for they are of the bridge, its files and one
transaction, or of one broker by itself, and where they are proved:

  1, 2, 3   on disk, `seq`           one log and one spool a broker: the torture, with several brokers too
  8         no input crashes         each broker's plugin by itself: test_hostile.py
  9, 14     faults, `unread`         the bridge's files: test_faults*.py, test_unread.py
  10        bounds on memory         of a broker: test_limits.py; of the bridge's queues: test_flow_peers.c
  13        ordinary MQTT            a broker's own, not forwarded: test_more_brokers_acl.py
  18, 20    names, the audit log     directory.db, audit: test_accounts.py, test_audit.py
  21, 22    bridges, surroundings    a broker's own configuration: test_bridges.py, test_in_front.py
  23        hashes, import           directory.db: test_import.py
"""
import time

import pytest

from lib.client import denied
from lib.node import until
from lib.tools import Imctl

BROKERS = [2, 4]
NODE = {"options": {"rate_messages": 0}, "users": 120}


def at(node, broker, user, device=None, **kw):
    """A client there that has been greeted: before, what was sent a moment ago through another broker may
    be what the greeting says that it has missed."""
    c = node.connect(user, device, broker=broker % len(node.brokers), **kw)
    c.wait_event("hello", lambda e: e["device"] == c.device)
    return c


def people(node, n, **kw):
    """Clients of so many users, at one broker after another."""
    return [at(node, i, u, **kw) for i, u in enumerate(node.users(n))]


def everywhere(node, user, **kw):
    """A client of the user at each broker."""
    return [at(node, i, user, **kw) for i in range(len(node.brokers))]


# -- live --

def test_messages_go_both_ways(node):
    a, b = people(node, 2)
    a.converse(b)
    # To all devices of both, and to each once.
    more = everywhere(node, a.user) + everywhere(node, b.user)
    a.send(f"im/u/{b.user}", {"id": "live", "body": "live"})
    for c in more:
        c.wait_body(f"u/{b.user if c.user == a.user else a.user}", "live")
        c.rpc("user.get")
        assert c.bodies() == ["live"]


def test_mqtt_5_properties_cross(node):
    a, b = people(node, 2, v5=True)
    a.send(f"im/u/{b.user}", {"id": "p", "body": "x"},
           props={"UserProperty": [("colour", "red")], "ContentType": "text/plain",
                  "ResponseTopic": f"im/u/{a.user}", "CorrelationData": b"17"})
    b.wait_body(f"u/{a.user}", "x")
    m = b.on(f"u/{a.user}")[0]
    assert ("colour", "red") in m.pairs and ("seq", "1") in m.pairs
    assert (m.response_topic, m.correlation) == (f"im/u/{a.user}", b"17")
    assert m.json["content_type"] == "text/plain"


def said(client, gid):
    return [(m["seq"], m["from"], m["body"]) for m in client.got(f"g/{gid}") if m["type"] == "text"]


def test_everybody_sees_one_order(node):
    """All speak at once, at all brokers; every member, and each one's devices, hear the same."""
    members = people(node, 2 * len(node.brokers))
    listening = [at(node, i + 1, c.user) for i, c in enumerate(members)]
    gid = node.group(members[0], [c.user for c in members[1:]])
    for n in range(15):
        for c in members:
            c.post(f"im/g/{gid}", {"id": f"{c.user}-{n}", "body": f"{c.user}-{n}"})
    until(lambda: len(members[-1].history(f"g/{gid}")) == 15 * len(members) + 1, "all of it")
    whole = [(m["seq"], m["from"], m["body"]) for m in members[-1].history(f"g/{gid}")[1:]]
    for c in members:
        # Each sender's own in the order in which it sent them; it may know them from the acks alone.
        assert [b for _, who, b in whole if who == c.user] == [f"{c.user}-{n}" for n in range(15)]
        assert [c.wait_ack_of(b)["seq"] for _, who, b in whole if who == c.user] == [
            s for s, who, _ in whole if who == c.user]
        others = [m for m in whole if m[1] != c.user]
        c.wait_for(lambda c=c, want=others: [m for m in said(c, gid) if m[1] != c.user] == want)
    for c in listening:
        c.wait_for(lambda c=c: said(c, gid) == whole, what="the same order")


def test_signals_go_where_the_other_is(node):
    a, b, c = people(node, 3)
    gid = node.group(a, [b.user, c.user])
    b.wait_message(f"g/{gid}")
    a.publish(f"im/s/u/{b.user}", "typing")
    a.publish(f"im/s/g/{gid}", "look")
    for who, want in ((b, ["typing", "look"]), (c, ["look"])):
        who.wait_for(lambda who=who, want=want: [
            m.json["body"] for m in who.on(f"signal/{a.user}")] == want)
    assert a.send(f"im/u/{b.user}", {"id": "1", "body": "stored"})["seq"] == 1


# -- once --

def test_an_id_that_comes_through_two_brokers_is_stored_once(node):
    a, b = people(node, 2)
    devices = everywhere(node, a.user)
    topic, message = f"im/u/{b.user}", {"id": "same", "body": "once"}
    mids = [d.post(topic, message) for d in devices]
    for d, mid in zip(devices, mids):
        assert d.wait_ack(mid) == 0
        assert d.wait_ack_of("same")["seq"] == 1
    b.wait_body(f"u/{a.user}", "once")
    devices[-1].publish(topic, {"id": "same", "body": "twice"})
    for d in devices:
        d.wait_for(lambda d=d: [x for x in d.acks() if x.get("error", {}).get("code") == -32010])
    assert b.bodies(f"u/{a.user}") == ["once"]
    assert [m["body"] for m in b.history(f"u/{a.user}")] == ["once"]


# -- in step --

def test_one_cursor_holds_at_every_broker(node):
    """A device that comes to another broker each time is told whether it has missed something, and gets
    just that."""
    a, = people(node, 1)
    user, count = node.user(), len(node.brokers)
    sent = cursor = 0
    for visit in range(count + 1):
        phone = node.connect(user, f"{user}-phone", broker=visit % count)
        assert phone.wait_event("hello")["behind"] is (visit > 0)
        messages, _, _ = phone.sync_all(cursor or "")
        assert [m["body"] for m in messages] == list(range(max(0, sent - 2), sent))
        ack = a.send(f"im/u/{user}", {"id": f"m{sent}", "body": sent})
        live = phone.wait_message(f"u/{a.user}", lambda m, n=sent: m["body"] == n)
        assert live["seq"] == ack["seq"]
        safe = phone.on(f"u/{a.user}")[-1].raw
        cursor = safe.get("safe", safe["cursor"])
        phone.publish("im/ack", cursor)
        a.wait_event("delivered", lambda e, s=ack["seq"]: e["by"] == user and e["seq"] == s)
        listed, = [d for d in phone.rpc("device.list")["devices"] if d["device"] == phone.device]
        assert listed["cursor"] == cursor and listed["current"]
        phone.disconnect()
        sent += 1
        for _ in range(2):
            a.send(f"im/u/{user}", {"id": f"m{sent}", "body": sent})
            sent += 1


def test_what_one_has_read_the_others_learn(node):
    a, b = people(node, 2)
    mine, theirs = everywhere(node, b.user), everywhere(node, a.user)
    seq = a.send(f"im/u/{b.user}", {"id": "1", "body": "read me"})["seq"]
    b.wait_body(f"u/{a.user}", "read me")
    mine[-1].rpc("conv.read", conv=f"u/{a.user}", seq=seq)
    for c in [b, *mine[:-1]]:
        c.wait_event("read", lambda e: e["conv"] == f"u/{a.user}" and e["seq"] == seq)
    for c in [a, *theirs]:
        c.wait_event("read", lambda e: e["by"] == b.user and e["seq"] == seq)
    assert {c.listed(f"u/{a.user}")["unread"] for c in mine} == {0}
    # What is to be found in the events of `sync` is what came live.
    mine[0].rpc("conv.update", conv=f"u/{a.user}", pinned=True)
    live = mine[-1].wait_event("conv")
    assert live in mine[-1].sync_all()[1]


def test_edits_reactions_and_recalls_come_live(node):
    a, b = people(node, 2)
    conv, other = f"u/{b.user}", f"u/{a.user}"
    for n in (1, 2):
        a.send(f"im/{conv}", {"id": f"{n}", "body": f"text {n}"})
    devices = everywhere(node, b.user)
    a.rpc("msg.edit", conv=conv, seq=1, body="better")
    devices[-1].rpc("msg.react", conv=other, seq=1, emoji="x")
    a.rpc("msg.recall", conv=conv, seq=2)
    for c in devices:
        c.wait_for(lambda c=c: [m["type"] for m in c.got(other)] == ["edit", "react", "recall"])
        first, second = c.history(other)[:2]
        assert (first["body"], first["reactions"], second["type"]) == (
            "better", {"x": [b.user]}, "recalled")


def test_history_lists_and_search_are_the_same_everywhere(node):
    a, b = people(node, 2)
    for n in range(5):
        a.send(f"im/u/{b.user}", {"id": f"{n}", "body": f"quokka number {n}"})
    until(lambda: len(b.rpc("search", q="quokka")["hits"]) == 5, "the index")
    asked = [("conv.history", {"conv": f"u/{a.user}"}), ("conv.list", {}), ("search", {"q": "quokka 3"}),
             ("sync", {"cursor": ""}), ("conv.receipts", {"conv": f"u/{a.user}", "seq": 1})]
    answers = [[c.rpc(method, **params) for method, params in asked]
               for c in everywhere(node, b.user)]
    assert all(answer == answers[0] for answer in answers[1:])
    assert [h["message"]["seq"] for h in answers[0][2]["hits"]] == [4]


def test_what_has_expired_has_expired_everywhere(node):
    a, b = people(node, 2)
    away = node.connect(b.user, f"{b.user}-away", clean=False, broker=len(node.brokers) - 1)
    away.disconnect()
    ack = a.send(f"im/u/{b.user}", {"id": "1", "body": "burn", "ttl": 1})
    a.send(f"im/u/{b.user}", {"id": "2", "body": "keep"})
    until(lambda: time.time() * 1000 > ack["ts"] + 2000, "the end of its time")
    for c in everywhere(node, b.user):
        assert [(m["type"], m["body"]) for m in c.history(f"u/{a.user}")] == [
            ("expired", None), ("text", "keep")]
    back = node.connect(b.user, away.device, clean=False, broker=len(node.brokers) - 1)
    back.wait_body(f"u/{a.user}", "keep")
    back.rpc("user.get")
    assert "burn" not in back.bodies()


# -- bounds --

def test_what_is_done_to_others_is_counted_over_all_brokers(node):
    user = node.user()
    imctl = Imctl.of(node)
    imctl.ok("user", "quota", user, "groups", len(node.brokers))
    here = everywhere(node, user)
    for c in here:
        node.group(c)
    for c in here:
        denied(lambda c=c: node.group(c), -32008)
    shown = imctl.json("user", "quota", user)["quotas"][0]
    assert (shown["max"], shown["used"]) == (len(node.brokers),) * 2


def test_what_the_bridge_is_asked_for_is_paid_from_one_purse(node):
    """rate_cost is a user's, however many brokers the user asks through."""
    here = everywhere(node, node.user())
    node.reload_bridge(rate_cost=10)
    try:
        # Of what four seconds bring: a quarter at each broker would be twenty.
        for n in range(20):
            here[0].rpc("presence.get", uids=["user000"])
        for c in here:
            denied(lambda c=c: c.rpc("presence.get", uids=["user000"] * 20), -32008)
    finally:
        node.reload_bridge(rate_cost=None)


# -- the operator --

def test_imctl_works_at_every_broker(node):
    a, b = people(node, 2)
    shown = [Imctl.of(node, broker=i).json("user", "show", a.user)
             for i in range(len(node.brokers))]
    assert {(s["username"], s["created_ms"]) for s in shown} == {(a.user, shown[0]["created_ms"])}
    last = Imctl.of(node, broker=len(node.brokers) - 1)
    name = node.new_name("made")
    last.ok("user", "create", name, "--password", "secret word")
    for i in range(len(node.brokers)):
        assert node.client(name, password="secret word", broker=i).connect().connected
    gid = node.group(a, [b.user])
    last.ok("message", f"g/{gid}", "maintenance at ten")
    for c in (a, b):
        c.wait_for(lambda c=c: "maintenance" in str(c.bodies(f"g/{gid}")))
    stats = [Imctl.of(node, broker=i).json("stats") for i in range(len(node.brokers))]
    for s in stats:
        assert [x["linked"] for x in s["brokers"]] == [True] * len(node.brokers)
        assert len({x["broker"] for x in s["brokers"]}) == len(node.brokers)


def test_imctl_lists_the_devices_at_all_brokers(node):
    user = node.users(1)[0]
    devices = everywhere(node, user)
    want = sorted((c.device, i + 1) for i, c in enumerate(devices))
    for i in range(len(node.brokers)):
        listed = Imctl.of(node, broker=i).json("device", "list", user)["connections"]
        assert [(c["device"], c["broker"]) for c in listed] == want
        assert all(abs(c["since_ms"] / 1000 - time.time()) < 300 for c in listed)
    imctl = Imctl.of(node)
    some = imctl.json("device", "list", user, "--limit", "1")
    assert [c["device"] for c in some["connections"]] == [want[0][0]]
    devices[0].disconnect()
    until(lambda: devices[0].device not in str(imctl.json("device", "list", user)), "it has gone")
    assert imctl.ok("device", "list", user).splitlines()[0].split() == ["device", "since", "broker"]


def test_an_announcement_reaches_everybody_once(node, tmp_path):
    clients = people(node, 2 * len(node.brokers))
    late = node.user()
    names = tmp_path / "names"
    names.write_text("".join(f"{u}\n" for u in [*(c.user for c in clients), late]))
    Imctl.of(node, broker=len(node.brokers) - 1).ok(
        "announce", "we move on Friday", "--to", str(names), "--rate", "1000")
    for c in clients:
        c.wait_body("u/system", "we move on Friday")
    for c in [*clients, node.connect(late, broker=1)]:
        until(lambda c=c: c.rpc("conv.history", conv="u/system")["messages"], "the announcement")
        assert [m["body"] for m in c.sync_all()[0] if m["conv"] == "u/system"] == ["we move on Friday"]
        assert len(c.bodies("u/system")) == (c.user != late)
