# SPDX-License-Identifier: BSD-3-Clause
"""A client in JavaScript that was made from docs/PROTOCOL.md alone (newcomer/client.js), against a
node: what the page promises to an app, from its first screen to the end of its connection."""
import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import time

import pytest

from lib import build, tokens
from lib import mqttwire as w
from lib.node import PASSWORD, until
from lib.raw import Closed, Raw
from lib.tools import Imctl
from newcomer.app import App, No

NODE_JS = shutil.which("nodejs") or shutil.which("node")
CLIENT = pathlib.Path(__file__).parent / "newcomer" / "client.js"
ENV = {**os.environ, "NODE_PATH": "/usr/share/nodejs"}
SECRET = b"0123456789abcdef0123456789abcdef"
NODE = {"options": {"jwt_secret_file": "{folder}/secret", "rate_messages": 0},
        "files": {"secret": SECRET.decode()}}
TEXTS = {-32600: "invalid request", -32601: "unknown method", -32602: "invalid parameters",
         -32001: "unknown user", -32002: "unknown group", -32003: "not a member", -32004: "muted",
         -32005: "blocked", -32007: "too large", -32012: "not allowed", -32014: "unknown message",
         0x87: "denied"}
EACH = 150  # messages in the two directions while the bridge is killed


@pytest.fixture(scope="module", autouse=True)
def node_js():
    found = NODE_JS and subprocess.run([NODE_JS, "-e", "require('mqtt')"], env=ENV,
                                       capture_output=True).returncode == 0
    assert found, "nodejs and node-mqtt are missing: config/deps.sh installs them"


@pytest.fixture
def js(tmp_path):
    """A maker of clients, each a process of its own."""
    made = []

    def make():
        made.append(App([NODE_JS, str(CLIENT)], tmp_path / f"js-{len(made)}.log", ENV))
        return made[-1]
    yield make
    for client in made:
        client.close()


@pytest.fixture
def opened(js):
    """A maker of clients that are connected and show their first screen."""
    def make(node, user, device=None, **kw):
        client = js()
        client.connect(node, user, device or f"{user}-js", **kw)
        client.ask("open")
        return client
    return make


def said(client, conv):
    """(seq, text) of the messages that came, each as often as it came."""
    return [(m["seq"], m["text"]) for m in client.seen("message", conv=conv)]


def whole(client, peer):
    """The conversation, a page before the other, as somebody scrolls up."""
    page = client.ask("history", to=peer)
    messages = page["messages"]
    while page["more"]:
        page = client.ask("history", to=peer, before=messages[0]["seq"])
        messages = page["messages"] + messages
    return messages


def item(conv, text, seq=1, sender=None, unread=0, **more):
    """A conversation as the app lists it."""
    return {"conv": conv, "kind": "direct", "name": conv[2:], "unread": unread, "mentions": 0,
            "pinned": False, "follow": False,
            "last": {"seq": seq, "from": sender, "text": text}, **more}


def refused(code, call, *args, **kw):
    """With the words of the page's table, and not to be tried again."""
    with pytest.raises(No) as e:
        call(*args, **kw)
    assert (e.value.code, e.value.retry) == (code, None), e.value
    assert e.value.reason.startswith(TEXTS[code])


def token(user, ttl_s):
    """A token, and when it is over in milliseconds."""
    claims = tokens.claims(user, ttl_s)
    return tokens.token(SECRET, "HS256", claims), claims["exp"] * 1000


# -- the first screen --

def test_many_conversations_open_with_one_answer_and_go_on_with_what_has_changed(node, js):
    me, host = node.users(2)
    h = node.connect(host)
    gids = [node.group(h, [me], name=f"Group {n}") for n in range(60)]
    for n, gid in enumerate(gids):
        h.send(f"im/g/{gid}", {"id": gid, "body": f"line {n}", "mentions": [me] if n == 7 else []})
    c = js()
    hello = c.connect(node, me, "phone, of mine/1")
    assert (hello["device"], hello["behind"]) == ("phone, of mine/1", True)
    start = c.ask("open")
    assert (start["first"], start["more"], start["all"]) == (60, False, 60)
    assert (start["profile"]["uid"], start["node"]["max_payload"]) == (me, 65536)

    def group(n, **more):
        return item(f"g/{gids[n]}", **{"text": f"line {n}", "seq": 2, "sender": host, "unread": 1,
                                       "mentions": int(n == 7), "kind": "group",
                                       "name": f"Group {n}", **more})
    assert c.ask("list") == [group(n) for n in reversed(range(60))]
    # Nothing of what was before has come: a new device begins here.
    assert not c.seen("message") and not c.seen("news")
    devices = c.call("device.list")["devices"]
    assert [d["device"] for d in devices] == ["phone, of mine/1"]
    assert devices[0]["start"] == devices[0]["cursor"]
    # What has changed since, while away too.
    assert c.call("conv.update", conv=f"g/{gids[3]}", pinned=True)["changed"]
    c.wait("conv", conv=f"g/{gids[3]}", pinned=True)
    Imctl.of(node).ok("kick", me)
    c.wait("closed", reason="kicked", retry="later")
    h.send(f"im/g/{gids[5]}", {"id": "more", "body": "more"})
    h.kick(gids[9], me)
    c.wait("hello", 2)
    assert c.ask("list") == [group(3, pinned=True), group(5, text="more", seq=3, unread=2)] + [
        group(n) for n in reversed(range(60)) if n not in (3, 5, 9)]
    assert c.ask("read", group=gids[5]) == {"seq": 3, "changed": True}
    assert c.ask("list")[1] == group(5, text="more", seq=3, unread=0)
    c.wait("group", conv=f"g/{gids[9]}", action="kick", by=host)
    assert said(c, f"g/{gids[5]}") == [(3, "more")]
    c.quit()


def test_a_list_beyond_one_answer_is_gone_through(node, js):
    me, host = node.users(2)
    h = node.connect(host)
    gids = [node.group(h, [me], avatar="a" * 1024) for _ in range(70)]
    c = js()
    c.connect(node, me, f"{me}-js")
    start = c.ask("open")
    assert start["first"] < 70 and (start["more"], start["all"]) == (True, 70)
    assert [i["conv"] for i in c.ask("list")] == [f"g/{gid}" for gid in reversed(gids)]


def test_a_device_that_comes_back_gets_what_it_has_missed_and_no_more(node, opened):
    alice, bob = node.users(2)
    a, b = opened(node, alice), opened(node, bob, "bob-js")
    a.ask("send", to=bob, text="one")
    b.wait("message", text="one")
    b.quit()  # acknowledges
    a.wait("delivered", conv=f"u/{bob}", seq=1)
    for text in ("two", "three"):
        a.ask("send", to=bob, text=text)
    b = opened(node, bob, "bob-js")
    assert said(b, f"u/{alice}") == [(2, "two"), (3, "three")]
    assert b.seen("hello")[0]["behind"]
    assert b.ask("list") == [item(f"u/{alice}", "three", 3, alice, 3)]
    a.wait("delivered", conv=f"u/{bob}", seq=3)


def test_a_kept_session_is_greeted_and_brings_what_has_waited(node, opened, js):
    alice, bob = node.users(2)
    a, b = opened(node, alice), opened(node, bob, keep=True)
    assert b.seen("connected") == [{"event": "connected", "session": False}]
    b.quit()
    for n in range(20):
        a.ask("send", to=bob, text=f"waits {n}")
    b = js()
    assert b.connect(node, bob, f"{bob}-js", keep=True)["behind"]
    assert b.seen("connected") == [{"event": "connected", "session": True}]
    b.ask("open")
    a.ask("send", to=bob, text="live")
    b.wait("message", text="live")
    assert sorted(said(b, f"u/{alice}")) == [
        *((n + 1, f"waits {n}") for n in range(20)), (21, "live")]
    a.wait("delivered", conv=f"u/{bob}", seq=21)


# -- nothing is lost --

def test_nothing_is_lost_or_doubled_when_the_bridge_is_killed(own_node, opened):
    node = own_node(**NODE, users=2)
    alice, bob = node.users(2)
    a, b = opened(node, alice), opened(node, bob)
    texts = {alice: [f"a{n}" for n in range(EACH)], bob: [f"b{n}" for n in range(EACH)]}
    numbers = [(c, c.tell("send", to=to, text=text))
               for pair in zip(texts[alice], texts[bob])
               for (c, to), text in zip(((a, bob), (b, alice)), pair)]
    for part in (1, 2, 3):
        until(lambda p=part: len(a.answers) > p * EACH // 5, "answers")
        assert len(a.answers) < EACH
        node.kill_bridge()
        node.start_bridge()
    assert sorted(c.answer(n)["seq"] for c, n in numbers) == list(range(1, 2 * EACH + 1))
    a.wait("message", EACH)
    b.wait("message", EACH)
    for client, me, peer in ((a, alice, bob), (b, bob, alice)):
        history = whole(client, peer)
        assert [m["seq"] for m in history] == list(range(1, 2 * EACH + 1))
        for user in (alice, bob):
            assert [m["text"] for m in history if m["from"] == user] == texts[user]
        assert sorted(said(client, f"u/{peer}")) == [(m["seq"], m["text"]) for m in history
                                                     if m["from"] == peer]


def test_it_comes_back_when_the_broker_does(own_node, opened):
    node = own_node(**NODE, users=3)
    alice, bob, carol = node.users(3)
    a, b, kept = opened(node, alice), opened(node, bob), opened(node, carol, keep=True)
    a.ask("send", to=bob, text="before")
    b.wait("message", text="before")
    node.kill_broker()
    for c in (a, b, kept):
        assert c.wait("closed") == {"event": "closed", "reason": "lost", "retry": "later"}
    numbers = [a.tell("send", to=to, text=f"meanwhile {n}")
               for n in range(10) for to in (bob, carol)]
    asked = a.tell("call", method="user.get")
    node.start_broker()
    assert [a.answer(n)["seq"] for n in numbers] == [n for k in range(10) for n in (k + 2, k + 1)]
    assert a.answer(asked)["uid"] == alice
    b.wait("message", 11)
    kept.wait("message", 10)
    # Whoever comes back in the middle has what is new before what was missed.
    assert sorted(said(b, f"u/{alice}")) == [
        (1, "before"), *((n + 2, f"meanwhile {n}") for n in range(10))]
    assert sorted(said(kept, f"u/{alice}")) == [(n + 1, f"meanwhile {n}") for n in range(10)]
    epochs = [h["epoch"] for h in b.seen("hello")]
    assert len(set(epochs)) == len(epochs) == 2
    assert b.ask("list") == [item(f"u/{alice}", "meanwhile 9", 11, alice, 11)]


def test_what_the_broker_has_dropped_is_missed_and_fetched(own_node, opened):
    """It keeps one queue for who does not read; the next delivery's number says so."""
    node = own_node(**NODE, users=2, max_queued=10, conf=["max_inflight_messages 20"])
    alice, bob = node.users(2)
    a, b = node.connect(alice), opened(node, bob)
    b.popen.send_signal(signal.SIGSTOP)
    for n in range(1, 301):
        a.post(f"im/u/{bob}", {"id": f"{n}", "body": f"{n}"})
    a.wait_ack_of("300")
    b.popen.send_signal(signal.SIGCONT)
    b.call("user.get")  # its answer comes after all that the broker has kept
    assert len(said(b, f"u/{alice}")) < 300
    a.send(f"im/u/{bob}", {"id": "last", "body": "last"})
    b.wait("message", 301)
    assert sorted(said(b, f"u/{alice}")) == [*((n, f"{n}") for n in range(1, 301)), (301, "last")]
    a.wait_event("delivered", lambda e: e["seq"] == 301)


def test_what_is_beyond_the_rate_goes_on_in_a_moment_and_in_order(own_node, opened):
    node = own_node(options={"rate_messages": 20}, users=2)
    alice, bob = node.users(2)
    a, b = opened(node, alice), opened(node, bob)
    numbers = [a.tell("send", to=bob, text=f"{n}") for n in range(60)]
    assert [a.answer(n)["seq"] for n in numbers] == list(range(1, 61))
    b.wait("message", 60)
    assert said(b, f"u/{alice}") == [(n + 1, f"{n}") for n in range(60)]


# -- refusals --

def test_what_is_refused_says_why_and_is_not_tried_again(node, opened):
    alice, bob = node.users(2)
    a, b = opened(node, alice), opened(node, bob)
    gid = b.call("group.create", gid=node.new_name("g"), join="open")["group"]["gid"]
    refused(-32003, a.ask, "send", group=gid, text="hi")
    refused(-32001, a.ask, "send", to="nobody", text="hi")
    refused(-32002, a.ask, "send", group="nowhere", text="hi")
    refused(-32007, a.ask, "send", to=bob, text="x" * 65536)
    refused(-32602, a.ask, "send", to=bob, text="hi", mentions=[bob] * 101)
    refused(-32602, a.ask, "send", to=bob, text="hi", reply_to=0)
    b.call("block.add", uid=alice)
    refused(-32005, a.ask, "send", to=bob, text="hi")
    b.call("block.remove", uid=alice)
    a.call("group.join", gid=gid)
    b.call("group.mute", gid=gid, seconds=600)
    refused(-32004, a.ask, "send", group=gid, text="hi")
    refused(-32012, a.ask, "pin", group=gid, seq=1)
    refused(-32014, a.ask, "pin", to=bob, seq=9)
    refused(-32601, a.call, "nosuch")
    refused(-32602, a.call, "conv.history", conv=f"u/{bob}", limit=501)
    assert a.ask("send", to=bob, text="after all that")["seq"] == 1


# -- what is said about a message --

def test_changes_come_live_and_history_shows_what_became_of_it(node, opened):
    alice, bob = node.users(2)
    a, b = opened(node, alice), opened(node, bob)
    direct = {"conv": f"u/{alice}"}
    for n, given in enumerate(({"text": "see you at 7"}, {"text": "where?", "reply_to": 1},
                               {"text": "is this a quote?", "reply_to": 99},
                               {"text": "@bob", "mentions": [bob]}, {"text": "a slip"}), 1):
        assert a.ask("send", to=bob, **given)["seq"] == n
    assert a.call("msg.edit", conv=f"u/{bob}", seq=1, body="see you at 8")["seq"] == 6
    assert b.call("msg.react", **direct, seq=2, emoji="👍")["seq"] == 7
    assert a.call("msg.recall", conv=f"u/{bob}", seq=5)["seq"] == 8
    assert b.ask("send", to=alice, text="what was it?", reply_to=5)["seq"] == 9
    a.wait("message", text="what was it?", reply_to=5)
    b.wait("change", what="recall")
    assert [m.get("mentioned") for m in b.seen("message")] == [None, None, None, True, None]
    assert b.seen("change") == [
        {"event": "change", **direct, "what": "edit", "from": alice, "seq": 1,
         "body": "see you at 8", "was": "see you at 7"},
        {"event": "change", **direct, "what": "react", "from": bob, "seq": 2, "emoji": "👍"},
        {"event": "change", **direct, "what": "recall", "from": alice, "seq": 5}]
    assert a.seen("change") == [{**change, "conv": f"u/{bob}"} for change in b.seen("change")]

    def row(seq, text, sender=alice, **more):
        return {"seq": seq, "from": sender, "type": "text", "text": text, **more}
    history = [
        row(1, "see you at 8", edited=1),
        row(2, "where?", reactions={"👍": [bob]},
            quote={"seq": 1, "from": alice, "text": "see you at 8"}),
        row(3, "is this a quote?", quote=None, quote_gone=True),
        row(4, "@bob", mentions=[bob]),
        row(5, "[recalled]", type="recalled", recalled_by=alice),
        row(9, "what was it?", bob, quote={"seq": 5, "from": alice, "text": "[recalled]"})]
    assert b.ask("history", **direct) == {"messages": history, "more": False}
    assert b.ask("history", **direct, before=3) == {"messages": history[:2], "more": False}
    assert b.ask("list") == [item(f"u/{alice}", "what was it?", 9, bob)]


def test_pins(node, opened):
    alice, bob = node.users(2)
    a, b = opened(node, alice), opened(node, bob)
    for n in (1, 2):
        a.ask("send", to=bob, text=f"note {n}")
    assert b.ask("pin", to=alice, seq=2) == {"changed": True, "seq": 3}
    assert b.ask("pin", to=alice, seq=2)["changed"] is False
    assert a.wait("news") == {"event": "news", "conv": f"u/{bob}", "seq": 3, "action": "pin",
                              "by": bob, "about": 2}
    pinned = [(m["seq"], m["text"], m.get("pinned")) for m in a.ask("history", to=bob)["messages"]]
    assert pinned == [(1, "note 1", None), (2, "note 2", True), (3, "pin", None)]
    assert a.ask("pin", to=bob, seq=2, remove=True) == {"changed": True, "seq": 4}
    assert b.wait("news", action="unpin")["about"] == 2
    assert [m.get("pinned") for m in b.ask("history", to=alice)["messages"]] == [None] * 4


# -- groups and rooms --

def test_a_link_lets_in_who_has_it(node, opened):
    alice, bob, carol = node.users(3)
    a, b, c = (opened(node, u) for u in (alice, bob, carol))
    gid = a.call("group.create", gid=node.new_name("g"), name="Cellar")["group"]["gid"]
    link = a.call("group.link", gid=gid, uses=1, seconds=60)
    assert (link["uses"], len(link["link"])) == (1, 26)
    refused(-32002, b.call, "group.get", gid=gid)
    seen = b.call("group.get", link=link["link"])["group"]
    assert (seen["gid"], seen["name"], seen["members"]) == (gid, "Cellar", 1)
    assert a.call("group.links", gid=gid)["links"][0]["left"] == 1
    assert b.call("group.join", link=link["link"]) == {"changed": True, "seq": 2}
    assert a.wait("news", action="join") == {
        "event": "news", "conv": f"g/{gid}", "seq": 2, "action": "join", "by": bob,
        "link": link["id"], "members": [{"uid": bob, "role": "member"}]}
    refused(-32002, c.call, "group.join", link=link["link"])
    assert a.call("group.links", gid=gid)["links"] == []
    assert b.ask("send", group=gid, text="cheers")["seq"] == 3
    assert a.wait("message", conv=f"g/{gid}")["text"] == "cheers"


def test_a_room_is_heard_by_who_looks_and_counts_for_who_follows(node, opened):
    host, fan, guest = node.users(3)
    h, f, g = (opened(node, u) for u in (host, fan, guest))
    gid = node.new_name("g")
    h.call("group.create", gid=gid, kind="room", join="open", members=[fan])
    refused(0x87, g.ask, "enter", group=gid) == "denied"
    g.call("group.join", gid=gid)
    g.ask("enter", group=gid)
    assert f.ask("follow", group=gid)["follow"] is True
    assert h.ask("send", group=gid, text="doors open", mentions=[fan])["seq"] == 3
    assert g.wait("message", conv=f"g/{gid}")["text"] == "doors open"
    room = {"kind": "room", "text": "doors open", "seq": 3, "sender": host}
    assert f.ask("list") == [item(f"g/{gid}", **room, unread=1, mentions=1, follow=True)]
    assert g.ask("list") == [item(f"g/{gid}", **room)]
    assert not f.seen("message")
    assert [(m["seq"], m["text"]) for m in f.ask("history", group=gid)["messages"]] == [
        (1, "create"), (2, "join"), (3, "doors open")]
    # A viewer hears nothing after looking away, nor one who has left.
    f.ask("enter", group=gid)
    g.ask("exit", group=gid)
    h.ask("send", group=gid, text="first song")
    f.wait("message", text="first song")
    assert f.ask("follow", group=gid, follow=False)["follow"] is False
    f.call("group.leave", gid=gid)
    f.wait("group", action="leave", conv=f"g/{gid}")
    assert h.ask("send", group=gid, text="second song")["seq"] == 6
    assert g.call("user.get")["uid"] == guest and f.ask("list") == []
    assert said(f, f"g/{gid}") == [(4, "first song")] and said(g, f"g/{gid}") == [(3, "doors open")]
    refused(-32003, f.ask, "history", group=gid)


def test_a_room_that_is_followed_is_synced(node, opened):
    host, fan = node.users(2)
    h, f = opened(node, host), opened(node, fan, "fan-js")
    gid = node.new_name("g")
    h.call("group.create", gid=gid, kind="room", members=[fan])
    f.ask("follow", group=gid)
    f.quit()
    h.ask("send", group=gid, text="meanwhile")
    f = opened(node, fan, "fan-js")
    assert said(f, f"g/{gid}") == [(2, "meanwhile")]


# -- batches --

def test_a_batch_is_answered_in_its_order_and_each_for_itself(node, opened):
    alice, bob = node.users(2)
    a, _ = opened(node, alice), opened(node, bob)
    a.ask("send", to=bob, text="hi")
    got = a.ask("batch", requests=[
        ["user.get", {"uid": bob}], ["conv.read", {"conv": f"u/{bob}", "seq": 1}],
        ["conv.get", {"conv": "g/nowhere"}], ["conv.history", {"conv": f"u/{bob}", "limit": 1}]])
    assert got[0] == {"uid": bob, "nick": "", "avatar": "", "rev": 0}
    assert got[1:3] == [{"error": -32012}, {"error": -32002}]
    assert [m["body"] for m in got[3]["messages"]] == ["hi"]
    refused(-32600, a.ask, "batch", requests=[["user.get", {}]] * 51)
    refused(-32600, a.ask, "batch", requests=[])
    # What does not fit beside the others is asked for alone.
    for n in range(2):
        a.ask("send", to=bob, text=f"{n}" * 50000)
    one = ["conv.history", {"conv": f"u/{bob}", "before": 3, "limit": 1}]
    other = ["conv.history", {"conv": f"u/{bob}", "limit": 1}]
    got = a.ask("batch", requests=[one, other, one])
    assert [m["body"] for page in got for m in page["messages"]] == [
        "0" * 50000, "1" * 50000, "0" * 50000]


# -- the end of a connection --

def test_one_that_is_kicked_comes_back_by_itself(node, opened):
    user = node.user()
    c = opened(node, user)
    Imctl.of(node).ok("kick", user, f"{user}-js")
    assert c.wait("closed") == {"event": "closed", "reason": "kicked", "retry": "later"}
    c.wait("hello", 2)
    assert c.call("user.get")["uid"] == user


def test_a_password_that_was_changed_is_asked_for(node, opened, js):
    user = node.user()
    c, other = opened(node, user), opened(node, user, f"{user}-other")
    assert other.call("user.password", old=PASSWORD, new="better")["changed"]
    assert c.wait("closed") == {"event": "closed", "reason": "password", "retry": "token"}
    c.ask("credential", password="better")
    c.wait("hello", 2)
    assert c.call("user.get")["uid"] == user
    # A wrong one is asked for once more, and then no more.
    d = js()
    with pytest.raises(No, match="login") as e:
        d.connect(node, user, f"{user}-third")
    assert (e.value.code, e.value.retry) == (0x87, "token")
    d.ask("credential", password="guessed")
    assert d.wait("closed", 2) == {"event": "closed", "reason": "login", "retry": "no"}


@pytest.mark.parametrize("reason", ["removed", "disabled", "deleted"])
def test_one_that_is_not_wanted_stays_away(node, opened, reason):
    user = node.user()
    c = opened(node, user)
    if reason == "removed":
        opened(node, user, f"{user}-other").call("device.remove", device=f"{user}-js")
    else:
        node.admin().command(f"{reason.removesuffix('d')}User", username=user)
    assert c.wait("closed") == {"event": "closed", "reason": reason, "retry": "no"}


def test_two_with_one_client_id_fight_and_the_user_is_told(node, opened):
    user = node.user()
    tablet, phone = opened(node, user, f"{user}-tablet"), opened(node, user)
    with contextlib.ExitStack() as stack:
        def rival():
            r = stack.enter_context(Raw(node.port, w.V5))
            with contextlib.suppress(Closed):
                if r.connect(f"{user}-js", user, PASSWORD)["code"] == 0:
                    r.subscribe(f"im/inbox/{user}/#")
            return tablet.seen("device")
        told = until(rival, "word of the fight")
    assert told == [{"event": "device", "action": "contested", "device": f"{user}-js"}]
    # Only a newer broker says to the one that was there what it was.
    assert phone.wait("closed") == {"event": "closed", **(
        {"reason": "taken over", "retry": "no"} if build.broker_version() >= (2, 0, 20) else
        {"reason": "lost", "retry": "later"})}


def test_a_client_id_of_another_user_is_not_tried_again(node, opened, js):
    user, other = node.users(2)
    opened(node, user, "mine")
    opened(node, other)  # Mosquitto 2.1 says why only if it need not hash the password
    c = js()
    with pytest.raises(No) as e:
        c.connect(node, other, "mine")
    assert (e.value.code, e.value.retry) == (
        (0x85, "no") if build.broker_version() >= (2, 1) else (0x87, "token"))


# -- tokens --

def test_a_token_is_renewed_before_it_is_over(node, opened):
    user = node.user()
    (first, first_over), (second, second_over) = token(user, 10), token(user, 600)
    c = opened(node, user, token=first)
    assert c.wait("renew") == {"event": "renew", "expires": first_over}
    assert time.time() * 1000 < first_over
    assert c.ask("credential", token=second) == {"expires": second_over}
    until(lambda: time.time() * 1000 > first_over + 1000, "end of the first token")
    assert c.call("user.get")["uid"] == user
    assert not c.seen("closed") and len(c.seen("hello")) == 1
    refused(-32602, c.ask, "credential", token="a.b.c")
    assert c.call("user.get")["uid"] == user


def test_a_token_that_is_over_is_asked_for(node, opened):
    user = node.user()
    c = opened(node, user, token=token(user, 6)[0])
    assert c.wait("closed") == {"event": "closed", "reason": "expired", "retry": "token"}
    c.ask("credential", token=token(user, 600)[0])
    c.wait("hello", 2)
    assert c.call("user.get")["uid"] == user
