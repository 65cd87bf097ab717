# SPDX-License-Identifier: BSD-3-Clause
"""A message with a ttl leaves everything when its time is over: delivery, history, the log and the
search index; across restarts, too."""
import time

from lib.node import until


def over(ack, ttl_s):
    """Until the message's time is over, by the clock that gave it its ts."""
    until(lambda: time.time() * 1000 > ack["ts"] + ttl_s * 1000, "the end of the ttl")


def gone(node, word):
    until(lambda: node.sql("messages", "SELECT count(*) FROM message WHERE instr(body, ?)", word)
          == [(0,)], f"{word} out of the log")
    until(lambda: node.sql("search", "SELECT count(*) FROM words_content WHERE instr(c0, ?)", word)
          == [(0,)], f"{word} out of the index")
    assert node.sql("messages", "SELECT count(*) FROM expiry") == [(0,)]
    assert node.sql("search", "SELECT count(*) FROM expire") == [(0,)]


def indexed(node, word):
    return node.sql("search", "SELECT count(*) FROM words_content WHERE instr(c0, ?)", word) == [(1,)]


def test_an_expired_message_leaves_log_history_and_index(own_node):
    node = own_node()
    a, b = (node.connect(node.user()) for _ in range(2))
    ack = a.send(f"im/u/{b.user}", {"id": "1", "body": "burn quicksilver", "ttl": 2,
                                    "ext": {"key": "quicksilver"}})
    stays = a.send(f"im/u/{b.user}", {"id": "2", "body": "keep", "ttl": 3600})
    until(lambda: indexed(node, "quicksilver"), "the index")
    assert [h["message"]["seq"] for h in b.rpc("search", q="quicksilver")["hits"]] == [ack["seq"]]
    over(ack, 2)
    assert b.rpc("search", q="quicksilver")["hits"] == []
    first, second = b.history(f"u/{a.user}")
    assert (first["type"], first["body"], "ext" in first) == ("expired", None, False)
    assert (second["seq"], second["body"]) == (stays["seq"], "keep")
    until(lambda: node.sql("messages", "SELECT count(*) FROM expiry") == [(1,)], "the sweep")
    until(lambda: node.sql("search", "SELECT count(*) FROM expire") == [(1,)], "the sweep")
    assert not indexed(node, "quicksilver") and indexed(node, "keep")
    assert node.sql("messages", "SELECT body, meta FROM message WHERE seq = 1 AND conv ="
                    " (SELECT max(conv) FROM message WHERE client_id = '1')") == [(b"", '"ttl":2')]
    # Sent again it is the same message, though nobody knows its words any more.
    a.publish(f"im/u/{b.user}", {"id": "1", "body": "burn quicksilver", "ttl": 2,
                                 "ext": {"key": "quicksilver"}})
    a.wait_for(lambda: [x["seq"] for x in a.acks()].count(ack["seq"]) == 2)
    node.kill_bridge()
    node.start_bridge()
    a.publish(f"im/u/{b.user}", {"id": "1", "body": "burn quicksilver"})
    a.wait_for(lambda: [x.get("seq") for x in a.acks()].count(ack["seq"]) == 3)
    assert b.history(f"u/{a.user}")[0]["type"] == "expired"


def test_what_ends_while_the_node_is_down_goes_at_its_start(own_node):
    node = own_node()
    a, b = (node.connect(node.user()) for _ in range(2))
    ack = a.send(f"im/u/{b.user}", {"id": "1", "body": "quicksilver one", "ttl": 1})
    a.rpc("msg.edit", conv=f"u/{b.user}", seq=ack["seq"], body="quicksilver two")
    a.rpc("msg.react", conv=f"u/{b.user}", seq=ack["seq"], emoji="x")
    node.kill_bridge()
    over(ack, 2)
    node.start_bridge()
    gone(node, "quicksilver")
    assert "quicksilver" not in str(b.history(f"u/{a.user}"))


def test_what_ends_in_the_spool_is_not_delivered(own_node):
    node = own_node()
    a, b = (node.connect(node.user()) for _ in range(2))
    node.kill_bridge()
    before = time.time() * 1000
    a.publish(f"im/u/{b.user}", {"id": "1", "body": "quicksilver", "ttl": 1})
    over({"ts": max(before, time.time() * 1000)}, 1)
    node.start_bridge()
    got = b.wait_message(f"u/{a.user}")
    assert (got["seq"], got["type"], got["body"]) == (1, "expired", None)
    assert a.wait_ack_of("1")["seq"] == 1
    assert not [m for m in a.messages + b.messages if b"quicksilver" in m.payload]
    gone(node, "quicksilver")
