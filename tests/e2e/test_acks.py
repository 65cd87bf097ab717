# SPDX-License-Identifier: BSD-3-Clause
"""Acks, and that an id is stored exactly once."""
import pytest

V = pytest.mark.parametrize("v5", [False, True], ids=["v311", "v5"])


@V
def test_an_id_is_acked_with_its_place(node, v5):
    alice, bob = node.users(2)
    a, b = node.connect(alice, v5=v5), node.connect(bob)
    ack = a.send(f"im/u/{bob}", {"id": "c-17", "body": "hi"})
    m = b.wait_message(f"u/{alice}")
    assert ack == {"id": "c-17", "conv": f"u/{bob}", "seq": m["seq"], "ts": m["ts"]}
    assert a.on("ack")[0].qos == 1


def test_a_message_without_id_has_no_ack(node):
    alice, bob = node.users(2)
    a = node.connect(alice)
    a.publish(f"im/u/{bob}", "no id")
    a.send(f"im/u/{bob}", {"id": "one", "body": "with id"})
    assert [x["id"] for x in a.acks()] == ["one"]


@V
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_a_repeat_is_acked_again_and_stored_once(node, v5, qos):
    alice, bob = node.users(2)
    a, b = node.connect(alice, v5=v5), node.connect(bob)
    envelope = {"id": "same", "body": {"n": 1}}
    for _ in range(3):
        a.publish(f"im/u/{bob}", envelope, qos=qos)
    a.wait_for(lambda: len(a.acks()) == 3)
    a.send(f"im/u/{bob}", {"id": "other", "body": 2})
    assert [x["seq"] for x in a.acks()] == [1, 1, 1, 2]
    assert len({x["ts"] for x in a.acks()[:3]}) == 1
    assert [m["id"] for m in a.history(f"u/{bob}")] == ["same", "other"]
    b.wait_message(f"u/{alice}", lambda m: m["id"] == "other")
    assert sorted({m["seq"] for m in b.got()}) == [1, 2]


def test_the_same_id_with_another_body_is_a_conflict(node):
    alice, bob = node.users(2)
    a = node.connect(alice)
    a.send(f"im/u/{bob}", {"id": "k", "body": "one"})
    a.publish(f"im/u/{bob}", {"id": "k", "body": "two"})
    a.wait_for(lambda: len(a.acks()) == 2)
    assert a.acks()[1]["id"] == "k" and a.acks()[1]["error"]["code"] == -32010
    assert [m["body"] for m in a.history(f"u/{bob}")] == ["one"]


def test_ids_belong_to_sender_and_conversation(node):
    alice, bob, carol = node.users(3)
    a, b = node.connect(alice), node.connect(bob)
    assert a.send(f"im/u/{bob}", {"id": "1", "body": "a to b"})["seq"] == 1
    assert a.send(f"im/u/{carol}", {"id": "1", "body": "a to c"})["seq"] == 1
    assert b.send(f"im/u/{alice}", {"id": "1", "body": "b to a"})["seq"] == 2


def test_a_repeat_from_another_device_is_the_same_message(node):
    alice, bob = node.users(2)
    phone, laptop = node.connect(alice), node.connect(alice)
    phone.send(f"im/u/{bob}", {"id": "x", "body": 1})
    laptop.publish(f"im/u/{bob}", {"id": "x", "body": 1})
    laptop.wait_for(lambda: len(laptop.acks()) == 2)
    assert [x["seq"] for x in laptop.acks()] == [1, 1]


def test_ids_are_known_after_a_restart_of_the_bridge(own_node):
    node = own_node()
    alice, bob = node.users(2)
    a = node.connect(alice)
    for n in range(20):
        a.send(f"im/u/{bob}", {"id": f"r{n}", "body": n})
    node.bridge.stop()
    node.start_bridge()
    a.publish(f"im/u/{bob}", {"id": "r0", "body": 0})
    a.publish(f"im/u/{bob}", {"id": "r19", "body": "changed"})
    a.wait_for(lambda: len(a.acks()) >= 22)
    assert a.acks()[-2]["seq"] == 1
    assert a.acks()[-1]["error"]["code"] == -32010
    assert len(a.history(f"u/{bob}")) == 20


def test_acks_come_for_every_message_of_a_burst(node):
    alice, bob = node.users(2)
    a = node.connect(alice)
    for n in range(300):
        a.post(f"im/u/{bob}", {"id": f"i{n}", "body": n})
    a.wait_for(lambda: len(a.acks()) == 300)
    assert {x["id"]: x["seq"] for x in a.acks()} == {f"i{n}": n + 1 for n in range(300)}


def test_a_refusal_without_id_says_null_and_the_conversation(node):
    a = node.connect(node.user())
    a.publish("im/g/no-such-group", "x")
    refusal = a.wait_for(lambda: a.acks())[0]
    assert refusal["id"] is None and refusal["conv"] == "g/no-such-group"
    assert refusal["error"]["code"] in (-32002, -32003)


def test_an_ack_is_nobody_elses_business(node):
    alice, bob = node.users(2)
    a, b = node.connect(alice), node.connect(bob)
    a.send(f"im/u/{bob}", {"id": "mine", "body": 1})
    b.wait_message(f"u/{alice}")
    b.send(f"im/u/{alice}", {"id": "yours", "body": 1})
    assert [x["id"] for x in b.acks()] == ["yours"]
