# SPDX-License-Identifier: BSD-3-Clause
"""Users who come from elsewhere: files of mosquitto_passwd and lists, into a node that runs and one
that does not; and what becomes of their hashes at the first login."""
import subprocess

import pytest

from lib import build, phc
from lib.client import Refused
from lib.node import PASSWORD, Node, until
from lib.tools import Imctl

KINDS = {"password": 0, "no_password": 0, "argon2id": 0, "pbkdf2_sha512": 0, "sha512": 0}
EXPENSIVE = phc.hash_password("pw", memory_kib=32768, passes=2)
# That of nothing: a login against it would take seconds.
DEAR = f"$argon2id$v=19$m=262144,t=16,p=1${'A' * 22}${'A' * 43}"


def passwd(path, *users, args=()):
    """A line each by the real mosquitto_passwd; users: (name, password)."""
    for name, password in users:
        subprocess.run(["mosquitto_passwd", *(() if path.exists() else ("-c",)), *args, "-b", path,
                        name, password], check=True, capture_output=True)
    return path


def lines_of(path):
    return path.read_text(encoding="utf-8").splitlines()


def stored(node, user):
    return node.sql("directory", "SELECT password FROM user WHERE uid = ?", user)[0][0]


def is_fresh(node, user):
    return stored(node, user).startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def freshen(node, user, password):
    """Logs in until the hash is a fresh one: they are made in their turn."""
    def log_in():
        client = node.client(user, f"fresh-{user}", password=password).connect()
        assert client.connected
        client.close()
        return is_fresh(node, user)
    until(log_in, f"a fresh hash of {user}")


def counts(created=0, updated=0, unchanged=0, dry=False, **kinds):
    would = "would_create", "would_update"
    did = "created", "updated"
    return {**dict(zip(would if dry else did, (created, updated))), "unchanged": unchanged,
            **KINDS, **kinds}


@pytest.fixture(name="off")
def _off(tmp_path):
    """imctl on a folder without a node, and the node that may be started there."""
    node = Node(users=2)
    try:
        yield Imctl(tmp_path, "--offline", node.data), node
    finally:
        node.close()


# -- both ways --

@pytest.mark.parametrize("online", [False, True], ids=["offline", "online"])
def test_files_of_mosquitto_passwd_are_taken_as_they_are(off, tmp_path, online):
    imctl, node = off
    file = passwd(tmp_path / "passwd", ("ann", "ann's"), ("bea", "with : and , and $"))
    passwd(file, ("cat", "old one"), args=("-H", "sha512"))
    passwd(file, ("dora", "many"), args=("-I", "210000"))
    file.write_text(file.read_text(encoding="utf-8") + f"eve:{EXPENSIVE}\nuser000:{EXPENSIVE}\n",
                    encoding="utf-8")
    kinds = {"pbkdf2_sha512": 3, "sha512": 1, "argon2id": 2}
    if online:
        node.start()
        imctl = Imctl.of(node)
    assert imctl.json("user", "import", file, "--dry-run") == counts(5, unchanged=1, dry=True,
                                                                     **kinds)
    assert "ann" not in imctl.ok("user", "list")
    assert imctl.json("user", "import", file) == counts(5, unchanged=1, **kinds)
    assert imctl.json("user", "import", file) == counts(0, unchanged=6, **kinds)
    if not online:
        node.start()
    assert stored(node, "ann") == lines_of(file)[0].split(":", 1)[1]
    for name, password in (("ann", "ann's"), ("bea", "with : and , and $"), ("cat", "old one"),
                           ("dora", "many"), ("eve", "pw")):
        assert not is_fresh(node, name)
        with pytest.raises(Refused):
            node.client(name, password=password + "x").connect()
        assert node.client(name, password=password).connect().connected
    assert node.client("user000").connect().connected
    # They are made anew in their turn, one that costs more than a new one as well.
    for name, password in (("ann", "ann's"), ("cat", "old one"), ("dora", "many"), ("eve", "pw")):
        freshen(node, name, password)


@pytest.mark.parametrize("online", [False, True], ids=["offline", "online"])
def test_a_list_may_have_all_kinds(off, tmp_path, online):
    imctl, node = off
    file = tmp_path / "list"
    hashed = lines_of(passwd(tmp_path / "passwd", ("x", "x's")))[0].split(":", 1)[1]
    file.write_bytes(f"\ufeff# users\r\nann\r\nbea,b,e:a\r\n\r\ncat,{EXPENSIVE}\r\n"
                     f"dora:{hashed}\r\nuser001,new".encode())
    kinds = {"no_password": 1, "password": 2, "argon2id": 1, "pbkdf2_sha512": 1}
    if online:
        node.start()
        imctl = Imctl.of(node)
    assert imctl.json("user", "import", file) == counts(4, unchanged=1, **kinds)
    assert imctl.json("user", "import", file, "--update", "--dry-run") == counts(
        0, 2, 3, dry=True, **kinds)
    assert imctl.json("user", "import", file, "--update") == counts(0, 2, 3, **kinds)
    if not online:
        node.start()
    for name, password in (("bea", "b,e:a"), ("cat", "pw"), ("dora", "x's"), ("user001", "new")):
        assert node.client(name, password=password).connect().connected
    with pytest.raises(Refused):
        node.client("user001").connect()
    with pytest.raises(Refused):
        node.client("ann", password="").connect()


@pytest.mark.parametrize("online", [False, True], ids=["offline", "online"])
def test_wrong_lines_are_told_and_nothing_is_done(off, tmp_path, online):
    imctl, node = off
    file = tmp_path / "list"
    hashed = lines_of(passwd(tmp_path / "passwd", ("x", "x's")))[0].split(":", 1)[1]
    if online:
        node.start()
        imctl = Imctl.of(node)
    before = imctl.json("user", "list")
    for text, code, told in (
            (f"ann\nbea,{hashed}\n", 2, ["line 2", "looks like a hash", "colon", "--hashes"]),
            ("ann\nbea:plain\n", 2, ["line 2", "comma", "mosquitto_passwd -U"]),
            (f"hall/sensor 1:{hashed}\n", 2, ["line 1", '"hall/sensor 1" cannot be a user id']),
            (f"ann:{hashed[:-9]}\n", 2, ["line 1", "88 characters"]),
            (f"ann:{hashed.replace('$101$', '$99999999$')}\n", 2, ["line 1", "iterations"]),
            ("ann\nbea\nann\n", 2, ["line 3", "line 1"]),
            ("ann\nANN\n", 2, ["line 2", "in case alone"]),
            (f"ann,{'x' * 100000}\nbea\n", 2, ["line 1", "longer than"]),
            ("ann\nall\nUSER000\nim-bridge\n", 1,
             ["line 2", "line 3", "in case alone", "line 4", "reserved"])):
        file.write_text(text, encoding="utf-8")
        for args in ((), ("--dry-run",), ("--update",)):
            done = imctl.run("user", "import", file, *args)
            assert done.returncode == code and all(word in done.stderr for word in told), (
                text[:80], done.stderr)
            assert "no user was imported" in done.stderr
            assert hashed.split("$")[-1] not in done.stderr
    assert imctl.json("user", "list") == before
    if online:
        assert imctl.json("audit")["rows"] == []


# -- a running node --

def test_ten_thousand_are_imported_while_others_talk(own_node, tmp_path):
    node = own_node(users=2)
    hashed = lines_of(passwd(tmp_path / "passwd", ("x", "x's")))[0].split(":", 1)[1]
    file = tmp_path / "list"
    file.write_text("".join(f"many{n}:{hashed}\n" for n in range(10_000)), encoding="utf-8")
    one, two = map(node.connect, node.users(2))
    popen = subprocess.Popen([str(build.IMCTL), *Imctl.of(node).general, "--json", "user", "import",
                              str(file)], stdout=subprocess.PIPE, text=True)
    said = 0
    while popen.poll() is None:
        said += 1
        one.publish(f"im/u/{two.user}", {"id": f"m{said}", "body": "x"})
        one.wait_ack_of(f"m{said}")
    assert popen.returncode == 0 and '"created":10000' in popen.stdout.read()
    assert said > 1
    assert node.client("many9999", password="x's").connect().connected
    rows = [r for r in Imctl.of(node).json("audit", "--last", "100")["rows"]
            if r["command"] == "importUsers"]
    assert len(rows) == 50 and sum(r["detail"]["created"] for r in rows) == 10_000
    assert rows[0]["detail"]["usernames_n"] == 200
    assert not any(hashed in str(r) for r in rows)


def test_a_node_that_stops_half_way_leaves_what_it_said(own_node, tmp_path):
    """And the same file again does the rest."""
    node = own_node(users=1)
    file = tmp_path / "list"
    # The second command takes a while: each of its passwords is another one, and has to be hashed.
    file.write_text("".join(f"half{n},pw{max(n, 199)}\n" for n in range(300)), encoding="utf-8")
    popen = subprocess.Popen([str(build.IMCTL), *Imctl.of(node).general, "--timeout-s", "3", "user",
                              "import", str(file)], stderr=subprocess.PIPE, text=True)
    until(lambda: node.sql("directory", "SELECT 1 FROM user WHERE uid = 'half0'"), "a first user")
    node.kill_bridge()
    _, told = popen.communicate(timeout=build.DEADLINE_S)
    assert popen.returncode == 3 and "import the file again" in told
    through = int(told.split("through line ")[1].split()[0])
    there = node.sql("directory", "SELECT count(*) FROM user WHERE uid LIKE 'half%'")[0][0]
    assert through == there == 200
    # What had been sent and not answered waits for the next bridge, and is done as well.
    node.start_bridge()
    again = Imctl.of(node).json("--timeout-s", "60", "user", "import", file)
    assert again == counts(0, unchanged=300, password=300)
    assert node.client("half299", password="pw299").connect().connected


def test_an_administrator_alone_may_import(node, tmp_path):
    (tmp_path / "list").write_text("intruder\n", encoding="utf-8")
    done = Imctl.of(node, node.user()).run("user", "import", tmp_path / "list")
    assert done.returncode == 1 and "not an administrator" in done.stderr


def test_a_command_is_whole_or_nothing(node):
    """As another program would send it."""
    admin, name = node.admin(), node.new_name("imp")
    hashed = EXPENSIVE
    for params, told in (
            ({"usernames": [name], "hashes": []}, "1..200"),
            ({"usernames": [name], "hashes": ["", ""]}, "differ in number"),
            ({"usernames": [name, "a/b"], "hashes": ["", ""]}, "usernames[1]"),
            ({"usernames": [name, name.upper()], "hashes": ["", ""]}, "one name"),
            ({"usernames": [name, "x"], "hashes": ["", "secret"]}, "hashes[1]"),
            ({"usernames": [name, "x"], "hashes": ["", DEAR]}, "m times t is more than 320000"),
            ({"usernames": [name, "all"], "hashes": ["", ""]}, "reserved"),
            ({"usernames": [name] * 201, "hashes": [""] * 201}, "1..200")):
        answer = admin.send_commands({"commands": [{"command": "importUsers", **params}]})
        assert told in answer["responses"][0]["error"], answer
    for command, user in (("createUser", name), ("setUserPassword", node.user())):
        answer = admin.send_commands({"commands": [
            {"command": command, "username": user, "password": DEAR}]})
        assert "m times t is more than 320000" in answer["responses"][0]["error"], answer
    assert node.sql("directory", "SELECT 1 FROM user WHERE uid = ?", name) == []
    got = admin.command("importUsers", usernames=[name, "all"], hashes=[hashed, ""], dry_run=True)
    assert got["created"] == 1 and got["refused"][0]["at"] == 1
    assert "reserved" in got["refused"][0]["why"]
    assert admin.command("importUsers", usernames=[name], hashes=[hashed]) == {
        "created": 1, "updated": 0, "unchanged": 0}
    mine = node.connect(name)
    got = admin.command("importUsers", usernames=[name], hashes=[phc.hash_password("other")],
                        update=True)
    assert got == {"created": 0, "updated": 1, "unchanged": 0}
    until(lambda: not mine.connected, "the end of the connection with the old password")
    assert node.client(name, password="other").connect().connected


@pytest.mark.parametrize("online", [False, True], ids=["offline", "online"])
def test_an_administrator_is_left_alone_unless_told(off, tmp_path, online):
    imctl, node = off
    file = passwd(tmp_path / "passwd", ("admin", "the file's"), ("user000", "the file's"))
    line = lines_of(file)[0].split(":", 1)[1]
    if online:
        node.start()
        imctl = Imctl.of(node)
    was = stored(node, "admin")
    for args, dry in (("--dry-run",), True), ((), False):
        assert imctl.json("user", "import", file, "--update", *args) == {
            **counts(0, 1, 1, dry=dry, pbkdf2_sha512=2), "administrators_unchanged": 1}
    assert stored(node, "admin") != line and stored(node, "user000") != was
    assert imctl.json("user", "import", file, "--update", "--administrators") == counts(
        0, 1, 1, pbkdf2_sha512=2)
    assert stored(node, "admin") == line


# -- at the login --

def test_nobody_notices_that_a_hash_is_made_anew(own_node, tmp_path):
    """Who is connected by password, by what is remembered of it, and away, stays; what was said
    meanwhile comes; and neither log nor spool have the password."""
    node = own_node(users=1)
    file = passwd(tmp_path / "passwd", ("ann", "ann's own words"))
    Imctl.of(node).ok("user", "import", file)
    old = stored(node, "ann")
    kept = node.client("ann", "ann-away", password="ann's own words", clean=False).connect()
    kept.inbox().close()
    freshen(node, "ann", "ann's own words")
    first = node.connect("ann", "ann-phone", password="ann's own words")
    second = node.connect("ann", "ann-desk", password="ann's own words")
    # An administrator sets the old one again: a new password, by which all that are there end.
    admin = node.admin()
    admin.command("importUsers", usernames=["ann"], hashes=[old], update=True)
    until(lambda: not first.connected and not second.connected, "their ends")
    first = node.connect("ann", "ann-phone", password="ann's own words")
    freshen(node, "ann", "ann's own words")
    peer = node.connect(node.user())
    peer.publish("im/u/ann", {"id": "1", "body": "still there?"})
    peer.wait_ack_of("1")
    until(lambda: any("still there?" in str(m.json) for m in first.on(f"u/{peer.user}")), "it")
    assert first.connected
    node.stop()
    for path in (node.folder, node.data):
        for one in path.iterdir():
            if one.is_file():
                assert b"ann's own words" not in one.read_bytes(), one


def test_a_password_that_changes_meanwhile_stays_changed(own_node, tmp_path):
    """The record of the login waits while the bridge is away; what it replaces is gone by then."""
    node = own_node(users=1)
    file = passwd(tmp_path / "passwd", ("ann", "one"), ("bea", "two"), ("cat", "three"))
    Imctl.of(node).ok("user", "import", file)
    node.kill_bridge()
    for name, password in (("ann", "one"), ("bea", "two"), ("cat", "three")):
        client = node.client(name, password=password).connect()
        assert client.connected
    off = Imctl(tmp_path, "--offline", node.data)
    off.ok("user", "password", "ann", "--password", "other")
    off.ok("user", "disable", "bea")
    changed = stored(node, "ann")
    node.start_bridge()
    freshen(node, "cat", "three")
    assert stored(node, "ann") == changed
    with pytest.raises(Refused):
        node.client("ann", password="one").connect()
    assert node.client("ann", password="other").connect().connected
    with pytest.raises(Refused):
        node.client("bea", password="two").connect()


def test_a_login_that_the_bridge_died_upon_is_harmless(own_node, tmp_path):
    node = own_node(users=1)
    names = [f"n{n}" for n in range(8)]
    file = passwd(tmp_path / "passwd", *((name, f"of {name}") for name in names))
    Imctl.of(node).ok("user", "import", file)
    clients = []
    for name in names:
        clients.append(node.client(name, password=f"of {name}").connect())
        node.kill_bridge()
        node.start_bridge()
    assert all(c.connected for c in clients)
    for name in names:
        freshen(node, name, f"of {name}")
    for name in names:
        assert node.client(name, password=f"of {name}").connect().connected
        with pytest.raises(Refused):
            node.client(name, password="of nobody").connect()


def test_cheap_hashes_of_our_own_are_made_anew_too(node):
    """The same kind: a node whose passwords cost more than when they were set."""
    user = node.user()
    assert not is_fresh(node, user)
    freshen(node, user, PASSWORD)
    assert node.client(user).connect().connected


def test_an_old_hash_can_be_changed_by_its_user(own_node, tmp_path):
    node = own_node(users=1)
    file = passwd(tmp_path / "passwd", ("ann", "old"), args=("-H", "sha512"))
    Imctl.of(node).ok("user", "import", file)
    client = node.connect("ann", password="old")
    client.rpc("user.password", old="old", new="new")
    assert client.connected and node.client("ann", password="new").connect().connected
    with pytest.raises(Refused):
        node.client("ann", password="old").connect()


@pytest.mark.parametrize("given", ["/dev/zero", "/dev/urandom", "/"])
def test_what_is_no_file_is_not_read(off, given):
    imctl, _ = off
    done = imctl.run("user", "import", given)
    assert done.returncode == 2
    assert f"{given}: it is a " in done.stderr and "give a file, or - for standard" in done.stderr


def test_a_name_may_begin_with_a_hyphen_and_then_stands_behind_two(off, tmp_path):
    imctl, _ = off
    (tmp_path / "list").write_text("-x,pw\n", encoding="utf-8")
    imctl.ok("user", "import", tmp_path / "list")
    for words in ("create", "show", "delete"):
        done = imctl.run("user", words, "-x")
        assert done.returncode == 2
        assert "a UID that begins with - stands behind --, after all options" in done.stderr
    imctl.ok("user", "create", "--no-password", "--", "-y")
    assert "-x" in imctl.ok("user", "list") and "-y" in imctl.ok("user", "list")
    imctl.ok("user", "disable", "--", "-x")
