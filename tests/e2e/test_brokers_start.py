# SPDX-License-Identifier: BSD-3-Clause
"""Several brokers under one bridge: one that starts, stops, hangs, is full or is set up wrongly is the
affair of its own clients, and the log says in one line what is wrong. Order shows it, never a time: what
the others do is over while it still hangs."""
import contextlib
import itertools
import os
import shutil
import signal
import socket

import pytest

from lib import build
from lib.between import Between
from lib.client import Client
from lib.node import PASSWORD, until
from lib.plain import Plain
from lib.tools import Imctl

BUSY = 0x97 if build.broker_version() >= (2, 1) else 0x87
OLD = 4  # the level of a plugin that cannot be one of several
_texts = itertools.count(1)


def tell(a, b):
    """A message that b hears, live; what it said. (Until b has been greeted the bridge need not know that
    it is there: its greeting says then that it is behind.)"""
    b.wait_event("hello")
    body = f"text {next(_texts)}"
    a.send(f"im/u/{b.user}", {"id": body, "body": body})
    b.wait_body(f"u/{a.user}", body)
    return body


def bodies(client, peer):
    return [m["body"] for m in client.rpc("conv.history", conv=f"u/{peer}", limit=500)["messages"]]


def state_of(process):
    with open(f"/proc/{process.pid}/stat", encoding="ascii") as f:
        return f.read().rsplit(")", 1)[1].split()[0]


def lines(process, *words):
    return [x for x in process.text(True).splitlines() if all(w in x for w in words)]


def told(admin):
    """What `imctl stats` has of each broker, by its path."""
    return {b["broker"]: b for b in admin.command("getStats")["brokers"]}


def synced(client):
    """The texts that sync brings from the beginning."""
    found, cursor = [], ""
    while True:
        page = client.rpc("sync", cursor=cursor)
        found += [m["body"] for m in page["messages"] if isinstance(m["body"], str)]
        cursor = page["cursor"]
        if not page["more"]:
            return found


# -- going and coming --

@pytest.mark.parametrize("end", ["stop", "kill"])
def test_each_of_four_goes_and_comes_while_the_others_run(own_node, end):
    node = own_node(brokers=4, users=20)
    alice, bob = node.users(2)
    there = [node.connect(bob, f"{bob}-{i}", broker=i) for i in range(4)]
    for c in there:
        c.wait_event("hello")
    said = []
    for i in range(4):
        others = [j for j in range(4) if j != i]
        a = node.connect(alice, f"{alice}-{i}", broker=others[0])
        getattr(node.brokers[i], end)()
        node.bridge.wait_text(f"link_lost broker={node.brokers[i].link}")
        for n in range(5):
            said.append(tell(a, there[others[-1]]))
            there[others[1]].wait_body(f"u/{alice}", said[-1])
        assert all(there[j].connected for j in others)
        node.start_broker(i)
        node.wait_served(i)
        there[i] = node.connect(bob, f"{bob}-{i}", broker=i)
        assert bodies(there[i], alice) == said
        said.append(tell(a, there[i]))
        a.close()


def test_two_of_four_are_away_and_come_back_in_another_order(own_node):
    node = own_node(brokers=4, users=10)
    alice, bob = node.users(2)
    a, b = node.connect(alice, broker=0), node.connect(bob, broker=3)
    node.kill_broker(1)
    node.stop_broker(2)
    said = [tell(a, b) for _ in range(5)]
    for i in (2, 1):
        node.start_broker(i)
        node.wait_served(i)
        c = node.connect(bob, f"{bob}-{i}", broker=i)
        assert bodies(c, alice) == said
        said.append(tell(a, c))


def test_the_bridge_comes_back_and_takes_in_what_waited_at_each(own_node):
    node = own_node(brokers=4, users=10)
    alice, bob = node.users(2)
    a = [node.connect(alice, f"{alice}-{i}", broker=i) for i in range(4)]
    b = [node.connect(bob, f"{bob}-{i}", broker=i) for i in range(4)]
    said = [tell(a[i], b[(i + 1) % 4]) for i in range(4)]
    for end in (node.bridge.kill, node.bridge.stop):
        end()
        for i in range(4):
            said.append(f"text {next(_texts)}")
            assert a[i].publish(f"im/u/{bob}", {"id": said[-1], "body": said[-1]}) == 0
        node.start_bridge()
        # Live, or by sync where a session was not known yet.
        until(lambda: all(sorted(synced(c)) == sorted(said) for c in b), "all that was sent")
        for c in b:
            said.append(tell(a[0], c))
            assert len(c.bodies(f"u/{alice}")) == len(set(c.bodies(f"u/{alice}")))
    # In one order for all, and nothing twice.
    kept = synced(b[0])
    assert sorted(kept) == sorted(said)
    for c in b:
        assert synced(c) == bodies(c, alice) == kept


def test_the_bridge_may_be_there_before_any_broker(own_node):
    node = own_node(brokers=3, users=10)
    node.stop()
    node.bridge.start()
    for broker in node.brokers:
        node.bridge.wait_text(f"link_waits broker={broker.link}")
    alice, bob = node.users(2)
    came = []
    for i in (2, 0, 1):
        node.start_broker(i)
        node.wait_served(i)
        came.append(node.connect(bob, f"{bob}-{i}", broker=i))
        a = node.connect(alice, f"{alice}-{i}", broker=i)
        for b in came:
            tell(a, b)


@pytest.fixture
def service_manager(tmp_path):
    """What systemd would be told."""
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.bind(str(path))
        s.settimeout(build.DEADLINE_S)
        yield path, lambda: s.recv(4096).decode().splitlines()


def test_systemd_hears_that_it_is_ready_with_one_broker_away(own_node, service_manager):
    path, hear = service_manager
    node = own_node(brokers=2, users=5)
    node.stop()
    node.bridge.env["NOTIFY_SOCKET"] = str(path)
    node.bridge.start()
    for broker in node.brokers:
        node.bridge.wait_text(f"link_waits broker={broker.link}")
    # Not before: the first thing that it hears comes when there is one.
    node.start_broker(1)
    assert "READY=1" in hear()
    assert lines(node.bridge, "info ready")
    assert not node.broker.running and not lines(node.bridge, f"linked broker={node.broker.link}")
    node.wait_served(1)
    node.bridge.stop()
    said = hear()
    while "STOPPING=1" not in said:
        assert "READY=1" not in said
        said = hear()


# -- hanging and full --

def test_a_broker_that_hangs_holds_up_its_own_clients_alone(own_node):
    node = own_node(brokers=2, users=20, options={"rate_messages": 0, "rate_bytes": 0})
    alice, bob, carol = node.users(3)
    a, b = node.connect(alice, broker=0), node.connect(bob, f"{bob}-0", broker=0)
    hung = [node.connect(u, f"{u}-1", broker=1) for u in (bob, carol)]
    gid = node.group(a, [bob, carol])
    before = [tell(a, hung[0])]
    broker = node.brokers[1]
    broker.send_signal(signal.SIGSTOP)
    try:
        until(lambda: state_of(broker) == "T", "stopped broker")
        # Far more than any window or frame: each is stored, acked, and heard by who is elsewhere.
        for n in range(200):
            a.post(f"im/u/{bob}", {"id": f"d{n}", "body": f"d{n}"})
            a.post(f"im/g/{gid}", {"id": f"g{n}", "body": f"g{n} " + "x" * 2000})
        a.wait_for(lambda: len([x for x in a.acks() if x["id"][0] in "dg"]) == 400)
        b.wait_for(lambda: len([x for x in b.bodies(f"u/{alice}") if x[0] == "d"]) == 200)
        b.wait_for(lambda: len([x for x in b.got(f"g/{gid}") if x["type"] == "text"]) == 200)
        # Requests, commands, and those who come and go now.
        assert len(bodies(b, alice)) == 201
        # It is asked, and says nothing.
        admin = node.admin()
        until(lambda: not told(admin)[str(broker.link)]["linked"], "broker that is not linked")
        states = told(admin)
        assert states[str(broker.link)]["silent_ms"] >= 10000
        assert states[str(node.brokers[0].link)]["linked"]
        with node.client(carol, f"{carol}-0", broker=0) as late:
            tell(a, late.inbox())
        assert state_of(broker) == "T" and not any("d0" in c.bodies(f"u/{alice}") for c in hung)
    finally:
        broker.send_signal(signal.SIGCONT)
    # It goes on where it was: what was sent meanwhile comes live, or by sync.
    node.wait_served(1)
    until(lambda: told(admin)[str(broker.link)]["linked"], "broker that is linked again")
    again = node.connect(bob, f"{bob}-late", broker=1)
    assert bodies(again, alice) == before + [f"d{n}" for n in range(200)]
    tell(a, again)
    for c in hung:
        if not c.connected:
            c.connect().inbox()
    direct = before + [f"d{n}" for n in range(200)]
    until(lambda: [x for x in synced(hung[0]) if x[0] in "td"][:201] == direct, "what it has missed")


def test_a_bridge_stops_though_a_broker_hangs(own_node):
    node = own_node(brokers=2, users=5)
    alice, bob = node.users(2)
    a, b = node.connect(alice, broker=0), node.connect(bob, broker=0)
    c = node.connect(bob, f"{bob}-1", broker=1)
    node.brokers[1].send_signal(signal.SIGSTOP)
    try:
        said = tell(a, b)
        assert node.bridge.stop() == 0
        node.bridge.start()
        node.wait_served(0)
        tell(a, b)
    finally:
        node.brokers[1].send_signal(signal.SIGCONT)
    node.wait_served(1)
    until(lambda: said in synced(c), "what was sent meanwhile")


def elsewhere(node, i=1):
    """The broker of that index has another data_dir: a copy, with another secret."""
    broker = node.brokers[i]
    folder = broker.folder / "data"
    shutil.copytree(node.data, folder)
    (folder / "link.secret").write_bytes(os.urandom(32))
    broker.extra["data_dir"] = folder
    broker.write_conf()
    return folder


def test_a_full_spool_refuses_its_own_clients_alone(own_node):
    """Nobody takes anything away from it: its plugin has another secret."""
    node = own_node(brokers=2, users=5, options={"spool_size": "1M", "rate_messages": 0,
                                                 "rate_bytes": 0})
    alice, bob = node.users(2)
    node.stop_broker(1)
    elsewhere(node)
    node.start_broker(1)
    node.bridge.wait_text(f"link_refused broker={node.brokers[1].link}")
    full = node.client(bob, f"{bob}-full", broker=1, v5=True).connect()
    taken = 0
    while (code := full.publish(f"im/u/{alice}", {"id": f"f{taken}", "body": "x" * 60000})) < 0x80:
        taken += 1
    assert taken and code == BUSY
    a, b = node.connect(alice, broker=0), node.connect(bob, f"{bob}-0", broker=0)
    for _ in range(5):
        tell(a, b)
        tell(b, a)
    # With the right secret it is linked, and what it had taken is stored.
    (node.brokers[1].folder / "data" / "link.secret").write_bytes(
        (node.data / "link.secret").read_bytes())
    a.wait_for(lambda: len([m for m in a.got(f"u/{bob}") if m["id"].startswith("f")]) == taken)
    assert full.connected


# -- set up wrongly --

def test_a_broker_with_another_data_dir_is_named_and_the_others_go_on(own_node):
    node = own_node(brokers=3, users=5)
    a, b = node.connect(node.user(), broker=0), node.connect(node.user(), broker=2)
    wrong = node.brokers[1]
    node.stop_broker(1)
    elsewhere(node)
    node.start_broker(1)
    line = node.bridge.wait_text(f"link_refused broker={wrong.link} ")
    assert f"another data_dir or link.secret than {node.data}" in line
    assert f"the plugin reads it in {wrong.folder}/data/link.secret" in wrong.wait_text(
        "the password is not the link's secret")
    tell(a, b)
    assert not told(node.admin())[str(wrong.link)]["linked"]
    # Put right, it is taken in without a restart of anything else.
    del wrong.extra["data_dir"]
    wrong.write_conf()
    wrong.stop()
    node.start_broker(1)
    node.wait_served(1)
    tell(a, node.connect(b.user, f"{b.user}-1", broker=1))
    assert len(lines(node.bridge, "link_refused")) == 1 and a.connected and b.connected


def test_a_broker_with_another_topic_prefix_is_named_and_served(own_node):
    node = own_node(brokers=3, users=5)
    a, b = node.connect(node.user(), broker=0), node.connect(node.user(), broker=2)
    other = node.brokers[1]

    def restart(prefix):
        node.stop_broker(1)
        other.extra["topic_prefix"] = prefix
        other.write_conf()
        node.start_broker(1)
    restart("zz")
    line = node.bridge.wait_text(f"topic_prefix_differs broker={other.link} ")
    assert f'topic_prefix="zz" first={node.broker.link} first_prefix="im"' in line
    user = node.user()
    with Client(other.port, user, password=PASSWORD, prefix="zz").connect().inbox() as c:
        tell(a, c)
        c.send(f"zz/u/{a.user}", {"id": "1", "body": "by another topic"})
        a.wait_body(f"u/{user}", "by another topic")
    tell(a, b)
    # It is said once, and by imctl; and when it is wrong once more.
    row = next(x.split() for x in Imctl.of(node).ok("stats").splitlines() if "topic_prefix" in x)
    assert row == ["topic_prefix", "im", "zz", "im"]
    restart(None)
    node.wait_served(1)
    until(lambda: told(node.admin())[str(other.link)]["plugin"]["topic_prefix"] == "im", "its own")
    tell(b, node.connect(user, broker=1))
    assert len(lines(node.bridge, "topic_prefix_differs")) == 1 and a.connected and b.connected
    restart("zz/2")
    node.bridge.wait_for(lambda: len(lines(node.bridge, "topic_prefix_differs")) == 2, "second line")
    assert 'topic_prefix="zz/2"' in lines(node.bridge, "topic_prefix_differs")[1]


def test_a_plugin_of_an_earlier_version_is_named_and_the_others_go_on(own_node):
    """What its clients send waits in its spool, and is stored when the broker has the new one."""
    node = own_node(brokers=3, users=5)
    node.bridge.stop()
    path = node.folder / "older.sock"
    wrong = Between(path, node.brokers[1], OLD)
    with contextlib.closing(wrong):
        node.bridge_options["broker"] = [node.link, path, node.brokers[2].link]
        node.write_bridge_conf()
        node.bridge.start()
        line = node.bridge.wait_text(f"plugin_too_old broker={path} ")
        assert f"plugin_level={OLD} " in line and "restart the broker" in line
        for i in (0, 2):
            node.wait_served(i)
        a, b = node.connect(node.user(), broker=0), node.connect(node.user(), broker=2)
        c = node.connect(node.user(), broker=1)
        assert c.publish(f"im/u/{a.user}", {"id": "w", "body": "waits"}) == 0
        said = [tell(a, b) for _ in range(5)]
        tell(b, a)
        a.post(f"im/u/{c.user}", {"id": "x", "body": "for later"})
        a.wait_ack_of("x")
        states = told(node.admin())
        assert not states[str(path)]["linked"] and states[str(node.link)]["linked"]
        assert a.bodies(f"u/{c.user}") == [] and bodies(b, a.user)[:-1] == said
        # It is asked again whenever it is linked, and that is said once.
        wrong.cut()
        node.bridge.wait_for(lambda: len(lines(node.bridge, f"linked broker={path}")) == 2, "link")
        tell(a, b)
        wrong.level = None
        wrong.cut()
        node.wait_served(1)
        a.wait_body(f"u/{c.user}", "waits")
        assert bodies(c, a.user) == ["for later", "waits"]
        tell(a, c)
        assert len(lines(node.bridge, "plugin_too_old")) == 1


def test_a_second_broker_on_one_spool_does_not_start_and_the_first_goes_on(own_node):
    node = own_node(brokers=2, users=5)
    a, b = node.connect(node.user()), node.connect(node.user())
    second = node.brokers[1]
    second.stop()
    second.extra["spool_file"] = node.broker.spool
    second.write_conf()
    second.start()
    assert second.wait_exit(expected=range(1, 256)) > 0
    assert lines(second, f"spool file {node.broker.spool} is in use by another process",
                 "set plugin_opt_spool_file")
    tell(a, b)
    second.extra.clear()
    second.write_conf()
    node.start_broker(1)
    node.wait_served(1)
    tell(a, node.connect(b.user, f"{b.user}-1", broker=1))


def test_a_path_where_no_plugin_is_is_nobodys_trouble(own_node):
    node = own_node(brokers=2, users=5)
    node.stop()
    paths = [f"{node.folder}/{name}.sock" for name in ("plain", "none", "mute")]
    plain = Plain(conf=["allow_anonymous true", f"listener 0 {paths[0]}"])
    with contextlib.closing(plain), socket.socket(socket.AF_UNIX) as mute:
        plain.start()
        mute.bind(paths[2])
        mute.listen()
        node.bridge_options["broker"] = [*paths, node.link]
        node.write_bridge_conf()
        node.start_broker(0)
        node.bridge.start()
        mute.accept()[0].close()
        for path in paths[1:]:
            node.bridge.wait_text(f"link_waits broker={path}")
        node.wait_served(0)
        tell(node.connect(node.user()), node.connect(node.user()))
        assert {k: b["linked"] for k, b in told(node.admin()).items()} == {
            **dict.fromkeys(paths, False), str(node.link): True}


def lists_with_one_twice(node):
    """(brokers, what is said)"""
    other = node.folder / "other-name.sock"
    other.unlink(missing_ok=True)
    other.symlink_to(node.link)
    folder = node.folder / "other-folder"
    if not folder.exists():
        folder.symlink_to(node.folder)
    one, two = node.brokers[0].link, node.brokers[1].link
    alias = folder / one.name
    yield [one, two, one], f"broker {one} is given twice"
    yield [one, two, other], f"broker {one} and broker {other} are one and the same"
    yield [one, two, alias], f"broker {one} and broker {alias} are one and the same"
    yield ([one, two, one, alias, two],
           f"broker {one} is given twice; broker {one} and broker {alias} are one and the same; "
           f"broker {two} is given twice")


def too_many(node):
    return ([f"/run/{i}.sock" for i in range(9)],
            f"{node.folder}/im-bridge.conf:10: broker is given more than 8 times, which is the most; "
            "leave this one out")


@pytest.mark.parametrize("reload", [False, True], ids=["start", "reload"])
def test_a_broker_that_is_given_twice_is_named_and_served_once(own_node, reload):
    node = own_node(brokers=2, users=20)
    paths = [str(broker.link) for broker in node.brokers]
    a, b = node.connect(node.user(), broker=0), node.connect(node.user(), broker=1)
    for twice, said in lists_with_one_twice(node):
        node.bridge_options["broker"] = twice
        if reload:
            node.reload_bridge()
        else:
            node.bridge.stop()
            node.write_bridge_conf()
            node.start_bridge()
        node.bridge.wait_text(f'why="{said}" what="served once, by the first of them')
        tell(a, b)
        tell(b, a)
        assert list(told(node.admin())) == paths and a.connected and b.connected
    # At a reload nothing has changed by it.
    assert not lines(node.bridge, "reload_")


def test_a_list_that_is_too_long_is_refused_at_a_reload_and_all_go_on(own_node):
    node = own_node(brokers=2, users=5)
    a, b = node.connect(node.user(), broker=0), node.connect(node.user(), broker=1)
    right = [broker.link for broker in node.brokers]
    node.bridge_options["broker"], said = too_many(node)
    node.write_bridge_conf()
    node.bridge.send_signal(signal.SIGHUP)
    line = node.bridge.wait_text("reload_refused")
    assert said in line and "the old configuration stays" in line
    tell(a, b)
    # One that is right takes a restart, and that is said, too.
    node.reload_bridge(broker=[*right, node.folder / "third.sock"])
    node.bridge.wait_text('reload_incomplete keys="broker"')
    tell(b, a)
    node.reload_bridge(broker=right)
    assert len(lines(node.bridge, "reload_incomplete")) == 1


def test_a_list_that_is_too_long_keeps_the_bridge_from_starting(own_node):
    node = own_node(brokers=2, users=5)
    node.bridge.stop()
    node.bridge_options["broker"], said = too_many(node)
    node.write_bridge_conf()
    node.bridge.start()
    assert node.bridge.wait_exit(expected=range(1, 256)) > 0
    assert said in node.bridge.text(True)
    del node.bridge_options["broker"]
    node.write_bridge_conf()
    node.start_bridge()


# -- what an operator sees --

def test_stats_are_of_each_broker(own_node):
    node = own_node(brokers=2, users=10)
    admin = node.admin()
    for _ in range(3):
        node.connect(node.user(), broker=1)
    first, second = (str(b.link) for b in node.brokers)

    def sessions():
        now = told(admin)
        return {k: (b["linked"], (b["plugin"] or {}).get("sessions_online")) for k, b in now.items()}
    until(lambda: sessions()[second] == (True, 3), "what the second one has told")
    stats = admin.command("getStats")
    assert [b["broker"] for b in stats["brokers"]] == [first, second]
    assert stats["plugin"] == stats["brokers"][0]["plugin"]
    text = Imctl.of(node).ok("stats").splitlines()
    table = [x.split() for x in text[text.index("brokers:") + 1:]][:3]
    assert table[0] == ["number", "linked", "silent_ms", "broker"]
    assert [(x[1], x[3]) for x in table[1:]] == [("yes", first), ("yes", second)]
    row = next(x.split() for x in text if x.startswith("sessions_online"))
    assert len(row) == 3 and row[2] == "3"
    node.stop_broker(1)
    node.bridge.wait_text(f"link_lost broker={second}")
    assert not told(admin)[second]["linked"] and told(admin)[first]["linked"]


def test_of_one_broker_stats_are_as_ever(own_node):
    node = own_node(users=3)
    assert [b["broker"] for b in node.admin().command("getStats")["brokers"]] == [str(node.link)]
    text = Imctl.of(node).ok("stats")
    assert "brokers" not in text and "\nplugin:\n" in text


def test_imctl_administers_by_any_of_them(own_node):
    node = own_node(brokers=3, users=5)
    for i in range(3):
        node.stop_broker((i + 1) % 3)
        admin = node.admin(i)
        name = admin.create_user(f"made-at-{i}")
        node.start_broker((i + 1) % 3)
        node.wait_served((i + 1) % 3)
        for j in range(3):
            assert node.connect(name, f"{name}-{j}", password="pw", broker=j).rpc("user.get")["uid"] == name
