# SPDX-License-Identifier: BSD-3-Clause
"""What a body may be, and that it arrives as it was sent."""
import base64
import json

import pytest

KIB64 = 64 * 1024


@pytest.fixture
def pair(node):
    alice, bob = node.users(2)
    a, b = node.connect(alice, v5=True), node.connect(bob)
    return a, b, f"im/u/{bob}", f"u/{alice}"


def deliver(pair, payload, **kw):
    a, b, topic, conv = pair
    assert a.publish(topic, payload, **kw) == 0
    return b.wait_message(conv)


@pytest.mark.parametrize("text", [
    "hello", " leading and trailing ", "quotes \" and \\ and / and \b\f\n\r\t", "\u007f",
    "grüße 你好 😀 \u2028\u2029", "{not json", "[1,2", "nul l", "tru", "01", "+1", "'single'",
    "NaN", "a" * 10000, "1e400", '{"a":"\\u0000"}', '["\\ud800"]', '{"n":-1E999}',
])
def test_text_arrives_as_a_string(pair, text):
    m = deliver(pair, text)
    assert m["body"] == text and m["type"] == "text" and "enc" not in m


@pytest.mark.parametrize("text", [
    '{"a":1}', "[1,2,3]", "42", "-0.0", "1e308", "12345678901234567890123", "true", "null",
    '"a string"', '{"z":1,"a":2,"z2":{"b":[]}}', '{"dup":1,"dup":2}', '[1.10,1.1e1]',
    '"\\u0041\\ud83d\\ude00\\/"', '{ "space" : [ 1 , 2 ] }',
])
def test_json_arrives_to_the_letter(pair, text):
    a, b, topic, conv = pair
    assert a.publish(topic, text) == 0
    m = b.wait_message(conv)
    assert m["type"] == "json" and "enc" not in m
    raw = b.on(conv)[0].payload.decode()
    assert f'"body":{text}' in raw


@pytest.mark.parametrize("data", [
    b"\xff\xfe\xfd", b"\x00", b"text\x00with nul", bytes(range(256)), b"\xc0\xaf",
    b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"ok \xe2\x82", b"\xff" * 40000,
], ids=lambda d: d[:4].hex() + f"-{len(d)}")
def test_bytes_arrive_as_base64(pair, data):
    m = deliver(pair, data)
    assert m["enc"] == "base64" and m["type"] == "binary"
    assert base64.b64decode(m["body"], validate=True) == data


def test_an_empty_payload_is_an_empty_text(pair):
    m = deliver(pair, b"")
    assert m["body"] == "" and m["type"] == "text"


@pytest.mark.parametrize("byte", [b"a", b"\xff"], ids=["text", "binary"])
def test_64_kib_pass(pair, byte):
    a, b, topic, conv = pair
    m = deliver(pair, byte * KIB64)
    size = len(m["body"]) if byte == b"a" else len(base64.b64decode(m["body"]))
    assert size == KIB64
    assert len(b.history(conv)) == 1


@pytest.mark.parametrize("v5", [False, True], ids=["v311", "v5"])
def test_64_kib_and_one_byte_are_refused(node, v5):
    alice, bob = node.users(2)
    a, b = node.connect(alice, v5=v5), node.connect(bob)
    head, tail = '{"id":"big","body":"', '"}'
    payload = head + "a" * (KIB64 + 1 - len(head) - len(tail)) + tail
    assert len(payload) == KIB64 + 1
    code = a.publish(f"im/u/{bob}", payload)
    assert (code >= 0x80) if v5 else code == 0
    assert a.wait_ack_of("big")["error"]["code"] == -32007
    assert a.connected
    a.send(f"im/u/{bob}", {"id": "next", "body": "small"})
    assert b.wait_message(f"u/{alice}")["seq"] == 1


def test_json_nested_10000_deep_is_text(pair):
    text = "[" * 10000 + "]" * 10000
    m = deliver(pair, text)
    assert m["body"] == text and m["type"] == "text"


def test_an_envelope_nested_10000_deep_is_text_and_hurts_nobody(pair):
    text = '{"id":"deep","body":' + "[" * 10000 + "]" * 10000 + "}"
    m = deliver(pair, text)
    assert m["body"] == text and "id" not in m


def test_an_envelope_carries_its_members(pair):
    a, b, topic, conv = pair
    a.publish(topic, "first")
    a.send(topic, {"id": "c-17", "type": "note", "body": {"k": [1, None]}, "reply_to": 1,
                   "mentions": [b.user], "ttl": 3600, "ext": {"app": {"x": [True]}}})
    m = b.wait_message(conv, lambda m: m["seq"] == 2)
    assert m["id"] == "c-17" and m["type"] == "note" and m["body"] == {"k": [1, None]}
    assert m["reply_to"] == 1 and m["mentions"] == [b.user] and m["ttl"] == 3600
    assert m["ext"] == {"app": {"x": [True]}}
    assert b.history(conv)[1] == m


def test_an_envelopes_string_body_is_text(pair):
    a, b, topic, conv = pair
    m = deliver(pair, json.dumps({"body": "tab\t é 😀 / \"q\""}))
    assert m["body"] == "tab\t é 😀 / \"q\"" and m["type"] == "text"


def test_an_envelope_may_carry_base64(pair):
    m = deliver(pair, {"body": base64.b64encode(b"\x00\xff\x10").decode(), "enc": "base64"})
    assert m["enc"] == "base64" and base64.b64decode(m["body"]) == b"\x00\xff\x10"
    assert m["type"] == "binary"


@pytest.mark.parametrize("members, said", [
    ({"body": 1, "colour": "red"}, "colour"),
    ({"body": 1, "seq": 4}, "seq"),
    ({"body": 1, "ts": 4}, "ts"),
    ({"body": 1, "type": "system"}, "type"),
    ({"body": 1, "type": ""}, "type"),
    ({"body": 1, "type": 5}, "type"),
    ({"body": 1, "reply_to": 0}, "reply_to"),
    ({"body": 1, "reply_to": "1"}, "reply_to"),
    ({"body": 1, "reply_to": 1.5}, "reply_to"),
    ({"body": 1, "mentions": "bob"}, "mentions"),
    ({"body": 1, "mentions": [1]}, "mentions"),
    ({"body": 1, "mentions": ["no spaces allowed"]}, "mentions"),
    ({"body": 1, "mentions": ["u"] * 101}, "mentions"),
    ({"body": 1, "ttl": 0}, "ttl"),
    ({"body": 1, "ttl": -1}, "ttl"),
    ({"body": 1, "ext": [1]}, "ext"),
    ({"body": "not base64!", "enc": "base64"}, "base64"),
    ({"body": 5, "enc": "base64"}, "base64"),
    ({"body": "x", "enc": "gzip"}, "enc"),
    ({"body": "\ud800"}, "surrogate"),
    ({"body": {"k": ["a\u0000"]}}, "u0000"),
    ({"body": 1, "ext": {"\udc00": 1}}, "surrogate"),
], ids=lambda v: v if isinstance(v, str) else None)
def test_a_malformed_envelope_is_refused_with_what_is_wrong(pair, members, said):
    a, b, topic, conv = pair
    assert a.publish(topic, {"id": "bad", **members}) == 0
    error = a.wait_ack_of("bad")["error"]
    assert error["code"] == -32602 and said in error["message"]
    assert len(error["message"]) < 400
    a.send(topic, {"id": "good", "body": "ok"})
    b.wait_body(conv, "ok")
    assert [m["seq"] for m in b.got(conv)] == [1]


def test_a_number_that_no_double_holds_is_refused(pair):
    a, b, topic, conv = pair
    a.publish(topic, '{"id":"huge","body":{"n":1e400}}')
    error = a.wait_ack_of("huge")["error"]
    assert error["code"] == -32602 and "double" in error["message"]
    a.send(topic, {"id": "good", "body": "ok"})
    assert b.wait_body(conv, "ok")["seq"] == 1


@pytest.mark.parametrize("msg_id", ["", "x" * 65, 5, None, "nul\u0000", "line\n"])
def test_a_malformed_id_is_refused_with_null(pair, msg_id):
    a, b, topic, conv = pair
    a.publish(topic, {"id": msg_id, "body": "x"})
    refusal = a.wait_for(lambda: a.acks())[0]
    assert refusal["id"] is None and refusal["error"]["code"] == -32602
    assert "id" in refusal["error"]["message"]
    assert refusal["conv"] == f"u/{b.user}"


@pytest.mark.parametrize("msg_id", ["x" * 64, "é" * 32, "a b", "\"\\/", "c-1"])
def test_odd_but_right_ids_come_back_unchanged(pair, msg_id):
    a, b, topic, conv = pair
    a.send(topic, {"id": msg_id, "body": "x"})
    assert b.wait_message(conv)["id"] == msg_id


def test_a_member_given_twice_is_refused(pair):
    a, _, topic, _ = pair
    a.publish(topic, '{"id":"t","body":1,"body":2}')
    assert a.wait_ack_of("t")["error"]["code"] == -32602


def test_an_mqtt5_user_property_is_an_id_for_any_payload(pair):
    a, b, topic, conv = pair
    a.publish(topic, "plain", props={"UserProperty": [("id", "prop-1")]})
    assert a.wait_ack_of("prop-1")["seq"] == 1
    assert b.wait_message(conv)["id"] == "prop-1"
    a.publish(topic, "plain", props={"UserProperty": [("id", "prop-1")]})
    a.wait_for(lambda: len(a.acks()) == 2)
    assert a.acks()[1]["seq"] == 1


def test_a_malformed_id_property_is_refused(pair):
    a, b, topic, conv = pair
    a.publish(topic, "plain", props={"UserProperty": [("id", "x" * 65)]})
    assert a.wait_for(lambda: a.acks())[0]["error"]["code"] == -32602


def test_a_body_that_looks_like_a_delivery_cannot_break_out(pair):
    """Injection: whatever is in a body stays inside `body`."""
    a, b, topic, conv = pair
    evil = '","seq":999,"from":"root","x":"'
    m = deliver(pair, evil)
    assert m["body"] == evil and m["seq"] == 1 and m["from"] == a.user
    raw = json.loads(b.on(conv)[0].payload, object_pairs_hook=lambda p: p)
    names = [k for k, _ in raw]
    assert len(names) == len(set(names))
