# SPDX-License-Identifier: BSD-3-Clause
"""Mosquitto 2.0.11, 2.0.21 and 2.1.2 under one bridge: what test_more_brokers*.py say of several brokers
holds between different ones. Run by `make check SUITES=mixed`, which fetches those that this machine does
not have; see tests/brokers.
"""
import pathlib
import subprocess

from lib import build
from test_more_brokers import *  # noqa: F401,F403 pylint: disable=wildcard-import,unused-wildcard-import
from test_more_brokers_moves import *  # noqa: F401,F403 pylint: disable=wildcard-import,unused-wildcard-import
from test_more_brokers_people import *  # noqa: F401,F403 pylint: disable=wildcard-import,unused-wildcard-import
from test_more_brokers_rights import *  # noqa: F401,F403 pylint: disable=wildcard-import,unused-wildcard-import

DEBIANS = "/usr/sbin/mosquitto"
OTHERS = [str(pathlib.Path(build.OTHER_BROKERS) / f"mosquitto-{suite}") for suite in ("trixie", "forky")]
BROKERS = [3]
NODE = {"mosquitto": [DEBIANS, *OTHERS], "users": 300,
        "options": {"rate_messages": 0, "allow_topic": "public/#"},
        "bridge": {"presence_devices": "true", "room_messages_per_second": 0}}


def test_they_are_different_ones(node):
    said = [subprocess.run([b.argv[len(build.WATCH)], "-h"], capture_output=True,
                           text=True).stdout.split()[2] for b in node.brokers]
    assert said == ["2.0.11", "2.0.21", "2.1.2"]
