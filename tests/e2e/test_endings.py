# SPDX-License-Identifier: BSD-3-Clause
"""The node ends a connection: its device is told why by a last event, and nobody else is; and a token
that is renewed ends nothing."""
import pathlib
import re
import signal
import time

import pytest

from conftest import running
from lib import tokens
from lib import mqttwire as w
from lib.client import Refused, RpcError, denied
from lib.node import PASSWORD, until
from lib.raw import Raw
from lib.tools import Imctl

SECRET = b"0123456789abcdef0123456789abcdef"
NODE = {"options": {"jwt_secret_file": "{folder}/secret", "rate_bytes": 0},
        "files": {"secret": SECRET.decode()}}
RETRY = {"kicked": "later", "removed": "no", "replaced": "no", "expired": "token",
         "password": "token", "disabled": "no", "deleted": "no", "moved": "no", "contested": "later",
         "max_devices": "no"}
PAGE = (pathlib.Path(__file__).resolve().parents[2] / "docs" / "PROTOCOL.md").read_text("utf-8")


@pytest.fixture(scope="module", name="two")
def _two():
    """Of two brokers, with room for three devices of a user."""
    with running(brokers=2, users=20, options={"max_devices": 3}) as node:
        yield node


@pytest.fixture(params=[False, True], ids=["311", "5"])
def v5(request):
    return request.param


def token(user, ttl_s, secret=SECRET):
    return tokens.token(secret, "HS256", tokens.claims(user, ttl_s))


def last_event(client):
    """What it was told last, once it has been disconnected."""
    client.wait_disconnected()
    return client.on("event")[-1]


def end_of(client, reason):
    return {"event": "session", "action": "end", "device": client.device, "reason": reason,
            "retry": RETRY[reason]}


def assert_ended(client, reason):
    told = last_event(client)
    assert told.qos == 0 and not told.retain
    assert told.json == end_of(client, reason)


def not_told(*clients):
    """They are connected, and have heard of nobody's end."""
    for c in clients:
        c.rpc("user.get")
        assert not c.events("session")


# -- why --

def test_the_page_tells_of_all_of_them():
    assert dict(re.findall(r"^\| `(\w+)` \| .* \| `(later|token|no)` \|$", PAGE, re.M)) == RETRY


def test_an_administrator_kicks(node, v5):
    user = node.user()
    one, two = node.connect(user, "one's phone/1", v5=v5), node.connect(user, v5=v5)
    imctl = Imctl.of(node)
    imctl.ok("kick", user, one.device)
    assert_ended(one, "kicked")
    not_told(two)
    three = node.connect(user, v5=v5)
    imctl.ok("kick", user)
    for c in (two, three):
        assert_ended(c, "kicked")
        assert [e["device"] for e in c.events("session")] == [c.device]
    node.connect(user, v5=v5).rpc("user.get")


def test_a_device_is_removed(node, v5):
    user = node.user()
    one, two = node.connect(user, v5=v5), node.connect(user, v5=v5)
    one.rpc("user.get")
    two.rpc("device.remove", device=one.device)
    assert_ended(one, "removed")
    not_told(two)


def test_a_client_id_is_given_to_another(node, v5):
    squatter, owner = node.users(2)
    c = node.connect(squatter, v5=v5)
    c.rpc("user.get")
    Imctl.of(node).ok("device", "unbind", c.device, "--for", owner)
    assert_ended(c, "removed")


def test_another_device_takes_its_place(own_node, v5):
    node = own_node(options={"max_devices": 1, "device_policy": "oldest"}, users=2)
    user = node.user()
    old = node.connect(user, v5=v5)
    new = node.connect(user, v5=v5)
    assert_ended(old, "replaced")
    assert [e["action"] for e in old.events("device")] == ["replace"]
    not_told(new)


def test_a_token_is_over(node, v5):
    user = node.user()
    other = node.connect(user, v5=v5)
    assert_ended(node.connect(user, password=token(user, 2), v5=v5), "expired")
    not_told(other)


def test_a_tokens_key_is_taken_back(own_node, v5):
    node = own_node(**NODE, users=2)
    user = node.user()
    c, other = node.connect(user, password=token(user, 600), v5=v5), node.connect(user, v5=v5)
    (node.folder / "secret").write_text("f" * 32, encoding="utf-8")
    node.broker.send_signal(signal.SIGHUP)
    assert_ended(c, "expired")
    not_told(other)


def test_the_password_is_changed(node, v5):
    user = node.user()
    mine, by_token = node.connect(user, v5=v5), node.connect(user, password=token(user, 600), v5=v5)
    others = [node.connect(user, v5=v5), by_token]
    mine.rpc("user.password", old=PASSWORD, new="better")
    for c in others:
        assert_ended(c, "password")
    not_told(mine)


@pytest.mark.parametrize("what", ["disabled", "deleted"])
def test_the_account_is_closed(node, v5, what):
    user = node.user()
    c = node.connect(user, v5=v5)
    node.admin().command(f"{what.removesuffix('d')}User", username=user)
    assert_ended(c, what)
    with pytest.raises(Refused):
        node.client(user, v5=v5).connect()


# -- why, where a node has two brokers --

def kept(v5):
    return {"v5": v5, "clean": False, "session_expiry": 300 if v5 else None}


def assert_told(client, reason):
    """It hears of the event about itself that its user's others get, too."""
    client.wait_disconnected()
    assert client.events("session") == [end_of(client, reason)]


def test_it_connects_to_another_broker(two, v5):
    user, phone = two.user(), two.new_name("phone-")
    old = two.connect(user, phone, **kept(v5))
    old.rpc("user.get")
    new = two.connect(user, phone, broker=1, **kept(v5))
    assert_ended(old, "moved")
    not_told(new)
    back = two.connect(user, phone, **kept(v5))
    assert_ended(new, "moved")
    not_told(back)


def test_two_devices_with_one_client_id(two, v5):
    """At two brokers: who is there stays, and the user is told."""
    user, device = two.user(), two.new_name("fought-for-")
    tablet = two.connect(user)
    holder = None
    for n in range(6):
        before, holder = holder, two.connect(user, device, broker=n % 2, **kept(v5))
        holder.rpc("user.get")
        if before:
            assert_ended(before, "moved")
    # Its session is subscribed: it may be told before it could subscribe.
    late = two.connect(user, device, inbox=False, **kept(v5))
    assert_told(late, "contested")
    told = tablet.wait_event("device")
    assert told == {"event": "device", "action": "contested", "device": device}
    not_told(holder, tablet)


def test_one_device_more_than_may_be(two, v5):
    user = two.user()
    more = two.connect(user, two.new_name("more-"), **kept(v5))
    more.rpc("user.get")
    more.disconnect()
    there = [two.connect(user, broker=n % 2, v5=v5) for n in range(3)]
    for c in there:
        c.rpc("user.get")
    assert_told(more.connect(), "max_devices")
    told = there[1].wait_event("device")
    assert told == {"event": "device", "action": "refuse", "device": more.device}
    not_told(*there)


# -- what it does then, and what is left --

def test_a_persistent_session_that_comes_back_finds_nothing_of_it(node, v5):
    user = node.user()
    kw = {"clean": False, "session_expiry": 300 if v5 else None, "v5": v5}
    c = node.connect(user, **kw)
    Imctl.of(node).ok("kick", user, c.device)
    assert_ended(c, "kicked")
    again = node.client(user, c.device, **kw).connect()
    assert again.session_present
    not_told(again.inbox())


def test_one_that_does_not_read_is_ended_all_the_same(node):
    """Its buffers are full, and the broker cannot write to it."""
    user, sender = node.users(2)
    with Raw(node.port, w.V311) as slow:
        assert slow.connect("slow", user, PASSWORD)["code"] == 0
        assert slow.subscribe(f"im/inbox/{user}/#") < 0x80
        c = node.connect(sender, inbox=False)
        for _ in range(400):
            c.publish(f"im/u/{user}", "x" * 60000)
        imctl = Imctl.of(node)
        started = time.monotonic()
        imctl.ok("kick", user, "slow")
        until(lambda: imctl.run("kick", user, "slow").returncode == 1, "end of the connection")
        assert time.monotonic() - started < 10


def test_nothing_is_taken_of_one_that_has_been_told(node, v5):
    """A publish behind the event is refused, or closes the connection: PUBACK does not say yes."""
    user, peer = node.users(2)
    receiver = node.connect(peer)
    with Raw(node.port, w.V5 if v5 else w.V311) as c:
        assert c.connect("talks on", user, PASSWORD)["code"] == 0
        c.subscribe(f"im/inbox/{user}/#")
        Imctl.of(node).ok("kick", user, "talks on")
        c.message(lambda m: b'"session"' in m["payload"])
        mid = c.publish(f"im/u/{peer}", "too late", qos=1)
        came = c.expect_closed()
        acks = [w.decode_ack(body, c.version) for kind, _, body in came if kind == w.PUBACK]
        assert acks == ([(mid, 0x87)] if v5 else [])
        assert [body for kind, _, body in came if kind == w.DISCONNECT] == ([b"\x98"] if v5 else [])
    node.connect(user).send(f"im/u/{peer}", {"id": "fence", "body": "fence"})
    receiver.wait_body(f"u/{user}", "fence")
    assert receiver.bodies(f"u/{user}") == ["fence"]


# -- a token is renewed --

def spool_and_logs(node):
    return b"".join(p.read_bytes() for p in node.data.iterdir() if p.is_file()) + "".join(
        p.text() for p in (node.broker, node.bridge)).encode()


def test_a_token_is_renewed_on_the_connection_that_stands(node, v5):
    user = node.user()
    c, not_renewed = (node.connect(user, password=token(user, 3), v5=v5) for _ in range(2))
    new = token(user, 600)
    answer = c.rpc("session.token", token=new)
    assert abs(answer["expires"] - (time.time() + 600) * 1000) < 60000
    assert_ended(not_renewed, "expired")
    not_told(c)
    c.publish("im/rpc/session.token", {"token": token(user, 700)})
    reply = c.wait_for(lambda: next((m.json for m in c.answers()
                                     if m.json["id"] is None), None))
    assert reply["result"]["expires"] > answer["expires"]
    with pytest.raises(RpcError) as e:
        c.rpc("session.token", token=token("admin", 600))
    assert e.value.code == -32602 and "token's sub is not the username" in e.value.message
    assert new.encode() not in spool_and_logs(node)


def test_a_token_is_renewed_while_the_bridge_is_away(own_node, v5):
    node = own_node(**NODE, users=2)
    user = node.user()
    c = node.connect(user, password=token(user, 600), v5=v5)
    node.kill_bridge()
    new = token(user, 1200)
    assert c.rpc("session.token", token=new)["expires"] > (time.time() + 900) * 1000
    assert new.encode() not in spool_and_logs(node)
    node.start_bridge()


def test_one_that_came_by_password_has_no_token(node, v5):
    user = node.user()
    denied(lambda: node.connect(user, v5=v5).rpc("session.token", token=token(user, 600)), -32012)
