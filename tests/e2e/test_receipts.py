# SPDX-License-Identifier: BSD-3-Clause
"""Who is told that a message has arrived, and that what is told live is what conv.receipts says."""
import pytest

from lib.client import RpcError
from lib.node import until


def newest(client):
    """A cursor behind everything that the client may see."""
    return client.sync_all()[2]


def receipt(client, peer, seq):
    return client.rpc("conv.receipts", conv=f"u/{peer}", seq=seq)["receipts"][0]


def settled(client):
    """A round trip through the readers: what an earlier acknowledgement has caused is there."""
    client.rpc("conv.list", limit=1)
    client.publish(f"im/s/u/{client.user}", "settled")
    client.wait_for(lambda: client.on(f"signal/{client.user}"))
    return client


@pytest.fixture
def pair(node):
    alice, bob = node.users(2)
    return node.connect(alice), node.connect(bob)


def say(client, peer, msg_id):
    return client.send(f"im/u/{peer}", {"id": msg_id, "body": msg_id})["seq"]


def test_the_sender_hears_of_the_arrival_once(node, pair):
    a, b = pair
    tablet, desk = node.connect(b.user), node.connect(a.user)
    seqs = [say(a, b.user, f"m{n}") for n in range(3)]
    assert not receipt(a, b.user, seqs[-1])["delivered"]
    cursor = newest(b)
    assert b.rpc("device.ack", cursor=cursor)["changed"]
    for device in (a, desk):
        assert device.wait_event("delivered") == {
            "event": "delivered", "conv": f"u/{b.user}", "seq": seqs[-1], "by": b.user}
    assert all(receipt(a, b.user, s) == {"uid": b.user, "delivered": True, "read": False}
               for s in seqs)
    assert tablet.rpc("device.ack", cursor=cursor)["changed"]  # a second device: known already
    seqs.append(say(a, b.user, "m3"))
    tablet.rpc("device.ack", cursor=newest(tablet))
    a.wait_event("delivered", lambda e: e["seq"] == seqs[-1])
    assert [e["seq"] for e in a.events("delivered")] == seqs[2:]
    for device in (b, tablet):
        device.rpc("user.get")
        assert device.events("delivered") == []
    # Live only: no timeline holds it, no later device hears of it.
    assert "delivered" not in str(node.connect(a.user).sync_all()[1])


def test_a_device_that_begins_late_claims_only_what_it_has(node, pair):
    a, b = pair
    seqs = [say(a, b.user, f"m{n}") for n in range(3)]
    cursor = newest(b)
    assert b.rpc("device.ack", cursor=cursor, start=True) == {"cursor": cursor, "changed": True}
    assert not b.rpc("device.ack", cursor=cursor, start=True)["changed"]
    assert not any(receipt(a, b.user, s)["delivered"] for s in seqs)
    mine = next(d for d in b.rpc("device.list")["devices"] if d["current"])
    assert (mine["start"], mine["cursor"]) == (cursor, cursor)
    seqs.append(say(a, b.user, "m3"))
    with pytest.raises(RpcError, match="first acknowledgement") as e:
        b.rpc("device.ack", cursor=newest(b), start=True)
    assert e.value.code == -32602
    b.rpc("device.ack", cursor=newest(b))
    assert a.wait_event("delivered") == {"event": "delivered", "conv": f"u/{b.user}",
                                         "after": seqs[2], "seq": seqs[3], "by": b.user}
    assert [receipt(a, b.user, s)["delivered"] for s in seqs] == [False] * 3 + [True]
    # Another device fetches the rest: then the user has it all.
    tablet = node.connect(b.user)
    tablet.rpc("device.ack", cursor=newest(tablet))
    assert a.wait_event("delivered", lambda e: "after" not in e)["seq"] == seqs[3]
    assert all(receipt(a, b.user, s)["delivered"] for s in seqs)


def test_an_arrival_says_nothing_of_own_or_group_messages(node, pair):
    a, b = pair
    gid = node.group(a, [b.user])
    a.send(f"im/g/{gid}", {"id": "g", "body": "x"})
    say(b, a.user, "own")
    b.rpc("device.ack", cursor=newest(b))
    seq = say(a, b.user, "direct")
    b.rpc("device.ack", cursor=newest(b))
    assert a.wait_event("delivered")["seq"] == seq
    assert len(a.events("delivered")) == 1


def test_an_acknowledgement_over_a_long_stretch_finds_every_sender(node, pair):
    a, b = pair
    c = node.connect(node.user())
    say(b, a.user, "first")
    seqs = {a.user: say(a, b.user, "second"), c.user: say(c, b.user, "third")}
    noise = node.connect(node.user())
    for n in range(400):
        noise.post(f"im/u/{noise.user}", f"{n}")
    until(lambda: noise.got(f"u/{noise.user}") and len(noise.got()) == 400, "the noise")
    b.rpc("device.ack", cursor=newest(b))
    for sender in (a, c):
        assert sender.wait_event("delivered")["seq"] == seqs[sender.user]


def test_a_device_that_goes_takes_no_receipt_along(node, pair):
    a, b = pair
    seq = say(a, b.user, "1")
    b.rpc("device.ack", cursor=newest(b))
    a.wait_event("delivered")
    other = node.connect(b.user)
    assert other.rpc("device.remove", device=b.device)["changed"]
    b.wait_disconnected()
    assert receipt(a, b.user, seq)["delivered"]
    other.rpc("device.ack", cursor=newest(other))
    seq = say(a, b.user, "2")
    other.rpc("device.ack", cursor=newest(other))
    a.wait_event("delivered", lambda e: e["seq"] == seq)
    assert len(a.events("delivered")) == 2


def test_a_session_that_is_away_queues_no_arrivals(node):
    alice, bob = node.users(2)
    b = node.connect(bob)
    away = node.connect(alice, "alice-away", clean=False)
    away.disconnect()
    desk = node.connect(alice, "alice-desk")
    say(desk, bob, "1")
    b.rpc("device.ack", cursor=newest(b))
    desk.wait_event("delivered")
    away = node.connect(alice, "alice-away", clean=False)
    away.wait_event("hello", lambda e: e["device"] == "alice-away")
    settled(away)
    assert away.events("delivered") == []


def test_read_receipts_switched_off_leave_the_arrival(pair):
    a, b = pair
    b.rpc("user.update", read_receipts=False)
    seq = say(a, b.user, "1")
    b.rpc("conv.read", conv=f"u/{a.user}", seq=seq)
    b.rpc("device.ack", cursor=newest(b))
    a.wait_event("delivered")
    assert receipt(a, b.user, seq) == {"uid": b.user, "delivered": True, "read": False}
    assert a.events("read") == []


def test_an_arrival_does_not_tell_what_was_read_either(pair):
    """A device that never acknowledges, or has begun behind the message, has not received it: that
    its user has read it is not told in that way."""
    a, b = pair
    b.rpc("user.update", read_receipts=False)
    seq = say(a, b.user, "1")
    b.rpc("conv.read", conv=f"u/{a.user}", seq=seq)
    assert receipt(a, b.user, seq) == {"uid": b.user, "delivered": False, "read": False}
    b.rpc("user.update", read_receipts=True)
    assert receipt(a, b.user, seq) == {"uid": b.user, "delivered": True, "read": True}
