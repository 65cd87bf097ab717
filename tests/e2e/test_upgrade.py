# SPDX-License-Identifier: BSD-3-Clause
"""A node started on what an earlier version stored: everything is there, and it goes on."""
import contextlib
import sqlite3

import pytest

from lib import past
from lib.node import Node, until
from lib.proc import wait_until


@contextlib.contextmanager
def of_version(version, more=lambda data: None):
    """A node whose data is of that version, started in the order that docs/OPERATIONS.md gives.
    more: what is stored besides."""
    node = Node(users=3)
    try:
        past.load(version, node.data)
        more(node.data)
        node.write_broker_conf()
        node.write_bridge_conf()
        node.bridge.start()
        node.bridge.wait_text("info started")
        node.start_broker()
        yield node
    finally:
        node.close()


@pytest.fixture(params=past.versions())
def upgraded(request):
    with of_version(request.param) as node:
        yield node, past.answers(request.param)


# What was told once and is not any more: the node's own number of a member.
GIVEN_UP = {"user"}


def within(was, now):
    """Whether `now` says all that `was` said; a newer version may say more."""
    if isinstance(was, dict):
        return isinstance(now, dict) and all(k in now and within(v, now[k])
                                             for k, v in was.items() if k not in GIVEN_UP)
    if isinstance(was, list):
        return isinstance(now, list) and len(was) == len(now) and all(map(within, was, now))
    return was == now


# What is counted and shown anew, by the rules of now.
COUNTED = {"unread", "last"}


def conversations(answers, user):
    return by_conv(answers[f"{user} conv.list {{}}"])


def by_conv(result):
    return {x["conv"]: x for x in result["conversations"]}


def kind(message):
    """What a message is: sent by a user, of the system, or an operation on another."""
    if message["type"] in ("edit", "react", "recall"):
        return "operation"
    # An edit is taken away with its message, and nobody has recalled it by itself.
    if message["type"] == "recalled" and "recalled_by" not in message:
        return "operation"
    return "system" if message["type"] == "system" else "sent"


def brings(message, user):
    body = message["body"]
    return body["action"] in ("create", "join", "invite") and \
        user in [m["uid"] for m in body["members"]]


def expected(answers, user, conv, read):
    """(unread, seq of what is shown) by the messages that the user can see."""
    unread = shown = 0
    for message in answers[f'{user} conv.history {{"conv": "{conv}"}}']["messages"]:
        what = kind(message)
        if what != "operation":
            shown = message["seq"]
        if message["seq"] <= read or (what == "sent" and message["from"] == user) or \
                (what == "system" and brings(message, user)):
            unread = 0
        elif what == "sent" and message["type"] != "recalled":
            unread += 1
    return unread, shown


def newest(database):
    return max(int(path.name.split("_")[0])
               for path in (past.FOLDER.parents[2] / "schema/sqlite" / database).glob("*.sql"))


def test_what_an_earlier_version_stored_is_told_as_it_told_it(upgraded):
    node, told = upgraded
    clients = [node.connect(user, device=f"{user}-phone") for user in node.users(3)]
    now = past.ask(clients)
    wrong = {key: (was, now.get(key)) for key, was in told.items()
             if "conv.list" not in key and not within(was, now.get(key))}
    assert told and wrong == {}
    for client in clients:
        was, is_now = (conversations(answers, client.user) for answers in (told, now))
        assert was.keys() == is_now.keys() != set()
        for conv, entry in was.items():
            kept = {k: v for k, v in entry.items() if k not in COUNTED}
            assert within(kept, is_now[conv]), conv
    for database in past.DATABASES:
        assert node.sql(database, "PRAGMA user_version") == [(newest(database),)]
        assert node.sql(database, "PRAGMA integrity_check") == [("ok",)]


def test_what_an_earlier_version_stored_is_counted_by_message(upgraded):
    node, told = upgraded
    clients = [node.connect(user, device=f"{user}-phone") for user in node.users(3)]
    until(lambda: node.sql("messages", "SELECT count(*) FROM conv_log WHERE less_ord IS NULL")
          == [(0,)], "ordinals everywhere")
    until(lambda: node.admin().command("getStats")["bridge"]["unnumbered"] == 0, "its figure")
    changed = 0
    for client in clients:
        entries = client.rpc("conv.list")["conversations"]
        was = conversations(told, client.user)
        for entry in entries:
            have = (entry["unread"], entry["last"]["seq"])
            assert have == expected(told, client.user, entry["conv"], entry["read"]), entry["conv"]
            before = was[entry["conv"]]
            changed += have != (before["unread"], before["last"]["seq"])
        cursors = [int(entry["last"]["cursor"]) for entry in entries]
        assert cursors == sorted(cursors, reverse=True)
    assert changed >= 2


def test_an_upgraded_node_goes_on(upgraded):
    node, told = upgraded
    a, b, c = (node.connect(user, device=f"{user}-phone") for user in node.users(3))
    conv = f"u/{b.user}"
    stored = told[f'{a.user} conv.history {{"conv": "{conv}"}}']["messages"]
    ack = a.send(f"im/u/{b.user}", {"id": "new", "body": "a new needle"})
    assert ack["seq"] == stored[-1]["seq"] + 1
    assert b.wait_body(f"u/{a.user}", "a new needle")["seq"] == ack["seq"]
    # From where the device had acknowledged with the earlier version.
    missed = b.rpc("sync")["messages"]
    assert missed[-1]["body"] == "a new needle"
    assert len(missed) < len(told[f'{b.user} sync {{"cursor": "", "limit": 500}}']["messages"])
    last = told[f'{a.user} conv.history {{"conv": "g/{past.GID}"}}']["messages"][-1]["seq"]
    assert c.send(f"im/g/{past.GID}", {"id": "new", "body": "still in"})["seq"] == last + 1
    a.publish(f"im/u/{c.user}", {"id": "no", "body": "blocked"})
    assert "error" in a.wait_ack_of("no")
    a.rpc("msg.edit", conv=conv, seq=ack["seq"], body="an edited needle")
    assert wait_until(lambda: len(b.rpc("search", q="needle")["hits"]) == 2)


# The last version without ordinals, and a conversation in it: of user001 and user002, numbers 3 and 4.
WITHOUT, CONV = "v5", 3
LONG = 30000


def make_long(data):
    """user002 has gone on in that conversation: two messages and a reaction, over and over."""
    with contextlib.closing(sqlite3.connect(data / "messages.db")) as db:
        gid = db.execute("SELECT max(gid) FROM message").fetchone()[0]
        seq = db.execute("SELECT max(seq) FROM conv_log WHERE conv = ?", (CONV,)).fetchone()[0]
        rows = [(gid + n, CONV, seq + n, 4, n, None if n % 3 else "react", f"long-{n}",
                 "hi" if n % 3 else '{"seq":2,"emoji":"+1"}') for n in range(1, LONG + 1)]
        db.executemany("INSERT INTO message (gid, conv, seq, sender, ts, enc, type, client_id, body)"
                       " VALUES (?,?,?,?,?,0,?,?,?)", rows)
        db.executemany("INSERT INTO conv_log (gid, conv, seq) VALUES (?,?,?)",
                       [row[:3] for row in rows])
        db.commit()


def unnumbered(node):
    return node.sql("messages", "SELECT count(*) FROM conv_log WHERE less_ord IS NULL")[0][0]


def test_a_kill_while_a_long_log_is_gone_through():
    """It goes on where it was; meanwhile the node is used, and counts as the earlier version did,
    or right."""
    told = past.answers(WITHOUT)
    with of_version(WITHOUT, make_long) as node:
        _, me, peer = node.users(3)
        conv = f"u/{peer}"
        was = conversations(told, me)[conv]
        until(lambda: unnumbered(node) < LONG, "progress")
        node.kill_bridge()
        left = unnumbered(node)
        assert left > 0
        node.start_bridge()
        line = node.bridge.wait_text("info ordinals_begin")
        # It counts by places in the log, of which the old one left some out.
        assert left <= int(line.split("messages=")[1].split()[0]) < left + 32
        client = node.connect(me)
        assert node.connect(peer).send(f"im/u/{me}", {"id": "now", "body": "?"})["seq"] == \
            was["head"] + LONG + 1
        right = expected(told, me, conv, was["read"])[0] + LONG * 2 // 3 + 1
        entry = by_conv(client.rpc("conv.list"))[conv]
        assert entry["unread"] in (right, entry["head"] - entry["read"])
        node.bridge.wait_text("info ordinals_done")
        assert unnumbered(node) == 0
        client.rpc("msg.react", conv=conv, seq=2, emoji="-1")
        entry = by_conv(client.rpc("conv.list"))[conv]
        assert (entry["head"], entry["last"]["seq"]) == (was["head"] + LONG + 2,
                                                         was["head"] + LONG + 1)
        assert entry["unread"] == right
