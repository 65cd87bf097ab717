# SPDX-License-Identifier: BSD-3-Clause
"""A clock that is set while a node runs: order follows seq, and nothing waits for the hour to come
again."""
import sqlite3

import pytest

from lib import build
from lib.faults import acked, bodies, pair, preload
from lib.node import until


def test_a_ts_of_the_past_does_not_change_the_order(own_node):
    """A clock set back an hour: as if the newest message had come from the future."""
    node = own_node()
    a, b = pair(node)
    a.publish(f"im/u/{b.user}", {"id": "1", "body": "first"})
    a.wait_for(lambda: acked(a))
    node.bridge.stop()
    db = sqlite3.connect(node.data / "messages.db")
    db.execute("UPDATE message SET ts = ts + 3600000")
    db.commit()
    db.close()
    node.start_bridge()
    a.publish(f"im/u/{b.user}", {"id": "2", "body": "second"})
    a.wait_for(lambda: "2" in acked(a))
    assert bodies(b, a.user) == ["first", "second"]
    listed = b.rpc("conv.list")["conversations"][0]
    assert listed["last"]["body"] == "second" and listed["unread"] == 2


@pytest.mark.parametrize("first, then", [(3600, 0), (0, 3600)], ids=["back", "forward"])
def test_a_clock_set_by_an_hour_changes_ts_and_nothing_else(own_node, first, then):
    node = own_node()
    node.stop()
    clock = node.folder / "clock"
    clock.write_text(str(first))
    for process in (node.broker, node.bridge):
        preload(process, "faultclock.so", IM_CLOCK=str(clock))
    node.start_broker()
    node.start_bridge()
    a, b = pair(node)
    gid = node.group(a, [b.user])
    one = a.send(f"im/u/{b.user}", {"id": "1", "body": "needle one"})
    page = b.rpc("sync", cursor="")
    clock.write_text(str(then))
    if build.broker_version() >= (2, 0, 20):
        # These count the keepalive by the time of day: an hour ahead, all clients have been silent
        # for too long.
        a, b = node.connect(a.user), node.connect(b.user)
    two = a.send(f"im/u/{b.user}", {"id": "2", "body": "needle two"})
    assert (two["ts"] > one["ts"]) == (then > first)
    assert abs(two["ts"] - one["ts"]) > 3_500_000
    # What was acked before is known: the window of ids is not ended by a clock.
    assert a.send(f"im/u/{b.user}", {"id": "1", "body": "needle one"})["seq"] == one["seq"]
    assert bodies(b, a.user) == ["needle one", "needle two"]
    b.wait_body(f"u/{a.user}", "needle two")
    assert [m["body"] for m in b.rpc("sync", cursor=page["cursor"])["messages"]] == ["needle two"]
    a.send(f"im/g/{gid}", {"id": "g", "body": "to the group"})
    b.wait_body(f"g/{gid}", "to the group")
    assert b.rpc("conv.list")["conversations"][0]["conv"] == f"g/{gid}"
    until(lambda: len(b.rpc("search", q="needle")["hits"]) == 2, "both in the index")
    node.connect(node.user()).rpc("user.get")  # logins, too
    node.kill_bridge()
    node.start_bridge()
    assert a.send(f"im/u/{b.user}", {"id": "3", "body": "needle three"})["seq"] == 3
