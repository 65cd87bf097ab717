# SPDX-License-Identifier: BSD-3-Clause
"""What is under test: the build's outputs and the broker, as named by the environment."""
import functools
import os
import pathlib
import shlex
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[3]
BUILD = pathlib.Path(os.environ.get("BUILD", "build"))
if not BUILD.is_absolute():
    BUILD = ROOT / BUILD
PLUGIN = BUILD / "mosquitto_im.so"
BRIDGE = BUILD / "im-bridge"
IMCTL = BUILD / "imctl"
# How long anything may take: more when the programs are watched while they run.
DEADLINE_S = int(os.environ.get("E2E_DEADLINE") or 30)
# How many times the memory they may take then.
MEMORY = int(os.environ.get("E2E_MEMORY") or 1)
# What broker and bridge run under, as `valgrind --quiet`.
WATCH = shlex.split(os.environ.get("IM_WATCH", ""))
MOSQUITTO = os.environ.get("MOSQUITTO") or "/usr/sbin/mosquitto"
# Where tests/brokers/fetch.sh has put those of other releases, for tests that need several.
OTHER_BROKERS = os.environ.get("OTHER_BROKERS")


def broker_plugin(name):
    """A plugin that comes with the broker under test."""
    broker = pathlib.Path(MOSQUITTO)
    root = broker.parent / broker.name.partition("-")[2] if "-" in broker.name else pathlib.Path("/")
    found = sorted(root.glob(f"usr/lib/*/{name}.so"))
    assert found, f"no {name}.so under {root}"
    return found[0]


def broker_env():
    """A stock broker can load a plugin built with sanitizers if their libraries come first."""
    preload = os.environ.get("IM_BROKER_PRELOAD")
    if not preload:
        return {}
    # The broker itself leaks at exit; leaks in the plugin's code are the unit tests' business.
    return {"LD_PRELOAD": preload, "ASAN_OPTIONS": "detect_leaks=0",
            "UBSAN_OPTIONS": "print_stacktrace=1"}


@functools.lru_cache(maxsize=None)
def broker_version():
    """(2, 0, 11)"""
    out = subprocess.run([MOSQUITTO, "-h"], capture_output=True, text=True).stdout
    return tuple(int(n) for n in out.split()[2].split("."))
