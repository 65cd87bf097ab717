# SPDX-License-Identifier: BSD-3-Clause
"""Announcements: everybody gets them once, live and later, whatever crashes; nobody answers."""
import json

import pytest

from lib.client import Refused, denied
from lib.node import until
from lib.tools import Imctl


def announcements(admin):
    return admin.command("listAnnouncements")["announcements"]


def done(admin, number):
    until(lambda: announcements(admin)[number - 1]["state"] == "done",
          f"announcement {number} that is done")
    return announcements(admin)[number - 1]


def test_all_users_get_it_once_and_nobody_answers(own_node):
    node = own_node(users=5)
    admin = node.admin()
    bob = node.connect(node.user())
    admin.command("createAnnouncement", message="we move on Friday", rate=5000)
    got = bob.wait_body("u/system", "we move on Friday")
    assert got["from"] == "system" and got["seq"] == 1 and got["id"] == "announce-1"
    row = done(admin, 1)
    assert row["sent"] == row["total"] == node.sql(
        "directory", "SELECT count(*) FROM user WHERE uid <> 'system'")[0][0]
    late = node.connect(node.user())
    assert [m["body"] for m in late.sync_all()[0] if m["conv"] == "u/system"] == [
        "we move on Friday"]
    bob.publish("im/u/system", {"id": "a", "body": "why?"})
    error = bob.wait_ack_of("a")["error"]
    assert error["code"] == -32012 and "this conversation is for reading" in error["message"]
    denied(lambda: bob.rpc("msg.react", conv="u/system", seq=1, emoji="x"), -32012)
    with pytest.raises(Refused):
        node.client("system").connect()


def test_a_crash_delays_it_and_repeats_nothing(own_node):
    node = own_node(users=40)
    admin = node.admin()
    admin.command("createAnnouncement", message="hello", rate=40)
    for least in (4, 12, 20):
        until(lambda n=least: announcements(admin)[0]["sent"] >= n, f"{least} of them")
        node.kill_bridge()
        node.start_bridge()
    row = done(admin, 1)
    assert row["sent"] == row["total"]
    counts = node.sql("messages", "SELECT count(*), count(DISTINCT conv) FROM message"
                                  " WHERE CAST(client_id AS TEXT) = 'announce-1'")
    assert counts == [(row["total"], row["total"])]


def test_imctl_announces_to_a_list_and_shows_how_far_it_is(own_node, tmp_path):
    node = own_node(users=5)
    imctl = Imctl.of(node)
    one, two, three = node.users(3)
    some = tmp_path / "some"
    some.write_text(f"# for these\n{one}\n{two}\n")
    assert imctl.json("announce", '{"type":"news","body":{"hi":1}}', "--to", str(some),
                      "--rate", "100") == {"id": 1, "total": 2}
    admin = node.admin()
    done(admin, 1)
    for user, want in ((one, [{"hi": 1}]), (two, [{"hi": 1}]), (three, [])):
        messages = node.connect(user).sync_all()[0]
        assert [m["body"] for m in messages if m["conv"] == "u/system"] == want
    assert "done" in imctl.ok("announce", "status")
    assert imctl.json("announce", "status")["announcements"][0]["sent"] == 2
    # What is wrong with the list ends the whole.
    some.write_text(f"{three}\nnobody\n")
    failed = imctl.run("announce", "hi", "--to", str(some))
    assert failed.returncode != 0 and "nobody" in failed.stderr
    assert "nothing was sent" in failed.stderr
    assert announcements(admin)[1]["state"] == "stopped"
    some.write_text("no name\n")
    assert "line 1" in imctl.run("announce", "hi", "--to", str(some)).stderr
    assert "under way to" in imctl.ok("announce", "to all", "--rate", "1")
    imctl.ok("announce", "stop", "3")
    assert announcements(admin)[2]["state"] == "stopped"


def test_it_is_audited_without_its_words(own_node):
    node = own_node(users=2)
    admin = node.admin()
    admin.command("createAnnouncement", message="the secret plan")
    done(admin, 1)
    rows = admin.command("listAudit")["rows"]
    assert "createAnnouncement" in [r["command"] for r in rows]
    assert "secret" not in json.dumps(rows)
    assert node.sql("directory", "SELECT message FROM announcement") == [(b"",)]
