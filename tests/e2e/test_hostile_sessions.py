# SPDX-License-Identifier: BSD-3-Clause
"""What one user can make the broker keep: subscriptions and sessions. What is taken is counted, and the
broker's memory stays flat, whatever is tried.
"""
import pytest

from lib import mqttwire as w
from lib.node import PASSWORD, until
from lib.raw import Raw

NODE = {"options": {"allow_topic": "public/#", "rate_messages": 0}}
V = pytest.mark.parametrize("version", [w.V311, w.V5], ids=["v311", "v5"])
# 1,200 filters of 16 levels are about 12 MB of the broker. 25,000 of 190 levels were 3.4 GB.
SUBSCRIPTIONS_KIB = 24 * 1024
MANY = 25000


def memory_kib(process):
    """What it has in memory now; its peak was at its start."""
    with open(f"/proc/{process.pid}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS:"))


def hash_all(node, user):
    """Whatever his logins make the broker hash: the memory for it stays with the broker."""
    def done():
        node.connect(user).close()
        return node.sql("directory", "SELECT rehashed FROM user WHERE uid = ?", user)[0][0]
    until(done, "a hash as they are made today")


def subscribe_all(r, filters, share=""):
    """How many were taken."""
    taken = 0
    for at in range(0, len(filters), 50):
        part = filters[at:at + 50]
        r.send(w.subscribe(r.mid(), [(share + f, 1) for f in part], version=r.version))
        codes = w.decode_suback(r.expect(w.SUBACK)[1], r.version)[1]
        assert len(codes) == len(part)
        taken += sum(code < 0x80 for code in codes)
        r.seen.clear()
        r.unread.clear()
    return taken


@pytest.mark.memory_limit
@V
@pytest.mark.parametrize("share", ["", "$share/g/"], ids=["own", "shared"])
def test_subscriptions_cost_the_broker_a_bounded_amount(node, version, share):
    """Many of many levels, below the own inbox and on an opened topic; then as many as are taken."""
    user = node.user()
    hash_all(node, user)
    before = memory_kib(node.broker)
    with Raw(node.port, version) as r:
        assert r.connect(f"{user}-x", user, PASSWORD, clean=False)["code"] == 0
        deep = "/x" * 180
        for base in (f"im/inbox/{user}", "public"):
            assert subscribe_all(r, [f"{base}/{n}{deep}" for n in range(MANY // 10)], share) == 0
            assert subscribe_all(r, [f"{base}/{n}" + "/+" * 190 for n in range(100)], share) == 0
        inbox = [f"im/inbox/{user}/{n}/b/c/d" for n in range(2000)]
        assert subscribe_all(r, inbox, share) == 200
        public = [f"public/{n}" + "/x" * 14 for n in range(MANY // 5)]
        assert subscribe_all(r, public, share) == 1000
        # Renewed they count once; what goes makes room.
        assert subscribe_all(r, inbox[:200] + public[:1000], share) == 1200
        r.send(w.unsubscribe(r.mid(), [share + f for f in inbox[:5] + public[:7]],
                             version=version))
        r.expect(w.UNSUBACK)
        assert subscribe_all(r, inbox[200:300], share) == 5
        assert subscribe_all(r, public[1000:1100], share) == 7
    grown = memory_kib(node.broker) - before
    print(f"broker: {grown} KiB more")
    assert grown < SUBSCRIPTIONS_KIB
    node.broker.wait_text("a filter has at most 16 levels")


def subscribe_in(node, sessions, filters_of):
    """In so many sessions of a new user, each left behind: how many are taken, and the broker's
    KiB for them."""
    user = node.user()
    hash_all(node, user)
    before = memory_kib(node.broker)
    taken = 0
    for n in range(sessions):
        with Raw(node.port) as r:
            assert r.connect(f"{user}-{n}", user, PASSWORD, clean=False)["code"] == 0
            taken += subscribe_all(r, filters_of(n))
    grown = memory_kib(node.broker) - before
    print(f"broker: {grown} KiB more for {taken} subscriptions")
    return taken, grown


@pytest.mark.memory_limit
def test_all_sessions_of_a_user_cost_the_broker_a_bounded_amount(node):
    """512 levels for each of the hundred devices that may connect, in however many sessions."""
    taken, grown = subscribe_in(
        node, 40, lambda n: [f"public/{n}/{m}" + "/x" * 13 for m in range(200)])
    assert taken == 512 * 100 // 16
    assert grown < 2 * SUBSCRIPTIONS_KIB


@pytest.mark.memory_limit
def test_long_filters_of_all_sessions_are_counted_by_their_bytes(node):
    """The 256 KiB of one session, in one session after the other: what is long counts as many levels."""
    taken, grown = subscribe_in(
        node, 100, lambda n: [f"public/{n}-{m}" + "x" * 60000 for m in range(4)])
    assert taken == 512 * 100 // (2 + 60000 // 256)
    assert grown < 2 * SUBSCRIPTIONS_KIB


@V
def test_a_session_that_has_ended_takes_no_place(node, version):
    """Each time others, in sessions that end with their connections (with MQTT 5; 2.0 does not tell)
    or begin anew: what is gone with them does not count for the next one."""
    user = node.user()
    others = []
    for n in range(210):
        with Raw(node.port, version) as r:
            assert r.connect(f"{user}-x", user, PASSWORD, clean=version == w.V311)["code"] == 0
            assert r.subscribe(f"im/inbox/{user}/answers/{n}") < 0x80
            r.send(w.disconnect())
            r.expect_closed()
        # Takes its memory at the broker, so that the next one is not seen in the same place.
        others.append(Raw(node.port))
    for other in others:
        other.close()


@V
def test_a_session_that_comes_back_is_where_it_was(own_node, version):
    """The same client renews what it has, over a restart of the broker too, and gets no more by it."""
    node = own_node(options=NODE["options"])
    user = node.user()
    inbox = [f"im/inbox/{user}/u/{n}" for n in range(300)]
    public = [f"public/{n}" for n in range(1500)]

    def come(want_inbox, want_public):
        with Raw(node.port, version) as r:
            kw = {"props": {"session_expiry_interval": 3600}} if version == w.V5 else {}
            assert r.connect(f"{user}-x", user, PASSWORD, clean=False, **kw)["code"] == 0
            assert subscribe_all(r, inbox[:200] + public[:1000]) == want_inbox + want_public
            assert subscribe_all(r, inbox[200:] + public[1000:]) == 0
            r.send(w.disconnect())
            r.expect_closed()
    come(200, 1000)
    come(200, 1000)
    node.broker.stop()
    node.start_broker()
    with Raw(node.port, version) as r:
        kw = {"props": {"session_expiry_interval": 3600}} if version == w.V5 else {}
        assert r.connect(f"{user}-x", user, PASSWORD, clean=False, **kw)["code"] == 0
        # The broker's count is all that is known: nothing new on top of it.
        assert subscribe_all(r, inbox[200:] + public[1000:]) == 0


@pytest.mark.memory_limit
@V
def test_long_filters_are_counted_by_their_bytes(node, version):
    user = node.user()
    hash_all(node, user)
    before = memory_kib(node.broker)
    with Raw(node.port, version) as r:
        assert r.connect(f"{user}-x", user, PASSWORD)["code"] == 0
        taken = 0
        for n in range(300):
            r.send(w.subscribe(r.mid(), [(f"public/{n}/" + "x" * 60000, 1)], version=version))
            taken += w.decode_suback(r.expect(w.SUBACK)[1], version)[1][0] < 0x80
        assert taken == 4
    grown = memory_kib(node.broker) - before
    print(f"broker: {grown} KiB more")
    assert grown < SUBSCRIPTIONS_KIB


@pytest.mark.memory_limit
@V
def test_sessions_left_behind_cost_the_broker_a_bounded_amount(node, version):
    """New client ids, one after the other, each to stay: 200 a day subscribe. What comes meanwhile,
    a hello for each and messages, is kept for ten of them."""
    user = node.user()
    sender = node.connect(node.user())
    before = memory_kib(node.broker)
    kw = {"props": {"session_expiry_interval": 3600}} if version == w.V5 else {}
    taken = 0
    for n in range(600):
        with Raw(node.port, version) as r:
            assert r.connect(f"{user}-{n}", user, PASSWORD, clean=False, **kw)["code"] == 0
            taken += r.subscribe(f"im/inbox/{user}/#") < 0x80
    assert taken == 200
    for n in range(300):
        sender.post(f"im/u/{user}", {"id": f"m{n}", "body": "x" * 100}, qos=0)
    sender.send(f"im/u/{user}", {"id": "last", "body": "last"})
    grown = memory_kib(node.broker) - before
    print(f"broker: {grown} KiB more")
    assert grown < SUBSCRIPTIONS_KIB
