# SPDX-License-Identifier: BSD-3-Clause
"""Ordinary MQTT beside IM: what a client can see of the broker is the same with the plugin, on
topics that `allow_topic` opens, as without. Every test runs on both with the same assertions; where
brokers of different versions differ, the plugin's is compared with the plain one.
"""
import pytest

from lib import build
from lib import mqttwire as w
from lib.node import PASSWORD, until
from lib.plain import Plain
from lib.raw import Closed, Raw

NODE = {"options": {"allow_topic": "plain/#", "rate_messages": 0, "rate_bytes": 0}}
V = pytest.mark.parametrize("v5", [False, True], ids=["v311", "v5"])


class Side:
    """One of the two brokers: a user to oneself, connections, topics that nobody else uses."""

    def __init__(self, name, broker):
        self.name, self.broker = name, broker
        self.user = broker.user()

    def client(self, stem="c", **kw):
        return self.broker.connect(self.user, device=f"{self.user}-{stem}", inbox=False, **kw)

    def raw(self, stem="r", v5=True, **kw):
        r = Raw(self.broker.port, w.V5 if v5 else w.V311)
        r.connack = r.connect(f"{self.user}-{stem}", self.user, PASSWORD, **kw)
        assert r.connack["code"] == 0
        return r

    def topic(self, tail="x"):
        return f"plain/{self.user}/{tail}"


@pytest.fixture(scope="module")
def plain():
    broker = Plain()
    try:
        yield broker.start()
    finally:
        broker.close()


@pytest.fixture(params=["plain", "plugin"])
def side(request, plain, node):
    return Side(request.param, plain if request.param == "plain" else node)


@pytest.fixture
def both(plain, node):
    return Side("plain", plain), Side("plugin", node)


def wait(client, n):
    client.wait_for(lambda: len(client.messages) >= n, what=f"{n} messages")
    return client.messages


def payloads(client):
    return [m.payload for m in client.messages]


# -- the exchange --

@V
@pytest.mark.parametrize("sub_qos", [0, 1, 2])
@pytest.mark.parametrize("pub_qos", [0, 1, 2])
def test_the_lower_qos_holds(side, v5, pub_qos, sub_qos):
    c = side.client(v5=v5)
    assert c.subscribe(side.topic(), qos=sub_qos) == sub_qos
    c.publish(side.topic(), b"\x00\xff raw", qos=pub_qos)
    m = wait(c, 1)[0]
    assert (m.qos, m.payload, m.retain) == (min(pub_qos, sub_qos), b"\x00\xff raw", False)


@V
def test_a_message_of_qos_2_that_is_sent_twice_comes_once(side, v5):
    """Sent again on the next connection, as if the PUBREC had been lost."""
    kw = {"v5": v5, "clean": False, "props": {"session_expiry_interval": 1000} if v5 else None}
    with side.raw("s", v5=v5) as s:
        s.subscribe(side.topic(), 0)
        for dup in (False, True):
            with side.raw(**kw) as r:
                assert r.connack["session_present"] == dup
                r.send(w.publish(side.topic(), b"once", qos=2, mid=9, dup=dup, version=r.version))
                assert r.puback(9, w.PUBREC) == 0
                if dup:
                    r.send(w.ack(w.PUBREL, 9))
                    assert r.puback(9, w.PUBCOMP) == 0
                    r.publish(side.topic(), b"fence")
                    s.message(lambda m: m["payload"] == b"fence")
        came = [w.decode_publish(f, b, s.version)["payload"] for k, f, b in s.seen
                if k == w.PUBLISH]
        assert came == [b"once", b"fence"]


@V
def test_what_was_not_acknowledged_is_sent_again(side, v5):
    props = {"session_expiry_interval": 1000} if v5 else None
    with side.raw(v5=v5, clean=False, props=props) as r:
        r.subscribe(side.topic(), 1)
        r.publish(side.topic(), b"again", qos=1)
        first = r.message()
    with side.raw(v5=v5, clean=False, props=props) as r:
        assert r.connack["session_present"]
        second = r.message()
        assert second["dup"] and second["mid"] == first["mid"] and second["payload"] == b"again"


@V
def test_order_and_size(side, v5):
    c = side.client(v5=v5)
    c.subscribe(side.topic(), qos=1)
    sent = [b"%d" % n for n in range(200)] + [b"x" * 500_000, b""]
    for payload in sent:
        c.post(side.topic(), payload)
    wait(c, len(sent))
    assert payloads(c) == sent


@V
@pytest.mark.parametrize("named", [True, False], ids=["named", "wildcard"])
@pytest.mark.parametrize("size", [1024, 1025, 20_000, 65_535])
def test_a_topic_may_be_as_long_as_mqtt_lets_it(side, v5, size, named):
    topic = side.topic("x" * (size - len(side.topic(""))))
    assert len(topic) == size
    c = side.client(v5=v5)
    assert c.subscribe(topic if named else side.topic("#")) == 1
    assert c.publish(topic, "long", retain=True) == 0
    assert [(m.topic, m.payload) for m in wait(c, 1)] == [(topic, b"long")]
    late = side.client("late", v5=v5)
    late.subscribe(side.topic("#"))
    assert [(m.topic, m.retain) for m in wait(late, 1)] == [(topic, True)]
    c.publish(topic, b"", retain=True)


# -- subscriptions --

@pytest.mark.parametrize("topic_filter, matching", [
    ("+", {"a"}), ("a/+", {"a/b", "a/"}), ("a/#", {"a", "a/b", "a/b/c", "a/"}),
    ("+/b", {"a/b"}), ("+/+/c", {"a/b/c"}), ("#", {"a", "a/b", "a/b/c", "a/"}),
])
def test_wildcards(side, topic_filter, matching):
    c = side.client()
    c.subscribe(side.topic(topic_filter))
    for tail in ("a", "a/b", "a/b/c", "a/"):
        c.publish(side.topic(tail), tail)
    c.subscribe(side.topic("fence"))
    c.publish(side.topic("fence"), "fence")
    c.wait_for(lambda: b"fence" in payloads(c))
    assert {p.decode() for p in payloads(c)} - {"fence"} == matching


def test_overlapping_subscriptions(both):
    """Once or once for each: whichever this broker does."""
    seen = []
    for side in both:
        for v5 in (False, True):
            c = side.client(f"o{v5}", v5=v5)
            c.subscribe(side.topic("#"), qos=1)
            c.subscribe(side.topic("+"), qos=2)
            c.subscribe(side.topic("x"), qos=0)
            c.publish(side.topic("x"), "m", qos=2)
            c.publish(side.topic("y/z"), "fence")
            c.wait_for(lambda: b"fence" in payloads(c))
            seen.append(sorted((m.payload, m.qos) for m in c.messages))
    assert seen[:2] == seen[2:] and seen[0]


def test_unsubscribing(side):
    c = side.client(v5=True)
    c.subscribe(side.topic())
    assert c.unsubscribe(side.topic()) == 0
    assert c.unsubscribe(side.topic()) == 0x11
    assert c.publish(side.topic(), "unheard") in (0, 0x10)
    c.subscribe(side.topic("fence"))
    c.publish(side.topic("fence"), "fence")
    wait(c, 1)
    assert payloads(c) == [b"fence"]


def test_no_local(side):
    a, b = side.client("a", v5=True), side.client("b", v5=True)
    a.subscribe(side.topic(), no_local=True)
    a.publish(side.topic(), "mine")
    b.publish(side.topic(), "theirs")
    wait(a, 1)
    assert payloads(a) == [b"theirs"]


def test_shared_subscriptions(side):
    workers = [side.client(f"w{n}", v5=True) for n in range(3)]
    for c in workers:
        assert c.subscribe(f"$share/group/{side.topic()}") < 0x80
    every = side.client("all", v5=True)
    every.subscribe(side.topic())
    for n in range(60):
        every.publish(side.topic(), str(n))
    wait(every, 60)
    until(lambda: sum(len(c.messages) for c in workers) >= 60, "60 jobs")
    assert sorted(int(p) for c in workers for p in payloads(c)) == list(range(60))
    assert all(c.messages for c in workers)


def test_properties_are_carried(side):
    c = side.client(v5=True)
    c.subscribe(side.topic())
    c.publish(side.topic(), "x", props={
        "UserProperty": [("k", "v"), ("from", "me")], "ContentType": "text/x",
        "ResponseTopic": "anywhere/else", "CorrelationData": b"\x00\x01",
        "PayloadFormatIndicator": 1})
    m = wait(c, 1)[0]
    assert m.user_properties == {"k": "v", "from": "me"} and m.content_type == "text/x"
    assert m.correlation == b"\x00\x01" and m.payload_format == 1


# -- retained --

@V
def test_retained(side, v5):
    c = side.client(v5=v5)
    c.publish(side.topic(), "old", retain=True)
    c.publish(side.topic(), "new", retain=True)
    c.subscribe(side.topic())
    assert [(m.payload, m.retain) for m in wait(c, 1)] == [(b"new", True)]
    c.publish(side.topic(), "live", retain=True)
    assert not wait(c, 2)[1].retain
    c.publish(side.topic(), b"", retain=True)
    wait(c, 3)
    late = side.client("late", v5=v5)
    late.subscribe(side.topic("#"))
    late.publish(side.topic("fence"), "fence")
    wait(late, 1)
    assert payloads(late) == [b"fence"]


@pytest.mark.parametrize("handling, came", [(0, [1, 1]), (1, [1, 0]), (2, [0, 0])])
def test_retain_handling(side, handling, came):
    with side.raw() as r:
        r.publish(side.topic(), b"kept", retain=True)
        for n, expected in enumerate(came):
            r.subscribe(side.topic(), handling << 4)
            r.ping()
            got = [p for p in r.seen if p[0] == w.PUBLISH]
            assert len(got) == sum(came[:n + 1])
        r.publish(side.topic(), b"", retain=True)


def test_retain_as_published(side):
    with side.raw() as r:
        r.subscribe(side.topic(), 0x08)
        r.publish(side.topic(), b"kept", retain=True)
        assert r.message()["retain"]
        r.publish(side.topic(), b"", retain=True)


# -- wills --

@V
@pytest.mark.parametrize("retain", [False, True], ids=["plain", "retained"])
def test_a_will_comes_when_the_connection_is_cut_and_only_then(side, v5, retain):
    watcher = side.client("watch", v5=v5)
    watcher.subscribe(side.topic("#"))
    will = {"topic": side.topic("will"), "payload": "gone", "retain": retain}
    side.client(v5=v5, will=will).disconnect()
    watcher.publish(side.topic("fence"), "left")
    side.client(v5=v5, will=will).abort()
    wait(watcher, 2)
    assert payloads(watcher) == [b"left", b"gone"]
    late = side.client("late", v5=v5)
    late.subscribe(side.topic("will"))
    late.subscribe(side.topic("fence"))
    late.publish(side.topic("fence"), "fence")
    late.wait_for(lambda: b"fence" in payloads(late))
    assert (b"gone" in payloads(late)) == retain
    late.publish(side.topic("will"), b"", retain=True)


def test_a_disconnect_with_will(side):
    watcher = side.client("watch", v5=True)
    watcher.subscribe(side.topic("will"))
    with side.raw(will={"topic": side.topic("will"), "payload": b"asked for"}) as r:
        r.send(w.disconnect(w.V5, 0x04))
        r.expect_closed()
    assert wait(watcher, 1)[0].payload == b"asked for"


# -- sessions --

@V
def test_queueing_for_who_is_away(side, v5):
    kw = {"v5": v5, "clean": False, **({"session_expiry": 1000} if v5 else {})}
    c = side.client("away", **kw)
    assert not c.session_present
    c.subscribe(side.topic(), qos=2)
    c.disconnect()
    p = side.client("here", v5=v5)
    for n in range(30):
        p.publish(side.topic(), str(n), qos=n % 2 + 1)
    back = side.client("away", **kw)
    assert back.session_present
    wait(back, 30)
    for qos in (1, 2):  # each in its own order
        came = [int(m.payload) for m in back.messages if m.qos == qos]
        assert came == [n for n in range(30) if n % 2 + 1 == qos]
    back.disconnect()
    assert not side.client("away", v5=v5).session_present


def test_session_expiry(side):
    for expiry, present in ((None, False), (0, False), (1000, True)):
        stem = f"e{expiry}"
        side.client(stem, v5=True, clean=False, session_expiry=expiry).disconnect()
        assert side.client(stem, v5=True, clean=False).session_present == present


def test_a_disconnect_that_ends_the_session(side):
    with side.raw("end", clean=False, props={"session_expiry_interval": 1000}) as r:
        r.send(w.packet(w.DISCONNECT, 0, b"\x00" + w.properties({"session_expiry_interval": 0})))
        r.expect_closed()
    with side.raw("end", clean=False) as r:
        assert not r.connack["session_present"]


@V
def test_takeover(both, v5):
    seen = []
    for side in both:
        watcher = side.client("watch", v5=v5)
        watcher.subscribe(side.topic("#"))
        with side.raw("one", v5=v5, will={"topic": side.topic("will"), "payload": b"w"}) as old:
            with side.raw("one", v5=v5) as new:
                came = old.expect_closed()
                new.ping()
                watcher.publish(side.topic("fence"), "fence")
                watcher.wait_for(lambda: b"fence" in payloads(watcher))
                seen.append((came, payloads(watcher)))
    assert seen[0] == seen[1]


# -- MQTT 5's flow control and aliases --

def test_receive_maximum(both):
    """Two at first, and then as this broker counts."""
    seen = []
    for side in both:
        with side.raw(props={"receive_maximum": 2}) as r:
            r.subscribe(side.topic(), 1)
            p = side.client("pub", v5=True)
            for n in range(5):
                p.publish(side.topic(), str(n))
            counts = []
            for n in range(5):
                r.ping()
                came = [x for x in r.seen if x[0] == w.PUBLISH]
                counts.append(len(came))
                m = w.decode_publish(*came[n][1:], w.V5)
                assert m["payload"] == b"%d" % n
                r.send(w.ack(w.PUBACK, m["mid"]))
            assert counts[0] == 2 and counts[-1] == 5
            seen.append(counts)
    assert seen[0] == seen[1]


def test_topic_aliases(side):
    with side.raw() as r:
        assert r.connack["props"]["topic_alias_maximum"] >= 2
        r.subscribe(side.topic("#"), 0)
        for topic, alias, arrives in [("a", 1, "a"), ("", 1, "a"), ("b", 2, "b"), ("", 1, "a"),
                                      ("c", 1, "c"), ("", 1, "c"), ("", 2, "b")]:
            r.publish(side.topic(topic) if topic else "", b"x", props={"topic_alias": alias})
            assert r.message()["topic"] == side.topic(arrives)


def answer_to(side, stem, data):
    """What came for these bytes after CONNACK, whether the connection stayed or not."""
    with side.raw(stem) as r:
        try:
            r.send(data + w.PING)
            r.expect(w.PINGRESP)
        except Closed:
            pass
        return [p for p in r.seen if p[0] != w.CONNACK]


@pytest.mark.parametrize("what", ["alias 0", "alias above", "alias unknown", "wildcard", "qos 3",
                                  "empty", "no filter", "bad filter", "mid 0"])
def test_what_is_wrong_is_answered_alike(both, what):
    seen = []
    for side in both:
        topic = side.topic()
        data = {
            "alias 0": w.publish(topic, "x", version=w.V5, props={"topic_alias": 0}),
            "alias above": w.publish(topic, "x", version=w.V5, props={"topic_alias": 65535}),
            "alias unknown": w.publish("", "x", version=w.V5, props={"topic_alias": 3}),
            "wildcard": w.publish(side.topic("+"), "x", qos=1, mid=1, version=w.V5),
            "qos 3": w.publish(topic, "x", qos=3, mid=1, version=w.V5),
            "empty": w.publish("", "x", qos=1, mid=1, version=w.V5),
            "no filter": w.subscribe(1, [], version=w.V5),
            "bad filter": w.subscribe(1, [(side.topic("#/x"), 1)], version=w.V5),
            "mid 0": w.publish(topic, "x", qos=1, mid=0, version=w.V5),
        }[what]
        seen.append(answer_to(side, "bad", data))
    assert seen[0] == seen[1]


# -- what is the broker's own --

@V
def test_sys_is_not_written(side, v5):
    """Nobody's message appears there, whatever the broker answers."""
    listener = side.client("listen", v5=v5)
    listener.subscribe("$SYS/#")
    listener.subscribe(side.topic("fence"))
    c = side.client("writer", v5=v5)
    for qos in (0, 1, 2):
        c.publish("$SYS/broker/version", "forged", qos=qos, retain=True)
    assert c.connected
    c.publish(side.topic("fence"), "fence")
    listener.wait_for(lambda: b"fence" in payloads(listener))
    assert b"forged" not in payloads(listener)
