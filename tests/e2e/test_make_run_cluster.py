# SPDX-License-Identifier: BSD-3-Clause
"""`make run-cluster`: several nodes that share a log in a PostgreSQL, with what they need."""
import json
import os
import signal
import subprocess

import pytest

from lib import build, tools
from lib.broker import listening
from lib.makerun import ClusterRun
from lib.proc import wait_until


@pytest.fixture
def cluster(make_run):
    return make_run(ClusterRun, NODES="3")


@pytest.fixture(autouse=True)
def in_a_folder_that_others_may_enter(tmp_path):
    """As root the server is another user's."""
    if os.geteuid() == 0:
        for folder in (tmp_path, *list(tmp_path.parents)[:3]):
            folder.chmod(folder.stat().st_mode | 0o011)


def bodies(port):
    argv = ["mosquitto_rr", "-p", str(port), "-u", "bob", "-P", "pw", "-i", "bob-cli", "-V", "5",
            "-t", "im/rpc/conv.history", "-e", "im/inbox/bob/rpc/bob-cli", "-W", str(build.DEADLINE_S),
            "-m", '{"conv":"u/alice","limit":100}']
    done = subprocess.run(argv, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [m["body"] for m in json.loads(done.stdout)["result"]["messages"]]


def reads(port, said):
    assert wait_until(lambda: len(bodies(port)) >= len(said))
    assert bodies(port) == said


def send(port, body):
    subprocess.run(["mosquitto_pub", "-p", str(port), "-u", "alice", "-P", "pw", "-i", f"alice-{port}",
                    "-q", "1", "-t", "im/u/bob", "-m", body], check=True)


def test_the_printed_lines_do_what_they_say(cluster):
    with tools.Sub(cluster.printed("mosquitto_sub")[0]) as bob:
        bob.wait('"event":"hello"')
        subprocess.run(cluster.printed("mosquitto_pub")[0], check=True)
        bob.wait('"hello"')
        first = [cluster.child("node-1/mosquitto"), cluster.child("node-1/im-bridge")]
        subprocess.run(cluster.printed("pkill")[0], check=True)
        reads(cluster.first + 1, ["hello"])
        send(cluster.first + 1, "without the first")
        bob.wait("without the first")
    cluster.process.wait_text("node 1 im-bridge died (killed by SIGKILL)")
    assert wait_until(lambda: listening(cluster.first) and not {None, *first} & {
        cluster.child("node-1/mosquitto"), cluster.child("node-1/im-bridge")})
    reads(cluster.first, ["hello", "without the first"])
    for argv in cluster.printed("mosquitto_rr"):
        assert "without the first" in subprocess.run(argv, check=True, capture_output=True,
                                                     text=True).stdout
    users = subprocess.run(cluster.printed(str(build.IMCTL))[0], check=True, capture_output=True,
                           text=True).stdout
    assert "alice" in users


def test_the_server_is_started_again_too(cluster):
    send(cluster.first, "before")
    reads(cluster.first, ["before"])  # else it may wait in its node's spool for longer than the other one
    os.kill(cluster.child("postgres"), signal.SIGQUIT)
    cluster.process.wait_text("postgres died")
    send(cluster.first + 2, "after")
    for n in range(3):
        reads(cluster.first + n, ["before", "after"])


def test_what_was_said_is_there_with_the_next_start_and_another_password(cluster):
    send(cluster.first + 1, "kept")
    cluster.stop()
    assert "stopped" in cluster.process.text()
    cluster.variables["DEMO_PASSWORD"] = "pw2"
    cluster.start()
    assert "password is the new one" in cluster.process.text()
    cluster.stop()
    cluster.variables["DEMO_PASSWORD"] = "pw"
    cluster.start()
    for n in range(3):
        reads(cluster.first + n, ["kept"])


def test_users_are_not_changed_in_a_copy_by_itself(cluster):
    cluster.stop()
    data = cluster.state / "node-2" / "data"
    for words in (["user", "create", "dave", "--no-password"], ["user", "disable", "alice"]):
        done = subprocess.run([build.IMCTL, "--offline", data, *words], capture_output=True, text=True)
        assert done.returncode == 1
        assert "shares its log with others" in done.stdout + done.stderr
    shown = subprocess.run([build.IMCTL, "--offline", data, "user", "list"], capture_output=True, text=True)
    assert shown.returncode == 0 and "alice" in shown.stdout and "dave" not in shown.stdout


@pytest.mark.parametrize("variables, says", [
    ({"NODES": "1"}, "NODES=1: give a number from 2 to 24"),
    ({"NODES": "many"}, "NODES=many: give a number"),
    ({"PORT": "70000"}, "PORT=70000 is not a port"),
])
def test_bad_values_are_named(tmp_path, variables, says):
    assert says in ClusterRun(tmp_path, 1, **variables).fails()
