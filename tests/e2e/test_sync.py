# SPDX-License-Identifier: BSD-3-Clause
"""What a device missed: hello, sync, history, the list of conversations, read marks."""
import pytest

from lib.client import RpcError

V = pytest.mark.parametrize("v5", [False, True], ids=["v311", "v5"])


def talk(client, peer, n, start=0):
    """n acked messages."""
    for i in range(start, start + n):
        client.post(f"im/u/{peer}", {"id": f"t{i}", "body": i})
    client.wait_for(lambda: len({a["id"] for a in client.acks()}) >= start + n)


# -- hello --

@V
def test_subscribing_to_the_inbox_is_greeted(node, v5):
    c = node.connect(node.user(), v5=v5)
    hello = c.wait_event("hello")
    assert hello["device"] == c.device and hello["behind"] is False
    assert isinstance(hello["cursor"], str)


def test_hello_tells_who_is_behind(node):
    alice, bob = node.users(2)
    a = node.connect(alice)
    first = node.connect(bob, device=node.new_name("bob-phone"))
    assert first.wait_event("hello")["behind"] is False
    first.disconnect()
    talk(a, bob, 3)
    again = node.connect(bob, device=first.device)
    hello = again.wait_event("hello")
    assert hello["behind"] is True
    messages, _, cursor = again.sync_all()
    assert len(messages) == 3 and int(cursor) >= int(hello["cursor"])
    again.rpc("device.ack", cursor=cursor)
    again.disconnect()
    third = node.connect(bob, device=first.device)
    assert third.wait_event("hello")["behind"] is False


def test_hello_is_for_the_subscribing_device(node):
    alice = node.user()
    one = node.connect(alice)
    one.wait_event("hello")
    two = node.connect(alice)
    assert two.wait_event("hello")["device"] == two.device


# -- sync --

def test_sync_gives_every_conversation_oldest_first(node):
    alice, bob, carol = node.users(3)
    a, b, c = (node.connect(u) for u in (alice, bob, carol))
    gid = node.group(a, [bob])
    for n in range(4):
        a.send(f"im/u/{bob}", {"id": f"d{n}", "body": f"d{n}"})
        a.send(f"im/g/{gid}", {"id": f"g{n}", "body": f"g{n}"})
        c.send(f"im/u/{bob}", {"id": f"c{n}", "body": f"c{n}"})
        a.send(f"im/u/{carol}", {"id": f"x{n}", "body": f"x{n}"})
    messages, _, cursor = b.sync_all(limit=5)
    assert [m["body"] for m in messages if m["type"] != "system"] == \
        [f"{k}{n}" for n in range(4) for k in "dgc"]
    cursors = [int(m["cursor"]) for m in messages]
    assert cursors == sorted(cursors) and int(cursor) >= cursors[-1]
    assert b.sync_all(cursor)[0] == []


def test_sync_resumes_at_any_messages_cursor(node):
    alice, bob = node.users(2)
    a, b = node.connect(alice), node.connect(bob)
    talk(a, bob, 12)
    everything = b.sync_all()[0]
    for m in everything[::4]:
        rest = b.sync_all(m["cursor"])[0]
        assert rest == everything[everything.index(m) + 1:]


def test_sync_shows_the_messages_as_they_were_delivered(node):
    alice, bob = node.users(2)
    a, b = node.connect(alice), node.connect(bob)
    for n, body in enumerate(['{"z":1.0,"a":[1e3]}', "text \u2028 é", '"json string"']):
        a.publish(f"im/u/{bob}", body, qos=1)
        b.wait_message(f"u/{alice}", lambda m, n=n: m["seq"] == n + 1)
    a.publish(f"im/u/{bob}", b"\xff\x00")
    b.wait_message(f"u/{alice}", lambda m: m["seq"] == 4)
    assert b.sync_all()[0] == b.got()
    assert b.history(f"u/{alice}") == b.got()


def test_sync_without_a_cursor_goes_on_where_the_device_acked(node):
    alice, bob = node.users(2)
    a, b = node.connect(alice), node.connect(bob)
    talk(a, bob, 5)
    third = b.sync_all()[0][2]
    b.rpc("device.ack", cursor=third["cursor"])
    page = b.rpc("sync")
    assert [m["body"] for m in page["messages"]] == [3, 4]
    b.rpc("device.ack", cursor=page["cursor"])
    assert b.rpc("sync")["messages"] == []
    b.rpc("device.ack", cursor=third["cursor"])  # never moves back
    assert b.rpc("sync")["messages"] == []


def test_devices_have_cursors_of_their_own(node):
    alice, bob = node.users(2)
    a, one, two = node.connect(alice), node.connect(bob), node.connect(bob)
    talk(a, bob, 2)
    one.rpc("device.ack", cursor=one.sync_all()[2])
    assert one.rpc("sync")["messages"] == []
    assert len(two.sync_all()[0]) == 2


@pytest.mark.parametrize("cursor", ["x", "-1", "1.5", "9" * 25, " 1", "0x10"])
def test_a_malformed_cursor_is_refused(node, cursor):
    c = node.connect(node.user())
    for method in ("sync", "device.ack"):
        with pytest.raises(RpcError) as e:
            c.rpc(method, cursor=cursor)
        assert e.value.code == -32602


def test_a_large_backlog_comes_in_pages_below_64_kib(node):
    alice, bob = node.users(2)
    a, b = node.connect(alice), node.connect(bob)
    for n in range(20):
        a.post(f"im/u/{bob}", {"id": f"t{n}", "body": f"{n:04d}" * 5000})
    a.wait_for(lambda: len(a.acks()) == 20)
    assert [m["body"][:4] for m in b.sync_all(limit=500)[0]] == [f"{n:04d}" for n in range(20)]
    replies = b.on(f"rpc/{b.device}")
    assert len(replies) > 5 and max(len(m.payload) for m in replies) <= 64 * 1024


def test_a_message_as_large_as_allowed_can_be_pulled(node):
    alice, bob = node.users(2)
    a, b = node.connect(alice), node.connect(bob)
    a.publish(f"im/u/{bob}", b"\xff" * 65536)
    a.send(f"im/u/{bob}", {"id": "1", "body": "next"})
    messages = b.sync_all()[0]
    assert [m["seq"] for m in messages] == [1, 2] and len(messages[0]["body"]) > 87000
    assert [m["seq"] for m in b.history(f"u/{alice}")] == [1, 2]


@V
def test_what_was_missed_in_between_is_synced_after_reconnecting(node, v5):
    alice, bob = node.users(2)
    a = node.connect(alice)
    b = node.connect(bob, v5=v5)
    talk(a, bob, 3)
    cursor = b.sync_all()[2]
    b.abort()
    talk(a, bob, 3, start=3)
    b.connect().inbox()
    assert [m["body"] for m in b.sync_all(cursor)[0]] == [3, 4, 5]


# -- history --

@pytest.fixture
def long_talk(node):
    alice, bob = node.users(2)
    a, b = node.connect(alice), node.connect(bob)
    talk(a, bob, 30)
    return lambda **kw: b.rpc("conv.history", conv=f"u/{alice}", **kw)


def seqs(page):
    return [m["seq"] for m in page["messages"]]


def test_history_gives_the_newest_page_by_default(long_talk):
    page = long_talk(limit=10)
    assert sorted(seqs(page)) == list(range(21, 31)) and page["more"]


def test_history_pages_backwards(long_talk):
    seen, before = [], None
    while True:
        page = long_talk(limit=7, **({"before": before} if before else {}))
        seen += seqs(page)
        before = min(seqs(page))
        if not page["more"]:
            break
    assert sorted(seen) == list(range(1, 31)) and len(seen) == 30


def test_history_pages_forwards(long_talk):
    page = long_talk(after=10, limit=5)
    assert seqs(page) == [11, 12, 13, 14, 15] and page["more"]
    assert seqs(long_talk(after=28, limit=5)) == [29, 30]
    assert not long_talk(after=28, limit=5)["more"]
    assert seqs(long_talk(after=30)) == [] and seqs(long_talk(after=10 ** 9)) == []


def test_history_around_a_message(long_talk):
    page = long_talk(around=15, limit=5)
    assert sorted(seqs(page)) == [13, 14, 15, 16, 17]


@pytest.mark.parametrize("params", [
    dict(before=3, after=1), dict(limit=0), dict(limit=-1), dict(limit=501), dict(limit="5"),
    dict(before=0), dict(after=-1), dict(after=1.5), dict(conv="u/"), dict(conv="x/y"),
    dict(conv=""), dict(conv=5), dict(colour="red"),
], ids=str)
def test_history_refuses_malformed_parameters(node, params):
    alice, bob = node.users(2)
    a = node.connect(alice)
    with pytest.raises(RpcError) as e:
        a.rpc("conv.history", **{"conv": f"u/{bob}", **params})
    assert e.value.code == -32602


def test_an_empty_conversation_has_an_empty_history(node):
    alice, bob = node.users(2)
    page = node.connect(alice).rpc("conv.history", conv=f"u/{bob}")
    assert page == {"messages": [], "more": False}


def test_history_of_nobody_is_refused(node):
    a = node.connect(node.user())
    for conv, code in (("u/nobody-there", -32001), ("g/no-group", -32002)):
        with pytest.raises(RpcError) as e:
            a.rpc("conv.history", conv=conv)
        assert e.value.code == code


def test_nobody_reads_others_conversations(node):
    alice, bob, eve = node.users(3)
    a, e = node.connect(alice), node.connect(eve)
    talk(a, bob, 2)
    for conv in (f"u/{alice}", f"u/{bob}"):
        assert e.rpc("conv.history", conv=conv)["messages"] == []
    assert e.sync_all()[0] == [] and e.rpc("conv.list")["conversations"] == []


# -- conversations and read marks --

def test_the_list_of_conversations_is_newest_first(node):
    me, bob, carol = node.users(3)
    m, b, c = (node.connect(u) for u in (me, bob, carol))
    gid = node.group(b, [me])
    talk(b, me, 2)
    talk(c, me, 3)
    found = m.rpc("conv.list")["conversations"]
    assert [x["conv"] for x in found] == [f"u/{carol}", f"u/{bob}", f"g/{gid}"]
    first = found[0]
    assert first["head"] == 3 and first["read"] == 0 and first["unread"] == 3
    assert first["last"]["seq"] == 3 and first["last"]["body"] == 2
    assert first["pinned"] is False and first["muted"] is False


def test_the_list_is_paged(node):
    me = node.user()
    m = node.connect(me)
    for peer in node.users(9):
        m.publish(f"im/u/{peer}", "hi")
    seen, more = [], {}
    while True:
        page = m.rpc("conv.list", limit=4, **more)
        seen += [x["conv"] for x in page["conversations"]]
        if not page["more"]:
            break
        more = {"next": page["next"]}
    assert len(seen) == len(set(seen)) == 9


def test_a_read_mark_is_monotone_and_clamped(node):
    alice, bob = node.users(2)
    a, b = node.connect(alice), node.connect(bob)
    talk(a, bob, 4)
    assert b.rpc("conv.read", conv=f"u/{alice}", seq=10 ** 9)["seq"] == 4
    assert b.rpc("conv.read", conv=f"u/{alice}", seq=1)["seq"] == 4


def test_other_devices_and_the_peer_learn_of_reading(node):
    alice, bob = node.users(2)
    a, b, tablet = node.connect(alice), node.connect(bob), node.connect(bob)
    talk(a, bob, 2)
    b.rpc("conv.read", conv=f"u/{alice}", seq=2)
    own = tablet.wait_event("read")
    assert own["conv"] == f"u/{alice}" and own["seq"] == 2 and own["by"] == bob
    theirs = a.wait_event("read")
    assert theirs["conv"] == f"u/{bob}" and theirs["seq"] == 2 and theirs["by"] == bob


def test_a_missed_read_event_is_synced(node):
    alice, bob = node.users(2)
    a, b = node.connect(alice), node.connect(bob)
    talk(a, bob, 2)
    cursor = a.sync_all()[2]
    a.abort()
    b.rpc("conv.read", conv=f"u/{alice}", seq=1)
    b.rpc("conv.read", conv=f"u/{alice}", seq=2)
    a.connect().inbox()
    events = [e for e in a.sync_all(cursor)[1] if e["event"] == "read"]
    assert [e["seq"] for e in events] == [2]  # the newest takes the older one's place
