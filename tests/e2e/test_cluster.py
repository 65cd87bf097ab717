# SPDX-License-Identifier: BSD-3-Clause
"""Nodes that share a log in a real PostgreSQL: each with a broker, a plugin and a bridge of its own."""
import pytest

from lib.node import Node
from lib.postgres import Postgres
from lib.proc import wait_until


@pytest.fixture
def postgres():
    server = Postgres().start()
    yield server
    server.close()


def member(own_node, postgres, number, **kw):
    return own_node(bridge={"cluster_database": postgres.database, "cluster_node": number,
                            "cluster_name": f"node{number}"}, **kw)


@pytest.fixture
def nodes(own_node, postgres):
    """The first one brings its users, the others have theirs from it."""
    first = member(own_node, postgres, 1, users=10)
    return [first, *(member(own_node, postgres, n, users=0, empty=True) for n in (2, 3))]


def test_a_message_reaches_all_nodes_in_one_order(nodes):
    a, b = nodes[0].users(2)
    senders = [n.client(a, f"{a}-{i}").connect().inbox() for i, n in enumerate(nodes)]
    readers = [n.client(b, f"{b}-{i}").connect().inbox() for i, n in enumerate(nodes)]
    for i in range(30):
        ack = senders[i % 3].send(f"im/u/{b}", {"id": f"m{i}", "body": i})
        assert ack["seq"] == i + 1
    for r in readers:
        r.wait_for(lambda r=r: [m["body"] for m in r.got(f"u/{a}")] == list(range(30)))
        assert [m["body"] for m in r.history(f"u/{a}")] == list(range(30))


def test_what_a_node_acknowledged_outlives_it(nodes):
    a, b = nodes[0].users(2)
    sender = nodes[0].client(a).connect().inbox()
    sender.send(f"im/u/{b}", {"id": "last", "body": "kept"})
    nodes[0].bridge.kill()
    late = nodes[2].client(b).connect().inbox()
    late.wait_for(lambda: [m["body"] for m in late.history(f"u/{a}")] == ["kept"])
    again = nodes[1].client(a, "other").connect().inbox()
    assert again.send(f"im/u/{b}", {"id": "last", "body": "kept"})["seq"] == 1


def test_without_the_database_sends_wait(nodes, postgres):
    a, b = nodes[0].users(2)
    sender = nodes[0].client(a).connect().inbox()
    reader = nodes[1].client(b).connect().inbox()
    sender.send(f"im/u/{b}", {"id": "1", "body": "before"})
    reader.wait_body(f"u/{a}", "before")
    postgres.kill()
    assert sender.publish(f"im/u/{b}", {"id": "2", "body": "waits"}) == 0
    assert [m["body"] for m in reader.history(f"u/{a}")] == ["before"]
    assert [m["body"] for m in sender.history(f"u/{b}")] == ["before"]
    assert not [x for x in sender.acks() if x["id"] == "2"]
    postgres.start()
    assert sender.wait_ack_of("2")["seq"] == 2
    reader.wait_body(f"u/{a}", "waits")


def test_who_is_blocked_at_one_node_is_refused_at_another(nodes):
    a, b = nodes[0].users(2)
    blocker = nodes[1].client(b).connect().inbox()
    sender = nodes[2].client(a).connect().inbox()
    blocker.rpc("block.add", uid=a)

    def refused(n=iter(range(1000))):
        number = f"x{next(n)}"
        sender.publish(f"im/u/{b}", {"id": number, "body": "SECRET"})
        return "error" in sender.wait_ack_of(number)
    assert wait_until(refused)


def test_a_second_bridge_of_one_name_ends_the_first(nodes, own_node, postgres):
    twin = member(own_node, postgres, 2, users=0, empty=True)
    a, b = nodes[0].users(2)
    s = nodes[1].client(a).connect().inbox()
    s.publish(f"im/u/{b}", {"id": "1", "body": "x"})
    nodes[1].bridge.wait_text("cluster_left")
    assert "another bridge" in nodes[1].bridge.text()
    nodes[1].bridge.expected = {1}
    t = twin.client(a, "elsewhere").connect().inbox()
    t.send(f"im/u/{b}", {"id": "2", "body": "y"})


@pytest.mark.parametrize("missing", ["cluster_node", "cluster_name"])
def test_what_is_missing_in_the_configuration_is_named(missing):
    keys = {"cluster_database": "host=/nonexistent", "cluster_node": 1, "cluster_name": "one"}
    del keys[missing]
    node = Node(users=1, bridge=keys)
    try:
        node.write_bridge_conf()
        node.bridge.start()
        assert node.bridge.wait_exit(expected={1}) == 1
        assert "cluster_database needs cluster_node" in node.bridge.text()
    finally:
        node.stop()


def test_a_node_with_users_of_its_own_does_not_join(nodes, own_node, postgres):
    stranger = Node(users=3, bridge={"cluster_database": postgres.database, "cluster_node": 9,
                                     "cluster_name": "stranger"})
    try:
        stranger.write_broker_conf()
        stranger.write_bridge_conf()
        stranger.start_broker()
        stranger.bridge.expected = {1}
        stranger.bridge.start()
        stranger.bridge.wait_text("begins in an empty data_dir")
    finally:
        stranger.stop()
