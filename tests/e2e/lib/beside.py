# SPDX-License-Identifier: BSD-3-Clause
"""What stands around a node: stock brokers, haproxy, nginx, each with a configuration as it is shipped
or printed in docs/SURROUNDINGS.md, but for ports, folders and passwords."""
import contextlib
import os
import re
import shutil
import signal
import socket
import tempfile

from . import build, ports
from .broker import listening
from .node import Node
from .proc import Process, wait_until

CONFIG = build.ROOT / "config"
PAGE = build.ROOT / "docs" / "SURROUNDINGS.md"
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.S | re.M)


def changed(text, changes):
    """The text with each old by new; every old has to be there."""
    for old, new in changes:
        assert old in text, f"no {old!r} in:\n{text}"
        text = text.replace(old, str(new))
    return text


def sample(name, *changes):
    return changed((CONFIG / name).read_text(encoding="utf-8"), changes)


def block(first, *changes):
    """The fence of the page that begins with this line."""
    found = [text for _, text in FENCE.findall(PAGE.read_text(encoding="utf-8"))
             if text.startswith(first + "\n")]
    assert len(found) == 1, f"{len(found)} blocks begin with {first!r}"
    return changed(found[0], changes)


def options(text):
    """plugin_opt_* lines of a text, as Node takes them; the other lines."""
    found, rest = {}, []
    for line in text.splitlines():
        key, _, value = line.strip().partition(" ")
        if key.startswith("plugin_opt_"):
            found.setdefault(key[len("plugin_opt_"):], []).append(value)
        elif key and not key.startswith("#"):
            rest.append(line.strip())
    return found, rest


class Surrounded(Node):
    """A node with others beside it, which go when it does."""

    def __init__(self, **kw):
        super().__init__(**kw)
        self.others, self.taken = [], []

    def port_beside(self):
        self.taken.append(ports.take())
        return self.taken[-1]

    def run(self, other):
        self.others.append(other)
        return other.start()

    def close(self):
        try:
            for other in self.others:
                other.__exit__()
        finally:
            for port in self.taken:
                ports.give_back(port)
            super().close()

    def logs(self, lines=120):
        return super().logs(lines) + [(o.process.name, "\n".join(o.text().splitlines()[-lines:]))
                                      for o in self.others]


class Beside:
    """A program beside the node, in a folder of its own, that listens on these ports."""

    def __init__(self, name, argv, listens, files, ends=(0,)):
        self.folder = tempfile.mkdtemp(prefix="im-e2e-")
        self.ports, self.ends = listens, ends
        for file, text in files.items():
            with open(os.path.join(self.folder, file), "w", encoding="utf-8") as f:
                f.write(text.replace("{folder}", self.folder))
        self.process = Process(name, [a.replace("{folder}", self.folder) for a in argv],
                               os.path.join(self.folder, "log"))

    def start(self):
        self.process.start()
        for port in self.ports:
            self.process.wait_for(lambda p=port: listening(p), f"listener on {port}")
        return self

    def stop(self):
        if self.process.running:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait_exit(expected=self.ends)

    def text(self):
        return self.process.text()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        try:
            self.stop()
            self.process.check()
        finally:
            if not os.environ.get("E2E_KEEP"):
                shutil.rmtree(self.folder, ignore_errors=True)


def broker(name, text, listens, files=None):
    """A stock broker, the one under test, with this configuration."""
    user = "user root\n" if os.geteuid() == 0 else ""
    log = "log_dest stderr\nlog_type all\n"
    return Beside(name, [build.MOSQUITTO, "-c", "{folder}/mosquitto.conf"], listens,
                  {"mosquitto.conf": user + log + text, **(files or {})})


def ends_flood(port, source, n=150, taken=60):
    """Whether of so many connections from one address, which say nothing, all are closed at once but for
    the first few."""
    made = []
    for _ in range(n):
        with contextlib.suppress(ConnectionResetError):
            made.append(socket.create_connection(("127.0.0.1", port), build.DEADLINE_S, (source, 0)))

    def closed(s):
        s.setblocking(False)
        try:
            return s.recv(1) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True
    try:
        return wait_until(lambda: len(made) - sum(map(closed, made)) <= taken)
    finally:
        for s in made:
            s.close()


def haproxy(text, listens):
    return Beside("haproxy", ["/usr/sbin/haproxy", "-db", "-f", "{folder}/haproxy.cfg"], listens,
                  {"haproxy.cfg": text}, ends=(0, -signal.SIGTERM))


def nginx(text, listens):
    return Beside("nginx", ["/usr/sbin/nginx", "-c", "{folder}/nginx.conf", "-e", "stderr",
                            "-g", "daemon off;"], listens, {"nginx.conf": text})
