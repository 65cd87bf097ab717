# SPDX-License-Identifier: BSD-3-Clause
"""Events, live and by sync: what a client that follows the page's rule of keys makes of them."""
import json

from lib.wire import FOLDER

EVENTS = json.loads((FOLDER / "event.schema.json").read_text(encoding="utf-8"))["oneOf"]
LIVE = {"n", "safe"}  # what a delivery says of itself


def said(branch, member):
    node = branch["properties"].get(member, {"enum": [None]})
    return [node["const"]] if "const" in node else node["enum"]


def key_of(event):
    """As the schema has it; None: live only."""
    branch, = (b for b in EVENTS if event["event"] in said(b, "event")
               and event.get("action") in said(b, "action"))
    return branch.get("x-key") and (event["event"], *((k, event[k]) for k in branch["x-key"]))


def newest(events):
    """{key: event}; a repeat, or an older one, changes nothing."""
    kept = {}
    for event in events:
        key = key_of(event)
        if key and (key not in kept or int(kept[key]["cursor"]) < int(event["cursor"])):
            kept[key] = {k: v for k, v in event.items() if k not in LIVE}
    return kept


def live(a, b, c):
    """Everything that brings b an event that is kept, most of it more than once."""
    alice, bob, carol = a.user, b.user, c.user
    for _ in range(2):
        a.rpc("contact.request", uid=bob, note="it's me")
        b.rpc("contact.accept", uid=alice)
        a.rpc("contact.remove", uid=bob)
    b.rpc("block.add", uid=carol)
    b.rpc("block.remove", uid=carol)
    for i in range(3):
        a.send(f"im/u/{bob}", {"id": str(i), "body": "hi"})
        b.rpc("conv.read", conv=f"u/{alice}", seq=i + 1)
        b.send(f"im/u/{alice}", {"id": str(i), "body": "hi"})
        a.rpc("conv.read", conv=f"u/{bob}", seq=2 * i + 2)
        b.rpc("conv.update", conv=f"u/{alice}", draft=str(i))
        b.rpc("user.update", nick=str(i))
    a.rpc("group.create", gid=f"{bob}-in", members=[bob])
    a.rpc("group.kick", gid=f"{bob}-in", members=[bob])
    b.rpc("group.create", gid=f"{bob}-own", join="approval")
    for asker in (a, c):
        asker.rpc("group.join", gid=f"{bob}-own", note="please")


def test_what_came_live_and_what_sync_brings_are_one_by_their_keys(node):
    alice, bob, carol = node.users(3)
    a, b, c = node.connect(alice), node.connect(bob), node.connect(carol)
    live(a, b, c)
    b.wait_event("group", lambda e: e["action"] == "request" and e["by"] == carol)
    _, events, _ = b.sync_all()
    synced = newest(events)
    b.wait_for(lambda: newest(b.events()) == synced)
    assert len(events) == len(synced), "sync brings the newest of each key alone"
    assert {k[0] for k in synced} == {e for b in EVENTS if "x-key" in b for e in said(b, "event")}
    assert newest(b.events() + events) == newest(events + b.events()) == synced
