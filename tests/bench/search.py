# SPDX-License-Identifier: BSD-3-Clause
"""Scenario 10: full-text search over many messages, and how far its index lies behind the log.

Half of the messages are English, half Chinese. What is searched for is in every third message, or in
one of a million; in all of the caller's conversations, or in one of them. The caller has a thousand
conversations of a hundred messages each.
"""
import contextlib
import threading
import time

from load import Failed
from node import user_name
from results import Case, Metric

WORDS = ("meeting tomorrow report please update thanks server garden coffee ticket holiday window "
         "market letter purple engine silver bridge winter orange planet mobile doctor camera "
         "summer bottle family castle branch danger").split()
PHRASES = ("\u660e\u5929\u5f00\u4f1a", "\u8bf7\u53d1\u62a5\u544a", "\u5496\u5561\u5f88\u597d",
           "\u706b\u8f66\u7968\u8ba2\u4e86", "\u5468\u672b\u722c\u5c71", "\u624b\u673a\u6ca1\u7535",
           "\u665a\u4e0a\u5403\u4ec0\u4e48", "\u8def\u4e0a\u5835\u8f66")
COMMON = {"Latin": "hello", "CJK": "\u4f60\u597d"}
RARE = {"Latin": "xylophone", "CJK": "\u9e66\u9e49"}
RATE = 1000  # messages a second beside which the index is watched
SAMPLE_S = 0.05


def message_text(gid, rare_at):
    """A message that is always the same for its place in the log."""
    mixed = gid * 2654435761 % 2**32
    script = "CJK" if mixed & 1 else "Latin"
    pool, blank = (PHRASES, "\uff0c") if script == "CJK" else (WORDS, " ")
    parts = [pool[(mixed >> shift) % len(pool)] for shift in range(2, 20, 3)]
    if mixed % 3 == 0:
        parts[2] = COMMON[script]
    if gid in rare_at:
        parts += [RARE["Latin"], RARE["CJK"]]
    return blank.join(parts)


class Watch(threading.Thread):
    """Looks at the index's lag until it is told to stop."""

    def __init__(self, node):
        super().__init__(daemon=True)
        self.node, self.messages, self.seconds = node, [], []
        self.over = threading.Event()

    def run(self):
        while not self.over.wait(SAMPLE_S):
            messages, seconds = self.node.search_behind()
            self.messages.append(messages)
            self.seconds.append(seconds)

    @contextlib.contextmanager
    def watching(self):
        self.start()
        try:
            yield self
        finally:
            self.over.set()
            self.join()


def wait_indexed(node, limit_s):
    """Seconds until the index holds all of the log."""
    begin = time.monotonic()
    while True:
        with contextlib.suppress(Exception):  # not created yet
            if node.search_behind()[0] == 0:
                return time.monotonic() - begin
        if time.monotonic() - begin > limit_s:
            raise Failed(f"the search index is not complete after {limit_s} s")
        time.sleep(0.2)


def questions():
    """[(name, params)]"""
    one = f',"conv":"u/{user_name(1001)}"'
    return [(f"{kind}, {script}, {where}", f'{{"q":"{terms[script]}"{narrowed},"limit":50}}')
            for kind, terms in (("common", COMMON), ("rare", RARE))
            for script in ("Latin", "CJK")
            for where, narrowed in (("all", ""), ("one conversation", one))]


def metrics():
    def ms(name, point):
        return lambda r: r[name]["latency_us"][point] / 1000
    out = [Metric("index built", "messages/s", lambda r: r["built_per_s"]),
           Metric("index", "bytes a message", lambda r: r["bytes_a_message"]),
           Metric(f"index behind at {RATE}/s, most", "s", lambda r: r["behind_s"],
                  higher_is_better=False),
           Metric(f"index behind at {RATE}/s, most", "messages", lambda r: r["behind"],
                  higher_is_better=False)]
    for name, _ in questions():
        out += [Metric(f"{name}, {point}", "ms", ms(name, point), higher_is_better=False)
                for point in ("p50", "p99")]
    return out


def search(ctx):
    if not ctx.has_im:
        return []
    stored = 50000 if ctx.quick else 1000000
    case = Case(10, f"search, {stored:,} messages stored", metrics())
    node = ctx.make_im(users=5000 + stored // 50, logins=3000, bridge={"search": "true"})
    # In the caller's first conversation, which is its conversation with user 1001.
    rare_at = {1 + n * (stored // 100) for n in range(max(1, stored // 1000000))}
    node.fill_log(stored, text=lambda gid: message_text(gid, rare_at))
    try:
        ctx.start(node)
        built_s = wait_indexed(node, limit_s=60 + stored // 1000)
        run = {"built_per_s": stored / built_s,
               "bytes_a_message": node.bytes_stored("search") / stored}
        for name, params in questions():
            run[name] = ctx.bench.rpc(node, "search", params=params,
                                      repeat=100 if ctx.quick else 1000, timeout_s=300)
        with Watch(node).watching() as watch:
            ctx.bench.flow(node, [{"name": "beside", "kind": "pair", "payload": 128, "senders": 100,
                                   "window": 20, "window_by": "ack", "rate": RATE, "base": 2000}],
                           duration_s=ctx.duration_s)
        run["behind"], run["behind_s"] = max(watch.messages), max(watch.seconds)
        case.add("im", run)
    except Failed as e:
        case.failures.append(str(e))
    finally:
        node.stop()
        node.remove()
    return [case]
