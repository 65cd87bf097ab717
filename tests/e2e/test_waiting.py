# SPDX-License-Identifier: BSD-3-Clause
"""First logins by password with Mosquitto 2.1, which lets the plugin answer later: a thread hashes while
the broker serves others. (See conftest.py: collected for 2.1 alone.)
"""
import contextlib
import signal

import pytest

from lib import build, phc, tokens
from lib import mqttwire as w
from lib.node import PASSWORD, until
from lib.raw import Closed, Raw

# Some 20 times as slow as a real one, so that much can happen while it is checked.
SLOW = phc.hash_password(PASSWORD, memory_kib=64 * 1024, passes=8)
SECRET = "x" * 32
NODE = {"options": {"allow_topic": "public/#", "jwt_secret_file": "{folder}/secret"},
        "files": {"secret": SECRET},
        "more_users": [(f"slow{n}", SLOW) for n in range(12)]}
_free = iter(range(12))
_address = iter(range(1, 255))
V = pytest.mark.parametrize("version", [w.V311, w.V5], ids=["v311", "v5"])


@pytest.fixture
def slow():
    """A user whose password takes long to check, and that nobody has used."""
    return f"slow{next(_free)}"


class Counters:
    """The plugin's, as they reach the bridge now and then."""

    def __init__(self, node):
        self.admin = node.admin()
        # The first that is new may have been taken before the last test was over, the second not.
        for _ in range(2):
            seen = self.now()["controls"]
            until(lambda seen=seen: self.now()["controls"] > seen, "newer counters")
        self.before = self.now()

    def now(self):
        return self.admin.command("getStats")["plugin"]

    def wait(self, name, more, timeout=build.DEADLINE_S):
        """Until so many more have been counted."""
        until(lambda: self.now()[name] >= self.before[name] + more, f"{more} more {name}", timeout)


def hello(user, device, password=PASSWORD, version=w.V311, **kw):
    return w.connect(device, user, password, version=version, **kw)


@contextlib.contextmanager
def coming(node, *args, version=w.V311, **kw):
    """A client that has sent CONNECT and nothing has been read of the answer. Each has an address of its
    own, or wrong passwords would use up what one may cost."""
    with Raw(node.port, version, source=f"127.77.0.{next(_address)}") as r:
        r.send(hello(*args, version=version, **kw))
        yield r


def code(r):
    return w.decode_connack(r.expect(w.CONNACK)[1], r.version)["code"]


@V
def test_nobody_waits_for_another_ones_password(node, slow, version):
    others = [node.connect(node.user()) for _ in range(2)]
    with coming(node, slow, f"{slow}-1", version=version) as r:
        for n in range(5):
            others[0].send(f"im/u/{others[1].user}", {"id": f"{slow}-{n}", "body": n})
        others[1].wait_body(f"u/{others[0].user}", 4)
        assert r.receive(0) is None, "the slow password was checked already"
        assert code(r) == 0
        r.ping()
        # From now on it is known.
        assert node.connect(slow, device=f"{slow}-2").connected


def test_a_client_id_waits_once(node, slow):
    with coming(node, slow, f"{slow}-1") as r, coming(node, slow, f"{slow}-1") as second:
        assert second.expect_closed() == []
        assert code(r) == 0


def test_a_wrong_password_keeps_nobody_out_twice(node):
    """While it is checked the broker turns the client id away; after that it is checked at once."""
    user = node.user()
    node.connect(user)  # so the right one is known, and what wrong ones cost does not matter to it

    def is_wrong():
        """Where the machine is slow, so dear that the next one may not be looked at."""
        with coming(node, user, f"{user}-1", password="wrong") as r:
            try:
                return code(r) == 5
            except Closed:
                return False
    until(is_wrong, "a wrong password that was looked at")
    with coming(node, user, f"{user}-1", password="wrong"), coming(node, user, f"{user}-1") as second:
        assert code(second) == 0


@V
def test_who_goes_meanwhile_was_never_there(node, slow, version):
    user, watcher, counters = node.user(), node.connect(node.user()), Counters(node)
    watcher.subscribe("public/#", f"im/presence/{slow}")
    for n, topic in enumerate(("public/will", f"im/u/{watcher.user}", "im/rpc", "$im/down")):
        will = {"topic": topic, "payload": b"WILL", "qos": 1, "retain": True}
        with coming(node, slow, f"{slow}-{n}", password=("wrong", PASSWORD)[n % 2],
                    version=version, will=will):
            pass
    with coming(node, slow, f"{slow}-right", version=version):
        pass
    # It was right nevertheless: whoever comes back need not wait.
    counters.wait("logins_gone", 3, 5 * build.DEADLINE_S)  # five slow ones, one after the other
    with coming(node, slow, f"{slow}-right", version=version) as r:
        r.send(w.subscribe(1, [(f"im/inbox/{slow}/#", 1)], version=version))
        assert code(r) == 0
        r.expect(w.SUBACK)
    node.connect(user).publish("public/fence", "fence")
    watcher.wait_for(lambda: any(m.topic == "public/fence" for m in watcher.messages))
    assert [m for m in watcher.messages if b"WILL" in m.payload] == []
    assert watcher.got() == []


def test_who_says_more_before_the_answer_is_asked_to_come_again(node, slow):
    """MQTT allows it; this broker ends such a connection. The next time the answer comes at once."""
    more, counters = w.subscribe(1, [(f"im/inbox/{slow}/#", 1)]), Counters(node)
    with Raw(node.port) as r:
        r.send(hello(slow, f"{slow}-1") + more)
        assert r.expect_closed() == []
    counters.wait("logins_gone", 1)
    with Raw(node.port) as r:
        r.send(hello(slow, f"{slow}-1") + more)
        assert code(r) == 0
        r.expect(w.SUBACK)


def test_a_changed_password_counts_for_those_who_wait(node, slow):
    admin = node.admin()
    with coming(node, slow, f"{slow}-1") as r:
        admin.set_password(slow, "another")
        assert code(r) == 5
    with coming(node, slow, f"{slow}-2", password="another") as r:
        assert code(r) == 0


def test_a_takeover_by_one_who_had_to_wait(node, slow):
    watcher = node.connect(node.user())
    watcher.subscribe("public/#")
    will = {"topic": "public/will", "payload": b"replaced"}
    token = tokens.token(SECRET.encode(), "HS256", tokens.claims(slow))
    with coming(node, slow, f"{slow}-1", password=token, will=will) as old:
        assert code(old) == 0
        with coming(node, slow, f"{slow}-1") as new:
            assert code(new) == 0
            old.expect_closed()
            new.ping()
    watcher.wait_for(lambda: any(m.payload == b"replaced" for m in watcher.messages))


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM], ids=["reload", "stop"])
def test_signals_while_somebody_waits(own_node, number):
    node = own_node(**NODE)
    c = node.connect(node.user())
    with contextlib.ExitStack() as stack:
        waiting = [stack.enter_context(coming(node, f"slow{n}", f"s{n}")) for n in range(6)]
        node.broker.wait_for(lambda: node.broker.text().count("connection from 127.77.") >= 6,
                             "connections")
        c.rpc("user.get")  # so their CONNECT has been read, too
        node.broker.send_signal(number)
        if number == signal.SIGHUP:
            assert [code(r) for r in waiting] == [0] * 6
            assert c.send(f"im/u/{node.user()}", {"id": "1", "body": "still here"})["seq"] == 1
        else:
            assert node.broker.wait_exit() == 0
            for r in waiting:
                r.expect_closed()


def test_the_counters_tell_who_waited(node):
    counters, user = Counters(node), node.user()
    for device in ("a", "b"):
        node.client(user, device=f"{user}-{device}").connect()
    counters.wait("logins", 2)
    now = counters.now()
    assert now["logins_later"] - counters.before["logins_later"] == 1
    assert now["logins_cached"] > counters.before["logins_cached"]
