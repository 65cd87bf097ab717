# SPDX-License-Identifier: BSD-3-Clause
"""The example client in Python, which was written from docs/PROTOCOL.md alone, against a node."""
import pathlib
import sys

import pytest

from newcomer.steps import STEPS, World

CLIENT = pathlib.Path(__file__).parent / "newcomer" / "client.py"


@pytest.fixture
def world(own_node):
    world = World([sys.executable, str(CLIENT)], own_node, reads_disconnect=False)
    yield world
    world.close()


@pytest.mark.parametrize("step", STEPS, ids=[step.__name__ for step in STEPS])
def test_the_client_in_python(step, world):
    step(world)
