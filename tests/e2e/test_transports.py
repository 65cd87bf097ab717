# SPDX-License-Identifier: BSD-3-Clause
"""TLS, WebSocket, and the corners of MQTT that a message must survive."""
import json

import pytest

from lib import mqttwire as w
from lib.node import PASSWORD
from lib.raw import Raw

NODE = {"tls_listener": True, "ws_listener": True}
V = pytest.mark.parametrize("v5", [False, True], ids=["v311", "v5"])


@V
@pytest.mark.parametrize("transport", ["tcp", "tls", "ws"])
def test_messages_requests_and_logins_work_on_every_transport(node, transport, v5):
    alice, bob = node.users(2)
    a, b = node.connect(alice, transport=transport, v5=v5), node.connect(bob)
    a.converse(b)
    assert a.wait_event("hello")["device"] == a.device


@pytest.mark.parametrize("transport", ["tls", "ws"])
def test_a_wrong_password_is_refused_on_every_transport(node, transport):
    from lib.client import Refused
    with pytest.raises(Refused):
        node.client(node.user(), transport=transport, password="wrong").connect()


@V
def test_a_burst_through_websocket_arrives_whole(node, v5):
    alice, bob = node.users(2)
    a, b = node.connect(alice), node.connect(bob, transport="ws", v5=v5)
    for n in range(300):
        a.post(f"im/u/{bob}", {"id": f"w{n}", "body": n})
    b.wait_for(lambda: len(b.on(f"u/{alice}")) == 300)
    assert b.bodies() == list(range(300))


# -- sessions --

@V
def test_a_persistent_session_gets_what_came_while_it_was_away(node, v5):
    alice, bob = node.users(2)
    a = node.connect(alice)
    b = node.connect(bob, v5=v5, clean=False, session_expiry=300 if v5 else None)
    b.disconnect()
    for n in range(50):
        a.send(f"im/u/{bob}", {"id": f"q{n}", "body": n})
    b.connect()
    assert b.session_present
    b.wait_for(lambda: len(b.on(f"u/{alice}")) == 50)
    assert b.bodies(f"u/{alice}") == list(range(50))
    # It keeps its subscription, so there is a hello only for a new one.
    assert [m["body"] for m in b.sync_all()[0]] == list(range(50))


def test_an_own_ack_waits_for_a_persistent_session(node):
    alice, bob = node.users(2)
    a = node.connect(alice, clean=False)
    other = node.connect(alice)
    a.disconnect()
    other.send(f"im/u/{bob}", {"id": "1", "body": "x"})
    a.connect()
    assert a.wait_ack_of("1")["seq"] == 1


@V
def test_a_clean_session_gets_nothing_by_itself_and_all_by_sync(node, v5):
    alice, bob = node.users(2)
    a, b = node.connect(alice), node.connect(bob, v5=v5)
    b.disconnect()
    a.send(f"im/u/{bob}", {"id": "1", "body": "missed"})
    b.connect().inbox()
    assert [m["body"] for m in b.sync_all()[0]] == ["missed"]
    assert b.got() == []


def test_what_the_brokers_queue_could_not_hold_is_synced(own_node):
    """max_queued_messages bounds what waits for a session; the rest shows as a hole in seq."""
    node = own_node(users=3, max_queued=50)
    alice, bob = node.users(2)
    a, b = node.connect(alice), node.connect(bob, clean=False)
    cursor = b.sync_all()[2]
    b.disconnect()
    for n in range(200):
        a.send(f"im/u/{bob}", {"id": f"q{n}", "body": n})
    b.connect()
    b.rpc("user.get")
    live = b.bodies(f"u/{alice}")
    assert live == sorted(live) and len(live) < 200
    assert [m["body"] for m in b.sync_all(cursor)[0]] == list(range(200))


def test_a_silent_connection_ends_and_is_seen_to(node):
    """Keepalive: a device that vanished without a word is offline."""
    watcher, user = node.users(2)
    watch = node.connect(watcher)
    watch.subscribe(f"im/presence/{user}")
    with Raw(node.port) as r:
        r.connect(f"{user}-silent", user, PASSWORD, keepalive=1)
        for state in ("online", "offline"):
            watch.wait_for(lambda s=state: any(
                m.topic.startswith("im/presence/") and m.json["state"] == s
                for m in watch.messages), what=state)


# -- MQTT 5 --

@pytest.mark.parametrize("qos", [0, 1, 2])
def test_topic_aliases_name_the_topic_that_was_meant(node, qos):
    alice, bob, carol = node.users(3)
    b, c = node.connect(bob), node.connect(carol)
    kind = w.PUBREC if qos == 2 else w.PUBACK
    with Raw(node.port, w.V5) as r:
        assert r.connect(f"{alice}-alias", alice, PASSWORD)["props"]["topic_alias_maximum"] > 0
        sends = [(f"im/u/{bob}", 1, "b0"), (f"im/u/{carol}", 2, "c0")]
        sends += [("", 1 + n % 2, f"{'bc'[n % 2]}{n // 2 + 1}") for n in range(10)]
        for topic, alias, text in sends:
            mid = r.publish(topic, text, qos=qos, props={"topic_alias": alias})
            if qos:
                assert r.puback(mid, kind) == 0
            if qos == 2:
                r.send(w.ack(w.PUBREL, mid))
        for client in (b, c):
            client.wait_for(lambda client=client: len(client.on(f"u/{alice}")) == 6)
    assert b.bodies() == [f"b{n}" for n in range(6)]
    assert c.bodies() == [f"c{n}" for n in range(6)]
    assert node.broker.running


def test_an_alias_of_a_denied_topic_is_denied_again(node):
    alice = node.user()
    with Raw(node.port, w.V5) as r:
        r.connect(f"{alice}-alias2", alice, PASSWORD)
        mid = r.publish("$im/down", b"", qos=1, props={"topic_alias": 1})
        assert r.puback(mid) == 0x87
        for _ in range(3):
            mid = r.publish("", b"", qos=1, props={"topic_alias": 1})
            assert r.puback(mid) == 0x87


def test_a_pubacks_code_is_plain_success(node):
    """Not 0x10, no matching subscribers: the sink has one."""
    alice, bob = node.users(2)
    with Raw(node.port, w.V5) as r:
        r.connect(f"{alice}-rc", alice, PASSWORD)
        assert r.puback(r.publish(f"im/u/{bob}", "x", qos=1)) == 0
        assert r.puback(r.publish(f"im/u/{bob}", "x", qos=2), w.PUBREC) == 0
        assert r.puback(r.publish("im/rpc/user.get", "{}", qos=1)) == 0


def test_payload_format_expiry_and_content_type_of_a_sender_do_no_harm(node):
    alice, bob = node.users(2)
    a, b = node.connect(alice, v5=True), node.connect(bob, v5=True)
    a.publish(f"im/u/{bob}", "text", props={"PayloadFormatIndicator": 1, "ContentType": "a/b",
                                            "MessageExpiryInterval": 1,
                                            "UserProperty": [("k", "v"), ("k", "w")]})
    assert b.wait_message(f"u/{alice}")["body"] == "text"


def test_no_local_and_retain_handling_are_harmless(node):
    alice, bob = node.users(2)
    a, b = node.connect(alice, v5=True, inbox=False), node.connect(bob)
    assert a.subscribe(f"im/inbox/{alice}/#", no_local=True, retain_handling=2) == 1
    a.send(f"im/u/{bob}", {"id": "1", "body": "x"})
    b.send(f"im/u/{alice}", {"id": "2", "body": "y"})
    a.wait_body(f"u/{bob}", "y")


# -- resends and duplicates --

@V
@pytest.mark.parametrize("qos", [1, 2])
def test_a_dup_of_a_lost_connection_is_stored_once_with_an_id(node, v5, qos):
    alice, bob = node.users(2)
    version, kind = (w.V5 if v5 else w.V311), (w.PUBREC if qos == 2 else w.PUBACK)
    props = {"session_expiry_interval": 60} if v5 else None
    payload = json.dumps({"id": "dup", "body": "x"})
    device = f"{alice}-dup"
    with Raw(node.port, version) as r:
        r.connect(device, alice, PASSWORD, clean=False, props=props)
        mid = r.publish(f"im/u/{bob}", payload, qos=qos)
        r.puback(mid, kind)
        # The client has not seen the ack: same packet, DUP set, on a new connection.
    with Raw(node.port, version) as r:
        assert r.connect(device, alice, PASSWORD, clean=False, props=props)["session_present"]
        r.send(w.publish(f"im/u/{bob}", payload, qos=qos, mid=mid, dup=True, version=version))
        r.puback(mid, kind)
        if qos == 2:
            r.send(w.ack(w.PUBREL, mid))
            r.expect(w.PUBCOMP)
    b = node.connect(bob)
    b.send(f"im/u/{alice}", {"id": "fence", "body": "x"})
    assert [m["id"] for m in b.history(f"u/{alice}")] == ["dup", "fence"]


@pytest.mark.parametrize("qos", [1, 2])
def test_a_receiver_that_does_not_ack_gets_it_again(node, qos):
    """Delivered at QoS 1: until the device has said so, and marked as a repeat."""
    alice, bob = node.users(2)
    a = node.connect(alice)
    with Raw(node.port) as r:
        r.connect(f"{bob}-slow", bob, PASSWORD, clean=False)
        r.subscribe(f"im/inbox/{bob}/u/#", qos)
        a.send(f"im/u/{bob}", {"id": "1", "body": "once"})
        first = r.message()
        assert first["qos"] == 1 and not first["dup"]
    with Raw(node.port) as r:
        r.connect(f"{bob}-slow", bob, PASSWORD, clean=False)
        again = r.message()
        assert again["payload"] == first["payload"] and again["dup"]
        r.send(w.ack(w.PUBACK, again["mid"]))


def test_a_receiver_that_never_acks_does_not_stop_the_others(node):
    alice, bob, carol = node.users(3)
    a, c = node.connect(alice), node.connect(carol)
    gid = node.group(a, [bob, carol])
    with Raw(node.port) as r:
        r.connect(f"{bob}-stuck", bob, PASSWORD)
        r.subscribe(f"im/inbox/{bob}/#")
        for n in range(200):
            a.send(f"im/g/{gid}", {"id": f"n{n}", "body": n})
        c.wait_for(lambda: len(c.on(f"g/{gid}")) == 201)
    assert [m["seq"] for m in c.got(f"g/{gid}")] == list(range(1, 202))


# -- malformed MQTT --

@pytest.mark.parametrize("data", [
    b"", b"\x00", b"\x10", b"GET / HTTP/1.1\r\n\r\n", b"\x10\xff\xff\xff\xff\xff",
    b"\x10\x00", w.PING, w.publish("im/u/x", "y"), w.subscribe(1, [("#", 0)]),
    b"\x30\x02\x00\x05", b"\xf0\x00", b"\x10\x0c\x00\x04MQTT\x04\xff\x00\x3c\x00\x00",
    w.connect("x" * 60000, "u", "p")[:1000],
], ids=range(13))
def test_a_connection_that_does_not_begin_well_hurts_nobody(node, data):
    bystander = node.connect(node.user())
    with Raw(node.port) as r:
        r.send(data)
        bystander.rpc("user.get")
    bystander.rpc("user.get")
    assert node.broker.running and bystander.connected


@pytest.mark.parametrize("packet", [
    w.packet(w.PUBLISH, 6, w.blob("im/u/x") + b"\0\1"), w.packet(w.PUBLISH, 2, w.blob("im/u/x")),
    w.packet(w.PUBLISH, 2, b"\xff\xff"), w.publish("im/u/+", "x"), w.publish("im/u/#", "x"),
    w.packet(w.PUBLISH, 0, b"\0\4im/\xff"), w.packet(w.PUBLISH, 0, b"\0\0x"),
    w.packet(w.SUBSCRIBE, 2, b"\0\1"), w.packet(w.SUBSCRIBE, 2, b"\0\1\0\3im\0\1"),
    w.subscribe(1, [("im/#/x", 1)]), w.subscribe(1, [("$share/g", 1)]),
    w.subscribe(1, [("$share//im/x", 1)]), w.subscribe(1, [("", 1)]),
    w.packet(w.SUBSCRIBE, 2, b"\0\0" + w.blob("x") + b"\1"), w.ack(w.PUBACK, 77),
    w.ack(w.PUBREL, 77), w.connect("again"),
], ids=range(17))
def test_a_malformed_packet_of_a_user_hurts_nobody(node, packet):
    bystander, user = node.connect(node.user()), node.user()
    for version in (w.V311, w.V5):
        with Raw(node.port, version) as r:
            assert r.connect(f"{user}-{version}", user, PASSWORD)["code"] == 0
            r.send(packet)
            bystander.rpc("user.get")
    assert node.broker.running and bystander.connected
