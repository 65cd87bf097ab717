# SPDX-License-Identifier: BSD-3-Clause
"""Scenario 16: one, two and four brokers under one bridge. What a message costs: the brokers' processor
time, all of them together, and the bridge's. More brokers on a machine of few processors are no faster,
so nothing is said of rates here. A pair's two ends are at one broker as often as chance would have it, a
group's members at all of them.
"""
from results import Case, Metric, cpu_us, flow_rate

COUNTS = (1, 2, 4)
PAIRS, MEMBERS = 100, 500
PAUSE_US = 200  # see scenarios.py


def metrics():
    return [Metric("delivered", "a second", flow_rate()),
            Metric("brokers", "us each", cpu_us("broker"), higher_is_better=False),
            Metric("bridge", "us each", cpu_us("bridge"), higher_is_better=False)]


def loads():
    """(name, flow). At a pace at which nobody is short of processors each message is a journey of its own;
    as fast as they go many share one, and that is what counts where it is about limits."""
    direct = {"name": "direct", "kind": "pair", "senders": PAIRS}
    crowd = {"senders": 1, "receivers": MEMBERS, "window": 10}
    return [
        (f"direct messages, {PAIRS} pairs, as fast as they go", {**direct, "window": 100}),
        (f"direct messages, {PAIRS} pairs, 2,000 a second", {**direct, "window": 50, "rate": 2000}),
        (f"a group of {MEMBERS} online", {"name": "group", "kind": "group", "group": 0, **crowd}),
        (f"a room of {MEMBERS} online", {"name": "room", "kind": "room", "group": 1, **crowd}),
    ]


def limit(case):
    """From how many brokers on the bridge is the one that has most to do."""
    last = f"{COUNTS[-1]} brokers"
    brokers, bridge = (case.median(m, last) for m in metrics()[1:])
    if not brokers or not bridge:
        return "the bridge takes too little to be measured"
    return (f"the bridge has more to do than any one of {brokers / bridge:.1f} brokers, and a whole "
            f"processor's worth at {1e6 / bridge:,.0f} a second")


def brokers(ctx, compare):
    """compare: that of scenarios.py."""
    if not ctx.has_im:
        return []
    groups = [(0, "group", 0, MEMBERS), (1, "room", 0, MEMBERS)]
    nodes = {n: ctx.make_im(users=2000, groups=groups, brokers=n) for n in COUNTS}
    cases = []
    for name, flow in loads():
        case = Case(16, name, metrics())
        compare(ctx, case, [(f"{n} broker{'s' if n > 1 else ''}", node,
                             [{"payload": 128, "window_by": "ack", **flow}])
                            for n, node in nodes.items()],
                pause_us=0 if "rate" in flow else PAUSE_US)
        if "rate" not in flow:
            case.notes.append(limit(case))
        cases.append(case)
    for node in nodes.values():
        node.remove()
    return cases
