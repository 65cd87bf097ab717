# SPDX-License-Identifier: BSD-3-Clause
"""A node whose users come to different brokers, for tests that know nothing of brokers."""
from .node import Node


class Scattered(Node):
    """Who stands next to one another in the pool is at different brokers; others are at the first."""

    def broker_of(self, user):
        number = str(user)[-3:]
        return int(number) % len(self.brokers) if number.isdigit() else 0

    def client(self, user, device=None, *args, broker=None, **kw):
        if broker is None:
            broker = self.broker_of(user)
        return super().client(user, device, *args, broker=broker, **kw)

    def connect(self, user, device=None, inbox=True, **kw):
        """Until it is greeted: before, the bridge need not have heard from its broker where it is."""
        client = super().connect(user, device, inbox=inbox, **kw)
        if inbox:
            client.wait_event("hello", lambda e: e["device"] == client.device)
        return client
