# SPDX-License-Identifier: BSD-3-Clause
"""A session that has been kept, of whose queue the client may not have everything when it is back. The
broker counts what it does not hand over as under way for as long as the connection lasts: more than
max_inflight_messages of it, and nothing would come any more. So it is ended once, untold."""
import contextlib
import json
import signal

import pytest

from lib import build, mqttwire as w
from lib.node import PASSWORD, until
from lib.raw import Raw

V = pytest.mark.parametrize("v5", [False, True], ids=["v311", "v5"])
PLACES = 20  # Mosquitto's default
MANY = PLACES + 5
ENDED = "it may not have all that has waited for it"


NODE = {"conf": [f"max_inflight_messages {PLACES}"], "users": 10, "identity_listener": True,
        "ws_listener": True,
        "options": {"acl_file": "{folder}/rules", "kept_sessions": 10, "rate_messages": 0},
        "files": {"rules": "pattern readwrite plant/#\n"}}


@pytest.fixture
def node(own_node):
    return own_node(**NODE)


def kept(node, user, device, v5, **kw):
    """A client whose session stays, not connected yet."""
    return node.client(user, device, v5=v5, clean=False, session_expiry=3600 if v5 else None, **kw)


def close_plant(node):
    """The rights on plant/# are gone."""
    before = node.broker.text().count("ordinary topics read again")
    (node.folder / "rules").write_text("pattern readwrite other/#\n", encoding="utf-8")
    node.broker.send_signal(signal.SIGHUP)
    node.broker.wait_for(
        lambda: node.broker.text().count("ordinary topics read again") > before, "the new rules")


def leave(client, *filters):
    """It goes, and its session stays."""
    client.connect().inbox()
    for one in filters:
        assert client.subscribe(one) < 0x80
    client.disconnect()
    client.messages.clear()


def loses_plant(node, client, sender, n=MANY):
    """It is away, and may not hear any more what has come since."""
    leave(client, "plant/#")
    for i in range(n):
        sender.publish(f"plant/{i}", "while away")
    close_plant(node)


def loses_room(node, client, sender):
    """The same of a room."""
    gid = node.group(sender, [client.user], kind="room")
    leave(client, f"im/room/{gid}")
    for i in range(MANY):
        sender.send(f"im/g/{gid}", {"id": node.new_name("r"), "body": "while away"})
    sender.kick(gid, client.user)


def loses_name(node, client, sender):
    """The same of everything: its client id is not bound any more."""
    leave(client)
    for i in range(MANY):
        sender.send(f"im/u/{client.user}", {"id": node.new_name("d"), "body": "while away"})
    tablet = node.connect(client.user)
    assert tablet.rpc("device.remove", device=client.device) == {"changed": True}
    tablet.disconnect()


def send_all(node, sender, user):
    for i in range(MANY):
        sender.send(f"im/u/{user}", {"id": node.new_name("m"), "body": i})


def hears_all(node, client, sender):
    """More than there are places, and stays."""
    client.messages.clear()
    send_all(node, sender, client.user)
    client.wait_body(f"u/{sender.user}", MANY - 1)
    assert client.bodies(f"u/{sender.user}") == list(range(MANY))
    assert client.events("session") == []
    assert not [m for m in client.messages if b"while away" in m.payload]
    assert client.connected


@V
@pytest.mark.parametrize("loses", [loses_plant, loses_room, loses_name])
def test_what_is_not_for_it_any_more(node, v5, loses):
    user, other = node.users(2)
    sender = node.connect(other)
    away = kept(node, user, "phone", v5)
    loses(node, away, sender)
    hears_all(node, away.connect_twice(), sender)
    # It comes and goes as it likes from there on.
    away.disconnect()
    send_all(node, sender, user)
    away.messages.clear()
    away.connect()
    away.wait_body(f"u/{other}", MANY - 1)
    assert away.bodies(f"u/{other}") == list(range(MANY))
    away.rpc("user.get")
    assert node.broker.text().count(ENDED) == 1


@V
@pytest.mark.parametrize("transport", ["tcp", "ws"])
def test_one_message_is_enough(node, v5, transport):
    user, other = node.users(2)
    sender = node.connect(other)
    away = kept(node, user, "sensor", v5, transport=transport)
    loses_plant(node, away, sender, n=1)
    hears_all(node, away.connect_twice(), sender)


@V
@pytest.mark.parametrize("loses", [loses_room, loses_name])
def test_a_client_with_a_certificate(node, v5, loses):
    """About whom 2.0 asks the plugin nothing when it connects. It does not go round in circles."""
    user, other = node.users(2)
    sender = node.connect(other)
    away = kept(node, user, "display", v5, transport="identity")
    loses(node, away, sender)
    away.connect_twice()
    # A client id that is bound anew is one when it has spoken.
    if loses == loses_name:
        away.inbox()
    hears_all(node, away, sender)
    for _ in range(3):
        away.disconnect()
        away.connect()
        away.rpc("user.get")
    assert node.broker.text().count(ENDED) == 1


@V
@pytest.mark.parametrize("transport", ["tcp", "identity"])
def test_a_device_that_was_at_another_broker(own_node, v5, transport):
    """It has got there what waits here. It may come back without a word."""
    node = own_node(**NODE, brokers=2)
    user, other = node.users(2)
    sender = node.connect(other)
    away = kept(node, user, "phone", v5, transport=transport)
    leave(away, "plant/#")
    send_all(node, sender, user)
    there = kept(node, user, "phone", v5, transport=transport, broker=1).connect().inbox()
    assert len(there.sync_all()[0]) == MANY
    for i in range(MANY):
        sender.publish(f"plant/{i}", "while away")
    send_all(node, sender, user)
    there.wait_body(f"u/{other}", MANY - 1)
    there.disconnect()
    away.connect_twice()
    if transport == "identity":
        away.inbox()
    hears_all(node, away, sender)
    assert len(away.sync_all()[0]) == 3 * MANY
    sender.publish("plant/now", "live")
    away.wait_for(lambda: [m for m in away.messages if m.topic == "plant/now"])
    assert node.broker.text().count(ENDED) == 1
    # What it has left over there is nobody's, either.
    away.disconnect()
    send_all(node, sender, user)
    there.messages.clear()
    there.connect().inbox()
    assert len(there.sync_all()[0]) == 4 * MANY
    assert there.bodies(f"u/{other}") == []
    assert node.brokers[1].text().count(ENDED) == 0


def test_what_was_being_sent_takes_no_place(node):
    """Of what a client had begun to send at QoS 2 2.0.21 and 2.1 ask whether it may be written, when the
    client is back; it has been captured already, and is finished as ever."""
    user, other = node.users(2)
    receiver = node.connect(other)

    def begin(r, at):
        for i in range(at, at + PLACES):
            mid = r.publish(f"im/u/{other}", json.dumps({"id": f"q{i}", "body": i}), qos=2)
            assert r.puback(mid, w.PUBREC) == 0

    with Raw(node.port, w.V5) as r:
        props = {"session_expiry_interval": 3600}
        assert r.connect("sensor", user, PASSWORD, clean=False, props=props)["code"] == 0
        begin(r, 0)
    with Raw(node.port, w.V5) as r:
        assert r.connect("sensor", user, PASSWORD, clean=False, props=props)["session_present"]
        for mid in range(1, PLACES + 1):
            r.send(w.ack(w.PUBREL, mid))
            assert r.puback(mid, w.PUBCOMP) == 0
        r.last_mid = PLACES
        begin(r, PLACES)
        r.ping()
    receiver.wait_body(f"u/{user}", 2 * PLACES - 1)
    assert receiver.bodies(f"u/{user}") == list(range(2 * PLACES))
    assert "publish refused" not in node.broker.text()
