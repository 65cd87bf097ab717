# SPDX-License-Identifier: BSD-3-Clause
"""Reporting a message: who may, how often, what administrators see, and that it stays theirs."""
import pytest

from lib.admin import Refusal
from lib.client import RpcError
from lib.tools import Imctl


@pytest.fixture
def pair(node):
    alice, bob = node.users(2)
    return node.connect(alice), node.connect(bob)


def say(client, topic, msg_id, body):
    return client.send(topic, {"id": msg_id, "body": body})["seq"]


def refused(code, call):
    with pytest.raises(RpcError) as e:
        call()
    assert e.value.code == code, e.value


def reports(admin, **params):
    """All of them, page by page."""
    found = []
    while True:
        page = admin.command("listReports", **params)
        found += page["reports"]
        if not page["more"]:
            return found
        params["after"] = page["next"]


def mine(admin, reporter, **params):
    return [r for r in reports(admin, **params) if r["reporter"] == reporter.user]


def test_a_report_keeps_what_was_said(node, pair):
    a, b = pair
    admin = node.admin()
    seq = say(a, f"im/u/{b.user}", "1", "you are a fool")
    b.wait_body(f"u/{a.user}", "you are a fool")
    assert b.rpc("msg.report", conv=f"u/{a.user}", seq=seq, reason="insult")["changed"]
    a.rpc("msg.recall", conv=f"u/{b.user}", seq=seq)
    # Again, though it is recalled by now: the same report, its first reason.
    assert not b.rpc("msg.report", conv=f"u/{a.user}", seq=seq, reason="again")["changed"]
    (one, ) = mine(admin, b)
    assert one.pop("created_ms") >= one.pop("sent_ms") > 0
    number = one.pop("id")
    assert one == {"reporter": b.user, "reason": "insult", "conv": f"u/{a.user}", "seq": seq,
                   "sender": a.user, "type": "text", "body": "you are a fool"}
    # Nobody in the conversation learns of it.
    a.rpc("user.get")
    assert {e["event"] for e in a.events()} <= {"hello"}

    assert admin.command("closeReport", id=number, note="warned")["changed"]
    assert not admin.command("closeReport", id=number, note="other")["changed"]
    assert mine(admin, b) == []
    (one, ) = mine(admin, b, closed=True)
    assert (one["closed_by"], one["note"]) == ("admin", "warned") and one["closed_ms"] > 0
    assert not b.rpc("msg.report", conv=f"u/{a.user}", seq=seq, reason="again")["changed"]
    with pytest.raises(Refusal):
        admin.command("closeReport", id=10 ** 12)


def test_only_who_sees_a_message_reports_it_and_not_its_sender(node, pair):
    a, b = pair
    stranger = node.connect(node.user())
    gid = node.group(a, [b.user], join="open")
    seq = say(a, f"im/g/{gid}", "1", "x")
    report = dict(conv=f"g/{gid}", seq=seq, reason="spam")
    refused(-32003, lambda: stranger.rpc("msg.report", **report))
    refused(-32012, lambda: a.rpc("msg.report", **report))
    refused(-32014, lambda: b.rpc("msg.report", **{**report, "seq": 99}))
    refused(-32012, lambda: b.rpc("msg.report", **{**report, "seq": 1}))  # a system message
    refused(-32602, lambda: b.rpc("msg.report", **{**report, "reason": ""}))
    refused(-32602, lambda: b.rpc("msg.report", **{**report, "reason": "x" * 1025}))
    assert b.rpc("msg.report", **report)["changed"]
    a.rpc("msg.recall", conv=f"g/{gid}", seq=seq)
    other = say(a, f"im/g/{gid}", "2", "y")
    a.rpc("msg.recall", conv=f"g/{gid}", seq=other)
    refused(-32014, lambda: b.rpc("msg.report", **{**report, "seq": other}))


def test_reports_are_bounded_in_number_and_size(node, pair):
    a, b = pair
    admin = node.admin()
    long = "é" * 10000
    seqs = [say(a, f"im/u/{b.user}", f"m{n}", long if n == 0 else {"n": n}) for n in range(21)]
    for seq in seqs[:20]:
        assert b.rpc("msg.report", conv=f"u/{a.user}", seq=seq, reason="flood")["changed"]
    refused(-32008, lambda: b.rpc("msg.report", conv=f"u/{a.user}", seq=seqs[20], reason="x"))
    assert not b.rpc("msg.report", conv=f"u/{a.user}", seq=seqs[0], reason="x")["changed"]
    found = mine(admin, b, limit=7)
    assert [r["seq"] for r in found] == seqs[:20]
    assert found[0]["cut"] and found[0]["body"] == long[:8192]
    assert (found[1]["enc"], found[1]["body"]) == ("json", '{"n": 1}')


def test_imctl_lists_and_closes_reports(node, pair):
    a, b = pair
    imctl = Imctl.of(node)
    seq = say(a, f"im/u/{b.user}", "1", "buy this")
    b.rpc("msg.report", conv=f"u/{a.user}", seq=seq, reason="spam")
    (row, ) = [r for r in imctl.json("report", "list")["reports"] if r["reporter"] == b.user]
    shown = imctl.ok("report", "list")
    assert "buy this" in shown and "spam" in shown
    imctl.ok("report", "close", row["id"], "--note", "blocked the sender")
    assert row["id"] not in [r["id"] for r in imctl.json("report", "list")["reports"]]
    closed = imctl.json("report", "list", "--closed")["reports"]
    assert next(r for r in closed if r["id"] == row["id"])["note"] == "blocked the sender"
    assert imctl.run("report", "close", "999999999").returncode == 1
