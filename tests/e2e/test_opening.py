# SPDX-License-Identifier: BSD-3-Clause
"""What opening an app costs: the first screen is one request, however many conversations there are, and
what has changed since is another."""
import collections

import pytest

from lib.client import denied
from lib.node import until

PEERS, GROUPS = 102, 22
NODE = {"users": PEERS + 10}
TABLES = ("device", "conv_user", "user_event", "member", "left_group")


class App:
    """Asks what an app asks, and counts its requests."""

    def __init__(self, client):
        self.client, self.asked = client, collections.Counter()

    def ask(self, method, **params):
        self.asked[method] += 1
        return self.client.rpc(method, **params)

    def open(self, limit):
        """The first answer, and the conversations of all pages."""
        first = page = self.ask("session.start", limit=limit)
        found = list(page["conversations"])
        while page["more"]:
            page = self.ask("conv.list", brief=True, pinned_first=True, limit=limit,
                            next=page["next"])
            found += page["conversations"]
        return first, found


@pytest.fixture(scope="module")
def people(node):
    """A user with 124 conversations, and one who has written in some of them."""
    me, speaker, *peers = node.users(PEERS + 1)
    alice, other = node.connect(me), node.connect(speaker)
    for n, uid in enumerate(peers):
        alice.post(f"im/u/{uid}", {"id": f"p{n}", "body": "x" * 80})
    for n in range(GROUPS):
        gid = node.group(alice, [speaker], name=f"Group {n}")
        other.send(f"im/g/{gid}", {"id": f"g{n}", "body": "y" * 80,
                                   "mentions": [me] if n < 5 else []})
    other.rpc("user.update", nick="The speaker", avatar="https://example.org/s.png")
    other.send(f"im/u/{me}", {"id": "d", "body": "z" * 300})
    alice.wait_for(lambda: len(alice.acks()) >= PEERS - 1, what="acks")
    return me, speaker


@pytest.fixture
def busy(node, people):
    me, speaker = people
    return node, node.connect(me), node.connect(speaker)


def test_the_first_screen_is_one_request(busy):
    node, alice, other = busy
    app = App(node.connect(alice.user))
    until(lambda: alice.rpc("presence.get", uids=[other.user])["users"][0]["state"] == "online",
          "the speaker's presence")
    before = [node.sql("directory", f"SELECT * FROM {t}") for t in TABLES]
    first, found = app.open(500)
    assert app.asked == {"session.start": 1}
    assert len(found) == len({c["conv"] for c in found}) == PEERS + GROUPS
    assert first["node"]["max_payload"] == 65536 and first["node"]["search"] is True
    assert first["profile"]["uid"] == alice.user
    assert first["total_unread"] == sum(c.get("unread", 0) for c in found) == GROUPS + 1
    assert first["total_mentions"] == sum(c.get("mentions", 0) for c in found) == 5
    newest = found[0]
    assert (newest["conv"], newest["kind"]) == (f"u/{other.user}", "direct")
    assert (newest["name"], newest["presence"]) == ("The speaker", "online")
    assert newest["last"]["body"] == "z" * 160 and newest["last"]["cut"] is True
    group = next(c for c in found if c.get("name") == f"Group {GROUPS - 1}")
    assert group["kind"] == "group" and group["last"]["from_name"] == "The speaker"
    assert [node.sql("directory", f"SELECT * FROM {t}") for t in TABLES] == before


def test_pages_bring_the_same(busy):
    node, alice, _ = busy
    app = App(node.connect(alice.user))
    _, whole = app.open(500)
    app.asked.clear()
    _, found = app.open(50)
    assert app.asked == {"session.start": 1, "conv.list": 2}
    assert [c["conv"] for c in found] == [c["conv"] for c in whole]


def test_what_has_changed_is_one_request_as_well(node):
    alice, other = map(node.connect, node.users(2))
    stays, goes, muted, quiet = [f"g/{node.group(alice, [other.user])}" for _ in range(4)]
    other.send(f"im/{goes}", {"id": "1", "body": "hi"})
    app = App(alice)
    first, found = app.open(500)
    assert {c["conv"] for c in found} == {stays, goes, muted, quiet}
    assert first["total_unread"] == 1
    assert app.ask("conv.list", brief=True, since=first["cursor"])["conversations"] == []
    other.send(f"im/{stays}", {"id": "new", "body": "new"})
    alice.rpc("group.dismiss", gid=goes[2:])
    alice.rpc("conv.update", conv=muted, notify="none")
    app.asked.clear()
    changed = app.ask("conv.list", brief=True, total=True, since=first["cursor"])
    assert app.asked == {"conv.list": 1}
    by_conv = {c["conv"]: c for c in changed["conversations"]}
    assert set(by_conv) == {stays, goes, muted}
    assert by_conv[goes] == {"conv": goes, "gone": True}
    assert by_conv[stays]["last"]["body"] == "new" and by_conv[muted]["notify"] == "none"
    assert changed["total_unread"] == 1
    assert app.ask("conv.list", since=changed["cursor"])["conversations"] == []
    assert app.ask("session.start")["groups"]["cursor"] != first["groups"]["cursor"]


def test_who_has_blocked_shows_no_presence(busy):
    node, alice, other = busy
    conv = f"u/{other.user}"
    other.rpc("block.add", uid=alice.user)
    assert "presence" not in alice.rpc("conv.get", conv=conv, brief=True)["conversation"]
    assert alice.rpc("conv.get", conv=conv)["conversation"]["presence"] == "offline"
    other.rpc("block.remove", uid=alice.user)
    assert alice.rpc("conv.get", conv=conv)["conversation"]["presence"] == "online"


def test_a_stranger_is_told_nothing_of_a_group(busy):
    node, alice, _ = busy
    gid = node.group(alice)
    stranger = node.connect(node.user())
    denied(lambda: stranger.rpc("conv.get", conv=f"g/{gid}"), -32002)
    assert stranger.rpc("session.start")["conversations"] == []
