# SPDX-License-Identifier: BSD-3-Clause
"""What a newcomer's client must do against a node, whatever language it is written in: a table of
steps, each of which is told the client's command line by its `world`."""
import itertools
import signal

from lib import build, tokens
from lib.node import PASSWORD, until
from lib.tools import Imctl

from .app import App

SECRET = b"0123456789abcdef0123456789abcdef"
TOKENS = {"options": {"jwt_secret_file": "{folder}/secret"}, "files": {"secret": SECRET.decode()}}


class World:
    """Clients of one kind, each closed at the end of its step."""

    def __init__(self, argv, own_node, reads_disconnect):
        """reads_disconnect: whether the client's library shows the reason of a DISCONNECT."""
        self.argv, self.own_node, self.apps, self.serial = argv, own_node, [], itertools.count(1)
        self.reads_disconnect = reads_disconnect

    def node(self, **kw):
        return self.own_node(**{"users": 20, **kw})

    def app(self, node, user, device=None, opened=True, **params):
        """One of them, greeted, with its first screen."""
        n = next(self.serial)
        app = App(self.argv, node.folder / f"app-{n}.log")
        self.apps.append(app)
        app.connect(node, user, device or f"{user}'s phone/{n}", **params)
        if opened:
            app.wait("hello")
            app.opened = app.ask("open")
        return app

    def close(self):
        for app in self.apps:
            app.close()


def listed(app):
    """The list as it is shown: name, unread, mentions and last."""
    return [(i["name"], i["unread"], i["mentions"], i["last"]) for i in app.ask("list")]


def messages(app, conv, count):
    """Texts by seq, once there are so many; each was shown once."""
    app.wait("message", count, conv=conv)
    found = [(e["seq"], e["text"]) for e in app.seen("message", conv=conv)]
    assert len(found) == count == len({seq for seq, _ in found})
    return sorted(found)


# -- opening --

def opens_many_conversations(world):
    """One request for a first screen of fifty, and the rest in pages; nothing is shown as new."""
    node = world.node(users=90)
    me, *peers = node.users(81)
    feeder = node.connect(me)
    speaker = node.connect(peers[0])
    for uid in peers:
        feeder.send(f"im/u/{uid}", {"id": "a", "body": f"to {uid}"})
    gid = node.group(speaker, [me], name="Ours")
    speaker.send(f"im/g/{gid}", {"id": "b", "body": "welcome", "mentions": [me]})
    speaker.send(f"im/u/{me}", {"id": "c", "body": "hello"})
    app = world.app(node, me)
    assert {k: app.opened[k] for k in ("first", "all", "unread", "mentions")} == {
        "first": 50, "all": 81, "unread": 2, "mentions": 1}
    assert listed(app) == [(peers[0], 1, 0, "hello"), ("Ours", 1, 1, "welcome")] + [
        (uid, 0, 0, f"to {uid}") for uid in reversed(peers[1:])]
    assert not app.seen("message")


def keeps_its_list_by_what_comes(world):
    """What is live changes the list as the node would: both say the same."""
    node = world.node()
    me, peer, third = node.users(3)
    app, other = world.app(node, me), world.app(node, peer)
    gid = node.group(node.connect(third), [me, peer], name="Three")
    app.wait("message", conv=f"g/{gid}")
    other.ask("send", to=me, text="one")
    other.ask("send", to=me, text="two")
    other.ask("send", group=gid, text="you?", mentions=[me])
    app.wait("message", conv=f"g/{gid}", text="you?", mentions=[me])
    assert listed(app) == [("Three", 1, 1, "you?"), (peer, 2, 0, "two")]
    assert app.ask("read", conv=f"u/{peer}") == {"seq": 2, "changed": True}
    assert app.ask("send", group=gid, text="me")["seq"] == 3
    assert listed(app) == [("Three", 0, 0, "me"), (peer, 0, 0, "two")]
    assert other.wait("read", conv=f"u/{me}", by=me)["seq"] == 2
    app.ask("pin", conv=f"u/{peer}")
    app.wait("conv", conv=f"u/{peer}", pinned=True)
    assert listed(app) == [(peer, 0, 0, "two"), ("Three", 0, 0, "me")]
    again = world.app(node, me)
    assert again.ask("list") == app.ask("list")


def asks_for_what_has_changed(world):
    """Back after a while it shows what was said meanwhile, once, and has asked for no more."""
    node = world.node()
    me, peer, third = node.users(3)
    app, other = world.app(node, me), node.connect(peer)
    other.send(f"im/u/{me}", {"id": "1", "body": "before"})
    gone = node.group(other, [me], name="Gone")
    app.wait("message", conv=f"u/{peer}")
    app.wait("message", conv=f"g/{gone}")
    app.ask("leave")
    app.wait("stopped", why="left")
    other.send(f"im/u/{me}", {"id": "2", "body": "while away", "mentions": [me]})
    node.connect(third).send(f"im/u/{me}", {"id": "3", "body": "hi"})
    other.rpc("group.dismiss", gid=gone)
    app.ask("connect")
    assert app.wait("hello", 2)["behind"] is True
    assert messages(app, f"u/{third}", 1) == [(1, "hi")]
    assert messages(app, f"u/{peer}", 2) == [(1, "before"), (2, "while away")]
    assert listed(app) == [(third, 1, 0, "hi"), (peer, 2, 1, "while away")]
    other.wait_event("delivered", lambda e: e["seq"] == 2)
    app.ask("leave")
    app.wait("stopped", 2, why="left")
    app.ask("connect")
    assert app.wait("hello", 3)["behind"] is False  # what it had was acknowledged
    assert len(app.seen("message", conv=f"u/{peer}")) == 2


def begins_as_a_new_device(world):
    """It has not received what was before it, and says so; with its cursor lost it still goes on."""
    node = world.node()
    me, peer = node.users(2)
    other = node.connect(peer)
    for n in range(3):
        other.send(f"im/u/{me}", {"id": f"o{n}", "body": f"old {n}"})
    app = world.app(node, me, "new phone")
    begun = app.wait("stored")["cursor"]
    assert other.rpc("conv.receipts", conv=f"u/{me}", seq=3)["receipts"] == [
        {"uid": me, "delivered": False, "read": False}]
    other.send(f"im/u/{me}", {"id": "n", "body": "new"})
    assert messages(app, f"u/{peer}", 1) == [(4, "new")]
    delivered = other.wait_event("delivered")
    assert delivered == {"event": "delivered", "conv": f"u/{me}", "after": 3, "seq": 4, "by": me}
    assert [(d["device"], d["start"]) for d in app.call("device.list")["devices"]] == [
        ("new phone", begun)]
    app.close()
    other.send(f"im/u/{me}", {"id": "m", "body": "missed"})
    again = world.app(node, me, "new phone")
    assert messages(again, f"u/{peer}", 1) == [(5, "missed")]


def comes_in_by_websocket(world):
    node = world.node(ws_listener=True)
    a, b = node.users(2)
    app, other = world.app(node, a, port=node.ws_port, ws=True), node.connect(b)
    assert app.ask("send", to=b, text="out")["seq"] == 1
    other.send(f"im/u/{a}", {"id": "1", "body": "in"})
    assert messages(app, f"u/{b}", 2) == [(1, "out"), (2, "in")]


# -- nothing is lost --

def loses_nothing_with_the_bridge(world):
    """Two clients talk at once in three conversations, and the bridge dies three times."""
    node = world.node(options={"rate_messages": 0})
    a, b = node.users(2)
    one, two = world.app(node, a), world.app(node, b)
    gid = one.call("group.create", members=[b])["group"]["gid"]
    other = one.call("group.create", members=[b])["group"]["gid"]
    each = 120
    sent = {}
    for n in range(each):
        for side, app, peer in (("a", one, b), ("b", two, a)):
            for where in ({"to": peer}, {"group": gid}, {"group": other}):
                sent[app, *where.values(), f"{side}{n}"] = app.tell("send", text=f"{side}{n}", **where)
        if n in (30, 60, 90):
            until(lambda: len(one.answers) + len(two.answers) > n * 3, "answers")
            node.kill_bridge()
            node.bridge.start()
            for app in (one, two):
                app.wait("hello", 1 + n // 30)      # greeted again, though the connection stands
    for (app, where, text), number in sent.items():
        seq = app.answer(number)["seq"]
        sent[app, where, text] = seq
    for mine, theirs, count in ((f"u/{b}", f"u/{a}", 2 * each), (f"g/{gid}", f"g/{gid}", 2 * each + 1),
                                (f"g/{other}", f"g/{other}", 2 * each + 1)):
        shown = messages(one, mine, count)
        assert shown == messages(two, theirs, count)
        assert [seq for seq, _ in shown] == list(range(1, count + 1))
        for side in "ab":
            assert [text for _, text in shown if text[0] == side and text[1:].isdigit()] == [
                f"{side}{n}" for n in range(each)]
    for app, peer in ((one, b), (two, a)):
        assert not app.seen("offline")
        assert [hello["behind"] for hello in app.seen("hello")] == [False, True, True, True]
        assert dict(messages(app, f"u/{peer}", 2 * each)) == {
            seq: text for (who, where, text), seq in sent.items() if where in (a, b)}


def asks_for_what_the_broker_dropped(world):
    """It stands still, and its queue at the broker has no room for all of what comes meanwhile. The next
    delivery shows it; where there is none, it asks when it wakes."""
    node = world.node(options={"rate_messages": 0}, max_queued=5, conf=["max_inflight_messages 5"])
    a, b = node.users(2)
    app, other = world.app(node, a), node.connect(b)
    for each, last in ((0, 50), (50, 100)):
        app.popen.send_signal(signal.SIGSTOP)
        for n in range(each, last):
            other.send(f"im/u/{a}", {"id": str(n), "body": str(n)})
        app.popen.send_signal(signal.SIGCONT)
        if last == 50:
            app.wait("message", text="9")       # five that were under way and five that waited
            other.send(f"im/u/{a}", {"id": "next", "body": "next"})
        else:
            app.ask("wake")
        app.wait("message", text=str(last - 1))
    assert messages(app, f"u/{b}", 101) == [
        (n + 1, text) for n, text in enumerate([*map(str, range(50)), "next", *map(str, range(50, 100))])]
    other.wait_event("delivered", lambda e: e["seq"] == 101)
    assert listed(app) == [(b, 101, 0, "99")] and len(app.seen("hello")) == 1


def comes_back_after_the_brokers_restart(world):
    """What is said while there is no broker goes out afterwards, in its order; rooms come again, too."""
    node = world.node()
    a, b = node.users(2)
    one, two = world.app(node, a), world.app(node, b)
    gid = one.call("group.create", kind="room", members=[b])["group"]["gid"]
    two.ask("look", gid=gid)
    one.ask("send", to=b, text="before")
    two.wait("message", text="before")
    node.kill_broker()
    for app in (one, two):
        assert app.wait("offline")["why"] == "closed"
    waiting = [one.tell("send", to=b, text=f"down {n}") for n in range(5)]
    node.start_broker()
    assert [one.answer(number)["seq"] for number in waiting] == [2, 3, 4, 5, 6]
    for app in (one, two):
        app.wait("hello", 2)
    assert messages(two, f"u/{a}", 6) == [(1, "before")] + [(n + 2, f"down {n}") for n in range(5)]
    one.ask("send", group=gid, text="doors open")
    two.wait("message", conv=f"g/{gid}", text="doors open")


def goes_on_with_a_kept_session(world):
    """Killed, and back in the session that the broker has kept: greeted without subscribing."""
    node = world.node()
    a, b = node.users(2)
    other = node.connect(b)
    app = world.app(node, a, "phone", keep=True)
    other.send(f"im/u/{a}", {"id": "1", "body": "one"})
    app.wait("message", text="one")
    other.wait_event("delivered")
    cursor = app.seen("stored")[-1]["cursor"]
    app.kill()
    for n in range(2, 5):
        other.send(f"im/u/{a}", {"id": str(n), "body": str(n)})
    again = world.app(node, a, "phone", keep=True, cursor=cursor)
    assert messages(again, f"u/{b}", 3) == [(2, "2"), (3, "3"), (4, "4")]
    assert again.seen("hello") == [{"event": "hello", "device": "phone", "behind": True}]
    assert listed(again) == [(b, 4, 0, "4")]
    assert node.broker.text().count("Received SUBSCRIBE from phone") == 1
    other.send(f"im/u/{a}", {"id": "5", "body": "live"})
    again.wait("message", text="live")
    other.wait_event("delivered", lambda e: e["seq"] == 5)


# -- refusals --

def shows_refusals(world):
    node = world.node()
    a, b, c = node.users(3)
    app, other = world.app(node, a), node.connect(b)
    closed = node.group(other)
    open_one = node.group(other, join="open")
    big = app.opened["node"]["max_payload"]
    for do, params, told in (
            ("send", {"to": "nobody", "text": "x"}, (-32001, "no")),
            ("send", {"group": closed, "text": "x"}, (-32002, "no")),
            ("send", {"group": open_one, "text": "x"}, (-32003, "no")),
            ("send", {"to": b, "text": "x" * big}, (-32007, "no")),
            ("send", {"to": b, "text": "x", "reply_to": 0}, (-32602, "no")),
            ("send", {"to": b, "text": "x", "colour": "red"}, (-32602, "no")),
            ("history", {"conv": f"g/{open_one}"}, (-32003, "no")),
            ("history", {"conv": f"u/{b}", "limit": 501}, (-32602, "no")),
            ("call", {"method": "nosuch"}, (-32601, "no")),
            ("pin", {"conv": f"u/{b}", "seq": 9}, (-32014, "no")),
            ("token", {"token": "x.y.z"}, (-32012, "no"))):
        assert app.refused(do, **params) == told, (do, params)
    other.rpc("block.add", uid=a)
    assert app.refused("send", to=b, text="x") == (-32005, "no")
    slow = node.group(other, [a])
    other.rpc("group.update", gid=slow, slow_ms=3600000)
    assert app.ask("send", group=slow, text="first")["seq"] == 3
    assert app.refused("send", group=slow, text="second") == (-32008, "later")
    assert app.ask("send", to=c, text="hi, both", mentions=[b]) == {"seq": 1, "dropped": [b]}
    # What answers nothing that exists is taken, and shows that there is nothing.
    app.ask("send", to=c, text="what?", reply_to=99)
    assert app.ask("history", conv=f"u/{c}", limit=1) == {"more": True, "messages": [
        {"seq": 2, "from": a, "type": "text", "text": "what?", "reply_to": 99, "quote": None}]}


def waits_where_it_sends_too_much(world):
    """Beyond the rate what is refused goes again by itself, and in its order."""
    node = world.node(options={"rate_messages": 20})
    a, b = node.users(2)
    app = world.app(node, a)
    sent = [app.tell("send", to=b, text=str(n)) for n in range(150)]
    assert [app.answer(number)["seq"] for number in sent] == list(range(1, 151))
    assert messages(app, f"u/{b}", 150) == [(n + 1, str(n)) for n in range(150)]


# -- how connections end --

def ends_as_it_is_told(world):
    node = world.node(users=4)
    imctl = Imctl.of(node)
    me, stranger = node.users(2)
    app = world.app(node, me, "phone")
    imctl.ok("kick", me)
    assert app.wait("session")["reason"] == "kicked"
    assert app.wait("offline")["why"] == "kicked"
    app.wait("hello", 2)

    node.connect(me).rpc("user.password", old=PASSWORD, new="better")
    assert app.wait("credential")["why"] == "password"
    app.ask("token", token="wrong")
    assert app.wait("stopped")["why"] == "refused"      # the new one is tried once
    app.ask("token", token="better")
    app.ask("connect")
    app.wait("hello", 3)

    node.admin().command("disableUser", username=me)
    assert app.wait("stopped", 2)["why"] == "disabled"
    node.admin().command("enableUser", username=me)
    app.ask("connect")
    app.wait("hello", 4)
    node.connect(me, password="better").rpc("device.remove", device="phone")
    assert app.wait("stopped", 3)["why"] == "removed"

    wrong = world.app(node, stranger, password="wrong", opened=False)
    assert wrong.wait("credential")["why"] == "refused"
    wrong.ask("token", token=PASSWORD)
    wrong.wait("hello")
    thief = world.app(node, stranger, "admin-phone", opened=False)
    thief.wait("hello")


def gives_way_to_its_other_self(world):
    """Two processes with one client id: the one that was there gives way, if it is told; otherwise both
    come back until the node has the user told that the id is contested."""
    node = world.node()
    me = node.user()
    watch = node.connect(me)
    one = world.app(node, me, "phone")
    two = world.app(node, me, "phone", opened=False)
    if world.reads_disconnect and build.broker_version() >= (2, 0, 21):
        assert one.wait("stopped")["why"] == "taken"
        two.wait("hello")
        assert not watch.events("device")
        return
    contested = {"event": "device", "action": "contested", "device": "phone"}
    assert watch.wait_event("device") == contested
    stays = until(lambda: one.seen("device") + two.seen("device"), "event at the one that stays")
    assert stays == [contested]


def renews_its_token(world):
    """At four fifths of the token's time it asks its user for a new one, and is not interrupted."""
    node = world.node(**TOKENS)
    a, b = node.users(2)

    def token(user, seconds):
        return tokens.token(SECRET, "HS256", tokens.claims(user, seconds))
    app = world.app(node, a, password=token(a, 10))
    other = world.app(node, b, password=token(b, 12))
    assert app.wait("credential") == {"event": "credential", "why": "renew"}
    assert app.refused("token", token=token(b, 600)) == (-32602, "no")  # somebody else's
    app.ask("token", token=token(a, 600))
    assert other.wait("credential") == {"event": "credential", "why": "renew"}
    assert other.wait("credential", 2) == {"event": "credential", "why": "expired"}
    assert app.ask("send", to=b, text="still here")["seq"] == 1
    assert not app.seen("session") and len(app.seen("hello")) == 1
    other.ask("token", token=token(b, 600))
    other.wait("hello", 2)
    other.wait("message", text="still here")


# -- what there is besides --

def looks_into_rooms(world):
    node = world.node()
    a, b = node.users(2)
    host, app = world.app(node, a), world.app(node, b)
    gid = host.call("group.create", kind="room", join="open", name="Stage")["group"]["gid"]
    conv = f"g/{gid}"
    assert app.call("group.join", gid=gid) == {"changed": True, "seq": 2}
    assert listed(app) == [("Stage", 0, 0, f"join by {b}")]
    host.ask("send", group=gid, text="nobody looks")
    app.ask("look", gid=gid)
    host.ask("send", group=gid, text="doors open")
    app.wait("message", conv=conv, text="doors open")
    assert [(m["text"]) for m in app.ask("history", conv=conv)["messages"]] == [
        f"create by {a}", f"join by {b}", "nobody looks", "doors open"]
    assert listed(app) == [("Stage", 0, 0, "doors open")]
    assert app.call("conv.update", conv=conv, follow=True)["follow"] is True
    app.wait("conv", conv=conv, follow=True)
    assert listed(app) == [("Stage", 2, 0, "doors open")]
    host.ask("send", group=gid, text="who counts?", mentions=[b])
    app.wait("message", conv=conv, text="who counts?")
    assert listed(app) == [("Stage", 3, 1, "who counts?")]
    app.call("group.leave", gid=gid)
    app.wait("group", conv=conv, action="leave")
    assert listed(app) == []


def shows_what_becomes_of_messages(world):
    """Edits, recalls, reactions and quotes, live, in the list and in history."""
    node = world.node()
    a, b = node.users(2)
    one, two = world.app(node, a), world.app(node, b)
    theirs, mine = f"u/{a}", f"u/{b}"
    one.ask("send", to=b, text="at 7")
    one.ask("send", to=b, text="bring cake")
    two.ask("send", to=a, text="why?", reply_to=1)
    one.ask("send", to=b, text="oops")
    assert one.call("msg.edit", conv=mine, seq=1, body="at 8") == {"changed": True, "seq": 5}
    assert two.call("msg.react", conv=theirs, seq=2, emoji="👍") == {"changed": True, "seq": 6}
    assert two.wait("change", conv=theirs) == {
        "event": "change", "conv": theirs, "what": "edit", "seq": 1, "new": "at 8"}
    assert one.wait("change", conv=mine, what="react")["new"] == "👍"
    assert listed(two) == [(a, 1, 0, "oops")]
    one.call("msg.recall", conv=mine, seq=4)
    two.wait("change", conv=theirs, what="recall", seq=4)
    assert listed(two) == [(a, 0, 0, "(recalled)")]
    expected = [
        {"seq": 1, "from": a, "type": "text", "text": "at 8", "edited": True},
        {"seq": 2, "from": a, "type": "text", "text": "bring cake", "reactions": {"👍": [b]}},
        {"seq": 3, "from": b, "type": "text", "text": "why?", "reply_to": 1, "quote": "at 8"},
        {"seq": 4, "from": a, "type": "recalled", "text": "(recalled)"}]
    assert two.ask("history", conv=theirs) == {"messages": expected, "more": False}
    assert one.ask("history", conv=mine, before=4, limit=2) == {"messages": expected[1:3], "more": True}


def pins_and_lets_in_by_link(world):
    node = world.node()
    a, b = node.users(2)
    one, two = world.app(node, a), world.app(node, b)
    gid = one.call("group.create", name="Cellar")["group"]["gid"]
    link = one.call("group.link", gid=gid, uses=1)
    seen = two.call("group.get", link=link["link"])["group"]
    assert (seen["name"], seen["members"]) == ("Cellar", 1)
    assert two.call("group.join", link=link["link"]) == {"changed": True, "seq": 2}
    one.wait("message", conv=f"g/{gid}", text=f"join by {b}")
    assert one.call("group.links", gid=gid) == {"links": [], "more": False}     # it was for one
    assert two.refused("call", method="group.get", params={"link": link["link"]}) == (-32002, "no")
    one.ask("send", group=gid, text="the door code is 7")
    two.wait("message", text="the door code is 7")
    assert one.ask("pin", conv=f"g/{gid}", seq=3) == {"changed": True, "seq": 4}
    two.wait("message", conv=f"g/{gid}", type="system", text=f"pin by {a}")
    assert two.ask("pins", conv=f"g/{gid}") == [
        {"seq": 3, "from": a, "type": "text", "text": "the door code is 7"}]
    assert two.refused("pin", conv=f"g/{gid}", seq=3) == (-32012, "no")
    assert listed(two) == [("Cellar", 1, 0, f"pin by {a}")]


def asks_in_batches(world):
    node = world.node()
    a, b = node.users(2)
    app = world.app(node, a)
    get = {"method": "user.get", "params": {"uid": b}}
    answers = app.ask("batch", requests=[
        get, {"method": "conv.read", "params": {"conv": f"u/{b}", "seq": 1}}, {"method": "nosuch"},
        {"method": "presence.get", "params": {"uids": ["nobody"]}}])
    assert answers[0] == {"uid": b, "nick": "", "avatar": "", "rev": 0}
    assert [(x["error"]["code"], x["error"]["retry"]) for x in answers[1:3]] == [
        (-32012, "no"), (-32601, "no")]
    assert answers[3] == {"users": [], "more": False, "unknown": ["nobody"]}
    assert len(app.ask("batch", requests=[get] * 50)) == 50
    assert app.refused("batch", requests=[get] * 51) == (-32600, "no")
    assert app.refused("batch", requests=[]) == (-32600, "no")


def tells_its_devices_apart(world):
    """Two devices of one user get each other's messages, and not each other's answers."""
    node = world.node()
    a, b = node.users(2)
    one, two = world.app(node, a, "one"), world.app(node, a, "two~2")
    asked = [(app, uid, app.tell("call", method="user.get", params={"uid": uid}))
             for uid in (a, b) * 10 for app in (one, two)]
    assert [app.answer(number)["uid"] for app, _, number in asked] == [uid for _, uid, _ in asked]
    assert one.ask("send", to=b, text="from one")["seq"] == 1
    assert messages(two, f"u/{b}", 1) == messages(one, f"u/{b}", 1) == [(1, "from one")]
    assert listed(one) == listed(two) == [(b, 0, 0, "from one")]


STEPS = [opens_many_conversations, keeps_its_list_by_what_comes, asks_for_what_has_changed,
         begins_as_a_new_device, comes_in_by_websocket, loses_nothing_with_the_bridge,
         asks_for_what_the_broker_dropped, comes_back_after_the_brokers_restart,
         goes_on_with_a_kept_session, shows_refusals, waits_where_it_sends_too_much, ends_as_it_is_told,
         gives_way_to_its_other_self, renews_its_token, looks_into_rooms, shows_what_becomes_of_messages,
         pins_and_lets_in_by_link, asks_in_batches, tells_its_devices_apart]
