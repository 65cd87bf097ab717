# SPDX-License-Identifier: BSD-3-Clause
"""A node started on what an earlier version stored: everything is there, and it goes on."""
import pytest

from lib import past
from lib.node import Node, until
from lib.proc import wait_until


@pytest.fixture(params=past.versions())
def upgraded(request):
    """A node whose data is of that version, in the order that docs/OPERATIONS.md gives."""
    node = Node(users=3)
    try:
        past.load(request.param, node.data)
        node.write_broker_conf()
        node.write_bridge_conf()
        node.bridge.start()
        node.bridge.wait_text("info started")
        node.start_broker()
        yield node, past.answers(request.param)
    finally:
        node.close()


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
    return {x["conv"]: x for x in answers[f"{user} conv.list {{}}"]["conversations"]}


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
