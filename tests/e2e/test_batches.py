# SPDX-License-Identifier: BSD-3-Clause
"""Several reading requests in one array."""
import json

import pytest

V = pytest.mark.parametrize("v5", [False, True], ids=["v311", "v5"])
MOST = 50


def codes(replies):
    return [r.get("error", {}).get("code") for r in replies]


@V
def test_fifty_profiles_are_one_request_and_one_answer(node, v5):
    a, b = (node.connect(u, v5=v5) for u in node.users(2))
    replies = a.rpc_batch(*[("user.get", {"uid": u}) for u in (a.user, b.user) * 25])
    assert [r["result"]["uid"] for r in replies] == [a.user, b.user] * 25
    (m, ) = a.answers()
    assert m.json == replies


@V
def test_each_error_stands_in_its_place_and_nothing_is_written(node, v5):
    a, b = (node.connect(u, v5=v5) for u in node.users(2))
    a.send(f"im/u/{b.user}", {"id": "1", "body": "hi"})
    replies = b.rpc_batch(
        ("user.get", {"uid": a.user}), ("user.get", {"uid": "nobody-at-all"}),
        ("conv.read", {"conv": f"u/{a.user}", "seq": 1}), ("no.such", {}),
        ("conv.list", {"limit": 0}), ("conv.history", {"conv": f"u/{a.user}"}),
        ("sync", {"cursor": ""}), ("device.list", {}), ("group.create", {"gid": "batched"}))
    assert codes(replies) == [None, -32001, -32012, -32601, -32602, None, None, None, -32012]
    assert replies[2]["error"]["message"] == (
        "not allowed: conv.read is no reading method; send it alone, not in an array")
    assert [m["body"] for m in replies[5]["result"]["messages"]] == ["hi"]
    assert [(d["device"], d["state"]) for d in replies[7]["result"]["devices"]] == [
        (b.device, "online")]
    (item, ) = b.rpc("conv.list")["conversations"]
    assert item["unread"] == 1
    assert b.rpc_raw("group.get", {"gid": "batched"})["error"]["code"] == -32002


@V
def test_what_is_no_batch_is_one_error(node, v5):
    a = node.connect(node.user(), v5=v5)
    one = {"jsonrpc": "2.0", "id": 1, "method": "user.get"}
    for payload, code in ([], -32600), ([one] * (MOST + 1), -32600), (b"[{]", -32700), (
            [one, {**one, "method": "session.token", "params": {"token": "x"}}], -32600):
        have = len(a.answers())
        a.publish("im/rpc", payload)
        a.wait_for(lambda h=have: len(a.answers()) > h, what="a reply")
        (reply, ) = [m.json for m in a.answers()[have:]]
        assert (reply["id"], reply["error"]["code"]) == (None, code), payload


def test_what_does_not_fit_one_answer_is_asked_for_alone(node):
    a, b = (node.connect(u) for u in node.users(2))
    for i in range(4):
        a.send(f"im/u/{b.user}", {"id": f"{i}", "body": "x" * 9000})
    asked = [("conv.history", {"conv": f"u/{b.user}"}), ("user.get", {})] * 3
    replies = a.rpc_batch(*asked)
    assert codes(replies) == [None, None, -32007, None, -32007, None]
    assert replies[2]["error"]["message"].endswith("ask for it alone")
    assert all(len(m.payload) < 63 * 1024 for m in a.answers())
    assert len(a.rpc(asked[2][0], **asked[2][1])["messages"]) == 4


def test_the_answer_goes_to_the_response_topic_with_its_correlation(node):
    a = node.connect(node.user(), v5=True)
    a.publish("im/rpc", [{"jsonrpc": "2.0", "id": 1, "method": "user.get"},
                         {"jsonrpc": "2.0", "method": "user.get"}],
              props={"ResponseTopic": f"im/inbox/{a.user}/mine", "CorrelationData": b"\x00c"})
    a.wait_for(lambda: a.on("mine"), what="the answer")
    (m, ) = a.on("mine")
    assert m.correlation == b"\x00c"
    # One without an id is no notification here: it is answered with null.
    assert [(r["id"], r["result"]["uid"]) for r in m.json] == [(1, a.user), (None, a.user)]


@V
def test_each_counts_as_a_message(own_node, v5):
    node = own_node(options={"rate_messages": 30})
    a = node.connect(node.user(), v5=v5)

    def counted():
        return node.admin().command("getStats")["bridge"]["requests"]
    before = counted()
    replies = [a.rpc_batch(*[("user.get", {})] * MOST) for _ in range(4)]
    done = [r for r in replies if isinstance(r, list)]
    assert 1 <= len(done) <= 3
    assert all(codes(r) == [None] * MOST for r in done)
    refused = [r for r in replies if isinstance(r, dict)]
    assert {r["error"]["code"] for r in refused} == {-32008}
    # Nothing of what was refused was looked at.
    assert counted() - before == len(done) * MOST


def test_each_pays_for_itself(own_node):
    node = own_node(bridge={"rate_cost": 100})  # 400 units at once
    a = node.connect(node.user())
    replies = a.rpc_batch(*[("group.list", {"limit": 100})] * 6, ("user.get", {}))
    assert codes(replies)[:4] == [None] * 4 and codes(replies)[6] is None
    assert codes(replies)[5] == -32008
    assert replies[5]["error"]["data"]["retry_ms"] > 0


def test_a_batch_is_answered_by_the_next_bridge(own_node):
    """It was accepted, and its answer is as safe as that of a single request."""
    node = own_node()
    a, b = (node.connect(u) for u in node.users(2))
    a.send(f"im/u/{b.user}", {"id": "1", "body": "hi"})
    node.kill_bridge()
    a.post("im/rpc", [{"jsonrpc": "2.0", "id": n, "method": "conv.history",
                       "params": {"conv": f"u/{b.user}"}} for n in range(3)])
    node.start_bridge()
    (m, ) = a.wait_for(a.answers, what="the answer")
    assert [(r["id"], len(r["result"]["messages"])) for r in m.json] == [(0, 1), (1, 1), (2, 1)]


def test_whoever_asks_in_batches_holds_up_nobody(own_node):
    """Fifty in one array are served as fifty are: a turn each, and others between them."""
    node = own_node(options={"rate_messages": 0, "rate_bytes": 0}, bridge={"rate_cost": 0})
    attacker, other = (node.connect(u) for u in node.users(2))
    for n in range(200):
        attacker.post(f"im/u/{other.user}", {"id": f"m{n}", "body": "x" * 50})
    attacker.wait_ack_of("m199")
    array = json.dumps([{"jsonrpc": "2.0", "id": 1, "method": "conv.history",
                         "params": {"conv": f"u/{other.user}", "limit": 200}}] * MOST)
    sent = 0
    for _ in range(5):
        for _ in range(40):
            attacker.post("im/rpc", array.encode(), qos=0)
            sent += 1
        assert other.rpc("user.get")["uid"] == other.user
    attacker.wait_for(lambda: len(attacker.answers()) == sent, 60,
                      what="an answer to each batch")
    got = [m.json for m in attacker.answers()]
    assert {r["error"]["code"] for r in got if isinstance(r, dict)} <= {-32009}
    assert all(len(r) == MOST for r in got if isinstance(r, list))
    assert any(isinstance(r, list) for r in got)
