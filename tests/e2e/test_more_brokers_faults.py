# SPDX-License-Identifier: BSD-3-Clause
"""Several brokers under one bridge: one of them dies, is stopped or comes back, and the others go on.
test_more_brokers.py says what is where."""
import signal
import threading

import pytest

from lib.admin import Refusal
from lib.broker import listening
from lib.client import Refused
from lib.node import until
from lib.tools import Imctl
from test_endings import assert_ended
from test_more_brokers import at
from test_presence import states, wait_state


@pytest.fixture
def node(own_node):
    """Two brokers, to be killed."""
    return own_node(brokers=2, users=8, options={"rate_messages": 0},
                    bridge={"presence_devices": "true"})


def test_a_killed_broker_takes_nobody_elses_presence(node):
    watcher, both, gone = node.users(3)
    w = at(node, 0, watcher)
    w.subscribe(f"im/presence/{both}", f"im/presence/{gone}")
    here, there = at(node, 0, both), at(node, 1, both)
    at(node, 1, gone)
    wait_state(w, both, "online", [here.device, there.device])
    wait_state(w, gone, "online")
    node.kill_broker(1)
    here.rpc("user.get")
    node.start_broker(1)
    node.wait_served(1)
    wait_state(w, gone, "offline")
    wait_state(w, both, "online", [here.device])
    assert "offline" not in [s["state"] for s in states(w, both)]
    # Who comes back there finds what is retained right.
    late = at(node, 1, gone)
    late.subscribe(f"im/presence/{watcher}", f"im/presence/{both}")
    for uid in (watcher, both):
        wait_state(late, uid, "online")
    wait_state(w, gone, "online")


def test_others_talk_while_one_broker_is_stopped(node):
    """Everything that waits for its clients comes to them, in order, when it goes on."""
    a, b, c = node.users(3)
    here, beside, there = at(node, 0, a), at(node, 0, b), at(node, 1, c)
    gid = node.group(here, [b, c])
    there.wait_message(f"g/{gid}")
    node.brokers[1].send_signal(signal.SIGSTOP)
    try:
        for n in range(100):
            here.send(f"im/g/{gid}", {"id": f"g{n}", "body": n})
            beside.send(f"im/u/{c}", {"id": f"d{n}", "body": n})
        beside.wait_body(f"g/{gid}", 99)
        assert beside.rpc("presence.get", uids=[a])["users"][0]["state"] == "online"
        assert Imctl.of(node).json("user", "show", c)["username"] == c
        assert [m["body"] for m in beside.history(f"g/{gid}")][1:] == list(range(100))
    finally:
        node.brokers[1].send_signal(signal.SIGCONT)
    there.wait_for(lambda: there.bodies(f"u/{b}") == list(range(100)))
    until(lambda: [m["body"] for m in there.sync_all()[0] if m["conv"] == f"g/{gid}"][1:]
          == list(range(100)), "what sync brings")
    live = [m["body"] for m in there.got(f"g/{gid}") if m["type"] != "system"]
    assert live == sorted(live)
    there.send(f"im/g/{gid}", {"id": "back", "body": "back"})
    for client in (here, beside):
        client.wait_body(f"g/{gid}", "back")


class Pulses:
    """Stops a broker and lets it go on, over and over: it runs for a tenth of the time."""

    def __init__(self, broker):
        self.broker, self.n, self._over = broker, 0, threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        while not self._over.is_set():
            self.broker.send_signal(signal.SIGSTOP)
            self._over.wait(0.18)
            self.broker.send_signal(signal.SIGCONT)
            self.n += 1
            self._over.wait(0.02)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()


def test_a_broker_that_is_slow_holds_up_its_own_clients_alone(own_node):
    """While it is slow the others say to one another, and ask, whatever they like, beside much that is for
    its clients, too. In the end everybody has everything, in order."""
    node = own_node(brokers=2, users=8, options={"rate_messages": 0, "rate_bytes": 0})
    a, b, c = node.users(3)
    here, beside, slow = at(node, 0, a), at(node, 0, b), at(node, 1, c)
    gid = node.group(here, [b, c])
    slow.wait_message(f"g/{gid}")
    count, big = 300, "x" * 8000
    with Pulses(node.brokers[1]) as pulses:
        until(lambda: pulses.n > 2, "a slow broker")
        for n in range(count):
            here.post(f"im/g/{gid}", {"id": f"g{n}", "body": f"{n} {big}"})
            here.post(f"im/u/{c}", {"id": f"d{n}", "body": n})
        for n in range(50):
            here.send(f"im/u/{b}", {"id": f"h{n}", "body": n})
            beside.send(f"im/u/{a}", {"id": f"b{n}", "body": n})
        beside.wait_for(lambda: len(texts(beside, gid)) == count)
        here.wait_body(f"u/{b}", 49)
        assert beside.bodies(f"u/{a}") == list(range(50))
        assert beside.rpc("user.get")["uid"] == b
        # Its own clients are served, slowly: both ways.
        slow.send(f"im/u/{a}", {"id": "s", "body": "from there"})
        here.wait_body(f"u/{c}", "from there")
    slow.wait_for(lambda: slow.bodies(f"u/{a}") == list(range(count)))
    until(lambda: [m["body"] for m in slow.sync_all()[0] if m["conv"] == f"g/{gid}"][1:]
          == [f"{n} {big}" for n in range(count)], "what sync brings")
    live = [int(x.split()[0]) for x in texts(slow, gid)]
    assert live == sorted(live) and slow.connected


def texts(client, gid):
    return [m["body"] for m in client.got(f"g/{gid}") if m["type"] == "text"]


def test_a_request_whose_broker_dies_is_repeated_at_another(node):
    """Carried out once, whether it was before or not at all; nobody waits for it."""
    user, friend = node.users(2)
    for n in range(3):
        there = at(node, 1, user, f"{user}-phone")
        gid = f"club{n}"
        there.post("im/rpc", {"jsonrpc": "2.0", "id": 1, "method": "group.create",
                              "params": {"gid": gid, "members": [friend]}})
        if n:
            there.wait_for(lambda: there.on("ack") or there.got(f"g/{gid}") or there.answers())
        node.kill_broker(1)
        here = at(node, 0, user, f"{user}-phone")
        here.rpc("group.create", gid=gid, members=[friend])
        assert set(here.members(gid)) == {user, friend}
        assert [m["body"]["action"] for m in here.history(f"g/{gid}")] == ["create"]
        here.disconnect()
        node.start_broker(1)
        node.wait_served(1)


def test_readers_at_a_broker_that_dies_hold_nobody_up(node):
    a, b = node.users(2)
    here, there = at(node, 0, a), at(node, 1, b)
    for n in range(20):
        here.send(f"im/u/{b}", {"id": f"{n}", "body": "x" * 2000})
    for n in range(30):
        there.post("im/rpc", {"jsonrpc": "2.0", "id": n, "method": "sync", "params": {"cursor": ""}})
    node.kill_broker(1)
    assert len(here.history(f"u/{b}")) == 20
    here.send(f"im/u/{b}", {"id": "on", "body": "on"})
    node.start_broker(1)
    node.wait_served(1)
    again = at(node, 1, b, there.device)
    assert [m["body"] for m in again.sync_all()[0]][-1] == "on"


def test_what_a_dead_brokers_clients_have_said_is_stored_once(node):
    """kill -9 of one of two in the middle of traffic; what it had accepted comes when it is back, and its
    clients, who go to the other one meanwhile and send again, change nothing."""
    a, b = node.users(2)
    receiver = at(node, 0, b)
    sender = at(node, 1, a, "sender")
    for n in range(300):
        sender.post(f"im/u/{b}", {"id": f"m{n}", "body": n})
        if n == 150:
            sender.wait_ack_of("m20")
            node.kill_broker(1)
            break
    again = at(node, 0, a, "sender")
    for n in range(300):
        again.post(f"im/u/{b}", {"id": f"m{n}", "body": n})
    again.wait_ack_of("m299")
    node.start_broker(1)
    node.wait_served(1)
    at(node, 1, a, "other").send(f"im/u/{b}", {"id": "last", "body": "last"})
    receiver.wait_body(f"u/{a}", "last")
    stored = [m["body"] for m in receiver.history(f"u/{a}")]
    assert sorted(stored[:-1]) == list(range(300)) and stored[-1] == "last"


def test_the_bridge_dies_and_all_brokers_are_served_again(node):
    a, b = node.users(2)
    here, there = at(node, 0, a), at(node, 1, b)
    for n in range(5):
        node.kill_bridge()
        here.publish(f"im/u/{b}", {"id": f"h{n}", "body": f"h{n}"})
        there.publish(f"im/u/{a}", {"id": f"t{n}", "body": f"t{n}"})
        node.start_bridge()
        for c in (here, there):
            c.wait_for(lambda c=c, n=n: len(c.events("hello")) >= n + 2)
    for c, peer, stem in ((there, a, "h"), (here, b, "t")):
        c.wait_for(lambda c=c, p=peer, s=stem: {f"{s}{n}" for n in range(5)} <= {
            m["body"] for m in c.got(f"u/{p}")} | {m["body"] for m in c.history(f"u/{p}")})
        assert len(c.history(f"u/{peer}")) == 10


def test_what_an_administrator_does_while_a_broker_is_down_holds_there(node):
    """It has heard of nothing: what it lets in is what the directory says when it is back."""
    gone, changed, blocked, blocker = node.users(4)
    for user in (gone, changed, blocked):
        at(node, 1, user, f"{user}-phone", clean=False).disconnect()
    b = at(node, 0, blocker)
    node.stop_broker(1)
    imctl = Imctl.of(node)
    imctl.ok("user", "disable", gone)
    imctl.ok("user", "password", changed, "--password", "other")
    b.rpc("block.add", uid=blocked)
    node.start_broker(1)
    for user, password in ((gone, "pw"), (changed, "pw")):
        with pytest.raises(Exception, match="refused"):
            node.client(user, f"{user}-phone", password, broker=1, clean=False).connect()
    assert at(node, 1, changed, password="other").connected
    c = at(node, 1, blocked)
    c.publish(f"im/u/{blocker}", {"id": "1", "body": "x"})
    assert c.wait_ack_of("1")["error"]["code"] == -32005
    with pytest.raises(Refusal):
        node.admin(broker=1).command("getUser", username="nobody-there")


def test_brokers_that_start_at_once_all_start(own_node):
    """As a machine starts them, after a crash: one of them mends the directory's log, and the others wait
    for that."""
    node = own_node(brokers=4, users=8)
    for _ in range(2):
        node.kill_bridge()
        for broker in node.brokers:
            broker.kill()
        for broker in node.brokers:
            broker.start()
        for broker in node.brokers:
            broker.wait_for(lambda p=broker.port: listening(p), "listener")
        node.start_bridge()


@pytest.mark.parametrize("order", ["removed", "unbound", "given away", "kicked"])
def test_an_order_that_a_broker_has_not_heard_ends_the_session_all_the_same(node, order):
    """Its link stands still when the order is given, and the bridge is another process before it goes on:
    what ends the session is what the directory says by then."""
    user, owner = node.users(2)
    here, gone = at(node, 0, user), at(node, 1, user, "tab", clean=False)
    gone.rpc("user.get")
    node.brokers[1].send_signal(signal.SIGSTOP)
    try:
        if order != "kicked":  # of whom only a bridge that knows him can be asked
            node.kill_bridge()
            node.bridge.start()
            node.wait_served(0)
        imctl = Imctl.of(node)
        if order == "removed":
            here.rpc("device.remove", device="tab")
        elif order == "kicked":
            imctl.ok("kick", user, "tab")
        else:
            imctl.ok("device", "unbind", "tab", *(["--for", owner] if order == "given away" else []))
        node.kill_bridge()
        node.bridge.start()
        node.wait_served(0)
    finally:
        node.brokers[1].send_signal(signal.SIGCONT)
    node.wait_served(1)
    assert_ended(gone, "kicked" if order == "kicked" else "removed")
    if order == "given away":
        mine = at(node, 0, owner, "tab")
        mine.rpc("user.get")
        assert mine.connected
    # Once: who may come again does.
    again = node.client(user, "tab", broker=1, clean=False)
    if order == "given away":
        with pytest.raises(Refused):
            again.connect()
    else:
        again.connect()
        again.inbox()
        again.rpc("user.get")
        assert again.connected and here.connected
