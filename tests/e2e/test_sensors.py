# SPDX-License-Identifier: BSD-3-Clause
"""Sensors without a name, by the samples and docs/SURROUNDINGS.md: a stock broker takes what they say,
and brings it into the node as one user, whose rights are all that they have there."""
import pytest

from conftest import running
from lib import beside
from lib.client import Client, Refused
from lib.node import until
from lib.tools import Imctl

# A bridge that did not come through waits for up to 30 s before it tries again.
RETRY_S = 90

V = pytest.mark.parametrize("v5", [False, True], ids=["v311", "v5"])
PASSWORD = "bridge-password"


class Plant(beside.Surrounded):
    """A node with the page's rights and account, and the sample's broker beside it."""

    def __init__(self):
        options, _ = beside.options(beside.block("# sensors at the node"))
        super().__init__(users=30, options=options)
        self.sensor_port = self.port_beside()

    def start(self):
        super().start()
        (self.folder / "sensors.password").write_text(PASSWORD + "\n", encoding="utf-8")
        Imctl.of(self).ok("user", "create", "sensors", "--password-file",
                          self.folder / "sensors.password")
        text = beside.sample(
            "sensors.conf", ("listener 1884 0.0.0.0", f"listener {self.sensor_port} 127.0.0.1"),
            ("127.0.0.1:1883", f"127.0.0.1:{self.port}"), ("CHANGE-ME", PASSWORD),
            ("/etc/mosquitto-im/sensors.acl", "{folder}/sensors.acl"),
            ("/var/lib/mosquitto-sensors/", "{folder}/"),
            ("log_type error\nlog_type warning\nlog_type notice\n", ""))
        self.sensors = self.run(beside.broker("sensors", text, [self.sensor_port],
                                              {"sensors.acl": beside.sample("sensors.acl")}))
        self.wait_bridged()
        return self

    def wait_bridged(self):
        """Until what sensors say arrives: it is asked for over and over."""
        probe = self.client("sensors", password=PASSWORD).connect()
        assert probe.subscribe("sensors/probe") < 0x80
        sensor = self.sensor().connect()

        def arrived():
            sensor.post("sensors/probe", "x", qos=0)
            return any(m.topic == "sensors/probe" for m in probe.messages)
        self.sensors.process.wait_for(arrived, "a bridge")
        probe.close()
        sensor.close()

    def sensor(self, device=None, **kw):
        """A client of the other broker, without a name unless one is given."""
        c = Client(self.sensor_port, kw.pop("user", None), device or self.new_name("sensor-"),
                   kw.pop("password", None), **kw)
        self.clients.append(c)
        return c


@pytest.fixture(scope="module", name="node")
def _node():
    with running(Plant) as node:
        yield node


@pytest.fixture
def own_plant():
    with running(Plant) as node:
        yield node


def payloads(client, topic):
    return [m.payload for m in client.messages if m.topic == topic]


@V
def test_what_a_nameless_sensor_says_is_heard_at_the_node_and_a_command_at_the_sensor(node, v5):
    place = node.new_name("hall-")
    person = node.client(node.user(), v5=v5).connect()
    assert person.subscribe(f"sensors/{place}/#") < 0x80
    sensor = node.sensor(v5=v5).connect()
    assert sensor.subscribe(f"commands/{place}/#") < 0x80
    for qos in (0, 1, 2):
        sensor.publish(f"sensors/{place}/t", f"{qos}", qos=qos)
        person.wait_for(lambda q=qos: f"{q}".encode() in payloads(person, f"sensors/{place}/t"))
        person.publish(f"commands/{place}/valve", f"{qos}", qos=qos)
        sensor.wait_for(lambda q=qos: f"{q}".encode() in payloads(sensor, f"commands/{place}/valve"))
    assert sorted(payloads(person, f"sensors/{place}/t")) == [b"0", b"1", b"2"]
    sensor.publish(f"sensors/{place}/state", "kept", retain=True)
    person.wait_for(lambda: payloads(person, f"sensors/{place}/state"))
    late = node.client(node.user()).connect()
    assert late.subscribe(f"sensors/{place}/#") < 0x80
    late.wait_for(lambda: payloads(late, f"sensors/{place}/state") == [b"kept"])


@V
def test_a_nameless_sensor_can_do_nothing_else(node, v5):
    bob, other = node.connect(node.user()), node.client(node.user()).connect()
    assert other.subscribe("sensors/#", "commands/#") == [1, 1]
    sensor, spy = node.sensor(v5=v5).connect(), node.sensor(v5=v5).connect()
    spy.subscribe("#", "sensors/#", "im/#", "$SYS/#")
    place = node.new_name("hall-")
    for topic in (f"commands/{place}", f"im/u/{bob.user}", "im/rpc/user.get",
                  f"im/inbox/{bob.user}/u/x", "$im/up", "$CONTROL/im/v1", "elsewhere/x"):
        sensor.post(topic, "FORGED")
    sensor.publish(f"sensors/{place}", "fence")
    other.wait_for(lambda: payloads(other, f"sensors/{place}"))
    other.publish(f"commands/{place}", "fence")
    spy.wait_for(lambda: payloads(spy, f"commands/{place}") or spy.subscribe("commands/#") and
                 payloads(spy, f"commands/{place}") or other.publish(f"commands/{place}", "fence"))
    assert bob.rpc("conv.list")["conversations"] == []
    assert [m for m in bob.messages + other.messages if m.payload == b"FORGED"] == []
    assert [m for m in spy.messages if not m.topic.startswith("commands/")] == []


def test_the_node_itself_takes_nobody_without_a_name(node):
    with pytest.raises(Refused):
        Client(node.port, None, "nameless", None).connect()
    with pytest.raises(Refused):
        node.client("sensors", password="CHANGE-ME").connect()


def test_at_the_node_the_bridge_has_the_accounts_rights_and_no_more(node):
    """Were the other broker taken over, it could still do no more."""
    user, bob = node.user(), node.connect(node.user())
    thief = node.client("sensors", password=PASSWORD).connect()
    for topic in ("#", "im/#", f"im/inbox/{user}/#", "$SYS/#", "elsewhere/#"):
        assert thief.subscribe(topic) >= 0x80, topic
    other = node.client(node.user()).connect()
    thief.publish("elsewhere/x", "FORGED", retain=True)
    assert other.subscribe("sensors/#") < 0x80
    assert bob.rpc("user.get")


def test_values_wait_for_the_node_and_commands_for_the_sensors(own_plant):
    node = own_plant
    person = node.client(node.user(), device="keeper", clean=False).connect()
    assert person.subscribe("sensors/#") < 0x80
    person.disconnect()
    sensor = node.sensor(device="valve", clean=False).connect()
    assert sensor.subscribe("commands/#") < 0x80
    node.broker.stop()
    for n in range(20):
        sensor.publish("sensors/t", str(n))
    node.start_broker()
    back = node.client(person.user, device="keeper", clean=False).connect()
    back.wait_for(lambda: len(payloads(back, "sensors/t")) >= 20, timeout=RETRY_S)
    assert sorted(set(map(int, payloads(back, "sensors/t")))) == list(range(20))
    # The way back is there, too, from now on while the sensors' broker is away.
    until(lambda: back.publish("commands/way", "x") or payloads(sensor, "commands/way"), "the way",
          RETRY_S)
    sensor.disconnect()
    node.sensors.stop()
    before = node.sensors.text().count("Received PUBLISH from local.sensors")
    for n in range(20):
        back.publish("commands/valve", str(n))
    node.sensors.start()
    # All of them are there before the valve is: its session waits for them.
    node.sensors.process.wait_for(
        lambda: node.sensors.text().count("Received PUBLISH from local.sensors") >= before + 20,
        "the commands", timeout=RETRY_S)
    again = node.sensor(device="valve", clean=False).connect()
    again.wait_for(lambda: len(payloads(again, "commands/valve")) >= 20, timeout=RETRY_S)
    assert sorted(set(map(int, payloads(again, "commands/valve")))) == list(range(20))


def test_without_the_accounts_rights_nothing_comes_in(own_plant):
    """A disabled account is a closed door, and the broker of the sensors stays what it is."""
    node = own_plant
    person = node.client(node.user()).connect()
    assert person.subscribe("sensors/#") < 0x80
    Imctl.of(node).ok("user", "disable", "sensors")
    node.sensors.process.wait_text("Connection Refused")
    a, b = node.sensor().connect(), node.sensor().connect()
    a.publish("sensors/x", "held")
    assert b.subscribe("commands/#") < 0x80
    Imctl.of(node).ok("user", "enable", "sensors")
    person.wait_for(lambda: payloads(person, "sensors/x") == [b"held"], timeout=RETRY_S)
