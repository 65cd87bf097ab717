# SPDX-License-Identifier: BSD-3-Clause
"""Promise 7 when rights change: what was allowed a moment ago is denied at once, in every form in which
it had been set up before: subscriptions, shared ones, topic aliases, wills, queues. And what a client
says of itself counts for nothing.
"""
import pytest

from lib import mqttwire as w
from lib.client import Refused
from lib.node import PASSWORD
from lib.raw import Raw

V = pytest.mark.parametrize("v5", [False, True], ids=["v311", "v5"])


def raw(node, user, device, **kw):
    r = Raw(node.port, w.V5)
    assert r.connect(device, user, PASSWORD, **kw)["code"] == 0
    return r


@pytest.fixture
def world(node):
    """alice owns a group and a room with ben and carol in it; ben is about to lose what he has."""
    a, b, c = (node.connect(u, v5=True) for u in node.users(3))
    world = {"group": node.group(a, [b.user, c.user]),
             "room": node.group(a, [b.user, c.user], kind="room")}
    return a, b, c, world


def remove(a, b, c, world, how):
    """Ends ben's membership of both, in one of the ways in which it ends."""
    for gid in world.values():
        if how == "kicked":
            a.kick(gid, b.user)
        elif how == "left":
            b.leave(gid)
        else:
            a.rpc("group.dissolve", gid=gid)


HOW = pytest.mark.parametrize("how", ["kicked", "left"])


@HOW
def test_a_former_member_hears_nothing_more(node, world, how):
    """Whatever he has subscribed to while he was one, on whatever connection."""
    a, b, c, gids = world
    other = node.connect(b.user, v5=False)
    away = node.connect(b.user, device=f"{b.user}-away", clean=False, session_expiry=1000, v5=True)
    away.disconnect()
    for client in (b, other):
        assert client.subscribe(f"im/room/{gids['room']}") < 0x80
    # A share would go on giving its part of the messages to who is away, and out.
    share = node.connect(b.user, inbox=False, v5=True)
    assert share.subscribe(f"$share/g/im/room/{gids['room']}") >= 0x80
    a.send(f"im/g/{gids['room']}", {"id": node.new_name(), "body": "all hear this"})
    for client in (b, other, c):
        client.wait_for(lambda x=client: [m for m in x.messages if b"all hear this" in m.payload]
                        or x is c)
    remove(a, b, c, gids, how)
    for gid in gids.values():
        a.send(f"im/g/{gid}", {"id": node.new_name(), "body": "SECRET"})
        a.publish(f"im/s/g/{gid}", "SECRET")
    c.wait_body(f"g/{gids['group']}", "SECRET")
    back = node.connect(b.user, device=f"{b.user}-away", clean=False, session_expiry=1000, v5=True)
    a.send(f"im/u/{b.user}", {"id": node.new_name(), "body": "fence"})
    for client in (b, other, back):
        client.wait_body(f"u/{a.user}", "fence")
    for client in (b, other, share, back):
        assert [m for m in client.messages if b"SECRET" in m.payload] == []
        assert client.subscribe(f"im/room/{gids['room']}") >= 0x80
    assert share.subscribe(f"$share/g/im/room/{gids['room']}") >= 0x80
    assert not [m for m in b.sync_all()[0] if m["body"] == "SECRET"]


@HOW
def test_a_former_member_says_nothing_more(node, world, how):
    """Not by the alias that stands for the group's topic, nor by the will that he left at connecting."""
    a, b, c, gids = world
    group = f"im/g/{gids['group']}"
    will = {"topic": group, "payload": b"WILL", "qos": 1}
    with raw(node, b.user, f"{b.user}-raw", will=will) as r:
        for topic in (group, ""):
            mid = r.publish(topic, b"as a member", qos=1, props={"topic_alias": 1})
            assert r.puback(mid) == 0
        remove(a, b, c, gids, how)
        for topic in ("", group):
            mid = r.publish(topic, b"ALIAS", qos=1, props={"topic_alias": 1})
            assert r.puback(mid) == 0x87
        for kind in ("im/g/{group}", "im/s/g/{group}", "im/g/{room}", "im/s/g/{room}"):
            for qos, ack in ((1, w.PUBACK), (2, w.PUBREC)):
                mid = r.publish(kind.format(**gids), b"PLAIN", qos=qos)
                assert r.puback(mid, ack) == 0x87, kind
    a.send(group, {"id": node.new_name(), "body": "fence"})
    c.wait_body(f"g/{gids['group']}", "fence")
    bodies = [m["body"] for m in c.history(f"g/{gids['group']}") if m["type"] == "text"]
    assert bodies == ["as a member", "as a member", "fence"]


def test_who_is_blocked_is_heard_no_more(node):
    a, b = (node.connect(u, v5=True) for u in node.users(2))
    topic = f"im/u/{b.user}"
    with raw(node, a.user, f"{a.user}-raw", will={"topic": topic, "payload": b"WILL"}) as r:
        mid = r.publish(topic, b"before", qos=1, props={"topic_alias": 1})
        assert r.puback(mid) == 0
        b.wait_body(f"u/{a.user}", "before")
        b.rpc("block.add", uid=a.user)
        for name, props in ((topic, None), ("", {"topic_alias": 1}), (f"im/s/u/{b.user}", None)):
            mid = r.publish(name, b"AFTER", qos=1, props=props)
            assert r.puback(mid) == 0x87
        assert r.subscribe(f"im/presence/{b.user}") >= 0x80
    b.rpc("user.get")
    a.rpc("user.get")
    assert b.bodies(f"u/{a.user}") == ["before"]
    assert [m["body"] for m in b.history(f"u/{a.user}")] == ["before"]


@V
def test_who_one_is_stands_in_no_payload(node, v5):
    """`from`, `seq`, `ts`, `conv` and the like in an envelope, or as MQTT 5 properties."""
    a, b, victim = (node.connect(u, v5=True) for u in node.users(3))
    sender = node.connect(a.user, device=f"{a.user}-forger", v5=v5)
    forged = {"from": victim.user, "seq": 99, "ts": 1, "conv": f"u/{victim.user}", "cursor": "x",
              "type": "text", "user": victim.user, "uid": victim.user, "device": victim.device}
    forged_keys = [k for k in forged if k != "type"]
    props = {"UserProperty": [(k, str(v)) for k, v in forged.items()]} if v5 else None
    gid = node.group(a, [b.user])
    for topic, conv in ((f"im/u/{b.user}", f"u/{a.user}"), (f"im/g/{gid}", f"g/{gid}")):
        name = node.new_name()
        for key in forged_keys:
            sender.publish(topic, {key: forged[key], "id": f"{name}-{key}", "body": "FORGED"})
            assert sender.wait_ack_of(f"{name}-{key}")["error"]["code"] == -32602, key
        sender.send(topic, {"id": name, "body": name, "ext": forged}, props=props)
        m = b.wait_body(conv, name)
        assert (m["from"], m["conv"]) == (a.user, conv) and m["seq"] < 10 and m["ts"] > 10**12
        m = next(m for m in b.messages if name.encode() in m.payload)
        assert {v for k, v in (m.user_properties or {}).items() if k == "from"} <= {a.user}
        assert "FORGED" not in [m["body"] for m in b.history(conv)]
    victim.rpc("user.get")
    assert victim.got() == []


@V
def test_a_client_id_gives_no_queue_of_another_user(node, v5):
    """What waits for alice's device stays hers, whoever comes with its name."""
    alice, eve, bob = node.users(3)
    device = f"{alice}-kept"
    kw = {"clean": False, "v5": v5, **({"session_expiry": 1000} if v5 else {})}
    node.connect(alice, device=device, **kw).disconnect()
    b = node.connect(bob)
    b.send(f"im/u/{alice}", {"id": node.new_name(), "body": "for alice alone"})
    for clean in (False, True):
        with pytest.raises(Refused):
            node.client(eve, device=device, **{**kw, "clean": clean}).connect()
    back = node.client(alice, device=device, **kw).connect()
    assert back.session_present
    back.wait_body(f"u/{bob}", "for alice alone")
