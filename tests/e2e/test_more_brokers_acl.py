# SPDX-License-Identifier: BSD-3-Clause
"""The whole matrix of test_acl_matrix.py once more, over two brokers: alice publishes at one, and who
listens, has a right or lacks it is at the other.

What is not repeated is what clients say to one another on ordinary topics, which stay at their broker.
"""
from test_acl_matrix import *  # noqa: F401,F403 pylint: disable=wildcard-import,unused-wildcard-import
from lib.scattered import Scattered

NODE = {"make": Scattered, "brokers": 2,
        "options": {"allow_topic": ["telemetry/%u/#", "public/#"], "rate_messages": 0}}

del test_retained_messages_work_on_opened_topics  # noqa: F821
del test_opened_topics_are_plain_mqtt  # noqa: F821
del test_shared_subscriptions_work_on_opened_topics  # noqa: F821


def test_those_who_meet_are_at_different_brokers(node, world):
    at = {who: node.broker_of(world[who]) for who in ("alice", "ben", "dan", "eve")}
    assert at == {"alice": 0, "ben": 1, "dan": 0, "eve": 1}


def test_ordinary_topics_stay_at_their_broker(node, world):
    here, there = node.connect(world["alice"]), node.connect(world["ben"])
    beside = node.connect(world["dan"])
    for c in (here, there, beside):
        assert c.subscribe("public/#") < 0x80
    here.publish("public/here", "x", retain=True)
    beside.wait_for(lambda: [m for m in beside.messages if m.topic == "public/here"])
    here.send(f"im/u/{world['ben']}", {"id": node.new_name(), "body": "fence"})
    there.wait_body(f"u/{world['alice']}", "fence")
    late = node.connect(world["eve"])
    late.subscribe("public/#")
    late.rpc("user.get")
    for c in (there, late):
        assert [m for m in c.messages if m.topic == "public/here"] == []
    here.publish("public/here", "", retain=True)
