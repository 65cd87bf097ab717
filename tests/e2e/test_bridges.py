# SPDX-License-Identifier: BSD-3-Clause
"""Connections between Mosquitto brokers, by docs/SURROUNDINGS.md: a stock edge broker that is a user of the
node; the node's own broker connected to another, and that nothing of IM leaves by that unless it is meant."""
import itertools
import json
import signal

import pytest

from conftest import running
from lib import beside, build, ports
from lib.client import Client
from lib.node import PASSWORD, Node, until

NEWER = build.broker_version() >= (2, 1)
# The plugin reads a MiB of a file.
BEYOND = "# no more\n" * 120_000
EDGE = "edge"
MQTT = pytest.mark.parametrize("mqtt", ["mqttv311", "mqttv50"])


def payloads(client, topic):
    return [m.payload for m in client.messages if m.topic == topic]


# -- a broker that connects to the node --

class Edged(beside.Surrounded):
    def __init__(self, mqtt, changes=(), more=""):
        super().__init__(users=20, more_users=[(EDGE, PASSWORD)],
                         options={"allow_topic": ["sensors/#", "commands/#"]})
        self.edge_port = self.port_beside()
        self.text = beside.block(
            "# edge.conf", ("listener 1883", f"listener {self.edge_port} 127.0.0.1"),
            ("node.example.org:1883", f"127.0.0.1:{self.port}"),
            ("remote_password secret", f"remote_password {PASSWORD}\nrestart_timeout 1\n"
             f"bridge_protocol_version {mqtt}"), *changes) + more

    def start(self):
        super().start()
        self.edge = self.run(beside.broker("edge", self.text, [self.edge_port]))
        self.wait_edge()
        return self

    def wait_edge(self):
        """Until it is there: a message to it comes out at the edge."""
        c = self.at_edge().connect()
        assert c.subscribe("#") < 0x80
        probe = self.connect(self.user())

        def arrived():
            probe.post(f"im/u/{EDGE}", "probe")
            return any(b"probe" in m.payload for m in c.messages)
        self.edge.process.wait_for(arrived, "a bridge")
        c.close()
        probe.close()

    def at_edge(self, device=None, **kw):
        c = Client(self.edge_port, None, device or self.new_name("at-edge-"), None, **kw)
        self.clients.append(c)
        return c


@pytest.fixture(scope="module", name="edged", params=["mqttv311", "mqttv50"])
def _edged(request):
    with running(Edged, request.param) as node:
        yield node


def test_messages_go_out_of_the_edge_and_its_inbox_comes_in(edged):
    bob = edged.connect(edged.user())
    c = edged.at_edge().connect()
    assert c.subscribe(f"im/inbox/{EDGE}/#", qos=2) < 0x80
    for qos in (0, 1, 2):
        name = edged.new_name("m")
        c.publish(f"im/u/{bob.user}", {"id": name, "body": f"out {qos}"}, qos=qos)
        assert bob.wait_body(f"u/{EDGE}", f"out {qos}")["from"] == EDGE
        # The ack is for the user, so it comes out here.
        c.wait_for(lambda n=name: any(
            a.get("id") == n and a.get("seq") for p in payloads(c, f"im/inbox/{EDGE}/ack")
            for a in json.loads(p)))
        bob.send(f"im/u/{EDGE}", {"id": edged.new_name("m"), "body": f"in {qos}"}, qos=qos)
        c.wait_for(lambda q=qos: [p for p in payloads(c, f"im/inbox/{EDGE}/u/{bob.user}")
                                  if json.loads(p)["body"] == f"in {q}"])
    assert sorted(bob.bodies(f"u/{EDGE}")) == ["out 0", "out 1", "out 2"]


def test_a_request_is_answered_at_the_edge(edged):
    c = edged.at_edge().connect()
    assert c.subscribe(f"im/inbox/{EDGE}/rpc/+") < 0x80
    c.publish("im/rpc/user.get", "{}")
    c.wait_for(lambda: [p for p in payloads(c, f"im/inbox/{EDGE}/rpc/edge-7")
                        if json.loads(p)["result"]["uid"] == EDGE])


def test_ordinary_topics_go_both_ways_and_none_goes_round(edged):
    place = edged.new_name("hall-")
    person = edged.client(edged.user()).connect()
    assert person.subscribe("sensors/#", "commands/#") == [1, 1]
    c = edged.at_edge().connect()
    assert c.subscribe("commands/#", "sensors/#") == [1, 1]
    for qos in (0, 1, 2):
        c.publish(f"sensors/{place}", f"s{qos}", qos=qos, retain=True)
        person.publish(f"commands/{place}", f"c{qos}", qos=qos, retain=True)
        person.wait_for(lambda q=qos: f"s{q}".encode() in payloads(person, f"sensors/{place}"))
        c.wait_for(lambda q=qos: f"c{q}".encode() in payloads(c, f"commands/{place}"))
    for client, topic, letter in ((person, "sensors", "s"), (c, "commands", "c"),
                                  (c, "sensors", "s"), (person, "commands", "c")):
        assert [p.decode() for p in payloads(client, f"{topic}/{place}")] == [
            f"{letter}{q}" for q in range(3)]
    late = edged.client(edged.user()).connect()
    assert late.subscribe(f"sensors/{place}") < 0x80
    late.wait_for(lambda: payloads(late, f"sensors/{place}") == [b"s2"])


def test_what_the_edge_may_not_do_it_cannot(edged):
    """Nor can who is there: all of them are one user."""
    bob = edged.connect(edged.user())
    c = edged.at_edge().connect()
    for topic in (f"im/inbox/{bob.user}/u/{EDGE}", "$im/up", f"im/presence/{bob.user}"):
        c.post(topic, "FORGED")
    c.publish(f"im/u/{bob.user}", {"id": edged.new_name("m"), "body": "fence"})
    bob.wait_body(f"u/{EDGE}", "fence")
    assert [m for m in bob.messages if b"FORGED" in m.payload] == []


@MQTT
def test_what_came_while_the_edge_was_away_waits_for_it(mqtt):
    v5 = mqtt == "mqttv50"
    more = "bridge_session_expiry_interval 86400\n" if v5 and NEWER else ""
    with running(Edged, mqtt, more=more) as node:
        bob = node.connect(node.user())
        node.edge.stop()
        for n in range(30):
            bob.send(f"im/u/{EDGE}", {"id": f"w{n}", "body": n})
        c = node.at_edge(device="listener", clean=False)
        node.edge.start()
        c.connect()
        # What comes before anybody listens at the edge is the edge's to keep: it keeps nothing.
        assert c.subscribe(f"im/inbox/{EDGE}/u/+", "im/inbox/edge/ack") == [1, 1]
        topic, late = f"im/inbox/{EDGE}/u/{bob.user}", itertools.count()

        def arrived():
            bob.send(f"im/u/{EDGE}", {"id": f"late{next(late)}", "body": "late"})
            return payloads(c, topic)
        node.edge.process.wait_for(arrived, "a message")
        late = next(late)
        c.wait_for(lambda: json.loads(payloads(c, topic)[-1])["seq"] == 30 + late)
        # The node's queue was emptied into it before. (An edge of 2.0 leaves no session with MQTT 5.)
        came = [x for x in node.edge.process.text(True).splitlines()
                if "Received PUBLISH from local.edge-7" in x and f"'{topic}'" in x]
        assert (len(came) >= 30 + late) == (not v5 or NEWER)
        # The node goes away: what the edge says waits there, and none is stored twice.
        node.broker.kill()
        for n in range(30):
            c.publish(f"im/u/{bob.user}", {"id": f"e{n}", "body": n})
        node.start_broker()
        back = node.connect(bob.user)
        until(lambda: len(back.history(f"u/{EDGE}")) == 60 + late, "all of it")
        assert [m["body"] for m in back.history(f"u/{EDGE}")][30 + late:] == list(range(30))


@MQTT
@pytest.mark.parametrize("how", ["default", "local", "topic"])
def test_whether_it_stands_is_told_where_that_may_be_written(mqtt, how):
    """The node refuses what goes below $SYS, and the connection stands all the same."""
    line = "notifications_local_only true\n"
    new = {"default": "", "local": line,
           "topic": "notification_topic sensors/edge-7/state\n"}[how]
    with running(Edged, mqtt, [(line, new)]) as node:
        person = node.client(node.user()).connect()
        assert person.subscribe("sensors/#") < 0x80
        if how == "topic":
            person.wait_for(lambda: payloads(person, "sensors/edge-7/state") == [b"1"])
            node.edge.process.kill()
            person.wait_for(lambda: payloads(person, "sensors/edge-7/state") == [b"1", b"0"])
            return
        bob = node.connect(node.user())
        c = node.at_edge().connect()
        for n in range(10):
            c.publish(f"im/u/{bob.user}", {"id": f"n{n}", "body": n})
        bob.wait_for(lambda: len(bob.on(f"u/{EDGE}")) == 10)
        assert node.edge.text().count("sending CONNECT") == 1
        denied = [x for x in node.broker.text().splitlines()
                  if "Denied PUBLISH" in x and "$SYS/broker/connection" in x]
        assert len(denied) == (1 if how == "default" else 0)
        spy = node.client(node.user()).connect()
        assert spy.subscribe("$SYS/#") >= 0x80


@MQTT
def test_prefixes_hide_the_nodes_names(mqtt):
    with running(Edged, mqtt, [("topic im/u/+ out 1", "topic + out 1 chat/ im/u/"),
                      ("topic im/inbox/edge/# in 1", "topic # in 1 inbox/ im/inbox/edge/")]) as node:
        bob = node.connect(node.user())
        c = node.at_edge().connect()
        assert c.subscribe("inbox/#") < 0x80
        c.publish(f"chat/{bob.user}", {"id": "p1", "body": "hello"})
        bob.wait_body(f"u/{EDGE}", "hello")
        bob.send(f"im/u/{EDGE}", {"id": "p2", "body": "yes?"})
        c.wait_for(lambda: any(json.loads(p)["body"] == "yes?"
                               for p in payloads(c, f"inbox/u/{bob.user}")))


def test_a_connection_in_both_directions_makes_no_loop_and_forges_nothing():
    """What the page says not to do: `topic im/# both`."""
    with running(Edged, "mqttv311", [("topic im/u/+ out 1\ntopic im/rpc/+ out 1\n"
                             "topic im/inbox/edge/# in 1\n", "topic im/# both 1\n"
                             "topic im/inbox/edge/# in 1\n")]) as node:
        bob = node.connect(node.user())
        c = node.at_edge().connect()
        c.publish(f"im/u/{bob.user}", {"id": "b1", "body": "once"})
        bob.wait_body(f"u/{EDGE}", "once")
        bob.send(f"im/u/{EDGE}", {"id": "b2", "body": "back"})
        c.publish(f"im/u/{bob.user}", {"id": "b3", "body": "fence"})
        bob.wait_body(f"u/{EDGE}", "fence")
        assert bob.bodies(f"u/{EDGE}") == ["once", "fence"]
        assert [m["body"] for m in bob.history(f"u/{EDGE}")] == ["once", "back", "fence"]


# -- the node's broker connects to another --

class Far:
    """The other broker: a stock one that everybody may use."""

    def __init__(self):
        self.port = ports.take()
        self.clients = []

    def __enter__(self):
        self.broker = beside.broker("far", f"listener {self.port} 127.0.0.1\nallow_anonymous true\n",
                                    [self.port]).start()
        return self

    def client(self, *filters):
        c = Client(self.port, None, f"far-{len(self.clients)}", None).connect()
        self.clients.append(c)
        for f in filters:
            assert c.subscribe(f, qos=2) < 0x80
        return c

    def __exit__(self, *_):
        for c in self.clients:
            c.close()
        self.broker.__exit__()
        ports.give_back(self.port)


@pytest.fixture
def far():
    with Far() as f:
        yield f


def connected(name, far, *changes):
    """Options and lines of the node for a connection of the page."""
    options, lines = beside.options(beside.block(
        f"# {name}.conf", (f"{name}.example.org:1883", f"127.0.0.1:{far.port}"), *changes))
    return options, [*lines, "restart_timeout 1"]


@MQTT
def test_ordinary_topics_of_the_nodes_broker_go_both_ways(own_node, far, mqtt):
    _, lines = connected("cloud", far)
    node = own_node(users=10, options={"allow_topic": ["sensors/#", "commands/#"]},
                    conf=[*lines, f"bridge_protocol_version {mqtt}"])
    person, there = node.client(node.user()).connect(), far.client("#")
    assert person.subscribe("commands/#") < 0x80
    until(lambda: person.publish("sensors/probe", "x") == 0 and payloads(there, "sensors/probe"),
          "a bridge")
    for qos in (0, 1, 2):
        person.publish("sensors/t", f"{qos}", qos=qos)
        there.publish("commands/valve", f"{qos}", qos=qos)
        there.wait_for(lambda q=qos: f"{q}".encode() in payloads(there, "sensors/t"))
        person.wait_for(lambda q=qos: f"{q}".encode() in payloads(person, "commands/valve"))
    # IM goes on, and nothing of it is there.
    a, b = node.connect(node.user()), node.connect(node.user())
    a.send(f"im/u/{b.user}", {"id": "1", "body": "SECRET"})
    b.wait_body(f"u/{a.user}", "SECRET")
    person.publish("sensors/fence", "x")
    there.wait_for(lambda: payloads(there, "sensors/fence"))
    assert [m for m in there.messages if m.topic.startswith(("im/", "$im"))] == []


def test_what_comes_in_on_im_topics_is_refused(own_node, far):
    _, lines = connected("cloud", far, ("topic commands/# in 1", "topic # in 1"))
    node = own_node(users=10, options={"allow_topic": ["sensors/#", "plain/#"]}, conf=lines)
    bob, there = node.connect(node.user()), far.client()
    assert bob.subscribe("plain/#") < 0x80
    until(lambda: there.publish("plain/probe", "x") == 0 and payloads(bob, "plain/probe"), "a bridge")
    for qos in (0, 1, 2):
        for topic in (f"im/u/{bob.user}", f"im/inbox/{bob.user}/u/admin", "im/rpc/user.get",
                      f"im/presence/{bob.user}", f"im/inbox/{bob.user}/event"):
            there.publish(topic, json.dumps({"body": "FORGED"}), qos=qos, retain=True)
        there.publish("plain/fence", f"{qos}", qos=qos)
        bob.wait_for(lambda q=qos: f"{q}".encode() in payloads(bob, "plain/fence"))
    assert [m for m in bob.messages if b"FORGED" in m.payload] == []
    assert "it came without a permission check" in node.broker.text()
    assert bob.rpc("conv.list")["conversations"] == []


@pytest.mark.parametrize("topic", ["im/inbox/# out 1", "# both 1", "# out 1 im/ x/"])
def test_im_leaves_by_the_connection_that_is_named_and_no_other(own_node, far, topic):
    options, lines = connected("archive", far, ("topic im/inbox/# out 1", f"topic {topic}"))
    assert options == {"bridge_im": ["archive"]}
    node = own_node(users=10, options=options, conf=lines)
    said = [x for x in node.broker.text().splitlines() if "as plugin_opt_bridge_im says" in x]
    assert len(said) == 1 and f"`topic {topic}` of connection archive" in said[0]
    a, b, there = node.connect(node.user()), node.connect(node.user()), far.client("#")
    number = iter(range(1000))

    def arrived():
        a.send(f"im/u/{b.user}", {"id": f"m{next(number)}", "body": "for the archive"})
        return [m for m in there.messages if m.topic.endswith(f"inbox/{b.user}/u/{a.user}")]
    until(arrived, "a message in the archive")
    assert json.loads(arrived()[0].payload)["body"] == "for the archive"
    assert [m for m in there.messages if m.topic.startswith("$im")] == []
    # Back again it is refused.
    there.publish(f"im/inbox/{b.user}/u/{a.user}", json.dumps({"body": "FORGED"}))
    a.send(f"im/u/{b.user}", {"id": "fence", "body": "fence"})
    b.wait_body(f"u/{a.user}", "fence")
    assert "FORGED" not in b.bodies()


@pytest.mark.parametrize("topic, names", [
    ("im/inbox/# out 1", []), ("# out", ["archives"]), ("$im/# out", ["archive"]),
    ("im/# out", ["cloud"])])
def test_without_the_name_the_broker_does_not_start(far, topic, names):
    options, lines = connected("archive", far, ("topic im/inbox/# out 1", f"topic {topic}"))
    node = Node(users=2, options={"bridge_im": names}, conf=lines)
    try:
        node.write_broker_conf()
        node.write_bridge_conf()
        node.broker.start()
        assert node.broker.wait_exit(expected=range(1, 256)) > 0
        text = node.broker.text(True)
        assert f"`topic {topic}` of connection archive carries private messages" in text
        assert ("stands in plugin_opt_bridge_im" in text) == (not topic.startswith("$im"))
    finally:
        node.close()


@pytest.mark.parametrize("included", [False, True])
def test_a_configuration_that_is_not_looked_through_starts_no_broker(far, included):
    """A connection may be where nobody has looked."""
    _, lines = connected("archive", far, ("topic im/inbox/# out 1", "topic im/# out 1"))
    node = Node(users=2, conf=["include_dir {folder}/conf.d"] if included else [])
    conf = node.folder / "mosquitto.conf"
    try:
        (node.folder / "conf.d").mkdir()
        node.write_broker_conf()
        node.write_bridge_conf()
        long = node.folder / "conf.d/far.conf" if included else conf
        with long.open("a", encoding="utf-8") as f:
            f.write(BEYOND + "\n".join(lines) + "\n")
        node.broker.start()
        assert node.broker.wait_exit(expected=range(1, 256)) > 0
        assert f"{long} is longer than 1 MiB, the most that is read: another plugin or a " \
            "`connection` in it might let private messages by" in node.broker.text(True)
    finally:
        node.close()


@pytest.mark.parametrize("before", ["", BEYOND], ids=["read", "too-long"])
def test_a_connection_that_a_reload_brings_carries_nothing_of_im(own_node, far, before):
    """2.0 takes over none; 2.1 does, and it could not be refused. Nor does one that stands where the
    plugin does not look."""
    node = own_node(users=10, options={"allow_topic": ["sensors/#"]})
    a, b, there = node.connect(node.user()), node.connect(node.user()), far.client("#")
    conf = node.folder / "mosquitto.conf"
    right = conf.read_text(encoding="utf-8")
    _, lines = connected("cloud", far, ("topic commands/# in 1", "topic # out 1"))
    conf.write_text(right + before + "\n".join(lines) + "\n", encoding="utf-8")
    node.broker.send_signal(signal.SIGHUP)
    node.broker.wait_text("would not start with this configuration")
    number = iter(range(1000))

    def both():
        a.send(f"im/u/{b.user}", {"id": f"m{next(number)}", "body": "SECRET"})
        a.publish("sensors/x", "y")
        return payloads(there, "sensors/x")
    if NEWER:
        until(both, "the new connection")
    for _ in range(50):
        both()
    b.wait_for(lambda: len(b.on(f"u/{a.user}")) >= 50)
    # The connection stands, and what came after the secrets has arrived.
    if NEWER:
        a.publish("sensors/fence", "z")
        there.wait_for(lambda: payloads(there, "sensors/fence"))
        assert "message kept from client=" in node.broker.text()
    assert [m for m in there.messages if m.topic.startswith("im/")] == []
    assert [m for m in there.messages if b"SECRET" in m.payload] == []
    # Everybody else gets what is his, and who comes back to what waited, too.
    device = f"{b.user}-kept"
    keep = node.connect(b.user, device=device, clean=False)
    keep.disconnect()
    a.send(f"im/u/{b.user}", {"id": "late", "body": "waited"})
    node.client(b.user, device=device, clean=False).connect().wait_body(f"u/{a.user}", "waited")
    # The file is right again.
    conf.write_text(right, encoding="utf-8")
    before = node.broker.text().count("Reloading config")
    node.broker.send_signal(signal.SIGHUP)
    node.broker.wait_for(lambda: node.broker.text().count("Reloading config") > before, "a reload")
    a.send(f"im/u/{b.user}", {"id": "end", "body": "end"})
    b.wait_body(f"u/{a.user}", "end")
    assert [m for m in there.messages if m.topic.startswith("im/")] == []
    assert node.broker.running
