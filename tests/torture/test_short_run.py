# SPDX-License-Identifier: BSD-3-Clause
"""A short torture run as part of `make check`, with a seed that a failure names."""
import pathlib
import random
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import torture  # noqa: E402


def test_promises_hold_while_broker_and_bridge_are_killed():
    seed = random.SystemRandom().randrange(1 << 32)
    said = []
    found = torture.run(minutes=0.5, seed=seed, per_minute=40, rate=4, say=said.append)
    assert found == [], f"seed {seed}\n" + "\n".join(said)
