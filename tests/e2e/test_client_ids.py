# SPDX-License-Identifier: BSD-3-Clause
"""Client ids: whatever MQTT allows up to 128 bytes is a device like any other, encoded in topics;
what cannot be shown is refused."""
import pytest

from lib.client import level
from lib.raw import Closed, Raw
from lib.tools import Imctl

V = pytest.mark.parametrize("v5", [False, True], ids=["311", "5"])

# {} makes each one's a different one where a test runs twice.
IDS = {
    "plain": "car:7@x.y_z-{}",
    "space": "Bob's phone {}",
    "slash": "paho/34AAE54A75D839566E/{}",
    "wildcards": "+/#/{}/+",
    "percent": "100%25 {}%",
    "quotes": "\"a\\b\",'{}'",
    "utf8": "Ärger mit 手机 {} 👩\u200d👩\u200d👧",
    "longest": "#" * 127 + "{}",
    "longest utf8": "é" * 63 + "x{}",
}
every_id = pytest.mark.parametrize("form", IDS.values(), ids=IDS.keys())


def away_for(v5):
    return {"v5": v5, "clean": False, "session_expiry": 300 if v5 else None}


@V
@every_id
def test_any_client_id_is_a_full_device(node, v5, form):
    """Greets, sends, is acknowledged, receives, asks, is away and comes back."""
    user, peer = node.users(2)
    device = form.format(int(v5))
    assert len(device.encode()) <= 128
    c = node.connect(user, device, **away_for(v5))
    c.wait_event("hello", lambda e: e["device"] == device)
    other = node.connect(peer)
    seq = c.send(f"im/u/{peer}", {"id": "i-1", "body": "out"})["seq"]
    other.wait_body(f"u/{user}", "out")
    other.send(f"im/u/{user}", {"id": "i-2", "body": "in"})
    c.wait_body(f"u/{peer}", "in")
    assert seq == 1
    listed = c.rpc("device.list")["devices"]
    assert [(d["device"], d["current"], d["state"]) for d in listed] == [(device, True, "online")]
    # The answers came on the device's own topic, which it may subscribe to by itself.
    asked = [m for m in c.messages if "/rpc/" in m.topic]
    assert asked and {m.topic for m in asked} == {f"im/inbox/{user}/rpc/{level(device)}"}
    assert c.rpc("presence.set", state="away") == {"changed": True}
    assert c.rpc("device.list")["devices"][0]["state"] == "away"
    c.rpc("device.ack", cursor=c.sync_all()[2])
    c.disconnect()
    other.send(f"im/u/{user}", {"id": "i-3", "body": "while away"})
    c.connect()
    assert c.session_present
    c.wait_body(f"u/{peer}", "while away")
    assert [m["body"] for m in c.rpc("sync")["messages"]] == ["while away"]


@V
def test_the_answers_topic_is_subscribed_to_by_itself(node, v5):
    user = node.user()
    device = "#" * 126 + f"+{int(v5)}"
    c = node.connect(user, device, v5=v5, inbox=False)
    assert c.subscribe(f"im/inbox/{user}/rpc/{level(device)}") < 0x80
    assert c.rpc("user.get")["uid"] == user
    # What the server answers before the bridge sees it goes there too.
    c.publish("im/rpc/user.get", " " * 70000)
    c.wait_for(lambda: [m for m in c.on(f"rpc/{level(device)}")
                        if m.json.get("error", {}).get("code") == -32007])


@V
def test_what_looks_alike_when_encoded_is_told_apart(node, v5):
    """`a b` and `a%20b` are two devices, with two topics for their answers."""
    user = node.user()
    one = node.connect(user, f"a b{int(v5)}", v5=v5)
    two = node.connect(user, f"a%20b{int(v5)}", v5=v5)
    for c in (one, two):
        assert {d["device"] for d in c.rpc("device.list")["devices"]} == {one.device, two.device}
        assert c.connected
    # Each was answered on its own topic, which all of the user's devices may hear.
    for c in (one, two):
        for hears in (one, two):
            hears.wait_for(lambda h=hears, c=c: h.on(f"rpc/{level(c.device)}"))
    two.rpc("device.remove", device=one.device)
    one.wait_disconnected()
    assert two.connected


KNOWN = [
    "mosqsub|31415-build.host", "mosqpub/31415-host", "paho/34AAE54A75D839566E",
    "mqtt-explorer-1b2c3d", "mqttjs_1a2b3c4d", "emqx_NTg2/+A==", "MQTT_FX_Client",
    "12345.dev&a1B2c3|securemode=2,signmethod=hmacsha256,timestamp=1700000000000|",
    "d:quickstart:arduino:00aabbccde03", "urn:dev:mac:0024befffe804ff1", "JMeter (1-1) {u}",
    "Sparkplug TCK Host Application", "ESP32 Client-0xA3", "{8c6b8c2e-7d0a-4a60-9d4b-0d6f4c1f}",
    "Smart Home / Küche / Licht 1", "projects/p/locations/eu/registries/r/devices/d",
]


def test_the_ids_of_well_known_clients_are_taken(node):
    user = node.user()
    for device in KNOWN:
        with node.client(user, device, clean=False) as c:
            c.inbox()
            assert c.rpc("user.get")["uid"] == user
    c = node.connect(user)
    assert set(KNOWN) <= {d["device"] for d in c.rpc("device.list")["devices"]}


UNFIT = {
    "129 bytes": b"x" * 129, "129 bytes of utf8": "é".encode() * 64 + b"x",
    "NUL": b"a\0b", "control": b"a\x1bb", "newline": b"a\nb", "DEL": b"a\x7f",
    "C1": "a\x85b".encode(), "line separator": "a\u2028b".encode(),
    "right to left": "a\u202eb".encode(), "isolate": "a\u2066b".encode(),
    "no utf8": b"a\xff", "surrogate": b"a\xed\xa0\x80", "overlong": b"a\xc0\xaf",
    "cut short": b"a\xe2\x80",
}


@V
def test_what_cannot_be_shown_is_no_client_id(own_node, v5):
    """Refused by the broker itself, or by the plugin with a line that says why."""
    node = own_node()
    user = node.user()
    ours = []
    for name, device in UNFIT.items():
        before = node.broker.text().count("login refused")
        with Raw(node.port, 5 if v5 else 4) as r:
            try:
                code = r.connect(device, user, "pw")["code"]
            except Closed:
                code = None
            assert code != 0, name
        if node.broker.text().count("login refused") > before:
            ours.append(name)
    assert {"129 bytes", "line separator", "right to left", "isolate"} <= set(ours)
    said = [x for x in node.broker.text().splitlines() if "login refused" in x]
    # Each is named, and in a form that a terminal can show.
    assert all("1 to 128 bytes of UTF-8" in x and x.isascii() and x.isprintable() for x in said)
    assert any(" client=a%E2%80%A8b " in x or " client=a%E2%80%A8b:" in x for x in said)
    c = node.connect(user)
    assert [d["device"] for d in c.rpc("device.list")["devices"]] == [c.device]


def test_imctl_shows_and_kicks_any_client_id(node):
    user = node.user()
    device = "-- Küche/Licht +1 #2"
    c = node.connect(user, device)
    c.rpc("user.get")
    imctl = Imctl.of(node)
    assert [d["device"] for d in imctl.json("user", "show", user)["devices"]] == [device]
    assert device in imctl.ok("user", "show", user)
    assert imctl.json("device", "owner", "--", device)["username"] == user
    imctl.ok("kick", user, "--", device)
    c.wait_disconnected()


def test_whose_any_client_id_is_is_known_without_a_server(own_node):
    node = own_node()
    user = node.user()
    device = "\"Küche\"/Licht +1 #2 100%"
    node.connect(user, device).rpc("user.get")
    node.bridge.stop()
    off = Imctl(node.folder, "--offline", node.data)
    assert off.json("device", "owner", device)["username"] == user
    done = off.run("device", "owner", f"{device}5")
    assert done.returncode == 1 and f"no user has the client id \"{device}5\"" in done.stderr
