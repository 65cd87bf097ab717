# SPDX-License-Identifier: BSD-3-Clause
"""Scenario 17: nodes that share a log in PostgreSQL, against one by itself. What a lone message takes on one
node of a cluster and from one to another; what nodes that contend for the log's end get through, and what
a message costs each process; what a node pays for what others have appended. Server, standby and all nodes
are on one machine and one disk, so rates are a bound from below; processor times are what they are.
"""
import pathlib
import sys
import time

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

from lib.postgres import Postgres  # noqa: E402
from load import Failed  # noqa: E402
from node import START_S  # noqa: E402
from results import Case, Metric, cpu_us, flow_rate, flow_us  # noqa: E402

PAIRS, MEMBERS = 100, 1000
PAUSE_US = 200  # see scenarios.py


def processes_of(server):
    """Of a PostgreSQL those that stay."""
    tasks = pathlib.Path(f"/proc/{server.popen.pid}/task").glob("*/children")
    children = [int(child) for path in tasks for child in path.read_text("ascii").split()]
    return [server.popen.pid] + [
        pid for pid in children
        if "autovacuum worker" not in pathlib.Path(f"/proc/{pid}/cmdline").read_text("utf-8")]


class Cluster:
    """Nodes of one log, which imbench takes for brokers of one node. at: those at which clients are."""

    side = "im"
    has_search = True

    def __init__(self, make_im, n, at=None, standby=False, **kw):
        self.server = Postgres()
        self.nodes = [make_im(**(kw if i == 0 else {"users": 0})) for i in range(n)]
        for i, node in enumerate(self.nodes):
            node.bridge_options |= {"cluster_database": self.server.database, "cluster_node": i + 1,
                                    "cluster_name": f"node{i + 1}"}
            # A token is good at all of them.
            node.secret.write_bytes(self.nodes[0].secret.read_bytes())
            node.write_confs()
            node.bridge.name, node.broker.name = f"bridge.{i + 1}", f"broker.{i + 1}"
        self.ports = [self.nodes[i].port for i in at or range(n)]
        self.passwords = self.nodes[0].passwords
        self.standby = None
        self.with_standby = standby

    def processes(self):
        return [p for node in self.nodes for p in node.processes()]

    def pids(self):
        """The server's processes are one to the table, and so are a follower's."""
        found = [(p.name, p.popen.pid) for p in self.processes()]
        servers = [("postgres", self.server)] + [("standby", self.standby)] * bool(self.standby)
        for name, server in servers:
            found += [(f"{name}.{i}", pid) for i, pid in enumerate(processes_of(server))]
        return found

    def start(self):
        self.server.start()
        if self.with_standby:
            self.standby = self.standby or self.server.synchronous_standby()
            self.standby.start()
        first = self.nodes[0]
        before = first.bridge_starts()
        first.start()
        self.wait(lambda: first.bridge_starts() > before, "the first node's users are not in the log")
        for node in self.nodes[1:]:
            node.start()
        self.wait(lambda: all(node.has_user(0) for node in self.nodes), "a node has not joined")

    @staticmethod
    def wait(condition, what):
        end = time.monotonic() + START_S
        while not condition():
            if time.monotonic() > end:
                raise Failed(f"{what} after {START_S} s")
            time.sleep(0.05)

    def stop(self):
        for node in reversed(self.nodes):
            node.stop()
        for server in filter(None, (self.server, self.standby)):
            server.stop()

    def search_behind(self):
        return max(node.search_behind() for node in self.nodes)

    def kill(self):
        for node in self.nodes:
            node.kill()
        for server in filter(None, (self.server, self.standby)):
            server.close()

    def remove(self):
        self.kill()
        for node in self.nodes:
            node.remove()


def ms(hist, point):
    pick = flow_us(hist, point)
    return lambda r: None if pick(r) is None else pick(r) / 1000


def lone_metrics():
    return [Metric("delivery p50", "ms", ms("delivery_us", "p50"), higher_is_better=False),
            Metric("delivery p99", "ms", ms("delivery_us", "p99"), higher_is_better=False),
            Metric("ack p50", "ms", ms("ack_us", "p50"), higher_is_better=False)]


def cost_metrics(names):
    return [Metric("delivered", "a second", flow_rate())] + [
        Metric(name, "us each", cpu_us(name), higher_is_better=False) for name in names]


def lone(ctx, compare, make):
    """A message on an idle machine, each alone."""
    flow = {"name": "direct", "kind": "pair", "senders": 1, "payload": 128, "window": 1,
            "window_by": "ack", "rate": 20}
    case = Case(17, "a lone message, 20 a second", lone_metrics())
    one, two, safe = (make(n=1), make(n=2), make(n=2, standby=True))
    single = ctx.make_im(users=2000)
    compare(ctx, case, [("single node", single, [flow]), ("one of a cluster", one, [flow]),
                        ("to another node", two, [{**flow, "apart": 1}]),
                        ("the same, standby", safe, [{**flow, "apart": 1}])])
    return case, [single, one, two, safe]


def contending(ctx, compare, make):
    """As fast as they go."""
    flow = {"name": "direct", "kind": "pair", "senders": PAIRS, "payload": 128, "window": 100,
            "window_by": "ack"}
    case = Case(17, f"direct messages, {PAIRS} pairs, as fast as they go",
                cost_metrics(["broker", "bridge", "postgres", "standby"]))
    nodes = {"single node": ctx.make_im(users=2000), **{f"{n} of a cluster": make(n=n) for n in (1, 2, 3)},
             "3, standby": make(n=3, standby=True)}
    compare(ctx, case, [(name, node, [flow]) for name, node in nodes.items()], pause_us=PAUSE_US)
    return case, nodes.values()


def crowd(ctx, compare, make):
    flow = {"name": "group", "kind": "group", "group": 0, "senders": 1, "receivers": MEMBERS,
            "window": 10, "window_by": "ack", "payload": 128}
    case = Case(17, f"a group of {MEMBERS} online", cost_metrics(["broker", "bridge", "postgres"]))
    nodes = {"single node": ctx.make_im(users=2000, groups=[(0, "group", 0, MEMBERS)]),
             "3 of a cluster": make(n=3, groups=[(0, "group", 0, MEMBERS)])}
    compare(ctx, case, [(name, node, [flow]) for name, node in nodes.items()], pause_us=PAUSE_US)
    return case, nodes.values()


def following(ctx, compare, make):
    """All clients are at the first of two: the other one's bridge does nothing but follow."""
    flow = {"name": "direct", "kind": "pair", "senders": PAIRS, "payload": 128, "window": 100,
            "window_by": "ack"}
    case = Case(17, "what a node pays for another one's messages", [
        Metric("delivered", "a second", flow_rate()),
        Metric("follower's bridge", "us each", cpu_us("follower"), higher_is_better=False)])
    cluster = make(n=2, at=[0])
    cluster.nodes[1].bridge.name = "follower"
    compare(ctx, case, [("2 of a cluster", cluster, [flow])], pause_us=PAUSE_US)
    return case, [cluster]


def clusters(ctx, compare):
    """compare: that of scenarios.py."""
    if not ctx.has_im:
        return []

    def make(n, **kw):
        return Cluster(ctx.make_im, n, **{"users": 2000, **kw})
    cases = []
    for scenario in (lone, contending, crowd, following):
        case, made = scenario(ctx, compare, make)
        cases.append(case)
        for node in made:
            node.remove()
    return cases
