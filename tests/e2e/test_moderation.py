# SPDX-License-Identifier: BSD-3-Clause
"""The operator's word list: rejecting, masking, editing round it, and reloading."""
import signal

import pytest

from lib.client import RpcError


@pytest.fixture
def words(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("# not here\ndamn\n坏话\n", encoding="utf-8")
    return path


def pair(node):
    a, b = node.users(2)
    return node.connect(a), node.connect(b)


def ack(client, ident):
    return client.wait_for(lambda: next(
        (x for m in list(client.messages) if m.topic.endswith("/ack") for x in m.json
         if x["id"] == ident), None), what=f"ack of {ident}")


def test_a_listed_word_is_refused(own_node, words):
    node = own_node(bridge={"word_list": words})
    alice, bob = pair(node)
    alice.publish(f"im/u/{bob.user}", '{"id":"1","body":"oh DAMN it"}')
    assert ack(alice, "1")["error"]["code"] == -32012
    alice.publish(f"im/u/{bob.user}", '{"id":"2","body":{"text":"他说\\u574f话"}}')
    assert ack(alice, "2")["error"]["code"] == -32012
    alice.publish(f"im/u/{bob.user}", '{"id":"3","body":"adamant"}')
    assert ack(alice, "3")["seq"] == 1
    with pytest.raises(RpcError) as refused:
        alice.rpc("msg.edit", conv=f"u/{bob.user}", seq=1, body="damn")
    assert refused.value.code == -32012
    page = bob.rpc("conv.history", conv=f"u/{alice.user}")
    assert [m["body"] for m in page["messages"]] == ["adamant"]


def test_a_listed_word_is_masked_and_its_id_stays_idempotent(own_node, words):
    node = own_node(bridge={"word_list": words, "word_action": "mask"})
    alice, bob = pair(node)
    for _ in range(2):
        alice.publish(f"im/u/{bob.user}", '{"id":"1","body":"oh damn, 坏话"}')
    first, second = alice.wait_for(lambda: (lambda got: got if len(got) == 2 else None)(
        [x for m in list(alice.messages) if m.topic.endswith("/ack") for x in m.json]))
    assert first["seq"] == second["seq"] == 1
    page = bob.rpc("conv.history", conv=f"u/{alice.user}")
    assert [m["body"] for m in page["messages"]] == ["oh ****, **"]


def test_the_list_is_read_again_at_sighup(own_node, words):
    node = own_node(bridge={"word_list": words})
    alice, bob = pair(node)
    words.write_text("heck\n", encoding="utf-8")
    node.reload_bridge()
    alice.publish(f"im/u/{bob.user}", '{"id":"1","body":"damn"}')
    assert ack(alice, "1")["seq"] == 1
    alice.publish(f"im/u/{bob.user}", '{"id":"2","body":"heck"}')
    assert ack(alice, "2")["error"]["code"] == -32012
    words.write_bytes(b"fine\n\xff\n")
    node.bridge.send_signal(signal.SIGHUP)
    node.bridge.wait_text("words_refused")
    assert f"{words}:2: the entry is not UTF-8" in node.bridge.text()
    alice.publish(f"im/u/{bob.user}", '{"id":"3","body":"heck"}')
    assert ack(alice, "3")["error"]["code"] == -32012


def reply_code(call):
    with pytest.raises(RpcError) as refused:
        call()
    return refused.value.code


def test_a_listed_word_is_refused_on_every_road(own_node, words):
    """Whatever others would read, and however JSON writes it."""
    node = own_node(bridge={"word_list": words, "recall_window": 600},
                    options={"allow_topic": "chat/#"})
    alice, bob = pair(node)
    to_bob, gid = f"u/{bob.user}", node.group(alice, join="approval")
    seq = alice.send(f"im/{to_bob}", {"id": "fine", "body": "fine"})["seq"]
    # A message from before the word was listed, to be forwarded.
    words.write_text("heck\n", encoding="utf-8")
    node.reload_bridge()
    old = alice.send(f"im/{to_bob}", {"id": "old", "body": "damn"})["seq"]
    words.write_text("damn\nbad\n", encoding="utf-8")
    node.reload_bridge()
    requests = [
        ("msg.edit", {"conv": to_bob, "seq": seq, "body": "damn"}),
        ("msg.edit", {"conv": to_bob, "seq": seq, "body": {"a": "bad"}}),
        ("msg.edit", {"conv": to_bob, "seq": seq, "body": "x", "ext": {"bad": 1}}),
        ("msg.react", {"conv": to_bob, "seq": seq, "emoji": "bad"}),
        ("msg.forward", {"from_conv": to_bob, "seqs": [old], "to_conv": to_bob}),
        ("msg.forward", {"from_conv": to_bob, "seqs": [seq], "to_conv": to_bob, "id": "so bad"}),
        ("group.create", {"gid": "bad"}), ("group.create", {"name": "bad"}),
        ("group.create", {"announcement": "so bad"}), ("group.create", {"avatar": "x/bad"}),
        ("group.update", {"gid": gid, "name": "bad"}),
        ("group.update", {"gid": gid, "announcement": "bad"}),
        ("user.update", {"nick": "bad"}), ("user.update", {"ext": {"a": ["bad"]}}),
        ("contact.request", {"uid": bob.user, "note": "bad"}),
    ]
    for method, params in requests:
        assert reply_code(lambda m=method, p=params: alice.rpc(m, **p)) == -32012, (method, params)
    assert reply_code(lambda: bob.rpc("group.join", gid=gid, note="bad")) == -32012
    # As JSON hides it; no parser of the test's rewrites these.
    for n, text in enumerate(['{"id":"h%d","body":"\\u0062ad"}', '{"id":"h%d","body":{"\\u0062ad":1}}',
                              '{"id":"h%d","body":"x","ext":{"k":"b\\u0061d"}}',
                              '{"id":"h%d","body":"x","ext":{"bad":1}}']):
        alice.publish(f"im/{to_bob}", text % n)
        assert ack(alice, f"h{n}")["error"]["code"] == -32012, text
    # What else of a message is shown: its id, its type, where an answer goes.
    alice5 = node.connect(alice.user, v5=True)
    for payload, props in [({"id": "so bad", "body": "x"}, {}),
                           ({"id": "t1", "type": "bad", "body": "x"}, {}),
                           ({"body": "x"}, {"UserProperty": [("id", "bad id")]}),
                           ({"id": "t2", "body": "x"}, {"ResponseTopic": "chat/bad"})]:
        alice5.publish(f"im/{to_bob}", payload, props=props)
        msg_id = payload.get("id") or props["UserProperty"][0][1]
        assert alice5.wait_ack_of(msg_id)["error"]["code"] == -32012, (payload, props)
    alice.publish("im/rpc/msg.react",
                  '{"conv":"%s","seq":%d,"emoji":"\\u0062\\u0061\\u0064"}' % (to_bob, seq))
    error = alice.wait_for(lambda: next((m.json["error"] for m in alice.on(f"rpc/{alice.device}")
                                         if m.json["id"] is None), None))
    assert error["code"] == -32012
    # A signal is not kept, and has no ack: it does not arrive.
    alice.publish(f"im/s/{to_bob}", '{"say":"\\u0062ad"}')
    alice.publish(f"im/s/{to_bob}", '{"say":"good"}')
    bob.wait_for(lambda: bob.on("signal/"))
    assert [m.json["body"] for m in bob.on("signal/")] == [{"say": "good"}]
    assert [m["type"] for m in bob.history(f"u/{alice.user}")] == ["text", "text"]
    assert not {"contact", "group"} & {e["event"] for e in bob.events() + alice.events()}


def test_a_forwarded_word_is_masked(own_node, words):
    words.write_text("heck\n", encoding="utf-8")
    node = own_node(bridge={"word_list": words, "word_action": "mask"})
    alice, bob = pair(node)
    to_bob = f"u/{bob.user}"
    seqs = [alice.send(f"im/{to_bob}", {"id": f"{n}", "body": body})["seq"]
            for n, body in enumerate(["oh damn", "fine"])]
    words.write_text("damn\n", encoding="utf-8")
    node.reload_bridge()
    alice.rpc("msg.forward", from_conv=to_bob, seqs=seqs, to_conv=to_bob)
    assert [m["body"] for m in bob.history(f"u/{alice.user}")] == [
        "oh damn", "fine", "oh ****", "fine"]
