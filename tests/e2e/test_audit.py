# SPDX-License-Identifier: BSD-3-Clause
"""The audit log of administrators' commands."""
import getpass

from lib.node import Node
from lib.tools import Imctl


def test_who_administered_what_can_be_looked_up(node):
    imctl, name = Imctl.of(node), node.new_name("audited")
    imctl.ok("user", "create", name, "--password", "hunter2", "--nick", "nickname")
    imctl.ok("user", "disable", name)
    assert imctl.run("user", "create", name.upper(), "--no-password").returncode == 1
    imctl.ok("message", f"u/{name}", "words to one user")
    imctl.ok("user", "delete", name)
    rows = imctl.json("audit", "--last", "5")["rows"]
    assert [(r["by"], r["command"], r["subject"], r["outcome"]) for r in rows] == [
        ("admin", "createUser", name, "done"), ("admin", "disableUser", name, "done"),
        ("admin", "createUser", name.upper(), "conflict"),
        ("admin", "sendSystemMessage", f"u/{name}", "done"), ("admin", "deleteUser", name, "done")]
    about = imctl.json("audit", "--user", name)["rows"]
    assert [r["command"] for r in about] == ["createUser", "disableUser", "deleteUser"]
    shown = imctl.ok("audit", "--last", "5")
    assert name in shown and "disableUser" in shown
    kept = node.sql("directory", "SELECT * FROM audit")
    assert not any(word in str(kept) for word in ("hunter2", "argon2", "words to one", "nickname"))
    # What shows it, and what shows nobody's words, leaves nothing.
    imctl.ok("user", "list")
    assert imctl.json("audit", "--last", "1")["rows"][0]["command"] == "deleteUser"


def test_what_was_done_offline_is_in_it(tmp_path):
    node = Node(users=2)
    try:
        off = Imctl(tmp_path, "--offline", node.data)
        off.ok("user", "create", "zoe", "--role", "admin", "--password", "hunter2")
        off.ok("user", "disable", "user000")
        assert off.run("user", "disable", "nobody").returncode == 1
        (tmp_path / "list").write_text("one\ntwo\nzoe\n", encoding="utf-8")
        off.ok("user", "import", tmp_path / "list")
        off.ok("user", "list")
        off.ok("vacuum", "directory")
        node.start()
        rows = Imctl.of(node).json("audit")["rows"]
        assert {r["by"] for r in rows} == {f"offline:{getpass.getuser()}"}
        assert [(r["command"], r["subject"], r["detail"]) for r in rows] == [
            ("createUser", "zoe", {"role": "admin"}), ("disableUser", "user000", {}),
            ("importUsers", "", {"created": 2, "updated": 0, "unchanged": 1}),
            ("vacuum", "", {"database": "directory"})]
    finally:
        node.close()
