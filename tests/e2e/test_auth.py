# SPDX-License-Identifier: BSD-3-Clause
"""Who may connect: passwords, tokens, and the binding of client ids to users."""
import contextlib
import threading
import time

import pytest

from lib import tokens
from lib.client import Refused
from lib.node import ADMIN, PASSWORD, until
from lib.raw import Closed, Raw

REFUSED = {False: 5, True: 0x87}
V = pytest.mark.parametrize("v5", [False, True], ids=["v311", "v5"])
SECRET = b"an HS256 secret of more than thirty-two bytes"


@pytest.fixture(autouse=True)
def calm(request):
    """Wrong logins of the test before have used up the broker's time for hashing: wait for it."""
    if "node" in request.fixturenames:
        node = request.getfixturevalue("node")
        right(node, node.user())


def refused(node, user, v5=False, **kw):
    with pytest.raises(Refused) as e:
        node.client(user, v5=v5, **kw).connect()
    return e.value.code


# -- passwords --

@V
def test_the_right_password_connects(node, v5):
    assert node.client(node.user(), v5=v5).connect().connected


@V
@pytest.mark.parametrize("user, password", [
    ("known", "wrong"), ("known", ""), ("known", None), ("known", PASSWORD + "x"),
    ("known", PASSWORD.upper()), ("known", "x" * 5000), ("nobody-of-that-name", PASSWORD),
    ("nobody-of-that-name", None), ("", PASSWORD), (None, None), ("im-bridge", PASSWORD),
    ("im-bridge", ""), ("with space", PASSWORD), ("a/b", PASSWORD), ("a+b#", PASSWORD),
    ("x" * 65, PASSWORD), ("ünicode", PASSWORD),
], ids=lambda v: repr(v)[:24])
def test_everything_else_is_refused_alike(node, v5, user, password):
    if user == "known":
        user = node.user()
    assert refused(node, user, v5, password=password, device=node.new_name("dev")) == REFUSED[v5]


def right(node, user, **kw):
    """Connects with a right password that the broker has to verify. Wrong ones cost the broker time
    to hash, of which it spends only so much a second: others may have to wait their turn."""
    def attempt():
        try:
            return node.client(user, **kw).connect().connected
        except Refused:
            return False
    return until(attempt, f"login of {user}")


def test_a_user_without_password_cannot_log_in(own_node):
    from lib import directory
    from lib.node import Node
    node = Node(users=1)
    directory.add_users(node.data / "directory.db", [("no-pw", None, False)])
    try:
        node.start()
        for password in (None, "", "x"):
            assert refused(node, "no-pw", password=password) == 5
    finally:
        node.close()


def test_a_right_login_is_not_remembered_for_another_password(node):
    user = node.user()
    for _ in range(3):
        node.client(user).connect().close()
        assert refused(node, user, password="wrong") == 5


def test_a_user_changes_the_password(node):
    user = node.user()
    c = node.connect(user)
    c.rpc("user.password", old=PASSWORD, new="a new one")
    assert refused(node, user) == 5
    assert right(node, user, password="a new one")
    assert refused(node, user) == 5


def test_no_file_keeps_the_words_of_a_password(own_node):
    """Nor those of a request that has been carried out: the spool wipes what it frees."""
    node = own_node()
    user = node.user()
    c = node.connect(user)
    c.rpc("user.password", old=PASSWORD, new="never-on-disk")
    c.send(f"im/u/{user}", {"id": "w", "body": "stored-all-the-same"})
    c.rpc("user.get")
    held = {f.name for f in node.folder.rglob("*") if f.is_file() and b"never-on-disk" in f.read_bytes()}
    assert held == set()
    assert b"stored-all-the-same" in (node.data / "messages.db-wal").read_bytes()


def test_the_old_password_is_asked_for(node):
    user = node.user()
    c = node.connect(user)
    reply = c.rpc_raw("user.password", {"old": "wrong", "new": "x"})
    assert reply["error"]["code"] in (-32012, -32602)
    assert right(node, user)


def test_others_can_log_in_while_somebody_guesses(own_node):
    """Guessing from one address must not keep everybody else out, known to the broker or not."""
    node = own_node(users=4)
    victim, known = node.users(2)
    node.client(known).connect().close()
    stop = threading.Event()

    def guess(n):
        while not stop.is_set():
            # No client of ours has this address. The password costs what a real hash costs.
            with Raw(node.port, source="127.0.0.2") as r, contextlib.suppress(Closed):
                r.connect(f"guess-{n}", f"nobody-{n}", "wrong")
    threads = [threading.Thread(target=guess, args=(n,), daemon=True) for n in range(4)]
    for thread in threads:
        thread.start()
    try:
        until(lambda: "throttled: too many wrong passwords" in node.broker.text(), "the bound on guessing")
        for _ in range(5):
            assert node.client(known).connect().connected
        assert node.client(victim).connect().connected
    finally:
        stop.set()
        for thread in threads:
            thread.join()


# -- client ids --

@V
def test_a_client_id_belongs_to_its_first_user(node, v5):
    alice, mallory = node.users(2)
    device = node.new_name("phone")
    a = node.connect(alice, device=device, v5=v5, clean=False, session_expiry=300 if v5 else None)
    # 0x85 / 2: client identifier not valid, or simply not authorized; never a takeover.
    refused(node, mallory, v5, device=device)
    assert a.connected
    a.close()
    refused(node, mallory, v5, device=device)
    assert node.client(alice, device=device, v5=v5).connect().connected


def test_a_client_id_stays_bound_after_a_restart(own_node):
    node = own_node()
    alice, mallory = node.users(2)
    node.connect(alice, device="tablet", clean=False).close()
    node.stop()
    node.start_broker()
    refused(node, mallory, device="tablet")  # also while the bridge is away
    node.start_bridge()
    refused(node, mallory, device="tablet")
    assert node.client(alice, device="tablet").connect().connected


def test_the_log_says_why_a_client_id_was_refused(own_node):
    node = own_node(users=2)
    alice, mallory = node.users(2)
    refused(node, alice, device="x" * 129)
    node.connect(alice, device="alice's phone")
    refused(node, mallory, device="alice's phone")
    said = [x for x in node.broker.text().splitlines() if "refused" in x and "client id" in x]
    assert f"user={alice} client={'x' * 100}" in said[0] and "1 to 128 bytes" in said[0]
    assert f"user={mallory} client=alice%27s%20phone" in said[1]


def test_a_device_can_be_used_at_once(node):
    """A new client id connects, subscribes and gets an answer on its own reply topic."""
    c = node.connect(node.user(), device=node.new_name("fresh"))
    assert c.rpc("conv.list")["conversations"] == []


# -- tokens --

@pytest.fixture(scope="module")
def jwt_node(tmp_path_factory):
    """Nodes for the three algorithms, made when first asked for."""
    from conftest import running
    import contextlib
    made, folder = {}, tmp_path_factory.mktemp("keys")
    with contextlib.ExitStack() as stack:
        def get(alg):
            if alg not in made:
                if alg == "HS256":
                    key = SECRET
                    (folder / "secret").write_bytes(SECRET + b"\n")
                    options = {"jwt_secret_file": folder / "secret"}
                else:
                    key = tokens.rsa_key() if alg == "RS256" else tokens.ec_key()
                    (folder / alg).write_bytes(tokens.public_pem(key))
                    options = {"jwt_key_file": folder / alg}
                node = stack.enter_context(running(users=200, options={
                    **options, "jwt_algorithm": alg, "jwt_auto_create": "true",
                    "jwt_issuer": "our-app", "jwt_audience": "im"}))
                node.key = key
                node.sign = lambda claims, a=alg, k=key, **kw: tokens.token(k, a, claims, **kw)
                made[alg] = node
            right(made[alg], made[alg].user())  # wrong tokens cost time too, see calm
            return made[alg]
        yield get


ALG = pytest.mark.parametrize("alg", ["HS256", "RS256", "ES256"])


def claims(uid, ttl_s=3600, **more):
    return tokens.claims(uid, ttl_s, **{"iss": "our-app", "aud": "im", **more})


@ALG
@V
def test_a_valid_token_is_a_password(jwt_node, alg, v5):
    node = jwt_node(alg)
    user = node.user()
    c = node.connect(user, v5=v5, password=node.sign(claims(user)))
    assert c.rpc("user.get")["uid"] == user


@ALG
def test_a_token_creates_its_user(jwt_node, alg):
    node = jwt_node(alg)
    new, peer = node.new_name("newcomer"), node.user()
    c = node.connect(new, password=node.sign(claims(new)))
    p = node.connect(peer)
    c.send(f"im/u/{peer}", {"id": "1", "body": "I am new"})
    assert p.wait_message(f"u/{new}")["from"] == new
    p.send(f"im/u/{new}", {"id": "1", "body": "welcome"})
    assert c.wait_body(f"u/{peer}", "welcome")


@ALG
@pytest.mark.parametrize("change", [
    dict(exp=lambda now: now - 10), dict(exp=None), dict(exp="tomorrow"),
    dict(nbf=lambda now: now + 3600), dict(iss="another"), dict(iss=None),
    dict(aud="another"), dict(aud=None), dict(sub="admin"), dict(sub=None), dict(sub=""),
    dict(sub=5),
], ids=lambda c: "-".join(f"{k}={'time' if callable(v) else v}" for k, v in c.items()))
def test_a_token_with_a_wrong_claim_is_refused(jwt_node, alg, change):
    node = jwt_node(alg)
    user = node.user()
    body = {k: v(int(time.time())) if callable(v) else v
            for k, v in claims(user, **change).items() if v is not None}
    assert refused(node, user, password=node.sign(body)) == 5


@ALG
def test_an_audience_may_be_a_list(jwt_node, alg):
    node = jwt_node(alg)
    user = node.user()
    token = node.sign(claims(user, aud=["other", "im"]))
    assert node.client(user, password=token).connect().connected


@ALG
def test_a_token_signed_by_another_key_is_refused(jwt_node, alg):
    node = jwt_node(alg)
    user = node.user()
    other = {"HS256": b"y" * 40, "RS256": None, "ES256": None}[alg] or \
        (tokens.rsa_key() if alg == "RS256" else tokens.ec_key())
    assert refused(node, user, password=tokens.token(other, alg, claims(user))) == 5


@ALG
def test_a_damaged_token_is_refused(jwt_node, alg):
    node = jwt_node(alg)
    user = node.user()
    head, body, signature = node.sign(claims(user)).split(".")
    for bad in (f"{head}.{body}", f"{head}.{body}.", f"{head}.{body}.{signature[:-4]}",
                f"{head}.{tokens.b64(b'{}')}.{signature}", f".{body}.{signature}", "..", "a.b.c",
                f"{head}.{body}.{signature}.{signature}", "eyJ" + "A" * 9000):
        assert refused(node, user, password=bad) == 5, bad[:60]


@ALG
def test_alg_none_is_refused(jwt_node, alg):
    node = jwt_node(alg)
    user = node.user()
    for name in ("none", "None", "NONE", "nOnE", ""):
        token = tokens.token(None, "none", claims(user), header={"alg": name, "typ": "JWT"})
        assert refused(node, user, password=token) == 5
        assert refused(node, user, password=token.rstrip(".")) == 5


@pytest.mark.parametrize("alg", ["RS256", "ES256"])
def test_the_public_key_is_not_an_hmac_secret(jwt_node, alg):
    """Algorithm confusion: HS256 with the published key as its secret."""
    node = jwt_node(alg)
    user = node.user()
    pem = tokens.public_pem(node.key)
    for secret in (pem, pem.strip(), pem + b"\0"):
        assert refused(node, user, password=tokens.token(secret, "HS256", claims(user))) == 5


def test_another_algorithm_of_the_same_family_is_refused(jwt_node):
    node = jwt_node("HS256")
    user = node.user()
    for name in ("HS384", "HS512", "RS256"):
        token = tokens.token(SECRET, "HS256", claims(user), header={"alg": name, "typ": "JWT"})
        assert refused(node, user, password=token) == 5


@ALG
def test_a_token_of_an_unfit_name_creates_nobody(jwt_node, alg):
    node = jwt_node(alg)
    for uid in ("with space", "a/b", "x" * 65, "im-bridge", "+", "ü"):
        assert refused(node, uid, password=node.sign(claims(uid)),
                       device=node.new_name("dev")) == 5
    found = {uid for uid, in node.sql("directory", "SELECT uid FROM user")}
    assert not found & {"with space", "a/b", "im-bridge", "+", "ü"}


@ALG
def test_a_token_makes_nobody_an_administrator(jwt_node, alg):
    node = jwt_node(alg)
    user = node.new_name("climber")
    c = node.connect(user, v5=True, password=node.sign(claims(user, role=1, admin=True)))
    assert c.subscribe("$CONTROL/im/v1/response") >= 0x80
    assert c.publish("$CONTROL/im/v1", '{"commands":[{"command":"listUsers"}]}') == 0x87


def test_passwords_work_beside_tokens(jwt_node):
    node = jwt_node("HS256")
    assert node.client(node.user()).connect().connected


def test_an_expired_token_does_not_live_on_in_the_cache(jwt_node):
    node = jwt_node("HS256")
    user = node.user()
    token = node.sign(claims(user, ttl_s=2))
    end = time.time() + 2
    node.client(user, password=token).connect().close()

    def gone():
        if time.time() < end + 1:
            return False
        return refused(node, user, password=token) == 5
    until(gone, "refusal after expiry")


# -- disabled and deleted users --

def test_a_disabled_user_is_disconnected_and_refused(node):
    admin, user = node.admin(), node.user()
    c = node.connect(user)
    admin.command("disableUser", username=user)
    c.wait_disconnected()
    assert refused(node, user) == 5
    admin.command("enableUser", username=user)
    assert node.client(user).connect().connected


def test_a_deleted_user_is_disconnected_and_refused(node):
    admin, user, peer = node.admin(), node.user(), node.user()
    c, p = node.connect(user), node.connect(peer)
    c.send(f"im/u/{peer}", {"id": "1", "body": "before"})
    admin.command("deleteUser", username=user)
    c.wait_disconnected()
    assert refused(node, user) == 5
    # What was said stays said, and can be read.
    assert [m["from"] for m in p.sync_all()[0]] == [user]
    assert [m["from"] for m in p.history(f"u/{user}")] == [user]


def test_a_deleted_users_device_can_be_used_by_another(node):
    admin, other = node.admin(), node.user()
    name, device = node.new_name("gone"), node.new_name("handed-on")
    admin.create_user(name)
    node.connect(name, device=device).close()
    admin.command("deleteUser", username=name)
    assert node.client(other, device=device).connect().connected


def test_a_password_set_by_the_administrator_counts_at_once(node):
    admin, user = node.admin(), node.user()
    node.client(user).connect()
    admin.set_password(user, "from the admin")
    assert refused(node, user) == 5
    assert right(node, user, password="from the admin")


def test_the_administrators_password_is_a_password_like_any_other(node):
    assert refused(node, ADMIN, password="wrong") == 5
