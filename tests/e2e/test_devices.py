# SPDX-License-Identifier: BSD-3-Clause
"""How many devices of a user may be connected, and what becomes of one more."""
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
    imctl.ok("user", "devices", user)
    assert "max_devices" not in imctl.json("user", "show", user)
    refused(node.client(user, v5=v5))
    assert one.connected and all(c.connected for c in many)
    assert imctl.run("user", "devices", user, "10001").returncode == 1
    assert imctl.run("user", "devices", "nobody-there", "1").returncode == 1
    node.connect(other, v5=v5)


def test_the_oldest_makes_room_where_the_operator_wants_it(own_node, v5):
    node = own_node(options={"max_devices": 2, "device_policy": "oldest"})
    user, other = node.users(2)
    stranger = node.connect(other, v5=v5)
    clients = [node.connect(user, v5=v5) for _ in range(4)]
    for old, new in ((0, 2), (1, 3)):
        told = clients[old].wait_event("device", lambda e, o=old: e["device"] == clients[o].device)
        assert told == {"event": "device", "action": "replace", "device": clients[old].device,
                        "by": clients[new].device}
        clients[old].wait_disconnected()
    assert clients[2].connected and clients[3].connected and stranger.connected
    clients[3].rpc("user.get")
    # Its place among the remembered ones stays: it goes on where it was, and the next one goes.
    back = node.connect(user, clients[0].device, v5=v5)
    clients[2].wait_disconnected()
    until(lambda: len(back.rpc("device.list")["devices"]) == 4, "four devices")


def test_a_connected_device_is_remembered_however_long_ago_it_came(own_node):
    node = own_node(bridge={"remembered_devices": 3})
    user = node.user()
    here = node.connect(user)
    for _ in range(5):
        node.connect(user).disconnect()
    listed = [d["device"] for d in here.rpc("device.list")["devices"]]
    assert len(listed) == 3 and here.device in listed
    here.rpc("device.ack", cursor=here.sync_all()[2])
