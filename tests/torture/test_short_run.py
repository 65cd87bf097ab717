# SPDX-License-Identifier: BSD-3-Clause
"""Short torture runs as part of `make check`: an honest one that must find nothing, and sabotaged
ones in which it must find what was broken."""
import pathlib
import random
import shutil
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import torture  # noqa: E402


def test_promises_hold_while_broker_and_bridge_are_killed():
    seed = random.SystemRandom().randrange(1 << 32)
    said = []
    found = torture.run(minutes=0.5, seed=seed, per_minute=40, rate=4, say=said.append)
    assert found == [], f"seed {seed}\n" + "\n".join(said)


def test_promises_hold_while_devices_go_from_one_broker_to_another():
    """What is checked here alone happens in the pauses of the killing, so it takes one of these."""
    seed = random.SystemRandom().randrange(1 << 32)
    said = []
    found = torture.run(minutes=0.45, seed=seed, per_minute=40, rate=4, say=said.append, brokers=2)
    assert found == [], f"seed {seed}\n" + "\n".join(said)


def violations(sabotage):
    """What a run of a few seconds finds, by promise."""
    said = []
    found = torture.run(minutes=0.1, seed=1, per_minute=20, rate=10, say=said.append,
                        sabotage=sabotage)
    return {text.split(":")[0] for text in found}, "\n".join(said)


def test_a_replay_that_is_dropped_is_found():
    """What the broker had accepted while the bridge was away is taken out of the spool."""
    def lose_spool(node):
        node.bridge.kill()
        time.sleep(0.5)  # of traffic: so much is lost
        node.broker.kill()
        (node.data / "spool").unlink()
    found, said = violations(lose_spool)
    assert "promise 2" in found, said


def test_acks_before_the_commit_and_reused_seqs_are_found():
    """The log goes back to an earlier state, as if later commits had never reached the disk."""
    saved = []

    def roll_back(node):
        node.bridge.kill()
        node.broker.kill()
        folder = node.folder / "saved"
        if not saved:
            saved.append(shutil.copytree(node.data, folder))
        else:
            for file in node.data.glob("messages.db*"):
                file.unlink()
            for file in folder.glob("messages.db*"):
                shutil.copy(file, node.data)
    found, said = violations(roll_back)
    assert {"promise 1", "promise 3"} <= found, said
