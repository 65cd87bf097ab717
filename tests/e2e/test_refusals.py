# SPDX-License-Identifier: BSD-3-Clause
"""The tables of docs/PROTOCOL.md that say what a client sees when it is refused: each row is brought
about, and what the broker under test says is what stands there for it."""
import contextlib
import pathlib
import re
import sqlite3
import ssl

import pytest

from lib import build, tls, tokens
from lib import mqttwire as w
from lib.node import PASSWORD
from lib.raw import Closed, Raw

PAGE = (pathlib.Path(__file__).resolve().parents[2] / "docs" / "PROTOCOL.md").read_text("utf-8")
SECRET = b"0123456789abcdef0123456789abcdef"
NODE = {"options": {"jwt_secret_file": "{folder}/secret", "max_keepalive": 60, "max_devices": 2},
        "files": {"secret": SECRET.decode()}, "identity_listener": True}
V = pytest.mark.parametrize("version", [w.V311, w.V5], ids=["v311", "v5"])
COLUMNS = ("3.1.1", "5, 2.0.11", "5, 2.0.21", "5, 2.1.2")


def tables():
    """{first column: {column: text}} of the tables with these columns."""
    found = {}
    head = re.escape(" | ".join(COLUMNS))
    for table in re.findall(rf"^\| \w+ \| {head} \| then \|\n\|[-|]+\|\n((?:\|.*\n)+)", PAGE, re.M):
        for row in table.splitlines():
            cells = [c.strip() for c in row.strip("|").split(" | ")]
            found[cells[0]] = dict(zip(COLUMNS, cells[1:5]))
    return found


def expected(what, version):
    """For the broker under test; the nearest column for one that has none."""
    if version == w.V311:
        return tables()[what]["3.1.1"]
    here = build.broker_version()
    column = COLUMNS[3] if here >= (2, 1) else COLUMNS[2] if here >= (2, 0, 20) else COLUMNS[1]
    return tables()[what][column]


def shown(code, version):
    if code is None:
        return "closed"
    return f"0x{code:02X}" if code >= 0x80 else str(code)


def login(node, version, user, password=PASSWORD, device=None, source="127.0.0.1", **kw):
    """As the tables write it."""
    with Raw(node.port, version, source=source) as r:
        try:
            code = r.connect(node.new_name("dev") if device is None else device, user, password,
                             **kw)["code"]
        except Closed:
            code = None
    return shown(code, version)


# -- logins: name of the row -> what brings it about --

def no_user_name(node, version):
    seen = {login(node, version, None, None), login(node, version, ""),
            login(node, version, "not a name")}
    assert len(seen) == 1
    return seen.pop()


def wrong_password(node, version):
    user = node.user()
    node.admin().command("deleteUser", username=user)
    seen = {login(node, version, "nobody"), login(node, version, user),
            login(node, version, node.user(), "wrong")}
    assert len(seen) == 1
    return seen.pop()


def disabled(node, version):
    user = node.user()
    node.admin().command("disableUser", username=user)
    return login(node, version, user)


def wrong_token(node, version):
    user = node.user()
    seen = {login(node, version, user, tokens.token(secret, "HS256", tokens.claims(user, ttl)))
            for secret, ttl in ((SECRET, -10), (b"f" * 32, 600))}
    assert len(seen) == 1
    return seen.pop()


def too_many_devices(node, version):
    user = node.user()
    node.connect(user)
    node.connect(user)
    return login(node, version, user)


def foreign(node, version):
    owner, other = node.users(2)
    device = node.connect(owner).device
    node.connect(other)  # so that his password need not be hashed
    return login(node, version, other, device=device)


def unfit(node, version):
    return login(node, version, node.user(), device="no\u2028fit")


def reserved(node, version):
    return login(node, version, node.user(), device="$im/mine")


def keepalive(node, version):
    seen = {login(node, version, node.user(), keepalive=s) for s in (0, 61)}
    assert len(seen) == 1
    return seen.pop()


def no_client_id(node, version):
    return login(node, version, node.user(), device="", clean=False)


def guessing(node, version):
    """From one address; with 2.1 those that have not waited yet."""
    user = node.user()
    seen = [login(node, version, user, f"wrong {n}", source="127.99.0.1", device=f"g{n}")
            for n in range(20)]
    assert "throttled" in node.broker.text()
    return seen[-1]


@contextlib.contextmanager
def fighting(node, version):
    """(user, device, the connection that is there): taken over five times within ten seconds."""
    user, device = node.user(), node.new_name("fought-for-")
    with contextlib.ExitStack() as stack:
        for _ in range(6):
            holder = stack.enter_context(Raw(node.port, version))
            assert holder.connect(device, user, PASSWORD)["code"] == 0
            assert holder.subscribe(f"im/inbox/{user}/#") < 0x80
        yield user, device, holder


def contested(node, version):
    with fighting(node, version) as (user, device, _):
        return login(node, version, user, device=device)


def unreadable(node, version):
    node.bridge.stop()
    with contextlib.closing(sqlite3.connect(node.data / "directory.db")) as db:
        db.execute("ALTER TABLE user RENAME TO away")
        try:
            seen = login(node, version, node.user())
        finally:
            db.execute("ALTER TABLE away RENAME TO user")
    node.start_bridge()
    return seen


def certificate(node, version):
    cert, key = tls.client(node.folder, node.cert, node.key, "nobody-there", node.new_name("c"))
    context = ssl.create_default_context(cafile=str(node.cert))
    context.check_hostname = False
    context.load_cert_chain(cert, key)
    plain = Raw(node.identity_port, version)
    plain.begin(context.wrap_socket(plain.sock), version)
    with plain as r:
        code = r.connect(node.new_name("dev"))["code"]
        with contextlib.suppress(Closed):
            r.send(w.subscribe(1, [("im/inbox/nobody-there/#", 1)], version=version))
        return f"{shown(code, version)}, {ended(r)}"


def ended(raw):
    """How the server closes it: DISCONNECT's reason, or closed."""
    said = [body for kind, _, body in raw.expect_closed() if kind == w.DISCONNECT]
    return shown(said[0][0] if said and said[0] else None, raw.version)


LOGINS = {
    "no user name, or one that is none": no_user_name,
    "unknown or deleted user, wrong password": wrong_password,
    "disabled user": disabled,
    "a token that is wrong or over": wrong_token,
    "one device more than `max_devices`": too_many_devices,
    "another user's client id": foreign,
    "a client id with what no client id may hold": unfit,
    "a client id that begins with `$im/`": reserved,
    "a keepalive of 0, or above `max_keepalive`": keepalive,
    "no client id, and a session that is to stay": no_client_id,
    "two devices fight for this client id": contested,
    "a certificate or pre-shared key without an account": certificate,
}
# Those that need a node of their own.
FAULTS = {
    "too many wrong passwords: nobody looks at one now": guessing,
    "the node cannot read its directory": unreadable,
}


# -- on a connection that stands --

@contextlib.contextmanager
def connected(node, version, user=None, inbox=True):
    user = user or node.user()
    with Raw(node.port, version) as r:
        assert r.connect(node.new_name("dev"), user, PASSWORD)["code"] == 0
        if inbox:
            assert r.subscribe(f"im/inbox/{user}/#") < 0x80
        yield r


def taken_over(node, version):
    user, device = node.user(), node.new_name("dev")
    with Raw(node.port, version) as old, Raw(node.port, version) as new:
        assert old.connect(device, user, PASSWORD)["code"] == 0
        assert new.connect(device, user, PASSWORD)["code"] == 0
        return ended(old)


def kept_in_part(node, version):
    """Its client id is forgotten while something waits for it."""
    user, other = node.users(2)
    device = node.new_name("dev")
    kw = {"clean": False,
          "props": {"session_expiry_interval": 300} if version == w.V5 else None}
    with Raw(node.port, version) as r:
        assert r.connect(device, user, PASSWORD, **kw)["code"] == 0
        assert r.subscribe(f"im/inbox/{user}/#") < 0x80
        r.message(lambda m: b'"hello"' in m["payload"])
    node.connect(other).send(f"im/u/{user}", {"id": "1", "body": "waits"})
    node.connect(user).rpc("device.remove", device=device)
    with Raw(node.port, version) as r:
        assert r.connect(device, user, PASSWORD, **kw)["session_present"]
        seen = ended(r)
        assert not [m for m in r.seen if m[0] == w.PUBLISH]
    with Raw(node.port, version) as r:
        assert r.connect(device, user, PASSWORD, **kw)["session_present"]
        r.ping()
    return seen


def no_subscribe(node, version):
    with connected(node, version) as r:
        return shown(r.subscribe("im/inbox/somebody-else/#"), version)


def acked(raw, mid):
    """PUBACK's code, and whether the refusal is on `ack`."""
    code = raw.puback(mid)
    message = raw.message(lambda m: m["topic"].endswith("/ack"))
    assert b'"error"' in message["payload"]
    return f"{shown(code, raw.version)}, `ack`"


def refused_message(node, version):
    with connected(node, version) as r:
        return acked(r, r.publish("im/u/nobody-there", '{"id":"1","body":"x"}', qos=1))


def too_fast(node, version):
    with connected(node, version) as r:
        for n in range(100):
            r.publish("im/s/u/admin", "x")
        return acked(r, r.publish("im/u/admin", '{"id":"1","body":"x"}', qos=1))


def too_fast_without_id(node, version):
    with connected(node, version, inbox=version == w.V5) as r:
        for n in range(100):
            r.publish("im/s/u/admin", "x")
        mid = r.publish("im/u/admin", "x", qos=1)
        return acked(r, mid) if version == w.V5 else ended(r)


STANDING = {
    "another connection with this client id": taken_over,
    "a kept session with what the client may not have": kept_in_part,
    "a SUBSCRIBE that is denied": no_subscribe,
    "a message that is refused, with an `id`": refused_message,
}
SLOW = {
    "a message beyond the rate, with an `id`": too_fast,
    "the same at QoS 1 without an `id`": too_fast_without_id,
}


def test_every_row_is_brought_about():
    assert set(tables()) == {*LOGINS, *FAULTS, *STANDING, *SLOW}


@V
@pytest.mark.parametrize("what", [*LOGINS, *STANDING])
def test_what_is_refused_looks_as_the_page_says(node, version, what):
    assert {**LOGINS, **STANDING}[what](node, version) == expected(what, version)


@V
@pytest.mark.parametrize("what", FAULTS)
def test_what_is_not_looked_at_looks_as_the_page_says(own_node, version, what):
    node = own_node(options={"auth_wrong_share": 1}, users=5)
    assert FAULTS[what](node, version) == expected(what, version)


@V
@pytest.mark.parametrize("what", SLOW)
def test_what_is_too_fast_looks_as_the_page_says(own_node, version, what):
    node = own_node(options={"rate_messages": 10}, users=5)
    assert SLOW[what](node, version) == expected(what, version)


# -- two devices with one client id --

@V
def test_who_is_there_stays_and_the_user_is_told(node, version):
    with fighting(node, version) as (user, device, holder):
        tablet = node.connect(user)
        for _ in range(3):
            assert login(node, version, user, device=device) == expected(
                "two devices fight for this client id", version)
        told = tablet.wait_event("device")
        assert told == {"event": "device", "action": "contested", "device": device}
        holder.ping()
        tablet.rpc("user.get")
        assert tablet.events("device") == [told]
        assert f"client id contested user={user} client={device}" in node.broker.text()


@V
def test_a_device_that_reconnects_is_no_two(node, version):
    """It gets no answer and tries again; or it was seen to go; whatever the pace."""
    user = node.user()
    lost, seen_to_go = node.new_name("lost-"), node.new_name("gone-")
    with contextlib.ExitStack() as stack:
        for _ in range(12):
            r = stack.enter_context(Raw(node.port, version))
            assert r.connect(lost, user, PASSWORD)["code"] == 0
    for _ in range(12):
        node.connect(user, seen_to_go, v5=version == w.V5).disconnect()
    assert f"client id contested user={user}" not in node.broker.text()
