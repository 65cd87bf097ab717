# SPDX-License-Identifier: BSD-3-Clause
"""Clients that TLS knows, by the listener of docs/SURROUNDINGS.md: what their accounts may do, they may;
whoever has no business here gets nothing, and a line says who it was."""
import datetime
import signal
import socket
import ssl
import struct

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from conftest import running
from lib import beside, build, mqttwire as w, ports, tls
from lib.client import Client, Refused
from lib.node import Node, until
from lib.raw import Raw
from lib.tools import Imctl

NEWER = build.broker_version() >= (2, 1)
V = pytest.mark.parametrize("v5", [False, True], ids=["v311", "v5"])


class Certified(Node):
    """A node with the page's listener, and one that takes whole subjects."""

    def __init__(self, **kw):
        super().__init__(users=80, options={"allow_topic": ["plain/#", "home/%u/#"], **kw},
                         bridge={"presence_devices": "true"})
        self.cert, self.key = tls.make(self.folder)
        self.revoke()
        self.subject_port, self.mine = ports.take(), ports.take()
        self.ports += [self.mine, self.subject_port]
        listener = beside.block(
            "# certificates.conf", ("8884", f"{self.mine} 127.0.0.1"),
            ("/etc/mosquitto/certs/clients-ca.crt", self.cert),
            ("/etc/mosquitto/certs/server.crt", self.cert),
            ("/etc/mosquitto/certs/server.key", self.key),
            ("/etc/mosquitto/certs/clients.crl", self.folder / "crl"))
        subject = beside.changed(listener, [
            (f"listener {self.mine}", f"listener {self.subject_port}"),
            ("use_identity_as_username true", "use_subject_as_username true")])
        self.conf = [line for line in (listener + subject).splitlines() if line]

    def revoke(self, *certificates):
        """Writes the list of revoked ones."""
        signer = serialization.load_pem_private_key(self.key.read_bytes(), None)
        issuer = x509.load_pem_x509_certificate(self.cert.read_bytes()).subject
        now = datetime.datetime.utcnow()
        # The newer of two lists holds.
        age = datetime.timedelta(hours=1 if certificates else 2)
        crl = (x509.CertificateRevocationListBuilder().issuer_name(issuer)
               .last_update(now - age)
               .next_update(now + datetime.timedelta(days=30)))
        for path in certificates:
            serial = x509.load_pem_x509_certificate(path.read_bytes()).serial_number
            crl = crl.add_revoked_certificate(
                x509.RevokedCertificateBuilder().serial_number(serial)
                .revocation_date(now - datetime.timedelta(hours=1)).build())
        (self.folder / "crl").write_bytes(
            crl.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def certified(self, name, device=None, port=None, pair=None, subject=None, **kw):
        pair = pair or tls.client(self.folder, self.cert, self.key, name, self.new_name("client-"),
                                  subject)
        # What CONNECT says is nothing: neither a name nor a password.
        c = Client(port or self.mine, name, device, "wrong", transport="tls",
                   tls_ca=str(self.cert), tls_cert=pair, **kw)
        c.pair = pair
        self.clients.append(c)
        return c


@pytest.fixture(scope="module", name="node")
def _node():
    with running(Certified) as node:
        yield node


def refusal(node, provoke, *said):
    """The line of the log about a login that was refused. There are ten in ten seconds at most: it is
    provoked until it is there."""
    def look():
        return next((x for x in node.broker.text().splitlines()
                     if "login refused" in x and all(word in x for word in said)), None)

    def once():
        provoke()
        return look()
    return node.broker.wait_for(lambda: look() or once(), f"a refusal with {said}")


def turned_out(c):
    """Connects, says something on an open topic, and is disconnected."""
    c.connect()
    c.post("plain/x", "FORGED", retain=True)
    c.wait_disconnected()


def states(watcher, user):
    return [m.json["state"] for m in watcher.messages if m.topic == f"im/presence/{user}"]


# -- who has an account --

@V
def test_a_certificate_needs_no_password(node, v5):
    """Messages both ways, requests, ordinary topics, presence, for an account that has none."""
    name = node.new_name("press-")
    Imctl.of(node).ok("user", "create", name, "--no-password")
    bob = node.connect(node.user())
    bob.subscribe(f"im/presence/{name}")
    press = node.certified(name, v5=v5).connect().inbox()
    bob.wait_for(lambda: states(bob, name)[-1:] == ["online"])
    bob.send(f"im/u/{name}", {"id": node.new_name("m"), "body": "start"})
    press.wait_body(f"u/{bob.user}", "start")
    press.send(f"im/u/{bob.user}", {"id": node.new_name("m"), "body": "started"})
    assert bob.wait_body(f"u/{name}", "started")["from"] == name
    assert press.rpc("user.get")["uid"] == name
    assert press.subscribe(f"home/{name}/#") < 0x80
    press.publish(f"home/{name}/state", "warm")
    press.wait_for(lambda: any(m.payload == b"warm" for m in press.messages))
    press.disconnect()
    bob.wait_for(lambda: states(bob, name)[-1:] == ["offline"])
    # Nobody comes in to it by a password, an empty one or none.
    for password in ("", "pw", None):
        with pytest.raises(Refused):
            node.client(name, password=password).connect()


@V
def test_a_certificates_rights_end_where_the_accounts_do(node, v5):
    user, other = node.users(2)
    c = node.certified(user, v5=v5).connect()
    for topic in ("elsewhere/#", f"home/{other}/#", f"im/inbox/{other}/#", "#", "$SYS/#",
                  "$CONTROL/im/v1/response"):
        assert c.subscribe(topic) >= 0x80, topic
    late = node.client(other).connect()
    assert late.subscribe("plain/#", f"home/{other}/#") == [1, 1]
    c.publish(f"home/{other}/x", "FORGED", retain=True)
    c.publish("plain/x", "fence")
    late.wait_for(lambda: any(m.payload == b"fence" for m in late.messages))
    assert [m for m in late.messages if m.payload == b"FORGED"] == []


@V
def test_a_kept_session_waits_for_its_certificate(node, v5):
    user, device = node.user(), node.new_name("plc-")
    keep = {"clean": False, "v5": v5, **({"session_expiry": 1000} if v5 else {})}
    c = node.certified(user, device, **keep).connect().inbox()
    c.disconnect()
    bob = node.connect(node.user())
    bob.send(f"im/u/{user}", {"id": node.new_name("m"), "body": "while away"})
    again = node.certified(user, device, **keep).connect()
    assert again.session_present
    again.wait_body(f"u/{bob.user}", "while away")


# -- who has none --

NAMES = {"Press 17": "Press%2017", "CN=alice,O=Example": "CN%3Dalice%2CO%3DExample",
         "grüße": "gr%C3%BC%C3%9Fe", "100%": "100%25", "$im/x": "%24im%2Fx", "a:b": "a:b",
         "x" * 63 + "+": "x" * 63 + "%2B", "\u202eecila": "%E2%80%AEecila",
         "im-bridge": "im-bridge"}


@pytest.mark.parametrize("speaks", [False, True], ids=["silent", "speaks"])
@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_is_none_is_refused_and_named(node, name, speaks):
    listener = node.client(node.user()).connect()
    assert listener.subscribe("plain/#") < 0x80
    pair = tls.client(node.folder, node.cert, node.key, name, node.new_name("client-"))

    def provoke():
        c = node.certified(name, "plc", pair=pair).connect()
        # Nothing shows it to a plugin of 2.0 before.
        if speaks or not NEWER:
            c.post("plain/x", "FORGED", retain=True)
        c.wait_disconnected()
    provoke()
    line = refusal(node, provoke, f"user={NAMES[name]} client=plc ")
    assert ("the name is the bridge's" if name == "im-bridge" else
            "what the certificate or key names is no username, which is 1 to 64") in line
    listener.publish("plain/fence", "fence")
    listener.wait_for(lambda: any(m.payload == b"fence" for m in listener.messages))
    assert [m for m in listener.messages if m.payload == b"FORGED"] == []


@pytest.mark.parametrize("name", ["esc\x1b[31m", "two\nlines"])
def test_a_name_that_would_be_a_command_to_a_terminal_is_refused_by_the_broker(node, name):
    """Which takes no control characters; were it to, they would be shown as %XX."""
    with pytest.raises(Refused):
        node.certified(name).connect()
    assert "\x1b" not in node.broker.text()


def test_a_whole_subject_is_nobodys_name(node):
    """As the plugin says at start."""
    assert any("use_subject_as_username true lets nobody in" in x and "mosquitto.conf:" in x
               for x in node.broker.text().splitlines())
    user, device = node.user(), node.new_name("plc-")
    subject = [(NameOID.ORGANIZATION_NAME, "Example, Inc."), (NameOID.COMMON_NAME, user)]

    def provoke():
        turned_out(node.certified(user, device, port=node.subject_port, subject=subject))
    line = refusal(node, provoke, f"client={device} ")
    assert f"CN%3D{user}" in line and "O%3DExample" in line


def tls_refuses(node, pair=None):
    """The handshake ends with an alert, with TLS 1.3 at the first read."""
    context = ssl.create_default_context(cafile=str(node.cert))
    if pair:
        context.load_cert_chain(*map(str, pair))
    with socket.create_connection(("127.0.0.1", node.mine), timeout=build.DEADLINE_S) as plain:
        try:
            with context.wrap_socket(plain, server_hostname="127.0.0.1") as s:
                s.sendall(w.connect("plc", "user"))
                return not s.recv(4)
        except (ssl.SSLError, ConnectionResetError):
            return True


def test_without_a_certificate_nobody_comes_in_here(node):
    assert tls_refuses(node)


# -- how it ends --

@pytest.mark.parametrize("how", ["disable", "delete", "kick"])
@V
def test_an_administrator_ends_it_and_its_device_hears_why(node, how, v5):
    user, imctl = node.user(), Imctl.of(node)
    c = node.certified(user, v5=v5).connect().inbox()
    c.rpc("user.get")
    imctl.ok(*(("kick", user) if how == "kick" else ("user", how, user)))
    c.wait_disconnected()
    end = [e for e in c.events("session") if e["action"] == "end"]
    assert [(e["device"], e["reason"]) for e in end] == [(c.device, {"kick": "kicked", "disable": "disabled",
                                                          "delete": "deleted"}[how])]
    again = node.certified(user, pair=c.pair, v5=v5).connect()
    if how == "kick":
        assert again.inbox().rpc("user.get")["uid"] == user
        return
    again.post("plain/x", "FORGED")
    again.wait_disconnected()


def test_a_new_password_ends_connections_by_certificate(node):
    user = node.user()
    c = node.certified(user).connect().inbox()
    c.rpc("user.get")
    Imctl.of(node).ok("user", "password", user, "--password-file", "-", stdin="another\n")
    c.wait_disconnected()


@V
def test_max_devices_holds_for_certificates(node, v5):
    user, imctl = node.user(), Imctl.of(node)
    imctl.ok("user", "devices", user, "2")
    first, second = (node.certified(user, v5=v5).connect().inbox() for _ in range(2))
    device = node.new_name("third-")
    refusal(node, lambda: turned_out(node.certified(user, device, v5=v5)),
            f"user={user} client={device} ", "max_devices")
    assert first.rpc("user.get") and second.rpc("user.get")
    second.disconnect()
    assert node.certified(user, device, v5=v5).connect().inbox().rpc("user.get")


@V
def test_a_client_id_belongs_to_its_user(node, v5):
    owner, thief = node.users(2)
    device = node.new_name("plc-")
    c = node.certified(owner, device, clean=False).connect().inbox()
    c.rpc("user.get")
    c.disconnect()
    refusal(node, lambda: turned_out(node.certified(thief, device, v5=v5)),
            f"user={thief} client={device} ", "client id belongs to another user")
    assert node.certified(owner, device, clean=False).connect().inbox().rpc("user.get")


def test_a_revoked_certificate_comes_in_no_more():
    """From the next reload on; who is connected stays until he is kicked."""
    with running(Certified) as own:
        user = own.user()
        c = own.certified(user).connect().inbox()
        assert c.rpc("user.get")["uid"] == user
        own.revoke(c.pair[0])
        own.broker.send_signal(signal.SIGHUP)
        until(lambda: tls_refuses(own, c.pair), "a refusal of the certificate")
        assert c.rpc("user.get")["uid"] == user
        Imctl.of(own).ok("kick", user)
        c.wait_disconnected()
        assert tls_refuses(own, c.pair)
        # The account is what it was.
        assert own.certified(user).connect().inbox().rpc("user.get")["uid"] == user


# -- a name that a proxy says --

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def proxy_header(name):
    """PROXY, version 2: a client with a checked certificate of this name."""
    cn = b"\x22" + struct.pack("!H", len(name)) + name.encode()
    tls_part = b"\x07" + bytes(4) + cn
    body = (socket.inet_aton("192.0.2.9") + socket.inet_aton("127.0.0.1") + struct.pack("!HH", 9, 9)
            + b"\x20" + struct.pack("!H", len(tls_part)) + tls_part)
    return SIGNATURE + b"\x21\x11" + struct.pack("!H", len(body)) + body


def test_a_name_that_a_proxy_says_is_no_certificate(own_node, free_port):
    """2.1 takes it from there, and asks the plugin about it as about one without a password; older
    brokers take no header."""
    port = free_port()
    lines = ["enable_proxy_protocol 2", "require_certificate true", "use_identity_as_username true"]
    node = own_node(users=2, conf=[f"listener {port} 127.0.0.1", *lines] if NEWER else [])
    user = node.user()
    with Raw(port if NEWER else node.port) as r:
        r.send(proxy_header(user) + w.connect("plc", "another", "pw"))
        assert [body[1] for kind, _, body in r.expect_closed() if kind == w.CONNACK] == (
            [5] if NEWER else [])
    if NEWER:
        node.broker.wait_text(f"login refused user={user} client=plc address=192.0.2.9: no password")
    assert node.connect(user).rpc("user.get")
