# SPDX-License-Identifier: BSD-3-Clause
"""Names that are given once, users who are deleted and come back, and names of earlier versions."""
import json
import time

import pytest

from lib import past, tokens
from lib.admin import Refusal
from lib.client import Refused, RpcError
from lib.node import Node
from lib.proc import wait_until
from lib.tools import Imctl

SECRET = b"0123456789abcdef0123456789abcdef"


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    """With tokens that make users."""
    from conftest import running
    secret = tmp_path_factory.mktemp("keys") / "secret"
    secret.write_bytes(SECRET + b"\n")
    with running(options={"jwt_secret_file": secret, "jwt_algorithm": "HS256",
                          "jwt_auto_create": "true", "auth_wrong_share": 100}) as n:
        yield n


def token(uid, **more):
    return tokens.token(SECRET, "HS256", tokens.claims(uid, **more))


def refused(node, uid, password):
    with pytest.raises(Refused):
        node.client(uid, password=password).connect()
    return True


def logged(node, *words):
    return wait_until(lambda: any(all(w in line for w in words)
                                  for line in node.broker.text().splitlines()))


# -- a name is given once --

def test_the_name_of_a_deleted_user_is_not_given_again(node):
    admin, peer = node.admin(), node.user()
    name, p = node.new_name("once"), node.connect(peer)
    admin.create_user(name)
    was_issued = token(name)
    c = node.connect(name)
    assert c.send(f"im/u/{peer}", {"id": "1", "body": "before"})["seq"] == 1
    admin.command("deleteUser", username=name)
    c.wait_disconnected()
    for other in (name, name.upper()):
        with pytest.raises(Refusal, match="no other gets its name|in case alone"):
            admin.create_user(other)
    # Neither an old token nor a new one makes the user again.
    assert refused(node, name, was_issued) and refused(node, name, token(name))
    assert logged(node, f"login refused user={name} ", "the account was deleted")
    assert node.sql("directory", "SELECT count(*) FROM user WHERE uid = ?", name) == [(1,)]
    # What was said can be read everywhere, and is marked; nothing more can be said.
    conv = f"u/{name}"
    assert [m["body"] for m in p.history(conv)] == ["before"]
    assert [m["body"] for m in p.sync_all()[0]] == ["before"]
    assert p.listed(conv)["deleted"] is True
    assert p.rpc("user.get", uid=name) == {"uid": name, "nick": "", "avatar": "", "rev": 1,
                                             "deleted": True}
    assert wait_until(lambda: p.rpc("search", q="before")["hits"])
    assert p.rpc("search", q="before", **{"from": name})["hits"][0]["message"]["from"] == name
    assert p.rpc("presence.get", uids=[name])["users"][0]["state"] == "offline"
    p.publish(f"im/{conv}", {"id": "2", "body": "after"})
    error = p.wait_ack_of("2")["error"]
    assert error["code"] == -32001 and "deleted" in error["message"]
    with pytest.raises(RpcError, match="deleted"):
        p.rpc("contact.request", uid=name)


@pytest.mark.parametrize("name", ["all", "System", "ADMINISTRATOR", "deleted-5", "Deleted-x",
                                  "im-bridge", "IM-Bridge"])
def test_reserved_names_are_given_to_nobody(node, name):
    with pytest.raises(Refusal, match="reserved"):
        node.admin().create_user(name)
    c = node.connect(node.user())
    with pytest.raises(RpcError, match="reserved"):
        c.rpc("group.create", gid=name)
    if name.islower() and name != "im-bridge":
        assert refused(node, name, token(name))
        assert logged(node, f"user={name} ", "the name is reserved")


def test_names_that_differ_in_case_alone_are_one_name(node):
    admin, owner = node.admin(), node.connect(node.user())
    name = node.new_name("folded")
    admin.create_user(name)
    with pytest.raises(Refusal, match=f'"{name}" in case alone'):
        admin.create_user(name.title())
    # Nothing is folded at login or in topics; the log says who may have been meant.
    assert refused(node, name.title(), "pw") and refused(node, name.title(), token(name.title()))
    assert logged(node, f"user={name.title()} ", "unknown user", f"there is {name}")
    assert node.sql("directory", "SELECT 1 FROM user WHERE uid = ?", name.title()) == []
    owner.publish(f"im/u/{name.title()}", {"id": "1", "body": "x"})
    assert owner.wait_ack_of("1")["error"]["code"] == -32001
    gid = node.group(owner, gid=node.new_name("team"))
    with pytest.raises(RpcError, match="in case alone"):
        owner.rpc("group.create", gid=gid.title())


def test_a_name_that_is_taken_is_refused_offline_too(tmp_path):
    node = Node(users=2)
    try:
        off = Imctl(tmp_path, "--offline", node.data)
        off.ok("user", "create", "zoe", "--no-password")
        node.start()
        node.admin().command("deleteUser", username="zoe")
        node.stop()
        for name, why in (("zoe", "no other gets its name"), ("USER000", "in case alone"),
                          ("all", "reserved"), ("im-bridge", "reserved")):
            done = off.run("user", "create", name, "--no-password")
            assert done.returncode == 1 and why in done.stderr, name
            (tmp_path / "list").write_text(f"fresh\n{name}\n", encoding="utf-8")
            done = off.run("user", "import", tmp_path / "list")
            assert done.returncode == 1 and "line 2" in done.stderr and why in done.stderr, name
        assert "fresh" not in off.ok("user", "list")
    finally:
        node.close()


# -- back again --

def test_a_user_comes_back_with_the_same_number_and_a_new_credential(node):
    admin, peer = node.admin(), node.user()
    name, p = node.new_name("back"), node.connect(peer)
    imctl = Imctl.of(node)
    admin.create_user(name)
    number = node.sql("directory", "SELECT id FROM user WHERE uid = ?", name)
    c = node.connect(name)
    old, without = token(name), token(name)
    without = tokens.token(SECRET, "HS256", {"sub": name, "exp": int(time.time()) + 3600})
    assert node.client(name, password=old).connect().connected
    c.send(f"im/u/{peer}", {"id": "1", "body": "one"})
    c.rpc("group.create", gid=node.new_name("g"), members=[peer])
    admin.command("deleteUser", username=name)
    c.wait_disconnected()
    imctl.ok("user", "restore", name, "--password", "another")
    assert node.sql("directory", "SELECT id FROM user WHERE uid = ?", name) == number
    assert refused(node, name, "pw") and refused(node, name, old) and refused(node, name, without)
    assert logged(node, f"user={name} ", "iat")
    c = node.connect(name, password="another")
    assert c.send(f"im/u/{peer}", {"id": "2", "body": "two"})["seq"] == 2
    assert [m["body"] for m in c.history(f"u/{peer}")] == ["one", "two"]
    assert [x["conv"] for x in c.rpc("conv.list")["conversations"]] == [f"u/{peer}"]
    assert "deleted" not in p.listed(f"u/{name}")
    assert p.send(f"im/u/{name}", {"id": "3", "body": "three"})["seq"] == 3
    later = token(name, iat=int(time.time()) + 1)
    assert node.client(name, password=later).connect().connected
    assert imctl.run("user", "restore", name, "--no-password").returncode == 1
    assert imctl.run("user", "restore", node.new_name("never"), "--no-password").returncode == 1


def test_a_block_outlives_the_account_on_either_side(node):
    admin, bob = node.admin(), node.connect(node.user())
    stalker, shy = admin.create_user(node.new_name("s")), admin.create_user(node.new_name("s"))
    bob.rpc("block.add", uid=stalker)
    node.connect(shy).rpc("block.add", uid=bob.user)
    for name in stalker, shy:
        admin.command("deleteUser", username=name)
    assert bob.rpc("block.list")["blocks"] == [
        {"uid": stalker, "nick": "", "avatar": "", "rev": 1, "deleted": True}]
    for name in stalker, shy:
        admin.command("restoreUser", username=name, password="back")
    assert [b["uid"] for b in bob.rpc("block.list")["blocks"]] == [stalker]
    s = node.connect(stalker, password="back")
    for sender, to in (s, bob.user), (bob, shy):
        sender.publish(f"im/u/{to}", {"id": "again", "body": "hello again"})
        assert sender.wait_ack_of("again")["error"]["code"] == -32005
    bob.rpc("block.remove", uid=stalker)
    assert s.send(f"im/u/{bob.user}", {"id": "now", "body": "hello"})["seq"] == 1


# -- names that an earlier version has given twice --

@pytest.fixture
def twice():
    """Recorded with schema 5: alice three times (numbers 2 and 9 deleted, 10), zoe twice (7 and 11,
    both deleted), and somebody who really is called deleted-2; bob beside Bob, a user `all`."""
    node = Node(users=0)
    try:
        past.load("names", node.data)
        node.write_broker_conf()
        node.write_bridge_conf()
        node.bridge.start()
        node.bridge.wait_text("info started")
        node.start_broker()
        yield node
    finally:
        node.close()


def odd_name(node):
    """Of number 2: its own is somebody's."""
    return node.sql("directory", "SELECT uid FROM user WHERE id = 2")[0][0]


def test_names_given_twice_are_told_apart(twice):
    node, first = twice, odd_name(twice)
    assert first.startswith("deleted-2.")
    b = node.connect("bob")
    convs = {c["conv"]: c for c in b.rpc("conv.list")["conversations"]}
    assert set(convs) == {"u/alice", f"u/{first}", "u/deleted-9", "u/zoe", "u/deleted-7",
                          "u/carol", "g/team", "g/Team"}
    assert {c for c, item in convs.items() if item.get("deleted")} == {
        f"u/{first}", "u/deleted-9", "u/zoe", "u/deleted-7"}
    # The name means the newest number; older ones are found by theirs, and read.
    assert [m["body"] for m in b.history("u/alice")] == ["another alice", "to another alice"]
    assert [m["from"] for m in b.history("u/alice")] == ["alice", "bob"]
    assert [m["body"] for m in b.history(f"u/{first}")][:2] == ["first alice",
                                                               "to the first alice"]
    assert {m["from"] for m in b.history(f"u/{first}")} == {first, "bob"}
    assert [m["body"] for m in b.history("u/deleted-7")] == ["first zoe"]
    assert [m["body"] for m in b.history("u/zoe")] == ["second zoe"]
    by_name = {m["from"] for m in b.history("g/team")}
    assert first in by_name and "alice" not in by_name
    assert wait_until(lambda: len(b.rpc("search", q="alice")["hits"]) >= 8)
    found = b.rpc("search", q="alice", **{"from": first})["hits"]
    assert {h["message"]["conv"] for h in found} == {f"u/{first}", "g/team"}
    assert b.rpc("conv.receipts", conv=f"u/{first}", seq=2)["receipts"][0]["uid"] == first
    assert b.rpc("user.get", uid="deleted-9")["deleted"] is True
    for gone in (first, "deleted-9", "zoe", "deleted-7"):
        b.publish(f"im/u/{gone}", {"id": gone, "body": "x"})
        assert b.wait_ack_of(gone)["error"]["code"] == -32001
    # Whoever has the name goes on, and so does the conversation.
    a = node.connect("alice")
    assert a.send("im/u/bob", {"id": "new", "body": "still me"})["seq"] == 3
    assert {m["conv"] for m in a.sync_all()[0]} == {"u/bob"}
    for gone in ("deleted-9", first):
        with pytest.raises(Refused):
            node.client(gone).connect()
        with pytest.raises(Refusal):
            node.admin().command("restoreUser", username=gone)
    node.admin().command("restoreUser", username="zoe")
    assert b.send("im/u/zoe", {"id": "again", "body": "welcome"})["seq"] == 2


def test_what_names_somebody_is_told_apart_too(twice):
    """In texts that are stored with names: each means whoever had the name when it was written."""
    node, first = twice, odd_name(twice)
    imctl = Imctl.of(node)
    assert wait_until(lambda: all(e["stage"] == "done"
                                  for e in imctl.json("user", "erasures")["erasures"]))
    b, c = node.connect("bob"), node.connect("carol")
    to_first = {str(m["body"]): m for m in b.history(f"u/{first}")}
    assert to_first["first alice"]["reactions"] == {"+1": ["bob"]}
    assert to_first["to the first alice"]["reactions"] == {"+1": [first]}
    assert next(m for m in b.history("g/team") if m.get("mentions"))["mentions"] == [first]
    assert b.history("u/deleted-9")[-1]["mentions"] == ["deleted-9"]
    assert b.history("u/alice")[-1]["mentions"] == ["alice"]
    copies = [m for m in c.history("u/bob") if "forwarded" in m]
    assert [m["forwarded"]["from"] for m in copies] == [first]
    for client in (b, c):
        for message in client.history("g/team"):
            if message["type"] == "system":
                assert '"alice"' not in json.dumps(message["body"])
    events = {e["event"]: e for e in b.sync_all()[1]}
    assert events["contact"]["uid"] == first and events["read"]["conv"] == f"u/{first}"


def test_what_earlier_versions_let_happen_is_listed(twice):
    first = odd_name(twice)
    found = Imctl.of(twice).json("check")["findings"]
    assert [(f["kind"], f["name"], f["finding"], f.get("beside"), f["deleted"])
            for f in sorted(found, key=lambda f: (f["kind"], f["finding"], f["name"]))] == [
        ("group", "Team", "case", "team", False), ("group", "team", "case", "Team", False),
        ("user", "Bob", "case", "bob", False), ("user", "bob", "case", "Bob", False),
        ("user", "all", "reserved", None, False), ("user", "deleted-2", "reserved", None, False),
        ("user", first, "twice", None, True), ("user", "deleted-7", "twice", None, True),
        ("user", "deleted-9", "twice", None, True)]
    shown = Imctl.of(twice).ok("check")
    assert "FINDING" in shown.upper() and "deleted-9" in shown
    twice.bridge.stop()
    off = Imctl(twice.folder, "--offline", twice.data)
    assert off.json("check")["findings"] == found


def test_pairs_of_an_earlier_version_go_on(twice):
    bob, other, everybody = (twice.connect(n) for n in ("bob", "Bob", "all"))
    assert bob.send("im/u/Bob", {"id": "1", "body": "to the big one"})["seq"] == 1
    assert other.wait_body("u/bob", "to the big one")
    assert other.send("im/u/all", {"id": "1", "body": "hi"})["seq"] == 1
    assert everybody.wait_body("u/Bob", "hi")
    assert bob.send("im/g/team", {"id": "3", "body": "t"})["seq"] == 6
    assert bob.send("im/g/Team", {"id": "4", "body": "T"})["seq"] == 2
    with pytest.raises(Refusal, match="in case alone"):
        twice.admin().create_user("BOB")
    with pytest.raises(Refusal, match="already"):
        twice.admin().create_user("Bob")
    assert json.dumps(twice.admin().command("listUsers")).count('"username"') == 7
