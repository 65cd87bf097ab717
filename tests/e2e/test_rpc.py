# SPDX-License-Identifier: BSD-3-Clause
"""How requests and replies travel."""
import json

import pytest

from lib import tools
from lib.client import RpcError

V = pytest.mark.parametrize("v5", [False, True], ids=["v311", "v5"])


def replies(client):
    return client.on(f"rpc/{client.device}")


def wait_reply(client, n=1):
    return client.wait_for(lambda: len(replies(client)) >= n and replies(client))[n - 1]


@V
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_a_method_as_topic_answers_on_the_devices_own_topic(node, v5, qos):
    c = node.connect(node.user(), v5=v5)
    c.publish("im/rpc/conv.list", "{}", qos=qos)
    m = wait_reply(c)
    assert m.json == {"jsonrpc": "2.0", "id": None, "result": {
        "cursor": m.json["result"]["cursor"], "conversations": [], "more": False}}
    assert m.qos == 1


@V
def test_an_empty_payload_means_no_parameters(node, v5):
    c = node.connect(node.user(), v5=v5)
    c.publish("im/rpc/user.get", "")
    assert wait_reply(c).json["result"]["uid"] == c.user


@V
def test_a_json_rpc_object_is_answered_with_its_id(node, v5):
    c = node.connect(node.user(), v5=v5)
    for n, ident in enumerate(["a string", 7, -1, 1.5, None, "ü\"\\"]):
        c.publish("im/rpc", {"jsonrpc": "2.0", "id": ident, "method": "conv.list", "params": {}})
        assert wait_reply(c, n + 1).json["id"] == ident


def test_only_the_asking_device_is_meant(node):
    user = node.user()
    one, two = node.connect(user), node.connect(user)
    one.publish("im/rpc/conv.list", "{}")
    wait_reply(one)
    two.publish("im/rpc/conv.list", "{}")
    wait_reply(two)
    assert len(replies(one)) == len(replies(two)) == 1


def test_an_mqtt5_reply_goes_to_the_response_topic_with_its_correlation(node):
    c = node.connect(node.user(), v5=True)
    topic = f"im/inbox/{c.user}/rpc/some/where"
    for correlation in (b"abc", b"\x00\xff", b"x" * 256):
        c.publish("im/rpc/conv.list", "{}", props={"ResponseTopic": topic,
                                                   "CorrelationData": correlation})
        m = c.wait_for(lambda k=correlation: [m for m in c.messages if m.correlation == k])[0]
        assert m.topic == topic and "result" in m.json
    assert replies(c) == []


def test_too_long_correlation_data_hurts_nobody(node):
    c = node.connect(node.user(), v5=True)
    c.publish("im/rpc/conv.list", "{}", props={
        "ResponseTopic": f"im/inbox/{c.user}/rpc/x", "CorrelationData": b"x" * 257})
    assert c.rpc("conv.list")["more"] is False and c.connected


def test_mosquitto_rr_asks_and_gets_the_answer(node):
    user = node.user()
    got = tools.rr(node, user, f"{user}-cli", "im/rpc/user.get", f"im/inbox/{user}/rpc/{user}-cli",
                   "{}")
    assert got["result"]["uid"] == user


@V
@pytest.mark.parametrize("payload, code", [
    (b"{", -32700), (b"not json", -32700), (b"\xff", -32700), (b'{"a":1}{', -32700),
    (b"[1]", -32602), (b"5", -32602), (b'"x"', -32602), (b"null", -32602),
    (b'{"colour":1}', -32602), (b'{"limit":1,"limit":2}', -32602), (b'{"limit":"1"}', -32602),
    (b'{"limit":99999999999999999999}', -32602), (b'{"next":"\\u0000"}', -32602),
    (b'{"next":"\\ud800"}', -32602), (b'{"limit":1e400}', -32602), (b'{"\\udfff":1}', -32602),
    (b'{"x":' * 10000 + b"1" + b"}" * 10000, -32700),
], ids=lambda v: repr(v)[:20])
def test_malformed_parameters_are_answered_with_an_error(node, v5, payload, code):
    c = node.connect(node.user(), v5=v5)
    c.publish("im/rpc/conv.list", payload)
    error = wait_reply(c).json["error"]
    assert error["code"] in (code, -32602 if code == -32700 and payload.startswith(b'{"x"')
                             else code)
    assert error["message"]
    assert c.rpc("conv.list")["more"] is False


@pytest.mark.parametrize("request_object, code", [
    ({}, -32600), ([], -32600), (5, -32600),
    ({"jsonrpc": "1.0", "id": 1, "method": "conv.list"}, -32600),
    ({"id": 1, "method": "conv.list"}, -32600), ({"jsonrpc": "2.0", "id": 1}, -32600),
    ({"jsonrpc": "2.0", "id": 1, "method": 5}, -32600),
    ({"jsonrpc": "2.0", "id": 1, "method": "no.such"}, -32601),
    ({"jsonrpc": "2.0", "id": 1, "method": ""}, -32601),
    ({"jsonrpc": "2.0", "id": 1, "method": "x" * 1000}, -32601),
    ({"jsonrpc": "2.0", "id": 1, "method": "conv.list", "params": []}, -32602),
    ({"jsonrpc": "2.0", "id": 1, "method": "conv.list", "params": {}, "extra": 1}, -32600),
    ({"jsonrpc": "2.0", "id": {}, "method": "conv.list"}, -32600),
    ({"jsonrpc": "2.0", "id": "x" * 500, "method": "conv.list"}, -32600),
], ids=lambda v: json.dumps(v)[:50])
def test_malformed_requests_are_answered_with_an_error(node, request_object, code):
    c = node.connect(node.user())
    c.publish("im/rpc", json.dumps(request_object))
    reply = wait_reply(c).json
    assert reply["error"]["code"] == code and "result" not in reply
    well_formed_id = isinstance(request_object, dict) and request_object.get("id") == 1
    assert reply["id"] == (1 if well_formed_id else None)


def test_an_unknown_method_as_topic_is_answered(node):
    c = node.connect(node.user())
    for method in ("no.such", "x", "conv", "conv.list.more"):
        c.publish(f"im/rpc/{method}", "{}")
    c.wait_for(lambda: len(replies(c)) == 4)
    assert {m.json["error"]["code"] for m in replies(c)} == {-32601}


def test_many_requests_at_once_are_all_answered(node):
    c = node.connect(node.user())
    for n in range(200):
        c.post("im/rpc", {"jsonrpc": "2.0", "id": n, "method": "conv.list"})
    c.wait_for(lambda: len(replies(c)) == 200)
    assert sorted(m.json["id"] for m in replies(c)) == list(range(200))


def test_a_read_sees_the_write_that_was_acked_before(node):
    """A reader thread has its own connection; it must not lag behind what the client knows."""
    alice, bob = node.users(2)
    a = node.connect(alice)
    for n in range(50):
        seq = a.send(f"im/u/{bob}", {"id": f"n{n}", "body": n})["seq"]
        page = a.rpc("conv.history", conv=f"u/{bob}", after=seq - 1)
        assert [m["body"] for m in page["messages"]] == [n]


def test_profiles_are_read_and_changed(node):
    alice, bob = node.users(2)
    a, b = node.connect(alice), node.connect(bob)
    a.rpc("user.update", nick="Alice 😀", avatar="https://example.org/a.png", ext={"k": [1]})
    seen = b.rpc("user.get", uid=alice)
    assert seen["nick"] == "Alice 😀" and seen["avatar"] == "https://example.org/a.png"
    assert seen["ext"] == {"k": [1]}
    assert "password" not in json.dumps(seen)
    with pytest.raises(RpcError) as e:
        b.rpc("user.get", uid="nobody-there")
    assert e.value.code == -32001


def test_blocking_stops_direct_messages_and_unblocking_lets_them_through(node):
    alice, bob = node.users(2)
    a, b = node.connect(alice, v5=True), node.connect(bob)
    b.rpc("block.add", uid=alice)
    b.rpc("block.add", uid=alice)
    assert [x["uid"] for x in b.rpc("block.list")["blocks"]] == [alice]
    assert a.publish(f"im/u/{bob}", {"id": "1", "body": "x"}) == 0x87
    assert a.wait_ack_of("1")["error"]["code"] == -32005
    # The other direction stays open.
    b.send(f"im/u/{alice}", {"id": "2", "body": "but I may"})
    a.wait_body(f"u/{bob}", "but I may")
    b.rpc("block.remove", uid=alice)
    assert a.send(f"im/u/{bob}", {"id": "3", "body": "friends again"})["seq"] == 2
