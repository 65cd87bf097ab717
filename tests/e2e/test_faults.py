# SPDX-License-Identifier: BSD-3-Clause
"""What fails under a node: disks, stopped processes, signals, another configuration. Each time: a
clear log line, nothing acked is lost, and it goes on by itself when the cause is gone. Files are in
test_faults_files.py, memory and file descriptors in test_faults_limits.py, clocks in
test_faults_clock.py."""
import signal
import threading

import pytest

from lib.faults import acked, bodies, faulty, pair
from lib.node import until


@pytest.mark.parametrize("fault", ["fsync", "write", "full", "ro"])
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
