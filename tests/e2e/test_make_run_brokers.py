# SPDX-License-Identifier: BSD-3-Clause
"""`make run BROKERS=n`: one node of several brokers, and one address in front of them."""
import json
import os
import signal
import socket
import subprocess

import pytest

from lib import beside, build, tools
from lib.broker import listening
from lib.client import Client, Refused
from lib.makerun import Run
from lib.proc import wait_until


@pytest.fixture
def clients():
    made = []

    def connect(port, user, device=None, transport="tcp", source=None, password="pw"):
        made.append(Client(port, user, device, password, transport=transport))
        if source:
            made[-1].source = source
        made[-1].connect().inbox().wait_event("hello")  # the bridge knows where it is
        return made[-1]
    yield connect
    for c in made:
        c.close()


def bodies(port):
    """Of alice's messages to bob, as bob reads them at this port."""
    argv = ["mosquitto_rr", "-p", str(port), "-u", "bob", "-P", "pw", "-i", "bob-cli", "-V", "5",
            "-t", "im/rpc/conv.history", "-e", "im/inbox/bob/rpc/bob-cli", "-W", str(build.DEADLINE_S),
            "-m", '{"conv":"u/alice","limit":100}']
    done = subprocess.run(argv, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [m["body"] for m in json.loads(done.stdout)["result"]["messages"]]


def reads(port, said):
    """Bob reads exactly that, in that order. PUBACK says that it is kept, not yet that it is in history,
    and what one broker has taken may reach the bridge after a question asked at another one."""
    assert wait_until(lambda: len(bodies(port)) >= len(said))
    assert bodies(port) == said


def test_it_is_one_node_at_each_port_and_at_one_address_in_front(make_run, clients):
    run = make_run(BROKERS="4")
    ports = [run.first + i for i in range(4)]
    assert run.port == run.first + 4
    assert f"ready on mqtt://127.0.0.1:{run.port}, where haproxy shares clients out among the brokers " \
        f"on {', '.join(map(str, ports))}" in run.process.text()
    there = [clients(port, "bob", f"bob-{port}") for port in [*ports, run.port]]
    for n, port in enumerate([*ports, run.port]):
        sender = clients(port, "alice", f"alice-{port}")
        sender.send("im/u/bob", {"id": f"m{n}", "body": f"from {port}"})
        for c in there:
            c.wait_body("u/alice", f"from {port}")
    # Each conf and store is a broker's own.
    assert len({(run.state / f"mosquitto{s}.conf").read_text() for s in ("", "-2", "-3", "-4")}) == 4
    assert all(run.child(f"mosquitto{s}") for s in ("", "-2", "-3", "-4"))


def test_the_printed_lines_go_to_the_one_address(make_run):
    run = make_run(BROKERS="2")
    with tools.Sub(run.printed("mosquitto_sub")[0]) as bob:
        bob.wait('"event":"hello"')
        for argv in run.printed("mosquitto_pub"):
            assert str(run.port) in argv
            subprocess.run(argv, check=True)
        bob.wait('"hello"')
        bob.wait('"hi all"')
    for argv in run.printed("mosquitto_rr"):
        assert '"hello"' in subprocess.run(argv, check=True, capture_output=True, text=True).stdout
    users = subprocess.run(run.printed(str(build.IMCTL))[0], check=True, capture_output=True,
                           text=True).stdout
    assert "alice" in users


def test_clients_are_shared_out_and_one_brokers_death_is_passed_over(make_run, clients):
    run = make_run(BROKERS="2")
    stats = [str(build.IMCTL), "--json", "--port", str(run.first), "--password-file",
             str(run.state / "password"), "stats"]
    for n in range(6):
        clients(run.port, "bob", f"bob-{n}")

    def online():
        told = json.loads(subprocess.run(stats, check=True, capture_output=True).stdout)["brokers"]
        return all((b["plugin"] or {}).get("sessions_online", 0) >= 2 for b in told)
    assert wait_until(online), "all at one broker"
    # It is not started again before the next client has come: the other one takes it.
    sup = int(subprocess.run(["ps", "-o", "ppid=", "-p", str(run.child("mosquitto-2"))],
                             capture_output=True, text=True).stdout)
    os.kill(sup, signal.SIGSTOP)
    try:
        os.kill(run.child("mosquitto-2"), signal.SIGKILL)
        assert wait_until(lambda: not listening(run.first + 1))
        for n in range(4):
            late = clients(run.port, "carol", f"carol-{n}")
            late.send("im/u/bob", {"id": f"l{n}", "body": n})
    finally:
        os.kill(sup, signal.SIGCONT)
    run.process.wait_text("mosquitto-2 died (killed by SIGKILL)")
    assert wait_until(lambda: listening(run.first + 1))
    c = clients(run.first + 1, "bob", "bob-again")
    c.send("im/u/alice", {"id": "again", "body": "again"})


@pytest.mark.parametrize("victim", ["im-bridge", "haproxy"])
def test_what_they_share_is_started_again_too(make_run, victim):
    run = make_run(BROKERS="2")
    old = run.child(victim)
    os.kill(old, signal.SIGKILL)
    run.process.wait_text(f"{victim} died (killed by SIGKILL)")
    assert wait_until(lambda: run.child(victim) not in (None, old) and listening(run.port))
    assert tools.pub(run, "alice", "alice-phone", "im/u/bob", "-m", "after").returncode == 0
    reads(run.first + 1, ["after"])


def test_a_run_of_one_broker_goes_on_with_two_and_back_and_nothing_is_lost(make_run, free_port):
    run = make_run()
    # Further brokers need ports behind the first one's.
    run.stop()
    run.first = free_port(3)
    run.variables["PORT"] = str(run.first)
    run.start()
    said = []

    def say(port, text):
        assert subprocess.run(["mosquitto_pub", "-p", str(port), "-u", "alice", "-P", "pw", "-i",
                               "alice-phone", "-q", "1", "-t", "im/u/bob", "-m", text]).returncode == 0
        said.append(text)
    say(run.first, "of one")
    run.stop()
    run.variables["BROKERS"] = "2"
    run.start()
    say(run.first, "of two, the first")
    say(run.first + 1, "of two, the second")
    reads(run.first + 1, said)
    # PUBACKed and not yet stored when all of it ends.
    os.kill(run.child("im-bridge"), signal.SIGSTOP)
    say(run.first + 1, "waits at the second")
    os.kill(run.child("im-bridge"), signal.SIGKILL)
    run.stop()
    run.variables["BROKERS"] = "1"
    run.start()
    assert run.port == run.first
    reads(run.first, said)
    assert "without mosquitto-2 from now on" in run.process.text(True)
    assert not (run.state / "data" / "spool-2").exists() and not run.child("mosquitto-2")
    assert (run.state / "im-bridge.conf").read_text().count("\nbroker ") == 1
    say(run.first, "of one again")
    run.stop()
    run.start()
    assert "mosquitto-2" not in run.process.text(True)
    reads(run.first, said)


def test_without_haproxy_each_port_is_the_node(make_run):
    run = make_run(BROKERS="2", HAPROXY="/nonexistent/haproxy")
    text = run.process.text()
    assert len([x for x in text.splitlines() if "no haproxy" in x]) == 1
    assert f"ready on mqtt://127.0.0.1:{run.first}, the first of {run.first}, {run.first + 1}: " in text
    assert not run.child("haproxy") and not listening(run.first + 2)
    assert tools.pub(run, "alice", "alice-phone", "im/u/bob", "-m", "here").returncode == 0
    reads(run.first + 1, ["here"])


def test_the_address_in_front_may_be_chosen(make_run, free_port):
    port = free_port()
    run = make_run(BROKERS="2", FRONT_PORT=str(port))
    assert run.port == port
    assert tools.pub(run, "alice", "alice-phone", "im/u/bob", "-m", "here").returncode == 0


def test_websocket_has_an_address_in_front_too(make_run, clients, free_port):
    ws = free_port(3)
    run = make_run(BROKERS="2", WS_PORT=str(ws))
    assert f"ready on ws://127.0.0.1:{ws + 2}/mqtt, where" in run.process.text()
    b = clients(run.port, "bob", "bob-1")
    for port in (ws, ws + 1, ws + 2):
        a = clients(port, "alice", f"alice-{port}", transport="ws")
        a.send("im/u/bob", {"id": f"w{port}", "body": port})
        b.wait_body("u/alice", port)


def test_who_guesses_behind_the_one_address_keeps_nobody_out(make_run, clients):
    run = make_run(BROKERS="2")
    for n in range(25):  # more than one address may have that is no proxy's
        with pytest.raises((Refused, OSError, AssertionError)):
            clients(run.port, f"nobody{n}", source="127.0.0.77", password="wrong")
    assert beside.ends_flood(run.port, "127.0.0.77")
    for n in range(4):
        clients(run.port, "carol", f"carol-{n}", source="127.0.0.78")
    clients(run.first, "carol", "carol-there", source="127.0.0.77")  # a broker itself has no such bound


@pytest.mark.parametrize("variables, part", [
    ({"BROKERS": "0"}, "BROKERS=0: give a number from 1 to 8"),
    ({"BROKERS": "9"}, "BROKERS=9: give a number from 1 to 8"),
    ({"BROKERS": "two"}, "BROKERS=two: give a number from 1 to 8"),
    ({"BROKERS": "2", "PORT": "65534"}, "there is no port 65536: set FRONT_PORT to a lower one"),
    ({"BROKERS": "2", "FRONT_PORT": "x"}, "FRONT_PORT=x is not a port"),
    ({"BROKERS": "2", "PORT": "21001", "FRONT_PORT": "21002"},
     "port 21002 would be listened on twice: set FRONT_PORT to another one"),
], ids=["none", "nine", "no number", "too high", "no port", "twice"])
def test_a_wrong_variable_is_named(tmp_path, free_port, variables, part):
    assert part in Run(tmp_path, free_port(), **variables).fails()


def test_a_taken_port_in_front_is_named(tmp_path, free_port):
    run = Run(tmp_path, free_port(3), BROKERS="2")
    with socket.create_server(("127.0.0.1", run.first + 2)):
        text = run.fails()
    assert f"cannot listen on 127.0.0.1 port {run.first + 2}" in text and "FRONT_PORT=" in text


@pytest.mark.parametrize("line", ["plugin_opt_spool_file /tmp/one", "plugin_opt_link_listener /tmp/one"])
def test_what_each_broker_has_of_its_own_cannot_be_set_for_all(tmp_path, free_port, line):
    run = Run(tmp_path, free_port(3), BROKERS="2")
    run.state.mkdir()
    (run.state / "plugin.conf").write_text(line + "\n", encoding="utf-8")
    assert f"each broker has a {line.split()[0]} of its own" in run.fails()
