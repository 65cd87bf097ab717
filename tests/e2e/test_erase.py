# SPDX-License-Identifier: BSD-3-Clause
"""Erasing a user's words: gone from every answer and from every file, while the node goes on."""
import json
import shutil
import sqlite3

import pytest

from lib import tokens
from lib.admin import COMMAND, Refusal
from lib.client import Refused, RpcError
from lib.proc import wait_until
from lib.tools import Imctl


def words_left(node, words, but=()):
    """{word: files of data_dir that hold it}"""
    found = {}
    for file in sorted(node.data.iterdir()):
        data = file.read_bytes() if file.is_file() and file.name not in but else b""
        for word in words:
            if word.encode() in data:
                found.setdefault(word, []).append(file.name)
    return found


def erase(node, user, *more):
    return Imctl.of(node).json("user", "erase", user, *more)


def erased(node):
    return Imctl.of(node).json("user", "erasures")["erasures"][-1]


class Life:
    """Two users' doings, the first one's words all begin with `zqxv`; others' with `keep`."""

    def __init__(self, node):
        self.node = node
        self.user, self.peer, self.third = node.users(3)
        self.a, self.b, self.c = (node.connect(u) for u in (self.user, self.peer, self.third))
        a, b, c = self.a, self.b, self.c
        u, p, t = self.user, self.peer, self.third
        self.gid = node.group(a, [p, t], announcement="zqxvannounced", name="keepname")
        send = a.send
        send(f"im/u/{p}", {"id": "zqxvid", "body": "zqxvfirst body", "type": "zqxvtype",
                           "ext": {"k": "zqxvext"}})
        send(f"im/u/{p}", {"id": node.new_name("m"), "body": {"deep": ["zqxvjson"]}})
        send(f"im/u/{p}", {"id": node.new_name("m"), "body": "zqxvbefore"})
        a.rpc("msg.edit", conv=f"u/{p}", seq=3, body="zqxvafter")
        send(f"im/u/{p}", {"id": "zqxvrecalledid", "body": "zqxvrecalled"})
        a.rpc("msg.recall", conv=f"u/{p}", seq=5)
        b.send(f"im/u/{u}", {"id": node.new_name("m"), "body": "keepanswer", "mentions": [u],
                             "reply_to": 1})
        b.rpc("msg.react", conv=f"u/{u}", seq=1, emoji="keepemoji")
        a.rpc("msg.react", conv=f"u/{p}", seq=7, emoji="zqxvemoji")
        send(f"im/g/{self.gid}", {"id": node.new_name("m"), "body": "zqxvgroup"})
        a.rpc("group.update", gid=self.gid, announcement="zqxvannouncedagain")
        # Copies, and copies of copies.
        b.rpc("msg.forward", from_conv=f"u/{u}", seqs=[1], to_conv=f"u/{t}")
        c.rpc("msg.forward", from_conv=f"u/{p}", seqs=[1], to_conv=f"g/{self.gid}")
        b.send(f"im/u/{t}", {"id": node.new_name("m"), "body": "keepown"})
        a.rpc("user.update", nick="zqxvnick", avatar="zqxvavatar", ext={"zqxv": "zqxvprofile"})
        a.rpc("contact.request", uid=p, note="zqxvnote")
        b.rpc("contact.accept", uid=u)
        a.rpc("contact.update", uid=p, remark="zqxvremark", tags=["zqxvtag"])
        b.rpc("contact.update", uid=u, remark="keepremark")
        a.rpc("conv.update", conv=f"u/{p}", draft="zqxvdraft")
        b.rpc("msg.report", conv=f"u/{u}", seq=1, reason="keepreason")
        a.rpc("msg.report", conv=f"u/{p}", seq=7, reason="zqxvreason")
        open_gid = node.group(b, [], join="approval")
        a.rpc("group.join", gid=open_gid, note="zqxvjoin")
        self.found = lambda q: c.rpc("search", q=q)["hits"]
        assert wait_until(lambda: b.rpc("search", q="zqxvgroup")["hits"])

    def say(self, times):
        for n in range(times):
            self.a.post(f"im/u/{self.peer}", {"id": f"many{n}", "body": f"zqxvmany {n}"})
        assert "seq" in self.a.wait_ack_of(f"many{times - 1}")

    WORDS = ["zqxv"]
    KEPT = ["keepanswer", "keepemoji", "keepown", "keepremark", "keepname"]


def test_a_users_words_go_from_every_answer_and_every_file(own_node):
    node = own_node(users=10, options={"rate_messages": 0})
    life, admin = Life(node), node.admin()
    b, c, user, peer, third = life.b, life.c, life.user, life.peer, life.third
    assert len(words_left(node, ["zqxvfirst", "zqxvremark", "zqxvnote", "zqxvjoin"])) == 4
    with pytest.raises(Refusal, match="disable or delete"):
        admin.command("eraseUser", username=user)
    admin.command("disableUser", username=user)
    life.a.wait_disconnected()
    heads = {x["conv"]: x["head"] for x in b.rpc("conv.list")["conversations"]}
    erase(node, user)
    assert words_left(node, life.WORDS) == {}
    assert len(words_left(node, life.KEPT)) == len(life.KEPT)
    # Places stay, and who was there.
    assert {x["conv"]: x["head"] for x in b.rpc("conv.list")["conversations"]} == heads
    page = b.history(f"u/{user}")
    assert [m["seq"] for m in page] == list(range(1, 10))
    own = [m for m in page if m["from"] == user]
    assert [m["type"] for m in own] == ["recalled"] * 5 + ["recall", "recalled"]
    assert all(m["body"] is None or m["type"] == "recall" for m in own)
    assert not any(k in m for m in own for k in ("id", "ext", "reactions", "edited"))
    answer = next(m for m in page if m["body"] == "keepanswer")
    assert answer["mentions"] == [user] and "reactions" not in answer
    copies = c.history(f"u/{peer}")
    assert [m["type"] for m in copies] == ["recalled", "text"]
    assert copies[0]["forwarded"]["from"] == user
    group = c.history(f"g/{life.gid}")
    assert [m["type"] for m in group] == ["system", "recalled", "system", "recalled"]
    assert group[0]["body"]["announcement"] == "" and group[0]["body"]["name"] == "keepname"
    assert c.rpc("group.get", gid=life.gid)["group"]["announcement"] == ""
    profile = b.rpc("user.get", uid=user)
    assert profile["nick"] == profile["avatar"] == "" and "ext" not in profile
    contact = b.rpc("contact.list")["contacts"][0]
    assert contact["note"] == "" and contact["remark"] == "keepremark"
    for reader in (b, c):
        assert "zqxv" not in json.dumps(reader.sync_all())
        assert reader.rpc("search", q="zqxv*")["hits"] == []
    assert b.rpc("search", q="keepanswer")["hits"]
    reports = admin.command("listReports")["reports"]
    assert [(r["body"], r["reason"]) for r in reports] == [("", "keepreason"),
                                                          ("keepanswer", "")]
    # It is on the list, and in the audit log.
    assert erased(node)["stage"] == "done" and erased(node)["name"] is False
    number = node.sql("directory", "SELECT id FROM user WHERE uid = ?", user)[0][0]
    assert (node.data / "erasures").read_text("utf-8").split()[0] == str(number)
    rows = Imctl.of(node).json("audit", "--user", user)["rows"]
    assert [(r["command"], r["outcome"]) for r in rows] == [
        ("eraseUser", "not allowed"), ("disableUser", "done"), ("eraseUser", "done")]
    # He may come back, and the conversation goes on. What was sent is known by its hash still.
    admin.command("enableUser", username=user)
    a = node.connect(user)
    assert a.send(f"im/u/{peer}", {"id": "zqxvid", "body": "zqxvfirst body", "type": "zqxvtype",
                                   "ext": {"k": "zqxvext"}})["seq"] == 1
    assert a.send(f"im/u/{peer}", {"id": "fresh", "body": "again"})["seq"] == 10
    assert words_left(node, life.WORDS, but=["spool"]) == {}


def test_a_users_name_goes_as_well_and_stays_taken(own_node, tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(b"0123456789abcdef0123456789abcdef\n")
    node = own_node(users=10, more_users=[("Zqxvname", "pw")],
                    options={"jwt_secret_file": secret, "jwt_auto_create": "true"})
    node._pool.insert(0, "Zqxvname")
    life, admin = Life(node), node.admin()
    b, c, user, peer = life.b, life.c, life.user, life.peer
    number = node.sql("directory", "SELECT id FROM user WHERE uid = ?", user)[0][0]
    name = f"deleted-{number}"
    b.send(f"im/g/{life.gid}", {"id": node.new_name("m"), "body": "keepgroup",
                                "mentions": [user]})
    told = b.send(f"im/g/{life.gid}", {"id": node.new_name("m"), "body": "keepplain"})["seq"]
    b.rpc("msg.edit", conv=f"g/{life.gid}", seq=told, mentions=[user])
    admin.command("disableUser", username=user)
    life.a.wait_disconnected()
    erase(node, user, "--name")
    assert words_left(node, ["zqxv", "Zqxvname"]) == {}
    assert [m["from"] for m in b.history(f"u/{name}")][:2] == [name, name]
    answer = next(m for m in b.history(f"u/{name}") if m["body"] == "keepanswer")
    assert answer["mentions"] == [name]
    assert c.history(f"u/{peer}")[0]["forwarded"]["from"] == name
    group = c.history(f"g/{life.gid}")
    assert [m.get("mentions") for m in group if m["body"] in ("keepgroup", "keepplain")] == [
        [name], [name]]
    assert group[-1]["type"] == "system" and name in json.dumps(group[-1]["body"])
    assert user not in b.members(life.gid) and name not in b.members(life.gid)
    assert b.rpc("user.get", uid=name)["deleted"] is True
    assert {x["conv"] for x in b.rpc("conv.list")["conversations"]} >= {f"u/{name}"}
    assert b.rpc("search", q="keepanswer")["hits"][0]["message"]["conv"] == f"u/{name}"
    for reader in (b, c):
        assert "qxvname" not in json.dumps(reader.sync_all())
    rows = json.dumps(Imctl.of(node).json("audit"))
    assert "qxvname" not in rows and name in rows
    assert erased(node)["username"] == name and erased(node)["name"] is True
    # The name is nobody's, in any case, on any road, and neither are its tokens.
    for taken in (user, user.lower(), user.upper()):
        with pytest.raises(Refusal, match="was erased"):
            admin.create_user(taken)
        with pytest.raises(Refused):
            node.client(taken, password=tokens.token(
                secret.read_bytes().strip(), "HS256", tokens.claims(taken))).connect()
    assert wait_until(lambda: "the account was deleted" in node.broker.text())
    with pytest.raises(RpcError):
        b.rpc("conv.history", conv=f"u/{user}")
    with pytest.raises(Refusal, match="name is gone"):
        admin.command("restoreUser", username=name)
    node.bridge.stop()
    key = node.data / "names.key"
    key.rename(node.folder / "names.key")
    node.bridge.start()
    node.bridge.wait_text("error names_key why=")
    (node.folder / "names.key").rename(key)
    node.stop()
    done = Imctl(tmp_path, "--offline", node.data).run("user", "create", user, "--no-password")
    assert done.returncode == 1 and "was erased" in done.stderr


def test_an_erasure_goes_on_after_the_bridge_was_killed(own_node):
    node = own_node(users=10, options={"rate_messages": 0})
    life, admin = Life(node), node.admin()
    life.say(3000)
    admin.command("disableUser", username=life.user)
    admin.post(COMMAND, json.dumps({"commands": [{"command": "eraseUser",
                                                  "username": life.user}]}))

    def state():
        return node.sql("directory", "SELECT stage, position, done_ms FROM erasure")

    seen = []
    assert wait_until(state)
    while not state()[0][2] and len(seen) < 1000:
        seen.append(state()[0][:2])
        node.kill_bridge()
        node.bridge.start()
        here = state()
        assert wait_until(lambda: here[0][2] or state() != here)
    assert len(seen) >= 3 and len(set(seen)) >= 3, seen
    node.bridge.wait_text("info erased")
    assert words_left(node, ["zqxv"]) == {}
    assert len(words_left(node, life.KEPT)) == len(life.KEPT)
    b = node.connect(life.peer, device="again")
    page = b.history(f"u/{life.user}")
    assert [m["seq"] for m in page] == list(range(1, 3010))


def test_others_are_served_while_words_go(own_node):
    """Message by message, each answered before the next: between the erasure's pieces in the log, and
    while it waits. It cannot end before, because of somebody who reads what is to go."""
    node = own_node(users=10, options={"rate_messages": 0})
    life, admin = Life(node), node.admin()
    life.say(4000)
    admin.command("disableUser", username=life.user)

    def answered():
        return any(r["responses"][0]["command"] == "eraseUser" for r in admin.responses())

    reader = sqlite3.connect(node.data / "messages.db", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM message").fetchone()
    admin.post(COMMAND, json.dumps({"commands": [{"command": "eraseUser",
                                                  "username": life.user}]}))
    left = []  # of the log, behind each answer
    while len(left) < 50 or left[-1]:
        assert len(left) < 10000 and not answered()
        life.b.send(f"im/u/{life.third}", {"id": f"b{len(left)}", "body": "keepon"})
        stats = admin.command("getStats")["bridge"]
        assert stats["erasures"] == 1
        left.append(stats["erasure_left"])
    assert len(set(left)) >= 5, left  # it went on meanwhile, a piece at a time
    reader.close()
    admin.wait_for(answered, 60, "the end of the erasure")
    assert words_left(node, ["zqxv"]) == {}
    stats = admin.command("getStats")["bridge"]
    assert stats["erasures"] == stats["erasure_left"] == 0


def test_what_a_backup_brings_back_is_erased_again(own_node):
    node = own_node(users=10, options={"rate_messages": 0})
    life, admin, imctl = Life(node), node.admin(), Imctl.of(node)
    other = node.user()
    c = node.connect(other)
    c.send(f"im/u/{life.peer}", {"id": "1", "body": "zqxvother"})
    backup = node.folder / "backup"
    backup.mkdir()
    imctl.ok("backup", backup)
    late = admin.create_user(node.new_name("late"))
    number = node.sql("directory", "SELECT id FROM user WHERE uid = ?", late)[0][0]
    for user in (life.user, other, late):
        admin.command("disableUser", username=user)
    erase(node, life.user)
    erase(node, other, "--name")
    erase(node, late)
    listed = (node.data / "erasures").read_text("utf-8")
    assert len(listed.splitlines()) == 3
    node.stop()
    # As OPERATIONS says it.
    for file in node.data.iterdir():
        if file.name not in ("erasures", "names.key"):
            file.unlink()
    for name in ("directory.db", "messages.db"):
        shutil.copy(backup / name, node.data / name)
    assert words_left(node, ["zqxvfirst", "zqxvother", other])
    node.start_broker()
    node.start_bridge()
    assert wait_until(lambda: all(e["stage"] == "done" for e in
                                  imctl.json("user", "erasures")["erasures"]))
    assert "erasures_again n=2" in node.bridge.text()
    assert words_left(node, ["zqxv", other]) == {}
    with pytest.raises(Refused):
        node.connect(life.user)
    # The number of whoever was made after the backup is another one's now.
    again = node.admin().create_user(node.new_name("again"))
    assert node.sql("directory", "SELECT id FROM user WHERE uid = ?", again)[0][0] == number
    node.connect(again).send(f"im/u/{life.peer}", {"id": "1", "body": "keepagain"})
    node.kill_bridge()
    node.start_bridge()
    assert node.connect(life.peer).history(f"u/{again}")[0]["body"] == "keepagain"
    assert len(imctl.json("user", "erasures")["erasures"]) == 2


def test_an_index_that_is_not_kept_is_removed(own_node):
    """`search false` after it was true: what the file has is not followed any more."""
    node = own_node(users=10, options={"rate_messages": 0})
    life = Life(node)
    node.bridge.stop()
    node.bridge_options["search"] = "false"
    node.write_bridge_conf()
    node.start_bridge()
    admin = node.admin()
    admin.command("disableUser", username=life.user)
    assert (node.data / "search.db").exists()
    erase(node, life.user)
    assert not (node.data / "search.db").exists()
    assert words_left(node, ["zqxv"]) == {}
