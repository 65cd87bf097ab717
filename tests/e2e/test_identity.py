# SPDX-License-Identifier: BSD-3-Clause
"""Ordinary topics obey the account, too, however its client came in: by password, by token, by a
certificate or a pre-shared key about which the broker asks nobody. Who is unknown, disabled, deleted,
or comes with another one's client id gets nothing, on any topic, and is disconnected.
"""
import subprocess

import pytest

from lib import build, tokens
from lib.client import Refused
from lib.node import PSK, until
from lib.tools import Imctl, Sub

SECRET = b"an HS256 secret of more than thirty-two bytes"
OPTIONS = {"allow_topic": ["plain/#", "home/%u/#"], "rate_messages": 0,
           "jwt_secret_file": "{folder}/jwt.secret"}
NODE = {"options": OPTIONS, "identity_listener": True, "files": {"jwt.secret": SECRET.decode()}}
V = pytest.mark.parametrize("v5", [False, True], ids=["v311", "v5"])
HOW = pytest.mark.parametrize("how", ["password", "token", "certificate"])


def how_to(node, how, user):
    """Keywords for node.client."""
    if how == "certificate":
        return {"transport": "identity"}
    if how == "token":
        return {"password": tokens.token(SECRET, "HS256", tokens.claims(user, 3600))}
    return {}


def listener(node):
    c = node.client(node.user()).connect()
    assert c.subscribe("plain/#") < 0x80
    return c


def heard(client):
    return [m for m in client.messages if m.topic.startswith(("plain/", "home/"))]


def fence(node, *clients):
    """What was published before has been delivered to whom it was for."""
    topic = f"plain/{node.new_name('fence')}"
    node.client(node.user()).connect().publish(topic, "fence")
    for c in clients:
        c.wait_for(lambda c=c: any(m.topic == topic for m in c.messages))


def tries_everything(client, user):
    """In one packet: it is disconnected with the answer."""
    client.paho.subscribe([(topic, 1) for topic in (
        "plain/#", "$share/g/plain/#", f"home/{user}/#", f"im/inbox/{user}/#")])


@V
@HOW
def test_who_has_an_account_may_do_what_is_open(node, how, v5):
    user = node.user()
    c = node.client(user, v5=v5, **how_to(node, how, user)).connect()
    other = listener(node)
    assert c.subscribe(f"home/{user}/#") < 0x80
    assert c.publish(f"home/{user}/x", "mine") < 0x80
    assert c.publish("plain/x", "all") < 0x80
    c.wait_for(lambda: [m for m in heard(c) if m.payload == b"mine"])
    other.wait_for(lambda: [m for m in heard(other) if m.payload == b"all"])
    assert c.inbox().rpc("user.get")["uid"] == user


@V
@pytest.mark.parametrize("first", ["publish", "subscribe", "im", "silent"])
@pytest.mark.parametrize("who", ["unknown", "disabled", "deleted", "im-bridge", "CN with blanks",
                                 "another's client id"])
def test_who_has_none_gets_nothing_and_is_disconnected(node, who, first, v5):
    admin, other, device = node.admin(), listener(node), None
    user = node.user()
    if who == "disabled":
        admin.command("disableUser", username=user)
    elif who == "deleted":
        admin.command("deleteUser", username=user)
    elif who == "another's client id":
        device = node.new_name("phone")
        node.client(node.user(), device=device, clean=False).connect().close()
    elif who == "unknown":
        user = node.new_name("nobody")
    else:
        user = who
    c = node.client(user, device=device, v5=v5, transport="identity").connect()
    if first == "publish":
        c.post("plain/forged", "FORGED", retain=True)
    elif first == "im":
        c.post(f"im/u/{other.user}", "FORGED")
    elif first == "subscribe":
        tries_everything(c, user)
    elif build.broker_version() < (2, 1):
        # Nothing shows it to the plugin, and nothing is for it.
        fence(node, other)
        c.post("plain/forged", "FORGED", retain=True)
    c.wait_disconnected()
    assert [code for codes in c._suback.values() for code in codes if code < 0x80] == []
    fence(node, other)
    assert [m for m in other.messages if b"FORGED" in m.payload] == [] and heard(c) == []
    late = listener(node)
    fence(node, late)
    assert [m for m in late.messages if b"FORGED" in m.payload] == []
    assert "login refused" in node.broker.text() and node.broker.running


def test_a_closed_accounts_will_goes_nowhere(node):
    admin, other, user = node.admin(), listener(node), node.user()
    will = {"topic": "plain/will", "payload": "WILL", "retain": True}
    c = node.client(user, transport="identity", will=will).connect()
    admin.command("disableUser", username=user)
    c.abort()
    late = node.client(user, transport="identity", will=will).connect()
    late.abort()
    fence(node, other)
    assert [m for m in other.messages if m.payload == b"WILL"] == []


# -- an account that is closed while its clients are there --

@V
@HOW
@pytest.mark.parametrize("command", ["disableUser", "deleteUser"])
def test_a_closed_account_stops_everywhere_at_once(node, how, v5, command):
    """Sender, receiver, and a session that is kept: all of the user's, on ordinary topics."""
    user, admin, other = node.user(), node.admin(), listener(node)
    kw = {"v5": v5, **how_to(node, how, user)}
    live = node.client(user, device=f"{user}-live", **kw).connect()
    keep = {"clean": False, **({"session_expiry": 1000} if v5 else {})}
    kept = node.client(user, device=f"{user}-kept", **keep, **kw).connect()
    for c in (live, kept):
        assert c.subscribe("plain/#", f"home/{user}/#") != [0x80, 0x80]
    kept.disconnect()
    other.publish("plain/before", "queued")
    live.wait_for(lambda: heard(live))
    admin.command(command, username=user)
    live.wait_disconnected()
    got = len(heard(live))
    other.publish("plain/after", "SECRET", retain=True)
    fence(node, other)
    assert len(heard(live)) == got
    other.publish("plain/after", "", retain=True)
    if how == "certificate":
        again = node.client(user, device=f"{user}-kept", **keep, **kw).connect()
        again.post("plain/x", "FORGED")
        again.wait_disconnected()
        assert heard(again) == []
    else:
        with pytest.raises(Refused):
            node.client(user, device=f"{user}-kept", **keep, **kw).connect()
    fence(node, other)
    assert [m for m in other.messages if m.payload == b"FORGED"] == []
    if command == "deleteUser":
        return
    admin.command("enableUser", username=user)
    back = node.client(user, device=f"{user}-kept", **keep, **kw).connect()
    # It is what it was, but for what was for it meanwhile.
    assert back.session_present
    other.publish("plain/again", "heard")
    back.wait_for(lambda: any(m.payload == b"heard" for m in heard(back)))
    assert [m for m in heard(back) if m.payload == b"SECRET"] == []


def test_what_a_closed_account_has_retained_is_shown_to_nobody(own_node):
    """Where the broker asks about the author (check_retain_source)."""
    node = own_node(users=8, conf=["check_retain_source true"], **NODE)
    user, admin = node.user(), node.admin()
    c = node.client(user).connect()
    c.publish("plain/state", "of a user", retain=True)
    late = listener(node)
    late.wait_for(lambda: heard(late))
    admin.command("disableUser", username=user)
    late = listener(node)
    fence(node, late)
    assert [m for m in heard(late) if m.payload == b"of a user"] == []
    admin.command("enableUser", username=user)
    late = listener(node)
    late.wait_for(lambda: [m for m in heard(late) if m.payload == b"of a user"])


@HOW
def test_imctl_offline_stops_it_while_no_bridge_runs(own_node, how):
    node = own_node(users=6, **NODE)
    user, other = node.user(), listener(node)
    speaks = node.client(user, **how_to(node, how, user)).connect()
    silent = node.client(user, **how_to(node, how, user)).connect()
    for c in (speaks, silent):
        assert c.subscribe("plain/#") < 0x80
    node.bridge.stop()
    Imctl(node.folder, "--offline", node.data).ok("user", "disable", user)
    silent.wait_disconnected()
    speaks.wait_disconnected()
    assert other.connected
    again = node.client(user, **how_to(node, how, user))
    if how == "certificate":
        again.connect().post("plain/x", "FORGED")
        again.wait_disconnected()
    else:
        with pytest.raises(Refused):
            again.connect()
    fence(node, other)
    assert [m for m in other.messages if m.payload == b"FORGED"] == []
    node.start_bridge()


# -- another one's client id --

@V
@pytest.mark.parametrize("speaks", [False, True], ids=["silent", "speaks"])
def test_a_certificate_gets_nothing_of_the_session_that_it_takes(node, v5, speaks):
    """The broker lets it take the session over; what waits there is not for it, it is disconnected,
    the thief's own devices are not, and the owner finds the session."""
    owner, thief, other = node.user(), node.user(), listener(node)
    device = f"{owner}-kept"
    keep = {"clean": False, "v5": v5, **({"session_expiry": 1000} if v5 else {})}
    c = node.connect(owner, device=device, **keep)
    assert c.subscribe("plain/#") < 0x80
    c.disconnect()
    o = node.connect(other.user, device=f"{other.user}-im")
    o.send(f"im/u/{owner}", {"id": node.new_name(), "body": "SECRET"})
    other.publish("plain/x", "SECRET")
    own = node.client(thief, transport="identity").connect()
    assert own.subscribe("plain/#") < 0x80
    taker = node.client(thief, device=device, transport="identity", **keep).connect()
    if speaks:
        taker.post("plain/x", "FORGED")
    else:
        other.publish("plain/y", "SECRET")
    taker.wait_disconnected()
    assert taker.messages == []
    fence(node, own, other)
    assert own.connected
    assert [m for m in other.messages if m.payload == b"FORGED"] == []
    back = node.client(owner, device=device, **keep).connect()
    assert back.session_present
    other.publish("plain/z", "mine again")
    back.wait_for(lambda: any(m.payload == b"mine again" for m in back.messages))
    o.send(f"im/u/{owner}", {"id": node.new_name(), "body": "and this"})
    back.wait_body(f"u/{other.user}", "and this")
    assert node.broker.running


def test_thieves_come_and_go_by_the_hundred(own_node):
    """Taking, being disconnected, coming back, while the owner does: the broker lives, and the owner
    has the session at the end. (2.0 does not survive the disconnection of a session that is away.)"""
    node = own_node(users=4, **NODE)
    owner, thief, other = node.user(), node.user(), listener(node)
    device = f"{owner}-kept"
    keep = {"clean": False}
    node.connect(owner, device=device, **keep).disconnect()
    for n in range(60):
        t = node.client(thief, device=device, transport="identity", **keep).connect()
        if n % 3 == 0:
            t.abort()
        elif n % 3 == 1:
            t.post("plain/x", "FORGED")
        if n % 2:
            try:
                node.client(owner, device=device, **keep).connect().abort()
            except (Refused, AssertionError):
                pass  # the broker was about to disconnect the thief
        other.publish("plain/tick", str(n))
    back = node.client(owner, device=device, **keep).connect()
    assert back.inbox().rpc("user.get")["uid"] == owner
    assert [m for m in other.messages if m.payload == b"FORGED"] == []


# -- pre-shared keys --

def psk(node, program, user, device, *args):
    return [program, "-p", str(node.psk_port), "--psk", PSK, "--psk-identity", user,
            "-i", device, "-q", "1", *args]


@pytest.mark.parametrize("who", ["known", "unknown", "disabled", "another's client id"])
def test_a_pre_shared_key_is_an_identity_like_others(own_node, who):
    node = own_node(users=6, **NODE)
    admin, other, user = node.admin(), listener(node), node.user()
    device = f"{user}-psk"
    if who == "unknown":
        user = "nobody"
    if who == "disabled":
        admin.command("disableUser", username=user)
    elif who == "another's client id":
        node.client(node.user(), device=device, clean=False).connect().close()
    sub = Sub(psk(node, "mosquitto_sub", user, device if who != "known" else f"{device}-sub",
                  "-t", "plain/#", "-v"))
    try:
        if who == "known":
            node.broker.wait_text(f"Sending SUBACK to {device}-sub")
        else:
            # Denied, and disconnected: mosquitto_sub says so, or comes again and again.
            until(lambda: f"login refused user={user}" in node.broker.text(), "the refusal")
        subprocess.run(psk(node, "mosquitto_pub", user, device, "-t", "plain/x", "-m", "by-psk"),
                       capture_output=True, timeout=build.DEADLINE_S)
        fence(node, other)
        assert any(m.payload == b"by-psk" for m in other.messages) == (who == "known")
        if who == "known":
            assert sub.wait("by-psk") == "plain/x by-psk"
        else:
            assert not any("fence" in x for x in sub.lines)
    finally:
        sub.close()
    assert node.broker.running
