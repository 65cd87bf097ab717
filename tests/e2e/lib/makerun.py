# SPDX-License-Identifier: BSD-3-Clause
"""`make run` under test."""
import pathlib
import re
import shlex
import signal
import subprocess

from . import build
from .proc import Process

NO_MAKE = [word for name in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL") for word in ("-u", name)]


class Run:
    """A running `make run`; its log is what a person would see. `first` is PORT, `port` where it says
    that it is ready; `variables` may be changed between two starts, None: not given."""

    target, ready = "run", "mosquitto-im ready on mqtt://127.0.0.1:"
    conf = "{state}/{name}[.](conf|cfg)"

    def __init__(self, folder, port, **variables):
        self.folder, self.first, self.port = folder, port, port
        self.state = pathlib.Path(variables.get("STATE", folder / "run-try"))
        self.variables = {"DEMO_PASSWORD": "pw", "PORT": str(port), "STATE": str(self.state),
                          "BUILD": str(build.BUILD), "MOSQUITTO": build.MOSQUITTO, **variables}
        self.process = Process("make run", [], folder / "run.log")

    def begin(self):
        self.process.argv = ["env", *NO_MAKE, "make", "-C", str(build.ROOT), self.target,
                             *(f"{k}={v}" for k, v in self.variables.items() if v is not None)]
        self.process.start()

    def start(self):
        """Until it says that it is ready."""
        self.begin()
        line = self.process.wait_text(self.ready, 120)
        self.port = int(re.search(r"mqtt://127\.0\.0\.1:(\d+)", line)[1])
        return self

    def stop(self, number=signal.SIGTERM):
        """As Ctrl-C or a service manager would: to make itself."""
        self.process.expected = {0, 2, 130, -number}
        if self.process.running:
            self.process.send_signal(number)
        self.process.popen.wait(60)

    def printed(self, start):
        """The command lines to copy that begin so, as words."""
        self.process.wait_text(" user list")  # the last of them
        lines = (line.strip() for line in self.process.text(True).splitlines())
        return [shlex.split(line) for line in lines if line.startswith(start)]

    def fails(self):
        """What it says before it ends with an error."""
        self.begin()
        assert self.process.wait_exit(expected=range(1, 256), timeout=60) != 0
        return self.process.text(True)

    def children(self, name="[a-z0-9-]*"):
        """The pids of this run's processes of that name, found by their configuration."""
        return [int(pid) for pid in subprocess.run(
            ["pgrep", "-f", self.conf.format(state=self.state, name=name)], capture_output=True,
            text=True).stdout.split()]

    def child(self, name):
        found = self.children(name)
        return found[0] if found else None


class ClusterRun(Run):
    """A running `make run-cluster`; a child is "node-1/mosquitto", "node-1/im-bridge" or "postgres"."""

    target, ready = "run-cluster", "mosquitto-im cluster ready on mqtt://127.0.0.1:"
    conf = "({state}/{name}[.]conf|^[^ ]*/{name} -D {state})"

    def children(self, name="[a-z0-9-]*(/[a-z0-9-]*)?"):
        return super().children(name)
