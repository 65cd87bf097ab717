# SPDX-License-Identifier: BSD-3-Clause
"""What fails under a node: disks, files, clocks, limits, stopped processes. Each time: a clear log
line, nothing acked is lost, and it goes on by itself when the cause is gone."""
import signal
import sqlite3
import threading

import pytest

from lib import build
from lib.node import until


def faulty(node):
    """Restarts the bridge with a disk that fails on demand; returns the switch."""
    node.bridge.stop()
    switch = node.folder / "fault"
    node.bridge.env.update(LD_PRELOAD=str(build.BUILD / "faultio.so"), IM_FAULT=str(switch),
                           IM_FAULT_DIR=str(node.data),
                           ASAN_OPTIONS="verify_asan_link_order=0:detect_leaks=0")
    node.start_bridge()
    return switch


def acked(client):
    return {a["id"]: a["seq"] for a in client.acks() if "seq" in a}


def pair(node):
    alice, bob = node.users(2)
    return node.connect(alice), node.connect(bob)


def bodies(client, peer):
    """All of a conversation, as history has it."""
    found, after = [], 0
    while True:
        page = client.rpc("conv.history", conv=f"u/{peer}", after=after, limit=500)
        found += page["messages"]
        assert [m["seq"] for m in found] == list(range(1, len(found) + 1))
        if not page["more"]:
            return [m["body"] for m in found]
        after = found[-1]["seq"]


@pytest.mark.parametrize("fault", ["fsync", "write", "full"])
def test_nothing_is_acked_or_delivered_while_the_disk_fails(own_node, fault):
    node = own_node()
    switch = faulty(node)
    a, b = pair(node)
    a.publish(f"im/u/{b.user}", {"id": "before", "body": 0})
    a.wait_for(lambda: "before" in acked(a))
    switch.write_text(fault)
    for n in range(20):
        assert a.publish(f"im/u/{b.user}", {"id": f"m{n}", "body": n}) == 0
    node.bridge.wait_text("commit_failed")
    assert set(acked(a)) == {"before"}
    assert [m["body"] for m in b.got(f"u/{a.user}")] == [0]
    switch.unlink()
    a.wait_for(lambda: len(acked(a)) == 21)
    b.wait_for(lambda: len(b.got(f"u/{a.user}")) == 21)
    assert [acked(a)[f"m{n}"] for n in range(20)] == list(range(2, 22))
    assert bodies(b, a.user) == [0, *range(20)]


def test_a_bridge_killed_while_the_disk_fails_loses_nothing(own_node):
    node = own_node()
    switch = faulty(node)
    a, b = pair(node)
    switch.write_text("full")
    for n in range(20):
        assert a.publish(f"im/u/{b.user}", {"id": f"m{n}", "body": n}) == 0
    node.bridge.wait_text("commit_failed")
    node.kill_bridge()
    switch.unlink()
    node.start_bridge()
    a.wait_for(lambda: len(acked(a)) == 20)
    assert bodies(b, a.user) == list(range(20))


def test_a_slow_disk_slows_acks_and_keeps_the_broker_serving(own_node):
    node = own_node(options={"allow_topic": "plain/#"})
    switch = faulty(node)
    a, b = pair(node)
    plain = node.connect(node.user())
    assert plain.subscribe("plain/x") < 0x80
    switch.write_text("slow")
    for n in range(50):
        assert a.publish(f"im/u/{b.user}", {"id": f"m{n}", "body": n}) == 0
    assert plain.publish("plain/x", "meanwhile") == 0
    plain.wait_for(lambda: any(m.topic == "plain/x" for m in plain.messages))
    a.wait_for(lambda: len(acked(a)) == 50)
    assert bodies(b, a.user) == list(range(50))


@pytest.mark.parametrize("victim", ["bridge", "broker"])
def test_a_stopped_process_goes_on_where_it_was(own_node, victim):
    node = own_node()
    a, b = pair(node)
    process = getattr(node, victim)
    process.send_signal(signal.SIGSTOP)
    try:
        publishing = [threading.Thread(target=a.publish, args=(
            f"im/u/{b.user}", {"id": f"m{n}", "body": n})) for n in range(5)]
        for thread in publishing:
            thread.start()
        state = lambda: (  # noqa: E731
            open(f"/proc/{process.pid}/stat", encoding="ascii").read().rsplit(")", 1)[1].split()[0])
        until(lambda: state() == "T", "stopped process")
        assert acked(a) == {}
    finally:
        process.send_signal(signal.SIGCONT)
    for thread in publishing:
        thread.join()
    a.wait_for(lambda: len(acked(a)) == 5)
    assert sorted(bodies(b, a.user)) == list(range(5))


def damage(path, at, size=64):
    with open(path, "r+b") as f:
        f.seek(at)
        f.write(b"\xa5" * size)


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


def test_few_file_descriptors_stop_new_clients_and_nothing_else(own_node):
    node = own_node(users=60)
    node.broker.stop()
    argv = node.broker.argv
    node.broker.argv = ["sh", "-c", 'ulimit -n 32 && exec "$@"', "sh", *argv]
    node.start_broker()
    a, b = pair(node)
    a.publish(f"im/u/{b.user}", {"id": "0", "body": "the bridge is back"})
    a.wait_for(lambda: acked(a))
    refused = 0
    for _ in range(40):
        try:
            node.client(node.user()).connect()
        except Exception:  # noqa: BLE001  however this client is turned away
            refused += 1
    assert refused > 0
    a.publish(f"im/u/{b.user}", {"id": "1", "body": "still here"})
    a.wait_for(lambda: "1" in acked(a))
    node.broker.stop()
    node.broker.argv = argv
    node.start_broker()
    crowd = [node.connect(node.user()) for _ in range(10)]
    crowd[0].publish(f"im/u/{b.user}", {"id": "1", "body": "back"})
    crowd[0].wait_for(lambda: acked(crowd[0]))


def test_sighup_under_load_loses_nothing(own_node):
    node = own_node()
    a, b = pair(node)
    for n in range(300):
        if n % 50 == 25:
            node.broker.send_signal(signal.SIGHUP)
            node.bridge.send_signal(signal.SIGHUP)
        assert a.publish(f"im/u/{b.user}", {"id": f"m{n}", "body": n}) == 0
    a.wait_for(lambda: len(acked(a)) == 300)
    assert bodies(b, a.user) == list(range(300))


def test_a_broker_restarted_with_another_configuration_replays_its_spool(own_node):
    node = own_node()
    a, b = pair(node)
    node.kill_bridge()
    for n in range(10):
        assert a.publish(f"im/u/{b.user}", {"id": f"m{n}", "body": n}) == 0
    node.kill_broker()
    node.options.update(spool_size="2M", window=1, max_payload=1000)
    node.write_broker_conf()
    node.start_broker()
    node.start_bridge()
    b2 = node.connect(b.user)
    until(lambda: len(bodies(b2, a.user)) == 10, "replay")


def test_a_ts_of_the_past_does_not_change_the_order(own_node):
    """A clock set back an hour: as if the newest message had come from the future."""
    node = own_node()
    a, b = pair(node)
    a.publish(f"im/u/{b.user}", {"id": "1", "body": "first"})
    a.wait_for(lambda: acked(a))
    node.bridge.stop()
    db = sqlite3.connect(node.data / "messages.db")
    db.execute("UPDATE message SET ts = ts + 3600000")
    db.commit()
    db.close()
    node.start_bridge()
    a.publish(f"im/u/{b.user}", {"id": "2", "body": "second"})
    a.wait_for(lambda: "2" in acked(a))
    assert bodies(b, a.user) == ["first", "second"]
    listed = b.rpc("conv.list")["conversations"][0]
    assert listed["last"]["body"] == "second" and listed["unread"] == 2
