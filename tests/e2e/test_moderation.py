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
    node.bridge.send_signal(signal.SIGHUP)
    node.bridge.wait_text("reloaded")
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
