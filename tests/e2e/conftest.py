# SPDX-License-Identifier: BSD-3-Clause
"""Fixtures of the end-to-end tests. A module shares one node; a test has its users to itself."""
import contextlib

import pytest

from lib import build, ports, wire
from lib.makerun import Run
from lib.node import Node
from lib.proc import wait_until

# What only a newer broker can do, and what needs three different ones (`make check SUITES=mixed`).
collect_ignore = ([] if build.broker_version() >= (2, 1) else ["test_waiting.py"]) + (
    [] if build.OTHER_BROKERS else ["test_mixed_brokers.py"])

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


def pytest_generate_tests(metafunc):
    """A module that runs with each of several numbers of brokers sets BROKERS = [...]."""
    counts = getattr(metafunc.module, "BROKERS", None)
    if counts and "node" in metafunc.fixturenames:
        metafunc.parametrize("node", counts, indirect=True, scope="module",
                             ids=[f"{n} brokers" for n in counts])


@pytest.fixture(scope="module")
def node(request):
    """The module's node. A module that needs another configuration sets NODE = dict(...)."""
    own = {"brokers": request.param} if hasattr(request, "param") else {}
    with running(**{**getattr(request.module, "NODE", {}), **own}) as n:
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

    def take(n=1):
        """The first of so many in a row."""
        taken.extend(ports.take_row(n))
        return taken[-n]
    yield take
    for port in taken:
        ports.give_back(port)


@pytest.fixture
def make_run(tmp_path, free_port):
    """Starts `make run`, or another Run; with BROKERS or NODES the ports behind PORT are free as well."""
    runs = []

    def start(kind=Run, **variables):
        if not runs or "STATE" in variables:
            in_a_row = int(variables.get("BROKERS", variables.get("NODES", 0))) + 1
            runs.append(kind(tmp_path, free_port(in_a_row), **variables))
        return runs[-1].start()
    yield start
    for run in runs:
        try:
            run.stop()
        finally:
            if run.process.running:
                run.process.kill()
        assert wait_until(lambda r=run: not r.children()), "left behind"


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for node in _live:
            for name, text in node.logs():
                report.sections.append((f"{name} of {node.folder}", text))
