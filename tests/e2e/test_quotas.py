# SPDX-License-Identifier: BSD-3-Clause
"""What one user may do to others within a day, and that no restart begins a new one."""
import pytest

from lib.admin import Refusal
from lib.client import RpcError
from lib.tools import Imctl

DEFAULTS = {"groups_per_day": None, "invitations_per_day": None, "requests_per_day": None}
TO_ONE = 3  # requests to the same user or group


def limited(call):
    with pytest.raises(RpcError) as e:
        call()
    assert e.value.code == -32008, e.value


def restarted(node, client):
    """The bridge, in the middle of everything."""
    node.kill_bridge()
    node.start_bridge()
    return client


def test_groups_are_founded_so_often_a_day(own_node):
    node = own_node(bridge={"groups_per_day": 3}, users=3)
    a, b = (node.connect(u) for u in node.users(2))
    # Refused, taken, repeated: none of them is a group founded.
    with pytest.raises(RpcError):
        a.rpc("group.create", gid="no such name")
    for _ in range(3):
        a.rpc("group.create", gid="one")
    a.rpc("group.create", name="two")  # its gid is made up
    node.group(a)
    limited(lambda: node.group(a))
    restarted(node, a)
    limited(lambda: node.group(a))
    node.group(b)  # others found theirs
    # Nor does an end give back what was founded.
    a.rpc("group.dismiss", gid="one")
    limited(lambda: node.group(a))
    # Who was given a group has founded none.
    admin = node.admin()
    admin.command("createGroup", gid="theirs", owner=a.user)
    # A user of its own.
    shown = Imctl.of(node).json("user", "quota", a.user, "groups", 4)["quotas"]
    assert shown[0] == {"kind": "groups", "max": 4, "used": 3, "own": True}
    node.group(a)
    limited(lambda: node.group(a))


def test_people_are_put_into_groups_so_often_a_day(own_node):
    node = own_node(bridge={"invitations_per_day": 4}, users=12)
    names = node.users(10)
    a, shy = node.connect(names[0]), node.connect(names[1])
    shy.rpc("block.add", uid=a.user)
    # Whoever is left out, is there already or is named twice is nobody put in.
    gid = node.group(a, [names[2], names[2], names[0], shy.user])
    assert len(a.members(gid)) == 2
    a.invite(gid, names[2], names[3])
    # More than are left: nobody comes in.
    limited(lambda: a.invite(gid, *names[4:7]))
    a.kick(gid, names[3])
    a.invite(gid, names[3])
    restarted(node, a)
    limited(lambda: a.invite(gid, *names[4:6]))
    a.invite(gid, names[4])
    # A group handed over counts for the giver.
    a.rpc("group.role", gid=gid, uid=names[2], role="admin")
    limited(lambda: a.rpc("group.transfer", gid=gid, uid=names[2]))
    assert a.members(gid)[a.user] == "owner"
    assert Imctl.of(node).json("user", "quota", a.user)["quotas"][1] == {
        "kind": "invitations", "max": 4, "used": 4, "own": False}


def test_the_same_one_is_asked_three_times_a_day(own_node):
    """However often the request is taken back, refused, or the bridge starts anew."""
    node = own_node(bridge=DEFAULTS, users=3)
    a, victim = (node.connect(u) for u in node.users(2))
    for n in range(TO_ONE):
        a.rpc("contact.request", uid=victim.user, note=f"{n}")
        a.rpc("contact.request", uid=victim.user, note="again")  # it is so already
        a.rpc("contact.remove", uid=victim.user)
    limited(lambda: a.rpc("contact.request", uid=victim.user))
    restarted(node, a)
    for _ in range(20):
        limited(lambda: a.rpc("contact.request", uid=victim.user))
        a.rpc("contact.remove", uid=victim.user)
    victim.rpc("user.get")
    events = [e for e in victim.events("contact") if e["by"] == a.user]
    assert len([e for e in events if e["action"] == "request"]) == TO_ONE
    assert len(events) == 2 * TO_ONE
    # The other way it has not been asked.
    victim.rpc("contact.request", uid=a.user)


def test_a_group_is_asked_three_times_a_day(own_node):
    node = own_node(bridge=DEFAULTS, users=3)
    owner, a = (node.connect(u) for u in node.users(2))
    gid = node.group(owner, join="approval")
    for n in range(TO_ONE):
        a.rpc("group.join", gid=gid, note=f"{n}")
    limited(lambda: a.rpc("group.join", gid=gid, note="once more"))
    owner.rpc("user.get")
    assert [e["note"] for e in owner.events("group") if e["action"] == "request"] == ["0", "1", "2"]


def test_requests_are_sent_so_often_a_day(own_node):
    node = own_node(bridge={"requests_per_day": 2}, users=5)
    names = node.users(4)
    a = node.connect(names[0])
    for other in names[1:3]:
        a.rpc("contact.request", uid=other)
    limited(lambda: a.rpc("contact.request", uid=names[3]))
    restarted(node, a)
    limited(lambda: a.rpc("contact.request", uid=names[3]))


def test_a_victim_of_groups_founded_and_ended_hears_little(own_node):
    """With the default options; and nothing any more once it has blocked the other."""
    node = own_node(bridge=DEFAULTS, users=4)
    a, victim, c = (node.connect(u) for u in node.users(3))
    founded = 0
    for _ in range(40):
        try:
            gid = node.group(a, [victim.user])
        except RpcError as e:
            assert e.code == -32008
            continue
        founded += 1
        with pytest.raises(RpcError) as e:  # a member who did not ask for it gets no group
            a.rpc("group.transfer", gid=gid, uid=victim.user)
        assert e.value.code == -32006
        a.rpc("group.dismiss", gid=gid)
    assert founded == 20
    victim.rpc("block.add", uid=a.user)
    victim.rpc("user.get")
    before = len(victim.messages)
    Imctl.of(node).ok("user", "quota", a.user, "groups", 0)
    gid = node.group(a, [victim.user, c.user])
    assert victim.user not in a.members(gid)
    victim.rpc("user.get")
    assert [m for m in victim.messages[before:] if gid.encode() in m.payload] == []


def test_imctl_says_what_is_wrong_with_a_quota(own_node):
    node = own_node(users=2)
    imctl, user = Imctl.of(node), node.user()
    assert "invitations" in imctl.ok("user", "quota", user)
    assert imctl.run("user", "quota", user, "friends", 3).returncode == 2
    assert imctl.run("user", "quota", "nobody", "groups", 3).returncode == 1
    imctl.ok("user", "quota", user, "requests", 0)
    assert imctl.json("user", "quota", user)["quotas"][2]["max"] == 0
    shown = imctl.json("user", "quota", user, "requests")["quotas"]
    assert [(q["kind"], q["max"], q["own"]) for q in shown] == [("requests", 0, True)]
    assert imctl.run("user", "quota", user, "requests", "none").returncode == 2
    imctl.ok("user", "quota", user, "requests", "default")
    assert not imctl.json("user", "quota", user)["quotas"][2]["own"]
    admin = node.admin()
    with pytest.raises(Refusal):
        admin.command("setUserQuota", username=user, kind="groups", max=-2)
