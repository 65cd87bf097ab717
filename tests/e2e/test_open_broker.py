# SPDX-License-Identifier: BSD-3-Clause
"""An operator who opens everything to ordinary MQTT opens nothing of IM: with `allow_topic #`, with
allow_anonymous, and with an ACL file that grants all."""
import pytest

from lib import mqttwire as w
from lib.client import Refused
from lib.node import PASSWORD
from lib.raw import Raw

NODE = {"options": {"allow_topic": ["#", "$lab/#"], "rate_messages": 0},
        "conf": ["allow_anonymous true", "acl_file {folder}/acl"],
        "files": {"acl": "topic readwrite #\npattern readwrite #\n"}}
V = pytest.mark.parametrize("v5", [False, True], ids=["v311", "v5"])


@V
def test_ordinary_topics_are_open(node, v5):
    alice, bob = node.users(2)
    a, b = node.connect(alice, v5=v5), node.connect(bob, v5=v5)
    topic = f"plain/{node.new_name()}"
    for c in (a, b):
        assert c.subscribe("#") < 0x80
    assert a.publish(topic, "x", retain=True) == 0
    for c in (a, b):
        c.wait_for(lambda c=c: any(m.topic == topic for m in c.messages))
    a.publish(topic, "", retain=True)


@V
def test_wildcards_still_do_not_reach_im(node, v5):
    alice, bob, eve = node.users(3)
    a, b, e = node.connect(alice), node.connect(bob), node.connect(eve, v5=v5)
    gid, hall = node.group(a, [bob]), node.group(a, [bob], kind="room")
    for topic_filter in ("#", "+/#", "+/+/#", "im/#", "im/inbox/#", "im/inbox/+/#",
                         f"im/inbox/{bob}/#", "+/+/+/+/+", "$share/g/#", "$share/g/im/#",
                         f"$share/g/im/inbox/{bob}/#", f"im/room/{hall}", "im/room/#", "$im/#",
                         "$CONTROL/#"):
        e.subscribe(topic_filter)
    a.send(f"im/u/{bob}", {"id": "1", "body": "secret"})
    a.send(f"im/g/{gid}", {"id": "1", "body": "secret"})
    a.send(f"im/g/{hall}", {"id": "1", "body": "secret"})
    a.publish(f"im/s/u/{bob}", "secret")
    b.wait_for(lambda: b.on(f"signal/{alice}"))
    a.publish("plain/fence", "fence")
    e.wait_for(lambda: any(m.topic == "plain/fence" for m in e.messages))
    mine = f"im/inbox/{eve}/"
    heard = {m.topic for m in e.messages if m.topic.startswith("im/")
             and not m.topic.startswith((mine, "im/presence/"))}
    assert heard == set()
    assert not any(m.topic.startswith("$") for m in e.messages)


@V
def test_im_topics_are_not_ordinary_ones(node, v5):
    alice, bob = node.users(2)
    a, b = node.connect(alice, v5=v5), node.connect(bob, v5=v5)
    for topic in (f"im/inbox/{bob}/u/{alice}", f"im/inbox/{bob}/event", f"im/presence/{bob}",
                  "im/x", "im", "$im/down", "$im/up", "$CONTROL/im/v1", "im/room/x",
                  "im/g/none", "im/u/nobody-there"):
        code = a.publish(topic, "FORGED", retain=True)
        assert not v5 or code >= 0x80, topic
    b.send(f"im/u/{alice}", {"id": "1", "body": "fence"})
    a.wait_body(f"u/{bob}", "fence")
    b.rpc("user.get")
    late = node.connect(bob)
    late.subscribe(f"im/presence/{bob}")
    late.rpc("user.get")
    assert [m for m in b.messages + late.messages if b"FORGED" in m.payload] == []


def test_nobody_is_anonymous(node):
    for user, password in ((None, None), ("", None), ("", ""), (None, "x")):
        with pytest.raises(Refused):
            node.client(user, device=node.new_name("anon"), password=password).connect()
    with Raw(node.port) as r:
        assert r.connect("anon-raw")["code"] == 5


def test_an_empty_client_id_is_refused_or_made_unique(node):
    """A generated id must not become a device of somebody else."""
    alice, bob = node.users(2)
    for version in (w.V311, w.V5):
        seen = set()
        for user in (alice, bob):
            with Raw(node.port, version) as r:
                ack = r.connect("", user, PASSWORD)
                if ack["code"] == 0:
                    seen.add(ack["props"].get("assigned_client_identifier", user))
                    assert r.subscribe(f"im/inbox/{user}/#") < 0x80
                    other = bob if user == alice else alice
                    assert r.subscribe(f"im/inbox/{other}/#") >= 0x80
        assert len(seen) in (0, 2)
