# SPDX-License-Identifier: BSD-3-Clause
"""The scenarios. Each takes the context and returns its cases.

The variants of a case are "plain" (Mosquitto, a sender's window moved by PUBACKs), "plain e2e"
(the same, the window moved by the receivers) and "im" (the window moved by the acks that follow
the fsync), and "before", the same of an earlier version, if one is given. They are measured in
turns, so that a change of the machine's mood hits all alike.
"""
import time

import brokers
import clusters
import instep
import machine
import opening
import search
import things
import upgrade
from load import Failed
from node import user_name
from results import Case, Metric, flow_rate, flow_us, cpu

PLAIN, PLAIN_E2E, IM, BEFORE = "plain", "plain e2e", "im", "before"

# Between two turns of the generator's loop where only throughput counts; with thousands of
# messages under way it adds nothing that could be seen, and saves the broker wake-ups.
PAUSE_US = 200


def us(hist, point, flow=0):
    return flow_us(hist, point, flow)


def ms_metrics(flow=0, prefix=""):
    def ms(hist, point):
        pick = flow_us(hist, point, flow)
        return lambda r: None if pick(r) is None else pick(r) / 1000
    return [
        Metric(f"{prefix}delivery p50", "ms", ms("delivery_us", "p50"), higher_is_better=False),
        Metric(f"{prefix}delivery p99", "ms", ms("delivery_us", "p99"), higher_is_better=False),
        Metric(f"{prefix}PUBACK p50", "ms", ms("puback_us", "p50"), higher_is_better=False),
        Metric(f"{prefix}ack p50", "ms", ms("ack_us", "p50"), higher_is_better=False),
        Metric(f"{prefix}ack p99", "ms", ms("ack_us", "p99"), higher_is_better=False),
    ]


class Context:
    """What the scenarios share: the generator, nodes, how long and how often."""

    def __init__(self, bench, make_plain, make_im, make_ordinary, make_before, quick, quiet_s):
        self.bench, self.make_plain, self.make_im = bench, make_plain, make_im
        self.make_ordinary, self.make_before = make_ordinary, make_before
        self.quick, self.quiet_s = quick, quiet_s
        self.duration_s = 3.0 if quick else 10.0
        self.repeats = 2 if quick else 5
        self._crowds = {}

    @property
    def has_im(self):
        return self.make_im is not None

    def crowds(self):
        """The mosquitto-im nodes of most scenarios, by variant: 12,000 users and the groups they
        need."""
        if not self._crowds:
            groups = [(0, "group", 0, 500), (1, "room", 0, 5000), (2, "group", 0, 10000)]
            groups += [(100 + n, "group", 0, members) for n, members in enumerate(GROUP_SIZES)]
            self._crowds = {name: make(users=12000, groups=groups)
                            for name, make in ((IM, self.make_im), (BEFORE, self.make_before))
                            if make}
        return self._crowds

    def start(self, node):
        node.start()
        if node.side == "im":
            self.ready(node)

    def settle(self, node):
        """Until the search index holds what earlier runs have stored: what it put off while they
        were measured is not this run's load."""
        if node.side == "im" and node.has_search:
            search.wait_indexed(node, limit_s=120)

    def ready(self, node):
        """Until a request is answered at each broker. The plugin keeps it until the bridge is there."""
        self.bench.rpc(node, "user.get", clients=len(node.ports), params='{"uid":"u0000000"}',
                       timeout_s=60)


def compare(ctx, case, variants, warmup_s=1.0, duration_s=None, pause_us=0, repeats=None):
    """variants: [(name, node, flows)]. Every run gets freshly started processes. On a machine with
    other work to do there are up to twice as many rounds, until each variant had enough runs that
    were not disturbed."""
    repeats = repeats or ctx.repeats
    for round_ in range(2 * repeats):
        if round_ >= repeats and all(len(case.undisturbed(name)) > repeats // 2
                                     for name, _, _ in variants):
            break
        for name, node, flows in variants if round_ % 2 == 0 else variants[::-1]:
            machine.wait_quiet(ctx.quiet_s)
            try:
                ctx.start(node)
                ctx.settle(node)
                speed = machine.system_call_us()
                result = ctx.bench.flow(node, flows, warmup_s, duration_s or ctx.duration_s,
                                        pause_us)
                case.add(name, {**result, "system_call_us": speed}, round_)
            except Failed as e:
                case.failures.append(f"{name}: {e}")
                return case
            finally:
                node.stop()
    return case


def _sides(ctx, flows, plain=None, e2e=True):
    """The usual variants of one load; flows(window_by) gives its flows."""
    plain = plain or ctx.make_plain()
    variants = [(PLAIN, plain, flows("puback"))]
    if e2e:
        variants.append((PLAIN_E2E, plain, flows("delivery")))
    variants += [(name, node, flows("ack")) for name, node in ctx.crowds().items()]
    return variants


def pair(**more):
    return {"name": "direct", "kind": "pair", "payload": 128, **more}


def one_to_one(ctx):
    """The search index is put off for ten seconds while processors are short, so the last case is
    long enough for it to be made up for."""
    cases = []
    plain = ctx.make_plain()
    for window, label, long in ((100, "", False), (10, "", False),
                                (100, ", a whole minute", True)):
        case = Case(1, f"one-to-one, 100 pairs, 128 bytes, window {window}{label}", [
            Metric("delivered", "messages/s", flow_rate(), aim=0.9),
            Metric("delivery p99", "us", us("delivery_us", "p99"), higher_is_better=False)])
        cases.append(compare(ctx, case, _sides(
            ctx, lambda by, w=window: [pair(senders=100, window=w, window_by=by)], plain,
            e2e=not long), pause_us=PAUSE_US, duration_s=60 if long else None,
            repeats=1 if long else None))
    return cases


def lone_message(ctx):
    case = Case(2, "a lone message on an idle node", ms_metrics())
    variants = _sides(ctx, lambda by: [pair(senders=1, window=20, window_by=by, rate=50)],
                      e2e=False)
    compare(ctx, case, variants, duration_s=5 if ctx.quick else 30)
    for label, pause_s in (("one after the other", 0.0), ("at the messages' pace", 0.02)):
        p50, p99 = machine.fsync_us(variants[-1][1].folder, pause_s=pause_s)
        case.notes.append(f"an fsync, {label}: p50 {p50 / 1000:.3f} ms, p99 {p99 / 1000:.3f} ms")
    return [case]


def steady(ctx):
    case = Case(3, "1,000 messages/s over 1,000 pairs", ms_metrics() + [
        Metric("broker", "cores", cpu("broker"), higher_is_better=False),
        Metric("bridge", "cores", cpu("bridge"), higher_is_better=False)])
    variants = _sides(ctx, lambda by: [pair(senders=1000, window=20, window_by=by, rate=1000)],
                      e2e=False)
    return [compare(ctx, case, variants)]


def acknowledging(ctx):
    """Scenario 3 with and without its receivers saying once a second how far they are."""
    metrics = ms_metrics()[:2] + [
        Metric("broker", "cores", cpu("broker"), higher_is_better=False),
        Metric("bridge", "cores", cpu("bridge"), higher_is_better=False)]
    case = Case(12, "1,000 messages/s over 1,000 pairs, receivers acknowledge once a second", metrics)
    node = ctx.crowds().get(IM)
    if not node:
        return case
    load = {"senders": 1000, "window": 20, "window_by": "ack", "rate": 1000}
    compare(ctx, case, [("silent", node, [pair(**load)]),
                        (IM, node, [pair(**load, ack_ms=1000)])])
    times = case.ratio(metrics[0], "silent")
    if times:
        case.notes.append(f"im is with, silent without: p50 is {times:.2f} times that (aim: below "
                          "1.2)")
    return case


def in_step(ctx):
    return instep.costs(ctx) + [acknowledging(ctx)] if ctx.has_im else []


def fan_out(ctx):
    plain = ctx.make_plain()
    cases = []
    for kind, number, members, window, aim in (("group", 0, 500, 10, 0.9),
                                               ("room", 1, 5000, 2, 1.0)):
        case = Case(4, f"a {kind} of {members:,} online", [
            Metric("delivered", "deliveries/s", flow_rate(), aim=aim),
            Metric("written", "messages/s", flow_rate("pubacked_per_s"))])

        def flows(by, kind=kind, number=number, members=members, window=window):
            return [{"name": kind, "kind": kind, "payload": 128, "senders": 1, "window": window,
                     "window_by": by, "receivers": members, "group": number}]
        cases.append(compare(ctx, case, _sides(ctx, flows, plain), pause_us=PAUSE_US))
    return cases


def fairness(ctx):
    """Direct messages at a modest rate, without and with a large group beside them."""
    plain = ctx.make_plain()
    direct = pair(senders=50, window=50, rate=500, base=10000)
    group = {"name": "group", "kind": "group", "payload": 128, "senders": 1, "window": 20,
             "receivers": 2000, "group": 2, "rate": 10}
    metrics = ms_metrics()[:2] + [Metric("direct", "messages/s", flow_rate())]
    alone = Case(5, "direct messages alone, 500/s", metrics)
    beside = Case(5, "direct messages beside a 10,000-member group (2,000 online), 10/s",
                  metrics + [Metric("group", "deliveries/s", flow_rate(flow=1))])
    compare(ctx, alone, _sides(ctx, lambda by: [{**direct, "window_by": by}], plain, e2e=False))
    compare(ctx, beside, _sides(ctx, lambda by: [{**direct, "window_by": by},
                                                 {**group, "window_by": by}], plain, e2e=False))
    p99 = metrics[1]
    for name in beside.runs:
        if alone.median(p99, name) and beside.median(p99, name):
            times = beside.median(p99, name) / alone.median(p99, name)
            beside.notes.append(f"{name}: p99 is {times:.1f} times that of alone (aim: below 2)")
    return [alone, beside]


def _stored_node(ctx, stored):
    """Without the search index, which would be built for minutes beside what is measured."""
    node = ctx.make_im(users=5000 + stored // 50, logins=2001, bridge={"search": "false"})
    node.fill_log(stored)
    return node


def _start_timed(ctx, node, cold):
    if cold:
        node.forget_cache()
    begin = time.monotonic()
    ctx.start(node)
    return time.monotonic() - begin


def _measure_stored(ctx, stored):
    """One store of so many messages: start-up, sync, history, size."""
    def rpc_ms(name, key, point=None):
        def pick(r):
            value = r[name][key] if point is None else r[name][key][point]
            return value / 1000
        return pick
    metrics = [
        Metric("start-up, cold", "s", lambda r: r["start_cold_s"]),
        Metric("start-up, warm", "s", lambda r: r["start_warm_s"]),
        Metric("sync of 1,000, cold", "ms", rpc_ms("sync_cold", "first_us")),
        Metric("sync of 1,000, warm p50", "ms", rpc_ms("sync_warm", "latency_us", "p50")),
        Metric("history of 50, cold", "ms", rpc_ms("history_cold", "first_us")),
        Metric("history of 50, warm p50", "ms", rpc_ms("history_warm", "latency_us", "p50")),
        Metric("history of 50, warm p99", "ms", rpc_ms("history_warm", "latency_us", "p99")),
        Metric("stored", "bytes a message", lambda r: r["bytes_a_message"])]
    case = Case(6, f"reading, {stored:,} messages stored", metrics)
    case.notes.append("the search index is off")
    node = _stored_node(ctx, stored)
    size = node.bytes_stored() / stored
    history = {"params": '{"conv":"u/%u","limit":50}', "first": 1001,
               "choices": min(1000, max(1, stored // 100)), "expect": 50}
    try:
        ctx.start(node)
        # Requests go before a hello, but not more than a few in a row.
        cursor = ctx.bench.rpc(node, "user.get", params='{"uid":"u0000000"}', repeat=50)["newest"]
        if not cursor:
            raise Failed("no hello on the inbox")
        ctx.bench.flow(node, [{"name": "missed", "kind": "fanin", "senders": 50, "receivers": 0,
                               "window": 20, "window_by": "ack", "count": 20, "payload": 128}],
                       warmup_s=0, duration_s=30)
        node.stop()
        sync = {"cursor": cursor, "expect": 1000}
        for _ in range(ctx.repeats):
            run = {"bytes_a_message": size}
            run["start_cold_s"] = _start_timed(ctx, node, cold=True)
            run["sync_cold"] = ctx.bench.rpc(node, "sync", **sync)
            node.stop()
            _start_timed(ctx, node, cold=True)
            run["history_cold"] = ctx.bench.rpc(node, "conv.history", **history)
            node.stop()
            run["start_warm_s"] = _start_timed(ctx, node, cold=False)
            run["sync_warm"] = ctx.bench.rpc(node, "sync", repeat=50, **sync)
            run["history_warm"] = ctx.bench.rpc(node, "conv.history", repeat=1000, **history)
            node.stop()
            case.add(IM, run)
    except Failed as e:
        case.failures.append(str(e))
    finally:
        node.remove()
    return case


def reading(ctx):
    if not ctx.has_im:
        return []
    return [_measure_stored(ctx, n) for n in ((100000,) if ctx.quick else (1000000, 10000000))]


def million_users(ctx):
    users = 100000 if ctx.quick else 1000000
    case = Case(7, f"{users:,} users, random pairs", [
        Metric("sent", "messages/s", flow_rate("pubacked_per_s")),
        Metric("acked", "messages/s", flow_rate("acked_per_s"))])
    flow = {"name": "random", "kind": "random", "payload": 128, "senders": 100, "window": 100,
            "receivers": 100, "population": users, "online": 10}
    variants = [(PLAIN, ctx.make_plain(), [{**flow, "window_by": "puback"}])]
    node = None
    if ctx.has_im:
        node = ctx.make_im(users=users, logins=1000)
        variants.append((IM, node, [{**flow, "window_by": "ack"}]))
    compare(ctx, case, variants, pause_us=PAUSE_US)
    if node:
        node.remove()
    return [case]


def _hold_once(ctx, node, clients):
    """Connects them all, looks at the memory, restarts the broker, waits until all are back."""
    result = {}
    try:
        ctx.start(node)
        before = {p.name: p.memory_kb()[0] for p in node.processes()}
        begin = time.monotonic_ns()
        with ctx.bench.hold(node, clients, sync=node.side == "im", timeout_s=900) as hold:
            connected = hold.event("connected")
            result["connect_s"] = (connected["last_in_ns"] - begin) / 1e9
            result["kb_each"] = {p.name: (p.memory_kb()[0] - before[p.name]) / clients
                                 for p in node.processes()}
            hold.tell("storm")
            begin = node.restart_broker()
            back = hold.event("back")
            result["storm_s"] = (back["last_in_ns"] - begin) / 1e9
            result["each_us"] = back["each_us"]
            hold.finish()
    finally:
        node.stop()
    return result


def idle_and_storm(ctx):
    metrics = [
        Metric("broker's memory", "KiB/connection", lambda r: r["kb_each"]["broker"]),
        Metric("bridge's memory", "KiB/connection", lambda r: r["kb_each"].get("bridge")),
        Metric("first connect", "s until all are in", lambda r: r["connect_s"]),
        Metric("storm after a restart", "s until all are in", lambda r: r["storm_s"])]
    cases = []
    # Each first login by password costs mosquitto-im a memory-hard hash, 15 ms or more; plain
    # Mosquitto's file holds a hash of 101 rounds, which is nothing.
    for login, label, clients, rounds in (
            ("jwt", "im: JWT, plain: passwords", 2000 if ctx.quick else 10000, ctx.repeats),
            ("password", "passwords", 200 if ctx.quick else 10000, 1)):
        case = Case(8, f"{clients:,} idle connections, {label}", metrics)
        nodes = [(PLAIN, ctx.make_plain(users=clients))]
        if ctx.has_im:
            # All of them ask at once what they have missed; none shall hear that the node is busy.
            nodes.append((IM, ctx.make_im(users=clients, login=login,
                                          bridge={"reader_queue": 2 * clients})))
        elif login == "password":
            break
        for round_ in range(min(rounds, 3)):
            for name, node in nodes:
                machine.wait_quiet(ctx.quiet_s)
                try:
                    case.add(name, _hold_once(ctx, node, clients), round_)
                except Failed as e:
                    case.failures.append(f"{name}: {e}")
        for _, node in nodes:
            node.remove()
        cases.append(case)
    return cases


PAIRS = (1, 10, 50, 100, 200, 500, 1000)
GROUP_SIZES = (10, 50, 100, 200, 500, 1000, 2000, 5000)
STORED = (10000, 100000, 1000000)


def growth(ctx):
    """Scenarios 1, 4 and 6 over a range of sizes; what the plots show."""
    cases = []
    plain = ctx.make_plain()
    repeats = 1 if ctx.quick else min(3, ctx.repeats)
    for pairs in PAIRS[1::2] if ctx.quick else PAIRS:
        case = Case(9, f"one-to-one, {pairs} pairs, window 10",
                    [Metric("delivered", "messages/s", flow_rate())])
        case.x = ("pairs", pairs)
        cases.append(compare(ctx, case, _sides(
            ctx, lambda by, n=pairs: [pair(senders=n, window=10, window_by=by)], plain, e2e=False),
            pause_us=PAUSE_US, repeats=repeats))
    for index, members in enumerate(GROUP_SIZES):
        if ctx.quick and index % 2 == 0:
            continue
        case = Case(9, f"a group of {members:,} online",
                    [Metric("delivered", "deliveries/s", flow_rate())])
        case.x = ("members", members)

        def flows(by, members=members, group=100 + index):
            return [{"name": "group", "kind": "group", "payload": 128, "senders": 1,
                     "window": max(2, 5000 // members), "window_by": by, "receivers": members,
                     "group": group}]
        cases.append(compare(ctx, case, _sides(ctx, flows, plain, e2e=False), pause_us=PAUSE_US,
                             repeats=repeats))
    if ctx.has_im:
        for stored in STORED[:2] if ctx.quick else STORED:
            case = _measure_stored(ctx, stored)
            case.scenario, case.x = 9, ("stored", stored)
            cases.append(case)
    return cases


RULES_EACH = 5


def rules_for(users):
    """An acl_file with five rules for each user, of which the first two are needed here."""
    return "".join(
        f"user {u}\ntopic write im/inbox/+/u/{u}\ntopic read im/inbox/{u}/#\n"
        f"topic deny im/inbox/{u}/closed\ntopic read plant/+/{u}/state\ntopic plant/{u}/#\n"
        for u in map(user_name, range(users)))


def ordinary(ctx):
    """Ordinary topics with the same acl_file on both sides."""
    users = 200
    rules = rules_for(users)
    case = Case(14, f"ordinary topics, 100 pairs, {users * RULES_EACH:,} rules of an acl_file", [
        Metric("delivered", "messages/s", flow_rate(), aim=0.9),
        Metric("delivery p99", "us", us("delivery_us", "p99"), higher_is_better=False)])
    flows = [pair(senders=100, window=100, window_by="puback")]
    variants = [(PLAIN, ctx.make_plain(rules=rules), flows)]
    if ctx.has_im:
        variants.append((IM, ctx.make_ordinary(users=users, rules=rules), flows))
    return [compare(ctx, case, variants, pause_us=PAUSE_US)]


ALL = {
    1: one_to_one,
    2: lone_message,
    3: steady,
    4: fan_out,
    5: fairness,
    6: reading,
    7: million_users,
    8: idle_and_storm,
    9: growth,
    10: search.search,
    11: upgrade.upgrade,
    12: in_step,
    13: opening.opening,
    14: ordinary,
    15: things.things,
    16: lambda ctx: brokers.brokers(ctx, compare),
    17: lambda ctx: clusters.clusters(ctx, compare),
}
