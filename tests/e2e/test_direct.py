# SPDX-License-Identifier: BSD-3-Clause
"""A message from one user to another: delivery, numbering, the sender's other devices."""
import time

import pytest

V = pytest.mark.parametrize("v5", [False, True], ids=["v311", "v5"])
QOS = pytest.mark.parametrize("qos", [0, 1, 2])


@V
@QOS
def test_a_message_reaches_the_peer(node, v5, qos):
    alice, bob = node.users(2)
    a, b = node.connect(alice, v5=v5), node.connect(bob, v5=v5)
    before = time.time() * 1000
    assert a.publish(f"im/u/{bob}", "hello", qos=qos) == 0
    m = b.wait_message(f"u/{alice}")
    assert m["conv"] == f"u/{alice}" and m["from"] == alice and m["seq"] == 1
    assert m["body"] == "hello" and m["type"] == "text"
    assert before - 1000 <= m["ts"] <= time.time() * 1000 + 1000
    assert isinstance(m["cursor"], str) and "id" not in m
    raw = b.on(f"u/{alice}")[0]
    assert raw.qos == 1 and not raw.retain


@V
def test_an_mqtt5_receiver_gets_the_facts_as_properties(node, v5):
    alice, bob = node.users(2)
    a, b = node.connect(alice, v5=v5), node.connect(bob, v5=True)
    a.send(f"im/u/{bob}", {"id": "m-1", "body": "x"})
    b.wait_message(f"u/{alice}")
    got = b.on(f"u/{alice}")[0]
    assert got.user_properties["conv"] == f"u/{alice}"
    assert got.user_properties["seq"] == "1"
    assert got.user_properties["from"] == alice
    assert got.user_properties["id"] == "m-1"
    assert got.content_type == "application/json"


def test_seq_counts_both_directions_without_holes(node):
    alice, bob = node.users(2)
    a, b = node.connect(alice), node.connect(bob, v5=True)
    for n in range(10):
        sender, peer = (a, bob) if n % 3 else (b, alice)
        sender.send(f"im/u/{peer}", {"id": f"n{n}", "body": n})
    b.wait_for(lambda: len(b.got()) == 6)
    a.wait_for(lambda: len(a.got()) == 4)
    # A device does not get what it sent itself: its ack tells the seq.
    seen = sorted([(m["seq"], m["body"]) for m in a.got() + b.got()])
    assert seen == [(n + 1, n) for n in range(10)]
    assert [x["seq"] for x in b.acks()] == [1, 4, 7, 10]


def test_conversations_are_numbered_apart(node):
    alice, bob, carol = node.users(3)
    a, b, c = (node.connect(u) for u in (alice, bob, carol))
    for n in range(3):
        a.send(f"im/u/{bob}", {"id": f"b{n}", "body": n})
        a.send(f"im/u/{carol}", {"id": f"c{n}", "body": n})
    b.wait_for(lambda: len(b.got()) == 3)
    c.wait_for(lambda: len(c.got()) == 3)
    assert [m["seq"] for m in b.got()] == [m["seq"] for m in c.got()] == [1, 2, 3]


def test_a_burst_arrives_in_order(node):
    alice, bob = node.users(2)
    a, b = node.connect(alice), node.connect(bob)
    for n in range(500):
        a.post(f"im/u/{bob}", str(n), qos=1)
    b.wait_for(lambda: len(b.on(f"u/{alice}")) == 500)
    assert [(m["seq"], m["body"]) for m in b.got()] == [(n + 1, n) for n in range(500)]


@V
def test_the_senders_other_devices_get_it_too(node, v5):
    alice, bob = node.users(2)
    phone, laptop = node.connect(alice, v5=v5), node.connect(alice, v5=not v5)
    b = node.connect(bob)
    phone.send(f"im/u/{bob}", {"id": "own-1", "body": "hi"})
    seen = laptop.wait_message(f"u/{bob}")
    assert seen["conv"] == f"u/{bob}" and seen["from"] == alice
    peer = b.wait_message(f"u/{alice}")
    assert {k: v for k, v in seen.items() if k != "conv"} == \
        {k: v for k, v in peer.items() if k != "conv"}
    # The ack belongs to the user: both devices learn that it is stored.
    assert laptop.wait_ack_of("own-1")["seq"] == 1


def test_several_devices_of_the_peer_get_it(node):
    alice, bob = node.users(2)
    a = node.connect(alice)
    devices = [node.connect(bob, v5=v5) for v5 in (False, True, False)]
    a.publish(f"im/u/{bob}", "all of you")
    payloads = {d.wait_for(lambda d=d: d.on(f"u/{alice}"))[0].payload for d in devices}
    assert len(payloads) == 1


def test_notes_to_oneself_are_a_conversation(node):
    alice = node.user()
    a, other = node.connect(alice), node.connect(alice)
    assert a.send(f"im/u/{alice}", {"id": "note", "body": "milk"})["seq"] == 1
    assert other.wait_message(f"u/{alice}")["from"] == alice
    a.send(f"im/u/{alice}", {"id": "note2", "body": "eggs"})
    other.wait_body(f"u/{alice}", "eggs")
    assert [m["seq"] for m in other.got()] == [1, 2]  # once each, not once as each side


def test_both_sides_read_the_same_history(node):
    alice, bob = node.users(2)
    a, b = node.connect(alice), node.connect(bob)
    a.send(f"im/u/{bob}", {"id": "1", "body": "ping"})
    b.send(f"im/u/{alice}", {"id": "1", "body": "pong"})
    strip = [{k: v for k, v in m.items() if k != "conv"} for m in a.history(f"u/{bob}")]
    assert strip == [{k: v for k, v in m.items() if k != "conv"}
                     for m in b.history(f"u/{alice}")]
    assert [m["body"] for m in strip] == ["ping", "pong"]


def test_a_forged_sender_in_the_payload_is_refused_and_never_shown(node):
    alice, bob, carol = node.users(3)
    a, b = node.connect(alice, v5=True), node.connect(bob)
    a.publish(f"im/u/{bob}", {"id": "f", "from": carol, "body": "it is me, carol"})
    refusal = a.wait_ack_of("f")
    assert refusal["error"]["code"] == -32602 and "from" in refusal["error"]["message"]
    # Without `body` it is no envelope: the object is the body, and `from` is the real sender.
    a.publish(f"im/u/{bob}", {"from": carol, "conv": f"u/{carol}", "seq": 99})
    m = b.wait_message(f"u/{alice}")
    assert m["from"] == alice and m["seq"] == 1 and m["body"]["from"] == carol
    # Nor by a user property.
    a.publish(f"im/u/{bob}", "third", props={"UserProperty": [("from", carol), ("seq", "7")]})
    assert b.wait_body(f"u/{alice}", "third")["from"] == alice


@V
def test_sending_to_nobody_is_refused(node, v5):
    a = node.connect(node.user(), v5=v5)
    code = a.publish("im/u/no-such-user", {"id": "x", "body": 1})
    assert code == (0x87 if v5 else 0)
    refusal = a.wait_ack_of("x")
    assert refusal["error"]["code"] == -32001 and refusal["conv"] == "u/no-such-user"
