# SPDX-License-Identifier: BSD-3-Clause
"""Broken packets, floods, storms and guesses from one client, while two bystanders talk. Everything
of theirs is acked and delivered in order, and neither process ends, loses the link or grows without
bound. How long their messages took is printed, not judged.
"""
import contextlib
import itertools
import json
import os
import random
import statistics
import threading
import time

import pytest

from lib import build, hostile, phc, tokens
from lib import mqttwire as w
from lib.client import Refused
from lib.node import PASSWORD, until
from lib.raw import Closed, Raw
from lib.storm import Storm
from test_acl_matrix import PUBLISH

# More than two bystanders can say, less than a flood.
NODE = {"options": {"allow_topic": "public/#", "rate_messages": 1000}}
ATTACKER = "127.0.0.2"
MEMORY_KIB_MAX = 400 * 1024
LAPS_MIN = 20
MINUTES = float(os.environ.get("HOSTILE_MINUTES") or 0)
SEED = int(os.environ.get("HOSTILE_SEED") or 1)
V = pytest.mark.parametrize("version", [w.V311, w.V5], ids=["v311", "v5"])


class Bystanders(threading.Thread):
    """One writes to the other, waits for the ack and the delivery, and starts again."""

    def __init__(self, node):
        super().__init__(daemon=True)
        alice, bob = node.users(2)
        self.a, self.b = node.connect(alice), node.connect(bob)
        self.over = threading.Event()
        self.changed = threading.Condition()
        self.acked, self.took_ms, self.failure = [], [], None

    @staticmethod
    def next_of(client, tail, have, matches):
        """The first message on one inbox topic after the first `have` of all that matches."""
        return client.wait_for(lambda: next(
            (m.json for m in client.messages[have:]
             if m.topic == client.base + tail and matches(m.json)), None), what=f"next {tail}")

    def lap(self, n):
        a, b, name = self.a, self.b, f"by{n}"
        have_a, have_b = len(a.messages), len(b.messages)
        start = time.monotonic()
        assert a.publish(f"im/u/{b.user}", {"id": name, "body": n}) == 0
        got = self.next_of(b, f"u/{a.user}", have_b, lambda m: m["id"] == name)
        self.took_ms.append((time.monotonic() - start) * 1000)
        acks = self.next_of(a, "ack", have_a, lambda m: any(x["id"] == name for x in m))
        assert [x["seq"] for x in acks if x["id"] == name] == [got["seq"]] == [n]
        with self.changed:
            self.acked.append(n)
            self.changed.notify_all()

    def run(self):
        try:
            n = 1
            while not self.over.is_set() or n <= LAPS_MIN:
                self.lap(n)
                n += 1
        except BaseException as e:  # noqa: BLE001  told by the thread that joins
            self.failure = e

    def finish(self, node):
        self.over.set()
        self.join()
        if self.failure:
            raise self.failure
        came = [m["seq"] for m in self.b.got(f"u/{self.a.user}")]
        delivered = sorted(set(came))
        # Nothing comes twice, unless a process was held up for so long that a part of the link was
        # taken for lost and sent again; the receiver knows it by its seq.
        if came != delivered:
            assert "frames_unreturned" in node.bridge.text() or "link stalled" in \
                node.broker.text(), came
            print(f"bystander: {len(came) - len(delivered)} messages again")
            assert list(dict.fromkeys(came)) == delivered
        assert delivered == self.acked == list(range(1, len(self.acked) + 1))
        assert [m["seq"] for m in self.b.history(f"u/{self.a.user}")] == delivered
        assert self.a.connected and self.b.connected
        print("bystander:", self.times())

    def times(self):
        took = sorted(self.took_ms)
        return (f"{len(took)} messages, p50 {statistics.median(took):.1f} ms, "
                f"p99 {took[len(took) * 99 // 100]:.1f} ms, max {took[-1]:.1f} ms")


def memory_kib(process):
    with open(f"/proc/{process.pid}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmHWM:"))


def link_logins(node):
    return sum(" as $im/" in line for line in node.broker.text().splitlines())


@pytest.fixture
def bystanders(node):
    """Talking during the whole test; afterwards nothing of theirs is missing."""
    with talking(node) as by:
        yield by


@contextlib.contextmanager
def talking(node):
    pids = node.broker.pid, node.bridge.pid
    links = link_logins(node)
    by = Bystanders(node)
    by.start()
    try:
        yield by
    finally:
        by.over.set()
    by.finish(node)
    assert node.broker.running and node.bridge.running
    assert (node.broker.pid, node.bridge.pid) == pids
    assert links > 0 and link_logins(node) == links, "the link was lost"
    for process in (node.broker, node.bridge):
        assert memory_kib(process) < build.MEMORY * MEMORY_KIB_MAX, process.name


@contextlib.contextmanager
def attacker(node, version=w.V311, user=None, device=None, **kw):
    user = user or node.user()
    with Raw(node.port, version, source=ATTACKER) as r:
        assert r.connect(device or f"{user}-x", user, PASSWORD, **kw)["code"] == 0
        yield r


def known(node, version=w.V311):
    """A user whose password is remembered, so that every login is answered at once: 2.1 ends a
    connection that sends more than CONNECT before it has its answer."""
    user = node.user()
    node.client(user, v5=version == w.V5).connect().close()
    return user


# -- broken packets --

@V
@pytest.mark.parametrize("seed", [1, 2])
def test_mutated_sessions(node, bystanders, version, seed):
    """A thousand short connections whose packets have been spoiled somewhere."""
    rnd = random.Random(seed * 100 + version)
    user, victim = known(node, version), bystanders.b
    answered = refused = 0
    for n in range(1000):
        session = hostile.session(rnd, version, user, PASSWORD, f"{user}-m{n % 7}",
                                  [f"im/u/{victim.user}", "public/x", f"im/inbox/{user}/#",
                                   f"im/inbox/{victim.user}/#", "im/rpc/user.get", "$im/up",
                                   f"$share/g/im/inbox/{user}/#", "im/room/+"])
        came = hostile.deliver(node.port, version, session, ATTACKER)
        kinds = {kind for kind, _, _ in came}
        answered += w.CONNACK in kinds
        refused += w.CONNACK not in kinds
        # Nothing that a stranger may hear has been heard.
        assert not any(kind == w.PUBLISH and f"im/inbox/{victim.user}".encode() in body
                       for kind, _, body in came), (seed, n)
    assert answered and refused


def test_noise(node, bystanders):
    """Bytes that are no MQTT at all, and packets that say to be longer than they are."""
    rnd = random.Random(3)
    for n in range(300):
        noise = rnd.randbytes(rnd.randrange(1, 300))
        hostile.deliver(node.port, w.V311, noise, ATTACKER)
    for kind in range(16):
        for flags in (0, 2, 15):
            for body in (b"", b"\x00", b"\xff" * 4):
                hostile.deliver(node.port, w.V311, w.packet(kind, flags, body), ATTACKER)
                hostile.deliver(node.port, w.V5, w.connect("x", version=w.V5)
                                + w.packet(kind, flags, body), ATTACKER)


@V
def test_every_packet_cut_at_every_byte(node, bystanders, version):
    user = known(node, version)
    props = {"user_property": [("a", "b")], "topic_alias": 1} if version == w.V5 else None
    hello = w.connect(f"{user}-c", user, PASSWORD, version=version)
    for whole in (w.publish("im/u/nobody", b"{}", qos=1, mid=1, version=version, props=props),
                  w.subscribe(2, [("im/inbox/x/#", 1), ("#", 2)], version=version),
                  w.unsubscribe(3, ["#"], version=version)):
        for cut in range(1, len(whole)):
            came = hostile.deliver(node.port, version, hello + whole[:cut], ATTACKER)
            assert w.CONNACK in {kind for kind, _, _ in came}


def test_half_a_packet_holds_nobody_up(node, bystanders):
    """Fifty connections that begin a large packet and never end it."""
    user = node.user()
    with contextlib.ExitStack() as stack:
        for n in range(50):
            r = stack.enter_context(attacker(node, user=user, device=f"{user}-h{n}"))
            r.send(w.publish("im/u/nobody", b"x" * 60000, qos=1, mid=1)[:-1])
        for _ in range(50):
            stack.enter_context(Raw(node.port, source=ATTACKER))  # says nothing at all
        have = len(bystanders.acked)
        until(lambda: len(bystanders.acked) >= have + LAPS_MIN or bystanders.failure, "laps")


# -- floods --

FLOODS = {
    "messages": lambda by: w.publish(f"im/u/{by.b.user}", b"flood"),
    "signals": lambda by: w.publish(f"im/s/u/{by.b.user}", b"flood"),
    "requests": lambda by: w.publish("im/rpc/user.get", b"{}"),
    "denied": lambda by: w.publish(f"im/inbox/{by.b.user}/event", b"flood"),
    "strangers": lambda by: w.publish("im/u/nobody", b"flood"),
    "link": lambda by: w.publish("$im/up", b"IM\x01\x10flood"),
    "pings": lambda by: w.PING,
    "unacked": lambda by: w.publish("public/x", b"flood", qos=2, mid=7),
}


@pytest.mark.parametrize("kind", FLOODS)
def test_a_flood(node, bystanders, kind):
    """Ten thousand packets as fast as they can be written, the answers read at the end."""
    with attacker(node) as r:
        data = FLOODS[kind](bystanders) * 100
        reader = threading.Thread(target=hostile.drain, args=(r, ), daemon=True)
        reader.start()
        try:
            for _ in range(100):
                r.send(data)
            r.send(w.disconnect())
        except Closed:
            pass  # the broker may end such a connection
        reader.join()


def test_a_flood_to_one_who_never_acknowledges(node, bystanders):
    """An inbox that nobody empties: 2000 messages to a client that takes them and says nothing."""
    lazy = node.user()
    with attacker(node, user=lazy, clean=False) as r:
        assert r.subscribe(f"im/inbox/{lazy}/#") < 0x80
        sender = node.connect(node.user())
        for n in range(2000):
            sender.post(f"im/u/{lazy}", {"id": f"z{n}", "body": n}, qos=0)
        sender.send(f"im/u/{lazy}", {"id": "last", "body": "last"})
    assert "last" in [m["id"] for m in sender.history(f"u/{lazy}")]


# -- subscriptions --

@V
def test_a_storm_of_subscriptions(node, bystanders, version):
    """A thousand filters in one packet, and a thousand packets with one."""
    user = node.user()
    filters = [f"im/inbox/{user}/u/{n}" for n in range(200)]
    filters += [f"public/{n}/+/#" for n in range(300)]
    filters += [f"im/inbox/{user}/g/{n}" for n in range(200)]
    filters += [f"im/inbox/{bystanders.b.user}/u/{n}" for n in range(300)]
    with attacker(node, version, user) as r:
        r.send(w.subscribe(1, [(f, 1) for f in filters], version=version))
        mid, codes = w.decode_suback(r.expect(w.SUBACK)[1], version)
        assert mid == 1 and [code < 0x80 for code in codes] == [True] * 500 + [False] * 500
        r.send(b"".join(w.subscribe(2, [(f, 1)], version=version) for f in filters))
        for f in filters:
            w.decode_suback(r.expect(w.SUBACK)[1], version)
        r.send(w.unsubscribe(3, filters, version=version))
        r.expect(w.UNSUBACK)
        r.ping()
        assert [p for p in r.seen if p[0] == w.PUBLISH] == []


@V
@pytest.mark.parametrize("topic", [
    "public/" + "x" * 60000, "public" + "/x" * 190, "public" + "/+" * 190, "public" + "/" * 65000,
    "im/inbox/{me}/" + "x" * 60000, "im/inbox/{me}" + "/+" * 150, "im/u/" + "x" * 65000,
    "$share/" + "g" * 60000 + "/public/#", "$share/g/" + "x/" * 30000, "$share//public", "$share/g",
    "public/#/x", "public/x+", "", "public/\x01", "$im/" + "x" * 60000,
], ids=lambda t: f"{len(t)}-{t[:20]!r}")
def test_a_topic_out_of_all_proportion(node, bystanders, version, topic):
    """As a filter and as a name: answered, or the connection ends. It costs nobody else a thing."""
    user = known(node, version)
    topic = topic.replace("{me}", user)
    for data in (w.subscribe(1, [(topic, 1)], version=version),
                 w.publish(topic, b"x", qos=1, mid=1, version=version, retain=True),
                 w.publish(topic, b"x", qos=2, mid=2, version=version),
                 w.unsubscribe(3, [topic], version=version)):
        hello = w.connect(f"{user}-t", user, PASSWORD, version=version)
        came = hostile.deliver(node.port, version, hello + data + w.PING, ATTACKER)
        assert came[0][0] == w.CONNACK and came[0][2][1] == 0


# -- client ids --

@V
def test_takeover_of_a_strangers_connection(node, bystanders, version):
    user = node.user()
    for client in (bystanders.a, bystanders.b):
        for _ in range(50):
            with Raw(node.port, version, source=ATTACKER) as r:
                assert r.connect(client.device, user, PASSWORD)["code"] != 0
            assert client.connected


def takeovers(node, version, user, will, subscribes):
    """Connections with one client id, each while the one before is there; only those that come in."""
    for n in range(100):
        r = Raw(node.port, version, source=ATTACKER)
        try:
            if r.connect(f"{user}-one", user, PASSWORD, will=will, clean=n % 3 == 0)["code"] != 0:
                raise Closed
        except Closed:
            r.close()
            continue
        if subscribes:
            assert r.subscribe(f"im/inbox/{user}/#") < 0x80
        yield r


@V
@pytest.mark.parametrize("subscribes", [True, False])
def test_takeover_of_the_own_connection_over_and_over(node, bystanders, version, subscribes):
    """With its will, and with an inbox: then five times, and who is there stays. Whoever has not heard
    that it is in may come again. The last one stands."""
    user = node.user()
    will = {"topic": f"im/u/{bystanders.b.user}", "payload": b"will", "qos": 1}
    with contextlib.ExitStack() as stack:
        came = [stack.enter_context(r)
                for r in takeovers(node, version, user, will, subscribes)]
        assert 6 <= len(came) < 100 if subscribes else len(came) == 100
        r = came[-1]
        assert r.subscribe(f"im/inbox/{user}/#") < 0x80
        r.ping()
        assert bystanders.a.publish(f"im/u/{user}", {"id": "to-the-last", "body": "you"}) == 0
        r.message(lambda m: b"to-the-last" in m["payload"])


# -- topic aliases --

ALIASES = {
    "zero": [("public/x", 0)], "above": [("public/x", 65535)], "unknown": [("", 3)],
    "empty": [("", None)],
}


@pytest.mark.parametrize("case", ALIASES)
def test_a_bad_alias_ends_the_connection(node, bystanders, case):
    for qos in (0, 1, 2):
        with attacker(node, w.V5) as r:
            for topic, alias in ALIASES[case]:
                props = {} if alias is None else {"topic_alias": alias}
                r.publish(topic, b"x", qos=qos, props=props)
            came = r.expect_closed()
            assert w.PUBACK not in {k for k, _, _ in came}


def test_an_alias_gives_no_right(node, bystanders):
    """Judged by the topic it stands for, each time."""
    mine, theirs = f"im/u/{bystanders.b.user}", f"im/inbox/{bystanders.b.user}/event"
    with attacker(node, w.V5) as r:
        for topic, alias, allowed in [
                ("public/x", 1, True), ("", 1, True), (theirs, 1, False), ("", 1, False),
                (mine, 2, True), ("", 2, True), ("$im/down", 2, False), ("", 2, False),
                ("public/y", 2, True), ("", 2, True), ("", 1, False)]:
            mid = r.publish(topic, b"alias", qos=1, props={"topic_alias": alias})
            assert (r.puback(mid) < 0x80) == allowed, (topic, alias)
    bystanders.b.wait_for(lambda: len(hostile.bodies(bystanders.b, "alias")) == 2)


# -- wills --

@V
@pytest.mark.parametrize("retain", [False, True], ids=["plain", "retained"])
def test_wills_on_every_topic_form(node, bystanders, version, retain):
    user, other = known(node, version), node.user()
    names = dict(alice=user, ben=other, dan=bystanders.a.user, eve=bystanders.b.user, ours="g",
                 hall="h", theirs="t", their_hall="r")
    listener = node.connect(other)
    listener.subscribe("public/#")
    topics = [topic.format(**names) for topic, _ in PUBLISH]
    topics += ["im/u/" + "x" * 60000, "a" + "/b" * 300, "im/u/+", "#", "im/u/\x7f", ""]
    for n, topic in enumerate(topics):
        will = {"topic": topic, "payload": b"WILL", "qos": n % 3, "retain": retain}
        hello = w.connect(f"{user}-w", user, PASSWORD, version=version, will=will)
        came = hostile.deliver(node.port, version, hello, ATTACKER)
        assert all(kind in (w.CONNACK, w.DISCONNECT) for kind, _, _ in came)
    # What is allowed arrives as what it is; nothing is heard on the inbox but messages.
    public = {t for t in topics if t == "public" or t.startswith("public/")}
    inbox = {f"im/inbox/{other}/u/{user}", f"im/inbox/{other}/signal/{user}"}
    listener.wait_for(lambda: public | inbox <= {m.topic for m in list(listener.messages)
                                                 if b"WILL" in m.payload})
    heard = {m.topic for m in listener.messages if m.payload == b"WILL"}
    assert heard == public
    assert {m.topic for m in listener.messages if b"WILL" in m.payload} - heard == inbox
    for topic in heard:
        listener.publish(topic, b"", retain=True)


# -- retained --

def test_a_retained_flood(node, bystanders):
    """Thousands of retained messages where they are allowed, and where nothing may stay."""
    user = node.user()
    with attacker(node, w.V5, user) as r:
        for n in range(3000):
            topic = (f"public/retained/{n}", f"im/room/r{n}", f"im/presence/{user}{n}",
                     f"im/u/{bystanders.b.user}", f"$im/{n}")[n % 5]
            r.publish(topic, json.dumps({"body": f"retained {n}"}), retain=True)
        r.ping()
        assert r.subscribe("public/retained/#") == 1
        kept = set()
        while len(kept) < 600:
            m = r.message()
            assert m["retain"] and m["topic"].startswith("public/retained/")
            kept.add(m["topic"])
            if m["mid"]:
                r.send(w.ack(w.PUBACK, m["mid"]))
        for topic in kept:
            r.publish(topic, b"", retain=True)
        r.ping()
    late = node.connect(node.user())
    assert late.subscribe("public/retained/#") < 0x80
    late.rpc("user.get")
    assert [m for m in late.messages if m.retain] == []


# -- passwords --

@V
def test_a_burst_of_wrong_passwords(node, bystanders, version):
    """Known names, unknown ones and bystanders' own, from four connections at a time."""
    guessed = known(node, version)
    names = [guessed, bystanders.a.user, "nobody", "admin", "im-bridge", ""]
    accepted = []

    def guess(n):
        for i in range(100):
            hello = w.connect(f"guess-{n}", names[i % len(names)], f"wrong{i}", version=version)
            came = hostile.deliver(node.port, version, hello, ATTACKER)
            accepted.extend(body for kind, _, body in came if kind == w.CONNACK and body[1] == 0)
    threads = [threading.Thread(target=guess, args=(n,), daemon=True) for n in range(4)]
    for thread in threads:
        thread.start()
    have = len(bystanders.acked)
    until(lambda: len(bystanders.acked) >= have + LAPS_MIN or bystanders.failure, "laps")
    assert node.client(guessed).connect().connected  # from an address that does not guess
    for thread in threads:
        thread.join()
    assert accepted == []
    with pytest.raises(Refused):
        node.client(guessed, password="wrong").connect()


SECRET = b"0123456789abcdef0123456789abcdef"
REAL = phc.hash_password(PASSWORD, memory_kib=19456, passes=2)  # as slow as the bridge makes them
TOKEN = ("token-user", PASSWORD)
GUESSED = [f"real{n}" for n in range(20)]
CALM = [f"calm{n}" for n in range(12)]  # nobody guesses these


def guard(own_node):
    """A node with the default of auth_wrong_share, tokens, and users as slow to check as real ones."""
    return own_node(options={"allow_topic": "public/#", "rate_messages": 1000,
                             "auth_wrong_share": 20, "jwt_secret_file": "{folder}/secret"},
                    files={"secret": SECRET.decode()}, users=40,
                    more_users=[TOKEN] + [(u, REAL) for u in GUESSED + CALM])


def guesses(kind, version):
    """CONNECTs that are all to be refused."""
    for n in range(500):
        user, device = f"real{n % 20}", f"{kind}-{n}"
        if kind == "tokens":
            other = tokens.token(b"y" * 40, "HS256", tokens.claims(TOKEN[0]))
            user, password = TOKEN[0], (other, other[:-3], "eyJ" + "A" * 2000 + ".e30.x")[n % 3]
        elif kind == "unknown":
            user, password = f"stranger{n}", PASSWORD
        else:
            password = f"wrong{n}"
        yield w.connect(device, user, password, version=version)


def first_login(node, user, source="127.0.0.1"):
    """The password has to be hashed: nothing remembers it."""
    with Raw(node.port, w.V5, source=source) as r:
        r.send(w.connect(f"{user}-first", user, PASSWORD, version=w.V5))
        try:
            return w.decode_connack(r.expect(w.CONNACK)[1], w.V5)["code"] == 0
        except Closed:
            return False


def fresh_token(node, n):
    """One that has not been seen before."""
    token = tokens.token(SECRET, "HS256", tokens.claims(TOKEN[0], jti=n))
    try:
        node.client(TOKEN[0], device="token-fresh", password=token).connect().close()
        return True
    except Refused:
        return False


@V
@pytest.mark.parametrize("kind", ["passwords", "unknown", "tokens"])
def test_a_storm_of_wrong_logins(own_node, version, kind):
    """As many as two processes make, from 250 addresses. Whoever is known comes in meanwhile; and so
    does from elsewhere whoever is not: by a token, by the password of a user whom nobody guesses,
    and of one who is guessed."""
    node = guard(own_node)
    user, admin = known(node, version), node.admin()
    with talking(node) as by:
        storms = [Storm(node.port, guesses(kind, version)) for _ in range(2)]
        have = len(by.acked)
        came = [fresh_token(node, n) for n in range(39)]
        if kind != "tokens":  # which cost too little; of the others, until their addresses are known
            until(lambda: admin.command("getStats")["plugin"]["logins_throttled"] > 5000 or
                  by.failure, "who is turned away", 4 * build.DEADLINE_S)
            tries = itertools.count(1)
            until(lambda: first_login(node, GUESSED[19], f"127.99.0.{next(tries)}") or by.failure,
                  "a first login")
        node.client(user, device=f"{user}-again").connect().close()
        firsts = [first_login(node, u) for u in CALM[:6]]
        guessed = [first_login(node, u) for u in GUESSED[:6]]
        until(lambda: len(by.acked) >= have + LAPS_MIN or by.failure, "laps")
        answers = [s.finish() for s in storms]
        made, seconds = sum(sum(a.values()) for a, _ in answers), answers[0][1]
        print(f"{kind}: {made / seconds:.0f} wrong logins a second, answers {answers}")
        assert made and not any("0" in a for a, _ in answers)
    assert came == [True] * 39
    assert firsts == [True] * 6
    assert guessed == [True] * 6


@V
def test_a_stale_password_behind_the_address_of_all(own_node, version):
    """One device that comes back at once, for ever; the others have its address, and nobody has
    logged in before."""
    node = guard(own_node)
    with talking(node) as by:
        storm = Storm(node.port, [w.connect("stale", "real0", "stale", version=version)], lanes=4,
                      source="127.0.0.1")
        node.broker.wait_for(lambda: "throttled: too many wrong passwords for this user and address"
                             in node.broker.text(), "the bound")
        firsts = [first_login(node, u) for u in CALM[:6]]
        answers, _ = storm.finish()
        assert not by.failure
    assert firsts == [True] * 6
    assert answers.get("0", 0) == 0
    # It is told that its password is wrong when somebody has looked at it, and else nothing.
    wrong = {w.V311: "5", w.V5: "135"}[version]
    assert answers[wrong] >= 1 and sum(answers.values()) > 2 * answers[wrong]


def test_after_one_wrong_guess_everybody_is_looked_at(own_node):
    node = guard(own_node)
    with Raw(node.port, w.V5) as r:
        assert r.connect("x", "nobody-at-all", "wrong")["code"] == 0x87
    assert [first_login(node, u) for u in CALM] == [True] * len(CALM)


# -- everything at once --

def fuzz(node, by, seed):
    """Spoiled sessions of a user who may do little, on topics of all kinds."""
    rnd = random.Random(seed)
    user, version = node.fuzzer, rnd.choice((w.V311, w.V5))
    names = dict(alice=user, ben=by.b.user, dan=by.a.user, eve="eve", ours="g", hall="h",
                 theirs="t", their_hall="r")
    topics = [topic.format(**names) for topic, _ in PUBLISH] + ["im/" + "x" * 30000, "a/" * 200]
    topics += [f"im/inbox/{user}/#", "im/inbox/+/#", "#", "$share/g/public/#", "public/#"]
    for n in range(150):
        data = hostile.session(rnd, version, user, PASSWORD, f"{user}-{n % 5}", topics)
        hostile.deliver(node.port, version, data, ATTACKER)


def flood(node, by, seed):
    with attacker(node, user=node.fuzzer, device="flood") as r:
        rnd = random.Random(seed)
        reader = threading.Thread(target=hostile.drain, args=(r, ), daemon=True)
        reader.start()
        try:
            for _ in range(50):
                r.send(FLOODS[rnd.choice(sorted(FLOODS))](by) * 50)
            r.send(w.disconnect())
        except Closed:
            pass
        reader.join()


def test_everything_at_once(own_node):
    """One round; HOSTILE_MINUTES makes it longer, HOSTILE_SEED begins elsewhere."""
    node = guard(own_node)
    node.fuzzer = known(node)
    failures, end = [], time.monotonic() + 60 * MINUTES

    def run(what, *args):
        try:
            what(*args)
        except BaseException as e:  # noqa: BLE001  raised again by the test
            failures.append(e)
    with talking(node) as by:
        for seed in itertools.count(SEED):
            print(f"seed {seed}: {by.times() if by.took_ms else 'begins'}", flush=True)
            storm = Storm(node.port, [h for kind in ("passwords", "unknown", "tokens")
                                      for h in guesses(kind, w.V5)], lanes=10)
            threads = [threading.Thread(target=run, args=(what, node, by, seed), daemon=True)
                       for what in (fuzz, flood, fuzz)]
            for t in threads:
                t.start()
            for t in threads:
                t.join()
            assert not storm.finish()[0].get("0") and not failures, (seed, failures)
            if by.failure or time.monotonic() >= end:
                break
