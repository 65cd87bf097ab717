# SPDX-License-Identifier: BSD-3-Clause
"""Device accounts: many client ids under one name. What one of them does costs one delivery, what is
for one of them reaches nobody else, and no id of theirs is anybody else's.
"""
import json
import time

import pytest

from lib import mqttwire as w
from lib.admin import Refusal
from lib.client import Refused, RpcError, denied
from lib.node import PASSWORD, until
from lib.raw import Raw
from lib.things import Fleet
from lib.tools import Imctl

NODE = {"options": {"allow_topic": "public/#"}}
V = pytest.mark.parametrize("v5", [False, True], ids=["v311", "v5"])
N = 20


@pytest.fixture(scope="module")
def fleet(node):
    return Fleet(node, f"{node.new_name('veh')}-*")


@pytest.fixture
def own_fleet(own_node):
    def make(pattern="veh-*", **kw):
        return Fleet(own_node(**kw), pattern)
    return make


def quiet(things):
    """Everything that was to come has come: each has the answer to its own question."""
    for t in things:
        t.rpc("user.get")


def test_each_device_is_greeted_alone_and_every_message_is_counted(own_fleet):
    fleet = own_fleet()
    sender = fleet.node.connect(fleet.node.user())
    things = fleet.things(N)
    quiet(things)
    for t in things:
        assert len(t.events("hello")) == 1
        # Hello and one answer: nothing of what the others had.
        assert len(t.messages) == 2, t.messages
    sender.send(f"im/u/{fleet.user}", {"id": "all", "body": "to all"})
    for t in things:
        t.wait_for(lambda t=t: t.to_all(f"u/{sender.user}"))
    for k, t in enumerate(things):
        sender.send(f"im/u/{fleet.user}/{t.device}", {"id": f"c{k}", "body": k})
    for k, t in enumerate(things):
        t.wait_body(f"u/{sender.user}", k)
    for t in things:
        t.send(f"im/u/{sender.user}", {"id": "same-id", "body": t.device})
    quiet(things)
    for t in things:
        # hello, two answers, one to all, one of its own, one ack
        assert len(t.messages) == 6, t.messages
        assert [a["id"] for a in t.acks()] == ["same-id"]
    assert len(sender.bodies(f"u/{fleet.user}")) == N
    assert sorted(m["from_device"] for m in sender.got(f"u/{fleet.user}")) == sorted(
        t.device for t in things)


def test_deliveries_grow_with_the_devices_and_not_with_their_square(own_fleet):
    """All that N devices do, in deliveries of the broker: hello, answer, ack, message each."""
    fleet = own_fleet()
    sender = fleet.node.connect(fleet.node.user())
    cost = []
    for n, first in ((N, 0), (2 * N, N)):
        things = fleet.things(n, first)
        for t in things:
            t.send(f"im/u/{sender.user}", {"id": "1", "body": t.device})
        quiet(things)
        cost.append(sum(len(t.messages) for t in things))
        for t in things:
            t.disconnect()
    # What one device costs is the same: hello, ack, answer.
    assert cost == [3 * N, 6 * N]
    assert len(sender.on(f"u/{fleet.user}")) == 3 * N


def test_a_command_reaches_one_device_and_history_has_it(node, fleet):
    prefix = fleet.prefix
    sender = node.connect(node.user())
    one, two = (fleet.thing(prefix + k) for k in ("one", "two"))
    ack = sender.send(f"im/u/{fleet.user}/{one.device}", {"id": "c", "body": "unlock"})
    got = one.wait_body(f"u/{sender.user}", "unlock")
    assert got["device"] == one.device and got["seq"] == ack["seq"]
    quiet([two])
    assert two.on("u/") == [] and two.to_all(f"u/{sender.user}") == []
    assert [m["body"] for m in one.sync_all()[0]] == ["unlock"]
    assert two.sync_all()[0] == []
    assert sender.history(f"u/{fleet.user}")[-1]["device"] == one.device


def test_wrong_addresses_are_refused_with_a_sentence(node, fleet):
    sender, other = node.connect(node.user()), node.connect(node.user())
    for topic, code, word in ((f"im/u/{fleet.user}/nobody", -32012, "begin"),
                              (f"im/u/{other.user}/{other.device}", -32012, "device accounts"),
                              (f"im/u/{sender.user}/{sender.device}", -32012, "device accounts")):
        sender.publish(topic, {"id": topic[-20:], "body": 1})
        error = sender.wait_ack_of(topic[-20:])["error"]
        assert error["code"] == code and word in error["message"], error


def test_a_device_does_not_write_to_its_account(node, fleet):
    prefix = fleet.prefix
    one = fleet.thing(prefix + "w1")
    for n, topic in enumerate((f"im/u/{fleet.user}", f"im/u/{fleet.user}/{prefix}w2")):
        one.publish(topic, {"id": f"s{n}", "body": 1})
        assert one.wait_ack_of(f"s{n}")["error"]["code"] == -32012


@V
def test_siblings_cannot_listen_to_one_another(node, fleet, v5):
    prefix = fleet.prefix
    one = fleet.thing(prefix + "l1", v5=v5)
    base = f"im/inbox/{fleet.user}/"
    for tail in ("#", "+", "+/+", f"{prefix}l2/#", f"{prefix}l2/event", "event", "ack", "rpc/#",
                 f"{prefix}l2/u/+"):
        assert one.subscribe(base + tail) >= 0x80, tail
    for tail in (f"{prefix}l1/u/+", f"{prefix}l1/event", "u/+", "g/+", "signal/+"):
        assert one.subscribe(base + tail) < 0x80, tail
    # Nor have an answer brought to one.
    if v5:
        two = fleet.thing(prefix + "l2")
        one.publish("im/rpc/user.get", {}, props={"ResponseTopic": two.base + "x"})
        assert one.wait_for(lambda: one.answers())[-1].json["error"]["code"] == -32602
        one.publish("im/rpc/user.get", {}, props={"ResponseTopic": one.base + "x"})
        one.wait_for(lambda: one.on("x"))
        quiet([two])
        assert two.on("x") == []


def test_people_subscribe_as_ever(node):
    user = node.connect(node.user())
    base = f"im/inbox/{user.user}/"
    assert user.subscribe(base + "answers/1") < 0x80
    assert user.subscribe(base + "answers/#") >= 0x80
    assert user.subscribe(base + "+/+") < 0x80


def test_an_id_that_begins_so_is_nobody_elses(own_fleet):
    fleet = own_fleet()
    node = fleet.node
    other = node.user()
    with pytest.raises(Refused):
        node.connect(other, "veh-1")
    one = fleet.thing("veh-1")
    with pytest.raises(Refused):
        node.connect(other, "veh-1")
    assert one.connected
    with pytest.raises(Refused):
        fleet.thing("car-1")
    # A session that is kept at the broker is as safe as one that is connected.
    away = fleet.thing("veh-2", clean=False)
    away.disconnect()
    node.broker.stop()
    node.start_broker()
    with pytest.raises(Refused):
        node.connect(other, "veh-2", clean=False)
    assert node.sql("directory", "SELECT count(*) FROM device JOIN user ON user.id = user"
                                 " WHERE uid = ?", fleet.user) == [(0,)]


def test_patterns_neither_overlap_nor_take_what_is_somebodys(own_fleet):
    fleet = own_fleet()
    node, admin = fleet.node, fleet.admin
    second, person = node.users(2)
    admin.command("setUserRole", username=second, role="device")
    for pattern in ("veh-*", "veh-1*", "ve*"):
        with pytest.raises(Refusal, match="veh-"):
            admin.command("setUserBind", username=second, pattern=pattern)
    for pattern in ("*", "veh", "a*b*", "$im/*", "$*", "auto-*", "au*"):
        with pytest.raises(Refusal):
            admin.command("setUserBind", username=second, pattern=pattern)
    with pytest.raises(Refusal, match="device account"):
        admin.command("setUserBind", username=person, pattern="p-*")
    node.connect(person, "lamp-1")
    until(lambda: node.sql("directory", "SELECT 1 FROM device WHERE device = 'lamp-1'"))
    with pytest.raises(Refusal, match=f"lamp-1.*{person}"):
        admin.command("setUserBind", username=second, pattern="lamp-*")
    assert admin.command("setUserBind", username=second, pattern="door-*") == {"pattern": "door-*"}
    assert admin.command("setUserBind", username=second) == {"pattern": "door-*"}
    assert admin.command("getUser", username=second)["pattern"] == "door-*"
    assert admin.command("setUserBind", username=second, pattern="none") == {"pattern": "none"}
    assert admin.command("getUser", username=second)["pattern"] == "none"
    assert "pattern" not in admin.command("getUser", username=person)


def test_a_pattern_that_changes_ends_those_that_do_not_fit(own_fleet):
    fleet = own_fleet()
    one = fleet.thing("veh-1")
    fleet.admin.command("setUserBind", username=fleet.user, pattern="van-*")
    one.wait_event("session", lambda e: e["reason"] == "kicked")
    one.wait_disconnected()
    with pytest.raises(Refused):
        fleet.thing("veh-1")
    fleet.thing("van-1")
    # Free again.
    person = fleet.node.connect(fleet.node.user(), "veh-1")
    assert person.connected


def test_a_role_that_changes_while_they_are_connected(own_fleet):
    fleet = own_fleet(pattern=None)
    node, admin = fleet.node, fleet.admin
    user = node.user()
    phone = node.connect(user, "phone")
    watcher = node.connect(node.user())
    assert watcher.subscribe(f"im/presence/{user}") < 0x80
    watcher.wait_for(lambda: [m for m in watcher.messages
                              if m.topic == f"im/presence/{user}" and m.payload])
    admin.command("setUserRole", username=user, role="device")
    phone.wait_disconnected()
    # What was told of a person is taken back.
    watcher.wait_for(lambda: [m for m in watcher.messages
                              if m.topic == f"im/presence/{user}" and not m.payload])
    again = node.client(user, "phone").connect()
    assert again.subscribe(f"im/inbox/{user}/#") >= 0x80
    assert again.subscribe(f"im/inbox/{user}/phone/#") < 0x80
    admin.command("setUserRole", username=user, role="user")
    again.wait_disconnected()
    node.connect(user, "phone").wait_event("hello")


def test_no_presence_and_no_place_among_people(node, fleet):
    prefix = fleet.prefix
    watcher = node.connect(node.user())
    watcher.subscribe(f"im/presence/{fleet.user}")
    one = fleet.thing(prefix + "p1")
    quiet([one])
    assert watcher.rpc("user.get", uid=fleet.user)["role"] == "device"
    assert one.rpc("user.get")["role"] == "device"
    assert "role" not in watcher.rpc("user.get", uid=node.user())
    assert watcher.rpc("user.search", q=fleet.user)["users"] == []
    got = watcher.rpc("presence.get", uids=[fleet.user])["users"]
    assert got == [{"uid": fleet.user, "state": "offline", "seen": got[0]["seen"]}]
    assert [m for m in watcher.messages if m.topic.startswith("im/presence/")] == []
    denied(lambda: one.rpc("presence.set", state="away"), -32012)


def test_each_device_has_its_own_rate_and_ids(own_node):
    fleet = Fleet(own_node(options={"rate_messages": 5}))
    sender = fleet.node.connect(fleet.node.user())
    one, two = fleet.things(2)
    for n in range(60):
        one.post(f"im/u/{sender.user}", {"id": f"m{n}", "body": n})
    one.wait_for(lambda: any(a.get("error", {}).get("code") == -32008 for a in one.acks()))
    assert "seq" in two.send(f"im/u/{sender.user}", {"id": "m0", "body": "another"})


def test_reconnecting_fills_no_bucket(own_node):
    fleet = Fleet(own_node(options={"rate_messages": 5}))
    sender = fleet.node.connect(fleet.node.user())

    def burst(device, k):
        thing = fleet.thing(device, listen=False, v5=True)
        mids = [thing.post(f"im/u/{sender.user}", {"id": f"{k}-{i}", "body": 1}) for i in range(40)]
        taken = sum(thing.wait_ack(mid) < 0x80 for mid in mids)
        thing.close()
        return taken

    begun = time.monotonic()
    taken = sum(burst("veh-1", k) for k in range(5)) + sum(burst(f"veh-{k}", k) for k in range(5, 15))
    # What a bucket holds, and what has come in since.
    assert 20 <= taken <= 20 + 5 * (time.monotonic() - begun) * 2 + 1


def test_wills_of_one_client_id_are_paid_by_it(own_node):
    """Each takeover sends the will of the connection before, which is asked about when it is over."""
    fleet = Fleet(own_node(options={"rate_messages": 5}))
    node = fleet.node
    reader = node.connect(node.user())
    sibling = fleet.thing("veh-2")
    will = {"topic": f"im/u/{reader.user}", "payload": b"w", "qos": 1}
    begun = time.monotonic()
    links = [Raw(node.port, w.V5) for _ in range(60)]
    for r in links:
        assert r.connect("veh-1", fleet.user, PASSWORD, will=will)["code"] == 0
    for r in links:
        r.close()
    assert "seq" in sibling.send(f"im/u/{reader.user}", {"id": "s", "body": "mine"})
    reader.wait_for(lambda: any(m["body"] == "mine" for m in reader.got(f"u/{fleet.user}")))
    taken = sum(m["body"] == "w" for m in reader.got(f"u/{fleet.user}"))
    # What the bucket holds, and what has come in since.
    assert 1 <= taken <= 20 + 5 * (time.monotonic() - begun) + 1


def test_steps_are_counted_for_the_account_and_for_the_device(own_fleet):
    fleet = own_fleet()
    sender = fleet.node.connect(fleet.node.user())
    one, two = fleet.things(2)
    hello = one.on("event")[0].raw
    for k in range(3):
        sender.send(f"im/u/{fleet.user}/veh-0", {"id": f"a{k}", "body": k})
        sender.send(f"im/u/{fleet.user}/veh-1", {"id": f"b{k}", "body": k})
        sender.send(f"im/u/{fleet.user}", {"id": f"w{k}", "body": k})
    for t in (one, two):
        t.wait_for(lambda t=t: len(t.got(f"u/{sender.user}")) == 3
                   and len(t.to_all(f"u/{sender.user}")) == 3)
        own = [m.raw["device_n"] for m in t.on(f"u/{sender.user}")]
        assert own == [hello["device_n"] + k for k in (1, 2, 3)]
    whole = [m.raw["n"] for m in one.messages if m.topic == f"{one.whole}u/{sender.user}"]
    assert whole == [hello["n"] + k for k in (1, 2, 3)]
    # The cursor of a device is kept once it has said one, and says nothing of the others.
    last = one.sync_all()[2]
    assert one.rpc("device.ack", cursor=last)["changed"]
    assert one.rpc("sync")["messages"] == []
    assert len(two.rpc("sync")["messages"]) == 6
    receipt = sender.rpc("conv.receipts", conv=f"u/{fleet.user}", seq=1)["receipts"][0]
    assert sender.events("delivered") == []
    assert not receipt["delivered"]


@V
def test_what_is_for_one_that_is_away_waits_for_it_alone(own_fleet, v5):
    fleet = own_fleet()
    more = {"v5": v5, "clean": False, "session_expiry": 3600 if v5 else None}
    sender = fleet.node.connect(fleet.node.user())
    one, two = fleet.things(2, **more)
    one.disconnect()
    for k in range(3):
        sender.send(f"im/u/{fleet.user}/veh-0", {"id": f"c{k}", "body": k})
    back = fleet.thing("veh-0", listen=False, **more)
    back.wait_for(lambda: back.bodies(f"u/{sender.user}") == [0, 1, 2])
    back.wait_event("hello", lambda e: e["behind"])
    quiet([two])
    assert two.on("u/") == []


def test_signals_and_requests_of_a_device(node, fleet):
    prefix = fleet.prefix
    sender = node.connect(node.user(), v5=True)
    one, two = (fleet.thing(prefix + k, v5=True) for k in ("s1", "s2"))
    sender.publish(f"im/s/u/{fleet.user}/{one.device}", "ping")
    one.wait_for(lambda: [m for m in one.on(f"signal/{sender.user}") if m.json["body"] == "ping"])
    # A response topic may be the device's own address, and nobody else's.
    for topic, fine in ((f"im/u/{fleet.user}/{one.device}", True),
                        (f"im/u/{fleet.user}/{two.device}", False)):
        code = one.publish(f"im/u/{sender.user}", json.dumps({"id": topic[-8:], "body": 1}),
                           props={"ResponseTopic": topic})
        assert (code < 0x80) == fine
    got = sender.wait_message(f"u/{fleet.user}")
    assert got["response_topic"] == f"im/u/{fleet.user}/{one.device}"
    assert got["from_device"] == one.device
    quiet([two])
    assert two.on("signal/") == []


def test_names_that_are_levels_are_refused(own_fleet):
    fleet = own_fleet(pattern=None)
    for name in ("u", "g", "ack", "event", "signal", "rpc"):
        with pytest.raises(Refused):
            fleet.thing(name)
        # Nor does anybody write to one.
        sender = fleet.node.connect(fleet.node.user())
        sender.publish(f"im/u/{fleet.user}/{name}", {"id": name, "body": "x"})
        assert sender.wait_ack_of(name)["error"]["code"] == -32012
        sender.publish(f"im/s/u/{fleet.user}/{name}", {"body": "x"})
    odd = fleet.thing("Bob's / +#")
    sender = fleet.node.connect(fleet.node.user())
    sender.send(f"im/u/{fleet.user}/Bob%27s%20%2F%20%2B%23", {"id": "o", "body": "hi"})
    assert odd.wait_body(f"u/{sender.user}", "hi")["device"] == odd.device
    assert [m.topic for m in odd.messages if m.topic.startswith(odd.whole + "u/u/")] == []


def test_the_last_word_reaches_the_one_that_it_is_for(own_fleet):
    fleet = own_fleet()
    one, two = fleet.things(2)
    fleet.admin.command("kickUser", username=fleet.user, device="veh-0")
    one.wait_event("session", lambda e: e["device"] == "veh-0")
    one.wait_disconnected()
    quiet([two])
    assert two.events("session") == []


def test_the_connected_ones_are_listed_and_the_others_are_not_kicked(own_fleet):
    fleet = own_fleet()
    imctl = Imctl.of(fleet.node)
    assert imctl.json("device", "list", fleet.user) == {"connections": []}
    things = fleet.things(N)
    # More than one page of imctl's, which asks for 200.
    for k in range(N, 230):
        fleet.thing(f"veh-{k}", listen=False)
    names = sorted(f"veh-{k}" for k in range(230))
    listed = imctl.json("device", "list", fleet.user)["connections"]
    assert [c["device"] for c in listed] == names
    assert all(abs(c["since_ms"] / 1000 - time.time()) < 300 for c in listed)
    some = imctl.json("device", "list", fleet.user, "--after", "veh-10", "--limit", "2")
    assert [c["device"] for c in some["connections"]] == ["veh-100", "veh-101"]
    things[3].disconnect()
    until(lambda: "veh-3" not in [c["device"] for c in
                                  imctl.json("device", "list", fleet.user)["connections"]])

    def refused(*words):
        done = imctl.run("kick", *words)
        assert done.returncode == 1 and done.stdout == "", done
        return done.stderr
    assert f'the device "veh-3" of "{fleet.user}" is not connected' in refused(fleet.user, "veh-3")
    assert "is not connected" in refused(fleet.user, "veh-9999")
    assert "is no device of" in refused(fleet.user, "car-1")
    imctl.ok("kick", fleet.user, "veh-4")
    things[4].wait_disconnected()
    quiet([things[5]])
    # A session that is away is not connected.
    away = fleet.thing("veh-3", clean=False)
    away.disconnect()
    until(lambda: "is not connected" in imctl.run("kick", fleet.user, "veh-3").stderr)
    # Several orders at once are each told what became of it.
    got = fleet.admin.send_commands({"commands": [
        {"command": "kickUser", "username": fleet.user, "device": "veh-3"},
        {"command": "kickUser", "username": fleet.user, "device": "veh-6"}]})["responses"]
    assert ["error" in r for r in got] == [True, False]
    things[6].wait_disconnected()
    imctl.ok("kick", fleet.user)
    things[0].wait_disconnected()
    until(lambda: imctl.json("device", "list", fleet.user)["connections"] == [])
    assert "no device of" in refused(fleet.user)
    # What was refused is in the audit log as well.
    rows = imctl.json("audit", "--user", fleet.user)["rows"]
    assert [r for r in rows if r["command"] == "kickUser" and r["outcome"] != "ok"]


def test_kill_9_of_the_bridge_while_commands_go_out(own_node):
    fleet = Fleet(own_node(options={"rate_messages": 0}))
    sender = fleet.node.connect(fleet.node.user())
    things = fleet.things(5)
    for k in range(200):
        sender.post(f"im/u/{fleet.user}/veh-{k % 5}", {"id": f"k{k}", "body": k})
        if k % 70 == 50:
            fleet.node.kill_bridge()
            fleet.node.start_bridge()
    for n, t in enumerate(things):
        # Each once in history and in order; what a crash has had delivered twice has one seq.
        want = list(range(n, 200, 5))
        t.wait_for(lambda t=t, want=want: sorted({m["body"] for m in
                                                  t.got(f"u/{sender.user}")}) == want)
        assert {m["device"] for m in t.got(f"u/{sender.user}")} == {t.device}
        synced = t.sync_all()[0]
        assert [m["body"] for m in synced] == want
        seqs = {m["body"]: m["seq"] for m in synced}
        assert all(seqs[m["body"]] == m["seq"] for m in t.got(f"u/{sender.user}"))
        first = list(dict.fromkeys(m["body"] for m in t.got(f"u/{sender.user}")))
        assert first == want
    # Repeated, they are known as what they are; for another device they are something else.
    assert "seq" in sender.send(f"im/u/{fleet.user}/veh-0", {"id": "k0", "body": 0})
    sender.publish(f"im/u/{fleet.user}/veh-1", {"id": "k0", "body": 0})
    sender.wait_for(lambda: any(a.get("error", {}).get("code") == -32010 for a in sender.acks()))


def test_limit_of_devices(own_node):
    fleet = Fleet(own_node(options={"account_devices": 3, "max_devices": 1}))
    things = fleet.things(3)
    with pytest.raises(Refused):
        fleet.thing("veh-9")
    quiet(things)
    things[0].disconnect()
    until(lambda: _let_in(fleet))


def test_sessions_that_stay_are_bounded_and_so_are_their_levels(own_node):
    fleet = Fleet(own_node(options={"account_devices": 10, "allow_topic": "open/#"}))
    more = {"clean": False, "listen": False}
    heard = []
    for k in range(40):
        thing = fleet.thing(f"veh-{k}", **more)
        codes = thing.subscribe(*(f"open/{k}/{n}/b/c/d" for n in range(20)))
        heard.append(sum(c < 0x80 for c in codes))
        thing.close()
    # 320 levels, six of each filter, wherever they are; and the 51st was one too many.
    assert heard == [20, 20, 13] + [0] * 37
    fleet = Fleet(own_node(options={"account_devices": 10, "allow_topic": "open/#"}))
    for k in range(20):
        thing = fleet.thing(f"veh-{k}", **more)
        assert (thing.subscribe("open/#") < 0x80) == (k < 10)
        thing.close()
    back = fleet.thing("veh-3", clean=False)
    fleet.thing("veh-30")
    sender = fleet.node.connect(fleet.node.user())
    sender.send(f"im/u/{fleet.user}/veh-3", {"id": "b", "body": "hi"})
    back.wait_body(f"u/{sender.user}", "hi")


def leave_behind(fleet, names):
    """Which of them had a place for a session that stays; they are away then."""
    placed = []
    for name in names:
        thing = fleet.thing(name, clean=False, listen=False)
        if thing.subscribe(thing.base + "#") < 0x80:
            placed.append(name)
        thing.close()
    return placed


def test_places_of_those_away_are_freed_by_the_administrator(own_node):
    fleet = Fleet(own_node(options={"account_devices": 4}))
    node, admin = fleet.node, fleet.admin
    assert leave_behind(fleet, [f"veh-{k}" for k in range(6)]) == [f"veh-{k}" for k in range(4)]
    # One of them: what comes for it is not kept any more.
    admin.command("kickUser", username=fleet.user, device="veh-1")
    assert leave_behind(fleet, ["veh-7", "veh-8"]) == ["veh-7"]
    with pytest.raises(Refusal, match="not connected"):
        admin.command("kickUser", username=fleet.user, device="veh-1")
    sender = node.connect(node.user())
    for device in ("veh-1", "veh-2"):
        sender.send(f"im/u/{fleet.user}/{device}", {"id": device, "body": device})
    one, two = (fleet.thing(d, clean=False, listen=False) for d in ("veh-1", "veh-2"))
    two.wait_body(f"u/{sender.user}", "veh-2")
    quiet([one, two])
    assert one.got(f"u/{sender.user}") == []
    for t in (one, two):
        t.close()
    # All of them, and nobody is connected.
    admin.command("kickUser", username=fleet.user)
    assert leave_behind(fleet, [f"veh-2{k}" for k in range(6)]) == [f"veh-2{k}" for k in range(4)]
    with pytest.raises(Refusal, match="not connected"):
        admin.command("kickUser", username=fleet.user, device="veh-3")
    # Those whose ids are not the account's any more.
    admin.command("setUserBind", username=fleet.user, pattern="veh-20*")
    assert leave_behind(fleet, [f"veh-20{k}" for k in range(6)]) == [f"veh-20{k}" for k in range(3)]


def _let_in(fleet):
    try:
        return fleet.thing("veh-9")
    except Refused:
        return None


def test_operations_on_an_addressed_message_are_addressed(node, fleet):
    prefix = fleet.prefix
    sender = node.connect(node.user())
    one, two = (fleet.thing(prefix + k) for k in ("e1", "e2"))
    conv = f"u/{fleet.user}"
    seq = sender.send(f"im/{conv}/{one.device}", {"id": "e", "body": "secret"})["seq"]
    sender.rpc("msg.edit", conv=conv, seq=seq, body="secret 2")
    sender.rpc("msg.react", conv=conv, seq=seq, emoji="x")
    sender.rpc("msg.recall", conv=conv, seq=seq)
    one.wait_for(lambda: [m["type"] for m in one.got(f"u/{sender.user}")]
                 == ["text", "edit", "react", "recall"])
    quiet([two])
    assert two.on("u/") == [] and two.to_all(f"u/{sender.user}") == []


def test_an_account_in_a_group(own_fleet):
    """Put in by who owns it, it hears and speaks with every device, and is out at once."""
    fleet = own_fleet()
    node = fleet.node
    alice, bob = (node.connect(u) for u in node.users(2))
    one, two = fleet.things(2)
    alice.rpc("group.create", gid="depot", members=[bob.user])
    alice.send("im/g/depot", {"id": "0", "body": "before"})
    # Not a member yet: refused as anybody is, to the device that has tried.
    one.publish("im/g/depot", {"id": "early", "body": "x"})
    assert one.wait_ack_of("early")["error"]["code"] in (-32002, -32003, -32006)
    quiet([two])
    assert two.acks() == []
    assert "refused" not in alice.rpc("group.invite", gid="depot", members=[fleet.user])
    for t in (one, two):
        t.wait_for(lambda t=t: t.to_all("g/depot"))
        # The change of the group is a message; the event about it comes by sync.
        assert [m["body"]["action"] for m in t.to_all("g/depot")] == ["invite"]
        assert t.events("group") == []
        assert {"conv": "g/depot", "action": "invite"}.items() <= \
            t.rpc("sync", cursor="")["events"][0].items()
    alice.send("im/g/depot", {"id": "1", "body": "to all"})
    for t in (one, two):
        t.wait_for(lambda t=t: "to all" in [m["body"] for m in t.to_all("g/depot")])
    ack = one.send("im/g/depot", {"id": "1", "body": "from one"})
    # The other members hear it; no device of the account, which has it in the history.
    for listener in (alice, bob):
        got = listener.wait_body("g/depot", "from one")
        assert (got["from"], got["from_device"], got["seq"]) == (fleet.user, one.device, ack["seq"])
    quiet([one, two])
    for t in (one, two):
        assert "from one" not in [m["body"] for m in t.to_all("g/depot")]
    assert two.acks() == []
    assert "from one" not in [m["body"] for m in two.rpc("sync", cursor="")["messages"]]
    assert two.history("g/depot")[-1]["from_device"] == one.device
    assert [m["id"] for m in two.history("g/depot") if m["type"] == "text"] == ["0", "1", "1"]
    assert {"uid": fleet.user, "role": "member"}.items() <= \
        [m for m in bob.rpc("group.members", gid="depot")["members"] if m["uid"] == fleet.user][0].items()
    # A signal to the group goes to all of them, too.
    for t in (one, two):
        assert t.subscribe(t.whole + "signal/#") < 0x80
    alice.publish("im/s/g/depot", {"body": "look"})
    for t in (one, two):
        t.wait_for(lambda t=t: [m for m in t.messages if m.topic == t.whole + f"signal/{alice.user}"])
    # What none of them was brought is no gap in what they count.
    alice.send("im/g/depot", {"id": "3", "body": "again"})
    for t in (one, two):
        t.wait_for(lambda t=t: "again" in [m["body"] for m in t.to_all("g/depot")])
        counted = [m.raw["n"] for m in t.messages if m.topic == t.whole + "g/depot"]
        assert counted == [counted[0] + k for k in range(len(counted))]
    # A device is no member by itself.
    denied(lambda: alice.rpc("group.invite", gid="depot", members=[one.device]), -32001)
    alice.rpc("group.kick", gid="depot", members=[fleet.user])
    alice.send("im/g/depot", {"id": "2", "body": "without them"})
    for t in (one, two):
        t.publish("im/g/depot", {"id": "late", "body": "x"})
        assert t.wait_ack_of("late")["error"]["code"] in (-32002, -32003, -32006)
        denied(lambda t=t: t.history("g/depot"), -32002, -32003, -32006)
        assert "without them" not in [m["body"] for m in t.to_all("g/depot")]
        assert [e["action"] for e in t.rpc("sync", cursor="")["events"] if e["event"] == "group"][-1] \
            == "kick"
    assert [m["body"] for m in bob.history("g/depot")][-1] == "without them"


def test_a_device_makes_a_group_and_leaves_it(own_fleet):
    fleet = own_fleet()
    alice = fleet.node.connect(fleet.node.user())
    one, two = fleet.things(2)
    one.rpc("group.create", gid="convoy", members=[alice.user])
    # What one may, the account may: the roles are the account's.
    two.rpc("group.update", gid="convoy", name="Convoy")
    alice.send("im/g/convoy", {"id": "1", "body": "hi"})
    for t in (one, two):
        # What its devices have done themselves is no news to them.
        t.wait_for(lambda t=t: [m["body"] for m in t.to_all("g/convoy")] == ["hi"])
    assert [g["gid"] for g in one.rpc("group.list")["groups"]] == ["convoy"]
    assert two.rpc("conv.list")["conversations"][0]["conv"] == "g/convoy"
    two.rpc("group.dismiss", gid="convoy")
    denied(lambda: one.history("g/convoy"), -32002, -32003, -32006)


def test_errors_of_requests_are_told(node, fleet):
    prefix = fleet.prefix
    one = fleet.thing(prefix + "r1")
    with pytest.raises(RpcError):
        one.rpc("nosuch")
    one.publish("im/ack", "soon")
    one.wait_for(lambda: any(a["id"] is None and a["error"]["code"] == -32602 for a in one.acks()))
