# SPDX-License-Identifier: BSD-3-Clause
"""Small requests that make much work, by the hundred, while two bystanders talk: what may be done is
bounded by rate_cost and not by what the node can bear, and the bystanders are served."""
import collections
import time

import pytest

from test_hostile import talking

RATE = 20000  # rate_cost's default, units a second
BURST_S = 4
KIB, COPY, PERSON, PRESENCE = 5, 40, 20, 400  # prices, see PROTOCOL.md
REFUSED = {-32008, -32009}  # what is read waits in a queue as well, which may be full
# The plugin's own limit is off: it counts requests, and these are few or short.
NODE = {"options": {"rate_messages": 0, "rate_bytes": 0, "max_payload": 262144}}


class Asked:
    """Many requests sent at once, and what came of each."""

    def __init__(self, client, method, many):
        start = time.monotonic()
        name, tail = client.device + method, f"rpc/{client.device}"
        have = len(client.on(tail))
        self.sent = 0
        for n, params in enumerate(many):
            client.post("im/rpc", {"jsonrpc": "2.0", "id": f"{name}{n}", "method": method,
                                   "params": params})
            self.sent += 1
        client.wait_for(lambda: len(client.on(tail)) >= have + self.sent, 60, f"{method} answers")
        self.took_s = time.monotonic() - start
        answers = [m.json for m in client.on(tail)[have:]]
        self.done = [a["result"] for a in answers if "result" in a]
        self.errors = [a["error"] for a in answers if "error" in a]
        self.codes = collections.Counter(e["code"] for e in self.errors)

    @property
    def units(self):
        """What at most was there to be spent, a little more for what the clocks differ."""
        return RATE * (BURST_S + self.took_s + 1)


def stored(node, conv):
    """(messages, bytes) of a direct conversation with oneself or a group, by its name."""
    kind, name = conv.split("/")
    table = "user WHERE uid" if kind == "u" else "grp WHERE gid"
    ((who, ), ) = node.sql("directory", f"SELECT id FROM {table} = ?", name)
    return node.sql("messages", "SELECT count(*), total(length(body)) FROM message JOIN conv ON "
                    "conv.id = conv WHERE kind = ? AND a = ?", kind == "g", who)[0]


def test_forwards_cost_what_they_copy(node):
    """The issue's case: 7 KB of requests that would write 221 MB."""
    with talking(node):
        a = node.connect(node.user())
        gid = node.group(a)
        seqs = [a.send(f"im/u/{a.user}", {"id": f"{n}", "body": "x" * 60000})["seq"]
                for n in range(60)]
        copies = [{"from_conv": f"u/{a.user}", "seqs": seqs, "to_conv": f"g/{gid}"}] * 64
        asked = Asked(a, "msg.forward", copies)
        n, size = stored(node, f"g/{gid}")
        assert set(asked.codes) == {-32008} and asked.done
        assert size <= asked.units / KIB * 1024
        assert size < 64 * 60 * 60000 / 4
        print(f"forward: {len(asked.done)} of {asked.sent} done, {size / 1e6:.0f} MB written")
        # Many short ones cost by the copy.
        seqs = [a.send(f"im/u/{a.user}", {"id": f"s{n}", "body": "x"})["seq"] for n in range(100)]
        asked = Asked(a, "msg.forward", [dict(copies[0], seqs=seqs)] * 200)
        copied = stored(node, f"g/{gid}")[0] - n
        assert set(asked.codes) == {-32008}
        assert copied == 100 * len(asked.done) <= asked.units / (COPY + KIB) + asked.sent


def test_a_group_of_the_same_name_a_thousand_times(node):
    """Costs what a group of one costs; a thousand different ones cost what looking them up does."""
    with talking(node):
        a, b = node.connect(node.user()), node.user()
        same = Asked(a, "group.create", [{"members": [b] * 1000}] * 100)
        assert len(same.done) == 100
        assert all(x["group"]["members"] == 2 for x in same.done)
        time.sleep(BURST_S)
        # A name that is taken is refused before anybody is looked up, and costs nothing.
        taken = node.group(node.connect(b))
        names = [f"nobody-{n}" for n in range(1000)]
        asked = Asked(a, "group.create", [{"gid": taken, "name": "x", "members": names}] * 200)
        assert asked.codes == {-32010: 200}
        asked = Asked(a, "group.create", [{"members": names}] * 400)
        looked_up = asked.codes[-32001]
        assert not asked.done and asked.codes[-32008] == 400 - looked_up > 0
        assert 0 < looked_up <= asked.units / 2000


def test_presence_of_everybody(node):
    with talking(node):
        a = node.connect(node.user())
        names = [f"user{n:03d}" for n in range(400)]
        asked = Asked(a, "presence.get", [{"uids": names}] * 1000)
        print(f"presence.get: {len(asked.done)} done in {asked.took_s:.1f} s")
        assert -32008 in asked.codes and set(asked.codes) <= REFUSED
        assert 1 < len(asked.done) <= asked.units / 800
        asked = Asked(a, "presence.set", [{"state": ("away", "online")[n % 2]} for n in range(1000)])
        assert set(asked.codes) == {-32008} and len(asked.done) <= asked.units / PRESENCE


@pytest.mark.parametrize("method, params, price", [
    ("conv.list", {"limit": 500}, 1550), ("conv.history", {"conv": "{me}", "limit": 500}, 500),
    ("sync", {"cursor": "", "limit": 500}, 500), ("search", {"q": "words", "limit": 100}, 400),
    ("contact.list", {"limit": 500}, 500), ("block.list", {"limit": 500}, 500),
    ("conv.receipts", {"conv": "{me}", "seq": 1, "limit": 500}, 1000),
])
def test_long_lists_over_and_over(node, method, params, price):
    with talking(node):
        a = node.connect(node.user())
        a.send(f"im/u/{a.user}", {"id": "1", "body": "words"})
        params = {k: f"u/{a.user}" if v == "{me}" else v for k, v in params.items()}
        asked = Asked(a, method, [params] * 400)
        assert asked.done and len(asked.done) <= asked.units / price
        assert -32008 in asked.codes and set(asked.codes) <= REFUSED


def test_a_huge_group_is_paid_for_by_its_members(own_node):
    """A message to 3,000 costs 3,000; a direct message costs nothing of that."""
    node = own_node(users=3200, **NODE)
    with talking(node):
        a, *others = node.users(3001)
        a = node.connect(a)
        gid = node.group(a)
        for n in range(0, 3000, 500):
            a.invite(gid, *others[n:n + 500])
            time.sleep(1)
        time.sleep(BURST_S)
        start = time.monotonic()
        for n in range(200):
            a.post(f"im/g/{gid}", {"id": f"{n}", "body": "x"})
        a.wait_for(lambda: len(a.acks()) >= 200, 60)
        units = RATE * (BURST_S + 1 + time.monotonic() - start)
        refused = [x["error"]["code"] for x in a.acks() if "error" in x]
        assert set(refused) == {-32008}
        assert 1 < 200 - len(refused) <= units / 3001
        a.send(f"im/u/{a.user}", {"id": "note", "body": "x"})


def test_who_has_nothing_left_is_told_how_long(own_node):
    node = own_node(users=300, bridge={"rate_cost": 1000})
    a = node.connect(node.user())
    request = {"uids": [f"user{n:03d}" for n in range(300)]}
    asked = Asked(a, "presence.get", [request] * 10)
    assert asked.codes[-32008] > 0
    for e in asked.errors:
        assert "ask again in" in e["message"] and 0 < e["data"]["retry_ms"] < 10000
    assert node.admin().command("getStats")["bridge"]["cost_refused"] >= asked.codes[-32008]
    # Others are others.
    node.connect(node.user()).rpc("presence.get", **request)
