# SPDX-License-Identifier: BSD-3-Clause
"""Devices of a device account: clients whose inbox is a level of their own."""
from .client import Client, level
from .node import ADMIN, PASSWORD


class Thing(Client):
    """What is for this device alone is below `base`, what is for all of them below `whole`."""

    @property
    def whole(self):
        return f"{self.prefix}/inbox/{self.user}/"

    @property
    def base(self):
        return f"{self.whole}{level(self.device)}/"

    def answers(self):
        return self.on("rpc")

    def to_all(self, conv):
        return [m.json for m in self.messages if m.topic == self.whole + conv]

    def listen(self):
        """To everything that it may hear."""
        codes = self.subscribe(self.base + "#", self.whole + "u/#", self.whole + "g/#")
        assert max(codes) < 0x80, codes
        return self


class Fleet:
    """A device account on a node, and its devices."""

    def __init__(self, node, pattern="veh-*", user=None):
        self.node, self.user, self.prefix = node, user or node.user(), (pattern or "")[:-1]
        self.admin = node.admin()
        self.admin.command("setUserRole", username=self.user, role="device")
        if pattern:
            self.admin.command("setUserBind", username=self.user, pattern=pattern)

    def thing(self, device, listen=True, broker=0, **kw):
        thing = Thing(self.node.brokers[broker].port, self.user, device, PASSWORD, prefix=self.node.prefix, **kw)
        self.node.clients.append(thing)
        thing.connect()
        if listen:
            thing.listen()
            thing.wait_event("hello", lambda e: e["device"] == device)
        return thing

    def things(self, n, first=0, **kw):
        return [self.thing(f"veh-{k}", **kw) for k in range(first, first + n)]
