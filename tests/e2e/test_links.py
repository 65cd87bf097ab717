# SPDX-License-Identifier: BSD-3-Clause
"""Links into groups, over the broker: who comes in is in at once, and what there is on disk lets
nobody in."""
import pytest

from lib.client import denied


@pytest.mark.parametrize("kind", ["group", "room"])
def test_who_has_the_link_comes_in_and_is_served(node, kind):
    owner, guest = (node.connect(node.user()) for _ in range(2))
    gid = node.group(owner, kind=kind, join="invite", name="Cellar")
    made = owner.rpc("group.link", gid=gid, uses=1)
    denied(lambda: guest.rpc("group.get", gid=gid), -32002)
    assert guest.rpc("group.get", link=made["link"])["group"] == {
        "gid": gid, "kind": kind, "name": "Cellar", "avatar": "", "join": "invite", "members": 1}
    assert guest.rpc("group.join", link=made["link"])["changed"]
    if kind == "room":
        guest.subscribe(f"im/room/{gid}")
    else:
        told = owner.wait_message(f"g/{gid}", lambda m: m["type"] == "system"
                                  and m["body"]["action"] == "join")
        assert told["body"]["link"] == made["id"]
    assert guest.send(f"im/g/{gid}", {"id": "1", "body": "hi"})["seq"] == 3
    late = node.connect(node.user())
    denied(lambda: late.rpc("group.join", link=made["link"]), -32002)  # it was for one
    denied(lambda: late.rpc("group.join", gid=gid, link=made["link"]), -32602)


def link_of_an_admin(node):
    """Owner, admin, a guest, the group, and the admin's link, by which the guest sees it."""
    owner, admin, guest = (node.connect(node.user()) for _ in range(3))
    gid = node.group(owner, [admin.user], join="invite")
    owner.rpc("group.role", gid=gid, uid=admin.user, role="admin")
    link = admin.rpc("group.link", gid=gid)["link"]
    assert guest.rpc("group.get", link=link)["group"]["gid"] == gid
    return owner, admin, guest, gid, link


def test_a_link_ends_with_the_rights_of_its_maker(node):
    owner, admin, guest, gid, link = link_of_an_admin(node)
    owner.kick(gid, admin.user)
    denied(lambda: guest.rpc("group.join", link=link), -32002)
    assert owner.rpc("group.links", gid=gid)["links"] == []


def test_a_link_ends_when_its_maker_is_disabled(node):
    owner, admin, guest, gid, link = link_of_an_admin(node)
    commands = node.admin()
    commands.command("disableUser", username=admin.user)
    denied(lambda: guest.rpc("group.join", link=link), -32002)
    assert owner.rpc("group.links", gid=gid)["links"] == []
    # It is not there again when the maker is.
    commands.command("enableUser", username=admin.user)
    denied(lambda: guest.rpc("group.join", link=link), -32002)
    again = node.connect(admin.user)
    assert guest.rpc("group.join", link=again.rpc("group.link", gid=gid)["link"])["changed"]


def test_one_holder_does_not_use_a_link_up(own_node):
    """By coming and going; whatever of it is repeated after a crash."""
    node = own_node()
    owner, guest, other = (node.connect(node.user()) for _ in range(3))
    gid = node.group(owner, join="invite")
    link = owner.rpc("group.link", gid=gid, uses=2)["link"]
    for n in range(5):
        assert guest.rpc("group.join", link=link)["changed"]
        if n == 2:
            node.kill_bridge()
            node.start_bridge()
        assert [x["left"] for x in owner.rpc("group.links", gid=gid)["links"]] == [1]
        guest.leave(gid)
    denied(lambda: guest.rpc("group.join", link=link), -32008)
    assert other.rpc("group.join", link=link)["changed"]
    assert owner.rpc("group.links", gid=gid)["links"] == []


def test_a_secret_is_in_no_file(own_node):
    node = own_node()
    owner, guest = (node.connect(node.user()) for _ in range(2))
    gid = node.group(owner, join="invite")
    link = owner.rpc("group.link", gid=gid)["link"]
    assert guest.rpc("group.join", link=link)["changed"]
    node.kill_bridge()
    node.start_bridge()
    assert guest.rpc("group.join", link=link) == {"changed": False}
    node.stop()
    for path in node.data.iterdir():
        if path.is_file():
            assert link.encode() not in path.read_bytes(), path
