# SPDX-License-Identifier: BSD-3-Clause
"""What brokers show of presence after one of them was gone: for good, or with a file that is older than
what has happened."""
import signal

import pytest

from lib.build import DEADLINE_S
from lib.node import until
from lib.tools import Imctl
from test_more_brokers import at
from test_presence import states, wait_state

PATIENCE_S = 30  # for which a broker may be gone before its users are


def last(watcher, uid):
    return states(watcher, uid)[-1]["state"]


def test_who_was_at_a_broker_that_is_not_started_again_is_offline(own_node):
    node = own_node(brokers=2, users=8)
    watcher, both, gone = node.users(3)
    w = at(node, 0, watcher)
    w.subscribe(f"im/presence/{both}", f"im/presence/{gone}")
    here = at(node, 0, both, f"{both}-desk")
    at(node, 1, both, f"{both}-tab")
    phone = at(node, 1, gone, f"{gone}-phone")
    for uid in (both, gone):
        wait_state(w, uid, "online")
    w.converse(phone)
    admin = node.admin()
    until(lambda: (admin.command("getStats")["brokers"][1]["plugin"] or {}).get("sessions_online"),
          "what the second broker counts")
    node.kill_broker(1)
    w.wait_for(lambda: last(w, gone) == "offline", timeout=PATIENCE_S + DEADLINE_S)
    found = {u["uid"]: u["state"] for u in w.rpc("presence.get", uids=[gone, both])["users"]}
    assert found == {gone: "offline", both: "online"}
    assert [c["presence"] for c in w.rpc("conv.list")["conversations"]] == ["offline"]
    states_of = {d["device"]: d["state"] for d in here.rpc("device.list")["devices"]}
    assert states_of == {f"{both}-desk": "online", f"{both}-tab": "offline"}
    imctl = Imctl.of(node)
    assert [d["device"] for d in imctl.json("device", "list", both)["connections"]] == [f"{both}-desk"]
    assert "is not connected" in imctl.run("kick", gone, f"{gone}-phone").stderr
    assert "connected" in imctl.run("kick", gone).stderr
    stats = admin.command("getStats")
    assert stats["brokers"][1]["plugin"] is None and not stats["brokers"][1]["linked"]
    assert stats["bridge"]["users_online"] == 3  # the watcher, both, the administrator
    assert {s["state"] for s in states(w, both)} == {"online"}
    # It is started after all.
    node.start_broker(1)
    node.wait_served(1)
    late = at(node, 1, gone, f"{gone}-phone")
    wait_state(w, gone, "online")
    late.subscribe(f"im/presence/{both}", f"im/presence/{gone}")
    for uid in (both, gone):
        wait_state(late, uid, "online")


def test_who_leaves_while_a_broker_and_the_bridge_are_updated_is_offline_everywhere(own_node):
    """One after the other, each in good order; he does not come again."""
    node = own_node(brokers=2, users=8)
    watcher, user = node.users(2)
    leaves = at(node, 0, user)
    before = at(node, 1, watcher)
    before.subscribe(f"im/presence/{user}")
    wait_state(before, user, "online")
    node.stop_broker(1)
    w = at(node, 0, watcher, "here")
    w.subscribe(f"im/presence/{user}")
    leaves.disconnect()
    wait_state(w, user, "offline")
    node.bridge.stop()
    node.start_bridge()
    node.wait_served(0)
    node.start_broker(1)
    node.wait_served(1)
    after = at(node, 1, watcher, "there")
    after.subscribe(f"im/presence/{user}")
    wait_state(after, user, "offline")
    assert after.rpc("presence.get", uids=[user])["users"][0]["state"] == "offline"


@pytest.mark.parametrize("brokers", [1, 2])
@pytest.mark.parametrize("first", ["bridge", "broker"])
def test_what_a_killed_broker_has_forgotten_it_is_told(own_node, brokers, first):
    """Its file is of a time when he was there. Bridge and broker die in either order."""
    node = own_node(brokers=brokers, users=8)
    killed = brokers - 1
    watcher, user = node.users(2)
    w = at(node, killed, watcher)
    w.subscribe(f"im/presence/{user}")
    leaves = at(node, 0, user)
    wait_state(w, user, "online")
    broker = node.brokers[killed]
    saved = broker.folder / "mosquitto.db"
    assert not saved.exists()
    broker.send_signal(signal.SIGUSR1)
    until(saved.exists, "the broker's file")
    leaves.disconnect()
    wait_state(w, user, "offline")
    if first == "bridge":
        node.kill_bridge()
        node.kill_broker(killed)
    else:
        node.kill_broker(killed)
        node.kill_bridge()
    node.start_broker(killed)
    node.start_bridge()
    node.wait_served(killed)
    late = at(node, killed, watcher, "late")
    late.subscribe(f"im/presence/{user}")
    wait_state(late, user, "offline")
