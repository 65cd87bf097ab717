#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Sends a million messages through one node and looks whether its memory stops growing.

    endurance.py [--messages N] [--json FILE] [--svg FILE]

In rounds: imbench sends one-to-one, to a group and to a large population, all with ids, and
verifies each; between them devices connect and go, by DISCONNECT or not, send without ids at every
QoS, edit, recall, react, read back, sync and search. After each round the memory of both processes
is read. Exit code 0: from the middle of the run on neither grew by more than GROWTH_MAX.
"""
import argparse
import json
import os
import pathlib
import shutil
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.append(str(HERE.parent / "e2e"))

import machine  # noqa: E402
import plots  # noqa: E402
from lib.client import Client  # noqa: E402
from load import Imbench  # noqa: E402
from node import ImNode, user_name  # noqa: E402
from run import build_imbench  # noqa: E402

ROUND = 10000  # messages
USERS = 2000
GROUP = [(0, "group", 200, 100)]  # 100 members from user 200 on
HANDS = range(400, 412)  # whose devices come and go
BY_HAND = 20  # messages of each in a round
# The window of ids is full before the first half is over, whatever the number of messages.
BRIDGE = {"dedup_entries": 20000}
# Bytes a message, over the second half. malloc's smallest block is 32 bytes, so a leak of one in
# four messages would be seen; caches that fill (64 MiB of SQLite's pages) have done so by then.
GROWTH_MAX = 8.0


def loads(messages):
    """One-to-one 60 %, a group 10 %; then 30 % to a population of which few are online, and whose
    devices the other flows would take for theirs."""
    common = {"payload": 128, "window_by": "ack"}
    return [[
        {"name": "direct", "kind": "pair", "senders": 40, "window": 10,
         "count": messages * 6 // 10 // 40, **common},
        {"name": "group", "kind": "group", "senders": 4, "receivers": 40, "base": 200, "group": 0,
         "window": 5, "count": messages // 10 // 4, **common},
    ], [
        {"name": "random", "kind": "random", "senders": 20, "receivers": 20, "population": USERS,
         "online": 30, "window": 10, "count": messages * 3 // 10 // 20, **common},
    ]]


class Hands:
    """What is done message by message, as people do it."""

    def __init__(self, node):
        self.node = node
        self.words = node.passwords.read_text(encoding="ascii").split()
        self.number = 0

    def connect(self, n, **more):
        client = Client(self.node.port, user_name(n), f"{user_name(n)}-hand", self.words[n],
                        v5=n % 2 == 0, **more)
        return client.connect().inbox()

    def turn(self):
        """One round of everybody; returns how many messages were stored."""
        stored = 0
        clients = [self.connect(n) for n in HANDS]
        for client, peer in zip(clients, clients[1:] + clients[:1]):
            stored += self.talk(client, peer)
        for n, client in enumerate(clients):
            if n % 3 == 0:
                client.abort()
            client.close()
        return stored

    def talk(self, client, peer):
        topic, conv = f"im/u/{peer.user}", f"u/{peer.user}"
        for n in range(BY_HAND):
            client.publish(topic, f"by hand {n}", qos=n % 3)
        self.number += 1
        seq = client.send(topic, {"id": f"h{self.number}", "body": "a needle"})["seq"]
        client.rpc("msg.edit", conv=conv, seq=seq, body="another needle")
        client.rpc("msg.react", conv=conv, seq=seq, emoji="+1")
        client.rpc("msg.recall", conv=conv, seq=seq)
        page = client.rpc("conv.history", conv=conv, limit=50)
        client.rpc("conv.read", conv=conv, seq=page["messages"][-1]["seq"])
        client.rpc("search", q="needle", limit=20)
        newest = client.rpc("sync", limit=50)
        client.rpc("device.ack", cursor=newest["cursor"])
        client.rpc("conv.list", limit=20)
        return BY_HAND + 4


def memory(pid):
    """{rss, anonymous} in KiB; anonymous is what was allocated, without pages of files."""
    fields = {}
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines()[1:]:
        name, value = line.split(":")
        fields[name] = int(value.split()[0])
    return {"rss": fields["Rss"], "anonymous": fields["Anonymous"]}


def slope(points):
    """Least squares: y a unit of x."""
    n = len(points)
    mx, my = sum(x for x, _ in points) / n, sum(y for _, y in points) / n
    below = sum((x - mx) ** 2 for x, _ in points)
    return sum((x - mx) * (y - my) for x, y in points) / below if below else 0.0


def judge(samples):
    """{process: bytes a message over the second half}"""
    half = samples[-1]["messages"] / 2
    late = [s for s in samples if s["messages"] >= half]
    return {name: round(slope([(s["messages"], s[name]["anonymous"] * 1024) for s in late]), 3)
            for name in ("broker", "bridge")}


def run(node, bench, messages, say):
    hands, samples, sent = Hands(node), [], 0

    def look():
        samples.append({"messages": sent, **{name: memory(pid) for name, pid in node.pids()}})
    bench.rpc(node, "user.get", params='{"uid":"u0000000"}', timeout_s=60)
    look()
    while sent < messages:
        for flows in loads(ROUND):
            result = bench.flow(node, flows, warmup_s=0, duration_s=3600, timeout_s=300)
            sent += sum(flow["sent"] for flow in result["flows"])
        sent += hands.turn()
        bench.rpc(node, "conv.history", clients=10, base=40, repeat=20, timeout_s=300,
                  params='{"conv":"u/%u","limit":50}', first=0, choices=40)
        bench.rpc(node, "sync", clients=10, base=40, repeat=5, timeout_s=300)
        look()
        say(f"{sent} messages: " + ", ".join(
            f"{name} {s['anonymous'] / 1024:.1f} MiB of {s['rss'] / 1024:.1f}"
            for name, s in samples[-1].items() if name != "messages"))
    return samples


def write_json(path, facts):
    """A sample a line, so that the file can be read."""
    lines = [f" {json.dumps(name)}: " + (json.dumps(value) if name != "samples_kib" else
             "[\n  " + ",\n  ".join(map(json.dumps, value)) + "\n ]")
             for name, value in facts.items()]
    pathlib.Path(path).write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--messages", type=int, default=1000000)
    p.add_argument("--json", help="write what was measured to this file")
    p.add_argument("--svg", help="draw it into this file")
    p.add_argument("--build", default=str(ROOT / "build"), help="build folder (build)")
    p.add_argument("--dir", help="where the node keeps its data (a folder under TMPDIR)")
    p.add_argument("--broker", default=os.environ.get("MOSQUITTO") or "/usr/sbin/mosquitto")
    a = p.parse_args()
    if a.svg:
        plots.require()  # now, not after a million messages
    bench = Imbench(build_imbench(a.build))
    folder = tempfile.mkdtemp(prefix="im-endurance-", dir=a.dir)
    begin = time.monotonic()
    node = ImNode(os.path.join(folder, "node"), a.broker, a.build, ROOT / "schema", users=USERS,
                  groups=GROUP, bridge=BRIDGE)
    try:
        node.start()
        samples = run(node, bench, a.messages, lambda text: print(text, flush=True))
        node.stop()
    finally:
        node.kill()
        shutil.rmtree(folder, ignore_errors=True)
    growth = judge(samples)
    good = all(value <= GROWTH_MAX for value in growth.values())
    print(f"bytes a message over the second half: {growth}, at most {GROWTH_MAX}: "
          + ("stays" if good else "GROWS"))
    if a.json:
        facts = {"mosquitto": machine.broker_version(a.broker),
                 "seconds": round(time.monotonic() - begin),
                 "bytes_a_message": growth, "at_most": GROWTH_MAX, "samples_kib": samples}
        write_json(a.json, facts)
    if a.svg:
        plots.memory(samples, a.svg)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
