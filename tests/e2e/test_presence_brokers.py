# SPDX-License-Identifier: BSD-3-Clause
"""What brokers show of presence after one of them was gone."""
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
