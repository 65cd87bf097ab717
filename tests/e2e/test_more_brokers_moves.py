# SPDX-License-Identifier: BSD-3-Clause
"""Several brokers under one bridge: one device that goes from one to another. The newer connection has it;
the older one is ended and told why, and what its broker has kept for it comes to nobody twice.
test_more_brokers.py says what is where."""
import contextlib

import pytest

from lib import mqttwire as w
from lib.between import Between
from lib.node import PASSWORD, until
from lib.raw import Closed, Raw
from lib.things import Fleet
from test_endings import last_event, not_told
from test_more_brokers import at, people
from test_presence import states, wait_state

BROKERS = [2, 4]
NODE = {"options": {"rate_messages": 0, "allow_topic": "public/#"}, "users": 160}
V = pytest.mark.parametrize("v5", [False, True], ids=["v311", "v5"])


def assert_moved(client):
    told = last_event(client)
    assert told.qos == 0 and not told.retain
    assert told.json == {"event": "session", "action": "end", "device": client.device,
                         "reason": "moved", "retry": "no"}


def keeping(v5):
    return {"v5": v5, "clean": False, "session_expiry": 300 if v5 else None}


def come(node, user, device, broker, **kw):
    """Connected, greeted and heard. A broker may end a connection once, to be rid of what its void session
    held: then once more."""
    for _ in range(2):
        c = node.client(user, device, broker=broker, **kw).connect()
        if stays(c):
            return c
    raise AssertionError(f"{device} is not let stay at broker {broker}")


def stays(client):
    """Whether it is greeted and answered, and not ended."""
    client.paho.subscribe(client.base + "#", 1)
    client.wait_for(lambda: client.events("hello") or not client.connected)
    client.post("im/rpc/user.get", "{}")
    client.wait_for(lambda: client.answers() or not client.connected)
    return client.connected and not client.events("session")


# -- the older connection --

@V
def test_the_older_connection_is_ended_and_told(node, v5):
    watcher, sender = people(node, 2)
    user = node.user()
    assert watcher.subscribe(f"im/presence/{user}") < 0x80
    device = f"{user}'s phone"
    other, older = at(node, 0, user, v5=v5), at(node, 0, user, device, v5=v5)
    wait_state(watcher, user, "online")
    for n in list(range(1, len(node.brokers))) + [0]:
        newer = at(node, n, user, device, v5=v5)
        assert_moved(older)
        sender.send(f"im/u/{user}", {"id": f"at {n}", "body": n})
        newer.wait_body(f"u/{sender.user}", n)
        newer.rpc("user.get")
        assert newer.bodies() == [n] and n not in older.bodies()
        listed = {d["device"]: d["state"] for d in newer.rpc("device.list")["devices"]}
        assert listed == {device: "online", other.device: "online"}
        not_told(newer, other)
        older = newer
    # Nobody has seen it go.
    assert {s["state"] for s in states(watcher, user)} == {"online"}


def test_what_it_has_still_said_counts(node):
    """Published by the older one before it was ended: taken, and acknowledged to the newer one."""
    a, b = people(node, 2)
    older = at(node, 0, a.user, f"{a.user} twice")
    for n in range(20):
        older.post(f"im/u/{b.user}", {"id": f"{n}", "body": n})
    newer = at(node, 1, a.user, older.device)
    assert_moved(older)
    for n in range(20):
        newer.send(f"im/u/{b.user}", {"id": f"{n}", "body": n})
    b.wait_for(lambda: len(b.bodies(f"u/{a.user}")) == 20)
    assert sorted(b.bodies(f"u/{a.user}")) == list(range(20))
    assert len(b.history(f"u/{a.user}")) == 20


@V
def test_a_takeover_at_one_broker_is_what_it_was(node, v5):
    """The newer connection at the same broker: no last event, and no `moved`."""
    user = node.user()
    older = at(node, 1, user, v5=v5)
    newer = at(node, 1, user, older.device, v5=v5)
    older.wait_disconnected()
    newer.rpc("user.get")
    assert older.events("session") == [] and newer.connected


def closed(raw):
    """Whether the server has closed the connection; what comes is read."""
    try:
        while raw.receive(0.02):
            pass
    except (Closed, OSError):
        return True
    return False


def is_end(event):
    return event["topic"].endswith("/event") and b'"session"' in event["payload"]


def test_of_two_that_come_in_one_moment_exactly_one_stays(node):
    """Back to back at two brokers, so that what the bridge says of the first one crosses with the other."""
    user = node.user()
    for n in range(2):
        at(node, n, user).close()  # from now on the password costs nothing
    for n in range(30):
        device = node.new_name("twin ")
        raws = [Raw(b.port) for b in node.brokers[:2]]
        for r in raws:
            r.send(w.connect(device, user, PASSWORD))
        for r in raws:
            r.send(w.subscribe(r.mid(), [(f"im/inbox/{user}/#", 1)]))
        gone = []
        until(lambda g=gone, rs=raws: g.extend(r for r in rs if closed(r)) or g, "an end of one of them")
        assert len(gone) == 1, f"round {n}"
        stays = next(r for r in raws if r not in gone)
        # What was decided is there by the time of an answer.
        stays.publish("im/rpc/user.get", "{}")
        stays.message(lambda m: "/rpc/" in m["topic"])
        told = [w.decode_publish(f, b, w.V311) for k, f, b in stays.seen if k == w.PUBLISH]
        assert not [m for m in told if is_end(m)], f"round {n}"
        stays.ping()
        for r in raws:
            r.close()


# -- its will --

def will_for(node, client, **props):
    return {"topic": f"im/u/{client.user}", "payload": node.new_name("will "), "props": props}


@pytest.mark.parametrize("here, there", [(0, 0), (0, 1), (1, 0)], ids=["same", "away", "back"])
@V
def test_the_will_of_the_older_connection_is_sent_wherever_the_newer_one_is(node, v5, here, there):
    watcher, user = people(node, 1)[0], node.user()
    will = will_for(node, watcher)
    older = at(node, here, user, v5=v5, will=will)
    newer = at(node, there, user, older.device, v5=v5)
    watcher.wait_body(f"u/{user}", will["payload"])
    older.wait_disconnected()
    newer.send(f"im/u/{watcher.user}", {"id": "1", "body": "here"})
    watcher.wait_body(f"u/{user}", "here")
    assert watcher.bodies(f"u/{user}") == [will["payload"], "here"]


@pytest.mark.parametrize("there", [0, 1], ids=["same", "away"])
def test_the_will_of_a_session_that_is_kept_is_not(node, there):
    """Of MQTT 3.1.1, as Mosquitto does at one broker. It comes before the next one's, or never."""
    watcher, user = people(node, 1)[0], node.user()
    older = at(node, 0, user, will=will_for(node, watcher), **keeping(False))
    newer = come(node, user, older.device, there, will=will_for(node, watcher), **keeping(False))
    older.wait_disconnected()
    next_one = will_for(node, watcher)
    at(node, 0, user, will=next_one).abort()
    watcher.wait_body(f"u/{user}", next_one["payload"])
    assert watcher.bodies(f"u/{user}") == [next_one["payload"]] and newer.connected


@pytest.mark.parametrize("lost", [False, True], ids=["taken", "lost"])
@pytest.mark.parametrize("there", [0, 1], ids=["same", "away"])
def test_a_will_that_waits_is_withdrawn_by_coming_back_anywhere(node, there, lost):
    """The next one's, which waits as long and began later, shows that its time is over."""
    watcher, user = people(node, 1)[0], node.user()
    waits = {"v5": True, "clean": False, "session_expiry": 300}
    older = at(node, 0, user, will=will_for(node, watcher, WillDelayInterval=6), **waits)
    if lost:
        older.abort()
    newer = come(node, user, older.device, there, **waits)
    if not lost:
        older.wait_disconnected()
    next_one = will_for(node, watcher, WillDelayInterval=6)
    at(node, 0, user, will=next_one, **waits).abort()
    watcher.wait_body(f"u/{user}", next_one["payload"])
    assert watcher.bodies(f"u/{user}") == [next_one["payload"]] and newer.connected


# -- what its broker has kept --

@V
@pytest.mark.parametrize("restart", [False, True], ids=["running", "restarted"])
def test_what_a_broker_had_queued_does_not_come_twice(node, v5, restart):
    """Away from one broker, at another meanwhile, and back: what was missed comes by sync, once, and live
    again what is new. As often as it likes."""
    sender, user, device = node.connect(node.user()), node.user(), node.new_name("phone ")
    conv, count = f"u/{sender.user}", len(node.brokers)
    sent, cursor, got, last = 0, "", [], None

    def send():
        nonlocal sent
        sender.send(f"im/u/{user}", {"id": f"m{sent}", "body": sent})
        sent += 1
        return sent - 1
    for here in (0, 1, 0, count - 1, 1, 0):
        c = come(node, user, device, here, **keeping(v5))
        messages, _, cursor = c.sync_all(cursor)
        live = send()
        c.wait_body(conv, live)
        c.rpc("user.get")
        if last != here:
            # Of what was sent while it was elsewhere, or nowhere, nothing comes but by sync.
            assert c.bodies(conv) == [live], f"at {here}"
        got += [m["body"] for m in messages if m["conv"] == conv and m["body"] not in got]
        got.append(live)
        c.rpc("device.ack", cursor=c.sync_all(cursor)[2])
        cursor = c.sync_all(cursor)[2]
        c.disconnect()
        for _ in range(3):
            send()
        if restart:
            node.stop_broker(here)
            node.start_broker(here)
            node.wait_served(here)
            sender = sender if sender.connected else node.connect(sender.user, sender.device)
        last = here
    assert got == list(range(sent - 3))


@V
def test_a_session_that_stays_here_keeps_what_it_kept(node, v5):
    """Not moved, but away: what waits for it waits, as with one broker."""
    sender, user, device = node.connect(node.user()), node.user(), node.new_name("phone ")
    c = come(node, user, device, 1, **keeping(v5))
    c.disconnect()
    for n in range(3):
        sender.send(f"im/u/{user}", {"id": f"m{n}", "body": n})
    back = node.client(user, device, broker=1, **keeping(v5)).connect()
    assert back.session_present
    back.wait_body(f"u/{sender.user}", 2)
    assert back.bodies() == [0, 1, 2]


@V
def test_its_other_devices_lose_nothing(node, v5):
    """Those that stay at the broker that one has left: connected, and away."""
    sender, user = node.connect(node.user()), node.user()
    stays = at(node, 0, user, f"{user} stays", v5=v5)
    away = come(node, user, f"{user} away", 0, **keeping(v5))
    away.disconnect()
    moves = come(node, user, f"{user} moves", 0, **keeping(v5))
    there = come(node, user, f"{user} moves", 1, **keeping(v5))
    assert_moved(moves)
    for n in range(3):
        sender.send(f"im/u/{user}", {"id": f"m{n}", "body": n})
    for c in (stays, there):
        c.wait_body(f"u/{sender.user}", 2)
        assert c.bodies() == [0, 1, 2]
    back = node.client(user, away.device, **keeping(v5)).connect()
    back.wait_body(f"u/{sender.user}", 2)
    assert back.bodies() == [0, 1, 2]


@V
def test_ordinary_topics_of_a_void_session_are_silent_too(node, v5):
    user, device = node.user(), node.new_name("reader ")
    c = node.connect(user, device, **keeping(v5))
    assert c.subscribe("public/#") < 0x80
    c.disconnect()
    there = come(node, user, device, 1, **keeping(v5))
    there.disconnect()
    node.connect(node.user()).publish("public/x", "while it was elsewhere")
    back = come(node, user, device, 0, **keeping(v5))
    assert not [m for m in back.messages if m.topic == "public/x"]


# -- while others are away --

def test_a_device_that_moves_while_the_bridge_is_away(own_node):
    node = own_node(brokers=2, users=4)
    user, sender = node.users(2)
    older = at(node, 0, user, "phone")
    node.kill_bridge()
    newer = node.client(user, "phone", broker=1).connect()
    newer.inbox()
    node.start_bridge()
    newer.wait_event("hello")
    assert_moved(older)
    s = node.connect(sender)
    s.send(f"im/u/{user}", {"id": "1", "body": "once"})
    newer.wait_body(f"u/{sender}", "once")
    not_told(newer)


@V
def test_a_device_that_moves_away_from_a_broker_that_is_down(own_node, v5):
    """Its session there, restored from the broker's file, is void when it is back."""
    node = own_node(brokers=2, users=4)
    user, sender = node.users(2)
    s = node.connect(sender, broker=1)
    c = come(node, user, "phone", 0, **keeping(v5))
    c.disconnect()
    s.send(f"im/u/{user}", {"id": "1", "body": "queued"})
    node.stop_broker(0)
    there = come(node, user, "phone", 1, **keeping(v5))
    assert [m["body"] for m in there.sync_all()[0]] == ["queued"]
    node.start_broker(0)
    node.wait_served(0)
    s.send(f"im/u/{user}", {"id": "2", "body": "live"})
    there.wait_body(f"u/{sender}", "live")
    there.disconnect()
    back = come(node, user, "phone", 0, **keeping(v5))
    assert back.bodies() == []


# -- too often, and too many --

def test_two_with_one_client_id_at_two_brokers_are_a_contest(node):
    """As at one broker: the one that is there stays for half a minute, and the user is told. Its sessions
    go on, so each hears its end."""
    user, device = node.user(), node.new_name("twin ")
    other = at(node, 0, user)
    clients = [at(node, 0, user, device, clean=False)]
    for n in range(1, 40):
        c = node.client(user, device, broker=n % 2, clean=False).connect()
        c.paho.subscribe(c.base + "#", 1)
        c.wait_for(lambda: c.events("hello") or not c.connected)
        if not c.connected:
            break
        clients.append(c)
    assert [e["reason"] for e in c.events("session")] == ["contested"]
    assert c.events("session")[0]["retry"] == "later"
    stays = clients[-1]
    other.wait_event("device", lambda e: (e["action"], e["device"]) == ("contested", device))
    stays.rpc("user.get")
    assert stays.connected and stays.events("session") == [] and len(clients) >= 5


def test_who_comes_back_again_and_again_is_no_contest(node):
    """A device that loses its connection and comes to whatever broker takes nothing over."""
    user, device = node.user(), node.new_name("mobile ")
    for n in range(12):
        c = come(node, user, device, n % len(node.brokers))
        c.disconnect()


def turned_away(client):
    """Let in by its broker, and ended: told so, if it has subscribed by then."""
    client.connect()
    client.paho.subscribe(client.base + "#", 1)
    client.wait_disconnected()
    assert [e["reason"] for e in client.events("session")] in ([], ["max_devices"])


@V
def test_one_device_more_over_all_brokers_is_refused(own_node, v5):
    node = own_node(brokers=3, users=4, options={"max_devices": 2})
    user = node.user()
    third = at(node, 2, user, "three", **keeping(v5))
    third.disconnect()
    one, two = (at(node, i, user, v5=v5) for i in (0, 1))
    turned_away(node.client(user, "four", broker=2, v5=v5))
    # One whose session goes on hears why.
    third.messages.clear()
    third.connect()
    third.wait_disconnected()
    assert third.events("session") == [{"event": "session", "action": "end", "device": "three",
                                        "reason": "max_devices", "retry": "no"}]
    for c in (one, two):
        assert c.events("device") == [{"event": "device", "action": "refuse", "device": name}
                                      for name in ("four", "three")]
    not_told(one, two)
    # Who goes makes room.
    two.disconnect()
    until(lambda: stays(node.client(user, "four", broker=2).connect()), "room for it")
    assert one.connected


@V
def test_the_oldest_over_all_brokers_makes_room(own_node, v5):
    node = own_node(brokers=3, users=4, options={"max_devices": 2, "device_policy": "oldest"})
    user = node.user()
    clients = []
    for n in range(4):
        clients.append(at(node, n, user, v5=v5))
    for old, new in ((0, 2), (1, 3)):
        gone = clients[old]
        told = gone.wait_event("device", lambda e, o=gone: e["device"] == o.device)
        assert told == {"event": "device", "action": "replace", "device": gone.device,
                        "by": clients[new].device}
        assert last_event(gone).json["reason"] == "replaced"
    not_told(clients[2], clients[3])


def test_one_that_is_heard_of_late_gives_way_to_the_newest(own_node):
    """Its broker tells of it when it is the one connected longest by then."""
    node = own_node(brokers=2, users=1, options={"max_devices": 2, "device_policy": "oldest"})
    node.bridge.stop()
    between = Between(node.folder / "between.sock", node.brokers[1])
    with contextlib.closing(between):
        node.bridge_options["broker"] = [node.link, between.path]
        node.write_bridge_conf()
        node.start_bridge()
        user = node.user()
        between.through.clear()
        late = node.client(user, f"{user} late", broker=1).connect()
        clients = [at(node, 0, user, f"{user} {n}") for n in range(2)]
        between.through.set()
        for c in clients:
            told = c.wait_event("device", lambda e: e["device"] == late.device)
            assert told == {"event": "device", "action": "replace", "device": late.device,
                            "by": clients[1].device}
        late.wait_disconnected()
        not_told(*clients)


def test_the_limit_of_one_user_holds_over_brokers(node):
    user = node.user()
    node.admin(broker=1).command("setUserMaxDevices", username=user, max_devices=1)
    one = at(node, 0, user)
    turned_away(node.client(user, broker=1))
    not_told(one)
    # The same device again is no other.
    again = at(node, 1, user, one.device)
    assert_moved(one)
    not_told(again)


# -- device accounts --

@V
def test_a_device_of_an_account_that_moves(node, v5):
    prefix = node.new_name("car")
    fleet = Fleet(node, f"{prefix}-*")
    sender = node.connect(node.user())
    conv, me = f"u/{sender.user}", f"{prefix}-1"
    older = fleet.thing(me, **keeping(v5))
    sibling = fleet.thing(f"{prefix}-2")
    newer = fleet.thing(me, broker=1, **keeping(v5))
    assert_moved(older)
    sender.send(f"im/u/{fleet.user}/{me}", {"id": "1", "body": "there"})
    newer.wait_body(conv, "there")
    newer.disconnect()
    back = fleet.thing(me, **keeping(v5))
    sender.send(f"im/u/{fleet.user}/{me}", {"id": "2", "body": "here"})
    back.wait_body(conv, "here")
    back.rpc("user.get")
    assert back.bodies(conv) == ["here"] and older.bodies(conv) == []
    not_told(back, sibling)


@pytest.mark.parametrize("restart", [False, True], ids=["running", "restarted"])
@pytest.mark.parametrize("pattern", ["car-*", None])
def test_commands_come_once_wherever_a_device_of_an_account_gets_them(own_node, pattern, restart):
    """Queued at one broker, taken by sync at another while that is down, and back: whether the bridge was
    another process in between or not."""
    node = own_node(brokers=2, users=4)
    fleet, sender = Fleet(node, pattern), at(node, 1, node.user())
    conv = f"u/{sender.user}"
    car = fleet.thing("car-1", clean=False)
    car.rpc("user.get")
    car.disconnect()
    for n in range(3):
        sender.send(f"im/u/{fleet.user}/car-1", {"id": f"m{n}", "body": n})
    node.stop_broker(0)
    if restart:
        node.kill_bridge()
        node.start_bridge()
    there = fleet.thing("car-1", broker=1, clean=False)
    messages, _, cursor = there.sync_all()
    assert [m["body"] for m in messages if m["conv"] == conv] == [0, 1, 2]
    there.rpc("device.ack", cursor=cursor)
    there.disconnect()
    if restart:
        node.kill_bridge()
        node.start_bridge()
    node.start_broker(0)
    node.wait_served(0)

    def back():
        c = fleet.thing("car-1", listen=False, clean=False)
        c.paho.subscribe(c.base + "#", 1)
        c.wait_for(lambda: c.events("hello") or not c.connected)
        return c
    cars = [back()]
    if not cars[-1].connected:
        cars.append(back())
    sender.send(f"im/u/{fleet.user}/car-1", {"id": "live", "body": "live"})
    bodies = [lambda c=c: [m.json["body"] for m in c.messages if "/u/" in m.topic] for c in cars]
    cars[-1].wait_for(lambda: bodies[-1]() and bodies[-1]()[-1] == "live")
    assert [b() for b in bodies] == [[]] * (len(cars) - 1) + [["live"]]
