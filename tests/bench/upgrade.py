# SPDX-License-Identifier: BSD-3-Clause
"""Scenario 11: a node started on a log of the version before conversations had ordinals. How soon it
answers, how fast the ordinals come, and what it tells while most of them are missing."""
import time

from load import Failed
from results import Case, Metric

# The last schema of messages.db without them.
WITHOUT = 2
WATCH_S = 30


def metrics():
    def ms(name, point):
        return lambda r: r[name]["latency_us"][point] / 1000
    return [
        Metric("first start, cold", "s", lambda r: r["first_s"], higher_is_better=False),
        Metric("start in the middle, cold", "s", lambda r: r["middle_s"], higher_is_better=False),
        Metric("ordinals", "messages/s", lambda r: r["numbered_per_s"]),
        Metric("list of 50 meanwhile, p50", "ms", ms("list", "p50"), higher_is_better=False),
        Metric("list of 50 meanwhile, p99", "ms", ms("list", "p99"), higher_is_better=False)]


def _start(ctx, node):
    """Seconds until a request is answered, nothing being in the page cache."""
    node.forget_cache()
    begin = time.monotonic()
    ctx.start(node)
    return time.monotonic() - begin


def _watch(node):
    """Messages a second that get their ordinals, on a node that has nothing else to do."""
    begin, at_first = time.monotonic(), node.unnumbered()
    while node.unnumbered() and time.monotonic() - begin < WATCH_S:
        time.sleep(0.1)
    return (at_first - node.unnumbered()) / (time.monotonic() - begin)


def upgrade(ctx):
    if not ctx.has_im:
        return []
    stored = 500000 if ctx.quick else 10000000
    case = Case(11, f"a log of schema version {WITHOUT}, {stored:,} messages stored", metrics())
    case.notes.append("the search index is off")
    node = ctx.make_im(users=5000 + stored // 50, logins=2001, bridge={"search": "false"},
                       log_version=WITHOUT)
    node.fill_log(stored)
    try:
        run = {"first_s": _start(ctx, node)}
        run["numbered_per_s"] = _watch(node)
        run["list"] = ctx.bench.rpc(node, "conv.list", params='{"limit":50}', repeat=200)
        node.stop()
        run["middle_s"] = _start(ctx, node)
        if not node.unnumbered():
            raise Failed("all have ordinals before the second start: store more")
        case.add("im", run)
    except Failed as e:
        case.failures.append(str(e))
    finally:
        node.stop()
        node.remove()
    return [case]
