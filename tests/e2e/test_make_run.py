# SPDX-License-Identifier: BSD-3-Clause
"""`make run`, and the lines that it prints to copy."""
import json
import os
import signal
import socket
import subprocess
import sys

import pytest

from lib import build, tools
from lib.makerun import Run
from lib.proc import wait_until


def test_the_lines_of_the_readme_work(make_run):
    run = make_run()
    with tools.Sub.on(run, "bob", "bob-phone", "im/inbox/bob/#") as bob:
        bob.wait('"event":"hello"')
        assert tools.pub(run, "alice", "alice-phone", "im/u/bob", "-m", "hello").returncode == 0
        line = bob.wait("im/inbox/bob/u/alice ")
        m = json.loads(line.split(" ", 1)[1])
        assert m["body"] == "hello" and m["from"] == "alice" and m["seq"] == 1
        assert tools.pub(run, "alice", "alice-phone", "im/g/team", "-m",
                         '{"id":"c-1","body":"hi all"}').returncode == 0
        m = json.loads(bob.wait('"hi all"').split(" ", 1)[1])
        assert m["conv"] == "g/team" and m["id"] == "c-1"
    got = tools.rr(run, "bob", "bob-cli", "im/rpc/conv.history", "im/inbox/bob/rpc/bob-cli",
                   '{"conv":"u/alice","limit":10}')
    assert [x["body"] for x in got["result"]["messages"]] == ["hello"]
    got = tools.rr(run, "bob", "bob-cli", "im/rpc/sync", "im/inbox/bob/rpc/bob-cli", "{}")
    assert got["result"]["more"] is False and got["result"]["cursor"]
    # `{}` goes on from where this device came into being; "" is the beginning.
    got = tools.rr(run, "bob", "bob-cli", "im/rpc/sync", "im/inbox/bob/rpc/bob-cli",
                   '{"cursor":""}')
    assert {"hello", "hi all"} <= {x["body"] for x in got["result"]["messages"]
                                   if isinstance(x["body"], str)}


def test_the_printed_lines_work_as_they_are(make_run):
    run = make_run(DEMO_PASSWORD="p w'1")
    with tools.Sub(run.printed("mosquitto_sub")[0]) as bob:
        bob.wait('"event":"hello"')
        for argv in run.printed("mosquitto_pub"):
            subprocess.run(argv, check=True)
        bob.wait('"hello"')
        bob.wait('"hi all"')
    history, sync = [subprocess.run(argv, check=True, capture_output=True, text=True).stdout
                     for argv in run.printed("mosquitto_rr")]
    assert '"hello"' in history and '"hi all"' in sync
    users = subprocess.run(run.printed(str(build.IMCTL))[0], check=True, capture_output=True,
                           text=True).stdout
    assert [line.split()[0] for line in users.splitlines()[1:]] == ["admin", "alice", "bob",
                                                                    "carol"]


def test_killing_either_process_loses_nothing_and_it_is_started_again(make_run):
    run = make_run()
    lines = [f"line {n}" for n in range(3000)]
    with tools.Sub.on(run, "bob", "bob-phone", "im/inbox/bob/#") as bob:
        bob.wait('"event":"hello"')
        feed = subprocess.Popen(["mosquitto_pub", "-p", str(run.port), "-u", "alice", "-P", "pw",
                                 "-i", "alice-phone", "-q", "1", "-t", "im/u/bob", "-l"],
                                stdin=subprocess.PIPE)
        feed.stdin.write("\n".join(lines[:1500]).encode() + b"\n")
        feed.stdin.flush()
        bob.wait('"line 300"')
        victim = run.child("im-bridge")
        os.kill(victim, signal.SIGKILL)
        run.process.wait_text("im-bridge died")
        feed.stdin.write("\n".join(lines[1500:]).encode() + b"\n")
        feed.stdin.close()
        assert feed.wait(60) == 0
    old = run.child("mosquitto")
    os.kill(old, signal.SIGKILL)
    run.process.wait_text("mosquitto died")
    assert wait_until(lambda: run.child("mosquitto") not in (None, old)
                      and socket.socket().connect_ex(("127.0.0.1", run.port)) == 0)
    after, bodies = 0, []
    while True:
        page = tools.rr(run, "bob", "bob-cli", "im/rpc/conv.history", "im/inbox/bob/rpc/bob-cli",
                        json.dumps({"conv": "u/alice", "after": after, "limit": 500}))["result"]
        bodies += [m["body"] for m in page["messages"]]
        after = page["messages"][-1]["seq"]
        if not page["more"]:
            break
    assert bodies == lines


def test_run_again_it_continues_with_the_same_state(make_run):
    run = make_run()
    assert tools.pub(run, "alice", "alice-phone", "im/u/bob", "-m", "first").returncode == 0
    run.stop()
    run.start()
    assert tools.pub(run, "alice", "alice-phone", "im/u/bob", "-m", "second").returncode == 0
    got = tools.rr(run, "bob", "bob-cli", "im/rpc/conv.history", "im/inbox/bob/rpc/bob-cli",
                   '{"conv":"u/alice"}')["result"]["messages"]
    assert sorted(m["body"] for m in got) == ["first", "second"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_both_cleanly(make_run, number):
    run = make_run()
    pids = run.child("mosquitto"), run.child("im-bridge")
    assert all(pids)
    if number == signal.SIGINT:  # a terminal signals the whole foreground group
        run.process.expected = {0, 2, 130, -number}
        os.killpg(run.process.pid, number)
        run.process.popen.wait(60)
    else:
        run.stop(number)
    for pid in pids:
        assert wait_until(lambda p=pid: not os.path.exists(f"/proc/{p}"))
    assert "stopped" in run.process.text() or number == signal.SIGINT


def test_a_password_is_generated_and_printed_when_none_is_given(make_run):
    run = make_run(DEMO_PASSWORD=None)
    line = next(x for x in run.process.text().splitlines() if "mosquitto_sub" in x)
    password = line.split("-P ")[1].split()[0]
    assert len(password) >= 8
    done = subprocess.run(["mosquitto_pub", "-p", str(run.port), "-u", "alice", "-P", password,
                           "-i", "alice-phone", "-q", "1", "-t", "im/u/bob", "-m", "x"])
    assert done.returncode == 0
    assert tools.pub(run, "alice", "alice-phone", "im/u/bob", "-m", "x").returncode != 0


def test_a_websocket_listener_is_made_on_demand(make_run, free_port):
    from lib.client import Client
    port = free_port()
    run = make_run(WS_PORT=str(port))
    with Client(port, "alice", "alice-web", "pw", transport="ws") as c:
        c.inbox()
        assert c.rpc("user.get")["uid"] == "alice"
    assert run.process.running
    # At no other address of the machine, in whatever version of the broker.
    assert socket.socket().connect_ex(("127.0.0.2", port)) != 0
    assert "warning:" not in run.process.text(True)


def test_a_port_that_is_open_to_all_is_found():
    sys.path.insert(0, str(build.ROOT / "config"))
    from run import open_to_all
    for address, open_there in (("0.0.0.0", True), ("127.0.0.1", False)):
        with socket.create_server((address, 0)) as server:
            assert open_to_all(server.getsockname()[1]) == open_there
    assert not open_to_all(1)


def test_a_taken_port_is_said_in_one_line(tmp_path, free_port):
    run = Run(tmp_path, free_port())
    with socket.create_server(("127.0.0.1", run.port)):
        text = run.fails()
    assert f"cannot listen on 127.0.0.1 port {run.port}" in text and "make run PORT=" in text


def test_a_state_in_use_is_said(make_run, tmp_path, free_port):
    make_run()
    assert "in use by another `make run`" in Run(tmp_path, free_port()).fails()


# A compiler that refuses to make what somebody is making already; programs are those that are there.
CC = """#!/bin/sh
while [ $# -gt 0 ]; do [ "$1" != -o ] || out=$2; shift; done
mkdir "$out.making" || exit 1
case $out in
*.o) : >"$out" ;;
*) cp '{build}'/"${{out##*/}}" "$out" ;;
esac
rmdir "$out.making"
"""


def test_two_at_once_build_once(tmp_path, free_port):
    cc = tmp_path / "cc"
    cc.write_text(CC.format(build=build.BUILD), encoding="utf-8")
    cc.chmod(0o755)
    runs = [Run(tmp_path / name, free_port(), BUILD=str(tmp_path / "build"), CC=str(cc))
            for name in ("one", "two")]
    try:
        for run in runs:
            run.folder.mkdir()
            run.begin()
        for run in runs:
            run.process.wait_text("mosquitto-im ready on", 120)
    finally:
        for run in runs:
            run.stop()


@pytest.mark.parametrize("variables, part", [
    ({"WS_PORT": "x"}, "WS_PORT=x is not a port"),
    ({"PORT": "70000"}, "PORT=70000 is not a port"),
    ({"MOSQUITTO": "/nonexistent/mosquitto"}, "/nonexistent/mosquitto is not a program"),
], ids=["ws port", "port", "broker"])
def test_a_wrong_variable_is_named(tmp_path, free_port, variables, part):
    assert part in Run(tmp_path, free_port(), **variables).fails()


def test_a_broker_that_does_not_start_ends_the_run(tmp_path, free_port):
    run = Run(tmp_path, free_port())
    (run.state / "mosquitto.d").mkdir(parents=True)
    (run.state / "mosquitto.d" / "mine.conf").write_text("no_such_option true\n")
    text = run.fails()
    assert "no_such_option" in text and "mosquitto ended at its start" in text
    assert run.child("mosquitto") is None and run.child("im-bridge") is None


def test_options_of_ones_own_are_taken(make_run):
    run = make_run()
    run.stop()
    (run.state / "plugin.conf").write_text("plugin_opt_max_payload 100\n"
                                           "plugin_opt_rate_messages 7\n", encoding="utf-8")
    (run.state / "bridge.conf").write_text("# a comment\nretention_days 3\n", encoding="utf-8")
    run.start()
    text = (run.state / "mosquitto.conf").read_text("utf-8")
    assert text.count("plugin_opt_rate_messages") == 1 and "plugin_opt_rate_bytes 0" in text
    assert "retention_days 3" in (run.state / "im-bridge.conf").read_text("utf-8")
    with tools.Sub.on(run, "alice", "alice-phone", "im/inbox/alice/#") as alice:
        alice.wait('"event":"hello"')
        tools.pub(run, "alice", "alice-cli", "im/u/bob", "-m", "x" * 101)
        assert "the payload has 101 bytes" in alice.wait('"code":-32007')


def test_a_line_that_is_no_option_of_the_plugin_is_named(tmp_path, free_port):
    run = Run(tmp_path, free_port())
    run.state.mkdir()
    (run.state / "plugin.conf").write_text("max_devices 3\n", encoding="utf-8")
    assert '"max_devices 3" is no option of the plugin' in run.fails()


def test_it_says_little(make_run):
    """A person reads what to copy, not what the compiler did or the broker deprecates."""
    text = make_run().process.text()
    before = text.split("mosquitto-im ready")[0].splitlines()
    assert len(before) <= 10, text
    assert "deprecated" not in text


def test_no_process_outlives_a_make_that_is_killed(make_run):
    run = make_run()
    run.stop(signal.SIGKILL)
    assert wait_until(lambda: run.child("mosquitto") is None and run.child("im-bridge") is None)


def test_a_new_password_holds_for_the_next_run(make_run):
    run = make_run()
    run.stop()
    run.variables["DEMO_PASSWORD"] = None
    run.start()
    assert "-P pw " in run.process.text(True)
    run.stop()
    run.variables["DEMO_PASSWORD"] = "new"
    run.start()
    assert "-P new " in run.process.text(True)
    subprocess.run(run.printed("mosquitto_pub")[0], check=True)
    assert tools.pub(run, "alice", "alice-phone", "im/u/bob", "-m", "old").returncode != 0


def test_the_state_is_for_its_owner_alone(make_run):
    run = make_run()
    private = ("", "data", "password", "jwt.secret", "mosquitto.conf", "data/messages.db")
    assert [oct((run.state / p).stat().st_mode & 0o77) for p in private] == ["0o0"] * len(private)


def test_a_path_may_hold_quotes_and_blanks(make_run, tmp_path):
    run = make_run(STATE=str(tmp_path / "it's a \"state\""))
    assert (run.state / "data" / "messages.db").exists()
    subprocess.run(run.printed("mosquitto_pub")[0], check=True)
    subprocess.run(run.printed(str(build.IMCTL))[0], check=True, capture_output=True)


def test_a_path_too_long_for_a_socket_works_all_the_same(make_run, tmp_path):
    deep = tmp_path / "/".join(["a folder with a long name"] * 5)
    run = make_run(STATE=str(deep))
    assert "too long for a socket" in run.process.text()
    subprocess.run(run.printed("mosquitto_pub")[0], check=True)
    run.stop()
