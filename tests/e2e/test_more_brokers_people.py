# SPDX-License-Identifier: BSD-3-Clause
"""Several brokers under one bridge: who sees whom, groups, rooms, and the devices of an account.
test_more_brokers.py says what is where."""
import json

import pytest

from lib.client import RpcError, denied
from lib.node import until
from lib.things import Fleet
from test_group_rules import answers_of
from test_more_brokers import at, everywhere, people
from test_presence import states, wait_state
from test_rooms import seen, wait_seen

BROKERS = [2, 4]
NODE = {"options": {"rate_messages": 0}, "users": 120,
        "bridge": {"presence_devices": "true", "room_messages_per_second": 0}}
RATE = 5  # messages a second to the viewers of a busy room


# -- presence --

def watchers(node, user):
    clients = people(node, len(node.brokers))
    for c in clients:
        assert c.subscribe(f"im/presence/{user}") < 0x80
    return clients


def test_who_comes_to_one_broker_is_seen_at_all(node):
    user = node.user()
    early = watchers(node, user)
    c = at(node, 1, user)
    for w in early:
        wait_state(w, user, "online", [c.device])
    # Retained at each of them.
    late = watchers(node, user)
    for w in late:
        wait_state(w, user, "online", [c.device])
        assert [m.retain for m in w.messages if m.topic == f"im/presence/{user}"] == [True]
        assert w.rpc("presence.get", uids=[user])["users"][0]["state"] == "online"
    c.rpc("presence.set", state="away")
    for w in early + late:
        wait_state(w, user, "away")
    c.disconnect()
    for w in early + late:
        wait_state(w, user, "offline", [])
    for w in watchers(node, user):
        wait_state(w, user, "offline")


def test_who_is_at_several_is_offline_when_the_last_has_gone(node):
    user = node.user()
    looking = watchers(node, user)
    devices = everywhere(node, user)
    names = [d.device for d in devices]
    for w in looking:
        wait_state(w, user, "online", names)
    for gone in range(len(devices)):
        assert not [s for w in looking for s in states(w, user) if s["state"] == "offline"]
        devices[gone].disconnect()
        for w in looking:
            wait_state(w, user, "online" if gone + 1 < len(devices) else "offline",
                       names[gone + 1:])


def test_who_is_blocked_sees_nobody_at_any_broker(node):
    user, other = node.users(2)
    here = everywhere(node, other)
    for c in here:
        assert c.subscribe(f"im/presence/{user}") < 0x80
    u = at(node, 1, user)
    for c in here:
        wait_state(c, user, "online")
    u.rpc("block.add", uid=other)
    for c in here:
        until(lambda c=c: c.rpc("presence.get", uids=[user])["users"][0]["state"] == "offline",
              "what a stranger sees")
        assert c.subscribe(f"im/presence/{user}") >= 0x80
        c.messages.clear()
    u.rpc("presence.set", state="away")
    u.rpc("user.get")
    for c in here:
        c.rpc("user.get")
        assert [m for m in c.messages if m.topic.startswith("im/presence/")] == []


# -- groups --

def done(client, conv, action):
    return [m for m in client.got(conv) if m["type"] == "system" and m["body"]["action"] == action]


def test_a_group_over_brokers(node):
    """Made at one broker, joined, changed and left at others: everybody hears of it, and nobody else."""
    owner, member, comer, stranger = people(node, 4)
    gid = node.group(owner, [member.user], join="open")
    conv = f"g/{gid}"
    member.wait_event("group", lambda e: (e["conv"], e["action"]) == (conv, "invite"))
    denied(lambda: stranger.history(conv), -32002, -32003)
    comer.join(gid)
    for c in (owner, member):
        c.wait_for(lambda c=c: done(c, conv, "join"))
    comer.send(f"im/{conv}", {"id": "1", "body": "I am here"})
    owner.rpc("group.role", gid=gid, uid=comer.user, role="admin")
    member.wait_for(lambda: done(member, conv, "role"))
    # Muted through another broker: refused at once, and when told that it is over, over.
    comer.rpc("group.mute", gid=gid, uid=member.user, seconds=600)
    member.publish(f"im/{conv}", {"id": "muted", "body": "x"})
    assert member.wait_ack_of("muted")["error"]["code"] == -32004
    comer.rpc("group.mute", gid=gid, uid=member.user, seconds=0)
    member.wait_for(lambda: len(done(member, conv, "mute")) == 2)
    member.send(f"im/{conv}", {"id": "heard", "body": "heard"})
    for c in (owner, comer):
        c.wait_body(conv, "heard")
    beside = at(node, 1, comer.user)  # where the member is
    member.leave(gid)
    owner.send(f"im/{conv}", {"id": "2", "body": "without you"})
    for c in (comer, beside):
        c.wait_body(conv, "without you")
    member.rpc("user.get")
    assert "without you" not in member.bodies(conv)
    assert owner.members(gid) == {owner.user: "owner", comer.user: "admin"}
    owner.rpc("group.dismiss", gid=gid)
    comer.wait_event("group", lambda e: (e["conv"], e["action"]) == (conv, "dismiss"))
    comer.publish(f"im/{conv}", {"id": "late", "body": "x"})
    assert comer.wait_ack_of("late")["error"]["code"] in (-32002, -32003)


@pytest.mark.parametrize("kind", ["group", "room"])
def test_a_group_by_invitation_is_not_there_for_strangers_at_any_broker(node, kind):
    """By every method and topic, as one whose name was never used: at the owner's broker, and at others."""
    owner, other = people(node, 2)
    gid, none = node.group(owner, kind=kind, join="invite"), node.new_name("none")
    owner.send(f"im/g/{gid}", {"id": "1", "body": "word"})
    for stranger in everywhere(node, node.user()):
        assert answers_of(stranger, gid, other) == answers_of(stranger, none, other)
    assert owner.members(gid) == {owner.user: "owner"} and len(owner.history(f"g/{gid}")) == 2
    # An invitation makes it exist, wherever he is.
    owner.invite(gid, stranger.user)
    for c in everywhere(node, stranger.user):
        assert c.rpc("group.get", gid=gid)["group"]["role"] == "member"


def test_an_invitation_by_link_counts_at_every_broker(node):
    owner, first, second = people(node, 3)
    gid = node.group(owner)
    made = owner.rpc("group.link", gid=gid, uses=1)
    first.rpc("group.join", link=made["link"])
    with pytest.raises(RpcError):
        second.rpc("group.join", link=made["link"])
    assert set(owner.members(gid)) == {owner.user, first.user}


# -- rooms --

def test_a_room_over_brokers(node):
    """Once to each listener, at each broker, in one order; to members alone."""
    members = people(node, 2 * len(node.brokers))
    host, stranger = members[0], at(node, 1, node.user())
    gid = node.group(host, [c.user for c in members[1:]], kind="room")
    for c in members:
        assert c.subscribe(f"im/room/{gid}") < 0x80
    assert stranger.subscribe(f"im/room/{gid}") >= 0x80
    for n in range(20):
        for c in members[:3]:
            c.post(f"im/g/{gid}", {"id": f"{c.user}-{n}", "body": f"{c.user}-{n}"})
    for c in members[:3]:
        c.wait_ack_of(f"{c.user}-19")
    host.send(f"im/g/{gid}", {"id": "fence", "body": "fence"})
    whole = [(m["seq"], m["body"]) for m in host.history(f"g/{gid}") if m["type"] == "text"]
    assert len(whole) == 61
    for c in members:
        wait_seen(c, gid, "fence")
        assert [(s, b) for s, b in seen(c, gid) if isinstance(b, str)] == whole
    host.kick(gid, members[-1].user)
    host.send(f"im/g/{gid}", {"id": "secret", "body": "SECRET"})
    wait_seen(members[1], gid, "SECRET")
    host.send(f"im/u/{members[-1].user}", {"id": "fence 2", "body": "fence"})
    members[-1].wait_body(f"u/{host.user}", "fence")
    assert "SECRET" not in [b for _, b in seen(members[-1], gid)]


def test_following_a_room_holds_at_every_broker(node):
    host, fan = people(node, 2)
    gid = node.group(host, [fan.user], kind="room")
    conv = f"g/{gid}"
    fan.rpc("conv.update", conv=conv, follow=True)
    host.send(f"im/{conv}", {"id": "1", "body": "line"})
    for c in everywhere(node, fan.user):
        assert (c.listed(conv)["follow"], c.listed(conv)["unread"]) == (True, 1)
        assert [m["body"] for m in c.sync_all()[0] if m["conv"] == conv][-1] == "line"


def test_the_ceiling_of_a_room_is_one_for_all_brokers(node):
    """Two members flood a room at two brokers; a viewer at each sees the same sample."""
    host, one, two, here, there = people(node, 5)
    gid = node.group(host, [c.user for c in (one, two, here, there)], kind="room")
    for c in (here, there):
        assert c.subscribe(f"im/room/{gid}") < 0x80
    node.reload_bridge(room_messages_per_second=RATE)
    try:
        for n in range(80):
            for c in (one, two):
                c.post(f"im/g/{gid}", {"id": f"{n}", "body": n})
        first, last = ([c.wait_ack_of(f"{n}") for c in (one, two)] for n in (0, 79))
        lasted = (max(a["ts"] for a in last) - min(a["ts"] for a in first)) / 1000
        host.send(f"im/g/{gid}", {"id": "fence", "body": "fence"})
    finally:
        node.reload_bridge(room_messages_per_second=0)
    for c in (here, there):
        wait_seen(c, gid, "fence")
    sample = [x for x in seen(here, gid) if isinstance(x[1], int)]
    assert sample == [x for x in seen(there, gid) if isinstance(x[1], int)]
    assert 1 <= len(sample) <= RATE + RATE * lasted + 1
    assert len([m for m in there.history(f"g/{gid}") if m["type"] == "json"]) == 160


# -- device accounts --

def test_a_command_reaches_its_device_at_whatever_broker(node):
    """And nobody else: not its siblings, at the same broker or another."""
    prefix = node.new_name("veh")
    fleet = Fleet(node, f"{prefix}-*")
    last = len(node.brokers) - 1
    things = [fleet.thing(f"{prefix}-{k}", broker=k % len(node.brokers)) for k in range(2 * last + 2)]
    sender = at(node, last, node.user())
    for t in things:
        sender.send(f"im/u/{fleet.user}/{t.device}", {"id": t.device, "body": t.device})
    sender.send(f"im/u/{fleet.user}", {"id": "all", "body": "all"})
    for t in things:
        t.send(f"im/u/{sender.user}", {"id": "same", "body": f"from {t.device}"})
        t.wait_for(lambda t=t: [m["body"] for m in t.to_all(f"u/{sender.user}")] == ["all"])
    for t in things:
        t.rpc("user.get")
        assert t.bodies(f"u/{sender.user}") == [t.device]
        assert [a["id"] for a in t.acks()] == ["same"] and len(t.events("hello")) == 1
        own = [m.raw["device_n"] for m in t.on(f"u/{sender.user}")]
        assert own == [t.on("event")[0].raw["device_n"] + 1]
    sender.wait_for(lambda: sorted(m["from_device"] for m in sender.got(f"u/{fleet.user}"))
                    == sorted(t.device for t in things))


def test_an_account_in_a_group_hears_with_every_device(node):
    prefix = node.new_name("van")
    fleet = Fleet(node, f"{prefix}-*")
    things = [fleet.thing(f"{prefix}-{k}", broker=k) for k in range(len(node.brokers))]
    alice, bob = people(node, 2)
    gid = node.group(bob, [alice.user, fleet.user])
    alice.send(f"im/g/{gid}", {"id": "1", "body": "to all"})
    for t in things:
        t.wait_for(lambda t=t: "to all" in [m["body"] for m in t.to_all(f"g/{gid}")])
    things[-1].send(f"im/g/{gid}", {"id": "2", "body": "from one"})
    for c in (alice, bob):
        assert c.wait_body(f"g/{gid}", "from one")["from_device"] == things[-1].device
    for t in things:
        t.rpc("user.get")
        assert "from one" not in json.dumps([m["body"] for m in t.to_all(f"g/{gid}")])
