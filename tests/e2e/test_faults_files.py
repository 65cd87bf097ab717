# SPDX-License-Identifier: BSD-3-Clause
"""Files of a node that are missing, damaged, cut short, or not to be written. Each time: a clear log
line, what is whole is kept, and nothing is begun anew unasked."""
import os
import sqlite3

import pytest

from lib.faults import acked, bodies, damage, pair, preload
from lib.node import until


def test_a_missing_or_damaged_search_index_is_built_again(own_node):
    node = own_node()
    a, b = pair(node)
    a.publish(f"im/u/{b.user}", {"id": "1", "body": "needle in here"})
    a.wait_for(lambda: acked(a))

    def found():
        return [h["message"]["body"] for h in b.rpc("search", q="needle")["hits"]]
    until(lambda: found() == ["needle in here"], "hit")
    for spoil in (lambda p: p.unlink(), lambda p: p.write_bytes(b"no database " * 1000)):
        node.bridge.stop()
        for side in ("-wal", "-shm"):
            (node.data / f"search.db{side}").unlink(missing_ok=True)
        spoil(node.data / "search.db")
        node.start_bridge()
        until(lambda: found() == ["needle in here"], "hit after rebuilding")


@pytest.mark.parametrize("database", ["messages", "directory"])
def test_a_file_that_is_no_database_is_refused_and_left_alone(own_node, database):
    node = own_node()
    node.bridge.stop()
    path = node.data / f"{database}.db"
    for side in ("-wal", "-shm"):
        (node.data / f"{database}.db{side}").unlink(missing_ok=True)
    good = path.read_bytes()
    path.write_bytes(b"this is no database " * 500)
    node.bridge.start()
    assert node.bridge.wait_exit(expected={1}) == 1
    assert f"{database}.db" in node.bridge.text(True)
    assert path.read_bytes() == b"this is no database " * 500
    path.write_bytes(good)
    node.start_bridge()


@pytest.mark.parametrize("spoil", ["cut", "flip"])
def test_what_is_whole_in_a_damaged_spool_is_replayed(own_node, spoil):
    node = own_node()
    a, b = pair(node)
    node.kill_bridge()
    for n in range(30):
        assert a.publish(f"im/u/{b.user}", {"id": f"m{n}", "body": f"body-{n:04d}"}) == 0
    node.kill_broker()
    spool = node.data / "spool"
    data = bytearray(spool.read_bytes())
    at = data.index(b"body-0020")
    if spoil == "cut":
        data[at:at + 200_000] = bytes(200_000)
    else:
        data[at] ^= 0x01
    spool.write_bytes(data)
    node.start_broker()
    node.start_bridge()
    assert "spool" in node.broker.text(True)
    b2 = node.connect(b.user)
    until(lambda: len(bodies(b2, a.user)) == 20, "replay")
    assert bodies(b2, a.user) == [f"body-{n:04d}" for n in range(20)]
    a2 = node.connect(a.user)
    a2.publish(f"im/u/{b.user}", {"id": "after", "body": "after"})
    a2.wait_for(lambda: acked(a2).get("after") == 21)


def test_a_spool_whose_header_is_gone_is_set_aside(own_node):
    node = own_node()
    node.bridge.stop()
    node.broker.stop()
    damage(node.data / "spool", 0, 4096)
    node.start_broker()
    node.start_bridge()
    assert list(node.data.glob("spool.corrupt-*"))
    a, b = pair(node)
    a.publish(f"im/u/{b.user}", {"id": "1", "body": "on"})
    a.wait_for(lambda: acked(a))


def test_a_spool_cut_short_is_replayed_up_to_there(own_node):
    node = own_node()
    a, b = pair(node)
    node.kill_bridge()
    for n in range(30):
        assert a.publish(f"im/u/{b.user}", {"id": f"m{n}", "body": f"body-{n:04d}"}) == 0
    node.kill_broker()
    spool = node.data / "spool"
    os.truncate(spool, spool.read_bytes().index(b"body-0020"))
    node.start_broker()
    assert "spool truncated" in node.broker.text(True)
    node.start_bridge()
    b2 = node.connect(b.user)
    until(lambda: len(bodies(b2, a.user)) == 20, "replay")
    a2 = node.connect(a.user)
    a2.publish(f"im/u/{b.user}", {"id": "after", "body": "after"})
    a2.wait_for(lambda: acked(a2).get("after") == 21)


def start_refused(node, *said):
    node.bridge.start()
    assert node.bridge.wait_exit(expected={1}) == 1
    line = node.bridge.wait_for(lambda: [x for x in node.bridge.text(True).splitlines()
                                         if "start_refused" in x], "a line")[0]
    assert all(word in line for word in said), line


def test_a_log_that_is_gone_is_not_begun_again_unasked(own_node):
    """Its places would be given a second time, and devices would take what is new for repeats."""
    node = own_node()
    a, b = pair(node)
    a.send(f"im/u/{b.user}", {"id": "1", "body": "kept"})
    assert node.bridge.stop() == 0
    (node.data / "messages.db").rename(node.folder / "hidden.db")
    start_refused(node, "messages.db is missing", "restore it from a backup")
    assert not (node.data / "messages.db").exists()
    # What was sent meanwhile waits, and is there when the file is.
    assert a.publish(f"im/u/{b.user}", {"id": "2", "body": "meanwhile"}) == 0
    (node.folder / "hidden.db").rename(node.data / "messages.db")
    node.start_bridge()
    a.wait_for(lambda: acked(a) == {"1": 1, "2": 2})
    assert bodies(b, a.user) == ["kept", "meanwhile"]


def test_an_empty_log_is_begun_when_it_is_asked_for(own_node):
    node = own_node()
    a, b = pair(node)
    a.send(f"im/u/{b.user}", {"id": "1", "body": "given up"})
    assert node.bridge.stop() == 0
    for file in node.data.glob("messages.db*"):
        file.unlink()
    (node.data / "messages.db").touch()
    node.start_bridge()
    a.send(f"im/u/{b.user}", {"id": "2", "body": "anew"})
    assert bodies(b, a.user) == ["anew"]


def test_a_missing_directory_is_not_missed_by_a_running_node(own_node):
    """Both have it open; the next start says what is missing (test_crash.py)."""
    node = own_node()
    a, b = pair(node)
    hidden = node.folder / "hidden"
    hidden.mkdir()
    for file in node.data.glob("directory.db*"):
        file.rename(hidden / file.name)
    a.send(f"im/u/{b.user}", {"id": "1", "body": "goes on"})
    assert bodies(b, a.user) == ["goes on"]
    for file in hidden.iterdir():
        file.rename(node.data / file.name)


def test_a_folder_that_may_not_be_written_is_named(own_node):
    node = own_node()
    a, b = pair(node)
    a.send(f"im/u/{b.user}", {"id": "1", "body": "before"})
    node.bridge.stop()
    argv, owner = node.bridge.argv, node.data.stat()
    if os.geteuid() == 0:  # whom no permission stops
        node.bridge.argv = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *argv]
        node.folder.chmod(0o755)
    node.data.chmod(0o555)
    start_refused(node, str(node.data), "Permission denied")
    node.data.chmod(owner.st_mode & 0o777)
    node.bridge.argv = argv
    node.start_bridge()
    assert bodies(b, a.user) == ["before"]


@pytest.mark.parametrize("victim", ["broker", "bridge"])
def test_a_read_only_disk_refuses_the_start_and_loses_nothing(own_node, victim):
    node = own_node()
    a, b = pair(node)
    node.kill_bridge()
    assert a.publish(f"im/u/{b.user}", {"id": "1", "body": "in the spool"}) == 0
    node.kill_broker()
    switch = node.folder / "fault"
    switch.write_text("ro")
    process = getattr(node, victim)
    preload(process, "faultio.so", IM_FAULT=str(switch), IM_FAULT_DIR=str(node.data))
    process.start()
    assert process.wait_exit(expected=range(1, 256)) > 0
    assert "Read-only file system" in process.text(True) and str(node.data) in process.text(True)
    switch.unlink()
    node.start_broker()
    node.start_bridge()
    reader = node.connect(b.user)
    until(lambda: bodies(reader, a.user) == ["in the spool"], "replay")
