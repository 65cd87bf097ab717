# SPDX-License-Identifier: BSD-3-Clause
"""Ordinary MQTT beside IM, continued: what MQTT 5 adds, and what takes time. Every test runs on the
broker with the plugin and on the same one without.
"""
import time

from lib import mqttwire as w
from lib.node import PASSWORD
from lib.raw import Raw
# The two brokers, and the sides that a test sees.
from test_conformance import NODE, V, both, plain, side, wait, payloads  # noqa: F401

KEPT = {"session_expiry_interval": 1000}


def published(r):
    return [w.decode_publish(f, b, r.version) for k, f, b in r.seen if k == w.PUBLISH]


# -- wills --

def test_a_delayed_will_comes_later(side):
    watcher = side.client("watch", v5=True)
    watcher.subscribe(side.topic("#"))
    will = {"topic": side.topic("will"), "payload": b"late", "props": {"will_delay_interval": 2}}
    with side.raw(will=will, clean=False, props=KEPT):
        pass
    cut = time.monotonic()
    watcher.publish(side.topic("fence"), "fence")
    wait(watcher, 2)
    assert payloads(watcher) == [b"fence", b"late"]
    assert time.monotonic() - cut > 0.5


def test_a_delayed_will_is_withdrawn_by_coming_back(side):
    watcher = side.client("watch", v5=True)
    watcher.subscribe(side.topic("#"))
    for seconds in (1, 2):  # the second one shows that the first one's time is over
        will = {"topic": side.topic("will"), "payload": b"%d" % seconds,
                "props": {"will_delay_interval": seconds}}
        with side.raw(f"w{seconds}", will=will, clean=False, props=KEPT):
            pass
    with side.raw("w1", clean=False, props=KEPT) as r:
        assert r.connack["session_present"]
        wait(watcher, 1)
        assert payloads(watcher) == [b"2"]


def test_a_session_that_expires_sends_the_will_that_was_to_wait_longer(side):
    watcher = side.client("watch", v5=True)
    watcher.subscribe(side.topic("#"))
    will = {"topic": side.topic("will"), "payload": b"expired",
            "props": {"will_delay_interval": 1000}}
    with side.raw(will=will, clean=False, props={"session_expiry_interval": 1}) as r:
        r.subscribe(side.topic("x"), 1)
    assert wait(watcher, 1)[0].payload == b"expired"
    with side.raw(clean=False) as r:
        assert not r.connack["session_present"]


def test_the_properties_of_a_will_are_carried(side):
    with side.raw("watch") as watcher:
        watcher.subscribe(side.topic("will"), 1)
        props = {"payload_format_indicator": 1, "content_type": "text/x",
                 "response_topic": "some/where", "correlation_data": b"\x00\x01",
                 "user_property": [("a", "1"), ("a", "2")]}
        with side.raw(will={"topic": side.topic("will"), "payload": b"x", "qos": 1,
                            "props": {**props, "will_delay_interval": 0}}):
            pass
        assert watcher.message()["props"] == props


# -- time --

def test_messages_that_expire_do_not_wait_for_who_is_away(side):
    with side.raw(clean=False, props=KEPT) as r:
        r.subscribe(side.topic(), 1)
    p = side.client("pub", v5=True)
    for n, seconds in enumerate((1, 1000, None)):
        p.publish(side.topic(), f"{n}", props={"MessageExpiryInterval": seconds} if seconds else None)
    p.publish(side.topic("kept"), "short", retain=True, props={"MessageExpiryInterval": 3})
    # The end of this one, which comes later, is seen by asking for it again and again.
    with side.raw("look") as look:
        def retained():
            have = len(published(look))
            look.subscribe(side.topic("kept"), 0)
            look.ping()
            return len(published(look)) > have
        end = time.monotonic() + 30
        while retained():
            assert time.monotonic() < end, "it does not expire"
            time.sleep(0.05)
    with side.raw(clean=False, props=KEPT) as r:
        r.ping()
        came = published(r)
        assert [m["payload"] for m in came] == [b"1", b"2"]
        assert 900 < came[0]["props"]["message_expiry_interval"] <= 999
        assert "message_expiry_interval" not in came[1]["props"]


@V
def test_who_is_silent_for_too_long_is_gone_and_leaves_a_will(side, v5):
    watcher = side.client("watch", v5=v5)
    watcher.subscribe(side.topic("will"))
    with side.raw(v5=v5, keepalive=1, will={"topic": side.topic("will"), "payload": b"silent"}) as r:
        came = r.expect_closed()
        assert [k for k, _, _ in came if k != w.CONNACK] in ([], [w.DISCONNECT])
        assert wait(watcher, 1)[0].payload == b"silent"


@V
def test_who_pings_stays(side, v5):
    with side.raw(v5=v5, keepalive=1) as r:
        end = time.monotonic() + 3
        while time.monotonic() < end:
            r.ping()
            time.sleep(0.3)
        assert r.subscribe(side.topic(), 0) == 0


# -- subscriptions --

def test_subscription_identifiers(both):
    seen = []
    for side in both:
        with side.raw() as r:
            for number, tail in ((7, "a"), (268435455, "+"), (None, "#")):
                r.send(w.subscribe(r.mid(), [(side.topic(tail), 1)], version=w.V5,
                                   props=number and {"subscription_identifier": number}))
                r.expect(w.SUBACK)
            side.client("pub", v5=True).publish(side.topic("a"), "x")
            r.ping()
            seen.append([m["props"] for m in published(r)])
    assert seen[0] == seen[1] and seen[0]


def test_requests_and_responses(side):
    """By MQTT's own properties, beside IM's."""
    server, caller = side.client("server", v5=True), side.client("caller", v5=True)
    server.subscribe(side.topic("service"))
    caller.subscribe(side.topic("answers/+"))
    caller.publish(side.topic("service"), "2+2", props={
        "ResponseTopic": side.topic("answers/1"), "CorrelationData": b"\x00c"})
    with side.raw("look") as r:
        r.subscribe(side.topic("service"), 1)
        caller.publish(side.topic("service"), "3+3", props={
            "ResponseTopic": side.topic("answers/1"), "CorrelationData": b"\x00c"})
        request = r.message()["props"]
        assert request == {"response_topic": side.topic("answers/1"), "correlation_data": b"\x00c"}
    asked = wait(server, 1)[0]
    server.publish(request["response_topic"], "4", props={"CorrelationData": asked.correlation})
    assert wait(caller, 1)[0].correlation == b"\x00c"


def test_shared_subscriptions_survive_a_worker(side):
    """What one has not acknowledged when it goes for good is not lost to the group's next message."""
    every, stays = side.client("all", v5=True), side.client("stays", v5=True)
    every.subscribe(side.topic())
    stays.subscribe(f"$share/g/{side.topic()}")
    with side.raw("goes") as r:
        r.subscribe(f"$share/g/{side.topic()}", 1)
    for n in range(20):
        every.publish(side.topic(), str(n))
    wait(every, 20)
    wait(stays, 20)
    assert payloads(stays) == [b"%d" % n for n in range(20)]


# -- delivery --

@V
def test_qos_2_to_a_receiver_that_answers_late(side, v5):
    """Its PUBREC and PUBCOMP get lost with the connection: sent again, and once."""
    kw = {"v5": v5, "clean": False, "props": KEPT if v5 else None}
    with side.raw(**kw) as r:
        r.subscribe(side.topic(), 2)
        side.client("pub", v5=v5).publish(side.topic(), "once", qos=2)
        first = r.message()
        assert first["qos"] == 2 and not first["dup"]
    with side.raw(**kw) as r:
        again = r.message()
        assert again["dup"] and again["mid"] == first["mid"]
        r.send(w.ack(w.PUBREC, first["mid"]))
        r.expect(w.PUBREL)
    with side.raw(**kw) as r:
        r.expect(w.PUBREL)
        r.send(w.ack(w.PUBCOMP, first["mid"]))
        r.ping()
        assert published(r) == []
    with side.raw(**kw) as r:
        r.ping()
        assert [k for k, _, _ in r.seen if k in (w.PUBLISH, w.PUBREL)] == []


def test_a_receivers_largest_packet(side):
    with side.raw(props={"maximum_packet_size": 200}) as r:
        r.subscribe(side.topic(), 1)
        p = side.client("pub", v5=True)
        for payload in (b"small", b"x" * 1000, b"small again"):
            p.publish(side.topic(), payload)
        r.message(lambda m: m["payload"] == b"small again")
        assert [m["payload"] for m in published(r)] == [b"small", b"small again"]


def test_the_greetings_are_the_same(both):
    """What CONNACK says of the broker, whatever the client asks for."""
    asked = [({}, True), (KEPT, False), ({"receive_maximum": 1, "topic_alias_maximum": 5}, True),
             ({"request_problem_information": 0, "maximum_packet_size": 100}, True)]
    seen = []
    for side in both:
        greetings = []
        for n, (props, clean) in enumerate(asked):
            with side.raw(f"g{n}", clean=clean, props=props) as r:
                greetings.append(r.connack)
        seen.append(greetings)
    assert seen[0] == seen[1]


@V
def test_an_empty_client_id(both, v5):
    seen = []
    for side in both:
        with Raw(side.broker.port, w.V5 if v5 else w.V311) as r:
            answer = r.connect("", side.user, PASSWORD)
            made_up = answer["props"].pop("assigned_client_identifier", "")
            r.ping()
            seen.append((answer, bool(made_up)))
    assert seen[0] == seen[1] and seen[0][0]["code"] == 0
