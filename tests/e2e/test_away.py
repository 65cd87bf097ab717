# SPDX-License-Identifier: BSD-3-Clause
"""Sessions that are away: the broker keeps messages for those of a user that left last, and for nobody
but the user whose session it is, though another one may have the name by now.
"""
import json
import sqlite3

import pytest

from lib import build
from lib import mqttwire as w
from lib.client import Refused
from lib.node import PASSWORD, until
from lib.raw import Raw
from test_hostile_sessions import memory_kib

NODE = {"options": {"kept_sessions": 3, "allow_topic": "public/#", "rate_messages": 0}}
V = pytest.mark.parametrize("v5", [False, True], ids=["v311", "v5"])


def keep(node, user, device, v5, inbox=True):
    """Connected with a session that stays."""
    return node.connect(user, device, inbox=inbox, v5=v5, clean=False,
                        session_expiry=3600 if v5 else None)


def keep_in_part(node, user, device, v5):
    """The same of one for which not all is that waits there."""
    return node.client(user, device, v5=v5, clean=False,
                       session_expiry=3600 if v5 else None).connect_twice().inbox()


def bodies(client):
    return [m.json["body"] for m in client.messages if "/u/" in m.topic]


@V
def test_those_that_left_last_are_kept_for(node, v5):
    """All of them are told where they are, and what the others have missed `sync` brings."""
    user, other = node.users(2)
    sender = node.connect(other)
    devices = [f"{user}-{n}" for n in range(6)]
    for device in devices:
        keep(node, user, device, v5).disconnect()
    for n in range(5):
        sender.send(f"im/u/{user}", {"id": f"m{n}", "body": n})
    for at, device in enumerate(devices):
        back = keep(node, user, device, v5, inbox=False)
        assert back.subscribe(f"im/inbox/{user}/#") < 0x80
        back.wait_event("hello", lambda e: e["behind"])
        # Of MQTT 5 sessions 2.0 does not say that they stay: the first message finds them.
        assert bodies(back)[-4:] == ([1, 2, 3, 4] if at >= 3 else bodies(back)[-4:])
        assert at >= 3 or not {1, 2, 3, 4} & set(bodies(back))
        assert [m["body"] for m in back.sync_all()[0]] == [0, 1, 2, 3, 4]
        back.disconnect()


@V
@pytest.mark.parametrize("restart", [False, True], ids=["running", "restarted"])
def test_who_has_missed_something_is_told_without_subscribing_again(own_node, v5, restart):
    """The broker says that its session is there, and so it is; but not for everything."""
    node = own_node(options={"kept_sessions": 2}, users=10)
    user, other = node.users(2)
    devices = [f"{user}-{n}" for n in range(5)]
    for device in devices:
        c = keep(node, user, device, v5)
        c.wait_event("hello", lambda e, d=device: e["device"] == d)
        c.disconnect()
    if restart:
        node.broker.stop()
        node.start_broker()
    sender = node.connect(other)
    for n in range(3):
        sender.send(f"im/u/{user}", {"id": f"m{n}", "body": n})
    missed = 0
    for device in devices:
        back = keep(node, user, device, v5, inbox=False)
        # After everything that it is told by itself: its session is subscribed to the answers, too.
        back.publish(f"im/u/{user}", json.dumps({"id": f"to-{device}", "body": device}))
        back.wait_body(f"u/{user}", device)
        heard = [b for b in bodies(back) if b in (0, 1, 2)]
        missed += heard != [0, 1, 2]
        back.wait_event("hello", lambda e, d=device: e["device"] == d and e["behind"])
        assert [m["body"] for m in back.sync_all()[0]][:3] == [0, 1, 2]
    assert missed == 3


@V
def test_after_a_restart_those_met_first_are_kept_for(own_node, v5):
    node = own_node(options=NODE["options"])
    user, other = node.users(2)
    devices = [f"{user}-{n}" for n in range(6)]
    for device in devices:
        keep(node, user, device, v5).disconnect()
    node.broker.stop()
    node.start_broker()
    sender = node.connect(other)
    for n in range(3):
        sender.send(f"im/u/{user}", {"id": f"m{n}", "body": n})
    heard = []
    for device in devices:
        back = keep(node, user, device, v5)
        back.wait_event("hello", lambda e: e["behind"])
        heard.append(bodies(back))
        assert [m["body"] for m in back.sync_all()[0]] == [0, 1, 2]
        back.disconnect()
    assert sorted(heard) == [[]] * 3 + [[0, 1, 2]] * 3


def test_hello_is_for_the_device_that_it_names(node):
    user = node.user()
    one = node.connect(user)
    two = node.connect(user)
    away = keep(node, user, f"{user}-away", False)
    away.wait_event("hello")
    away.disconnect()
    # The second one to overlapping filters: each hello comes twice.
    for n in range(3):
        two.subscribe(f"im/inbox/{user}/event")
        until(lambda n=n: len(two.got("event")) >= 3 + 2 * n, "another hello")
    one.rpc("user.get")
    for client in (one, two):
        assert {e["device"] for e in client.got("event") if e["event"] == "hello"} == \
            {client.device}
    back = keep(node, user, f"{user}-away", False, inbox=False)
    back.wait_event("hello")
    back.rpc("user.get")
    assert {e["device"] for e in back.got("event")} == {back.device}


@pytest.mark.memory_limit
@V
def test_greetings_do_not_fill_the_sessions_left_behind(node, v5):
    user = node.user()
    version = w.V5 if v5 else w.V311
    props = {"session_expiry_interval": 3600} if v5 else None
    for n in range(50):
        with Raw(node.port, version) as r:
            kw = {"props": props} if v5 else {}
            assert r.connect(f"{user}-{n}", user, PASSWORD, clean=False, **kw)["code"] == 0
            assert r.subscribe(f"im/inbox/{user}/#") < 0x80
    c = node.connect(user)
    before = memory_kib(node.broker)
    for _ in range(60):
        assert c.subscribe(*[f"im/inbox/{user}/event"] * 50)[0] < 0x80
    c.rpc("user.get")
    grown = memory_kib(node.broker) - before
    print(f"broker: {grown} KiB more")
    assert grown < 4096


# -- a name that two users have had --

def give_name_again(node, name):
    """As versions that took a deleted name for free have left it: to another user number."""
    node.bridge.stop()
    with sqlite3.connect(node.data / "directory.db") as db:
        (old, password), = db.execute("SELECT id, password FROM user WHERE uid = ?", (name,))
        db.execute("UPDATE user SET deleted = 1, disabled = 1 WHERE id = ?", (old,))
        db.execute("DELETE FROM device WHERE user = ?", (old,))
        db.execute("INSERT INTO user (uid, password, created_ms) VALUES (?, ?, 1)",
                   (name, password))
    db.close()


@V
@pytest.mark.parametrize("restart", [False, True], ids=["running", "restarted"])
def test_what_waited_for_a_former_user_is_not_for_the_next_one(own_node, v5, restart):
    node = own_node(options=NODE["options"], users=10)
    bob, alice = node.users(2)
    phone = keep(node, bob, f"{bob}-phone", v5)
    phone.subscribe("public/#")
    phone.disconnect()
    a = node.connect(alice)
    a.send(f"im/u/{bob}", {"id": "s1", "body": "SECRET"})
    a.publish("public/x", "SECRET")
    give_name_again(node, bob)
    if restart:
        node.broker.stop()
        node.start_broker()
        a = node.connect(alice, inbox=False)
    node.start_bridge()
    a.inbox()
    a.send(f"im/u/{bob}", {"id": "s2", "body": "for the next one"})
    a.publish("public/x", "SECRET")
    b = keep_in_part(node, bob, f"{bob}-phone", v5)
    a.send(f"im/u/{bob}", {"id": "s3", "body": "fence"})
    b.wait_body(f"u/{alice}", "fence")
    assert [m for m in b.messages if b"SECRET" in m.payload] == []
    assert bodies(b) == ["fence"]
    assert [m["body"] for m in b.sync_all()[0]] == ["for the next one", "fence"]
    # What waits for his own session is his.
    b.disconnect()
    a.send(f"im/u/{bob}", {"id": "s4", "body": "later"})
    b = keep(node, bob, f"{bob}-phone", v5)
    b.wait_body(f"u/{alice}", "later")


@V
def test_a_former_users_connection_ends(own_node, v5):
    """He is online when the name is given again, and nobody says so before the bridge is back."""
    node = own_node(options=NODE["options"], users=10)
    bob, alice = node.users(2)
    b, a = node.connect(bob, v5=v5), node.connect(alice)
    a.send(f"im/u/{bob}", {"id": "s1", "body": "his"})
    b.wait_body(f"u/{alice}", "his")
    give_name_again(node, bob)
    b.wait_disconnected()
    node.start_bridge()
    a.send(f"im/u/{bob}", {"id": "s2", "body": "for the next one"})
    assert bodies(b) == ["his"]
    c = node.connect(bob, b.device, v5=v5)
    assert [m["body"] for m in c.sync_all()[0]] == ["for the next one"]


def test_a_client_id_is_a_user_numbers(own_node):
    node = own_node(options=NODE["options"], users=10)
    bob, alice = node.users(2)
    tablet = keep(node, bob, "tablet", False)
    tablet.rpc("user.get")
    tablet.disconnect()
    node.bridge.stop()
    with sqlite3.connect(node.data / "directory.db") as db:
        db.execute("UPDATE user SET deleted = 1, disabled = 1 WHERE uid = ?", (bob,))
        db.execute("INSERT INTO user (uid, password, created_ms)"
                   " SELECT uid, password, 1 FROM user WHERE uid = ?", (bob,))
    db.close()
    node.start_bridge()
    for user in (bob, alice):
        with pytest.raises(Refused):
            node.client(user, "tablet").connect()
    node.broker.wait_text("belongs to another user")


# -- client ids that come to stay --

def come(node, user, device, v5, clean=False, twice=False):
    """What SUBACK says, of a session that may stay; twice: in which something is that is not for it."""
    c = node.client(user, device, v5=v5, clean=clean,
                    session_expiry=3600 if v5 and not clean else None)
    c = c.connect_twice() if twice else c.connect()
    code = c.subscribe(f"im/inbox/{user}/#")
    if code < 0x80:
        c.wait_event("hello", lambda e: e["device"] == device)
    else:
        c.publish(f"im/u/{user}", "still may write")
    c.disconnect()
    return code


@V
def test_new_devices_of_a_day_are_counted(own_node, v5):
    """Over restarts of both; testers' random ids keep nobody out; what is known comes in."""
    node = own_node(options={"new_devices_per_day": 3, "kept_sessions": 3}, users=10)
    user, other = node.users(2)
    no = 0x87 if v5 else 0x80
    for n in range(20):
        c = node.client(user, f"pub{n}", v5=True).connect()
        c.publish(f"im/u/{other}", "hi")
        c.disconnect()
        assert come(node, user, f"clean{n}", False, clean=True) == 1
    assert [come(node, user, f"d{n}", v5) for n in range(5)] == [1, 1, 1, no, no]
    node.broker.wait_text("new_devices_per_day")
    assert come(node, user, "d1", v5) == 1
    assert come(node, other, "others", v5) == 1
    # What is removed counts still, since the broker has its session.
    c = keep(node, user, "d1", v5)
    assert c.rpc("device.remove", device="d0") == {"changed": True}
    c.disconnect()
    for process in ("broker", "bridge"):
        getattr(node, process).stop()
        getattr(node, f"start_{process}")()
        assert come(node, user, "d5", v5) == no
        assert come(node, user, "d2", v5) == 1
    # And is nobody else's meanwhile; his own it may be again.
    with pytest.raises(Refused):
        node.client(other, "d0", v5=v5).connect()
    assert come(node, user, "d0", v5, twice=True) == 1


def test_a_clean_session_in_between_makes_no_room_for_more(own_node):
    """It takes away what was known of the client id; when that comes to stay again at once, before the
    bridge has heard of the end, it is counted as before."""
    node = own_node(options={"new_devices_per_day": 3}, users=10)
    user = node.user()

    def at_once(device, clean):
        c = node.client(user, device, clean=clean).connect()
        code = c.subscribe(f"im/inbox/{user}/#")
        c.disconnect()
        return code
    for n in range(3):
        assert come(node, user, f"d{n}", False) == 1
        node.bridge.stop()
        assert at_once(f"d{n}", True) == 1
        assert at_once(f"d{n}", False) == 1
        node.start_bridge()
    until(lambda: len(node.sql("directory", "SELECT device FROM device WHERE kept_ms > 0")) == 3,
          "three that are counted")
    assert come(node, user, "d3", False) == 0x80


@V
def test_what_has_left_nothing_is_not_remembered(node, v5):
    """A client id of a clean session that never acknowledged is free when it has gone; 2.0 does not
    say so of MQTT 5."""
    user, other = node.users(2)
    device = node.new_name("free")
    c = node.connect(user, device, v5=v5)
    assert [d["device"] for d in c.rpc("device.list")["devices"]] == [device]
    with pytest.raises(Refused):
        node.client(other, device, v5=v5).connect()
    # It goes and comes at once: it is bound as before.
    c.disconnect()
    c = node.connect(user, device, v5=v5)
    assert [d["device"] for d in c.rpc("device.list")["devices"]] == [device]
    c.disconnect()
    if v5 and build.broker_version() < (2, 1):
        with pytest.raises(Refused):
            node.client(other, device, v5=v5).connect()
    else:
        until(lambda: comes_in(node, other, device, v5), "the id to be free")
    # One that has acknowledged is remembered.
    acked = node.new_name("acked")
    node.connect(other).send(f"im/u/{user}", {"id": "m", "body": "something to acknowledge"})
    c = node.connect(user, acked, v5=v5)
    c.rpc("device.ack", cursor=c.sync_all()[2])
    c.disconnect()
    c = node.connect(user)
    assert acked in [d["device"] for d in c.rpc("device.list")["devices"]]
    with pytest.raises(Refused):
        node.client(other, acked, v5=v5).connect()


def comes_in(node, user, device, v5):
    try:
        node.client(user, device, v5=v5).connect().close()
        return True
    except Refused:
        return False


@V
def test_what_waits_for_a_forgotten_device_is_given_to_nobody(own_node, v5):
    """Under a mark nothing more is kept for it, and what was is not handed over."""
    node = own_node(options={"kept_sessions": 10}, bridge={"remembered_devices": 2}, users=10)
    user, other = node.users(2)
    sender = node.connect(other)
    for n in range(4):
        assert come(node, user, f"d{n}", v5) == 1
    until(lambda: len(node.sql("directory", "SELECT device FROM device_mark")) == 2, "marks")
    assert node.sql("directory", "SELECT device FROM device_mark") == [("d0",), ("d1",)]
    for n in range(3):
        sender.send(f"im/u/{user}", {"id": f"m{n}", "body": n})
    back = keep(node, user, "d0", v5)
    back.wait_event("hello", lambda e: e["behind"])
    assert bodies(back) == []
    assert [m["body"] for m in back.sync_all()[0]] == [0, 1, 2]
    back.disconnect()
    back = keep(node, user, "d3", v5)
    back.wait_event("hello", lambda e: e["behind"])
    assert bodies(back) == [0, 1, 2]


def test_a_deleted_users_client_ids_are_marked(own_node):
    node = own_node(options={"kept_sessions": 10}, users=10)
    user, other = node.users(2)
    assert come(node, user, "phone", False) == 1
    node.admin().command("deleteUser", username=user)
    assert node.sql("directory", "SELECT device FROM device_mark") == [("phone",)]
    with pytest.raises(Refused):
        node.client(other, "phone").connect()


def test_the_brokers_expiration_is_compared(own_node):
    node = own_node(conf=["persistent_client_expiration 20d"], users=3)
    node.broker.wait_text("device_days")
