# SPDX-License-Identifier: BSD-3-Clause
"""The broker that is tested, without the plugin: what the plugin is held against."""
import itertools
import pathlib
import shutil
import tempfile

from . import build, ports
from .broker import listening
from .client import Client
from .node import PASSWORD
from .proc import Process

_serial = itertools.count(1)


class Plain:
    """Open to everybody, unless further lines of mosquitto.conf, in which {folder} is the broker's,
    say otherwise; files: text by name, written there."""

    def __init__(self, *, conf=("allow_anonymous true",), files=None):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="im-plain-"))
        self.port = ports.take()
        for name, text in (files or {}).items():
            (self.folder / name).write_text(text, encoding="utf-8")
        lines = ["user root", "log_dest stderr", "set_tcp_nodelay true",
                 "allow_duplicate_messages true", "max_queued_messages 5000",
                 "max_inflight_messages 1000", "max_packet_size 2000000",
                 *(line.format(folder=self.folder) for line in conf),
                 f"listener {self.port} 127.0.0.1"]
        path = self.folder / "mosquitto.conf"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        self.broker = Process("plain broker", [build.MOSQUITTO, "-c", path],
                              self.folder / "broker.log")
        self.clients = []

    def start(self):
        self.broker.start()
        self.broker.wait_for(lambda: listening(self.port), "listener")
        return self

    def close(self):
        for client in self.clients:
            client.close()
        try:
            self.broker.stop()
            self.broker.check()
        finally:
            if self.broker.running:
                self.broker.kill()
            ports.give_back(self.port)
            shutil.rmtree(self.folder, ignore_errors=True)

    def user(self):
        return f"plain{next(_serial)}"

    def connect(self, user, device=None, inbox=False, **kw):
        client = Client(self.port, user, device, PASSWORD, **kw)
        self.clients.append(client)
        return client.connect()
