# SPDX-License-Identifier: BSD-3-Clause
"""How many devices of a user may be connected, what becomes of one more, and whose one is."""
import pytest

from lib.client import Refused
from lib.node import until
from lib.tools import Imctl

NODE = {"options": {"max_devices": 2}}


@pytest.fixture(params=[False, True], ids=["311", "5"])
def v5(request):
    return request.param


def refused(client):
    """CONNACK says so, and a device that came in vain is not remembered."""
    with pytest.raises(Refused) as e:
        client.connect()
    assert e.value.code == (0x87 if client.v5 else 5)


def test_one_device_more_is_refused_and_the_others_are_told(node, v5):
    user = node.user()
    one, two = (node.connect(user, v5=v5) for _ in range(2))
    refused(node.client(user, f"{user}-three", v5=v5))
    for device in (one, two):
        assert device.wait_event("device") == {
            "event": "device", "action": "refuse", "device": f"{user}-three"}
    listed = [d["device"] for d in one.rpc("device.list")["devices"]]
    assert sorted(listed) == sorted([one.device, two.device])
    node.broker.wait_text("max_devices")
    # The same device again is no other; and who goes makes room.
    again = node.connect(user, one.device, v5=v5)
    one.wait_disconnected()
    two.disconnect()
    node.connect(user, f"{user}-three", v5=v5).rpc("user.get")
    assert again.connected


def test_a_session_that_is_away_takes_no_room(node, v5):
    user = node.user()
    kept = node.connect(user, clean=False, session_expiry=300 if v5 else None, v5=v5)
    kept.disconnect()
    node.connect(user, v5=v5)
    node.connect(user, v5=v5)
    refused(node.client(user, kept.device, clean=False, v5=v5))


def test_the_limit_is_set_for_one_user(node, v5):
    user, other = node.users(2)
    imctl = Imctl.of(node)
    imctl.ok("user", "devices", user, "1")
    assert imctl.json("user", "show", user)["max_devices"] == 1
    one = node.connect(user, v5=v5)
    refused(node.client(user, v5=v5))
    imctl.ok("user", "devices", user, "0")
    many = [node.connect(user, v5=v5) for _ in range(5)]
    assert imctl.json("user", "devices", user) == {"max_devices": 0}
    node.connect(user, v5=v5)
    assert imctl.ok("user", "devices", user, "default") == "max_devices: default\n"
    assert imctl.json("user", "devices", user) == {"max_devices": "default"}
    assert "max_devices" not in imctl.json("user", "show", user)
    refused(node.client(user, v5=v5))
    assert one.connected and all(c.connected for c in many)
    assert imctl.run("user", "devices", user, "10001").returncode == 1
    assert imctl.run("user", "devices", user, "many").returncode == 2
    assert imctl.run("user", "devices", "nobody-there", "1").returncode == 1
    node.connect(other, v5=v5)


def test_the_oldest_makes_room_where_the_operator_wants_it(own_node, v5):
    node = own_node(options={"max_devices": 2, "device_policy": "oldest"})
    user, other = node.users(2)
    stranger = node.connect(other, v5=v5)
    stays = {"clean": False, "session_expiry": 300 if v5 else None}
    clients = [node.connect(user, v5=v5, **stays) for _ in range(4)]
    for old, new in ((0, 2), (1, 3)):
        told = clients[old].wait_event("device", lambda e, o=old: e["device"] == clients[o].device)
        assert told == {"event": "device", "action": "replace", "device": clients[old].device,
                        "by": clients[new].device}
        clients[old].wait_disconnected()
    assert clients[2].connected and clients[3].connected and stranger.connected
    clients[3].rpc("user.get")
    # Its place among the remembered ones stays: it goes on where it was, and the next one goes.
    back = node.connect(user, clients[0].device, v5=v5, **stays)
    clients[2].wait_disconnected()
    until(lambda: len(back.rpc("device.list")["devices"]) == 4, "four devices")


def test_a_connected_device_is_remembered_however_long_ago_it_came(own_node):
    node = own_node(bridge={"remembered_devices": 3})
    user = node.user()
    here = node.connect(user)
    for _ in range(5):
        node.connect(user, clean=False).disconnect()
    listed = [d["device"] for d in here.rpc("device.list")["devices"]]
    assert len(listed) == 3 and here.device in listed
    here.rpc("device.ack", cursor=here.sync_all()[2])


# -- whose a client id is --

def test_a_client_id_is_taken_from_a_squatter(node, v5):
    """He is connected, and would be back at once: it goes to its owner in the same step."""
    carol, bob = node.users(2)
    device = f"bob's tablet {int(v5)}"
    squatter = node.connect(carol, device, v5=v5, clean=False, session_expiry=300 if v5 else None)
    squatter.rpc("user.get")
    hers = node.connect(carol)
    with pytest.raises(Refused):
        node.client(bob, device, v5=v5).connect()
    imctl = Imctl.of(node)
    assert imctl.json("device", "owner", device)["username"] == carol
    assert imctl.json("device", "unbind", device, "--for", bob) == {
        "device": device, "username": carol}
    assert imctl.json("device", "owner", device)["username"] == bob
    row, = imctl.json("audit", "--user", carol)["rows"]
    assert (row["command"], row["subject"], row["detail"]) == (
        "unbindDevice", device, {"owner": bob, "username": carol})
    told = hers.wait_event("device")
    assert (told["action"], told["device"]) == ("remove", device)
    squatter.wait_disconnected()
    with pytest.raises(Refused):
        squatter.connect()
    owner = node.connect(bob, device, v5=v5)
    assert [d["device"] for d in owner.rpc("device.list")["devices"]] == [device]


def test_an_unbound_client_id_brings_nothing_of_its_former_user(node, v5):
    """He is away, with messages waiting; whoever has the id next gets none of them."""
    carol, bob, dave = node.users(3)
    device = f"hall tablet {int(v5)}"
    imctl = Imctl.of(node)
    first = node.connect(carol, device, v5=v5, clean=False, session_expiry=300 if v5 else None)
    first.rpc("user.get")
    first.disconnect()
    sender = node.connect(dave)
    sender.send(f"im/u/{carol}", {"id": "s-1", "body": "for carol's eyes"})
    with pytest.raises(Refused):
        node.client(bob, device, v5=v5).connect()
    assert imctl.json("device", "unbind", device) == {"device": device, "username": carol}
    for what in ("owner", "unbind"):
        assert imctl.run("device", what, device).returncode == 1
    second = node.client(bob, device, v5=v5, clean=False,
                         session_expiry=300 if v5 else None).connect_twice().inbox()
    sender.send(f"im/u/{bob}", {"id": "s-2", "body": "for bob"})
    sender.send(f"im/u/{carol}", {"id": "s-3", "body": "for carol again"})
    second.wait_body(f"u/{dave}", "for bob")
    second.rpc("user.get")
    assert not [m for m in second.messages if f"/{carol}/" in m.topic]
    assert carol.encode() not in b"".join(m.payload for m in second.messages)
    with pytest.raises(Refused):
        first.connect()
    again = node.connect(carol)
    assert [m["body"] for m in again.sync_all()[0]] == ["for carol's eyes", "for carol again"]


def test_what_is_wrong_with_an_unbinding_is_said(node):
    user = node.user()
    c = node.connect(user, "mine to keep")
    c.rpc("user.get")
    imctl = Imctl.of(node)
    for args, why in ((("nobody's",), "no user has the client id"),
                      (("mine to keep", "--for", user), "already"),
                      (("mine to keep", "--for", "nobody-there"), "nobody-there"),
                      (("$im/x", "--for", user), "no client id")):
        done = imctl.run("device", "unbind", *args)
        assert done.returncode == 1 and why in done.stderr
    assert imctl.run("device", "unbind", "x" * 129).returncode == 2
    for what in ("owner", "unbind"):
        done = imctl.run("device", what, "$im/x")
        assert done.returncode == 1 and "begin with $im/ are the bridge's" in done.stderr
    assert c.connected
