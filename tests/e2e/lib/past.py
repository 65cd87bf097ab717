# SPDX-License-Identifier: BSD-3-Clause
"""Databases as an earlier version left them, as SQL in tests/e2e/upgrade/vN, with the answers that
it gave from them. `python3 -m lib.past` in tests/e2e writes such a folder with the version at hand:
once for each newest schema, before the next migration is written.
"""
import json
import pathlib
import re
import sqlite3

FOLDER = pathlib.Path(__file__).resolve().parents[1] / "upgrade"
DATABASES = ("directory", "messages")
GID = "team"


def versions():
    return sorted(path.name for path in FOLDER.glob("v*"))


def load(version, data):
    """Puts the databases of that version into a node's folder."""
    for name in DATABASES:
        for file in data.glob(f"{name}.db*"):
            file.unlink()
        db = sqlite3.connect(data / f"{name}.db")
        db.executescript((FOLDER / version / f"{name}.sql").read_text(encoding="utf-8"))
        db.execute("PRAGMA journal_mode = WAL")
        db.close()


def answers(version):
    return json.loads((FOLDER / version / "answers.json").read_text(encoding="utf-8"))


def ask(clients):
    """What the users are told: {"user method parameters": result}."""
    questions = [("conv.list", {}), ("sync", {"cursor": "", "limit": 500}), ("contact.list", {}),
                 ("block.list", {}), ("user.get", {}), ("group.get", {"gid": GID}),
                 ("group.members", {"gid": GID}), ("conv.history", {"conv": f"g/{GID}"})]
    out = {}
    for client in clients:
        direct = [("conv.history", {"conv": f"u/{peer.user}"}) for peer in clients
                  if peer is not client]
        for method, params in questions + direct:
            text = f"{client.user} {method} {json.dumps(params, sort_keys=True)}"
            out[text] = client.rpc(method, **params)
    return out


def live(clients):
    """A bit of everything that is stored."""
    a, b, c = clients
    a.send(f"im/u/{b.user}", {"id": "m-1", "body": "a needle"})
    a.send(f"im/u/{b.user}", {"id": "m-2", "body": {"t": 21.50}, "ext": {"k": [1]}})
    a.send(f"im/u/{b.user}", {"id": "m-3", "body": "taken back"})
    a.rpc("msg.edit", conv=f"u/{b.user}", seq=1, body="a sharp needle")
    a.rpc("msg.recall", conv=f"u/{b.user}", seq=3)
    b.rpc("msg.react", conv=f"u/{a.user}", seq=1, emoji="+1")
    b.send(f"im/u/{a.user}", {"id": "m-4", "body": "AAEC", "enc": "base64"})
    a.rpc("group.create", gid=GID, name="The team", members=[b.user, c.user])
    a.rpc("group.role", gid=GID, uid=b.user, role="admin")
    b.send(f"im/g/{GID}", {"id": "g-1", "body": "all of you", "mentions": [c.user],
                           "reply_to": 1})
    a.rpc("group.kick", gid=GID, members=[c.user])
    a.rpc("group.invite", gid=GID, members=[c.user])
    b.rpc("conv.read", conv=f"u/{a.user}", seq=4)
    b.rpc("conv.update", conv=f"g/{GID}", pinned=True, draft="on my w")
    b.rpc("device.ack", cursor=b.rpc("sync", cursor="")["cursor"])
    a.rpc("contact.request", uid=b.user, note="hi")
    b.rpc("contact.accept", uid=a.user)
    c.rpc("block.add", uid=a.user)
    c.rpc("user.update", nick="Cee")
    # Operations behind the last message of a conversation.
    c.send(f"im/u/{b.user}", {"id": "m-5", "body": "one"})
    c.send(f"im/u/{b.user}", {"id": "m-6", "body": "two"})
    c.send(f"im/u/{b.user}", {"id": "m-7", "body": "three"})
    b.rpc("msg.react", conv=f"u/{c.user}", seq=2, emoji="+1")
    c.rpc("msg.recall", conv=f"u/{b.user}", seq=1)
    a.send(f"im/g/{GID}", {"id": "g-2", "body": "and you"})
    c.rpc("msg.react", conv=f"g/{GID}", seq=3, emoji="+1")


def dump(path, out):
    db = sqlite3.connect(path)
    version = db.execute("PRAGMA user_version").fetchone()[0]
    lines = [line for line in db.iterdump() if not re.match(r"(BEGIN|COMMIT)", line)]
    db.close()
    out.write_text("\n".join(["-- SPDX-License-Identifier: BSD-3-Clause", "BEGIN;", *lines,
                              f"PRAGMA user_version = {version};", "COMMIT;", ""]),
                   encoding="utf-8")
    return version


def main():
    from .node import Node
    with Node(users=3) as node:
        clients = [node.connect(user, device=f"{user}-phone") for user in node.users(3)]
        live(clients)
        told = ask(clients)
        node.stop()
        version = max(dump(node.data / f"{name}.db", FOLDER / f"{name}.sql")
                      for name in DATABASES)
    folder = FOLDER / f"v{version}"
    folder.mkdir()
    for name in DATABASES:
        (FOLDER / f"{name}.sql").rename(folder / f"{name}.sql")
    (folder / "answers.json").write_text(json.dumps(told, indent=1, sort_keys=True) + "\n",
                                         encoding="utf-8")
    print(f"wrote {folder}")


if __name__ == "__main__":
    main()
