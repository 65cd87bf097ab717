# SPDX-License-Identifier: BSD-3-Clause
"""One user asks as much as he can; the others are answered, and he is told when to come again."""
import itertools

# The readers' queues alone hold here; what a search costs is test_costs.py's.
NODE = {"options": {"rate_messages": 100000, "rate_bytes": 100000000}, "bridge": {"rate_cost": 0}}
BURST = 120  # more than wait for one user, at once
LAPS = 10
PREFIXES = " ".join(f"{a}{b}*" for a, b in itertools.islice(itertools.product("abc", "abcde"), 15))


def talk(a, b, n=400):
    """A conversation in which every message begins with all of it."""
    words = " ".join(f"{a}{b}{k}" for a, b in itertools.product("abc", "abcde") for k in range(20))
    for k in range(n):
        a.post(f"im/u/{b.user}", {"id": f"t{k}", "body": f"{words} {k}"})
    a.wait_ack_of(f"t{n - 1}")
    a.wait_for(lambda: a.rpc("search", q=str(n - 1))["hits"], what="the last one in the index")


def replies(client):
    return [m.json for m in client.on(f"rpc/{client.device}") if m.json["id"] is None]


def test_whoever_searches_without_end_holds_up_nobody(own_node):
    node = own_node(**NODE)
    user, peer, other = node.users(3)
    attacker, friend, bystander = node.connect(user), node.connect(peer), node.connect(other)
    talk(attacker, friend)
    bystander.send(f"im/u/{peer}", {"id": "1", "body": "mine"})
    asked = 0
    for _ in range(LAPS):
        for _ in range(BURST):
            attacker.post("im/rpc/search", {"q": PREFIXES}, qos=0)
            asked += 1
        # An error would be raised here.
        assert [m["body"] for m in bystander.history(f"u/{peer}")] == ["mine"]
        assert friend.rpc("conv.list")["conversations"]
    got = attacker.wait_for(lambda: len(replies(attacker)) >= asked and replies(attacker),
                            what="an answer to each search")
    refused = [r["error"] for r in got if "error" in r]
    assert {e["code"] for e in refused} == {-32009}
    assert all(e["data"]["retry_ms"] >= 1000 for e in refused)
    # More than a queue holds was asked at once, and some was answered.
    assert len(refused) > LAPS
    assert len(refused) < asked
    stats = node.admin().command("getStats")
    assert stats["bridge"]["requests_busy"] == len(refused)
    # He is served again as soon as he asks for what a node can give.
    assert attacker.rpc("search", q="399")["hits"]
