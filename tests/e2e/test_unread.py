# SPDX-License-Identifier: BSD-3-Clause
"""What the list of conversations says of each: how much of it is unread, what it shows, and where it
stands."""
import contextlib
import sqlite3

import pytest

from lib.node import until

DAY_MS = 86400 * 1000


@pytest.fixture
def pair(node):
    alice, bob = node.users(2)
    return node.connect(alice), node.connect(bob)


def unread(client, conv):
    return client.listed(conv)["unread"]


def last(client, conv):
    shown = client.listed(conv).get("last")
    return shown and (shown["seq"], shown["type"])


def names(client, **params):
    return [x["conv"] for x in client.rpc("conv.list", **params)["conversations"]]


def talk(client, conv, n, start=0):
    for i in range(start, start + n):
        client.send(f"im/{conv}", {"id": f"t{i}", "body": f"m{i}"})


# -- unread --

def test_unread_counts_down_by_reading_and_by_answering(pair):
    a, b = pair
    with_a, with_b = f"u/{a.user}", f"u/{b.user}"
    talk(a, with_b, 5)
    assert unread(b, with_a) == 5 and unread(a, with_b) == 0
    assert b.rpc("conv.read", conv=with_a, seq=2)["seq"] == 2
    assert unread(b, with_a) == 3
    b.send(f"im/{with_a}", {"id": "answer", "body": "ok"})
    assert unread(b, with_a) == 0 and unread(a, with_b) == 1
    assert b.listed(with_a)["read"] == 2
    b.rpc("conv.read", conv=with_a, seq=10 ** 9)
    assert unread(b, with_a) == 0


def test_a_reaction_of_ones_own_reads_nothing(pair):
    a, b = pair
    with_a, with_b = f"u/{a.user}", f"u/{b.user}"
    talk(a, with_b, 4)
    b.rpc("msg.react", conv=with_a, seq=2, emoji="+1")
    assert unread(b, with_a) == 4 and b.listed(with_a)["read"] == 0
    assert unread(a, with_b) == 0
    b.send(f"im/{with_a}", {"id": "own", "body": "mine"})
    talk(a, with_b, 2, 4)
    seq = b.listed(with_a)["head"] - 2
    b.rpc("msg.edit", conv=with_a, seq=seq, body="changed")
    b.rpc("msg.recall", conv=with_a, seq=seq)
    assert unread(b, with_a) == 2  # it was sent and was an answer, whatever became of it
    assert unread(a, with_b) == 0


def test_only_what_is_there_to_be_read_counts(pair):
    a, b = pair
    with_a, with_b = f"u/{a.user}", f"u/{b.user}"
    talk(a, with_b, 3)
    a.rpc("msg.edit", conv=with_b, seq=1, body="changed")
    a.rpc("msg.react", conv=with_b, seq=2, emoji="+1")
    assert unread(b, with_a) == 3
    a.rpc("msg.recall", conv=with_b, seq=1)
    assert unread(b, with_a) == 2
    assert a.rpc("msg.recall", conv=with_b, seq=1)["changed"] is False
    assert unread(b, with_a) == 2
    # A mark between: what was recalled before it has gone from what was read.
    b.rpc("conv.read", conv=with_a, seq=2)
    assert unread(b, with_a) == 1
    a.rpc("msg.recall", conv=with_b, seq=3)
    assert unread(b, with_a) == 0


def test_a_group_s_news_are_shown_and_not_counted(node):
    owner, late = node.users(2)
    o, n = node.connect(owner), node.connect(late)
    gid = node.group(o)
    conv = f"g/{gid}"
    talk(o, conv, 3)
    o.invite(gid, late)
    assert unread(n, conv) == 0 and last(n, conv) == (5, "system")
    talk(o, conv, 1, 3)
    o.rpc("group.update", gid=gid, announcement="Friday")
    assert unread(n, conv) == 1 and last(n, conv) == (7, "system")
    n.rpc("group.leave", gid=gid)
    talk(o, conv, 2, 4)
    o.invite(gid, late)
    talk(o, conv, 1, 6)
    assert unread(n, conv) == 1


def test_forwards_and_wills_are_messages(node, pair):
    a, b = pair
    with_a, with_b = f"u/{a.user}", f"u/{b.user}"
    talk(a, with_b, 2)
    assert b.rpc("msg.forward", from_conv=with_a, seqs=[1, 2], to_conv=with_a)["seqs"] == [3, 4]
    assert unread(b, with_a) == 0 and unread(a, with_b) == 2
    a.rpc("conv.read", conv=with_b, seq=4)
    dying = node.client(a.user, will=dict(topic=f"im/{with_b}", payload=b"gone", qos=1)).connect()
    dying.abort()
    assert b.wait_body(with_a, "gone")["seq"] == 5
    assert unread(b, with_a) == 1 and last(b, with_a) == (5, "text")


def test_an_expired_message_is_unread_until_it_is_read(pair):
    a, b = pair
    with_a = f"u/{a.user}"
    a.send(f"im/u/{b.user}", {"id": "short", "body": "x", "ttl": 1})
    until(lambda: last(b, with_a) == (1, "expired"), "the end of the ttl")
    assert unread(b, with_a) == 1
    b.rpc("conv.read", conv=with_a, seq=1)
    assert unread(b, with_a) == 0


def test_an_answer_of_long_ago_is_remembered(node):
    """Farther back than anybody looks through a conversation."""
    alice, bob = node.users(2)
    a, b = node.connect(alice), node.connect(bob)
    with_a = f"u/{alice}"
    talk(a, f"u/{bob}", 3)
    b.send(f"im/{with_a}", {"id": "answer", "body": "ok"})
    for i in range(1500):
        a.post(f"im/u/{bob}", {"id": f"n{i}", "body": i})
    a.wait_ack_of("n1499")
    assert unread(b, with_a) == 1500
    b.rpc("conv.read", conv=with_a, seq=2)
    assert unread(b, with_a) == 1500


def test_what_retention_takes_is_not_unread_any_more(own_node):
    node = own_node(users=2)
    alice, bob = node.users(2)
    a, b = node.connect(alice), node.connect(bob)
    with_a, with_b = f"u/{alice}", f"u/{bob}"
    talk(a, with_b, 6)
    b.rpc("conv.read", conv=with_a, seq=2)
    b.rpc("msg.react", conv=with_a, seq=6, emoji="+1")
    assert unread(b, with_a) == 4
    node.stop()
    with contextlib.closing(sqlite3.connect(node.data / "messages.db")) as db:
        db.execute("UPDATE message SET ts = ts - ? WHERE seq <= 4", (3 * DAY_MS,))
        db.commit()
    node.bridge_options["retention_days"] = 1
    node.write_bridge_conf()
    node.start()
    b = node.connect(bob, device=b.device)
    until(lambda: b.history(with_a)[0]["seq"] == 5, "the end of retention")
    assert unread(b, with_a) == 2 and last(b, with_a) == (6, "text")
    assert unread(node.connect(alice), with_b) == 0


# -- what is shown, and the order --

def test_what_is_shown_is_no_operation(pair):
    a, b = pair
    with_a, with_b = f"u/{a.user}", f"u/{b.user}"
    talk(a, with_b, 2)
    b.rpc("msg.react", conv=with_a, seq=1, emoji="+1")
    a.rpc("msg.edit", conv=with_b, seq=2, body="as it is now")
    for client, conv in ((a, with_b), (b, with_a)):
        shown = client.listed(conv)
        assert (shown["head"], shown["last"]["seq"]) == (4, 2)
        assert shown["last"]["body"] == "as it is now" and shown["last"]["edited"]["count"] == 1
    a.rpc("msg.recall", conv=with_b, seq=2)
    assert last(b, with_a) == (2, "recalled")
    b.rpc("conv.update", conv=with_a, cleared_to=5)
    assert last(b, with_a) is None and last(a, with_b) == (2, "recalled")
    talk(a, with_b, 1, 2)
    assert last(b, with_a) == (6, "text")


def test_only_what_is_shown_moves_a_conversation(node):
    me, *peers = node.users(4)
    m = node.connect(me)
    clients = [node.connect(p) for p in peers]
    for client in clients:
        talk(client, f"u/{me}", 1)
    order = [f"u/{p}" for p in reversed(peers)]
    assert names(m) == order
    first = clients[0]
    m.rpc("msg.react", conv=f"u/{first.user}", seq=1, emoji="+1")
    first.rpc("msg.edit", conv=f"u/{me}", seq=1, body="changed")
    first.rpc("msg.recall", conv=f"u/{me}", seq=1)
    assert names(m) == order
    talk(first, f"u/{me}", 1, 1)
    assert names(m) == [f"u/{first.user}", *order[:-1]]


def test_pages_stay_while_people_react(node):
    me, *peers = node.users(10)
    m = node.connect(me)
    for peer in peers:
        m.send(f"im/u/{peer}", {"id": peer, "body": "hi"})
    seen, more = [], {}
    for emoji in "abcde":
        page = m.rpc("conv.list", limit=2, **more)
        seen += [x["conv"] for x in page["conversations"]]
        for peer in peers:
            m.rpc("msg.react", conv=f"u/{peer}", seq=1, emoji=emoji)
        more = {"next": page["next"]} if page["more"] else None
    assert seen == [f"u/{p}" for p in reversed(peers)] and more is None
