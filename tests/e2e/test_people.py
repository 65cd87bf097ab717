# SPDX-License-Identifier: BSD-3-Clause
"""Profiles and groups, many at once; who hears of a changed profile; searching for users."""
import pytest

from lib.client import denied
from lib.node import until

NODE = {"bridge": {"user_search": "nick"}}
V = pytest.mark.parametrize("v5", [False, True], ids=["v311", "v5"])


def befriend(a, b):
    a.rpc("contact.request", uid=b.user)
    b.rpc("contact.accept", uid=a.user)


def test_a_screen_of_people_and_groups_is_two_requests(node):
    a, b, c = (node.connect(u) for u in node.users(3))
    mine, hidden = node.group(a, [b.user], name="ours"), node.group(c)
    b.rpc("user.update", nick="Bea", avatar="b.png")
    got = a.rpc("user.get", uids=[b.user, "nobody-at-all", c.user, a.user])
    assert [(u["uid"], u["nick"], u["rev"]) for u in got["users"]] == [
        (b.user, "Bea", 1), (c.user, "", 0), (a.user, "", 0)]
    assert got["unknown"] == ["nobody-at-all"] and not got["more"]
    got = a.rpc("group.get", gids=[mine, hidden, "never-was"])
    assert [g["name"] for g in got["groups"]] == ["ours"]
    assert got["unknown"] == [hidden, "never-was"]
    assert a.rpc("presence.get", uids=[b.user, "nobody-at-all"])["unknown"] == ["nobody-at-all"]
    assert a.rpc("group.list")["groups"] == [
        {"gid": mine, "kind": "group", "name": "ours", "avatar": "", "members": 2,
         "role": "owner"}]


def test_an_answer_of_many_has_room_for_names_that_nobody_has(node):
    a = node.connect(node.user())
    users = node.users(12)
    for user in users:
        node.connect(user).rpc("user.update", avatar="a" * 1000, ext={"about": "x" * 4000})
    asked = users + ["n" * 60 + f"{n:04d}" for n in range(88)]
    seen, unknown, answers = [], [], 0
    while asked:
        got = a.rpc("user.get", uids=asked)
        answers += 1
        assert len(a.on(f"rpc/{a.device}")[-1].payload) <= 64 * 1024
        seen += [u["uid"] for u in got["users"]]
        unknown += got.get("unknown", [])
        left = [u for u in asked if u not in seen and u not in unknown]
        assert got["more"] == bool(left)
        asked = left
    assert len(seen) == 12 and len(unknown) == 88 and answers == 2


def test_a_draft_makes_nobody_an_acquaintance(node):
    """Nothing of it shows in the other's list, so he could neither see nor end it."""
    a, stranger, friend = (node.connect(u) for u in node.users(3))
    befriend(a, friend)
    stranger.rpc("conv.update", conv=f"u/{a.user}", draft="hi")
    a.rpc("user.update", nick="Ada")
    friend.wait_event("profile")  # all who are told are told together
    a.send(f"im/u/{stranger.user}", {"id": "1", "body": "fence"})
    stranger.wait_body(f"u/{a.user}", "fence")
    assert stranger.events("profile") == []


@V
def test_a_changed_profile_is_told_to_who_knows_the_user(node, v5):
    a, friend, peer, member, away = (node.connect(u, v5=v5) for u in node.users(5))
    befriend(a, friend)
    befriend(a, away)
    a.send(f"im/u/{peer.user}", {"id": "1", "body": "hi"})
    node.group(a, [member.user])
    away.disconnect()
    a.rpc("user.update", nick="Ada", avatar="ada.png")
    want = {"event": "profile", "uid": a.user, "nick": "Ada", "avatar": "ada.png", "rev": 1}
    for client in (friend, peer):
        assert client.wait_event("profile") == want
    # A fence behind it for who was not told.
    a.send(f"im/u/{member.user}", {"id": "2", "body": "fence"})
    member.wait_body(f"u/{a.user}", "fence")
    assert member.events("profile") == []
    (seen, ) = [m for m in friend.on("event") if m.json["event"] == "profile"]
    assert seen.qos == 0
    # Whoever was away, or is no acquaintance, sees it in lists.
    back = node.connect(away.user, v5=v5)
    (entry, ) = back.rpc("contact.list")["contacts"]
    assert (entry["nick"], entry["avatar"], entry["rev"]) == ("Ada", "ada.png", 1)
    assert back.rpc("sync", cursor="")["events"] and back.events("profile") == []


def test_beyond_four_changes_an_hour_only_the_version_grows(node):
    a, friend = (node.connect(u) for u in node.users(2))
    befriend(a, friend)
    for i in range(6):
        a.rpc("user.update", nick=f"n{i}")
        # An event says what is true when it is made, which may be a later change.
        until(lambda n=min(i + 1, 4): len(friend.events("profile")) == n, "an event")
    a.send(f"im/u/{friend.user}", {"id": "1", "body": "fence"})
    friend.wait_body(f"u/{a.user}", "fence")
    assert [e["rev"] for e in friend.events("profile")] == [1, 2, 3, 4]
    assert friend.rpc("user.get", uid=a.user)["rev"] == 6


def test_a_large_group_is_searched_through_in_pages(node):
    a, b = (node.connect(u) for u in node.users(2))
    gid = node.group(a, [b.user])
    b.rpc("user.update", nick="Zoë Zed")
    assert [u["uid"] for u in a.rpc("user.search", q="zoe z")["users"]] == [b.user]
    assert a.rpc("user.search", q="zoe z", limit=1)["users"][0]["nick"] == "Zoë Zed"
    a.kick(gid, b.user)
    assert a.rpc("user.search", q="zoe z") == {"users": [], "more": False}
    assert [u["uid"] for u in a.rpc("user.search", q=b.user)["users"]] == [b.user]


def test_the_operator_says_whom_a_search_finds(own_node):
    node = own_node()
    a, b = (node.connect(u) for u in node.users(2))
    befriend(a, b)
    b.rpc("user.update", nick="Quentin")
    for policy, by_nick in (("nick", [b.user]), ("uid", [])):
        node.reload_bridge(user_search=policy)
        assert [u["uid"] for u in a.rpc("user.search", q="quen")["users"]] == by_nick
        assert [u["uid"] for u in a.rpc("user.search", q=b.user)["users"]] == [b.user]
    node.reload_bridge(user_search="off")
    denied(lambda: a.rpc("user.search", q=b.user), -32012)
