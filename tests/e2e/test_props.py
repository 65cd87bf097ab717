# SPDX-License-Identifier: BSD-3-Clause
"""MQTT 5 properties: what a sender gives reaches receivers of every version, live and in history; what
is beyond its bounds is refused; a copy that waits at the broker ends with its message."""
import base64
import time

import pytest

from lib.node import until

NODE = {"options": {"allow_topic": ["fleet/%u/#", "open/#"]}}
V = pytest.mark.parametrize("v5", [False, True], ids=["v311", "v5"])

GIVEN = {"ContentType": "text/plain; charset=utf-8", "PayloadFormatIndicator": 1,
         "UserProperty": [("trace", "t-1"), ("é\"\\", "消"), ("trace", ""), ("", "x")],
         "CorrelationData": b"\x00\xff7"}
SHOWN = {"content_type": "text/plain; charset=utf-8", "format": 1,
         "props": [["trace", "t-1"], ["é\"\\", "消"], ["trace", ""], ["", "x"]],
         "correlation": base64.b64encode(b"\x00\xff7").decode()}


def pair(node, v5=True):
    """A sender with MQTT 5, and a receiver."""
    return node.connect(node.user(), v5=True), node.connect(node.user(), v5=v5)


def shown(message):
    return {k: message[k] for k in (*SHOWN, "response_topic") if k in message}


def delivered(client, conv, body):
    client.wait_body(conv, body)
    return next(m for m in client.on(conv) if m.json["body"] == body)


def refused(sender, topic, props, payload=None):
    """The refusal on `ack` of a message with these properties."""
    payload = payload or {"id": f"no-{len(sender.acks())}", "body": "refused"}
    assert sender.publish(topic, payload, props=props) == 0x87
    return sender.wait_ack_of(payload["id"])["error"]


# -- carried --

@V
def test_properties_are_stored_and_carried(node, v5):
    a, b = pair(node, v5)
    a.send(f"im/u/{b.user}", {"id": "1", "body": "hi"},
           props={**GIVEN, "ResponseTopic": f"im/u/{a.user}"})
    got = delivered(b, f"u/{a.user}", "hi")
    want = {**SHOWN, "response_topic": f"im/u/{a.user}"}
    assert shown(got.json) == want
    assert shown(b.history(f"u/{a.user}")[0]) == want
    assert shown(b.sync_all()[0][0]) == want
    assert shown(b.rpc("conv.list")["conversations"][0]["last"]) == want
    if v5:
        # The payload is JSON, whatever the body is.
        assert (got.content_type, got.payload_format) == ("application/json", None)
        assert got.pairs == [("conv", f"u/{a.user}"), ("seq", "1"), ("from", a.user), ("id", "1"),
                             *GIVEN["UserProperty"]]
        assert (got.response_topic, got.correlation) == (f"im/u/{a.user}", b"\x00\xff7")
        assert got.expiry is None


def test_groups_and_rooms_carry_them(node):
    a, b = pair(node)
    gid, room = node.group(a, [b.user]), node.group(a, [b.user], kind="room")
    b.subscribe(f"im/room/{room}")
    for n, (conv, tail) in enumerate([(gid, f"im/inbox/{b.user}/g/{gid}"),
                                      (room, f"im/room/{room}")]):
        a.send(f"im/g/{conv}", {"id": f"g{n}", "body": "hi", "ttl": 3600},
               props={**GIVEN, "ResponseTopic": f"im/g/{conv}"})
        got = b.wait_for(lambda t=tail: next(
            (m for m in list(b.messages) if m.topic == t and m.json["body"] == "hi"), None))
        assert shown(got.json) == {**SHOWN, "response_topic": f"im/g/{conv}"}
        assert got.pairs == [("conv", f"g/{conv}"), ("seq", "2"), ("from", a.user),
                             ("id", f"g{n}"), *GIVEN["UserProperty"]]
        assert (got.response_topic, got.correlation) == (f"im/g/{conv}", b"\x00\xff7")
        assert 3590 <= got.expiry <= 3600


def test_nobody_is_told_who_he_is_not(node):
    a, b = pair(node)
    forged = [("from", "admin"), ("conv", "u/admin"), ("seq", "99"), ("id", "1"), ("id", "2")]
    a.send(f"im/u/{b.user}", {"id": "1", "body": "hi"}, props={"UserProperty": forged})
    got = delivered(b, f"u/{a.user}", "hi")
    assert got.pairs == [("conv", f"u/{a.user}"), ("seq", "1"), ("from", a.user), ("id", "1")]
    assert "props" not in got.json
    # What came with a delivery may be sent on as it is.
    b.send(f"im/u/{a.user}", {"id": "1", "body": "back"},
           props={"UserProperty": got.pairs + [("x", "y")]})
    assert delivered(a, f"u/{b.user}", "back").json["props"] == [["x", "y"]]


def test_all_that_is_allowed_fits(node):
    a, b = pair(node)
    props = [(f"n{n:02}".ljust(64, "x"), "v" * 64) for n in range(16)]
    a.send(f"im/u/{b.user}", {"id": "1", "body": "full"},
           props={"UserProperty": [*props, ("id", "1"), ("ttl", "3600"), ("from", "me")],
                  "ContentType": "t" * 256, "CorrelationData": b"c" * 256})
    got = delivered(b, f"u/{a.user}", "full")
    assert got.pairs[4:] == props
    assert got.json["props"] == [list(p) for p in props]
    assert (got.json["content_type"], got.json["ttl"]) == ("t" * 256, 3600)
    assert (got.correlation, got.payload_format) == (b"c" * 256, None)


def test_they_survive_a_crash_in_the_spool(own_node):
    node = own_node()
    a, b = pair(node)
    node.kill_bridge()
    assert a.publish(f"im/u/{b.user}", {"id": "1", "body": "kept"}, props=GIVEN) < 0x80
    node.kill_broker()
    node.start_broker()
    node.start_bridge()
    a.connect()
    b.connect().inbox()
    until(lambda: b.history(f"u/{a.user}"), "the message")
    assert shown(b.history(f"u/{a.user}")[0]) == SHOWN


# -- refused --

def test_what_is_beyond_its_bounds_is_refused_and_not_stored(node):
    a, b = pair(node)
    topic = f"im/u/{b.user}"
    too_much = "at most 16 user properties are carried, of 2048 bytes in all"
    for props, why in [
            ({"UserProperty": [("a", "b")] * 17}, too_much),
            ({"UserProperty": [("a", "v" * 1024), ("b", "v" * 1024)]}, too_much),
            ({"UserProperty": [("from", "me")] * 1000}, too_much),
            ({"UserProperty": [("a", "v" * 60000)]}, too_much),
            ({"ContentType": "t" * 257}, "the content type has 257 bytes, at most 256"),
            ({"CorrelationData": b"c" * 257}, "correlation data has 257 bytes, at most 256"),
            ({"UserProperty": [("ttl", "soon")]}, "the user property ttl must be given once"),
            ({"UserProperty": [("ttl", "0")]}, "the user property ttl must be given once")]:
        error = refused(a, topic, props)
        assert (error["code"], why in error["message"]) == (-32602, True), error
    # Said of the message that is meant, though it says so by a property.
    assert a.publish(topic, "x", props={"UserProperty": [("a", "b")] * 20 + [("id", "p-1")]}) == 0x87
    assert a.wait_ack_of("p-1")["error"]["code"] == -32602
    # What is in the payload is known only where it is decoded.
    assert a.publish(topic, {"id": "two", "body": 1, "ttl": 5},
                     props={"UserProperty": [("ttl", "6")]}) == 0
    assert "the member ttl differ" in a.wait_ack_of("two")["error"]["message"]
    mid = a.post(topic, b"\xff\xfe", props={"PayloadFormatIndicator": 1})
    assert a.wait_ack(mid) == 0x87
    a.wait_for(lambda: any("the payload format indicator says UTF-8" in x["error"]["message"]
                           for x in a.acks() if x["id"] is None))
    a.send(topic, {"id": "ok", "body": "first"})
    assert [(m["seq"], m["body"]) for m in b.history(f"u/{a.user}")] == [(1, "first")]


def test_an_answer_is_asked_for_where_the_asker_may_write(node):
    a, b = pair(node)
    gid, other = node.group(a, [b.user]), node.group(a, [b.user])
    taken = [(f"im/u/{b.user}", f"im/u/{a.user}"), (f"im/g/{gid}", f"im/g/{gid}"),
             (f"im/u/{b.user}", f"fleet/{a.user}/answers"), (f"im/g/{gid}", "open/x")]
    for n, (to, response) in enumerate(taken):
        a.send(to, {"id": f"t{n}", "body": response}, props={"ResponseTopic": response})
    wrong = [(f"im/u/{b.user}", r) for r in (
        f"im/u/{b.user}", "im/u/admin", f"im/g/{gid}", f"im/inbox/{a.user}/rpc/x",
        f"im/s/u/{a.user}", "im/rpc/user.update", f"fleet/{b.user}/brake", "closed/x",
        "$CONTROL/im/v1", "$im/down")]
    wrong += [(f"im/g/{gid}", f"im/g/{other}"), (f"im/g/{gid}", f"im/u/{a.user}")]
    for to, response in wrong:
        error = refused(a, to, {"ResponseTopic": response, "CorrelationData": b"7"})
        assert (error["code"], "the response topic of this message may be im/" in
                error["message"]) == (-32602, True), (to, response, error)
    assert [m["body"] for m in b.history(f"u/{a.user}")] == [taken[0][1], taken[2][1]]
    assert [m["body"] for m in b.history(f"g/{gid}") if m["type"] == "text"] == [taken[1][1],
                                                                                 taken[3][1]]


# -- the end of a message --

def over(ack, ttl_s):
    """Until the broker has dropped its copies: it counts whole seconds of the clock, from when it was given
    one, which has what is left rounded up, and keeps it through the last of them."""
    end = (ack["ts"] + ttl_s * 1000) // 1000 + 2
    until(lambda: time.time() > end + 0.1, "the end of the ttl")


@V
def test_a_copy_that_waits_ends_with_its_message(node, v5):
    a = node.connect(node.user(), v5=True)
    kw = {"v5": v5, "clean": False, **({"session_expiry": 3600} if v5 else {})}
    b = node.client(node.user(), **kw).connect().inbox()
    b.disconnect()
    topic, conv = f"im/u/{b.user}", f"u/{a.user}"
    a.send(topic, {"id": "0", "body": "before"})
    burns = [a.send(topic, {"id": "1", "body": "burns", "ttl": 2}),
             a.send(topic, {"id": "2", "body": "burns"}, props={"UserProperty": [("ttl", "2")]})]
    a.send(topic, {"id": "3", "body": "long", "ttl": 3600})
    a.send(topic, {"id": "4", "body": "stays"})
    over(burns[-1], 2)
    b.connect()
    b.wait_body(conv, "stays")
    assert [(m["seq"], m["body"]) for m in b.got(conv)] == [(1, "before"), (4, "long"),
                                                            (5, "stays")]
    if v5:
        assert [m.expiry for m in b.on(conv)][::2] == [None, None]
        assert 3500 < b.on(conv)[1].expiry <= 3598
    # What is missing is asked for, and told.
    b.inbox()
    assert [(m["type"], m["body"]) for m in b.history(conv)[1:3]] == [("expired", None)] * 2


def test_receivers_are_told_how_long_is_left(node):
    a, b = pair(node)
    for n, (payload, props) in enumerate([({"ttl": 60}, {}), ({}, {"UserProperty": [("ttl", "60")]}),
                                          ({"ttl": 60}, {"UserProperty": [("ttl", "60")]})]):
        a.send(f"im/u/{b.user}", {"id": f"{n}", "body": n, **payload}, props=props)
        got = delivered(b, f"u/{a.user}", n)
        assert got.json["ttl"] == 60
        assert 50 < got.expiry <= 60
        assert "props" not in got.json and ("ttl", "60") not in got.pairs


def test_a_sends_own_expiry_is_nobodys(node):
    """No plugin of any version sees it."""
    a = node.connect(node.user(), v5=True)
    b = node.client(node.user(), clean=False).connect().inbox()
    b.disconnect()
    ack = a.send(f"im/u/{b.user}", {"id": "1", "body": "stays"}, props={"MessageExpiryInterval": 1})
    over(ack, 1)
    b.connect()
    assert "ttl" not in b.wait_body(f"u/{a.user}", "stays")


def queue_of_ended_copies(node):
    """A sender, and a receiver that is away: 100 copies for it have ended, 30 behind them have not."""
    a = node.connect(node.user(), v5=True)
    b = node.client(node.user(), clean=False).connect().inbox()
    b.disconnect()
    for n in range(100):
        last = a.send(f"im/u/{b.user}", {"id": f"{n}", "body": n, "ttl": 1})
    stays = [a.send(f"im/u/{b.user}", {"id": f"s{n}", "body": f"stays {n}"})["seq"]
             for n in range(30)]
    over(last, 1)
    return a, b, stays


def test_ended_copies_hold_nothing_up(node):
    a, b, stays = queue_of_ended_copies(node)
    b.connect()
    b.wait_body(f"u/{a.user}", "stays 29")
    assert [m["seq"] for m in b.got(f"u/{a.user}")] == stays


def test_ended_copies_beyond_what_is_in_flight_hold_no_good_client_up(own_node):
    """Mosquitto 2.0.11 then keeps the rest until something new comes, and passes a window of ended
    copies with each; an answer may be queued behind them, or go before them. Whoever asks again has it
    all the same, and seven windows are more than waits."""
    a, b, stays = queue_of_ended_copies(own_node(conf=["max_inflight_messages 20"]))
    b.connect().inbox()
    page = b.rpc_asked_again("sync", cursor="", limit=500)
    assert [m["seq"] for m in page["messages"] if m["body"]] == stays
    for n in range(7):
        a.send(f"im/u/{b.user}", {"id": f"new {n}", "body": f"new {n}"})
    for n in range(7):
        b.wait_body(f"u/{a.user}", f"new {n}")
    assert not [m for m in b.got(f"u/{a.user}") if isinstance(m["body"], int)]


def test_a_wills_properties_are_not_carried(node):
    """A plugin of 2.0 is not shown them, so they mean the same everywhere: nothing."""
    b = node.connect(node.user(), v5=True)
    a = node.client(node.user(), v5=True, will={
        "topic": f"im/u/{b.user}", "payload": '{"body":"gone","ttl":60}',
        "props": {**GIVEN, "ResponseTopic": "closed/x"}}).connect()
    a.abort()
    got = delivered(b, f"u/{a.user}", "gone")
    assert shown(got.json) == {} and got.response_topic is None
    assert 50 < got.expiry <= 60
