# SPDX-License-Identifier: BSD-3-Clause
"""What the tests of faults share: a disk and a clock on demand, limits, and what must hold."""
import os
import resource

from . import build


def preload(process, *names, **env):
    """Puts libraries of the build before all others of a process, at its next start."""
    libraries = [str(build.BUILD / name) for name in names]
    before = process.env.get("LD_PRELOAD", "").split()
    process.env.update(env, LD_PRELOAD=" ".join(libraries + before))
    process.env.setdefault("ASAN_OPTIONS", "detect_leaks=0")
    if "verify_asan_link_order" not in process.env["ASAN_OPTIONS"]:
        process.env["ASAN_OPTIONS"] += ":verify_asan_link_order=0"


def faulty(node):
    """Restarts the bridge with a disk that fails on demand; returns the switch."""
    node.bridge.stop()
    switch = node.folder / "fault"
    preload(node.bridge, "faultio.so", IM_FAULT=str(switch), IM_FAULT_DIR=str(node.data))
    node.start_bridge()
    return switch


class Limit:
    """A limit of a running process, until it is lifted or the block is left."""

    def __init__(self, process, which, value):
        self.process, self.which = process, which
        self.before = resource.prlimit(process.pid, which)
        resource.prlimit(process.pid, which, (value, self.before[1]))

    def lift(self):
        if self.process.running:
            resource.prlimit(self.process.pid, self.which, self.before)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.lift()


def no_more_memory(process):
    """From now on it gets no more address space than it has."""
    with open(f"/proc/{process.pid}/statm", encoding="ascii") as f:
        pages = int(f.read().split()[0])
    return Limit(process, resource.RLIMIT_AS, pages * os.sysconf("SC_PAGE_SIZE"))


def no_more_files(process):
    """From now on it gets no further file descriptor."""
    return Limit(process, resource.RLIMIT_NOFILE, 0)


def pair(node):
    alice, bob = node.users(2)
    return node.connect(alice), node.connect(bob)


def acked(client):
    """{id: seq} of what was acked."""
    return {a["id"]: a["seq"] for a in client.acks() if "seq" in a}


def bodies(client, peer):
    """All of a conversation, as history has it."""
    found, after = [], 0
    while True:
        page = client.rpc("conv.history", conv=f"u/{peer}", after=after, limit=500)
        found += page["messages"]
        assert [m["seq"] for m in found] == list(range(1, len(found) + 1))
        if not page["more"]:
            return [m["body"] for m in found]
        after = found[-1]["seq"]


def damage(path, at, size=64):
    with open(path, "r+b") as f:
        f.seek(at)
        f.write(b"\xa5" * size)
