# SPDX-License-Identifier: BSD-3-Clause
"""docs/PROTOCOL.md is true: its examples run as written, and it speaks of all there is."""
import pathlib
import re

from lib import directory, docrun
from lib.node import PASSWORD, Node

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "PROTOCOL.md").read_text(encoding="utf-8")
PEOPLE = ("alice", "bob", "carol")


def test_every_example_runs_as_written():
    node = Node(users=0)
    directory.add_users(node.data / "directory.db", [(u, PASSWORD, False) for u in PEOPLE])
    with node:
        runner = docrun.Runner(node, PEOPLE)
        lines = docrun.examples(PAGE)
        assert len(lines) > 100
        for line in lines:
            runner.run(*line)


def test_every_method_has_an_example():
    methods = set()
    for source in (ROOT / "bridge").glob("rpc_*.c"):
        methods |= set(re.findall(r'\{"([a-z]+(?:\.[a-z]+)?)", RPC_(?:READ|DIRECTORY|LOG),',
                                  source.read_text(encoding="utf-8")))
    shown = {topic.removeprefix("im/rpc/") for _, _, direction, topic, _ in docrun.examples(PAGE)
             if direction == ">"}
    assert len(methods) > 30
    assert methods - shown == set()


def test_every_error_code_is_explained():
    table = (ROOT / "schema" / "errors.def").read_text(encoding="utf-8")
    codes = re.findall(r'^X\(\w+, (-\d+), "([^"]+)"\)', table, re.M)
    assert len(codes) >= 19
    for code, text in codes:
        assert re.search(rf"^\| {re.escape(code)} \| {re.escape(text)} \|", PAGE, re.M), code
