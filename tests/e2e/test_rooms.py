# SPDX-License-Identifier: BSD-3-Clause
"""Rooms among a user's conversations, and what the viewers of a busy one get."""
import time

import pytest

from lib.client import RpcError

RATE = 5  # messages a second to viewers


def seen(client, gid):
    """(seq, body) of what came on the room's topic."""
    return [(m.json["seq"], m.json["body"]) for m in client.messages
            if m.topic == f"im/room/{gid}"]


def wait_seen(client, gid, body):
    client.wait_for(lambda: any(b == body for _, b in seen(client, gid)), what=body)


# -- following --

def test_a_room_is_in_the_way_of_those_who_follow_it_alone(node):
    host, fan, guest = node.users(3)
    h, f, g = (node.connect(u) for u in (host, fan, guest))
    gid = node.group(h, [fan, guest], kind="room")
    conv = f"g/{gid}"
    f.rpc("conv.update", conv=conv, follow=True)
    for i in range(3):
        h.send(f"im/g/{gid}", {"id": f"m{i}", "body": f"line {i}"})
    assert (f.listed(conv)["follow"], f.listed(conv)["unread"]) == (True, 3)
    assert (g.listed(conv)["follow"], g.listed(conv)["unread"]) == (False, 0)
    assert g.listed(conv)["last"]["body"] == "line 2"
    assert [m["seq"] for m in f.sync_all()[0] if m["conv"] == conv] == [1, 2, 3, 4]
    assert [m for m in g.sync_all()[0] if m["conv"] == conv] == []
    assert [m["seq"] for m in g.history(conv)] == [1, 2, 3, 4]
    # From behind the cursor, whenever it was sent.
    cursor = g.sync_all()[2]
    h.send(f"im/g/{gid}", {"id": "m3", "body": "line 3"})
    g.rpc("conv.update", conv=conv, follow=True)
    h.send(f"im/g/{gid}", {"id": "m4", "body": "line 4"})
    assert [m["seq"] for m in g.sync_all(cursor)[0] if m["conv"] == conv] == [5, 6]


def test_following_is_told_to_the_users_other_devices(node):
    host, fan = node.users(2)
    h, f, other = node.connect(host), node.connect(fan), node.connect(fan)
    gid = node.group(h, [fan], kind="room")
    for on in (True, False):
        assert f.rpc("conv.update", conv=f"g/{gid}", follow=on)["follow"] is on
        other.wait_for(lambda on=on: [m for m in other.events() if m.get("follow") is on])
        assert other.listed(f"g/{gid}")["follow"] is on
    group = node.group(h, [fan])
    h.send(f"im/u/{fan}", {"id": "hi", "body": "hi"})
    for conv in (f"g/{group}", f"u/{host}"):
        with pytest.raises(RpcError, match="follow is for rooms"):
            f.rpc("conv.update", conv=conv, follow=True)
        assert "follow" not in f.rpc("conv.update", conv=f"g/{group}", pinned=True)


def test_a_room_that_is_not_followed_leaves_nobody_behind(node):
    host, guest = node.users(2)
    h = node.connect(host)
    gid = node.group(h, [guest], kind="room")
    for follow in (False, True):
        g = node.connect(guest, device=f"{guest}-phone")
        g.rpc("conv.update", conv=f"g/{gid}", follow=follow)
        g.rpc("device.ack", cursor=g.sync_all()[2])
        g.disconnect()
        h.send(f"im/g/{gid}", {"id": f"away{follow}", "body": "while away"})
        g = node.connect(guest, device=f"{guest}-phone")
        assert g.wait_event("hello")["behind"] is follow
        g.disconnect()


# -- the ceiling --

@pytest.fixture
def busy(own_node):
    """A node with a low ceiling; its owner, an admin, two members, one of whom looks on."""
    node = own_node(bridge={"room_messages_per_second": RATE})
    owner, admin, talker, viewer = node.users(4)
    clients = [node.connect(u) for u in (owner, admin, talker, viewer)]
    gid = node.group(clients[0], [admin, talker, viewer], kind="room")
    clients[0].rpc("group.role", gid=gid, uid=admin, role="admin")
    assert clients[3].subscribe(f"im/room/{gid}") < 0x80
    return (node, gid, *clients)


def sampled(node):
    return node.admin().command("getStats")["bridge"]["messages_sampled"]


def talk(client, gid, stem, n):
    """n messages at once, all of them acknowledged; and how long that took."""
    since = time.monotonic()
    for i in range(n):
        client.publish(f"im/g/{gid}", {"id": f"{stem}{i}", "body": f"{stem}{i}"})
    acks = [client.wait_ack_of(f"{stem}{i}") for i in range(n)]
    assert [a["seq"] for a in acks] == list(range(acks[0]["seq"], acks[0]["seq"] + n))
    return time.monotonic() - since


def test_a_flood_reaches_viewers_as_a_sample_and_history_whole(busy):
    node, gid, owner, admin, talker, viewer = busy
    before = sampled(node)
    lasted = talk(talker, gid, "t", 200)
    owner.send(f"im/g/{gid}", {"id": "fence", "body": "fence"})
    wait_seen(viewer, gid, "fence")
    said = [body for _, body in seen(viewer, gid) if str(body).startswith("t")]
    assert 1 <= len(said) <= RATE + RATE * lasted + 1
    assert sampled(node) - before == 200 - len(said)
    # By seq the viewer sees what is missing, and may have it.
    seqs = [seq for seq, _ in seen(viewer, gid)]
    assert seqs == sorted(seqs) and seqs[-1] - seqs[0] + 1 > len(seqs)
    whole = viewer.history(f"g/{gid}")
    assert [m["body"] for m in whole if m["type"] == "text"] == \
        [f"t{i}" for i in range(200)] + ["fence"]
    assert [m["seq"] for m in whole] == list(range(1, len(whole) + 1))


def test_owner_and_admins_are_heard_through_a_flood(busy):
    node, gid, owner, admin, talker, viewer = busy
    talk(talker, gid, "t", 50)
    for client, stem in ((owner, "o"), (admin, "a")):
        talk(client, gid, stem, 30)
    first = next(m["seq"] for m in viewer.history(f"g/{gid}") if m["body"] == "t0")
    talker.rpc("msg.edit", conv=f"g/{gid}", seq=first, body="t0, mended")
    talker.rpc("msg.recall", conv=f"g/{gid}", seq=first + 1)
    owner.send(f"im/g/{gid}", {"id": "fence", "body": "fence"})
    wait_seen(viewer, gid, "fence")
    bodies = [body for _, body in seen(viewer, gid)]
    for stem in "oa":
        assert [b for b in bodies if str(b) in {f"{stem}{i}" for i in range(30)}] == \
            [f"{stem}{i}" for i in range(30)]
    operations = [m.json["type"] for m in viewer.messages if m.topic == f"im/room/{gid}"]
    assert operations.count("edit") == operations.count("recall") == 1


@pytest.mark.parametrize("way", ["edit", "recall", "react"])
def test_one_member_neither_silences_a_room_nor_passes_its_ceiling(busy, way):
    """By what is no message: of it there is half the ceiling, the other half is for messages."""
    node, gid, owner, admin, talker, viewer = busy
    conv, flood = f"g/{gid}", 60
    node.reload_bridge(room_messages_per_second=0)
    talk(talker, gid, "t", flood if way == "recall" else 1)
    first = talker.acks()[-1]["seq"] - (flood - 1 if way == "recall" else 0)
    owner.send(f"im/g/{gid}", {"id": "begin", "body": "begin"})
    wait_seen(viewer, gid, "begin")
    node.reload_bridge(room_messages_per_second=RATE)
    have, since = len(viewer.messages), time.monotonic()
    for n in range(flood):
        params = {"edit": {"seq": first, "body": f"e{n}"}, "recall": {"seq": first + n},
                  "react": {"seq": first, "emoji": "x", "remove": n % 2 == 1}}[way]
        talker.post("im/rpc", {"jsonrpc": "2.0", "id": n, "method": f"msg.{way}",
                               "params": {"conv": conv, **params}})
    talker.wait_for(lambda: [a for a in talker.answers() if a.json.get("id") == flood - 1])
    viewer.send(f"im/g/{gid}", {"id": "honest", "body": "honest"})
    owner.send(f"im/g/{gid}", {"id": "fence", "body": "fence"})
    wait_seen(viewer, gid, "fence")
    lasted = time.monotonic() - since
    came = [m.json for m in viewer.messages[have:] if m.topic == f"im/room/{gid}"]
    assert [m["body"] for m in came if m["type"] == "text"] == ["honest", "fence"]
    of_flood = [m for m in came if m["type"] == way]
    assert 2 <= len(of_flood) <= RATE / 2 * (1 + lasted) + 1
    # All of it is stored.
    assert len([m for m in viewer.history(conv) if m["type"] == way]) == flood


def test_what_was_left_out_is_stored_when_the_bridge_is_killed(busy):
    node, gid, owner, admin, talker, viewer = busy
    talk(talker, gid, "t", 50)
    node.bridge.kill()
    node.bridge.start()
    owner.send(f"im/g/{gid}", {"id": "fence", "body": "fence"})
    wait_seen(viewer, gid, "fence")
    assert [m["body"] for m in viewer.history(f"g/{gid}") if m["type"] == "text"] == \
        [f"t{i}" for i in range(50)] + ["fence"]
    # Sent again, each is the one that it was.
    again = talker.send(f"im/g/{gid}", {"id": "t49", "body": "t49"})
    assert again["seq"] == viewer.history(f"g/{gid}")[-1]["seq"] - 1


def test_the_ceiling_is_changed_while_running(busy):
    node, gid, owner, admin, talker, viewer = busy
    node.reload_bridge(room_messages_per_second=0)
    talk(talker, gid, "t", 60)
    # That somebody was made admin may have been told before the viewer came, or after.
    viewer.wait_for(
        lambda: [b for _, b in seen(viewer, gid) if isinstance(b, str)] == [
            f"t{n}" for n in range(60)])
    assert sampled(node) == 0
