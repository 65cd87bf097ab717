# SPDX-License-Identifier: BSD-3-Clause
"""haproxy and nginx in front of a node, with the samples as they are shipped but for ports, paths, and the
lines that they say are for Mosquitto 2.1."""
import http.client
import re
import ssl
from concurrent.futures import ThreadPoolExecutor

import pytest

from conftest import running
from lib import beside, build, mqttwire as w, tls
from lib.client import Client, Refused
from lib.node import PASSWORD, until
from lib.raw import Closed, Raw
from lib.tools import Sub

NEWER = build.broker_version() >= (2, 1)
# The broker takes a WebSocket client's address from the header.
HEADER = (2, 0, 15) <= build.broker_version() < (2, 1)
V = pytest.mark.parametrize("v5", [False, True], ids=["v311", "v5"])
FRONTS = ["haproxy", "nginx"]
# Without and with the PROXY protocol.
HOW = ["plain"] + (["proxied"] if NEWER else [])


class Fronted(beside.Surrounded):
    """A node with a proxy in front: `how` is plain, or proxied (by the PROXY protocol)."""

    def __init__(self, front, how, brokers=1, **options):
        super().__init__(users=40, options={"auth_wrong_share": 20, **options}, brokers=brokers)
        self.front, self.how = front, how
        self.cert, self.key = tls.make(self.folder)
        # What the proxy listens on, what the brokers do, by the ports of samples and page.
        self.outer = {n: self.port_beside() for n in (8883, 8443, 8884)}
        self.inner = {}
        for broker, block, further in zip(self.brokers, ("# behind.conf", "# second.conf"), (0, 10)):
            self.inner[1883 + further] = broker.port
            certs = "/etc/mosquitto/certs"
            self.listens(broker, beside.block(
                block, (f"{certs}/clients-ca.crt", self.cert), (f"{certs}/server.crt", self.cert),
                (f"{certs}/server.key", self.key)))
            if NEWER:
                self.listens(broker, beside.block("# proxy-protocol.conf"), further)

    def listens(self, broker, text, further=0):
        """The page's listeners for the proxy, at ports that are so much higher."""
        def listener(m):
            port = self.port_beside()
            self.inner[int(m[1]) + further] = port
            broker.ports.append(port)
            return f"listener {port} "
        text = re.sub(r"^listener (\d+) ", listener, text, flags=re.M)
        broker.own_conf += [line for line in text.splitlines() if line]

    def to_broker(self, text):
        """The sample's addresses of the brokers; with its lines for several if there are, and in place of
        others those for 2.1 if they are meant."""
        if self.how == "proxied" or len(self.brokers) > 1:
            text = "".join(map(self.servers, re.split(r"^(?=backend )", text, flags=re.M)))
        if self.how == "proxied" and self.front == "nginx":
            text = beside.changed(text, [
                ("\t\tproxy_pass node;\n\t\tproxy_bind 127.0.0.2;\n", ""),
                ("\t\t#proxy_pass node_proxied;\n\t\t#proxy_protocol on;\n",
                 "\t\tproxy_pass node_proxied;\n\t\tproxy_protocol on;\n")])
        return re.sub(r"127\.0\.0\.1:(\d+)",
                      lambda m: f"127.0.0.1:{self.inner.get(int(m[1]), 1)}", text)

    def servers(self, backend):
        """Of its lines for a broker those that are meant, of the brokers that there are."""
        proxied = self.how == "proxied" and "send-proxy" in backend

        def line(m):
            if self.front == "haproxy" and proxied != ("send-proxy" in m[0]):
                return ""
            return m[1] + m[2] if int(m[3]) in self.inner else m[0]
        return re.sub(r"^(\t+)#?(server (?:broker\d* )?127\.0\.0\.1:(\d+).*\n)", line, backend,
                      flags=re.M)

    def start(self):
        super().start()
        if self.front == "haproxy":
            text = beside.changed(self.to_broker(beside.sample("haproxy.cfg")), [
                *((f"bind :{n}", f"bind 127.0.0.1:{p}") for n, p in self.outer.items()),
                ("/etc/haproxy/mqtt.pem", self.folder / "mqtt.pem")])
            (self.folder / "mqtt.pem").write_bytes(self.cert.read_bytes() + self.key.read_bytes())
            self.run(beside.haproxy(text, list(self.outer.values())))
        else:
            text = beside.changed(self.to_broker(beside.sample("nginx.conf")), [
                *((f"listen {n}", f"listen 127.0.0.1:{p}") for n, p in self.outer.items()),
                ("/etc/nginx/mqtt.crt", self.cert), ("/etc/nginx/mqtt.key", self.key),
                ("/run/nginx.pid", "{folder}/pid"), ("/var/log/nginx/error.log", "stderr")])
            self.run(beside.nginx(text, list(self.outer.values())))
        return self

    def through(self, user, way="tls", device=None, password=PASSWORD, pair=None, **kw):
        port = self.outer[{"tls": 8883, "wss": 8443, "certificate": 8884}[way]]
        c = Client(port, user, device, password, transport="wss" if way == "wss" else "tls",
                   tls_ca=str(self.cert), tls_cert=pair, **kw)
        self.clients.append(c)
        return c

    def address_of(self, user):
        """What the log says is the address of one who was refused."""
        line = self.broker.wait_text(f"login refused user={user} ")
        return re.search(r" address=(?:::ffff:)?(\S+?)(?: via=websocket)?: wrong", line)[1]

    def stats(self, refused=0):
        """The plugin's figures of this moment, when they have so many refused logins. It tells them
        every few seconds: those that have counted this question are of now."""
        admin = self.admin()

        def told():
            return admin.command("getStats")["plugin"]
        asked = told()["controls"]

        def look():
            got = told()
            return got["controls"] > asked and got["logins_refused"] >= refused and got
        return until(look, f"{refused} refused logins")


@pytest.fixture(scope="module", name="fronted", params=[(f, h) for f in FRONTS for h in HOW],
                ids=lambda p: "-".join(p))
def _fronted(request):
    options, _ = beside.options(beside.block("# proxy-address.conf"))
    with running(Fronted, *request.param, **options) as node:
        yield node


# -- what goes through --

@V
@pytest.mark.parametrize("way", ["tls", "wss"])
def test_messages_and_requests_go_through_whole(fronted, way, v5):
    alice, bob = fronted.users(2)
    a = fronted.through(alice, way, v5=v5).connect().inbox()
    b = fronted.connect(bob)
    a.converse(b)
    for n in range(200):
        b.post(f"im/u/{alice}", {"id": f"n{n}", "body": n})
    a.wait_for(lambda: len(a.on(f"u/{bob}")) == 201)


@pytest.mark.parametrize("way", ["tls", "wss"])
def test_a_wrong_password_is_refused_and_the_line_says_from_where(fronted, way):
    user = fronted.user()
    c = fronted.through(user, way, password="wrong")
    with pytest.raises((Refused, AssertionError)):
        c.connect()
    true = ((fronted.how == "proxied" and (way == "tls" or fronted.front == "haproxy"))
            or (way == "wss" and HEADER))
    assert fronted.address_of(user) == (c.source if true else "127.0.0.2")


@pytest.mark.parametrize("way", ["tls", "wss"])
def test_a_session_is_kept_and_a_will_is_sent(fronted, way):
    alice, bob = fronted.users(2)
    b = fronted.connect(bob)
    a = fronted.through(alice, way, device=f"{alice}-kept", clean=False,
                        will={"topic": f"im/u/{bob}", "payload": "gone"}).connect().inbox()
    a.rpc("user.get")
    a.abort()
    b.wait_body(f"u/{alice}", "gone")
    b.send(f"im/u/{alice}", {"id": "w1", "body": "while away"})
    again = fronted.through(alice, way, device=f"{alice}-kept", clean=False).connect()
    assert again.session_present
    again.wait_body(f"u/{bob}", "while away")


def test_who_is_silent_is_ended_by_the_broker_and_hears_of_it(fronted):
    """The keepalive is the client's and the broker's business: it works through the proxy."""
    user = fronted.user()
    raw = Raw(fronted.outer[8883])
    context = ssl.create_default_context(cafile=str(fronted.cert))
    raw.begin(context.wrap_socket(raw.sock, server_hostname="127.0.0.1"), w.V311)
    assert raw.connect(f"{user}-silent", user, PASSWORD, keepalive=1)["code"] == 0
    raw.expect_closed()
    raw.close()


@pytest.mark.parametrize("file, keys", [
    ("haproxy.cfg", ["timeout tunnel"]), ("nginx.conf", ["proxy_timeout", "proxy_read_timeout"])])
def test_no_timeout_is_shorter_than_a_keepalive_may_be(file, keys):
    text = beside.sample(file)
    for key in keys:
        hours = re.search(rf"^\s*{key} (\d+)h;?$", text, re.M)
        assert int(hours[1]) * 3600 > 65535 * 1.5


def test_a_browsers_client_talks_through_the_web_site(fronted):
    """MQTT.js, as a page would use it."""
    alice, bob = fronted.users(2)
    b = fronted.connect(bob)
    page = Sub(["/usr/bin/env", "NODE_PATH=/usr/share/nodejs", "/usr/bin/node",
                str(build.ROOT / "tests/e2e/lib/chat.js"),
                f"wss://127.0.0.1:{fronted.outer[8443]}/mqtt", str(fronted.cert), alice, PASSWORD,
                bob, "from a page"])
    try:
        b.wait_body(f"u/{alice}", "from a page")
        b.send(f"im/u/{alice}", {"id": "p1", "body": "back: from a page"})
        page.wait("back: from a page")
        assert page.popen.wait(build.DEADLINE_S) == 0, page.lines
    finally:
        page.close()
    # Nothing else of the site is the broker.
    site = http.client.HTTPSConnection("127.0.0.1", fronted.outer[8443], timeout=build.DEADLINE_S,
                                       context=ssl.create_default_context(cafile=fronted.cert))
    site.request("GET", "/mqtt/elsewhere")
    assert site.getresponse().status == 404
    site.close()


def test_a_certificate_goes_through_to_the_broker(fronted):
    user, other = fronted.users(2)
    pair = tls.client(fronted.folder, fronted.cert, fronted.key, user, fronted.new_name("client-"))
    c = fronted.through(other, "certificate", pair=pair).connect()
    c.user = user
    assert c.inbox().rpc("user.get")["uid"] == user
    pair = tls.client(fronted.folder, fronted.cert, fronted.key, "no one", fronted.new_name("client-"))
    c = fronted.through(other, "certificate", device=fronted.new_name("plc-"), pair=pair).connect()
    c.post("plain/x", "FORGED")
    c.wait_disconnected()
    line = fronted.broker.wait_text(f"login refused user=no%20one client={c.device} ")
    assert "address=127.0.0.2: " in line


# -- who guesses --

def throttled(node, way, source, at_once=1):
    """How many of 45 guesses are turned away because of their address; each is at another name."""
    def guess(name):
        """Whether the plugin has refused it; the proxy says nothing of MQTT."""
        c = node.through(name, way, password="wrong")
        c.source = source
        try:
            c.connect()
        except Refused as e:
            return e.code is not None
        except (OSError, ValueError, AssertionError):  # ValueError: the proxy's HTTP says no
            return False
        finally:
            node.clients.remove(c)
            c.close()
        raise AssertionError("let in")
    before = node.stats()
    with ThreadPoolExecutor(at_once) as several:
        came = sum(several.map(guess, [node.new_name("made-up") for _ in range(45)]))
    return node.stats(before["logins_refused"] + came)["throttled_address"] - before["throttled_address"]


def uses_up(node, way, source):
    """Whether what wrong passwords from there may cost is spent. One after the other they may be too slow
    on a busy machine: as much flows in meanwhile; many at a time on an idle one spend first what those of
    all addresses may cost at once."""
    return any(throttled(node, way, source, at_once) for at_once in (1, 3, 8))


def comes_in(node, way="tls", source=None):
    """A user who has not been there; at the next try where all that wrong passwords may cost is spent."""
    user = node.user()

    def connected():
        c = node.through(user, way)
        c.source = source or c.source
        try:
            return c.connect()
        except Refused:
            node.clients.remove(c)
            return None
    assert until(connected, "a login").inbox().rpc("user.get")


@pytest.mark.parametrize("way", ["tls", "wss"])
def test_who_guesses_keeps_nobody_else_behind_the_proxy_out(fronted, way):
    source = fronted.through("x").source
    true = ((fronted.how == "proxied" and (way == "tls" or fronted.front == "haproxy"))
            or (way == "wss" and HEADER))
    # Where each has an address of his own, his is used up; where nobody has, nobody's is.
    assert uses_up(fronted, way, source) if true else not throttled(fronted, way, source)
    for _ in range(3):
        comes_in(fronted, way)
    assert fronted.connect(fronted.user()).rpc("user.get")


def test_without_the_option_he_would():
    """Which is why it is there."""
    with running(Fronted, "haproxy", "plain") as node:
        assert uses_up(node, "tls", node.through("x").source)


def test_a_flood_of_connections_ends_at_haproxy():
    options, _ = beside.options(beside.block("# proxy-address.conf"))
    with running(Fronted, "haproxy", "plain", **options) as node:
        for port in node.outer.values():
            assert beside.ends_flood(port, "127.0.0.97")
        assert node.through(node.user()).connect().inbox().rpc("user.get")


def test_a_unix_sockets_listener_is_a_proxys_by_its_path(own_node):
    node = own_node(users=20, conf=["listener 0 {folder}/p.sock"],
                    options={"proxy_address": "{folder}/p.sock", "auth_wrong_share": 20})
    said = "too many wrong passwords from this address"

    def guess(connect):
        with connect() as r:
            r.send(w.connect(node.new_name("d"), node.new_name("made-up"), "wrong"))
            r.expect_closed()
        return said in node.broker.text()
    assert not any(guess(lambda: Raw.unix(node.folder / "p.sock")) for _ in range(60))
    user = node.user()

    def comes_in():
        with Raw.unix(node.folder / "p.sock") as r:
            try:
                return r.connect(f"{user}-d", user, PASSWORD)["code"] == 0
            except Closed:
                return False  # all of the moment is used up
    until(comes_in, "a login")
    # Any other address has a budget, and uses it up.
    until(lambda: guess(lambda: Raw(node.port)), "an address that is used up")


# -- several brokers --

class SharedOut(Fronted):
    """Two brokers behind a proxy, by the lines of the sample that say they are for several."""

    def __init__(self, front, how, **options):
        super().__init__(front, how, brokers=2, **options)

    def guess(self, n):
        """From one address, each time another name."""
        for _ in range(n):
            c = self.through(self.new_name("made-up"), password="wrong")
            c.source = "127.0.0.97"
            with pytest.raises((Refused, OSError, AssertionError)):
                c.connect()
            c.close()

    def figures(self, *names):
        """Of both brokers together, as they are now."""
        found = dict.fromkeys(names, 0)
        for i in range(2):
            admin = self.admin(i)

            def told():
                return admin.command("getStats")["brokers"][i]["plugin"] or {"controls": -1}
            asked = told()["controls"]
            now = until(lambda: (t := told())["controls"] > asked + 1 and t, "figures of now")
            for name in names:
                found[name] += now[name]
        return found


@pytest.fixture(scope="module", name="shared", params=[(f, h) for f in FRONTS for h in HOW],
                ids=lambda p: "-".join(p))
def _shared(request):
    options, _ = beside.options(beside.block("# proxy-address.conf"))
    with running(SharedOut, *request.param, **options) as node:
        yield node


def clients_of(broker):
    return len(re.findall("New client connected from [^ ]+ as user", broker.text()))


@pytest.mark.parametrize("way", ["tls", "wss", "certificate"])
def test_clients_are_shared_out_among_brokers_and_hear_each_other(shared, way):
    alice, bob = shared.users(2)
    before = [clients_of(b) for b in shared.brokers]

    def come(user, n):
        pair = way == "certificate" and tls.client(shared.folder, shared.cert, shared.key, user,
                                                   shared.new_name("client-"))
        return shared.through(user, way, device=f"{user}-{n}", pair=pair or None).connect().inbox()
    there = [come(bob, n) for n in range(4)]
    for c in there:
        c.wait_event("hello")
    assert all(clients_of(b) > n for b, n in zip(shared.brokers, before))
    for n in range(2):
        come(alice, n).send(f"im/u/{bob}", {"id": f"s{n}", "body": n})
        for c in there:
            c.wait_body(f"u/{alice}", n)


def test_who_guesses_at_two_brokers_keeps_nobody_else_behind_the_proxy_out(shared):
    """One address guesses passwords, as fast as it can and at both; others log in at both."""
    before, figures = [clients_of(b) for b in shared.brokers], shared.figures("logins_refused")
    shared.guess(45)
    after = shared.figures("logins_refused", "throttled_address")
    assert after["logins_refused"] - figures["logins_refused"] >= 40
    # Both know from where he came, or neither does.
    for broker in shared.brokers:
        line = broker.wait_text("login refused user=made-up")
        came_from = re.search(r" address=(?:::ffff:)?(\S+?): ", line)[1]
        assert came_from == ("127.0.0.97" if shared.how == "proxied" else "127.0.0.2")
    # Where each has an address of his own, his may be used up; where nobody has, nobody's is.
    assert shared.how == "proxied" or after["throttled_address"] == 0
    for _ in range(6):
        comes_in(shared, source="127.0.0.99")
    assert all(clients_of(b) > n for b, n in zip(shared.brokers, before))


# How many connections of one address they take.
@pytest.mark.parametrize("front, taken", [("haproxy", 60), ("nginx", 100)])
def test_a_flood_at_two_brokers_ends_at_the_proxy(front, taken):
    options, _ = beside.options(beside.block("# proxy-address.conf"))
    with running(SharedOut, front, "plain", **options) as node:
        assert beside.ends_flood(node.outer[8883], "127.0.0.97", taken=taken)
        for _ in range(4):
            assert node.through(node.user()).connect().inbox().rpc("user.get")
        assert all(clients_of(b) for b in node.brokers)


def test_a_broker_that_is_away_is_passed_over(shared):
    shared.stop_broker(1)
    try:
        for _ in range(4):
            c = shared.through(shared.user())
            c.source = "127.0.0.98"
            assert c.connect().inbox().rpc("user.get")
    finally:
        shared.start_broker(1)
    shared.wait_served(1)
