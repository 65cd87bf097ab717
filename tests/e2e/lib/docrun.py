# SPDX-License-Identifier: BSD-3-Clause
"""Runs the examples of docs/PROTOCOL.md as they are written there.

Within a fence of the language `mqtt`, a line is

    alice> TOPIC PAYLOAD      alice publishes
    bob< TOPIC PAYLOAD        bob gets this, among whatever else
    # ...                     a remark

and `…` in an expected line stands for anything. Each user is one device, `{user}-phone`, subscribed
to the own inbox. The examples of the whole page run in order on one node.
"""
import re

from .node import until

LINE = re.compile(r"^(\w+)([<>]) (\S+) ?(.*)$")
STEP = re.compile(r'"(?:device_)?n":\d+,("safe":"\d+",)?')
FENCE = re.compile(r"^```mqtt\n(.*?)^```", re.S | re.M)


def examples(text):
    """[(line number, user, direction, topic, payload)] of all fences, in order."""
    found = []
    for fence in FENCE.finditer(text):
        first = text.count("\n", 0, fence.start(1)) + 1
        for offset, line in enumerate(fence.group(1).splitlines()):
            if not line.strip() or line.startswith("#"):
                continue
            match = LINE.match(line)
            assert match, f"line {first + offset} is no example: {line}"
            found.append((first + offset, *match.groups()))
    return found


def pattern(expected):
    return re.compile(".+?".join(re.escape(part) for part in expected.split("…")) + r"\Z", re.S)


class Runner:
    def __init__(self, node, users, fleet=None):
        """fleet: of a device account, whose devices are known by their client ids."""
        self.admin = node.admin()
        self.phones = {u: node.connect(u, f"{u}-phone", v5=True) for u in users}
        if fleet:
            self.phones.update((d, fleet.thing(d, v5=True)) for d in ("veh1", "veh2"))
        self.seen = {u: set() for u in self.phones}

    def run(self, number, user, direction, topic, payload):
        phone = self.phones[user]
        if direction == ">":
            if topic == "im/rpc/search":  # the page runs faster than it is indexed
                until(lambda: not self.admin.command("getStats")["bridge"]["search_lag"],
                      "index that has caught up")
            phone.publish(topic, payload)  # a refusal is shown by what comes back
            return
        want_topic, want = pattern(topic), pattern(payload)

        # The page leaves `n` and `safe` out where it is not about them.
        def shown(m):
            text = m.payload.decode("utf-8")
            return text if '"n":' in payload else STEP.sub("", text, count=1)

        def arrived():
            for i, m in enumerate(list(phone.messages)):
                if i not in self.seen[user] and want_topic.match(m.topic) and want.match(
                        shown(m)):
                    self.seen[user].add(i)
                    return True
            return False
        try:
            phone.wait_for(arrived, what=f"line {number}: {topic} {payload}")
        except AssertionError as error:
            near = [m.payload.decode("utf-8", "replace") for m in phone.messages
                    if want_topic.match(m.topic)][-3:]
            raise AssertionError(f"line {number}: expected {topic} {payload}; newest on that "
                                 f"topic: {near}") from error
