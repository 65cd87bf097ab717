# SPDX-License-Identifier: BSD-3-Clause
"""Bounds, and what is said at them: rates, the spool, ids, packets."""
import contextlib
import json
import time

import pytest

from lib import build
from lib import mqttwire as w
from lib.node import PASSWORD
from lib.raw import Closed, Raw

# What PUBACK says to MQTT 5 where sending again later helps.
QUOTA = 0x97 if build.broker_version() >= (2, 1) else 0x87
V = pytest.mark.parametrize("v5", [False, True], ids=["v311", "v5"])


# -- rates --

@V
def test_a_flood_is_refused_and_others_are_not_held_up(own_node, v5):
    node = own_node(options={"rate_messages": 20})
    alice, bob, carol = node.users(3)
    a, b, c = node.connect(alice, v5=v5), node.connect(bob), node.connect(carol)
    for n in range(400):
        a.post(f"im/u/{bob}", {"id": f"f{n}", "body": n})
    for n in range(5):
        c.send(f"im/u/{bob}", {"id": f"c{n}", "body": n})
    a.wait_for(lambda: len(a.acks()) >= 400)
    refused = [x for x in a.acks() if "error" in x]
    assert refused and {x["error"]["code"] for x in refused} == {-32008}
    stored = [x for x in a.acks() if "seq" in x]
    assert 79 <= len(stored) < 400  # four seconds' worth as a burst; the inbox took one
    assert a.connected
    assert len(b.history(f"u/{alice}")) == len(stored)


@pytest.mark.parametrize("qos", [1, 2])
def test_at_the_rate_puback_says_so_where_the_broker_can(own_node, qos):
    """2.1 says "quota exceeded", 2.0 "not authorized"; the refusal on `ack` is the same."""
    node = own_node(options={"rate_messages": 5})
    alice, bob = node.users(2)
    a = node.connect(alice, v5=True)
    codes = [a.publish(f"im/u/{bob}", {"id": f"q{n}", "body": n}, qos=qos) for n in range(60)]
    a.wait_for(lambda: len(a.acks()) >= 60)
    refused = [int(x["id"][1:]) for x in a.acks() if "error" in x]
    assert refused and {x["error"]["code"] for x in a.acks() if "error" in x} == {-32008}
    assert {codes[n] for n in refused} == {QUOTA}
    assert {codes[n] for n in set(range(60)) - set(refused)} == {0}
    assert a.connected


@V
def test_bytes_are_limited_too(own_node, v5):
    node = own_node(options={"rate_bytes": "16k"})
    alice, bob = node.users(2)
    a = node.connect(alice, v5=v5)
    for n in range(10):
        a.post(f"im/u/{bob}", {"id": f"b{n}", "body": "x" * 20000})
    a.wait_for(lambda: len(a.acks()) >= 10)
    assert {x["error"]["code"] for x in a.acks() if "error" in x} == {-32008}
    assert any("seq" in x for x in a.acks())


def test_who_was_limited_may_send_again_later(own_node):
    node = own_node(options={"rate_messages": 5})
    alice, bob = node.users(2)
    a = node.connect(alice)
    for n in range(40):
        a.post(f"im/u/{bob}", {"id": f"x{n}", "body": n})
    a.wait_for(lambda: len(a.acks()) >= 40)
    last = next(x["id"] for x in a.acks() if "error" in x)

    def stored():
        a.publish(f"im/u/{bob}", {"id": last, "body": int(last[1:])})
        a.wait_for(lambda: a.acks()[-1]["id"] == last)
        return "seq" in a.acks()[-1]
    from lib.node import until
    until(stored, "permission to send again")


@V
def test_a_limited_user_without_id_is_told_with_null(own_node, v5):
    """Where that costs no PUBACK: MQTT 5, whose PUBACK says no, and QoS 0."""
    node = own_node(options={"rate_messages": 2})
    alice, bob = node.users(2)
    a = node.connect(alice, v5=v5)
    for n in range(30):
        a.post(f"im/u/{bob}", f"plain {n}", qos=1 if v5 else 0)
    error = a.wait_for(lambda: [x for x in a.acks() if "error" in x])[0]
    assert error["id"] is None and error["error"]["code"] == -32008


@pytest.mark.parametrize("qos", [1, 2])
def test_what_is_over_the_rate_is_not_acked_to_a_client_that_cannot_be_told(own_node, qos):
    """MQTT 3.1.1 without ids, as mosquitto_pub -l sends: its only word from the server is PUBACK, so
    what it got one for must be stored. It sends again what it got none for."""
    node = own_node(options={"rate_messages": 100})
    alice, bob = node.users(2)
    kind = w.PUBREC if qos == 2 else w.PUBACK
    left, deadline = list(range(600)), time.monotonic() + 60
    while left:
        assert time.monotonic() < deadline
        with Raw(node.port) as r:
            r.connect(f"{alice}-feed", alice, PASSWORD)
            try:
                mids = {r.publish(f"im/u/{bob}", f"m{n}", qos=qos): n for n in left}
                for mid, n in mids.items():
                    r.puback(mid, kind)
                    left.remove(n)
            except Closed:
                pass
    b = node.connect(bob)
    b.send(f"im/u/{alice}", {"id": "fence", "body": "x"})
    assert {m["body"] for m in b.history(f"u/{alice}")} >= {f"m{n}" for n in range(600)}


# -- the spool --

SMALL = {"spool_size": "1M", "rate_messages": 0, "rate_bytes": 0}
BODY = "x" * 20000


def fill(client, topic, qos=1):
    """Publishes until one is refused; returns how many were accepted before."""
    n = 0
    while client.publish(topic, json.dumps({"id": f"n{n}", "body": BODY}), qos=qos) < 0x80:
        n += 1
        assert n < 200, "the spool has no bound"
    return n


@pytest.mark.parametrize("qos", [1, 2])
def test_a_full_spool_is_an_error_in_mqtt5_and_nothing_accepted_is_lost(own_node, qos):
    node = own_node(options=SMALL)
    alice, bob = node.users(2)
    a = node.connect(alice, v5=True)
    node.kill_bridge()
    accepted = fill(a, f"im/u/{bob}", qos)
    assert accepted > 20
    code = a.publish(f"im/u/{bob}", json.dumps({"id": "again", "body": BODY}), qos=qos)
    assert code == QUOTA and a.connected
    node.start_bridge()
    a.wait_for(lambda: len({x["id"] for x in a.acks() if "seq" in x}) == accepted)
    assert [m["id"] for m in a.history(f"u/{bob}")] == [f"n{i}" for i in range(accepted)]
    a.send(f"im/u/{bob}", {"id": "after", "body": "room again"})


@pytest.mark.parametrize("qos", [1, 2])
def test_a_full_spool_disconnects_mqtt_311_without_an_ack_and_the_resend_succeeds(own_node, qos):
    node = own_node(options=SMALL)
    alice, bob = node.users(2)
    node.kill_bridge()
    kind = w.PUBACK if qos == 1 else w.PUBREC
    accepted, r = 0, Raw(node.port)
    assert r.connect(f"{alice}-raw", alice, PASSWORD, clean=False)["code"] == 0
    while True:
        payload = json.dumps({"id": f"n{accepted}", "body": BODY})
        mid = r.publish(f"im/u/{bob}", payload, qos=qos)
        try:
            r.puback(mid, kind)
        except Closed:
            break
        if qos == 2:
            r.send(w.ack(w.PUBREL, mid))
        accepted += 1
        assert accepted < 200
    assert accepted > 20
    # Nothing came for the refused one, not even before the connection was closed.
    acked = {w.decode_ack(b, w.V311)[0] for k, _, b in r.seen if k == kind}
    assert mid not in acked
    r.close()
    node.start_bridge()
    with Raw(node.port) as again:
        assert again.connect(f"{alice}-raw", alice, PASSWORD, clean=False)["code"] == 0
        again.subscribe(f"im/inbox/{alice}/ack")
        again.send(w.publish(f"im/u/{bob}", payload, qos=qos, mid=mid, dup=True))
        again.puback(mid, kind)
        again.message(lambda m: f'"n{accepted}"'.encode() in m["payload"])
    a = node.connect(alice)
    assert [m["id"] for m in a.history(f"u/{bob}")] == [f"n{i}" for i in range(accepted + 1)]


def test_qos_0_at_a_full_spool_is_dropped_and_keeps_the_connection(own_node):
    node = own_node(options=SMALL)
    alice, bob = node.users(2)
    five, three = node.connect(alice, v5=True), node.connect(alice)
    node.kill_bridge()
    accepted = fill(five, f"im/u/{bob}")
    for c in (three, five):
        for _ in range(5):
            c.publish(f"im/u/{bob}", BODY, qos=0)
    node.start_bridge()
    assert three.connected or three.connect().inbox()
    assert len(three.history(f"u/{bob}")) in range(accepted, accepted + 11)


def test_other_traffic_goes_on_while_the_bridge_is_away(own_node):
    node = own_node(options={**SMALL, "allow_topic": "public/#"})
    alice, bob = node.users(2)
    a, b = node.connect(alice, v5=True), node.connect(bob)
    node.kill_bridge()
    fill(a, f"im/u/{bob}")
    b.subscribe("public/#")
    assert a.publish("public/x", "y") == 0
    b.wait_for(lambda: any(m.topic == "public/x" for m in b.messages))
    # Logins known to the broker work, too.
    assert node.client(alice, device=a.device, v5=True).connect().connected
    node.start_bridge()


# -- packets and names --

@pytest.mark.parametrize("limit, size, fits", [
    ("1k", 1024, True), ("1k", 1025, False), ("1M", 1024 * 1024, True),
])
def test_the_payload_limit_is_configurable(own_node, limit, size, fits):
    node = own_node(options={"max_payload": limit, "rate_bytes": 0})
    alice, bob = node.users(2)
    a, b = node.connect(alice, v5=True), node.connect(bob)
    code = a.publish(f"im/u/{bob}", b"\xff" * size)
    assert (code == 0) == fits
    if fits:
        m = b.wait_message(f"u/{alice}")
        assert len(m["body"]) == (size + 2) // 3 * 4
        assert b.history(f"u/{alice}")[0] == m
        assert b.sync_all()[0] == [m]


def test_what_grows_too_long_in_json_is_refused(own_node):
    """Control characters take six bytes each there; the link carries 1,900 KiB."""
    node = own_node(options={"max_payload": "1M", "rate_bytes": 0, "rate_messages": 0})
    alice, bob = node.users(2)
    a, b = node.connect(alice, v5=True), node.connect(bob)
    for topic in (f"im/u/{bob}", f"im/s/u/{bob}"):
        a.publish(topic, b"\x01" * 400_000)
        error = a.wait_for(lambda: a.acks())[-1]["error"]
        assert error["code"] == -32007 and "sixfold" in error["message"]
        a.messages.clear()
    a.publish(f"im/u/{bob}", b"\x01" * 250_000)
    m = b.wait_message(f"u/{alice}")
    assert m["body"] == "\x01" * 250_000 and b.history(f"u/{alice}") == [m]
    seq = a.send(f"im/u/{bob}", {"id": "1", "body": "x" * 950_000})["seq"]
    reply = a.rpc_raw("msg.edit", {"conv": f"u/{bob}", "seq": seq, "body": "y" * 950_000})
    assert reply["error"]["code"] == -32007
    assert a.rpc("msg.edit", conv=f"u/{bob}", seq=seq, body="short")["changed"]
    assert b.history(f"u/{alice}")[1]["body"] == "short"


def test_a_request_above_the_limit_is_refused(node):
    c = node.connect(node.user(), v5=True)
    c.publish("im/rpc/user.update", {"nick": "x" * 70000})
    assert c.wait_for(lambda: c.on(f"rpc/{c.device}"))[0].json["error"]["code"] == -32007
    assert c.rpc("user.get")["nick"] == ""


@pytest.mark.parametrize("n, fits", [(64, True), (65, False)])
def test_names_have_64_bytes(node, n, fits):
    from lib.admin import Refusal
    admin, owner = node.admin(), node.connect(node.user())
    uid = "u" * (n - 2) + node.new_name("")[-2:].rjust(2, "x")
    if fits:
        admin.create_user(uid)
        c = node.connect(uid, device="d" * 62 + node.new_name("")[-2:].rjust(2, "y"))
        owner.send(f"im/u/{uid}", {"id": "i" * 64, "body": "long names"})
        assert c.wait_message(f"u/{owner.user}")["id"] == "i" * 64
        node.group(owner, [uid], gid="g" * 62 + node.new_name("")[-2:].rjust(2, "z"))
    else:
        with pytest.raises(Refusal):
            admin.create_user(uid)
        owner.publish(f"im/u/{uid}", "x")
        assert owner.wait_for(lambda: owner.acks())[0]["error"]["code"] in (-32001, -32012)


def test_a_topic_of_60_kib_is_denied(node):
    c = node.connect(node.user(), v5=True)
    for topic in ("im/u/" + "x" * 60000, "im/" + "a/" * 100, "im/inbox/" + "x" * 60000 + "/#"):
        try:
            if not topic.endswith("#"):
                assert c.publish(topic, "x") >= 0x80
            assert c.subscribe(topic) >= 0x80
        except AssertionError:
            assert not c.connected  # the broker's own limit on levels closes the connection
            c.connect().inbox()
    assert c.rpc("user.get")


# -- logins --

def test_more_than_can_wait_at_once(own_node):
    """1200 first logins in one go: whoever is turned away is not told that his password is wrong."""
    node = own_node(users=1200)
    users = node.users(1200)
    pending = {u: w.V311 if n % 2 else w.V5 for n, u in enumerate(users)}
    with contextlib.ExitStack() as stack:
        for _ in range(30):
            raws = {}
            for user, version in pending.items():
                r = stack.enter_context(Raw(node.port, version))
                r.send(w.connect(f"{user}-1", user, PASSWORD, version=version))
                raws[user] = r
            for user, r in raws.items():
                try:
                    answer = w.decode_connack(r.expect(w.CONNACK)[1], r.version)["code"]
                except Closed:
                    continue
                assert answer in ((0, ) if r.version == w.V311 else (0, 0x89)), user
                if answer == 0:
                    del pending[user]
            if not pending:
                break
    assert not pending and node.broker.running
