# SPDX-License-Identifier: BSD-3-Clause
"""Processes that get no more memory or file descriptors. Each time: a clear log line, nothing acked
is lost, and it goes on by itself when there is some again."""
import contextlib

import pytest

from lib import build
from lib.faults import acked, bodies, no_more_files, no_more_memory, pair
from lib.node import PASSWORD, Node, until
from lib.proc import wait_until
from lib.raw import Raw

BIG = "x" * 900_000
ROOMY = {"max_payload": "1M", "rate_messages": 0, "rate_bytes": 0}


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


def test_a_bridge_without_file_descriptors_waits_for_one(own_node):
    node = own_node()
    a, b = pair(node)
    with no_more_files(node.bridge):
        node.kill_broker()
        node.start_broker()
        line = node.bridge.wait_text("link_waits")
        assert "open files" in line
        a = node.connect(a.user)
        assert a.publish(f"im/u/{b.user}", {"id": "1", "body": "waits"}) == 0
        assert acked(a) == {}
    a.wait_for(lambda: acked(a) == {"1": 1})


@pytest.fixture
def idle():
    """A node without its broker."""
    with contextlib.closing(Node(users=2)) as node:
        node.write_bridge_conf()
        yield node


def start_within(node, limit):
    """Starts the bridge under a limit of the shell's: True if it works then, False if it says why it
    does not. Anything else fails."""
    bridge = node.bridge
    bridge.argv = ["sh", "-c", f'ulimit {limit} && exec "$@"', "sh", build.BRIDGE, "-c",
                   node.folder / "im-bridge.conf"]
    bridge.start()
    until(lambda: not bridge.running or "info started" in bridge.text(True), "start or end")
    if bridge.running:
        bridge.stop()
        return True
    code, said = bridge.wait_exit(expected={1, 127}), bridge.text(True)
    # 127: the program could not even be loaded.
    assert code == 127 or (code == 1 and 'start_refused why="' in said
                           and 'why=""' not in said), f"{limit}: {code} {said}"
    return False


def test_a_bridge_started_with_few_file_descriptors_says_why(idle):
    """Threads that read cost some each; with a little more than it asks for all of it works."""
    assert not start_within(idle, "-n 4")
    for files in range(12, 60, 6):
        if start_within(idle, f"-n {files}"):
            break
        assert "files may be open" in idle.bridge.text(True)
    assert files > 40


@pytest.mark.memory_limit
def test_a_bridge_started_with_little_memory_says_why(idle):
    works = [start_within(idle, f"-v {mib * 1024}") for mib in range(16, 1000, 24)]
    assert not works[0] and works[-1]


@pytest.mark.memory_limit
@pytest.mark.parametrize("victim", ["bridge", "broker"])
def test_a_process_without_memory_loses_nothing_that_was_acked(own_node, victim):
    node = own_node(options=ROOMY)
    crowd = [node.connect(user) for user in node.users(12)]
    b = node.connect(node.user())
    process = getattr(node, victim)
    # A device that never reads: what is for it stays in the broker.
    deaf = Raw(node.port)
    deaf.connect(f"{b.user}-deaf", b.user, PASSWORD)
    deaf.subscribe(f"im/inbox/{b.user}/#")
    rounds = 0

    def post(a, ident):
        a.post(f"im/u/{b.user}", {"id": ident, "body": f"{ident} {BIG}"})
    with no_more_memory(process):
        # How much is free within it depends on what it did before.
        while not wait_until(lambda: "emory" in process.text(True), 2):
            assert rounds < 20
            for a in crowd:
                post(a, f"m{rounds}")
            rounds += 1
    deaf.close()
    early = [acked(a) for a in crowd]
    for a in crowd:
        if not a.connected:
            a.connect().inbox()
        for n in range(rounds):
            post(a, f"m{n}")
        a.wait_for(lambda a=a: len(acked(a)) == rounds)
    assert process.running
    reader = node.connect(b.user)
    for a, before in zip(crowd, early):
        stored = bodies(reader, a.user)
        assert before.items() <= acked(a).items()
        assert {stored[seq - 1] for seq in acked(a).values()} == {
            f"m{n} {BIG}" for n in range(rounds)}
        assert len(stored) == rounds
