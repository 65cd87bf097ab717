# SPDX-License-Identifier: BSD-3-Clause
"""Pinned messages, and history as it is shown, over the broker: live, by sync, after a crash."""
import pytest

from lib.client import denied


def pins(client, conv):
    return [(p["seq"], p["by"], p["message"]["body"])
            for p in client.rpc("conv.pins", conv=conv)["pins"]]


def is_pin(seq, action="pin"):
    return lambda m: m["type"] == "system" and m["body"] == {
        "action": action, "by": m["from"], "seq": seq}


def test_everybody_sees_a_pin_live_and_by_sync(node):
    alice, bob = node.users(2)
    a, b = node.connect(alice), node.connect(bob)
    seq = a.send(f"im/u/{bob}", {"id": "1", "body": "the door code is 7"})["seq"]
    said = b.rpc("msg.pin", conv=f"u/{alice}", seq=seq)["seq"]
    assert a.wait_message(f"u/{bob}", is_pin(seq))["seq"] == said
    assert b.wait_message(f"u/{alice}", is_pin(seq))["seq"] == said
    late = node.connect(alice)
    messages = late.sync_all()[0]
    assert [m["seq"] for m in messages if is_pin(seq)(m)] == [said]
    for client, conv in ((a, f"u/{bob}"), (b, f"u/{alice}"), (late, f"u/{bob}")):
        assert pins(client, conv) == [(seq, bob, "the door code is 7")]
    a.rpc("msg.recall", conv=f"u/{bob}", seq=seq)
    assert pins(b, f"u/{alice}") == []


@pytest.mark.parametrize("kind", ["group", "room"])
def test_owner_and_admins_pin_in_a_group(node, kind):
    owner, member = (node.connect(node.user()) for _ in range(2))
    gid = node.group(owner, [member.user], kind=kind)
    if kind == "room":
        member.subscribe(f"im/room/{gid}")
    seq = member.send(f"im/g/{gid}", {"id": "1", "body": "agenda"})["seq"]
    denied(lambda: member.rpc("msg.pin", conv=f"g/{gid}", seq=seq), -32012)
    owner.rpc("msg.pin", conv=f"g/{gid}", seq=seq)
    if kind == "room":
        member.wait_for(lambda: any(is_pin(seq)(m.json) for m in list(member.messages)
                                    if m.topic == f"im/room/{gid}"))
    else:
        member.wait_message(f"g/{gid}", is_pin(seq))
    assert pins(member, f"g/{gid}") == [(seq, owner.user, "agenda")]
    owner.rpc("msg.pin", conv=f"g/{gid}", seq=seq, remove=True)
    assert pins(member, f"g/{gid}") == []


def test_pins_survive_a_crash(own_node):
    node = own_node()
    alice, bob = node.users(2)
    a, b = node.connect(alice), node.connect(bob)
    seqs = [a.send(f"im/u/{bob}", {"id": str(i), "body": str(i)})["seq"] for i in range(5)]
    for seq in seqs:
        a.rpc("msg.pin", conv=f"u/{bob}", seq=seq)
    b.rpc("msg.pin", conv=f"u/{alice}", seq=seqs[2], remove=True)
    want = [(seqs[i], alice, str(i)) for i in (4, 3, 1, 0)]
    assert pins(b, f"u/{alice}") == want
    node.kill_bridge()
    node.start_bridge()
    assert pins(b, f"u/{alice}") == want


def test_a_page_of_what_is_shown_is_full_and_quotes(node):
    alice, bob = node.users(2)
    a, b = node.connect(alice), node.connect(bob)
    first = a.send(f"im/u/{bob}", {"id": "q", "body": "lunch?"})["seq"]
    for n in range(30):
        b.rpc("msg.react", conv=f"u/{alice}", seq=first, emoji="x", remove=bool(n % 2))
    answer = b.send(f"im/u/{alice}", {"id": "a", "body": "yes", "reply_to": first})["seq"]
    page = a.rpc("conv.history", conv=f"u/{bob}", shown=True, limit=2)
    assert [m["seq"] for m in page["messages"]] == [first, answer] and not page["more"]
    assert page["messages"][1]["quote"] == {"seq": first, "from": alice, "type": "text",
                                            "body": "lunch?"}
    assert "quote" not in page["messages"][0]
