# SPDX-License-Identifier: BSD-3-Clause
"""Scenario 13: apps are opened. What `session.start` costs a user of 124 conversations and one of
1,000, and what others' reads take beside 10,000 of them in a minute."""
import threading

import machine
from load import Failed
from results import Case, Metric

USERS, CONVS, EACH = 1000, 124, 20
UNREAD_EVERY = 10           # so manieth conversation has something unread
PER_MINUTE = 10000
READERS, READS_PER_S = 50, 100
HEAVY = 100000              # messages of one user's thousand conversations, all of them unread


def ring():
    """Each of the users talks to CONVS others."""
    return sorted({tuple(sorted((a + 1, (a + 1 + step) % USERS + 1)))
                   for a in range(USERS) for step in range(CONVS // 2)})


def _reads(ctx, node, seconds):
    return ctx.bench.rpc(node, "conv.history", clients=READERS, base=USERS - READERS,
                         repeat=max(1, READS_PER_S * seconds // READERS), rate=READS_PER_S,
                         params='{"conv":"u/%u","limit":50}', first=USERS - READERS,
                         choices=READERS, timeout_s=seconds + 30)


def _starts(ctx, node, seconds, results):
    try:
        results.append(ctx.bench.rpc(node, "session.start", clients=USERS - READERS,
                                     repeat=max(1, PER_MINUTE * seconds // 60 // (USERS - READERS)),
                                     rate=PER_MINUTE // 60, timeout_s=seconds + 30))
    except Failed as e:
        results.append(e)


def _beside(ctx, node, seconds):
    results = []
    starts = threading.Thread(target=_starts, args=(ctx, node, seconds, results))
    starts.start()
    try:
        reads = _reads(ctx, node, seconds)
    finally:
        starts.join()
    if isinstance(results[0], Failed):
        raise results[0]
    return results[0], reads


def _heavy(ctx):
    """One after the other, nobody else asks."""
    node = ctx.make_im(users=5000, logins=2, bridge={"search": "false"})
    try:
        node.fill_log(HEAVY)
        ctx.start(node)
        return ctx.bench.rpc(node, "session.start", repeat=50)
    finally:
        node.stop()
        node.remove()


def opening(ctx):
    if not ctx.has_im:
        return []

    def ms(name, point):
        return lambda r: r[name]["latency_us"][point] / 1000

    case = Case(13, f"apps are opened: {PER_MINUTE:,} session.start in a minute, users of {CONVS} "
                "conversations", [
                    Metric("history of 50, alone, p99", "ms", ms("alone", "p99")),
                    Metric("history of 50, beside, p50", "ms", ms("reads", "p50")),
                    Metric("history of 50, beside, p99 (aim: below 50)", "ms", ms("reads", "p99")),
                    Metric("session.start p50", "ms", ms("starts", "p50")),
                    Metric("session.start p99", "ms", ms("starts", "p99")),
                    Metric("session.start", "bytes", lambda r: r["starts"]["bytes"] /
                           r["starts"]["requests"]),
                    Metric("1,000 conversations, 100 unread each, p50", "ms", ms("heavy", "p50"))])
    seconds = 10 if ctx.quick else 60
    sides = ring()
    node = ctx.make_im(users=USERS, logins=USERS, bridge={"search": "false"})
    try:
        node.fill_log(len(sides) * EACH, EACH, text=lambda gid: "x" * 80, sides=sides)
        node.read_all(sides, EACH, UNREAD_EVERY)
        machine.wait_quiet(ctx.quiet_s)
        ctx.start(node)
        run = {"alone": _reads(ctx, node, seconds)}
        run["starts"], run["reads"] = _beside(ctx, node, seconds)
        node.stop()
        run["heavy"] = _heavy(ctx)
        case.add("im", run)
    except Failed as e:
        case.failures.append(str(e))
    finally:
        node.stop()
        node.remove()
    return [case]
