# SPDX-License-Identifier: BSD-3-Clause
"""A block holds on every road: each row of the table in PROTOCOL.md is tried, and none is missing."""
import contextlib
import pathlib
import re

import pytest

from lib.client import RpcError

PROTOCOL = pathlib.Path(__file__).parents[2] / "docs" / "PROTOCOL.md"
WHAT = "| what the blocked user does | what becomes of it |"
REFUSED = "refused: -32005"

ROADS = {}  # row of the table -> (what comes before the block, what is done after it)


def road(did, outcome, before=lambda case: None):
    def note(call):
        ROADS[did, outcome] = before, call
        return call
    return note


class Case:
    """alice has sent bob a message and got one; both are in a group of carol's, as its admins."""

    def __init__(self, node):
        self.node = node
        self.a, self.b, self.c = (node.connect(u, v5=True) for u in node.users(3))
        self.to_b, self.to_a = f"u/{self.b.user}", f"u/{self.a.user}"
        self.gid = node.group(self.c, [self.a.user, self.b.user])
        self.own = self.a.send(f"im/{self.to_b}", {"id": "own", "body": "mine"})["seq"]
        self.seen = self.b.send(f"im/{self.to_a}", {"id": "seen", "body": "yours"})["seq"]
        self.b.wait_body(self.to_a, "mine")
        self.a.wait_body(self.to_b, "yours")

    def fence(self):
        """Whatever was on its way to bob has come."""
        name = self.node.new_name()
        self.c.send(f"im/u/{self.b.user}", {"id": name, "body": name})
        self.b.wait_body(f"u/{self.c.user}", name)

    def refused(self, method, **params):
        with pytest.raises(RpcError) as e:
            self.a.rpc(method, **params)
        assert e.value.code == -32005, e.value

    def unheard(self, method, **params):
        """A request that succeeds, and of which bob hears nothing."""
        self.fence()
        before = len(self.b.messages)
        answer = self.a.rpc(method, **params)
        self.fence()
        assert [m for m in self.b.messages[before:] if self.a.user in m.payload.decode()] == []
        return answer


def rows():
    text = PROTOCOL.read_text("utf-8")
    lines = text[text.index(WHAT):].split("\n\n")[0].splitlines()[2:]
    return [tuple(cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:3]) for line in lines]


def test_every_row_of_the_table_is_tried():
    assert rows() == list(ROADS)


@road("a message or will to `im/u/{uid}`", REFUSED)
def message(case):
    assert case.a.publish(f"im/{case.to_b}", {"id": "x", "body": "psst"}) == 0x87
    assert case.a.wait_ack_of("x")["error"]["code"] == -32005
    with case.node.client(case.a.user, will={"topic": f"im/{case.to_b}", "payload": "will"}) as w:
        w.abort()
    case.fence()
    assert "will" not in case.b.bodies()
    assert [m["body"] for m in case.b.history(case.to_a)] == ["mine", "yours"]


@road("a signal to `im/s/u/{uid}`", REFUSED)
def signal(case):
    assert case.a.publish(f"im/s/{case.to_b}", {"typing": True}) == 0x87
    case.fence()
    assert case.b.on("signal/") == []


@road("`msg.forward` to the direct conversation", REFUSED)
def forward(case):
    case.refused("msg.forward", from_conv=case.to_b, seqs=[case.own], to_conv=case.to_b)


@road("`msg.edit` in the direct conversation", REFUSED)
def edit(case):
    case.refused("msg.edit", conv=case.to_b, seq=case.own, body="and so there")


@road("`msg.react` in the direct conversation", REFUSED)
def react(case):
    case.refused("msg.react", conv=case.to_b, seq=case.seen, emoji="x")


@road("`msg.recall` in the direct conversation", REFUSED)
def recall(case):
    case.refused("msg.recall", conv=case.to_b, seq=case.own)


@road("`msg.pin` in the direct conversation", REFUSED)
def pin(case):
    case.refused("msg.pin", conv=case.to_b, seq=case.seen)


@road("`msg.react` in a group, to a message of the blocker's", REFUSED)
def react_in_group(case):
    topic = f"g/{case.gid}"
    seq = case.b.send(f"im/{topic}", {"id": "g", "body": "b"})["seq"]
    other = case.c.send(f"im/{topic}", {"id": "g", "body": "c"})["seq"]
    case.refused("msg.react", conv=topic, seq=seq, emoji="x")
    assert case.a.rpc("msg.react", conv=topic, seq=other, emoji="x")["changed"]


@road("a mention in a group", "dropped, and named in `dropped_mentions`")
def mention(case):
    ack = case.a.send(f"im/g/{case.gid}", {"id": "m", "body": "you",
                                           "mentions": [case.b.user, case.c.user]})
    assert ack["dropped_mentions"] == [case.b.user]
    assert case.b.wait_body(f"g/{case.gid}", "you")["mentions"] == [case.c.user]
    answer = case.a.rpc("msg.edit", conv=f"g/{case.gid}", seq=ack["seq"], body="you!",
                        mentions=[case.b.user])
    assert answer["dropped_mentions"] == [case.b.user]


@road("a message, an edit or a signal in a group that both belong to", "goes to all its members")
def in_group(case):
    seq = case.a.send(f"im/g/{case.gid}", {"id": "m", "body": "all"})["seq"]
    case.b.wait_body(f"g/{case.gid}", "all")
    case.a.rpc("msg.edit", conv=f"g/{case.gid}", seq=seq, body="all!")
    case.b.wait_message(f"g/{case.gid}", lambda m: m["type"] == "edit")
    case.a.publish(f"im/s/g/{case.gid}", "typing")
    case.b.wait_for(lambda: case.b.on(f"signal/{case.a.user}"))


@road("`group.create` or `group.invite`", "the blocker is left out: `refused`, -32005")
def put_in(case):
    left_out = [{"uid": case.b.user, "code": -32005}]
    gid = case.node.new_name("g")
    answer = case.a.rpc("group.create", gid=gid, members=[case.b.user, case.c.user])
    assert answer["refused"] == left_out
    assert case.a.invite(gid, case.b.user)["refused"] == left_out
    assert set(case.a.members(gid)) == {case.a.user, case.c.user}


@road("`group.transfer`", REFUSED)
def transfer(case):
    case.refused("group.transfer", gid=case.theirs, uid=case.b.user)


@road("`group.join` of a group that the blocker runs",
      "the blocker is not asked; the answer is the same")
def join(case):
    gid = case.node.group(case.b, join="approval")
    assert case.unheard("group.join", gid=gid, note="me!") == {
        "changed": False, "pending": True}


@road("`contact.request`", REFUSED)
def request(case):
    case.refused("contact.request", uid=case.b.user, note="me!")


@road("`contact.accept`", REFUSED,
      before=lambda case: case.b.rpc("contact.request", uid=case.a.user))
def accept(case):
    case.refused("contact.accept", uid=case.b.user)


@road("`contact.reject` or `contact.remove`", "the entry ends on both lists",
      before=lambda case: case.b.rpc("contact.request", uid=case.a.user))
def reject(case):
    case.a.rpc("contact.reject", uid=case.b.user)
    for client in (case.a, case.b):
        assert client.rpc("contact.list")["contacts"] == []


@road("watching `im/presence/{uid}`", "denied")
def watch(case):
    assert case.a.subscribe(f"im/presence/{case.b.user}") == 0x87


@road("`presence.get`", "the blocker is `offline`")
def look(case):
    (seen, ) = case.a.rpc("presence.get", uids=[case.b.user])["users"]
    assert seen["state"] == "offline"


@road("`user.search`", "finds neither of the two")
def search(case):
    for a, b in ((case.a, case.b), (case.b, case.a)):
        assert a.rpc("user.search", q=b.user)["users"] == []


@road("`user.update`", "the blocker gets no `profile` event")
def update(case):
    case.unheard("user.update", nick="look at me")
    case.c.send(f"im/u/{case.a.user}", {"id": "c", "body": "c"})
    case.a.rpc("user.update", nick="look")
    case.c.wait_event("profile", lambda e: e["nick"] == "look")


@road("`conv.read`", "the blocker gets no `read` event")
def read(case):
    case.unheard("conv.read", conv=case.to_b, seq=case.seen)


@road("`conv.receipts`", "the blocker has neither received nor read anything",
      before=lambda case: case.b.rpc("conv.read", conv=case.to_a, seq=case.own))
def receipts(case):
    got = case.a.rpc("conv.receipts", conv=case.to_b, seq=case.own)["receipts"]
    assert got == [{"uid": case.b.user, "delivered": False, "read": False}]


@pytest.mark.parametrize("row", ROADS, ids=[f"{call.__name__}" for _, call in ROADS.values()])
def test_a_road(node, row):
    before, call = ROADS[row]
    case = Case(node)
    case.theirs = node.group(case.a, [case.b.user])
    case.a.rpc("group.role", gid=case.theirs, uid=case.b.user, role="admin")
    before(case)
    case.b.rpc("block.add", uid=case.a.user)
    call(case)


@contextlib.contextmanager
def silence(case, client, about):
    """Within it client hears nothing that names about."""
    case.fence()
    have = len(client.messages)
    yield
    name = case.node.new_name()
    case.c.send(f"im/u/{client.user}", {"id": name, "body": name})
    client.wait_body(f"u/{case.c.user}", name)
    assert [m for m in client.messages[have:] if about in m.payload.decode()] == []


def test_the_blocked_user_hears_of_no_receipt(node):
    case = Case(node)
    case.b.rpc("block.add", uid=case.a.user)
    with silence(case, case.a, f'"by":"{case.b.user}"'):
        case.b.rpc("conv.read", conv=case.to_a, seq=case.own)
    case.b.rpc("block.remove", uid=case.a.user)
    seq = case.a.send(f"im/{case.to_b}", {"id": "again", "body": "again"})["seq"]
    case.b.rpc("conv.read", conv=case.to_a, seq=seq)
    case.a.wait_event("read", lambda e: e["by"] == case.b.user and e["seq"] == seq)


def test_direct_policy_holds_against_being_put_into_a_group(node):
    a, friend, shy = (node.connect(u) for u in node.users(3))
    for client in (friend, shy):
        client.rpc("user.update", direct_policy="contacts")
    a.rpc("contact.request", uid=friend.user)
    friend.rpc("contact.accept", uid=a.user)
    gid, names = node.new_name("g"), [shy.user, friend.user, shy.user]
    left_out = [{"uid": shy.user, "code": -32006}]
    assert a.rpc("group.create", gid=gid, members=names)["refused"] == left_out
    assert set(a.members(gid)) == {a.user, friend.user}
    assert a.invite(gid, *names)["refused"] == left_out
    # What it founds or joins itself is its own affair.
    node.group(shy)
    shy.join(node.group(a, join="open"))
