# SPDX-License-Identifier: BSD-3-Clause
"""Groups: sending, membership, and that it counts at once."""
import pytest

from lib.client import RpcError, denied

V = pytest.mark.parametrize("v5", [False, True], ids=["v311", "v5"])


def user_messages(client, gid):
    return [m for m in client.got(f"g/{gid}") if m["type"] != "system"]


def wait_user_message(client, gid, body):
    return client.wait_for(lambda: next(
        (m for m in user_messages(client, gid) if m["body"] == body), None), what=f"{body!r}")


@V
def test_every_member_gets_a_message_once(node, v5):
    users = node.users(4)
    a, b, c, d = (node.connect(u, v5=v5) for u in users)
    gid = node.group(a, users[1:])
    ack = b.send(f"im/g/{gid}", {"id": "1", "body": "hi all"})
    payloads = set()
    for client in (a, c, d):
        m = wait_user_message(client, gid, "hi all")
        assert m["conv"] == f"g/{gid}" and m["from"] == users[1] and m["seq"] == ack["seq"]
        payloads.add(str(client.on(f"g/{gid}")[-1].json))
    assert len(payloads) == 1
    # One more, as a fence: nobody has got the first twice.
    b.send(f"im/g/{gid}", {"id": "2", "body": "fence"})
    for client in (a, c, d):
        wait_user_message(client, gid, "fence")
        assert [m["body"] for m in user_messages(client, gid)] == ["hi all", "fence"]


def test_membership_changes_are_system_messages_in_the_sequence(node):
    users = node.users(3)
    a, b, c = (node.connect(u) for u in users)
    gid = node.group(a, [users[1]])
    a.send(f"im/g/{gid}", {"id": "1", "body": "one"})
    a.invite(gid, users[2])
    a.kick(gid, users[1])
    c.leave(gid)
    log = a.history(f"g/{gid}")
    assert [m["seq"] for m in log] == list(range(1, len(log) + 1))
    assert [(m["type"], m["body"]["action"] if m["type"] == "system" else m["body"])
            for m in log] == [("system", "create"), ("text", "one"), ("system", "invite"),
                              ("system", "kick"), ("system", "leave")]
    assert log[0]["body"]["by"] == users[0]
    assert {m["uid"] for m in log[0]["body"]["members"]} == set(users[:2])
    assert [m["uid"] for m in log[3]["body"]["members"]] == [users[1]]
    # Members saw the same live.
    b.wait_message(f"g/{gid}", lambda m: m["type"] == "system" and m["body"]["action"] == "invite")


@V
@pytest.mark.parametrize("join, code", [("open", -32003), ("approval", -32003),
                                        ("invite", -32002)])
def test_a_stranger_cannot_send(node, v5, join, code):
    """And cannot tell a group that is joined by invitation from one that is not there."""
    owner, stranger = node.users(2)
    o, s = node.connect(owner), node.connect(stranger, v5=v5)
    gid = node.group(o, join=join)
    assert s.publish(f"im/g/{gid}", {"id": "x", "body": "let me in"}) == (0x87 if v5 else 0)
    refusal = s.wait_ack_of("x")["error"]
    assert refusal["code"] == code
    s.publish("im/g/not-there", {"id": "y", "body": "let me in"})
    assert (refusal == s.wait_ack_of("y")["error"]) == (join == "invite")
    denied(lambda: s.history(f"g/{gid}"), code)
    assert [m["type"] for m in o.history(f"g/{gid}")] == ["system"]


@pytest.mark.parametrize("clean", [True, False], ids=["clean", "persistent"])
@V
def test_a_removed_member_receives_nothing_more(node, v5, clean):
    """With a live subscription, and with a session that was offline when it was removed."""
    owner, removed, stays = node.users(3)
    o, s = node.connect(owner), node.connect(stays)
    r = node.connect(removed, v5=v5, clean=clean, session_expiry=None if clean else 300)
    gid = node.group(o, [removed, stays])
    o.send(f"im/g/{gid}", {"id": "1", "body": "before"})
    wait_user_message(r, gid, "before")
    if not clean:
        r.disconnect()
    o.kick(gid, removed)
    o.send(f"im/g/{gid}", {"id": "2", "body": "after"})
    wait_user_message(s, gid, "after")
    if not clean:
        r.connect()
        assert r.session_present
    o.send(f"im/u/{removed}", {"id": "3", "body": "fence"})
    r.wait_body(f"u/{owner}", "fence")
    assert [m["body"] for m in user_messages(r, gid)] == ["before"]
    denied(lambda: r.history(f"g/{gid}"), -32002)
    assert "after" not in [m["body"] for m in r.sync_all()[0]]
    r.publish(f"im/g/{gid}", {"id": "4", "body": "still me"})
    assert r.wait_ack_of("4")["error"]["code"] == -32002


def test_a_removed_member_is_told(node):
    owner, removed = node.users(2)
    o, r = node.connect(owner), node.connect(removed)
    gid = node.group(o, [removed])
    o.kick(gid, removed)
    r.wait_for(lambda: [m for m in r.got(f"g/{gid}") if m["type"] == "system" and
                        m["body"]["action"] == "kick"] or
               [e for e in r.events() if e.get("gid") == gid or e.get("conv") == f"g/{gid}"],
               what="word of the removal")


def test_who_is_invited_can_send_at_once(node):
    owner, newcomer = node.users(2)
    o, n = node.connect(owner), node.connect(newcomer)
    gid = node.group(o)
    n.publish(f"im/g/{gid}", {"id": "early", "body": "too early"})
    assert "error" in n.wait_ack_of("early")
    o.invite(gid, newcomer)
    n.send(f"im/g/{gid}", {"id": "now", "body": "here I am"})
    wait_user_message(o, gid, "here I am")


def test_who_leaves_cannot_send_or_read(node):
    owner, leaver = node.users(2)
    o, m = node.connect(owner), node.connect(leaver)
    gid = node.group(o, [leaver])
    m.leave(gid)
    m.publish(f"im/g/{gid}", {"id": "x", "body": 1})
    assert m.wait_ack_of("x")["error"]["code"] == -32002
    denied(lambda: m.members(gid), -32002)
    assert leaver not in o.members(gid)


def test_an_open_group_can_be_joined_and_an_invitation_only_one_cannot(node):
    owner, guest = node.users(2)
    o, g = node.connect(owner), node.connect(guest)
    opened, closed = node.group(o, join="open"), node.group(o, join="invite")
    g.join(opened)
    assert g.members(opened)[guest] == "member"
    g.send(f"im/g/{opened}", {"id": "1", "body": "hi"})
    wait_user_message(o, opened, "hi")
    denied(lambda: g.join(closed), -32002)
    g.join(opened)  # again: nothing happens
    assert len([m for m in o.history(f"g/{opened}") if m["type"] == "system"]) == 2


def test_only_those_in_charge_may_change_members(node):
    owner, chief, member, other = node.users(4)
    o, c, m = (node.connect(u) for u in (owner, chief, member))
    gid = node.group(o, [chief, member])
    o.rpc("group.role", gid=gid, uid=chief, role="admin")
    denied(lambda: m.kick(gid, chief), -32012)
    denied(lambda: m.rpc("group.role", gid=gid, uid=member, role="admin"), -32012)
    denied(lambda: c.kick(gid, owner), -32012)
    c.invite(gid, other)
    c.kick(gid, other)
    assert o.members(gid) == {owner: "owner", chief: "admin", member: "member"}


def test_a_group_id_can_be_taken_once(node):
    a, b = node.connect(node.user()), node.connect(node.user())
    gid = node.group(a)
    with pytest.raises(RpcError):
        b.rpc("group.create", gid=gid)
    assert list(a.members(gid)) == [a.user]


@pytest.mark.parametrize("gid", ["", "a b", "a/b", "x" * 65, "+", "#", "ü"])
def test_a_malformed_group_id_is_refused(node, gid):
    a = node.connect(node.user())
    denied(lambda: a.rpc("group.create", gid=gid), -32602)


def test_history_from_joining_on_hides_what_was_before(node):
    owner, late = node.users(2)
    o, n = node.connect(owner), node.connect(late)
    hidden, shown = node.group(o, history="join"), node.group(o, history="all")
    for gid in (hidden, shown):
        o.send(f"im/g/{gid}", {"id": "1", "body": "before"})
        o.invite(gid, late)
        o.send(f"im/g/{gid}", {"id": "2", "body": "after"})
        wait_user_message(n, gid, "after")
    page = n.rpc("conv.history", conv=f"g/{hidden}", after=0)["messages"]
    assert "before" not in [m["body"] for m in page] and page[-1]["body"] == "after"
    assert "before" in [m["body"] for m in n.history(f"g/{shown}")]
    synced = [(m["conv"], m["body"]) for m in n.sync_all()[0]]
    assert (f"g/{hidden}", "before") not in synced and (f"g/{hidden}", "after") in synced


def test_members_are_listed_in_pages(node):
    owner = node.user()
    others = node.users(30)
    o = node.connect(owner)
    gid = node.group(o, others)
    page = o.rpc("group.members", gid=gid, limit=7)
    assert len(page["members"]) == 7 and page["more"]
    assert set(o.members(gid)) == {owner, *others}


def test_a_group_of_300_gets_a_message_each(own_node):
    """More members than one fan-out chunk has recipients."""
    node = own_node(users=310)
    members = node.users(299)
    o = node.connect(node.user())
    gid = node.group(o, members)
    watchers = [node.connect(members[i]) for i in (0, 150, 255, 256, 257, 298)]
    o.send(f"im/g/{gid}", {"id": "1", "body": "everyone"})
    for client in watchers:
        assert wait_user_message(client, gid, "everyone")["seq"] == 2


def test_dismissing_again_is_dismissing_once(node):
    owner, member = node.users(2)
    o, m = node.connect(owner), node.connect(member)
    gid = node.group(o, [member])
    assert o.rpc("group.dismiss", gid=gid)["changed"]
    assert not o.rpc("group.dismiss", gid=gid)["changed"]
    m.wait_event("group", lambda e: e["action"] == "dismiss")
    assert m.rpc_raw("group.dismiss", {"gid": gid})["error"]["code"] == -32002
    assert len(m.events("group")) == len({e["action"] for e in m.events("group")})
    # Nobody gets the name, so that nothing else can be meant.
    assert m.rpc_raw("group.create", {"gid": gid})["error"]["code"] == -32010


def test_no_number_of_a_user_leaves_the_server(node):
    owner, member = node.users(2)
    o, m = node.connect(owner), node.connect(member)
    gid = node.group(o, [member])
    o.rpc("group.mute", gid=gid, uid=member, seconds=60)
    o.kick(gid, member)
    o.invite(gid, member)
    o.rpc("group.role", gid=gid, uid=member, role="admin")
    o.rpc("group.transfer", gid=gid, uid=member)
    m.wait_message(f"g/{gid}", lambda x: x["body"].get("action") == "transfer")
    seen = o.messages + m.messages
    assert len([x for x in seen if b'"action"' in x.payload]) > 5
    o.history(f"g/{gid}")
    m.sync_all()
    m.rpc("conv.list")
    assert [x for x in o.messages + m.messages if b'"user":' in x.payload] == []


def test_a_dismissed_group_is_gone(node):
    owner, member = node.users(2)
    o, m = node.connect(owner), node.connect(member)
    gid = node.group(o, [member])
    o.rpc("group.dismiss", gid=gid)
    for client, n in ((o, "1"), (m, "2")):
        client.publish(f"im/g/{gid}", {"id": n, "body": 1})
        assert client.wait_ack_of(n)["error"]["code"] == -32002


# -- rooms --

@V
def test_a_room_is_fanned_out_by_the_broker(node, v5):
    host, guest = node.users(2)
    h, g = node.connect(host), node.connect(guest, v5=v5)
    gid = node.group(h, [guest], kind="room")
    assert g.subscribe(f"im/room/{gid}") < 0x80
    ack = h.send(f"im/g/{gid}", {"id": "1", "body": "live"})
    g.wait_for(lambda: any(m.topic == f"im/room/{gid}" and m.json["body"] == "live"
                           for m in g.messages))
    m = next(m for m in g.messages if m.topic == f"im/room/{gid}" and m.json["body"] == "live")
    assert m.json["seq"] == ack["seq"] and m.json["conv"] == f"g/{gid}" and not m.retain
    # Not through the inbox as well.
    h.send(f"im/u/{guest}", {"id": "2", "body": "fence"})
    g.wait_body(f"u/{host}", "fence")
    assert user_messages(g, gid) == []
    assert [m["body"] for m in g.history(f"g/{gid}")][-1] == "live"


def test_a_room_is_closed_to_strangers_and_to_those_who_left(node):
    host, guest, stranger = node.users(3)
    h, g, s = node.connect(host), node.connect(guest, v5=True), node.connect(stranger, v5=True)
    gid = node.group(h, [guest], kind="room")
    assert s.subscribe(f"im/room/{gid}") == 0x87
    assert s.publish(f"im/room/{gid}", "x") == 0x87
    assert g.publish(f"im/room/{gid}", "x") == 0x87  # only through im/g
    g.subscribe(f"im/room/{gid}")
    h.subscribe(f"im/room/{gid}")
    h.kick(gid, guest)
    h.send(f"im/g/{gid}", {"id": "1", "body": "after"})
    h.wait_for(lambda: any(m.topic == f"im/room/{gid}" and m.json["body"] == "after"
                           for m in h.messages))
    h.send(f"im/u/{guest}", {"id": "2", "body": "fence"})
    g.wait_body(f"u/{host}", "fence")
    assert "after" not in [m.json["body"] for m in g.messages if m.topic == f"im/room/{gid}"]


def test_a_group_is_not_a_room(node):
    """im/room of an ordinary group carries nothing."""
    owner, member = node.users(2)
    o, m = node.connect(owner), node.connect(member, v5=True)
    gid = node.group(o, [member])
    m.subscribe(f"im/room/{gid}")
    o.send(f"im/g/{gid}", {"id": "1", "body": "x"})
    wait_user_message(m, gid, "x")
    o.send(f"im/u/{member}", {"id": "2", "body": "fence"})
    m.wait_body(f"u/{owner}", "fence")
    assert not [x for x in m.messages if x.topic.startswith("im/room/")]
