# SPDX-License-Identifier: BSD-3-Clause
"""Runs imbench and reads its results. Every run has a time limit after which it is killed."""
import json
import os
import selectors
import subprocess
import time

# Handshake, draining, and verifying have their own limits in imbench; this is for a hang.
GRACE_S = 60


class Failed(Exception):
    """A run that proves nothing: something was lost, repeated, out of order, or did not run."""


class Imbench:
    """One build of the load generator."""

    def __init__(self, path, version=4):
        self.path = str(path)
        self.version = version
        # Message ids must not repeat between runs against one database.
        self.run_id = int(time.time()) & 0xffffffff

    def _argv(self, scenario, node, extra, watch):
        self.run_id = (self.run_id + 1) & 0xffffffff
        argv = [self.path, scenario, "--side", node.side, "--version", str(self.version),
                "--run", str(self.run_id)]
        for port in node.ports:
            argv += ["--port", str(port)]
        if node.passwords:
            argv += ["--passwords", str(node.passwords)]
        if watch:
            for name, pid in node.pids():
                argv += ["--watch", f"{name}:{pid}"]
        return argv + [str(a) for a in extra]

    def _run(self, scenario, node, extra, limit_s):
        argv = self._argv(scenario, node, extra, watch=True)
        try:
            done = subprocess.run(argv, capture_output=True, text=True, timeout=limit_s,
                                  stdin=subprocess.DEVNULL, check=False)
        except subprocess.TimeoutExpired as e:
            raise Failed(f"imbench {scenario} did not end in {limit_s:.0f} s") from e
        lines = done.stdout.splitlines()
        if not lines:
            raise Failed(f"imbench {scenario}: {done.stderr.strip() or done.returncode}")
        result = json.loads(lines[-1])
        if done.returncode or not result["ok"]:
            raise Failed("; ".join(result["errors"]) or done.stderr.strip())
        return gathered(result)

    def flow(self, node, flows, warmup_s=1.0, duration_s=5.0, pause_us=0, timeout_s=30):
        """flows: a list of dicts, the members of imbench's --flow."""
        extra = ["--warmup", warmup_s, "--duration", duration_s, "--pause-us", pause_us,
                 "--timeout", timeout_s]
        for flow in flows:
            extra += ["--flow", ",".join(f"{k}={v}" for k, v in flow.items())]
        return self._run("flow", node, extra, warmup_s + duration_s + 3 * timeout_s + GRACE_S)

    def rpc(self, node, method, clients=1, base=0, repeat=1, timeout_s=30, **more):
        """more: params, first, choices, cursor, limit, expect."""
        extra = ["--method", method, "--clients", clients, "--base", base, "--repeat", repeat,
                 "--timeout", timeout_s]
        for name, value in more.items():
            extra += [f"--{name}", value]
        return self._run("rpc", node, extra, 2 * timeout_s + GRACE_S)

    def hold(self, node, clients, sync=False, timeout_s=120):
        extra = ["--clients", clients, "--timeout", timeout_s] + (["--sync"] if sync else [])
        return Hold(self._argv("hold", node, extra, watch=False), timeout_s)


def gathered(result):
    """With the processes of one kind, such as broker and broker.2, as one."""
    processes = {}
    for name, values in result.get("processes", {}).items():
        kind = processes.setdefault(name.partition(".")[0], dict.fromkeys(values, 0))
        for key, value in values.items():
            kind[key] += value
    return {**result, "processes": processes} if processes else result


class Hold:
    """imbench hold while it runs. Use as a context manager."""

    def __init__(self, argv, timeout_s):
        self.timeout_s = timeout_s
        self.popen = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.pending = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.popen.poll() is None:
            self.popen.kill()
        self.popen.wait()
        self.popen.stdin.close()
        self.popen.stdout.close()

    def event(self, name):
        """The next line, which must be this event."""
        end = time.monotonic() + self.timeout_s + GRACE_S
        with selectors.DefaultSelector() as selector:
            selector.register(self.popen.stdout, selectors.EVENT_READ)
            while b"\n" not in self.pending:
                if not selector.select(max(0.0, end - time.monotonic())):
                    raise Failed(f"imbench hold: no event {name!r}")
                data = os.read(self.popen.stdout.fileno(), 65536)
                if not data:
                    raise Failed("imbench hold ended early")
                self.pending += data
        line, self.pending = self.pending.split(b"\n", 1)
        event = json.loads(line)
        if event["event"] != name:
            raise Failed("; ".join(event.get("errors", [])) or f"{event['event']}, not {name}")
        return event

    def tell(self, word):
        self.popen.stdin.write(word.encode() + b"\n")
        self.popen.stdin.flush()

    def finish(self):
        self.tell("quit")
        result = self.event("result")
        if not result["ok"]:
            raise Failed("; ".join(result["errors"]))
