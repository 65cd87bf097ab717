# SPDX-License-Identifier: BSD-3-Clause
"""Several brokers under one bridge: what ends a right at one of them ends it at all, at once; whose a
client id is; what the operator takes away. test_more_brokers.py says what is where."""
import threading

import pytest

from lib.client import Refused, denied
from lib.node import PASSWORD, until
from lib.tools import Imctl
from test_endings import assert_ended, not_told
from test_more_brokers import at, everywhere, people

BROKERS = [2, 4]
NODE = {"options": {"rate_messages": 0}, "users": 160}
ROUNDS = 10  # of what has to be so at once, where a moment's delay would seldom show


def refused_everywhere(node, user, **kw):
    """Soon: the other brokers hear of it a moment after who asked for it was answered."""
    def refused(i):
        try:
            node.client(user, broker=i, **kw).connect().close()
        except Refused:
            return True
        return False
    for i in range(len(node.brokers)):
        until(lambda i=i: refused(i), f"a refusal at broker {i}")


def refused_send(client, topic, *codes):
    """Whether the client's broker or the bridge says so: nothing of it comes through."""
    number = f"r{len(client.acks())}-{topic}"
    client.publish(topic, {"id": number, "body": "SECRET"})
    assert client.wait_ack_of(number)["error"]["code"] in codes


# -- rights that end --

def test_a_block_holds_at_once_wherever_the_sender_is(node):
    a, b = people(node, 2)
    senders = everywhere(node, a.user)
    conv = f"u/{a.user}"
    for n in range(ROUNDS):
        b.rpc("block.add", uid=a.user)
        for c in senders:
            refused_send(c, f"im/u/{b.user}", -32005)
            c.publish(f"im/s/u/{b.user}", "SECRET")
        b.rpc("block.remove", uid=a.user)
        # Until their brokers have heard of it, they may still say no.
        until(lambda n=n: say(senders[-1], f"im/u/{b.user}", f"open {n}"), "an end of the block")
    b.wait_body(conv, f"open {ROUNDS - 1}")
    b.rpc("user.get")
    assert b.bodies(conv) == [f"open {n}" for n in range(ROUNDS)]
    assert [m for m in b.on("signal/") if b"SECRET" in m.payload] == []


def say(client, topic, body):
    """Sends once, with an id of its own; whether it was taken."""
    number = f"s{len(client.acks())}-{body}"
    client.publish(topic, {"id": number, "body": body})
    return "seq" in client.wait_ack_of(number)


@pytest.mark.parametrize("how", ["kicked", "left", "dismissed"])
def test_a_former_member_neither_hears_nor_speaks(node, how):
    owner, member, witness = people(node, 3)
    here, beside = everywhere(node, member.user), everywhere(node, witness.user)
    for kind in ("group", "room"):
        gid = node.group(owner, [member.user, witness.user], kind=kind)
        if kind == "room":
            for c in here:
                assert c.subscribe(f"im/room/{gid}") < 0x80
        if how == "kicked":
            owner.kick(gid, member.user)
        elif how == "left":
            here[-1].leave(gid)
        else:
            owner.rpc("group.dismiss", gid=gid)
        for c in here:
            refused_send(c, f"im/g/{gid}", -32002, -32003)
            denied(lambda c=c, g=gid: c.history(f"g/{g}"), -32002, -32003)
        if how != "dismissed":
            owner.send(f"im/g/{gid}", {"id": node.new_name(), "body": "SECRET"})
            owner.publish(f"im/s/g/{gid}", "SECRET")
            for c in beside if kind == "group" else []:
                c.wait_body(f"g/{gid}", "SECRET")
        if kind == "room":
            owner.send(f"im/u/{member.user}", {"id": node.new_name(), "body": f"fence {gid}"})
            for c in here:
                c.wait_body(f"u/{owner.user}", f"fence {gid}")
                assert c.subscribe(f"im/room/{gid}") >= 0x80
    for c in here:
        c.rpc("user.get")
        assert [m for m in c.messages if b"SECRET" in m.payload and not m.topic.endswith("/ack")] == []


# -- sessions that end --

def test_imctl_kicks_at_every_broker(node):
    user = node.user()
    devices = everywhere(node, user)
    other = node.connect(node.user(), broker=1)
    imctl = Imctl.of(node)
    imctl.ok("kick", user, devices[-1].device)
    assert_ended(devices[-1], "kicked")
    not_told(*devices[:-1])
    again = at(node, 0, user, devices[-1].device)
    imctl.ok("kick", user)
    for c in [*devices[:-1], again]:
        assert_ended(c, "kicked")
    not_told(other)


def test_a_device_removes_another_at_another_broker(node):
    user = node.user()
    devices = everywhere(node, user)
    devices[-1].rpc("user.get")  # so that it is known
    devices[0].rpc("device.remove", device=devices[-1].device)
    assert_ended(devices[-1], "removed")
    not_told(*devices[:-1])
    for c in devices[:-1]:
        c.wait_event("device", lambda e: e["action"] == "remove")
        assert devices[-1].device not in [d["device"] for d in c.rpc("device.list")["devices"]]


@pytest.mark.parametrize("what", ["disable", "delete"])
def test_an_account_that_ends_ends_everywhere(node, what):
    user, peer = node.users(2)
    devices, b = everywhere(node, user), at(node, 1, peer)
    Imctl.of(node, broker=len(node.brokers) - 1).ok("user", what, user)
    refused_everywhere(node, user)
    for c in devices:
        assert_ended(c, f"{what}d")
    b.publish(f"im/u/{user}", {"id": "1", "body": "x"})
    if what == "delete":
        assert b.wait_ack_of("1")["error"]["code"] == -32001


def test_a_password_changed_at_one_broker_ends_sessions_at_all(node):
    user = node.user()
    mine, *others = everywhere(node, user)
    mine.rpc("user.password", old=PASSWORD, new="better")
    refused_everywhere(node, user)
    for c in others:
        assert_ended(c, "password")
    not_told(mine)
    again = [at(node, i, user, password="better") for i in range(len(node.brokers))]
    # By the operator, at another one.
    Imctl.of(node, broker=1).ok("user", "password", user, "--password", "third")
    refused_everywhere(node, user, password="better")
    for c in [mine, *again]:
        assert_ended(c, "password")


# -- whose a client id is --

def test_another_users_client_id_is_refused_at_every_broker(node):
    owner, eve = node.users(2)
    device = f"{owner}'s phone"
    c = node.connect(owner, device, clean=False)
    c.rpc("user.get")
    for state in ("connected", "away"):
        refused_everywhere(node, eve, device=device)
        refused_everywhere(node, eve, device=device, clean=False)
        if state == "connected":
            assert c.connected
            c.disconnect()
    assert node.connect(owner, device, clean=False).session_present


def test_a_new_client_id_that_two_take_at_once_is_ones(node):
    """At two brokers, each of which knows nothing of the other's: one of them keeps it, with all that
    comes for it, and the other is out."""
    for n in range(ROUNDS):
        pair = [node.client(u, f"new one {node.new_name()}", broker=i, clean=False)
                for i, u in enumerate(node.users(2))]
        pair[1].paho._client_id = pair[0].paho._client_id
        pair[1].device = device = pair[0].device
        threads = [threading.Thread(target=try_to_connect, args=(c, )) for c in pair]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        until(lambda d=device: node.sql("directory", "SELECT 1 FROM device WHERE device = ?", d),
              "a row of the device")
        (uid, ), = node.sql("directory", "SELECT uid FROM device JOIN user ON user.id = user"
                                         " WHERE device = ?", device)
        winner, loser = pair if pair[0].user == uid else pair[::-1]
        until(lambda c=loser: not c.connected, "the end of the other")
        winner.inbox()
        assert [d["device"] for d in winner.rpc("device.list")["devices"]] == [device]
        refused_everywhere(node, loser.user, device=device)
        for c in pair:
            c.close()


def try_to_connect(client):
    try:
        client.connect()
    except Refused:
        pass


def test_a_client_id_is_given_to_its_owner(node):
    squatter, owner = node.users(2)
    device = f"tablet of {owner}"
    here = at(node, 1, squatter, device, clean=False)
    here.rpc("user.get")
    sender, = people(node, 1)
    Imctl.of(node).ok("device", "unbind", device, "--for", owner)
    assert_ended(here, "removed")
    refused_everywhere(node, squatter, device=device)
    sender.send(f"im/u/{squatter}", {"id": "1", "body": "SECRET"})
    for i in range(len(node.brokers)):
        c = at(node, i, owner, device, clean=False)
        c.rpc("user.get")
        assert [m for m in c.messages if b"SECRET" in m.payload] == []
        c.disconnect()


# -- what is erased --

def test_what_was_erased_is_in_no_file_of_any_broker(node):
    a, b = people(node, 2)
    here = everywhere(node, a.user)
    for n, c in enumerate(here):
        c.send(f"im/u/{b.user}", {"id": f"zq{n}xv", "body": f"zqxvword {n}"})
        c.send(f"im/u/{b.user}", {"id": f"k{n}", "body": f"zqxvmore {n}"})
    a.rpc("user.update", nick="zqxvnick")
    imctl = Imctl.of(node, broker=1)
    imctl.ok("user", "disable", a.user)
    for c in [a, *here]:
        c.wait_disconnected()
    imctl.ok("user", "erase", a.user)
    files = [f for f in node.data.iterdir() if f.is_file()] + [x.spool for x in node.brokers]
    assert [f.name for f in files if b"zqxv" in f.read_bytes()] == []
    assert {m["type"] for m in b.history(f"u/{a.user}")} == {"recalled"}


def test_an_administrator_has_no_more_rights_elsewhere(node):
    """Nor fewer; and who is none any more has none at any broker."""
    user = node.user()
    imctl = Imctl.of(node)
    imctl.ok("user", "role", user, "admin")
    for i in range(len(node.brokers)):
        assert Imctl.of(node, user=user, broker=i).run("user", "show", user).returncode == 0
    imctl.ok("user", "role", user, "user")
    for i in range(len(node.brokers)):
        assert Imctl.of(node, user=user, broker=i).run("user", "show", user).returncode == 1
        answer = Imctl.of(node, broker=i).json("explain", user, "publish", "$CONTROL/im/v1")
        assert not answer["allowed"], answer
