# SPDX-License-Identifier: BSD-3-Clause
"""Retained presence follows connections, whatever happens to them."""
import signal

import pytest

from lib.client import Refused
from lib.node import until

NODE = {"bridge": {"presence_devices": "true"}}
V = pytest.mark.parametrize("v5", [False, True], ids=["v311", "v5"])


def states(watcher, uid):
    return [m.json for m in watcher.messages if m.topic == f"im/presence/{uid}" and m.payload]


def wait_state(watcher, uid, state, devices=None):
    """Until the newest presence of uid says so."""
    def look():
        seen = states(watcher, uid)
        if not seen or seen[-1]["state"] != state:
            return None
        if devices is not None and {d["device"] for d in seen[-1]["devices"]} != set(devices):
            return None
        return seen[-1]
    return watcher.wait_for(look, what=f"{uid} {state} {devices}")


@V
def test_connecting_and_leaving_is_seen(node, v5):
    watcher, user = node.users(2)
    w = node.connect(watcher, v5=v5)
    assert w.subscribe(f"im/presence/{user}") < 0x80
    c = node.connect(user, v5=v5)
    seen = wait_state(w, user, "online", [c.device])
    assert seen["uid"] == user and seen["ts"] > 0
    c.disconnect()
    wait_state(w, user, "offline", [])


def test_presence_is_retained(node):
    watcher, user = node.users(2)
    early = node.connect(watcher)
    early.subscribe(f"im/presence/{user}")
    node.connect(user)
    wait_state(early, user, "online")
    late = node.connect(watcher)
    late.subscribe(f"im/presence/{user}")
    wait_state(late, user, "online")
    assert [m.retain for m in late.messages if m.topic == f"im/presence/{user}"] == [True]


def test_a_lost_connection_is_seen(node):
    watcher, user = node.users(2)
    w = node.connect(watcher)
    w.subscribe(f"im/presence/{user}")
    c = node.connect(user)
    wait_state(w, user, "online")
    c.abort()
    wait_state(w, user, "offline")


def test_devices_are_counted(node):
    watcher, user = node.users(2)
    w = node.connect(watcher)
    w.subscribe(f"im/presence/{user}")
    one, two = node.connect(user), node.connect(user)
    wait_state(w, user, "online", [one.device, two.device])
    one.disconnect()
    wait_state(w, user, "online", [two.device])
    two.disconnect()
    wait_state(w, user, "offline", [])


@V
def test_a_takeover_by_the_own_device_stays_online(node, v5):
    """The broker reports the old connection's end after the new one's login."""
    watcher, user = node.users(2)
    w = node.connect(watcher)
    w.subscribe(f"im/presence/{user}")
    device = node.new_name("phone")
    one = node.connect(user, device=device, v5=v5)
    wait_state(w, user, "online", [device])
    two = node.connect(user, device=device, v5=v5)
    one.wait_disconnected()
    # A fence: a second device comes and goes, so all of the takeover has been told by then.
    other = node.connect(user)
    wait_state(w, user, "online", [device, other.device])
    other.disconnect()
    wait_state(w, user, "online", [device])
    assert "offline" not in [s["state"] for s in states(w, user)]
    two.disconnect()
    wait_state(w, user, "offline")


@V
def test_failed_logins_in_a_victims_name_change_nothing(node, v5):
    watcher, victim, fence = node.users(3)
    w = node.connect(watcher)
    w.subscribe(f"im/presence/{victim}", f"im/presence/{fence}")
    c = node.connect(victim)
    wait_state(w, victim, "online")
    for device in (c.device, node.new_name("other")):
        for _ in range(3):
            with pytest.raises(Refused):
                node.client(victim, device=device, v5=v5, password="wrong").connect()
    node.connect(fence)
    wait_state(w, fence, "online")
    assert [s["state"] for s in states(w, victim)] == ["online"]
    assert c.connected


def test_a_persistent_session_that_is_away_is_offline(node):
    watcher, user = node.users(2)
    w = node.connect(watcher)
    w.subscribe(f"im/presence/{user}")
    for v5 in (False, True):
        c = node.connect(user, v5=v5, clean=False, session_expiry=300 if v5 else None)
        wait_state(w, user, "online")
        c.disconnect()
        wait_state(w, user, "offline")
        c.connect()
        wait_state(w, user, "online")
        c.disconnect()
        wait_state(w, user, "offline")


def test_sighup_changes_nobodys_presence_and_disconnects_nobody(own_node):
    node = own_node()
    watcher, online, away = node.users(3)
    w = node.connect(watcher)
    w.subscribe(f"im/presence/{online}", f"im/presence/{away}")
    c = node.connect(online)
    sleeper = node.connect(away, clean=False)
    wait_state(w, online, "online")
    wait_state(w, away, "online")
    sleeper.disconnect()
    wait_state(w, away, "offline")
    before = len(w.messages)
    for n in range(1, 4):
        node.broker.send_signal(signal.SIGHUP)
        node.broker.wait_for(lambda n=n: node.broker.text().count("Reloading config") == n, "a reload")
        node.reload_bridge()
        c.send(f"im/u/{watcher}", {"id": node.new_name(), "body": f"still here {n}"})
        w.wait_body(f"u/{online}", f"still here {n}")
    assert c.connected and w.connected
    assert [m for m in w.messages[before:] if m.topic.startswith("im/presence/")] == []
    sleeper.connect()
    assert sleeper.session_present
    wait_state(w, away, "online")


def test_presence_survives_a_restart_of_the_bridge(own_node):
    node = own_node()
    watcher, stays, leaves = node.users(3)
    w = node.connect(watcher)
    w.subscribe(f"im/presence/{stays}", f"im/presence/{leaves}")
    node.connect(stays)
    c = node.connect(leaves)
    wait_state(w, stays, "online")
    wait_state(w, leaves, "online")
    node.kill_bridge()
    c.disconnect()  # while nobody listens
    node.start_bridge()
    wait_state(w, leaves, "offline")
    assert states(w, stays)[-1]["state"] == "online"


def test_presence_is_right_after_a_crash_of_the_broker(own_node):
    node = own_node()
    watcher, back, gone = node.users(3)
    for user in (back, gone):
        node.connect(user)
    w = node.connect(watcher)
    w.subscribe(f"im/presence/{back}", f"im/presence/{gone}")
    wait_state(w, back, "online")
    wait_state(w, gone, "online")
    node.kill_broker()
    node.start_broker()
    w.connect()
    w.subscribe(f"im/presence/{back}", f"im/presence/{gone}")
    node.connect(back)
    wait_state(w, back, "online")
    wait_state(w, gone, "offline")


@pytest.mark.parametrize("restart", [False, True], ids=["reload", "restart"])
def test_switched_off_nobody_is_shown_to_be_there(own_node, restart):
    """What was told is taken back, and told again when it is switched on; what goes on meanwhile
    nobody hears."""
    node = own_node()
    watcher, user, later = node.users(3)
    w = node.connect(watcher)
    w.subscribe(f"im/presence/{user}", f"im/presence/{later}")
    node.connect(user)
    wait_state(w, user, "online")
    if restart:
        node.kill_bridge()
        node.bridge_options["presence"] = "false"
        node.write_bridge_conf()
        node.start_bridge()
    else:
        node.reload_bridge(presence="false")
    w.wait_for(lambda: [m for m in w.messages if m.topic == f"im/presence/{user}"][-1].payload == b"")
    assert w.rpc("presence.get", uids=[user])["users"][0]["state"] == "offline"
    fresh = node.connect(node.user())
    fresh.subscribe(f"im/presence/{user}")
    node.connect(later)
    fresh.send(f"im/u/{fresh.user}", {"id": "1", "body": "fence"})
    assert [m for m in fresh.messages if m.topic.startswith("im/presence")] == []
    w.rpc("user.get")
    assert states(w, later) == []
    node.reload_bridge(presence="true")
    wait_state(w, user, "online")
    wait_state(w, later, "online")
    assert {u["state"] for u in w.rpc("presence.get", uids=[user, later])["users"]} == {"online"}


def test_presence_get_agrees_with_the_topic(node):
    watcher, user = node.users(2)
    w = node.connect(watcher)
    w.subscribe(f"im/presence/{user}")
    c = node.connect(user)
    wait_state(w, user, "online")
    found = w.rpc("presence.get", uids=[user])["users"]
    assert [(u["uid"], u["state"]) for u in found] == [(user, "online")]
    c.disconnect()
    wait_state(w, user, "offline")
    assert w.rpc("presence.get", uids=[user])["users"][0]["state"] == "offline"


def test_nobody_can_forge_presence(node):
    eve, victim = node.users(2)
    e = node.connect(eve, v5=True)
    for topic in (f"im/presence/{victim}", f"im/presence/{eve}"):
        assert e.publish(topic, '{"state":"offline"}', retain=True) == 0x87
        assert e.publish(topic, "", retain=True) == 0x87


def test_a_user_who_never_came_has_no_retained_presence(node):
    watcher, never, fence = node.users(3)
    w = node.connect(watcher)
    w.subscribe(f"im/presence/{never}", f"im/presence/{fence}")
    node.connect(fence)
    wait_state(w, fence, "online")
    assert states(w, never) == []


@pytest.mark.parametrize("policy, seen_by", [
    ("everyone", {"self", "contact", "stranger", "admin"}),
    ("contacts", {"self", "contact", "admin"}),
    ("self", {"self", "admin"}),
])
def test_the_policy_and_blocks_decide_who_sees_presence(own_node, policy, seen_by):
    """By request and by topic alike; who may not see is told what is told of nobody: offline, and
    not since when."""
    node = own_node(options={"presence_policy": policy}, bridge={"presence_policy": policy})
    u = node.connect(node.user())
    who = {name: node.connect(node.user()) for name in ("contact", "blocked", "stranger")}
    for friend in (who["contact"], who["blocked"]):
        friend.rpc("contact.request", uid=u.user)
        u.rpc("contact.accept", uid=friend.user)
    u.rpc("block.add", uid=who["blocked"].user)
    who["self"] = u
    who["admin"] = node.connect("admin")
    who["admin"].subscribe(f"im/presence/{u.user}")
    wait_state(who["admin"], u.user, "online")
    for name, client in who.items():
        (found, ) = client.rpc("presence.get", uids=[u.user])["users"]
        code = client.subscribe(f"im/presence/{u.user}")
        if name in seen_by:
            assert (found["state"], found["seen"] > 0, code < 0x80) == ("online", True, True), name
        else:
            assert found == {"uid": u.user, "state": "offline"} and code == 0x80, name
    # What may not be seen while it is online is not seen afterwards either.
    u.disconnect()
    wait_state(who["admin"], u.user, "offline")
    for name in set(who) - {"self", "admin"}:
        (found, ) = who[name].rpc("presence.get", uids=[u.user])["users"]
        assert ("seen" in found) == (name in seen_by), name
    assert states(who["blocked"], u.user) == []


def name_devices(node, wanted):
    node.bridge_options["presence_devices"] = wanted
    node.write_bridge_conf()
    node.bridge.send_signal(signal.SIGHUP)


def newest(watcher, uid):
    return (states(watcher, uid) or [{}])[-1]


def test_others_see_the_user_and_not_the_devices(own_node):
    """Neither named, nor by the times at which they come and go; until the operator wants it."""
    node = own_node()
    watcher, user = node.users(2)
    w = node.connect(watcher)
    w.subscribe(f"im/presence/{user}")
    one = node.connect(user, "private phone")
    w.wait_for(lambda: newest(w, user).get("state") == "online")
    assert set(newest(w, user)) == {"uid", "state", "ts"}
    two = node.connect(user, "work desk", clean=False)
    assert two.rpc("presence.set", state="away") == {"changed": True}
    own = {d["device"]: d["state"] for d in one.rpc("device.list")["devices"]}
    assert own == {"private phone": "online", "work desk": "away"}
    two.disconnect()
    until(lambda: one.rpc("device.list")["devices"][1]["state"] == "offline", "the desk is off")
    assert len(states(w, user)) == 1
    assert "devices" not in w.rpc("presence.get", uids=[user])["users"][0]
    name_devices(node, "true")
    w.wait_for(lambda: newest(w, user).get("devices") == [
        {"device": "private phone", "state": "online"}])
    name_devices(node, "false")
    w.wait_for(lambda: "devices" not in newest(w, user))
