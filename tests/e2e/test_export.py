# SPDX-License-Identifier: BSD-3-Clause
"""Everything that the node has of one user, as one JSON document."""
import json
import stat

import pytest

from lib import wire
from lib.admin import Refusal
from lib.tools import Imctl

SECTIONS = ["account", "devices", "contacts", "blocks", "groups", "conversations", "messages",
            "events", "reports"]


def export(node, user):
    text = Imctl.of(node).ok("user", "export", user)
    document = json.loads(text)
    assert list(document) == ["export", *SECTIONS] and document["export"] == 1
    wire.hold("export", document)
    return text, document


def said(document):
    return [(m["conv"], m["seq"], m["body"]) for m in document["messages"]
            if m["type"] not in ("system", "edit", "react", "recall")]


def test_a_document_holds_all_that_is_the_users(node):
    alice, bob, carol, dave = node.users(4)
    a, b, c, d = (node.connect(u) for u in (alice, bob, carol, dave))
    a.publish(f"im/u/{bob}", b'{"id":"1","body":{"exact":21.50,"big":123456789012345678901}}')
    a.wait_ack_of("1")
    b.send(f"im/u/{alice}", {"id": "1", "body": "to alice", "mentions": [alice]})
    a.send(f"im/u/{alice}", {"id": "2", "body": "to myself"})
    c.send(f"im/u/{bob}", {"id": "1", "body": "not for alice"})
    left = node.group(c, [alice, bob])
    c.send(f"im/g/{left}", {"id": "2", "body": "in the group"})
    a.send(f"im/g/{left}", {"id": "3", "body": "alice was there"})
    a.leave(left)
    c.send(f"im/g/{left}", {"id": "3", "body": "after alice"})
    stays = node.group(b, [alice], name="Stay")
    a.send(f"im/u/{dave}", {"id": "4", "body": "cleared away"})
    d.send(f"im/u/{alice}", {"id": "1", "body": "answer, cleared"})
    a.rpc("conv.update", conv=f"u/{dave}", cleared_to=2)
    d.send(f"im/u/{alice}", {"id": "2", "body": "news"})
    a.rpc("user.update", nick="Al", ext={"k": 1})
    a.rpc("contact.request", uid=bob, note="hi")
    b.rpc("contact.accept", uid=alice)
    a.rpc("block.add", uid=carol)
    a.rpc("msg.report", conv=f"u/{bob}", seq=2, reason="rude")
    a.rpc("conv.update", conv=f"u/{bob}", pinned=True, draft="half a sen")
    text, doc = export(node, alice)
    account, = doc["account"]
    assert account["username"] == alice and account["role"] == "user"
    assert account["deleted"] is account["disabled"] is False
    assert account["profile"]["nick"] == "Al" and account["profile"]["ext"] == {"k": 1}
    assert "password" not in text and "argon2" not in text
    assert [(x["device"], x["state"]) for x in doc["devices"]] == [(a.device, "online")]
    assert [(x["uid"], x["state"]) for x in doc["contacts"]] == [(bob, "contact")]
    assert [x["uid"] for x in doc["blocks"]] == [carol]
    assert [(x["gid"], x["name"], x["role"]) for x in doc["groups"]] == [(stays, "Stay", "member")]
    convs = {x["conv"]: x for x in doc["conversations"]}
    assert set(convs) == {f"u/{bob}", f"u/{alice}", f"u/{dave}", f"g/{stays}"}
    assert convs[f"u/{bob}"]["pinned"] and convs[f"u/{bob}"]["draft"] == "half a sen"
    # What alice may read, and what alice wrote, wherever.
    assert '{"exact":21.50,"big":123456789012345678901}' in text
    assert said(doc)[1:] == [
        (f"u/{bob}", 2, "to alice"), (f"u/{alice}", 1, "to myself"),
        (f"g/{left}", 3, "alice was there"), (f"u/{dave}", 1, "cleared away"),
        (f"u/{dave}", 3, "news")]
    assert {e["event"] for e in doc["events"]} >= {"contact", "conv", "user", "block"}
    assert [(r["conv"], r["seq"], r["reason"]) for r in doc["reports"]] == [
        (f"u/{bob}", 2, "rude")]
    rows = Imctl.of(node).json("audit", "--user", alice)["rows"]
    assert [(r["command"], r["outcome"], r.get("times", 1)) for r in rows] == [
        ("exportUser", "done", len(SECTIONS))]


def test_many_items_are_in_it_once_each(node, tmp_path):
    alice, bob, other = node.users(3)
    a, b, c = (node.connect(u) for u in (alice, bob, other))
    for n in range(450):
        a.post(f"im/u/{bob}", {"id": f"m{n}", "body": f"number {n} " + "x" * (n % 7 * 500)})
        c.post(f"im/u/{bob}", {"id": f"m{n}", "body": "others'"})
    a.wait_ack_of("m449")
    c.wait_ack_of("m449")
    b.send(f"im/u/{alice}", {"id": "1", "body": "thanks"})
    for n in range(60):
        node.group(a, [bob]) if n < 20 else a.rpc("block.add", uid=f"user{n:03d}")
    file = tmp_path / "alice.json"
    Imctl.of(node).ok("user", "export", alice, "--output", file)
    doc = json.loads(file.read_text("utf-8"))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and not (tmp_path / "alice.json.part").exists()
    direct = [m for m in doc["messages"] if m["conv"] == f"u/{bob}"]
    assert [m["seq"] for m in direct] == list(range(1, 452))
    assert [m["body"].split()[1] for m in direct[:-1]] == [str(n) for n in range(450)]
    assert len(doc["groups"]) == len({g["gid"] for g in doc["groups"]}) == 20
    assert len(doc["blocks"]) == len({x["uid"] for x in doc["blocks"]}) == 40
    assert len(doc["conversations"]) == 21


def test_a_deleted_users_data_is_exported_too(node):
    admin = node.admin()
    name = admin.create_user(node.new_name("gone"))
    peer = node.user()
    c, p = node.connect(name), node.connect(peer)
    c.send(f"im/u/{peer}", {"id": "1", "body": "before"})
    gid = node.group(p, [name])
    c.send(f"im/g/{gid}", {"id": "2", "body": "in a group"})
    admin.command("deleteUser", username=name)
    _, doc = export(node, name)
    assert doc["account"][0]["deleted"] is True and doc["groups"] == doc["contacts"] == []
    assert said(doc) == [(f"u/{peer}", 1, "before"), (f"g/{gid}", 2, "in a group")]


def test_what_is_no_export_is_refused(node, tmp_path):
    admin, user = node.admin(), node.user()
    imctl = Imctl.of(node)
    done = imctl.run("user", "export", "nobody-there", "--output", tmp_path / "x")
    assert done.returncode == 1 and "nobody-there" in done.stderr
    assert list(tmp_path.iterdir()) == [] and done.stdout == ""
    done = imctl.run("user", "export", "nobody-there")
    assert done.returncode == 1 and done.stdout == "", "no beginning of a document"
    done = imctl.run("user", "export", user, "--output", tmp_path / "no" / "x")
    assert done.returncode == 1 and "No such file" in done.stderr
    for odd in ("secrets", "messages;1", "", "x" * 230):
        with pytest.raises(Refusal):
            admin.command("exportUser", username=user, next=odd)
    for odd in ("messages:zz", "events:-1", "devices:\u0001"):
        page = admin.command("exportUser", username=user, next=odd)
        assert page["section"] == odd.split(":", 1)[0]
    with_another = admin.send_commands({"commands": [
        {"command": "exportUser", "username": user}, {"command": "getStats"}]})["responses"]
    assert "payload of its own" in with_another[0]["error"] and "data" in with_another[1]
