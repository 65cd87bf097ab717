# SPDX-License-Identifier: BSD-3-Clause
"""Signals: to who is online, never stored, never numbered."""
import json

import pytest

V = pytest.mark.parametrize("v5", [False, True], ids=["v311", "v5"])


@V
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_a_signal_reaches_who_is_online(node, v5, qos):
    alice, bob = node.users(2)
    a, b = node.connect(alice, v5=v5), node.connect(bob, v5=v5)
    assert a.publish(f"im/s/u/{bob}", {"typing": True}, qos=qos) == 0
    m = b.wait_for(lambda: b.on(f"signal/{alice}"))[0]
    body = m.json
    assert body["from"] == alice and body["body"] == {"typing": True}
    assert "seq" not in body and not m.retain


def test_a_signal_is_not_stored(node):
    alice, bob = node.users(2)
    a, b = node.connect(alice), node.connect(bob)
    a.publish(f"im/s/u/{bob}", "now")
    b.wait_for(lambda: b.on(f"signal/{alice}"))
    assert a.send(f"im/u/{bob}", {"id": "1", "body": "stored"})["seq"] == 1
    assert [m["body"] for m in b.history(f"u/{alice}")] == ["stored"]
    assert [m["body"] for m in b.sync_all()[0]] == ["stored"]


@V
def test_a_signal_does_not_wait_for_who_is_offline(node, v5):
    alice, bob = node.users(2)
    a = node.connect(alice)
    b = node.connect(bob, v5=v5, clean=False, session_expiry=300 if v5 else None)
    b.disconnect()
    a.publish(f"im/s/u/{bob}", "missed")
    a.send(f"im/u/{bob}", {"id": "1", "body": "kept"})
    b.connect()
    assert b.session_present
    a.publish(f"im/s/u/{bob}", "heard")
    b.wait_body(f"u/{alice}", "kept")
    b.wait_for(lambda: any(m.json["body"] == "heard" for m in b.on(f"signal/{alice}")))
    assert [m.json["body"] for m in b.on(f"signal/{alice}")] == ["heard"]


def test_a_group_signal_reaches_the_members_but_not_strangers(node):
    users = node.users(4)
    a, b, c, stranger = (node.connect(u, v5=True) for u in users)
    gid = node.group(a, users[1:3])
    assert a.publish(f"im/s/g/{gid}", {"typing": True}) == 0
    for client in (b, c):
        m = client.wait_for(lambda client=client: client.on(f"signal/{users[0]}"))[0]
        assert m.json["conv"] == f"g/{gid}"
    assert stranger.publish(f"im/s/g/{gid}", "x") == 0x87
    head = a.send(f"im/g/{gid}", {"id": "1", "body": "x"})["seq"]
    assert head == 2  # the creation, then this


def test_a_blocked_sender_cannot_signal(node):
    alice, bob = node.users(2)
    a, b = node.connect(alice, v5=True), node.connect(bob)
    b.rpc("block.add", uid=alice)
    assert a.publish(f"im/s/u/{bob}", "x") == 0x87


def test_a_signal_to_nobody_is_refused(node):
    a = node.connect(node.user(), v5=True)
    assert a.publish("im/s/u/nobody-there", "x") == 0x87
    assert a.publish("im/s/g/no-group", "x") == 0x87


@pytest.mark.parametrize("payload", [b"", b"\xff\x00", b"text", b'{"a":[1]}', b"x" * 60000])
def test_a_signal_carries_any_payload(node, payload):
    alice, bob = node.users(2)
    a, b = node.connect(alice), node.connect(bob)
    a.publish(f"im/s/u/{bob}", payload)
    body = b.wait_for(lambda: b.on(f"signal/{alice}"))[0].json
    if payload == b"\xff\x00":
        assert body["enc"] == "base64"
    elif payload.startswith(b"{"):
        assert body["body"] == json.loads(payload)
    else:
        assert body["body"] == payload.decode()
