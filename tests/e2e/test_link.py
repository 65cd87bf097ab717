# SPDX-License-Identifier: BSD-3-Clause
"""Who is the bridge: whoever knows the link's secret. Neither a name nor an address, a client id or a
header makes anybody the bridge, throws it off the link, or lets him read or forge what is on it.
"""
import itertools
import os
import re
import shutil
import signal
import stat
import threading

import pytest
from paho.mqtt.client import WebsocketConnectionError

from lib import build
from lib import mqttwire as w
from lib.client import Refused
from lib.node import PASSWORD, until
from lib.proc import Process, wait_until
from lib.raw import Closed, Raw

LINK_LOST = ("link lost", "link_lost")
FORGED = b"IM\x01\x10" + b"\x00" * 8


def lost(node):
    return sum(node.broker.text().count(x) + node.bridge.text().count(x) for x in LINK_LOST)


def links(node):
    """The client ids by which the bridge has connected, as the broker says them."""
    return re.findall(r" as (\$im/\S+) ", node.broker.text())


def works(node, a, b):
    name = node.new_name("m")
    a.send(f"im/u/{b.user}", {"id": name, "body": name})
    b.wait_body(f"u/{a.user}", name)


def test_taking_the_bridges_client_id_does_not_cut_the_link(own_node):
    """Anybody who knows a password, by every client id that the bridge has or might have."""
    node = own_node(users=4)
    a, b, eve = node.connect(node.user()), node.connect(node.user()), node.user()
    own, = links(node)
    before = lost(node)
    for n in range(60):
        for device in ("im-bridge", own, "$im/", "$im/im-bridge", own[:-1]):
            for version in (w.V311, w.V5):
                with Raw(node.port, version) as r:
                    code = r.connect(device, eve, PASSWORD)["code"]
                    # The name that it had once is a client id like others.
                    assert code == (0 if device == "im-bridge" else 5 if version == w.V311
                                    else 0x87), device
        if n % 20 == 0:
            works(node, a, b)
    works(node, a, b)
    assert lost(node) == before == 0
    assert links(node) == [own]


def test_a_client_id_of_the_bridge_is_refused_before_the_password_is_looked_at(own_node):
    node = own_node(users=2)
    for password in (PASSWORD, "wrong", None):
        with pytest.raises(Refused):
            node.client(node.user() if password == PASSWORD else "nobody", device="$im/x",
                        password=password).connect()
    said = [x for x in node.broker.text().splitlines() if "login refused" in x]
    assert len(said) == 3 and all("begin with $im/" in x for x in said)


def looks_like_the_bridge(node, stop, came_in, raised):
    """A WebSocket client that says by a header that it comes from the link's socket. On 2.0.15 to
    2.0.22 the broker believes it."""
    headers = {"X-Forwarded-For": str(node.link)}
    while not stop.is_set():
        for device, password in (("im-bridge", None), ("$im/eve", "x" * 64), ("ws-eve", PASSWORD)):
            client = node.client("im-bridge", device=device, password=password, transport="ws",
                                 headers=headers)
            try:
                client.connect()
                came_in.append(client)
                return
            except Refused:
                pass
            except Exception as e:  # what is no answer at all
                raised.append(e)
                return
            finally:
                client.close()


def test_a_header_makes_nobody_the_bridge(own_node):
    """The whole attack: the link's path in the header, the bridge's name, while the bridge restarts."""
    node = own_node(users=4, ws_listener=True)
    a, b = node.connect(node.user()), node.connect(node.user())
    came_in, raised, stop = [], [], threading.Event()
    thread = threading.Thread(target=looks_like_the_bridge, args=(node, stop, came_in, raised),
                              daemon=True)
    thread.start()
    try:
        for _ in range(4):
            node.kill_bridge()
            a.publish(f"im/u/{b.user}", "while nobody is there")
            refused = node.broker.text().count("login refused user=im-bridge")
            until(lambda: node.broker.text().count("login refused user=im-bridge") > refused or
                  "more in the last" in node.broker.text(), "an attempt while it is away")
            node.start_bridge()
    finally:
        stop.set()
        thread.join()
    assert came_in == [] and raised == []
    if (2, 0, 15) <= build.broker_version() < (2, 1):
        # Or this would show nothing: the broker has taken the header for the address.
        assert f"New client connected from {node.link}" in node.broker.text()
        assert f"address={node.link}" in "".join(
            x for x in node.broker.text().splitlines() if "login refused" in x)
    works(node, a, b)
    b.wait_for(lambda: b.bodies(f"u/{a.user}").count("while nobody is there") == 4)


def test_who_comes_by_the_links_address_is_an_ordinary_client(own_node):
    """With a password of his own, by header or by the socket itself, he reads and forges nothing."""
    node = own_node(users=4, ws_listener=True)
    a, b, eve = node.connect(node.user()), node.connect(node.user()), node.user()
    by_header = node.client(eve, transport="ws", v5=True,
                            headers={"X-Forwarded-For": str(node.link)}).connect()
    with Raw.unix(node.link, w.V5) as by_socket:
        assert by_socket.connect(f"{eve}-unix", eve, "wrong")["code"] == 0x87
    with Raw.unix(node.link, w.V5) as by_socket:
        assert by_socket.connect(f"{eve}-unix", eve, PASSWORD)["code"] == 0
        for topic in ("$im/up", "$im/down", "$im/0", "$im/#", "#"):
            assert by_header.subscribe(topic) >= 0x80, topic
            assert by_socket.subscribe(topic) >= 0x80, topic
        for topic in ("$im/up", "$im/down", "$im/0"):
            assert by_header.publish(topic, FORGED) == 0x87
            assert by_socket.puback(by_socket.publish(topic, FORGED, qos=1)) == 0x87
        for c in (by_header, by_socket):
            assert c.subscribe(f"im/inbox/{eve}/#") < 0x80
        works(node, a, b)
        by_socket.ping()
        assert [p for p in by_socket.seen if p[0] == w.PUBLISH and b"$im" in p[2]] == []
    assert [m for m in by_header.messages if m.topic.startswith("$im")] == []


# -- the bridge comes and goes --

def test_a_killed_bridge_is_back_at_once(own_node):
    """The next one finds the broker before it has seen the end of the last one, or not: it links."""
    node = own_node(users=3)
    a, b = node.connect(node.user()), node.connect(node.user())
    for _ in range(8):
        node.bridge.kill()
        node.start_bridge()
    works(node, a, b)
    assert len(set(links(node))) == len(links(node)) == 9


def test_a_second_bridge_waits_for_the_first_one(own_node):
    """On a copy of the folder, so that nothing but the link keeps it out; the first one is stopped and
    then killed."""
    node = own_node(users=3)
    a, b = node.connect(node.user()), node.connect(node.user())
    works(node, a, b)
    copy = node.folder / "copy"
    shutil.copytree(node.data, copy)
    conf = node.folder / "second.conf"
    conf.write_text(f"data_dir {copy}\nbroker {node.link}\n", encoding="utf-8")
    node.bridge.send_signal(signal.SIGSTOP)
    second = Process("second", [build.BRIDGE, "-c", conf], node.folder / "second.log").start()
    try:
        node.broker.wait_text("a bridge is connected already")
        second.wait_text("link_refused")
        node.bridge.kill()
        second.wait_text("info ready")
    finally:
        second.stop()
    node.start_bridge()
    works(node, a, b)


def test_a_reload_keeps_the_link(own_node):
    node = own_node(users=3)
    a, b = node.connect(node.user()), node.connect(node.user())
    for _ in range(3):
        node.broker.send_signal(signal.SIGHUP)
        works(node, a, b)
    assert lost(node) == 0


# -- the secret --

def secret_of(node):
    return node.data / "link.secret"


def test_the_secret_is_the_users_alone(own_node):
    """So is whatever the bridge makes, whatever umask it is started with."""
    before = os.umask(0)
    try:
        node = own_node(users=3)
        a, b = node.connect(node.user()), node.connect(node.user())
        works(node, a, b)
        folder = node.folder / "backup"
        assert node.admin().command("backup", dir=str(folder)) is not None
    finally:
        os.umask(before)
    found = secret_of(node).stat()
    assert found.st_size == 32 and stat.S_IMODE(found.st_mode) == 0o600
    made = [p for p in node.data.iterdir() if p.name.startswith(("messages.db", "search.db",
                                                                 "bridge.lock", "link.secret"))]
    assert len(made) >= 4
    assert {p.name: oct(stat.S_IMODE(p.stat().st_mode)) for p in made} == \
        {p.name: "0o600" for p in made}
    until(lambda: (folder / "directory.db").exists(), "the backup")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    # A copy that leaves the machine takes no secret along.
    assert not (folder / "link.secret").exists()


def test_a_new_secret_counts_when_the_bridge_is_restarted(own_node):
    """Rotation, as OPERATIONS says it; nothing is lost, and the old one is of no use any more."""
    node = own_node(users=3)
    a, b = node.connect(node.user()), node.connect(node.user())
    old = secret_of(node).read_bytes()
    secret_of(node).unlink()
    works(node, a, b)  # who is connected stays so
    node.bridge.stop()
    a.publish(f"im/u/{b.user}", "meanwhile")
    with Raw(node.port) as r:
        assert r.connect("$im/x", "im-bridge", old.hex())["code"] == 5
    node.start_bridge()
    assert secret_of(node).read_bytes() != old
    b.wait_body(f"u/{a.user}", "meanwhile")
    works(node, a, b)
    with Raw(node.port) as r:
        assert r.connect("$im/x", "im-bridge", old.hex())["code"] == 5


def test_two_folders_are_said_by_both_sides(own_node):
    node = own_node(users=3)
    node.bridge.stop()
    secret_of(node).write_bytes(os.urandom(32))
    copy = node.folder / "copy"
    shutil.copytree(node.data, copy)
    (copy / "link.secret").write_bytes(os.urandom(32))
    conf = node.folder / "second.conf"
    conf.write_text(f"data_dir {copy}\nbroker {node.link}\n", encoding="utf-8")
    second = Process("second", [build.BRIDGE, "-c", conf], node.folder / "second.log").start()
    try:
        line = node.broker.wait_text("the password is not the link's secret")
        assert f"{node.data}/link.secret" in line and "same data_dir" in line
        assert "data_dir" in second.wait_text("link_refused")
        # It goes on trying, and by the file as it is then.
        (copy / "link.secret").write_bytes(secret_of(node).read_bytes())
        second.wait_text("info ready")
    finally:
        second.stop()
    node.start_bridge()


@pytest.mark.parametrize("data, mode, said", [
    (b"short", 0o600, "not a file of 32 bytes"), (b"x" * 33, 0o600, "not a file of 32 bytes"),
    (b"x" * 32, 0o644, "others may know it")])
def test_what_is_no_secret_is_refused_by_both_sides(own_node, data, mode, said):
    node = own_node(users=3)
    node.stop()
    right = secret_of(node).read_bytes()
    secret_of(node).write_bytes(data)
    secret_of(node).chmod(mode)
    node.broker.start()
    assert node.broker.wait_exit(expected=range(1, 256)) > 0
    assert any(said in x and "link.secret" in x for x in node.broker.text(True).splitlines())
    node.bridge.start()
    assert said in node.bridge.wait_text("link_waits")
    secret_of(node).chmod(0o600)
    secret_of(node).write_bytes(right)
    node.start_broker()
    node.bridge.wait_text("info ready")


# -- what a header brings into the log --

def test_a_header_brings_no_bytes_of_its_own_into_our_lines(own_node):
    node, asked = own_node(users=2, ws_listener=True), 0
    for value in ("\x1b[31m203.0.113.7\x1b[0m", "1.2.3.4 user=admin address=5.6.7.8",
                  "x" * 300, "1.2.3.4, 5.6.7.8"):
        # 2.1 takes no control characters in a header.
        with pytest.raises((Refused, WebsocketConnectionError)) as e:
            node.client("nobody", transport="ws", headers={"X-Forwarded-For": value}).connect()
        asked += e.type is Refused
    ours = [x for x in node.broker.text().splitlines() if "im: login refused" in x]
    assert len(ours) == asked >= (3 if build.broker_version() >= (2, 1) else 4)
    for line in ours:
        assert re.fullmatch(r"[ -~]*", line), repr(line)
        assert len(line) < 400
        assert re.search(r"user=nobody client=\S+ address=[\w.:%/\[\]?-]+( via=websocket)?: ", line)
        assert line.count("address=") == 1


def test_a_header_spends_no_other_address_share(own_node):
    """Wrong passwords under somebody's address keep nobody out who really comes from there."""
    node = own_node(users=6, ws_listener=True, options={"auth_wrong_share": 40})
    victim = node.client(node.user())
    names, stop = itertools.count(), threading.Event()

    def guess():
        while not stop.is_set():
            c = node.client(f"nobody-{next(names)}", transport="ws",
                            headers={"X-Forwarded-For": victim.source})
            c.source = "127.0.0.3"  # where the header is not believed, one address of its own
            try:
                c.connect()
            except (Refused, AssertionError, Closed):
                pass
            finally:
                c.close()
    threads = []

    def used_up():
        """More and more of them: on a busy machine as much flows in meanwhile as a few spend."""
        threads.append(threading.Thread(target=guess, daemon=True))
        threads[-1].start()
        return wait_until(lambda: "throttled: too many wrong passwords from this address" in
                          node.broker.text(), 2)
    try:
        until(used_up, "the bound of the header")
        assert victim.connect().connected
    finally:
        stop.set()
        for t in threads:
            t.join()
