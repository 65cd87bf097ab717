# SPDX-License-Identifier: BSD-3-Clause
"""Fixtures of the end-to-end tests. A module shares one node; a test has its users to itself."""
import contextlib

import pytest

from lib import build, ports, wire
from lib.node import Node

# What only a newer broker can do.
collect_ignore = [] if build.broker_version() >= (2, 1) else ["test_waiting.py"]

_live = []  # nodes whose logs are shown when a test fails


@contextlib.contextmanager
def running(make=Node, *args, **kw):
    """A node while it runs: its logs are shown when a test fails."""
    node = make(*args, **kw)
    _live.append(node)
    try:
        node.start()
        yield node
    finally:
        _live.remove(node)
        node.close()


@pytest.fixture(scope="module")
def node(request):
    """The module's node. A module that needs another configuration sets NODE = dict(...)."""
    with running(**getattr(request.module, "NODE", {})) as n:
        yield n


@pytest.fixture
def own_node():
    """A maker of nodes that belong to one test: for what kills, floods or reconfigures."""
    with contextlib.ExitStack() as stack:
        yield lambda **kw: stack.enter_context(running(**kw))


@pytest.fixture(autouse=True)
def clients_closed(request):
    """Ends a test's clients on a shared node, so that the next test starts quiet."""
    yield
    for node in _live:
        clients, node.clients = node.clients, []
        for client in clients:
            client.close()
        for client in clients:
            wire.check(client.messages, node.prefix)


@pytest.fixture
def free_port():
    taken = []

    def take():
        taken.append(ports.take())
        return taken[-1]
    yield take
    for port in taken:
        ports.give_back(port)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for node in _live:
            for name, text in node.logs():
                report.sections.append((f"{name} of {node.folder}", text))
