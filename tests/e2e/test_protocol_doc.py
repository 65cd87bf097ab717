# SPDX-License-Identifier: BSD-3-Clause
"""docs/PROTOCOL.md is true: its examples run as written, and it speaks of all there is."""
import contextlib
import pathlib
import re
import shlex
import socket
import subprocess

import paho.mqtt.client as mqtt

from lib import directory, docrun, tools
from lib.build import DEADLINE_S
from lib.node import PASSWORD, Node, until
from lib.things import Fleet

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "PROTOCOL.md").read_text(encoding="utf-8")
PEOPLE = ("alice", "bob", "carol")


def test_every_example_runs_as_written():
    node = Node(users=0)
    directory.add_users(node.data / "directory.db", [(u, PASSWORD, False) for u in (*PEOPLE, "fleet")])
    with node:
        runner = docrun.Runner(node, PEOPLE, Fleet(node, "veh*", user="fleet"))
        lines = docrun.examples(PAGE)
        assert len(lines) > 100
        for line in lines:
            runner.run(*line)


def test_shell_lines_run_as_written():
    """The page's shell lines, with the port of the test's node; and what the terminals show."""
    blocks = [(kind, text) for kind, text in re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.S | re.M)
              if kind in ("sh", "")]
    assert [kind for kind, _ in blocks] == ["sh", "sh", "sh", "", "sh", ""]
    node = Node(users=0)
    directory.add_users(node.data / "directory.db",
                        [(u, PASSWORD, False) for u in ("alice", "bob", "car7")])
    terminals = {}
    with node, contextlib.ExitStack() as stack:
        for kind, text in blocks:
            if not kind:
                shown, want = terminals[listener].lines, docrun.pattern(text.rstrip("\n"))
                until(lambda s=shown, w=want: any(w.match(docrun.STEP.sub("", line)) for line in list(s)),
                      f"line like {want.pattern} in {shown}")
                continue
            for command in map(shlex.split, text.splitlines()):
                command[1:1] = ["-p", str(node.port)]
                user, device, topic = (command[command.index(o) + 1] for o in ("-u", "-i", "-t"))
                if command[0] == "mosquitto_sub":
                    terminals[user] = stack.enter_context(tools.Sub(command))
                    node.broker.wait_text(f"{device} 1 {topic}")
                else:
                    subprocess.run(command, check=True, timeout=DEADLINE_S)
            listener = {"alice": "car7", "car7": "alice"}[user]


def test_nagles_algorithm_is_switched_off_as_the_page_says():
    """The lines for paho; each packet goes out at once on the socket that it has opened."""
    [lines] = re.findall(r"^```python\n(.*?)^```$", PAGE, re.S | re.M)
    with Node(users=1) as node:
        user = node.user()
        client = mqtt.Client(f"{user}-paho")
        client.username_pw_set(user, PASSWORD)
        exec(lines, {"client": client, "socket": socket})  # what is tested is the page
        client.connect("127.0.0.1", node.port)
        assert client.socket().getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        client.disconnect()


def test_every_method_has_an_example():
    methods = set()
    for source in (ROOT / "bridge").rglob("rpc_*.c"):
        methods |= set(re.findall(r'\{"([a-z.]+)", RPC_\w+, \w+, \.(?:read|write) = \w+\}',
                                  source.read_text(encoding="utf-8")))
    shown = {topic.removeprefix("im/rpc/") for _, _, direction, topic, _ in docrun.examples(PAGE)
             if direction == ">"}
    assert len(methods) > 30
    assert methods - shown == set()


def test_every_error_code_is_explained():
    table = (ROOT / "schema" / "errors.def").read_text(encoding="utf-8")
    codes = re.findall(r'^X\(\w+, (-\d+), "([^"]+)"\)', table, re.M)
    assert len(codes) >= 19
    for code, text in codes:
        assert re.search(rf"^\| {re.escape(code)} \| {re.escape(text)} \|", PAGE, re.M), code
