# SPDX-License-Identifier: BSD-3-Clause
"""What holds in a group beyond membership: mutes and bans that outlive leaving, groups that do not
exist for strangers, slow mode on every road, the end."""
import json

import pytest

from lib.client import RpcError
from lib.node import until
from lib.tools import Imctl

V = pytest.mark.parametrize("v5", [False, True], ids=["v311", "v5"])


def code_of(call):
    with pytest.raises(RpcError) as e:
        call()
    return e.value.code


@pytest.fixture
def trio(node):
    return [node.connect(u) for u in node.users(3)]


# -- mutes and bans --

@V
@pytest.mark.parametrize("way", ["leave", "kick"])
def test_a_mute_outlives_leaving(node, way, v5):
    owner, other = (node.connect(u) for u in node.users(2))
    m = node.connect(node.user(), v5=v5)
    gid = node.group(owner, [m.user, other.user], join="open")
    owner.rpc("group.mute", gid=gid, uid=m.user, seconds=600)
    until_ms = owner.rpc("group.mutes", gid=gid)["mutes"][0]["muted_until"]
    if way == "leave":
        m.leave(gid)
    else:
        owner.kick(gid, m.user)
    # Still listed, and only for those who run the group.
    assert owner.rpc("group.mutes", gid=gid)["mutes"] == [
        {"uid": m.user, "muted_until": until_ms}]
    assert code_of(lambda: other.rpc("group.mutes", gid=gid)) == -32012
    m.join(gid)
    m.publish(f"im/g/{gid}", {"id": "1", "body": "I am back"})
    assert m.wait_ack_of("1")["error"]["code"] == -32004
    # It is lifted while the user is away, too.
    m.leave(gid)
    owner.rpc("group.mute", gid=gid, uid=m.user, seconds=0)
    assert owner.rpc("group.mutes", gid=gid)["mutes"] == []
    m.join(gid)
    m.send(f"im/g/{gid}", {"id": "2", "body": "forgiven"})


def test_bans_are_listed_and_lifted(node, trio):
    owner, out, member = trio
    gid = node.group(owner, [out.user, member.user], join="open")
    owner.rpc("group.kick", gid=gid, members=[out.user], ban=True)
    (ban, ) = owner.rpc("group.bans", gid=gid)["bans"]
    assert ban["uid"] == out.user and ban["since"] > 0
    for method in ("group.bans", "group.unban"):
        more = {"members": [out.user]} if method == "group.unban" else {}
        assert code_of(lambda m=method, p=more: member.rpc(m, gid=gid, **p)) == -32012
    assert code_of(lambda: out.join(gid)) == -32012
    assert owner.rpc("group.unban", gid=gid, members=[out.user, member.user])["changed"]
    assert not owner.rpc("group.unban", gid=gid, members=[out.user])["changed"]
    assert owner.rpc("group.bans", gid=gid)["bans"] == []
    out.join(gid)
    told = member.wait_message(f"g/{gid}", lambda m: m["type"] == "system"
                               and m["body"]["action"] == "unban")
    assert [x["uid"] for x in told["body"]["members"]] == [out.user]


def test_imctl_lists_and_lifts_bans_and_mutes(node, trio):
    owner, out, member = trio
    imctl = Imctl.of(node)
    gid = node.group(owner, [out.user, member.user], join="open")
    owner.rpc("group.kick", gid=gid, members=[out.user], ban=True)
    owner.rpc("group.mute", gid=gid, uid=member.user, seconds=600)
    assert [b["username"] for b in imctl.json("group", "bans", gid)["bans"]] == [out.user]
    assert [b["username"] for b in imctl.json("group", "mutes", gid)["mutes"]] == [member.user]
    assert out.user in imctl.ok("group", "bans", gid)
    imctl.ok("group", "unban", gid, out.user)
    imctl.ok("group", "unmute", gid, member.user, out.user)
    assert imctl.json("group", "bans", gid)["bans"] == []
    assert imctl.json("group", "mutes", gid)["mutes"] == []
    out.join(gid)
    member.send(f"im/g/{gid}", {"id": "1", "body": "and heard"})


# -- groups that do not exist for strangers --

METHODS = [
    ("group.get", {}), ("group.members", {}), ("group.join", {}), ("group.bans", {}),
    ("group.mutes", {}), ("group.update", {"name": "x"}), ("group.dismiss", {}),
    ("group.leave", {}), ("group.transfer", {"uid": "{other}"}),
    ("group.invite", {"members": ["{other}"]}), ("group.kick", {"members": ["{other}"]}),
    ("group.unban", {"members": ["{other}"]}), ("group.role", {"uid": "{other}", "role": "admin"}),
    ("group.mute", {"seconds": 5}), ("group.link", {}), ("group.links", {}),
    ("group.unlink", {"id": "x"}),
]
CONV_METHODS = [
    ("conv.history", {}), ("conv.read", {"seq": 1}), ("conv.receipts", {"seq": 1}),
    ("conv.update", {"pinned": True}), ("msg.edit", {"seq": 1, "body": "x"}),
    ("msg.react", {"seq": 1, "emoji": "x"}), ("msg.recall", {"seq": 1}),
    ("msg.pin", {"seq": 1}), ("msg.pin", {"seq": 1, "remove": True}), ("conv.pins", {}),
    ("msg.report", {"seq": 1, "reason": "x"}), ("search", {"q": "word"}),
]
NAMING = [
    ("group.get", {"gids": ["{gid}"]}), ("group.list", {"next": "{gid}"}),
    ("user.search", {"q": "x", "next": "{gid}/{other}"}),
]


def answers_of(stranger, name, other):
    """What a stranger is told of a group by every method and topic; `it` stands for its name."""
    found = []
    for method, params in METHODS + CONV_METHODS + NAMING:
        where = {"gid": name} if (method, params) in METHODS else {"conv": f"g/{name}"}
        where = {} if (method, params) in NAMING else where
        text = json.dumps({**where, **params}).replace("{other}", other.user)
        text = text.replace("{gid}", name)
        reply = stranger.rpc_raw(method, json.loads(text))
        found.append((method, json.dumps(
            {k: v for k, v in reply.items() if k != "id"}).replace(name, "it")))
    for n, topic in enumerate((f"im/g/{name}", f"im/s/g/{name}")):
        body = {"id": f"{name}-{n}", "body": "x"}
        found.append((topic[:5], stranger.publish(topic, body)))
    found.append(("ack", json.dumps(stranger.wait_ack_of(f"{name}-0")["error"]).replace(name, "it")))
    found.append(("watch", stranger.subscribe(f"im/room/{name}")))
    forward = stranger.rpc_raw("msg.forward", {"from_conv": f"g/{name}", "seqs": [1],
                                               "to_conv": f"u/{other.user}"})
    found.append(("forward", json.dumps(forward["error"]).replace(name, "it")))
    return found


@V
@pytest.mark.parametrize("kind", ["group", "room"])
def test_a_group_by_invitation_is_for_strangers_one_that_is_not_there(node, trio, kind, v5):
    owner, other, _ = trio
    s = node.connect(node.user(), v5=v5)
    gid, none = node.group(owner, kind=kind, join="invite"), node.new_name("none")
    owner.send(f"im/g/{gid}", {"id": "1", "body": "word"})
    assert answers_of(s, gid, other) == answers_of(s, none, other)
    assert owner.rpc("group.get", gid=gid)["group"]["members"] == 1
    # An invitation makes it exist.
    owner.invite(gid, s.user)
    assert s.rpc("group.get", gid=gid)["group"]["role"] == "member"


def test_an_open_group_shows_its_face_and_no_more(node, trio):
    owner, stranger, _ = trio
    gid = node.group(owner, join="open", name="Club", announcement="for members")
    shown = stranger.rpc("group.get", gid=gid)["group"]
    assert shown["name"] == "Club" and shown["members"] == 1
    assert "announcement" not in shown
    assert code_of(lambda: stranger.members(gid)) == -32003


# -- slow mode --

def test_slow_mode_holds_on_every_road(node, trio):
    owner, m, other = trio
    gid, topic = node.group(owner, [m.user]), None
    topic = f"g/{gid}"
    seqs = [m.send(f"im/u/{other.user}", {"id": f"{n}", "body": "x"})["seq"] for n in range(5)]
    first = m.send(f"im/{topic}", {"id": "first", "body": "first"})["seq"]
    owner.rpc("group.update", gid=gid, slow_ms=3600000)
    copy = dict(from_conv=f"u/{other.user}", to_conv=topic)
    m.rpc("msg.forward", seqs=seqs[:1], **copy)
    for _ in range(20):
        for request in (dict(copy, seqs=seqs[:1]), dict(copy, seqs=seqs)):
            assert code_of(lambda r=request: m.rpc("msg.forward", **r)) == -32008
        assert code_of(lambda: m.rpc("msg.react", conv=topic, seq=first, emoji="x")) == -32008
        assert code_of(lambda: m.rpc("msg.edit", conv=topic, seq=first, body="y")) == -32008
    m.publish(f"im/{topic}", {"id": "late", "body": "late"})
    assert m.wait_ack_of("late")["error"]["code"] == -32008
    m.rpc("msg.recall", conv=topic, seq=first)
    assert [x["type"] for x in owner.history(topic) if x["from"] == m.user] == [
        "recalled", "text", "recall"]
    # Those who run the group do not wait.
    owner.rpc("msg.forward", from_conv=topic, seqs=[first + 2], to_conv=topic)
    owner.rpc("msg.react", conv=topic, seq=first + 2, emoji="x")


# -- coming and going --

@pytest.mark.parametrize("kind", ["group", "room"])
def test_nobody_writes_by_coming_and_going(node, trio, kind):
    """However a member is muted, and whatever the speed: each of it is a message to all."""
    owner, m, other = trio
    gid = node.group(owner, [m.user, other.user], kind=kind, join="open")
    owner.rpc("group.update", gid=gid, slow_ms=60000)
    owner.rpc("group.mute", gid=gid, uid=m.user, seconds=600)
    owner.rpc("group.mute", gid=gid, seconds=600)
    head = owner.rpc("conv.get", conv=f"g/{gid}")["conversation"]["head"]
    for n in range(60):
        m.post("im/rpc/group.leave", {"gid": gid})
        m.post("im/rpc", {"jsonrpc": "2.0", "id": n, "method": "group.join", "params": {"gid": gid}})
    m.wait_for(lambda: [a for a in m.answers() if a.json.get("id") == 59])
    # Five comings, and a leaving before each and after the last.
    assert owner.rpc("conv.get", conv=f"g/{gid}")["conversation"]["head"] == head + 11
    assert code_of(lambda: m.join(gid)) == -32008
    assert m.user not in owner.members(gid)
    # A member does not bring in whom the count keeps out, nor anybody while muted.
    assert code_of(lambda: other.invite(gid, node.user())) == -32004
    owner.rpc("group.mute", gid=gid, seconds=0)
    assert other.rpc("group.invite", gid=gid, members=[m.user]) == {
        "changed": False, "refused": [{"uid": m.user, "code": -32008}]}
    owner.invite(gid, m.user)
    assert m.leave(gid)["changed"]
    assert m.user not in owner.members(gid)


# -- mentions --

def test_mentions_of_those_who_are_not_there_are_dropped_and_said_so(node, trio):
    owner, m, outside = trio
    topic = f"g/{node.group(owner, [m.user])}"
    ack = owner.send(f"im/{topic}", {"id": "1", "body": "all",
                                     "mentions": [outside.user, m.user, "nobody-at-all"]})
    assert ack["dropped_mentions"] == [outside.user, "nobody-at-all"]
    assert m.wait_body(topic, "all")["mentions"] == [m.user]
    assert m.history(topic)[-1]["mentions"] == [m.user]
    # Sent again it is the same message; who was dropped has been said.
    owner.publish(f"im/{topic}", {"id": "1", "body": "all",
                                  "mentions": [outside.user, m.user, "nobody-at-all"]})
    first, again = owner.wait_for(lambda: (lambda found: found if len(found) == 2 else None)(
        [a for a in owner.acks() if a["id"] == "1"]))
    assert again["seq"] == first["seq"] and "dropped_mentions" not in again
    answer = owner.rpc("msg.edit", conv=topic, seq=ack["seq"], body="all", ext={"a": 1},
                       mentions=[outside.user])
    assert answer["dropped_mentions"] == [outside.user]
    shown = next(x for x in m.history(topic) if x["seq"] == ack["seq"])
    assert shown["ext"] == {"a": 1} and not shown.get("mentions")


# -- what an edit shows of before --

@pytest.mark.parametrize("history", ["join", "all"])
def test_who_came_late_does_not_read_what_was_there_before(node, trio, history):
    owner, m, late = trio
    gid = node.group(owner, [m.user], history=history)
    topic = f"g/{gid}"
    seq = owner.send(f"im/{topic}", {"id": "1", "body": "the secret"})["seq"]
    owner.invite(gid, late.user)
    owner.rpc("msg.edit", conv=topic, seq=seq, body="nothing here")
    late.wait_message(topic, lambda x: x["type"] == "edit")
    seen = json.dumps([late.got(topic), late.history(topic), late.sync_all()[0]])
    assert ("the secret" in seen) == (history == "all")
    if history == "join":
        assert "the secret" not in json.dumps([m.got(topic)[2:], m.history(topic)])


def test_who_has_cleared_a_chat_does_not_read_it_in_an_edit(node, trio):
    a, b, _ = trio
    secret = "first words"
    seq = a.send(f"im/u/{b.user}", {"id": "1", "body": secret})["seq"]
    b.wait_body(f"u/{a.user}", secret)
    b.rpc("conv.update", conv=f"u/{a.user}", cleared_to=seq)
    have = len(b.messages)
    a.rpc("msg.edit", conv=f"u/{b.user}", seq=seq, body="nothing here")
    b.wait_message(f"u/{a.user}", lambda x: x["type"] == "edit")
    assert secret not in json.dumps(
        [[m.json for m in b.messages[have:]], b.history(f"u/{a.user}"),
         node.connect(b.user).sync_all()[0]])
    assert secret in json.dumps(a.history(f"u/{b.user}"))
    a.rpc("msg.recall", conv=f"u/{b.user}", seq=seq)
    assert secret not in json.dumps(a.history(f"u/{b.user}"))
    assert node.sql("messages", "SELECT count(*) FROM message WHERE instr(body, ?)", secret) \
        == [(0, )]


# -- the end --

def words_left(node, word):
    return (node.sql("messages", "SELECT count(*) FROM message WHERE instr(body, ?1) "
                     "OR instr(coalesce(meta, ''), ?1)", word)[0][0],
            node.sql("search", "SELECT count(*) FROM words_content WHERE instr(c0, ?)", word)[0][0])


@pytest.mark.parametrize("way", ["owner", "later", "imctl", "killed"])
def test_a_dismissed_group_is_erased_at_once(own_node, way):
    node = own_node(users=3)
    owner, m = (node.connect(u) for u in node.users(2))
    gid, other = node.group(owner, [m.user], name="quicksilver"), node.group(owner)
    for n in range(60):
        m.send(f"im/g/{gid}", {"id": f"{n}", "body": f"quicksilver {n}", "ext": {"k": "quicksilver"}})
    owner.send(f"im/g/{other}", {"id": "keep", "body": "quicksilver"})
    until(lambda: words_left(node, "quicksilver") == (62, 61), "the index")
    if way == "imctl":
        Imctl.of(node).ok("group", "dismiss", gid, "--erase")
    elif way == "later":
        owner.rpc("group.dismiss", gid=gid)
        assert words_left(node, "quicksilver") == (62, 61)
        assert code_of(lambda: m.rpc("group.dismiss", gid=gid, erase=True)) == -32002
        owner.rpc("group.dismiss", gid=gid, erase=True)
    else:
        owner.rpc("group.dismiss", gid=gid, erase=True)
    if way == "killed":
        node.kill_bridge()
        node.start_bridge()
    until(lambda: words_left(node, "quicksilver") == (1, 1), "what is left")
    assert node.sql("directory", "SELECT count(*) FROM grp WHERE instr(name, 'quicksilver')") \
        == [(0, )]
    assert code_of(lambda: m.history(f"g/{gid}")) == -32002
    assert code_of(lambda: node.group(m, gid=gid)) == -32010
    assert [h["message"]["conv"] for h in owner.rpc("search", q="quicksilver")["hits"]] \
        == [f"g/{other}"]
    assert not any(x["type"] == "text" for x in m.sync_all()[0])


# -- an administrator's recall --

@pytest.mark.parametrize("place", ["direct", "group"])
@pytest.mark.parametrize("way", ["command", "imctl", "report"])
def test_an_administrator_takes_a_message_back(node, trio, way, place):
    a, b, _ = trio
    imctl, admin = Imctl.of(node), node.admin()
    group = node.group(a, [b.user]) if place == "group" else None
    at_a, at_b = (f"g/{group}", ) * 2 if group else (f"u/{b.user}", f"u/{a.user}")
    seq = a.send(f"im/{at_a}", {"id": "1", "body": "outrageous"})["seq"]
    if way == "report":
        b.rpc("msg.report", conv=at_b, seq=seq, reason="insult")
        (row, ) = [r for r in imctl.json("report", "list")["reports"] if r["reporter"] == b.user]
        imctl.ok("report", "recall", row["id"])
    elif way == "imctl":
        imctl.ok("message", "recall", at_b, seq, *([] if group else ["--with", b.user]))
    else:
        more = {} if group else {"with": b.user}
        assert admin.command("recallMessage", conv=at_b, seq=seq, **more)["changed"]
        assert not admin.command("recallMessage", conv=at_b, seq=seq, **more)["changed"]
    told = b.wait_message(at_b, lambda m: m["type"] == "recall")
    assert told["from"] == a.user and told["body"] == {"seq": seq, "by": "administrator"}
    for client, conv in ((a, at_a), (b, at_b)):
        shown = next(m for m in client.history(conv) if m["seq"] == seq)
        assert (shown["type"], shown["recalled_by"]) == ("recalled", "administrator")
    row = next(r for r in reversed(imctl.json("audit", "--last", 5)["rows"])
               if "sender" in r["detail"])
    assert row["by"] == "admin" and row["outcome"] == "done" and row["detail"]["sender"] == a.user
    where = {"conv": row["subject"], **row["detail"]}
    assert (where["conv"], int(where["seq"])) in ((at_a, seq), (at_b, seq))
    assert group or {where["conv"][2:], where["with"]} == {a.user, b.user}
    assert "outrageous" not in str(row)
    if way == "report":  # the report keeps what it is about
        (row, ) = [r for r in imctl.json("report", "list")["reports"] if r["reporter"] == b.user]
        assert row["body"] == "outrageous"


@pytest.mark.parametrize("connected", [True, False], ids=["connected", "away"])
def test_who_is_told_of_a_deleted_user(node, trio, connected):
    """Contacts, groups and who watches, whether the user was connected or not."""
    a, gone, _ = trio
    gid = node.group(a, [gone.user])
    a.rpc("contact.request", uid=gone.user)
    gone.rpc("contact.accept", uid=a.user)
    assert a.subscribe(f"im/presence/{gone.user}") < 0x80
    state = b"online"
    if not connected:
        gone.disconnect()
        state = b"offline"
    a.wait_for(lambda: any(m.topic == f"im/presence/{gone.user}" and state in m.payload
                           for m in a.messages))
    Imctl.of(node).ok("user", "delete", gone.user)
    a.wait_event("contact", lambda e: e["uid"] == gone.user and e["action"] == "remove")
    a.wait_message(f"g/{gid}", lambda m: m["type"] == "system" and m["body"]["action"] == "kick")
    a.wait_for(lambda: any(m.topic == f"im/presence/{gone.user}" and m.payload == b""
                           for m in a.messages))
    assert a.rpc("contact.list")["contacts"] == []
