# SPDX-License-Identifier: BSD-3-Clause
"""Rights on ordinary topics by an acl_file: decided as a plain Mosquitto decides with the same file,
changed by SIGHUP, checked by imctl before and explained while it runs; roles, $SYS, and mistakes.
"""
import os
import pathlib
import signal
import subprocess
import time

import pytest

from lib import build
from lib.node import PASSWORD, until
from lib.plain import Plain
from lib.tools import Imctl

RULES = """\
# Whoever writes to everything.
user writer
topic readwrite #
topic readwrite $own/#
topic deny closed/to/writer

user al
topic read sensors/#
topic deny sensors/door/#
topic write lights/+/set
topic both_ways
topic read with blanks/+
topic readwrite //#

user bo
topic read #
topic write plant/+/+/in
topic read $own/x

# A second section is one with the first.
user al
topic readwrite later/al

user none
pattern read mail/%u/#
pattern write mail/%u/out
pattern readwrite cmd/%c
pattern readwrite mixed/%u-%c/+
pattern deny mail/%u/secret
pattern read for/all
"""
USERS = ["writer", "al", "bo", "cy", "none"]
# With an id that patterns cannot be filled with, as well.
DEVICES = {"writer": "w1", "al": "al-1", "bo": "bo-1", "cy": "cy+1", "none": "n1"}
TOPICS = [
    "sensors", "sensors/hall", "sensors/hall/t", "sensors/door", "sensors/door/1", "sensorsx",
    "lights/1/set", "lights/set", "lights/1/2/set", "both_ways", "both_ways/x", "with blanks/1",
    "//", "///a", "/", "later/al", "later/bo", "plant/1/2/in", "plant/1//in", "plant/1/in",
    "mail/al/in", "mail/al/out", "mail/al/secret", "mail/bo/out", "mail/al", "mail/%u/in",
    "cmd/al-1", "cmd/bo-1", "cmd/n1", "mixed/al-al-1/x", "mixed/bo-bo-1/x",
    "mixed/al-al-1/x/y", "for/all", "closed/to/writer", "$own/x", "$own/y", "$other/x", "unheard/of",
]


def decisions(connect):
    """{(user, access, topic): allowed} of a broker, by what its clients meet."""
    clients = {user: connect(user, DEVICES[user]) for user in USERS}
    writer = clients["writer"]
    found = {}
    for user, c in clients.items():
        for topic in TOPICS:
            c.subscribe(topic)
            found[user, "write", topic] = c.publish(topic, f"by {user}") != 0x87
    for topic in TOPICS:
        writer.publish(topic, "read")
    for user, c in clients.items():
        # What is for a client has been sent to it before the answer to what it asks then.
        c.subscribe("unheard/of")
        got = {m.topic for m in c.messages if m.payload == b"read"}
        found.update({(user, "read", t): t in got for t in TOPICS})
    return found


@pytest.fixture(scope="module")
def plain():
    folder = pathlib.Path(build.MOSQUITTO).resolve().parent.parent
    tool = folder / "bin/mosquitto_passwd"
    broker = Plain(conf=["password_file {folder}/passwd", "acl_file {folder}/acl"],
                   files={"acl": RULES, "passwd": ""})
    for user in USERS:
        subprocess.run([tool if tool.exists() else "mosquitto_passwd", "-b",
                        broker.folder / "passwd", user, PASSWORD], check=True, capture_output=True)
    try:
        yield broker.start()
    finally:
        broker.close()


def test_a_plain_mosquitto_decides_alike(plain, own_node):
    node = own_node(users=1, more_users=[(u, PASSWORD) for u in USERS], files={"acl": RULES},
                    options={"acl_file": "{folder}/acl", "rate_messages": 0})
    there = decisions(lambda u, d: plain.connect(u, device=d, v5=True))
    here = decisions(lambda u, d: node.connect(u, device=d, inbox=False, v5=True))
    # 2.1 fills in whole levels alone; the plugin goes by 2.0, with every broker.
    alike = [k for k in there if build.broker_version() < (2, 1) or not k[2].startswith("mixed/")]
    assert {k: (there[k], here[k]) for k in alike if there[k] != here[k]} == {}
    assert here["al", "read", "mixed/al-al-1/x"] and here["al", "write", "mixed/al-al-1/x"]
    # The table is worth comparing: every user but the one with the odd client id may something.
    for user in USERS:
        for access in ("read", "write"):
            n = sum(here[user, access, t] for t in TOPICS)
            assert n < len(TOPICS) and (n > 0 or user == "cy"), (user, access, n)


def rules(node, text):
    """The file says so, and the broker has read it."""
    (node.folder / "acl").write_text(text, encoding="utf-8")
    said = node.broker.text().count("rights on ordinary topics")
    node.broker.send_signal(signal.SIGHUP)
    until(lambda: node.broker.text().count("rights on ordinary topics") > said, "the reload")


@pytest.fixture
def filed(own_node):
    return own_node(users=4, files={"acl": ""}, options={
        "acl_file": "{folder}/acl", "allow_topic": "open/#", "rate_messages": 0})


def test_sighup_takes_a_right_away_at_once(filed):
    node = filed
    a, b, away = node.users(3)
    rules(node, f"user {a}\ntopic plant/#\nuser {b}\ntopic read plant/#\n"
                f"user {away}\ntopic read plant/#\n")
    writer = node.connect(a, v5=True)
    reader = node.connect(b)
    kept = node.connect(away, device="kept", clean=False)
    for c in (reader, kept):
        assert c.subscribe("plant/#") == 1
    assert writer.publish("plant/1", "one") == 0
    for c in (reader, kept):
        c.wait_for(lambda c=c: any(m.payload == b"one" for m in c.messages))
    kept.disconnect()
    assert writer.publish("plant/1", "queued") == 0
    rules(node, f"user {a}\ntopic plant/#\nuser {b}\ntopic read plant/2\n"
                f"user {away}\ntopic read plant/2\n")
    assert writer.publish("plant/1", "two") in (0, 0x10)
    assert writer.publish("plant/2", "fence") == 0
    reader.wait_for(lambda: any(m.payload == b"fence" for m in reader.messages))
    assert [m.payload for m in reader.messages if m.topic == "plant/1"] == \
        [b"one", b"queued"]
    assert reader.subscribe("plant/1") == 0x80
    # What waited for a session that was away is asked about when it is handed over.
    again = node.client(away, device="kept", clean=False).connect_twice().inbox()
    again.wait_for(lambda: any(m.payload == b"fence" for m in again.messages))
    again.rpc("user.get")
    assert [m.topic for m in again.messages
            if m.topic.startswith("plant/") and not m.dup] == ["plant/2"]


def test_a_share_is_for_who_may_read_all_of_it(filed):
    node = filed
    worker, thief, half = node.users(3)
    rules(node, f"user {worker}\ntopic readwrite plant/#\nuser {thief}\ntopic read plant/lobby\n"
                f"user {half}\ntopic read plant/#\ntopic deny plant/secret\n")
    producer, taker = (node.connect(worker, device=f"w{k}", v5=True) for k in range(2))
    others = [node.connect(u, device=f"t{u}") for u in (thief, half)]
    assert taker.subscribe("$share/w/plant/#") < 0x80
    # One list's rules, and none of them that denies.
    assert [c.subscribe("$share/w/plant/#") for c in others] == [0x80, 0x80]
    assert [c.subscribe("$share/w/plant/+") for c in others] == [0x80, 0x80]
    assert "what of it the client may not read would be lost" in node.broker.text()
    assert "topic deny plant/secret" in node.broker.text()
    assert others[0].subscribe("$share/v/plant/lobby") < 0x80
    assert others[1].subscribe("$share/v/plant/hall/+") < 0x80
    assert others[0].subscribe("$share/v/open/#") < 0x80
    # Without a share each message is asked about by itself, and nobody loses any.
    assert [c.subscribe("plant/#") < 0x80 for c in others] == [True, True]
    for k in range(20):
        assert producer.publish("plant/secret", str(k)) == 0
    taker.wait_for(lambda: len([m for m in taker.messages if m.topic == "plant/secret"]) == 20)


def test_who_cannot_be_denied_takes_no_part_of_a_share(filed):
    node = filed
    worker, thief = node.users(2)
    rules(node, f"pattern deny secret/%c/#\nuser {worker}\ntopic readwrite open/#\n")
    producer, taker = (node.connect(worker, device=f"w{k}", v5=True) for k in range(2))
    assert taker.subscribe("$share/w/open/x") < 0x80
    for device in ("a+b", "a#b", "a/b"):
        c = node.connect(thief, device=f"{thief}{device}")
        assert c.subscribe("$share/w/open/x") == 0x80
        assert c.subscribe("open/x") == 0x80
    for k in range(30):
        assert producer.publish("open/x", str(k)) == 0
    taker.wait_for(lambda: len([m for m in taker.messages if m.topic == "open/x"]) == 30)


def test_who_has_another_role_takes_no_part_of_a_share_any_more(filed):
    node = filed
    admin, (worker, thief) = node.admin(), node.users(2)
    rules(node, f"user {worker}\ntopic readwrite jobs/#\nrole admin\ntopic read jobs/#\n")
    producer, taker = (node.connect(worker, device=f"w{k}", v5=True) for k in range(2))
    assert taker.subscribe("$share/w/jobs/x") < 0x80
    admin.command("setUserRole", username=thief, role="admin")
    c = node.connect(thief)
    assert c.subscribe("$share/w/jobs/x") < 0x80
    admin.command("setUserRole", username=thief, role="user")
    c.wait_disconnected()
    for k in range(30):
        assert producer.publish("jobs/x", str(k)) == 0
    taker.wait_for(lambda: len([m for m in taker.messages if m.topic == "jobs/x"]) == 30)
    # Who is made one begins again, too, with what an administrator may.
    c = node.connect(thief)
    assert c.subscribe("$share/w/jobs/x") == 0x80
    admin.command("setUserRole", username=thief, role="admin")
    c.wait_disconnected()
    assert node.connect(thief, v5=True).subscribe("$SYS/#") < 0x80


def test_a_wrong_file_changes_nothing_and_is_named(filed):
    node = filed
    user = node.user()
    rules(node, f"user {user}\ntopic plant/#\n")
    c = node.connect(user, v5=True)
    rules(node, f"user {user}\n\n topic reed plant/#\n")
    assert f'{node.folder}/acl:3: "reed" is no access' in node.broker.text()
    assert c.publish("plant/1", "x") in (0, 0x10)
    (node.folder / "acl").unlink()
    node.broker.send_signal(signal.SIGHUP)
    node.broker.wait_text("/acl cannot be read: No such file or directory")
    assert c.publish("plant/1", "x") in (0, 0x10)
    os.mkfifo(node.folder / "acl")
    node.broker.send_signal(signal.SIGHUP)
    node.broker.wait_text("/acl cannot be read: it is a pipe, a socket or a device")
    assert c.publish("plant/1", "x") in (0, 0x10)
    (node.folder / "acl").unlink()
    rules(node, "")
    assert f"{node.folder}/acl is empty: write the file beside and rename it" in node.broker.text()
    assert c.publish("plant/1", "x") in (0, 0x10)
    rules(node, "# none\n")
    assert c.publish("plant/1", "x") == 0x87
    assert c.publish("open/1", "x") in (0, 0x10)


@pytest.mark.parametrize("text, said", [
    ("user a\ntopic read a/#/b\n", '/acl:2: "a/#/b" is no topic filter'),
    ("usr a\n", '/acl:1: "usr" begins no line of an acl_file'),
    (None, "/acl cannot be read: No such file"),
])
def test_a_wrong_file_at_start_is_named(own_node, text, said):
    node = own_node(users=1, files={"acl": ""}, options={"acl_file": "{folder}/acl"})
    node.broker.stop()
    if text is None:
        (node.folder / "acl").unlink()
    else:
        (node.folder / "acl").write_text(text, encoding="utf-8")
    node.broker.start()
    node.broker.wait_exit(expected=range(1, 256))
    assert said in node.broker.text(since_start=True)
    (node.folder / "acl").write_text("", encoding="utf-8")
    node.start_broker()


def test_roles_sys_and_im(filed):
    """Administrators have rights of their own, and read $SYS; a rule for all opens nothing of IM."""
    node = filed
    me, other = node.users(2)
    rules(node, f"user {me}\ntopic readwrite #\nrole admin\ntopic read plant/#\nrole user\n"
                "pattern write plant/%u/#\n")
    c = node.connect(me, v5=True)
    admin = node.connect("admin", v5=True)
    assert c.subscribe("#") == 1
    assert c.publish(f"plant/{me}/1", "x") in (0, 0x10)
    for topic in (f"im/inbox/{other}/u/{me}", f"im/inbox/{me}/x", "im/room/x", "$im/up",
                  "$CONTROL/im/v1", "$other/x"):
        assert c.publish(topic, "x") == 0x87, topic
    for topic_filter in (f"im/inbox/{other}/#", "im/inbox/+/#", "im/#", "$im/#", "$CONTROL/im/#",
                         "$SYS/#", "$other/#"):
        assert c.subscribe(topic_filter) == 0x87, topic_filter
    assert admin.subscribe("$SYS/#") == 1
    admin.wait_for(lambda: any(m.topic == "$SYS/broker/version" for m in admin.messages))
    assert admin.subscribe("plant/#") == 1
    assert admin.publish("plant/admin/1", "x") == 0x87
    # Not even they write there, by a rule for everything neither.
    for writer in (admin, c):
        assert writer.publish("$SYS/broker/uptime", "FORGED") == 0x87
        assert writer.publish("$SYS/x", "FORGED", retain=True) == 0x87
    assert c.publish(f"plant/{me}/2", "y") == 0
    admin.wait_for(lambda: any(m.topic == f"plant/{me}/2" for m in admin.messages))
    # `#` brings of IM what is one's own, and no more.
    o = node.connect(other)
    o.send(f"im/u/{me}", {"id": "c-1", "body": "hi"})
    c.wait_for(lambda: any(m.topic == f"im/inbox/{me}/u/{other}" for m in c.messages))
    assert [m for m in admin.messages if m.payload == b"FORGED"] == []
    assert [m.topic for m in c.messages if m.topic.startswith("im/")
            and not m.topic.startswith(f"im/inbox/{me}/")
            and not m.topic.startswith("im/presence/")] == []


def test_what_is_refused_is_in_the_log(filed):
    node = filed
    user = node.user()
    c = node.connect(user, device="my tab", v5=True)
    began = time.monotonic()
    assert c.publish("a b/c", "x") == 0x87
    line = node.broker.wait_text("publish refused")
    assert (f"publish refused user={user} client=my%20tab topic=a%20b/c: no rule of the acl_file or "
            "allow_topic opens it") in line
    assert c.subscribe("x/+/#") == 0x87
    assert (f"subscription refused user={user} client=my%20tab filter=x/+/#: no rule of the acl_file "
            "or allow_topic opens it") in node.broker.wait_text("subscription refused")
    # Ten lines of a kind in ten seconds, whoever asks and for what; then how many there were.
    for k in range(200):
        assert c.subscribe(f"nowhere/{k}") == 0x87
    lines = [x for x in node.broker.text().splitlines() if "subscription refused" in x]
    took_s = (time.monotonic() - began)
    assert 10 <= len(lines) <= 10 * (1 + took_s // 10)


def test_imctl_explains(filed):
    node = filed
    me, other, fleet = node.users(3)
    rules(node, f"user {me}\ntopic read plant/#\npattern write dev/%c/#\n")
    imctl = Imctl.of(node)
    acl = f"{node.folder}/acl"
    mine = node.connect(me, device="d1", v5=True)

    def explain(*words):
        answer = imctl.json("explain", *words)
        return answer["allowed"], answer["by"]

    assert explain(me, "read", "plant/1") == (True, f"{acl}:2: topic read plant/#")
    assert explain(me, "subscribe", "plant/+") == (True, f"{acl}:2: topic read plant/#")
    assert explain(me, "publish", "dev/d1/x", "--device", "d1") == \
        (True, f"{acl}:3: pattern write dev/%c/#")
    assert explain(other, "publish", "dev/d1/x", "--device", "d1")[1] == \
        "IM: client id belongs to another user; choose another one"
    assert explain(me, "publish", f"im/u/{other}") == \
        (True, "IM: the recipient takes messages from anyone")
    node.connect(other).rpc("block.add", uid=me)
    assert explain(me, "publish", f"im/u/{other}") == \
        (False, "IM: the recipient takes no messages from you")
    assert explain("admin", "subscribe", "$SYS/#")[0]
    deep = "plant" + "/a" * 16
    assert explain(me, "subscribe", deep) == (False, "IM: a filter has at most 16 levels")
    assert explain(me, "subscribe", deep[:-2])[0]
    assert node.connect(me, device="deep").subscribe(deep) == 0x80
    imctl.ok("user", "role", fleet, "device")
    imctl.ok("user", "bind", fleet, "veh-*")
    assert explain(me, "publish", f"im/u/{fleet}/veh-1")[0]
    assert explain(me, "publish", f"im/u/{fleet}/car-1") == \
        (False, "IM: the client ids of this account's devices begin otherwise; check "
                "the last level of the topic")
    # It says what is done.
    for topic in ("plant/1", "dev/d1/x", f"im/u/{other}", "im/rpc/user.get", "open/x", "nowhere"):
        allowed, by = explain(me, "publish", topic, "--device", "d1")
        assert (mine.publish(topic, "{}") != 0x87) == allowed, (topic, by)
    assert imctl.ok("explain", me, "publish", "open/x") == "allowed: yes\nby: allow_topic open/#\n"
    assert imctl.run("explain", me, "look", "a").returncode == 2
    assert "one topic" in imctl.run("explain", me, "read", "a/#").stderr
    # Without the bridge as well; without the broker it says what is missing.
    node.kill_bridge()
    assert explain(me, "read", "open/x") == (True, "allow_topic open/#")
    node.broker.stop()
    done = imctl.run("explain", me, "read", "open/x")
    assert done.returncode == 3 and "refused" in done.stderr
    node.start_broker()
    node.start_bridge()


def test_imctl_checks_the_file_before_the_broker_reads_it(tmp_path):
    def check():
        return subprocess.run([build.IMCTL, "--json", "check", "acl", tmp_path / "mosquitto.conf"],
                              capture_output=True, text=True)
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "mosquitto.conf").write_text(f"# the broker\ninclude_dir {tmp_path}/conf.d\n")
    assert "names no plugin_opt_acl_file; give the broker's configuration that does, or the " \
        "acl_file itself" in check().stdout
    # A `topic` line of a connection makes no acl_file of it.
    (tmp_path / "mosquitto.conf").write_text(
        f"user a\nconnection c\ntopic a/# out 1\ninclude_dir {tmp_path}/conf.d\n")
    assert "names no plugin_opt_acl_file" in check().stdout
    (tmp_path / "conf.d/im.conf").write_text(
        f"plugin_opt_topic_prefix chat\nplugin_opt_acl_file {tmp_path}/acl\n")
    assert f"cannot read {tmp_path}/acl: No such file or directory" in check().stdout
    (tmp_path / "acl").write_text("user a\ntopic read x/#\ntopic read chat/#\ntopic write im/x\n")
    done = check()
    assert done.returncode == 0, done.stdout
    assert done.stdout == (
        '{"rules":2,"findings":[{"file":"%s/acl","line":3,"finding":"chat/# is one of IM\'s own '
        'topics, on which a rule changes nothing: take it out"}]}\n' % tmp_path)
    (tmp_path / "acl").write_text("user a\ntopic read x/#/y\n")
    done = check()
    assert done.returncode == 1
    assert f'{tmp_path}/acl:2: \\"x/#/y\\" is no topic filter' in done.stdout
    # What the broker does not start with is no file to look at.
    (tmp_path / "conf.d/more.conf").write_text("plugin_opt_acl_file /x\n")
    done = check()
    assert done.returncode == 1
    assert "plugin_opt_acl_file is given twice; keep one" in done.stdout
    # The acl_file itself, that no configuration names yet; found by what its lines begin with.
    def direct(text):
        (tmp_path / "acl").write_text(text)
        return subprocess.run([build.IMCTL, "--json", "check", "acl", tmp_path / "acl"],
                              capture_output=True, text=True)
    assert direct("user a\ntopic read x/#\nrole device\npattern write d/%c\n").stdout == \
        '{"rules":2,"findings":[]}\n'
    done = direct("usr a\ntopic read x/#\n")
    assert done.returncode == 1 and '/acl:1: \\"usr\\" begins no line' in done.stdout
    # What the plugin does not read either; and nobody waits for it.
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "conf.d/more.conf").unlink()
    (tmp_path / "acl").unlink()
    os.mkfifo(tmp_path / "acl")
    for path in ("mosquitto.conf", "pipe", "acl"):
        done = subprocess.run([build.IMCTL, "check", "acl", tmp_path / path], timeout=30,
                              capture_output=True, text=True)
        assert done.returncode in (1, 2), done
        assert "it is a pipe, a socket or a device; name a regular file" in done.stderr
