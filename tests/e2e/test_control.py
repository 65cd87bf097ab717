# SPDX-License-Identifier: BSD-3-Clause
"""Administration over $CONTROL/im/v1 and by imctl."""
import json
import os
import pty
import sqlite3
import subprocess

import pytest

from lib import build, tokens
from lib.admin import Refusal
from lib.client import Refused
from lib.node import until
from lib.tools import Imctl


# -- the topic --

def test_a_response_goes_to_the_asking_administrator_alone(node):
    one, two = node.admin(), node.admin()
    one.command("listUsers", limit=1)
    two.command("listUsers", limit=1)
    assert len(one.responses()) == len(two.responses()) == 1


def test_several_commands_are_answered_together_and_independently(node):
    admin = node.admin()
    name = node.new_name("multi")
    got = admin.send_commands({"commands": [
        {"command": "createUser", "username": name, "correlationData": "a"},
        {"command": "noSuchCommand", "correlationData": "b"},
        {"command": "getUser", "username": "nobody-there", "correlationData": "c"},
        {"command": "getUser", "username": name, "correlationData": "d"},
    ]})["responses"]
    assert [r["correlationData"] for r in got] == ["a", "b", "c", "d"]
    assert [("error" in r) for r in got] == [False, True, True, False]
    assert got[3]["data"]["username"] == name


@pytest.mark.parametrize("payload", [
    b"", b"{", b"[]", b"5", b"\xff", b'{"commands":5}', b'{"commands":[5]}', b"{}",
    b'{"commands":[{}]}', b'{"commands":[{"command":5}]}',
    b'{"commands":[{"command":"createUser"}]}',
    b'{"commands":[{"command":"createUser","username":5}]}',
    b'{"commands":[{"command":"listUsers","limit":"x"}]}',
    b'{"commands":' + b"[" * 10000 + b"]" * 10000 + b"}",
], ids=lambda p: repr(p)[:40])
def test_malformed_commands_are_answered_and_hurt_nobody(node, payload):
    admin = node.admin()
    answer = admin.send_commands(payload)
    assert all("error" in r for r in answer["responses"]) or "error" in answer
    assert admin.command("listUsers", limit=1)["users"]


def test_a_hundred_commands_at_once(node):
    admin = node.admin()
    got = admin.send_commands({"commands": [
        {"command": "getUser", "username": "admin", "correlationData": str(n)}
        for n in range(100)]})["responses"]
    assert [r["correlationData"] for r in got] == [str(n) for n in range(100)]


def test_a_role_counts_at_once(node):
    """And whoever is connected begins again with what he may."""
    admin, user = node.admin(), node.user()
    c = node.connect(user, v5=True)
    assert c.subscribe("$CONTROL/im/v1/response") == 0x87
    admin.command("setUserRole", username=user, role="admin")
    c.wait_disconnected()
    c = node.connect(user, v5=True)
    assert c.subscribe("$CONTROL/im/v1/response") < 0x80
    assert c.publish("$CONTROL/im/v1", {"commands": [{"command": "listUsers"}]}) == 0
    admin.command("setUserRole", username=user, role="user")
    c.wait_disconnected()
    c = node.connect(user, v5=True)
    assert c.publish("$CONTROL/im/v1", {"commands": [{"command": "listUsers"}]}) == 0x87


def test_a_kick_disconnects_one_device_or_all(node):
    admin, user = node.admin(), node.user()
    one, two = node.connect(user), node.connect(user)
    admin.command("kickUser", username=user, device=one.device)
    one.wait_disconnected()
    two.rpc("user.get")
    admin.command("kickUser", username=user)
    two.wait_disconnected()
    assert node.client(user).connect().connected


def test_a_kick_of_nobody_says_so(node):
    user, other, imctl = node.user(), node.user(), Imctl.of(node)
    c = node.connect(user, clean=False)

    def refused(*words):
        done = imctl.run("kick", *words)
        assert done.returncode == 1 and done.stdout == "", done
        return done.stderr

    assert "is no device of" in refused(user, "nosuch")
    assert "is no device of" in refused(other, c.device)
    assert "no device of" in refused(other)
    c.rpc("user.get")
    imctl.ok("kick", user, c.device)
    c.wait_disconnected()
    until(lambda: "is not connected" in imctl.run("kick", user, c.device).stderr, "its end")


def test_what_changes_nothing_says_so(node):
    owner, member, imctl = node.user(), node.user(), Imctl.of(node)
    gid = node.new_name("adm")
    assert "role" not in imctl.ok("group", "create", gid, "--owner", owner)
    assert imctl.ok("group", "create", gid, "--owner", owner) == "changed: no\n"
    again = imctl.run("group", "create", gid, "--owner", member)
    assert again.returncode == 1 and owner not in again.stderr and f'"{gid}" is or was' in again.stderr
    for words in (("add", gid, member), ("role", gid, member, "admin"), ("remove", gid, member)):
        assert imctl.ok("group", *words) == "changed: yes\n"
        if words[0] != "remove":
            assert imctl.ok("group", *words) == "changed: no\n"
    assert imctl.ok("group", "remove", gid, member) == "changed: no\n"


def test_dates_stand_under_heads_without_a_unit(node):
    user, imctl = node.user(), Imctl.of(node)
    head = imctl.ok("user", "list", "--limit", "1").splitlines()[0].split()
    assert head == ["username", "role", "disabled", "hash", "created", "nick"]
    assert [line for line in imctl.ok("user", "show", user).splitlines() if "_ms" in line] == []
    assert "created_ms" in imctl.json("user", "show", user)


def test_groups_are_administered(node):
    admin = node.admin()
    owner, member = node.users(2)
    o, m = node.connect(owner), node.connect(member)
    gid = node.new_name("adm")
    admin.command("createGroup", gid=gid, owner=owner, members=[owner])
    o.send(f"im/g/{gid}", {"id": "1", "body": "x"})
    admin.command("addGroupMember", gid=gid, members=[member])
    m.send(f"im/g/{gid}", {"id": "1", "body": "y"})
    admin.command("setGroupRole", gid=gid, username=member, role="admin")
    assert o.members(gid) == {owner: "owner", member: "admin"}
    admin.command("removeGroupMember", gid=gid, members=[member])
    m.publish(f"im/g/{gid}", {"id": "2", "body": "z"})
    assert m.wait_ack_of("2")["error"]["code"] == -32002  # it is joined by invitation
    assert gid in [g["gid"] for g in admin.command("listGroups")["groups"]]
    admin.command("dismissGroup", gid=gid)
    with pytest.raises(Refusal):
        admin.command("getGroup", gid=gid)


def test_a_system_message_reaches_its_conversation(node):
    admin = node.admin()
    owner, member = node.users(2)
    o, m = node.connect(owner), node.connect(member)
    gid = node.group(o, [member])
    admin.command("sendSystemMessage", conv=f"g/{gid}", body="maintenance at ten")
    for c in (o, m):
        got = c.wait_for(lambda c=c: [x for x in c.got(f"g/{gid}")
                                      if "maintenance" in json.dumps(x["body"])])[0]
        assert got["type"] == "system"


def test_stats_count_what_happens(node):
    admin = node.admin()
    alice, bob = node.users(2)
    a = node.connect(alice)

    def numbers(value, path=""):
        if isinstance(value, dict):
            for k, v in value.items():
                yield from numbers(v, f"{path}.{k}")
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            yield path, value
    before = dict(numbers(admin.command("getStats")))
    for n in range(10):
        a.send(f"im/u/{bob}", {"id": f"s{n}", "body": n})
    after = dict(numbers(admin.command("getStats")))
    assert [k for k in after if after[k] - before.get(k, 0) >= 10]
    assert any("bridge" in k for k in after) and any("plugin" in k for k in after)


# -- imctl --

@pytest.fixture
def imctl(node):
    return Imctl.of(node)


def test_imctl_creates_and_shows_users(node, imctl):
    name = node.new_name("ctl")
    imctl.ok("user", "create", name, "--password", "secret word", "--nick", "Ctl")
    assert node.client(name, password="secret word").connect().connected
    shown = imctl.json("user", "show", name)
    assert shown["username"] == name and shown["role"] == "user" and shown["nick"] == "Ctl"
    assert name in [u["username"] for u in imctl.json("user", "list")["users"]]
    assert name in imctl.ok("user", "list")
    imctl.ok("user", "password", name, "--password", "another")
    assert node.client(name, password="another").connect().connected
    imctl.ok("user", "disable", name)
    with pytest.raises(Refused):
        node.client(name, password="another").connect()
    imctl.ok("user", "enable", name)
    imctl.ok("user", "role", name, "admin")
    assert imctl.json("user", "show", name)["role"] == "admin"
    assert not imctl.json("user", "show", name)["deleted"]
    imctl.ok("user", "delete", name)
    assert imctl.json("user", "show", name)["deleted"]
    assert name not in [u["username"] for u in imctl.json("user", "list")["users"]]


def test_imctl_administers_groups(node, imctl):
    owner, member = node.users(2)
    gid = node.new_name("ctlg")
    imctl.ok("group", "create", gid, "--owner", owner, "--name", "A name")
    imctl.ok("group", "add", gid, member)
    imctl.ok("group", "role", gid, member, "admin")
    shown = imctl.json("group", "show", gid)
    assert shown["group"]["gid"] == gid and shown["group"]["name"] == "A name"
    assert {(m["username"], m["role"]) for m in shown["members"]} == {(owner, "owner"),
                                                                      (member, "admin")}
    imctl.ok("group", "remove", gid, member)
    imctl.ok("message", f"g/{gid}", "hello from the operator")
    assert gid in imctl.ok("group", "list")
    imctl.ok("group", "dismiss", gid)
    assert imctl.run("group", "show", gid).returncode == 1


def test_imctl_kicks(node, imctl):
    c = node.connect(node.user())
    imctl.ok("kick", c.user)
    c.wait_disconnected()


def test_imctl_stats_are_json_for_scripts(imctl):
    assert imctl.json("stats") and imctl.ok("stats")


def test_a_backup_of_a_running_node_is_whole(node, imctl):
    alice, bob = node.users(2)
    a = node.connect(alice)
    for n in range(200):
        a.post(f"im/u/{bob}", {"id": f"b{n}", "body": n})
    a.wait_for(lambda: len(a.acks()) == 200)
    folder = node.folder / node.new_name("backup")
    folder.mkdir()
    imctl.ok("backup", folder)
    for name, table in (("directory", "user"), ("messages", "message")):
        db = sqlite3.connect(folder / f"{name}.db")
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] >= 200
        db.close()


def test_a_backup_that_cannot_be_made_says_why(node, imctl):
    """In the folder, and not because the node was busy."""
    (node.folder / "file").write_text("", encoding="utf-8")
    (node.folder / "full" / "messages.db").mkdir(parents=True)
    for folder, said in (("file", "invalid parameters: "), ("no/such", "invalid parameters: "),
                         ("full", "internal error: ")):
        done = imctl.run("backup", node.folder / folder)
        assert done.returncode == 1 and done.stderr.startswith(f"imctl: {said}"), done
        assert len(done.stderr) > len(f"imctl: {said}") + 10


@pytest.mark.parametrize("args", [
    [], ["no-such"], ["user"], ["user", "no-such"], ["user", "create"], ["user", "create", "a/b"],
    ["user", "create", "a", "b", "c"], ["user", "list", "--limit", "x"], ["user", "show"],
    ["--port", "x", "user", "list"], ["--no-such-option", "user", "list"],
    ["user", "create", "x", "--no-such-option"], ["group", "role", "g", "u", "emperor"],
    ["kick", "x" * 65], ["message", "x/y", "text"],
], ids=" ".join)
def test_wrong_usage_exits_with_2_and_one_helpful_line(imctl, args):
    done = imctl.run(*args)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.strip() and len(done.stderr.splitlines()) <= 3


def test_a_refusal_exits_with_1(node, imctl):
    for args in (["user", "show", "nobody-there"], ["user", "create", node.user(), "--password",
                                                    "x"], ["group", "show", "no-group"]):
        done = imctl.run(*args)
        assert done.returncode == 1 and done.stderr.strip(), args
        assert "error" in json.loads(Imctl(imctl.folder, *imctl.general, "--json")
                                     .run(*args).stdout)


def test_a_wrong_password_or_a_plain_user_exits_with_1(node):
    assert Imctl.of(node, password="wrong").run("user", "list").returncode == 1
    assert Imctl.of(node, user=node.user()).run("user", "list").returncode == 1


def test_no_broker_exits_with_3(node, free_port, tmp_path):
    (tmp_path / "pw").write_text("pw\n", encoding="utf-8")
    c = Imctl(tmp_path, "--host", "127.0.0.1", "--port", free_port(), "--password-file",
              tmp_path / "pw")
    done = c.run("user", "list")
    assert done.returncode == 3 and done.stderr.strip()


def test_no_bridge_exits_with_3(own_node):
    node = own_node(users=2)
    node.kill_bridge()
    c = Imctl.of(node)
    done = Imctl(c.folder, *c.general, "--timeout-s", "1").run("user", "list")
    assert done.returncode == 3 and "bridge" in done.stderr
    node.start_bridge()


def test_help_tells_all_commands(imctl):
    text = imctl.ok("help")
    for word in ("user create", "user import", "group create", "kick", "message", "stats",
                 "backup", "token"):
        assert word in text
    assert "--nick" in imctl.ok("help", "user", "create")


def test_passwords_are_not_taken_from_where_others_can_read_them(node, imctl):
    """By file or standard input; `--password` is there for tests and says so."""
    name = node.new_name("pwf")
    (node.folder / "newpw").write_text("from a file\n", encoding="utf-8")
    imctl.ok("user", "create", name, "--password-file", node.folder / "newpw")
    assert node.client(name, password="from a file").connect().connected
    imctl.ok("user", "password", name, "--password-file", "-", stdin="from a pipe\n")
    assert node.client(name, password="from a pipe").connect().connected


def test_a_token_made_by_imctl_logs_in(own_node, tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(b"0123456789abcdef0123456789abcdef\n")
    node = own_node(users=3, options={"jwt_secret_file": secret})
    user = node.user()
    out = Imctl(tmp_path).ok("token", user, "--ttl", "90s", "--secret-file", secret).strip()
    assert node.client(user, password=out).connect().connected
    with pytest.raises(Refused):
        node.client(node.user(), password=out).connect()
    claims = json.loads(__import__("base64").urlsafe_b64decode(out.split(".")[1] + "=="))
    assert claims["sub"] == user and claims["exp"] - claims["iat"] == 90
    assert tokens.token(secret.read_bytes().strip(), "HS256", claims,
                        json.loads(__import__("base64").urlsafe_b64decode(
                            out.split(".")[0] + "=="))).count(".") == 2


# -- offline --

def test_a_first_administrator_is_made_offline(tmp_path):
    from lib.node import Node
    node = Node(users=0)
    try:
        for file in node.data.iterdir():
            file.unlink()
        off = Imctl(tmp_path, "--offline", node.data)
        off.ok("user", "create", "admin", "--role", "admin", "--password-file", "-", stdin="pw\n")
        off.ok("user", "create", "zoe", "--password-file", "-", stdin="zoe's\n")
        node.start()
        assert node.client("zoe", password="zoe's").connect().connected
        assert node.admin().command("getUser", username="admin")["role"] == "admin"
    finally:
        node.close()


def test_many_users_are_imported_offline(tmp_path):
    from lib.node import Node
    node = Node(users=1)
    try:
        lines = "# comment\n\n" + "".join(f"imp{n},same password\n" for n in range(500))
        (tmp_path / "list").write_text(lines + "jwt-only\nuser000,ignored\n", encoding="utf-8")
        off = Imctl(tmp_path, "--offline", node.data)
        done = off.json("user", "import", tmp_path / "list")
        assert (done["created"], done["updated"], done["unchanged"]) == (501, 0, 1)
        assert (done["password"], done["no_password"]) == (501, 1)
        bad = tmp_path / "bad"
        bad.write_text("fine,pw\na/b,pw\n", encoding="utf-8")
        done = off.run("user", "import", bad)
        assert done.returncode != 0 and "2" in done.stderr
        assert "fine" not in off.ok("user", "list")
        node.start()
        assert node.client("imp499", password="same password").connect().connected
        assert node.client("user000").connect().connected
    finally:
        node.close()


def test_what_is_counted_is_shown_as_numbers(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    off = Imctl(tmp_path, "--offline", data)
    (tmp_path / "list").write_text("alice,pw\nbob\n", encoding="utf-8")
    kinds = ["argon2id: 0", "pbkdf2_sha512: 0", "sha512: 0", "password: 1", "no_password: 1"]
    assert off.ok("user", "import", tmp_path / "list").splitlines() == [
        "created: 2", "updated: 0", "unchanged: 0", *kinds]
    assert off.ok("user", "import", tmp_path / "list").splitlines() == [
        "created: 0", "updated: 0", "unchanged: 2", *kinds]


def test_settings_of_somebody_elses_hinder_only_who_needs_them(node, tmp_path):
    """As where HOME is root's still: what is there cannot be read."""
    settings, data = tmp_path / "imctl.conf", tmp_path / "data"
    settings.mkdir()  # so that root cannot read it either
    data.mkdir()
    imctl = Imctl(tmp_path)
    for words in (["version"], ["help"], ["user", "create", "--help"], ["--offline", data, "user", "list"]):
        imctl.ok(*words)
    (tmp_path / "secret").write_text("x" * 32, encoding="utf-8")
    assert imctl.ok("token", "alice", "--secret-file", tmp_path / "secret")
    (tmp_path / "acl").write_text("user alice\ntopic read news/#\n", encoding="utf-8")
    imctl.ok("check", "acl", tmp_path / "acl")
    for words in (["token", "alice"], [*Imctl.of(node).general, "user", "list"],
                  ["--config", settings, "--offline", data, "user", "list"]):
        done = imctl.run(*words)
        assert done.returncode == 2 and f"cannot read {settings}" in done.stderr


def test_offline_work_beside_a_running_bridge_is_refused(node, tmp_path):
    done = Imctl(tmp_path, "--offline", node.data).run("user", "create", "sneaky", "--password",
                                                       "x")
    assert done.returncode == 1 and done.stderr.strip()
    assert node.sql("directory", "SELECT 1 FROM user WHERE uid = 'sneaky'") == []


def test_vacuum_gives_the_space_of_deleted_messages_back(own_node, tmp_path):
    node = own_node(users=2)
    a, b = node.users(2)
    c = node.connect(a)
    for n in range(20):
        c.send(f"im/u/{b}", {"id": f"v{n}", "body": "x" * 50000})
    node.bridge.stop()
    off = Imctl(tmp_path, "--offline", node.data)
    with sqlite3.connect(node.data / "messages.db") as db:
        db.execute("DELETE FROM conv_log WHERE seq < 20")
        db.execute("DELETE FROM message WHERE seq < 20")
    db.close()
    before = (node.data / "messages.db").stat().st_size
    rows = {r["database"]: r for r in off.json("vacuum")["databases"]}
    assert rows["messages"]["before"] == before > 1000000
    assert rows["messages"]["after"] == (node.data / "messages.db").stat().st_size < 200000
    assert {"directory", "search"} <= set(rows)
    assert off.run("vacuum", "nonsense").returncode == 2
    node.start_bridge()
    page = node.connect(b).rpc("conv.history", conv=f"u/{a}")
    assert [m["seq"] for m in page["messages"]] == [20]
    done = off.run("vacuum")
    assert done.returncode == 1 and "a bridge is running" in done.stderr
    assert "stop it" in done.stderr, "what works with --offline alone has no other way"


def test_the_man_page_is_well_formed():
    done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", "docs/imctl.1"],
                          cwd=build.ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_lists_have_all_rows_however_many_pages_they_take(node):
    """imctl asks for 200 rows at a time and follows `next`."""
    imctl = Imctl.of(node)
    users = [u["username"] for u in imctl.json("user", "list")["users"]]
    assert len(users) > 400 and users == sorted(set(users))
    assert len(imctl.ok("user", "list").splitlines()) == 1 + len(users)
    assert [u["username"] for u in imctl.json("user", "list", "--limit", "250")["users"]] \
        == users[:250]
    crowd = users[:260]
    gid = node.new_name("crowd")
    node.admin().command("createGroup", gid=gid, owner=crowd[0], members=crowd)
    assert sorted(m["username"] for m in imctl.json("group", "show", gid)["members"]) == crowd


def test_a_new_password_is_asked_for_by_whose_it_is(tmp_path):
    """On the terminal, twice, and not shown."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execv(build.IMCTL, ["imctl", "--offline", str(tmp_path), "user", "create", "erin"])
    shown = b""
    for asked in (b"New password for erin: ", b"Again: "):
        while not shown.endswith(asked):
            shown += os.read(fd, 1)
        os.write(fd, b"s3cret\n")
    try:
        while more := os.read(fd, 100):
            shown += more
    except OSError:  # the terminal's other end is closed
        pass
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0 and b"s3cret" not in shown
    users = Imctl(tmp_path, "--offline", tmp_path).json("user", "list")["users"]
    assert [u["username"] for u in users] == ["erin"]
