# SPDX-License-Identifier: BSD-3-Clause
"""What a login tells and costs, to who has no right to it and to everybody else; when the right ends;
and the keys of tokens. (Storms of wrong logins are in test_hostile.py.)
"""
import itertools
import pathlib
import re
import shlex
import signal
import sqlite3
import subprocess
import time

import pytest

from lib import build, tokens
from lib import mqttwire as w
from lib.node import PASSWORD, until
from lib.raw import Closed, Raw
from lib.tools import Imctl

ROOT = pathlib.Path(__file__).resolve().parents[2]
SECRET = "0123456789abcdef0123456789abcdef"
OTHER = "fedcba9876543210fedcba9876543210"
NODE = {"options": {"jwt_secret_file": "{folder}/secret"}, "files": {"secret": SECRET}}
NEWER = build.broker_version() >= (2, 1)
V = pytest.mark.parametrize("version", [w.V311, w.V5], ids=["v311", "v5"])
_sources = (f"127.88.{n // 250}.{n % 250 + 1}" for n in itertools.count())


def answer(node, version, device, user, password=PASSWORD, **kw):
    """The code of CONNACK; None: the connection was closed without one."""
    with Raw(node.port, version, source=kw.pop("source", None) or next(_sources)) as r:
        try:
            return r.connect(device, user, password, **kw)["code"]
        except Closed:
            return None


def token(user, secret=SECRET, kid=None, **more):
    header = {"alg": "HS256", "typ": "JWT", **({"kid": kid} if kid else {})}
    return tokens.token(secret.encode(), "HS256", tokens.claims(user, **more), header=header)


def memory_kib(process, what):
    """A line of /proc/PID/status."""
    text = (process / "status").read_text(encoding="utf-8")
    return int(re.search(rf"^{what}:\s+(\d+) kB$", text, re.M)[1])


def reload_broker(node):
    """Returns when the broker has asked about every session again."""
    have = node.broker.text().count("Reloading config")
    node.broker.send_signal(signal.SIGHUP)
    node.broker.wait_for(lambda: node.broker.text().count("Reloading config") > have, "reload")
    with node.client(node.user()) as fence:
        fence.publish("im/u/nobody", "x")


def told(version, newer_v5, other):
    return newer_v5 if NEWER and version == w.V5 else other[version]


NO = {w.V311: 5, w.V5: 0x87}
CLOSED = {w.V311: None, w.V5: None}


# -- who is there --

@pytest.mark.memory_limit
def test_a_wrong_password_costs_what_an_unknown_name_does(own_node):
    """With expensive passwords, whether the user's is one of them or from before; and the plugin
    follows when they become cheaper. What a refusal takes is what is hashed for it, seen by the
    memory that it fills; how often it is passed over is test_plugin_auth.c's."""
    def refusal_kib(user):
        process = pathlib.Path("/proc", str(node.broker.pid))
        (process / "clear_refs").write_text("5", encoding="utf-8")  # the peak begins anew
        before = memory_kib(process, "VmRSS")
        assert answer(node, w.V5, node.new_name("dev"), user, "wrong") == 0x87
        return memory_kib(process, "VmHWM") - before
    node = own_node(users=3, bridge={"password_memory": 131072, "password_passes": 2})
    heavy, old, disabled = node.users(3)
    node.connect(heavy).rpc("user.password", old=PASSWORD, new="heavy")
    node.admin().command("disableUser", username=disabled)
    users = {"known": heavy, "set before": old, "disabled": disabled, "unknown": "nobody"}
    took = {who: refusal_kib(user) for who, user in users.items()}
    assert all(abs(kib - 131072) < 8192 for kib in took.values()), took

    node.bridge_options.update(password_memory=8192, password_passes=1)
    node.write_bridge_conf()
    node.bridge.send_signal(signal.SIGHUP)
    until(lambda: dict(node.sql("directory", "SELECT key, value FROM meta")).items() >= {
        "password_memory_kib": 8192, "password_passes": 1}.items(), "new cost")
    assert refusal_kib("nobody") < 2 * 8192


# -- what is told --

@V
def test_a_foreign_client_id_is_told_to_who_has_the_right_password_alone(node, version):
    """Mosquitto 2.1 leaves passwords to threads, and of what has waited for one it can say no more
    than that it is refused. Who has no right password is told of any client id what he is told of a
    free one, the first time and the next ones."""
    owner, other, guesser = node.users(3)
    phone = f"{owner}-phone"
    node.connect(owner, device=phone, clean=False).close()
    assert answer(node, version, phone, other) == NO[version]
    assert answer(node, version, phone, other) == told(version, 0x85, NO)
    for device in (phone, f"{owner}-free"):
        for user in (guesser, "nobody-of-this-name"):
            assert [answer(node, version, device, user, "wrong") for _ in range(3)] == \
                [NO[version]] * 3
    assert answer(node, version, phone, other) == told(version, 0x85, NO)
    assert Imctl.of(node).json("device", "owner", phone)["username"] == owner
    assert answer(node, version, phone, owner) == 0


@V
def test_an_unfit_client_id_is_told(node, version):
    assert answer(node, version, "no\u2028fit", node.user()) == told(version, 0x85, NO)


@V
def test_who_is_turned_away_is_never_told_that_his_password_is_wrong(own_node, version):
    node = own_node(options={"auth_wrong_share": 1}, users=2)
    user, source = node.user(), next(_sources)
    codes = [answer(node, version, f"d{n}", user, "wrong", source=source) for n in range(20)]
    looked, rest = codes.count(NO[version]), [c for c in codes if c != NO[version]]
    assert 1 <= looked < 20 and set(rest) == {told(version, 0x89, CLOSED)}
    assert "throttled: too many wrong passwords for this user and address" in node.broker.text()
    # The right one is not looked at either, from there; from elsewhere it is.
    assert answer(node, version, "mine", user, source=source) == told(version, 0x89, CLOSED)
    assert answer(node, version, "mine", user) == 0
    assert answer(node, version, "other", node.user(), source=source) == 0


def test_imctl_says_what_it_means_to_get_no_answer(own_node):
    node = own_node(options={"auth_wrong_share": 1}, users=1)
    user = node.user()
    wrong = Imctl.of(node, user, "wrong")
    until(lambda: wrong.run("stats").returncode == 3, "an imctl that is turned away")
    said = wrong.run("stats").stderr
    assert "turning logins away" in said and "its log says so" in said
    # The administrator comes in from the same address.
    stats = until(lambda: (s := Imctl.of(node).json("stats")["plugin"])["throttled_user"] and s,
                  "the counter")
    assert stats["logins_throttled"] >= stats["throttled_user"] >= 2


@V
def test_a_keepalive_has_a_bound(own_node, version):
    """The broker's own option tells MQTT 5 clients of a shorter one, and does nothing for others."""
    node = own_node(options={"max_keepalive": 90}, users=2)
    user = node.user()
    for keepalive, want in ((90, 0), (10, 0), (91, told(version, 0x83, NO)),
                            (65535, told(version, 0x83, NO)), (0, told(version, 0x83, NO))):
        assert answer(node, version, "one", user, keepalive=keepalive) == want, keepalive
    assert "keepalive is 0 or above max_keepalive" in node.broker.text()
    assert Imctl.of(node).json("user", "list")["users"]


# -- when a password changes --

def all_of(node, user):
    """By password, by password, by token."""
    return (node.connect(user), node.connect(user), node.connect(user, password=token(user)))


def test_who_changes_a_password_stays_and_all_others_go(node):
    user = node.user()
    phone, tablet, web = all_of(node, user)
    bystander = node.connect(node.user())
    assert phone.rpc("user.password", old=PASSWORD, new="better") == {"changed": True}
    for gone in (tablet, web):
        gone.wait_disconnected()
    assert phone.rpc("user.get")["uid"] == user
    reload_broker(node)
    assert phone.rpc("user.get")["uid"] == user
    assert bystander.rpc("user.get")
    assert answer(node, w.V5, f"{user}-x", user) == 0x87
    assert answer(node, w.V5, f"{user}-x", user, "better") == 0


def test_a_password_can_be_changed_by_a_session_of_a_token(node):
    user = node.user()
    phone, tablet, web = all_of(node, user)
    web.rpc("user.password", old=PASSWORD, new="better")
    for gone in (phone, tablet):
        gone.wait_disconnected()
    reload_broker(node)
    assert web.rpc("user.get")["uid"] == user


def test_a_password_of_words_with_dots_is_no_token(node):
    """Three words of base64url's letters are set as any other password is, and let their user in."""
    user = node.user()
    node.connect(user).rpc("user.password", old=PASSWORD, new="correct.horse.battery")
    assert node.client(user, password="correct.horse.battery").connect().connected
    assert node.client(user, password=token(user)).connect().connected


def test_a_reset_by_an_administrator_keeps_nobody(node):
    admin, user = node.admin(), node.user()
    clients = all_of(node, user)
    admin.set_password(user, "reset")
    for gone in clients:
        gone.wait_disconnected()
    assert answer(node, w.V5, f"{user}-x", user, "reset") == 0
    assert admin.command("getUser", username=user)


def test_an_administrator_who_sets_his_own_keeps_his_connection(own_node):
    node = own_node(users=1)
    one, two = node.admin(), node.admin()
    one.set_password("admin", "another")
    two.wait_disconnected()
    assert one.command("listUsers", limit=1)["users"]


def test_a_reset_while_the_bridge_is_down_ends_connections_too(own_node):
    node = own_node(**NODE, users=3)
    user = node.user()
    clients, bystander = all_of(node, user), node.connect(node.user())
    node.bridge.stop()
    (node.folder / "new").write_text("reset\n", encoding="utf-8")
    Imctl(node.folder, "--offline", node.data).ok(
        "user", "password", user, "--password-file", node.folder / "new")
    for gone in clients:
        gone.wait_disconnected()
    assert answer(node, w.V5, f"{user}-x", user) == 0x87
    assert answer(node, w.V5, f"{user}-x", user, "reset") == 0
    node.start_bridge()
    assert bystander.rpc("user.get")


# -- keys --

@pytest.fixture
def keys(own_node, tmp_path):
    """A maker of nodes whose keys are in a folder, which it gives too."""
    def make(names, users=20, **options):
        for name, secret in names.items():
            (tmp_path / name).write_text(secret + "\n", encoding="utf-8")
        return own_node(options={"jwt_key_dir": tmp_path, **options}, users=users), tmp_path
    return make


def test_a_token_says_which_key_it_is_signed_with(keys):
    node, _ = keys({"2026.secret": SECRET, "default.secret": OTHER})
    user = node.user()
    for n, (secret, kid, code) in enumerate((
            (SECRET, "2026", 0), (OTHER, None, 0), (OTHER, "default", 0), (SECRET, None, 0x87),
            (OTHER, "2026", 0x87), (SECRET, "2027", 0x87), (SECRET, "../2026", 0x87),
            (SECRET, "2026.secret", 0x87))):
        assert answer(node, w.V5, f"d{n}", user, token(user, secret, kid)) == code, (kid, n)


@V
@pytest.mark.parametrize("change, why", [
    (dict(exp=int(time.time()) + 12 * 365 * 86400), "more than ten years"),
    (dict(iat=int(time.time()) + 3600), "iat"), (dict(exp=int(time.time()) - 1), "expired"),
], ids=["ten-years", "future", "expired"])
def test_a_token_of_another_time_is_refused(keys, version, change, why):
    """On a node of its own, whose log holds no line back yet."""
    node, _ = keys({"default.secret": SECRET}, users=1)
    user = node.user()
    assert answer(node, version, node.new_name("t"), user, token(user, **change)) == NO[version]
    assert why in node.broker.text()


def test_a_token_that_says_something_twice_or_asks_for_more_is_refused(node):
    user = node.user()
    now = int(time.time())
    for header, claims in (
            ('{"alg":"HS256"}', f'{{"sub":"nobody","sub":"{user}","exp":{now + 60}}}'),
            ('{"alg":"none","alg":"HS256"}', f'{{"sub":"{user}","exp":{now + 60}}}'),
            ('{"alg":"HS256","crit":["exp"]}', f'{{"sub":"{user}","exp":{now + 60}}}')):
        signed = tokens.signed(SECRET.encode(), header, claims)
        assert answer(node, w.V5, node.new_name("t"), user, signed) == 0x87, header


def test_keys_are_changed_as_the_manual_says(keys):
    """Its commands, as they stand there."""
    node, folder = keys({"2026-01.secret": SECRET}, users=3)
    page = (ROOT / "docs" / "OPERATIONS.md").read_text(encoding="utf-8")
    section = page.split("### Several keys, and changing them\n", 1)[1].split("\n## ", 1)[0]
    add, try_it, remove = re.findall(r"^```sh\n(.*?)^```", section, re.S | re.M)
    node.admin().create_user("alice")

    def run(commands):
        out = ""
        for line in commands.replace("/etc/mosquitto-im/jwt", str(folder)).splitlines():
            if line == "systemctl reload mosquitto":
                reload_broker(node)
                continue
            line = re.sub(r"^imctl ", f"{shlex.quote(str(build.IMCTL))} ", line)
            out += subprocess.run(["sh", "-ec", line], check=True, text=True,
                                  capture_output=True).stdout
        return out
    old = node.connect("alice", password=token("alice", kid="2026-01"))
    by_password = node.connect(node.user())
    run(add)
    assert old.rpc("user.get")["uid"] == "alice"
    new = node.connect("alice", password=run(try_it).strip())
    run(remove)
    old.wait_disconnected()
    assert new.rpc("user.get")["uid"] == "alice" and by_password.rpc("user.get")
    assert answer(node, w.V5, "x", "alice", token("alice", kid="2026-01", jti=1)) == 0x87


def test_a_file_that_is_no_key_leaves_all_as_they_were(keys):
    node, folder = keys({"a.secret": SECRET})
    user = node.user()
    client = node.connect(user, password=token(user, kid="a"))
    (folder / "a.secret").write_text("too short", encoding="utf-8")
    (folder / "b.secret").write_text(OTHER, encoding="utf-8")
    reload_broker(node)
    assert f"token keys kept as they were: jwt_key_dir: {folder}/a.secret holds 9 bytes" in \
        node.broker.text()
    assert client.rpc("user.get")["uid"] == user
    assert answer(node, w.V5, "y", user, token(user, kid="a", jti=1)) == 0
    (folder / "a.secret").write_text(SECRET, encoding="utf-8")
    reload_broker(node)
    assert "token keys read again n=2" in node.broker.text()
    assert client.rpc("user.get")["uid"] == user


# -- a hash that would hold up the broker --

# Of "pw": seconds of work, as a version that had no bound has stored it.
DEAR = ("$argon2id$v=19$m=262144,t=16,p=1$c29tZXNhbHQ$"
        "nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4")


@pytest.mark.parametrize("threads", [0, 1])
def test_a_stored_hash_of_seconds_does_not_hold_up_the_broker(own_node, threads):
    node = own_node(options={"auth_threads": threads})
    user, other = node.users(2)
    connected = node.connect(other, v5=True)
    node.bridge.stop()
    with sqlite3.connect(node.data / "directory.db") as db:
        db.execute("UPDATE user SET password = ? WHERE uid = ?", (DEAR, user))
    db.close()
    node.bridge.start()
    connected.rpc("user.get")
    looked_at = NEWER and threads
    with Raw(node.port, w.V5, source=next(_sources)) as r:
        r.send(w.connect("d", user, "wrong", version=w.V5))
        connected.publish(f"im/u/{user}", {"id": "m", "body": "m"})
        if looked_at:  # PUBACK is the broker's own, and comes long before
            assert r.receive(0.001) is None
        assert w.decode_connack(r.expect(w.CONNACK)[1], w.V5)["code"] == 0x87
    line = re.search(rf"login refused user={user} .*", node.broker.text())[0]
    # The broker itself does not look at it.
    assert ("imctl user password" in line) == (not looked_at), line
