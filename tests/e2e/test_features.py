# SPDX-License-Identifier: BSD-3-Clause
"""Message operations, contacts, devices and search, from the side of those who should and of those
who should not."""
import json

import pytest

from lib.client import denied
from lib.node import until


@pytest.fixture
def pair(node):
    alice, bob = node.users(2)
    return node.connect(alice), node.connect(bob)


def say(client, peer, msg_id, body):
    return client.send(f"im/u/{peer.user}", {"id": msg_id, "body": body})["seq"]


# -- recall, edit, react, forward --

def test_a_recalled_message_is_gone_everywhere(node, pair):
    a, b = pair
    seq = say(a, b, "1", "wrong person")
    b.wait_body(f"u/{a.user}", "wrong person")
    a.rpc("msg.recall", conv=f"u/{b.user}", seq=seq)
    told = b.wait_message(f"u/{a.user}", lambda m: m["type"] == "recall")
    assert told["body"] == {"seq": seq} and told["seq"] == seq + 1
    for client, peer in ((a, b), (b, a)):
        first = client.history(f"u/{peer.user}")[0]
        assert first["seq"] == seq and first["type"] == "recalled" and first["body"] is None
        assert "wrong person" not in json.dumps(client.sync_all()[0])
    late = node.connect(b.user)
    assert "wrong person" not in json.dumps(late.sync_all()[0])
    assert node.sql("messages", "SELECT count(*) FROM message WHERE body = 'wrong person'") == [(0,)]


def test_a_repeat_of_a_recalled_message_does_not_bring_it_back(pair):
    a, b = pair
    seq = say(a, b, "1", "wrong")
    a.rpc("msg.recall", conv=f"u/{b.user}", seq=seq)
    a.publish(f"im/u/{b.user}", {"id": "1", "body": "wrong"})
    a.wait_for(lambda: len(a.acks()) == 2)
    assert [m["type"] for m in a.history(f"u/{b.user}")] == ["recalled", "recall"]


def test_only_the_sender_recalls_and_edits(node, pair):
    a, b = pair
    seq = say(a, b, "1", "mine")
    denied(lambda: b.rpc("msg.recall", conv=f"u/{a.user}", seq=seq), -32012)
    denied(lambda: b.rpc("msg.edit", conv=f"u/{a.user}", seq=seq, body="yours"), -32012)
    stranger = node.connect(node.user())
    denied(lambda: stranger.rpc("msg.recall", conv=f"u/{a.user}", seq=seq), -32014, -32012)
    assert a.history(f"u/{b.user}")[0]["body"] == "mine"


def test_an_admin_recalls_in_a_group_and_a_member_does_not(node):
    owner, one, two = (node.connect(node.user()) for _ in range(3))
    gid = node.group(owner, [one.user, two.user])
    seq = one.send(f"im/g/{gid}", {"id": "1", "body": "spam"})["seq"]
    denied(lambda: two.rpc("msg.recall", conv=f"g/{gid}", seq=seq), -32012)
    owner.rpc("msg.recall", conv=f"g/{gid}", seq=seq)
    recalled = two.history(f"g/{gid}")[seq - 1]
    assert recalled["type"] == "recalled" and recalled["recalled_by"] == owner.user


def test_an_edit_shows_the_new_body_and_keeps_the_place(pair):
    a, b = pair
    seq = say(a, b, "1", "at 7")
    a.rpc("msg.edit", conv=f"u/{b.user}", seq=seq, body="at 8")
    told = b.wait_message(f"u/{a.user}", lambda m: m["type"] == "edit")
    assert told["body"]["seq"] == seq and told["body"]["body"] == "at 8"
    assert b.history(f"u/{a.user}")[0]["body"] == "at 8"
    a.rpc("msg.edit", conv=f"u/{b.user}", seq=seq, body={"json": [1]})
    assert b.history(f"u/{a.user}")[0]["body"] == {"json": [1]}
    a.rpc("msg.recall", conv=f"u/{b.user}", seq=seq)
    assert "at 7" not in json.dumps(b.history(f"u/{a.user}"))  # nor in what it was before
    assert "at 8" not in json.dumps(b.history(f"u/{a.user}"))
    denied(lambda: a.rpc("msg.edit", conv=f"u/{b.user}", seq=seq, body="back"), -32014, -32012)


def test_reactions_add_up_and_can_be_taken_back(pair):
    a, b = pair
    seq = say(a, b, "1", "party?")
    b.rpc("msg.react", conv=f"u/{a.user}", seq=seq, emoji="👍")
    b.rpc("msg.react", conv=f"u/{a.user}", seq=seq, emoji="👍")  # again: nothing happens
    a.rpc("msg.react", conv=f"u/{b.user}", seq=seq, emoji="👍")
    assert len([m for m in a.history(f"u/{b.user}") if m["type"] == "react"]) == 2
    b.rpc("msg.react", conv=f"u/{a.user}", seq=seq, emoji="👍", remove=True)
    shown = json.dumps(a.history(f"u/{b.user}")[0], ensure_ascii=False)
    assert "👍" in shown and a.user in shown and f'"{b.user}"' not in shown.split("reactions")[1]


@pytest.mark.parametrize("method, more", [
    ("msg.recall", {}), ("msg.edit", {"body": "x"}), ("msg.react", {"emoji": "x"}),
    ("msg.pin", {}), ("conv.receipts", {}),
])
def test_operations_on_what_is_not_there_are_refused(node, pair, method, more):
    a, b = pair
    say(a, b, "1", "x")
    for seq in (2, 10 ** 12):
        denied(lambda s=seq: a.rpc(method, conv=f"u/{b.user}", seq=s, **more), -32014)
    gid = node.group(b)
    denied(lambda: a.rpc(method, conv=f"g/{gid}", seq=1, **more), -32002)
    opened = node.group(b, join="open")
    denied(lambda: a.rpc(method, conv=f"g/{opened}", seq=1, **more), -32003)
    denied(lambda: a.rpc(method, conv="u/nobody-there", seq=1, **more), -32001)


def test_a_forward_with_an_id_happens_once(own_node):
    node = own_node()
    a, b, c = (node.connect(node.user()) for _ in range(3))
    seqs = [say(a, b, str(n), f"part {n}") for n in range(3)]
    forward = dict(from_conv=f"u/{a.user}", seqs=seqs, to_conv=f"u/{c.user}", id="f-1")
    assert b.rpc("msg.forward", **forward) == {"seqs": [1, 2, 3]}
    assert c.wait_body(f"u/{b.user}", "part 0")["id"] == "f-1"
    a.rpc("msg.recall", conv=f"u/{b.user}", seq=seqs[1])
    node.kill_bridge()
    node.start_bridge()  # the window of ids is read from the log
    assert b.rpc("msg.forward", **forward) == {"seqs": [1, 2, 3]}
    assert len(c.history(f"u/{b.user}")) == 3
    denied(lambda: b.rpc("msg.forward", **{**forward, "seqs": seqs + [9]}), -32010)
    denied(lambda: b.rpc("msg.forward", **{**forward, "id": "a\nb"}), -32602)
    say(b, c, "plain", "part 0")
    denied(lambda: b.rpc("msg.forward", **{**forward, "id": "plain"}), -32010)
    b.publish(f"im/u/{c.user}", {"id": "f-1", "body": "other"})
    assert b.wait_ack_of("f-1")["error"]["code"] == -32010
    # Another conversation is another matter.
    assert b.rpc("msg.forward", **{**forward, "seqs": seqs[:1], "to_conv": f"u/{b.user}"})["seqs"]


def test_forwarding_needs_both_ends(node, pair):
    a, b = pair
    c = node.connect(node.user())
    seq = say(a, b, "1", "the plan")
    b.rpc("msg.forward", from_conv=f"u/{a.user}", seqs=[seq], to_conv=f"u/{c.user}")
    got = c.wait_body(f"u/{b.user}", "the plan")
    assert got["forwarded"]["from"] == a.user and got["from"] == b.user
    # What one cannot read one cannot forward, and where one cannot write neither.
    denied(lambda: c.rpc("msg.forward", from_conv=f"u/{a.user}", seqs=[1], to_conv=f"u/{b.user}"),
           -32014)
    gid = node.group(a, join="approval")
    denied(lambda: b.rpc("msg.forward", from_conv=f"g/{gid}", seqs=[1], to_conv=f"u/{c.user}"),
           -32003)
    denied(lambda: b.rpc("msg.forward", from_conv=f"u/{a.user}", seqs=[seq], to_conv=f"g/{gid}"),
           -32003)
    c.rpc("block.add", uid=b.user)
    denied(lambda: b.rpc("msg.forward", from_conv=f"u/{a.user}", seqs=[seq],
                         to_conv=f"u/{c.user}"), -32005)


# -- groups, beyond members --

def test_a_banned_user_stays_out(node):
    owner, out = node.connect(node.user()), node.connect(node.user())
    gid = node.group(owner, [out.user], join="open")
    owner.rpc("group.kick", gid=gid, members=[out.user], ban=True)
    denied(lambda: out.join(gid), -32012, -32005)
    owner.rpc("group.invite", gid=gid, members=[out.user])
    out.send(f"im/g/{gid}", {"id": "1", "body": "forgiven"})


def test_joining_by_approval_asks_first(node):
    owner, guest = node.connect(node.user()), node.connect(node.user())
    gid = node.group(owner, join="approval")
    guest.rpc("group.join", gid=gid, note="let me in")
    asked = owner.wait_event("group", lambda e: e["action"] == "request")
    assert asked["by"] == guest.user and asked["note"] == "let me in"
    guest.publish(f"im/g/{gid}", {"id": "1", "body": "too early"})
    assert guest.wait_ack_of("1")["error"]["code"] == -32003
    owner.invite(gid, guest.user)
    guest.send(f"im/g/{gid}", {"id": "2", "body": "in"})


def test_a_muted_group_is_open_to_those_in_charge(node):
    owner, member = node.connect(node.user()), node.connect(node.user())
    gid = node.group(owner, [member.user])
    owner.rpc("group.mute", gid=gid, seconds=600)
    member.publish(f"im/g/{gid}", {"id": "1", "body": "x"})
    assert member.wait_ack_of("1")["error"]["code"] == -32004
    owner.send(f"im/g/{gid}", {"id": "1", "body": "silence, please"})
    owner.rpc("group.mute", gid=gid, seconds=0)
    member.send(f"im/g/{gid}", {"id": "2", "body": "thanks"})


def test_slow_mode_spaces_a_members_messages(node):
    owner, member = node.connect(node.user()), node.connect(node.user())
    gid = node.group(owner, [member.user])
    owner.rpc("group.update", gid=gid, slow_ms=60000)
    member.send(f"im/g/{gid}", {"id": "1", "body": "first"})
    member.publish(f"im/g/{gid}", {"id": "2", "body": "second"})
    assert member.wait_ack_of("2")["error"]["code"] == -32008
    for n in range(3):
        owner.send(f"im/g/{gid}", {"id": f"o{n}", "body": n})


def test_a_group_can_be_handed_over(node):
    owner, heir = node.connect(node.user()), node.connect(node.user())
    gid = node.group(owner, [heir.user])
    denied(lambda: owner.rpc("group.transfer", gid=gid, uid=heir.user), -32006)
    owner.rpc("group.role", gid=gid, uid=heir.user, role="admin")
    owner.rpc("group.transfer", gid=gid, uid=heir.user)
    assert heir.members(gid)[heir.user] == "owner"
    denied(lambda: owner.rpc("group.dismiss", gid=gid), -32012)
    owner.leave(gid)
    heir.rpc("group.dismiss", gid=gid)


# -- contacts --

def test_contacts_only_lets_contacts_through(pair):
    a, b = pair
    b.rpc("user.update", direct_policy="contacts")
    a.publish(f"im/u/{b.user}", {"id": "1", "body": "hello?"})
    assert a.wait_ack_of("1")["error"]["code"] == -32006
    a.rpc("contact.request", uid=b.user, note="from work")
    assert b.wait_event("contact", lambda e: e["action"] == "request")["note"] == "from work"
    a.publish(f"im/u/{b.user}", {"id": "2", "body": "hello?"})
    assert a.wait_ack_of("2")["error"]["code"] == -32006
    b.rpc("contact.accept", uid=a.user)
    a.wait_event("contact", lambda e: e["action"] == "accept")
    say(a, b, "3", "now")
    b.rpc("contact.remove", uid=a.user)
    a.publish(f"im/u/{b.user}", {"id": "4", "body": "still?"})
    assert a.wait_ack_of("4")["error"]["code"] == -32006


def test_nobody_accepts_for_another(pair):
    a, b = pair
    a.rpc("contact.request", uid=b.user)
    denied(lambda: a.rpc("contact.accept", uid=b.user), -32012)
    assert [c["state"] for c in a.rpc("contact.list")["contacts"]] != ["contact"]


def test_the_list_of_contacts_tells_what_has_changed(node, pair):
    a, b = pair
    a.rpc("contact.request", uid=b.user)
    b.rpc("contact.accept", uid=a.user)
    version = a.rpc("contact.list")["version"]
    assert a.rpc("contact.list", since=version)["contacts"] == []
    b.rpc("contact.remove", uid=a.user)
    c = node.connect(node.user())
    c.rpc("contact.request", uid=a.user)
    changed = {x["uid"] for x in a.rpc("contact.list", since=version)["contacts"]}
    assert c.user in changed and changed <= {b.user, c.user}


# -- devices --

def test_a_removed_device_is_disconnected_and_its_id_is_free(node):
    owner, other = node.users(2)
    here, lost = node.connect(owner), node.connect(owner, device=node.new_name("lost"))
    assert {d["device"] for d in here.rpc("device.list")["devices"]} == {here.device, lost.device}
    here.rpc("device.remove", device=lost.device)
    lost.wait_disconnected()
    assert [d["device"] for d in here.rpc("device.list")["devices"]] == [here.device]
    assert node.client(other, device=lost.device).connect().connected


def test_nobody_removes_anothers_device(node, pair):
    a, b = pair
    assert a.rpc("device.remove", device=b.device) == {"changed": False}
    assert b.rpc("user.get")["uid"] == b.user and b.connected


# -- search --

def found(client, **query):
    return [h["message"]["body"] for h in client.rpc("search", **query)["hits"]]


def test_search_finds_what_one_may_read_and_nothing_else(node, pair):
    a, b = pair
    eve = node.connect(node.user())
    word = f"zebra{node.new_name()}"
    say(a, b, "1", f"a {word} at the zoo")
    gid = node.group(a, [b.user])
    a.send(f"im/g/{gid}", {"id": "2", "body": f"{word} again"})
    until(lambda: len(found(a, q=word)) == 2, "the index")
    assert set(found(b, q=word)) == {f"{word} again", f"a {word} at the zoo"}
    assert found(b, q=word, conv=f"g/{gid}") == [f"{word} again"]
    assert found(eve, q=word) == []
    denied(lambda: eve.rpc("search", q=word, conv=f"g/{gid}"), -32002)
    a.kick(gid, b.user)
    assert found(b, q=word) == [f"a {word} at the zoo"]
    a.rpc("msg.recall", conv=f"u/{b.user}", seq=1)
    until(lambda: found(b, q=word) == [], "the recall in the index")


def test_search_is_narrowed_and_follows_what_is_no_longer_shown(node, pair):
    a, b = pair
    word = f"zebra{node.new_name()}"
    say(a, b, "1", f"{word} one")
    b.send(f"im/u/{a.user}", {"id": "2", "type": "note", "body": f"{word} two"})
    a.send(f"im/u/{b.user}", {"id": "3", "ttl": 1, "body": f"{word} three"})
    a.send(f"im/u/{b.user}", {"id": "4", "body": f"{word} four"})
    conv = f"u/{b.user}"
    # The index follows the order of the log: with the last one it has all.
    until(lambda: f"{word} four" in found(a, q=word), "the index")
    until(lambda: found(a, q=word) == [f"{word} {n}" for n in ("four", "two", "one")], "its end")
    sent = {m["body"]: m["ts"] for m in a.rpc("conv.history", conv=conv)["messages"]
            if m["type"] != "expired"}
    ts = sent[f"{word} two"]
    assert set(found(a, q=word, after=ts)) == {body for body, at in sent.items() if at >= ts}
    assert set(found(a, q=word, before=ts)) == {body for body, at in sent.items() if at < ts}
    assert found(a, q=word, **{"from": b.user}) == [f"{word} two"]
    assert found(a, q=word, type="note", conv=conv) == [f"{word} two"]
    page = a.rpc("search", q=word, limit=1)
    assert page["more"]
    assert found(a, q=word, next=page["next"]) == [f"{word} two", f"{word} one"]
    a.rpc("msg.edit", conv=conv, seq=1, body="nothing of the kind")
    until(lambda: found(a, q=word) == [f"{word} four", f"{word} two"], "the edit in the index")
    a.rpc("conv.update", conv=conv, cleared_to=2)
    assert found(a, q=word) == [f"{word} four"]
    assert found(b, q=word) == [f"{word} four", f"{word} two"]


@pytest.mark.parametrize("q", ["", " ", "\"", "*", "a\" OR \"b", "NEAR(a b)", "a AND", "-x", "^a",
                               "body:x", "(", "x" * 1000, "'; DROP TABLE message; --", "\u0002"])
def test_odd_queries_are_searches_or_errors(node, pair, q):
    a, b = pair
    say(a, b, "1", "something to find")
    reply = a.rpc_raw("search", {"q": q})
    assert "result" in reply or reply["error"]["code"] == -32602
    assert [m["body"] for m in a.history(f"u/{b.user}")] == ["something to find"]
